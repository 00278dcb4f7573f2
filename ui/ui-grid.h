/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a screen looks like, as cells.  All drawing goes into a grid; the
 * terminal and the golden tests are two sinks for it.  Whatever text comes
 * in, a cell never holds a control character: nothing that a host, a guest or
 * QEMU says can steer the terminal.
 */

#include <glib.h>

G_BEGIN_DECLS

/* What a cell means; the theme says how it looks. */
typedef enum
{
  UI_ROLE_TEXT,
  UI_ROLE_DIM,      /* old or less important */
  UI_ROLE_STRONG,
  UI_ROLE_TITLE,
  UI_ROLE_RULE,
  UI_ROLE_KEY,      /* of the footer */
  UI_ROLE_HEAD,     /* of a column */
  UI_ROLE_OK,
  UI_ROLE_WARN,
  UI_ROLE_FAIL,
  UI_ROLE_INFO,
  UI_ROLE_SERIES_A,
  UI_ROLE_SERIES_B,
  UI_ROLE_FIELD,    /* what can be typed into */
  UI_ROLE_PROD,     /* a host where care is due */
} UiRole;
#define UI_N_ROLES 15

/* Added to a role: the cell belongs to what has the focus. */
#define UI_SELECTED 0x40u

/* Which characters the terminal has. */
typedef enum
{
  UI_CHARSET_ASCII,
  UI_CHARSET_LINUX, /* UTF-8, but only the glyphs of a console font */
  UI_CHARSET_FULL,
} UiCharset;

typedef struct
{
  gunichar c;    /* 0: the right half of a wide character */
  guint8 width;  /* 1 or 2; 0 with c == 0 */
  guint8 style;  /* UiRole, perhaps with UI_SELECTED */
} UiCell;

/* A place that can be clicked. */
typedef struct
{
  int y;
  int x;
  int width;
  int kind;   /* UiHitKind of ui-view.h */
  int value;
} UiHit;

typedef struct _UiGrid UiGrid;

UiGrid *ui_grid_new (int rows, int cols, UiCharset charset);
UiGrid *ui_grid_copy (const UiGrid *self); /* its cells */
void ui_grid_free (UiGrid *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (UiGrid, ui_grid_free)

int ui_grid_get_rows (const UiGrid *self);
int ui_grid_get_cols (const UiGrid *self);
UiCharset ui_grid_get_charset (const UiGrid *self);
const UiCell *ui_grid_get_cell (const UiGrid *self, int y, int x);

/* Writes @text from (@y, @x) on, cut at the right edge.  Returns the column after it. */
int ui_grid_put (UiGrid *self, int y, int x, guint style, const char *text);
int ui_grid_printf (UiGrid *self, int y, int x, guint style, const char *format, ...) G_GNUC_PRINTF (5, 6);

/* The same in a field of @width columns: padded with blanks, or cut with a mark where it is too long.  Returns @x + @width. */
int ui_grid_put_field (UiGrid *self, int y, int x, int width, guint style, const char *text);
/* The same, at the right of the field. */
int ui_grid_put_right (UiGrid *self, int y, int x, int width, guint style, const char *text);

/* One character that is drawn, not read: takes the nearest glyph that the terminal has. */
void ui_grid_put_glyph (UiGrid *self, int y, int x, guint style, gunichar c);

void ui_grid_fill (UiGrid *self, int y, int x, int height, int width, guint style, gunichar c);
/* Changes the style of what is there already. */
void ui_grid_mark (UiGrid *self, int y, int x, int width, guint flag);

/* Where the terminal's own cursor is to stand: on what has the focus, for screen readers. */
void ui_grid_set_cursor (UiGrid *self, int y, int x);
gboolean ui_grid_get_cursor (const UiGrid *self, int *y, int *x);

void ui_grid_add_hit (UiGrid *self, int y, int x, int width, int kind, int value);
/* The topmost at that place, or NULL. */
const UiHit *ui_grid_find_hit (const UiGrid *self, int y, int x);

/* The screen as lines, without blanks at their ends.  (transfer full) */
char *ui_grid_to_text (const UiGrid *self);
/* The roles in the same shape, a letter each; upper case where selected.  (transfer full) */
char *ui_grid_to_roles (const UiGrid *self);

G_END_DECLS
