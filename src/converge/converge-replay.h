/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What another policy would have done with a recorded migration.
 *
 * The recorded samples are decided again.  As long as nothing is decided that
 * changes the copying, the record stays true; from there on nobody can know,
 * and a simulator goes on with guest and link as the record shows them.  What
 * comes of that is marked.
 */

#include "converge-trace.h"

G_BEGIN_DECLS

typedef struct
{
  char *migration;
  char *vm;
  char *policy;             /* the one that was tried … */
  char *was_policy;         /* … and the one of then */
  gint64 simulated_from_ms; /* of the migration; unset: all is from the record */
  char *simulated_why;      /* one sentence (nullable) */
  char *guest;              /* what the simulator was given, one sentence (nullable) */
  GPtrArray *decisions;     /* QmigDecision, in the order of time */
  int outcome;              /* QmigOutcome: completed, cancelled when it was given up, active when it had not ended by then */
  gint64 total_ms;
  double blackout_ms;
  gint64 throttle_percent;  /* the most */
  gboolean postcopy;
  QmigResult *was;          /* (nullable) */
  char **notes;             /* what the reader ought to know (nullable) */
} ConvergeReplay;
API_DECLARE_VALUE (ConvergeReplay, converge_replay)

/* @policy: (nullable): the one of then, which is how a new engine is tried on old moves.
 * @error: QMIG_EXIT_UNSUPPORTED where there is no policy, or the record does not show enough to go on.  (transfer full) */
ConvergeReplay *converge_replay_run (const ConvergeTrace *trace, const QmigPolicy *policy, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
