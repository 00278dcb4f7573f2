/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The laws of the simulated QEMU, and what it says of guests that were moved by a real one. */

#include "converge-sim-engine.h"

#define MIB (G_GINT64_CONSTANT (1024) * 1024)
#define GIB (1024 * MIB)
#define GBIT_BYTES 119600000 /* 1 Gbit/s as the laboratory's shaper lets it through */
#define LONG_MS 600000

/* Without noise: laws are exact. */
static ConvergeSimWorkload
quiet_workload (gint64 ram, gint64 working_set, gint64 dirty, gint64 link)
{
  ConvergeSimWorkload workload = converge_sim_workload (ram, working_set, dirty, link);

  workload.link_jitter = workload.overhead_jitter = 0;
  return workload;
}

static ConvergeSimKnobs
uncapped (gint64 limit_ms)
{
  ConvergeSimKnobs knobs = CONVERGE_SIM_KNOBS;

  knobs.bandwidth_bytes_per_s = 0;
  knobs.downtime_limit_ms = limit_ms;
  return knobs;
}

static void
assert_near (double value, double expected, double share)
{
  g_assert_cmpfloat (value, >=, expected * (1 - share));
  g_assert_cmpfloat (value, <=, expected * (1 + share));
}

/* -- a policy that writes down what it sees ------------------------------------------- */

typedef struct
{
  ConvergeSimKnobs knobs;
  void (*turn) (const QmigSample *sample, ConvergeSimKnobs *knobs); /* (nullable) */
  GPtrArray *samples; /* QmigSample */
} Recorder;

static gint64
recorder_start (gpointer data, ConvergeSimKnobs *knobs)
{
  *knobs = ((Recorder *) data)->knobs;
  return 1;
}

static gint64
recorder_look (gpointer data, const QmigSample *sample, ConvergeSimKnobs *knobs)
{
  Recorder *self = data;

  g_ptr_array_add (self->samples, qmig_sample_copy (sample));
  if (self->turn != NULL)
    self->turn (sample, knobs);
  return 250;
}

static ConvergeSimResult
record (const ConvergeSimWorkload *workload, Recorder *recorder, gint64 limit_ms)
{
  static const ConvergeSimPolicy policy = { .name = "recorder", .on_pass = TRUE, .start = recorder_start, .look = recorder_look };

  recorder->samples = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_sample_free);
  return converge_sim_run (workload, &policy, recorder, limit_ms);
}

/* -- laws --------------------------------------------------------------------------------- */

static void
test_idle (void)
{
  ConvergeSimWorkload workload = quiet_workload (GIB, 0, 0, GBIT_BYTES);
  ConvergeSimKnobs knobs = uncapped (300);
  ConvergeSimResult result = converge_sim_run_fixed (&workload, &knobs, LONG_MS);

  g_assert_true (result.finished);
  g_assert_cmpint (result.passes, ==, 3); /* the first, the one before the stop, the one after */
  assert_near (result.sent_bytes, GIB * (1 + 8 / 4096.0), 0.0001);
  assert_near (result.total_ms, GIB * 1000.0 / GBIT_BYTES, 0.02);
  g_assert_cmpfloat (result.downtime_ms, <=, 300 + workload.stop_ms + 30);
  g_assert_cmpfloat (result.blackout_ms, ==, result.downtime_ms + workload.resume_ms);
  g_assert_cmpfloat (result.lost_ms, ==, 0);
}

static void
test_zero_pages (void)
{
  ConvergeSimWorkload workload = quiet_workload (4 * GIB, 0, 0, GBIT_BYTES);
  ConvergeSimKnobs knobs = uncapped (300);
  ConvergeSimResult result;

  workload.zero_share = 1;
  result = converge_sim_run_fixed (&workload, &knobs, LONG_MS);
  assert_near (result.total_ms, workload.start_ms + 4 * GIB * 1000.0 / workload.zero_bytes_per_s + workload.stop_ms + workload.resume_ms, 0.02);
  assert_near (result.sent_bytes, 4 * GIB * 9 / 4096.0, 0.001);
}

