/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A recorded move by a real QEMU beside its simulation.  Nothing is fitted: guest, link and host are what the caller says. */

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  gint64 ram_mib;            /* these four must be set */
  gint64 working_set_mib;
  double dirty_mib_per_s;
  double link_mib_per_s;
  double zero_share;
  gboolean zero_apart;
  gboolean random;
  double copy_mib_per_s;     /* 0: as converge_sim_workload() has it */
  double zero_mib_per_s;
  gint64 downtime_ms;        /* the limit, where the recording does not say; 0: QEMU's default, and its bandwidth */
} AgainstOptions;

/*
 * @file: lines of QmigEvent.  Its knobs are turned in the simulation when they were turned then; if it was the engine that turned
 * them, the engine decides in the simulation as well, within the same bounds.
 */
gboolean against_print (const char *file, const AgainstOptions *options, GError **error);

G_END_DECLS
