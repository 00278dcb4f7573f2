/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The verbs.  Each returns the exit status; where @error is set, that decides. */

#include "cli-context.h"

G_BEGIN_DECLS

int cmd_vm_list (Cli *cli, GError **error);
int cmd_vm_show (Cli *cli, GError **error);
int cmd_vm_add (Cli *cli, GError **error);
int cmd_vm_remove (Cli *cli, GError **error);
int cmd_vm_start (Cli *cli, GError **error);
int cmd_vm_stop (Cli *cli, GError **error);
int cmd_vm_qmp (Cli *cli, GError **error);

int cmd_host_list (Cli *cli, GError **error);
int cmd_host_show (Cli *cli, GError **error);
int cmd_host_add (Cli *cli, GError **error);
int cmd_host_remove (Cli *cli, GError **error);
int cmd_host_test (Cli *cli, GError **error);
int cmd_host_enroll (Cli *cli, GError **error);

int cmd_check (Cli *cli, GError **error);
int cmd_migrate (Cli *cli, GError **error);
int cmd_rehearse (Cli *cli, GError **error);
int cmd_watch (Cli *cli, GError **error);
int cmd_tune (Cli *cli, GError **error);
int cmd_switch (Cli *cli, GError **error);
int cmd_cancel (Cli *cli, GError **error);
int cmd_recover (Cli *cli, GError **error);

int cmd_migration_list (Cli *cli, GError **error);
int cmd_migration_show (Cli *cli, GError **error);
int cmd_migration_events (Cli *cli, GError **error);
int cmd_migration_samples (Cli *cli, GError **error);
int cmd_migration_wait (Cli *cli, GError **error);
int cmd_history (Cli *cli, GError **error);
int cmd_replay (Cli *cli, GError **error);

int cmd_policy_list (Cli *cli, GError **error);
int cmd_policy_show (Cli *cli, GError **error);

int cmd_agent_run (Cli *cli, GError **error);
int cmd_agent_status (Cli *cli, GError **error);
int cmd_agent_stop (Cli *cli, GError **error);
int cmd_agent_changes (Cli *cli, GError **error);
int cmd_agent_dial_stdio (Cli *cli, GError **error);

int cmd_pki_init (Cli *cli, GError **error);
int cmd_pki_issue (Cli *cli, GError **error);
int cmd_pki_list (Cli *cli, GError **error);
int cmd_pki_revoke (Cli *cli, GError **error);
int cmd_pki_export (Cli *cli, GError **error);
int cmd_pki_trust (Cli *cli, GError **error);
int cmd_pki_untrust (Cli *cli, GError **error);
int cmd_pki_peers (Cli *cli, GError **error);

int cmd_console (Cli *cli, GError **error);
/* Whether there is a terminal for it. */
gboolean cmd_console_is_possible (void);

int cmd_demo (Cli *cli, GError **error);
int cmd_doctor (Cli *cli, GError **error);
int cmd_schema (Cli *cli, GError **error);
int cmd_help (Cli *cli, GError **error);
int cmd_version (Cli *cli, GError **error);

G_END_DECLS
