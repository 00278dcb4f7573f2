/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All runs so far, also of earlier invocations that wrote to the same file; and what people read of them. */

#include "contest.h"

G_BEGIN_DECLS

typedef struct
{
  const ContestWorkload *workload;
  const ContestMover *mover;
  ContestFigures figures;
} ContestRecord;

/* (element-type ContestRecord).  @path: (nullable): read if it is there; NULL, with @error set, if it holds anything else */
GArray *contest_records_load (const char *path, GError **error);

/* Takes the run in, and appends it to the file at @path (nullable).  Aborts when that cannot be written. */
void contest_records_add (GArray *records, const char *path, const ContestRecord *record);

/* The medians of each mover that ran this workload; nothing if none did. */
void contest_print_workload (const GArray *records, const ContestWorkload *workload);

/*
 * The medians of one mover's runs of one workload: of the finished ones if there are any.
 *
 * @finished: (out): how many of them
 * Returns: how many ran; with 0 nothing is set
 */
guint contest_medians (const GArray *records, const ContestWorkload *workload, const char *mover, ContestFigures *medians, guint *finished);

/* How many of the mover's finished runs, without post-copy, kept the guest's own silence within the budget. */
void contest_print_kept (const GArray *records, const ContestMover *mover);

G_END_DECLS
