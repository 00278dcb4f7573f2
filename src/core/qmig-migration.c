/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-migration-private.h"

#include "converge-policy.h"
#include "json-strict.h"
#include "qmig-inventory.h"
#include "qmig-knobs.h"
#include "qmig-plan-means.h"
#include "qmig-recover.h"
#include "qmig-steps.h"
#include "qmp-error.h"

G_DEFINE_FINAL_TYPE (QmigMigration, qmig_migration, G_TYPE_OBJECT)

/* -- what the thread tells the world ---------------------------------------- */

/* @data: (transfer full).  Returns the event, which is in the journal now. */
static QmigEvent *
keep_event (QmigMigration *self, const char *type, JsonObject *data)
{
  QmigEvent *event = qmig_event_new ();
  g_autoptr(GError) error = NULL;

  event->ts = api_time_now ();
  event->mono_us = g_get_monotonic_time ();
  event->host = g_strdup (self->env->host_name);
  event->migration = g_strdup (self->id);
  event->type = g_strdup (type);
  event->data = json_node_init_object (json_node_alloc (), data);
  json_object_unref (data);

  g_mutex_lock (&self->lock);
  event->seq = ++self->info->last_seq;
  g_mutex_unlock (&self->lock);

  /* History may have a hole where the disk is full; what matters for recovery is written, and checked, elsewhere. */
  if (!qmig_journal_add_event (self->journal, event, &error))
    g_warning ("%s: cannot keep event %" G_GINT64_FORMAT ": %s", self->id, event->seq, error->message);
  return event;
}

static void
tell (QmigMigration *self, const QmigEvent *event)
{
  if (self->observer != NULL)
    self->observer (self, event, self->user_data);
}

void
qmig_migration_emit (QmigMigration *self, const char *type, JsonObject *data)
{
  g_autoptr(QmigEvent) event = keep_event (self, type, data);

  tell (self, event);
}

void
qmig_migration_emit_result (QmigMigration *self)
{
  g_autoptr(QmigEvent) event = NULL;

  g_mutex_lock (&self->lock);
  self->info->active = FALSE;
  self->info->holding = FALSE;
  self->info->ended = api_time_now ();
  self->info->result = qmig_result_copy (self->result);
  g_mutex_unlock (&self->lock);

  event = keep_event (self, "result", qmig_result_to_object (self->result));

  /* Over only now: whoever looks into the journal of one that is over finds its result there. */
  g_mutex_lock (&self->lock);
  self->over = TRUE;
  g_mutex_unlock (&self->lock);
  tell (self, event);
}

void
qmig_migration_log (QmigMigration *self, const char *format, ...)
{
  JsonObject *data = json_object_new ();
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  g_info ("%s: %s", self->id, text);
  json_object_set_string_member (data, "text", text);
  qmig_migration_emit (self, "log", data);
}

void
qmig_migration_enter_stage (QmigMigration *self, QmigStage stage, gint64 since_us)
{
  JsonObject *data = json_object_new ();
  gint64 now_us = since_us > 0 ? MAX (since_us, self->stage_since_us) : g_get_monotonic_time ();
  gboolean same;

  g_mutex_lock (&self->lock);
  same = self->info->stage == (int) stage && self->stage_since_us > 0;
  if (!same)
    {
      if (self->stage_since_us > 0)
        self->stage_ms[self->info->stage] += (now_us - self->stage_since_us) / 1000.0;
      self->stage_since_us = now_us;
      self->info->stage = stage;
    }
  g_mutex_unlock (&self->lock);

  if (same)
    {
      json_object_unref (data);
      return;
    }
  json_object_set_string_member (data, "stage", qmig_stage_names[stage]);
  json_object_set_int_member (data, "number", stage);
  qmig_migration_emit (self, "stage", data);
}

void
qmig_migration_set_holding (QmigMigration *self, gboolean holding)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  self->info->holding = holding;
}

void
qmig_migration_set_destination_name (QmigMigration *self, const char *name)
{
  g_mutex_lock (&self->lock);
  g_free (self->info->destination);
  self->info->destination = g_strdup (name);
  g_mutex_unlock (&self->lock);
}

