/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "converge-text.h"

#define KIB 1024.0

/* -- numbers ------------------------------------------------------------------- */

char *
converge_text_bytes (gint64 bytes)
{
  static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
  double value = MAX (bytes, 0);
  gsize unit = 0;

  for (; value >= KIB && unit + 1 < G_N_ELEMENTS (units); unit++)
    value /= KIB;
  return g_strdup_printf (value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

char *
converge_text_rate (gint64 bytes_per_s)
{
  g_autofree char *bytes = bytes_per_s > 0 ? converge_text_bytes (bytes_per_s) : NULL;

  return bytes != NULL ? g_strconcat (bytes, "/s", NULL) : g_strdup ("unlimited");
}

char *
converge_text_time (double ms)
{
  if (ms < 1000)
    return g_strdup_printf ("%.0f ms", ms);
  if (ms < 60000)
    return g_strdup_printf ("%.1f s", ms / 1000);
  return g_strdup_printf ("%d min %d s", (int) (ms / 60000), (int) (ms / 1000) % 60);
}

/* -- sentences -------------------------------------------------------------------- */

/* "pass 6 left 41 MiB, at 112 MiB/s a stop of 366 ms; the budget is 500 ms" */
static char *
situation (const QmigDecision *decision)
{
  g_autofree char *left = converge_text_bytes (decision->left_bytes);
  g_autofree char *send = converge_text_rate (decision->send_bytes_per_s);
  g_autofree char *need = converge_text_time (decision->need_ms);
  g_autofree char *budget = converge_text_time (decision->budget_ms);

  return g_strdup_printf ("pass %" G_GINT64_FORMAT " began with %s left, at %s a stop of %s; the budget is %s", decision->pass, left, send,
                          need, budget);
}

/* "the guest writes 220 MiB/s over 256 MiB, 2.0 times what is sent" */
static char *
guest (const QmigDecision *decision)
{
  g_autofree char *dirty = converge_text_rate (decision->dirty_bytes_per_s);
  g_autofree char *working_set = converge_text_bytes (decision->working_set_bytes);

  return g_strdup_printf ("the guest writes at least %s over %s, %.1f times what is sent", dirty, working_set,
                          (double) decision->dirty_bytes_per_s / MAX (decision->send_bytes_per_s, 1));
}

static char *
forecast_numbers (const QmigForecast *forecast)
{
  g_autofree char *low = converge_text_time (forecast->eta_low_ms);
  g_autofree char *high = converge_text_time (forecast->eta_high_ms);
  g_autofree char *down_low = converge_text_time (forecast->downtime_low_ms);
  g_autofree char *down_high = converge_text_time (forecast->downtime_high_ms);

  return g_strdup_printf ("%" G_GINT64_FORMAT " more passes, %s to %s, downtime %s to %s", forecast->passes_left, low, high, down_low, down_high);
}

char *
converge_text_forecast (const QmigForecast *forecast)
{
  g_autofree char *working_set = converge_text_bytes (forecast->working_set_bytes);
  g_autofree char *numbers = NULL;

  switch ((QmigVerdict) forecast->verdict)
    {
    case QMIG_VERDICT_NOT_ENOUGH_DATA:
      return g_strdup ("the first pass is not over: nothing can be said yet");
    case QMIG_VERDICT_STALLED:
      return g_strdup ("stalled: nothing is being sent");
    case QMIG_VERDICT_STUCK:
      return g_strdup_printf ("stuck: each pass leaves about %s", working_set);
    case QMIG_VERDICT_DIVERGING:
      return g_strdup_printf ("diverging: each pass leaves more, up to %s by now", working_set);
    case QMIG_VERDICT_CONVERGING:
    case QMIG_VERDICT_FINISHING:
      break;
    }
  numbers = forecast_numbers (forecast);
  return g_strdup_printf ("%s: %s", qmig_verdict_names[forecast->verdict], numbers);
}

char *
converge_text_start (const QmigDecision *decision, double room_ms)
{
  g_autofree char *bandwidth = converge_text_rate (decision->bandwidth_limit_bytes_per_s);
  g_autofree char *room = converge_text_time (room_ms);
  g_autofree char *budget = converge_text_time (decision->budget_ms);

  return g_strdup_printf ("of the budget of %s the copying may take %s; the first pass runs at %s with a limit of %" G_GINT64_FORMAT
                          " ms, and shows what is needed",
                          budget, room, bandwidth, decision->downtime_limit_ms);
}

char *
converge_text_bounds (const QmigDecision *decision, const QmigPolicy *policy)
{
  g_autofree char *budget = converge_text_time (policy->downtime_ms);
  g_autofree char *bandwidth = converge_text_rate (decision->bandwidth_limit_bytes_per_s);

  return g_strdup_printf ("the bounds were changed: a budget of %s, now at %s with a limit of %" G_GINT64_FORMAT " ms", budget, bandwidth,
                          decision->downtime_limit_ms);
}

char *
converge_text_limit (const QmigDecision *decision, const ConvergeOutlook *outlook)
{
  g_autofree char *now = situation (decision);

  if (!outlook->fits)
    return g_strdup_printf ("%s: it does not fit, so the limit is all there is room for, %" G_GINT64_FORMAT " ms, should the guest pause for a moment",
                            now, decision->downtime_limit_ms);
  return g_strdup_printf ("%s: %.0f ms are needed %s, so the limit is %" G_GINT64_FORMAT " ms", now, outlook->need_ms,
                          outlook->passes > 1 ? "some passes on" : "at its end", decision->downtime_limit_ms);
}

char *
converge_text_bandwidth (const QmigDecision *decision, gint64 bound)
{
  g_autofree char *writes = guest (decision);
  g_autofree char *rate = converge_text_rate (decision->bandwidth_limit_bytes_per_s);
  g_autofree char *most = converge_text_rate (bound);

  return g_strdup_printf ("%s: the bandwidth is raised to %s (bound: %s)", writes, rate, most);
}

char *
converge_text_throttle (const QmigDecision *decision, gboolean saturated)
{
  g_autofree char *now = situation (decision);
  g_autofree char *writes = guest (decision);
  gboolean eased = g_strcmp0 (decision->rule, "ease") == 0;

  return g_strdup_printf ("%s; %s%s: the throttle is %s to %" G_GINT64_FORMAT " %%, the limit %" G_GINT64_FORMAT " ms", now, writes,
                          saturated && !eased ? " or more" : "", eased ? "eased" : "set", decision->throttle_percent,
                          decision->downtime_limit_ms);
}

char *
converge_text_last_resort (const QmigDecision *decision, double rest_ms)
{
  g_autofree char *now = situation (decision);
  g_autofree char *writes = guest (decision);
  g_autofree char *rest = converge_text_time (rest_ms);

  switch ((QmigActionKind) decision->action)
    {
    case QMIG_ACTION_POSTCOPY:
      return g_strdup_printf ("%s; %s, and no allowed means brings that down: post-copy, the rest follows in about %s", now, writes, rest);
    case QMIG_ACTION_PAUSE:
      return g_strdup_printf ("%s; %s, and no other allowed means brings that down: the guest stands still for the rest, about %s", now, writes, rest);
    case QMIG_ACTION_ABORT:
      return g_strdup_printf ("%s; %s, and no allowed means brings that down: it is given up", now, writes);
    case QMIG_ACTION_WAIT:
    case QMIG_ACTION_SET:
      break;
    }
  g_return_val_if_reached (g_strdup (now));
}

char *
converge_text_wait (const QmigDecision *decision, gint64 patience_ms)
{
  g_autofree char *now = situation (decision);
  g_autofree char *writes = guest (decision);
  g_autofree char *patience = converge_text_time (patience_ms);

  return g_strdup_printf ("%s; %s, and no allowed means brings that down: waiting for the guest to calm down, for %s at most", now, writes, patience);
}
