/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is said to a QEMU and what it says, one object a line: data of `qmp` events. */

#include "qmp-client.h"

G_BEGIN_DECLS

/* @line: (transfer full): "side", and either "command", "arguments", "took_ms" and "error", or "event" and "data" */
typedef void (*QmigTrafficFunc) (JsonObject *line, gpointer owner);

/* Each answered command and each event of @client, until it or @owner is gone.  @side: (static): "source" or "destination".
 * Called in the client's context.  Nothing secret is in a line. */
void qmig_traffic_watch (QmpClient *client, const char *side, QmigTrafficFunc said, GObject *owner);

G_END_DECLS
