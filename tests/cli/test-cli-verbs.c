/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-types.h"
#include "cli-help.h"
#include "cli-verbs.h"

#include <string.h>

static void
test_table (void)
{
  g_autoptr(GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++)
    {
      char *name = cli_verb_full_name (verb);
      g_autofree char *call = g_strconcat ("qmig ", name, NULL);

      g_test_message ("%s", name);
      g_assert_nonnull (verb->help);
      g_assert_cmpuint (strlen (verb->help), >, 0);
      g_assert_false (g_str_has_suffix (verb->help, "."));
      g_assert_nonnull (verb->run);
      g_assert_nonnull (strstr (verb->examples, call));
      g_assert_true (verb->group == NULL || cli_group_help (verb->group) != NULL);
      g_assert_true (g_hash_table_add (seen, name));
    }
  for (const char *const *group = cli_groups; *group != NULL; group++)
    g_assert_false (g_hash_table_contains (seen, *group));
}

static void
assert_options (const CliOption *options, GHashTable *names, GHashTable *letters)
{
  for (; options != NULL && options->name != NULL; options++)
    {
      g_test_message ("--%s", options->name);
      g_assert_true (g_hash_table_add (names, (gpointer) options->name));
      if (options->letter != 0)
        g_assert_true (g_hash_table_add (letters, GINT_TO_POINTER (options->letter)));
      g_assert_cmpuint (strlen (options->help), >, 0);
      g_assert_true ((options->value == NULL) == (options->kind == CLI_FLAG));
    }
}

/* Global options may stand behind the verb: none of its own may hide one. */
static void
test_options (void)
{
  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++)
    {
      g_autoptr(GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
      g_autoptr(GHashTable) letters = g_hash_table_new (NULL, NULL);

      assert_options (cli_global_options, names, letters);
      assert_options (verb->options, names, letters);
    }
}

/* Examples first, and every option named. */
static void
test_help_is_complete (void)
{
  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++)
    {
      g_autofree char *text = cli_help_verb (verb);
      const char *usage = strstr (text, "\nUsage: qmig ");

      g_assert_nonnull (usage);
      g_assert_true (strstr (text, "Examples:") < usage);
      for (const CliOption *option = verb->options; option != NULL && option->name != NULL; option++)
        {
          g_autofree char *dashed = g_strconcat ("--", option->name, NULL);

          g_assert_nonnull (strstr (usage, dashed));
        }
    }
}

static const CliVerb *
find (const char *first, const char *second, guint *n_used, GError **error)
{
  char *words[] = { (char *) first, (char *) second, NULL };

  return cli_verb_find (words, n_used, error);
}

static void
test_find (void)
{
  guint n_used = 0;

  g_assert_cmpstr (find ("migrate", "web01", &n_used, NULL)->name, ==, "migrate");
  g_assert_cmpuint (n_used, ==, 1);
  g_assert_cmpstr (find ("vm", "list", &n_used, NULL)->name, ==, "list");
  g_assert_cmpuint (n_used, ==, 2);
  g_assert_cmpstr (find ("host", "list", &n_used, NULL)->group, ==, "host");
}

static void
assert_unknown (const char *first, const char *second, const char *expected)
{
  g_autoptr(GError) error = NULL;
  guint n_used;

  g_assert_null (find (first, second, &n_used, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_USAGE);
  g_assert_cmpstr (error->message, ==, expected);
}

static void
test_near_miss (void)
{
  assert_unknown ("migarte", NULL, "unknown command 'migarte', did you mean 'migrate'?");
  assert_unknown ("vms", NULL, "unknown command 'vms', did you mean 'vm'?");
  assert_unknown ("frobnicate", NULL, "unknown command 'frobnicate'");
  assert_unknown ("vm", "lsit", "unknown command 'vm lsit', did you mean 'list'?");
  assert_unknown ("agent", "frobnicate", "unknown command 'agent frobnicate'; there are run, status, stop, changes, dial-stdio");
  assert_unknown ("agent", NULL, "'agent' needs one of: run, status, stop, changes, dial-stdio");
}

static void
test_arguments (void)
{
  guint n_used;
  const CliVerb *migrate = find ("migrate", NULL, &n_used, NULL);
  const CliVerb *start = find ("vm", "start", &n_used, NULL);
  const CliVerb *list = find ("vm", "list", &n_used, NULL);

  g_assert_cmpuint (cli_verb_min_args (migrate), ==, 1);
  g_assert_cmpuint (cli_verb_max_args (migrate), ==, 2);
  g_assert_false (cli_verb_takes_rest (migrate));
  g_assert_cmpuint (cli_verb_min_args (start), ==, 0);
  g_assert_cmpuint (cli_verb_max_args (start), ==, 1);
  g_assert_true (cli_verb_takes_rest (start));
  g_assert_cmpuint (cli_verb_max_args (list), ==, 0);
}

static void
test_exit_codes (void)
{
  g_autofree char *text = cli_help_exit_codes ();

  for (int code = QMIG_EXIT_OK; code <= QMIG_EXIT_PARTIAL; code++)
    {
      g_autofree char *row = g_strdup_printf ("  %3d  %s ", code, qmig_exit_to_string (code));

      g_assert_nonnull (strstr (text, row));
    }
  g_assert_nonnull (strstr (text, "  130  interrupted "));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/verbs/table", test_table);
  g_test_add_func ("/cli/verbs/options", test_options);
  g_test_add_func ("/cli/verbs/help", test_help_is_complete);
  g_test_add_func ("/cli/verbs/find", test_find);
  g_test_add_func ("/cli/verbs/near-miss", test_near_miss);
  g_test_add_func ("/cli/verbs/arguments", test_arguments);
  g_test_add_func ("/cli/verbs/exit-codes", test_exit_codes);
  return g_test_run ();
}
