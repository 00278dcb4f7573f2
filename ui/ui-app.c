/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The main loop: keys first, then what came from the agents, then at most so many drawings. */

#include "ui-app-private.h"

#include "api-error.h"
#include "ui-keys.h"
#include "ui-signals.h"
#include "ui-state.h"

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FRAME_US (G_USEC_PER_SEC / 10)
#define FRAME_BY_SSH_US (G_USEC_PER_SEC / 4)
#define KEY_FRAME_US (15 * G_TIME_SPAN_MILLISECOND) /* a key that is held down */
#define TICK_MS 200
#define CLOCK_US G_USEC_PER_SEC
#define WHEEL_LINES 3

static UiView *
top_view (UiApp *app)
{
  return g_ptr_array_index (app->stack, app->stack->len - 1);
}

/* -- drawing ----------------------------------------------------------------------- */

static void
draw_now (UiApp *app)
{
  int rows;
  int cols;
  g_autoptr(UiGrid) grid = NULL;

  ui_term_get_size (app->term, &rows, &cols);
  app->model->mono_us = g_get_monotonic_time ();
  app->model->now_us = g_get_real_time ();
  grid = ui_grid_new (rows, cols, app->look.charset);
  ui_screen_draw (grid, app->model, &app->look, app->stack);
  app->dirty = !ui_term_draw (app->term, grid, app->look.theme);
  app->by_key = FALSE;
  app->drawn_us = g_get_monotonic_time ();
  g_clear_pointer (&app->grid, ui_grid_free);
  app->grid = g_steal_pointer (&grid);
}

static gboolean
draw_due (gpointer user_data)
{
  UiApp *app = user_data;

  app->draw_id = 0;
  draw_now (app);
  return G_SOURCE_REMOVE;
}

static gint64
frame_us (const UiApp *app)
{
  if (app->by_key)
    return KEY_FRAME_US;
  return g_getenv ("SSH_CONNECTION") != NULL ? FRAME_BY_SSH_US : FRAME_US;
}

/* Whatever changes meanwhile is drawn with it. */
void
ui_app_draw_soon (UiApp *app, gboolean by_key)
{
  gint64 wait_us;

  app->dirty = TRUE;
  if (app->model->frozen && !by_key)
    return;
  if (by_key && !app->by_key && app->draw_id != 0)
    {
      g_source_remove (app->draw_id);
      app->draw_id = 0;
    }
  app->by_key |= by_key;
  if (app->draw_id != 0)
    return;
  wait_us = MAX (app->drawn_us + frame_us (app) - g_get_monotonic_time (), 0);
  app->draw_id = g_timeout_add_full (by_key ? G_PRIORITY_DEFAULT - 10 : G_PRIORITY_DEFAULT + 10, (guint) ((wait_us + 999) / 1000), draw_due, app, NULL);
}

static void
model_changed (gpointer user_data)
{
  ui_app_draw_soon (user_data, FALSE);
}

/* -- keys ------------------------------------------------------------------------------- */

static void
prune (UiApp *app)
{
  for (guint i = app->stack->len; i > 1; i--)
    {
      UiView *view = g_ptr_array_index (app->stack, i - 1);

      if (!view->closed)
        continue;
      g_ptr_array_remove_index (app->stack, i - 1);
      ui_app_forget_view (app, view);
    }
}

static void
subject_of (UiApp *app, UiSubject *subject)
{
  UiView *view = top_view (app);

  *subject = (UiSubject){ NULL, NULL, NULL };
  if (view->klass->subject != NULL)
    view->klass->subject (view, app->model, subject);
}

static void
push_palette (UiApp *app)
{
  UiSubject subject;

  subject_of (app, &subject);
  app->context.push (&app->context, ui_palette_new (top_view (app)->klass->screen, &subject));
}

/* Esc and q: off the stack; from another list back to the first. */
static void
step_back (UiApp *app, gboolean may_quit)
{
  if (app->stack->len > 1)
    top_view (app)->closed = TRUE;
  else if (g_ptr_array_index (app->stack, 0) != app->bases[0])
    app->context.show (&app->context, UI_SCREEN_VMS);
  else if (may_quit)
    app->context.quit (&app->context);
}

static void
next_graph (UiApp *app)
{
  app->look.graph = app->look.charset == UI_CHARSET_ASCII ? UI_GRAPH_ASCII : (UiGraph) ((app->look.graph + 1) % 3);
  ui_model_say (app->model, UI_ROLE_DIM, "graph: %s", ui_graph_names[app->look.graph]);
}

