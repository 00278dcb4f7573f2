/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd-vm.h"

#include <string.h>

/* A host that is up answers in milliseconds; a list that hangs helps nobody. */
#define HOST_TIMEOUT_MS 5000

typedef struct
{
  const char *name;
  QmigClient *client; /* NULL where it could not even be made */
  gboolean pending;
  GPtrArray *vms;     /* QmigVm */
} Ask;

static void
ask_free (gpointer data)
{
  Ask *ask = data;

  g_clear_object (&ask->client);
  g_ptr_array_unref (ask->vms);
  g_free (ask);
}

static void
add_problem_row (Ask *ask, const char *problem)
{
  QmigVm *row = qmig_vm_new ();

  row->host = g_strdup (ask->name);
  row->problem = g_strdup (problem);
  g_ptr_array_add (ask->vms, row);
}

static void
take_vms (Ask *ask, GPtrArray *vms)
{
  for (guint i = 0; i < vms->len; i++)
    {
      QmigVm *vm = qmig_vm_copy (g_ptr_array_index (vms, i));

      /* The name by which we know the host selects it again in "host/name". */
      g_free (vm->host);
      vm->host = g_strdup (ask->name);
      g_ptr_array_add (ask->vms, vm);
    }
}

static void
answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Ask *ask = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) answer = qmig_client_call_finish (QMIG_CLIENT (source), result, NULL, &error);
  g_autoptr(GPtrArray) vms = answer != NULL ? api_list_from_object (&qmig_vm_type, answer, &error) : NULL;

  ask->pending = FALSE;
  if (vms == NULL)
    add_problem_row (ask, error->message);
  else
    take_vms (ask, vms);
}

static Ask *
ask_host (Cli *cli, const char *name, const char *uri, const char *problem, const char *path)
{
  Ask *ask = g_new0 (Ask, 1);
  g_autoptr(GError) error = NULL;

  ask->name = name;
  ask->vms = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_vm_free);
  if (problem != NULL)
    {
      add_problem_row (ask, problem);
      return ask;
    }
  ask->client = qmig_client_new (uri, &error);
  if (ask->client == NULL)
    {
      add_problem_row (ask, error->message);
      return ask;
    }
  ask->pending = TRUE;
  qmig_client_call_async (ask->client, "GET", path, NULL, cli_timeout_ms (cli, HOST_TIMEOUT_MS), NULL, answered, ask);
  return ask;
}

/* With "host/name" a shell loop can use what -o name prints. */
static void
put_host_in_name (QmigVm *vm)
{
  char *full = vm->name != NULL ? g_strdup_printf ("%s/%s", vm->host, vm->name) : NULL;

  g_free (vm->name);
  vm->name = full;
}

static GPtrArray *
collect (Cli *cli, GPtrArray *asks)
{
  GPtrArray *vms = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_vm_free);

  for (guint i = 0; i < asks->len; i++)
    {
      Ask *ask = g_ptr_array_index (asks, i);

      while (ask->pending)
        g_main_context_iteration (NULL, TRUE);
      for (guint j = 0; j < ask->vms->len; j++)
        {
          QmigVm *vm = qmig_vm_copy (g_ptr_array_index (ask->vms, j));

          if (cli->out.format == CLI_FORMAT_NAME)
            put_host_in_name (vm);
          /* A host without an answer has no name to print. */
          if (cli->out.format == CLI_FORMAT_NAME && vm->name == NULL)
            qmig_vm_free (vm);
          else
            g_ptr_array_add (vms, vm);
        }
    }
  return vms;
}

GPtrArray *
cmd_vm_list_all (Cli *cli, const char *path, GError **error)
{
  g_autoptr(GPtrArray) hosts = cli_get_list (cli, "/v1/hosts", &qmig_host_entry_type, error);
  g_autoptr(GPtrArray) asks = g_ptr_array_new_with_free_func (ask_free);
  const char *own_uri;
  gboolean own_listed = FALSE;

  if (hosts == NULL)
    return NULL;
  own_uri = qmig_client_get_uri (cli->client);
  for (guint i = 0; i < hosts->len; i++)
    {
      const QmigHostEntry *host = g_ptr_array_index (hosts, i);
      const char *problem = host->reachable ? NULL : host->problem != NULL ? host->problem : "it does not answer";

      /* For the agent that answered, "local" is itself: not necessarily this user's. */
      gboolean own = g_strcmp0 (host->uri, "local") == 0 || g_strcmp0 (host->uri, own_uri) == 0;

      own_listed |= own;
      g_ptr_array_add (asks, ask_host (cli, host->name, own ? own_uri : host->uri, problem, path));
    }
  if (!own_listed)
    g_ptr_array_insert (asks, 0, ask_host (cli, cli->host, own_uri, NULL, path));
  return collect (cli, asks);
}
