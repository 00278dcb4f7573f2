/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-plan.h"

#include "ui-text.h"

static void
line_clear (gpointer data)
{
  g_free (((UiPlanLine *) data)->text);
}

static void
add_wrapped (GArray *lines, const char *word, UiRole role, const char *text, int width)
{
  g_auto(GStrv) parts = ui_text_wrap (text, width);

  for (char **part = parts; *part != NULL; part++)
    {
      UiPlanLine line = { part == parts ? word : "", role, g_strdup (*part) };

      g_array_append_val (lines, line);
    }
}

static void
add_check (GArray *lines, const QmigCheck *check, int width)
{
  static const UiRole roles[] = { UI_ROLE_OK, UI_ROLE_WARN, UI_ROLE_FAIL };
  static const char *const words[] = { "ok", "warn", "FAIL" };
  g_autofree char *text = g_strdup_printf ("%-13s%s", check->id != NULL ? check->id : "", check->text != NULL ? check->text : "");
  g_autofree char *way_out = check->way_out != NULL ? g_strdup_printf ("             → %s", check->way_out) : NULL;

  add_wrapped (lines, words[CLAMP (check->status, 0, 2)], roles[CLAMP (check->status, 0, 2)], text, width);
  if (way_out != NULL)
    add_wrapped (lines, "", roles[CLAMP (check->status, 0, 2)], way_out, width);
}

static void
add_forecast (GArray *lines, const QmigForecast *forecast, int width)
{
  g_autofree char *text = g_strdup_printf ("%-13s%s%s%s%s", "forecast", forecast->text != NULL ? forecast->text : qmig_verdict_names[forecast->verdict],
                                           forecast->basis != NULL ? " (" : "", forecast->basis != NULL ? forecast->basis : "",
                                           forecast->basis != NULL ? ")" : "");
  gboolean bad = forecast->verdict == QMIG_VERDICT_DIVERGING || forecast->verdict == QMIG_VERDICT_STUCK;

  add_wrapped (lines, "≈", bad ? UI_ROLE_WARN : UI_ROLE_INFO, text, width);
  for (char **way = forecast->ways_out; way != NULL && *way != NULL; way++)
    {
      g_autofree char *line = g_strdup_printf ("             way out: %s", *way);

      add_wrapped (lines, "", UI_ROLE_WARN, line, width);
    }
}

/* What fails is read first. */
GArray *
ui_plan_lines (const QmigPlan *plan, const char *problem, int width)
{
  GArray *lines = g_array_new (FALSE, FALSE, sizeof (UiPlanLine));

  g_array_set_clear_func (lines, line_clear);
  if (problem != NULL)
    add_wrapped (lines, "FAIL", UI_ROLE_FAIL, problem, width);
  if (plan == NULL)
    return lines;
  if (plan->forecast != NULL)
    add_forecast (lines, plan->forecast, width);
  for (int status = QMIG_CHECK_FAIL; status >= QMIG_CHECK_OK && plan->checks != NULL; status--)
    for (guint i = 0; i < plan->checks->len; i++)
      if (((QmigCheck *) g_ptr_array_index (plan->checks, i))->status == status)
        add_check (lines, g_ptr_array_index (plan->checks, i), width);
  for (char **note = plan->notes; note != NULL && *note != NULL; note++)
    add_wrapped (lines, "note", UI_ROLE_DIM, *note, width);
  return lines;
}
