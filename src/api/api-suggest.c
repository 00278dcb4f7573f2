/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-suggest.h"

#include <string.h>

/* Longer words are not typing errors of ours; the bound also limits the work. */
#define MAX_WORD 64

/* Levenshtein with swapped neighbours counted as one slip. */
static guint
distance (const char *a, const char *b)
{
  gsize na = strlen (a), nb = strlen (b);
  guint rows[MAX_WORD + 1][MAX_WORD + 1];

  for (gsize i = 0; i <= na; i++)
    for (gsize j = 0; j <= nb; j++)
      {
        guint best;

        if (i == 0 || j == 0)
          {
            rows[i][j] = (guint) (i + j);
            continue;
          }
        best = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
        best = MIN (best, rows[i - 1][j] + 1);
        best = MIN (best, rows[i][j - 1] + 1);
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
          best = MIN (best, rows[i - 2][j - 2] + 1);
        rows[i][j] = best;
      }
  return rows[na][nb];
}

const char *
api_nearest (const char *word, const char *const *names)
{
  const char *nearest = NULL;
  guint best = G_MAXUINT;

  if (*word == '\0' || strlen (word) > MAX_WORD)
    return NULL;
  for (; *names != NULL; names++)
    {
      guint slips = strlen (*names) > MAX_WORD ? G_MAXUINT : distance (word, *names);

      if (slips < best)
        {
          best = slips;
          nearest = *names;
        }
    }
  /* A third of the word may be wrong, but one slip is always forgiven in words of three letters and more. */
  return nearest != NULL && best <= MAX (strlen (word) / 3, strlen (word) >= 3 ? 1 : 0) ? nearest : NULL;
}

char *
api_suggest (const char *word, const char *const *names)
{
  const char *nearest = api_nearest (word, names);

  return nearest != NULL ? g_strdup_printf (", did you mean '%s'?", nearest) : g_strdup ("");
}
