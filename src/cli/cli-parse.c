/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-parse.h"

#include "api-quantity.h"
#include "api-suggest.h"

#include <string.h>

static gboolean
usage (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
usage (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  if (error != NULL)
    *error = g_error_new_valist (QMIG_ERROR, QMIG_EXIT_USAGE, format, args);
  va_end (args);
  return FALSE;
}

gboolean
cli_parse_count (const char *text, gint64 *count, GError **error)
{
  guint64 value;

  if (!g_ascii_isdigit (*text) || !g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT64, &value, NULL))
    return usage (error, "'%s' is not a whole number", text);
  *count = (gint64) value;
  return TRUE;
}

gboolean
cli_parse_ports (const char *text, gint64 *first, gint64 *last, GError **error)
{
  g_auto(GStrv) ends = g_strsplit (text, "-", 2);
  const char *high = ends[0] != NULL && ends[1] != NULL ? ends[1] : ends[0];
  guint64 a, b;

  if (high == NULL || !g_ascii_string_to_unsigned (ends[0], 10, 1, 65535, &a, NULL) ||
      !g_ascii_string_to_unsigned (high, 10, 1, 65535, &b, NULL))
    return usage (error, "'%s' is not a port; say it as in 49152 or 49152-49215", text);
  if (a > b)
    return usage (error, "'%s' is an empty range of ports: the first is above the last", text);
  *first = (gint64) a;
  *last = (gint64) b;
  return TRUE;
}

static gboolean
parse_bound (QmigExpect *expect, const char *key, const char *value, GError **error)
{
  static const char *const names[] = { "downtime", "blackout", "total", "rounds", NULL };
  gint64 *fields[] = { &expect->downtime_ms, &expect->blackout_ms, &expect->total_ms, &expect->rounds };
  g_autofree char *hint = NULL;

  for (gsize i = 0; names[i] != NULL; i++)
    if (strcmp (key, names[i]) == 0)
      {
        if (*fields[i] != QMIG_UNSET)
          return usage (error, "%s is given twice", key);
        return fields[i] == &expect->rounds ? cli_parse_count (value, fields[i], error)
                                            : api_parse_time (value, fields[i], error);
      }

  hint = api_suggest (key, names);
  return usage (error, "'%s' is not a bound%s; there are downtime, blackout, total and rounds", key, hint);
}

QmigExpect *
cli_parse_expect (const char *text, GError **error)
{
  g_autoptr(QmigExpect) expect = qmig_expect_new ();
  g_auto(GStrv) parts = g_strsplit (text, ",", -1);

  if (parts[0] == NULL)
    {
      usage (error, "no bound given; say it as in downtime=300ms,total=2m");
      return NULL;
    }
  for (char **part = parts; *part != NULL; part++)
    {
      g_auto(GStrv) pair = g_strsplit (*part, "=", 2);

      if (g_strv_length (pair) != 2 || *pair[1] == '\0')
        {
          usage (error, "'%s' is not a bound; say it as in downtime=300ms,total=2m", *part);
          return NULL;
        }
      if (!parse_bound (expect, pair[0], pair[1], error))
        return NULL;
    }
  return g_steal_pointer (&expect);
}
