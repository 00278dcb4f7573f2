/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-sampler.h"

#define MIB (G_GINT64_CONSTANT (1024) * 1024)
#define BEGIN_US G_GINT64_CONSTANT (5000000)

/* QEMU's numbers in the given pass. */
static QmpMigrationInfo
numbers (gint64 pass, gint64 remaining, gint64 transferred)
{
  return (QmpMigrationInfo) {
    .status_text = (char *) "active",
    .status = QMP_MIGRATION_STATUS_ACTIVE,
    .ram_total_bytes = 1024 * MIB,
    .ram_remaining_bytes = remaining,
    .ram_transferred_bytes = transferred,
    .ram_page_size_bytes = 4096,
    .ram_dirty_pages_rate = 256,
    .ram_dirty_sync_count = pass,
    .throttle_percent = 20,
  };
}

/* What QEMU says before it has begun: nothing. */
static QmpMigrationInfo
silence (void)
{
  return (QmpMigrationInfo) {
    .status_text = (char *) "setup",
    .status = QMP_MIGRATION_STATUS_SETUP,
    .ram_total_bytes = -1,
    .ram_remaining_bytes = -1,
    .ram_transferred_bytes = -1,
    .ram_page_size_bytes = -1,
    .ram_dirty_pages_rate = -1,
    .ram_dirty_sync_count = -1,
    .throttle_percent = -1,
  };
}

static QmigSample *
take (QmigSampler *sampler, QmpMigrationInfo info, gint64 at_ms)
{
  return qmig_sampler_take (sampler, &info, BEGIN_US + at_ms * 1000);
}

static void
take_only (QmigSampler *sampler, QmpMigrationInfo info, gint64 at_ms)
{
  qmig_sample_free (take (sampler, info, at_ms));
}

static void
test_fields (void)
{
  QmigSampler sampler;
  g_autoptr(QmigSample) first = NULL;
  g_autoptr(QmigSample) second = NULL;

  qmig_sampler_init (&sampler);
  first = take (&sampler, numbers (1, 1000 * MIB, 24 * MIB), 0);
  second = take (&sampler, numbers (1, 900 * MIB, 124 * MIB), 1000);
  g_assert_cmpint (first->elapsed_ms, ==, 0);
  g_assert_cmpint (second->elapsed_ms, ==, 1000);
  g_assert_cmpstr (second->status, ==, "active");
  g_assert_cmpint (second->pass, ==, 1);
  g_assert_cmpint (second->total_bytes, ==, 1024 * MIB);
  g_assert_cmpint (second->remaining_bytes, ==, 900 * MIB);
  g_assert_cmpint (second->transferred_bytes, ==, 124 * MIB);
  g_assert_cmpint (second->dirty_bytes_per_s, ==, 256 * 4096);
  g_assert_cmpint (second->throttle_percent, ==, 20);
  g_assert_cmpint (first->send_bytes_per_s, ==, QMIG_UNSET);
  g_assert_cmpint (second->send_bytes_per_s, ==, 100 * MIB);
}

/* A number QEMU does not give is missing, never 0 or -1. */
static void
test_unset (void)
{
  QmigSampler sampler;
  g_autoptr(QmigSample) sample = NULL;
  g_autoptr(QmigSample) later = NULL;

  qmig_sampler_init (&sampler);
  take_only (&sampler, silence (), 0);
  sample = take (&sampler, silence (), 1000);
  g_assert_cmpint (sample->elapsed_ms, ==, 1000);
  g_assert_cmpint (sample->pass, ==, QMIG_UNSET);
  g_assert_cmpint (sample->total_bytes, ==, QMIG_UNSET);
  g_assert_cmpint (sample->remaining_bytes, ==, QMIG_UNSET);
  g_assert_cmpint (sample->transferred_bytes, ==, QMIG_UNSET);
  g_assert_cmpint (sample->dirty_bytes_per_s, ==, QMIG_UNSET);
  g_assert_cmpint (sample->send_bytes_per_s, ==, QMIG_UNSET);
  g_assert_cmpint (sample->need_ms, ==, QMIG_UNSET);
  g_assert_cmpint (sample->throttle_percent, ==, QMIG_UNSET);

  /* The silence before is no base for a rate. */
  later = take (&sampler, numbers (1, 1000 * MIB, 24 * MIB), 2000);
  g_assert_cmpint (later->send_bytes_per_s, ==, QMIG_UNSET);
}

