/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * QEMU's pre-copy in arithmetic: what its migration thread decides each 100 ms,
 * with memory that is counted and not copied.  A run of half an hour takes a
 * few milliseconds, and the same seed gives the same run.
 *
 * Modelled as QEMU 7.2 does it: the threshold from the bytes of the last
 * window, the looks for newly written pages, iterations of 50 ms, the quota of
 * max-bandwidth, auto-converge with its periods of a second and its time
 * slices of 10 ms, the uncapped last burst.  Not modelled: the cost of dirty
 * tracking to the guest, vCPUs one by one, disks, lazily cleared dirty logs.
 */

#include "api-types.h"

G_BEGIN_DECLS

/* -- the guest and the link ------------------------------------------------------- */

typedef enum
{
  CONVERGE_SIM_SEQUENTIAL, /* rewrites its working set in order: after t it has written min (working set, rate · t) */
  CONVERGE_SIM_RANDOM,     /* anywhere in it: working set · (1 - exp (-rate · t / working set)) */
} ConvergeSimPattern;

typedef struct
{
  gint64 working_set_bytes;
  gint64 dirty_bytes_per_s;   /* whole pages written, whether for the first time or again */
  ConvergeSimPattern pattern;
} ConvergeSimWriter;

#define CONVERGE_SIM_WRITERS 2
#define CONVERGE_SIM_PHASES 8

typedef struct
{
  gint64 until_ms;            /* of the start, or of the period; the last phase lasts anyway */
  ConvergeSimWriter writers[CONVERGE_SIM_WRITERS]; /* each in a part of memory of its own; unused: zeroed */
} ConvergeSimPhase;

typedef struct
{
  gint64 ram_bytes;
  double zero_share;          /* 0..1 of RAM, never written */
  gboolean zero_apart;        /* behind all the others, as in a guest that was booted a moment ago; else among them */
  ConvergeSimPhase phases[CONVERGE_SIM_PHASES];
  guint n_phases;
  gint64 period_ms;           /* the phases begin again after that; 0: they do not */

  gint64 link_bytes_per_s;
  double link_jitter;         /* 0..1: how far a window of 100 ms is off */
  double rtt_ms;              /* with the socket's buffer it bounds what one stream sends */
  gint64 socket_bytes;        /* taken by the kernel before they are sent */
  gint64 copy_bytes_per_s;    /* what QEMU's thread gets through, data … */
  gint64 zero_bytes_per_s;    /* … and zero pages */
  double sync_ms_per_gib;     /* a look for newly written pages */

  double start_ms;            /* before the first byte */
  double stop_ms;             /* of the blackout, besides the last RAM: as QEMU counts it (stop, gate, device state) … */
  double resume_ms;           /* … and after (the destination's start) */
  double overhead_jitter;     /* 0..1: how far these are off */
  double fault_ms;            /* post-copy: until a page that is missing has come */
  guint32 seed;
} ConvergeSimWorkload;

/* A guest with one phase on a quiet host; link, host and overheads as in a data centre.  Change what differs. */
ConvergeSimWorkload converge_sim_workload (gint64 ram_bytes, gint64 working_set_bytes, gint64 dirty_bytes_per_s, gint64 link_bytes_per_s);

/* -- what QEMU is told ---------------------------------------------------------------- */

typedef struct
{
  gint64 downtime_limit_ms;
  gint64 bandwidth_bytes_per_s;            /* max-bandwidth; 0 is unlimited */
  gint64 switchover_bandwidth_bytes_per_s; /* avail-switchover-bandwidth; 0: as measured */
  gboolean auto_converge;
  gint64 throttle_initial;                 /* percent, as the three below */
  gint64 throttle_increment;
  gint64 throttle_max;
  gint64 throttle_trigger;
  gboolean postcopy;                       /* switch to it */
  gboolean pause;                          /* stop the guest, and go on */
  gboolean cancel;
} ConvergeSimKnobs;

/* QEMU's defaults. */
#define CONVERGE_SIM_KNOBS                                                                                                                 \
  ((ConvergeSimKnobs) { .downtime_limit_ms = 300, .bandwidth_bytes_per_s = 128 * 1024 * 1024, .throttle_initial = 20,                      \
                        .throttle_increment = 10, .throttle_max = 99, .throttle_trigger = 50 })

/* Who turns the knobs. */
typedef struct
{
  const char *name;
  gboolean on_pass;           /* looks at each new pass as well, 100 ms apart at least */
  /* @knobs: (inout): QEMU's defaults.  Returns: milliseconds to the first look; 0: never looks (nullable) */
  gint64 (*start) (gpointer self, ConvergeSimKnobs *knobs);
  /* @sample: as qmig's sampler makes it, without a forecast.  @knobs: (inout).  Returns: milliseconds to the next look */
  gint64 (*look) (gpointer self, const QmigSample *sample, ConvergeSimKnobs *knobs);
} ConvergeSimPolicy;

/* -- what came of it ---------------------------------------------------------------------- */

typedef struct
{
  gboolean finished;          /* the guest runs on the other side; else cancelled, or the time was up */
  gboolean cancelled;
  gboolean postcopy;
  gboolean paused;
  double total_ms;            /* to RESUME; with post-copy to the last page */
  double downtime_ms;         /* as QEMU counts it */
  double blackout_ms;         /* as the guest lives it: STOP to RESUME, and the throttle's sleep right before */
  double sleep_ms;            /* of the blackout, that sleep */
  gint64 sent_bytes;
  gint64 passes;              /* dirty-sync-count */
  gint64 throttle_percent;    /* the most */
  double lost_ms;             /* of the guest's CPU time before the stop, by throttling */
  double postcopy_lost_ms;    /* of it, waiting for pages */
} ConvergeSimResult;

/*
 * Runs @workload until it is over or @limit_ms have passed.
 * @self: handed to @policy
 */
ConvergeSimResult converge_sim_run (const ConvergeSimWorkload *workload, const ConvergeSimPolicy *policy, gpointer self, gint64 limit_ms);

/* Runs it with knobs that nobody turns. */
ConvergeSimResult converge_sim_run_fixed (const ConvergeSimWorkload *workload, const ConvergeSimKnobs *knobs, gint64 limit_ms);

G_END_DECLS
