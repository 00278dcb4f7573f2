/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-history.h"

#define MOVES_OF_VM 8
#define MOVES_TO_HOST 16    /* of all VMs and transports */
#define LEARNED_FROM 5      /* the latest that teach something */
#define CAPPED_SHARE 0.8    /* a rate this close to the limit is the limit's, not the link's */
#define LEAST_BYTES (32 * 1024 * 1024) /* less says more of buffers and pauses than of a link */
#define OVERHEAD_SHARE 0.5  /* of a blackout, at least: else the copying in it is not known well enough to be taken off */
#define RATE_SLACK 0.2
#define DIRTY_SLACK 1.5     /* a rate that filled the working set may be higher */
#define OVERHEAD_MAX_MS 60000

/* The latest numbers of one kind. */
typedef struct
{
  gint64 values[LEARNED_FROM];
  guint n;
} Learned;

static void
learn (Learned *learned, double value)
{
  if (learned->n < LEARNED_FROM)
    learned->values[learned->n++] = (gint64) value;
}

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  gint64 one = *(const gint64 *) a, other = *(const gint64 *) b;

  return (one > other) - (one < other);
}

/* @share: 0 the least, 1 the greatest */
static gint64
quantile (const Learned *learned, double share)
{
  Learned sorted = *learned;

  if (learned->n == 0)
    return QMIG_UNSET;
  qsort (sorted.values, sorted.n, sizeof sorted.values[0], compare_numbers);
  return sorted.values[(guint) (share * (sorted.n - 1) + 0.5)];
}

/* -- the link ------------------------------------------------------------------ */

/* The engine's own: what a sample shows right before the end is that there was little left to send. */
static gint64
send_rate (const QmigSample *sample)
{
  return sample->forecast != NULL && sample->forecast->send_bytes_per_s > 0 ? sample->forecast->send_bytes_per_s : QMIG_UNSET;
}

static gboolean
is_capped (const QmigSample *sample, gint64 rate)
{
  return sample->bandwidth_limit_bytes_per_s > 0 && rate >= CAPPED_SHARE * sample->bandwidth_limit_bytes_per_s;
}

/* The last burst is not capped. */
static gint64
burst_rate (const QmigResult *result)
{
  if (result->downtime_bytes < LEAST_BYTES || isnan (result->blackout_ms) || result->blackout_ms <= 0)
    return 0;
  return (gint64) (result->downtime_bytes * 1000.0 / result->blackout_ms);
}

static void
learn_link (QmigJournal *journal, const QmigPlan *plan, QmigHistory *history)
{
  g_autoptr(GPtrArray) moves = qmig_journal_past_to_host (journal, plan->destination, MOVES_TO_HOST, NULL);
  Learned free_runs = { 0 }, capped = { 0 };

  for (guint i = 0; moves != NULL && i < moves->len; i++)
    {
      const QmigPastMove *past = g_ptr_array_index (moves, i);
      gint64 rate = past->sample != NULL ? send_rate (past->sample) : QMIG_UNSET;

      if (past->held || rate <= 0 || past->sample->normal_bytes < LEAST_BYTES || g_strcmp0 (past->transport, plan->transport) != 0)
        continue;
      learn (is_capped (past->sample, rate) ? &capped : &free_runs, MAX (rate, burst_rate (past->result)));
    }
  if (free_runs.n == 0)
    {
      /* The link does at least what was allowed. */
      history->send_bytes_per_s = history->send_low_bytes_per_s = history->send_high_bytes_per_s = quantile (&capped, 1);
      return;
    }
  history->send_bytes_per_s = quantile (&free_runs, 0.5);
  history->send_low_bytes_per_s = quantile (&free_runs, 0);
  history->send_high_bytes_per_s = quantile (&free_runs, 1);
}

/* -- the guest ------------------------------------------------------------------- */

static void
learn_overhead (const QmigPastMove *past, gint64 link, Learned *overhead)
{
  const QmigResult *result = past->result;
  gint64 rate = MAX (MAX (link, send_rate (past->sample)), burst_rate (past->result));
  double copying_ms;

  /* A move that was held stood still for as long as a person liked. */
  if (past->held || result->postcopy || result->outcome != QMIG_OUTCOME_COMPLETED || isnan (result->blackout_ms) || rate <= 0 ||
      result->downtime_bytes == QMIG_UNSET)
    return;
  copying_ms = result->downtime_bytes * 1000.0 / rate;
  if (result->blackout_ms < OVERHEAD_MAX_MS && copying_ms < (1 - OVERHEAD_SHARE) * result->blackout_ms)
    learn (overhead, result->blackout_ms - copying_ms);
}

