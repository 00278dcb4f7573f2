/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-inventory.h"

#include <string.h>
#include <unistd.h>

#include "qmig-cmdline.h"
#include "qmp-commands.h"
#include "qmp-error.h"

#define ASK_THREADS 32
/* For a VM that only QEMU itself can name. */
#define FIND_ASK_MS 1000
#define NEAR_MISSES 5

/* -- from /proc and the journal ------------------------------------------------- */

typedef struct
{
  const QmigEnv *env;
  GPtrArray *vms;          /* QmigVm */
  GPtrArray *added;        /* QmigVmRequest */
  GPtrArray *reservations; /* QmigReservation */
  char *own_dir;           /* where the monitors of the QEMUs of this agent are */
} Inventory;

static void
inventory_clear (Inventory *self)
{
  g_clear_pointer (&self->vms, g_ptr_array_unref);
  g_clear_pointer (&self->added, g_ptr_array_unref);
  g_clear_pointer (&self->reservations, g_ptr_array_unref);
  g_clear_pointer (&self->own_dir, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Inventory, inventory_clear)

static gboolean
has_path (const QmigCmdlineInfo *info, const char *path)
{
  return path != NULL
         && (g_strv_contains ((const char *const *) info->qmp_paths, path)
             || g_strcmp0 (info->qmig_qmp_path, path) == 0);
}

/* Not a VM yet, but the room for one that is on its way here. */
static gboolean
is_incoming (const Inventory *self, const QmigProcess *process, const QmigCmdlineInfo *info)
{
  for (guint i = 0; i < self->reservations->len; i++)
    {
      const QmigReservation *reservation = g_ptr_array_index (self->reservations, i);

      if ((reservation->pid == process->pid && reservation->start_time == process->start_time)
          || has_path (info, reservation->spec->qmp))
        return TRUE;
    }
  return FALSE;
}

static const QmigVmRequest *
find_added (const Inventory *self, const QmigProcess *process, const QmigCmdlineInfo *info)
{
  for (guint i = 0; i < self->added->len; i++)
    {
      const QmigVmRequest *added = g_ptr_array_index (self->added, i);

      if ((added->pid > 0 && added->pid == process->pid) || has_path (info, added->qmp))
        return added;
    }
  return NULL;
}

/* Why qmig may not use the VM's monitor; NULL when it may.  (transfer full) */
static char *
denial (const QmigProcess *process, const QmigCmdlineInfo *info)
{
  if (info->foreign[0] != NULL)
    return g_strdup (info->foreign[0]);
  if (geteuid () != 0 && process->uid != (gint64) geteuid ())
    return g_strdup_printf ("it belongs to uid %" G_GINT64_FORMAT ", this agent runs as uid %d", process->uid,
                            (int) geteuid ());
  return NULL;
}

static void
set_monitor (QmigVm *vm, const QmigProcess *process, const QmigCmdlineInfo *info, const QmigVmRequest *added)
{
  vm->problem = denial (process, info);
  if (vm->problem != NULL)
    return;
  if (info->qmig_qmp_path != NULL)
    vm->qmp = g_strdup (info->qmig_qmp_path);
  else if (added != NULL && added->qmp != NULL)
    vm->qmp = g_strdup (added->qmp);
  else if (info->qmp_paths[0] != NULL)
    vm->qmp = g_strdup (info->qmp_paths[0]);
  else
    vm->problem
        = g_strdup ("there is no QMP monitor on its command line: give it one with -qmp unix:PATH,server=on,wait=off, "
                    "or name its socket with 'qmig vm add'");
}

static QmigVm *
vm_from_process (const Inventory *self, const QmigProcess *process, const QmigCmdlineInfo *info)
{
  const QmigVmRequest *added = find_added (self, process, info);
  QmigVm *vm = qmig_vm_new ();

  vm->id = g_strdup_printf ("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT, process->pid, process->start_time);
  vm->name = g_strdup (added && added->name ? added->name : info->name);
  vm->uuid = g_strdup (info->uuid);
  vm->host = g_strdup (self->env->host_name);
  vm->pid = process->pid;
  vm->start_time = process->start_time;
  vm->uid = process->uid;
  vm->binary = g_strdup (process->exe);
  vm->owner = g_strdup (info->qmig_qmp_path ? "qmig" : added ? "added" : "found");
  vm->argv = g_strdupv (process->argv);
  set_monitor (vm, process, info, added);

  return vm;
}

static void
add_processes (Inventory *self)
{
  g_autoptr(GPtrArray) qemus = qmig_process_list_qemus ();

  for (guint i = 0; i < qemus->len; i++)
    {
      const QmigProcess *process = g_ptr_array_index (qemus, i);
      g_autoptr(QmigCmdlineInfo) info = qmig_cmdline_inspect ((const char *const *) process->argv, process->cwd);
      gboolean other_agents = info->qmig_qmp_path != NULL && !g_str_has_prefix (info->qmig_qmp_path, self->own_dir);

      if (!other_agents && !is_incoming (self, process, info))
        g_ptr_array_add (self->vms, vm_from_process (self, process, info));
    }
}

static gboolean
is_listed (const Inventory *self, const QmigVmRequest *added)
{
  for (guint i = 0; i < self->vms->len; i++)
    {
      const QmigVm *vm = g_ptr_array_index (self->vms, i);

      if (g_strcmp0 (vm->name, added->name) == 0)
        return TRUE;
    }
  return FALSE;
}

/* What was added by hand and no command line shows: its process is known once its monitor answers. */
static void
add_added (Inventory *self)
{
  for (guint i = 0; i < self->added->len; i++)
    {
      const QmigVmRequest *added = g_ptr_array_index (self->added, i);
      QmigVm *vm;

      if (is_listed (self, added))
        continue;
      vm = qmig_vm_new ();
      vm->id = g_strdup (added->name);
      vm->name = g_strdup (added->name);
      vm->host = g_strdup (self->env->host_name);
      vm->qmp = g_strdup (added->qmp);
      vm->owner = g_strdup ("added");
      if (added->qmp == NULL)
        vm->problem = g_strdup_printf ("process %" G_GINT64_FORMAT " is gone", added->pid);
      g_ptr_array_add (self->vms, vm);
    }
}

static gboolean
inventory_read (Inventory *self, const QmigEnv *env, GError **error)
{
  g_autoptr(QmigJournal) journal = qmig_journal_open (env->state_dir, error);

  self->env = env;
  self->added = journal ? qmig_journal_list_vms (journal, error) : NULL;
  self->reservations = self->added ? qmig_journal_list_reservations (journal, error) : NULL;
  if (self->reservations == NULL)
    return FALSE;
  self->own_dir = g_build_filename (env->runtime_dir, "vm", G_DIR_SEPARATOR_S, NULL);
  self->vms = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_vm_free);
  add_processes (self);
  add_added (self);

  return TRUE;
}

/* -- asking ---------------------------------------------------------------------- */

static void
replace (char **field, char *value)
{
  g_free (*field);
  *field = value;
}

static gboolean
check_peer (QmigVm *vm, QmpClient *client, GError **error)
{
  gint64 peer = qmp_client_get_peer_pid (client);

  if (peer <= 0 || peer == vm->pid)
    return TRUE;
  if (vm->pid > 0)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT,
                   "its monitor %s belongs to process %" G_GINT64_FORMAT ", not to %" G_GINT64_FORMAT, vm->qmp, peer,
                   vm->pid);
      return FALSE;
    }
  return TRUE;
}

