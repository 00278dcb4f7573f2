/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commands by name: what the keys of the screen below do, and where one can go. */

#include "ui-text.h"
#include "ui-view.h"

#include <string.h>

#define SCREEN UI_SCREEN_PALETTE
#define GO_MAX 200

typedef struct
{
  char *text;
  char *key;
  char *command;     /* (nullable) */
  UiAction action;   /* or one of: */
  char *host;
  char *migration;
  int score;
} Entry;

typedef struct
{
  UiView parent;
  guint screen;
  UiSubject subject;  /* owned */
  UiEdit edit;
  UiList list;
} Palette;

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->text);
  g_free (entry->key);
  g_free (entry->command);
  g_free (entry->host);
  g_free (entry->migration);
  g_free (entry);
}

/* -- finding -------------------------------------------------------------------------- */

/* All letters in order; the closer together and the nearer to the start of a word, the less.  -1: not at all */
static int
score_of (const char *wanted, const char *text)
{
  int score = 0;
  const char *p = text;
  gboolean first = TRUE;

  for (const char *w = wanted; *w != '\0'; w = g_utf8_next_char (w))
    {
      gunichar c = g_unichar_tolower (g_utf8_get_char (w));
      int gap = 0;

      while (*p != '\0' && g_unichar_tolower (g_utf8_get_char (p)) != c)
        {
          p = g_utf8_next_char (p);
          gap++;
        }
      if (*p == '\0')
        return -1;
      if (gap > 0 && p > text && p[-1] != ' ')
        score += first ? 2 : gap + 3;
      else if (gap > 0)
        score += 1;
      p = g_utf8_next_char (p);
      first = FALSE;
    }
  return score;
}

static char *
fill_in (const Palette *self, const char *template)
{
  GString *text;

  if (template == NULL)
    return NULL;
  text = g_string_new (template);
  g_string_replace (text, "{migration}", self->subject.migration != NULL ? self->subject.migration : "MIG", 0);
  g_string_replace (text, "{vm}", self->subject.vm != NULL ? self->subject.vm : "VM", 0);
  g_string_replace (text, "{host}", self->subject.host != NULL ? self->subject.host : "HOST", 0);
  return g_string_free (text, FALSE);
}

/* @entry: (transfer full) */
static void
offer (GPtrArray *entries, Entry *entry, const char *wanted)
{
  g_autofree char *whole = g_strconcat (entry->text, " ", entry->command, NULL);

  entry->score = score_of (wanted, whole);
  if (entry->score < 0)
    entry_free (entry);
  else
    g_ptr_array_add (entries, entry);
}

static gboolean
moves_only (UiAction action)
{
  return action <= UI_ACTION_RIGHT || action == UI_ACTION_PALETTE || action == UI_ACTION_BACK || action == UI_ACTION_NEXT_PANE
         || action == UI_ACTION_PREV_PANE;
}

static void
offer_actions (const Palette *self, GPtrArray *entries, gboolean read_only)
{
  gsize n;
  const UiActionInfo *all = ui_actions_get_all (&n);

  for (gsize i = 0; i < n; i++)
    {
      Entry *entry;

      if (!ui_actions_offers (&all[i], self->screen, read_only) || moves_only (all[i].action))
        continue;
      entry = g_new0 (Entry, 1);
      entry->text = g_strdup (all[i].help);
      entry->key = ui_actions_first_key (&all[i]);
      entry->command = fill_in (self, all[i].command);
      entry->action = all[i].action;
      offer (entries, entry, self->edit.text->str);
    }
}

static void
offer_migrations (const Palette *self, GPtrArray *entries, const UiModel *model)
{
  for (guint i = 0; i < model->hosts->len && entries->len < GO_MAX; i++)
    {
      const UiHost *host = g_ptr_array_index (model->hosts, i);

      for (guint j = 0; host->active != NULL && j < host->active->len; j++)
        {
          const QmigMigrationInfo *info = g_ptr_array_index (host->active, j);
          Entry *entry = g_new0 (Entry, 1);

          entry->text = g_strdup_printf ("go to the migration of %s, %s → %s", info->vm, info->source, info->destination);
          entry->key = g_strdup ("");
          entry->command = g_strdup_printf ("qmig watch %s", info->id);
          entry->host = g_strdup (host->name);
          entry->migration = g_strdup (info->id);
          offer (entries, entry, self->edit.text->str);
        }
    }
}

static int
best_first (gconstpointer a, gconstpointer b)
{
  const Entry *one = *(const Entry *const *) a;
  const Entry *other = *(const Entry *const *) b;

  return one->score - other->score;
}

