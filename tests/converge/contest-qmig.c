/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The mover that is measured: the command that a person types. */

#include "bench.h"
#include "contest.h"
#include "qmp-events.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATIENCE_MS 60000

/* -- the limit ------------------------------------------------------------------ */

/* Interrupts the command when its time is over, as a person would: no deadline, which the engine would reckon with. */
typedef struct
{
  GThread *thread;
  GMutex lock;
  GCond ended;
  gboolean over;   /* the command has ended */
  gboolean late;
  int process;     /* pidfd */
  gint64 limit_us;
} Guard;

static gpointer
guard (gpointer data)
{
  Guard *self = data;

  g_mutex_lock (&self->lock);
  while (!self->over && !self->late)
    self->late = !g_cond_wait_until (&self->ended, &self->lock, self->limit_us);
  if (!self->over)
    syscall (SYS_pidfd_send_signal, self->process, SIGINT, NULL, 0);
  g_mutex_unlock (&self->lock);
  return NULL;
}

static void
guard_begin (Guard *self, GPid pid, gint64 limit_ms)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->ended);
  self->process = (int) syscall (SYS_pidfd_open, pid, 0);
  g_assert_cmpint (self->process, >=, 0);
  self->limit_us = g_get_monotonic_time () + limit_ms * 1000;
  self->thread = g_thread_new ("guard", guard, self);
}

static void
guard_end (Guard *self)
{
  g_mutex_lock (&self->lock);
  self->over = TRUE;
  g_cond_signal (&self->ended);
  g_mutex_unlock (&self->lock);
  g_thread_join (self->thread);
  close (self->process);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->ended);
}

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

void
contest_by_qmig (Contest *contest)
{
  Rig *rig = contest->lab->rig;
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the move by qmig", contest->limit_ms + PATIENCE_MS);
  g_autofree char *beside = g_build_filename (rig->dir, CONTEST_BESIDE, NULL);
  g_autoptr(QmpClient) source = bench_open_monitor (beside, wait);
  g_autoptr(QmpEventListener) stop = qmp_event_listener_new (source, "STOP");
  g_autofree char *budget = g_strdup_printf ("%ums", contest->workload->budget_ms);
  const char *more[] = { "--downtime", budget, NULL };
  RigPending *pending = lab_migrate (contest->lab, &rig->alpha, &rig->beta, more);
  Guard limit = { 0 };
  g_autoptr(RigRun) run = NULL;
  g_autoptr(QmigResult) result = NULL;

  guard_begin (&limit, rig_pending_pid (pending), contest->limit_ms);
  run = rig_finish (pending);
  guard_end (&limit);
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
