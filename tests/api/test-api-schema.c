/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-sample.h"
#include "json-strict.h"

#include <gio/gio.h>
#include <string.h>

#define NOT_INSTALLED 77

/* Takes lines of a schema and values.  Reads all before it can give up, since a broken pipe would end this test. */
static const char validator[] =
  "import json, sys\n"
  "lines = sys.stdin.readlines()\n"
  "try:\n"
  "    from jsonschema import Draft202012Validator as Validator\n"
  "except ImportError:\n"
  "    sys.exit(77)\n"
  "for case in map(json.loads, lines):\n"
  "    Validator.check_schema(case['schema'])\n"
  "    validator = Validator(case['schema'])\n"
  "    for value in case['good']:\n"
  "        validator.validate(value)\n"
  "    for value in case['bad']:\n"
  "        if validator.is_valid(value):\n"
  "            sys.exit('accepted: ' + json.dumps(value))\n";

/* A value with one member that the strict reader refuses too, unless every member may be anything. */
static void
add_bad_values (const ApiType *type, JsonObject *good, JsonArray *bad)
{
  for (gsize i = 0; i < type->n_fields; i++)
    {
      g_autofree char *text = json_strict_print_object (good);
      JsonNode *node = json_from_string (text, NULL);
      JsonArray *wrong = json_array_new ();

      json_array_add_double_element (wrong, 0.5);
      json_object_set_array_member (json_node_get_object (node), type->fields[i].name, wrong);
      if (type->fields[i].kind == API_JSON)
        json_node_unref (node);
      else
        json_array_add_element (bad, node);
    }
}

static char *
case_for (const ApiType *type)
{
  g_autoptr(JsonObject) object = json_object_new ();
  JsonArray *good = json_array_new ();
  JsonArray *bad = json_array_new ();

  for (int i = 0; i < 5; i++)
    {
      gpointer value = sample_new (type);

      json_array_add_object_element (good, api_value_to_object (type, value));
      api_value_free (type, value);
    }
  add_bad_values (type, json_array_get_object_element (good, 0), bad);

  json_object_set_object_member (object, "schema", api_type_to_schema (type));
  json_object_set_array_member (object, "good", good);
  json_object_set_array_member (object, "bad", bad);
  return json_strict_print_object (object);
}

static void
test_valid (void)
{
  g_autofree char *python = g_find_program_in_path ("python3");
  g_autoptr(GSubprocess) process = NULL;
  g_autoptr(GString) input = g_string_new (NULL);
  g_autofree char *talk = NULL;
  g_autoptr(GError) error = NULL;

  if (python == NULL)
    {
      g_test_skip ("python3 is not installed");
      return;
    }

  for (gsize i = 0; qmig_api_types[i] != NULL; i++)
    {
      g_autofree char *line = case_for (qmig_api_types[i]);

      g_string_append_printf (input, "%s\n", line);
    }

  process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                G_SUBPROCESS_FLAGS_STDERR_MERGE,
                              &error, python, "-c", validator, NULL);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (process, input->str, NULL, &talk, NULL, &error);
  if (g_subprocess_get_if_exited (process) && g_subprocess_get_exit_status (process) == NOT_INSTALLED)
    {
      g_test_skip ("python3-jsonschema is not installed");
      return;
    }

  g_assert_no_error (error);
  g_assert_cmpstr (talk, ==, "");
  g_assert_true (g_subprocess_get_successful (process));
}

static char *
print_member (JsonObject *object, const char *name)
{
  JsonNode *member = json_object_get_member (object, name);

  g_assert_nonnull (member);
  return json_strict_print (member);
}

static void
assert_member (JsonObject *properties, const char *name, const char *expected)
{
  g_autofree char *text = print_member (properties, name);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_members (void)
{
  g_autoptr(JsonObject) schema = api_type_to_schema (&qmig_check_type);
  JsonObject *properties = json_object_get_object_member (schema, "properties");

  assert_member (schema, "$schema", "\"https://json-schema.org/draft/2020-12/schema\"");
  assert_member (schema, "title", "\"qmig.check/1\"");
  assert_member (schema, "type", "\"object\"");
  g_assert_false (json_object_has_member (schema, "required"));
  assert_member (properties, "way_out", "{\"type\":[\"string\",\"null\"],\"description\":\"what would help\"}");
  assert_member (properties, "status",
                 "{\"type\":\"string\",\"description\":\"verdict; any fail refuses the migration\","
                 "\"enum\":[\"ok\",\"warn\",\"fail\"],\"default\":\"ok\"}");
}

static void
test_required (void)
{
  g_autoptr(JsonObject) schema = api_type_to_schema (&qmig_incoming_spec_type);
  JsonObject *properties = json_object_get_object_member (schema, "properties");

  assert_member (schema, "required", "[\"migration\",\"run_dir\",\"argv\",\"qmp\"]");
  assert_member (json_object_get_object_member (properties, "argv"), "type", "\"array\"");
  assert_member (json_object_get_object_member (properties, "argv"), "items", "{\"type\":\"string\"}");
  assert_member (json_object_get_object_member (properties, "port"), "type", "[\"integer\",\"null\"]");
  g_assert_false (json_object_has_member (json_object_get_object_member (properties, "parameters"), "type"));
}

static void
test_nested (void)
{
  g_autoptr(JsonObject) schema = api_type_to_schema (&qmig_problem_type);
  JsonObject *plan = json_object_get_object_member (json_object_get_object_member (schema, "properties"), "plan");
  JsonObject *checks = json_object_get_object_member (json_object_get_object_member (plan, "properties"), "checks");
  JsonObject *items = json_object_get_object_member (checks, "items");

  assert_member (plan, "type", "[\"object\",\"null\"]");
  assert_member (plan, "title", "\"qmig.plan/1\"");
  assert_member (checks, "type", "\"array\"");
  assert_member (items, "type", "\"object\"");
  assert_member (items, "title", "\"qmig.check/1\"");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/api/schema/members", test_members);
  g_test_add_func ("/api/schema/required", test_required);
  g_test_add_func ("/api/schema/nested", test_nested);
  g_test_add_func ("/api/schema/valid", test_valid);

  return g_test_run ();
}
