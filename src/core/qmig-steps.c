/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-steps-private.h"

QmigLimits qmig_limits = {
  .step_percent = 100,
  .attach_ms = 5000,
  .reply_ms = 10000,
  .account_ms = 1000,
  .setup_ms = 30000,
  .load_ms = 10000,
  .stall_ms = 30000,
  .lease_ms = 20000,
  .renew_ms = 5000,
  .device_ms = 10000,
  .way_back_ms = 60000,
  .look_back_ms = 2000,
  .linger_ms = 10000,
  .abort_ms = 5000,
  .postcopy_ms = 10 * 60 * 1000,
  .postcopy_stall_ms = 5000,
  .postcopy_retry_ms = 1000,
  .recover_ms = 30000,
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
__attribute__((weak)) void
qmig_fault_point (const char *when, const char *step)
{
}
#pragma GCC diagnostic pop

const QmigStep qmig_steps[] = {
  /* name         stage                      run                   undo                  seconds  one way  of                      in blackout */
  { "check",      QMIG_STAGE_PRE_MIGRATION,  qmig_step_check,      NULL,                 30,      FALSE,   QMIG_STEP_OF_ALL,       FALSE },
  { "prepare",    QMIG_STAGE_RESERVATION,    qmig_step_prepare,    qmig_undo_prepare,    300,     FALSE,   QMIG_STEP_OF_ALL,       FALSE },
  { "tune",       QMIG_STAGE_RESERVATION,    qmig_step_tune,       qmig_undo_tune,       10,      FALSE,   QMIG_STEP_OF_ALL,       FALSE },
  { "precopy",    QMIG_STAGE_PRE_COPY,       qmig_step_precopy,    qmig_undo_precopy,    -1,      FALSE,   QMIG_STEP_OF_ALL,       FALSE },
  { "gauge",      QMIG_STAGE_STOP_AND_COPY,  qmig_step_gauge,      qmig_undo_gauge,      30,      FALSE,   QMIG_STEP_OF_REHEARSAL, TRUE },
  { "switchover", QMIG_STAGE_STOP_AND_COPY,  qmig_step_switchover, qmig_undo_switchover, 10,      FALSE,   QMIG_STEP_OF_MOVE,      TRUE },
  { "commit",     QMIG_STAGE_COMMITMENT,     qmig_step_commit,     qmig_undo_commit,     30,      TRUE,    QMIG_STEP_OF_MOVE,      TRUE },
  { "pages",      QMIG_STAGE_ACTIVATION,     qmig_step_pages,      NULL,                 -1,      TRUE,    QMIG_STEP_OF_POSTCOPY,  FALSE },
  { "release",    QMIG_STAGE_ACTIVATION,     qmig_step_release,    NULL,                 30,      TRUE,    QMIG_STEP_OF_MOVE,      FALSE },
};
const gsize qmig_n_steps = G_N_ELEMENTS (qmig_steps);

int
qmig_step_index (const char *name)
{
  if (name != NULL && g_str_has_prefix (name, "undo-"))
    name += strlen ("undo-");
  for (gsize i = 0; i < qmig_n_steps; i++)
    if (g_strcmp0 (qmig_steps[i].name, name) == 0)
      return i;
  return -1;
}
