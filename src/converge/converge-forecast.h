/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a move will take, said before it starts: (policy, what is known of
 * guest and link) → verdict, ranges, and what would make it finish.  Pure.
 *
 * A pass takes as long as what is left takes to send, and leaves what the
 * guest writes meanwhile.  How much that is, is known as two curves over the
 * length of the pass, between which a guest that goes on as it did must lie.
 */

#include "api-types.h"

G_BEGIN_DECLS

/* Where a number comes from, the weakest first. */
typedef enum
{
  CONVERGE_BASIS_NONE,     /* it is not known */
  CONVERGE_BASIS_ASSUMED,
  CONVERGE_BASIS_HISTORY,  /* earlier moves */
  CONVERGE_BASIS_MEASURED,
} ConvergeBasis;

/* NULL for NONE. */
const char *converge_basis_name (ConvergeBasis basis);

/* In t seconds a guest writes to MIN (most, hot + stream × t) bytes, each page counted once. */
typedef struct
{
  double hot_bytes;           /* written again and again, in no time */
  double stream_bytes_per_s;  /* beside that, page after page */
  double most_bytes;
} ConvergeWrites;

/* What was found written in a window of time, each page counted once. */
typedef struct
{
  gint64 ms;     /* above 0 */
  gint64 bytes;
} ConvergeWindow;

/**
 * converge_writes_bound:
 * @windows: the shorter first
 * @n: 1 or 2
 * @memory_bytes: of the guest
 *
 * The least and the most that the guest may write.  Pages that were written before count less and less in a longer window, so
 * the line through two windows bounds all other windows from above; one from the origin to the short window bounds those below.
 */
void converge_writes_bound (const ConvergeWindow *windows, guint n, gint64 memory_bytes, ConvergeWrites *low, ConvergeWrites *high);

/* Numbers may be QMIG_UNSET: not known. */
typedef struct
{
  gboolean running;          /* only then it writes */
  gint64 memory_bytes;
  gint64 data_low_bytes;     /* of memory, what is not zero */
  gint64 data_high_bytes;
  ConvergeBasis writes_basis;
  ConvergeWrites writes_low;
  ConvergeWrites writes_high;
  ConvergeBasis link_basis;
  gint64 link_low_bytes_per_s;
  gint64 link_high_bytes_per_s;
  gint64 overhead_ms;        /* of the budget, what is not copying; unset: CONVERGE_OVERHEAD_MS */
  const char *problem;       /* why it is not known what the guest writes (nullable) */
  gint64 aside_ms;           /* what a move takes beside the copying: start of the destination, its end */
} ConvergeFacts;

/* Nothing known. */
void converge_facts_init (ConvergeFacts *facts);

/* (transfer full): always set; QMIG_VERDICT_NOT_ENOUGH_DATA where @facts do not suffice. */
QmigForecast *converge_forecast (const QmigPolicy *policy, const ConvergeFacts *facts);

G_END_DECLS
