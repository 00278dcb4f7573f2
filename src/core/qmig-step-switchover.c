/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-steps-private.h"

#include "qmp-commands.h"
#include "qmp-error.h"

#define HELD_LOOK_MS 250

/* -- stage 3: switchover ------------------------------------------------------ */

static void
begin_stop_and_copy (QmigMigration *self)
{
  gint64 stopped_for_us = self->source != NULL && self->source->stopped_us > 0 ? g_get_real_time () - self->source->stopped_us : 0;

  qmig_migration_enter_stage (self, QMIG_STAGE_STOP_AND_COPY, g_get_monotonic_time () - MAX (stopped_for_us, 0));
}

/* With nothing left to copy QEMU stops the guest here even when held: it waits, paused, for the word. */
static gboolean
wait_at_gate (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) as_long_as_it_takes = NULL;
  gint64 renewed_us = g_get_monotonic_time ();

  if (!qmig_migration_is_hold_wanted (self))
    return TRUE;

  begin_stop_and_copy (self);
  as_long_as_it_takes = qmp_wait_new (qmp_wait_get_cancellable (wait), "the word to go", -1);
  qmig_migration_set_holding (self, TRUE);
  qmig_migration_log (self, "nothing is left to copy: the guest waits, stopped, at the gate");
  while (qmig_migration_is_hold_wanted (self))
    {
      QmigNews news = qmig_news_begin_with_knobs (self);

      if (qmig_sides_source_is_gone (self))
        return qmig_sides_fail_source_gone (self, error);
      if (self->source->status != QMP_MIGRATION_STATUS_PRE_SWITCHOVER)
        {
          qmig_sides_fail (self, "the migration was ended by another hand while it was held at the gate", as_long_as_it_takes, error);
          return FALSE;
        }
      if (qmig_sides_destination_is_gone (self))
        {
          qmig_sides_set_failure (self, "the migration ended while the guest was held at the gate", error);
          return FALSE;
        }
      qmig_step_renew_lease (self, &renewed_us, as_long_as_it_takes);
      if (!qmig_step_take_knobs (self, as_long_as_it_takes, error) || !qmig_news_wait (&news, as_long_as_it_takes, HELD_LOOK_MS, error))
        return FALSE;
    }
  qmig_migration_set_holding (self, FALSE);
  return TRUE;
}

/* The time held at the gate is not the step's.  What the destination's host has told by itself is not asked again: the guest
 * stands still. */
static gboolean
pass_gate (QmigMigration *self, GCancellable *cancellable, GError **error)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (cancellable, "the gate", qmig_limits.reply_ms);
  const QmigIncoming *heard = qmig_host_peek (self->host, NULL);
  g_autoptr(QmigIncoming) incoming = heard != NULL ? qmig_incoming_copy (heard) : qmig_host_query (self->host, self->id, wait, error);

  if (incoming == NULL)
    {
      g_prefix_error (error, "the destination on '%s' is not ready for the switchover: ", qmig_host_get_name (self->host));
      return FALSE;
    }
  if (incoming->phase == QMIG_INCOMING_GONE)
    {
      qmig_sides_fail (self, "the migration ended before the switchover", wait, error);
      return FALSE;
    }
  qmig_fault_point ("gate", "switchover");
  /* From the package on there is no way back, so that from here on nobody can cancel. */
  if (self->entry->postcopy && !qmig_migration_pass_point_of_no_return (self, error))
    return FALSE;
  qmig_migration_set_postcopy (self, self->entry->postcopy);
  /* Its answer comes after the one that explains the stop. */
  return qmp_migrate_continue (self->source->client, wait, error) && qmig_step_mind_pause (self, error);
}

/* Past the package, with the source in post-copy: until the destination may be told to run. */
static gboolean
landing_is_over (QmigMigration *self, gboolean *over, GError **error)
{
  if (qmig_sides_source_is_gone (self))
    return qmig_sides_fail_source_gone (self, error);
  if (qmig_sides_destination_is_gone (self))
    {
      qmig_sides_set_failure (self, "the destination is gone, and in post-copy the source does not run again", error);
      return FALSE;
    }
  *over = qmig_sides_destination_has_landed (self);
  return TRUE;
}

