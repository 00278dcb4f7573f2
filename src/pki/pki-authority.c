/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Making an authority, and signing with it. */

#include "pki-private.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <string.h>

#define DAY_S (24 * 60 * 60)
#define CA_DAYS (30 * 365)
#define SERIAL_BYTES 16
#define DNS_NAME_MAX_BYTES 253

#define ACT "make a certificate"

typedef struct
{
  gnutls_x509_crt_t crt;
  gnutls_x509_privkey_t key;
  gnutls_x509_crl_t crl;
} Authority;

static void
authority_clear (Authority *self)
{
  gnutls_x509_crt_deinit (self->crt);
  gnutls_x509_privkey_deinit (self->key);
  gnutls_x509_crl_deinit (self->crl);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Authority, authority_clear)

static gboolean
authority_load (Authority *self, const char *dir, GError **error)
{
  if (!pki_exists (dir, PKI_CA_KEY))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND,
                   "cannot issue certificates: there is no authority in '%s'; make one with `qmig pki init`", dir);
      return FALSE;
    }
  self->crt = pki_load_certificate (dir, PKI_CA_CERT, error);
  self->key = self->crt != NULL ? pki_load_key (dir, PKI_CA_KEY, error) : NULL;
  return self->key != NULL && pki_load_crl (dir, self->crt, &self->crl, error);
}

static gboolean
set_serial (gnutls_x509_crt_t crt, GError **error)
{
  unsigned char serial[SERIAL_BYTES];

  if (!pki_check (gnutls_rnd (GNUTLS_RND_RANDOM, serial, sizeof serial), ACT, error))
    return FALSE;
  /* Positive, and of the same length always. */
  serial[0] = (unsigned char) ((serial[0] & 0x7f) | 0x40);
  return pki_check (gnutls_x509_crt_set_serial (crt, serial, sizeof serial), ACT, error);
}

/* What every certificate has. */
static gnutls_x509_crt_t
start_certificate (const char *name, gint64 not_after, GError **error)
{
  g_auto(gnutls_x509_crt_t) crt = NULL;

  if (!pki_check (gnutls_x509_crt_init (&crt), ACT, error)
      || !pki_check (gnutls_x509_crt_set_version (crt, 3), ACT, error) || !set_serial (crt, error)
      || !pki_check (
        gnutls_x509_crt_set_dn_by_oid (crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned int) strlen (name)), ACT,
        error)
      || !pki_check (gnutls_x509_crt_set_activation_time (crt, time (NULL) - PKI_BACKDATE_S), ACT, error)
      || !pki_check (gnutls_x509_crt_set_expiration_time (crt, (time_t) not_after), ACT, error))
    return NULL;
  return g_steal_pointer (&crt);
}

/* Says whose key signs, signs, and gives the PEM. */
static char *
finish_certificate (gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer, gnutls_x509_privkey_t issuer_key, GError **error)
{
  unsigned char own_id[64];
  size_t own_size = sizeof own_id;
  unsigned char issuer_id[64];
  size_t issuer_size = sizeof issuer_id;
  gnutls_datum_t exported = { NULL, 0 };

  if (!pki_check (gnutls_x509_crt_get_key_id (crt, 0, own_id, &own_size), ACT, error)
      || !pki_check (gnutls_x509_crt_get_key_id (issuer, 0, issuer_id, &issuer_size), ACT, error)
      || !pki_check (gnutls_x509_crt_set_subject_key_id (crt, own_id, own_size), ACT, error)
      || !pki_check (gnutls_x509_crt_set_authority_key_id (crt, issuer_id, issuer_size), ACT, error)
      || !pki_check (gnutls_x509_crt_sign2 (crt, issuer, issuer_key, GNUTLS_DIG_SHA256, 0), ACT, error)
      || !pki_check (gnutls_x509_crt_export2 (crt, GNUTLS_X509_FMT_PEM, &exported), ACT, error))
    return NULL;
  return pki_take_text (&exported);
}

/* Never the name of a host or person, which have no blank: who has signed and who was signed must differ. */
static char *
make_ca_certificate (const char *name, gnutls_x509_privkey_t key, GError **error)
{
  g_autofree char *authority = g_strdup_printf ("%s authority", name);
  g_auto(gnutls_x509_crt_t) crt = start_certificate (authority, (gint64) time (NULL) + (gint64) CA_DAYS * DAY_S, error);

  if (crt == NULL || !pki_check (gnutls_x509_crt_set_key (crt, key), ACT, error)
      || !pki_check (gnutls_x509_crt_set_basic_constraints (crt, 1, 0), ACT, error)
      || !pki_check (gnutls_x509_crt_set_key_usage (crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN), ACT, error))
    return NULL;
  return finish_certificate (crt, crt, key, error);
}

