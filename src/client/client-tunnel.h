/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A unix socket on this side that leads through the user's own ssh to the far
 * agent, or to the stream of a migration that it receives.  Belongs to the
 * thread that made it; connections are taken in that thread's default context,
 * which has to run meanwhile.
 */

#include <gio/gio.h>

#include "api-error.h"

G_BEGIN_DECLS

typedef struct _ClientTunnel ClientTunnel;

/**
 * client_tunnel_new:
 * @uri: ssh://[USER@]HOST[:PORT]
 * @migration: (nullable): id of an incoming migration on the far host
 *
 * Makes no connection yet: each one to the socket runs one ssh (QMIG_SSH in
 * the environment replaces the word, options and all), which has that
 * connection itself as stdin and stdout.  Connections to the agent share one
 * login.  Those of a migration have one each, so that a stream neither stands
 * before the agent's answers nor is bound to one process for all its channels.
 *
 * @error: QMIG_EXIT_USAGE for a URI, id or QMIG_SSH that cannot be used
 */
ClientTunnel *client_tunnel_new (const char *uri, const char *migration, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Ends ssh's that still run, and waits for them (bounded), unless client_tunnel_leave() was called. */
void client_tunnel_free (ClientTunnel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClientTunnel, client_tunnel_free)

/* Connections that are there when the tunnel is freed go on by themselves, and even outlive this process. */
void client_tunnel_leave (ClientTunnel *self);

/* Path of the socket, short enough for a socket address; only this user may connect.  (transfer none) */
const char *client_tunnel_get_path (ClientTunnel *self);

/* Why the last ssh ended, as the end of a sentence; NULL where it runs or ended in order.  (transfer full) (nullable) */
char *client_tunnel_dup_problem (ClientTunnel *self);

/* The same as a QMIG_ERROR with its exit code.  (transfer none) (nullable) */
const GError *client_tunnel_get_problem (ClientTunnel *self);

/*
 * For after a connection broke: completes, always successfully, as soon as
 * there is a problem or no ssh runs any more, at the latest after two seconds
 * or when cancelled.  The tunnel must live as long.
 */
void client_tunnel_settle_async (ClientTunnel        *self,
                                 GCancellable        *cancellable,
                                 GAsyncReadyCallback  callback,
                                 gpointer             user_data);

G_END_DECLS
