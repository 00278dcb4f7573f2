/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "json-strict.h"

static const JsonStrictLimits limits = { .max_bytes = 256, .max_depth = 8 };

typedef struct
{
  const char *text;
  int code;
} Case;

static const Case refused[] = {
  { "", JSON_STRICT_ERROR_SYNTAX },
  { " ", JSON_STRICT_ERROR_SYNTAX },
  { "var x = [1];", JSON_STRICT_ERROR_SYNTAX },
  { "{} {}", JSON_STRICT_ERROR_SYNTAX },
  { "{}x", JSON_STRICT_ERROR_SYNTAX },
  { "1 2", JSON_STRICT_ERROR_SYNTAX },
  { "[0x10]", JSON_STRICT_ERROR_SYNTAX },
  { "0x10", JSON_STRICT_ERROR_SYNTAX },
  { "// comment\n1", JSON_STRICT_ERROR_SYNTAX },
  { "1 // comment", JSON_STRICT_ERROR_SYNTAX },
  { "\"\\u0000\"", JSON_STRICT_ERROR_SYNTAX },
  { "\"\\ud800\"", JSON_STRICT_ERROR_SYNTAX },
  { "\"\xff\"", JSON_STRICT_ERROR_SYNTAX },
  { "\"\xed\xa0\x80\"", JSON_STRICT_ERROR_SYNTAX },
  { "\xef\xbb\xbf{}", JSON_STRICT_ERROR_SYNTAX },
  { "9223372036854775808", JSON_STRICT_ERROR_SYNTAX },
  { "[[[[[[[[[]]]]]]]]]", JSON_STRICT_ERROR_TOO_DEEP },
};

static void
test_refused (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(JsonNode) node = json_strict_parse (refused[i].text, strlen (refused[i].text), &limits, &error);

      g_assert_null (node);
      g_assert_error (error, JSON_STRICT_ERROR, refused[i].code);
      g_assert_null (strstr (error->message, "(null)"));
    }
}

static void
test_nul_bytes (void)
{
  static const char inside[] = "[1,\0 2]";
  static const char after[] = "[1]\0";
  g_autoptr(GError) error = NULL;

  g_assert_null (json_strict_parse (inside, sizeof inside - 1, &limits, &error));
  g_assert_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_SYNTAX);
  g_clear_error (&error);
  g_assert_null (json_strict_parse (after, sizeof after - 1, &limits, &error));
  g_assert_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_SYNTAX);
}

static void
test_too_large (void)
{
  g_autofree char *text = g_strnfill (300, ' ');
  g_autoptr(GError) error = NULL;

  memcpy (text, "{}", 2);
  g_assert_null (json_strict_parse (text, 300, &limits, &error));
  g_assert_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_TOO_LARGE);
}

static void
test_bottomless (void)
{
  g_autofree char *deep = g_strnfill (200000, '[');
  g_autoptr(GError) error = NULL;

  g_assert_null (json_strict_parse (deep, strlen (deep), &json_strict_limits_api, &error));
  g_assert_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_TOO_DEEP);
}

/* As deep as the limits of a monitor allow; json-glib recurses for each level. */
static void
test_deep_enough (void)
{
  const JsonStrictLimits deep = { .max_bytes = 4096, .max_depth = 1024 };
  g_autofree char *open = g_strnfill (1024, '[');
  g_autofree char *close = g_strnfill (1024, ']');
  g_autofree char *text = g_strconcat (open, close, NULL);
  g_autofree char *printed = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) node = json_strict_parse (text, strlen (text), &deep, &error);

  g_assert_no_error (error);
  printed = json_strict_print (node);
  g_assert_cmpstr (printed, ==, text);
}

static void
test_not_terminated (void)
{
  static const char text[] = "[1]garbage";
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) node = json_strict_parse (text, 3, &limits, &error);

  g_assert_no_error (error);
  g_assert_cmpint (json_array_get_int_element (json_node_get_array (node), 0), ==, 1);
}

