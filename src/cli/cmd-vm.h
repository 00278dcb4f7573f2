/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli-context.h"

G_BEGIN_DECLS

extern const CliColumn cmd_vm_columns[];

/*
 * The VMs of all hosts the agent knows, asked at once.  A host that does not
 * answer is one row with its problem.  (transfer full): QmigVm
 */
GPtrArray *cmd_vm_list_all (Cli *cli, const char *path, GError **error);

G_END_DECLS
