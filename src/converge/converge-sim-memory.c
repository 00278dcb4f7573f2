/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "converge-sim-memory.h"

#include <math.h>

/* -- rings: nested, as the working sets of a writer's phases are ------------------ */

static double
next_reach (const ConvergeSimWorkload *workload, guint writer, double above)
{
  double next = G_MAXDOUBLE;

  for (guint i = 0; i < workload->n_phases; i++)
    {
      double reach = workload->phases[i].writers[writer].working_set_bytes;

      if (reach > above && reach < next)
        next = reach;
    }
  return next;
}

static double
add_writer (ConvergeSimMemory *self, const ConvergeSimWorkload *workload, guint writer)
{
  double reach = 0;

  for (double next = next_reach (workload, writer, 0); next < G_MAXDOUBLE; next = next_reach (workload, writer, reach))
    {
      g_return_val_if_fail (self->n_rings < CONVERGE_SIM_RINGS, reach);
      self->rings[self->n_rings++] = (ConvergeSimRing) { .size = next - reach, .left = next - reach, .writer = writer, .reach = next };
      reach = next;
    }
  return reach;
}

void
converge_sim_memory_init (ConvergeSimMemory *self, const ConvergeSimWorkload *workload)
{
  double written = 0;

  *self = (ConvergeSimMemory) { .n_rings = 1 };
  for (guint writer = 0; writer < CONVERGE_SIM_WRITERS; writer++)
    written += add_writer (self, workload, writer);

  self->zero_size = self->zero_left = CLAMP (workload->zero_share * workload->ram_bytes, 0, MAX (workload->ram_bytes - written, 0));
  self->rings[0].size = self->rings[0].left = MAX (workload->ram_bytes - written - self->zero_size, 0);
}

/* -- writing ------------------------------------------------------------------------ */

static void
write_ring (ConvergeSimRing *ring, const ConvergeSimWriter *writer, double bytes)
{
  double own = bytes * ring->size / writer->working_set_bytes;

  ring->pattern = writer->pattern;
  if (writer->pattern == CONVERGE_SIM_RANDOM)
    ring->written = ring->size - (ring->size - ring->written) * exp (-own / ring->size);
  else
    ring->written = MIN (ring->written + own, ring->size);
}

void
converge_sim_memory_write (ConvergeSimMemory *self, const ConvergeSimPhase *phase, double speed, double ms)
{
  for (guint i = 1; i < self->n_rings; i++)
    {
      const ConvergeSimWriter *writer = &phase->writers[self->rings[i].writer];

      if (writer->dirty_bytes_per_s > 0 && self->rings[i].reach <= writer->working_set_bytes)
        write_ring (&self->rings[i], writer, writer->dirty_bytes_per_s * speed * ms / 1000);
    }
}

/* Whoever writes in order goes on where the marked part ends; whoever writes anywhere meets it by chance. */
static double
find_unmarked (const ConvergeSimRing *ring)
{
  if (ring->pattern == CONVERGE_SIM_RANDOM)
    return ring->written * (1 - ring->left / ring->size);
  return MIN (ring->written, ring->size - ring->left);
}

double
converge_sim_memory_look (ConvergeSimMemory *self)
{
  double found = 0;

  for (guint i = 1; i < self->n_rings; i++)
    {
      ConvergeSimRing *ring = &self->rings[i];
      double unmarked = find_unmarked (ring);

      ring->left += unmarked;
      ring->written = 0;
      found += unmarked;
    }
  return found;
}

/* -- sending ------------------------------------------------------------------------- */

double
converge_sim_memory_data (const ConvergeSimMemory *self)
{
  double data = 0;

  for (guint i = 0; i < self->n_rings; i++)
    data += self->rings[i].left;
  return data;
}

double
converge_sim_memory_left (const ConvergeSimMemory *self)
{
  return converge_sim_memory_data (self) + self->zero_left;
}

static double
keep_of (double sent)
{
  return CLAMP (1 - sent, 0, 1);
}

void
converge_sim_memory_send (ConvergeSimMemory *self, double data_share, double zero_share)
{
  for (guint i = 0; i < self->n_rings; i++)
    self->rings[i].left *= keep_of (data_share);
  self->zero_left *= keep_of (zero_share);
}