gboolean
qmig_pki_init (const char *dir, const char *name, GError **error)
{
  static const char *const nobody[] = { NULL };
  g_auto(PkiLock) lock = -1;
  g_auto(gnutls_x509_privkey_t) key = NULL;
  g_auto(gnutls_x509_crt_t) crt = NULL;
  g_autofree char *pem = NULL;
  g_autofree char *crl = NULL;

  if (!pki_check_name (name, error) || !pki_make_dir (dir, error))
    return FALSE;
  lock = pki_lock (dir, error);
  if (lock < 0)
    return FALSE;
  if (pki_exists (dir, PKI_CA_CERT))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot make an authority in '%s': there is one already",
                   dir);
      return FALSE;
    }

  key = pki_obtain_key (dir, PKI_CA_KEY, error);
  pem = key != NULL ? make_ca_certificate (name, key, error) : NULL;
  crt = pem != NULL ? pki_parse_certificate (pem, "just made", error) : NULL;
  crl = crt != NULL ? pki_make_crl (NULL, crt, key, nobody, error) : NULL;
  /* The certificate comes last: without it, all this is done again. */
  return crl != NULL && pki_write (dir, PKI_CA_CRL, crl, error) && pki_write (dir, PKI_CA_CERT, pem, error);
}

static gboolean
is_dns_name (const char *text)
{
  gboolean good = g_ascii_isalnum (text[0]) && strlen (text) <= DNS_NAME_MAX_BYTES;

  for (const char *p = text; good && *p != '\0'; p++)
    good = g_ascii_isalnum (*p) || strchr ("-_.", *p) != NULL;
  return good;
}

static gboolean
add_address (gnutls_x509_crt_t crt, const char *text, GError **error)
{
  g_autoptr(GInetAddress) ip = g_inet_address_new_from_string (text);

  if (ip != NULL)
    return pki_check (gnutls_x509_crt_set_subject_alt_name (crt, GNUTLS_SAN_IPADDRESS, g_inet_address_to_bytes (ip),
                                                            (unsigned int) g_inet_address_get_native_size (ip),
                                                            GNUTLS_FSAN_APPEND),
                      ACT, error);
  if (is_dns_name (text))
    return pki_check (gnutls_x509_crt_set_subject_alt_name (crt, GNUTLS_SAN_DNSNAME, text, (unsigned int) strlen (text),
                                                            GNUTLS_FSAN_APPEND),
                      ACT, error);

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
               "cannot put address '%s' into a certificate: expected a host name or an IP address", text);
  return FALSE;
}

/* The name is always among them, so that a host can be checked by it whatever way it is called. */
static gboolean
add_addresses (gnutls_x509_crt_t crt, const char *name, const char *const *addresses, GError **error)
{
  if (!add_address (crt, name, error))
    return FALSE;
  for (; addresses != NULL && *addresses != NULL; addresses++)
    if (g_ascii_strcasecmp (*addresses, name) != 0 && !add_address (crt, *addresses, error))
      return FALSE;
  return TRUE;
}

/*
 * QEMU before 9.1 refuses a certificate without key encipherment, whatever its
 * kind of key, when key usage is given.
 */
static gboolean
set_use (gnutls_x509_crt_t crt, QmigPkiUse use, GError **error)
{
  const char *purpose = use == QMIG_PKI_SERVER ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT;

  return pki_check (gnutls_x509_crt_set_basic_constraints (crt, 0, -1), ACT, error)
         && pki_check (gnutls_x509_crt_set_key_usage (crt, GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_ENCIPHERMENT),
                       ACT, error)
         && pki_check (gnutls_x509_crt_set_key_purpose_oid (crt, purpose, 0), ACT, error);
}

/* The request proves that its maker has the key; nothing else of it counts. */
static gnutls_x509_crq_t
parse_request (const char *pem, GError **error)
{
  const char *act = "read the request for a certificate";
  gnutls_datum_t text = { (unsigned char *) pem, (unsigned int) strlen (pem) };
  g_auto(gnutls_x509_crq_t) request = NULL;
  unsigned int bits = 0;
  int algorithm;

  if (!pki_check (gnutls_x509_crq_init (&request), act, error)
      || !pki_check (gnutls_x509_crq_import (request, &text, GNUTLS_X509_FMT_PEM), act, error)
      || !pki_check (gnutls_x509_crq_verify (request, 0), act, error))
    return NULL;

  algorithm = gnutls_x509_crq_get_pk_algorithm (request, &bits);
  if (algorithm < 0 || gnutls_pk_bits_to_sec_param ((gnutls_pk_algorithm_t) algorithm, bits) < GNUTLS_SEC_PARAM_MEDIUM)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_REFUSED, "cannot sign the request: its key is too weak");
      return NULL;
    }
  return g_steal_pointer (&request);
}

