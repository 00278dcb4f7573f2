/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "fake-qemu.h"
#include "json-strict.h"
#include "qmp-commands.h"
#include "qmp-error.h"

#define LIMIT_MS 30000

typedef struct
{
  FakeQemu *fake;
  QmpWait *wait;
  QmpClient *client;
  GError *error;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr(GIOStream) stream = NULL;

  f->fake = fake_qemu_new ();
  f->wait = qmp_wait_new (NULL, "the fake QEMU", LIMIT_MS);
  stream = fake_qemu_connect (f->fake);
  f->client = qmp_client_open_stream (stream, f->wait, &f->error);
  g_assert_no_error (f->error);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_error (&f->error);
  g_clear_object (&f->client);
  fake_qemu_free (f->fake);
  qmp_wait_free (f->wait);
}

static void
assert_sent (Fixture *f, const char *command, const char *arguments)
{
  g_autoptr(JsonObject) sent = fake_qemu_last_arguments (f->fake, command);
  g_autofree char *text = sent ? json_strict_print_object (sent) : NULL;

  g_assert_cmpuint (fake_qemu_count (f->fake, command), >, 0);
  g_assert_cmpstr (text, ==, arguments);
}

static void
assert_texts (char **texts, const char *joined)
{
  g_autofree char *text = NULL;

  g_assert_nonnull (texts);
  text = g_strjoinv ("|", texts);
  g_assert_cmpstr (text, ==, joined);
  g_strfreev (texts);
}

static void
test_status (Fixture *f, gconstpointer data)
{
  g_autofree char *text = NULL;
  QmpRunState state;

  g_assert_true (qmp_query_status (f->client, &state, NULL, f->wait, &f->error));
  g_assert_cmpint (state, ==, QMP_RUN_STATE_RUNNING);
  fake_qemu_set_run_state (f->fake, "of-tomorrow");
  g_assert_true (qmp_query_status (f->client, &state, &text, f->wait, &f->error));
  g_assert_cmpint (state, ==, QMP_RUN_STATE_UNKNOWN);
  g_assert_cmpstr (text, ==, "of-tomorrow");
}

static void
test_migration (Fixture *f, gconstpointer data)
{
  g_autoptr(QmpMigrationInfo) info = NULL;

  fake_qemu_reply (f->fake, "query-migrate", "{'status': 'active', 'ram': {'remaining': 4096}}");
  info = qmp_query_migrate (f->client, f->wait, &f->error);
  g_assert_no_error (f->error);
  g_assert_cmpint (info->status, ==, QMP_MIGRATION_STATUS_ACTIVE);
  g_assert_cmpint (info->ram_remaining_bytes, ==, 4096);
}

static void
test_identity (Fixture *f, gconstpointer data)
{
  g_autofree char *name = qmp_query_name (f->client, f->wait, &f->error);
  g_autofree char *nameless = NULL;
  g_autofree char *uuid = qmp_query_uuid (f->client, f->wait, &f->error);
  g_autofree char *machine = NULL;
  g_autofree char *other = NULL;

  g_assert_cmpstr (name, ==, "fake");
  g_assert_cmpuint (strlen (uuid), ==, 36);
  fake_qemu_reply (f->fake, "query-name", "{}");
  nameless = qmp_query_name (f->client, f->wait, &f->error);
  g_assert_cmpstr (nameless, ==, "");
  machine = qmp_query_machine_type (f->client, f->wait, &f->error);
  g_assert_cmpstr (machine, ==, "pc-q35-7.2");
  assert_sent (f, "qom-get", "{\"path\":\"/machine\",\"property\":\"type\"}");
  fake_qemu_reply (f->fake, "qom-get", "'odd'");
  other = qmp_query_machine_type (f->client, f->wait, &f->error);
  g_assert_cmpstr (other, ==, "odd");
}

static void
test_size (Fixture *f, gconstpointer data)
{
  gboolean kvm = FALSE;
  gint64 bytes = 0;
  int vcpus = 0;

  g_assert_true (qmp_query_kvm (f->client, &kvm, f->wait, &f->error));
  g_assert_true (kvm);
  g_assert_true (qmp_query_vcpus (f->client, &vcpus, f->wait, &f->error));
  g_assert_cmpint (vcpus, ==, 1);
  g_assert_true (qmp_query_memory_bytes (f->client, &bytes, f->wait, &f->error));
  g_assert_cmpint (bytes, ==, 134217728);
  fake_qemu_reply (f->fake, "query-memory-size-summary", "{'base-memory': 1000, 'plugged-memory': 24}");
  g_assert_true (qmp_query_memory_bytes (f->client, &bytes, f->wait, &f->error));
  g_assert_cmpint (bytes, ==, 1024);
  fake_qemu_reply (f->fake, "query-memory-size-summary", "{'base-memory': 1000}");
  g_assert_true (qmp_query_memory_bytes (f->client, &bytes, f->wait, &f->error));
  g_assert_cmpint (bytes, ==, 1000);
}

