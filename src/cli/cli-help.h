/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Help text out of the verb table.  All (transfer full). */

#include "cli-verbs.h"

G_BEGIN_DECLS

char *cli_help_short (void); /* for those who gave no command */
char *cli_help_overview (void);
char *cli_help_group (const char *group);
char *cli_help_verb (const CliVerb *verb);
char *cli_help_exit_codes (void);

G_END_DECLS
