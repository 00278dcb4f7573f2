/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The destination QEMU of one incoming migration, as its own host sees it: its
 * process, its monitor, and what both say, kept fresh by events.  Belongs to
 * the thread and main context that made it.
 */

#include "api-types.h"
#include "qmig-traffic.h"

G_BEGIN_DECLS

typedef struct _QmigDestination QmigDestination;

/* Called in the owner's context after each change of the state. */
typedef void (*QmigDestinationChanged) (gpointer user_data);

QmigDestination *qmig_destination_new (const QmigIncomingSpec *spec, QmigDestinationChanged changed, gpointer user_data);
void qmig_destination_free (QmigDestination *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigDestination, qmig_destination_free)

/* What is said to it from now on, over each of its connections. */
void qmig_destination_trace (QmigDestination *self, QmigTrafficFunc said, GObject *owner);

/* The process that is this destination; 0 when there is none (any more): phase GONE. */
void qmig_destination_set_process (QmigDestination *self, gint64 pid, gint64 start_time);

/**
 * qmig_destination_connect:
 *
 * Opens the monitor unless it is open.  Of a process that just started it may
 * not be there yet: waits for it as long as the process lives and @wait allows.
 * Fails at once when the process ends.
 */
gboolean qmig_destination_connect (QmigDestination *self, QmpWait *wait, GError **error);
/* Gives the monitor up for others; the process stays watched. */
void qmig_destination_disconnect (QmigDestination *self);

/* Asks QEMU now, connecting where needed.  A process that is gone is an answer, not an error. */
gboolean qmig_destination_look (QmigDestination *self, QmpWait *wait, GError **error);

/* SIGKILL and proof; phase GONE. */
gboolean qmig_destination_kill (QmigDestination *self, QmpWait *wait, GError **error);

/* The last state seen, (transfer none), valid until the next turn of the context. */
const QmigIncoming *qmig_destination_get_state (QmigDestination *self);
/* A copy stamped with the present time. */
QmigIncoming *qmig_destination_dup_state (QmigDestination *self);
QmpClient *qmig_destination_get_client (QmigDestination *self); /* (transfer none) (nullable) */
gboolean qmig_destination_is_gone (QmigDestination *self);
/* Whether the state is kept fresh by an open monitor (or is final). */
gboolean qmig_destination_check_fresh (QmigDestination *self, GError **error);

/* What QEMU does not say itself. */
void qmig_destination_set_held (QmigDestination *self);
void qmig_destination_set_accepted (QmigDestination *self); /* it is left paused, as it was */
/* Where it listens anew, in QEMU's words. */
void qmig_destination_set_uri (QmigDestination *self, const char *uri);
/* @unfulfilled: (nullable): why the wishes are not among them */
void qmig_destination_set_capabilities (QmigDestination *self, const char *const *names, const char *unfulfilled);
void qmig_destination_set_launch_ms (QmigDestination *self, gint64 launch_ms);

G_END_DECLS
