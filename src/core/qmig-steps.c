/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-steps.h"

#include <sys/wait.h>

#include "json-strict.h"
#include "qmig-launcher.h"
#include "qmig-plan.h"
#include "qmp-commands.h"
#include "qmp-error.h"

#define SAMPLE_MS 250      /* QEMU's own numbers move in 100 ms windows */
#define LEAST_SAMPLE_MS 100
#define HOLD_SAMPLE_MS 100 /* a held migration is paced by what is left */
#define HOLD_MIN_BANDWIDTH (64 * 1024)

QmigLimits qmig_limits = {
  .step_percent = 100,
  .attach_ms = 5000,
  .reply_ms = 10000,
  .account_ms = 1000,
  .setup_ms = 30000,
  .stall_ms = 30000,
  .renew_ms = 5000,
  .device_ms = 10000,
  .way_back_ms = 60000,
  .look_back_ms = 2000,
  .linger_ms = 10000,
  .abort_ms = 5000,
  .recover_ms = 30000,
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
__attribute__((weak)) void
qmig_fault_point (const char *when, const char *step)
{
}
#pragma GCC diagnostic pop

/* -- waiting for either side ----------------------------------------------- */

typedef struct
{
  QmigMigration *migration;
  guint changes;
  gint64 incoming_seq;
  gboolean takes_knobs; /* those that nobody takes would end each wait at once, for ever */
  gboolean ticked;
} News;

static gint64
incoming_seq (QmigMigration *self)
{
  const QmigIncoming *incoming = qmig_host_peek (self->host, NULL);

  return incoming != NULL ? incoming->seq : -1;
}

static gboolean
knobs_wait (QmigMigration *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->wanted != NULL;
}

static QmpCheck
there_is_news (gpointer data, GError **error)
{
  News *news = data;
  QmigMigration *self = news->migration;

  if (news->ticked || (news->takes_knobs && knobs_wait (self)) || incoming_seq (self) != news->incoming_seq ||
      (self->source != NULL && self->source->changes != news->changes))
    return QMP_CHECK_DONE;
  return QMP_CHECK_PENDING;
}

static gboolean
on_tick (gpointer data)
{
  ((News *) data)->ticked = TRUE;
  return G_SOURCE_REMOVE;
}

/* What was seen before a decision: news since then end the wait for more. */
static News
news_begin (QmigMigration *self)
{
  return (News) { self, self->source != NULL ? self->source->changes : 0, incoming_seq (self), FALSE, FALSE };
}

/* For those who take the knobs that wait. */
static News
news_begin_with_knobs (QmigMigration *self)
{
  News news = news_begin (self);

  news.takes_knobs = TRUE;
  return news;
}

/* Until one of the sides changed since @news began, a knob was turned that the caller takes, or @tick_ms went by. */
static gboolean
news_wait (News *news, QmpWait *wait, gint64 tick_ms, GError **error)
{
  g_autoptr(GSource) tick = g_timeout_source_new (tick_ms);
  gboolean ok;

  g_source_set_callback (tick, on_tick, news, NULL);
  g_source_attach (tick, qmp_wait_get_context (wait));
  ok = qmp_wait_until (wait, there_is_news, news, error);
  g_source_destroy (tick);
  return ok;
}

/* -- reading the sides ------------------------------------------------------ */

static gboolean
destination_is_gone (QmigMigration *self)
{
  const QmigIncoming *incoming = qmig_host_peek (self->host, NULL);

  return incoming != NULL && incoming->phase == QMIG_INCOMING_GONE;
}

static gboolean
destination_is_loaded (QmigMigration *self)
{
  const QmigIncoming *incoming = qmig_host_peek (self->host, NULL);

  return incoming != NULL && (incoming->phase == QMIG_INCOMING_LOADED || incoming->phase == QMIG_INCOMING_COMMITTED);
}

gboolean
qmig_steps_destination_may_hold_vm (QmigMigration *self, QmpWait *wait)
{
  g_autoptr(QmpWait) once = qmp_wait_new_within (wait, "the destination's host", qmig_limits.abort_ms);
  g_autoptr(QmigIncoming) incoming = self->host != NULL ? qmig_host_query (self->host, self->id, once, NULL) : NULL;

  return incoming == NULL || incoming->phase == QMIG_INCOMING_LOADED || incoming->phase == QMIG_INCOMING_COMMITTED;
}

static gboolean
source_is_gone (QmigMigration *self)
{
  return self->source == NULL || qmig_instance_is_gone (self->source);
}

static void
append_end_of_destination (QmigMigration *self, GString *why, const QmigIncoming *incoming)
{
  int status = (int) incoming->exit_status;

  g_string_append_printf (why, "%sthe destination QEMU on '%s' ", why->len > 0 ? "; " : ": ", qmig_host_get_name (self->host));
  if (incoming->exit_status == QMIG_UNSET)
    g_string_append (why, "is gone");
  else if (WIFSIGNALED (status))
    g_string_append_printf (why, "was killed by signal %d", WTERMSIG (status));
  else
    g_string_append_printf (why, "exited with status %d", WEXITSTATUS (status));
}

/* The source's word and the destination's, joined: often only one of them knows the reason. */
static void
set_failure (QmigMigration *self, const char *what, GError **error)
{
  const char *ours = self->source != NULL ? self->source->error_desc : NULL;
  const QmigIncoming *incoming = qmig_host_peek (self->host, NULL);
  const char *theirs = incoming != NULL && incoming->error != NULL && *incoming->error != '\0' ? incoming->error : NULL;
  g_autoptr(GString) why = g_string_new (NULL);

  if (ours != NULL)
    g_string_append_printf (why, ": QEMU on the source says: %s", ours);
  if (incoming != NULL && incoming->phase == QMIG_INCOMING_GONE)
    append_end_of_destination (self, why, incoming);
  if (theirs != NULL)
    g_string_append_printf (why, "%s QEMU on '%s' says: %s", why->len > 0 ? ";" : ":", qmig_host_get_name (self->host), theirs);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ROLLED_BACK, "%s%s", what, why->str);
}

