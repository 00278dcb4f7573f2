/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The cable is cut for three seconds while the guest runs on one host and part of its memory is still on the other: it
 * goes on by itself afterwards, and every page is right.
 */

#include "lab.h"

#include <string.h>
#include <unistd.h>

#define BUSY "ws=16;rate=20;fill=48;check=1"
#define SLOW "--postcopy-bandwidth=8MiB/s"
#define CUT_US 3000000

static gboolean
can_postcopy (void)
{
  g_autofree char *text = NULL;

  if (getuid () == 0 || (g_file_get_contents ("/proc/sys/vm/unprivileged_userfaultfd", &text, NULL, NULL) && text[0] == '1'))
    return TRUE;
  g_test_skip ("userfaultfd is not for this user here (vm.unprivileged_userfaultfd is 0)");
  return FALSE;
}

static void
tell (Lab *lab, const QmigResult *result, gint64 cut_us)
{
  GuestWatchGap gap = { 0 };

  guest_watch_largest_gap (lab->rig->watch, cut_us, g_get_monotonic_time (), &gap);
  g_test_message ("%s: blackout %.1f ms, %.1f s after the cut all was there; the guest stood still for %.2f s", lab->transport->name,
                  result->blackout_ms, (g_get_monotonic_time () - cut_us) / 1e6, gap.length_us / 1e6);
}

static void
cut_for_a_while (Lab *lab)
{
  net_cut (lab->net, &lab->net->beta);
  g_usleep (CUT_US);
  net_mend (lab->net, &lab->net->beta);
}

static void
test_cut (const LabTransport *transport)
{
  static const char *const options[] = { "--hold", "--allow=postcopy", SLOW, NULL };
  g_autoptr(Lab) lab = can_postcopy () ? lab_new (transport, rig_new) : NULL;
  g_autofree char *fifo = NULL;
  g_autofree char *fault = NULL;
  g_autoptr(RigRun) over = NULL;
  g_autoptr(RigRun) run = NULL;
  g_autoptr(QmigResult) result = NULL;
  RigPending *pending;
  gint64 cut_us;
  int meeting;

  if (lab == NULL)
    return;
  fifo = rig_fifo (lab->rig, "fault");
  fault = g_strdup_printf ("before-pages=meet:%s", fifo);
  if (!lab_start_agents (lab, fault))
    return;
  rig_start_guest (lab->rig, BUSY, NULL);
  pending = lab_migrate (lab, &lab->rig->alpha, &lab->rig->beta, options);
  rig_pending_wait_for (pending, "\"sample\"");
  over = rig_qmig (lab->rig, &lab->rig->alpha, "switch", "last", "--postcopy", "--confirm", lab->rig->vm, NULL);
  g_assert_cmpint (over->exit_code, ==, QMIG_EXIT_OK);

  meeting = rig_meet (fifo);
  cut_us = g_get_monotonic_time ();
  rig_part (meeting);
  cut_for_a_while (lab);
  run = rig_finish (pending);
  result = rig_result (run);
  tell (lab, result, cut_us);
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_OK);
  g_assert_true (result->postcopy);
  rig_assert_one_runs (lab->rig);
  rig_assert_nothing_left (lab->rig);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  lab_add_tests ("postcopy-cut", test_cut);
  return g_test_run ();
}
