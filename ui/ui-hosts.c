/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Hosts: link, what they are, and what a test of the way there says. */

#include "client.h"
#include "ui-filter.h"
#include "ui-text.h"
#include "ui-view.h"

#include <string.h>

#define SCREEN UI_SCREEN_HOSTS

enum
{
  COLUMN_NAME,
  COLUMN_LINK,
  COLUMN_HEARD,
  COLUMN_VERSION,
  COLUMN_KVM,
  COLUMN_FREE,
  COLUMN_VMS,
  COLUMN_ROLE,
  COLUMN_URI,
  N_COLUMNS,
};

static const UiColumn columns[N_COLUMNS] = {
  { "NAME", 12, 1, 0, FALSE }, { "LINK", 14, 0, 0, FALSE }, { "HEARD", 7, 0, 0, FALSE }, { "VERSION", 8, 0, 3, FALSE }, { "KVM", 3, 0, 5, FALSE },
  { "FREE", 9, 0, 1, TRUE },   { "VMS", 4, 0, 2, TRUE },    { "ROLE", 8, 0, 4, FALSE },  { "URI", 12, 3, 0, FALSE },
};

typedef struct
{
  UiView parent;
  UiFilter filter;
  UiList list;
} Hosts;

static GPtrArray *
make_rows (Hosts *self, const UiModel *model)
{
  GPtrArray *rows = g_ptr_array_new ();

  for (guint i = 0; i < model->hosts->len; i++)
    {
      UiHost *host = g_ptr_array_index (model->hosts, i);
      g_autofree char *text = g_strjoin (" ", host->name, host->uri, host->problem, NULL);

      if (ui_filter_matches (&self->filter, text))
        g_ptr_array_add (rows, host);
    }
  return rows;
}

static UiHost *
selected_host (Hosts *self, const UiModel *model)
{
  g_autoptr(GPtrArray) rows = make_rows (self, model);

  return (guint) self->list.selected < rows->len ? g_ptr_array_index (rows, self->list.selected) : NULL;
}

static void
draw_row (UiPaint *paint, int y, const UiHost *host, const int *widths)
{
  static const UiRole roles[] = { UI_ROLE_DIM, UI_ROLE_OK, UI_ROLE_WARN, UI_ROLE_FAIL, UI_ROLE_FAIL, UI_ROLE_FAIL };
  guint style = ui_host_is_stale (paint->model, host) ? UI_ROLE_DIM : UI_ROLE_TEXT;
  const QmigHostInfo *info = host->info;
  g_autofree char *link = ui_host_link_text (paint->model, host);
  g_autofree char *heard = host->heard_mono_us > 0 ? ui_text_age (paint->model->mono_us - host->heard_mono_us) : g_strdup ("never");
  g_autofree char *memory = ui_text_bytes (info != NULL ? info->memory_available_bytes : QMIG_UNSET);
  g_autofree char *vms = ui_text_count (host->vms != NULL ? (gint64) host->vms->len : QMIG_UNSET);

  ui_table_put (paint, y, columns, widths, COLUMN_NAME, ui_host_has_label (host, "prod") ? UI_ROLE_PROD : UI_ROLE_STRONG, host->name);
  ui_table_put (paint, y, columns, widths, COLUMN_LINK, roles[ui_host_link (paint->model, host)], link);
  ui_table_put (paint, y, columns, widths, COLUMN_HEARD, style, heard);
  ui_table_put (paint, y, columns, widths, COLUMN_VERSION, style, info != NULL && info->version != NULL ? info->version : "–");
  ui_table_put (paint, y, columns, widths, COLUMN_KVM, style, info == NULL ? "–" : info->kvm ? "yes" : "no");
  ui_table_put (paint, y, columns, widths, COLUMN_FREE, style, memory);
  ui_table_put (paint, y, columns, widths, COLUMN_VMS, style, vms);
  ui_table_put (paint, y, columns, widths, COLUMN_ROLE, style, info != NULL && info->role != NULL ? info->role : "–");
  ui_table_put (paint, y, columns, widths, COLUMN_URI, UI_ROLE_DIM, host->uri);
}

/* -- the one that is selected --------------------------------------------------------- */

static int
put_fact (UiPaint *paint, int y, const char *name, const char *text, guint style)
{
  if (text == NULL || y >= paint->rows - 1)
    return y;
  ui_grid_put_field (paint->grid, y, 2, 14, UI_ROLE_DIM, name);
  ui_grid_put_field (paint->grid, y, 16, paint->cols - 17, style, text);
  return y + 1;
}

