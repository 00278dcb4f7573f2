/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* VMs over all hosts. */

#include "client.h"
#include "ui-filter.h"
#include "ui-text.h"
#include "ui-view.h"

#include <string.h>

#define HOSTS_MAX 6
#define SCREEN UI_SCREEN_VMS

enum
{
  COLUMN_NAME,
  COLUMN_HOST,
  COLUMN_STATE,
  COLUMN_VCPUS,
  COLUMN_RAM,
  COLUMN_ACCEL,
  COLUMN_MOVE,
  N_COLUMNS,
};

static const UiColumn columns[N_COLUMNS] = {
  { "NAME", 14, 2, 0, FALSE },   { "HOST", 10, 1, 0, FALSE }, { "STATE", 12, 0, 0, FALSE }, { "VCPU", 4, 0, 3, TRUE },
  { "RAM", 9, 0, 1, TRUE },      { "ACCEL", 5, 0, 2, FALSE }, { "MIGRATION", 14, 4, 0, FALSE },
};

static const int sortable[] = { COLUMN_NAME, COLUMN_HOST, COLUMN_STATE, COLUMN_RAM };

typedef struct
{
  const UiHost *host;
  const QmigVm *vm;
} Row;

typedef struct
{
  UiView parent;
  UiFilter filter;
  UiList list;
  GArray *rows;      /* Row, of the model as it was at … */
  guint revision;
  guint serial;
  gboolean built;
  guint sort;        /* index into sortable */
  gboolean reverse;
  char *selected_id; /* the selection follows the VM */
  guint n_all;
  GHashTable *marked; /* as selected_id */
} Vms;

/* -- rows ------------------------------------------------------------------------- */

static const char *
column_text (const Row *row, int column)
{
  if (column == COLUMN_HOST)
    return row->host->name;
  if (column == COLUMN_STATE)
    return row->vm->run_state;
  return row->vm->name;
}

static int
compare (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const Vms *self = user_data;
  const Row *one = a;
  const Row *other = b;
  int order;

  if (sortable[self->sort] == COLUMN_RAM)
    order = one->vm->memory_bytes < other->vm->memory_bytes ? -1 : one->vm->memory_bytes > other->vm->memory_bytes;
  else
    order = g_strcmp0 (column_text (one, sortable[self->sort]), column_text (other, sortable[self->sort]));
  if (order == 0)
    order = g_strcmp0 (one->vm->name, other->vm->name);
  if (order == 0)
    order = g_strcmp0 (one->host->name, other->host->name);
  return self->reverse ? -order : order;
}

static gboolean
is_wanted (const Vms *self, const Row *row)
{
  g_autofree char *text = NULL;

  if (!ui_filter_is_on (&self->filter))
    return TRUE;
  text = g_strjoin (" ", row->host->name, row->vm->name != NULL ? row->vm->name : "", row->vm->run_state != NULL ? row->vm->run_state : "",
                    row->vm->problem != NULL ? row->vm->problem : "", NULL);
  return ui_filter_matches (&self->filter, text);
}

static gboolean
is_same (const Row *row, const char *id)
{
  return id != NULL && g_str_has_prefix (id, row->host->name) && strcmp (id + strlen (row->host->name), row->vm->id != NULL ? row->vm->id : "") == 0;
}

static char *
row_id (const Row *row)
{
  return g_strconcat (row->host->name, row->vm->id, NULL);
}

static gboolean
is_marked (const Vms *self, const Row *row)
{
  g_autofree char *id = row_id (row);

  return g_hash_table_contains (self->marked, id);
}

static void
remember_selected (Vms *self)
{
  const Row *row;

  if ((guint) self->list.selected >= self->rows->len)
    return;
  row = &g_array_index (self->rows, Row, self->list.selected);
  g_free (self->selected_id);
  self->selected_id = row_id (row);
}

static void
select_again (Vms *self)
{
  for (guint i = 0; i < self->rows->len; i++)
    if (is_same (&g_array_index (self->rows, Row, i), self->selected_id))
      {
        self->list.selected = (int) i;
        return;
      }
}

static void
build (Vms *self, const UiModel *model)
{
  if (self->built && self->revision == model->revision && self->serial == self->filter.serial)
    return;
  g_array_set_size (self->rows, 0);
  self->n_all = 0;
  for (guint i = 0; i < model->hosts->len; i++)
    {
      const UiHost *host = g_ptr_array_index (model->hosts, i);

      for (guint j = 0; host->vms != NULL && j < host->vms->len; j++)
        {
          Row row = { host, g_ptr_array_index (host->vms, j) };

          self->n_all++;
          if (is_wanted (self, &row))
            g_array_append_val (self->rows, row);
        }
    }
  g_array_sort_with_data (self->rows, compare, self);
  select_again (self);
  self->built = TRUE;
  self->revision = model->revision;
  self->serial = self->filter.serial;
}

