/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of QEMU's failure texts against real QEMUs: each text that can be produced is, and all are in the program. */

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "api-failures.h"
#include "json-strict.h"

#define LIMIT_S 120
#define COMMON "-nodefaults -display none -S -accel tcg "
#define PC COMMON "-machine pc-i440fx-7.2 -m 16M "
#define NONE COMMON "-machine none "
#define BLK ",driver=raw,file.driver=file,file.filename=%D/disk "
#define ON(name) "migrate-set-capabilities {\"capabilities\":[{\"capability\":\"" name "\",\"state\":true}]}"
#define MIGRATE(uri) "migrate {\"uri\":\"" uri "\"}"
#define SLOWLY "migrate-set-parameters {\"max-bandwidth\":1000}", MIGRATE ("exec:cat>/dev/null")
#define DONE "until completed"
#define FAILED "until failed"

typedef struct
{
  const char *name;
  char *binary;
  char *program;   /* what has the texts: the binary, or what its wrapper starts */
  char *version;   /* "7.2" */
} Qemu;

typedef struct
{
  char *dir;
  GSocketListener *listener;
  guint16 port;    /* taken */
} Place;

/* How a row's text is produced; %D is a directory, %P a port that is taken and %V the VNC display of that port. */
typedef struct
{
  const char *name;        /* of the row */
  const char *arguments;
  const char *commands[6]; /* over QMP before it is to quit; none: it fails by itself */
} Recipe;

