/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The only place that blocks.  A QmpWait is a deadline, a cancellable and the
 * main context in which everything waited for takes place: the thread-default
 * context of its creator, which must be its owner (or able to become it).
 */

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _QmpWait QmpWait;

typedef enum
{
  QMP_CHECK_PENDING,
  QMP_CHECK_DONE,
  QMP_CHECK_FAILED, /* the check has set the error */
} QmpCheck;

typedef QmpCheck (*QmpCheckFunc) (gpointer data, GError **error);

/**
 * qmp_wait_new:
 * @cancellable: (nullable): ends the wait with %G_IO_ERROR_CANCELLED
 * @what: what is waited for, for the text of the time-out: "timed out after 5 s waiting for the greeting"
 * @timeout_ms: from now; negative for no deadline
 */
QmpWait *qmp_wait_new (GCancellable *cancellable, const char *what, gint64 timeout_ms);

/* A shorter wait inside @outer: same context and cancellable, the earlier of both deadlines. */
QmpWait *qmp_wait_new_within (QmpWait *outer, const char *what, gint64 timeout_ms);

void qmp_wait_free (QmpWait *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmpWait, qmp_wait_free)

/**
 * qmp_wait_until:
 *
 * Asks @check; then looks at the cancellable, then at the deadline, then runs
 * one turn of the context; and again.  Events only wake, @check asks the
 * present state.  @check must not call qmp_wait_until() with the same wait.
 *
 * Returns: %TRUE when @check said done; otherwise @error is the check's own,
 *   %G_IO_ERROR_CANCELLED or %QMP_ERROR_TIMEOUT
 */
gboolean qmp_wait_until (QmpWait       *self,
                         QmpCheckFunc   check,
                         gpointer       data,
                         GError       **error) G_GNUC_WARN_UNUSED_RESULT;

/* Lets the context run for @ms: pacing of polls, never a substitute for an event. */
gboolean qmp_wait_pause (QmpWait *self, gint64 ms, GError **error) G_GNUC_WARN_UNUSED_RESULT;

GMainContext *qmp_wait_get_context (QmpWait *self);         /* (transfer none) */
GCancellable *qmp_wait_get_cancellable (QmpWait *self);     /* (transfer none) (nullable) */
gint64 qmp_wait_left_ms (QmpWait *self);                    /* G_MAXINT64 without a deadline, 0 when over */

G_END_DECLS
