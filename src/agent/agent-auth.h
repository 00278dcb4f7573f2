/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who may do what.  Pure: deny unless a rule allows. */

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

typedef enum
{
  AGENT_NEED_READ,    /* look */
  AGENT_NEED_CHANGE,  /* act */
} AgentNeed;

typedef struct
{
  gboolean known;  /* the kernel has told who it is */
  uid_t uid;
  pid_t pid;
} AgentPeer;

/* Text of why not, NULL where it may.  (transfer full) (nullable) */
char *agent_auth_refuse (const AgentPeer *peer, uid_t own_uid, AgentNeed need);

G_END_DECLS