static void
test_lists (Fixture *f, gconstpointer data)
{
  g_auto(GStrv) names = qmp_query_capability_names (f->client, f->wait, &f->error);

  g_assert_true (g_strv_contains ((const char *const *) names, "late-block-activate"));
  assert_texts (qmp_query_machines (f->client, f->wait, &f->error), "pc-q35-7.2|q35|pc-i440fx-7.2|pc|none");
  assert_texts (qmp_query_busy_jobs (f->client, f->wait, &f->error), "");
  fake_qemu_reply (f->fake, "query-jobs",
                   "[{'id': 'j0', 'type': 'mirror', 'status': 'ready', 'current-progress': 1, 'total-progress': 2},"
                   " {'id': 'j1', 'type': 'commit', 'status': 'concluded'}]");
  assert_texts (qmp_query_busy_jobs (f->client, f->wait, &f->error), "j0 (mirror, ready)");
}

static void
test_drives (Fixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) drives = NULL;
  const QmpDrive *drive;

  fake_qemu_reply (f->fake, "query-block",
                   "[{'device': 'cd', 'removable': true}, {'device': 'd0', 'inserted': {'file': '/d.qcow2', 'ro': true, 'image':"
                   " {'filename': '/d.qcow2', 'backing-image': {'filename': '/base.qcow2', 'backing-image': {'filename': '/root.raw'}}}}}]");
  drives = qmp_query_drives (f->client, f->wait, &f->error);
  g_assert_no_error (f->error);
  g_assert_cmpuint (drives->len, ==, 1);
  drive = g_ptr_array_index (drives, 0);
  g_assert_cmpstr (drive->file, ==, "/d.qcow2");
  g_assert_true (drive->read_only);
  g_assert_cmpstr (drive->backing[0], ==, "/base.qcow2");
  g_assert_cmpstr (drive->backing[1], ==, "/root.raw");
  g_assert_null (drive->backing[2]);
}

static void
test_children (Fixture *f, gconstpointer data)
{
  fake_qemu_reply (f->fake, "qom-list",
                   "[{'name': 'type', 'type': 'string'}, {'name': 'net0', 'type': 'child<virtio-net-pci>'},"
                   " {'name': 'device[1]', 'type': 'child<VGA>'}, {'name': 'l', 'type': 'link<x>'}]");
  assert_texts (qmp_query_peripherals (f->client, f->wait, &f->error), "net0|device[1]");
  assert_sent (f, "qom-list", "{\"path\":\"/machine/peripheral\"}");
  assert_texts (qmp_query_anonymous_peripheral_types (f->client, f->wait, &f->error), "virtio-net-pci|VGA");
  assert_sent (f, "qom-list", "{\"path\":\"/machine/peripheral-anon\"}");
  assert_texts (qmp_query_object_ids (f->client, f->wait, &f->error), "net0|device[1]");
  assert_sent (f, "qom-list", "{\"path\":\"/objects\"}");

  /* QEMU makes the container with its first child. */
  fake_qemu_fail (f->fake, "qom-list", "DeviceNotFound", "Device '/objects' not found");
  assert_texts (qmp_query_object_ids (f->client, f->wait, &f->error), "");
  fake_qemu_fail (f->fake, "qom-list", "GenericError", "broken");
  g_assert_null (qmp_query_object_ids (f->client, f->wait, &f->error));
  g_assert_error (f->error, QMP_ERROR, QMP_ERROR_GENERIC);
}

