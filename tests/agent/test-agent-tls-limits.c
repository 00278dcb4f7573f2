/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* https under callers that are silent, slow, too many or too large, and through the death of the agent. */

#include <errno.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls-fixture.h"

#define ID "m-STREAM01"
#define PER_CERTIFICATE 32
#define ARRIVALS 256
#define GET_HOST "GET /v1/host HTTP/1.1\r\nHost: a\r\n\r\n"
#define FOLLOW "GET /v1/migrations/" ID "/events?follow=1 HTTP/1.1\r\nHost: a\r\n\r\n"

static void
assert_has (const char *text, const char *part)
{
  if (strstr (text, part) == NULL)
    g_error ("'%s' is not in: %.1000s", part, text);
}

/* The agent ends the connection, having said nothing. */
static void
assert_ended (int fd)
{
  char byte;
  gssize n = recv (fd, &byte, 1, 0);

  g_assert_true (n == 0 || (n < 0 && errno == ECONNRESET));
  close (fd);
}

/* -- a migration that goes on ---------------------------------------------------- */

static void
add_event (QmigJournal *journal, gint64 seq, const char *type)
{
  g_autoptr(QmigEvent) event = qmig_event_new ();
  g_autoptr(JsonObject) data = json_object_new ();

  event->seq = seq;
  event->ts = api_time_now ();
  event->mono_us = g_get_monotonic_time ();
  event->host = g_strdup ("alpha");
  event->migration = g_strdup (ID);
  event->type = g_strdup (type);
  event->data = json_node_init_object (json_node_alloc (), data);
  g_assert_true (qmig_journal_add_event (journal, event, NULL));
}

/* Written behind the agent's back: open, and not being worked on. */
static QmigJournal *
open_migration (TlsFixture *f)
{
  QmigJournal *journal = agent_fixture_journal (&f->agent);
  g_autoptr(QmigMigrateRequest) request = qmig_migrate_request_new ();
  const QmigJournalEntry entry = { .id = (char *) ID,
                                   .request = request,
                                   .vm = (char *) "web",
                                   .source_qmp = (char *) "/nonexistent/q",
                                   .source_pid = 1 << 29,
                                   .source_start_time = 1,
                                   .source_host = (char *) "alpha",
                                   .destination_uri = (char *) "unix:/nonexistent/a",
                                   .started_us = g_get_real_time () };
  g_autofree char *existing = NULL;
  GError *error = NULL;

  request->vm = g_strdup ("web");
  request->destination = g_strdup ("unix:/nonexistent/a");
  g_assert_true (qmig_journal_create (journal, &entry, &existing, &error));
  g_assert_no_error (error);
  return journal;
}

static void
await_heartbeats (GIOStream *stream, const char *request, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *text = tls_fixture_raw (stream, i == 0 ? request : "", -1, "\"type\":\"heartbeat\"");

      assert_has (text, "\"type\":\"heartbeat\"");
    }
}

/* -- silent and slow --------------------------------------------------------------- */

static void
start_with (TlsFixture *f, const char *limit, const char *ms)
{
  tls_fixture_issue (f, "viewer", QMIG_ROLE_VIEWER);
  tls_fixture_issue (f, "admin", QMIG_ROLE_ADMIN);
  g_setenv (limit, ms, TRUE);
  tls_fixture_start (f);
  g_unsetenv (limit);
}

static void
test_silent (TlsFixture *f, gconstpointer data)
{
  g_autoptr(QmigClient) viewer = NULL;
  g_autofree char *log = NULL;
  int nothing;
  int one_byte;

  start_with (f, "QMIG_TEST_HANDSHAKE_MS", "3000");
  viewer = tls_fixture_client (f, "viewer");
  nothing = tls_fixture_connect (f);
  one_byte = tls_fixture_connect (f);
  g_assert_cmpint (send (one_byte, "\026", 1, MSG_NOSIGNAL), ==, 1);
  tls_fixture_assert_serves (viewer);
  assert_ended (nothing);
  assert_ended (one_byte);
  tls_fixture_assert_serves (viewer);
  log = agent_fixture_read_log (&f->agent);
  assert_has (log, "it did not say who it is in time");
}

