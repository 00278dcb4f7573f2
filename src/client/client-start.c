/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where this user's own host lives, and how its agent comes to run without anybody having to think of it. */

#include "client-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <poll.h>

#include "client-dirs.h"

#define PROBE_MS 5000
#define START_MS 15000
#define LOG_TAIL_BYTES 2048

static char *
dir_from_env (const char *variable)
{
  const char *value = g_getenv (variable);

  return value != NULL && value[0] != '\0' ? g_canonicalize_filename (value, NULL) : NULL;
}

char *
qmig_client_default_runtime_dir (void)
{
  char *dir = dir_from_env ("QMIG_RUNTIME_DIR");
  const char *session = g_getenv ("XDG_RUNTIME_DIR");

  if (dir != NULL)
    return dir;
  if (session != NULL && g_path_is_absolute (session))
    return g_build_filename (session, "qmig", NULL);
  return g_strdup_printf ("/tmp/qmig-%u", (unsigned int) getuid ());
}

char *
qmig_client_default_state_dir (void)
{
  char *dir = dir_from_env ("QMIG_STATE_DIR");

  return dir != NULL ? dir : g_build_filename (g_get_user_state_dir (), "qmig", NULL);
}

char *
qmig_client_default_config_path (void)
{
  char *path = dir_from_env ("QMIG_CONFIG");

  return path != NULL ? path : g_build_filename (g_get_user_config_dir (), "qmig", "qmig.conf", NULL);
}

gboolean
qmig_client_make_private_dir (const char *dir, GError **error)
{
  struct stat st;

  if (g_mkdir_with_parents (dir, 0700) != 0)
    {
      int saved = errno;

      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot create directory '%s': %s", dir, g_strerror (saved));
      return FALSE;
    }

  /* Below /tmp anybody could have made it first, and would then be the agent that all requests go to. */
  if (lstat (dir, &st) != 0 || !S_ISDIR (st.st_mode) || st.st_uid != geteuid () || (st.st_mode & 0022) != 0)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_DENIED,
                   "cannot use directory '%s': it must belong to user %u and be writable by nobody else", dir,
                   (unsigned int) geteuid ());
      return FALSE;
    }

  return TRUE;
}

/* -- starting --------------------------------------------------------------- */

typedef struct
{
  QmigClient *client;
  GCancellable *cancellable;
  gint64 deadline_us;
  char *log_path;
  gint64 log_start; /* where this agent's part of the log begins */
  int pidfd;
} Start;

static gboolean
wake_up (gpointer user_data)
{
  gboolean *woken = user_data;

  *woken = TRUE;
  return G_SOURCE_REMOVE;
}

/* Lets the caller's context run for a moment; an agent needs some ten of them to come up. */
static gboolean
start_pause (Start *start, const char *what, GError **error)
{
  gboolean woken = FALSE;
  g_autoptr(GSource) timer = g_timeout_source_new (5);

  if (g_cancellable_set_error_if_cancelled (start->cancellable, error))
    return FALSE;

  if (g_get_monotonic_time () > start->deadline_us)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNREACHABLE,
                   "cannot reach an agent of one's own: %s for %d s; see '%s'", what, START_MS / 1000, start->log_path);
      return FALSE;
    }

  g_source_set_callback (timer, wake_up, &woken, NULL);
  g_source_attach (timer, start->client->context);
  while (!woken)
    g_main_context_iteration (start->client->context, TRUE);
  return TRUE;
}

/* FALSE without @error: nobody answers there. */
static gboolean
agent_answers (QmigClient *self, GCancellable *cancellable, GError **error)
{
  g_autoptr(GError) cause = NULL;
  g_autoptr(JsonObject) answer = qmig_client_call (self, "GET", "/v1/host", NULL, PROBE_MS, NULL, cancellable, &cause);

  if (answer != NULL)
    return TRUE;
  if (!g_error_matches (cause, QMIG_ERROR, QMIG_EXIT_UNREACHABLE))
    g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}

static int
take_start_lock (Start *start, const char *runtime_dir, GError **error)
{
  g_autofree char *path = g_build_filename (runtime_dir, "start.lock", NULL);
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0)
    {
      int saved = errno;

      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot open lock file '%s': %s", path, g_strerror (saved));
      return -1;
    }

  while (flock (fd, LOCK_EX | LOCK_NB) != 0)
    {
      if (!start_pause (start, "another command is still starting one", error))
        {
          close (fd);
          return -1;
        }
    }
  return fd;
}

