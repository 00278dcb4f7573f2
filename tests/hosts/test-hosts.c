/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Moves between two machines that share nothing but files and a cable. */

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

  if (lab == NULL)
    return;
  lab_start_agents (lab, NULL);
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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  lab_add_tests ("there-and-back", test_there_and_back);
  return g_test_run ();
}
