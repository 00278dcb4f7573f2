/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Requests about migrations, past and present. */

#include "agent-private.h"

#include <string.h>

#include "agent-log.h"
#include "client.h"

#define CHECK_MS 60000
#define LIMIT_DEFAULT 1000
#define LIMIT_MAX 100000

/* -- finding ---------------------------------------------------------------------- */

static GPtrArray *
list_history (QmigJournal *journal, gint64 limit, GError **error)
{
  QmigHistoryFilter all = { .limit = limit };

  return qmig_journal_list (journal, &all, error);
}

static char *
set_not_found (const char *what, GError **error)
{
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND,
               "there is no migration '%s': give an id, the beginning of one, the "
               "name of a VM that is being moved, or 'last'",
               what);
  return NULL;
}

static char *
find_last (QmigJournal *journal, GError **error)
{
  g_autoptr(GPtrArray) list = list_history (journal, 1, error);

  if (list == NULL)
    return NULL;
  if (list->len == 0)
    return set_not_found ("last", error);
  return g_strdup (((QmigMigrationInfo *) g_ptr_array_index (list, 0))->id);
}

static gboolean
matches (const QmigMigrationInfo *info, const char *what)
{
  gboolean by_vm = info->active && (g_strcmp0 (info->vm, what) == 0 || g_strcmp0 (info->uuid, what) == 0);

  return by_vm || g_str_has_prefix (info->id, what);
}

char *
agent_find_migration (Agent *agent, QmigJournal *journal, const char *what, GError **error)
{
  g_autoptr(QmigMigration) live = agent_migrations_lookup (agent, what);
  g_autoptr(QmigMigrationInfo) exact = live == NULL ? qmig_journal_info (journal, what, NULL) : NULL;
  g_autoptr(GPtrArray) list = NULL;
  g_autoptr(GString) found = g_string_new (NULL);
  const char *id = NULL;
  guint n = 0;

  if (live != NULL || exact != NULL)
    return g_strdup (what);
  if (g_str_equal (what, "last"))
    return find_last (journal, error);

  list = list_history (journal, 0, error);
  if (list == NULL)
    return NULL;

  for (guint i = 0; i < list->len; i++)
    {
      const QmigMigrationInfo *info = g_ptr_array_index (list, i);

      if (!matches (info, what))
        continue;
      id = info->id;
      if (n++ < 5)
        g_string_append_printf (found, "%s%s", found->len > 0 ? ", " : "", info->id);
    }

  if (n == 1)
    return g_strdup (id);
  if (n == 0)
    return set_not_found (what, error);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "'%s' stands for %u migrations: %s%s", what, n, found->str,
               n > 5 ? ", …" : "");
  return NULL;
}

static QmigMigrationInfo *
get_info (Agent *agent, QmigJournal *journal, const char *id, GError **error)
{
  g_autoptr(QmigMigration) live = agent_migrations_lookup (agent, id);

  return live != NULL ? qmig_migration_get_info (live) : qmig_journal_info (journal, id, error);
}

JsonObject *
agent_get_migration (AgentRequest *request, GError **error)
{
  g_autoptr(QmigJournal) journal = agent_open_journal (request->agent, error);
  g_autofree char *id
      = journal != NULL ? agent_find_migration (request->agent, journal, request->params[0], error) : NULL;
  g_autoptr(QmigMigrationInfo) info = id != NULL ? get_info (request->agent, journal, id, error) : NULL;

  return info != NULL ? qmig_migration_info_to_object (info) : NULL;
}

/* -- listing ------------------------------------------------------------------------ */

/* What is in the journal about a live migration is older than what its thread knows. */
static void
freshen (Agent *agent, GPtrArray *list)
{
  for (guint i = 0; i < list->len; i++)
    {
      QmigMigrationInfo *info = g_ptr_array_index (list, i);
      g_autoptr(QmigMigration) live = info->active ? agent_migrations_lookup (agent, info->id) : NULL;

      if (live == NULL)
        continue;
      g_ptr_array_index (list, i) = qmig_migration_get_info (live);
      qmig_migration_info_free (info);
    }
}

static void
keep_wanted (GPtrArray *list, gboolean active, gboolean ended, gint64 limit)
{
  for (guint i = 0; i < list->len;)
    {
      const QmigMigrationInfo *info = g_ptr_array_index (list, i);
      gboolean unwanted = (active && !info->active) || (ended && info->active) || (limit > 0 && i >= limit);

      if (unwanted)
        g_ptr_array_remove_index (list, i);
      else
        i++;
    }
}

