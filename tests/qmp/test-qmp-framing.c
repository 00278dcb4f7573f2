/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "json-strict.h"
#include "qmp-error.h"
#include "qmp-framing.h"

#define MAX_BYTES 256
#define MAX_DEPTH 8

/* All messages, printed, one per line; then the error, if any. */
static char *
collect (QmpFraming *framing, const char *bytes, gsize length, gsize piece)
{
  GString *log = g_string_new (NULL);

  for (gsize at = 0; at < length; at += piece)
    {
      gboolean has_message = TRUE;

      qmp_framing_push (framing, bytes + at, MIN (piece, length - at));
      while (has_message)
        {
          g_autoptr(JsonObject) message = NULL;
          g_autoptr(GError) error = NULL;
          g_autofree char *text = NULL;

          if (!qmp_framing_next (framing, &message, &error))
            {
              g_string_append_printf (log, "error %d", error->code);
              return g_string_free (log, FALSE);
            }
          has_message = message != NULL;
          text = message ? json_strict_print_object (message) : NULL;
          if (message)
            g_string_append_printf (log, "%s\n", text);
        }
    }
  if (qmp_framing_is_inside (framing))
    g_string_append (log, "inside");
  return g_string_free (log, FALSE);
}

typedef struct
{
  const char *bytes;
  const char *log;
} Case;

#define NOT_QMP "error 6"
#define LIMIT "error 7"

G_STATIC_ASSERT (QMP_ERROR_NOT_QMP == 6);
G_STATIC_ASSERT (QMP_ERROR_LIMIT == 7);

static const Case cases[] = {
  { "", "" },
  { "\r\n \t\r\n", "" },
  { "{\"a\": 1}\r\n{\"b\": 2}\r\n", "{\"a\":1}\n{\"b\":2}\n" },
  { "{}{}{}", "{}\n{}\n{}\n" },
  { "{\r\n    \"return\": {\r\n        \"x\": [\r\n            1\r\n        ]\r\n    }\r\n}\r\n", "{\"return\":{\"x\":[1]}}\n" },
  { "{\"a\": \"}{\\\"\"}", "{\"a\":\"}{\\\"\"}\n" },
  { "{\"a\": 18446744073709551615}", "{\"a\":-1}\n" },
  { "{\"a\": ", "inside" },
  { "{\"a\": 1}{", "{\"a\":1}\ninside" },
  { "{\"a\": 1} garbage", "{\"a\":1}\n" NOT_QMP },
  { "{\"a\": nonsense}", NOT_QMP },
  { "[{}]", NOT_QMP },
  { "\"text\"", NOT_QMP },
  { "(qemu) ", NOT_QMP },
  { "\xff{}", NOT_QMP },
  { "{\"a\": \"\xff\"}", NOT_QMP },
  { "{\"a\": \"\\ud800\"}", NOT_QMP },
  { "{\"a\": [[[[[[[1]]]]]]]}", "{\"a\":[[[[[[[1]]]]]]]}\n" },
  { "{\"a\": [[[[[[[[1]]]]]]]]}", LIMIT },
};

static void
test_cases (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    for (gsize piece = 1; piece <= strlen (cases[i].bytes) + 1; piece++)
      {
        g_autoptr(QmpFraming) framing = qmp_framing_new (MAX_BYTES, MAX_DEPTH);
        g_autofree char *log = collect (framing, cases[i].bytes, strlen (cases[i].bytes), piece);

        g_assert_cmpstr (log, ==, cases[i].log);
      }
}

static void
test_nul (void)
{
  g_autoptr(QmpFraming) framing = qmp_framing_new (MAX_BYTES, MAX_DEPTH);
  g_autofree char *log = collect (framing, "{}\0{}", 5, 5);

  g_assert_cmpstr (log, ==, "{}\n" NOT_QMP);
}

