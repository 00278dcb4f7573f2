/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The migrations that run, one line each. */

#include "ui-filter.h"
#include "ui-text.h"
#include "ui-view.h"

#include <string.h>

#define SCREEN UI_SCREEN_RUNS

enum
{
  COLUMN_VM,
  COLUMN_WAY,
  COLUMN_STAGE,
  COLUMN_LEFT,
  COLUMN_SEND,
  COLUMN_DIRTY,
  COLUMN_NEED,
  COLUMN_VERDICT,
  COLUMN_ID,
  N_COLUMNS,
};

static const UiColumn columns[N_COLUMNS] = {
  { "VM", 10, 2, 0, FALSE },    { "WAY", 14, 1, 0, FALSE },   { "STAGE", 12, 0, 0, FALSE }, { "LEFT", 8, 0, 0, TRUE },  { "SEND", 10, 0, 3, TRUE },
  { "DIRTY", 10, 0, 4, TRUE },  { "NEED", 7, 0, 2, TRUE },    { "FORECAST", 10, 2, 1, FALSE }, { "ID", 10, 0, 5, FALSE },
};

typedef struct
{
  const UiHost *host;
  const QmigMigrationInfo *info;
} Row;

typedef struct
{
  UiView parent;
  UiFilter filter;
  UiList list;
} Runs;

static GArray *
make_rows (Runs *self, const UiModel *model)
{
  GArray *rows = g_array_new (FALSE, FALSE, sizeof (Row));

  for (guint i = 0; i < model->hosts->len; i++)
    {
      const UiHost *host = g_ptr_array_index (model->hosts, i);

      for (guint j = 0; host->active != NULL && j < host->active->len; j++)
        {
          Row row = { host, g_ptr_array_index (host->active, j) };
          g_autofree char *text = g_strjoin (" ", row.info->vm, row.info->source, row.info->destination, row.info->id, NULL);

          if (ui_filter_matches (&self->filter, text))
            g_array_append_val (rows, row);
        }
    }
  return rows;
}

static const char *
stage_text (const QmigMigrationInfo *info)
{
  if (info->cancelling)
    return "rolling back";
  return info->holding ? "holding" : qmig_stage_names[info->stage];
}

static char *
verdict_text (const QmigSample *sample)
{
  g_autofree char *eta = NULL;

  if (sample == NULL || sample->forecast == NULL)
    return g_strdup ("–");
  if (sample->forecast->eta_ms == QMIG_UNSET)
    return g_strdup (qmig_verdict_names[sample->forecast->verdict]);
  eta = ui_text_ms ((double) sample->forecast->eta_ms);
  return g_strdup_printf ("%s, %s", qmig_verdict_names[sample->forecast->verdict], eta);
}

static void
draw_row (UiPaint *paint, int y, const Row *row, const int *widths)
{
  const QmigMigrationInfo *info = row->info;
  const UiRun *run = ui_model_find_run (paint->model, info->id);
  const QmigSample *sample = run != NULL && run->sample != NULL ? run->sample : info->sample;
  guint style = ui_host_is_stale (paint->model, row->host) ? UI_ROLE_DIM : UI_ROLE_TEXT;
  gboolean bits = paint->look->bits;
  g_autofree char *way = g_strdup_printf ("%s → %s", info->source, ui_model_destination_name (paint->model, info));
  g_autofree char *pass = g_strdup_printf ("%s%s%.0d", stage_text (info), sample != NULL && info->stage == QMIG_STAGE_PRE_COPY && sample->pass > 0 ? " p" : "",
                                           sample != NULL && info->stage == QMIG_STAGE_PRE_COPY ? (int) MAX (sample->pass, 0) : 0);
  g_autofree char *left = ui_text_bytes (sample != NULL ? sample->remaining_bytes : QMIG_UNSET);
  g_autofree char *send = ui_text_rate (sample != NULL ? sample->send_bytes_per_s : QMIG_UNSET, bits);
  g_autofree char *dirty = ui_text_rate (sample != NULL ? sample->dirty_bytes_per_s : QMIG_UNSET, bits);
  g_autofree char *need = ui_text_ms (sample != NULL && sample->need_ms != QMIG_UNSET ? (double) sample->need_ms : NAN);
  g_autofree char *verdict = verdict_text (sample);

  ui_table_put (paint, y, columns, widths, COLUMN_VM, style == UI_ROLE_DIM ? style : UI_ROLE_STRONG, info->vm != NULL ? info->vm : "?");
  ui_table_put (paint, y, columns, widths, COLUMN_WAY, style, way);
  ui_table_put (paint, y, columns, widths, COLUMN_STAGE, info->cancelling || info->holding ? UI_ROLE_WARN : UI_ROLE_INFO, pass);
  ui_table_put (paint, y, columns, widths, COLUMN_LEFT, style, left);
  ui_table_put (paint, y, columns, widths, COLUMN_SEND, style, send);
  ui_table_put (paint, y, columns, widths, COLUMN_DIRTY, style, dirty);
  ui_table_put (paint, y, columns, widths, COLUMN_NEED, style, need);
  ui_table_put (paint, y, columns, widths, COLUMN_VERDICT, style, verdict);
  ui_table_put (paint, y, columns, widths, COLUMN_ID, UI_ROLE_DIM, info->id);
}

