/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rig.h"

#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 60000 /* a limit for what ought to happen at once, not a measure */
#define POLL_US 5000

/* -- processes --------------------------------------------------------------- */

static void
wait_dead (GPid pid)
{
  int status;

  while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
    ;
}

static const char *
from_environment (const char *variable, const char *fallback)
{
  const char *value = g_getenv (variable);

  return value != NULL ? value : fallback;
}

/* The program under test: what was built, unless a test wants the one with fault points. */
const char *
rig_program (void)
{
  return from_environment ("QMIG_TEST_PROGRAM", QMIG_BUILD_ROOT "/qmig");
}

static char **
host_environment (const RigHost *host, const char *fault)
{
  char **env = g_get_environ ();
  g_autofree char *config = g_build_filename (host->state_dir, "qmig.conf", NULL);

  env = g_environ_setenv (env, "QMIG_RUNTIME_DIR", host->runtime_dir, TRUE);
  env = g_environ_setenv (env, "QMIG_STATE_DIR", host->state_dir, TRUE);
  env = g_environ_setenv (env, "QMIG_CONFIG", config, TRUE);
  env = g_environ_setenv (env, "QMIG_PKI_DIR", host->pki_dir, TRUE);
  env = g_environ_unsetenv (env, "QMIG_HOST");
  if (host->ssh != NULL)
    env = g_environ_setenv (env, "QMIG_SSH", host->ssh, TRUE);
  return fault != NULL ? g_environ_setenv (env, "QMIG_FAULT", fault, TRUE) : g_environ_unsetenv (env, "QMIG_FAULT");
}

static void
host_init (RigHost *host, const char *dir, const char *name)
{
  host->name = g_strdup (name);
  host->runtime_dir = g_strdup_printf ("%s/%s/r", dir, name);
  host->state_dir = g_strdup_printf ("%s/%s/s", dir, name);
  host->pki_dir = g_strdup_printf ("%s/%s/pki", dir, name);
  host->uri = g_strdup_printf ("unix:%s/agent.sock", host->runtime_dir);
  g_assert_no_errno (g_mkdir_with_parents (host->runtime_dir, 0700));
  g_assert_no_errno (g_mkdir_with_parents (host->state_dir, 0700));
}

static void
host_clear (RigHost *host)
{
  rig_kill_agent (host);
  g_free (host->name);
  g_free (host->runtime_dir);
  g_free (host->state_dir);
  g_free (host->pki_dir);
  g_free (host->ssh);
  g_free (host->uri);
}

static gboolean
agent_answers (const RigHost *host)
{
  const char *argv[] = { rig_program (), "--no-autostart", "agent", "status", NULL };
  g_auto(GStrv) env = host_environment (host, NULL);
  int quiet = open ("/dev/null", O_WRONLY | O_CLOEXEC);
  int status = place_run (host->place, argv, (const char *const *) env, quiet);

  close (quiet);
  return status == 0;
}

