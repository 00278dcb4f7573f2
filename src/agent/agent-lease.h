/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How long a reservation lives without a word from the source.  Pure: times
 * come in from outside, monotonic microseconds.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  gint64 length_ms;
  gint64 expires_us;
  gboolean held;      /* the destination is loaded: nothing expires any more */
} AgentLease;

/* @length_ms: what the source asked for; anything out of reason becomes reasonable. */
void agent_lease_start (AgentLease *self, gint64 length_ms, gint64 now_us);
void agent_lease_renew (AgentLease *self, gint64 now_us);
void agent_lease_hold (AgentLease *self);
gboolean agent_lease_is_over (const AgentLease *self, gint64 now_us);
/* When to look again; -1: never. */
gint64 agent_lease_get_deadline_us (const AgentLease *self);
/* Longest silence of an answer that is waited for: short enough that the next question renews in time. */
gint64 agent_lease_get_poll_ms (const AgentLease *self, gint64 wanted_ms);

G_END_DECLS
