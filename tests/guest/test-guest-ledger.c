/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-guest.h"
#include "guest-ledger.h"

#include <string.h>

#define MS 1000

/* Feed ticks first..last one by one, a millisecond apart, the first at `start_us`.  Returns the time after the last. */
static gint64
feed_run (GuestLedger *ledger, guint side, guint first, guint last, gint64 start_us)
{
  for (guint seq = first; seq <= last; seq++, start_us += MS)
    {
      g_autoptr(GByteArray) wire = g_byte_array_new ();

      fake_guest_run (wire, seq, seq);
      guest_ledger_feed (ledger, side, wire->data, wire->len, start_us);
    }

  return start_us;
}

static void
feed_line (GuestLedger *ledger, guint side, GByteArray *wire)
{
  guest_ledger_feed (ledger, side, wire->data, wire->len, 0);
}

static GuestWatchSide
nth_side (GuestLedger *ledger, guint n)
{
  g_autoptr(GArray) sides = guest_ledger_get_sides (ledger);

  g_assert_cmpuint (n, <, sides->len);
  return g_array_index (sides, GuestWatchSide, n);
}

static void
test_state (void)
{
  g_autoptr(GuestLedger) ledger = guest_ledger_new ();
  g_autoptr(GByteArray) wire = g_byte_array_new ();
  GuestWatchState state;
  guint side;

  guest_ledger_get_state (ledger, &state);
  g_assert_cmpint (state.side, ==, -1);
  g_assert_cmpuint (state.n_sides, ==, 0);

  side = guest_ledger_open_side (ledger, "/a");
  for (guint seq = 1; seq <= 64; seq++)
    fake_guest_tick (wire, seq);
  fake_guest_line (wire, 'S', 7, 64, 70, 3, 0xffffffff, 2, 5, 1);
  fake_guest_line (wire, 'E', 3, 0x100000, 0x11, 0x22);
  fake_guest_line (wire, 'C', 5, 16, 32, 100, 4, 256);
  feed_line (ledger, side, wire);

  guest_ledger_get_state (ledger, &state);
  g_assert_cmpuint (state.ticks, ==, 64);
  g_assert_cmpuint (state.last_seq, ==, 64);
  g_assert_cmpuint (state.ms, ==, 70);
  g_assert_cmpuint (state.passes, ==, 3);
  g_assert_cmpuint (state.written_pages, ==, 0xffffffff);
  g_assert_cmpuint (state.errors, ==, 2);
  g_assert_cmpuint (state.check_rounds, ==, 5);
  g_assert_true (state.ready);
  g_assert_cmpuint (state.error_address, ==, 0x100000);
  g_assert_cmpuint (state.error_expected, ==, 0x11);
  g_assert_cmpuint (state.error_found, ==, 0x22);
  g_assert_cmpuint (state.ws_mib, ==, 16);
  g_assert_cmpuint (state.fill_mib, ==, 32);
  g_assert_cmpuint (state.rate_mib_per_s, ==, 100);
  g_assert_cmpuint (state.ram_mib, ==, 256);
  g_assert_cmpuint (state.bad_lines, ==, 0);
  g_assert_cmpuint (state.lost_ticks, ==, 0);
}

static void
test_numbers_beyond_a_cycle (void)
{
  g_autoptr(GuestLedger) ledger = guest_ledger_new ();
  guint side = guest_ledger_open_side (ledger, "/a");
  GuestWatchSide value;

  feed_run (ledger, side, 5001, 5050, 0);
  g_assert_false (nth_side (ledger, side).exact);
  feed_run (ledger, side, 5051, 5600, 50 * MS);

  value = nth_side (ledger, side);
  g_assert_true (value.exact);
  g_assert_cmpuint (value.first_seq, ==, 5001);
  g_assert_cmpuint (value.last_seq, ==, 5600);
  g_assert_cmpuint (value.ticks, ==, 600);
}

/* A clean move: what the old side sent is read after the new side's first tick, and is no overlap all the same. */
static void
test_move_read_in_the_wrong_order (void)
{
  g_autoptr(GuestLedger) ledger = guest_ledger_new ();
  guint a = guest_ledger_open_side (ledger, "/a");
  guint b = guest_ledger_open_side (ledger, "/b");
  GuestWatchState state;

  feed_run (ledger, a, 1, 300, 0);
  feed_run (ledger, b, 306, 310, 350 * MS);
  feed_run (ledger, a, 301, 305, 350 * MS);
  feed_run (ledger, b, 311, 600, 355 * MS);

  guest_ledger_get_state (ledger, &state);
  g_assert_cmpuint (state.overlap_ticks, ==, 0);
  g_assert_cmpuint (state.lost_ticks, ==, 0);
  g_assert_cmpuint (state.restarts, ==, 0);
  g_assert_cmpuint (nth_side (ledger, b).first_seq, ==, 306);
  g_assert_cmpint (state.side, ==, (int) b);
}

