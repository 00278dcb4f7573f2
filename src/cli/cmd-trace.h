/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A migration of the journal as a qmig.trace/1. */

#include "cli-context.h"

G_BEGIN_DECLS

/* @migration: as the user names it.  (transfer full) */
char *cmd_trace_fetch (Cli *cli, const char *migration, GError **error);

G_END_DECLS
