/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-traffic.h"

typedef struct
{
  const char *side;
  QmigTrafficFunc said;
  gpointer owner;
} Watch;

static JsonObject *
line_new (const Watch *watch)
{
  JsonObject *line = json_object_new ();

  json_object_set_string_member (line, "side", watch->side);
  return line;
}

/* Nothing that qmig says has a secret in it but by an object's properties. */
static JsonObject *
without_secrets (JsonObject *arguments)
{
  static const char *const secrets[] = { "data", "password", "secret", "key", NULL };
  JsonObject *copy = json_object_new ();
  JsonObjectIter iter;
  const char *name;
  JsonNode *value;

  json_object_iter_init (&iter, arguments);
  while (json_object_iter_next (&iter, &name, &value))
    if (g_strv_contains (secrets, name))
      json_object_set_string_member (copy, name, "(not shown)");
    else
      json_object_set_member (copy, name, json_node_copy (value));
  return copy;
}

static void
on_call (QmpClient *client, const char *command, JsonObject *arguments, gint64 took_us, const GError *error, gpointer user_data)
{
  const Watch *watch = user_data;
  JsonObject *line = line_new (watch);

  json_object_set_string_member (line, "command", command);
  if (arguments != NULL)
    json_object_set_object_member (line, "arguments", without_secrets (arguments));
  json_object_set_double_member (line, "took_ms", took_us / 1000.0);
  if (error != NULL)
    json_object_set_string_member (line, "error", error->message);
  watch->said (line, watch->owner);
}

static void
on_event (QmpClient *client, const char *name, JsonObject *event, gint64 timestamp_us, gpointer user_data)
{
  const Watch *watch = user_data;
  JsonObject *line = line_new (watch);

  json_object_set_string_member (line, "event", name);
  if (event != NULL)
    json_object_set_object_member (line, "data", json_object_ref (event));
  watch->said (line, watch->owner);
}

static void
watch_free (gpointer data, GClosure *closure)
{
  g_free (data);
}

static void
connect (QmpClient *client, const char *signal, GCallback callback, const Watch *watch)
{
  GClosure *closure = g_cclosure_new (callback, g_memdup2 (watch, sizeof *watch), watch_free);

  g_object_watch_closure (watch->owner, closure);
  g_signal_connect_closure (client, signal, closure, FALSE);
}

void
qmig_traffic_watch (QmpClient *client, const char *side, QmigTrafficFunc said, GObject *owner)
{
  const Watch watch = { side, said, owner };

  connect (client, "call", G_CALLBACK (on_call), &watch);
  connect (client, "event", G_CALLBACK (on_event), &watch);
}
