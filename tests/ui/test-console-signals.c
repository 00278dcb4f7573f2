/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* However the console ends or is stopped: the terminal is as it was before, and the shell hears what it was. */

#include "console-hand.h"
#include "fake-hosts.h"
#include "vt.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/types.h>

#define PATIENCE_US (60 * G_USEC_PER_SEC)
#define REDRAWS 60
#define REDRAW_US 25000

typedef struct
{
  char *dir;
  FakeHosts *hosts;
  Tmux *tmux;
  GPid console;
} Fixture;

static void
wait_shown (Fixture *fixture)
{
  tmux_wait (fixture->tmux, "qmig · VMs");
  tmux_wait (fixture->tmux, "vm00-000");
  /* Else its being back would prove nothing. */
  tmux_wait_for (fixture->tmux, "#{alternate_on}", "1");
  tmux_wait_for (fixture->tmux, "#{mouse_any_flag}", "1");
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  static const ConsoleTerminal terminal = { 100, 30, "screen-256color", "C.UTF-8" };
  ConsolePlace place = { .program = QMIG_PROGRAM };
  g_autoptr(GError) error = NULL;

  if (!tmux_is_there ())
    return;
  fixture->dir = g_dir_make_tmp ("qmcXXXXXX", &error);
  g_assert_no_error (error);
  fixture->hosts = fake_hosts_new (2, 5, 1);
  place.uri = fake_hosts_get_uri (fixture->hosts);
  place.runtime_dir = place.state_dir = fixture->dir;
  fixture->tmux = console_open (fixture->dir, &place, &terminal, "--screen vms");
  wait_shown (fixture);
  fixture->console = tmux_wait_program (fixture->tmux, "qmig");
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  static const char *const files[] = { "run.sh", "before", "stopped", "after", "console.ini" };

  if (fixture->dir == NULL)
    return;
  g_clear_pointer (&fixture->tmux, tmux_free);
  fake_hosts_free (fixture->hosts);
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_build_filename (fixture->dir, files[i], NULL);

      g_unlink (path);
    }
  g_rmdir (fixture->dir);
  g_free (fixture->dir);
}

static void
test_killed (Fixture *fixture, gconstpointer data)
{
  int number = GPOINTER_TO_INT (data);
  g_autofree char *status = g_strdup_printf ("status %d", 128 + number);

  if (fixture->tmux == NULL)
    return;
  g_assert_no_errno (kill (fixture->console, number));
  tmux_wait (fixture->tmux, status);
  console_assert_terminal_is_back (fixture->tmux, fixture->dir, "after");
  /* What it wrote last is not in the midst of the screen that it left. */
  g_assert_false (tmux_shows (fixture->tmux, "qmig · VMs"));
}

static void
test_interrupt_key (Fixture *fixture, gconstpointer data)
{
  if (fixture->tmux == NULL)
    return;
  tmux_keys (fixture->tmux, "C-c", NULL);
  tmux_wait (fixture->tmux, "status 130");
  console_assert_terminal_is_back (fixture->tmux, fixture->dir, "after");
}

static void
test_quit_key (Fixture *fixture, gconstpointer data)
{
  if (fixture->tmux == NULL)
    return;
  tmux_keys (fixture->tmux, "q", NULL);
  tmux_wait (fixture->tmux, "status 0");
  console_assert_terminal_is_back (fixture->tmux, fixture->dir, "after");
  /* One of the fakes' VMs is on its way. */
  tmux_wait (fixture->tmux, "1 migration goes on");
}

static void
go_on (Fixture *fixture)
{
  tmux_keys (fixture->tmux, "C-j", NULL);
  wait_shown (fixture);
}

static void
assert_stopped (Fixture *fixture, const char *text)
{
  tmux_wait (fixture->tmux, text);
  console_assert_terminal_is_back (fixture->tmux, fixture->dir, "stopped");
}

static void
test_suspended (Fixture *fixture, gconstpointer data)
{
  if (fixture->tmux == NULL)
    return;
  g_assert_no_errno (kill (fixture->console, SIGTSTP));
  assert_stopped (fixture, "stop 1: 148");
  go_on (fixture);

  tmux_keys (fixture->tmux, "C-z", NULL);
  assert_stopped (fixture, "stop 2: 148");
  tmux_resize (fixture->tmux, 80, 24);
  go_on (fixture);
  /* Its title is as wide as the terminal is now. */
  g_free (tmux_wait_match (fixture->tmux, "^ qmig · VMs.{58,68}$"));
  console_leave (fixture->tmux, fixture->dir);
}

