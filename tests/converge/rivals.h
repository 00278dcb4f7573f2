/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How others bring a pre-copy to its end, as far as their published rules go,
 * at the knobs of the simulated QEMU.  Each gets the user's downtime budget as
 * its own maximum where it has such a setting, and the whole link: nobody is
 * held to QEMU's default of 128 MiB/s.  Left out: xbzrle (Proxmox, oVirt's
 * "suspend if needed"), as the simulator does not know how alike pages are.
 */

#include "converge-sim.h"

G_BEGIN_DECLS

typedef struct
{
  const char *name;
  const char *rule;   /* in a few words, with what is made of the budget */
  const char *source; /* where it was read: project, file, version */
} Rival;

#define N_RIVALS 8
extern const Rival rivals[N_RIVALS];

/* Moves @workload by the rule of rivals[@which], for at most @limit_ms. */
ConvergeSimResult rival_run (guint which, const ConvergeSimWorkload *workload, gint64 budget_ms, gint64 limit_ms);

G_END_DECLS
