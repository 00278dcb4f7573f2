/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "converge-sim.h"

#include "converge-sim-memory.h"

#include <math.h>

/* QEMU's own. */
#define PAGE_BYTES 4096.0
#define DATA_WIRE (1 + 8 / PAGE_BYTES) /* a page of data goes with a header … */
#define ZERO_WIRE (9 / PAGE_BYTES)     /* … and of a zero one nothing else */
#define WINDOW_MS 100            /* BUFFER_DELAY */
#define ITERATION_MS 50          /* MAX_WAIT */
#define PERIOD_MS 1000           /* between the looks at which auto-converge counts */
#define SLICE_MS 10              /* CPU_THROTTLE_TIMESLICE */
#define LEAST_THROTTLE 1
#define MOST_THROTTLE 99

/* qmig's own. */
#define LEAST_LOOK_MS 100
#define RATE_SPAN_MS 500
#define RATE_WINDOW 16

#define LEAST_STEP_MS 0.001      /* so that rounding cannot stop the clock */
#define GIB (1024.0 * 1024 * 1024)

typedef struct
{
  const ConvergeSimWorkload *workload;
  const ConvergeSimPolicy *policy;
  gpointer policy_data;
  double limit_ms;

  ConvergeSimMemory memory;
  ConvergeSimKnobs knobs;
  ConvergeSimResult result;
  GRand *rand;

  double now_ms;
  gboolean stopped;              /* the guest */
  double paused_ms;              /* since when, by a pause */
  double queued;                 /* bytes in the socket */
  double link;                   /* bytes per millisecond, in this window */

  double transferred, data, zero;
  gint64 pass;

  double window_ms;              /* when it began */
  double window_transferred;
  double quota_used;
  double threshold;              /* bytes: less than that may be sent with the guest stopped */

  double period_ms;              /* when it began */
  double period_written;
  double period_transferred;
  double dirty_rate;             /* QEMU's dirty-pages-rate, in bytes */
  guint high_count;
  gint64 throttle;               /* percent; 0: not active */

  double next_look_ms;
  double last_look_ms;
  gint64 look_pass;
  double after_sync;             /* as first seen in this pass */
  struct { double ms, transferred; } looks[RATE_WINDOW];
  guint n_looks;
} Sim;

ConvergeSimWorkload
converge_sim_workload (gint64 ram_bytes, gint64 working_set_bytes, gint64 dirty_bytes_per_s, gint64 link_bytes_per_s)
{
  return (ConvergeSimWorkload) {
    .ram_bytes = ram_bytes,
    .phases = { { .until_ms = G_MAXINT64, .writers = { { working_set_bytes, dirty_bytes_per_s, CONVERGE_SIM_SEQUENTIAL } } } },
    .n_phases = 1,
    .link_bytes_per_s = link_bytes_per_s,
    .link_jitter = 0.03,
    .rtt_ms = 0.2,
    .socket_bytes = 2560 * 1024,
    .copy_bytes_per_s = G_GINT64_CONSTANT (5000000000),
    .zero_bytes_per_s = G_GINT64_CONSTANT (4000000000),
    .sync_ms_per_gib = 0.5,
    .start_ms = 20,
    .stop_ms = 10,
    .resume_ms = 4,
    .overhead_jitter = 0.3,
    .fault_ms = 0.5,
  };
}

/* -- what a look shows ----------------------------------------------------------------- */

static gint64
send_rate (const Sim *sim)
{
  guint kept = MIN (sim->n_looks, RATE_WINDOW);

  for (guint back = 1; back <= kept; back++)
    {
      guint i = (sim->n_looks - back) % RATE_WINDOW;
      double span_ms = sim->now_ms - sim->looks[i].ms;

      if (span_ms >= RATE_SPAN_MS || (back == kept && span_ms > 0))
        return (gint64) ((sim->transferred - sim->looks[i].transferred) * 1000 / span_ms);
    }
  return QMIG_UNSET;
}

