/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "converge-forecast.h"

#include <math.h>
#include <string.h>

#define MIB (G_GINT64_CONSTANT (1024) * 1024)
#define GIB (1024 * MIB)

static QmigPolicy *
policy_new (void)
{
  QmigPolicy *policy = qmig_policy_new ();

  policy->downtime_ms = 300;
  policy->bandwidth_bytes_per_s = 0;
  return policy;
}

/* 4 GiB of data over exactly 100 MiB/s; the guest writes as the caller says. */
static ConvergeFacts
facts_with (ConvergeWrites low, ConvergeWrites high)
{
  ConvergeFacts facts;

  converge_facts_init (&facts);
  facts.running = TRUE;
  facts.memory_bytes = facts.data_low_bytes = facts.data_high_bytes = 4 * GIB;
  facts.link_basis = CONVERGE_BASIS_MEASURED;
  facts.link_low_bytes_per_s = facts.link_high_bytes_per_s = 100 * MIB;
  facts.writes_basis = CONVERGE_BASIS_MEASURED;
  facts.writes_low = low;
  facts.writes_high = high;
  facts.overhead_ms = 30;
  facts.aside_ms = 200;
  return facts;
}

static ConvergeWrites
writes (double hot_mib, double stream_mib_per_s, double most_mib)
{
  return (ConvergeWrites) { hot_mib * MIB, stream_mib_per_s * MIB, most_mib * MIB };
}

/* What @ways_out offers for the means named so; -1 for nothing.  The number is what follows @option. */
static double
offered (const QmigForecast *forecast, const char *means, const char *option)
{
  for (char **way = forecast->ways_out; way != NULL && *way != NULL; way++)
    {
      const char *number = strstr (*way, option);

      if (g_str_has_prefix (*way, means))
        {
          g_assert_nonnull (number);
          return g_ascii_strtod (number + strlen (option), NULL);
        }
    }
  return -1;
}

/* -- windows → curves ------------------------------------------------------------ */

static void
test_windows (void)
{
  ConvergeWindow steady[] = { { 1000, 50 * MIB }, { 2000, 100 * MIB } };
  ConvergeWindow full[] = { { 1000, 64 * MIB }, { 2000, 64 * MIB } };
  ConvergeWindow mixed[] = { { 1000, 50 * MIB }, { 2000, 60 * MIB } };
  ConvergeWindow odd[] = { { 1000, 50 * MIB }, { 2000, 40 * MIB } };
  ConvergeWrites low, high;

  /* Twice as much in twice the time: a stream, and nothing else. */
  converge_writes_bound (steady, 2, GIB, &low, &high);
  g_assert_cmpfloat (high.hot_bytes, ==, 0);
  g_assert_cmpfloat (high.stream_bytes_per_s, ==, 50 * MIB);
  g_assert_cmpfloat (high.most_bytes, ==, GIB);
  g_assert_cmpfloat (low.stream_bytes_per_s, ==, 50 * MIB);
  g_assert_cmpfloat (low.most_bytes, ==, 100 * MIB);

  /* The same in twice the time: a working set, written who knows how fast. */
  converge_writes_bound (full, 2, GIB, &low, &high);
  g_assert_cmpfloat (high.hot_bytes, ==, 64 * MIB);
  g_assert_cmpfloat (high.stream_bytes_per_s, ==, 0);
  g_assert_cmpfloat (low.stream_bytes_per_s, ==, 64 * MIB);
  g_assert_cmpfloat (low.most_bytes, ==, 64 * MIB);

  converge_writes_bound (mixed, 2, GIB, &low, &high);
  g_assert_cmpfloat (high.hot_bytes, ==, 40 * MIB);
  g_assert_cmpfloat (high.stream_bytes_per_s, ==, 10 * MIB);

  /* A guest that calmed down meanwhile is no guest that writes backwards. */
  converge_writes_bound (odd, 2, GIB, &low, &high);
  g_assert_cmpfloat (high.stream_bytes_per_s, ==, 0);
  g_assert_cmpfloat (low.most_bytes, ==, 50 * MIB);

  converge_writes_bound (steady, 1, GIB, &low, &high);
  g_assert_cmpfloat (high.hot_bytes, ==, 50 * MIB);
  g_assert_cmpfloat (high.stream_bytes_per_s, ==, 50 * MIB);
}

