/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd-request.h"

#include "cli-format.h"
#include "cli-parse.h"
#include "cli-progress.h"

QmigKnobs *
cmd_request_knobs (Cli *cli)
{
  g_autoptr(QmigKnobs) knobs = qmig_knobs_new ();
  const struct { const char *option; gint64 *value; } limits[] = {
    { "downtime", &knobs->downtime_ms },
    { "bandwidth", &knobs->bandwidth_bytes_per_s },
    { "deadline", &knobs->deadline_ms },
    { "throttle-max", &knobs->throttle_max_percent },
    { "postcopy-bandwidth", &knobs->postcopy_bandwidth_bytes_per_s },
    { "xbzrle-cache", &knobs->xbzrle_cache_bytes },
  };
  gboolean any = FALSE;

  for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      *limits[i].value = cli_options_number (cli->options, limits[i].option, QMIG_UNSET);
      any |= *limits[i].value != QMIG_UNSET;
    }
  return any ? g_steal_pointer (&knobs) : NULL;
}

static void
set_means (Cli *cli, QmigMigrateRequest *request)
{
  const char *allow = cli_options_text (cli->options, "allow");

  request->policy = g_strdup (cli_options_text (cli->options, "policy"));
  request->allow = allow != NULL ? g_strsplit (allow, ",", -1) : NULL;
  request->multifd_channels = cli_options_number (cli->options, "multifd", QMIG_UNSET);
  request->compression = g_strdup (cli_options_text (cli->options, "compression"));
}

/* The texts were checked when they were read. */
static void
set_ports_and_bounds (Cli *cli, QmigMigrateRequest *request)
{
  const char *ports = cli_options_text (cli->options, "port");
  const char *expect = cli_options_text (cli->options, "expect");

  if (ports != NULL && !cli_parse_ports (ports, &request->port, &request->port_last, NULL))
    g_return_if_reached ();
  if (expect != NULL)
    request->expect = cli_parse_expect (expect, NULL);
}

QmigMigrateRequest *
cmd_request_new (Cli *cli)
{
  QmigMigrateRequest *request = qmig_migrate_request_new ();
  const char *destination = cli_arg (cli, 1);

  request->vm = cli_select_vm (cli, cli_arg (cli, 0));
  request->destination = g_strdup (destination != NULL ? destination : "local");
  request->new_name = g_strdup (cli_options_text (cli->options, "new-name"));
  request->transport = g_strdup (cli_options_text (cli->options, "transport"));
  request->listen = g_strdup (cli_options_text (cli->options, "listen"));
  request->qemu_binary = g_strdup (cli_options_text (cli->options, "qemu"));
  request->target_args = cli_options_texts (cli->options, "target-arg");
  request->forced_checks = cli_options_texts (cli->options, "force-check");
  request->knobs = cmd_request_knobs (cli);
  set_means (cli, request);
  request->trace_qmp = cli_options_flag (cli->options, "trace-qmp") > 0;
  request->hold = cli_options_flag (cli->options, "hold") > 0;
  request->reason = g_strdup (cli_options_text (cli->options, "reason"));
  request->idempotency_key = g_strdup (cli_options_text (cli->options, "idempotency-key"));
  set_ports_and_bounds (cli, request);
  return request;
}

static void
append_strv (GString *text, const char *title, char **lines)
{
  for (char **line = lines; line != NULL && *line != NULL; line++)
    g_string_append_printf (text, "%s  %s\n", line == lines ? title : "", *line);
}

/* What each side says of it, where that is not all well. */
static void
append_evidence (GString *text, const QmigCheck *check)
{
  const struct { const char *side, *words; } sides[] = { { "source", check->source }, { "destination", check->destination } };

  for (gsize i = 0; i < G_N_ELEMENTS (sides); i++)
    if (sides[i].words != NULL && check->status != QMIG_CHECK_OK)
      {
        g_autofree char *clean = cli_sanitize (sides[i].words);

        g_string_append_printf (text, "                      %s: %s\n", sides[i].side, clean);
      }
}

void
cmd_request_append_checks (GString *text, const CliOutput *out, GPtrArray *checks)
{
  static const CliPaint paints[] = { CLI_GREEN, CLI_YELLOW, CLI_RED };

  for (guint i = 0; checks != NULL && i < checks->len; i++)
    {
      const QmigCheck *check = g_ptr_array_index (checks, i);
      g_autofree char *word = g_strdup_printf ("%-4s", qmig_check_status_names[check->status]);
      g_autofree char *painted = cli_paint (out, paints[check->status], word);
      g_autofree char *line = g_strdup_printf ("%-12s %s", check->id, check->text != NULL ? check->text : "");
      g_autofree char *clean = cli_sanitize (line);
      g_autofree char *way_out = check->way_out != NULL ? cli_sanitize (check->way_out) : NULL;

      g_string_append_printf (text, "  %s  %s\n", painted, clean);
      append_evidence (text, check);
      if (way_out != NULL)
        g_string_append_printf (text, "                      way out: %s\n", way_out);
    }
}

