/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The cable between the hosts is cut, for two seconds or for good, in each stage, or the destination's host loses its
 * power: never do two run, never none, and the exit code says what is so.  The memory and the agents' words go through
 * the same cable.
 */

#include "lab.h"

#define BUSY "ws=16;rate=20;fill=16;check=1"
#define SHORT_US 2000000
#define PATIENCE_US 60000000

typedef enum
{
  CUT_SHORT,
  CUT_FOR_GOOD,
  POWER_FAILS, /* on the destination's host */
} Evil;

/* What it takes after an evil that lasts until nothing is left over and all is known. */
typedef enum
{
  NOTHING,
  MEND,
  MEND_AND_RECOVER,
  RECOVER_BY_WORD, /* of somebody who knows that the other host is dead */
} Cure;

/* It comes while the source's agent waits at a fault point, or when its news show that it has come so far. */
typedef struct
{
  const char *name;
  Evil evil;
  const char *point;     /* WHEN-STEP (nullable) */
  const char *news;      /* (nullable) */
  const char *option[3]; /* of `qmig migrate` */
  int exit_code;
  int or_exit_code;      /* 0: no other than the first */
  Cure cure;
  gboolean once;         /* with one transport: its long waits are the same with all */
} Row;

#define AT(where) .point = where
#define HELD .news = "\"pass\":3", .option = { "--hold" }
#define COPYING .news = "\"sample\"", .option = { "--bandwidth", "25MiB/s" }
#define BACK .exit_code = QMIG_EXIT_ROLLED_BACK

static const Row rows[] = {
  { "short/check", CUT_SHORT, AT ("before-check"), .or_exit_code = QMIG_EXIT_UNREACHABLE },
  { "short/reservation", CUT_SHORT, AT ("before-prepare") },
  { "short/reserved", CUT_SHORT, AT ("before-tune") },
  { "short/pre-copy", CUT_SHORT, AT ("before-precopy") },
  { "short/copying", CUT_SHORT, COPYING },
  { "short/held", CUT_SHORT, HELD },
  { "short/switchover", CUT_SHORT, AT ("before-switchover") },
  { "short/gate", CUT_SHORT, AT ("gate-switchover") },
  { "short/loaded", CUT_SHORT, AT ("before-commit") },
  { "short/committed", CUT_SHORT, AT ("before-release") },
  { "for-good/check", CUT_FOR_GOOD, AT ("before-check"), .exit_code = QMIG_EXIT_UNREACHABLE, .once = TRUE },
  { "for-good/reservation", CUT_FOR_GOOD, AT ("before-prepare"), BACK, .once = TRUE },
  { "for-good/reserved", CUT_FOR_GOOD, AT ("before-tune"), BACK, .once = TRUE },
  { "for-good/pre-copy", CUT_FOR_GOOD, AT ("before-precopy"), BACK, .once = TRUE },
  { "for-good/copying", CUT_FOR_GOOD, COPYING, BACK },
  { "for-good/held", CUT_FOR_GOOD, HELD, BACK, .once = TRUE },
  { "for-good/switchover", CUT_FOR_GOOD, AT ("before-switchover"), BACK, .once = TRUE },
  { "for-good/gate", CUT_FOR_GOOD, AT ("gate-switchover"), BACK, .cure = MEND },
  { "for-good/loaded", CUT_FOR_GOOD, AT ("before-commit"), .exit_code = QMIG_EXIT_ATTENTION, .cure = MEND_AND_RECOVER },
  { "for-good/committed", CUT_FOR_GOOD, AT ("before-release"), .cure = MEND_AND_RECOVER },
  { "power/copying", POWER_FAILS, COPYING, BACK, .once = TRUE },
  { "power/gate", POWER_FAILS, AT ("gate-switchover"), BACK, .once = TRUE },
  { "power/loaded", POWER_FAILS, AT ("before-commit"), .exit_code = QMIG_EXIT_ATTENTION, .cure = RECOVER_BY_WORD, .once = TRUE },
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

  if (g_strcmp0 (row->option[0], "--hold") != 0)
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
  g_test_message ("%.1f s after it: exit %d, VM on the %s; the guest stood still for %.2f s; next: %s", (now_us - cut_us) / 1e6,
                  run->exit_code, qmig_location_names[result->vm_location], gap.length_us / 1e6, result->next);
}

static void
do_evil (Lab *lab, Evil evil)
{
  if (evil == POWER_FAILS)
    net_kill_host (lab->net, &lab->net->beta);
  else
    net_cut (lab->net, &lab->net->beta);
}

static void
cure (Lab *lab, Cure what)
{
  g_autoptr(RigRun) run = NULL;
  gboolean by_word = what == RECOVER_BY_WORD;

  if (what == MEND || what == MEND_AND_RECOVER)
    net_mend (lab->net, &lab->net->beta);
  if (what != MEND_AND_RECOVER && !by_word)
    return;
  run = rig_qmig (lab->rig, &lab->rig->alpha, "recover", "last", by_word ? "--assume=source" : NULL, "--yes", NULL);
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

  do_evil (lab, row->evil);
  cut_us = g_get_monotonic_time ();
  if (meeting >= 0)
    rig_part (meeting);
  if (row->evil == CUT_SHORT)
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

/* The destination's host gives up waiting for the source's last word. */
static void
wait_no_reservation (Lab *lab)
{
  gint64 start_us = g_get_monotonic_time ();
  gboolean none = FALSE;

  while (!none)
    {
      g_autoptr(RigRun) run = rig_qmig (lab->rig, &lab->rig->beta, "host", "show", "local", "-o", "json", NULL);
      g_autoptr(QmigHostInfo) info = NULL;

      info = qmig_host_info_from_text (run->out, -1, NULL);
      none = info != NULL && info->incoming == 0;
      g_assert_cmpint (g_get_monotonic_time () - start_us, <, PATIENCE_US);
      g_usleep (100000);
    }
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
  if (!lab_start_agents (lab, fault))
    return;
  rig_start_guest (lab->rig, BUSY, NULL);
  cut_and_finish (lab, c->row, fifo);

  cure (lab, c->row->cure);
  rig_assert_one_runs (lab->rig);
  if (c->row->evil == POWER_FAILS)
    return;
  wait_no_reservation (lab);
  rig_assert_nothing_left (lab->rig);
}

static void
add_test (const LabTransport *transport, const Row *row)
{
  g_autofree char *path = g_strdup_printf ("/hosts/cut/%s-%s", row->name, transport->name);
  Case *c = g_new (Case, 1);

  *c = (Case) { transport, row };
  g_test_add_data_func_full (path, c, test_cut, g_free);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < lab_n_transports; i++)
    for (gsize j = 0; j < G_N_ELEMENTS (rows); j++)
      if (!rows[j].once || g_str_equal (lab_transports[i].name, "tls"))
        add_test (&lab_transports[i], &rows[j]);
  return g_test_run ();
}