static void
fill_counters (Sim *sim, QmigSample *sample)
{
  double left = converge_sim_memory_left (&sim->memory);

  if (sim->pass > sim->look_pass)
    sim->after_sync = left;
  sim->look_pass = sim->pass;

  sample->pass = sim->pass;
  sample->total_bytes = sim->workload->ram_bytes;
  sample->remaining_bytes = (gint64) left;
  sample->transferred_bytes = (gint64) sim->transferred;
  sample->normal_bytes = (gint64) sim->data;
  sample->zero_bytes = (gint64) sim->zero;
  sample->dirty_bytes_per_s = (gint64) sim->dirty_rate;
  sample->send_bytes_per_s = send_rate (sim);
  if (sim->pass > 1 && sample->send_bytes_per_s > 0)
    sample->need_ms = (gint64) (sim->after_sync * 1000 / sample->send_bytes_per_s);
  if (sim->throttle > 0)
    sample->throttle_percent = sim->throttle;

  sim->looks[sim->n_looks % RATE_WINDOW].ms = sim->now_ms;
  sim->looks[sim->n_looks++ % RATE_WINDOW].transferred = sim->transferred;
}

static QmigSample *
take_sample (Sim *sim)
{
  QmigSample *sample = qmig_sample_new ();

  sample->elapsed_ms = (gint64) sim->now_ms;
  sample->stage = QMIG_STAGE_PRE_COPY;
  sample->status = g_strdup (sim->pass > 0 ? "active" : "setup");
  sample->downtime_limit_ms = sim->knobs.downtime_limit_ms;
  sample->bandwidth_limit_bytes_per_s = sim->knobs.bandwidth_bytes_per_s;
  if (sim->pass > 0)
    fill_counters (sim, sample); /* QEMU has none before */
  return sample;
}

static void
look (Sim *sim)
{
  g_autoptr(QmigSample) sample = take_sample (sim);
  gint64 next_ms = sim->policy->look (sim->policy_data, sample, &sim->knobs);

  sim->last_look_ms = sim->now_ms;
  sim->next_look_ms = next_ms > 0 ? sim->now_ms + next_ms : G_MAXDOUBLE;
  if (sim->knobs.pause && !sim->stopped)
    {
      sim->stopped = sim->result.paused = TRUE;
      sim->paused_ms = sim->now_ms;
    }
}

/* -- time passes ------------------------------------------------------------------------- */

static const ConvergeSimPhase *
find_phase (const Sim *sim, double *end_ms)
{
  const ConvergeSimWorkload *workload = sim->workload;
  double begun_ms = workload->period_ms > 0 ? floor (sim->now_ms / workload->period_ms) * workload->period_ms : 0;
  guint i = 0;

  while (i + 1 < workload->n_phases && sim->now_ms >= begun_ms + workload->phases[i].until_ms)
    i++;
  if (i + 1 < workload->n_phases)
    *end_ms = begun_ms + workload->phases[i].until_ms;
  else
    *end_ms = workload->period_ms > 0 ? begun_ms + workload->period_ms : G_MAXDOUBLE;
  return &workload->phases[i];
}

static double
guest_speed (const Sim *sim)
{
  return sim->stopped ? 0 : 1 - sim->throttle / 100.0;
}

/* No longer than until the next look, or until the guest does something else. */
static double
clamp_step (const Sim *sim, double ms)
{
  double end_ms;

  find_phase (sim, &end_ms);
  ms = MIN (ms, end_ms - sim->now_ms);
  if (!sim->stopped || sim->result.paused)
    ms = MIN (ms, sim->next_look_ms - sim->now_ms);
  return MAX (ms, LEAST_STEP_MS);
}

static void
pass_time (Sim *sim, double ms)
{
  double end_ms;

  converge_sim_memory_write (&sim->memory, find_phase (sim, &end_ms), guest_speed (sim), ms);
  sim->queued = MAX (sim->queued - sim->link * ms, 0);
  if (!sim->stopped)
    sim->result.lost_ms += ms * sim->throttle / 100.0;
  sim->now_ms += ms;
  if (sim->now_ms >= sim->next_look_ms - LEAST_STEP_MS)
    look (sim);
}

static void
idle (Sim *sim, double ms)
{
  double end_ms = sim->now_ms + ms;

  while (sim->now_ms + LEAST_STEP_MS < end_ms)
    pass_time (sim, clamp_step (sim, end_ms - sim->now_ms));
}