/* A destination that failed needs a moment to exit and say why. */
static void
fail_with_both_accounts (QmigMigration *self, const char *what, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) moment = qmp_wait_new_within (wait, "the destination's account", qmig_limits.account_ms);

  for (News news = news_begin (self); !destination_is_gone (self); news = news_begin (self))
    if (!news_wait (&news, moment, 100, NULL) || qmp_wait_left_ms (moment) == 0)
      break;
  if (self->source != NULL)
    {
      g_autoptr(QmpWait) look = qmp_wait_new_within (wait, "the source's account", qmig_limits.account_ms);

      (void) !qmig_instance_look (self->source, NULL, look, NULL);
    }
  set_failure (self, what, error);
}

static gboolean
fail_source_gone (QmigMigration *self, GError **error)
{
  if (self->source != NULL && self->source->guest_ended)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "the guest of '%s' ended on the source while it was moved", self->entry->vm);
  else
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_ATTENTION, "the source QEMU of '%s' (pid %" G_GINT64_FORMAT ") died", self->entry->vm,
                 self->entry->source_pid);
  return FALSE;
}

/* -- stage 0: check ---------------------------------------------------------- */

gboolean
qmig_steps_attach (QmigMigration *self, gboolean may_be_gone, QmpWait *wait, GError **error)
{
  const QmigJournalEntry *entry = self->entry;
  g_autoptr(QmpWait) attach = qmp_wait_new_within (wait, "the source's monitor", qmig_limits.attach_ms);

  if (self->host == NULL)
    self->host = self->env->open_host (self->env, entry->destination_uri, error);
  if (self->host == NULL)
    return FALSE;
  if (self->source == NULL && !(may_be_gone && !qmig_process_is_alive (entry->source_pid, entry->source_start_time)))
    {
      self->source = qmig_instance_attach (entry->vm, entry->source_qmp, entry->source_pid, entry->source_start_time, attach, error);
      return self->source != NULL;
    }
  return TRUE;
}

/* A monitor that cannot be reached is not a failed migration. */
static gboolean
as_unreachable (GError **error)
{
  if (error != NULL && *error != NULL && (*error)->domain != QMIG_ERROR && !g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      (*error)->domain = QMIG_ERROR;
      (*error)->code = QMIG_EXIT_UNREACHABLE;
    }
  return FALSE;
}

