/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-auth.h"

char *
agent_auth_refuse (const AgentPeer *peer, uid_t own_uid, AgentNeed need)
{
  if (!peer->known)
    return g_strdup ("permission denied: the kernel does not tell who you are");

  /* Either could start and stop any QEMU of this user without us, so both may do everything. */
  if (peer->uid == own_uid || peer->uid == 0)
    return NULL;

  return g_strdup_printf ("permission denied: user %u may not %s the agent of user %u", (unsigned int) peer->uid,
                          need == AGENT_NEED_READ ? "ask" : "command", (unsigned int) own_uid);
}
