/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdarg.h>

/* Writes what the demo guest sends, as qmig-guest.s describes it. */

static inline void
fake_guest_tick (GByteArray *wire, guint64 seq)
{
  guint8 byte = (guint8) (0x80 | (seq & 0x7f));

  g_byte_array_append (wire, &byte, 1);
}

/* `n_words` values of type guint follow. */
static inline void
fake_guest_line (GByteArray *wire, char letter, guint n_words, ...)
{
  g_autoptr(GString) line = g_string_new (NULL);
  guint8 sum = 0;
  va_list words;

  g_string_append_c (line, letter);
  va_start (words, n_words);
  for (guint i = 0; i < n_words; i++)
    g_string_append_printf (line, " %08x", va_arg (words, guint));
  va_end (words);
  g_string_append_c (line, ' ');
  for (gsize i = 0; i < line->len; i++)
    sum += (guint8) line->str[i];
  g_string_append_printf (line, "%02x\n", sum);

  g_byte_array_append (wire, (const guint8 *) line->str, (guint) line->len);
}

/* Ticks `first` to `last`, each 64th with its state line; no errors. */
static inline void
fake_guest_run (GByteArray *wire, guint first, guint last)
{
  for (guint seq = first; seq <= last; seq++)
    {
      fake_guest_tick (wire, seq);
      if (seq % 64 == 0)
        fake_guest_line (wire, 'S', 7, seq, seq + 1, seq / 100, seq * 3, 0, seq / 1000, 1);
    }
}
