/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "converge-engine.h"

#include "converge-model.h"

#define MIB (1024.0 * 1024)
#define LINK (112 * MIB)  /* 1 Gbit/s */
#define LOOK_MS 250

/* -- a guest and its link, as simple as can be ------------------------------------ */

typedef struct
{
  ConvergeEngine *engine;
  QmigPolicy *policy;
  ConvergeMeans means;
  double link, dirty, working_set; /* bytes per second, bytes */

  double now_ms, begun_ms;
  gint64 pass;
  double left, sent;
  double throttle;
  gint64 throttle_told;
  double found, counted_ms, dirty_rate; /* as QEMU counts: what is newly found, over a second and more */
  double limit_ms, bandwidth;
  GPtrArray *decisions; /* QmigDecision */
  QmigForecast *forecast;
} World;

static void
obey (World *w, QmigDecision *decision)
{
  if (decision->downtime_limit_ms != QMIG_UNSET)
    w->limit_ms = decision->downtime_limit_ms;
  if (decision->bandwidth_limit_bytes_per_s != QMIG_UNSET)
    w->bandwidth = decision->bandwidth_limit_bytes_per_s;
  if (decision->throttle_percent != QMIG_UNSET)
    w->throttle_told = decision->throttle_percent;
  g_ptr_array_add (w->decisions, decision);
}

static World *
world_new (double working_set, double dirty)
{
  World *w = g_new0 (World, 1);

  w->policy = qmig_policy_new ();
  w->policy->name = g_strdup ("test");
  w->policy->downtime_ms = 300;
  w->policy->bandwidth_bytes_per_s = 0;
  w->policy->throttle_max_percent = 99;
  w->policy->patience_ms = 20000;
  w->means = (ConvergeMeans) { .overhead_ms = CONVERGE_OVERHEAD_MS, .send_bytes_per_s = QMIG_UNSET, .dirty_bytes_per_s = QMIG_UNSET,
                               .working_set_bytes = QMIG_UNSET, .can_throttle = TRUE };
  w->link = LINK;
  w->working_set = working_set;
  w->dirty = dirty;
  w->left = 1024 * MIB;
  w->pass = 1;
  w->decisions = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_decision_free);
  return w;
}

