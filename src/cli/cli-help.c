/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-help.h"

#include "api-error.h"

#include <string.h>

/* What stands left of an explanation. */
#define LEFT 30

static void
append_row (GString *text, const char *left, const char *right)
{
  if (g_utf8_strlen (left, -1) > LEFT - 2)
    g_string_append_printf (text, "  %s\n  %*s%s\n", left, LEFT, "", right);
  else
    g_string_append_printf (text, "  %s%*s%s\n", left, (int) (LEFT - g_utf8_strlen (left, -1)), "", right);
}

static void
append_verbs (GString *text, const char *group)
{
  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++)
    {
      g_autofree char *name = cli_verb_full_name (verb);
      g_autofree char *left = g_strconcat (name, *verb->arguments != '\0' ? " " : "", verb->arguments, NULL);

      if (g_strcmp0 (verb->group, group) == 0)
        append_row (text, left, verb->help);
    }
}

static void
append_option (GString *text, const CliOption *option)
{
  char letter[] = { '-', option->letter, ',', ' ', '\0' };
  g_autofree char *left = g_strdup_printf ("%s--%s%s%s", option->letter != 0 ? letter : "    ", option->name,
                                           option->value != NULL ? " " : "", option->value != NULL ? option->value : "");

  append_row (text, left, option->help);
}

static void
append_examples (GString *text, const char *examples)
{
  g_auto(GStrv) lines = g_strsplit (examples, "\n", -1);

  g_string_append (text, "Examples:\n");
  for (char **line = lines; *line != NULL; line++)
    g_string_append_printf (text, "  %s\n", *line);
}

static void
append_introduction (GString *text)
{
  g_string_append (text, "qmig moves running QEMU virtual machines.\n\n");
  append_examples (text, "qmig vm list\n"
                         "qmig migrate web01 beta --downtime 300ms\n"
                         "qmig watch\n"
                         "qmig demo");
  g_string_append (text, "\nUsage: qmig [OPTION…] COMMAND…\n");
}

char *
cli_help_short (void)
{
  GString *text = g_string_new (NULL);

  append_introduction (text);
  g_string_append (text, "\nCommands:\n");
  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++)
    if (verb->group == NULL)
      append_row (text, verb->name, verb->help);
  for (const char *const *group = cli_groups; *group != NULL; group++)
    append_row (text, *group, cli_group_help (*group));
  g_string_append (text, "\n'qmig --help' says more, 'qmig help COMMAND' explains a command.\n");
  return g_string_free (text, FALSE);
}

char *
cli_help_overview (void)
{
  GString *text = g_string_new (NULL);

  append_introduction (text);
  g_string_append (text, "\nEveryday commands:\n");
  append_verbs (text, NULL);
  for (const char *const *group = cli_groups; *group != NULL; group++)
    {
      g_autofree char *title = g_strdup_printf ("\n%s (%s):\n", *group, cli_group_help (*group));

      g_string_append (text, title);
      append_verbs (text, *group);
    }
  g_string_append (text, "\nOptions of all commands, before or after them:\n");
  for (const CliOption *option = cli_global_options; option->name != NULL; option++)
    append_option (text, option);
  g_string_append (text, "\n'qmig help COMMAND' explains a command, 'qmig help exit-codes' the exit status, 'qmig help errors' the errors.\n");
  return g_string_free (text, FALSE);
}

char *
cli_help_group (const char *group)
{
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "qmig %s: %s\n\n", group, cli_group_help (group));
  append_verbs (text, group);
  g_string_append_printf (text, "\n'qmig help %s COMMAND' explains a command.\n", group);
  return g_string_free (text, FALSE);
}

char *
cli_help_verb (const CliVerb *verb)
{
  g_autofree char *name = cli_verb_full_name (verb);
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "qmig %s: %s\n\n", name, verb->help);
  append_examples (text, verb->examples);
  g_string_append_printf (text, "\nUsage: qmig %s%s%s%s\n", name, *verb->arguments != '\0' ? " " : "", verb->arguments,
                          verb->options != NULL ? " [OPTION…]" : "");
  if (verb->about != NULL)
    g_string_append_printf (text, "\n%s\n", verb->about);
  if (verb->options != NULL)
    g_string_append (text, "\nOptions:\n");
  for (const CliOption *option = verb->options; option != NULL && option->name != NULL; option++)
    append_option (text, option);
  g_string_append_printf (text, "\n%s%s%s'qmig help' lists the options of all commands.\n",
                          verb->prints != NULL ? "Output: " : "", verb->prints != NULL ? verb->prints->name : "",
                          verb->prints != NULL ? " with -o json, see 'qmig schema'. " : "");
  return g_string_free (text, FALSE);
}

char *
cli_help_exit_codes (void)
{
  static const QmigExit codes[] = {
    QMIG_EXIT_OK, QMIG_EXIT_ERROR, QMIG_EXIT_USAGE, QMIG_EXIT_REFUSED, QMIG_EXIT_ROLLED_BACK, QMIG_EXIT_ATTENTION,
    QMIG_EXIT_CANCELLED, QMIG_EXIT_TIMEOUT, QMIG_EXIT_OBJECTIVE, QMIG_EXIT_UNREACHABLE, QMIG_EXIT_NOT_FOUND,
    QMIG_EXIT_DENIED, QMIG_EXIT_CONFLICT, QMIG_EXIT_UNSUPPORTED, QMIG_EXIT_PARTIAL, QMIG_EXIT_INTERRUPTED,
  };
  GString *text = g_string_new ("Exit status of all commands:\n\n");

  for (gsize i = 0; i < G_N_ELEMENTS (codes); i++)
    g_string_append_printf (text, "  %3d  %-12s  %s\n", (int) codes[i], qmig_exit_to_string (codes[i]),
                            qmig_exit_meaning (codes[i]));
  g_string_append (text, "\nAfter 3, 4 and 6 it is safe to try again. After 5 a script must stop.\n");
  return g_string_free (text, FALSE);
}