static gboolean
fill_process (QmigVm *vm, QmpClient *client, GError **error)
{
  g_autoptr(QmigProcess) process = NULL;

  if (vm->pid > 0)
    return TRUE;
  process = qmig_process_read (qmp_client_get_peer_pid (client), error);
  if (process == NULL)
    return FALSE;
  replace (&vm->id, g_strdup_printf ("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT, process->pid, process->start_time));
  vm->pid = process->pid;
  vm->start_time = process->start_time;
  vm->uid = process->uid;
  replace (&vm->binary, g_strdup (process->exe));
  g_strfreev (vm->argv);
  vm->argv = g_strdupv (process->argv);

  return TRUE;
}

static gboolean
fill_identity (QmigVm *vm, QmpClient *client, QmpWait *wait, GError **error)
{
  if (vm->name == NULL || vm->name[0] == '\0')
    {
      g_autofree char *name = qmp_query_name (client, wait, error);

      if (name == NULL)
        return FALSE;
      if (name[0] != '\0')
        replace (&vm->name, g_steal_pointer (&name));
    }
  if (vm->uuid == NULL)
    vm->uuid = qmp_query_uuid (client, wait, error);

  return vm->uuid != NULL;
}

static gboolean
fill_hardware (QmigVm *vm, QmpClient *client, QmpWait *wait, GError **error)
{
  gboolean kvm;
  int vcpus;

  replace (&vm->qemu_version, g_strdup (qmp_client_get_version_text (client)));
  replace (&vm->machine, qmp_query_machine_type (client, wait, error));
  if (vm->machine == NULL || !qmp_query_memory_bytes (client, &vm->memory_bytes, wait, error)
      || !qmp_query_vcpus (client, &vcpus, wait, error) || !qmp_query_kvm (client, &kvm, wait, error))
    return FALSE;
  vm->vcpus = vcpus;
  replace (&vm->accelerator, g_strdup (kvm ? "kvm" : "tcg"));

  return TRUE;
}

gboolean
qmig_inventory_ask (QmigVm *vm, QmpWait *wait, GError **error)
{
  g_autoptr(QmpClient) client = NULL;
  g_autofree char *run_state = NULL;
  QmpRunState state;
  gboolean ok;

  if (vm->qmp == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED, "%s", vm->problem ? vm->problem : "it has no QMP monitor");
      return FALSE;
    }
  client = qmp_client_open (vm->qmp, wait, error);
  if (client == NULL)
    return FALSE;
  ok = check_peer (vm, client, error) && fill_process (vm, client, error)
       && qmp_query_status (client, &state, &run_state, wait, error) && fill_identity (vm, client, wait, error)
       && fill_hardware (vm, client, wait, error);
  if (run_state != NULL)
    replace (&vm->run_state, g_steal_pointer (&run_state));
  qmp_client_close (client);

  return ok;
}

/* In a main context of its own; the problem becomes part of the VM. */
static void
ask_within (QmigVm *vm, gint64 timeout_ms)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(GError) problem = NULL;

  g_main_context_push_thread_default (context);
  {
    g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "its monitor", timeout_ms);

    if (!qmig_inventory_ask (vm, wait, &problem))
      replace (&vm->problem, g_error_matches (problem, QMP_ERROR, QMP_ERROR_BUSY)
                                 ? g_strdup_printf ("another client holds the monitor %s", vm->qmp)
                                 : g_strdup (problem->message));
    /* Closing is a matter of a few turns. */
    while (g_main_context_iteration (context, FALSE))
      continue;
  }
  g_main_context_pop_thread_default (context);
}

