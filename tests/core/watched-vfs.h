/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * SQLite's own file layer with an eye on it: counts syncs, remembers what of
 * each file a sync has covered, and can run out of space on request.  For one
 * thread.
 */

#include <glib.h>

/* Becomes the default of connections opened from now on. */
void watched_vfs_install (void);

guint watched_vfs_get_syncs (void);
/* After @writes more writes each further one fails as on a full disk; -1: there is room again. */
void watched_vfs_set_room (int writes);
/* Whether a write has failed since then. */
gboolean watched_vfs_ran_out (void);

/* From now on no sync succeeds, or again. */
void watched_vfs_set_sync_fails (gboolean fails);

/* Writes @name and its -wal into @to_dir as a power cut would leave them in the worst case: only what was synced. */
void watched_vfs_power_cut (const char *dir, const char *name, const char *to_dir);
