/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "fake-qemu.h"
#include "json-strict.h"
#include "qmp-error.h"
#include "qmp-schema.h"

#define LIMIT_MS 30000

/* The shapes that a real one has: masked names, arrays, alternates, unions, old and new enums. */
static const char schema_json[] =
    "[{'name': 'migrate', 'meta-type': 'command', 'arg-type': '1', 'ret-type': '0', 'allow-oob': false},"
    " {'name': 'yank', 'meta-type': 'command', 'arg-type': '7', 'ret-type': '0', 'allow-oob': true},"
    " {'name': 'query-migrate', 'meta-type': 'command', 'arg-type': '0', 'ret-type': '2'},"
    " {'name': 'query-jobs', 'meta-type': 'command', 'arg-type': '0', 'ret-type': '[9]'},"
    " {'name': 'migrate-set-capabilities', 'meta-type': 'command', 'arg-type': '4', 'ret-type': '0'},"
    " {'name': 'migrate-set-parameters', 'meta-type': 'command', 'arg-type': '10', 'ret-type': '0'},"
    " {'name': 'looped', 'meta-type': 'command', 'arg-type': '[13]', 'ret-type': '14'},"
    " {'name': 'MIGRATION', 'meta-type': 'event', 'arg-type': '15'},"
    " {'name': '0', 'meta-type': 'object', 'members': []},"
    " {'name': '1', 'meta-type': 'object', 'members': [{'name': 'uri', 'type': 'str'},"
    "   {'name': 'resume', 'type': 'bool', 'default': null}]},"
    " {'name': '2', 'meta-type': 'object', 'members': [{'name': 'status', 'type': '3', 'default': null},"
    "   {'name': 'ram', 'type': '16', 'default': null}]},"
    " {'name': '3', 'meta-type': 'enum', 'members': [{'name': 'none'}, {'name': 'active'}], 'values': ['none', 'active']},"
    " {'name': '4', 'meta-type': 'object', 'members': [{'name': 'capabilities', 'type': '[5]'}]},"
    " {'name': '[5]', 'meta-type': 'array', 'element-type': '5'},"
    " {'name': '5', 'meta-type': 'object', 'members': [{'name': 'capability', 'type': '6'}, {'name': 'state', 'type': 'bool'}]},"
    " {'name': '6', 'meta-type': 'enum', 'values': ['events', 'multifd']},"
    " {'name': '7', 'meta-type': 'object', 'members': [{'name': 'instances', 'type': '[8]'}]},"
    " {'name': '[8]', 'meta-type': 'array', 'element-type': '8'},"
    " {'name': '8', 'meta-type': 'object', 'tag': 'type', 'members': [{'name': 'type', 'type': '17'}],"
    "   'variants': [{'case': 'migration', 'type': '0'}, {'case': 'chardev', 'type': '18'}]},"
    " {'name': '[9]', 'meta-type': 'array', 'element-type': '9'},"
    " {'name': '9', 'meta-type': 'object', 'members': [{'name': 'status', 'type': '19'}]},"
    " {'name': '10', 'meta-type': 'object', 'members': [{'name': 'tls-creds', 'type': '11', 'default': null},"
    "   {'name': 'mode', 'type': '12', 'default': null}, {'name': 'methods', 'type': '[6]', 'default': null}]},"
    " {'name': '11', 'meta-type': 'alternate', 'members': [{'type': 'str'}, {'type': 'null'}]},"
    " {'name': '12', 'meta-type': 'alternate', 'members': [{'type': 'str'}, {'type': '6'}]},"
    " {'name': '[6]', 'meta-type': 'array', 'element-type': '6'},"
    " {'name': '[13]', 'meta-type': 'array', 'element-type': '[13]'},"
    " {'name': '14', 'meta-type': 'alternate', 'members': [{'type': '14'}, {'type': '14'}]},"
    " {'name': '15', 'meta-type': 'object', 'members': [{'name': 'status', 'type': '3'}]},"
    " {'name': '16', 'meta-type': 'object', 'members': [{'name': 'mbps', 'type': 'number'}]},"
    " {'name': '17', 'meta-type': 'enum', 'members': [{'name': 'migration'}, {'name': 'chardev'}]},"
    " {'name': '18', 'meta-type': 'object', 'members': [{'name': 'id', 'type': 'str'}]},"
    " {'name': '19', 'meta-type': 'enum', 'members': [{'name': 'running'}, {'name': 'concluded'}]},"
    " {'name': 'str', 'meta-type': 'builtin', 'json-type': 'string'},"
    " {'name': 'bool', 'meta-type': 'builtin', 'json-type': 'boolean'},"
    " {'name': 'number', 'meta-type': 'builtin', 'json-type': 'number'},"
    " {'name': 'null', 'meta-type': 'builtin', 'json-type': 'null'}]";