static const Recipe recipes[] = {
  { "machine-unknown", COMMON "-machine pc-i440fx-99.0" },
  { "device-unknown", NONE "-device virtio-nosuch" },
  { "value-missing", PC "-device virtio-net-pci,netdev=nosuch" },
  { "property-unknown", PC "-device virtio-rng-pci,nosuch=1" },
  { "cpu-model-unknown", PC "-cpu nosuch" },
  { "cpu-needs-kvm", PC "-cpu host" },
  { "cpu-feature", PC "-cpu qemu64,+avx512f,enforce" },
  { "huge-pages", NONE "-object memory-backend-memfd,id=m,size=64T,hugetlb=on,hugetlbsize=2M" },
  { "memory-file", NONE "-object memory-backend-file,id=m,size=16M,mem-path=%D/none/m" },
  { "memory", NONE "-object memory-backend-ram,id=m,size=200T" },
  { "disk-locked", PC "-blockdev node-name=a" BLK "-blockdev node-name=b" BLK "-device virtio-blk-pci,drive=a -device virtio-blk-pci,drive=b" },
  { "disk-missing", NONE "-drive if=none,id=d,format=raw,file=%D/none" },
  { "disk-format", NONE "-blockdev driver=qcow2,node-name=q,file.driver=file,file.filename=%D/disk" },
  { "bridge", NONE "-netdev bridge,id=n,br=qmig-nosuch" },
  { "tls-files", NONE "-object tls-creds-x509,id=t,dir=%D/none,endpoint=client" },
  { "firmware", PC "-bios nosuch.bin" },
  { "firmware", PC "-device virtio-net-pci,romfile=nosuch.rom" },
  { "pci-slot", PC "-device virtio-rng-pci,addr=5 -device virtio-rng-pci,addr=5" },
  { "option-unknown", NONE "-nosuch" },
  { "pid-file", NONE "-pidfile %D/none/pid" },
  { "too-many-cpus", PC "-smp 4096" },
  { "duplicate-id", NONE "-object iothread,id=a -object iothread,id=a" },
  { "vnc-port", NONE "-vnc 127.0.0.1:%V" },
  { "port-taken", NONE "-chardev socket,id=c,host=127.0.0.1,port=%P,server=on,wait=off" },
  { "address-absent", NONE "-incoming tcp:192.0.2.1:4444" },
  { "socket-path", NONE "-chardev socket,id=c,path=%D/none/c,server=on,wait=off" },
  { "protocol-unknown", NONE "-incoming nosuch:1" },
  { "socket-gone", NONE "-chardev socket,id=c,path=%D/none/c" },

  { "machine-differs", COMMON "-machine q35 -m 16M -incoming 'exec:cat %D/net'" },
  { "memory-differs", COMMON "-machine pc-i440fx-7.2 -m 32M -device virtio-net-pci,addr=5 -incoming 'exec:cat %D/net'" },
  { "memory-block-unknown", PC "-incoming 'exec:cat %D/net'" },
  { "section-unknown", PC "-incoming 'exec:cat %D/rng'" },
  { "capability-differs", PC "-incoming 'exec:cat %D/capability'" },
  { "uuid-differs", PC "-uuid 00000000-0000-0000-0000-000000000002 -incoming 'exec:cat %D/uuid'" },
  { "pci-config", PC "-device virtio-net-pci,addr=5,vectors=0 -incoming 'exec:cat %D/net'" },
  { "not-a-stream", PC "-incoming 'exec:cat /dev/zero'" },
  { "configuration-missing", PC "-incoming 'exec:cat %D/headless'" },
  { "memory-stream", PC "-device virtio-net-pci,addr=5 -incoming 'exec:cat %D/short'" },

  { "connection-refused", NONE, { MIGRATE ("tcp:127.0.0.1:1"), FAILED } },
  { "name-unknown", NONE, { MIGRATE ("tcp:nosuch.invalid:1"), FAILED } },
  { "socket-gone", NONE, { MIGRATE ("unix:%D/none/s"), FAILED } },
  { "protocol-unknown", NONE, { MIGRATE ("nosuch:1") } },
  { "link-cut", PC, { MIGRATE ("exec:false"), FAILED } },
  { "device-blocks", PC "-device nvme,serial=x", { MIGRATE ("exec:cat>/dev/null") } },
  { "ivshmem", PC "-object memory-backend-ram,id=m,size=1M,share=on -device ivshmem-plain,memdev=m", { MIGRATE ("exec:cat>/dev/null") } },
  { "disk-format-blocks", PC "-drive if=none,id=d,driver=vvfat,dir=%D/fat,rw=on", { MIGRATE ("exec:cat>/dev/null") } },
  { "already-migrating", PC, { SLOWLY, MIGRATE ("exec:cat>/dev/null") } },
  { "is-a-destination", NONE "-incoming defer", { MIGRATE ("exec:cat>/dev/null") } },
  { "moved-before", PC, { MIGRATE ("exec:cat>/dev/null"), DONE, MIGRATE ("exec:cat>/dev/null") } },
  { "incoming-used", NONE "-incoming defer", { "migrate-incoming {\"uri\":\"unix:%D/in\"}", "migrate-incoming {\"uri\":\"unix:%D/in2\"}" } },
  { "no-incoming", NONE, { "migrate-incoming {\"uri\":\"unix:%D/in\"}" } },
  { "wrong-state", PC, { SLOWLY, "migrate-continue {\"state\":\"pre-switchover\"}" } },
  { "capability-unknown", NONE, { ON ("nosuch") } },
  { "capabilities-clash", NONE, { ON ("multifd"), ON ("compress") } },
  { "zero-copy", NONE, { ON ("zero-copy-send") } },
  { "hotplug", PC, { SLOWLY, "device_add {\"driver\":\"virtio-rng-pci\"}" } },
  { "value-out-of-range", NONE, { "migrate-set-parameters {\"multifd-channels\":0}" } },
  { "postcopy-not-armed", PC, { SLOWLY, "migrate-start-postcopy {}" } },
  { "postcopy-not-paused", NONE "-incoming defer", { "migrate-recover {\"uri\":\"unix:%D/in\"}" } },
};

/* The streams that the recipes load, written by the same QEMU. */
static const Recipe streams[] = {
  { "net", PC "-device virtio-net-pci,addr=5", { MIGRATE ("exec:cat>%D/net"), DONE } },
  { "rng", PC "-device virtio-rng-pci,addr=5", { MIGRATE ("exec:cat>%D/rng"), DONE } },
  { "capability", PC, { ON ("x-ignore-shared"), MIGRATE ("exec:cat>%D/capability"), DONE } },
  { "uuid", PC "-uuid 00000000-0000-0000-0000-000000000001", { ON ("validate-uuid"), MIGRATE ("exec:cat>%D/uuid"), DONE } },
};

/* -- one QEMU ----------------------------------------------------------------- */

/* A test that fails ends by abort() and cleans up nothing. */
static void
die_with_test (gpointer data)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

static char *
expand (const Place *place, const char *text)
{
  g_autoptr(GString) full = g_string_new (text);
  g_autofree char *port = g_strdup_printf ("%u", place->port);
  g_autofree char *display = g_strdup_printf ("%d", place->port - 5900);

  g_string_replace (full, "%D", place->dir, 0);
  g_string_replace (full, "%P", port, 0);
  g_string_replace (full, "%V", display, 0);
  return g_strdup (full->str);
}

