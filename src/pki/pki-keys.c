/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Keys, and requests made with them.  ECDSA on P-256: the one kind that QEMU,
 * glib-networking and every TLS version of both take.
 */

#include "pki-private.h"

#include <string.h>

const char *
pki_cert_file (QmigPkiUse use)
{
  return use == QMIG_PKI_SERVER ? "server-cert.pem" : "client-cert.pem";
}

const char *
pki_key_file (QmigPkiUse use)
{
  return use == QMIG_PKI_SERVER ? "server-key.pem" : "client-key.pem";
}

gnutls_x509_privkey_t
pki_load_key (const char *dir, const char *file, GError **error)
{
  g_autofree char *pem = pki_read (dir, file, error);
  g_autofree char *act = g_strdup_printf ("read the key '%s' of '%s'", file, dir);
  g_auto(gnutls_x509_privkey_t) key = NULL;
  gnutls_datum_t text = { (unsigned char *) pem, pem != NULL ? strlen (pem) : 0 };

  if (pem == NULL || !pki_check (gnutls_x509_privkey_init (&key), act, error)
      || !pki_check (gnutls_x509_privkey_import2 (key, &text, GNUTLS_X509_FMT_PEM, NULL, 0), act, error))
    return NULL;
  return g_steal_pointer (&key);
}

static gnutls_x509_privkey_t
make_key (const char *dir, const char *file, GError **error)
{
  g_auto(gnutls_x509_privkey_t) key = NULL;
  unsigned int bits = GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1);
  gnutls_datum_t exported = { NULL, 0 };
  g_autofree char *pem = NULL;
  gboolean written;

  /* PKCS #8 is the form that every reader knows. */
  if (!pki_check (gnutls_x509_privkey_init (&key), "make a key", error)
      || !pki_check (gnutls_x509_privkey_generate (key, GNUTLS_PK_ECDSA, bits, 0), "make a key", error)
      || !pki_check (
        gnutls_x509_privkey_export2_pkcs8 (key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &exported),
        "make a key", error))
    return NULL;

  pem = pki_take_text (&exported);
  written = pki_write (dir, file, pem, error);
  gnutls_memset (pem, 0, strlen (pem));
  return written ? g_steal_pointer (&key) : NULL;
}

gnutls_x509_privkey_t
pki_obtain_key (const char *dir, const char *file, GError **error)
{
  return pki_exists (dir, file) ? pki_load_key (dir, file, error) : make_key (dir, file, error);
}

static char *
hex_of (const unsigned char *bytes, gsize n)
{
  GString *text = g_string_sized_new (2 * n);

  for (gsize i = 0; i < n; i++)
    g_string_append_printf (text, "%02x", bytes[i]);
  return g_string_free (text, FALSE);
}

char *
pki_certificate_key_id (gnutls_x509_crt_t crt)
{
  unsigned char id[64];
  size_t size = sizeof id;

  return gnutls_x509_crt_get_key_id (crt, 0, id, &size) == 0 ? hex_of (id, size) : NULL;
}

char *
pki_request_key_id (gnutls_x509_crq_t request)
{
  unsigned char id[64];
  size_t size = sizeof id;

  return gnutls_x509_crq_get_key_id (request, 0, id, &size) == 0 ? hex_of (id, size) : NULL;
}

char *
pki_private_key_id (gnutls_x509_privkey_t key)
{
  unsigned char id[64];
  size_t size = sizeof id;

  return gnutls_x509_privkey_get_key_id (key, 0, id, &size) == 0 ? hex_of (id, size) : NULL;
}

char *
qmig_pki_request (const char *dir, QmigPkiUse use, const char *name, GError **error)
{
  const char *act = "make a request for a certificate";
  g_auto(PkiLock) lock = -1;
  g_auto(gnutls_x509_privkey_t) key = NULL;
  g_auto(gnutls_x509_crq_t) request = NULL;
  gnutls_datum_t exported = { NULL, 0 };

  if (!pki_check_name (name, error) || !pki_make_dir (dir, error))
    return NULL;
  lock = pki_lock (dir, error);
  key = lock >= 0 ? pki_obtain_key (dir, pki_key_file (use), error) : NULL;
  if (key == NULL)
    return NULL;

  if (!pki_check (gnutls_x509_crq_init (&request), act, error)
      || !pki_check (gnutls_x509_crq_set_version (request, 1), act, error)
      || !pki_check (
        gnutls_x509_crq_set_dn_by_oid (request, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned int) strlen (name)),
        act, error)
      || !pki_check (gnutls_x509_crq_set_key (request, key), act, error)
      || !pki_check (gnutls_x509_crq_sign2 (request, key, GNUTLS_DIG_SHA256, 0), act, error)
      || !pki_check (gnutls_x509_crq_export2 (request, GNUTLS_X509_FMT_PEM, &exported), act, error))
    return NULL;
  return pki_take_text (&exported);
}
