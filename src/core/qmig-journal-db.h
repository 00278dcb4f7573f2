/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One SQLite connection: its queries, its writes and its errors in words.  For qmig-journal*.c only. */

#include <sqlite3.h>

#include "qmig-journal.h"

G_BEGIN_DECLS

/* How long a write waits for others' writes. */
#define JOURNAL_BUSY_TIMEOUT_MS 5000

struct _QmigJournal
{
  sqlite3 *db;
  char *path;
  GHashTable *statements; /* SQL → sqlite3_stmt, prepared once */
  int sync;               /* JournalSync that the connection is set to, or -1 */
};

/* What a commit waits for. */
typedef enum
{
  JOURNAL_DURABLE,  /* one sync of the log: the write survives a power cut, and so do all before it */
  JOURNAL_UNSYNCED, /* nothing: the write survives our death, not the machine's */
} JournalSync;

/* A prepared statement on loan from the connection; its end makes it ready for the next use. */
typedef sqlite3_stmt JournalQuery;
void journal_query_end (JournalQuery *query);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (JournalQuery, journal_query_end)

/* Sets @error from what SQLite said last: "cannot ACT the journal PATH: cause". */
void journal_fail (QmigJournal *self, const char *act, GError **error);

/* For what is not worth keeping prepared. */
gboolean journal_exec (QmigJournal *self, const char *sql, const char *act, GError **error);

/* A row that can be read holds a value that cannot; @cause: (nullable) it is not there at all. */
void journal_fail_value (QmigJournal *self, const ApiType *type, const char *row, const GError *cause, GError **error);

/* @sql: a literal, or the same text each time.  One loan per text at a time. */
JournalQuery *journal_query (QmigJournal *self, const char *sql, GError **error);

/* Parameters count from 1, columns from 0.  NULL and QMIG_UNSET are SQL's NULL both ways. */
void journal_bind_text (JournalQuery *query, int index, const char *text);
void journal_bind_int (JournalQuery *query, int index, gint64 value);
/* Refused when the text is larger than reading would accept. */
gboolean journal_bind_value (QmigJournal *self, JournalQuery *query, int index,
                             const ApiType *type, gconstpointer value, GError **error);
const char *journal_column_text (JournalQuery *query, int column); /* valid until the next step */
gint64 journal_column_int (JournalQuery *query, int column);
/* An error names the row by its column 0. */
gboolean journal_column_value (QmigJournal *self, JournalQuery *query, int column,
                               const ApiType *type, ApiNeed need, gpointer *value, GError **error);

/* *row: FALSE after the last one. */
gboolean journal_next (QmigJournal *self, JournalQuery *query, gboolean *row, GError **error);

/*
 * A write is journal_start(), acts, and journal_finish() with their outcome:
 * commits when it is TRUE, otherwise (or when the commit fails) nothing has
 * happened and the connection serves on.
 */
gboolean journal_start (QmigJournal *self, JournalSync sync, GError **error);
gboolean journal_finish (QmigJournal *self, gboolean ok, GError **error);
/* Runs a query that gives no rows, inside a write; *changes: (nullable) the rows it touched. */
gboolean journal_run (QmigJournal *self, JournalQuery *query, int *changes, GError **error);
/* A write of one query. */
gboolean journal_write (QmigJournal *self, JournalSync sync, JournalQuery *query, int *changes, GError **error);

/* Moves the log into the file as far as that goes without making anybody wait. */
void journal_checkpoint (QmigJournal *self);

/* Takes the samples out of old migrations; the caller can do nothing about a failure. */
void journal_thin_history (QmigJournal *self);

G_END_DECLS
