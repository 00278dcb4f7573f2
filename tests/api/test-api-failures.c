/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-failures.h"

#include <gio/gio.h>
#include <string.h>

/* What real QEMUs said, whole, and the row that is meant. */
static const struct
{
  const char *name; /* of the row; NULL: none */
  const char *said;
} recorded[] = {
  { "machine-unknown", "qemu-system-x86_64: unsupported machine type; Use -machine help to list supported machines" },
  { "machine-unknown", "qemu-system-x86_64: unsupported machine type: \"pc-i440fx-99.0\"; Use -machine help to list supported machines" },
  { "device-unknown", "qemu-system-x86_64: -device virtio-nosuch: 'virtio-nosuch' is not a valid device model name" },
  { "cpu-feature", "qemu-system-x86_64: TCG doesn't support requested features" },
  { "bridge", "failed to parse default acl file `/etc/qemu/bridge.conf'; qemu-system-x86_64: -netdev bridge,id=n,br=nobr: bridge helper failed" },
  { "disk-locked", "qemu-system-x86_64: -device virtio-blk-pci,drive=b: Failed to get \"write\" lock; Is another process using the image [/d]?" },
  { "disk-missing", "qemu-system-x86_64: -drive file=/no,if=none,id=d: Could not open '/no': No such file or directory" },
  { "disk-denied", "qemu-system-x86_64: -drive file=/no,if=none,id=d: Could not open '/no': Permission denied" },
  { "vnc-port", "qemu-system-x86_64: -vnc 127.0.0.1:1: Failed to find an available port: Address already in use" },
  { "port-taken", "qemu-system-x86_64: -chardev socket,id=c,port=1: Failed to find an available port: Address already in use" },
  { "address-absent", "Failed to bind socket: Cannot assign requested address" },
  { "machine-differs", "Machine type received is 'pc-i440fx-7.2' and local is 'pc-q35-7.2'; qemu-system-x86_64: load of migration failed: Invalid argument" },
  /* What names the cause goes before what follows from it, whatever QEMU says first. */
  { "memory-differs",
    "qemu-system-x86_64: load of migration failed: Invalid argument; qemu-system-x86_64: Size mismatch: pc.ram: 0x1000000 != 0x2000000: Invalid "
    "argument; qemu-system-x86_64: error while loading state for instance 0x0 of device 'ram'" },
  { "memory-block-unknown",
    "qemu-system-x86_64: Unknown ramblock \"0000:00:05.0/virtio-net-pci.rom\", cannot accept migration; qemu-system-x86_64: error while loading "
    "state for instance 0x0 of device 'ram'; qemu-system-x86_64: load of migration failed: Invalid argument" },
  { "pci-config",
    "qemu-system-x86_64: get_pci_config_device: Bad config data: i=0x34 read: 98 device: 84 cmask: ff wmask: 0 w1cmask:0; qemu-system-x86_64: "
    "Failed to load PCIDevice:config; qemu-system-x86_64: error while loading state for instance 0x0 of device '0000:00:05.0/virtio-net'" },
  { "device-state", "qemu-system-x86_64: error while loading state for instance 0x0 of device 'timer'\nload of migration failed: Invalid argument" },
  { "load", "qemu-system-x86_64: load of migration failed: Invalid argument" },
  { "load-io", "qemu-system-x86_64: load of migration failed: Input/output error" },
  { "other-side-failed", "Sibling indicated error 1" },
  { "connection-refused", "Failed to connect to '127.0.0.1:1': Connection refused" },
  { "socket-gone", "Failed to connect to '/none/s': No such file or directory" },
  { "tls-cut", "Cannot read from TLS channel: The TLS connection was non-properly terminated." },
  { "tls-name", "Certificate does not match the hostname beta" },
  { "tls-handshake", "TLS handshake failed: Error in the pull function." },
  { "link-cut", "Unable to write to socket: Broken pipe" },
  { "link-cut", "Unable to write to socket: Connection reset by peer" },
  { "device-blocks", "State blocked by non-migratable device '0000:00:02.0/nvme'" },
  { "virtfs-mounted", "Migration is disabled when VirtFS export path '/srv' is mounted in the guest using mount_tag 'x'" },
  { "disk-format-blocks", "The vvfat (rw) format used by node 'v' does not support live migration" },
  { "not-finalized", "Migration is not finalized yet" },
  { "userfaultfd", "postcopy_ram_supported_by_host: Userfaultfd not available: Operation not permitted" },
  { "tap", "qemu-system-x86_64: -netdev tap,id=n: could not configure /dev/net/tun (tap0): Operation not permitted" },
  { "link-cut", "migration failed: QEMU on the source says: ram_save_setup failed: Input/output error" },
  { NULL, "qemu-system-x86_64: terminating on signal 15 from pid 16131 (timeout)" },
  { NULL, "Could not open '/a': is fine; and something else: No such file or directory" },
  { NULL, "" },
};

