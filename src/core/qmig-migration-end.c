/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a migration ended: outcome, exit code, where the VM is, and what to do next. */

#include "qmig-migration-private.h"

#include "api-failures.h"
#include "qmig-steps.h"

/* -- the end ------------------------------------------------------------------------ */

static void
note_missed (GStrvBuilder *missed, const char *what, double value, gint64 bound, const char *unit)
{
  g_autofree char *text = NULL;

  if (bound == QMIG_UNSET || !(value > bound))
    return;
  text = g_strdup_printf ("%s %.0f%s > %" G_GINT64_FORMAT "%s", what, value, unit, bound, unit);
  g_strv_builder_add (missed, text);
}

static void
judge_expectations (QmigMigration *self)
{
  const QmigExpect *expect = self->entry->request->expect;
  QmigResult *result = self->result;
  const QmigRehearsal *foreseen = result->rehearsal;
  g_autoptr(GStrvBuilder) missed = g_strv_builder_new ();

  if (expect == NULL)
    return;
  note_missed (missed, "downtime", foreseen != NULL ? foreseen->downtime_ms : result->downtime_ms, expect->downtime_ms, " ms");
  note_missed (missed, "blackout", foreseen != NULL ? foreseen->downtime_ms : result->blackout_ms, expect->blackout_ms, " ms");
  note_missed (missed, "total", foreseen != NULL ? foreseen->total_ms : result->total_ms, expect->total_ms, " ms");
  note_missed (missed, "rounds", result->passes, expect->rounds, "");
  result->missed = g_strv_builder_end (missed);
  if (result->missed[0] != NULL)
    result->exit_code = QMIG_EXIT_OBJECTIVE;
}

static void
set_end (QmigResult *result, QmigOutcome outcome, QmigExit code, QmigLocation location, const char *next)
{
  result->outcome = outcome;
  result->exit_code = code;
  result->vm_location = location;
  result->safe_to_retry = code == QMIG_EXIT_REFUSED || code == QMIG_EXIT_ROLLED_BACK || code == QMIG_EXIT_CANCELLED ||
                          code == QMIG_EXIT_UNREACHABLE || code == QMIG_EXIT_CONFLICT;
  result->next = g_strdup (next);
}

void
qmig_migration_end_completed (QmigMigration *self, const GError *untidy)
{
  g_autofree char *next = untidy != NULL
                          ? g_strdup_printf ("the VM runs on '%s'; left to tidy up, by `qmig recover %s`: %s", self->entry->plan->destination, self->id, untidy->message) : NULL;

  set_end (self->result, QMIG_OUTCOME_COMPLETED, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION, next);
}

void
qmig_migration_end_in_doubt (QmigMigration *self, QmigLocation location)
{
  g_autofree char *next = location == QMIG_LOCATION_NONE
    ? g_strdup ("no QEMU has the VM any more: start it again from its disks")
    : g_strdup_printf ("look at both hosts, then `qmig recover %s`; with your word where it is to run: --assume source or --assume destination", self->id);

  set_end (self->result, QMIG_OUTCOME_ATTENTION, QMIG_EXIT_ATTENTION, location, next);
}

void
qmig_migration_end_broken_postcopy (QmigMigration *self)
{
  gboolean source_gone = self->source == NULL || qmig_instance_is_gone (self->source);
  const QmigIncoming *incoming = self->host != NULL ? qmig_host_peek (self->host, NULL) : NULL;
  g_autofree char *next = NULL;

  if (source_gone || (incoming != NULL && incoming->phase == QMIG_INCOMING_GONE))
    {
      set_end (self->result, QMIG_OUTCOME_ATTENTION, QMIG_EXIT_ATTENTION, QMIG_LOCATION_NONE,
               "no QEMU has all of the VM any more: end what is left of it, and start it again from its disks");
      return;
    }
  next = g_strdup_printf ("the source has memory that the destination needs: keep both QEMUs, mend the link between '%s' and '%s', then `qmig recover %s`",
                          self->entry->source_host, self->entry->plan->destination, self->id);
  set_end (self->result, QMIG_OUTCOME_ATTENTION, QMIG_EXIT_ATTENTION,
           self->entry->commit_intent ? QMIG_LOCATION_DESTINATION : QMIG_LOCATION_UNKNOWN, next);
}

