/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The rig's two hosts as two machines: each in its own network, with the agents, the guest and the proofs of rig.h. */

#include "net.h"
#include "rig.h"

G_BEGIN_DECLS

#define LAB_AGENT_PORT 7647

/* How the memory travels, and how the agents speak with each other.  All tests run with each of them. */
typedef enum
{
  LAB_RELAYED,  /* by unix sockets that a relay carries over the cable, in the clear */
  LAB_BY_SSH,   /* through a real sshd on each host */
  LAB_ENROLLED, /* over TLS, after `qmig host enroll` over ssh */
} LabWay;

typedef struct
{
  const char *name;     /* as in --transport */
  LabWay way;
  gboolean in_clear;    /* who listens on the wire reads the guest's memory */
  gboolean by_default;  /* nobody has to ask for it */
} LabTransport;

extern const LabTransport lab_transports[];
extern const gsize lab_n_transports;

typedef struct
{
  const LabTransport *transport;
  Rig *rig;
  Net *net;
  GArray *helpers; /* GPid of relays and sshds */
} Lab;

/* Without agents and guest.  NULL after g_test_skip().  @new_rig: rig_new or rig_new_tcg */
Lab *lab_new (const LabTransport *transport, Rig *(*new_rig) (void));
void lab_free (Lab *lab);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lab, lab_free)

/* Both agents, and the way from each to the other over the cable.  @fault: (nullable): of the source's agent, see fault-points.c
 * FALSE after g_test_skip(). */
gboolean lab_start_agents (Lab *lab, const char *fault);

/* Adds `/hosts/NAME/TRANSPORT` for each transport. */
void lab_add_tests (const char *name, void (*test) (const LabTransport *transport));

/* `qmig migrate` of the guest from one host to the other, with @more arguments; `-o jsonl` for lab's callers to read.
 * Ends as rig_finish() does. */
RigPending *lab_migrate (Lab *lab, const RigHost *from, const RigHost *to, const char *const *more);

/* What an agent on @from calls @to's by.  (transfer full) */
char *lab_uri (Lab *lab, const RigHost *from, const RigHost *to);

/* Until a port of @to can be reached from @from. */
void lab_wait_port (Lab *lab, const RigHost *from, const RigHost *to, int port);

NetHost *lab_net_host (Lab *lab, const RigHost *host);

G_END_DECLS
