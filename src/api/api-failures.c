/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-failures.h"

#include <string.h>

#include "api-suggest.h"

#define PREFIX "QMIG-"

const QmigFailure *
qmig_failure_nth (gsize index)
{
  const QmigFailure *row = qmig_qemu_failures;

  for (; row->id != NULL; row++)
    if (index-- == 0)
      return row;
  for (row = qmig_own_failures; row->id != NULL; row++)
    if (index-- == 0)
      return row;
  return NULL;
}

const QmigFailure *
qmig_failure_find (const char *id)
{
  const QmigFailure *row;

  for (gsize i = 0; (row = qmig_failure_nth (i)) != NULL; i++)
    if (g_ascii_strcasecmp (row->id, id) == 0 || g_ascii_strcasecmp (row->id + strlen (PREFIX), id) == 0 ||
        g_ascii_strcasecmp (row->name, id) == 0)
      return row;
  return NULL;
}

/* -- QEMU's texts ----------------------------------------------------------- */

static gboolean
says (const QmigFailure *row, const char *sentence)
{
  for (gsize i = 0; i < QMIG_FAILURE_TEXTS && row->texts[i] != NULL; i++)
    {
      g_autofree char *anywhere = g_strconcat ("*", row->texts[i], "*", NULL);

      if (g_pattern_match_simple (anywhere, sentence))
        return TRUE;
    }
  return FALSE;
}

/* A pattern is held against one sentence, lest its '*' take in the next one. */
static char **
split_sentences (const char *said)
{
  g_autofree char *lines = g_strdup (said);

  for (char *at = lines; (at = strstr (at, "; ")) != NULL;)
    *at = '\n';
  return g_strsplit (lines, "\n", -1);
}

const QmigFailure *
qmig_failure_match (const char *said)
{
  g_auto(GStrv) sentences = split_sentences (said);

  for (const QmigFailure *row = qmig_qemu_failures; row->id != NULL; row++)
    for (char **sentence = sentences; *sentence != NULL; sentence++)
      if (says (row, *sentence))
        return row;
  return NULL;
}

/* -- qmig's own ------------------------------------------------------------- */

const QmigFailure *
qmig_failure_for_exit (QmigExit code)
{
  for (const QmigFailure *row = qmig_own_failures; row->id != NULL; row++)
    if (row->check == NULL && row->exit_code == code)
      return row;
  return qmig_failure_for_exit (QMIG_EXIT_ERROR);
}

/* In what the caller wrote or ended, QEMU's words are only quoted. */
static gboolean
is_by_hand (QmigExit code)
{
  return code == QMIG_EXIT_USAGE || code == QMIG_EXIT_CANCELLED || code == QMIG_EXIT_INTERRUPTED;
}

const QmigFailure *
qmig_failure_for_error (const char *said, QmigExit code)
{
  const QmigFailure *row = is_by_hand (code) ? NULL : qmig_failure_match (said);

  return row != NULL ? row : qmig_failure_for_exit (code);
}

const QmigFailure *
qmig_failure_for_check (const char *check_id)
{
  for (const QmigFailure *row = qmig_own_failures; row->id != NULL; row++)
    if (row->check != NULL && g_strcmp0 (row->check, check_id) == 0)
      return row;
  return NULL;
}

const char *
qmig_failure_id_for_check (const char *check_id)
{
  const QmigFailure *row = qmig_failure_for_check (check_id);

  return row != NULL ? row->id : qmig_failure_for_exit (QMIG_EXIT_REFUSED)->id;
}

/* -- the account of a migration --------------------------------------------- */

static void
set_account (QmigResult *result, const char *id, const char *cause, const char *cure)
{
  result->error_id = g_strdup (id);
  result->cause = g_strdup (cause);
  result->cure = g_strdup (cure);
}

static gboolean
explain_by_check (QmigResult *result, const GPtrArray *checks)
{
  for (guint i = 0; checks != NULL && i < checks->len; i++)
    {
      const QmigCheck *check = g_ptr_array_index (checks, i);
      const QmigFailure *row = qmig_failure_for_check (check->id);

      if (check->status != QMIG_CHECK_FAIL)
        continue;
      set_account (result, qmig_failure_id_for_check (check->id), check->text, check->way_out != NULL || row == NULL ? check->way_out : row->cure);
      return TRUE;
    }
  return FALSE;
}

static const QmigFailure *
find_account (const QmigResult *result)
{
  g_autofree char *said = g_strjoin ("\n", result->destination_said != NULL ? result->destination_said : "",
                                     result->source_said != NULL ? result->source_said : "", result->error, NULL);

  return qmig_failure_for_error (said, result->exit_code == QMIG_UNSET ? QMIG_EXIT_ERROR : (QmigExit) result->exit_code);
}

void
qmig_failure_explain (QmigResult *result, const GPtrArray *checks)
{
  const QmigFailure *row;

  if (result->error == NULL || result->error_id != NULL)
    return;
  if (result->exit_code == QMIG_EXIT_REFUSED && explain_by_check (result, checks))
    return;
  row = find_account (result);
  set_account (result, row->id, row->cause, row->cure);
}

/* (transfer full): a list of names that live as long as the program */
static const char **
forceable_checks (void)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new ();

  for (const QmigFailure *row = qmig_own_failures; row->id != NULL; row++)
    if (row->check != NULL && row->firm == NULL)
      g_ptr_array_add (names, (gpointer) row->check);
  g_ptr_array_add (names, NULL);
  return (const char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

gboolean
qmig_failure_check_forced (char **ids, GError **error)
{
  g_autofree const char **forceable = forceable_checks ();

  for (char **id = ids; id != NULL && *id != NULL; id++)
    {
      const QmigFailure *row = qmig_failure_for_check (*id);
      g_autofree char *near = row == NULL ? api_suggest (*id, forceable) : NULL;
      g_autofree char *all = row == NULL && *near == '\0' ? g_strjoinv (", ", (char **) forceable) : NULL;

      if (row == NULL)
        g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "there is no check '%s'%s%s%s", *id, near, all != NULL ? "; those that can be forced: " : "",
                     all != NULL ? all : "");
      else if (row->firm != NULL)
        g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "the check '%s' cannot be forced: %s", *id, row->firm);
      else
        continue;
      return FALSE;
    }
  return TRUE;
}
