/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "migration-fixture.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json-strict.h"
#include "qmig-process.h"
#include "qmig-steps.h"

#define ID "m-TESTTEST"

#define LIMIT_SECONDS 60

/* The hook of qmig_fault_point() has no data of its own: one test at a time. */
static Fixture *current;

/* -- the source, in the fake QEMU's thread ----------------------------------------- */

static gboolean
is_in_progress (const char *status)
{
  return qmp_migration_status_is_in_progress (qmp_migration_status_from_string (status));
}

/* With the lock held. */
static void
set_source (Fixture *f, const char *run_state, const char *status)
{
  gboolean stops = g_str_equal (f->run_state, "running") && !g_str_equal (run_state, "running");
  gboolean resumes = !g_str_equal (f->run_state, "running") && g_str_equal (run_state, "running");
  gboolean news = status != NULL && g_strcmp0 (f->status, status) != 0;
  g_autofree char *old_run_state = f->run_state; /* may be what is asked for */
  g_autofree char *old_status = f->status;

  f->run_state = g_strdup (run_state);
  f->status = g_strdup (status);
  fake_qemu_set_run_state (f->qemu, run_state);
  if (stops)
    fake_qemu_event (f->qemu, "STOP", NULL);
  if (resumes)
    fake_qemu_event (f->qemu, "RESUME", NULL);
  if (news)
    {
      g_autofree char *data = g_strdup_printf ("{'status': '%s'}", status);

      fake_qemu_event (f->qemu, "MIGRATION", data);
    }
}

/* Written before done: what may be done only in a certain step. */
static const struct
{
  const char *call;
  const char *step;
} owners[] = {
  { "prepare", "prepare" }, { "hold", "precopy" }, { "migrate", "precopy" }, { "migrate-continue", "switchover" },
  { "commit", "commit" }, { "accept", "commit" }, { "quit", "release" }, { "release", "release" },
};

static void
assert_written (Fixture *f, const char *call)
{
  for (gsize i = 0; i < G_N_ELEMENTS (owners); i++)
    if (g_str_equal (owners[i].call, call))
      {
        g_autoptr(QmigJournalEntry) entry = fixture_load (f);

        /* A switchover that was called off may be on its way back before the fake gets to the one thing it had sent. */
        if (!g_str_equal (call, "migrate-continue") || !g_str_has_prefix (entry->step, "undo-"))
          g_assert_cmpstr (entry->step, ==, owners[i].step);
        g_assert_cmpint (entry->commit_intent, ==, g_str_equal (entry->step, "commit") || g_str_equal (entry->step, "pages") || g_str_equal (entry->step, "release"));
      }
}

static char *
on_query_migrate (FakeQemu *qemu, const char *command, JsonObject *arguments, gpointer data)
{
  Fixture *f = data;
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&f->lock);

  /* In the first pass there is nothing to decide yet. */
  gint64 passes = f->status != NULL && g_str_equal (f->status, "active") ? 1 : 2;

  if (f->status == NULL)
    return g_strdup ("{}");
  if (g_str_equal (f->status, "active"))
    {
      f->pass++;
      if (f->looks_to_gate >= 0 && f->pass > f->looks_to_gate)
        set_source (f, "finish-migrate", "pre-switchover");
    }
  return g_strdup_printf ("{'status': '%s', 'total-time': 40, 'setup-time': 3, 'downtime': 11, 'ram': {'total': 1000000,"
                          " 'remaining': 1000, 'transferred': %" G_GINT64_FORMAT ", 'page-size': 4096,"
                          " 'dirty-sync-count': %" G_GINT64_FORMAT ", 'dirty-pages-rate': 5}}", f->status, f->pass * 1000, passes);
}

/* Completed a moment before the run state says so. */
static char *
on_query_status (FakeQemu *qemu, const char *command, JsonObject *arguments, gpointer data)
{
  Fixture *f = data;
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&f->lock);
  char *answer = g_strdup_printf ("{'status': '%s', 'singlestep': false, 'running': %s}", f->run_state,
                                  g_str_equal (f->run_state, "running") ? "true" : "false");

  if (g_strcmp0 (f->status, "completed") == 0 && g_str_equal (f->run_state, "finish-migrate"))
    set_source (f, "postmigrate", "completed");
  return answer;
}

