/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `./setup bench move`: what qmig adds to a move.  The same guest is moved by
 * hand over raw QMP, with nothing but the commands themselves, and by
 * `qmig migrate`; in turns, in one run, so that a noisy machine is noisy to both.
 *
 *   blackout   QEMU's STOP on the source to its RESUME on the destination
 *   own        of it, what the mover takes: all but QEMU's own copying between the events "device" and "completed"
 *   gap        the longest silence of the guest's 1 ms ticks, stamped by the host
 *   added      wall time of the command less QEMU's total-time and the start of the destination
 */

#include "bench.h"
#include "qmp-commands.h"
#include "qmp-events.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#define PATIENCE_MS 60000
#define BESIDE "beside.qmp" /* a second monitor of the guest, for us */

static char *used; /* the QEMU, and its accelerator */

typedef struct
{
  double wall_ms;
  double qemu_ms;
  double launch_ms;
  double downtime_ms;
  double blackout_ms;
  double own_ms;
  double gap_ms;
} Figures;

static double
ms_since (gint64 us)
{
  return (g_get_monotonic_time () - us) / 1000.0;
}

static double
guest_gap_ms (Rig *rig, gint64 since_us)
{
  g_autoptr(GError) error = NULL;
  GuestWatchGap gap;

  guest_watch_wait_ticks (rig->watch, -1, 50, PATIENCE_MS, &error);
  g_assert_no_error (error);
  g_assert_true (guest_watch_largest_gap (rig->watch, since_us, g_get_monotonic_time (), &gap));
  guest_watch_is_sound (rig->watch, &error);
  g_assert_no_error (error);
  return gap.length_us / 1000.0;
}

/* -- the source's own account -------------------------------------------------- */

typedef struct
{
  gint64 device_us;
  gint64 completed_us;
} Copying;

static void
note_copying (QmpClient *client, const char *name, JsonObject *data, gint64 timestamp_us, gpointer user_data)
{
  Copying *copying = user_data;
  const char *status = g_str_equal (name, "MIGRATION") ? json_object_get_string_member (data, "status") : NULL;

  if (g_strcmp0 (status, "device") == 0)
    copying->device_us = timestamp_us;
  else if (g_strcmp0 (status, "completed") == 0)
    copying->completed_us = timestamp_us;
}

static double
own_part_ms (double blackout_ms, const Copying *copying)
{
  g_assert_cmpint (copying->device_us, >, 0);
  g_assert_cmpint (copying->completed_us, >, 0);
  return blackout_ms - (copying->completed_us - copying->device_us) / 1000.0;
}

/* -- by hand ----------------------------------------------------------------- */

static void
set_up (QmpClient *source, QmpClient *destination, const char *uri, QmpWait *wait)
{
  static const char *const there[] = { "events", "return-path", "late-block-activate", NULL };
  static const char *const here[] = { "events", "return-path", "pause-before-switchover", NULL };
  JsonObject *limits = json_object_new ();

  json_object_set_int_member (limits, "max-bandwidth", 0);
  json_object_set_int_member (limits, "downtime-limit", 300);
  g_assert_true (qmp_migrate_set_capabilities (destination, there, NULL, wait, NULL));
  g_assert_true (qmp_migrate_incoming (destination, uri, FALSE, wait, NULL));
  g_assert_true (qmp_migrate_set_capabilities (source, here, NULL, wait, NULL));
  g_assert_true (qmp_migrate_set_parameters (source, limits, wait, NULL));
}

typedef struct
{
  QmpClient *source;
  QmpMigrationStatus status;
  gboolean loaded;
} Hand;

static void
on_status (QmpClient *client, const char *name, JsonObject *data, gint64 timestamp_us, gpointer user_data)
{
  Hand *hand = user_data;
  QmpMigrationStatus status;

  if (!g_str_equal (name, "MIGRATION"))
    return;
  status = qmp_migration_status_from_string (json_object_get_string_member (data, "status"));
  if (client == hand->source)
    hand->status = status;
  else
    hand->loaded |= status == QMP_MIGRATION_STATUS_COMPLETED;
}

static QmpCheck
at_gate (gpointer data, GError **error)
{
  return ((Hand *) data)->status == QMP_MIGRATION_STATUS_PRE_SWITCHOVER ? QMP_CHECK_DONE : QMP_CHECK_PENDING;
}

