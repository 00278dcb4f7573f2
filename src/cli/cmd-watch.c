/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd-watch.h"

#include "cli-follow.h"
#include "cmd.h"

static QmigMigrationInfo *
find_only_active (Cli *cli, GError **error)
{
  g_autoptr(GPtrArray) infos = cli_get_list (cli, "/v1/migrations?active=1", &qmig_migration_info_type, error);

  if (infos == NULL)
    return NULL;
  if (infos->len == 1)
    return qmig_migration_info_copy (g_ptr_array_index (infos, 0));
  if (infos->len == 0)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "no migration is active; the latest one: qmig watch last");
  else
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "%u migrations are active: name one, or say --all", infos->len);
  return NULL;
}

static QmigMigrationInfo *
find_named (Cli *cli, const char *name, GError **error)
{
  g_autofree char *path = qmig_client_path ("/v1/migrations/%s", name);

  return cli_get_value (cli, path, &qmig_migration_info_type, error);
}

static int
watch_all (Cli *cli, gint64 after, GError **error)
{
  g_autoptr(GPtrArray) infos = NULL;

  if (cli_arg (cli, 0) != NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "--all and '%s' exclude each other", cli_arg (cli, 0));
      return QMIG_EXIT_USAGE;
    }
  infos = cli_get_list (cli, "/v1/migrations?active=1", &qmig_migration_info_type, error);
  if (infos == NULL)
    return QMIG_EXIT_ERROR;
  if (infos->len == 0)
    cli_say (cli, "no migration is active");
  return cmd_watch_all (cli, infos, after);
}

int
cmd_watch (Cli *cli, GError **error)
{
  gint64 after = cli_options_number (cli->options, "after", 0);
  g_autoptr(QmigMigrationInfo) info = NULL;
  g_autoptr(CliFollow) follow = NULL;

  if (cli_options_flag (cli->options, "all") > 0)
    return watch_all (cli, after, error);
  info = cli_arg (cli, 0) != NULL ? find_named (cli, cli_arg (cli, 0), error) : find_only_active (cli, error);
  if (info == NULL)
    return QMIG_EXIT_ERROR;

  follow = cli_follow_new (cli, CLI_INTERRUPT_DETACHES);
  /* The events are over then: only the result is left to show. */
  if (info->result != NULL && after >= info->last_seq && cli->out.format != CLI_FORMAT_JSONL)
    return cli_follow_print_result (cli, info->id, info->vm, info->result);
  return cli_follow_to_end (follow, info->id, info->vm, after, info->last_seq, error);
}
