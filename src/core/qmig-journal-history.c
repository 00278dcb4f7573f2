/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-journal-db.h"

/* Of older ones the samples go, but for the last; all other events stay. */
#define WHOLE_MIGRATIONS 200

/* -- events ----------------------------------------------------------------- */

static gboolean
insert_event (QmigJournal *self, const QmigEvent *event, GError **error)
{
  g_autoptr(JournalQuery) query
      = journal_query (self, "INSERT INTO event (migration, seq, type, value)"
                             " SELECT id, ?2, ?3, ?4 FROM migration WHERE id = ?1 ON CONFLICT DO NOTHING", error);
  int changes;

  if (query == NULL || !journal_bind_value (self, query, 4, &qmig_event_type, event, error))
    return FALSE;

  journal_bind_text (query, 1, event->migration);
  journal_bind_int (query, 2, event->seq);
  journal_bind_text (query, 3, event->type);
  if (!journal_run (self, query, &changes, error))
    return FALSE;
  if (changes > 0)
    return TRUE;

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT,
               "cannot add event %" G_GINT64_FORMAT " of migration %s to the journal: "
               "the number is taken, or the migration unknown", event->seq, event->migration);
  return FALSE;
}

gboolean
qmig_journal_add_event (QmigJournal *self, const QmigEvent *event, GError **error)
{
  g_return_val_if_fail (event->migration != NULL && event->type != NULL && event->seq != QMIG_UNSET, FALSE);

  return journal_start (self, JOURNAL_UNSYNCED, error) &&
         journal_finish (self, insert_event (self, event, error), error);
}

GPtrArray *
qmig_journal_list_events (QmigJournal *self,
                          const char *id,
                          gint64 after,
                          const char *type,
                          gint64 limit,
                          GError **error)
{
  g_autoptr(JournalQuery) query
      = journal_query (self, "SELECT migration, value FROM event WHERE migration = ?1 AND seq > ?2"
                             " AND (?3 IS NULL OR type = ?3) ORDER BY seq LIMIT ?4", error);
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_event_free);
  gboolean row;

  if (query == NULL)
    return NULL;

  journal_bind_text (query, 1, id);
  journal_bind_int (query, 2, after);
  journal_bind_text (query, 3, type);
  journal_bind_int (query, 4, limit > 0 ? limit : -1);
  for (;;)
    {
      gpointer event;

      if (!journal_next (self, query, &row, error))
        return NULL;
      if (!row)
        return g_steal_pointer (&events);
      if (!journal_column_value (self, query, 1, &qmig_event_type, API_REQUIRED, &event, error))
        return NULL;
      g_ptr_array_add (events, event);
    }
}

/* The data of the last event of a type, an object.  *data is NULL where there is none. */
static gboolean
read_last_data (QmigJournal *self, const char *sql, const char *id, JsonObject **data, GError **error)
{
  g_autoptr(JournalQuery) query = journal_query (self, sql, error);
  g_autoptr(QmigEvent) event = NULL;
  gboolean row;

  *data = NULL;
  if (query == NULL)
    return FALSE;

  journal_bind_text (query, 1, id);
  if (!journal_next (self, query, &row, error))
    return FALSE;
  if (!row)
    return TRUE;
  if (!journal_column_value (self, query, 1, &qmig_event_type, API_REQUIRED, (gpointer *) &event, error))
    return FALSE;

  if (event->data != NULL && JSON_NODE_HOLDS_OBJECT (event->data))
    *data = json_object_ref (json_node_get_object (event->data));
  return TRUE;
}

#define LAST_OF(type) \
  "SELECT migration, value FROM event WHERE migration = ?1 AND type = '" type "' ORDER BY seq DESC LIMIT 1"

/* -- what a migration was ------------------------------------------------------ */

