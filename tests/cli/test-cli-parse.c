/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-quantity.h"
#include "api-suggest.h"
#include "cli-format.h"
#include "cli-parse.h"

typedef gboolean (*Parse) (const char *text, gint64 *value, GError **error);

typedef struct
{
  const char *text;
  gint64 value;
} Good;

static void
assert_good (Parse parse, const Good *rows)
{
  for (; rows->text != NULL; rows++)
    {
      g_autoptr(GError) error = NULL;
      gint64 value = -1;

      g_test_message ("%s", rows->text);
      g_assert_true (parse (rows->text, &value, &error));
      g_assert_no_error (error);
      g_assert_cmpint (value, ==, rows->value);
    }
}

/* Each must be refused as a usage error that quotes the text, and leave the output alone. */
static void
assert_bad (Parse parse, const char *const *texts, const char *hint)
{
  for (; *texts != NULL; texts++)
    {
      g_autoptr(GError) error = NULL;
      gint64 value = -77;

      g_test_message ("%s", *texts);
      g_assert_false (parse (*texts, &value, &error));
      g_assert_error (error, QMIG_ERROR, QMIG_EXIT_USAGE);
      g_assert_nonnull (strstr (error->message, *texts));
      g_assert_nonnull (strstr (error->message, hint));
      g_assert_cmpint (value, ==, -77);
    }
}

static void
test_sizes (void)
{
  static const Good good[] = {
    { "0B", 0 }, { "1B", 1 }, { "64M", 67108864 }, { "64MiB", 67108864 }, { "4GiB", 4294967296 }, { "4G", 4294967296 },
    { "1.5K", 1536 }, { "1.5GiB", 1610612736 }, { "5MB", 5000000 }, { "8388607T", 9223370937343148032 }, { NULL },
  };
  static const char *const bare[] = { "64", "0", "1.5", NULL };
  static const char *const wrong[] = { "64Q", "M", "-1M", " 1M", "1 M", "1.M", "1.0000001M", "0x10M", "64M/s", NULL };
  static const char *const large[] = { "8388608T", "18446744073709551615T", NULL };
  static const char *const huge[] = { "99999999999999999999M", NULL };

  assert_good (api_parse_size, good);
  assert_bad (api_parse_size, bare, "needs a unit; say it as in 64M");
  assert_bad (api_parse_size, wrong, "say it as in 64M");
  assert_bad (api_parse_size, large, "too large");
  assert_bad (api_parse_size, huge, "is not a size");
}

static void
test_rates (void)
{
  static const Good good[] = {
    { "max", 0 }, { "1GiB/s", 1073741824 }, { "10Gbit/s", 1250000000 }, { "100MB/s", 100000000 },
    { "1.5Gbit/s", 187500000 }, { "8kbit/s", 1000 }, { NULL },
  };
  static const char *const bare[] = { "1000", "0", NULL };
  static const char *const wrong[] = { "1GiB", "10Gbit", "10Gb/s", "fast", "1GiB/h", NULL };
  static const char *const nothing[] = { "0MiB/s", "0.0Gbit/s", NULL };

  assert_good (api_parse_rate, good);
  assert_bad (api_parse_rate, bare, "needs a unit; say it as in 1GiB/s, 10Gbit/s or max");
  assert_bad (api_parse_rate, wrong, "1GiB/s, 10Gbit/s or max");
  assert_bad (api_parse_rate, nothing, "for no limit say max");
}

static void
test_times (void)
{
  static const Good good[] = {
    { "300ms", 300 }, { "2s", 2000 }, { "10m", 600000 }, { "10min", 600000 }, { "1.5s", 1500 }, { "1h", 3600000 },
    { "2d", 172800000 }, { "0ms", 0 }, { NULL },
  };
  static const char *const bare[] = { "300", NULL };
  static const char *const wrong[] = { "300us", "ms", "5 s", "1m30s", "", NULL };
  static const char *const large[] = { "200000000000d", NULL };

  assert_good (api_parse_time, good);
  assert_bad (api_parse_time, bare, "needs a unit; say it as in 300ms, 2s or 10m");
  assert_bad (api_parse_time, wrong, "300ms, 2s or 10m");
  assert_bad (api_parse_time, large, "too large");
}

static void
test_ports (void)
{
  static const char *const bad[] = { "0", "65536", "a", "1-", "-1", "5-4", "1-2-3", "", " 1", NULL };
  gint64 first = 0, last = 0;

  g_assert_true (cli_parse_ports ("49152", &first, &last, NULL));
  g_assert_cmpint (first, ==, 49152);
  g_assert_cmpint (last, ==, 49152);
  g_assert_true (cli_parse_ports ("1-65535", &first, &last, NULL));
  g_assert_cmpint (first, ==, 1);
  g_assert_cmpint (last, ==, 65535);

  for (const char *const *text = bad; *text != NULL; text++)
    {
      g_autoptr(GError) error = NULL;

      g_test_message ("%s", *text);
      g_assert_false (cli_parse_ports (*text, &first, &last, &error));
      g_assert_error (error, QMIG_ERROR, QMIG_EXIT_USAGE);
      g_assert_cmpint (first, ==, 1);
      g_assert_cmpint (last, ==, 65535);
    }
}

