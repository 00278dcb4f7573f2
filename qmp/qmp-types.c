/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-types.h"

#include <math.h>
#include <string.h>

#include "json-strict.h"

static const char *const run_states[] = {
  [QMP_RUN_STATE_UNKNOWN] = "unknown",
  [QMP_RUN_STATE_DEBUG] = "debug",
  [QMP_RUN_STATE_INMIGRATE] = "inmigrate",
  [QMP_RUN_STATE_INTERNAL_ERROR] = "internal-error",
  [QMP_RUN_STATE_IO_ERROR] = "io-error",
  [QMP_RUN_STATE_PAUSED] = "paused",
  [QMP_RUN_STATE_POSTMIGRATE] = "postmigrate",
  [QMP_RUN_STATE_PRELAUNCH] = "prelaunch",
  [QMP_RUN_STATE_FINISH_MIGRATE] = "finish-migrate",
  [QMP_RUN_STATE_RESTORE_VM] = "restore-vm",
  [QMP_RUN_STATE_RUNNING] = "running",
  [QMP_RUN_STATE_SAVE_VM] = "save-vm",
  [QMP_RUN_STATE_SHUTDOWN] = "shutdown",
  [QMP_RUN_STATE_SUSPENDED] = "suspended",
  [QMP_RUN_STATE_WATCHDOG] = "watchdog",
  [QMP_RUN_STATE_GUEST_PANICKED] = "guest-panicked",
  [QMP_RUN_STATE_COLO] = "colo",
};
G_STATIC_ASSERT (G_N_ELEMENTS (run_states) == QMP_RUN_STATE_COLO + 1);

typedef enum
{
  CLASS_NONE,
  CLASS_IN_PROGRESS,
  CLASS_POSTCOPY, /* in progress, too */
  CLASS_TERMINAL,
} StatusClass;

static const struct
{
  const char *text;
  StatusClass klass;
} statuses[] = {
  [QMP_MIGRATION_STATUS_UNKNOWN] = { "unknown", CLASS_IN_PROGRESS },
  [QMP_MIGRATION_STATUS_NONE] = { "none", CLASS_NONE },
  [QMP_MIGRATION_STATUS_SETUP] = { "setup", CLASS_IN_PROGRESS },
  [QMP_MIGRATION_STATUS_WAIT_UNPLUG] = { "wait-unplug", CLASS_IN_PROGRESS },
  [QMP_MIGRATION_STATUS_ACTIVE] = { "active", CLASS_IN_PROGRESS },
  [QMP_MIGRATION_STATUS_PRE_SWITCHOVER] = { "pre-switchover", CLASS_IN_PROGRESS },
  [QMP_MIGRATION_STATUS_DEVICE] = { "device", CLASS_IN_PROGRESS },
  [QMP_MIGRATION_STATUS_POSTCOPY_DEVICE] = { "postcopy-device", CLASS_POSTCOPY },
  [QMP_MIGRATION_STATUS_POSTCOPY_ACTIVE] = { "postcopy-active", CLASS_POSTCOPY },
  [QMP_MIGRATION_STATUS_POSTCOPY_PAUSED] = { "postcopy-paused", CLASS_POSTCOPY },
  [QMP_MIGRATION_STATUS_POSTCOPY_RECOVER_SETUP] = { "postcopy-recover-setup", CLASS_POSTCOPY },
  [QMP_MIGRATION_STATUS_POSTCOPY_RECOVER] = { "postcopy-recover", CLASS_POSTCOPY },
  [QMP_MIGRATION_STATUS_COMPLETED] = { "completed", CLASS_TERMINAL },
  [QMP_MIGRATION_STATUS_FAILING] = { "failing", CLASS_IN_PROGRESS },
  [QMP_MIGRATION_STATUS_FAILED] = { "failed", CLASS_TERMINAL },
  [QMP_MIGRATION_STATUS_CANCELLING] = { "cancelling", CLASS_IN_PROGRESS },
  [QMP_MIGRATION_STATUS_CANCELLED] = { "cancelled", CLASS_TERMINAL },
  [QMP_MIGRATION_STATUS_COLO] = { "colo", CLASS_IN_PROGRESS },
};
G_STATIC_ASSERT (G_N_ELEMENTS (statuses) == QMP_MIGRATION_STATUS_COLO + 1);

QmpRunState
qmp_run_state_from_string (const char *text)
{
  for (gsize i = 0; i < G_N_ELEMENTS (run_states); i++)
    if (g_strcmp0 (text, run_states[i]) == 0)
      return (QmpRunState) i;

  return QMP_RUN_STATE_UNKNOWN;
}

const char *
qmp_run_state_to_string (QmpRunState state)
{
  return (gsize) state < G_N_ELEMENTS (run_states) ? run_states[state] : run_states[QMP_RUN_STATE_UNKNOWN];
}

gboolean
qmp_run_state_is_live (QmpRunState state)
{
  return state == QMP_RUN_STATE_RUNNING || state == QMP_RUN_STATE_SUSPENDED;
}

