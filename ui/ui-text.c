/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-text.h"

#include "api-types.h"
#include "cli-format.h"

#include <string.h>

#define UNKNOWN "–"

int
ui_char_width (gunichar c)
{
  if (c < 0x7f)
    return c >= 0x20 ? 1 : 0;
  return g_unichar_iszerowidth (c) ? 0 : g_unichar_iswide (c) ? 2 : 1;
}

int
ui_text_width (const char *text)
{
  int width = 0;

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    width += ui_char_width (g_utf8_get_char (p));
  return width;
}

gboolean
ui_char_is_unsafe (gunichar c)
{
  if (c >= 0x20 && c < 0x7f)
    return FALSE;
  return !g_unichar_isdefined (c) || g_unichar_iscntrl (c) || g_unichar_type (c) == G_UNICODE_FORMAT
         || g_unichar_type (c) == G_UNICODE_SURROGATE || c == 0x2028 || c == 0x2029;
}

static gboolean
is_plain (const char *text)
{
  for (const char *p = text; *p != '\0'; p++)
    if ((guchar) *p >= 0x80)
      return FALSE;
  return TRUE;
}

char *
ui_text_compose (const char *text)
{
  g_autofree char *valid = NULL;
  char *composed;

  if (is_plain (text))
    return g_strdup (text);
  valid = g_utf8_make_valid (text, -1);
  composed = g_utf8_normalize (valid, -1, G_NORMALIZE_NFC);
  return composed != NULL ? composed : g_steal_pointer (&valid);
}

/* Where the line that starts at @text has to end; at least one character. */
static const char *
line_end (const char *text, int width)
{
  const char *blank = NULL;
  int used = 0;

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      if (*p == '\n')
        return p;
      used += ui_char_width (g_utf8_get_char (p));
      if (used > width)
        return blank != NULL ? blank : p > text ? p : g_utf8_next_char (p);
      if (*p == ' ')
        blank = p;
    }
  return text + strlen (text);
}

char **
ui_text_wrap (const char *text, int width)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GPtrArray *lines = g_ptr_array_new ();

  for (const char *p = valid; *p != '\0';)
    {
      const char *end = line_end (p, MAX (width, 1));

      g_ptr_array_add (lines, g_strndup (p, (gsize) (end - p)));
      p = *end == ' ' || *end == '\n' ? end + 1 : end;
    }
  g_ptr_array_add (lines, NULL);
  return (char **) g_ptr_array_free (lines, FALSE);
}

char *
ui_text_bytes (gint64 bytes)
{
  return bytes == QMIG_UNSET ? g_strdup (UNKNOWN) : cli_format_bytes (bytes);
}

static char *
bits_text (gint64 bytes_per_s)
{
  static const char *const units[] = { "bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s" };
  double value = (double) bytes_per_s * 8;
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  gsize i = 0;

  for (; value >= 999.5 && i + 1 < G_N_ELEMENTS (units); i++)
    value /= 1000;
  g_ascii_formatd (digits, sizeof digits, value < 9.95 && i > 0 ? "%.1f" : "%.0f", value);
  return g_strdup_printf ("%s %s", digits, units[i]);
}

char *
ui_text_rate (gint64 bytes_per_s, gboolean bits)
{
  if (bytes_per_s == QMIG_UNSET)
    return g_strdup (UNKNOWN);
  return bits ? bits_text (bytes_per_s) : cli_format_rate (bytes_per_s);
}

char *
ui_text_limit (gint64 bytes_per_s, gboolean bits)
{
  return bytes_per_s == 0 ? g_strdup ("max") : ui_text_rate (bytes_per_s, bits);
}

char *
ui_text_ms (double ms)
{
  return isnan (ms) || ms < -1e15 ? g_strdup (UNKNOWN) : cli_format_ms (ms);
}

char *
ui_text_count (gint64 count)
{
  return count == QMIG_UNSET ? g_strdup (UNKNOWN) : g_strdup_printf ("%" G_GINT64_FORMAT, count);
}

char *
ui_text_age (gint64 age_us)
{
  gint64 s = age_us / G_USEC_PER_SEC;

  if (s < 2)
    return g_strdup ("now");
  if (s < 120)
    return g_strdup_printf ("%d s", (int) s);
  if (s < 7200)
    return g_strdup_printf ("%d min", (int) (s / 60));
  return g_strdup_printf ("%d h", (int) MIN (s / 3600, 99999));
}

char *
ui_text_clock (gint64 ms)
{
  gint64 s = MAX (ms, 0) / 1000;

  if (s >= 3600)
    return g_strdup_printf ("%d:%02d:%02d", (int) (s / 3600), (int) (s / 60 % 60), (int) (s % 60));
  return g_strdup_printf ("%d:%02d.%d", (int) (s / 60), (int) (s % 60), (int) (MAX (ms, 0) / 100 % 10));
}

static GDateTime *
local_time (gint64 unix_us)
{
  return unix_us <= 0 ? NULL : g_date_time_new_from_unix_local (unix_us / G_USEC_PER_SEC);
}

char *
ui_text_time (gint64 unix_us)
{
  g_autoptr(GDateTime) time = local_time (unix_us);

  return time != NULL ? g_date_time_format (time, "%H:%M:%S") : g_strdup (UNKNOWN);
}

char *
ui_text_when (gint64 unix_us, gint64 now_us)
{
  g_autoptr(GDateTime) time = local_time (unix_us);
  g_autoptr(GDateTime) now = local_time (now_us);
  g_autoptr(GDateTime) before = now != NULL ? g_date_time_add_days (now, -1) : NULL;

  if (time == NULL)
    return g_strdup (UNKNOWN);
  if (now != NULL && g_date_time_get_year (time) == g_date_time_get_year (now)
      && g_date_time_get_day_of_year (time) == g_date_time_get_day_of_year (now))
    return g_date_time_format (time, "today %H:%M:%S");
  if (before != NULL && g_date_time_get_year (time) == g_date_time_get_year (before)
      && g_date_time_get_day_of_year (time) == g_date_time_get_day_of_year (before))
    return g_date_time_format (time, "yesterday %H:%M");
  return g_date_time_format (time, "%Y-%m-%d %H:%M");
}
