/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The two halves of receiving a VM: promising the room for it, and making the started QEMU listen. */

#include "qmig-destination.h"
#include "qmig-env.h"

G_BEGIN_DECLS

/* Name of the migration's unix socket in the run directory. */
#define QMIG_MIGRATION_SOCKET "migrate.sock"

/* Durable, and checked against all other reservations of this process at once.
 * @error: QMIG_EXIT_REFUSED with numbers when memory is short or the name is taken */
gboolean qmig_host_prepare_reserve (const QmigEnv *env, QmigJournal *journal, const QmigIncomingSpec *spec, GError **error);

/* From the greeting to phase LISTENING with the uri for the source. */
gboolean qmig_host_prepare_listen (const QmigEnv *env, QmigDestination *destination, const QmigIncomingSpec *spec, QmpWait *wait,
                                   GError **error);

G_END_DECLS
