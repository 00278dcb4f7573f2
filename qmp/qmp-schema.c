/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-schema.h"

#include <string.h>

#include "json-strict.h"
#include "qmp-error.h"

/* Arrays of arrays and alternates of alternates end here; QEMU has one of each at most. */
#define LOOK_THROUGH_MAX 8

struct _QmpSchema
{
  JsonArray *entries;
  GHashTable *by_name; /* (element-type utf8 JsonObject): both owned by entries */
};

static JsonObject *
element_object (JsonArray *array, guint i)
{
  JsonNode *node = json_array_get_element (array, i);

  return JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

QmpSchema *
qmp_schema_new_from_json (JsonArray *entries, GError **error)
{
  g_autoptr(QmpSchema) self = g_new0 (QmpSchema, 1);

  self->entries = json_array_ref (entries);
  self->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < json_array_get_length (entries); i++)
    {
      JsonObject *entry = element_object (entries, i);
      const char *name = json_strict_string (entry, "name", NULL);

      if (!name || !json_strict_string (entry, "meta-type", NULL))
        {
          g_set_error (error, QMP_ERROR, QMP_ERROR_NOT_QMP, "cannot read the schema: entry %u has no name or meta-type",
                       i);
          return NULL;
        }
      g_hash_table_insert (self->by_name, (gpointer) name, entry);
    }
  return g_steal_pointer (&self);
}

QmpSchema *
qmp_schema_read (QmpClient *client, QmpWait *wait, GError **error)
{
  g_autoptr(JsonNode) result = qmp_client_execute (client, "query-qmp-schema", NULL, wait, error);

  if (!result)
    return NULL;
  if (!JSON_NODE_HOLDS_ARRAY (result))
    {
      g_set_error_literal (error, QMP_ERROR, QMP_ERROR_NOT_QMP, "cannot read the schema: it is not an array");
      return NULL;
    }

  return qmp_schema_new_from_json (json_node_get_array (result), error);
}

void
qmp_schema_free (QmpSchema *self)
{
  if (!self)
    return;
  g_hash_table_unref (self->by_name);
  json_array_unref (self->entries);
  g_free (self);
}

/* (nullable): the entry @name if it is of kind @meta_type */
static JsonObject *
find (const QmpSchema *self, const char *name, const char *meta_type)
{
  JsonObject *entry = name ? g_hash_table_lookup (self->by_name, name) : NULL;

  return entry && strcmp (json_strict_string (entry, "meta-type", ""), meta_type) == 0 ? entry : NULL;
}

gboolean
qmp_schema_has_command (const QmpSchema *self, const char *command)
{
  return find (self, command, "command") != NULL;
}

gboolean
qmp_schema_has_event (const QmpSchema *self, const char *event)
{
  return find (self, event, "event") != NULL;
}

gboolean
qmp_schema_command_allows_oob (const QmpSchema *self, const char *command)
{
  return json_strict_bool (find (self, command, "command"), "allow-oob", FALSE);
}

static JsonObject *find_member (const QmpSchema *self, const char *type, const char *name, guint levels);

static JsonObject *
find_in_list (JsonArray *members, const char *name)
{
  for (guint i = 0; members && i < json_array_get_length (members); i++)
    {
      JsonObject *member = element_object (members, i);

      if (g_strcmp0 (json_strict_string (member, "name", NULL), name) == 0)
        return member;
    }
  return NULL;
}

/* @list: the variants of a union or the members of an alternate, each with a "type" */
static JsonObject *
find_in_any (const QmpSchema *self, JsonArray *list, const char *name, guint levels)
{
  JsonObject *member = NULL;

  for (guint i = 0; list && !member && i < json_array_get_length (list); i++)
    member = find_member (self, json_strict_string (element_object (list, i), "type", NULL), name, levels);
  return member;
}