/* -- verdicts --------------------------------------------------------------------- */

typedef struct
{
  const char *name;
  double hot, stream, most; /* MiB, MiB/s, MiB: both curves */
  gint64 downtime_ms;
  gint64 bandwidth;         /* MiB/s, 0: none */
  int verdict;
  gint64 eta_low_ms, eta_high_ms; /* within which the best guess is to be; 0: it is to be unset */
  gint64 downtime_low_ms, downtime_high_ms;
  const char *text;         /* it begins so */
} Case;

/* 4 GiB over 100 MiB/s: 41 s for the first pass. */
static const Case cases[] = {
  { "idle", 0, 0, 0, 300, 0, QMIG_VERDICT_CONVERGING, 41000, 41500, 30, 30, "fits: 1 pass, 41 s, downtime 30 ms" },
  { "small working set", 10, 0, 10, 300, 0, QMIG_VERDICT_CONVERGING, 41000, 42000, 130, 130, "fits: 1 pass" },
  { "stream below the link", 0, 20, 4096, 300, 0, QMIG_VERDICT_CONVERGING, 50500, 54000, 30, 100, "fits: " },
  { "stream above the link, small set", 0, 200, 20, 300, 0, QMIG_VERDICT_CONVERGING, 41000, 42000, 230, 230, "fits: 1 pass" },
  { "working set too large", 0, 200, 100, 300, 0, QMIG_VERDICT_STUCK, 0, 0, 0, 0, "will not converge: dirties 2.0x the link" },
  { "hot pages too many", 50, 0, 50, 300, 0, QMIG_VERDICT_STUCK, 0, 0, 0, 0, "will not converge: " },
  { "hot pages, but time for them", 50, 0, 50, 700, 0, QMIG_VERDICT_CONVERGING, 41000, 42000, 530, 530, "fits: 1 pass" },
  { "the bound is too low", 0, 50, 1024, 300, 40, QMIG_VERDICT_STUCK, 0, 0, 0, 0, "will not converge: dirties 1.2x the bandwidth allowed" },
  { "no time at all", 10, 0, 10, 0, 0, QMIG_VERDICT_STUCK, 0, 0, 0, 0, "will not converge: " },
};

static void
test_case (gconstpointer data)
{
  const Case *c = data;
  g_autoptr(QmigPolicy) policy = policy_new ();
  ConvergeFacts facts = facts_with (writes (c->hot, c->stream, c->most), writes (c->hot, c->stream, c->most));
  g_autoptr(QmigForecast) forecast = NULL;

  policy->downtime_ms = c->downtime_ms;
  policy->bandwidth_bytes_per_s = c->bandwidth * MIB;
  forecast = converge_forecast (policy, &facts);
  g_test_message ("%s", forecast->text);
  g_assert_cmpint (forecast->verdict, ==, c->verdict);
  g_assert_true (g_str_has_prefix (forecast->text, c->text));
  g_assert_cmpstr (forecast->basis, ==, "measured");
  if (c->verdict != QMIG_VERDICT_CONVERGING)
    {
      g_assert_cmpint (forecast->eta_ms, ==, QMIG_UNSET);
      g_assert_cmpint (forecast->downtime_ms, ==, QMIG_UNSET);
      g_assert_nonnull (forecast->ways_out);
      return;
    }
  g_assert_null (forecast->ways_out);
  g_assert_cmpint (forecast->eta_ms, >=, c->eta_low_ms);
  g_assert_cmpint (forecast->eta_ms, <=, c->eta_high_ms);
  g_assert_cmpint (forecast->eta_low_ms, <=, forecast->eta_ms);
  g_assert_cmpint (forecast->eta_high_ms, >=, forecast->eta_ms);
  g_assert_cmpint (forecast->downtime_ms, >=, c->downtime_low_ms);
  g_assert_cmpint (forecast->downtime_ms, <=, c->downtime_high_ms);
}

