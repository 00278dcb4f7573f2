/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd-steer.h"
#include "cmd.h"

/* The one action that was asked for; NULL for none or several. */
static const char *
choose_action (Cli *cli)
{
  static const char *const actions[] = { "hold", "go", "postcopy" };
  const char *chosen = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (actions); i++)
    {
      if (cli_options_flag (cli->options, actions[i]) == 0)
        continue;
      if (chosen != NULL)
        return NULL;
      chosen = actions[i];
    }
  return chosen;
}

int
cmd_switch (Cli *cli, GError **error)
{
  const char *chosen = choose_action (cli);
  g_autoptr(QmigAction) action = qmig_action_new ();
  g_autoptr(QmigMigrationInfo) info = NULL;

  if (chosen == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "say one of --hold, --go and --postcopy");
      return QMIG_EXIT_USAGE;
    }
  info = cmd_steer_find (cli, error);
  if (info == NULL)
    return QMIG_EXIT_ERROR;
  if (g_str_equal (chosen, "postcopy") && !cli_confirm_by_name (cli, "post-copy", info->vm, error))
    return QMIG_EXIT_USAGE;
  return cmd_steer_act (cli, info->id, chosen, action, error) ? QMIG_EXIT_OK : QMIG_EXIT_ERROR;
}
