/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A journal in a directory of its own, and values to put into it. */

#include "qmig-journal.h"

typedef struct
{
  char *dir;            /* state directory, not made yet */
  char *path;           /* of the file in it */
  QmigJournal *journal; /* opened by the test, closed by the fixture */
} Fixture;

void fixture_set_up (Fixture *self, gconstpointer data);
void fixture_tear_down (Fixture *self, gconstpointer data);
void fixture_open (Fixture *self);
void fixture_close (Fixture *self);

/* A migration of process @pid, all (transfer full). */
QmigJournalEntry *fixture_entry (const char *id, gint64 pid);
QmigPlan *fixture_plan (void);
QmigResult *fixture_result (QmigOutcome outcome);
QmigIncomingSpec *fixture_spec (const char *migration);
QmigEvent *fixture_event (const char *migration, gint64 seq, const char *type, const char *data);

/* The same, straight into the journal; a failure is the test's. */
void fixture_create (Fixture *self, const char *id, gint64 pid);
void fixture_end (Fixture *self, const char *id, QmigOutcome outcome);
void fixture_add_event (QmigJournal *journal, const char *migration, gint64 seq, const char *type, const char *data);

void fixture_remove_tree (const char *path);
/* Copies by another process: opening and closing the file in ours would drop SQLite's locks. */
void fixture_copy (const char *from_dir, const char *to_dir);
