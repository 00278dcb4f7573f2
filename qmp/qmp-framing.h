/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Bytes from a monitor become whole messages.  Messages are found by the
 * structure of the JSON, not by line, since a pretty monitor sends one message
 * over many lines.  What does not start or go on as a JSON object is no QMP.
 */

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef struct _QmpFraming QmpFraming;

/* Limits of one message. */
QmpFraming *qmp_framing_new (gsize max_bytes, guint max_depth);
void qmp_framing_free (QmpFraming *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmpFraming, qmp_framing_free)

/* Holds from the next message on; one that has begun keeps the limits it began with. */
void qmp_framing_set_limits (QmpFraming *self, gsize max_bytes, guint max_depth);

/* Adds what arrived. */
void qmp_framing_push (QmpFraming *self, const char *bytes, gsize length);

/**
 * qmp_framing_next:
 * @message: (out) (transfer full) (nullable): the next message; %NULL when more bytes are needed
 *
 * Returns: %FALSE with %QMP_ERROR_NOT_QMP (the text shows what was seen instead)
 *   or %QMP_ERROR_LIMIT.  The stream cannot be understood any more then: each
 *   further call fails in the same way and further bytes are dropped.
 */
gboolean qmp_framing_next (QmpFraming *self, JsonObject **message, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Whether a message has begun and not ended. */
gboolean qmp_framing_is_inside (QmpFraming *self);

/* Whether there are bytes that qmp_framing_next() has not looked at. */
gboolean qmp_framing_has_more (QmpFraming *self);

G_END_DECLS
