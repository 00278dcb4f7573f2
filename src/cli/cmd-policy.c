/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd.h"

static const CliColumn columns[] = {
  { "name", "name", CLI_SHOW_TEXT, FALSE },
  { "downtime", "downtime_ms", CLI_SHOW_MS, FALSE },
  { "throttle %", "throttle_max_percent", CLI_SHOW_COUNT, FALSE },
  { "post-copy", "allow_postcopy", CLI_SHOW_BOOL, FALSE },
  { "pause", "allow_pause", CLI_SHOW_BOOL, FALSE },
  { "patience", "patience_ms", CLI_SHOW_MS, FALSE },
  { "about", "about", CLI_SHOW_TEXT, FALSE },
  { "deadline", "deadline_ms", CLI_SHOW_MS, TRUE },
  { "bandwidth", "bandwidth_bytes_per_s", CLI_SHOW_LIMIT, TRUE },
  { "origin", "origin", CLI_SHOW_TEXT, TRUE },
  { "problem", "problem", CLI_SHOW_TEXT, FALSE },
  { NULL },
};

int
cmd_policy_list (Cli *cli, GError **error)
{
  g_autoptr(GPtrArray) policies = cli_get_list (cli, "/v1/policies", &qmig_policy_type, error);

  if (policies == NULL || !cli_output_list (&cli->out, &qmig_policy_type, policies, columns, error))
    return QMIG_EXIT_ERROR;
  return QMIG_EXIT_OK;
}

int
cmd_policy_show (Cli *cli, GError **error)
{
  g_autofree char *path = qmig_client_path ("/v1/policies/%s", cli_arg (cli, 0));
  g_autoptr(QmigPolicy) policy = cli_get_value (cli, path, &qmig_policy_type, error);

  if (policy == NULL || !cli_output_value (&cli->out, &qmig_policy_type, policy, "name", error))
    return QMIG_EXIT_ERROR;
  return QMIG_EXIT_OK;
}
