/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the runner, the steps and recovery share of one migration. */

#include "converge-engine.h"
#include "qmig-instance.h"
#include "qmig-migration.h"
#include "qmig-sampler.h"

G_BEGIN_DECLS

typedef struct
{
  gint64 offset_us;      /* destination's wall clock less ours */
  gint64 uncertainty_us;
} QmigClockOffset;

struct _QmigMigration
{
  GObject parent_instance;

  /* Fixed at birth. */
  const QmigEnv *env;
  char *id;
  char *assume; /* recovery: the operator's word (nullable) */
  gboolean recovering;
  gboolean settled;  /* recovery of one that went back: only what it may have left on the other side is ended */
  gboolean told_before; /* recovery: the destination may have been told to run already */
  QmigMigrationObserver observer;
  gpointer user_data;
  GMainContext *context;
  GCancellable *cancellable;

  /* Shared: what goes out and what comes in. */
  GMutex lock;
  QmigMigrationInfo *info;
  QmigKnobs *wanted;         /* knobs not yet given to QEMU (nullable) */
  char *cancel_reason;       /* (nullable) */
  char **armed;              /* capabilities that are on at the source; NULL while there is no plan */
  gint64 memory_bytes;       /* likewise */
  gboolean postcopy_wanted;
  char *no_postcopy;         /* why it is not armed although it was allowed (nullable) */
  gboolean point_of_no_return;
  gboolean over;             /* the result is told */

  /* The thread's own. */
  QmigJournal *journal;
  QmigJournalEntry *entry;
  QmigInstance *source;      /* (nullable) before stage 0, and when it was gone at recovery */
  QmigHost *host;
  QmigKnobs *knobs;          /* bounds that hold now; downtime and bandwidth are always set */
  QmigKnobs *unconfirmed;    /* of these, what QEMU took and is not yet seen to work with */
  ConvergeEngine *engine;    /* (nullable) before the first limits are given */
  QmigDecision *limits;      /* what it decided last of each, for QEMU */
  QmigSampler sampler;
  gint64 left_bytes;         /* as last seen */
  gint64 sending_since_us;   /* monotonic: the source is active, and the host was silent or not asked since */
  gboolean source_told;      /* to migrate, by this process: before, its words are of an earlier migration */
  gboolean seen_loading;     /* the destination has begun to */
  gboolean postcopy_started; /* by this process */
  GSource *deadline;
  char *uri;                 /* what the destination listens on */
  QmigClockOffset clock;
  gint64 began_us;           /* monotonic */
  gint64 stage_since_us;
  double stage_ms[QMIG_N_STAGES];
  gboolean leftover;         /* the destination's host was silent on the way back: a stopped QEMU may be left there */
  QmigResult *result;
};

/* How long is waited for what (qmig-steps.c).  Variable for the tests alone, which cannot wait as long. */
typedef struct
{
  gint64 step_percent; /* of the seconds in the table of steps */
  gint64 attach_ms;    /* the source's monitor */
  gint64 reply_ms;     /* QEMU's main loop is held for bitmap syncs and drains */
  gint64 account_ms;   /* what either side can say about a failure */
  gint64 setup_ms;     /* from migrate to active */
  gint64 load_ms;      /* from active to a destination that loads */
  gint64 stall_ms;     /* no byte moved in pre-copy */
  gint64 lease_ms;     /* a silent source loses its reservation after this long */
  gint64 renew_ms;     /* a quarter of the lease */
  gint64 device_ms;    /* from migrate-continue to completed; beyond, the destination hangs */
  gint64 way_back_ms;  /* one undo */
  gint64 look_back_ms; /* a source that is silent for longer is blocked on its socket */
  gint64 linger_ms;    /* a cancelled migration whose guest runs, and that does not end */
  gint64 abort_ms;     /* the destination's host, once */
  gint64 postcopy_ms;       /* a post-copy whose link is broken, before a person is called */
  gint64 postcopy_stall_ms; /* no byte moved in post-copy */
  gint64 postcopy_retry_ms; /* between two tries to take it up */
  gint64 recover_ms;   /* a host that was restarted together with us needs a moment */
} QmigLimits;

extern QmigLimits qmig_limits;

