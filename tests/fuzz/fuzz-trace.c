/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A trace that may come from anywhere: read, or refused with a reason, and
 * what was read can be decided again whatever its numbers say.
 */

#include "converge-replay.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static QmigPolicy *
policy_new (void)
{
  QmigPolicy *policy = qmig_policy_new ();

  policy->name = g_strdup ("fuzz");
  policy->downtime_ms = 200;
  policy->deadline_ms = 60000; /* an input is not to cost half an hour of simulation */
  policy->bandwidth_bytes_per_s = 0;
  policy->throttle_max_percent = 50;
  policy->patience_ms = 1000;
  return policy;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr(GError) error = NULL;
  /* Not NUL terminated, so that a sanitizer sees a read beyond the end. */
  g_autoptr(ConvergeTrace) trace = converge_trace_read ((const char *) data, size, &error);
  g_autoptr(QmigPolicy) policy = policy_new ();
  g_autoptr(ConvergeReplay) replay = NULL;
  g_autofree char *text = NULL;

  g_assert_true ((trace == NULL) == (error != NULL));
  if (trace == NULL)
    return 0;

  g_assert_cmpuint (trace->looks->len, >, 0);
  replay = converge_replay_run (trace, policy, &error);
  g_assert_true ((replay == NULL) == (error != NULL));
  if (replay != NULL)
    text = converge_replay_to_text (replay);
  return 0;
}
