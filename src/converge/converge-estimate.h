/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the samples of a pre-copy say about link and guest.  Own estimates:
 * QEMU's expected-downtime is that of the last pass, its dirty-pages-rate
 * counts a page once however often it was written, and its mbps is the last
 * 100 ms.
 */

#include "api-types.h"

G_BEGIN_DECLS

#define CONVERGE_PASSES 8

typedef struct
{
  gint64 pass;
  double begun_ms;       /* of the migration, at the look for newly written pages that began it */
  double left_bytes;     /* right after that look */
  double taken_ms;       /* the pass before this one: in it these bytes were written */
  double throttle;       /* then, 0..1 */
} ConvergePass;

typedef struct
{
  /* As last seen. */
  double now_ms;
  gint64 pass;
  double left_bytes;
  double total_bytes;
  double throttle;           /* in force, 0..1 */
  double bandwidth_limit;    /* bytes per second, 0: none */
  double threshold_bytes;    /* QEMU looks for newly written pages when no more than that is left */
  double progress_ms;        /* when a byte was last sent */

  /* Bytes per second; 0: not known yet. */
  double send;
  double send_low, send_high; /* range of what was seen lately */
  double dirty;               /* as an unthrottled guest writes: at least that much */
  double working_set_bytes;   /* the most that was found written in one pass */
  double hot_bytes;           /* of it, what short passes find again … */
  double hot;                 /* … written at least at that rate, bytes per second; QEMU's own count lags by a second */
  gboolean saturated;         /* each pass found the whole working set: the rate may be anything above */

  ConvergePass passes[CONVERGE_PASSES]; /* the second and later ones, the last at (n_passes - 1) % CONVERGE_PASSES */
  guint n_passes;
  guint n_triggers;           /* looks at which auto-converge counts: at least a second apart */
  double triggered_ms;

  /* The window in which the send rate is measured. */
  double window_ms;
  gint64 window_transferred, window_normal, window_zero;
  gint64 transferred;
} ConvergeEstimate;

void converge_estimate_init (ConvergeEstimate *self);
/* Samples come in order; one of another status than QEMU's pre-copy changes nothing but the time. */
void converge_estimate_take (ConvergeEstimate *self, const QmigSample *sample);

/* The last pass but @back; %NULL where there was none. */
const ConvergePass *converge_estimate_pass (const ConvergeEstimate *self, guint back);

G_END_DECLS
