/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-news.h"
#include "cli-output.h"
#include "cli-progress.h"
#include "cli-summary.h"
#include "fake-agent.h"
#include "json-strict.h"

#include <locale.h>
#include <string.h>

static const CliColumn columns[] = {
  { "name", "name", CLI_SHOW_TEXT, FALSE },
  { "memory", "memory_bytes", CLI_SHOW_BYTES, FALSE },
  { "state", "run_state", CLI_SHOW_TEXT, FALSE },
  { "machine", "machine", CLI_SHOW_TEXT, TRUE },
  { "problem", "problem", CLI_SHOW_TEXT, FALSE },
  { NULL },
};

static void
add_vm (GPtrArray *vms, const char *name, gint64 memory_bytes, const char *state, const char *problem)
{
  QmigVm *vm = qmig_vm_new ();

  vm->id = g_strdup_printf ("%u.1", vms->len);
  vm->name = g_strdup (name);
  vm->memory_bytes = memory_bytes;
  vm->run_state = g_strdup (state);
  vm->problem = g_strdup (problem);
  vm->machine = g_strdup ("pc-q35-7.2");
  g_ptr_array_add (vms, vm);
}

/* Wide characters, what nobody knows, and a name that wants to write on the screen. */
static GPtrArray *
sample_vms (void)
{
  GPtrArray *vms = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_vm_free);

  add_vm (vms, "web01", 1073741824, "running", NULL);
  add_vm (vms, "日本語", 536870912, "paused", NULL);
  add_vm (vms, "evil\033[2J\nname\t", QMIG_UNSET, NULL, "cannot be asked");
  return vms;
}

static char *
list_text (CliFormat format, const char *fields, gboolean headers)
{
  g_autoptr(GPtrArray) vms = sample_vms ();
  g_auto(GStrv) split = fields != NULL ? g_strsplit (fields, ",", -1) : NULL;
  CliOutput out = { .format = format, .fields = split, .headers = headers };
  g_autoptr(GError) error = NULL;
  char *text = cli_output_list_text (&out, &qmig_vm_type, vms, columns, &error);

  g_assert_no_error (error);
  return text;
}

static void
assert_list (const char *golden, CliFormat format, const char *fields, gboolean headers)
{
  g_autofree char *text = list_text (format, fields, headers);

  g_assert_null (strchr (text, '\033'));
  assert_golden (golden, text);
}

static void
test_lists (void)
{
  assert_list ("list-table", CLI_FORMAT_TABLE, NULL, TRUE);
  assert_list ("list-wide", CLI_FORMAT_WIDE, NULL, TRUE);
  assert_list ("list-no-headers", CLI_FORMAT_TABLE, NULL, FALSE);
  assert_list ("list-fields", CLI_FORMAT_TABLE, "run_state,name", TRUE);
  assert_list ("list-json", CLI_FORMAT_JSON, "name,memory_bytes", TRUE);
  assert_list ("list-jsonl", CLI_FORMAT_JSONL, "name,run_state", TRUE);
  assert_list ("list-name", CLI_FORMAT_NAME, NULL, TRUE);
  assert_list ("list-tsv", CLI_FORMAT_TSV, NULL, TRUE);
}

/* Each line of tsv has the same number of tabs, whatever the names hold. */
static void
test_tsv_is_rectangular (void)
{
  g_autofree char *text = list_text (CLI_FORMAT_TSV, NULL, FALSE);
  g_auto(GStrv) lines = g_strsplit (text, "\n", -1);

  g_assert_cmpuint (g_strv_length (lines), ==, 4);
  for (guint i = 0; i < 3; i++)
    {
      g_auto(GStrv) cells = g_strsplit (lines[i], "\t", -1);

      g_assert_cmpuint (g_strv_length (cells), ==, 5);
    }
}

static void
test_wrong_fields (void)
{
  g_autoptr(GPtrArray) vms = sample_vms ();
  char *near[] = { (char *) "nmae", NULL };
  char *deep[] = { (char *) "name.first", NULL };
  char *empty[] = { (char *) "", NULL };
  char **wrong[] = { near, deep, empty };

  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      CliOutput out = { .fields = wrong[i] };
      g_autoptr(GError) error = NULL;

      g_assert_null (cli_output_list_text (&out, &qmig_vm_type, vms, columns, &error));
      g_assert_error (error, QMIG_ERROR, QMIG_EXIT_USAGE);
      if (i == 0)
        g_assert_nonnull (strstr (error->message, "did you mean 'name'?"));
    }
}

