/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the plan needs to know of this host.  Reads only. */

#include "qmig-env.h"

G_BEGIN_DECLS

QmigFacts *qmig_host_facts_read (const QmigEnv *env, QmigJournal *journal, const QmigFactsRequest *request, QmpWait *wait,
                                 GError **error);

/* RUNTIME/vm/MIGRATION.  (transfer full) */
char *qmig_host_run_dir (const QmigEnv *env, const char *migration);

/* Another incoming migration that holds @name; (transfer full) (nullable): a text for people. */
char *qmig_host_reserved_by (const GPtrArray *reservations, const char *migration, const char *name);

G_END_DECLS
