/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tmux.h"

#include <gio/gio.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A limit for what ought to happen at once, not a measure. */
#define PATIENCE_MS 60000
#define POLL_US 10000

struct _Tmux
{
  char *socket;
};

gboolean
tmux_is_there (void)
{
  g_autofree char *path = g_find_program_in_path ("tmux");

  if (path == NULL)
    g_test_skip ("there is no tmux");
  return path != NULL;
}

/* (transfer full): what it prints */
static char *
run (Tmux *self, GPtrArray *words)
{
  g_autoptr(GPtrArray) argv = g_ptr_array_new ();
  g_autoptr(GSubprocess) process = NULL;
  g_autoptr(GError) error = NULL;
  char *out = NULL;

  g_ptr_array_add (argv, (char *) "tmux");
  g_ptr_array_add (argv, (char *) "-f");
  g_ptr_array_add (argv, (char *) "/dev/null");
  g_ptr_array_add (argv, (char *) "-S");
  g_ptr_array_add (argv, self->socket);
  g_ptr_array_extend (argv, words, NULL, NULL);
  g_ptr_array_add (argv, NULL);
  process = g_subprocess_newv ((const char *const *) argv->pdata, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, &error);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (process, NULL, NULL, &out, NULL, &error);
  g_assert_no_error (error);
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
  return run (self, words);
}

Tmux *
tmux_new (const char *dir, const char *const *env, const char *term, int cols, int rows)
{
  static int n_servers;
  Tmux *self = g_new0 (Tmux, 1);
  g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *out = NULL;

  self->socket = g_strdup_printf ("%s/tmux-%d.sock", dir, n_servers++);
  for (const char *const *word = (const char *[]){ "new-session", "-d", "-x", NULL }; *word != NULL; word++)
    g_ptr_array_add (words, g_strdup (*word));
  g_ptr_array_add (words, g_strdup_printf ("%d", cols));
  g_ptr_array_add (words, g_strdup ("-y"));
  g_ptr_array_add (words, g_strdup_printf ("%d", rows));
  g_ptr_array_add (words, g_strdup ("env"));
  for (const char *const *word = (const char *[]){ "-u", "SSH_CONNECTION", "-u", "NO_COLOR", "-u", "QMIG_READ_ONLY", "PS1=$ ", NULL }; *word != NULL; word++)
    g_ptr_array_add (words, g_strdup (*word));
  g_ptr_array_add (words, g_strdup_printf ("TERM=%s", term));
  for (const char *const *word = env; *word != NULL; word++)
    g_ptr_array_add (words, g_strdup (*word));
  g_ptr_array_add (words, g_strdup ("sh"));
  out = run (self, words);
  return self;
}

void
tmux_free (Tmux *self)
{
  g_autofree char *out = tmux (self, "kill-server", NULL);

  g_free (self->socket);
  g_free (self);
}

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
tmux_resize (Tmux *self, int cols, int rows)
{
  g_autofree char *width = g_strdup_printf ("%d", cols);
  g_autofree char *height = g_strdup_printf ("%d", rows);
  g_autofree char *out = tmux (self, "resize-window", "-x", width, "-y", height, NULL);
}

char *
tmux_capture (Tmux *self)
{
  return tmux (self, "capture-pane", "-p", NULL);
}

static void
wait_for (Tmux *self, const char *text, gboolean there)
{
  for (int i = 0;; i++)
    {
      g_autofree char *screen = tmux_capture (self);

      if ((strstr (screen, text) != NULL) == there)
        return;
      if (i >= PATIENCE_MS * 1000 / POLL_US)
        g_error ("the screen %s '%s':\n%s", there ? "never had" : "always had", text, screen);
      g_usleep (POLL_US);
    }
}

void
tmux_wait (Tmux *self, const char *text)
{
  wait_for (self, text, TRUE);
}

void
tmux_wait_gone (Tmux *self, const char *text)
{
  wait_for (self, text, FALSE);
}

char *
tmux_ask (Tmux *self, const char *format)
{
  char *out = tmux (self, "display-message", "-p", format, NULL);

  return g_strchomp (out);
}

void
tmux_wait_for (Tmux *self, const char *format, const char *value)
{
  for (int i = 0;; i++)
    {
      g_autofree char *now = tmux_ask (self, format);

      if (strcmp (now, value) == 0)
        return;
      if (i >= PATIENCE_MS * 1000 / POLL_US)
        g_error ("%s is '%s', not '%s'", format, now, value);
      g_usleep (POLL_US);
    }
}

/* The shell's child. */
GPid
tmux_wait_program (Tmux *self, const char *name)
{
  g_autofree char *shell = NULL;
  g_autofree char *path = NULL;
  g_autofree char *children = NULL;

  tmux_wait_for (self, "#{pane_current_command}", name);
  shell = tmux_ask (self, "#{pane_pid}");
  path = g_strdup_printf ("/proc/%s/task/%s/children", shell, shell);
  g_assert_true (g_file_get_contents (path, &children, NULL, NULL));
  return (GPid) atoi (children);
}
