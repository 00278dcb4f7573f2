/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Another host as the receiving side: the same functions, through its agent. */

#include "qmig-host.h"

G_BEGIN_DECLS

#define AGENT_TYPE_HOST_REMOTE (agent_host_remote_get_type ())
G_DECLARE_FINAL_TYPE (AgentHostRemote, agent_host_remote, AGENT, HOST_REMOTE, GObject)

/* @name: what the host is called until it has said so itself. Makes no connection yet.  (transfer full) */
QmigHost *agent_host_remote_new (const char *uri, const char *name, GError **error);

G_END_DECLS
