/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One move of a busy guest over a shaped link, by one mover, from its set-up to the proof that nothing was lost.
 *
 * The rivals drive QEMU over QMP alone.  They are given the best of it: their destination goes on by itself as soon as
 * it has loaded, where a manager would first have to notice that, and return-path is on, so that QEMU's own count of
 * the downtime means the same for everybody.
 */

#include "lab.h"

#include <stdio.h>

G_BEGIN_DECLS

#define CONTEST_LINK "1gbit" /* as tc has it */

typedef struct
{
  const char *name;
  const char *about;
  guint memory_mib;
  guint set_mib;         /* written again and again … */
  guint rate_mib_per_s;  /* … at this rate */
  guint fill_mib;        /* further memory that holds something, and is never written again */
  guint budget_ms;       /* how long the guest may stand still */
} ContestWorkload;

extern const ContestWorkload contest_workloads[];
extern const gsize contest_n_workloads;

/* Of one run; NAN for what it did not come to. */
typedef struct
{
  double finished;          /* 1, or 0: cancelled when its time was over, or given up by the mover itself */
  double total_ms;          /* QEMU's total-time */
  double wall_ms;           /* start of the destination to the end of the source */
  double downtime_ms;       /* QEMU's */
  double blackout_ms;       /* QEMU's STOP on the source to its RESUME on the destination */
  double gap_ms;            /* the guest's own silence around that, by its 1 ms ticks as this host stamps them */
  double other_gap_ms;      /* its longest silence before and after: a throttled guest stands still all the way */
  double passes;
  double sent_mib;
  double throttle_percent;  /* the most that was seen */
  double written_mib_per_s; /* what the guest wrote before it was moved */
  double postcopy;          /* 1: it ended in post-copy */
  double cancel_ms;         /* from the request to give up to the end of the command, or of the destination */
  double cpu_ms;            /* of the command and of the daemons behind it on both hosts, without QEMU */
  double memory_mib;        /* sum of the most that each of these held */
} ContestFigures;

/* One run, while it goes on. */
typedef struct
{
  Lab *lab;
  const ContestWorkload *workload;
  char *config;        /* of the guest */
  gint64 limit_ms;     /* then it is cancelled */
  FILE *trace;         /* (nullable): events as of `qmig watch -o jsonl` */
  gint64 began_us;
  gint64 stop_us;      /* monotonic; 0: the guest was never stopped */
  GPid destination;    /* (rivals): ours to end; 0: none */
  GPid managers[2];    /* daemons that do the work, one a host; 0: none */
  ContestFigures figures;
  char *note;          /* (nullable): why it was not finished */
} Contest;

typedef struct
{
  const char *name;
  const char *about;
  gboolean agents;                        /* it needs them */
  void (*start_guest) (Contest *contest); /* (nullable): with a guest of its own making; it puts a monitor at CONTEST_BESIDE */
  void (*move) (Contest *contest);        /* returns when the guest runs on one side alone, by its own account */
} ContestMover;

extern const ContestMover contest_movers[];
extern const gsize contest_n_movers;

/*
 * One whole run; aborts the program when the guest lost memory or runs on both sides or none.
 *
 * @trace: (nullable): file to write
 * @note: (out) (transfer full) (nullable): why it was not finished
 * Returns: FALSE where the machine allows no such run (a message was printed)
 */
gboolean contest_run (const ContestWorkload *workload, const ContestMover *mover, gint64 limit_ms, const char *trace, ContestFigures *figures,
                      char **note);

/* -- for movers -- */

#define CONTEST_BESIDE "beside.qmp" /* a second monitor of the guest, in the rig's directory: for who only listens */

/* A moment of QEMU's wall clock on this machine's monotonic one. */
gint64 contest_monotonic_us (gint64 wall_us);
void contest_by_qmig (Contest *contest);
void contest_by_qmig_with_postcopy (Contest *contest);
void contest_by_plain_qemu (Contest *contest);
void contest_by_auto_converge (Contest *contest);
void contest_by_proxmox_rule (Contest *contest);

G_END_DECLS
