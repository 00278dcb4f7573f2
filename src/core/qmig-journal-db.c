/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-journal-db.h"

/* What json_strict_limits_api lets back in. */
#define VALUE_MAX_BYTES (1024 * 1024)

/* -- errors --------------------------------------------------------------- */

static char *
describe_failure (sqlite3 *db, const char *path)
{
  int code = sqlite3_extended_errcode (db);
  int cause = sqlite3_system_errno (db);
  g_autofree char *dir = g_path_get_dirname (path);

  /* Only these are sure to have come from a system call. */
  if (code == SQLITE_FULL || code == SQLITE_IOERR_SHMSIZE)
    return g_strdup_printf ("disk full; make room in %s and try again", dir);
  if (code == SQLITE_IOERR_WRITE)
    return g_strdup_printf ("disk full, over quota or failing (%s); make room in %s and try again",
                            cause != 0 ? g_strerror (cause) : sqlite3_errmsg (db), dir);
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB || (code & 0xff) == SQLITE_CORRUPT)
    return g_strdup_printf ("the file is damaged (%s); move it away, with its -wal and -shm beside it, to start anew, "
                            "and settle by hand what was being migrated", sqlite3_errmsg (db));
  if ((code & 0xff) == SQLITE_BUSY)
    return g_strdup_printf ("somebody else has kept it locked for %d s", JOURNAL_BUSY_TIMEOUT_MS / 1000);
  if ((code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN)
    return g_strdup_printf ("%s (%s)", sqlite3_errmsg (db), cause != 0 ? g_strerror (cause) : "no reason given");

  return g_strdup (sqlite3_errmsg (db));
}

void
journal_fail (QmigJournal *self, const char *act, GError **error)
{
  g_autofree char *cause = describe_failure (self->db, self->path);

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot %s the journal %s: %s", act, self->path, cause);
}

void
journal_fail_value (QmigJournal *self, const ApiType *type, const char *row, const GError *cause, GError **error)
{
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot read the %s of '%s' in the journal %s: %s", type->name,
               row != NULL ? row : "?", self->path, cause != NULL ? cause->message : "missing");
}

gboolean
journal_exec (QmigJournal *self, const char *sql, const char *act, GError **error)
{
  if (sqlite3_exec (self->db, sql, NULL, NULL, NULL) == SQLITE_OK)
    return TRUE;

  journal_fail (self, act, error);
  return FALSE;
}

/* -- queries -------------------------------------------------------------- */

JournalQuery *
journal_query (QmigJournal *self, const char *sql, GError **error)
{
  sqlite3_stmt *statement = g_hash_table_lookup (self->statements, sql);

  if (statement == NULL)
    {
      if (sqlite3_prepare_v3 (self->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
        {
          journal_fail (self, "read", error);
          return NULL;
        }
      g_hash_table_insert (self->statements, (gpointer) sql, statement);
    }

  g_assert (!sqlite3_stmt_busy (statement));
  return statement;
}

void
journal_query_end (JournalQuery *query)
{
  sqlite3_reset (query);
  sqlite3_clear_bindings (query);
}

/* The caller's text outlives the query's loan, so SQLite need not copy it. */
void
journal_bind_text (JournalQuery *query, int index, const char *text)
{
  int rc = sqlite3_bind_text (query, index, text, -1, SQLITE_STATIC);

  g_assert (rc == SQLITE_OK);
}

void
journal_bind_int (JournalQuery *query, int index, gint64 value)
{
  int rc = value == QMIG_UNSET ? sqlite3_bind_null (query, index) : sqlite3_bind_int64 (query, index, value);

  g_assert (rc == SQLITE_OK);
}

gboolean
journal_bind_value (QmigJournal *self,
                    JournalQuery *query,
                    int index,
                    const ApiType *type,
                    gconstpointer value,
                    GError **error)
{
  char *text = value == NULL ? NULL : api_value_to_text (type, value);
  gsize length = text == NULL ? 0 : strlen (text);
  int rc;

  if (length > VALUE_MAX_BYTES)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR,
                   "cannot write the journal %s: a %s of %" G_GSIZE_FORMAT " bytes is too large", self->path,
                   type->name, length);
      g_free (text);
      return FALSE;
    }

  rc = sqlite3_bind_text (query, index, text, (int) length, g_free);
  g_assert (rc == SQLITE_OK);
  return TRUE;
}

