/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stages, knobs and log of one migration. */

#include "ui-panels.h"

#include "ui-text.h"

#include <string.h>

/* -- stages ---------------------------------------------------------------------- */

static const char *const stage_words[QMIG_N_STAGES] = { "check", "reserve", "pre-copy", "stop", "commit", "activate" };

typedef enum
{
  STAGE_TO_COME,
  STAGE_NOW,
  STAGE_DONE,
  STAGE_FAILED,
} StageState;

static const char *const stage_signs[] = { "·", "▶", "✓", "✗" };
static const UiRole stage_roles[] = { UI_ROLE_DIM, UI_ROLE_STRONG, UI_ROLE_OK, UI_ROLE_FAIL };

static StageState
stage_state (const UiRun *run, int stage)
{
  gboolean failed = run->result != NULL && !qmig_outcome_is_success (run->result->outcome);

  if (stage > run->stage || (run->n_shown == 0))
    return STAGE_TO_COME;
  if (stage < run->stage)
    return STAGE_DONE;
  if (run->result != NULL)
    return failed ? STAGE_FAILED : STAGE_DONE;
  return STAGE_NOW;
}

static char *
stage_time (const UiPanels *panels, int stage)
{
  const UiRun *run = panels->run;
  StageState state = stage_state (run, stage);
  g_autofree char *budget = NULL;

  if (state == STAGE_NOW && run->stage_start_us[stage] > 0)
    return ui_text_ms ((double) MAX (panels->at_us - run->stage_start_us[stage], 0) / 1000);
  if (state != STAGE_TO_COME)
    return ui_text_ms (run->stage_ms[stage]);
  if (stage != QMIG_STAGE_STOP_AND_COPY || ui_run_knob_value (run, UI_KNOB_DOWNTIME) == QMIG_UNSET)
    return g_strdup ("–");
  budget = ui_text_ms ((double) ui_run_knob_value (run, UI_KNOB_DOWNTIME));
  return g_strdup_printf ("max %s", budget);
}

/* In one line the stage that is under way has the room for its name, and the others a sign and a number. */
static void
draw_short_stages (const UiPanels *panels, int y)
{
  UiPaint *paint = panels->paint;
  int x = 1;

  for (int i = 0; i < QMIG_N_STAGES; i++)
    {
      StageState state = stage_state (panels->run, i);
      g_autofree char *time = stage_time (panels, i);
      g_autoptr(GString) name = g_string_new (stage_signs[state]);

      g_string_append_printf (name, "%d", i);
      if (state == STAGE_NOW || state == STAGE_FAILED)
        g_string_append_printf (name, " %s", stage_words[i]);
      if (state == STAGE_NOW && i == QMIG_STAGE_PRE_COPY && panels->run->pass > 0)
        g_string_append_printf (name, " p%d", (int) panels->run->pass);
      if (state == STAGE_NOW)
        g_string_append_printf (name, " %s", time);
      x = ui_grid_put (paint->grid, y, x, stage_roles[state], name->str) + 3;
    }
}

int
ui_panel_stages (const UiPanels *panels, int y)
{
  UiPaint *paint = panels->paint;
  int width = (paint->cols - 2) / QMIG_N_STAGES;

  if (paint->size < UI_SIZE_COMPACT)
    {
      draw_short_stages (panels, y);
      return y + 1;
    }
  ui_paint_rule (paint, y++, "STAGES", NULL);
  for (int i = 0; i < QMIG_N_STAGES; i++)
    {
      StageState state = stage_state (panels->run, i);
      g_autofree char *time = stage_time (panels, i);
      g_autofree char *pass = i == QMIG_STAGE_PRE_COPY && panels->run->pass > 0 ? g_strdup_printf (" p%d", (int) panels->run->pass) : g_strdup ("");
      g_autofree char *time_and_pass = g_strconcat (time, pass, NULL);
      g_autofree char *name = g_strdup_printf ("%s %d %s", stage_signs[state], i, stage_words[i]);

      ui_grid_put_field (paint->grid, y, 1 + i * width, width - 1, stage_roles[state], name);
      ui_grid_put_field (paint->grid, y + 1, 3 + i * width, width - 3, state == STAGE_TO_COME ? UI_ROLE_DIM : UI_ROLE_TEXT, time_and_pass);
    }
  return y + 2;
}

/* -- knobs --------------------------------------------------------------------------- */

static const char *const knob_words[UI_N_KNOBS] = { "downtime", "bandwidth", "throttle", "deadline" };

static const char *
knob_state_text (const UiPanels *panels, UiKnob knob, guint *style)
{
  const UiKnobView *view = &panels->run->knobs[knob];

  *style = UI_ROLE_DIM;
  switch (view->state)
    {
    case UI_KNOB_IDLE:
      return "";
    case UI_KNOB_SENDING:
      *style = UI_ROLE_WARN;
      return "sending…";
    case UI_KNOB_SENT:
      *style = UI_ROLE_WARN;
      return "sent";
    case UI_KNOB_ACCEPTED:
      *style = UI_ROLE_INFO;
      return "accepted";
    case UI_KNOB_IN_FORCE:
      *style = UI_ROLE_OK;
      return "in force";
    case UI_KNOB_REFUSED:
      *style = UI_ROLE_FAIL;
      return "refused";
    }
  return "";
}

