/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the two sides of a migration say, and waiting for either. */

#include "qmig-migration-private.h"

G_BEGIN_DECLS

typedef struct
{
  QmigMigration *migration;
  guint changes;
  gint64 incoming_seq;
  gboolean takes_knobs; /* those that nobody takes would end each wait at once, for ever */
  gboolean ticked;
} QmigNews;

/* Whether somebody turned a knob that was not taken yet. */
gboolean qmig_sides_knobs_wait (QmigMigration *self);
/* What was seen before a decision: news since then end the wait for more. */
QmigNews qmig_news_begin (QmigMigration *self);
/* For those who take the knobs that wait. */
QmigNews qmig_news_begin_with_knobs (QmigMigration *self);
/* Until one of the sides changed since @news began, a knob was turned that the caller takes, or @tick_ms went by. */
gboolean qmig_news_wait (QmigNews *news, QmpWait *wait, gint64 tick_ms, GError **error);

/* As last heard, without asking. */
gboolean qmig_sides_destination_is_gone (QmigMigration *self);
gboolean qmig_sides_destination_is_loaded (QmigMigration *self);
/* FALSE, with the reason, once the source has been sending for a while and a destination that answers has not begun to load: both
 * would wait for ever.  To be asked at each look at a source that sends. */
gboolean qmig_sides_check_loading (QmigMigration *self, QmpWait *wait, GError **error);
/* Loaded, or in post-copy, where it counts only together with a source that is in post-copy as well. */
gboolean qmig_sides_destination_has_landed (QmigMigration *self);
/* Proven by pidfd, or gone when the migration was taken up. */
gboolean qmig_sides_source_is_gone (QmigMigration *self);

/* The source's word and the destination's, joined: often only one of them knows the reason. */
void qmig_sides_set_failure (QmigMigration *self, const char *what, GError **error);
/* A destination that failed needs a moment to exit and say why. */
void qmig_sides_fail (QmigMigration *self, const char *what, QmpWait *wait, GError **error);
/* Always FALSE: the source is gone, by its own end or by death. */
gboolean qmig_sides_fail_source_gone (QmigMigration *self, GError **error);

/* A host that is frozen or cut off lets the time run out; one that has no agent says so at once. */
gboolean qmig_sides_is_silence (const GError *error);
/* Asks until the host answers: a host that restarts is not a lost one. */
QmigIncoming *qmig_sides_ask_patiently (QmigMigration *self,
                                        QmigIncoming *(*ask) (QmigHost *, const char *, QmpWait *, GError **),
                                        QmpWait *wait,
                                        GError **error);

G_END_DECLS
