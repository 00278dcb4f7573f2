/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd-vm.h"
#include "cmd.h"

const CliColumn cmd_vm_columns[] = {
  { "name", "name", CLI_SHOW_TEXT, FALSE },
  { "host", "host", CLI_SHOW_TEXT, FALSE },
  { "state", "run_state", CLI_SHOW_TEXT, FALSE },
  { "memory", "memory_bytes", CLI_SHOW_BYTES, FALSE },
  { "vcpus", "vcpus", CLI_SHOW_COUNT, FALSE },
  { "accel", "accelerator", CLI_SHOW_TEXT, FALSE },
  { "pid", "pid", CLI_SHOW_COUNT, FALSE },
  { "uuid", "uuid", CLI_SHOW_TEXT, TRUE },
  { "machine", "machine", CLI_SHOW_TEXT, TRUE },
  { "qemu", "qemu_version", CLI_SHOW_TEXT, TRUE },
  { "owner", "owner", CLI_SHOW_TEXT, TRUE },
  { "qmp", "qmp", CLI_SHOW_TEXT, TRUE },
  { "migration", "migration", CLI_SHOW_TEXT, FALSE },
  { "problem", "problem", CLI_SHOW_TEXT, FALSE },
  { NULL },
};

int
cmd_vm_list (Cli *cli, GError **error)
{
  gboolean all = cli_options_flag (cli->options, "all") > 0;
  const char *path = cli_options_flag (cli->options, "no-ask") > 0 ? "/v1/vms?ask=0" : "/v1/vms";
  g_autoptr(GPtrArray) vms
    = all ? cmd_vm_list_all (cli, path, error) : cli_get_list (cli, path, &qmig_vm_type, error);

  if (vms == NULL || !cli_output_list (&cli->out, &qmig_vm_type, vms, cmd_vm_columns, error))
    return QMIG_EXIT_ERROR;
  return QMIG_EXIT_OK;
}

static int
print_vm (Cli *cli, JsonObject *answer, GError **error)
{
  g_autoptr(QmigVm) vm = qmig_vm_from_object (answer, error);

  if (vm == NULL || !cli_output_value (&cli->out, &qmig_vm_type, vm, "name", error))
    return QMIG_EXIT_ERROR;
  return QMIG_EXIT_OK;
}

int
cmd_vm_show (Cli *cli, GError **error)
{
  g_autofree char *vm = cli_select_vm (cli, cli_arg (cli, 0));
  g_autofree char *path = qmig_client_path ("/v1/vms/%s", vm);
  g_autoptr(JsonObject) answer = cli_call (cli, "GET", path, NULL, error);

  return answer != NULL ? print_vm (cli, answer, error) : QMIG_EXIT_ERROR;
}

static int
post_vm (Cli *cli, QmigVmRequest *request, GError **error)
{
  g_autoptr(JsonObject) answer = cli_call (cli, "POST", "/v1/vms", qmig_vm_request_to_object (request), error);

  return answer != NULL ? print_vm (cli, answer, error) : QMIG_EXIT_ERROR;
}

int
cmd_vm_add (Cli *cli, GError **error)
{
  g_autoptr(QmigVmRequest) request = qmig_vm_request_new ();
  const char *qmp = cli_options_text (cli->options, "qmp");

  request->name = g_strdup (cli_arg (cli, 0));
  request->pid = cli_options_number (cli->options, "pid", QMIG_UNSET);
  /* The agent has another current directory. */
  request->qmp = qmp != NULL ? g_canonicalize_filename (qmp, NULL) : NULL;
  if ((qmp == NULL) == (request->pid == QMIG_UNSET))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "say which QEMU: either --qmp SOCKET or --pid N");
      return QMIG_EXIT_USAGE;
    }
  return post_vm (cli, request, error);
}

int
cmd_vm_start (Cli *cli, GError **error)
{
  g_autoptr(QmigVmRequest) request = qmig_vm_request_new ();

  if (cli->rest == NULL || cli->rest[0] == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "the QEMU command line is missing; put it after --");
      return QMIG_EXIT_USAGE;
    }
  request->name = g_strdup (cli_arg (cli, 0));
  request->argv = g_strdupv (cli->rest);
  request->cwd = g_get_current_dir ();
  return post_vm (cli, request, error);
}

int
cmd_vm_remove (Cli *cli, GError **error)
{
  g_autofree char *vm = cli_select_vm (cli, cli_arg (cli, 0));
  g_autofree char *path = qmig_client_path ("/v1/vms/%s", vm);
  g_autoptr(JsonObject) answer = cli_call (cli, "DELETE", path, NULL, error);

  return answer != NULL ? QMIG_EXIT_OK : QMIG_EXIT_ERROR;
}

int
cmd_vm_stop (Cli *cli, GError **error)
{
  gboolean force = cli_options_flag (cli->options, "force") > 0;
  g_autofree char *vm = cli_select_vm (cli, cli_arg (cli, 0));
  g_autofree char *path = qmig_client_path ("/v1/vms/%s/actions/stop?force=%d", vm, force ? 1 : 0);
  g_autofree char *what = g_strdup_printf ("stopping VM '%s' by force", vm);
  g_autoptr(JsonObject) answer = NULL;

  if (force && !cli_confirm (cli, what, error))
    return QMIG_EXIT_USAGE;
  answer = cli_call (cli, "POST", path, NULL, error);
  return answer != NULL ? QMIG_EXIT_OK : QMIG_EXIT_ERROR;
}
