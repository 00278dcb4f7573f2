/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd.h"

#include <string.h>
#include <unistd.h>

static gboolean
is_on (const char *variable)
{
  const char *value = g_getenv (variable);

  return value != NULL && *value != '\0' && strcmp (value, "0") != 0;
}

gboolean
cmd_console_is_possible (void)
{
  const char *term = g_getenv ("TERM");

  return isatty (STDIN_FILENO) && isatty (STDOUT_FILENO) && term != NULL && *term != '\0' && strcmp (term, "dumb") != 0;
}

int
cmd_console (Cli *cli, GError **error)
{
  CliConsole console = { .screen = cli_options_text (cli->options, "screen"),
                         .graph = cli_options_text (cli->options, "graph"),
                         .color = cli_options_text (cli->options, "color"),
                         .read_only = cli_options_flag (cli->options, "read-only") > 0 || is_on ("QMIG_READ_ONLY"),
                         .no_mouse = cli_options_flag (cli->options, "no-mouse") > 0 };

  /* Before an agent is started for it. */
  if (!cmd_console_is_possible ())
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                   "the console needs a terminal that can place text (TERM is '%s'); 'qmig watch' says the same line by line",
                   g_getenv ("TERM") != NULL ? g_getenv ("TERM") : "");
      return QMIG_EXIT_USAGE;
    }
  if (!cli_connect (cli, error))
    return QMIG_EXIT_ERROR;
  console.host = cli->host;
  console.uri = qmig_client_get_uri (cli->client);
  return cli->faces->run_console (&console, error);
}
