/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "demo-report.h"

#include "cli-format.h"

#define FIELD(member, Kind, text, ...) \
  { .name = #member, .kind = Kind, .offset = G_STRUCT_OFFSET (DemoReport, member), .about = text, __VA_ARGS__ }

/* clang-format off: one member a line, as in the struct */

static const ApiField demo_report_fields[] = {
  FIELD (ok, API_BOOL, "the VM moved and everything is proven"),
  FIELD (error, API_STRING, "what is not"),
  FIELD (qemu_version, API_STRING, NULL),
  FIELD (accelerator, API_STRING, "kvm or tcg"),
  FIELD (ram_bytes, API_INT, "of the guest"),
  FIELD (working_set_bytes, API_INT, "that the guest writes over and over"),
  FIELD (dirty_bytes_per_s, API_INT, "asked of the guest"),
  FIELD (result, API_OBJECT, "of the migration", .type = &qmig_result_type),
  FIELD (guest_gap_ms, API_DOUBLE, "longest time between two of the guest's ticks, stamped by the host"),
  FIELD (ticks_before, API_INT, "seen from the source"),
  FIELD (ticks_after, API_INT, "seen from the destination"),
  FIELD (pages, API_INT, "of 4 KiB that the guest checks"),
  FIELD (check_rounds, API_INT, "complete checks after the move"),
  FIELD (guest_errors, API_INT, "pages that were lost or stale"),
};

/* clang-format on */

const ApiType demo_report_type = {
  .name = "qmig.demo/1",
  .size = sizeof (DemoReport),
  .fields = demo_report_fields,
  .n_fields = G_N_ELEMENTS (demo_report_fields),
  .destroy = (GDestroyNotify) demo_report_free,
};

static void
append_time (GString *text, const char *what, double ms, const char *how)
{
  g_autofree char *time = isnan (ms) ? g_strdup ("-") : cli_format_ms (ms);

  g_string_append_printf (text, "  %-26s %8s   %s\n", what, time, how);
}

char *
demo_report_proof_text (const DemoReport *self)
{
  const QmigResult *result = self->result;
  GString *text = g_string_new ("Blackout by three clocks:\n");

  append_time (text, "downtime by QEMU", result->downtime_ms != QMIG_UNSET ? (double) result->downtime_ms : NAN,
               "source's count");
  append_time (text, "STOP to RESUME", result->blackout_ms, "both QEMUs' events");
  append_time (text, "guest's longest silence", self->guest_gap_ms, "ticks of 1 ms, stamped by this host");
  g_string_append_printf (text,
                          "The guest goes on, on beta only: %" G_GINT64_FORMAT " ticks since the move, %" G_GINT64_FORMAT
                          " before it on alpha.\n",
                          self->ticks_after, self->ticks_before);
  g_string_append_printf (text,
                          "It has gone through all its %" G_GINT64_FORMAT " pages %" G_GINT64_FORMAT
                          " time%s since: %" G_GINT64_FORMAT " errors.\n",
                          self->pages, self->check_rounds, self->check_rounds == 1 ? "" : "s", self->guest_errors);
  return g_string_free (text, FALSE);
}