static QmigMigrationInfo *
sample_info (void)
{
  QmigMigrationInfo *info = qmig_migration_info_new ();

  info->id = g_strdup ("m-7f3k2aaa");
  info->vm = g_strdup ("web01");
  info->source = g_strdup ("alpha");
  info->destination = g_strdup ("beta");
  info->stage = QMIG_STAGE_PRE_COPY;
  info->active = TRUE;
  info->knobs = qmig_knobs_new ();
  info->knobs->bandwidth_bytes_per_s = 0;
  info->knobs->downtime_ms = 300;
  info->sample = qmig_sample_new ();
  info->sample->remaining_bytes = 12345678;
  return info;
}

static void
assert_value (const char *golden, CliFormat format, const char *fields)
{
  g_autoptr(QmigMigrationInfo) info = sample_info ();
  g_auto(GStrv) split = fields != NULL ? g_strsplit (fields, ",", -1) : NULL;
  CliOutput out = { .format = format, .fields = split };
  g_autoptr(GError) error = NULL;
  g_autofree char *text = cli_output_value_text (&out, &qmig_migration_info_type, info, "id", &error);

  g_assert_no_error (error);
  assert_golden (golden, text);
}

static void
test_values (void)
{
  assert_value ("value-table", CLI_FORMAT_TABLE, NULL);
  assert_value ("value-fields", CLI_FORMAT_TABLE, "id,sample.remaining_bytes,knobs");
  assert_value ("value-json-fields", CLI_FORMAT_JSON, "id,sample.remaining_bytes,sample.pass");
  assert_value ("value-name", CLI_FORMAT_NAME, NULL);
  assert_value ("value-tsv", CLI_FORMAT_TSV, "id,knobs.downtime_ms");
}

static void
test_color (void)
{
  const CliOutput plain = { .color = FALSE };
  const CliOutput bright = { .color = TRUE };
  g_autofree char *no = cli_paint (&plain, CLI_RED, "x");
  g_autofree char *yes = cli_paint (&bright, CLI_RED, "x");

  g_assert_cmpstr (no, ==, "x");
  g_assert_cmpstr (yes, ==, "\033[31mx\033[0m");
}

static void
test_progress (void)
{
  g_autoptr(QmigSample) sample = qmig_sample_new ();
  g_autofree char *early = NULL;
  g_autofree char *unicode = NULL;
  g_autofree char *ascii = NULL;
  g_autofree char *narrow = NULL;
  g_autofree char *line = NULL;

  sample->stage = QMIG_STAGE_PRE_COPY;
  early = cli_progress_bar_text (sample, 100, FALSE);
  g_assert_cmpstr (early, ==, "pre-copy      [--------------------]   0% ");

  sample->total_bytes = 1073741824;
  sample->remaining_bytes = 268435456;
  sample->send_bytes_per_s = 851443712;
  sample->dirty_bytes_per_s = 47185920;
  sample->pass = 3;
  sample->elapsed_ms = 4200;
  ascii = cli_progress_bar_text (sample, 200, FALSE);
  g_assert_cmpstr (ascii, ==,
                   "pre-copy      [###############-----]  75% 4.20 s, 256 MiB left, 812 MiB/s, dirty 45 MiB/s, pass 3");
  unicode = cli_progress_bar_text (sample, 200, TRUE);
  g_assert_nonnull (strstr (unicode, "███████████████░░░░░"));
  narrow = cli_progress_bar_text (sample, 40, TRUE);
  g_assert_cmpint (g_utf8_strlen (narrow, -1), ==, 39);
  line = cli_progress_line_text (sample);
  g_assert_cmpstr (line, ==, "pre-copy: 4.20 s, 256 MiB left, 812 MiB/s, dirty 45 MiB/s, pass 3");
}

/* -- news on the way ---------------------------------------------------------------- */

