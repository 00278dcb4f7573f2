/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The turning point of a rehearsal: at the gate, or a moment before it, what a
 * move would have taken is read, and the source is sent back to its guest.
 * The destination has all but the last of the memory and none of the devices:
 * it cannot run, and its host lets nobody try.
 */

#include "qmig-steps-private.h"

#include "qmig-forecast.h"
#include "qmig-history.h"
#include "qmp-commands.h"

#define CAPPED_SHARE 0.8 /* a rate this close to the limit is the limit's, not the link's */
#define SHARE_LOW 0.8    /* of the expected copying and overhead, the range that a move's downtime is in */
#define SHARE_HIGH 1.25
#define OVERHEAD_SHARE_LOW 0.5
#define OVERHEAD_SHARE_HIGH 1.5

/* -- with --no-gate: soon enough, while the guest runs ------------------------------ */

gboolean
qmig_step_is_rehearsed (QmigMigration *self)
{
  const QmigSample *sample = self->info->sample;
  gint64 send = sample != NULL && sample->forecast != NULL ? sample->forecast->send_bytes_per_s : QMIG_UNSET;

  return self->entry->request->no_gate && send > 0 && sample->pass > 1 && self->limits->downtime_limit_ms != QMIG_UNSET &&
         self->left_bytes * 1000.0 / send <= self->limits->downtime_limit_ms;
}

/* -- what was learned ------------------------------------------------------------------ */

/* As the engine has it; of a copy that was over before it could say anything, the mean. */
static gint64
send_rate (QmigMigration *self, gint64 copying_ms)
{
  const QmigSample *sample = self->info->sample;

  if (sample != NULL && sample->forecast != NULL && sample->forecast->send_bytes_per_s > 0)
    return sample->forecast->send_bytes_per_s;
  if (sample != NULL && sample->send_bytes_per_s > 0)
    return sample->send_bytes_per_s;
  return copying_ms > 0 && self->result->transferred_bytes > 0 ? self->result->transferred_bytes * 1000 / copying_ms : QMIG_UNSET;
}

static void
say_what_is_proven (QmigMigration *self, QmigRehearsal *found)
{
  const QmigPlan *plan = self->entry->plan;
  g_autoptr(GStrvBuilder) proven = g_strv_builder_new ();
  g_autofree char *starts = g_strdup_printf ("QEMU starts on '%s' with the command line of the move and takes its capabilities", plan->destination);
  g_autofree char *stream = g_strdup_printf ("the stream gets through over %s", plan->transport);

  g_strv_builder_add_many (proven, starts, stream, "the destination has the source's RAM blocks and loads its memory", NULL);
  found->proven = g_strv_builder_end (proven);
  found->not_proven = g_strdupv ((char *[]) { (char *) "that the destination loads the devices' state: it is sent after the gate", NULL });
}

/* No bandwidth limit holds in the last burst: where one was what was seen, the link does at least that. */
static void
burst_rates (QmigMigration *self, gint64 seen, gint64 *low, gint64 *high)
{
  gint64 limit = self->limits->bandwidth_limit_bytes_per_s;

  *low = *high = seen;
  if (limit <= 0 || seen < CAPPED_SHARE * limit || !qmig_forecast_assume_link (self->entry->plan, low, high))
    return;
  *low = MAX (seen, *low);
  *high = MAX (seen, *high);
}

static void
foresee (QmigMigration *self, gint64 turned_us, QmigRehearsal *found)
{
  QmigHistory history;
  gint64 overhead, low, high;
  double slow, quick;

  if (found->send_bytes_per_s <= 0)
    return;
  qmig_history_read (self->journal, self->entry->vm, self->entry->plan, &history);
  overhead = history.overhead_ms != QMIG_UNSET ? history.overhead_ms : converge_assumed_overhead_ms (self->entry->plan->memory_bytes);
  burst_rates (self, found->send_bytes_per_s, &low, &high);
  slow = found->remaining_bytes * 1000.0 / low;
  quick = found->remaining_bytes * 1000.0 / high;
  found->downtime_ms = (gint64) ((slow + quick) / 2 + overhead + 0.5);
  found->downtime_low_ms = (gint64) (SHARE_LOW * quick + OVERHEAD_SHARE_LOW * overhead + 0.5);
  found->downtime_high_ms = (gint64) (SHARE_HIGH * slow + OVERHEAD_SHARE_HIGH * overhead + 0.5);
  found->total_ms = (turned_us - self->began_us) / 1000 + found->downtime_ms;
}

static gboolean
look_at_gate (QmigMigration *self, gint64 *copying_ms, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) reply = qmp_wait_new_within (wait, "QEMU's numbers", qmig_limits.reply_ms);
  g_autoptr(QmpMigrationInfo) info = NULL;

  if (!qmig_instance_look (self->source, &info, reply, error))
    return FALSE;
  if (info->ram_remaining_bytes >= 0)
    self->left_bytes = info->ram_remaining_bytes;
  *copying_ms = info->total_time_ms;
  self->result->passes = info->ram_dirty_sync_count >= 0 ? info->ram_dirty_sync_count : QMIG_UNSET;
  self->result->transferred_bytes = info->ram_transferred_bytes >= 0 ? info->ram_transferred_bytes : QMIG_UNSET;
  return TRUE;
}

gboolean
qmig_step_gauge (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmigRehearsal) found = qmig_rehearsal_new ();
  gint64 turned_us = g_get_monotonic_time ();
  gint64 copying_ms = 0;

  /* Of what is read at the gate the guest waits for these two alone. */
  if (!look_at_gate (self, &copying_ms, wait, error) || !qmig_undo_switchover (self, wait, error))
    return FALSE;

  found->budget_ms = self->entry->policy->downtime_ms;
  found->remaining_bytes = self->left_bytes;
  found->send_bytes_per_s = send_rate (self, copying_ms);
  found->dirty_bytes_per_s = self->info->sample != NULL && self->info->sample->forecast != NULL ? self->info->sample->forecast->dirty_bytes_per_s : QMIG_UNSET;
  if (self->source->stopped_us > 0 && self->source->resumed_us > self->source->stopped_us)
    found->gate_pause_ms = (self->source->resumed_us - self->source->stopped_us) / 1000.0;
  foresee (self, turned_us, found);
  say_what_is_proven (self, found);
  self->result->rehearsal = g_steal_pointer (&found);
  return TRUE;
}

gboolean
qmig_undo_gauge (QmigMigration *self, QmpWait *wait, GError **error)
{
  return qmig_undo_switchover (self, wait, error);
}