void
qmig_migration_set_destination_pid (QmigMigration *self, gint64 pid)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  self->info->destination_pid = pid;
}

void
qmig_migration_set_sample (QmigMigration *self, const QmigSample *sample)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  g_clear_pointer (&self->info->sample, qmig_sample_free);
  self->info->sample = qmig_sample_copy (sample);
}

void
qmig_migration_set_postcopy (QmigMigration *self, gboolean postcopy)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  self->info->postcopy = postcopy;
  self->result->postcopy = postcopy;
}

void
qmig_migration_set_no_postcopy (QmigMigration *self, const char *why)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  g_free (self->no_postcopy);
  self->no_postcopy = g_strdup (why);
  self->postcopy_wanted = FALSE;
}

/* -- what comes in ------------------------------------------------------------ */

gboolean
qmig_migration_is_hold_wanted (QmigMigration *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->info->hold_wanted;
}

gboolean
qmig_migration_is_postcopy_wanted (QmigMigration *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->postcopy_wanted;
}

QmigKnobs *
qmig_migration_take_knobs (QmigMigration *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return g_steal_pointer (&self->wanted);
}

/* With the lock held. */
static gboolean
may_still_steer (QmigMigration *self, const char *what, GError **error)
{
  if (!self->info->active)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot %s %s: it is over", what, self->id);
  else if (self->info->postcopy)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT,
                 "cannot %s %s: it is in post-copy, where each side has only a part of the VM and there is no way back", what, self->id);
  else if (self->point_of_no_return)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot %s %s: the destination was already told to run, from here it only goes forward", what, self->id);
  else
    return TRUE;
  return FALSE;
}

gboolean
qmig_migration_cancel (QmigMigration *self, const char *reason, GError **error)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (!may_still_steer (self, "cancel", error))
    return FALSE;
  if (self->cancel_reason == NULL)
    self->cancel_reason = g_strdup (reason != NULL && *reason != '\0' ? reason : "by request");
  self->info->cancelling = TRUE;
  g_cancellable_cancel (self->cancellable);
  return TRUE;
}

static void
merge_wanted (QmigMigration *self, const QmigKnobs *knobs)
{
  if (self->wanted == NULL)
    self->wanted = qmig_knobs_new ();
  qmig_knobs_merge (self->wanted, knobs);
  g_main_context_wakeup (self->context);
}

static gboolean
set_hold (QmigMigration *self, gboolean hold, GError **error)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  g_autoptr(QmigKnobs) none = qmig_knobs_new ();

  if (!may_still_steer (self, hold ? "hold" : "release", error))
    return FALSE;
  self->info->hold_wanted = hold;
  merge_wanted (self, none); /* the downtime limit follows the hold */
  return TRUE;
}

gboolean
qmig_migration_hold (QmigMigration *self, GError **error)
{
  return set_hold (self, TRUE, error);
}

gboolean
qmig_migration_go (QmigMigration *self, GError **error)
{
  return set_hold (self, FALSE, error);
}

/* With the lock held. */
static gboolean
is_postcopy_armed (QmigMigration *self, GError **error)
{
  if (self->no_postcopy == NULL && self->armed != NULL && g_strv_contains ((const char *const *) self->armed, "postcopy-ram"))
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot switch %s to post-copy: %s", self->id,
               self->no_postcopy != NULL ? self->no_postcopy
               : self->armed == NULL     ? "its plan is not made yet, try again"
                                         : "it was not armed when it started; the next one can be, by --allow postcopy or its policy");
  return FALSE;
}

gboolean
qmig_migration_postcopy (QmigMigration *self, GError **error)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  g_autoptr(QmigKnobs) none = qmig_knobs_new ();

  if (!may_still_steer (self, "switch", error) || !is_postcopy_armed (self, error))
    return FALSE;
  self->postcopy_wanted = TRUE;
  self->info->hold_wanted = FALSE;
  merge_wanted (self, none); /* the limits follow the hold */
  return TRUE;
}

