/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A program at the other end of a pseudo-terminal, and a small terminal that
 * understands what ncurses sends to TERM=xterm-256color: measurements need to
 * know the very read() after which a change is on the screen, which a
 * terminal multiplexer would only tell late.
 */

#include <glib.h>

G_BEGIN_DECLS

#define VT_TERM "xterm-256color"

typedef struct _Vt Vt;

/* @env: the whole environment but for TERM */
Vt *vt_new (int cols, int rows, const char *const *argv, const char *const *env);
/* Hangs up, and waits for the program's end. */
void vt_free (Vt *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Vt, vt_free)

GPid vt_get_pid (Vt *self);
void vt_type (Vt *self, const char *bytes);
/* Reads what is there, or waits so long for it. FALSE: nothing came */
gboolean vt_read (Vt *self, int wait_ms);
/* How many bytes have come. */
guint64 vt_get_received (Vt *self);

/* (transfer full) */
char *vt_get_line (Vt *self, int row);
/* (transfer full): all lines */
char *vt_get_text (Vt *self);

typedef gboolean (*VtCheck) (Vt *self, gconstpointer data);
/* Reads until @check is TRUE, and returns when that was by the monotonic clock; ends the program with a message when
 * @limit_ms are over. */
gint64 vt_wait (Vt *self, VtCheck check, gconstpointer data, int limit_ms, const char *what);
/* Reads and drops for so long. */
void vt_pass_time (Vt *self, int ms);

G_END_DECLS
