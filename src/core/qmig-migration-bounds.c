/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bounds of a migration: from its policy at birth, and as they are changed. */

#include "qmig-migration-private.h"

#include "converge-policy.h"

/* As it was planned; before that as its name says now, and one that is gone by now is no reason not to take the migration up. */
static QmigPolicy *
policy_of (const QmigEnv *env, const QmigJournalEntry *entry)
{
  QmigPolicy *policy;

  if (entry->plan != NULL && entry->plan->policy != NULL)
    return qmig_policy_copy (entry->plan->policy);
  policy = qmig_env_policy_for (env, entry->request, NULL);
  if (policy == NULL)
    {
      policy = converge_policy_new_default ();
      converge_policy_bound (policy, entry->request->knobs, entry->request->allow);
    }
  return policy;
}

static void
set_knobs (QmigMigration *self)
{
  const QmigPolicy *policy = self->entry->policy;
  const QmigKnobs *asked = self->entry->request->knobs;

  self->knobs = asked != NULL ? qmig_knobs_copy (asked) : qmig_knobs_new ();
  self->knobs->downtime_ms = policy->downtime_ms;
  self->knobs->bandwidth_bytes_per_s = policy->bandwidth_bytes_per_s;
  self->knobs->deadline_ms = policy->deadline_ms;
  self->knobs->throttle_max_percent = policy->throttle_max_percent;
  self->unconfirmed = qmig_knobs_new ();
}

/* With the lock held, or before anybody else knows of it. */
static void
show_bounds (QmigMigration *self)
{
  const QmigPlan *plan = self->entry->plan;

  g_clear_pointer (&self->info->knobs, qmig_knobs_free);
  self->info->knobs = qmig_knobs_copy (self->knobs);
  if (plan == NULL)
    return;
  g_clear_pointer (&self->info->policy, qmig_policy_free);
  self->info->policy = qmig_policy_copy (self->entry->policy);
  g_strfreev (self->armed);
  self->armed = g_strdupv (plan->capabilities_on);
  self->memory_bytes = plan->memory_bytes;
}

void
qmig_migration_take_bounds (QmigMigration *self)
{
  if (self->entry->policy == NULL)
    self->entry->policy = policy_of (self->env, self->entry);
  set_knobs (self);
  show_bounds (self);
}

gboolean
qmig_migration_publish_bounds (QmigMigration *self, GError **error)
{
  QmigPlan *plan = self->entry->plan;

  g_clear_pointer (&plan->policy, qmig_policy_free);
  plan->policy = qmig_policy_copy (self->entry->policy);
  g_mutex_lock (&self->lock);
  show_bounds (self);
  g_mutex_unlock (&self->lock);
  return qmig_journal_set_plan (self->journal, self->id, plan, error);
}
