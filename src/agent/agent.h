/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The agent: this host's side of every migration, served over HTTP on a unix socket, and over https where it is told to. */

#include <glib.h>

G_BEGIN_DECLS

/**
 * qmig_agent_run:
 * @name: (nullable): what this host is called; NULL for the machine's host name
 * @listen: (nullable): ADDRESS[:PORT] to serve https on; NULL for what the config file says, if anything
 * @runtime_dir: serves RUNTIME_DIR/agent.sock; made with mode 0700 where it does not exist
 * @state_dir: the journal; the same
 *
 * Takes up what the journal has open, and serves until SIGTERM, SIGINT or
 * POST /v1/agent/stop.  Belongs to the main thread of a process of its own: it
 * installs the writer of the log (stderr), and where threads still work at
 * the end it ends the process itself, since these are cut off wherever they are, as a
 * SIGKILL would do it; QEMUs live on, and the next agent takes them up.
 *
 * Returns: a QmigExit; other than 0 @error says why it could not serve:
 *   QMIG_EXIT_CONFLICT when another agent serves these directories
 */
int qmig_agent_run (const char *name, const char *listen, const char *runtime_dir, const char *state_dir, GError **error);

G_END_DECLS
