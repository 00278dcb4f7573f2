/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-port.h"

#define BREATH_MS 500
#define AT_ONCE 16

struct _AgentPort
{
  GSocket *listener;
  char *name;
  GMainContext *context;
  AgentPortFunc func;
  gpointer user_data;
  GSource *source; /* of the next connection, or of the end of a breath */
};

static void
set_source (AgentPort *self, GSource *source, GSourceFunc func)
{
  if (self->source != NULL)
    {
      g_source_destroy (self->source);
      g_source_unref (self->source);
    }

  self->source = source;
  if (source == NULL)
    return;
  g_source_set_callback (source, func, self, NULL);
  g_source_attach (source, self->context);
}

static void watch (AgentPort *self);

static gboolean
breathed (gpointer user_data)
{
  watch (user_data);
  return G_SOURCE_REMOVE;
}

/* A few at a time: who is connected already has a turn in between. */
static gboolean
on_connection (GSocket *listener, GIOCondition condition, gpointer user_data)
{
  AgentPort *self = user_data;

  for (int i = 0; i < AT_ONCE; i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(GSocket) socket = g_socket_accept (listener, NULL, &error);

      if (socket != NULL)
        {
          self->func (socket, self->user_data);
          continue;
        }
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        return G_SOURCE_CONTINUE;
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED))
        continue;

      /* Out of descriptors, likely: the next attempt would fail at once, and again. */
      g_warning ("cannot accept a connection on %s: %s", self->name, error->message);
      set_source (self, g_timeout_source_new (BREATH_MS), breathed);
      return G_SOURCE_REMOVE;
    }
  return G_SOURCE_CONTINUE;
}

static void
watch (AgentPort *self)
{
  set_source (self, g_socket_create_source (self->listener, G_IO_IN, NULL), G_SOURCE_FUNC (on_connection));
}

AgentPort *
agent_port_new (GSocket *listener, const char *name, GMainContext *context, AgentPortFunc func, gpointer user_data)
{
  AgentPort *self = g_new0 (AgentPort, 1);

  self->listener = g_object_ref (listener);
  self->name = g_strdup (name);
  self->context = context;
  self->func = func;
  self->user_data = user_data;
  g_socket_set_blocking (listener, FALSE);
  watch (self);
  return self;
}

void
agent_port_free (AgentPort *self)
{
  set_source (self, NULL, NULL);
  g_socket_close (self->listener, NULL);
  g_object_unref (self->listener);
  g_free (self->name);
  g_free (self);
}
