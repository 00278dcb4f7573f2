/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-value.h"

#include "json-strict.h"

#include <string.h>

#define MEMBER(Type, value, field) G_STRUCT_MEMBER (Type, value, (field)->offset)

/* --- JSON of any shape -------------------------------------------------------------------------------------------- */

static JsonNode *
null_node (void)
{
  return json_node_new (JSON_NODE_NULL);
}

/* Command lines and paths are bytes to the kernel, while JSON is UTF-8 and the peer would refuse the whole text. */
static JsonNode *
string_node (const char *text)
{
  g_autofree char *valid = NULL;

  if (text == NULL)
    return null_node ();

  valid = g_utf8_make_valid (text, -1);
  return json_node_init_string (json_node_alloc (), valid);
}

/* JSON has no word for infinity. */
static JsonNode *
double_node (double number)
{
  return isfinite (number) ? json_node_init_double (json_node_alloc (), number) : null_node ();
}

static gboolean
node_holds (JsonNode *node, GType type)
{
  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == type;
}

static JsonNode *any_copy (JsonNode *node);

static JsonNode *
any_object_copy (JsonObject *object)
{
  g_autoptr(JsonObject) copy = json_object_new ();
  JsonObjectIter iter;
  const char *name;
  JsonNode *member;

  json_object_iter_init_ordered (&iter, object);
  while (json_object_iter_next_ordered (&iter, &name, &member))
    json_object_set_member (copy, name, any_copy (member));

  return json_node_init_object (json_node_alloc (), copy);
}

static JsonNode *
any_array_copy (JsonArray *array)
{
  g_autoptr(JsonArray) copy = json_array_new ();

  for (guint i = 0; i < json_array_get_length (array); i++)
    json_array_add_element (copy, any_copy (json_array_get_element (array, i)));

  return json_node_init_array (json_node_alloc (), copy);
}

/* json_node_copy() shares objects and arrays; a value must not change when the text it was read from does. */
static JsonNode *
any_copy (JsonNode *node)
{
  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return null_node ();
  if (JSON_NODE_HOLDS_OBJECT (node))
    return any_object_copy (json_node_get_object (node));
  if (JSON_NODE_HOLDS_ARRAY (node))
    return any_array_copy (json_node_get_array (node));
  if (node_holds (node, G_TYPE_STRING))
    return string_node (json_node_get_string (node));
  if (node_holds (node, G_TYPE_DOUBLE))
    return double_node (json_node_get_double (node));

  return json_node_copy (node);
}

/* --- making, freeing, copying ------------------------------------------------------------------------------------- */

gpointer
api_value_new (const ApiType *type)
{
  gpointer value = g_malloc0 (type->size);

  for (gsize i = 0; i < type->n_fields; i++)
    {
      const ApiField *field = &type->fields[i];

      if (field->kind == API_INT)
        MEMBER (gint64, value, field) = QMIG_UNSET;
      else if (field->kind == API_DOUBLE)
        MEMBER (double, value, field) = NAN;
    }

  return value;
}

static void
member_clear (const ApiField *field, gpointer value)
{
  switch (field->kind)
    {
    case API_STRING:
      g_clear_pointer (&MEMBER (char *, value, field), g_free);
      break;
    case API_STRV:
      g_clear_pointer (&MEMBER (char **, value, field), g_strfreev);
      break;
    case API_OBJECT:
      api_value_free (field->type, g_steal_pointer (&MEMBER (gpointer, value, field)));
      break;
    case API_LIST:
      g_clear_pointer (&MEMBER (GPtrArray *, value, field), g_ptr_array_unref);
      break;
    case API_JSON:
      g_clear_pointer (&MEMBER (JsonNode *, value, field), json_node_unref);
      break;
    case API_BOOL:
    case API_INT:
    case API_DOUBLE:
    case API_ENUM:
      break;
    }
}

void
api_value_free (const ApiType *type, gpointer value)
{
  if (value == NULL)
    return;

  for (gsize i = 0; i < type->n_fields; i++)
    member_clear (&type->fields[i], value);

  g_free (value);
}

static GPtrArray *
list_copy (const ApiType *type, GPtrArray *values)
{
  GPtrArray *copy = g_ptr_array_new_full (values->len, type->destroy);

  for (guint i = 0; i < values->len; i++)
    g_ptr_array_add (copy, api_value_copy (type, g_ptr_array_index (values, i)));

  return copy;
}

/* @to is new: nothing in it has to be freed. */
static void
member_copy (const ApiField *field, gconstpointer from, gpointer to)
{
  switch (field->kind)
    {
    case API_STRING:
      MEMBER (char *, to, field) = g_strdup (MEMBER (char *, from, field));
      break;
    case API_STRV:
      MEMBER (char **, to, field) = g_strdupv (MEMBER (char **, from, field));
      break;
    case API_BOOL:
    case API_ENUM:
      MEMBER (int, to, field) = MEMBER (int, from, field);
      break;
    case API_INT:
      MEMBER (gint64, to, field) = MEMBER (gint64, from, field);
      break;
    case API_DOUBLE:
      MEMBER (double, to, field) = MEMBER (double, from, field);
      break;
    case API_OBJECT:
      MEMBER (gpointer, to, field) = api_value_copy (field->type, MEMBER (gpointer, from, field));
      break;
    case API_LIST:
      if (MEMBER (GPtrArray *, from, field) != NULL)
        MEMBER (GPtrArray *, to, field) = list_copy (field->type, MEMBER (GPtrArray *, from, field));
      break;
    case API_JSON:
      if (MEMBER (JsonNode *, from, field) != NULL)
        MEMBER (JsonNode *, to, field) = any_copy (MEMBER (JsonNode *, from, field));
      break;
    }
}

