/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stage 0 by itself: what a migration would do, for somebody who only asks. */

#include "qmig-forecast.h"
#include "qmig-plan-surroundings.h"
#include "qmig-plan.h"
#include "qmig-steps.h"

/* A plan without a forecast is a plan all the same. */
static void
add_forecast (const QmigEnv *env, const QmigJournalEntry *entry, QmigInstance *source, gboolean measure, QmigPlan *plan, QmpWait *wait)
{
  g_autoptr(QmigJournal) journal = plan->refused ? NULL : qmig_journal_open (env->state_dir, NULL);

  if (journal == NULL)
    return;
  plan->forecast = measure ? qmig_forecast_measured (env, journal, source, plan, entry->destination_uri, wait)
                           : qmig_forecast_from_history (journal, entry->vm, plan);
  qmig_plan_judge_forecast (plan);
}

/* The destination's QEMU as it would be, under a reservation, up to where it listens: it never runs, and is ended at once. */
static void
try_destination (const QmigJournalEntry *entry, QmigHost *host, QmigPlan *plan, QmpWait *wait)
{
  g_autoptr(QmigIncomingSpec) spec = qmig_plan_incoming_spec (plan, entry->request, entry->id);
  g_autoptr(QmigIncoming) incoming = NULL;
  g_autoptr(QmigIncoming) ended = NULL;
  g_autoptr(GError) cause = NULL;

  spec->rehearsal = TRUE;
  incoming = qmig_host_prepare (host, spec, wait, &cause);
  if (incoming == NULL)
    {
      qmig_check_add (plan->checks, "deep", QMIG_CHECK_FAIL, "see what its QEMU says", "the destination does not start: %s", cause->message);
      plan->refused = TRUE;
      return;
    }
  qmig_check_add (plan->checks, "deep", QMIG_CHECK_OK, NULL, "QEMU started on '%s' with this command line in %" G_GINT64_FORMAT " ms, and listened",
                  plan->destination, incoming->launch_ms);
  ended = qmig_host_abort (host, entry->id, wait, &cause);
  if (ended == NULL)
    qmig_check_add (plan->checks, "deep", QMIG_CHECK_WARN, "it ends by itself with its lease", "the QEMU that was tried could not be ended: %s", cause->message);
}

QmigPlan *
qmig_migration_check (const QmigEnv *env, const QmigMigrateRequest *request, QmigLook look, QmpWait *wait, GError **error)
{
  g_autoptr(QmigJournalEntry) entry = qmig_migration_new_entry (env, request, error);
  g_autoptr(QmigInstance) source = NULL;
  g_autoptr(QmigHost) host = NULL;
  QmigPlan *plan = NULL;
  QmigClockOffset clock;

  if (entry == NULL)
    return NULL;
  host = env->open_host (env, entry->destination_uri, error);
  if (host == NULL)
    return NULL;
  source = qmig_instance_attach (entry->vm, entry->source_qmp, entry->source_pid, entry->source_start_time, wait, error);
  if (source != NULL)
    plan = qmig_steps_plan (env, entry, source, host, TRUE, &clock, wait, error);
  if (plan != NULL)
    add_forecast (env, entry, source, look & QMIG_LOOK_MEASURE, plan, wait);
  if (plan != NULL && !plan->refused && (look & QMIG_LOOK_DEEP))
    try_destination (entry, host, plan, wait);
  return plan;
}
