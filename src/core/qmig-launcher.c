/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-launcher.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "api-error.h"
#include "qmig-launcher-unit.h"
#include "qmig-process.h"

#define LOG_NAME "qemu.log"
#define LOG_TAIL_BYTES 2048
#define LOG_MAX_BYTES (4 * 1024 * 1024)
#define LOG_KEEP_BYTES (1024 * 1024)

static gboolean
fail (GError **error, const char *act, const char *object, int saved_errno)
{
  g_set_error (error, QMIG_ERROR, saved_errno == EACCES || saved_errno == EPERM ? QMIG_EXIT_DENIED : QMIG_EXIT_ERROR,
               "cannot %s '%s': %s", act, object, g_strerror (saved_errno));
  return FALSE;
}

static gboolean
make_run_dir (const char *run_dir, GError **error)
{
  struct stat st;

  if (g_mkdir_with_parents (run_dir, 0700) != 0)
    return fail (error, "create", run_dir, errno);
  if (lstat (run_dir, &st) != 0)
    return fail (error, "look at", run_dir, errno);
  /* Its sockets give full power over the VM: nobody else may own the way to them. */
  if (!S_ISDIR (st.st_mode) || st.st_uid != geteuid ())
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_DENIED, "cannot use '%s': it is not a directory of ours", run_dir);
      return FALSE;
    }
  if (chmod (run_dir, 0700) != 0)
    return fail (error, "protect", run_dir, errno);
  return TRUE;
}

