/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Messages of the agent go to stderr with their time, or to the system's journal where stderr leads there. */

#include <glib.h>

G_BEGIN_DECLS

/* Once in a process, before its first message.  QMIG_LOG=debug shows each request. */
void agent_log_init (void);

/* One line about one migration, at level info, with its id as a field. */
#define agent_log_migration(id, ...)                                                                                  \
  g_log_structured (G_LOG_DOMAIN, G_LOG_LEVEL_INFO, "QMIG_MIGRATION", (id), "MESSAGE", __VA_ARGS__)

G_END_DECLS
