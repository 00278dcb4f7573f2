/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `./setup bench convergence`: the same simulated guests moved by qmig's engine
 * and by the published rules of others, and how far qmig's forecasts were
 * right.  With --against, a recorded move by a real QEMU beside its simulation.
 */

#include "against.h"
#include "grid.h"
#include "rivals.h"

#include <locale.h>
#include <stdlib.h>

#define HOUR_MS (3600 * G_GINT64_CONSTANT (1000))
#define FAR_OVER 1.2

enum { OWN_THROTTLE, OWN_GENTLE, OWN_POSTCOPY, N_OWN };
#define N_POLICIES (N_OWN + N_RIVALS)

static const char *const own_names[N_OWN] = { "qmig", "qmig, no throttle", "qmig, post-copy" };

typedef struct
{
  GPtrArray *grid;
  ConvergeSimResult *results[N_POLICIES];
} Bench;

static const char *
policy_name (guint policy)
{
  return policy < N_OWN ? own_names[policy] : rivals[policy - N_OWN].name;
}

/* -- how far forecasts were right -------------------------------------------------------- */

typedef struct
{
  GArray *low, *high, *at; /* double: milliseconds of the migration */
  guint unsaid;            /* samples without a forecast */
} Forecasts;

typedef struct
{
  guint said, unsaid, right, early, late;
  GArray *widths;          /* double: high over low */
} Calibration;

static void
note_forecast (const QmigSample *sample, const QmigDecision *decision, gpointer user_data)
{
  Forecasts *self = user_data;
  double at = sample->elapsed_ms;
  double low, high;

  if (sample->pass < 2)
    return;
  if (sample->forecast->eta_low_ms == QMIG_UNSET)
    {
      self->unsaid++;
      return;
    }
  low = at + sample->forecast->eta_low_ms;
  high = at + sample->forecast->eta_high_ms;
  g_array_append_val (self->at, at);
  g_array_append_val (self->low, low);
  g_array_append_val (self->high, high);
}

static void
judge_forecasts (Calibration *self, const Forecasts *forecasts, double end_ms)
{
  self->unsaid += forecasts->unsaid;
  for (guint i = 0; i < forecasts->at->len; i++)
    {
      double low = g_array_index (forecasts->low, double, i);
      double high = g_array_index (forecasts->high, double, i);
      double at = g_array_index (forecasts->at, double, i);
      double width = (high - at) / MAX (low - at, 1);

      self->said++;
      self->early += end_ms < low;
      self->late += end_ms > high;
      self->right += end_ms >= low && end_ms <= high;
      g_array_append_val (self->widths, width);
    }
}

static ConvergeSimResult
run_own (const GridCell *cell, GridMeans means, Calibration *calibration)
{
  g_autoptr(GArray) low = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr(GArray) high = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr(GArray) at = g_array_new (FALSE, FALSE, sizeof (double));
  Forecasts forecasts = { .low = low, .high = high, .at = at };
  ConvergeSimResult result = grid_run_engine (cell, means, note_forecast, &forecasts);

  if (result.finished)
    judge_forecasts (calibration, &forecasts, result.total_ms);
  return result;
}

/* -- numbers --------------------------------------------------------------------------------- */

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return x < y ? -1 : x > y;
}

/* @share: 0.5 is the median.  NAN where there is nothing. */
static double
quantile (GArray *values, double share)
{
  if (values->len == 0)
    return NAN;
  g_array_sort (values, compare_doubles);
  return g_array_index (values, double, MIN ((guint) (share * values->len), values->len - 1));
}

static void
add (GArray *values, double value)
{
  g_array_append_val (values, value);
}

static double
percent (guint part, guint whole)
{
  return whole > 0 ? 100.0 * part / whole : NAN;
}

/* -- the tables -------------------------------------------------------------------------------- */

