/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-journal-db.h"

/* What may still be written to: open, or left in doubt and being settled. */
#define UNSETTLED "(ended_us IS NULL OR outcome = 'attention')"

/* -- values --------------------------------------------------------------- */

QmigJournalEntry *
qmig_journal_entry_copy (const QmigJournalEntry *self)
{
  QmigJournalEntry *copy = g_memdup2 (self, sizeof *self);

  copy->id = g_strdup (self->id);
  copy->request = self->request == NULL ? NULL : qmig_migrate_request_copy (self->request);
  copy->plan = self->plan == NULL ? NULL : qmig_plan_copy (self->plan);
  copy->policy = self->policy == NULL ? NULL : qmig_policy_copy (self->policy);
  copy->vm = g_strdup (self->vm);
  copy->uuid = g_strdup (self->uuid);
  copy->source_qmp = g_strdup (self->source_qmp);
  copy->source_host = g_strdup (self->source_host);
  copy->destination_uri = g_strdup (self->destination_uri);
  copy->step = g_strdup (self->step);
  return copy;
}

void
qmig_journal_entry_free (QmigJournalEntry *self)
{
  if (self == NULL)
    return;

  g_free (self->id);
  g_clear_pointer (&self->request, qmig_migrate_request_free);
  g_clear_pointer (&self->plan, qmig_plan_free);
  g_clear_pointer (&self->policy, qmig_policy_free);
  g_free (self->vm);
  g_free (self->uuid);
  g_free (self->source_qmp);
  g_free (self->source_host);
  g_free (self->destination_uri);
  g_free (self->step);
  g_free (self);
}

/* -- creating a migration --------------------------------------------------- */

static gboolean
find_by_key (QmigJournal *self, const char *key, char **id, GError **error)
{
  g_autoptr(JournalQuery) query = NULL;
  gboolean row;

  if (key == NULL)
    return TRUE;

  query = journal_query (self, "SELECT id FROM migration WHERE idempotency_key = ?1", error);
  if (query == NULL)
    return FALSE;

  journal_bind_text (query, 1, key);
  if (!journal_next (self, query, &row, error))
    return FALSE;

  *id = row ? g_strdup (journal_column_text (query, 0)) : NULL;
  return TRUE;
}

/* A process is told by pid and start time; where the pid is not known, its monitor stands for it. */
static gboolean
refuse_conflict (QmigJournal *self, const QmigJournalEntry *entry, GError **error)
{
  g_autoptr(JournalQuery) query
      = journal_query (self, "SELECT id FROM migration WHERE id = ?1 "
                             "UNION ALL "
                             "SELECT id FROM migration WHERE ended_us IS NULL AND source_pid IS ?2 "
                             "AND source_start_time IS ?3 AND (source_pid > 0 OR source_qmp IS ?4)", error);
  const char *other;
  gboolean row;

  if (query == NULL)
    return FALSE;

  journal_bind_text (query, 1, entry->id);
  journal_bind_int (query, 2, entry->source_pid);
  journal_bind_int (query, 3, entry->source_start_time);
  journal_bind_text (query, 4, entry->source_qmp);
  if (!journal_next (self, query, &row, error))
    return FALSE;
  if (!row)
    return TRUE;

  other = journal_column_text (query, 0);
  if (g_strcmp0 (other, entry->id) == 0)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot start migration %s: there is one of that id",
                 entry->id);
  else
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT,
                 "cannot start migration %s: '%s' (pid %" G_GINT64_FORMAT ") is being migrated by %s", entry->id,
                 entry->vm != NULL ? entry->vm : "the VM", entry->source_pid, other);
  return FALSE;
}

static gboolean
insert_migration (QmigJournal *self, const QmigJournalEntry *entry, GError **error)
{
  g_autoptr(JournalQuery) query
      = journal_query (self, "INSERT INTO migration (id, idempotency_key, request, plan, vm, uuid, source_qmp,"
                             " source_pid, source_start_time, source_host, destination_host, destination_uri,"
                             " started_us)"
                             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)", error);

  if (query == NULL || !journal_bind_value (self, query, 3, &qmig_migrate_request_type, entry->request, error) ||
      !journal_bind_value (self, query, 4, &qmig_plan_type, entry->plan, error))
    return FALSE;

  journal_bind_text (query, 1, entry->id);
  journal_bind_text (query, 2, entry->request->idempotency_key);
  journal_bind_text (query, 5, entry->vm);
  journal_bind_text (query, 6, entry->uuid);
  journal_bind_text (query, 7, entry->source_qmp);
  journal_bind_int (query, 8, entry->source_pid);
  journal_bind_int (query, 9, entry->source_start_time);
  journal_bind_text (query, 10, entry->source_host);
  journal_bind_text (query, 11, entry->plan != NULL ? entry->plan->destination : entry->request->destination);
  journal_bind_text (query, 12, entry->destination_uri);
  journal_bind_int (query, 13, entry->started_us);
  return journal_run (self, query, NULL, error);
}