static void
world_free (World *w)
{
  g_clear_pointer (&w->engine, converge_engine_free);
  g_clear_pointer (&w->forecast, qmig_forecast_free);
  g_ptr_array_unref (w->decisions);
  qmig_policy_free (w->policy);
  g_free (w);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (World, world_free)

static void
world_begin (World *w)
{
  w->engine = converge_engine_new (w->policy, &w->means);
  obey (w, converge_engine_start (w->engine));
}

static double
rate (const World *w)
{
  return w->bandwidth > 0 ? MIN (w->bandwidth, w->link) : w->link;
}

static void
look (World *w)
{
  g_autoptr(QmigSample) sample = qmig_sample_new ();
  QmigDecision *decision;

  sample->elapsed_ms = w->now_ms;
  sample->pass = w->pass;
  sample->total_bytes = 1024 * MIB;
  sample->remaining_bytes = w->left;
  sample->transferred_bytes = sample->normal_bytes = w->sent;
  sample->zero_bytes = 0;
  sample->dirty_bytes_per_s = w->dirty_rate;
  sample->bandwidth_limit_bytes_per_s = w->bandwidth;
  sample->downtime_limit_ms = w->limit_ms;
  if (w->throttle > 0)
    sample->throttle_percent = w->throttle * 100;
  g_clear_pointer (&w->forecast, qmig_forecast_free);
  decision = converge_engine_look (w->engine, sample, &w->forecast);
  g_assert_nonnull (w->forecast);
  if (decision != NULL)
    obey (w, decision);
}

/* The next look for newly written pages: the throttle is taken at every second one.  TRUE when QEMU would stop the guest. */
static gboolean
next_pass (World *w)
{
  double written = MIN (w->working_set, w->dirty * (1 - w->throttle) * (w->now_ms - w->begun_ms) / 1000);

  w->left += written;
  w->found += written;
  if (w->now_ms - w->counted_ms >= 1000)
    {
      w->dirty_rate = w->found * 1000 / (w->now_ms - w->counted_ms);
      w->found = 0;
      w->counted_ms = w->now_ms;
    }
  w->begun_ms = w->now_ms;
  w->pass++;
  if (w->pass % 2 == 1)
    w->throttle = w->throttle_told / 100.0;
  return w->left / rate (w) * 1000 <= w->limit_ms;
}

/* Until QEMU would stop the guest, the engine wants another means than limits, or @most_ms are over. */
static gboolean
run (World *w, double most_ms)
{
  while (w->now_ms < most_ms)
    {
      const QmigDecision *last = g_ptr_array_index (w->decisions, w->decisions->len - 1);
      double threshold = rate (w) * w->limit_ms / 1000;
      double until_sync_ms = MAX (w->left - threshold, 0) / rate (w) * 1000 + 1;
      double step_ms = MIN (until_sync_ms, LOOK_MS);

      if (last->action != QMIG_ACTION_SET && last->action != QMIG_ACTION_WAIT)
        return FALSE;
      w->now_ms += step_ms;
      w->sent += MIN (w->left, rate (w) * step_ms / 1000);
      w->left = MAX (w->left - rate (w) * step_ms / 1000, 0);
      if (step_ms >= until_sync_ms && next_pass (w))
        return TRUE;
      look (w);
    }
  return FALSE;
}

static const QmigDecision *
find (const World *w, const char *rule)
{
  for (guint i = 0; i < w->decisions->len; i++)
    {
      const QmigDecision *decision = g_ptr_array_index (w->decisions, i);

      if (g_str_equal (decision->rule, rule))
        return decision;
    }
  return NULL;
}

static const QmigDecision *
last (const World *w)
{
  return g_ptr_array_index (w->decisions, w->decisions->len - 1);
}

/* -- what it decides ------------------------------------------------------------------- */

static void
test_start (void)
{
  g_autoptr(World) w = world_new (64 * MIB, 10 * MIB);

  w->policy->bandwidth_bytes_per_s = 50 * MIB;
  world_begin (w);
  g_assert_cmpint (last (w)->action, ==, QMIG_ACTION_SET);
  g_assert_cmpstr (last (w)->rule, ==, "start");
  g_assert_cmpint (last (w)->bandwidth_limit_bytes_per_s, ==, 50 * MIB);
  g_assert_cmpint (last (w)->throttle_percent, ==, 1);
  g_assert_cmpint (last (w)->downtime_limit_ms, <=, 20);
  look (w);
  g_assert_cmpint (w->forecast->verdict, ==, QMIG_VERDICT_NOT_ENOUGH_DATA);
  g_assert_cmpint (w->forecast->eta_ms, ==, QMIG_UNSET);
  g_assert_cmpuint (w->decisions->len, ==, 1);
}

/* A guest that writes little is stopped for little, whatever the budget. */
static void
test_calm (void)
{
  g_autoptr(World) w = world_new (64 * MIB, 5 * MIB);

  world_begin (w);
  g_assert_true (run (w, 60000));
  g_assert_null (find (w, "throttle"));
  g_assert_cmpfloat (w->left / LINK * 1000, <, 60);
  g_assert_cmpfloat (w->now_ms, <, 1.15 * 1024 * MIB / LINK * 1000);
}

/* 256 MiB rewritten at 200 MiB/s over 112 MiB/s: no limit within the budget will do, and only what is decided in the second
 * pass comes in time. */
static void
test_throttle_at_once (void)
{
  g_autoptr(World) w = world_new (256 * MIB, 200 * MIB);
  const QmigDecision *throttle;

  w->left = 256 * MIB;
  world_begin (w);
  g_assert_true (run (w, 60000));
  throttle = find (w, "throttle");
  g_assert_nonnull (throttle);
  g_assert_cmpint (throttle->pass, ==, 2);
  g_assert_cmpint (throttle->throttle_percent, >=, 80);
  g_assert_cmpint (throttle->throttle_percent, <=, 93);
  g_assert_cmpfloat (w->now_ms, <, 7800);
}

static void
test_never_throttles_unasked (void)
{
  g_autoptr(World) w = world_new (256 * MIB, 200 * MIB);

  w->policy->throttle_max_percent = 0;
  world_begin (w);
  g_assert_false (run (w, 300000));
  g_assert_cmpint (last (w)->action, ==, QMIG_ACTION_ABORT);
  g_assert_nonnull (find (w, "wait"));
  g_assert_null (find (w, "throttle"));
  /* Patience is counted from when it was clear. */
  g_assert_cmpint (last (w)->elapsed_ms, >=, find (w, "wait")->elapsed_ms + w->policy->patience_ms);
  g_assert_cmpfloat (w->now_ms, <, 60000);
}

static void
test_gives_up_before_the_deadline (void)
{
  g_autoptr(World) w = world_new (256 * MIB, 200 * MIB);

  w->policy->throttle_max_percent = 0;
  w->policy->patience_ms = 600000;
  w->policy->deadline_ms = 60000;
  world_begin (w);
  g_assert_false (run (w, 300000));
  g_assert_cmpint (last (w)->action, ==, QMIG_ACTION_ABORT);
  g_assert_cmpfloat (w->now_ms, <, 50000);
}

static void
test_postcopy (void)
{
  g_autoptr(World) w = world_new (256 * MIB, 200 * MIB);

  w->policy->throttle_max_percent = 0;
  w->policy->allow_postcopy = TRUE;
  w->means.can_postcopy = TRUE;
  world_begin (w);
  g_assert_false (run (w, 300000));
  g_assert_cmpint (last (w)->action, ==, QMIG_ACTION_POSTCOPY);
  g_assert_cmpfloat (w->now_ms, <, 20000);
}

static void
test_postcopy_needs_both (void)
{
  g_autoptr(World) allowed = world_new (256 * MIB, 200 * MIB);
  g_autoptr(World) armed = world_new (256 * MIB, 200 * MIB);

  allowed->policy->throttle_max_percent = armed->policy->throttle_max_percent = 0;
  allowed->policy->allow_postcopy = TRUE;
  armed->means.can_postcopy = TRUE;
  world_begin (allowed);
  world_begin (armed);
  g_assert_false (run (allowed, 300000));
  g_assert_false (run (armed, 300000));
  g_assert_cmpint (last (allowed)->action, ==, QMIG_ACTION_ABORT);
  g_assert_cmpint (last (armed)->action, ==, QMIG_ACTION_ABORT);
}

static void
test_pause (void)
{
  g_autoptr(World) w = world_new (256 * MIB, 200 * MIB);

  w->policy->throttle_max_percent = 0;
  w->policy->allow_pause = TRUE;
  world_begin (w);
  g_assert_false (run (w, 300000));
  g_assert_cmpint (last (w)->action, ==, QMIG_ACTION_PAUSE);
  g_assert_cmpint (last (w)->downtime_limit_ms, >, 256 * MIB / LINK * 1000);
}

static void
test_eases (void)
{
  g_autoptr(World) w = world_new (1000 * MIB, 300 * MIB);
  const QmigDecision *throttle;

  world_begin (w);
  g_assert_false (run (w, 30000));
  throttle = find (w, "throttle");
  g_assert_nonnull (throttle);
  w->dirty = 30 * MIB;
  run (w, 120000);
  if (find (w, "ease") != NULL)
    g_assert_cmpint (find (w, "ease")->throttle_percent, <, throttle->throttle_percent);
}

static void
test_raises_bandwidth (void)
{
  g_autoptr(World) w = world_new (200 * MIB, 40 * MIB);

  w->policy->start_bandwidth_bytes_per_s = 30 * MIB;
  w->policy->bandwidth_bytes_per_s = 100 * MIB;
  world_begin (w);
  g_assert_cmpfloat (w->bandwidth, ==, 30 * MIB);
  g_assert_true (run (w, 300000));
  g_assert_nonnull (find (w, "bandwidth"));
  g_assert_cmpfloat (w->bandwidth, <=, 100 * MIB);
  g_assert_cmpfloat (w->bandwidth, >, 40 * MIB);
}

static void
test_stalled (void)
{
  g_autoptr(World) w = world_new (64 * MIB, 10 * MIB);

  world_begin (w);
  look (w);
  for (int i = 0; i < 40; i++)
    {
      w->now_ms += LOOK_MS;
      look (w);
    }
  g_assert_cmpint (w->forecast->verdict, ==, QMIG_VERDICT_STALLED);
}

/* Whatever the guest does, and whatever was asked for, no bound is exceeded. */
static void
test_bounds_hold (void)
{
  g_autoptr(GRand) random = g_rand_new_with_seed (7);

  for (int round = 0; round < 300; round++)
    {
      g_autoptr(World) w = world_new (g_rand_double_range (random, 1, 900) * MIB, g_rand_double_range (random, 0, 900) * MIB);

      w->policy->downtime_ms = g_rand_int_range (random, 40, 1000);
      w->policy->throttle_max_percent = g_rand_int_range (random, 0, 100);
      w->policy->bandwidth_bytes_per_s = g_rand_boolean (random) ? 0 : g_rand_int_range (random, 10, 200) * MIB;
      world_begin (w);
      run (w, 60000);
      for (guint i = 0; i < w->decisions->len; i++)
        {
          const QmigDecision *decision = g_ptr_array_index (w->decisions, i);
          double sleep = converge_throttle_sleep_ms (MAX (decision->throttle_percent, 0) / 100.0);

          g_assert_cmpint (decision->throttle_percent, <=, MAX (w->policy->throttle_max_percent, 1));
          if (decision->downtime_limit_ms != QMIG_UNSET && w->policy->downtime_ms > 60)
            g_assert_cmpfloat (decision->downtime_limit_ms + decision->overhead_ms + sleep, <=, w->policy->downtime_ms + 1);
          if (decision->bandwidth_limit_bytes_per_s != QMIG_UNSET)
            g_assert_cmpint (decision->bandwidth_limit_bytes_per_s, ==, w->policy->bandwidth_bytes_per_s);
          g_assert_nonnull (decision->text);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/converge/engine/start", test_start);
  g_test_add_func ("/converge/engine/calm", test_calm);
  g_test_add_func ("/converge/engine/throttle-at-once", test_throttle_at_once);
  g_test_add_func ("/converge/engine/never-throttles-unasked", test_never_throttles_unasked);
  g_test_add_func ("/converge/engine/gives-up-before-the-deadline", test_gives_up_before_the_deadline);
  g_test_add_func ("/converge/engine/postcopy", test_postcopy);
  g_test_add_func ("/converge/engine/postcopy-needs-both", test_postcopy_needs_both);
  g_test_add_func ("/converge/engine/pause", test_pause);
  g_test_add_func ("/converge/engine/eases", test_eases);
  g_test_add_func ("/converge/engine/raises-bandwidth", test_raises_bandwidth);
  g_test_add_func ("/converge/engine/stalled", test_stalled);
  g_test_add_func ("/converge/engine/bounds-hold", test_bounds_hold);

  return g_test_run ();
}