static QmigFactsRequest *
facts_request (const QmigJournalEntry *entry, const QmigHostInfo *here, const QmigSourceFacts *source)
{
  QmigFactsRequest *request = qmig_facts_request_new ();
  const QmigMigrateRequest *wish = entry->request;

  request->migration = g_strdup (entry->id);
  request->vm_name = g_strdup (wish->new_name != NULL ? wish->new_name : source->name);
  request->uuid = g_strdup (source->uuid);
  request->qemu_binary = g_strdup (wish->qemu_binary != NULL ? wish->qemu_binary : source->binary);
  request->machine = g_strdup (source->machine);
  request->boot_id = g_strdup (here->boot_id);
  request->source_pid = source->pid;
  return request;
}

QmigPlan *
qmig_steps_plan (const QmigEnv          *env,
                 const QmigJournalEntry *entry,
                 QmigInstance           *source,
                 QmigHost               *host,
                 QmigClockOffset        *clock,
                 QmpWait                *wait,
                 GError                **error)
{
  g_autoptr(QmigHostInfo) here = qmig_env_host_info (env);
  g_autoptr(QmigSourceFacts) facts = qmig_instance_read_facts (source, wait, error);
  g_autoptr(QmigFactsRequest) request = NULL;
  g_autoptr(QmigFacts) theirs = NULL;
  gint64 asked_us, answered_us;
  QmigPlan *plan;

  if (facts == NULL)
    return NULL;
  request = facts_request (entry, here, facts);
  asked_us = g_get_real_time ();
  theirs = qmig_host_get_facts (host, request, wait, error);
  answered_us = g_get_real_time ();
  if (theirs == NULL)
    return NULL;

  plan = qmig_plan_make (entry->request, here, facts, theirs);
  /* One machine has one clock. */
  if (plan->same_machine)
    *clock = (QmigClockOffset) { 0, 0 };
  else
    *clock = (QmigClockOffset) { theirs->host->time_us - (asked_us + answered_us) / 2, (answered_us - asked_us) / 2 };
  return plan;
}

static void
tell_checks (QmigMigration *self, const QmigPlan *plan)
{
  for (guint i = 0; i < plan->checks->len; i++)
    qmig_migration_emit (self, "check", qmig_check_to_object (g_ptr_array_index (plan->checks, i)));
}

static gboolean
step_check (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autofree char *refusal = NULL;

  if (!qmig_steps_attach (self, FALSE, wait, error))
    return as_unreachable (error);
  g_clear_pointer (&self->entry->plan, qmig_plan_free);
  self->entry->plan = qmig_steps_plan (self->env, self->entry, self->source, self->host, &self->clock, wait, error);
  if (self->entry->plan == NULL)
    return as_unreachable (error);
  tell_checks (self, self->entry->plan);

  refusal = qmig_plan_refusal (self->entry->plan);
  if (refusal != NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_REFUSED, "cannot move '%s' to '%s': %s", self->entry->vm, self->entry->plan->destination, refusal);
      return FALSE;
    }
  return qmig_journal_set_plan (self->journal, self->id, self->entry->plan, error);
}

/* -- stage 1: prepare the destination, tune the source ----------------------- */

static gboolean
step_prepare (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmigIncomingSpec) spec = qmig_plan_incoming_spec (self->entry->plan, self->entry->request, self->id);
  g_autoptr(QmigIncoming) incoming = qmig_host_prepare (self->host, spec, wait, error);

  if (incoming == NULL)
    {
      g_prefix_error (error, "cannot prepare the destination on '%s': ", qmig_host_get_name (self->host));
      return FALSE;
    }
  self->result->launch_ms = incoming->launch_ms;
  self->uri = g_strdup (incoming->uri);
  qmig_migration_set_destination_pid (self, incoming->pid);
  qmig_host_follow (self->host, self->id);
  return TRUE;
}

/* A host that is frozen or cut off lets the time run out; one that has no agent says so at once. */
static gboolean
is_silence (const GError *error)
{
  return g_error_matches (error, QMIG_ERROR, QMIG_EXIT_UNREACHABLE) || g_error_matches (error, QMIG_ERROR, QMIG_EXIT_TIMEOUT) ||
         g_error_matches (error, QMP_ERROR, QMP_ERROR_TIMEOUT);
}

/* Asks until the host answers: a host that restarts is not a lost one. */
static QmigIncoming *
ask_patiently (QmigMigration *self,
               QmigIncoming *(*ask) (QmigHost *, const char *, QmpWait *, GError **),
               QmpWait *wait,
               GError **error)
{
  while (TRUE)
    {
      g_autoptr(GError) cause = NULL;
      g_autoptr(QmpWait) once = qmp_wait_new_within (wait, "the destination's host", qmig_limits.abort_ms);
      QmigIncoming *incoming = ask (self->host, self->id, once, &cause);

      if (incoming != NULL)
        return incoming;
      if (qmp_wait_left_ms (wait) <= 0 || !is_silence (cause) || !qmp_wait_pause (wait, 100, NULL))
        {
          g_propagate_error (error, g_steal_pointer (&cause));
          return NULL;
        }
    }
}

