/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "contest-command.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/wait.h>

#define PATIENCE_MS 60000

/*
 * Not much more memory than the guest fills: on nested machines it can take seconds to read what was never touched, of
 * the source as well as, after the stop even, of the destination.
 */
const ContestWorkload contest_workloads[] = {
  { "idle", "nothing is written", 328, 64, 0, 256, 100 },
  { "light", "finishes by itself, if one waits", 328, 64, 20, 256, 100 },
  { "steady", "half of the link", 264, 256, 50, 0, 100 },
  { "even", "almost as fast as the link", 264, 256, 100, 0, 300 },
  { "spot", "a small set, faster than the link, that fits the budget", 288, 24, 300, 256, 300 },
  { "spot-tight", "the same set, but not within this budget", 288, 24, 300, 256, 100 },
  { "hard", "twice as fast as the link", 1024, 256, 200, 0, 300 },
  { "torrent", "three times as fast as the link", 392, 384, 330, 0, 500 },
  { "broad", "a large set at the pace of the link", 904, 768, 110, 128, 300 },
};
const gsize contest_n_workloads = G_N_ELEMENTS (contest_workloads);

const ContestMover contest_movers[] = {
  { "qmig", "qmig migrate --downtime BUDGET, and no other option that bears on it", TRUE, NULL, contest_by_qmig },
  { "proxmox", "Proxmox' rule: limit 100 ms, doubled whenever more was left than before at more than 5 looks; auto-converge on; without xbzrle",
    FALSE, NULL, contest_by_proxmox_rule },
  { "plain", "QEMU alone: limit BUDGET, bandwidth without limit", FALSE, NULL, contest_by_plain_qemu },
  { "auto-converge", "the same with auto-converge as QEMU has it by default", FALSE, NULL, contest_by_auto_converge },
};
const gsize contest_n_movers = G_N_ELEMENTS (contest_movers);

gint64
contest_monotonic_us (gint64 wall_us)
{
  return wall_us - g_get_real_time () + g_get_monotonic_time ();
}

/* -- before --------------------------------------------------------------------- */

static gboolean
set_up (Contest *contest, const ContestMover *mover)
{
  Lab *lab = contest->lab;
  const ContestWorkload *w = contest->workload;

  if (!net_shape (lab->net, &lab->net->alpha, CONTEST_LINK) || !net_shape (lab->net, &lab->net->beta, CONTEST_LINK))
    return FALSE;
  if (mover->agents && !lab_start_agents (lab, NULL))
    return FALSE;
  contest->managers[0] = lab->rig->alpha.agent;
  contest->managers[1] = lab->rig->beta.agent;
  lab->rig->memory_mib = w->memory_mib;
  contest->config = g_strdup_printf ("ws=%u;rate=%u;fill=%u;check=2", w->set_mib, w->rate_mib_per_s, w->fill_mib);
  return TRUE;
}

/* The guest is no better than its CPU: what it does write, before it is disturbed. */
static double
written_mib_per_s (Rig *rig)
{
  g_autoptr(GError) error = NULL;
  GuestWatchState before, after;

  guest_watch_wait_ticks (rig->watch, -1, 500, PATIENCE_MS, &error);
  g_assert_no_error (error);
  guest_watch_get_state (rig->watch, &before);
  guest_watch_wait_ticks (rig->watch, -1, 1500, PATIENCE_MS, &error);
  g_assert_no_error (error);
  guest_watch_get_state (rig->watch, &after);
  return (guint32) (after.written_pages - before.written_pages) / 256.0 * G_USEC_PER_SEC / (after.last_us - before.last_us);
}

static void
start_guest (Contest *contest, const ContestMover *mover)
{
  Rig *rig = contest->lab->rig;
  g_autofree char *beside = g_strdup_printf ("unix:%s/" CONTEST_BESIDE ",server=on,wait=off", rig->dir);

  if (mover->start_guest != NULL)
    mover->start_guest (contest);
  else
    rig_start_guest (rig, contest->config, (const char *const[]) { "-qmp", beside, NULL });
  contest->figures.written_mib_per_s = written_mib_per_s (rig);
}

/* -- after ---------------------------------------------------------------------- */

static void
take_gaps (Contest *contest)
{
  GuestWatch *watch = contest->lab->rig->watch;
  ContestFigures *f = &contest->figures;
  g_autoptr(GError) error = NULL;
  GuestWatchGap around, before, after;
  gint64 now_us;

  guest_watch_wait_ticks (watch, -1, 200, PATIENCE_MS, &error);
  g_assert_no_error (error);
  now_us = g_get_monotonic_time ();
  if (contest->stop_us == 0)
    {
      if (guest_watch_largest_gap (watch, contest->began_us, now_us, &before))
        f->other_gap_ms = before.length_us / 1000.0;
      return;
    }
  g_assert_true (guest_watch_largest_gap (watch, contest->stop_us, contest->stop_us + (gint64) (f->blackout_ms * 1000), &around));
  f->gap_ms = around.length_us / 1000.0;
  f->other_gap_ms = 0;
  if (guest_watch_largest_gap (watch, contest->began_us, around.from_us - 1, &before))
    f->other_gap_ms = before.length_us / 1000.0;
  if (guest_watch_largest_gap (watch, around.to_us + 1, now_us, &after))
    f->other_gap_ms = MAX (f->other_gap_ms, after.length_us / 1000.0);
}

static void
contest_clear (Contest *contest)
{
  if (contest->destination != 0)
    {
      kill (contest->destination, SIGKILL);
      waitpid (contest->destination, NULL, 0);
    }
  if (contest->trace != NULL)
    fclose (contest->trace);
  g_free (contest->config);
  g_free (contest->note);
  if (contest->lab != NULL)
    lab_free (contest->lab);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Contest, contest_clear)

gboolean
contest_run (const ContestWorkload *workload, const ContestMover *mover, gint64 limit_ms, const char *trace, ContestFigures *figures, char **note)
{
  static const ContestFigures nothing = { 0, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, 0, NAN, NAN, NAN };
  g_auto(Contest) contest = { .workload = workload, .limit_ms = limit_ms, .figures = nothing };

  contest.lab = lab_new (&lab_transports[0], rig_new);
  if (contest.lab == NULL || !set_up (&contest, mover))
    return FALSE;
  if (trace != NULL && (contest.trace = fopen (trace, "w")) == NULL)
    g_error ("cannot write %s: %s", trace, g_strerror (errno));
  start_guest (&contest, mover);
  contest_usage_before (&contest);
  contest.began_us = g_get_monotonic_time ();
  mover->move (&contest);
  contest_usage_after (&contest);
  take_gaps (&contest);
  rig_assert_one_runs (contest.lab->rig);
  *figures = contest.figures;
  *note = g_steal_pointer (&contest.note);
  return TRUE;
}
