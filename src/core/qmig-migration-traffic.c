/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is said to both QEMUs and what they say, as events of the migration,
 * where that was asked for: it is much, and each line is written while the
 * guest may stand still.
 */

#include "qmig-migration-private.h"
#include "qmig-traffic.h"

static void
said_here (JsonObject *line, gpointer user_data)
{
  qmig_migration_emit (user_data, "qmp", line);
}

/* Told by the destination's host, whose name goes with it. */
static void
said_there (QmigHost *host, JsonObject *line, gpointer user_data)
{
  json_object_set_string_member (line, "host", qmig_host_get_name (host));
  qmig_migration_emit (user_data, "qmp", json_object_ref (line));
}

void
qmig_migration_trace (QmigMigration *self)
{
  if (self->entry->request->trace_qmp && self->source != NULL)
    qmig_traffic_watch (self->source->client, "source", said_here, G_OBJECT (self));
}

void
qmig_migration_trace_host (QmigMigration *self)
{
  if (self->entry->request->trace_qmp)
    g_signal_connect_object (self->host, "said", G_CALLBACK (said_there), self, 0);
}
