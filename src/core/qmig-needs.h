/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a command line needs of the host that it is started on: interfaces,
 * ports, sockets, memory, files.  The source asks, the destination looks.
 */

#include "api-types.h"

G_BEGIN_DECLS

/*
 * Pure: what the destination's command line names and its host must have or have free.
 *
 * @source: command line of the source; @cwd: its directory (nullable)
 * @extra: --target-arg (nullable)
 * @memory_bytes: of the guest, for -mem-path
 *
 * Returns: (transfer full): QmigNeed
 */
GPtrArray *qmig_needs_of (const char *const *source, const char *cwd, const char *const *extra, gint64 memory_bytes);

/* The same, each looked for on this host.  Reads only; a port is bound for a moment and not listened on.  @questions: (nullable).
 * (transfer full) (nullable) without @questions */
GPtrArray *qmig_needs_answer (const GPtrArray *questions);

/* Pure: the checks of them.  @there: answers of the destination (nullable) */
void qmig_needs_judge (const GPtrArray *there, gboolean same_machine, const char *destination, GPtrArray *checks);

G_END_DECLS
