/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The curves of one migration. */

#include "ui-panels.h"

#include "ui-text.h"

#include <string.h>

#define AXIS 7
#define GAP_US (3 * G_USEC_PER_SEC)
#define ANNOUNCE_US (6 * G_USEC_PER_SEC)

typedef gint64 (*ValueFunc) (const QmigSample *sample);

static gint64
remaining (const QmigSample *sample)
{
  return sample->remaining_bytes;
}

static gint64
send_rate (const QmigSample *sample)
{
  return sample->send_bytes_per_s;
}

static gint64
dirty_rate (const QmigSample *sample)
{
  return sample->dirty_bytes_per_s;
}

static int
numbers_width (const UiPaint *paint)
{
  return paint->size == UI_SIZE_FULL ? 34 : paint->size == UI_SIZE_COMPACT ? 27 : 20;
}

void
ui_panel_scale (const UiPanels *panels, UiScale *scale, int *x, int *width)
{
  *x = AXIS + 1;
  *width = MAX (panels->paint->cols - AXIS - 1 - numbers_width (panels->paint) - 1, 1);
  *scale = (UiScale){ panels->at_us - panels->window_us, panels->at_us, GAP_US, 1 };
}

static GArray *
points_of (const UiPanels *panels, ValueFunc value)
{
  GArray *points = g_array_new (FALSE, FALSE, sizeof (UiPoint));
  const GArray *samples = panels->run->samples;
  gint64 from_us = panels->at_us - panels->window_us - GAP_US;

  for (guint i = 0; i < samples->len; i++)
    {
      const UiSampleAt *at = &g_array_index (samples, UiSampleAt, i);
      gint64 number = value (at->sample);
      UiPoint point = { at->time_us, number != QMIG_UNSET ? (double) number : NAN };

      if (at->time_us >= from_us)
        g_array_append_val (points, point);
    }
  return points;
}

/* The most there was so far, so that the scale changes seldom; *grown_us: when it last did. */
static double
top_of (const UiPanels *panels, ValueFunc value, double least, gint64 *grown_us)
{
  double top = least > 0 ? least : 1;

  *grown_us = 0;
  for (guint i = 0; i < panels->run->samples->len; i++)
    {
      const UiSampleAt *at = &g_array_index (panels->run->samples, UiSampleAt, i);
      gint64 number = value (at->sample);

      if (number == QMIG_UNSET || (double) number <= top)
        continue;
      top = ui_chart_round_up ((double) number);
      *grown_us = i > 0 ? at->time_us : 0;
    }
  return top;
}

static char *
short_number (double value)
{
  static const char units[] = "BKMGTP";
  gsize i = 0;

  for (; value >= 1000 && units[i + 1] != '\0'; i++)
    value /= 1024;
  return value < 9.95 && i > 0 ? g_strdup_printf ("%.1f%c", value, units[i]) : g_strdup_printf ("%.0f%c", value, units[i]);
}

static void
draw_axis (const UiPanels *panels, int y, int height, double top, gint64 grown_us)
{
  UiGrid *grid = panels->paint->grid;
  gboolean grown = grown_us > 0 && panels->at_us - grown_us < ANNOUNCE_US;
  g_autofree char *high = short_number (top);
  g_autofree char *label = g_strdup_printf ("%s%s", grown ? "↑" : "", high);
  g_autofree char *middle = short_number (top / 2);

  for (int i = 0; i < height; i++)
    ui_grid_put_glyph (grid, y + i, AXIS, UI_ROLE_DIM, 0x2502);
  ui_grid_put_right (grid, y, 0, AXIS - 1, grown ? UI_ROLE_WARN : UI_ROLE_DIM, label);
  if (height >= 5)
    ui_grid_put_right (grid, y + height / 2, 0, AXIS - 1, UI_ROLE_DIM, middle);
  ui_grid_put_right (grid, y + height - 1, 0, AXIS - 1, UI_ROLE_DIM, "0");
}

/* Where a knob was turned, and where passes began. */
static void
draw_marks (const UiPanels *panels, int y, const UiScale *scale, int x, int width)
{
  UiGrid *grid = panels->paint->grid;

  for (guint i = 0; i < panels->run->marks->len; i++)
    {
      const UiMark *mark = &g_array_index (panels->run->marks, UiMark, i);
      int column = ui_chart_column (scale, width, mark->time_us);
      char letter[2] = { mark->letter, '\0' };

      /* The words of the rule stay. */
      if (column < 0 || (ui_grid_get_cell (grid, y, x + column)->style & ~UI_SELECTED) != UI_ROLE_RULE
          || ui_grid_get_cell (grid, y, x + column)->c == ' ')
        continue;
      if (mark->letter == ' ')
        ui_grid_put_glyph (grid, y, x + column, UI_ROLE_INFO, 0x00b7);
      else
        ui_grid_put (grid, y, x + column, UI_ROLE_WARN, letter);
    }
}

