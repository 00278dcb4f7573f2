/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whether a certificate that somebody shows is good.  Reads, and changes nothing. */

#include "pki-private.h"

#include <string.h>

typedef struct
{
  const char *dir;
  QmigExit code; /* of a refusal */
  gnutls_x509_crt_t crt;
  QmigCertificate *certificate;
} Case;

static void
case_clear (Case *self)
{
  gnutls_x509_crt_deinit (self->crt);
  qmig_certificate_free (self->certificate);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Case, case_clear)

static gboolean refuse (const Case *self, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* "the certificate of 'eve' …" */
static gboolean
refuse (const Case *self, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list arguments;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, QMIG_ERROR, self->code, "the certificate of '%s' %s", self->certificate->name, what);
  return FALSE;
}

/* Whatever is wrong with our own files is not the other side's fault. */
static gboolean
fail_own (GError **error, GError *cause)
{
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot judge certificates: %s", cause->message);
  g_error_free (cause);
  return FALSE;
}

static gboolean
open_case (Case *self, const char *pem, GError **error)
{
  g_autoptr(GError) cause = NULL;

  self->crt = pki_parse_certificate (pem, "that was shown", &cause);
  self->certificate = self->crt != NULL ? pki_describe (self->crt, &cause) : NULL;
  if (self->certificate == NULL)
    g_set_error_literal (error, QMIG_ERROR, self->code, cause->message);
  return self->certificate != NULL;
}

/* GnuTLS looks at the dates only of what it holds for genuine. */
static gboolean
check_dates (const Case *self, gnutls_x509_crt_t ca, GError **error)
{
  unsigned int status = 0;

  if (gnutls_x509_crt_verify (self->crt, &ca, 1, 0, &status) != 0)
    return refuse (self, error, "was not issued by this host's authority");
  if (status & GNUTLS_CERT_EXPIRED)
    {
      g_autofree char *when = pki_format_time (self->certificate->not_after);

      return refuse (self, error, "has expired on %s: issue it anew with `qmig pki issue %s`", when,
                     self->certificate->name);
    }
  if (status & GNUTLS_CERT_NOT_ACTIVATED)
    {
      g_autofree char *when = pki_format_time (self->certificate->not_before);

      return refuse (self, error, "is not valid before %s: check the clocks of both hosts", when);
    }
  return status == 0 || refuse (self, error, "was not issued by this host's authority");
}

static gboolean
check_origin (const Case *self, GError **error)
{
  GError *cause = NULL;
  g_auto(gnutls_x509_crt_t) ca = pki_load_certificate (self->dir, PKI_CA_CERT, &cause);
  g_auto(gnutls_x509_crl_t) crl = NULL;

  if (ca == NULL || !pki_load_crl (self->dir, ca, &crl, &cause))
    return fail_own (error, cause);
  if (!pki_is_issued_by (self->crt, ca))
    return refuse (self, error, "was not issued by this host's authority ('%s/" PKI_CA_CERT "')", self->dir);
  if (pki_is_revoked (crl, self->crt))
    return refuse (self, error, "is revoked");
  return check_dates (self, ca, error);
}

static gboolean
check_client_use (const Case *self, GError **error)
{
  const QmigCertificate *certificate = self->certificate;

  if (certificate->for_client && !certificate->is_ca)
    return TRUE;
  return refuse (self, error, certificate->for_server ? "is for servers only" : "is not for clients");
}

static gboolean
check_server_use (const Case *self, GError **error)
{
  const QmigCertificate *certificate = self->certificate;

  if (certificate->for_server && !certificate->is_ca)
    return TRUE;
  return refuse (self, error, certificate->for_client ? "is for clients only" : "is not for servers");
}

QmigPeer *
qmig_pki_judge_client (const char *dir, const char *pem, GError **error)
{
  g_auto(Case) this = { dir, QMIG_EXIT_DENIED, NULL, NULL };
  g_autoptr(GPtrArray) peers = NULL;
  GError *cause = NULL;

  if (!open_case (&this, pem, error) || !check_origin (&this, error) || !check_client_use (&this, error))
    return NULL;

  peers = qmig_peers_list (dir, &cause);
  if (peers == NULL)
    {
      fail_own (error, cause);
      return NULL;
    }
  for (guint i = 0; i < peers->len; i++)
    {
      const QmigPeer *peer = g_ptr_array_index (peers, i);

      if (g_str_equal (peer->fingerprint, this.certificate->fingerprint))
        return g_ptr_array_steal_index (peers, i);
    }
  refuse (&this, error,
          "is not known here (fingerprint %s): `qmig pki trust %s --role operator --fingerprint %s` on this host lets "
          "it in",
          this.certificate->fingerprint, this.certificate->name, this.certificate->fingerprint);
  return NULL;
}

static gboolean
is_same_address (const char *a, const char *b)
{
  g_autoptr(GInetAddress) left = g_inet_address_new_from_string (a);
  g_autoptr(GInetAddress) right = g_inet_address_new_from_string (b);

  if (left != NULL && right != NULL)
    return g_inet_address_equal (left, right);
  return left == NULL && right == NULL && g_ascii_strcasecmp (a, b) == 0;
}

static gboolean
check_host (const Case *self, const char *host, GError **error)
{
  char **addresses = self->certificate->addresses;
  g_autofree char *all = g_strjoinv (", ", addresses);

  for (char **address = addresses; *address != NULL; address++)
    if (is_same_address (*address, host))
      return TRUE;
  return refuse (self, error,
                 "is for %s and not for '%s': call the host by one of these, or issue it anew with "
                 "`qmig pki issue %s --address %s`",
                 *all != '\0' ? all : "no address", host, self->certificate->name, host);
}

gboolean
qmig_pki_judge_server (const char *dir, const char *pem, const char *host, const char *pin, GError **error)
{
  g_auto(Case) this = { dir, QMIG_EXIT_UNREACHABLE, NULL, NULL };
  g_autofree char *wanted = NULL;

  if (!open_case (&this, pem, error) || !check_origin (&this, error) || !check_server_use (&this, error)
      || !check_host (&this, host, error))
    return FALSE;
  if (pin == NULL)
    return TRUE;

  wanted = pki_normal_fingerprint (pin, error);
  if (wanted == NULL)
    return FALSE;
  return g_str_equal (wanted, this.certificate->fingerprint)
         || refuse (&this, error,
                    "has the fingerprint %s and not %s, which was expected: if it was issued anew, expect the new one",
                    this.certificate->fingerprint, wanted);
}
