/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `qmig help errors` and `qmig help E0302`, out of the table of failures. */

#include "cli-help.h"

#include "api-suggest.h"

#include <string.h>

#define PREFIX "QMIG-"

static const char *
said_text (QmigFailureSaid said)
{
  switch (said)
    {
    case QMIG_SAID_NOWHERE:
      return "qmig";
    case QMIG_SAID_AT_START:
      return "QEMU that starts, on its stderr";
    case QMIG_SAID_AT_LOAD:
      return "the destination's QEMU that loads, on its stderr or as error-desc";
    case QMIG_SAID_BY_SENDER:
      return "either QEMU at its end of the connection, as error-desc";
    case QMIG_SAID_IN_ANSWER:
      return "QEMU in the answer to a QMP command";
    }
  return "qmig";
}

static const char *
proof_text (QmigFailureProof proof)
{
  switch (proof)
    {
    case QMIG_FAILURE_OWN:
      return NULL;
    case QMIG_FAILURE_PRODUCED:
      return "a test makes a real QEMU say it";
    case QMIG_FAILURE_RECORDED:
      return "recorded from QEMU; no test produces it";
    }
  return NULL;
}

gboolean
cli_help_is_error_id (const char *topic)
{
  const char *number = g_ascii_strncasecmp (topic, PREFIX, strlen (PREFIX)) == 0 ? topic + strlen (PREFIX) : topic;

  return (number[0] == 'E' || number[0] == 'e') && g_ascii_isdigit (number[1]);
}

char *
cli_help_errors (void)
{
  GString *text = g_string_new ("Errors by their stable ids; 'qmig help E0302' says cause and cure of one:\n\n");
  const QmigFailure *row;

  for (gsize i = 0; (row = qmig_failure_nth (i)) != NULL; i++)
    g_string_append_printf (text, "  %s  %-22s  %s\n", row->id, row->name, row->cause);
  return g_string_free (text, FALSE);
}

/* The id nearest to @id.  (transfer full) */
static char *
suggest (const char *id)
{
  gboolean is_long = g_ascii_strncasecmp (id, PREFIX, strlen (PREFIX)) == 0;
  g_autofree char *upper = g_ascii_strup (is_long ? id + strlen (PREFIX) : id, -1);
  g_autoptr(GPtrArray) names = g_ptr_array_new ();
  const QmigFailure *row;

  for (gsize i = 0; (row = qmig_failure_nth (i)) != NULL; i++)
    g_ptr_array_add (names, (gpointer) (row->id + strlen (PREFIX)));
  g_ptr_array_add (names, NULL);
  return api_suggest (upper, (const char *const *) names->pdata);
}

static void
append_texts (GString *text, const QmigFailure *row)
{
  if (row->texts[0] == NULL)
    return;
  g_string_append_printf (text, "\nSaid by %s:\n", said_text (row->said));
  for (gsize i = 0; i < QMIG_FAILURE_TEXTS && row->texts[i] != NULL; i++)
    g_string_append_printf (text, "  %s\n", row->texts[i]);
  g_string_append_printf (text, "Known from %s%s; %s.\n", row->qemu != NULL ? "QEMU " : "", row->qemu != NULL ? row->qemu : "GnuTLS",
                          proof_text (row->proof));
}

const QmigFailure *
cli_help_find_error (const char *id, GError **error)
{
  const QmigFailure *row = qmig_failure_find (id);

  if (row == NULL)
    {
      g_autofree char *near = suggest (id);

      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "there is no error '%s'%s; see 'qmig help errors'", id, near);
    }
  return row;
}

char *
cli_help_error (const QmigFailure *row)
{
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "%s (%s)\n\nCause: %s\nCure:  %s\n", row->id, row->name, row->cause, row->cure);
  append_texts (text, row);
  if (row->check != NULL)
    g_string_append_printf (text, "\nIt is the check '%s' of qmig check, doctor or host test.\n", row->check);
  if (row->exit_code != QMIG_EXIT_OK)
    g_string_append_printf (text, "\nExit status %d, %s.\n", (int) row->exit_code, qmig_exit_to_string (row->exit_code));
  else
    g_string_append (text, "\nThe exit status says where the VM is: see 'qmig help exit-codes'.\n");
  return g_string_free (text, FALSE);
}
