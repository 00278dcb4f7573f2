/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The way by ssh, through a real sshd on the loopback and the real qmig behind it. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gio/gunixsocketaddress.h>

#include "client-private.h"
#include "far-host.h"
#include "scripted-agent.h"

#define LIMIT_MS 30000

static QmigClient *
new_client (FarHost *far)
{
  g_autoptr(GError) error = NULL;
  QmigClient *client = qmig_client_new (far->uri, &error);

  g_assert_no_error (error);
  return client;
}

static void
assert_host_answers (QmigClient *client)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) answer = qmig_client_call (client, "GET", "/v1/host", NULL, LIMIT_MS, NULL, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpint (json_object_get_int_member (answer, "api"), ==, QMIG_API_VERSION);
}

static void
test_works (void)
{
  g_autoptr(FarHost) far = far_host_new (NULL);
  g_autoptr(QmigClient) client = NULL;
  g_autoptr(GDir) dir = NULL;

  if (far == NULL)
    return;

  client = new_client (far);
  assert_host_answers (client);
  /* Without keep-alive the second call needs a second connection, and so a second ssh. */
  soup_session_abort (client->session);
  assert_host_answers (client);
  g_clear_object (&client);

  far_host_stop (far);
  g_assert_cmpuint (far_host_count (far, "Accepted publickey"), ==, 1);
  dir = g_dir_open (far->here, 0, NULL);
  g_assert_null (g_dir_read_name (dir));
}

static gboolean
count_event (const QmigEvent *event, gpointer user_data)
{
  GString *seen = user_data;

  g_string_append_printf (seen, "%" G_GINT64_FORMAT " ", event->seq);
  return TRUE;
}

