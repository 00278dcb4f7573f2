/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Watches through QMP when each QEMU runs its guest: by its events STOP and RESUME with QEMU's own stamps, and by its
 * answers to query-status in between.  Each QEMU has a monitor of the watch's own.
 */

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _RunWatch RunWatch;

/* Each monitor whose path is @path or matches @pattern (glob) is watched from its birth on. */
RunWatch *run_watch_new (const char *path, const char *pattern);
void run_watch_free (RunWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RunWatch, run_watch_free)

/* How many run by their last word; a QEMU that is gone does not. */
guint run_watch_count_running (RunWatch *watch);
/* FALSE when two of them ever ran at once. */
gboolean run_watch_is_sound (RunWatch *watch, GError **error);

G_END_DECLS
