/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "json-scan.h"

#define MAX_BYTES 4096
#define MAX_DEPTH 8

typedef struct
{
  const char *text;
  JsonScanResult result; /* of all the text and its end */
} Case;

static const Case cases[] = {
  { "{}", JSON_SCAN_END },
  { " \t\r\n[ ]", JSON_SCAN_END },
  { "{\"a\": [1, -2.5e+10, true, false, null, \"x\"], \"b\": {}}", JSON_SCAN_END },
  { "\"\"", JSON_SCAN_END },
  { "\"}]\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"", JSON_SCAN_END },
  { "\"\\ud83d\\ude00\"", JSON_SCAN_END },
  { "0", JSON_SCAN_END },
  { "-0", JSON_SCAN_END },
  { "-0.0e-0", JSON_SCAN_END },
  { "12345678901234567890", JSON_SCAN_END },
  { "[[[[[[[[]]]]]]]]", JSON_SCAN_END },
  { "", JSON_SCAN_BAD },
  { "  ", JSON_SCAN_BAD },
  { "{", JSON_SCAN_BAD },
  { "[1", JSON_SCAN_BAD },
  { "\"abc", JSON_SCAN_BAD },
  { "tru", JSON_SCAN_BAD },
  { "trux", JSON_SCAN_BAD },
  { "TRUE", JSON_SCAN_BAD },
  { "nul", JSON_SCAN_BAD },
  { "var x = [1];", JSON_SCAN_BAD },
  { "/* c */1", JSON_SCAN_BAD },
  { "['x']", JSON_SCAN_BAD },
  { "[1,]", JSON_SCAN_BAD },
  { "[,1]", JSON_SCAN_BAD },
  { "[1 2]", JSON_SCAN_BAD },
  { "[1}", JSON_SCAN_BAD },
  { "{\"a\":1]", JSON_SCAN_BAD },
  { "{\"a\":1,}", JSON_SCAN_BAD },
  { "{\"a\",1}", JSON_SCAN_BAD },
  { "{\"a\" 1}", JSON_SCAN_BAD },
  { "{a:1}", JSON_SCAN_BAD },
  { "{1:1}", JSON_SCAN_BAD },
  { "]", JSON_SCAN_BAD },
  { "}", JSON_SCAN_BAD },
  { "-", JSON_SCAN_BAD },
  { "+1", JSON_SCAN_BAD },
  { "01", JSON_SCAN_BAD },
  { "-01", JSON_SCAN_BAD },
  { "1.", JSON_SCAN_BAD },
  { ".5", JSON_SCAN_BAD },
  { "1e", JSON_SCAN_BAD },
  { "1e+", JSON_SCAN_BAD },
  { "1-2", JSON_SCAN_BAD },
  { "0x10", JSON_SCAN_END }, /* the number 0; what follows it is not the scanner's */
  { "[0x10]", JSON_SCAN_BAD },
  { "1e999", JSON_SCAN_BAD },
  { "-1e999", JSON_SCAN_BAD },
  { "[1e999]", JSON_SCAN_BAD },
  { "[NaN]", JSON_SCAN_BAD },
  { "\"\\q\"", JSON_SCAN_BAD },
  { "\"\\u12g4\"", JSON_SCAN_BAD },
  { "\"\\u0000\"", JSON_SCAN_BAD },
  { "\"\\ud800\"", JSON_SCAN_BAD },
  { "\"\\udc00\"", JSON_SCAN_BAD },
  { "\"\\ud800\\u0041\"", JSON_SCAN_BAD },
  { "\"\\ud800\\n\"", JSON_SCAN_BAD },
  { "\"\\ud800x\"", JSON_SCAN_BAD },
  { "\"\\ud800\\ud800\"", JSON_SCAN_BAD },
  { "\"a\nb\"", JSON_SCAN_BAD },
  { "[[[[[[[[[]]]]]]]]]", JSON_SCAN_TOO_DEEP },
  { "[[[[[[[{\"a\": {}}]]]]]]]", JSON_SCAN_TOO_DEEP },
  { "{\"a\":[{\"a\":[{\"a\":[{\"a\":[[", JSON_SCAN_TOO_DEEP },
};

static JsonScanResult
scan_whole (const char *text, gsize *used)
{
  JsonScan scan;

  json_scan_init (&scan, MAX_BYTES, MAX_DEPTH);
  json_scan_feed (&scan, text, strlen (text), used);
  return json_scan_finish (&scan);
}

static JsonScanResult
scan_by_bytes (const char *text, gsize *used)
{
  JsonScan scan;
  JsonScanResult result = JSON_SCAN_MORE;

  *used = 0;
  json_scan_init (&scan, MAX_BYTES, MAX_DEPTH);
  for (const char *p = text; *p && result == JSON_SCAN_MORE; p++)
    {
      gsize one;

      result = json_scan_feed (&scan, p, 1, &one);
      *used += one;
    }
  g_assert_cmpuint (json_scan_get_position (&scan), ==, *used);
  return json_scan_finish (&scan);
}

static void
test_cases (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gsize used;
      gsize used_by_bytes;
      JsonScanResult result = scan_whole (cases[i].text, &used);
      JsonScanResult by_bytes = scan_by_bytes (cases[i].text, &used_by_bytes);

      if (result != cases[i].result || by_bytes != result || used != used_by_bytes)
        g_error ("'%s': whole %d, by bytes %d, expected %d; used %zu and %zu", cases[i].text, result, by_bytes,
                 cases[i].result, used, used_by_bytes);
    }
}

