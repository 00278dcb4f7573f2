/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a QEMU binary can do.  Asking costs a start of it, so each answer is
 * kept in this process for as long as the file stays the same.  Callable from
 * any thread.
 */

#include "qmp-wait.h"

G_BEGIN_DECLS

typedef struct
{
  char *version;   /* "7.2.22 (Debian …)" */
  char **machines; /* names and aliases */
} QmigBinary;

void qmig_binary_free (QmigBinary *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigBinary, qmig_binary_free)

/* @path: absolute.  @error: why it is no QEMU that answers, with the end of its stderr.  (transfer full) */
QmigBinary *qmig_binary_probe (const char *path, QmpWait *wait, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
