/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Pre-copy as arithmetic: a pass takes as long as what is left takes to send,
 * and leaves what the guest writes meanwhile, at most its working set.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  double left_bytes;        /* now */
  double in_pass_ms;        /* the pass has lasted so long already */
  double send;              /* bytes per second, above 0 */
  double dirty;             /* bytes per second, unthrottled */
  double hot_bytes, hot;    /* beside that: so much is written again at that rate */
  double working_set_bytes;
  double throttle;          /* in force, 0..1 … */
  double next_throttle;     /* … and from the end of … */
  guint next_from;          /* … so many passes on */
  double room_ms;           /* what the copying may take while the guest stands still */
  gboolean at_once;         /* stop as soon as it fits: a guest that is held back suffers from each further pass */
  double limit_ms;          /* no longer than that is looked ahead */
} ConvergeCourse;

typedef struct
{
  gboolean fits;
  guint passes;             /* until then */
  double ms;                /* until the guest is running again */
  double need_ms;           /* the copying while it stands still */
  double bytes;             /* still to be sent */
} ConvergeOutlook;

/* A stop one pass later costs as much more in all as that pass leaves, and saves what it does not: worth it while a pass
 * leaves less than this share of the one before. */
#define CONVERGE_WORTHWHILE 0.25
/* Below this nobody notices. */
#define CONVERGE_LEAST_NEED_MS 10

ConvergeOutlook converge_course_follow (const ConvergeCourse *course);

/* The sleep of a throttled vCPU, milliseconds: QEMU lets it run 10 ms, and sleep so that the share is right.  The guest is silent
 * that long, maybe right before it is stopped.  @throttle: 0..1 */
double converge_throttle_sleep_ms (double throttle);
/* The throttle whose sleep takes no longer than @sleep_ms. */
double converge_throttle_for_sleep (double sleep_ms);

G_END_DECLS