static void
test_end (void)
{
  static const struct
  {
    const char *text;
    gsize used;
  } ends[] = {
    { "{}{}", 2 },       { " {\"a\": \"}\"}\r\n{", 11 }, { "[[]]x", 4 }, { "true false", 4 }, { "12 13", 2 },
    { "12,13", 2 },      { "\"a\"\"b\"", 3 },            { "nullnull", 4 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      gsize used;

      g_assert_cmpint (scan_whole (ends[i].text, &used), ==, JSON_SCAN_END);
      g_assert_cmpuint (used, ==, ends[i].used);
      g_assert_cmpint (scan_by_bytes (ends[i].text, &used), ==, JSON_SCAN_END);
      g_assert_cmpuint (used, ==, ends[i].used);
    }
}

/* The answer stays, and nothing more is taken. */
static void
test_sticky (void)
{
  static const char *const texts[] = { "{}", "]", "[[[[[[[[[", NULL };
  JsonScan scan;
  gsize used;

  for (gsize i = 0; texts[i]; i++)
    {
      JsonScanResult result;

      json_scan_init (&scan, MAX_BYTES, MAX_DEPTH);
      result = json_scan_feed (&scan, texts[i], strlen (texts[i]), &used);
      g_assert_cmpint (result, !=, JSON_SCAN_MORE);
      g_assert_cmpint (json_scan_feed (&scan, "[]", 2, &used), ==, result);
      g_assert_cmpuint (used, ==, 0);
      g_assert_cmpint (json_scan_finish (&scan), ==, result);
    }
}

static JsonScanResult
scan_limited (const char *text, gsize max_bytes)
{
  JsonScan scan;
  gsize used;

  json_scan_init (&scan, max_bytes, MAX_DEPTH);
  return json_scan_feed (&scan, text, strlen (text), &used);
}

static void
test_max_bytes (void)
{
  g_assert_cmpint (scan_limited ("[1,2]", 5), ==, JSON_SCAN_END);
  g_assert_cmpint (scan_limited ("[1,2]", 4), ==, JSON_SCAN_TOO_LARGE);
  g_assert_cmpint (scan_limited ("[1,2", 4), ==, JSON_SCAN_MORE);
  g_assert_cmpint (scan_limited ("\"abcdefgh", 4), ==, JSON_SCAN_TOO_LARGE);
  g_assert_cmpint (scan_limited ("1234 ", 4), ==, JSON_SCAN_END);
  g_assert_cmpint (scan_limited ("12345", 4), ==, JSON_SCAN_TOO_LARGE);
  g_assert_cmpint (scan_limited ("{}", 0), ==, JSON_SCAN_TOO_LARGE);
}

static void
test_long_number (void)
{
  g_autofree char *longest = g_strnfill (JSON_SCAN_MAX_NUMBER, '1');
  g_autofree char *longer = g_strnfill (JSON_SCAN_MAX_NUMBER + 1, '1');
  gsize used;

  g_assert_cmpint (scan_whole (longest, &used), ==, JSON_SCAN_END);
  g_assert_cmpint (scan_whole (longer, &used), ==, JSON_SCAN_BAD);
}

static gboolean
has_wide_integer (const char *text)
{
  JsonScan scan;
  gsize used;

  json_scan_init (&scan, MAX_BYTES, MAX_DEPTH);
  json_scan_feed (&scan, text, strlen (text), &used);
  g_assert_cmpint (json_scan_finish (&scan), ==, JSON_SCAN_END);
  return json_scan_has_wide_integer (&scan);
}

static void
test_wide_integer (void)
{
  g_assert_false (has_wide_integer ("[9223372036854775807, -9223372036854775808]"));
  g_assert_true (has_wide_integer ("[9223372036854775808]"));
  g_assert_true (has_wide_integer ("-9223372036854775809"));
  g_assert_true (has_wide_integer ("[18446744073709551615, 1]"));
  g_assert_false (has_wide_integer ("18446744073709551615.0"));
}

static void
test_bottomless (void)
{
  g_autofree char *deep = g_strnfill (200000, '[');
  JsonScan scan;
  gsize used;

  json_scan_init (&scan, 1024 * 1024, JSON_SCAN_MAX_DEPTH);
  g_assert_cmpint (json_scan_feed (&scan, deep, strlen (deep), &used), ==, JSON_SCAN_TOO_DEEP);
  g_assert_cmpuint (used, ==, JSON_SCAN_MAX_DEPTH);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json-scan/cases", test_cases);
  g_test_add_func ("/json-scan/end", test_end);
  g_test_add_func ("/json-scan/sticky", test_sticky);
  g_test_add_func ("/json-scan/max-bytes", test_max_bytes);
  g_test_add_func ("/json-scan/long-number", test_long_number);
  g_test_add_func ("/json-scan/wide-integer", test_wide_integer);
  g_test_add_func ("/json-scan/bottomless", test_bottomless);
  return g_test_run ();
}
