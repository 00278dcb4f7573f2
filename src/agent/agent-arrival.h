/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* TCP connections on their way in: from the accepted socket to a known caller that is handed to the HTTP server, or to a refusal. */

#include "agent-private.h"

G_BEGIN_DECLS

typedef struct _AgentArrivals AgentArrivals;

AgentArrivals *agent_arrivals_new (Agent *agent);
/* Calls all off, and returns when no thread is left. */
void agent_arrivals_free (AgentArrivals *self);
void agent_arrivals_add (AgentArrivals *self, GSocket *socket);

/* What this agent shows its callers; any thread.  (transfer full) */
GTlsCertificate *agent_arrivals_load_certificate (Agent *agent, GError **error);

G_END_DECLS
