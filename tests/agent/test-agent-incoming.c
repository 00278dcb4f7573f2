/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The receiving side with real QEMUs: leases, waiting for changes, and what a dead agent leaves. */

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "incoming-fixture.h"
#include "qmig-launcher.h"
#include "qmig-process.h"

#define SPEC(f, lease_ms)                                                                                              \
  g_autoptr(QmigIncomingSpec) spec = incoming_spec_new (f, "m-TEST", lease_ms);                                       \
  if (spec == NULL)                                                                                                    \
  return

/* -- lease ------------------------------------------------------------------ */

static void
test_lease_expires (AgentFixture *f, gconstpointer data)
{
  SPEC (f, 300);
  g_autoptr(QmigIncoming) ready = incoming_prepare (f, spec);
  g_autofree char *log = NULL;

  g_assert_cmpint (ready->phase, ==, QMIG_INCOMING_LISTENING);
  g_assert_nonnull (ready->uri);
  g_assert_false (ready->held);
  agent_fixture_wait_gone (ready->pid, ready->start_time);
  incoming_wait_ended (f, "m-TEST");
  incoming_assert_nothing_left (f, spec);
  log = agent_fixture_read_log (f);
  g_assert_nonnull (strstr (log, "reservation m-TEST: the source has been silent for 300 ms"));
}

static void
test_questions_renew (AgentFixture *f, gconstpointer data)
{
  SPEC (f, 2000);
  g_autoptr(QmigIncoming) ready = incoming_prepare (f, spec);
  g_autofree char *query = g_strdup_printf ("?after=%" G_GINT64_FORMAT, ready->seq);

  /* Each comes back after half a lease, so three of them take longer than one. */
  for (int i = 0; i < 3; i++)
    {
      g_autoptr(QmigIncoming) same = incoming_get (f, "m-TEST", query);

      g_assert_cmpint (same->seq, ==, ready->seq);
      g_assert_cmpint (same->phase, ==, QMIG_INCOMING_LISTENING);
    }
  g_assert_true (qmig_process_is_alive (ready->pid, ready->start_time));
  agent_fixture_wait_gone (ready->pid, ready->start_time);
}

/* What is not loaded is nothing without its source, also in the switchover. */
static void
test_held_expires (AgentFixture *f, gconstpointer data)
{
  SPEC (f, 200);
  g_autoptr(QmigIncoming) ready = incoming_prepare (f, spec);
  g_autoptr(QmigIncoming) held = incoming_act (f, "m-TEST", "hold");

  g_assert_true (held->held);
  agent_fixture_wait_gone (ready->pid, ready->start_time);
  incoming_wait_ended (f, "m-TEST");
  incoming_assert_nothing_left (f, spec);
}

/* -- acts ------------------------------------------------------------------- */

static void
test_abort (AgentFixture *f, gconstpointer data)
{
  SPEC (f, 60000);
  g_autoptr(QmigIncoming) ready = incoming_prepare (f, spec);
  g_autoptr(QmigIncoming) again = incoming_prepare (f, spec);
  g_autoptr(QmigIncoming) gone = NULL;
  g_autoptr(QmigIncoming) twice = NULL;

  g_assert_cmpint (again->pid, ==, ready->pid);
  gone = incoming_act (f, "m-TEST", "abort");
  g_assert_cmpint (gone->phase, ==, QMIG_INCOMING_GONE);
  g_assert_false (qmig_process_is_alive (ready->pid, ready->start_time));
  incoming_assert_nothing_left (f, spec);
  twice = incoming_act (f, "m-TEST", "abort");
  g_assert_cmpint (twice->phase, ==, QMIG_INCOMING_GONE);
}

static void
test_commit_too_early (AgentFixture *f, gconstpointer data)
{
  SPEC (f, 60000);
  g_autoptr(QmigIncoming) ready = incoming_prepare (f, spec);
  g_autofree char *why
      = agent_fixture_refused (f, "POST", "/v1/incoming/m-TEST/actions/commit", NULL, QMIG_EXIT_REFUSED);
  g_autofree char *unknown
      = agent_fixture_refused (f, "POST", "/v1/incoming/m-TEST/actions/explode", NULL, QMIG_EXIT_NOT_FOUND);
  g_autoptr(QmigIncoming) still = incoming_get (f, "m-TEST", "");

  g_assert_cmpint (still->phase, ==, QMIG_INCOMING_LISTENING);
  g_assert_cmpint (still->pid, ==, ready->pid);
}

static void
test_prepare_fails (AgentFixture *f, gconstpointer data)
{
  SPEC (f, 60000);
  g_autofree char *body = NULL;
  g_autofree char *why = NULL;

  g_free (spec->argv[4]);
  spec->argv[4] = g_strdup ("nonsense");
  body = qmig_incoming_spec_to_text (spec);
  why = agent_fixture_refused (f, "POST", "/v1/incoming", body, QMIG_EXIT_ERROR);
  g_assert_nonnull (strstr (why, "unsupported machine type"));
  incoming_assert_nothing_left (f, spec);
}

