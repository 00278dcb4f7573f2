/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-journal-db.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 5000
/* What json_strict_limits_api lets back in. */
#define VALUE_MAX_BYTES (1024 * 1024)

/* Entry N brings schema N to N + 1.  An entry that has been released is never edited: the next schema is a new entry. */
static const char *const schema_steps[] = {
  /* Text in JSON is a value of src/api; what is searched for has a column of its own. */
  "CREATE TABLE migration ("
  "  id TEXT PRIMARY KEY NOT NULL,"
  "  idempotency_key TEXT UNIQUE,"
  "  request TEXT NOT NULL,"
  "  plan TEXT,"
  "  vm TEXT,"
  "  uuid TEXT,"
  "  source_qmp TEXT,"
  "  source_pid INTEGER,"
  "  source_start_time INTEGER,"
  "  source_host TEXT,"
  "  destination_host TEXT,"
  "  destination_uri TEXT,"
  "  started_us INTEGER NOT NULL,"
  "  step TEXT,"
  "  commit_intent INTEGER NOT NULL DEFAULT 0,"
  "  ended_us INTEGER,"
  "  outcome TEXT,"
  "  result TEXT,"
  "  thinned INTEGER NOT NULL DEFAULT 0"
  ") STRICT;"
  "CREATE INDEX migration_started ON migration (started_us);"
  "CREATE INDEX migration_open ON migration (source_pid) WHERE ended_us IS NULL;"
  "CREATE INDEX migration_whole ON migration (ended_us) WHERE thinned = 0;"
  "CREATE TABLE event ("
  "  migration TEXT NOT NULL,"
  "  seq INTEGER NOT NULL,"
  "  type TEXT NOT NULL,"
  "  value TEXT NOT NULL,"
  "  PRIMARY KEY (migration, seq)"
  ") STRICT, WITHOUT ROWID;"
  "CREATE INDEX event_stage ON event (migration, seq) WHERE type = 'stage';"
  "CREATE TABLE reservation ("
  "  migration TEXT PRIMARY KEY NOT NULL,"
  "  spec TEXT NOT NULL,"
  "  pid INTEGER NOT NULL DEFAULT 0,"
  "  start_time INTEGER NOT NULL DEFAULT 0,"
  "  held INTEGER NOT NULL DEFAULT 0"
  ") STRICT;"
  "CREATE TABLE vm ("
  "  name TEXT PRIMARY KEY NOT NULL,"
  "  qmp TEXT,"
  "  pid INTEGER"
  ") STRICT;",
};
G_STATIC_ASSERT (G_N_ELEMENTS (schema_steps) == QMIG_JOURNAL_SCHEMA);

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
    return g_strdup_printf ("somebody else has kept it locked for %d s", BUSY_TIMEOUT_MS / 1000);
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

static gboolean
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
                   "cannot write the journal %s: a %s of %" G_GSIZE_FORMAT " bytes is too large", self->path, type->name,
                   length);
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

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot read the %s of '%s' in the journal %s: %s", type->name,
               journal_column_text (query, 0), self->path, cause != NULL ? cause->message : "missing");
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
 * events that came before it.
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

/* -- opening -------------------------------------------------------------- */

