/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-follow.h"
#include "cmd-steer.h"
#include "cmd.h"

/* A cancel that was accepted can still lose against the switch-over. */
static int
wait_for_end (Cli *cli, const QmigMigrationInfo *info, GError **error)
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
  if (result->outcome == QMIG_OUTCOME_CANCELLED)
    return QMIG_EXIT_OK;
  if (result->outcome == QMIG_OUTCOME_COMPLETED)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "%s completed before it could be cancelled; the VM is on %s",
                   info->id, result->vm_host != NULL ? result->vm_host : "the destination");
      return QMIG_EXIT_CONFLICT;
    }
  return cli_follow_print_result (cli, info->id, info->vm, result);
}

int
cmd_cancel (Cli *cli, GError **error)
{
  g_autoptr(QmigAction) action = qmig_action_new ();
  g_autoptr(QmigMigrationInfo) info = cmd_steer_find (cli, error);

  action->reason = g_strdup (cli_options_text (cli->options, "reason"));
  if (info == NULL || !cmd_steer_act (cli, info->id, "cancel", action, error))
    return QMIG_EXIT_ERROR;
  return cli_options_flag (cli->options, "wait") > 0 ? wait_for_end (cli, info, error) : QMIG_EXIT_OK;
}
