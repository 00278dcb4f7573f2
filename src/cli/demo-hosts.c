/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "demo-hosts.h"

#include <errno.h>
#include <ftw.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AGENT_START_MS 20000
#define AGENT_STOP_MS 10000
#define LOG_TAIL_LINES 12
#define POLL_MS 5

static gboolean
note_signal (gpointer user_data)
{
  DemoHosts *self = user_data;

  self->interrupted = TRUE;
  return G_SOURCE_CONTINUE;
}

static gboolean
wake_up (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

static void
pause_ms (guint ms)
{
  gboolean woken = FALSE;

  g_timeout_add (ms, wake_up, &woken);
  while (!woken)
    g_main_context_iteration (NULL, TRUE);
}

gboolean
demo_hosts_wait (DemoHosts *self,
                 DemoCheck check,
                 gpointer user_data,
                 const char *what,
                 gint64 timeout_ms,
                 GError **error)
{
  gint64 deadline_us = g_get_monotonic_time () + timeout_ms * 1000;

  while (!check (user_data))
    {
      if (self->interrupted)
        {
          g_set_error (error, QMIG_ERROR, QMIG_EXIT_INTERRUPTED, "interrupted");
          return FALSE;
        }
      if (g_get_monotonic_time () > deadline_us)
        {
          g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "%s: not within %" G_GINT64_FORMAT " s", what, timeout_ms / 1000);
          return FALSE;
        }
      pause_ms (POLL_MS);
    }
  return TRUE;
}

/* A Ctrl-C on the terminal is for the demo, which then stops the agents in order. */
static void
leave_terminal (gpointer user_data)
{
  setsid ();
}

static void
agent_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  DemoHost *host = user_data;

  g_subprocess_wait_finish (G_SUBPROCESS (source), result, NULL);
  host->ended = TRUE;
}

static gboolean
spawn_agent (DemoHosts *self, DemoHost *host, const char *program, GError **error)
{
  g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDERR_MERGE);
  g_autofree char *config = g_build_filename (self->dir, "qmig.conf", NULL);

  g_subprocess_launcher_setenv (launcher, "QMIG_RUNTIME_DIR", host->runtime_dir, TRUE);
  g_subprocess_launcher_setenv (launcher, "QMIG_STATE_DIR", host->state_dir, TRUE);
  g_subprocess_launcher_setenv (launcher, "QMIG_CONFIG", config, TRUE);
  g_subprocess_launcher_set_stdout_file_path (launcher, host->log_path);
  g_subprocess_launcher_set_child_setup (launcher, leave_terminal, NULL, NULL);
  host->agent = g_subprocess_launcher_spawn (launcher, error, program, "agent", "run", "--name", host->name, NULL);
  if (host->agent == NULL)
    return FALSE;
  g_subprocess_wait_async (host->agent, NULL, agent_ended, host);
  return TRUE;
}

static void
init_host (DemoHosts *self, DemoHost *host, const char *name)
{
  host->name = name;
  host->runtime_dir = g_build_filename (self->dir, name, "r", NULL);
  host->state_dir = g_build_filename (self->dir, name, "s", NULL);
  host->log_path = g_strdup_printf ("%s/%s.log", self->dir, name);
  host->uri = g_strdup_printf ("unix:%s/agent.sock", host->runtime_dir);
  g_mkdir_with_parents (host->runtime_dir, 0700);
  g_mkdir_with_parents (host->state_dir, 0700);
}

static gboolean
answers_or_ended (gpointer user_data)
{
  DemoHost *host = user_data;
  g_autoptr(JsonObject) answer = qmig_client_call (host->client, "GET", "/v1/host", NULL, 1000, NULL, NULL, NULL);

  return answer != NULL || host->ended;
}

static gboolean
start_host (DemoHosts *self, DemoHost *host, const char *program, GError **error)
{
  g_autofree char *what = g_strdup_printf ("start of agent %s", host->name);

  host->client = qmig_client_new (host->uri, error);
  if (host->client == NULL || !spawn_agent (self, host, program, error) ||
      !demo_hosts_wait (self, answers_or_ended, host, what, AGENT_START_MS, error))
    return FALSE;
  if (host->ended)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "agent %s ended at once", host->name);
  return !host->ended;
}

static void
free_host (DemoHost *host)
{
  g_clear_object (&host->client);
  g_clear_object (&host->agent);
  g_free (host->runtime_dir);
  g_free (host->state_dir);
  g_free (host->log_path);
  g_free (host->uri);
}

