/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is found on this host: QEMUs of many kinds, without guests. */

#include <gio/gunixsocketaddress.h>

#include "host-fixture.h"

#include "qmig-inventory.h"
#include "qmig-journal.h"
#include "qmig-launcher.h"

#define ASK_MS 20000
#define UUID "6ab0e2b8-0c0a-4f7e-9e0b-123456789abc"

typedef struct
{
  HostFixture f;
  GError *error;
} Fixture;

static void
set_up (Fixture *t, gconstpointer data)
{
  host_fixture_set_up (&t->f);
}

static void
tear_down (Fixture *t, gconstpointer data)
{
  g_clear_error (&t->error);
  host_fixture_tear_down (&t->f);
}

/* Unique among all that runs on this host: other tests have QEMUs too. */
static char *
name_of (Fixture *t, const char *short_name)
{
  g_autofree char *unique = g_path_get_basename (t->f.dir);

  return g_strdup_printf ("%s-%s", short_name, unique);
}

static char *
path_of (Fixture *t, const char *name, const char *file)
{
  return g_build_filename (t->f.env.runtime_dir, "vm", name, file, NULL);
}

/* QEMU's socket is there a moment before it listens. */
static gboolean
is_ready (const char *path, gboolean listens)
{
  g_autoptr(GSocketClient) client = NULL;
  g_autoptr(GSocketAddress) address = NULL;
  g_autoptr(GSocketConnection) connection = NULL;

  if (!listens)
    return g_file_test (path, G_FILE_TEST_EXISTS);
  client = g_socket_client_new ();
  address = g_unix_socket_address_new (path);
  connection = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, NULL);
  return connection != NULL;
}

/* Waits for the socket @awaited (nullable). */
static gint64
start (Fixture *t, const char *directory, const char *options, const char *awaited)
{
  g_autofree char *run_dir = path_of (t, directory, "");
  g_autofree char *pidfile = path_of (t, directory, "pid");
  g_autofree char *line = g_strdup_printf ("%s -machine none -nodefaults -display none -S -pidfile %s %s", t->f.qemu, pidfile,
                                           options);
  g_auto(GStrv) argv = NULL;
  gint64 pid, start_time;

  g_assert_true (g_shell_parse_argv (line, NULL, &argv, &t->error));
  qmig_launcher_start ((const char *const *) argv, run_dir, NULL, &pid, &start_time, &t->error);
  g_assert_no_error (t->error);
  while (!is_ready (awaited ? awaited : pidfile, awaited != NULL))
    {
      g_assert_true (qmig_process_is_alive (pid, start_time));
      g_assert_true (qmp_wait_pause (t->f.wait, 2, NULL));
    }
  return pid;
}

static gint64
start_with_qmp (Fixture *t, const char *short_name, const char *more, char **socket)
{
  g_autofree char *name = name_of (t, short_name);
  g_autofree char *path = path_of (t, short_name, "qmp.sock");
  g_autofree char *options = g_strdup_printf ("-name guest=%s -qmp unix:%s,server=on,wait=off %s", name, path, more);
  gint64 pid = start (t, short_name, options, path);

  if (socket != NULL)
    *socket = g_steal_pointer (&path);
  return pid;
}

/* Other tests' QEMUs are found too: calling them busy leaves their monitors alone. */
static char *
say_others_busy (gint64 pid, char **run_state, gpointer data)
{
  return pid == *(gint64 *) data ? NULL : g_strdup ("not-ours");
}

static QmigVm *
list_one (Fixture *t, gboolean ask, gint64 pid)
{
  g_autoptr(GPtrArray) vms = qmig_inventory_list (&t->f.env, ask, ASK_MS, say_others_busy, &pid, &t->error);

  g_assert_no_error (t->error);
  for (guint i = 0; i < vms->len; i++)
    if (((QmigVm *) g_ptr_array_index (vms, i))->pid == pid)
      return g_ptr_array_steal_index (vms, i);
  return NULL;
}

