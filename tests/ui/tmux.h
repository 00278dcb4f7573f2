/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A terminal that a test can type into and read: tmux, with a server of its own. */

#include <glib.h>

G_BEGIN_DECLS

typedef struct _Tmux Tmux;

/* FALSE after g_test_skip() where there is no tmux. */
gboolean tmux_is_there (void);

/**
 * tmux_new:
 * @dir: a directory of the caller's, for the server's socket
 * @env: "NAME=VALUE" for the program, NULL-terminated
 * @term: TERM as the program sees it
 *
 * A shell without a prompt worth the name; what is typed there runs.
 */
Tmux *tmux_new (const char *dir, const char *const *env, const char *term, int cols, int rows);
/* The server ends, and all that runs in it. */
void tmux_free (Tmux *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Tmux, tmux_free)

/* Keys by tmux's names; each a single one. */
void tmux_keys (Tmux *self, ...) G_GNUC_NULL_TERMINATED;
/* Text as it is. */
void tmux_type (Tmux *self, const char *text);
void tmux_resize (Tmux *self, int cols, int rows);

/* The screen. (transfer full) */
char *tmux_capture (Tmux *self);
/* Until the screen has @text, or (@there FALSE) has not. */
void tmux_wait (Tmux *self, const char *text);
void tmux_wait_gone (Tmux *self, const char *text);
/* One of tmux's formats, "#{alternate_on}". (transfer full) */
char *tmux_ask (Tmux *self, const char *format);
/* Until it has that value. */
void tmux_wait_for (Tmux *self, const char *format, const char *value);
/* The program in the foreground of the terminal, once it is called @name. */
GPid tmux_wait_program (Tmux *self, const char *name);

G_END_DECLS