static void
test_max_bytes (void)
{
  g_autofree char *filler = g_strnfill (MAX_BYTES - strlen ("{\"a\":\"\"}"), 'x');
  g_autofree char *longest = g_strdup_printf ("{\"a\":\"%s\"}", filler);
  g_autofree char *longer = g_strdup_printf ("{\"a\":\"x%s\"}", filler);

  for (gsize piece = 1; piece < 2 * MAX_BYTES; piece += 85)
    {
      g_autoptr(QmpFraming) framing = qmp_framing_new (MAX_BYTES, MAX_DEPTH);
      g_autofree char *first = collect (framing, longest, strlen (longest), piece);
      g_autofree char *second = collect (framing, longer, strlen (longer), piece);

      g_assert_true (g_str_has_prefix (first, "{\"a\":\"xxx"));
      g_assert_cmpstr (second, ==, LIMIT);
    }
}

static void
test_set_limits (void)
{
  static const char deep[] = "{\"a\": [[[[1]]]]}";
  g_autoptr(QmpFraming) framing = qmp_framing_new (MAX_BYTES, 3);
  g_autofree char *first = collect (framing, "{}", 2, 2);
  g_autofree char *second = NULL;

  g_assert_cmpstr (first, ==, "{}\n");
  qmp_framing_set_limits (framing, MAX_BYTES, 5);
  second = collect (framing, deep, strlen (deep), 1);
  g_assert_cmpstr (second, ==, "{\"a\":[[[[1]]]]}\n");
}

static void
test_sticky (void)
{
  g_autoptr(QmpFraming) framing = qmp_framing_new (MAX_BYTES, MAX_DEPTH);
  g_autofree char *first = collect (framing, "garbage", 7, 7);
  g_autofree char *second = collect (framing, "{}", 2, 2);

  g_assert_cmpstr (first, ==, NOT_QMP);
  g_assert_cmpstr (second, ==, NOT_QMP);
}

static void
test_excerpt (void)
{
  static const char *const seen[][2] = {
    { "(qemu) ", "'(qemu) '" },
    { "\x01\x02%s\r\n", "'..%s..'" },
    { "0123456789012345678901234567890123456789XYZ", "'0123456789012345678901234567890123456789'" },
    { "\xc3\xa4", "'..'" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (seen); i++)
    {
      g_autoptr(QmpFraming) framing = qmp_framing_new (MAX_BYTES, MAX_DEPTH);
      g_autoptr(JsonObject) message = NULL;
      g_autoptr(GError) error = NULL;

      qmp_framing_push (framing, seen[i][0], strlen (seen[i][0]));
      g_assert_false (qmp_framing_next (framing, &message, &error));
      g_assert_error (error, QMP_ERROR, QMP_ERROR_NOT_QMP);
      g_assert_true (g_str_has_suffix (error->message, seen[i][1]));
    }
}

static void
test_bottomless (void)
{
  g_autofree char *deep = g_strnfill (200000, '[');
  g_autofree char *text = g_strconcat ("{\"a\":", deep, NULL);
  g_autoptr(QmpFraming) framing = qmp_framing_new (64 * 1024 * 1024, 1024);
  g_autofree char *log = collect (framing, text, strlen (text), 4096);

  g_assert_cmpstr (log, ==, LIMIT);
}

static void
test_has_more (void)
{
  g_autoptr(QmpFraming) framing = qmp_framing_new (MAX_BYTES, MAX_DEPTH);
  g_autoptr(JsonObject) first = NULL;
  g_autoptr(JsonObject) second = NULL;

  g_assert_false (qmp_framing_has_more (framing));
  qmp_framing_push (framing, "{}{\"a\":", 7);
  g_assert_true (qmp_framing_has_more (framing));
  g_assert_true (qmp_framing_next (framing, &first, NULL));
  g_assert_nonnull (first);
  g_assert_true (qmp_framing_has_more (framing));
  g_assert_true (qmp_framing_next (framing, &second, NULL));
  g_assert_null (second);
  g_assert_false (qmp_framing_has_more (framing));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/qmp-framing/cases", test_cases);
  g_test_add_func ("/qmp-framing/nul", test_nul);
  g_test_add_func ("/qmp-framing/max-bytes", test_max_bytes);
  g_test_add_func ("/qmp-framing/set-limits", test_set_limits);
  g_test_add_func ("/qmp-framing/sticky", test_sticky);
  g_test_add_func ("/qmp-framing/excerpt", test_excerpt);
  g_test_add_func ("/qmp-framing/bottomless", test_bottomless);
  g_test_add_func ("/qmp-framing/has-more", test_has_more);
  return g_test_run ();
}
