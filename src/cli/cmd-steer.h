/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What tune, switch, cancel and recover share. */

#include "cli-context.h"

G_BEGIN_DECLS

/* The migration that the first argument names.  (transfer full) */
QmigMigrationInfo *cmd_steer_find (Cli *cli, GError **error);

/* POST …/actions/@name.  FALSE with the agent's reason. */
gboolean cmd_steer_act (Cli *cli, const char *id, const char *name, const QmigAction *action, GError **error);

G_END_DECLS