/* Between the curves the verdict is a guess, and says so. */
static void
test_unsure (void)
{
  g_autoptr(QmigPolicy) policy = policy_new ();
  ConvergeFacts likely = facts_with (writes (0, 10, 40), writes (30, 0, 40));
  ConvergeFacts unlikely = facts_with (writes (0, 10, 60), writes (90, 0, 100));
  g_autoptr(QmigForecast) fits = converge_forecast (policy, &likely);
  g_autoptr(QmigForecast) sticks = converge_forecast (policy, &unlikely);

  g_assert_cmpint (fits->verdict, ==, QMIG_VERDICT_CONVERGING);
  g_assert_true (g_str_has_prefix (fits->text, "probably fits: "));
  g_assert_cmpint (fits->eta_high_ms, ==, QMIG_UNSET);
  g_assert_nonnull (fits->ways_out);
  g_assert_cmpint (sticks->verdict, ==, QMIG_VERDICT_STUCK);
  g_assert_true (g_str_has_prefix (sticks->text, "probably will not converge: "));
}

/* -- the ways out: what is offered makes it fit, and not by far too much ------------ */

static void
assert_fits (const QmigPolicy *policy, const ConvergeFacts *facts, gboolean fits)
{
  g_autoptr(QmigForecast) forecast = converge_forecast (policy, facts);

  g_assert_cmpint (forecast->verdict == QMIG_VERDICT_CONVERGING, ==, fits);
}

static void
test_way_bandwidth (void)
{
  g_autoptr(QmigPolicy) policy = policy_new ();
  ConvergeFacts facts = facts_with (writes (0, 50, 1024), writes (0, 50, 1024));
  g_autoptr(QmigForecast) forecast = NULL;
  double needed;

  policy->bandwidth_bytes_per_s = 20 * MIB;
  forecast = converge_forecast (policy, &facts);
  needed = offered (forecast, "bandwidth: ", "--bandwidth ");
  g_assert_cmpfloat (needed, >, 20);
  g_assert_cmpfloat (needed, <=, 100);
  policy->bandwidth_bytes_per_s = (gint64) (needed * MIB);
  assert_fits (policy, &facts, TRUE);
  policy->bandwidth_bytes_per_s = (gint64) (0.95 * needed * MIB);
  assert_fits (policy, &facts, FALSE);
}

static void
test_way_link (void)
{
  g_autoptr(QmigPolicy) policy = policy_new ();
  ConvergeFacts facts = facts_with (writes (0, 200, 1024), writes (0, 200, 1024));
  g_autoptr(QmigForecast) forecast = converge_forecast (policy, &facts);
  double needed = offered (forecast, "bandwidth: ", "a link of ");

  g_assert_cmpfloat (needed, >, 100);
  facts.link_low_bytes_per_s = facts.link_high_bytes_per_s = (gint64) (needed * MIB);
  assert_fits (policy, &facts, TRUE);
}

static void
test_way_downtime (void)
{
  g_autoptr(QmigPolicy) policy = policy_new ();
  ConvergeFacts facts = facts_with (writes (0, 200, 100), writes (0, 200, 100));
  g_autoptr(QmigForecast) forecast = converge_forecast (policy, &facts);
  double needed = offered (forecast, "downtime: ", "--downtime ");

  g_assert_cmpfloat (needed, >, 1000);
  g_assert_cmpfloat (needed, <, 1300);
  policy->downtime_ms = (gint64) needed;
  assert_fits (policy, &facts, TRUE);
  policy->downtime_ms = (gint64) (0.9 * needed);
  assert_fits (policy, &facts, FALSE);
}