static const Row *
selected_row (Vms *self, const UiModel *model)
{
  build (self, model);
  return (guint) self->list.selected < self->rows->len ? &g_array_index (self->rows, Row, self->list.selected) : NULL;
}

/* -- drawing ------------------------------------------------------------------------ */

static const UiColumn host_columns[] = {
  { "HOST", 12, 1, 0, FALSE },   { "LINK", 16, 1, 0, FALSE },       { "VMS", 5, 0, 0, TRUE },
  { "MEM FREE", 10, 0, 1, TRUE }, { "MIGRATIONS", 12, 1, 2, FALSE }, { "HEARD", 8, 0, 0, FALSE },
};

static char *
host_moves (const UiHost *host)
{
  GString *text = g_string_new (NULL);

  if (host->active != NULL && host->active->len > 0)
    g_string_append_printf (text, "%u out", host->active->len);
  if (host->info != NULL && host->info->incoming > 0)
    g_string_append_printf (text, "%s%d in", text->len > 0 ? ", " : "", (int) host->info->incoming);
  return g_string_free (text, FALSE);
}

static void
draw_host (UiPaint *paint, int y, const UiHost *host, const int *widths)
{
  static const UiRole roles[] = { UI_ROLE_DIM, UI_ROLE_OK, UI_ROLE_WARN, UI_ROLE_FAIL, UI_ROLE_FAIL, UI_ROLE_FAIL };
  gboolean stale = ui_host_is_stale (paint->model, host);
  guint style = stale ? UI_ROLE_DIM : UI_ROLE_TEXT;
  g_autofree char *link = ui_host_link_text (paint->model, host);
  g_autofree char *signed_link = g_strconcat (stale ? "○ " : "● ", link, NULL);
  g_autofree char *vms = host->vms != NULL ? g_strdup_printf ("%u%s", host->vms->len, stale ? "?" : "") : g_strdup ("–");
  g_autofree char *memory = ui_text_bytes (host->info != NULL ? host->info->memory_available_bytes : QMIG_UNSET);
  g_autofree char *moves = host_moves (host);
  g_autofree char *heard = host->heard_mono_us > 0 ? ui_text_age (paint->model->mono_us - host->heard_mono_us) : g_strdup ("never");

  ui_table_put (paint, y, host_columns, widths, 0, ui_host_has_label (host, "prod") ? UI_ROLE_PROD : style, host->name);
  ui_table_put (paint, y, host_columns, widths, 1, roles[ui_host_link (paint->model, host)], signed_link);
  ui_table_put (paint, y, host_columns, widths, 2, style, vms);
  ui_table_put (paint, y, host_columns, widths, 3, style, memory);
  ui_table_put (paint, y, host_columns, widths, 4, style, moves);
  ui_table_put (paint, y, host_columns, widths, 5, style, heard);
}

/* Those that need a look first. */
static int
draw_hosts (UiPaint *paint, int y, int most)
{
  int widths[G_N_ELEMENTS (host_columns)];
  const UiModel *model = paint->model;
  g_autofree char *hint = NULL;
  int shown = 0;

  hint = g_strdup_printf ("%u · 5 all", model->hosts->len);
  ui_paint_rule (paint, y++, "HOSTS", hint);
  ui_table_fit (host_columns, G_N_ELEMENTS (host_columns), paint->cols - 2, widths);
  ui_table_head (paint, y++, host_columns, G_N_ELEMENTS (host_columns), widths, -1, FALSE);
  for (int round = 0; round < 2; round++)
    for (guint i = 0; i < model->hosts->len && shown < most; i++)
      {
        const UiHost *host = g_ptr_array_index (model->hosts, i);
        gboolean first = host->own || ui_host_link (model, host) != UI_LINK_LIVE;

        if (first != (round == 0) && model->hosts->len > (guint) most)
          continue;
        if (model->hosts->len <= (guint) most && round > 0)
          continue;
        draw_host (paint, y++, host, widths);
        shown++;
      }
  return y;
}

