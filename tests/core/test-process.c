/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-process.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api-error.h"

#define LIMIT_MS 30000

/* A child that sleeps until it is ended, or ends by itself with @status. */
static gint64
fork_child (int status)
{
  pid_t pid = fork ();

  if (pid == 0)
    {
      /* Not to outlive a test that failed. */
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      while (status < 0)
        pause ();
      _exit (status);
    }
  g_assert_cmpint (pid, >, 0);

  return pid;
}

static void
count (gpointer data)
{
  ++*(guint *) data;
}

static void
test_read (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigProcess) self = qmig_process_read (getpid (), &error);
  g_autofree char *cwd = g_get_current_dir ();

  g_assert_no_error (error);
  g_assert_cmpint (self->pid, ==, getpid ());
  g_assert_cmpint (self->uid, ==, getuid ());
  g_assert_cmpint (self->start_time, >, 0);
  g_assert_cmpint (self->start_time, ==, qmig_process_get_start_time (getpid ()));
  g_assert_true (g_str_has_suffix (self->exe, "test-process"));
  g_assert_cmpstr (self->cwd, ==, cwd);
  g_assert_true (strstr (self->argv[0], "test-process") != NULL);
  g_assert_cmpint (qmig_process_rss_bytes (getpid ()), >, 0);
}

static void
test_read_nobody (void)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (qmig_process_read (G_MAXINT32, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND);
  g_assert_cmpint (qmig_process_rss_bytes (G_MAXINT32), ==, 0);
  g_assert_false (qmig_process_is_alive (G_MAXINT32, 1));
}

static void
test_pid_of_another (void)
{
  gint64 start_time = qmig_process_get_start_time (getpid ());
  g_autoptr(QmigProcessWatch) watch = qmig_process_watch_new (getpid (), start_time - 1, NULL, NULL);

  g_assert_true (qmig_process_is_alive (getpid (), start_time));
  g_assert_false (qmig_process_is_alive (getpid (), start_time - 1));
  /* The one that was meant is gone, and this one must not be killed for it. */
  g_assert_true (qmig_process_watch_is_gone (watch));
  g_assert_cmpint (qmig_process_watch_get_status (watch), ==, -1);
}

static void
test_zombie (void)
{
  gint64 pid = fork_child (3);
  gint64 start_time = qmig_process_get_start_time (pid);
  siginfo_t info;

  /* Ended, but left to be reaped. */
  g_assert_cmpint (waitid (P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), ==, 0);
  g_assert_false (qmig_process_is_alive (pid, start_time));
  g_assert_null (qmig_process_read (pid, NULL));
  {
    g_autoptr(QmigProcessWatch) watch = qmig_process_watch_new (pid, start_time, NULL, NULL);

    g_assert_true (qmig_process_watch_is_gone (watch));
    g_assert_cmpint (qmig_process_watch_get_status (watch), ==, W_EXITCODE (3, 0));
  }
  g_assert_cmpint (waitpid ((pid_t) pid, NULL, WNOHANG), ==, -1);
}

static void
test_end_is_told (void)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the child", LIMIT_MS);
  g_autoptr(QmigProcessWatch) watch = NULL;
  g_autoptr(GError) error = NULL;
  gint64 pid = fork_child (-1);
  guint told = 0;

  watch = qmig_process_watch_new (pid, qmig_process_get_start_time (pid), count, &told);
  g_assert_false (qmig_process_watch_is_gone (watch));
  g_assert_cmpint (qmig_process_watch_get_status (watch), ==, -1);
  kill ((pid_t) pid, SIGTERM);
  while (told == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (told, ==, 1);
  g_assert_cmpint (qmig_process_watch_get_status (watch), ==, SIGTERM);
  g_assert_true (qmig_process_watch_wait_gone (watch, wait, &error));
  g_assert_no_error (error);
}

