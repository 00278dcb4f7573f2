/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The options of check, migrate and tune as the values of the API. */

#include "cli-context.h"

G_BEGIN_DECLS

/* Of the arguments VM [DEST] and the options; selects the host of HOST/NAME.  (transfer full) */
QmigMigrateRequest *cmd_request_new (Cli *cli);

/* NULL where none of the limits was given.  (transfer full) (nullable) */
QmigKnobs *cmd_request_knobs (Cli *cli);

/* One line a check, painted by its verdict. */
void cmd_request_append_checks (GString *text, const CliOutput *out, GPtrArray *checks);

/* What the agent would do, on stdout; returns QMIG_EXIT_REFUSED where it would refuse. */
int cmd_request_check (Cli *cli, QmigMigrateRequest *request, GError **error);

G_END_DECLS
