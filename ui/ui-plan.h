/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a plan says, as lines for the screen. */

#include "ui-grid.h"
#include "api-types.h"

G_BEGIN_DECLS

typedef struct
{
  const char *word; /* "ok", "warn", "FAIL", … or "" where a line goes on */
  UiRole role;
  char *text;
} UiPlanLine;

/* @plan, @problem: (nullable).  (transfer full): of UiPlanLine, at most @width columns each */
GArray *ui_plan_lines (const QmigPlan *plan, const char *problem, int width);

G_END_DECLS
