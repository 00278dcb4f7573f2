/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A host that makes its own keys and gets certificates from an authority elsewhere. */

#include "pki-fixture.h"

#include <string.h>

static const char *const beta_addresses[] = { "beta.example.org", "10.0.0.2", "fd00::2", NULL };

static char *
request (const char *dir, QmigPkiUse use, const char *name)
{
  g_autoptr(GError) error = NULL;
  char *pem = qmig_pki_request (dir, use, name, &error);

  g_assert_no_error (error);
  return pem;
}

static char *
sign (Pki *f, const char *request_pem, QmigPkiUse use, const char *name)
{
  g_autoptr(GError) error = NULL;
  const char *const *addresses = use == QMIG_PKI_SERVER ? beta_addresses : NULL;
  char *pem = qmig_pki_sign (f->dir, request_pem, use, name, addresses, 30, &error);

  g_assert_no_error (error);
  return pem;
}

static char *
request_and_sign (Pki *f, const char *dir, QmigPkiUse use)
{
  g_autofree char *pem = request (dir, use, "beta");

  return sign (f, pem, use, "beta");
}

static void
test_enrol (Pki *f, gconstpointer data)
{
  g_autofree char *there = pki_path (f, "there");
  g_autofree char *asked = request (there, QMIG_PKI_SERVER, "liar");
  g_autofree char *key = pki_text (there, "server-key.pem");
  g_autofree char *again = request (there, QMIG_PKI_SERVER, "beta");
  g_autofree char *key_again = pki_text (there, "server-key.pem");
  g_autofree char *server = NULL;
  g_autofree char *client = NULL;
  g_autofree char *ca = NULL;
  g_autoptr(QmigCertificate) certificate = NULL;
  g_autoptr(GError) error = NULL;
  gint64 left_s;

  g_assert_cmpstr (key, ==, key_again);
  pki_make (f, NULL);
  ca = pki_text (f->dir, "ca-cert.pem");
  server = sign (f, asked, QMIG_PKI_SERVER, "beta");
  client = request_and_sign (f, there, QMIG_PKI_CLIENT);
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
  left_s = certificate->not_after - g_get_real_time () / G_USEC_PER_SEC;
  g_assert_cmpint (left_s, >, 29 * 24 * 3600);
  g_assert_cmpint (left_s, <=, 30 * 24 * 3600);
}

