/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The cable between the hosts is cut, for two seconds or for good, in each stage: never do two run, never none, and the
 * exit code says what is so.  The memory and the agents' words go through the same cable.
 */

#include "lab.h"

#define BUSY "ws=16;rate=20;fill=16;check=1"
#define SHORT_US 2000000

/* The cable is cut while the source's agent waits at a fault point, or when its news show that it has come so far. */
typedef struct
{
  const char *name;
  const char *point;     /* WHEN-STEP (nullable) */
  const char *news;      /* (nullable) */
  const char *option[3]; /* of `qmig migrate` */
  gboolean for_good;
  int exit_code;
  int or_exit_code;      /* 0: no other than the first */
} Row;

#define HELD .news = "\"pass\":3", .option = { "--hold" }
#define COPYING .news = "\"sample\"", .option = { "--bandwidth", "25MiB/s" }

static const Row rows[] = {
  { "short/check", "before-check", .or_exit_code = QMIG_EXIT_UNREACHABLE },
  { "short/reservation", "before-prepare" },
  { "short/reserved", "before-tune" },
  { "short/pre-copy", "before-precopy" },
  { "short/copying", COPYING },
  { "short/held", HELD },
  { "short/switchover", "before-switchover" },
  { "short/gate", "gate-switchover" },
  { "short/loaded", "before-commit" },
  { "short/committed", "before-release" },
  { "for-good/check", "before-check", .for_good = TRUE, .exit_code = QMIG_EXIT_UNREACHABLE },
  { "for-good/reservation", "before-prepare", .for_good = TRUE, .exit_code = QMIG_EXIT_ROLLED_BACK },
  { "for-good/reserved", "before-tune", .for_good = TRUE, .exit_code = QMIG_EXIT_ROLLED_BACK },
  { "for-good/pre-copy", "before-precopy", .for_good = TRUE, .exit_code = QMIG_EXIT_ROLLED_BACK },
  { "for-good/copying", COPYING, .for_good = TRUE, .exit_code = QMIG_EXIT_ROLLED_BACK },
  { "for-good/held", HELD, .for_good = TRUE, .exit_code = QMIG_EXIT_ROLLED_BACK },
  { "for-good/switchover", "before-switchover", .for_good = TRUE, .exit_code = QMIG_EXIT_ROLLED_BACK },
  { "for-good/gate", "gate-switchover", .for_good = TRUE, .exit_code = QMIG_EXIT_ROLLED_BACK },
  { "for-good/loaded", "before-commit", .for_good = TRUE, .exit_code = QMIG_EXIT_ATTENTION },
  { "for-good/committed", "before-release", .for_good = TRUE },
};

/* What one case needs from its row. */
typedef struct
{
  const LabTransport *transport;
  const Row *row;
} Case;

/* @meeting: (out): for rig_part(), -1 for none */
static RigPending *
migrate_until (Lab *lab, const Row *row, const char *fifo, int *meeting)
{
  RigPending *pending = lab_migrate (lab, &lab->rig->alpha, &lab->rig->beta, row->option);

  *meeting = -1;
  if (row->point != NULL)
    *meeting = rig_meet (fifo);
  else
    rig_pending_wait_for (pending, row->news);
  return pending;
}

static void
let_go (Lab *lab, const Row *row)
{
  g_autoptr(RigRun) go = NULL;

  if (g_strcmp0 (row->option[0], "--hold") != 0 || row->for_good)
    return;
  go = rig_qmig (lab->rig, &lab->rig->alpha, "switch", "last", "--go", NULL);
  g_assert_cmpint (go->exit_code, ==, 0);
}

static void
tell (Lab *lab, const RigRun *run, gint64 cut_us)
{
  g_autoptr(QmigResult) result = rig_result (run);
  gint64 now_us = g_get_monotonic_time ();
  GuestWatchGap gap = { 0 };

  guest_watch_largest_gap (lab->rig->watch, cut_us, now_us, &gap);
  g_test_message ("%.1f s after the cut: exit %d, VM on the %s; the guest stood still for %.2f s; next: %s", (now_us - cut_us) / 1e6,
                  run->exit_code, qmig_location_names[result->vm_location], gap.length_us / 1e6, result->next);
}

/* What the cable kept from being known is known when it is whole again. */
static void
recover (Lab *lab)
{
  g_autoptr(RigRun) run = rig_qmig (lab->rig, &lab->rig->alpha, "recover", "last", NULL);

  g_test_message ("recover: %s", run->out);
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_OK);
}

static void
cut_and_finish (Lab *lab, const Row *row, const char *fifo)
{
  g_autoptr(RigRun) run = NULL;
  gint64 cut_us;
  int meeting;
  RigPending *pending = migrate_until (lab, row, fifo, &meeting);

  net_cut (lab->net, &lab->net->beta);
  cut_us = g_get_monotonic_time ();
  if (meeting >= 0)
    rig_part (meeting);
  if (!row->for_good)
    {
      g_usleep (SHORT_US);
      net_mend (lab->net, &lab->net->beta);
      let_go (lab, row);
    }
  run = rig_finish (pending);
  tell (lab, run, cut_us);
  if (row->or_exit_code == 0 || run->exit_code != row->or_exit_code)
    g_assert_cmpint (run->exit_code, ==, row->exit_code);
}

static void
test_cut (gconstpointer data)
{
  const Case *c = data;
  g_autoptr(Lab) lab = lab_new (c->transport, rig_new);
  g_autofree char *fifo = NULL;
  g_autofree char *fault = NULL;

  if (lab == NULL)
    return;
  fifo = rig_fifo (lab->rig, "fault");
  fault = c->row->point != NULL ? g_strdup_printf ("%s=meet:%s", c->row->point, fifo) : NULL;
  lab_start_agents (lab, fault);
  rig_start_guest (lab->rig, BUSY, NULL);
  cut_and_finish (lab, c->row, fifo);

  if (c->row->exit_code == QMIG_EXIT_ATTENTION)
    {
      net_mend (lab->net, &lab->net->beta);
      recover (lab);
      rig_assert_one_runs (lab->rig);
      return;
    }
  /* Also behind a cable that stays cut nothing is left over, and no second one runs. */
  rig_assert_one_runs (lab->rig);
  rig_assert_nothing_left (lab->rig);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < lab_n_transports; i++)
    for (gsize j = 0; j < G_N_ELEMENTS (rows); j++)
      {
        g_autofree char *path = g_strdup_printf ("/hosts/%s/cut/%s", lab_transports[i].name, rows[j].name);
        Case *c = g_new (Case, 1);

        *c = (Case) { &lab_transports[i], &rows[j] };
        g_test_add_data_func_full (path, c, test_cut, g_free);
      }
  return g_test_run ();
}
