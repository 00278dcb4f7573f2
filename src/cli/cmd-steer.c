/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd-steer.h"

QmigMigrationInfo *
cmd_steer_find (Cli *cli, GError **error)
{
  g_autofree char *path = qmig_client_path ("/v1/migrations/%s", cli_arg (cli, 0));

  return cli_get_value (cli, path, &qmig_migration_info_type, error);
}

gboolean
cmd_steer_act (Cli *cli, const char *id, const char *name, const QmigAction *action, GError **error)
{
  g_autofree char *path = qmig_client_path ("/v1/migrations/%s/actions/%s", id, name);
  g_autoptr(JsonObject) answer = cli_call (cli, "POST", path, qmig_action_to_object (action), error);

  return answer != NULL;
}
