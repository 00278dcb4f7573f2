/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The program, as its two files share it. */

#include "ui-fetch.h"
#include "ui-term.h"
#include "ui-view.h"
#include "ui.h"

G_BEGIN_DECLS

#define UI_APP_BASES 5

typedef struct
{
  UiContext context; /* first: views see this */
  const UiOptions *options;
  UiTerm *term;
  UiModel *model;
  UiLook look;
  UiFetch *fetch;
  GMainLoop *loop;
  GPtrArray *stack;      /* UiView, topmost last; the first is one of bases */
  UiView *bases[UI_APP_BASES];
  GList *requests;       /* AppRequest */
  UiGrid *grid;          /* the last one that was drawn, for clicks (nullable) */
  UiAction wanted;       /* asked for by a view, done when it has returned */
  guint draw_id;
  gint64 drawn_us;
  gboolean dirty;        /* what is shown is not what is */
  gboolean by_key;
  int ended_by;          /* signal; 0: none */
} UiApp;

/* The screens on the keys 1 to 5, in the order of bases. */
extern const guint ui_app_screens[UI_APP_BASES];

/* Fills in what views may ask for. */
void ui_app_init_context (UiApp *app);
void ui_app_free_requests (UiApp *app);

/* Draws when it is time, and at once for a key. */
void ui_app_draw_soon (UiApp *app, gboolean by_key);
gboolean ui_app_is_base (const UiApp *app, const UiView *view);
/* Frees it; nobody answers it any more. */
void ui_app_forget_view (UiApp *app, UiView *view);

G_END_DECLS