/* A dirty rate without a page size is no rate. */
static void
test_dirty_rate (void)
{
  QmigSampler sampler;
  QmpMigrationInfo info = numbers (2, MIB, MIB);
  g_autoptr(QmigSample) sample = NULL;
  g_autoptr(QmigSample) idle = NULL;

  qmig_sampler_init (&sampler);
  info.ram_page_size_bytes = -1;
  sample = take (&sampler, info, 0);
  g_assert_cmpint (sample->dirty_bytes_per_s, ==, QMIG_UNSET);

  info = numbers (2, MIB, MIB);
  info.ram_dirty_pages_rate = 0;
  idle = take (&sampler, info, 250);
  g_assert_cmpint (idle->dirty_bytes_per_s, ==, 0);
}

/* The rate spans half a second where there is one, and otherwise what there is. */
static void
test_rate_span (void)
{
  QmigSampler sampler;
  static const struct { gint64 at_ms, transferred, rate; } looks[] = {
    { 0, 0, QMIG_UNSET },
    { 100, 10, 100 },   /* from 0 */
    { 400, 70, 175 },   /* from 0 */
    { 600, 80, 140 },   /* from 100 */
    { 900, 270, 400 },  /* from 400 */
    { 900, 270, 400 },  /* the same moment again */
  };

  qmig_sampler_init (&sampler);
  for (gsize i = 0; i < G_N_ELEMENTS (looks); i++)
    {
      g_autoptr(QmigSample) sample = take (&sampler, numbers (1, 1000, looks[i].transferred), looks[i].at_ms);

      g_assert_cmpint (sample->send_bytes_per_s, ==, looks[i].rate);
    }
}

/* Two looks at the same moment: no division by nothing. */
static void
test_no_span (void)
{
  QmigSampler sampler;
  g_autoptr(QmigSample) sample = NULL;

  qmig_sampler_init (&sampler);
  take_only (&sampler, numbers (1, 1000, 10), 0);
  sample = take (&sampler, numbers (1, 1000, 20), 0);
  g_assert_cmpint (sample->send_bytes_per_s, ==, QMIG_UNSET);
}

/* After many more looks than are kept, and with looks so close that all kept ones are younger than the span. */
static void
test_window (void)
{
  QmigSampler sampler;

  qmig_sampler_init (&sampler);
  for (int i = 0; i < 5 * QMIG_SAMPLER_WINDOW; i++)
    {
      g_autoptr(QmigSample) sample = take (&sampler, numbers (1, 1000, i * 25 * i), i * 250);
      gint64 before = MAX (i - 2, 0);

      if (i > 0)
        g_assert_cmpint (sample->send_bytes_per_s, ==, (25 * i * i - 25 * before * before) * 1000 / ((i - before) * 250));
    }

  qmig_sampler_init (&sampler);
  for (int i = 0; i < 3 * QMIG_SAMPLER_WINDOW; i++)
    {
      g_autoptr(QmigSample) sample = take (&sampler, numbers (1, 1000, i * i), i);
      gint64 oldest = MAX (i - QMIG_SAMPLER_WINDOW, 0);

      if (i > 0)
        g_assert_cmpint (sample->send_bytes_per_s, ==, (i * i - oldest * oldest) * 1000 / (i - oldest));
    }
}

/* What a stop would take is what was left right after the last sync, at the measured rate; never in the first pass. */
static void
test_need (void)
{
  QmigSampler sampler;
  static const struct { gint64 pass, remaining, need_ms; } looks[] = {
    { 1, 1000, QMIG_UNSET },
    { 1, 500, QMIG_UNSET },
    { 2, 300, 300 },
    { 2, 100, 300 }, /* what was sent since does not count: the guest went on writing */
    { 3, 50, 50 },
    { 3, 0, 50 },
    { 5, 2000, 2000 }, /* a pass went by unseen */
  };

  qmig_sampler_init (&sampler);
  for (gsize i = 0; i < G_N_ELEMENTS (looks); i++)
    {
      /* 1000 bytes in each second */
      g_autoptr(QmigSample) sample = take (&sampler, numbers (looks[i].pass, looks[i].remaining, i * 1000), i * 1000);

      g_assert_cmpint (sample->need_ms, ==, looks[i].need_ms);
    }
}

