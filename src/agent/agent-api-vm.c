/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Requests about the VMs of this host. */

#include "agent-private.h"

#include <string.h>

#include "qmig-cmdline.h"
#include "qmig-inventory.h"
#include "qmig-launcher.h"
#include "qmp-commands.h"
#include "qmp-error.h"

#define ASK_MS 3000
#define START_MS 60000
#define STOP_MS 30000
#define QMP_MS 60000
#define SOCKET_PATH_MAX 107

static QmigVm *
find_vm (AgentRequest *request, GError **error)
{
  QmigVm *vm = qmig_inventory_find (&request->agent->env, request->params[0], error);

  if (vm != NULL && vm->pid > 0)
    {
      g_free (vm->run_state);
      vm->run_state = NULL;
      g_free (vm->migration);
      vm->migration = agent_migrations_busy (vm->pid, &vm->run_state, request->agent);
    }
  return vm;
}

/* The monitor of a VM that moves belongs to its migration. */
static gboolean
check_free (AgentRequest *request, const QmigVm *vm, const char *what, GError **error)
{
  if (vm->migration != NULL)
    {
      request->problem_migration = g_strdup (vm->migration);
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot %s '%s': migration %s is moving it", what, vm->name,
                   vm->migration);
      return FALSE;
    }

  if (vm->qmp == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED, "cannot %s '%s': %s", what, vm->name,
                   vm->problem != NULL ? vm->problem : "it has no QMP monitor on a unix socket");
      return FALSE;
    }
  return TRUE;
}

static void
ask_vm (QmigVm *vm)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the monitor", ASK_MS);
  g_autoptr(GError) error = NULL;

  if (vm->migration != NULL || vm->qmp == NULL || vm->problem != NULL)
    return;
  if (!qmig_inventory_ask (vm, wait, &error))
    vm->problem = g_strdup (error->message);
}

JsonObject *
agent_list_vms (AgentRequest *request, GError **error)
{
  g_autoptr(GPtrArray) vms
      = qmig_inventory_list (&request->agent->env, agent_request_query_flag (request, "ask", TRUE), ASK_MS,
                             agent_migrations_busy, request->agent, error);

  if (vms == NULL)
    return NULL;

  for (guint i = 0; i < vms->len; i++)
    {
      QmigVm *vm = g_ptr_array_index (vms, i);

      g_clear_pointer (&vm->argv, g_strfreev);
    }
  return api_list_to_object (&qmig_vm_type, vms);
}

JsonObject *
agent_get_vm (AgentRequest *request, GError **error)
{
  g_autoptr(QmigVm) vm = find_vm (request, error);

  if (vm == NULL)
    return NULL;

  if (agent_request_query_flag (request, "ask", TRUE))
    ask_vm (vm);
  return qmig_vm_to_object (vm);
}

/* -- adding and forgetting --------------------------------------------------------- */

static JsonObject *
describe (Agent *agent, const char *name, GError **error)
{
  g_autoptr(QmigVm) vm = qmig_inventory_find (&agent->env, name, error);

  if (vm == NULL)
    return NULL;

  ask_vm (vm);
  return qmig_vm_to_object (vm);
}

/* What cannot be asked is of no use under any name. */
static gboolean
check_answers (const QmigVmRequest *body, GError **error)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the monitor", ASK_MS);
  g_autoptr(QmpClient) client = NULL;

  if (body->qmp == NULL)
    {
      g_autoptr(QmigProcess) process = qmig_process_read (body->pid, error);

      return process != NULL;
    }

  client = qmp_client_open (body->qmp, wait, error);
  if (client == NULL)
    {
      g_prefix_error (error, "cannot add '%s': ", body->name);
      return FALSE;
    }
  qmp_client_close (client);
  return TRUE;
}

static JsonObject *
add_vm (AgentRequest *request, QmigVmRequest *body, GError **error)
{
  gboolean by_pid = body->pid != QMIG_UNSET && body->pid > 0;
  g_autoptr(QmigJournal) journal = NULL;

  if (by_pid == (body->qmp != NULL) || (body->qmp != NULL && !g_path_is_absolute (body->qmp)))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                   "cannot add '%s': give either the absolute path of its QMP socket, or a pid", body->name);
      return NULL;
    }

  if (!check_answers (body, error))
    return NULL;
  journal = agent_open_journal (request->agent, error);
  if (journal == NULL || !qmig_journal_add_vm (journal, body->name, body->qmp, by_pid ? body->pid : 0, error))
    return NULL;

  request->status = SOUP_STATUS_CREATED;
  return describe (request->agent, body->name, error);
}

