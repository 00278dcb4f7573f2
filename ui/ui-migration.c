/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One migration, while it runs or once more. */

#include "ui-panels.h"
#include "ui-text.h"

#include <string.h>

#define WINDOW_LEAST_US (5 * G_USEC_PER_SEC)
#define WINDOW_MOST_US (G_GINT64_CONSTANT (7200) * G_USEC_PER_SEC)
#define WINDOW_AUTO_LEAST_US (20 * G_USEC_PER_SEC)
#define WINDOW_AUTO_MOST_US (100 * G_USEC_PER_SEC)
#define TICK_US (100 * G_TIME_SPAN_MILLISECOND)

typedef struct
{
  UiView parent;
  char *host;
  char *id;
  gint64 window_us; /* 0: as fits what there is */
  gint64 cursor_us;
  int knob;
  int graph_width;  /* of the last drawing, for clicks */

  /* replay */
  gboolean replay;
  gboolean playing;
  double speed;
  gint64 at_us;
  gint64 ticked_mono_us;
} Migration;

static UiRun *
find_run (Migration *self, const UiModel *model)
{
  return ui_model_find_run (model, self->id);
}

/* The newest moment that is shown; time goes on while nothing comes. */
static gint64
right_edge (const Migration *self, const UiModel *model, const UiRun *run)
{
  if (self->replay)
    return MAX (self->at_us, run->start_us);
  if (run->result != NULL || run->heard_mono_us == 0)
    return run->shown_us;
  return run->shown_us + MAX (model->mono_us - run->heard_mono_us, 0);
}

static gint64
window_of (const Migration *self, const UiRun *run, gint64 edge_us)
{
  /* Of a replay the whole is known from the start, and the curve does not shrink under it. */
  gint64 end_us = self->replay && run->events->len > 0 ? ui_run_get_event (run, run->events->len - 1)->time_us : edge_us;
  gint64 age_us = end_us - run->start_us;

  return self->window_us > 0 ? self->window_us : CLAMP (age_us, WINDOW_AUTO_LEAST_US, WINDOW_AUTO_MOST_US);
}

/* -- drawing ------------------------------------------------------------------------- */

static const char *
state_word (const UiRun *run)
{
  const QmigMigrationInfo *info = run->info;

  if (run->result != NULL)
    return qmig_outcome_names[run->result->outcome];
  if (info != NULL && info->cancelling)
    return "rolling back";
  if (info != NULL && info->holding)
    return "holding at the gate";
  if (info != NULL && info->postcopy)
    return "post-copy";
  return qmig_stage_names[run->stage];
}

static void
draw_title (Migration *self, UiPaint *paint, const UiRun *run, gint64 edge_us)
{
  const QmigMigrationInfo *info = run->info;
  g_autofree char *clock = ui_text_clock ((edge_us - run->start_us) / 1000);
  g_autofree char *word = g_ascii_strup (state_word (run), -1);
  g_autofree char *speed = self->replay ? g_strdup_printf ("REPLAY %s x%g  ", self->playing ? "▶" : "–", self->speed) : g_strdup ("");
  g_autofree char *right = g_strdup_printf ("%s%s%s  %s", info != NULL && info->rehearsal ? "REHEARSAL " : "", speed, word, clock);
  g_autofree char *left = g_strdup_printf ("%s · %s  %s → %s", run->id, info != NULL && info->vm != NULL ? info->vm : "?",
                                           info != NULL && info->source != NULL ? info->source : run->host,
                                           info != NULL ? ui_model_destination_name (paint->model, info) : "?");

  ui_paint_title (paint, left, right);
}

/* How the lines are shared out. */
typedef struct
{
  int remaining;
  int rates; /* 0: none */
  int forecast;
  int log;   /* with its rule; 0: none */
} Shares;

static Shares
share_out (const UiPanels *panels)
{
  UiPaint *paint = panels->paint;
  int wants = ui_panel_forecast_wants (panels);
  gboolean full = paint->size == UI_SIZE_FULL;
  Shares shares = { 0 };
  int fixed;
  int spare;

  if (paint->size == UI_SIZE_SINGLE)
    {
      /* title, stages, two rules, knobs, footer */
      shares.forecast = CLAMP (wants, 1, 2);
      spare = paint->rows - 6 - shares.forecast;
      shares.log = spare >= 8 ? 3 : 0;
      shares.remaining = spare - shares.log;
      return shares;
    }
  /* title, stages, three rules, forecast's rule, footer, knobs */
  fixed = 1 + 3 + 2 + 1 + 1 + 1 + (full ? 3 : 2);
  spare = paint->rows - fixed;
  shares.forecast = CLAMP (wants, full ? 2 : 1, full ? 5 : 3);
  shares.log = full ? 4 : 3;
  spare -= shares.forecast + shares.log;
  if (spare > 16)
    shares.log += (spare - 16) / 2;
  spare = paint->rows - fixed - shares.forecast - shares.log;
  shares.rates = MAX (spare * 2 / 5, 2);
  shares.remaining = MAX (spare - shares.rates, 2);
  return shares;
}