/* A key that was revoked may be in wrong hands, so that a new certificate for it would undo the revocation. */
static gboolean
check_key_is_good (const char *dir, const Authority *authority, gnutls_x509_crq_t request, GError **error)
{
  g_autofree char *wanted = pki_request_key_id (request);
  g_auto(GStrv) files = pki_list_files (dir);

  for (char **file = files; *file != NULL; file++)
    {
      g_auto(gnutls_x509_crt_t) crt = pki_load_certificate (dir, *file, error);
      g_autofree char *id = crt != NULL ? pki_certificate_key_id (crt) : NULL;

      if (crt == NULL)
        return FALSE;
      if (g_strcmp0 (id, wanted) == 0 && pki_is_revoked (authority->crl, crt))
        {
          g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT,
                       "cannot sign the request: its key has been revoked; remove the key file where it was made, and "
                       "make a new request");
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
qmig_pki_check_owner (const char *ca_dir, const char *name, const char *request_pem, GError **error)
{
  g_autoptr(GPtrArray) list = qmig_pki_list (ca_dir, error);
  g_auto(gnutls_x509_crq_t) request = list != NULL ? parse_request (request_pem, error) : NULL;
  g_autofree char *wanted = request != NULL ? pki_request_key_id (request) : NULL;
  gboolean taken = FALSE;

  if (wanted == NULL)
    return FALSE;
  for (guint i = 0; i < list->len; i++)
    {
      const QmigIssued *issued = g_ptr_array_index (list, i);
      g_auto(gnutls_x509_crt_t) crt = NULL;
      g_autofree char *id = NULL;

      if (issued->revoked || g_ascii_strcasecmp (issued->certificate->name, name) != 0)
        continue;
      crt = pki_load_certificate (ca_dir, issued->file, error);
      if (crt == NULL)
        return FALSE;
      id = pki_certificate_key_id (crt);
      if (g_strcmp0 (id, wanted) == 0)
        return TRUE;
      taken = TRUE;
    }
  if (taken)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT,
                 "the name '%s' belongs to another key already; if that is no more, `qmig pki revoke %s`", name, name);
  return !taken;
}

static char *
make_certificate (const Authority *authority,
                  gnutls_x509_crq_t request,
                  QmigPkiUse use,
                  const char *name,
                  const char *const *addresses,
                  int days,
                  GError **error)
{
  gint64 wanted = (gint64) time (NULL) + (gint64) days * DAY_S;
  gint64 limit = gnutls_x509_crt_get_expiration_time (authority->crt);
  g_auto(gnutls_x509_crt_t) crt = start_certificate (name, MIN (wanted, limit), error);
  gnutls_pubkey_t key = NULL;
  gboolean has_key;

  if (crt == NULL || !pki_check (gnutls_pubkey_init (&key), ACT, error))
    return NULL;
  has_key = pki_check (gnutls_pubkey_import_x509_crq (key, request, 0), ACT, error)
            && pki_check (gnutls_x509_crt_set_pubkey (crt, key), ACT, error);
  gnutls_pubkey_deinit (key);

  if (!has_key || !set_use (crt, use, error)
      || (use == QMIG_PKI_SERVER && !add_addresses (crt, name, addresses, error)))
    return NULL;
  return finish_certificate (crt, authority->crt, authority->key, error);
}

/* Whatever leaves the authority stays known here, so that it can be revoked. */
static gboolean
record_certificate (const char *dir, const char *name, const char *pem, GError **error)
{
  g_autoptr(QmigCertificate) certificate = qmig_certificate_read (pem, error);
  g_autofree char *folder = g_build_filename (dir, PKI_ISSUED, name, NULL);
  g_autofree char *file = NULL;

  if (certificate == NULL || !pki_make_dir (folder, error))
    return FALSE;
  file = g_strconcat (certificate->serial, ".pem", NULL);
  return pki_write (folder, file, pem, error);
}

char *
qmig_pki_sign (const char *ca_dir,
               const char *request_pem,
               QmigPkiUse use,
               const char *name,
               const char *const *addresses,
               int days,
               GError **error)
{
  g_auto(Authority) authority = { NULL, NULL, NULL };
  g_auto(gnutls_x509_crq_t) request = NULL;
  g_auto(PkiLock) lock = -1;
  g_autofree char *pem = NULL;

  if (!pki_check_name (name, error))
    return NULL;
  if (days < 1 || days > CA_DAYS)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "cannot make a certificate for %d days: expected 1 to %d", days,
                   CA_DAYS);
      return NULL;
    }

  lock = pki_lock (ca_dir, error);
  if (lock < 0 || !authority_load (&authority, ca_dir, error))
    return NULL;
  request = parse_request (request_pem, error);
  if (request == NULL || !check_key_is_good (ca_dir, &authority, request, error))
    return NULL;
  pem = make_certificate (&authority, request, use, name, addresses, days, error);
  if (pem == NULL || !record_certificate (ca_dir, name, pem, error))
    return NULL;
  return g_steal_pointer (&pem);
}
