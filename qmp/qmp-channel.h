/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The two directions of one monitor connection, without any idea of commands:
 * always drains what comes and hands out whole messages; writes at once, and
 * what does not fit goes out when there is room.  Everything happens in one
 * main context.
 */

#include <gio/gio.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef struct _QmpChannel QmpChannel;

/* Both may close the channel and drop their reference. */
typedef struct
{
  void (*message) (JsonObject *message, gpointer data);
  void (*closed) (const GError *reason, gpointer data); /* once, not after qmp_channel_close() */
} QmpChannelFuncs;

/**
 * qmp_channel_new:
 * @stream: both of its directions must be pollable
 * @funcs: called in @context, never from within this call; must outlive the channel
 */
QmpChannel *qmp_channel_new (GIOStream              *stream,
                             GMainContext           *context,
                             const QmpChannelFuncs  *funcs,
                             gpointer                data,
                             GError                **error) G_GNUC_WARN_UNUSED_RESULT;

/* Closes and releases. */
void qmp_channel_free (QmpChannel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmpChannel, qmp_channel_free)

/* Limits of one message, from the next one on.  A new channel takes little: whoever talks is not known yet. */
void qmp_channel_set_limits (QmpChannel *self, gsize max_bytes, guint max_depth);

/* When the other side is gone, both functions may be called before this returns. */
void qmp_channel_send (QmpChannel *self, const char *text);

/* Closes the stream now; no function is called any more.  Repeatable. */
void qmp_channel_close (QmpChannel *self);

G_END_DECLS