static void
test_overlap (void)
{
  g_autoptr(GuestLedger) ledger = guest_ledger_new ();
  guint a = guest_ledger_open_side (ledger, "/a");
  guint b = guest_ledger_open_side (ledger, "/b");
  GuestWatchState state;

  feed_run (ledger, a, 1, 300, 0);
  feed_run (ledger, b, 301, 600, 350 * MS);
  guest_ledger_get_state (ledger, &state);
  g_assert_cmpuint (state.overlap_ticks, ==, 0);

  feed_run (ledger, a, 301, 303, 400 * MS);
  guest_ledger_get_state (ledger, &state);
  g_assert_cmpuint (state.overlap_ticks, ==, 3);
}

/* The second side dies before it has sent a state line: its few ticks are found out by their low bits. */
static void
test_overlap_of_a_short_lived_side (void)
{
  g_autoptr(GuestLedger) ledger = guest_ledger_new ();
  guint a = guest_ledger_open_side (ledger, "/a");
  guint b = guest_ledger_open_side (ledger, "/b");
  GuestWatchState state;

  feed_run (ledger, a, 1, 300, 0);
  feed_run (ledger, a, 301, 305, 300 * MS);
  feed_run (ledger, b, 301, 310, 302 * MS);
  guest_ledger_close_side (ledger, b);
  feed_run (ledger, a, 306, 400, 312 * MS);

  guest_ledger_get_state (ledger, &state);
  g_assert_false (nth_side (ledger, b).exact);
  g_assert_cmpuint (state.overlap_ticks, ==, 10);
}

static void
test_lost_ticks (void)
{
  g_autoptr(GuestLedger) ledger = guest_ledger_new ();
  guint a = guest_ledger_open_side (ledger, "/a");
  guint b;
  GuestWatchState state;

  feed_run (ledger, a, 1, 100, 0);
  feed_run (ledger, a, 111, 200, 110 * MS);
  guest_ledger_get_state (ledger, &state);
  g_assert_cmpuint (state.lost_ticks, ==, 10);

  /* More than a cycle: only the next state line can tell. */
  feed_run (ledger, a, 401, 500, 400 * MS);
  guest_ledger_get_state (ledger, &state);
  g_assert_cmpuint (state.lost_ticks, ==, 210);

  b = guest_ledger_open_side (ledger, "/b");
  feed_run (ledger, b, 521, 600, 520 * MS);
  guest_ledger_get_state (ledger, &state);
  g_assert_cmpuint (state.lost_ticks, ==, 230);
  g_assert_cmpuint (state.overlap_ticks, ==, 0);
}

static void
test_restart (void)
{
  g_autoptr(GuestLedger) ledger = guest_ledger_new ();
  guint a = guest_ledger_open_side (ledger, "/a");
  guint b = guest_ledger_open_side (ledger, "/b");
  GuestWatchState state;
  gint64 us;

  us = feed_run (ledger, a, 1, 1000, 0);
  us = feed_run (ledger, a, 1, 200, us);
  guest_ledger_get_state (ledger, &state);
  g_assert_cmpuint (state.restarts, ==, 1);
  g_assert_cmpuint (state.overlap_ticks, ==, 0);
  g_assert_cmpuint (state.last_seq, ==, 200);

  feed_run (ledger, b, 201, 400, us);
  guest_ledger_get_state (ledger, &state);
  g_assert_cmpuint (state.restarts, ==, 1);
  g_assert_cmpuint (state.overlap_ticks, ==, 0);
}

