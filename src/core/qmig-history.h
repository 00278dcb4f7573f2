/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What earlier moves in the journal of this host teach about the next one: the
 * link from moves to the same host by the same transport, the guest from moves
 * of the same VM.  It never fails: what cannot be read is not known.
 */

#include "converge-engine.h"
#include "converge-forecast.h"
#include "qmig-journal.h"

G_BEGIN_DECLS

/* Numbers are QMIG_UNSET where nothing was learned. */
typedef struct
{
  gint64 send_bytes_per_s;     /* of the link */
  gint64 send_low_bytes_per_s; /* the range of what was seen */
  gint64 send_high_bytes_per_s;
  gint64 dirty_bytes_per_s;    /* the latest that was seen */
  gint64 dirty_high_bytes_per_s;
  gint64 working_set_bytes;
  gint64 working_set_high_bytes;
  gint64 data_bytes;           /* of the guest's memory, what is not zero */
  gint64 overhead_ms;          /* of the blackout, what is not the copying of the last RAM: the upper quartile */
  gint64 aside_ms;             /* of the whole, what is not QEMU's copying: the median */
} QmigHistory;

/* @plan: names the VM, the destination and the transport; @vm: its name on the source */
void qmig_history_read (QmigJournal *journal, const char *vm, const QmigPlan *plan, QmigHistory *history);

/* For the engine: fills the numbers of @means and leaves the capabilities in it alone. */
void qmig_history_means (QmigJournal *journal, const char *vm, const QmigPlan *plan, ConvergeMeans *means);

/* For a forecast: fills what is not known yet in @facts. */
void qmig_history_facts (const QmigHistory *history, ConvergeFacts *facts);

G_END_DECLS