static void
draw_cursor (const UiPanels *panels, int y, int height, const UiScale *scale, int x, int width)
{
  int column = panels->cursor_us > 0 ? ui_chart_column (scale, width, panels->cursor_us) : -1;

  for (int i = 0; column >= 0 && i < height; i++)
    ui_grid_mark (panels->paint->grid, y + i, x + column, 1, UI_SELECTED);
}

static void
draw_hits (const UiPanels *panels, int y, int height, int x, int width)
{
  for (int i = 0; i < height; i++)
    for (int column = 0; column < width; column++)
      ui_grid_add_hit (panels->paint->grid, y + i, x + column, 1, UI_HIT_GRAPH, column);
}

/* -- the numbers beside a curve --------------------------------------------------------- */

/* What the time cursor points at, or else the last one. */
static const QmigSample *
sample_to_read (const UiPanels *panels)
{
  const QmigSample *found = panels->run->sample;

  if (panels->cursor_us == 0)
    return found;
  for (guint i = 0; i < panels->run->samples->len; i++)
    {
      const UiSampleAt *at = &g_array_index (panels->run->samples, UiSampleAt, i);

      if (at->time_us > panels->cursor_us)
        break;
      found = at->sample;
    }
  return found;
}

static int
put_number (const UiPanels *panels, int y, guint style, const char *name, const char *text)
{
  UiPaint *paint = panels->paint;
  int x = paint->cols - numbers_width (paint);
  int names = paint->size == UI_SIZE_FULL ? 13 : paint->size == UI_SIZE_COMPACT ? 10 : 6;

  ui_grid_put_field (paint->grid, y, x, names, UI_ROLE_DIM, name);
  ui_grid_put_field (paint->grid, y, x + names, numbers_width (paint) - names - 1, style, text);
  return y + 1;
}

static void
remaining_numbers (const UiPanels *panels, int y, int height)
{
  const QmigSample *sample = sample_to_read (panels);
  g_autofree char *left = sample != NULL ? ui_text_bytes (sample->remaining_bytes) : g_strdup ("–");
  g_autofree char *sent = sample != NULL ? ui_text_bytes (sample->transferred_bytes) : g_strdup ("–");
  g_autofree char *total = sample != NULL ? ui_text_bytes (sample->total_bytes) : g_strdup ("–");
  g_autofree char *pass = sample != NULL ? ui_text_count (sample->pass) : g_strdup ("–");
  g_autofree char *zero = NULL;
  int end = y + height;

  y = put_number (panels, y, UI_ROLE_STRONG, panels->paint->size == UI_SIZE_SINGLE ? "left" : "remaining", left);
  y = put_number (panels, y, UI_ROLE_TEXT, panels->paint->size == UI_SIZE_FULL ? "transferred" : "sent", sent);
  if (y < end)
    y = put_number (panels, y, UI_ROLE_TEXT, "pass", pass);
  if (y < end)
    y = put_number (panels, y, UI_ROLE_TEXT, panels->paint->size == UI_SIZE_FULL ? "total RAM" : "RAM", total);
  if (y >= end || sample == NULL || sample->zero_bytes == QMIG_UNSET || sample->normal_bytes == QMIG_UNSET)
    return;
  zero = g_strdup_printf ("%.0f%% / %.0f%%", 100.0 * (double) sample->zero_bytes / MAX ((double) (sample->zero_bytes + sample->normal_bytes), 1),
                          100.0 * (double) sample->normal_bytes / MAX ((double) (sample->zero_bytes + sample->normal_bytes), 1));
  put_number (panels, y, UI_ROLE_TEXT, panels->paint->size == UI_SIZE_FULL ? "zero/normal" : "zero", zero);
}

static char *
ratio_text (const QmigSample *sample)
{
  if (sample == NULL || sample->send_bytes_per_s == QMIG_UNSET || sample->send_bytes_per_s <= 0 || sample->dirty_bytes_per_s == QMIG_UNSET)
    return g_strdup ("–");
  return g_strdup_printf ("%.2f", (double) sample->dirty_bytes_per_s / (double) sample->send_bytes_per_s);
}

/* What a stop now would take, against what the guest may stand still. */
static char *
need_text (const UiPanels *panels, const QmigSample *sample, guint *style)
{
  gint64 budget_ms = ui_run_knob_value (panels->run, UI_KNOB_DOWNTIME);
  g_autofree char *need = NULL;
  g_autofree char *budget = NULL;

  *style = UI_ROLE_TEXT;
  if (sample == NULL || sample->need_ms == QMIG_UNSET)
    return g_strdup ("–");
  need = ui_text_ms ((double) sample->need_ms);
  if (budget_ms == QMIG_UNSET)
    return g_steal_pointer (&need);
  *style = sample->need_ms <= budget_ms ? UI_ROLE_OK : UI_ROLE_WARN;
  budget = ui_text_ms ((double) budget_ms);
  return g_strdup_printf ("%s of %s", need, budget);
}

