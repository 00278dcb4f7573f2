/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The table of steps: what a migration does, in order, and its ways back.
 * Each act and each way back may be repeated: recovery calls them again.
 */

#include "qmig-migration-private.h"

G_BEGIN_DECLS

/* What a step is part of. */
typedef enum
{
  QMIG_STEP_OF_ALL,
  QMIG_STEP_OF_MOVE,      /* no rehearsal */
  QMIG_STEP_OF_POSTCOPY,
  QMIG_STEP_OF_REHEARSAL,
} QmigStepOf;

typedef struct
{
  const char *name;   /* kept in the journal */
  QmigStage stage;
  gboolean (*run) (QmigMigration *self, QmpWait *wait, GError **error);
  gboolean (*undo) (QmigMigration *self, QmpWait *wait, GError **error); /* (nullable) */
  int seconds;        /* for run; negative: as long as it takes */
  gboolean one_way;   /* its begin is the commit intent; the user's cancel no longer counts */
  QmigStepOf of;
  gboolean in_blackout; /* the guest stands still: run tells its stage itself, once that keeps nobody waiting */
} QmigStep;

extern const QmigStep qmig_steps[];
extern const gsize qmig_n_steps;

/* Index of @name ("undo-" looked through), -1 when unknown. */
int qmig_step_index (const char *name);

/* Attaches to the source and the destination's host; what is gone stays NULL only when @may_be_gone. */
gboolean qmig_steps_attach (QmigMigration *self, gboolean may_be_gone, QmpWait *wait, GError **error);

/* Whether the destination holds all of the VM, or nobody can say that it does not. */
gboolean qmig_steps_destination_may_hold_vm (QmigMigration *self, QmpWait *wait);

/* The source has given the VM away and still has part of its memory: nothing may be ended, and nothing goes back. */
gboolean qmig_steps_is_in_postcopy (QmigMigration *self);

/* Stage 0 without a migration: facts of both sides, judged.  @thorough: also those that cost a start of either binary, unless they are
 * known already.  @clock: (out): the destination's against ours.  (transfer full) */
QmigPlan *qmig_steps_plan (const QmigEnv *env, const QmigJournalEntry *entry, QmigInstance *source, QmigHost *host, gboolean thorough,
                           QmigClockOffset *clock, QmpWait *wait, GError **error);

/* A place where tests stop or kill the process: "before-commit", "after-commit".  Does nothing in what is shipped. */
void qmig_fault_point (const char *when, const char *step);

G_END_DECLS