/* For a migration whose stage events are gone or never came. */
static QmigStage
stage_of_step (const char *step)
{
  static const struct
  {
    const char *step;
    QmigStage stage;
  } stages[] = {
    { "check", QMIG_STAGE_PRE_MIGRATION },   { "prepare", QMIG_STAGE_RESERVATION },
    { "tune", QMIG_STAGE_RESERVATION },      { "precopy", QMIG_STAGE_PRE_COPY },
    { "switchover", QMIG_STAGE_STOP_AND_COPY }, { "commit", QMIG_STAGE_COMMITMENT },
    { "release", QMIG_STAGE_ACTIVATION },
  };

  if (step != NULL && g_str_has_prefix (step, "undo-"))
    step += strlen ("undo-");
  for (gsize i = 0; i < G_N_ELEMENTS (stages); i++)
    if (g_strcmp0 (step, stages[i].step) == 0)
      return stages[i].stage;

  return QMIG_STAGE_PRE_MIGRATION;
}

/* {"stage": "pre-copy", …}; anything else leaves the step to say it. */
static QmigStage
stage_of_event (JsonObject *data, const char *step)
{
  JsonNode *name = data == NULL ? NULL : json_object_get_member (data, "stage");

  if (name != NULL && json_node_get_value_type (name) == G_TYPE_STRING)
    for (int stage = 0; stage < QMIG_N_STAGES; stage++)
      if (g_str_equal (json_node_get_string (name), qmig_stage_names[stage]))
        return stage;

  return stage_of_step (step);
}

static gboolean
fill_from_events (QmigJournal *self, QmigMigrationInfo *info, GError **error)
{
  g_autoptr(JsonObject) stage = NULL;
  g_autoptr(JsonObject) sample = NULL;
  g_autoptr(GError) cause = NULL;

  /* The type stands in the text, so that SQLite can use the index of stages. */
  if (!read_last_data (self, LAST_OF ("stage"), info->id, &stage, error) ||
      !read_last_data (self, LAST_OF ("sample"), info->id, &sample, error))
    return FALSE;

  info->stage = stage_of_event (stage, info->step);
  if (sample == NULL)
    return TRUE;
  info->sample = qmig_sample_from_object (sample, &cause);
  if (info->sample != NULL)
    return TRUE;

  journal_fail_value (self, &qmig_sample_type, info->id, cause, error);
  return FALSE;
}

#define INFO_COLUMNS                                                                                       \
  "SELECT id, request, result, vm, uuid, source_host, destination_host, destination_uri, started_us,"     \
  " ended_us, step, source_pid,"                                                                           \
  " (SELECT coalesce (max (seq), 0) FROM event WHERE event.migration = migration.id),"                      \
  " json_extract (plan, '$.policy') FROM migration "

static gboolean
fill_from_row (QmigJournal *self, JournalQuery *query, QmigMigrationInfo *info, GError **error)
{
  g_autoptr(QmigMigrateRequest) request = NULL;

  if (!journal_column_value (self, query, 1, &qmig_migrate_request_type, API_REQUIRED, (gpointer *) &request, error) ||
      !journal_column_value (self, query, 2, &qmig_result_type, API_OPTIONAL, (gpointer *) &info->result, error) ||
      !journal_column_value (self, query, 13, &qmig_policy_type, API_OPTIONAL, (gpointer *) &info->policy, error))
    return FALSE;

  info->id = g_strdup (journal_column_text (query, 0));
  info->vm = g_strdup (journal_column_text (query, 3));
  info->uuid = g_strdup (journal_column_text (query, 4));
  info->source = g_strdup (journal_column_text (query, 5));
  info->destination = g_strdup (journal_column_text (query, 6));
  info->destination_uri = g_strdup (journal_column_text (query, 7));
  info->started = api_time_format (journal_column_int (query, 8));
  info->ended = api_time_format (journal_column_int (query, 9));
  info->active = info->ended == NULL;
  info->step = g_strdup (journal_column_text (query, 10));
  info->source_pid = journal_column_int (query, 11);
  info->last_seq = journal_column_int (query, 12);
  info->hold_wanted = request->hold;
  info->rehearsal = request->rehearsal;
  info->reason = g_steal_pointer (&request->reason);
  info->who = g_steal_pointer (&request->who);
  info->knobs = g_steal_pointer (&request->knobs);
  if (info->result != NULL)
    info->destination_pid = info->result->destination_pid;
  return TRUE;
}

static QmigMigrationInfo *
read_info (QmigJournal *self, JournalQuery *query, GError **error)
{
  g_autoptr(QmigMigrationInfo) info = qmig_migration_info_new ();

  if (!fill_from_row (self, query, info, error) || !fill_from_events (self, info, error))
    return NULL;

  return g_steal_pointer (&info);
}