static gboolean
undo_prepare (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmigIncoming) incoming = NULL;
  g_autoptr(GError) cause = NULL;

  if (self->host == NULL)
    return TRUE;
  incoming = ask_patiently (self, qmig_host_abort, wait, &cause);
  self->leftover = incoming == NULL;
  if (incoming != NULL)
    return TRUE;
  if (g_error_matches (cause, QMIG_ERROR, QMIG_EXIT_CONFLICT))
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_ATTENTION, "the destination runs by another hand: %s", cause->message);
  else
    g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}

static gboolean
set_limits (QmigMigration *self, gint64 downtime_ms, gint64 bandwidth, QmpWait *wait, GError **error)
{
  JsonObject *parameters = json_object_new ();

  json_object_set_int_member (parameters, "downtime-limit", downtime_ms);
  json_object_set_int_member (parameters, "max-bandwidth", bandwidth);
  return qmp_migrate_set_parameters (self->source->client, parameters, wait, error);
}

/*
 * A held migration copies ever more slowly the less is left, so that there is always something left and QEMU never
 * switches over while the guest writes anything at all.  A downtime limit of 0 would not do: then QEMU does not look for
 * newly written pages before it stops the guest.
 */
static gint64
hold_bandwidth (QmigMigration *self)
{
  gint64 drains_in_two_seconds = MAX (self->left_bytes / 2, HOLD_MIN_BANDWIDTH);

  return self->knobs->bandwidth_bytes_per_s > 0 ? MIN (drains_in_two_seconds, self->knobs->bandwidth_bytes_per_s)
                                                : drains_in_two_seconds;
}

static gboolean
apply_knobs (QmigMigration *self, QmpWait *wait, GError **error)
{
  if (qmig_migration_is_hold_wanted (self))
    return set_limits (self, 1, hold_bandwidth (self), wait, error);
  return set_limits (self, self->knobs->downtime_ms, self->knobs->bandwidth_bytes_per_s, wait, error);
}

static gboolean
step_tune (QmigMigration *self, QmpWait *wait, GError **error)
{
  const QmigPlan *plan = self->entry->plan;

  self->left_bytes = plan->memory_bytes / 2; /* much of a guest's memory is zero pages, which no bandwidth limit slows */
  return qmp_migrate_set_capabilities (self->source->client, (const char *const *) plan->capabilities_on, NULL, wait, error) &&
         apply_knobs (self, wait, error);
}

static gboolean
undo_tune (QmigMigration *self, QmpWait *wait, GError **error)
{
  const QmigPlan *plan = self->entry->plan;

  if (source_is_gone (self) || plan == NULL)
    return TRUE;
  return set_limits (self, plan->restore_downtime_ms, plan->restore_bandwidth_bytes_per_s, wait, error) &&
         (g_strv_length (plan->capabilities_off) == 0 ||
          qmp_migrate_set_capabilities (self->source->client, NULL, (const char *const *) plan->capabilities_off, wait, error));
}

/* -- stage 2: pre-copy -------------------------------------------------------- */

static void
tell_knob (QmigMigration *self, const char *name, gint64 value, const char *state)
{
  JsonObject *data = json_object_new ();

  json_object_set_string_member (data, "knob", name);
  json_object_set_int_member (data, "value", value);
  json_object_set_string_member (data, "state", state);
  qmig_migration_emit (self, "knob", data);
}

