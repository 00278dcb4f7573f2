/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api-error.h"

#define FIRST_FD 3
#define FDS_MAX 64

/* -- the socket ----------------------------------------------------------------- */

/* How many descriptors are for this process. */
static int
take_count (void)
{
  const char *pid = g_getenv ("LISTEN_PID");
  const char *fds = g_getenv ("LISTEN_FDS");
  gboolean ours = pid != NULL && fds != NULL && g_ascii_strtoll (pid, NULL, 10) == (gint64) getpid ();
  int count = ours ? (int) g_ascii_strtoll (fds, NULL, 10) : 0;

  g_unsetenv ("LISTEN_PID");
  g_unsetenv ("LISTEN_FDS");
  g_unsetenv ("LISTEN_FDNAMES");
  return CLAMP (count, 0, FDS_MAX);
}

static gboolean
has_option (int fd, int option, int wanted)
{
  int value = 0;
  socklen_t size = sizeof value;

  return getsockopt (fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

/* (transfer full): where it listens; NULL with @error for anything but a unix stream socket that listens. */
static char *
get_path (int fd, GError **error)
{
  struct sockaddr_un address = { 0 };
  socklen_t size = sizeof address;

  if (getsockname (fd, (struct sockaddr *) &address, &size) != 0 || address.sun_family != AF_UNIX
      || !has_option (fd, SO_TYPE, SOCK_STREAM) || !has_option (fd, SO_ACCEPTCONN, 1))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                   "cannot serve descriptor %d, which the service manager passed: it is no unix stream socket that listens", fd);
      return NULL;
    }
  return g_strndup (address.sun_path, size - offsetof (struct sockaddr_un, sun_path));
}

/* The manager may have been told of the same place by another name, /var/run for /run. */
static gboolean
is_same_place (const char *a, const char *b)
{
  struct stat st_a, st_b;

  return g_str_equal (a, b)
         || (lstat (a, &st_a) == 0 && lstat (b, &st_b) == 0 && st_a.st_dev == st_b.st_dev && st_a.st_ino == st_b.st_ino);
}

gboolean
agent_activation_take_socket (const char *path, GSocket **socket, GError **error)
{
  int count = take_count ();
  g_autofree char *listens = NULL;
  g_autoptr(GSocket) taken = NULL;

  for (int i = 0; i < count; i++)
    fcntl (FIRST_FD + i, F_SETFD, FD_CLOEXEC);
  if (count > 1)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                   "cannot serve the %d sockets that the service manager passed: the agent has one, '%s'", count, path);
      return FALSE;
    }
  if (count == 1)
    {
      listens = get_path (FIRST_FD, error);
      if (listens == NULL)
        return FALSE;
      if (!is_same_place (listens, path))
        {
          g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                       "cannot serve '%s', which the service manager passed: with this runtime directory the agent's "
                       "socket is '%s', and clients look for it there",
                       listens, path);
          return FALSE;
        }
      taken = g_socket_new_from_fd (FIRST_FD, error);
      if (taken == NULL)
        return FALSE;
    }

  *socket = g_steal_pointer (&taken);
  return TRUE;
}

/* -- news for the manager ---------------------------------------------------------- */

void
agent_activation_notify (const char *state)
{
  const char *path = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gsize length = path != NULL ? strlen (path) : 0;
  int fd;

  if (length < 2 || length >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
    return;

  memcpy (address.sun_path, path, length);
  if (path[0] == '@')
    address.sun_path[0] = '\0';
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0
      || sendto (fd, state, strlen (state), MSG_NOSIGNAL, (struct sockaddr *) &address,
                 (socklen_t) (offsetof (struct sockaddr_un, sun_path) + length)) < 0)
    g_warning ("cannot tell the service manager '%s': %s", state, g_strerror (errno));
  if (fd >= 0)
    close (fd);
}
