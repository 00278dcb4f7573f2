/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client-tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib-unix.h>
#include <glib/gstdio.h>

#include "client-ssh.h"
#include "client-tunnel-dir.h"

/* Most that is kept of what one ssh writes to stderr. */
#define TEXT_MAX_BYTES 16384
#define SETTLE_MS 2000
#define END_MS 2000
/* One migration may have many channels, and all connect at once. */
#define BACKLOG 64

struct _ClientTunnel
{
  ClientSsh *ssh;
  char *migration; /* (nullable) */
  GMainContext *context;
  char *dir;
  int dir_lock_fd;
  char *path;
  char *control_path; /* (nullable) */
  int listen_fd;
  GSource *listen_source;
  GPtrArray *links;   /* of Link: the ssh's that run */
  GPtrArray *waiters; /* of Waiter */
  GError *problem;    /* (nullable) */
  gboolean leave;
};

typedef struct
{
  ClientTunnel *tunnel;
  GPid pid;
  int pidfd;
  int text_fd; /* its stderr */
  GSource *source;
} Link;

static void
destroy_source (GSource *source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

static void
link_free (Link *link)
{
  g_clear_pointer (&link->source, destroy_source);
  if (link->pidfd >= 0)
    close (link->pidfd);
  close (link->text_fd);
  g_free (link);
}

/* -- waiting for an end --------------------------------------------------------- */

typedef struct
{
  GTask *task;
  GSource *timer;
  GSource *cancel_source; /* (nullable) */
} Waiter;

static void
waiter_free (Waiter *waiter)
{
  destroy_source (waiter->timer);
  g_clear_pointer (&waiter->cancel_source, destroy_source);
  g_task_return_boolean (waiter->task, TRUE);
  g_object_unref (waiter->task);
  g_free (waiter);
}

static gboolean
waiter_timed_out (gpointer user_data)
{
  Waiter *waiter = user_data;
  ClientTunnel *tunnel = g_task_get_task_data (waiter->task);

  g_ptr_array_remove (tunnel->waiters, waiter);
  return G_SOURCE_REMOVE;
}

static gboolean
waiter_cancelled (GCancellable *cancellable, gpointer user_data)
{
  return waiter_timed_out (user_data);
}

static void
wake_waiters (ClientTunnel *self)
{
  if (self->problem != NULL || self->links->len == 0)
    g_ptr_array_set_size (self->waiters, 0);
}

void
client_tunnel_settle_async (ClientTunnel *self,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  Waiter *waiter = g_new0 (Waiter, 1);

  waiter->task = g_task_new (NULL, NULL, callback, user_data);
  g_task_set_source_tag (waiter->task, client_tunnel_settle_async);
  g_task_set_task_data (waiter->task, self, NULL);
  waiter->timer = g_timeout_source_new (SETTLE_MS);
  g_source_set_callback (waiter->timer, waiter_timed_out, waiter, NULL);
  g_source_attach (waiter->timer, self->context);
  if (cancellable != NULL)
    {
      waiter->cancel_source = g_cancellable_source_new (cancellable);
      g_source_set_callback (waiter->cancel_source, G_SOURCE_FUNC (waiter_cancelled), waiter, NULL);
      g_source_attach (waiter->cancel_source, self->context);
    }

  g_ptr_array_add (self->waiters, waiter);
  wake_waiters (self);
}

/* -- one ssh ------------------------------------------------------------------------ */

static void
new_session (gpointer user_data)
{
  setsid ();
}

/*
 * A file of fixed size in memory: what ssh writes beyond it fails there.  With
 * a pipe somebody would have to read on, also after this process has left the
 * connection alone.
 */
static int
open_text (GError **error)
{
  int fd = memfd_create ("qmig-ssh-stderr", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  gboolean made = fd >= 0 && ftruncate (fd, TEXT_MAX_BYTES) == 0
                  && fcntl (fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0;
  int saved = errno;

  if (made)
    return fd;
  if (fd >= 0)
    close (fd);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot make a file for ssh's messages: %s", g_strerror (saved));
  return -1;
}

static char *
read_text (int fd)
{
  g_autofree char *text = g_malloc0 (TEXT_MAX_BYTES + 1);

  return pread (fd, text, TEXT_MAX_BYTES, 0) >= 0 ? g_steal_pointer (&text) : g_strdup ("");
}

static void
set_problem (ClientTunnel *self, GError *problem)
{
  g_clear_error (&self->problem);
  self->problem = problem;
}

static gboolean
link_ended (int fd, GIOCondition condition, gpointer user_data)
{
  Link *link = user_data;
  ClientTunnel *self = link->tunnel;
  g_autofree char *text = read_text (link->text_fd);
  int wait_status = 0;

  while (waitpid (link->pid, &wait_status, 0) < 0 && errno == EINTR)
    continue;
  set_problem (self, client_ssh_explain (self->ssh, wait_status, text));
  g_ptr_array_remove (self->links, link);
  wake_waiters (self);
  return G_SOURCE_REMOVE;
}

/* Takes @text_fd in any case. */
static gboolean
link_spawn (ClientTunnel *self, char **argv, int connection_fd, int text_fd, GError **error)
{
  Link *link = g_new0 (Link, 1);
  g_autoptr(GError) cause = NULL;

  link->tunnel = self;
  link->text_fd = text_fd;
  link->pidfd = -1;
  /* In a session of its own no Ctrl-C meant for us ends the connection over which we still have to say so. */
  if (!g_spawn_async_with_fds (NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, new_session, NULL,
                               &link->pid, connection_fd, connection_fd, text_fd, &cause))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "cannot run ssh (package openssh-client): %s",
                   cause->message);
      link_free (link);
      return FALSE;
    }

  link->pidfd = pidfd_open (link->pid, 0);
  if (link->pidfd < 0)
    {
      int saved = errno;

      kill (link->pid, SIGKILL);
      waitpid (link->pid, NULL, 0);
      link_free (link);
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot watch ssh: %s", g_strerror (saved));
      return FALSE;
    }

  link->source = g_unix_fd_source_new (link->pidfd, G_IO_IN);
  g_source_set_callback (link->source, G_SOURCE_FUNC (link_ended), link, NULL);
  g_source_attach (link->source, self->context);
  g_ptr_array_add (self->links, link);
  return TRUE;
}

static gboolean
link_start (ClientTunnel *self, int connection_fd, GError **error)
{
  g_auto(GStrv) argv = client_ssh_dial_argv (self->ssh, self->control_path, self->migration, error);
  int text_fd = argv != NULL ? open_text (error) : -1;

  return text_fd >= 0 && link_spawn (self, argv, connection_fd, text_fd, error);
}

static gboolean
pidfd_wait (int pidfd, int limit_ms)
{
  struct pollfd wait = { .fd = pidfd, .events = POLLIN };

  return poll (&wait, 1, limit_ms) > 0;
}

static void
link_end (Link *link)
{
  kill (link->pid, SIGTERM);
  if (!pidfd_wait (link->pidfd, END_MS))
    kill (link->pid, SIGKILL);
  waitpid (link->pid, NULL, 0);
}

static gpointer
reap (gpointer user_data)
{
  waitpid (GPOINTER_TO_INT (user_data), NULL, 0);
  return NULL;
}

/* The contexts of the tunnel's thread may end now; the zombie should not outlast the stream all the same. */
static void
link_leave (Link *link)
{
  g_thread_unref (g_thread_new ("ssh-reaper", reap, GINT_TO_POINTER (link->pid)));
}

/* -- the socket ----------------------------------------------------------------------- */

/* The directory is private already; this is for a socket whose mode or place somebody changed. */
static gboolean
is_own_peer (int fd)
{
  struct ucred peer;
  socklen_t length = sizeof peer;

  return getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && (peer.uid == geteuid () || peer.uid == 0);
}

static gboolean
tunnel_accept (int fd, GIOCondition condition, gpointer user_data)
{
  ClientTunnel *self = user_data;
  int connection_fd = accept4 (fd, NULL, NULL, SOCK_CLOEXEC);
  GError *problem = NULL;

  if (connection_fd < 0)
    return G_SOURCE_CONTINUE;

  if (is_own_peer (connection_fd))
    {
      link_start (self, connection_fd, &problem);
      set_problem (self, problem);
      wake_waiters (self);
    }
  close (connection_fd);
  return G_SOURCE_CONTINUE;
}

static gboolean
tunnel_listen (ClientTunnel *self, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  self->path = g_build_filename (self->dir, CLIENT_TUNNEL_SOCKET, NULL);
  g_strlcpy (address.sun_path, self->path, sizeof address.sun_path);
  self->listen_fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  /* The mode of a socket counts from listen() on. */
  if (self->listen_fd < 0 || bind (self->listen_fd, (struct sockaddr *) &address, sizeof address) != 0
      || g_chmod (self->path, 0600) != 0 || listen (self->listen_fd, BACKLOG) != 0)
    {
      int saved = errno;

      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot listen on '%s': %s", self->path, g_strerror (saved));
      return FALSE;
    }

  self->listen_source = g_unix_fd_source_new (self->listen_fd, G_IO_IN);
  g_source_set_callback (self->listen_source, G_SOURCE_FUNC (tunnel_accept), self, NULL);
  g_source_attach (self->listen_source, self->context);
  return TRUE;
}

/* -- life ---------------------------------------------------------------------------------- */

ClientTunnel *
client_tunnel_new (const char *uri, const char *migration, GError **error)
{
  g_autoptr(ClientTunnel) self = g_new0 (ClientTunnel, 1);
  g_auto(GStrv) argv = NULL;

  self->listen_fd = -1;
  self->dir_lock_fd = -1;
  self->context = g_main_context_ref_thread_default ();
  self->links = g_ptr_array_new_with_free_func ((GDestroyNotify) link_free);
  self->waiters = g_ptr_array_new_with_free_func ((GDestroyNotify) waiter_free);
  self->migration = g_strdup (migration);
  self->ssh = client_ssh_new (uri, error);
  /* What cannot be said to ssh is found here, not when it is too late to answer. */
  if (self->ssh != NULL)
    argv = client_ssh_dial_argv (self->ssh, NULL, migration, error);
  if (argv != NULL)
    self->dir = client_tunnel_dir_make (&self->dir_lock_fd, error);
  if (self->dir == NULL || !tunnel_listen (self, error))
    return NULL;
  if (migration == NULL)
    self->control_path = g_build_filename (self->dir, CLIENT_TUNNEL_CONTROL, NULL);
  return g_steal_pointer (&self);
}

/* The login would end by itself a minute later; with its directory gone nobody could use it until then. */
static void
end_login (ClientTunnel *self)
{
  g_auto(GStrv) argv = NULL;
  GPid pid = 0;
  int pidfd;

  if (self->control_path == NULL || g_access (self->control_path, F_OK) != 0)
    return;

  argv = client_ssh_exit_argv (self->ssh, self->control_path, NULL);
  if (argv == NULL
      || !g_spawn_async (NULL, argv, NULL,
                         G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL
                             | G_SPAWN_STDERR_TO_DEV_NULL,
                         NULL, NULL, &pid, NULL))
    return;

  pidfd = pidfd_open (pid, 0);
  if (pidfd < 0 || !pidfd_wait (pidfd, END_MS))
    kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
  if (pidfd >= 0)
    close (pidfd);
}

void
client_tunnel_free (ClientTunnel *self)
{
  g_clear_pointer (&self->listen_source, destroy_source);
  if (self->listen_fd >= 0)
    close (self->listen_fd);
  for (guint i = 0; i < self->links->len; i++)
    {
      if (self->leave)
        link_leave (g_ptr_array_index (self->links, i));
      else
        link_end (g_ptr_array_index (self->links, i));
    }
  g_ptr_array_unref (self->links);
  g_ptr_array_unref (self->waiters);
  if (!self->leave)
    end_login (self);
  if (self->dir != NULL)
    client_tunnel_dir_remove (self->dir);
  if (self->dir_lock_fd >= 0)
    close (self->dir_lock_fd);
  g_clear_pointer (&self->ssh, client_ssh_free);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_clear_error (&self->problem);
  g_free (self->migration);
  g_free (self->dir);
  g_free (self->path);
  g_free (self->control_path);
  g_free (self);
}

void
client_tunnel_leave (ClientTunnel *self)
{
  self->leave = TRUE;
}

const char *
client_tunnel_get_path (ClientTunnel *self)
{
  return self->path;
}

char *
client_tunnel_dup_problem (ClientTunnel *self)
{
  return self->problem != NULL ? g_strdup (self->problem->message) : NULL;
}

const GError *
client_tunnel_get_problem (ClientTunnel *self)
{
  return self->problem;
}