/* Among the others they are looked at while the link sends those; behind them the link waits. */
static void
test_zero_pages_apart (void)
{
  ConvergeSimWorkload among = quiet_workload (4 * GIB, 0, 0, 10 * (gint64) GBIT_BYTES);
  ConvergeSimWorkload apart;
  ConvergeSimKnobs knobs = uncapped (50);
  double data_ms = 2.0 * GIB * 1000 / among.link_bytes_per_s, zero_ms = 2.0 * GIB * 1000 / 1e9;

  among.zero_share = 0.5;
  among.zero_bytes_per_s = 1000000000;
  among.copy_bytes_per_s *= 10;
  apart = among;
  apart.zero_apart = TRUE;
  assert_near (converge_sim_run_fixed (&among, &knobs, LONG_MS).total_ms, MAX (data_ms, zero_ms), 0.06);
  assert_near (converge_sim_run_fixed (&apart, &knobs, LONG_MS).total_ms, data_ms + zero_ms, 0.06);
}

static void
test_converging (void)
{
  /* Half of what a pass sends is written again: each pass halves what is left beyond the threshold. */
  ConvergeSimWorkload workload = quiet_workload (4 * GIB, 4 * GIB, GBIT_BYTES / 2, GBIT_BYTES);
  Recorder recorder = { .knobs = uncapped (100) };
  ConvergeSimResult result = record (&workload, &recorder, LONG_MS);
  double before = 4 * GIB;
  gint64 pass = 1;
  guint halved = 0;

  g_assert_true (result.finished);
  g_assert_cmpfloat (result.downtime_ms, <=, 100 + workload.stop_ms + 40);
  for (guint i = 0; i < recorder.samples->len; i++)
    {
      const QmigSample *sample = g_ptr_array_index (recorder.samples, i);

      if (sample->pass <= pass)
        continue;
      if (sample->pass == pass + 1 && sample->remaining_bytes > 128 * MIB)
        {
          assert_near (sample->remaining_bytes, before / 2, 0.08);
          halved++;
        }
      before = sample->remaining_bytes;
      pass = sample->pass;
    }
  g_assert_cmpint (halved, >=, 4);
  g_ptr_array_unref (recorder.samples);
}

static void
test_stuck_at_working_set (void)
{
  ConvergeSimWorkload workload = quiet_workload (GIB, 256 * MIB, 2 * GBIT_BYTES, GBIT_BYTES);
  Recorder recorder = { .knobs = uncapped (300) };
  ConvergeSimResult result = record (&workload, &recorder, 60000);

  g_assert_false (result.finished);
  for (guint i = 0; i < recorder.samples->len; i++)
    {
      const QmigSample *sample = g_ptr_array_index (recorder.samples, i);

      if (sample->pass < 4) /* the rest of the first pass is among it */
        continue;
      g_assert_cmpint (sample->remaining_bytes, <=, 257 * MIB);
      /* QEMU counts a page once a pass, however often it was written. */
      g_assert_cmpint (sample->dirty_bytes_per_s, <, 1.2 * GBIT_BYTES);
    }
  /* Each pass takes what the working set less the threshold takes. */
  assert_near (result.passes, (60000 - GIB * 1000.0 / GBIT_BYTES) / ((256 * MIB - 0.3 * GBIT_BYTES) * 1000.0 / GBIT_BYTES), 0.12);
  g_ptr_array_unref (recorder.samples);
}

