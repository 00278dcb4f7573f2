/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The images of a VM, as both hosts see them: the same path is no proof of the
 * same file.  On one kernel device and inode tell.  Between machines the
 * source's agent locks one byte of the image, far behind any data and chosen by
 * chance, and the destination's looks whether that very byte is locked there.
 * An advisory lock changes nothing in the file and disturbs no QEMU, which
 * locks other bytes.
 */

#include "api-types.h"
#include "qmp-commands.h"

G_BEGIN_DECLS

/* Whether an image's name, as QEMU says it, is a path: nothing with a protocol before it. */
gboolean qmig_file_has_path (const char *name);

/* The source's side: its view of each image, and the locks. */
typedef struct _QmigFileLocks QmigFileLocks;

/*
 * Opens and locks what can be; what cannot says why.  @drives: QmpDrive; @cwd: of the source's QEMU (nullable).
 * Give it back when the answer is there.
 */
QmigFileLocks *qmig_file_locks_new (const GPtrArray *drives, const char *cwd);
void qmig_file_locks_free (QmigFileLocks *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigFileLocks, qmig_file_locks_free)

/* QmigFile, one for each image with a path, backing images included.  (transfer full) */
GPtrArray *qmig_file_locks_questions (const QmigFileLocks *self);

/* The destination's side: the same files as seen here.  @questions: QmigFile (nullable).  (transfer full) */
GPtrArray *qmig_files_answer (const GPtrArray *questions);

/* Pure: whether it is the same file.  @there: (nullable) from a host that does not look */
void qmig_file_judge (const QmigFile *here, const QmigFile *there, gboolean same_machine, const char *destination, GPtrArray *checks);

G_END_DECLS
