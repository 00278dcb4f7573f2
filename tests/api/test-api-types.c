/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What holds for every type: each test walks the tables. */

#include "api-sample.h"
#include "json-strict.h"

#include <string.h>

#define ROUNDS 20

static void
test_round_trip (gconstpointer data)
{
  const ApiType *type = data;

  for (int i = 0; i < ROUNDS; i++)
    {
      g_autoptr(GError) error = NULL;
      gpointer value = sample_new (type);
      g_autofree char *text = api_value_to_text (type, value);
      gpointer back = api_value_from_text (type, text, -1, &error);
      g_autofree char *again = NULL;

      g_assert_no_error (error);
      g_assert_null (strchr (text, '\n'));
      sample_assert_equal (type, value, back);
      again = api_value_to_text (type, back);
      g_assert_cmpstr (again, ==, text);

      api_value_free (type, value);
      api_value_free (type, back);
    }
}

static void
test_copy_is_deep (gconstpointer data)
{
  const ApiType *type = data;
  gpointer value = sample_new (type);
  gpointer copy = api_value_copy (type, value);
  g_autofree char *before = api_value_to_text (type, value);
  g_autofree char *after = NULL;

  sample_assert_equal (type, value, copy);
  for (gsize i = 0; i < type->n_fields; i++)
    if (type->fields[i].kind == API_JSON)
      {
        JsonNode *node = G_STRUCT_MEMBER (JsonNode *, value, type->fields[i].offset);

        json_object_set_boolean_member (json_node_get_object (node), "added", TRUE);
      }

  api_value_free (type, value);
  after = api_value_to_text (type, copy);
  g_assert_cmpstr (after, ==, before);
  api_value_free (type, copy);
}

/* What a value with everything missing writes for each kind. */
static const char *
missing_text (const ApiField *field)
{
  switch (field->kind)
    {
    case API_BOOL:
      return "false";
    case API_LIST:
      return "[]";
    case API_ENUM:
      return field->names[0];
    case API_STRING:
    case API_STRV:
    case API_INT:
    case API_DOUBLE:
    case API_OBJECT:
    case API_JSON:
      return "null";
    }

  g_assert_not_reached ();
}

static void
test_missing (gconstpointer data)
{
  const ApiType *type = data;
  gpointer value = api_value_new (type);
  gpointer copy = api_value_copy (type, value);
  g_autoptr(JsonObject) object = api_value_to_object (type, value);

  g_assert_cmpuint (json_object_get_size (object), ==, type->n_fields);
  for (gsize i = 0; i < type->n_fields; i++)
    {
      g_autofree char *text = json_strict_print (json_object_get_member (object, type->fields[i].name));
      g_autofree char *bare = g_strdup (text);

      if (type->fields[i].kind == API_ENUM)
        {
          g_free (bare);
          bare = g_strndup (text + 1, strlen (text) - 2);
        }
      g_assert_cmpstr (bare, ==, missing_text (&type->fields[i]));
    }

  sample_assert_equal (type, value, copy);
  api_value_free (type, copy);
  api_value_free (type, value);
}

/* An object in which only what is required is there, and an unknown member. */
static JsonObject *
least_object (const ApiType *type)
{
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "of another version", "ignored");
  for (gsize i = 0; i < type->n_fields; i++)
    if (type->fields[i].need == API_REQUIRED && type->fields[i].kind == API_STRV)
      json_object_set_array_member (object, type->fields[i].name, json_array_new ());
    else if (type->fields[i].need == API_REQUIRED)
      json_object_set_string_member (object, type->fields[i].name, "x");

  return object;
}

static void
test_absent_and_null (gconstpointer data)
{
  const ApiType *type = data;
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) object = least_object (type);
  gpointer absent = api_value_from_object (type, object, &error);
  gpointer null;

  g_assert_no_error (error);
  for (gsize i = 0; i < type->n_fields; i++)
    if (type->fields[i].need == API_OPTIONAL)
      json_object_set_null_member (object, type->fields[i].name);
  null = api_value_from_object (type, object, &error);

  g_assert_no_error (error);
  sample_assert_equal (type, absent, null);
  api_value_free (type, absent);
  api_value_free (type, null);
}

