/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-files.h"
#include "qmig-steps-private.h"

#include "json-strict.h"
#include "qmig-forecast.h"
#include "qmig-needs.h"
#include "qmig-plan-surroundings.h"
#include "qmig-plan.h"
#include "qmig-stream.h"
#include "qmig-surroundings.h"
#include "qmp-commands.h"
#include "qmp-error.h"

#include <string.h>

#define CLOCK_QUESTIONS 3
#define OWN_SIDE_MS 10000

/* -- stage 0: check ---------------------------------------------------------- */

gboolean
qmig_steps_attach (QmigMigration *self, gboolean may_be_gone, QmpWait *wait, GError **error)
{
  const QmigJournalEntry *entry = self->entry;
  g_autoptr(QmpWait) attach = qmp_wait_new_within (wait, "the source's monitor", qmig_limits.attach_ms);

  if (self->host == NULL)
    {
      self->host = self->env->open_host (self->env, entry->destination_uri, error);
      if (self->host == NULL)
        return FALSE;
      qmig_migration_trace_host (self);
    }
  if (self->source == NULL && !(may_be_gone && !qmig_process_is_alive (entry->source_pid, entry->source_start_time)))
    {
      self->source = qmig_instance_attach (entry->vm, entry->source_qmp, entry->source_pid, entry->source_start_time, attach, error);
      qmig_migration_trace (self);
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
facts_request (const QmigJournalEntry *entry, const QmigHostInfo *here, const QmigSourceFacts *source, gboolean thorough)
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
  request->files = g_ptr_array_ref (source->files);
  request->needs = qmig_needs_of ((const char *const *) source->argv, source->cwd, (const char *const *) wish->target_args, source->memory_bytes);
  request->listen = g_strdup (wish->listen);
  request->port = wish->port;
  request->port_last = wish->port_last;
  request->thorough = thorough;
  request->device_types = source->devices != NULL ? g_strdupv (source->devices->types) : NULL;
  return request;
}

/* What the source's side has to say of itself, read in a thread of its own while the destination's agent reads the other's. */
typedef struct
{
  const QmigEnv *env;
  const QmigFactsRequest *request;
  QmigSourceFacts *facts;
  GCancellable *cancellable; /* (nullable) */
  gboolean thorough;
} OwnSide;

static gpointer
read_own_side (gpointer data)
{
  OwnSide *self = data;
  g_autoptr(QmpWait) wait = qmp_wait_new (self->cancellable, "the source's description", OWN_SIDE_MS);
  g_autoptr(QmigJournal) journal = qmig_journal_open (self->env->state_dir, NULL);

  self->facts->surroundings = qmig_surroundings_read (self->env, journal, self->request);
  /* What it does not tell stays unknown, and the caller's own wait knows of a cancel. */
  qmig_instance_read_vmstate (self->facts, self->thorough, wait);
  return NULL;
}

/* Both sides at once: neither waits for the other. */
static QmigFacts *
read_both_sides (const QmigEnv *env, QmigHost *host, const QmigFactsRequest *request, QmigSourceFacts *facts, gboolean thorough, QmpWait *wait, GError **error)
{
  OwnSide own = { env, request, facts, qmp_wait_get_cancellable (wait), thorough };
  GThread *thread = g_thread_new ("own-side", read_own_side, &own);
  QmigFacts *theirs;

  facts->asked_us = g_get_real_time ();
  theirs = qmig_host_get_facts (host, request, wait, error);
  facts->answered_us = g_get_real_time ();
  g_thread_join (thread);
  return theirs;
}

QmigPlan *
qmig_steps_plan (const QmigEnv          *env,
                 const QmigJournalEntry *entry,
                 QmigInstance           *source,
                 QmigHost               *host,
                 gboolean                thorough,
                 QmigClockOffset        *clock,
                 QmpWait                *wait,
                 GError                **error)
{
  g_autoptr(QmigHostInfo) here = qmig_env_host_info (env);
  g_autoptr(QmigSourceFacts) facts = qmig_instance_read_facts (source, wait, error);
  g_autoptr(QmigFileLocks) locks = NULL; /* until the other side has looked */
  g_autoptr(QmigFactsRequest) request = NULL;
  g_autoptr(QmigFacts) theirs = NULL;
  QmigPlan *plan;

  if (facts == NULL || !qmig_instance_read_machine (source, facts, wait, error))
    return NULL;
  locks = qmig_file_locks_new (facts->drives, facts->cwd);
  facts->files = qmig_file_locks_questions (locks);
  request = facts_request (entry, here, facts, thorough);
  theirs = read_both_sides (env, host, request, facts, thorough, wait, error);
  if (theirs == NULL)
    return NULL;

  plan = qmig_plan_make (entry->request, entry->policy, entry->destination_uri, here, facts, theirs);
  /* One machine has one clock. */
  if (plan->same_machine)
    *clock = (QmigClockOffset) { 0, 0 };
  else
    *clock = (QmigClockOffset) { theirs->host->time_us - (facts->asked_us + facts->answered_us) / 2, (facts->answered_us - facts->asked_us) / 2 };
  return plan;
}

static void
tell_checks (QmigMigration *self, const QmigPlan *plan)
{
  for (guint i = 0; i < plan->checks->len; i++)
    qmig_migration_emit (self, "check", qmig_check_to_object (g_ptr_array_index (plan->checks, i)));
}

gboolean
qmig_step_check (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autofree char *refusal = NULL;

  if (!qmig_steps_attach (self, FALSE, wait, error))
    return as_unreachable (error);
  g_clear_pointer (&self->entry->plan, qmig_plan_free);
  self->entry->plan = qmig_steps_plan (self->env, self->entry, self->source, self->host, FALSE, &self->clock, wait, error);
  if (self->entry->plan == NULL)
    return as_unreachable (error);
  if (strchr (self->entry->request->destination, ':') != NULL && self->entry->plan->destination != NULL)
    qmig_migration_set_destination_name (self, self->entry->plan->destination);
  self->entry->plan->forecast = qmig_forecast_from_history (self->journal, self->entry->vm, self->entry->plan);
  qmig_plan_judge_forecast (self->entry->plan);
  tell_checks (self, self->entry->plan);

  refusal = qmig_plan_refusal (self->entry->plan);
  if (refusal != NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_REFUSED, "cannot move '%s' to '%s': %s", self->entry->vm, self->entry->plan->destination, refusal);
      return FALSE;
    }
  return qmig_migration_publish_bounds (self, error);
}

