/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd.h"

#include <gio/gunixinputstream.h>
#include <string.h>
#include <unistd.h>

#include "cli-format.h"
#include "cmd-request.h"
#include "cmd-trace.h"
#include "converge-policy.h"
#include "converge-replay.h"

/* -- where trace and policy come from ---------------------------------------------------- */

/* Read to the end or to one byte more than is allowed, whatever it is: a pipe has no size.  (transfer full) */
static GBytes *
read_limited (GInputStream *stream, gsize limit, GError **error)
{
  g_autoptr(GByteArray) all = g_byte_array_new ();
  guint8 buffer[16 * 1024];
  gssize got;

  while (all->len <= limit && (got = g_input_stream_read (stream, buffer, sizeof buffer, NULL, error)) != 0)
    {
      if (got < 0)
        return NULL;
      g_byte_array_append (all, buffer, (guint) got);
    }
  return g_byte_array_free_to_bytes (g_steal_pointer (&all));
}

static GInputStream *
open_file (const char *path, GError **error)
{
  g_autoptr(GFile) file = g_file_new_for_path (path);

  if (strcmp (path, "-") == 0)
    return g_unix_input_stream_new (STDIN_FILENO, FALSE);
  return G_INPUT_STREAM (g_file_read (file, NULL, error));
}

static ConvergeTrace *
read_file (const char *path, GError **error)
{
  g_autoptr(GInputStream) stream = open_file (path, error);
  g_autoptr(GBytes) bytes = stream != NULL ? read_limited (stream, CONVERGE_TRACE_MAX_BYTES, error) : NULL;
  gsize length;
  const char *text;

  if (bytes == NULL)
    {
      g_prefix_error (error, "cannot read the trace '%s': ", path);
      return NULL;
    }
  text = g_bytes_get_data (bytes, &length);
  return converge_trace_read (text != NULL ? text : "", length, error);
}

static ConvergeTrace *
read_trace (Cli *cli, const char *what, GError **error)
{
  g_autofree char *text = NULL;

  if (strcmp (what, "-") == 0 || g_file_test (what, G_FILE_TEST_EXISTS))
    return read_file (what, error);
  if (!cli_connect (cli, error))
    return NULL;
  text = cmd_trace_fetch (cli, what, error);
  return text != NULL ? converge_trace_read (text, strlen (text), error) : NULL;
}

/* The name of a policy that the agent knows. */
static QmigPolicy *
find_policy (Cli *cli, const char *name, GError **error)
{
  g_autofree char *path = qmig_client_path ("/v1/policies/%s", name);

  if (cli->client == NULL && !cli_connect (cli, error))
    return NULL;
  return cli_get_value (cli, path, &qmig_policy_type, error);
}

/* What to try: a policy by name, or that of then, and the bounds of the command line over it. */
static QmigPolicy *
policy_to_try (Cli *cli, const ConvergeTrace *trace, GError **error)
{
  const char *name = cli_options_text (cli->options, "policy");
  const char *allow = cli_options_text (cli->options, "allow");
  g_auto(GStrv) consent = allow != NULL ? g_strsplit (allow, ",", -1) : NULL;
  g_autoptr(QmigKnobs) knobs = cmd_request_knobs (cli);
  g_autoptr(QmigPolicy) policy = NULL;

  if (name != NULL)
    policy = find_policy (cli, name, error);
  else if (trace->head->policy != NULL)
    policy = qmig_policy_copy (trace->head->policy);
  else
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "the trace names no policy: say which one to try with --policy");
  if (policy == NULL || (knobs != NULL && !converge_policy_check_knobs (knobs, error)))
    return NULL;
  converge_policy_bound (policy, knobs, consent);
  return g_steal_pointer (&policy);
}

/* -- what people see -------------------------------------------------------------------------- */