static void
test_match (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (recorded); i++)
    {
      const QmigFailure *row = qmig_failure_match (recorded[i].said);

      g_test_message ("%s", recorded[i].said);
      g_assert_cmpstr (row != NULL ? row->name : NULL, ==, recorded[i].name);
    }
}

static void
check_row (const QmigFailure *row)
{
  g_test_message ("%s", row->id);
  g_assert_true (g_regex_match_simple ("^QMIG-E[0-9]{4}$", row->id, 0, 0));
  g_assert_true (g_regex_match_simple ("^[a-z][a-z0-9-]+$", row->name, 0, 0));
  g_assert_true (g_ascii_isupper (row->cause[0]) || g_str_has_prefix (row->cause, "/dev"));
  g_assert_true (g_str_has_suffix (row->cause, "."));
  g_assert_true (g_str_has_suffix (row->cure, "."));
  g_assert_cmpint (row->texts[0] != NULL, ==, row->proof != QMIG_FAILURE_OWN);
  g_assert_cmpint (row->exit_code != QMIG_EXIT_OK, ==, row->proof == QMIG_FAILURE_OWN);
}

static void
test_rows (void)
{
  g_autoptr(GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  const QmigFailure *row;

  for (gsize i = 0; (row = qmig_failure_nth (i)) != NULL; i++)
    {
      check_row (row);
      g_assert_true (g_hash_table_add (seen, (gpointer) row->id));
      g_assert_true (g_hash_table_add (seen, (gpointer) row->name));
      g_assert_true (qmig_failure_find (row->id) == row);
      g_assert_true (qmig_failure_find (row->id + strlen ("QMIG-")) == row);
      g_assert_true (qmig_failure_find (row->name) == row);
    }
  g_assert_null (qmig_failure_find ("E9999"));
  g_assert_null (qmig_failure_find (""));
}

/* Every exit status but OK has its own. */
static void
test_exits (void)
{
  for (int code = 1; code <= QMIG_EXIT_PARTIAL; code++)
    g_assert_cmpint (qmig_failure_for_exit ((QmigExit) code)->exit_code, ==, code);
  g_assert_cmpint (qmig_failure_for_exit (QMIG_EXIT_INTERRUPTED)->exit_code, ==, QMIG_EXIT_INTERRUPTED);
  g_assert_cmpint (qmig_failure_for_exit ((QmigExit) 99)->exit_code, ==, QMIG_EXIT_ERROR);
}

/* Ids of checks as the sources spell them. */
static guint
check_source (const char *path)
{
  static const char call[] = "qmig_check_add (";
  g_autofree char *text = NULL;
  g_autoptr(GRegex) regex = g_regex_new ("qmig_check_add \\([^\";]*\"([a-z-]+)\", *\\n? *QMIG_CHECK_", 0, 0, NULL);
  g_autoptr(GMatchInfo) match = NULL;
  guint n = 0;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  if (strstr (text, call) == NULL)
    return 0;
  for (g_regex_match (regex, text, 0, &match); g_match_info_matches (match); g_match_info_next (match, NULL))
    {
      g_autofree char *id = g_match_info_fetch (match, 1);

      g_test_message ("%s: the check '%s' needs a row in api-failures-own.c", path, id);
      g_assert_nonnull (qmig_failure_for_check (id));
      n++;
    }
  return n;
}

static guint
check_room (const char *room)
{
  g_autofree char *path = g_build_filename (QMIG_SOURCE_ROOT, "src", room, NULL);
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  guint n = 0;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      if (g_str_has_suffix (name, ".c"))
        n += check_source (file);
    }
  return n;
}

