/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tls-fixture.h"

#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAY_S 86400

static void
assert_done (gboolean done, GError *error)
{
  g_assert_no_error (error);
  g_assert_true (done);
}

static char *
read_file (const char *dir, const char *file)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);
  GError *error = NULL;
  char *text = NULL;

  assert_done (g_file_get_contents (path, &text, NULL, &error), error);
  return text;
}

static void
write_file (const char *dir, const char *file, const char *text)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);
  GError *error = NULL;

  assert_done (g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error), error);
}

/* -- certificates ------------------------------------------------------------- */

char *
tls_fixture_dir (TlsFixture *self, const char *name)
{
  return g_build_filename (self->pki, "issued", name, NULL);
}

static void
trust (TlsFixture *self, const char *name, QmigRole role)
{
  g_autofree char *dir = tls_fixture_dir (self, name);
  GError *error = NULL;
  g_autoptr(QmigCertificate) certificate = qmig_pki_read_certificate (dir, "client-cert.pem", &error);

  g_assert_no_error (error);
  assert_done (qmig_peers_set (self->pki, certificate->fingerprint, name, role, &error), error);
}

void
tls_fixture_issue (TlsFixture *self, const char *name, QmigRole role)
{
  const char *const addresses[] = { "127.0.0.1", "localhost", NULL };
  GError *error = NULL;

  assert_done (qmig_pki_issue (self->pki, name, addresses, 30, FALSE, &error), error);
  if (role != QMIG_ROLE_NONE)
    trust (self, name, role);
}

static gnutls_x509_crt_t
import_certificate (const char *pem)
{
  const gnutls_datum_t text = { (guchar *) pem, (unsigned int) strlen (pem) };
  gnutls_x509_crt_t certificate;

  g_assert_cmpint (gnutls_x509_crt_init (&certificate), ==, 0);
  g_assert_cmpint (gnutls_x509_crt_import (certificate, &text, GNUTLS_X509_FMT_PEM), ==, 0);
  return certificate;
}

static gnutls_x509_privkey_t
import_key (const char *pem)
{
  const gnutls_datum_t text = { (guchar *) pem, (unsigned int) strlen (pem) };
  gnutls_x509_privkey_t key;

  g_assert_cmpint (gnutls_x509_privkey_init (&key), ==, 0);
  g_assert_cmpint (gnutls_x509_privkey_import2 (key, &text, GNUTLS_X509_FMT_PEM, NULL, 0), ==, 0);
  return key;
}

/* The same certificate with other dates, signed by the same authority. */
void
tls_fixture_issue_expired (TlsFixture *self, const char *name)
{
  g_autofree char *dir = NULL;
  g_autofree char *pem = NULL;
  g_autofree char *ca_pem = read_file (self->pki, "ca-cert.pem");
  g_autofree char *ca_key_pem = read_file (self->pki, "ca-key.pem");
  gnutls_x509_crt_t certificate, ca = import_certificate (ca_pem);
  gnutls_x509_privkey_t ca_key = import_key (ca_key_pem);
  gnutls_datum_t signed_pem;

  tls_fixture_issue (self, name, QMIG_ROLE_NONE);
  dir = tls_fixture_dir (self, name);
  pem = read_file (dir, "client-cert.pem");
  certificate = import_certificate (pem);
  g_assert_cmpint (gnutls_x509_crt_set_activation_time (certificate, time (NULL) - 2 * DAY_S), ==, 0);
  g_assert_cmpint (gnutls_x509_crt_set_expiration_time (certificate, time (NULL) - DAY_S), ==, 0);
  g_assert_cmpint (gnutls_x509_crt_sign2 (certificate, ca, ca_key, GNUTLS_DIG_SHA256, 0), ==, 0);
  g_assert_cmpint (gnutls_x509_crt_export2 (certificate, GNUTLS_X509_FMT_PEM, &signed_pem), ==, 0);
  write_file (dir, "client-cert.pem", (const char *) signed_pem.data);
  gnutls_free (signed_pem.data);
  gnutls_x509_crt_deinit (certificate);
  gnutls_x509_crt_deinit (ca);
  gnutls_x509_privkey_deinit (ca_key);
  trust (self, name, QMIG_ROLE_ADMIN);
}

void
tls_fixture_copy (TlsFixture *self, const char *from, const char *file, const char *to, const char *file_to)
{
  g_autofree char *from_dir = tls_fixture_dir (self, from);
  g_autofree char *to_dir = tls_fixture_dir (self, to);
  g_autofree char *text = read_file (from_dir, file);

  write_file (to_dir, file_to, text);
}

/* -- agent ---------------------------------------------------------------------- */

void
tls_fixture_prepare (TlsFixture *self, gconstpointer data)
{
  const char *const addresses[] = { "127.0.0.1", "localhost", NULL };
  GError *error = NULL;

  agent_fixture_prepare (&self->agent, data);
  write_file (self->agent.dir, "qmig.conf", "[agent]\nlisten=127.0.0.1:0\n");
  self->pki = g_build_filename (self->agent.dir, "pki", NULL);
  assert_done (qmig_pki_init (self->pki, "test", &error), error);
  assert_done (qmig_pki_issue (self->pki, "alpha", addresses, 30, TRUE, &error), error);
}

