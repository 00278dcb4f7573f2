/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-steps-private.h"

#include "json-strict.h"
#include "qmp-commands.h"

#define SAMPLE_MS 250      /* QEMU's own numbers move in 100 ms windows */
#define LEAST_SAMPLE_MS 100
#define HOLD_SAMPLE_MS 100 /* one that is paced by what is left */

/* -- stage 2: pre-copy -------------------------------------------------------- */

/* Whether the VM is to run on the destination, as far as the source shows it now; @before where it does not show. */
static gboolean
is_to_run (const QmigInstance *source, gboolean before)
{
  if (qmp_run_state_is_live (source->run_state))
    return TRUE;
  /* Stopped for the switchover, unless it was stopped before by somebody else. */
  if (source->run_state == QMP_RUN_STATE_FINISH_MIGRATE || source->run_state == QMP_RUN_STATE_POSTMIGRATE ||
      source->run_state == QMP_RUN_STATE_UNKNOWN)
    return before && !source->paused_by_hand;
  return FALSE; /* paused, or stopped by an error or a panic of its own: it arrives as it is */
}

gboolean
qmig_step_mind_pause (QmigMigration *self, GError **error)
{
  QmigPlan *plan = self->entry->plan;
  gboolean runs = is_to_run (self->source, plan->was_running);

  if (plan->was_running == runs)
    return TRUE;
  plan->was_running = runs;
  qmig_migration_log (self, "the VM is now %s on the source and will be so on the destination", runs ? "running" : "not running");
  return qmig_journal_set_plan (self->journal, self->id, plan, error);
}

/* QEMU would take "exec:COMMAND" as well; nor may the stream go another way than planned. */
gboolean
qmig_step_check_uri (QmigMigration *self, GError **error)
{
  const char *transport = self->entry->plan->transport;
  gboolean by_unix = g_strcmp0 (transport, "unix") == 0 || g_strcmp0 (transport, "ssh") == 0;

  if (g_str_has_prefix (self->uri, by_unix ? "unix:" : "tcp:"))
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot send the VM to '%s', which '%s' says it listens on: the transport is %s", self->uri,
               qmig_host_get_name (self->host), transport);
  return FALSE;
}

/* Before any of the VM can be there, and while the guest runs: at the gate it would stand still for the answer. */
static gboolean
hold_destination (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) reply = qmp_wait_new_within (wait, "the destination's host", qmig_limits.reply_ms);
  g_autoptr(GError) cause = NULL;
  g_autoptr(QmigIncoming) held = qmig_host_hold (self->host, self->id, reply, &cause);
  g_autoptr(QmigIncoming) now = NULL;

  if (held != NULL)
    return TRUE;
  now = qmig_host_query (self->host, self->id, reply, NULL);
  if (now != NULL && now->phase == QMIG_INCOMING_GONE)
    {
      qmig_sides_fail (self, "the migration ended before it began", wait, error);
      return FALSE;
    }
  g_propagate_prefixed_error (error, g_steal_pointer (&cause), "the destination on '%s' is not ready for the VM: ", qmig_host_get_name (self->host));
  return FALSE;
}

static gboolean
start_migrate (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) reply = qmp_wait_new_within (wait, "QEMU to start the migration", qmig_limits.reply_ms);

  if (!qmig_instance_look (self->source, NULL, reply, error))
    return FALSE;
  if (qmp_migration_status_is_in_progress (self->source->status) || self->source->run_state == QMP_RUN_STATE_POSTMIGRATE)
    return TRUE; /* taken up by recovery */
  if (self->uri == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ROLLED_BACK, "QEMU on the source no longer migrates (%s)",
                   self->source->status_text != NULL ? self->source->status_text : "none");
      return FALSE;
    }

  if (!qmig_step_check_uri (self, error) || !qmig_step_mind_pause (self, error))
    return FALSE;
  self->source_told = TRUE;
  if (!qmp_migrate (self->source->client, self->uri, reply, error))
    {
      g_prefix_error (error, "QEMU on the source refused to migrate: ");
      return FALSE;
    }
  return qmig_instance_look (self->source, NULL, reply, error);
}

