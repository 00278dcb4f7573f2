/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Starts QEMU so that it outlives the agent: in a unit of its own where systemd
 * runs and lets us, otherwise as a child in a session of its own, which
 * alone tells its exit status. No pipe to us; stderr and stdout in RUN_DIR/qemu.log.
 */

#include <gio/gio.h>

G_BEGIN_DECLS

/* Creates @run_dir (0700) and starts @argv in it.  @cwd: (nullable) "/" otherwise. */
gboolean qmig_launcher_start (const char *const *argv, const char *run_dir, const char *cwd,
                              gint64 *pid, gint64 *start_time, GError **error);

/* The end of RUN_DIR/qemu.log without QEMU's warnings, which end nothing: at most 2 KiB, one line, valid UTF-8; "" when there is none.  (transfer full) */
char *qmig_launcher_log_tail (const char *run_dir);

/* Gives back the space of all but the end of each long qemu.log below @runtime_dir: what was written first reads as zeros then. */
void qmig_launcher_trim_logs (const char *runtime_dir);

/* Removes the run directory with what is in it (one level); refuses what does not look like one (not below @runtime_dir/vm). */
gboolean qmig_launcher_remove_run_dir (const char *runtime_dir, const char *run_dir, GError **error);

G_END_DECLS
