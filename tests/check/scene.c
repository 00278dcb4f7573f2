/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYSTEM_QEMU "/usr/bin/qemu-system-x86_64"
#define VNC_FIRST_PORT 5900
#define MIB (1024 * 1024)

/* What the kernel or a guest does by itself has come to pass by then. */
#define PATIENCE_MS 60000

struct _Scene
{
  const Way *way;
  Rig *rig;
  GSocket *taken[2]; /* two ports in a row */
  guint first_port;
  guint free_port;
  GPid keeper;       /* of beta's mounts, 0 without */
  Place place;
  GPid other;        /* a VM of the same name, 0 without */
};

/* -- texts ------------------------------------------------------------------------ */

/* (transfer full) */
static char *
fill_in (const Scene *self, const char *text)
{
  g_autoptr(GString) filled = g_string_new (text);
  g_autofree char *first = g_strdup_printf ("%u", self->first_port);
  g_autofree char *second = g_strdup_printf ("%u", self->first_port + 1);
  g_autofree char *display = g_strdup_printf ("%u", self->first_port - VNC_FIRST_PORT);
  g_autofree char *free_one = g_strdup_printf ("%u", self->free_port);
  g_autofree char *name = g_strdup_printf ("%s-moved", self->rig->vm);

  g_string_replace (filled, "$D", self->rig->dir, 0);
  g_string_replace (filled, "$N", name, 0);
  g_string_replace (filled, "$V", display, 0);
  g_string_replace (filled, "$R", free_one, 0);
  g_string_replace (filled, "$P", first, 0);
  g_string_replace (filled, "$Q", second, 0);
  return g_string_free (g_steal_pointer (&filled), FALSE);
}

/* (transfer full): the words of @text (nullable) */
static char **
words (const Scene *self, const char *text)
{
  g_autofree char *filled = text != NULL ? fill_in (self, text) : NULL;

  return filled != NULL ? g_strsplit (filled, " ", -1) : g_new0 (char *, 1);
}

static void
run_shell (const Scene *self, const char *script)
{
  g_autofree char *filled = fill_in (self, script);
  const char *argv[] = { "sh", "-ec", filled, NULL };

  g_assert_cmpint (place_run (NULL, argv, NULL, -1), ==, 0);
}

/* -- what has to be here ------------------------------------------------------------ */

static gboolean
is_before_8_1 (const char *qemu)
{
  const char *argv[] = { qemu, "--version", NULL };
  g_autofree char *out = NULL;
  const char *number;

  if (!g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, NULL, NULL, NULL) || (number = strstr (out, "version ")) == NULL)
    return FALSE;
  return g_ascii_strtod (number + strlen ("version "), NULL) < 8.1;
}

static gboolean
lacks (const Way *way, SceneNeeds need, gboolean there, const char *reason)
{
  if (!(way->needs & need) || there)
    return FALSE;
  g_test_skip (reason);
  return TRUE;
}

/* (nullable) after g_test_skip() */
static Rig *
new_rig (const Way *way)
{
  gboolean tcg = way->needs & (SCENE_NEEDS_TCG10 | SCENE_NEEDS_TCG7);
  gboolean system = g_file_test (SYSTEM_QEMU, G_FILE_TEST_IS_EXECUTABLE);
  g_autoptr(Rig) rig = NULL;

  if (lacks (way, SCENE_NEEDS_ROOT, geteuid () == 0, "mounts of its own take root") ||
      lacks (way, SCENE_NEEDS_TCG10, system, "there is no QEMU of the system here") ||
      lacks (way, SCENE_NEEDS_TCG7, system && is_before_8_1 (SYSTEM_QEMU), "the system's QEMU is no old one"))
    return NULL;
  rig = tcg ? rig_new_tcg () : rig_new ();
  if (rig == NULL || lacks (way, SCENE_NEEDS_KVM, g_str_equal (rig->accel, "kvm"), "KVM does not serve here") ||
      lacks (way, SCENE_NEEDS_BEFORE_8, is_before_8_1 (rig->qemu), "the QEMU to use is no old one"))
    return NULL;
  if (way->needs & SCENE_NEEDS_TCG7)
    {
      g_free (rig->qemu);
      rig->qemu = g_strdup (SYSTEM_QEMU);
    }
  return g_steal_pointer (&rig);
}

