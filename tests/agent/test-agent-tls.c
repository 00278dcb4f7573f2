/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* https: who is let in, who is not and reads why, who changed what. */

#include <glib/gstdio.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "json-strict.h"
#include "tls-fixture.h"

#define MIGRATE "{\"vm\":\"nix\",\"destination\":\"local\",\"reason\":\"kernel update\"}"

static void
assert_has (const char *text, const char *part)
{
  if (strstr (text, part) == NULL)
    g_error ("'%s' is not in: %s", part, text);
}

static JsonObject *
call (QmigClient *client, const char *method, const char *path, const char *body, GError **error)
{
  g_autoptr(JsonObject) object
      = body != NULL ? json_strict_parse_object (body, strlen (body), &json_strict_limits_api, NULL) : NULL;

  return qmig_client_call (client, method, path, object, PATIENCE_MS, NULL, NULL, error);
}

static void
assert_call_refused (QmigClient *client, const char *method, const char *path, const char *body, QmigExit code,
                     const char *part)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) answer = call (client, method, path, body, &error);

  g_assert_null (answer);
  g_assert_error (error, QMIG_ERROR, (int) code);
  assert_has (error->message, part);
}

/* -- certificates -------------------------------------------------------------------- */

static void
run (const char *command)
{
  int status = -1;

  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, &status, NULL));
  g_assert_cmpint (status, ==, 0);
}

static void
make_wrong_ca (TlsFixture *f)
{
  TlsFixture other = { .pki = g_build_filename (f->agent.dir, "other", NULL) };
  g_autofree char *to = NULL;
  g_autofree char *from = NULL;
  g_autofree char *command = NULL;

  g_assert_true (qmig_pki_init (other.pki, "other", NULL));
  tls_fixture_issue (&other, "eve", QMIG_ROLE_ADMIN);
  tls_fixture_issue (f, "eve", QMIG_ROLE_NONE);
  from = tls_fixture_dir (&other, "eve");
  to = tls_fixture_dir (f, "eve");
  command = g_strdup_printf ("cp %s/client-cert.pem %s/client-key.pem %s", from, from, to);
  run (command);
  g_free (other.pki);
}

static void
make_expired (TlsFixture *f)
{
  tls_fixture_issue_expired (f, "eve");
}

/* Its files go with the revocation: they are saved over it, as a thief would. */
static void
make_revoked (TlsFixture *f)
{
  g_autofree char *dir = tls_fixture_dir (f, "eve");
  g_autofree char *kept = g_build_filename (f->agent.dir, "kept", NULL);
  g_autofree char *save = g_strdup_printf ("cp -r %s %s", dir, kept);
  g_autofree char *back = g_strdup_printf ("cp -r %s/. %s", kept, dir);

  tls_fixture_issue (f, "eve", QMIG_ROLE_ADMIN);
  run (save);
  g_assert_true (qmig_pki_revoke (f->pki, "eve", NULL));
  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  run (back);
}

static void
make_server (TlsFixture *f)
{
  tls_fixture_issue (f, "eve", QMIG_ROLE_ADMIN);
  tls_fixture_copy (f, "eve", "server-cert.pem", "eve", "client-cert.pem");
  tls_fixture_copy (f, "eve", "server-key.pem", "eve", "client-key.pem");
}

static void
make_unpinned (TlsFixture *f)
{
  tls_fixture_issue (f, "eve", QMIG_ROLE_NONE);
}

/* A caller named eve, whom the agent does not let in. */
static const struct
{
  const char *what;
  void (*make) (TlsFixture *f);
  const char *text;
} strangers[] = {
  { "another authority's", make_wrong_ca, "was not issued by this host's authority" },
  { "expired", make_expired, "has expired on" },
  { "revoked", make_revoked, "is revoked" },
  { "a server's", make_server, "is for servers only" },
  { "not pinned", make_unpinned, "is not known here" },
};