/* By half of the way there and back: good to some milliseconds, which is all that people need. */
static char *
clock_text (const UiModel *model, const UiHost *host)
{
  gint64 here_us = model->now_us - (model->mono_us - host->info_mono_us);
  gint64 ahead_us = host->info->time_us - (here_us - host->rtt_us / 2);
  g_autofree char *offset = NULL;

  if (host->info->time_us == QMIG_UNSET)
    return NULL;
  offset = ui_text_ms ((double) ABS (ahead_us) / 1000);
  if (ABS (ahead_us) < 50 * G_TIME_SPAN_MILLISECOND)
    return g_strdup ("as ours");
  return g_strdup_printf ("%s %s ours", offset, ahead_us > 0 ? "ahead of" : "behind");
}

static char *
ports_text (const QmigHostInfo *info)
{
  if (info->migration_port == QMIG_UNSET || info->migration_port == 0)
    return NULL;
  return g_strdup_printf ("%s%sports %d-%d", info->migration_address != NULL ? info->migration_address : "",
                          info->migration_address != NULL ? ", " : "", (int) info->migration_port, (int) info->migration_port_last);
}

static int
draw_facts (UiPaint *paint, int y, const UiHost *host)
{
  const QmigHostInfo *info = host->info;
  g_autofree char *clock = info != NULL ? clock_text (paint->model, host) : NULL;
  g_autofree char *ports = info != NULL ? ports_text (info) : NULL;
  g_autofree char *labels = host->labels != NULL ? g_strjoinv (", ", host->labels) : NULL;
  g_autofree char *agent = info != NULL ? g_strdup_printf ("pid %d, uid %d, %s", (int) info->pid, (int) info->uid, info->state_dir != NULL ? info->state_dir : "?")
                                        : NULL;

  y = put_fact (paint, y, "problem", host->problem, UI_ROLE_FAIL);
  y = put_fact (paint, y, "labels", labels, ui_host_has_label (host, "prod") ? UI_ROLE_PROD : UI_ROLE_TEXT);
  if (info == NULL)
    return y;
  y = put_fact (paint, y, "machine", info->hostname, UI_ROLE_TEXT);
  y = put_fact (paint, y, "agent", agent, UI_ROLE_TEXT);
  y = put_fact (paint, y, "listens on", info->listen, UI_ROLE_TEXT);
  y = put_fact (paint, y, "clock", clock, UI_ROLE_TEXT);
  y = put_fact (paint, y, "migrations", ports, UI_ROLE_TEXT);
  return put_fact (paint, y, "certificate", info->tls_authority != NULL ? info->tls_name : "none: memory travels unencrypted, or by ssh", UI_ROLE_TEXT);
}

static void
draw_tests (UiPaint *paint, int y, const UiHost *host)
{
  static const UiRole roles[] = { UI_ROLE_OK, UI_ROLE_WARN, UI_ROLE_FAIL };

  if (host->testing)
    ui_grid_put (paint->grid, y, 2, UI_ROLE_DIM, "the way there is being tried …");
  for (guint i = 0; !host->testing && host->tests != NULL && i < host->tests->len && y < paint->rows - 1; i++)
    {
      const QmigCheck *check = g_ptr_array_index (host->tests, i);
      g_autofree char *text = g_strdup_printf ("%s%s%s", check->text != NULL ? check->text : "", check->way_out != NULL ? "; " : "",
                                               check->way_out != NULL ? check->way_out : "");

      ui_grid_put_field (paint->grid, y, 2, 5, roles[check->status], qmig_check_status_names[check->status]);
      ui_grid_put_field (paint->grid, y, 7, 14, UI_ROLE_TEXT, check->id != NULL ? check->id : "");
      ui_grid_put_field (paint->grid, y++, 22, paint->cols - 23, UI_ROLE_TEXT, text);
    }
}