static double
jittered (Sim *sim, double value, double jitter)
{
  return value * (1 + jitter * (2 * g_rand_double (sim->rand) - 1));
}

static void
begin_window (Sim *sim)
{
  const ConvergeSimWorkload *workload = sim->workload;
  double stream = workload->rtt_ms > 0 ? workload->socket_bytes / workload->rtt_ms : G_MAXDOUBLE;

  sim->link = MIN (jittered (sim, workload->link_bytes_per_s / 1000.0, workload->link_jitter), stream);
  sim->window_ms = sim->now_ms;
  sim->window_transferred = sim->transferred;
  sim->quota_used = 0;
}

/* -- looks for newly written pages, and auto-converge ---------------------------------------- */

static void
count_for_throttle (Sim *sim)
{
  double sent = sim->transferred - sim->period_transferred;
  gint64 throttle;

  if (!sim->knobs.auto_converge || sim->period_written <= sent * sim->knobs.throttle_trigger / 100 || ++sim->high_count < 2)
    return;
  sim->high_count = 0;
  throttle = sim->throttle == 0 ? sim->knobs.throttle_initial : MIN (sim->throttle + sim->knobs.throttle_increment, sim->knobs.throttle_max);
  sim->throttle = CLAMP (throttle, LEAST_THROTTLE, MOST_THROTTLE);
  sim->result.throttle_percent = MAX (sim->result.throttle_percent, sim->throttle);
}

static void
end_period (Sim *sim)
{
  if (sim->now_ms <= sim->period_ms + PERIOD_MS)
    return;
  count_for_throttle (sim);
  sim->dirty_rate = sim->period_written * 1000 / (sim->now_ms - sim->period_ms);
  sim->period_ms = sim->now_ms;
  sim->period_written = 0;
  sim->period_transferred = sim->transferred;
}

static void
sync_bitmap (Sim *sim)
{
  sim->period_written += converge_sim_memory_look (&sim->memory);
  sim->pass++;
  idle (sim, sim->workload->sync_ms_per_gib * sim->workload->ram_bytes / GIB);
  end_period (sim);
  if (sim->policy->on_pass && sim->next_look_ms < G_MAXDOUBLE && sim->now_ms >= sim->last_look_ms + LEAST_LOOK_MS && !sim->stopped)
    look (sim);
}

/* -- sending ------------------------------------------------------------------------------------ */

/* The milliseconds in which all that is marked goes into the socket, of which @data is not zero. */
static double
time_for (const Sim *sim, double data, double zero)
{
  double thread_ms = (data / sim->workload->copy_bytes_per_s + zero / sim->workload->zero_bytes_per_s) * 1000;
  double link_ms = (data * DATA_WIRE - (sim->workload->socket_bytes - sim->queued)) / sim->link;

  return MAX (MAX (thread_ms, link_ms), 0);
}

static void
account (Sim *sim, double data, double zero)
{
  double wire = data * DATA_WIRE + zero * ZERO_WIRE;

  sim->data += data;
  sim->zero += zero;
  sim->transferred += wire;
  sim->quota_used += wire;
  sim->queued += wire;
}

static double
quota_left (const Sim *sim)
{
  double quota = sim->knobs.bandwidth_bytes_per_s * WINDOW_MS / 1000.0;

  return sim->knobs.bandwidth_bytes_per_s > 0 ? MAX (quota - sim->quota_used, 0) : G_MAXDOUBLE;
}

/* Sends for @ms, or until nothing is left, or the quota is used up.  Returns: the milliseconds it took */
static double
send_step (Sim *sim, double ms)
{
  double data = converge_sim_memory_data (&sim->memory);
  double zero = sim->workload->zero_apart && data > PAGE_BYTES ? 0 : converge_sim_memory_left (&sim->memory) - data;
  double share = data > 0 ? MIN (quota_left (sim) / (data * DATA_WIRE), 1) : 1;
  double needed_ms = time_for (sim, share * data, share * zero);
  double thread_ms = time_for (sim, 0, zero) + data / sim->workload->copy_bytes_per_s * 1000;

  ms = clamp_step (sim, ms);
  if (needed_ms <= ms)
    ms = MAX (needed_ms, LEAST_STEP_MS);
  else
    {
      double room = sim->workload->socket_bytes - sim->queued + sim->link * ms;

      share = MIN (share, thread_ms > 0 ? ms / thread_ms : 1);
      share = MIN (share, data > 0 ? room / (data * DATA_WIRE) : 1);
    }
  account (sim, share * data, share * zero);
  converge_sim_memory_send (&sim->memory, share, zero > 0 ? share : 0);
  pass_time (sim, ms);
  return ms;
}

