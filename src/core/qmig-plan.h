/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Stage 0 decided: from the facts of both sides to what will be done, or the
 * reasons why not.  Pure: no I/O, the same facts give the same plan.
 */

#include "api-types.h"
#include "qmig-instance.h"

G_BEGIN_DECLS

/* @destination_uri: how its agent is reached; @source_host: name, boot id and certificates of the source's machine.
 * @policy: with the request's bounds in it.  (transfer full) */
QmigPlan *qmig_plan_make (const QmigMigrateRequest *request,
                          const QmigPolicy         *policy,
                          const char               *destination_uri,
                          const QmigHostInfo       *source_host,
                          const QmigSourceFacts    *source,
                          const QmigFacts          *destination);

/* The failed checks as one text: "machine: …; memory: …".  (transfer full) (nullable) when nothing refuses */
char *qmig_plan_refusal (const QmigPlan *plan);

/* What the destination is asked to prepare.  (transfer full) */
QmigIncomingSpec *qmig_plan_incoming_spec (const QmigPlan *plan, const QmigMigrateRequest *request, const char *migration);

G_END_DECLS