static gboolean
read_since (AgentRequest *request, gint64 *since_us, GError **error)
{
  const char *text = agent_request_query (request, "since");

  *since_us = text != NULL ? api_time_parse (text) : 0;
  if (*since_us != QMIG_UNSET)
    return TRUE;

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
               "cannot read query parameter 'since': expected a time like 2026-01-02T03:04:05.000000Z");
  return FALSE;
}

JsonObject *
agent_list_migrations (AgentRequest *request, GError **error)
{
  gboolean active = agent_request_query_flag (request, "active", FALSE);
  gboolean ended = agent_request_query_flag (request, "ended", FALSE);
  QmigHistoryFilter filter = { .vm = agent_request_query (request, "vm"),
                               .host = agent_request_query (request, "host"),
                               .outcome = agent_request_query (request, "outcome") };
  gint64 limit;
  g_autoptr(QmigJournal) journal = NULL;
  g_autoptr(GPtrArray) list = NULL;

  if (!agent_request_query_int (request, "limit", LIMIT_DEFAULT, 0, LIMIT_MAX, &limit, error)
      || !read_since (request, &filter.since_us, error))
    return NULL;

  /* Live ones may stand anywhere among those that count. */
  filter.limit = limit == 0 || active ? 0 : limit + agent_migrations_count (request->agent);
  journal = agent_open_journal (request->agent, error);
  list = journal != NULL ? qmig_journal_list (journal, &filter, error) : NULL;
  if (list == NULL)
    return NULL;

  freshen (request->agent, list);
  keep_wanted (list, active, ended, limit);
  return api_list_to_object (&qmig_migration_info_type, list);
}

/* -- starting ------------------------------------------------------------------------- */

/* The name must not mean another host after a restart: the address itself goes into the journal. */
static QmigMigrateRequest *
read_migrate_request (AgentRequest *request, GError **error)
{
  g_autoptr(QmigMigrateRequest) body = agent_request_read (request, &qmig_migrate_request_type, TRUE, error);
  g_autoptr(QmigClient) client = NULL;
  g_autofree char *uri = NULL;
  gboolean own;

  if (body == NULL)
    return NULL;

  if (body->vm == NULL || body->vm[0] == '\0')
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "cannot migrate: no VM is named");
      return NULL;
    }

  if (body->destination == NULL)
    body->destination = g_strdup ("local");
  own = g_str_equal (body->destination, request->agent->env.host_name);
  uri = own ? g_strdup ("local") : qmig_client_resolve_host (body->destination, error);
  client = uri != NULL ? qmig_client_new (uri, error) : NULL;
  if (client == NULL)
    return NULL;

  g_free (body->who);
  body->who = g_strdup (request->who);
  g_free (body->destination);
  body->destination = g_steal_pointer (&uri);
  return g_steal_pointer (&body);
}

JsonObject *
agent_post_check (AgentRequest *request, GError **error)
{
  g_autoptr(QmigMigrateRequest) body = read_migrate_request (request, error);
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the check", CHECK_MS);
  QmigLook look = (agent_request_query_flag (request, "measure", FALSE) ? QMIG_LOOK_MEASURE : 0)
                  | (agent_request_query_flag (request, "deep", FALSE) ? QMIG_LOOK_DEEP : 0);
  g_autoptr(QmigPlan) plan = body != NULL ? qmig_migration_check (&request->agent->env, body, look, wait, error) : NULL;

  return plan != NULL ? qmig_plan_to_object (plan) : NULL;
}

JsonObject *
agent_post_migration (AgentRequest *request, GError **error)
{
  Agent *agent = request->agent;
  g_autoptr(QmigMigrateRequest) body = read_migrate_request (request, error);
  g_autoptr(QmigMigration) migration = NULL;
  g_autoptr(QmigMigrationInfo) info = NULL;
  g_autofree char *existing = NULL;

  if (body == NULL)
    return NULL;

  migration = qmig_migration_start (&agent->env, body, agent_migrations_observe, agent, &existing, error);
  if (migration != NULL)
    {
      agent_log_migration (qmig_migration_get_id (migration), "migration %s: '%s' is to move to %s%s%s",
                           qmig_migration_get_id (migration), body->vm, body->destination,
                           body->reason != NULL ? ", because: " : "", body->reason != NULL ? body->reason : "");
      agent_migrations_add (agent, migration);
      request->status = SOUP_STATUS_CREATED;
      info = qmig_migration_get_info (migration);
    }
  else if (existing != NULL)
    {
      g_autoptr(QmigJournal) journal = agent_open_journal (agent, error);

      info = journal != NULL ? get_info (agent, journal, existing, error) : NULL;
    }
  return info != NULL ? qmig_migration_info_to_object (info) : NULL;
}