void
rig_start_agent (Rig *rig, RigHost *host, const char *fault)
{
  const char *argv[] = { rig_program (), "agent", "run", "--name", host->name, NULL };
  g_auto(GStrv) env = host_environment (host, fault);
  g_autofree char *log = g_strdup_printf ("%s/%s.log", rig->dir, host->name);
  int fd = open (log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (host->agent, ==, 0);
  host->agent = place_spawn (host->place, argv, (const char *const *) env, NULL, fd);
  close (fd);

  for (int i = 0; !agent_answers (host); i++)
    {
      g_assert_cmpint (i, <, PATIENCE_MS * 1000 / POLL_US);
      g_usleep (POLL_US);
    }
}

void
rig_kill_agent (RigHost *host)
{
  if (host->agent == 0)
    return;
  kill (host->agent, SIGKILL);
  wait_dead (host->agent);
  host->agent = 0;
}

void
rig_wait_agent_dead (RigHost *host)
{
  wait_dead (host->agent);
  host->agent = 0;
}

/* -- the rig ------------------------------------------------------------------- */

static gboolean
kvm_serves (void)
{
  const char *probe[] = { from_environment ("QMIG_TEST_KVM_PROBE", QMIG_BUILD_ROOT "/data/guest/kvm-probe"), NULL };
  int status = -1;

  return g_spawn_sync (NULL, (char **) probe, NULL, G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL,
                       &status, NULL) && status == 0;
}

static void
use_kvm (Rig *rig)
{
  rig->qemu = g_find_program_in_path ("qemu-system-x86_64");
  rig->accel = g_strdup ("kvm");
}

/* TCG before QEMU 9 loses pages of a running guest: without KVM only a newer QEMU can tell the truth. */
static gboolean
use_tcg (Rig *rig)
{
  const char *newer = from_environment ("QMIG_TEST_QEMU_TCG", QMIG_BUILD_ROOT "/qemus/10/qemu-system-x86_64");

  if (!g_file_test (newer, G_FILE_TEST_IS_EXECUTABLE))
    return FALSE;
  rig->qemu = g_strdup (newer);
  rig->accel = g_strdup ("tcg");
  return TRUE;
}

static void
watch_guest (Rig *rig)
{
  g_autofree char *at_first = g_strdup_printf ("%s/tick.sock", rig->dir);

  rig->watch = guest_watch_new ();
  guest_watch_add (rig->watch, at_first);
  for (int i = 0; i < 2; i++)
    {
      g_autofree char *moved = g_strdup_printf ("%s/%s/r/vm/*/tick.sock", rig->dir, i == 0 ? "a" : "b");

      guest_watch_add_pattern (rig->watch, moved);
    }
}

/* Takes over @rig, with its QEMU chosen. */
static Rig *
set_up (Rig *rig)
{
  g_autoptr(GError) error = NULL;

  rig->memory_mib = 128;
  rig->dir = g_dir_make_tmp ("qmXXXXXX", &error);
  g_assert_no_error (error);
  rig->vm = g_path_get_basename (rig->dir);
  host_init (&rig->alpha, rig->dir, "a");
  host_init (&rig->beta, rig->dir, "b");
  watch_guest (rig);
  return rig;
}

Rig *
rig_new (void)
{
  Rig *rig = g_new0 (Rig, 1);

  if (kvm_serves ())
    use_kvm (rig);
  else if (!use_tcg (rig))
    {
      g_test_skip ("KVM does not serve here and there is no newer QEMU for TCG (./setup qemus)");
      g_free (rig);
      return NULL;
    }
  return set_up (rig);
}

Rig *
rig_new_tcg (void)
{
  Rig *rig = g_new0 (Rig, 1);

  if (!use_tcg (rig))
    {
      g_test_skip ("there is no newer QEMU for TCG (./setup qemus)");
      g_free (rig);
      return NULL;
    }
  return set_up (rig);
}

static void
show_log (Rig *rig, const char *host)
{
  g_autofree char *path = g_strdup_printf ("%s/%s.log", rig->dir, host);
  g_autofree char *text = NULL;

  if (g_file_get_contents (path, &text, NULL, NULL) && *text != '\0')
    g_test_message ("log of %s:\n%s", host, text);
}

static void
remove_tree (const char *path)
{
  const char *argv[] = { "rm", "-rf", "--", path, NULL };

  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
}

void
rig_free (Rig *rig)
{
  g_autoptr(GArray) qemus = NULL;

  show_log (rig, "a");
  show_log (rig, "b");
  host_clear (&rig->alpha);
  host_clear (&rig->beta);
  guest_watch_free (rig->watch);
  qemus = rig_qemus (rig);
  for (guint i = 0; i < qemus->len; i++)
    kill (g_array_index (qemus, GPid, i), SIGKILL);
  if (rig->guest != 0)
    wait_dead (rig->guest);
  remove_tree (rig->dir);
  g_free (rig->dir);
  g_free (rig->vm);
  g_free (rig->qemu);
  g_free (rig->accel);
  g_free (rig);
}

/* -- the guest -------------------------------------------------------------------- */

void
rig_start_own_guest (Rig *rig, const char *const *arguments)
{
  g_autoptr(GPtrArray) argv = g_ptr_array_new ();
  g_autofree char *qmp = g_strdup_printf ("unix:%s/user.qmp,server=on,wait=off", rig->dir);
  g_autofree char *memory = g_strdup_printf ("%u", rig->memory_mib);
  const char *fixed[] = { rig->qemu, "-machine", "q35", "-accel", rig->accel, "-cpu", "qemu64", "-m", memory, "-nodefaults",
                          "-no-user-config", "-display", "none", "-name", rig->vm, "-qmp", qmp, NULL };

  for (const char **arg = fixed; *arg != NULL; arg++)
    g_ptr_array_add (argv, (char *) *arg);
  for (const char *const *arg = arguments; *arg != NULL; arg++)
    g_ptr_array_add (argv, (char *) *arg);
  g_ptr_array_add (argv, NULL);
  rig->guest = place_spawn (rig->alpha.place, (const char *const *) argv->pdata, NULL, NULL, -1);
}

static void
spawn_guest (Rig *rig, const char *config, const char *const *more)
{
  g_autoptr(GPtrArray) arguments = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GError) error = NULL;
  g_autofree char *image = guest_watch_find_image (&error);
  g_autofree char *tick = g_build_filename (rig->dir, GUEST_WATCH_SOCKET_NAME, NULL);

  g_assert_no_error (error);
  guest_watch_append_arguments (arguments, image, config, tick);
  for (const char *const *arg = more; arg != NULL && *arg != NULL; arg++)
    g_ptr_array_add (arguments, g_strdup (*arg));
  g_ptr_array_add (arguments, NULL);
  rig_start_own_guest (rig, (const char *const *) arguments->pdata);
}

