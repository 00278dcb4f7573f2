/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who is let in, and what those hear who are not. */

#include "pki-fixture.h"

#include <gnutls/gnutls.h>
#include <string.h>

static void
test_client (Pki *f, gconstpointer data)
{
  g_autofree char *pem = NULL;
  g_autofree char *fingerprint = NULL;
  g_autoptr(QmigPeer) peer = NULL;
  g_autoptr(GError) error = NULL;

  pki_make (f, NULL);
  pki_issue (f, "eve", NULL);
  pem = pki_issued (f, "eve", "client-cert.pem");
  fingerprint = pki_fingerprint (pem);
  g_assert_null (qmig_pki_judge_client (f->dir, pem, &error));
  assert_refused (error, QMIG_EXIT_DENIED, "the certificate of 'eve' is not known here (fingerprint ");

  g_assert_true (qmig_peers_set (f->dir, fingerprint, "eve", QMIG_ROLE_VIEWER, &error));
  peer = qmig_pki_judge_client (f->dir, pem, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (peer->name, ==, "eve");
  g_assert_cmpint (peer->role, ==, QMIG_ROLE_VIEWER);

  g_assert_true (qmig_pki_revoke (f->dir, "eve", &error));
  g_assert_null (qmig_pki_judge_client (f->dir, pem, &error));
  assert_refused (error, QMIG_EXIT_DENIED, "the certificate of 'eve' is revoked");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD_PKI_TEST ("/pki/judge/client", test_client);
  return g_test_run ();
}