static void
next_theme (UiApp *app)
{
  app->look.theme = ui_term_has_color (app->term) ? (UiTheme) ((app->look.theme + 1) % 4) : UI_THEME_MONO;
  ui_model_say (app->model, UI_ROLE_DIM, "theme: %s", ui_theme_names[app->look.theme]);
}

/* What is the same on all screens. */
static void
act_globally (UiApp *app, UiAction action)
{
  switch ((int) action)
    {
    case UI_ACTION_SHOW_VMS:
    case UI_ACTION_SHOW_RUNS:
    case UI_ACTION_SHOW_LOG:
    case UI_ACTION_SHOW_HISTORY:
    case UI_ACTION_SHOW_HOSTS:
      app->context.show (&app->context, ui_app_screens[action - UI_ACTION_SHOW_VMS]);
      break;
    case UI_ACTION_UNITS:
      app->look.bits = !app->look.bits;
      break;
    case UI_ACTION_THEME:
      next_theme (app);
      break;
    case UI_ACTION_GRAPH:
      next_graph (app);
      break;
    case UI_ACTION_FREEZE:
      app->model->frozen = TRUE;
      break;
    case UI_ACTION_REDRAW:
      ui_term_redraw (app->term);
      break;
    case UI_ACTION_PALETTE:
      push_palette (app);
      break;
    case UI_ACTION_HELP:
      app->context.push (&app->context, ui_help_new (top_view (app)->klass->screen));
      break;
    case UI_ACTION_BACK:
      step_back (app, FALSE);
      break;
    case UI_ACTION_CLOSE:
      step_back (app, TRUE);
      break;
    case UI_ACTION_QUIT:
      app->context.quit (&app->context);
      break;
    default:
      break;
    }
}

/* Esc belongs to a filter first: a view says whether there was one to drop. */
static void
do_action (UiApp *app, UiAction action)
{
  UiView *view = top_view (app);

  if (action == UI_ACTION_NONE)
    return;
  if (!view->klass->act (view, action, &app->context))
    act_globally (app, action);
}

static void
do_wanted (UiApp *app)
{
  UiAction wanted = app->wanted;

  prune (app);
  app->wanted = UI_ACTION_NONE;
  do_action (app, wanted);
  prune (app);
}

static void
clicked (UiApp *app)
{
  UiView *view = top_view (app);
  const UiHit *hit;
  int y;
  int x;

  ui_term_get_click (app->term, &y, &x);
  hit = app->grid != NULL ? ui_grid_find_hit (app->grid, y, x) : NULL;
  if (hit == NULL)
    return;
  if (hit->kind == UI_HIT_ACTION)
    do_action (app, (UiAction) hit->value);
  else if (view->klass->click != NULL)
    view->klass->click (view, hit, &app->context);
}

static gboolean
is_too_small (UiApp *app)
{
  int rows;
  int cols;

  ui_term_get_size (app->term, &rows, &cols);
  return ui_size_of (rows, cols) == UI_SIZE_TOO_SMALL;
}

/* Nobody acts on what is old without seeing what is: the first key only lets the display go on. */
static gboolean
thaw (UiApp *app, int key)
{
  if (!app->model->frozen)
    return FALSE;
  app->model->frozen = FALSE;
  return key != 'Q';
}

static void
do_key (UiApp *app, int key)
{
  UiView *view = top_view (app);

  if (is_too_small (app))
    {
      if (key == 'q' || key == 'Q')
        app->context.quit (&app->context);
      return;
    }
  if (thaw (app, key))
    return;
  if (key == UI_KEY_MOUSE)
    clicked (app);
  else if (key == UI_KEY_WHEEL_UP || key == UI_KEY_WHEEL_DOWN)
    for (int i = 0; i < WHEEL_LINES; i++)
      do_action (app, key == UI_KEY_WHEEL_UP ? UI_ACTION_UP : UI_ACTION_DOWN);
  else if (view->klass->type == NULL || !view->klass->type (view, key, &app->context))
    do_action (app, ui_actions_find (view->klass->screen, key, app->look.read_only));
  do_wanted (app);
}

static void
tick_views (UiApp *app)
{
  UiView *view = top_view (app);

  if (view->klass->tick != NULL && view->klass->tick (view, &app->context) != 0)
    ui_app_draw_soon (app, FALSE);
  prune (app);
}

