/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Help text out of the verb table.  All (transfer full). */

#include "api-failures.h"
#include "cli-verbs.h"

G_BEGIN_DECLS

char *cli_help_short (void); /* for those who gave no command */
char *cli_help_overview (void);
char *cli_help_group (const char *group);
char *cli_help_verb (const CliVerb *verb);
char *cli_help_exit_codes (void);
/* cli-help-errors.c */
gboolean cli_help_is_error_id (const char *topic);
char *cli_help_errors (void);
/* @id: what cli_help_is_error_id() takes.  @error: QMIG_EXIT_USAGE with the near miss.  (transfer none) */
const QmigFailure *cli_help_find_error (const char *id, GError **error);
char *cli_help_error (const QmigFailure *row);

G_END_DECLS
