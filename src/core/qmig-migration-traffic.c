/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is said to the source's QEMU and what it says, as events of the
 * migration, where that was asked for: it is much, and each line is written
 * while the guest may stand still.
 */

#include "qmig-migration-private.h"

#include "json-strict.h"

static JsonObject *
line_new (const char *side)
{
  JsonObject *data = json_object_new ();

  json_object_set_string_member (data, "side", side);
  return data;
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
  JsonObject *data = line_new ("source");

  json_object_set_string_member (data, "command", command);
  if (arguments != NULL)
    json_object_set_object_member (data, "arguments", without_secrets (arguments));
  json_object_set_double_member (data, "took_ms", took_us / 1000.0);
  if (error != NULL)
    json_object_set_string_member (data, "error", error->message);
  qmig_migration_emit (user_data, "qmp", data);
}

static void
on_event (QmpClient *client, const char *name, JsonObject *event, gint64 timestamp_us, gpointer user_data)
{
  JsonObject *data = line_new ("source");

  json_object_set_string_member (data, "event", name);
  if (event != NULL)
    json_object_set_object_member (data, "data", json_object_ref (event));
  qmig_migration_emit (user_data, "qmp", data);
}

void
qmig_migration_trace (QmigMigration *self)
{
  if (!self->entry->request->trace_qmp || self->source == NULL)
    return;
  g_signal_connect_object (self->source->client, "call", G_CALLBACK (on_call), self, 0);
  g_signal_connect_object (self->source->client, "event", G_CALLBACK (on_event), self, 0);
}
