/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is durable.  One SQLite file under the state directory, WAL, and a
 * write that matters (a step, a reservation) returns only when it is on disk.
 * Events and samples are history: they are written without waiting.
 *
 * A QmigJournal is one connection and belongs to one thread at a time; each
 * thread opens its own, and never takes one through a fork.  A write waits up
 * to five seconds for others' writes; reading waits for nobody.
 *
 * Errors are in QMIG_ERROR and say in words what is wrong: disk full, damaged,
 * locked.  A write that failed has changed nothing and may be repeated on the
 * same connection.  Where the disk itself failed, only a power cut right then
 * could still bring it to light: recovery asks both sides in any case.
 */

#include "api-types.h"

G_BEGIN_DECLS

#define QMIG_JOURNAL_SCHEMA 4

/* Of older changes nothing is kept. */
#define QMIG_JOURNAL_CHANGES_MAX 10000

typedef struct _QmigJournal QmigJournal;

/*
 * Opens STATE_DIR/journal.db, making both (0700, 0600) where they are not there.  (transfer full)
 * @error: QMIG_EXIT_UNSUPPORTED for a schema newer than ours, which is left untouched to the byte
 */
QmigJournal *qmig_journal_open (const char *state_dir, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void qmig_journal_close (QmigJournal *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigJournal, qmig_journal_close)

/* -- migrations (the source's side) ------------------------------------- */

/* All that recovery needs and that does not change after the plan. */
typedef struct
{
  char *id;
  QmigMigrateRequest *request;
  QmigPlan *plan;           /* (nullable) before stage 0 is over */
  QmigPolicy *policy;       /* of a migration that is worked on: as it holds now; durable as part of the plan (nullable) */
  char *vm;
  char *uuid;
  char *source_qmp;
  gint64 source_pid;
  gint64 source_start_time;
  char *source_host;
  char *destination_uri;
  gint64 started_us;
  /* what has happened, as of the last durable write */
  char *step;               /* name in the table of steps, "undo-" before it on the way back; it may have acted */
  gboolean commit_intent;   /* durable before the destination is continued: forward only */
  gboolean postcopy;        /* durable before the source is told: from its switchover on, neither side alone may be the VM */
  gboolean ended;
  gint64 last_seq;          /* of its events */
} QmigJournalEntry;

QmigJournalEntry *qmig_journal_entry_copy (const QmigJournalEntry *self);
void qmig_journal_entry_free (QmigJournalEntry *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigJournalEntry, qmig_journal_entry_free)

/*
 * Durable: the migration exists.  Refused (QMIG_EXIT_CONFLICT) when any names the same id, or an open one the same
 * source process: pid and start time, or the monitor where the pid is not known.  One left in attention is not open.
 * With an idempotency key already used, by an open migration or an ended one, *existing gets its id and nothing is
 * written; otherwise it is NULL.
 */
gboolean qmig_journal_create (QmigJournal *self, const QmigJournalEntry *entry, char **existing, GError **error);
/* The following are refused for a migration that has ended, QMIG_EXIT_CONFLICT, unless it was left in attention. */
gboolean qmig_journal_set_plan (QmigJournal *self, const char *id, const QmigPlan *plan, GError **error);

typedef enum
{
  QMIG_BEGIN_STEP,    /* on disk before the step acts */
  QMIG_BEGIN_AT_GATE, /* the guest stands still, so this outlives the agent, but is not waited for: when the machine dies the
                       * source dies too, and recovery decides from what the destination says alone */
  QMIG_BEGIN_INTENT,  /* the commit intent of promise 1, on disk before `cont` is sent; commit_intent is TRUE from then on */
} QmigBegin;

/* Written before the step acts.  The step before it is thereby done. */
gboolean qmig_journal_begin (QmigJournal *self, const char *id, const char *step, QmigBegin begin, GError **error);
/* Durable: post-copy is about to be started; or not after all, since QEMU surely refused. */
gboolean qmig_journal_set_postcopy (QmigJournal *self, const char *id, gboolean postcopy, GError **error);
/* An ended migration that still wants attention may be settled later: time of end and result are replaced.
 * Of all but the newest 200 ended migrations the samples are then dropped, but for the last; other events stay. */
gboolean qmig_journal_end (QmigJournal *self, const char *id, const QmigResult *result, GError **error);

/* @error: QMIG_EXIT_NOT_FOUND */
QmigJournalEntry *qmig_journal_load (QmigJournal *self, const char *id, GError **error);
/* Ids of migrations not ended, oldest first; those in attention have ended, and qmig_journal_list() finds them. */
char **qmig_journal_list_open (QmigJournal *self, GError **error);

/* -- history ------------------------------------------------------------ */

typedef struct
{
  const char *vm;      /* (nullable) name or uuid */
  const char *host;    /* (nullable) source or destination */
  const char *outcome; /* (nullable) name of a QmigOutcome, "active" for those not ended */
  gint64 since_us;     /* 0 for all */
  gint64 limit;        /* 0 for all */
} QmigHistoryFilter;

/* QmigMigrationInfo, newest first; from the journal alone (no sample of the present).  @filter: (nullable) */
GPtrArray *qmig_journal_list (QmigJournal *self, const QmigHistoryFilter *filter, GError **error);
QmigMigrationInfo *qmig_journal_info (QmigJournal *self, const char *id, GError **error);
/* Not durable by itself: it survives our death, and a power cut from the next durable write on.  Ordered by seq within
 * a migration; a seq that is taken and an unknown migration are QMIG_EXIT_CONFLICT. */
gboolean qmig_journal_add_event (QmigJournal *self, const QmigEvent *event, GError **error);
/* QmigEvent with seq > after, at most @limit (0: all). @type: (nullable) only these. */
GPtrArray *qmig_journal_list_events (QmigJournal *self, const char *id, gint64 after, const char *type, gint64 limit,
                                     GError **error);

/* What an earlier move can teach. */
typedef struct
{
  char *transport;    /* (nullable) it had no plan yet */
  gboolean held;      /* its pace was not that of link and guest */
  QmigResult *result;
  QmigSample *sample; /* the last one with a forecast, or the last one (nullable) */
} QmigPastMove;

void qmig_past_move_free (QmigPastMove *self);

/* QmigPastMove that have ended, newest first, at most @limit: of the VM of that name and uuid, or to that host.  By an index: the
 * length of the history does not matter. */
GPtrArray *qmig_journal_past_of_vm (QmigJournal *self, const char *vm, const char *uuid, gint64 limit, GError **error);
GPtrArray *qmig_journal_past_to_host (QmigJournal *self, const char *host, gint64 limit, GError **error);

/* -- reservations (the destination's side) ------------------------------- */

typedef struct
{
  QmigIncomingSpec *spec;
  gint64 pid;             /* 0 before the process was started */
  gint64 start_time;
  gboolean held;
} QmigReservation;

void qmig_reservation_free (QmigReservation *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigReservation, qmig_reservation_free)

/* QMIG_EXIT_CONFLICT when the migration has a reservation. */
gboolean qmig_journal_reserve (QmigJournal *self, const QmigIncomingSpec *spec, GError **error);
/* QMIG_EXIT_NOT_FOUND without a reservation. */
gboolean qmig_journal_reservation_launched (QmigJournal *self, const char *migration, gint64 pid, gint64 start_time,
                                            GError **error);
/* Outlives the agent; when the machine dies there is nothing left to hold. */
gboolean qmig_journal_reservation_held (QmigJournal *self, const char *migration, GError **error);
/* May be repeated. */
gboolean qmig_journal_reservation_end (QmigJournal *self, const char *migration, GError **error);
/* NULL without error: none. */
QmigReservation *qmig_journal_load_reservation (QmigJournal *self, const char *migration, GError **error);
/* QmigReservation, oldest first. */
GPtrArray *qmig_journal_list_reservations (QmigJournal *self, GError **error);

/* -- added VMs ------------------------------------------------------------ */

/* The same words again change nothing; others for a name that is taken are QMIG_EXIT_CONFLICT. */
gboolean qmig_journal_add_vm (QmigJournal *self, const char *name, const char *qmp, gint64 pid, GError **error);
gboolean qmig_journal_remove_vm (QmigJournal *self, const char *name, GError **error); /* QMIG_EXIT_NOT_FOUND */
/* {"name","qmp","pid"} as QmigVmRequest */
GPtrArray *qmig_journal_list_vms (QmigJournal *self, GError **error);

/* -- changes: who did what, and why --------------------------------------- */

/* QmigChange, the oldest first; their seqs are given here.  Not waited for: they survive our death, and a power cut from the
 * next durable write on. */
gboolean qmig_journal_add_changes (QmigJournal *self, GPtrArray *changes, GError **error);
/* QmigChange, newest first, at most @limit (0: all). */
GPtrArray *qmig_journal_list_changes (QmigJournal *self, gint64 limit, GError **error);

G_END_DECLS
