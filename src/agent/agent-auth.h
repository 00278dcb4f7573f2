/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who may do what.  Pure: deny unless a rule allows. */

#include <glib.h>
#include <sys/types.h>

#include "pki.h"

G_BEGIN_DECLS

typedef enum
{
  AGENT_NEED_READ,   /* look: viewer */
  AGENT_NEED_TRY,    /* operator: changes nothing, but has this host call or run what the caller names, or keeps a reservation alive */
  AGENT_NEED_CHANGE, /* act: operator */
  AGENT_NEED_ADMIN,  /* act on the agent itself, or past its care: admin */
} AgentNeed;

/* The least role that meets @need. */
QmigRole agent_need_role (AgentNeed need);

/* Who is at the other end of a connection: a user of this machine by the kernel's word, or the owner of a certificate. */
typedef struct
{
  gboolean known;    /* one of the two has told who it is */
  uid_t uid;         /* (uid_t) -1 for the owner of a certificate */
  char *fingerprint; /* (nullable) of the certificate */
  char *name;        /* (nullable) that peers.conf gives it */
  QmigRole role;
} AgentPeer;

/* The user @uid as the agent of @own_uid sees it: its own user and root could start and stop any QEMU without us, so both may do
 * everything, and nobody else anything. */
void agent_peer_init_uid (AgentPeer *self, uid_t uid, uid_t own_uid);
/* The owner of a certificate. @known_as: copied */
void agent_peer_init_certificate (AgentPeer *self, const QmigPeer *known_as);
void agent_peer_clear (AgentPeer *self);

/* "uid 1000", "certificate alpha (operator)", for people and the journal.  (transfer full) */
char *agent_peer_describe (const AgentPeer *self);

/* Text of why not, NULL where it may. @what: "POST /v1/vms".  (transfer full) (nullable) */
char *agent_auth_refuse (const AgentPeer *peer, AgentNeed need, const char *what);

G_END_DECLS