/* A request that never comes to its end, by TLS or by the unix socket. */
static void
test_slow (TlsFixture *f, gconstpointer data)
{
  static const char *const requests[] = { "GET /v1/host HTTP/1.1\r\nHo",
                                          "POST /v1/checks HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{\"vm\":" };
  g_autoptr(QmigClient) viewer = NULL;

  start_with (f, "QMIG_TEST_REQUEST_MS", "500");
  viewer = tls_fixture_client (f, "viewer");
  tls_fixture_assert_serves (viewer);
  for (gsize i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      g_autoptr(GIOStream) slow = tls_fixture_secure (f, "admin");
      g_autofree char *over_tls = tls_fixture_raw (slow, requests[i], -1, NULL);
      g_autofree char *over_unix = agent_fixture_raw (&f->agent, requests[i], -1, NULL);

      g_assert_null (strstr (over_tls, "HTTP/1.1 2"));
      g_assert_null (strstr (over_unix, "HTTP/1.1 2"));
      tls_fixture_assert_serves (viewer);
    }
}

/* -- too large ------------------------------------------------------------------------ */

static void
test_large_head (TlsFixture *f, gconstpointer data)
{
  g_autoptr(QmigClient) viewer = tls_fixture_client (f, "viewer");
  g_autoptr(GIOStream) headers = tls_fixture_secure (f, "viewer");
  g_autoptr(GIOStream) target = tls_fixture_secure (f, "viewer");
  g_autofree char *filler = g_strnfill (1 << 20, 'x');
  g_autofree char *large = g_strconcat ("GET /v1/host HTTP/1.1\r\nHost: a\r\nX-Filler: ", filler, "\r\n\r\n", NULL);
  g_autofree char *answer = tls_fixture_raw (headers, large, -1, NULL);
  g_autofree char *long_path = g_strndup (filler, 5000);
  g_autofree char *long_request = g_strconcat ("GET /v1/", long_path, " HTTP/1.1\r\nHost: a\r\n\r\n", NULL);
  g_autofree char *long_answer = tls_fixture_raw (target, long_request, -1, "4096");

  g_assert_null (strstr (answer, "200 OK"));
  assert_has (long_answer, "the path has more than 4096 bytes");
  tls_fixture_assert_serves (viewer);
}

static void
test_large_body (TlsFixture *f, gconstpointer data)
{
  g_autoptr(QmigClient) admin = tls_fixture_client (f, "admin");
  g_autoptr(JsonObject) body = json_object_new ();
  g_autofree char *filler = g_strnfill (2 << 20, 'x');
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) answer = NULL;

  json_object_set_string_member (body, "vm", filler);
  answer = qmig_client_call (admin, "POST", "/v1/migrations", body, PATIENCE_MS, NULL, NULL, &error);
  g_assert_null (answer);
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_USAGE);
  assert_has (error->message, "the body has more than 1048576 bytes");
  tls_fixture_assert_serves (admin);
}

/* -- too many ---------------------------------------------------------------------------- */

static void
test_many_of_one (TlsFixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) streams = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr(QmigClient) viewer = tls_fixture_client (f, "viewer");
  g_autoptr(QmigClient) operator= tls_fixture_client (f, "operator");
  g_autoptr(GIOStream) excess = NULL;
  g_autofree char *answer = NULL;

  for (guint i = 0; i < PER_CERTIFICATE; i++)
    {
      GIOStream *stream = tls_fixture_secure (f, "viewer");
      g_autofree char *served = tls_fixture_raw (stream, GET_HOST, -1, "\"uid\"");

      assert_has (served, "200 OK");
      g_ptr_array_add (streams, stream);
    }

  excess = tls_fixture_secure (f, "viewer");
  answer = tls_fixture_raw (excess, GET_HOST, -1, NULL);
  assert_has (answer, "HTTP/1.1 503 ");
  assert_has (answer, "too many connections: certificate viewer (viewer) has 32");
  tls_fixture_assert_refused (viewer, QMIG_EXIT_CONFLICT, "too many connections");
  tls_fixture_assert_serves (operator);

  /* One goes, and there is room. */
  g_ptr_array_set_size (streams, PER_CERTIFICATE - 1);
  for (int i = 0; i < PATIENCE_MS / 10; i++)
    {
      g_autoptr(JsonObject) host = qmig_client_call (viewer, "GET", "/v1/host", NULL, PATIENCE_MS, NULL, NULL, NULL);

      if (host != NULL)
        return;
      g_usleep (10000);
    }
  g_assert_not_reached ();
}

