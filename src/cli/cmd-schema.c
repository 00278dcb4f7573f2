/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-suggest.h"
#include "cmd.h"

#include <string.h>

static const ApiType *
find_type (const char *name)
{
  for (const ApiType *const *type = qmig_api_types; *type != NULL; type++)
    {
      g_autofree char *bare = g_strndup ((*type)->name, strcspn ((*type)->name, "/"));

      if (strcmp ((*type)->name, name) == 0 || strcmp (bare, name) == 0 || strcmp (strchr (bare, '.') + 1, name) == 0)
        return *type;
    }
  return NULL;
}

static void
print_names (void)
{
  for (const ApiType *const *type = qmig_api_types; *type != NULL; type++)
    cli_print ("%s\n", (*type)->name);
}

static int
fail_unknown (const char *name, GError **error)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new ();
  g_autofree char *hint = NULL;

  for (const ApiType *const *type = qmig_api_types; *type != NULL; type++)
    g_ptr_array_add (names, (gpointer) (*type)->name);
  g_ptr_array_add (names, NULL);
  hint = cli_suggest (name, (const char *const *) names->pdata);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "there is no schema '%s'%s; 'qmig schema' lists them", name, hint);
  return QMIG_EXIT_NOT_FOUND;
}

int
cmd_schema (Cli *cli, GError **error)
{
  const char *name = cli_arg (cli, 0);
  const CliOutput pretty = { .format = CLI_FORMAT_JSON };
  g_autoptr(JsonObject) schema = NULL;
  g_autofree char *text = NULL;
  const ApiType *type;

  if (name == NULL)
    {
      print_names ();
      return QMIG_EXIT_OK;
    }
  type = find_type (name);
  if (type == NULL)
    return fail_unknown (name, error);
  schema = api_type_to_schema (type);
  text = cli_output_json_text (&pretty, schema);
  cli_write (text);
  return QMIG_EXIT_OK;
}
