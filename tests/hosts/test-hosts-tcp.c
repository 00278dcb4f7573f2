/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A guest's connections live through its moves: an idle one, a busy one, and one that would show each byte that is lost. */

#include "lab.h"
#include "linux-guest.h"
#include "talk.h"

#define MOVES 10

static int
compare (gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;

  return x < y ? -1 : x > y;
}

static void
move_once (Lab *lab, Talk *talk, int number, GArray *gaps)
{
  const RigHost *from = number % 2 == 0 ? &lab->rig->alpha : &lab->rig->beta;
  const RigHost *to = number % 2 == 0 ? &lab->rig->beta : &lab->rig->alpha;
  const char *more[] = { "--qemu", lab->rig->qemu, NULL };
  g_autoptr(RigRun) run = NULL;
  g_autoptr(QmigResult) result = NULL;
  g_autofree char *broken = NULL;
  TalkState state;

  talk_mark (talk);
  run = rig_finish (lab_migrate (lab, from, to, more));
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_OK);
  /* Only what comes now ends the silence. */
  g_assert_true (talk_wait (talk, 100, 60000));
  rig_wait_qemus (lab->rig, 1);
  result = rig_result (run);
  talk_get_state (talk, &state);
  broken = state.broken;
  g_array_append_val (gaps, state.gap_us);
  g_test_message ("move %d: %.0f ms in all, blackout %.0f ms, QEMU's downtime %" G_GINT64_FORMAT
                  " ms; outside: numbers silent for %.0f ms, slowest answer %.0f ms",
                  number + 1, (double) result->total_ms, result->blackout_ms, result->downtime_ms, state.gap_us / 1000.0,
                  state.answer_us / 1000.0);
}

static void
test_connections (const LabTransport *transport)
{
  g_autoptr(Lab) lab = lab_new (transport, rig_new_tcg);
  g_autoptr(Talk) talk = NULL;
  g_autoptr(GArray) gaps = g_array_new (FALSE, FALSE, sizeof (gint64));

  if (lab == NULL || !linux_guest_start (lab) || !lab_start_agents (lab, NULL))
    return;
  talk = talk_new (&lab->net->outside, NET_GUEST);
  g_assert_true (talk_wait (talk, 500, 60000));
  for (int i = 0; i < MOVES; i++)
    move_once (lab, talk, i, gaps);
  talk_assert_alive (talk);
  rig_assert_nothing_left (lab->rig);

  g_array_sort (gaps, compare);
  g_test_message ("silence outside over %d moves: median %.0f ms, longest %.0f ms", MOVES, g_array_index (gaps, gint64, MOVES / 2) / 1000.0,
                  g_array_index (gaps, gint64, MOVES - 1) / 1000.0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  lab_add_tests ("connections-live", test_connections);
  return g_test_run ();
}
