/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "grid.h"

#define MIB (G_GINT64_CONSTANT (1024) * 1024)
#define GIB (1024 * MIB)
#define PAYLOAD 0.94            /* of the link, after TCP/IP and Ethernet */
#define DEADLINE_PASSES 4
#define DEADLINE_MS 60000
#define PATIENCE_MS 60000

static const gint64 links_gbit[] = { 1, 10, 25 };
static const gint64 budgets_ms[] = { 100, 300, 500 };

static const struct { gint64 working_set, ram; } sizes[] = {
  { 16 * MIB, 2 * GIB }, { 128 * MIB, 4 * GIB }, { 512 * MIB, 4 * GIB }, { 2 * GIB, 8 * GIB }, { 8 * GIB, 16 * GIB }, { 32 * GIB, 40 * GIB },
};

static const double rates[] = { 0.1, 0.4, 0.8, 1.2, 2, 4 }; /* of the link */

/* -- guests that change ------------------------------------------------------------- */

typedef void (*Shape) (ConvergeSimWorkload *workload, double pass_ms);

static gint64
of_link (const ConvergeSimWorkload *workload, double factor)
{
  return (gint64) (factor * workload->link_bytes_per_s);
}

static void
set_phase (ConvergeSimWorkload *workload, double until_ms, gint64 working_set, double rate, ConvergeSimPattern pattern)
{
  workload->phases[workload->n_phases++] = (ConvergeSimPhase) {
    .until_ms = (gint64) until_ms,
    .writers = { { working_set, of_link (workload, rate), pattern } },
  };
}

static void
idle (ConvergeSimWorkload *workload, double pass_ms)
{
  set_phase (workload, pass_ms, 8 * MIB, 0.002, CONVERGE_SIM_RANDOM);
}

static void
mostly_zero (ConvergeSimWorkload *workload, double pass_ms)
{
  workload->zero_share = 0.85;
  set_phase (workload, pass_ms, 512 * MIB, 0.5, CONVERGE_SIM_SEQUENTIAL);
}

static void
bursts (ConvergeSimWorkload *workload, double pass_ms)
{
  workload->period_ms = 15000;
  set_phase (workload, 5000, GIB, 2, CONVERGE_SIM_RANDOM);
  set_phase (workload, 15000, 64 * MIB, 0.05, CONVERGE_SIM_RANDOM);
}

static void
long_period (ConvergeSimWorkload *workload, double pass_ms)
{
  workload->period_ms = 60000;
  set_phase (workload, 45000, 2 * GIB, 1.5, CONVERGE_SIM_SEQUENTIAL);
  set_phase (workload, 60000, 128 * MIB, 0.1, CONVERGE_SIM_SEQUENTIAL);
}

static void
calming (ConvergeSimWorkload *workload, double pass_ms)
{
  set_phase (workload, 1.6 * pass_ms, 2 * GIB, 3, CONVERGE_SIM_SEQUENTIAL);
  set_phase (workload, 2 * pass_ms, 64 * MIB, 0.1, CONVERGE_SIM_RANDOM);
}

static void
growing (ConvergeSimWorkload *workload, double pass_ms)
{
  set_phase (workload, 0.7 * pass_ms, 32 * MIB, 0.05, CONVERGE_SIM_RANDOM);
  set_phase (workload, 1.2 * pass_ms, 512 * MIB, 0.8, CONVERGE_SIM_RANDOM);
  set_phase (workload, 2 * pass_ms, 3 * GIB, 1.6, CONVERGE_SIM_RANDOM);
}

static void
hot_and_warm (ConvergeSimWorkload *workload, double pass_ms)
{
  set_phase (workload, pass_ms, 32 * MIB, 1.5, CONVERGE_SIM_RANDOM);
  workload->phases[0].writers[1] = (ConvergeSimWriter) { 4 * GIB, of_link (workload, 0.3), CONVERGE_SIM_RANDOM };
}

static const struct
{
  const char *name;
  Shape shape;
} shapes[] = {
  { "idle", idle }, { "mostly zero", mostly_zero }, { "bursts", bursts }, { "long period", long_period }, { "calming", calming },
  { "growing", growing }, { "hot and warm", hot_and_warm },
};

