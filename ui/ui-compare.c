/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two runs side by side: curves over each other from their starts, and a table of what differs. */

#include "ui-text.h"
#include "ui-view.h"

#include <string.h>

#define SCREEN UI_SCREEN_COMPARE
#define GAP_US (3 * G_USEC_PER_SEC)
#define AXIS 7

typedef struct
{
  UiView parent;
  char *host[2];
  char *id[2];
  UiList list;
} Compare;

typedef struct
{
  char *name;
  char *value[2];
} Line;

static void
line_clear (gpointer data)
{
  Line *line = data;

  g_free (line->name);
  g_free (line->value[0]);
  g_free (line->value[1]);
}

/* -- the table -------------------------------------------------------------------- */

/* Takes both values. */
static void
add (GArray *lines, const char *name, char *a, char *b)
{
  Line line = { g_strdup (name), { a, b } };

  g_array_append_val (lines, line);
}

static char *
ms_text (gint64 ms)
{
  return ui_text_ms (ms == QMIG_UNSET ? NAN : (double) ms);
}

static char *
way_text (const UiRun *run)
{
  return run->info != NULL ? g_strdup_printf ("%s → %s", run->info->source, run->info->destination) : g_strdup ("–");
}

static char *
most_text (const UiRun *run, gboolean dirty)
{
  gint64 most = QMIG_UNSET;

  for (guint i = 0; i < run->samples->len; i++)
    {
      const QmigSample *sample = g_array_index (run->samples, UiSampleAt, i).sample;

      most = MAX (most, dirty ? sample->dirty_bytes_per_s : sample->send_bytes_per_s);
    }
  return ui_text_rate (most, FALSE);
}

static void
add_results (GArray *lines, const QmigResult *a, const QmigResult *b)
{
  const double ms_a[QMIG_N_STAGES] = { a->pre_migration_ms, a->reservation_ms, a->pre_copy_ms, a->stop_and_copy_ms, a->commitment_ms, a->activation_ms };
  const double ms_b[QMIG_N_STAGES] = { b->pre_migration_ms, b->reservation_ms, b->pre_copy_ms, b->stop_and_copy_ms, b->commitment_ms, b->activation_ms };

  add (lines, "result", g_strdup (qmig_outcome_names[a->outcome]), g_strdup (qmig_outcome_names[b->outcome]));
  add (lines, "total", ms_text (a->total_ms), ms_text (b->total_ms));
  add (lines, "blackout", ui_text_ms (a->blackout_ms), ui_text_ms (b->blackout_ms));
  add (lines, "downtime by QEMU", ms_text (a->downtime_ms), ms_text (b->downtime_ms));
  add (lines, "passes", ui_text_count (a->passes), ui_text_count (b->passes));
  add (lines, "sent", ui_text_bytes (a->transferred_bytes), ui_text_bytes (b->transferred_bytes));
  for (int i = 0; i < QMIG_N_STAGES; i++)
    {
      g_autofree char *name = g_strdup_printf ("stage %d, %s", i, qmig_stage_names[i]);

      add (lines, name, ui_text_ms (ms_a[i]), ui_text_ms (ms_b[i]));
    }
}

static GArray *
make_lines (UiRun *const runs[2])
{
  GArray *lines = g_array_new (FALSE, FALSE, sizeof (Line));

  g_array_set_clear_func (lines, line_clear);
  add (lines, "vm", g_strdup (runs[0]->info != NULL ? runs[0]->info->vm : "–"), g_strdup (runs[1]->info != NULL ? runs[1]->info->vm : "–"));
  add (lines, "way", way_text (runs[0]), way_text (runs[1]));
  if (runs[0]->result != NULL && runs[1]->result != NULL)
    add_results (lines, runs[0]->result, runs[1]->result);
  add (lines, "most sent", most_text (runs[0], FALSE), most_text (runs[1], FALSE));
  add (lines, "most dirtied", most_text (runs[0], TRUE), most_text (runs[1], TRUE));
  for (int i = 0; i < UI_N_KNOBS; i++)
    add (lines, ui_knob_option ((UiKnob) i), ui_tune_value_text ((UiKnob) i, ui_run_knob_value (runs[0], (UiKnob) i), FALSE),
         ui_tune_value_text ((UiKnob) i, ui_run_knob_value (runs[1], (UiKnob) i), FALSE));
  return lines;
}