static void
append_decisions (GString *text, const ConvergeReplay *replay)
{
  gboolean marked = replay->simulated_from_ms == QMIG_UNSET;

  for (guint i = 0; i < replay->decisions->len; i++)
    {
      const QmigDecision *decision = g_ptr_array_index (replay->decisions, i);
      g_autofree char *clean = cli_sanitize (decision->text != NULL ? decision->text : "");
      gint64 at_ms = decision->elapsed_ms != QMIG_UNSET ? decision->elapsed_ms : 0;

      /* The decision that differs is the last of the record. */
      if (!marked && (at_ms > replay->simulated_from_ms || (i > 0 && replay->simulated_from_ms == 0)))
        {
          g_string_append (text, "            -- simulated from here --\n");
          marked = TRUE;
        }
      g_string_append_printf (text, "%7.1f s  %-10s %s\n", at_ms / 1000.0, decision->rule != NULL ? decision->rule : "-", clean);
    }
  if (!marked)
    g_string_append (text, "            -- simulated from here --\n");
}

static char *
ms_text (double ms)
{
  return isnan (ms) ? g_strdup ("-") : cli_format_ms (ms);
}

static void
append_row (GString *text, const char *what, const char *was, const char *now)
{
  g_string_append_printf (text, "%-10s %14s %14s\n", what, was, now);
}

static void
append_comparison (GString *text, const ConvergeReplay *replay)
{
  const QmigResult *was = replay->was;
  g_autofree char *was_total = was != NULL && was->total_ms != QMIG_UNSET ? ms_text (was->total_ms) : g_strdup ("-");
  g_autofree char *was_blackout = was != NULL ? ms_text (was->blackout_ms) : g_strdup ("-");
  g_autofree char *was_throttle = was != NULL && was->throttle_percent != QMIG_UNSET ? g_strdup_printf ("%" G_GINT64_FORMAT " %%", was->throttle_percent)
                                                                                    : g_strdup ("-");
  g_autofree char *total = replay->total_ms != QMIG_UNSET ? ms_text (replay->total_ms) : g_strdup ("-");
  g_autofree char *blackout = ms_text (replay->blackout_ms);
  g_autofree char *throttle = g_strdup_printf ("%" G_GINT64_FORMAT " %%", replay->throttle_percent);

  append_row (text, "", "as it was", replay->simulated_from_ms != QMIG_UNSET ? "simulated" : "the same");
  append_row (text, "outcome", was != NULL ? qmig_outcome_names[was->outcome] : "-", qmig_outcome_names[replay->outcome]);
  append_row (text, "total", was_total, total);
  append_row (text, "blackout", was_blackout, blackout);
  append_row (text, "throttle", was_throttle, throttle);
  append_row (text, "post-copy", was != NULL && was->postcopy ? "yes" : "no", replay->postcopy ? "yes" : "no");
}

static char *
replay_text (const ConvergeReplay *replay)
{
  GString *text = g_string_new (NULL);
  g_autofree char *head = g_strdup_printf ("migration %s of '%s', decided again by policy '%s' (then: '%s')", replay->migration, replay->vm, replay->policy,
                                           replay->was_policy != NULL ? replay->was_policy : "none");
  g_autofree char *clean = cli_sanitize (head);

  g_string_append_printf (text, "%s\n", clean);
  append_decisions (text, replay);
  if (replay->simulated_from_ms != QMIG_UNSET)
    g_string_append_printf (text, "Simulated from %.1f s on: %s. The simulator was given %s.\n", replay->simulated_from_ms / 1000.0, replay->simulated_why,
                            replay->guest);
  for (char **note = replay->notes; note != NULL && *note != NULL; note++)
    g_string_append_printf (text, "Note: %s.\n", *note);
  append_comparison (text, replay);
  return g_string_free (text, FALSE);
}

int
cmd_replay (Cli *cli, GError **error)
{
  g_autoptr(ConvergeTrace) trace = read_trace (cli, cli_arg (cli, 0), error);
  g_autoptr(QmigPolicy) policy = trace != NULL ? policy_to_try (cli, trace, error) : NULL;
  g_autoptr(ConvergeReplay) replay = policy != NULL ? converge_replay_run (trace, policy, error) : NULL;

  if (replay == NULL)
    return QMIG_EXIT_ERROR;
  if (cli->out.fields == NULL && (cli->out.format == CLI_FORMAT_TABLE || cli->out.format == CLI_FORMAT_WIDE))
    {
      g_autofree char *text = replay_text (replay);

      cli_write (text);
    }
  else if (!cli_output_value (&cli->out, &converge_replay_type, replay, "migration", error))
    return QMIG_EXIT_USAGE;
  return QMIG_EXIT_OK;
}
