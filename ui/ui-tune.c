/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Knobs of a running migration: what is typed, and what is sent. */

#include "api-quantity.h"
#include "client.h"
#include "ui-text.h"
#include "ui-view.h"

#include <string.h>

#define SCREEN UI_SCREEN_DIALOG
#define WIDTH 60

static const struct
{
  const char *heading;
  const char *hint;
} words[UI_N_KNOBS] = {
  [UI_KNOB_DOWNTIME] = { "Downtime budget", "how long the guest may stand still, all in all: 300ms, 2s" },
  [UI_KNOB_BANDWIDTH] = { "Bandwidth bound", "how fast memory may be sent: 512MiB/s, 10Gbit/s, max" },
  [UI_KNOB_THROTTLE] = { "Throttle bound", "how far the guest's CPUs may be held back: 0 to 99 percent" },
  [UI_KNOB_DEADLINE] = { "Deadline", "from the start of the migration; then it is cancelled: 10m" },
};

gboolean
ui_tune_parse (UiKnob knob, const char *text, gint64 *value, GError **error)
{
  g_autofree char *plain = g_strdup (text);

  g_strstrip (plain);
  if (knob == UI_KNOB_BANDWIDTH)
    return api_parse_rate (plain, value, error);
  if (knob != UI_KNOB_THROTTLE)
    return api_parse_time (plain, value, error);
  if (!api_parse_percent (plain, value, error))
    return FALSE;
  if (*value <= 99)
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "'%s': QEMU can hold CPUs back by 99 percent at most", text);
  return FALSE;
}

/* As it can be typed again. */
char *
ui_tune_value_text (UiKnob knob, gint64 value, gboolean bits)
{
  if (value == QMIG_UNSET)
    return g_strdup ("–");
  if (knob == UI_KNOB_THROTTLE)
    return g_strdup_printf ("%d %%", (int) value);
  if (knob == UI_KNOB_BANDWIDTH)
    return ui_text_limit (value, bits);
  return ui_text_ms ((double) value);
}

static char *
option_value (UiKnob knob, gint64 value)
{
  if (knob == UI_KNOB_THROTTLE)
    return g_strdup_printf ("%d", (int) value);
  if (knob != UI_KNOB_BANDWIDTH)
    return value % 1000 == 0 ? g_strdup_printf ("%ds", (int) (value / 1000)) : g_strdup_printf ("%dms", (int) value);
  if (value == 0)
    return g_strdup ("max");
  if (value % (1 << 20) == 0)
    return g_strdup_printf ("%dMiB/s", (int) (value >> 20));
  return g_strdup_printf ("%" G_GINT64_FORMAT "B/s", value);
}

/* -- sending ---------------------------------------------------------------------- */

static void
set_knob (QmigKnobs *knobs, UiKnob knob, gint64 value)
{
  switch (knob)
    {
    case UI_KNOB_DOWNTIME:
      knobs->downtime_ms = value;
      break;
    case UI_KNOB_BANDWIDTH:
      knobs->bandwidth_bytes_per_s = value;
      break;
    case UI_KNOB_THROTTLE:
      knobs->throttle_max_percent = value;
      break;
    case UI_KNOB_DEADLINE:
      knobs->deadline_ms = value;
      break;
    case UI_N_KNOBS:
      break;
    }
}

typedef struct
{
  char *id;
  UiKnob knob;
} Sent;

static void
sent_free (gpointer data)
{
  g_free (((Sent *) data)->id);
  g_free (data);
}

static void
answered (UiContext *context, JsonObject *answer, const QmigProblem *problem, const GError *error, gpointer user_data)
{
  Sent *sent = user_data;
  UiRun *run = ui_model_find_run (context->model, sent->id);
  g_autoptr(QmigMigrationInfo) info = answer != NULL ? qmig_migration_info_from_object (answer, NULL) : NULL;

  if (run == NULL)
    return;
  ui_run_knob_answered (run, sent->knob, answer != NULL);
  if (info != NULL)
    ui_run_set_info (run, info);
}

