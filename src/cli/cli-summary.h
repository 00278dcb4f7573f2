/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How a migration ended, for people. */

#include "api-types.h"

G_BEGIN_DECLS

/* One sentence for one that moved the VM; without @vm it says "VM".  (transfer full) */
char *cli_summary_text (const char *vm, const QmigResult *result);

/* What a rehearsal found, in a few lines.  (transfer full) */
char *cli_summary_rehearsal_text (const char *vm, const QmigResult *result);

/* A line per stage with its time.  (transfer full) */
char *cli_summary_stages_text (const QmigResult *result);

/* For all that is not as asked: what failed, where the VM is, what to do; one line each.  (transfer full) */
char *cli_summary_failure_text (const char *vm, const QmigResult *result);

G_END_DECLS