static void
test_bad_specs (AgentFixture *f, gconstpointer data)
{
  static const char *const bodies[] = {
    "{\"migration\":\"../x\",\"vm_name\":\"x\",\"run_dir\":\"/x\",\"argv\":[\"/bin/true\"],\"qmp\":\"/x/q\"}",
    "{\"migration\":\"m-1\",\"vm_name\":\"x\",\"run_dir\":\"/etc\",\"argv\":[\"/bin/true\"],\"qmp\":\"/etc/q\"}",
    "{\"migration\":\"\",\"vm_name\":\"x\",\"run_dir\":\"/etc\",\"argv\":[\"/bin/true\"],\"qmp\":\"/etc/q\"}",
    "{}",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bodies); i++)
    g_free (agent_fixture_refused (f, "POST", "/v1/incoming", bodies[i], QMIG_EXIT_USAGE));
}

static void
note_answer (GObject *client, GAsyncResult *result, gpointer user_data)
{
  GAsyncResult **kept = user_data;

  *kept = g_object_ref (result);
}

/* A source that is cancelled while the destination still starts. */
static void
test_abort_while_preparing (AgentFixture *f, gconstpointer data)
{
  SPEC (f, 60000);
  const char *const silent[] = { "/bin/sleep", "1000", NULL };
  g_autoptr(JsonObject) body = NULL;
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(QmigIncoming) gone = NULL;
  g_autoptr(JsonObject) answer = NULL;
  g_autoptr(GError) error = NULL;

  g_strfreev (spec->argv);
  spec->argv = g_strdupv ((char **) silent);
  body = qmig_incoming_spec_to_object (spec);
  qmig_client_call_async (f->client, "POST", "/v1/incoming", body, PATIENCE_MS, NULL, note_answer, &result);
  while (!incoming_is_reserved (f, "m-TEST"))
    g_main_context_iteration (NULL, FALSE);

  gone = incoming_act (f, "m-TEST", "abort");
  g_assert_cmpint (gone->phase, ==, QMIG_INCOMING_GONE);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  answer = qmig_client_call_finish (f->client, result, NULL, &error);
  g_assert_null (answer);
  g_assert_nonnull (error);
  incoming_assert_nothing_left (f, spec);
}

/* -- waiting for a change ------------------------------------------------------ */

static void
test_change_wakes (AgentFixture *f, gconstpointer data)
{
  SPEC (f, 60000);
  g_autoptr(QmigIncoming) ready = incoming_prepare (f, spec);
  g_autofree char *path = g_strdup_printf ("/v1/incoming/m-TEST?after=%" G_GINT64_FORMAT, ready->seq);
  GAsyncResult *results[3] = { NULL };

  for (gsize i = 0; i < G_N_ELEMENTS (results); i++)
    qmig_client_call_async (f->client, "GET", path, NULL, 15000, NULL, note_answer, &results[i]);
  /* An answer on another connection: the agent has seen the questions before. */
  json_object_unref (agent_fixture_call (f, "GET", "/v1/host", NULL));
  kill ((pid_t) ready->pid, SIGKILL);

  for (gsize i = 0; i < G_N_ELEMENTS (results); i++)
    {
      GError *error = NULL;
      g_autoptr(JsonObject) answer = NULL;
      g_autoptr(QmigIncoming) changed = NULL;

      while (results[i] == NULL)
        g_main_context_iteration (NULL, TRUE);
      answer = qmig_client_call_finish (f->client, results[i], NULL, &error);
      g_assert_no_error (error);
      changed = qmig_incoming_from_object (answer, NULL);
      g_assert_cmpint (changed->seq, >, ready->seq);
      g_object_unref (results[i]);
    }
  json_object_unref (agent_fixture_call (f, "POST", "/v1/incoming/m-TEST/actions/abort", NULL));
  incoming_assert_nothing_left (f, spec);
}

/* -- restart -------------------------------------------------------------------- */

static void
test_restart_gives_new_lease (AgentFixture *f, gconstpointer data)
{
  SPEC (f, 2000);
  g_autoptr(QmigIncoming) ready = incoming_prepare (f, spec);
  g_autoptr(QmigIncoming) after = NULL;

  agent_fixture_end (f, SIGKILL);
  g_assert_true (qmig_process_is_alive (ready->pid, ready->start_time));
  agent_fixture_start (f);
  after = incoming_get (f, "m-TEST", "");
  g_assert_cmpint (after->phase, ==, QMIG_INCOMING_LISTENING);
  g_assert_cmpint (after->pid, ==, ready->pid);
  agent_fixture_wait_gone (ready->pid, ready->start_time);
  incoming_wait_ended (f, "m-TEST");
  incoming_assert_nothing_left (f, spec);
}