static void
test_strangers (TlsFixture *f, gconstpointer data)
{
  g_autoptr(QmigClient) viewer = tls_fixture_client (f, "viewer");
  g_autofree char *dir = tls_fixture_dir (f, "eve");
  g_autofree char *remove = g_strconcat ("rm -r ", dir, NULL);

  tls_fixture_assert_serves (viewer);
  for (gsize i = 0; i < G_N_ELEMENTS (strangers); i++)
    {
      g_autoptr(QmigClient) eve = NULL;

      g_test_message ("%s", strangers[i].what);
      strangers[i].make (f);
      eve = tls_fixture_client (f, "eve");
      tls_fixture_assert_refused (eve, QMIG_EXIT_DENIED, strangers[i].text);
      assert_call_refused (eve, "POST", "/v1/agent/stop", NULL, QMIG_EXIT_DENIED, strangers[i].text);
      tls_fixture_assert_serves (viewer);
      run (remove);
    }
}

/* The reason arrives although the caller still sends, and reads late. */
static void
test_reason_survives_body (TlsFixture *f, gconstpointer data)
{
  g_autoptr(QmigClient) eve = NULL;
  g_autofree char *filler = g_strnfill (900 * 1024, 'x');
  g_autofree char *body = g_strdup_printf ("{\"vm\":\"%s\",\"destination\":\"local\"}", filler);

  tls_fixture_issue (f, "eve", QMIG_ROLE_NONE);
  eve = tls_fixture_client (f, "eve");
  assert_call_refused (eve, "POST", "/v1/migrations", body, QMIG_EXIT_DENIED, "is not known here");
}

static void
test_no_certificate (TlsFixture *f, gconstpointer data)
{
  g_autoptr(QmigClient) nobody = tls_fixture_client (f, "nobody");
  g_autoptr(QmigClient) viewer = tls_fixture_client (f, "viewer");
  g_autoptr(GIOStream) stream = tls_fixture_secure (f, NULL);
  g_autofree char *answer = tls_fixture_raw (stream, "GET /v1/host HTTP/1.1\r\nHost: a\r\n\r\n", -1, NULL);

  assert_has (answer, "HTTP/1.1 403 Forbidden\r\n");
  assert_has (answer, "X-Qmig-Api: 1\r\n");
  assert_has (answer, "showed no certificate");
  /* Our own client does not even try. */
  tls_fixture_assert_refused (nobody, QMIG_EXIT_NOT_FOUND, "no certificate to show");
  tls_fixture_assert_serves (viewer);
}

/* What was good is not for ever, not even over a connection that is open. */
static void
test_revoked_meanwhile (TlsFixture *f, gconstpointer data)
{
  g_autoptr(QmigClient) admin = tls_fixture_client (f, "admin");
  g_autoptr(QmigClient) operator= tls_fixture_client (f, "operator");
  GError *error = NULL;

  tls_fixture_assert_serves (admin);
  tls_fixture_assert_serves (operator);
  g_assert_true (qmig_pki_revoke (f->pki, "admin", &error));
  g_assert_no_error (error);
  tls_fixture_assert_refused (admin, QMIG_EXIT_DENIED, "is revoked");
  tls_fixture_assert_serves (operator);
  g_assert_true (qmig_peers_remove (f->pki, "operator", &error));
  tls_fixture_assert_refused (operator, QMIG_EXIT_DENIED, "is not known here");
}

/* -- roles ------------------------------------------------------------------------------ */

