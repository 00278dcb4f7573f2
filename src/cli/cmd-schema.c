/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-suggest.h"
#include "cmd.h"
#include "converge-replay.h"
#include "demo-report.h"
#include "failure-values.h"
#include "pki-values.h"

#include <string.h>

/* What crosses a process border, and what the command line itself has to say.  (transfer container) */
static GPtrArray *
all_types (void)
{
  GPtrArray *types = g_ptr_array_new ();

  for (const ApiType *const *type = qmig_api_types; *type != NULL; type++)
    g_ptr_array_add (types, (gpointer) *type);
  g_ptr_array_add (types, (gpointer) &demo_report_type);
  g_ptr_array_add (types, (gpointer) &certificate_line_type);
  g_ptr_array_add (types, (gpointer) &peer_line_type);
  g_ptr_array_add (types, (gpointer) &failure_line_type);
  g_ptr_array_add (types, (gpointer) &converge_trace_head_type);
  g_ptr_array_add (types, (gpointer) &converge_replay_type);
  return types;
}

/* "qmig.vm/1", "qmig.vm" or "vm" */
static const ApiType *
find_type (GPtrArray *types, const char *name)
{
  for (guint i = 0; i < types->len; i++)
    {
      const ApiType *type = g_ptr_array_index (types, i);
      g_autofree char *bare = g_strndup (type->name, strcspn (type->name, "/"));

      if (strcmp (type->name, name) == 0 || strcmp (bare, name) == 0 || strcmp (strchr (bare, '.') + 1, name) == 0)
        return type;
    }
  return NULL;
}

static int
fail_unknown (GPtrArray *types, const char *name, GError **error)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new ();
  g_autofree char *hint = NULL;

  for (guint i = 0; i < types->len; i++)
    g_ptr_array_add (names, (gpointer) ((const ApiType *) g_ptr_array_index (types, i))->name);
  g_ptr_array_add (names, NULL);
  hint = api_suggest (name, (const char *const *) names->pdata);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "there is no schema '%s'%s; 'qmig schema' lists them", name, hint);
  return QMIG_EXIT_NOT_FOUND;
}

int
cmd_schema (Cli *cli, GError **error)
{
  const char *name = cli_arg (cli, 0);
  const CliOutput pretty = { .format = CLI_FORMAT_JSON };
  g_autoptr(GPtrArray) types = all_types ();
  g_autoptr(JsonObject) schema = NULL;
  g_autofree char *text = NULL;
  const ApiType *type;

  for (guint i = 0; name == NULL && i < types->len; i++)
    cli_print ("%s\n", ((const ApiType *) g_ptr_array_index (types, i))->name);
  if (name == NULL)
    return QMIG_EXIT_OK;
  type = find_type (types, name);
  if (type == NULL)
    return fail_unknown (types, name, error);
  schema = api_type_to_schema (type);
  text = cli_output_json_text (&pretty, schema);
  cli_write (text);
  return QMIG_EXIT_OK;
}