static void
test_random_writes_meet_each_other (void)
{
  ConvergeSimWorkload in_order = quiet_workload (2 * GIB, GIB, GBIT_BYTES / 2, GBIT_BYTES);
  ConvergeSimWorkload anywhere = in_order;
  ConvergeSimKnobs knobs = uncapped (300);

  anywhere.phases[0].writers[0].pattern = CONVERGE_SIM_RANDOM;
  g_assert_cmpint (converge_sim_run_fixed (&anywhere, &knobs, LONG_MS).sent_bytes, <,
                   converge_sim_run_fixed (&in_order, &knobs, LONG_MS).sent_bytes);
}

static void
test_cap (void)
{
  ConvergeSimWorkload workload = quiet_workload (GIB, 0, 0, 10 * GBIT_BYTES);
  ConvergeSimKnobs knobs = CONVERGE_SIM_KNOBS;
  ConvergeSimResult result = converge_sim_run_fixed (&workload, &knobs, LONG_MS);
  double last_ms = 0.3 * knobs.bandwidth_bytes_per_s * 1000 / workload.link_bytes_per_s;

  assert_near (result.total_ms, (GIB - 0.3 * knobs.bandwidth_bytes_per_s) * 1000.0 / knobs.bandwidth_bytes_per_s, 0.03);
  /* The last burst is not capped. */
  g_assert_cmpfloat (result.downtime_ms, <=, workload.stop_ms + last_ms + 5);

  /* Told what the link can do, QEMU need not wait for so little. */
  knobs.switchover_bandwidth_bytes_per_s = workload.link_bytes_per_s;
  g_assert_cmpfloat (converge_sim_run_fixed (&workload, &knobs, LONG_MS).total_ms, <, result.total_ms - 1000);
}

static void
test_limit_decides (void)
{
  static const gint64 limits_ms[] = { 50, 100, 300, 1000, 3000 };

  for (gsize i = 0; i < G_N_ELEMENTS (limits_ms); i++)
    {
      ConvergeSimWorkload workload = quiet_workload (GIB, 200 * MIB, 2 * GBIT_BYTES, GBIT_BYTES);
      ConvergeSimKnobs knobs = uncapped (limits_ms[i]);
      ConvergeSimResult result = converge_sim_run_fixed (&workload, &knobs, 60000);

      g_assert_cmpint (result.finished, ==, limits_ms[i] > 200 * MIB * 1000 / GBIT_BYTES);
      if (result.finished)
        g_assert_cmpfloat (result.downtime_ms, <=, limits_ms[i] + workload.stop_ms + 40);
    }
}

/* -- phases ----------------------------------------------------------------------------------- */

static void
test_calms_down (void)
{
  ConvergeSimWorkload workload = quiet_workload (GIB, 512 * MIB, 3 * GBIT_BYTES, GBIT_BYTES);
  ConvergeSimKnobs knobs = uncapped (100);
  ConvergeSimResult result;

  workload.phases[0].until_ms = 30000;
  workload.phases[workload.n_phases++] =
      (ConvergeSimPhase) { .until_ms = G_MAXINT64, .writers = { { 16 * MIB, GBIT_BYTES / 20, CONVERGE_SIM_RANDOM } } };
  result = converge_sim_run_fixed (&workload, &knobs, LONG_MS);
  g_assert_true (result.finished);
  g_assert_cmpfloat (result.total_ms, >, 30000);
  g_assert_cmpfloat (result.total_ms, <, 30000 + 2 * 512 * MIB * 1000.0 / GBIT_BYTES);
}

/* -- auto-converge ------------------------------------------------------------------------------ */

static void
assert_steps (const GPtrArray *samples, const gint64 *expected, gsize n_expected)
{
  gint64 last = QMIG_UNSET, raised_at_pass = 1;
  gsize n = 0;

  for (guint i = 0; i < samples->len; i++)
    {
      const QmigSample *sample = g_ptr_array_index (samples, i);

      if (sample->throttle_percent == last)
        continue;
      g_assert_cmpint (n, <, n_expected);
      g_assert_cmpint (sample->throttle_percent, ==, expected[n++]);
      g_assert_cmpint (sample->pass, ==, raised_at_pass + 2); /* each at the second look over the threshold */
      raised_at_pass = sample->pass;
      last = sample->throttle_percent;
    }
  g_assert_cmpint (n, ==, n_expected);
}

