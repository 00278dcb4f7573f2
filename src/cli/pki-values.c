/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pki-values.h"

#include "api-types.h"

#define FIELD(Struct, member, Kind, text) \
  { .name = #member, .kind = Kind, .offset = G_STRUCT_OFFSET (Struct, member), .about = text }

/* clang-format off: one member a line, as in the struct */

static const ApiField certificate_line_fields[] = {
  FIELD (CertificateLine, name, API_STRING, "host or person it was issued to"),
  FIELD (CertificateLine, use, API_STRING, "authority, server or client"),
  FIELD (CertificateLine, status, API_STRING, "valid, early (not valid yet), expired or revoked"),
  FIELD (CertificateLine, not_before, API_STRING, NULL),
  FIELD (CertificateLine, not_after, API_STRING, NULL),
  FIELD (CertificateLine, addresses, API_STRV, "host names and IP addresses it is good for"),
  FIELD (CertificateLine, subject, API_STRING, "as QEMU's authorization sees it"),
  FIELD (CertificateLine, serial, API_STRING, "hexadecimal"),
  FIELD (CertificateLine, fingerprint, API_STRING, "SHA-256, hexadecimal"),
  FIELD (CertificateLine, file, API_STRING, "in the directory of certificates"),
};

static const ApiField peer_line_fields[] = {
  FIELD (PeerLine, name, API_STRING, NULL),
  FIELD (PeerLine, role, API_STRING, "viewer, operator or admin"),
  FIELD (PeerLine, fingerprint, API_STRING, "SHA-256 of its certificate, hexadecimal"),
};

/* clang-format on */

const ApiType certificate_line_type = {
  .name = "qmig.certificate/1",
  .size = sizeof (CertificateLine),
  .fields = certificate_line_fields,
  .n_fields = G_N_ELEMENTS (certificate_line_fields),
  .destroy = (GDestroyNotify) certificate_line_free,
};

const ApiType peer_line_type = {
  .name = "qmig.peer/1",
  .size = sizeof (PeerLine),
  .fields = peer_line_fields,
  .n_fields = G_N_ELEMENTS (peer_line_fields),
  .destroy = (GDestroyNotify) peer_line_free,
};

static const char *
use_of (const QmigCertificate *certificate)
{
  if (certificate->is_ca)
    return "authority";
  return certificate->for_server ? "server" : "client";
}

static const char *
status_of (const QmigIssued *issued)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;

  if (issued->revoked)
    return "revoked";
  if (now > issued->certificate->not_after)
    return "expired";
  return now < issued->certificate->not_before ? "early" : "valid";
}

CertificateLine *
certificate_line_new_from_issued (const QmigIssued *issued)
{
  const QmigCertificate *certificate = issued->certificate;
  CertificateLine *self = certificate_line_new ();

  self->name = g_strdup (certificate->name);
  self->use = g_strdup (use_of (certificate));
  self->status = g_strdup (status_of (issued));
  self->not_before = api_time_format (certificate->not_before * G_USEC_PER_SEC);
  self->not_after = api_time_format (certificate->not_after * G_USEC_PER_SEC);
  self->addresses = g_strdupv (certificate->addresses);
  self->subject = g_strdup (certificate->subject);
  self->serial = g_strdup (certificate->serial);
  self->fingerprint = g_strdup (certificate->fingerprint);
  self->file = g_strdup (issued->file);
  return self;
}

PeerLine *
peer_line_new_from_peer (const QmigPeer *peer)
{
  PeerLine *self = peer_line_new ();

  self->name = g_strdup (peer->name);
  self->role = g_strdup (qmig_role_names[peer->role]);
  self->fingerprint = g_strdup (peer->fingerprint);
  return self;
}
