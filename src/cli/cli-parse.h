/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What people type: counts, ports and bounds (sizes, rates and times are in
 * api-quantity).  All errors are QMIG_EXIT_USAGE and quote the text; outputs
 * are set only on success.
 */

#include "api-types.h"

G_BEGIN_DECLS

gboolean cli_parse_count (const char *text, gint64 *count, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* 49152 or 49152-49215; one port sets both ends. */
gboolean cli_parse_ports (const char *text, gint64 *first, gint64 *last, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* downtime=300ms,blackout=400ms,total=2m,rounds=10.  (transfer full) */
QmigExpect *cli_parse_expect (const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
