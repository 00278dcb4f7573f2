/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-journal-db.h"

static gboolean
insert_change (QmigJournal *self, const QmigChange *change, GError **error)
{
  g_autoptr(JournalQuery) query
      = journal_query (self, "INSERT INTO change (time_us, who, method, path, reason, status) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                       error);

  if (query == NULL)
    return FALSE;

  journal_bind_int (query, 1, api_time_parse (change->time));
  journal_bind_text (query, 2, change->who);
  journal_bind_text (query, 3, change->method);
  journal_bind_text (query, 4, change->path);
  journal_bind_text (query, 5, change->reason);
  journal_bind_int (query, 6, change->status);
  return journal_run (self, query, NULL, error);
}

static gboolean
insert_and_prune (QmigJournal *self, GPtrArray *changes, GError **error)
{
  g_autoptr(JournalQuery) prune
      = journal_query (self, "DELETE FROM change WHERE seq <= (SELECT max (seq) FROM change) - ?1", error);

  if (prune == NULL)
    return FALSE;

  for (guint i = 0; i < changes->len; i++)
    if (!insert_change (self, g_ptr_array_index (changes, i), error))
      return FALSE;

  journal_bind_int (prune, 1, QMIG_JOURNAL_CHANGES_MAX);
  return journal_run (self, prune, NULL, error);
}

gboolean
qmig_journal_add_changes (QmigJournal *self, GPtrArray *changes, GError **error)
{
  return journal_start (self, JOURNAL_UNSYNCED, error) &&
         journal_finish (self, insert_and_prune (self, changes, error), error);
}

static QmigChange *
read_change (JournalQuery *query)
{
  QmigChange *change = qmig_change_new ();

  change->seq = journal_column_int (query, 0);
  change->time = api_time_format (journal_column_int (query, 1));
  change->who = g_strdup (journal_column_text (query, 2));
  change->method = g_strdup (journal_column_text (query, 3));
  change->path = g_strdup (journal_column_text (query, 4));
  change->reason = g_strdup (journal_column_text (query, 5));
  change->status = journal_column_int (query, 6);
  return change;
}

GPtrArray *
qmig_journal_list_changes (QmigJournal *self, gint64 limit, GError **error)
{
  g_autoptr(JournalQuery) query
      = journal_query (self, "SELECT seq, time_us, who, method, path, reason, status FROM change ORDER BY seq DESC LIMIT ?1",
                       error);
  g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_change_free);
  gboolean row;

  if (query == NULL)
    return NULL;

  journal_bind_int (query, 1, limit > 0 ? limit : -1);
  for (;;)
    {
      if (!journal_next (self, query, &row, error))
        return NULL;
      if (!row)
        return g_steal_pointer (&changes);
      g_ptr_array_add (changes, read_change (query));
    }
}