/* -- stage 1: prepare the destination, tune the source ----------------------- */

/* The answer with the facts took as long as that host needed to gather them, and maybe a login: a short question knows the
 * clock better.  What it says is only for measuring. */
static void
measure_clock (QmigMigration *self, QmpWait *wait)
{
  if (self->entry->plan->same_machine)
    return;
  for (int i = 0; i < CLOCK_QUESTIONS; i++)
    {
      gint64 asked_us = g_get_real_time ();
      g_autoptr(QmigIncoming) incoming = qmig_host_query (self->host, self->id, wait, NULL);
      gint64 answered_us = g_get_real_time ();
      gint64 uncertainty_us = (answered_us - asked_us) / 2;

      if (incoming != NULL && uncertainty_us >= 0 && uncertainty_us < self->clock.uncertainty_us)
        self->clock = (QmigClockOffset) { incoming->time_us - (asked_us + answered_us) / 2, uncertainty_us };
    }
}

/* (transfer full): @list without @unwanted */
static char **
without (char **list, char **unwanted)
{
  g_autoptr(GStrvBuilder) kept = g_strv_builder_new ();

  for (char **item = list; item != NULL && *item != NULL; item++)
    if (!g_strv_contains ((const char *const *) unwanted, *item))
      g_strv_builder_add (kept, *item);
  return g_strv_builder_end (kept);
}

/* What was only allowed is no reason not to move. */
static gboolean
give_up_wishes (QmigMigration *self, const QmigIncoming *incoming, GError **error)
{
  QmigPlan *plan = self->entry->plan;
  g_autofree char *why = g_strdup_printf ("'%s' cannot: %s", qmig_host_get_name (self->host), incoming->unfulfilled);
  g_auto(GStrv) on = plan->capabilities_on;
  g_auto(GStrv) off = plan->capabilities_off;

  plan->capabilities_on = without (on, plan->incoming_wishes);
  plan->capabilities_off = without (off, plan->incoming_wishes);
  qmig_migration_log (self, "the move goes on without post-copy, which was allowed: %s", why);
  qmig_migration_set_no_postcopy (self, why);
  return qmig_migration_publish_bounds (self, error);
}