static int
open_log (Start *start, GError **error)
{
  int fd = open (start->log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0)
    {
      int saved = errno;

      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot open log file '%s': %s", start->log_path,
                   g_strerror (saved));
      return -1;
    }

  start->log_start = lseek (fd, 0, SEEK_END);
  return fd;
}

/* What the agent wrote before it ended, as one line. */
static char *
read_log_tail (Start *start)
{
  char text[LOG_TAIL_BYTES + 1];
  g_autofree char *valid = NULL;
  int fd = open (start->log_path, O_RDONLY | O_CLOEXEC);
  gint64 end = fd >= 0 ? lseek (fd, 0, SEEK_END) : 0;
  gint64 from = MAX (start->log_start, end - LOG_TAIL_BYTES);
  gssize n = fd >= 0 ? pread (fd, text, LOG_TAIL_BYTES, from) : -1;

  if (fd >= 0)
    close (fd);
  if (n <= 0)
    return g_strdup ("it left no message");

  valid = g_utf8_make_valid (text, n);
  g_strdelimit (g_strstrip (valid), "\n\r\t", ' ');
  return g_steal_pointer (&valid);
}

static void
new_session (gpointer user_data)
{
  setsid ();
}

static gboolean
spawn_agent (Start *start, const char *program, GError **error)
{
  const char *argv[] = { program, "agent", "run", NULL };
  int log_fd = open_log (start, error);
  gboolean spawned;
  GPid pid = 0;

  if (log_fd < 0)
    return FALSE;

  /* GLib forks twice here: the agent is no child of ours, and leaves us no zombie whoever ends first. */
  spawned = g_spawn_async_with_fds ("/", (char **) argv, NULL, G_SPAWN_SEARCH_PATH, new_session, NULL, &pid, -1, log_fd,
                                    log_fd, error);
  close (log_fd);
  if (!spawned)
    {
      g_prefix_error (error, "cannot start the agent: ");
      return FALSE;
    }

  start->pidfd = pidfd_open (pid, 0);
  return TRUE;
}

static gboolean
agent_ended (Start *start)
{
  struct pollfd wait = { .fd = start->pidfd, .events = POLLIN };

  return start->pidfd < 0 || poll (&wait, 1, 0) > 0;
}

static gboolean
await_agent (Start *start, GError **error)
{
  for (;;)
    {
      gboolean ended = agent_ended (start);
      GError *cause = NULL;

      if (agent_answers (start->client, start->cancellable, &cause))
        return TRUE;
      if (cause != NULL)
        {
          g_propagate_error (error, cause);
          return FALSE;
        }

      if (ended)
        {
          g_autofree char *tail = read_log_tail (start);

          g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "cannot start the agent: %s (log: '%s')", tail,
                       start->log_path);
          return FALSE;
        }

      if (!start_pause (start, "the one that was started does not answer", error))
        return FALSE;
    }
}

static gboolean
start_agent (Start *start, const char *program, const char *runtime_dir, GError **error)
{
  g_autofree char *state_dir = qmig_client_default_state_dir ();
  gboolean done = FALSE;
  GError *cause = NULL;
  int lock_fd;

  if (!qmig_client_make_private_dir (state_dir, error))
    return FALSE;

  start->log_path = g_build_filename (state_dir, "agent.log", NULL);
  lock_fd = take_start_lock (start, runtime_dir, error);
  if (lock_fd < 0)
    return FALSE;

  /* Whoever held the lock before may have started one. */
  if (agent_answers (start->client, start->cancellable, &cause))
    done = TRUE;
  else if (cause != NULL)
    g_propagate_error (error, cause);
  else
    done = spawn_agent (start, program, error) && await_agent (start, error);

  close (lock_fd);
  return done;
}

gboolean
qmig_client_ensure_agent (QmigClient *self, const char *program, GCancellable *cancellable, GError **error)
{
  g_autofree char *runtime_dir = NULL;
  Start start = { .client = self, .cancellable = cancellable, .pidfd = -1 };
  GError *cause = NULL;
  gboolean done;

  if (!g_str_equal (self->uri, "local"))
    return TRUE;
  runtime_dir = g_path_get_dirname (self->socket_path);
  if (!qmig_client_make_private_dir (runtime_dir, error))
    return FALSE;
  if (agent_answers (self, cancellable, &cause))
    return TRUE;
  if (cause != NULL)
    {
      g_propagate_error (error, cause);
      return FALSE;
    }

  start.deadline_us = g_get_monotonic_time () + START_MS * G_TIME_SPAN_MILLISECOND;
  done = start_agent (&start, program, runtime_dir, error);
  if (start.pidfd >= 0)
    close (start.pidfd);
  g_free (start.log_path);
  return done;
}
