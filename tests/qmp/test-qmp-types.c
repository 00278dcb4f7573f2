/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "json-strict.h"
#include "qmp-types.h"

static JsonObject *
parse (const char *json)
{
  g_autofree char *text = g_strdelimit (g_strdup (json), "'", '"');
  g_autoptr(GError) error = NULL;
  JsonObject *object = json_strict_parse_object (text, strlen (text), &json_strict_limits_api, &error);

  g_assert_no_error (error);
  return object;
}

static QmpMigrationInfo *
read_info (const char *json)
{
  g_autoptr(JsonObject) object = parse (json);

  return qmp_migration_info_new_from_json (object);
}

static void
test_run_states (void)
{
  for (int i = QMP_RUN_STATE_UNKNOWN; i <= QMP_RUN_STATE_COLO; i++)
    {
      const char *text = qmp_run_state_to_string (i);

      g_assert_nonnull (text);
      g_assert_cmpint (qmp_run_state_from_string (text), ==, i);
      g_assert_cmpint (qmp_run_state_is_live (i), ==, i == QMP_RUN_STATE_RUNNING || i == QMP_RUN_STATE_SUSPENDED);
    }
  g_assert_cmpint (qmp_run_state_from_string ("of-tomorrow"), ==, QMP_RUN_STATE_UNKNOWN);
  g_assert_cmpint (qmp_run_state_from_string (NULL), ==, QMP_RUN_STATE_UNKNOWN);
  g_assert_cmpint (qmp_run_state_from_string ("inmigrate"), ==, QMP_RUN_STATE_INMIGRATE);
  g_assert_cmpint (qmp_run_state_from_string ("finish-migrate"), ==, QMP_RUN_STATE_FINISH_MIGRATE);
}

typedef struct
{
  const char *text;
  char klass; /* none, terminal, progress, postcopy */
} Status;

static const Status statuses[] = {
  { "none", 'n' },
  { "setup", 'p' },
  { "wait-unplug", 'p' },
  { "active", 'p' },
  { "pre-switchover", 'p' },
  { "device", 'p' },
  { "postcopy-device", 'c' },
  { "postcopy-active", 'c' },
  { "postcopy-paused", 'c' },
  { "postcopy-recover-setup", 'c' },
  { "postcopy-recover", 'c' },
  { "completed", 't' },
  { "failing", 'p' },
  { "failed", 't' },
  { "cancelling", 'p' },
  { "cancelled", 't' },
  { "colo", 'p' },
  { "of-tomorrow", 'p' },
};

static void
test_statuses (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (statuses); i++)
    {
      QmpMigrationStatus status = qmp_migration_status_from_string (statuses[i].text);
      char klass = statuses[i].klass;

      g_assert_cmpint (qmp_migration_status_is_terminal (status), ==, klass == 't');
      g_assert_cmpint (qmp_migration_status_is_in_progress (status), ==, klass == 'p' || klass == 'c');
      g_assert_cmpint (qmp_migration_status_is_postcopy (status), ==, klass == 'c');
      if (status != QMP_MIGRATION_STATUS_UNKNOWN)
        g_assert_cmpstr (qmp_migration_status_to_string (status), ==, statuses[i].text);
    }
  g_assert_cmpint (qmp_migration_status_from_string ("of-tomorrow"), ==, QMP_MIGRATION_STATUS_UNKNOWN);
  g_assert_cmpint (qmp_migration_status_from_string (NULL), ==, QMP_MIGRATION_STATUS_NONE);
}

static void
test_empty (void)
{
  g_autoptr(QmpMigrationInfo) info = read_info ("{}");

  g_assert_null (info->status_text);
  g_assert_cmpint (info->status, ==, QMP_MIGRATION_STATUS_NONE);
  g_assert_null (info->error_desc);
  g_assert_nonnull (info->blocked_reasons);
  g_assert_null (info->blocked_reasons[0]);
  g_assert_null (info->socket_uri);
  for (const gint64 *number = &info->total_time_ms; number <= &info->ram_multifd_bytes; number++)
    g_assert_cmpint (*number, ==, -1);
  g_assert_true (isnan (info->ram_mbps));
}

