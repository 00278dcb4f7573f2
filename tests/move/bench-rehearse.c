/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `./setup bench rehearse`: what a rehearsal foretells, held against the move
 * right after it.  Busy guests, each moved there and back, each time rehearsed
 * before.
 */

#include "bench.h"

#include <stdlib.h>

#define LINK "100MiB/s" /* as much as a network of 1 Gbit/s has */

typedef struct
{
  double foretold_total_ms;
  double total_ms;
  double total_error; /* percent, whichever side */
  double foretold_blackout_ms;
  double blackout_ms;
  double blackout_error;
  double pause_ms;
} Figures;

static double
error_of (double foretold, double happened)
{
  return 100 * ABS (foretold - happened) / happened;
}

static QmigResult *
run (Rig *rig, const char *verb, const RigHost *from, const RigHost *to)
{
  g_autoptr(RigRun) done = rig_qmig (rig, from, verb, rig->vm, to->uri, "--bandwidth", LINK, "-o", "jsonl", NULL);

  if (done->exit_code != 0)
    g_error ("%s ended with %d: %s", verb, done->exit_code, done->err);
  return rig_result (done);
}

static Figures
one_pair (Rig *rig, const RigHost *from, const RigHost *to)
{
  g_autoptr(QmigResult) rehearsed = run (rig, "rehearse", from, to);
  g_autoptr(QmigResult) moved = run (rig, "migrate", from, to);

  return (Figures) {
    .foretold_total_ms = rehearsed->rehearsal->total_ms,
    .total_ms = moved->total_ms,
    .total_error = error_of (rehearsed->rehearsal->total_ms, moved->total_ms),
    .foretold_blackout_ms = rehearsed->rehearsal->downtime_ms,
    .blackout_ms = moved->blackout_ms,
    .blackout_error = error_of (rehearsed->rehearsal->downtime_ms, moved->blackout_ms),
    .pause_ms = rehearsed->rehearsal->gate_pause_ms,
  };
}

/* There and back: both hosts learn from what they did. */
static void
bench (const char *config, Figures *all, guint n, char **host)
{
  g_autoptr(Rig) rig = rig_new ();

  if (rig == NULL)
    {
      g_printerr ("nothing measured: no QEMU here keeps track of pages\n");
      exit (77);
    }
  rig->memory_mib = 512;
  rig_start_agent (rig, &rig->alpha, NULL);
  rig_start_agent (rig, &rig->beta, NULL);
  rig_start_guest (rig, config, NULL);
  for (guint i = 0; i < n; i++)
    all[i] = i % 2 == 0 ? one_pair (rig, &rig->alpha, &rig->beta) : one_pair (rig, &rig->beta, &rig->alpha);
  g_free (*host);
  *host = g_strdup_printf ("%s, %s", rig->qemu, rig->accel);
}

#define MEDIAN(all, n, field) bench_median (all, n, sizeof (Figures), G_STRUCT_OFFSET (Figures, field))

int
main (int argc, char **argv)
{
  static const char *const guests[] = { "ws=64;rate=10;fill=256;check=0", "ws=64;rate=50;fill=256;check=0", "ws=128;rate=80;fill=256;check=0" };
  guint n = argc > 1 ? (guint) atoi (argv[1]) : 10;
  g_autofree char *host = NULL;

  g_test_init (&argc, &argv, NULL);
  if (n == 0)
    {
      g_printerr ("usage: bench-rehearse [PAIRS]\n");
      return 2;
    }
  g_print ("A rehearsal, and the move right after it; medians of %u pairs each, milliseconds; 512 MiB, %s.\n\n", n, LINK);
  g_print ("%-32s %9s %9s %7s   %9s %9s %7s   %6s\n", "guest", "total", "was", "off by", "blackout", "was", "off by", "pause");
  for (gsize i = 0; i < G_N_ELEMENTS (guests); i++)
    {
      g_autofree Figures *all = g_new (Figures, n);

      bench (guests[i], all, n, &host);
      g_print ("%-32s %9.0f %9.0f %6.0f%%   %9.0f %9.0f %6.0f%%   %6.1f\n", guests[i], MEDIAN (all, n, foretold_total_ms), MEDIAN (all, n, total_ms),
               MEDIAN (all, n, total_error), MEDIAN (all, n, foretold_blackout_ms), MEDIAN (all, n, blackout_ms), MEDIAN (all, n, blackout_error),
               MEDIAN (all, n, pause_ms));
    }
  g_print ("\nQEMU: %s\n", host);
  return 0;
}