static QmpCheck
both_done (gpointer data, GError **error)
{
  Hand *hand = data;

  return hand->status == QMP_MIGRATION_STATUS_COMPLETED && hand->loaded ? QMP_CHECK_DONE : QMP_CHECK_PENDING;
}

static void
switch_over (QmpClient *source, QmpClient *destination, const char *uri, QmpWait *wait, double *blackout_ms)
{
  Hand hand = { source, QMP_MIGRATION_STATUS_NONE, FALSE };
  g_autoptr(QmpEventListener) stop = qmp_event_listener_new (source, "STOP");
  g_autoptr(QmpEventListener) resume = qmp_event_listener_new (destination, "RESUME");
  QmpRunState state = QMP_RUN_STATE_UNKNOWN;

  g_signal_connect (source, "event", G_CALLBACK (on_status), &hand);
  g_signal_connect (destination, "event", G_CALLBACK (on_status), &hand);
  g_assert_true (qmp_migrate (source, uri, wait, NULL));
  g_assert_true (qmp_wait_until (wait, at_gate, &hand, NULL));
  g_assert_true (qmp_migrate_continue (source, wait, NULL));
  g_assert_true (qmp_wait_until (wait, both_done, &hand, NULL));
  while (state != QMP_RUN_STATE_POSTMIGRATE)
    g_assert_true (qmp_query_status (source, &state, NULL, wait, NULL));
  g_assert_true (qmp_cont (destination, wait, NULL));
  g_assert_true (qmp_event_listener_wait (resume, 1, wait, NULL));
  *blackout_ms = (qmp_event_listener_last (resume)->timestamp_us - qmp_event_listener_last (stop)->timestamp_us) / 1000.0;
  g_signal_handlers_disconnect_by_data (source, &hand);
  g_signal_handlers_disconnect_by_data (destination, &hand);
}

static Figures
move_by_hand (Rig *rig, const char *config)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the move by hand", PATIENCE_MS);
  g_autofree char *there = g_build_filename (rig->dir, "hand.qmp", NULL);
  g_autofree char *here = g_build_filename (rig->dir, "user.qmp", NULL);
  g_autofree char *uri = g_strdup_printf ("unix:%s/hand.mig", rig->dir);
  gint64 began = g_get_monotonic_time ();
  GPid pid = bench_spawn_destination (rig, config, there, (const char *const[]) { "-S", NULL });
  g_autoptr(QmpClient) destination = bench_open_monitor (there, wait);
  Figures f = { .launch_ms = ms_since (began) };
  g_autoptr(QmpClient) source = bench_open_monitor (here, wait);
  Copying copying = { 0 };
  g_autoptr(QmpMigrationInfo) info = NULL;

  g_signal_connect (source, "event", G_CALLBACK (note_copying), &copying);
  set_up (source, destination, uri, wait);
  switch_over (source, destination, uri, wait, &f.blackout_ms);
  f.own_ms = own_part_ms (f.blackout_ms, &copying);
  info = qmp_query_migrate (source, wait, NULL);
  f.qemu_ms = info->total_time_ms;
  f.downtime_ms = info->downtime_ms;
  g_assert_true (qmp_quit (source, wait, NULL));
  waitpid (rig->guest, NULL, 0);
  f.wall_ms = ms_since (began);
  f.gap_ms = guest_gap_ms (rig, began);

  qmp_client_close (destination);
  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
  rig->guest = 0;
  return f;
}

/* -- by qmig -------------------------------------------------------------------- */