static gboolean
take_sample (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) reply = qmp_wait_new_within (wait, "QEMU's numbers", qmig_limits.reply_ms);
  g_autoptr(QmpMigrationInfo) info = NULL;
  g_autoptr(QmigSample) sample = NULL;
  g_autoptr(QmigDecision) decision = NULL;
  gint64 pass = self->sampler.pass;

  if (!qmig_instance_look (self->source, &info, reply, error))
    return qmig_sides_source_is_gone (self) || self->source->guest_ended ? (g_clear_error (error), qmig_sides_fail_source_gone (self, error)) : FALSE;
  if (!qmig_step_mind_pause (self, error))
    return FALSE;
  if (info->ram_remaining_bytes >= 0)
    self->left_bytes = info->ram_remaining_bytes;

  sample = qmig_sampler_take (&self->sampler, info, g_get_monotonic_time ());
  sample->stage = QMIG_STAGE_PRE_COPY;
  sample->downtime_limit_ms = self->limits->downtime_limit_ms;
  sample->bandwidth_limit_bytes_per_s = self->limits->bandwidth_limit_bytes_per_s;
  decision = qmig_step_decide (self, sample);
  self->result->throttle_percent = MAX (self->result->throttle_percent, sample->throttle_percent);
  qmig_migration_set_sample (self, sample);
  qmig_migration_emit (self, "sample", qmig_sample_to_object (sample));
  if (!qmig_step_confirm_knobs (self, sample, reply, error))
    return FALSE;
  if (self->sampler.pass != pass)
    {
      JsonObject *data = json_object_new ();

      json_object_set_int_member (data, "pass", self->sampler.pass);
      json_object_set_int_member (data, "remaining_bytes", self->sampler.after_sync_bytes);
      qmig_migration_emit (self, "round", data);
    }
  return decision == NULL || qmig_step_do_decision (self, decision, wait, error);
}

void
qmig_step_renew_lease (QmigMigration *self, gint64 *renewed_us, QmpWait *wait)
{
  g_autoptr(GError) silent = NULL;
  g_autoptr(QmigIncoming) incoming = NULL;
  g_autoptr(QmpWait) reply = NULL;

  if (g_get_monotonic_time () - *renewed_us < qmig_limits.renew_ms * 1000)
    return;
  *renewed_us = g_get_monotonic_time ();
  reply = qmp_wait_new_within (wait, "the destination's host", qmig_limits.account_ms);
  incoming = qmig_host_renew (self->host, self->id, reply, &silent);
  if (incoming == NULL)
    qmig_migration_log (self, "'%s' does not renew the lease: %s", qmig_host_get_name (self->host), silent->message);
}

/* FALSE with both sides' accounts when it is over, and not well. */
static gboolean
go_on_with_precopy (QmigMigration *self, gint64 begun_us, QmpWait *wait, GError **error)
{
  gint64 now_us = g_get_monotonic_time ();

  switch (self->source->status)
    {
    case QMP_MIGRATION_STATUS_PRE_SWITCHOVER:
    case QMP_MIGRATION_STATUS_DEVICE:
    case QMP_MIGRATION_STATUS_COMPLETED:
      return TRUE;

    case QMP_MIGRATION_STATUS_FAILED:
    case QMP_MIGRATION_STATUS_FAILING:
    case QMP_MIGRATION_STATUS_NONE:
      qmig_sides_fail (self, "the migration failed in pre-copy", wait, error);
      return FALSE;

    case QMP_MIGRATION_STATUS_CANCELLING:
    case QMP_MIGRATION_STATUS_CANCELLED:
      qmig_sides_fail (self, "QEMU or somebody else cancelled the migration in pre-copy", wait, error);
      return FALSE;

    case QMP_MIGRATION_STATUS_SETUP:
      if (now_us - begun_us > qmig_limits.setup_ms * 1000)
        {
          g_autofree char *what = g_strdup_printf ("the source does not get through to the destination (status setup for %" G_GINT64_FORMAT " s)",
                                                   qmig_limits.setup_ms / 1000);

          qmig_sides_set_failure (self, what, error);
          return FALSE;
        }
      break;

    case QMP_MIGRATION_STATUS_ACTIVE:
      if (!qmig_sides_check_loading (self, wait, error))
        return FALSE;
      break;

    case QMP_MIGRATION_STATUS_UNKNOWN:
    case QMP_MIGRATION_STATUS_WAIT_UNPLUG:
    case QMP_MIGRATION_STATUS_POSTCOPY_DEVICE:
    case QMP_MIGRATION_STATUS_POSTCOPY_ACTIVE:
    case QMP_MIGRATION_STATUS_POSTCOPY_PAUSED:
    case QMP_MIGRATION_STATUS_POSTCOPY_RECOVER_SETUP:
    case QMP_MIGRATION_STATUS_POSTCOPY_RECOVER:
    case QMP_MIGRATION_STATUS_COLO:
      break;
    }

  if (qmig_sides_destination_is_gone (self))
    {
      qmig_sides_fail (self, "the migration ended in pre-copy", wait, error);
      return FALSE;
    }
  if (qmig_sampler_stalled_ms (&self->sampler, now_us) > qmig_limits.stall_ms)
    {
      g_autofree char *what = g_strdup_printf ("no byte was sent for %" G_GINT64_FORMAT " s: the destination or the link hangs",
                                               qmig_limits.stall_ms / 1000);

      qmig_sides_set_failure (self, what, error);
      return FALSE;
    }
  return TRUE;
}

