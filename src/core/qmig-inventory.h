/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The QEMUs of this host: found through /proc, launched here, or added by hand. */

#include "qmig-env.h"
#include "qmig-journal.h"
#include "qmig-process.h"

G_BEGIN_DECLS

/* The caller's ways to ask about a VM whose monitor is held by a running migration. */
typedef char *(*QmigInventoryBusy) (gint64 pid, char **run_state, gpointer user_data); /* id of the migration, (transfer full) (nullable) */

/**
 * qmig_inventory_list:
 * @ask: also ask each QEMU by QMP for state, version, name, uuid (all at once in threads, at most @timeout_ms)
 * @busy: (nullable)
 *
 * QEMUs that another agent's directories own are left out.  A QEMU that does
 * not answer is listed with its problem.  Blocks; call it outside main loops.
 *
 * Returns: (transfer full): GPtrArray of QmigVm
 */
GPtrArray *qmig_inventory_list (const QmigEnv *env, gboolean ask, gint64 timeout_ms,
                                QmigInventoryBusy busy, gpointer user_data, GError **error);

/**
 * qmig_inventory_find:
 * @what: name, id, uuid or pid; "host/name" has been resolved by the caller
 *
 * From /proc and the journal; asks only the QEMUs whose command line gives no answer.
 * @error: QMIG_EXIT_NOT_FOUND with near misses, QMIG_EXIT_CONFLICT when several match, naming them
 */
QmigVm *qmig_inventory_find (const QmigEnv *env, const char *what, GError **error);

/* Fills in what only QEMU knows (state, version, machine, memory, vcpus, accelerator).  Opens and closes the monitor. */
gboolean qmig_inventory_ask (QmigVm *vm, QmpWait *wait, GError **error);

G_END_DECLS