QmigMigrationInfo *
qmig_journal_info (QmigJournal *self, const char *id, GError **error)
{
  g_autoptr(JournalQuery) query = journal_query (self, INFO_COLUMNS "WHERE id = ?1", error);
  gboolean row;

  if (query == NULL)
    return NULL;

  journal_bind_text (query, 1, id);
  if (!journal_next (self, query, &row, error))
    return NULL;
  if (row)
    return read_info (self, query, error);

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "cannot find migration %s in the journal %s", id, self->path);
  return NULL;
}

static void
bind_filter (JournalQuery *query, const QmigHistoryFilter *filter)
{
  journal_bind_text (query, 1, filter->vm);
  journal_bind_text (query, 2, filter->host);
  journal_bind_text (query, 3, filter->outcome);
  journal_bind_int (query, 4, filter->since_us);
  journal_bind_int (query, 5, filter->limit > 0 ? filter->limit : -1);
}

GPtrArray *
qmig_journal_list (QmigJournal *self, const QmigHistoryFilter *filter, GError **error)
{
  static const QmigHistoryFilter all = { 0 };
  g_autoptr(JournalQuery) query
      = journal_query (self, INFO_COLUMNS "WHERE (?1 IS NULL OR vm = ?1 OR uuid = ?1)"
                             " AND (?2 IS NULL OR source_host = ?2 OR destination_host = ?2)"
                             " AND (?3 IS NULL OR coalesce (outcome, 'active') = ?3) AND started_us >= ?4"
                             " ORDER BY started_us DESC, rowid DESC LIMIT ?5", error);
  g_autoptr(GPtrArray) infos = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_migration_info_free);
  gboolean row;

  if (query == NULL)
    return NULL;

  bind_filter (query, filter != NULL ? filter : &all);
  for (;;)
    {
      QmigMigrationInfo *info;

      if (!journal_next (self, query, &row, error))
        return NULL;
      if (!row)
        return g_steal_pointer (&infos);

      info = read_info (self, query, error);
      if (info == NULL)
        return NULL;
      g_ptr_array_add (infos, info);
    }
}

/* -- retention ----------------------------------------------------------------- */

static gboolean
delete_samples (QmigJournal *self, const char *id, GError **error)
{
  g_autoptr(JournalQuery) drop
      = journal_query (self, "DELETE FROM event WHERE migration = ?1 AND type = 'sample' AND seq <"
                             " (SELECT max (seq) FROM event WHERE migration = ?1 AND type = 'sample')", error);
  g_autoptr(JournalQuery) mark = journal_query (self, "UPDATE migration SET thinned = 1 WHERE id = ?1", error);

  if (drop == NULL || mark == NULL)
    return FALSE;

  journal_bind_text (drop, 1, id);
  journal_bind_text (mark, 1, id);
  return journal_run (self, drop, NULL, error) && journal_run (self, mark, NULL, error);
}

static char **
list_too_old (QmigJournal *self, GError **error)
{
  g_autoptr(JournalQuery) query
      = journal_query (self, "SELECT id FROM migration WHERE ended_us IS NOT NULL AND thinned = 0"
                             " ORDER BY ended_us DESC, rowid DESC LIMIT -1 OFFSET ?1", error);
  g_autoptr(GStrvBuilder) ids = g_strv_builder_new ();
  gboolean row;

  if (query == NULL)
    return NULL;

  journal_bind_int (query, 1, WHOLE_MIGRATIONS);
  for (;;)
    {
      if (!journal_next (self, query, &row, error))
        return NULL;
      if (!row)
        return g_strv_builder_end (ids);
      g_strv_builder_add (ids, journal_column_text (query, 0));
    }
}

/* One write each, so that nobody's step waits long behind a large history. */
void
journal_thin_history (QmigJournal *self)
{
  g_auto(GStrv) ids = list_too_old (self, NULL);

  for (char **id = ids; id != NULL && *id != NULL; id++)
    if (!journal_start (self, JOURNAL_UNSYNCED, NULL) ||
        !journal_finish (self, delete_samples (self, *id, NULL), NULL))
      return;
}
