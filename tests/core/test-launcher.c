/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "api-error.h"
#include "qmig-process.h"

#define LIMIT_MS 30000

typedef struct
{
  char *runtime_dir;
  char *run_dir;
  QmpWait *wait;
  GError *error;
} Fixture;

static void
set_up (Fixture *t, gconstpointer data)
{
  t->runtime_dir = g_dir_make_tmp ("qmXXXXXX", &t->error);
  g_assert_no_error (t->error);
  t->run_dir = g_build_filename (t->runtime_dir, "vm", "m-1", NULL);
  t->wait = qmp_wait_new (NULL, "the program", LIMIT_MS);
}

static void
tear_down (Fixture *t, gconstpointer data)
{
  g_autofree char *vm_dir = g_build_filename (t->runtime_dir, "vm", NULL);

  g_clear_error (&t->error);
  qmig_launcher_remove_run_dir (t->runtime_dir, t->run_dir, NULL);
  g_rmdir (vm_dir);
  g_assert_cmpint (g_rmdir (t->runtime_dir), ==, 0);
  g_free (t->run_dir);
  g_free (t->runtime_dir);
  qmp_wait_free (t->wait);
}

static QmigProcessWatch *
start (Fixture *t, const char *const *argv)
{
  gint64 pid, start_time;

  qmig_launcher_start (argv, t->run_dir, NULL, &pid, &start_time, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (pid, >, 0);
  g_assert_cmpint (start_time, >, 0);

  return qmig_process_watch_new (pid, start_time, NULL, NULL);
}

/* Runs a program to its end; what it wrote is the log. */
static char *
run_program (Fixture *t, const char *const *argv)
{
  g_autoptr(QmigProcessWatch) watch = start (t, argv);

  g_assert_true (qmig_process_watch_wait_gone (watch, t->wait, &t->error));
  g_assert_no_error (t->error);

  return qmig_launcher_log_tail (t->run_dir);
}

static char *
run (Fixture *t, const char *script)
{
  const char *const argv[] = { "/bin/sh", "-c", script, NULL };

  return run_program (t, argv);
}

static void
test_both_outputs (Fixture *t, gconstpointer data)
{
  g_autofree char *log = run (t, "echo out; echo err >&2; echo '  '; printf 'tab\\there\\n'");
  g_autofree char *again = NULL;
  struct stat st;

  g_assert_cmpstr (log, ==, "out; err; tab here");
  g_assert_cmpint (stat (t->run_dir, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0700);
  /* A second start has a log of its own. */
  again = run (t, "echo new");
  g_assert_cmpstr (again, ==, "new");
}

/* What this process has open, blocked and ignored is not the program's affair.  No shell is in between: it has its own ways
 * with signals and descriptors. */
static void
test_surroundings (Fixture *t, gconstpointer data)
{
  const char *const list_fds[] = { "ls", "-m", "/proc/self/fd", NULL };
  const char *const show_signals[] = { "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status", NULL };
  int low = open ("/dev/null", O_RDONLY);
  int inherited = fcntl (low, F_DUPFD, 200);
  g_autofree char *fds = NULL;
  g_autofree char *signals = NULL;
  sigset_t blocked, before;

  sigemptyset (&blocked);
  sigaddset (&blocked, SIGTERM);
  pthread_sigmask (SIG_BLOCK, &blocked, &before);
  signal (SIGPIPE, SIG_IGN);
  fds = run_program (t, list_fds);
  signals = run_program (t, show_signals);
  signal (SIGPIPE, SIG_DFL);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  close (inherited);
  close (low);

  g_test_message ("%s; %s", fds, signals);
  g_assert_cmpint (inherited, >=, 200);
  /* Its own look at the directory is the 3. */
  g_assert_cmpstr (fds, ==, "0, 1, 2, 3");
  g_assert_nonnull (strstr (signals, "SigBlk: 0000000000000000"));
  /* Above the real ones glibc ignores two signals of its own in whatever it spawns. */
  g_assert_nonnull (strstr (signals, "SigIgn: "));
  g_assert_cmpuint (g_ascii_strtoull (strstr (signals, "SigIgn: ") + strlen ("SigIgn: "), NULL, 16) & 0x7fffffff, ==, 0);
}

static void
test_session (Fixture *t, gconstpointer data)
{
  const char *const argv[] = { "cat", "/proc/self/stat", NULL };
  g_autofree char *stat = run_program (t, argv);
  g_auto(GStrv) fields = g_strsplit (stat, " ", -1);

  /* pid (comm) state ppid pgrp session */
  g_assert_cmpstr (fields[0], ==, fields[4]);
  g_assert_cmpstr (fields[0], ==, fields[5]);
}

static void
test_no_input (Fixture *t, gconstpointer data)
{
  g_autofree char *log = run (t, "pwd; read x || echo no-input");

  g_assert_cmpstr (log, ==, "/; no-input");
}

static void
test_directory (Fixture *t, gconstpointer data)
{
  const char *const argv[] = { "pwd", NULL };
  g_autofree char *log = NULL;
  gint64 pid, start_time;

  qmig_launcher_start (argv, t->run_dir, "/usr", &pid, &start_time, &t->error);
  g_assert_no_error (t->error);
  {
    g_autoptr(QmigProcessWatch) watch = qmig_process_watch_new (pid, start_time, NULL, NULL);

    g_assert_true (qmig_process_watch_wait_gone (watch, t->wait, NULL));
    g_assert_cmpint (qmig_process_watch_get_status (watch), ==, 0);
  }
  log = qmig_launcher_log_tail (t->run_dir);
  g_assert_cmpstr (log, ==, "/usr");
}

static void
assert_start_fails (Fixture *t, const char *program, const char *cwd, const char *text)
{
  const char *const argv[] = { program, NULL };
  gint64 pid = -7, start_time = -7;

  g_assert_false (qmig_launcher_start (argv, t->run_dir, cwd, &pid, &start_time, &t->error));
  g_assert_nonnull (strstr (t->error->message, text));
  g_assert_cmpint (pid, ==, -7);
  g_clear_error (&t->error);
}

static void
test_cannot_start (Fixture *t, gconstpointer data)
{
  assert_start_fails (t, "/no/such/program", NULL, "cannot start '/no/such/program': No such file");
  assert_start_fails (t, "no-such-program-in-path", NULL, "cannot start 'no-such-program-in-path'");
  assert_start_fails (t, "/etc", NULL, "cannot start '/etc'");
  assert_start_fails (t, "/bin/sh", "/no/such/dir", "cannot start QEMU in '/no/such/dir'");
}

static void
test_strange_run_dir (Fixture *t, gconstpointer data)
{
  g_autofree char *vm_dir = g_build_filename (t->runtime_dir, "vm", NULL);

  /* A link to a place of somebody's choice. */
  g_assert_cmpint (g_mkdir (vm_dir, 0700), ==, 0);
  g_assert_cmpint (symlink ("/tmp", t->run_dir), ==, 0);
  assert_start_fails (t, "/bin/true", NULL, "is not a directory of ours");
  g_assert_cmpint (unlink (t->run_dir), ==, 0);
}

static void
test_long_log (Fixture *t, gconstpointer data)
{
  g_autofree char *log = run (t, "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; printf 'end \\377'");

  g_assert_cmpuint (strlen (log), <=, 2048);
  g_assert_true (g_utf8_validate (log, -1, NULL));
  g_assert_nonnull (strstr (log, "line 1999; end"));
  g_assert_null (strchr (log, '\n'));
}

static gint64
used_bytes (const char *path)
{
  struct stat st;

  g_assert_cmpint (stat (path, &st), ==, 0);
  return (gint64) st.st_blocks * 512;
}

/* Who is chatty loses what it said first, not what it goes on to say. */
static void
test_trim (Fixture *t, gconstpointer data)
{
  g_autofree char *path = g_build_filename (t->run_dir, "qemu.log", NULL);
  g_autofree char *before = run (t, "head -c 3000000 /dev/zero; echo; echo short");
  g_autofree char *tail = NULL;
  g_autofree char *after = NULL;
  const char *const argv[] = { "/bin/sh", "-c", "head -c 6000000 /dev/zero; echo; echo said; kill -STOP $$; echo more", NULL };
  g_autoptr(QmigProcessWatch) watch = NULL;
  gint64 pid, start_time, size;
  char state = ' ';

  size = used_bytes (path);
  qmig_launcher_trim_logs (t->runtime_dir);
  g_assert_cmpint (used_bytes (path), ==, size);
  g_assert_true (g_str_has_suffix (before, "short"));

  qmig_launcher_start (argv, t->run_dir, NULL, &pid, &start_time, &t->error);
  g_assert_no_error (t->error);
  watch = qmig_process_watch_new (pid, start_time, NULL, NULL);
  for (int i = 0; state != 'T'; i++)
    {
      g_autofree char *stat_path = g_strdup_printf ("/proc/%" G_GINT64_FORMAT "/stat", pid);
      g_autofree char *stat = NULL;

      g_assert_cmpint (i, <, LIMIT_MS);
      g_assert_true (g_file_get_contents (stat_path, &stat, NULL, NULL));
      state = strrchr (stat, ')')[2];
      g_usleep (1000);
    }
  qmig_launcher_trim_logs (t->runtime_dir);
  size = used_bytes (path);
  if (size > 6000000)
    {
      g_test_skip ("this file system makes no holes");
    }
  else
    {
      g_assert_cmpint (size, <, 2 * 1024 * 1024);
      tail = qmig_launcher_log_tail (t->run_dir);
      g_assert_true (g_str_has_suffix (tail, "said"));
    }
  kill ((pid_t) pid, SIGCONT);
  g_assert_true (qmig_process_watch_wait_gone (watch, t->wait, &t->error));
  after = qmig_launcher_log_tail (t->run_dir);
  g_assert_true (g_str_has_suffix (after, "said; more"));
}

static void
test_no_log (Fixture *t, gconstpointer data)
{
  g_autofree char *log = qmig_launcher_log_tail (t->run_dir);

  g_assert_cmpstr (log, ==, "");
}

static void
test_remove (Fixture *t, gconstpointer data)
{
  g_autofree char *log = run (t, "echo x");
  g_autofree char *trailing = g_strconcat (t->run_dir, "/", NULL);
  g_autofree char *dotted = g_build_filename (t->runtime_dir, "vm", "m-1", "..", "m-1", NULL);
  g_autofree char *vm_dir = g_build_filename (t->runtime_dir, "vm", NULL);
  const char *const strangers[] = { "/etc", t->runtime_dir, vm_dir, "vm/m-1", dotted, trailing, "" };

  for (gsize i = 0; i < G_N_ELEMENTS (strangers); i++)
    {
      g_assert_false (qmig_launcher_remove_run_dir (t->runtime_dir, strangers[i], &t->error));
      g_assert_nonnull (strstr (t->error->message, "it is no run directory"));
      g_clear_error (&t->error);
    }
  g_assert_true (g_file_test (t->run_dir, G_FILE_TEST_IS_DIR));
  g_assert_true (qmig_launcher_remove_run_dir (t->runtime_dir, t->run_dir, &t->error));
  g_assert_false (g_file_test (t->run_dir, G_FILE_TEST_EXISTS));
  g_assert_true (qmig_launcher_remove_run_dir (t->runtime_dir, t->run_dir, &t->error));
}

#define ADD(path, func) g_test_add ("/launcher/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("both-outputs", test_both_outputs);
  ADD ("surroundings", test_surroundings);
  ADD ("session", test_session);
  ADD ("no-input", test_no_input);
  ADD ("directory", test_directory);
  ADD ("cannot-start", test_cannot_start);
  ADD ("strange-run-dir", test_strange_run_dir);
  ADD ("long-log", test_long_log);
  ADD ("trim", test_trim);
  ADD ("no-log", test_no_log);
  ADD ("remove", test_remove);
  return g_test_run ();
}
