/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd.h"

#include "cmd-request.h"

static const CliColumn columns[] = {
  { "name", "name", CLI_SHOW_TEXT, FALSE },
  { "uri", "uri", CLI_SHOW_TEXT, FALSE },
  { "labels", "labels", CLI_SHOW_TEXT, FALSE },
  { "reachable", "reachable", CLI_SHOW_BOOL, FALSE },
  { "version", "info.version", CLI_SHOW_TEXT, FALSE },
  { "memory free", "info.memory_available_bytes", CLI_SHOW_BYTES, FALSE },
  { "kvm", "info.kvm", CLI_SHOW_BOOL, TRUE },
  { "hostname", "info.hostname", CLI_SHOW_TEXT, TRUE },
  { "migrations", "info.active_migrations", CLI_SHOW_COUNT, TRUE },
  { "problem", "problem", CLI_SHOW_TEXT, FALSE },
  { NULL },
};

int
cmd_host_list (Cli *cli, GError **error)
{
  g_autoptr(GPtrArray) hosts = cli_get_list (cli, "/v1/hosts", &qmig_host_entry_type, error);

  if (hosts == NULL || !cli_output_list (&cli->out, &qmig_host_entry_type, hosts, columns, error))
    return QMIG_EXIT_ERROR;
  return QMIG_EXIT_OK;
}

int
cmd_host_show (Cli *cli, GError **error)
{
  g_autoptr(QmigHostInfo) info = NULL;

  if (cli_arg (cli, 0) != NULL)
    {
      g_free (cli->host);
      cli->host = g_strdup (cli_arg (cli, 0));
    }
  info = cli_get_value (cli, "/v1/host", &qmig_host_info_type, error);
  if (info == NULL || !cli_output_value (&cli->out, &qmig_host_info_type, info, "name", error))
    return QMIG_EXIT_ERROR;
  return QMIG_EXIT_OK;
}

static int
print_entry (Cli *cli, JsonObject *answer, GError **error)
{
  g_autoptr(QmigHostEntry) entry = qmig_host_entry_from_object (answer, error);
  g_autoptr(GString) text = g_string_new (NULL);

  if (entry != NULL && entry->checks != NULL && cli->out.fields == NULL &&
      (cli->out.format == CLI_FORMAT_TABLE || cli->out.format == CLI_FORMAT_WIDE))
    {
      cmd_request_append_checks (text, &cli->out, entry->checks);
      cli_write (text->str);
    }
  else if (entry == NULL || !cli_output_value (&cli->out, &qmig_host_entry_type, entry, "name", error))
    return QMIG_EXIT_ERROR;
  if (entry->reachable)
    return QMIG_EXIT_OK;
  cli_say (cli, "host '%s' does not answer: %s", entry->name, entry->problem != NULL ? entry->problem : entry->uri);
  return QMIG_EXIT_UNREACHABLE;
}

int
cmd_host_remove (Cli *cli, GError **error)
{
  g_autofree char *path = qmig_client_path ("/v1/hosts/%s", cli_arg (cli, 0));
  g_autoptr(JsonObject) answer = cli_call (cli, "DELETE", path, NULL, error);

  return answer != NULL ? QMIG_EXIT_OK : QMIG_EXIT_ERROR;
}

int
cmd_host_test (Cli *cli, GError **error)
{
  g_autofree char *path = qmig_client_path ("/v1/hosts/%s/test", cli_arg (cli, 0));
  g_autoptr(JsonObject) answer = cli_call (cli, "POST", path, NULL, error);

  return answer != NULL ? print_entry (cli, answer, error) : QMIG_EXIT_ERROR;
}

int
cmd_host_add (Cli *cli, GError **error)
{
  g_autoptr(QmigHostRequest) request = qmig_host_request_new ();
  g_autoptr(JsonObject) answer = NULL;
  int status;

  request->name = g_strdup (cli_arg (cli, 0));
  request->uri = g_strdup (cli_arg (cli, 1));
  request->labels = cli_options_texts (cli->options, "label");
  answer = cli_call (cli, "POST", "/v1/hosts", qmig_host_request_to_object (request), error);
  if (answer == NULL)
    return QMIG_EXIT_ERROR;
  /* It was added, whether or not it answers yet. */
  status = cmd_host_test (cli, error);
  return status == QMIG_EXIT_UNREACHABLE ? QMIG_EXIT_OK : status;
}