static void
print_policy (const Bench *bench, guint policy)
{
  g_autoptr(GArray) totals = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr(GArray) sent = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr(GArray) lost = g_array_new (FALSE, FALSE, sizeof (double));
  guint in_time = 0, kept = 0, over = 0, far_over = 0;
  double worst = 0, sum = 0;

  for (guint i = 0; i < bench->grid->len; i++)
    {
      const GridCell *cell = g_ptr_array_index (bench->grid, i);
      const ConvergeSimResult *result = &bench->results[policy][i];
      gboolean is_over = grid_is_over_budget (cell, result);

      over += is_over;
      far_over += is_over && result->blackout_ms > FAR_OVER * cell->budget_ms;
      worst = is_over ? MAX (worst, result->blackout_ms / cell->budget_ms) : worst;
      if (!grid_is_in_time (cell, result))
        continue;
      in_time++;
      kept += !is_over;
      add (totals, result->total_ms / 1000);
      add (sent, (double) result->sent_bytes / cell->workload.ram_bytes);
      add (lost, (result->lost_ms + result->postcopy_lost_ms) / 1000);
      sum += (result->lost_ms + result->postcopy_lost_ms) / 1000;
    }

  g_print ("%-19s %5.1f %% %7.1f %% %5u %6u", policy_name (policy), percent (in_time, bench->grid->len), percent (kept, bench->grid->len), over,
           far_over);
  if (over > 0)
    g_print (" %6.1fx", worst);
  else
    g_print ("       -");
  g_print (" %7.1f s %6.2f %6.1f s %6.1f s\n", quantile (totals, 0.5), quantile (sent, 0.5), sum / MAX (in_time, 1), quantile (lost, 0.9));
}

static void
print_policies (const Bench *bench)
{
  g_print ("policy               in time  in budget  over  >%.1fx   worst     total   sent  slow-down    90 %%\n", FAR_OVER);
  for (guint policy = 0; policy < N_POLICIES; policy++)
    print_policy (bench, policy);
}

static void
print_pair (const Bench *bench, guint own, guint rival)
{
  g_autoptr(GArray) times = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr(GArray) bytes = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr(GArray) blackouts = g_array_new (FALSE, FALSE, sizeof (double));
  guint only_own = 0, only_rival = 0;
  double lost = 0;

  for (guint i = 0; i < bench->grid->len; i++)
    {
      const GridCell *cell = g_ptr_array_index (bench->grid, i);
      const ConvergeSimResult *mine = &bench->results[own][i], *its = &bench->results[rival][i];
      gboolean i_did = grid_is_in_time (cell, mine), it_did = grid_is_in_time (cell, its);

      only_own += i_did && !it_did;
      only_rival += it_did && !i_did;
      if (!i_did || !it_did)
        continue;
      add (times, mine->total_ms / its->total_ms);
      add (bytes, (double) mine->sent_bytes / its->sent_bytes);
      add (blackouts, mine->blackout_ms / its->blackout_ms);
      lost += (mine->lost_ms + mine->postcopy_lost_ms - its->lost_ms) / 1000;
    }
  g_print ("%-19s %4u  %5.2f %5.2f %5.2f  %5.2f %5.2f %5.2f  %5.2f %5.2f %5.2f  %+6.1f s %6u %6u\n", policy_name (rival), times->len,
           quantile (times, 0.1), quantile (times, 0.5), quantile (times, 0.9), quantile (bytes, 0.1), quantile (bytes, 0.5),
           quantile (bytes, 0.9), quantile (blackouts, 0.1), quantile (blackouts, 0.5), quantile (blackouts, 0.9), lost / MAX (times->len, 1),
           only_own, only_rival);
}