static void
test_required (gconstpointer data)
{
  const ApiType *type = data;

  for (gsize i = 0; i < type->n_fields; i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(JsonObject) object = least_object (type);
      g_autofree char *expected = g_strdup_printf ("%s: missing", type->fields[i].name);

      if (type->fields[i].need == API_OPTIONAL)
        continue;

      json_object_remove_member (object, type->fields[i].name);
      g_assert_null (api_value_from_object (type, object, &error));
      g_assert_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_TYPE);
      g_assert_cmpstr (error->message, ==, expected);
      g_clear_error (&error);

      json_object_set_null_member (object, type->fields[i].name);
      g_assert_null (api_value_from_object (type, object, &error));
      g_assert_cmpstr (error->message, ==, expected);
    }
}

/* What the error says behind the name of the member; NULL where @json is right for @field. */
static char *
expected_complaint (const ApiField *field, const char *json)
{
  g_autofree char *choice = NULL;

  switch (field->kind)
    {
    case API_STRING:
      return *json == '"' ? NULL : g_strdup (": expected a string");
    case API_STRV:
      if (*json == '[')
        return json[1] == ']' ? NULL : g_strdup ("[0]: expected a string");
      return g_strdup (": expected an array of strings");
    case API_BOOL:
      return *json == 't' ? NULL : g_strdup (": expected true or false");
    case API_INT:
      return *json == '3' && json[1] == '\0' ? NULL : g_strdup (": expected an integer");
    case API_DOUBLE:
      return *json == '3' ? NULL : g_strdup (": expected a number");
    case API_ENUM:
      choice = g_strjoinv (", ", (char **) field->names);
      return g_strconcat (": expected one of ", choice, NULL);
    case API_OBJECT:
      return *json == '{' ? NULL : g_strdup (": expected an object");
    case API_LIST:
      if (*json == '[')
        return json[1] == ']' ? NULL : g_strdup ("[0]: expected an object");
      return g_strdup (": expected an array of objects");
    case API_JSON:
      return NULL;
    }

  g_assert_not_reached ();
}

/* All other members are set, so that giving up has something to free. */
static void
read_with (const ApiType *type, const ApiField *field, const char *json)
{
  g_autoptr(GError) error = NULL;
  gpointer value = sample_new (type);
  g_autoptr(JsonObject) object = api_value_to_object (type, value);
  g_autofree char *complaint = expected_complaint (field, json);
  g_autofree char *message = g_strconcat (field->name, complaint, NULL);
  gpointer back;

  json_object_set_member (object, field->name, json_from_string (json, NULL));
  back = api_value_from_object (type, object, &error);

  if (complaint == NULL)
    g_assert_no_error (error);
  else
    g_assert_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_TYPE);
  if (complaint != NULL)
    g_assert_cmpstr (error->message, ==, message);

  g_assert_true ((back == NULL) == (complaint != NULL));
  api_value_free (type, back);
  api_value_free (type, value);
}

static void
test_wrong_types (gconstpointer data)
{
  static const char *const jsons[] = {
    "\"of no enum\"", "3", "3.0", "3.5", "true", "[]", "{}", "[3]", "[null]", "[[]]",
  };
  const ApiType *type = data;

  for (gsize i = 0; i < type->n_fields; i++)
    for (gsize j = 0; j < G_N_ELEMENTS (jsons); j++)
      read_with (type, &type->fields[i], jsons[j]);
}

static void
test_table (gconstpointer data)
{
  const ApiType *type = data;
  gsize end = 0;

  g_assert_true (g_regex_match_simple ("^qmig\\.[a-z]+(-[a-z]+)*/1$", type->name, 0, 0));
  g_assert_nonnull (type->destroy);

  for (gsize i = 0; i < type->n_fields; i++)
    {
      const ApiField *field = &type->fields[i];

      g_assert_cmpuint (field->offset, >=, end);
      end = field->offset + (field->kind == API_BOOL || field->kind == API_ENUM ? sizeof (int) : 8);
      g_assert_true (field->about != NULL && *field->about != '\0');
      g_assert_true ((field->names != NULL) == (field->kind == API_ENUM));
      g_assert_true ((field->type != NULL) == (field->kind == API_OBJECT || field->kind == API_LIST));
    }

  g_assert_cmpuint (end, <=, type->size);
  g_assert_cmpuint (type->size - end, <, 8);
}