gpointer
api_value_copy (const ApiType *type, gconstpointer value)
{
  gpointer copy;

  if (value == NULL)
    return NULL;

  copy = g_malloc0 (type->size);
  for (gsize i = 0; i < type->n_fields; i++)
    member_copy (&type->fields[i], value, copy);

  return copy;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static JsonNode *
strv_node (char **strv)
{
  g_autoptr(JsonArray) array = NULL;

  if (strv == NULL)
    return null_node ();

  array = json_array_new ();
  for (; *strv != NULL; strv++)
    json_array_add_element (array, string_node (*strv));

  return json_node_init_array (json_node_alloc (), array);
}

static JsonNode *
int_node (gint64 number)
{
  return number == QMIG_UNSET ? null_node () : json_node_init_int (json_node_alloc (), number);
}

static JsonNode *
enum_node (const char *const *names, int number)
{
  guint n_names = g_strv_length ((char **) names);

  return string_node (names[number >= 0 && (guint) number < n_names ? number : 0]);
}

static JsonNode *
object_node (const ApiType *type, gconstpointer value)
{
  JsonNode *node;

  if (value == NULL)
    return null_node ();

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
      return string_node (MEMBER (char *, value, field));
    case API_STRV:
      return strv_node (MEMBER (char **, value, field));
    case API_BOOL:
      return json_node_init_boolean (json_node_alloc (), MEMBER (gboolean, value, field) != FALSE);
    case API_INT:
      return int_node (MEMBER (gint64, value, field));
    case API_DOUBLE:
      return double_node (MEMBER (double, value, field));
    case API_ENUM:
      return enum_node (field->names, MEMBER (int, value, field));
    case API_OBJECT:
      return object_node (field->type, MEMBER (gpointer, value, field));
    case API_LIST:
      return list_node (field->type, MEMBER (GPtrArray *, value, field));
    case API_JSON:
      return any_copy (MEMBER (JsonNode *, value, field));
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

/* --- reading: the innermost function names the member, each level above puts its own name in front ---------------- */

static gboolean
refuse (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

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
  if (!node_holds (node, G_TYPE_STRING))
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

      if (!node_holds (element, G_TYPE_STRING))
        return refuse (error, "%s[%u]: expected a string", field->name, i);

      g_strv_builder_add (builder, json_node_get_string (element));
    }

  *out = g_strv_builder_end (builder);
  return TRUE;
}

static gboolean
read_bool (const ApiField *field, JsonNode *node, gboolean *out, GError **error)
{
  if (!node_holds (node, G_TYPE_BOOLEAN))
    return refuse (error, "%s: expected true or false", field->name);

  *out = json_node_get_boolean (node);
  return TRUE;
}

static gboolean
read_int (const ApiField *field, JsonNode *node, gint64 *out, GError **error)
{
  if (!node_holds (node, G_TYPE_INT64))
    return refuse (error, "%s: expected an integer", field->name);

  *out = json_node_get_int (node);
  return TRUE;
}

static gboolean
read_double (const ApiField *field, JsonNode *node, double *out, GError **error)
{
  double number = NAN;

  if (node_holds (node, G_TYPE_INT64) || node_holds (node, G_TYPE_DOUBLE))
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

  for (int i = 0; node_holds (node, G_TYPE_STRING) && field->names[i] != NULL; i++)
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
      return read_string (field, node, &MEMBER (char *, value, field), error);
    case API_STRV:
      return read_strv (field, node, &MEMBER (char **, value, field), error);
    case API_BOOL:
      return read_bool (field, node, &MEMBER (gboolean, value, field), error);
    case API_INT:
      return read_int (field, node, &MEMBER (gint64, value, field), error);
    case API_DOUBLE:
      return read_double (field, node, &MEMBER (double, value, field), error);
    case API_ENUM:
      return read_enum (field, node, &MEMBER (int, value, field), error);
    case API_OBJECT:
      return read_object (field, node, &MEMBER (gpointer, value, field), error);
    case API_LIST:
      MEMBER (GPtrArray *, value, field) = list_from_node (field->name, field->type, node, error);
      return MEMBER (GPtrArray *, value, field) != NULL;
    case API_JSON:
      MEMBER (JsonNode *, value, field) = any_copy (node);
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

/* --- lists as documents of their own ------------------------------------------------------------------------------ */

static char *
list_schema_name (const ApiType *type)
{
  const char *slash = strchr (type->name, '/');

  return g_strdup_printf ("%.*s-list%s", (int) (slash - type->name), type->name, slash);
}

JsonObject *
api_list_to_object (const ApiType *type, GPtrArray *values)
{
  g_autofree char *schema = list_schema_name (type);
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "schema", schema);
  json_object_set_array_member (object, "items", list_to_array (type, values));
  return object;
}

GPtrArray *
api_list_from_object (const ApiType *type, JsonObject *object, GError **error)
{
  g_autofree char *schema = list_schema_name (type);

  /* All members may be missing and unknown ones are ignored: without this, hosts would read as a list of empty VMs. */
  if (g_strcmp0 (json_strict_string (object, "schema", NULL), schema) != 0)
    {
      refuse (error, "schema: expected \"%s\"", schema);
      return NULL;
    }

  return list_from_node ("items", type, json_object_get_member (object, "items"), error);
}