static JsonNode *
parse (const char *json)
{
  g_autofree char *text = g_strdelimit (g_strdup (json), "'", '"');
  g_autoptr(GError) error = NULL;
  JsonNode *node = json_strict_parse (text, strlen (text), &json_strict_limits_api, &error);

  g_assert_no_error (error);
  return node;
}

static QmpSchema *
read_schema (void)
{
  g_autoptr(JsonNode) node = parse (schema_json);
  g_autoptr(GError) error = NULL;
  QmpSchema *schema = qmp_schema_new_from_json (json_node_get_array (node), &error);

  g_assert_no_error (error);
  return schema;
}

static void
test_names (void)
{
  g_autoptr(QmpSchema) schema = read_schema ();

  g_assert_true (qmp_schema_has_command (schema, "migrate"));
  g_assert_false (qmp_schema_has_command (schema, "MIGRATION"));
  g_assert_false (qmp_schema_has_command (schema, "1"));
  g_assert_false (qmp_schema_has_command (schema, "absent"));
  g_assert_true (qmp_schema_has_event (schema, "MIGRATION"));
  g_assert_false (qmp_schema_has_event (schema, "migrate"));
  g_assert_true (qmp_schema_command_allows_oob (schema, "yank"));
  g_assert_false (qmp_schema_command_allows_oob (schema, "migrate"));
  g_assert_false (qmp_schema_command_allows_oob (schema, "query-migrate"));
  g_assert_false (qmp_schema_command_allows_oob (schema, "absent"));
}

static void
test_arguments (void)
{
  g_autoptr(QmpSchema) schema = read_schema ();

  g_assert_true (qmp_schema_has_argument (schema, "migrate", "uri"));
  g_assert_false (qmp_schema_has_argument (schema, "migrate", "channels"));
  g_assert_false (qmp_schema_has_argument (schema, "migrate", "uri.deeper"));
  g_assert_false (qmp_schema_has_argument (schema, "migrate", ""));
  g_assert_false (qmp_schema_has_argument (schema, "absent", "uri"));
  g_assert_false (qmp_schema_has_argument (schema, "MIGRATION", "status"));
  g_assert_true (qmp_schema_has_argument (schema, "migrate-set-capabilities", "capabilities.state"));
  g_assert_true (qmp_schema_has_argument (schema, "yank", "instances.type"));
  /* of one variant only */
  g_assert_true (qmp_schema_has_argument (schema, "yank", "instances.id"));
  g_assert_false (qmp_schema_argument_is_optional (schema, "migrate", "uri"));
  g_assert_true (qmp_schema_argument_is_optional (schema, "migrate", "resume"));
  g_assert_false (qmp_schema_argument_is_optional (schema, "migrate", "absent"));
}

static void
test_accepts (void)
{
  static const char path[] = "capabilities.capability";
  g_autoptr(QmpSchema) schema = read_schema ();

  g_assert_true (qmp_schema_argument_accepts (schema, "migrate-set-capabilities", path, "multifd"));
  g_assert_false (qmp_schema_argument_accepts (schema, "migrate-set-capabilities", path, "absent"));
  g_assert_false (qmp_schema_argument_accepts (schema, "migrate-set-capabilities", "capabilities", "multifd"));
  g_assert_true (qmp_schema_argument_accepts (schema, "migrate-set-parameters", "mode", "events"));
  g_assert_true (qmp_schema_argument_accepts (schema, "migrate-set-parameters", "methods", "events"));
  g_assert_false (qmp_schema_argument_accepts (schema, "migrate-set-parameters", "tls-creds", "events"));
  g_assert_true (qmp_schema_argument_accepts (schema, "yank", "instances.type", "migration"));
  g_assert_false (qmp_schema_argument_accepts (schema, "migrate", "uri", "uri"));
}

