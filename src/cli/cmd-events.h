/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What has happened in a migration by now, without waiting for more. */

#include "cli-context.h"

G_BEGIN_DECLS

typedef gboolean (*CmdEventWanted) (const QmigEvent *event);

/* QmigEvent after @after, all or those that are @wanted (nullable).  (transfer full) */
GPtrArray *cmd_events_get (Cli *cli, const QmigMigrationInfo *info, gint64 after, CmdEventWanted wanted, GError **error);

G_END_DECLS