static void
iterate (Sim *sim)
{
  double left_ms = ITERATION_MS;

  while (left_ms > LEAST_STEP_MS && quota_left (sim) > PAGE_BYTES && converge_sim_memory_left (&sim->memory) > PAGE_BYTES && !sim->knobs.cancel)
    left_ms -= send_step (sim, left_ms);
  if (converge_sim_memory_left (&sim->memory) <= PAGE_BYTES)
    converge_sim_memory_send (&sim->memory, 1, 1);
}

/* -- the ends --------------------------------------------------------------------------------------- */

/* How long the vCPUs have been asleep already, in a slice of which the stop may hit any moment. */
static double
throttle_sleep (Sim *sim)
{
  double ratio = sim->throttle / 100.0;
  double sleep_ms = sim->throttle > 0 ? SLICE_MS * ratio / (1 - ratio) : 0;
  double at_ms = g_rand_double (sim->rand) * (SLICE_MS + sleep_ms);

  return MAX (at_ms - SLICE_MS, 0);
}

static double
stop_guest (Sim *sim)
{
  if (sim->stopped)
    return sim->paused_ms;
  sim->stopped = TRUE;
  sim->result.sleep_ms = throttle_sleep (sim);
  return sim->now_ms;
}

static void
finish (Sim *sim, double stopped_ms, double downtime_ms)
{
  idle (sim, jittered (sim, sim->workload->resume_ms, sim->workload->overhead_jitter));
  sim->result.finished = TRUE;
  sim->result.downtime_ms = downtime_ms;
  sim->result.blackout_ms = sim->now_ms - stopped_ms + sim->result.sleep_ms;
}

static void
complete (Sim *sim)
{
  double began_ms = sim->now_ms;
  double stopped_ms = stop_guest (sim);
  double data, zero, ms;

  sim->next_look_ms = G_MAXDOUBLE;
  idle (sim, jittered (sim, sim->workload->stop_ms, sim->workload->overhead_jitter));
  sync_bitmap (sim);

  data = converge_sim_memory_data (&sim->memory);
  zero = converge_sim_memory_left (&sim->memory) - data;
  ms = time_for (sim, data, zero);
  account (sim, data, zero);
  converge_sim_memory_send (&sim->memory, 1, 1);
  idle (sim, MAX (ms, sim->queued / sim->link)); /* the destination's word comes after the last byte */
  finish (sim, stopped_ms, sim->now_ms - began_ms);
}

static double
dirty_rate_now (const Sim *sim)
{
  double end_ms;
  const ConvergeSimPhase *phase = find_phase (sim, &end_ms);
  double rate = 0;

  for (guint i = 0; i < CONVERGE_SIM_WRITERS; i++)
    rate += phase->writers[i].dirty_bytes_per_s;
  return rate;
}

/* While the share of missing pages falls evenly from all to none, a write takes its own time and that share of a fault's. */
static void
switch_to_postcopy (Sim *sim)
{
  double began_ms = sim->now_ms;
  double stopped_ms = stop_guest (sim);
  double own_ms, rest_ms, data;

  sim->next_look_ms = G_MAXDOUBLE;
  sim->result.postcopy = TRUE;
  idle (sim, jittered (sim, sim->workload->stop_ms, sim->workload->overhead_jitter));
  sync_bitmap (sim);
  idle (sim, sim->queued / sim->link); /* the device state waits behind what the socket holds */
  finish (sim, stopped_ms, sim->now_ms - began_ms);

  data = converge_sim_memory_data (&sim->memory);
  rest_ms = time_for (sim, data, converge_sim_memory_left (&sim->memory) - data) + sim->queued / sim->link;
  if (dirty_rate_now (sim) > 0)
    {
      own_ms = PAGE_BYTES * 1000 / dirty_rate_now (sim);
      sim->result.postcopy_lost_ms = rest_ms * (1 - own_ms / sim->workload->fault_ms * log1p (sim->workload->fault_ms / own_ms));
    }
  account (sim, data, converge_sim_memory_left (&sim->memory) - data);
  sim->now_ms += rest_ms;
}