static void
test_restart_knows_held (AgentFixture *f, gconstpointer data)
{
  SPEC (f, 60000);
  g_autoptr(QmigIncoming) ready = incoming_prepare (f, spec);
  g_autoptr(QmigIncoming) held = incoming_act (f, "m-TEST", "hold");
  g_autoptr(QmigIncoming) after = NULL;

  agent_fixture_end (f, SIGKILL);
  agent_fixture_start (f);
  after = incoming_get (f, "m-TEST", "");
  g_assert_true (held->held);
  g_assert_true (after->held);
  g_assert_cmpint (after->phase, ==, QMIG_INCOMING_LISTENING);
  g_assert_true (qmig_process_is_alive (ready->pid, ready->start_time));
}

static void
test_restart_after_death (AgentFixture *f, gconstpointer data)
{
  SPEC (f, 60000);
  g_autoptr(QmigIncoming) ready = incoming_prepare (f, spec);

  agent_fixture_end (f, SIGKILL);
  kill ((pid_t) ready->pid, SIGKILL);
  agent_fixture_wait_gone (ready->pid, ready->start_time);
  g_assert_true (incoming_is_reserved (f, "m-TEST"));
  agent_fixture_start (f);
  incoming_wait_ended (f, "m-TEST");
  incoming_assert_nothing_left (f, spec);
}

/* The agent died between the launch and writing the pid down. */
static void
test_restart_without_pid (AgentFixture *f, gconstpointer data)
{
  SPEC (f, 60000);
  g_autoptr(QmigJournal) journal = agent_fixture_journal (f);
  GError *error = NULL;
  gint64 pid;
  gint64 start_time;

  g_assert_true (qmig_journal_reserve (journal, spec, &error));
  g_assert_no_error (error);
  g_assert_true (
      qmig_launcher_start ((const char *const *) spec->argv, spec->run_dir, NULL, &pid, &start_time, &error));
  g_assert_no_error (error);

  agent_fixture_start (f);
  agent_fixture_wait_gone (pid, start_time);
  incoming_wait_ended (f, "m-TEST");
  incoming_assert_nothing_left (f, spec);
}

static void
test_restart_never_launched (AgentFixture *f, gconstpointer data)
{
  SPEC (f, 60000);
  g_autoptr(QmigJournal) journal = agent_fixture_journal (f);

  g_assert_true (qmig_journal_reserve (journal, spec, NULL));
  agent_fixture_start (f);
  incoming_wait_ended (f, "m-TEST");
  incoming_assert_nothing_left (f, spec);
}

/* -- stopping --------------------------------------------------------------------- */

static void
test_stop_refused (AgentFixture *f, gconstpointer data)
{
  SPEC (f, 60000);
  g_autoptr(QmigIncoming) ready = incoming_prepare (f, spec);
  g_autofree char *why = agent_fixture_refused (f, "POST", "/v1/agent/stop", NULL, QMIG_EXIT_CONFLICT);
  g_autoptr(JsonObject) forced = agent_fixture_call (f, "POST", "/v1/agent/stop?force=1", NULL);
  int status = agent_fixture_end (f, 0);

  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  g_assert_true (qmig_process_is_alive (ready->pid, ready->start_time));
  g_assert_true (incoming_is_reserved (f, "m-TEST"));
}

static void
test_sigterm (AgentFixture *f, gconstpointer data)
{
  SPEC (f, 60000);
  g_autoptr(QmigIncoming) ready = incoming_prepare (f, spec);
  int status = agent_fixture_end (f, SIGTERM);
  g_autofree char *log = agent_fixture_read_log (f);

  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  g_assert_true (qmig_process_is_alive (ready->pid, ready->start_time));
  g_assert_nonnull (strstr (log, "1 reservations will be taken up"));
}

#define ADD(path, test) g_test_add (path, AgentFixture, NULL, agent_fixture_set_up, test, agent_fixture_tear_down)
#define ADD_COLD(path, test) g_test_add (path, AgentFixture, NULL, agent_fixture_prepare, test, agent_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/agent/incoming/lease/expires", test_lease_expires);
  ADD ("/agent/incoming/lease/questions-renew", test_questions_renew);
  ADD ("/agent/incoming/lease/held-expires", test_held_expires);
  ADD ("/agent/incoming/abort", test_abort);
  ADD ("/agent/incoming/abort-while-preparing", test_abort_while_preparing);
  ADD ("/agent/incoming/commit-too-early", test_commit_too_early);
  ADD ("/agent/incoming/prepare-fails", test_prepare_fails);
  ADD ("/agent/incoming/bad-specs", test_bad_specs);
  ADD ("/agent/incoming/change-wakes", test_change_wakes);
  ADD ("/agent/incoming/restart/new-lease", test_restart_gives_new_lease);
  ADD ("/agent/incoming/restart/held", test_restart_knows_held);
  ADD ("/agent/incoming/restart/dead", test_restart_after_death);
  ADD_COLD ("/agent/incoming/restart/without-pid", test_restart_without_pid);
  ADD_COLD ("/agent/incoming/restart/never-launched", test_restart_never_launched);
  ADD ("/agent/incoming/stop-refused", test_stop_refused);
  ADD ("/agent/incoming/sigterm", test_sigterm);
  return g_test_run ();
}
