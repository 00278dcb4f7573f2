/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A fixed snapshot of three hosts and what happens on them, and a context that notes what views ask for. */

#include "ui-view.h"

G_BEGIN_DECLS

#define FIXTURE_NOW_US G_GINT64_CONSTANT (1800000000000000) /* 2027-01-15T08:00:00Z */
#define FIXTURE_MONO_US G_GINT64_CONSTANT (5000000000)

typedef struct
{
  UiContext context; /* first */
  UiLook look;
  UiModel *model;
  GPtrArray *stack;
  GString *asked; /* "POST /v1/… BODY" a line: what was requested */
  UiAnswerFunc answered; /* of the last request */
  gpointer answered_data;
  UiView *answered_view;
  GDestroyNotify destroy;
  gboolean quit;
} Fixture;

Fixture *fixture_new (void);
void fixture_free (Fixture *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Fixture, fixture_free)

/* A running migration of web01 in pass 6, with its curves, knobs and a forecast. */
void fixture_add_run (Fixture *self, gboolean diverging);
/* Two that have ended, with all their events. */
void fixture_add_past (Fixture *self);
/* Lines of the log with hostile text in them. */
void fixture_add_log (Fixture *self);

void fixture_push (Fixture *self, UiView *view);
/* Types keys by name, "Enter Down x". */
void fixture_keys (Fixture *self, const char *keys);
/* Gives the last request its answer. */
void fixture_answer (Fixture *self, const char *json);
void fixture_refuse (Fixture *self, const char *why);
UiView *fixture_top (Fixture *self);
/* (transfer full) */
UiGrid *fixture_draw (Fixture *self, int cols, int rows);

G_END_DECLS
