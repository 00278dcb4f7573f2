/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The console in a real terminal, of every kind and size.  By default over
 * canned hosts: each screen, storms of resizes, a host that falls silent.
 *
 * With -m slow, on each kind of terminal a tour over real agents and a real
 * QEMU: a migration cancelled, another one steered through storms of resizes
 * to its end, and its replay; the agents, QEMU and the guest are asked whether
 * what the screen says is so.
 */

#include "console-hand.h"
#include "fake-hosts.h"
#include "rig.h"

#include <glib/gstdio.h>
#include <string.h>

/* Enough to need several passes, little enough for TCG. */
#define BUSY "ws=16;rate=20;fill=16;check=1"
#define RESIZES 200
#define STEPS_MAX 400
#define LOOKS_MAX 600
#define LOOK_US 50000
#define RUNS "PRE-COPY|HOLDING"
#define NEW_DOWNTIME "250ms"
#define NEW_DOWNTIME_JSON "\"downtime_ms\" *: *250\\b"

static const ConsoleTerminal terminals[] = {
  { 100, 30, "screen-256color", "C.UTF-8" }, { 80, 24, "linux", "C.UTF-8" }, { 60, 16, "vt100", "C" },
  { 100, 30, "linux", "C" },                 { 100, 30, "vt100", "C.UTF-8" }, { 80, 24, "screen-256color", "C" },
  { 80, 24, "vt100", "C.UTF-8" },            { 60, 16, "screen-256color", "C.UTF-8" }, { 60, 16, "linux", "C" },
};

/* -- what the screen must be ------------------------------------------------------ */

static void
assert_fits (Tmux *tmux, const ConsoleTerminal *terminal)
{
  g_autofree char *screen = tmux_capture (tmux);

  g_assert_true (g_utf8_validate (screen, -1, NULL));
  if (strcmp (terminal->locale, "C") == 0 && !g_str_is_ascii (screen))
    g_error ("the locale is C, and this is not ASCII:\n%s", screen);
}

/* What stands still on a screen: without numbers, ages and how far they are from each other. */
static char *
without_numbers (const char *screen)
{
  g_autoptr(GRegex) numbers = g_regex_new ("now|, [0-9.]+ m?s|[0-9.:]+ *(m?s|([GMK]i)?B)?\\b|[?]", 0, 0, NULL);
  g_autoptr(GRegex) blanks = g_regex_new ("[ #]+", 0, 0, NULL);
  g_autofree char *masked = g_regex_replace_literal (numbers, screen, -1, 0, "#", 0, NULL);

  return g_regex_replace_literal (blanks, masked, -1, 0, " ", 0, NULL);
}

static char *
still_screen (Tmux *tmux)
{
  g_autofree char *screen = tmux_capture (tmux);

  return without_numbers (screen);
}

static void
storm (Tmux *tmux, const ConsoleTerminal *terminal, int n)
{
  for (int i = 0; i < n; i++)
    tmux_resize (tmux, g_test_rand_int_range (10, 200), g_test_rand_int_range (3, 70));
  tmux_resize (tmux, terminal->cols, terminal->rows);
}

/* -- with canned hosts ---------------------------------------------------------------- */

typedef struct
{
  char *dir;
  FakeHosts *hosts;
  Tmux *tmux;
} Glance;

static void
remove_dir (char *dir)
{
  static const char *const files[] = { "run.sh", "before", "stopped", "after", "console.ini" };

  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_build_filename (dir, files[i], NULL);

      g_unlink (path);
    }
  g_rmdir (dir);
  g_free (dir);
}

/* NULL after a skip. */
static Glance *
glance_new (const ConsoleTerminal *terminal, const char *options)
{
  ConsolePlace place = { .program = QMIG_PROGRAM };
  g_autoptr(GError) error = NULL;
  Glance *self;

  if (!tmux_is_there ())
    return NULL;
  self = g_new0 (Glance, 1);
  self->dir = g_dir_make_tmp ("qmcXXXXXX", &error);
  g_assert_no_error (error);
  self->hosts = fake_hosts_new (3, 20, 1);
  place.uri = fake_hosts_get_uri (self->hosts);
  place.runtime_dir = place.state_dir = self->dir;
  self->tmux = console_open (self->dir, &place, terminal, options);
  return self;
}

