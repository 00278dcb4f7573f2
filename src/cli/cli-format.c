/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-format.h"

#include <string.h>

/* Three digits say what a person can use; more only flicker. */
static char *
three_digits (double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (text, sizeof text, value < 9.995 ? "%.2f" : value < 99.95 ? "%.1f" : "%.0f", value);
  return g_strdup (text);
}

static char *
scaled (gint64 value, const char *suffix)
{
  static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
  double number = (double) value;
  g_autofree char *digits = NULL;
  gsize i = 0;

  while (number >= 1023.5 && i + 1 < G_N_ELEMENTS (units))
    {
      number /= 1024;
      i++;
    }
  digits = i == 0 ? g_strdup_printf ("%.0f", number) : three_digits (number);
  if (strchr (digits, '.') != NULL && g_str_has_suffix (digits, "0"))
    {
      char *end = digits + strlen (digits);

      while (end[-1] == '0')
        *--end = '\0';
      if (end[-1] == '.')
        end[-1] = '\0';
    }
  return g_strdup_printf ("%s %s%s", digits, units[i], suffix);
}

char *
cli_format_bytes (gint64 bytes)
{
  return scaled (bytes, "");
}

char *
cli_format_rate (gint64 bytes_per_s)
{
  return scaled (bytes_per_s, "/s");
}

char *
cli_format_limit (gint64 bytes_per_s)
{
  return bytes_per_s == 0 ? g_strdup ("max") : cli_format_rate (bytes_per_s);
}

char *
cli_format_ms (double ms)
{
  g_autofree char *digits = NULL;

  if (ms < 9.95)
    {
      char text[G_ASCII_DTOSTR_BUF_SIZE];

      return g_strconcat (g_ascii_formatd (text, sizeof text, "%.1f", ms), " ms", NULL);
    }
  if (ms < 999.5)
    return g_strdup_printf ("%.0f ms", ms);
  if (ms < 119500)
    {
      digits = three_digits (ms / 1000);
      return g_strconcat (digits, " s", NULL);
    }
  if (ms < 7200000)
    return g_strdup_printf ("%" G_GINT64_FORMAT " min %02" G_GINT64_FORMAT " s", (gint64) (ms / 60000),
                            (gint64) (ms / 1000) % 60);
  return g_strdup_printf ("%" G_GINT64_FORMAT " h %02" G_GINT64_FORMAT " min", (gint64) (ms / 3600000),
                          (gint64) (ms / 60000) % 60);
}

/* Characters that change the direction or the shape of what follows them are as good as control characters. */
static gboolean
steers_terminal (gunichar c)
{
  return g_unichar_iscntrl (c) || g_unichar_type (c) == G_UNICODE_FORMAT || c == 0x2028 || c == 0x2029;
}

char *
cli_sanitize (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *clean = g_string_new (NULL);

  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      g_string_append_unichar (clean, c == '\n' || c == '\t' ? ' ' : steers_terminal (c) ? 0xFFFD : c);
    }
  return g_string_free (clean, FALSE);
}

guint
cli_width (const char *text)
{
  guint width = 0;

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      width += g_unichar_iszerowidth (c) ? 0 : g_unichar_iswide (c) ? 2 : 1;
    }
  return width;
}

char *
cli_quote_argument (const char *argument)
{
  const char *p = argument;

  while (g_ascii_isalnum (*p) || (*p != '\0' && strchr ("-_./:,=+@%", *p) != NULL))
    p++;
  return *p == '\0' && p != argument ? g_strdup (argument) : g_shell_quote (argument);
}

char *
cli_quote_command (const char *const *argv)
{
  GString *line = g_string_new (NULL);

  for (gsize i = 0; argv != NULL && argv[i] != NULL; i++)
    {
      g_autofree char *quoted = cli_quote_argument (argv[i]);

      g_string_append_printf (line, "%s%s", i > 0 ? " " : "", quoted);
    }
  return g_string_free (line, FALSE);
}