/* With the lock held.  Before there is a plan nobody knows; then it is told when they are taken. */
static gboolean
are_armed (QmigMigration *self, const QmigKnobs *knobs, GError **error)
{
  for (gsize i = 0; i < qmig_n_knobs && self->armed != NULL; i++)
    {
      gint64 value = qmig_knob_get (&qmig_knobs[i], knobs);

      if (value != QMIG_UNSET && !qmig_knob_check_armed (&qmig_knobs[i], value, self->armed, self->memory_bytes, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
qmig_migration_tune (QmigMigration *self, const QmigKnobs *knobs, GError **error)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (!converge_policy_check_knobs (knobs, error) || !may_still_steer (self, "tune", error) || !are_armed (self, knobs, error))
    return FALSE;
  merge_wanted (self, knobs);
  return TRUE;
}

static gboolean
on_deadline (gpointer data)
{
  QmigMigration *self = data;
  g_autofree char *reason = g_strdup_printf ("the deadline of %.1f s passed", self->knobs->deadline_ms / 1000.0);

  (void) !qmig_migration_cancel (self, reason, NULL);
  return G_SOURCE_REMOVE;
}

static void
disarm_deadline (QmigMigration *self)
{
  if (self->deadline != NULL)
    g_source_destroy (self->deadline);
  g_clear_pointer (&self->deadline, g_source_unref);
}

void
qmig_migration_arm_deadline (QmigMigration *self, gint64 deadline_ms)
{
  gint64 spent_ms = (g_get_monotonic_time () - self->began_us) / 1000;

  disarm_deadline (self);
  if (deadline_ms == QMIG_UNSET)
    return;
  self->deadline = g_timeout_source_new (CLAMP (deadline_ms - spent_ms, 0, G_MAXINT));
  g_source_set_callback (self->deadline, on_deadline, self, NULL);
  g_source_attach (self->deadline, self->context);
}

gboolean
qmig_migration_pass_point_of_no_return (QmigMigration *self, GError **error)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  /* In post-copy, taken up by recovery maybe, there is none left: a deadline that passed meanwhile must not leave both sides still. */
  if (!qmig_steps_is_in_postcopy (self) && g_cancellable_set_error_if_cancelled (self->cancellable, error))
    return FALSE;
  self->point_of_no_return = TRUE;
  return TRUE;
}

/* -- there and back -------------------------------------------------------------- */

static void
set_step (QmigMigration *self, const char *name)
{
  g_mutex_lock (&self->lock);
  g_free (self->info->step);
  self->info->step = g_strdup (name);
  g_mutex_unlock (&self->lock);
}

static QmigBegin
choose_begin (const QmigStep *step)
{
  if (step->one_way)
    return QMIG_BEGIN_INTENT;
  return step->stage == QMIG_STAGE_STOP_AND_COPY ? QMIG_BEGIN_AT_GATE : QMIG_BEGIN_STEP;
}

static gboolean
begin_step (QmigMigration *self, const QmigStep *step, GError **error)
{
  if (step->one_way && !self->point_of_no_return && !qmig_migration_pass_point_of_no_return (self, error))
    return FALSE;
  if (!qmig_journal_begin (self->journal, self->id, step->name, choose_begin (step), error))
    return FALSE;
  self->entry->commit_intent |= step->one_way;
  set_step (self, step->name);
  return TRUE;
}

static gboolean
is_part (QmigMigration *self, const QmigStep *step)
{
  switch (step->of)
    {
    case QMIG_STEP_OF_ALL:
      return TRUE;
    case QMIG_STEP_OF_MOVE:
      return !self->entry->request->rehearsal;
    case QMIG_STEP_OF_POSTCOPY:
      return self->entry->postcopy;
    case QMIG_STEP_OF_REHEARSAL:
      return self->entry->request->rehearsal;
    }
  g_return_val_if_reached (FALSE);
}

static gboolean
run_steps (QmigMigration *self, gsize first, gsize *failed, GError **error)
{
  for (gsize i = first; i < qmig_n_steps; i++)
    {
      const QmigStep *step = &qmig_steps[i];
      g_autoptr(QmpWait) wait = qmp_wait_new (step->one_way ? NULL : self->cancellable, step->name,
                                              step->seconds < 0 ? -1 : step->seconds * 10 * qmig_limits.step_percent);

      if (!is_part (self, step))
        continue;
      *failed = i;
      if (!begin_step (self, step, error))
        return FALSE;
      qmig_fault_point ("before", step->name);
      if (!step->in_blackout)
        qmig_migration_enter_stage (self, step->stage, 0);
      if (!step->run (self, wait, error))
        return FALSE;
      qmig_fault_point ("after", step->name);
    }
  return TRUE;
}

static gboolean
brings_source_back (const QmigStep *step)
{
  return qmig_step_index (step->name) >= qmig_step_index ("precopy");
}

/* What cannot be tidied up on the other side or in QEMU's parameters endangers nobody; a source that is not back does,
 * and a destination that runs beside it. */
static gboolean
is_danger (const QmigStep *step, const GError *cause)
{
  return brings_source_back (step) || g_error_matches (cause, QMIG_ERROR, QMIG_EXIT_ATTENTION);
}

static void
begin_undo (QmigMigration *self, const char *name)
{
  g_autoptr(GError) error = NULL;

  set_step (self, name);
  if (!qmig_journal_begin (self->journal, self->id, name, QMIG_BEGIN_STEP, &error))
    qmig_migration_log (self, "%s is not in the journal: %s", name, error->message);
  qmig_fault_point ("before", name);
}

/* Without the source the destination may be all there is of the VM. */
static gboolean
must_be_kept (QmigMigration *self, const QmigStep *step, const GError *not_back, QmpWait *wait)
{
  if (not_back == NULL || !g_str_equal (step->name, "prepare") || !qmig_steps_destination_may_hold_vm (self, wait))
    return FALSE;
  self->leftover = TRUE;
  qmig_migration_log (self, "the source is not back: what the destination has is kept");
  return TRUE;
}

/* Upward from the failed step, whatever fails on the way; the user's cancel no longer matters. */
static gboolean
roll_back (QmigMigration *self, gsize failed, GError **error)
{
  g_autoptr(GError) first = NULL;

  for (gsize i = failed + 1; i-- > 0;)
    {
      const QmigStep *step = &qmig_steps[i];
      g_autofree char *name = g_strconcat ("undo-", step->name, NULL);
      g_autoptr(QmpWait) wait = qmp_wait_new (NULL, name, qmig_limits.way_back_ms);
      g_autoptr(GError) cause = NULL;

      if (step->undo == NULL || must_be_kept (self, step, first, wait))
        continue;
      begin_undo (self, name);
      if (!step->undo (self, wait, &cause))
        {
          qmig_migration_log (self, "%s: %s", name, cause->message);
          if (first == NULL && is_danger (step, cause))
            first = g_steal_pointer (&cause);
        }
      else if (brings_source_back (step))
        g_clear_error (&first); /* another try of the same */
    }
  if (first == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&first));
  return FALSE;
}

/* -- the thread ------------------------------------------------------------------------ */

/* After an error: once the intent is written, only a certain refusal of the commit leaves the way back open. */
static gboolean
is_beyond_return (QmigMigration *self, const QmigStep *step, const GError *cause)
{
  return self->entry->commit_intent && (step->undo == NULL || !g_error_matches (cause, QMIG_ERROR, QMIG_EXIT_REFUSED));
}

/* A monitor that was lost while its QEMU lives: the way back needs it. */
static void
attach_again (QmigMigration *self)
{
  const QmigJournalEntry *entry = self->entry;
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the source's monitor", qmig_limits.attach_ms);
  g_autoptr(GError) cause = NULL;
  QmigInstance *again;

  if (self->source == NULL || qmig_instance_is_gone (self->source) || qmp_client_check_open (self->source->client, NULL))
    return;
  again = qmig_instance_attach (entry->vm, entry->source_qmp, entry->source_pid, entry->source_start_time, wait, &cause);
  if (again == NULL)
    {
      qmig_migration_log (self, "the source's monitor was lost: %s", cause->message);
      return;
    }
  qmig_instance_detach (self->source);
  self->source = again;
  qmig_migration_trace (self);
  qmig_migration_log (self, "the source's monitor was lost, and is open again");
}

static void
go_back_from (QmigMigration *self, gsize failed, const GError *cause)
{
  g_autoptr(GError) not_back = NULL;

  disarm_deadline (self);
  qmig_migration_set_postcopy (self, FALSE);
  qmig_migration_log (self, "going back: %s", cause->message);
  attach_again (self);
  (void) !roll_back (self, failed, &not_back);
  qmig_migration_end_failed (self, failed, cause, not_back);
}

/* All went well, and all of it is taken back. */
static void
end_rehearsal (QmigMigration *self, gsize last)
{
  g_autoptr(GError) not_back = NULL;

  disarm_deadline (self);
  if (roll_back (self, last, &not_back))
    qmig_migration_end_rehearsed (self);
  else
    qmig_migration_end_failed (self, last, not_back, not_back);
}

static void
run_from (QmigMigration *self, gsize first)
{
  g_autoptr(GError) cause = NULL;
  gsize failed = first;

  if (run_steps (self, first, &failed, &cause))
    {
      if (self->entry->request->rehearsal)
        end_rehearsal (self, failed);
      else
        qmig_migration_end_completed (self, NULL);
      return;
    }
  qmig_migration_take_accounts (self);
  if (failed <= (gsize) qmig_step_index ("pages") && qmig_steps_is_in_postcopy (self))
    {
      qmig_migration_set_error_text (self, cause);
      qmig_migration_end_broken_postcopy (self);
    }
  else if (!is_beyond_return (self, &qmig_steps[failed], cause))
    go_back_from (self, failed, cause);
  else if (failed > (gsize) qmig_step_index ("commit") && (self->source == NULL || qmig_instance_is_gone (self->source)))
    qmig_migration_end_completed (self, cause);
  else
    {
      qmig_migration_set_error_text (self, cause);
      qmig_migration_end_in_doubt (self, failed > (gsize) qmig_step_index ("commit") ? QMIG_LOCATION_DESTINATION : QMIG_LOCATION_UNKNOWN);
    }
}

static void
take_up (QmigMigration *self)
{
  g_autoptr(GError) cause = NULL;
  QmigRecoverDecision decision = { 0 };

  if (!qmig_recover_look (self, &decision, &cause))
    {
      qmig_migration_set_error_text (self, cause);
      qmig_migration_end_in_doubt (self, QMIG_LOCATION_UNKNOWN);
      return;
    }

  switch (decision.action)
    {
    case QMIG_RECOVER_GO_ON:
      qmig_migration_log (self, "taken up, going on with '%s'", decision.step);
      run_from (self, qmig_step_index (decision.step));
      return;

    case QMIG_RECOVER_ROLL_BACK:
      cause = self->assume != NULL ? g_error_new_literal (QMIG_ERROR, QMIG_EXIT_ROLLED_BACK, "by a person's word it is to run on the source")
                                   : g_error_new (QMIG_ERROR, QMIG_EXIT_ROLLED_BACK, "the agent ended in the middle of step '%s'", self->entry->step);
      go_back_from (self, qmig_step_index (decision.step), cause);
      return;

    case QMIG_RECOVER_ATTENTION:
      cause = g_error_new_literal (QMIG_ERROR, QMIG_EXIT_ATTENTION, decision.why);
      qmig_migration_set_error_text (self, cause);
      qmig_migration_end_in_doubt (self, QMIG_LOCATION_UNKNOWN);
      return;
    }
}

static gpointer
migration_thread (gpointer data)
{
  g_autoptr(QmigMigration) self = data;

  g_main_context_push_thread_default (self->context);
  if (self->settled)
    qmig_migration_tidy_up (self);
  else
    {
      qmig_migration_arm_deadline (self, self->knobs->deadline_ms);
      if (self->recovering)
        take_up (self);
      else
        run_from (self, 0);
      disarm_deadline (self);
      qmig_migration_conclude (self);
    }
  g_clear_pointer (&self->journal, qmig_journal_close);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

/* -- birth -------------------------------------------------------------------------------- */

static void
qmig_migration_init (QmigMigration *self)
{
  g_mutex_init (&self->lock);
  self->context = g_main_context_new ();
  self->cancellable = g_cancellable_new ();
  self->result = qmig_result_new ();
  self->limits = qmig_decision_new ();
  qmig_sampler_init (&self->sampler);
}

static void
qmig_migration_finalize (GObject *object)
{
  QmigMigration *self = QMIG_MIGRATION (object);

  g_clear_pointer (&self->journal, qmig_journal_close);
  g_clear_pointer (&self->entry, qmig_journal_entry_free);
  g_clear_pointer (&self->engine, converge_engine_free);
  g_clear_pointer (&self->limits, qmig_decision_free);
  g_clear_pointer (&self->knobs, qmig_knobs_free);
  g_clear_pointer (&self->unconfirmed, qmig_knobs_free);
  g_clear_pointer (&self->wanted, qmig_knobs_free);
  g_strfreev (self->armed);
  g_clear_pointer (&self->info, qmig_migration_info_free);
  g_clear_pointer (&self->result, qmig_result_free);
  g_clear_object (&self->cancellable);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->lock);
  g_free (self->cancel_reason);
  g_free (self->no_postcopy);
  g_free (self->assume);
  g_free (self->uri);
  g_free (self->id);
  G_OBJECT_CLASS (qmig_migration_parent_class)->finalize (object);
}

static void
qmig_migration_class_init (QmigMigrationClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = qmig_migration_finalize;
}

/* @journal and @entry: (transfer full) */
static QmigMigration *
migration_new (const QmigEnv         *env,
               QmigJournal           *journal,
               QmigJournalEntry      *entry,
               QmigMigrationObserver  observer,
               gpointer               user_data)
{
  QmigMigration *self = g_object_new (QMIG_TYPE_MIGRATION, NULL);
  const QmigMigrateRequest *request = entry->request;

  self->env = env;
  self->id = g_strdup (entry->id);
  self->observer = observer;
  self->user_data = user_data;
  self->journal = journal;
  self->entry = entry;
  self->began_us = g_get_monotonic_time () - (g_get_real_time () - entry->started_us);


  self->info = qmig_migration_info_new ();
  self->info->id = g_strdup (entry->id);
  self->info->vm = g_strdup (entry->vm);
  self->info->uuid = g_strdup (entry->uuid);
  self->info->source = g_strdup (entry->source_host);
  self->info->destination = g_strdup (request->destination);
  self->info->destination_uri = g_strdup (entry->destination_uri);
  self->info->active = TRUE;
  self->info->started = api_time_format (entry->started_us);
  self->info->reason = g_strdup (request->reason);
  self->info->who = g_strdup (request->who);
  self->info->source_pid = entry->source_pid;
  self->info->hold_wanted = request->hold;
  self->info->rehearsal = request->rehearsal;
  self->info->last_seq = entry->last_seq;
  qmig_migration_take_bounds (self);
  return self;
}

static void
start_thread (QmigMigration *self)
{
  g_autofree char *name = g_strndup (self->id, 15);

  g_thread_unref (g_thread_new (name, migration_thread, g_object_ref (self)));
}

static char *
new_id (void)
{
  static const char digits[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
  GString *id = g_string_new ("m-");

  for (int i = 0; i < 8; i++)
    g_string_append_c (id, digits[g_random_int_range (0, sizeof digits - 1)]);
  return g_string_free (id, FALSE);
}

QmigJournalEntry *
qmig_migration_new_entry (const QmigEnv *env, const QmigMigrateRequest *request, GError **error)
{
  g_autoptr(QmigPolicy) policy = qmig_plan_check_request (request, error) ? qmig_env_policy_for (env, request, error) : NULL;
  g_autoptr(QmigVm) vm = policy != NULL ? qmig_inventory_find (env, request->vm, error) : NULL;
  QmigJournalEntry *entry;

  if (vm == NULL)
    return NULL;
  if (vm->qmp == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED, "'%s' cannot be moved: %s", request->vm,
                   vm->problem != NULL ? vm->problem : "it has no QMP monitor on a unix socket");
      return NULL;
    }

  /* The point from which there is no way back is not rehearsed. */
  if (request->rehearsal)
    policy->allow_postcopy = policy->allow_pause = FALSE;
  entry = g_new0 (QmigJournalEntry, 1);
  entry->id = new_id ();
  entry->request = qmig_migrate_request_copy (request);
  entry->policy = g_steal_pointer (&policy);
  entry->vm = g_strdup (vm->name != NULL ? vm->name : request->vm);
  entry->uuid = g_strdup (vm->uuid);
  entry->source_qmp = g_strdup (vm->qmp);
  entry->source_pid = vm->pid;
  entry->source_start_time = vm->start_time;
  entry->source_host = g_strdup (env->host_name);
  entry->destination_uri = g_strdup (request->destination);
  entry->started_us = g_get_real_time ();
  return entry;
}

QmigMigration *
qmig_migration_start_entry (const QmigEnv         *env,
                            QmigJournalEntry      *entry,
                            QmigMigrationObserver  observer,
                            gpointer               user_data,
                            char                 **existing,
                            GError               **error)
{
  g_autoptr(QmigJournalEntry) owned = entry;
  g_autoptr(QmigJournal) journal = qmig_journal_open (env->state_dir, error);
  g_autofree char *known = NULL;
  QmigMigration *self;

  if (journal == NULL || !qmig_journal_create (journal, entry, &known, error))
    return NULL;
  if (known != NULL)
    {
      if (existing != NULL)
        *existing = g_steal_pointer (&known);
      return NULL;
    }

  self = migration_new (env, g_steal_pointer (&journal), g_steal_pointer (&owned), observer, user_data);
  start_thread (self);
  return self;
}

QmigMigration *
qmig_migration_start (const QmigEnv            *env,
                      const QmigMigrateRequest *request,
                      QmigMigrationObserver     observer,
                      gpointer                  user_data,
                      char                    **existing,
                      GError                  **error)
{
  QmigJournalEntry *entry;

  entry = qmig_migration_new_entry (env, request, error);
  return entry != NULL ? qmig_migration_start_entry (env, entry, observer, user_data, existing, error) : NULL;
}

/* The VM of a migration that is over may long be in another one. */
static gboolean
check_recoverable (QmigJournal *journal, const QmigJournalEntry *entry, QmigResult **settled, GError **error)
{
  g_autoptr(QmigMigrationInfo) info = NULL;

  if (!entry->ended)
    return TRUE;
  info = qmig_journal_info (journal, entry->id, error);
  if (info == NULL)
    return FALSE;
  if (info->result == NULL || info->result->outcome == QMIG_OUTCOME_ATTENTION)
    return TRUE;
  if (info->result->outcome != QMIG_OUTCOME_ROLLED_BACK && info->result->outcome != QMIG_OUTCOME_CANCELLED &&
      !qmig_outcome_is_success (info->result->outcome))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot recover %s: it is over (%s)", entry->id,
                   qmig_outcome_names[info->result->outcome]);
      return FALSE;
    }
  *settled = g_steal_pointer (&info->result);
  return TRUE;
}

