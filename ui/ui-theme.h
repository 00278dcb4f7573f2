/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How roles look, and what the terminal can do. */

#include "ui-grid.h"

G_BEGIN_DECLS

typedef enum
{
  UI_THEME_DEFAULT, /* the terminal's own background, eight colours */
  UI_THEME_LIGHT,
  UI_THEME_MONO,    /* bold, reverse and words only */
  UI_THEME_CB,      /* blue and orange instead of green and red */
} UiTheme;
extern const char *const ui_theme_names[]; /* "default", "light", "mono", "cb", NULL */

typedef enum
{
  UI_GRAPH_BRAILLE,
  UI_GRAPH_BLOCK,
  UI_GRAPH_ASCII,
} UiGraph;
extern const char *const ui_graph_names[]; /* "braille", "block", "ascii", NULL */

enum
{
  UI_INK_BOLD = 1 << 0,
  UI_INK_DIM = 1 << 1,
  UI_INK_REVERSE = 1 << 2,
  UI_INK_UNDERLINE = 1 << 3,
};

/* Colours are those of a terminal, 0 to 7; -1: its own. */
typedef struct
{
  short foreground;
  short background;
  guint attributes;
} UiInk;

/* @style: role, perhaps with UI_SELECTED */
UiInk ui_theme_get_ink (UiTheme theme, guint style);

/* What all screens go by. */
typedef struct
{
  UiCharset charset;
  UiGraph graph;
  UiTheme theme;
  gboolean bits;      /* rates in bits */
  gboolean read_only;
  gboolean has_mouse;
} UiLook;

/* -1 where @name is none.  @names: as above */
int ui_name_find (const char *const *names, const char *name);

/* --color, QMIG_COLOR, NO_COLOR, FORCE_COLOR and CLICOLOR_FORCE, then what the terminal has; in this order. */
gboolean ui_theme_wants_color (const char *option, gboolean terminal_has_color);

/* Braille where the font has it, else blocks, else ASCII.  @option: name of a style (nullable) */
UiGraph ui_graph_choose (const char *option, UiCharset charset);
/* From the codeset of the locale and TERM. */
UiCharset ui_charset_choose (gboolean utf8, const char *term);

G_END_DECLS
