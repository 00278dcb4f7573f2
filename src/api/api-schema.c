/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-value.h"

static void describe_members (const ApiType *type, JsonObject *schema);

static const char *
kind_to_schema_type (ApiKind kind)
{
  switch (kind)
    {
    case API_STRING:
    case API_ENUM:
      return "string";
    case API_STRV:
    case API_LIST:
      return "array";
    case API_BOOL:
      return "boolean";
    case API_INT:
      return "integer";
    case API_DOUBLE:
      return "number";
    case API_OBJECT:
      return "object";
    case API_JSON:
      return NULL;
    }

  g_assert_not_reached ();
}

/* A boolean, an enum and a list always have a value, so that what qmig prints never has null there. */
static gboolean
may_be_null (const ApiField *field)
{
  return field->need == API_OPTIONAL && field->kind != API_BOOL && field->kind != API_ENUM && field->kind != API_LIST;
}

static void
describe_type (const ApiField *field, JsonObject *schema)
{
  const char *type = kind_to_schema_type (field->kind);
  JsonArray *types;

  if (type == NULL)
    return;

  if (!may_be_null (field))
    {
      json_object_set_string_member (schema, "type", type);
      return;
    }

  types = json_array_new ();
  json_array_add_string_element (types, type);
  json_array_add_string_element (types, "null");
  json_object_set_array_member (schema, "type", types);
}

static void
describe_choice (const ApiField *field, JsonObject *schema)
{
  JsonArray *choice = json_array_new ();

  for (guint i = 0; field->names[i] != NULL; i++)
    json_array_add_string_element (choice, field->names[i]);

  json_object_set_array_member (schema, "enum", choice);
  if (field->need == API_OPTIONAL)
    json_object_set_string_member (schema, "default", field->names[0]);
}

static void
describe_items (const ApiField *field, JsonObject *schema)
{
  JsonObject *items = json_object_new ();

  json_object_set_string_member (items, "type", field->kind == API_LIST ? "object" : "string");
  if (field->kind == API_LIST)
    describe_members (field->type, items);

  json_object_set_object_member (schema, "items", items);
}

static JsonObject *
field_to_schema (const ApiField *field)
{
  JsonObject *schema = json_object_new ();

  describe_type (field, schema);
  if (field->about != NULL)
    json_object_set_string_member (schema, "description", field->about);

  if (field->kind == API_ENUM)
    describe_choice (field, schema);
  else if (field->kind == API_STRV || field->kind == API_LIST)
    describe_items (field, schema);
  else if (field->kind == API_OBJECT)
    describe_members (field->type, schema);
  else if (field->kind == API_BOOL && field->need == API_OPTIONAL)
    json_object_set_boolean_member (schema, "default", FALSE);

  return schema;
}

static void
describe_members (const ApiType *type, JsonObject *schema)
{
  JsonObject *properties = json_object_new ();
  g_autoptr(JsonArray) required = json_array_new ();

  for (gsize i = 0; i < type->n_fields; i++)
    {
      const ApiField *field = &type->fields[i];

      json_object_set_object_member (properties, field->name, field_to_schema (field));
      if (field->need == API_REQUIRED)
        json_array_add_string_element (required, field->name);
    }

  json_object_set_string_member (schema, "title", type->name);
  json_object_set_object_member (schema, "properties", properties);
  if (json_array_get_length (required) > 0)
    json_object_set_array_member (schema, "required", g_steal_pointer (&required));
}

JsonObject *
api_type_to_schema (const ApiType *type)
{
  JsonObject *schema = json_object_new ();

  json_object_set_string_member (schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
  json_object_set_string_member (schema, "type", "object");
  describe_members (type, schema);
  return schema;
}
