/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Asks before anything is done that cannot be taken back by the next key. */

#include "ui-text.h"
#include "ui-view.h"

#include <string.h>

#define SCREEN UI_SCREEN_DIALOG
#define WIDTH 66

typedef struct
{
  UiView parent;
  char *heading;
  char *text;
  char *typed;  /* what has to be typed (nullable) */
  char *yes;
  UiEdit edit;
  gboolean on_yes;
  UiConfirmedFunc confirmed;
  gpointer user_data;
  GDestroyNotify destroy;
} Confirm;

static gboolean
may_go (const Confirm *self)
{
  return self->typed == NULL || strcmp (self->edit.text->str, self->typed) == 0;
}

static int
draw_text (const Confirm *self, UiPaint *paint, char **lines, int y, int x, int width)
{
  int row = y + 1;

  for (char **line = lines; *line != NULL; line++)
    ui_grid_put_field (paint->grid, row++, x, width, UI_ROLE_TEXT, *line);
  row++;
  if (self->typed != NULL)
    {
      int at = ui_grid_put (paint->grid, row, x, UI_ROLE_TEXT, "Type ");

      at = ui_grid_put (paint->grid, row, at, UI_ROLE_STRONG, self->typed);
      at = ui_grid_put (paint->grid, row, at, UI_ROLE_TEXT, " to go on: ");
      ui_edit_draw (&self->edit, paint->grid, row, at, MAX (MIN (24, x + width - at), 1), TRUE);
      row += 2;
    }
  return row;
}

static void
draw (UiView *view, UiPaint *paint)
{
  Confirm *self = (Confirm *) view;
  int width = MIN (WIDTH, paint->cols - 4);
  g_auto(GStrv) lines = ui_text_wrap (self->text, width - 4);
  int height = (int) g_strv_length (lines) + (self->typed != NULL ? 7 : 5);
  g_autofree char *keep = g_strdup ("[ Keep as it is ]");
  g_autofree char *yes = g_strdup_printf (may_go (self) ? "[ %s ]" : "( %s )", self->yes);
  int y;
  int x;
  int row;
  int end;

  ui_paint_box (paint, height, width, self->heading, &y, &x);
  row = draw_text (self, paint, lines, y, x, width - 4);
  end = ui_grid_put (paint->grid, row, x + 2, UI_ROLE_STRONG | (self->on_yes ? 0 : UI_SELECTED), keep);
  ui_grid_add_hit (paint->grid, row, x + 2, end - x - 2, UI_HIT_FIELD, 0);
  ui_grid_add_hit (paint->grid, row, end + 3, ui_text_width (yes), UI_HIT_FIELD, 1);
  end = ui_grid_put (paint->grid, row, end + 3, (may_go (self) ? UI_ROLE_FAIL : UI_ROLE_DIM) | (self->on_yes ? UI_SELECTED : 0), yes);
  ui_grid_put_field (paint->grid, row, end + 2, x + width - 4 - end - 2, UI_ROLE_DIM,
                     !may_go (self) ? "off until typed" : self->typed == NULL ? "y / n" : "Tab, Enter");
  if (self->typed == NULL)
    ui_grid_set_cursor (paint->grid, row, self->on_yes ? end - 2 : x + 2);
}

static void
go (Confirm *self, UiContext *context)
{
  if (!may_go (self))
    return;
  self->confirmed (context, self->user_data);
  context->close (context, &self->parent);
}

static gboolean
act (UiView *view, UiAction action, UiContext *context)
{
  Confirm *self = (Confirm *) view;

  switch ((int) action)
    {
    case UI_ACTION_NEXT_PANE:
    case UI_ACTION_PREV_PANE:
    case UI_ACTION_LEFT:
    case UI_ACTION_RIGHT:
      self->on_yes = !self->on_yes && may_go (self);
      return TRUE;
    case UI_ACTION_OPEN:
      if (self->on_yes)
        go (self, context);
      else
        context->close (context, view);
      return TRUE;
    case UI_ACTION_BACK:
      context->close (context, view);
      return TRUE;
    default:
      return TRUE;
    }
}

static gboolean
type (UiView *view, int key, UiContext *context)
{
  Confirm *self = (Confirm *) view;

  if (self->typed != NULL)
    {
      gboolean taken = key != UI_KEY_LEFT && key != UI_KEY_RIGHT && ui_edit_type (&self->edit, key);

      self->on_yes = self->on_yes && may_go (self);
      return taken;
    }
  if (key == 'y')
    go (self, context);
  else if (key == 'n')
    context->close (context, view);
  else
    return FALSE;
  return TRUE;
}

static gboolean
click (UiView *view, const UiHit *hit, UiContext *context)
{
  Confirm *self = (Confirm *) view;

  if (hit->kind != UI_HIT_FIELD)
    return FALSE;
  if (hit->value == 0)
    context->close (context, view);
  else
    go (self, context);
  return TRUE;
}

static void
confirm_free (UiView *view)
{
  Confirm *self = (Confirm *) view;

  if (self->destroy != NULL)
    self->destroy (self->user_data);
  ui_edit_clear (&self->edit);
  g_free (self->heading);
  g_free (self->text);
  g_free (self->typed);
  g_free (self->yes);
  g_free (self);
}

static const UiViewClass klass
    = { .name = "confirm", .screen = SCREEN, .overlay = TRUE, .draw = draw, .act = act, .type = type, .click = click, .free = confirm_free };

UiView *
ui_confirm_new (const char *heading,
                const char *text,
                const char *typed,
                const char *yes,
                UiConfirmedFunc confirmed,
                gpointer user_data,
                GDestroyNotify destroy)
{
  Confirm *self = g_new0 (Confirm, 1);

  self->parent.klass = &klass;
  self->heading = g_strdup (heading);
  self->text = g_strdup (text);
  self->typed = g_strdup (typed);
  self->yes = g_strdup (yes);
  self->confirmed = confirmed;
  self->user_data = user_data;
  self->destroy = destroy;
  ui_edit_init (&self->edit, "");
  return &self->parent;
}
