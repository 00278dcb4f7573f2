/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-summary.h"

#include "cli-format.h"

#include <string.h>

static void
append_blackout (GString *text, const QmigResult *result)
{
  g_autofree char *blackout = isnan (result->blackout_ms) ? NULL : cli_format_ms (result->blackout_ms);
  g_autofree char *downtime = result->downtime_ms == QMIG_UNSET ? NULL : cli_format_ms ((double) result->downtime_ms);

  if (blackout != NULL && downtime != NULL)
    g_string_append_printf (text, ", blackout %s (QEMU: %s)", blackout, downtime);
  else if (blackout != NULL)
    g_string_append_printf (text, ", blackout %s", blackout);
  else if (downtime != NULL)
    g_string_append_printf (text, ", downtime by QEMU %s", downtime);
}

char *
cli_summary_text (const char *vm, const QmigResult *result)
{
  const char *source = result->source_name != NULL ? result->source_name : "the source";
  const char *destination = result->destination_name != NULL ? result->destination_name : "the destination";
  GString *text = g_string_new ("VM");

  if (vm != NULL)
    g_string_append_printf (text, " %s", vm);
  if (g_strcmp0 (result->source_name, result->destination_name) == 0 && result->source_name != NULL)
    g_string_append_printf (text, " moved within %s", source);
  else
    g_string_append_printf (text, " moved from %s to %s", source, destination);
  if (result->total_ms != QMIG_UNSET)
    {
      g_autofree char *total = cli_format_ms ((double) result->total_ms);

      g_string_append_printf (text, " in %s", total);
    }
  append_blackout (text, result);
  return g_string_free (text, FALSE);
}

static void
append_sentences (GString *text, const char *title, char **sentences)
{
  for (char **sentence = sentences; sentence != NULL && *sentence != NULL; sentence++)
    g_string_append_printf (text, "  %-12s %s\n", sentence == sentences ? title : "", *sentence);
}

static char *
rate_text (gint64 bytes_per_s)
{
  return bytes_per_s >= 0 ? cli_format_rate (bytes_per_s) : g_strdup ("?");
}

static char *
time_text (gint64 ms)
{
  return ms >= 0 ? cli_format_ms ((double) ms) : g_strdup ("?");
}

char *
cli_summary_rehearsal_text (const char *vm, const QmigResult *result)
{
  const QmigRehearsal *found = result->rehearsal;
  g_autofree char *total = time_text (found->total_ms);
  g_autofree char *downtime = time_text (found->downtime_ms);
  g_autofree char *low = time_text (found->downtime_low_ms);
  g_autofree char *high = time_text (found->downtime_high_ms);
  g_autofree char *budget = time_text (found->budget_ms);
  g_autofree char *send = rate_text (found->send_bytes_per_s);
  g_autofree char *dirty = rate_text (found->dirty_bytes_per_s);
  g_autofree char *left = cli_format_bytes (found->remaining_bytes);
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "VM %s can be moved from %s to %s: rehearsed, it runs on %s\n", vm != NULL ? vm : "", result->source_name,
                          result->destination_name, result->source_name);
  g_string_append_printf (text, "  %-12s %s in all, a blackout of %s (%s to %s; %s are allowed)\n", "a move", total, downtime, low, high, budget);
  g_string_append_printf (text, "  %-12s sends %s, writes %s, %s left when it turned back", "seen", send, dirty, left);
  if (result->passes != QMIG_UNSET)
    g_string_append_printf (text, ", pass %" G_GINT64_FORMAT, result->passes);
  g_string_append_c (text, '\n');
  if (isnan (found->gate_pause_ms))
    g_string_append_printf (text, "  %-12s the guest was never stopped\n", "pause");
  else
    {
      g_autofree char *pause = cli_format_ms (found->gate_pause_ms);

      g_string_append_printf (text, "  %-12s %s, at the gate\n", "pause", pause);
    }
  append_sentences (text, "proven", found->proven);
  append_sentences (text, "not proven", found->not_proven);
  return g_string_free (text, FALSE);
}

