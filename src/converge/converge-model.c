/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "converge-model.h"

#define MOST_PASSES 500
#define LOOK_MS 5          /* for newly written pages */
#define SLICE_MS 10.0      /* QEMU's CPU_THROTTLE_TIMESLICE */

double
converge_throttle_sleep_ms (double throttle)
{
  return SLICE_MS * throttle / MAX (1 - throttle, 0.01);
}

double
converge_throttle_for_sleep (double sleep_ms)
{
  return sleep_ms <= 0 ? 0 : sleep_ms / (sleep_ms + SLICE_MS);
}

static double
throttle_in (const ConvergeCourse *course, guint pass)
{
  return pass >= course->next_from ? course->next_throttle : course->throttle;
}

/* What a pass of @ms leaves. */
static double
written_in (const ConvergeCourse *course, guint pass, double ms)
{
  double awake_s = (1 - throttle_in (course, pass)) * ms / 1000;

  return MIN (course->working_set_bytes, course->dirty * awake_s + MIN (course->hot_bytes, course->hot * awake_s));
}

ConvergeOutlook
converge_course_follow (const ConvergeCourse *course)
{
  double left_ms = course->left_bytes * 1000 / course->send;
  double left = written_in (course, 0, course->in_pass_ms + left_ms);
  ConvergeOutlook outlook = { .ms = left_ms + LOOK_MS, .bytes = course->left_bytes };

  for (outlook.passes = 1; outlook.passes < MOST_PASSES && outlook.ms < course->limit_ms; outlook.passes++)
    {
      double next;

      outlook.need_ms = left * 1000 / course->send;
      next = written_in (course, outlook.passes, outlook.need_ms + LOOK_MS);
      outlook.fits = outlook.need_ms <= course->room_ms;
      if (outlook.fits && (course->at_once || outlook.need_ms <= CONVERGE_LEAST_NEED_MS || next > CONVERGE_WORTHWHILE * left))
        break;
      outlook.ms += outlook.need_ms + LOOK_MS;
      outlook.bytes += left;
      left = next;
    }
  outlook.ms += outlook.need_ms;
  outlook.bytes += left;
  return outlook;
}