/* The stream breaks off in the middle: the rest comes through another ssh. */
static void
test_events (void)
{
  static const char *const lines[]
      = { "{\"seq\":1,\"type\":\"sample\"}\n", "{\"seq\":2,\"type\":\"sample\"}\n", "{\"seq\":3,\"type\":\"result\"}\n" };
  g_autofree char *first = scripted_chunk (lines[0]);
  g_autofree char *second = scripted_chunk (lines[1]);
  g_autofree char *third = scripted_chunk (lines[2]);
  g_autofree char *broken = g_strconcat (STREAM_HEAD, first, NULL);
  g_autofree char *rest = g_strconcat (STREAM_HEAD, second, third, STREAM_END, NULL);
  /* Before each stream the far qmig asks whether its agent is there. */
  ScriptedAnswer answers[] = { { JSON_HEAD ("200 OK") "{}" }, { broken }, { JSON_HEAD ("200 OK") "{}" }, { rest } };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, G_N_ELEMENTS (answers));
  g_autoptr(FarHost) far = far_host_new (&(FarHostSetup){ .runtime_dir = agent->dir });
  g_autoptr(QmigClient) client = NULL;
  g_autoptr(GString) seen = g_string_new (NULL);
  g_autoptr(GError) error = NULL;

  if (far == NULL)
    return;

  client = new_client (far);
  g_assert_true (qmig_client_follow (client, "m-X", 0, count_event, seen, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (seen->str, ==, "1 2 3 ");
  scripted_agent_stop (agent);
  g_assert_nonnull (strstr (g_ptr_array_index (agent->requests, 3), "after=1 "));
}

/* -- what can be wrong ----------------------------------------------------------- */

typedef struct
{
  const char *name;
  FarHostSetup setup;
  const char *options; /* more of them for ssh, in front */
  const char *uri;     /* instead of the far host's own */
  int code;
  const char *texts[3]; /* all of them are in the message */
} Wrong;

static const Wrong wrongs[] = {
  { "host-key-unknown", { .known_hosts = FAR_KEY_UNKNOWN }, NULL, NULL, QMIG_EXIT_DENIED,
    { "ssh does not know its host key", "run 'ssh -p ", "compare the key" } },
  { "host-key-changed", { .known_hosts = FAR_KEY_OTHER }, NULL, NULL, QMIG_EXIT_DENIED,
    { "is not the one that ssh knows", "compare the key" } },
  { "wrong-key", { .wrong_key = TRUE }, NULL, NULL, QMIG_EXIT_DENIED,
    { "not let in", "Permission denied", "ssh-copy-id" } },
  { "no-qmig", { .path = "/nonexistent" }, NULL, NULL, QMIG_EXIT_UNREACHABLE,
    { "qmig cannot be run there", "not found", "qmig = PATH" } },
  { "no-agent", { .state_dir = "/dev/null/state" }, NULL, NULL, QMIG_EXIT_UNREACHABLE,
    { "it says: ", "cannot create directory '/dev/null/state'" } },
  { "too-old", { .program = "#!/bin/sh\necho \"qmig: unknown command 'agent dial-stdio'\" >&2\nexit 2\n" }, NULL, NULL,
    QMIG_EXIT_UNSUPPORTED, { "does not know 'agent dial-stdio'", "install the same version" } },
  { "silent", { .program = "#!/bin/sh\nexit 3\n" }, NULL, NULL, QMIG_EXIT_UNREACHABLE, { "ended there with status 3" } },
  { "no-agent-but-chatter", { .program = "#!/bin/sh\necho hello\n" }, NULL, NULL, QMIG_EXIT_UNREACHABLE,
    { "cannot reach the agent at ssh://" } },
  /* Of the shell that runs the script that is sshd's own process for the session. */
  { "dropped", { .program = "#!/bin/sh\nkill -9 $PPID\n" }, NULL, NULL, QMIG_EXIT_UNREACHABLE,
    { "cannot reach the agent at ssh://", "ssh " } },
  { "refused", { 0 }, NULL, "ssh://127.0.0.1:1", QMIG_EXIT_UNREACHABLE, { "nobody listens for ssh", "Connection refused" } },
  { "no-name", { 0 }, NULL, "ssh://nowhere.invalid", QMIG_EXIT_UNREACHABLE, { "name cannot be resolved" } },
  { "no-ssh", { 0 }, "/nonexistent/ssh", NULL, QMIG_EXIT_UNREACHABLE, { "cannot run ssh", "openssh-client" } },
};

static void
test_wrong (gconstpointer data)
{
  const Wrong *wrong = data;
  g_autoptr(FarHost) far = far_host_new (&wrong->setup);
  g_autoptr(QmigClient) client = NULL;
  g_autoptr(JsonObject) answer = NULL;
  g_autoptr(GError) error = NULL;

  if (far == NULL)
    return;
  if (wrong->options != NULL)
    g_setenv ("QMIG_SSH", wrong->options, TRUE);

  client = qmig_client_new (wrong->uri != NULL ? wrong->uri : far->uri, &error);
  g_assert_no_error (error);
  answer = qmig_client_call (client, "GET", "/v1/host", NULL, LIMIT_MS, NULL, NULL, &error);
  g_assert_null (answer);
  g_test_message ("%s", error->message);
  g_assert_error (error, QMIG_ERROR, wrong->code);
  for (gsize i = 0; i < G_N_ELEMENTS (wrong->texts) && wrong->texts[i] != NULL; i++)
    g_assert_nonnull (strstr (error->message, wrong->texts[i]));
}

/* No trying again where nothing will be different. */
static void
test_follow_denied (void)
{
  g_autoptr(FarHost) far = far_host_new (&(FarHostSetup){ .wrong_key = TRUE });
  g_autoptr(QmigClient) client = NULL;
  g_autoptr(GString) seen = g_string_new (NULL);
  g_autoptr(GError) error = NULL;

  if (far == NULL)
    return;

  client = new_client (far);
  g_assert_false (qmig_client_follow (client, "m-X", 0, count_event, seen, NULL, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_DENIED);
  g_clear_object (&client);
  far_host_stop (far);
  g_assert_cmpuint (far_host_count (far, "Connection closed by authenticating user"), ==, 1);
}

static void
test_injection (void)
{
  static const char *const uris[] = {
    "ssh://-oProxyCommand=touch%20x/", "ssh://-oProxyCommand=x", "ssh://%2dl",     "ssh://-l@host", "ssh://a%20b@host",
    "ssh://host;id",                   "ssh://$(id)",            "ssh://ho%0ast",  "ssh://%60id%60", "ssh://user:pw@host",
    "ssh://host/run/agent.sock",       "ssh://host?x",           "ssh://host#x",   "ssh://host:0",  "ssh://host:99999",
    "ssh://",                          "ssh:host",               "ssh://%25h",     "ssh:-oX",       "ssh://a@b@host",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (uris); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_null (qmig_client_new (uris[i], &error));
      g_assert_error (error, QMIG_ERROR, QMIG_EXIT_USAGE);
    }
}

/* A path with a blank, which the shell over there must not split. */
static void
test_far_program (void)
{
  g_autoptr(FarHost) far = far_host_new (&(FarHostSetup){ .path = "/nonexistent" });
  g_autofree char *program = NULL;
  g_autofree char *config = NULL;
  g_autoptr(QmigClient) client = NULL;

  if (far == NULL)
    return;

  program = g_build_filename (far->dir, "my qmig", NULL);
  config = g_strdup_printf ("[host far]\nuri=%s\nqmig=%s\n", far->uri, program);
  g_assert_cmpint (symlink (QMIG_PROGRAM, program), ==, 0);
  g_assert_true (g_file_set_contents (g_getenv ("QMIG_CONFIG"), config, -1, NULL));
  client = new_client (far);
  assert_host_answers (client);
}

/* Somebody who takes connections and says nothing; needs no sshd. */
static void
test_hanging (void)
{
  g_autoptr(GSocket) listener = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr(GSocketAddress) any = g_inet_socket_address_new (loopback, 0);
  g_autoptr(GSocketAddress) bound = NULL;
  g_autofree char *dir = g_dir_make_tmp ("qmXXXXXX", NULL);
  g_autofree char *uri = NULL;
  g_autoptr(QmigClient) client = NULL;
  g_autoptr(JsonObject) answer = NULL;
  g_autoptr(GError) error = NULL;

  g_setenv ("QMIG_RUNTIME_DIR", dir, TRUE);
  g_setenv ("QMIG_SSH", "ssh -F /dev/null", TRUE);
  g_assert_true (g_socket_bind (listener, any, FALSE, NULL));
  g_assert_true (g_socket_listen (listener, NULL));
  bound = g_socket_get_local_address (listener, NULL);
  uri = g_strdup_printf ("ssh://127.0.0.1:%u", g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound)));
  client = qmig_client_new (uri, &error);
  g_assert_no_error (error);
  answer = qmig_client_call (client, "GET", "/v1/host", NULL, 300, NULL, NULL, &error);
  g_assert_null (answer);
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_TIMEOUT);

  /* Neither a process nor a file is left. */
  g_clear_object (&client);
  g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
  g_assert_cmpint (errno, ==, ECHILD);
  g_assert_cmpint (rmdir (dir), ==, 0);
}

