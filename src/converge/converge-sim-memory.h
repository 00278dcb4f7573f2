/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The pages of a simulated guest, counted instead of listed.  Memory is cut
 * into rings that are each written evenly or not at all, so that of a ring it
 * is enough to know how much is still to be sent and how much was written
 * since the last look.
 */

#include "converge-sim.h"

G_BEGIN_DECLS

#define CONVERGE_SIM_RINGS 32

typedef struct
{
  double size;
  double left;    /* marked in the migration's bitmap */
  double written; /* different bytes since the last look, whether marked or not */
  guint writer;
  ConvergeSimPattern pattern; /* as it was written last */
  double reach;   /* of its writer: the ring is written while the working set is at least this */
} ConvergeSimRing;

typedef struct
{
  ConvergeSimRing rings[CONVERGE_SIM_RINGS]; /* the first is never written, and not zero */
  guint n_rings;
  double zero_size, zero_left;
} ConvergeSimMemory;

/* All of it is still to be sent. */
void converge_sim_memory_init (ConvergeSimMemory *self, const ConvergeSimWorkload *workload);

/* The guest writes for @ms as @phase says, at @speed (0..1) of its own. */
void converge_sim_memory_write (ConvergeSimMemory *self, const ConvergeSimPhase *phase, double speed, double ms);

/* Marks what was written since the last look.  Returns: the bytes that were not marked before */
double converge_sim_memory_look (ConvergeSimMemory *self);

double converge_sim_memory_left (const ConvergeSimMemory *self); /* all that is marked */
double converge_sim_memory_data (const ConvergeSimMemory *self); /* of that, what is not zero */

/* Sends these shares (0..1) of what is marked. */
void converge_sim_memory_send (ConvergeSimMemory *self, double data_share, double zero_share);

G_END_DECLS
