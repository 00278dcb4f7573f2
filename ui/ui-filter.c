/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-filter.h"

#include <string.h>

void
ui_filter_init (UiFilter *filter)
{
  ui_edit_init (&filter->edit, "");
  filter->wanted = g_strdup ("");
}

void
ui_filter_clear (UiFilter *filter)
{
  ui_edit_clear (&filter->edit);
  g_free (filter->wanted);
}

void
ui_filter_start (UiFilter *filter)
{
  filter->typing = TRUE;
}

static void
take (UiFilter *filter)
{
  const char *text = filter->edit.text->str;

  g_free (filter->wanted);
  filter->invert = text[0] == '!';
  filter->wanted = g_utf8_strdown (text + (filter->invert ? 1 : 0), -1);
  filter->serial++;
}

gboolean
ui_filter_drop (UiFilter *filter)
{
  if (!ui_filter_is_on (filter))
    return FALSE;
  ui_edit_set (&filter->edit, "");
  take (filter);
  return TRUE;
}

gboolean
ui_filter_type (UiFilter *filter, int key)
{
  if (!filter->typing)
    return FALSE;
  if (key == UI_KEY_ENTER)
    {
      filter->typing = FALSE;
      return TRUE;
    }
  if (key == UI_KEY_ESC)
    {
      filter->typing = FALSE;
      ui_filter_drop (filter);
      return TRUE;
    }
  if (!ui_edit_type (&filter->edit, key))
    return FALSE;
  take (filter);
  return TRUE;
}

gboolean
ui_filter_is_on (const UiFilter *filter)
{
  return filter->wanted[0] != '\0';
}

gboolean
ui_filter_matches (const UiFilter *filter, const char *text)
{
  g_autofree char *valid = NULL;
  g_autofree char *lower = NULL;

  if (!ui_filter_is_on (filter))
    return TRUE;
  valid = g_utf8_make_valid (text, -1);
  lower = g_utf8_strdown (valid, -1);
  return (strstr (lower, filter->wanted) != NULL) != filter->invert;
}

void
ui_filter_draw_footer (const UiFilter *filter, UiPaint *paint, guint screen, const char *note)
{
  int x;

  if (!filter->typing)
    {
      ui_paint_footer (paint, screen, note);
      return;
    }
  ui_grid_fill (paint->grid, paint->rows - 1, 0, 1, paint->cols, UI_ROLE_TEXT, ' ');
  x = ui_grid_put (paint->grid, paint->rows - 1, 1, UI_ROLE_KEY, "/");
  ui_edit_draw (&filter->edit, paint->grid, paint->rows - 1, x, paint->cols / 2, TRUE);
  ui_grid_put (paint->grid, paint->rows - 1, x + paint->cols / 2 + 2, UI_ROLE_DIM, "Enter keep  Esc drop");
}

char *
ui_filter_hint (const UiFilter *filter)
{
  return ui_filter_is_on (filter) ? g_strdup_printf (" · filter: %s", filter->edit.text->str) : g_strdup ("");
}
