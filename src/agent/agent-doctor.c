/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What works on this host, and what is in the way. */

#include "agent-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qmig-process.h"

#define QEMU "qemu-system-x86_64"

static void
check_kvm (GPtrArray *checks)
{
  int fd = open ("/dev/kvm", O_RDWR | O_CLOEXEC);

  if (fd >= 0)
    qmig_check_add (checks, "kvm", QMIG_CHECK_OK, NULL, "/dev/kvm can be opened; whether it serves a guest shows when one starts");
  else
    qmig_check_add (checks, "kvm", QMIG_CHECK_WARN, errno == EACCES ? "join the group kvm" : NULL,
         "/dev/kvm cannot be opened: %s; guests run without acceleration", g_strerror (errno));
  if (fd >= 0)
    close (fd);
}

static void
check_qemu (GPtrArray *checks)
{
  g_autofree char *path = g_find_program_in_path (QEMU);
  const char *argv[] = { path, "--version", NULL };
  g_autofree char *out = NULL;
  g_autoptr(GError) error = NULL;

  if (path == NULL)
    {
      qmig_check_add (checks, "qemu", QMIG_CHECK_WARN, "install qemu-system-x86", "there is no %s in PATH", QEMU);
      return;
    }

  if (!g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &out, NULL, NULL, &error))
    {
      qmig_check_add (checks, "qemu", QMIG_CHECK_FAIL, NULL, "%s does not start: %s", path, error->message);
      return;
    }

  out[strcspn (out, "\n")] = '\0';
  qmig_check_add (checks, "qemu", QMIG_CHECK_OK, NULL, "%s: %s", path, out);
}

static void
check_dir (GPtrArray *checks, const char *id, const char *dir)
{
  struct stat st;

  if (stat (dir, &st) != 0 || access (dir, W_OK) != 0)
    qmig_check_add (checks, id, QMIG_CHECK_FAIL, NULL, "'%s' cannot be written: %s", dir, g_strerror (errno));
  else if ((st.st_mode & 0077) != 0)
    qmig_check_add (checks, id, QMIG_CHECK_WARN, "chmod 700 it", "'%s' can be entered by others", dir);
  else
    qmig_check_add (checks, id, QMIG_CHECK_OK, NULL, "'%s' is private and can be written", dir);
}

static QmigJournal *
check_journal (GPtrArray *checks, Agent *agent)
{
  g_autoptr(GError) error = NULL;
  QmigJournal *journal = agent_open_journal (agent, &error);

  if (journal == NULL)
    qmig_check_add (checks, "journal", QMIG_CHECK_FAIL, NULL, "%s", error->message);
  else
    qmig_check_add (checks, "journal", QMIG_CHECK_OK, NULL, "the journal in '%s' opens", agent->env.state_dir);
  return journal;
}

static void
check_memory (GPtrArray *checks, Agent *agent, QmigJournal *journal)
{
  g_autoptr(QmigHostInfo) info = qmig_env_host_info_from (&agent->env, journal);
  double total = (double) info->memory_total_bytes / (1024.0 * 1024 * 1024);
  double available = (double) info->memory_available_bytes / (1024.0 * 1024 * 1024);

  if (info->memory_total_bytes == QMIG_UNSET || info->memory_available_bytes == QMIG_UNSET)
    qmig_check_add (checks, "memory", QMIG_CHECK_WARN, NULL, "the system does not tell how much memory is free");
  else
    qmig_check_add (checks, "memory", available < total / 20 ? QMIG_CHECK_WARN : QMIG_CHECK_OK, NULL,
         "%.1f of %.1f GiB are free for incoming VMs", available, total);
}

static gboolean
is_known (Agent *agent, QmigJournal *journal, const char *name)
{
  g_autofree char *run_dir = g_strconcat (agent->env.runtime_dir, "/vm/", name, "/", NULL);
  g_autoptr(GPtrArray) qemus = qmig_process_list_qemus ();
  QmigReservation *reservation = qmig_journal_load_reservation (journal, name, NULL);

  if (reservation != NULL)
    {
      qmig_reservation_free (reservation);
      return TRUE;
    }

  for (guint i = 0; i < qemus->len; i++)
    {
      QmigProcess *process = g_ptr_array_index (qemus, i);

      for (gsize j = 0; process->argv[j] != NULL; j++)
        {
          if (strstr (process->argv[j], run_dir) != NULL)
            return TRUE;
        }
    }
  return FALSE;
}

static void
check_leftovers (GPtrArray *checks, Agent *agent, QmigJournal *journal)
{
  g_autofree char *vms = g_build_filename (agent->env.runtime_dir, "vm", NULL);
  g_autoptr(GDir) dir = g_dir_open (vms, 0, NULL);
  g_autoptr(GString) left = g_string_new (NULL);
  g_autofree char *way_out = g_strdup_printf ("look into their qemu.log, then remove them from '%s'", vms);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      if (!is_known (agent, journal, name))
        g_string_append_printf (left, "%s%s", left->len > 0 ? ", " : "", name);
    }

  if (left->len > 0)
    qmig_check_add (checks, "leftovers", QMIG_CHECK_WARN, way_out, "run directories without a VM: %s", left->str);
  else
    qmig_check_add (checks, "leftovers", QMIG_CHECK_OK, NULL, "no run directory is without its VM");
}

JsonObject *
agent_get_doctor (AgentRequest *request, GError **error)
{
  Agent *agent = request->agent;
  g_autoptr(GPtrArray) checks = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_check_free);
  g_autoptr(QmigJournal) journal = NULL;

  check_kvm (checks);
  check_qemu (checks);
  check_dir (checks, "runtime-dir", agent->env.runtime_dir);
  check_dir (checks, "state-dir", agent->env.state_dir);
  journal = check_journal (checks, agent);
  check_memory (checks, agent, journal);
  if (journal != NULL)
    check_leftovers (checks, agent, journal);
  return api_list_to_object (&qmig_check_type, checks);
}
