/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Migrations that have ended, on all hosts. */

#include "client.h"
#include "ui-filter.h"
#include "ui-text.h"
#include "ui-view.h"

#include <string.h>

#define SCREEN UI_SCREEN_HISTORY

enum
{
  COLUMN_ID,
  COLUMN_WHEN,
  COLUMN_VM,
  COLUMN_WAY,
  COLUMN_RESULT,
  COLUMN_TOTAL,
  COLUMN_BLACKOUT,
  COLUMN_PASSES,
  COLUMN_SENT,
  N_COLUMNS,
};

static const UiColumn columns[N_COLUMNS] = {
  { "ID", 10, 0, 5, FALSE },     { "WHEN", 16, 0, 2, FALSE },   { "VM", 8, 2, 0, FALSE },   { "WAY", 14, 2, 0, FALSE }, { "RESULT", 11, 0, 0, FALSE },
  { "TOTAL", 8, 0, 0, TRUE },    { "BLACKOUT", 8, 0, 1, TRUE }, { "PASSES", 6, 0, 3, TRUE }, { "SENT", 8, 0, 4, TRUE },
};

typedef enum
{
  BY_TIME,
  BY_VM,
  BY_TOTAL,
  BY_BLACKOUT,
  N_ORDERS,
} Order;
static const char *const order_names[] = { "time", "vm", "total", "blackout" };

typedef struct
{
  UiView parent;
  UiFilter filter;
  UiList list;
  Order order;
  gboolean reverse;
  GHashTable *marked; /* ids */
} History;

static double
number_of (const UiPast *past, Order order)
{
  const QmigResult *result = past->info->result;

  if (result == NULL)
    return -1;
  if (order == BY_BLACKOUT)
    return isnan (result->blackout_ms) ? -1 : result->blackout_ms;
  return (double) result->total_ms;
}

static int
compare (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const History *self = user_data;
  const UiPast *one = *(const UiPast *const *) a;
  const UiPast *other = *(const UiPast *const *) b;
  int order = 0;

  if (self->order == BY_VM)
    order = g_strcmp0 (one->info->vm, other->info->vm);
  else if (self->order != BY_TIME)
    order = number_of (one, self->order) > number_of (other, self->order) ? -1 : number_of (one, self->order) < number_of (other, self->order);
  if (order == 0)
    order = g_strcmp0 (other->info->started, one->info->started);
  return self->reverse ? -order : order;
}

static const char *
outcome_of (const QmigMigrationInfo *info)
{
  return info->result != NULL ? qmig_outcome_names[info->result->outcome] : "–";
}

static GPtrArray *
make_rows (History *self, const UiModel *model)
{
  GPtrArray *rows = g_ptr_array_new ();

  for (guint i = 0; i < model->past->len; i++)
    {
      UiPast *past = g_ptr_array_index (model->past, i);
      const QmigMigrationInfo *info = past->info;
      g_autofree char *text = g_strdup_printf ("%s %s %s %s %s", info->id, info->vm, info->source, info->destination, outcome_of (info));

      if (ui_filter_matches (&self->filter, text))
        g_ptr_array_add (rows, past);
    }
  g_ptr_array_sort_with_data (rows, compare, self);
  return rows;
}

/* -- drawing ----------------------------------------------------------------------- */

static UiRole
outcome_role (const QmigMigrationInfo *info)
{
  if (info->result == NULL || info->result->outcome == QMIG_OUTCOME_ATTENTION)
    return UI_ROLE_FAIL;
  if (qmig_outcome_is_success (info->result->outcome))
    return info->result->exit_code == QMIG_EXIT_OBJECTIVE ? UI_ROLE_WARN : UI_ROLE_OK;
  return UI_ROLE_WARN;
}

static gint64
started_us (const QmigMigrationInfo *info)
{
  gint64 us = info->started != NULL ? api_time_parse (info->started) : QMIG_UNSET;

  return us != QMIG_UNSET ? us : 0;
}