/* The rest follows at once, and both say so. */
static char *
resume (Fixture *f)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&f->lock);

  g_assert_cmpstr (f->status, ==, "postcopy-paused");
  g_assert_cmpuint (fake_host_count (f->host, "recover"), >, 0);
  set_source (f, "finish-migrate", "postcopy-active");
  set_source (f, "postmigrate", "completed");
  fake_host_set_status (f->host, "completed");
  return g_strdup ("{}");
}

static char *
on_migrate (FakeQemu *qemu, const char *command, JsonObject *arguments, gpointer data)
{
  Fixture *f = data;
  g_autoptr(GMutexLocker) locker = NULL;

  if (json_strict_bool (arguments, "resume", FALSE))
    return resume (f);
  assert_written (f, command);
  locker = g_mutex_locker_new (&f->lock);
  g_free (f->status_before);
  f->status_before = g_strdup (f->run_state);
  set_source (f, f->run_state, "active");
  return g_strdup ("{}");
}

static char *
on_migrate_continue (FakeQemu *qemu, const char *command, JsonObject *arguments, gpointer data)
{
  Fixture *f = data;
  g_autoptr(GMutexLocker) locker = NULL;

  assert_written (f, command);
  locker = g_mutex_locker_new (&f->lock);
  set_source (f, "finish-migrate", "device");
  switch (f->at_continue)
    {
    case CONTINUE_COMPLETES:
      fake_host_set_phase (f->host, QMIG_INCOMING_LOADED);
      set_source (f, "finish-migrate", "completed");
      break;
    case CONTINUE_FAILS:
      set_source (f, f->status_before, "failed");
      break;
    case CONTINUE_HANGS:
      break;
    case CONTINUE_FREEZES:
      fake_qemu_freeze (f->qemu, TRUE);
      break;
    case CONTINUE_KILLS_DESTINATION:
      fake_host_set_phase (f->host, QMIG_INCOMING_GONE);
      break;
    }
  return g_strdup ("{}");
}

static char *
on_migrate_cancel (FakeQemu *qemu, const char *command, JsonObject *arguments, gpointer data)
{
  Fixture *f = data;
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&f->lock);

  if (is_in_progress (f->status))
    set_source (f, f->status_before, "cancelled");
  return g_strdup ("{}");
}

/* Only out of band, only with a migration under way, and only then the main loop comes free. */
static char *
on_yank (FakeQemu *qemu, const char *command, JsonObject *arguments, gpointer data)
{
  Fixture *f = data;

  g_mutex_lock (&f->lock);
  if (is_in_progress (f->status))
    set_source (f, f->status_before, "failed");
  g_mutex_unlock (&f->lock);
  /* What waited is answered now, by the functions here. */
  fake_qemu_freeze (f->qemu, FALSE);
  return g_strdup ("{}");
}

/* Whoever continues the source has proof that the destination does not run, or never told it to. */
static char *
on_cont (FakeQemu *qemu, const char *command, JsonObject *arguments, gpointer data)
{
  Fixture *f = data;
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&f->lock);
  gboolean told = fake_host_count (f->host, "commit") > 0;
  QmigIncomingPhase phase = fake_host_get_phase (f->host);

  g_assert_cmpint (phase, !=, QMIG_INCOMING_COMMITTED);
  if (told || g_strcmp0 (f->status, "device") == 0 || g_strcmp0 (f->status, "completed") == 0)
    g_assert_true (phase == QMIG_INCOMING_GONE || (!told && fake_host_count (f->host, "abort") > 0));
  set_source (f, "running", f->status);
  return g_strdup ("{}");
}

static void
end_process (Fixture *f)
{
  siginfo_t info;
  int fd = f->stdin_fd;

  f->stdin_fd = -1;
  if (fd < 0)
    return;
  close (fd);
  waitid (P_PID, (id_t) f->pid, &info, WEXITED | WNOWAIT);
}