static void
draw_panels (UiPanels *panels)
{
  Shares shares = share_out (panels);
  int y = ui_panel_stages (panels, 1);

  y = ui_panel_remaining (panels, y, shares.remaining);
  if (shares.rates > 0)
    y = ui_panel_rates (panels, y, shares.rates);
  y = ui_panel_forecast (panels, y, shares.forecast);
  y = ui_panel_knobs (panels, y, shares.rates > 0);
  if (shares.log > 0)
    ui_panel_log (panels, y, shares.log);
}

static void
draw (UiView *view, UiPaint *paint)
{
  Migration *self = (Migration *) view;
  UiRun *run = find_run (self, paint->model);
  UiPanels panels = { .paint = paint, .run = run, .cursor_us = self->cursor_us, .live = !self->replay };
  UiScale scale;
  int x;

  if (run == NULL || (run->events->len == 0 && run->info == NULL))
    {
      ui_paint_title (paint, self->id, NULL);
      ui_grid_printf (paint->grid, 2, 2, UI_ROLE_DIM, "waiting for the agent on %s …", self->host);
      ui_paint_footer (paint, view->klass->screen, NULL);
      return;
    }
  panels.at_us = right_edge (self, paint->model, run);
  panels.window_us = window_of (self, run, panels.at_us);
  panels.knob = self->replay || paint->look->read_only || run->result != NULL ? -1 : self->knob;
  ui_panel_scale (&panels, &scale, &x, &self->graph_width);
  draw_title (self, paint, run, panels.at_us);
  draw_panels (&panels);
  ui_paint_footer (paint, view->klass->screen, paint->size == UI_SIZE_SINGLE ? "rates need 80x24" : NULL);
}

/* -- keys --------------------------------------------------------------------------------- */

static void
zoom (Migration *self, const UiModel *model, const UiRun *run, gboolean in)
{
  gint64 window_us = window_of (self, run, right_edge (self, model, run));

  self->window_us = CLAMP (in ? window_us / 2 : window_us * 2, WINDOW_LEAST_US, WINDOW_MOST_US);
}

static void
move_cursor (Migration *self, const UiModel *model, const UiRun *run, int by)
{
  gint64 edge_us = right_edge (self, model, run);
  gint64 step_us = window_of (self, run, edge_us) / 60;

  self->cursor_us = (self->cursor_us > 0 ? self->cursor_us : edge_us) + by * step_us;
  if (self->cursor_us >= edge_us)
    self->cursor_us = 0;
  else
    self->cursor_us = MAX (self->cursor_us, run->start_us);
}

static void
undo (Migration *self, UiContext *context, UiRun *run)
{
  int last = -1;

  for (int i = 0; i < UI_N_KNOBS; i++)
    if (run->knobs[i].state != UI_KNOB_IDLE && run->knobs[i].before != QMIG_UNSET
        && (last < 0 || run->knobs[i].since_us > run->knobs[last].since_us))
      last = i;
  if (last < 0)
    ui_model_say (context->model, UI_ROLE_DIM, "no knob was turned yet");
  else
    ui_tune_send (context, run, (UiKnob) last, run->knobs[last].before);
}

static void
hold_or_go (UiContext *context, const UiRun *run)
{
  gboolean held = run->info != NULL && (run->info->hold_wanted || run->info->holding);

  ui_migration_post (context, run->host, run->id, held ? "go" : "hold");
  ui_model_say (context->model, UI_ROLE_INFO, held ? "%s may go through the gate" : "%s will wait at the gate before the switch-over; w lets it go",
                run->id);
}

static gboolean
steer (Migration *self, UiAction action, UiContext *context, UiRun *run)
{
  static const UiAction knobs[UI_N_KNOBS] = { UI_ACTION_DOWNTIME, UI_ACTION_BANDWIDTH, UI_ACTION_THROTTLE, UI_ACTION_DEADLINE };

  for (int i = 0; i < UI_N_KNOBS; i++)
    if (action == knobs[i] || (action == UI_ACTION_OPEN && self->knob == i))
      {
        self->knob = i;
        context->push (context, ui_tune_new (run, (UiKnob) i));
        return TRUE;
      }
  if (action == UI_ACTION_UNDO)
    undo (self, context, run);
  else if (action == UI_ACTION_HOLD)
    hold_or_go (context, run);
  else if (action == UI_ACTION_CANCEL && run->info != NULL)
    ui_migration_ask_cancel (context, run->info, run->host);
  else if (action == UI_ACTION_POSTCOPY && run->info != NULL)
    ui_migration_ask_postcopy (context, run->info, run->host);
  else
    return FALSE;
  return TRUE;
}