static void
test_returns (void)
{
  g_autoptr(QmpSchema) schema = read_schema ();

  g_assert_true (qmp_schema_returns (schema, "query-migrate", "status", NULL));
  g_assert_true (qmp_schema_returns (schema, "query-migrate", "status", "active"));
  g_assert_false (qmp_schema_returns (schema, "query-migrate", "status", "of-tomorrow"));
  g_assert_true (qmp_schema_returns (schema, "query-migrate", "ram.mbps", NULL));
  g_assert_false (qmp_schema_returns (schema, "query-migrate", "ram.mbps", "7"));
  g_assert_true (qmp_schema_returns (schema, "query-jobs", "status", "concluded"));
  g_assert_false (qmp_schema_returns (schema, "migrate", "status", NULL));
  g_assert_false (qmp_schema_returns (schema, "absent", "status", NULL));
}

/* A type that contains itself ends, too. */
static void
test_loops (void)
{
  g_autoptr(QmpSchema) schema = read_schema ();

  g_assert_false (qmp_schema_has_argument (schema, "looped", "anything"));
  g_assert_false (qmp_schema_returns (schema, "looped", "anything", "x"));
}

static void
test_malformed (void)
{
  static const char *const malformed[] = { "[7]", "[{}]", "[{'name': 'x'}]", "[{'meta-type': 'command'}]", "[null]" };

  for (gsize i = 0; i < G_N_ELEMENTS (malformed); i++)
    {
      g_autoptr(JsonNode) node = parse (malformed[i]);
      g_autoptr(GError) error = NULL;
      g_autoptr(QmpSchema) schema = qmp_schema_new_from_json (json_node_get_array (node), &error);

      g_assert_null (schema);
      g_assert_error (error, QMP_ERROR, QMP_ERROR_NOT_QMP);
    }
}

static void
test_strange_entries (void)
{
  g_autoptr(JsonNode) node = parse ("[{'name': 'c', 'meta-type': 'command', 'arg-type': 7, 'ret-type': 'o'},"
                                    " {'name': 'o', 'meta-type': 'object', 'members': [null, {'name': 'm'}], 'variants': [1]}]");
  g_autoptr(GError) error = NULL;
  g_autoptr(QmpSchema) schema = qmp_schema_new_from_json (json_node_get_array (node), &error);

  g_assert_no_error (error);
  g_assert_false (qmp_schema_has_argument (schema, "c", "x"));
  g_assert_false (qmp_schema_returns (schema, "c", "x", NULL));
  g_assert_true (qmp_schema_returns (schema, "c", "m", NULL));
  g_assert_false (qmp_schema_returns (schema, "c", "m", "value"));
}

static void
test_read (void)
{
  g_autoptr(FakeQemu) fake = fake_qemu_new ();
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the fake QEMU", LIMIT_MS);
  g_autoptr(GIOStream) stream = fake_qemu_connect (fake);
  g_autoptr(GError) error = NULL;
  g_autoptr(QmpClient) client = qmp_client_open_stream (stream, wait, &error);
  g_autoptr(QmpSchema) schema = NULL;

  g_assert_no_error (error);
  fake_qemu_reply (fake, "query-qmp-schema", schema_json);
  schema = qmp_schema_read (client, wait, &error);
  g_assert_no_error (error);
  g_assert_true (qmp_schema_has_command (schema, "migrate"));

  fake_qemu_reply (fake, "query-qmp-schema", "{}");
  g_assert_null (qmp_schema_read (client, wait, &error));
  g_assert_error (error, QMP_ERROR, QMP_ERROR_NOT_QMP);
  g_clear_error (&error);
  fake_qemu_fail (fake, "query-qmp-schema", "CommandNotFound", "no");
  g_assert_null (qmp_schema_read (client, wait, &error));
  g_assert_error (error, QMP_ERROR, QMP_ERROR_COMMAND_NOT_FOUND);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/qmp-schema/names", test_names);
  g_test_add_func ("/qmp-schema/arguments", test_arguments);
  g_test_add_func ("/qmp-schema/accepts", test_accepts);
  g_test_add_func ("/qmp-schema/returns", test_returns);
  g_test_add_func ("/qmp-schema/loops", test_loops);
  g_test_add_func ("/qmp-schema/malformed", test_malformed);
  g_test_add_func ("/qmp-schema/strange-entries", test_strange_entries);
  g_test_add_func ("/qmp-schema/read", test_read);
  return g_test_run ();
}
