/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-context.h"

#include "api-failures.h"
#include "cli-format.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CALL_TIMEOUT_MS 30000

const char *
cli_arg (Cli *cli, guint i)
{
  return i < cli->args->len ? g_ptr_array_index (cli->args, i) : NULL;
}

gboolean
cli_is_quiet (Cli *cli)
{
  return cli_options_flag (cli->options, "quiet") > 0;
}

guint
cli_verbosity (Cli *cli)
{
  return cli_options_flag (cli->options, "verbose");
}

gint64
cli_timeout_ms (Cli *cli, gint64 fallback_ms)
{
  return cli_options_number (cli->options, "timeout", fallback_ms);
}

char *
cli_program_path (void)
{
  return g_file_read_link ("/proc/self/exe", NULL);
}

char *
cli_select_vm (Cli *cli, const char *vm)
{
  const char *slash = strrchr (vm, '/');

  if (slash == NULL)
    return g_strdup (vm);
  g_free (cli->host);
  cli->host = g_strndup (vm, (gsize) (slash - vm));
  return g_strdup (slash + 1);
}

/* "local" only stands for the agent that this user may start. */
static gboolean
start_agent (Cli *cli, GError **error)
{
  g_autofree char *program = cli_program_path ();

  if (strcmp (qmig_client_get_uri (cli->client), "local") != 0 || cli_options_flag (cli->options, "no-autostart") > 0)
    return TRUE;
  return qmig_client_ensure_agent (cli->client, program, NULL, error);
}

gboolean
cli_connect (Cli *cli, GError **error)
{
  g_autofree char *uri = NULL;

  if (cli->client != NULL)
    return TRUE;
  uri = qmig_client_resolve_host (cli->host, error);
  if (uri == NULL)
    return FALSE;
  cli->client = qmig_client_new (uri, error);
  return cli->client != NULL && start_agent (cli, error);
}

JsonObject *
cli_call (Cli *cli, const char *method, const char *path, JsonObject *body, GError **error)
{
  g_autoptr(JsonObject) owned = body;

  if (!cli_connect (cli, error))
    return NULL;
  g_clear_pointer (&cli->problem, qmig_problem_free);
  return qmig_client_call (cli->client, method, path, owned, cli_timeout_ms (cli, CALL_TIMEOUT_MS), &cli->problem, NULL,
                           error);
}

gpointer
cli_get_value (Cli *cli, const char *path, const ApiType *type, GError **error)
{
  g_autoptr(JsonObject) answer = cli_call (cli, "GET", path, NULL, error);

  return answer != NULL ? api_value_from_object (type, answer, error) : NULL;
}

GPtrArray *
cli_get_list (Cli *cli, const char *path, const ApiType *type, GError **error)
{
  g_autoptr(JsonObject) answer = cli_call (cli, "GET", path, NULL, error);

  return answer != NULL ? api_list_from_object (type, answer, error) : NULL;
}

static gboolean
can_ask (Cli *cli)
{
  return cli_options_flag (cli->options, "no-input") == 0 && isatty (STDIN_FILENO) && isatty (STDERR_FILENO);
}

gboolean
cli_confirm_by_name (Cli *cli, const char *what, const char *name, GError **error)
{
  const char *given = cli_options_text (cli->options, "confirm");
  char answer[256] = "";

  if (given == NULL && !can_ask (cli))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "%s cannot be taken back and needs --confirm '%s' where nobody can be asked", what, name);
      return FALSE;
    }
  if (given == NULL)
    {
      fprintf (stderr, "qmig: %s cannot be taken back; type the name of the VM, '%s', to do it: ", what, name);
      given = fgets (answer, sizeof answer, stdin) != NULL ? g_strchomp (answer) : "";
    }
  if (g_str_equal (given, name))
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "%s: '%s' is not the name of the VM, '%s'; nothing was done", what, given, name);
  return FALSE;
}

gboolean
cli_confirm (Cli *cli, const char *what, GError **error)
{
  char answer[16] = "";

  if (cli_options_flag (cli->options, "yes") > 0)
    return TRUE;
  if (!can_ask (cli))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "%s needs --yes where nobody can be asked", what);
      return FALSE;
    }
  fprintf (stderr, "qmig: %s: are you sure? [y/N] ", what);
  if (fgets (answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "%s: not confirmed, nothing was done", what);
  return FALSE;
}

static void
print_error_line (const char *text)
{
  g_autofree char *clean = cli_sanitize (text);

  g_printerr ("qmig: %s\n", clean);
}

void
cli_say (Cli *cli, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (cli_is_quiet (cli))
    return;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  print_error_line (text);
}

static const char *
location_sentence (int location)
{
  switch ((QmigLocation) location)
    {
    case QMIG_LOCATION_UNKNOWN:
      return NULL;
    case QMIG_LOCATION_SOURCE:
      return "the VM is on the source";
    case QMIG_LOCATION_DESTINATION:
      return "the VM is on the destination";
    case QMIG_LOCATION_NONE:
      return "the VM runs nowhere";
    }
  return NULL;
}

/* What to do next, where the exit status alone tells it.  (transfer full) (nullable) */
static char *
next_step (Cli *cli, QmigExit code)
{
  const char *migration = cli->problem != NULL ? cli->problem->migration : NULL;
  g_autofree char *verb = cli->verb != NULL ? cli_verb_full_name (cli->verb) : NULL;

  if (code == QMIG_EXIT_USAGE)
    return g_strdup_printf ("see: qmig help%s%s", verb != NULL ? " " : "", verb != NULL ? verb : "");
  if (code == QMIG_EXIT_ATTENTION && migration != NULL)
    return g_strdup_printf ("next: qmig recover %s", migration);
  if (code == QMIG_EXIT_CONFLICT && migration != NULL)
    return g_strdup_printf ("next: qmig watch %s", migration);
  if (code == QMIG_EXIT_TIMEOUT && migration != NULL)
    return g_strdup_printf ("next: qmig migration wait %s", migration);
  return NULL;
}

static void
report_refusals (const QmigPlan *plan)
{
  for (guint i = 0; plan->checks != NULL && i < plan->checks->len; i++)
    {
      const QmigCheck *check = g_ptr_array_index (plan->checks, i);
      g_autofree char *line = g_strdup_printf ("%s: %s%s%s", check->id, check->text,
                                               check->way_out != NULL ? "; " : "", check->way_out != NULL ? check->way_out : "");

      if (check->status == QMIG_CHECK_FAIL)
        print_error_line (line);
    }
}

/* The agent knows more of an error than its text. */
static const char *
error_id (Cli *cli, const GError *error)
{
  const char *said = cli->problem != NULL && g_strcmp0 (cli->problem->title, error->message) == 0 ? cli->problem->error_id : NULL;
  const QmigFailure *row = said != NULL ? qmig_failure_find (said) : NULL;

  return row != NULL ? row->id : qmig_failure_for_error (error->message, qmig_error_get_exit (error))->id;
}

void
cli_report (Cli *cli, const GError *error)
{
  g_autofree char *next = next_step (cli, qmig_error_get_exit (error));
  const char *where = cli->problem != NULL ? location_sentence (cli->problem->vm_location) : NULL;
  g_autofree char *prefix = cli_paint (&cli->out, CLI_RED, "qmig:");
  g_autofree char *clean = cli_sanitize (error->message);

  g_printerr ("%s %s [%s]\n", prefix, clean, error_id (cli, error));
  if (cli->problem != NULL && cli->problem->plan != NULL)
    report_refusals (cli->problem->plan);
  if (where != NULL)
    print_error_line (where);
  if (next != NULL)
    print_error_line (next);
}
