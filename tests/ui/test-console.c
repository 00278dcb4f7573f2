/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The console as a person uses it: typed into and read through tmux, with real agents and a real QEMU. */

#include "rig.h"
#include "tmux.h"

#include <string.h>

/* Much memory that is not zero, so that a move at a few MiB/s lasts. */
#define BUSY "ws=16;rate=5;fill=64;check=1"

static Rig *
rig_with_hosts (void)
{
  Rig *rig = tmux_is_there () ? rig_new () : NULL;
  g_autoptr(RigRun) added = NULL;

  if (rig == NULL)
    return NULL;
  rig_start_agent (rig, &rig->alpha, NULL);
  rig_start_agent (rig, &rig->beta, NULL);
  added = rig_qmig (rig, &rig->alpha, "host", "add", "beta", rig->beta.uri, NULL);
  g_assert_cmpint (added->exit_code, ==, 0);
  rig_start_guest (rig, BUSY, NULL);
  return rig;
}

static Tmux *
open_console (Rig *rig, const char *term, const char *locale, int cols, int rows, const char *options)
{
  g_autofree char *runtime = g_strdup_printf ("QMIG_RUNTIME_DIR=%s", rig->alpha.runtime_dir);
  g_autofree char *state = g_strdup_printf ("QMIG_STATE_DIR=%s", rig->alpha.state_dir);
  g_autofree char *config = g_strdup_printf ("QMIG_CONFIG=%s/qmig.conf", rig->alpha.state_dir);
  g_autofree char *lc = g_strdup_printf ("LC_ALL=%s", locale);
  const char *env[] = { runtime, state, config, lc, NULL };
  Tmux *tmux = tmux_new (rig->dir, env, term, cols, rows);
  g_autofree char *command = g_strdup_printf ("%s console --screen vms %s", rig_program (), options);

  tmux_type (tmux, command);
  tmux_keys (tmux, "Enter", NULL);
  tmux_wait (tmux, rig->vm);
  return tmux;
}

static void
leave_console (Tmux *tmux)
{
  tmux_keys (tmux, "Q", NULL);
  tmux_wait_for (tmux, "#{alternate_on}", "0");
  tmux_wait_for (tmux, "#{cursor_flag}", "1");
}

/* Opens the dialog for the VM and starts the move at @bandwidth. */
static void
start_move (Tmux *tmux, const char *bandwidth)
{
  tmux_keys (tmux, "m", NULL);
  tmux_wait (tmux, "PRE-FLIGHT");
  /* Transport, policy, throttle, downtime, bandwidth. */
  tmux_keys (tmux, "Tab", "Tab", "Tab", "Tab", "Tab", NULL);
  tmux_type (tmux, bandwidth);
  tmux_wait (tmux, bandwidth);
  tmux_wait (tmux, " 0 fail");
  tmux_keys (tmux, "F5", NULL);
  tmux_wait (tmux, "REMAINING");
}

static void
storm (Tmux *tmux, int cols, int rows)
{
  GRand *rand = g_rand_new_with_seed (5);

  for (int i = 0; i < 200; i++)
    tmux_resize (tmux, g_rand_int_range (rand, 20, 160), g_rand_int_range (rand, 4, 60));
  tmux_resize (tmux, cols, rows);
  g_rand_free (rand);
}

/* From the list to a move that is over, a knob turned on the way; then once more as a replay. */
static void
test_move_and_replay (void)
{
  g_autoptr(Rig) rig = rig_with_hosts ();
  g_autoptr(Tmux) tmux = NULL;

  if (rig == NULL)
    return;
  tmux = open_console (rig, "screen-256color", "C.UTF-8", 100, 30, "");
  tmux_wait (tmux, "beta");
  start_move (tmux, "4MiB/s");
  tmux_wait (tmux, "▶ 2 pre-copy");
  tmux_wait (tmux, "SEND vs DIRTY RATE");
  storm (tmux, 100, 30);
  tmux_wait (tmux, "SEND vs DIRTY RATE");

  tmux_keys (tmux, "b", NULL);
  tmux_wait (tmux, "Bandwidth bound");
  tmux_type (tmux, "max");
  tmux_keys (tmux, "Enter", NULL);
  tmux_wait (tmux, "bandwidth max in force");
  tmux_wait (tmux, "COMPLETED");
  tmux_wait (tmux, "✓ 5 activate");

  tmux_keys (tmux, "q", "4", NULL);
  tmux_wait (tmux, "ENDED");
  tmux_wait (tmux, "completed");
  tmux_keys (tmux, "Enter", NULL);
  tmux_wait (tmux, "REPLAY");
  tmux_keys (tmux, "]", "]", "]", NULL);
  tmux_wait (tmux, "▶ 2 pre-copy");
  tmux_keys (tmux, "End", NULL);
  tmux_wait (tmux, "RESULT");
  leave_console (tmux);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

/* In ASCII, without colour, at the other sizes. */
static void
test_cancel (void)
{
  g_autoptr(Rig) rig = rig_with_hosts ();
  g_autoptr(Tmux) tmux = NULL;

  if (rig == NULL)
    return;
  tmux = open_console (rig, "vt100", "C", 80, 24, "");
  start_move (tmux, "1MiB/s");
  tmux_wait (tmux, "> 2 pre-copy");
  tmux_resize (tmux, 60, 16);
  tmux_wait (tmux, "rates need 80x24");
  tmux_keys (tmux, "w", NULL);
  tmux_wait (tmux, "will wait at the gate");

  tmux_keys (tmux, "X", NULL);
  tmux_wait (tmux, "Cancel and roll back");
  /* Enter alone does nothing bad. */
  tmux_keys (tmux, "Enter", NULL);
  tmux_wait_gone (tmux, "Cancel and roll back");
  tmux_keys (tmux, "X", NULL);
  tmux_wait (tmux, "Cancel and roll back");
  tmux_keys (tmux, "y", NULL);
  tmux_wait (tmux, "CANCELLED");
  tmux_resize (tmux, 80, 24);
  tmux_wait (tmux, "RESULT");
  leave_console (tmux);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

/* Somebody else's migration is seen, and nothing of it can be changed. */
static void
test_read_only (void)
{
  g_autoptr(Rig) rig = rig_with_hosts ();
  g_autoptr(Tmux) tmux = NULL;
  g_autoptr(RigRun) started = NULL;
  g_autoptr(RigRun) cancelled = NULL;

  if (rig == NULL)
    return;
  tmux = open_console (rig, "screen", "C.UTF-8", 80, 24, "--read-only");
  tmux_wait (tmux, "READ-ONLY");
  started = rig_qmig (rig, &rig->alpha, "migrate", rig->vm, "beta", "--bandwidth", "1MiB/s", "--no-wait", NULL);
  g_assert_cmpint (started->exit_code, ==, 0);
  tmux_wait (tmux, "→ beta");
  tmux_keys (tmux, "Enter", NULL);
  tmux_wait (tmux, "▶ 2 pre-copy");
  tmux_keys (tmux, "X", "y", "b", NULL);
  cancelled = rig_qmig (rig, &rig->alpha, "cancel", rig->vm, "--wait", NULL);
  tmux_wait (tmux, "CANCELLED");
  leave_console (tmux);
  rig_assert_one_runs (rig);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/console/move-and-replay", test_move_and_replay);
  g_test_add_func ("/console/cancel", test_cancel);
  g_test_add_func ("/console/read-only", test_read_only);
  return g_test_run ();
}
