/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How the user's own ssh is called, and what its end means.  For the tunnel and its tests only. */

#include <gio/gio.h>

#include "api-error.h"

G_BEGIN_DECLS

typedef struct
{
  char *uri;
  char *destination; /* [USER@]HOST, never starting with '-' */
  int port;          /* 0: what ssh's own config says */
  char *program;     /* qmig on the far side, quoted for the shell there */
} ClientSsh;

/*
 * Reads ssh://[USER@]HOST[:PORT], and looks the far program up in the config
 * file.  @error: QMIG_EXIT_USAGE for what is anything else, or could be taken
 * for an option.
 */
ClientSsh *client_ssh_new (const char *uri, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void client_ssh_free (ClientSsh *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClientSsh, client_ssh_free)

/*
 * The command line that connects its stdin and stdout with the far agent, or
 * with the stream of the incoming @migration (nullable).  @control_path
 * (nullable): where one login is shared.  @error: QMIG_EXIT_USAGE for a
 * migration id that cannot be, or a QMIG_SSH that cannot be read.
 */
char **client_ssh_dial_argv (const ClientSsh *self, const char *control_path, const char *migration, GError **error);

/* The command line that ends the shared login. */
char **client_ssh_exit_argv (const ClientSsh *self, const char *control_path, GError **error);

/*
 * What it means that ssh ended with @wait_status after it wrote @text to
 * stderr.  (transfer full) (nullable): NULL for a connection that ended in
 * order, otherwise a QMIG_ERROR.
 */
GError *client_ssh_explain (const ClientSsh *self, int wait_status, const char *text);

G_END_DECLS
