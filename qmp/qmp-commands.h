/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Typed calls for what moving a VM needs.  Each sends one command and reads
 * its reply; errors are those of qmp_client_execute().
 */

#include "qmp-client.h"
#include "qmp-types.h"

G_BEGIN_DECLS

gboolean qmp_query_status (QmpClient *c, QmpRunState *state, char **text /* (out) (optional) (transfer full) */, QmpWait *w, GError **error);
QmpMigrationInfo *qmp_query_migrate (QmpClient *c, QmpWait *w, GError **error);
char *qmp_query_name (QmpClient *c, QmpWait *w, GError **error); /* "" where the VM has none */
char *qmp_query_uuid (QmpClient *c, QmpWait *w, GError **error);
gboolean qmp_query_kvm (QmpClient *c, gboolean *enabled, QmpWait *w, GError **error);
/* `base-memory` plus `plugged-memory` of query-memory-size-summary. */
gboolean qmp_query_memory_bytes (QmpClient *c, gint64 *bytes, QmpWait *w, GError **error);
gboolean qmp_query_vcpus (QmpClient *c, int *count, QmpWait *w, GError **error);

/* How QEMU finds out what a guest writes. */
typedef enum
{
  QMP_DIRTY_RATE_PAGE_SAMPLING, /* "page-sampling": always works, and is coarse */
  QMP_DIRTY_RATE_BITMAP,        /* "dirty-bitmap": exact; only under KVM: without, QEMU before 9.1 dies of it */
} QmpDirtyRateMode;

typedef struct
{
  QmpDirtyRateMode mode;
  gint64 ms;             /* the window; whole seconds unless @in_ms */
  gboolean in_ms;        /* this QEMU takes `calc-time-unit` */
  gint64 sample_pages;   /* per GiB, with page-sampling */
} QmpDirtyRateWish;

/* Begins to measure; refused while another measurement runs, and for the bitmap with a dirty ring. */
gboolean qmp_calc_dirty_rate (QmpClient *c, const QmpDirtyRateWish *wish, QmpWait *w, GError **error);
/* *mib_per_s: -1 while it measures. */
gboolean qmp_query_dirty_rate (QmpClient *c, gint64 *mib_per_s, QmpWait *w, GError **error);
/* The versioned machine type behind whatever alias the command line used: qom-get /machine type less "-machine". */
char *qmp_query_machine_type (QmpClient *c, QmpWait *w, GError **error);
/* Names of all machine types and aliases this binary knows. */
char **qmp_query_machines (QmpClient *c, QmpWait *w, GError **error);
/* Ids of the user's devices (/machine/peripheral) and, with *type names*, of those without an id (/machine/peripheral-anon). */
char **qmp_query_peripherals (QmpClient *c, QmpWait *w, GError **error);
char **qmp_query_anonymous_peripheral_types (QmpClient *c, QmpWait *w, GError **error);
/* Ids below /objects. */
char **qmp_query_object_ids (QmpClient *c, QmpWait *w, GError **error);
/* "id (type, status)" of each job that is not concluded. */
char **qmp_query_busy_jobs (QmpClient *c, QmpWait *w, GError **error);
/* What a drive uses now. */
typedef struct
{
  char *file;      /* the image, as QEMU names it: a path, or what has a protocol before it */
  char **backing;  /* the images below it, nearest first */
  gboolean read_only;
} QmpDrive;

void qmp_drive_free (QmpDrive *self);
/* QmpDrive with a medium.  (transfer full) */
GPtrArray *qmp_query_drives (QmpClient *c, QmpWait *w, GError **error);
/* Names of the migration capabilities this QEMU has. */
char **qmp_query_capability_names (QmpClient *c, QmpWait *w, GError **error);

/* @on: (nullable) names to switch on, @off: (nullable) names to switch off; all in one command. */
gboolean qmp_migrate_set_capabilities (QmpClient *c, const char *const *on, const char *const *off, QmpWait *w, GError **error);
/* @parameters: (transfer full) */
gboolean qmp_migrate_set_parameters (QmpClient *c, JsonObject *parameters, QmpWait *w, GError **error);
/* (transfer full): the whole answer of query-migrate-parameters */
JsonObject *qmp_query_migrate_parameters (QmpClient *c, QmpWait *w, GError **error);

gboolean qmp_migrate_incoming (QmpClient *c, const char *uri, gboolean keep_on_error /* exit-on-error:false */, QmpWait *w, GError **error);
gboolean qmp_migrate (QmpClient *c, const char *uri, QmpWait *w, GError **error);
gboolean qmp_migrate_continue (QmpClient *c, QmpWait *w, GError **error); /* from pre-switchover */
/* What is missing is sent after the switchover, whose time QEMU chooses.  Harmless once that is over. */
gboolean qmp_migrate_start_postcopy (QmpClient *c, QmpWait *w, GError **error);
/* Source, in postcopy-paused: goes on with the destination that listens on @uri since its migrate-recover. */
gboolean qmp_migrate_resume (QmpClient *c, const char *uri, QmpWait *w, GError **error);
/* Both out of band.  Breaks the link of a post-copy that hangs, on either side … */
gboolean qmp_migrate_pause (QmpClient *c, QmpWait *w, GError **error);
/* … and the destination in postcopy-paused listens on @uri for the source to come again. */
gboolean qmp_migrate_recover (QmpClient *c, const char *uri, QmpWait *w, GError **error);
gboolean qmp_migrate_cancel (QmpClient *c, QmpWait *w, GError **error);
gboolean qmp_yank_migration (QmpClient *c, QmpWait *w, GError **error);   /* out of band */
gboolean qmp_cont (QmpClient *c, QmpWait *w, GError **error);
gboolean qmp_stop (QmpClient *c, QmpWait *w, GError **error);
/* A connection that closes before the answer counts as done: QEMU is going. */
gboolean qmp_quit (QmpClient *c, QmpWait *w, GError **error);
/* @properties: (transfer full): of the new object */
gboolean qmp_object_add (QmpClient *c, const char *type, const char *id, JsonObject *properties, QmpWait *w, GError **error);
gboolean qmp_object_del (QmpClient *c, const char *id, QmpWait *w, GError **error);
/* initial 50 ms, max 550 ms, rounds 5, step 50 ms, as QEMU's own after a migration */
gboolean qmp_announce_self (QmpClient *c, QmpWait *w, GError **error);

G_END_DECLS
