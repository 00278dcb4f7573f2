/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The dialog to move several VMs to one host, and what came of each. */

#include "cli-format.h"
#include "ui-text.h"
#include "ui-view.h"

#include <string.h>

#define SCREEN UI_SCREEN_FORM

enum
{
  STOP_DESTINATION,
  STOP_START,
  STOP_CLOSE,
  N_STOPS,
};

typedef struct
{
  char *host;
  char *vm_id;
  char *vm_name;
  gint64 memory_bytes;
  gboolean asked;
  char *migration; /* (nullable) before it is started */
  char *problem;   /* why it is not (nullable) */
} Move;

typedef struct
{
  UiView parent;
  GPtrArray *moves; /* Move */
  char *destination;
  int focus;
  int scroll;
  gboolean started;
} Batch;

static void
move_free (gpointer data)
{
  Move *move = data;

  g_free (move->host);
  g_free (move->vm_id);
  g_free (move->vm_name);
  g_free (move->migration);
  g_free (move->problem);
  g_free (move);
}

static gboolean
is_there (const Batch *self, const Move *move)
{
  return g_strcmp0 (move->host, self->destination) == 0;
}

static guint
count_to_move (const Batch *self)
{
  guint n = 0;

  for (guint i = 0; i < self->moves->len; i++)
    n += !is_there (self, g_ptr_array_index (self->moves, i));
  return n;
}

/* "3 VMs" */
static char *
amount_text (guint n)
{
  return g_strdup_printf ("%u %s", n, n == 1 ? "VM" : "VMs");
}

static char *
command_text (const Batch *self)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < self->moves->len; i++)
    {
      const Move *move = g_ptr_array_index (self->moves, i);
      g_autofree char *vm = g_strdup_printf ("%s/%s", move->host, move->vm_name);
      g_autofree char *quoted = cli_quote_argument (vm);

      if (!is_there (self, move))
        g_string_append_printf (text, "%sqmig migrate %s %s --no-wait", text->len > 0 ? "; " : "", quoted, self->destination);
    }
  return g_string_free (text, FALSE);
}

/* -- drawing ------------------------------------------------------------------ */

static char *
state_text (const Batch *self, const UiModel *model, const Move *move, guint *style)
{
  const UiRun *run = move->migration != NULL ? ui_model_find_run (model, move->migration) : NULL;
  g_autofree char *blackout = NULL;

  *style = UI_ROLE_DIM;
  if (move->problem != NULL)
    {
      *style = UI_ROLE_FAIL;
      return g_strdup (move->problem);
    }
  if (run != NULL && run->result != NULL)
    {
      gboolean good = qmig_outcome_is_success (run->result->outcome);

      *style = good ? UI_ROLE_OK : UI_ROLE_FAIL;
      blackout = ui_text_ms (run->result->blackout_ms);
      return g_strdup_printf ("%s %s%s", qmig_outcome_names[run->result->outcome], good ? "blackout " : "",
                              good ? blackout : run->result->error != NULL ? run->result->error : "");
    }
  if (move->migration != NULL)
    {
      *style = UI_ROLE_INFO;
      return g_strdup_printf ("%s %s", move->migration, run != NULL ? qmig_stage_names[run->stage] : "started");
    }
  return g_strdup (move->asked ? "asked for …" : is_there (self, move) ? "is there already" : "–");
}

static void
draw_moves (Batch *self, UiPaint *paint, int y, int height)
{
  static const UiColumn columns[] = { { "NAME", 12, 1, 0, FALSE }, { "HOST", 10, 1, 0, FALSE }, { "RAM", 9, 0, 1, TRUE }, { "RESULT", 20, 4, 0, FALSE } };
  int widths[G_N_ELEMENTS (columns)];
  int hidden = (int) self->moves->len - height + 1;
  g_autofree char *more = hidden > 0 ? g_strdup_printf ("↑↓ %d more", hidden) : NULL;

  self->scroll = CLAMP (self->scroll, 0, MAX (hidden, 0));
  ui_paint_rule (paint, y++, "VMS", more);
  ui_table_fit (columns, G_N_ELEMENTS (columns), paint->cols - 2, widths);
  ui_table_head (paint, y++, columns, G_N_ELEMENTS (columns), widths, -1, FALSE);
  for (int i = 0; i < height - 1 && self->scroll + i < (int) self->moves->len; i++)
    {
      const Move *move = g_ptr_array_index (self->moves, self->scroll + i);
      g_autofree char *ram = ui_text_bytes (move->memory_bytes);
      guint style;
      g_autofree char *state = state_text (self, paint->model, move, &style);

      ui_table_put (paint, y + i, columns, widths, 0, UI_ROLE_STRONG, move->vm_name);
      ui_table_put (paint, y + i, columns, widths, 1, UI_ROLE_TEXT, move->host);
      ui_table_put (paint, y + i, columns, widths, 2, UI_ROLE_TEXT, ram);
      ui_table_put (paint, y + i, columns, widths, 3, style, state);
    }
}

