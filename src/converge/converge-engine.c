/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "converge-engine.h"

#include "converge-estimate.h"
#include "converge-model.h"
#include "converge-text.h"

#define PARKED_PERCENT 1         /* costs the guest 0.1 ms in 10 */
#define ROOM_SHARE 0.9           /* of what the budget leaves for copying: QEMU's own rate is that of 100 ms */
#define LEAST_ROOM_SHARE 0.1     /* of a budget that the overhead alone would use up */
#define SLEEP_SHARE 0.5          /* of the same, that a throttled vCPU may sleep away */
#define LIMIT_SLACK 1.25         /* the limit over the computed need, which moves until QEMU has it */
#define MOST_LIMIT_MS 2000000    /* QEMU refuses more */
#define LIMIT_STEP 0.2           /* smaller changes are not worth a command */
#define HORIZON_MS (30 * 60000.0)
#define SLOW_FACTOR 2            /* going on as it is may take so much longer than with all means … */
#define SLOW_MS 5000             /* … and this */
#define THROTTLED_FACTOR 1.1     /* the least throttle that takes no longer than the strongest one by this … */
#define THROTTLED_MS 200         /* … and this */
#define THROTTLE_STEP 5          /* percent; smaller changes are not worth a command */
#define EASE_STEP 15             /* percent: what is given back must be worth it */
#define EASE_WORTH_MS 3000       /* it takes QEMU two looks, a second apart, to ease it */
#define UNSEEN_FACTOR 3          /* a rate that filled the working set may be higher by that */
#define SUSPECT_SHARE 0.3        /* of the send rate: a lower bound that high is taken for more */
#define EVIDENCE_PASSES 3        /* before a last resort */
#define STALLED_MS 5000
#define LOOKS_MS_PER_GIB 1       /* both of them */
#define GIB (1024 * 1024 * 1024)
#define AFTER_MS 60              /* from RESUME to the end of the migration */

struct _ConvergeEngine
{
  QmigPolicy *policy;
  ConvergeMeans means;
  ConvergeEstimate seen;

  /* What QEMU was told last. */
  gint64 limit_ms;
  gint64 bandwidth;
  gint64 switchover_bandwidth;
  gint64 throttle;          /* percent */
  guint throttle_told;      /* the count of triggers then */

  double hopeless_since_ms; /* negative: it is not */
  gboolean waits;           /* and says so */
  gboolean at_last_resort;
};

gint64
converge_assumed_overhead_ms (gint64 memory_bytes)
{
  return CONVERGE_OVERHEAD_MS + LOOKS_MS_PER_GIB * MAX (memory_bytes, 0) / GIB;
}

ConvergeEngine *
converge_engine_new (const QmigPolicy *policy, const ConvergeMeans *means)
{
  ConvergeEngine *self = g_new0 (ConvergeEngine, 1);

  self->policy = qmig_policy_copy (policy);
  self->means = *means;
  self->limit_ms = self->bandwidth = self->switchover_bandwidth = QMIG_UNSET;
  self->throttle = PARKED_PERCENT;
  self->hopeless_since_ms = -1;
  converge_estimate_init (&self->seen);
  return self;
}

void
converge_engine_free (ConvergeEngine *self)
{
  qmig_policy_free (self->policy);
  g_free (self);
}

/* -- the bounds ------------------------------------------------------------------ */

static double
for_copying_ms (const ConvergeEngine *self)
{
  double budget = self->policy->downtime_ms;

  return MAX (budget - self->means.overhead_ms, LEAST_ROOM_SHARE * budget);
}

/* What the last RAM may take.  @throttle: 0..1: right before the stop its vCPUs may have slept. */
static double
room_ms (const ConvergeEngine *self, double throttle)
{
  double room = for_copying_ms (self) - converge_throttle_sleep_ms (throttle);

  return ROOM_SHARE * MAX (room, LEAST_ROOM_SHARE * self->policy->downtime_ms);
}

static gint64
strongest_throttle (const ConvergeEngine *self)
{
  double by_budget = converge_throttle_for_sleep (SLEEP_SHARE * for_copying_ms (self));

  if (!self->means.can_throttle)
    return 0;
  return MIN (self->policy->throttle_max_percent, (gint64) (100 * by_budget));
}

