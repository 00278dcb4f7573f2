/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A listening socket in the main context. */

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _AgentPort AgentPort;
/* Takes a reference of @socket where it keeps it. */
typedef void (*AgentPortFunc) (GSocket *socket, gpointer user_data);

/* @listener: listens already; @name: for the log */
AgentPort *agent_port_new (GSocket *listener, const char *name, GMainContext *context, AgentPortFunc func, gpointer user_data);
void agent_port_free (AgentPort *self);

G_END_DECLS