static GSubprocess *
start (const Qemu *qemu, const Place *place, const char *arguments)
{
  g_autofree char *all = g_strconcat (arguments, " -qmp stdio", NULL);
  g_autofree char *expanded = expand (place, all);
  g_autofree char *line = g_strdup_printf ("'%s' %s", qemu->binary, expanded);
  g_autofree char *log = g_build_filename (place->dir, "stderr", NULL);
  g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_auto(GStrv) argv = NULL;
  g_autoptr(GError) error = NULL;
  GSubprocess *process;

  g_remove (log);
  g_assert_true (g_shell_parse_argv (line, NULL, &argv, &error));
  g_subprocess_launcher_set_child_setup (launcher, die_with_test, NULL, NULL);
  g_subprocess_launcher_set_stderr_file_path (launcher, log);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv, &error);
  g_assert_no_error (error);
  return process;
}

/* What the answer says of a failure, for the account.  Whether it is an answer at all, not an event. */
static gboolean
read_answer (const char *line, GString *said, char **status)
{
  g_autoptr(JsonNode) node = json_strict_parse (line, strlen (line), &json_strict_limits_api, NULL);
  JsonObject *object = node != NULL ? json_node_get_object (node) : NULL;
  JsonObject *error;
  JsonObject *answer;

  if (object == NULL || (!json_object_has_member (object, "return") && !json_object_has_member (object, "error")))
    return FALSE;
  error = json_strict_object (object, "error");
  answer = json_strict_object (object, "return");
  if (error != NULL)
    g_string_append_printf (said, "%s\n", json_strict_string (error, "desc", ""));
  if (answer != NULL && json_object_has_member (answer, "error-desc"))
    g_string_append_printf (said, "%s\n", json_strict_string (answer, "error-desc", ""));
  if (status != NULL)
    *status = g_strdup (answer != NULL ? json_strict_string (answer, "status", NULL) : NULL);
  return TRUE;
}

/* %FALSE: QEMU has ended. */
static gboolean
ask (GSubprocess *process, GDataInputStream *answers, const char *command, const char *arguments, GString *said, char **status)
{
  g_autofree char *line = g_strdup_printf ("{\"execute\":\"%s\",\"arguments\":%s}\n", command, arguments);
  GOutputStream *in = g_subprocess_get_stdin_pipe (process);
  gboolean answered = FALSE;

  if (!g_output_stream_write_all (in, line, strlen (line), NULL, NULL, NULL))
    return FALSE;
  while (!answered)
    {
      g_autofree char *answer = g_data_input_stream_read_line (answers, NULL, NULL, NULL);

      if (answer == NULL)
        return FALSE;
      answered = read_answer (answer, said, status);
    }
  return TRUE;
}

static void
wait_for_status (GSubprocess *process, GDataInputStream *answers, const char *wanted, GString *said)
{
  g_autofree char *status = NULL;

  while (g_strcmp0 (status, wanted) != 0)
    {
      g_clear_pointer (&status, g_free);
      g_assert_true (ask (process, answers, "query-migrate", "{}", said, &status));
      g_usleep (5000);
    }
}

static void
say_commands (GSubprocess *process, const Place *place, const Recipe *recipe, GString *said)
{
  g_autoptr(GDataInputStream) answers = g_data_input_stream_new (g_subprocess_get_stdout_pipe (process));

  if (!ask (process, answers, "qmp_capabilities", "{}", said, NULL))
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (recipe->commands) && recipe->commands[i] != NULL; i++)
    {
      g_autofree char *command = expand (place, recipe->commands[i]);
      char *arguments = strchr (command, ' ');

      *arguments++ = '\0';
      if (g_str_equal (command, "until"))
        wait_for_status (process, answers, arguments, said);
      else
        g_assert_true (ask (process, answers, command, arguments, said, NULL));
    }
  /* What loads has to fail by itself; it ends with us otherwise, and no answer comes. */
  if (strstr (recipe->arguments, "-incoming 'exec:") == NULL)
    ask (process, answers, "quit", "{}", said, NULL);
  else
    while (TRUE)
      {
        g_autofree char *line = g_data_input_stream_read_line (answers, NULL, NULL, NULL);

        if (line == NULL)
          break;
      }
}