static double
deadline_left_ms (const ConvergeEngine *self)
{
  return self->policy->deadline_ms != QMIG_UNSET ? self->policy->deadline_ms - self->seen.now_ms : HORIZON_MS;
}

/* -- the outlook -------------------------------------------------------------------- */

static double
send_rate (const ConvergeEngine *self)
{
  return self->seen.send > 0 ? self->seen.send : MAX (self->means.send_bytes_per_s, 1);
}

/* A new throttle is taken at every second trigger, and those that are short of a second apart do not count. */
static guint
passes_to_throttle (const ConvergeEngine *self, guint triggers)
{
  return triggers % 2 == 0 ? 2 : 1;
}

static double
throttle_ahead (const ConvergeEngine *self)
{
  return MAX (self->throttle / 100.0, self->seen.throttle);
}

/* In percent. */
static gint64
throttle_now (const ConvergeEngine *self)
{
  return MAX (self->throttle, (gint64) (self->seen.throttle * 100));
}

static ConvergeCourse
course_with (const ConvergeEngine *self, gint64 throttle, double dirty)
{
  const ConvergeEstimate *seen = &self->seen;
  const ConvergePass *pass = converge_estimate_pass (seen, 0);

  return (ConvergeCourse) {
    .left_bytes = seen->left_bytes,
    .in_pass_ms = pass != NULL ? seen->now_ms - pass->begun_ms : seen->now_ms,
    .send = send_rate (self),
    .dirty = dirty,
    .hot_bytes = seen->hot_bytes,
    .hot = seen->saturated ? UNSEEN_FACTOR * seen->hot : seen->hot,
    .working_set_bytes = seen->working_set_bytes,
    .throttle = seen->throttle,
    .next_throttle = throttle / 100.0,
    .next_from = passes_to_throttle (self, seen->n_triggers),
    .room_ms = room_ms (self, MAX (throttle / 100.0, seen->throttle)),
    .at_once = throttle > PARKED_PERCENT,
    .limit_ms = MIN (HORIZON_MS, MAX (deadline_left_ms (self), 0)),
  };
}

static ConvergeOutlook
outlook_with (const ConvergeEngine *self, gint64 throttle, double dirty)
{
  ConvergeCourse course = course_with (self, throttle, dirty);

  return converge_course_follow (&course);
}

/* What the guest may really write: a rate that filled the working set is only a lower bound, and by a first pass, which is longer than
 * the next ones, maybe a very low one.  From somewhat below the link it is safer to take it for one above. */
static double
dirty_at_worst (const ConvergeEngine *self)
{
  gboolean first = self->seen.n_passes <= 1;
  double dirty = first ? MAX (self->seen.dirty, self->means.dirty_bytes_per_s) : self->seen.dirty;

  if (!self->seen.saturated)
    return dirty;
  if (first && dirty > SUSPECT_SHARE * send_rate (self))
    dirty = MAX (dirty, send_rate (self));
  return UNSEEN_FACTOR * dirty;
}

/* -- the forecast ------------------------------------------------------------------------ */

static gboolean
is_stalled (const ConvergeEngine *self)
{
  return self->seen.pass > 0 && self->seen.now_ms - self->seen.progress_ms > STALLED_MS;
}

static QmigVerdict
judge (const ConvergeEngine *self, const ConvergeOutlook *outlook)
{
  const ConvergePass *last = converge_estimate_pass (&self->seen, 0);
  const ConvergePass *before = converge_estimate_pass (&self->seen, 1);

  if (is_stalled (self))
    return QMIG_VERDICT_STALLED;
  if (last == NULL || self->seen.send <= 0)
    return QMIG_VERDICT_NOT_ENOUGH_DATA;
  if (outlook->fits)
    return outlook->passes <= 1 ? QMIG_VERDICT_FINISHING : QMIG_VERDICT_CONVERGING;
  return before != NULL && last->left_bytes > 1.1 * before->left_bytes ? QMIG_VERDICT_DIVERGING : QMIG_VERDICT_STUCK;
}