static ssize_t
keep_bytes (gnutls_transport_ptr_t kept, const void *bytes, size_t size)
{
  g_byte_array_append (kept, bytes, (guint) size);
  return (ssize_t) size;
}

static ssize_t
no_bytes (gnutls_transport_ptr_t kept, void *bytes, size_t size)
{
  errno = EAGAIN;
  return -1;
}

/* What a caller says first. */
static GByteArray *
make_hello (void)
{
  GByteArray *hello = g_byte_array_new ();
  gnutls_certificate_credentials_t credentials;
  gnutls_session_t session;

  g_assert_cmpint (gnutls_certificate_allocate_credentials (&credentials), ==, 0);
  g_assert_cmpint (gnutls_init (&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK), ==, 0);
  g_assert_cmpint (gnutls_priority_set_direct (session, "NORMAL:-VERS-ALL:+VERS-TLS1.3", NULL), ==, 0);
  gnutls_credentials_set (session, GNUTLS_CRD_CERTIFICATE, credentials);
  gnutls_transport_set_ptr (session, hello);
  gnutls_transport_set_push_function (session, keep_bytes);
  gnutls_transport_set_pull_function (session, no_bytes);
  g_assert_cmpint (gnutls_handshake (session), ==, GNUTLS_E_AGAIN);
  gnutls_deinit (session);
  gnutls_certificate_free_credentials (credentials);
  g_assert_cmpuint (hello->len, >, 100);
  return hello;
}

static gboolean
has_ended (int fd)
{
  struct pollfd wait = { .fd = fd, .events = POLLRDHUP };

  return poll (&wait, 1, 0) > 0;
}

/* A flood of callers that never say who they are, however far they go: the oldest have to go, and nobody else notices. */
static void
test_flood (TlsFixture *f, gconstpointer data)
{
  enum { FLOOD = 1000 };
  g_autoptr(GByteArray) hello = make_hello ();
  g_autofree int *fds = g_new (int, FLOOD);
  g_autoptr(QmigClient) admin = NULL;
  g_autoptr(GIOStream) stream = NULL;
  guint n_ended = 0;

  /* Nobody of the flood is late here. */
  g_setenv ("QMIG_TEST_HANDSHAKE_MS", "600000", TRUE);
  start_with (f, "QMIG_TEST_STALE_MS", "1000");
  qmig_journal_close (open_migration (f));
  admin = tls_fixture_client (f, "admin");
  stream = tls_fixture_secure (f, "admin");
  await_heartbeats (stream, FOLLOW, 1);

  for (guint i = 0; i < FLOOD; i++)
    {
      fds[i] = tls_fixture_connect (f);
      if (i % 3 > 0)
        g_assert_cmpint (send (fds[i], hello->data, i % 3 == 1 ? 3 : hello->len, MSG_NOSIGNAL), >, 0);
      if (i % 100 == 0)
        {
          g_autoptr(QmigClient) another = tls_fixture_client (f, "admin");

          tls_fixture_assert_serves (another);
          tls_fixture_assert_serves (admin);
        }
    }

  await_heartbeats (stream, "", 2);
  tls_fixture_assert_serves (admin);
  for (guint i = 0; i < FLOOD; i++)
    n_ended += has_ended (fds[i]);
  g_assert_cmpuint (n_ended, >=, FLOOD - ARRIVALS);
  g_assert_false (has_ended (fds[FLOOD - 1]));
  for (guint i = 0; i < FLOOD; i++)
    close (fds[i]);
}