/* A refused knob is told and the migration goes on with what QEMU has. */
static gboolean
take_knobs (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmigKnobs) wanted = qmig_migration_take_knobs (self);
  g_autoptr(GError) refused = NULL;
  QmigKnobs before;
  const char *state;

  if (wanted == NULL)
    return TRUE;

  before = *self->knobs;
  if (wanted->downtime_ms != QMIG_UNSET)
    self->knobs->downtime_ms = wanted->downtime_ms;
  if (wanted->bandwidth_bytes_per_s != QMIG_UNSET)
    self->knobs->bandwidth_bytes_per_s = wanted->bandwidth_bytes_per_s;

  if (!apply_knobs (self, wait, &refused))
    {
      *self->knobs = before;
      if (!qmp_error_is_refusal (refused))
        {
          g_propagate_error (error, g_steal_pointer (&refused));
          return FALSE;
        }
      qmig_migration_log (self, "QEMU refused the knobs: %s", refused->message);
    }

  state = refused == NULL ? "accepted" : "refused";
  if (wanted->downtime_ms != QMIG_UNSET)
    tell_knob (self, "downtime", wanted->downtime_ms, state);
  if (wanted->bandwidth_bytes_per_s != QMIG_UNSET)
    tell_knob (self, "bandwidth", wanted->bandwidth_bytes_per_s, state);
  if (wanted->deadline_ms != QMIG_UNSET)
    {
      self->knobs->deadline_ms = wanted->deadline_ms;
      qmig_migration_arm_deadline (self, wanted->deadline_ms);
      tell_knob (self, "deadline", wanted->deadline_ms, "accepted");
    }
  return TRUE;
}

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

/* Somebody may pause the guest meanwhile: then it is to arrive paused. */
static gboolean
mind_pause (QmigMigration *self, GError **error)
{
  QmigPlan *plan = self->entry->plan;
  gboolean runs = is_to_run (self->source, plan->was_running);

  if (plan->was_running == runs)
    return TRUE;
  plan->was_running = runs;
  qmig_migration_log (self, "the VM is now %s on the source and will be so on the destination", runs ? "running" : "not running");
  return qmig_journal_set_plan (self->journal, self->id, plan, error);
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

  if (!mind_pause (self, error))
    return FALSE;
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
  gint64 pass = self->sampler.pass;

  if (!qmig_instance_look (self->source, &info, reply, error))
    return source_is_gone (self) || self->source->guest_ended ? (g_clear_error (error), fail_source_gone (self, error)) : FALSE;
  if (!mind_pause (self, error))
    return FALSE;
  if (info->ram_remaining_bytes >= 0)
    self->left_bytes = info->ram_remaining_bytes;

  sample = qmig_sampler_take (&self->sampler, info, g_get_monotonic_time ());
  sample->stage = QMIG_STAGE_PRE_COPY;
  sample->downtime_limit_ms = self->knobs->downtime_ms;
  sample->bandwidth_limit_bytes_per_s = self->knobs->bandwidth_bytes_per_s;
  qmig_migration_set_sample (self, sample);
  qmig_migration_emit (self, "sample", qmig_sample_to_object (sample));
  if (self->sampler.pass != pass)
    {
      JsonObject *data = json_object_new ();

      json_object_set_int_member (data, "pass", self->sampler.pass);
      json_object_set_int_member (data, "remaining_bytes", self->sampler.after_sync_bytes);
      qmig_migration_emit (self, "round", data);
    }
  return TRUE;
}

/* The lease is kept alive by the way; a host that does not answer is heard of at the gate. */
static void
renew_lease (QmigMigration *self, gint64 *renewed_us, QmpWait *wait)
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
      fail_with_both_accounts (self, "the migration failed in pre-copy", wait, error);
      return FALSE;

    case QMP_MIGRATION_STATUS_CANCELLING:
    case QMP_MIGRATION_STATUS_CANCELLED:
      fail_with_both_accounts (self, "QEMU or somebody else cancelled the migration in pre-copy", wait, error);
      return FALSE;

    case QMP_MIGRATION_STATUS_SETUP:
      if (now_us - begun_us > qmig_limits.setup_ms * 1000)
        {
          g_autofree char *what = g_strdup_printf ("the source does not get through to the destination (status setup for %" G_GINT64_FORMAT " s)",
                                                   qmig_limits.setup_ms / 1000);

          set_failure (self, what, error);
          return FALSE;
        }
      break;

    case QMP_MIGRATION_STATUS_UNKNOWN:
    case QMP_MIGRATION_STATUS_WAIT_UNPLUG:
    case QMP_MIGRATION_STATUS_ACTIVE:
    case QMP_MIGRATION_STATUS_POSTCOPY_DEVICE:
    case QMP_MIGRATION_STATUS_POSTCOPY_ACTIVE:
    case QMP_MIGRATION_STATUS_POSTCOPY_PAUSED:
    case QMP_MIGRATION_STATUS_POSTCOPY_RECOVER_SETUP:
    case QMP_MIGRATION_STATUS_POSTCOPY_RECOVER:
    case QMP_MIGRATION_STATUS_COLO:
      break;
    }

  if (destination_is_gone (self))
    {
      fail_with_both_accounts (self, "the migration ended in pre-copy", wait, error);
      return FALSE;
    }
  if (qmig_sampler_stalled_ms (&self->sampler, now_us) > qmig_limits.stall_ms)
    {
      g_autofree char *what = g_strdup_printf ("no byte was sent for %" G_GINT64_FORMAT " s: the destination or the link hangs",
                                               qmig_limits.stall_ms / 1000);

      set_failure (self, what, error);
      return FALSE;
    }
  return TRUE;
}

