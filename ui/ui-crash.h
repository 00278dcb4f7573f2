/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Gives the terminal back when the program dies. */

#include <glib.h>

G_BEGIN_DECLS

/* From now on SIGSEGV and its likes write @restore, set the terminal as it is now, say where to report it, and go on to kill. */
void ui_crash_arm (int fd, const char *restore);
void ui_crash_disarm (void);

G_END_DECLS
