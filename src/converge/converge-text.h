/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The sentences of the engine: each with the numbers it was decided by. */

#include "api-types.h"
#include "converge-model.h"

G_BEGIN_DECLS

/* All (transfer full). */
char *converge_text_forecast (const QmigForecast *forecast);
char *converge_text_start (const QmigDecision *decision, double room_ms);
char *converge_text_bounds (const QmigDecision *decision, const QmigPolicy *policy);
char *converge_text_limit (const QmigDecision *decision, const ConvergeOutlook *outlook);
char *converge_text_bandwidth (const QmigDecision *decision, gint64 bound);
char *converge_text_throttle (const QmigDecision *decision, gboolean saturated);
char *converge_text_last_resort (const QmigDecision *decision, double rest_ms);
char *converge_text_wait (const QmigDecision *decision, gint64 patience_ms);

char *converge_text_bytes (gint64 bytes);              /* "41.3 MiB" */
char *converge_text_rate (gint64 bytes_per_s);         /* "112 MiB/s", "unlimited" for 0 */
char *converge_text_time (double ms);                  /* "180 ms", "7.3 s", "4 min 10 s" */

G_END_DECLS
