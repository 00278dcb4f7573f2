/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd.h"

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
