/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-node.h"
#include "json-strict.h"

#include <string.h>

/* The innermost function names the member, each level above puts its own name in front. */

static gboolean refuse (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
refuse (GError **error, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  if (error != NULL)
    *error = g_error_new_valist (JSON_STRICT_ERROR, JSON_STRICT_ERROR_TYPE, format, arguments);
  va_end (arguments);

  return FALSE;
}

static gboolean
read_string (const ApiField *field, JsonNode *node, char **out, GError **error)
{
  if (!api_node_holds (node, G_TYPE_STRING))
    return refuse (error, "%s: expected a string", field->name);

  *out = g_strdup (json_node_get_string (node));
  return TRUE;
}

static gboolean
read_strv (const ApiField *field, JsonNode *node, char ***out, GError **error)
{
  g_autoptr(GStrvBuilder) builder = NULL;
  JsonArray *array;

  if (!JSON_NODE_HOLDS_ARRAY (node))
    return refuse (error, "%s: expected an array of strings", field->name);

  builder = g_strv_builder_new ();
  array = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *element = json_array_get_element (array, i);

      if (!api_node_holds (element, G_TYPE_STRING))
        return refuse (error, "%s[%u]: expected a string", field->name, i);

      g_strv_builder_add (builder, json_node_get_string (element));
    }

  *out = g_strv_builder_end (builder);
  return TRUE;
}

static gboolean
read_bool (const ApiField *field, JsonNode *node, gboolean *out, GError **error)
{
  if (!api_node_holds (node, G_TYPE_BOOLEAN))
    return refuse (error, "%s: expected true or false", field->name);

  *out = json_node_get_boolean (node);
  return TRUE;
}

static gboolean
read_int (const ApiField *field, JsonNode *node, gint64 *out, GError **error)
{
  if (!api_node_holds (node, G_TYPE_INT64))
    return refuse (error, "%s: expected an integer", field->name);

  *out = json_node_get_int (node);
  return TRUE;
}

static gboolean
read_double (const ApiField *field, JsonNode *node, double *out, GError **error)
{
  double number = NAN;

  if (api_node_holds (node, G_TYPE_INT64) || api_node_holds (node, G_TYPE_DOUBLE))
    number = json_node_get_double (node);
  if (!isfinite (number))
    return refuse (error, "%s: expected a number", field->name);

  *out = number;
  return TRUE;
}

static gboolean
read_enum (const ApiField *field, JsonNode *node, int *out, GError **error)
{
  g_autofree char *choice = NULL;

  for (int i = 0; api_node_holds (node, G_TYPE_STRING) && field->names[i] != NULL; i++)
    if (g_str_equal (json_node_get_string (node), field->names[i]))
      {
        *out = i;
        return TRUE;
      }

  choice = g_strjoinv (", ", (char **) field->names);
  return refuse (error, "%s: expected one of %s", field->name, choice);
}

static gboolean
read_object (const ApiField *field, JsonNode *node, gpointer *out, GError **error)
{
  gpointer value;

  if (!JSON_NODE_HOLDS_OBJECT (node))
    return refuse (error, "%s: expected an object", field->name);

  value = api_value_from_object (field->type, json_node_get_object (node), error);
  if (value == NULL)
    {
      g_prefix_error (error, "%s.", field->name);
      return FALSE;
    }

  *out = value;
  return TRUE;
}

static GPtrArray *
list_from_node (const char *name, const ApiType *type, JsonNode *node, GError **error)
{
  g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func (type->destroy);
  JsonArray *array;

  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node))
    {
      refuse (error, "%s: expected an array of objects", name);
      return NULL;
    }

  array = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *element = json_array_get_element (array, i);
      gpointer value;

      if (!JSON_NODE_HOLDS_OBJECT (element))
        {
          refuse (error, "%s[%u]: expected an object", name, i);
          return NULL;
        }

      value = api_value_from_object (type, json_node_get_object (element), error);
      if (value == NULL)
        {
          g_prefix_error (error, "%s[%u].", name, i);
          return NULL;
        }

      g_ptr_array_add (values, value);
    }

  return g_steal_pointer (&values);
}

static gboolean
member_from_node (const ApiField *field, gpointer value, JsonNode *node, GError **error)
{
  switch (field->kind)
    {
    case API_STRING:
      return read_string (field, node, &API_MEMBER (char *, value, field), error);
    case API_STRV:
      return read_strv (field, node, &API_MEMBER (char **, value, field), error);
    case API_BOOL:
      return read_bool (field, node, &API_MEMBER (gboolean, value, field), error);
    case API_INT:
      return read_int (field, node, &API_MEMBER (gint64, value, field), error);
    case API_DOUBLE:
      return read_double (field, node, &API_MEMBER (double, value, field), error);
    case API_ENUM:
      return read_enum (field, node, &API_MEMBER (int, value, field), error);
    case API_OBJECT:
      return read_object (field, node, &API_MEMBER (gpointer, value, field), error);
    case API_LIST:
      API_MEMBER (GPtrArray *, value, field) = list_from_node (field->name, field->type, node, error);
      return API_MEMBER (GPtrArray *, value, field) != NULL;
    case API_JSON:
      API_MEMBER (JsonNode *, value, field) = api_node_copy (node);
      return TRUE;
    }

  g_assert_not_reached ();
}

static gboolean
members_from_object (const ApiType *type, gpointer value, JsonObject *object, GError **error)
{
  for (gsize i = 0; i < type->n_fields; i++)
    {
      const ApiField *field = &type->fields[i];
      JsonNode *node = json_object_get_member (object, field->name);

      if (node != NULL && !JSON_NODE_HOLDS_NULL (node))
        {
          if (!member_from_node (field, value, node, error))
            return FALSE;
        }
      else if (field->need == API_REQUIRED)
        return refuse (error, "%s: missing", field->name);
    }

  return TRUE;
}

gpointer
api_value_from_object (const ApiType *type, JsonObject *object, GError **error)
{
  gpointer value = api_value_new (type);

  if (!members_from_object (type, value, object, error))
    {
      api_value_free (type, value);
      return NULL;
    }

  return value;
}

gpointer
api_value_from_text (const ApiType *type, const char *text, gssize length, GError **error)
{
  gsize n_bytes = length < 0 ? strlen (text) : (gsize) length;
  g_autoptr(JsonObject) object = json_strict_parse_object (text, n_bytes, &json_strict_limits_api, error);

  if (object == NULL)
    return NULL;

  return api_value_from_object (type, object, error);
}

GPtrArray *
api_list_from_object (const ApiType *type, JsonObject *object, GError **error)
{
  g_autofree char *schema = api_list_name (type);

  /* All members may be missing and unknown ones are ignored: without this, hosts would read as a list of empty VMs. */
  if (g_strcmp0 (json_strict_string (object, "schema", NULL), schema) != 0)
    {
      refuse (error, "schema: expected \"%s\"", schema);
      return NULL;
    }

  return list_from_node ("items", type, json_object_get_member (object, "items"), error);
}
