/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Putting certificates beside their keys. */

#include "pki-private.h"

#include <string.h>

#define CRL_HEAD "-----BEGIN X509 CRL-----"

static gboolean
refuse (GError **error, const char *dir, const char *reason)
{
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot install certificates in '%s': %s", dir, reason);
  return FALSE;
}

static gboolean
check_authority (const char *dir, gnutls_x509_crt_t ca, GError **error)
{
  g_auto(gnutls_x509_crt_t) present = NULL;

  if (gnutls_x509_crt_get_ca_status (ca, NULL) <= 0 || !pki_is_issued_by (ca, ca))
    return refuse (error, dir, "what was given as the authority's certificate is none");
  if (!pki_exists (dir, PKI_CA_CERT))
    return TRUE;

  present = pki_load_certificate (dir, PKI_CA_CERT, error);
  if (present == NULL)
    return FALSE;
  return gnutls_x509_crt_equals (present, ca) != 0
         || refuse (error, dir, "it belongs to another authority already (see its " PKI_CA_CERT ")");
}

static gboolean
check_fits (const char *dir, QmigPkiUse use, const char *pem, gnutls_x509_crt_t ca, GError **error)
{
  const char *file = pki_cert_file (use);
  g_autofree char *not_ours = g_strdup_printf ("%s was not issued by the authority given with it", file);
  g_autofree char *other_use = g_strdup_printf ("the certificate given as %s is for another use", file);
  g_autofree char *other_key = g_strdup_printf ("%s was not made for the key %s", file, pki_key_file (use));
  g_auto(gnutls_x509_crt_t) crt = pki_parse_certificate (pem, file, error);
  g_autoptr(QmigCertificate) certificate = crt != NULL ? pki_describe (crt, error) : NULL;
  g_auto(gnutls_x509_privkey_t) key = NULL;
  g_autofree char *key_id = NULL;
  g_autofree char *crt_id = NULL;

  if (certificate == NULL)
    return FALSE;
  if (!pki_is_issued_by (crt, ca))
    return refuse (error, dir, not_ours);
  if (use == QMIG_PKI_SERVER ? !certificate->for_server : !certificate->for_client)
    return refuse (error, dir, other_use);

  key = pki_load_key (dir, pki_key_file (use), error);
  if (key == NULL)
    return FALSE;
  key_id = pki_private_key_id (key);
  crt_id = pki_certificate_key_id (crt);
  return (key_id != NULL && g_strcmp0 (key_id, crt_id) == 0) || refuse (error, dir, other_key);
}

/* An older list than the one that is here would let somebody in again. */
static gboolean
install_crl (const char *dir, const char *ca_pem, gnutls_x509_crt_t ca, GError **error)
{
  const char *pem = strstr (ca_pem, CRL_HEAD);
  g_auto(gnutls_x509_crl_t) crl = NULL;
  g_auto(gnutls_x509_crl_t) present = NULL;

  if (pem == NULL)
    return TRUE;
  if (!pki_parse_crl (pem, ca, &crl, error))
    return FALSE;
  if (pki_exists (dir, PKI_CA_CRL) && !pki_load_crl (dir, ca, &present, error))
    return FALSE;
  return (present != NULL && !pki_crl_is_as_new (crl, present)) || pki_write (dir, PKI_CA_CRL, pem, error);
}

static gboolean
install_ca (const char *dir, gnutls_x509_crt_t ca, GError **error)
{
  gnutls_datum_t exported = { NULL, 0 };
  g_autofree char *pem = NULL;

  if (pki_exists (dir, PKI_CA_CERT))
    return TRUE;
  if (!pki_check (gnutls_x509_crt_export2 (ca, GNUTLS_X509_FMT_PEM, &exported), "install a certificate", error))
    return FALSE;
  pem = pki_take_text (&exported);
  return pki_write (dir, PKI_CA_CERT, pem, error);
}

gboolean
qmig_pki_install (const char *dir, const char *ca_pem, const char *server_pem, const char *client_pem, GError **error)
{
  g_auto(gnutls_x509_crt_t) ca = pki_parse_certificate (ca_pem, "of the authority", error);
  g_auto(PkiLock) lock = -1;

  if (ca == NULL || !pki_make_dir (dir, error))
    return FALSE;
  lock = pki_lock (dir, error);
  if (lock < 0 || !check_authority (dir, ca, error)
      || (server_pem != NULL && !check_fits (dir, QMIG_PKI_SERVER, server_pem, ca, error))
      || (client_pem != NULL && !check_fits (dir, QMIG_PKI_CLIENT, client_pem, ca, error)))
    return FALSE;

  return install_crl (dir, ca_pem, ca, error) && install_ca (dir, ca, error)
         && (server_pem == NULL || pki_write (dir, pki_cert_file (QMIG_PKI_SERVER), server_pem, error))
         && (client_pem == NULL || pki_write (dir, pki_cert_file (QMIG_PKI_CLIENT), client_pem, error));
}
