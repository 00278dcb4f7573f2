/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tmux.h"

#include <gio/gio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* A limit for what ought to happen at once, not a measure. */
#define PATIENCE_US (60 * G_USEC_PER_SEC)
#define POLL_US 10000

struct _Tmux
{
  char *socket;
  GSubprocess *server;
};

gboolean
tmux_is_there (void)
{
  g_autofree char *path = g_find_program_in_path ("tmux");

  if (path == NULL)
    g_test_skip ("there is no tmux");
  return path != NULL;
}

/* -- the server ---------------------------------------------------------------- */

static void
die_with_parent (gpointer parent)
{
  prctl (PR_SET_PDEATHSIG, SIGTERM);
  if (getppid () != GPOINTER_TO_INT (parent))
    _exit (1);
}

/* tmux itself needs a UTF-8 locale, whatever the program in it has. */
static GSubprocessLauncher *
launcher_new (GSubprocessFlags flags)
{
  GSubprocessLauncher *launcher = g_subprocess_launcher_new (flags);

  g_subprocess_launcher_setenv (launcher, "LC_ALL", "C.UTF-8", TRUE);
  g_subprocess_launcher_unsetenv (launcher, "TMUX");
  return launcher;
}

static void
start_server (Tmux *self)
{
  g_autoptr(GSubprocessLauncher) launcher = launcher_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  g_autoptr(GError) error = NULL;

  g_subprocess_launcher_set_child_setup (launcher, die_with_parent, GINT_TO_POINTER (getpid ()), NULL);
  self->server = g_subprocess_launcher_spawn (launcher, &error, "tmux", "-D", "-f", "/dev/null", "-S", self->socket, NULL);
  g_assert_no_error (error);
}

/* What it prints (transfer full), or NULL when it failed: said in @complaint. */
static char *
try_words (Tmux *self, GPtrArray *words, char **complaint)
{
  g_autoptr(GSubprocessLauncher) launcher = launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr(GPtrArray) argv = g_ptr_array_new ();
  g_autoptr(GSubprocess) process = NULL;
  g_autofree char *out = NULL;
  g_autoptr(GError) error = NULL;

  g_ptr_array_add (argv, (char *) "tmux");
  g_ptr_array_add (argv, (char *) "-N"); /* none but ours */
  g_ptr_array_add (argv, (char *) "-S");
  g_ptr_array_add (argv, self->socket);
  g_ptr_array_extend (argv, words, NULL, NULL);
  g_ptr_array_add (argv, NULL);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv->pdata, &error);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (process, NULL, NULL, &out, complaint, &error);
  g_assert_no_error (error);
  return g_subprocess_get_successful (process) ? g_steal_pointer (&out) : NULL;
}

static char *
run_words (Tmux *self, GPtrArray *words)
{
  g_autofree char *complaint = NULL;
  char *out = try_words (self, words, &complaint);

  if (out == NULL)
    g_error ("tmux %s: %s", (const char *) g_ptr_array_index (words, 0), complaint);
  return out;
}

static char *
tmux (Tmux *self, ...)
{
  g_autoptr(GPtrArray) words = g_ptr_array_new ();
  const char *word;
  va_list args;

  va_start (args, self);
  while ((word = va_arg (args, const char *)) != NULL)
    g_ptr_array_add (words, (char *) word);
  va_end (args);
  return run_words (self, words);
}

/* It listens a moment after it was started. */
static void
wait_server (Tmux *self)
{
  g_autoptr(GPtrArray) words = g_ptr_array_new ();
  gint64 until_us = g_get_monotonic_time () + PATIENCE_US;

  g_ptr_array_add (words, (char *) "start-server");
  for (;;)
    {
      g_autofree char *complaint = NULL;
      g_autofree char *out = try_words (self, words, &complaint);

      if (out != NULL)
        return;
      if (g_get_monotonic_time () > until_us)
        g_error ("tmux does not answer: %s", complaint);
      g_usleep (POLL_US);
    }
}

static void
add_words (GPtrArray *words, const char *const *more)
{
  for (const char *const *word = more; word != NULL && *word != NULL; word++)
    g_ptr_array_add (words, (char *) *word);
}

static void
open_window (Tmux *self, const char *const *env, const char *term, int cols, int rows)
{
  g_autofree char *width = g_strdup_printf ("%d", cols);
  g_autofree char *height = g_strdup_printf ("%d", rows);
  g_autofree char *its_term = g_strdup_printf ("TERM=%s", term);
  const char *before[] = { "new-session", "-d", "-x", width, "-y", height, "env", "-u", "SSH_CONNECTION", "-u", "NO_COLOR", "-u", "FORCE_COLOR",
                           "-u", "CLICOLOR_FORCE", "-u", "QMIG_COLOR", "-u", "QMIG_READ_ONLY", "-u", "LINES", "-u", "COLUMNS", "-u", "ENV",
                           "PS1=$ ", "LC_ALL=C.UTF-8", its_term, NULL };
  g_autoptr(GPtrArray) words = g_ptr_array_new ();
  g_autofree char *out = NULL;

  add_words (words, before);
  add_words (words, env);
  g_ptr_array_add (words, (char *) "sh");
  out = run_words (self, words);
}

