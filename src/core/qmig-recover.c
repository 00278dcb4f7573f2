/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-recover.h"

#include "qmig-steps.h"
#include "qmp-error.h"

/* A host that was restarted together with us needs a moment. */
#define LOOK_MS 30000

static QmigRecoverDecision
go_on (const char *step)
{
  return (QmigRecoverDecision) { QMIG_RECOVER_GO_ON, step, NULL };
}

static QmigRecoverDecision
roll_back (const char *step)
{
  return (QmigRecoverDecision) { QMIG_RECOVER_ROLL_BACK, step, NULL };
}

static QmigRecoverDecision
attention (const char *why)
{
  return (QmigRecoverDecision) { QMIG_RECOVER_ATTENTION, NULL, why };
}

/* The commit intent is on disk: the destination may have been told to run. */
static QmigRecoverDecision
decide_after_intent (const QmigRecoverFacts *f)
{
  gboolean going_back = g_str_has_prefix (f->step, "undo-");

  if (f->destination_silent)
    return attention ("the destination was told to run and its host does not answer");

  switch ((QmigIncomingPhase) f->destination)
    {
    case QMIG_INCOMING_COMMITTED:
      /* The truth, whatever the source says: that one is ended. */
      return go_on ("release");

    case QMIG_INCOMING_LOADED:
      /* It never ran: paused after loading is where only our `cont` leads out of. */
      return going_back && !f->source_gone ? roll_back ("commit") : go_on ("commit");

    case QMIG_INCOMING_LAUNCHING:
    case QMIG_INCOMING_READY:
    case QMIG_INCOMING_LISTENING:
      return attention ("the destination was told to run, but is not loaded");

    case QMIG_INCOMING_GONE:
      if (g_strcmp0 (f->step, "release") == 0 && f->source_gone)
        return go_on ("release");
      /* On the way back the destination was ended by us, after it surely had not run. */
      if ((going_back || g_strcmp0 (f->assume, "source") == 0) && !f->source_gone)
        return roll_back ("commit");
      return attention ("the destination is gone and may have run before");
    }
  return attention ("the destination is in an unknown state");
}

/* Nobody told the destination to run. */
static QmigRecoverDecision
decide_before_intent (const QmigRecoverFacts *f)
{
  gboolean loaded = !f->destination_silent && f->destination == QMIG_INCOMING_LOADED;
  gboolean listening = !f->destination_silent && f->destination == QMIG_INCOMING_LISTENING;

  if (f->source_gone)
    {
      if (loaded)
        return go_on ("commit"); /* the only copy */
      if (f->destination_silent)
        return attention ("the source is gone and the destination's host does not answer");
      return roll_back ("switchover"); /* ends what is left of the destination; the VM is lost, as after a crash */
    }
  if (!f->destination_silent && f->destination == QMIG_INCOMING_COMMITTED)
    return attention ("the destination runs although it was never told to");
  if (g_str_has_prefix (f->step, "undo-"))
    return roll_back ("switchover");
  if (f->source_status == QMP_MIGRATION_STATUS_COMPLETED && f->source_state == QMP_RUN_STATE_POSTMIGRATE)
    return loaded || listening ? go_on ("switchover") : roll_back ("switchover");
  if (qmp_migration_status_is_in_progress (f->source_status) && qmig_step_index (f->step) >= qmig_step_index ("precopy") && (loaded || listening))
    return go_on ("precopy");
  return roll_back ("switchover");
}

QmigRecoverDecision
qmig_recover_decide (const QmigRecoverFacts *facts)
{
  QmigRecoverDecision decision = facts->commit_intent ? decide_after_intent (facts) : decide_before_intent (facts);

  if (decision.action == QMIG_RECOVER_ATTENTION && facts->commit_intent && g_strcmp0 (facts->assume, "destination") == 0 &&
      !facts->destination_silent)
    return go_on ("release");
  return decision;
}

static gboolean
ask_destination (QmigMigration *self, QmigRecoverFacts *facts, QmpWait *wait)
{
  while (TRUE)
    {
      g_autoptr(GError) silent = NULL;
      g_autoptr(QmpWait) once = qmp_wait_new_within (wait, "the destination's host", 5000);
      g_autoptr(QmigIncoming) incoming = qmig_host_query (self->host, self->id, once, &silent);

      if (incoming != NULL)
        {
          facts->destination = incoming->phase;
          self->uri = g_strdup (incoming->uri);
          qmig_migration_set_destination_pid (self, incoming->pid);
          return TRUE;
        }
      qmig_migration_log (self, "'%s' does not answer yet: %s", qmig_host_get_name (self->host), silent->message);
      if (qmp_wait_left_ms (wait) <= 0 || !qmp_wait_pause (wait, 200, NULL))
        return FALSE;
    }
}

/* A main loop that is blocked by a switchover does not even negotiate: the end of the destination, which was never told
 * to run, frees it. */
static gboolean
attach_to_blocked (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(GError) silent = NULL;
  g_autoptr(QmigIncoming) ended = NULL;

  if (qmig_steps_attach (self, TRUE, wait, &silent))
    return TRUE;
  if (self->host == NULL || self->entry->commit_intent || !g_error_matches (silent, QMP_ERROR, QMP_ERROR_TIMEOUT))
    {
      g_propagate_error (error, g_steal_pointer (&silent));
      return FALSE;
    }
  qmig_migration_log (self, "the source does not answer, ending the destination to free it: %s", silent->message);
  ended = qmig_host_abort (self->host, self->id, wait, error);
  return ended != NULL && qmig_steps_attach (self, TRUE, wait, error);
}

static gboolean
look_at_source (QmigMigration *self, QmigRecoverFacts *facts, QmpWait *wait, GError **error)
{
  if (!attach_to_blocked (self, wait, error))
    return FALSE;
  facts->source_gone = self->source == NULL;
  if (self->source != NULL)
    {
      facts->source_state = self->source->run_state;
      facts->source_status = self->source->status;
    }
  return TRUE;
}

gboolean
qmig_recover_look (QmigMigration *self, QmigRecoverDecision *decision, GError **error)
{
  QmigRecoverFacts facts = {
    .step = self->entry->step != NULL ? self->entry->step : "check",
    .commit_intent = self->entry->commit_intent,
    .assume = self->assume,
  };
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "both sides", LOOK_MS);
  int step = qmig_step_index (facts.step);

  if (!look_at_source (self, &facts, wait, error))
    return FALSE;
  /* Before the preparation there is nothing on the other side. */
  if (step < qmig_step_index ("prepare"))
    {
      *decision = roll_back ("check");
      return TRUE;
    }
  facts.destination_silent = !ask_destination (self, &facts, wait);
  if (!facts.destination_silent)
    qmig_host_follow (self->host, self->id);

  *decision = qmig_recover_decide (&facts);
  return TRUE;
}