static void
test_roles (TlsFixture *f, gconstpointer data)
{
  g_autoptr(QmigClient) viewer = tls_fixture_client (f, "viewer");
  g_autoptr(QmigClient) operator= tls_fixture_client (f, "operator");
  g_autoptr(QmigClient) admin = tls_fixture_client (f, "admin");
  g_autoptr(JsonObject) stopped = NULL;
  g_autofree char *dir = tls_fixture_dir (f, "viewer");
  g_autoptr(QmigCertificate) certificate = qmig_pki_read_certificate (dir, "client-cert.pem", NULL);
  GError *error = NULL;
  int status;

  assert_call_refused (viewer, "POST", "/v1/migrations", MIGRATE, QMIG_EXIT_DENIED,
                       "certificate viewer (viewer) has the role viewer; POST /v1/migrations takes operator");
  assert_call_refused (operator, "POST", "/v1/migrations", MIGRATE, QMIG_EXIT_NOT_FOUND, "nix");
  assert_call_refused (operator, "POST", "/v1/agent/stop", NULL, QMIG_EXIT_DENIED,
                       "certificate operator (operator) has the role operator; POST /v1/agent/stop takes admin");
  assert_call_refused (operator, "POST", "/v1/vms/nix/qmp", "{\"command\":\"quit\"}", QMIG_EXIT_DENIED, "takes admin");
  assert_call_refused (admin, "POST", "/v1/vms/nix/qmp", "{\"command\":\"quit\"}", QMIG_EXIT_NOT_FOUND, "nix");

  /* Another role counts from the next request on. */
  g_assert_true (qmig_peers_set (f->pki, certificate->fingerprint, "viewer", QMIG_ROLE_OPERATOR, &error));
  assert_call_refused (viewer, "POST", "/v1/migrations", MIGRATE, QMIG_EXIT_NOT_FOUND, "nix");

  stopped = call (admin, "POST", "/v1/agent/stop", NULL, &error);
  g_assert_no_error (error);
  status = agent_fixture_end (&f->agent, 0);
  g_assert_cmpint (status, ==, 0);
}

static const QmigChange *
get_change (GPtrArray *changes, guint i)
{
  g_assert_cmpuint (i, <, changes->len);
  return g_ptr_array_index (changes, i);
}

static void
assert_change (const QmigChange *change, const char *who, const char *method, const char *path, const char *reason, gint64 status)
{
  g_assert_cmpstr (change->who, ==, who);
  g_assert_cmpstr (change->method, ==, method);
  g_assert_cmpstr (change->path, ==, path);
  g_assert_cmpstr (change->reason, ==, reason);
  g_assert_cmpint (change->status, ==, status);
  g_assert_cmpint (api_time_parse (change->time), !=, QMIG_UNSET);
}

static void
test_changes (TlsFixture *f, gconstpointer data)
{
  const char *by_header = "DELETE /v1/vms/nix HTTP/1.1\r\nHost: a\r\nX-Qmig-Reason: tidy up\r\nConnection: close\r\n\r\n";
  g_autofree char *own = g_strdup_printf ("uid %u", (unsigned int) getuid ());
  g_autoptr(QmigClient) viewer = tls_fixture_client (f, "viewer");
  g_autoptr(QmigClient) operator= tls_fixture_client (f, "operator");
  g_autoptr(JsonObject) answer = NULL;
  g_autoptr(GPtrArray) changes = NULL;
  g_autofree char *raw = NULL;
  GError *error = NULL;

  assert_call_refused (viewer, "POST", "/v1/migrations", MIGRATE, QMIG_EXIT_DENIED, "viewer");
  assert_call_refused (operator, "POST", "/v1/migrations", MIGRATE, QMIG_EXIT_NOT_FOUND, "nix");
  raw = agent_fixture_raw (&f->agent, by_header, -1, NULL);
  assert_has (raw, "404 Not Found");
  tls_fixture_assert_serves (viewer);

  answer = call (viewer, "GET", "/v1/changes", NULL, &error);
  g_assert_no_error (error);
  changes = api_list_from_object (&qmig_change_type, answer, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (changes->len, ==, 2);
  assert_change (get_change (changes, 0), own, "DELETE", "/v1/vms/nix", "tidy up", 404);
  assert_change (get_change (changes, 1), "certificate operator (operator)", "POST", "/v1/migrations", "kernel update", 404);
}

/* -- not TLS 1.3 ------------------------------------------------------------------------------ */

static char *
say_raw (TlsFixture *f, const char *request, gsize length)
{
  g_autoptr(GString) answer = g_string_new (NULL);
  int fd = tls_fixture_connect (f);
  char buffer[4096];
  gssize n;

  g_assert_cmpint (send (fd, request, length, MSG_NOSIGNAL), ==, length);
  shutdown (fd, SHUT_WR);
  while ((n = recv (fd, buffer, sizeof buffer, 0)) > 0)
    g_string_append_len (answer, buffer, n);
  close (fd);
  return g_string_free (g_steal_pointer (&answer), FALSE);
}

static void
test_plain (TlsFixture *f, gconstpointer data)
{
  static const char *const requests[]
      = { "GET /v1/host HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\n", "\001\002\003\377", "SSH-2.0-x\r\n", "POST / HTTP/1.0\r\n" };
  g_autoptr(QmigClient) viewer = tls_fixture_client (f, "viewer");
  g_autofree char *nothing = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      g_autofree char *answer = say_raw (f, requests[i], strlen (requests[i]));

      g_assert_true (g_str_has_prefix (answer, "HTTP/1.1 400 Bad Request\r\n"));
      assert_has (answer, "\r\n\r\nthis port speaks TLS: use https://\n");
      tls_fixture_assert_serves (viewer);
    }
}