static void
append_stderr (const Place *place, GString *said)
{
  g_autofree char *log = g_build_filename (place->dir, "stderr", NULL);
  g_autofree char *text = NULL;
  g_auto(GStrv) lines = NULL;

  g_assert_true (g_file_get_contents (log, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    if (strstr (*line, ": warning: ") == NULL)
      g_string_append_printf (said, "%s\n", *line);
}

/* All that QEMU says, its warnings apart.  (transfer full) */
static char *
run (const Qemu *qemu, const Place *place, const Recipe *recipe)
{
  g_autoptr(GSubprocess) process = start (qemu, place, recipe->arguments);
  GString *said = g_string_new (NULL);

  say_commands (process, place, recipe, said);
  g_subprocess_wait (process, NULL, NULL);
  append_stderr (place, said);
  return g_string_free (said, FALSE);
}

/* -- the place ------------------------------------------------------------------ */

static void
write_file (const Place *place, const char *name, const char *data, gsize size)
{
  g_autofree char *path = g_build_filename (place->dir, name, NULL);
  g_autoptr(GError) error = NULL;

  g_file_set_contents (path, data, (gssize) size, &error);
  g_assert_no_error (error);
}

static void
write_streams (const Qemu *qemu, const Place *place)
{
  static const char headless[] = "QEVM\0\0\0\003\001 and nothing else that makes sense";
  g_autofree char *net = g_build_filename (place->dir, "net", NULL);
  g_autofree char *stream = NULL;
  gsize size;

  for (gsize i = 0; i < G_N_ELEMENTS (streams); i++)
    {
      g_autofree char *said = run (qemu, place, &streams[i]);

      g_test_message ("%s: stream %s: %s", qemu->name, streams[i].name, said);
    }
  g_assert_true (g_file_get_contents (net, &stream, &size, NULL));
  g_assert_cmpuint (size, >, 3000);
  write_file (place, "short", stream, 3000);
  write_file (place, "headless", headless, sizeof headless - 1);
}

static void
enter_place (Place *place)
{
  g_autofree char *fat = NULL;
  g_autofree char *zeroes = g_malloc0 (1 << 20);
  g_autoptr(GError) error = NULL;

  place->dir = g_dir_make_tmp ("qmXXXXXX", &error);
  g_assert_no_error (error);
  fat = g_build_filename (place->dir, "fat", NULL);
  g_assert_no_errno (g_mkdir (fat, 0700));
  write_file (place, "disk", zeroes, 1 << 20);
  place->listener = g_socket_listener_new ();
  place->port = g_socket_listener_add_any_inet_port (place->listener, NULL, &error);
  g_assert_no_error (error);
}

static void
leave_place (Place *place)
{
  g_autoptr(GDir) dir = g_dir_open (place->dir, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (place->dir, name, NULL);

      g_remove (path);
    }
  g_rmdir (place->dir);
  g_object_unref (place->listener);
  g_free (place->dir);
}

/* -- the tests ------------------------------------------------------------------ */

static gboolean
is_of (const QmigFailure *row, const Qemu *qemu)
{
  return row->qemu == NULL || strstr (row->qemu, qemu->version) != NULL;
}

static void
test_produced (gconstpointer data)
{
  const Qemu *qemu = data;
  Place place = { 0 };
  guint produced = 0;
  guint n_wrong = 0;

  enter_place (&place);
  write_streams (qemu, &place);
  for (gsize i = 0; i < G_N_ELEMENTS (recipes); i++)
    {
      const QmigFailure *wanted = qmig_failure_find (recipes[i].name);
      g_autofree char *said = NULL;
      const QmigFailure *found;

      g_assert_nonnull (wanted);
      if (!is_of (wanted, qemu))
        continue;
      said = run (qemu, &place, &recipes[i]);
      found = qmig_failure_match (said);
      n_wrong += found != wanted;
      if (found != wanted)
        g_test_message ("QEMU %s: '%s' was taken for '%s': %s", qemu->version, wanted->name, found != NULL ? found->name : "unknown", said);
      produced++;
    }
  g_test_message ("QEMU %s was to say %u texts of the table, %u were not known again", qemu->version, produced, n_wrong);
  g_assert_cmpuint (n_wrong, ==, 0);
  leave_place (&place);
}

static gboolean
has_recipe (const QmigFailure *row)
{
  for (gsize i = 0; i < G_N_ELEMENTS (recipes); i++)
    if (g_str_equal (recipes[i].name, row->name))
      return TRUE;
  return FALSE;
}

static void
test_recipes (void)
{
  guint n[3] = { 0 };
  const QmigFailure *row;

  for (gsize i = 0; (row = qmig_failure_nth (i)) != NULL; i++)
    {
      n[row->proof]++;
      g_test_message ("%s %s: %s", row->id, row->name, row->proof == QMIG_FAILURE_RECORDED ? "recorded" : has_recipe (row) ? "produced" : "qmig's own");
      g_assert_cmpint (has_recipe (row), ==, row->proof == QMIG_FAILURE_PRODUCED);
    }
  g_test_message ("of %u rows of QEMU's %u are produced and %u recorded; %u are qmig's own", n[QMIG_FAILURE_PRODUCED] + n[QMIG_FAILURE_RECORDED],
                  n[QMIG_FAILURE_PRODUCED], n[QMIG_FAILURE_RECORDED], n[QMIG_FAILURE_OWN]);
}

/* The program has formats: what errno or a '%' of them puts in does not stand there. */
static char *
strip_errno (const char *piece)
{
  g_autofree char *text = g_strdup (piece);

  for (int i = 1; i < 134; i++)
    {
      g_autofree char *suffix = g_strconcat (": ", strerror (i), NULL);

      if (g_str_has_suffix (text, suffix))
        text[strlen (text) - strlen (suffix)] = '\0';
    }
  return g_strdup (g_strstrip (text));
}

static gboolean
contains (GMappedFile *program, const char *text)
{
  g_auto(GStrv) pieces = g_strsplit (text, "*", -1);

  for (char **piece = pieces; *piece != NULL; piece++)
    {
      g_autofree char *fixed = strip_errno (*piece);

      if (memmem (g_mapped_file_get_contents (program), g_mapped_file_get_length (program), fixed, strlen (fixed)) == NULL)
        return FALSE;
    }
  return TRUE;
}

static void
test_in_program (gconstpointer data)
{
  const Qemu *qemu = data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GMappedFile) program = g_mapped_file_new (qemu->program, FALSE, &error);
  guint n_wrong = 0;

  g_assert_no_error (error);
  for (const QmigFailure *row = qmig_qemu_failures; row->id != NULL; row++)
    {
      gboolean has;

      if (row->qemu == NULL)
        continue;
      has = contains (program, row->texts[0]);
      if (has != is_of (row, qemu))
        g_test_message ("%s: QEMU %s %s: %s", row->id, qemu->version, has ? "has" : "has not", row->texts[0]);
      n_wrong += has != is_of (row, qemu);
    }
  g_assert_cmpuint (n_wrong, ==, 0);
}

/* -- which QEMUs ------------------------------------------------------------------ */

static gboolean
find_version (Qemu *qemu)
{
  const char *const argv[] = { qemu->binary, "-version", NULL };
  g_autoptr(GSubprocess) process = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE, NULL);
  g_autofree char *out = NULL;
  int major;
  int minor;

  if (process == NULL || !g_subprocess_communicate_utf8 (process, NULL, NULL, &out, NULL, NULL) ||
      sscanf (out, "QEMU emulator version %d.%d", &major, &minor) != 2)
    return FALSE;
  qemu->version = g_strdup_printf ("%d.%d", major, minor);
  return TRUE;
}

