/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd.h"

static const CliColumn columns[] = {
  { "what", "id", CLI_SHOW_TEXT, FALSE },
  { "status", "status", CLI_SHOW_TEXT, FALSE },
  { "finding", "text", CLI_SHOW_TEXT, FALSE },
  { "way out", "way_out", CLI_SHOW_TEXT, FALSE },
  { NULL },
};

int
cmd_doctor (Cli *cli, GError **error)
{
  g_autoptr(GPtrArray) checks = cli_get_list (cli, "/v1/doctor", &qmig_check_type, error);

  if (checks == NULL || !cli_output_list (&cli->out, &qmig_check_type, checks, columns, error))
    return QMIG_EXIT_ERROR;
  return qmig_checks_refuse (checks) ? QMIG_EXIT_ERROR : QMIG_EXIT_OK;
}