static void
draw_row (UiPaint *paint, int y, const UiPast *past, const int *widths)
{
  const QmigMigrationInfo *info = past->info;
  const QmigResult *result = info->result;
  g_autofree char *when = ui_text_when (started_us (info), paint->model->now_us);
  g_autofree char *way = g_strdup_printf ("%s → %s", info->source, ui_model_destination_name (paint->model, info));
  g_autofree char *total = ui_text_ms (result != NULL && result->total_ms != QMIG_UNSET ? (double) result->total_ms : NAN);
  g_autofree char *blackout = ui_text_ms (result != NULL ? result->blackout_ms : NAN);
  g_autofree char *passes = ui_text_count (result != NULL ? result->passes : QMIG_UNSET);
  g_autofree char *sent = ui_text_bytes (result != NULL ? result->transferred_bytes : QMIG_UNSET);

  ui_table_put (paint, y, columns, widths, COLUMN_ID, UI_ROLE_DIM, info->id);
  ui_table_put (paint, y, columns, widths, COLUMN_WHEN, UI_ROLE_TEXT, when);
  ui_table_put (paint, y, columns, widths, COLUMN_VM, UI_ROLE_STRONG, info->vm != NULL ? info->vm : "?");
  ui_table_put (paint, y, columns, widths, COLUMN_WAY, UI_ROLE_TEXT, way);
  ui_table_put (paint, y, columns, widths, COLUMN_RESULT, outcome_role (info), outcome_of (info));
  ui_table_put (paint, y, columns, widths, COLUMN_TOTAL, UI_ROLE_TEXT, total);
  ui_table_put (paint, y, columns, widths, COLUMN_BLACKOUT, UI_ROLE_TEXT, blackout);
  ui_table_put (paint, y, columns, widths, COLUMN_PASSES, UI_ROLE_TEXT, passes);
  ui_table_put (paint, y, columns, widths, COLUMN_SENT, UI_ROLE_TEXT, sent);
}

static int
put_line (UiPaint *paint, int y, guint style, const char *text)
{
  g_auto(GStrv) lines = ui_text_wrap (text, paint->cols - 3);

  for (char **line = lines; *line != NULL && y < paint->rows - 1; line++)
    ui_grid_put_field (paint->grid, y++, 2, paint->cols - 3, style, *line);
  return y;
}

static char *
stages_text (const QmigResult *result)
{
  const double ms[QMIG_N_STAGES] = { result->pre_migration_ms, result->reservation_ms, result->pre_copy_ms,
                                     result->stop_and_copy_ms, result->commitment_ms,  result->activation_ms };
  GString *text = g_string_new ("stages");

  for (int i = 0; i < QMIG_N_STAGES; i++)
    {
      g_autofree char *time = ui_text_ms (ms[i]);

      g_string_append_printf (text, "%s %d %s", i > 0 ? "  │ " : "  ", i, time);
    }
  return g_string_free (text, FALSE);
}

static void
draw_detail (UiPaint *paint, int y, const UiPast *past)
{
  const QmigMigrationInfo *info = past->info;
  const QmigResult *result = info->result;
  g_autofree char *stages = result != NULL ? stages_text (result) : NULL;
  g_autofree char *who = g_strdup_printf ("by %s%s%s", info->who != NULL ? info->who : "?", info->reason != NULL ? ", because: " : "",
                                          info->reason != NULL ? info->reason : "");

  ui_paint_rule (paint, y++, info->id, info->vm);
  if (result == NULL)
    {
      put_line (paint, y, UI_ROLE_FAIL, "it has no result: nobody worked on it to its end; R recovers it");
      return;
    }
  y = put_line (paint, y, UI_ROLE_TEXT, stages);
  y = put_line (paint, y, UI_ROLE_DIM, who);
  if (result->error != NULL)
    y = put_line (paint, y, UI_ROLE_WARN, result->error);
  if (result->next != NULL)
    put_line (paint, y, UI_ROLE_STRONG, result->next);
}

static void
draw (UiView *view, UiPaint *paint)
{
  History *self = (History *) view;
  g_autoptr(GPtrArray) rows = make_rows (self, paint->model);
  int detail = paint->size == UI_SIZE_SINGLE ? 0 : 5;
  int height = paint->rows - 4 - detail;
  int widths[N_COLUMNS];
  g_autofree char *filter = ui_filter_hint (&self->filter);
  g_autofree char *hint = g_strdup_printf ("%u runs%s · by %s%s", rows->len, filter, order_names[self->order], self->reverse ? ", reversed" : "");

  ui_paint_title (paint, "history", NULL);
  ui_paint_rule (paint, 1, "ENDED", hint);
  ui_table_fit (columns, N_COLUMNS, paint->cols - 2, widths);
  ui_table_head (paint, 2, columns, N_COLUMNS, widths, -1, FALSE);
  ui_list_fit (&self->list, (int) rows->len, height);
  for (int i = 0; i < height && self->list.top + i < (int) rows->len; i++)
    {
      int index = self->list.top + i;
      const UiPast *past = g_ptr_array_index (rows, index);

      draw_row (paint, 3 + i, past, widths);
      ui_table_mark (paint, 3 + i, index, index == self->list.selected, g_hash_table_contains (self->marked, past->info->id));
    }
  if (rows->len == 0)
    ui_grid_put (paint->grid, 3, 2, UI_ROLE_DIM, "no migration has ended yet");
  else if (detail > 0)
    draw_detail (paint, paint->rows - 1 - detail, g_ptr_array_index (rows, self->list.selected));
  ui_filter_draw_footer (&self->filter, paint, SCREEN, detail == 0 ? "details need 80x24" : NULL);
}

