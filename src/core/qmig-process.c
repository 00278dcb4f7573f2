/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib-unix.h>
#include <glib/gstdio.h>

#include "api-error.h"

#define EXEC_TRIES 20
#define EXEC_PAUSE_US 500

/* -- /proc ------------------------------------------------------------------ */

typedef struct
{
  char state;
  gint64 parent;
  gint64 session;
  gint64 start_time;
} ProcStat;

static gboolean
read_proc_file (gint64 pid, const char *name, char **text, gsize *length)
{
  g_autofree char *path = g_strdup_printf ("/proc/%" G_GINT64_FORMAT "/%s", pid, name);

  return g_file_get_contents (path, text, length, NULL);
}

static char *
read_proc_link (gint64 pid, const char *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/%" G_GINT64_FORMAT "/%s", pid, name);

  return g_file_read_link (path, NULL);
}

static gboolean
read_stat (gint64 pid, ProcStat *out)
{
  g_autofree char *text = NULL;
  g_auto(GStrv) fields = NULL;
  const char *after_name;

  if (pid <= 0 || !read_proc_file (pid, "stat", &text, NULL))
    return FALSE;
  /* The name in parentheses may hold anything, parentheses too. */
  after_name = strrchr (text, ')');
  if (after_name == NULL || after_name[1] == '\0')
    return FALSE;
  fields = g_strsplit (after_name + 2, " ", 22);
  if (g_strv_length (fields) < 20)
    return FALSE;
  out->state = fields[0][0];
  out->parent = g_ascii_strtoll (fields[1], NULL, 10);
  out->session = g_ascii_strtoll (fields[3], NULL, 10);
  out->start_time = g_ascii_strtoll (fields[19], NULL, 10);

  return TRUE;
}

static gboolean
stat_is_alive (const ProcStat *stat)
{
  return stat->state != 'Z' && stat->state != 'X' && stat->state != 'x';
}

static gint64
read_uid (gint64 pid)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!read_proc_file (pid, "status", &text, NULL))
    return -1;
  line = strstr (text, "\nUid:");

  return line ? g_ascii_strtoll (line + strlen ("\nUid:"), NULL, 10) : -1;
}

static char **
read_argv (gint64 pid)
{
  g_autofree char *text = NULL;
  g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func (g_free);
  gsize length = 0;

  if (read_proc_file (pid, "cmdline", &text, &length))
    for (gsize at = 0; at < length; at += strlen (text + at) + 1)
      g_ptr_array_add (words, g_strdup (text + at));
  g_ptr_array_add (words, NULL);

  return (char **) g_ptr_array_free (g_steal_pointer (&words), FALSE);
}

static gboolean
is_qemu_name (const char *path)
{
  g_autofree char *name = g_path_get_basename (path);

  return g_str_has_prefix (name, "qemu-system-");
}

static gboolean
is_loader_name (const char *name)
{
  return g_str_has_prefix (name, "ld-linux") || g_str_has_prefix (name, "ld.so");
}

/* A QEMU started through its dynamic linker: "ld-linux-x86-64.so.2 --library-path … qemu-system-x86_64 …". */
static void
look_through_loader (QmigProcess *self)
{
  g_autofree char *name = g_path_get_basename (self->exe);
  guint i = 0;

  if (!is_loader_name (name))
    return;
  while (self->argv[i] != NULL && !is_qemu_name (self->argv[i]))
    i++;
  if (self->argv[i] == NULL)
    return;
  g_free (self->exe);
  self->exe = g_strdup (self->argv[i]);
  for (guint j = 0; j < i; j++)
    g_free (self->argv[j]);
  memmove (self->argv, self->argv + i, (g_strv_length (self->argv + i) + 1) * sizeof (char *));
}

static char *
read_exe (gint64 pid)
{
  char *exe = read_proc_link (pid, "exe");

  if (exe != NULL && g_str_has_suffix (exe, " (deleted)"))
    exe[strlen (exe) - strlen (" (deleted)")] = '\0';
  return exe;
}

/* In the middle of its exec a process has its new executable, but not yet its command line. */
static void
read_program (QmigProcess *self)
{
  for (guint tries = 0; tries < EXEC_TRIES; tries++)
    {
      g_free (self->exe);
      g_strfreev (self->argv);
      self->exe = read_exe (self->pid);
      self->argv = read_argv (self->pid);
      if (self->exe == NULL || self->argv[0] != NULL)
        return;
      g_usleep (EXEC_PAUSE_US);
    }
}

