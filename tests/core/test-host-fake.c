/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a real QEMU does too rarely to wait for: lost answers, refusals, silence, states of the future. */

#include "host-fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "fake-qemu.h"
#include "qmig-journal.h"
#include "qmp-error.h"

#define ID "m-aaaaaaaa"

/* A destination of which the process does nothing, and the monitor is a script. */
typedef struct
{
  HostFixture f;
  QmigHost *host;
  FakeQemu *fake;
  gint64 pid;
  GError *error;
} Fixture;

static gint64
fork_sleeper (void)
{
  pid_t pid = fork ();

  if (pid == 0)
    {
      /* Not to outlive a test that failed. */
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      while (TRUE)
        pause ();
    }
  g_assert_cmpint (pid, >, 0);

  return pid;
}

static void
set_up (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncomingSpec) spec = NULL;
  g_autoptr(QmigJournal) journal = NULL;

  host_fixture_set_up (&t->f);
  spec = host_fixture_spec (&t->f, ID, NULL);
  g_assert_cmpint (g_mkdir_with_parents (spec->run_dir, 0700), ==, 0);
  /* Before there are threads. */
  t->pid = fork_sleeper ();
  t->fake = fake_qemu_new_listening (spec->qmp);
  journal = qmig_journal_open (t->f.env.state_dir, &t->error);
  g_assert_no_error (t->error);
  g_assert_true (qmig_journal_reserve (journal, spec, &t->error));
  g_assert_true (qmig_journal_reservation_launched (journal, ID, t->pid, qmig_process_get_start_time (t->pid), &t->error));
  fake_qemu_set_run_state (t->fake, "inmigrate");
  t->host = qmig_host_local_new (&t->f.env, &t->error);
  g_assert_no_error (t->error);
}

static void
tear_down (Fixture *t, gconstpointer data)
{
  gint64 start_time = qmig_process_get_start_time (t->pid);

  g_clear_object (&t->host);
  if (start_time != 0)
    {
      g_autoptr(QmigProcessWatch) watch = qmig_process_watch_new (t->pid, start_time, NULL, NULL);

      g_assert_true (qmig_process_watch_kill (watch, t->f.wait, NULL));
    }
  fake_qemu_free (t->fake);
  g_clear_error (&t->error);
  host_fixture_tear_down (&t->f);
}

static void
set_loaded (Fixture *t)
{
  fake_qemu_set_run_state (t->fake, "paused");
  fake_qemu_reply (t->fake, "query-migrate", "{'status': 'completed'}");
}

static QmigIncoming *
query (Fixture *t)
{
  QmigIncoming *state = qmig_host_query (t->host, ID, t->f.wait, &t->error);

  g_assert_no_error (t->error);

  return state;
}

static void
assert_phase (Fixture *t, QmigIncomingPhase phase)
{
  g_autoptr(QmigIncoming) state = query (t);

  g_assert_cmpint (state->phase, ==, phase);
}

static void
test_states (Fixture *t, gconstpointer data)
{
  static const struct
  {
    const char *run_state;
    const char *migrate;
    QmigIncomingPhase phase;
  } rows[] = {
    { "inmigrate", "{}", QMIG_INCOMING_READY },
    { "inmigrate", "{'socket-address': [{'type': 'unix', 'path': '/x'}]}", QMIG_INCOMING_LISTENING },
    { "inmigrate", "{'status': 'setup'}", QMIG_INCOMING_LISTENING },
    { "inmigrate", "{'status': 'active'}", QMIG_INCOMING_LISTENING },
    { "inmigrate", "{'status': 'some-state-of-the-future'}", QMIG_INCOMING_LISTENING },
    { "inmigrate", "{'status': 'completed'}", QMIG_INCOMING_LISTENING },
    { "paused", "{'status': 'active'}", QMIG_INCOMING_LISTENING },
    { "paused", "{'status': 'postcopy-active'}", QMIG_INCOMING_POSTCOPY },
    { "paused", "{'status': 'completed'}", QMIG_INCOMING_LOADED },
    { "prelaunch", "{'status': 'completed'}", QMIG_INCOMING_LOADED },
    { "guest-panicked", "{'status': 'completed'}", QMIG_INCOMING_LOADED },
    { "suspended", "{'status': 'completed'}", QMIG_INCOMING_COMMITTED },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      fake_qemu_set_run_state (t->fake, rows[i].run_state);
      fake_qemu_reply (t->fake, "query-migrate", rows[i].migrate);
      g_test_message ("%s %s", rows[i].run_state, rows[i].migrate);
      assert_phase (t, rows[i].phase);
    }
  /* Once it ran, it is the VM: paused by its user it is no reservation again. */
  set_loaded (t);
  assert_phase (t, QMIG_INCOMING_COMMITTED);
}