static void
rate_numbers (const UiPanels *panels, int y, int height)
{
  const QmigSample *sample = sample_to_read (panels);
  gboolean bits = panels->paint->look->bits;
  g_autofree char *send = ui_text_rate (sample != NULL ? sample->send_bytes_per_s : QMIG_UNSET, bits);
  g_autofree char *dirty = ui_text_rate (sample != NULL ? sample->dirty_bytes_per_s : QMIG_UNSET, bits);
  g_autofree char *ratio = ratio_text (sample);
  g_autofree char *throttle = g_strdup_printf ("%d %%", sample != NULL ? (int) MAX (sample->throttle_percent, 0) : 0);
  gboolean colour = panels->paint->look->theme != UI_THEME_MONO;
  guint style;
  g_autofree char *need = need_text (panels, sample, &style);
  int end = y + height;

  y = put_number (panels, y, colour ? UI_ROLE_SERIES_A : UI_ROLE_TEXT, "send", send);
  y = put_number (panels, y, colour ? UI_ROLE_SERIES_B : UI_ROLE_TEXT, "dirty", dirty);
  if (y < end)
    y = put_number (panels, y, style, "need", need);
  if (y < end && sample != NULL && sample->postcopy_requests > 0)
    {
      g_autofree char *faults = ui_text_count (sample->postcopy_requests);

      y = put_number (panels, y, UI_ROLE_WARN, panels->paint->size == UI_SIZE_FULL ? "page faults" : "faults", faults);
    }
  else if (y < end)
    y = put_number (panels, y, sample != NULL && sample->throttle_percent > 0 ? UI_ROLE_WARN : UI_ROLE_TEXT, "throttle", throttle);
  if (y < end)
    put_number (panels, y, UI_ROLE_TEXT, "dirty/send", ratio);
}

/* -- the panels ------------------------------------------------------------------------- */

static char *
window_hint (const UiPanels *panels)
{
  g_autofree char *window = ui_text_ms ((double) panels->window_us / 1000);
  g_autofree char *time = ui_text_time (panels->cursor_us);

  if (panels->cursor_us > 0)
    return g_strdup_printf ("at %s of %s", time, window);
  return panels->paint->size == UI_SIZE_FULL ? g_strdup_printf ("window %s · g +/- ←/→", window) : g_strdup_printf ("window %s", window);
}

int
ui_panel_remaining (const UiPanels *panels, int y, int height)
{
  g_autofree char *hint = window_hint (panels);
  g_autoptr(GArray) points = points_of (panels, remaining);
  const QmigSample *sample = panels->run->sample;
  UiSeries series = { (const UiPoint *) (gpointer) points->data, points->len, UI_ROLE_SERIES_A, TRUE };
  UiScale scale;
  gint64 grown_us;
  int x;
  int width;

  ui_panel_scale (panels, &scale, &x, &width);
  ui_paint_rule (panels->paint, y, "REMAINING", hint);
  draw_marks (panels, y, &scale, x, width);
  scale.top = top_of (panels, remaining, sample != NULL && sample->total_bytes != QMIG_UNSET ? (double) sample->total_bytes : 0, &grown_us);
  draw_axis (panels, y + 1, height, scale.top, grown_us);
  ui_chart_draw (panels->paint->grid, y + 1, x, height, width, panels->paint->look->graph, &scale, &series, 1);
  draw_cursor (panels, y + 1, height, &scale, x, width);
  draw_hits (panels, y + 1, height, x, width);
  remaining_numbers (panels, y + 1, height);
  return y + 1 + height;
}

int
ui_panel_rates (const UiPanels *panels, int y, int height)
{
  gboolean both = panels->paint->look->theme != UI_THEME_MONO;
  g_autoptr(GArray) sent = points_of (panels, send_rate);
  g_autoptr(GArray) dirty = points_of (panels, dirty_rate);
  UiSeries series[] = { { (const UiPoint *) (gpointer) dirty->data, dirty->len, UI_ROLE_SERIES_B, TRUE },
                        { (const UiPoint *) (gpointer) sent->data, sent->len, UI_ROLE_SERIES_A, FALSE } };
  UiScale scale;
  gint64 grown_us;
  gint64 sent_grown_us;
  double sent_top;
  int x;
  int width;

  ui_panel_scale (panels, &scale, &x, &width);
  ui_paint_rule (panels->paint, y, both ? "SEND vs DIRTY RATE" : "DIRTY RATE", "d b t l: a knob was turned");
  scale.top = top_of (panels, dirty_rate, 0, &grown_us);
  sent_top = top_of (panels, send_rate, 0, &sent_grown_us);
  if (both && sent_top > scale.top)
    {
      scale.top = sent_top;
      grown_us = sent_grown_us;
    }
  draw_axis (panels, y + 1, height, scale.top, grown_us);
  ui_chart_draw (panels->paint->grid, y + 1, x, height, width, panels->paint->look->graph, &scale, series, both ? 2 : 1);
  draw_cursor (panels, y + 1, height, &scale, x, width);
  draw_hits (panels, y + 1, height, x, width);
  rate_numbers (panels, y + 1, height);
  return y + 1 + height;
}
