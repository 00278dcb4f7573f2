/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the demo found, as one value. */

#include "api-types.h"

G_BEGIN_DECLS

typedef struct
{
  gboolean ok;
  char *error;
  char *qemu_version;
  char *accelerator;
  gint64 ram_bytes;
  gint64 working_set_bytes;
  gint64 dirty_bytes_per_s;
  QmigResult *result;      /* of the migration (nullable) */
  double guest_gap_ms;
  gint64 ticks_before;
  gint64 ticks_after;
  gint64 pages;
  gint64 check_rounds;
  gint64 guest_errors;
} DemoReport;
API_DECLARE_VALUE (DemoReport, demo_report)

/* The blackout by three clocks, and the guest's own word.  (transfer full) */
char *demo_report_proof_text (const DemoReport *self);

G_END_DECLS