static char *
on_quit (FakeQemu *qemu, const char *command, JsonObject *arguments, gpointer data)
{
  Fixture *f = data;
  g_autoptr(GMutexLocker) locker = NULL;

  assert_written (f, command);
  locker = g_mutex_locker_new (&f->lock);
  if (!f->quit_is_ignored)
    end_process (f);
  return NULL;
}

static void
script_source (Fixture *f)
{
  fake_qemu_handle (f->qemu, "query-migrate", on_query_migrate, f);
  fake_qemu_handle (f->qemu, "query-status", on_query_status, f);
  fake_qemu_handle (f->qemu, "migrate", on_migrate, f);
  fake_qemu_handle (f->qemu, "migrate-continue", on_migrate_continue, f);
  fake_qemu_handle (f->qemu, "migrate_cancel", on_migrate_cancel, f);
  fake_qemu_handle (f->qemu, "yank", on_yank, f);
  fake_qemu_handle (f->qemu, "cont", on_cont, f);
  fake_qemu_handle (f->qemu, "quit", on_quit, f);
}

static void
start_process (Fixture *f)
{
  static const char *const argv[] = { "/bin/cat", "qemu-system-x86_64", NULL };
  g_autoptr(GError) error = NULL;
  gboolean ok = g_spawn_async_with_pipes (NULL, (char **) argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_FILE_AND_ARGV_ZERO | G_SPAWN_STDOUT_TO_DEV_NULL,
                                          NULL, NULL, &f->pid, &f->stdin_fd, NULL, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (ok);
  f->start_time = qmig_process_get_start_time (f->pid);
}

/* -- what was done, and where ------------------------------------------------------- */

static gboolean
is_telling (const char *call)
{
  static const char *const quiet[] = { "qmp_capabilities", "follow", "renew", "query", "qom-get", "qom-list", "human-monitor-command", NULL };

  return !g_strv_contains (quiet, call) && !g_str_has_prefix (call, "query-");
}

/* With the lock held: what the source was told before now comes before. */
static void
take_calls (Fixture *f)
{
  g_auto(GStrv) seen = fake_qemu_commands (f->qemu);
  guint n = g_strv_length (seen);

  for (; f->n_seen < n; f->n_seen++)
    if (is_telling (seen[f->n_seen]))
      g_ptr_array_add (f->calls, g_strdup (seen[f->n_seen]));
}

static gboolean
on_host_call (FakeHost *host, const char *call, QmpWait *wait, gpointer data, GError **error)
{
  Fixture *f = data;

  assert_written (f, call);
  g_mutex_lock (&f->lock);
  take_calls (f);
  if (is_telling (call))
    g_ptr_array_add (f->calls, g_strdup (call));
  if (f->abort_thaws && g_str_equal (call, "abort"))
    {
      set_source (f, f->status_before, "failed");
      fake_qemu_freeze (f->qemu, FALSE);
    }
  if ((g_str_equal (call, "commit") || g_str_equal (call, "accept")) && f->stdin_fd >= 0)
    {
      gboolean postcopy = fake_host_get_phase (f->host) == QMIG_INCOMING_POSTCOPY && g_str_has_prefix (f->status, "postcopy-");

      g_assert_true (postcopy || g_str_equal (f->run_state, "postmigrate"));
      g_assert_true (postcopy || g_str_equal (f->status, "completed"));
    }
  g_mutex_unlock (&f->lock);
  return f->on_call == NULL || f->on_call (host, call, wait, f, error);
}

char *
fixture_calls (Fixture *f)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&f->lock);
  g_autoptr(GString) text = g_string_new (NULL);

  take_calls (f);
  for (guint i = 0; i < f->calls->len; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? " " : "", (char *) g_ptr_array_index (f->calls, i));
  return g_string_free (g_steal_pointer (&text), FALSE);
}

