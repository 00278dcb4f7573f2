/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The acts and ways back behind the table of steps; each file has the way back beside the way there. */

#include "qmig-sides.h"
#include "qmig-steps.h"

G_BEGIN_DECLS

/* qmig-step-prepare.c: stages 0 and 1 */
gboolean qmig_step_check (QmigMigration *self, QmpWait *wait, GError **error);
gboolean qmig_step_prepare (QmigMigration *self, QmpWait *wait, GError **error);
gboolean qmig_undo_prepare (QmigMigration *self, QmpWait *wait, GError **error);
gboolean qmig_step_tune (QmigMigration *self, QmpWait *wait, GError **error);
gboolean qmig_undo_tune (QmigMigration *self, QmpWait *wait, GError **error);

/* qmig-step-knobs.c: what is turned meanwhile */
/* A refused knob is told and the migration goes on with what QEMU has. */
gboolean qmig_step_take_knobs (QmigMigration *self, QmpWait *wait, GError **error);
/* Tells of those that are in force by now. */
gboolean qmig_step_confirm_knobs (QmigMigration *self, const QmigSample *sample, QmpWait *wait, GError **error);

/* qmig-step-steer.c: what the convergence engine decides, done */
gboolean qmig_step_begin_steering (QmigMigration *self, QmpWait *wait, GError **error);
/* The bounds are new. */
gboolean qmig_step_mind_bounds (QmigMigration *self, QmpWait *wait, GError **error);
/* Gives QEMU the limits as they were decided, or those of a held migration. */
gboolean qmig_step_apply_limits (QmigMigration *self, QmpWait *wait, GError **error);
/* Puts the forecast into @sample.  (transfer full) (nullable): what is to be done */
QmigDecision *qmig_step_decide (QmigMigration *self, QmigSample *sample);
gboolean qmig_step_do_decision (QmigMigration *self, const QmigDecision *decision, QmpWait *wait, GError **error);

/* qmig-step-precopy.c: stage 2 */
/* Somebody may pause the guest meanwhile: then it is to arrive paused. */
gboolean qmig_step_mind_pause (QmigMigration *self, GError **error);
/* The lease is kept alive by the way; a host that does not answer is heard of at the gate. */
void qmig_step_renew_lease (QmigMigration *self, gint64 *renewed_us, QmpWait *wait);
gboolean qmig_step_precopy (QmigMigration *self, QmpWait *wait, GError **error);

/* The address is the other host's word: only where the planned transport leads. */
gboolean qmig_step_check_uri (QmigMigration *self, GError **error);

/* qmig-step-postcopy.c */
/* Durable before QEMU is told.  The source stops by itself soon after, at the gate.  A refusal of QEMU is told, and pre-copy goes on. */
gboolean qmig_step_start_postcopy (QmigMigration *self, QmpWait *wait, GError **error);
/* Starts it where somebody wants it, once. */
gboolean qmig_step_mind_postcopy (QmigMigration *self, QmpWait *wait, GError **error);
/* Before the destination is told to run: without its source, a QEMU whose main loop needs a page answers nothing any more.
 * @doubt: it was told already, and did not answer.  Errors as below. */
gboolean qmig_step_mend_link (QmigMigration *self, gboolean doubt, QmpWait *wait, GError **error);
/* Until the destination has every page; a broken link is taken up again, for as long as both QEMUs live.
 * @error: QMIG_EXIT_ATTENTION when one is gone, or the link stays broken */
gboolean qmig_step_pages (QmigMigration *self, QmpWait *wait, GError **error);

/* qmig-step-switchover.c: stage 3, and the way back to a source that runs */
/* A rehearsal that does not go to the gate may turn back now. */
gboolean qmig_step_is_rehearsed (QmigMigration *self);
gboolean qmig_step_gauge (QmigMigration *self, QmpWait *wait, GError **error);
gboolean qmig_undo_gauge (QmigMigration *self, QmpWait *wait, GError **error);
gboolean qmig_step_switchover (QmigMigration *self, QmpWait *wait, GError **error);
gboolean qmig_undo_switchover (QmigMigration *self, QmpWait *wait, GError **error);
/* In pre-copy the guest never stopped; the road is the same, and short. */
gboolean qmig_undo_precopy (QmigMigration *self, QmpWait *wait, GError **error);

/* qmig-step-commit.c: stages 4 and 5 */
/* Once one answer was lost, only "it runs" and "it is there and stopped" are certain. */
gboolean qmig_step_commit (QmigMigration *self, QmpWait *wait, GError **error);
/* Only ever after a certain refusal: the destination is ended with proof, then the source goes on. */
gboolean qmig_undo_commit (QmigMigration *self, QmpWait *wait, GError **error);
gboolean qmig_step_release (QmigMigration *self, QmpWait *wait, GError **error);

G_END_DECLS
