/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The receiving side.  Each reservation has a worker thread with a context of
 * its own, which owns the destination's monitor through one QmigHostLocal.
 * Requests go to it as jobs, one at a time; between jobs it runs its context,
 * so that what QEMU says wakes those who wait.  The lease, the last known
 * state and the waiting requests belong to the main context.
 */

#include "agent-lease.h"
#include "agent-private.h"

G_BEGIN_DECLS

typedef struct _AgentIncoming AgentIncoming;

struct _AgentIncoming
{
  gatomicrefcount refs;
  Agent *agent;
  char *migration;

  /* worker */
  GThread *thread;
  GMainContext *context;
  GAsyncQueue *jobs;
  gint quit;
  GSourceFunc on_change;       /* run in the main context with an AgentChange … */
  GSourceFunc on_done;         /* … and with an AgentJob; they own it */
  GSourceFunc on_said;         /* … and with an AgentSaid */

  /* main context */
  QmigIncoming *latest;        /* guarded by the agent's lock, since other threads ask for its pid (nullable) */
  AgentLease lease;
  GSource *lease_timer;
  GPtrArray *polls;            /* Poll */
  guint n_jobs;                /* handed over and not back yet */
  GCancellable *preparing;     /* of the prepare under way (nullable) */
  GQueue said;                 /* JsonObject: what its source has not heard yet */
  gint64 last_said_us;
};

typedef struct
{
  AgentIncoming *incoming;
  char *action;                /* of QmigHost, or "prepare", "query" */
  QmigIncomingSpec *spec;      /* prepare */
  GCancellable *cancellable;   /* (nullable) */
  AgentRequest *request;       /* main context; NULL where nobody waits for the answer */
  gint64 poll_after;           /* query: wait until seq differs; -1: answer at once */
  QmigIncoming *answer;
  GError *error;
} AgentJob;

/* News from the worker. */
typedef struct
{
  AgentIncoming *incoming;
  QmigIncoming *state;
} AgentChange;

/* A word to or from its QEMU. */
typedef struct
{
  AgentIncoming *incoming;
  JsonObject *line;
} AgentSaid;

/* Starts the worker. */
AgentIncoming *agent_incoming_new (Agent *agent, const char *migration, GSourceFunc on_change, GSourceFunc on_done, GSourceFunc on_said);
AgentIncoming *agent_incoming_ref (AgentIncoming *self);
void agent_incoming_unref (AgentIncoming *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AgentIncoming, agent_incoming_unref)

/* Hands @job (transfer full) to the worker. */
void agent_incoming_push (AgentIncoming *self, AgentJob *job);
/* The worker ends after what it is doing. */
void agent_incoming_quit (AgentIncoming *self);

/* Takes up a reservation of the journal, beginning with @action. */
void agent_incoming_resume (Agent *agent, const QmigReservation *reservation, const char *action);

G_END_DECLS
