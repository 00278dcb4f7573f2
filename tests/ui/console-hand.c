/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "console-hand.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE_US (60 * G_USEC_PER_SEC)
#define FIELD_WIDTH 18 /* from a label to what it labels */
/* A guest that writes goes on doing so, pass for pass; one that does not waits at the gate. */
#define HELD "\\bpass +([2-9]|[1-9][0-9])\\b|HOLDING"

/* -- starting and leaving ------------------------------------------------------------ */

/*
 * With job control, so that a stopped console is the shell's business as it is a user's, and signals of keys are the
 * console's alone; the trap keeps the shell from ending with it.  147 to 150 are SIGSTOP, SIGTSTP, SIGTTIN and SIGTTOU.
 * The first line of stty has the size.
 */
static const char script[] = "set -m\n"
                             "trap : INT\n"
                             "ulimit -c 0\n"
                             "modes () { stty -a | sed 1d >'%1$s/'\"$1\"; }\n"
                             "modes before\n"
                             "'%2$s' --no-autostart --host '%3$s' console %4$s\n"
                             "status=$?\n"
                             "stops=0\n"
                             "while [ $status -ge 147 ] && [ $status -le 150 ]; do\n"
                             "  stops=$((stops + 1))\n"
                             "  modes stopped\n"
                             "  echo \"stop $stops: $status\"\n"
                             "  read -r line\n"
                             "  fg >/dev/null\n"
                             "  status=$?\n"
                             "done\n"
                             "modes after\n"
                             "echo \"status $status\"\n";

static void
add_variable (GPtrArray *env, const char *name, const char *value)
{
  g_ptr_array_add (env, g_strdup_printf ("%s=%s", name, value));
}

static GPtrArray *
environment (const ConsolePlace *place, const ConsoleTerminal *terminal)
{
  GPtrArray *env = g_ptr_array_new_with_free_func (g_free);

  add_variable (env, "LC_ALL", terminal->locale);
  add_variable (env, "TZ", "UTC");
  add_variable (env, "QMIG_RUNTIME_DIR", place->runtime_dir);
  add_variable (env, "QMIG_STATE_DIR", place->state_dir);
  add_variable (env, "QMIG_CONFIG", place->config != NULL ? place->config : "/nonexistent/qmig.conf");
  if (place->pki_dir != NULL)
    add_variable (env, "QMIG_PKI_DIR", place->pki_dir);
  g_ptr_array_add (env, NULL);
  return env;
}

Tmux *
console_open (const char *dir, const ConsolePlace *place, const ConsoleTerminal *terminal, const char *options)
{
  g_autofree char *path = g_build_filename (dir, "run.sh", NULL);
  g_autofree char *text = g_strdup_printf (script, dir, place->program, place->uri, options != NULL ? options : "");
  g_autofree char *line = g_strdup_printf ("clear; sh %s", path);
  g_autoptr(GPtrArray) env = environment (place, terminal);
  g_autoptr(GError) error = NULL;
  Tmux *tmux;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
  tmux = tmux_new (dir, (const char *const *) env->pdata, terminal->term, terminal->cols, terminal->rows);
  tmux_run (tmux, line);
  return tmux;
}

static char *
modes (const char *dir, const char *when)
{
  g_autofree char *path = g_build_filename (dir, when, NULL);
  g_autoptr(GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

void
console_assert_terminal_is_back (Tmux *tmux, const char *dir, const char *now)
{
  g_autofree char *before = modes (dir, "before");
  g_autofree char *after = modes (dir, now);

  g_assert_cmpstr (after, ==, before);
  tmux_wait_for (tmux, "#{alternate_on}", "0");
  tmux_wait_for (tmux, "#{mouse_any_flag}", "0");
  tmux_wait_for (tmux, "#{mouse_sgr_flag}", "0");
  tmux_wait_for (tmux, "#{cursor_flag}", "1");
  tmux_wait_for (tmux, "#{keypad_cursor_flag}", "0");
  tmux_wait_for (tmux, "#{keypad_flag}", "0");
}

void
console_leave (Tmux *tmux, const char *dir)
{
  tmux_keys (tmux, "Q", NULL);
  tmux_wait (tmux, "status 0");
  console_assert_terminal_is_back (tmux, dir, "after");
}

/* -- the dialog ------------------------------------------------------------------------ */

void
console_wait_vm (Tmux *tmux, const char *vm)
{
  g_autofree char *row = g_strdup_printf ("^[▸►>]%s\\b.* running", vm);
  g_autofree char *screen = tmux_wait_match (tmux, row);
}

void
console_find_vm (Tmux *tmux, const char *vm)
{
  tmux_wait (tmux, "VMs");
  tmux_type (tmux, "/");
  tmux_type (tmux, vm);
  tmux_keys (tmux, "Enter", NULL);
  console_wait_vm (tmux, vm);
}

static char *
cursor_place (Tmux *tmux)
{
  return tmux_ask (tmux, "#{cursor_x} #{cursor_y}");
}

/* The label is before a field, and in a button. */
static gboolean
cursor_is_at (Tmux *tmux, const char *place, const char *label)
{
  g_autofree char *screen = tmux_capture (tmux);
  g_auto(GStrv) lines = g_strsplit (screen, "\n", -1);
  int x = atoi (place);
  int y = atoi (strchr (place, ' '));
  glong length;
  g_autofree char *near = NULL;

  if (y >= (int) g_strv_length (lines))
    return FALSE;
  /* An empty field is behind the end of its line. */
  length = g_utf8_strlen (lines[y], -1);
  near = g_utf8_substring (lines[y], CLAMP (x - FIELD_WIDTH, 0, length), MIN (x + FIELD_WIDTH, length));
  return strstr (near, label) != NULL;
}

void
console_focus (Tmux *tmux, const char *label)
{
  /* More than once round: a notice may hide a button for some seconds. */
  for (gint64 until_us = g_get_monotonic_time () + PATIENCE_US; g_get_monotonic_time () < until_us;)
    {
      g_autofree char *place = cursor_place (tmux);
      g_autofree char *moved = NULL;

      if (cursor_is_at (tmux, place, label))
        return;
      tmux_keys (tmux, "Tab", NULL);
      do
        {
          g_free (moved);
          moved = cursor_place (tmux);
        }
      while (strcmp (moved, place) == 0);
    }
  g_error ("no field is labelled '%s'", label);
}

void
console_start_held_move (Tmux *tmux, const char *vm)
{
  g_autofree char *title = g_strconcat ("migrate ", vm, NULL);

  tmux_keys (tmux, "m", NULL);
  tmux_wait (tmux, title);
  console_focus (tmux, "Hold at the gate");
  tmux_keys (tmux, "Space", NULL);
  g_free (tmux_wait_match (tmux, "Hold at the gate +\\[x\\]"));
  console_focus (tmux, "Start migration");
  tmux_keys (tmux, "Enter", NULL);
  g_free (tmux_wait_match (tmux, HELD));
}
