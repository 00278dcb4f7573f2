/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-steps-private.h"

#include "qmig-launcher.h"
#include "qmp-commands.h"
#include "qmp-error.h"

/* -- stage 4: commit ------------------------------------------------------------ */

static gboolean
surely_not_running (const GError *error)
{
  return qmp_error_is_refusal (error) || g_error_matches (error, QMIG_ERROR, QMIG_EXIT_REFUSED);
}

static gboolean
in_doubt (QmigMigration *self, const char *why, GError **error)
{
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ATTENTION,
               "the destination on '%s' was told to run, and nobody can say whether it did: %s", qmig_host_get_name (self->host), why);
  return FALSE;
}

/* Surely it does not run: the way back is open. */
static gboolean
fail_not_started (QmigMigration *self, const char *why, GError **error)
{
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_REFUSED, "the destination on '%s' could not be started: %s", qmig_host_get_name (self->host), why);
  return FALSE;
}

/* The last look before there is no way back: what events have told by now. */
static gboolean
source_was_continued (QmigMigration *self, QmpWait *wait)
{
  while (g_main_context_iteration (qmp_wait_get_context (wait), FALSE))
    ;
  if (self->source == NULL || qmig_sides_source_is_gone (self) || qmig_steps_is_in_postcopy (self))
    return FALSE;
  /* A short post-copy may be completed by now, its run state not asked for yet. */
  if (self->entry->postcopy)
    return self->source->resumed_us > self->source->stopped_us;
  return self->source->run_state != QMP_RUN_STATE_POSTMIGRATE;
}

static QmigIncoming *
start_destination (QmigMigration *self, QmpWait *wait, GError **error)
{
  gint64 begun_us = g_get_monotonic_time ();
  QmigIncoming *incoming = self->entry->plan->was_running ? qmig_host_commit (self->host, self->id, wait, error)
                                                          : qmig_host_accept (self->host, self->id, wait, error);

  qmig_migration_enter_stage (self, QMIG_STAGE_COMMITMENT, begun_us);
  return incoming;
}

gboolean
qmig_step_commit (QmigMigration *self, QmpWait *wait, GError **error)
{
  gboolean doubt = self->told_before;
  /* In post-copy the destination is all there is to wait for. */
  g_autoptr(QmpWait) patient = qmig_steps_is_in_postcopy (self) ? qmp_wait_new (NULL, "the commit", qmig_limits.postcopy_ms) : NULL;

  if (patient != NULL)
    wait = patient;
  if (!doubt && qmig_sides_destination_is_gone (self))
    return fail_not_started (self, "it died before it was told to run", error);
  if (!doubt && source_was_continued (self, wait))
    return fail_not_started (self, "the source was continued by another hand", error);
  while (TRUE)
    {
      g_autoptr(GError) cause = NULL;
      g_autoptr(QmpWait) once = NULL;
      g_autoptr(QmigIncoming) incoming = NULL;

      if (patient != NULL && !qmig_step_mend_link (self, doubt, wait, error))
        return FALSE;
      once = qmp_wait_new_within (wait, "the commit", patient != NULL ? qmig_limits.reply_ms : qmp_wait_left_ms (wait));
      incoming = start_destination (self, once, &cause);
      if (incoming != NULL)
        {
          if (incoming->resumed_us > 0 && self->source != NULL && self->source->stopped_us > 0)
            {
              self->result->blackout_ms = (incoming->resumed_us - self->clock.offset_us - self->source->stopped_us) / 1000.0;
              self->result->blackout_uncertainty_ms = self->clock.uncertainty_us / 1000.0;
            }
          self->result->vm_state = g_strdup (incoming->run_state);
          return TRUE;
        }

      if (surely_not_running (cause) && !doubt)
        return fail_not_started (self, cause->message, error);
      if (g_error_matches (cause, QMIG_ERROR, QMIG_EXIT_ATTENTION) || surely_not_running (cause) || qmp_wait_left_ms (wait) <= 0)
        return in_doubt (self, cause->message, error);

      doubt = TRUE;
      qmig_migration_log (self, "no certain answer to the commit, asking again: %s", cause->message);
      if (!qmp_wait_pause (wait, 100, NULL))
        return in_doubt (self, cause->message, error);
    }
}

gboolean
qmig_undo_commit (QmigMigration *self, QmpWait *wait, GError **error)
{
  return qmig_undo_switchover (self, wait, error);
}

/* -- stage 5: release -------------------------------------------------------------- */

static void
read_final_numbers (QmigMigration *self, QmpWait *wait)
{
  g_autoptr(QmpMigrationInfo) info = NULL;
  QmigResult *result = self->result;

  if (!qmig_instance_look (self->source, &info, wait, NULL))
    return;
  result->qemu_total_ms = info->total_time_ms >= 0 ? info->total_time_ms : QMIG_UNSET;
  result->setup_ms = info->setup_time_ms >= 0 ? info->setup_time_ms : QMIG_UNSET;
  result->downtime_ms = info->downtime_ms >= 0 ? info->downtime_ms : QMIG_UNSET;
  result->passes = info->ram_dirty_sync_count >= 0 ? info->ram_dirty_sync_count : QMIG_UNSET;
  result->transferred_bytes = info->ram_transferred_bytes >= 0 ? info->ram_transferred_bytes : QMIG_UNSET;
  result->downtime_bytes = info->ram_downtime_bytes >= 0 && info->ram_multifd_bytes <= 0 ? info->ram_downtime_bytes : QMIG_UNSET;
}

static gboolean
end_source (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) politely = qmp_wait_new_within (wait, "the source QEMU to quit", qmig_limits.reply_ms);

  if (qmig_sides_source_is_gone (self))
    return TRUE;
  read_final_numbers (self, politely);
  if (qmp_quit (self->source->client, politely, NULL) && qmig_instance_wait_gone (self->source, politely, NULL))
    return TRUE;

  qmig_migration_log (self, "the source QEMU does not quit: killing it, its VM runs on the destination");
  return qmig_instance_kill (self->source, wait, error);
}

gboolean
qmig_step_release (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmigIncoming) released = NULL;
  g_autofree char *source_run_dir = g_path_get_dirname (self->entry->source_qmp);
  g_autofree char *vm_dir = g_build_filename (self->env->runtime_dir, "vm", G_DIR_SEPARATOR_S, NULL);

  if (!end_source (self, wait, error))
    return FALSE;
  if (g_str_has_prefix (source_run_dir, vm_dir))
    {
      g_autoptr(GError) left = NULL;

      if (!qmig_launcher_remove_run_dir (self->env->runtime_dir, source_run_dir, &left))
        qmig_migration_log (self, "cannot remove %s: %s", source_run_dir, left->message);
    }
  released = qmig_sides_ask_patiently (self, qmig_host_release, wait, error);
  return released != NULL;
}
