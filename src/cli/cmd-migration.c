/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-quantity.h"
#include "cli-follow.h"
#include "cmd-events.h"
#include "cmd-steer.h"
#include "cmd-trace.h"
#include "cmd.h"

#include <string.h>

static const CliColumn columns[] = {
  { "id", "id", CLI_SHOW_TEXT, FALSE },
  { "vm", "vm", CLI_SHOW_TEXT, FALSE },
  { "from", "source", CLI_SHOW_TEXT, FALSE },
  { "to", "destination", CLI_SHOW_TEXT, FALSE },
  { "stage", "stage", CLI_SHOW_TEXT, FALSE },
  { "outcome", "result.outcome", CLI_SHOW_TEXT, FALSE },
  { "started", "started", CLI_SHOW_TIME, FALSE },
  { "total", "result.total_ms", CLI_SHOW_MS, FALSE },
  { "blackout", "result.blackout_ms", CLI_SHOW_MS, FALSE },
  { "downtime", "result.downtime_ms", CLI_SHOW_MS, TRUE },
  { "passes", "result.passes", CLI_SHOW_COUNT, TRUE },
  { "vm on", "result.vm_host", CLI_SHOW_TEXT, TRUE },
  { "reason", "reason", CLI_SHOW_TEXT, TRUE },
  { NULL },
};

static const CliColumn history_columns[] = {
  { "id", "id", CLI_SHOW_TEXT, FALSE },
  { "vm", "vm", CLI_SHOW_TEXT, FALSE },
  { "from", "source", CLI_SHOW_TEXT, FALSE },
  { "to", "destination", CLI_SHOW_TEXT, FALSE },
  { "outcome", "result.outcome", CLI_SHOW_TEXT, FALSE },
  { "started", "started", CLI_SHOW_TIME, FALSE },
  { "total", "result.total_ms", CLI_SHOW_MS, FALSE },
  { "expected", "result.forecast.eta_ms", CLI_SHOW_MS, FALSE },
  { "off", "result.total_error_percent", CLI_SHOW_ERROR, FALSE },
  { "blackout", "result.blackout_ms", CLI_SHOW_MS, FALSE },
  { "expected", "result.forecast.downtime_ms", CLI_SHOW_MS, FALSE },
  { "off", "result.blackout_error_percent", CLI_SHOW_ERROR, FALSE },
  { "stage", "stage", CLI_SHOW_TEXT, TRUE },
  { "downtime", "result.downtime_ms", CLI_SHOW_MS, TRUE },
  { "passes", "result.passes", CLI_SHOW_COUNT, TRUE },
  { "throttle %", "result.throttle_percent", CLI_SHOW_COUNT, TRUE },
  { "vm on", "result.vm_host", CLI_SHOW_TEXT, TRUE },
  { "forecast", "result.forecast.text", CLI_SHOW_TEXT, TRUE },
  { "reason", "reason", CLI_SHOW_TEXT, TRUE },
  { NULL },
};

static const CliColumn event_columns[] = {
  { "seq", "seq", CLI_SHOW_COUNT, FALSE },
  { "time", "ts", CLI_SHOW_TEXT, FALSE },
  { "host", "host", CLI_SHOW_TEXT, TRUE },
  { "type", "type", CLI_SHOW_TEXT, FALSE },
  { "data", "data", CLI_SHOW_TEXT, FALSE },
  { NULL },
};

static const CliColumn sample_columns[] = {
  { "elapsed", "elapsed_ms", CLI_SHOW_MS, FALSE },
  { "stage", "stage", CLI_SHOW_TEXT, FALSE },
  { "status", "status", CLI_SHOW_TEXT, TRUE },
  { "pass", "pass", CLI_SHOW_COUNT, FALSE },
  { "left", "remaining_bytes", CLI_SHOW_BYTES, FALSE },
  { "total", "total_bytes", CLI_SHOW_BYTES, TRUE },
  { "transferred", "transferred_bytes", CLI_SHOW_BYTES, TRUE },
  { "sent", "send_bytes_per_s", CLI_SHOW_RATE, FALSE },
  { "dirtied", "dirty_bytes_per_s", CLI_SHOW_RATE, FALSE },
  { "need", "need_ms", CLI_SHOW_MS, FALSE },
  { "limit", "downtime_limit_ms", CLI_SHOW_MS, FALSE },
  { "bandwidth", "bandwidth_limit_bytes_per_s", CLI_SHOW_LIMIT, TRUE },
  { "throttle %", "throttle_percent", CLI_SHOW_COUNT, TRUE },
  { NULL },
};

/* "2h" is so long ago; otherwise a time as it stands in our own output.  (transfer full) */
static char *
since_time (const char *text, GError **error)
{
  gint64 ago_ms;
  gint64 at_us = api_time_parse (text);

  if (at_us == QMIG_UNSET)
    {
      if (!api_parse_time (text, &ago_ms, NULL) || ago_ms > g_get_real_time () / 1000)
        {
          g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                       "--since: '%s' is neither as long ago as 2h nor a time as 2024-05-01T10:00:00Z", text);
          return NULL;
        }
      at_us = g_get_real_time () - ago_ms * 1000;
    }
  return api_time_format (at_us);
}

static void
append_query (GString *path, const char *name, const char *value)
{
  g_autofree char *escaped = value != NULL ? g_uri_escape_string (value, NULL, FALSE) : NULL;

  if (value != NULL)
    g_string_append_printf (path, "%c%s=%s", strchr (path->str, '?') != NULL ? '&' : '?', name, escaped);
}