/* -- making it ----------------------------------------------------------------------- */

static GSocket *
listen_at (guint port)
{
  g_autoptr(GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", port);
  g_autoptr(GSocket) socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);

  return g_socket_bind (socket, address, TRUE, NULL) && g_socket_listen (socket, NULL) ? g_steal_pointer (&socket) : NULL;
}

static guint
port_of (GSocket *socket)
{
  g_autoptr(GSocketAddress) address = g_socket_get_local_address (socket, NULL);

  return g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address));
}

static void
take_ports (Scene *self)
{
  g_autoptr(GSocket) freed = listen_at (0);

  g_assert_nonnull (freed);
  self->free_port = port_of (freed);
  for (int i = 0; self->taken[1] == NULL; i++)
    {
      g_assert_cmpint (i, <, 1000);
      g_clear_object (&self->taken[0]);
      self->taken[0] = listen_at (0);
      g_assert_nonnull (self->taken[0]);
      self->first_port = port_of (self->taken[0]);
      self->taken[1] = self->first_port < G_MAXUINT16 ? listen_at (self->first_port + 1) : NULL;
    }
}

static void
make_mounts (Scene *self)
{
  g_autofree char *mounts = fill_in (self, self->way->mounts);

  place_with_mounts (&self->place, mounts, &self->keeper);
  self->rig->beta.place = &self->place;
}

static void
start_other_vm (Scene *self)
{
  g_autofree char *dir = g_strdup_printf ("%s-other", self->rig->dir);
  g_autofree char *socket = g_build_filename (dir, "qmp", NULL);
  g_autofree char *qmp = g_strdup_printf ("unix:%s,server=on,wait=off", socket);
  const char *argv[] = { self->rig->qemu, "-machine", "none", "-nodefaults", "-display", "none", "-name", self->rig->vm, "-qmp", qmp, NULL };

  g_assert_no_errno (g_mkdir_with_parents (dir, 0700));
  self->other = place_spawn (NULL, argv, NULL, NULL, -1);
  rig_wait_socket (socket);
}

static void
limit_agent (const Scene *self)
{
  struct rlimit limit = { (rlim_t) self->way->limit_mib * MIB, (rlim_t) self->way->limit_mib * MIB };

  g_assert_no_errno (prlimit (self->rig->beta.agent, RLIMIT_AS, &limit, NULL));
}

static char *
qmp (Scene *self, const char *command, const char *arguments)
{
  g_autofree char *pid = g_strdup_printf ("%d", (int) self->rig->guest);
  g_autoptr(RigRun) run = rig_qmig (self->rig, &self->rig->alpha, "vm", "qmp", pid, command, arguments, NULL);

  if (run->exit_code != 0)
    g_error ("%s: %s", command, run->err);
  return g_steal_pointer (&run->out);
}

char *
scene_run_state (Scene *self)
{
  g_autofree char *out = qmp (self, "query-status", NULL);
  g_autoptr(GRegex) regex = g_regex_new ("\"status\"\\s*:\\s*\"([a-z-]+)\"", 0, 0, NULL);
  g_autoptr(GMatchInfo) match = NULL;

  g_assert_true (g_regex_match (regex, out, 0, &match));
  return g_match_info_fetch (match, 1);
}

static void
give_commands (Scene *self)
{
  for (gsize i = 0; i < G_N_ELEMENTS (self->way->commands) && self->way->commands[i] != NULL; i++)
    {
      g_autofree char *filled = fill_in (self, self->way->commands[i]);
      char *space = strchr (filled, ' ');
      g_autofree char *said = NULL;

      if (space != NULL)
        *space = '\0';
      said = qmp (self, filled, space != NULL ? space + 1 : NULL);
    }
  for (gboolean there = self->way->wait_for == NULL; !there;)
    {
      g_autofree char *state = scene_run_state (self);

      there = g_str_equal (state, self->way->wait_for);
    }
}

