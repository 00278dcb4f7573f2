/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rehearsals with real QEMUs: the guest stays, whoever dies, and nothing is left of the copy. */

#include "rig.h"

#include <math.h>
#include <string.h>

#define BUSY "ws=16;rate=20;fill=16;check=1"

static Rig *
rig_with_guest (const char *fault)
{
  Rig *rig = rig_new ();

  if (rig != NULL)
    {
      rig_start_agent (rig, &rig->alpha, fault);
      rig_start_agent (rig, &rig->beta, NULL);
      rig_start_guest (rig, BUSY, NULL);
    }
  return rig;
}

static void
assert_as_before (Rig *rig)
{
  g_autoptr(GArray) pids = NULL;

  rig_wait_qemus (rig, 1);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
  pids = rig_qemus (rig);
  g_assert_cmpint (g_array_index (pids, GPid, 0), ==, rig->guest);
}

/* @bandwidth: of the stream; @option: (nullable) */
static QmigResult *
rehearse (Rig *rig, const char *bandwidth, const char *option)
{
  g_autoptr(RigRun) run = rig_qmig (rig, &rig->alpha, "rehearse", rig->vm, rig->beta.uri, "--bandwidth", bandwidth, "-o", "jsonl", option, NULL);
  QmigResult *result = rig_result (run);

  g_assert_cmpint (run->exit_code, ==, 0);
  g_assert_cmpstr (qmig_outcome_names[result->outcome], ==, "rehearsed");
  g_assert_cmpint (result->vm_location, ==, QMIG_LOCATION_SOURCE);
  g_assert_nonnull (result->rehearsal);
  g_assert_cmpint (result->rehearsal->send_bytes_per_s, >, 0);
  g_assert_cmpint (result->rehearsal->total_ms, >, 0);
  g_assert_cmpint (result->rehearsal->downtime_low_ms, <=, result->rehearsal->downtime_ms);
  g_assert_cmpint (result->rehearsal->downtime_ms, <=, result->rehearsal->downtime_high_ms);
  return result;
}

static void
test_gate (void)
{
  g_autoptr(Rig) rig = rig_with_guest (NULL);
  g_autoptr(QmigResult) result = NULL;
  g_autoptr(RigRun) moved = NULL;

  if (rig == NULL)
    return;
  result = rehearse (rig, "max", NULL);
  g_test_message ("paused for %.1f ms at the gate, a move would take %" G_GINT64_FORMAT " ms with a blackout of %" G_GINT64_FORMAT " ms",
                  result->rehearsal->gate_pause_ms, result->rehearsal->total_ms, result->rehearsal->downtime_ms);
  g_assert_cmpfloat (result->rehearsal->gate_pause_ms, >, 0);
  assert_as_before (rig);

  /* The source's QEMU is as it was: it can be moved. */
  moved = rig_qmig (rig, &rig->alpha, "migrate", rig->vm, rig->beta.uri, NULL);
  g_assert_cmpint (moved->exit_code, ==, 0);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

/* Slow enough that what is written in a pass never fits the smallest limit at its end. */
static void
test_no_gate (void)
{
  g_autoptr(Rig) rig = rig_with_guest (NULL);
  g_autoptr(QmigResult) result = NULL;

  if (rig == NULL)
    return;
  result = rehearse (rig, "10MiB/s", "--no-gate");
  g_assert_true (isnan (result->rehearsal->gate_pause_ms));
  assert_as_before (rig);
}

static void
test_cancelled (void)
{
  g_autoptr(Rig) rig = rig_with_guest (NULL);
  const char *args[] = { "rehearse", NULL, NULL, "--bandwidth", "1MiB/s", "-o", "jsonl", NULL };
  g_autoptr(RigRun) cancelled = NULL;
  g_autoptr(RigRun) run = NULL;
  RigPending *pending;

  if (rig == NULL)
    return;
  args[1] = rig->vm;
  args[2] = rig->beta.uri;
  pending = rig_qmig_begin (rig, &rig->alpha, args);
  rig_pending_wait_for (pending, "\"sample\"");
  cancelled = rig_qmig (rig, &rig->alpha, "cancel", "last", NULL);
  run = rig_finish (pending);
  g_assert_cmpint (cancelled->exit_code, ==, 0);
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_CANCELLED);
  assert_as_before (rig);
}

/* The agent dies while the guest stands still at the gate; the next one brings it back. */
static void
test_killed (gconstpointer fault)
{
  g_autoptr(Rig) rig = rig_with_guest (fault);
  g_autoptr(RigRun) run = NULL;
  g_autoptr(RigRun) ended = NULL;

  if (rig == NULL)
    return;
  run = rig_qmig (rig, &rig->alpha, "rehearse", rig->vm, rig->beta.uri, "--no-wait", NULL);
  g_assert_cmpint (run->exit_code, ==, 0);
  rig_wait_agent_dead (&rig->alpha);
  rig_start_agent (rig, &rig->alpha, NULL);
  ended = rig_qmig (rig, &rig->alpha, "migration", "wait", "last", NULL);
  g_assert_cmpint (ended->exit_code, ==, QMIG_EXIT_ROLLED_BACK);
  assert_as_before (rig);
}

/* A destination that is only started: it proves that it starts, or says why it does not. */
static void
test_deep_check (void)
{
  g_autoptr(Rig) rig = rig_with_guest (NULL);
  g_autoptr(RigRun) good = NULL;
  g_autoptr(RigRun) bad = NULL;

  if (rig == NULL)
    return;
  good = rig_qmig (rig, &rig->alpha, "check", rig->vm, rig->beta.uri, "--deep", "--no-measure", NULL);
  g_assert_cmpint (good->exit_code, ==, 0);
  g_assert_nonnull (strstr (good->out, "QEMU started"));
  assert_as_before (rig);
  bad = rig_qmig (rig, &rig->alpha, "check", rig->vm, rig->beta.uri, "--deep", "--no-measure", "--target-arg=-device", "--target-arg=no-such-thing", NULL);
  g_assert_cmpint (bad->exit_code, ==, QMIG_EXIT_REFUSED);
  g_assert_nonnull (strstr (bad->out, "'no-such-thing' is not a valid device model name"));
  assert_as_before (rig);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rehearse/gate", test_gate);
  g_test_add_func ("/rehearse/no-gate", test_no_gate);
  g_test_add_func ("/rehearse/cancelled", test_cancelled);
  g_test_add_func ("/rehearse/deep-check", test_deep_check);
  g_test_add_data_func ("/rehearse/killed/before-gauge", "before-gauge=kill", test_killed);
  g_test_add_data_func ("/rehearse/killed/after-gauge", "after-gauge=kill", test_killed);
  g_test_add_data_func ("/rehearse/killed/before-undo-prepare", "before-undo-prepare=kill", test_killed);
  return g_test_run ();
}