/* What a killed process left is gone with the next tunnel, and what another one uses is not. */
static void
test_sweep (void)
{
  g_autofree char *dir = g_dir_make_tmp ("qmXXXXXX", NULL);
  g_autofree char *left = g_build_filename (dir, "ssh-LEFT00", NULL);
  g_autoptr(ClientTunnel) first = NULL;
  g_autoptr(ClientTunnel) second = NULL;

  g_setenv ("QMIG_RUNTIME_DIR", dir, TRUE);
  g_assert_cmpint (mkdir (left, 0700), ==, 0);
  first = client_tunnel_new ("ssh://host", NULL, NULL);
  g_assert_cmpint (access (left, F_OK), ==, -1);
  second = client_tunnel_new ("ssh://host", NULL, NULL);
  g_assert_cmpint (access (client_tunnel_get_path (first), F_OK), ==, 0);
  g_clear_pointer (&first, client_tunnel_free);
  g_clear_pointer (&second, client_tunnel_free);
  g_assert_cmpint (rmdir (dir), ==, 0);
}

/* -- streams ------------------------------------------------------------------------ */

static GSocket *
connect_to (const char *path)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  GSocket *socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr(GError) error = NULL;

  g_socket_connect (socket, address, NULL, &error);
  g_assert_no_error (error);
  g_socket_set_timeout (socket, LIMIT_MS / 1000);
  return socket;
}

static GSocket *
listen_on (const char *path)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  GSocket *socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr(GError) error = NULL;

  g_socket_bind (socket, address, TRUE, &error);
  g_assert_no_error (error);
  g_socket_listen (socket, &error);
  g_assert_no_error (error);
  g_socket_set_timeout (socket, LIMIT_MS / 1000);
  return socket;
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GAsyncResult **kept = user_data;

  *kept = g_object_ref (result);
}

