/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "virsh.h"

#include "bench.h"
#include "contest-command.h"
#include "qmp-events.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 60000
#define URI_HERE "qemu+tcp://" NET_ALPHA "/system"
#define URI_THERE "qemu+tcp://" NET_BETA "/system"

gboolean
virsh_is_there (void)
{
  g_autofree char *daemon = g_find_program_in_path ("libvirtd");
  g_autofree char *virsh = g_find_program_in_path ("virsh");

  return daemon != NULL && virsh != NULL;
}

char *
virsh_version (void)
{
  const char *argv[] = { "virsh", "--version", NULL };
  g_autoptr(GError) error = NULL;
  char *version = NULL;

  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &version, NULL, NULL, &error);
  g_assert_no_error (error);
  return g_strchomp (version);
}

/* -- files ---------------------------------------------------------------------------- */

static char *
write_file (Contest *contest, const char *name, const char *text)
{
  char *path = g_build_filename (contest->lab->rig->dir, name, NULL);
  g_autoptr(GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
  return path;
}

static char *
away_dir (Contest *contest)
{
  char *dir = g_build_filename (contest->lab->rig->dir, "b/r/vm/virsh", NULL);

  g_mkdir_with_parents (dir, 0700);
  return dir;
}

/* The guest of rig_start_guest(), as libvirt has it.  @dir: of the sockets, which each side has for itself */
static char *
write_domain (Contest *contest, const char *name, const char *dir)
{
  Rig *rig = contest->lab->rig;
  g_autofree char *image = guest_watch_find_image (NULL);
  g_autofree char *text = g_strdup_printf (
    "<domain type='%s' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
    "  <name>%s</name>\n"
    "  <uuid>6f1d4a5e-0b7c-4d13-9c52-3f0a8e21c7d4</uuid>\n"
    "  <memory unit='MiB'>%u</memory>\n"
    "  <vcpu>1</vcpu>\n"
    "  <sysinfo type='fwcfg'><entry name='opt/qmig/guest'>%s</entry></sysinfo>\n"
    "  <os><type arch='x86_64' machine='q35'>hvm</type><loader readonly='yes' type='rom'>%s</loader></os>\n"
    "  <cpu mode='custom' match='exact' check='none'><model fallback='allow'>qemu64</model></cpu>\n"
    "  <devices>\n"
    "    <emulator>%s</emulator>\n"
    "    <serial type='unix'><source mode='bind' path='%s/" GUEST_WATCH_SOCKET_NAME "'/><target type='isa-serial' port='0'/></serial>\n"
    "    <controller type='usb' model='none'/>\n"
    "    <memballoon model='none'/>\n"
    "  </devices>\n"
    "  <qemu:commandline><qemu:arg value='-qmp'/><qemu:arg value='unix:%s/" CONTEST_BESIDE ",server=on,wait=off'/></qemu:commandline>\n"
    "</domain>\n",
    g_str_equal (rig->accel, "kvm") ? "kvm" : "qemu", rig->vm, rig->memory_mib, contest->config, image, rig->qemu, dir, dir);

  return write_file (contest, name, text);
}

/* -- processes ------------------------------------------------------------------------ */

static int
open_log (Contest *contest, const char *name)
{
  g_autofree char *path = g_build_filename (contest->lab->rig->dir, name, NULL);
  int fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static char *
read_log (Contest *contest, const char *name)
{
  g_autofree char *path = g_build_filename (contest->lab->rig->dir, name, NULL);
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, NULL);
  return text != NULL ? g_strstrip (text) : g_strdup ("");
}

static int
run (Contest *contest, const char *const *argv)
{
  int fd = open_log (contest, "virsh.log");
  int status = place_run (contest->lab->rig->alpha.place, argv, NULL, fd);

  close (fd);
  return status;
}

/* In mounts of its own, which only this host's processes see. libvirtd wants to know the user of Debian's libvirt-daemon-system, even to run as
 * another. */
static GPid
start_daemon (Contest *contest, const RigHost *host)
{
  static const char script[] = "for dir in /run /etc/libvirt /var/lib /var/cache /var/log; do\n"
                               "  mount -t tmpfs tmpfs \"$dir\" || exit 1\n"
                               "done\n"
                               "{ cat /etc/passwd; echo libvirt-qemu:x:64055:64055::/:/bin/false; } >/run/passwd\n"
                               "{ cat /etc/group; echo libvirt-qemu:x:64055:; } >/run/group\n"
                               "mount --bind /run/passwd /etc/passwd && mount --bind /run/group /etc/group || exit 1\n"
                               "cp \"$1\" /etc/libvirt/qemu.conf && exec libvirtd --listen -f \"$2\"\n";
  g_autofree char *uuid = g_uuid_string_random ();
  g_autofree char *text = g_strdup_printf ("listen_tls = 0\nlisten_tcp = 1\nauth_tcp = \"none\"\nauth_unix_rw = \"none\"\nhost_uuid = \"%s\"\n", uuid);
  g_autofree char *qemu = write_file (contest, "qemu.conf",
                                      "user = \"root\"\ngroup = \"root\"\nsecurity_driver = \"none\"\nnamespaces = []\n"
                                      "cgroup_controllers = []\nstdio_handler = \"file\"\n");
  g_autofree char *name = g_strdup_printf ("libvirtd-%s.conf", host->name);
  g_autofree char *conf = write_file (contest, name, text);
  g_autofree char *log = g_strdup_printf ("libvirtd-%s.log", host->name);
  const char *argv[] = { "sh", "-c", script, "sh", qemu, conf, NULL };
  int fd = open_log (contest, log);
  GPid pid = place_spawn (host->place, argv, NULL, NULL, fd);

  close (fd);
  g_array_append_val (contest->lab->helpers, pid);
  return pid;
}

/* It answers, and knows its QEMU: what is asked only once a host is not to count as part of a move. */
static void
wait_daemon (Contest *contest, const char *uri)
{
  const char *argv[] = { "virsh", "-q", "-c", uri, "domcapabilities", "--emulatorbin", contest->lab->rig->qemu, NULL };

  for (int i = 0; run (contest, argv) != 0; i++)
    {
      g_autofree char *log = i < 100 ? NULL : read_log (contest, "virsh.log");

      if (log != NULL)
        g_error ("libvirtd does not answer: %.400s; log: %s", log, read_log (contest, "libvirtd-alpha.log"));
      g_usleep (100000);
    }
}

void
virsh_start_guest (Contest *contest)
{
  Rig *rig = contest->lab->rig;
  g_autofree char *domain = write_domain (contest, "here.xml", rig->dir);
  const char *argv[] = { "virsh", "-q", "-c", URI_HERE, "create", domain, NULL };
  g_autoptr(GError) error = NULL;

  contest->managers[0] = start_daemon (contest, &rig->alpha);
  contest->managers[1] = start_daemon (contest, &rig->beta);
  wait_daemon (contest, URI_HERE);
  wait_daemon (contest, URI_THERE);
  if (run (contest, argv) != 0)
    {
      g_autofree char *log = read_log (contest, "virsh.log");

      g_error ("libvirt does not start the guest: %s", log);
    }
  guest_watch_wait_ready (rig->watch, PATIENCE_MS, &error);
  g_assert_no_error (error);
}

/* -- what QEMU says meanwhile ----------------------------------------------------------- */

/* By QEMU's own stamps; libvirt ends the source before it could be asked for its counts. */
typedef struct
{
  QmpClient *source;
  gint64 setup_us;
  gint64 completed_us;
  gint64 stop_us;
  gint64 resume_us;
  gboolean postcopy;
} Told;

static void
on_event (QmpClient *client, const char *name, JsonObject *data, gint64 timestamp_us, gpointer user_data)
{
  Told *told = user_data;
  const char *status = g_str_equal (name, "MIGRATION") ? json_object_get_string_member (data, "status") : "";

  if (client != told->source)
    {
      if (g_str_equal (name, "RESUME"))
        told->resume_us = timestamp_us;
      return;
    }
  if (g_str_equal (name, "STOP"))
    told->stop_us = timestamp_us;
  else if (g_str_equal (status, "setup"))
    told->setup_us = timestamp_us;
  else if (g_str_equal (status, "completed"))
    told->completed_us = timestamp_us;
  else if (g_str_equal (status, "postcopy-active"))
    told->postcopy = TRUE;
}

/* The destination's monitor is there as soon as its QEMU is: before anything can have been resumed. */
typedef struct
{
  char *path;
  Told *told;
  GMainContext *context;
  GThread *thread;
  gint over;
} Listener;

static gpointer
listen_there (gpointer data)
{
  Listener *self = data;
  g_autoptr(QmpClient) client = NULL;

  g_main_context_push_thread_default (self->context);
  while (!g_atomic_int_get (&self->over) && client == NULL)
    {
      g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the destination's monitor", 1000);

      client = g_file_test (self->path, G_FILE_TEST_EXISTS) ? qmp_client_open (self->path, wait, NULL) : NULL;
      if (client == NULL)
        g_usleep (1000);
    }
  if (client != NULL)
    g_signal_connect (client, "event", G_CALLBACK (on_event), self->told);
  while (!g_atomic_int_get (&self->over))
    g_main_context_iteration (self->context, TRUE);
  while (g_main_context_iteration (self->context, FALSE))
    ;
  g_clear_object (&client);
  g_main_context_pop_thread_default (self->context);
  return NULL;
}

static void
listener_begin (Listener *self, Contest *contest, Told *told)
{
  g_autofree char *dir = away_dir (contest);

  *self = (Listener) { .path = g_build_filename (dir, CONTEST_BESIDE, NULL), .told = told, .context = g_main_context_new () };
  self->thread = g_thread_new ("there", listen_there, self);
}

static void
listener_end (Listener *self)
{
  g_atomic_int_set (&self->over, 1);
  g_main_context_wakeup (self->context);
  g_thread_join (self->thread);
  g_main_context_unref (self->context);
  g_free (self->path);
}

/* -- the move ----------------------------------------------------------------------------- */

static int
migrate (Contest *contest, const char *const *options)
{
  g_autofree char *dir = away_dir (contest);
  g_autofree char *domain = write_domain (contest, "there.xml", dir);
  const char *fixed[] = { "virsh", "-q", "-c", URI_HERE, "migrate", "--live", "--xml", domain, contest->lab->rig->vm, URI_THERE, "tcp://" NET_BETA, NULL };
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new ();
  g_auto(GStrv) argv = NULL;
  ContestCommand command;
  int fd = open_log (contest, "migrate.log");
  GPid pid;
  int status;

  g_strv_builder_addv (builder, fixed);
  g_strv_builder_addv (builder, (const char **) options);
  argv = g_strv_builder_end (builder);
  pid = place_spawn (contest->lab->rig->alpha.place, (const char *const *) argv, NULL, NULL, fd);
  close (fd);
  contest_command_begin (&command, pid, contest->limit_ms);
  while (waitpid (pid, &status, 0) < 0)
    g_assert_cmpint (errno, ==, EINTR);
  contest_command_end (&command, &contest->figures);
  return WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

static void
take_told (Contest *contest, const Told *told)
{
  ContestFigures *f = &contest->figures;

  g_assert_cmpint (told->setup_us, >, 0);
  g_assert_cmpint (told->completed_us, >, 0);
  g_assert_cmpint (told->stop_us, >, 0);
  g_assert_cmpint (told->resume_us, >, 0);
  f->finished = 1;
  f->postcopy = told->postcopy;
  f->total_ms = (told->completed_us - told->setup_us) / 1000.0;
  f->blackout_ms = (told->resume_us - told->stop_us) / 1000.0;
  contest->stop_us = contest_monotonic_us (told->stop_us);
}

static void
move (Contest *contest, const char *const *options)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the move by virsh", contest->limit_ms + PATIENCE_MS);
  g_autofree char *beside = g_build_filename (contest->lab->rig->dir, CONTEST_BESIDE, NULL);
  g_autoptr(QmpClient) source = bench_open_monitor (beside, wait);
  Told told = { .source = source };
  Listener there;
  int status;

  g_signal_connect (source, "event", G_CALLBACK (on_event), &told);
  listener_begin (&there, contest, &told);
  contest->began_us = g_get_monotonic_time ();
  status = migrate (contest, options);
  contest->figures.wall_ms = (g_get_monotonic_time () - contest->began_us) / 1000.0;
  /* The events lie in the sockets. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  listener_end (&there);
  g_signal_handlers_disconnect_by_data (source, &told);
  if (status == 0)
    take_told (contest, &told);
  else
    {
      contest->figures.wall_ms = NAN;
      contest->note = read_log (contest, "migrate.log");
    }
}

void
virsh_plain (Contest *contest)
{
  static const char *const options[] = { NULL };

  move (contest, options);
}

void
virsh_auto_converge (Contest *contest)
{
  static const char *const options[] = { "--auto-converge", NULL };

  move (contest, options);
}

void
virsh_suspend (Contest *contest)
{
  static const char *const options[] = { "--timeout", "10", "--timeout-suspend", NULL };

  move (contest, options);
}

void
virsh_postcopy (Contest *contest)
{
  static const char *const options[] = { "--postcopy", "--postcopy-after-precopy", NULL };

  move (contest, options);
}