static void
draw (UiView *view, UiPaint *paint)
{
  Hosts *self = (Hosts *) view;
  g_autoptr(GPtrArray) rows = make_rows (self, paint->model);
  int detail = paint->size == UI_SIZE_SINGLE ? 0 : MIN (paint->rows / 2, 14);
  int height = paint->rows - 4 - detail;
  int widths[N_COLUMNS];
  g_autofree char *filter = ui_filter_hint (&self->filter);
  g_autofree char *hint = g_strdup_printf ("%u of %u%s", rows->len, paint->model->hosts->len, filter);
  int y = paint->rows - 1 - detail;

  ui_paint_title (paint, "hosts", NULL);
  ui_paint_rule (paint, 1, "HOSTS", hint);
  ui_table_fit (columns, N_COLUMNS, paint->cols - 2, widths);
  ui_table_head (paint, 2, columns, N_COLUMNS, widths, -1, FALSE);
  ui_list_fit (&self->list, (int) rows->len, height);
  for (int i = 0; i < height && self->list.top + i < (int) rows->len; i++)
    {
      int index = self->list.top + i;

      draw_row (paint, 3 + i, g_ptr_array_index (rows, index), widths);
      ui_table_mark (paint, 3 + i, index, index == self->list.selected, FALSE);
    }
  if (detail > 0 && (guint) self->list.selected < rows->len)
    {
      const UiHost *host = g_ptr_array_index (rows, self->list.selected);

      ui_paint_rule (paint, y, host->name, "t tries the way there");
      y = draw_facts (paint, y + 1, host);
      draw_tests (paint, y, host);
    }
  ui_filter_draw_footer (&self->filter, paint, SCREEN, detail == 0 ? "details need 80x24" : NULL);
}

/* -- keys --------------------------------------------------------------------------------- */

static void
tested (UiContext *context, JsonObject *answer, const QmigProblem *problem, const GError *error, gpointer user_data)
{
  UiHost *host = ui_model_find_host (context->model, user_data);
  g_autoptr(QmigHostEntry) entry = answer != NULL ? qmig_host_entry_from_object (answer, NULL) : NULL;

  if (host == NULL)
    return;
  host->testing = FALSE;
  g_clear_pointer (&host->tests, g_ptr_array_unref);
  if (entry != NULL && entry->checks != NULL)
    host->tests = g_ptr_array_ref (entry->checks);
}

static const char *
own_host (const UiModel *model)
{
  for (guint i = 0; i < model->hosts->len; i++)
    {
      const UiHost *host = g_ptr_array_index (model->hosts, i);

      if (host->own)
        return host->name;
    }
  return NULL;
}

/* Our agent tries it: the way that matters is the one that a VM would go. */
static void
test_host (UiHost *host, UiContext *context)
{
  g_autofree char *path = qmig_client_path ("/v1/hosts/%s/test", host->name);

  if (host->own)
    {
      ui_model_say (context->model, UI_ROLE_DIM, "there is no way to go to one's own host");
      return;
    }
  host->testing = TRUE;
  context->request (context, own_host (context->model), "POST", path, NULL, NULL, tested, g_strdup (host->name), g_free);
}

static void
export_rows (GPtrArray *rows, UiContext *context)
{
  g_autoptr(GPtrArray) infos = g_ptr_array_new ();
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  for (guint i = 0; i < rows->len; i++)
    if (((UiHost *) g_ptr_array_index (rows, i))->info != NULL)
      g_ptr_array_add (infos, ((UiHost *) g_ptr_array_index (rows, i))->info);
  json_node_take_object (node, api_list_to_object (&qmig_host_info_type, infos));
  context->export (context, "hosts", node);
}

static gboolean
act (UiView *view, UiAction action, UiContext *context)
{
  Hosts *self = (Hosts *) view;
  g_autoptr(GPtrArray) rows = make_rows (self, context->model);
  UiHost *host = selected_host (self, context->model);

  if (ui_list_act (&self->list, action, (int) rows->len, 10))
    return TRUE;
  if (action == UI_ACTION_TEST_HOST && host != NULL)
    test_host (host, context);
  else if (action == UI_ACTION_COPY && host != NULL)
    context->copy (context, host->uri);
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
  return ui_filter_type (&((Hosts *) view)->filter, key);
}

static gboolean
click (UiView *view, const UiHit *hit, UiContext *context)
{
  if (hit->kind != UI_HIT_ROW)
    return FALSE;
  ((Hosts *) view)->list.selected = hit->value;
  return TRUE;
}

static void
subject (UiView *view, const UiModel *model, UiSubject *what)
{
  const UiHost *host = selected_host ((Hosts *) view, model);

  what->host = host != NULL ? host->name : NULL;
}

static void
hosts_free (UiView *view)
{
  ui_filter_clear (&((Hosts *) view)->filter);
  g_free (view);
}

static const UiViewClass klass
    = { .name = "hosts", .screen = SCREEN, .draw = draw, .act = act, .type = type, .click = click, .subject = subject, .free = hosts_free };

UiView *
ui_hosts_new (void)
{
  Hosts *self = g_new0 (Hosts, 1);

  self->parent.klass = &klass;
  ui_filter_init (&self->filter);
  return &self->parent;
}