static char *
tell_leftover (QmigMigration *self)
{
  g_autofree char *pid = self->info->destination_pid != QMIG_UNSET ? g_strdup_printf (" (pid %" G_GINT64_FORMAT ")", self->info->destination_pid)
                                                                   : g_strdup ("");

  return g_strdup_printf ("a stopped copy%s may be left on '%s', until its lease ends: `qmig recover %s` ends it when that host answers; never continue it", pid,
                          self->entry->plan->destination, self->id);
}

/* QEMU before 8.1 leaves a VM that was paused there, and moves nothing from there; to run its guest, for however short, is nobody's
 * right but its owner's.  [QEMU 7.2, migration_iteration_finish()] */
static void
tell_postmigrate (QmigMigration *self)
{
  QmigResult *result = self->result;
  g_autofree char *before = NULL;

  if (self->source == NULL || self->source->run_state != QMP_RUN_STATE_POSTMIGRATE)
    return;
  before = result->next;
  result->safe_to_retry = FALSE;
  result->next = g_strdup_printf ("%s%sthe VM was paused, and its QEMU leaves it in postmigrate, from where it is not moved: `cont`, then `stop`, "
                                  "by `qmig vm qmp`, bring it back to paused; its guest runs for a moment in between",
                                  before != NULL ? before : "", before != NULL ? "; after that: " : "");
}

static void
end_rolled_back (QmigMigration *self, gsize failed, const GError *cause)
{
  g_autofree char *next = self->leftover ? tell_leftover (self) : NULL;
  gboolean untouched = failed <= (gsize) qmig_step_index ("check") ||
                       (failed == (gsize) qmig_step_index ("prepare") && g_error_matches (cause, QMIG_ERROR, QMIG_EXIT_REFUSED));

  if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    set_end (self->result, QMIG_OUTCOME_CANCELLED, QMIG_EXIT_CANCELLED, QMIG_LOCATION_SOURCE, next);
  else if (untouched && !g_error_matches (cause, QMIG_ERROR, QMIG_EXIT_ROLLED_BACK))
    set_end (self->result, QMIG_OUTCOME_REFUSED, qmig_error_get_exit (cause), QMIG_LOCATION_SOURCE, next);
  else
    set_end (self->result, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE, next);
  tell_postmigrate (self);
}

void
qmig_migration_end_rehearsed (QmigMigration *self)
{
  g_autofree char *next = self->leftover ? tell_leftover (self) : NULL;

  set_end (self->result, QMIG_OUTCOME_REHEARSED, QMIG_EXIT_OK, QMIG_LOCATION_SOURCE, next);
}

void
qmig_migration_take_accounts (QmigMigration *self)
{
  const QmigIncoming *incoming = self->host != NULL ? qmig_host_peek (self->host, NULL) : NULL;

  if (self->source != NULL && (self->source_told || self->recovering))
    self->result->source_said = g_strdup (self->source->error_desc);
  if (incoming != NULL && incoming->error != NULL && *incoming->error != '\0')
    self->result->destination_said = g_strdup (incoming->error);
}

void
qmig_migration_set_error_text (QmigMigration *self, const GError *cause)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    self->result->error = g_strdup_printf ("cancelled: %s", self->cancel_reason != NULL ? self->cancel_reason : "by request");
  else
    self->result->error = g_strdup (cause->message);
}

void
qmig_migration_end_failed (QmigMigration *self, gsize failed, const GError *cause, const GError *not_back)
{
  gboolean source_gone = self->source != NULL ? qmig_instance_is_gone (self->source)
                                              : !qmig_process_is_alive (self->entry->source_pid, self->entry->source_start_time);

  qmig_migration_set_error_text (self, cause);
  if (source_gone && !g_str_has_prefix (self->result->error, "the source QEMU") && !(self->source != NULL && self->source->guest_ended))
    {
      g_autofree char *symptom = g_steal_pointer (&self->result->error);

      self->result->error = g_strdup_printf ("the source QEMU of '%s' died: %s", self->entry->vm, symptom);
    }
  if (source_gone && failed <= (gsize) qmig_step_index ("check"))
    set_end (self->result, QMIG_OUTCOME_REFUSED, QMIG_EXIT_NOT_FOUND, QMIG_LOCATION_NONE, "its QEMU ended before anything was begun");
  else if (source_gone && self->leftover)
    qmig_migration_end_in_doubt (self, QMIG_LOCATION_UNKNOWN);
  else if (source_gone && self->source != NULL && self->source->guest_ended)
    set_end (self->result, QMIG_OUTCOME_GUEST_ENDED, QMIG_EXIT_ERROR, QMIG_LOCATION_NONE, "it was shut down meanwhile, by its guest or by an operator: nothing is to be repaired");
  else if (source_gone)
    qmig_migration_end_in_doubt (self, QMIG_LOCATION_NONE);
  else if (not_back != NULL)
    qmig_migration_end_in_doubt (self, QMIG_LOCATION_UNKNOWN);
  else
    end_rolled_back (self, failed, cause);
}

