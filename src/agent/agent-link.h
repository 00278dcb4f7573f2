/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The far end of each connection that may send requests: who it is, and how many connections it has. */

#include "agent-private.h"

G_BEGIN_DECLS

/* Limits on callers.  Variable for tests only. */
typedef struct
{
  guint arrivals;      /* TCP connections whose caller is not known yet; when full, the newest displaces the oldest */
  guint per_certificate;
  guint per_uid;       /* of these each could do anything without us: the limit stops what runs wild, not an attack */
  gint64 handshake_ms; /* from accepting a TCP connection to knowing the caller */
  gint64 drain_ms;     /* for a caller that was refused to read why */
  gint64 head_ms;      /* over TLS, a connection may be idle or slow with the head of a request for so long */
  gint64 retry_ms;     /* after which a port that could not be opened is tried again */
  gint64 body_ms;      /* from the head of a request to its last byte */
} AgentLimits;
extern AgentLimits agent_limits;

typedef struct _AgentLink AgentLink;

/* The link of the connection that @message came over; NULL where nobody knows who that is. */
AgentLink *agent_link_get (Agent *agent, SoupServerMessage *message);
const AgentPeer *agent_link_get_peer (const AgentLink *self);

/* Judges the caller again where its certificate, or what we trust, may be another than at its last request.
 * @error: QMIG_EXIT_DENIED, or QMIG_EXIT_CONFLICT for one connection too many */
gboolean agent_link_check (AgentLink *self, GError **error);

/* Ends the connection under libsoup's feet, which then cleans up. */
void agent_link_shut (Agent *agent, SoupServerMessage *message);
void agent_links_shut_all (Agent *agent);

/* For a caller with a certificate; any thread. NULL when it has too many connections. @socket: a reference is kept. */
AgentLink *agent_link_new_tls (Agent *agent, const QmigPeer *known_as, const char *pem, GSocket *socket, GError **error);
/* The link lives as long as @address, which goes with the connection. */
void agent_link_attach (AgentLink *self, GSocketAddress *address);
void agent_link_free (AgentLink *self); /* any thread */

G_END_DECLS
