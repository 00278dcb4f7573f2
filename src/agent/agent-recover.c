/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an agent that died has left on the receiving side. */

#include "agent-incoming-private.h"

#include <string.h>

#include "agent-log.h"
#include "qmig-launcher.h"
#include "qmig-process.h"
#include "qmp-wait.h"

#define KILL_MS 10000

static gboolean
is_in (const QmigProcess *process, const char *run_dir)
{
  g_autofree char *below = g_strconcat (run_dir, "/", NULL);

  for (gsize i = 0; process->argv[i] != NULL; i++)
    {
      if (strstr (process->argv[i], below) != NULL)
        return TRUE;
    }
  return FALSE;
}

/* The agent may have died between the launch and writing down the pid: that QEMU was never released to run. */
static gboolean
kill_strays (const char *run_dir, GError **error)
{
  g_autoptr(GPtrArray) qemus = qmig_process_list_qemus ();

  for (guint i = 0; i < qemus->len; i++)
    {
      const QmigProcess *process = g_ptr_array_index (qemus, i);
      g_autoptr(QmigProcessWatch) watch = NULL;
      g_autoptr(QmpWait) wait = NULL;

      if (!is_in (process, run_dir))
        continue;

      watch = qmig_process_watch_new (process->pid, process->start_time, NULL, NULL);
      wait = qmp_wait_new (NULL, "the end of a QEMU that nobody wrote down", KILL_MS);
      if (!qmig_process_watch_kill (watch, wait, error))
        return FALSE;
      g_message ("QEMU %" G_GINT64_FORMAT
                 " in '%s' was killed: it was launched for a reservation and never written down",
                 process->pid, run_dir);
    }
  return TRUE;
}

static gboolean
end_unlaunched (Agent *agent, const QmigReservation *reservation, GError **error)
{
  const QmigIncomingSpec *spec = reservation->spec;

  if (!kill_strays (spec->run_dir, error))
    return FALSE;
  if (g_file_test (spec->run_dir, G_FILE_TEST_EXISTS)
      && !qmig_launcher_remove_run_dir (agent->env.runtime_dir, spec->run_dir, error))
    return FALSE;

  agent_log_migration (spec->migration, "reservation %s is ended: its destination was never launched", spec->migration);
  return qmig_journal_reservation_end (agent->journal, spec->migration, error);
}

/* What is to be done first with one that was launched; NULL: nothing. */
static const char *
choose_action (Agent *agent, const QmigReservation *reservation)
{
  g_autoptr(QmigMigrationInfo) own = qmig_journal_info (agent->journal, reservation->spec->migration, NULL);
  gboolean alive = qmig_process_is_alive (reservation->pid, reservation->start_time);

  if (own == NULL)
    return alive ? "query" : "abort";

  /* A move within this host: its migration takes the reservation up itself, or a person decides. */
  if (own->active || own->result == NULL || own->result->outcome == QMIG_OUTCOME_ATTENTION)
    return NULL;

  /* It has ended, and only the tidying was left. */
  return own->result->outcome == QMIG_OUTCOME_COMPLETED ? "release" : "abort";
}

static void
take_up (Agent *agent, const QmigReservation *reservation)
{
  const char *id = reservation->spec->migration;
  const char *action = choose_action (agent, reservation);
  g_autoptr(GError) error = NULL;

  if (action == NULL)
    return;

  if (reservation->pid <= 0)
    {
      if (!end_unlaunched (agent, reservation, &error))
        g_warning ("cannot end reservation %s: %s", id, error->message);
      return;
    }

  agent_log_migration (id, "reservation %s is taken up again: %s%s", id, action, reservation->held ? ", held" : "");
  agent_incoming_resume (agent, reservation, action);
}

gboolean
agent_incomings_recover (Agent *agent, GError **error)
{
  g_autoptr(GPtrArray) reservations = qmig_journal_list_reservations (agent->journal, error);

  if (reservations == NULL)
    return FALSE;

  for (guint i = 0; i < reservations->len; i++)
    take_up (agent, g_ptr_array_index (reservations, i));
  return TRUE;
}
