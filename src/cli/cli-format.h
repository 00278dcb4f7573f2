/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Numbers and remote text for people; numbers always use '.'.  All results are (transfer full). */

#include <glib.h>

G_BEGIN_DECLS

char *cli_format_bytes (gint64 bytes);  /* "1.5 GiB" */
char *cli_format_rate (gint64 bytes_per_s); /* "812 MiB/s" */
char *cli_format_limit (gint64 bytes_per_s); /* as a rate; 0 is "max" */
char *cli_format_ms (double ms);        /* "0.4 ms", "24 ms", "1.03 s", "2 min 05 s" */

/* Remote text on a terminal: invalid UTF-8, control and direction characters are replaced, so it cannot steer the terminal. */
char *cli_sanitize (const char *text);

/* Columns @text takes on a terminal. */
guint cli_width (const char *text);

/* Shell quoting only where needed, so that an argument can be copied. */
char *cli_quote_argument (const char *argument);
char *cli_quote_command (const char *const *argv);

G_END_DECLS
