/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What happens to a migration on its way, in one line each.  All results are (transfer full). */

#include "api-types.h"

G_BEGIN_DECLS

/* "bandwidth 500 MiB/s: in force"; NULL for what is no knob.  @data: of a `knob` event */
char *cli_news_knob_text (JsonObject *data);

/* "throttle: 30 % of …": what was decided, and why */
char *cli_news_decision_text (const QmigDecision *decision);

/* "converging, done in 8.00 s to 12.0 s, downtime 40 ms to 90 ms": what is known of it */
char *cli_news_forecast_text (const QmigForecast *forecast);

G_END_DECLS