void
tls_fixture_start (TlsFixture *self)
{
  g_autoptr(JsonObject) host = NULL;

  /* On a busy machine nobody is late but who means to be. */
  g_setenv ("QMIG_TEST_HANDSHAKE_MS", "60000", FALSE);
  g_setenv ("QMIG_TEST_STALE_MS", "60000", FALSE);
  agent_fixture_start (&self->agent);
  g_unsetenv ("QMIG_TEST_HANDSHAKE_MS");
  g_unsetenv ("QMIG_TEST_STALE_MS");
  host = agent_fixture_call (&self->agent, "GET", "/v1/host", NULL);
  g_free (self->uri);
  self->uri = g_strdup (json_object_get_string_member (host, "listen"));
  g_assert_nonnull (self->uri);
}

void
tls_fixture_set_up (TlsFixture *self, gconstpointer data)
{
  tls_fixture_prepare (self, data);
  tls_fixture_issue (self, "admin", QMIG_ROLE_ADMIN);
  tls_fixture_issue (self, "operator", QMIG_ROLE_OPERATOR);
  tls_fixture_issue (self, "viewer", QMIG_ROLE_VIEWER);
  tls_fixture_start (self);
}

void
tls_fixture_tear_down (TlsFixture *self, gconstpointer data)
{
  agent_fixture_tear_down (&self->agent, data);
  g_free (self->pki);
  g_free (self->uri);
}

/* -- callers ---------------------------------------------------------------------- */

QmigClient *
tls_fixture_client (TlsFixture *self, const char *name)
{
  g_autofree char *dir = tls_fixture_dir (self, name);
  GError *error = NULL;
  QmigClient *client;

  g_setenv ("QMIG_PKI_DIR", dir, TRUE);
  client = qmig_client_new (self->uri, &error);
  g_unsetenv ("QMIG_PKI_DIR");
  g_assert_no_error (error);
  return client;
}

void
tls_fixture_assert_serves (QmigClient *client)
{
  GError *error = NULL;
  g_autoptr(JsonObject) answer = qmig_client_call (client, "GET", "/v1/host", NULL, PATIENCE_MS, NULL, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (json_object_get_string_member (answer, "name"), ==, "alpha");
}

void
tls_fixture_assert_refused (QmigClient *client, QmigExit code, const char *part)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) answer = qmig_client_call (client, "GET", "/v1/host", NULL, PATIENCE_MS, NULL, NULL, &error);

  g_assert_null (answer);
  g_test_message ("%s", error->message);
  g_assert_error (error, QMIG_ERROR, (int) code);
  g_assert_nonnull (strstr (error->message, part));
}

static GSocketConnection *
connect_tcp (TlsFixture *self)
{
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  GError *error = NULL;
  GSocketConnection *connection = g_socket_client_connect_to_uri (client, self->uri, 0, NULL, &error);

  g_assert_no_error (error);
  return connection;
}

int
tls_fixture_connect (TlsFixture *self)
{
  g_autoptr(GSocketConnection) connection = connect_tcp (self);
  int fd = dup (g_socket_get_fd (g_socket_connection_get_socket (connection)));
  int flags = fcntl (fd, F_GETFL);

  g_assert_cmpint (fcntl (fd, F_SETFL, flags & ~O_NONBLOCK), ==, 0);
  return fd;
}

static gboolean
accept_any (GTlsConnection *tls, GTlsCertificate *certificate, GTlsCertificateFlags errors, gpointer user_data)
{
  return TRUE;
}

GIOStream *
tls_fixture_secure (TlsFixture *self, const char *name)
{
  g_autoptr(GSocketConnection) connection = connect_tcp (self);
  GError *error = NULL;
  g_autoptr(GIOStream) tls = g_tls_client_connection_new (G_IO_STREAM (connection), NULL, &error);

  g_assert_no_error (error);
  g_signal_connect (tls, "accept-certificate", G_CALLBACK (accept_any), NULL);
  if (name != NULL)
    {
      g_autofree char *certificate = g_build_filename (self->pki, "issued", name, "client-cert.pem", NULL);
      g_autofree char *key = g_build_filename (self->pki, "issued", name, "client-key.pem", NULL);
      g_autoptr(GTlsCertificate) own = g_tls_certificate_new_from_files (certificate, key, &error);

      g_assert_no_error (error);
      g_tls_connection_set_certificate (G_TLS_CONNECTION (tls), own);
    }
  return g_steal_pointer (&tls);
}

char *
tls_fixture_raw (GIOStream *stream, const char *request, gssize length, const char *needle)
{
  GOutputStream *out = g_io_stream_get_output_stream (stream);
  GInputStream *in = g_io_stream_get_input_stream (stream);
  g_autoptr(GString) answer = g_string_new (NULL);
  char buffer[16384];
  gssize n;

  g_output_stream_write_all (out, request, length < 0 ? strlen (request) : (gsize) length, NULL, NULL, NULL);
  while ((needle == NULL || strstr (answer->str, needle) == NULL)
         && (n = g_input_stream_read (in, buffer, sizeof buffer, NULL, NULL)) > 0)
    g_string_append_len (answer, buffer, n);
  return g_string_free (g_steal_pointer (&answer), FALSE);
}