static QmigJournal *
connect_to (const char *path, int flags, GError **error)
{
  g_autoptr(QmigJournal) self = g_new0 (QmigJournal, 1);

  self->path = g_strdup (path);
  self->sync = -1;
  self->statements
      = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) (void (*) (void)) sqlite3_finalize);

  if (sqlite3_open_v2 (path, &self->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    {
      journal_fail (self, "open", error);
      return NULL;
    }

  sqlite3_extended_result_codes (self->db, 1);
  sqlite3_busy_timeout (self->db, BUSY_TIMEOUT_MS);
  /* A file that somebody damaged, or made on purpose, cannot make SQLite do more than read it. */
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config (self->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  return g_steal_pointer (&self);
}

static gboolean
read_schema (QmigJournal *self, gint64 *schema, GError **error)
{
  g_autoptr(JournalQuery) query = journal_query (self, "PRAGMA user_version", error);
  gboolean row;

  if (query == NULL || !journal_next (self, query, &row, error))
    return FALSE;

  *schema = journal_column_int (query, 0);
  return TRUE;
}

/* Asked with a connection that cannot write, so that a file from the future stays as it is to the byte. */
static gboolean
refuse_newer (const char *path, GError **error)
{
  g_autoptr(QmigJournal) reader = connect_to (path, SQLITE_OPEN_READONLY, error);
  gint64 schema;

  if (reader == NULL)
    return FALSE;

  sqlite3_db_config (reader->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  if (!read_schema (reader, &schema, error))
    return FALSE;
  if (schema >= 0 && schema <= QMIG_JOURNAL_SCHEMA)
    return TRUE;

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED,
               "cannot open the journal %s: it has schema %" G_GINT64_FORMAT ", and qmig %s knows schemas up to %d; "
               "use the qmig that wrote it or a newer one (nothing was changed)",
               path, schema, QMIG_VERSION, QMIG_JOURNAL_SCHEMA);
  return FALSE;
}

static gboolean
climb (QmigJournal *self, gint64 schema, GError **error)
{
  g_autofree char *number = g_strdup_printf ("PRAGMA user_version = %d", (int) schema + 1);

  return journal_exec (self, schema_steps[schema], "write", error) && journal_exec (self, number, "write", error);
}

/* Each step is one transaction, looked at again inside it: another process may be climbing too. */
static gboolean
bring_schema_up (QmigJournal *self, GError **error)
{
  gint64 schema;

  if (!read_schema (self, &schema, error))
    return FALSE;

  while (schema < QMIG_JOURNAL_SCHEMA)
    {
      gint64 inside;

      if (!journal_start (self, JOURNAL_DURABLE, error) ||
          !journal_finish (self, read_schema (self, &inside, error) && (inside != schema || climb (self, schema, error)),
                           error) ||
          !read_schema (self, &schema, error))
        return FALSE;
    }

  return TRUE;
}

static gboolean
fill_new_file (const char *path, GError **error)
{
  g_autoptr(QmigJournal) self = connect_to (path, SQLITE_OPEN_READWRITE, error);

  return self != NULL && journal_exec (self, "PRAGMA journal_mode = WAL", "create", error) &&
         bring_schema_up (self, error);
}

static void
unlink_database (const char *path)
{
  g_autofree char *wal = g_strconcat (path, "-wal", NULL);
  g_autofree char *shm = g_strconcat (path, "-shm", NULL);

  /* The two are still there only where closing could not finish its work. */
  unlink (wal);
  unlink (shm);
  unlink (path);
}

/*
 * The file gets its name when it is complete: nobody ever sees half of it,
 * whoever comes second finds the first one's, and it was never readable by
 * others.  (Making it in place and closing it again would drop the locks of
 * every other thread's connection: POSIX.)
 */
static gboolean
create_file (const char *path, GError **error)
{
  g_autofree char *new_path = g_strconcat (path, ".XXXXXX", NULL);
  int fd = g_mkstemp_full (new_path, O_RDWR | O_CLOEXEC, 0600);
  gboolean ok;

  if (fd < 0)
    {
      int saved = errno;
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot create the journal %s: %s", path, g_strerror (saved));
      return FALSE;
    }
  close (fd);

  ok = fill_new_file (new_path, error);
  if (ok && link (new_path, path) != 0 && errno != EEXIST)
    {
      int saved = errno;
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot create the journal %s: %s", path, g_strerror (saved));
      ok = FALSE;
    }
  unlink_database (new_path);
  return ok;
}

static gboolean
set_up_connection (QmigJournal *self, GError **error)
{
  gboolean wal = FALSE, row;
  g_autoptr(JournalQuery) query = NULL;

  /* A checkpoint costs several syncs and would come in the middle of a switch-over: they are made at ends only. */
  if (!journal_exec (self, "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 8388608;"
                           "PRAGMA cell_size_check = ON;", "open", error))
    return FALSE;

  query = journal_query (self, "PRAGMA journal_mode = WAL", error);
  if (query == NULL || !journal_next (self, query, &row, error))
    return FALSE;

  wal = row && g_strcmp0 (journal_column_text (query, 0), "wal") == 0;
  if (!wal)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED,
                 "cannot open the journal %s: its file system has no shared memory between processes; "
                 "set QMIG_STATE_DIR to a directory on a local disk", self->path);
  return wal;
}

QmigJournal *
qmig_journal_open (const char *state_dir, GError **error)
{
  g_autofree char *path = g_build_filename (state_dir, "journal.db", NULL);
  g_autoptr(QmigJournal) self = NULL;

  if (g_mkdir_with_parents (state_dir, 0700) != 0)
    {
      int saved = errno;
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot create the state directory %s: %s", state_dir,
                   g_strerror (saved));
      return NULL;
    }

  if (!g_file_test (path, G_FILE_TEST_EXISTS) && !create_file (path, error))
    return NULL;
  if (!refuse_newer (path, error))
    return NULL;

  self = connect_to (path, SQLITE_OPEN_READWRITE, error);
  if (self == NULL || !set_up_connection (self, error) || !bring_schema_up (self, error))
    return NULL;

  return g_steal_pointer (&self);
}

void
qmig_journal_close (QmigJournal *self)
{
  if (self == NULL)
    return;

  g_hash_table_unref (self->statements);
  /* The last connection of all moves the log into the file here. */
  sqlite3_close (self->db);
  g_free (self->path);
  g_free (self);
}
