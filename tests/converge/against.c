/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "against.h"

#include "converge-sim-engine.h"

#include <math.h>
#include <string.h>

#define MIB (1024.0 * 1024)
#define LONG_MS (3600 * G_GINT64_CONSTANT (1000))

typedef struct
{
  GPtrArray *samples;       /* QmigSample */
  QmigDecision *decision;   /* the first (nullable) */
  QmigResult *result;       /* (nullable) */
  gint64 throttle_percent;  /* the most in force */
} Recording;

static void
recording_clear (Recording *self)
{
  g_ptr_array_unref (self->samples);
  if (self->decision != NULL)
    qmig_decision_free (self->decision);
  if (self->result != NULL)
    qmig_result_free (self->result);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Recording, recording_clear)

/* -- reading ------------------------------------------------------------------------------- */

static gboolean
take_event (Recording *self, const QmigEvent *event, GError **error)
{
  JsonObject *data = event->data != NULL && JSON_NODE_HOLDS_OBJECT (event->data) ? json_node_get_object (event->data) : NULL;
  QmigSample *sample;

  if (data == NULL)
    return TRUE;
  if (g_strcmp0 (event->type, "decision") == 0 && self->decision == NULL)
    return (self->decision = qmig_decision_from_object (data, error)) != NULL;
  if (g_strcmp0 (event->type, "result") == 0 && self->result == NULL)
    return (self->result = qmig_result_from_object (data, error)) != NULL;
  if (g_strcmp0 (event->type, "sample") != 0)
    return TRUE;

  sample = qmig_sample_from_object (data, error);
  if (sample == NULL)
    return FALSE;
  self->throttle_percent = MAX (self->throttle_percent, sample->throttle_percent);
  g_ptr_array_add (self->samples, sample);
  return TRUE;
}

static gboolean
read_recording (const char *file, Recording *self, GError **error)
{
  g_autofree char *text = NULL;
  g_auto(GStrv) lines = NULL;

  if (!g_file_get_contents (file, &text, NULL, error))
    return FALSE;
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_autoptr(QmigEvent) event = NULL;

      if (*lines[i] == '\0')
        continue;
      event = qmig_event_from_text (lines[i], -1, error);
      if (event == NULL || !take_event (self, event, error))
        {
          g_prefix_error (error, "%s, line %u: ", file, i + 1);
          return FALSE;
        }
    }
  if (self->samples->len > 0)
    return TRUE;
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: there is no sample of a pre-copy in it", file);
  return FALSE;
}

/* -- doing it again ------------------------------------------------------------------------------ */

typedef struct
{
  const Recording *recording;
  gint64 downtime_ms;
  guint next;
} Replay;

static gint64
replay_look (gpointer data, const QmigSample *sample, ConvergeSimKnobs *knobs)
{
  Replay *self = data;
  const GPtrArray *samples = self->recording->samples;

  while (self->next < samples->len && ((QmigSample *) g_ptr_array_index (samples, self->next))->elapsed_ms <= sample->elapsed_ms)
    {
      const QmigSample *then = g_ptr_array_index (samples, self->next++);

      if (then->downtime_limit_ms != QMIG_UNSET)
        knobs->downtime_limit_ms = then->downtime_limit_ms;
      if (then->bandwidth_limit_bytes_per_s != QMIG_UNSET)
        knobs->bandwidth_bytes_per_s = then->bandwidth_limit_bytes_per_s;
    }
  return 50;
}

static gint64
replay_start (gpointer data, ConvergeSimKnobs *knobs)
{
  Replay *self = data;
  const QmigSample *first = g_ptr_array_index (self->recording->samples, 0);

  if (self->downtime_ms > 0)
    {
      knobs->downtime_limit_ms = self->downtime_ms;
      knobs->bandwidth_bytes_per_s = 0;
    }
  return replay_look (data, first, knobs);
}

static ConvergeSimResult
replay_knobs (const ConvergeSimWorkload *workload, const Recording *recording, gint64 downtime_ms)
{
  static const ConvergeSimPolicy policy = { .name = "recorded", .start = replay_start, .look = replay_look };
  Replay replay = { .recording = recording, .downtime_ms = downtime_ms };

  return converge_sim_run (workload, &policy, &replay, LONG_MS);
}

