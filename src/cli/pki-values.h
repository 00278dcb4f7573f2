/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Certificates and peers as the command line shows them. */

#include "api-value.h"
#include "pki.h"

G_BEGIN_DECLS

typedef struct
{
  char *name;
  char *use;       /* "authority", "server", "client" */
  char *status;    /* "valid", "early", "expired", "revoked" */
  char *not_before;
  char *not_after;
  char **addresses;
  char *subject;
  char *serial;
  char *fingerprint;
  char *file;
} CertificateLine;
API_DECLARE_VALUE (CertificateLine, certificate_line)

CertificateLine *certificate_line_new_from_issued (const QmigIssued *issued);

typedef struct
{
  char *name;
  char *role;
  char *fingerprint;
} PeerLine;
API_DECLARE_VALUE (PeerLine, peer_line)

PeerLine *peer_line_new_from_peer (const QmigPeer *peer);

G_END_DECLS
