/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * From what QEMU counts to what people read.  Pure: the time comes in with
 * the numbers.  QEMU's expected-downtime is not used: it starts as the limit
 * and lags by a pass.
 */

#include "api-types.h"
#include "qmp-types.h"

G_BEGIN_DECLS

#define QMIG_SAMPLER_WINDOW 16

typedef struct
{
  gint64 started_us;         /* monotonic, of the first look */
  gint64 pass;
  gint64 after_sync_bytes;   /* remaining as first seen in this pass: what a stop would have had to send */
  gint64 last_progress_us;   /* when transferred last grew */
  gint64 last_transferred;
  struct { gint64 time_us, transferred; } window[QMIG_SAMPLER_WINDOW];
  guint n_window;            /* looks in all; the window holds the last ones */
} QmigSampler;

void qmig_sampler_init (QmigSampler *self);

/* One look at @info at @mono_us (monotonic).  (transfer full) */
QmigSample *qmig_sampler_take (QmigSampler *self, const QmpMigrationInfo *info, gint64 mono_us);

/* Milliseconds since a byte was last sent, as of @mono_us. */
gint64 qmig_sampler_stalled_ms (const QmigSampler *self, gint64 mono_us);

G_END_DECLS