/* "policy 'steady': downtime 70 ms, bandwidth max, throttle up to 50%, post-copy not allowed, …" */
static void
append_policy (GString *text, const QmigPolicy *policy)
{
  g_autofree char *downtime = cli_format_ms ((double) policy->downtime_ms);
  g_autofree char *bandwidth = cli_format_limit (policy->bandwidth_bytes_per_s);
  g_autofree char *deadline = policy->deadline_ms != QMIG_UNSET ? cli_format_ms ((double) policy->deadline_ms) : g_strdup ("none");
  g_autofree char *name = cli_sanitize (policy->name != NULL ? policy->name : "");

  g_string_append_printf (text, "policy '%s': downtime %s, bandwidth %s, deadline %s, throttle up to %" G_GINT64_FORMAT "%%, post-copy %s, pause %s\n",
                          name, downtime, bandwidth, deadline, policy->throttle_max_percent, policy->allow_postcopy ? "allowed" : "not allowed",
                          policy->allow_pause ? "allowed" : "not allowed");
}

static void
append_forecast (GString *text, const QmigForecast *forecast)
{
  g_autofree char *clean = cli_sanitize (forecast->text != NULL ? forecast->text : "");
  g_autofree char *basis = forecast->basis != NULL ? cli_sanitize (forecast->basis) : NULL;

  g_string_append_printf (text, "forecast%s%s%s: %s\n", basis != NULL ? " (" : "", basis != NULL ? basis : "", basis != NULL ? ")" : "", clean);
  for (char **way = forecast->ways_out; way != NULL && *way != NULL; way++)
    {
      g_autofree char *line = cli_sanitize (*way);

      g_string_append_printf (text, "  way out: %s\n", line);
    }
}

static char *
plan_text (Cli *cli, const QmigPlan *plan)
{
  GString *text = g_string_new (NULL);
  g_autofree char *memory = plan->memory_bytes != QMIG_UNSET ? cli_format_bytes (plan->memory_bytes) : g_strdup ("?");
  g_autofree char *command = cli_quote_command ((const char *const *) plan->argv);
  g_autofree char *head = g_strdup_printf ("%s from %s to %s over %s, %s of memory: %s", plan->vm, plan->source,
                                           plan->destination, plan->transport, memory,
                                           plan->refused ? "refused" : "can be moved");
  g_autofree char *clean = cli_sanitize (head);

  g_string_append_printf (text, "%s\n", clean);
  if (plan->policy != NULL)
    append_policy (text, plan->policy);
  cmd_request_append_checks (text, &cli->out, plan->checks);
  if (plan->forecast != NULL)
    append_forecast (text, plan->forecast);
  if (cli_options_flag (cli->options, "dry-run") > 0 || cli_verbosity (cli) > 0)
    {
      g_autofree char *clean_command = cli_sanitize (command);

      g_string_append_printf (text, "command line of the destination:\n  %s\n", clean_command);
      append_strv (text, "changed in it:\n", plan->notes);
      append_strv (text, "QMP commands:\n", plan->commands);
    }
  return g_string_free (text, FALSE);
}

static void
say_measuring (Cli *cli, const char *vm)
{
  const char *choice = cli_options_text (cli->options, "progress");

  if (cli_progress_choose (choice, cli_is_quiet (cli)) != CLI_PROGRESS_NONE)
    cli_say (cli, "measuring what '%s' writes to its memory, for one to three seconds", vm);
}

int
cmd_request_check (Cli *cli, QmigMigrateRequest *request, GError **error)
{
  gboolean measure = cli_options_flag (cli->options, "no-measure") == 0;
  gboolean deep = cli_options_flag (cli->options, "deep") > 0;
  const char *path = measure && deep ? "/v1/checks?measure=1&deep=1" : measure ? "/v1/checks?measure=1" : deep ? "/v1/checks?deep=1" : "/v1/checks";
  g_autoptr(JsonObject) answer = NULL;
  g_autoptr(QmigPlan) plan = NULL;

  if (measure)
    say_measuring (cli, request->vm);
  answer = cli_call (cli, "POST", path, qmig_migrate_request_to_object (request), error);
  plan = answer != NULL ? qmig_plan_from_object (answer, error) : NULL;
  if (plan == NULL)
    return QMIG_EXIT_ERROR;
  if (cli->out.fields == NULL && (cli->out.format == CLI_FORMAT_TABLE || cli->out.format == CLI_FORMAT_WIDE))
    {
      g_autofree char *text = plan_text (cli, plan);

      cli_write (text);
    }
  else if (!cli_output_value (&cli->out, &qmig_plan_type, plan, "vm", error))
    return QMIG_EXIT_USAGE;
  return plan->refused ? QMIG_EXIT_REFUSED : QMIG_EXIT_OK;
}
