/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest-vm.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#define PROBE_TICKS 100
#define PROBE_SECONDS 15

struct _GuestVm
{
  char *directory;
  GSubprocess *process;
};

char *
guest_vm_get_path (GuestVm *self, const char *name)
{
  return g_build_filename (self->directory, name, NULL);
}

/* A path stays good in another working directory. */
static char *
find_qemu (const char *wanted)
{
  if (wanted == NULL)
    return g_strdup ("qemu-system-x86_64");

  return strchr (wanted, '/') != NULL ? g_canonicalize_filename (wanted, NULL) : g_strdup (wanted);
}

static GPtrArray *
build_arguments (GuestVm *self, const GuestVmOptions *options, const char *image)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *tick_path = guest_vm_get_path (self, GUEST_WATCH_SOCKET_NAME);
  g_autofree char *qmp_path = guest_vm_get_path (self, "qmp.sock");
  static const char *const fixed[] = { "-machine", "q35", "-cpu", "qemu64", "-nodefaults", "-no-user-config",
                                       "-display", "none" };

  g_ptr_array_add (argv, find_qemu (options->qemu));
  for (gsize i = 0; i < G_N_ELEMENTS (fixed); i++)
    g_ptr_array_add (argv, g_strdup (fixed[i]));
  g_ptr_array_add (argv, g_strdup ("-accel"));
  g_ptr_array_add (argv, g_strdup (options->accel));
  g_ptr_array_add (argv, g_strdup ("-m"));
  g_ptr_array_add (argv, g_strdup_printf ("%u", options->ram_mib != 0 ? options->ram_mib : 256));
  g_ptr_array_add (argv, g_strdup ("-qmp"));
  g_ptr_array_add (argv, g_strdup_printf ("unix:%s,server=on,wait=off", qmp_path));
  guest_watch_append_arguments (argv, image, options->config, tick_path);
  for (gsize i = 0; options->extra != NULL && options->extra[i] != NULL; i++)
    g_ptr_array_add (argv, g_strdup (options->extra[i]));
  g_ptr_array_add (argv, NULL);

  return argv;
}

/* A test that is killed leaves no QEMU behind. */
static void
die_with_parent (gpointer data)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

GuestVm *
guest_vm_start (const GuestVmOptions *options, GError **error)
{
  g_autoptr(GuestVm) self = g_new0 (GuestVm, 1);
  g_autoptr(GSubprocessLauncher) launcher = NULL;
  g_autoptr(GPtrArray) argv = NULL;
  g_autofree char *image = guest_watch_find_image (error);
  g_autofree char *complaints = NULL;

  if (image == NULL)
    return NULL;
  self->directory = g_strdup ("/tmp/qmXXXXXX");
  if (g_mkdtemp (self->directory) == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot make a directory for the demo guest in /tmp");
      g_clear_pointer (&self->directory, g_free);
      return NULL;
    }

  argv = build_arguments (self, options, image);
  complaints = guest_vm_get_path (self, "stderr");
  launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
  g_subprocess_launcher_set_stderr_file_path (launcher, complaints);
  g_subprocess_launcher_set_cwd (launcher, self->directory);
  g_subprocess_launcher_set_child_setup (launcher, die_with_parent, NULL, NULL);
  self->process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv->pdata, error);
  if (self->process == NULL)
    return NULL;

  return g_steal_pointer (&self);
}

static void
remove_directory (const char *directory)
{
  g_autoptr(GDir) dir = g_dir_open (directory, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);

      g_unlink (path);
    }
  g_rmdir (directory);
}

void
guest_vm_free (GuestVm *self)
{
  if (self == NULL)
    return;

  if (self->process != NULL)
    {
      g_subprocess_force_exit (self->process);
      g_subprocess_wait (self->process, NULL, NULL);
      g_object_unref (self->process);
    }
  if (self->directory != NULL)
    remove_directory (self->directory);
  g_free (self->directory);
  g_free (self);
}

GPid
guest_vm_get_pid (GuestVm *self)
{
  const char *identifier = g_subprocess_get_identifier (self->process);

  return identifier != NULL ? (GPid) g_ascii_strtoll (identifier, NULL, 10) : 0;
}

gboolean
guest_vm_is_running (GuestVm *self)
{
  return g_subprocess_get_identifier (self->process) != NULL;
}

char *
guest_vm_get_complaint (GuestVm *self)
{
  g_autofree char *path = guest_vm_get_path (self, "stderr");
  g_autofree char *text = NULL;
  g_autoptr(GString) complaint = g_string_new (NULL);
  g_auto(GStrv) lines = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return g_strdup ("");

  lines = g_strsplit (text, "\n", -1);
  for (gsize i = 0; lines[i] != NULL; i++)
    if (lines[i][0] != '\0' && strstr (lines[i], "warning:") == NULL)
      g_string_append_printf (complaint, "%s%s", complaint->len > 0 ? "\n" : "", lines[i]);

  return g_string_free (g_steal_pointer (&complaint), FALSE);
}

gboolean
guest_vm_probe (const char *qemu, const char *accel, GError **error)
{
  GuestVmOptions options = { .qemu = qemu, .accel = accel, .config = "ws=1 rate=1", .ram_mib = 16 };
  g_autoptr(GuestVm) vm = guest_vm_start (&options, error);
  g_autoptr(GuestWatch) watch = NULL;
  g_autofree char *path = NULL;
  g_autofree char *complaint = NULL;

  if (vm == NULL)
    return FALSE;

  path = guest_vm_get_path (vm, GUEST_WATCH_SOCKET_NAME);
  watch = guest_watch_new ();
  guest_watch_add (watch, path);
  for (int i = 0; i < PROBE_SECONDS * 10 && guest_vm_is_running (vm); i++)
    {
      GuestWatchState state;

      if (guest_watch_wait_ticks (watch, -1, PROBE_TICKS, 100, NULL))
        return guest_watch_is_sound (watch, error);
      guest_watch_get_state (watch, &state);
      if (state.ticks >= PROBE_TICKS)
        return guest_watch_is_sound (watch, error);
    }

  complaint = guest_vm_get_complaint (vm);
  complaint[strcspn (complaint, "\n")] = '\0'; /* a dump of all registers may follow */
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "cannot run the demo guest with -accel %s: %s", accel,
               complaint[0] != '\0' ? complaint : "it does not tick");
  return FALSE;
}
