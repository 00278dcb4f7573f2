/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Whether the destination's QEMU can take what the VM's devices send, as far
 * as their descriptions (-dump-vmstate) tell.  Pure.
 *
 * Compared is what goes over the wire: the fields in their order with their
 * sizes.  Names do not, and have been changed; nor does the nesting.
 */

#include "api-types.h"
#include "qmig-instance.h"

G_BEGIN_DECLS

/* What one pair of descriptions differs in. */
typedef struct
{
  char *ours;     /* what is sent */
  char *theirs;   /* what is awaited in its place */
  gboolean fatal; /* QEMU surely refuses it; else it may, by what the guest does */
} QmigVmstateFinding;

void qmig_vmstate_finding_free (QmigVmstateFinding *self);

/* Adds to @findings what @theirs, the description of a type of device, cannot take of @ours; at most one for its fields. */
void qmig_vmstate_compare (JsonObject *ours, JsonObject *theirs, GPtrArray *findings);

/* Adds the check `vmstate`.  @ours: (nullable): of the types of the source's devices, by type */
void qmig_check_vmstate (JsonObject *ours, const QmigFacts *destination, const char *where, GPtrArray *checks);

G_END_DECLS
