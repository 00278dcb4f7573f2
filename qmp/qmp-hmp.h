/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What only the human monitor tells, in tables for people.  One question has
 * the whole tree of devices, for which QOM needs thousands.
 */

#include "qmp-client.h"

G_BEGIN_DECLS

/* An image of a PCI device's ROM. */
typedef struct
{
  char *device;      /* the type it belongs to */
  char *file;        /* as its property has it: a name in QEMU's directories, or a path */
  gint64 size_bytes; /* of the block of memory that it is in */
} QmpRom;

/* The devices there are now, by `info qtree`. */
typedef struct
{
  char **types;    /* each once, sorted */
  GPtrArray *roms; /* QmpRom */
} QmpDeviceTree;

void qmp_device_tree_free (QmpDeviceTree *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmpDeviceTree, qmp_device_tree_free)

QmpDeviceTree *qmp_query_device_tree (QmpClient *c, QmpWait *w, GError **error);
/* @text: what `info qtree` printed; lines that are not understood are passed over.  (transfer full) */
QmpDeviceTree *qmp_device_tree_parse (const char *text);

G_END_DECLS