static char *
knob_text (const UiPanels *panels, UiKnob knob)
{
  const UiKnobView *view = &panels->run->knobs[knob];
  gboolean bits = panels->paint->look->bits;
  g_autofree char *value = ui_tune_value_text (knob, ui_run_knob_value (panels->run, knob), bits);
  g_autofree char *before = NULL;
  gboolean pending = view->state == UI_KNOB_SENDING || view->state == UI_KNOB_SENT || view->state == UI_KNOB_ACCEPTED;

  if (!pending || view->before == QMIG_UNSET || view->before == view->value)
    return g_steal_pointer (&value);
  before = ui_tune_value_text (knob, view->before, bits);
  return g_strdup_printf ("%s → %s", before, value);
}

static void
draw_knob (const UiPanels *panels, int y, int x, int width, UiKnob knob)
{
  UiGrid *grid = panels->paint->grid;
  g_autofree char *value = knob_text (panels, knob);
  gboolean selected = panels->knob == (int) knob;
  guint style;
  const char *state = knob_state_text (panels, knob, &style);
  int end;

  if (selected)
    ui_grid_put_glyph (grid, y, x, UI_ROLE_STRONG, 0x25b8);
  end = ui_grid_put_field (grid, y, x + 1, 10, UI_ROLE_TEXT, knob_words[knob]);
  end = ui_grid_put (grid, y, end, UI_ROLE_STRONG, value);
  end = ui_grid_put_field (grid, y, end + 1, MAX (x + width - end - 1, 0), style, state);
  ui_grid_add_hit (grid, y, x, width, UI_HIT_FIELD, (int) knob);
  if (!selected)
    return;
  ui_grid_mark (grid, y, x, width - 1, UI_SELECTED);
  ui_grid_set_cursor (grid, y, x);
}

/* Neither are knobs, but they decide the same. */
static void
draw_gate (const UiPanels *panels, int y)
{
  const QmigMigrationInfo *info = panels->run->info;
  UiGrid *grid = panels->paint->grid;
  const char *gate = info == NULL || !info->hold_wanted ? "open" : info->holding ? "holding: w lets it go" : "will hold";
  gboolean may = info != NULL && info->policy != NULL && info->policy->allow_postcopy;
  int x = ui_grid_put (grid, y, 2, UI_ROLE_TEXT, "gate      ");

  ui_grid_put (grid, y, x, info != NULL && info->holding ? UI_ROLE_WARN : UI_ROLE_STRONG, gate);
  x = ui_grid_put (grid, y, panels->paint->cols / 2 + 2, UI_ROLE_TEXT, "policy    ");
  x = ui_grid_put (grid, y, x, UI_ROLE_STRONG, info != NULL && info->policy != NULL && info->policy->name != NULL ? info->policy->name : "–");
  if (info != NULL && info->policy != NULL)
    ui_grid_put (grid, y, x + 2, UI_ROLE_DIM, info->postcopy ? "in post-copy: no way back" : may ? "may go post-copy" : "no post-copy");
}

int
ui_panel_knobs (const UiPanels *panels, int y, gboolean rule)
{
  int half = panels->paint->cols / 2;

  if (rule)
    ui_paint_rule (panels->paint, y++, "KNOBS", panels->live && !panels->paint->look->read_only ? "Enter edit · sent at once · U takes back" : NULL);
  draw_knob (panels, y, 1, half - 1, UI_KNOB_DOWNTIME);
  draw_knob (panels, y, half + 1, panels->paint->cols - half - 2, UI_KNOB_BANDWIDTH);
  if (panels->paint->size == UI_SIZE_SINGLE)
    return y + 1;
  draw_knob (panels, y + 1, 1, half - 1, UI_KNOB_THROTTLE);
  draw_knob (panels, y + 1, half + 1, panels->paint->cols - half - 2, UI_KNOB_DEADLINE);
  if (panels->paint->size < UI_SIZE_FULL)
    return y + 2;
  draw_gate (panels, y + 2);
  return y + 3;
}

/* -- log -------------------------------------------------------------------------------- */

int
ui_panel_log (const UiPanels *panels, int y, int height)
{
  UiPaint *paint = panels->paint;
  int line = y + height;

  if (height < 1)
    return y;
  ui_paint_rule (paint, y, "LOG", "3 all");
  for (guint i = panels->run->n_shown; i > 0 && line > y + 1; i--)
    {
      const UiEvent *event = ui_run_get_event (panels->run, i - 1);
      g_autofree char *time = NULL;
      int x;

      if (event->type == UI_EVENT_SAMPLE || event->type == UI_EVENT_QMP || (event->type == UI_EVENT_CHECK && event->role == UI_ROLE_OK))
        continue;
      time = ui_text_time (event->time_us);
      line--;
      x = ui_grid_printf (paint->grid, line, 1, UI_ROLE_DIM, "%s ", time);
      ui_grid_put_field (paint->grid, line, x, paint->cols - x - 1, event->role, event->text);
    }
  return y + height;
}
