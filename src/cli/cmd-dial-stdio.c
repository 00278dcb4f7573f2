/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUFFER_BYTES (256 * 1024)

/* -- where to ----------------------------------------------------------------- */

/* Path of the socket that the incoming migration listens on.  (transfer full) */
static char *
stream_path (Cli *cli, const char *migration, GError **error)
{
  g_autofree char *path = qmig_client_path ("/v1/incoming/%s", migration);
  g_autoptr(QmigIncoming) incoming = cli_get_value (cli, path, &qmig_incoming_type, error);

  if (incoming == NULL)
    return NULL;

  if (incoming->uri == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND,
                   "cannot connect to the stream of migration %s: no QEMU of this host waits for it", migration);
      return NULL;
    }

  if (!g_str_has_prefix (incoming->uri, "unix:"))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED,
                   "cannot connect to the stream of migration %s: it does not listen on a unix socket (%s)", migration,
                   incoming->uri);
      return NULL;
    }
  return g_strdup (incoming->uri + strlen ("unix:"));
}

static char *
agent_path (void)
{
  g_autofree char *runtime_dir = qmig_client_default_runtime_dir ();

  return g_build_filename (runtime_dir, "agent.sock", NULL);
}

static int
connect_unix (const char *path, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gboolean fits = g_strlcpy (address.sun_path, path, sizeof address.sun_path) < sizeof address.sun_path;
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd >= 0 && !fits)
    errno = ENAMETOOLONG;
  if (fd < 0 || !fits || connect (fd, (struct sockaddr *) &address, sizeof address) != 0)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "cannot connect to '%s': %s", path, g_strerror (errno));
      if (fd >= 0)
        close (fd);
      return -1;
    }
  return fd;
}

/* -- to and fro ------------------------------------------------------------------ */

/* sshd may have made our stdin and stdout non-blocking, together with its own end. */
static void
set_blocking (int fd)
{
  int flags = fcntl (fd, F_GETFL);

  if (flags >= 0)
    fcntl (fd, F_SETFL, flags & ~O_NONBLOCK);
}

static gboolean
write_all (int fd, const char *data, gssize length)
{
  while (length > 0)
    {
      gssize n = write (fd, data, (gsize) length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      data += n;
      length -= n;
    }
  return TRUE;
}

/* TRUE while @from has more to come and @to takes it. */
static gboolean
move_some (int from, int to, char *buffer)
{
  gssize n = read (from, buffer, BUFFER_BYTES);

  if (n < 0 && errno == EINTR)
    return TRUE;
  return n > 0 && write_all (to, buffer, n);
}

static gpointer
send_stdin (gpointer user_data)
{
  int socket_fd = GPOINTER_TO_INT (user_data);
  g_autofree char *buffer = g_malloc (BUFFER_BYTES);

  while (move_some (STDIN_FILENO, socket_fd, buffer))
    continue;
  shutdown (socket_fd, SHUT_WR);
  return NULL;
}

/* Also ends when nobody reads stdout any more: a far agent with nothing to say would never find that out. */
static void
send_stdout (int socket_fd)
{
  g_autofree char *buffer = g_malloc (BUFFER_BYTES);
  gboolean goes_on = TRUE;

  while (goes_on)
    {
      struct pollfd fds[] = { { .fd = socket_fd, .events = POLLIN }, { .fd = STDOUT_FILENO } };

      if (poll (fds, G_N_ELEMENTS (fds), -1) < 0)
        goes_on = errno == EINTR;
      else if (fds[0].revents != 0)
        goes_on = move_some (socket_fd, STDOUT_FILENO, buffer);
      else
        goes_on = fds[1].revents == 0;
    }
}

/* A thread each way: neither can hold up the other, and nothing else has to be written down. */
static void
splice_stdio (int socket_fd)
{
  signal (SIGPIPE, SIG_IGN);
  set_blocking (STDIN_FILENO);
  set_blocking (STDOUT_FILENO);
  g_thread_unref (g_thread_new ("stdin", send_stdin, GINT_TO_POINTER (socket_fd)));
  send_stdout (socket_fd);
}

int
cmd_agent_dial_stdio (Cli *cli, GError **error)
{
  const char *migration = cli_options_text (cli->options, "migration");
  g_autofree char *path = NULL;
  int fd;

  g_free (cli->host);
  cli->host = g_strdup ("local");
  if (!cli_connect (cli, error))
    return QMIG_EXIT_ERROR;

  path = migration != NULL ? stream_path (cli, migration, error) : agent_path ();
  fd = path != NULL ? connect_unix (path, error) : -1;
  if (fd < 0)
    return QMIG_EXIT_ERROR;

  /* The connection it keeps for further questions is not needed for as long as this one lasts. */
  g_clear_object (&cli->client);
  splice_stdio (fd);
  return QMIG_EXIT_OK;
}
