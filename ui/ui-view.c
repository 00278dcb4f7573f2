/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-view.h"

#include "ui-text.h"

#include <string.h>

#define EDIT_MAX 512

UiSize
ui_size_of (int rows, int cols)
{
  if (rows >= 30 && cols >= 100)
    return UI_SIZE_FULL;
  if (rows >= 24 && cols >= 80)
    return UI_SIZE_COMPACT;
  return rows >= 16 && cols >= 60 ? UI_SIZE_SINGLE : UI_SIZE_TOO_SMALL;
}

void
ui_view_free (UiView *view)
{
  view->klass->free (view);
}

/* -- lists ---------------------------------------------------------------------- */

void
ui_list_fit (UiList *list, int n, int height)
{
  list->selected = CLAMP (list->selected, 0, MAX (n - 1, 0));
  if (list->selected < list->top)
    list->top = list->selected;
  if (list->selected >= list->top + height)
    list->top = list->selected - height + 1;
  list->top = CLAMP (list->top, 0, MAX (n - height, 0));
}

gboolean
ui_list_act (UiList *list, UiAction action, int n, int page)
{
  int to = list->selected;

  if (action == UI_ACTION_UP)
    to--;
  else if (action == UI_ACTION_DOWN)
    to++;
  else if (action == UI_ACTION_PAGE_UP)
    to -= page;
  else if (action == UI_ACTION_PAGE_DOWN)
    to += page;
  else if (action == UI_ACTION_FIRST)
    to = 0;
  else if (action == UI_ACTION_LAST)
    to = n - 1;
  else
    return FALSE;
  list->selected = CLAMP (to, 0, MAX (n - 1, 0));
  return TRUE;
}

/* -- a line that is typed into ----------------------------------------------------- */

void
ui_edit_init (UiEdit *edit, const char *text)
{
  edit->text = g_string_new (text);
  edit->cursor = edit->text->len;
}

void
ui_edit_clear (UiEdit *edit)
{
  g_string_free (edit->text, TRUE);
  edit->text = NULL;
}

void
ui_edit_set (UiEdit *edit, const char *text)
{
  g_string_assign (edit->text, text != NULL ? text : "");
  edit->cursor = edit->text->len;
}

static gsize
char_before (const UiEdit *edit)
{
  const char *p = g_utf8_find_prev_char (edit->text->str, edit->text->str + edit->cursor);

  return p != NULL ? (gsize) (p - edit->text->str) : 0;
}

static gsize
char_after (const UiEdit *edit)
{
  const char *p = edit->text->str + edit->cursor;

  return *p != '\0' ? (gsize) (g_utf8_next_char (p) - edit->text->str) : edit->cursor;
}

static void
erase (UiEdit *edit, gsize from, gsize to)
{
  g_string_erase (edit->text, (gssize) from, (gssize) (to - from));
  edit->cursor = from;
}

gboolean
ui_edit_type (UiEdit *edit, int key)
{
  char utf8[8];
  int n;

  switch (key)
    {
    case UI_KEY_LEFT:
      edit->cursor = char_before (edit);
      return TRUE;
    case UI_KEY_RIGHT:
      edit->cursor = char_after (edit);
      return TRUE;
    case UI_KEY_HOME:
    case 'A' - '@':
      edit->cursor = 0;
      return TRUE;
    case UI_KEY_END:
    case 'E' - '@':
      edit->cursor = edit->text->len;
      return TRUE;
    case UI_KEY_BACKSPACE:
      erase (edit, char_before (edit), edit->cursor);
      return TRUE;
    case UI_KEY_DELETE:
      erase (edit, edit->cursor, char_after (edit));
      return TRUE;
    case 'U' - '@':
      erase (edit, 0, edit->cursor);
      return TRUE;
    default:
      break;
    }
  if (key < 0x20 || key >= UI_KEY_BASE || ui_char_is_unsafe ((gunichar) key))
    return FALSE;
  n = g_unichar_to_utf8 ((gunichar) key, utf8);
  if (edit->text->len < EDIT_MAX)
    {
      g_string_insert_len (edit->text, (gssize) edit->cursor, utf8, n);
      edit->cursor += (gsize) n;
    }
  return TRUE;
}