static void
glance_free (Glance *self)
{
  tmux_free (self->tmux);
  fake_hosts_free (self->hosts);
  remove_dir (self->dir);
  g_free (self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Glance, glance_free)

/* Each screen comes up, fits, and is left by the key that says so. */
static void
test_screens (gconstpointer data)
{
  static const char *const titles[] = { "VMs", "migrations", "log", "history", "hosts" };
  const ConsoleTerminal *terminal = data;
  g_autoptr(Glance) glance = glance_new (terminal, "--screen vms");

  if (glance == NULL)
    return;
  tmux_wait (glance->tmux, "vm00-000");
  for (gsize i = 0; i < G_N_ELEMENTS (titles); i++)
    {
      g_autofree char *key = g_strdup_printf ("%d", (int) i + 1);
      g_autofree char *title = g_strdup_printf ("^ qmig .{1,2} ?%s ", titles[i]);

      tmux_keys (glance->tmux, key, NULL);
      g_free (tmux_wait_match (glance->tmux, title));
      assert_fits (glance->tmux, terminal);
    }
  tmux_keys (glance->tmux, "2", "Enter", NULL);
  tmux_wait (glance->tmux, "REMAINING");
  assert_fits (glance->tmux, terminal);
  tmux_keys (glance->tmux, "?", NULL);
  tmux_wait (glance->tmux, "KEYS");
  assert_fits (glance->tmux, terminal);
  console_leave (glance->tmux, glance->dir);
}

static void
test_storm (gconstpointer data)
{
  const ConsoleTerminal *terminal = data;
  g_autoptr(Glance) glance = glance_new (terminal, "--screen vms");
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  if (glance == NULL)
    return;
  tmux_wait (glance->tmux, "60 of 60");
  tmux_keys (glance->tmux, "j", "j", NULL);
  g_free (tmux_wait_match (glance->tmux, "^[▸►>]vm00-002"));
  before = still_screen (glance->tmux);
  storm (glance->tmux, terminal, RESIZES);
  /* It keeps what was selected, and looks as it did. */
  g_free (tmux_wait_match (glance->tmux, "^[▸►>]vm00-002"));
  for (int i = 0; i < LOOKS_MAX && g_strcmp0 (before, after) != 0; i++)
    {
      g_usleep (LOOK_US);
      g_free (after);
      after = still_screen (glance->tmux);
    }
  g_assert_cmpstr (after, ==, before);
  console_leave (glance->tmux, glance->dir);
}

/* Below the smallest size it says what it needs, and q still leaves. */
static void
test_too_small (void)
{
  static const ConsoleTerminal terminal = { 59, 16, "screen-256color", "C.UTF-8" };
  g_autoptr(Glance) glance = glance_new (&terminal, "--screen vms");

  if (glance == NULL)
    return;
  tmux_wait (glance->tmux, "60x16");
  tmux_wait (glance->tmux, "59x16");
  tmux_resize (glance->tmux, 60, 16);
  tmux_wait (glance->tmux, "vm00-000");
  tmux_resize (glance->tmux, 8, 2);
  tmux_wait_gone (glance->tmux, "vm00-000");
  tmux_keys (glance->tmux, "q", NULL);
  tmux_resize (glance->tmux, 80, 24);
  tmux_wait (glance->tmux, "status 0");
}

static void
test_unknown_terminal (void)
{
  static const ConsoleTerminal terminal = { 100, 30, "no-such-terminal", "C.UTF-8" };
  g_autoptr(Glance) glance = glance_new (&terminal, NULL);

  if (glance == NULL)
    return;
  tmux_wait (glance->tmux, "status 2");
  tmux_wait (glance->tmux, "qmig watch");
  console_assert_terminal_is_back (glance->tmux, glance->dir, "after");
}

/* A host that takes everything and never answers is named, and holds up nothing. */
static void
test_silent_host (void)
{
  g_autoptr(Glance) glance = glance_new (&terminals[0], "--screen vms");

  if (glance == NULL)
    return;
  tmux_wait (glance->tmux, "60 of 60");
  fake_hosts_silence (glance->hosts, 1);
  g_free (tmux_wait_match (glance->tmux, "^ host02 .*(slow|silent|retry)"));
  /* What was known of it stays, and is marked. */
  g_free (tmux_wait_match (glance->tmux, "3 hosts, 1 unreachable"));
  tmux_wait (glance->tmux, "60 of 60");
  tmux_keys (glance->tmux, "j", NULL);
  g_free (tmux_wait_match (glance->tmux, "^▸vm00-001"));
  console_leave (glance->tmux, glance->dir);
}

/* -- with real ones ---------------------------------------------------------------------- */

typedef struct
{
  const ConsoleTerminal *terminal;
  Rig *rig;
  Tmux *tmux;
} Tour;

static void
say (Tour *self, const char *text)
{
  g_test_message ("%s", text);
}

static void
introduce_hosts (Rig *rig)
{
  g_autoptr(RigRun) there = rig_qmig (rig, &rig->alpha, "host", "add", rig->beta.name, rig->beta.uri, NULL);

  g_assert_cmpint (there->exit_code, ==, 0);
}

static void
open_console (Tour *self)
{
  RigHost *alpha = &self->rig->alpha;
  g_autofree char *config = g_build_filename (alpha->state_dir, "qmig.conf", NULL);
  const ConsolePlace place = { .program = rig_program (),
                               .uri = alpha->uri,
                               .runtime_dir = alpha->runtime_dir,
                               .state_dir = alpha->state_dir,
                               .config = config,
                               .pki_dir = alpha->pki_dir };

  self->tmux = console_open (self->rig->dir, &place, self->terminal, "--screen vms");
  console_find_vm (self->tmux, self->rig->vm);
  assert_fits (self->tmux, self->terminal);
}

/* The safe choice first: Enter changes nothing. Then y, and all is as it was. */
static void
cancel_and_roll_back (Tour *self)
{
  say (self, "cancelled, and rolled back");
  console_start_held_move (self->tmux, self->rig->vm);
  tmux_keys (self->tmux, "X", NULL);
  tmux_wait (self->tmux, "Keep as it is");
  tmux_keys (self->tmux, "Enter", NULL);
  tmux_wait_gone (self->tmux, "Keep as it is");
  g_free (tmux_wait_match (self->tmux, RUNS));
  rig_wait_qemus (self->rig, 2);

  tmux_keys (self->tmux, "X", NULL);
  tmux_wait (self->tmux, "Keep as it is");
  assert_fits (self->tmux, self->terminal);
  tmux_keys (self->tmux, "y", NULL);
  tmux_wait (self->tmux, "CANCELLED");
  rig_assert_one_runs (self->rig);
  g_assert_cmpint (rig_destination_pid (self->rig), ==, 0);
  rig_assert_nothing_left (self->rig);
  tmux_keys (self->tmux, "q", NULL);
  console_wait_vm (self->tmux, self->rig->vm);
}

static gboolean
agent_has_new_downtime (Tour *self)
{
  g_autoptr(RigRun) info = rig_qmig (self->rig, &self->rig->alpha, "migration", "show", "last", "-o", "json", NULL);

  g_assert_cmpint (info->exit_code, ==, 0);
  return g_regex_match_simple (NEW_DOWNTIME_JSON, info->out, 0, 0);
}

static void
turn_downtime (Tour *self)
{
  tmux_keys (self->tmux, "d", NULL);
  tmux_wait (self->tmux, "Esc leave it as it is");
  tmux_type (self->tmux, NEW_DOWNTIME);
  tmux_keys (self->tmux, "Enter", NULL);
  tmux_wait_gone (self->tmux, "Esc leave it as it is");
  g_free (tmux_wait_match (self->tmux, self->terminal->cols >= 80 ? "downtime .*250 ms .*(accepted|in force)" : "downtime .*250 ms"));
  for (int i = 0; !agent_has_new_downtime (self); i++)
    {
      g_assert_cmpint (i, <, LOOKS_MAX);
      g_usleep (LOOK_US);
    }
}

static void
move_with_a_knob_turned (Tour *self)
{
  say (self, "a knob, a storm, and through the gate");
  console_start_held_move (self->tmux, self->rig->vm);
  turn_downtime (self);
  storm (self->tmux, self->terminal, RESIZES / 10);
  g_free (tmux_wait_match (self->tmux, RUNS));
  assert_fits (self->tmux, self->terminal);
  tmux_keys (self->tmux, "w", NULL);
  tmux_wait (self->tmux, "COMPLETED");
  assert_fits (self->tmux, self->terminal);
  rig_assert_one_runs (self->rig);
  g_assert_cmpint (rig_destination_pid (self->rig), !=, 0);
  rig_assert_nothing_left (self->rig);
}

/* The newest run of the past is the one that has completed. */
static void
replay (Tour *self)
{
  say (self, "the past");
  tmux_keys (self->tmux, "q", "4", NULL);
  tmux_wait (self->tmux, "history");
  g_free (tmux_wait_match (self->tmux, "^[▸►>].* completed"));
  g_free (tmux_wait_match (self->tmux, "^ .* cancelled"));
  assert_fits (self->tmux, self->terminal);
  tmux_keys (self->tmux, "Enter", NULL);
  tmux_wait (self->tmux, "REPLAY");
  tmux_keys (self->tmux, "G", NULL);
  tmux_wait (self->tmux, "COMPLETED");
  tmux_keys (self->tmux, "[", NULL);
  tmux_wait_gone (self->tmux, "COMPLETED");
  assert_fits (self->tmux, self->terminal);
  for (int i = 0; i < STEPS_MAX && !tmux_shows (self->tmux, "COMPLETED"); i++)
    tmux_keys (self->tmux, "]", NULL);
  tmux_wait (self->tmux, "COMPLETED");
}

static void
test_tour (gconstpointer data)
{
  Tour tour = { .terminal = data };
  g_autoptr(Rig) rig = tmux_is_there () ? rig_new () : NULL;

  if (rig == NULL)
    return;
  tour.rig = rig;
  rig_start_agent (rig, &rig->alpha, NULL);
  rig_start_agent (rig, &rig->beta, NULL);
  introduce_hosts (rig);
  rig_start_guest (rig, BUSY, NULL);
  open_console (&tour);

  cancel_and_roll_back (&tour);
  move_with_a_knob_turned (&tour);
  replay (&tour);
  console_leave (tour.tmux, rig->dir);
  tmux_free (tour.tmux);
}

static void
add (const char *what, const ConsoleTerminal *terminal, GTestDataFunc test)
{
  g_autofree char *path = g_strdup_printf ("/console/%s/%dx%d/%s/%s", what, terminal->cols, terminal->rows, terminal->term, terminal->locale);

  g_test_add_data_func (path, terminal, test);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (g_test_slow ())
    {
      for (gsize i = 0; i < G_N_ELEMENTS (terminals); i++)
        {
          add ("tour", &terminals[i], test_tour);
          add ("storm", &terminals[i], test_storm);
        }
      return g_test_run ();
    }
  add ("storm", &terminals[0], test_storm);
  for (gsize i = 0; i < 4; i++)
    add ("screens", &terminals[i], test_screens);
  g_test_add_func ("/console/too-small", test_too_small);
  g_test_add_func ("/console/unknown-terminal", test_unknown_terminal);
  g_test_add_func ("/console/silent-host", test_silent_host);
  return g_test_run ();
}