static void
test_largest_gap (void)
{
  g_autoptr(GuestLedger) ledger = guest_ledger_new ();
  guint a = guest_ledger_open_side (ledger, "/a");
  guint b = guest_ledger_open_side (ledger, "/b");
  gint64 now_us = 700 * MS, wall_us = G_GINT64_CONSTANT (1700000000000000);
  GuestWatchGap gap;

  g_assert_false (guest_ledger_largest_gap (ledger, 0, now_us, now_us, wall_us, &gap));

  feed_run (ledger, a, 1, 100, 0);         /* last at  99 ms */
  feed_run (ledger, a, 101, 200, 120 * MS); /* last at 219 ms */
  feed_run (ledger, b, 201, 400, 269 * MS); /* last at 468 ms */

  g_assert_true (guest_ledger_largest_gap (ledger, 0, 400 * MS, now_us, wall_us, &gap));
  g_assert_cmpint (gap.from_us, ==, 219 * MS);
  g_assert_cmpint (gap.to_us, ==, 269 * MS);
  g_assert_cmpint (gap.length_us, ==, 50 * MS);
  g_assert_cmpuint (gap.from_seq, ==, 200);
  g_assert_cmpuint (gap.to_seq, ==, 201);
  g_assert_cmpint (gap.from_side, ==, (int) a);
  g_assert_cmpint (gap.to_side, ==, (int) b);
  g_assert_cmpint (gap.from_real_us, ==, wall_us - (700 - 219) * MS);
  g_assert_cmpuint (gap.ticks_at_once, ==, 1);
  g_assert_false (gap.pending);

  g_assert_true (guest_ledger_largest_gap (ledger, 0, 200 * MS, now_us, wall_us, &gap));
  g_assert_cmpint (gap.length_us, ==, 21 * MS);
  g_assert_cmpint (gap.to_side, ==, (int) a);

  /* Silence up to now, whatever the window promises about the future. */
  g_assert_true (guest_ledger_largest_gap (ledger, 0, 900 * MS, now_us, wall_us, &gap));
  g_assert_true (gap.pending);
  g_assert_cmpint (gap.from_us, ==, 468 * MS);
  g_assert_cmpint (gap.length_us, ==, (700 - 468) * MS);
  g_assert_cmpint (gap.to_side, ==, -1);
}

static void
test_broken_lines (void)
{
  g_autoptr(GuestLedger) ledger = guest_ledger_new ();
  g_autoptr(GByteArray) wire = g_byte_array_new ();
  guint side = guest_ledger_open_side (ledger, "/a");
  GuestWatchState state;

  /* The first line is cut when the connection comes in the middle of it: not worth a word. */
  fake_guest_line (wire, 'S', 7, 64, 1, 1, 1, 1, 1, 1);
  guest_ledger_feed (ledger, side, wire->data + 20, wire->len - 20, 0);
  guest_ledger_get_state (ledger, &state);
  g_assert_cmpuint (state.bad_lines, ==, 0);

  /* A byte got lost. */
  guest_ledger_feed (ledger, side, wire->data, 30, 0);
  guest_ledger_feed (ledger, side, wire->data + 31, wire->len - 31, 0);
  guest_ledger_get_state (ledger, &state);
  g_assert_cmpuint (state.bad_lines, ==, 1);
  g_assert_cmpuint (state.errors, ==, 0);

  /* A digit is wrong. */
  wire->data[12] ^= 1;
  guest_ledger_feed (ledger, side, wire->data, wire->len, 0);
  guest_ledger_get_state (ledger, &state);
  g_assert_cmpuint (state.bad_lines, ==, 2);
  g_assert_cmpuint (state.errors, ==, 0);

  /* A line without an end does not grow for ever. */
  for (int i = 0; i < 100; i++)
    guest_ledger_feed (ledger, side, (const guint8 *) "0123456789", 10, 0);
  guest_ledger_feed (ledger, side, (const guint8 *) "\n", 1, 0);
  guest_ledger_get_state (ledger, &state);
  g_assert_cmpuint (state.bad_lines, ==, 3);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/guest/ledger/state", test_state);
  g_test_add_func ("/guest/ledger/numbers-beyond-a-cycle", test_numbers_beyond_a_cycle);
  g_test_add_func ("/guest/ledger/move-read-in-the-wrong-order", test_move_read_in_the_wrong_order);
  g_test_add_func ("/guest/ledger/overlap", test_overlap);
  g_test_add_func ("/guest/ledger/overlap-of-a-short-lived-side", test_overlap_of_a_short_lived_side);
  g_test_add_func ("/guest/ledger/lost-ticks", test_lost_ticks);
  g_test_add_func ("/guest/ledger/restart", test_restart);
  g_test_add_func ("/guest/ledger/largest-gap", test_largest_gap);
  g_test_add_func ("/guest/ledger/broken-lines", test_broken_lines);
  return g_test_run ();
}
