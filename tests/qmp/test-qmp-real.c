/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Against the QEMU that is installed: what the fake one only claims. */

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "qmp-client.h"
#include "qmp-commands.h"
#include "qmp-error.h"
#include "qmp-events.h"
#include "qmp-schema.h"

#define BINARY "qemu-system-x86_64"
#define LIMIT_MS 60000

typedef struct
{
  char *directory;
  char *path;
  GSubprocess *qemu; /* (nullable): the binary is missing */
  QmpWait *wait;
} Fixture;

static gboolean
is_listening (const char *path)
{
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* A test that fails ends by abort() and cleans up nothing. */
static void
die_with_test (gpointer data)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

static void
launch (Fixture *f, const char *option)
{
  g_autofree char *chardev = g_strdup_printf ("unix:%s,server=on,wait=off", f->path);
  g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr(GError) error = NULL;

  g_subprocess_launcher_set_child_setup (launcher, die_with_test, NULL, NULL);
  f->qemu = g_subprocess_launcher_spawn (launcher, &error, BINARY, "-machine", "none", "-nodefaults", "-display", "none",
                                         "-accel", "tcg", "-name", "real", "-object", "iothread,id=io0", option, chardev,
                                         NULL);
  g_assert_no_error (error);
  while (!is_listening (f->path))
    {
      gboolean paused = qmp_wait_pause (f->wait, 10, &error);

      g_assert_no_error (error);
      g_assert_true (paused);
    }
}

static void
set_up (Fixture *f, gconstpointer option)
{
  g_autofree char *binary = g_find_program_in_path (BINARY);
  g_autoptr(GError) error = NULL;

  f->wait = qmp_wait_new (NULL, BINARY, LIMIT_MS);
  f->directory = g_dir_make_tmp ("qmXXXXXX", &error);
  g_assert_no_error (error);
  f->path = g_build_filename (f->directory, "qmp", NULL);
  if (binary)
    launch (f, option);
  else
    g_test_skip (BINARY " is not installed");
}

static void
tear_down (Fixture *f, gconstpointer option)
{
  if (f->qemu)
    {
      g_subprocess_force_exit (f->qemu);
      g_subprocess_wait (f->qemu, NULL, NULL);
      g_object_unref (f->qemu);
    }
  g_unlink (f->path);
  g_rmdir (f->directory);
  g_free (f->path);
  g_free (f->directory);
  qmp_wait_free (f->wait);
}

static QmpClient *
open_client (Fixture *f)
{
  QmpClient *client = NULL;
  g_autoptr(GError) error = NULL;

  /* The file is there a moment before QEMU listens on it. */
  do
    {
      g_clear_error (&error);
      client = qmp_client_open (f->path, f->wait, &error);
    }
  while (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED) && qmp_wait_pause (f->wait, 10, NULL));
  g_assert_no_error (error);
  return client;
}

static void
test_negotiate (Fixture *f, gconstpointer option)
{
  g_autoptr(QmpClient) client = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) yank = NULL;
  g_autofree char *name = NULL;
  g_autofree char *text = NULL;
  QmpRunState state;

  if (!f->qemu)
    return;
  client = open_client (f);
  g_assert_true (qmp_client_has_oob (client));
  g_assert_cmpint (qmp_client_get_version (client), >=, 70200);
  g_assert_cmpint (qmp_client_get_peer_pid (client), ==, atoi (g_subprocess_get_identifier (f->qemu)));

  yank = qmp_client_execute_oob (client, "query-yank", NULL, f->wait, &error);
  g_assert_no_error (error);
  g_assert_true (JSON_NODE_HOLDS_ARRAY (yank));
  name = qmp_query_name (client, f->wait, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (name, ==, "real");
  g_assert_true (qmp_query_status (client, &state, &text, f->wait, &error));
  g_assert_no_error (error);
  g_assert_cmpint (state, ==, QMP_RUN_STATE_RUNNING);
  g_assert_cmpstr (text, ==, "running");
}