void
ui_edit_draw (const UiEdit *edit, UiGrid *grid, int y, int x, int width, gboolean focus)
{
  g_autofree char *before = g_strndup (edit->text->str, edit->cursor);
  const char *from = edit->text->str;
  int at = ui_text_width (before);

  /* The end that is typed at stays in sight. */
  while (at >= width && *from != '\0')
    {
      at -= ui_char_width (g_utf8_get_char (from));
      from = g_utf8_next_char (from);
    }
  ui_grid_put_field (grid, y, x, width, UI_ROLE_FIELD | (focus ? UI_SELECTED : 0), from);
  if (focus)
    ui_grid_set_cursor (grid, y, x + at);
}

/* -- tables -------------------------------------------------------------------------- */

static int
needed_width (const UiColumn *columns, int n, const int *widths)
{
  int needed = -1;

  for (int i = 0; i < n; i++)
    needed += widths[i] > 0 ? widths[i] + 1 : 0;
  return MAX (needed, 0);
}

static int
least_needed (const UiColumn *columns, int n, const int *widths)
{
  int found = -1;

  for (int i = 0; i < n; i++)
    if (widths[i] > 0 && columns[i].rank > 0 && (found < 0 || columns[i].rank > columns[found].rank))
      found = i;
  return found;
}

void
ui_table_fit (const UiColumn *columns, int n, int total, int *widths)
{
  int grow = 0;
  int spare;

  for (int i = 0; i < n; i++)
    widths[i] = columns[i].width;
  while (needed_width (columns, n, widths) > total && least_needed (columns, n, widths) >= 0)
    widths[least_needed (columns, n, widths)] = 0;

  for (int i = 0; i < n; i++)
    grow += widths[i] > 0 ? columns[i].grow : 0;
  spare = MAX (total - needed_width (columns, n, widths), 0);
  for (int i = 0; i < n && grow > 0; i++)
    if (widths[i] > 0)
      widths[i] += spare * columns[i].grow / grow;
}

static int
column_x (const int *widths, int column)
{
  int x = 1;

  for (int i = 0; i < column; i++)
    x += widths[i] > 0 ? widths[i] + 1 : 0;
  return x;
}

void
ui_table_put (UiPaint *paint, int y, const UiColumn *columns, const int *widths, int column, guint style, const char *text)
{
  int x = column_x (widths, column);

  if (widths[column] == 0)
    return;
  if (columns[column].right)
    ui_grid_put_right (paint->grid, y, x, widths[column], style, text);
  else
    ui_grid_put_field (paint->grid, y, x, widths[column], style, text);
}

void
ui_table_head (UiPaint *paint, int y, const UiColumn *columns, int n, const int *widths, int sorted, gboolean reverse)
{
  for (int i = 0; i < n; i++)
    {
      g_autofree char *title = g_strconcat (columns[i].title, i == sorted ? (reverse ? "↑" : "↓") : NULL, NULL);

      ui_table_put (paint, y, columns, widths, i, UI_ROLE_HEAD, title);
    }
}

void
ui_table_mark (UiPaint *paint, int y, int row, gboolean selected, gboolean marked)
{
  if (marked)
    ui_grid_put_glyph (paint->grid, y, 0, UI_ROLE_STRONG, '*');
  else if (selected)
    ui_grid_put_glyph (paint->grid, y, 0, UI_ROLE_STRONG, 0x25b8);
  ui_grid_add_hit (paint->grid, y, 0, paint->cols, UI_HIT_ROW, row);
  if (!selected)
    return;
  ui_grid_mark (paint->grid, y, 0, paint->cols, UI_SELECTED);
  ui_grid_set_cursor (paint->grid, y, 0);
}

/* -- what screens have in common -------------------------------------------------------- */

int
ui_paint_body_height (const UiPaint *paint)
{
  return paint->rows - 2;
}

static void
count_hosts (const UiModel *model, guint *unreachable)
{
  *unreachable = 0;
  for (guint i = 0; i < model->hosts->len; i++)
    {
      UiLinkState link = ui_host_link (model, g_ptr_array_index (model->hosts, i));

      *unreachable += link == UI_LINK_RETRY || link == UI_LINK_REFUSED || link == UI_LINK_SILENT;
    }
}