/* Neither side's word alone: the source completed and in postmigrate, the destination loaded and not running. */
static gboolean
switchover_is_over (QmigMigration *self, gboolean *over, QmpWait *wait, GError **error)
{
  *over = FALSE;
  if (qmig_steps_is_in_postcopy (self))
    return landing_is_over (self, over, error);
  if (qmig_sides_source_is_gone (self))
    {
      *over = qmig_sides_destination_is_loaded (self);
      return *over || !qmig_sides_destination_is_gone (self) ? TRUE : qmig_sides_fail_source_gone (self, error);
    }
  if (self->source->status == QMP_MIGRATION_STATUS_FAILED || self->source->status == QMP_MIGRATION_STATUS_CANCELLED)
    {
      qmig_sides_fail (self, "the migration failed in the switchover", wait, error);
      return FALSE;
    }
  if (qmig_sides_destination_is_gone (self))
    {
      qmig_sides_fail (self, "the migration ended in the switchover", wait, error);
      return FALSE;
    }
  if (self->source->status == QMP_MIGRATION_STATUS_COMPLETED && self->source->run_state != QMP_RUN_STATE_POSTMIGRATE &&
      !qmig_instance_ask_run_state (self->source, wait, error))
    return qmig_sides_source_is_gone (self) ? (g_clear_error (error), TRUE) : FALSE;

  *over = self->source->status == QMP_MIGRATION_STATUS_COMPLETED && self->source->run_state == QMP_RUN_STATE_POSTMIGRATE &&
          qmig_sides_destination_is_loaded (self);
  return TRUE;
}

gboolean
qmig_step_switchover (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) device = NULL;
  g_autoptr(QmpWait) landing = NULL;
  gboolean through = TRUE;
  gboolean over = FALSE;

  if (!qmig_sides_source_is_gone (self) && self->source->status == QMP_MIGRATION_STATUS_PRE_SWITCHOVER)
    through = wait_at_gate (self, wait, error) && pass_gate (self, qmp_wait_get_cancellable (wait), error);
  begin_stop_and_copy (self);
  if (!through)
    return FALSE;

  device = qmp_wait_new (qmp_wait_get_cancellable (wait), "the switchover", MAX (qmig_limits.device_ms, 3 * self->limits->downtime_limit_ms));
  while (TRUE)
    {
      QmigNews news = qmig_news_begin (self);
      gboolean nearly;

      /* There is no way back that a limit could lead to. */
      if (landing == NULL && qmig_steps_is_in_postcopy (self))
        landing = qmp_wait_new (NULL, "the destination in post-copy", qmig_limits.postcopy_ms);
      if (!switchover_is_over (self, &over, landing != NULL ? landing : device, error))
        return FALSE;
      if (over)
        {
          qmig_migration_set_postcopy (self, landing != NULL);
          return TRUE;
        }
      nearly = !qmig_sides_source_is_gone (self) && self->source->status == QMP_MIGRATION_STATUS_COMPLETED &&
               self->source->run_state != QMP_RUN_STATE_POSTMIGRATE;
      if (!qmig_news_wait (&news, landing != NULL ? landing : device, nearly ? 1 : 500, error))
        return FALSE;
    }
}

/* Before the intent only our own commit could have started the destination, so its proven end is wanted, but not needed;
 * after it nothing less than proof will do, or a person's word. */
static gboolean
end_destination (QmigMigration *self, gboolean *gone, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) short_wait = qmp_wait_new_within (wait, "the destination's end", qmig_limits.abort_ms);
  g_autoptr(GError) cause = NULL;
  g_autoptr(QmigIncoming) incoming = NULL;

  if (*gone)
    return TRUE;
  incoming = qmig_sides_ask_patiently (self, qmig_host_abort, short_wait, &cause);
  /* Its host may fail to tidy up behind a process that it has ended. */
  if (incoming != NULL || qmig_sides_destination_is_gone (self))
    {
      *gone = TRUE;
      return TRUE;
    }
  if (qmig_sides_is_silence (cause) && (!self->entry->commit_intent || g_strcmp0 (self->assume, "source") == 0))
    {
      qmig_migration_log (self, "'%s' is silent; %s: %s", qmig_host_get_name (self->host),
                          self->entry->commit_intent ? "a person says that the VM is to run on the source"
                                                     : "its copy never got the word to run and cannot start by itself",
                          cause->message);
      self->leftover = TRUE;
      *gone = TRUE;
      return TRUE;
    }
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ATTENTION, "cannot prove the destination gone: %s", cause->message);
  return FALSE;
}

/* QEMU's main loop writes to a peer that does not read: only the out-of-band yank and the peer's end free it. */
static gboolean
free_blocked_source (QmigMigration *self, gboolean *destination_gone, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) reply = qmp_wait_new_within (wait, "yank", qmig_limits.look_back_ms);
  g_autoptr(GError) refused = NULL;

  qmig_migration_log (self, "the source does not answer: breaking its migration channel (yank)");
  if (!qmp_yank_migration (self->source->client, reply, &refused))
    qmig_migration_log (self, "yank: %s", refused->message);
  return end_destination (self, destination_gone, wait, error);
}

static gboolean
continue_source (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(GError) unimportant = NULL;

  if (!qmp_cont (self->source->client, wait, error))
    {
      g_prefix_error (error, "cannot continue the source: ");
      return FALSE;
    }
  /* The network may have learned the destination's port already. */
  if (!qmp_announce_self (self->source->client, wait, &unimportant))
    qmig_migration_log (self, "announce-self: %s", unimportant->message);
  return TRUE;
}

