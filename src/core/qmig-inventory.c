/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-inventory.h"

#include "qmig-cmdline.h"
#include "qmp-commands.h"
#include "qmp-error.h"

#define PARALLEL 32

/* -- from /proc and the journal ------------------------------------------------ */

static gboolean
is_below (const char *path, const char *dir)
{
  gsize length = strlen (dir);

  return strncmp (path, dir, length) == 0 && path[length] == G_DIR_SEPARATOR;
}

/* Our own monitor is launched in a run directory of ours; another agent's belongs to another host. */
static gboolean
belongs_to_another_agent (const QmigEnv *env, const QmigCmdlineInfo *info)
{
  return info->qmig_qmp_path != NULL && !is_below (info->qmig_qmp_path, env->runtime_dir);
}

static char *
find_problem (const QmigCmdlineInfo *info, const char *qmp)
{
  if (info->foreign != NULL && info->foreign[0] != NULL)
    return g_strdup (info->foreign[0]);
  if (qmp == NULL)
    return g_strdup ("no QMP monitor on a unix socket: start it with -qmp unix:PATH,server=on,wait=off");
  return NULL;
}

static QmigVm *
vm_from_process (const QmigEnv *env, const QmigProcess *process, const QmigCmdlineInfo *info)
{
  QmigVm *vm = qmig_vm_new ();
  const char *qmp = info->qmig_qmp_path != NULL ? info->qmig_qmp_path : info->qmp_paths != NULL ? info->qmp_paths[0] : NULL;

  vm->id = g_strdup_printf ("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT, process->pid, process->start_time);
  vm->name = info->name != NULL ? g_strdup (info->name) : g_strdup_printf ("qemu-%" G_GINT64_FORMAT, process->pid);
  vm->uuid = g_strdup (info->uuid);
  vm->host = g_strdup (env->host_name);
  vm->pid = process->pid;
  vm->start_time = process->start_time;
  vm->uid = process->uid;
  vm->binary = g_strdup (process->exe);
  vm->qmp = g_strdup (qmp);
  vm->owner = g_strdup (info->qmig_qmp_path != NULL ? "qmig" : "found");
  vm->problem = find_problem (info, qmp);
  vm->argv = g_strdupv (process->argv);
  return vm;
}

static GPtrArray *
list_processes (const QmigEnv *env)
{
  g_autoptr(GPtrArray) processes = qmig_process_list_qemus ();
  GPtrArray *vms = g_ptr_array_new_with_free_func (qmig_vm_type.destroy);

  for (guint i = 0; i < processes->len; i++)
    {
      const QmigProcess *process = g_ptr_array_index (processes, i);
      g_autoptr(QmigCmdlineInfo) info = qmig_cmdline_inspect ((const char *const *) process->argv, process->cwd);

      /* QEMUs that only tell about themselves (-version, -machine none probes) have no monitor and no name. */
      if (!belongs_to_another_agent (env, info))
        g_ptr_array_add (vms, vm_from_process (env, process, info));
    }
  return vms;
}

static QmigVm *
find_pid (GPtrArray *vms, gint64 pid)
{
  for (guint i = 0; i < vms->len; i++)
    {
      QmigVm *vm = g_ptr_array_index (vms, i);

      if (vm->pid == pid)
        return vm;
    }
  return NULL;
}

static QmigVm *
find_qmp (GPtrArray *vms, const char *qmp)
{
  for (guint i = 0; i < vms->len; i++)
    {
      QmigVm *vm = g_ptr_array_index (vms, i);

      if (qmp != NULL && g_strcmp0 (vm->qmp, qmp) == 0)
        return vm;
    }
  return NULL;
}

static gint64
listener_pid (const char *qmp)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  gint64 pid = 0;

  g_main_context_push_thread_default (context);
  {
    g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the monitor", 1000);
    g_autoptr(QmpClient) client = qmp_client_open (qmp, wait, NULL);

    if (client != NULL)
      {
        pid = qmp_client_get_peer_pid (client);
        qmp_client_close (client);
      }
  }
  g_main_context_pop_thread_default (context);
  return pid;
}

/* What the user added by name: a monitor that no command line shows, or a better name for a process that was found. */
static void
apply_added (const QmigEnv *env, GPtrArray *vms, const QmigVmRequest *added)
{
  QmigVm *vm = added->pid > 0 ? find_pid (vms, added->pid) : find_qmp (vms, added->qmp);
  gint64 pid = added->pid;

  if (vm == NULL && added->qmp != NULL)
    {
      pid = listener_pid (added->qmp);
      vm = pid > 0 ? find_pid (vms, pid) : NULL;
    }
  if (vm == NULL)
    {
      vm = qmig_vm_new ();
      vm->id = g_strdup_printf ("added-%s", added->name);
      vm->host = g_strdup (env->host_name);
      vm->qmp = g_strdup (added->qmp);
      vm->problem = g_strdup (pid > 0 ? "its process is not a QEMU of this host" : "nobody listens on its monitor");
      g_ptr_array_add (vms, vm);
    }
  else if (added->qmp != NULL)
    {
      g_free (vm->qmp);
      vm->qmp = g_strdup (added->qmp);
      g_clear_pointer (&vm->problem, g_free);
    }
  g_free (vm->name);
  vm->name = g_strdup (added->name);
  g_free (vm->owner);
  vm->owner = g_strdup ("added");
}

static GPtrArray *
list_known (const QmigEnv *env, GError **error)
{
  g_autoptr(QmigJournal) journal = qmig_journal_open (env->state_dir, error);
  g_autoptr(GPtrArray) added = journal != NULL ? qmig_journal_list_vms (journal, error) : NULL;
  GPtrArray *vms;

  if (added == NULL)
    return NULL;
  vms = list_processes (env);
  for (guint i = 0; i < added->len; i++)
    apply_added (env, vms, g_ptr_array_index (added, i));
  return vms;
}

