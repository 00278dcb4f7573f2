/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-journal-db.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* -- schema --------------------------------------------------------------- */

/* Entry N brings schema N to N + 1.  One that has been released is never edited: the next schema is a new entry. */
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

  "CREATE TABLE change ("
  "  seq INTEGER PRIMARY KEY NOT NULL,"
  "  time_us INTEGER NOT NULL,"
  "  who TEXT NOT NULL,"
  "  method TEXT NOT NULL,"
  "  path TEXT NOT NULL,"
  "  reason TEXT,"
  "  status INTEGER NOT NULL"
  ") STRICT;",

  "ALTER TABLE migration ADD COLUMN postcopy INTEGER NOT NULL DEFAULT 0;",

  /* What earlier moves teach is asked for at the start of each. */
  "CREATE INDEX migration_of_vm ON migration (vm, ended_us);"
  "CREATE INDEX migration_to_host ON migration (destination_host, ended_us);",
};
G_STATIC_ASSERT (G_N_ELEMENTS (schema_steps) == QMIG_JOURNAL_SCHEMA);

/* -- connections ------------------------------------------------------------ */

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
  sqlite3_busy_timeout (self->db, JOURNAL_BUSY_TIMEOUT_MS);
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

/* One step of the ladder, unless another process has taken it meanwhile. */
static gboolean
climb (QmigJournal *self, gint64 from, GError **error)
{
  g_autofree char *number = g_strdup_printf ("PRAGMA user_version = %d", (int) from + 1);
  gint64 schema;

  if (!read_schema (self, &schema, error))
    return FALSE;

  return schema != from ||
         (journal_exec (self, schema_steps[from], "write", error) && journal_exec (self, number, "write", error));
}

static gboolean
bring_schema_up (QmigJournal *self, GError **error)
{
  gint64 schema;

  if (!read_schema (self, &schema, error))
    return FALSE;

  while (schema < QMIG_JOURNAL_SCHEMA)
    if (!journal_start (self, JOURNAL_DURABLE, error) ||
        !journal_finish (self, climb (self, schema, error), error) ||
        !read_schema (self, &schema, error))
      return FALSE;

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
