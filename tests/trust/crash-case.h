/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "crash-table.h"

G_BEGIN_DECLS

/* Runs one case from set-up to proof, within a GTest. */
void crash_case_run (const CrashCase *c);

G_END_DECLS