static void
test_knob_news (void)
{
  static const struct { const char *data, *text; } cases[] = {
    { "{'knob':'downtime','value':400,'state':'sent'}", "downtime 400 ms: sent to QEMU" },
    { "{'knob':'bandwidth','value':0,'state':'accepted'}", "bandwidth max: accepted" },
    { "{'knob':'bandwidth','value':524288000,'state':'in-force'}", "bandwidth 500 MiB/s: in force" },
    { "{'knob':'throttle-max','value':30,'state':'in-force'}", "throttle-max 30%: in force" },
    { "{'knob':'xbzrle-cache','value':67108864,'state':'refused','why':'no'}", "xbzrle-cache 64 MiB: refused: no" },
    { "{'knob':'new-one','value':7,'state':'new-state'}", "new-one 7: new-state" },
    { "{'value':7}", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *json = g_strdelimit (g_strdup (cases[i].data), "'", '"');
      g_autoptr(JsonObject) data = json_strict_parse_object (json, strlen (json), &json_strict_limits_api, NULL);
      g_autofree char *text = cli_news_knob_text (data);

      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

static void
test_forecast_news (void)
{
  g_autoptr(QmigForecast) forecast = qmig_forecast_new ();
  g_autoptr(QmigSample) sample = qmig_sample_new ();
  g_autofree char *early = cli_news_forecast_text (forecast);
  g_autofree char *range = NULL;
  g_autofree char *one = NULL;
  g_autofree char *line = NULL;

  g_assert_cmpstr (early, ==, "not enough data");
  forecast->verdict = QMIG_VERDICT_CONVERGING;
  forecast->eta_ms = 10000;
  forecast->eta_low_ms = 8000;
  forecast->eta_high_ms = 12000;
  forecast->downtime_ms = 60;
  range = cli_news_forecast_text (forecast);
  g_assert_cmpstr (range, ==, "converging, done in 8.00 s to 12.0 s, downtime 60 ms");
  forecast->eta_low_ms = forecast->eta_high_ms;
  forecast->downtime_low_ms = 40;
  forecast->downtime_high_ms = 90;
  one = cli_news_forecast_text (forecast);
  g_assert_cmpstr (one, ==, "converging, done in 10.0 s, downtime 40 ms to 90 ms");

  sample->stage = QMIG_STAGE_PRE_COPY;
  sample->pass = 2;
  sample->throttle_percent = 30;
  sample->forecast = g_steal_pointer (&forecast);
  line = cli_progress_line_text (sample);
  g_assert_cmpstr (line, ==, "pre-copy: pass 2, throttled 30%, converging, done in 10.0 s, downtime 40 ms to 90 ms");
}

static void
test_decision_news (void)
{
  g_autoptr(QmigDecision) decision = qmig_decision_new ();
  g_autofree char *bare = cli_news_decision_text (decision);
  g_autofree char *full = NULL;

  g_assert_cmpstr (bare, ==, "wait: no reason was given");
  decision->rule = g_strdup ("throttle");
  decision->text = g_strdup ("30% is enough");
  full = cli_news_decision_text (decision);
  g_assert_cmpstr (full, ==, "throttle: 30% is enough");
}

static QmigResult *
moved (void)
{
  QmigResult *result = qmig_result_new ();

  result->outcome = QMIG_OUTCOME_COMPLETED;
  result->exit_code = 0;
  result->vm_location = QMIG_LOCATION_DESTINATION;
  result->vm_host = g_strdup ("beta");
  result->vm_state = g_strdup ("running");
  result->source_name = g_strdup ("alpha");
  result->destination_name = g_strdup ("beta");
  result->total_ms = 1034;
  result->downtime_ms = 22;
  result->blackout_ms = 24.3;
  return result;
}

static void
test_summaries (void)
{
  g_autoptr(QmigResult) result = moved ();
  g_autofree char *both = cli_summary_text (NULL, result);
  g_autofree char *within = NULL;
  g_autofree char *failure = NULL;

  g_assert_cmpstr (both, ==, "VM moved from alpha to beta in 1.03 s, blackout 24 ms (QEMU: 22 ms)");

  g_free (result->destination_name);
  result->destination_name = g_strdup ("alpha");
  result->blackout_ms = NAN;
  within = cli_summary_text ("web01", result);
  g_assert_cmpstr (within, ==, "VM web01 moved within alpha in 1.03 s, downtime by QEMU 22 ms");

  result->outcome = QMIG_OUTCOME_ROLLED_BACK;
  result->exit_code = QMIG_EXIT_ROLLED_BACK;
  result->vm_location = QMIG_LOCATION_SOURCE;
  g_free (result->vm_host);
  result->vm_host = g_strdup ("alpha");
  result->error = g_strdup ("the destination exited: \"no space\"");
  result->safe_to_retry = TRUE;
  failure = cli_summary_failure_text ("web01", result);
  g_assert_cmpstr (failure, ==,
                   "the migration failed and was rolled back: the destination exited: \"no space\"\n"
                   "VM web01 is on alpha (source), running\n"
                   "it is safe to try again\n");
}

int
main (int argc, char **argv)
{
  g_setenv ("LC_ALL", "C.UTF-8", TRUE);
  setlocale (LC_ALL, "");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/output/lists", test_lists);
  g_test_add_func ("/cli/output/tsv", test_tsv_is_rectangular);
  g_test_add_func ("/cli/output/wrong-fields", test_wrong_fields);
  g_test_add_func ("/cli/output/values", test_values);
  g_test_add_func ("/cli/output/color", test_color);
  g_test_add_func ("/cli/progress", test_progress);
  g_test_add_func ("/cli/news/knobs", test_knob_news);
  g_test_add_func ("/cli/news/forecast", test_forecast_news);
  g_test_add_func ("/cli/news/decisions", test_decision_news);
  g_test_add_func ("/cli/summary", test_summaries);
  return g_test_run ();
}