static char *
move_text (const UiModel *model, const QmigVm *vm)
{
  const UiHost *host = NULL;
  const QmigMigrationInfo *info = vm->migration != NULL ? ui_model_find_active (model, vm->migration, &host) : NULL;
  g_autofree char *left = NULL;
  g_autofree char *eta = NULL;

  if (vm->migration == NULL)
    return g_strdup (vm->problem != NULL ? vm->problem : "–");
  if (info == NULL)
    return g_strdup (vm->migration);
  if (info->sample == NULL || info->stage != QMIG_STAGE_PRE_COPY)
    return g_strdup_printf ("→ %s %s", ui_model_destination_name (model, info), qmig_stage_names[info->stage]);
  left = ui_text_bytes (info->sample->remaining_bytes);
  if (info->sample->forecast != NULL && info->sample->forecast->eta_ms != QMIG_UNSET)
    eta = ui_text_ms ((double) info->sample->forecast->eta_ms);
  return g_strdup_printf ("→ %s pass %d %s%s%s", ui_model_destination_name (model, info), (int) MAX (info->sample->pass, 0), left, eta != NULL ? " ETA " : "",
                          eta != NULL ? eta : "");
}

static const char *
state_sign (const QmigVm *vm)
{
  if (vm->run_state == NULL)
    return vm->migration != NULL ? "▶ " : "? ";
  return strcmp (vm->run_state, "running") == 0 ? "▶ " : "○ ";
}

static void
draw_row (Vms *self, UiPaint *paint, int y, int index, const int *widths)
{
  const Row *row = &g_array_index (self->rows, Row, index);
  const QmigVm *vm = row->vm;
  gboolean stale = ui_host_is_stale (paint->model, row->host);
  guint style = stale ? UI_ROLE_DIM : UI_ROLE_TEXT;
  /* Its monitor belongs to the migration. */
  const char *unasked = vm->migration != NULL ? "moving" : "unknown";
  g_autofree char *state = g_strconcat (stale ? "? " : state_sign (vm), vm->run_state != NULL ? vm->run_state : unasked, NULL);
  g_autofree char *vcpus = ui_text_count (vm->vcpus);
  g_autofree char *ram = ui_text_bytes (vm->memory_bytes);
  g_autofree char *move = move_text (paint->model, vm);
  gboolean runs = vm->run_state != NULL && strcmp (vm->run_state, "running") == 0;

  ui_table_put (paint, y, columns, widths, COLUMN_NAME, stale ? UI_ROLE_DIM : UI_ROLE_STRONG, vm->name != NULL ? vm->name : "(no name)");
  ui_table_put (paint, y, columns, widths, COLUMN_HOST, ui_host_has_label (row->host, "prod") ? UI_ROLE_PROD : style, row->host->name);
  ui_table_put (paint, y, columns, widths, COLUMN_STATE, stale ? UI_ROLE_DIM : runs ? UI_ROLE_OK : UI_ROLE_WARN, state);
  ui_table_put (paint, y, columns, widths, COLUMN_VCPUS, style, vcpus);
  ui_table_put (paint, y, columns, widths, COLUMN_RAM, style, ram);
  ui_table_put (paint, y, columns, widths, COLUMN_ACCEL, style, vm->accelerator != NULL ? vm->accelerator : "–");
  ui_table_put (paint, y, columns, widths, COLUMN_MOVE,
                stale ? UI_ROLE_DIM : vm->migration != NULL ? UI_ROLE_INFO : vm->problem != NULL ? UI_ROLE_WARN : UI_ROLE_TEXT, move);
  ui_table_mark (paint, y, index, index == self->list.selected, is_marked (self, row));
}

/* For who opens this the first time. */
static void
draw_empty (Vms *self, UiPaint *paint, int y)
{
  static const char *const lines[] = {
    "No VM was found yet.",
    "",
    "Any QEMU with a QMP monitor on a unix socket appears here by itself:",
    "  qemu-system-x86_64 … -name web01 -qmp unix:/run/user/1000/web01.qmp,server=on,wait=off",
    "or name one:   qmig vm add web01 --qmp SOCKET",
    "or try it out: qmig demo --keep",
  };

  if (self->n_all > 0)
    {
      ui_grid_put (paint->grid, y, 2, UI_ROLE_DIM, "no VM matches the filter (Esc drops it)");
      return;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (lines) && y + (int) i < paint->rows - 1; i++)
    ui_grid_put_field (paint->grid, y + (int) i, 2, paint->cols - 3, i == 0 ? UI_ROLE_STRONG : UI_ROLE_DIM, lines[i]);
}

