/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The list of revoked certificates. */

#include "pki-private.h"

#include <string.h>

#define ACT "make the list of revoked certificates"

typedef struct
{
  unsigned char bytes[8];
} CrlNumber;

static guint64
number_of (gnutls_x509_crl_t crl)
{
  CrlNumber number;
  size_t size = sizeof number.bytes;
  guint64 value = 0;

  if (gnutls_x509_crl_get_number (crl, number.bytes, &size, NULL) != 0)
    return 0;
  for (size_t i = 0; i < size; i++)
    value = value << 8 | number.bytes[i];
  return value;
}

gboolean
pki_crl_is_as_new (gnutls_x509_crl_t crl, gnutls_x509_crl_t other)
{
  return number_of (crl) >= number_of (other);
}

static gboolean
set_number (gnutls_x509_crl_t crl, guint64 value, GError **error)
{
  CrlNumber number;

  for (gsize i = sizeof number.bytes; i > 0; i--, value >>= 8)
    number.bytes[i - 1] = (unsigned char) value;
  return pki_check (gnutls_x509_crl_set_number (crl, number.bytes, sizeof number.bytes), ACT, error);
}

static gboolean
add_serial (gnutls_x509_crl_t crl, const char *hex, GError **error)
{
  unsigned char serial[64];
  size_t size = sizeof serial;
  gnutls_datum_t text = { (unsigned char *) hex, (unsigned int) strlen (hex) };

  return pki_check (gnutls_hex_decode (&text, serial, &size), ACT, error)
         && pki_check (gnutls_x509_crl_set_crt_serial (crl, serial, size, time (NULL)), ACT, error);
}

static gboolean
copy_entries (gnutls_x509_crl_t from, gnutls_x509_crl_t to, GError **error)
{
  int n = gnutls_x509_crl_get_crt_count (from);

  for (int i = 0; i < n; i++)
    {
      unsigned char serial[64];
      size_t size = sizeof serial;
      time_t when = 0;

      if (!pki_check (gnutls_x509_crl_get_crt_serial (from, i, serial, &size, &when), ACT, error)
          || !pki_check (gnutls_x509_crl_set_crt_serial (to, serial, size, when), ACT, error))
        return FALSE;
    }
  return pki_check (n, ACT, error);
}

/* QEMU takes no connection at all once the list is overdue, so it is good for as long as the authority is. */
static gboolean
set_frame (gnutls_x509_crl_t crl, gnutls_x509_crt_t ca, GError **error)
{
  unsigned char id[64];
  size_t size = sizeof id;

  return pki_check (gnutls_x509_crl_set_version (crl, 2), ACT, error)
         && pki_check (gnutls_x509_crl_set_this_update (crl, time (NULL) - PKI_BACKDATE_S), ACT, error)
         && pki_check (gnutls_x509_crl_set_next_update (crl, gnutls_x509_crt_get_expiration_time (ca)), ACT, error)
         && pki_check (gnutls_x509_crt_get_key_id (ca, 0, id, &size), ACT, error)
         && pki_check (gnutls_x509_crl_set_authority_key_id (crl, id, size), ACT, error);
}

char *
pki_make_crl (gnutls_x509_crl_t old,
              gnutls_x509_crt_t ca,
              gnutls_x509_privkey_t ca_key,
              const char *const *serials,
              GError **error)
{
  g_auto(gnutls_x509_crl_t) crl = NULL;
  gnutls_datum_t exported = { NULL, 0 };

  if (!pki_check (gnutls_x509_crl_init (&crl), ACT, error) || !set_frame (crl, ca, error)
      || !set_number (crl, old != NULL ? number_of (old) + 1 : 1, error)
      || (old != NULL && !copy_entries (old, crl, error)))
    return NULL;

  for (; *serials != NULL; serials++)
    if (!add_serial (crl, *serials, error))
      return NULL;

  if (!pki_check (gnutls_x509_crl_sign2 (crl, ca, ca_key, GNUTLS_DIG_SHA256, 0), ACT, error)
      || !pki_check (gnutls_x509_crl_export2 (crl, GNUTLS_X509_FMT_PEM, &exported), ACT, error))
    return NULL;
  return pki_take_text (&exported);
}

gboolean
pki_parse_crl (const char *pem, gnutls_x509_crt_t ca, gnutls_x509_crl_t *crl, GError **error)
{
  const char *act = "read the list of revoked certificates";
  gnutls_datum_t text = { (unsigned char *) pem, (unsigned int) strlen (pem) };
  g_auto(gnutls_x509_crl_t) parsed = NULL;
  /* The time of a list tells of nothing but clocks; certificates have dates of their own. */
  const unsigned int of_time = GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE | GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED;
  unsigned int status = 0;

  if (!pki_check (gnutls_x509_crl_init (&parsed), act, error)
      || !pki_check (gnutls_x509_crl_import (parsed, &text, GNUTLS_X509_FMT_PEM), act, error)
      || !pki_check (gnutls_x509_crl_verify (parsed, &ca, 1, 0, &status), act, error))
    return FALSE;

  if ((status & of_time) != 0)
    status &= ~(of_time | GNUTLS_CERT_INVALID);
  if (status != 0)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR,
                   "cannot use the list of revoked certificates: this authority has not signed it");
      return FALSE;
    }
  *crl = g_steal_pointer (&parsed);
  return TRUE;
}

gboolean
pki_load_crl (const char *dir, gnutls_x509_crt_t ca, gnutls_x509_crl_t *crl, GError **error)
{
  g_autofree char *pem = NULL;

  /* Where certificates are issued there is always a list: a missing one was lost, and with it what was revoked. */
  if (!pki_exists (dir, PKI_CA_CRL) && !pki_exists (dir, PKI_CA_KEY))
    {
      *crl = NULL;
      return TRUE;
    }
  pem = pki_read (dir, PKI_CA_CRL, error);
  if (pem == NULL || !pki_parse_crl (pem, ca, crl, error))
    {
      g_prefix_error (error, "in '%s': ", dir);
      return FALSE;
    }
  return TRUE;
}

gboolean
pki_is_revoked (gnutls_x509_crl_t crl, gnutls_x509_crt_t crt)
{
  return crl != NULL && gnutls_x509_crt_check_revocation (crt, &crl, 1) != 0;
}
