/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The simulator, held against real QEMUs. */

#include "contest-table.h"

G_BEGIN_DECLS

/*
 * The same guests and the same link in arithmetic, beside the medians of the real runs: for QEMU alone, and for qmig's
 * engine.  The link and the guest's rate are those that were seen; nothing else is fitted.
 *
 * @limit_ms: as of the real runs
 */
void contest_print_simulated (const GArray *records, gint64 limit_ms);

G_END_DECLS