static gboolean
move_knob (Migration *self, UiAction action)
{
  if (action != UI_ACTION_UP && action != UI_ACTION_DOWN)
    return FALSE;
  self->knob = (self->knob + (action == UI_ACTION_UP ? UI_N_KNOBS - 1 : 1)) % UI_N_KNOBS;
  return TRUE;
}

static void
export_run (UiContext *context, const UiRun *run)
{
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);
  g_autoptr(GPtrArray) samples = g_ptr_array_new ();

  for (guint i = 0; i < run->samples->len; i++)
    g_ptr_array_add (samples, (gpointer) g_array_index (run->samples, UiSampleAt, i).sample);
  json_node_take_object (node, api_list_to_object (&qmig_sample_type, samples));
  context->export (context, run->id, node);
}

static gboolean
act_on_both (Migration *self, UiAction action, UiContext *context, UiRun *run)
{
  g_autofree char *command = g_strdup_printf ("qmig watch %s", self->id);

  if (action == UI_ACTION_ZOOM_IN || action == UI_ACTION_ZOOM_OUT)
    zoom (self, context->model, run, action == UI_ACTION_ZOOM_IN);
  else if (action == UI_ACTION_COPY)
    context->copy (context, command);
  else if (action == UI_ACTION_EXPORT)
    export_run (context, run);
  else if (action == UI_ACTION_RECOVER && run->info != NULL)
    ui_migration_ask_recover (context, run->info, run->host);
  else
    return FALSE;
  return TRUE;
}

static gboolean
act_live (UiView *view, UiAction action, UiContext *context)
{
  Migration *self = (Migration *) view;
  UiRun *run = find_run (self, context->model);

  if (run == NULL)
    return FALSE;
  if (act_on_both (self, action, context, run) || move_knob (self, action))
    return TRUE;
  if (action == UI_ACTION_LEFT || action == UI_ACTION_RIGHT)
    {
      move_cursor (self, context->model, run, action == UI_ACTION_LEFT ? -1 : 1);
      return TRUE;
    }
  if (run->result == NULL)
    return steer (self, action, context, run);
  /* What is over cannot be steered, and the keys that would say so. */
  if (action >= UI_ACTION_DOWNTIME && action <= UI_ACTION_UNDO && action != UI_ACTION_RECOVER)
    {
      ui_model_say (context->model, UI_ROLE_DIM, "%s is over", self->id);
      return TRUE;
    }
  return FALSE;
}

static gboolean
click (UiView *view, const UiHit *hit, UiContext *context)
{
  Migration *self = (Migration *) view;
  UiRun *run = find_run (self, context->model);

  if (run == NULL)
    return FALSE;
  if (hit->kind == UI_HIT_FIELD && self->knob == hit->value && !self->replay && !context->look->read_only)
    return act_live (view, UI_ACTION_OPEN, context);
  if (hit->kind == UI_HIT_FIELD)
    self->knob = hit->value;
  else if (hit->kind == UI_HIT_GRAPH)
    {
      gint64 edge_us = right_edge (self, context->model, run);
      gint64 window_us = window_of (self, run, edge_us);

      self->cursor_us = MAX (edge_us - window_us + window_us * hit->value / MAX (self->graph_width, 1), run->start_us);
    }
  else
    return FALSE;
  return TRUE;
}

static gint64
tick_live (UiView *view, UiContext *context)
{
  Migration *self = (Migration *) view;
  UiRun *run = context->follow (context, self->host, self->id);

  if (run != NULL)
    ui_run_show (run, run->events->len);
  return 0;
}

/* -- replay ------------------------------------------------------------------------------- */

static gint64
end_of (const UiRun *run)
{
  return run->events->len > 0 ? ui_run_get_event (run, run->events->len - 1)->time_us : run->start_us;
}

