/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a service manager hands to the agent, and what the agent tells it: the
 * protocols of sd_listen_fds(3) and sd_notify(3).  Both are two variables and
 * a datagram, so they are spoken here and no library is needed.
 */

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * agent_activation_take_socket:
 * @path: where the agent serves
 * @socket: (out) (transfer full) (nullable): listens there; NULL where no manager passed one
 *
 * Takes what LISTEN_FDS passed to this very process, and takes the variables
 * away, so that no child believes they are for it.  Once, while there is one thread.
 *
 * Returns: FALSE when something else was passed than one unix socket that
 *   listens at @path: nobody would ever serve it
 */
gboolean agent_activation_take_socket (const char *path, GSocket **socket, GError **error);

/* Tells the manager, where there is one, e.g. "READY=1"; any thread. */
void agent_activation_notify (const char *state);

G_END_DECLS
