/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd-request.h"
#include "cmd.h"

int
cmd_check (Cli *cli, GError **error)
{
  g_autoptr(QmigMigrateRequest) request = cmd_request_new (cli);

  return cmd_request_check (cli, request, error);
}