static void
forecast_range (const ConvergeEngine *self, const ConvergeOutlook *outlook, QmigForecast *forecast)
{
  ConvergeCourse good = course_with (self, self->throttle, self->seen.dirty);
  ConvergeCourse bad = course_with (self, self->throttle, dirty_at_worst (self));
  ConvergeOutlook best, worst;
  double overhead = self->means.overhead_ms;

  good.send = MAX (self->seen.send_high, good.send);
  good.dirty *= 0.7;
  bad.send = self->seen.send_low > 0 ? MIN (self->seen.send_low, bad.send) : bad.send;
  bad.dirty *= 1.2;
  bad.next_from++;
  best = converge_course_follow (&good);
  worst = converge_course_follow (&bad);

  forecast->passes_left = outlook->passes;
  forecast->eta_ms = outlook->ms + overhead + AFTER_MS;
  forecast->eta_low_ms = MIN (0.75 * best.ms, outlook->ms);
  forecast->eta_high_ms = (worst.fits ? 1.2 * worst.ms : 4 * outlook->ms) + overhead + 4 * AFTER_MS;
  forecast->downtime_ms = outlook->need_ms + overhead;
  forecast->downtime_low_ms = MIN (best.need_ms, outlook->need_ms) + overhead / 3;
  forecast->downtime_high_ms = MIN (MAX (worst.need_ms, LIMIT_SLACK * outlook->need_ms) + 1.5 * overhead, self->policy->downtime_ms);
}

static QmigForecast *
make_forecast (const ConvergeEngine *self, const ConvergeOutlook *outlook)
{
  QmigForecast *forecast = qmig_forecast_new ();
  const ConvergeEstimate *seen = &self->seen;

  forecast->verdict = judge (self, outlook);
  forecast->basis = g_strdup ("measured");
  forecast->throttle_percent = self->throttle;
  if (seen->send > 0)
    forecast->send_bytes_per_s = seen->send;
  if (seen->n_passes > 0)
    {
      forecast->dirty_bytes_per_s = seen->dirty;
      forecast->working_set_bytes = seen->working_set_bytes;
      if (outlook->fits)
        forecast_range (self, outlook, forecast);
    }
  forecast->text = converge_text_forecast (forecast);
  return forecast;
}

/* -- the decision --------------------------------------------------------------------------- */

static QmigDecision *
decision_new (const ConvergeEngine *self, QmigActionKind action, const char *rule, QmigVerdict verdict)
{
  const ConvergePass *pass = converge_estimate_pass (&self->seen, 0);
  QmigDecision *decision = qmig_decision_new ();

  decision->action = action;
  decision->rule = g_strdup (rule);
  decision->verdict = verdict;
  decision->elapsed_ms = self->seen.now_ms;
  decision->budget_ms = self->policy->downtime_ms;
  decision->overhead_ms = self->means.overhead_ms;
  if (self->policy->deadline_ms != QMIG_UNSET)
    decision->deadline_left_ms = deadline_left_ms (self);
  if (self->seen.pass > 0)
    decision->pass = self->seen.pass;
  if (self->seen.send > 0)
    decision->send_bytes_per_s = self->seen.send;
  if (pass != NULL)
    {
      decision->left_bytes = pass->left_bytes;
      decision->need_ms = pass->left_bytes * 1000 / send_rate (self);
      decision->dirty_bytes_per_s = self->seen.dirty;
      decision->working_set_bytes = self->seen.working_set_bytes;
    }
  return decision;
}

/* What the link lets through above @cap, as earlier moves found it; 0 where there is no cap, or today it does not even fill that. */
static double
link_beyond (const ConvergeEngine *self, double cap)
{
  double link = self->means.send_bytes_per_s;
  gboolean filled = self->seen.send <= 0 || self->seen.send >= ROOM_SHARE * cap;

  return cap > 0 && ROOM_SHARE * link > cap && filled ? link : 0;
}

/* With a cap QEMU reckons with the capped rate, although the last burst is not capped: a newer one can be told, an older one gets a
 * limit that makes up for it. */
static void
set_limit (ConvergeEngine *self, QmigDecision *decision, double limit_ms)
{
  double cap = self->bandwidth > 0 ? self->bandwidth : 0;
  double link = link_beyond (self, cap);

  /* As it was decided: what makes up for the cap is no other decision. */
  self->limit_ms = MAX ((gint64) limit_ms, 1);
  if (self->means.has_switchover_bandwidth && (link > 0 || self->switchover_bandwidth > 0))
    decision->switchover_bandwidth_bytes_per_s = self->switchover_bandwidth = ROOM_SHARE * link;
  else if (link > 0)
    limit_ms *= ROOM_SHARE * link / cap;
  decision->downtime_limit_ms = CLAMP (limit_ms, 1, MOST_LIMIT_MS);
}

