/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-host-facts.h"

#include <string.h>
#include <sys/stat.h>

#include "qmig-binary.h"
#include "qmig-cmdline.h"
#include "qmig-files.h"
#include "qmig-needs.h"
#include "qmig-process.h"
#include "qmig-surroundings.h"
#include "qmig-vmstate.h"

#define NEAR_MISSES 8

char *
qmig_host_run_dir (const QmigEnv *env, const char *migration)
{
  return g_build_filename (env->runtime_dir, "vm", migration, NULL);
}

/* -- the binary and its machines ---------------------------------------------- */

static char *
find_binary (const char *name)
{
  g_autofree char *found = g_find_program_in_path (name);

  return found ? g_canonicalize_filename (found, NULL) : NULL;
}

static gboolean
same_machine (const QmigFacts *facts, const QmigFactsRequest *request)
{
  return request->boot_id != NULL && g_strcmp0 (request->boot_id, facts->host->boot_id) == 0;
}

/* The file that runs is the file that will be started: what it can is known by construction. */
static gboolean
is_running_file (const char *binary, gint64 pid)
{
  g_autofree char *exe = g_strdup_printf ("/proc/%" G_GINT64_FORMAT "/exe", pid);
  struct stat running, file;

  return pid > 0 && stat (exe, &running) == 0 && stat (binary, &file) == 0 && running.st_dev == file.st_dev
         && running.st_ino == file.st_ino;
}

/* Of the same family: "pc-q35-" for pc-q35-10.0. */
static char **
near_misses (char **machines, const char *machine)
{
  const char *dash = strrchr (machine, '-');
  gsize length = dash ? (gsize) (dash - machine) + 1 : 0;
  g_autoptr(GPtrArray) near = g_ptr_array_new ();

  for (guint i = 0; length > 0 && machines[i] != NULL && near->len < NEAR_MISSES; i++)
    if (strncmp (machines[i], machine, length) == 0)
      g_ptr_array_add (near, g_strdup (machines[i]));
  g_ptr_array_add (near, NULL);

  return (char **) g_ptr_array_free (g_steal_pointer (&near), FALSE);
}

static gboolean
fill_from_probe (QmigFacts *facts, const char *machine, QmpWait *wait, GError **error)
{
  g_autoptr(GError) cause = NULL;
  g_autoptr(QmigBinary) binary = qmig_binary_probe (facts->binary, wait, &cause);

  if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_propagate_error (error, g_steal_pointer (&cause));
      return FALSE;
    }
  if (binary == NULL)
    {
      facts->binary_problem = g_strdup (cause->message);
      return TRUE;
    }
  facts->binary_version = g_strdup (binary->version);
  facts->capabilities = g_strdupv (binary->capabilities);
  facts->compressions = g_strdupv (binary->compressions);
  facts->machine_known = machine == NULL || g_strv_contains ((const char *const *) binary->machines, machine);
  if (!facts->machine_known)
    facts->machines = near_misses (binary->machines, machine);

  return TRUE;
}

static gboolean
fill_binary (QmigFacts *facts, const QmigFactsRequest *request, QmpWait *wait, GError **error)
{
  facts->binary = request->qemu_binary ? find_binary (request->qemu_binary) : NULL;
  facts->binary_found = facts->binary != NULL;
  if (!facts->binary_found)
    {
      facts->binary_problem
          = g_strdup_printf ("there is no program '%s' here", request->qemu_binary ? request->qemu_binary : "");
      return TRUE;
    }
  if (same_machine (facts, request) && is_running_file (facts->binary, request->source_pid))
    {
      facts->machine_known = TRUE;
      facts->same_binary = TRUE;
      return TRUE;
    }
  return fill_from_probe (facts, request->machine, wait, error);
}

