/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a QEMU binary can do.  Asking costs a start of it, so each answer is
 * kept in this process for as long as the file stays the same.  Callable from
 * any thread.
 */

#include "qmp-client.h"

G_BEGIN_DECLS

typedef struct
{
  char *version;   /* "7.2.22 (Debian …)" */
  char **machines; /* names and aliases */
  char **capabilities; /* of migration */
  char **compressions; /* values of multifd-compression */
} QmigBinary;

void qmig_binary_free (QmigBinary *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigBinary, qmig_binary_free)

/* The values of multifd-compression that this QEMU was built with.  (transfer full) */
char **qmig_binary_ask_compressions (QmpClient *client, QmpWait *wait, GError **error);

/* @path: absolute.  @error: why it is no QEMU that answers, with the end of its stderr.  (transfer full) */
QmigBinary *qmig_binary_probe (const char *path, QmpWait *wait, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* "7.2.22 (Debian …)" as 70222, which is QEMU's own way to count; 0 where it is no version. */
int qmig_binary_version_number (const char *version);

G_END_DECLS