void
rig_start_guest (Rig *rig, const char *config, const char *const *more)
{
  g_autoptr(GError) error = NULL;

  spawn_guest (rig, config, more);
  guest_watch_wait_ready (rig->watch, PATIENCE_MS, &error);
  g_assert_no_error (error);
}

/* QEMU's socket is there a moment before it listens. */
static gboolean
listens (const char *path)
{
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr(GSocketConnection) connection = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, NULL);

  return connection != NULL;
}

void
rig_wait_socket (const char *path)
{
  for (int i = 0; !listens (path); i++)
    {
      g_assert_cmpint (i, <, PATIENCE_MS * 1000 / POLL_US);
      g_usleep (POLL_US);
    }
}

void
rig_start_stopped_guest (Rig *rig, const char *const *more)
{
  g_autofree char *monitor = g_build_filename (rig->dir, "user.qmp", NULL);
  g_autoptr(GPtrArray) all = g_ptr_array_new ();

  g_ptr_array_add (all, (char *) "-S");
  for (const char *const *arg = more; arg != NULL && *arg != NULL; arg++)
    g_ptr_array_add (all, (char *) *arg);
  g_ptr_array_add (all, NULL);
  spawn_guest (rig, "ws=1;rate=0", (const char *const *) all->pdata);
  rig_wait_socket (monitor);
}

/* -- commands ------------------------------------------------------------------------ */

struct _RigPending
{
  GPid pid;
  FILE *out;
  GString *seen;
  char *err_path;
};