void
qmig_fault_point (const char *when, const char *step)
{
  g_autofree char *point = g_strconcat (when, "-", step, NULL);

  if (current->hook != NULL && (current->point == NULL || g_str_equal (current->point, point)))
    current->hook (current, point);
}

static void
on_event (QmigMigration *migration, const QmigEvent *event, gpointer data)
{
  Fixture *f = data;
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&f->lock);

  g_ptr_array_add (f->events, qmig_event_copy (event));
  g_cond_broadcast (&f->changed);
}

/* -- set up ---------------------------------------------------------------------------- */

static QmigHost *
open_host (const QmigEnv *env, const char *uri, GError **error)
{
  return fake_host_open (((Fixture *) env->open_host_data)->host);
}

static QmigMigrateRequest *
usual_request (void)
{
  QmigMigrateRequest *request = qmig_migrate_request_new ();

  request->vm = g_strdup ("web01");
  request->destination = g_strdup ("beta");
  request->transport = g_strdup ("tcp");
  return request;
}

void
fixture_set_up (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *qmp = NULL;

  memset (f, 0, sizeof *f);
  current = f;
  f->dir = g_dir_make_tmp ("qmXXXXXX", &error);
  g_assert_no_error (error);
  qmp = g_build_filename (f->dir, "qmp", NULL);
  f->env.host_name = g_strdup ("alpha");
  f->env.runtime_dir = g_build_filename (f->dir, "run", NULL);
  f->env.state_dir = g_build_filename (f->dir, "state", NULL);
  f->env.open_host = open_host;
  f->env.open_host_data = f;
  g_mutex_init (&f->lock);
  g_cond_init (&f->changed);
  f->calls = g_ptr_array_new_with_free_func (g_free);
  f->events = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_event_free);
  f->run_state = g_strdup ("running");
  f->status_before = g_strdup ("running");
  f->looks_to_gate = 1;
  f->request = usual_request ();
  f->host = fake_host_new ("beta");
  fake_host_handle (f->host, on_host_call, f);
  f->qemu = fake_qemu_new_listening (qmp);
  script_source (f);
  start_process (f);
}

static void
remove_tree (const char *path)
{
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);

      remove_tree (inner);
    }
  g_remove (path);
}

static gboolean
is_thread_there (const char *name)
{
  g_autoptr(GDir) tasks = g_dir_open ("/proc/self/task", 0, NULL);
  const char *task;

  while ((task = g_dir_read_name (tasks)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/comm", task);
      g_autofree char *comm = NULL;

      if (g_file_get_contents (path, &comm, NULL, NULL) && g_str_equal (g_strchomp (comm), name))
        return TRUE;
    }
  return FALSE;
}

/* It tells its result before its last breath, and what it has not freed by our end looks like a leak. */
static void
await_thread_end (void)
{
  gint64 deadline = g_get_monotonic_time () + LIMIT_SECONDS * G_TIME_SPAN_SECOND;

  while (is_thread_there (ID))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_usleep (1000);
    }
}

void
fixture_tear_down (Fixture *f, gconstpointer data)
{
  g_assert_null (f->migration);
  await_thread_end ();
  end_process (f);
  waitpid (f->pid, NULL, WNOHANG);
  fake_qemu_free (f->qemu);
  fake_host_free (f->host);
  remove_tree (f->dir);
  g_ptr_array_unref (f->events);
  g_ptr_array_unref (f->calls);
  qmig_migrate_request_free (f->request);
  g_mutex_clear (&f->lock);
  g_cond_clear (&f->changed);
  g_free (f->env.host_name);
  g_free (f->env.runtime_dir);
  g_free (f->env.state_dir);
  g_free (f->run_state);
  g_free (f->status);
  g_free (f->status_before);
  g_free (f->dir);
  current = NULL;
}

/* -- the migration ------------------------------------------------------------------------ */