/* (nullable): the member @name of the object @type; arrays and alternates are looked through. */
static JsonObject *
find_member (const QmpSchema *self, const char *type, const char *name, guint levels)
{
  JsonObject *entry = type ? g_hash_table_lookup (self->by_name, type) : NULL;
  const char *meta_type = json_strict_string (entry, "meta-type", "");
  JsonObject *member;

  if (levels == 0)
    return NULL;
  if (strcmp (meta_type, "array") == 0)
    return find_member (self, json_strict_string (entry, "element-type", NULL), name, levels - 1);
  if (strcmp (meta_type, "alternate") == 0)
    return find_in_any (self, json_strict_array (entry, "members"), name, levels - 1);
  if (strcmp (meta_type, "object") != 0)
    return NULL;

  member = find_in_list (json_strict_array (entry, "members"), name);
  return member ? member : find_in_any (self, json_strict_array (entry, "variants"), name, levels - 1);
}

/* (nullable): what the dotted @path leads to, from @type on */
static JsonObject *
follow (const QmpSchema *self, const char *type, const char *path)
{
  g_auto(GStrv) names = g_strsplit (path, ".", -1);
  JsonObject *member = NULL;

  for (guint i = 0; names[i]; i++)
    {
      member = find_member (self, type, names[i], LOOK_THROUGH_MAX);
      type = json_strict_string (member, "type", NULL);
    }
  return member;
}

static JsonObject *
find_argument (const QmpSchema *self, const char *command, const char *argument)
{
  JsonObject *entry = find (self, command, "command");

  return follow (self, json_strict_string (entry, "arg-type", NULL), argument);
}

static gboolean
enum_has_value (JsonObject *entry, const char *value)
{
  JsonArray *values = json_strict_array (entry, "values");

  if (find_in_list (json_strict_array (entry, "members"), value))
    return TRUE;
  for (guint i = 0; values && i < json_array_get_length (values); i++)
    {
      JsonNode *node = json_array_get_element (values, i);

      if (JSON_NODE_HOLDS_VALUE (node) && g_strcmp0 (json_node_get_string (node), value) == 0)
        return TRUE;
    }
  return FALSE;
}

static gboolean
type_accepts (const QmpSchema *self, const char *type, const char *value, guint levels)
{
  JsonObject *entry = type ? g_hash_table_lookup (self->by_name, type) : NULL;
  const char *meta_type = json_strict_string (entry, "meta-type", "");
  JsonArray *members = json_strict_array (entry, "members");

  if (levels == 0)
    return FALSE;
  if (strcmp (meta_type, "enum") == 0)
    return enum_has_value (entry, value);
  if (strcmp (meta_type, "array") == 0)
    return type_accepts (self, json_strict_string (entry, "element-type", NULL), value, levels - 1);
  if (strcmp (meta_type, "alternate") != 0)
    return FALSE;

  for (guint i = 0; members && i < json_array_get_length (members); i++)
    if (type_accepts (self, json_strict_string (element_object (members, i), "type", NULL), value, levels - 1))
      return TRUE;
  return FALSE;
}

gboolean
qmp_schema_has_argument (const QmpSchema *self, const char *command, const char *argument)
{
  return find_argument (self, command, argument) != NULL;
}

gboolean
qmp_schema_argument_is_optional (const QmpSchema *self, const char *command, const char *argument)
{
  JsonObject *member = find_argument (self, command, argument);

  return member && json_object_has_member (member, "default");
}

gboolean
qmp_schema_argument_accepts (const QmpSchema *self, const char *command, const char *argument, const char *value)
{
  JsonObject *member = find_argument (self, command, argument);

  return type_accepts (self, json_strict_string (member, "type", NULL), value, LOOK_THROUGH_MAX);
}

gboolean
qmp_schema_returns (const QmpSchema *self, const char *command, const char *member_name, const char *value)
{
  JsonObject *entry = find (self, command, "command");
  JsonObject *member = follow (self, json_strict_string (entry, "ret-type", NULL), member_name);

  if (!member || !value)
    return member != NULL;
  return type_accepts (self, json_strict_string (member, "type", NULL), value, LOOK_THROUGH_MAX);
}
