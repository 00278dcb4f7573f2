/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-journal-db.h"

/* The last samples stand near the end of a migration's events, and the last one with a forecast among them: the walk back is short. */
#define PAST_COLUMNS                                                                               \
  "SELECT id, json_extract (request, '$.hold'), json_extract (plan, '$.transport'), result,"       \
  " (SELECT value FROM (SELECT seq, value FROM event WHERE event.migration = migration.id"         \
  "                     AND type = 'sample' ORDER BY seq DESC LIMIT 4)"                            \
  "  ORDER BY json_extract (value, '$.data.forecast') IS NULL, seq DESC LIMIT 1) FROM migration "

void
qmig_past_move_free (QmigPastMove *self)
{
  g_free (self->transport);
  g_clear_pointer (&self->result, qmig_result_free);
  g_clear_pointer (&self->sample, qmig_sample_free);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigPastMove, qmig_past_move_free)

/* What cannot be read teaches nothing; that is no reason not to move. */
static QmigPastMove *
read_past (QmigJournal *self, JournalQuery *query)
{
  g_autoptr(QmigPastMove) past = g_new0 (QmigPastMove, 1);
  g_autoptr(QmigEvent) event = NULL;

  if (!journal_column_value (self, query, 3, &qmig_result_type, API_REQUIRED, (gpointer *) &past->result, NULL) ||
      !journal_column_value (self, query, 4, &qmig_event_type, API_OPTIONAL, (gpointer *) &event, NULL))
    return NULL;
  past->held = journal_column_int (query, 1) > 0;
  past->transport = g_strdup (journal_column_text (query, 2));
  if (event != NULL && event->data != NULL && JSON_NODE_HOLDS_OBJECT (event->data))
    past->sample = qmig_sample_from_object (json_node_get_object (event->data), NULL);
  return g_steal_pointer (&past);
}

static GPtrArray *
read_all (QmigJournal *self, JournalQuery *query, GError **error)
{
  g_autoptr(GPtrArray) moves = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_past_move_free);
  gboolean row;

  for (;;)
    {
      QmigPastMove *past;

      if (!journal_next (self, query, &row, error))
        return NULL;
      if (!row)
        return g_steal_pointer (&moves);
      past = read_past (self, query);
      if (past != NULL)
        g_ptr_array_add (moves, past);
    }
}

GPtrArray *
qmig_journal_past_of_vm (QmigJournal *self, const char *vm, const char *uuid, gint64 limit, GError **error)
{
  g_autoptr(JournalQuery) query = journal_query (self, PAST_COLUMNS "WHERE vm = ?1 AND coalesce (json_extract (plan, '$.uuid'), uuid) IS ?2 AND ended_us IS NOT NULL"
                                                                    " ORDER BY ended_us DESC LIMIT ?3", error);

  if (query == NULL)
    return NULL;
  journal_bind_text (query, 1, vm);
  journal_bind_text (query, 2, uuid);
  journal_bind_int (query, 3, limit);
  return read_all (self, query, error);
}

GPtrArray *
qmig_journal_past_to_host (QmigJournal *self, const char *host, gint64 limit, GError **error)
{
  g_autoptr(JournalQuery) query = journal_query (self, PAST_COLUMNS "WHERE destination_host = ?1 AND ended_us IS NOT NULL"
                                                                    " ORDER BY ended_us DESC LIMIT ?2", error);

  if (query == NULL)
    return NULL;
  journal_bind_text (query, 1, host);
  journal_bind_int (query, 2, limit);
  return read_all (self, query, error);
}