QmigJournalEntry *
fixture_entry (Fixture *f)
{
  QmigJournalEntry *entry = g_new0 (QmigJournalEntry, 1);

  entry->id = g_strdup (ID);
  entry->request = qmig_migrate_request_copy (f->request);
  entry->vm = g_strdup ("web01");
  entry->uuid = g_strdup ("6f1c2a34-5b7d-4e8f-9a0b-1c2d3e4f5a6b");
  entry->source_qmp = g_build_filename (f->dir, "qmp", NULL);
  entry->source_pid = f->pid;
  entry->source_start_time = f->start_time;
  entry->source_host = g_strdup ("alpha");
  entry->destination_uri = g_strdup ("fake:beta");
  entry->started_us = g_get_real_time ();
  return entry;
}

static void
on_finalized (gpointer data, GObject *object)
{
  Fixture *f = data;
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&f->lock);

  f->over = TRUE;
  g_cond_broadcast (&f->changed);
}

/* @migration: (transfer full) */
static void
adopt (Fixture *f, QmigMigration *migration)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&f->lock);

  f->over = FALSE;
  f->migration = migration;
  g_object_weak_ref (G_OBJECT (migration), on_finalized, f);
  g_cond_broadcast (&f->changed);
}

void
fixture_start (Fixture *f)
{
  g_autoptr(GError) error = NULL;
  QmigMigration *migration = qmig_migration_start_entry (&f->env, fixture_entry (f), on_event, f, NULL, &error);

  g_assert_no_error (error);
  g_assert_nonnull (migration);
  adopt (f, migration);
}

static QmigPlan *
usual_plan (Fixture *f)
{
  static const char own_limits[] = "{\"downtime-limit\":300,\"max-bandwidth\":134217728}";
  QmigPlan *plan = qmig_plan_new ();

  plan->vm = g_strdup ("web01");
  plan->source = g_strdup ("alpha");
  plan->destination = g_strdup ("beta");
  plan->was_running = !g_str_equal (f->status_before, "paused");
  plan->transport = g_strdup ("tcp");
  plan->run_dir = g_strdup ("/nowhere/run/vm/" ID);
  plan->capabilities_on = g_strsplit ("events return-path pause-before-switchover", " ", -1);
  plan->capabilities_off = g_strdupv (plan->capabilities_on);
  plan->restore_parameters = json_strict_parse (own_limits, strlen (own_limits), &json_strict_limits_api, NULL);
  return plan;
}

void
fixture_begin_dead (Fixture *f, const char *step, gboolean intent)
{
  g_autoptr(QmigJournalEntry) entry = fixture_entry (f);
  g_autoptr(QmigPlan) plan = usual_plan (f);
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigJournal) journal = qmig_journal_open (f->env.state_dir, &error);
  g_autofree char *existing = NULL;

  g_assert_no_error (error);
  g_assert_true (qmig_journal_create (journal, entry, &existing, &error));
  if (!g_str_equal (step, "check"))
    g_assert_true (qmig_journal_set_plan (journal, entry->id, plan, &error));
  g_assert_true (qmig_journal_begin (journal, entry->id, step, intent ? QMIG_BEGIN_INTENT : QMIG_BEGIN_STEP, &error));
  g_assert_no_error (error);
}

void
fixture_begin_dead_in_postcopy (Fixture *f, const char *step, gboolean intent, QmigIncomingPhase phase)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigJournal) journal = NULL;

  fixture_begin_dead (f, step, intent);
  journal = qmig_journal_open (f->env.state_dir, &error);
  g_assert_no_error (error);
  g_assert_true (qmig_journal_set_postcopy (journal, ID, TRUE, &error));
  fixture_set_source (f, "finish-migrate", "postcopy-paused");
  fake_host_set_phase (f->host, phase);
  fake_host_set_status (f->host, "postcopy-paused");
}

void
fixture_recover (Fixture *f, const char *assume)
{
  g_autoptr(GError) error = NULL;
  QmigMigration *migration = qmig_migration_recover (&f->env, ID, assume, on_event, f, &error);

  g_assert_no_error (error);
  g_assert_nonnull (migration);
  adopt (f, migration);
}

