/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the benchmarks of moves share: a destination started by hand, and medians. */

#include "qmp-client.h"
#include "rig.h"

G_BEGIN_DECLS

/*
 * Starts on beta the QEMU that the rig's guest is to be moved to, with its monitor at @qmp, waiting for migrate-incoming.
 * The caller ends it and waits for it.
 *
 * @config: as the guest was started with
 * @more: (nullable): further arguments
 */
GPid bench_spawn_destination (Rig *rig, const char *config, const char *qmp, const char *const *more);

/* Waits until the monitor is there. */
QmpClient *bench_open_monitor (const char *path, QmpWait *wait);

/* Of the double at @offset in each of @n structs of @size; those that are NAN do not count.  NAN when none is left. */
double bench_median (gconstpointer all, guint n, gsize size, gsize offset);

G_END_DECLS
