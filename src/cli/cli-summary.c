/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-summary.h"

#include "cli-format.h"

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

char *
cli_summary_failure_text (const char *vm, const QmigResult *result)
{
  GString *text = g_string_new (NULL);

  if (result->outcome != QMIG_OUTCOME_COMPLETED || result->error != NULL)
    g_string_append_printf (text, "%s%s%s\n", outcome_sentence (result->outcome), result->error != NULL ? ": " : "",
                            result->error != NULL ? result->error : "");
  for (char **missed = result->missed; missed != NULL && *missed != NULL; missed++)
    g_string_append_printf (text, "expected bound missed: %s\n", *missed);
  append_location (text, vm, result);
  if (result->next != NULL)
    g_string_append_printf (text, "next: %s\n", result->next);
  else if (result->safe_to_retry)
    g_string_append (text, "it is safe to try again\n");
  return g_string_free (text, FALSE);
}