const char *
journal_column_text (JournalQuery *query, int column)
{
  return (const char *) sqlite3_column_text (query, column);
}

gint64
journal_column_int (JournalQuery *query, int column)
{
  return sqlite3_column_type (query, column) == SQLITE_NULL ? QMIG_UNSET : sqlite3_column_int64 (query, column);
}

gboolean
journal_column_value (QmigJournal *self,
                      JournalQuery *query,
                      int column,
                      const ApiType *type,
                      ApiNeed need,
                      gpointer *value,
                      GError **error)
{
  const char *text = journal_column_text (query, column);
  g_autoptr(GError) cause = NULL;

  *value = NULL;
  if (text == NULL && need == API_OPTIONAL)
    return TRUE;
  if (text != NULL)
    *value = api_value_from_text (type, text, sqlite3_column_bytes (query, column), &cause);
  if (*value != NULL)
    return TRUE;

  journal_fail_value (self, type, journal_column_text (query, 0), cause, error);
  return FALSE;
}

gboolean
journal_next (QmigJournal *self, JournalQuery *query, gboolean *row, GError **error)
{
  int rc = sqlite3_step (query);

  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    {
      journal_fail (self, "read", error);
      return FALSE;
    }

  *row = rc == SQLITE_ROW;
  return TRUE;
}

/* -- writes --------------------------------------------------------------- */

/*
 * Whether a commit waits for the disk is a property of the connection, so it
 * is turned where it differs from the last write: two microseconds, next to
 * the milliseconds of a sync.  A second connection for history would cost more
 * at every turn, as each forgets its page cache when the other has written.
 * The log is in order, so the sync of a durable write takes all history before
 * it to the disk as well, and a power cut never leaves a step without the
 * events that came before it.  (One write after a checkpoint syncs twice: it
 * begins the log anew.  Checkpoints come at ends, so that is seldom a step.)
 */
static gboolean
set_sync (QmigJournal *self, JournalSync sync, GError **error)
{
  if (self->sync == (int) sync)
    return TRUE;
  if (!journal_exec (self, sync == JOURNAL_DURABLE ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
                     "write", error))
    return FALSE;

  self->sync = sync;
  return TRUE;
}

static gboolean
run_control (QmigJournal *self, const char *sql, GError **error)
{
  g_autoptr(JournalQuery) query = journal_query (self, sql, error);

  if (query == NULL)
    return FALSE;
  if (sqlite3_step (query) == SQLITE_DONE)
    return TRUE;

  journal_fail (self, "write", error);
  return FALSE;
}

/* IMMEDIATE waits for its turn before anything was read, so a write never fails half-way for want of the lock. */
gboolean
journal_start (QmigJournal *self, JournalSync sync, GError **error)
{
  return set_sync (self, sync, error) && run_control (self, "BEGIN IMMEDIATE", error);
}

gboolean
journal_finish (QmigJournal *self, gboolean ok, GError **error)
{
  if (ok && run_control (self, "COMMIT", error))
    return TRUE;

  /* SQLite has rolled back by itself after some errors, and must be told after others. */
  if (!sqlite3_get_autocommit (self->db))
    run_control (self, "ROLLBACK", NULL);
  return FALSE;
}

gboolean
journal_run (QmigJournal *self, JournalQuery *query, int *changes, GError **error)
{
  if (sqlite3_step (query) != SQLITE_DONE)
    {
      journal_fail (self, "write", error);
      return FALSE;
    }

  if (changes != NULL)
    *changes = sqlite3_changes (self->db);
  return TRUE;
}

gboolean
journal_write (QmigJournal *self, JournalSync sync, JournalQuery *query, int *changes, GError **error)
{
  return journal_start (self, sync, error) && journal_finish (self, journal_run (self, query, changes, error), error);
}

/* PASSIVE takes what it gets without waiting; whatever it leaves, the next one or the last close takes. */
void
journal_checkpoint (QmigJournal *self)
{
  sqlite3_wal_checkpoint_v2 (self->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}