DemoHosts *
demo_hosts_new (const char *program, GError **error)
{
  DemoHosts *self = g_new0 (DemoHosts, 1);

  /* Below /tmp whatever TMPDIR says: the path of a socket must be short. */
  self->dir = g_strdup ("/tmp/qmig-XXXXXX");
  if (g_mkdtemp_full (self->dir, 0700) == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot make a directory below /tmp: %s", g_strerror (errno));
      g_free (self->dir);
      g_free (self);
      return NULL;
    }
  self->signal_ids[0] = g_unix_signal_add (SIGINT, note_signal, self);
  self->signal_ids[1] = g_unix_signal_add (SIGTERM, note_signal, self);
  init_host (self, &self->alpha, "alpha");
  init_host (self, &self->beta, "beta");
  if (!start_host (self, &self->alpha, program, error) || !start_host (self, &self->beta, program, error))
    {
      g_autofree char *tails = demo_hosts_log_tails (self);

      g_printerr ("%s", tails);
      demo_hosts_remove (self);
      return NULL;
    }
  return self;
}

static void
free_all (DemoHosts *self)
{
  g_source_remove (self->signal_ids[0]);
  g_source_remove (self->signal_ids[1]);
  free_host (&self->alpha);
  free_host (&self->beta);
  g_free (self->dir);
  g_free (self);
}

void
demo_hosts_keep (DemoHosts *self)
{
  free_all (self);
}

/* Cleaning up */

static gboolean
has_ended (gpointer user_data)
{
  return ((DemoHost *) user_data)->ended;
}

/* Whatever was interrupted, this is done to the end. */
static void
stop_agent (DemoHosts *self, DemoHost *host)
{
  g_autoptr(JsonObject) answer = NULL;

  if (host->agent == NULL || host->ended)
    return;
  self->interrupted = FALSE;
  answer = qmig_client_call (host->client, "POST", "/v1/agent/stop?force=1", NULL, AGENT_STOP_MS, NULL, NULL, NULL);
  if (answer != NULL && demo_hosts_wait (self, has_ended, host, host->name, AGENT_STOP_MS, NULL))
    return;
  g_subprocess_force_exit (host->agent);
  while (!host->ended)
    g_main_context_iteration (NULL, TRUE);
}

static gboolean
is_our_qemu (DemoHosts *self, const char *pid)
{
  g_autofree char *path = g_build_filename ("/proc", pid, "cmdline", NULL);
  g_autofree char *line = NULL;
  gsize length = 0;

  return g_ascii_isdigit (*pid) && g_file_get_contents (path, &line, &length, NULL) &&
         memmem (line, length, self->dir, strlen (self->dir)) != NULL &&
         memmem (line, length, DEMO_GUEST_MARK, strlen (DEMO_GUEST_MARK)) != NULL;
}

/* TRUE when none is left. */
static gboolean
kill_qemus (gpointer user_data)
{
  DemoHosts *self = user_data;
  g_autoptr(GDir) dir = g_dir_open ("/proc", 0, NULL);
  gboolean clean = TRUE;
  const char *pid;

  while (dir != NULL && (pid = g_dir_read_name (dir)) != NULL)
    if (is_our_qemu (self, pid))
      {
        kill (atoi (pid), SIGKILL);
        clean = FALSE;
      }
  return clean;
}

static int
remove_entry (const char *path, const struct stat *st, int type, struct FTW *at)
{
  remove (path);
  return 0;
}

void
demo_hosts_remove (DemoHosts *self)
{
  g_autoptr(GError) error = NULL;

  stop_agent (self, &self->alpha);
  stop_agent (self, &self->beta);
  self->interrupted = FALSE;
  if (!demo_hosts_wait (self, kill_qemus, self, "end of QEMU", AGENT_STOP_MS, &error))
    g_printerr ("qmig: %s; look for it: pgrep -af %s\n", error->message, self->dir);
  nftw (self->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  free_all (self);
}

/* Logs */

static void
append_tail (GString *text, const char *path)
{
  g_autofree char *content = NULL;
  g_autofree char *valid = NULL;
  g_auto(GStrv) lines = NULL;
  gsize length = 0;
  guint n;

  if (!g_file_get_contents (path, &content, &length, NULL) || length == 0)
    return;
  valid = g_utf8_make_valid (content, (gssize) length);
  lines = g_strsplit (g_strchomp (valid), "\n", -1);
  n = g_strv_length (lines);
  g_string_append_printf (text, "--- %s\n", path);
  for (guint i = n > LOG_TAIL_LINES ? n - LOG_TAIL_LINES : 0; i < n; i++)
    g_string_append_printf (text, "%s\n", lines[i]);
}

static void
append_qemu_tails (GString *text, DemoHost *host)
{
  g_autofree char *vms = g_build_filename (host->runtime_dir, "vm", NULL);
  g_autoptr(GDir) dir = g_dir_open (vms, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (vms, name, "qemu.log", NULL);

      append_tail (text, path);
    }
}

char *
demo_hosts_log_tails (DemoHosts *self)
{
  GString *text = g_string_new (NULL);

  append_tail (text, self->alpha.log_path);
  append_qemu_tails (text, &self->alpha);
  append_tail (text, self->beta.log_path);
  append_qemu_tails (text, &self->beta);
  return g_string_free (text, FALSE);
}