static void
test_throttle_steps (void)
{
  static const gint64 expected[] = { 20, 30, 40, 50, 60, 65 };
  ConvergeSimWorkload workload = quiet_workload (GIB, 600 * MIB, 20 * (gint64) GBIT_BYTES, GBIT_BYTES);
  Recorder recorder = { .knobs = uncapped (10) };
  ConvergeSimResult result;

  recorder.knobs.auto_converge = TRUE;
  recorder.knobs.throttle_max = 65;
  result = record (&workload, &recorder, 90000);
  assert_steps (recorder.samples, expected, G_N_ELEMENTS (expected));
  g_assert_false (result.finished);
  g_assert_cmpint (result.throttle_percent, ==, 65);
  g_assert_cmpfloat (result.lost_ms, >, 20000);
  g_ptr_array_unref (recorder.samples);
}

/* Looks that are short of a second apart do not count: a fast link throttles no sooner. */
static void
test_throttle_waits_a_second (void)
{
  ConvergeSimWorkload workload = quiet_workload (GIB, 256 * MIB, G_GINT64_CONSTANT (8) * GIB, 20 * (gint64) GBIT_BYTES);
  Recorder recorder = { .knobs = uncapped (10) };
  double last_ms = 0;
  gint64 last = QMIG_UNSET;

  recorder.knobs.auto_converge = TRUE;
  record (&workload, &recorder, 15000);
  for (guint i = 0; i < recorder.samples->len; i++)
    {
      const QmigSample *sample = g_ptr_array_index (recorder.samples, i);

      if (sample->throttle_percent == last)
        continue;
      g_assert_cmpfloat (sample->elapsed_ms - last_ms, >=, 2000);
      last_ms = sample->elapsed_ms - 350; /* seen so late at most */
      last = sample->throttle_percent;
    }
  g_assert_cmpint (last, >, 20);
  g_ptr_array_unref (recorder.samples);
}

static void
lower_after_60 (const QmigSample *sample, ConvergeSimKnobs *knobs)
{
  if (sample->throttle_percent >= 60)
    knobs->throttle_max = 30;
}

static void
test_throttle_lowered_by_max (void)
{
  static const gint64 expected[] = { 20, 30, 40, 50, 60, 30 };
  ConvergeSimWorkload workload = quiet_workload (GIB, 600 * MIB, 20 * (gint64) GBIT_BYTES, GBIT_BYTES);
  Recorder recorder = { .knobs = uncapped (10), .turn = lower_after_60 };

  recorder.knobs.auto_converge = TRUE;
  record (&workload, &recorder, 80000);
  assert_steps (recorder.samples, expected, G_N_ELEMENTS (expected));
  g_ptr_array_unref (recorder.samples);
}

/* A throttled guest sleeps up to the stop: 10 ms of running, then 10 ms · p / (1 - p). */
static void
test_throttle_sleep (void)
{
  double most_ms = 0;

  for (guint32 seed = 0; seed < 200; seed++)
    {
      ConvergeSimWorkload workload = quiet_workload (GIB, 256 * MIB, 2 * GBIT_BYTES, GBIT_BYTES);
      ConvergeSimKnobs knobs = uncapped (300);
      ConvergeSimResult result;

      workload.seed = seed;
      knobs.auto_converge = TRUE;
      knobs.throttle_initial = knobs.throttle_max = 90;
      result = converge_sim_run_fixed (&workload, &knobs, LONG_MS);
      g_assert_true (result.finished);
      g_assert_cmpfloat (result.sleep_ms, >=, 0);
      g_assert_cmpfloat (result.sleep_ms, <=, 90.001);
      most_ms = MAX (most_ms, result.sleep_ms);
    }
  g_assert_cmpfloat (most_ms, >, 80);
}

