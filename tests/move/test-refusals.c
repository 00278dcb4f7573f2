/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A destination that refuses: the guest runs on at the source as if nothing
 * had been asked, nothing is left over, the exit code tells whether anything
 * was begun, and the text names the cause in QEMU's own words.
 */

#include "rig.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIGHT "ws=4;rate=4;fill=4;check=1"
#define STANDARD_QEMU "qemu-system-x86_64"
#define MIB (G_GINT64_CONSTANT (1) << 20)

/* Whatever hangs, hangs no longer; what the test started dies with it. */
#define CASE_LIMIT_S 150

/* One refusal: its rig, what else was set up for it, and what `qmig migrate` is told beyond VM and destination. */
typedef struct
{
  Rig *rig;
  char *dir;           /* of its own, so that the rig does not take what is in it for its own QEMUs */
  char *vm;            /* what the VM is called in the command */
  GPtrArray *args;
  GSocket *taken[2];
  GPid other;          /* a QEMU of somebody else, 0: none */
  gboolean does_not_run; /* the guest cannot tick */
  gboolean skipped;
} Case;

typedef struct
{
  const char *name;
  void (*set_up) (Case *self);
  int exit_code;
  const char *cause;   /* in the error's text */
  const char *way_out; /* (nullable): told with the checks */
} Row;

static void
say (Case *self, ...)
{
  va_list list;

  va_start (list, self);
  for (const char *arg = va_arg (list, const char *); arg != NULL; arg = va_arg (list, const char *))
    g_ptr_array_add (self->args, g_strdup (arg));
  va_end (list);
}

static void
skip (Case *self, const char *reason)
{
  g_test_skip (reason);
  self->skipped = TRUE;
}

static Case *
case_new (void)
{
  g_autoptr(GError) error = NULL;
  Case *self = g_new0 (Case, 1);

  alarm (CASE_LIMIT_S);
  self->rig = rig_new ();
  if (self->rig == NULL)
    {
      g_free (self);
      return NULL;
    }
  self->dir = g_dir_make_tmp ("qoXXXXXX", &error);
  g_assert_no_error (error);
  self->vm = g_strdup (self->rig->vm);
  self->args = g_ptr_array_new_with_free_func (g_free);
  rig_start_agent (self->rig, &self->rig->alpha, NULL);
  rig_start_agent (self->rig, &self->rig->beta, NULL);
  return self;
}

static void
remove_flat_dir (const char *path)
{
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *entry = g_build_filename (path, name, NULL);

      g_unlink (entry);
    }
  g_rmdir (path);
}

static void
case_free (Case *self)
{
  if (self->other != 0)
    {
      kill (self->other, SIGKILL);
      waitpid (self->other, NULL, 0);
    }
  rig_free (self->rig);
  for (gsize i = 0; i < G_N_ELEMENTS (self->taken); i++)
    g_clear_object (&self->taken[i]);
  remove_flat_dir (self->dir);
  g_ptr_array_unref (self->args);
  g_free (self->vm);
  g_free (self->dir);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Case, case_free)

/* -- what stands in the way ------------------------------------------------------- */

static void
die_with_test (gpointer data)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

/* A QEMU that has nothing to do with the rig; returns when @sign is there. */
static void
start_other_qemu (Case *self, const char *sign, ...)
{
  g_autoptr(GPtrArray) argv = g_ptr_array_new ();
  g_autoptr(GError) error = NULL;
  const char *const fixed[] = { self->rig->qemu, "-machine", "none", "-nodefaults", "-no-user-config", "-display", "none" };
  va_list list;

  for (gsize i = 0; i < G_N_ELEMENTS (fixed); i++)
    g_ptr_array_add (argv, (char *) fixed[i]);
  va_start (list, sign);
  for (const char *arg = va_arg (list, const char *); arg != NULL; arg = va_arg (list, const char *))
    g_ptr_array_add (argv, (char *) arg);
  va_end (list);
  g_ptr_array_add (argv, NULL);
  g_spawn_async (NULL, (char **) argv->pdata, NULL, G_SPAWN_DO_NOT_REAP_CHILD, die_with_test, NULL, &self->other, &error);
  g_assert_no_error (error);
  while (!g_file_test (sign, G_FILE_TEST_EXISTS))
    {
      g_assert_cmpint (waitpid (self->other, NULL, WNOHANG), ==, 0);
      g_usleep (5000);
    }
}