/* -- the migration thread ------------------------------------------------------------------------------ */

/* FALSE when it is over. */
static gboolean
iteration (Sim *sim)
{
  if (converge_sim_memory_left (&sim->memory) < sim->threshold)
    sync_bitmap (sim);
  if (sim->knobs.cancel)
    return FALSE;
  if (converge_sim_memory_left (&sim->memory) == 0 || converge_sim_memory_left (&sim->memory) < sim->threshold)
    {
      complete (sim);
      return FALSE;
    }
  if (sim->knobs.postcopy)
    {
      switch_to_postcopy (sim);
      return FALSE;
    }
  iterate (sim);
  return TRUE;
}

static void
update_counters (Sim *sim)
{
  double ms = sim->now_ms - sim->window_ms;
  double bandwidth;

  if (ms < WINDOW_MS)
    return;
  bandwidth = (sim->transferred - sim->window_transferred) / ms;
  if (sim->knobs.switchover_bandwidth_bytes_per_s > 0)
    bandwidth = sim->knobs.switchover_bandwidth_bytes_per_s / 1000.0;
  sim->threshold = bandwidth * sim->knobs.downtime_limit_ms;
  begin_window (sim);
}

static void
rate_limit (Sim *sim)
{
  if (quota_left (sim) > PAGE_BYTES)
    return;
  idle (sim, MAX (sim->window_ms + WINDOW_MS - sim->now_ms, 0));
  update_counters (sim);
}

static void
run (Sim *sim)
{
  begin_window (sim);
  idle (sim, jittered (sim, sim->workload->start_ms, sim->workload->overhead_jitter));
  sim->period_ms = sim->now_ms;
  sync_bitmap (sim);
  begin_window (sim);

  while (sim->now_ms < sim->limit_ms && !sim->knobs.cancel)
    {
      if (!iteration (sim))
        break;
      update_counters (sim);
      rate_limit (sim);
    }
}

ConvergeSimResult
converge_sim_run (const ConvergeSimWorkload *workload, const ConvergeSimPolicy *policy, gpointer self, gint64 limit_ms)
{
  Sim sim = { .workload = workload, .policy = policy, .policy_data = self, .limit_ms = limit_ms, .knobs = CONVERGE_SIM_KNOBS };
  gint64 first_ms;

  g_return_val_if_fail (workload->n_phases > 0 && workload->link_bytes_per_s > 0, sim.result);
  sim.rand = g_rand_new_with_seed (workload->seed);
  converge_sim_memory_init (&sim.memory, workload);
  first_ms = policy->start != NULL ? policy->start (self, &sim.knobs) : 0;
  sim.next_look_ms = first_ms > 0 ? first_ms : G_MAXDOUBLE;

  run (&sim);

  sim.result.cancelled = sim.knobs.cancel && !sim.result.finished;
  sim.result.total_ms = sim.now_ms;
  sim.result.sent_bytes = (gint64) sim.transferred;
  sim.result.passes = sim.pass;
  g_rand_free (sim.rand);
  return sim.result;
}

static gint64
set_fixed (gpointer data, ConvergeSimKnobs *knobs)
{
  *knobs = *(const ConvergeSimKnobs *) data;
  return 0;
}

ConvergeSimResult
converge_sim_run_fixed (const ConvergeSimWorkload *workload, const ConvergeSimKnobs *knobs, gint64 limit_ms)
{
  static const ConvergeSimPolicy fixed = { .name = "fixed", .start = set_fixed };
  ConvergeSimKnobs copy = *knobs;

  return converge_sim_run (workload, &fixed, &copy, limit_ms);
}