static void
test_round_trip (void)
{
  static const char *const texts[] = {
    "{\"a\":[1,-2,true,false,null,\"x\"],\"b\":{}}",
    "9223372036854775807",
    "-9223372036854775808",
    "1.5",
    "[0.1,1.0,-0.0,1e-05,1e-300,1.5e+22,1e+17,123456789.123,0.30000000000000004]",
    "\"\\b\\f\\r/ \\u001f \\u007f\"",
    "{\"\":{},\"\\n\":[[],{}]}",
    "\"\\\"\\\\\\n\\t\\u0001 \xc3\xa4 \xf0\x9f\x98\x80\"",
    "null",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(JsonNode) node = json_strict_parse (texts[i], strlen (texts[i]), &limits, &error);
      g_autofree char *printed = NULL;

      g_assert_no_error (error);
      printed = json_strict_print (node);
      g_assert_cmpstr (printed, ==, texts[i]);
    }
}

static void
test_not_a_number (void)
{
  g_autoptr(JsonObject) object = json_object_new ();
  g_autofree char *printed = NULL;

  json_object_set_double_member (object, "a", NAN);
  json_object_set_double_member (object, "b", -INFINITY);
  printed = json_strict_print_object (object);
  g_assert_cmpstr (printed, ==, "{\"a\":null,\"b\":null}");
}

static void
test_surrogates (void)
{
  static const char text[] = "\"\\ud83d\\ude00\"";
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) node = json_strict_parse (text, strlen (text), &limits, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (json_node_get_string (node), ==, "\xf0\x9f\x98\x80");
}

static void
test_object (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) object = json_strict_parse_object ("{\"a\": 1}", 8, &limits, &error);
  g_autofree char *printed = NULL;

  g_assert_no_error (error);
  printed = json_strict_print_object (object);
  g_assert_cmpstr (printed, ==, "{\"a\":1}");
  g_assert_null (json_strict_parse_object ("[1]", 3, &limits, &error));
  g_assert_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_TYPE);
}

static void
test_getters (void)
{
  static const char text[] = "{\"s\": \"text\", \"i\": 7, \"d\": 2.5, \"b\": true, \"n\": null, \"o\": {}, \"a\": []}";
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) o = json_strict_parse_object (text, strlen (text), &limits, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (json_strict_string (o, "s", "?"), ==, "text");
  g_assert_cmpint (json_strict_int (o, "i", -1), ==, 7);
  g_assert_cmpfloat (json_strict_double (o, "d", -1), ==, 2.5);
  g_assert_cmpfloat (json_strict_double (o, "i", -1), ==, 7);
  g_assert_true (json_strict_bool (o, "b", FALSE));
  g_assert_nonnull (json_strict_object (o, "o"));
  g_assert_nonnull (json_strict_array (o, "a"));
}

static void
test_fallbacks (void)
{
  static const char text[] = "{\"s\": \"text\", \"i\": 7, \"d\": 2.5, \"b\": true, \"n\": null, \"o\": {}, \"a\": []}";
  static const char *const names[] = { "s", "i", "d", "b", "n", "o", "a", "absent" };
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) o = json_strict_parse_object (text, strlen (text), &limits, &error);

  g_assert_no_error (error);
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const char *name = names[i];

      if (*name != 's')
        g_assert_cmpstr (json_strict_string (o, name, "?"), ==, "?");
      if (*name != 'i')
        g_assert_cmpint (json_strict_int (o, name, -1), ==, -1);
      if (*name != 'i' && *name != 'd')
        g_assert_true (isnan (json_strict_double (o, name, NAN)));
      if (*name != 'b')
        g_assert_true (json_strict_bool (o, name, TRUE));
      if (*name != 'o')
        g_assert_null (json_strict_object (o, name));
      if (strcmp (name, "a") != 0)
        g_assert_null (json_strict_array (o, name));
    }
  g_assert_cmpint (json_strict_int (NULL, "i", -1), ==, -1);
  g_assert_null (json_strict_object (NULL, "o"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json-strict/refused", test_refused);
  g_test_add_func ("/json-strict/nul-bytes", test_nul_bytes);
  g_test_add_func ("/json-strict/too-large", test_too_large);
  g_test_add_func ("/json-strict/bottomless", test_bottomless);
  g_test_add_func ("/json-strict/deep-enough", test_deep_enough);
  g_test_add_func ("/json-strict/not-terminated", test_not_terminated);
  g_test_add_func ("/json-strict/round-trip", test_round_trip);
  g_test_add_func ("/json-strict/not-a-number", test_not_a_number);
  g_test_add_func ("/json-strict/surrogates", test_surrogates);
  g_test_add_func ("/json-strict/object", test_object);
  g_test_add_func ("/json-strict/getters", test_getters);
  g_test_add_func ("/json-strict/fallbacks", test_fallbacks);
  return g_test_run ();
}