void
ui_tune_send (UiContext *context, UiRun *run, UiKnob knob, gint64 value)
{
  g_autoptr(QmigKnobs) knobs = qmig_knobs_new ();
  g_autofree char *path = qmig_client_path ("/v1/migrations/%s/knobs", run->id);
  g_autofree char *text = ui_tune_value_text (knob, value, context->look->bits);
  Sent *sent = g_new0 (Sent, 1);

  sent->id = g_strdup (run->id);
  sent->knob = knob;
  set_knob (knobs, knob, value);
  ui_run_knob_asked (run, knob, value, run->shown_us);
  ui_model_say (context->model, UI_ROLE_INFO, "%s %s is being sent; U takes it back", words[knob].heading, text);
  context->request (context, run->host, "PATCH", path, qmig_knobs_to_object (knobs), NULL, answered, sent, sent_free);
}

/* -- the dialog ---------------------------------------------------------------------- */

typedef struct
{
  UiView parent;
  char *id;
  UiKnob knob;
  UiEdit edit;
  char *now;
  char *problem;
} Tune;

static void
draw_problem (const Tune *self, UiPaint *paint, int y, int x, int width)
{
  g_auto(GStrv) lines = ui_text_wrap (self->problem, width);

  for (int i = 0; i < 2 && lines[i] != NULL; i++)
    ui_grid_put_field (paint->grid, y + i, x, width, UI_ROLE_FAIL, lines[i]);
}

static void
draw (UiView *view, UiPaint *paint)
{
  Tune *self = (Tune *) view;
  int width = MIN (WIDTH, paint->cols - 2);
  int y;
  int x;
  gint64 value;

  ui_paint_box (paint, 9, width, words[self->knob].heading, &y, &x);
  ui_grid_put_field (paint->grid, y, x, width - 4, UI_ROLE_DIM, words[self->knob].hint);
  ui_grid_printf (paint->grid, y + 2, x, UI_ROLE_TEXT, "now        %s", self->now);
  ui_grid_put (paint->grid, y + 3, x, UI_ROLE_TEXT, "new        ");
  ui_edit_draw (&self->edit, paint->grid, y + 3, x + 11, 20, TRUE);
  if (self->problem != NULL)
    draw_problem (self, paint, y + 4, x, width - 4);
  else if (ui_tune_parse (self->knob, self->edit.text->str, &value, NULL))
    {
      g_autofree char *option = option_value (self->knob, value);

      ui_grid_printf (paint->grid, y + 5, x, UI_ROLE_DIM, "$ qmig tune %s --%s %s", self->id, ui_knob_option (self->knob), option);
    }
  ui_grid_put (paint->grid, y + 6, x, UI_ROLE_DIM, "Enter send  Esc leave it as it is");
}

static void
send_typed (Tune *self, UiContext *context)
{
  UiRun *run = ui_model_find_run (context->model, self->id);
  g_autoptr(GError) error = NULL;
  gint64 value;

  g_clear_pointer (&self->problem, g_free);
  if (!ui_tune_parse (self->knob, self->edit.text->str, &value, &error))
    {
      self->problem = g_strdup (error->message);
      return;
    }
  if (run != NULL)
    ui_tune_send (context, run, self->knob, value);
  context->close (context, &self->parent);
}

static gboolean
act (UiView *view, UiAction action, UiContext *context)
{
  if (action == UI_ACTION_OPEN)
    send_typed ((Tune *) view, context);
  else if (action == UI_ACTION_BACK)
    context->close (context, view);
  return TRUE;
}

static gboolean
type (UiView *view, int key, UiContext *context)
{
  Tune *self = (Tune *) view;
  gboolean taken = ui_edit_type (&self->edit, key);

  if (taken)
    g_clear_pointer (&self->problem, g_free);
  return taken;
}

static void
tune_free (UiView *view)
{
  Tune *self = (Tune *) view;

  ui_edit_clear (&self->edit);
  g_free (self->id);
  g_free (self->now);
  g_free (self->problem);
  g_free (self);
}

static const UiViewClass klass
    = { .name = "tune", .screen = SCREEN, .overlay = TRUE, .draw = draw, .act = act, .type = type, .free = tune_free };

UiView *
ui_tune_new (UiRun *run, UiKnob knob)
{
  Tune *self = g_new0 (Tune, 1);

  self->parent.klass = &klass;
  self->id = g_strdup (run->id);
  self->knob = knob;
  self->now = ui_tune_value_text (knob, ui_run_knob_value (run, knob), FALSE);
  ui_edit_init (&self->edit, "");
  return &self->parent;
}