QmigProcess *
qmig_process_read (gint64 pid, GError **error)
{
  g_autoptr(QmigProcess) self = g_new0 (QmigProcess, 1);
  ProcStat before, after;

  self->pid = pid;
  if (read_stat (pid, &before) && stat_is_alive (&before))
    {
      self->start_time = before.start_time;
      self->uid = read_uid (pid);
      read_program (self);
      self->cwd = read_proc_link (pid, "cwd");
    }
  /* What was read belongs together only if the pid did not change hands meanwhile. */
  if (self->argv == NULL || !read_stat (pid, &after) || !stat_is_alive (&after)
      || after.start_time != before.start_time)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "there is no process %" G_GINT64_FORMAT, pid);
      return NULL;
    }
  if (self->exe == NULL && self->argv[0] == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_DENIED,
                   "cannot read process %" G_GINT64_FORMAT ": it belongs to uid %" G_GINT64_FORMAT, pid, self->uid);
      return NULL;
    }
  /* Another user's executable may not be read, its command line may. */
  if (self->exe == NULL)
    self->exe = g_strdup (self->argv[0]);
  look_through_loader (self);

  return g_steal_pointer (&self);
}

void
qmig_process_free (QmigProcess *self)
{
  g_free (self->exe);
  g_free (self->cwd);
  g_strfreev (self->argv);
  g_free (self);
}

gint64
qmig_process_get_start_time (gint64 pid)
{
  ProcStat stat;

  return read_stat (pid, &stat) ? stat.start_time : 0;
}

gboolean
qmig_process_is_alive (gint64 pid, gint64 start_time)
{
  ProcStat stat;

  if (read_stat (pid, &stat))
    return stat_is_alive (&stat) && stat.start_time == start_time;
  /* Unreadable is not gone: no descriptor may be left for us, and only "no such process" is proof. */
  return pid > 0 && (kill ((pid_t) pid, 0) == 0 || errno != ESRCH);
}

gint64
qmig_process_rss_bytes (gint64 pid)
{
  g_autofree char *text = NULL;
  const char *second;

  if (!read_proc_file (pid, "statm", &text, NULL))
    return 0;
  second = strchr (text, ' ');

  return second ? g_ascii_strtoll (second, NULL, 10) * sysconf (_SC_PAGESIZE) : 0;
}

/* -- children that nobody watches --------------------------------------------- */

static GMutex adopted_lock;
static GArray *adopted; /* gint64 pids; each is ours until it is reaped, so none can be used again */

static void
reap_adopted (void)
{
  g_mutex_lock (&adopted_lock);
  for (guint i = adopted ? adopted->len : 0; i > 0; i--)
    {
      pid_t pid = (pid_t) g_array_index (adopted, gint64, i - 1);

      if (waitpid (pid, NULL, WNOHANG) != 0)
        g_array_remove_index_fast (adopted, i - 1);
    }
  g_mutex_unlock (&adopted_lock);
}

gint64
qmig_process_touched_bytes (gint64 pid)
{
  static const char *const names[] = { "\nVmRSS:", "\nVmSwap:", "\nHugetlbPages:" };
  g_autofree char *text = NULL;
  gint64 kib = 0;

  if (!read_proc_file (pid, "status", &text, NULL))
    return 0;
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const char *line = strstr (text, names[i]);

      if (line != NULL)
        kib += MAX (g_ascii_strtoll (line + strlen (names[i]), NULL, 10), 0);
    }
  return kib * 1024;
}

void
qmig_process_adopt (gint64 pid)
{
  reap_adopted ();
  g_mutex_lock (&adopted_lock);
  if (adopted == NULL)
    adopted = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_array_append_val (adopted, pid);
  g_mutex_unlock (&adopted_lock);
}

static void
disown (gint64 pid)
{
  g_mutex_lock (&adopted_lock);
  for (guint i = adopted ? adopted->len : 0; i > 0; i--)
    if (g_array_index (adopted, gint64, i - 1) == pid)
      g_array_remove_index_fast (adopted, i - 1);
  g_mutex_unlock (&adopted_lock);
}

/* Cheap, for it is asked of every process there is: a linker may be about to run anything. */
static gboolean
may_be_qemu (gint64 pid)
{
  g_autofree char *exe = read_exe (pid);
  g_autofree char *name = NULL;
  g_auto(GStrv) argv = NULL;

  if (exe != NULL)
    {
      name = g_path_get_basename (exe);
      return is_qemu_name (name) || is_loader_name (name);
    }
  argv = read_argv (pid);

  return argv[0] != NULL && is_qemu_name (argv[0]);
}

GPtrArray *
qmig_process_list_qemus (void)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_process_free);
  g_autoptr(GDir) dir = g_dir_open ("/proc", 0, NULL);
  const char *name;

  reap_adopted ();
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      gint64 pid = g_ascii_strtoll (name, NULL, 10);
      g_autoptr(QmigProcess) process = pid > 0 && may_be_qemu (pid) ? qmig_process_read (pid, NULL) : NULL;

      if (process != NULL && is_qemu_name (process->exe))
        g_ptr_array_add (list, g_steal_pointer (&process));
    }
  return list;
}

QmigProcess *
qmig_process_find_leader (const char *argument)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc", 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      gint64 pid = g_ascii_strtoll (name, NULL, 10);
      g_autoptr(QmigProcess) process = NULL;
      ProcStat stat;

      if (!read_stat (pid, &stat) || stat.session != pid)
        continue;
      process = qmig_process_read (pid, NULL);
      if (process != NULL && g_strv_contains ((const char *const *) process->argv, argument))
        return g_steal_pointer (&process);
    }
  return NULL;
}