static void
test_stopped_hard (Fixture *fixture, gconstpointer data)
{
  if (fixture->tmux == NULL)
    return;
  /* SIGSTOP leaves no chance to give the terminal back; what counts is that the screen is drawn anew after it. */
  g_assert_no_errno (kill (fixture->console, SIGSTOP));
  tmux_wait (fixture->tmux, "stop 1: 147");
  go_on (fixture);
  tmux_wait_gone (fixture->tmux, "stop 1: 147");
  console_leave (fixture->tmux, fixture->dir);
}

/* Whoever inherits it may take its time to bury it. */
static gboolean
is_alive (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *stat = NULL;

  return g_file_get_contents (path, &stat, NULL, NULL) && strrchr (stat, ')')[2] != 'Z';
}

static void
test_terminal_gone (Fixture *fixture, gconstpointer data)
{
  gint64 until_us = g_get_monotonic_time () + PATIENCE_US;

  if (fixture->tmux == NULL)
    return;
  g_clear_pointer (&fixture->tmux, tmux_free);
  while (is_alive (fixture->console))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until_us);
      g_usleep (10000);
    }
}

static gboolean
has_line (Vt *vt, gconstpointer start)
{
  g_autofree char *text = vt_get_text (vt);
  g_autofree char *line = g_strconcat ("\n", start, NULL);

  return strstr (text, line) != NULL;
}

/* Whole screens, more than lines and buffers on the way to a terminal hold. */
static void
draw_unread (Vt *vt)
{
  for (int i = 0; i < REDRAWS; i++)
    {
      vt_type (vt, "\f");
      g_usleep (REDRAW_US);
    }
}

/* A terminal that takes nothing for a while and then goes on, and one that is gone after that. */
static void
test_stuck (void)
{
  g_autoptr(FakeHosts) hosts = fake_hosts_new (2, 5, 1);
  const char *argv[] = { QMIG_PROGRAM, "--no-autostart", "--host", fake_hosts_get_uri (hosts), "console", "--screen", "vms", NULL };
  g_auto(GStrv) env = g_get_environ ();
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("qmcXXXXXX", &error);
  g_autofree char *state = g_build_filename (dir, "console.ini", NULL);
  Vt *vt;

  g_assert_no_error (error);
  env = g_environ_setenv (env, "QMIG_STATE_DIR", dir, TRUE);
  env = g_environ_setenv (env, "QMIG_CONFIG", "/nonexistent/qmig.conf", TRUE);
  env = g_environ_setenv (env, "LC_ALL", "C.UTF-8", TRUE);
  vt = vt_new (200, 60, argv, (const char *const *) env);
  vt_wait (vt, has_line, "▸vm00-000", PATIENCE_US / 1000, "the first VM");
  draw_unread (vt);
  vt_type (vt, "j");
  vt_wait (vt, has_line, "▸vm00-001", PATIENCE_US / 1000, "the second VM");
  draw_unread (vt);
  vt_free (vt);
  g_unlink (state);
  g_rmdir (dir);
}

#define ADD(path, data, test) g_test_add ("/console/signals/" path, Fixture, GINT_TO_POINTER (data), set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("term", SIGTERM, test_killed);
  ADD ("hup", SIGHUP, test_killed);
  ADD ("int", SIGINT, test_killed);
  ADD ("quit", SIGQUIT, test_killed);
  ADD ("segv", SIGSEGV, test_killed);
  ADD ("abrt", SIGABRT, test_killed);
  ADD ("bus", SIGBUS, test_killed);
  ADD ("ill", SIGILL, test_killed);
  ADD ("fpe", SIGFPE, test_killed);
  ADD ("interrupt-key", 0, test_interrupt_key);
  ADD ("quit-key", 0, test_quit_key);
  ADD ("suspended", 0, test_suspended);
  ADD ("stopped-hard", 0, test_stopped_hard);
  ADD ("terminal-gone", 0, test_terminal_gone);
  g_test_add_func ("/console/signals/stuck", test_stuck);
  return g_test_run ();
}
