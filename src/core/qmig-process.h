/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Processes as /proc shows them; a process is its pid *and* its start time. */

#include <gio/gio.h>
#include "qmp-wait.h"

G_BEGIN_DECLS

typedef struct
{
  gint64 pid;
  gint64 start_time; /* clock ticks since boot, field 22 of stat */
  gint64 uid;
  char *exe;         /* without " (deleted)" */
  char *cwd;         /* (nullable) when it may not be read */
  char **argv;
} QmigProcess;

QmigProcess *qmig_process_read (gint64 pid, GError **error); /* QMIG_EXIT_NOT_FOUND, QMIG_EXIT_DENIED */
void qmig_process_free (QmigProcess *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigProcess, qmig_process_free)

/* Every process whose executable is a qemu-system-*.  GPtrArray of QmigProcess. */
GPtrArray *qmig_process_list_qemus (void);

/* A session leader (what the launcher starts is one) that was given exactly @argument; NULL: none.  (transfer full) */
QmigProcess *qmig_process_find_leader (const char *argument);

gint64 qmig_process_get_start_time (gint64 pid); /* of a zombie too; 0 when gone */
/* Neither gone, nor a zombie, nor another process with the same pid. */
gboolean qmig_process_is_alive (gint64 pid, gint64 start_time);
gint64 qmig_process_rss_bytes (gint64 pid); /* 0 when gone */
/* All memory it ever wrote to and still has: resident, swapped out, and huge pages.  0 when gone. */
gint64 qmig_process_touched_bytes (gint64 pid);
/* @pid is a child of ours that nobody watches: it is reaped in passing some time after its end. */
void qmig_process_adopt (gint64 pid);

/*
 * Watches one process by pidfd in the creator's context; reaps it when it is our child.
 */
typedef struct _QmigProcessWatch QmigProcessWatch;

typedef void (*QmigProcessGone) (gpointer user_data);

QmigProcessWatch *qmig_process_watch_new (gint64 pid, gint64 start_time, QmigProcessGone gone, gpointer user_data);
void qmig_process_watch_free (QmigProcessWatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigProcessWatch, qmig_process_watch_free)
gboolean qmig_process_watch_is_gone (QmigProcessWatch *self);
/* Wait status when it was our child, -1 otherwise or while alive. */
int qmig_process_watch_get_status (QmigProcessWatch *self);
/* SIGKILL, and returns when it is proven gone (or was gone before). */
gboolean qmig_process_watch_kill (QmigProcessWatch *self, QmpWait *wait, GError **error);
/* Waits for it to go by itself. */
gboolean qmig_process_watch_wait_gone (QmigProcessWatch *self, QmpWait *wait, GError **error);

G_END_DECLS