static void
settle (ClientTunnel *tunnel)
{
  g_autoptr(GAsyncResult) result = NULL;

  client_tunnel_settle_async (tunnel, NULL, keep_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
}

static void
assert_stream_refused (FarHost *far, const char *migration, int code, const char *text)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(ClientTunnel) tunnel = client_tunnel_new (far->uri, migration, &error);
  g_autoptr(GSocket) socket = NULL;
  g_autofree char *problem = NULL;

  g_assert_no_error (error);
  socket = connect_to (client_tunnel_get_path (tunnel));
  while (client_tunnel_get_problem (tunnel) == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_error (client_tunnel_get_problem (tunnel), QMIG_ERROR, code);
  problem = client_tunnel_dup_problem (tunnel);
  g_assert_nonnull (strstr (problem, text));
  settle (tunnel);
  g_assert_cmpint (g_socket_receive (socket, (char[1]){ 0 }, 1, NULL, NULL), ==, 0);
}

static void
test_stream_unknown (void)
{
  g_autoptr(FarHost) far = far_host_new (NULL);
  g_autoptr(ClientTunnel) tunnel = NULL;
  g_autoptr(GError) error = NULL;

  if (far == NULL)
    return;

  assert_stream_refused (far, "m-NONE", QMIG_EXIT_NOT_FOUND, "m-NONE");
  tunnel = client_tunnel_new (far->uri, "--help", &error);
  g_assert_null (tunnel);
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_USAGE);
}

static void
test_stream_of_tcp (void)
{
  ScriptedAnswer answers[] = {
    { JSON_HEAD ("200 OK") "{}" },
    { JSON_HEAD ("200 OK") "{\"migration\":\"m-X\",\"uri\":\"tcp:127.0.0.1:1\"}" },
  };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, G_N_ELEMENTS (answers));
  g_autoptr(FarHost) far = far_host_new (&(FarHostSetup){ .runtime_dir = agent->dir });

  if (far != NULL)
    assert_stream_refused (far, "m-X", QMIG_EXIT_UNSUPPORTED, "does not listen on a unix socket (tcp:127.0.0.1:1)");
}

#define STREAM_BYTES (8 * 1024 * 1024)

typedef struct
{
  GSocket *socket;
  guint seed;
} Sender;

static guint8
byte_at (guint seed, gsize i)
{
  return (guint8) ((i * 2654435761u >> 13) + seed);
}

static gpointer
send_stream (gpointer user_data)
{
  Sender *sender = user_data;
  g_autofree guint8 *bytes = g_malloc (STREAM_BYTES);
  gsize done = 0;

  for (gsize i = 0; i < STREAM_BYTES; i++)
    bytes[i] = byte_at (sender->seed, i);
  while (done < STREAM_BYTES)
    {
      gssize n = g_socket_send (sender->socket, (char *) bytes + done, STREAM_BYTES - done, NULL, NULL);

      g_assert_cmpint (n, >, 0);
      done += (gsize) n;
    }
  g_socket_shutdown (sender->socket, FALSE, TRUE, NULL);
  return NULL;
}

/* To the end of what comes. */
static void
assert_stream_comes (GSocket *socket, guint seed)
{
  g_autofree guint8 *bytes = g_malloc (1 << 20);
  gsize done = 0;
  gssize n;

  while ((n = g_socket_receive (socket, (char *) bytes, 1 << 20, NULL, NULL)) > 0)
    {
      for (gssize i = 0; i < n; i++)
        g_assert_true (bytes[i] == byte_at (seed, done + (gsize) i));
      done += (gsize) n;
    }
  g_assert_cmpint (n, ==, 0);
  g_assert_cmpuint (done, ==, STREAM_BYTES);
}

static gboolean
stop_waiting (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  gboolean *waiting = user_data;

  *waiting = FALSE;
  return G_SOURCE_REMOVE;
}

