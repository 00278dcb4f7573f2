/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include "cli-context.h"
#include "cli-fields.h"
#include "cli-help.h"
#include "cmd.h"

#include <locale.h>
#include <string.h>
#include <unistd.h>

static gboolean
fail_usage (GError **error, const char *format, const char *text)
{
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, format, text);
  return FALSE;
}

/* Takes options and words until the end or "--"; the verb is known as soon as its words are. */
static gboolean
read_words (Cli *cli, char **argv, GError **error)
{
  const CliOption *tables[] = { cli_global_options, NULL, NULL };
  int at = 1;

  while (argv[at] != NULL && strcmp (argv[at], "--") != 0)
    {
      gboolean is_option = argv[at][0] == '-' && argv[at][1] != '\0';

      if (is_option && !cli_options_take (cli->options, tables, argv, &at, error))
        return FALSE;
      if (is_option)
        continue;
      if (cli->verb == NULL)
        {
          guint n_used;

          cli->verb = cli_verb_find (argv + at, &n_used, error);
          if (cli->verb == NULL)
            return FALSE;
          tables[1] = cli->verb->options;
          at += (int) n_used;
          continue;
        }
      g_ptr_array_add (cli->args, g_strdup (argv[at++]));
    }

  if (argv[at] != NULL)
    cli->rest = g_strdupv (argv + at + 1);
  return TRUE;
}

/* For verbs that run no other command "--" only ends the options. */
static void
fold_rest (Cli *cli)
{
  if (cli->rest == NULL || cli->verb == NULL || cli_verb_takes_rest (cli->verb))
    return;
  for (char **word = cli->rest; *word != NULL; word++)
    g_ptr_array_add (cli->args, g_strdup (*word));
  g_clear_pointer (&cli->rest, g_strfreev);
}

static gboolean
check_arguments (Cli *cli, GError **error)
{
  g_auto(GStrv) wanted = g_strsplit (cli->verb->arguments, " ", -1);

  fold_rest (cli);
  if (cli->args->len < cli_verb_min_args (cli->verb))
    return fail_usage (error, "%s is missing", wanted[cli->args->len]);
  if (cli->args->len > cli_verb_max_args (cli->verb))
    return fail_usage (error, "'%s' is one argument too many", cli_arg (cli, cli_verb_max_args (cli->verb)));
  return TRUE;
}

static gboolean
wants_color (const char *choice)
{
  const char *no_color = g_getenv ("NO_COLOR");

  if (g_strcmp0 (choice, "always") == 0)
    return TRUE;
  if (g_strcmp0 (choice, "never") == 0 || (no_color != NULL && *no_color != '\0'))
    return FALSE;
  return isatty (STDOUT_FILENO) && isatty (STDERR_FILENO) && g_strcmp0 (g_getenv ("TERM"), "dumb") != 0;
}

static CliFormat
format_from_name (const char *name)
{
  g_auto(GStrv) names = g_strsplit (CLI_FORMATS, "|", -1);

  for (guint i = 0; name != NULL && names[i] != NULL; i++)
    if (strcmp (name, names[i]) == 0)
      return (CliFormat) i;
  return CLI_FORMAT_TABLE;
}

static gboolean
apply_globals (Cli *cli, GError **error)
{
  const char *fields = cli_options_text (cli->options, "fields");
  const char *host = cli_options_text (cli->options, "host");

  cli->out.format = format_from_name (cli_options_text (cli->options, "output"));
  cli->out.headers = cli_options_flag (cli->options, "no-headers") == 0;
  cli->out.color = wants_color (cli_options_text (cli->options, "color"));
  if (host == NULL)
    host = g_getenv ("QMIG_HOST");
  cli->host = g_strdup (host != NULL && *host != '\0' ? host : "local");
  if (cli_options_text (cli->options, "config") != NULL)
    g_setenv ("QMIG_CONFIG", cli_options_text (cli->options, "config"), TRUE);

  if (fields == NULL)
    return TRUE;
  if (cli->verb->prints == NULL)
    return fail_usage (error, "%s", "--fields: this command has none to choose from");
  cli->out.fields = g_strsplit (fields, ",", -1);
  return cli_fields_check (cli->out.fields, cli->verb->prints, error);
}

static int
print_help (Cli *cli)
{
  g_autofree char *text = NULL;

  if (cli->verb == NULL && cli_options_flag (cli->options, "help") == 0)
    {
      text = cli_help_short ();
      g_printerr ("%s", text);
      return QMIG_EXIT_USAGE;
    }
  text = cli->verb != NULL ? cli_help_verb (cli->verb) : cli_help_overview ();
  cli_write (text);
  return QMIG_EXIT_OK;
}

/* Alone on a terminal it is the console. */
static gboolean
choose_verb (Cli *cli, GError **error)
{
  char *console[] = { (char *) "console", NULL };
  guint n_used;

  if (cli->verb != NULL || cli_options_flag (cli->options, "help") > 0 || cli_options_flag (cli->options, "version") > 0 ||
      !cmd_console_is_possible ())
    return TRUE;
  cli->verb = cli_verb_find (console, &n_used, error);
  return cli->verb != NULL;
}

static int
run (Cli *cli, char **argv, GError **error)
{
  if (!read_words (cli, argv, error) || !choose_verb (cli, error))
    return QMIG_EXIT_USAGE;
  if (cli_options_flag (cli->options, "version") > 0)
    return cmd_version (cli, error);
  if (cli->verb == NULL || cli_options_flag (cli->options, "help") > 0)
    return print_help (cli);
  if (!check_arguments (cli, error) || !apply_globals (cli, error) ||
      (cli->verb->needs == CLI_NEEDS_AGENT && !cli_connect (cli, error)))
    return QMIG_EXIT_ERROR;
  return cli->verb->run (cli, error);
}

int
cli_main (int argc, char **argv, const CliFaces *faces)
{
  Cli cli = { .faces = faces, .options = cli_options_new (), .args = g_ptr_array_new_with_free_func (g_free) };
  g_autoptr(GError) error = NULL;
  int status;

  setlocale (LC_ALL, "");
  status = run (&cli, argv, &error);
  if (error != NULL)
    {
      status = qmig_error_get_exit (error);
      cli_report (&cli, error);
    }

  g_clear_object (&cli.client);
  g_clear_pointer (&cli.problem, qmig_problem_free);
  cli_options_free (cli.options);
  g_ptr_array_unref (cli.args);
  g_strfreev (cli.rest);
  g_strfreev (cli.out.fields);
  g_free (cli.host);
  return status;
}