/* Finished is: in time, and with the blackout in the budget. */
static void
print_finished_pair (const Bench *bench, guint own, guint rival)
{
  g_autoptr(GArray) my_times = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr(GArray) its_times = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr(GArray) my_bytes = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr(GArray) its_bytes = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint i = 0; i < bench->grid->len; i++)
    {
      const GridCell *cell = g_ptr_array_index (bench->grid, i);
      const ConvergeSimResult *mine = &bench->results[own][i], *its = &bench->results[rival][i];

      if (!grid_is_in_time (cell, mine) || grid_is_over_budget (cell, mine) || !grid_is_in_time (cell, its) || grid_is_over_budget (cell, its))
        continue;
      add (my_times, mine->total_ms / 1000);
      add (its_times, its->total_ms / 1000);
      add (my_bytes, mine->sent_bytes / 1e9);
      add (its_bytes, its->sent_bytes / 1e9);
    }
  g_print ("%-19s %4u  %8.1f s %8.1f s  %8.2f GB %8.2f GB\n", policy_name (rival), my_times->len, quantile (my_times, 0.5), quantile (its_times, 0.5),
           quantile (my_bytes, 0.5), quantile (its_bytes, 0.5));
}

static void
print_pairs (const Bench *bench, guint own)
{
  g_print ("\n%s against each, on the guests that both moved in time: its figures over theirs (below 1: less), 10 %%, median, 90 %%;\n"
           "slow-down: the mean difference; only: what one of both moved in time\n"
           "policy              both        total time              bytes           blackout  slow-down  it  they\n",
           policy_name (own));
  for (guint rival = N_OWN; rival < N_POLICIES; rival++)
    print_pair (bench, own, rival);
  g_print ("\nOn the guests that both moved in time and in budget, the medians\n"
           "policy              both  total: its     theirs      sent: its      theirs\n");
  for (guint rival = N_OWN; rival < N_POLICIES; rival++)
    print_finished_pair (bench, own, rival);
}

/* Guest by guest, for whoever works on the engine. */
static void
print_guests (const Bench *bench)
{
  for (guint i = 0; i < bench->grid->len; i++)
    {
      const GridCell *cell = g_ptr_array_index (bench->grid, i);

      g_print ("%s\n", cell->name);
      for (guint policy = 0; policy < N_POLICIES; policy++)
        {
          const ConvergeSimResult *result = &bench->results[policy][i];

          g_print ("  %-19s %-8s %8.1f s, blackout %5.0f ms, sent %6.2f, passes %4d, throttle %2d %%, lost %6.1f s\n", policy_name (policy),
                   !grid_is_in_time (cell, result) ? "missed" : grid_is_over_budget (cell, result) ? "over" : "moved", result->total_ms / 1000,
                   result->blackout_ms, (double) result->sent_bytes / cell->workload.ram_bytes, (int) result->passes,
                   (int) result->throttle_percent, (result->lost_ms + result->postcopy_lost_ms) / 1000);
        }
    }
}

static void
print_calibration (const Calibration *calibration)
{
  g_print ("\nForecasts, from the second pass on, of the moves that ended (%u samples): the end was in the range said in %.1f %%,\n"
           "sooner in %.1f %%, later in %.1f %%; median range 1:%.1f.  %u samples more said that it does not fit as it is.\n",
           calibration->said, percent (calibration->right, calibration->said), percent (calibration->early, calibration->said),
           percent (calibration->late, calibration->said), quantile (calibration->widths, 0.5), calibration->unsaid);
}

static void
print_rules (void)
{
  g_print ("\nEach guest is given a deadline of four times all of its RAM over the link and a minute, and a budget for the blackout, the\n"
           "throttle's last sleep included.  in time: moved before the deadline; in budget: that, with the blackout in the budget; over: blackout\n"
           "over the budget, early or late; total, sent (times RAM): medians of its own moves in time; slow-down: CPU seconds lost, mean and 90 %%.\n"
           "Everybody has the whole link; overheads of the blackout are 14 ms +- 30 %% and two looks at all memory.\n\n");
  for (guint i = 0; i < N_RIVALS; i++)
    g_print ("%-19s %s\n                    [%s]\n", rivals[i].name, rivals[i].rule, rivals[i].source);
}

/* -- all of it -------------------------------------------------------------------------------------- */