static void
ask_worker (gpointer data, gpointer user_data)
{
  const gint64 *deadline_us = user_data;
  gint64 left_ms = (*deadline_us - g_get_monotonic_time ()) / 1000;
  QmigVm *vm = data;

  if (left_ms > 0)
    ask_within (vm, left_ms);
  else
    replace (&vm->problem, g_strdup ("not asked: the others took all the time there was"));
}

static void
ask_all (GPtrArray *vms, gint64 timeout_ms)
{
  gint64 deadline_us = g_get_monotonic_time () + timeout_ms * 1000;
  GThreadPool *pool = g_thread_pool_new (ask_worker, &deadline_us, ASK_THREADS, FALSE, NULL);

  for (guint i = 0; i < vms->len; i++)
    {
      QmigVm *vm = g_ptr_array_index (vms, i);

      if (vm->qmp != NULL && vm->migration == NULL && vm->problem == NULL)
        g_thread_pool_push (pool, vm, NULL);
    }
  g_thread_pool_free (pool, FALSE, TRUE);
}

/* -- what is offered --------------------------------------------------------------- */

/* A VM without a name of its own is called by its process, so that it can be spoken of. */
static void
name_the_nameless (GPtrArray *vms)
{
  for (guint i = 0; i < vms->len; i++)
    {
      QmigVm *vm = g_ptr_array_index (vms, i);

      if (vm->name == NULL || vm->name[0] == '\0')
        replace (&vm->name, g_strdup_printf ("qemu-%" G_GINT64_FORMAT, vm->pid));
    }
}

static gint
compare_vms (gconstpointer a, gconstpointer b)
{
  const QmigVm *left = *(const QmigVm *const *) a;
  const QmigVm *right = *(const QmigVm *const *) b;
  int order = g_strcmp0 (left->name, right->name);

  return order != 0 ? order : (left->pid > right->pid) - (left->pid < right->pid);
}

