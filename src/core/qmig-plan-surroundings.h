/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The checks of hosts and surroundings: load, limits, processors, ports, clocks, certificates, known bugs.  Pure. */

#include "api-types.h"
#include "qmig-instance.h"

G_BEGIN_DECLS

/* Adds to the checks of @plan, whose transport, ports and policy are chosen already. */
void qmig_plan_judge_surroundings (QmigPlan *plan, const QmigSourceFacts *source, const QmigFacts *destination);

/* What the forecast of @plan means for it, as one more check; without a forecast none. */
void qmig_plan_judge_forecast (QmigPlan *plan);

G_END_DECLS