static void
test_kill (void)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the child", LIMIT_MS);
  g_autoptr(QmigProcessWatch) watch = NULL;
  g_autoptr(GError) error = NULL;
  gint64 pid = fork_child (-1);

  watch = qmig_process_watch_new (pid, qmig_process_get_start_time (pid), NULL, NULL);
  /* Stopped processes die too. */
  kill ((pid_t) pid, SIGSTOP);
  g_assert_true (qmig_process_watch_kill (watch, wait, &error));
  g_assert_no_error (error);
  g_assert_cmpint (qmig_process_watch_get_status (watch), ==, SIGKILL);
  g_assert_cmpint (kill ((pid_t) pid, 0), ==, -1);
  g_assert_true (qmig_process_watch_kill (watch, wait, &error));
}

static void
test_kill_stranger (void)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the stranger", LIMIT_MS);
  g_autoptr(QmigProcessWatch) watch = NULL;
  g_autoptr(GError) error = NULL;
  int fds[2];
  pid_t grandchild, child;

  /* Its parent ends at once, so it is not ours to reap. */
  g_assert_cmpint (pipe (fds), ==, 0);
  child = fork ();
  if (child == 0)
    {
      grandchild = fork ();
      if (grandchild == 0)
        while (TRUE)
          pause ();
      _exit (write (fds[1], &grandchild, sizeof grandchild) == sizeof grandchild ? 0 : 1);
    }
  g_assert_cmpint (read (fds[0], &grandchild, sizeof grandchild), ==, sizeof grandchild);
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
  close (fds[0]);
  close (fds[1]);

  watch = qmig_process_watch_new (grandchild, qmig_process_get_start_time (grandchild), NULL, NULL);
  g_assert_false (qmig_process_watch_is_gone (watch));
  g_assert_true (qmig_process_watch_kill (watch, wait, &error));
  g_assert_no_error (error);
  g_assert_cmpint (qmig_process_watch_get_status (watch), ==, -1);
}

static void
test_wait_times_out (void)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the child", 20);
  g_autoptr(QmpWait) longer = qmp_wait_new (NULL, "the child", LIMIT_MS);
  g_autoptr(QmigProcessWatch) watch = NULL;
  g_autoptr(GError) error = NULL;
  gint64 pid = fork_child (-1);

  watch = qmig_process_watch_new (pid, qmig_process_get_start_time (pid), NULL, NULL);
  g_assert_false (qmig_process_watch_wait_gone (watch, wait, &error));
  g_assert_nonnull (strstr (error->message, "has not ended"));
  g_assert_true (qmig_process_watch_kill (watch, longer, NULL));
}

/* What nobody watches any more does not stay a zombie. */
static void
test_adopted (void)
{
  gint64 pid = fork_child (-1);
  siginfo_t info;

  qmig_process_watch_free (qmig_process_watch_new (pid, qmig_process_get_start_time (pid), NULL, NULL));
  kill ((pid_t) pid, SIGKILL);
  g_assert_cmpint (waitid (P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), ==, 0);
  g_ptr_array_unref (qmig_process_list_qemus ());
  g_assert_cmpint (qmig_process_get_start_time (pid), ==, 0);
}

/* A watch reaps its own process and no other. */
static void
test_others_children (void)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the child", LIMIT_MS);
  gint64 other = fork_child (7);
  gint64 pid = fork_child (-1);
  g_autoptr(QmigProcessWatch) watch = qmig_process_watch_new (pid, qmig_process_get_start_time (pid), NULL, NULL);
  int status;

  g_assert_true (qmig_process_watch_kill (watch, wait, NULL));
  g_assert_cmpint (waitpid ((pid_t) other, &status, 0), ==, other);
  g_assert_cmpint (WEXITSTATUS (status), ==, 7);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/process/read", test_read);
  g_test_add_func ("/process/read-nobody", test_read_nobody);
  g_test_add_func ("/process/pid-of-another", test_pid_of_another);
  g_test_add_func ("/process/zombie", test_zombie);
  g_test_add_func ("/process/end-is-told", test_end_is_told);
  g_test_add_func ("/process/kill", test_kill);
  g_test_add_func ("/process/kill-stranger", test_kill_stranger);
  g_test_add_func ("/process/wait-times-out", test_wait_times_out);
  g_test_add_func ("/process/adopted", test_adopted);
  g_test_add_func ("/process/others-children", test_others_children);
  return g_test_run ();
}
