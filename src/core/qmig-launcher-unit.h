/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * QEMU in a unit of its own, where systemd runs: then systemd is its parent, and
 * whatever happens to the agent's own unit is none of QEMU's business.
 */

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum
{
  QMIG_UNIT_STARTED,
  QMIG_UNIT_NONE,    /* it does not run, and never will: start it without a unit */
  QMIG_UNIT_UNKNOWN, /* it may run or come to run: @error */
} QmigUnitResult;

/**
 * qmig_launcher_unit_start:
 * @log_path: gets stdout and stderr; must exist
 *
 * Asks the service manager (the system's for root, that of a user who lingers
 * otherwise) to run @argv as qmig-vm-NAME-ID.service in qmig.slice, and waits until
 * it does. Blocks, any thread. With QMIG_UNIT_NONE the reason is in the log,
 * unless there is no such manager at all, or no such program.
 */
QmigUnitResult qmig_launcher_unit_start (const char *const *argv, const char *log_path, const char *cwd,
                                         gint64 *pid, gint64 *start_time, GError **error);

/* For tests: the bus on which a manager is looked for, whether systemd runs or not; NULL: as always. */
void qmig_launcher_unit_set_bus (const char *address);

G_END_DECLS
