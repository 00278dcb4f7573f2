/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host-fixture.h"

#include <glib/gstdio.h>
#include <unistd.h>

#include "qmig-cmdline.h"
#include "qmig-journal.h"
#include "qmig-launcher.h"
#include "qmp-commands.h"

void
host_fixture_set_up (HostFixture *f)
{
  g_autoptr(GError) error = NULL;

  /* Short: sockets live below it. */
  f->dir = g_dir_make_tmp ("qmXXXXXX", &error);
  g_assert_no_error (error);
  f->env.host_name = g_strdup ("here");
  f->env.runtime_dir = g_build_filename (f->dir, "run", NULL);
  f->env.state_dir = g_build_filename (f->dir, "state", NULL);
  g_assert_cmpint (g_mkdir (f->env.runtime_dir, 0700), ==, 0);
  g_assert_cmpint (g_mkdir (f->env.state_dir, 0700), ==, 0);
  f->wait = qmp_wait_new (NULL, "the test", HOST_FIXTURE_WAIT_MS);
  f->qemu = g_find_program_in_path ("qemu-system-x86_64");
}

static void
remove_tree (const char *path)
{
  g_autoptr(GDir) dir = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
  g_remove (path);
}

/* Whatever a test left running below our directory. */
static void
kill_leftovers (HostFixture *f)
{
  g_autoptr(GPtrArray) qemus = qmig_process_list_qemus ();

  for (guint i = 0; i < qemus->len; i++)
    {
      const QmigProcess *process = g_ptr_array_index (qemus, i);
      g_autofree char *line = g_strjoinv (" ", process->argv);
      g_autoptr(QmigProcessWatch) watch = NULL;

      if (strstr (line, f->env.runtime_dir) == NULL)
        continue;
      watch = qmig_process_watch_new (process->pid, process->start_time, NULL, NULL);
      g_assert_true (qmig_process_watch_kill (watch, f->wait, NULL));
    }
}

void
host_fixture_tear_down (HostFixture *f)
{
  g_clear_object (&f->source_client);
  if (f->source != NULL)
    g_assert_true (qmig_process_watch_kill (f->source, f->wait, NULL));
  g_clear_pointer (&f->source, qmig_process_watch_free);
  kill_leftovers (f);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_strfreev (f->source_argv);
  qmp_wait_free (f->wait);
  remove_tree (f->dir);
  g_free (f->dir);
  g_free (f->qemu);
  g_free (f->env.host_name);
  g_free (f->env.runtime_dir);
  g_free (f->env.state_dir);
}

gboolean
host_fixture_need_qemu (HostFixture *f)
{
  if (f->qemu == NULL)
    g_test_skip ("there is no qemu-system-x86_64 here");
  return f->qemu != NULL;
}

static char **
split (const char *line)
{
  g_autoptr(GError) error = NULL;
  char **argv = NULL;

  g_shell_parse_argv (line, NULL, &argv, &error);
  g_assert_no_error (error);

  return argv;
}

void
host_fixture_start_source (HostFixture *f, const char *extra)
{
  g_autofree char *run_dir = g_build_filename (f->env.runtime_dir, "vm", "source", NULL);
  g_autofree char *monitor = g_build_filename (run_dir, "qmig.qmp", NULL);
  g_autofree char *line = g_strdup_printf ("%s -name guest=vm -machine q35 -m 16 -nodefaults -display none -accel kvm -accel tcg"
                                           " -S %s", f->qemu, extra ? extra : "");
  g_auto(GStrv) plain = split (line);
  g_autoptr(GError) error = NULL;
  gint64 start_time;

  f->source_argv = qmig_cmdline_with_monitor ((const char *const *) plain, monitor);
  qmig_launcher_start ((const char *const *) f->source_argv, run_dir, NULL, &f->source_pid, &start_time, &error);
  g_assert_no_error (error);
  f->source = qmig_process_watch_new (f->source_pid, start_time, NULL, NULL);
  while (f->source_client == NULL)
    {
      g_assert_false (qmig_process_watch_is_gone (f->source));
      f->source_client = qmp_client_open (monitor, f->wait, NULL);
      if (f->source_client == NULL)
        g_assert_true (qmp_wait_pause (f->wait, 2, NULL));
    }
}

QmigIncomingSpec *
host_fixture_spec (HostFixture *f, const char *migration, const char *extra)
{
  QmigIncomingSpec *spec = qmig_incoming_spec_new ();
  g_auto(GStrv) extra_argv = extra ? split (extra) : NULL;
  QmigCmdlineTarget target = { .cwd = "/", .machine = "q35", .binary = f->qemu, .same_machine = TRUE };
  g_autoptr(QmigCmdlineResult) result = NULL;

  spec->migration = g_strdup (migration);
  spec->vm_name = g_strdup ("vm");
  spec->source = g_strdup ("here");
  spec->run_dir = g_build_filename (f->env.runtime_dir, "vm", migration, NULL);
  spec->qmp = g_build_filename (spec->run_dir, "qmig.qmp", NULL);
  spec->memory_bytes = HOST_FIXTURE_MEMORY;
  spec->lease_ms = 30000;
  spec->transport = g_strdup ("unix");
  target.run_dir = spec->run_dir;
  target.monitor_path = spec->qmp;
  target.extra = (const char *const *) extra_argv;
  result = qmig_cmdline_derive ((const char *const *) f->source_argv, &target);
  spec->argv = g_steal_pointer (&result->argv);

  return spec;
}

typedef struct
{
  HostFixture *f;
  QmigHost *host;
  QmigIncomingPhase phase;
} PhaseWait;

static QmpCheck
check_phase (gpointer data, GError **error)
{
  PhaseWait *p = data;
  const QmigIncoming *state = qmig_host_peek (p->host, NULL);

  return state != NULL && state->phase == (int) p->phase ? QMP_CHECK_DONE : QMP_CHECK_PENDING;
}

void
host_fixture_wait_phase (HostFixture *f, QmigHost *host, QmigIncomingPhase phase)
{
  g_autoptr(GError) error = NULL;
  PhaseWait p = { f, host, phase };

  (void) !qmp_wait_until (f->wait, check_phase, &p, &error);
  g_assert_no_error (error);
}

void
host_fixture_send (HostFixture *f, const char *uri)
{
  const char *const on[] = { "return-path", "events", NULL };
  g_autoptr(GError) error = NULL;

  g_assert_true (qmp_migrate_set_capabilities (f->source_client, on, NULL, f->wait, &error));
  g_assert_no_error (error);
  g_assert_true (qmp_migrate (f->source_client, uri, f->wait, &error));
  g_assert_no_error (error);
}

gboolean
host_fixture_has_reservation (HostFixture *f, const char *migration)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigJournal) journal = qmig_journal_open (f->env.state_dir, &error);
  g_autoptr(QmigReservation) reservation = NULL;

  g_assert_no_error (error);
  reservation = qmig_journal_load_reservation (journal, migration, &error);
  g_assert_no_error (error);

  return reservation != NULL;
}

gboolean
host_fixture_run_dir_exists (HostFixture *f, const char *migration)
{
  g_autofree char *path = g_build_filename (f->env.runtime_dir, "vm", migration, NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}