/* -- the other ends -------------------------------------------------------------------------------- */

static void
postcopy_in_pass_3 (const QmigSample *sample, ConvergeSimKnobs *knobs)
{
  knobs->postcopy |= sample->pass >= 3;
}

static void
pause_in_pass_3 (const QmigSample *sample, ConvergeSimKnobs *knobs)
{
  knobs->pause |= sample->pass >= 3;
}

static void
cancel_in_pass_3 (const QmigSample *sample, ConvergeSimKnobs *knobs)
{
  knobs->cancel |= sample->pass >= 3;
}

static ConvergeSimResult
run_to_pass_3 (void (*turn) (const QmigSample *sample, ConvergeSimKnobs *knobs))
{
  ConvergeSimWorkload workload = quiet_workload (GIB, 256 * MIB, 2 * GBIT_BYTES, GBIT_BYTES);
  Recorder recorder = { .knobs = uncapped (300), .turn = turn };
  ConvergeSimResult result = record (&workload, &recorder, LONG_MS);

  g_ptr_array_unref (recorder.samples);
  return result;
}

static void
test_postcopy (void)
{
  ConvergeSimResult result = run_to_pass_3 (postcopy_in_pass_3);
  double rest_ms = 256 * MIB * 1000.0 / GBIT_BYTES;

  g_assert_true (result.finished && result.postcopy);
  g_assert_cmpfloat (result.blackout_ms, <, 60);
  g_assert_cmpfloat (result.postcopy_lost_ms, >, 0.5 * rest_ms);
  g_assert_cmpfloat (result.postcopy_lost_ms, <, rest_ms);
}

static void
test_pause (void)
{
  ConvergeSimResult result = run_to_pass_3 (pause_in_pass_3);

  g_assert_true (result.finished && result.paused);
  g_assert_cmpfloat (result.downtime_ms, <, 400); /* QEMU does not count what a person stopped */
  assert_near (result.blackout_ms, 256 * MIB * 1000.0 / GBIT_BYTES, 0.15);
}

static void
test_cancel (void)
{
  ConvergeSimResult result = run_to_pass_3 (cancel_in_pass_3);

  g_assert_true (result.cancelled && !result.finished);
  g_assert_cmpint (result.passes, ==, 3);
}

static void
test_same_seed (void)
{
  ConvergeSimWorkload workload = converge_sim_workload (4 * GIB, GIB, GBIT_BYTES, 10 * (gint64) GBIT_BYTES);
  ConvergeSimKnobs knobs = uncapped (100);
  ConvergeSimResult first = converge_sim_run_fixed (&workload, &knobs, LONG_MS);
  ConvergeSimResult again = converge_sim_run_fixed (&workload, &knobs, LONG_MS);

  g_assert_cmpfloat (first.total_ms, ==, again.total_ms);
  g_assert_cmpfloat (first.blackout_ms, ==, again.blackout_ms);
  workload.seed++;
  g_assert_cmpfloat (first.blackout_ms, !=, converge_sim_run_fixed (&workload, &knobs, LONG_MS).blackout_ms);
}