static void
draw (UiView *view, UiPaint *paint)
{
  Runs *self = (Runs *) view;
  g_autoptr(GArray) rows = make_rows (self, paint->model);
  int height = paint->rows - 4;
  int widths[N_COLUMNS];
  g_autofree char *filter = ui_filter_hint (&self->filter);
  g_autofree char *hint = g_strdup_printf ("%u of %u%s", rows->len, ui_model_count_active (paint->model), filter);

  ui_paint_title (paint, "migrations", NULL);
  ui_paint_rule (paint, 1, "RUNNING", hint);
  ui_table_fit (columns, N_COLUMNS, paint->cols - 2, widths);
  ui_table_head (paint, 2, columns, N_COLUMNS, widths, -1, FALSE);
  ui_list_fit (&self->list, (int) rows->len, height);
  for (int i = 0; i < height && self->list.top + i < (int) rows->len; i++)
    {
      int index = self->list.top + i;

      draw_row (paint, 3 + i, &g_array_index (rows, Row, index), widths);
      ui_table_mark (paint, 3 + i, index, index == self->list.selected, FALSE);
    }
  if (rows->len == 0)
    ui_grid_put_field (paint->grid, 3, 2, paint->cols - 3, UI_ROLE_DIM, "none runs now. m on a VM (1) starts one; those of the past are on 4");
  ui_filter_draw_footer (&self->filter, paint, SCREEN, NULL);
}

static gboolean
act_on_row (const Row *row, UiAction action, UiContext *context)
{
  if (action == UI_ACTION_OPEN)
    context->push (context, ui_migration_new (row->host->name, row->info->id));
  else if (action == UI_ACTION_CANCEL)
    ui_migration_ask_cancel (context, row->info, row->host->name);
  else if (action == UI_ACTION_RECOVER)
    ui_migration_ask_recover (context, row->info, row->host->name);
  else if (action == UI_ACTION_COPY)
    context->copy (context, row->info->id);
  else
    return FALSE;
  return TRUE;
}

static void
export_rows (GArray *rows, UiContext *context)
{
  g_autoptr(GPtrArray) infos = g_ptr_array_new ();
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  for (guint i = 0; i < rows->len; i++)
    g_ptr_array_add (infos, (gpointer) g_array_index (rows, Row, i).info);
  json_node_take_object (node, api_list_to_object (&qmig_migration_info_type, infos));
  context->export (context, "migrations", node);
}

static gboolean
act (UiView *view, UiAction action, UiContext *context)
{
  Runs *self = (Runs *) view;
  g_autoptr(GArray) rows = make_rows (self, context->model);

  if (ui_list_act (&self->list, action, (int) rows->len, 10))
    return TRUE;
  if ((guint) self->list.selected < rows->len && act_on_row (&g_array_index (rows, Row, self->list.selected), action, context))
    return TRUE;
  if (action == UI_ACTION_FILTER)
    ui_filter_start (&self->filter);
  else if (action == UI_ACTION_EXPORT)
    export_rows (rows, context);
  else
    return action == UI_ACTION_BACK && ui_filter_drop (&self->filter);
  return TRUE;
}

static gboolean
type (UiView *view, int key, UiContext *context)
{
  return ui_filter_type (&((Runs *) view)->filter, key);
}

static gboolean
click (UiView *view, const UiHit *hit, UiContext *context)
{
  Runs *self = (Runs *) view;

  if (hit->kind != UI_HIT_ROW)
    return FALSE;
  if (self->list.selected == hit->value)
    return act (view, UI_ACTION_OPEN, context);
  self->list.selected = hit->value;
  return TRUE;
}

static void
subject (UiView *view, const UiModel *model, UiSubject *what)
{
  Runs *self = (Runs *) view;
  g_autoptr(GArray) rows = make_rows (self, model);
  const Row *row = (guint) self->list.selected < rows->len ? &g_array_index (rows, Row, self->list.selected) : NULL;

  if (row == NULL)
    return;
  what->host = row->host->name;
  what->vm = row->info->vm;
  what->migration = row->info->id;
}

static void
runs_free (UiView *view)
{
  ui_filter_clear (&((Runs *) view)->filter);
  g_free (view);
}

static const UiViewClass klass
    = { .name = "migrations", .screen = SCREEN, .draw = draw, .act = act, .type = type, .click = click, .subject = subject, .free = runs_free };

UiView *
ui_runs_new (void)
{
  Runs *self = g_new0 (Runs, 1);

  self->parent.klass = &klass;
  ui_filter_init (&self->filter);
  return &self->parent;
}