/* -- keys -------------------------------------------------------------------------------- */

static void
toggle_mark (History *self, const UiPast *past)
{
  if (!g_hash_table_remove (self->marked, past->info->id))
    g_hash_table_add (self->marked, g_strdup (past->info->id));
}

static void
compare_marked (History *self, UiContext *context)
{
  GHashTableIter iter;
  gpointer id;
  const UiPast *two[2] = { NULL, NULL };
  int n = 0;

  g_hash_table_iter_init (&iter, self->marked);
  while (n < 2 && g_hash_table_iter_next (&iter, &id, NULL))
    if (ui_model_find_past (context->model, id) != NULL)
      two[n++] = ui_model_find_past (context->model, id);
  if (n < 2 || g_hash_table_size (self->marked) > 2)
    {
      ui_model_say (context->model, UI_ROLE_DIM, "mark two runs with Space first (%u are marked)", g_hash_table_size (self->marked));
      return;
    }
  /* The older one first. */
  if (g_strcmp0 (two[0]->info->started, two[1]->info->started) > 0)
    context->push (context, ui_compare_new (two[1]->host, two[1]->info->id, two[0]->host, two[0]->info->id));
  else
    context->push (context, ui_compare_new (two[0]->host, two[0]->info->id, two[1]->host, two[1]->info->id));
}

static gboolean
act_on_row (History *self, const UiPast *past, UiAction action, UiContext *context)
{
  if (action == UI_ACTION_OPEN)
    context->push (context, ui_replay_new (past->host, past->info->id));
  else if (action == UI_ACTION_MARK)
    toggle_mark (self, past);
  else if (action == UI_ACTION_COPY)
    context->copy (context, past->info->id);
  else if (action == UI_ACTION_RECOVER)
    ui_migration_ask_recover (context, past->info, past->host);
  else
    return FALSE;
  return TRUE;
}

static void
export_rows (GPtrArray *rows, UiContext *context)
{
  g_autoptr(GPtrArray) infos = g_ptr_array_new ();
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  for (guint i = 0; i < rows->len; i++)
    g_ptr_array_add (infos, ((UiPast *) g_ptr_array_index (rows, i))->info);
  json_node_take_object (node, api_list_to_object (&qmig_migration_info_type, infos));
  context->export (context, "history", node);
}

static gboolean
act (UiView *view, UiAction action, UiContext *context)
{
  History *self = (History *) view;
  g_autoptr(GPtrArray) rows = make_rows (self, context->model);

  if (ui_list_act (&self->list, action, (int) rows->len, 10))
    return TRUE;
  if ((guint) self->list.selected < rows->len && act_on_row (self, g_ptr_array_index (rows, self->list.selected), action, context))
    return TRUE;
  if (action == UI_ACTION_COMPARE)
    compare_marked (self, context);
  else if (action == UI_ACTION_SORT)
    self->order = (self->order + 1) % N_ORDERS;
  else if (action == UI_ACTION_REVERSE)
    self->reverse = !self->reverse;
  else if (action == UI_ACTION_EXPORT)
    export_rows (rows, context);
  else if (action == UI_ACTION_FILTER)
    ui_filter_start (&self->filter);
  else
    return action == UI_ACTION_BACK && ui_filter_drop (&self->filter);
  return TRUE;
}

static gboolean
type (UiView *view, int key, UiContext *context)
{
  return ui_filter_type (&((History *) view)->filter, key);
}

static gboolean
click (UiView *view, const UiHit *hit, UiContext *context)
{
  History *self = (History *) view;

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
  History *self = (History *) view;
  g_autoptr(GPtrArray) rows = make_rows (self, model);
  const UiPast *past = (guint) self->list.selected < rows->len ? g_ptr_array_index (rows, self->list.selected) : NULL;

  if (past == NULL)
    return;
  what->host = past->host;
  what->vm = past->info->vm;
  what->migration = past->info->id;
}

static void
history_free (UiView *view)
{
  History *self = (History *) view;

  ui_filter_clear (&self->filter);
  g_hash_table_unref (self->marked);
  g_free (self);
}

static const UiViewClass klass
    = { .name = "history", .screen = SCREEN, .draw = draw, .act = act, .type = type, .click = click, .subject = subject, .free = history_free };

UiView *
ui_history_new (void)
{
  History *self = g_new0 (History, 1);

  self->parent.klass = &klass;
  self->marked = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  ui_filter_init (&self->filter);
  return &self->parent;
}