/* -- watching ------------------------------------------------------------------- */

struct _QmigProcessWatch
{
  gint64 pid;
  gint64 start_time;
  int pidfd; /* -1 once gone */
  GSource *source;
  int status;
  QmigProcessGone gone;
  gpointer user_data;
};

static int
status_from_siginfo (const siginfo_t *info)
{
  if (info->si_code == CLD_EXITED)
    return W_EXITCODE (info->si_status, 0);
  return info->si_status | (info->si_code == CLD_DUMPED ? WCOREFLAG : 0);
}

static void
mark_gone (QmigProcessWatch *self)
{
  siginfo_t info = { 0 };

  if (self->pidfd < 0)
    return;
  /* Fails with ECHILD when it is no child of ours: somebody else reaps it. */
  if (waitid (P_PIDFD, (id_t) self->pidfd, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0)
    self->status = status_from_siginfo (&info);
  close (self->pidfd);
  self->pidfd = -1;
  if (self->source != NULL)
    {
      g_source_destroy (self->source);
      g_clear_pointer (&self->source, g_source_unref);
    }
}

static gboolean
has_ended (QmigProcessWatch *self)
{
  GPollFD poll = { .fd = self->pidfd, .events = G_IO_IN };

  return self->pidfd < 0 ? !qmig_process_is_alive (self->pid, self->start_time) : g_poll (&poll, 1, 0) > 0;
}

static gboolean
on_pidfd (int fd, GIOCondition condition, gpointer data)
{
  QmigProcessWatch *self = data;

  mark_gone (self);
  if (self->gone != NULL)
    self->gone (self->user_data);

  return G_SOURCE_REMOVE;
}

QmigProcessWatch *
qmig_process_watch_new (gint64 pid, gint64 start_time, QmigProcessGone gone, gpointer user_data)
{
  QmigProcessWatch *self = g_new0 (QmigProcessWatch, 1);
  ProcStat stat;

  self->pid = pid;
  self->status = -1;
  self->gone = gone;
  self->user_data = user_data;
  self->start_time = start_time;
  self->pidfd = pid > 0 ? (int) syscall (SYS_pidfd_open, (pid_t) pid, 0) : -1;
  /* The pid is pinned now; if its start time is another one, the process meant is gone. */
  if (self->pidfd >= 0 && read_stat (pid, &stat) && stat.start_time != start_time)
    {
      close (self->pidfd);
      self->pidfd = -1;
    }
  if (self->pidfd < 0)
    return self;

  disown (pid);
  self->source = g_unix_fd_source_new (self->pidfd, G_IO_IN);
  g_source_set_callback (self->source, G_SOURCE_FUNC (on_pidfd), self, NULL);
  g_source_attach (self->source, g_main_context_get_thread_default ());

  return self;
}

void
qmig_process_watch_free (QmigProcessWatch *self)
{
  ProcStat stat;

  if (has_ended (self))
    mark_gone (self);
  else if (read_stat (self->pid, &stat) && stat.parent == getpid ())
    qmig_process_adopt (self->pid);
  if (self->source != NULL)
    {
      g_source_destroy (self->source);
      g_source_unref (self->source);
    }
  if (self->pidfd >= 0)
    close (self->pidfd);
  g_free (self);
}

gboolean
qmig_process_watch_is_gone (QmigProcessWatch *self)
{
  return has_ended (self);
}

int
qmig_process_watch_get_status (QmigProcessWatch *self)
{
  if (has_ended (self))
    mark_gone (self);
  return self->status;
}

static QmpCheck
check_gone (gpointer data, GError **error)
{
  QmigProcessWatch *self = data;

  if (!has_ended (self))
    return QMP_CHECK_PENDING;
  mark_gone (self);

  return QMP_CHECK_DONE;
}

gboolean
qmig_process_watch_wait_gone (QmigProcessWatch *self, QmpWait *wait, GError **error)
{
  if (qmp_wait_until (wait, check_gone, self, error))
    return TRUE;
  g_prefix_error (error, "process %" G_GINT64_FORMAT " has not ended: ", self->pid);

  return FALSE;
}

gboolean
qmig_process_watch_kill (QmigProcessWatch *self, QmpWait *wait, GError **error)
{
  if (!has_ended (self) && self->pidfd < 0)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot kill process %" G_GINT64_FORMAT ": it cannot be watched", self->pid);
      return FALSE;
    }
  if (!has_ended (self) && syscall (SYS_pidfd_send_signal, self->pidfd, SIGKILL, NULL, 0) != 0 && errno != ESRCH)
    {
      int saved = errno;

      g_set_error (error, QMIG_ERROR, saved == EPERM ? QMIG_EXIT_DENIED : QMIG_EXIT_ERROR,
                   "cannot kill process %" G_GINT64_FORMAT ": %s", self->pid, g_strerror (saved));
      return FALSE;
    }
  return qmig_process_watch_wait_gone (self, wait, error);
}
