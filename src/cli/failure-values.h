/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A row of the table of failures as `qmig help errors` prints it for scripts. */

#include "api-failures.h"
#include "api-value.h"

G_BEGIN_DECLS

typedef struct
{
  char *error_id;   /* "QMIG-E0302" */
  char *name;
  char *cause;
  char *cure;
  gint64 exit_code; /* QMIG_UNSET where it depends on when it happens */
  char *check;      /* id of the check it belongs to (nullable) */
  char *qemu;       /* versions that are known to say it (nullable) */
  char **texts;     /* what QEMU says, '*' for any text (nullable) */
  gboolean produced; /* a test makes a real QEMU say it */
} FailureLine;
API_DECLARE_VALUE (FailureLine, failure_line)

/* (transfer full) */
FailureLine *failure_line_new_from_row (const QmigFailure *row);

G_END_DECLS
