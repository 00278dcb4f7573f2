/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-types.h"

static const struct
{
  gint64 unix_us;
  const char *text;
} times[] = {
  { 0, "1970-01-01T00:00:00.000000Z" },
  { 1, "1970-01-01T00:00:00.000001Z" },
  { -1, "1969-12-31T23:59:59.999999Z" },
  { G_GINT64_CONSTANT (1700000000123456), "2023-11-14T22:13:20.123456Z" },
  { G_GINT64_CONSTANT (951782400000000), "2000-02-29T00:00:00.000000Z" },
  { G_GINT64_CONSTANT (253402300799999999), "9999-12-31T23:59:59.999999Z" },
  { G_GINT64_CONSTANT (-62135596800000000), "0001-01-01T00:00:00.000000Z" },
};

static void
test_known (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (times); i++)
    {
      g_autofree char *text = api_time_format (times[i].unix_us);

      g_assert_cmpstr (text, ==, times[i].text);
      g_assert_cmpint (api_time_parse (times[i].text), ==, times[i].unix_us);
    }
}

static void
test_round_trip (void)
{
  for (int i = 0; i < 1000; i++)
    {
      gint64 unix_us = ((gint64) g_test_rand_int_range (0, G_MAXINT32) << 22) + g_test_rand_int_range (0, 1 << 22);
      g_autofree char *text = api_time_format (unix_us);

      g_assert_cmpint (api_time_parse (text), ==, unix_us);
    }
}

static void
test_now (void)
{
  gint64 before_us = g_get_real_time ();
  g_autofree char *text = api_time_now ();
  gint64 now_us = api_time_parse (text);

  g_assert_cmpint (now_us, !=, QMIG_UNSET);
  /* Not against the clock afterwards: it may be set while the test runs. */
  g_assert_cmpint (ABS (now_us - before_us), <, G_TIME_SPAN_DAY);
}

static void
test_fractions (void)
{
  g_assert_cmpint (api_time_parse ("1970-01-01T00:00:01Z"), ==, 1000000);
  g_assert_cmpint (api_time_parse ("1970-01-01T00:00:01.5Z"), ==, 1500000);
  g_assert_cmpint (api_time_parse ("1970-01-01T00:00:01.123456789Z"), ==, 1123456);
}

static void
test_refused (void)
{
  static const char *const texts[] = {
    "", "Z", "now", "1700000000", "2023-11-14", "2023-11-14T22:13:20", "2023-11-14 22:13:20Z",
    "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20.12x456Z", "2023-11-14T22:13:20.123456z",
    "2023-11-14T22:13:20.123456Z ", " 2023-11-14T22:13:20.123456Z", "2023-11-14T22:13:20.123456+00:00",
    "2023-02-29T00:00:00Z", "2023-13-01T00:00:00Z", "2023-11-14T24:00:00Z", "2023-11-14T22:60:20Z",
    "2023-11-14T22:13:60Z", "0000-01-01T00:00:00Z", "-001-01-01T00:00:00Z", "2023-11-14T22:13:2",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_test_message ("%s", texts[i]);
      g_assert_cmpint (api_time_parse (texts[i]), ==, QMIG_UNSET);
    }

  g_assert_cmpint (api_time_parse (NULL), ==, QMIG_UNSET);
}

static void
test_not_a_time (void)
{
  g_assert_null (api_time_format (QMIG_UNSET));
  g_assert_null (api_time_format (G_MAXINT64));
  g_assert_null (api_time_format (G_GINT64_CONSTANT (253402300800000000)));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/api/time/known", test_known);
  g_test_add_func ("/api/time/round-trip", test_round_trip);
  g_test_add_func ("/api/time/now", test_now);
  g_test_add_func ("/api/time/fractions", test_fractions);
  g_test_add_func ("/api/time/refused", test_refused);
  g_test_add_func ("/api/time/not-a-time", test_not_a_time);

  return g_test_run ();
}
