/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "converge-replay.h"

#include <math.h>
#include <string.h>

#define MIB (G_GINT64_CONSTANT (1024) * 1024)

/* -- reading -------------------------------------------------------------------------- */

#define HEAD "{\"schema\":\"qmig.trace/1\",\"migration\":\"m-1\",\"vm\":\"web01\"}"
#define SAMPLE "{\"type\":\"sample\",\"data\":{\"elapsed_ms\":1000,\"pass\":1,\"total_bytes\":1000,\"remaining_bytes\":500}}"

static ConvergeTrace *
read_text (const char *text, GError **error)
{
  return converge_trace_read (text, strlen (text), error);
}

static void
test_read (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(ConvergeTrace) trace = read_text (HEAD "\n"
                                              "{\"type\":\"decision\",\"data\":{\"action\":\"set\",\"rule\":\"start\"}}\n"
                                              SAMPLE "\n"
                                              "{\"type\":\"moon\",\"data\":7}\n"
                                              "{\"type\":\"decision\",\"data\":{\"rule\":\"limit\"}}\n"
                                              "{\"type\":\"decision\",\"data\":{\"rule\":\"throttle\"}}\n"
                                              "{\"type\":\"knob\",\"data\":{}}\n"
                                              "{\"type\":\"result\",\"data\":{\"outcome\":\"completed\",\"total_ms\":5}}", &error);
  const ConvergeTraceLook *look;

  g_assert_no_error (error);
  g_assert_cmpstr (trace->head->vm, ==, "web01");
  g_assert_cmpuint (trace->start->len, ==, 1);
  g_assert_cmpuint (trace->looks->len, ==, 1);
  look = g_ptr_array_index (trace->looks, 0);
  g_assert_cmpint (look->sample->remaining_bytes, ==, 500);
  g_assert_cmpuint (look->decisions->len, ==, 2);
  g_assert_true (trace->tuned);
  g_assert_cmpint (trace->result->total_ms, ==, 5);
}

static void
assert_refused (const char *text, gsize length, const char *word)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(ConvergeTrace) trace = converge_trace_read (text, length, &error);

  g_assert_null (trace);
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_USAGE);
  if (strstr (error->message, word) == NULL)
    g_error ("'%s' does not say '%s'", error->message, word);
}