static void
test_need_without_rate (void)
{
  QmigSampler sampler;
  QmpMigrationInfo info = numbers (4, -1, 0);
  g_autoptr(QmigSample) nothing_moves = NULL;
  g_autoptr(QmigSample) nothing_known = NULL;

  qmig_sampler_init (&sampler);
  take_only (&sampler, numbers (2, 1000, 0), 0);
  nothing_moves = take (&sampler, numbers (3, 1000, 0), 1000);
  g_assert_cmpint (nothing_moves->send_bytes_per_s, ==, 0);
  g_assert_cmpint (nothing_moves->need_ms, ==, QMIG_UNSET);

  info.ram_transferred_bytes = 1000;
  nothing_known = take (&sampler, info, 2000);
  g_assert_cmpint (nothing_known->send_bytes_per_s, >, 0);
  g_assert_cmpint (nothing_known->need_ms, ==, QMIG_UNSET);
}

/* Large guests: bytes times milliseconds would not fit into 64 bits. */
static void
test_large (void)
{
  QmigSampler sampler;
  gint64 tib = MIB * MIB;
  g_autoptr(QmigSample) sample = NULL;

  qmig_sampler_init (&sampler);
  take_only (&sampler, numbers (2, 12000 * tib, 0), 0);
  sample = take (&sampler, numbers (2, 12000 * tib, 12 * tib), 1000);
  g_assert_cmpint (sample->send_bytes_per_s, ==, 12 * tib);
  g_assert_cmpint (sample->need_ms, ==, 1000 * 1000);
}

static void
test_stall (void)
{
  QmigSampler sampler;

  qmig_sampler_init (&sampler);
  g_assert_cmpint (qmig_sampler_stalled_ms (&sampler, BEGIN_US), ==, 0);
  take_only (&sampler, silence (), 0);
  g_assert_cmpint (qmig_sampler_stalled_ms (&sampler, BEGIN_US + 300 * 1000), ==, 300);
  take_only (&sampler, numbers (1, 1000, 10), 1000);
  g_assert_cmpint (qmig_sampler_stalled_ms (&sampler, BEGIN_US + 1000 * 1000), ==, 0);
  take_only (&sampler, numbers (1, 900, 10), 2000);
  take_only (&sampler, numbers (2, 1000, 10), 3000); /* a pass alone is no progress */
  g_assert_cmpint (qmig_sampler_stalled_ms (&sampler, BEGIN_US + 4000 * 1000), ==, 3000);
  take_only (&sampler, silence (), 4500);
  g_assert_cmpint (qmig_sampler_stalled_ms (&sampler, BEGIN_US + 5000 * 1000), ==, 4000);
  take_only (&sampler, numbers (2, 1000, 11), 5000);
  g_assert_cmpint (qmig_sampler_stalled_ms (&sampler, BEGIN_US + 5000 * 1000), ==, 0);
}

/* Nothing was ever sent: the time runs from the first look. */
static void
test_stall_from_nothing (void)
{
  QmigSampler sampler;

  qmig_sampler_init (&sampler);
  take_only (&sampler, numbers (1, 1000, 0), 0);
  take_only (&sampler, numbers (1, 1000, 0), 700);
  g_assert_cmpint (qmig_sampler_stalled_ms (&sampler, BEGIN_US + 1000 * 1000), ==, 1000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sampler/fields", test_fields);
  g_test_add_func ("/sampler/unset", test_unset);
  g_test_add_func ("/sampler/dirty-rate", test_dirty_rate);
  g_test_add_func ("/sampler/rate-span", test_rate_span);
  g_test_add_func ("/sampler/no-span", test_no_span);
  g_test_add_func ("/sampler/window", test_window);
  g_test_add_func ("/sampler/need", test_need);
  g_test_add_func ("/sampler/need-without-rate", test_need_without_rate);
  g_test_add_func ("/sampler/large", test_large);
  g_test_add_func ("/sampler/stall", test_stall);
  g_test_add_func ("/sampler/stall-from-nothing", test_stall_from_nothing);
  return g_test_run ();
}
