/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-follow.h"
#include "cmd-steer.h"
#include "cmd.h"

/* Back on the source is as settled as on the destination: only doubt is a failure here. */
static int
settled_status (const QmigResult *result)
{
  return result->outcome == QMIG_OUTCOME_ATTENTION ? QMIG_EXIT_ATTENTION : QMIG_EXIT_OK;
}

static int
follow_recovery (Cli *cli, const QmigMigrationInfo *info, GError **error)
{
  g_autoptr(CliFollow) follow = cli_follow_new (cli, CLI_INTERRUPT_DETACHES);
  g_autoptr(GError) cause = NULL;
  g_autoptr(QmigResult) result = NULL;

  if (!cli_follow_run (follow, info->id, info->last_seq, info->last_seq, NULL, &result, &cause))
    {
      cli_follow_close_stream (cli, info->id, cause);
      g_propagate_error (error, g_steal_pointer (&cause));
      return QMIG_EXIT_ERROR;
    }
  cli_follow_print_result (cli, info->id, info->vm, result);
  return settled_status (result);
}

int
cmd_recover (Cli *cli, GError **error)
{
  const char *assume = cli_options_text (cli->options, "assume");
  g_autoptr(QmigAction) action = qmig_action_new ();
  g_autoptr(QmigMigrationInfo) info = NULL;
  g_autofree char *what = NULL;

  action->assume = g_strdup (g_strcmp0 (assume, "target") == 0 ? "destination" : assume);
  what = g_strdup_printf ("running the VM on the %s without knowing about the other side", action->assume);
  if (assume != NULL && !cli_confirm (cli, what, error))
    return QMIG_EXIT_USAGE;
  info = cmd_steer_find (cli, error);
  if (info == NULL || !cmd_steer_act (cli, info->id, "recover", action, error))
    return QMIG_EXIT_ERROR;
  return follow_recovery (cli, info, error);
}
