/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Prints screens of the console as it runs: two agents, a QEMU with a guest
 * that writes, and a terminal (tmux) that is typed into.  The captures of
 * README.md are made by this: build/tests/ui/capture-console
 */

#include "rig.h"
#include "tmux.h"

#include <stdio.h>
#include <string.h>

static void
print_screen (Tmux *tmux, const char *heading)
{
  g_autofree char *screen = tmux_capture (tmux);

  printf ("%s\n\n%s\n", heading, g_strchomp (screen));
  fflush (stdout);
}

static Tmux *
open_console (Rig *rig, int cols, int rows)
{
  g_autofree char *runtime = g_strdup_printf ("QMIG_RUNTIME_DIR=%s", rig->alpha.runtime_dir);
  g_autofree char *state = g_strdup_printf ("QMIG_STATE_DIR=%s", rig->alpha.state_dir);
  g_autofree char *config = g_strdup_printf ("QMIG_CONFIG=%s/qmig.conf", rig->alpha.state_dir);
  const char *env[] = { runtime, state, config, "LC_ALL=C.UTF-8", NULL };
  Tmux *tmux = tmux_new (rig->dir, env, "screen-256color", cols, rows);
  g_autofree char *command = g_strdup_printf ("%s console --screen vms", rig_program ());

  tmux_type (tmux, command);
  tmux_keys (tmux, "Enter", NULL);
  tmux_wait (tmux, "web01");
  tmux_wait (tmux, "beta");
  return tmux;
}

static void
capture (Rig *rig)
{
  g_autoptr(Tmux) tmux = open_console (rig, 100, 30);

  tmux_keys (tmux, "m", NULL);
  tmux_wait (tmux, "PRE-FLIGHT");
  tmux_keys (tmux, "Tab", "Tab", "Tab", "Tab", NULL);
  tmux_type (tmux, "100ms");
  tmux_keys (tmux, "Tab", NULL);
  tmux_type (tmux, "12MiB/s");
  tmux_wait (tmux, "--bandwidth 12MiB/s");
  tmux_wait (tmux, " 0 fail");
  print_screen (tmux, "The dialog, checked while it is filled in");

  tmux_keys (tmux, "F5", NULL);
  tmux_wait (tmux, "  0:07.");
  tmux_keys (tmux, "b", NULL);
  tmux_wait (tmux, "Bandwidth bound");
  tmux_type (tmux, "16MiB/s");
  tmux_keys (tmux, "Enter", NULL);
  tmux_wait (tmux, "bandwidth 16 MiB/s in force");
  tmux_wait_gone (tmux, "U takes it back");
  print_screen (tmux, "The migration while it runs");
  tmux_keys (tmux, "1", NULL);
  tmux_wait (tmux, "LAST EVENTS");
  print_screen (tmux, "VMs of all hosts");
  tmux_keys (tmux, "2", "Enter", NULL);
  tmux_wait (tmux, "REMAINING");
  tmux_resize (tmux, 60, 16);
  tmux_wait (tmux, "rates need");
  print_screen (tmux, "The same at 60x16");
  tmux_resize (tmux, 100, 30);
  tmux_keys (tmux, "b", NULL);
  tmux_wait (tmux, "Bandwidth bound");
  tmux_type (tmux, "max");
  tmux_keys (tmux, "Enter", NULL);
  tmux_wait (tmux, "COMPLETED");
  print_screen (tmux, "What came of it");
  tmux_keys (tmux, "Q", NULL);
  tmux_wait_for (tmux, "#{alternate_on}", "0");
}

int
main (int argc, char **argv)
{
  g_autoptr(Rig) rig = NULL;
  g_autoptr(RigRun) added = NULL;

  g_test_init (&argc, &argv, NULL);
  rig = tmux_is_there () ? rig_new () : NULL;
  if (rig == NULL)
    return 1;
  g_free (rig->vm);
  rig->vm = g_strdup ("web01");
  rig_start_agent (rig, &rig->alpha, NULL);
  rig_start_agent (rig, &rig->beta, NULL);
  added = rig_qmig (rig, &rig->alpha, "host", "add", "beta", rig->beta.uri, NULL);
  rig->memory_mib = 256;
  rig_start_guest (rig, "ws=32;rate=6;fill=192;check=1", NULL);
  capture (rig);
  return 0;
}