static void
test_checks (void)
{
  g_assert_cmpuint (check_room ("core"), >, 20);
  g_assert_cmpuint (check_room ("agent"), >, 10);
  g_assert_cmpstr (qmig_failure_id_for_check ("machine"), ==, "QMIG-E0108");
  g_assert_cmpstr (qmig_failure_id_for_check ("of another version"), ==, "QMIG-E0003");
}

/* -- the account ------------------------------------------------------------ */

static QmigResult *
new_result (QmigExit code, const char *error)
{
  QmigResult *result = qmig_result_new ();

  result->exit_code = code;
  result->error = g_strdup (error);
  return result;
}

static void
test_explain (void)
{
  g_autoptr(QmigResult) result = new_result (QMIG_EXIT_ROLLED_BACK, "the migration failed in pre-copy");
  const QmigFailure *row = qmig_failure_find ("memory-differs");

  result->source_said = g_strdup ("Unable to write to socket: Connection reset by peer");
  result->destination_said = g_strdup ("Size mismatch: pc.ram: 0x1 != 0x2: Invalid argument; load of migration failed: Invalid argument");
  qmig_failure_explain (result, NULL);
  g_assert_cmpstr (result->error_id, ==, row->id);
  g_assert_cmpstr (result->cause, ==, row->cause);
  g_assert_cmpstr (result->cure, ==, row->cure);
}

static void
test_explain_unknown (void)
{
  g_autoptr(QmigResult) moved = new_result (QMIG_EXIT_OK, NULL);
  g_autoptr(QmigResult) silent = new_result (QMIG_EXIT_ROLLED_BACK, "QEMU said something new");
  g_autoptr(QmigResult) cancelled = new_result (QMIG_EXIT_CANCELLED, "cancelled: by request");

  cancelled->source_said = g_strdup ("Unable to write to socket: Broken pipe");
  qmig_failure_explain (moved, NULL);
  qmig_failure_explain (silent, NULL);
  qmig_failure_explain (cancelled, NULL);
  g_assert_null (moved->error_id);
  g_assert_cmpstr (silent->error_id, ==, "QMIG-E0004");
  g_assert_cmpstr (cancelled->error_id, ==, "QMIG-E0006");
}

static void
test_explain_refused (void)
{
  g_autoptr(QmigResult) result = new_result (QMIG_EXIT_REFUSED, "refused: machine type pc-99 is unknown");
  g_autoptr(GPtrArray) checks = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_check_free);

  qmig_check_add (checks, "monitor", QMIG_CHECK_OK, NULL, "QMP");
  qmig_check_add (checks, "clock", QMIG_CHECK_WARN, NULL, "off");
  qmig_check_add (checks, "machine", QMIG_CHECK_FAIL, "use pc-10", "machine type pc-99 is unknown");
  qmig_check_add (checks, "memory", QMIG_CHECK_FAIL, NULL, "too little");
  qmig_failure_explain (result, checks);
  g_assert_cmpstr (result->error_id, ==, "QMIG-E0108");
  g_assert_cmpstr (result->cause, ==, "machine type pc-99 is unknown");
  g_assert_cmpstr (result->cure, ==, "use pc-10");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/api/failures/match", test_match);
  g_test_add_func ("/api/failures/rows", test_rows);
  g_test_add_func ("/api/failures/exits", test_exits);
  g_test_add_func ("/api/failures/checks", test_checks);
  g_test_add_func ("/api/failures/explain", test_explain);
  g_test_add_func ("/api/failures/explain/unknown", test_explain_unknown);
  g_test_add_func ("/api/failures/explain/refused", test_explain_refused);
  return g_test_run ();
}
