/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-recover.h"

#include "qmig-steps.h"
#include "qmp-error.h"

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

static gboolean
is_going_back (const QmigRecoverFacts *f)
{
  return g_str_has_prefix (f->step, "undo-");
}

static gboolean
is_assumed (const QmigRecoverFacts *f, const char *side)
{
  return g_strcmp0 (f->assume, side) == 0;
}

/* All was sent, and it will not run again but by a `cont`. */
static gboolean
source_has_handed_over (const QmigRecoverFacts *f)
{
  return f->source_status == QMP_MIGRATION_STATUS_COMPLETED && f->source_state == QMP_RUN_STATE_POSTMIGRATE;
}

/* Its part of the VM is not there alone any more; in postcopy-device it still is. */
static gboolean
source_is_in_postcopy (const QmigRecoverFacts *f)
{
  return !f->source_gone && qmp_migration_status_is_postcopy (f->source_status) && f->source_status != QMP_MIGRATION_STATUS_POSTCOPY_DEVICE;
}

/* Committed: what is left to do. */
static QmigRecoverDecision
finish (const QmigRecoverFacts *f)
{
  return go_on (f->postcopy ? "pages" : "release");
}

/* Each side has a part of the VM: nothing is ended, and nobody's word leads back. */
static QmigRecoverDecision
decide_in_postcopy (const QmigRecoverFacts *f)
{
  const char *until_commit = f->commit_intent ? "commit" : "switchover";

  if (!f->postcopy)
    return attention ("the source is in post-copy by another hand");
  /* It is waited for, longer than here. */
  if (f->destination_silent)
    return go_on (qmig_step_index (f->step) > qmig_step_index ("commit") ? "pages" : until_commit);

  switch ((QmigIncomingPhase) f->destination)
    {
    case QMIG_INCOMING_COMMITTED:
      return go_on ("pages");
    case QMIG_INCOMING_POSTCOPY:
    case QMIG_INCOMING_LOADED:
      return go_on (until_commit);
    case QMIG_INCOMING_LISTENING:
      return f->commit_intent ? attention ("the destination was told to run, but is not loaded") : go_on ("switchover");
    case QMIG_INCOMING_LAUNCHING:
    case QMIG_INCOMING_READY:
      break;
    case QMIG_INCOMING_GONE:
      return attention ("the destination is gone, and in post-copy the source alone is not the VM");
    }
  return attention ("the source is in post-copy, and the destination never began");
}

/* The commit intent is on disk: the destination may have been told to run. */
static QmigRecoverDecision
decide_after_intent (const QmigRecoverFacts *f)
{
  /* Only a person can know that the other host is dead. */
  if (f->destination_silent && is_assumed (f, "source") && !f->source_gone)
    return roll_back ("commit");
  if (f->destination_silent)
    return attention ("the destination was told to run and its host does not answer");

  switch ((QmigIncomingPhase) f->destination)
    {
    case QMIG_INCOMING_COMMITTED:
      /* The truth, whatever the source says: that one is ended. */
      return finish (f);

    case QMIG_INCOMING_POSTCOPY:
      if (f->source_gone)
        return attention ("the source is gone, and with it memory that the destination has not");
      G_GNUC_FALLTHROUGH;

    case QMIG_INCOMING_LOADED:
      /* Paused after loading is where only our `cont` leads out of: it never ran. */
      if (is_going_back (f) && !f->source_gone)
        return roll_back ("commit");
      if (f->source_gone || source_has_handed_over (f))
        return go_on ("commit");
      /* Somebody continued the source: the destination must not be. */
      return is_assumed (f, "source") ? roll_back ("commit") : attention ("the source left the migration by another hand");

    case QMIG_INCOMING_LAUNCHING:
    case QMIG_INCOMING_READY:
    case QMIG_INCOMING_LISTENING:
      return attention ("the destination was told to run, but is not loaded");

    case QMIG_INCOMING_GONE:
      if (f->source_gone && g_str_equal (f->step, "release"))
        return go_on ("release"); /* released: its host keeps no account of it any more */
      /* On the way back the destination was ended by us, after it surely had not run. */
      if (!f->source_gone && (is_going_back (f) || is_assumed (f, "source")))
        return roll_back ("commit");
      if (is_assumed (f, "destination"))
        return go_on ("release");
      return attention ("the destination is gone and may have run before");
    }
  return attention ("the destination is in an unknown state");
}