/* As a 7.2.22 said it in the middle of a migration. */
static void
test_full (void)
{
  g_autoptr(QmpMigrationInfo) info = read_info (
      "{'status': 'active', 'setup-time': 2, 'total-time': 1501, 'expected-downtime': 300, 'downtime': 17,"
      " 'cpu-throttle-percentage': 20, 'ram': {'total': 1091379200, 'remaining': 268435456, 'transferred': 823132160,"
      " 'page-size': 4096, 'normal': 200000, 'duplicate': 60000, 'dirty-pages-rate': 25600, 'dirty-sync-count': 3,"
      " 'postcopy-requests': 0, 'downtime-bytes': 4242, 'multifd-bytes': 0, 'mbps': 956.5, 'skipped': 0, 'normal-bytes': 819200000}}");

  g_assert_cmpstr (info->status_text, ==, "active");
  g_assert_cmpint (info->status, ==, QMP_MIGRATION_STATUS_ACTIVE);
  g_assert_cmpint (info->setup_time_ms, ==, 2);
  g_assert_cmpint (info->total_time_ms, ==, 1501);
  g_assert_cmpint (info->expected_downtime_ms, ==, 300);
  g_assert_cmpint (info->downtime_ms, ==, 17);
  g_assert_cmpint (info->throttle_percent, ==, 20);
  g_assert_cmpint (info->ram_total_bytes, ==, 1091379200);
  g_assert_cmpint (info->ram_remaining_bytes, ==, 268435456);
  g_assert_cmpint (info->ram_transferred_bytes, ==, 823132160);
  g_assert_cmpint (info->ram_page_size_bytes, ==, 4096);
  g_assert_cmpint (info->ram_normal_pages, ==, 200000);
  g_assert_cmpint (info->ram_duplicate_pages, ==, 60000);
  g_assert_cmpint (info->ram_dirty_pages_rate, ==, 25600);
  g_assert_cmpint (info->ram_dirty_sync_count, ==, 3);
  g_assert_cmpint (info->ram_postcopy_requests, ==, 0);
  g_assert_cmpint (info->ram_downtime_bytes, ==, 4242);
  g_assert_cmpint (info->ram_multifd_bytes, ==, 0);
  g_assert_cmpfloat (info->ram_mbps, ==, 956.5);
}

static void
test_unknown_status (void)
{
  g_autoptr(QmpMigrationInfo) info = read_info ("{'status': 'of-tomorrow', 'ram': {'mbps': 0}}");

  g_assert_cmpstr (info->status_text, ==, "of-tomorrow");
  g_assert_cmpint (info->status, ==, QMP_MIGRATION_STATUS_UNKNOWN);
  g_assert_true (qmp_migration_status_is_in_progress (info->status));
  g_assert_cmpfloat (info->ram_mbps, ==, 0);
}

static void
test_failed (void)
{
  g_autoptr(QmpMigrationInfo) info =
      read_info ("{'status': 'failed', 'error-desc': 'Unable to write to socket: Connection reset by peer',"
                 " 'blocked-reasons': ['first', 'second', 3]}");

  g_assert_cmpstr (info->error_desc, ==, "Unable to write to socket: Connection reset by peer");
  g_assert_cmpuint (g_strv_length (info->blocked_reasons), ==, 2);
  g_assert_cmpstr (info->blocked_reasons[1], ==, "second");
}

static const struct
{
  const char *addresses;
  const char *uri;
} uris[] = {
  { "[{'port': '44321', 'ipv4': true, 'host': '127.0.0.1', 'type': 'inet'}]", "tcp:127.0.0.1:44321" },
  { "[{'port': '44321', 'host': '::', 'type': 'inet'}]", "tcp:[::]:44321" },
  { "[{'port': '1', 'host': 'fe80::1%eth0', 'type': 'inet'}]", "tcp:[fe80::1%eth0]:1" },
  { "[{'path': '/run/m.sock', 'type': 'unix'}]", "unix:/run/m.sock" },
  { "[{'path': '/a', 'type': 'unix'}, {'path': '/b', 'type': 'unix'}]", "unix:/a" },
  { "[{'cid': '3', 'port': '1', 'type': 'vsock'}]", NULL },
  { "[{'host': 'h', 'type': 'inet'}]", NULL },
  { "[{'type': 'unix'}]", NULL },
  { "[{}]", NULL },
  { "['text']", NULL },
  { "[]", NULL },
};

static void
test_socket_uri (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (uris); i++)
    {
      g_autofree char *json = g_strdup_printf ("{'socket-address': %s}", uris[i].addresses);
      g_autoptr(QmpMigrationInfo) info = read_info (json);

      g_assert_cmpstr (info->socket_uri, ==, uris[i].uri);
    }
}

static void
test_wrong_types (void)
{
  g_autoptr(QmpMigrationInfo) info = read_info (
      "{'status': 7, 'error-desc': [], 'blocked-reasons': {}, 'socket-address': 'x', 'total-time': 'x', 'ram': []}");

  g_assert_cmpint (info->status, ==, QMP_MIGRATION_STATUS_NONE);
  g_assert_null (info->error_desc);
  g_assert_null (info->blocked_reasons[0]);
  g_assert_null (info->socket_uri);
  g_assert_cmpint (info->total_time_ms, ==, -1);
  g_assert_cmpint (info->ram_total_bytes, ==, -1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/qmp-types/run-states", test_run_states);
  g_test_add_func ("/qmp-types/statuses", test_statuses);
  g_test_add_func ("/qmp-types/empty", test_empty);
  g_test_add_func ("/qmp-types/full", test_full);
  g_test_add_func ("/qmp-types/unknown-status", test_unknown_status);
  g_test_add_func ("/qmp-types/failed", test_failed);
  g_test_add_func ("/qmp-types/socket-uri", test_socket_uri);
  g_test_add_func ("/qmp-types/wrong-types", test_wrong_types);
  return g_test_run ();
}