/* -- steering --------------------------------------------------------------------------- */

/* The live migration that @request means. */
static QmigMigration *
find_live (AgentRequest *request, char **id, GError **error)
{
  g_autoptr(QmigJournal) journal = agent_open_journal (request->agent, error);
  g_autofree char *found
      = journal != NULL ? agent_find_migration (request->agent, journal, request->params[0], error) : NULL;
  QmigMigration *live = found != NULL ? agent_migrations_lookup (request->agent, found) : NULL;

  if (found == NULL)
    return NULL;

  request->problem_migration = g_strdup (found);
  if (live == NULL)
    {
      g_autoptr(QmigMigrationInfo) info = qmig_journal_info (journal, found, NULL);

      if (info != NULL && info->active)
        g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "migration %s is not being worked on: recover it", found);
      else
        g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "migration %s has ended (%s)", found,
                     info != NULL && info->result != NULL ? qmig_outcome_names[info->result->outcome]
                                                          : "without a result");
    }
  if (id != NULL)
    *id = g_steal_pointer (&found);
  return live;
}

JsonObject *
agent_patch_knobs (AgentRequest *request, GError **error)
{
  g_autoptr(QmigKnobs) knobs = agent_request_read (request, &qmig_knobs_type, TRUE, error);
  g_autoptr(QmigMigration) migration = knobs != NULL ? find_live (request, NULL, error) : NULL;
  g_autoptr(QmigMigrationInfo) info = NULL;

  if (migration == NULL || !qmig_migration_tune (migration, knobs, error))
    return NULL;

  info = qmig_migration_get_info (migration);
  return qmig_migration_info_to_object (info);
}

/* Two who ask at once must not both find that nobody works on it. */
static GMutex recover_lock;

static QmigMigration *
recover (AgentRequest *request, const QmigAction *action, GError **error)
{
  Agent *agent = request->agent;
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&recover_lock);
  g_autofree char *id = NULL;
  g_autoptr(GError) not_live = NULL;
  QmigMigration *migration = find_live (request, &id, &not_live);

  /* It is being worked on: that is what recovery would do. */
  if (migration != NULL)
    return migration;
  if (id == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&not_live));
      return NULL;
    }

  migration = qmig_migration_recover (&agent->env, id, action->assume, agent_migrations_observe, agent, error);
  if (migration != NULL)
    {
      agent_log_migration (id, "migration %s is taken up again", id);
      agent_migrations_forget_end (agent, id);
      agent_migrations_add (agent, migration);
    }
  return migration;
}

static QmigMigration *
act (AgentRequest *request, const char *name, const QmigAction *action, GError **error)
{
  g_autoptr(QmigMigration) migration = NULL;
  gboolean done;

  if (g_str_equal (name, "recover"))
    return recover (request, action, error);

  if (!g_str_equal (name, "cancel") && !g_str_equal (name, "hold") && !g_str_equal (name, "go")
      && !g_str_equal (name, "postcopy"))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND,
                   "a migration has no action '%s': expected cancel, hold, go, postcopy "
                   "or recover",
                   name);
      return NULL;
    }

  migration = find_live (request, NULL, error);
  if (migration == NULL)
    return NULL;
  if (g_str_equal (name, "cancel"))
    done = qmig_migration_cancel (migration, action->reason, error);
  else if (g_str_equal (name, "hold"))
    done = qmig_migration_hold (migration, error);
  else if (g_str_equal (name, "postcopy"))
    done = qmig_migration_postcopy (migration, error);
  else
    done = qmig_migration_go (migration, error);
  return done ? g_steal_pointer (&migration) : NULL;
}

JsonObject *
agent_act_on_migration (AgentRequest *request, GError **error)
{
  g_autoptr(QmigAction) action = agent_request_read (request, &qmig_action_type, FALSE, error);
  g_autoptr(QmigMigration) migration = action != NULL ? act (request, request->params[1], action, error) : NULL;
  g_autoptr(QmigMigrationInfo) info = migration != NULL ? qmig_migration_get_info (migration) : NULL;

  return info != NULL ? qmig_migration_info_to_object (info) : NULL;
}