static QmigRecoverDecision
decide_without_source (const QmigRecoverFacts *f)
{
  if (f->destination_silent)
    return attention ("the source is gone and the destination's host does not answer");
  if (f->destination == QMIG_INCOMING_COMMITTED)
    return finish (f); /* by another hand, but it runs, and alone */
  if (f->destination == QMIG_INCOMING_POSTCOPY)
    return attention ("the source is gone, and with it memory that the destination has not");
  /* Let through, it may have sent all before it died, and the destination be reading the rest: that loads, or ends by itself. */
  if (f->destination == QMIG_INCOMING_LISTENING && !is_going_back (f) && qmig_step_index (f->step) >= qmig_step_index ("switchover"))
    return go_on ("switchover");
  if (f->destination != QMIG_INCOMING_LOADED)
    return roll_back ("switchover"); /* ends what is left of the destination; the VM is lost, as after a crash */
  /* The only copy; but a source that we sent back may have run on, and written to its disks, after this copy was made. */
  if (is_going_back (f) && !is_assumed (f, "destination"))
    return attention ("the source is gone and may have run on after the destination's copy was made");
  return go_on ("commit");
}

/* Nobody told the destination to run. */
static QmigRecoverDecision
decide_before_intent (const QmigRecoverFacts *f)
{
  gboolean loaded = !f->destination_silent && f->destination == QMIG_INCOMING_LOADED;
  gboolean listening = !f->destination_silent && (f->destination == QMIG_INCOMING_LISTENING || f->destination == QMIG_INCOMING_POSTCOPY);

  if (f->source_gone)
    return decide_without_source (f);
  if (!f->destination_silent && f->destination == QMIG_INCOMING_COMMITTED)
    return is_assumed (f, "destination") ? finish (f) : attention ("the destination runs although it was never told to");
  if (is_going_back (f))
    return roll_back ("switchover");
  if (source_has_handed_over (f))
    return loaded || listening ? go_on ("switchover") : roll_back ("switchover");
  if (qmp_migration_status_is_in_progress (f->source_status) && qmig_step_index (f->step) >= qmig_step_index ("precopy") && (loaded || listening))
    return go_on ("precopy");
  return roll_back ("switchover");
}

/* The copy is worth nothing, whatever it says; but what runs is not ended unasked. */
static QmigRecoverDecision
decide_rehearsal (const QmigRecoverFacts *f)
{
  if (!f->destination_silent && f->destination == QMIG_INCOMING_COMMITTED)
    return attention ("the destination runs although this was a rehearsal");
  return roll_back ("gauge");
}

QmigRecoverDecision
qmig_recover_decide (const QmigRecoverFacts *facts)
{
  if (facts->rehearsal)
    return decide_rehearsal (facts);
  if (source_is_in_postcopy (facts))
    return decide_in_postcopy (facts);
  return facts->commit_intent ? decide_after_intent (facts) : decide_before_intent (facts);
}

static gboolean
ask_destination (QmigMigration *self, QmigRecoverFacts *facts, QmpWait *wait)
{
  while (TRUE)
    {
      g_autoptr(GError) silent = NULL;
      g_autoptr(QmpWait) once = qmp_wait_new_within (wait, "the destination's host", qmig_limits.abort_ms);
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

/* Whoever has not loaded all holds nothing that the source lacks; whoever has blocks nobody. */
static gboolean
destination_may_block (QmigMigration *self, QmpWait *wait)
{
  g_autoptr(QmigIncoming) incoming = qmig_host_query (self->host, self->id, wait, NULL);

  return incoming != NULL && incoming->phase != QMIG_INCOMING_LOADED && incoming->phase != QMIG_INCOMING_COMMITTED;
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
  /* In post-copy the destination may hold what the source no longer has. */
  if (self->host == NULL || self->entry->commit_intent || self->entry->postcopy || !g_error_matches (silent, QMP_ERROR, QMP_ERROR_TIMEOUT) ||
      !destination_may_block (self, wait))
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
    .rehearsal = self->entry->request->rehearsal,
    .postcopy = self->entry->postcopy,
    .assume = self->assume,
  };
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "both sides", qmig_limits.recover_ms);
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
  /* Held at the gate the guest stands still, and the word to go may have died with the agent: back is where it runs.  Post-copy
   * is such a word, and in the journal. */
  if (decision->action == QMIG_RECOVER_GO_ON && facts.source_status == QMP_MIGRATION_STATUS_PRE_SWITCHOVER &&
      self->entry->request->hold && !facts.postcopy)
    *decision = roll_back ("switchover");
  return TRUE;
}
