/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-grid.h"

#include "ui-text.h"

#include <string.h>

struct _UiGrid
{
  int rows;
  int cols;
  UiCharset charset;
  UiCell *cells;
  GArray *hits; /* UiHit */
  gboolean has_cursor;
  int cursor_y;
  int cursor_x;
};

/* The glyphs that screens are drawn with, and what stands for them elsewhere; 0: there as it is. */
static const struct
{
  gunichar c;
  gunichar linux_font;
  char ascii;
} glyphs[] = {
  { 0x2500, 0, '-' },       /* ─ */
  { 0x2502, 0, '|' },       /* │ */
  { 0x250c, 0, '+' },       /* ┌ */
  { 0x2510, 0, '+' },       /* ┐ */
  { 0x2514, 0, '+' },       /* └ */
  { 0x2518, 0, '+' },       /* ┘ */
  { 0x2588, 0, '#' },       /* █ */
  { 0x2584, 0, ':' },       /* ▄ */
  { 0x2591, 0, '.' },       /* ░ */
  { 0x25b8, 0x25ba, '>' },  /* ▸ */
  { 0x25b6, 0x25ba, '>' },  /* ▶ */
  { 0x25cf, 0x2022, '*' },  /* ● */
  { 0x25cb, 'o', 'o' },     /* ○ */
  { 0x25be, 0x25bc, 'v' },  /* ▾ */
  { 0x25bc, 0, 'v' },       /* ▼ */
  { 0x2713, 0x221a, '+' },  /* ✓ */
  { 0x2717, 'x', '!' },     /* ✗ */
  { 0x2022, 0, '*' },       /* • */
  { 0x00b7, 0, '.' },       /* · */
  { 0x2026, '~', '~' },     /* … */
  { 0x2013, '-', '-' },     /* – */
  { 0x2192, 0, '>' },       /* → */
  { 0x2190, 0, '<' },       /* ← */
  { 0x2191, 0, '^' },       /* ↑ */
  { 0x2193, 0, 'v' },       /* ↓ */
  { 0x2265, 0, '>' },       /* ≥ */
};

UiGrid *
ui_grid_new (int rows, int cols, UiCharset charset)
{
  UiGrid *self = g_new0 (UiGrid, 1);

  self->rows = MAX (rows, 1);
  self->cols = MAX (cols, 1);
  self->charset = charset;
  self->cells = g_new0 (UiCell, (gsize) self->rows * self->cols);
  for (gsize i = 0; i < (gsize) self->rows * self->cols; i++)
    self->cells[i] = (UiCell){ ' ', 1, UI_ROLE_TEXT };
  self->hits = g_array_new (FALSE, FALSE, sizeof (UiHit));
  return self;
}

UiGrid *
ui_grid_copy (const UiGrid *self)
{
  UiGrid *copy = ui_grid_new (self->rows, self->cols, self->charset);

  memcpy (copy->cells, self->cells, sizeof (UiCell) * (gsize) self->rows * self->cols);
  return copy;
}

void
ui_grid_free (UiGrid *self)
{
  g_array_unref (self->hits);
  g_free (self->cells);
  g_free (self);
}

int
ui_grid_get_rows (const UiGrid *self)
{
  return self->rows;
}

int
ui_grid_get_cols (const UiGrid *self)
{
  return self->cols;
}

UiCharset
ui_grid_get_charset (const UiGrid *self)
{
  return self->charset;
}

static UiCell *
cell_at (const UiGrid *self, int y, int x)
{
  return &self->cells[(gsize) y * self->cols + x];
}

const UiCell *
ui_grid_get_cell (const UiGrid *self, int y, int x)
{
  return cell_at (self, y, x);
}

static gboolean
is_inside (const UiGrid *self, int y, int x)
{
  return y >= 0 && y < self->rows && x >= 0 && x < self->cols;
}

/* Half of a wide character must not stay behind. */
static void
break_wide (UiGrid *self, int y, int x)
{
  UiCell *cell = cell_at (self, y, x);

  if (cell->c == 0 && x > 0)
    *cell_at (self, y, x - 1) = (UiCell){ ' ', 1, cell->style };
  if (cell->width == 2 && x + 1 < self->cols)
    *cell_at (self, y, x + 1) = (UiCell){ ' ', 1, cell->style };
}

static void
set_cell (UiGrid *self, int y, int x, guint style, gunichar c, int width)
{
  break_wide (self, y, x);
  if (width == 2)
    break_wide (self, y, x + 1);
  *cell_at (self, y, x) = (UiCell){ c, (guint8) width, (guint8) style };
  if (width == 2)
    *cell_at (self, y, x + 1) = (UiCell){ 0, 0, (guint8) style };
}

/* What this terminal shows for @c. */
static gunichar
settle (const UiGrid *self, gunichar c)
{
  if (c == '\n' || c == '\t')
    return ' ';
  if (c >= 0x20 && c < 0x7f)
    return c;
  if (ui_char_is_unsafe (c))
    return self->charset == UI_CHARSET_ASCII ? '?' : 0xfffd;
  if (self->charset == UI_CHARSET_FULL)
    return c;

  for (gsize i = 0; i < G_N_ELEMENTS (glyphs); i++)
    if (glyphs[i].c == c)
      {
        if (self->charset == UI_CHARSET_ASCII)
          return (gunichar) glyphs[i].ascii;
        return glyphs[i].linux_font != 0 ? glyphs[i].linux_font : c;
      }
  return self->charset == UI_CHARSET_ASCII ? '?' : c;
}

