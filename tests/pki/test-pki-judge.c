/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who is let in, and what those hear who are not. */

#include "pki-fixture.h"

#include <glib/gstdio.h>
#include <gnutls/gnutls.h>
#include <string.h>

#define DAY_S (24 * 60 * 60)

/* What GnuTLS takes for the time. */
static time_t clock_offset_s;

static time_t
shifted_time (time_t *when)
{
  time_t now = (time_t) (g_get_real_time () / G_USEC_PER_SEC) + clock_offset_s;

  if (when != NULL)
    *when = now;
  return now;
}

static void
assert_client_refused (Pki *f, const char *pem, QmigExit code, const char *why)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (qmig_pki_judge_client (f->dir, pem, &error));
  assert_refused (error, code, why);
}

static void
assert_client (Pki *f, const char *pem, QmigRole role)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigPeer) peer = qmig_pki_judge_client (f->dir, pem, &error);

  g_assert_no_error (error);
  g_assert_cmpint (peer->role, ==, role);
}

static void
trust (Pki *f, const char *pem, const char *name, QmigRole role)
{
  g_autofree char *fingerprint = pki_fingerprint (pem);
  g_autoptr(GError) error = NULL;

  g_assert_true (qmig_peers_set (f->dir, fingerprint, name, role, &error));
  g_assert_no_error (error);
}

