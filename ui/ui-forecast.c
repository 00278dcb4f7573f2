/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What comes of a migration: the forecast with its ways out while it runs, then the result. */

#include "ui-panels.h"

#include "ui-text.h"

#include <string.h>

#define SILENT_US (2 * G_USEC_PER_SEC)

typedef struct
{
  UiRole role;
  char *text;
} Line;

static void
line_clear (gpointer data)
{
  g_free (((Line *) data)->text);
}

static void
add (GArray *lines, UiRole role, char *text)
{
  Line line = { role, text };

  g_array_append_val (lines, line);
}

static char *
range_text (gint64 low, gint64 high, gint64 middle)
{
  g_autofree char *from = ui_text_ms ((double) low);
  g_autofree char *to = ui_text_ms ((double) high);
  const char *unit;

  if (low == QMIG_UNSET || high == QMIG_UNSET || low == high)
    return middle != QMIG_UNSET ? ui_text_ms ((double) middle) : g_strdup ("–");
  unit = strrchr (from, ' ');
  /* One unit for both, where it is one. */
  if (unit != NULL && g_str_has_suffix (to, unit) && strchr (from, ' ') == unit)
    return g_strdup_printf ("%.*s-%s", (int) (unit - from), from, to);
  return g_strdup_printf ("%s to %s", from, to);
}

/* -- the result -------------------------------------------------------------------- */

static char *
outcome_text (const UiRun *run)
{
  const QmigResult *result = run->result;
  g_autofree char *total = ui_text_ms (result->total_ms == QMIG_UNSET ? NAN : (double) result->total_ms);
  g_autofree char *blackout = ui_text_ms (result->blackout_ms);
  g_autofree char *downtime = ui_text_ms (result->downtime_ms == QMIG_UNSET ? NAN : (double) result->downtime_ms);
  g_autofree char *outcome = g_ascii_strup (qmig_outcome_names[result->outcome], -1);
  g_autofree char *where = g_strdup_printf ("VM on %s%s%s%s", result->vm_host != NULL ? result->vm_host : qmig_location_names[result->vm_location],
                                            result->vm_host != NULL ? " (" : "", result->vm_host != NULL ? qmig_location_names[result->vm_location] : "",
                                            result->vm_host != NULL ? ")" : "");

  if (result->outcome == QMIG_OUTCOME_COMPLETED)
    return g_strdup_printf ("%s in %s   %s   blackout %s   downtime by QEMU %s", outcome, total, where, blackout, downtime);
  if (result->rehearsal != NULL)
    {
      g_autofree char *foreseen = ui_text_ms (result->rehearsal->downtime_ms == QMIG_UNSET ? NAN : (double) result->rehearsal->downtime_ms);
      g_autofree char *pause = ui_text_ms (result->rehearsal->gate_pause_ms);

      return g_strdup_printf ("%s in %s   %s   blackout of a move %s   paused %s", outcome, total, where, foreseen, pause);
    }
  return g_strdup_printf ("%s after %s   %s", outcome, total, where);
}

/* What was foretold before the start, held against what happened. */
static char *
against_forecast (const QmigResult *result)
{
  const QmigForecast *forecast = result->forecast;
  g_autofree char *eta = NULL;
  g_autofree char *downtime = NULL;
  g_autofree char *error = NULL;

  if (forecast == NULL || forecast->eta_ms == QMIG_UNSET)
    return NULL;
  eta = range_text (forecast->eta_low_ms, forecast->eta_high_ms, forecast->eta_ms);
  downtime = range_text (forecast->downtime_low_ms, forecast->downtime_high_ms, forecast->downtime_ms);
  if (!isnan (result->total_error_percent))
    error = g_strdup_printf ("; off by %+.0f %%", result->total_error_percent);
  return g_strdup_printf ("foretold before the start: %s, downtime %s (%s)%s", eta, downtime, forecast->basis != NULL ? forecast->basis : "assumed",
                          error != NULL ? error : "");
}