static gint64
tick_replay (UiView *view, UiContext *context)
{
  Migration *self = (Migration *) view;
  UiRun *run = context->follow (context, self->host, self->id);
  gint64 now_us = context->model->mono_us;

  if (run == NULL || run->events->len == 0)
    return now_us + TICK_US;
  if (self->at_us == 0)
    self->at_us = run->start_us;
  if (self->playing && self->ticked_mono_us > 0)
    self->at_us += (gint64) ((double) (now_us - self->ticked_mono_us) * self->speed);
  self->ticked_mono_us = now_us;
  /* The end is only known once all of it has come. */
  if (self->at_us >= end_of (run))
    {
      self->at_us = end_of (run);
      self->playing = self->playing && ui_run_get_event (run, run->events->len - 1)->type != UI_EVENT_RESULT;
    }
  ui_run_show (run, ui_run_find (run, self->at_us));
  return self->playing ? now_us + TICK_US : 0;
}

static gboolean
is_stop (const UiEvent *event, gboolean phases)
{
  if (event->type == UI_EVENT_STAGE || event->type == UI_EVENT_RESULT)
    return TRUE;
  return phases ? event->type == UI_EVENT_ROUND : event->type == UI_EVENT_SAMPLE;
}

/* To the next sample or phase, that way. */
static void
step (Migration *self, UiRun *run, int by, gboolean phases)
{
  guint n = ui_run_find (run, self->at_us);

  self->playing = FALSE;
  if (by > 0)
    {
      while (n < run->events->len && !is_stop (ui_run_get_event (run, n), phases))
        n++;
      self->at_us = n < run->events->len ? ui_run_get_event (run, n)->time_us : end_of (run);
      return;
    }
  while (n > 0 && (ui_run_get_event (run, n - 1)->time_us >= self->at_us || !is_stop (ui_run_get_event (run, n - 1), phases)))
    n--;
  self->at_us = n > 0 ? ui_run_get_event (run, n - 1)->time_us : run->start_us;
}

static gboolean
act_replay (UiView *view, UiAction action, UiContext *context)
{
  Migration *self = (Migration *) view;
  UiRun *run = find_run (self, context->model);

  if (run == NULL)
    return FALSE;
  if (act_on_both (self, action, context, run))
    return TRUE;
  if (action == UI_ACTION_PLAY)
    {
      if (!self->playing && self->at_us >= end_of (run))
        self->at_us = run->start_us;
      self->playing = !self->playing;
      self->ticked_mono_us = 0;
    }
  else if (action == UI_ACTION_LEFT || action == UI_ACTION_RIGHT)
    step (self, run, action == UI_ACTION_LEFT ? -1 : 1, FALSE);
  else if (action == UI_ACTION_PHASE_BACK || action == UI_ACTION_PHASE_ON)
    step (self, run, action == UI_ACTION_PHASE_BACK ? -1 : 1, TRUE);
  else if (action == UI_ACTION_SLOWER || action == UI_ACTION_FASTER)
    self->speed = CLAMP (action == UI_ACTION_SLOWER ? self->speed / 2 : self->speed * 2, 0.125, 128);
  else if (action == UI_ACTION_FIRST || action == UI_ACTION_LAST)
    {
      self->playing = FALSE;
      self->at_us = action == UI_ACTION_FIRST ? run->start_us : end_of (run);
    }
  else
    return FALSE;
  tick_replay (view, context);
  return TRUE;
}

/* ------------------------------------------------------------------------------------------ */

static void
subject (UiView *view, const UiModel *model, UiSubject *what)
{
  Migration *self = (Migration *) view;
  const UiRun *run = find_run (self, model);

  what->host = self->host;
  what->migration = self->id;
  what->vm = run != NULL && run->info != NULL ? run->info->vm : NULL;
}

static void
migration_free (UiView *view)
{
  Migration *self = (Migration *) view;

  g_free (self->host);
  g_free (self->id);
  g_free (self);
}

static const UiViewClass live_class = { .name = "migration", .screen = UI_SCREEN_RUN, .draw = draw, .act = act_live, .click = click, .tick = tick_live,
                                        .subject = subject, .free = migration_free };
static const UiViewClass replay_class = { .name = "replay", .screen = UI_SCREEN_REPLAY, .draw = draw, .act = act_replay, .click = click,
                                          .tick = tick_replay, .subject = subject, .free = migration_free };

static UiView *
new_for (const UiViewClass *klass, const char *host, const char *id)
{
  Migration *self = g_new0 (Migration, 1);

  self->parent.klass = klass;
  self->host = g_strdup (host);
  self->id = g_strdup (id);
  return &self->parent;
}

UiView *
ui_migration_new (const char *host, const char *id)
{
  return new_for (&live_class, host, id);
}

UiView *
ui_replay_new (const char *host, const char *id)
{
  Migration *self = (Migration *) new_for (&replay_class, host, id);

  self->replay = TRUE;
  self->playing = TRUE;
  self->speed = 1;
  return &self->parent;
}