static void
test_found (Fixture *t, gconstpointer data)
{
  g_autofree char *name = name_of (t, "a");
  g_autofree char *socket = NULL;
  g_autoptr(QmigVm) quick = NULL;
  g_autoptr(QmigVm) asked = NULL;
  gint64 pid;

  if (!host_fixture_need_qemu (&t->f))
    return;
  pid = start_with_qmp (t, "a", "-uuid " UUID, &socket);
  quick = list_one (t, FALSE, pid);
  g_assert_cmpstr (quick->name, ==, name);
  g_assert_cmpstr (quick->uuid, ==, UUID);
  g_assert_cmpstr (quick->owner, ==, "found");
  g_assert_cmpstr (quick->qmp, ==, socket);
  g_assert_cmpstr (quick->host, ==, "here");
  g_assert_null (quick->run_state);
  g_assert_null (quick->problem);
  g_assert_null (quick->argv);

  asked = list_one (t, TRUE, pid);
  g_assert_null (asked->problem);
  g_assert_cmpstr (asked->run_state, ==, "prelaunch");
  g_assert_cmpstr (asked->machine, ==, "none");
  g_assert_nonnull (asked->qemu_version);
  g_assert_cmpstr (asked->accelerator, ==, "tcg");
}

static void
test_no_monitor (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigVm) vm = NULL;
  gint64 pid;

  if (!host_fixture_need_qemu (&t->f))
    return;
  pid = start (t, "bare", "", NULL);
  vm = list_one (t, FALSE, pid);
  g_assert_null (vm->qmp);
  g_assert_nonnull (strstr (vm->problem, "no QMP monitor"));
  g_assert_true (g_str_has_prefix (vm->name, "qemu-"));
}

static void
test_libvirt (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigVm) vm = NULL;
  g_autofree char *path = path_of (t, "lv", "mon");
  g_autofree char *options
      = g_strdup_printf ("-chardev socket,id=charmonitor,path=%s,server=on,wait=off -mon chardev=charmonitor,mode=control", path);
  gint64 pid;

  if (!host_fixture_need_qemu (&t->f))
    return;
  pid = start (t, "lv", options, path);
  vm = list_one (t, FALSE, pid);
  g_assert_null (vm->qmp);
  g_assert_nonnull (strstr (vm->problem, "libvirt manages this VM"));
}