static void
wait_for_change (Fixture *f, gint64 deadline, const char *what)
{
  if (!g_cond_wait_until (&f->changed, &f->lock, deadline))
    {
      g_auto(GStrv) seen = fake_qemu_commands (f->qemu);
      g_autofree char *text = g_strjoinv (" ", seen);

      g_error ("waited too long for %s; the source was told: %s", what, text);
    }
}

QmigMigration *
fixture_get_migration (Fixture *f)
{
  gint64 deadline = g_get_monotonic_time () + LIMIT_SECONDS * G_TIME_SPAN_SECOND;
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&f->lock);

  while (f->migration == NULL)
    wait_for_change (f, deadline, "the migration to begin");
  return f->migration;
}

/* With the lock held. */
static guint
count_events (Fixture *f, const char *type, const char *text)
{
  guint count = 0;

  for (guint i = 0; i < f->events->len; i++)
    {
      const QmigEvent *event = g_ptr_array_index (f->events, i);
      g_autofree char *data = json_to_string (event->data, FALSE);

      count += g_str_equal (event->type, type) && (text == NULL || strstr (data, text) != NULL);
    }
  return count;
}

guint
fixture_count_events (Fixture *f, const char *type, const char *text)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&f->lock);

  return count_events (f, type, text);
}

void
fixture_wait_event (Fixture *f, const char *type, const char *text)
{
  gint64 deadline = g_get_monotonic_time () + LIMIT_SECONDS * G_TIME_SPAN_SECOND;
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&f->lock);

  while (count_events (f, type, text) == 0)
    wait_for_change (f, deadline, type);
}

void
fixture_forget_events (Fixture *f)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&f->lock);

  f->last_seq += f->events->len;
  g_ptr_array_set_size (f->events, 0);
}

/* One result, after everything else, and the same in the journal. */
static void
assert_events (Fixture *f)
{
  for (guint i = 0; i < f->events->len; i++)
    {
      const QmigEvent *event = g_ptr_array_index (f->events, i);

      g_assert_cmpint (event->seq, ==, f->last_seq + 1 + i);
      g_assert_cmpint (g_str_equal (event->type, "result"), ==, i + 1 == f->events->len);
    }
}

QmigResult *
fixture_join (Fixture *f)
{
  gint64 deadline = g_get_monotonic_time () + LIMIT_SECONDS * G_TIME_SPAN_SECOND;
  const QmigEvent *last;
  g_autoptr(GError) error = NULL;
  QmigResult *result;

  fixture_wait_event (f, "result", NULL);
  g_clear_object (&f->migration);
  g_mutex_lock (&f->lock);
  while (!f->over)
    wait_for_change (f, deadline, "the thread's end");
  g_mutex_unlock (&f->lock);

  assert_events (f);
  last = g_ptr_array_index (f->events, f->events->len - 1);
  result = qmig_result_from_object (json_node_get_object (last->data), &error);
  g_assert_no_error (error);
  return result;
}

QmigJournalEntry *
fixture_load (Fixture *f)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigJournal) journal = qmig_journal_open (f->env.state_dir, &error);
  QmigJournalEntry *entry = qmig_journal_load (journal, ID, &error);

  g_assert_no_error (error);
  return entry;
}

/* -- from the test, or from a hook ------------------------------------------------------------ */

void
fixture_set_source (Fixture *f, const char *run_state, const char *status)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&f->lock);

  set_source (f, run_state, status);
}

char *
fixture_get_run_state (Fixture *f)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&f->lock);

  return g_strdup (f->run_state);
}

void
fixture_kill_source (Fixture *f)
{
  fake_qemu_hang_up (f->qemu);
  fake_qemu_wait_for_hang_up (f->qemu);
  g_mutex_lock (&f->lock);
  end_process (f);
  g_mutex_unlock (&f->lock);
}

gboolean
fixture_source_lives (Fixture *f)
{
  return qmig_process_is_alive (f->pid, f->start_time);
}

void
fixture_refuse (Fixture *f, const char *command, const char *text)
{
  fake_qemu_handle (f->qemu, command, NULL, NULL);
  fake_qemu_fail (f->qemu, command, "GenericError", text);
}