static gboolean
keys_came (int fd, GIOCondition condition, gpointer user_data)
{
  UiApp *app = user_data;
  int key;

  app->model->mono_us = g_get_monotonic_time ();
  app->model->now_us = g_get_real_time ();
  /* The terminal is gone. */
  if ((condition & (G_IO_HUP | G_IO_ERR)) != 0 && (condition & G_IO_IN) == 0)
    {
      app->context.quit (&app->context);
      return G_SOURCE_REMOVE;
    }
  while ((key = ui_term_read_key (app->term)) != UI_KEY_NONE)
    do_key (app, key);
  tick_views (app);
  ui_app_draw_soon (app, TRUE);
  return G_SOURCE_CONTINUE;
}

/* -- signals -------------------------------------------------------------------------------- */

static void
resized (gpointer user_data)
{
  UiApp *app = user_data;

  ui_term_resize (app->term);
  ui_app_draw_soon (app, TRUE);
}

static void
to_suspend (gpointer user_data)
{
  UiApp *app = user_data;

  ui_term_suspend (app->term);
  ui_fetch_hurry (app->fetch);
  ui_app_draw_soon (app, TRUE);
}

static void
resumed (gpointer user_data)
{
  UiApp *app = user_data;

  ui_term_resize (app->term);
  ui_term_redraw (app->term);
  ui_app_draw_soon (app, TRUE);
}

static void
to_end (int signal_number, gpointer user_data)
{
  UiApp *app = user_data;

  app->ended_by = signal_number;
  g_main_loop_quit (app->loop);
}

static const UiSignalFuncs signal_funcs = { resized, to_suspend, resumed, to_end };

/* -- running ---------------------------------------------------------------------------------- */

static guint
wants_of (UiApp *app)
{
  guint screen = ((UiView *) g_ptr_array_index (app->stack, 0))->klass->screen;

  return (screen == UI_SCREEN_VMS ? UI_WANT_VMS : 0) | (screen == UI_SCREEN_HISTORY ? UI_WANT_PAST : 0)
         | (screen == UI_SCREEN_LOG ? UI_WANT_CHANGES : 0);
}

static gboolean
tick (gpointer user_data)
{
  UiApp *app = user_data;

  ui_fetch_tick (app->fetch, wants_of (app));
  tick_views (app);
  /* Ages and the clock. */
  if (app->model->mono_us - app->drawn_us >= CLOCK_US || app->dirty)
    ui_app_draw_soon (app, FALSE);
  return G_SOURCE_CONTINUE;
}

/* Nothing but drawings may reach the terminal. */
static GLogWriterOutput
log_to_model (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  UiApp *app = user_data;
  g_autofree char *text = NULL;
  UiEvent *line;

  if (app->model == NULL || app->term == NULL)
    return g_log_writer_default (level, fields, n_fields, NULL);
  if ((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE)) == 0)
    return G_LOG_WRITER_HANDLED;
  text = g_log_writer_format_fields (level, fields, n_fields, FALSE);
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    g_printerr ("%s\n", text);
  line = ui_event_new_line (UI_EVENT_LOG, g_get_real_time (), "console", UI_ROLE_WARN, text);
  ui_model_log (app->model, line);
  ui_event_free (line);
  return G_LOG_WRITER_HANDLED;
}

static void
choose_look (UiApp *app, const UiState *state)
{
  const char *graph = app->options->graph != NULL ? app->options->graph : g_getenv ("QMIG_GRAPH");
  int theme = ui_name_find (ui_theme_names, g_getenv ("QMIG_THEME") != NULL ? g_getenv ("QMIG_THEME") : state->theme);
  gboolean color = ui_theme_wants_color (app->options->color, ui_term_has_color (app->term)) && ui_term_has_color (app->term);

  app->look.charset = ui_charset_choose (ui_term_is_utf8 (app->term), g_getenv ("TERM"));
  app->look.graph = ui_graph_choose (graph != NULL ? graph : state->graph, app->look.charset);
  app->look.theme = !color ? UI_THEME_MONO : theme >= 0 ? (UiTheme) theme : UI_THEME_DEFAULT;
  app->look.bits = state->bits;
  app->look.read_only = app->options->read_only;
  app->look.has_mouse = !app->options->no_mouse;
}

