/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One migration, owned by the agent of the source host, in a thread of its own.
 */

#include "qmig-env.h"
#include "qmig-journal.h"

G_BEGIN_DECLS

#define QMIG_TYPE_MIGRATION (qmig_migration_get_type ())
G_DECLARE_FINAL_TYPE (QmigMigration, qmig_migration, QMIG, MIGRATION, GObject)

/*
 * Called in the migration's thread for each event, after it is in the journal;
 * @event is immutable and may be referenced by copy only.
 */
typedef void (*QmigMigrationObserver) (QmigMigration *self, const QmigEvent *event, gpointer user_data);

/**
 * qmig_migration_start:
 * @env: outlives the migration
 * @existing: (out) (transfer full) (nullable): the id that the idempotency key already stands for; the result is then NULL without error
 *
 * Finds the VM, makes the migration durable and starts its thread.  Blocks for
 * milliseconds; call it outside main loops.
 * @error: QMIG_EXIT_NOT_FOUND, QMIG_EXIT_CONFLICT, QMIG_EXIT_USAGE
 */
QmigMigration *qmig_migration_start (const QmigEnv            *env,
                                     const QmigMigrateRequest *request,
                                     QmigMigrationObserver     observer,
                                     gpointer                  user_data,
                                     char                    **existing,
                                     GError                  **error);

/**
 * qmig_migration_recover:
 * @id: a migration that is open in the journal, ended with "attention", or went back
 * @assume: (nullable): "source" or "destination": the operator's word on where the VM is to run, where nobody can know
 *
 * Takes the migration up where it was left, in a thread: looks at both sides and goes on or back.  One that went back
 * keeps its result, and only a stopped copy that may be left on the destination is ended.
 * @error: QMIG_EXIT_NOT_FOUND, QMIG_EXIT_CONFLICT when it is over and settled
 */
QmigMigration *qmig_migration_recover (const QmigEnv          *env,
                                       const char             *id,
                                       const char             *assume,
                                       QmigMigrationObserver   observer,
                                       gpointer                user_data,
                                       GError                **error);

/* What a check does beyond reading. */
typedef enum
{
  QMIG_LOOK_ONLY = 0,
  QMIG_LOOK_MEASURE = 1 << 0, /* QEMU counts what the guest writes, and the link is tried */
  QMIG_LOOK_DEEP = 1 << 1,    /* a throw-away destination is started, and ended */
} QmigLook;

/* What the migration would do, whether it may, and what is to be expected of it: stage 0 alone, nothing is touched.  Blocks.  (transfer full) */
QmigPlan *qmig_migration_check (const QmigEnv *env, const QmigMigrateRequest *request, QmigLook look, QmpWait *wait, GError **error);

/* The following may be called from any thread. */

const char *qmig_migration_get_id (QmigMigration *self);
gint64 qmig_migration_get_source_pid (QmigMigration *self);
QmigMigrationInfo *qmig_migration_get_info (QmigMigration *self); /* (transfer full): the present */
/* Its result is in the journal: from then on that is where to look. */
gboolean qmig_migration_is_over (QmigMigration *self);

/* Each is refused (QMIG_EXIT_CONFLICT) where it comes too late, with the reason; acceptance means "will be looked at". */
gboolean qmig_migration_cancel (QmigMigration *self, const char *reason, GError **error);
gboolean qmig_migration_hold (QmigMigration *self, GError **error);
gboolean qmig_migration_go (QmigMigration *self, GError **error);
/* Changes over now, held or not; refused also where it was not armed at the start. */
gboolean qmig_migration_postcopy (QmigMigration *self, GError **error);
gboolean qmig_migration_tune (QmigMigration *self, const QmigKnobs *knobs, GError **error);

G_END_DECLS
