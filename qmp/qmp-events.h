/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp-client.h"

G_BEGIN_DECLS

/*
 * Collects one kind of event from the moment it is made: open the listener
 * before the command is sent, and the event cannot be missed.
 */
typedef struct _QmpEventListener QmpEventListener;

typedef struct
{
  JsonObject *data;    /* (nullable) */
  gint64 timestamp_us; /* QEMU's host wall clock */
} QmpEvent;

QmpEventListener *qmp_event_listener_new (QmpClient *client, const char *event_name);
void qmp_event_listener_free (QmpEventListener *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmpEventListener, qmp_event_listener_free)

guint qmp_event_listener_count (QmpEventListener *self);
/* The last event seen, (nullable) (transfer none), valid until the next turn of the context. */
const QmpEvent *qmp_event_listener_last (QmpEventListener *self);

/* Waits until @count events in all were seen; fails at once with the connection. */
gboolean qmp_event_listener_wait (QmpEventListener  *self,
                                  guint              count,
                                  QmpWait           *wait,
                                  GError           **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