JsonObject *
agent_remove_vm (AgentRequest *request, GError **error)
{
  g_autoptr(QmigJournal) journal = agent_open_journal (request->agent, error);

  if (journal == NULL || !qmig_journal_remove_vm (journal, request->params[0], error))
    return NULL;
  return json_object_new ();
}

/* -- starting ------------------------------------------------------------------------- */

static gboolean
check_name (const char *name, GError **error)
{
  gboolean good = name != NULL && g_ascii_isalnum (name[0]) && strlen (name) <= 64;

  for (const char *p = name; good && *p != '\0'; p++)
    good = g_ascii_isalnum (*p) || strchr ("-_.", *p) != NULL;
  if (!good)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                 "cannot name a VM '%s': expected up to 64 letters, digits, '-', '_' and '.'",
                 name != NULL ? name : "");
  return good;
}

/* The command line's own name, and the request's: one of them may be missing. */
static gboolean
settle_name (QmigVmRequest *body, GError **error)
{
  g_autoptr(QmigCmdlineInfo) info
      = qmig_cmdline_inspect ((const char *const *) body->argv, body->cwd != NULL ? body->cwd : "/");
  g_autoptr(GStrvBuilder) argv = NULL;

  if (body->name == NULL)
    body->name = g_strdup (info->name);
  if (!check_name (body->name, error))
    return FALSE;

  if (info->name != NULL && !g_str_equal (info->name, body->name))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "cannot start '%s': its command line names it '%s'", body->name,
                   info->name);
      return FALSE;
    }
  if (info->name != NULL)
    return TRUE;

  argv = g_strv_builder_new ();
  g_strv_builder_add (argv, body->argv[0]);
  g_strv_builder_add_many (argv, "-name", body->name, NULL);
  g_strv_builder_addv (argv, (const char **) body->argv + 1);
  g_strfreev (body->argv);
  body->argv = g_strv_builder_end (argv);
  return TRUE;
}

/* Nobody of that name runs, and what an earlier one has left is gone. */
static gboolean
clear_run_dir (Agent *agent, const char *name, const char *run_dir, GError **error)
{
  g_autoptr(GError) unknown = NULL;
  g_autoptr(QmigVm) there = qmig_inventory_find (&agent->env, name, &unknown);

  if (there != NULL || !g_error_matches (unknown, QMIG_ERROR, QMIG_EXIT_NOT_FOUND))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot start '%s': a VM of that name is here already", name);
      return FALSE;
    }

  return !g_file_test (run_dir, G_FILE_TEST_EXISTS)
         || qmig_launcher_remove_run_dir (agent->env.runtime_dir, run_dir, error);
}

/* Its monitor is there some time after its start, or never. */
static gboolean
await_greeting (const char *monitor, const char *run_dir, gint64 pid, gint64 start_time, GError **error)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the greeting of the VM", START_MS);
  g_autoptr(QmigProcessWatch) watch = qmig_process_watch_new (pid, start_time, NULL, NULL);

  for (;;)
    {
      g_autoptr(GError) cause = NULL;
      g_autoptr(QmpClient) client = qmp_client_open (monitor, wait, &cause);

      if (client != NULL)
        {
          qmp_client_close (client);
          return TRUE;
        }

      if (qmig_process_watch_is_gone (watch))
        {
          g_autofree char *tail = qmig_launcher_log_tail (run_dir);

          g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "QEMU ended at its start: %s",
                       tail[0] != '\0' ? tail : "it left no message");
          return FALSE;
        }
      if (qmp_wait_left_ms (wait) == 0 || !qmp_wait_pause (wait, 5, error))
        {
          g_autoptr(QmpWait) moment = qmp_wait_new (NULL, "the end of the VM", STOP_MS);

          qmig_process_watch_kill (watch, moment, NULL);
          g_clear_error (error);
          g_propagate_error (error, g_steal_pointer (&cause));
          return FALSE;
        }
    }
}

static JsonObject *
start_vm (AgentRequest *request, QmigVmRequest *body, GError **error)
{
  Agent *agent = request->agent;
  g_autofree char *run_dir = NULL;
  g_autofree char *monitor = NULL;
  g_auto(GStrv) argv = NULL;
  gint64 pid;
  gint64 start_time;

  if (!settle_name (body, error))
    return NULL;

  run_dir = g_build_filename (agent->env.runtime_dir, "vm", body->name, NULL);
  monitor = g_build_filename (run_dir, "qmig.qmp", NULL);
  if (strlen (monitor) > SOCKET_PATH_MAX)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                   "cannot start '%s': the path of its monitor '%s' is too long for a socket (%d bytes); "
                   "choose a shorter name or runtime directory",
                   body->name, monitor, SOCKET_PATH_MAX);
      return NULL;
    }

  if (!clear_run_dir (agent, body->name, run_dir, error))
    return NULL;

  argv = qmig_cmdline_with_monitor ((const char *const *) body->argv, monitor);
  if (!qmig_launcher_start ((const char *const *) argv, run_dir, body->cwd, &pid, &start_time, error)
      || !await_greeting (monitor, run_dir, pid, start_time, error))
    {
      g_prefix_error (error, "cannot start '%s': ", body->name);
      qmig_launcher_remove_run_dir (agent->env.runtime_dir, run_dir, NULL);
      return NULL;
    }

  request->status = SOUP_STATUS_CREATED;
  return describe (agent, body->name, error);
}