static void
make_screens (UiApp *app, const char *wanted)
{
  UiView *(*const make[UI_APP_BASES]) (void) = { ui_vms_new, ui_runs_new, ui_log_new, ui_history_new, ui_hosts_new };
  int first = 0;

  for (int i = 0; i < UI_APP_BASES; i++)
    {
      app->bases[i] = make[i]();
      if (g_strcmp0 (app->bases[i]->klass->name, wanted) == 0)
        first = i;
    }
  app->stack = g_ptr_array_new ();
  g_ptr_array_add (app->stack, app->bases[first]);
}

static void
save_state (UiApp *app)
{
  g_autoptr(UiState) state = ui_state_load ();
  const UiView *base = g_ptr_array_index (app->stack, 0);

  g_free (state->screen);
  state->screen = g_strdup (base->klass->name);
  g_free (state->graph);
  state->graph = g_strdup (ui_graph_names[app->look.graph]);
  if (app->look.theme != UI_THEME_MONO || ui_term_has_color (app->term))
    {
      g_free (state->theme);
      state->theme = g_strdup (ui_theme_names[app->look.theme]);
    }
  state->bits = app->look.bits;
  ui_state_save (state);
}

static void
free_views (UiApp *app)
{
  for (guint i = app->stack->len; i > 0; i--)
    if (!ui_app_is_base (app, g_ptr_array_index (app->stack, i - 1)))
      ui_app_forget_view (app, g_ptr_array_index (app->stack, i - 1));
  for (int i = 0; i < UI_APP_BASES; i++)
    ui_app_forget_view (app, app->bases[i]);
  g_ptr_array_unref (app->stack);
}

static void
run_loop (UiApp *app)
{
  guint keys_id = g_unix_fd_add_full (G_PRIORITY_HIGH, STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, keys_came, app, NULL);
  guint tick_id = g_timeout_add (TICK_MS, tick, app);

  ui_signals_watch (&signal_funcs, app);
  ui_fetch_tick (app->fetch, wants_of (app));
  draw_now (app);
  g_main_loop_run (app->loop);

  /* One that ended because the terminal hung up is gone already. */
  if (g_main_context_find_source_by_id (NULL, keys_id) != NULL)
    g_source_remove (keys_id);
  g_source_remove (tick_id);
  if (app->draw_id != 0)
    g_source_remove (app->draw_id);
  ui_signals_unwatch ();
}

/* Of a console that was killed the shell is to hear so. */
static int
leave (const UiApp *app, guint n_active)
{
  if (n_active > 0)
    fprintf (stderr, "qmig: %u %s again\n", n_active, n_active == 1 ? "migration goes on; 'qmig' shows it" : "migrations go on; 'qmig' shows them");
  if (app->ended_by == 0)
    return QMIG_EXIT_OK;
  signal (app->ended_by, SIG_DFL);
  raise (app->ended_by);
  return QMIG_EXIT_INTERRUPTED;
}

static UiApp *
app_new (const UiOptions *options)
{
  UiApp *app = g_new0 (UiApp, 1);

  app->options = options;
  app->model = ui_model_new ();
  app->loop = g_main_loop_new (NULL, FALSE);
  ui_app_init_context (app);
  return app;
}

static void
app_free (UiApp *app)
{
  g_clear_pointer (&app->fetch, ui_fetch_free);
  ui_app_free_requests (app);
  g_clear_pointer (&app->model, ui_model_free);
  g_clear_pointer (&app->grid, ui_grid_free);
  g_main_loop_unref (app->loop);
  g_free (app);
}

int
qmig_ui_run (const UiOptions *options, GError **error)
{
  /* The writer of GLib's log can be set once, and stays. */
  static UiApp *app;
  g_autoptr(UiState) state = ui_state_load ();
  guint n_active;
  int status;

  if (!ui_keys_load (error))
    return QMIG_EXIT_USAGE;
  app = app_new (options);
  app->fetch = ui_fetch_new (app->model, options->host, options->uri, model_changed, app, error);
  app->term = app->fetch != NULL ? ui_term_new (!options->no_mouse, error) : NULL;
  if (app->term == NULL)
    {
      app_free (app);
      return QMIG_EXIT_USAGE;
    }
  g_log_set_writer_func (log_to_model, app, NULL);
  choose_look (app, state);
  make_screens (app, options->screen != NULL ? options->screen : state->screen);
  run_loop (app);

  n_active = ui_model_count_active (app->model);
  save_state (app);
  g_clear_pointer (&app->term, ui_term_free);
  free_views (app);
  status = leave (app, n_active);
  app_free (app);
  return status;
}