/* "name1 name2 …" of the struct that @declaration declares, without its comments. */
static char *
members_of (const char *declaration)
{
  g_autoptr(GRegex) comment = g_regex_new ("/\\*.*?\\*/", G_REGEX_DOTALL, 0, NULL);
  g_autoptr(GRegex) member = g_regex_new ("(\\w+);", 0, 0, NULL);
  g_autofree char *code = g_regex_replace_literal (comment, declaration, -1, 0, "", 0, NULL);
  g_autoptr(GMatchInfo) match = NULL;
  GString *names = g_string_new (NULL);

  for (g_regex_match (member, code, 0, &match); g_match_info_matches (match); g_match_info_next (match, NULL))
    {
      g_autofree char *name = g_match_info_fetch (match, 1);

      g_string_append_printf (names, "%s ", name);
    }

  return g_string_free (names, FALSE);
}

static char *
members_in_table (const ApiType *type)
{
  GString *names = g_string_new (NULL);

  for (gsize i = 0; i < type->n_fields; i++)
    g_string_append_printf (names, "%s ", type->fields[i].name);

  return g_string_free (names, FALSE);
}

static gboolean
some_table_has (const char *members)
{
  for (gsize i = 0; qmig_api_types[i] != NULL; i++)
    {
      g_autofree char *names = members_in_table (qmig_api_types[i]);

      if (g_str_equal (names, members))
        return TRUE;
    }

  return FALSE;
}

/* A member that the header has and the table has not would be lost in silence at the process border. */
static void
test_header (void)
{
  g_autofree char *header = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(GRegex) regex = NULL;
  g_autoptr(GMatchInfo) match = NULL;
  guint n_structs = 0;

  g_file_get_contents (API_TYPES_HEADER, &header, NULL, &error);
  g_assert_no_error (error);
  regex = g_regex_new ("typedef struct\\n\\{([^}]*)\\} (\\w+);\\nAPI_DECLARE_VALUE", 0, 0, &error);
  g_assert_no_error (error);

  for (g_regex_match (regex, header, 0, &match); g_match_info_matches (match); g_match_info_next (match, NULL))
    {
      g_autofree char *declaration = g_match_info_fetch (match, 1);
      g_autofree char *name = g_match_info_fetch (match, 2);
      g_autofree char *members = members_of (declaration);

      g_test_message ("%s: %s", name, members);
      g_assert_true (some_table_has (members));
      n_structs++;
    }

  g_assert_cmpuint (n_structs, ==, g_strv_length ((char **) qmig_api_types));
}

static void
test_names_are_unique (void)
{
  for (gsize i = 0; qmig_api_types[i] != NULL; i++)
    for (gsize j = 0; j < i; j++)
      g_assert_cmpstr (qmig_api_types[i]->name, !=, qmig_api_types[j]->name);
}

static void
add_for_each_type (const char *name, GTestDataFunc function)
{
  for (gsize i = 0; qmig_api_types[i] != NULL; i++)
    {
      g_autofree char *id = g_strdelimit (g_strdup (qmig_api_types[i]->name), "/", '-');
      g_autofree char *path = g_strdup_printf ("/api/types/%s/%s", name, id);

      g_test_add_data_func (path, qmig_api_types[i], function);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/api/types/header", test_header);
  g_test_add_func ("/api/types/names-are-unique", test_names_are_unique);
  add_for_each_type ("table", test_table);
  add_for_each_type ("round-trip", test_round_trip);
  add_for_each_type ("copy-is-deep", test_copy_is_deep);
  add_for_each_type ("missing", test_missing);
  add_for_each_type ("absent-and-null", test_absent_and_null);
  add_for_each_type ("required", test_required);
  add_for_each_type ("wrong-types", test_wrong_types);

  return g_test_run ();
}