static void
draw_events (UiPaint *paint, int y, int n)
{
  GPtrArray *log = paint->model->log;
  int line = y + 1;

  ui_paint_rule (paint, y, "LAST EVENTS", "3 all");
  for (guint i = log->len; i > 0 && line < y + 1 + n; i--)
    {
      const UiEvent *event = g_ptr_array_index (log, i - 1);
      g_autofree char *time = NULL;
      int x;

      if (event->type == UI_EVENT_SAMPLE || event->type == UI_EVENT_QMP)
        continue;
      time = ui_text_time (event->time_us);
      x = ui_grid_printf (paint->grid, line, 1, UI_ROLE_DIM, "%s ", time);
      x = ui_grid_put_field (paint->grid, line, x, 10, UI_ROLE_TEXT, event->host);
      ui_grid_put_field (paint->grid, line++, x + 1, paint->cols - x - 2, event->role, event->text);
    }
}

static void
draw_table (Vms *self, UiPaint *paint, int y, int height)
{
  int widths[N_COLUMNS];
  g_autofree char *filter = ui_filter_hint (&self->filter);
  g_autofree char *sorted = g_ascii_strdown (columns[sortable[self->sort]].title, -1);
  guint n_marked = g_hash_table_size (self->marked);
  g_autofree char *marks = n_marked > 0 ? g_strdup_printf (" · %u marked", n_marked) : g_strdup ("");
  g_autofree char *hint = g_strdup_printf ("%u of %u%s%s · sort: %s", self->rows->len, self->n_all, filter, marks, sorted);

  ui_paint_rule (paint, y, "VMS", hint);
  ui_table_fit (columns, N_COLUMNS, paint->cols - 2, widths);
  ui_table_head (paint, y + 1, columns, N_COLUMNS, widths, sortable[self->sort], self->reverse);
  ui_list_fit (&self->list, (int) self->rows->len, height - 2);
  for (int i = 0; i < height - 2 && self->list.top + i < (int) self->rows->len; i++)
    draw_row (self, paint, y + 2 + i, self->list.top + i, widths);
  if (self->rows->len == 0)
    draw_empty (self, paint, y + 2);
}

static void
draw (UiView *view, UiPaint *paint)
{
  Vms *self = (Vms *) view;
  int events = paint->size == UI_SIZE_FULL ? 3 : paint->size == UI_SIZE_COMPACT ? 2 : 0;
  int below = events > 0 ? events + 1 : 0;
  int y = 1;

  build (self, paint->model);
  ui_paint_title (paint, "VMs", NULL);
  if (paint->size >= UI_SIZE_COMPACT)
    y = draw_hosts (paint, y, paint->size == UI_SIZE_FULL ? HOSTS_MAX : 3);
  draw_table (self, paint, y, paint->rows - 1 - y - below);
  if (below > 0)
    draw_events (paint, paint->rows - 1 - below, events);
  ui_filter_draw_footer (&self->filter, paint, SCREEN, paint->size == UI_SIZE_SINGLE ? "hosts: 5, events: 3" : NULL);
}

/* -- keys ------------------------------------------------------------------------------ */

static void
open_row (const Row *row, UiContext *context)
{
  const UiHost *host = NULL;

  if (row->vm->migration == NULL)
    {
      context->push (context, ui_form_new (row->host, row->vm, context->look->read_only));
      return;
    }
  ui_model_find_active (context->model, row->vm->migration, &host);
  context->push (context, ui_migration_new (host != NULL ? host->name : row->host->name, row->vm->migration));
}

typedef struct
{
  char *host;
  char *vm;
} StopRequest;

static void
stop_request_free (gpointer data)
{
  StopRequest *stop = data;

  g_free (stop->host);
  g_free (stop->vm);
  g_free (stop);
}

static void
stop_confirmed (UiContext *context, gpointer user_data)
{
  StopRequest *stop = user_data;
  g_autofree char *path = qmig_client_path ("/v1/vms/%s/actions/stop?force=1", stop->vm);

  context->request (context, stop->host, "POST", path, NULL, NULL, NULL, NULL, NULL);
}

static void
ask_to_stop (const Row *row, UiContext *context)
{
  StopRequest *stop = g_new0 (StopRequest, 1);
  const char *name = row->vm->name != NULL ? row->vm->name : row->vm->id;
  g_autofree char *text = g_strdup_printf ("QEMU of %s on %s (pid %d) is killed. What its guest has not written to its disks is lost.", name,
                                           row->host->name, (int) row->vm->pid);

  stop->host = g_strdup (row->host->name);
  stop->vm = g_strdup (row->vm->id);
  context->push (context, ui_confirm_new ("Stop a VM by force", text, name, "Kill it", stop_confirmed, stop, stop_request_free));
}

