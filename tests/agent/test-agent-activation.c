/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An agent on a socket that a service manager passed; this program is the manager. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "agent-fixture.h"

static int
listen_at (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (fd, 16), ==, 0);
  return fd;
}

/* As a manager starts it: the variables name the very process. */
static GPid
activate (AgentFixture *f, const int *fds, gsize n_fds, const char *pid_text)
{
  const char *script = "LISTEN_PID=${1:-$$} LISTEN_FDS=$2; export LISTEN_PID LISTEN_FDS; exec \"$0\" alpha \"$3\" \"$4\" 2>>\"$5\"";
  g_autofree char *count = g_strdup_printf ("%zu", n_fds);
  const char *argv[] = { "/bin/sh", "-c", script, g_getenv ("QMIG_TEST_AGENT"), pid_text, count, f->runtime, f->state, f->log, NULL };
  const int targets[] = { 3, 4 };
  GError *error = NULL;
  GPid pid = 0;

  g_assert_cmpuint (n_fds, <=, G_N_ELEMENTS (targets));
  g_spawn_async_with_pipes_and_fds (NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, -1, -1, -1, fds, targets, n_fds,
                                    &pid, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return pid;
}

static int
await_exit (GPid pid)
{
  int status = 0;

  while (waitpid (pid, &status, 0) < 0)
    g_assert_cmpint (errno, ==, EINTR);
  return WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

static gpointer
ensure_in_thread (gpointer data)
{
  GMainContext *context = g_main_context_new ();
  GError *error = NULL;

  g_main_context_push_thread_default (context);
  {
    g_autoptr(QmigClient) client = qmig_client_new ("local", &error);

    /* The program that it would start does not exist. */
    g_assert_true (qmig_client_ensure_agent (client, "/nonexistent/qmig", NULL, &error));
    g_assert_no_error (error);
  }
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  return NULL;
}

/* A command's connection is what starts the agent, and the command starts none of its own. */
static void
test_serves (AgentFixture *f, gconstpointer data)
{
  struct pollfd arrival = { .events = POLLIN };
  g_autofree char *uri = g_strconcat ("unix:", f->socket, NULL);
  g_autofree char *log = NULL;
  GThread *command;

  g_setenv ("QMIG_RUNTIME_DIR", f->runtime, TRUE);
  g_setenv ("QMIG_STATE_DIR", f->state, TRUE);
  g_assert_cmpint (g_mkdir (f->runtime, 0700), ==, 0);
  arrival.fd = listen_at (f->socket);

  for (int round = 0; round < 2; round++)
    {
      command = g_thread_new ("command", ensure_in_thread, NULL);
      g_assert_cmpint (poll (&arrival, 1, PATIENCE_MS), ==, 1);
      f->pid = activate (f, &arrival.fd, 1, "");
      g_thread_join (command);
      f->client = qmig_client_new (uri, NULL);
      json_object_unref (agent_fixture_call (f, "GET", "/v1/host", NULL));

      /* It is the manager's socket: it stays, and so does who listens there. */
      g_assert_cmpint (agent_fixture_end (f, SIGTERM), ==, 0);
      g_assert_true (g_file_test (f->socket, G_FILE_TEST_EXISTS));
    }

  log = agent_fixture_read_log (f);
  g_assert_nonnull (strstr (log, "passed by the service manager"));
  close (arrival.fd);
}

static void
assert_refused (AgentFixture *f, const int *fds, gsize n_fds, const char *needle)
{
  g_autofree char *log = NULL;

  g_assert_cmpint (await_exit (activate (f, fds, n_fds, "")), ==, QMIG_EXIT_USAGE);
  log = agent_fixture_read_log (f);
  if (strstr (log, needle) == NULL)
    g_error ("'%s' is not in: %s", needle, log);
}

static void
test_other_path (AgentFixture *f, gconstpointer data)
{
  g_autofree char *elsewhere = g_build_filename (f->dir, "elsewhere", NULL);
  int fd = listen_at (elsewhere);

  assert_refused (f, &fd, 1, "elsewhere', which the service manager passed: with this runtime directory");
  close (fd);
}

static void
test_no_listener (AgentFixture *f, gconstpointer data)
{
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  assert_refused (f, &fd, 1, "descriptor 3, which the service manager passed: it is no unix stream socket");
  close (fd);
}

static void
test_two (AgentFixture *f, gconstpointer data)
{
  g_autofree char *elsewhere = g_build_filename (f->dir, "elsewhere", NULL);
  int fds[2];

  g_assert_cmpint (g_mkdir (f->runtime, 0700), ==, 0);
  fds[0] = listen_at (f->socket);
  fds[1] = listen_at (elsewhere);
  assert_refused (f, fds, 2, "cannot serve the 2 sockets");
  close (fds[0]);
  close (fds[1]);
}

/* Variables that some other process left in the environment mean nothing. */
static void
test_not_for_us (AgentFixture *f, gconstpointer data)
{
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  g_autofree char *uri = g_strconcat ("unix:", f->socket, NULL);
  gboolean served = FALSE;

  f->pid = activate (f, &fd, 1, "1");
  f->client = qmig_client_new (uri, NULL);
  for (int i = 0; i < PATIENCE_MS && !served; i++)
    {
      g_autoptr(JsonObject) answer = qmig_client_call (f->client, "GET", "/v1/host", NULL, PATIENCE_MS, NULL, NULL, NULL);

      served = answer != NULL;
      if (!served)
        g_usleep (1000);
    }
  g_assert_true (served);
  g_assert_cmpint (agent_fixture_end (f, SIGTERM), ==, 0);
  g_assert_false (g_file_test (f->socket, G_FILE_TEST_EXISTS));
  close (fd);
}

static void
assert_told (int fd, const char *expected)
{
  struct pollfd news = { .fd = fd, .events = POLLIN };
  char text[64];
  gssize n;

  g_assert_cmpint (poll (&news, 1, PATIENCE_MS), ==, 1);
  n = recv (fd, text, sizeof text - 1, 0);
  g_assert_cmpint (n, >, 0);
  text[n] = '\0';
  g_assert_cmpstr (text, ==, expected);
}

/* @data: "@" for a socket without a file. */
static void
test_notify (AgentFixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "notify", NULL);
  g_autofree char *name = data != NULL ? g_strconcat ("@", path, NULL) : g_strdup (path);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  memcpy (address.sun_path, name, strlen (name));
  if (data != NULL)
    address.sun_path[0] = '\0';
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, (socklen_t) (sizeof (sa_family_t) + strlen (name))), ==, 0);

  g_setenv ("NOTIFY_SOCKET", name, TRUE);
  agent_fixture_start (f);
  assert_told (fd, "READY=1");
  g_assert_cmpint (agent_fixture_end (f, SIGTERM), ==, 0);
  assert_told (fd, "STOPPING=1");
  g_unsetenv ("NOTIFY_SOCKET");
  close (fd);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/agent/activation/serves", AgentFixture, NULL, agent_fixture_prepare, test_serves, agent_fixture_tear_down);
  g_test_add ("/agent/activation/other-path", AgentFixture, NULL, agent_fixture_prepare, test_other_path, agent_fixture_tear_down);
  g_test_add ("/agent/activation/no-listener", AgentFixture, NULL, agent_fixture_prepare, test_no_listener, agent_fixture_tear_down);
  g_test_add ("/agent/activation/two", AgentFixture, NULL, agent_fixture_prepare, test_two, agent_fixture_tear_down);
  g_test_add ("/agent/activation/not-for-us", AgentFixture, NULL, agent_fixture_prepare, test_not_for_us, agent_fixture_tear_down);
  g_test_add ("/agent/activation/notify", AgentFixture, NULL, agent_fixture_prepare, test_notify, agent_fixture_tear_down);
  g_test_add ("/agent/activation/notify-abstract", AgentFixture, "@", agent_fixture_prepare, test_notify, agent_fixture_tear_down);
  return g_test_run ();
}
