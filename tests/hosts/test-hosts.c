/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Moves between two machines that share nothing but files and a cable. */

#include "capture.h"
#include "lab.h"

#define BUSY "ws=16;rate=20;fill=16;check=1"

static void
assert_moved (Lab *lab, RigRun *run, const RigHost *to)
{
  g_autoptr(QmigResult) result = NULL;

  if (run->exit_code != QMIG_EXIT_OK)
    g_test_message ("%s", run->out);
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_OK);
  result = rig_result (run);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_cmpstr (result->vm_host, ==, to->name);
}

static void
test_there_and_back (const LabTransport *transport)
{
  g_autoptr(Lab) lab = lab_new (transport, rig_new);

  if (lab == NULL || !lab_start_agents (lab, NULL))
    return;
  rig_start_guest (lab->rig, BUSY, NULL);
  for (int i = 0; i < 2; i++)
    {
      const RigHost *from = i == 0 ? &lab->rig->alpha : &lab->rig->beta;
      const RigHost *to = i == 0 ? &lab->rig->beta : &lab->rig->alpha;
      g_autoptr(RigRun) run = rig_finish (lab_migrate (lab, from, to, NULL));

      assert_moved (lab, run, to);
      rig_assert_one_runs (lab->rig);
      rig_assert_nothing_left (lab->rig);
    }
}

/* A guest keeps its configuration in its memory, word for word. */
#define SECRET "what-lies-in-memory-is-nobodys-business"

/*
 * Whether who listens reads along is a property of the transport; where the memory travels in the clear it has to be
 * found, or this test would find nothing anywhere.
 */
static void
test_listener (const LabTransport *transport)
{
  g_autoptr(Lab) lab = lab_new (transport, rig_new);
  const char *more[] = { "--bandwidth", "100MiB/s", NULL };
  g_autoptr(RigRun) run = NULL;
  Capture *capture;
  CaptureState state;

  if (lab == NULL || !lab_start_agents (lab, NULL))
    return;
  rig_start_guest (lab->rig, BUSY ";" SECRET, NULL);
  capture = capture_new (&lab->net->outside, "beta", SECRET);
  run = rig_finish (lab_migrate (lab, &lab->rig->alpha, &lab->rig->beta, more));
  capture_end (capture, &state);
  assert_moved (lab, run, &lab->rig->beta);

  g_test_message ("%" G_GUINT64_FORMAT " bytes on the wire, %" G_GUINT64_FORMAT " in one flow; found %" G_GUINT64_FORMAT
                  " times there, %" G_GUINT64_FORMAT " times in all; %" G_GUINT64_FORMAT " frames lost",
                  state.payload_bytes, state.largest_bytes, state.found_in_largest, state.found, state.lost_frames);
  g_assert_cmpuint (state.largest_bytes, >, 32 << 20);
  g_assert_cmpuint (state.lost_frames, ==, 0);
  if (transport->in_clear)
    g_assert_cmpuint (state.found_in_largest, >, 0);
  else
    g_assert_cmpuint (state.found, ==, 0);
  rig_assert_one_runs (lab->rig);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  lab_add_tests ("there-and-back", test_there_and_back);
  lab_add_tests ("listener-on-the-wire", test_listener);
  return g_test_run ();
}
