/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What views may ask of the program. */

#include "ui-app-private.h"

#include "json-strict.h"

const guint ui_app_screens[UI_APP_BASES] = { UI_SCREEN_VMS, UI_SCREEN_RUNS, UI_SCREEN_LOG, UI_SCREEN_HISTORY, UI_SCREEN_HOSTS };

static UiApp *
app_of (UiContext *context)
{
  return (UiApp *) context;
}

static void
push (UiContext *context, UiView *view)
{
  UiApp *app = app_of (context);

  g_ptr_array_add (app->stack, view);
  if (view->klass->tick != NULL)
    view->klass->tick (view, context);
}

static void
close_view (UiContext *context, UiView *view)
{
  view->closed = TRUE;
}

typedef struct
{
  UiApp *app;
  UiView *view; /* who asked (nullable); gone: answered is NULL */
  UiAnswerFunc answered;
  gpointer user_data;
  GDestroyNotify destroy;
} Request;

static void
request_free (Request *request)
{
  if (request->destroy != NULL)
    request->destroy (request->user_data);
  g_free (request);
}

static void
request_answered (JsonObject *answer, const QmigProblem *problem, const GError *error, gpointer user_data)
{
  Request *request = user_data;
  UiApp *app = request->app;

  app->requests = g_list_remove (app->requests, request);
  if (error != NULL)
    ui_model_say (app->model, UI_ROLE_FAIL, "%s", error->message);
  if (request->answered != NULL)
    request->answered (&app->context, answer, problem, error, request->user_data);
  request_free (request);
  ui_fetch_hurry (app->fetch);
  ui_app_draw_soon (app, TRUE);
}

void
ui_app_forget_view (UiApp *app, UiView *view)
{
  for (GList *item = app->requests; item != NULL; item = item->next)
    {
      Request *request = item->data;

      if (request->view == view)
        request->answered = NULL;
    }
  ui_view_free (view);
}

static void
ask_agent (UiContext *context, const char *host, const char *method, const char *path, JsonObject *body, UiView *view, UiAnswerFunc answered,
           gpointer user_data, GDestroyNotify destroy)
{
  UiApp *app = app_of (context);
  Request *request = g_new0 (Request, 1);

  request->app = app;
  request->view = view;
  request->answered = answered;
  request->user_data = user_data;
  request->destroy = destroy;
  app->requests = g_list_prepend (app->requests, request);
  ui_fetch_request (app->fetch, host, method, path, body, request_answered, request);
}

static UiRun *
follow (UiContext *context, const char *host, const char *id)
{
  return ui_fetch_follow (app_of (context)->fetch, host, id);
}

gboolean
ui_app_is_base (const UiApp *app, const UiView *view)
{
  for (int i = 0; i < UI_APP_BASES; i++)
    if (app->bases[i] == view)
      return TRUE;
  return FALSE;
}

static void
show (UiContext *context, guint screen)
{
  UiApp *app = app_of (context);

  for (guint i = 1; i < app->stack->len; i++)
    ((UiView *) g_ptr_array_index (app->stack, i))->closed = TRUE;
  for (int i = 0; i < UI_APP_BASES; i++)
    if (ui_app_screens[i] == screen)
      g_ptr_array_index (app->stack, 0) = app->bases[i];
}

static void
want_action (UiContext *context, UiAction action)
{
  app_of (context)->wanted = action;
}

static void
copy_text (UiContext *context, const char *text)
{
  UiApp *app = app_of (context);

  ui_term_copy (app->term, text);
  ui_model_say (app->model, UI_ROLE_INFO, "copied: %s", text);
}

static void
export_json (UiContext *context, const char *name, JsonNode *json)
{
  UiApp *app = app_of (context);
  g_autoptr(JsonNode) owned = json;
  g_autofree char *text = json_strict_print (json);
  g_autoptr(GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *stamp = g_date_time_format (now, "%Y%m%d-%H%M%S");
  g_autofree char *file = g_strdup_printf ("qmig-%s-%s.json", name, stamp);
  g_autofree char *whole = g_strconcat (text, "\n", NULL);
  g_autoptr(GError) error = NULL;

  if (g_file_set_contents (file, whole, -1, &error))
    ui_model_say (app->model, UI_ROLE_OK, "written: %s", file);
  else
    ui_model_say (app->model, UI_ROLE_FAIL, "cannot export: %s", error->message);
}

static void
quit (UiContext *context)
{
  g_main_loop_quit (app_of (context)->loop);
}

void
ui_app_init_context (UiApp *app)
{
  app->context = (UiContext){ .model = app->model, .look = &app->look, .push = push, .close = close_view, .show = show, .request = ask_agent,
                              .follow = follow, .act = want_action, .copy = copy_text, .export = export_json, .quit = quit };
}

void
ui_app_free_requests (UiApp *app)
{
  g_list_free_full (app->requests, (GDestroyNotify) request_free);
}
