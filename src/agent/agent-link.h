/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The far end of each connection that may send requests: who it is, and how many connections it has. */

#include "agent-private.h"

G_BEGIN_DECLS

/* Limits on callers.  Variable for tests only. */
typedef struct
{
  guint arrivals;      /* TCP connections whose caller is not known yet; when full, the newest displaces the oldest */
  guint handshakes;    /* of these, at once: GIO runs them in a pool of 10 threads that all of it shares */
  guint per_certificate;
  guint per_uid;       /* of these each could do anything without us: the limit stops what runs wild, not an attack */
  gint64 handshake_ms; /* from accepting a TCP connection to knowing the caller */
  gint64 stale_ms;     /* a handshake that has taken so long gives way to one that waits */
  gint64 drain_ms;     /* for a caller that was refused to read why */
  gint64 sweep_ms;     /* between two looks at the connections that are idle */
  gint64 retry_ms;     /* after which a port that could not be opened is tried again */
  gint64 request_ms;   /* from the first line of a request to its last byte */
} AgentLimits;
extern AgentLimits agent_limits;

typedef struct _AgentLink AgentLink;

/* The link of the connection that @message came over. */
AgentLink *agent_link_get (SoupServerMessage *message);
const AgentPeer *agent_link_get_peer (const AgentLink *self);

/* Judges the caller again where its certificate, or what we trust, may be another than at its last request.
 * @error: QMIG_EXIT_DENIED, or QMIG_EXIT_CONFLICT for one connection too many */
gboolean agent_link_check (AgentLink *self, GError **error);

/* Ends the connection under libsoup's feet, which then cleans up. */
void agent_link_shut (AgentLink *self);
/* Between these the caller may be done sending, and still waits for the answer. */
void agent_link_begin_request (AgentLink *self);
void agent_link_end_request (AgentLink *self);

/* For a user of this machine. */
AgentLink *agent_link_new_uid (Agent *agent, GSocket *socket);
/* For a caller with a certificate; any thread. NULL when it has too many connections. */
AgentLink *agent_link_new_tls (Agent *agent, const QmigPeer *known_as, const char *pem, GSocket *socket, GError **error);
/* One that was never served; any thread. */
void agent_link_free (AgentLink *self);

/* Hands the connection to the HTTP server.  @self: (transfer full); @stream is @self's socket, or TLS on it */
void agent_link_serve (AgentLink *self, GIOStream *stream);
/* GSourceFunc, to be called now and then: ends the connections that their clients have left. */
gboolean agent_links_sweep (gpointer agent);
/* Ends all that are served. */
void agent_links_end (Agent *agent);

G_END_DECLS