/* The less is left the slower, so that the guest is never stopped. */
static gboolean
is_paced (QmigMigration *self)
{
  return self->entry->request->no_gate || qmig_migration_is_hold_wanted (self);
}

static gboolean
pace (QmigMigration *self, QmpWait *wait, GError **error)
{
  return !is_paced (self) || qmig_step_apply_limits (self, wait, error);
}

static gboolean
is_at_gate (QmigMigration *self)
{
  return self->source->status == QMP_MIGRATION_STATUS_PRE_SWITCHOVER || self->source->status == QMP_MIGRATION_STATUS_DEVICE ||
         self->source->status == QMP_MIGRATION_STATUS_COMPLETED || qmp_migration_status_is_postcopy (self->source->status);
}

/* Until the next look is due: passes may follow each other within a millisecond, QEMU's numbers do not. */
static gboolean
wait_for_next_look (QmigMigration *self, QmigNews *news, QmpWait *wait, GError **error)
{
  gint64 looked_us = g_get_monotonic_time ();
  gint64 tick_ms = is_paced (self) ? HOLD_SAMPLE_MS : SAMPLE_MS;

  while (qmig_news_wait (news, wait, tick_ms, error))
    {
      if (news->ticked || qmig_sides_knobs_wait (self) || self->source->status != QMP_MIGRATION_STATUS_ACTIVE || qmig_sides_destination_is_gone (self) ||
          qmig_sides_source_is_gone (self) || g_get_monotonic_time () - looked_us >= LEAST_SAMPLE_MS * 1000)
        return TRUE;
      *news = qmig_news_begin_with_knobs (self);
    }
  return FALSE;
}

gboolean
qmig_step_precopy (QmigMigration *self, QmpWait *wait, GError **error)
{
  gint64 begun_us = g_get_monotonic_time ();
  gint64 renewed_us = begun_us;

  if (!hold_destination (self, wait, error) || !start_migrate (self, wait, error))
    return FALSE;
  /* Taken up by recovery, in the middle of the copying. */
  if (self->engine == NULL && self->source->status == QMP_MIGRATION_STATUS_ACTIVE && !qmig_step_begin_steering (self, wait, error))
    return FALSE;

  /* At the gate the guest stands still: nothing is asked that it would have to wait for. */
  while (!is_at_gate (self))
    {
      QmigNews news = qmig_news_begin_with_knobs (self);

      if (!take_sample (self, wait, error) || !go_on_with_precopy (self, begun_us, wait, error))
        return FALSE;
      if (is_at_gate (self) || qmig_step_is_rehearsed (self))
        break;
      qmig_step_renew_lease (self, &renewed_us, wait);
      if (!qmig_step_take_knobs (self, wait, error) || !qmig_step_mind_postcopy (self, wait, error) || !pace (self, wait, error) || !wait_for_next_look (self, &news, wait, error))
        return FALSE;
    }
  return TRUE;
}