JsonObject *
agent_post_vm (AgentRequest *request, GError **error)
{
  g_autoptr(QmigVmRequest) body = agent_request_read (request, &qmig_vm_request_type, TRUE, error);

  if (body == NULL)
    return NULL;
  if (body->argv != NULL && body->argv[0] != NULL)
    return start_vm (request, body, error);
  return check_name (body->name, error) ? add_vm (request, body, error) : NULL;
}

/* -- stopping --------------------------------------------------------------------------- */

static gboolean
quit_vm (const QmigVm *vm, QmpWait *wait, GError **error)
{
  g_autoptr(QmpClient) client = qmp_client_open (vm->qmp, wait, error);

  return client != NULL && qmp_quit (client, wait, error);
}

/* Where a VM that was launched here has its files; NULL for all others. */
static char *
find_run_dir (Agent *agent, const QmigVm *vm)
{
  g_autofree char *vms = g_strconcat (agent->env.runtime_dir, "/vm/", NULL);

  return vm->qmp != NULL && g_str_has_prefix (vm->qmp, vms) ? g_path_get_dirname (vm->qmp) : NULL;
}

JsonObject *
agent_stop_vm (AgentRequest *request, GError **error)
{
  gboolean force = agent_request_query_flag (request, "force", FALSE);
  g_autoptr(QmigVm) vm = find_vm (request, error);
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the end of the VM", STOP_MS);
  g_autoptr(QmigProcessWatch) watch = NULL;
  g_autofree char *run_dir = NULL;

  if (vm == NULL || !check_free (request, vm, "stop", error))
    return NULL;

  if (vm->pid <= 0)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED, "cannot stop '%s': its process is not known", vm->name);
      return NULL;
    }

  run_dir = find_run_dir (request->agent, vm);
  watch = qmig_process_watch_new (vm->pid, vm->start_time, NULL, NULL);
  if (force ? !qmig_process_watch_kill (watch, wait, error)
            : !quit_vm (vm, wait, error) || !qmig_process_watch_wait_gone (watch, wait, error))
    {
      g_prefix_error (error, "cannot stop '%s': ", vm->name);
      return NULL;
    }

  if (run_dir != NULL && !qmig_launcher_remove_run_dir (request->agent->env.runtime_dir, run_dir, error))
    return NULL;
  g_message ("VM '%s' (pid %" G_GINT64_FORMAT ") was %s", vm->name, vm->pid, force ? "killed" : "stopped");
  return json_object_new ();
}

/* -- QMP ------------------------------------------------------------------------------------ */

static JsonObject *
copy_object (JsonNode *node)
{
  g_autofree char *text = node != NULL ? json_to_string (node, FALSE) : NULL;
  g_autoptr(JsonNode) copy = text != NULL ? json_from_string (text, NULL) : NULL;

  return copy != NULL && JSON_NODE_HOLDS_OBJECT (copy) ? json_node_dup_object (copy) : NULL;
}

JsonObject *
agent_vm_qmp (AgentRequest *request, GError **error)
{
  g_autoptr(QmigQmpRequest) body = agent_request_read (request, &qmig_qmp_request_type, TRUE, error);
  g_autoptr(QmigVm) vm = body != NULL ? find_vm (request, error) : NULL;
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the answer of the VM", QMP_MS);
  g_autoptr(QmpClient) client = NULL;
  g_autoptr(JsonNode) answer = NULL;
  JsonObject *object;

  if (vm == NULL || !check_free (request, vm, "send a command to", error))
    return NULL;

  if (body->command == NULL || (body->arguments != NULL && !JSON_NODE_HOLDS_OBJECT (body->arguments)))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                   "cannot send a command to '%s': expected a command, and its arguments as an object", vm->name);
      return NULL;
    }

  client = qmp_client_open (vm->qmp, wait, error);
  if (client == NULL)
    return NULL;

  answer = qmp_client_execute (client, body->command, copy_object (body->arguments), wait, error);
  qmp_client_close (client);
  if (answer == NULL)
    return NULL;

  object = json_object_new ();
  json_object_set_member (object, "return", g_steal_pointer (&answer));
  return object;
}
