/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-follow.h"
#include "cmd-request.h"
#include "cmd.h"

static gboolean
check_options (Cli *cli, GError **error)
{
  if (cli_options_flag (cli->options, "wait") > 0 && cli_options_flag (cli->options, "no-wait") > 0)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "--wait and --no-wait exclude each other");
      return FALSE;
    }
  if (cli->out.fields != NULL && (cli->out.format == CLI_FORMAT_JSONL || cli_options_flag (cli->options, "dry-run") > 0))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "--fields chooses from the result: not with --dry-run or -o jsonl");
      return FALSE;
    }
  return TRUE;
}

static QmigMigrationInfo *
start (Cli *cli, QmigMigrateRequest *request, GError **error)
{
  g_autoptr(JsonObject) answer
    = cli_call (cli, "POST", "/v1/migrations", qmig_migrate_request_to_object (request), error);

  return answer != NULL ? qmig_migration_info_from_object (answer, error) : NULL;
}

/* Without waiting the id is all there is to say. */
static int
print_started (Cli *cli, const QmigMigrationInfo *info, GError **error)
{
  if (cli->out.format == CLI_FORMAT_JSON || cli->out.format == CLI_FORMAT_JSONL)
    return cli_output_value (&cli->out, &qmig_migration_info_type, info, "id", error) ? QMIG_EXIT_OK : QMIG_EXIT_USAGE;
  cli_print ("%s\n", info->id);
  return QMIG_EXIT_OK;
}

static int
start_and_leave (Cli *cli, QmigMigrateRequest *request, GError **error)
{
  g_autoptr(QmigMigrationInfo) info = start (cli, request, error);

  return info != NULL ? print_started (cli, info, error) : QMIG_EXIT_ERROR;
}

static int
start_and_follow (Cli *cli, QmigMigrateRequest *request, GError **error)
{
  const char *on_interrupt = cli_options_text (cli->options, "on-interrupt");
  CliInterrupt interrupt = g_strcmp0 (on_interrupt, "detach") == 0 ? CLI_INTERRUPT_DETACHES : CLI_INTERRUPT_CANCELS;
  g_autoptr(CliFollow) follow = cli_follow_new (cli, interrupt);
  g_autoptr(GError) cause = NULL;
  g_autoptr(QmigMigrationInfo) info = start (cli, request, &cause);

  if (info == NULL)
    {
      cli_follow_close_stream (cli, NULL, cause);
      g_propagate_error (error, g_steal_pointer (&cause));
      return QMIG_EXIT_ERROR;
    }
  return cli_follow_to_end (follow, info->id, info->vm, 0, 0, error);
}

int
cmd_rehearse (Cli *cli, GError **error)
{
  g_autoptr(QmigMigrateRequest) request = NULL;

  if (!check_options (cli, error))
    return QMIG_EXIT_USAGE;
  request = cmd_request_new (cli);
  request->rehearsal = TRUE;
  request->no_gate = cli_options_flag (cli->options, "no-gate") > 0;
  return cli_options_flag (cli->options, "no-wait") > 0 ? start_and_leave (cli, request, error) : start_and_follow (cli, request, error);
}

int
cmd_migrate (Cli *cli, GError **error)
{
  g_autoptr(QmigMigrateRequest) request = NULL;

  if (!check_options (cli, error))
    return QMIG_EXIT_USAGE;
  request = cmd_request_new (cli);
  if (cli_options_flag (cli->options, "dry-run") > 0)
    return cmd_request_check (cli, request, error);
  if (cli_options_flag (cli->options, "no-wait") > 0)
    return start_and_leave (cli, request, error);
  return start_and_follow (cli, request, error);
}
