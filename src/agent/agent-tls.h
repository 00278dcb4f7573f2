/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The TCP side of the agent.  A caller shakes hands and is judged before the
 * HTTP server sees a byte of it; one that is refused reads the reason as an
 * answer that was never asked for in HTTP.
 */

#include "agent-private.h"

G_BEGIN_DECLS

/* [agent] listen= of the config file.  (transfer full) (nullable): without @error, there is none */
char *agent_tls_configured_listen (GError **error);

/**
 * agent_tls_start:
 * @listen: (nullable): ADDRESS[:PORT] that must be served; NULL for what the config file says, if anything
 *
 * What the config file asks for and cannot be had (no certificates yet, the
 * port is taken) is said in the log and tried again every few seconds; what
 * @listen asks for is an error.
 */
gboolean agent_tls_start (Agent *agent, const char *listen, GError **error);
/* The config file may ask for another address now, or for the first.  FALSE with @error when it cannot be had: then the one that
 * is open stays, and where none is, it is tried again every few seconds. */
gboolean agent_tls_reload (Agent *agent, GError **error);
/* Nobody is let in any more, and no thread of this file is left. */
void agent_tls_stop (Agent *agent);
/* "https://ADDRESS:PORT" once the port is open; any thread.  (transfer full) (nullable) */
char *agent_tls_dup_uri (Agent *agent);

/* ADDRESS[:PORT] with a numeric address.  (transfer full) */
GSocketAddress *agent_tls_parse_listen (const char *text, GError **error);

G_END_DECLS
