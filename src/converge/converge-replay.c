/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "converge-replay.h"

#include <math.h>

#include "converge-estimate.h"
#include "converge-sim.h"
#include "converge-text.h"

#define SAMPLE_MS 250
#define LONGEST_MS (30 * 60 * 1000)
#define PARKED_PERCENT 1       /* a throttle that is only armed */
#define FULL_INCREMENT 99      /* to the wanted throttle in one step, at once */
#define LOW_TRIGGER 1

/* What QEMU was last told. */
typedef struct
{
  gint64 limit_ms;
  gint64 bandwidth;
  gint64 switchover_bandwidth;
  gint64 throttle;
  QmigActionKind last;         /* SET as long as there was no last resort */
} Told;

typedef struct
{
  const ConvergeTrace *trace;
  const QmigPolicy *policy;
  ConvergeMeans means;
  ConvergeEngine *engine;
  ConvergeEstimate shown;      /* of the whole record */
  Told mine, theirs;
  ConvergeReplay *result;
  /* Of the simulation: where it goes on. */
  const QmigSample *from;
  gint64 most_throttle;
} Replay;

/* -- the value ------------------------------------------------------------------------ */

/* clang-format off: one member a line, as in the struct */

#define FIELD(member, Kind, text, ...) \
  { .name = #member, .kind = Kind, .offset = G_STRUCT_OFFSET (ConvergeReplay, member), .about = text, __VA_ARGS__ }

static const ApiField replay_fields[] = {
  FIELD (migration, API_STRING, "id of the recorded migration"),
  FIELD (vm, API_STRING, "name of the VM"),
  FIELD (policy, API_STRING, "the policy that was tried"),
  FIELD (was_policy, API_STRING, "the policy of then"),
  FIELD (simulated_from_ms, API_INT, "milliseconds of the migration: from there on simulated; null: all is from the record"),
  FIELD (simulated_why, API_STRING, "why the record says no more from there on"),
  FIELD (guest, API_STRING, "guest and link as the simulator was given them"),
  FIELD (decisions, API_LIST, "what the policy decides", .type = &qmig_decision_type),
  FIELD (outcome, API_ENUM, "completed; cancelled: given up; active: not over by then", .names = qmig_outcome_names),
  FIELD (total_ms, API_INT, "milliseconds in all"),
  FIELD (blackout_ms, API_DOUBLE, "milliseconds the guest stands still"),
  FIELD (throttle_percent, API_INT, "the most the guest's CPUs are held back, percent"),
  FIELD (postcopy, API_BOOL, "it ends in post-copy"),
  FIELD (was, API_OBJECT, "what really happened", .type = &qmig_result_type),
  FIELD (notes, API_STRV, "what a reader ought to know"),
};

/* clang-format on */

const ApiType converge_replay_type = {
  .name = "qmig.replay/1",
  .size = sizeof (ConvergeReplay),
  .fields = replay_fields,
  .n_fields = G_N_ELEMENTS (replay_fields),
  .destroy = (GDestroyNotify) converge_replay_free,
};

/* -- what QEMU was told ---------------------------------------------------------------- */

static void
obey (Told *told, const QmigDecision *decision)
{
  if (decision->downtime_limit_ms != QMIG_UNSET)
    told->limit_ms = decision->downtime_limit_ms;
  if (decision->bandwidth_limit_bytes_per_s != QMIG_UNSET)
    told->bandwidth = decision->bandwidth_limit_bytes_per_s;
  if (decision->switchover_bandwidth_bytes_per_s != QMIG_UNSET)
    told->switchover_bandwidth = decision->switchover_bandwidth_bytes_per_s;
  if (decision->throttle_percent != QMIG_UNSET)
    told->throttle = decision->throttle_percent;
  if (decision->action != QMIG_ACTION_WAIT && decision->action != QMIG_ACTION_SET)
    told->last = decision->action;
}

static void
obey_all (Told *told, GPtrArray *decisions)
{
  for (guint i = 0; decisions != NULL && i < decisions->len; i++)
    obey (told, g_ptr_array_index (decisions, i));
}

/* A move that was not decided by an engine shows in its samples what was in force. */
static void
obey_sample (Told *told, const QmigSample *sample)
{
  if (told->limit_ms == QMIG_UNSET)
    told->limit_ms = sample->downtime_limit_ms;
  if (told->bandwidth == QMIG_UNSET)
    told->bandwidth = sample->bandwidth_limit_bytes_per_s;
  if (told->throttle == QMIG_UNSET)
    told->throttle = 0;
}

/* Only what changes the copying: a downtime limit does so when it is met. */
static char *
difference (const Told *mine, const Told *theirs)
{
  gint64 here = MAX (mine->throttle, PARKED_PERCENT), there = MAX (theirs->throttle, PARKED_PERCENT);

  if (mine->last != theirs->last)
    return g_strdup_printf ("'%s' instead of '%s'", qmig_action_kind_names[mine->last], qmig_action_kind_names[theirs->last]);
  if (MAX (mine->bandwidth, 0) != MAX (theirs->bandwidth, 0))
    {
      g_autofree char *one = converge_text_rate (mine->bandwidth);
      g_autofree char *other = converge_text_rate (theirs->bandwidth);

      return g_strdup_printf ("a bandwidth of %s instead of %s", one, other);
    }
  if (here != there)
    return g_strdup_printf ("a throttle of %" G_GINT64_FORMAT " %% instead of %" G_GINT64_FORMAT " %%", here, there);
  return NULL;
}

static void
keep (Replay *self, QmigDecision *decision)
{
  obey (&self->mine, decision);
  g_ptr_array_add (self->result->decisions, decision);
}

/* -- the record ----------------------------------------------------------------------------- */

static double
threshold_bytes (const Replay *self, const Told *told)
{
  double rate = told->switchover_bandwidth > 0 ? told->switchover_bandwidth : self->shown.send;

  return rate * told->limit_ms / 1000;
}

/* QEMU looks for newly written pages as soon as what it knows of fits the limit.  It did not then. */
static gboolean
meets_limit (const Replay *self, const QmigSample *sample)
{
  double mine = threshold_bytes (self, &self->mine);

  return sample->pass > 0 && sample->remaining_bytes != QMIG_UNSET && sample->remaining_bytes <= mine &&
         sample->remaining_bytes > threshold_bytes (self, &self->theirs);
}

/* Decides again on one look.  Returns: why the record is no longer true after it; %NULL: it is.  (transfer full) */
static char *
decide_again (Replay *self, const ConvergeTraceLook *look)
{
  QmigSample sample = *look->sample;
  g_autoptr(QmigForecast) forecast = NULL;
  QmigDecision *decision;
  char *why;

  sample.forecast = NULL;
  sample.downtime_limit_ms = self->mine.limit_ms;
  decision = converge_engine_look (self->engine, &sample, &forecast);
  if (decision != NULL)
    keep (self, decision);
  obey_sample (&self->theirs, look->sample);
  obey_all (&self->theirs, look->decisions);
  self->most_throttle = MAX (self->most_throttle, sample.throttle_percent);
  why = difference (&self->mine, &self->theirs);
  if (why == NULL && meets_limit (self, look->sample))
    why = g_strdup_printf ("a downtime limit of %" G_GINT64_FORMAT " ms, which is met here, instead of %" G_GINT64_FORMAT " ms",
                           self->mine.limit_ms, self->theirs.limit_ms);
  return why;
}

/* The stop of the record, with the limit of now. */
static char *
end_differs (const Replay *self)
{
  const QmigResult *was = self->trace->result;
  gint64 last_bytes = was != NULL ? was->downtime_bytes : QMIG_UNSET;

  if (was == NULL || (was->outcome != QMIG_OUTCOME_COMPLETED && self->mine.last == QMIG_ACTION_SET))
    return g_strdup ("the record ends");
  if (was->outcome != QMIG_OUTCOME_COMPLETED || self->mine.last != QMIG_ACTION_SET || self->mine.limit_ms >= self->theirs.limit_ms)
    return NULL;
  if (last_bytes != QMIG_UNSET && last_bytes <= threshold_bytes (self, &self->mine))
    return NULL;
  return g_strdup_printf ("a downtime limit of %" G_GINT64_FORMAT " ms, which the end of then does not meet, instead of %" G_GINT64_FORMAT " ms",
                          self->mine.limit_ms, self->theirs.limit_ms);
}

/* -- the simulator ----------------------------------------------------------------------------- */

static void
give (const Told *told, ConvergeSimKnobs *knobs)
{
  knobs->downtime_limit_ms = MAX (told->limit_ms, 1);
  knobs->bandwidth_bytes_per_s = MAX (told->bandwidth, 0);
  knobs->switchover_bandwidth_bytes_per_s = MAX (told->switchover_bandwidth, 0);
  knobs->auto_converge = told->throttle > 0;
  knobs->throttle_initial = knobs->throttle_max = MAX (told->throttle, 0);
  knobs->throttle_increment = FULL_INCREMENT;
  knobs->throttle_trigger = LOW_TRIGGER;
  knobs->postcopy |= told->last == QMIG_ACTION_POSTCOPY;
  knobs->pause |= told->last == QMIG_ACTION_PAUSE;
  knobs->cancel |= told->last == QMIG_ACTION_ABORT;
}

static gint64
driver_start (gpointer data, ConvergeSimKnobs *knobs)
{
  Replay *self = data;

  give (&self->mine, knobs);
  return SAMPLE_MS;
}

static gint64
plus (gint64 number, gint64 offset)
{
  return number != QMIG_UNSET && offset != QMIG_UNSET ? number + offset : number;
}

/* The simulator counts from where the record left off: to the engine it is one migration. */
static gint64
driver_look (gpointer data, const QmigSample *simulated, ConvergeSimKnobs *knobs)
{
  Replay *self = data;
  QmigSample sample = *simulated;
  g_autoptr(QmigForecast) forecast = NULL;
  QmigDecision *decision;

  if (self->from != NULL)
    {
      sample.elapsed_ms = plus (sample.elapsed_ms, self->from->elapsed_ms);
      sample.pass = plus (sample.pass, MAX (self->from->pass - 1, 0));
      sample.transferred_bytes = plus (sample.transferred_bytes, self->from->transferred_bytes);
      sample.normal_bytes = plus (sample.normal_bytes, self->from->normal_bytes);
      sample.zero_bytes = plus (sample.zero_bytes, self->from->zero_bytes);
      sample.total_bytes = self->from->total_bytes;
    }
  decision = converge_engine_look (self->engine, &sample, &forecast);
  if (decision != NULL)
    keep (self, decision);
  give (&self->mine, knobs);
  return SAMPLE_MS;
}

static const ConvergeSimPolicy driver = { .name = "replay", .on_pass = TRUE, .start = driver_start, .look = driver_look };

static gint64
link_rate (const Replay *self)
{
  return MAX (MAX ((gint64) self->shown.send, self->means.send_bytes_per_s), 1);
}

/* What is left at @from, and all the guest writes again; what is written but not known of yet is among it. */
static ConvergeSimWorkload
make_workload (const Replay *self)
{
  const ConvergeTraceLook *last = g_ptr_array_index (self->trace->looks, self->trace->looks->len - 1);
  gint64 total = MAX (last->sample->total_bytes, 1);
  gint64 working_set = MIN ((gint64) self->shown.working_set_bytes, total);
  gint64 left = self->from != NULL ? MAX (self->from->remaining_bytes, working_set) : total;
  ConvergeSimWorkload workload = converge_sim_workload (MAX (left, 1), working_set, (gint64) self->shown.dirty, link_rate (self));

  workload.zero_share = self->from == NULL && last->sample->zero_bytes > 0 ? MIN (last->sample->zero_bytes, total - working_set) / (double) total : 0;
  workload.link_jitter = workload.overhead_jitter = 0;
  workload.stop_ms = self->means.overhead_ms;
  workload.resume_ms = 0;
  workload.start_ms = 0;
  return workload;
}

static void
describe_guest (Replay *self)
{
  g_autofree char *dirty = converge_text_rate ((gint64) self->shown.dirty);
  g_autofree char *working_set = converge_text_bytes ((gint64) self->shown.working_set_bytes);
  g_autofree char *send = converge_text_rate (link_rate (self));

  self->result->guest = self->shown.dirty > 0
                        ? g_strdup_printf ("a guest that writes %s%s over %s, and a link of %s", self->shown.saturated ? "at least " : "", dirty, working_set, send)
                        : g_strdup_printf ("a guest that writes nothing, and a link of %s", send);
}

/* What a move takes beside pre-copy and stop. */
static gint64
aside_ms (const QmigResult *was)
{
  if (was == NULL || was->total_ms == QMIG_UNSET || isnan (was->pre_copy_ms))
    return 0;
  return MAX (was->total_ms - (gint64) (was->pre_copy_ms + (isnan (was->stop_and_copy_ms) ? 0 : was->stop_and_copy_ms)), 0);
}

static void
simulate (Replay *self, const QmigSample *from)
{
  ConvergeSimWorkload workload;
  ConvergeSimResult run;
  ConvergeReplay *result = self->result;
  gint64 before_ms = from != NULL ? from->elapsed_ms : 0;

  self->from = from;
  result->simulated_from_ms = before_ms;
  describe_guest (self);
  workload = make_workload (self);
  run = converge_sim_run (&workload, &driver, self,
                          self->policy->deadline_ms != QMIG_UNSET ? MAX (self->policy->deadline_ms - before_ms, 1) : LONGEST_MS);
  result->outcome = run.finished ? QMIG_OUTCOME_COMPLETED : run.cancelled ? QMIG_OUTCOME_CANCELLED : QMIG_OUTCOME_ACTIVE;
  result->total_ms = aside_ms (self->trace->result) + before_ms + (gint64) run.total_ms;
  result->blackout_ms = run.finished ? run.blackout_ms : NAN;
  result->throttle_percent = MAX (self->most_throttle, run.throttle_percent);
  result->postcopy = run.postcopy;
}

static void
conclude_from_record (Replay *self)
{
  const QmigResult *was = self->trace->result;
  ConvergeReplay *result = self->result;

  result->outcome = was->outcome;
  result->total_ms = was->total_ms;
  result->blackout_ms = was->blackout_ms;
  result->throttle_percent = self->most_throttle;
  result->postcopy = was->postcopy;
}

/* -- all of it ------------------------------------------------------------------------------------- */

/* The means of then were armed for the policy of then. */
static void
set_means (Replay *self)
{
  converge_trace_means_get (self->trace->head->means, &self->means);
  self->means.can_throttle |= self->policy->throttle_max_percent > 0;
  self->means.can_postcopy |= self->policy->allow_postcopy;
}

static void
read_record (Replay *self)
{
  converge_estimate_init (&self->shown);
  for (guint i = 0; i < self->trace->looks->len; i++)
    converge_estimate_take (&self->shown, ((ConvergeTraceLook *) g_ptr_array_index (self->trace->looks, i))->sample);
  if (self->shown.send <= 0)
    self->shown.send = MAX (self->means.send_bytes_per_s, 0);
  if (self->shown.dirty <= 0 && self->shown.working_set_bytes <= 0)
    {
      self->shown.dirty = MAX (self->means.dirty_bytes_per_s, 0);
      self->shown.working_set_bytes = MAX (self->means.working_set_bytes, 0);
    }
}

/* (transfer full): why the simulator must go on; *from: after this look, NULL: from the start.  NULL: it need not. */
static char *
replay_record (Replay *self, const QmigSample **from)
{
  GPtrArray *looks = self->trace->looks;
  char *why;

  keep (self, converge_engine_start (self->engine));
  obey_all (&self->theirs, self->trace->start);
  obey_sample (&self->theirs, ((ConvergeTraceLook *) g_ptr_array_index (looks, 0))->sample);
  *from = NULL;
  why = difference (&self->mine, &self->theirs);
  for (guint i = 0; why == NULL && i < looks->len; i++)
    {
      const ConvergeTraceLook *look = g_ptr_array_index (looks, i);

      *from = look->sample;
      why = decide_again (self, look);
    }
  return why != NULL ? why : end_differs (self);
}

static gboolean
can_simulate (const Replay *self, GError **error)
{
  const ConvergeTraceLook *last = g_ptr_array_index (self->trace->looks, self->trace->looks->len - 1);

  if (self->shown.send > 0 && last->sample->total_bytes > 0)
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED, "cannot tell what would have come of it: the record is too short to know the link");
  return FALSE;
}

