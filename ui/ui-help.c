/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keys of a screen, from the table of actions. */

#include "ui-text.h"
#include "ui-view.h"

#include <string.h>

#define SCREEN UI_SCREEN_HELP

typedef struct
{
  UiView parent;
  guint screen;
  UiList list;
} Help;

static const char *const notes[] = {
  "",
  "Mouse: click selects, a second click opens, the wheel scrolls, words of the footer are buttons, a click on a curve",
  "sets the time cursor. Shift keeps the terminal's own selection. --no-mouse leaves the mouse to the terminal.",
  "",
  "What changes a running migration is sent at once and can be taken back with U; what ends its work is asked about;",
  "what cannot be undone wants a name typed. A host with the label prod raises each of these by one. --read-only and",
  "QMIG_READ_ONLY=1 take all of them away. Closing the console changes nothing: the agents do the work.",
};

static const char *
danger_word (UiDanger danger)
{
  switch (danger)
    {
    case UI_SAFE:
    case UI_REVERSIBLE:
      return "";
    case UI_STOPS_WORK:
      return "asks  ";
    case UI_IRREVERSIBLE:
      return "typed ";
    }
  return "";
}

static void
draw_line (UiPaint *paint, int y, const UiActionInfo *info)
{
  g_auto(GStrv) keys = g_strsplit (ui_actions_keys (info), " ", -1);
  g_autofree char *joined = g_strjoinv (", ", keys);
  gboolean wide = paint->cols >= 100 && info->command != NULL;
  int text_width = paint->cols - 24 - (wide ? 38 : 0);

  ui_grid_put_field (paint->grid, y, 2, 13, UI_ROLE_KEY, joined);
  ui_grid_put_field (paint->grid, y, 16, 6, UI_ROLE_WARN, danger_word (info->danger));
  ui_grid_put_field (paint->grid, y, 22, text_width, UI_ROLE_TEXT, info->help);
  if (wide)
    ui_grid_put_field (paint->grid, y, 23 + text_width, 38, UI_ROLE_DIM, info->command);
}

static GPtrArray *
make_rows (const Help *self, gboolean read_only)
{
  GPtrArray *rows = g_ptr_array_new ();
  gsize n;
  const UiActionInfo *all = ui_actions_get_all (&n);

  for (gsize i = 0; i < n; i++)
    if (ui_actions_offers (&all[i], self->screen, read_only))
      g_ptr_array_add (rows, (gpointer) &all[i]);
  return rows;
}

static void
draw (UiView *view, UiPaint *paint)
{
  Help *self = (Help *) view;
  g_autoptr(GPtrArray) rows = make_rows (self, paint->look->read_only);
  int n = (int) (rows->len + G_N_ELEMENTS (notes));
  int height = paint->rows - 3;
  g_autofree char *hint = NULL;

  ui_paint_title (paint, "help", NULL);
  /* The list scrolls as a page: there is nothing to select. */
  self->list.top = CLAMP (self->list.selected, 0, MAX (n - height, 0));
  self->list.selected = self->list.top;
  hint = g_strdup_printf ("%d-%d of %d", self->list.top + 1, MIN (self->list.top + height, n), n);
  ui_paint_rule (paint, 1, "KEYS", hint);
  for (int i = 0; i < height && self->list.top + i < n; i++)
    {
      int index = self->list.top + i;

      if (index < (int) rows->len)
        draw_line (paint, 2 + i, g_ptr_array_index (rows, index));
      else
        ui_grid_put_field (paint->grid, 2 + i, 2, paint->cols - 3, UI_ROLE_DIM, notes[index - (int) rows->len]);
    }
  ui_paint_footer (paint, SCREEN, NULL);
}

static gboolean
act (UiView *view, UiAction action, UiContext *context)
{
  return ui_list_act (&((Help *) view)->list, action, 1000, 10);
}

static void
help_free (UiView *view)
{
  g_free (view);
}

static const UiViewClass klass = { .name = "help", .screen = SCREEN, .draw = draw, .act = act, .free = help_free };

UiView *
ui_help_new (guint screen)
{
  Help *self = g_new0 (Help, 1);

  self->parent.klass = &klass;
  self->screen = screen;
  return &self->parent;
}