/* A program in the place of QEMU. */
static char *
write_program (Case *self, const char *script)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *text = g_strdup_printf ("#!/bin/sh\nreal=%s dir=%s\n%s\n", self->rig->qemu, self->rig->dir, script);
  char *path = g_build_filename (self->rig->dir, STANDARD_QEMU, NULL);

  g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_NONE, 0700, &error);
  g_assert_no_error (error);
  return path;
}

/* Waits in open() for a writer, after it has noted its birth. */
#define NEVER_COMES_UP "echo $$ > \"$dir/new.pid\"; mv \"$dir/new.pid\" \"$dir/program.pid\"; read never < \"$dir/never\""

static guint16
take_port (Case *self, gsize index, guint16 port, GError **error)
{
  g_autoptr(GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", port);
  g_autoptr(GSocketAddress) bound = NULL;
  g_autoptr(GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);

  if (!g_socket_bind (socket, address, TRUE, error) || !g_socket_listen (socket, error))
    return 0;
  bound = g_socket_get_local_address (socket, NULL);
  self->taken[index] = g_steal_pointer (&socket);
  return g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
}

static void
start_light_guest (Case *self)
{
  rig_start_guest (self->rig, LIGHT, NULL);
}

/* -- the launch fails ---------------------------------------------------------------- */

static void
set_up_bad_device (Case *self)
{
  start_light_guest (self);
  say (self, "--target-arg=-device", "--target-arg=no-such-device", NULL);
}

static void
set_up_port_taken (Case *self)
{
  g_autofree char *port = NULL;
  g_autoptr(GError) error = NULL;

  start_light_guest (self);
  port = g_strdup_printf ("%u", take_port (self, 0, 0, &error));
  g_assert_no_error (error);
  say (self, "--transport", "tcp", "--listen", "127.0.0.1", "--port", port, NULL);
}

static void
set_up_range_taken (Case *self)
{
  g_autofree char *range = NULL;
  guint16 first = 0, second = 0;

  start_light_guest (self);
  for (int i = 0; i < 100 && second == 0; i++)
    {
      g_clear_object (&self->taken[0]);
      first = take_port (self, 0, 0, NULL);
      second = first < G_MAXUINT16 ? take_port (self, 1, first + 1, NULL) : 0;
    }
  g_assert_cmpuint (second, ==, first + 1);
  range = g_strdup_printf ("%u-%u", first, second);
  say (self, "--transport", "tcp", "--listen", "127.0.0.1", "--port", range, NULL);
}

static void
set_up_file_taken (Case *self)
{
  g_autofree char *pidfile = g_build_filename (self->dir, "pid", NULL);
  g_autofree char *socket = g_build_filename (self->dir, "qmp", NULL);
  g_autofree char *qmp = g_strdup_printf ("unix:%s,server=on,wait=off", socket);
  g_autofree char *value = g_strdup_printf ("--target-arg=%s", pidfile);

  start_light_guest (self);
  start_other_qemu (self, pidfile, "-pidfile", pidfile, "-qmp", qmp, NULL);
  say (self, "--target-arg=-pidfile", value, NULL);
}

/* As QEMU where it is only asked what it can. */
#define PROBED "case \" $* \" in *' -machine none '*) exec \"$real\" \"$@\";; esac\n"

static void
set_up_fails_at_start (Case *self)
{
  g_autofree char *program = write_program (self, PROBED "echo 'no good today' >&2; exit 7");

  start_light_guest (self);
  say (self, "--qemu", program, NULL);
}

/* -- seen before anything is launched ------------------------------------------------- */

static gint64
read_meminfo (const char *field)
{
  g_autofree char *text = NULL;
  const char *at;

  g_assert_true (g_file_get_contents ("/proc/meminfo", &text, NULL, NULL));
  at = strstr (text, field);
  g_assert_nonnull (at);
  return g_ascii_strtoll (at + strlen (field), NULL, 10) * 1024;
}

static gboolean
can_map (gint64 bytes)
{
  void *at = mmap (NULL, (gsize) bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (at == MAP_FAILED)
    return FALSE;
  munmap (at, (gsize) bytes);
  return TRUE;
}

static void
set_up_no_memory (Case *self)
{
  gint64 available = read_meminfo ("MemAvailable:");
  gint64 total = read_meminfo ("MemTotal:");
  gint64 wanted = MAX (total / MIB - 64, available / MIB + 64);

  if (!can_map (wanted * MIB) || wanted * MIB > 512 * 1024 * MIB)
    {
      skip (self, "the system gives no process more memory than is available now");
      return;
    }
  self->rig->memory_mib = (guint) wanted;
  self->does_not_run = TRUE;
  rig_start_stopped_guest (self->rig, NULL);
}

/* A QEMU of long ago, as far as a probe asks it. */
#define OLD_QEMU \
  "answer () { printf '{\"return\": %s%s}\\r\\n' \"$1\" \"$id\" >&3; }\n" \
  "printf '{\"QMP\": {\"version\": {\"qemu\": {\"major\": 1, \"minor\": 2, \"micro\": 3}, \"package\": \"\"}, \"capabilities\": []}}\\r\\n' >&3\n" \
  "while read -r line <&3; do\n" \
  "  id=$(printf '%s' \"$line\" | sed -n 's/.*\\(\"id\" *: *[^,}]*\\).*/, \\1/p')\n" \
  "  case \"$line\" in\n" \
  "    *query-machines*) answer '[{\"name\": \"pc-q35-1.2\", \"cpu-max\": 1}]';;\n" \
  "    *query-migrate-capabilities*) answer '[]';;\n" \
  "    *query-qmp-schema*) answer '[]';;\n" \
  "    *) answer '{}';;\n" \
  "  esac\n" \
  "done"

static void
set_up_machine_unknown (Case *self)
{
  g_autofree char *program = write_program (self, OLD_QEMU);

  start_light_guest (self);
  say (self, "--qemu", program, NULL);
}

/* Debian's smaller QEMU has the machine, but not all that is in it: seen only when the devices' state arrives. */
static void
set_up_device_missing (Case *self)
{
  g_autofree char *other = g_find_program_in_path ("qemu-system-x86_64-microvm");

  if (other == NULL || !g_str_equal (self->rig->accel, "kvm"))
    {
      skip (self, "there is no smaller QEMU of the same version here");
      return;
    }
  start_light_guest (self);
  say (self, "--qemu", other, NULL);
}

static void
set_up_binary_missing (Case *self)
{
  start_light_guest (self);
  say (self, "--qemu", "/nonexistent/qemu-system-x86_64", NULL);
}

static void
set_up_binary_no_qemu (Case *self)
{
  g_autofree char *program = write_program (self, "echo 'libmissing.so.1: cannot open shared object file' >&2; exit 127");

  start_light_guest (self);
  say (self, "--qemu", program, NULL);
}

static void
set_up_binary_silent (Case *self)
{
  g_autofree char *fifo = rig_fifo (self->rig, "never");
  g_autofree char *program = write_program (self, NEVER_COMES_UP);

  start_light_guest (self);
  say (self, "--qemu", program, NULL);
}

static void
set_up_name_taken (Case *self)
{
  g_autofree char *socket = g_build_filename (self->dir, "qmp", NULL);
  g_autofree char *qmp = g_strdup_printf ("unix:%s,server=on,wait=off", socket);
  g_autofree char *name = g_strdup_printf ("%s-other", self->rig->vm);

  start_light_guest (self);
  start_other_qemu (self, socket, "-name", name, "-qmp", qmp, NULL);
  say (self, "--new-name", name, NULL);
}

static void
set_up_two_of_that_name (Case *self)
{
  g_autofree char *socket = g_build_filename (self->dir, "qmp", NULL);
  g_autofree char *qmp = g_strdup_printf ("unix:%s,server=on,wait=off", socket);

  start_light_guest (self);
  start_other_qemu (self, socket, "-name", self->rig->vm, "-qmp", qmp, NULL);
  g_free (self->vm);
  self->vm = g_strdup_printf ("%d", (int) self->rig->guest);
}

static void
set_up_blocker (Case *self)
{
  const char *more[] = { "-object", "memory-backend-ram,id=shared,size=1M,share=on", "-device", "ivshmem-plain,id=peer,memdev=shared", NULL };

  rig_start_guest (self->rig, LIGHT, more);
}

static void
qmp (Case *self, const char *command, const char *arguments)
{
  g_autoptr(RigRun) run = rig_qmig (self->rig, &self->rig->alpha, "vm", "qmp", self->vm, command, arguments, NULL);

  g_assert_cmpint (run->exit_code, ==, 0);
}

static void
set_up_hot_plugged (Case *self)
{
  const char *more[] = { "-device", "qemu-xhci,id=usb", NULL };

  rig_start_guest (self->rig, LIGHT, more);
  qmp (self, "device_add", "{\"driver\":\"usb-tablet\",\"id\":\"plugged-later\",\"bus\":\"usb.0\"}");
}

static void
set_up_unplugged (Case *self)
{
  const char *more[] = { "-device", "qemu-xhci,id=usb", "-device", "usb-tablet,id=pulled-out,bus=usb.0", NULL };

  rig_start_guest (self->rig, LIGHT, more);
  qmp (self, "device_del", "{\"id\":\"pulled-out\"}");
}

static void
wait_run_state (Case *self, const char *wanted)
{
  g_autofree char *needle = g_strdup_printf ("\"%s\"", wanted);

  for (gboolean there = FALSE; !there;)
    {
      g_autoptr(RigRun) run = rig_qmig (self->rig, &self->rig->alpha, "vm", "qmp", self->vm, "query-status", NULL);

      g_assert_cmpint (run->exit_code, ==, 0);
      there = strstr (run->out, needle) != NULL;
    }
}

static void
set_up_moved_away (Case *self)
{
  start_light_guest (self);
  qmp (self, "migrate", "{\"uri\":\"exec:cat >/dev/null\"}");
  wait_run_state (self, "postmigrate");
}

static void
set_up_incoming (Case *self)
{
  const char *more[] = { "-incoming", "defer", NULL };

  self->does_not_run = TRUE;
  rig_start_stopped_guest (self->rig, more);
}

static void
set_up_migrating (Case *self)
{
  start_light_guest (self);
  qmp (self, "migrate-set-parameters", "{\"max-bandwidth\":65536}");
  qmp (self, "migrate", "{\"uri\":\"exec:cat >/dev/null\"}");
}

/* -- the proof ------------------------------------------------------------------------- */

static RigRun *
migrate (Case *self)
{
  g_autoptr(GPtrArray) args = g_ptr_array_new ();
  const char *const fixed[] = { "migrate", self->vm, self->rig->beta.uri, "-o", "jsonl" };

  for (gsize i = 0; i < G_N_ELEMENTS (fixed); i++)
    g_ptr_array_add (args, (char *) fixed[i]);
  for (guint i = 0; i < self->args->len; i++)
    g_ptr_array_add (args, g_ptr_array_index (self->args, i));
  g_ptr_array_add (args, NULL);
  return rig_finish (rig_qmig_begin (self->rig, &self->rig->alpha, (const char *const *) args->pdata));
}

static void
assert_contains (const char *text, const char *part)
{
  g_assert_nonnull (text);
  if (strstr (text, part) == NULL)
    g_error ("'%s' is not in: %s", part, text);
}

/* A program of ours is gone too, wherever its birth was noted. */
static void
assert_program_ended (Case *self)
{
  g_autofree char *path = g_build_filename (self->rig->dir, "program.pid", NULL);
  g_autofree char *pid = NULL;

  if (g_file_get_contents (path, &pid, NULL, NULL))
    {
      g_autofree char *cmdline = g_strdup_printf ("/proc/%s/cmdline", g_strstrip (pid));

      while (g_file_test (cmdline, G_FILE_TEST_EXISTS))
        g_usleep (5000);
    }
}

static void
let_run_again (Case *self, const Row *row)
{
  if (row->set_up == set_up_moved_away)
    qmp (self, "cont", NULL);
  if (row->set_up == set_up_migrating)
    qmp (self, "migrate_cancel", NULL);
}

static void
test_refusal (gconstpointer data)
{
  const Row *row = data;
  g_autoptr(Case) self = case_new ();
  g_autoptr(RigRun) run = NULL;
  g_autoptr(QmigResult) result = NULL;

  if (self == NULL)
    return;
  row->set_up (self);
  if (self->skipped)
    return;
  run = migrate (self);
  result = rig_result (run);
  g_assert_cmpint (run->exit_code, ==, row->exit_code);
  g_assert_cmpint (result->exit_code, ==, row->exit_code);
  g_assert_cmpint (result->vm_location, ==, QMIG_LOCATION_SOURCE);
  assert_contains (result->error, row->cause);
  if (row->way_out != NULL)
    assert_contains (run->out, row->way_out);
  assert_program_ended (self);

  let_run_again (self, row);
  if (self->does_not_run)
    rig_wait_qemus (self->rig, 1);
  else
    rig_assert_one_runs (self->rig);
  g_assert_cmpint (rig_destination_pid (self->rig), ==, 0);
  rig_assert_nothing_left (self->rig);
}

static const Row rows[] = {
  { "bad-device", set_up_bad_device, QMIG_EXIT_ROLLED_BACK, "'no-such-device' is not a valid device model name", NULL },
  { "port-taken", set_up_port_taken, QMIG_EXIT_REFUSED, "Address already in use", "--port" },
  { "range-taken", set_up_range_taken, QMIG_EXIT_REFUSED, "Address already in use", "--port" },
  { "file-taken", set_up_file_taken, QMIG_EXIT_ROLLED_BACK, "cannot create PID file", NULL },
  { "device-missing-there", set_up_device_missing, QMIG_EXIT_ROLLED_BACK, "Unknown savevm section", NULL },
  { "binary-fails-at-start", set_up_fails_at_start, QMIG_EXIT_ROLLED_BACK, "no good today", NULL },
  { "no-memory", set_up_no_memory, QMIG_EXIT_REFUSED, "memory: the VM needs", "another host" },
  { "machine-unknown", set_up_machine_unknown, QMIG_EXIT_REFUSED, "is unknown to QEMU 1.2.3", "pc-q35-1.2" },
  { "binary-missing", set_up_binary_missing, QMIG_EXIT_REFUSED, "/nonexistent/qemu-system-x86_64", "--qemu" },
  { "binary-is-no-qemu", set_up_binary_no_qemu, QMIG_EXIT_REFUSED, "libmissing.so.1: cannot open shared object file", "--qemu" },
  { "binary-says-nothing", set_up_binary_silent, QMIG_EXIT_REFUSED, "does not answer as QEMU", "--qemu" },
  { "name-taken", set_up_name_taken, QMIG_EXIT_REFUSED, "-other' on 'b' has that name already: process ", "--new-name" },
  { "two-of-that-name", set_up_two_of_that_name, QMIG_EXIT_REFUSED, "has that name already: process ", "--new-name" },
  { "blocker", set_up_blocker, QMIG_EXIT_REFUSED, "QEMU refuses to migrate: Migration is disabled when using feature 'peer mode'", "unplug" },
  { "hot-plugged", set_up_hot_plugged, QMIG_EXIT_REFUSED, "'plugged-later' was plugged after the start", "--target-arg" },
  { "unplugged", set_up_unplugged, QMIG_EXIT_REFUSED, "'pulled-out' is on the command line but was unplugged", "plug it again" },
  { "moved-away", set_up_moved_away, QMIG_EXIT_REFUSED, "postmigrate", "recover" },
  { "incoming", set_up_incoming, QMIG_EXIT_REFUSED, "inmigrate", "wait until" },
  { "migrating", set_up_migrating, QMIG_EXIT_REFUSED, "migrating already", "wait until" },
};

/* -- cancelled while a program does not come up -------------------------------------------- */

static void
wait_for_program (Case *self)
{
  g_autofree char *path = g_build_filename (self->rig->dir, "program.pid", NULL);

  while (!g_file_test (path, G_FILE_TEST_EXISTS))
    g_usleep (5000);
}

static void
test_cancelled (gconstpointer data)
{
  const char *script = data;
  g_autoptr(Case) self = case_new ();
  g_autofree char *fifo = NULL;
  g_autofree char *program = NULL;
  g_autoptr(RigRun) cancel = NULL;
  g_autoptr(RigRun) run = NULL;
  g_autoptr(QmigResult) result = NULL;
  RigPending *pending;

  if (self == NULL)
    return;
  fifo = rig_fifo (self->rig, "never");
  program = write_program (self, script);
  start_light_guest (self);
  const char *args[] = { "migrate", self->vm, self->rig->beta.uri, "--qemu", program, "-o", "jsonl", NULL };

  pending = rig_qmig_begin (self->rig, &self->rig->alpha, args);
  wait_for_program (self);
  cancel = rig_qmig (self->rig, &self->rig->alpha, "cancel", "last", "--reason", "enough", NULL);
  g_assert_cmpint (cancel->exit_code, ==, 0);
  run = rig_finish (pending);
  result = rig_result (run);
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_CANCELLED);
  g_assert_cmpint (result->vm_location, ==, QMIG_LOCATION_SOURCE);
  assert_contains (result->error, "enough");
  assert_program_ended (self);

  rig_assert_one_runs (self->rig);
  g_assert_cmpint (rig_destination_pid (self->rig), ==, 0);
  rig_assert_nothing_left (self->rig);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/refusals/%s", rows[i].name);

      g_test_add_data_func (path, &rows[i], test_refusal);
    }
  g_test_add_data_func ("/refusals/cancelled/at-the-probe", NEVER_COMES_UP, test_cancelled);
  g_test_add_data_func ("/refusals/cancelled/at-the-launch", PROBED NEVER_COMES_UP, test_cancelled);
  return g_test_run ();
}