static double
limit_for (const ConvergeEngine *self, const ConvergeOutlook *outlook)
{
  double room = room_ms (self, throttle_ahead (self));

  return outlook->fits && self->throttle <= PARKED_PERCENT ? CLAMP (LIMIT_SLACK * outlook->need_ms, MIN (CONVERGE_LEAST_NEED_MS, room), room) : room;
}

static gboolean
is_new_limit (const ConvergeEngine *self, double limit_ms)
{
  double change = limit_ms - self->limit_ms;

  return ABS (change) > MAX (LIMIT_STEP * self->limit_ms, 2);
}

/* -- the means, in their order ----------------------------------------------------------------- */

typedef QmigDecision *(*Rule) (ConvergeEngine *self, const ConvergeOutlook *outlook, QmigVerdict verdict);

/* The computed need, where it fits; else all there is room for, so that no local minimum is missed.  A guest that is held back is
 * not kept waiting for a lesser need either. */
static QmigDecision *
rule_limit (ConvergeEngine *self, const ConvergeOutlook *outlook, QmigVerdict verdict)
{
  double limit_ms = limit_for (self, outlook);
  QmigDecision *decision;

  if (!is_new_limit (self, limit_ms))
    return NULL;
  decision = decision_new (self, QMIG_ACTION_SET, "limit", verdict);
  set_limit (self, decision, limit_ms);
  decision->text = converge_text_limit (decision, outlook);
  return decision;
}

/* As it goes, it takes much longer than it would with all means, or does not end at all. */
static gboolean
is_too_slow (const ConvergeEngine *self, const ConvergeOutlook *outlook, const ConvergeOutlook *best)
{
  return best->fits && (!outlook->fits || outlook->ms > SLOW_FACTOR * best->ms + SLOW_MS);
}

static gboolean
may_raise_bandwidth (const ConvergeEngine *self)
{
  gint64 bound = self->policy->bandwidth_bytes_per_s;

  return self->bandwidth > 0 && (bound <= 0 || self->bandwidth < bound);
}

/* Under the bandwidth as it is now. */
static gboolean
is_send_measured (const ConvergeEngine *self)
{
  return self->seen.send_high > 0;
}

static QmigDecision *
rule_bandwidth (ConvergeEngine *self, const ConvergeOutlook *outlook, QmigVerdict verdict)
{
  gint64 bound = self->policy->bandwidth_bytes_per_s;
  double wanted = self->seen.dirty / CONVERGE_WORTHWHILE;
  QmigDecision *decision;

  if (outlook->fits || !may_raise_bandwidth (self) || !is_send_measured (self))
    return NULL;
  decision = decision_new (self, QMIG_ACTION_SET, "bandwidth", verdict);
  wanted = MAX (wanted, 1.5 * self->bandwidth);
  self->bandwidth = bound > 0 ? MIN ((gint64) wanted, bound) : (gint64) wanted;
  decision->bandwidth_limit_bytes_per_s = self->bandwidth;
  decision->text = converge_text_bandwidth (decision, bound);
  return decision;
}

/* The least that is about as quick as the strongest. */
static gint64
throttle_needed (const ConvergeEngine *self, gint64 strongest, double dirty, double enough_ms)
{
  for (gint64 percent = PARKED_PERCENT; percent < strongest; percent++)
    {
      ConvergeOutlook outlook = outlook_with (self, percent, dirty);

      if (outlook.fits && outlook.ms <= enough_ms)
        return percent;
    }
  return strongest;
}

static QmigDecision *
tell_throttle (ConvergeEngine *self, gint64 percent, const char *rule, QmigVerdict verdict)
{
  QmigDecision *decision = decision_new (self, QMIG_ACTION_SET, rule, verdict);

  self->throttle = percent;
  self->throttle_told = self->seen.n_triggers;
  decision->throttle_percent = percent;
  set_limit (self, decision, room_ms (self, throttle_ahead (self)));
  decision->text = converge_text_throttle (decision, self->seen.saturated);
  return decision;
}

