/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "converge-estimate.h"

#define WINDOW_MS 400      /* four of QEMU's own windows */
#define SEND_WEIGHT 0.4    /* of the newest window */
#define LEAST_PASS_MS 100  /* QEMU's numbers are no finer */
#define TRIGGER_MS 1000    /* QEMU: at least that long between the looks at which auto-converge counts */
#define NOT_A_REST 1.2     /* of what QEMU leaves for the next pass */
#define SATURATED 0.9      /* of the working set found again */
#define SATURATED_FIRST 0.8 /* of all data: some of the next pass has gone out as well when it is seen */
#define FORGET 0.15        /* how fast a working set that was not seen again is forgotten, per pass */

void
converge_estimate_init (ConvergeEstimate *self)
{
  *self = (ConvergeEstimate) { .bandwidth_limit = -1 };
}

const ConvergePass *
converge_estimate_pass (const ConvergeEstimate *self, guint back)
{
  return back < MIN (self->n_passes, CONVERGE_PASSES) ? &self->passes[(self->n_passes - 1 - back) % CONVERGE_PASSES] : NULL;
}

static gint64
known (gint64 number)
{
  return MAX (number, 0);
}

/* -- how fast it is sent ------------------------------------------------------- */

static void
open_window (ConvergeEstimate *self, const QmigSample *sample)
{
  self->window_ms = self->now_ms;
  self->window_transferred = known (sample->transferred_bytes);
  self->window_normal = known (sample->normal_bytes);
  self->window_zero = known (sample->zero_bytes);
}

/* Another cap: what was seen under the old one is a lower bound at most. */
static void
mind_bandwidth_limit (ConvergeEstimate *self, const QmigSample *sample)
{
  double limit = known (sample->bandwidth_limit_bytes_per_s);

  if (limit == self->bandwidth_limit)
    return;
  self->send_low = self->send_high = 0;
  if (limit > 0)
    self->send = MIN (self->send, limit);
  self->bandwidth_limit = limit;
  open_window (self, sample);
}

static void
measure_send (ConvergeEstimate *self, const QmigSample *sample)
{
  double span_ms = self->now_ms - self->window_ms;
  double normal = known (sample->normal_bytes) - self->window_normal;
  double zero = known (sample->zero_bytes) - self->window_zero;
  double rate;

  if (span_ms < WINDOW_MS)
    return;
  rate = (known (sample->transferred_bytes) - self->window_transferred) * 1000.0 / span_ms;
  open_window (self, sample);
  if (rate <= 0)
    return;

  /* While zero pages are skipped the link is idle: such a window is only a lower bound. */
  if (zero > normal)
    self->send = MAX (self->send, rate);
  else if (self->send_high <= 0)
    self->send = rate;
  else
    self->send += SEND_WEIGHT * (rate - self->send);

  if (zero <= normal)
    {
      self->send_low = self->send_low > 0 ? MIN (rate, self->send_low + SEND_WEIGHT * (self->send - self->send_low)) : rate;
      self->send_high = MAX (rate, self->send_high + SEND_WEIGHT * (self->send - self->send_high));
    }
}

/* -- how fast the guest writes ------------------------------------------------------ */

/* What has gone out since the look for newly written pages is missing in what is left now. */
static double
left_at_look (const ConvergeEstimate *self, const QmigSample *sample)
{
  double sent_since = known (sample->transferred_bytes) - self->transferred - self->left_bytes;
  double left = known (sample->remaining_bytes) + MAX (sent_since, 0);

  return MIN (left, known (sample->total_bytes));
}

static void
count_trigger (ConvergeEstimate *self)
{
  if (self->now_ms - self->triggered_ms < TRIGGER_MS)
    return;
  self->triggered_ms = self->now_ms;
  self->n_triggers++;
}