QmpMigrationStatus
qmp_migration_status_from_string (const char *text)
{
  if (!text)
    return QMP_MIGRATION_STATUS_NONE;

  for (gsize i = 0; i < G_N_ELEMENTS (statuses); i++)
    if (strcmp (text, statuses[i].text) == 0)
      return (QmpMigrationStatus) i;

  return QMP_MIGRATION_STATUS_UNKNOWN;
}

static gsize
status_index (QmpMigrationStatus status)
{
  return (gsize) status < G_N_ELEMENTS (statuses) ? status : QMP_MIGRATION_STATUS_UNKNOWN;
}

const char *
qmp_migration_status_to_string (QmpMigrationStatus status)
{
  return statuses[status_index (status)].text;
}

gboolean
qmp_migration_status_is_terminal (QmpMigrationStatus status)
{
  return statuses[status_index (status)].klass == CLASS_TERMINAL;
}

gboolean
qmp_migration_status_is_in_progress (QmpMigrationStatus status)
{
  StatusClass klass = statuses[status_index (status)].klass;

  return klass == CLASS_IN_PROGRESS || klass == CLASS_POSTCOPY;
}

gboolean
qmp_migration_status_is_postcopy (QmpMigrationStatus status)
{
  return statuses[status_index (status)].klass == CLASS_POSTCOPY;
}

static JsonObject *
first_object (JsonArray *array)
{
  JsonNode *node = array && json_array_get_length (array) > 0 ? json_array_get_element (array, 0) : NULL;

  return node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static char *
make_socket_uri (JsonArray *addresses)
{
  JsonObject *address = first_object (addresses);
  const char *type = json_strict_string (address, "type", "");
  const char *host = json_strict_string (address, "host", NULL);
  const char *port = json_strict_string (address, "port", NULL);
  const char *path = json_strict_string (address, "path", NULL);

  if (strcmp (type, "inet") == 0 && host && port)
    return g_strdup_printf (strchr (host, ':') ? "tcp:[%s]:%s" : "tcp:%s:%s", host, port);
  if (strcmp (type, "unix") == 0 && path)
    return g_strdup_printf ("unix:%s", path);
  return NULL;
}

static char **
copy_strings (JsonArray *array)
{
  g_autoptr(GPtrArray) strings = g_ptr_array_new ();

  for (guint i = 0; array && i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);

      if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING)
        g_ptr_array_add (strings, json_node_dup_string (node));
    }
  g_ptr_array_add (strings, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&strings), FALSE);
}

static void
read_ram (QmpMigrationInfo *self, JsonObject *ram)
{
  self->ram_total_bytes = json_strict_int (ram, "total", -1);
  self->ram_remaining_bytes = json_strict_int (ram, "remaining", -1);
  self->ram_transferred_bytes = json_strict_int (ram, "transferred", -1);
  self->ram_page_size_bytes = json_strict_int (ram, "page-size", -1);
  self->ram_normal_pages = json_strict_int (ram, "normal", -1);
  self->ram_duplicate_pages = json_strict_int (ram, "duplicate", -1);
  self->ram_dirty_pages_rate = json_strict_int (ram, "dirty-pages-rate", -1);
  self->ram_dirty_sync_count = json_strict_int (ram, "dirty-sync-count", -1);
  self->ram_postcopy_requests = json_strict_int (ram, "postcopy-requests", -1);
  self->ram_downtime_bytes = json_strict_int (ram, "downtime-bytes", -1);
  self->ram_multifd_bytes = json_strict_int (ram, "multifd-bytes", -1);
  self->ram_mbps = json_strict_double (ram, "mbps", NAN);
}

QmpMigrationInfo *
qmp_migration_info_new_from_json (JsonObject *object)
{
  QmpMigrationInfo *self = g_new0 (QmpMigrationInfo, 1);

  self->status_text = g_strdup (json_strict_string (object, "status", NULL));
  self->status = qmp_migration_status_from_string (self->status_text);
  self->error_desc = g_strdup (json_strict_string (object, "error-desc", NULL));
  self->blocked_reasons = copy_strings (json_strict_array (object, "blocked-reasons"));
  self->socket_uri = make_socket_uri (json_strict_array (object, "socket-address"));
  self->total_time_ms = json_strict_int (object, "total-time", -1);
  self->setup_time_ms = json_strict_int (object, "setup-time", -1);
  self->expected_downtime_ms = json_strict_int (object, "expected-downtime", -1);
  self->downtime_ms = json_strict_int (object, "downtime", -1);
  self->throttle_percent = json_strict_int (object, "cpu-throttle-percentage", -1);
  read_ram (self, json_strict_object (object, "ram"));
  return self;
}

void
qmp_migration_info_free (QmpMigrationInfo *self)
{
  if (!self)
    return;
  g_free (self->status_text);
  g_free (self->error_desc);
  g_strfreev (self->blocked_reasons);
  g_free (self->socket_uri);
  g_free (self);
}
