/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-auth.h"

QmigRole
agent_need_role (AgentNeed need)
{
  switch (need)
    {
    case AGENT_NEED_READ:
      return QMIG_ROLE_VIEWER;
    case AGENT_NEED_TRY:
    case AGENT_NEED_CHANGE:
      return QMIG_ROLE_OPERATOR;
    case AGENT_NEED_ADMIN:
      break;
    }
  return QMIG_ROLE_ADMIN;
}

void
agent_peer_init_uid (AgentPeer *self, uid_t uid, uid_t own_uid)
{
  *self = (AgentPeer){ .known = uid != (uid_t) -1, .uid = uid };
  self->role = self->known && (uid == own_uid || uid == 0) ? QMIG_ROLE_ADMIN : QMIG_ROLE_NONE;
}

void
agent_peer_init_certificate (AgentPeer *self, const QmigPeer *known_as)
{
  *self = (AgentPeer){ .known = TRUE,
                       .uid = (uid_t) -1,
                       .fingerprint = g_strdup (known_as->fingerprint),
                       .name = g_strdup (known_as->name),
                       .role = known_as->role };
}

void
agent_peer_clear (AgentPeer *self)
{
  g_clear_pointer (&self->fingerprint, g_free);
  g_clear_pointer (&self->name, g_free);
  self->known = FALSE;
  self->role = QMIG_ROLE_NONE;
}

char *
agent_peer_describe (const AgentPeer *self)
{
  if (!self->known)
    return g_strdup ("somebody unknown");
  if (self->fingerprint == NULL)
    return g_strdup_printf ("uid %u", (unsigned int) self->uid);
  return g_strdup_printf ("certificate %s (%s)", self->name != NULL ? self->name : self->fingerprint,
                          qmig_role_names[self->role]);
}

char *
agent_auth_refuse (const AgentPeer *peer, AgentNeed need, const char *what)
{
  QmigRole wanted = agent_need_role (need);
  g_autofree char *who = NULL;

  if (!peer->known)
    return g_strdup_printf ("permission denied: the kernel does not tell who you are; %s takes the role %s", what,
                            qmig_role_names[wanted]);
  if (peer->role >= wanted)
    return NULL;

  who = agent_peer_describe (peer);
  return g_strdup_printf ("permission denied: %s has the role %s; %s takes %s", who, qmig_role_names[peer->role], what,
                          qmig_role_names[wanted]);
}