static void
add_notes (Replay *self)
{
  g_autoptr(GStrvBuilder) notes = g_strv_builder_new ();

  if (self->trace->tuned)
    g_strv_builder_add (notes, "a person turned knobs meanwhile, which is in the record and not repeated in the simulation");
  if (self->trace->head->means == NULL)
    g_strv_builder_add (notes, "the trace does not say what was known before the start: the overhead is assumed");
  if (self->result->simulated_from_ms != QMIG_UNSET && self->shown.n_passes == 0 && self->means.dirty_bytes_per_s == QMIG_UNSET)
    g_strv_builder_add (notes, "the record has but one pass: what the guest writes is not known, and taken for nothing");
  self->result->notes = g_strv_builder_end (notes);
}

static gboolean
run (Replay *self, GError **error)
{
  const QmigSample *from;
  g_autofree char *why = NULL;

  set_means (self);
  read_record (self);
  self->engine = converge_engine_new (self->policy, &self->means);
  why = replay_record (self, &from);
  if (why == NULL)
    conclude_from_record (self);
  else if (can_simulate (self, error))
    {
      self->result->simulated_why = g_steal_pointer (&why);
      simulate (self, from);
    }
  else
    return FALSE;
  add_notes (self);
  return TRUE;
}

ConvergeReplay *
converge_replay_run (const ConvergeTrace *trace, const QmigPolicy *policy, GError **error)
{
  g_autoptr(ConvergeReplay) result = converge_replay_new ();
  Told untold = { QMIG_UNSET, QMIG_UNSET, QMIG_UNSET, QMIG_UNSET, QMIG_ACTION_SET };
  Replay self = { .trace = trace, .policy = policy != NULL ? policy : trace->head->policy, .mine = untold, .theirs = untold, .result = result };
  gboolean ok;

  if (self.policy == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED, "the trace names no policy: say which one to try with --policy");
      return NULL;
    }
  result->migration = g_strdup (trace->head->migration);
  result->vm = g_strdup (trace->head->vm);
  result->policy = g_strdup (self.policy->name);
  result->was_policy = trace->head->policy != NULL ? g_strdup (trace->head->policy->name) : NULL;
  result->was = trace->result != NULL ? qmig_result_copy (trace->result) : NULL;
  result->decisions = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_decision_free);
  ok = run (&self, error);
  g_clear_pointer (&self.engine, converge_engine_free);
  return ok ? g_steal_pointer (&result) : NULL;
}
