/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * capture-console [DIR]: the screens of the README, as the running console
 * shows them in a terminal: two hosts, a guest that works, a migration of it.
 * Each screen becomes a file console-NAME.txt in DIR.  Nothing is touched up.
 */

#include "console-hand.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>

#define GUEST "ws=64;rate=40;fill=64;check=1"
#define MEMORY_MIB 256
#define SLOW "60MiB/s"
#define FAST "400MiB/s"

static const ConsoleTerminal full = { 100, 30, "screen-256color", "C.UTF-8" };
static const ConsoleTerminal plain = { 80, 24, "vt100", "C" };

typedef struct
{
  Rig *rig;
  Tmux *tmux;
  const char *dir; /* where the captures go */
} Capture;

static void
capture (Capture *self, const char *name)
{
  g_autofree char *file = g_strdup_printf ("console-%s.txt", name);
  g_autofree char *path = g_build_filename (self->dir, file, NULL);
  g_autofree char *screen = tmux_capture (self->tmux);
  g_autoptr(GError) error = NULL;

  if (!g_file_set_contents (path, screen, -1, &error))
    {
      fprintf (stderr, "capture-console: %s\n", error->message);
      exit (EXIT_FAILURE);
    }
  printf ("%s\n", path);
}

static void
rename_text (char **text, const char *name)
{
  g_free (*text);
  *text = g_strdup (name);
}

static void
start_hosts (Rig *rig)
{
  g_autoptr(RigRun) there = NULL;
  g_autoptr(RigRun) back = NULL;

  rename_text (&rig->vm, "web01");
  rename_text (&rig->alpha.name, "alpha");
  rename_text (&rig->beta.name, "beta");
  rig->memory_mib = MEMORY_MIB;
  rig_start_agent (rig, &rig->alpha, NULL);
  rig_start_agent (rig, &rig->beta, NULL);
  there = rig_qmig (rig, &rig->alpha, "host", "add", "beta", rig->beta.uri, NULL);
  back = rig_qmig (rig, &rig->beta, "host", "add", "alpha", rig->alpha.uri, NULL);
  rig_start_guest (rig, GUEST, NULL);
}

static void
open_console (Capture *self, const ConsoleTerminal *terminal)
{
  RigHost *alpha = &self->rig->alpha;
  g_autofree char *config = g_build_filename (alpha->state_dir, "qmig.conf", NULL);
  const ConsolePlace place = { .program = rig_program (),
                               .uri = alpha->uri,
                               .runtime_dir = alpha->runtime_dir,
                               .state_dir = alpha->state_dir,
                               .config = config,
                               .pki_dir = alpha->pki_dir };

  self->tmux = console_open (self->rig->dir, &place, terminal, "--screen vms");
}

static void
close_console (Capture *self)
{
  console_leave (self->tmux, self->rig->dir);
  g_clear_pointer (&self->tmux, tmux_free);
}

/* Slow enough that there is something to see. */
static void
start_migration (Capture *self)
{
  tmux_keys (self->tmux, "m", NULL);
  tmux_wait (self->tmux, "migrate web01");
  console_focus (self->tmux, "Bandwidth");
  tmux_type (self->tmux, SLOW);
  console_focus (self->tmux, "Hold at the gate");
  tmux_keys (self->tmux, "Space", NULL);
  g_free (tmux_wait_match (self->tmux, "PRE-FLIGHT.*[1-9][0-9]* ok"));
  capture (self, "migrate");
  console_focus (self->tmux, "Start migration");
  tmux_keys (self->tmux, "Enter", NULL);
  tmux_wait (self->tmux, "REMAINING");
}

static void
show_migration (Capture *self)
{
  start_migration (self);
  g_free (tmux_wait_match (self->tmux, "\\bp4\\b"));
  capture (self, "migration");
  tmux_keys (self->tmux, "b", NULL);
  tmux_wait (self->tmux, "Esc leave it as it is");
  tmux_type (self->tmux, FAST);
  capture (self, "knob");
  tmux_keys (self->tmux, "Enter", NULL);
  tmux_wait (self->tmux, "in force");
  tmux_keys (self->tmux, "1", NULL);
  tmux_wait (self->tmux, "qmig · VMs");
  g_free (tmux_wait_match (self->tmux, "^[▸>]web01 .*beta"));
  capture (self, "vms");
  tmux_keys (self->tmux, "Enter", NULL);
  tmux_wait (self->tmux, "REMAINING");
  tmux_keys (self->tmux, "X", NULL);
  tmux_wait (self->tmux, "Keep as it is");
  capture (self, "cancel");
  tmux_keys (self->tmux, "Enter", NULL);
  tmux_wait_gone (self->tmux, "Keep as it is");
  tmux_keys (self->tmux, "w", NULL);
  tmux_wait (self->tmux, "COMPLETED");
  rig_assert_one_runs (self->rig);
}

static void
show_past (Capture *self)
{
  tmux_keys (self->tmux, "4", NULL);
  g_free (tmux_wait_match (self->tmux, "^[▸>]m-.* completed"));
  capture (self, "history");
  tmux_keys (self->tmux, "Enter", NULL);
  tmux_wait (self->tmux, "REPLAY");
  tmux_keys (self->tmux, "G", NULL);
  tmux_wait (self->tmux, "COMPLETED");
  capture (self, "replay");
  tmux_keys (self->tmux, "3", NULL);
  tmux_wait (self->tmux, "qmig · log");
  capture (self, "log");
  tmux_keys (self->tmux, "?", NULL);
  tmux_wait (self->tmux, "KEYS");
  capture (self, "help");
  tmux_keys (self->tmux, "Escape", "5", NULL);
  tmux_wait (self->tmux, "qmig · hosts");
  capture (self, "hosts");
}

/* The same past once more where there is neither UTF-8 nor colour. */
static void
show_plain (Capture *self)
{
  open_console (self, &plain);
  tmux_wait (self->tmux, "VMs");
  tmux_keys (self->tmux, "4", NULL);
  g_free (tmux_wait_match (self->tmux, "^[▸>]m-.* completed"));
  tmux_keys (self->tmux, "Enter", NULL);
  tmux_wait (self->tmux, "REPLAY");
  tmux_keys (self->tmux, "G", NULL);
  tmux_wait (self->tmux, "COMPLETED");
  capture (self, "plain");
  close_console (self);
}

int
main (int argc, char **argv)
{
  g_autoptr(Rig) rig = NULL;
  Capture self = { .dir = argc > 1 ? argv[1] : "." };

  g_test_init (&argc, &argv, NULL);
  if (!tmux_is_there () || (rig = rig_new ()) == NULL)
    {
      fprintf (stderr, "capture-console: this needs tmux, and KVM or a QEMU of build/qemus\n");
      return EXIT_FAILURE;
    }
  self.rig = rig;
  start_hosts (rig);
  open_console (&self, &full);
  console_find_vm (self.tmux, rig->vm);
  show_migration (&self);
  show_past (&self);
  close_console (&self);
  show_plain (&self);
  return EXIT_SUCCESS;
}