Tmux *
tmux_new (const char *dir, const char *const *env, const char *term, int cols, int rows)
{
  static int n_servers;
  Tmux *self = g_new0 (Tmux, 1);
  g_autofree char *set = NULL;

  self->socket = g_strdup_printf ("%s/tmux-%d.sock", dir, n_servers++);
  start_server (self);
  wait_server (self);
  /* The whole window is the program's, and Esc is only Esc. */
  set = tmux (self, "set-option", "-g", "status", "off", ";", "set-option", "-s", "escape-time", "0", NULL);
  open_window (self, env, term, cols, rows);
  tmux_wait (self, "$");
  return self;
}

void
tmux_free (Tmux *self)
{
  g_autofree char *out = tmux (self, "kill-server", NULL);

  g_subprocess_wait (self->server, NULL, NULL);
  g_object_unref (self->server);
  g_free (self->socket);
  g_free (self);
}

/* -- hands ----------------------------------------------------------------------- */

void
tmux_keys (Tmux *self, ...)
{
  const char *key;
  va_list args;

  va_start (args, self);
  while ((key = va_arg (args, const char *)) != NULL)
    {
      g_autofree char *out = tmux (self, "send-keys", key, NULL);
    }
  va_end (args);
}

void
tmux_type (Tmux *self, const char *text)
{
  g_autofree char *out = tmux (self, "send-keys", "-l", text, NULL);
}

void
tmux_run (Tmux *self, const char *line)
{
  tmux_type (self, line);
  tmux_keys (self, "Enter", NULL);
}

void
tmux_resize (Tmux *self, int cols, int rows)
{
  g_autofree char *width = g_strdup_printf ("%d", cols);
  g_autofree char *height = g_strdup_printf ("%d", rows);
  g_autofree char *out = tmux (self, "resize-window", "-x", width, "-y", height, NULL);
}

/* -- eyes ------------------------------------------------------------------------- */

char *
tmux_capture (Tmux *self)
{
  return tmux (self, "capture-pane", "-p", NULL);
}

static gboolean
matches (const char *screen, const char *regex)
{
  return g_regex_match_simple (regex, screen, G_REGEX_MULTILINE, 0);
}

gboolean
tmux_shows (Tmux *self, const char *regex)
{
  g_autofree char *screen = tmux_capture (self);

  return matches (screen, regex);
}

static char *
wait_screen (Tmux *self, const char *regex, gboolean there)
{
  gint64 until_us = g_get_monotonic_time () + PATIENCE_US;

  for (;;)
    {
      g_autofree char *screen = tmux_capture (self);

      if (matches (screen, regex) == there)
        return g_steal_pointer (&screen);
      if (g_get_monotonic_time () > until_us)
        g_error ("the screen %s '%s':\n%s", there ? "never showed" : "went on to show", regex, screen);
      g_usleep (POLL_US);
    }
}

char *
tmux_wait_match (Tmux *self, const char *regex)
{
  return wait_screen (self, regex, TRUE);
}

void
tmux_wait (Tmux *self, const char *text)
{
  g_autofree char *regex = g_regex_escape_string (text, -1);
  g_autofree char *screen = wait_screen (self, regex, TRUE);
}

void
tmux_wait_gone (Tmux *self, const char *text)
{
  g_autofree char *regex = g_regex_escape_string (text, -1);
  g_autofree char *screen = wait_screen (self, regex, FALSE);
}

char *
tmux_ask (Tmux *self, const char *format)
{
  return g_strchomp (tmux (self, "display-message", "-p", format, NULL));
}

void
tmux_wait_for (Tmux *self, const char *format, const char *value)
{
  gint64 until_us = g_get_monotonic_time () + PATIENCE_US;

  for (;;)
    {
      g_autofree char *now = tmux_ask (self, format);

      if (strcmp (now, value) == 0)
        return;
      if (g_get_monotonic_time () > until_us)
        {
          g_autofree char *screen = tmux_capture (self);

          g_error ("%s is '%s', not '%s':\n%s", format, now, value, screen);
        }
      g_usleep (POLL_US);
    }
}

/* The one process of that name whose terminal is the pane's. */
static GPid
find_program (const char *name, const char *tty)
{
  g_autoptr(GDir) proc = g_dir_open ("/proc", 0, NULL);
  const char *entry;

  while ((entry = g_dir_read_name (proc)) != NULL)
    {
      g_autofree char *input = g_strdup_printf ("/proc/%s/fd/0", entry);
      g_autofree char *exe = g_strdup_printf ("/proc/%s/exe", entry);
      g_autofree char *input_is = g_ascii_isdigit (*entry) ? g_file_read_link (input, NULL) : NULL;
      g_autofree char *exe_is = input_is != NULL && strcmp (input_is, tty) == 0 ? g_file_read_link (exe, NULL) : NULL;
      g_autofree char *its_name = exe_is != NULL ? g_path_get_basename (exe_is) : NULL;

      if (its_name != NULL && strcmp (its_name, name) == 0)
        return (GPid) atoi (entry);
    }
  return 0;
}

GPid
tmux_wait_program (Tmux *self, const char *name)
{
  g_autofree char *tty = tmux_ask (self, "#{pane_tty}");
  gint64 until_us = g_get_monotonic_time () + PATIENCE_US;
  GPid pid;

  while ((pid = find_program (name, tty)) == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until_us);
      g_usleep (POLL_US);
    }
  return pid;
}
