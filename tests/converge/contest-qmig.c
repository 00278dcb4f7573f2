/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The mover that is measured: the command that a person types. */

#include "bench.h"
#include "contest-command.h"
#include "qmp-events.h"

#include <math.h>
#include <string.h>

#define PATIENCE_MS 60000

/* -- its account ------------------------------------------------------------------ */

static double
count (gint64 number)
{
  return number == QMIG_UNSET ? NAN : (double) number;
}

static double
throttle_peak (const RigRun *run)
{
  g_auto(GStrv) lines = g_strsplit (run->out, "\n", -1);
  double peak = 0;

  for (char **line = lines; *line != NULL; line++)
    {
      g_autoptr(QmigEvent) event = **line != '\0' ? qmig_event_from_text (*line, -1, NULL) : NULL;
      g_autoptr(QmigSample) sample = NULL;

      if (event == NULL || g_strcmp0 (event->type, "sample") != 0)
        continue;
      sample = qmig_sample_from_object (json_node_get_object (event->data), NULL);
      if (sample != NULL && sample->throttle_percent != QMIG_UNSET)
        peak = fmax (peak, sample->throttle_percent);
    }
  return peak;
}

static void
take_result (Contest *contest, const RigRun *run, const QmigResult *result)
{
  ContestFigures *f = &contest->figures;

  if (result->outcome == QMIG_OUTCOME_REFUSED)
    g_error ("qmig does not begin here: %s", result->error);
  f->finished = result->outcome == QMIG_OUTCOME_COMPLETED;
  f->postcopy = result->postcopy;
  f->passes = count (result->passes);
  f->sent_mib = count (result->transferred_bytes) / 1048576.0;
  f->throttle_percent = throttle_peak (run);
  if (!f->finished)
    {
      contest->note = g_strdup (result->error);
      return;
    }
  f->total_ms = count (result->qemu_total_ms);
  f->downtime_ms = count (result->downtime_ms);
  f->blackout_ms = result->blackout_ms;
}

static void
move (Contest *contest, const char *const *allowed)
{
  Rig *rig = contest->lab->rig;
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the move by qmig", contest->limit_ms + PATIENCE_MS);
  g_autofree char *beside = g_build_filename (rig->dir, CONTEST_BESIDE, NULL);
  g_autoptr(QmpClient) source = bench_open_monitor (beside, wait);
  g_autoptr(QmpEventListener) stop = qmp_event_listener_new (source, "STOP");
  g_autofree char *budget = g_strdup_printf ("%ums", contest->workload->budget_ms);
  g_auto(GStrv) more = NULL;
  g_autoptr(GStrvBuilder) arguments = g_strv_builder_new ();
  RigPending *pending;
  ContestCommand command;
  g_autoptr(RigRun) run = NULL;
  g_autoptr(QmigResult) result = NULL;

  g_strv_builder_add_many (arguments, "--downtime", budget, NULL);
  g_strv_builder_addv (arguments, (const char **) allowed);
  more = g_strv_builder_end (arguments);
  pending = lab_migrate (contest->lab, &rig->alpha, &rig->beta, (const char *const *) more);
  contest_command_begin (&command, rig_pending_pid (pending), contest->limit_ms);
  run = rig_finish (pending);
  contest_command_end (&command, &contest->figures);
  if (contest->trace != NULL)
    fputs (run->out, contest->trace);
  result = rig_result (run);
  take_result (contest, run, result);
  if (!contest->figures.finished)
    return;
  contest->figures.wall_ms = (g_get_monotonic_time () - contest->began_us) / 1000.0;
  /* Its events lie in the socket; the source itself has quit. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (qmp_event_listener_count (stop), >, 0);
  contest->stop_us = contest_monotonic_us (qmp_event_listener_last (stop)->timestamp_us);
}

void
contest_by_qmig (Contest *contest)
{
  static const char *const nothing[] = { NULL };

  move (contest, nothing);
}

void
contest_by_qmig_with_postcopy (Contest *contest)
{
  static const char *const postcopy[] = { "--allow", "postcopy", NULL };

  move (contest, postcopy);
}
