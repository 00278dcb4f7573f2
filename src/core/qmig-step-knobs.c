/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Knobs turned while the migration runs.  Three things are told apart, since
 * only the last one is what a person wants to know: a value was given to QEMU
 * ("sent"), QEMU took it ("accepted"), and it is what QEMU works with
 * ("in-force"), as its parameters or numbers show at a later look.
 */

#include "qmig-steps-private.h"

#include "converge-policy.h"
#include "json-strict.h"
#include "qmig-knobs.h"
#include "qmp-commands.h"
#include "qmp-error.h"

static void
tell (QmigMigration *self, const QmigKnob *knob, gint64 value, const char *state, const char *why)
{
  JsonObject *data = json_object_new ();

  json_object_set_string_member (data, "knob", knob->name);
  json_object_set_int_member (data, "value", value);
  json_object_set_string_member (data, "state", state);
  if (why != NULL)
    json_object_set_string_member (data, "why", why);
  qmig_migration_emit (self, "knob", data);
}

static void
tell_kind (QmigMigration *self, QmigKnobKind kind, const QmigKnobs *knobs, const char *state, const char *why)
{
  for (gsize i = 0; i < qmig_n_knobs; i++)
    if (qmig_knobs[i].kind == kind && qmig_knob_get (&qmig_knobs[i], knobs) != QMIG_UNSET)
      tell (self, &qmig_knobs[i], qmig_knob_get (&qmig_knobs[i], knobs), state, why);
}

static void
merge_kind (QmigKnobKind kind, QmigKnobs *into, const QmigKnobs *from)
{
  for (gsize i = 0; i < qmig_n_knobs; i++)
    if (qmig_knobs[i].kind == kind && qmig_knob_get (&qmig_knobs[i], from) != QMIG_UNSET)
      qmig_knob_set (&qmig_knobs[i], into, qmig_knob_get (&qmig_knobs[i], from));
}

/* They were turned before it was known with which means the migration would run. */
static void
refuse_unarmed (QmigMigration *self, QmigKnobs *wanted)
{
  const QmigPlan *plan = self->entry->plan;

  for (gsize i = 0; i < qmig_n_knobs; i++)
    {
      const QmigKnob *knob = &qmig_knobs[i];
      gint64 value = qmig_knob_get (knob, wanted);
      g_autoptr(GError) cause = NULL;

      if (value == QMIG_UNSET || qmig_knob_check_armed (knob, value, plan->capabilities_on, plan->memory_bytes, &cause))
        continue;
      tell (self, knob, value, "refused", cause->message);
      qmig_knob_set (knob, wanted, QMIG_UNSET);
    }
}

/* FALSE where QEMU did not answer; a refusal is told, and the migration goes on with what QEMU has. */
static gboolean
take_refusal (GError *cause, GError **error)
{
  if (qmp_error_is_refusal (cause))
    return TRUE;
  g_propagate_error (error, g_error_copy (cause));
  return FALSE;
}

static gboolean
turn_bounds (QmigMigration *self, const QmigKnobs *wanted, QmpWait *wait, GError **error)
{
  g_autoptr(QmigKnobs) before = qmig_knobs_copy (self->knobs);
  g_autoptr(GError) cause = NULL;

  merge_kind (QMIG_KNOB_BOUND, self->knobs, wanted);
  merge_kind (QMIG_KNOB_THROTTLE, self->knobs, wanted);
  merge_kind (QMIG_KNOB_OURS, self->knobs, wanted);
  converge_policy_bound (self->entry->policy, self->knobs, NULL);
  tell_kind (self, QMIG_KNOB_BOUND, wanted, "sent", NULL);
  if (qmig_step_mind_bounds (self, wait, &cause))
    {
      tell_kind (self, QMIG_KNOB_BOUND, wanted, "accepted", NULL);
      tell_kind (self, QMIG_KNOB_THROTTLE, wanted, "accepted", NULL);
      merge_kind (QMIG_KNOB_BOUND, self->unconfirmed, wanted);
      merge_kind (QMIG_KNOB_THROTTLE, self->unconfirmed, wanted);
      return TRUE;
    }

  merge_kind (QMIG_KNOB_BOUND, self->knobs, before);
  merge_kind (QMIG_KNOB_THROTTLE, self->knobs, before);
  converge_policy_bound (self->entry->policy, self->knobs, NULL);
  tell_kind (self, QMIG_KNOB_BOUND, wanted, "refused", cause->message);
  tell_kind (self, QMIG_KNOB_THROTTLE, wanted, "refused", cause->message);
  if (!take_refusal (cause, error))
    return FALSE;
  /* The engine is to go on within the bounds of before. */
  (void) !qmig_step_mind_bounds (self, wait, NULL);
  return TRUE;
}

