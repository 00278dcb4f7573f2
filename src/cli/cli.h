/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The command line: a client of the agent. */

#include <glib.h>

G_BEGIN_DECLS

/* How the console was asked for. */
typedef struct
{
  const char *host;   /* as it was named */
  const char *uri;
  const char *screen; /* (nullable) */
  const char *graph;  /* (nullable) */
  const char *color;  /* (nullable) */
  gboolean read_only;
  gboolean no_mouse;
} CliConsole;

/* What the program offers besides; the command line only hands over. */
typedef struct
{
  /* Serves until asked to end; returns an exit status. */
  int (*run_agent) (const char *name, const char *listen, const char *runtime_dir, const char *state_dir, GError **error);
  /* Runs until it is left; returns an exit status. */
  int (*run_console) (const CliConsole *console, GError **error);
} CliFaces;

/* The whole of qmig's main(): returns the exit status. */
int cli_main (int argc, char **argv, const CliFaces *faces);

G_END_DECLS