static double
error_percent (double happened, gint64 expected)
{
  return expected > 0 && !isnan (happened) ? 100 * (happened - expected) / expected : NAN;
}

/* What was expected stands beside what happened; held against it is only what was not meant to wait for a person. */
static void
judge_forecast (QmigMigration *self)
{
  QmigResult *result = self->result;
  const QmigForecast *forecast = self->entry->plan != NULL ? self->entry->plan->forecast : NULL;

  if (forecast == NULL)
    return;
  result->forecast = qmig_forecast_copy (forecast);
  if (result->outcome != QMIG_OUTCOME_COMPLETED || self->entry->request->hold)
    return;
  result->total_error_percent = error_percent (result->total_ms, forecast->eta_ms);
  result->blackout_error_percent = error_percent (result->blackout_ms, forecast->downtime_ms);
}

static void
fill_result (QmigMigration *self)
{
  QmigResult *result = self->result;
  const QmigPlan *plan = self->entry->plan;

  if (self->stage_since_us > 0)
    self->stage_ms[self->info->stage] += (g_get_monotonic_time () - self->stage_since_us) / 1000.0;
  result->total_ms = (g_get_monotonic_time () - self->began_us) / 1000;
  result->pre_migration_ms = self->stage_ms[QMIG_STAGE_PRE_MIGRATION];
  result->reservation_ms = self->stage_ms[QMIG_STAGE_RESERVATION];
  result->pre_copy_ms = self->stage_ms[QMIG_STAGE_PRE_COPY];
  result->stop_and_copy_ms = self->stage_ms[QMIG_STAGE_STOP_AND_COPY];
  result->commitment_ms = self->stage_ms[QMIG_STAGE_COMMITMENT];
  result->activation_ms = self->stage_ms[QMIG_STAGE_ACTIVATION];
  result->source_name = g_strdup (self->entry->source_host);
  result->destination_name = g_strdup (plan != NULL ? plan->destination : self->entry->destination_uri);
  result->destination_pid = self->info->destination_pid;
  judge_forecast (self);
  qmig_failure_explain (result, plan != NULL ? plan->checks : NULL);

  if (result->vm_location == QMIG_LOCATION_DESTINATION)
    result->vm_host = g_strdup (result->destination_name);
  else if (result->vm_location == QMIG_LOCATION_SOURCE)
    {
      result->vm_host = g_strdup (result->source_name);
      if (self->source != NULL && result->vm_state == NULL)
        result->vm_state = g_strdup (self->source->run_state_text);
    }
  if (qmig_outcome_is_success (result->outcome))
    judge_expectations (self);
}

void
qmig_migration_conclude (QmigMigration *self)
{
  g_autoptr(GError) error = NULL;

  fill_result (self);
  /* The monitors are free again before anybody hears that it is over. */
  g_clear_pointer (&self->source, qmig_instance_detach);
  g_clear_object (&self->host);
  if (!qmig_journal_end (self->journal, self->id, self->result, &error))
    g_warning ("%s: the end is not in the journal, the next start of the agent will look again: %s", self->id, error->message);

  qmig_migration_emit_result (self);
}

/* After a way that could not reach the other host in the end: ends the stopped copy there, or the reservation of the VM that
 * runs there, and leaves the source alone, which may long have other business. */
void
qmig_migration_tidy_up (QmigMigration *self)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the destination's host", qmig_limits.way_back_ms);
  gboolean arrived = self->result->outcome == QMIG_OUTCOME_COMPLETED;
  g_autoptr(QmigIncoming) ended = NULL;
  g_autoptr(GError) error = NULL;

  self->host = self->env->open_host (self->env, self->entry->destination_uri, &error);
  if (self->host != NULL)
    ended = arrived ? qmig_host_release (self->host, self->id, wait, &error) : qmig_host_abort (self->host, self->id, wait, &error);
  g_clear_object (&self->host);
  if (ended == NULL)
    qmig_migration_log (self, "cannot tidy up on the destination: %s", error->message);
  else
    {
      g_clear_pointer (&self->result->next, g_free);
      qmig_migration_log (self, arrived ? "the destination is a VM like any other" : "nothing of it is left on the destination");
    }
  qmig_migration_emit_result (self);
}
