/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What happened on all hosts, by time. */

#include "ui-filter.h"
#include "ui-text.h"
#include "ui-view.h"

#include <string.h>

#define SCREEN UI_SCREEN_LOG
#define DETAIL_LINES 8

typedef struct
{
  UiView parent;
  UiFilter search;
  UiList list;
  gboolean follow;
  gboolean samples;
  gboolean expanded;  /* the selected line */
  char *host;         /* only of this one (nullable) */
  GPtrArray *rows;    /* UiEvent of the model as it was at … */
  guint revision;
  gboolean built;
} Log;

static gboolean
is_wanted (const Log *self, const UiEvent *event)
{
  if (event->type == UI_EVENT_SAMPLE && !self->samples)
    return FALSE;
  return self->host == NULL || strcmp (event->host, self->host) == 0;
}

static void
build (Log *self, const UiModel *model)
{
  if (self->built && self->revision == model->revision)
    return;
  g_ptr_array_set_size (self->rows, 0);
  for (guint i = 0; i < model->log->len; i++)
    if (is_wanted (self, g_ptr_array_index (model->log, i)))
      g_ptr_array_add (self->rows, g_ptr_array_index (model->log, i));
  self->built = TRUE;
  self->revision = model->revision;
  if (self->follow)
    self->list.selected = MAX ((int) self->rows->len - 1, 0);
}

static const UiEvent *
selected_event (Log *self, const UiModel *model)
{
  build (self, model);
  return (guint) self->list.selected < self->rows->len ? g_ptr_array_index (self->rows, self->list.selected) : NULL;
}

/* -- drawing ----------------------------------------------------------------------- */

static gboolean
is_hit (const Log *self, const UiEvent *event)
{
  g_autofree char *text = g_strjoin (" ", event->host, ui_event_type_names[event->type], event->text, event->migration, NULL);

  return ui_filter_is_on (&self->search) && ui_filter_matches (&self->search, text);
}

static void
draw_row (Log *self, UiPaint *paint, int y, int index)
{
  const UiEvent *event = g_ptr_array_index (self->rows, index);
  g_autofree char *time = ui_text_time (event->time_us);
  gboolean wide = paint->size >= UI_SIZE_COMPACT;
  int x = ui_grid_printf (paint->grid, y, 1, UI_ROLE_DIM, wide ? "%s.%03d " : "%s ", time, (int) (event->time_us / 1000 % 1000));

  x = ui_grid_put_field (paint->grid, y, x, wide ? 10 : 7, UI_ROLE_TEXT, event->host) + 1;
  x = ui_grid_put_field (paint->grid, y, x, 8, UI_ROLE_DIM, ui_event_type_names[event->type]) + 1;
  if (paint->size == UI_SIZE_FULL)
    x = ui_grid_put_field (paint->grid, y, x, 10, UI_ROLE_DIM, event->migration != NULL ? event->migration : "") + 1;
  ui_grid_put_field (paint->grid, y, x, paint->cols - x - 1, is_hit (self, event) ? UI_ROLE_WARN : event->role, event->text);
  ui_table_mark (paint, y, index, index == self->list.selected, FALSE);
}

static void
draw_detail (Log *self, UiPaint *paint, int y, int height, const UiEvent *event)
{
  g_autofree char *whole = g_strconcat (event->text, event->detail != NULL ? "\n" : NULL, event->detail, NULL);
  g_auto(GStrv) lines = ui_text_wrap (whole, paint->cols - 4);

  ui_paint_rule (paint, y, ui_event_type_names[event->type], event->migration);
  for (int i = 0; i < height - 1 && lines[i] != NULL; i++)
    ui_grid_put_field (paint->grid, y + 1 + i, 2, paint->cols - 3, UI_ROLE_TEXT, lines[i]);
}

static char *
hint_text (const Log *self)
{
  gboolean searches = ui_filter_is_on (&self->search);

  return g_strdup_printf ("%s[%c] samples  hosts: %s%s%s", self->follow ? "following  " : "", self->samples ? 'x' : ' ',
                          self->host != NULL ? self->host : "all", searches ? "  search: " : "", searches ? self->search.edit.text->str : "");
}

static void
draw (UiView *view, UiPaint *paint)
{
  Log *self = (Log *) view;
  const UiEvent *event = selected_event (self, paint->model);
  int detail = self->expanded && event != NULL ? MIN (DETAIL_LINES, paint->rows / 2) : 0;
  int height = paint->rows - 3 - detail;
  g_autofree char *hint = hint_text (self);

  ui_paint_title (paint, "log", NULL);
  ui_paint_rule (paint, 1, "EVENTS", hint);
  ui_list_fit (&self->list, (int) self->rows->len, height);
  for (int i = 0; i < height && self->list.top + i < (int) self->rows->len; i++)
    draw_row (self, paint, 2 + i, self->list.top + i);
  if (self->rows->len == 0)
    ui_grid_put_field (paint->grid, 2, 2, paint->cols - 3, UI_ROLE_DIM, "nothing has happened since the console was opened");
  if (detail > 0)
    draw_detail (self, paint, paint->rows - 1 - detail, detail, event);
  ui_filter_draw_footer (&self->search, paint, SCREEN, NULL);
}

