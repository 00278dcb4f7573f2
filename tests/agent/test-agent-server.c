/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The server: what it lets in, how much, and that nobody disturbs anybody. */

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>

#include "agent-fixture.h"
#include "qmig-process.h"

static void
assert_starts (const char *text, const char *prefix)
{
  if (!g_str_has_prefix (text, prefix))
    g_error ("expected '%s', got: %s", prefix, text);
}

static void
assert_has (const char *text, const char *part)
{
  if (strstr (text, part) == NULL)
    g_error ("expected '%s' in: %s", part, text);
}

static void
test_host (AgentFixture *f, gconstpointer data)
{
  g_autoptr(JsonObject) host = agent_fixture_call (f, "GET", "/v1/host", NULL);
  struct stat st;

  g_assert_cmpstr (json_object_get_string_member (host, "name"), ==, "alpha");
  g_assert_cmpint (json_object_get_int_member (host, "api"), ==, QMIG_API_VERSION);
  g_assert_cmpint (json_object_get_int_member (host, "pid"), ==, f->pid);
  g_assert_cmpint (json_object_get_int_member (host, "active_migrations"), ==, 0);
  g_assert_cmpint (g_stat (f->socket, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);
  g_assert_cmpint (g_stat (f->runtime, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0700);
}

static void
test_unknown (AgentFixture *f, gconstpointer data)
{
  g_autofree char *path
      = agent_fixture_raw (f, "GET /v1/nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", -1, NULL);
  g_autofree char *method
      = agent_fixture_raw (f, "DELETE /v1/host HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", -1, NULL);
  g_autofree char *vm = agent_fixture_refused (f, "GET", "/v1/vms/nix", NULL, QMIG_EXIT_NOT_FOUND);
  g_autofree char *migration = agent_fixture_refused (f, "GET", "/v1/migrations/nix", NULL, QMIG_EXIT_NOT_FOUND);
  g_autofree char *events = agent_fixture_refused (f, "GET", "/v1/migrations/last/events", NULL, QMIG_EXIT_NOT_FOUND);
  g_autofree char *action
      = agent_fixture_refused (f, "POST", "/v1/migrations/last/actions/explode", NULL, QMIG_EXIT_NOT_FOUND);

  assert_starts (path, "HTTP/1.1 404 ");
  assert_has (path, "X-Qmig-Api: 1\r\n");
  assert_has (path, "\"exit_code\":10");
  assert_starts (method, "HTTP/1.1 405 ");
  assert_has (method, "Allow: GET\r\n");
}

static void
test_bad_bodies (AgentFixture *f, gconstpointer data)
{
  static const char *const bodies[]
      = { "{", "[]", "\"x\"", "var x = {}", "{\"vm\":7,\"destination\":\"local\"}", "{}", "nul" };

  for (gsize i = 0; i < G_N_ELEMENTS (bodies); i++)
    {
      g_autofree char *request = g_strdup_printf (
          "POST /v1/migrations HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
          strlen (bodies[i]), bodies[i]);
      g_autofree char *answer = agent_fixture_raw (f, request, -1, NULL);

      assert_starts (answer, "HTTP/1.1 400 ");
      assert_has (answer, "\"exit_code\":2");
    }
}

static void
test_no_body (AgentFixture *f, gconstpointer data)
{
  g_autofree char *why = agent_fixture_refused (f, "POST", "/v1/checks", NULL, QMIG_EXIT_USAGE);

  assert_has (why, "needs a body");
}

static void
test_deep_body (AgentFixture *f, gconstpointer data)
{
  g_autofree char *brackets = g_strnfill (200000, '[');
  g_autofree char *request = g_strdup_printf (
      "POST /v1/checks HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n%s", brackets);
  g_autofree char *answer = agent_fixture_raw (f, request, -1, NULL);

  assert_starts (answer, "HTTP/1.1 400 ");
  assert_has (answer, "nested deeper");
}

static void
test_large_body (AgentFixture *f, gconstpointer data)
{
  gsize size = 3 * 1024 * 1024;
  g_autofree char *filler = g_strnfill (size, ' ');
  g_autofree char *announced = g_strdup_printf (
      "POST /v1/checks HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", size, filler);
  g_autofree char *chunked = g_strdup_printf ("POST /v1/checks HTTP/1.1\r\nHost: a\r\nConnection: "
                                              "close\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
                                              size, filler);
  g_autofree char *first = agent_fixture_raw (f, announced, -1, NULL);
  g_autofree char *second = agent_fixture_raw (f, chunked, -1, NULL);

  assert_starts (first, "HTTP/1.1 413 ");
  assert_has (first, "\"exit_code\":2");
  assert_starts (second, "HTTP/1.1 413 ");
}

static void
test_long_path (AgentFixture *f, gconstpointer data)
{
  g_autofree char *filler = g_strnfill (5000, 'x');
  g_autofree char *path = g_strdup_printf ("GET /v1/vms/%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", filler);
  g_autofree char *query
      = g_strdup_printf ("GET /v1/vms?x=%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", filler);
  g_autofree char *first = agent_fixture_raw (f, path, -1, NULL);
  g_autofree char *second = agent_fixture_raw (f, query, -1, NULL);

  assert_starts (first, "HTTP/1.1 414 ");
  assert_starts (second, "HTTP/1.1 414 ");
}

static void
test_bad_queries (AgentFixture *f, gconstpointer data)
{
  static const char *const targets[] = { "/v1/migrations?limit=x",
                                         "/v1/migrations?limit=-1",
                                         "/v1/migrations?since=yesterday",
                                         "/v1/incoming/m-1?after=x",
                                         "/v1/incoming/m-1?after=1&wait_ms=99999999",
                                         "/v1/migrations/last/events?after=-7" };

  for (gsize i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      g_autofree char *why = agent_fixture_refused (f, "GET", targets[i], NULL, QMIG_EXIT_USAGE);

      assert_has (why, "cannot read query parameter");
    }
}

static void
test_garbage (AgentFixture *f, gconstpointer data)
{
  static const char *const texts[]
      = { "\r\n\r\n", "GET\r\n\r\n", "GET /v1/host HTTP/9.9\r\n\r\n", "\x16\x03\x01 hello\r\n\r\n" };
  g_autoptr(JsonObject) host = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      int fd = agent_fixture_connect (f);

      g_assert_cmpint (write (fd, texts[i], strlen (texts[i])), ==, strlen (texts[i]));
      close (fd);
    }
  host = agent_fixture_call (f, "GET", "/v1/host", NULL);
}

/* -- many ------------------------------------------------------------------- */

#define N_REQUESTS 100

static void
count_answer (GObject *client, GAsyncResult *result, gpointer user_data)
{
  guint *answered = user_data;
  GError *error = NULL;
  g_autoptr(JsonObject) answer = qmig_client_call_finish (QMIG_CLIENT (client), result, NULL, &error);

  g_assert_no_error (error);
  (*answered)++;
}

static void
test_many (AgentFixture *f, gconstpointer data)
{
  static const char *const paths[] = { "/v1/host", "/v1/vms?ask=0", "/v1/migrations", "/v1/doctor" };
  int idle[20];
  guint answered = 0;

  /* These connect and say nothing, or only half of it. */
  for (gsize i = 0; i < G_N_ELEMENTS (idle); i++)
    {
      idle[i] = agent_fixture_connect (f);
      if (i % 2 == 0)
        g_assert_cmpint (write (idle[i], "POST /v1/checks HTTP/1.1\r\nContent-Le", 36), ==, 36);
    }

  for (guint i = 0; i < N_REQUESTS; i++)
    qmig_client_call_async (f->client, "GET", paths[i % G_N_ELEMENTS (paths)], NULL, PATIENCE_MS, NULL, count_answer,
                            &answered);
  while (answered < N_REQUESTS)
    g_main_context_iteration (NULL, TRUE);

  for (gsize i = 0; i < G_N_ELEMENTS (idle); i++)
    close (idle[i]);
}

static guint
count_descriptors (AgentFixture *f)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/fd", (int) f->pid);
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  g_assert_nonnull (dir);
  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

/* Neither a host named nor an address that has a port. */
static void
test_old_http (AgentFixture *f, gconstpointer data)
{
  g_autofree char *answer = agent_fixture_raw (f, "GET /v1/host HTTP/1.0\r\n\r\n", -1, NULL);
  g_autofree char *log = agent_fixture_read_log (f);

  assert_has (answer, "200 OK");
  g_assert_null (strstr (log, "critical"));
}

/* Each caller leaves between two requests, and leaves nothing behind. */
static void
test_left_idle (AgentFixture *f, gconstpointer data)
{
  enum { CALLERS = 50 };
  guint before = count_descriptors (f);

  for (int i = 0; i < CALLERS; i++)
    g_free (agent_fixture_raw (f, "GET /v1/host HTTP/1.1\r\nHost: a\r\n\r\n", -1, "\"uid\""));
  for (int i = 0; count_descriptors (f) > before + CALLERS / 10; i++)
    {
      g_assert_cmpint (i, <, PATIENCE_MS / 10);
      g_usleep (10000);
    }
}

/* A client that leaves before its answer. */
static void
test_leaving (AgentFixture *f, gconstpointer data)
{
  static const char *const requests[]
      = { "GET /v1/doctor HTTP/1.1\r\nHost: a\r\n\r\n", "GET /v1/incoming/m-1?after=1 HTTP/1.1\r\nHost: a\r\n\r\n" };

  for (gsize i = 0; i < 20; i++)
    {
      const char *request = requests[i % G_N_ELEMENTS (requests)];
      int fd = agent_fixture_connect (f);

      g_assert_cmpint (write (fd, request, strlen (request)), ==, strlen (request));
      close (fd);
    }
  json_object_unref (agent_fixture_call (f, "GET", "/v1/doctor", NULL));
}

/* -- one at a time ------------------------------------------------------------ */

static void
test_second_agent (AgentFixture *f, gconstpointer data)
{
  g_autofree char *other = g_build_filename (f->dir, "x", NULL);
  g_autofree char *pid = g_strdup_printf ("another agent (pid %d)", f->pid);
  g_autofree char *same = NULL;
  g_autofree char *same_state = NULL;

  g_assert_cmpint (agent_fixture_run_second (f, f->runtime, f->state, &same), ==, QMIG_EXIT_CONFLICT);
  assert_has (same, pid);

  /* Two agents on one journal would both take up the same migrations. */
  g_assert_cmpint (agent_fixture_run_second (f, other, f->state, &same_state), ==, QMIG_EXIT_CONFLICT);
  assert_has (same_state, pid);
  json_object_unref (agent_fixture_call (f, "GET", "/v1/host", NULL));
}

static gpointer
ensure_in_thread (gpointer user_data)
{
  GMainContext *context = g_main_context_new ();
  GError *error = NULL;
  gint64 pid;

  g_main_context_push_thread_default (context);
  {
    g_autoptr(QmigClient) client = qmig_client_new ("local", NULL);
    g_autoptr(JsonObject) host = NULL;

    g_assert_true (qmig_client_ensure_agent (client, g_getenv ("QMIG_TEST_AGENT"), NULL, &error));
    g_assert_no_error (error);
    host = qmig_client_call (client, "GET", "/v1/host", NULL, PATIENCE_MS, NULL, NULL, &error);
    g_assert_no_error (error);
    pid = json_object_get_int_member (host, "pid");
  }
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  return GSIZE_TO_POINTER ((gsize) pid);
}

/* Many commands at once start one agent. */
static void
test_ensure (AgentFixture *f, gconstpointer data)
{
  GThread *threads[8];
  gint64 pid = 0;
  gint64 start_time;

  g_setenv ("QMIG_RUNTIME_DIR", f->runtime, TRUE);
  g_setenv ("QMIG_STATE_DIR", f->state, TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("ensure", ensure_in_thread, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      gint64 seen = (gint64) GPOINTER_TO_SIZE (g_thread_join (threads[i]));

      g_assert_cmpint (seen, >, 0);
      g_assert_true (pid == 0 || pid == seen);
      pid = seen;
    }

  start_time = qmig_process_get_start_time (pid);
  g_assert_cmpint (getsid ((pid_t) pid), !=, getsid (0));
  kill ((pid_t) pid, SIGTERM);
  agent_fixture_wait_gone (pid, start_time);
}

static void
test_stale_socket (AgentFixture *f, gconstpointer data)
{
  int status = agent_fixture_end (f, SIGKILL);

  g_assert_true (WIFSIGNALED (status));
  g_assert_true (g_file_test (f->socket, G_FILE_TEST_EXISTS));
  agent_fixture_start (f);
  json_object_unref (agent_fixture_call (f, "GET", "/v1/host", NULL));
}

static void
test_foreign_path (AgentFixture *f, gconstpointer data)
{
  g_autofree char *said = NULL;
  g_autofree char *text = NULL;

  g_assert_cmpint (g_mkdir (f->runtime, 0700), ==, 0);
  g_assert_true (g_file_set_contents (f->socket, "precious", -1, NULL));
  g_assert_cmpint (agent_fixture_run_second (f, f->runtime, f->state, &said), ==, QMIG_EXIT_CONFLICT);
  assert_has (said, "no socket");
  g_assert_true (g_file_get_contents (f->socket, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "precious");
}

static void
test_long_runtime_dir (AgentFixture *f, gconstpointer data)
{
  g_autofree char *filler = g_strnfill (110, 'x');
  g_autofree char *runtime = g_build_filename (f->dir, filler, NULL);
  g_autofree char *said = NULL;

  g_assert_cmpint (agent_fixture_run_second (f, runtime, f->state, &said), ==, QMIG_EXIT_USAGE);
  assert_has (said, "107");
}

static void
test_stop (AgentFixture *f, gconstpointer data)
{
  g_autoptr(JsonObject) answer = agent_fixture_call (f, "POST", "/v1/agent/stop", NULL);
  int status = agent_fixture_end (f, 0);

  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  g_assert_false (g_file_test (f->socket, G_FILE_TEST_EXISTS));
}

/* -- hosts --------------------------------------------------------------------- */

/* The check of that id is fine, and says so with @text. */
static void
assert_checked (JsonObject *tested, const char *id, const char *text)
{
  g_autoptr(QmigHostEntry) entry = qmig_host_entry_from_object (tested, NULL);

  for (guint i = 0; i < entry->checks->len; i++)
    {
      const QmigCheck *check = g_ptr_array_index (entry->checks, i);

      if (g_strcmp0 (check->id, id) != 0)
        continue;
      g_assert_cmpint (check->status, ==, QMIG_CHECK_OK);
      assert_has (check->text, text);
      return;
    }
  g_error ("there is no check '%s'", id);
}

static void
test_hosts (AgentFixture *f, gconstpointer data)
{
  g_autofree char *self_uri = g_strconcat ("{\"name\":\"me\",\"uri\":\"unix:", f->socket, "\"}", NULL);
  g_autoptr(JsonObject) added
      = agent_fixture_call (f, "POST", "/v1/hosts", "{\"name\":\"beta\",\"uri\":\"unix:/nonexistent/x\"}");
  g_autoptr(JsonObject) own = agent_fixture_call (f, "POST", "/v1/hosts", self_uri);
  g_autoptr(JsonObject) hosts = agent_fixture_call (f, "GET", "/v1/hosts", NULL);
  g_autoptr(JsonObject) tested = agent_fixture_call (f, "POST", "/v1/hosts/me/test", NULL);
  g_autoptr(JsonObject) removed = NULL;
  g_autoptr(GPtrArray) list = api_list_from_object (&qmig_host_entry_type, hosts, NULL);
  g_autofree char *again
      = agent_fixture_refused (f, "POST", "/v1/hosts", "{\"name\":\"beta\",\"uri\":\"unix:/y\"}", QMIG_EXIT_CONFLICT);
  g_autofree char *unknown = agent_fixture_refused (f, "POST", "/v1/hosts/betta/test", NULL, QMIG_EXIT_NOT_FOUND);
  const QmigHostEntry *beta;

  g_assert_cmpuint (list->len, ==, 3);
  g_assert_cmpstr (((QmigHostEntry *) g_ptr_array_index (list, 0))->name, ==, "alpha");
  g_assert_true (((QmigHostEntry *) g_ptr_array_index (list, 0))->reachable);
  beta = g_ptr_array_index (list, 1);
  g_assert_cmpstr (beta->name, ==, "beta");
  g_assert_false (beta->reachable);
  assert_has (beta->problem, "No such file");
  g_assert_true (((QmigHostEntry *) g_ptr_array_index (list, 2))->reachable);
  g_assert_true (json_object_get_boolean_member (tested, "reachable"));
  assert_checked (tested, "reach", "answers in");
  assert_checked (tested, "clock", "off ours");
  assert_checked (tested, "version", QMIG_VERSION);
  assert_checked (tested, "stream", "the same machine");
  assert_checked (tested, "bandwidth", "at least");
  assert_has (unknown, "did you mean 'beta'?");

  removed = agent_fixture_call (f, "DELETE", "/v1/hosts/beta", NULL);
  g_free (agent_fixture_refused (f, "DELETE", "/v1/hosts/beta", NULL, QMIG_EXIT_NOT_FOUND));
}

static void
test_doctor (AgentFixture *f, gconstpointer data)
{
  g_autofree char *left = g_build_filename (f->runtime, "vm", "m-LEFT", NULL);
  g_autoptr(JsonObject) answer = NULL;
  g_autoptr(GPtrArray) checks = NULL;
  gboolean found = FALSE;

  g_assert_cmpint (g_mkdir_with_parents (left, 0700), ==, 0);
  answer = agent_fixture_call (f, "GET", "/v1/doctor", NULL);
  checks = api_list_from_object (&qmig_check_type, answer, NULL);
  g_assert_nonnull (checks);
  for (guint i = 0; i < checks->len; i++)
    {
      const QmigCheck *check = g_ptr_array_index (checks, i);

      if (!g_str_equal (check->id, "leftovers"))
        continue;
      found = TRUE;
      g_assert_cmpint (check->status, ==, QMIG_CHECK_WARN);
      assert_has (check->text, "m-LEFT");
    }
  g_assert_true (found);
}

static void
test_migration_refused_early (AgentFixture *f, gconstpointer data)
{
  g_autofree char *vm = agent_fixture_refused (f, "POST", "/v1/migrations",
                                               "{\"vm\":\"nix\",\"destination\":\"local\"}", QMIG_EXIT_NOT_FOUND);
  g_autofree char *host = agent_fixture_refused (f, "POST", "/v1/migrations",
                                                 "{\"vm\":\"nix\",\"destination\":\"gamma\"}", QMIG_EXIT_NOT_FOUND);
  g_autofree char *uri = agent_fixture_refused (f, "POST", "/v1/checks", "{\"vm\":\"nix\",\"destination\":\"ftp://x\"}",
                                                QMIG_EXIT_USAGE);
  g_autoptr(JsonObject) list = agent_fixture_call (f, "GET", "/v1/migrations", NULL);

  assert_has (vm, "nix");
  assert_has (host, "gamma");
  assert_has (uri, "ftp://x");
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (list, "items")), ==, 0);
}

#define ADD(path, test) g_test_add (path, AgentFixture, NULL, agent_fixture_set_up, test, agent_fixture_tear_down)

/* As many as may block wait for somebody who says nothing; a migration can be steered all the same. */
static void
test_steering_goes_first (AgentFixture *f, gconstpointer data)
{
  enum { BLOCKED = 20 };
  g_autofree char *path = g_build_filename (f->dir, "silent", NULL);
  g_autofree char *uri = g_strconcat ("unix:", path, NULL);
  g_autofree char *escaped = g_uri_escape_string (uri, NULL, FALSE);
  g_autofree char *request = g_strdup_printf ("POST /v1/hosts/%s/test HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", escaped);
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr(GSocket) silent = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autofree char *refused = NULL;
  struct pollfd blocked[BLOCKED];

  g_socket_set_listen_backlog (silent, 2 * BLOCKED);
  g_assert_true (g_socket_bind (silent, address, FALSE, NULL));
  g_assert_true (g_socket_listen (silent, NULL));
  for (int i = 0; i < BLOCKED; i++)
    {
      blocked[i] = (struct pollfd) { .fd = agent_fixture_connect (f), .events = POLLIN };
      g_assert_cmpint (write (blocked[i].fd, request, strlen (request)), ==, strlen (request));
    }

  refused = agent_fixture_refused (f, "POST", "/v1/migrations/m-none/actions/cancel", NULL, QMIG_EXIT_NOT_FOUND);
  g_assert_cmpint (poll (blocked, BLOCKED, 0), ==, 0);
  for (int i = 0; i < BLOCKED; i++)
    close (blocked[i].fd);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/agent/server/host", test_host);
  ADD ("/agent/server/unknown", test_unknown);
  ADD ("/agent/server/bad-bodies", test_bad_bodies);
  ADD ("/agent/server/no-body", test_no_body);
  ADD ("/agent/server/deep-body", test_deep_body);
  ADD ("/agent/server/large-body", test_large_body);
  ADD ("/agent/server/long-path", test_long_path);
  ADD ("/agent/server/bad-queries", test_bad_queries);
  ADD ("/agent/server/garbage", test_garbage);
  ADD ("/agent/server/many", test_many);
  ADD ("/agent/server/leaving", test_leaving);
  ADD ("/agent/server/left-idle", test_left_idle);
  ADD ("/agent/server/old-http", test_old_http);
  ADD ("/agent/server/steering-goes-first", test_steering_goes_first);
  ADD ("/agent/server/second-agent", test_second_agent);
  g_test_add ("/agent/server/ensure", AgentFixture, NULL, agent_fixture_prepare, test_ensure, agent_fixture_tear_down);
  ADD ("/agent/server/stale-socket", test_stale_socket);
  g_test_add ("/agent/server/foreign-path", AgentFixture, NULL, agent_fixture_prepare, test_foreign_path,
              agent_fixture_tear_down);
  g_test_add ("/agent/server/long-runtime-dir", AgentFixture, NULL, agent_fixture_prepare, test_long_runtime_dir,
              agent_fixture_tear_down);
  ADD ("/agent/server/stop", test_stop);
  ADD ("/agent/hosts", test_hosts);
  ADD ("/agent/doctor", test_doctor);
  ADD ("/agent/migrations/refused-early", test_migration_refused_early);
  return g_test_run ();
}