static void
test_client (Pki *f, gconstpointer data)
{
  g_autofree char *pem = NULL;
  g_autofree char *fingerprint = NULL;
  g_autofree char *cure = NULL;
  g_autoptr(QmigPeer) peer = NULL;
  g_autoptr(GError) error = NULL;

  pki_make (f, NULL);
  pki_issue (f, "eve", NULL);
  pem = pki_issued (f, "eve", "client-cert.pem");
  fingerprint = pki_fingerprint (pem);
  cure = g_strdup_printf ("the certificate of 'eve' is not known here (fingerprint %s): `qmig pki trust eve",
                          fingerprint);
  assert_client_refused (f, pem, QMIG_EXIT_DENIED, cure);

  trust (f, pem, "eva", QMIG_ROLE_VIEWER);
  peer = qmig_pki_judge_client (f->dir, pem, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (peer->name, ==, "eva");
  g_assert_cmpstr (peer->fingerprint, ==, fingerprint);
  g_assert_cmpint (peer->role, ==, QMIG_ROLE_VIEWER);

  g_assert_true (qmig_peers_remove (f->dir, "eva", &error));
  assert_client_refused (f, pem, QMIG_EXIT_DENIED, "is not known here");
}

static void
test_client_revoked (Pki *f, gconstpointer data)
{
  g_autofree char *pem = NULL;
  g_autoptr(GError) error = NULL;

  pki_make (f, NULL);
  pki_issue (f, "eve", NULL);
  pem = pki_issued (f, "eve", "client-cert.pem");
  g_assert_true (qmig_pki_revoke (f->dir, "eve", &error));
  /* Pinning it again does not help. */
  trust (f, pem, "eve", QMIG_ROLE_ADMIN);
  assert_client_refused (f, pem, QMIG_EXIT_DENIED, "the certificate of 'eve' is revoked");
}

static void
test_client_dates (Pki *f, gconstpointer data)
{
  g_autofree char *pem = NULL;

  pki_make (f, NULL);
  pki_issue (f, "eve", NULL);
  pem = pki_issued (f, "eve", "client-cert.pem");
  trust (f, pem, "eve", QMIG_ROLE_OPERATOR);
  clock_offset_s = 364 * DAY_S;
  assert_client (f, pem, QMIG_ROLE_OPERATOR);
  clock_offset_s = 366 * DAY_S;
  assert_client_refused (f, pem, QMIG_EXIT_DENIED, "the certificate of 'eve' has expired on 20");
  clock_offset_s = -2 * DAY_S;
  assert_client_refused (f, pem, QMIG_EXIT_DENIED, "the certificate of 'eve' is not valid before 20");
  clock_offset_s = 0;
  assert_client (f, pem, QMIG_ROLE_OPERATOR);
}

static void
test_client_use (Pki *f, gconstpointer data)
{
  g_autofree char *server = NULL;
  g_autofree char *ca = NULL;

  pki_make (f, NULL);
  pki_issue (f, "beta", "10.0.0.2");
  server = pki_issued (f, "beta", "server-cert.pem");
  ca = pki_text (f->dir, "ca-cert.pem");
  trust (f, server, "beta", QMIG_ROLE_ADMIN);
  trust (f, ca, "alpha", QMIG_ROLE_ADMIN);
  assert_client_refused (f, server, QMIG_EXIT_DENIED, "the certificate of 'beta' is for servers only");
  assert_client_refused (f, ca, QMIG_EXIT_DENIED, "the certificate of 'alpha authority' is not for clients");
  assert_client_refused (f, "rubbish", QMIG_EXIT_DENIED, "cannot read the certificate");
}

/* An authority with the very same name. */
static void
test_client_of_others (Pki *f, gconstpointer data)
{
  Pki other = { f->root, pki_path (f, "other") };
  g_autofree char *pem = NULL;

  pki_make (f, NULL);
  pki_make (&other, NULL);
  pki_issue (&other, "eve", NULL);
  pem = pki_issued (&other, "eve", "client-cert.pem");
  trust (f, pem, "eve", QMIG_ROLE_ADMIN);
  assert_client_refused (f, pem, QMIG_EXIT_DENIED,
                         "the certificate of 'eve' was not issued by this host's authority");
  g_free (other.dir);
}

/* Without the list, what was revoked would be good again. */
static void
test_own_files (Pki *f, gconstpointer data)
{
  g_autofree char *crl = g_build_filename (f->dir, "ca-crl.pem", NULL);
  g_autofree char *peers = g_build_filename (f->dir, "peers.conf", NULL);
  g_autofree char *ca_key = g_build_filename (f->dir, "ca-key.pem", NULL);
  g_autofree char *ca = g_build_filename (f->dir, "ca-cert.pem", NULL);
  g_autofree char *pem = NULL;
  g_autoptr(GError) error = NULL;

  pki_make (f, NULL);
  pki_issue (f, "eve", NULL);
  pem = pki_issued (f, "eve", "client-cert.pem");
  trust (f, pem, "eve", QMIG_ROLE_ADMIN);

  g_unlink (crl);
  assert_client_refused (f, pem, QMIG_EXIT_ERROR, "ca-crl.pem");
  /* A host that got its certificates from elsewhere need not have one. */
  g_unlink (ca_key);
  assert_client (f, pem, QMIG_ROLE_ADMIN);
  g_file_set_contents (crl, "rubbish", -1, &error);
  assert_client_refused (f, pem, QMIG_EXIT_ERROR, "list of revoked certificates");
  g_unlink (crl);
  g_file_set_contents (peers, "rubbish", -1, &error);
  assert_client_refused (f, pem, QMIG_EXIT_ERROR, "peers.conf");
  g_unlink (ca);
  assert_client_refused (f, pem, QMIG_EXIT_ERROR, "ca-cert.pem");
}

static void
assert_server_refused (Pki *f, const char *pem, const char *host, const char *pin, const char *why)
{
  g_autoptr(GError) error = NULL;

  g_assert_false (qmig_pki_judge_server (f->dir, pem, host, pin, &error));
  assert_refused (error, QMIG_EXIT_UNREACHABLE, why);
}

static void
assert_server (Pki *f, const char *pem, const char *host, const char *pin)
{
  g_autoptr(GError) error = NULL;
  gboolean good = qmig_pki_judge_server (f->dir, pem, host, pin, &error);

  g_assert_no_error (error);
  g_assert_true (good);
}

static void
test_server_name (Pki *f, gconstpointer data)
{
  const char *const addresses[] = { "beta.example.org", "10.0.0.2", "fd00::2", NULL };
  g_autofree char *pem = NULL;
  g_autofree char *fingerprint = NULL;
  g_autoptr(GError) error = NULL;

  pki_make (f, NULL);
  g_assert_true (qmig_pki_issue (f->dir, "beta", addresses, 30, FALSE, &error));
  pem = pki_issued (f, "beta", "server-cert.pem");
  fingerprint = pki_fingerprint (pem);
  assert_server (f, pem, "beta", NULL);
  assert_server (f, pem, "Beta.Example.Org", NULL);
  assert_server (f, pem, "10.0.0.2", NULL);
  assert_server (f, pem, "fd00:0::2", fingerprint);
  assert_server_refused (f, pem, "gamma", NULL,
                         "the certificate of 'beta' is for beta, beta.example.org, 10.0.0.2, fd00::2 and not for "
                         "'gamma'");
  assert_server_refused (f, pem, "10.0.0.20", NULL, "and not for '10.0.0.20'");
  assert_server_refused (f, pem, "example.org", NULL, "--address example.org");
  assert_server_refused (f, pem, "", NULL, "and not for ''");
  fingerprint[0] = fingerprint[0] == '0' ? '1' : '0';
  assert_server_refused (f, pem, "beta", fingerprint, "which was expected");
}

static void
test_server (Pki *f, gconstpointer data)
{
  Pki other = { f->root, pki_path (f, "other") };
  g_autofree char *server = NULL;
  g_autofree char *client = NULL;
  g_autofree char *foreign = NULL;
  g_autoptr(GError) error = NULL;

  pki_make (f, NULL);
  pki_make (&other, NULL);
  pki_issue (f, "beta", "10.0.0.2");
  pki_issue (&other, "beta", "10.0.0.2");
  server = pki_issued (f, "beta", "server-cert.pem");
  client = pki_issued (f, "beta", "client-cert.pem");
  foreign = pki_issued (&other, "beta", "server-cert.pem");
  assert_server_refused (f, client, "10.0.0.2", NULL, "the certificate of 'beta' is for clients only");
  assert_server_refused (f, foreign, "10.0.0.2", NULL, "was not issued by this host's authority");

  clock_offset_s = 366 * DAY_S;
  assert_server_refused (f, server, "10.0.0.2", NULL, "the certificate of 'beta' has expired on 20");
  clock_offset_s = 0;
  assert_server (f, server, "10.0.0.2", NULL);
  g_assert_true (qmig_pki_revoke (f->dir, "beta", &error));
  assert_server_refused (f, server, "10.0.0.2", NULL, "the certificate of 'beta' is revoked");
  g_free (other.dir);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gnutls_global_set_time_function (shifted_time);
  ADD_PKI_TEST ("/pki/judge/client", test_client);
  ADD_PKI_TEST ("/pki/judge/client-revoked", test_client_revoked);
  ADD_PKI_TEST ("/pki/judge/client-dates", test_client_dates);
  ADD_PKI_TEST ("/pki/judge/client-use", test_client_use);
  ADD_PKI_TEST ("/pki/judge/client-of-others", test_client_of_others);
  ADD_PKI_TEST ("/pki/judge/own-files", test_own_files);
  ADD_PKI_TEST ("/pki/judge/server-name", test_server_name);
  ADD_PKI_TEST ("/pki/judge/server", test_server);
  return g_test_run ();
}