static gboolean
create_or_find (QmigJournal *self, const QmigJournalEntry *entry, char **existing, GError **error)
{
  if (!find_by_key (self, entry->request->idempotency_key, existing, error))
    return FALSE;
  if (*existing != NULL)
    return TRUE;

  return refuse_conflict (self, entry, error) && insert_migration (self, entry, error);
}

gboolean
qmig_journal_create (QmigJournal *self, const QmigJournalEntry *entry, char **existing, GError **error)
{
  g_autofree char *found = NULL;

  g_return_val_if_fail (entry->id != NULL && entry->request != NULL && existing != NULL, FALSE);

  if (!journal_start (self, JOURNAL_DURABLE, error) ||
      !journal_finish (self, create_or_find (self, entry, &found, error), error))
    return FALSE;

  *existing = g_steal_pointer (&found);
  return TRUE;
}

/* -- steps ------------------------------------------------------------------ */

/* Why a write to migration @id met no row. */
static void
explain_no_row (QmigJournal *self, const char *id, GError **error)
{
  g_autoptr(JournalQuery) query = journal_query (self, "SELECT outcome FROM migration WHERE id = ?1", error);
  gboolean row;

  if (query == NULL)
    return;

  journal_bind_text (query, 1, id);
  if (!journal_next (self, query, &row, error))
    return;

  if (row)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot write migration %s to the journal: it has ended (%s)",
                 id, journal_column_text (query, 0));
  else
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "cannot find migration %s in the journal %s", id, self->path);
}

static gboolean
run_on_migration (QmigJournal *self, JournalQuery *query, const char *id, GError **error)
{
  int changes;

  if (!journal_run (self, query, &changes, error))
    return FALSE;
  if (changes > 0)
    return TRUE;

  explain_no_row (self, id, error);
  return FALSE;
}

static gboolean
write_migration (QmigJournal *self, JournalSync sync, JournalQuery *query, const char *id, GError **error)
{
  return journal_start (self, sync, error) &&
         journal_finish (self, run_on_migration (self, query, id, error), error);
}

gboolean
qmig_journal_set_plan (QmigJournal *self, const char *id, const QmigPlan *plan, GError **error)
{
  g_autoptr(JournalQuery) query
      = journal_query (self, "UPDATE migration SET plan = ?2, destination_host = coalesce (?3, destination_host)"
                             " WHERE id = ?1 AND " UNSETTLED, error);

  if (query == NULL || !journal_bind_value (self, query, 2, &qmig_plan_type, plan, error))
    return FALSE;

  journal_bind_text (query, 1, id);
  journal_bind_text (query, 3, plan->destination);
  return write_migration (self, JOURNAL_DURABLE, query, id, error);
}

gboolean
qmig_journal_begin (QmigJournal *self, const char *id, const char *step, QmigBegin begin, GError **error)
{
  g_autoptr(JournalQuery) query
      = journal_query (self, "UPDATE migration SET step = ?2, commit_intent = commit_intent OR ?3"
                             " WHERE id = ?1 AND " UNSETTLED, error);

  if (query == NULL)
    return FALSE;

  journal_bind_text (query, 1, id);
  journal_bind_text (query, 2, step);
  journal_bind_int (query, 3, begin == QMIG_BEGIN_INTENT);
  return write_migration (self, begin == QMIG_BEGIN_AT_GATE ? JOURNAL_UNSYNCED : JOURNAL_DURABLE, query, id, error);
}

gboolean
qmig_journal_set_postcopy (QmigJournal *self, const char *id, gboolean postcopy, GError **error)
{
  g_autoptr(JournalQuery) query = journal_query (self, "UPDATE migration SET postcopy = ?2 WHERE id = ?1 AND " UNSETTLED, error);

  if (query == NULL)
    return FALSE;

  journal_bind_text (query, 1, id);
  journal_bind_int (query, 2, postcopy);
  return write_migration (self, JOURNAL_DURABLE, query, id, error);
}

