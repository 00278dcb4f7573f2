/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd-steer.h"
#include "cmd.h"

int
cmd_switch (Cli *cli, GError **error)
{
  gboolean hold = cli_options_flag (cli->options, "hold") > 0;
  gboolean go = cli_options_flag (cli->options, "go") > 0;
  g_autoptr(QmigAction) action = qmig_action_new ();
  g_autoptr(QmigMigrationInfo) info = NULL;

  if (hold == go)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "say either --hold or --go");
      return QMIG_EXIT_USAGE;
    }
  info = cmd_steer_find (cli, error);
  if (info == NULL || !cmd_steer_act (cli, info->id, hold ? "hold" : "go", action, error))
    return QMIG_EXIT_ERROR;
  return QMIG_EXIT_OK;
}