static gboolean
may_start (const Batch *self)
{
  return !self->started && self->destination != NULL && count_to_move (self) > 0;
}

static void
draw (UiView *view, UiPaint *paint)
{
  Batch *self = (Batch *) view;
  gboolean focus = self->focus == STOP_DESTINATION;
  g_autofree char *all = amount_text (self->moves->len);
  g_autofree char *amount = amount_text (count_to_move (self));
  g_autofree char *left = g_strdup_printf ("move %s", all);
  g_autofree char *command = command_text (self);
  g_autofree char *start = g_strdup_printf (may_start (self) ? "[ Move %s ]" : "( Move %s )", amount);
  int bottom = paint->rows - 1;
  int x;

  ui_paint_title (paint, left, NULL);
  ui_grid_put_field (paint->grid, 1, 1, 17, focus ? UI_ROLE_STRONG : UI_ROLE_TEXT, "Destination host");
  ui_grid_add_hit (paint->grid, 1, 1, 40, UI_HIT_FIELD, STOP_DESTINATION);
  x = ui_grid_put_field (paint->grid, 1, 19, 22, UI_ROLE_FIELD | (focus ? UI_SELECTED : 0), self->destination != NULL ? self->destination : "no host");
  ui_grid_put (paint->grid, 1, x, UI_ROLE_DIM, " ▾");
  if (focus)
    ui_grid_set_cursor (paint->grid, 1, 19);
  draw_moves (self, paint, 2, bottom - 5);
  ui_grid_fill (paint->grid, bottom - 2, 0, 1, paint->cols, UI_ROLE_RULE, 0x2500);
  ui_grid_put (paint->grid, bottom - 2, 2, UI_ROLE_DIM, " $ ");
  ui_grid_put_field (paint->grid, bottom - 2, 5, MIN (ui_text_width (command) + 1, paint->cols - 8), UI_ROLE_TEXT, command);
  x = ui_paint_button (paint, bottom - 1, 2, STOP_START, start, may_start (self), self->focus == STOP_START);
  ui_paint_button (paint, bottom - 1, x, STOP_CLOSE, "[ Close ]", TRUE, self->focus == STOP_CLOSE);
  ui_paint_footer (paint, SCREEN, NULL);
}

/* -- starting ---------------------------------------------------------------------- */

typedef struct
{
  Batch *batch;
  guint index;
} Asked;

static void
started (UiContext *context, JsonObject *answer, const QmigProblem *problem, const GError *error, gpointer user_data)
{
  const Asked *asked = user_data;
  Move *move = g_ptr_array_index (asked->batch->moves, asked->index);
  g_autoptr(QmigMigrationInfo) info = answer != NULL ? qmig_migration_info_from_object (answer, NULL) : NULL;

  if (info == NULL)
    {
      move->problem = g_strdup (error != NULL ? error->message : "the agent's answer cannot be read");
      return;
    }
  move->migration = g_strdup (info->id);
  context->follow (context, move->host, info->id);
}

static void
start_all (UiContext *context, gpointer user_data)
{
  Batch *self = user_data;

  self->started = TRUE;
  for (guint i = 0; i < self->moves->len; i++)
    {
      Move *move = g_ptr_array_index (self->moves, i);
      g_autoptr(QmigMigrateRequest) request = qmig_migrate_request_new ();
      Asked *asked;

      if (is_there (self, move))
        continue;
      asked = g_new0 (Asked, 1);
      asked->batch = self;
      asked->index = i;
      move->asked = TRUE;
      request->vm = g_strdup (move->vm_id);
      request->destination = g_strdup (self->destination);
      request->idempotency_key = g_uuid_string_random ();
      context->request (context, move->host, "POST", "/v1/migrations", qmig_migrate_request_to_object (request), &self->parent, started, asked, g_free);
    }
}

/* "alpha, gamma": each once; *@prod: one of them or the destination is marked so. */
static char *
hosts_text (const Batch *self, const UiModel *model, gboolean *prod)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new ();
  const UiHost *to = ui_model_find_host (model, self->destination);

  *prod = to != NULL && ui_host_has_label (to, "prod");
  for (guint i = 0; i < self->moves->len; i++)
    {
      const Move *move = g_ptr_array_index (self->moves, i);
      const UiHost *host = ui_model_find_host (model, move->host);

      if (is_there (self, move) || g_ptr_array_find_with_equal_func (names, move->host, g_str_equal, NULL))
        continue;
      g_ptr_array_add (names, move->host);
      *prod |= host != NULL && ui_host_has_label (host, "prod");
    }
  g_ptr_array_add (names, NULL);
  return g_strjoinv (", ", (char **) names->pdata);
}

