/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "converge-trace.h"

#include <string.h>

#include "converge-policy.h"
#include "json-strict.h"

#define MOST (G_GINT64_CONSTANT (1) << 50) /* bytes, bytes per second, milliseconds */
#define LONGEST_MS (30 * 24 * 3600 * G_GINT64_CONSTANT (1000))

/* -- values ---------------------------------------------------------------------- */

/* clang-format off: one member a line, as in the structs */

#define FIELD(Struct, member, Kind, text, ...) \
  { .name = #member, .kind = Kind, .offset = G_STRUCT_OFFSET (Struct, member), .about = text, __VA_ARGS__ }

#define MEANS(member, Kind, text) FIELD (ConvergeTraceMeans, member, Kind, text)

static const ApiField means_fields[] = {
  MEANS (overhead_ms, API_INT, "of the budget, what is not the copying of the last RAM"),
  MEANS (send_bytes_per_s, API_INT, "of the link, from earlier moves"),
  MEANS (dirty_bytes_per_s, API_INT, "of the guest, from earlier moves"),
  MEANS (working_set_bytes, API_INT, "of the guest, from earlier moves"),
  MEANS (can_throttle, API_BOOL, "auto-converge is switched on"),
  MEANS (can_postcopy, API_BOOL, "post-copy is armed on both sides"),
  MEANS (has_switchover_bandwidth, API_BOOL, "QEMU takes avail-switchover-bandwidth"),
};

const ApiType converge_trace_means_type = {
  .name = "qmig.means/1",
  .size = sizeof (ConvergeTraceMeans),
  .fields = means_fields,
  .n_fields = G_N_ELEMENTS (means_fields),
  .destroy = (GDestroyNotify) converge_trace_means_free,
};

#define HEAD(member, Kind, text, ...) FIELD (ConvergeTraceHead, member, Kind, text, __VA_ARGS__)

static const ApiField head_fields[] = {
  HEAD (schema, API_STRING, "qmig.trace/1", .need = API_REQUIRED),
  HEAD (migration, API_STRING, "its id"),
  HEAD (vm, API_STRING, "name of the VM"),
  HEAD (source, API_STRING, "name of its host"),
  HEAD (destination, API_STRING, "name of the host it went to"),
  HEAD (started, API_STRING, "RFC 3339 UTC with microseconds"),
  HEAD (memory_bytes, API_INT, "all that QEMU migrates: RAM, video memory, ROM"),
  HEAD (policy, API_OBJECT, "as it held, with the request's bounds", .type = &qmig_policy_type),
  HEAD (means, API_OBJECT, "what was known and could be done before the start", .type = &converge_trace_means_type),
};

/* clang-format on */

const ApiType converge_trace_head_type = {
  .name = CONVERGE_TRACE_SCHEMA,
  .size = sizeof (ConvergeTraceHead),
  .fields = head_fields,
  .n_fields = G_N_ELEMENTS (head_fields),
  .destroy = (GDestroyNotify) converge_trace_head_free,
};

ConvergeTraceMeans *
converge_trace_means_new_from (const ConvergeMeans *means)
{
  ConvergeTraceMeans *self = converge_trace_means_new ();

  self->overhead_ms = means->overhead_ms;
  self->send_bytes_per_s = means->send_bytes_per_s;
  self->dirty_bytes_per_s = means->dirty_bytes_per_s;
  self->working_set_bytes = means->working_set_bytes;
  self->can_throttle = means->can_throttle;
  self->can_postcopy = means->can_postcopy;
  self->has_switchover_bandwidth = means->has_switchover_bandwidth;
  return self;
}

void
converge_trace_means_get (const ConvergeTraceMeans *self, ConvergeMeans *means)
{
  *means = (ConvergeMeans) { CONVERGE_OVERHEAD_MS, QMIG_UNSET, QMIG_UNSET, QMIG_UNSET, FALSE, FALSE, FALSE };
  if (self == NULL)
    return;
  if (self->overhead_ms >= 0)
    means->overhead_ms = self->overhead_ms;
  means->send_bytes_per_s = self->send_bytes_per_s;
  means->dirty_bytes_per_s = self->dirty_bytes_per_s;
  means->working_set_bytes = self->working_set_bytes;
  means->can_throttle = self->can_throttle;
  means->can_postcopy = self->can_postcopy;
  means->has_switchover_bandwidth = self->has_switchover_bandwidth;
}

static void
look_free (ConvergeTraceLook *self)
{
  qmig_sample_free (self->sample);
  g_clear_pointer (&self->decisions, g_ptr_array_unref);
  g_free (self);
}

void
converge_trace_free (ConvergeTrace *self)
{
  g_clear_pointer (&self->head, converge_trace_head_free);
  g_clear_pointer (&self->start, g_ptr_array_unref);
  g_clear_pointer (&self->looks, g_ptr_array_unref);
  g_clear_pointer (&self->result, qmig_result_free);
  g_free (self);
}

gboolean
converge_trace_takes (const QmigEvent *event)
{
  static const char *const types[] = { "sample", "decision", "knob", "result", NULL };

  return event->type != NULL && g_strv_contains (types, event->type);
}

/* -- reading ---------------------------------------------------------------------------- */

static gboolean
fail (GError **error, const char *problem)
{
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "%s", problem);
  return FALSE;
}