/* -- from QEMU --------------------------------------------------------------------- */

static gboolean
read_vm (QmigVm *vm, QmpClient *client, QmpWait *wait, GError **error)
{
  g_autofree char *state = NULL;
  g_autofree char *uuid = NULL;
  g_autofree char *machine = NULL;
  QmpRunState run_state;
  gboolean kvm;
  int vcpus;

  if (!qmp_query_status (client, &run_state, &state, wait, error) ||
      (uuid = qmp_query_uuid (client, wait, error)) == NULL ||
      (machine = qmp_query_machine_type (client, wait, error)) == NULL ||
      !qmp_query_kvm (client, &kvm, wait, error) ||
      !qmp_query_memory_bytes (client, &vm->memory_bytes, wait, error) ||
      !qmp_query_vcpus (client, &vcpus, wait, error))
    return FALSE;

  vm->vcpus = vcpus;
  g_free (vm->accelerator);
  vm->accelerator = g_strdup (kvm ? "kvm" : "tcg");
  g_free (vm->run_state);
  vm->run_state = g_steal_pointer (&state);
  g_free (vm->uuid);
  vm->uuid = g_steal_pointer (&uuid);
  g_free (vm->machine);
  vm->machine = g_steal_pointer (&machine);
  return TRUE;
}

gboolean
qmig_inventory_ask (QmigVm *vm, QmpWait *wait, GError **error)
{
  g_autoptr(QmpClient) client = qmp_client_open (vm->qmp, wait, error);
  gboolean ok;

  if (client == NULL)
    return FALSE;
  g_free (vm->qemu_version);
  vm->qemu_version = g_strdup (qmp_client_get_version_text (client));
  ok = read_vm (vm, client, wait, error);
  qmp_client_close (client);
  return ok;
}

static void
ask_in_thread (gpointer data, gpointer user_data)
{
  QmigVm *vm = data;
  gint64 timeout_ms = *(gint64 *) user_data;
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(GError) error = NULL;

  g_main_context_push_thread_default (context);
  {
    g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the monitor", timeout_ms);

    if (!qmig_inventory_ask (vm, wait, &error))
      vm->problem = g_strdup (error->message);
  }
  g_main_context_pop_thread_default (context);
}

static void
ask_all (GPtrArray *vms, gint64 timeout_ms, QmigInventoryBusy busy, gpointer user_data)
{
  GThreadPool *pool = g_thread_pool_new (ask_in_thread, &timeout_ms, PARALLEL, FALSE, NULL);

  for (guint i = 0; i < vms->len; i++)
    {
      QmigVm *vm = g_ptr_array_index (vms, i);

      vm->migration = busy != NULL && vm->pid > 0 ? busy (vm->pid, &vm->run_state, user_data) : NULL;
      if (vm->migration == NULL && vm->problem == NULL)
        g_thread_pool_push (pool, vm, NULL);
    }
  g_thread_pool_free (pool, FALSE, TRUE);
}

GPtrArray *
qmig_inventory_list (const QmigEnv *env, gboolean ask, gint64 timeout_ms, QmigInventoryBusy busy, gpointer user_data, GError **error)
{
  GPtrArray *vms = list_known (env, error);

  if (vms != NULL && ask)
    ask_all (vms, timeout_ms, busy, user_data);
  return vms;
}

/* -- by name ------------------------------------------------------------------------- */

static gboolean
matches (const QmigVm *vm, const char *what)
{
  g_autofree char *pid = g_strdup_printf ("%" G_GINT64_FORMAT, vm->pid);

  return g_strcmp0 (vm->name, what) == 0 || g_strcmp0 (vm->id, what) == 0 || g_str_equal (pid, what) ||
         (vm->uuid != NULL && g_ascii_strcasecmp (vm->uuid, what) == 0);
}

static void
set_not_found (GPtrArray *vms, const char *what, GError **error)
{
  g_autoptr(GString) names = g_string_new (NULL);

  for (guint i = 0; i < vms->len && i < 8; i++)
    g_string_append_printf (names, "%s%s", i > 0 ? ", " : "", ((QmigVm *) g_ptr_array_index (vms, i))->name);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "there is no VM '%s' on this host; %s%s", what,
               names->len > 0 ? "there are: " : "there is none at all", names->str);
}

static void
set_ambiguous (GPtrArray *found, const char *what, GError **error)
{
  g_autoptr(GString) ids = g_string_new (NULL);

  for (guint i = 0; i < found->len; i++)
    g_string_append_printf (ids, "%s%s", i > 0 ? ", " : "", ((QmigVm *) g_ptr_array_index (found, i))->id);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "%u VMs are called '%s'; say which by its id: %s", found->len, what, ids->str);
}

QmigVm *
qmig_inventory_find (const QmigEnv *env, const char *what, GError **error)
{
  g_autoptr(GPtrArray) vms = list_known (env, error);
  g_autoptr(GPtrArray) found = g_ptr_array_new ();

  if (vms == NULL)
    return NULL;
  for (guint i = 0; i < vms->len; i++)
    if (matches (g_ptr_array_index (vms, i), what))
      g_ptr_array_add (found, g_ptr_array_index (vms, i));

  if (found->len == 1)
    return qmig_vm_copy (g_ptr_array_index (found, 0));
  if (found->len == 0)
    set_not_found (vms, what, error);
  else
    set_ambiguous (found, what, error);
  return NULL;
}
