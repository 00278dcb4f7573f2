/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-types.h"

#define DATE_LENGTH 19 /* 2023-11-14T22:13:20 */

char *
api_time_now (void)
{
  return api_time_format (g_get_real_time ());
}

char *
api_time_format (gint64 unix_us)
{
  gint64 seconds = unix_us / G_USEC_PER_SEC;
  gint64 rest_us = unix_us % G_USEC_PER_SEC;
  g_autoptr(GDateTime) date = NULL;

  /* Before 1970 the fraction still counts forward from the full second. */
  if (rest_us < 0)
    {
      rest_us += G_USEC_PER_SEC;
      seconds--;
    }

  date = g_date_time_new_from_unix_utc (seconds);
  if (date == NULL)
    return NULL;

  /* Numbers by printf, since some locales give g_date_time_format() digits of their own. */
  return g_strdup_printf ("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", g_date_time_get_year (date),
                          g_date_time_get_month (date), g_date_time_get_day_of_month (date),
                          g_date_time_get_hour (date), g_date_time_get_minute (date), g_date_time_get_second (date),
                          (int) rest_us);
}

/* The digits shown as 0 in @shape must be digits, all else must be equal. */
static gboolean
has_shape (const char *text, const char *shape)
{
  for (; *shape != '\0'; shape++, text++)
    if (*shape == '0' ? !g_ascii_isdigit (*text) : *text != *shape)
      return FALSE;

  return TRUE;
}

static int
number_at (const char *text, int offset, int n_digits)
{
  int number = 0;

  for (int i = offset; i < offset + n_digits; i++)
    number = number * 10 + g_ascii_digit_value (text[i]);

  return number;
}

/* Reads "", ".5", ".123456" and leaves @text behind it; digits beyond microseconds are dropped. */
static gint64
read_fraction_us (const char **text)
{
  gint64 unit_us = G_USEC_PER_SEC / 10;
  gint64 fraction_us = 0;
  const char *digit = *text;

  if (digit[0] != '.' || !g_ascii_isdigit (digit[1]))
    return 0;

  for (digit++; g_ascii_isdigit (*digit); digit++, unit_us /= 10)
    fraction_us += g_ascii_digit_value (*digit) * unit_us;

  *text = digit;
  return fraction_us;
}

gint64
api_time_parse (const char *text)
{
  g_autoptr(GDateTime) date = NULL;
  const char *rest;
  gint64 fraction_us;

  if (text == NULL || !has_shape (text, "0000-00-00T00:00:00"))
    return QMIG_UNSET;

  rest = text + DATE_LENGTH;
  fraction_us = read_fraction_us (&rest);
  if (!g_str_equal (rest, "Z"))
    return QMIG_UNSET;

  date = g_date_time_new_utc (number_at (text, 0, 4), number_at (text, 5, 2), number_at (text, 8, 2),
                              number_at (text, 11, 2), number_at (text, 14, 2), number_at (text, 17, 2));
  if (date == NULL)
    return QMIG_UNSET;

  return g_date_time_to_unix (date) * G_USEC_PER_SEC + fraction_us;
}