/* Returns the column after it; nothing is written at @limit or beyond. */
static int
put_char (UiGrid *self, int y, int x, int limit, guint style, gunichar c)
{
  gunichar shown = settle (self, c);
  int width = ui_char_width (shown);

  if (width == 0 || x + width > limit)
    return width == 0 ? x : limit;
  if (is_inside (self, y, x) && x + width <= self->cols)
    set_cell (self, y, x, style, shown, width);
  return x + width;
}

static int
put_until (UiGrid *self, int y, int x, int limit, guint style, const char *text)
{
  g_autofree char *composed = ui_text_compose (text);

  for (const char *p = composed; *p != '\0' && x < limit; p = g_utf8_next_char (p))
    x = put_char (self, y, x, limit, style, g_utf8_get_char (p));
  return x;
}

int
ui_grid_put (UiGrid *self, int y, int x, guint style, const char *text)
{
  return put_until (self, y, x, self->cols, style, text);
}

int
ui_grid_printf (UiGrid *self, int y, int x, guint style, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  return ui_grid_put (self, y, x, style, text);
}

int
ui_grid_put_field (UiGrid *self, int y, int x, int width, guint style, const char *text)
{
  g_autofree char *composed = ui_text_compose (text);
  int limit = MIN (x + width, self->cols);
  gboolean fits = ui_text_width (composed) <= limit - x;
  int end;

  if (width <= 0 || limit <= x)
    return x + MAX (width, 0);
  end = put_until (self, y, x, fits ? limit : limit - 1, style, composed);
  while (end < limit)
    end = put_char (self, y, end, limit, style, ' ');
  if (!fits)
    put_char (self, y, limit - 1, limit, style, 0x2026);
  return x + width;
}

int
ui_grid_put_right (UiGrid *self, int y, int x, int width, guint style, const char *text)
{
  int used = ui_text_width (text);
  int blanks = MAX (width - used, 0);

  if (blanks > 0)
    ui_grid_put_field (self, y, x, blanks, style, "");
  return ui_grid_put_field (self, y, x + blanks, width - blanks, style, text);
}

void
ui_grid_put_glyph (UiGrid *self, int y, int x, guint style, gunichar c)
{
  put_char (self, y, x, self->cols, style, c);
}

void
ui_grid_fill (UiGrid *self, int y, int x, int height, int width, guint style, gunichar c)
{
  gunichar shown = settle (self, c);

  for (int row = MAX (y, 0); row < MIN (y + height, self->rows); row++)
    for (int col = MAX (x, 0); col < MIN (x + width, self->cols); col++)
      set_cell (self, row, col, style, shown, 1);
}

void
ui_grid_mark (UiGrid *self, int y, int x, int width, guint flag)
{
  for (int col = MAX (x, 0); y >= 0 && y < self->rows && col < MIN (x + width, self->cols); col++)
    cell_at (self, y, col)->style |= (guint8) flag;
}

void
ui_grid_set_cursor (UiGrid *self, int y, int x)
{
  self->has_cursor = is_inside (self, y, x);
  self->cursor_y = y;
  self->cursor_x = x;
}

gboolean
ui_grid_get_cursor (const UiGrid *self, int *y, int *x)
{
  *y = self->cursor_y;
  *x = self->cursor_x;
  return self->has_cursor;
}

void
ui_grid_add_hit (UiGrid *self, int y, int x, int width, int kind, int value)
{
  UiHit hit = { y, x, width, kind, value };

  g_array_append_val (self->hits, hit);
}

const UiHit *
ui_grid_find_hit (const UiGrid *self, int y, int x)
{
  for (guint i = self->hits->len; i > 0; i--)
    {
      const UiHit *hit = &g_array_index (self->hits, UiHit, i - 1);

      if (hit->y == y && x >= hit->x && x < hit->x + hit->width)
        return hit;
    }
  return NULL;
}

static void
trim_line (GString *text, gsize start)
{
  while (text->len > start && text->str[text->len - 1] == ' ')
    g_string_truncate (text, text->len - 1);
}

char *
ui_grid_to_text (const UiGrid *self)
{
  GString *text = g_string_new (NULL);

  for (int y = 0; y < self->rows; y++)
    {
      gsize start = text->len;

      for (int x = 0; x < self->cols; x++)
        if (cell_at (self, y, x)->c != 0)
          g_string_append_unichar (text, cell_at (self, y, x)->c);
      trim_line (text, start);
      g_string_append_c (text, '\n');
    }
  return g_string_free (text, FALSE);
}

char *
ui_grid_to_roles (const UiGrid *self)
{
  static const char letters[UI_N_ROLES + 1] = " dstrkhowfiabep";
  GString *text = g_string_new (NULL);

  for (int y = 0; y < self->rows; y++)
    {
      gsize start = text->len;

      for (int x = 0; x < self->cols; x++)
        {
          guint style = cell_at (self, y, x)->style;
          char letter = letters[(style & ~UI_SELECTED) % UI_N_ROLES];

          if (style & UI_SELECTED)
            letter = letter == ' ' ? '_' : g_ascii_toupper (letter);
          g_string_append_c (text, letter);
        }
      trim_line (text, start);
      g_string_append_c (text, '\n');
    }
  return g_string_free (text, FALSE);
}
