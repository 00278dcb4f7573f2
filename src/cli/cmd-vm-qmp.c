/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd.h"
#include "json-strict.h"

#include <string.h>

/* The command's arguments; FALSE where @text is no JSON object. */
static gboolean
read_arguments (const char *text, JsonNode **node, GError **error)
{
  g_autoptr(GError) cause = NULL;
  g_autoptr(JsonObject) object = json_strict_parse_object (text, strlen (text), &json_strict_limits_api, &cause);

  if (object == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "JSON: %s", cause->message);
      return FALSE;
    }
  *node = json_node_init_object (json_node_alloc (), object);
  return TRUE;
}

int
cmd_vm_qmp (Cli *cli, GError **error)
{
  g_autoptr(QmigQmpRequest) request = qmig_qmp_request_new ();
  g_autofree char *vm = cli_select_vm (cli, cli_arg (cli, 0));
  g_autofree char *path = qmig_client_path ("/v1/vms/%s/qmp", vm);
  g_autoptr(JsonObject) answer = NULL;
  g_autofree char *text = NULL;
  JsonNode *value;

  request->command = g_strdup (cli_arg (cli, 1));
  if (cli_arg (cli, 2) != NULL && !read_arguments (cli_arg (cli, 2), &request->arguments, error))
    return QMIG_EXIT_USAGE;

  answer = cli_call (cli, "POST", path, qmig_qmp_request_to_object (request), error);
  if (answer == NULL)
    return QMIG_EXIT_ERROR;
  value = json_object_get_member (answer, "return");
  text = value != NULL ? json_to_string (value, cli->out.format != CLI_FORMAT_JSONL) : g_strdup ("null");
  cli_print ("%s\n", text);
  return QMIG_EXIT_OK;
}