static int
list (Cli *cli, const char *which, const CliColumn *shown, GError **error)
{
  g_autoptr(GString) path = g_string_new ("/v1/migrations");
  const char *since = cli_options_text (cli->options, "since");
  g_autofree char *since_text = since != NULL ? since_time (since, error) : NULL;
  g_autoptr(GPtrArray) infos = NULL;

  if (since != NULL && since_text == NULL)
    return QMIG_EXIT_USAGE;
  append_query (path, which, which != NULL ? "1" : NULL);
  append_query (path, "vm", cli_options_text (cli->options, "vm"));
  append_query (path, "host", cli_options_text (cli->options, "of-host"));
  append_query (path, "outcome", cli_options_text (cli->options, "result"));
  append_query (path, "since", since_text);
  append_query (path, "limit", cli_options_text (cli->options, "limit"));
  infos = cli_get_list (cli, path->str, &qmig_migration_info_type, error);
  if (infos == NULL || !cli_output_list (&cli->out, &qmig_migration_info_type, infos, shown, error))
    return QMIG_EXIT_ERROR;
  return QMIG_EXIT_OK;
}

int
cmd_migration_list (Cli *cli, GError **error)
{
  gboolean active = cli_options_flag (cli->options, "active") > 0;
  gboolean ended = cli_options_flag (cli->options, "ended") > 0;

  return list (cli, active == ended ? NULL : active ? "active" : "ended", columns, error);
}

int
cmd_history (Cli *cli, GError **error)
{
  return list (cli, "ended", history_columns, error);
}

int
cmd_migration_show (Cli *cli, GError **error)
{
  g_autoptr(QmigMigrationInfo) info = cmd_steer_find (cli, error);

  if (info == NULL || !cli_output_value (&cli->out, &qmig_migration_info_type, info, "id", error))
    return QMIG_EXIT_ERROR;
  return QMIG_EXIT_OK;
}

static gboolean
is_sample (const QmigEvent *event)
{
  return g_strcmp0 (event->type, "sample") == 0;
}

static GPtrArray *
get_events (Cli *cli, CmdEventWanted wanted, GError **error)
{
  g_autoptr(QmigMigrationInfo) info = cmd_steer_find (cli, error);

  return info != NULL ? cmd_events_get (cli, info, cli_options_number (cli->options, "after", 0), wanted, error) : NULL;
}

int
cmd_migration_events (Cli *cli, GError **error)
{
  g_autoptr(GPtrArray) events = get_events (cli, NULL, error);

  if (events == NULL || !cli_output_list (&cli->out, &qmig_event_type, events, event_columns, error))
    return QMIG_EXIT_ERROR;
  return QMIG_EXIT_OK;
}

static gboolean
append_sample (GPtrArray *samples, const QmigEvent *event, GError **error)
{
  QmigSample *sample;

  if (event->data == NULL || !JSON_NODE_HOLDS_OBJECT (event->data))
    return TRUE;
  sample = qmig_sample_from_object (json_node_get_object (event->data), error);
  if (sample != NULL)
    g_ptr_array_add (samples, sample);
  return sample != NULL;
}

static int
print_trace (Cli *cli, GError **error)
{
  g_autofree char *text = cmd_trace_fetch (cli, cli_arg (cli, 0), error);

  if (text == NULL)
    return QMIG_EXIT_ERROR;
  cli_write (text);
  return QMIG_EXIT_OK;
}

int
cmd_migration_samples (Cli *cli, GError **error)
{
  g_autoptr(GPtrArray) samples = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_sample_free);
  g_autoptr(GPtrArray) events = NULL;

  if (cli->out.format == CLI_FORMAT_JSONL && cli->out.fields == NULL)
    return print_trace (cli, error);
  events = get_events (cli, is_sample, error);
  if (events == NULL)
    return QMIG_EXIT_ERROR;
  for (guint i = 0; i < events->len; i++)
    if (!append_sample (samples, g_ptr_array_index (events, i), error))
      return QMIG_EXIT_ERROR;
  return cli_output_list (&cli->out, &qmig_sample_type, samples, sample_columns, error) ? QMIG_EXIT_OK
                                                                                        : QMIG_EXIT_ERROR;
}

int
cmd_migration_wait (Cli *cli, GError **error)
{
  const char *stage = cli_options_text (cli->options, "for");
  g_autoptr(QmigMigrationInfo) info = cmd_steer_find (cli, error);
  g_autoptr(CliFollow) follow = NULL;
  g_autoptr(QmigResult) result = NULL;
  g_autoptr(GError) cause = NULL;

  if (info == NULL)
    return QMIG_EXIT_ERROR;
  follow = cli_follow_new (cli, CLI_INTERRUPT_DETACHES);
  if (stage == NULL || strcmp (stage, "end") == 0)
    return cli_follow_to_end (follow, info->id, info->vm, 0, info->last_seq, error);

  if (!cli_follow_run (follow, info->id, 0, info->last_seq, stage, &result, &cause))
    {
      cli_follow_close_stream (cli, info->id, cause);
      g_propagate_error (error, g_steal_pointer (&cause));
      return QMIG_EXIT_ERROR;
    }
  return result != NULL ? cli_follow_print_result (cli, info->id, info->vm, result) : QMIG_EXIT_OK;
}