static void
skip (gconstpointer data)
{
  const Qemu *qemu = data;

  if (qemu->version == NULL)
    g_test_skip ("there is no such QEMU here: ./setup qemus fetches one");
  else
    g_test_skip ("the table says nothing of this version of QEMU");
}

static void
add_tests (Qemu *qemu)
{
  gboolean known = qemu->binary != NULL && find_version (qemu) && (g_str_equal (qemu->version, "7.2") || g_str_equal (qemu->version, "10.0"));
  g_autofree char *produced = g_strdup_printf ("/api/failures/produced/%s", qemu->name);
  g_autofree char *in_program = g_strdup_printf ("/api/failures/in-program/%s", qemu->name);

  g_test_add_data_func (produced, qemu, known ? test_produced : skip);
  g_test_add_data_func (in_program, qemu, known ? test_in_program : skip);
}

int
main (int argc, char **argv)
{
  static Qemu installed = { .name = "installed" };
  static Qemu newer = { .name = "newer" };

  g_setenv ("LC_ALL", "C", TRUE);
  g_test_init (&argc, &argv, NULL);
  alarm (LIMIT_S * 4);
  installed.binary = g_find_program_in_path ("qemu-system-x86_64");
  installed.program = g_strdup (installed.binary);
  newer.binary = g_strdup (QMIG_BUILD_ROOT "/qemus/10/qemu-system-x86_64");
  newer.program = g_strdup (QMIG_BUILD_ROOT "/qemus/10/root/usr/bin/qemu-system-x86_64");

  g_test_add_func ("/api/failures/recipes", test_recipes);
  add_tests (&installed);
  add_tests (&newer);
  return g_test_run ();
}