static void
learn_writes (const QmigPastMove *past, Learned *dirty, Learned *working_set)
{
  const QmigForecast *forecast = past->sample->forecast;

  if (forecast == NULL || past->sample->pass < 2)
    return;
  if (forecast->dirty_bytes_per_s != QMIG_UNSET && forecast->working_set_bytes != QMIG_UNSET)
    {
      learn (dirty, MAX (forecast->dirty_bytes_per_s, 0));
      learn (working_set, MAX (forecast->working_set_bytes, 0));
    }
}

static void
learn_guest (QmigJournal *journal, const char *vm, const QmigPlan *plan, QmigHistory *history)
{
  g_autoptr(GPtrArray) moves = qmig_journal_past_of_vm (journal, vm, plan->uuid, MOVES_OF_VM, NULL);
  Learned overhead = { 0 }, aside = { 0 }, dirty = { 0 }, working_set = { 0 };

  for (guint i = 0; moves != NULL && i < moves->len; i++)
    {
      const QmigPastMove *past = g_ptr_array_index (moves, i);
      const QmigResult *result = past->result;

      if (result->outcome == QMIG_OUTCOME_COMPLETED && !past->held && result->total_ms != QMIG_UNSET && result->qemu_total_ms != QMIG_UNSET)
        learn (&aside, MAX (result->total_ms - result->qemu_total_ms, 0));
      if (past->sample == NULL)
        continue;
      learn_overhead (past, history->send_bytes_per_s, &overhead);
      learn_writes (past, &dirty, &working_set);
      if (history->data_bytes == QMIG_UNSET && past->sample->zero_bytes >= 0 && past->sample->pass > 1)
        history->data_bytes = MAX (past->sample->total_bytes - past->sample->zero_bytes, 0);
    }
  history->overhead_ms = quantile (&overhead, 0.75);
  history->aside_ms = quantile (&aside, 0.5);
  if (dirty.n > 0)
    {
      history->dirty_bytes_per_s = dirty.values[0];
      history->working_set_bytes = working_set.values[0];
    }
  history->dirty_high_bytes_per_s = quantile (&dirty, 1);
  history->working_set_high_bytes = quantile (&working_set, 1);
}

/* -- what is asked ------------------------------------------------------------------ */

void
qmig_history_read (QmigJournal *journal, const char *vm, const QmigPlan *plan, QmigHistory *history)
{
  *history = (QmigHistory) {
    QMIG_UNSET, QMIG_UNSET, QMIG_UNSET, QMIG_UNSET, QMIG_UNSET, QMIG_UNSET, QMIG_UNSET, QMIG_UNSET, QMIG_UNSET, QMIG_UNSET,
  };
  learn_link (journal, plan, history);
  learn_guest (journal, vm, plan, history);
}

void
qmig_history_means (QmigJournal *journal, const char *vm, const QmigPlan *plan, ConvergeMeans *means)
{
  QmigHistory history;

  qmig_history_read (journal, vm, plan, &history);
  if (history.overhead_ms != QMIG_UNSET)
    means->overhead_ms = history.overhead_ms;
  means->send_bytes_per_s = history.send_bytes_per_s;
  means->dirty_bytes_per_s = history.dirty_bytes_per_s;
  means->working_set_bytes = history.working_set_bytes;
}

static void
give_writes (const QmigHistory *history, ConvergeFacts *facts)
{
  facts->writes_basis = CONVERGE_BASIS_HISTORY;
  facts->writes_low = (ConvergeWrites) { 0, history->dirty_bytes_per_s, history->working_set_bytes };
  facts->writes_high = (ConvergeWrites) { 0, DIRTY_SLACK * history->dirty_high_bytes_per_s,
                                          (1 + RATE_SLACK) * history->working_set_high_bytes };
}

void
qmig_history_facts (const QmigHistory *history, ConvergeFacts *facts)
{
  if (facts->link_basis == CONVERGE_BASIS_NONE && history->send_bytes_per_s != QMIG_UNSET)
    {
      facts->link_basis = CONVERGE_BASIS_HISTORY;
      facts->link_low_bytes_per_s = (gint64) ((1 - RATE_SLACK) * history->send_low_bytes_per_s);
      facts->link_high_bytes_per_s = (gint64) ((1 + RATE_SLACK) * history->send_high_bytes_per_s);
    }
  if (facts->writes_basis == CONVERGE_BASIS_NONE && history->dirty_bytes_per_s != QMIG_UNSET)
    give_writes (history, facts);
  if (history->data_bytes != QMIG_UNSET)
    {
      facts->data_low_bytes = (gint64) ((1 - RATE_SLACK) * history->data_bytes);
      facts->data_high_bytes = (gint64) ((1 + RATE_SLACK) * history->data_bytes);
    }
  if (history->overhead_ms != QMIG_UNSET)
    facts->overhead_ms = history->overhead_ms;
  if (history->aside_ms != QMIG_UNSET)
    facts->aside_ms = history->aside_ms;
}
