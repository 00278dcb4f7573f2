/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The private directories of tunnels; for the tunnel only. */

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * Makes one with a path that is short, and needs no quoting in ssh's config,
 * and removes those whose owners ended without doing so.
 * @lock_fd: (out): open as long as the directory is in use
 */
char *client_tunnel_dir_make (int *lock_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* With the sockets in it. */
void client_tunnel_dir_remove (const char *dir);

/* Names of the sockets. */
#define CLIENT_TUNNEL_SOCKET "s"
#define CLIENT_TUNNEL_CONTROL "c"

G_END_DECLS
