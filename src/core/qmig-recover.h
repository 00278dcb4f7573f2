/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What to do with a migration that nobody attends to any more: after a crash
 * of the agent, or when it ended with "needs attention".
 */

#include "qmig-migration-private.h"

G_BEGIN_DECLS

typedef enum
{
  QMIG_RECOVER_GO_ON,     /* run the steps from .step on */
  QMIG_RECOVER_ROLL_BACK, /* undo from .step upward */
  QMIG_RECOVER_ATTENTION, /* nobody can know: .why */
} QmigRecoverAction;

typedef struct
{
  QmigRecoverAction action;
  const char *step;
  const char *why;
} QmigRecoverDecision;

typedef struct
{
  const char *step;            /* journalled last */
  gboolean commit_intent;
  gboolean rehearsal;          /* it is never to run on the destination */
  gboolean postcopy;           /* was, or was about to be, started */
  gboolean source_gone;
  QmpRunState source_state;
  QmpMigrationStatus source_status;
  gboolean destination_silent; /* its host does not answer */
  int destination;             /* QmigIncomingPhase, unless silent */
  const char *assume;          /* the operator's word: "source", "destination" (nullable) */
} QmigRecoverFacts;

/* Pure: the recovery matrix. */
QmigRecoverDecision qmig_recover_decide (const QmigRecoverFacts *facts);

/* Attaches to what is left of both sides and decides. */
gboolean qmig_recover_look (QmigMigration *self, QmigRecoverDecision *decision, GError **error);

G_END_DECLS
