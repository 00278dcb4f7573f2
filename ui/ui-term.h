/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The terminal: takes it over, shows grids on it, reads keys, and gives it
 * back on every way out, also on those that a program does not choose.
 */

#include "ui-grid.h"
#include "ui-theme.h"
#include "ui-actions.h"

G_BEGIN_DECLS

typedef struct _UiTerm UiTerm;

/* Keys that are none. */
enum
{
  UI_KEY_NONE = 0,
  UI_KEY_MOUSE = UI_KEY_BASE + 100, /* see ui_term_get_click() */
  UI_KEY_WHEEL_UP,
  UI_KEY_WHEEL_DOWN,
};

/* @error: QMIG_EXIT_USAGE where there is no terminal that could show anything */
UiTerm *ui_term_new (gboolean mouse, GError **error);
void ui_term_free (UiTerm *self);

gboolean ui_term_has_color (UiTerm *self);
gboolean ui_term_is_utf8 (UiTerm *self);
void ui_term_get_size (UiTerm *self, int *rows, int *cols);

/* Asks the terminal for its size anew. */
void ui_term_resize (UiTerm *self);
/* FALSE: it takes nothing just now, draw later. */
gboolean ui_term_draw (UiTerm *self, const UiGrid *grid, UiTheme theme);
/* Everything anew with the next drawing. */
void ui_term_redraw (UiTerm *self);
/* UI_KEY_NONE where nothing was typed. */
int ui_term_read_key (UiTerm *self);
void ui_term_get_click (UiTerm *self, int *y, int *x);

/* Gives the terminal back while this process is stopped (SIGTSTP), and takes it again. */
void ui_term_suspend (UiTerm *self);
void ui_term_copy (UiTerm *self, const char *text);

G_END_DECLS
