/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The migrations that this agent is carrying out, and whoever wants to know of them. */

#include "agent-private.h"

#include "agent-log.h"

QmigJournal *
agent_open_journal (Agent *agent, GError **error)
{
  return qmig_journal_open (agent->env.state_dir, error);
}

/* -- events ------------------------------------------------------------------- */

typedef struct
{
  Agent *agent;
  char *migration;
  char *result; /* the line of the last event (nullable) */
} Wake;

/* The journal could not take the end, as on a full disk: whoever follows would wait for it for ever. */
static void
keep_unwritten_result (Agent *agent, const char *migration, char *line)
{
  g_autoptr(QmigMigrationInfo) info = qmig_journal_info (agent->journal, migration, NULL);

  if (info == NULL || info->active)
    g_hash_table_replace (agent->unwritten_results, g_strdup (migration), line);
  else
    g_free (line);
}

static gboolean
wake_in_main (gpointer user_data)
{
  Wake *wake = user_data;

  g_hash_table_remove (wake->agent->unwritten_results, wake->migration);
  if (wake->result != NULL)
    keep_unwritten_result (wake->agent, wake->migration, wake->result);
  agent_streams_wake (wake->agent, wake->migration);
  g_free (wake->migration);
  g_free (wake);
  return G_SOURCE_REMOVE;
}

void
agent_migrations_forget_end (Agent *agent, const char *migration)
{
  Wake *wake = g_new0 (Wake, 1);

  wake->agent = agent;
  wake->migration = g_strdup (migration);
  g_main_context_invoke (agent->context, wake_in_main, wake);
}

/* In the migration's thread. The event itself is in the journal, where the streams read it. */
void
agent_migrations_observe (QmigMigration *migration, const QmigEvent *event, gpointer user_data)
{
  Wake *wake = g_new0 (Wake, 1);

  wake->agent = user_data;
  wake->migration = g_strdup (event->migration);
  if (g_strcmp0 (event->type, "result") == 0)
    {
      JsonObject *data
          = event->data != NULL && JSON_NODE_HOLDS_OBJECT (event->data) ? json_node_get_object (event->data) : NULL;
      g_autoptr(QmigResult) result = data != NULL ? qmig_result_from_object (data, NULL) : NULL;

      wake->result = qmig_event_to_text (event);
      agent_log_migration (event->migration, "migration %s ended: %s%s%s", event->migration,
                           result != NULL ? qmig_outcome_names[result->outcome] : "without a readable result",
                           result != NULL && result->error != NULL ? ": " : "",
                           result != NULL && result->error != NULL ? result->error : "");
    }
  g_main_context_invoke (wake->agent->context, wake_in_main, wake);
}

/* -- the table ------------------------------------------------------------------ */

static gboolean
is_over (gpointer id, gpointer migration, gpointer user_data)
{
  return qmig_migration_is_over (migration);
}

/* With the lock held. What is over is in the journal from then on. */
static void
sweep (Agent *agent)
{
  g_hash_table_foreach_remove (agent->migrations, is_over, NULL);
}

void
agent_migrations_add (Agent *agent, QmigMigration *migration)
{
  g_mutex_lock (&agent->lock);
  sweep (agent);
  g_hash_table_replace (agent->migrations, g_strdup (qmig_migration_get_id (migration)), g_object_ref (migration));
  g_mutex_unlock (&agent->lock);
}

QmigMigration *
agent_migrations_lookup (Agent *agent, const char *id)
{
  QmigMigration *migration;

  g_mutex_lock (&agent->lock);
  sweep (agent);
  migration = g_hash_table_lookup (agent->migrations, id);
  if (migration != NULL)
    g_object_ref (migration);
  g_mutex_unlock (&agent->lock);
  return migration;
}

/* (transfer full): QmigMigration, so that nobody asks them with the lock held */
static GPtrArray *
list_live (Agent *agent)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (g_object_unref);
  GHashTableIter iter;
  gpointer migration;

  g_mutex_lock (&agent->lock);
  sweep (agent);
  g_hash_table_iter_init (&iter, agent->migrations);
  while (g_hash_table_iter_next (&iter, NULL, &migration))
    g_ptr_array_add (list, g_object_ref (migration));
  g_mutex_unlock (&agent->lock);
  return list;
}

GPtrArray *
agent_migrations_list_infos (Agent *agent)
{
  g_autoptr(GPtrArray) live = list_live (agent);
  GPtrArray *infos = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_migration_info_free);

  for (guint i = 0; i < live->len; i++)
    g_ptr_array_add (infos, qmig_migration_get_info (g_ptr_array_index (live, i)));
  return infos;
}

guint
agent_migrations_count (Agent *agent)
{
  guint n;

  g_mutex_lock (&agent->lock);
  sweep (agent);
  n = g_hash_table_size (agent->migrations);
  g_mutex_unlock (&agent->lock);
  return n;
}

char *
agent_migrations_busy (gint64 pid, char **run_state, gpointer user_data)
{
  Agent *agent = user_data;
  g_autoptr(GPtrArray) live = list_live (agent);

  for (guint i = 0; i < live->len; i++)
    {
      QmigMigration *migration = g_ptr_array_index (live, i);

      if (qmig_migration_get_source_pid (migration) != pid)
        continue;
      if (run_state != NULL)
        *run_state = NULL;
      return g_strdup (qmig_migration_get_id (migration));
    }

  return agent_incomings_find_pid (agent, pid, run_state);
}

gboolean
agent_migrations_recover (Agent *agent, GError **error)
{
  g_auto(GStrv) ids = qmig_journal_list_open (agent->journal, error);

  if (ids == NULL)
    return FALSE;

  for (gsize i = 0; ids[i] != NULL; i++)
    {
      g_autoptr(GError) cause = NULL;
      g_autoptr(QmigMigration) migration
          = qmig_migration_recover (&agent->env, ids[i], NULL, agent_migrations_observe, agent, &cause);

      if (migration == NULL)
        {
          /* The others must not wait for it: a person can ask for recovery again. */
          g_warning ("cannot take up migration %s: %s", ids[i], cause->message);
          continue;
        }
      agent_log_migration (ids[i], "migration %s is taken up again", ids[i]);
      agent_migrations_add (agent, migration);
    }
  return TRUE;
}