static void
test_way_throttle (void)
{
  g_autoptr(QmigPolicy) policy = policy_new ();
  ConvergeFacts facts = facts_with (writes (0, 150, 1024), writes (0, 150, 1024));
  g_autoptr(QmigForecast) forecast = converge_forecast (policy, &facts);
  g_autoptr(QmigForecast) throttled = NULL;
  double needed = offered (forecast, "throttle: ", "--throttle-max ");

  g_assert_cmpfloat (needed, >=, 34);
  g_assert_cmpfloat (needed, <=, 95);
  policy->throttle_max_percent = (gint64) needed;
  throttled = converge_forecast (policy, &facts);
  g_assert_cmpint (throttled->verdict, ==, QMIG_VERDICT_CONVERGING);
  g_assert_cmpint (throttled->throttle_percent, >, 33);
  g_assert_cmpint (throttled->throttle_percent, <=, (gint64) needed);
  g_assert_nonnull (strstr (throttled->text, "throttled"));
  policy->throttle_max_percent = 33;
  assert_fits (policy, &facts, FALSE);

  /* A policy that allows more counts on no more than is needed. */
  policy->throttle_max_percent = 99;
  g_clear_pointer (&throttled, qmig_forecast_free);
  throttled = converge_forecast (policy, &facts);
  g_assert_cmpint (throttled->throttle_percent, ==, (gint64) needed);
}

static void
test_last_means (void)
{
  g_autoptr(QmigPolicy) policy = policy_new ();
  ConvergeFacts facts = facts_with (writes (0, 500, 1024), writes (0, 500, 1024));
  g_autoptr(QmigForecast) postcopy = NULL;
  g_autoptr(QmigForecast) pause = NULL;

  policy->allow_postcopy = TRUE;
  postcopy = converge_forecast (policy, &facts);
  g_assert_cmpint (postcopy->verdict, ==, QMIG_VERDICT_CONVERGING);
  g_assert_nonnull (strstr (postcopy->text, "post-copy"));
  g_assert_cmpint (postcopy->downtime_ms, <=, 300);
  g_assert_cmpint (postcopy->eta_ms, >, 51000);

  policy->allow_postcopy = FALSE;
  policy->allow_pause = TRUE;
  pause = converge_forecast (policy, &facts);
  g_assert_cmpint (pause->verdict, ==, QMIG_VERDICT_CONVERGING);
  g_assert_nonnull (strstr (pause->text, "a pause of"));
  g_assert_cmpint (pause->downtime_ms, >, 10000);
}

static void
test_deadline (void)
{
  g_autoptr(QmigPolicy) policy = policy_new ();
  ConvergeFacts facts = facts_with (writes (0, 0, 0), writes (0, 0, 0));
  g_autoptr(QmigForecast) late = NULL;

  policy->deadline_ms = 20000;
  late = converge_forecast (policy, &facts);
  g_assert_nonnull (strstr (late->text, "the deadline is 20.0 s"));
}

/* -- what is not known ---------------------------------------------------------------- */

static void
assert_not_enough (const ConvergeFacts *facts, const char *word)
{
  g_autoptr(QmigPolicy) policy = policy_new ();
  g_autoptr(QmigForecast) forecast = converge_forecast (policy, facts);

  g_assert_cmpint (forecast->verdict, ==, QMIG_VERDICT_NOT_ENOUGH_DATA);
  g_assert_nonnull (strstr (forecast->text, word));
  g_assert_cmpint (forecast->eta_ms, ==, QMIG_UNSET);
  g_assert_cmpint (forecast->downtime_ms, ==, QMIG_UNSET);
  g_assert_null (forecast->basis);
}