gboolean
qmig_step_prepare (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmigIncomingSpec) spec = qmig_plan_incoming_spec (self->entry->plan, self->entry->request, self->id);
  g_autoptr(QmigIncoming) incoming = NULL;

  spec->lease_ms = qmig_limits.lease_ms;
  incoming = qmig_host_prepare (self->host, spec, wait, error);
  if (incoming == NULL)
    {
      g_prefix_error (error, "cannot prepare the destination on '%s': ", qmig_host_get_name (self->host));
      return FALSE;
    }
  self->result->launch_ms = incoming->launch_ms;
  self->uri = qmig_host_dial (self->host, self->id, incoming->uri, error);
  if (self->uri == NULL)
    return FALSE;
  qmig_migration_set_destination_pid (self, incoming->pid);
  if (incoming->unfulfilled != NULL && !give_up_wishes (self, incoming, error))
    return FALSE;
  measure_clock (self, wait);
  qmig_host_follow (self->host, self->id);
  return TRUE;
}

gboolean
qmig_undo_prepare (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) within = NULL;
  g_autoptr(QmigIncoming) incoming = NULL;
  g_autoptr(GError) cause = NULL;

  if (self->host == NULL)
    return TRUE;
  /* A host that stays silent ends the copy by itself when the lease is over. */
  within = qmp_wait_new_within (wait, "the destination's end", 2 * qmig_limits.abort_ms);
  incoming = qmig_sides_ask_patiently (self, qmig_host_abort, within, &cause);
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
is_encrypted (const QmigPlan *plan)
{
  return g_strcmp0 (plan->transport, "tls") == 0;
}

static gboolean
set_encryption (QmigMigration *self, QmpWait *wait, GError **error)
{
  const QmigPlan *plan = self->entry->plan;
  QmpClient *client = self->source->client;

  if (!is_encrypted (plan))
    return qmig_stream_release_left (client, wait, error);
  if (qmig_stream_secure_source (client, self->env->pki_dir, plan->tls_name, wait, error))
    return TRUE;
  g_prefix_error (error, "cannot encrypt the stream on the source: ");
  return FALSE;
}

/* @parameters: an object (nullable) */
static gboolean
set_parameters (QmigMigration *self, JsonNode *parameters, QmpWait *wait, GError **error)
{
  if (parameters == NULL || !JSON_NODE_HOLDS_OBJECT (parameters) || json_object_get_size (json_node_get_object (parameters)) == 0)
    return TRUE;
  return qmp_migrate_set_parameters (self->source->client, json_node_dup_object (parameters), wait, error);
}

static gboolean
restore_capabilities (QmigMigration *self, QmpWait *wait, GError **error)
{
  char **off = self->entry->plan->capabilities_off;
  char **on = self->entry->plan->capabilities_cleared;

  if ((off == NULL || *off == NULL) && (on == NULL || *on == NULL))
    return TRUE;
  return qmp_migrate_set_capabilities (self->source->client, (const char *const *) on, (const char *const *) off, wait, error);
}

gboolean
qmig_step_tune (QmigMigration *self, QmpWait *wait, GError **error)
{
  const QmigPlan *plan = self->entry->plan;

  if (!set_encryption (self, wait, error))
    return FALSE;
  self->left_bytes = plan->memory_bytes / 2; /* much of a guest's memory is zero pages, which no bandwidth limit slows */
  return qmp_migrate_set_capabilities (self->source->client, (const char *const *) plan->capabilities_on,
                                       (const char *const *) plan->capabilities_cleared, wait, error) &&
         set_parameters (self, plan->parameters, wait, error) && qmig_step_begin_steering (self, wait, error);
}

/* What cannot be undone of one is no reason to leave the others. */
gboolean
qmig_undo_tune (QmigMigration *self, QmpWait *wait, GError **error)
{
  const QmigPlan *plan = self->entry->plan;
  g_autoptr(GError) stream = NULL;
  g_autoptr(GError) parameters = NULL;
  g_autoptr(GError) capabilities = NULL;
  GError **first;

  if (qmig_sides_source_is_gone (self) || plan == NULL)
    return TRUE;
  (void) (!is_encrypted (plan) || qmig_stream_release (self->source->client, wait, &stream));
  (void) set_parameters (self, plan->restore_parameters, wait, &parameters);
  (void) restore_capabilities (self, wait, &capabilities);
  first = stream != NULL ? &stream : parameters != NULL ? &parameters : &capabilities;
  if (*first == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (first));
  return FALSE;
}