static void
test_refused (void)
{
  static const struct
  {
    const char *text, *word;
  } cases[] = {
    { "", "empty" },
    { "\n", "line 1" },
    { "{}", "line 1: this is no trace" },
    { "{\"schema\":\"qmig.trace/2\"}\n" SAMPLE, "line 1: this is no trace" },
    { "[]\n" SAMPLE, "line 1" },
    { "{\"schema\":\"qmig.trace/1\",\"memory_bytes\":\"much\"}\n" SAMPLE, "memory_bytes" },
    { HEAD, "no sample" },
    { HEAD "\n" HEAD, "line 2" },
    { HEAD "\n\n" SAMPLE, "line 2" },
    { HEAD "\n{\"type\":\"sample\"}", "line 2: an event has no data" },
    { HEAD "\n{\"type\":\"sample\",\"data\":[]}", "line 2: an event has no data" },
    { HEAD "\n{\"type\":\"sample\",\"data\":{}}", "line 2: a sample has no elapsed_ms" },
    { HEAD "\n{\"type\":\"sample\",\"data\":{\"elapsed_ms\":-1}}", "line 2: a sample has no elapsed_ms" },
    { HEAD "\n{\"type\":\"sample\",\"data\":{\"elapsed_ms\":1,\"pass\":-3}}", "below 0" },
    { HEAD "\n{\"type\":\"sample\",\"data\":{\"elapsed_ms\":1,\"throttle_percent\":101}}", "throttle" },
    { HEAD "\n" SAMPLE "\n{\"type\":\"sample\",\"data\":{\"elapsed_ms\":999}}", "line 3: a sample is older" },
    { HEAD "\n" SAMPLE "\n{\"type\":\"result\",\"data\":{\"total_ms\":[]}}", "line 3: total_ms" },
    { HEAD "\n" SAMPLE "\n{\"type\":\"sample\",\"da", "line 3" },
  };
  g_autofree char *wide = g_strnfill (CONVERGE_TRACE_MAX_LINE + 1, ' ');
  g_autofree char *line = g_strconcat (HEAD "\n", wide, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_refused (cases[i].text, strlen (cases[i].text), cases[i].word);
  assert_refused (line, strlen (line), "line 2: it is longer than 64 KiB");
  /* Not looked at: the size alone decides. */
  assert_refused (line, (gsize) CONVERGE_TRACE_MAX_BYTES + 1, "64 MiB");
}

static void
test_too_many_lines (void)
{
  g_autoptr(GString) text = g_string_new (HEAD "\n" SAMPLE "\n");

  for (guint i = 0; i < CONVERGE_TRACE_MAX_LINES; i++)
    g_string_append (text, "{\"type\":\"log\"}\n");
  assert_refused (text->str, text->len, "200000 lines");
}

/* -- a recorded move: QEMU 10.0, TCG, 256 MiB of which 64 MiB are written at 100 MiB/s, capped at 60 MiB/s ------------- */

static ConvergeTrace *
read_specimen (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "specimen", "trace-1.jsonl", NULL);
  g_autoptr(GError) error = NULL;
  g_autofree char *text = NULL;
  gsize length;
  ConvergeTrace *trace;

  g_file_get_contents (path, &text, &length, &error);
  g_assert_no_error (error);
  trace = converge_trace_read (text, length, &error);
  g_assert_no_error (error);
  return trace;
}