/* -- the end ---------------------------------------------------------------- */

static gboolean
write_result (QmigJournal *self, const char *id, const QmigResult *result, GError **error)
{
  g_autoptr(JournalQuery) query
      = journal_query (self, "UPDATE migration SET ended_us = ?2, outcome = ?3, result = ?4,"
                             " destination_host = coalesce (?5, destination_host) WHERE id = ?1 AND " UNSETTLED, error);

  if (query == NULL || !journal_bind_value (self, query, 4, &qmig_result_type, result, error))
    return FALSE;

  journal_bind_text (query, 1, id);
  journal_bind_int (query, 2, g_get_real_time ());
  journal_bind_text (query, 3, qmig_outcome_names[result->outcome]);
  journal_bind_text (query, 5, result->destination_name);
  return write_migration (self, JOURNAL_DURABLE, query, id, error);
}

gboolean
qmig_journal_end (QmigJournal *self, const char *id, const QmigResult *result, GError **error)
{
  if (result->outcome == QMIG_OUTCOME_ACTIVE)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR,
                   "cannot end migration %s in the journal: its result says it is active", id);
      return FALSE;
    }

  if (!write_result (self, id, result, error))
    return FALSE;

  /* House-keeping: the end is written whether or not there is room for it, and the next end tries again. */
  journal_thin_history (self);
  journal_checkpoint (self);
  return TRUE;
}

/* -- reading migrations ------------------------------------------------------ */

static QmigJournalEntry *
read_entry (QmigJournal *self, JournalQuery *query, GError **error)
{
  g_autoptr(QmigJournalEntry) entry = g_new0 (QmigJournalEntry, 1);

  if (!journal_column_value (self, query, 1, &qmig_migrate_request_type, API_REQUIRED, (gpointer *) &entry->request,
                             error) ||
      !journal_column_value (self, query, 2, &qmig_plan_type, API_OPTIONAL, (gpointer *) &entry->plan, error))
    return NULL;

  entry->id = g_strdup (journal_column_text (query, 0));
  entry->vm = g_strdup (journal_column_text (query, 3));
  entry->uuid = g_strdup (journal_column_text (query, 4));
  entry->source_qmp = g_strdup (journal_column_text (query, 5));
  entry->source_pid = journal_column_int (query, 6);
  entry->source_start_time = journal_column_int (query, 7);
  entry->source_host = g_strdup (journal_column_text (query, 8));
  entry->destination_uri = g_strdup (journal_column_text (query, 9));
  entry->started_us = journal_column_int (query, 10);
  entry->step = g_strdup (journal_column_text (query, 11));
  entry->commit_intent = journal_column_int (query, 12) != 0;
  entry->ended = journal_column_int (query, 13) != QMIG_UNSET;
  entry->last_seq = journal_column_int (query, 14);
  entry->postcopy = journal_column_int (query, 15) != 0;
  return g_steal_pointer (&entry);
}

QmigJournalEntry *
qmig_journal_load (QmigJournal *self, const char *id, GError **error)
{
  g_autoptr(JournalQuery) query
      = journal_query (self, "SELECT id, request, plan, vm, uuid, source_qmp, source_pid, source_start_time,"
                             " source_host, destination_uri, started_us, step, commit_intent, ended_us,"
                             " (SELECT coalesce (max (seq), 0) FROM event WHERE event.migration = migration.id),"
                             " postcopy FROM migration WHERE id = ?1", error);
  gboolean row;

  if (query == NULL)
    return NULL;

  journal_bind_text (query, 1, id);
  if (!journal_next (self, query, &row, error))
    return NULL;
  if (row)
    return read_entry (self, query, error);

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "cannot find migration %s in the journal %s", id, self->path);
  return NULL;
}

char **
qmig_journal_list_open (QmigJournal *self, GError **error)
{
  g_autoptr(JournalQuery) query
      = journal_query (self, "SELECT id FROM migration WHERE ended_us IS NULL ORDER BY started_us, rowid", error);
  g_autoptr(GStrvBuilder) ids = g_strv_builder_new ();
  gboolean row;

  if (query == NULL)
    return NULL;

  for (;;)
    {
      if (!journal_next (self, query, &row, error))
        return NULL;
      if (!row)
        return g_strv_builder_end (ids);
      g_strv_builder_add (ids, journal_column_text (query, 0));
    }
}