static void
test_samples (void)
{
  ConvergeSimWorkload workload = quiet_workload (GIB, 128 * MIB, GBIT_BYTES / 2, GBIT_BYTES);
  Recorder recorder = { .knobs = uncapped (120) };
  gint64 sent = 0;

  workload.zero_share = 0.5;
  record (&workload, &recorder, LONG_MS);
  g_assert_cmpint (recorder.samples->len, >, 10);
  for (guint i = 0; i < recorder.samples->len; i++)
    {
      const QmigSample *sample = g_ptr_array_index (recorder.samples, i);

      g_assert_cmpint (sample->downtime_limit_ms, ==, 120);
      g_assert_cmpint (sample->throttle_percent, ==, QMIG_UNSET);
      g_assert_null (sample->forecast);
      if (sample->pass == QMIG_UNSET)
        {
          g_assert_cmpstr (sample->status, ==, "setup");
          continue;
        }
      g_assert_cmpint (sample->total_bytes, ==, GIB);
      g_assert_cmpint (sample->transferred_bytes, >=, sent);
      sent = sample->transferred_bytes;
      if (sample->pass == 1)
        assert_near (sample->normal_bytes + sample->zero_bytes + sample->remaining_bytes, GIB, 0.0001);
      if (sample->elapsed_ms > 600 && sample->elapsed_ms < 4000)
        assert_near (sample->send_bytes_per_s, GBIT_BYTES, 0.05);
    }
  g_ptr_array_unref (recorder.samples);
}

/* -- held against a laboratory ------------------------------------------------------------------------ */

/* A guest of 1 GiB that writes 256 MiB in order, moved by QEMU 7.2.22 under KVM without qmig; the rest of its memory is zero.  The
 * host gets through 1.15 GB/s of zero pages and 2 GB/s of others, as its fastest row says. */
static ConvergeSimWorkload
laboratory (gint64 dirty_mib, gint64 link)
{
  ConvergeSimWorkload workload = converge_sim_workload (GIB, 256 * MIB, dirty_mib * MIB, link);

  workload.zero_share = 0.75;
  workload.zero_bytes_per_s = 1150000000;
  workload.copy_bytes_per_s = 2000000000;
  return workload;
}

static const struct
{
  gint64 link, dirty_mib;
  double total_ms;      /* median */
  double gap_ms;        /* of the guest's 1 ms ticks; 0: not compared */
} measured[] = {
  { 2250000000, 0, 857, 0 },       { 2250000000, 100, 886, 57 },      { 2250000000, 200, 964, 76 }, { GBIT_BYTES, 0, 2292, 0 },
  { GBIT_BYTES, 50, 3848, 305 },   { GBIT_BYTES, 100, 15969, 323 },
};

static void
test_laboratory_plain (void)
{
  ConvergeSimKnobs knobs = uncapped (300);
  ConvergeSimWorkload diverging = laboratory (200, GBIT_BYTES);

  for (gsize i = 0; i < G_N_ELEMENTS (measured); i++)
    {
      ConvergeSimWorkload workload = laboratory (measured[i].dirty_mib, measured[i].link);
      ConvergeSimResult result = converge_sim_run_fixed (&workload, &knobs, 45000);

      g_test_message ("link %.2f GB/s, %d MiB/s written: %.0f ms measured, %.0f simulated; gap %.0f, %.0f", measured[i].link / 1e9,
                      (int) measured[i].dirty_mib, measured[i].total_ms, result.total_ms, measured[i].gap_ms, result.blackout_ms);
      g_assert_true (result.finished);
      assert_near (result.total_ms, measured[i].total_ms, 0.10);
      if (measured[i].gap_ms > 0)
        g_assert_cmpfloat (ABS (result.blackout_ms - measured[i].gap_ms), <=, 50);
    }
  g_assert_false (converge_sim_run_fixed (&diverging, &knobs, 45000).finished);
}

static const struct
{
  gint64 initial, increment, trigger, limit_ms;
  double total_ms, sent_gb, tolerance; /* n = 1 each */
  gint64 passes;
} throttled[] = {
  /* In small steps the error of each pass adds up. */
  { 20, 5, 50, 300, 48300, 5.5, 0.30, 30 },
  { 80, 10, 1, 250, 7700, 0.87, 0.10, 9 },
  { 90, 10, 1, 250, 7000, 0.80, 0.10, 7 },
  { 95, 10, 1, 250, 6700, 0.77, 0.10, 6 },
};