static gboolean
turn_directly (QmigMigration *self, const QmigKnob *knob, gint64 value, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) reply = qmp_wait_new_within (wait, "the source QEMU to take a parameter", qmig_limits.reply_ms);
  JsonObject *parameters = json_object_new ();
  g_autoptr(GError) cause = NULL;

  json_object_set_int_member (parameters, knob->parameter, value);
  tell (self, knob, value, "sent", NULL);
  if (qmp_migrate_set_parameters (self->source->client, parameters, reply, &cause))
    {
      qmig_knob_set (knob, self->knobs, value);
      qmig_knob_set (knob, self->unconfirmed, value);
      tell (self, knob, value, "accepted", NULL);
      return TRUE;
    }
  tell (self, knob, value, "refused", cause->message);
  return take_refusal (cause, error);
}

static gboolean
turn_parameters (QmigMigration *self, const QmigKnobs *wanted, QmpWait *wait, GError **error)
{
  for (gsize i = 0; i < qmig_n_knobs; i++)
    {
      gint64 value = qmig_knob_get (&qmig_knobs[i], wanted);

      if (qmig_knobs[i].kind == QMIG_KNOB_DIRECT && value != QMIG_UNSET && !turn_directly (self, &qmig_knobs[i], value, wait, error))
        return FALSE;
    }
  return TRUE;
}

static void
turn_deadline (QmigMigration *self, const QmigKnobs *wanted)
{
  if (wanted->deadline_ms == QMIG_UNSET)
    return;
  qmig_migration_arm_deadline (self, wanted->deadline_ms);
  tell_kind (self, QMIG_KNOB_OURS, wanted, "accepted", NULL);
  tell_kind (self, QMIG_KNOB_OURS, wanted, "in-force", NULL);
}

static gboolean
is_any_set (const QmigKnobs *knobs)
{
  for (gsize i = 0; i < qmig_n_knobs; i++)
    if (qmig_knob_get (&qmig_knobs[i], knobs) != QMIG_UNSET)
      return TRUE;
  return FALSE;
}

gboolean
qmig_step_take_knobs (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmigKnobs) wanted = qmig_migration_take_knobs (self);

  if (wanted == NULL)
    return TRUE;
  refuse_unarmed (self, wanted);
  if (!turn_bounds (self, wanted, wait, error) || !turn_parameters (self, wanted, wait, error))
    return FALSE;
  turn_deadline (self, wanted);
  /* The disk is not waited for where nothing was turned: a hold that ends leaves the guest standing still meanwhile. */
  return !is_any_set (wanted) || qmig_migration_publish_bounds (self, error);
}

gboolean
qmig_step_confirm_knobs (QmigMigration *self, const QmigSample *sample, QmpWait *wait, GError **error)
{
  g_autoptr(JsonObject) parameters = NULL;

  if (!is_any_set (self->unconfirmed))
    return TRUE;
  parameters = qmp_query_migrate_parameters (self->source->client, wait, error);
  if (parameters == NULL)
    return FALSE;
  for (gsize i = 0; i < qmig_n_knobs; i++)
    {
      const QmigKnob *knob = &qmig_knobs[i];
      gint64 value = qmig_knob_get (knob, self->unconfirmed);

      if (value == QMIG_UNSET || !qmig_knob_is_in_force (knob, value, parameters, sample))
        continue;
      tell (self, knob, value, "in-force", NULL);
      qmig_knob_set (knob, self->unconfirmed, QMIG_UNSET);
    }
  return TRUE;
}
