/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd.h"

static const CliColumn change_columns[] = {
  { "time", "time", CLI_SHOW_TIME, FALSE },
  { "who", "who", CLI_SHOW_TEXT, FALSE },
  { "method", "method", CLI_SHOW_TEXT, FALSE },
  { "path", "path", CLI_SHOW_TEXT, FALSE },
  { "status", "status", CLI_SHOW_COUNT, FALSE },
  { "reason", "reason", CLI_SHOW_TEXT, FALSE },
  { NULL },
};

int
cmd_agent_run (Cli *cli, GError **error)
{
  g_autofree char *runtime_dir = qmig_client_default_runtime_dir ();
  g_autofree char *state_dir = qmig_client_default_state_dir ();

  return cli->faces->run_agent (cli_options_text (cli->options, "name"), cli_options_text (cli->options, "listen"), runtime_dir,
                                 state_dir, error);
}

/* Whoever asks about an agent or ends it does not want one to be started for that. */
static gboolean
connect_without_start (Cli *cli, GError **error)
{
  g_autofree char *uri = qmig_client_resolve_host (cli->host, error);

  if (uri == NULL)
    return FALSE;
  cli->client = qmig_client_new (uri, error);
  return cli->client != NULL;
}

int
cmd_agent_status (Cli *cli, GError **error)
{
  g_autoptr(QmigHostInfo) info
    = connect_without_start (cli, error) ? cli_get_value (cli, "/v1/host", &qmig_host_info_type, error) : NULL;

  if (info == NULL || !cli_output_value (&cli->out, &qmig_host_info_type, info, "name", error))
    return QMIG_EXIT_ERROR;
  return QMIG_EXIT_OK;
}

int
cmd_agent_stop (Cli *cli, GError **error)
{
  gboolean force = cli_options_flag (cli->options, "force") > 0;
  g_autoptr(JsonObject) answer = NULL;

  if (!connect_without_start (cli, error))
    return QMIG_EXIT_ERROR;
  answer = cli_call (cli, "POST", force ? "/v1/agent/stop?force=1" : "/v1/agent/stop", NULL, error);
  return answer != NULL ? QMIG_EXIT_OK : QMIG_EXIT_ERROR;
}

int
cmd_agent_changes (Cli *cli, GError **error)
{
  const char *limit = cli_options_text (cli->options, "limit");
  g_autofree char *path = limit != NULL ? qmig_client_path ("/v1/changes?limit=%s", limit) : g_strdup ("/v1/changes");
  g_autoptr(GPtrArray) changes = cli_get_list (cli, path, &qmig_change_type, error);

  if (changes == NULL || !cli_output_list (&cli->out, &qmig_change_type, changes, change_columns, error))
    return QMIG_EXIT_ERROR;
  return QMIG_EXIT_OK;
}