/* A name is its key's until it is revoked; a name that nobody has is anybody's. */
static void
test_owner (Pki *f, gconstpointer data)
{
  g_autofree char *there = pki_path (f, "there");
  g_autofree char *elsewhere = pki_path (f, "elsewhere");
  g_autofree char *ours = request (there, QMIG_PKI_SERVER, "beta");
  g_autofree char *theirs = request (elsewhere, QMIG_PKI_SERVER, "beta");
  g_autofree char *server = NULL;
  g_autoptr(GError) error = NULL;

  pki_make (f, NULL);
  g_assert_true (qmig_pki_check_owner (f->dir, "beta", ours, &error));
  g_assert_no_error (error);
  server = sign (f, ours, QMIG_PKI_SERVER, "beta");
  g_assert_true (qmig_pki_check_owner (f->dir, "beta", ours, &error));
  g_assert_no_error (error);
  g_assert_true (qmig_pki_check_owner (f->dir, "gamma", theirs, &error));
  g_assert_no_error (error);

  g_assert_false (qmig_pki_check_owner (f->dir, "Beta", theirs, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
  g_clear_error (&error);
  g_assert_true (qmig_pki_revoke (f->dir, "beta", &error));
  g_assert_no_error (error);
  g_assert_true (qmig_pki_check_owner (f->dir, "beta", theirs, &error));
  g_assert_no_error (error);
}

static void
assert_not_installed (const char *dir, const char *ca, const char *server, const char *client, const char *why)
{
  g_autoptr(GError) error = NULL;

  g_assert_false (qmig_pki_install (dir, ca, server, client, &error));
  assert_refused (error, QMIG_EXIT_CONFLICT, why);
}

static void
test_does_not_fit (Pki *f, gconstpointer data)
{
  g_autofree char *here = pki_path (f, "here");
  g_autofree char *there = pki_path (f, "there");
  g_autofree char *other = pki_path (f, "other");
  g_autofree char *server = NULL;
  g_autofree char *foreign_key = NULL;
  g_autofree char *client = NULL;
  g_autofree char *ca = NULL;
  g_autofree char *other_ca = NULL;
  g_autoptr(GError) error = NULL;

  pki_make (f, NULL);
  pki_make (f, other);
  ca = pki_text (f->dir, "ca-cert.pem");
  other_ca = pki_text (other, "ca-cert.pem");
  server = request_and_sign (f, here, QMIG_PKI_SERVER);
  client = request_and_sign (f, here, QMIG_PKI_CLIENT);
  foreign_key = request_and_sign (f, there, QMIG_PKI_SERVER);

  assert_not_installed (here, ca, foreign_key, NULL, "server-cert.pem was not made for the key server-key.pem");
  assert_not_installed (here, ca, client, NULL, "the certificate given as server-cert.pem is for another use");
  assert_not_installed (here, ca, NULL, server, "the certificate given as client-cert.pem is for another use");
  assert_not_installed (here, other_ca, server, client, "server-cert.pem was not issued by the authority given with it");
  assert_not_installed (here, server, server, client, "authority's certificate is none");
  g_assert_null (qmig_pki_read_certificate (here, "ca-cert.pem", &error));
  assert_refused (error, QMIG_EXIT_NOT_FOUND, "ca-cert.pem");

  g_assert_true (qmig_pki_install (here, ca, server, client, &error));
  g_assert_no_error (error);
  assert_not_installed (here, other_ca, NULL, NULL, "belongs to another authority already");
}

/* The list of revoked certificates comes behind the authority; an old one must not undo a newer one. */
static void
test_crl (Pki *f, gconstpointer data)
{
  g_autofree char *there = pki_path (f, "there");
  g_autofree char *other = pki_path (f, "other");
  g_autofree char *ca = NULL;
  g_autofree char *old_crl = NULL;
  g_autofree char *old_bundle = NULL;
  g_autofree char *crl = NULL;
  g_autofree char *bundle = NULL;
  g_autofree char *foreign_crl = NULL;
  g_autofree char *foreign_bundle = NULL;
  g_autofree char *installed = NULL;
  g_autofree char *still_installed = NULL;
  g_autoptr(GError) error = NULL;

  pki_make (f, NULL);
  pki_make (f, other);
  ca = pki_text (f->dir, "ca-cert.pem");
  old_crl = pki_text (f->dir, "ca-crl.pem");
  old_bundle = g_strconcat (ca, old_crl, NULL);
  foreign_crl = pki_text (other, "ca-crl.pem");
  foreign_bundle = g_strconcat (ca, foreign_crl, NULL);
  pki_issue (f, "eve", NULL);
  g_assert_true (qmig_pki_revoke (f->dir, "eve", &error));
  crl = pki_text (f->dir, "ca-crl.pem");
  bundle = g_strconcat (ca, crl, NULL);
  g_assert_cmpstr (crl, !=, old_crl);

  g_assert_true (qmig_pki_install (there, old_bundle, NULL, NULL, &error));
  g_assert_true (qmig_pki_install (there, bundle, NULL, NULL, &error));
  g_assert_no_error (error);
  installed = pki_text (there, "ca-crl.pem");
  g_assert_cmpstr (installed, ==, crl);

  g_assert_true (qmig_pki_install (there, old_bundle, NULL, NULL, &error));
  g_assert_false (qmig_pki_install (there, foreign_bundle, NULL, NULL, &error));
  assert_refused (error, QMIG_EXIT_ERROR, "this authority has not signed it");
  still_installed = pki_text (there, "ca-crl.pem");
  g_assert_cmpstr (still_installed, ==, crl);
}

static void
assert_not_signed (const char *dir,
                   const char *pem,
                   const char *name,
                   const char *address,
                   int days,
                   QmigExit code,
                   const char *why)
{
  const char *const addresses[] = { address, NULL };
  g_autoptr(GError) error = NULL;

  g_assert_null (qmig_pki_sign (dir, pem, QMIG_PKI_SERVER, name, addresses, days, &error));
  assert_refused (error, code, why);
}

static void
test_sign_refuses (Pki *f, gconstpointer data)
{
  g_autofree char *there = pki_path (f, "there");
  g_autofree char *nowhere = pki_path (f, "nowhere");
  g_autofree char *long_name = g_strnfill (65, 'a');
  g_autofree char *pem = request (there, QMIG_PKI_SERVER, "beta");
  g_autofree char *broken = g_strndup (pem, strlen (pem) / 2);

  pki_make (f, NULL);
  assert_not_signed (f->dir, pem, "", NULL, 1, QMIG_EXIT_USAGE, "cannot use ''");
  assert_not_signed (f->dir, pem, "../x", NULL, 1, QMIG_EXIT_USAGE, "cannot use '../x'");
  assert_not_signed (f->dir, pem, "a b", NULL, 1, QMIG_EXIT_USAGE, "cannot use 'a b'");
  assert_not_signed (f->dir, pem, "a,O=b", NULL, 1, QMIG_EXIT_USAGE, "cannot use 'a,O=b'");
  assert_not_signed (f->dir, pem, long_name, NULL, 1, QMIG_EXIT_USAGE, "up to 64");
  assert_not_signed (f->dir, pem, "beta", "*.example.org", 1, QMIG_EXIT_USAGE, "'*.example.org'");
  assert_not_signed (f->dir, pem, "beta", "", 1, QMIG_EXIT_USAGE, "''");
  assert_not_signed (f->dir, pem, "beta", NULL, 0, QMIG_EXIT_USAGE, "0 days");
  assert_not_signed (f->dir, pem, "beta", NULL, -3, QMIG_EXIT_USAGE, "-3 days");
  assert_not_signed (f->dir, pem, "beta", NULL, 1000000, QMIG_EXIT_USAGE, "expected 1 to");
  assert_not_signed (f->dir, broken, "beta", NULL, 1, QMIG_EXIT_ERROR, "cannot read the request");
  assert_not_signed (there, pem, "beta", NULL, 1, QMIG_EXIT_NOT_FOUND, "qmig pki init");
  assert_not_signed (nowhere, pem, "beta", NULL, 1, QMIG_EXIT_NOT_FOUND, "nowhere");
}

static void
test_revoked_key (Pki *f, gconstpointer data)
{
  g_autofree char *there = pki_path (f, "there");
  g_autofree char *pem = request (there, QMIG_PKI_SERVER, "beta");
  g_autofree char *server = NULL;
  g_autoptr(GError) error = NULL;

  pki_make (f, NULL);
  server = sign (f, pem, QMIG_PKI_SERVER, "beta");
  g_assert_true (qmig_pki_revoke (f->dir, "beta", &error));
  g_assert_no_error (error);
  assert_not_signed (f->dir, pem, "beta", NULL, 1, QMIG_EXIT_CONFLICT, "its key has been revoked");
  assert_not_signed (f->dir, pem, "gamma", NULL, 1, QMIG_EXIT_CONFLICT, "its key has been revoked");
}

/* What glib-networking thinks of the files, which the agent and its callers hand to it. */
static void
test_gio (Pki *f, gconstpointer data)
{
  const char *const addresses[] = { "10.0.0.2", NULL };
  g_autofree char *ca_file = g_build_filename (f->dir, "ca-cert.pem", NULL);
  g_autofree char *cert_file = g_build_filename (f->dir, "server-cert.pem", NULL);
  g_autofree char *key_file = g_build_filename (f->dir, "server-key.pem", NULL);
  g_autoptr(GSocketConnectable) right = g_network_address_new ("10.0.0.2", 1);
  g_autoptr(GSocketConnectable) wrong = g_network_address_new ("10.0.0.3", 1);
  g_autoptr(GTlsCertificate) ca = NULL;
  g_autoptr(GTlsCertificate) server = NULL;
  g_autoptr(GError) error = NULL;

  if (!g_tls_backend_supports_tls (g_tls_backend_get_default ()))
    {
      g_test_skip ("glib-networking is not installed");
      return;
    }
  pki_make (f, NULL);
  g_assert_true (qmig_pki_issue (f->dir, "alpha", addresses, 30, TRUE, &error));
  ca = g_tls_certificate_new_from_file (ca_file, &error);
  g_assert_no_error (error);
  server = g_tls_certificate_new_from_files (cert_file, key_file, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_tls_certificate_verify (server, right, ca), ==, 0);
  g_assert_cmpint (g_tls_certificate_verify (server, wrong, ca), ==, G_TLS_CERTIFICATE_BAD_IDENTITY);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD_PKI_TEST ("/pki/install/enrol", test_enrol);
  ADD_PKI_TEST ("/pki/install/owner", test_owner);
  ADD_PKI_TEST ("/pki/install/does-not-fit", test_does_not_fit);
  ADD_PKI_TEST ("/pki/install/crl", test_crl);
  ADD_PKI_TEST ("/pki/install/sign-refuses", test_sign_refuses);
  ADD_PKI_TEST ("/pki/install/revoked-key", test_revoked_key);
  ADD_PKI_TEST ("/pki/install/gio", test_gio);
  return g_test_run ();
}