static void
add_result (const UiPanels *panels, GArray *lines)
{
  const QmigResult *result = panels->run->result;
  gboolean good = qmig_outcome_is_success (result->outcome);
  char *foretold = against_forecast (result);

  add (lines, good ? UI_ROLE_OK : result->outcome == QMIG_OUTCOME_ATTENTION ? UI_ROLE_FAIL : UI_ROLE_WARN, outcome_text (panels->run));
  if (result->error != NULL)
    add (lines, UI_ROLE_TEXT, g_strdup (result->error));
  if (result->cure != NULL)
    add (lines, UI_ROLE_STRONG, g_strdup_printf ("%s: %s", result->error_id, result->cure));
  for (char **missed = result->missed; missed != NULL && *missed != NULL; missed++)
    add (lines, UI_ROLE_WARN, g_strdup_printf ("expected bound missed: %s", *missed));
  if (foretold != NULL)
    add (lines, UI_ROLE_DIM, foretold);
  if (result->next != NULL)
    add (lines, UI_ROLE_STRONG, g_strdup_printf ("next: %s", result->next));
  else if (!good && result->safe_to_retry)
    add (lines, UI_ROLE_DIM, g_strdup ("it is safe to try again"));
}

/* -- the forecast ---------------------------------------------------------------------- */

static UiRole
verdict_role (int verdict)
{
  switch ((QmigVerdict) verdict)
    {
    case QMIG_VERDICT_NOT_ENOUGH_DATA:
      return UI_ROLE_DIM;
    case QMIG_VERDICT_CONVERGING:
    case QMIG_VERDICT_FINISHING:
      return UI_ROLE_OK;
    case QMIG_VERDICT_STUCK:
      return UI_ROLE_WARN;
    case QMIG_VERDICT_DIVERGING:
    case QMIG_VERDICT_STALLED:
      return UI_ROLE_FAIL;
    }
  return UI_ROLE_TEXT;
}

static char *
headline (const UiPanels *panels, const QmigForecast *forecast)
{
  GString *text = g_string_new (NULL);
  g_autofree char *verdict = g_ascii_strup (qmig_verdict_names[forecast->verdict], -1);
  g_autofree char *eta = range_text (forecast->eta_low_ms, forecast->eta_high_ms, forecast->eta_ms);
  g_autofree char *downtime = range_text (forecast->downtime_low_ms, forecast->downtime_high_ms, forecast->downtime_ms);
  gint64 budget_ms = ui_run_knob_value (panels->run, UI_KNOB_DOWNTIME);
  g_autofree char *budget = ui_text_ms (budget_ms == QMIG_UNSET ? NAN : (double) budget_ms);

  g_strdelimit (verdict, "-", ' ');
  g_string_append (text, verdict);
  if (forecast->passes_left != QMIG_UNSET)
    g_string_append_printf (text, "   %d more %s", (int) forecast->passes_left, forecast->passes_left == 1 ? "pass" : "passes");
  if (forecast->eta_ms != QMIG_UNSET)
    g_string_append_printf (text, "   ETA %s", eta);
  if (forecast->downtime_ms != QMIG_UNSET)
    g_string_append_printf (text, "   downtime %s (budget %s)", downtime, budget);
  return g_string_free (text, FALSE);
}

static void
add_forecast (const UiPanels *panels, GArray *lines)
{
  const QmigForecast *forecast = panels->run->forecast;

  add (lines, verdict_role (forecast->verdict), headline (panels, forecast));
  if (forecast->text != NULL)
    add (lines, UI_ROLE_TEXT, g_strdup (forecast->text));
  for (char **way = forecast->ways_out; way != NULL && *way != NULL; way++)
    add (lines, UI_ROLE_TEXT, g_strdup_printf ("way out: %s", *way));
}