typedef struct
{
  gint64 begun_us;
  gboolean cancelled;
  gboolean destination_gone;
  gboolean continued;
} WayBack;

/* Before QEMU 10 a connect to an address that does not answer is not given up for two minutes; the guest runs meanwhile. */
static gboolean
lingers (QmigMigration *self, const WayBack *way, gboolean stopped_for_move)
{
  if (self->source->status != QMP_MIGRATION_STATUS_CANCELLING || stopped_for_move ||
      g_get_monotonic_time () - way->begun_us < qmig_limits.linger_ms * 1000)
    return FALSE;
  qmig_migration_log (self, "QEMU on the source has not ended the cancelled migration yet; the VM was never stopped");
  return TRUE;
}

/* One look, one act towards a source that runs as it did before; *back when it does. */
static gboolean
go_back (QmigMigration *self, WayBack *way, gboolean *back, QmpWait *wait, GError **error)
{
  QmigInstance *source = self->source;
  QmpMigrationStatus status = source->status;
  gboolean stopped_for_move = source->run_state == QMP_RUN_STATE_POSTMIGRATE || source->run_state == QMP_RUN_STATE_FINISH_MIGRATE;

  *back = FALSE;
  if (qmp_migration_status_is_postcopy (status) && status != QMP_MIGRATION_STATUS_POSTCOPY_DEVICE)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ATTENTION, "the source is in post-copy (%s): there is no way back", source->status_text);
      return FALSE;
    }
  if (status == QMP_MIGRATION_STATUS_CANCELLING || status == QMP_MIGRATION_STATUS_FAILING)
    {
      *back = lingers (self, way, stopped_for_move);
      return TRUE;
    }

  if (qmp_migration_status_is_in_progress (status))
    {
      gboolean device = status != QMP_MIGRATION_STATUS_SETUP && status != QMP_MIGRATION_STATUS_ACTIVE &&
                        status != QMP_MIGRATION_STATUS_WAIT_UNPLUG && status != QMP_MIGRATION_STATUS_PRE_SWITCHOVER;
      g_autoptr(QmpWait) cancel = NULL;

      /* A post-copy may be past its point at any moment: QEMU knows, and refuses the cancel then; the destination is not ended before. */
      if (way->cancelled || (device && !self->entry->postcopy && !end_destination (self, &way->destination_gone, wait, error)))
        return way->cancelled;
      cancel = qmp_wait_new_within (wait, "the cancel", qmig_limits.look_back_ms);
      way->cancelled = qmp_migrate_cancel (source->client, cancel, NULL);
      return TRUE;
    }

  if (source->run_state == QMP_RUN_STATE_POSTMIGRATE && self->entry->plan->was_running)
    {
      if (!end_destination (self, &way->destination_gone, wait, error))
        return FALSE;
      if (!way->continued && !continue_source (self, wait, error))
        return FALSE;
      way->continued = TRUE;
      return TRUE;
    }

  *back = !stopped_for_move || (source->run_state == QMP_RUN_STATE_POSTMIGRATE && !self->entry->plan->was_running);
  return TRUE;
}

gboolean
qmig_undo_switchover (QmigMigration *self, QmpWait *wait, GError **error)
{
  WayBack way = { .begun_us = g_get_monotonic_time (), .destination_gone = qmig_sides_destination_is_gone (self) };

  while (TRUE)
    {
      QmigNews news = qmig_news_begin (self);
      g_autoptr(QmpWait) look = qmp_wait_new_within (wait, "the source's state", qmig_limits.look_back_ms);
      g_autoptr(GError) silent = NULL;
      gboolean back = FALSE;

      if (qmig_sides_source_is_gone (self))
        return qmig_sides_fail_source_gone (self, error);
      if (!qmig_instance_look (self->source, NULL, look, &silent))
        {
          if (!g_error_matches (silent, QMP_ERROR, QMP_ERROR_TIMEOUT) || qmp_wait_left_ms (wait) == 0)
            {
              /* The connection went: the process follows in a moment, or the monitor was taken from us. */
              if (qmig_instance_wait_gone (self->source, look, NULL))
                continue;
              g_propagate_error (error, g_steal_pointer (&silent));
              return FALSE;
            }
          if (!free_blocked_source (self, &way.destination_gone, wait, error))
            return FALSE;
          continue;
        }
      if (!go_back (self, &way, &back, wait, error))
        return FALSE;
      if (back)
        return TRUE;
      if (!qmig_news_wait (&news, wait, 50, error))
        return FALSE;
    }
}

gboolean
qmig_undo_precopy (QmigMigration *self, QmpWait *wait, GError **error)
{
  return qmig_undo_switchover (self, wait, error);
}