static QmigDecision *
rule_throttle (ConvergeEngine *self, const ConvergeOutlook *outlook, QmigVerdict verdict)
{
  gint64 strongest = strongest_throttle (self);
  double dirty = dirty_at_worst (self);
  ConvergeOutlook best = outlook_with (self, strongest, dirty);
  ConvergeOutlook as_it_is = self->seen.saturated ? outlook_with (self, throttle_now (self), dirty) : *outlook;
  gint64 needed;

  if (strongest <= self->throttle || may_raise_bandwidth (self) || !is_send_measured (self) || !is_too_slow (self, &as_it_is, &best))
    return NULL;
  needed = throttle_needed (self, strongest, dirty, THROTTLED_FACTOR * best.ms + THROTTLED_MS);
  return needed >= self->throttle + THROTTLE_STEP ? tell_throttle (self, needed, "throttle", verdict) : NULL;
}

/* It fits with less.  Only what is in force can be judged. */
static QmigDecision *
rule_ease (ConvergeEngine *self, const ConvergeOutlook *outlook, QmigVerdict verdict)
{
  ConvergeOutlook best;
  gint64 needed;

  if (self->throttle <= PARKED_PERCENT || !outlook->fits || outlook->ms < EASE_WORTH_MS || self->seen.n_triggers < self->throttle_told + 3 ||
      self->seen.throttle * 100 < self->throttle - 1)
    return NULL;
  best = outlook_with (self, self->throttle, dirty_at_worst (self));
  needed = throttle_needed (self, self->throttle, dirty_at_worst (self), THROTTLED_FACTOR * best.ms + THROTTLED_MS);
  return needed <= self->throttle - EASE_STEP ? tell_throttle (self, needed, "ease", verdict) : NULL;
}

/* Not even the strongest throttle makes it fit, as far as can be said after some passes. */
static gboolean
is_hopeless (ConvergeEngine *self, const ConvergeOutlook *outlook)
{
  ConvergeOutlook best = outlook_with (self, MAX (strongest_throttle (self), self->throttle), self->seen.dirty);
  gboolean hopeless = !outlook->fits && !best.fits && !may_raise_bandwidth (self) && self->seen.n_passes >= EVIDENCE_PASSES;

  if (!hopeless)
    {
      self->hopeless_since_ms = -1;
      self->waits = FALSE;
    }
  else if (self->hopeless_since_ms < 0)
    self->hopeless_since_ms = self->seen.now_ms;
  return hopeless;
}

static double
rest_ms (const ConvergeEngine *self)
{
  return MAX (self->seen.left_bytes, self->seen.working_set_bytes) * 1000 / send_rate (self);
}

static QmigDecision *
rule_postcopy (ConvergeEngine *self, const ConvergeOutlook *outlook, QmigVerdict verdict)
{
  QmigDecision *decision;

  if (!self->policy->allow_postcopy || !self->means.can_postcopy || self->hopeless_since_ms < 0 || rest_ms (self) >= deadline_left_ms (self))
    return NULL;
  self->at_last_resort = TRUE;
  decision = decision_new (self, QMIG_ACTION_POSTCOPY, "postcopy", verdict);
  decision->text = converge_text_last_resort (decision, rest_ms (self));
  return decision;
}

static gboolean
is_out_of_patience (const ConvergeEngine *self)
{
  double waited_ms = self->seen.now_ms - self->hopeless_since_ms;

  return self->hopeless_since_ms >= 0 && (waited_ms >= self->policy->patience_ms || deadline_left_ms (self) < waited_ms + 2 * rest_ms (self));
}

static QmigDecision *
rule_pause (ConvergeEngine *self, const ConvergeOutlook *outlook, QmigVerdict verdict)
{
  QmigDecision *decision;

  if (!self->policy->allow_pause || !is_out_of_patience (self))
    return NULL;
  self->at_last_resort = TRUE;
  decision = decision_new (self, QMIG_ACTION_PAUSE, "pause", verdict);
  self->limit_ms = CLAMP (2 * rest_ms (self) + self->policy->downtime_ms, 1, MOST_LIMIT_MS);
  decision->downtime_limit_ms = self->limit_ms;
  decision->text = converge_text_last_resort (decision, rest_ms (self));
  return decision;
}

