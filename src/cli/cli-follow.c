/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-follow.h"

#include "api-failures.h"
#include "cli-format.h"
#include "cli-summary.h"
#include "json-strict.h"

#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

struct _CliFollow
{
  Cli *cli;
  CliInterrupt interrupt;
  CliProgress *progress;
  GCancellable *stop;
  char *migration;    /* NULL until it is known */
  const char *stage;
  gint64 seen;
  gint64 known_seq;
  gboolean stage_came;
  gboolean interrupted;
  gboolean timed_out;
  gboolean over;      /* only the answer to a cancel is still awaited */
  guint sigint_id;
  guint timeout_id;
  QmigResult *result;
};

static void
clear (gpointer data)
{
  CliFollow *self = data;

  cli_progress_free (self->progress);
  g_clear_pointer (&self->result, qmig_result_free);
  g_object_unref (self->stop);
  g_free (self->migration);
}

static void
unref (CliFollow *self)
{
  g_rc_box_release_full (self, clear);
}

static void
cancel_answered (GObject *source, GAsyncResult *answer, gpointer user_data)
{
  CliFollow *self = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) object = qmig_client_call_finish (QMIG_CLIENT (source), answer, NULL, &error);

  if (object == NULL && !self->over)
    cli_progress_say (self->progress, error->message);
  unref (self);
}

static void
ask_to_cancel (CliFollow *self)
{
  g_autoptr(QmigAction) action = qmig_action_new ();
  g_autoptr(JsonObject) body = NULL;
  g_autofree char *path = qmig_client_path ("/v1/migrations/%s/actions/cancel", self->migration);

  action->reason = g_strdup ("interrupted by Ctrl-C");
  body = qmig_action_to_object (action);
  qmig_client_call_async (self->cli->client, "POST", path, body, 30000, NULL, cancel_answered, g_rc_box_acquire (self));
}

/* Leaves where nobody will come back to clean up. */
static void
leave_at_once (CliFollow *self)
{
  g_autoptr(GError) error = g_error_new (QMIG_ERROR, QMIG_EXIT_INTERRUPTED,
                                         "left; the agent finishes%s%s", self->migration != NULL ? ": qmig watch " : "",
                                         self->migration != NULL ? self->migration : "");

  cli_progress_clear (self->progress);
  cli_follow_close_stream (self->cli, self->migration, error);
  cli_report (self->cli, error);
  _exit (QMIG_EXIT_INTERRUPTED);
}

