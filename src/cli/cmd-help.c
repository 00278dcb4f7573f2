/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-help.h"
#include "cmd.h"
#include "failure-values.h"

#include <string.h>

static const CliColumn columns[] = {
  { "error", "error_id", CLI_SHOW_TEXT, FALSE },
  { "name", "name", CLI_SHOW_TEXT, FALSE },
  { "cause", "cause", CLI_SHOW_TEXT, FALSE },
  { "cure", "cure", CLI_SHOW_TEXT, TRUE },
  { NULL },
};

static gboolean
print_errors (Cli *cli, GError **error)
{
  g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func ((GDestroyNotify) failure_line_free);
  const QmigFailure *row;

  for (gsize i = 0; (row = qmig_failure_nth (i)) != NULL; i++)
    g_ptr_array_add (lines, failure_line_new_from_row (row));
  return cli_output_list (&cli->out, &failure_line_type, lines, columns, error);
}

static gboolean
print_error (Cli *cli, const char *id, GError **error)
{
  const QmigFailure *row = cli_help_find_error (id, error);
  g_autoptr(FailureLine) line = row != NULL ? failure_line_new_from_row (row) : NULL;

  return line != NULL && cli_output_value (&cli->out, &failure_line_type, line, "error_id", error);
}

static char *
error_text (const char *id, GError **error)
{
  const QmigFailure *row = cli_help_find_error (id, error);

  return row != NULL ? cli_help_error (row) : NULL;
}

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
    return error_text (words[0], error);
  if (words[1] == NULL && cli_group_help (words[0]) != NULL)
    return cli_help_group (words[0]);
  verb = cli_verb_find (words, &n_used, error);
  return verb != NULL ? cli_help_verb (verb) : NULL;
}

int
cmd_help (Cli *cli, GError **error)
{
  const char *topic = cli_arg (cli, 0);
  gboolean for_scripts = cli->out.format != CLI_FORMAT_TABLE || cli->out.fields != NULL;
  g_autofree char *text = NULL;

  if (for_scripts && g_strcmp0 (topic, "errors") == 0)
    return print_errors (cli, error) ? QMIG_EXIT_OK : QMIG_EXIT_USAGE;
  if (for_scripts && topic != NULL && cli_help_is_error_id (topic))
    return print_error (cli, topic, error) ? QMIG_EXIT_OK : QMIG_EXIT_USAGE;
  text = help_text (cli, error);
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
