/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of this room share. */

#include <gnutls/x509.h>

#include "api-error.h"
#include "pki.h"

G_BEGIN_DECLS

#define PKI_CA_CERT "ca-cert.pem"
#define PKI_CA_KEY "ca-key.pem"
#define PKI_CA_CRL "ca-crl.pem"
#define PKI_PEERS "peers.conf"
#define PKI_ISSUED "issued"

G_DEFINE_AUTO_CLEANUP_FREE_FUNC (gnutls_x509_crt_t, gnutls_x509_crt_deinit, NULL)
G_DEFINE_AUTO_CLEANUP_FREE_FUNC (gnutls_x509_crq_t, gnutls_x509_crq_deinit, NULL)
G_DEFINE_AUTO_CLEANUP_FREE_FUNC (gnutls_x509_crl_t, gnutls_x509_crl_deinit, NULL)
G_DEFINE_AUTO_CLEANUP_FREE_FUNC (gnutls_x509_privkey_t, gnutls_x509_privkey_deinit, NULL)

/* What no call of GnuTLS refused is TRUE; otherwise "cannot @act: …" with QMIG_EXIT_ERROR. */
gboolean pki_check (int code, const char *act, GError **error);
/* The text of @datum, whose memory is given back.  (transfer full) */
char *pki_take_text (gnutls_datum_t *datum);

/* -- files ------------------------------------------------------------------- */

/* QMIG_EXIT_USAGE for what cannot be the name of a host or person. */
gboolean pki_check_name (const char *name, GError **error);
gboolean pki_exists (const char *dir, const char *file);
/* QMIG_EXIT_NOT_FOUND where it is not there.  (transfer full) */
char *pki_read (const char *dir, const char *file, GError **error);
/* Replaces the file as a whole, 0600; it is on the disk when this returns. */
gboolean pki_write (const char *dir, const char *file, const char *text, GError **error);
/* Makes @dir, 0700, where there is none; QMIG_EXIT_DENIED for one that others may write. */
gboolean pki_make_dir (const char *dir, GError **error);

/* Holds @dir against other processes and threads that read, change and write; -1 with @error.  Does not nest. */
typedef int PkiLock;
PkiLock pki_lock (const char *dir, GError **error);
void pki_unlock (PkiLock lock);
G_DEFINE_AUTO_CLEANUP_FREE_FUNC (PkiLock, pki_unlock, -1)

/* -- keys and certificates ----------------------------------------------------- */

const char *pki_cert_file (QmigPkiUse use);
const char *pki_key_file (QmigPkiUse use);

/* "server-key.pem" …; made where there is none. */
gnutls_x509_privkey_t pki_obtain_key (const char *dir, const char *file, GError **error);
gnutls_x509_privkey_t pki_load_key (const char *dir, const char *file, GError **error);

/* @origin: whose it is, for the error: a path. */
gnutls_x509_crt_t pki_parse_certificate (const char *pem, const char *origin, GError **error);
gnutls_x509_crt_t pki_load_certificate (const char *dir, const char *file, GError **error);
QmigCertificate *pki_describe (gnutls_x509_crt_t crt, GError **error);
/* SHA-1 of the public key, the usual key identifier. */
char *pki_certificate_key_id (gnutls_x509_crt_t crt);
char *pki_request_key_id (gnutls_x509_crq_t request);
char *pki_private_key_id (gnutls_x509_privkey_t key);
/* Signed by @ca directly; dates are not looked at. */
gboolean pki_is_issued_by (gnutls_x509_crt_t crt, gnutls_x509_crt_t ca);

/* "2026-11-23 09:55 UTC".  (transfer full) */
char *pki_format_time (gint64 when);

/* -- what is revoked ------------------------------------------------------------- */

/* Clocks of hosts differ: what is made now is valid on a host whose clock is behind. */
#define PKI_BACKDATE_S (24 * 60 * 60)

/* The PEM of a list that revokes what @old (nullable) does and the @serials (hex).  (transfer full) */
char *pki_make_crl (gnutls_x509_crl_t old,
                    gnutls_x509_crt_t ca,
                    gnutls_x509_privkey_t ca_key,
                    const char *const *serials,
                    GError **error);
/* Refused where @ca has not signed it. */
gboolean pki_parse_crl (const char *pem, gnutls_x509_crt_t ca, gnutls_x509_crl_t *crl, GError **error);
/* @crl: (out): NULL where there is no file and the authority is elsewhere. */
gboolean pki_load_crl (const char *dir, gnutls_x509_crt_t ca, gnutls_x509_crl_t *crl, GError **error);
/* @crl: (nullable) */
gboolean pki_is_revoked (gnutls_x509_crl_t crl, gnutls_x509_crt_t crt);
/* Whether @crl is not older than @other, by the number that every new list counts up. */
gboolean pki_crl_is_as_new (gnutls_x509_crl_t crl, gnutls_x509_crl_t other);

/* -- what was issued ------------------------------------------------------------- */

/* The files of all certificates known in @dir, relative to it: its own, then those in issued/.  (transfer full) */
char **pki_list_files (const char *dir);

/* -- peers --------------------------------------------------------------------------- */

/* As people give it: with colons and capitals too.  (transfer full); QMIG_EXIT_USAGE */
char *pki_normal_fingerprint (const char *text, GError **error);
/* Those of @fingerprints (lower case) that are there.  With the lock held. */
gboolean pki_peers_drop (const char *dir, const char *const *fingerprints, GError **error);

G_END_DECLS