RigPending *
rig_qmig_begin (Rig *rig, const RigHost *host, const char *const *args)
{
  static gint serial;
  RigPending *pending = g_new0 (RigPending, 1);
  g_autoptr(GPtrArray) argv = g_ptr_array_new ();
  g_auto(GStrv) env = host_environment (host, NULL);
  int out = -1, err;

  g_ptr_array_add (argv, (char *) rig_program ());
  g_ptr_array_add (argv, (char *) "--no-autostart");
  for (const char *const *arg = args; *arg != NULL; arg++)
    g_ptr_array_add (argv, (char *) *arg);
  g_ptr_array_add (argv, NULL);

  pending->err_path = g_strdup_printf ("%s/err-%d", rig->dir, g_atomic_int_add (&serial, 1));
  err = open (pending->err_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  g_assert_cmpint (err, >=, 0);
  pending->pid = place_spawn (host->place, (const char *const *) argv->pdata, (const char *const *) env, &out, err);
  close (err);
  pending->out = fdopen (out, "r");
  pending->seen = g_string_new (NULL);
  return pending;
}

GPid
rig_pending_pid (RigPending *pending)
{
  return pending->pid;
}

static gboolean
read_line (RigPending *pending, char **line)
{
  size_t size = 0;
  ssize_t length;

  *line = NULL;
  length = getline (line, &size, pending->out);
  if (length > 0)
    g_string_append_len (pending->seen, *line, length);
  return length > 0;
}

void
rig_pending_wait_for (RigPending *pending, const char *needle)
{
  gboolean found = FALSE;

  while (!found)
    {
      char *line;

      if (!read_line (pending, &line))
        g_error ("the command ended without a line with '%s':\n%s", needle, pending->seen->str);
      found = strstr (line, needle) != NULL;
      free (line);
    }
}

RigRun *
rig_finish (RigPending *pending)
{
  RigRun *run = g_new0 (RigRun, 1);
  char *line;
  int status;

  while (read_line (pending, &line))
    free (line);
  free (line);
  fclose (pending->out);
  g_assert_cmpint (waitpid (pending->pid, &status, 0), ==, pending->pid);
  run->exit_code = WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
  run->out = g_string_free (pending->seen, FALSE);
  g_file_get_contents (pending->err_path, &run->err, NULL, NULL);
  g_test_message ("exit %d, stderr: %s", run->exit_code, run->err);
  g_free (pending->err_path);
  g_free (pending);
  return run;
}

RigRun *
rig_qmig (Rig *rig, const RigHost *host, ...)
{
  g_autoptr(GPtrArray) args = g_ptr_array_new ();
  va_list list;

  va_start (list, host);
  for (const char *arg = va_arg (list, const char *); arg != NULL; arg = va_arg (list, const char *))
    g_ptr_array_add (args, (char *) arg);
  va_end (list);
  g_ptr_array_add (args, NULL);
  return rig_finish (rig_qmig_begin (rig, host, (const char *const *) args->pdata));
}

void
rig_run_free (RigRun *run)
{
  g_free (run->out);
  g_free (run->err);
  g_free (run);
}

QmigResult *
rig_result (const RigRun *run)
{
  g_auto(GStrv) lines = g_strsplit (g_strchomp (run->out), "\n", -1);
  g_autoptr(QmigEvent) event = NULL;
  g_autoptr(GError) error = NULL;
  QmigResult *result;

  g_assert_cmpuint (g_strv_length (lines), >, 0);
  event = qmig_event_from_text (lines[g_strv_length (lines) - 1], -1, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (event->type, ==, "result");
  result = qmig_result_from_object (json_node_get_object (event->data), &error);
  g_assert_no_error (error);
  g_test_message ("result: exit %" G_GINT64_FORMAT ", location %s, error: %s", result->exit_code,
                  qmig_location_names[result->vm_location], result->error);
  return result;
}

/* -- fault points -------------------------------------------------------------------- */

char *
rig_fifo (Rig *rig, const char *name)
{
  char *path = g_build_filename (rig->dir, name, NULL);

  g_assert_no_errno (mkfifo (path, 0600));
  return path;
}

int
rig_meet (const char *fifo)
{
  int fd;

  /* ENXIO until the other side has come. */
  for (int i = 0; (fd = open (fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0; i++)
    {
      if (i >= PATIENCE_MS * 1000 / POLL_US)
        g_error ("the fault point of %s was never reached", fifo);
      g_usleep (POLL_US);
    }
  return fd;
}

void
rig_part (int meeting)
{
  close (meeting);
}

/* -- the proof ------------------------------------------------------------------------- */

static gboolean
belongs_to (Rig *rig, const char *pid)
{
  g_autofree char *cmdline_path = g_strdup_printf ("/proc/%s/cmdline", pid);
  g_autofree char *stat_path = g_strdup_printf ("/proc/%s/stat", pid);
  g_autofree char *cmdline = NULL;
  g_autofree char *stat = NULL;
  const char *state;
  gsize length;

  if (!g_file_get_contents (cmdline_path, &cmdline, &length, NULL) || strstr (cmdline, "qemu-system") == NULL ||
      memmem (cmdline, length, rig->dir, strlen (rig->dir)) == NULL || !g_file_get_contents (stat_path, &stat, NULL, NULL))
    return FALSE;
  state = strrchr (stat, ')');
  return state != NULL && state[2] != 'Z';
}

GArray *
rig_qemus (Rig *rig)
{
  GArray *pids = g_array_new (FALSE, FALSE, sizeof (GPid));
  g_autoptr(GDir) proc = g_dir_open ("/proc", 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (proc)) != NULL)
    if (g_ascii_isdigit (*name) && belongs_to (rig, name))
      {
        GPid pid = atoi (name);

        g_array_append_val (pids, pid);
      }
  return pids;
}

GPid
rig_destination_pid (Rig *rig)
{
  g_autoptr(GArray) pids = rig_qemus (rig);

  for (guint i = 0; i < pids->len; i++)
    if (g_array_index (pids, GPid, i) != rig->guest)
      return g_array_index (pids, GPid, i);
  return 0;
}

void
rig_kill_qemu (Rig *rig, GPid pid)
{
  GPollFD dead = { .events = G_IO_IN };

  g_assert_cmpint (pid, >, 0);
  dead.fd = (int) syscall (SYS_pidfd_open, pid, 0);
  g_assert_cmpint (dead.fd, >=, 0);
  g_assert_no_errno (kill (pid, SIGKILL));
  g_assert_cmpint (g_poll (&dead, 1, PATIENCE_MS), ==, 1);
  close (dead.fd);
}

void
rig_wait_qemus (Rig *rig, guint count)
{
  for (int i = 0;; i++)
    {
      g_autoptr(GArray) pids = rig_qemus (rig);

      if (pids->len == count)
        return;
      if (i >= PATIENCE_MS * 1000 / POLL_US)
        g_error ("%u QEMUs are left, not %u", pids->len, count);
      g_usleep (POLL_US);
    }
}

static gboolean
checked_all_again (const GuestWatchState *state, gpointer data)
{
  return state->check_rounds >= *(guint64 *) data;
}

void
rig_assert_guest_works (Rig *rig)
{
  g_autoptr(GError) error = NULL;
  GuestWatchState state;
  guint64 round;

  rig_wait_qemus (rig, 1);
  guest_watch_wait_ticks (rig->watch, -1, 200, PATIENCE_MS, &error);
  g_assert_no_error (error);
  /* A round that began after the outcome has seen every page. */
  guest_watch_get_state (rig->watch, &state);
  round = state.check_rounds + 2;
  guest_watch_wait (rig->watch, checked_all_again, &round, "a complete check of the guest's memory", PATIENCE_MS, &error);
  g_assert_no_error (error);
  guest_watch_get_state (rig->watch, &state);
  g_assert_cmpuint (state.errors, ==, 0);
}

void
rig_assert_one_runs (Rig *rig)
{
  g_autoptr(GError) error = NULL;

  rig_assert_guest_works (rig);
  guest_watch_is_sound (rig->watch, &error);
  g_assert_no_error (error);
}

static guint
count_entries (const char *path)
{
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static void
assert_host_is_tidy (Rig *rig, RigHost *host, guint *run_dirs)
{
  g_autofree char *vms = g_build_filename (host->runtime_dir, "vm", NULL);
  g_autoptr(QmigHostInfo) info = NULL;
  g_autoptr(RigRun) run = rig_qmig (rig, host, "host", "show", "local", "-o", "json", NULL);
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (run->exit_code, ==, 0);
  info = qmig_host_info_from_text (run->out, -1, &error);
  g_assert_no_error (error);
  g_assert_cmpint (info->incoming, ==, 0);
  g_assert_cmpint (info->active_migrations, ==, 0);
  *run_dirs += count_entries (vms);
}

void
rig_assert_nothing_left (Rig *rig)
{
  guint run_dirs = 0;
  gboolean moved = rig_destination_pid (rig) != 0;

  assert_host_is_tidy (rig, &rig->alpha, &run_dirs);
  assert_host_is_tidy (rig, &rig->beta, &run_dirs);
  g_assert_cmpuint (run_dirs, ==, moved ? 1 : 0);
}
