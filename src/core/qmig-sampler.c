/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-sampler.h"

/* Shorter spans mostly show QEMU's own 100 ms windows. */
#define RATE_SPAN_US (500 * 1000)

void
qmig_sampler_init (QmigSampler *self)
{
  *self = (QmigSampler) { .after_sync_bytes = QMIG_UNSET };
}

static gint64
send_rate (const QmigSampler *self, gint64 transferred, gint64 mono_us)
{
  guint kept = MIN (self->n_window, QMIG_SAMPLER_WINDOW);

  for (guint back = 1; back <= kept; back++)
    {
      guint i = (self->n_window - back) % QMIG_SAMPLER_WINDOW;
      gint64 span_us = mono_us - self->window[i].time_us;

      if (span_us >= RATE_SPAN_US || (back == kept && span_us > 0))
        return (gint64) ((double) (transferred - self->window[i].transferred) * G_USEC_PER_SEC / span_us);
    }
  return QMIG_UNSET;
}

static void
remember (QmigSampler *self, const QmpMigrationInfo *info, gint64 mono_us)
{
  guint i = self->n_window % QMIG_SAMPLER_WINDOW;

  self->window[i].time_us = mono_us;
  self->window[i].transferred = info->ram_transferred_bytes;
  self->n_window++;

  if (info->ram_transferred_bytes != self->last_transferred)
    {
      self->last_transferred = info->ram_transferred_bytes;
      self->last_progress_us = mono_us;
    }
}

static gint64
known (gint64 number)
{
  return number >= 0 ? number : QMIG_UNSET;
}

static gint64
in_bytes (gint64 pages, const QmpMigrationInfo *info)
{
  return pages >= 0 && info->ram_page_size_bytes > 0 ? pages * info->ram_page_size_bytes : QMIG_UNSET;
}

QmigSample *
qmig_sampler_take (QmigSampler *self, const QmpMigrationInfo *info, gint64 mono_us)
{
  QmigSample *sample = qmig_sample_new ();

  if (self->started_us == 0)
    self->started_us = self->last_progress_us = mono_us;
  if (info->ram_dirty_sync_count > self->pass)
    {
      self->pass = info->ram_dirty_sync_count;
      self->after_sync_bytes = info->ram_remaining_bytes;
    }

  sample->elapsed_ms = (mono_us - self->started_us) / 1000;
  sample->status = g_strdup (info->status_text);
  sample->pass = known (info->ram_dirty_sync_count);
  sample->total_bytes = known (info->ram_total_bytes);
  sample->remaining_bytes = known (info->ram_remaining_bytes);
  sample->transferred_bytes = known (info->ram_transferred_bytes);
  sample->throttle_percent = known (info->throttle_percent);
  sample->dirty_bytes_per_s = in_bytes (info->ram_dirty_pages_rate, info);
  sample->normal_bytes = in_bytes (info->ram_normal_pages, info);
  sample->zero_bytes = in_bytes (info->ram_duplicate_pages, info);

  if (info->ram_transferred_bytes >= 0)
    {
      sample->send_bytes_per_s = send_rate (self, info->ram_transferred_bytes, mono_us);
      remember (self, info, mono_us);
    }
  /* In the first pass all of memory remains: nobody would stop then, so there is no need to name. */
  if (self->pass > 1 && self->after_sync_bytes >= 0 && sample->send_bytes_per_s > 0)
    sample->need_ms = (gint64) ((double) self->after_sync_bytes * 1000 / sample->send_bytes_per_s);

  return sample;
}

gint64
qmig_sampler_stalled_ms (const QmigSampler *self, gint64 mono_us)
{
  return self->started_us == 0 ? 0 : (mono_us - self->last_progress_us) / 1000;
}