/* It begins like TLS. */
static void
test_garbage (TlsFixture *f, gconstpointer data)
{
  g_autoptr(QmigClient) viewer = tls_fixture_client (f, "viewer");
  g_autoptr(GRand) rand = g_rand_new_with_seed (4711);

  for (int round = 0; round < 20; round++)
    {
      char noise[600] = { 22, 3, 1, 2, 0, 1, 0 };
      g_autofree char *answer = NULL;

      for (gsize i = round < 10 ? 7 : 1; i < sizeof noise; i++)
        noise[i] = (char) g_rand_int (rand);
      /* A record longer than what comes would be waited for. */
      noise[3] = 1;
      noise[4] = 0;
      answer = say_raw (f, noise, sizeof noise);
      g_assert_null (strstr (answer, "HTTP"));
    }
  tls_fixture_assert_serves (viewer);
}

/* The highest version that a caller and the agent find together; -1 where they find none. */
static int
try_versions (TlsFixture *f, const char *priority)
{
  gnutls_certificate_credentials_t credentials;
  gnutls_session_t session;
  int fd = tls_fixture_connect (f);
  int version = -1;
  int result;

  g_assert_cmpint (gnutls_certificate_allocate_credentials (&credentials), ==, 0);
  g_assert_cmpint (gnutls_init (&session, GNUTLS_CLIENT), ==, 0);
  g_assert_cmpint (gnutls_priority_set_direct (session, priority, NULL), ==, 0);
  gnutls_credentials_set (session, GNUTLS_CRD_CERTIFICATE, credentials);
  gnutls_transport_set_int (session, fd);
  do
    result = gnutls_handshake (session);
  while (result < 0 && !gnutls_error_is_fatal (result));
  if (result == 0)
    version = gnutls_protocol_get_version (session);
  gnutls_deinit (session);
  gnutls_certificate_free_credentials (credentials);
  close (fd);
  return version;
}

