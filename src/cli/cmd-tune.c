/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd-request.h"
#include "cmd-steer.h"
#include "cmd.h"

int
cmd_tune (Cli *cli, GError **error)
{
  g_autoptr(QmigKnobs) knobs = cmd_request_knobs (cli);
  g_autoptr(QmigMigrationInfo) info = NULL;
  g_autofree char *path = NULL;
  g_autoptr(JsonObject) answer = NULL;

  if (knobs == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "say what to change: --downtime, --bandwidth, --deadline, --throttle-max, --postcopy-bandwidth or --xbzrle-cache");
      return QMIG_EXIT_USAGE;
    }
  info = cmd_steer_find (cli, error);
  if (info == NULL)
    return QMIG_EXIT_ERROR;
  path = qmig_client_path ("/v1/migrations/%s/knobs", info->id);
  answer = cli_call (cli, "PATCH", path, qmig_knobs_to_object (knobs), error);
  return answer != NULL ? QMIG_EXIT_OK : QMIG_EXIT_ERROR;
}
