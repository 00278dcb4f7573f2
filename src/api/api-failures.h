/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What can go wrong, by stable ids: cause and cure of QEMU's known failure texts,
 * of qmig's own checks, and of each exit status. `qmig help E0201` prints a row.
 */

#include "api-types.h"

G_BEGIN_DECLS

/* Patterns of one row. */
#define QMIG_FAILURE_TEXTS 4

/* Where QEMU says it. */
typedef enum
{
  QMIG_SAID_NOWHERE,   /* qmig's own word */
  QMIG_SAID_AT_START,  /* stderr of a QEMU that starts, the destination as a rule */
  QMIG_SAID_AT_LOAD,   /* stderr or error-desc of a destination that loads */
  QMIG_SAID_BY_SENDER, /* error-desc of the source, or of either end of the stream */
  QMIG_SAID_IN_ANSWER, /* error of a QMP command */
} QmigFailureSaid;

/* How its texts are known to be QEMU's. */
typedef enum
{
  QMIG_FAILURE_OWN,      /* they are none: qmig's own failure */
  QMIG_FAILURE_PRODUCED, /* a test makes a real QEMU say them */
  QMIG_FAILURE_RECORDED, /* they are in QEMU's program, and need hardware, rights or faults that no test can count on */
} QmigFailureProof;

typedef struct
{
  const char *id;                        /* "QMIG-E0201" */
  const char *name;                      /* "machine-unknown" */
  QmigFailureSaid said;
  QmigFailureProof proof;
  const char *qemu;                      /* the versions whose program has the first text, of 7.2 and 10.0; NULL: GnuTLS says it */
  const char *cause;                     /* one sentence */
  const char *cure;                      /* one or two */
  QmigExit exit_code;                    /* of qmig's own; OK where it depends on when it happens */
  const char *check;                     /* id of the check it belongs to (nullable) … */
  const char *firm;                      /* … and why a person cannot force a move past it; NULL: he can */
  const char *texts[QMIG_FAILURE_TEXTS]; /* what QEMU says, '*' for any text; up to the first NULL */
} QmigFailure;

/* QEMU's, the most telling ones first, and qmig's own; each ends with a row without id. */
extern const QmigFailure qmig_qemu_failures[];
extern const QmigFailure qmig_own_failures[];

/* @index: counts through both tables.  %NULL behind the last.  (transfer none) */
const QmigFailure *qmig_failure_nth (gsize index);
/* @id: "QMIG-E0201", "E0201", in any case, or the name.  (transfer none) (nullable) */
const QmigFailure *qmig_failure_find (const char *id);
/* The row that says the most about @said, sentences of QEMU joined by newlines or "; ".  (transfer none) (nullable) */
const QmigFailure *qmig_failure_match (const char *said);
const QmigFailure *qmig_failure_for_exit (QmigExit code);
/* The row of an error: what @said has of QEMU's known texts, else that of @code.  Never %NULL.  (transfer none) */
const QmigFailure *qmig_failure_for_error (const char *said, QmigExit code);
/* %NULL for a check that has no row.  (transfer none) */
const QmigFailure *qmig_failure_for_check (const char *check_id);
/* Whether each of @ids (nullable) is a check of a move that may be forced.  @error: QMIG_EXIT_USAGE, with the near miss or the reason */
gboolean qmig_failure_check_forced (char **ids, GError **error);
/* The id alone; of a check that has no row that of a refusal.  Never %NULL. */
const char *qmig_failure_id_for_check (const char *check_id);

/*
 * Fills error_id, cause and cure of a result with an error, from what both sides
 * said and from the error itself. A refusal takes the first failed one of @checks,
 * with its way out. What is set already stays.
 *
 * @checks: (nullable): QmigCheck
 */
void qmig_failure_explain (QmigResult *result, const GPtrArray *checks);

G_END_DECLS
