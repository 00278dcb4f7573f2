/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/*
 * QEMU's words for states.  The text is kept as QEMU said it; the enums name
 * the ones known here, and anything newer is UNKNOWN: neither failed nor over.
 */

typedef enum
{
  QMP_RUN_STATE_UNKNOWN,
  QMP_RUN_STATE_DEBUG,
  QMP_RUN_STATE_INMIGRATE,
  QMP_RUN_STATE_INTERNAL_ERROR,
  QMP_RUN_STATE_IO_ERROR,
  QMP_RUN_STATE_PAUSED,
  QMP_RUN_STATE_POSTMIGRATE,
  QMP_RUN_STATE_PRELAUNCH,
  QMP_RUN_STATE_FINISH_MIGRATE,
  QMP_RUN_STATE_RESTORE_VM,
  QMP_RUN_STATE_RUNNING,
  QMP_RUN_STATE_SAVE_VM,
  QMP_RUN_STATE_SHUTDOWN,
  QMP_RUN_STATE_SUSPENDED,
  QMP_RUN_STATE_WATCHDOG,
  QMP_RUN_STATE_GUEST_PANICKED,
  QMP_RUN_STATE_COLO,
} QmpRunState;

typedef enum
{
  QMP_MIGRATION_STATUS_UNKNOWN, /* newer than this table: in progress, not terminal */
  QMP_MIGRATION_STATUS_NONE,    /* absent or "none": never migrated */
  QMP_MIGRATION_STATUS_SETUP,
  QMP_MIGRATION_STATUS_WAIT_UNPLUG,
  QMP_MIGRATION_STATUS_ACTIVE,
  QMP_MIGRATION_STATUS_PRE_SWITCHOVER,
  QMP_MIGRATION_STATUS_DEVICE,
  QMP_MIGRATION_STATUS_POSTCOPY_DEVICE,
  QMP_MIGRATION_STATUS_POSTCOPY_ACTIVE,
  QMP_MIGRATION_STATUS_POSTCOPY_PAUSED,
  QMP_MIGRATION_STATUS_POSTCOPY_RECOVER_SETUP,
  QMP_MIGRATION_STATUS_POSTCOPY_RECOVER,
  QMP_MIGRATION_STATUS_COMPLETED,
  QMP_MIGRATION_STATUS_FAILING,
  QMP_MIGRATION_STATUS_FAILED,
  QMP_MIGRATION_STATUS_CANCELLING,
  QMP_MIGRATION_STATUS_CANCELLED,
  QMP_MIGRATION_STATUS_COLO,
} QmpMigrationStatus;

QmpRunState qmp_run_state_from_string (const char *text);
const char *qmp_run_state_to_string (QmpRunState state);
/* The guest's vCPUs execute (running), or would but for its own sleep (suspended). */
gboolean qmp_run_state_is_live (QmpRunState state);

QmpMigrationStatus qmp_migration_status_from_string (const char *text); /* NULL is NONE */
const char *qmp_migration_status_to_string (QmpMigrationStatus status);
gboolean qmp_migration_status_is_terminal (QmpMigrationStatus status);  /* completed, failed, cancelled */
gboolean qmp_migration_status_is_in_progress (QmpMigrationStatus status); /* neither none nor terminal */
gboolean qmp_migration_status_is_postcopy (QmpMigrationStatus status);

/* The answer to query-migrate.  Numbers QEMU did not give are -1 (doubles: NAN). */
typedef struct
{
  char *status_text;        /* as QEMU said it; NULL if it never migrated */
  QmpMigrationStatus status;
  char *error_desc;         /* (nullable) */
  char **blocked_reasons;   /* never NULL, may be empty */
  char *socket_uri;         /* (nullable): first socket-address as a URI: tcp:HOST:PORT, unix:PATH */
  gint64 total_time_ms;
  gint64 setup_time_ms;
  gint64 expected_downtime_ms;
  gint64 downtime_ms;
  gint64 throttle_percent;
  gint64 ram_total_bytes;
  gint64 ram_remaining_bytes;
  gint64 ram_transferred_bytes;
  gint64 ram_page_size_bytes;
  gint64 ram_normal_pages;
  gint64 ram_duplicate_pages;
  gint64 ram_dirty_pages_rate; /* pages per second */
  gint64 ram_dirty_sync_count; /* the pass */
  gint64 ram_postcopy_requests;
  gint64 ram_downtime_bytes;   /* sent while the guest stood still; of the main channel alone */
  gint64 ram_multifd_bytes;
  double ram_mbps;             /* 10^6 bit per second */
} QmpMigrationInfo;

QmpMigrationInfo *qmp_migration_info_new_from_json (JsonObject *object);
void qmp_migration_info_free (QmpMigrationInfo *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmpMigrationInfo, qmp_migration_info_free)

G_END_DECLS