/* What it does not tell stays unknown. */
static void
fill_vmstate (QmigFacts *facts, const QmigFactsRequest *request, QmpWait *wait)
{
  g_autoptr(JsonObject) vmstate = NULL;

  if (facts->binary_problem != NULL || !facts->machine_known || facts->same_binary || request->machine == NULL || request->device_types == NULL)
    return;
  vmstate = qmig_vmstate_read (facts->binary, request->machine, request->device_types, request->thorough, wait, NULL);
  if (vmstate != NULL)
    facts->vmstate = json_node_init_object (json_node_alloc (), vmstate);
}

/* -- the name ------------------------------------------------------------------------ */

char *
qmig_host_reserved_by (const GPtrArray *reservations, const char *migration, const char *name)
{
  for (guint i = 0; i < reservations->len; i++)
    {
      const QmigReservation *reservation = g_ptr_array_index (reservations, i);

      if (g_strcmp0 (reservation->spec->migration, migration) != 0 && g_strcmp0 (reservation->spec->vm_name, name) == 0)
        return g_strdup_printf ("incoming migration %s", reservation->spec->migration);
    }
  return NULL;
}

/* A QEMU with a monitor of qmig's own belongs to the agent whose directory that is in. */
static gboolean
belongs_to_other_agent (const QmigEnv *env, const QmigCmdlineInfo *info)
{
  g_autofree char *ours = g_build_filename (env->runtime_dir, "vm", G_DIR_SEPARATOR_S, NULL);

  return info->qmig_qmp_path != NULL && !g_str_has_prefix (info->qmig_qmp_path, ours);
}

static char *
held_by_process (const QmigEnv *env, const QmigFactsRequest *request, gint64 rightful_pid)
{
  g_autoptr(GPtrArray) qemus = qmig_process_list_qemus ();

  for (guint i = 0; i < qemus->len; i++)
    {
      const QmigProcess *process = g_ptr_array_index (qemus, i);
      g_autoptr(QmigCmdlineInfo) info = NULL;

      if (process->pid == rightful_pid)
        continue;
      info = qmig_cmdline_inspect ((const char *const *) process->argv, process->cwd);
      if (g_strcmp0 (info->name, request->vm_name) == 0 && !belongs_to_other_agent (env, info))
        return g_strdup_printf ("process %" G_GINT64_FORMAT, process->pid);
    }
  return NULL;
}

static gboolean
fill_name (QmigFacts *facts, const QmigEnv *env, QmigJournal *journal, const QmigFactsRequest *request, GError **error)
{
  g_autoptr(GPtrArray) reservations = qmig_journal_list_reservations (journal, error);

  if (reservations == NULL)
    return FALSE;
  if (request->vm_name == NULL || request->vm_name[0] == '\0')
    return TRUE;
  facts->name_holder = qmig_host_reserved_by (reservations, request->migration, request->vm_name);
  if (facts->name_holder == NULL)
    facts->name_holder = held_by_process (env, request, same_machine (facts, request) ? request->source_pid : 0);
  facts->name_taken = facts->name_holder != NULL;

  return TRUE;
}

QmigFacts *
qmig_host_facts_read (const QmigEnv *env,
                      QmigJournal *journal,
                      const QmigFactsRequest *request,
                      QmpWait *wait,
                      GError **error)
{
  g_autoptr(QmigFacts) facts = qmig_facts_new ();

  facts->host = qmig_env_host_info_from (env, journal);
  facts->run_dir = request->migration ? qmig_host_run_dir (env, request->migration) : NULL;
  facts->kvm = facts->host->kvm;
  facts->files = qmig_files_answer (request->files);
  facts->needs = qmig_needs_answer (request->needs);
  facts->surroundings = qmig_surroundings_read (env, journal, request);
  if (!fill_binary (facts, request, wait, error) || !fill_name (facts, env, journal, request, error))
    return NULL;
  fill_vmstate (facts, request, wait);
  /* The probe took its time: clocks are compared by the moment of the answer. */
  facts->host->time_us = g_get_real_time ();
  facts->host->mono_us = g_get_monotonic_time ();

  return g_steal_pointer (&facts);
}