/* What was found, less what had been left of the pass before because QEMU looks once that little is left. */
static double
rate_by_pass (const ConvergeEstimate *self, const ConvergePass *pass)
{
  return MAX (pass->left_bytes - self->threshold_bytes, 0) * 1000 / MAX (pass->taken_ms, LEAST_PASS_MS);
}

/* All of the data written again within the first pass, or the working set within each of the last ones: how fast, nobody saw. */
static gboolean
is_saturated (const ConvergeEstimate *self, const QmigSample *sample, const ConvergePass *last, const ConvergePass *before)
{
  if (before == NULL)
    return last->left_bytes >= SATURATED_FIRST * known (sample->normal_bytes);
  return last->left_bytes >= SATURATED * self->working_set_bytes && before->left_bytes >= SATURATED * last->left_bytes;
}

/* A pass too short for QEMU to count what was written in it, that leaves much more than a rest of the one before. */
static void
measure_hot (ConvergeEstimate *self, const ConvergePass *last)
{
  double counted = self->dirty * (1 - last->throttle) * last->taken_ms / 1000;
  double excess = last->left_bytes - counted;

  if (last->taken_ms < TRIGGER_MS && last->left_bytes > NOT_A_REST * self->threshold_bytes && excess > 0)
    {
      self->hot_bytes = excess;
      self->hot = excess * 1000 / MAX (last->taken_ms, 1) / MAX (1 - last->throttle, 0.01);
    }
  else
    self->hot_bytes = MIN (self->hot_bytes, last->left_bytes);
}

/* QEMU counts what it finds newly written, over a second and more; in a first pass shorter than that it has not counted yet. */
static void
measure_dirty (ConvergeEstimate *self, const QmigSample *sample)
{
  const ConvergePass *last = converge_estimate_pass (self, 0);
  const ConvergePass *before = converge_estimate_pass (self, 1);
  double rate = sample->dirty_bytes_per_s > 0 ? sample->dirty_bytes_per_s : rate_by_pass (self, last);

  if (last->left_bytes >= self->working_set_bytes)
    self->working_set_bytes = last->left_bytes;
  else
    self->working_set_bytes -= FORGET * (self->working_set_bytes - last->left_bytes);

  self->saturated = is_saturated (self, sample, last, before);
  self->dirty = rate / MAX (1 - last->throttle, 0.01);
  measure_hot (self, last);
}

static void
begin_pass (ConvergeEstimate *self, const QmigSample *sample)
{
  const ConvergePass *last = converge_estimate_pass (self, 0);
  ConvergePass *next = &self->passes[self->n_passes % CONVERGE_PASSES];
  double since_ms = self->now_ms - (last != NULL ? last->begun_ms : 0);
  ConvergePass begun = {
    .pass = sample->pass,
    .begun_ms = self->now_ms,
    .left_bytes = left_at_look (self, sample),
    .taken_ms = since_ms / MAX (sample->pass - self->pass, 1),
    .throttle = self->throttle,
  };

  *next = begun;
  self->n_passes++;
  count_trigger (self);
  measure_dirty (self, sample);
}

void
converge_estimate_take (ConvergeEstimate *self, const QmigSample *sample)
{
  gboolean first = self->pass == 0;

  self->now_ms = known (sample->elapsed_ms);
  if (sample->pass <= 0 || sample->transferred_bytes < 0)
    return;

  if (first)
    open_window (self, sample);
  mind_bandwidth_limit (self, sample);
  measure_send (self, sample);
  if (!first && sample->pass > self->pass)
    begin_pass (self, sample);

  if (first || sample->transferred_bytes > self->transferred)
    self->progress_ms = self->now_ms;
  self->pass = sample->pass;
  self->transferred = sample->transferred_bytes;
  self->left_bytes = known (sample->remaining_bytes);
  self->threshold_bytes = self->send * known (sample->downtime_limit_ms) / 1000;
  self->total_bytes = known (sample->total_bytes);
  self->throttle = CLAMP (known (sample->throttle_percent), 0, 99) / 100.0;
}