static gboolean
pace_hold (QmigMigration *self, QmpWait *wait, GError **error)
{
  return !qmig_migration_is_hold_wanted (self) || apply_knobs (self, wait, error);
}

static gboolean
is_at_gate (QmigMigration *self)
{
  return self->source->status == QMP_MIGRATION_STATUS_PRE_SWITCHOVER || self->source->status == QMP_MIGRATION_STATUS_DEVICE ||
         self->source->status == QMP_MIGRATION_STATUS_COMPLETED;
}

/* Until the next look is due: passes may follow each other within a millisecond, QEMU's numbers do not. */
static gboolean
wait_for_next_look (QmigMigration *self, News *news, QmpWait *wait, GError **error)
{
  gint64 looked_us = g_get_monotonic_time ();
  gint64 tick_ms = qmig_migration_is_hold_wanted (self) ? HOLD_SAMPLE_MS : SAMPLE_MS;

  while (news_wait (news, wait, tick_ms, error))
    {
      if (news->ticked || knobs_wait (self) || self->source->status != QMP_MIGRATION_STATUS_ACTIVE || destination_is_gone (self) ||
          source_is_gone (self) || g_get_monotonic_time () - looked_us >= LEAST_SAMPLE_MS * 1000)
        return TRUE;
      *news = news_begin_with_knobs (self);
    }
  return FALSE;
}

static gboolean
step_precopy (QmigMigration *self, QmpWait *wait, GError **error)
{
  gint64 begun_us = g_get_monotonic_time ();
  gint64 renewed_us = begun_us;

  if (!start_migrate (self, wait, error))
    return FALSE;

  /* At the gate the guest stands still: nothing is asked that it would have to wait for. */
  while (!is_at_gate (self))
    {
      News news = news_begin_with_knobs (self);

      if (!take_sample (self, wait, error) || !go_on_with_precopy (self, begun_us, wait, error))
        return FALSE;
      if (is_at_gate (self))
        break;
      renew_lease (self, &renewed_us, wait);
      if (!take_knobs (self, wait, error) || !pace_hold (self, wait, error) || !wait_for_next_look (self, &news, wait, error))
        return FALSE;
    }
  return TRUE;
}

/* -- stage 3: switchover ------------------------------------------------------ */

/* With nothing left to copy QEMU stops the guest here even when held: it waits, paused, for the word. */
static gboolean
wait_at_gate (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) as_long_as_it_takes = NULL;
  gint64 renewed_us = g_get_monotonic_time ();

  if (!qmig_migration_is_hold_wanted (self))
    return TRUE;

  as_long_as_it_takes = qmp_wait_new (qmp_wait_get_cancellable (wait), "the word to go", -1);
  qmig_migration_set_holding (self, TRUE);
  qmig_migration_log (self, "nothing is left to copy: the guest waits, stopped, at the gate");
  while (qmig_migration_is_hold_wanted (self))
    {
      News news = news_begin_with_knobs (self);

      if (source_is_gone (self))
        return fail_source_gone (self, error);
      if (self->source->status != QMP_MIGRATION_STATUS_PRE_SWITCHOVER)
        {
          fail_with_both_accounts (self, "the migration was ended by another hand while it was held at the gate", as_long_as_it_takes, error);
          return FALSE;
        }
      if (destination_is_gone (self))
        {
          set_failure (self, "the migration ended while the guest was held at the gate", error);
          return FALSE;
        }
      renew_lease (self, &renewed_us, as_long_as_it_takes);
      if (!take_knobs (self, as_long_as_it_takes, error) || !news_wait (&news, as_long_as_it_takes, SAMPLE_MS, error))
        return FALSE;
    }
  qmig_migration_set_holding (self, FALSE);
  return TRUE;
}