/* Where the agent foretells nothing, the numbers that decide. */
static void
add_plain (const UiPanels *panels, GArray *lines)
{
  const QmigSample *sample = panels->run->sample;
  gint64 budget_ms = ui_run_knob_value (panels->run, UI_KNOB_DOWNTIME);
  g_autofree char *need = NULL;
  g_autofree char *budget = NULL;

  if (sample == NULL || sample->need_ms == QMIG_UNSET || budget_ms == QMIG_UNSET)
    {
      add (lines, UI_ROLE_DIM, g_strdup ("not enough data yet"));
      return;
    }
  need = ui_text_ms ((double) sample->need_ms);
  budget = ui_text_ms ((double) budget_ms);
  add (lines, sample->need_ms <= budget_ms ? UI_ROLE_OK : UI_ROLE_TEXT,
       g_strdup_printf ("a stop now would take about %s, the budget is %s", need, budget));
}

/* Said plainly, since everything shown is as old as that. */
static void
add_silence (const UiPanels *panels, GArray *lines)
{
  const UiRun *run = panels->run;
  gint64 silent_us = panels->paint->model->mono_us - run->heard_mono_us;
  g_autofree char *age = ui_text_age (silent_us);
  gboolean stopped = run->stage >= QMIG_STAGE_STOP_AND_COPY;

  if (!panels->live || run->heard_mono_us == 0 || silent_us < SILENT_US || (run->info != NULL && run->info->holding))
    return;
  add (lines, UI_ROLE_WARN,
       g_strdup_printf ("nothing was heard for %s (%s%s); the agent goes on by itself, nothing was rolled back", age,
                        stopped ? "the guest stands still since stage 3 began, QEMU said " : "QEMU said ",
                        run->sample != NULL && run->sample->status != NULL ? run->sample->status : "nothing yet"));
}

static void
add_decision (const UiPanels *panels, GArray *lines)
{
  const QmigDecision *decision = panels->run->decision;
  g_autofree char *time = ui_text_time (panels->run->decision_us);

  if (decision != NULL && decision->text != NULL)
    add (lines, UI_ROLE_INFO, g_strdup_printf ("decided %s, %s: %s", time, decision->rule != NULL ? decision->rule : "–", decision->text));
}

static GArray *
make_lines (const UiPanels *panels)
{
  GArray *lines = g_array_new (FALSE, FALSE, sizeof (Line));
  GArray *all;

  g_array_set_clear_func (lines, line_clear);
  if (panels->run->result != NULL)
    add_result (panels, lines);
  else
    {
      add_silence (panels, lines);
      if (panels->run->forecast != NULL)
        add_forecast (panels, lines);
      else
        add_plain (panels, lines);
      add_decision (panels, lines);
    }

  all = g_array_new (FALSE, FALSE, sizeof (Line));
  g_array_set_clear_func (all, line_clear);
  for (guint i = 0; i < lines->len; i++)
    {
      const Line *line = &g_array_index (lines, Line, i);
      g_auto(GStrv) parts = ui_text_wrap (line->text, panels->paint->cols - 3);

      for (char **part = parts; *part != NULL; part++)
        add (all, line->role, g_strdup (*part));
    }
  g_array_unref (lines);
  return all;
}

int
ui_panel_forecast_wants (const UiPanels *panels)
{
  g_autoptr(GArray) lines = make_lines (panels);

  return (int) lines->len;
}

int
ui_panel_forecast (const UiPanels *panels, int y, int height)
{
  g_autoptr(GArray) lines = make_lines (panels);
  UiPaint *paint = panels->paint;
  int more = (int) lines->len - height;
  g_autofree char *hint = more > 0 ? g_strdup_printf ("%d more %s a taller terminal", more, more == 1 ? "line needs" : "lines need") : NULL;

  ui_paint_rule (paint, y, panels->run->result != NULL ? "RESULT" : "FORECAST", hint);
  for (int i = 0; i < height && i < (int) lines->len; i++)
    {
      const Line *line = &g_array_index (lines, Line, i);

      ui_grid_put_field (paint->grid, y + 1 + i, 2, paint->cols - 3, line->role, line->text);
    }
  return y + 1 + height;
}