static void
set_attributes (posix_spawnattr_t *attributes)
{
  sigset_t all, none;

  sigfillset (&all);
  sigemptyset (&none);
  posix_spawnattr_setsigdefault (attributes, &all);
  posix_spawnattr_setsigmask (attributes, &none);
  posix_spawnattr_setflags (attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

static void
set_actions (posix_spawn_file_actions_t *actions, int input, int log, const char *cwd)
{
  posix_spawn_file_actions_adddup2 (actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2 (actions, log, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2 (actions, log, STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np (actions, STDERR_FILENO + 1);
  posix_spawn_file_actions_addchdir_np (actions, cwd ? cwd : "/");
}

/* Returns an errno; 0 once the new program runs. */
static int
spawn (const char *const *argv, int input, int log, const char *cwd, pid_t *pid)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int result;

  posix_spawn_file_actions_init (&actions);
  posix_spawnattr_init (&attributes);
  set_actions (&actions, input, log, cwd);
  set_attributes (&attributes);
  result = posix_spawnp (pid, argv[0], &actions, &attributes, (char *const *) argv, environ);
  posix_spawnattr_destroy (&attributes);
  posix_spawn_file_actions_destroy (&actions);

  return result;
}

/* A descriptor above stderr, so that dup2 onto 0 to 2 cannot hit itself. */
static int
open_high (const char *path, int flags)
{
  int fd = open (path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
  int high;

  if (fd < 0 || fd > STDERR_FILENO)
    return fd;
  high = fcntl (fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  close (fd);

  return high;
}

static gboolean
spawn_logged (const char *const *argv, int log, const char *cwd, pid_t *pid, GError **error)
{
  int input = open_high ("/dev/null", O_RDONLY);
  int result = input < 0 ? errno : spawn (argv, input, log, cwd, pid);

  if (input >= 0)
    close (input);
  if (result == ENOENT && cwd != NULL && !g_file_test (cwd, G_FILE_TEST_IS_DIR))
    return fail (error, "start QEMU in", cwd, result);

  return result == 0 || fail (error, "start", argv[0], result);
}

static gboolean
start_child (const char *const *argv, int log, const char *cwd, gint64 *pid, gint64 *start_time, GError **error)
{
  pid_t child = 0;

  if (!spawn_logged (argv, log, cwd, &child, error))
    return FALSE;
  *pid = child;
  /* A child stays in /proc until it is reaped, and nobody reaps it yet. */
  *start_time = qmig_process_get_start_time (child);
  qmig_process_adopt (child);

  return TRUE;
}

gboolean
qmig_launcher_start (const char *const *argv,
                     const char *run_dir,
                     const char *cwd,
                     gint64 *pid,
                     gint64 *start_time,
                     GError **error)
{
  g_autofree char *log_path = g_build_filename (run_dir, LOG_NAME, NULL);
  QmigUnitResult in_unit;
  gboolean started;
  int log;

  if (!make_run_dir (run_dir, error))
    return FALSE;
  log = open_high (log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
  if (log < 0)
    return fail (error, "write", log_path, errno);
  in_unit = qmig_launcher_unit_start (argv, log_path, cwd ? cwd : "/", pid, start_time, error);
  started = in_unit == QMIG_UNIT_STARTED || (in_unit == QMIG_UNIT_NONE && start_child (argv, log, cwd, pid, start_time, error));
  close (log);

  return started;
}

static gsize
read_end (const char *path, char *buffer, gsize size)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  off_t end;
  ssize_t got;

  if (fd < 0)
    return 0;
  end = lseek (fd, 0, SEEK_END);
  got = end < 0 ? 0 : pread (fd, buffer, size, MAX (end - (off_t) size, 0));
  close (fd);

  return got > 0 ? (gsize) got : 0;
}

static char *
join_lines (char *text)
{
  GString *joined = g_string_new (NULL);
  g_auto(GStrv) lines = NULL;

  for (char *c = text; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c) && *c != '\n')
      *c = ' ';
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (g_strstrip (lines[i])[0] != '\0' && strstr (lines[i], ": warning: ") == NULL)
      g_string_append_printf (joined, "%s%s", joined->len > 0 ? "; " : "", lines[i]);

  return g_string_free (joined, FALSE);
}

char *
qmig_launcher_log_tail (const char *run_dir)
{
  g_autofree char *path = g_build_filename (run_dir, LOG_NAME, NULL);
  char buffer[LOG_TAIL_BYTES];
  gsize length = read_end (path, buffer, sizeof buffer);
  g_autofree char *valid = g_utf8_make_valid (buffer, (gssize) length);
  g_autofree char *joined = join_lines (valid);
  const char *tail = joined;

  /* Separators and replaced bytes made it longer. */
  if (strlen (joined) > LOG_TAIL_BYTES)
    tail = g_utf8_find_next_char (joined + strlen (joined) - LOG_TAIL_BYTES - 1, NULL);

  return g_strdup (tail);
}

/* QEMU only ever appends. A hole at the front gives the space back and moves nothing that it writes meanwhile. */
static void
trim_log (const char *path)
{
  int fd = open (path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat st;

  if (fd < 0)
    return;
  if (fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && (gint64) st.st_blocks * 512 > LOG_MAX_BYTES && st.st_size > LOG_KEEP_BYTES
      && fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, st.st_size - LOG_KEEP_BYTES) != 0)
    g_debug ("cannot shorten '%s': %s", path, g_strerror (errno));
  close (fd);
}

void
qmig_launcher_trim_logs (const char *runtime_dir)
{
  g_autofree char *vms = g_build_filename (runtime_dir, "vm", NULL);
  g_autoptr(GDir) dir = g_dir_open (vms, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (vms, name, LOG_NAME, NULL);

      trim_log (path);
    }
}

static gboolean
is_run_dir (const char *runtime_dir, const char *run_dir)
{
  g_autofree char *base = g_build_filename (runtime_dir, "vm", NULL);
  g_autofree char *parent = g_path_get_dirname (run_dir);
  g_autofree char *name = g_path_get_basename (run_dir);

  return g_path_is_absolute (run_dir) && g_str_equal (parent, base) && g_str_has_suffix (run_dir, name)
         && name[0] != '.';
}

static gboolean
remove_entries (const char *run_dir, GError **error)
{
  int fd = open (run_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
  struct dirent *entry;
  gboolean ok = TRUE;

  if (dir == NULL)
    return errno == ENOENT || fail (error, "open", run_dir, errno);
  while (ok && (entry = readdir (dir)) != NULL)
    {
      if (g_str_equal (entry->d_name, ".") || g_str_equal (entry->d_name, ".."))
        continue;
      if (unlinkat (fd, entry->d_name, 0) != 0 && errno != ENOENT)
        ok = fail (error, "remove", entry->d_name, errno);
    }
  closedir (dir);

  return ok;
}

gboolean
qmig_launcher_remove_run_dir (const char *runtime_dir, const char *run_dir, GError **error)
{
  if (!is_run_dir (runtime_dir, run_dir))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot remove '%s': it is no run directory below '%s/vm'",
                   run_dir, runtime_dir);
      return FALSE;
    }
  if (!remove_entries (run_dir, error))
    return FALSE;

  /* A read-only file system refuses before it looks whether the directory is there. */
  return rmdir (run_dir) == 0 || errno == ENOENT || (errno == EROFS && !g_file_test (run_dir, G_FILE_TEST_EXISTS))
         || fail (error, "remove", run_dir, errno);
}