/* -- keys ------------------------------------------------------------------------------ */

/* The next line that was searched for, that way round. */
static void
find (Log *self, UiContext *context, int by)
{
  int n = (int) self->rows->len;

  for (int i = 1; i <= n; i++)
    {
      int at = ((self->list.selected + by * i) % n + n) % n;

      if (!is_hit (self, g_ptr_array_index (self->rows, at)))
        continue;
      self->list.selected = at;
      self->follow = FALSE;
      return;
    }
  ui_model_say (context->model, UI_ROLE_DIM, ui_filter_is_on (&self->search) ? "no line has that" : "/ starts a search");
}

/* All, then one host after the other. */
static void
next_host (Log *self, const UiModel *model)
{
  guint next = 0;

  for (guint i = 0; self->host != NULL && i < model->hosts->len; i++)
    if (strcmp (((UiHost *) g_ptr_array_index (model->hosts, i))->name, self->host) == 0)
      next = i + 1;
  g_clear_pointer (&self->host, g_free);
  if (next < model->hosts->len)
    self->host = g_strdup (((UiHost *) g_ptr_array_index (model->hosts, next))->name);
}

static void
export_rows (Log *self, UiContext *context)
{
  JsonArray *lines = json_array_new ();
  JsonNode *node = json_node_new (JSON_NODE_ARRAY);

  for (guint i = 0; i < self->rows->len; i++)
    {
      const UiEvent *event = g_ptr_array_index (self->rows, i);
      JsonObject *line = json_object_new ();
      g_autofree char *time = api_time_format (event->time_us);

      json_object_set_string_member (line, "ts", time);
      json_object_set_string_member (line, "host", event->host);
      json_object_set_string_member (line, "type", ui_event_type_names[event->type]);
      json_object_set_string_member (line, "migration", event->migration);
      json_object_set_string_member (line, "text", event->text);
      json_array_add_object_element (lines, line);
    }
  json_node_take_array (node, lines);
  context->export (context, "log", node);
}

static gboolean
toggle (Log *self, UiAction action, const UiModel *model)
{
  if (action == UI_ACTION_FOLLOW)
    self->follow = !self->follow;
  else if (action == UI_ACTION_SAMPLES)
    self->samples = !self->samples;
  else if (action == UI_ACTION_LEVEL)
    next_host (self, model);
  else
    return FALSE;
  self->built = FALSE;
  return TRUE;
}

static gboolean
act (UiView *view, UiAction action, UiContext *context)
{
  Log *self = (Log *) view;
  const UiEvent *event = selected_event (self, context->model);

  if (ui_list_act (&self->list, action, (int) self->rows->len, 15))
    self->follow = action == UI_ACTION_LAST;
  else if (toggle (self, action, context->model))
    return TRUE;
  else if (action == UI_ACTION_OPEN)
    {
      self->expanded = !self->expanded;
      self->follow = self->follow && !self->expanded;
    }
  else if (action == UI_ACTION_FILTER)
    ui_filter_start (&self->search);
  else if (action == UI_ACTION_FIND_NEXT || action == UI_ACTION_FIND_BACK)
    find (self, context, action == UI_ACTION_FIND_NEXT ? 1 : -1);
  else if (action == UI_ACTION_COPY && event != NULL)
    context->copy (context, event->text);
  else if (action == UI_ACTION_EXPORT)
    export_rows (self, context);
  else
    return action == UI_ACTION_BACK && ui_filter_drop (&self->search);
  return TRUE;
}

static gboolean
type (UiView *view, int key, UiContext *context)
{
  Log *self = (Log *) view;
  gboolean typing = self->search.typing;
  gboolean taken = ui_filter_type (&self->search, key);

  if (typing && !self->search.typing && ui_filter_is_on (&self->search))
    find (self, context, -1);
  return taken;
}

static gboolean
click (UiView *view, const UiHit *hit, UiContext *context)
{
  Log *self = (Log *) view;

  if (hit->kind != UI_HIT_ROW)
    return FALSE;
  if (self->list.selected == hit->value)
    return act (view, UI_ACTION_OPEN, context);
  self->list.selected = hit->value;
  self->follow = FALSE;
  return TRUE;
}

static void
subject (UiView *view, const UiModel *model, UiSubject *what)
{
  const UiEvent *event = selected_event ((Log *) view, model);

  what->host = event != NULL ? event->host : NULL;
  what->migration = event != NULL ? event->migration : NULL;
}

static void
log_free (UiView *view)
{
  Log *self = (Log *) view;

  ui_filter_clear (&self->search);
  g_ptr_array_unref (self->rows);
  g_free (self->host);
  g_free (self);
}

static const UiViewClass klass
    = { .name = "log", .screen = SCREEN, .draw = draw, .act = act, .type = type, .click = click, .subject = subject, .free = log_free };

UiView *
ui_log_new (void)
{
  Log *self = g_new0 (Log, 1);

  self->parent.klass = &klass;
  self->follow = TRUE;
  self->rows = g_ptr_array_new ();
  ui_filter_init (&self->search);
  return &self->parent;
}
