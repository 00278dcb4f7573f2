/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * This host as the receiving side.  One object serves one migration, in the
 * thread that made it; it holds the destination's monitor from the greeting to
 * the release.  What must survive the agent is in the journal of @env; an
 * object made after a restart picks the destination up from there by itself at
 * the first call.
 */

#include "qmig-env.h"

G_BEGIN_DECLS

#define QMIG_TYPE_HOST_LOCAL (qmig_host_local_get_type ())
G_DECLARE_FINAL_TYPE (QmigHostLocal, qmig_host_local, QMIG, HOST_LOCAL, GObject)

/* Signal "changed" (const QmigIncoming *), emitted in the owner's context whenever what peek() returns has a new seq. */
QmigHost *qmig_host_local_new (const QmigEnv *env, GError **error);

G_END_DECLS
