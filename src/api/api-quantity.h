/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Sizes, rates, times and percentages as people write them, on a command line
 * or in a config file.  A bare number is refused where the unit matters.  All
 * errors are QMIG_EXIT_USAGE and quote the text; outputs are set only on success.
 */

#include <glib.h>

G_BEGIN_DECLS

/* 64M, 4GiB (binary), 5MB (decimal). */
gboolean api_parse_size (const char *text, gint64 *bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* 1GiB/s, 10Gbit/s, max: 0, which QEMU reads as unlimited. */
gboolean api_parse_rate (const char *text, gint64 *bytes_per_s, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* 300ms, 2s, 10m, 1h */
gboolean api_parse_time (const char *text, gint64 *ms, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* 50% or 50, up to 100 */
gboolean api_parse_percent (const char *text, gint64 *percent, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