/* -- the grid ---------------------------------------------------------------------------- */

static void
cell_free (gpointer data)
{
  GridCell *cell = data;

  g_free (cell->name);
  g_free (cell);
}

static GridCell *
add_cell (GPtrArray *grid, gint64 ram, gint64 gbit, gint64 budget_ms)
{
  GridCell *cell = g_new0 (GridCell, 1);

  cell->workload = converge_sim_workload (ram, 0, 0, (gint64) (gbit * 1e9 / 8 * PAYLOAD));
  cell->workload.n_phases = 0;
  cell->workload.zero_share = 0.2;
  cell->workload.seed = grid->len + 1;
  cell->budget_ms = budget_ms;
  cell->deadline_ms = DEADLINE_MS + (gint64) (DEADLINE_PASSES * 1000.0 * ram / cell->workload.link_bytes_per_s);
  g_ptr_array_add (grid, cell);
  return cell;
}

static void
add_steady (GPtrArray *grid, gint64 gbit, gint64 budget_ms)
{
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (rates); j++)
      {
        GridCell *cell = add_cell (grid, sizes[i].ram, gbit, budget_ms);

        set_phase (&cell->workload, 0, sizes[i].working_set, rates[j], (i + j) % 2 == 0 ? CONVERGE_SIM_SEQUENTIAL : CONVERGE_SIM_RANDOM);
        cell->name = g_strdup_printf ("ws %d MiB, %.1fx of %d Gbit/s, budget %d ms", (int) (sizes[i].working_set / MIB), rates[j], (int) gbit,
                                      (int) budget_ms);
      }
}

static void
add_changing (GPtrArray *grid, gint64 gbit, gint64 budget_ms)
{
  for (gsize i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      GridCell *cell = add_cell (grid, 8 * GIB, gbit, budget_ms);

      shapes[i].shape (&cell->workload, 8.0 * GIB * 1000 / cell->workload.link_bytes_per_s);
      cell->name = g_strdup_printf ("%s, %d Gbit/s, budget %d ms", shapes[i].name, (int) gbit, (int) budget_ms);
    }
}

GPtrArray *
grid_new (void)
{
  GPtrArray *grid = g_ptr_array_new_with_free_func (cell_free);

  for (gsize i = 0; i < G_N_ELEMENTS (links_gbit); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (budgets_ms); j++)
      {
        add_steady (grid, links_gbit[i], budgets_ms[j]);
        add_changing (grid, links_gbit[i], budgets_ms[j]);
      }
  return grid;
}

ConvergeSimResult
grid_run_engine (const GridCell *cell, GridMeans means, ConvergeSimSeen seen, gpointer user_data)
{
  g_autoptr(QmigPolicy) policy = qmig_policy_new ();
  ConvergeMeans known = {
    .overhead_ms = converge_assumed_overhead_ms (cell->workload.ram_bytes),
    .send_bytes_per_s = QMIG_UNSET,
    .dirty_bytes_per_s = QMIG_UNSET,
    .working_set_bytes = QMIG_UNSET,
    .can_throttle = means != GRID_GENTLE,
    .can_postcopy = means == GRID_POSTCOPY,
  };

  policy->name = g_strdup ("grid");
  policy->downtime_ms = cell->budget_ms;
  policy->deadline_ms = cell->deadline_ms;
  policy->bandwidth_bytes_per_s = 0;
  policy->throttle_max_percent = known.can_throttle ? 99 : 0;
  policy->allow_postcopy = known.can_postcopy;
  policy->patience_ms = PATIENCE_MS;
  return converge_sim_run_engine (&cell->workload, policy, &known, seen, user_data);
}

gboolean
grid_is_in_time (const GridCell *cell, const ConvergeSimResult *result)
{
  return result->finished && result->total_ms <= cell->deadline_ms;
}

gboolean
grid_is_over_budget (const GridCell *cell, const ConvergeSimResult *result)
{
  return result->finished && result->blackout_ms > cell->budget_ms;
}