static void
test_expect (void)
{
  static const char *const bad[] = { "",           "downtime",     "downtime=",  "downtime=300", "rounds=10ms",
                                     "total=2m,", "downtime=1s,downtime=2s", "speed=3",    "=3s",          NULL };
  g_autoptr(QmigExpect) expect = cli_parse_expect ("downtime=300ms,blackout=0.5s,total=2m,rounds=10", NULL);
  g_autoptr(QmigExpect) one = cli_parse_expect ("rounds=3", NULL);
  g_autoptr(GError) hinted = NULL;

  g_assert_nonnull (expect);
  g_assert_cmpint (expect->downtime_ms, ==, 300);
  g_assert_cmpint (expect->blackout_ms, ==, 500);
  g_assert_cmpint (expect->total_ms, ==, 120000);
  g_assert_cmpint (expect->rounds, ==, 10);
  g_assert_cmpint (one->rounds, ==, 3);
  g_assert_cmpint (one->total_ms, ==, QMIG_UNSET);

  for (const char *const *text = bad; *text != NULL; text++)
    {
      g_autoptr(GError) error = NULL;

      g_test_message ("%s", *text);
      g_assert_null (cli_parse_expect (*text, &error));
      g_assert_error (error, QMIG_ERROR, QMIG_EXIT_USAGE);
    }

  g_assert_null (cli_parse_expect ("downtme=300ms", &hinted));
  g_assert_nonnull (strstr (hinted->message, "did you mean 'downtime'?"));
}

static void
test_suggestions (void)
{
  static const char *const names[] = { "migrate", "migration", "watch", "vm", "cancel", NULL };

  g_assert_cmpstr (api_nearest ("migarte", names), ==, "migrate");
  g_assert_cmpstr (api_nearest ("wacth", names), ==, "watch");
  g_assert_cmpstr (api_nearest ("cancle", names), ==, "cancel");
  g_assert_cmpstr (api_nearest ("migratoin", names), ==, "migration");
  g_assert_null (api_nearest ("zebra", names));
  g_assert_null (api_nearest ("x", names));
  g_assert_null (api_nearest ("", names));
}

static void
assert_format (char *text, const char *expected)
{
  g_autofree char *owned = text;

  g_assert_cmpstr (owned, ==, expected);
}

static void
test_formats (void)
{
  assert_format (cli_format_bytes (0), "0 B");
  assert_format (cli_format_bytes (1023), "1023 B");
  assert_format (cli_format_bytes (1024), "1 KiB");
  assert_format (cli_format_bytes (268435456), "256 MiB");
  assert_format (cli_format_bytes (1610612736), "1.5 GiB");
  assert_format (cli_format_bytes (1073741823), "1 GiB");
  assert_format (cli_format_rate (52428800), "50 MiB/s");
  assert_format (cli_format_limit (0), "max");
  assert_format (cli_format_ms (0.42), "0.4 ms");
  assert_format (cli_format_ms (24.4), "24 ms");
  assert_format (cli_format_ms (999.4), "999 ms");
  assert_format (cli_format_ms (1034), "1.03 s");
  assert_format (cli_format_ms (61000), "61.0 s");
  assert_format (cli_format_ms (125000), "2 min 05 s");
  assert_format (cli_format_ms (7500000), "2 h 05 min");
}

static void
test_sanitize (void)
{
  assert_format (cli_sanitize ("plain ünïcode 日本"), "plain ünïcode 日本");
  assert_format (cli_sanitize ("a\033[31mb"), "a\xef\xbf\xbd[31mb");
  assert_format (cli_sanitize ("a\nb\tc"), "a b c");
  assert_format (cli_sanitize ("bell\007 csi\xc2\x9b" "2J"), "bell\xef\xbf\xbd csi\xef\xbf\xbd" "2J");
  assert_format (cli_sanitize ("right\xe2\x80\xae" "left"), "right\xef\xbf\xbdleft");
  assert_format (cli_sanitize ("bad\xff"), "bad\xef\xbf\xbd");
  g_assert_cmpuint (cli_width ("日本x"), ==, 5);
  g_assert_cmpuint (cli_width ("e\xcc\x81"), ==, 1);
}

static void
test_quoting (void)
{
  static const char *const argv[] = { "qemu", "-m", "1G", "-name", "a b", "", "it's", NULL };

  assert_format (cli_quote_command (argv), "qemu -m 1G -name 'a b' '' 'it'\\''s'");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/parse/sizes", test_sizes);
  g_test_add_func ("/cli/parse/rates", test_rates);
  g_test_add_func ("/cli/parse/times", test_times);
  g_test_add_func ("/cli/parse/ports", test_ports);
  g_test_add_func ("/cli/parse/expect", test_expect);
  g_test_add_func ("/cli/suggest", test_suggestions);
  g_test_add_func ("/cli/format/numbers", test_formats);
  g_test_add_func ("/cli/format/sanitize", test_sanitize);
  g_test_add_func ("/cli/format/quoting", test_quoting);
  return g_test_run ();
}
