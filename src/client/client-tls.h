/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* https: our certificate, the judgement of theirs, and errors with cause and cure. */

#include "client-private.h"

G_BEGIN_DECLS

/* https://HOST[:PORT] and nothing else. *base: (transfer full): the same with a port. @error: QMIG_EXIT_USAGE */
gboolean client_tls_read_uri (const char *uri, char **base, char **host, GError **error);

/* A session that trusts nobody by itself. */
SoupSession *client_tls_session_new (void);

/* Shows our certificate with @message and judges theirs.  @error: QMIG_EXIT_NOT_FOUND when we have none */
gboolean client_tls_prepare (QmigClient *self, SoupMessage *message, GError **error);

/* What went wrong with @message, in words for people where @cause is not; *hopeless: (out) (optional): trying again does not
 * help.  @cause: (transfer full); (transfer full) */
GError *client_tls_explain (QmigClient *self, SoupMessage *message, GError *cause, gboolean *hopeless);

G_END_DECLS
