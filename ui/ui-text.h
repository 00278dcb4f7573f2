/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Text as the console shows it: cells it takes, cuts, and numbers with a word for "not known".  All char * results are (transfer full). */

#include <glib.h>

G_BEGIN_DECLS

/* Columns of one character: 0, 1 or 2. */
int ui_char_width (gunichar c);
int ui_text_width (const char *text);

/* Whether it could steer a terminal, or changes how its neighbours read. */
gboolean ui_char_is_unsafe (gunichar c);

/* Valid UTF-8, composed where it can be, so that accents do not need a cell of their own. */
char *ui_text_compose (const char *text);

/* Broken at blanks into lines of at most @width columns.  NULL-terminated. */
char **ui_text_wrap (const char *text, int width);

/* "–" where the number is QMIG_UNSET or NAN. */
char *ui_text_bytes (gint64 bytes);
char *ui_text_rate (gint64 bytes_per_s, gboolean bits);
char *ui_text_limit (gint64 bytes_per_s, gboolean bits); /* 0 is "max" */
char *ui_text_ms (double ms);
char *ui_text_count (gint64 count);
/* "now", "12 s", "2 min 11 s" */
char *ui_text_age (gint64 age_us);
/* "1:39.8", "1:02:03" */
char *ui_text_clock (gint64 ms);
/* "14:03:21" of the user's zone; "–" for 0 */
char *ui_text_time (gint64 unix_us);
/* "today 14:01", "yesterday 18:40", "2026-01-31" */
char *ui_text_when (gint64 unix_us, gint64 now_us);

G_END_DECLS
