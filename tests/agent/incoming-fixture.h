/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Destinations for an agent: small QEMUs that wait for a migration that never comes. */

#include "agent-fixture.h"

/* NULL after g_test_skip() where there is no QEMU.  (transfer full) */
QmigIncomingSpec *incoming_spec_new (AgentFixture *f, const char *migration, gint64 lease_ms);
/* POST /v1/incoming */
QmigIncoming *incoming_prepare (AgentFixture *f, const QmigIncomingSpec *spec);
/* GET, or POST … actions. @query: "" or "?after=…" */
QmigIncoming *incoming_get (AgentFixture *f, const char *migration, const char *query);
QmigIncoming *incoming_act (AgentFixture *f, const char *migration, const char *action);
/* Asks until the journal has no reservation. */
void incoming_wait_ended (AgentFixture *f, const char *migration);
gboolean incoming_is_reserved (AgentFixture *f, const char *migration);
void incoming_assert_nothing_left (AgentFixture *f, const QmigIncomingSpec *spec);
