/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "contest-sim.h"

#include "converge-policy.h"
#include "converge-sim-engine.h"

#define MIB (1024 * 1024)
#define LINK_BYTES_PER_S 119600000 /* 1 Gbit/s less the headers of Ethernet, IP and TCP */

static ConvergeSimWorkload
in_arithmetic (const ContestWorkload *w, double written_mib_per_s)
{
  ConvergeSimWorkload sim = converge_sim_workload ((gint64) w->memory_mib * MIB, (gint64) w->set_mib * MIB, (gint64) (written_mib_per_s * MIB),
                                                   LINK_BYTES_PER_S);

  sim.zero_share = 1 - (double) (w->set_mib + w->fill_mib) / w->memory_mib;
  return sim;
}

/* -- QEMU alone ----------------------------------------------------------------------- */

static gint64
start_plain (gpointer budget_ms, ConvergeSimKnobs *knobs)
{
  knobs->downtime_limit_ms = *(gint64 *) budget_ms;
  knobs->bandwidth_bytes_per_s = 0;
  return 0;
}

static ConvergeSimResult
simulate_plain (const ConvergeSimWorkload *workload, gint64 budget_ms, gint64 limit_ms)
{
  static const ConvergeSimPolicy plain = { .name = "plain", .start = start_plain };

  return converge_sim_run (workload, &plain, &budget_ms, limit_ms);
}

/* -- qmig's engine ---------------------------------------------------------------------- */

static ConvergeSimResult
simulate_qmig (const ConvergeSimWorkload *workload, gint64 budget_ms, gint64 limit_ms)
{
  g_autoptr(QmigPolicy) policy = converge_policy_new_default ();
  g_autoptr(QmigKnobs) knobs = qmig_knobs_new ();
  const ConvergeMeans means = { .overhead_ms = CONVERGE_OVERHEAD_MS, .send_bytes_per_s = QMIG_UNSET, .dirty_bytes_per_s = QMIG_UNSET,
                                .working_set_bytes = QMIG_UNSET, .can_throttle = TRUE };

  /* The simulator has no other limit. */
  knobs->deadline_ms = QMIG_UNSET;
  knobs->downtime_ms = budget_ms;
  converge_policy_bound (policy, knobs, NULL);
  if (policy->deadline_ms == QMIG_UNSET || policy->deadline_ms > limit_ms)
    policy->deadline_ms = limit_ms;
  return converge_sim_run_engine (workload, policy, &means, NULL, NULL);
}

/* -- both beside the real ----------------------------------------------------------------- */

typedef struct
{
  const char *mover;
  ConvergeSimResult (*simulate) (const ConvergeSimWorkload *workload, gint64 budget_ms, gint64 limit_ms);
} Simulated;

static const Simulated simulated[] = {
  { "qmig", simulate_qmig },
  { "plain", simulate_plain },
};

static void
print_pair (double real, double sim, int width)
{
  g_print ("  %*.0f %*.0f %+5.0f%%", width, real, width, sim, 100 * (sim - real) / real);
}

static void
print_row (const GArray *records, const ContestWorkload *w, const Simulated *one, gint64 limit_ms)
{
  ContestFigures real;
  ConvergeSimWorkload workload;
  ConvergeSimResult sim;
  guint finished, runs = contest_medians (records, w, one->mover, &real, &finished);

  if (runs == 0)
    return;
  workload = in_arithmetic (w, real.written_mib_per_s);
  sim = one->simulate (&workload, w->budget_ms, limit_ms);
  g_print ("%-11s %-6s %4u/%-2u %4s", w->name, one->mover, finished, runs, sim.finished ? "yes" : "no");
  if (finished > 0 && sim.finished)
    {
      print_pair (real.total_ms, sim.total_ms, 6);
      print_pair (real.passes, (double) sim.passes, 3);
      print_pair (real.sent_mib, (double) sim.sent_bytes / MIB, 5);
      print_pair (real.gap_ms, sim.blackout_ms, 4);
    }
  g_print ("\n");
}

void
contest_print_simulated (const GArray *records, gint64 limit_ms)
{
  g_print ("\nSimulator's error: medians of the real runs, one simulated run of the same, and how far that is off.\n"
           "%-11s %-6s %7s %4s  %-20s  %-14s  %-18s  %s\n", "workload", "mover", "finished", "sim", "total", "passes", "sent", "gap");
  for (gsize i = 0; i < contest_n_workloads; i++)
    for (gsize j = 0; j < G_N_ELEMENTS (simulated); j++)
      print_row (records, &contest_workloads[i], &simulated[j], limit_ms);
}
