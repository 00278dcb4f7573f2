/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a certificate says, as plain values. */

#include "pki-private.h"

#include <string.h>

#define DNS_NAME_MAX_BYTES 255

void
qmig_certificate_free (QmigCertificate *self)
{
  if (self == NULL)
    return;
  g_free (self->subject);
  g_free (self->name);
  g_free (self->fingerprint);
  g_free (self->serial);
  g_strfreev (self->addresses);
  g_free (self);
}

gnutls_x509_crt_t
pki_parse_certificate (const char *pem, const char *origin, GError **error)
{
  g_autofree char *act = g_strdup_printf ("read the certificate %s", origin);
  g_auto(gnutls_x509_crt_t) crt = NULL;
  gnutls_datum_t text = { (unsigned char *) pem, (unsigned int) strlen (pem) };

  if (!pki_check (gnutls_x509_crt_init (&crt), act, error)
      || !pki_check (gnutls_x509_crt_import (crt, &text, GNUTLS_X509_FMT_PEM), act, error))
    return NULL;
  return g_steal_pointer (&crt);
}

gnutls_x509_crt_t
pki_load_certificate (const char *dir, const char *file, GError **error)
{
  g_autofree char *pem = pki_read (dir, file, error);
  g_autofree char *origin = g_strdup_printf ("'%s%s%s'", dir, G_DIR_SEPARATOR_S, file);

  return pem != NULL ? pki_parse_certificate (pem, origin, error) : NULL;
}

/* Names from a stranger's certificate come into messages and logs. */
static char *
printable (const unsigned char *bytes, gsize n)
{
  char *text = g_strndup ((const char *) bytes, n);

  for (char *p = text; *p != '\0'; p++)
    if (!g_ascii_isprint (*p))
      *p = '?';
  return text;
}

static char *
common_name (gnutls_x509_crt_t crt)
{
  unsigned char name[256];
  size_t size = sizeof name;

  if (gnutls_x509_crt_get_dn_by_oid (crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) != 0)
    return g_strdup ("");
  return printable (name, size);
}

static char *
subject_of (gnutls_x509_crt_t crt)
{
  gnutls_datum_t subject = { NULL, 0 };
  g_autofree char *text = NULL;

  if (gnutls_x509_crt_get_dn2 (crt, &subject) != 0)
    return g_strdup ("");
  text = pki_take_text (&subject);
  return g_utf8_make_valid (text, -1);
}

static char *
serial_of (gnutls_x509_crt_t crt)
{
  unsigned char serial[64];
  size_t size = sizeof serial;
  GString *text = g_string_new (NULL);

  if (gnutls_x509_crt_get_serial (crt, serial, &size) == 0)
    for (size_t i = 0; i < size; i++)
      g_string_append_printf (text, "%02x", serial[i]);
  return g_string_free (text, FALSE);
}

static char *
ip_address (const unsigned char *bytes, gsize n)
{
  g_autoptr(GInetAddress) address = NULL;

  if (n == 4)
    address = g_inet_address_new_from_bytes (bytes, G_SOCKET_FAMILY_IPV4);
  else if (n == 16)
    address = g_inet_address_new_from_bytes (bytes, G_SOCKET_FAMILY_IPV6);
  return address != NULL ? g_inet_address_to_string (address) : NULL;
}

/* A name of a kind that we do not use, or one that cannot be, is passed over: nothing is called by it. */
static char **
addresses_of (gnutls_x509_crt_t crt)
{
  g_autoptr(GStrvBuilder) addresses = g_strv_builder_new ();

  for (unsigned int i = 0;; i++)
    {
      unsigned char data[DNS_NAME_MAX_BYTES + 1];
      size_t size = sizeof data;
      unsigned int kind = 0;
      int code = gnutls_x509_crt_get_subject_alt_name2 (crt, i, data, &size, &kind, NULL);
      g_autofree char *address = NULL;

      if (code == GNUTLS_E_SHORT_MEMORY_BUFFER)
        continue;
      if (code < 0)
        break;
      if (kind == GNUTLS_SAN_IPADDRESS)
        address = ip_address (data, size);
      else if (kind == GNUTLS_SAN_DNSNAME && memchr (data, '\0', size) == NULL)
        address = printable (data, size);
      if (address != NULL)
        g_strv_builder_add (addresses, address);
    }
  return g_strv_builder_end (addresses);
}

static gboolean
has_purpose (gnutls_x509_crt_t crt, const char *purpose)
{
  for (unsigned int i = 0;; i++)
    {
      char oid[128];
      size_t size = sizeof oid;
      int code = gnutls_x509_crt_get_key_purpose_oid (crt, i, oid, &size, NULL);

      if (code == GNUTLS_E_SHORT_MEMORY_BUFFER)
        continue;
      if (code < 0)
        return FALSE;
      if (strcmp (oid, purpose) == 0)
        return TRUE;
    }
}

QmigCertificate *
pki_describe (gnutls_x509_crt_t crt, GError **error)
{
  gnutls_datum_t der = { NULL, 0 };
  QmigCertificate *self;

  if (!pki_check (gnutls_x509_crt_export2 (crt, GNUTLS_X509_FMT_DER, &der), "read a certificate", error))
    return NULL;

  self = g_new0 (QmigCertificate, 1);
  self->fingerprint = g_compute_checksum_for_data (G_CHECKSUM_SHA256, der.data, der.size);
  gnutls_free (der.data);
  self->subject = subject_of (crt);
  self->name = common_name (crt);
  self->serial = serial_of (crt);
  self->addresses = addresses_of (crt);
  self->not_before = gnutls_x509_crt_get_activation_time (crt);
  self->not_after = gnutls_x509_crt_get_expiration_time (crt);
  self->for_server = has_purpose (crt, GNUTLS_KP_TLS_WWW_SERVER);
  self->for_client = has_purpose (crt, GNUTLS_KP_TLS_WWW_CLIENT);
  self->is_ca = gnutls_x509_crt_get_ca_status (crt, NULL) > 0;
  return self;
}

QmigCertificate *
qmig_certificate_read (const char *pem, GError **error)
{
  g_auto(gnutls_x509_crt_t) crt = pki_parse_certificate (pem, "that was given", error);

  return crt != NULL ? pki_describe (crt, error) : NULL;
}

QmigCertificate *
qmig_pki_read_certificate (const char *dir, const char *file, GError **error)
{
  g_auto(gnutls_x509_crt_t) crt = pki_load_certificate (dir, file, error);

  return crt != NULL ? pki_describe (crt, error) : NULL;
}

gboolean
pki_is_issued_by (gnutls_x509_crt_t crt, gnutls_x509_crt_t ca)
{
  unsigned int status = 0;

  return gnutls_x509_crt_verify (crt, &ca, 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &status) == 0 && status == 0;
}