/* Numbers that no QEMU gives would make the rest senseless. */
static gboolean
are_sane (const gint64 *numbers, gsize n, const char *whose, GError **error)
{
  for (gsize i = 0; i < n; i++)
    if (numbers[i] != QMIG_UNSET && (numbers[i] < 0 || numbers[i] > MOST))
      {
        g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "%s has a number below 0 or beyond all measure", whose);
        return FALSE;
      }
  return TRUE;
}

static void
take_default (gint64 *number, gint64 fallback)
{
  if (*number == QMIG_UNSET)
    *number = fallback;
}

/* A later qmig may know members that this policy lacks. */
static void
complete_policy (QmigPolicy *policy)
{
  g_autoptr(QmigPolicy) usual = converge_policy_new_default ();

  take_default (&policy->downtime_ms, usual->downtime_ms);
  take_default (&policy->bandwidth_bytes_per_s, usual->bandwidth_bytes_per_s);
  take_default (&policy->throttle_max_percent, usual->throttle_max_percent);
  take_default (&policy->patience_ms, usual->patience_ms);
}

static gboolean
is_sane_policy (const QmigPolicy *policy, GError **error)
{
  const gint64 numbers[] = { policy->downtime_ms, policy->deadline_ms, policy->bandwidth_bytes_per_s, policy->start_bandwidth_bytes_per_s,
                             policy->throttle_max_percent, policy->patience_ms };

  if (policy->throttle_max_percent > 99)
    return fail (error, "the policy has a throttle above 99 percent");
  return are_sane (numbers, G_N_ELEMENTS (numbers), "the policy", error);
}

static gboolean
are_sane_means (const ConvergeTraceMeans *means, GError **error)
{
  const gint64 numbers[] = { means->overhead_ms, means->send_bytes_per_s, means->dirty_bytes_per_s, means->working_set_bytes };

  return are_sane (numbers, G_N_ELEMENTS (numbers), "what was known before", error);
}

static gboolean
read_head (ConvergeTrace *self, const char *line, gsize length, GError **error)
{
  g_autoptr(JsonObject) object = json_strict_parse_object (line, length, &json_strict_limits_api, error);

  if (object == NULL)
    return FALSE;
  if (g_strcmp0 (json_strict_string (object, "schema", NULL), CONVERGE_TRACE_SCHEMA) != 0)
    return fail (error, "this is no trace of qmig: the first line has no \"schema\": \"" CONVERGE_TRACE_SCHEMA "\"");
  self->head = converge_trace_head_from_object (object, error);
  if (self->head == NULL)
    return FALSE;
  if (self->head->policy != NULL)
    complete_policy (self->head->policy);
  return (self->head->policy == NULL || is_sane_policy (self->head->policy, error)) && (self->head->means == NULL || are_sane_means (self->head->means, error));
}

static gboolean
is_sane (const ConvergeTrace *self, const QmigSample *sample, GError **error)
{
  const gint64 counts[] = { sample->pass, sample->total_bytes, sample->remaining_bytes, sample->transferred_bytes, sample->dirty_bytes_per_s,
                            sample->send_bytes_per_s, sample->downtime_limit_ms, sample->bandwidth_limit_bytes_per_s,
                            sample->throttle_percent, sample->normal_bytes, sample->zero_bytes };
  const ConvergeTraceLook *before = self->looks->len > 0 ? g_ptr_array_index (self->looks, self->looks->len - 1) : NULL;

  if (!are_sane (counts, G_N_ELEMENTS (counts), "a sample", error))
    return FALSE;
  if (sample->throttle_percent > 100)
    return fail (error, "a sample has a throttle above 100 percent");
  if (sample->elapsed_ms < 0 || sample->elapsed_ms > LONGEST_MS)
    return fail (error, "a sample has no elapsed_ms");
  if (before != NULL && sample->elapsed_ms < before->sample->elapsed_ms)
    return fail (error, "a sample is older than the one before it");
  return TRUE;
}