static void
test_settings (Fixture *f, gconstpointer data)
{
  static const char *const on[] = { "events", "return-path", NULL };
  static const char *const off[] = { "xbzrle", NULL };
  g_autoptr(JsonObject) parameters = NULL;
  JsonObject *wanted = json_object_new ();

  g_assert_true (qmp_migrate_set_capabilities (f->client, on, off, f->wait, &f->error));
  assert_sent (f, "migrate-set-capabilities",
               "{\"capabilities\":[{\"capability\":\"events\",\"state\":true},"
               "{\"capability\":\"return-path\",\"state\":true},{\"capability\":\"xbzrle\",\"state\":false}]}");
  g_assert_true (qmp_migrate_set_capabilities (f->client, NULL, off, f->wait, &f->error));
  assert_sent (f, "migrate-set-capabilities", "{\"capabilities\":[{\"capability\":\"xbzrle\",\"state\":false}]}");

  json_object_set_int_member (wanted, "downtime-limit", 100);
  g_assert_true (qmp_migrate_set_parameters (f->client, wanted, f->wait, &f->error));
  assert_sent (f, "migrate-set-parameters", "{\"downtime-limit\":100}");
  parameters = qmp_query_migrate_parameters (f->client, f->wait, &f->error);
  g_assert_cmpint (json_object_get_int_member (parameters, "downtime-limit"), ==, 300);
}

static void
test_acts (Fixture *f, gconstpointer data)
{
  g_auto(GStrv) commands = NULL;
  g_autofree char *joined = NULL;

  g_assert_true (qmp_migrate_incoming (f->client, "tcp:[::]:0", FALSE, f->wait, &f->error));
  assert_sent (f, "migrate-incoming", "{\"uri\":\"tcp:[::]:0\"}");
  g_assert_true (qmp_migrate_incoming (f->client, "unix:/x", TRUE, f->wait, &f->error));
  assert_sent (f, "migrate-incoming", "{\"uri\":\"unix:/x\",\"exit-on-error\":false}");
  g_assert_true (qmp_migrate (f->client, "tcp:127.0.0.1:1", f->wait, &f->error));
  assert_sent (f, "migrate", "{\"uri\":\"tcp:127.0.0.1:1\"}");
  g_assert_true (qmp_migrate_continue (f->client, f->wait, &f->error));
  assert_sent (f, "migrate-continue", "{\"state\":\"pre-switchover\"}");
  g_assert_true (qmp_migrate_cancel (f->client, f->wait, &f->error));
  g_assert_true (qmp_yank_migration (f->client, f->wait, &f->error));
  assert_sent (f, "yank", "{\"instances\":[{\"type\":\"migration\"}]}");
  g_assert_true (qmp_stop (f->client, f->wait, &f->error));
  g_assert_true (qmp_cont (f->client, f->wait, &f->error));
  g_assert_true (qmp_announce_self (f->client, f->wait, &f->error));
  assert_sent (f, "announce-self", "{\"initial\":50,\"max\":550,\"rounds\":5,\"step\":50}");

  commands = fake_qemu_commands (f->fake);
  joined = g_strjoinv (" ", commands);
  g_assert_cmpstr (joined, ==,
                   "qmp_capabilities migrate-incoming migrate-incoming migrate migrate-continue migrate_cancel oob:yank "
                   "stop cont announce-self");
}

/* Even while the main loop is blocked. */
static void
test_yank_frozen (Fixture *f, gconstpointer data)
{
  fake_qemu_freeze (f->fake, TRUE);
  g_assert_true (qmp_yank_migration (f->client, f->wait, &f->error));
  g_assert_no_error (f->error);
}

static void
test_quit (Fixture *f, gconstpointer data)
{
  g_assert_true (qmp_quit (f->client, f->wait, &f->error));
  g_assert_no_error (f->error);
}

static void
test_quit_without_answer (Fixture *f, gconstpointer data)
{
  fake_qemu_hang_up_on (f->fake, "quit");
  g_assert_true (qmp_quit (f->client, f->wait, &f->error));
  g_assert_no_error (f->error);
  g_assert_false (qmp_quit (f->client, f->wait, &f->error));
  g_assert_error (f->error, QMP_ERROR, QMP_ERROR_CLOSED);
}

static void
test_quit_refused (Fixture *f, gconstpointer data)
{
  fake_qemu_fail (f->fake, "quit", "GenericError", "no");
  g_assert_false (qmp_quit (f->client, f->wait, &f->error));
  g_assert_error (f->error, QMP_ERROR, QMP_ERROR_GENERIC);
}

static void
assert_wrong_reply (Fixture *f, gboolean succeeded)
{
  g_assert_false (succeeded);
  g_assert_error (f->error, QMP_ERROR, QMP_ERROR_NOT_QMP);
  g_assert_false (qmp_error_is_refusal (f->error));
  g_clear_error (&f->error);
}