static ConvergeSimResult
decide_again (const ConvergeSimWorkload *workload, const Recording *recording)
{
  g_autoptr(QmigPolicy) policy = qmig_policy_new ();
  const QmigDecision *first = recording->decision;
  ConvergeMeans means = {
    .overhead_ms = first->overhead_ms != QMIG_UNSET ? first->overhead_ms : converge_assumed_overhead_ms (workload->ram_bytes),
    .send_bytes_per_s = QMIG_UNSET,
    .dirty_bytes_per_s = QMIG_UNSET,
    .working_set_bytes = QMIG_UNSET,
    .can_throttle = recording->throttle_percent > 0,
  };

  policy->downtime_ms = first->budget_ms;
  if (first->deadline_left_ms != QMIG_UNSET)
    policy->deadline_ms = first->deadline_left_ms + first->elapsed_ms;
  policy->bandwidth_bytes_per_s = MAX (first->bandwidth_limit_bytes_per_s, 0);
  policy->throttle_max_percent = means.can_throttle ? 99 : 0;
  policy->patience_ms = LONG_MS;
  return converge_sim_run_engine (workload, policy, &means, NULL, NULL);
}

/* -- side by side ----------------------------------------------------------------------------------- */

static gboolean
make_workload (const AgainstOptions *options, ConvergeSimWorkload *workload, GError **error)
{
  if (options->ram_mib <= 0 || options->working_set_mib < 0 || options->working_set_mib > options->ram_mib || options->dirty_mib_per_s < 0 ||
      options->link_mib_per_s <= 0 || options->zero_share < 0 || options->zero_share > 1 || options->downtime_ms < 0)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "--against needs --ram and --link above 0, --working-set within --ram, --dirty, and --zero from 0 to 1");
      return FALSE;
    }
  *workload = converge_sim_workload ((gint64) (options->ram_mib * MIB), (gint64) (options->working_set_mib * MIB),
                                     (gint64) (options->dirty_mib_per_s * MIB), (gint64) (options->link_mib_per_s * MIB));
  workload->zero_share = options->zero_share;
  workload->zero_apart = options->zero_apart;
  if (options->random)
    workload->phases[0].writers[0].pattern = CONVERGE_SIM_RANDOM;
  if (options->copy_mib_per_s > 0)
    workload->copy_bytes_per_s = (gint64) (options->copy_mib_per_s * MIB);
  if (options->zero_mib_per_s > 0)
    workload->zero_bytes_per_s = (gint64) (options->zero_mib_per_s * MIB);
  return TRUE;
}

static void
print_row (const char *what, double real, double simulated)
{
  if (isnan (real))
    g_print ("%-28s        not in it %10.0f\n", what, simulated);
  else
    g_print ("%-28s %16.0f %10.0f  %+6.1f %%\n", what, real, simulated, real != 0 ? 100 * (simulated - real) / real : 0);
}

static double
known (gint64 value)
{
  return value != QMIG_UNSET ? value : NAN;
}

static void
print_both (const Recording *recording, const ConvergeSimResult *simulated)
{
  const QmigSample *last = g_ptr_array_index (recording->samples, recording->samples->len - 1);
  const QmigResult *result = recording->result;

  g_print ("%-28s %16s %10s\n", "", "real", "simulated");
  print_row ("total, ms", result != NULL ? known (result->qemu_total_ms) : NAN, simulated->total_ms);
  print_row ("last sample in pre-copy, ms", last->elapsed_ms, simulated->total_ms - simulated->downtime_ms);
  print_row ("passes", result != NULL ? known (result->passes) : known (last->pass), simulated->passes);
  print_row ("QEMU's downtime, ms", result != NULL ? known (result->downtime_ms) : NAN, simulated->downtime_ms);
  print_row ("blackout, ms", result != NULL ? result->blackout_ms : NAN, simulated->blackout_ms - simulated->sleep_ms);
  print_row ("sent, MB", (result != NULL ? known (result->transferred_bytes) : known (last->transferred_bytes)) / 1e6, simulated->sent_bytes / 1e6);
  print_row ("strongest throttle, %", MAX (recording->throttle_percent, 0), simulated->throttle_percent);
}

gboolean
against_print (const char *file, const AgainstOptions *options, GError **error)
{
  g_auto(Recording) recording = { .samples = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_sample_free), .throttle_percent = QMIG_UNSET };
  ConvergeSimWorkload workload;
  ConvergeSimResult simulated;

  if (!make_workload (options, &workload, error) || !read_recording (file, &recording, error))
    return FALSE;
  simulated = recording.decision != NULL ? decide_again (&workload, &recording) : replay_knobs (&workload, &recording, options->downtime_ms);
  if (!simulated.finished)
    g_print ("The simulated move did not end.\n");
  print_both (&recording, &simulated);
  return TRUE;
}