static void
test_old_tls (TlsFixture *f, gconstpointer data)
{
  g_autoptr(QmigClient) viewer = tls_fixture_client (f, "viewer");

  g_assert_cmpint (try_versions (f, "NORMAL:-VERS-ALL:+VERS-TLS1.2"), ==, -1);
  g_assert_cmpint (try_versions (f, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"), ==, GNUTLS_TLS1_3);
  tls_fixture_assert_serves (viewer);
}

/* -- what the caller's side says ----------------------------------------------------------------- */

static void
assert_unreachable (const char *uri, QmigExit code, const char *part)
{
  GError *error = NULL;
  g_autoptr(QmigClient) client = qmig_client_new (uri, &error);

  g_assert_no_error (error);
  tls_fixture_assert_refused (client, code, part);
}

static void
use_config (TlsFixture *f, const char *format, const char *uri, const char *fingerprint)
{
  g_autofree char *text = g_strdup_printf (format, uri, fingerprint);
  g_autofree char *path = g_build_filename (f->agent.dir, "qmig.conf", NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
test_other_side (TlsFixture *f, gconstpointer data)
{
  g_autoptr(GSocketListener) silent = g_socket_listener_new ();
  guint16 port = g_socket_listener_add_any_inet_port (silent, NULL, NULL);
  g_autofree char *nobody = g_strdup_printf ("https://127.0.0.1:%u", port);
  g_autoptr(QmigCertificate) own = qmig_pki_read_certificate (f->pki, "server-cert.pem", NULL);

  /* The port was free a moment ago. */
  g_socket_listener_close (silent);
  assert_unreachable (nobody, QMIG_EXIT_UNREACHABLE, "nobody listens there");
  assert_unreachable ("https://nowhere.invalid", QMIG_EXIT_UNREACHABLE, "is the name of the host right?");

  use_config (f, "[host alpha]\nuri=%s\nfingerprint=%s\n", f->uri, own->fingerprint);
  tls_fixture_issue (f, "me", QMIG_ROLE_VIEWER);
  {
    g_autoptr(QmigClient) pinned = tls_fixture_client (f, "me");
    g_autoptr(QmigClient) pinned_wrong = NULL;
    g_autofree char *wrong = g_strnfill (64, 'a');

    tls_fixture_assert_serves (pinned);
    use_config (f, "[host alpha]\nuri=%s\nfingerprint=%s\n", f->uri, wrong);
    pinned_wrong = tls_fixture_client (f, "me");
    tls_fixture_assert_refused (pinned_wrong, QMIG_EXIT_UNREACHABLE, "which was expected");
  }
}

/* The agent shows a certificate for another address, or of another authority. */
static void
test_wrong_server (TlsFixture *f, gconstpointer data)
{
  const char *const addresses[] = { "beta.example", NULL };
  g_autofree char *other = g_build_filename (f->agent.dir, "other", NULL);
  g_autoptr(QmigClient) trusting = NULL;
  g_autoptr(QmigClient) client = NULL;
  GError *error = NULL;
  TlsFixture foreign = { .pki = other, .uri = f->uri };

  client = tls_fixture_client (f, "viewer");
  tls_fixture_assert_serves (client);
  g_clear_object (&client);

  g_assert_true (qmig_pki_issue (f->pki, "alpha", addresses, 30, TRUE, &error));
  client = tls_fixture_client (f, "viewer");
  tls_fixture_assert_refused (client, QMIG_EXIT_UNREACHABLE, "is for alpha, beta.example and not for '127.0.0.1'");

  g_assert_true (qmig_pki_init (other, "other", &error));
  tls_fixture_issue (&foreign, "viewer", QMIG_ROLE_VIEWER);
  trusting = tls_fixture_client (&foreign, "viewer");
  tls_fixture_assert_refused (trusting, QMIG_EXIT_UNREACHABLE, "was not issued by this host's authority");
}

/* Something listens, and does not speak TLS. */
static void
test_not_tls (TlsFixture *f, gconstpointer data)
{
  g_autoptr(GSocketService) service = g_socket_service_new ();
  guint16 port = g_socket_listener_add_any_inet_port (G_SOCKET_LISTENER (service), NULL, NULL);
  g_autofree char *uri = g_strdup_printf ("https://127.0.0.1:%u", port);
  g_autoptr(QmigClient) client = NULL;
  TlsFixture there = { .pki = f->pki, .uri = uri };

  /* Nobody takes the connection: it is closed at once. */
  client = tls_fixture_client (&there, "viewer");
  tls_fixture_assert_refused (client, QMIG_EXIT_UNREACHABLE, "broke TLS off");
  g_socket_service_stop (service);
}

/* -- without certificates ---------------------------------------------------------------------------- */

static char *
await_listen (AgentFixture *agent)
{
  for (int i = 0; i < PATIENCE_MS / 10; i++)
    {
      g_autoptr(JsonObject) host = agent_fixture_call (agent, "GET", "/v1/host", NULL);
      JsonNode *listen = json_object_get_member (host, "listen");

      if (listen != NULL && !JSON_NODE_HOLDS_NULL (listen))
        return g_strdup (json_node_get_string (listen));
      g_usleep (10000);
    }
  g_error ("the agent does not listen");
}

static void
test_later (TlsFixture *f, gconstpointer data)
{
  g_autofree char *key = g_build_filename (f->pki, "server-key.pem", NULL);
  g_autofree char *kept = g_build_filename (f->pki, "kept", NULL);
  g_autoptr(JsonObject) host = NULL;
  g_autoptr(QmigClient) viewer = NULL;
  g_autofree char *log = NULL;

  g_assert_cmpint (g_rename (key, kept), ==, 0);
  tls_fixture_issue (f, "viewer", QMIG_ROLE_VIEWER);
  g_setenv ("QMIG_TEST_RETRY_MS", "50", TRUE);
  agent_fixture_start (&f->agent);
  g_unsetenv ("QMIG_TEST_RETRY_MS");
  host = agent_fixture_call (&f->agent, "GET", "/v1/host", NULL);
  g_assert_true (json_object_get_null_member (host, "listen"));
  log = agent_fixture_read_log (&f->agent);
  assert_has (log, "no TCP port is open");
  assert_has (log, "no certificate of its own");

  g_assert_cmpint (g_rename (kept, key), ==, 0);
  f->uri = await_listen (&f->agent);
  viewer = tls_fixture_client (f, "viewer");
  tls_fixture_assert_serves (viewer);
}

static void
test_not_configured (TlsFixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->agent.dir, "qmig.conf", NULL);
  g_autoptr(JsonObject) host = NULL;
  g_autofree char *log = NULL;

  g_assert_cmpint (g_remove (path), ==, 0);
  agent_fixture_start (&f->agent);
  host = agent_fixture_call (&f->agent, "GET", "/v1/host", NULL);
  g_assert_true (json_object_get_null_member (host, "listen"));
  log = agent_fixture_read_log (&f->agent);
  assert_has (log, "no TCP port is open: the config file has no listen= in [agent]");
}

/* -- serving ---------------------------------------------------------------------------------------- */

static void
test_serves (TlsFixture *f, gconstpointer data)
{
  static const char *const names[] = { "viewer", "operator", "admin" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr(QmigClient) client = tls_fixture_client (f, names[i]);

      tls_fixture_assert_serves (client);
      tls_fixture_assert_serves (client);
    }
}

static void
count_answer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  guint *answered = user_data;
  GError *error = NULL;
  g_autoptr(JsonObject) answer = qmig_client_call_finish (QMIG_CLIENT (source), result, NULL, &error);

  g_assert_no_error (error);
  *answered += 1;
}

static void
test_many (TlsFixture *f, gconstpointer data)
{
  enum { REQUESTS = 200 };
  static const char *const paths[] = { "/v1/host", "/v1/migrations", "/v1/vms?ask=0" };
  g_autoptr(QmigClient) client = tls_fixture_client (f, "viewer");
  guint answered = 0;

  for (guint i = 0; i < REQUESTS; i++)
    qmig_client_call_async (client, "GET", paths[i % G_N_ELEMENTS (paths)], NULL, PATIENCE_MS, NULL, count_answer, &answered);
  while (answered < REQUESTS)
    g_main_context_iteration (NULL, TRUE);
}

#define ADD(path, test) g_test_add (path, TlsFixture, NULL, tls_fixture_set_up, test, tls_fixture_tear_down)
#define ADD_COLD(path, test) g_test_add (path, TlsFixture, NULL, tls_fixture_prepare, test, tls_fixture_tear_down)

int
main (int argc, char **argv)
{
  qmig_client_init_tls ();
  g_test_init (&argc, &argv, NULL);
  ADD ("/agent/tls/serves", test_serves);
  ADD ("/agent/tls/many", test_many);
  ADD ("/agent/tls/strangers", test_strangers);
  ADD ("/agent/tls/reason-survives-body", test_reason_survives_body);
  ADD ("/agent/tls/no-certificate", test_no_certificate);
  ADD ("/agent/tls/revoked-meanwhile", test_revoked_meanwhile);
  ADD ("/agent/tls/roles", test_roles);
  ADD ("/agent/tls/changes", test_changes);
  ADD ("/agent/tls/plain", test_plain);
  ADD ("/agent/tls/garbage", test_garbage);
  ADD ("/agent/tls/old", test_old_tls);
  ADD ("/agent/tls/other-side", test_other_side);
  ADD ("/agent/tls/wrong-server", test_wrong_server);
  ADD ("/agent/tls/not-tls", test_not_tls);
  ADD_COLD ("/agent/tls/later", test_later);
  ADD_COLD ("/agent/tls/not-configured", test_not_configured);
  return g_test_run ();
}