static void
test_dirty_rate (Fixture *f, gconstpointer data)
{
  QmpDirtyRateWish wish = { .mode = QMP_DIRTY_RATE_BITMAP, .ms = 2000 };
  gint64 rate = 0;

  fake_qemu_reply (f->fake, "calc-dirty-rate", "{}");
  g_assert_true (qmp_calc_dirty_rate (f->client, &wish, f->wait, &f->error));
  fake_qemu_reply (f->fake, "query-dirty-rate", "{'status': 'measuring'}");
  g_assert_true (qmp_query_dirty_rate (f->client, &rate, f->wait, &f->error));
  g_assert_cmpint (rate, ==, -1);
  fake_qemu_reply (f->fake, "query-dirty-rate", "{'status': 'measured', 'dirty-rate': 97}");
  g_assert_true (qmp_query_dirty_rate (f->client, &rate, f->wait, &f->error));
  g_assert_cmpint (rate, ==, 97);
  fake_qemu_reply (f->fake, "query-dirty-rate", "{'status': 'measured', 'dirty-rate': -4}");
  assert_wrong_reply (f, qmp_query_dirty_rate (f->client, &rate, f->wait, &f->error));
}

static void
test_wrong_replies (Fixture *f, gconstpointer data)
{
  static const char *const commands[] = { "query-status", "query-migrate",   "query-uuid", "query-kvm",
                                          "qom-get",      "query-cpus-fast", "query-jobs", "query-memory-size-summary" };
  QmpRunState state;
  gboolean kvm;
  gint64 bytes;
  int vcpus;

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    fake_qemu_reply (f->fake, commands[i], "7");
  assert_wrong_reply (f, qmp_query_status (f->client, &state, NULL, f->wait, &f->error));
  assert_wrong_reply (f, qmp_query_migrate (f->client, f->wait, &f->error) != NULL);
  assert_wrong_reply (f, qmp_query_uuid (f->client, f->wait, &f->error) != NULL);
  assert_wrong_reply (f, qmp_query_kvm (f->client, &kvm, f->wait, &f->error));
  assert_wrong_reply (f, qmp_query_machine_type (f->client, f->wait, &f->error) != NULL);
  assert_wrong_reply (f, qmp_query_vcpus (f->client, &vcpus, f->wait, &f->error));
  assert_wrong_reply (f, qmp_query_busy_jobs (f->client, f->wait, &f->error) != NULL);
  assert_wrong_reply (f, qmp_query_memory_bytes (f->client, &bytes, f->wait, &f->error));

  fake_qemu_reply (f->fake, "query-status", "{}");
  assert_wrong_reply (f, qmp_query_status (f->client, &state, NULL, f->wait, &f->error));
  fake_qemu_reply (f->fake, "query-memory-size-summary", "{'base-memory': -5}");
  assert_wrong_reply (f, qmp_query_memory_bytes (f->client, &bytes, f->wait, &f->error));
}

/* Every call hands on what QEMU says, and the state of the connection. */
static void
test_refused (Fixture *f, gconstpointer data)
{
  fake_qemu_fail (f->fake, "cont", "GenericError", "Migration is not finalized yet");
  g_assert_false (qmp_cont (f->client, f->wait, &f->error));
  g_assert_error (f->error, QMP_ERROR, QMP_ERROR_GENERIC);
  g_assert_cmpstr (f->error->message, ==, "cont: Migration is not finalized yet");
  g_clear_error (&f->error);
  qmp_client_close (f->client);
  g_assert_null (qmp_query_name (f->client, f->wait, &f->error));
  g_assert_error (f->error, QMP_ERROR, QMP_ERROR_CLOSED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(path, func) g_test_add ("/qmp-commands/" path, Fixture, NULL, set_up, func, tear_down)
  TEST ("status", test_status);
  TEST ("migration", test_migration);
  TEST ("identity", test_identity);
  TEST ("size", test_size);
  TEST ("lists", test_lists);
  TEST ("drives", test_drives);
  TEST ("children", test_children);
  TEST ("settings", test_settings);
  TEST ("acts", test_acts);
  TEST ("yank-frozen", test_yank_frozen);
  TEST ("quit", test_quit);
  TEST ("quit-without-answer", test_quit_without_answer);
  TEST ("quit-refused", test_quit_refused);
  TEST ("dirty-rate", test_dirty_rate);
  TEST ("wrong-replies", test_wrong_replies);
  TEST ("refused", test_refused);
  return g_test_run ();
}