void
ui_paint_title (UiPaint *paint, const char *left, const char *right)
{
  g_autofree char *clock = ui_text_time (paint->model->now_us);
  g_autoptr(GString) end = g_string_new (right);
  guint unreachable;
  int x;

  count_hosts (paint->model, &unreachable);
  if (right == NULL)
    {
      g_string_printf (end, "%u %s", paint->model->hosts->len, paint->model->hosts->len == 1 ? "host" : "hosts");
      if (unreachable > 0)
        g_string_append_printf (end, ", %u unreachable", unreachable);
    }
  if (paint->look->read_only)
    g_string_prepend (end, "READ-ONLY  ");
  if (paint->model->frozen)
    g_string_prepend (end, "FROZEN  ");
  g_string_append_printf (end, "  %s ", clock);

  x = paint->cols - ui_text_width (end->str);
  ui_grid_printf (paint->grid, 0, 0, UI_ROLE_TITLE, " qmig · %s", left);
  ui_grid_put (paint->grid, 0, MAX (x - 2, 0), UI_ROLE_TITLE, "  ");
  ui_grid_put (paint->grid, 0, MAX (x, 0), paint->model->frozen ? UI_ROLE_WARN : UI_ROLE_TITLE, end->str);
}

void
ui_paint_rule (UiPaint *paint, int y, const char *name, const char *hint)
{
  int x;

  ui_grid_fill (paint->grid, y, 0, 1, paint->cols, UI_ROLE_RULE, 0x2500);
  x = ui_grid_put (paint->grid, y, 2, UI_ROLE_RULE, " ");
  x = ui_grid_put (paint->grid, y, x, UI_ROLE_STRONG, name);
  x = ui_grid_put (paint->grid, y, x, UI_ROLE_RULE, " ");
  if (hint != NULL && *hint != '\0' && paint->cols - ui_text_width (hint) - 3 > x)
    ui_grid_printf (paint->grid, y, paint->cols - ui_text_width (hint) - 3, UI_ROLE_RULE, " %s ", hint);
}

typedef struct
{
  const UiActionInfo *info;
  char *key;
  int width;
  gboolean needed;
} FooterItem;

static void
footer_item_clear (gpointer data)
{
  g_free (((FooterItem *) data)->key);
}

static GArray *
footer_items (UiPaint *paint, guint screen, int *total)
{
  GArray *items = g_array_new (FALSE, FALSE, sizeof (FooterItem));
  gsize n;
  const UiActionInfo *all = ui_actions_get_all (&n);

  g_array_set_clear_func (items, footer_item_clear);
  *total = 0;
  for (gsize i = 0; i < n; i++)
    {
      FooterItem item = { &all[i], NULL, 0, FALSE };

      if (all[i].label == NULL || !ui_actions_offers (&all[i], screen, paint->look->read_only))
        continue;
      item.key = ui_actions_first_key (&all[i]);
      item.width = ui_text_width (item.key) + 1 + ui_text_width (all[i].label) + 2;
      item.needed = all[i].action == UI_ACTION_HELP || all[i].action == UI_ACTION_CLOSE || all[i].action == UI_ACTION_BACK;
      *total += item.width;
      g_array_append_val (items, item);
    }
  return items;
}

void
ui_paint_footer (UiPaint *paint, guint screen, const char *note)
{
  int y = paint->rows - 1;
  int room = paint->cols - 1 - (note != NULL ? ui_text_width (note) + 2 : 0);
  int total;
  g_autoptr(GArray) items = footer_items (paint, screen, &total);
  int x = 1;

  for (guint i = items->len; i > 0 && total > room + 2; i--)
    {
      const FooterItem *item = &g_array_index (items, FooterItem, i - 1);

      if (item->needed)
        continue;
      total -= item->width;
      g_array_remove_index (items, i - 1);
    }
  ui_grid_fill (paint->grid, y, 0, 1, paint->cols, UI_ROLE_TEXT, ' ');
  for (guint i = 0; i < items->len; i++)
    {
      const FooterItem *item = &g_array_index (items, FooterItem, i);

      ui_grid_add_hit (paint->grid, y, x, item->width - 1, UI_HIT_ACTION, item->info->action);
      x = ui_grid_put (paint->grid, y, x, UI_ROLE_KEY, item->key);
      x = ui_grid_put (paint->grid, y, x + 1, UI_ROLE_TEXT, item->info->label) + 2;
    }
  if (note != NULL)
    ui_grid_put_right (paint->grid, y, MIN (x, paint->cols - 1), paint->cols - 1 - MIN (x, paint->cols - 1), UI_ROLE_DIM, note);
}

