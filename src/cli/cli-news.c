/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-news.h"

#include "cli-format.h"
#include "json-strict.h"

/* -- knobs ---------------------------------------------------------------------- */

static char *
percent_text (gint64 percent)
{
  return g_strdup_printf ("%" G_GINT64_FORMAT "%%", percent);
}

static char *
time_text (gint64 ms)
{
  return cli_format_ms ((double) ms);
}

static const struct { const char *name; char *(*text) (gint64 value); } knobs[] = {
  { "downtime", time_text },
  { "bandwidth", cli_format_limit },
  { "deadline", time_text },
  { "throttle-max", percent_text },
  { "postcopy-bandwidth", cli_format_limit },
  { "xbzrle-cache", cli_format_bytes },
};

static const struct { const char *name, *text; } states[] = {
  { "sent", "sent to QEMU" },
  { "accepted", "accepted" },
  { "in-force", "in force" },
  { "refused", "refused" },
};

static const char *
state_text (const char *state)
{
  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    if (g_str_equal (states[i].name, state))
      return states[i].text;
  return state;
}

static char *
value_text (const char *knob, gint64 value)
{
  for (gsize i = 0; i < G_N_ELEMENTS (knobs); i++)
    if (g_str_equal (knobs[i].name, knob))
      return knobs[i].text (value);
  return g_strdup_printf ("%" G_GINT64_FORMAT, value);
}

char *
cli_news_knob_text (JsonObject *data)
{
  const char *knob = json_strict_string (data, "knob", NULL);
  const char *state = json_strict_string (data, "state", NULL);
  const char *why = json_strict_string (data, "why", NULL);
  g_autofree char *value = knob != NULL ? value_text (knob, json_strict_int (data, "value", 0)) : NULL;

  if (knob == NULL || state == NULL)
    return NULL;
  return g_strdup_printf ("%s %s: %s%s%s", knob, value, state_text (state), why != NULL ? ": " : "", why != NULL ? why : "");
}

/* -- the engine ------------------------------------------------------------------- */

char *
cli_news_decision_text (const QmigDecision *decision)
{
  const char *rule = decision->rule != NULL ? decision->rule : qmig_action_kind_names[decision->action];

  return g_strdup_printf ("%s: %s", rule, decision->text != NULL ? decision->text : "no reason was given");
}

/* ", done in 8.00 s to 12.0 s"; one value where there is no range. */
static void
append_range (GString *text, const char *what, gint64 value, gint64 low, gint64 high)
{
  g_autofree char *from = cli_format_ms ((double) low);
  g_autofree char *to = cli_format_ms ((double) high);
  g_autofree char *about = cli_format_ms ((double) value);

  if (low != QMIG_UNSET && high != QMIG_UNSET && !g_str_equal (from, to))
    g_string_append_printf (text, ", %s %s to %s", what, from, to);
  else if (value != QMIG_UNSET)
    g_string_append_printf (text, ", %s %s", what, about);
}

char *
cli_news_forecast_text (const QmigForecast *forecast)
{
  g_autofree char *verdict = g_strdelimit (g_strdup (qmig_verdict_names[forecast->verdict]), "-", ' ');
  GString *text = g_string_new (verdict);

  append_range (text, "done in", forecast->eta_ms, forecast->eta_low_ms, forecast->eta_high_ms);
  append_range (text, "downtime", forecast->downtime_ms, forecast->downtime_low_ms, forecast->downtime_high_ms);
  return g_string_free (text, FALSE);
}
