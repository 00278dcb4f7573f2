/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli-context.h"

G_BEGIN_DECLS

/* Follows all of @infos (QmigMigrationInfo) at once; returns the first exit status that is not 0. */
int cmd_watch_all (Cli *cli, GPtrArray *infos, gint64 after);

G_END_DECLS