static void
test_laboratory_throttled (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (throttled); i++)
    {
      ConvergeSimWorkload workload = laboratory (200, GBIT_BYTES);
      ConvergeSimKnobs knobs = uncapped (throttled[i].limit_ms);
      ConvergeSimResult result;

      knobs.auto_converge = TRUE;
      knobs.throttle_initial = throttled[i].initial;
      knobs.throttle_increment = throttled[i].increment;
      knobs.throttle_trigger = throttled[i].trigger;
      result = converge_sim_run_fixed (&workload, &knobs, 120000);

      g_test_message ("throttle from %d %%: %.0f ms measured, %.0f simulated; %.2f GB, %.2f; passes %d, %d", (int) throttled[i].initial,
                      throttled[i].total_ms, result.total_ms, throttled[i].sent_gb, result.sent_bytes / 1e9, (int) throttled[i].passes,
                      (int) result.passes);
      g_assert_true (result.finished);
      assert_near (result.total_ms, throttled[i].total_ms, throttled[i].tolerance);
      assert_near (result.sent_bytes, throttled[i].sent_gb * 1e9, throttled[i].tolerance);
      g_assert_cmpint (ABS (result.passes - throttled[i].passes), <=, 2);
    }
}

/* -- speed ------------------------------------------------------------------------------------------------ */

static void
test_ends_with_engine (void)
{
  ConvergeSimWorkload workload = converge_sim_workload (32 * GIB, 8 * GIB, 2 * GIB, 10 * (gint64) GBIT_BYTES);
  g_autoptr(QmigPolicy) policy = qmig_policy_new ();
  ConvergeMeans means = { .overhead_ms = CONVERGE_OVERHEAD_MS,
                          .send_bytes_per_s = QMIG_UNSET,
                          .dirty_bytes_per_s = QMIG_UNSET,
                          .working_set_bytes = QMIG_UNSET,
                          .can_throttle = TRUE };
  ConvergeSimResult result;

  policy->downtime_ms = 300;
  policy->bandwidth_bytes_per_s = 0;
  policy->throttle_max_percent = 99;
  policy->patience_ms = 60000;
  result = converge_sim_run_engine (&workload, policy, &means, NULL, NULL);
  g_assert_true (result.finished);
  g_assert_cmpfloat (result.blackout_ms, <=, 300);
  g_assert_cmpint (result.throttle_percent, >, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sim/idle", test_idle);
  g_test_add_func ("/sim/zero-pages", test_zero_pages);
  g_test_add_func ("/sim/zero-pages-apart", test_zero_pages_apart);
  g_test_add_func ("/sim/converging", test_converging);
  g_test_add_func ("/sim/stuck-at-working-set", test_stuck_at_working_set);
  g_test_add_func ("/sim/random-writes-meet-each-other", test_random_writes_meet_each_other);
  g_test_add_func ("/sim/cap", test_cap);
  g_test_add_func ("/sim/limit-decides", test_limit_decides);
  g_test_add_func ("/sim/calms-down", test_calms_down);
  g_test_add_func ("/sim/throttle/steps", test_throttle_steps);
  g_test_add_func ("/sim/throttle/waits-a-second", test_throttle_waits_a_second);
  g_test_add_func ("/sim/throttle/lowered-by-max", test_throttle_lowered_by_max);
  g_test_add_func ("/sim/throttle/sleep", test_throttle_sleep);
  g_test_add_func ("/sim/postcopy", test_postcopy);
  g_test_add_func ("/sim/pause", test_pause);
  g_test_add_func ("/sim/cancel", test_cancel);
  g_test_add_func ("/sim/same-seed", test_same_seed);
  g_test_add_func ("/sim/samples", test_samples);
  g_test_add_func ("/sim/laboratory/plain", test_laboratory_plain);
  g_test_add_func ("/sim/laboratory/throttled", test_laboratory_throttled);
  g_test_add_func ("/sim/ends-with-engine", test_ends_with_engine);
  return g_test_run ();
}