static void
test_failed_but_alive (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) state = NULL;

  fake_qemu_reply (t->fake, "query-migrate", "{'status': 'failed', 'error-desc': 'Unknown ramblock pc.ram'}");
  state = query (t);
  g_assert_cmpstr (state->status, ==, "failed");
  g_assert_cmpstr (state->error, ==, "Unknown ramblock pc.ram");
  g_assert_null (qmig_host_commit (t->host, ID, t->f.wait, &t->error));
  g_assert_error (t->error, QMIG_ERROR, QMIG_EXIT_REFUSED);
  g_assert_nonnull (strstr (t->error->message, "Unknown ramblock"));
  g_assert_cmpuint (fake_qemu_count (t->fake, "cont"), ==, 0);
}

static void
test_wildcard_uri (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) state = NULL;
  g_autofree char *expected = g_strdup_printf ("tcp:%s:4444", g_get_host_name ());

  fake_qemu_reply (t->fake, "query-migrate", "{'socket-address': [{'type': 'inet', 'host': '::', 'port': '4444'}]}");
  state = query (t);
  g_assert_cmpstr (state->uri, ==, expected);
}

/* -- events -------------------------------------------------------------------- */

static void
test_event_is_enough (Fixture *t, gconstpointer data)
{
  const QmigIncoming *state;

  qmig_host_follow (t->host, ID);
  state = qmig_host_peek (t->host, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (state->phase, ==, QMIG_INCOMING_READY);
  g_assert_cmpuint (fake_qemu_count (t->fake, "query-status"), ==, 1);

  set_loaded (t);
  fake_qemu_event (t->fake, "MIGRATION", "{'status': 'completed'}");
  host_fixture_wait_phase (&t->f, t->host, QMIG_INCOMING_LOADED);
  g_assert_cmpuint (fake_qemu_count (t->fake, "query-status"), ==, 2);

  /* Somebody else lets it run: that is seen too. */
  fake_qemu_set_run_state (t->fake, "running");
  fake_qemu_event (t->fake, "RESUME", NULL);
  host_fixture_wait_phase (&t->f, t->host, QMIG_INCOMING_COMMITTED);
}

/* An event that comes while a look is under way is not lost. */
static void
test_event_during_look (Fixture *t, gconstpointer data)
{
  qmig_host_follow (t->host, ID);
  fake_qemu_hold (t->fake, "query-status");
  fake_qemu_event (t->fake, "MIGRATION", "{'status': 'active'}");
  while (fake_qemu_count (t->fake, "query-status") < 2)
    g_assert_true (qmp_wait_pause (t->f.wait, 1, NULL));
  fake_qemu_event (t->fake, "MIGRATION", "{'status': 'completed'}");
  g_assert_true (qmp_wait_pause (t->f.wait, 5, NULL));
  fake_qemu_reply (t->fake, "query-migrate", "{'status': 'completed'}");
  fake_qemu_release (t->fake, "query-status");
  while (fake_qemu_count (t->fake, "query-status") < 3)
    g_assert_true (qmp_wait_pause (t->f.wait, 1, NULL));
  fake_qemu_set_run_state (t->fake, "paused");
  fake_qemu_event (t->fake, "STOP", NULL);
  host_fixture_wait_phase (&t->f, t->host, QMIG_INCOMING_LOADED);
}

static void
test_silence_is_told (Fixture *t, gconstpointer data)
{
  qmig_host_follow (t->host, ID);
  g_assert_nonnull (qmig_host_peek (t->host, NULL));
  fake_qemu_hang_up (t->fake);
  while (qmig_host_peek (t->host, &t->error) != NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_nonnull (t->error);
  /* The next question opens it again. */
  g_clear_error (&t->error);
  assert_phase (t, QMIG_INCOMING_READY);
  g_assert_nonnull (qmig_host_peek (t->host, NULL));
}

static void
test_freed_while_looking (Fixture *t, gconstpointer data)
{
  qmig_host_follow (t->host, ID);
  fake_qemu_hold (t->fake, "query-status");
  fake_qemu_event (t->fake, "STOP", NULL);
  while (fake_qemu_count (t->fake, "query-status") < 2)
    g_assert_true (qmp_wait_pause (t->f.wait, 1, NULL));
  g_clear_object (&t->host);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  fake_qemu_wait_for_hang_up (t->fake);
}

/* -- commit ------------------------------------------------------------------------ */

static void
assert_committed (Fixture *t)
{
  g_autoptr(QmigIncoming) state = qmig_host_commit (t->host, ID, t->f.wait, &t->error);

  g_assert_no_error (t->error);
  g_assert_cmpint (state->phase, ==, QMIG_INCOMING_COMMITTED);
}

static void
test_cont_refused (Fixture *t, gconstpointer data)
{
  set_loaded (t);
  fake_qemu_fail (t->fake, "cont", "GenericError", "Failed to get \\\"write\\\" lock");
  g_assert_null (qmig_host_commit (t->host, ID, t->f.wait, &t->error));
  g_assert_true (qmp_error_is_refusal (t->error));
  g_assert_nonnull (strstr (t->error->message, "write"));
  g_clear_error (&t->error);
  assert_phase (t, QMIG_INCOMING_LOADED);
  /* And may be tried again. */
  fake_qemu_reset (t->fake, "cont");
  assert_committed (t);
  assert_committed (t);
  g_assert_cmpuint (fake_qemu_count (t->fake, "cont"), ==, 2);
}

static char *
run_and_hang_up (FakeQemu *fake, const char *command, JsonObject *arguments, gpointer data)
{
  fake_qemu_set_run_state (fake, "running");

  return NULL;
}

static void
test_answer_lost_running (Fixture *t, gconstpointer data)
{
  set_loaded (t);
  fake_qemu_handle (t->fake, "cont", run_and_hang_up, NULL);
  fake_qemu_hang_up_on (t->fake, "cont");
  assert_committed (t);
  g_assert_cmpuint (fake_qemu_count (t->fake, "cont"), ==, 1);
}

static char *
work_the_second_time (FakeQemu *fake, const char *command, JsonObject *arguments, gpointer data)
{
  if (fake_qemu_count (fake, "cont") > 1)
    fake_qemu_reset (fake, "cont");
  return NULL;
}

static void
test_command_lost (Fixture *t, gconstpointer data)
{
  set_loaded (t);
  fake_qemu_hang_up_on (t->fake, "cont");
  fake_qemu_handle (t->fake, "cont", work_the_second_time, NULL);
  assert_committed (t);
  g_assert_cmpuint (fake_qemu_count (t->fake, "cont"), ==, 2);
}

static void
test_lost_again_and_again (Fixture *t, gconstpointer data)
{
  set_loaded (t);
  fake_qemu_hang_up_on (t->fake, "cont");
  g_assert_null (qmig_host_commit (t->host, ID, t->f.wait, &t->error));
  /* Left open, so nobody may take it for a refusal. */
  g_assert_false (qmp_error_is_refusal (t->error));
  g_assert_error (t->error, QMP_ERROR, QMP_ERROR_CLOSED);
}

static char *
refuse_the_second_time (FakeQemu *fake, const char *command, JsonObject *arguments, gpointer data)
{
  if (fake_qemu_count (fake, "cont") > 1)
    {
      fake_qemu_reset (fake, "cont");
      fake_qemu_fail (fake, "cont", "GenericError", "Resetting the Virtual Machine is required");
    }
  return NULL;
}

/* The first may have been obeyed, and the guest have come to grief since. */
static void
test_lost_then_refused (Fixture *t, gconstpointer data)
{
  set_loaded (t);
  fake_qemu_hang_up_on (t->fake, "cont");
  fake_qemu_handle (t->fake, "cont", refuse_the_second_time, NULL);
  g_assert_null (qmig_host_commit (t->host, ID, t->f.wait, &t->error));
  g_assert_error (t->error, QMIG_ERROR, QMIG_EXIT_ATTENTION);
  g_assert_cmpuint (fake_qemu_count (t->fake, "cont"), ==, 2);
}

static char *
run_and_say_no_more (FakeQemu *fake, const char *command, JsonObject *arguments, gpointer data)
{
  fake_qemu_set_run_state (fake, "running");
  fake_qemu_fail (fake, "query-status", "GenericError", "not today");
  return g_strdup ("{}");
}

/* A refusal to say how it is does not mean that it does not run. */
static void
test_runs_and_refuses (Fixture *t, gconstpointer data)
{
  set_loaded (t);
  fake_qemu_handle (t->fake, "cont", run_and_say_no_more, NULL);
  g_assert_null (qmig_host_commit (t->host, ID, t->f.wait, &t->error));
  g_assert_error (t->error, QMIG_ERROR, QMIG_EXIT_ATTENTION);
}

static void
test_cont_unanswered (Fixture *t, gconstpointer data)
{
  g_autoptr(QmpWait) shorter = qmp_wait_new (NULL, "the answer", 300);

  set_loaded (t);
  fake_qemu_ignore (t->fake, "cont");
  g_assert_null (qmig_host_commit (t->host, ID, shorter, &t->error));
  g_assert_error (t->error, QMP_ERROR, QMP_ERROR_TIMEOUT);
}

static char *
die (FakeQemu *fake, const char *command, JsonObject *arguments, gpointer data)
{
  Fixture *t = data;
  siginfo_t info;

  kill ((pid_t) t->pid, SIGKILL);
  /* Whether the watch or this one sees it first. */
  while (waitid (P_PID, (id_t) t->pid, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
    continue;

  return NULL;
}

static void
test_dies_of_cont (Fixture *t, gconstpointer data)
{
  set_loaded (t);
  fake_qemu_handle (t->fake, "cont", die, t);
  fake_qemu_hang_up_on (t->fake, "cont");
  g_assert_null (qmig_host_commit (t->host, ID, t->f.wait, &t->error));
  g_assert_error (t->error, QMIG_ERROR, QMIG_EXIT_ATTENTION);
}

/* "cont" was answered, but the run state does not follow at once. */
static void
test_runs_late (Fixture *t, gconstpointer data)
{
  set_loaded (t);
  fake_qemu_reply (t->fake, "cont", "{}");
  fake_qemu_event_after (t->fake, "cont", "RESUME", NULL);
  assert_committed (t);
}

/* -- abort ----------------------------------------------------------------------------- */

static void
test_abort_frozen (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) state = NULL;

  set_loaded (t);
  assert_phase (t, QMIG_INCOMING_LOADED);
  fake_qemu_freeze (t->fake, TRUE);
  state = qmig_host_abort (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (state->phase, ==, QMIG_INCOMING_GONE);
  g_assert_cmpint (qmig_process_get_start_time (t->pid), ==, 0);
  g_assert_false (host_fixture_has_reservation (&t->f, ID));
}

/* After a restart of the agent not even a greeting comes. */
static void
test_abort_silent (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) state = NULL;

  fake_qemu_set_greeting (t->fake, "");
  state = qmig_host_abort (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (state->phase, ==, QMIG_INCOMING_GONE);
  g_assert_cmpint (qmig_process_get_start_time (t->pid), ==, 0);
}

/* Started by somebody else behind our back. */
static void
test_abort_running (Fixture *t, gconstpointer data)
{
  set_loaded (t);
  assert_phase (t, QMIG_INCOMING_LOADED);
  fake_qemu_set_run_state (t->fake, "running");
  g_assert_null (qmig_host_abort (t->host, ID, t->f.wait, &t->error));
  g_assert_error (t->error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
  g_assert_cmpint (qmig_process_get_start_time (t->pid), !=, 0);
}

#define ADD(path, func) g_test_add ("/host-fake/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("states", test_states);
  ADD ("failed-but-alive", test_failed_but_alive);
  ADD ("wildcard-uri", test_wildcard_uri);
  ADD ("event-is-enough", test_event_is_enough);
  ADD ("event-during-look", test_event_during_look);
  ADD ("silence-is-told", test_silence_is_told);
  ADD ("freed-while-looking", test_freed_while_looking);
  ADD ("cont-refused", test_cont_refused);
  ADD ("answer-lost-running", test_answer_lost_running);
  ADD ("command-lost", test_command_lost);
  ADD ("lost-again-and-again", test_lost_again_and_again);
  ADD ("lost-then-refused", test_lost_then_refused);
  ADD ("runs-and-refuses", test_runs_and_refuses);
  ADD ("cont-unanswered", test_cont_unanswered);
  ADD ("dies-of-cont", test_dies_of_cont);
  ADD ("runs-late", test_runs_late);
  ADD ("abort-frozen", test_abort_frozen);
  ADD ("abort-silent", test_abort_silent);
  ADD ("abort-running", test_abort_running);
  return g_test_run ();
}
