/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The interactive console: a client of the agents like any other. */

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  const char *host;    /* name of the agent to start with, as it was given */
  const char *uri;
  const char *screen;  /* to begin with (nullable) */
  const char *graph;   /* (nullable) */
  const char *color;   /* --color (nullable) */
  gboolean read_only;
  gboolean no_mouse;
} UiOptions;

/* Runs it until it is left.  @error: QMIG_EXIT_USAGE where there is no terminal for it */
int qmig_ui_run (const UiOptions *options, GError **error);

G_END_DECLS