/* -- what the thread tells the world (qmig-migration.c) -------------------- */

/* qmig-migration-traffic.c: from now on, where the request asks for it; again for each connection. */
void qmig_migration_trace (QmigMigration *self);
/* Likewise of the destination's QEMU, as its host tells it. */
void qmig_migration_trace_host (QmigMigration *self);
/* @data: (transfer full).  Journalled, then given to the observer. */
void qmig_migration_emit (QmigMigration *self, const char *type, JsonObject *data);
/* The last event. */
void qmig_migration_emit_result (QmigMigration *self);
void qmig_migration_log (QmigMigration *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* @since_us: monotonic time the stage really began at, or 0 for now. */
void qmig_migration_enter_stage (QmigMigration *self, QmigStage stage, gint64 since_us);
void qmig_migration_set_holding (QmigMigration *self, gboolean holding);
/* As the host calls itself, where all that was given is its URI. */
void qmig_migration_set_destination_name (QmigMigration *self, const char *name);
void qmig_migration_set_destination_pid (QmigMigration *self, gint64 pid);
void qmig_migration_set_sample (QmigMigration *self, const QmigSample *sample);
gboolean qmig_migration_is_hold_wanted (QmigMigration *self);
gboolean qmig_migration_is_postcopy_wanted (QmigMigration *self);
/* Whether it is in post-copy, as is told of it; the result remembers that it was. */
void qmig_migration_set_postcopy (QmigMigration *self, gboolean postcopy);
/* Post-copy is not armed, or was refused, for this reason. */
void qmig_migration_set_no_postcopy (QmigMigration *self, const char *why);
/* The last moment a cancel counts.  @error: it was cancelled before */
gboolean qmig_migration_pass_point_of_no_return (QmigMigration *self, GError **error);
/* Knobs that came in since the last call; %NULL for none.  (transfer full) */
QmigKnobs *qmig_migration_take_knobs (QmigMigration *self);
/* qmig-migration-bounds.c: at birth, those of the plan or of the policy that is asked for. */
void qmig_migration_take_bounds (QmigMigration *self);
/* The bounds as they are now, in the journal for recovery and in what is told of the migration.  Needs a plan. */
gboolean qmig_migration_publish_bounds (QmigMigration *self, GError **error);
/* Arms the deadline anew, counted from the start of the migration. */
void qmig_migration_arm_deadline (QmigMigration *self, gint64 deadline_ms);

/* Of the VM as it is found now, not written yet.  (transfer full) */
QmigJournalEntry *qmig_migration_new_entry (const QmigEnv *env, const QmigMigrateRequest *request, GError **error);

/* qmig_migration_start() once the VM is found.  @entry: (transfer full) */
QmigMigration *qmig_migration_start_entry (const QmigEnv *env, QmigJournalEntry *entry, QmigMigrationObserver observer,
                                           gpointer user_data, char **existing, GError **error);

/* -- how it ended (qmig-migration-end.c) ------------------------------------ */

/* @untidy: (nullable): what is left to tidy up although the VM runs on the destination */
void qmig_migration_end_completed (QmigMigration *self, const GError *untidy);
/* It turned back as it was to. */
void qmig_migration_end_rehearsed (QmigMigration *self);
/* Needs attention: @location is unknown, or none, or the destination although the source is not gone. */
void qmig_migration_end_in_doubt (QmigMigration *self, QmigLocation location);
/* @failed: index of the step; @cause: why; @not_back: (nullable): why the source could not be brought back */
void qmig_migration_end_failed (QmigMigration *self, gsize failed, const GError *cause, const GError *not_back);
/* In post-copy: neither side alone is the VM, or was. */
void qmig_migration_end_broken_postcopy (QmigMigration *self);
/* Keeps what both QEMUs say of the failure, before the way back ends one of them. */
void qmig_migration_take_accounts (QmigMigration *self);
void qmig_migration_set_error_text (QmigMigration *self, const GError *cause);
/* Frees the monitors, makes the end durable and tells it. */
void qmig_migration_conclude (QmigMigration *self);
/* Instead of all that for one that was settled: ends what may be left on the destination, and tells its old result. */
void qmig_migration_tidy_up (QmigMigration *self);

G_END_DECLS
