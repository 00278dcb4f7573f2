/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json-strict.h"
#include "qmig-process.h"

#define POLL_US 2000

void
agent_fixture_prepare (AgentFixture *self, gconstpointer data)
{
  g_autofree char *config = NULL;

  self->dir = g_dir_make_tmp ("qmXXXXXX", NULL);
  g_assert_nonnull (self->dir);
  self->runtime = g_build_filename (self->dir, "r", NULL);
  self->state = g_build_filename (self->dir, "s", NULL);
  self->socket = g_build_filename (self->runtime, "agent.sock", NULL);
  self->log = g_build_filename (self->dir, "log", NULL);
  config = g_build_filename (self->dir, "qmig.conf", NULL);
  g_setenv ("QMIG_CONFIG", config, TRUE);
}

void
agent_fixture_set_up (AgentFixture *self, gconstpointer data)
{
  agent_fixture_prepare (self, data);
  agent_fixture_start (self);
}

static GPid
spawn (AgentFixture *self, const char *runtime, const char *state, const char *log)
{
  const char *argv[] = { g_getenv ("QMIG_TEST_AGENT"), "alpha", runtime, state, NULL };
  int fd = open (log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  GError *error = NULL;
  GPid pid = 0;

  g_assert_cmpint (fd, >=, 0);
  g_spawn_async_with_fds (NULL, (char **) argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL,
                          NULL, &pid, -1, -1, fd, &error);
  g_assert_no_error (error);
  close (fd);
  return pid;
}

static int
await_end (GPid pid)
{
  int status = 0;

  while (waitpid (pid, &status, 0) < 0)
    g_assert_cmpint (errno, ==, EINTR);
  return status;
}

void
agent_fixture_start (AgentFixture *self)
{
  g_autofree char *uri = g_strconcat ("unix:", self->socket, NULL);

  g_assert_cmpint (self->pid, ==, 0);
  self->pid = spawn (self, self->runtime, self->state, self->log);
  self->client = qmig_client_new (uri, NULL);

  for (int i = 0;; i++)
    {
      g_autoptr(JsonObject) answer
          = qmig_client_call (self->client, "GET", "/v1/host", NULL, PATIENCE_MS, NULL, NULL, NULL);

      if (answer != NULL)
        return;
      if (waitpid (self->pid, NULL, WNOHANG) != 0 || i > PATIENCE_MS * 1000 / POLL_US)
        {
          g_autofree char *log = agent_fixture_read_log (self);

          g_error ("the agent does not come up: %s", log);
        }
      g_usleep (POLL_US);
    }
}

int
agent_fixture_end (AgentFixture *self, int signum)
{
  int status;

  if (signum != 0)
    kill (self->pid, signum);
  status = await_end (self->pid);
  self->pid = 0;
  g_clear_object (&self->client);
  return status;
}

int
agent_fixture_run_second (AgentFixture *self, const char *runtime, const char *state, char **said)
{
  g_autofree char *log = g_build_filename (self->dir, "second", NULL);
  int status = await_end (spawn (self, runtime, state, log));

  g_assert_true (g_file_get_contents (log, said, NULL, NULL));
  return WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

char *
agent_fixture_read_log (AgentFixture *self)
{
  char *text = NULL;

  g_assert_true (g_file_get_contents (self->log, &text, NULL, NULL));
  return text;
}

static int
remove_one (const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  return remove (path);
}

void
agent_fixture_tear_down (AgentFixture *self, gconstpointer data)
{
  if (self->pid != 0)
    {
      int status = agent_fixture_end (self, SIGTERM);
      g_autofree char *log = agent_fixture_read_log (self);

      if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
        g_error ("the agent ended with wait status %d: %s", status, log);
    }

  agent_fixture_kill_qemus (self->dir);
  nftw (self->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  g_free (self->dir);
  g_free (self->runtime);
  g_free (self->state);
  g_free (self->socket);
  g_free (self->log);
}

static JsonObject *
call (AgentFixture *self, const char *method, const char *path, const char *body, GError **error)
{
  g_autoptr(JsonObject) object
      = body != NULL ? json_strict_parse_object (body, strlen (body), &json_strict_limits_api, error) : NULL;

  g_assert_true (body == NULL || object != NULL);
  return qmig_client_call (self->client, method, path, object, PATIENCE_MS, NULL, NULL, error);
}

JsonObject *
agent_fixture_call (AgentFixture *self, const char *method, const char *path, const char *body)
{
  GError *error = NULL;
  JsonObject *answer = call (self, method, path, body, &error);

  if (error != NULL)
    {
      g_autofree char *log = agent_fixture_read_log (self);

      g_error ("%s %s: %s\n%s", method, path, error->message, log);
    }
  return answer;
}

char *
agent_fixture_refused (AgentFixture *self, const char *method, const char *path, const char *body, QmigExit code)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) answer = call (self, method, path, body, &error);

  g_assert_null (answer);
  g_assert_error (error, QMIG_ERROR, (int) code);
  return g_strdup (error->message);
}

int
agent_fixture_connect (AgentFixture *self)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  g_strlcpy (address.sun_path, self->socket, sizeof address.sun_path);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  return fd;
}

char *
agent_fixture_raw (AgentFixture *self, const char *request, gssize length, const char *needle)
{
  g_autoptr(GString) answer = g_string_new (NULL);
  gsize total = length < 0 ? strlen (request) : (gsize) length;
  int fd = agent_fixture_connect (self);

  for (gsize done = 0; done < total;)
    {
      gssize n = send (fd, request + done, total - done, MSG_NOSIGNAL);

      if (n <= 0)
        break;
      done += (gsize) n;
    }

  while (needle == NULL || strstr (answer->str, needle) == NULL)
    {
      char buffer[65536];
      gssize n = recv (fd, buffer, sizeof buffer, 0);

      if (n <= 0)
        break;
      g_string_append_len (answer, buffer, n);
    }
  close (fd);
  return g_string_free (g_steal_pointer (&answer), FALSE);
}

QmigJournal *
agent_fixture_journal (AgentFixture *self)
{
  GError *error = NULL;
  QmigJournal *journal;

  g_mkdir_with_parents (self->state, 0700);
  journal = qmig_journal_open (self->state, &error);
  g_assert_no_error (error);
  return journal;
}

void
agent_fixture_kill_qemus (const char *text)
{
  g_autoptr(GPtrArray) qemus = qmig_process_list_qemus ();

  for (guint i = 0; i < qemus->len; i++)
    {
      const QmigProcess *process = g_ptr_array_index (qemus, i);
      g_autofree char *line = g_strjoinv (" ", process->argv);

      if (strstr (line, text) == NULL)
        continue;
      kill ((pid_t) process->pid, SIGKILL);
      agent_fixture_wait_gone (process->pid, process->start_time);
    }
}

void
agent_fixture_wait_gone (gint64 pid, gint64 start_time)
{
  for (int i = 0; qmig_process_is_alive (pid, start_time); i++)
    {
      g_assert_cmpint (i, <, PATIENCE_MS * 1000 / POLL_US);
      waitpid ((pid_t) pid, NULL, WNOHANG);
      g_usleep (POLL_US);
    }
}