static void
ask_to_start (Batch *self, UiContext *context)
{
  gboolean prod;
  g_autofree char *hosts = hosts_text (self, context->model, &prod);
  g_autofree char *amount = amount_text (count_to_move (self));
  g_autofree char *heading = g_strdup_printf ("Move %s", amount);
  g_autofree char *text = g_strdup_printf ("To %s: %s, from %s, all at once. Each is checked first; one that is refused stays where it is.%s",
                                           self->destination, amount, hosts, prod ? "\nA host of it is marked prod." : "");

  if (may_start (self))
    context->push (context, ui_confirm_new (heading, text, prod ? self->destination : NULL, "Move them", start_all, self, NULL));
}

/* -- keys --------------------------------------------------------------------------- */

static void
choose (Batch *self, const UiModel *model, int by)
{
  int n = (int) model->hosts->len;
  int at = 0;

  for (int i = 0; i < n; i++)
    if (g_strcmp0 (((const UiHost *) g_ptr_array_index (model->hosts, i))->name, self->destination) == 0)
      at = i;
  if (self->started || n == 0)
    return;
  g_free (self->destination);
  self->destination = g_strdup (((const UiHost *) g_ptr_array_index (model->hosts, (at + by + n) % n))->name);
}

static void
activate (Batch *self, UiContext *context)
{
  if (self->focus == STOP_START)
    ask_to_start (self, context);
  else if (self->focus == STOP_CLOSE)
    context->close (context, &self->parent);
  else
    choose (self, context->model, 1);
}

static gboolean
act (UiView *view, UiAction action, UiContext *context)
{
  Batch *self = (Batch *) view;
  gboolean back = action == UI_ACTION_PREV_PANE || action == UI_ACTION_LEFT;
  g_autofree char *command = NULL;

  switch ((int) action)
    {
    case UI_ACTION_LEFT:
    case UI_ACTION_RIGHT:
      if (self->focus == STOP_DESTINATION)
        {
          choose (self, context->model, back ? -1 : 1);
          break;
        }
      G_GNUC_FALLTHROUGH;
    case UI_ACTION_NEXT_PANE:
    case UI_ACTION_PREV_PANE:
      self->focus = (self->focus + (back ? N_STOPS - 1 : 1)) % N_STOPS;
      break;
    case UI_ACTION_UP:
      self->scroll--;
      break;
    case UI_ACTION_DOWN:
      self->scroll++;
      break;
    case UI_ACTION_OPEN:
      activate (self, context);
      break;
    case UI_ACTION_START:
      ask_to_start (self, context);
      break;
    case UI_ACTION_COPY:
      command = command_text (self);
      context->copy (context, command);
      break;
    case UI_ACTION_BACK:
      context->close (context, view);
      break;
    default:
      return FALSE;
    }
  return TRUE;
}

static gboolean
click (UiView *view, const UiHit *hit, UiContext *context)
{
  Batch *self = (Batch *) view;

  if (hit->kind != UI_HIT_FIELD)
    return FALSE;
  self->focus = hit->value;
  activate (self, context);
  return TRUE;
}

/* What they go through is followed by the program; it is shown from there. */
static gint64
tick (UiView *view, UiContext *context)
{
  Batch *self = (Batch *) view;

  for (guint i = 0; i < self->moves->len; i++)
    {
      const Move *move = g_ptr_array_index (self->moves, i);
      UiRun *run = move->migration != NULL ? ui_model_find_run (context->model, move->migration) : NULL;

      if (run != NULL)
        ui_run_show (run, run->events->len);
    }
  return 0;
}

static void
batch_free (UiView *view)
{
  Batch *self = (Batch *) view;

  g_ptr_array_unref (self->moves);
  g_free (self->destination);
  g_free (self);
}

static const UiViewClass klass
    = { .name = "move", .screen = SCREEN, .kept_lines = 3, .draw = draw, .act = act, .click = click, .tick = tick, .free = batch_free };

UiView *
ui_batch_new (const UiModel *model)
{
  Batch *self = g_new0 (Batch, 1);

  self->parent.klass = &klass;
  self->moves = g_ptr_array_new_with_free_func (move_free);
  /* Another host than the one that the console was started on, where there is one. */
  for (guint i = model->hosts->len; i > 0; i--)
    {
      const UiHost *host = g_ptr_array_index (model->hosts, i - 1);

      if (self->destination != NULL && host->own)
        continue;
      g_free (self->destination);
      self->destination = g_strdup (host->name);
    }
  return &self->parent;
}

void
ui_batch_add (UiView *view, const UiHost *host, const QmigVm *vm)
{
  Batch *self = (Batch *) view;
  Move *move = g_new0 (Move, 1);

  move->host = g_strdup (host->name);
  move->vm_id = g_strdup (vm->id);
  move->vm_name = g_strdup (vm->name != NULL ? vm->name : vm->id);
  move->memory_bytes = vm->memory_bytes;
  g_ptr_array_add (self->moves, move);
}
