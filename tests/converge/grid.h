/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The guests that policies are compared on. */

#include "converge-sim-engine.h"

G_BEGIN_DECLS

typedef struct
{
  char *name;                   /* "ws 512 MiB, 1.2x of 10 Gbit/s, budget 300 ms" */
  ConvergeSimWorkload workload;
  gint64 budget_ms;
  gint64 deadline_ms;           /* four times all of RAM over the link, and a minute */
} GridCell;

/* The same ones in the same order each time.  (transfer full) (element-type GridCell) */
GPtrArray *grid_new (void);

typedef enum
{
  GRID_THROTTLE,                /* auto-converge within the budget: what the default policy may do */
  GRID_GENTLE,                  /* nothing that the guest could feel */
  GRID_POSTCOPY,                /* both, and post-copy */
} GridMeans;

/* Moves it with qmig's engine, which knows nothing of the guest before. */
ConvergeSimResult grid_run_engine (const GridCell *cell, GridMeans means, ConvergeSimSeen seen, gpointer user_data);

/* Moved before the deadline. */
gboolean grid_is_in_time (const GridCell *cell, const ConvergeSimResult *result);
/* The guest stood still for longer than its budget. */
gboolean grid_is_over_budget (const GridCell *cell, const ConvergeSimResult *result);

G_END_DECLS
