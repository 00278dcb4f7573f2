/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Keeps the model fresh.  Each host is asked for itself, with deadlines, so
 * that one that is dead, silent or slow delays nothing but what is its own.
 * Everything completes in the thread's default context; nothing here waits.
 */

#include "client.h"
#include "ui-model.h"

G_BEGIN_DECLS

typedef struct _UiFetch UiFetch;

/* What is on the screen, and has to be fresh. */
typedef enum
{
  UI_WANT_VMS = 1 << 0,
  UI_WANT_PAST = 1 << 1,
  UI_WANT_CHANGES = 1 << 2,
} UiWants;

/* @uri: of the agent to start with; @name: what to call it until it says so; @changed: called when the model is another */
UiFetch *ui_fetch_new (UiModel *model, const char *name, const char *uri, void (*changed) (gpointer), gpointer user_data, GError **error);
void ui_fetch_free (UiFetch *self);

/* Asks for what is due; call it a few times a second. */
void ui_fetch_tick (UiFetch *self, guint wants);
/* Makes everything due. */
void ui_fetch_hurry (UiFetch *self);

/* @problem: the agent's own account (nullable) */
typedef void (*UiFetchAnswer) (JsonObject *answer, const QmigProblem *problem, const GError *error, gpointer user_data);
/* @body: (transfer full) (nullable).  @answered is called once, unless the program ends first. */
void ui_fetch_request (UiFetch *self, const char *host, const char *method, const char *path, JsonObject *body, UiFetchAnswer answered,
                       gpointer user_data);

/* All events of a migration, and those to come; NULL where the host is not known. */
UiRun *ui_fetch_follow (UiFetch *self, const char *host, const char *id);

G_END_DECLS