static void
test_queries (Fixture *f, gconstpointer option)
{
  g_autoptr(QmpClient) client = NULL;
  g_autoptr(QmpMigrationInfo) info = NULL;
  g_autoptr(JsonObject) parameters = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *machine = NULL;
  g_autofree char *uuid = NULL;
  g_auto(GStrv) machines = NULL;
  g_auto(GStrv) names = NULL;
  g_auto(GStrv) ids = NULL;
  g_auto(GStrv) jobs = NULL;
  g_auto(GStrv) peripherals = NULL;
  g_auto(GStrv) anonymous = NULL;
  gboolean kvm = TRUE;
  int vcpus = -1;
  gint64 bytes = -1;

  if (!f->qemu)
    return;
  client = open_client (f);
  machine = qmp_query_machine_type (client, f->wait, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (machine, ==, "none");
  machines = qmp_query_machines (client, f->wait, &error);
  g_assert_no_error (error);
  g_assert_true (g_strv_contains ((const char *const *) machines, "q35"));
  uuid = qmp_query_uuid (client, f->wait, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (uuid), ==, 36);
  g_assert_true (qmp_query_kvm (client, &kvm, f->wait, &error));
  g_assert_false (kvm);
  g_assert_true (qmp_query_vcpus (client, &vcpus, f->wait, &error));
  g_assert_cmpint (vcpus, ==, 0);
  g_assert_true (qmp_query_memory_bytes (client, &bytes, f->wait, &error));
  g_assert_cmpint (bytes, >=, 0);
  names = qmp_query_capability_names (client, f->wait, &error);
  g_assert_no_error (error);
  g_assert_true (g_strv_contains ((const char *const *) names, "late-block-activate"));
  parameters = qmp_query_migrate_parameters (client, f->wait, &error);
  g_assert_no_error (error);
  g_assert_cmpint (json_object_get_int_member (parameters, "downtime-limit"), ==, 300);
  info = qmp_query_migrate (client, f->wait, &error);
  g_assert_no_error (error);
  g_assert_cmpint (info->status, ==, QMP_MIGRATION_STATUS_NONE);
  ids = qmp_query_object_ids (client, f->wait, &error);
  g_assert_no_error (error);
  g_assert_true (g_strv_contains ((const char *const *) ids, "io0"));
  g_assert_false (g_strv_contains ((const char *const *) ids, "type"));
  peripherals = qmp_query_peripherals (client, f->wait, &error);
  g_assert_no_error (error);
  g_assert_null (peripherals[0]);
  anonymous = qmp_query_anonymous_peripheral_types (client, f->wait, &error);
  g_assert_no_error (error);
  g_assert_null (anonymous[0]);
  jobs = qmp_query_busy_jobs (client, f->wait, &error);
  g_assert_no_error (error);
  g_assert_null (jobs[0]);
}

static void
test_acts (Fixture *f, gconstpointer option)
{
  static const char *const on[] = { "events", "return-path", NULL };
  static const char *const off[] = { "xbzrle", NULL };
  g_autoptr(QmpClient) client = NULL;
  g_autoptr(QmpEventListener) stops = NULL;
  g_autoptr(QmpEventListener) resumes = NULL;
  g_autoptr(GError) error = NULL;
  JsonObject *parameters = json_object_new ();
  QmpRunState state;

  json_object_set_int_member (parameters, "downtime-limit", 200);
  if (!f->qemu)
    {
      json_object_unref (parameters);
      return;
    }
  client = open_client (f);
  stops = qmp_event_listener_new (client, "STOP");
  resumes = qmp_event_listener_new (client, "RESUME");
  g_assert_true (qmp_stop (client, f->wait, &error));
  g_assert_true (qmp_event_listener_wait (stops, 1, f->wait, &error));
  g_assert_true (qmp_query_status (client, &state, NULL, f->wait, &error));
  g_assert_cmpint (state, ==, QMP_RUN_STATE_PAUSED);
  g_assert_true (qmp_cont (client, f->wait, &error));
  g_assert_true (qmp_event_listener_wait (resumes, 1, f->wait, &error));
  g_assert_cmpint (qmp_event_listener_last (resumes)->timestamp_us, >=, qmp_event_listener_last (stops)->timestamp_us);

  g_assert_true (qmp_migrate_set_capabilities (client, on, off, f->wait, &error));
  g_assert_no_error (error);
  g_assert_true (qmp_migrate_set_parameters (client, parameters, f->wait, &error));
  g_assert_no_error (error);
  g_assert_true (qmp_announce_self (client, f->wait, &error));
  g_assert_no_error (error);
  g_assert_false (qmp_migrate_continue (client, f->wait, &error));
  g_assert_error (error, QMP_ERROR, QMP_ERROR_GENERIC);
  g_clear_error (&error);
  g_assert_false (qmp_yank_migration (client, f->wait, &error));
  g_assert_true (qmp_error_is_refusal (error));
}

static void
test_quit (Fixture *f, gconstpointer option)
{
  g_autoptr(QmpClient) client = NULL;
  g_autoptr(GError) error = NULL;

  if (!f->qemu)
    return;
  client = open_client (f);
  g_assert_true (qmp_quit (client, f->wait, &error));
  g_assert_no_error (error);
  g_assert_true (g_subprocess_wait (f->qemu, NULL, &error));
  g_assert_cmpint (g_subprocess_get_exit_status (f->qemu), ==, 0);
}

static void
test_schema (Fixture *f, gconstpointer option)
{
  g_autoptr(QmpClient) client = NULL;
  g_autoptr(QmpSchema) schema = NULL;
  g_autoptr(GError) error = NULL;

  if (!f->qemu)
    return;
  client = open_client (f);
  schema = qmp_schema_read (client, f->wait, &error);
  g_assert_no_error (error);
  g_assert_true (qmp_schema_has_command (schema, "migrate"));
  g_assert_false (qmp_schema_has_command (schema, "migrat"));
  g_assert_false (qmp_schema_has_command (schema, "STOP"));
  g_assert_true (qmp_schema_has_event (schema, "MIGRATION"));
  g_assert_false (qmp_schema_has_event (schema, "migrate"));
  g_assert_true (qmp_schema_command_allows_oob (schema, "yank"));
  g_assert_false (qmp_schema_command_allows_oob (schema, "cont"));
  g_assert_true (qmp_schema_has_argument (schema, "migrate", "uri"));
  g_assert_false (qmp_schema_has_argument (schema, "migrate", "nonsense"));
  g_assert_true (qmp_schema_argument_is_optional (schema, "migrate", "resume"));
  g_assert_true (qmp_schema_argument_is_optional (schema, "announce-self", "interfaces"));
  g_assert_false (qmp_schema_argument_is_optional (schema, "announce-self", "initial"));
  g_assert_true (qmp_schema_argument_accepts (schema, "migrate-set-capabilities", "capabilities.capability", "return-path"));
  g_assert_false (qmp_schema_argument_accepts (schema, "migrate-set-capabilities", "capabilities.capability", "nonsense"));
  g_assert_true (qmp_schema_argument_accepts (schema, "migrate-set-parameters", "multifd-compression", "none"));
  g_assert_true (qmp_schema_has_argument (schema, "migrate-set-parameters", "tls-creds"));
  g_assert_true (qmp_schema_returns (schema, "query-migrate", "status", "pre-switchover"));
  g_assert_false (qmp_schema_returns (schema, "query-migrate", "status", "nonsense"));
  g_assert_true (qmp_schema_returns (schema, "query-migrate", "ram.dirty-sync-count", NULL));
  g_assert_true (qmp_schema_returns (schema, "query-jobs", "status", "concluded"));
}

static void
test_one_client (Fixture *f, gconstpointer option)
{
  g_autoptr(QmpClient) first = NULL;
  g_autoptr(QmpClient) second = NULL;
  g_autoptr(QmpWait) brief = NULL;
  g_autoptr(GError) error = NULL;

  if (!f->qemu)
    return;
  first = open_client (f);
  brief = qmp_wait_new_within (f->wait, "the greeting", 100);
  second = qmp_client_open (f->path, brief, &error);
  g_assert_null (second);
  g_assert_error (error, QMP_ERROR, QMP_ERROR_BUSY);

  qmp_client_close (first);
  second = open_client (f);
  g_assert_nonnull (second);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(path, func, option) g_test_add ("/qmp-real/" path, Fixture, option, set_up, func, tear_down)
  TEST ("negotiate", test_negotiate, "-qmp");
  TEST ("negotiate-pretty", test_negotiate, "-qmp-pretty");
  TEST ("queries", test_queries, "-qmp");
  TEST ("queries-pretty", test_queries, "-qmp-pretty");
  TEST ("acts", test_acts, "-qmp");
  TEST ("quit", test_quit, "-qmp");
  TEST ("schema", test_schema, "-qmp");
  TEST ("schema-pretty", test_schema, "-qmp-pretty");
  TEST ("one-client", test_one_client, "-qmp");
  return g_test_run ();
}
