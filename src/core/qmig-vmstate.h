/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The form of the state that each type of device of a QEMU binary sends and
 * takes, by its -dump-vmstate.  That costs a start of it, so what it says is
 * kept in this process for as long as the file stays the same.  Callable from
 * any thread.
 */

#include <json-glib/json-glib.h>

#include "qmp-wait.h"

G_BEGIN_DECLS

/**
 * qmig_vmstate_read:
 * @binary: its path; of one that runs, /proc/PID/exe
 * @types: of devices; those without a description of their own are left out of the answer
 * @may_start: whether to start @binary when its answer is not known
 *
 * Returns: (transfer full) (nullable): type → description, as QEMU writes it; %NULL without @error when it is not known and may not be asked
 */
JsonObject *qmig_vmstate_read (const char *binary, const char *machine, char **types, gboolean may_start, QmpWait *wait, GError **error);

G_END_DECLS