QmigMigration *
qmig_migration_recover (const QmigEnv          *env,
                        const char             *id,
                        const char             *assume,
                        QmigMigrationObserver   observer,
                        gpointer                user_data,
                        GError                **error)
{
  g_autoptr(QmigJournal) journal = qmig_journal_open (env->state_dir, error);
  g_autoptr(QmigJournalEntry) entry = journal != NULL ? qmig_journal_load (journal, id, error) : NULL;
  QmigResult *settled = NULL;
  QmigMigration *self;

  if (entry == NULL || !check_recoverable (journal, entry, &settled, error))
    return NULL;

  self = migration_new (env, g_steal_pointer (&journal), g_steal_pointer (&entry), observer, user_data);
  self->recovering = TRUE;
  if (settled != NULL)
    {
      self->settled = TRUE;
      qmig_result_free (self->result);
      self->result = settled;
    }
  self->point_of_no_return = self->told_before = self->entry->commit_intent;
  self->assume = g_strdup (assume);
  self->postcopy_wanted = self->entry->postcopy;
  self->info->hold_wanted &= !self->entry->postcopy;
  self->info->step = g_strdup (self->entry->step);
  start_thread (self);
  return self;
}

/* -- from any thread ------------------------------------------------------------------------ */

const char *
qmig_migration_get_id (QmigMigration *self)
{
  return self->id;
}

gint64
qmig_migration_get_source_pid (QmigMigration *self)
{
  return self->info->source_pid;
}

QmigMigrationInfo *
qmig_migration_get_info (QmigMigration *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return qmig_migration_info_copy (self->info);
}

gboolean
qmig_migration_is_over (QmigMigration *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->over;
}