static Figures
move_by_qmig (Rig *rig, const char *config)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the move by qmig", PATIENCE_MS);
  g_autofree char *beside = g_build_filename (rig->dir, BESIDE, NULL);
  g_autoptr(QmpClient) source = bench_open_monitor (beside, wait);
  Copying copying = { 0 };
  gulong noting = g_signal_connect (source, "event", G_CALLBACK (note_copying), &copying);
  gint64 began = g_get_monotonic_time ();
  g_autoptr(RigRun) run = rig_qmig (rig, &rig->alpha, "migrate", rig->vm, rig->beta.uri, "-o", "jsonl", NULL);
  Figures f = { .wall_ms = ms_since (began) };
  g_autoptr(QmigResult) result = rig_result (run);

  if (result->outcome != QMIG_OUTCOME_COMPLETED)
    g_error ("the move failed: %s", result->error);
  f.qemu_ms = result->qemu_total_ms;
  f.launch_ms = result->launch_ms;
  f.downtime_ms = result->downtime_ms;
  f.blackout_ms = result->blackout_ms;
  while (g_main_context_iteration (NULL, FALSE))
    ;
  f.own_ms = own_part_ms (f.blackout_ms, &copying);
  g_signal_handler_disconnect (source, noting);
  f.gap_ms = guest_gap_ms (rig, began);
  return f;
}

/* -- the table -------------------------------------------------------------------- */

#define MEDIAN(all, n, field) bench_median (all, n, sizeof (Figures), G_STRUCT_OFFSET (Figures, field))

static double
print_row (const char *load, const char *how, const Figures *all, guint n)
{
  double wall = MEDIAN (all, n, wall_ms), qemu = MEDIAN (all, n, qemu_ms), launch = MEDIAN (all, n, launch_ms);
  g_autofree Figures *added = g_memdup2 (all, n * sizeof *all);

  for (guint i = 0; i < n; i++)
    added[i].wall_ms = all[i].wall_ms - all[i].qemu_ms - all[i].launch_ms;
  g_print ("%-6s %-8s %9.0f %9.0f %8.0f %8.1f %10.0f %10.1f %8.1f %8.1f\n", load, how, wall, qemu, launch, MEDIAN (added, n, wall_ms),
           MEDIAN (all, n, downtime_ms), MEDIAN (all, n, blackout_ms), MEDIAN (all, n, own_ms), MEDIAN (all, n, gap_ms));
  return MEDIAN (all, n, own_ms);
}

static Figures
one_move (Figures (*move) (Rig *, const char *), const char *config, gboolean agents)
{
  g_autoptr(Rig) rig = rig_new ();
  g_autofree char *monitor = NULL;

  if (rig == NULL)
    {
      g_printerr ("nothing measured: no QEMU here keeps track of pages\n");
      exit (77);
    }
  rig->memory_mib = 1024;
  if (agents)
    {
      rig_start_agent (rig, &rig->alpha, NULL);
      rig_start_agent (rig, &rig->beta, NULL);
    }
  g_free (used);
  used = g_strdup_printf ("%s, %s", rig->qemu, rig->accel);
  monitor = g_strdup_printf ("unix:%s/" BESIDE ",server=on,wait=off", rig->dir);
  rig_start_guest (rig, config, (const char *const[]) { "-qmp", monitor, NULL });
  return move (rig, config);
}

static void
bench (const char *load, const char *config, guint n)
{
  g_autofree Figures *hand = g_new (Figures, n);
  g_autofree Figures *ours = g_new (Figures, n);
  double by_hand, by_qmig;

  for (guint i = 0; i < n; i++)
    {
      hand[i] = one_move (move_by_hand, config, FALSE);
      ours[i] = one_move (move_by_qmig, config, TRUE);
    }
  by_hand = print_row (load, "by hand", hand, n);
  by_qmig = print_row (load, "qmig", ours, n);
  g_print ("%-6s qmig's own part of the blackout less that by hand: %+.1f ms\n", load, by_qmig - by_hand);
}

int
main (int argc, char **argv)
{
  guint n = argc > 1 ? (guint) atoi (argv[1]) : 10;

  g_test_init (&argc, &argv, NULL);
  if (n == 0)
    {
      g_printerr ("usage: bench-move [MOVES]\n");
      return 2;
    }
  g_print ("Medians of %u moves each, milliseconds; 1 GiB guest, unix socket, unlimited bandwidth, downtime limit 300 ms.\n\n", n);
  g_print ("%-6s %-8s %9s %9s %8s %8s %10s %10s %8s %8s\n", "guest", "moved", "wall", "QEMU", "start", "added", "downtime", "blackout", "own", "gap");
  bench ("idle", "ws=256;rate=0;fill=256;check=0", n);
  bench ("busy", "ws=256;rate=200;fill=256;check=0", n);
  g_print ("\nQEMU: %s\n", used);
  return 0;
}