static void
test_not_known (void)
{
  ConvergeFacts good = facts_with (writes (0, 0, 0), writes (0, 0, 0));
  ConvergeFacts facts;

  converge_facts_init (&facts);
  assert_not_enough (&facts, "memory");
  facts = good;
  facts.memory_bytes = 0;
  assert_not_enough (&facts, "memory");
  facts = good;
  facts.link_basis = CONVERGE_BASIS_NONE;
  assert_not_enough (&facts, "link");
  facts = good;
  facts.link_low_bytes_per_s = 0;
  assert_not_enough (&facts, "link");
  facts = good;
  facts.link_high_bytes_per_s = facts.link_low_bytes_per_s - 1;
  assert_not_enough (&facts, "link");
  facts = good;
  facts.writes_basis = CONVERGE_BASIS_NONE;
  assert_not_enough (&facts, "writes");
  facts.problem = "the moon is full";
  assert_not_enough (&facts, "the moon is full");
}

/* A guest that does not run writes nothing, whatever was measured when. */
static void
test_paused (void)
{
  g_autoptr(QmigPolicy) policy = policy_new ();
  ConvergeFacts facts = facts_with (writes (0, 500, 4096), writes (0, 500, 4096));
  g_autoptr(QmigForecast) forecast = NULL;

  facts.running = FALSE;
  facts.writes_basis = CONVERGE_BASIS_NONE;
  forecast = converge_forecast (policy, &facts);
  g_assert_cmpint (forecast->verdict, ==, QMIG_VERDICT_CONVERGING);
  g_assert_cmpint (forecast->passes_left, ==, 1);
}

/* The weakest of what it stands on. */
static void
test_basis (void)
{
  g_autoptr(QmigPolicy) policy = policy_new ();
  ConvergeFacts facts = facts_with (writes (0, 0, 0), writes (0, 0, 0));
  g_autoptr(QmigForecast) forecast = NULL;

  facts.link_basis = CONVERGE_BASIS_ASSUMED;
  forecast = converge_forecast (policy, &facts);
  g_assert_cmpstr (forecast->basis, ==, "assumed");
}

/* A policy of which nothing is set, and numbers at the edge of what there is: finite answers. */
static void
test_extremes (void)
{
  static const gint64 numbers[] = { QMIG_UNSET, -1, 0, 1, 4096, GIB, G_MAXINT64 };

  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (numbers); j++)
      for (gsize k = 0; k < G_N_ELEMENTS (numbers); k++)
        {
          g_autoptr(QmigPolicy) policy = qmig_policy_new ();
          ConvergeFacts facts = facts_with (writes (0, 1, 10), writes (1, 1e9, 1e9));
          g_autoptr(QmigForecast) forecast = NULL;

          policy->downtime_ms = policy->bandwidth_bytes_per_s = policy->throttle_max_percent = numbers[i];
          facts.memory_bytes = facts.data_high_bytes = numbers[j];
          facts.link_low_bytes_per_s = facts.link_high_bytes_per_s = facts.overhead_ms = facts.aside_ms = numbers[k];
          forecast = converge_forecast (policy, &facts);
          g_assert_nonnull (forecast->text);
          g_assert_null (strstr (forecast->text, "nan"));
          g_assert_null (strstr (forecast->text, "inf"));
        }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/forecast/verdict/", cases[i].name, NULL);

      g_test_add_data_func (path, &cases[i], test_case);
    }
  g_test_add_func ("/forecast/windows", test_windows);
  g_test_add_func ("/forecast/unsure", test_unsure);
  g_test_add_func ("/forecast/way-out/bandwidth", test_way_bandwidth);
  g_test_add_func ("/forecast/way-out/link", test_way_link);
  g_test_add_func ("/forecast/way-out/downtime", test_way_downtime);
  g_test_add_func ("/forecast/way-out/throttle", test_way_throttle);
  g_test_add_func ("/forecast/last-means", test_last_means);
  g_test_add_func ("/forecast/deadline", test_deadline);
  g_test_add_func ("/forecast/not-known", test_not_known);
  g_test_add_func ("/forecast/paused", test_paused);
  g_test_add_func ("/forecast/basis", test_basis);
  g_test_add_func ("/forecast/extremes", test_extremes);
  return g_test_run ();
}
