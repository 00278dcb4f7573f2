/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-node.h"

#include <math.h>

JsonNode *
api_node_null (void)
{
  return json_node_new (JSON_NODE_NULL);
}

JsonNode *
api_node_string (const char *text)
{
  g_autofree char *valid = NULL;

  if (text == NULL)
    return api_node_null ();

  valid = g_utf8_make_valid (text, -1);
  return json_node_init_string (json_node_alloc (), valid);
}

JsonNode *
api_node_double (double number)
{
  return isfinite (number) ? json_node_init_double (json_node_alloc (), number) : api_node_null ();
}

gboolean
api_node_holds (JsonNode *node, GType type)
{
  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == type;
}

static JsonNode *
any_object_copy (JsonObject *object)
{
  g_autoptr(JsonObject) copy = json_object_new ();
  JsonObjectIter iter;
  const char *name;
  JsonNode *member;

  json_object_iter_init_ordered (&iter, object);
  while (json_object_iter_next_ordered (&iter, &name, &member))
    {
      g_autofree char *valid = g_utf8_make_valid (name, -1);

      json_object_set_member (copy, valid, api_node_copy (member));
    }

  return json_node_init_object (json_node_alloc (), copy);
}

static JsonNode *
any_array_copy (JsonArray *array)
{
  g_autoptr(JsonArray) copy = json_array_new ();

  for (guint i = 0; i < json_array_get_length (array); i++)
    json_array_add_element (copy, api_node_copy (json_array_get_element (array, i)));

  return json_node_init_array (json_node_alloc (), copy);
}

JsonNode *
api_node_copy (JsonNode *node)
{
  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return api_node_null ();
  if (JSON_NODE_HOLDS_OBJECT (node))
    return any_object_copy (json_node_get_object (node));
  if (JSON_NODE_HOLDS_ARRAY (node))
    return any_array_copy (json_node_get_array (node));
  if (api_node_holds (node, G_TYPE_STRING))
    return api_node_string (json_node_get_string (node));
  if (api_node_holds (node, G_TYPE_DOUBLE))
    return api_node_double (json_node_get_double (node));
  if (api_node_holds (node, G_TYPE_INT64))
    return json_node_init_int (json_node_alloc (), json_node_get_int (node));

  return json_node_init_boolean (json_node_alloc (), json_node_get_boolean (node));
}