static gboolean
interrupted (gpointer user_data)
{
  CliFollow *self = user_data;

  if (self->interrupted)
    leave_at_once (self);
  self->interrupted = TRUE;
  if (self->interrupt == CLI_INTERRUPT_DETACHES)
    {
      g_cancellable_cancel (self->stop);
      return G_SOURCE_CONTINUE;
    }
  if (!cli_is_quiet (self->cli))
    cli_progress_say (self->progress, "cancelling, the VM stays on the source; Ctrl-C again leaves this to the agent");
  if (self->migration != NULL)
    ask_to_cancel (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
timed_out (gpointer user_data)
{
  CliFollow *self = user_data;

  self->timed_out = TRUE;
  self->timeout_id = 0;
  g_cancellable_cancel (self->stop);
  return G_SOURCE_REMOVE;
}

CliFollow *
cli_follow_new (Cli *cli, CliInterrupt interrupt)
{
  CliFollow *self = g_rc_box_new0 (CliFollow);
  gboolean quiet = cli_is_quiet (cli) || cli->out.format == CLI_FORMAT_JSONL;
  gint64 timeout_ms = cli_timeout_ms (cli, -1);

  self->cli = cli;
  self->interrupt = interrupt;
  self->stop = g_cancellable_new ();
  self->progress = cli_progress_new (cli_progress_choose (cli_options_text (cli->options, "progress"), quiet), NULL,
                                     cli_verbosity (cli));
  self->sigint_id = g_unix_signal_add (SIGINT, interrupted, self);
  if (timeout_ms >= 0)
    self->timeout_id = g_timeout_add ((guint) MIN (timeout_ms, G_MAXUINT), timed_out, self);
  return self;
}

void
cli_follow_free (CliFollow *self)
{
  g_source_remove (self->sigint_id);
  if (self->timeout_id != 0)
    g_source_remove (self->timeout_id);
  self->over = TRUE;
  unref (self);
}

static gboolean
is_stage (const QmigEvent *event, const char *stage)
{
  return stage != NULL && g_strcmp0 (event->type, "stage") == 0 && event->data != NULL &&
         JSON_NODE_HOLDS_OBJECT (event->data) &&
         g_strcmp0 (json_strict_string (json_node_get_object (event->data), "stage", NULL), stage) == 0;
}

static gboolean
got_event (const QmigEvent *event, gpointer user_data)
{
  CliFollow *self = user_data;
  gboolean is_result = g_strcmp0 (event->type, "result") == 0;

  self->seen = event->seq;
  if (is_result && event->seq < self->known_seq)
    return TRUE;
  if (self->cli->out.format == CLI_FORMAT_JSONL)
    {
      g_autofree char *line = qmig_event_to_text (event);

      cli_print ("%s\n", line);
    }
  cli_progress_event (self->progress, event);
  if (is_result && event->data != NULL && JSON_NODE_HOLDS_OBJECT (event->data))
    {
      g_clear_pointer (&self->result, qmig_result_free);
      self->result = qmig_result_from_object (json_node_get_object (event->data), NULL);
    }
  self->stage_came = is_stage (event, self->stage);
  return !self->stage_came;
}

/* Says in our words why following ended early, where that was our own wish. */
static gboolean
explain_stop (CliFollow *self, GError *cause, GError **error)
{
  if (self->timed_out)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_TIMEOUT, "waiting is over and %s goes on; next: qmig watch %s",
                 self->migration, self->migration);
  else if (g_cancellable_is_cancelled (self->stop))
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_INTERRUPTED, "detached, %s goes on; next: qmig watch %s",
                 self->migration, self->migration);
  else if (cause == NULL)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNREACHABLE,
                 "the agent ended while %s was not over; the next agent goes on with it: qmig watch %s",
                 self->migration, self->migration);
  else
    {
      g_propagate_error (error, cause);
      return FALSE;
    }
  g_clear_error (&cause);
  return FALSE;
}

/* A stream ends with each result: opens the next one where that was not the last. */
static gboolean
follow_all (CliFollow *self, GError **error)
{
  gint64 before;

  do
    {
      before = self->seen;
      if (!qmig_client_follow (self->cli->client, self->migration, before, got_event, self, self->stop, error))
        return FALSE;
    }
  while (self->result == NULL && !self->stage_came && self->seen > before);
  return TRUE;
}

gboolean
cli_follow_run (CliFollow *self,
                const char *migration,
                gint64 after,
                gint64 known_seq,
                const char *stage,
                QmigResult **result,
                GError **error)
{
  GError *cause = NULL;
  gboolean done;

  self->migration = g_strdup (migration);
  self->stage = stage;
  self->seen = after;
  self->known_seq = known_seq;
  if (self->interrupted && self->interrupt == CLI_INTERRUPT_CANCELS)
    ask_to_cancel (self);
  done = follow_all (self, &cause);
  cli_progress_clear (self->progress);
  if (self->result == NULL && !self->stage_came)
    return explain_stop (self, cause, error);

  g_clear_error (&cause);
  *result = g_steal_pointer (&self->result);
  return done || *result != NULL || self->stage_came;
}

/* Without an answer in time the migration may have been started; whoever could not be reached has started none. */
static QmigOutcome
outcome_of_error (const char *migration, QmigExit code)
{
  gboolean goes_on = migration != NULL || code == QMIG_EXIT_TIMEOUT || code == QMIG_EXIT_INTERRUPTED;

  return goes_on ? QMIG_OUTCOME_ACTIVE : QMIG_OUTCOME_REFUSED;
}