static int
draw_table (Compare *self, UiPaint *paint, int y, int height, GArray *lines)
{
  int column = (paint->cols - 24) / 2;

  ui_list_fit (&self->list, (int) lines->len, height);
  for (int i = 0; i < height && self->list.top + i < (int) lines->len; i++)
    {
      int index = self->list.top + i;
      const Line *line = &g_array_index (lines, Line, index);
      gboolean differs = strcmp (line->value[0], line->value[1]) != 0;

      ui_grid_put_field (paint->grid, y + i, 2, 20, UI_ROLE_DIM, line->name);
      ui_grid_put_field (paint->grid, y + i, 23, column - 1, differs ? UI_ROLE_STRONG : UI_ROLE_TEXT, line->value[0]);
      ui_grid_put_field (paint->grid, y + i, 23 + column, column - 1, differs ? UI_ROLE_STRONG : UI_ROLE_TEXT, line->value[1]);
      if (index == self->list.selected)
        ui_grid_put_glyph (paint->grid, y + i, 0, UI_ROLE_STRONG, 0x25b8);
    }
  return y + height;
}

/* -- the curves ------------------------------------------------------------------------ */

static GArray *
points_of (const UiRun *run, double *top, gint64 *span_us)
{
  GArray *points = g_array_new (FALSE, FALSE, sizeof (UiPoint));

  for (guint i = 0; i < run->samples->len; i++)
    {
      const UiSampleAt *at = &g_array_index (run->samples, UiSampleAt, i);
      gint64 left = at->sample->remaining_bytes;
      UiPoint point = { at->time_us - run->start_us, left != QMIG_UNSET ? (double) left : NAN };

      g_array_append_val (points, point);
      *top = MAX (*top, left != QMIG_UNSET ? (double) left : 0);
    }
  *span_us = MAX (*span_us, run->shown_us - run->start_us);
  return points;
}

/* Without colour one curve a plot: beside each other then. */
static void
draw_curves (UiPaint *paint, int y, int height, UiRun *const runs[2])
{
  gboolean mono = paint->look->theme == UI_THEME_MONO;
  double top = 1;
  gint64 span_us = G_USEC_PER_SEC;
  g_autoptr(GArray) a = points_of (runs[0], &top, &span_us);
  g_autoptr(GArray) b = points_of (runs[1], &top, &span_us);
  UiSeries series[] = { { (const UiPoint *) (gpointer) a->data, a->len, UI_ROLE_SERIES_A, mono },
                        { (const UiPoint *) (gpointer) b->data, b->len, UI_ROLE_SERIES_B, mono } };
  UiScale scale = { 0, span_us, GAP_US, ui_chart_round_up (top) };
  g_autofree char *high = ui_text_bytes ((gint64) scale.top);
  g_autofree char *end = ui_text_ms ((double) span_us / 1000);
  g_autofree char *hint = g_strdup_printf ("top %s · window %s from each start", high, end);
  int width = paint->cols - AXIS - 2;

  ui_paint_rule (paint, y, "REMAINING", hint);
  for (int i = 0; i < height; i++)
    ui_grid_put_glyph (paint->grid, y + 1 + i, AXIS, UI_ROLE_DIM, 0x2502);
  if (!mono)
    {
      ui_chart_draw (paint->grid, y + 1, AXIS + 1, height, width, paint->look->graph, &scale, series, 2);
      return;
    }
  ui_chart_draw (paint->grid, y + 1, AXIS + 1, height, width / 2 - 1, paint->look->graph, &scale, &series[0], 1);
  ui_chart_draw (paint->grid, y + 1, AXIS + 1 + width / 2 + 1, height, width / 2 - 1, paint->look->graph, &scale, &series[1], 1);
}

