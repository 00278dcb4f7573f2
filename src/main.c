/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Picks a face: the command line, which hands over to the agent or the console where it is told to. */

#include "agent.h"
#include "cli.h"
#include "client.h"
#include "ui.h"

static int
run_console (const CliConsole *console, GError **error)
{
  const UiOptions options = { .host = console->host,
                              .uri = console->uri,
                              .screen = console->screen,
                              .graph = console->graph,
                              .color = console->color,
                              .read_only = console->read_only,
                              .no_mouse = console->no_mouse };

  return qmig_ui_run (&options, error);
}

int
main (int argc, char **argv)
{
  const CliFaces faces = { .run_agent = qmig_agent_run, .run_console = run_console };

  qmig_client_init_tls ();
  return cli_main (argc, argv, &faces);
}
