/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The life of certificates: made, installed elsewhere, listed, handed out, revoked. */

#include "pki-fixture.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const char *const beta_addresses[] = { "beta.example.org", "10.0.0.2", "fd00::2", NULL };

static void
test_enrol (Pki *f, gconstpointer data)
{
  g_autofree char *there = pki_path (f, "there");
  g_autofree char *server_request = NULL;
  g_autofree char *client_request = NULL;
  g_autofree char *again = NULL;
  g_autofree char *server = NULL;
  g_autofree char *client = NULL;
  g_autofree char *ca = NULL;
  g_autofree char *key = NULL;
  g_autofree char *key_again = NULL;
  g_autoptr(QmigCertificate) certificate = NULL;
  g_autoptr(GError) error = NULL;

  pki_make (f, NULL);
  ca = pki_text (f->dir, "ca-cert.pem");
  server_request = qmig_pki_request (there, QMIG_PKI_SERVER, "liar", &error);
  g_assert_no_error (error);
  client_request = qmig_pki_request (there, QMIG_PKI_CLIENT, "beta", &error);
  g_assert_no_error (error);
  key = pki_text (there, "server-key.pem");
  again = qmig_pki_request (there, QMIG_PKI_SERVER, "beta", &error);
  key_again = pki_text (there, "server-key.pem");
  g_assert_cmpstr (key, ==, key_again);

  server = qmig_pki_sign (f->dir, server_request, QMIG_PKI_SERVER, "beta", beta_addresses, 30, &error);
  g_assert_no_error (error);
  client = qmig_pki_sign (f->dir, client_request, QMIG_PKI_CLIENT, "beta", NULL, 30, &error);
  g_assert_no_error (error);
  g_assert_true (qmig_pki_install (there, ca, server, client, &error));
  g_assert_no_error (error);

  certificate = qmig_pki_read_certificate (there, "server-cert.pem", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (certificate->subject, ==, "CN=beta");
  g_assert_cmpstr (certificate->name, ==, "beta");
  g_assert_cmpuint (strlen (certificate->fingerprint), ==, 64);
  g_assert_cmpuint (strlen (certificate->serial), ==, 32);
  g_assert_cmpstrv (certificate->addresses,
                    ((const char *const[]) { "beta", "beta.example.org", "10.0.0.2", "fd00::2", NULL }));
  g_assert_true (certificate->for_server);
  g_assert_false (certificate->for_client);
  g_assert_false (certificate->is_ca);
  g_assert_cmpint (certificate->not_after - g_get_real_time () / G_USEC_PER_SEC, >, 29 * 24 * 3600);
  g_assert_cmpint (certificate->not_after - g_get_real_time () / G_USEC_PER_SEC, <=, 30 * 24 * 3600);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD_PKI_TEST ("/pki/life/enrol", test_enrol);
  return g_test_run ();
}