/* Lets the tunnel do its part meanwhile. */
static GSocket *
accept_from (GSocket *listener)
{
  g_autoptr(GSource) source = g_socket_create_source (listener, G_IO_IN, NULL);
  gboolean waiting = TRUE;
  GSocket *socket;

  g_source_set_callback (source, G_SOURCE_FUNC (stop_waiting), &waiting, NULL);
  g_source_attach (source, NULL);
  while (waiting)
    g_main_context_iteration (NULL, TRUE);
  socket = g_socket_accept (listener, NULL, NULL);
  g_assert_nonnull (socket);
  g_socket_set_timeout (socket, LIMIT_MS / 1000);
  return socket;
}

/* There, with a half end, and then back.  By then the tunnel is gone: it has left the connection to itself. */
static void
carry_stream (FarHost *far, GSocket *listener)
{
  ClientTunnel *tunnel = client_tunnel_new (far->uri, "m-X", NULL);
  g_autoptr(GSocket) near_end = connect_to (client_tunnel_get_path (tunnel));
  g_autoptr(GSocket) far_end = accept_from (listener);
  GThread *thread;

  client_tunnel_leave (tunnel);
  client_tunnel_free (tunnel);

  thread = g_thread_new ("there", send_stream, &(Sender){ near_end, 1 });
  assert_stream_comes (far_end, 1);
  g_thread_join (thread);
  thread = g_thread_new ("back", send_stream, &(Sender){ far_end, 2 });
  assert_stream_comes (near_end, 2);
  g_thread_join (thread);
}

static void
test_stream (void)
{
  g_autofree char *dir = g_dir_make_tmp ("qmXXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "m.sock", NULL);
  g_autofree char *incoming
      = g_strdup_printf (JSON_HEAD ("200 OK") "{\"migration\":\"m-X\",\"uri\":\"unix:%s\"}", path);
  ScriptedAnswer answers[] = { { JSON_HEAD ("200 OK") "{}" }, { incoming } };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, G_N_ELEMENTS (answers));
  g_autoptr(FarHost) far = far_host_new (&(FarHostSetup){ .runtime_dir = agent->dir });
  g_autoptr(GSocket) listener = listen_on (path);

  if (far != NULL)
    carry_stream (far, listener);
  unlink (path);
  rmdir (dir);
}

/* -- the command line ------------------------------------------------------------------ */

static void
test_command_line (void)
{
  g_autoptr(FarHost) far = far_host_new (NULL);
  g_autofree char *text = NULL;
  g_autofree char *errors = NULL;
  const char *argv[] = { QMIG_PROGRAM, "-H", far != NULL ? far->uri : NULL, "host", "show", "--fields", "runtime_dir", NULL };
  int wait_status;

  if (far == NULL)
    return;

  g_assert_true (g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &text, &errors, &wait_status, NULL));
  g_assert_cmpstr (errors, ==, "");
  g_assert_cmpint (wait_status, ==, 0);
  g_assert_nonnull (strstr (text, far->runtime_dir));

  argv[2] = "ssh://127.0.0.1:1";
  g_clear_pointer (&text, g_free);
  g_clear_pointer (&errors, g_free);
  g_assert_true (g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &text, &errors, &wait_status, NULL));
  g_assert_cmpint (WEXITSTATUS (wait_status), ==, QMIG_EXIT_UNREACHABLE);
  g_assert_nonnull (strstr (errors, "nobody listens for ssh there"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/client/ssh/works", test_works);
  g_test_add_func ("/client/ssh/events", test_events);
  for (gsize i = 0; i < G_N_ELEMENTS (wrongs); i++)
    {
      g_autofree char *path = g_strconcat ("/client/ssh/wrong/", wrongs[i].name, NULL);

      g_test_add_data_func (path, &wrongs[i], test_wrong);
    }
  g_test_add_func ("/client/ssh/follow-denied", test_follow_denied);
  g_test_add_func ("/client/ssh/injection", test_injection);
  g_test_add_func ("/client/ssh/far-program", test_far_program);
  g_test_add_func ("/client/ssh/hanging", test_hanging);
  g_test_add_func ("/client/ssh/sweep", test_sweep);
  g_test_add_func ("/client/ssh/stream", test_stream);
  g_test_add_func ("/client/ssh/stream-unknown", test_stream_unknown);
  g_test_add_func ("/client/ssh/stream-of-tcp", test_stream_of_tcp);
  g_test_add_func ("/client/ssh/command-line", test_command_line);
  return g_test_run ();
}