/* The time held at the gate is not the step's. */
static gboolean
pass_gate (QmigMigration *self, GCancellable *cancellable, GError **error)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (cancellable, "the gate", qmig_limits.reply_ms);
  g_autoptr(QmigIncoming) incoming = qmig_host_hold (self->host, self->id, wait, error);

  if (incoming == NULL)
    {
      g_prefix_error (error, "the destination on '%s' is not ready for the switchover: ", qmig_host_get_name (self->host));
      return FALSE;
    }
  if (incoming->phase == QMIG_INCOMING_GONE)
    {
      fail_with_both_accounts (self, "the migration ended before the switchover", wait, error);
      return FALSE;
    }
  qmig_fault_point ("gate", "switchover");
  /* Its answer comes after the one that explains the stop. */
  return qmp_migrate_continue (self->source->client, wait, error) && mind_pause (self, error);
}

/* Neither side's word alone: the source completed and in postmigrate, the destination loaded and not running. */
static gboolean
switchover_is_over (QmigMigration *self, gboolean *over, QmpWait *wait, GError **error)
{
  *over = FALSE;
  if (source_is_gone (self))
    {
      *over = destination_is_loaded (self);
      return *over || !destination_is_gone (self) ? TRUE : fail_source_gone (self, error);
    }
  if (self->source->status == QMP_MIGRATION_STATUS_FAILED || self->source->status == QMP_MIGRATION_STATUS_CANCELLED)
    {
      fail_with_both_accounts (self, "the migration failed in the switchover", wait, error);
      return FALSE;
    }
  if (destination_is_gone (self))
    {
      fail_with_both_accounts (self, "the migration ended in the switchover", wait, error);
      return FALSE;
    }
  if (self->source->status == QMP_MIGRATION_STATUS_COMPLETED && self->source->run_state != QMP_RUN_STATE_POSTMIGRATE &&
      !qmig_instance_ask_run_state (self->source, wait, error))
    return source_is_gone (self) ? (g_clear_error (error), TRUE) : FALSE;

  *over = self->source->status == QMP_MIGRATION_STATUS_COMPLETED && self->source->run_state == QMP_RUN_STATE_POSTMIGRATE &&
          destination_is_loaded (self);
  return TRUE;
}

static void
begin_stop_and_copy (QmigMigration *self)
{
  gint64 stopped_for_us = self->source != NULL && self->source->stopped_us > 0 ? g_get_real_time () - self->source->stopped_us : 0;

  qmig_migration_enter_stage (self, QMIG_STAGE_STOP_AND_COPY, g_get_monotonic_time () - MAX (stopped_for_us, 0));
}

static gboolean
step_switchover (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) device = NULL;
  gboolean over = FALSE;

  begin_stop_and_copy (self);
  if (!source_is_gone (self) && self->source->status == QMP_MIGRATION_STATUS_PRE_SWITCHOVER &&
      !(wait_at_gate (self, wait, error) && pass_gate (self, qmp_wait_get_cancellable (wait), error)))
    return FALSE;

  device = qmp_wait_new (qmp_wait_get_cancellable (wait), "the switchover", MAX (qmig_limits.device_ms, 3 * self->knobs->downtime_ms));
  while (TRUE)
    {
      News news = news_begin (self);
      gboolean nearly;

      if (!switchover_is_over (self, &over, device, error))
        return FALSE;
      if (over)
        return TRUE;
      nearly = !source_is_gone (self) && self->source->status == QMP_MIGRATION_STATUS_COMPLETED &&
               self->source->run_state != QMP_RUN_STATE_POSTMIGRATE;
      if (!news_wait (&news, device, nearly ? 1 : 500, error))
        return FALSE;
    }
}

/* Before the intent only our own commit could have started the destination, so its proven end is wanted, but not needed;
 * after it nothing less than proof will do. */
