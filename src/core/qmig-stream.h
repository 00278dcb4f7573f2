/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The migration stream's encryption: the objects that either QEMU needs for
 * it, there and away again.  Source and destination show each other the
 * certificates of their hosts; the destination lets in one client alone.
 *
 * Source: QEMU docs/system/tls.rst, migration/tls.c.
 */

#include "qmp-client.h"
#include "qmp-wait.h"

G_BEGIN_DECLS

/* The source is the client.  @server_name: what the destination's certificate must name. */
gboolean qmig_stream_secure_source (QmpClient *client, const char *pki_dir, const char *server_name, QmpWait *wait, GError **error);

/* The destination is the server.  @peer: distinguished name of the one client it takes, "CN=alpha". */
gboolean qmig_stream_secure_destination (QmpClient *client, const char *pki_dir, const char *peer, QmpWait *wait, GError **error);

/* Takes back what either of the above did, or part of it; a later move decides for itself. */
gboolean qmig_stream_release (QmpClient *client, QmpWait *wait, GError **error);

/* For a move without encryption: the same, where an earlier move could not take it back.  What somebody else has set stays. */
gboolean qmig_stream_release_left (QmpClient *client, QmpWait *wait, GError **error);

G_END_DECLS