static void
build (Scene *self)
{
  const Way *way = self->way;
  g_auto(GStrv) guest = NULL;

  take_ports (self);
  if (way->files != NULL)
    run_shell (self, way->files);
  if (way->mounts != NULL)
    make_mounts (self);
  rig_start_agent (self->rig, &self->rig->alpha, NULL);
  rig_start_agent (self->rig, &self->rig->beta, NULL);
  if (way->limit_mib > 0)
    limit_agent (self);
  if (way->memory_mib > 0)
    self->rig->memory_mib = way->memory_mib;
  guest = words (self, way->guest);
  rig_start_stopped_guest (self->rig, (const char *const *) guest);
  if (way->other_vm)
    start_other_vm (self);
  give_commands (self);
}

Scene *
scene_new (const Way *way)
{
  Scene *self;
  Rig *rig;

  alarm (PATIENCE_MS / 1000 * 3);
  rig = new_rig (way);
  if (rig == NULL)
    return NULL;
  self = g_new0 (Scene, 1);
  self->way = way;
  self->rig = rig;
  build (self);
  return self;
}

static void
end (GPid pid)
{
  if (pid == 0)
    return;
  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
}

void
scene_free (Scene *self)
{
  g_autofree char *other = g_strdup_printf ("%s-other", self->rig->dir);
  const char *argv[] = { "rm", "-rf", "--", other, NULL };

  end (self->other);
  rig_free (self->rig);
  end (self->keeper);
  if (self->keeper != 0)
    close (self->place.mnt);
  g_assert_cmpint (place_run (NULL, argv, NULL, -1), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (self->taken); i++)
    g_clear_object (&self->taken[i]);
  g_free (self);
  alarm (0);
}

/* -- asking -------------------------------------------------------------------------------- */

static RigRun *
run (Scene *self, const char *verb, const char *const *more)
{
  g_autoptr(GPtrArray) args = g_ptr_array_new ();
  g_autofree char *pid = g_strdup_printf ("%d", (int) self->rig->guest);
  g_auto(GStrv) own = words (self, self->way->args);

  g_ptr_array_add (args, (char *) verb);
  g_ptr_array_add (args, pid);
  g_ptr_array_add (args, self->rig->beta.uri);
  for (char **arg = own; *arg != NULL; arg++)
    if (!g_str_equal (verb, "migrate") || !g_str_equal (*arg, "--deep"))
      g_ptr_array_add (args, *arg);
  for (const char *const *arg = more; *arg != NULL; arg++)
    g_ptr_array_add (args, (char *) *arg);
  g_ptr_array_add (args, NULL);
  return rig_finish (rig_qmig_begin (self->rig, &self->rig->alpha, (const char *const *) args->pdata));
}

QmigPlan *
scene_check (Scene *self, int *exit_code, gint64 *elapsed_ms)
{
  gint64 start_us = g_get_monotonic_time ();
  g_autoptr(RigRun) checked = run (self, "check", (const char *const[]) { "--no-measure", "-o", "json", NULL });
  g_autoptr(GError) error = NULL;
  QmigPlan *plan;

  *elapsed_ms = (g_get_monotonic_time () - start_us) / 1000;
  *exit_code = checked->exit_code;
  if (*checked->out == '\0')
    g_error ("no plan: %s", checked->err);
  plan = qmig_plan_from_text (checked->out, -1, &error);
  g_assert_no_error (error);
  return plan;
}

RigRun *
scene_force (Scene *self, const char *id)
{
  return run (self, "migrate", (const char *const[]) { "--force-check", id, "-o", "jsonl", NULL });
}

void
scene_assert_only_source (Scene *self)
{
  g_assert_cmpint (rig_destination_pid (self->rig), ==, 0);
  rig_assert_nothing_left (self->rig);
}
