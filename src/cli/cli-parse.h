/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What people type: sizes, rates, times, ports and bounds.  All errors are
 * QMIG_EXIT_USAGE and quote the text; outputs are set only on success.
 */

#include "api-types.h"

G_BEGIN_DECLS

/* 64M, 4GiB (binary), 5MB (decimal). */
gboolean cli_parse_size (const char *text, gint64 *bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* 1GiB/s, 10Gbit/s, max: 0, which QEMU reads as unlimited. */
gboolean cli_parse_rate (const char *text, gint64 *bytes_per_s, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* 300ms, 2s, 10m, 1h */
gboolean cli_parse_time (const char *text, gint64 *ms, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean cli_parse_count (const char *text, gint64 *count, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* 49152 or 49152-49215; one port sets both ends. */
gboolean cli_parse_ports (const char *text, gint64 *first, gint64 *last, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* downtime=300ms,blackout=400ms,total=2m,rounds=10.  (transfer full) */
QmigExpect *cli_parse_expect (const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
