/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-events.h"

struct _QmpEventListener
{
  QmpClient *client;
  char *event_name;
  gulong handler;
  guint count;
  QmpEvent last;
};

static void
on_event (QmpClient *client, const char *name, JsonObject *data, gint64 timestamp_us, gpointer user_data)
{
  QmpEventListener *self = user_data;

  if (g_strcmp0 (name, self->event_name) != 0)
    return;

  self->count++;
  g_clear_pointer (&self->last.data, json_object_unref);
  self->last.data = data ? json_object_ref (data) : NULL;
  self->last.timestamp_us = timestamp_us;
}

QmpEventListener *
qmp_event_listener_new (QmpClient *client, const char *event_name)
{
  QmpEventListener *self = g_new0 (QmpEventListener, 1);

  self->client = g_object_ref (client);
  self->event_name = g_strdup (event_name);
  self->handler = g_signal_connect (client, "event", G_CALLBACK (on_event), self);
  return self;
}

void
qmp_event_listener_free (QmpEventListener *self)
{
  if (!self)
    return;
  g_signal_handler_disconnect (self->client, self->handler);
  g_object_unref (self->client);
  g_clear_pointer (&self->last.data, json_object_unref);
  g_free (self->event_name);
  g_free (self);
}

guint
qmp_event_listener_count (QmpEventListener *self)
{
  return self->count;
}

const QmpEvent *
qmp_event_listener_last (QmpEventListener *self)
{
  return self->count > 0 ? &self->last : NULL;
}

typedef struct
{
  QmpEventListener *listener;
  guint count;
} Wanted;

static QmpCheck
check_count (gpointer data, GError **error)
{
  Wanted *wanted = data;

  if (wanted->listener->count >= wanted->count)
    return QMP_CHECK_DONE;
  return qmp_client_check_open (wanted->listener->client, error) ? QMP_CHECK_PENDING : QMP_CHECK_FAILED;
}

gboolean
qmp_event_listener_wait (QmpEventListener *self, guint count, QmpWait *wait, GError **error)
{
  Wanted wanted = { self, count };

  if (qmp_wait_until (wait, check_count, &wanted, error))
    return TRUE;

  g_prefix_error (error, "event %s did not come: ", self->event_name);
  return FALSE;
}