char *
cli_summary_stages_text (const QmigResult *result)
{
  const double stages_ms[QMIG_N_STAGES] = {
    result->pre_migration_ms, result->reservation_ms, result->pre_copy_ms,
    result->stop_and_copy_ms, result->commitment_ms,  result->activation_ms,
  };
  GString *text = g_string_new (NULL);

  for (gsize i = 0; i < QMIG_N_STAGES; i++)
    {
      g_autofree char *time = isnan (stages_ms[i]) ? g_strdup ("-") : cli_format_ms (stages_ms[i]);

      g_string_append_printf (text, "  %" G_GSIZE_FORMAT " %-14s %9s\n", i, qmig_stage_names[i], time);
    }
  return g_string_free (text, FALSE);
}

static const char *
outcome_sentence (int outcome)
{
  switch ((QmigOutcome) outcome)
    {
    case QMIG_OUTCOME_ACTIVE:
      return "the migration goes on";
    case QMIG_OUTCOME_COMPLETED:
      return "the migration completed";
    case QMIG_OUTCOME_REFUSED:
      return "the migration was refused, nothing was started";
    case QMIG_OUTCOME_ROLLED_BACK:
      return "the migration failed and was rolled back";
    case QMIG_OUTCOME_CANCELLED:
      return "the migration was cancelled";
    case QMIG_OUTCOME_ATTENTION:
      return "the migration needs attention";
    case QMIG_OUTCOME_REHEARSED:
      return "the rehearsal went well";
    case QMIG_OUTCOME_GUEST_ENDED:
      return "the guest ended itself while it was moved";
    }
  return "the migration ended";
}

static void
append_location (GString *text, const char *vm, const QmigResult *result)
{
  const char *role = qmig_location_names[result->vm_location];

  switch ((QmigLocation) result->vm_location)
    {
    case QMIG_LOCATION_UNKNOWN:
      g_string_append (text, "it is not known where the VM runs");
      break;
    case QMIG_LOCATION_NONE:
      g_string_append (text, "the VM runs nowhere");
      break;
    case QMIG_LOCATION_SOURCE:
    case QMIG_LOCATION_DESTINATION:
      g_string_append_printf (text, "VM%s%s is on %s%s%s%s", vm != NULL ? " " : "", vm != NULL ? vm : "",
                              result->vm_host != NULL ? result->vm_host : "the ",
                              result->vm_host != NULL ? " (" : "", role, result->vm_host != NULL ? ")" : "");
      break;
    }
  if (result->vm_state != NULL && result->vm_location != QMIG_LOCATION_UNKNOWN)
    g_string_append_printf (text, ", %s", result->vm_state);
  g_string_append_c (text, '\n');
}

static void
append_line (GString *text, const char *label, const char *value)
{
  if (value != NULL)
    g_string_append_printf (text, "%s: %s\n", label, value);
}

/* What the error quotes already is not said twice. */
static void
append_said (GString *text, const char *side, const char *host, const char *said, const QmigResult *result)
{
  if (said != NULL && (result->error == NULL || strstr (result->error, said) == NULL))
    g_string_append_printf (text, "QEMU on %s said: %s\n", host != NULL ? host : side, said);
}

static void
append_account (GString *text, const QmigResult *result)
{
  append_said (text, "the source", result->source_name, result->source_said, result);
  append_said (text, "the destination", result->destination_name, result->destination_said, result);
  append_line (text, "cause", result->cause);
  append_line (text, "cure", result->cure);
  if (result->error_id != NULL)
    g_string_append_printf (text, "error: %s, see `qmig help %s`\n", result->error_id, result->error_id);
}

char *
cli_summary_failure_text (const char *vm, const QmigResult *result)
{
  GString *text = g_string_new (NULL);

  if (!qmig_outcome_is_success (result->outcome) || result->error != NULL)
    g_string_append_printf (text, "%s%s%s\n", outcome_sentence (result->outcome), result->error != NULL ? ": " : "",
                            result->error != NULL ? result->error : "");
  for (char **missed = result->missed; missed != NULL && *missed != NULL; missed++)
    g_string_append_printf (text, "expected bound missed: %s\n", *missed);
  append_account (text, result);
  append_location (text, vm, result);
  if (result->next != NULL)
    g_string_append_printf (text, "next: %s\n", result->next);
  else if (result->safe_to_retry)
    g_string_append (text, "it is safe to try again\n");
  return g_string_free (text, FALSE);
}