static gboolean
end_destination (QmigMigration *self, gboolean *gone, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) short_wait = qmp_wait_new_within (wait, "the destination's end", qmig_limits.abort_ms);
  g_autoptr(GError) cause = NULL;
  g_autoptr(QmigIncoming) incoming = NULL;

  if (*gone)
    return TRUE;
  incoming = ask_patiently (self, qmig_host_abort, short_wait, &cause);
  /* Its host may fail to tidy up behind a process that it has ended. */
  if (incoming != NULL || destination_is_gone (self))
    {
      *gone = TRUE;
      return TRUE;
    }
  if (!self->entry->commit_intent && is_silence (cause))
    {
      qmig_migration_log (self, "'%s' is silent; its copy never got the word to run and cannot start by itself: %s",
                          qmig_host_get_name (self->host), cause->message);
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

      if (way->cancelled || (device && !end_destination (self, &way->destination_gone, wait, error)))
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

static gboolean
undo_switchover (QmigMigration *self, QmpWait *wait, GError **error)
{
  WayBack way = { .begun_us = g_get_monotonic_time (), .destination_gone = destination_is_gone (self) };

  while (TRUE)
    {
      News news = news_begin (self);
      g_autoptr(QmpWait) look = qmp_wait_new_within (wait, "the source's state", qmig_limits.look_back_ms);
      g_autoptr(GError) silent = NULL;
      gboolean back = FALSE;

      if (source_is_gone (self))
        return fail_source_gone (self, error);
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
      if (!news_wait (&news, wait, 50, error))
        return FALSE;
    }
}

/* In pre-copy the guest never stopped; the road is the same, and short. */
static gboolean
undo_precopy (QmigMigration *self, QmpWait *wait, GError **error)
{
  return undo_switchover (self, wait, error);
}

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
  return self->source != NULL && !source_is_gone (self) && self->source->run_state != QMP_RUN_STATE_POSTMIGRATE;
}

/* Once one answer was lost, only "it runs" and "it is there and stopped" are certain. */
static gboolean
step_commit (QmigMigration *self, QmpWait *wait, GError **error)
{
  gboolean doubt = self->told_before;

  if (!doubt && destination_is_gone (self))
    return fail_not_started (self, "it died before it was told to run", error);
  if (!doubt && source_was_continued (self, wait))
    return fail_not_started (self, "the source was continued by another hand", error);
  while (TRUE)
    {
      g_autoptr(GError) cause = NULL;
      g_autoptr(QmigIncoming) incoming = self->entry->plan->was_running
                                         ? qmig_host_commit (self->host, self->id, wait, &cause)
                                         : qmig_host_accept (self->host, self->id, wait, &cause);

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

/* Only ever after a certain refusal: the destination is ended with proof, then the source goes on. */
static gboolean
undo_commit (QmigMigration *self, QmpWait *wait, GError **error)
{
  return undo_switchover (self, wait, error);
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
}

static gboolean
end_source (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) politely = qmp_wait_new_within (wait, "the source QEMU to quit", qmig_limits.reply_ms);

  if (source_is_gone (self))
    return TRUE;
  read_final_numbers (self, politely);
  if (qmp_quit (self->source->client, politely, NULL) && qmig_instance_wait_gone (self->source, politely, NULL))
    return TRUE;

  qmig_migration_log (self, "the source QEMU does not quit: killing it, its VM runs on the destination");
  return qmig_instance_kill (self->source, wait, error);
}

static gboolean
step_release (QmigMigration *self, QmpWait *wait, GError **error)
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
  released = ask_patiently (self, qmig_host_release, wait, error);
  return released != NULL;
}

const QmigStep qmig_steps[] = {
  /* name          stage                        run              undo             seconds  one way */
  { "check",       QMIG_STAGE_PRE_MIGRATION,    step_check,      NULL,            30,      FALSE },
  { "prepare",     QMIG_STAGE_RESERVATION,      step_prepare,    undo_prepare,    300,     FALSE },
  { "tune",        QMIG_STAGE_RESERVATION,      step_tune,       undo_tune,       10,      FALSE },
  { "precopy",     QMIG_STAGE_PRE_COPY,         step_precopy,    undo_precopy,    -1,      FALSE },
  { "switchover",  QMIG_STAGE_STOP_AND_COPY,    step_switchover, undo_switchover, 10,      FALSE },
  { "commit",      QMIG_STAGE_COMMITMENT,       step_commit,     undo_commit,     30,      TRUE },
  { "release",     QMIG_STAGE_ACTIVATION,       step_release,    NULL,            30,      TRUE },
};
const gsize qmig_n_steps = G_N_ELEMENTS (qmig_steps);

int
qmig_step_index (const char *name)
{
  if (name != NULL && g_str_has_prefix (name, "undo-"))
    name += strlen ("undo-");
  for (gsize i = 0; i < qmig_n_steps; i++)
    if (g_strcmp0 (qmig_steps[i].name, name) == 0)
      return i;
  return -1;
}
