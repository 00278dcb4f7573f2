/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The facts behind the forecast of before the start: what the journal knows,
 * and, where somebody only asks, what can be measured without harm.
 */

#include "converge-forecast.h"
#include "qmig-env.h"
#include "qmig-instance.h"

G_BEGIN_DECLS

/* From earlier moves alone, at once: a move never waits for a measurement.  @vm: its name here.  (transfer full) */
QmigForecast *qmig_forecast_from_history (QmigJournal *journal, const char *vm, const QmigPlan *plan);

/*
 * The same, and what the journal does not know is measured: QEMU counts what
 * the guest writes, for one to three seconds, and the link to another host is
 * tried.  What cannot be measured is assumed, and marked so.  (transfer full)
 *
 * @source: whose monitor is held meanwhile; it is not measured while it migrates or does not run
 * @uri: how the destination's agent is reached
 */
QmigForecast *qmig_forecast_measured (const QmigEnv  *env,
                                      QmigJournal    *journal,
                                      QmigInstance   *source,
                                      const QmigPlan *plan,
                                      const char     *uri,
                                      QmpWait        *wait);

/* What a link of this kind may do that was never seen, wide.  FALSE: nothing is known of the transport. */
gboolean qmig_forecast_assume_link (const QmigPlan *plan, gint64 *low_bytes_per_s, gint64 *high_bytes_per_s);

/**
 * qmig_measure_writes:
 * @enough_bytes: a first window that finds less needs no second one
 * @windows: (out): two
 *
 * Lets QEMU count what the guest writes: under KVM by its bitmap of written pages, which is exact, else by sampling pages.
 *
 * Returns: how many windows there are; 0 with @error where nothing was measured
 */
guint qmig_measure_writes (QmigInstance   *source,
                           gint64          memory_bytes,
                           gint64          enough_bytes,
                           ConvergeWindow *windows,
                           QmpWait        *wait,
                           GError        **error);

G_END_DECLS
