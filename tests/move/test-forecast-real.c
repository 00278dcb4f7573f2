/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The forecast, with a real QEMU that counts what a real guest writes; and how far it was off. */

#include "rig.h"

#include <math.h>
#include <string.h>

#define IDLE "ws=16;rate=0;fill=16;check=1"
#define BUSY "ws=48;rate=40;fill=16;check=1"

static Rig *
rig_with (const char *config)
{
  Rig *rig = rig_new ();

  if (rig != NULL)
    {
      rig_start_agent (rig, &rig->alpha, NULL);
      rig_start_agent (rig, &rig->beta, NULL);
      rig_start_guest (rig, config, NULL);
    }
  return rig;
}

/* @option, @value: (nullable) one more bound */
static QmigForecast *
forecast_of (Rig *rig, const char *option, const char *value)
{
  g_autoptr(RigRun) run = rig_qmig (rig, &rig->alpha, "check", rig->vm, rig->beta.uri, "--throttle-max", "0%", "-o", "json", option, value, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigPlan) plan = NULL;

  if (run->exit_code != 0)
    g_error ("it cannot be moved: %s", run->err);
  plan = qmig_plan_from_text (run->out, -1, &error);
  g_assert_no_error (error);
  g_assert_nonnull (plan->forecast);
  g_test_message ("%s", plan->forecast->text);
  return g_steal_pointer (&plan->forecast);
}

static void
test_idle (void)
{
  g_autoptr(Rig) rig = rig_with (IDLE);
  g_autoptr(QmigForecast) forecast = NULL;

  if (rig == NULL)
    return;
  /* Even a slow link does: there is nothing to be sent twice. */
  forecast = forecast_of (rig, "--bandwidth", "20MiB/s");
  g_assert_cmpint (forecast->verdict, ==, QMIG_VERDICT_CONVERGING);
  g_assert_null (forecast->ways_out);
  g_assert_cmpint (forecast->downtime_ms, <=, 300);
}

/* 40 MiB/s, or the little of it that the guest gets to on a crowded host, do not go through a tenth of one: that a way out is offered which then does is what a forecast is for. */
static void
test_busy (void)
{
  g_autoptr(Rig) rig = rig_with (BUSY);
  g_autoptr(QmigForecast) narrow = NULL;
  g_autoptr(QmigForecast) wide = NULL;

  if (rig == NULL)
    return;
  narrow = forecast_of (rig, "--bandwidth", "100KiB/s");
  g_assert_cmpint (narrow->verdict, !=, QMIG_VERDICT_CONVERGING);
  g_assert_cmpint (narrow->verdict, !=, QMIG_VERDICT_NOT_ENOUGH_DATA);
  g_assert_nonnull (narrow->ways_out);
  wide = forecast_of (rig, "--downtime", "20s");
  g_assert_cmpint (wide->verdict, ==, QMIG_VERDICT_CONVERGING);
}

static void
test_not_measured (void)
{
  g_autoptr(Rig) rig = rig_with (BUSY);
  g_autoptr(QmigForecast) forecast = NULL;

  if (rig == NULL)
    return;
  forecast = forecast_of (rig, "--no-measure", NULL);
  g_assert_cmpint (forecast->verdict, ==, QMIG_VERDICT_NOT_ENOUGH_DATA);
}

static QmigResult *
move (Rig *rig)
{
  g_autoptr(RigRun) run = rig_qmig (rig, &rig->alpha, "migrate", rig->vm, rig->beta.uri, "--bandwidth", "60MiB/s", "-o", "jsonl", NULL);

  if (run->exit_code != 0)
    g_error ("it was not moved: %s", run->err);
  return rig_result (run);
}

/* The first move knows nothing and says so; the next one of the same VM knows, and is held against what happened. */
static void
test_history (void)
{
  g_autoptr(Rig) rig = rig_with (BUSY);
  g_autoptr(QmigResult) first = NULL;
  g_autoptr(RigRun) back = NULL;
  g_autoptr(QmigResult) second = NULL;
  g_autoptr(RigRun) history = NULL;

  if (rig == NULL)
    return;
  first = move (rig);
  g_assert_cmpint (first->forecast->verdict, ==, QMIG_VERDICT_NOT_ENOUGH_DATA);
  g_assert_true (isnan (first->total_error_percent));

  back = rig_qmig (rig, &rig->beta, "migrate", rig->vm, rig->alpha.uri, "-q", NULL);
  g_assert_cmpint (back->exit_code, ==, 0);
  second = move (rig);
  g_test_message ("%s; it took %d ms, %+.0f %%", second->forecast->text, (int) second->total_ms, second->total_error_percent);
  g_assert_cmpint (second->forecast->verdict, !=, QMIG_VERDICT_NOT_ENOUGH_DATA);
  g_assert_cmpstr (second->forecast->basis, ==, "history");
  if (second->forecast->eta_ms != QMIG_UNSET)
    g_assert_false (isnan (second->total_error_percent));

  history = rig_qmig (rig, &rig->alpha, "history", "--limit", "1", "-o", "tsv", "--fields", "result.forecast.text", "--no-headers", NULL);
  g_assert_cmpint (history->exit_code, ==, 0);
  g_strchomp (history->out);
  g_assert_cmpstr (history->out, ==, second->forecast->text);
  rig_assert_one_runs (rig);
}

/* What is exported is enough to decide again, without an agent. */
static void
test_replay (void)
{
  g_autoptr(Rig) rig = rig_with (BUSY);
  g_autoptr(QmigResult) result = NULL;
  g_autoptr(RigRun) trace = NULL;
  g_autoptr(RigRun) replay = NULL;
  g_autofree char *path = NULL;

  if (rig == NULL)
    return;
  result = move (rig);
  trace = rig_qmig (rig, &rig->alpha, "migration", "samples", "last", "-o", "jsonl", NULL);
  g_assert_cmpint (trace->exit_code, ==, 0);
  path = g_build_filename (rig->dir, "move.trace", NULL);
  g_assert_true (g_file_set_contents (path, trace->out, -1, NULL));
  replay = rig_qmig (rig, &rig->beta, "replay", path, "--bandwidth", "max", "-o", "json", "--fields", "outcome,simulated_from_ms", NULL);
  if (replay->exit_code != 0)
    g_error ("it was not replayed: %s", replay->err);
  g_assert_nonnull (strstr (replay->out, "\"outcome\" : \"completed\""));
  g_assert_nonnull (strstr (replay->out, "\"simulated_from_ms\" : 0"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/forecast/idle", test_idle);
  g_test_add_func ("/forecast/busy", test_busy);
  g_test_add_func ("/forecast/not-measured", test_not_measured);
  g_test_add_func ("/forecast/history", test_history);
  g_test_add_func ("/forecast/replay", test_replay);
  return g_test_run ();
}