static QmigDecision *
rule_abort (ConvergeEngine *self, const ConvergeOutlook *outlook, QmigVerdict verdict)
{
  QmigDecision *decision;

  if (!is_out_of_patience (self))
    return NULL;
  self->at_last_resort = TRUE;
  decision = decision_new (self, QMIG_ACTION_ABORT, "abort", verdict);
  decision->text = converge_text_last_resort (decision, rest_ms (self));
  return decision;
}

static QmigDecision *
rule_wait (ConvergeEngine *self, const ConvergeOutlook *outlook, QmigVerdict verdict)
{
  QmigDecision *decision;

  if (self->hopeless_since_ms < 0 || self->waits)
    return NULL;
  self->waits = TRUE;
  decision = decision_new (self, QMIG_ACTION_WAIT, "wait", verdict);
  decision->text = converge_text_wait (decision, self->policy->patience_ms);
  return decision;
}

static const Rule rules[] = {
  rule_bandwidth, rule_throttle, rule_ease, rule_postcopy, rule_pause, rule_abort, rule_limit, rule_wait,
};

/* -- what is called ---------------------------------------------------------------------------------- */

static gint64
first_bandwidth (const ConvergeEngine *self)
{
  gint64 bound = self->policy->bandwidth_bytes_per_s;
  gint64 start = self->policy->start_bandwidth_bytes_per_s;

  return start > 0 && (bound <= 0 || start < bound) ? start : bound;
}

QmigDecision *
converge_engine_start (ConvergeEngine *self)
{
  QmigDecision *decision = decision_new (self, QMIG_ACTION_SET, "start", QMIG_VERDICT_NOT_ENOUGH_DATA);

  decision->bandwidth_limit_bytes_per_s = self->bandwidth = first_bandwidth (self);
  set_limit (self, decision, MIN (CONVERGE_LEAST_NEED_MS, room_ms (self, 0)));
  if (self->means.can_throttle)
    decision->throttle_percent = self->throttle;
  decision->text = converge_text_start (decision, room_ms (self, 0));
  return decision;
}

/* What ran at the old bound runs at the new one; what is beyond it comes down. */
static gint64
bandwidth_within (const ConvergeEngine *self, gint64 old_bound)
{
  gint64 bound = self->policy->bandwidth_bytes_per_s;
  gboolean beyond = bound > 0 && (self->bandwidth <= 0 || self->bandwidth > bound);

  return beyond || self->bandwidth == old_bound ? bound : self->bandwidth;
}

QmigDecision *
converge_engine_set_policy (ConvergeEngine *self, const QmigPolicy *policy)
{
  gint64 old_bound = self->policy->bandwidth_bytes_per_s;
  QmigPolicy *copy = qmig_policy_copy (policy);
  QmigDecision *decision;

  qmig_policy_free (self->policy);
  self->policy = copy;
  self->hopeless_since_ms = -1;
  self->waits = self->at_last_resort = FALSE;

  decision = decision_new (self, QMIG_ACTION_SET, "bounds", QMIG_VERDICT_NOT_ENOUGH_DATA);
  decision->bandwidth_limit_bytes_per_s = self->bandwidth = bandwidth_within (self, old_bound);
  self->throttle = CLAMP (self->throttle, PARKED_PERCENT, MAX (strongest_throttle (self), PARKED_PERCENT));
  set_limit (self, decision, MIN (self->limit_ms, room_ms (self, throttle_ahead (self))));
  if (self->means.can_throttle)
    decision->throttle_percent = self->throttle;
  decision->text = converge_text_bounds (decision, policy);
  return decision;
}

QmigDecision *
converge_engine_look (ConvergeEngine *self, const QmigSample *sample, QmigForecast **forecast)
{
  ConvergeOutlook outlook = { 0 };
  QmigDecision *decision = NULL;

  converge_estimate_take (&self->seen, sample);
  if (self->seen.n_passes > 0 && self->seen.send > 0)
    outlook = outlook_with (self, throttle_now (self), self->seen.dirty);
  *forecast = make_forecast (self, &outlook);
  if (self->seen.n_passes == 0 || self->seen.send <= 0 || self->at_last_resort || (*forecast)->verdict == QMIG_VERDICT_STALLED)
    return NULL;

  (void) is_hopeless (self, &outlook);
  for (gsize i = 0; i < G_N_ELEMENTS (rules) && decision == NULL; i++)
    decision = rules[i](self, &outlook, (*forecast)->verdict);
  return decision;
}
