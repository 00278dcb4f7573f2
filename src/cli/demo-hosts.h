/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Two hosts on this machine for the demo: two agents, each with directories of its own, below one temporary one. */

#include "client.h"

G_BEGIN_DECLS

/* What tells the demo's QEMUs from all others, together with the directory. */
#define DEMO_GUEST_MARK "opt/qmig/guest"

typedef struct
{
  const char *name;
  char *runtime_dir;
  char *state_dir;
  char *log_path;
  char *uri;
  GSubprocess *agent;
  gboolean ended;
  QmigClient *client;
} DemoHost;

typedef struct
{
  char *dir;
  DemoHost alpha;
  DemoHost beta;
  gboolean interrupted; /* SIGINT or SIGTERM came: the demo ends and cleans up */
  guint signal_ids[2];
} DemoHosts;

/* Starts both agents and returns when they answer. */
DemoHosts *demo_hosts_new (const char *program, GError **error);

/* Ends the demo's QEMUs and agents and removes the directory. */
void demo_hosts_remove (DemoHosts *self);
/* Leaves all that running. */
void demo_hosts_keep (DemoHosts *self);

/* The ends of the logs of agents and QEMUs.  (transfer full) */
char *demo_hosts_log_tails (DemoHosts *self);

typedef gboolean (*DemoCheck) (gpointer user_data);

/* Runs the main context until @check is content.  @error: QMIG_EXIT_INTERRUPTED, or that @what took too long */
gboolean demo_hosts_wait (DemoHosts   *self,
                          DemoCheck    check,
                          gpointer     user_data,
                          const char  *what,
                          gint64       timeout_ms,
                          GError     **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