void
cli_follow_close_stream (Cli *cli, const char *migration, const GError *error)
{
  g_autoptr(QmigResult) result = NULL;
  g_autoptr(QmigEvent) event = NULL;
  g_autofree char *line = NULL;

  if (cli->out.format != CLI_FORMAT_JSONL)
    return;
  result = qmig_result_new ();
  result->exit_code = qmig_error_get_exit (error);
  result->outcome = outcome_of_error (migration, (QmigExit) result->exit_code);
  result->vm_location = cli->problem != NULL ? cli->problem->vm_location : QMIG_LOCATION_UNKNOWN;
  result->safe_to_retry = result->outcome == QMIG_OUTCOME_REFUSED;
  result->error = g_strdup (error->message);
  qmig_failure_explain (result, NULL);

  event = qmig_event_new ();
  event->ts = api_time_now ();
  event->migration = g_strdup (migration);
  event->type = g_strdup ("result");
  event->data = json_node_new (JSON_NODE_OBJECT);
  json_node_take_object (event->data, qmig_result_to_object (result));
  line = qmig_event_to_text (event);
  cli_print ("%s\n", line);
}

/* (transfer full) */
static char *
sanitize_lines (const char *text)
{
  g_auto(GStrv) lines = g_strsplit (text, "\n", -1);

  for (char **line = lines; *line != NULL; line++)
    {
      char *clean = cli_sanitize (*line);

      g_free (*line);
      *line = clean;
    }
  return g_strjoinv ("\n", lines);
}

static void
print_lines_to_stderr (const char *text)
{
  g_auto(GStrv) lines = g_strsplit (text, "\n", -1);

  for (char **line = lines; **line != '\0'; line++)
    {
      g_autofree char *clean = cli_sanitize (*line);

      g_printerr ("qmig: %s\n", clean);
    }
}

static void
print_for_people (Cli *cli, const char *vm, const QmigResult *result)
{
  gboolean well = qmig_outcome_is_success (result->outcome);
  g_autofree char *summary = result->rehearsal != NULL ? cli_summary_rehearsal_text (vm, result) : cli_summary_text (vm, result);
  g_autofree char *clean = sanitize_lines (g_strchomp (summary));
  g_autofree char *stages = cli_summary_stages_text (result);
  g_autofree char *failure = cli_summary_failure_text (vm, result);

  if (well && !cli_is_quiet (cli))
    cli_print ("%s\n%s", clean, cli_verbosity (cli) > 0 ? stages : "");
  if (!well || result->exit_code != QMIG_EXIT_OK)
    print_lines_to_stderr (failure);
}

/* The fields were checked before anything was asked. */
static void
print_value (Cli *cli, const QmigResult *result)
{
  g_autofree char *text = cli_output_value_text (&cli->out, &qmig_result_type, result, "vm_host", NULL);

  cli_write (text);
}

int
cli_follow_print_result (Cli *cli, const char *migration, const char *vm, const QmigResult *result)
{
  switch (cli->out.format)
    {
    case CLI_FORMAT_TABLE:
    case CLI_FORMAT_WIDE:
      if (cli->out.fields == NULL)
        print_for_people (cli, vm, result);
      else
        print_value (cli, result);
      break;
    case CLI_FORMAT_NAME:
      cli_print ("%s\n", migration);
      break;
    case CLI_FORMAT_JSON:
    case CLI_FORMAT_TSV:
      print_value (cli, result);
      break;
    case CLI_FORMAT_JSONL:
      break;
    }
  return (int) (result->exit_code != QMIG_UNSET ? result->exit_code : QMIG_EXIT_ERROR);
}

int
cli_follow_to_end (CliFollow *self,
                   const char *migration,
                   const char *vm,
                   gint64 after,
                   gint64 known_seq,
                   GError **error)
{
  g_autoptr(QmigResult) result = NULL;
  g_autoptr(GError) cause = NULL;

  if (cli_follow_run (self, migration, after, known_seq, NULL, &result, &cause))
    return cli_follow_print_result (self->cli, migration, vm, result);
  cli_follow_close_stream (self->cli, migration, cause);
  g_propagate_error (error, g_steal_pointer (&cause));
  return QMIG_EXIT_ERROR;
}
