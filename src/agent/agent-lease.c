/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-lease.h"

#define LEASE_MIN_MS 100
#define LEASE_MAX_MS (10 * 60 * 1000)
#define LEASE_DEFAULT_MS 30000

void
agent_lease_start (AgentLease *self, gint64 length_ms, gint64 now_us)
{
  self->length_ms = length_ms > 0 ? CLAMP (length_ms, LEASE_MIN_MS, LEASE_MAX_MS) : LEASE_DEFAULT_MS;
  self->held = FALSE;
  agent_lease_renew (self, now_us);
}

void
agent_lease_renew (AgentLease *self, gint64 now_us)
{
  self->expires_us = now_us + self->length_ms * 1000;
}

void
agent_lease_hold (AgentLease *self)
{
  self->held = TRUE;
}

gboolean
agent_lease_is_over (const AgentLease *self, gint64 now_us)
{
  return !self->held && now_us >= self->expires_us;
}

gint64
agent_lease_get_deadline_us (const AgentLease *self)
{
  return self->held ? -1 : self->expires_us;
}

gint64
agent_lease_get_poll_ms (const AgentLease *self, gint64 wanted_ms)
{
  return self->held ? wanted_ms : MIN (wanted_ms, self->length_ms / 2);
}
