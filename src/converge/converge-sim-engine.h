/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* qmig's engine at the knobs of a simulated QEMU: what src/core does with its decisions, without a QEMU. */

#include "converge-engine.h"
#include "converge-sim.h"

G_BEGIN_DECLS

/* @sample, with the forecast in it, and what was decided on it (nullable).  Both are the caller's. */
typedef void (*ConvergeSimSeen) (const QmigSample *sample, const QmigDecision *decision, gpointer user_data);

/*
 * Moves @workload by @policy, as a VM of which nothing is known yet but @means.
 * @seen: (nullable): called at each look
 */
ConvergeSimResult converge_sim_run_engine (const ConvergeSimWorkload *workload, const QmigPolicy *policy, const ConvergeMeans *means,
                                           ConvergeSimSeen seen, gpointer user_data);

G_END_DECLS
