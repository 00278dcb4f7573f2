/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-node.h"
#include "json-strict.h"

static JsonNode *
strv_node (char **strv)
{
  g_autoptr(JsonArray) array = NULL;

  if (strv == NULL)
    return api_node_null ();

  array = json_array_new ();
  for (; *strv != NULL; strv++)
    json_array_add_element (array, api_node_string (*strv));

  return json_node_init_array (json_node_alloc (), array);
}

static JsonNode *
int_node (gint64 number)
{
  return number == QMIG_UNSET ? api_node_null () : json_node_init_int (json_node_alloc (), number);
}

static JsonNode *
enum_node (const char *const *names, int number)
{
  guint n_names = g_strv_length ((char **) names);

  return api_node_string (names[number >= 0 && (guint) number < n_names ? number : 0]);
}

static JsonNode *
object_node (const ApiType *type, gconstpointer value)
{
  JsonNode *node;

  if (value == NULL)
    return api_node_null ();

  node = json_node_alloc ();
  json_node_init (node, JSON_NODE_OBJECT);
  json_node_take_object (node, api_value_to_object (type, value));
  return node;
}

static JsonArray *
list_to_array (const ApiType *type, GPtrArray *values)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; values != NULL && i < values->len; i++)
    json_array_add_element (array, object_node (type, g_ptr_array_index (values, i)));

  return array;
}

static JsonNode *
list_node (const ApiType *type, GPtrArray *values)
{
  JsonNode *node = json_node_new (JSON_NODE_ARRAY);

  json_node_take_array (node, list_to_array (type, values));
  return node;
}

static JsonNode *
member_to_node (const ApiField *field, gconstpointer value)
{
  switch (field->kind)
    {
    case API_STRING:
      return api_node_string (API_MEMBER (char *, value, field));
    case API_STRV:
      return strv_node (API_MEMBER (char **, value, field));
    case API_BOOL:
      return json_node_init_boolean (json_node_alloc (), API_MEMBER (gboolean, value, field) != FALSE);
    case API_INT:
      return int_node (API_MEMBER (gint64, value, field));
    case API_DOUBLE:
      return api_node_double (API_MEMBER (double, value, field));
    case API_ENUM:
      return enum_node (field->names, API_MEMBER (int, value, field));
    case API_OBJECT:
      return object_node (field->type, API_MEMBER (gpointer, value, field));
    case API_LIST:
      return list_node (field->type, API_MEMBER (GPtrArray *, value, field));
    case API_JSON:
      return api_node_copy (API_MEMBER (JsonNode *, value, field));
    }

  g_assert_not_reached ();
}

JsonObject *
api_value_to_object (const ApiType *type, gconstpointer value)
{
  JsonObject *object = json_object_new ();

  for (gsize i = 0; i < type->n_fields; i++)
    json_object_set_member (object, type->fields[i].name, member_to_node (&type->fields[i], value));

  return object;
}

char *
api_value_to_text (const ApiType *type, gconstpointer value)
{
  g_autoptr(JsonObject) object = api_value_to_object (type, value);

  return json_strict_print_object (object);
}

JsonObject *
api_list_to_object (const ApiType *type, GPtrArray *values)
{
  g_autofree char *schema = api_list_name (type);
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "schema", schema);
  json_object_set_array_member (object, "items", list_to_array (type, values));
  return object;
}