static GPtrArray *
make_entries (const Palette *self, const UiModel *model, gboolean read_only)
{
  GPtrArray *entries = g_ptr_array_new_with_free_func (entry_free);

  offer_actions (self, entries, read_only);
  offer_migrations (self, entries, model);
  if (self->edit.text->len > 0)
    g_ptr_array_sort (entries, best_first);
  return entries;
}

/* -- drawing and keys --------------------------------------------------------------------- */

static void
draw (UiView *view, UiPaint *paint)
{
  Palette *self = (Palette *) view;
  g_autoptr(GPtrArray) entries = make_entries (self, paint->model, paint->look->read_only);
  int width = MIN (paint->cols - 2, 110);
  int height = MIN (paint->rows - 2, 18);
  int lines = height - 4;
  int inner = width - 4;
  int command = inner >= 90 ? 40 : inner >= 70 ? 28 : 0;
  int y;
  int x;

  ui_paint_box (paint, height, width, "command palette", &y, &x);
  ui_grid_put (paint->grid, y, x, UI_ROLE_KEY, ":");
  ui_edit_draw (&self->edit, paint->grid, y, x + 2, inner - 30, TRUE);
  ui_grid_put_right (paint->grid, y, x + inner - 26, 26, UI_ROLE_DIM, "Enter run  Esc close");
  ui_list_fit (&self->list, (int) entries->len, lines);
  for (int i = 0; i < lines && self->list.top + i < (int) entries->len; i++)
    {
      const Entry *entry = g_ptr_array_index (entries, self->list.top + i);
      gboolean selected = self->list.top + i == self->list.selected;
      guint flag = selected ? UI_SELECTED : 0;

      ui_grid_put_glyph (paint->grid, y + 2 + i, x - 1, UI_ROLE_STRONG, selected ? 0x25b8 : ' ');
      ui_grid_put_field (paint->grid, y + 2 + i, x, inner - command - 9, UI_ROLE_TEXT | flag, entry->text);
      ui_grid_put_field (paint->grid, y + 2 + i, x + inner - command - 8, 8, UI_ROLE_KEY | flag, entry->key);
      if (command > 0)
        ui_grid_put_field (paint->grid, y + 2 + i, x + inner - command, command, UI_ROLE_DIM | flag, entry->command != NULL ? entry->command : "–");
      ui_grid_add_hit (paint->grid, y + 2 + i, x, inner, UI_HIT_ROW, self->list.top + i);
    }
  if (entries->len == 0)
    ui_grid_put (paint->grid, y + 2, x, UI_ROLE_DIM, "nothing is called that");
}

static void
run_selected (Palette *self, UiContext *context)
{
  g_autoptr(GPtrArray) entries = make_entries (self, context->model, context->look->read_only);
  const Entry *entry = (guint) self->list.selected < entries->len ? g_ptr_array_index (entries, self->list.selected) : NULL;

  if (entry == NULL)
    return;
  context->close (context, &self->parent);
  if (entry->migration != NULL)
    context->push (context, ui_migration_new (entry->host, entry->migration));
  else
    context->act (context, entry->action);
}

static gboolean
act (UiView *view, UiAction action, UiContext *context)
{
  Palette *self = (Palette *) view;

  if (action == UI_ACTION_OPEN)
    run_selected (self, context);
  else if (action == UI_ACTION_BACK)
    context->close (context, view);
  else
    ui_list_act (&self->list, action, G_MAXINT, 10);
  return TRUE;
}

static gboolean
type (UiView *view, int key, UiContext *context)
{
  Palette *self = (Palette *) view;

  if (key == UI_KEY_HOME || key == UI_KEY_END || !ui_edit_type (&self->edit, key))
    return FALSE;
  self->list.selected = 0;
  return TRUE;
}

static gboolean
click (UiView *view, const UiHit *hit, UiContext *context)
{
  if (hit->kind != UI_HIT_ROW)
    return FALSE;
  ((Palette *) view)->list.selected = hit->value;
  run_selected ((Palette *) view, context);
  return TRUE;
}

static void
palette_free (UiView *view)
{
  Palette *self = (Palette *) view;

  ui_edit_clear (&self->edit);
  g_free ((char *) self->subject.host);
  g_free ((char *) self->subject.vm);
  g_free ((char *) self->subject.migration);
  g_free (self);
}

static const UiViewClass klass
    = { .name = "palette", .screen = SCREEN, .overlay = TRUE, .draw = draw, .act = act, .type = type, .click = click, .free = palette_free };

UiView *
ui_palette_new (guint screen, const UiSubject *subject)
{
  Palette *self = g_new0 (Palette, 1);

  self->parent.klass = &klass;
  self->screen = screen;
  self->subject.host = g_strdup (subject->host);
  self->subject.vm = g_strdup (subject->vm);
  self->subject.migration = g_strdup (subject->migration);
  ui_edit_init (&self->edit, "");
  return &self->parent;
}
