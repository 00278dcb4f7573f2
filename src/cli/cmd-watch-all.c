/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd-watch.h"

#include "cli-follow.h"
#include "cli-progress.h"

#include <glib-unix.h>
#include <unistd.h>

/* One migration, followed in a thread of its own because following blocks. */
typedef struct
{
  Cli *cli;
  const char *uri;
  const QmigMigrationInfo *info;
  gint64 seen;
  GMutex *output;     /* stdout and stderr are shared by all */
  GCancellable *stop;
  CliProgress *progress;
  QmigResult *result;
  int status;
  GThread *thread;
  gint *n_open;
} Watch;

static gboolean
got_event (const QmigEvent *event, gpointer user_data)
{
  Watch *watch = user_data;
  gboolean is_result = g_strcmp0 (event->type, "result") == 0;
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new (watch->output);

  watch->seen = event->seq;
  /* A recovery has made it history. */
  if (is_result && event->seq < watch->info->last_seq)
    return TRUE;
  if (watch->cli->out.format == CLI_FORMAT_JSONL)
    {
      g_autofree char *line = qmig_event_to_text (event);

      cli_print ("%s\n", line);
    }
  cli_progress_event (watch->progress, event);
  if (is_result && event->data != NULL && JSON_NODE_HOLDS_OBJECT (event->data))
    {
      g_clear_pointer (&watch->result, qmig_result_free);
      watch->result = qmig_result_from_object (json_node_get_object (event->data), NULL);
    }
  return TRUE;
}

static void
report_lost (Watch *watch, const GError *error)
{
  watch->status = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ? QMIG_EXIT_TIMEOUT
                                                                             : (int) qmig_error_get_exit (error);
  cli_follow_close_stream (watch->cli, watch->info->id, error);
  cli_progress_say (watch->progress, error->message);
}

/* A stream ends with each result, also with one that was not the last. */
static gboolean
follow_to_result (Watch *watch, GError **error)
{
  g_autoptr(QmigClient) client = qmig_client_new (watch->uri, error);
  gint64 before;

  if (client == NULL)
    return FALSE;
  do
    {
      before = watch->seen;
      if (!qmig_client_follow (client, watch->info->id, before, got_event, watch, watch->stop, error))
        return FALSE;
    }
  while (watch->result == NULL && watch->seen > before);
  if (watch->result == NULL)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "the agent ended while %s was not over", watch->info->id);
  return watch->result != NULL;
}

static gpointer
watch_in_thread (gpointer user_data)
{
  Watch *watch = user_data;
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(GError) error = NULL;
  gboolean ended;

  g_main_context_push_thread_default (context);
  ended = follow_to_result (watch, &error);
  g_mutex_lock (watch->output);
  if (ended)
    watch->status = cli_follow_print_result (watch->cli, watch->info->id, watch->info->vm, watch->result);
  else
    report_lost (watch, error);
  g_mutex_unlock (watch->output);
  g_main_context_pop_thread_default (context);
  g_atomic_int_add (watch->n_open, -1);
  g_main_context_wakeup (NULL);
  return NULL;
}

static void
start_watch (Watch *watch, const QmigMigrationInfo *info)
{
  CliProgressMode mode = cli_progress_choose (cli_options_text (watch->cli->options, "progress"),
                                              cli_is_quiet (watch->cli) || watch->cli->out.format == CLI_FORMAT_JSONL);
  g_autofree char *label = g_strdup_printf ("%s %s", info->id, info->vm);

  /* Bars of several migrations would draw over each other. */
  watch->progress = cli_progress_new (MIN (mode, CLI_PROGRESS_LINES), label, cli_verbosity (watch->cli));
  watch->info = info;
  watch->thread = g_thread_new ("watch", watch_in_thread, watch);
}

static gboolean
detach (gpointer user_data)
{
  _exit (QMIG_EXIT_INTERRUPTED);
}

static gboolean
stop_waiting (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_REMOVE;
}

int
cmd_watch_all (Cli *cli, GPtrArray *infos, gint64 after)
{
  g_autofree Watch *watches = g_new0 (Watch, infos->len);
  g_autoptr(GCancellable) stop = g_cancellable_new ();
  guint sigint_id = g_unix_signal_add (SIGINT, detach, NULL);
  gint64 timeout_ms = cli_timeout_ms (cli, -1);
  gint n_open = (gint) infos->len;
  GMutex output;
  int status = QMIG_EXIT_OK;

  g_mutex_init (&output);
  if (timeout_ms >= 0)
    g_timeout_add_full (G_PRIORITY_DEFAULT, (guint) MIN (timeout_ms, G_MAXUINT), stop_waiting, g_object_ref (stop),
                        g_object_unref);
  for (guint i = 0; i < infos->len; i++)
    {
      watches[i] = (Watch){ .cli = cli, .uri = qmig_client_get_uri (cli->client), .seen = after, .output = &output,
                            .stop = stop, .n_open = &n_open };
      start_watch (&watches[i], g_ptr_array_index (infos, i));
    }
  while (g_atomic_int_get (&n_open) > 0)
    g_main_context_iteration (NULL, TRUE);

  for (guint i = 0; i < infos->len; i++)
    {
      g_thread_join (watches[i].thread);
      if (status == QMIG_EXIT_OK)
        status = watches[i].status;
      cli_progress_free (watches[i].progress);
      g_clear_pointer (&watches[i].result, qmig_result_free);
    }
  g_source_remove (sigint_id);
  g_mutex_clear (&output);
  return status;
}
