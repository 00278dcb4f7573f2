/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One migration between a fake QEMU, with a process that stands for it, and a
 * fake host.  Left alone it goes well: the source copies for a few looks,
 * stops at the gate, and completes when it is let through, with the
 * destination loaded.  A test changes one thing of that.
 *
 * Whatever a test does, the fixture sees to it that the destination is told
 * to run only beside a source that handed over or is gone, and that the
 * source is continued only when the destination surely does not run.
 */

#include "fake-host.h"
#include "fake-qemu.h"
#include "qmig-migration-private.h"

G_BEGIN_DECLS

typedef struct _Fixture Fixture;

/* What becomes of migrate-continue. */
typedef enum
{
  CONTINUE_COMPLETES,        /* the destination loads, then the source is completed and, a look later, in postmigrate */
  CONTINUE_FAILS,            /* the source says failed, and runs again */
  CONTINUE_HANGS,            /* device for ever */
  CONTINUE_FREEZES,          /* device, the main loop blocked until the channel is yanked */
  CONTINUE_KILLS_DESTINATION /* device for ever, the destination gone */
} Continue;

/* Called in the migration's thread at "before-STEP", "after-STEP", "gate-switchover" and their likes of the way back. */
typedef void (*FixtureHook) (Fixture *f, const char *point);

struct _Fixture
{
  char *dir;
  QmigEnv env;
  FakeHost *host;
  FakeQemu *qemu;
  GPid pid;
  gint64 start_time;
  QmigMigrateRequest *request;
  QmigMigration *migration;

  /* The script. */
  FixtureHook hook;
  const char *point;         /* where @hook is called; NULL: at each point */
  FakeHostFunc on_call;      /* with the fixture as data, after the call was written down */
  int looks_to_gate;         /* in pre-copy; negative: it never gets there */
  Continue at_continue;
  gboolean quit_is_ignored;
  gboolean abort_thaws;      /* the end of the destination breaks the channel that the source is blocked on */

  /*< private >*/
  int stdin_fd;              /* the process ends when it closes */
  GMutex lock;
  GCond changed;
  gboolean over;
  char *run_state;
  char *status;              /* (nullable) of the source's migration */
  char *status_before;       /* of the guest, for the way back */
  gint64 pass;
  GPtrArray *calls;
  guint n_seen;              /* commands of the source that are in @calls already */
  GPtrArray *events;         /* QmigEvent */
  gint64 last_seq;           /* of those forgotten */
};

void fixture_set_up (Fixture *f, gconstpointer data);
void fixture_tear_down (Fixture *f, gconstpointer data);

/* The journal's entry of a migration of the source, not written yet.  (transfer full) */
QmigJournalEntry *fixture_entry (Fixture *f);
void fixture_start (Fixture *f);
/* As an agent left it that was killed in @step: in the journal, nowhere else. */
void fixture_begin_dead (Fixture *f, const char *step, gboolean intent);
/* The same, in post-copy: part of the VM is on either side, and the link between them lost.  @phase: of the destination */
void fixture_begin_dead_in_postcopy (Fixture *f, const char *step, gboolean intent, QmigIncomingPhase phase);
void fixture_recover (Fixture *f, const char *assume);
/* Until the migration's thread is at its end.  Returns the result.  (transfer full) */
QmigResult *fixture_join (Fixture *f);
QmigMigration *fixture_get_migration (Fixture *f); /* (transfer none): waits until there is one */
/* Until an event of @type came whose data contain @text. */
void fixture_wait_event (Fixture *f, const char *type, const char *text);
/* Before the same migration is taken up once more. */
void fixture_forget_events (Fixture *f);
guint fixture_count_events (Fixture *f, const char *type, const char *text);

/* The source's present, with the events of QEMU that tell it.  @status: (nullable) none */
void fixture_set_source (Fixture *f, const char *run_state, const char *status);
char *fixture_get_run_state (Fixture *f);
/* The process is gone when this returns. */
void fixture_kill_source (Fixture *f);
gboolean fixture_source_lives (Fixture *f);
/* QEMU answers @command so, and does nothing. */
void fixture_refuse (Fixture *f, const char *command, const char *text);

/* What was done to both sides, in order: all but queries, renewals and negotiation.  (transfer full) */
char *fixture_calls (Fixture *f);
QmigJournalEntry *fixture_load (Fixture *f); /* (transfer full) */

G_END_DECLS