static gboolean
take_sample (ConvergeTrace *self, JsonObject *data, GError **error)
{
  g_autoptr(QmigSample) sample = qmig_sample_from_object (data, error);
  ConvergeTraceLook *look;

  if (sample == NULL || !is_sane (self, sample, error))
    return FALSE;
  look = g_new0 (ConvergeTraceLook, 1);
  look->sample = g_steal_pointer (&sample);
  g_ptr_array_add (self->looks, look);
  return TRUE;
}

static gboolean
is_sane_decision (const QmigDecision *decision, GError **error)
{
  const gint64 numbers[] = { decision->downtime_limit_ms, decision->bandwidth_limit_bytes_per_s, decision->switchover_bandwidth_bytes_per_s,
                             decision->throttle_percent };

  return are_sane (numbers, G_N_ELEMENTS (numbers), "a decision", error);
}

static gboolean
take_decision (ConvergeTrace *self, JsonObject *data, GError **error)
{
  ConvergeTraceLook *look = self->looks->len > 0 ? g_ptr_array_index (self->looks, self->looks->len - 1) : NULL;
  GPtrArray **place = look != NULL ? &look->decisions : &self->start;
  g_autoptr(QmigDecision) decision = qmig_decision_from_object (data, error);

  if (decision == NULL || !is_sane_decision (decision, error))
    return FALSE;
  if (*place == NULL)
    *place = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_decision_free);
  g_ptr_array_add (*place, g_steal_pointer (&decision));
  return TRUE;
}

/* A migration that was taken up again has more than one result: the last one counts. */
static gboolean
take_result (ConvergeTrace *self, JsonObject *data, GError **error)
{
  g_clear_pointer (&self->result, qmig_result_free);
  self->result = qmig_result_from_object (data, error);
  return self->result != NULL;
}

static gboolean
read_event (ConvergeTrace *self, const char *line, gsize length, GError **error)
{
  g_autoptr(QmigEvent) event = qmig_event_from_text (line, (gssize) length, error);
  JsonObject *data;

  if (event == NULL)
    return FALSE;
  if (!converge_trace_takes (event))
    return TRUE;
  if (event->data == NULL || !JSON_NODE_HOLDS_OBJECT (event->data))
    return fail (error, "an event has no data");
  data = json_node_get_object (event->data);
  if (g_str_equal (event->type, "sample"))
    return take_sample (self, data, error);
  if (g_str_equal (event->type, "decision"))
    return take_decision (self, data, error);
  if (g_str_equal (event->type, "result"))
    return take_result (self, data, error);
  self->tuned = TRUE;
  return TRUE;
}

static gboolean
read_line (ConvergeTrace *self, guint number, const char *line, gsize length, GError **error)
{
  gboolean done;

  if (length > CONVERGE_TRACE_MAX_LINE)
    done = fail (error, "it is longer than 64 KiB");
  else if (number > CONVERGE_TRACE_MAX_LINES)
    done = fail (error, "a trace has 200000 lines at most");
  else
    done = number == 1 ? read_head (self, line, length, error) : read_event (self, line, length, error);
  if (!done)
    g_prefix_error (error, "line %u: ", number);
  return done;
}

static void
as_usage (GError **error)
{
  if (error == NULL || *error == NULL)
    return;
  (*error)->domain = QMIG_ERROR;
  (*error)->code = QMIG_EXIT_USAGE;
  g_prefix_error (error, "cannot read the trace: ");
}

ConvergeTrace *
converge_trace_read (const char *text, gsize length, GError **error)
{
  g_autoptr(ConvergeTrace) self = g_new0 (ConvergeTrace, 1);
  gboolean ok = TRUE;
  gsize at = 0;

  self->looks = g_ptr_array_new_with_free_func ((GDestroyNotify) look_free);
  if (length > CONVERGE_TRACE_MAX_BYTES)
    ok = fail (error, "it is larger than 64 MiB");
  else if (length == 0)
    ok = fail (error, "it is empty");
  for (guint number = 1; ok && at < length; number++)
    {
      const char *end = memchr (text + at, '\n', length - at);
      gsize line = end != NULL ? (gsize) (end - (text + at)) : length - at;

      ok = read_line (self, number, text + at, line, error);
      at += line + 1;
    }
  if (ok && self->looks->len == 0)
    ok = fail (error, "there is no sample in it");
  if (ok)
    return g_steal_pointer (&self);
  as_usage (error);
  return NULL;
}