static gboolean
act_on_row (const Row *row, UiAction action, UiContext *context)
{
  if (row == NULL)
    return FALSE;
  if (action == UI_ACTION_OPEN)
    open_row (row, context);
  else if (action == UI_ACTION_MIGRATE || action == UI_ACTION_CHECK)
    context->push (context, ui_form_new (row->host, row->vm, action == UI_ACTION_CHECK));
  else if (action == UI_ACTION_STOP_VM)
    ask_to_stop (row, context);
  else if (action == UI_ACTION_COPY)
    context->copy (context, row->vm->name != NULL ? row->vm->name : row->vm->id);
  else
    return FALSE;
  return TRUE;
}

static void
toggle_mark (Vms *self, const Row *row)
{
  char *id = row_id (row);

  if (g_hash_table_remove (self->marked, id))
    g_free (id);
  else
    g_hash_table_add (self->marked, id);
  self->list.selected = MIN (self->list.selected + 1, (int) self->rows->len - 1);
  remember_selected (self);
}

/* Those that a filter hides are marked as well; of those that are gone or move already nothing is left to do. */
static void
open_marked (Vms *self, UiContext *context)
{
  UiView *batch = ui_batch_new (context->model);

  for (guint i = 0; i < context->model->hosts->len; i++)
    {
      const UiHost *host = g_ptr_array_index (context->model->hosts, i);

      for (guint j = 0; host->vms != NULL && j < host->vms->len; j++)
        {
          Row row = { host, g_ptr_array_index (host->vms, j) };

          if (is_marked (self, &row) && row.vm->migration == NULL)
            ui_batch_add (batch, host, row.vm);
        }
    }
  context->push (context, batch);
}

static void
export_rows (Vms *self, UiContext *context)
{
  g_autoptr(GPtrArray) vms = g_ptr_array_new ();
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  for (guint i = 0; i < self->rows->len; i++)
    g_ptr_array_add (vms, (gpointer) g_array_index (self->rows, Row, i).vm);
  json_node_take_object (node, api_list_to_object (&qmig_vm_type, vms));
  context->export (context, "vms", node);
}

static gboolean
act (UiView *view, UiAction action, UiContext *context)
{
  Vms *self = (Vms *) view;
  const Row *row = selected_row (self, context->model);

  if (ui_list_act (&self->list, action, (int) self->rows->len, 10))
    {
      remember_selected (self);
      return TRUE;
    }
  if (action == UI_ACTION_MIGRATE && g_hash_table_size (self->marked) > 0)
    {
      open_marked (self, context);
      return TRUE;
    }
  if (act_on_row (row, action, context))
    return TRUE;
  if (action == UI_ACTION_MARK && row != NULL)
    toggle_mark (self, row);
  else if (action == UI_ACTION_BACK && g_hash_table_size (self->marked) > 0)
    g_hash_table_remove_all (self->marked);
  else if (action == UI_ACTION_FILTER)
    ui_filter_start (&self->filter);
  else if (action == UI_ACTION_SORT)
    self->sort = (self->sort + 1) % G_N_ELEMENTS (sortable);
  else if (action == UI_ACTION_REVERSE)
    self->reverse = !self->reverse;
  else if (action == UI_ACTION_EXPORT)
    export_rows (self, context);
  else if (action != UI_ACTION_BACK || !ui_filter_drop (&self->filter))
    return FALSE;
  self->built = FALSE;
  return TRUE;
}

static gboolean
type (UiView *view, int key, UiContext *context)
{
  return ui_filter_type (&((Vms *) view)->filter, key);
}

static gboolean
click (UiView *view, const UiHit *hit, UiContext *context)
{
  Vms *self = (Vms *) view;

  if (hit->kind != UI_HIT_ROW)
    return FALSE;
  if (self->list.selected == hit->value)
    return act (view, UI_ACTION_OPEN, context);
  self->list.selected = hit->value;
  remember_selected (self);
  return TRUE;
}

static void
subject (UiView *view, const UiModel *model, UiSubject *what)
{
  const Row *row = selected_row ((Vms *) view, model);

  if (row == NULL)
    return;
  what->host = row->host->name;
  what->vm = row->vm->name;
  what->migration = row->vm->migration;
}

static void
vms_free (UiView *view)
{
  Vms *self = (Vms *) view;

  ui_filter_clear (&self->filter);
  g_array_unref (self->rows);
  g_hash_table_unref (self->marked);
  g_free (self->selected_id);
  g_free (self);
}

static const UiViewClass klass
    = { .name = "vms", .screen = SCREEN, .draw = draw, .act = act, .type = type, .click = click, .subject = subject, .free = vms_free };

UiView *
ui_vms_new (void)
{
  Vms *self = g_new0 (Vms, 1);

  self->parent.klass = &klass;
  self->rows = g_array_new (FALSE, FALSE, sizeof (Row));
  self->marked = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  ui_filter_init (&self->filter);
  return &self->parent;
}
