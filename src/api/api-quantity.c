/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-quantity.h"

#include <string.h>

#include "api-error.h"

typedef struct
{
  const char *name;
  guint64 factor;  /* of the unit that is stored … */
  guint64 divisor; /* … divided by this: bits, microseconds */
} Unit;

#define KI G_GUINT64_CONSTANT (1024)
#define K G_GUINT64_CONSTANT (1000)

/* A single letter is binary, as it is on QEMU's own command line. */
static const Unit size_units[] = {
  { "B", 1, 1 },
  { "k", KI, 1 }, { "K", KI, 1 }, { "M", KI * KI, 1 }, { "G", KI * KI * KI, 1 }, { "T", KI * KI * KI * KI, 1 },
  { "KiB", KI, 1 }, { "MiB", KI * KI, 1 }, { "GiB", KI * KI * KI, 1 }, { "TiB", KI * KI * KI * KI, 1 },
  { "kB", K, 1 }, { "KB", K, 1 }, { "MB", K * K, 1 }, { "GB", K * K * K, 1 }, { "TB", K * K * K * K, 1 },
  { NULL },
};

static const Unit rate_units[] = {
  { "B/s", 1, 1 },
  { "KiB/s", KI, 1 }, { "MiB/s", KI * KI, 1 }, { "GiB/s", KI * KI * KI, 1 }, { "TiB/s", KI * KI * KI * KI, 1 },
  { "kB/s", K, 1 }, { "KB/s", K, 1 }, { "MB/s", K * K, 1 }, { "GB/s", K * K * K, 1 }, { "TB/s", K * K * K * K, 1 },
  { "kbit/s", K, 8 }, { "Kbit/s", K, 8 }, { "Mbit/s", K * K, 8 }, { "Gbit/s", K * K * K, 8 },
  { "Tbit/s", K * K * K * K, 8 },
  { NULL },
};

static const Unit time_units[] = {
  { "ms", 1, 1 }, { "s", K, 1 }, { "m", 60 * K, 1 }, { "min", 60 * K, 1 }, { "h", 3600 * K, 1 }, { "d", 86400 * K, 1 },
  { NULL },
};

/* More digits after the point could not be multiplied by the largest unit in 64 bits. */
#define MAX_FRACTION_SCALE 1000000

static const Unit *
find_unit (const Unit *units, const char *name)
{
  for (const Unit *unit = units; unit->name != NULL; unit++)
    if (strcmp (unit->name, name) == 0)
      return unit;
  return NULL;
}

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

/* "12.5": the digits before and after the point; *@rest is what follows.  FALSE where no number starts @text or it is too large. */
static gboolean
read_number (const char *text, guint64 *whole, guint64 *fraction, guint64 *scale, const char **rest)
{
  const char *p = text;

  *whole = *fraction = 0;
  *scale = 1;
  if (!g_ascii_isdigit (*p))
    return FALSE;
  for (; g_ascii_isdigit (*p); p++)
    if (!g_uint64_checked_mul (whole, *whole, 10) || !g_uint64_checked_add (whole, *whole, *p - '0'))
      return FALSE;

  if (*p == '.' && g_ascii_isdigit (p[1]))
    for (p++; g_ascii_isdigit (*p); p++)
      {
        if (*scale == MAX_FRACTION_SCALE)
          return FALSE;
        *fraction = *fraction * 10 + (guint64) (*p - '0');
        *scale *= 10;
      }
  *rest = p;
  return TRUE;
}

static gboolean
parse_quantity (const char *text, const Unit *units, const char *what, const char *hint, gint64 *out, GError **error)
{
  guint64 whole, fraction, scale, value;
  const Unit *unit;
  const char *rest;

  if (!read_number (text, &whole, &fraction, &scale, &rest))
    return usage (error, "'%s' is not a %s; say it as in %s", text, what, hint);
  if (*rest == '\0')
    return usage (error, "'%s' needs a unit; say it as in %s", text, hint);
  unit = find_unit (units, rest);
  if (unit == NULL)
    return usage (error, "'%s' has no unit of a %s ('%s'); say it as in %s", text, what, rest, hint);

  if (!g_uint64_checked_mul (&value, whole, unit->factor) ||
      !g_uint64_checked_add (&value, value, fraction * unit->factor / scale) || value / unit->divisor > G_MAXINT64)
    return usage (error, "'%s' is too large for a %s", text, what);
  *out = (gint64) (value / unit->divisor);
  return TRUE;
}

gboolean
api_parse_size (const char *text, gint64 *bytes, GError **error)
{
  return parse_quantity (text, size_units, "size", "64M or 4GiB", bytes, error);
}

gboolean
api_parse_rate (const char *text, gint64 *bytes_per_s, GError **error)
{
  gint64 value;

  if (strcmp (text, "max") == 0)
    {
      *bytes_per_s = 0;
      return TRUE;
    }
  if (!parse_quantity (text, rate_units, "rate", "1GiB/s, 10Gbit/s or max", &value, error))
    return FALSE;
  if (value == 0)
    return usage (error, "'%s' is no rate at all; for no limit say max", text);
  *bytes_per_s = value;
  return TRUE;
}

gboolean
api_parse_time (const char *text, gint64 *ms, GError **error)
{
  return parse_quantity (text, time_units, "time", "300ms, 2s or 10m", ms, error);
}

gboolean
api_parse_percent (const char *text, gint64 *percent, GError **error)
{
  g_autofree char *number = g_str_has_suffix (text, "%") ? g_strndup (text, strlen (text) - 1) : g_strdup (text);
  guint64 value;

  if (!g_ascii_isdigit (*number) || !g_ascii_string_to_unsigned (number, 10, 0, 100, &value, NULL))
    return usage (error, "'%s' is not a percentage; say it as in 50%%", text);
  *percent = (gint64) value;
  return TRUE;
}
