/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Decides how a pre-copy is brought to its end: (policy, samples so far) →
 * verdict, decision, and one sentence that explains it.  Pure: the time is in
 * the samples, so a recorded migration can be decided again, and a simulated
 * one like a real one.
 *
 * Order of means: wait for a local minimum; set the downtime limit to the
 * computed need; bandwidth up to the bound; throttle just as much as needed;
 * post-copy; pause; give up early.  The policy's bounds are never exceeded.
 */

#include "api-types.h"

G_BEGIN_DECLS

/* What there is to work with, known before the start. */
typedef struct
{
  gint64 overhead_ms;        /* of the budget: stop, gate, device state, resume; from the VM's earlier moves, else as assumed below */
  gint64 send_bytes_per_s;   /* of this link, from earlier moves (may be unset) */
  gint64 dirty_bytes_per_s;  /* of this guest, measured before (may be unset) */
  gint64 working_set_bytes;  /* (may be unset) */
  gboolean can_throttle;     /* auto-converge is switched on, parked */
  gboolean can_postcopy;     /* armed on both sides */
  gboolean has_switchover_bandwidth; /* QEMU 8.2 and newer: avail-switchover-bandwidth */
} ConvergeMeans;

#define CONVERGE_OVERHEAD_MS 30

/* What to assume of a VM that was never moved before: QEMU looks at all of its memory twice around the stop. */
gint64 converge_assumed_overhead_ms (gint64 memory_bytes);

typedef struct _ConvergeEngine ConvergeEngine;

/* Copies both. */
ConvergeEngine *converge_engine_new (const QmigPolicy *policy, const ConvergeMeans *means);
void converge_engine_free (ConvergeEngine *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ConvergeEngine, converge_engine_free)

/* A person turned a knob: the bounds are new, what was seen stays.  Returns what keeps QEMU within them until the next look.
 * (transfer full) */
QmigDecision *converge_engine_set_policy (ConvergeEngine *self, const QmigPolicy *policy);

/* What QEMU is to get before it starts: downtime limit, bandwidth, throttle.  (transfer full) */
QmigDecision *converge_engine_start (ConvergeEngine *self);

/*
 * Takes the next sample in.
 * @forecast: (out) (transfer full): always set
 * Returns: (transfer full) (nullable): what is to be done now; NULL for nothing new.  The caller is expected to do it: what the
 * samples show later (downtime_limit_ms, throttle_percent) is what is in force.
 */
QmigDecision *converge_engine_look (ConvergeEngine *self, const QmigSample *sample, QmigForecast **forecast);

G_END_DECLS