static void
draw (UiView *view, UiPaint *paint)
{
  Compare *self = (Compare *) view;
  UiRun *runs[2] = { ui_model_find_run (paint->model, self->id[0]), ui_model_find_run (paint->model, self->id[1]) };
  int height = paint->size == UI_SIZE_SINGLE ? 4 : paint->rows / 3;
  int column = (paint->cols - 24) / 2;
  g_autoptr(GArray) lines = NULL;
  int y = 1;

  ui_paint_title (paint, "comparison", NULL);
  if (runs[0] == NULL || runs[1] == NULL || runs[0]->events->len == 0 || runs[1]->events->len == 0)
    {
      ui_grid_put (paint->grid, 2, 2, UI_ROLE_DIM, "waiting for the events of both …");
      ui_paint_footer (paint, SCREEN, NULL);
      return;
    }
  lines = make_lines (runs);
  draw_curves (paint, y, height, runs);
  y += height + 1;
  ui_paint_rule (paint, y++, "WHAT DIFFERS", NULL);
  ui_grid_put_field (paint->grid, y, 23, column - 1, UI_ROLE_SERIES_A, self->id[0]);
  ui_grid_put_field (paint->grid, y++, 23 + column, column - 1, UI_ROLE_SERIES_B, self->id[1]);
  draw_table (self, paint, y, paint->rows - 1 - y, lines);
  ui_paint_footer (paint, SCREEN, NULL);
}

/* -- keys ---------------------------------------------------------------------------------- */

static void
export_both (Compare *self, UiContext *context)
{
  UiRun *runs[2] = { ui_model_find_run (context->model, self->id[0]), ui_model_find_run (context->model, self->id[1]) };
  g_autoptr(GPtrArray) infos = g_ptr_array_new ();
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  for (int i = 0; i < 2; i++)
    if (runs[i] != NULL && runs[i]->info != NULL)
      g_ptr_array_add (infos, runs[i]->info);
  json_node_take_object (node, api_list_to_object (&qmig_migration_info_type, infos));
  context->export (context, "comparison", node);
}

static gboolean
act (UiView *view, UiAction action, UiContext *context)
{
  Compare *self = (Compare *) view;
  g_autofree char *both = g_strdup_printf ("%s %s", self->id[0], self->id[1]);

  if (ui_list_act (&self->list, action, G_MAXINT, 10))
    return TRUE;
  if (action == UI_ACTION_COPY)
    context->copy (context, both);
  else if (action == UI_ACTION_EXPORT)
    export_both (self, context);
  else
    return FALSE;
  return TRUE;
}

static gint64
tick (UiView *view, UiContext *context)
{
  Compare *self = (Compare *) view;

  for (int i = 0; i < 2; i++)
    {
      UiRun *run = context->follow (context, self->host[i], self->id[i]);

      if (run != NULL)
        ui_run_show (run, run->events->len);
    }
  return 0;
}

static void
compare_free (UiView *view)
{
  Compare *self = (Compare *) view;

  for (int i = 0; i < 2; i++)
    {
      g_free (self->host[i]);
      g_free (self->id[i]);
    }
  g_free (self);
}

static const UiViewClass klass = { .name = "comparison", .screen = SCREEN, .draw = draw, .act = act, .tick = tick, .free = compare_free };

UiView *
ui_compare_new (const char *host_a, const char *id_a, const char *host_b, const char *id_b)
{
  Compare *self = g_new0 (Compare, 1);

  self->parent.klass = &klass;
  self->host[0] = g_strdup (host_a);
  self->id[0] = g_strdup (id_a);
  self->host[1] = g_strdup (host_b);
  self->id[1] = g_strdup (id_b);
  return &self->parent;
}