static void
draw_frame (UiPaint *paint, int top, int left, int height, int width)
{
  UiGrid *grid = paint->grid;
  int bottom = top + height - 1;
  int right = left + width - 1;

  ui_grid_fill (grid, top, left, height, width, UI_ROLE_TEXT, ' ');
  ui_grid_fill (grid, top, left, 1, width, UI_ROLE_RULE, 0x2500);
  ui_grid_fill (grid, bottom, left, 1, width, UI_ROLE_RULE, 0x2500);
  ui_grid_fill (grid, top, left, height, 1, UI_ROLE_RULE, 0x2502);
  ui_grid_fill (grid, top, right, height, 1, UI_ROLE_RULE, 0x2502);
  ui_grid_put_glyph (grid, top, left, UI_ROLE_RULE, 0x250c);
  ui_grid_put_glyph (grid, top, right, UI_ROLE_RULE, 0x2510);
  ui_grid_put_glyph (grid, bottom, left, UI_ROLE_RULE, 0x2514);
  ui_grid_put_glyph (grid, bottom, right, UI_ROLE_RULE, 0x2518);
}

void
ui_paint_box (UiPaint *paint, int height, int width, const char *heading, int *y, int *x)
{
  int top;
  int left;

  height = MIN (height, paint->rows);
  width = MIN (width, paint->cols);
  top = (paint->rows - height) / 2;
  left = (paint->cols - width) / 2;
  draw_frame (paint, top, left, height, width);
  ui_grid_printf (paint->grid, top, left + 3, UI_ROLE_STRONG, " %s ", heading);
  *y = top + 1;
  *x = left + 2;
}

int
ui_paint_button (UiPaint *paint, int y, int x, int stop, const char *text, gboolean on, gboolean focus)
{
  int end = ui_grid_put (paint->grid, y, x, (on ? UI_ROLE_STRONG : UI_ROLE_DIM) | (focus ? UI_SELECTED : 0), text);

  ui_grid_add_hit (paint->grid, y, x, end - x, UI_HIT_FIELD, stop);
  if (focus)
    ui_grid_set_cursor (paint->grid, y, x + 2);
  return end + 3;
}

void
ui_paint_too_small (UiPaint *paint)
{
  ui_grid_put_field (paint->grid, 0, 0, paint->cols, UI_ROLE_STRONG, "qmig needs 60x16");
  ui_grid_printf (paint->grid, 1, 0, UI_ROLE_TEXT, "this is %dx%d", paint->cols, paint->rows);
  ui_grid_put_field (paint->grid, 2, 0, paint->cols, UI_ROLE_DIM, "q leaves");
}

/* Above the footer, and above what of @top has to be seen to be pressed. */
static void
draw_notice (UiPaint *paint, const UiView *top)
{
  const UiModel *model = paint->model;
  int y = paint->rows - 2 - top->klass->kept_lines;

  if (model->notice == NULL || model->mono_us > model->notice_mono_us || paint->size == UI_SIZE_TOO_SMALL)
    return;
  ui_grid_fill (paint->grid, y, 0, 1, paint->cols, UI_ROLE_TEXT, ' ');
  ui_grid_put_field (paint->grid, y, 1, paint->cols - 2, model->notice_role, model->notice);
}

void
ui_screen_draw (UiGrid *grid, const UiModel *model, const UiLook *look, GPtrArray *stack)
{
  int rows = ui_grid_get_rows (grid);
  int cols = ui_grid_get_cols (grid);
  UiPaint paint = { grid, model, look, rows, cols, ui_size_of (rows, cols) };
  guint base = stack->len;

  if (paint.size == UI_SIZE_TOO_SMALL || base == 0)
    {
      ui_paint_too_small (&paint);
      return;
    }
  do
    base--;
  while (base > 0 && ((UiView *) g_ptr_array_index (stack, base))->klass->overlay);
  for (guint i = base; i < stack->len; i++)
    {
      UiView *view = g_ptr_array_index (stack, i);

      view->klass->draw (view, &paint);
    }
  draw_notice (&paint, g_ptr_array_index (stack, stack->len - 1));
}