/* -- following ------------------------------------------------------------------------------ */

typedef struct
{
  TlsFixture *fixture;
  QmigJournal *journal;
  gint64 last;
  gboolean result;
} Seen;

/* The agent dies after the first event, and the next one serves the same port. */
static gboolean
see (const QmigEvent *event, gpointer user_data)
{
  Seen *seen = user_data;
  AgentFixture *agent = &seen->fixture->agent;

  g_assert_cmpint (event->seq, ==, seen->last + 1);
  seen->last = event->seq;
  seen->result = g_str_equal (event->type, "result");
  if (event->seq != 1)
    return TRUE;

  agent_fixture_end (agent, SIGKILL);
  add_event (seen->journal, 2, "round");
  add_event (seen->journal, 3, "result");
  agent_fixture_start (agent);
  return TRUE;
}

static void
test_follow (TlsFixture *f, gconstpointer data)
{
  g_autofree char *config = g_build_filename (f->agent.dir, "qmig.conf", NULL);
  g_autofree char *listen = g_strdup_printf ("[agent]\nlisten=%s\n", f->uri + strlen ("https://"));
  g_autoptr(QmigClient) viewer = tls_fixture_client (f, "viewer");
  g_autoptr(QmigJournal) journal = open_migration (f);
  Seen seen = { f, journal, 0, FALSE };
  GError *error = NULL;

  g_assert_true (g_file_set_contents (config, listen, -1, NULL));
  add_event (journal, 1, "stage");
  g_assert_true (qmig_client_follow (viewer, ID, 0, see, &seen, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (seen.last, >=, 3);
  g_assert_true (seen.result);
}

static gboolean
see_nothing (const QmigEvent *event, gpointer user_data)
{
  g_assert_not_reached ();
}

/* What trying again cannot help is said at once. */
static void
test_follow_refused (TlsFixture *f, gconstpointer data)
{
  g_autoptr(QmigClient) eve = NULL;
  g_autoptr(QmigClient) nobody = tls_fixture_client (f, "nobody");
  g_autoptr(GError) denied = NULL;
  g_autoptr(GError) missing = NULL;

  tls_fixture_issue (f, "eve", QMIG_ROLE_NONE);
  eve = tls_fixture_client (f, "eve");
  g_assert_false (qmig_client_follow (eve, ID, 0, see_nothing, NULL, NULL, &denied));
  g_assert_error (denied, QMIG_ERROR, QMIG_EXIT_DENIED);
  g_assert_false (qmig_client_follow (nobody, ID, 0, see_nothing, NULL, NULL, &missing));
  g_assert_error (missing, QMIG_ERROR, QMIG_EXIT_NOT_FOUND);
}

#define ADD(path, test) g_test_add (path, TlsFixture, NULL, tls_fixture_set_up, test, tls_fixture_tear_down)
#define ADD_COLD(path, test) g_test_add (path, TlsFixture, NULL, tls_fixture_prepare, test, tls_fixture_tear_down)

int
main (int argc, char **argv)
{
  struct rlimit files;

  qmig_client_init_tls ();
  g_test_init (&argc, &argv, NULL);
  if (getrlimit (RLIMIT_NOFILE, &files) == 0)
    {
      files.rlim_cur = files.rlim_max;
      setrlimit (RLIMIT_NOFILE, &files);
    }

  ADD_COLD ("/agent/tls-limits/silent", test_silent);
  ADD_COLD ("/agent/tls-limits/slow", test_slow);
  ADD ("/agent/tls-limits/large-head", test_large_head);
  ADD ("/agent/tls-limits/large-body", test_large_body);
  ADD ("/agent/tls-limits/many-of-one", test_many_of_one);
  ADD_COLD ("/agent/tls-limits/flood", test_flood);
  ADD ("/agent/tls-limits/follow", test_follow);
  ADD ("/agent/tls-limits/follow-refused", test_follow_refused);
  return g_test_run ();
}
