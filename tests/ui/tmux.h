/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A terminal that a test can type into, look at and tear about: tmux, with a
 * server of its own whose socket is in the caller's directory and which ends
 * with the caller, however that ends.  Everything blocks.  What ought to
 * happen at once is waited for under a generous limit; when that is over the
 * test fails and shows the screen.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef struct _Tmux Tmux;

/* FALSE after g_test_skip() where there is no tmux. */
gboolean tmux_is_there (void);

/**
 * tmux_new:
 * @dir: a directory of the caller's, for the server's socket
 * @env: (nullable): "NAME=VALUE" for the program, NULL-terminated
 * @term: TERM as the program sees it
 *
 * A shell without a prompt worth the name; what is typed there runs.
 */
Tmux *tmux_new (const char *dir, const char *const *env, const char *term, int cols, int rows);
/* The server ends, and all that runs in it. */
void tmux_free (Tmux *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Tmux, tmux_free)

/* Keys by tmux's names, "Enter", "F5", "C-l"; each a single one. */
void tmux_keys (Tmux *self, ...) G_GNUC_NULL_TERMINATED;
/* Text as it is. */
void tmux_type (Tmux *self, const char *text);
/* A line for the shell. */
void tmux_run (Tmux *self, const char *line);
/* Returns before the program has seen it. */
void tmux_resize (Tmux *self, int cols, int rows);

/* The screen, lines without their trailing blanks. (transfer full) */
char *tmux_capture (Tmux *self);
/* Until the screen has @text, or has it no more. */
void tmux_wait (Tmux *self, const char *text);
void tmux_wait_gone (Tmux *self, const char *text);
/* Until the screen matches @regex ("^" and "$" are those of lines); which screen that was. (transfer full) */
char *tmux_wait_match (Tmux *self, const char *regex);
gboolean tmux_shows (Tmux *self, const char *regex);

/* One of tmux's formats, "#{alternate_on}". (transfer full) */
char *tmux_ask (Tmux *self, const char *format);
/* Until it has that value. */
void tmux_wait_for (Tmux *self, const char *format, const char *value);
/* The program in the foreground of the terminal, once it is called @name. */
GPid tmux_wait_program (Tmux *self, const char *name);

G_END_DECLS