static void
test_specimen (void)
{
  g_autoptr(ConvergeTrace) trace = read_specimen ();

  g_assert_cmpstr (trace->head->vm, ==, "v1");
  g_assert_cmpstr (trace->head->policy->name, ==, "default");
  g_assert_true (trace->head->means->can_throttle);
  g_assert_cmpuint (trace->start->len, ==, 1);
  g_assert_cmpuint (trace->looks->len, ==, 18);
  g_assert_cmpint (trace->result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_cmpint (trace->result->downtime_bytes, ==, 54648864);
}

static ConvergeReplay *
replay (const ConvergeTrace *trace, const QmigPolicy *policy)
{
  g_autoptr(GError) error = NULL;
  ConvergeReplay *result = converge_replay_run (trace, policy, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (((QmigDecision *) g_ptr_array_index (result->decisions, 0))->rule, ==, "start");
  return result;
}

static gboolean
decides (const ConvergeReplay *result, const char *rule)
{
  for (guint i = 0; i < result->decisions->len; i++)
    if (g_strcmp0 (((QmigDecision *) g_ptr_array_index (result->decisions, i))->rule, rule) == 0)
      return TRUE;
  return FALSE;
}

/* What was done is not told again: a record whose own decisions are repeated has its own end. */
static void
test_same (void)
{
  g_autoptr(ConvergeTrace) trace = read_specimen ();
  g_autoptr(ConvergeReplay) result = NULL;
  ConvergeTraceLook *look = g_ptr_array_index (trace->looks, 0);

  /* One look, so that the engine of any later day decides nothing but the start. */
  g_ptr_array_set_size (trace->looks, 1);
  g_clear_pointer (&look->decisions, g_ptr_array_unref);
  result = replay (trace, NULL);
  g_assert_cmpint (result->simulated_from_ms, ==, QMIG_UNSET);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_cmpint (result->total_ms, ==, trace->result->total_ms);
  g_assert_cmpfloat (result->blackout_ms, ==, trace->result->blackout_ms);
  g_assert_cmpstr (result->policy, ==, "default");
}

/* Another bandwidth changes all from the first byte on. */
static void
test_bandwidth (void)
{
  g_autoptr(ConvergeTrace) trace = read_specimen ();
  g_autoptr(QmigPolicy) policy = qmig_policy_copy (trace->head->policy);
  g_autoptr(ConvergeReplay) result = NULL;

  policy->bandwidth_bytes_per_s = 200 * MIB;
  result = replay (trace, policy);
  g_assert_cmpint (result->simulated_from_ms, ==, 0);
  g_assert_nonnull (strstr (result->simulated_why, "a bandwidth of 200 MiB/s instead of 60 MiB/s"));
  g_assert_nonnull (result->guest);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_cmpint (result->total_ms, <, trace->result->total_ms);
}

/* Without the throttle of then the record holds until something else is done than then: the whole first pass, at least. */
static void
test_throttle (void)
{
  g_autoptr(ConvergeTrace) trace = read_specimen ();
  g_autoptr(QmigPolicy) policy = qmig_policy_copy (trace->head->policy);
  g_autoptr(ConvergeReplay) result = NULL;

  policy->throttle_max_percent = 0;
  result = replay (trace, policy);
  g_assert_cmpint (result->simulated_from_ms, >, 2000);
  g_assert_nonnull (result->simulated_why);
  g_assert_false (decides (result, "throttle"));
  g_assert_cmpint (result->throttle_percent, <=, 1);
}

/* A guest that cannot be moved within bounds so narrow: it is given up, and nothing pretends otherwise. */
static void
test_hopeless (void)
{
  g_autoptr(ConvergeTrace) trace = read_specimen ();
  g_autoptr(QmigPolicy) policy = qmig_policy_copy (trace->head->policy);
  g_autoptr(ConvergeReplay) result = NULL;

  policy->throttle_max_percent = 0;
  policy->bandwidth_bytes_per_s = 10 * MIB;
  policy->downtime_ms = 50;
  policy->patience_ms = 3000;
  result = replay (trace, policy);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_CANCELLED);
  g_assert_true (decides (result, "abort"));
  g_assert_true (isnan (result->blackout_ms));
}

static void
test_last_resorts (void)
{
  g_autoptr(ConvergeTrace) trace = read_specimen ();
  g_autoptr(QmigPolicy) policy = qmig_policy_copy (trace->head->policy);
  g_autoptr(ConvergeReplay) result = NULL;

  policy->throttle_max_percent = 0;
  policy->bandwidth_bytes_per_s = 10 * MIB;
  policy->downtime_ms = 50;
  policy->allow_postcopy = TRUE;
  result = replay (trace, policy);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_true (result->postcopy);
}

static void
test_no_policy (void)
{
  g_autoptr(ConvergeTrace) trace = read_text (HEAD "\n" SAMPLE, NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(ConvergeReplay) result = converge_replay_run (trace, NULL, &error);

  g_assert_null (result);
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED);
}

/* A look or two show no link: that is said, and nothing is made up. */
static void
test_too_short (void)
{
  g_autoptr(ConvergeTrace) trace = read_text (HEAD "\n" SAMPLE, NULL);
  g_autoptr(QmigPolicy) policy = qmig_policy_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(ConvergeReplay) result = NULL;

  policy->downtime_ms = 300;
  policy->bandwidth_bytes_per_s = 0;
  result = converge_replay_run (trace, policy, &error);
  g_assert_null (result);
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/trace/read", test_read);
  g_test_add_func ("/trace/refused", test_refused);
  g_test_add_func ("/trace/too-many-lines", test_too_many_lines);
  g_test_add_func ("/trace/specimen", test_specimen);
  g_test_add_func ("/replay/same", test_same);
  g_test_add_func ("/replay/bandwidth", test_bandwidth);
  g_test_add_func ("/replay/throttle", test_throttle);
  g_test_add_func ("/replay/hopeless", test_hopeless);
  g_test_add_func ("/replay/last-resorts", test_last_resorts);
  g_test_add_func ("/replay/no-policy", test_no_policy);
  g_test_add_func ("/replay/too-short", test_too_short);
  return g_test_run ();
}