GPtrArray *
qmig_inventory_list (const QmigEnv *env,
                     gboolean ask,
                     gint64 timeout_ms,
                     QmigInventoryBusy busy,
                     gpointer user_data,
                     GError **error)
{
  g_auto(Inventory) inventory = { NULL };

  if (!inventory_read (&inventory, env, error))
    return NULL;
  for (guint i = 0; i < inventory.vms->len && busy != NULL; i++)
    {
      QmigVm *vm = g_ptr_array_index (inventory.vms, i);

      if (vm->pid > 0)
        vm->migration = busy (vm->pid, &vm->run_state, user_data);
    }
  if (ask)
    ask_all (inventory.vms, timeout_ms);
  name_the_nameless (inventory.vms);
  for (guint i = 0; i < inventory.vms->len; i++)
    g_clear_pointer (&((QmigVm *) g_ptr_array_index (inventory.vms, i))->argv, g_strfreev);
  g_ptr_array_sort (inventory.vms, compare_vms);

  return g_steal_pointer (&inventory.vms);
}

static gboolean
matches (const QmigVm *vm, const char *what)
{
  g_autofree char *pid = g_strdup_printf ("%" G_GINT64_FORMAT, vm->pid);

  return g_strcmp0 (vm->name, what) == 0 || g_strcmp0 (vm->id, what) == 0 || (vm->pid > 0 && g_str_equal (pid, what))
         || (vm->uuid != NULL && g_ascii_strcasecmp (vm->uuid, what) == 0);
}

static GPtrArray *
select_matching (GPtrArray *vms, const char *what)
{
  GPtrArray *found = g_ptr_array_new ();

  for (guint i = 0; i < vms->len; i++)
    if (matches (g_ptr_array_index (vms, i), what))
      g_ptr_array_add (found, g_ptr_array_index (vms, i));
  return found;
}

/* Only QEMU knows what these are called. */
static void
ask_the_silent (GPtrArray *vms, const char *what)
{
  gboolean wants_uuid = g_uuid_string_is_valid (what);
  g_autoptr(GPtrArray) silent = g_ptr_array_new ();

  for (guint i = 0; i < vms->len; i++)
    {
      QmigVm *vm = g_ptr_array_index (vms, i);

      if ((wants_uuid && vm->uuid == NULL) || vm->name == NULL || vm->pid <= 0)
        g_ptr_array_add (silent, vm);
    }
  ask_all (silent, FIND_ASK_MS);
}

static void
set_not_found (GPtrArray *vms, const char *what, GError **error)
{
  g_autoptr(GString) near = g_string_new (NULL);
  guint n = 0;

  for (guint i = 0; i < vms->len && n < NEAR_MISSES; i++)
    {
      const QmigVm *vm = g_ptr_array_index (vms, i);

      /* With few VMs all are near. */
      if (vms->len > NEAR_MISSES && strstr (vm->name, what) == NULL && strstr (what, vm->name) == NULL)
        continue;
      g_string_append_printf (near, "%s'%s'", n++ > 0 ? ", " : "; there is ", vm->name);
    }
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "there is no VM '%s' on this host%s", what, near->str);
}

static void
set_ambiguous (GPtrArray *found, const char *what, GError **error)
{
  g_autoptr(GString) all = g_string_new (NULL);

  for (guint i = 0; i < found->len; i++)
    {
      const QmigVm *vm = g_ptr_array_index (found, i);

      g_string_append_printf (all, "%s%s (%s)", i > 0 ? ", " : "", vm->id, vm->name ? vm->name : "no name");
    }
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "'%s' is several VMs: %s; name one by its id", what, all->str);
}

QmigVm *
qmig_inventory_find (const QmigEnv *env, const char *what, GError **error)
{
  g_auto(Inventory) inventory = { NULL };
  g_autoptr(GPtrArray) found = NULL;

  if (!inventory_read (&inventory, env, error))
    return NULL;
  found = select_matching (inventory.vms, what);
  /* One that was added is worth nothing without its process. */
  if (found->len == 0 || (found->len == 1 && ((QmigVm *) g_ptr_array_index (found, 0))->pid <= 0))
    {
      ask_the_silent (inventory.vms, what);
      name_the_nameless (inventory.vms);
      g_ptr_array_unref (found);
      found = select_matching (inventory.vms, what);
    }
  if (found->len == 0)
    set_not_found (inventory.vms, what, error);
  else if (found->len > 1)
    set_ambiguous (found, what, error);
  if (found->len != 1)
    return NULL;
  name_the_nameless (found);

  return qmig_vm_copy (g_ptr_array_index (found, 0));
}
