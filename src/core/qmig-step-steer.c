/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-steps-private.h"

#include "converge-trace.h"
#include "json-strict.h"
#include "qmig-history.h"
#include "qmp-commands.h"
#include "qmp-error.h"

#define HOLD_MIN_BANDWIDTH (64 * 1024)
#define HOLD_DRAINS_IN_S 2.0
#define REHEARSED_DRAINS_IN_S 0.4 /* the pace of link and guest is to be seen, but for the last of it */

/* -- the engine's hands: what it decides, QEMU gets ----------------------------- */

/* auto-converge takes the smaller of now + increment and the maximum, at every second look that finds more than the trigger
 * written: so the maximum is what it goes to, upward and downward. */
static void
add_throttle (JsonObject *parameters, gint64 percent)
{
  json_object_set_int_member (parameters, "throttle-trigger-threshold", 1);
  json_object_set_int_member (parameters, "cpu-throttle-initial", percent);
  json_object_set_int_member (parameters, "cpu-throttle-increment", 99);
  json_object_set_int_member (parameters, "max-cpu-throttle", percent);
}

static void
add_number (JsonObject *parameters, const char *name, gint64 value)
{
  if (value != QMIG_UNSET)
    json_object_set_int_member (parameters, name, value);
}

static gboolean
give (QmigMigration *self, const QmigDecision *decision, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) reply = qmp_wait_new_within (wait, "the source QEMU to take its limits", qmig_limits.reply_ms);
  JsonObject *parameters = json_object_new ();

  add_number (parameters, "downtime-limit", decision->downtime_limit_ms);
  add_number (parameters, "max-bandwidth", decision->bandwidth_limit_bytes_per_s);
  add_number (parameters, "avail-switchover-bandwidth", decision->switchover_bandwidth_bytes_per_s);
  if (decision->throttle_percent != QMIG_UNSET)
    add_throttle (parameters, decision->throttle_percent);
  return qmp_migrate_set_parameters (self->source->client, parameters, reply, error);
}

static void
keep_if_set (gint64 *kept, gint64 value)
{
  if (value != QMIG_UNSET)
    *kept = value;
}

static void
merge_limits (QmigDecision *limits, const QmigDecision *decision)
{
  keep_if_set (&limits->downtime_limit_ms, decision->downtime_limit_ms);
  keep_if_set (&limits->bandwidth_limit_bytes_per_s, decision->bandwidth_limit_bytes_per_s);
  keep_if_set (&limits->switchover_bandwidth_bytes_per_s, decision->switchover_bandwidth_bytes_per_s);
  keep_if_set (&limits->throttle_percent, decision->throttle_percent);
}

/*
 * A held migration copies ever more slowly the less is left, so that there is always something left and QEMU never
 * switches over while the guest writes anything at all.  A downtime limit of 0 would not do: then QEMU does not look for
 * newly written pages before it stops the guest.
 */
static gint64
hold_bandwidth (QmigMigration *self, double drains_in_s)
{
  gint64 slow = MAX ((gint64) (self->left_bytes / drains_in_s), HOLD_MIN_BANDWIDTH);
  gint64 bound = self->limits->bandwidth_limit_bytes_per_s;

  return bound > 0 ? MIN (slow, bound) : slow;
}

gboolean
qmig_step_apply_limits (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmigDecision) limits = qmig_decision_copy (self->limits);

  if (self->entry->request->no_gate || qmig_migration_is_hold_wanted (self))
    {
      limits->downtime_limit_ms = 1;
      limits->bandwidth_limit_bytes_per_s = hold_bandwidth (self, self->entry->request->no_gate ? REHEARSED_DRAINS_IN_S : HOLD_DRAINS_IN_S);
    }
  return give (self, limits, wait, error);
}

/* -- its eyes, and what follows ----------------------------------------------------- */

static void
tell_decision (QmigMigration *self, const QmigDecision *decision)
{
  qmig_migration_emit (self, "decision", qmig_decision_to_object (decision));
}

/* So that the move can be decided again from its events alone. */
static void
tell_means (QmigMigration *self, const ConvergeMeans *means)
{
  g_autoptr(ConvergeTraceMeans) value = converge_trace_means_new_from (means);

  qmig_migration_emit (self, "means", converge_trace_means_to_object (value));
}

static gboolean
is_on (const QmigPlan *plan, const char *capability)
{
  return g_strv_contains ((const char *const *) plan->capabilities_on, capability);
}

static ConvergeMeans
means_of (const QmigPlan *plan)
{
  JsonObject *theirs = plan->restore_parameters != NULL ? json_node_get_object (plan->restore_parameters) : NULL;

  return (ConvergeMeans) {
    .overhead_ms = converge_assumed_overhead_ms (plan->memory_bytes),
    .send_bytes_per_s = QMIG_UNSET,
    .dirty_bytes_per_s = QMIG_UNSET,
    .working_set_bytes = QMIG_UNSET,
    .can_throttle = is_on (plan, "auto-converge"),
    .can_postcopy = is_on (plan, "postcopy-ram"),
    .has_switchover_bandwidth = theirs != NULL && json_object_has_member (theirs, "avail-switchover-bandwidth"),
  };
}

gboolean
qmig_step_begin_steering (QmigMigration *self, QmpWait *wait, GError **error)
{
  ConvergeMeans means = means_of (self->entry->plan);
  g_autoptr(QmigDecision) decision = NULL;

  qmig_history_means (self->journal, self->entry->vm, self->entry->plan, &means);
  tell_means (self, &means);
  self->engine = converge_engine_new (self->entry->policy, &means);
  decision = converge_engine_start (self->engine);
  merge_limits (self->limits, decision);
  tell_decision (self, decision);
  return qmig_step_apply_limits (self, wait, error);
}

gboolean
qmig_step_mind_bounds (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmigDecision) decision = NULL;

  if (self->engine == NULL)
    return TRUE;
  decision = converge_engine_set_policy (self->engine, self->entry->policy);
  merge_limits (self->limits, decision);
  tell_decision (self, decision);
  return qmig_step_apply_limits (self, wait, error);
}

QmigDecision *
qmig_step_decide (QmigMigration *self, QmigSample *sample)
{
  if (self->engine == NULL || self->postcopy_started || self->source->status != QMP_MIGRATION_STATUS_ACTIVE || qmig_migration_is_hold_wanted (self))
    return NULL;
  return converge_engine_look (self->engine, sample, &sample->forecast);
}

gboolean
qmig_step_do_decision (QmigMigration *self, const QmigDecision *decision, QmpWait *wait, GError **error)
{
  tell_decision (self, decision);
  switch ((QmigActionKind) decision->action)
    {
    case QMIG_ACTION_WAIT:
      return TRUE;

    case QMIG_ACTION_SET:
    case QMIG_ACTION_PAUSE:
      merge_limits (self->limits, decision);
      return qmig_step_apply_limits (self, wait, error);

    case QMIG_ACTION_POSTCOPY:
      return qmig_step_start_postcopy (self, wait, error);

    case QMIG_ACTION_ABORT:
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ROLLED_BACK, "it will not converge: %s", decision->text);
      return FALSE;
    }
  g_return_val_if_reached (TRUE);
}