static void
test_busy_monitor (Fixture *t, gconstpointer data)
{
  g_autofree char *socket = NULL;
  g_autoptr(QmpClient) holder = NULL;
  g_autoptr(GPtrArray) vms = NULL;
  gint64 pid;
  gboolean seen = FALSE;

  if (!host_fixture_need_qemu (&t->f))
    return;
  pid = start_with_qmp (t, "busy", "", &socket);
  holder = qmp_client_open (socket, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  /* No greeting comes: the wait for it is the answer, so it is short. */
  vms = qmig_inventory_list (&t->f.env, TRUE, 300, say_others_busy, &pid, &t->error);
  for (guint i = 0; i < vms->len; i++)
    {
      const QmigVm *vm = g_ptr_array_index (vms, i);

      if (vm->pid != pid)
        continue;
      seen = TRUE;
      g_assert_nonnull (strstr (vm->problem, "another client holds the monitor"));
    }
  g_assert_true (seen);
}

static char *
say_busy (gint64 pid, char **run_state, gpointer data)
{
  if (pid != *(gint64 *) data)
    return NULL;
  *run_state = g_strdup ("running");

  return g_strdup ("m-1");
}

static void
test_moving (Fixture *t, gconstpointer data)
{
  g_autoptr(GPtrArray) vms = NULL;
  gboolean seen = FALSE;
  gint64 pid;

  if (!host_fixture_need_qemu (&t->f))
    return;
  pid = start_with_qmp (t, "moving", "", NULL);
  vms = qmig_inventory_list (&t->f.env, FALSE, 0, say_busy, &pid, &t->error);
  for (guint i = 0; i < vms->len; i++)
    {
      const QmigVm *vm = g_ptr_array_index (vms, i);

      if (vm->pid != pid)
        continue;
      seen = TRUE;
      g_assert_cmpstr (vm->migration, ==, "m-1");
      g_assert_cmpstr (vm->run_state, ==, "running");
      g_assert_null (vm->problem);
    }
  g_assert_true (seen);
}

static gint64
start_with_our_monitor (Fixture *t, const char *directory, const char *monitor)
{
  g_autofree char *options = g_strdup_printf ("-chardev socket,id=qmig-monitor,path=%s,server=on,wait=off"
                                              " -mon chardev=qmig-monitor,mode=control", monitor);

  return start (t, directory, options, monitor);
}

/* Ours, another agent's, and one that is only on its way here. */
static void
test_owners (Fixture *t, gconstpointer data)
{
  g_autofree char *ours = path_of (t, "ours", "qmig.qmp");
  g_autofree char *theirs = g_build_filename (t->f.dir, "theirs.qmp", NULL);
  g_autofree char *incoming = path_of (t, "m-1", "qmig.qmp");
  g_autoptr(QmigJournal) journal = NULL;
  g_autoptr(QmigIncomingSpec) spec = NULL;
  g_autoptr(QmigVm) vm = NULL;
  gint64 their_pid, incoming_pid;

  if (!host_fixture_need_qemu (&t->f))
    return;
  journal = qmig_journal_open (t->f.env.state_dir, &t->error);
  vm = list_one (t, FALSE, start_with_our_monitor (t, "ours", ours));
  g_assert_cmpstr (vm->owner, ==, "qmig");
  g_assert_cmpstr (vm->qmp, ==, ours);
  g_assert_null (vm->problem);

  their_pid = start_with_our_monitor (t, "theirs", theirs);
  g_assert_null (list_one (t, FALSE, their_pid));

  incoming_pid = start_with_our_monitor (t, "m-1", incoming);
  spec = host_fixture_spec (&t->f, "m-1", NULL);
  g_assert_true (qmig_journal_reserve (journal, spec, &t->error));
  g_assert_null (list_one (t, FALSE, incoming_pid));
  g_assert_true (qmig_journal_reservation_end (journal, "m-1", &t->error));
  g_clear_pointer (&vm, qmig_vm_free);
  vm = list_one (t, FALSE, incoming_pid);
  g_assert_nonnull (vm);
}

static void
assert_finds (Fixture *t, const char *what, gint64 pid)
{
  g_autoptr(QmigVm) vm = qmig_inventory_find (&t->f.env, what, &t->error);

  g_assert_no_error (t->error);
  g_assert_cmpint (vm->pid, ==, pid);
  g_assert_nonnull (vm->argv);
}

static void
test_find (Fixture *t, gconstpointer data)
{
  g_autofree char *uuid = g_uuid_string_random ();
  g_autofree char *with_uuid = g_strdup_printf ("-uuid %s", uuid);
  g_autofree char *name = name_of (t, "f");
  g_autofree char *pid_text = NULL;
  g_autofree char *id = NULL;
  g_autofree char *typo = name_of (t, "ff");
  gint64 pid;

  if (!host_fixture_need_qemu (&t->f))
    return;
  pid = start_with_qmp (t, "f", with_uuid, NULL);
  pid_text = g_strdup_printf ("%" G_GINT64_FORMAT, pid);
  id = g_strdup_printf ("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT, pid, qmig_process_get_start_time (pid));
  assert_finds (t, name, pid);
  assert_finds (t, uuid, pid);
  assert_finds (t, pid_text, pid);
  assert_finds (t, id, pid);

  g_assert_null (qmig_inventory_find (&t->f.env, typo, &t->error));
  g_assert_error (t->error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND);
  g_assert_nonnull (strstr (t->error->message, name));
}

static void
test_find_ambiguous (Fixture *t, gconstpointer data)
{
  g_autofree char *name = name_of (t, "twin");
  g_autofree char *first = NULL;
  g_autofree char *options = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  options = g_strdup_printf ("-name %s", name);
  first = g_strdup_printf ("%" G_GINT64_FORMAT ".", start (t, "t1", options, NULL));
  start (t, "t2", options, NULL);
  g_assert_null (qmig_inventory_find (&t->f.env, name, &t->error));
  g_assert_error (t->error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
  g_assert_nonnull (strstr (t->error->message, first));
}

/* Its monitor is on no command line: the socket was added by hand, the process is known by asking. */
static void
test_added (Fixture *t, gconstpointer data)
{
  g_autofree char *name = name_of (t, "added");
  g_autofree char *socket = path_of (t, "fd", "hidden.sock");
  g_autofree char *config = g_build_filename (t->f.dir, "qemu.cfg", NULL);
  g_autofree char *text = g_strdup_printf ("[chardev \"c\"]\n  backend = \"socket\"\n  path = \"%s\"\n  server = \"on\"\n"
                                           "  wait = \"off\"\n[mon \"m\"]\n  mode = \"control\"\n  chardev = \"c\"\n", socket);
  g_autofree char *options = g_strdup_printf ("-readconfig %s", config);
  g_autoptr(QmigJournal) journal = NULL;
  g_autoptr(QmigVm) vm = NULL;
  gint64 pid;

  if (!host_fixture_need_qemu (&t->f))
    return;
  g_assert_true (g_file_set_contents (config, text, -1, &t->error));
  pid = start (t, "fd", options, socket);
  journal = qmig_journal_open (t->f.env.state_dir, &t->error);
  g_assert_true (qmig_journal_add_vm (journal, name, socket, 0, &t->error));
  vm = qmig_inventory_find (&t->f.env, name, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (vm->pid, ==, pid);
  g_assert_cmpstr (vm->owner, ==, "added");
  g_assert_cmpstr (vm->qmp, ==, socket);
  g_assert_cmpstr (vm->run_state, ==, "prelaunch");
}

/* A name given by hand is the name of a VM that is found anyway. */
static void
test_added_to_found (Fixture *t, gconstpointer data)
{
  g_autofree char *name = name_of (t, "nick");
  g_autofree char *socket = NULL;
  g_autoptr(QmigJournal) journal = NULL;
  gint64 pid;

  if (!host_fixture_need_qemu (&t->f))
    return;
  pid = start_with_qmp (t, "plain", "", &socket);
  journal = qmig_journal_open (t->f.env.state_dir, &t->error);
  g_assert_true (qmig_journal_add_vm (journal, name, socket, 0, &t->error));
  assert_finds (t, name, pid);
}

static void
test_added_gone (Fixture *t, gconstpointer data)
{
  g_autofree char *name = name_of (t, "ghost");
  g_autofree char *socket = g_build_filename (t->f.dir, "ghost.sock", NULL);
  g_autoptr(QmigJournal) journal = qmig_journal_open (t->f.env.state_dir, &t->error);
  g_autoptr(QmigVm) vm = NULL;

  g_assert_true (qmig_journal_add_vm (journal, name, socket, 0, &t->error));
  vm = qmig_inventory_find (&t->f.env, name, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (vm->pid, <=, 0);
  g_assert_nonnull (vm->problem);
}

#define ADD(path, func) g_test_add ("/inventory/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("found", test_found);
  ADD ("no-monitor", test_no_monitor);
  ADD ("libvirt", test_libvirt);
  ADD ("busy-monitor", test_busy_monitor);
  ADD ("moving", test_moving);
  ADD ("owners", test_owners);
  ADD ("find", test_find);
  ADD ("find-ambiguous", test_find_ambiguous);
  ADD ("added", test_added);
  ADD ("added-to-found", test_added_to_found);
  ADD ("added-gone", test_added_gone);
  return g_test_run ();
}
