/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-help.h"
#include "cmd.h"

#include <string.h>

static char *
help_text (Cli *cli, GError **error)
{
  char *words[] = { (char *) cli_arg (cli, 0), (char *) cli_arg (cli, 1), NULL };
  const CliVerb *verb;
  guint n_used;

  if (words[0] == NULL)
    return cli_help_overview ();
  if (strcmp (words[0], "exit-codes") == 0)
    return cli_help_exit_codes ();
  if (strcmp (words[0], "errors") == 0)
    return cli_help_errors ();
  if (cli_help_is_error_id (words[0]))
    return cli_help_error (words[0], error);
  if (words[1] == NULL && cli_group_help (words[0]) != NULL)
    return cli_help_group (words[0]);
  verb = cli_verb_find (words, &n_used, error);
  return verb != NULL ? cli_help_verb (verb) : NULL;
}

int
cmd_help (Cli *cli, GError **error)
{
  g_autofree char *text = help_text (cli, error);

  if (text == NULL)
    return QMIG_EXIT_USAGE;
  cli_write (text);
  return QMIG_EXIT_OK;
}

int
cmd_version (Cli *cli, GError **error)
{
  cli_print ("qmig " QMIG_VERSION "\n");
  if (cli_verbosity (cli) > 0)
    cli_print ("API %d\nGLib %u.%u.%u\n", QMIG_API_VERSION, glib_major_version, glib_minor_version, glib_micro_version);
  return QMIG_EXIT_OK;
}
