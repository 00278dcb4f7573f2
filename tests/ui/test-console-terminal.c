/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The console on every kind of terminal, as tmux sees it; how it ends by signals is in test-console-signals.c. */

#include "tmux.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

typedef struct
{
  char *dir;
  char *runtime;
  char *state;
  char *config;
} Place;

static void
run_qmig (Place *place, const char *word, const char *verb)
{
  g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  g_autoptr(GSubprocess) process = NULL;

  g_subprocess_launcher_setenv (launcher, "QMIG_RUNTIME_DIR", place->runtime + strlen ("QMIG_RUNTIME_DIR="), TRUE);
  g_subprocess_launcher_setenv (launcher, "QMIG_STATE_DIR", place->state + strlen ("QMIG_STATE_DIR="), TRUE);
  process = g_subprocess_launcher_spawn (launcher, NULL, QMIG_PROGRAM, word, verb, NULL);
  g_assert_nonnull (process);
  g_subprocess_wait (process, NULL, NULL);
}

static Place *
place_new (void)
{
  Place *place = g_new0 (Place, 1);
  g_autoptr(GError) error = NULL;

  place->dir = g_dir_make_tmp ("qmcXXXXXX", &error);
  g_assert_no_error (error);
  place->runtime = g_strdup_printf ("QMIG_RUNTIME_DIR=%s/run", place->dir);
  place->state = g_strdup_printf ("QMIG_STATE_DIR=%s/state", place->dir);
  place->config = g_strdup_printf ("QMIG_CONFIG=%s/qmig.conf", place->dir);
  return place;
}

static void
place_free (Place *place)
{
  g_autofree char *command = g_strdup_printf ("rm -r '%s'", place->dir);

  run_qmig (place, "agent", "stop");
  g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL);
  g_free (place->dir);
  g_free (place->runtime);
  g_free (place->state);
  g_free (place->config);
  g_free (place);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Place, place_free)

static Tmux *
open_shell (Place *place, const char *term, const char *locale, int cols, int rows)
{
  g_autofree char *lc = g_strdup_printf ("LC_ALL=%s", locale);
  const char *env[] = { place->runtime, place->state, place->config, lc, NULL };

  return tmux_new (place->dir, env, term, cols, rows);
}

static void
open_console (Tmux *tmux, const char *options)
{
  g_autofree char *command = g_strdup_printf ("%s %s", QMIG_PROGRAM, options);

  tmux_type (tmux, command);
  tmux_keys (tmux, "Enter", NULL);
  tmux_wait (tmux, " quit");
}

/* As it was before: screen, cursor, mouse, and the modes in which a shell can be typed into. */
static void
assert_given_back (Tmux *tmux, const char *echo)
{
  g_autofree char *marked = g_strconcat ("echo ", echo, "''x", NULL);
  g_autofree char *shown = g_strconcat (echo, "x", NULL);

  tmux_wait_for (tmux, "#{alternate_on}", "0");
  tmux_wait_for (tmux, "#{mouse_any_flag}", "0");
  tmux_wait_for (tmux, "#{cursor_flag}", "1");
  tmux_wait_for (tmux, "#{keypad_flag}", "0");
  tmux_type (tmux, marked);
  /* What is typed is echoed, and Enter ends a line. */
  tmux_wait (tmux, marked);
  tmux_keys (tmux, "Enter", NULL);
  tmux_wait (tmux, shown);
}

static void
test_keys_and_leaving (void)
{
  g_autoptr(Place) place = NULL;
  g_autoptr(Tmux) tmux = NULL;

  if (!tmux_is_there ())
    return;
  place = place_new ();
  tmux = open_shell (place, "screen-256color", "C.UTF-8", 100, 30);
  /* Alone on a terminal it is the console. */
  open_console (tmux, "");
  tmux_wait (tmux, "No VM was found yet");
  tmux_keys (tmux, "5", NULL);
  tmux_wait (tmux, "certificate");
  tmux_keys (tmux, "?", NULL);
  tmux_wait (tmux, "try the way to the host");
  tmux_keys (tmux, "Escape", NULL);
  tmux_wait_gone (tmux, "try the way to the host");
  tmux_keys (tmux, ":", NULL);
  tmux_wait (tmux, "command palette");
  tmux_type (tmux, "history");
  tmux_wait (tmux, "migrations of the past");
  tmux_keys (tmux, "Enter", NULL);
  tmux_wait (tmux, "no migration has ended yet");
  tmux_keys (tmux, "3", NULL);
  tmux_wait (tmux, "EVENTS");
  tmux_keys (tmux, "2", NULL);
  tmux_wait (tmux, "none runs now");
  tmux_keys (tmux, "z", NULL);
  tmux_wait (tmux, "FROZEN");
  tmux_keys (tmux, "1", NULL);
  tmux_wait_gone (tmux, "FROZEN");
  /* Back to the first list, and out. */
  tmux_keys (tmux, "q", NULL);
  tmux_wait (tmux, "No VM was found yet");
  tmux_keys (tmux, "q", NULL);
  assert_given_back (tmux, "left");
}

