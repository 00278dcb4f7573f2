/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-theme.h"

#include <string.h>

const char *const ui_theme_names[] = { "default", "light", "mono", "cb", NULL };
const char *const ui_graph_names[] = { "braille", "block", "ascii", NULL };

enum
{
  BLACK,
  RED,
  GREEN,
  YELLOW,
  BLUE,
  MAGENTA,
  CYAN,
  WHITE,
  OWN = -1,
};

#define B UI_INK_BOLD
#define D UI_INK_DIM
#define R UI_INK_REVERSE
#define U UI_INK_UNDERLINE

/* clang-format off: a table, one role a line in the order of UiRole */
static const UiInk inks[][UI_N_ROLES] = {
  [UI_THEME_DEFAULT] = {
    { OWN, OWN, 0 }, { OWN, OWN, D }, { OWN, OWN, B }, { OWN, OWN, B }, { CYAN, OWN, 0 },
    { CYAN, OWN, B }, { OWN, OWN, B }, { GREEN, OWN, 0 }, { YELLOW, OWN, 0 }, { RED, OWN, B },
    { CYAN, OWN, 0 }, { CYAN, OWN, 0 }, { YELLOW, OWN, 0 }, { OWN, OWN, U }, { MAGENTA, OWN, B },
  },
  [UI_THEME_LIGHT] = {
    { OWN, OWN, 0 }, { OWN, OWN, D }, { OWN, OWN, B }, { OWN, OWN, B }, { BLUE, OWN, 0 },
    { BLUE, OWN, B }, { OWN, OWN, B }, { GREEN, OWN, 0 }, { MAGENTA, OWN, 0 }, { RED, OWN, B },
    { BLUE, OWN, 0 }, { BLUE, OWN, 0 }, { RED, OWN, 0 }, { OWN, OWN, U }, { MAGENTA, OWN, B },
  },
  [UI_THEME_MONO] = {
    { OWN, OWN, 0 }, { OWN, OWN, 0 }, { OWN, OWN, B }, { OWN, OWN, B }, { OWN, OWN, 0 },
    { OWN, OWN, B }, { OWN, OWN, B }, { OWN, OWN, 0 }, { OWN, OWN, B }, { OWN, OWN, B | U },
    { OWN, OWN, 0 }, { OWN, OWN, 0 }, { OWN, OWN, B }, { OWN, OWN, U }, { OWN, OWN, B },
  },
  [UI_THEME_CB] = {
    { OWN, OWN, 0 }, { OWN, OWN, D }, { OWN, OWN, B }, { OWN, OWN, B }, { CYAN, OWN, 0 },
    { CYAN, OWN, B }, { OWN, OWN, B }, { BLUE, OWN, B }, { YELLOW, OWN, 0 }, { YELLOW, OWN, B | U },
    { CYAN, OWN, 0 }, { BLUE, OWN, B }, { YELLOW, OWN, 0 }, { OWN, OWN, U }, { MAGENTA, OWN, B },
  },
};
/* clang-format on */

UiInk
ui_theme_get_ink (UiTheme theme, guint style)
{
  UiInk ink = inks[theme][(style & ~UI_SELECTED) % UI_N_ROLES];

  if (style & UI_SELECTED)
    ink.attributes = (ink.attributes & ~(guint) UI_INK_DIM) | UI_INK_REVERSE;
  return ink;
}

int
ui_name_find (const char *const *names, const char *name)
{
  for (int i = 0; name != NULL && names[i] != NULL; i++)
    if (strcmp (names[i], name) == 0)
      return i;
  return -1;
}

static gboolean
is_set (const char *variable)
{
  const char *value = g_getenv (variable);

  return value != NULL && *value != '\0' && strcmp (value, "0") != 0;
}

gboolean
ui_theme_wants_color (const char *option, gboolean terminal_has_color)
{
  const char *no_color = g_getenv ("NO_COLOR");
  const char *choice = option != NULL && strcmp (option, "auto") != 0 ? option : g_getenv ("QMIG_COLOR");

  if (g_strcmp0 (choice, "always") == 0)
    return TRUE;
  if (g_strcmp0 (choice, "never") == 0)
    return FALSE;
  if (no_color != NULL && *no_color != '\0')
    return FALSE;
  return is_set ("FORCE_COLOR") || is_set ("CLICOLOR_FORCE") || terminal_has_color;
}

UiGraph
ui_graph_choose (const char *option, UiCharset charset)
{
  int named = ui_name_find (ui_graph_names, option);

  if (charset == UI_CHARSET_ASCII)
    return UI_GRAPH_ASCII;
  if (named >= 0)
    return (UiGraph) named;
  return charset == UI_CHARSET_LINUX ? UI_GRAPH_BLOCK : UI_GRAPH_BRAILLE;
}

UiCharset
ui_charset_choose (gboolean utf8, const char *term)
{
  if (!utf8)
    return UI_CHARSET_ASCII;
  return term != NULL && g_str_has_prefix (term, "linux") ? UI_CHARSET_LINUX : UI_CHARSET_FULL;
}
