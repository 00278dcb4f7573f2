/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Certificates and who is trusted with what.  One directory in the layout of
 * QEMU's tls-creds-x509, so that the same files secure the agent's API, the
 * migration stream and NBD:
 *
 *   ca-cert.pem ca-crl.pem                the authority, and what it has revoked
 *   server-cert.pem server-key.pem        what this host shows when it is called
 *   client-cert.pem client-key.pem        what it shows when it calls
 *   ca-key.pem                            only where certificates are issued
 *   issued/NAME/…                         the same layout, for the host or person NAME
 *   peers.conf                            the clients that may talk to this agent: fingerprint, name, role
 *
 * Keys are 0600, directories 0700.  Files are replaced as a whole.  Functions
 * block on the disk alone and may be called from any thread.
 *
 * Source: QEMU docs/system/tls.rst for the layout and the key usages.
 */

#include <gio/gio.h>

G_BEGIN_DECLS

/* QMIG_PKI_DIR, or "pki" beside the config file.  (transfer full) */
char *qmig_pki_default_dir (const char *config_path);

typedef enum
{
  QMIG_ROLE_NONE,
  QMIG_ROLE_VIEWER,   /* may look */
  QMIG_ROLE_OPERATOR, /* may move VMs and steer migrations; agents have this role with each other */
  QMIG_ROLE_ADMIN,    /* may do everything */
} QmigRole;

extern const char *const qmig_role_names[]; /* "none", "viewer", …, NULL */
/* QMIG_ROLE_NONE with @error QMIG_EXIT_USAGE for what is no role. */
QmigRole qmig_role_from_string (const char *text, GError **error);

/* What a certificate says of itself. */
typedef struct
{
  char *subject;      /* as QEMU's authz sees it: "CN=alpha" */
  char *name;         /* the CN */
  char *fingerprint;  /* SHA-256 of the DER, lower-case hex without colons */
  char *serial;       /* hex */
  char **addresses;   /* subject alternative names: DNS names and IP addresses */
  gint64 not_before;  /* seconds since 1970 */
  gint64 not_after;
  gboolean for_server; /* extended key usage */
  gboolean for_client;
  gboolean is_ca;
} QmigCertificate;

void qmig_certificate_free (QmigCertificate *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigCertificate, qmig_certificate_free)
/* @pem: the first certificate in it.  (transfer full) */
QmigCertificate *qmig_certificate_read (const char *pem, GError **error);
/* "ca-cert.pem", "server-cert.pem", … of @dir; QMIG_EXIT_NOT_FOUND where it is not there.  (transfer full) */
QmigCertificate *qmig_pki_read_certificate (const char *dir, const char *file, GError **error);

/* -- the authority ------------------------------------------------------------ */

/* Makes a CA in @dir (created).  QMIG_EXIT_CONFLICT where there is one. */
gboolean qmig_pki_init (const char *dir, const char *name, GError **error);

typedef enum
{
  QMIG_PKI_SERVER,
  QMIG_PKI_CLIENT,
} QmigPkiUse;

/* Makes a key in @dir (server-key.pem or client-key.pem, kept when it is there) and a request for a certificate
 * to go with it.  (transfer full): PEM */
char *qmig_pki_request (const char *dir, QmigPkiUse use, const char *name, GError **error);

/* Signs @request_pem with the CA of @ca_dir; name and use are what the caller says, not what the request asks for.
 * @addresses: (nullable): DNS names and IP addresses (server).  (transfer full): PEM */
char *qmig_pki_sign (const char *ca_dir, const char *request_pem, QmigPkiUse use, const char *name,
                     const char *const *addresses, int days, GError **error);

/* Whether nobody else has @name: QMIG_EXIT_CONFLICT where certificates that are not revoked were issued to it, and none for the
 * key of @request_pem. */
gboolean qmig_pki_check_owner (const char *ca_dir, const char *name, const char *request_pem, GError **error);

/* Puts certificates beside the keys they were made for; refused (QMIG_EXIT_CONFLICT) when they do not fit the keys, are not
 * of that CA, or @dir belongs to another CA already. */
gboolean qmig_pki_install (const char *dir, const char *ca_pem, const char *server_pem, const char *client_pem, GError **error);

/* Request, sign and install in one: into @ca_dir/issued/NAME, or into @ca_dir itself for @own (this very host).
 * With no addresses (person): a client certificate alone. */
gboolean qmig_pki_issue (const char *ca_dir, const char *name, const char *const *addresses, int days, gboolean own, GError **error);

/* All certificates that the CA has issued and still knows: its own, and issued/NAME.  @revoked: against the CRL. */
typedef struct
{
  QmigCertificate *certificate;
  char *file;        /* relative to the directory */
  gboolean revoked;
} QmigIssued;
void qmig_issued_free (QmigIssued *self);
GPtrArray *qmig_pki_list (const char *dir, GError **error); /* QmigIssued, (transfer full) */

/* Puts every certificate of @name on the CRL, and takes its fingerprints out of peers.conf. */
gboolean qmig_pki_revoke (const char *ca_dir, const char *name, GError **error);

/* Copies issued/NAME (with ca-cert.pem and the CRL) to the new directory @to. */
gboolean qmig_pki_export (const char *ca_dir, const char *name, const char *to, GError **error);

/* -- peers ---------------------------------------------------------------------- */

typedef struct
{
  char *fingerprint;
  char *name;
  QmigRole role;
} QmigPeer;
void qmig_peer_free (QmigPeer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigPeer, qmig_peer_free)

/* Replaces what was there for the fingerprint. */
gboolean qmig_peers_set (const char *dir, const char *fingerprint, const char *name, QmigRole role, GError **error);
gboolean qmig_peers_remove (const char *dir, const char *name_or_fingerprint, GError **error);
GPtrArray *qmig_peers_list (const char *dir, GError **error); /* QmigPeer, (transfer full) */

/* -- judging ---------------------------------------------------------------------- */

/*
 * Who calls: chain up to our CA, dates, CRL, key usage for clients, and pinned in peers.conf.  Reads the files anew, so a
 * revocation counts from the next connection on.
 * Returns: (transfer full): the peer; or NULL with QMIG_EXIT_DENIED and a text that names what is wrong ("the certificate of
 * 'eve' has expired on …", "is revoked", "is for servers only", "is not known here (fingerprint …): `qmig pki trust` …",
 * "was not issued by this host's authority"), or with QMIG_EXIT_ERROR when our own files cannot be read.
 */
QmigPeer *qmig_pki_judge_client (const char *dir, const char *pem, GError **error);

/* Who answers: chain, dates, CRL, key usage for servers, and name: @host (as in the URI) is among the addresses.
 * @pin: (nullable): fingerprint it must have.  Errors likewise, with cause and cure; QMIG_EXIT_UNREACHABLE. */
gboolean qmig_pki_judge_server (const char *dir, const char *pem, const char *host, const char *pin, GError **error);

G_END_DECLS