/* Every terminal that can place text, in either kind of locale. */
static void
test_terminals (void)
{
  static const struct
  {
    const char *term;
    const char *locale;
    const char *line; /* of the rules */
  } all[] = {
    { "screen-256color", "C.UTF-8", "── VMS ──" }, { "screen-256color", "C", "-- VMS --" }, { "linux", "C.UTF-8", "── VMS ──" },
    { "linux", "C", "-- VMS --" },                 { "vt100", "C.UTF-8", "── VMS ──" },      { "vt100", "C", "-- VMS --" },
    { "xterm", "C.UTF-8", "── VMS ──" },
  };
  static const struct
  {
    int cols;
    int rows;
  } sizes[] = { { 100, 30 }, { 80, 24 }, { 60, 16 } };
  g_autoptr(Place) place = NULL;

  if (!tmux_is_there ())
    return;
  place = place_new ();
  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    {
      g_autoptr(Tmux) tmux = open_shell (place, all[i].term, all[i].locale, 100, 30);

      open_console (tmux, "console --screen vms");
      for (gsize j = 0; j < G_N_ELEMENTS (sizes); j++)
        {
          tmux_resize (tmux, sizes[j].cols, sizes[j].rows);
          tmux_wait (tmux, all[i].line);
        }
      tmux_resize (tmux, 40, 10);
      tmux_wait (tmux, "qmig needs 60x16");
      tmux_keys (tmux, "q", NULL);
      tmux_wait_for (tmux, "#{alternate_on}", "0");
      assert_given_back (tmux, "left");
    }
}

static void
test_no_terminal (void)
{
  g_autoptr(Place) place = NULL;
  g_autoptr(Tmux) tmux = NULL;

  if (!tmux_is_there ())
    return;
  place = place_new ();
  tmux = open_shell (place, "dumb", "C.UTF-8", 100, 30);
  tmux_type (tmux, QMIG_PROGRAM " console; echo status $?");
  tmux_keys (tmux, "Enter", NULL);
  tmux_wait (tmux, "qmig watch");
  tmux_wait (tmux, "status 2");
  tmux_type (tmux, "TERM=xterm " QMIG_PROGRAM " top | cat");
  tmux_keys (tmux, "Enter", NULL);
  tmux_wait (tmux, "TERM is 'xterm'");
}

/* A host that is not there delays nothing but its own row. */
static void
test_dead_host (void)
{
  g_autoptr(Place) place = NULL;
  g_autoptr(Tmux) tmux = NULL;

  if (!tmux_is_there ())
    return;
  place = place_new ();
  tmux = open_shell (place, "screen-256color", "C.UTF-8", 100, 30);
  tmux_type (tmux, "export QMIG_HOST=unix:/nonexistent/agent.sock");
  tmux_keys (tmux, "Enter", NULL);
  open_console (tmux, "console --screen vms");
  tmux_wait (tmux, "retry in");
  tmux_wait (tmux, "never");
  tmux_keys (tmux, "5", NULL);
  tmux_wait (tmux, "cannot reach the agent");
  tmux_keys (tmux, "Q", NULL);
  assert_given_back (tmux, "left");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/console/terminal/keys-and-leaving", test_keys_and_leaving);
  g_test_add_func ("/console/terminal/terminals", test_terminals);
  g_test_add_func ("/console/terminal/no-terminal", test_no_terminal);
  g_test_add_func ("/console/terminal/dead-host", test_dead_host);
  return g_test_run ();
}
