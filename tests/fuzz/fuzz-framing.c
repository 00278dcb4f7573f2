/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Bytes from a monitor that means harm.  Beside not crashing: the messages and
 * the error are the same however the bytes are cut, and each message survives
 * being printed and read again.
 */

#include <glib.h>
#include <string.h>

#include "json-strict.h"
#include "qmp-framing.h"

#define MAX_BYTES 4096
#define MAX_DEPTH 32

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check_round_trip (const char *text)
{
  /* A wide integer that json-glib wrapped is longer than it was: two bytes of sign and comma at most. */
  g_autoptr(QmpFraming) framing = qmp_framing_new (8 * MAX_BYTES, MAX_DEPTH);
  g_autoptr(JsonObject) message = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *again = NULL;

  qmp_framing_push (framing, text, strlen (text));
  if (!qmp_framing_next (framing, &message, &error))
    g_error ("cannot read what was printed: %s: %s", error->message, text);
  g_assert_nonnull (message);
  again = json_strict_print_object (message);
  g_assert_cmpstr (again, ==, text);
}

/* %FALSE at the end of what can be understood */
static gboolean
take (QmpFraming *framing, GString *log)
{
  while (TRUE)
    {
      g_autoptr(JsonObject) message = NULL;
      g_autoptr(GError) error = NULL;
      g_autofree char *text = NULL;

      if (!qmp_framing_next (framing, &message, &error))
        {
          g_string_append_printf (log, "error %d", error->code);
          return FALSE;
        }
      if (!message)
        return TRUE;
      text = json_strict_print_object (message);
      g_string_append_printf (log, "%s\n", text);
      check_round_trip (text);
    }
}

static char *
read_pieces (const guint8 *data, gsize size, gsize piece)
{
  g_autoptr(QmpFraming) framing = qmp_framing_new (MAX_BYTES, MAX_DEPTH);
  GString *log = g_string_new (NULL);
  gsize at = 0;

  while (at < size)
    {
      gsize length = MIN (piece, size - at);

      qmp_framing_push (framing, (const char *) data + at, length);
      at += length;
      if (!take (framing, log))
        break;
    }
  g_assert_false (qmp_framing_has_more (framing));
  return g_string_free (log, FALSE);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *whole = read_pieces (data, size, MAX (size, 1));
  g_autofree char *bytes = read_pieces (data, size, 1);
  g_autofree char *pieces = read_pieces (data, size, size ? 2 + data[0] % 61 : 2);

  g_assert_cmpstr (whole, ==, bytes);
  g_assert_cmpstr (whole, ==, pieces);
  return 0;
}