static void
run_all (Bench *bench, Calibration *calibration)
{
  for (guint policy = 0; policy < N_POLICIES; policy++)
    {
      bench->results[policy] = g_new0 (ConvergeSimResult, bench->grid->len);
      for (guint i = 0; i < bench->grid->len; i++)
        {
          const GridCell *cell = g_ptr_array_index (bench->grid, i);

          bench->results[policy][i] = policy < N_OWN ? run_own (cell, (GridMeans) policy, &calibration[policy])
                                                     : rival_run (policy - N_OWN, &cell->workload, cell->budget_ms, HOUR_MS);
        }
    }
}

static void
compare_policies (gboolean guests)
{
  Bench bench = { .grid = grid_new () };
  Calibration calibration[N_OWN] = { 0 };
  gint64 begun_us = g_get_monotonic_time ();

  for (guint i = 0; i < N_OWN; i++)
    calibration[i].widths = g_array_new (FALSE, FALSE, sizeof (double));
  run_all (&bench, calibration);

  g_print ("%u simulated guests, %u policies, %.1f s\n\n", bench.grid->len, N_POLICIES, (g_get_monotonic_time () - begun_us) / 1e6);
  print_policies (&bench);
  print_pairs (&bench, OWN_THROTTLE);
  print_pairs (&bench, OWN_GENTLE);
  print_calibration (&calibration[OWN_THROTTLE]);
  print_rules ();
  if (guests)
    print_guests (&bench);

  for (guint i = 0; i < N_OWN; i++)
    g_array_unref (calibration[i].widths);
  for (guint i = 0; i < N_POLICIES; i++)
    g_free (bench.results[i]);
  g_ptr_array_unref (bench.grid);
}

int
main (int argc, char **argv)
{
  g_autofree char *file = NULL;
  AgainstOptions options = { 0 };
  gboolean guests = FALSE;
  const GOptionEntry entries[] = {
    { "guests", 0, 0, G_OPTION_ARG_NONE, &guests, "Each guest as well", NULL },
    { "against", 0, 0, G_OPTION_ARG_FILENAME, &file, "A recorded move, from `qmig watch -o jsonl`, beside its simulation", "FILE" },
    { "ram", 0, 0, G_OPTION_ARG_INT64, &options.ram_mib, "The guest's memory", "MIB" },
    { "working-set", 0, 0, G_OPTION_ARG_INT64, &options.working_set_mib, "What it writes again and again", "MIB" },
    { "dirty", 0, 0, G_OPTION_ARG_DOUBLE, &options.dirty_mib_per_s, "How fast", "MIB/S" },
    { "link", 0, 0, G_OPTION_ARG_DOUBLE, &options.link_mib_per_s, "What the link lets through", "MIB/S" },
    { "zero", 0, 0, G_OPTION_ARG_DOUBLE, &options.zero_share, "Share of memory that is zero, 0 to 1", "SHARE" },
    { "zero-apart", 0, 0, G_OPTION_ARG_NONE, &options.zero_apart, "It lies behind the rest, as in a guest that was just booted", NULL },
    { "random", 0, 0, G_OPTION_ARG_NONE, &options.random, "It writes anywhere, not in order", NULL },
    { "copy", 0, 0, G_OPTION_ARG_DOUBLE, &options.copy_mib_per_s, "What the host's CPU gets through", "MIB/S" },
    { "zero-speed", 0, 0, G_OPTION_ARG_DOUBLE, &options.zero_mib_per_s, "The same of zero pages", "MIB/S" },
    { "downtime", 0, 0, G_OPTION_ARG_INT64, &options.downtime_ms, "The limit that was set by hand, with unlimited bandwidth", "MS" },
    { NULL },
  };
  g_autoptr(GOptionContext) context = g_option_context_new ("- compare convergence policies on simulated guests");
  g_autoptr(GError) error = NULL;

  setlocale (LC_ALL, "");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || (file != NULL && !against_print (file, &options, &error)))
    {
      g_printerr ("bench-convergence: %s\n", error->message);
      return EXIT_FAILURE;
    }
  if (file == NULL)
    compare_policies (guests);
  return EXIT_SUCCESS;
}
