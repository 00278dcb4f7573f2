/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a person does with the console, in a terminal of tmux: start it, find a VM, fill in the dialog. */

#include "tmux.h"

G_BEGIN_DECLS

/* How its terminal is. */
typedef struct
{
  int cols;
  int rows;
  const char *term;
  const char *locale; /* LC_ALL */
} ConsoleTerminal;

/* Where its agent is: QMIG_RUNTIME_DIR and so on. */
typedef struct
{
  const char *program;
  const char *uri;
  const char *runtime_dir;
  const char *state_dir;
  const char *config;  /* (nullable): none */
  const char *pki_dir; /* (nullable) */
} ConsolePlace;

/**
 * console_open:
 * @dir: for the terminal's socket, and for what the shell around the console writes: the modes of the terminal
 *  in "before", "stopped" and "after"
 * @options: (nullable): further options of `qmig console`
 *
 * Returns with the shell that has been told to start it.  When the console has ended the shell says
 * "status N" and stays; when it was stopped for the Mth time it says "stop M: N" and continues it at the next newline (Ctrl-J).
 */
Tmux *console_open (const char *dir, const ConsolePlace *place, const ConsoleTerminal *terminal, const char *options);

/* Shows the VM's row alone, and selects it. */
void console_find_vm (Tmux *tmux, const char *vm);
/* Until it is shown as running, and selected. */
void console_wait_vm (Tmux *tmux, const char *vm);
/* Moves on from field to field until the cursor is at the one so labelled. */
void console_focus (Tmux *tmux, const char *label);
/* Opens the dialog on the selected VM, has the migration wait at the gate, and starts it; returns when it would be through. */
void console_start_held_move (Tmux *tmux, const char *vm);
/* Leaves it at once, and asserts that its status was 0 and that the terminal is as it was. */
void console_leave (Tmux *tmux, const char *dir);

/* Asserts that nothing of the console is left in the terminal, and that its modes are those of before; @now: "after" or "stopped" */
void console_assert_terminal_is_back (Tmux *tmux, const char *dir, const char *now);

G_END_DECLS
