/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The engine at its edges, on types of the API that have the kinds in question. */

#include "api-sample.h"
#include "json-strict.h"

#include <locale.h>
#include <string.h>

#define BROKEN "/run/\xff\xfe.sock"
#define REPAIRED "/run/\xef\xbf\xbd\xef\xbf\xbd.sock"

static void
assert_refused (const ApiType *type, const char *text, const char *message)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (api_value_from_text (type, text, -1, &error));
  g_assert_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_TYPE);
  g_assert_cmpstr (error->message, ==, message);
  g_assert_null (api_value_from_text (type, text, -1, NULL));
}

static void
test_error_path (void)
{
  assert_refused (&qmig_problem_type, "{\"plan\":{\"checks\":[{},{},{},{\"status\":\"good\"}]}}",
                  "plan.checks[3].status: expected one of ok, warn, fail");
  assert_refused (&qmig_problem_type, "{\"plan\":{\"checks\":[{},7]}}", "plan.checks[1]: expected an object");
  assert_refused (&qmig_problem_type, "{\"plan\":{\"argv\":[\"qemu\",true]}}", "plan.argv[1]: expected a string");
  assert_refused (&qmig_migrate_request_type,
                  "{\"vm\":\"a\",\"destination\":\"b\",\"knobs\":{\"downtime_ms\":\"300\"}}",
                  "knobs.downtime_ms: expected an integer");
  assert_refused (&qmig_migrate_request_type, "{\"vm\":\"a\"}", "destination: missing");
  assert_refused (&qmig_facts_type, "{\"host\":{\"kvm\":1}}", "host.kvm: expected true or false");
}

static void
test_integer_is_exact (void)
{
  g_autoptr(QmigKnobs) knobs = qmig_knobs_from_text ("{\"downtime_ms\":9007199254740993}", -1, NULL);

  g_assert_nonnull (knobs);
  g_assert_cmpint (knobs->downtime_ms, ==, G_GINT64_CONSTANT (9007199254740993));
  g_assert_cmpint (knobs->deadline_ms, ==, QMIG_UNSET);

  assert_refused (&qmig_knobs_type, "{\"downtime_ms\":3.0}", "downtime_ms: expected an integer");
  assert_refused (&qmig_knobs_type, "{\"downtime_ms\":3e2}", "downtime_ms: expected an integer");
  assert_refused (&qmig_knobs_type, "{\"downtime_ms\":true}", "downtime_ms: expected an integer");
  g_assert_null (qmig_knobs_from_text ("{\"downtime_ms\":9223372036854775808}", -1, NULL));
}

static void
test_number_takes_integer (void)
{
  g_autoptr(QmigResult) result = qmig_result_from_text ("{\"blackout_ms\":3}", -1, NULL);

  g_assert_nonnull (result);
  g_assert_cmpfloat (result->blackout_ms, ==, 3.0);
  g_assert_true (isnan (result->pre_copy_ms));
}

/* No text can say infinity, but an object made by hand can. */
static void
test_number_is_finite (void)
{
  g_autoptr(JsonObject) object = json_object_new ();
  g_autoptr(GError) error = NULL;

  json_object_set_double_member (object, "blackout_ms", INFINITY);
  g_assert_null (qmig_result_from_object (object, &error));
  g_assert_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_TYPE);
  g_assert_cmpstr (error->message, ==, "blackout_ms: expected a number");
  g_assert_null (qmig_result_from_text ("{\"blackout_ms\":1e999}", -1, NULL));
}

static void
test_not_finite_is_null (void)
{
  static const double numbers[] = { NAN, INFINITY, -INFINITY };
  g_autoptr(QmigResult) result = qmig_result_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autoptr(JsonObject) object = NULL;

      result->blackout_ms = numbers[i];
      object = qmig_result_to_object (result);
      g_assert_true (json_object_get_null_member (object, "blackout_ms"));
    }
}

static void
test_not_finite_in_data_is_null (void)
{
  g_autoptr(QmigEvent) event = qmig_event_new ();
  g_autoptr(JsonObject) data = json_object_new ();
  g_autofree char *text = NULL;

  json_object_set_double_member (data, "rate", INFINITY);
  event->type = g_strdup ("sample");
  event->data = json_node_init_object (json_node_alloc (), data);
  text = qmig_event_to_text (event);
  g_assert_nonnull (strstr (text, "\"data\":{\"rate\":null}"));
}

/* What json-glib 1.6 alone would write as 1e+22.0 and as a raw control character. */
static void
test_data_stays_json (void)
{
  g_autoptr(QmigEvent) event = qmig_event_new ();
  g_autoptr(QmigEvent) back = NULL;
  g_autoptr(JsonObject) data = json_object_new ();
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;

  json_object_set_double_member (data, "large", 1e22);
  json_object_set_double_member (data, "whole", 3);
  json_object_set_string_member (data, "text", "\x1f 1e5.0 \"2e+5.0\\");
  event->type = g_strdup ("log");
  event->data = json_node_init_object (json_node_alloc (), data);
  text = qmig_event_to_text (event);
  back = qmig_event_from_text (text, -1, &error);

  g_assert_no_error (error);
  sample_assert_equal (&qmig_event_type, event, back);
  g_assert_nonnull (strstr (text, "{\"large\":1e+22,\"whole\":3.0,"
                                  "\"text\":\"\\u001f 1e5.0 \\\"2e+5.0\\\\\"}"));
}

static void
test_enum_out_of_range (void)
{
  static const int numbers[] = { -1, QMIG_N_STAGES, G_MAXINT };
  g_autoptr(QmigSample) sample = qmig_sample_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autoptr(JsonObject) object = NULL;

      sample->stage = numbers[i];
      object = qmig_sample_to_object (sample);
      g_assert_cmpstr (json_object_get_string_member (object, "stage"), ==, "pre-migration");
    }
}

static void
test_broken_utf8 (void)
{
  g_autoptr(QmigVm) vm = qmig_vm_new ();
  g_autoptr(QmigVm) back = NULL;
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;

  vm->qmp = g_strdup (BROKEN);
  vm->argv = g_strsplit ("qemu " BROKEN, " ", 0);
  text = qmig_vm_to_text (vm);
  back = qmig_vm_from_text (text, -1, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (back->qmp, ==, REPAIRED);
  g_assert_cmpstr (back->argv[1], ==, REPAIRED);
  g_assert_cmpstr (vm->qmp, ==, BROKEN);
}

static void
test_broken_utf8_in_data (void)
{
  g_autoptr(QmigEvent) event = qmig_event_new ();
  g_autoptr(QmigEvent) back = NULL;
  g_autoptr(JsonObject) data = json_object_new ();
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;

  json_object_set_string_member (data, "path", BROKEN);
  json_object_set_string_member (data, BROKEN, "path");
  event->type = g_strdup ("log");
  event->data = json_node_init_object (json_node_alloc (), data);
  text = qmig_event_to_text (event);
  back = qmig_event_from_text (text, -1, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (json_object_get_string_member (json_node_get_object (back->data), "path"), ==, REPAIRED);
  g_assert_cmpstr (json_object_get_string_member (json_node_get_object (back->data), REPAIRED), ==, "path");
}

static void
test_empty_is_not_missing (void)
{
  g_autoptr(QmigPlan) plan = qmig_plan_from_text ("{\"vm\":\"\",\"argv\":[],\"notes\":null,\"checks\":[]}", -1, NULL);

  g_assert_nonnull (plan);
  g_assert_cmpstr (plan->vm, ==, "");
  g_assert_nonnull (plan->argv);
  g_assert_cmpuint (g_strv_length (plan->argv), ==, 0);
  g_assert_null (plan->notes);
  g_assert_cmpuint (plan->checks->len, ==, 0);
  g_assert_null (plan->commands);
}

static void
test_value_is_apart_from_its_source (void)
{
  g_autoptr(JsonObject) object = json_object_new ();
  JsonObject *arguments = json_object_new ();
  g_autoptr(QmigQmpRequest) request = NULL;
  g_autoptr(JsonObject) written = NULL;

  json_object_set_string_member (object, "command", "query-status");
  json_object_set_object_member (object, "arguments", arguments);
  request = qmig_qmp_request_from_object (object, NULL);
  json_object_set_int_member (arguments, "late", 1);
  g_assert_cmpuint (json_object_get_size (json_node_get_object (request->arguments)), ==, 0);

  written = qmig_qmp_request_to_object (request);
  json_object_set_int_member (json_node_get_object (request->arguments), "later", 1);
  g_assert_cmpuint (json_object_get_size (json_object_get_object_member (written, "arguments")), ==, 0);
}

static void
test_null_value (void)
{
  api_value_free (&qmig_vm_type, NULL);
  g_assert_null (api_value_copy (&qmig_vm_type, NULL));
}

static void
test_text_with_length (void)
{
  g_autoptr(QmigKnobs) knobs = qmig_knobs_from_text ("{\"downtime_ms\":5}garbage", 17, NULL);

  g_assert_nonnull (knobs);
  g_assert_cmpint (knobs->downtime_ms, ==, 5);
}

static void
test_limits (void)
{
  g_autoptr(GError) error = NULL;
  GString *deep = g_string_new ("{\"type\":\"log\",\"data\":");
  g_autofree char *large = g_strnfill (2 * 1024 * 1024, ' ');

  for (int i = 0; i < 100000; i++)
    g_string_append_c (deep, '[');
  g_assert_null (qmig_event_from_text (deep->str, deep->len, &error));
  g_assert_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_TOO_DEEP);
  g_clear_error (&error);
  g_string_free (deep, TRUE);

  g_assert_null (qmig_event_from_text (large, -1, &error));
  g_assert_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_TOO_LARGE);
  g_clear_error (&error);

  g_assert_null (qmig_event_from_text ("[]", -1, &error));
  g_assert_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_TYPE);
  g_clear_error (&error);

  g_assert_null (qmig_event_from_text ("", -1, &error));
  g_assert_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_SYNTAX);
}

static void
test_list_round_trip (void)
{
  g_autoptr(GPtrArray) vms = g_ptr_array_new_with_free_func (qmig_vm_type.destroy);
  g_autoptr(GPtrArray) back = NULL;
  g_autoptr(JsonObject) object = NULL;
  g_autoptr(GError) error = NULL;

  for (int i = 0; i < 5; i++)
    g_ptr_array_add (vms, sample_new (&qmig_vm_type));

  object = api_list_to_object (&qmig_vm_type, vms);
  g_assert_cmpstr (json_object_get_string_member (object, "schema"), ==, "qmig.vm-list/1");
  back = api_list_from_object (&qmig_vm_type, object, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (back->len, ==, 5);
  for (guint i = 0; i < back->len; i++)
    sample_assert_equal (&qmig_vm_type, g_ptr_array_index (vms, i), g_ptr_array_index (back, i));
}

static void
test_list_refused (void)
{
  static const struct
  {
    const char *text;
    const char *message;
  } cases[] = {
    { "{\"items\":[]}", "schema: expected \"qmig.vm-list/1\"" },
    { "{\"schema\":\"qmig.host-list/1\",\"items\":[]}", "schema: expected \"qmig.vm-list/1\"" },
    { "{\"schema\":\"qmig.vm-list/1\"}", "items: expected an array of objects" },
    { "{\"schema\":\"qmig.vm-list/1\",\"items\":null}", "items: expected an array of objects" },
    { "{\"schema\":\"qmig.vm-list/1\",\"items\":[{},null]}", "items[1]: expected an object" },
    { "{\"schema\":\"qmig.vm-list/1\",\"items\":[{\"name\":\"a\"},{},{\"pid\":\"1\"}]}",
      "items[2].pid: expected an integer" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(JsonObject) object = json_strict_parse_object (cases[i].text, strlen (cases[i].text),
                                                               &json_strict_limits_api, NULL);
      g_autoptr(GError) error = NULL;

      g_assert_null (api_list_from_object (&qmig_vm_type, object, &error));
      g_assert_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_TYPE);
      g_assert_cmpstr (error->message, ==, cases[i].message);
    }
}

static gboolean
set_comma_locale (void)
{
  static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "it_IT.UTF-8", "es_ES.UTF-8", "pt_BR.UTF-8" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (setlocale (LC_ALL, names[i]) != NULL && g_str_equal (localeconv ()->decimal_point, ","))
      return TRUE;

  return FALSE;
}

static void
test_locale (void)
{
  g_autoptr(QmigResult) result = qmig_result_new ();
  g_autoptr(QmigResult) back = NULL;
  g_autofree char *text = NULL;
  g_autofree char *time = NULL;

  if (!set_comma_locale ())
    {
      g_test_skip ("no locale with a decimal comma is installed");
      return;
    }

  result->blackout_ms = 1234.5;
  text = qmig_result_to_text (result);
  back = qmig_result_from_text (text, -1, NULL);
  time = api_time_format (1500000);
  setlocale (LC_ALL, "C");

  g_assert_nonnull (strstr (text, "\"blackout_ms\":1234.5,"));
  g_assert_nonnull (back);
  g_assert_cmpfloat (back->blackout_ms, ==, 1234.5);
  g_assert_cmpstr (time, ==, "1970-01-01T00:00:01.500000Z");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/api/value/error-path", test_error_path);
  g_test_add_func ("/api/value/integer-is-exact", test_integer_is_exact);
  g_test_add_func ("/api/value/number-takes-integer", test_number_takes_integer);
  g_test_add_func ("/api/value/number-is-finite", test_number_is_finite);
  g_test_add_func ("/api/value/not-finite-is-null", test_not_finite_is_null);
  g_test_add_func ("/api/value/not-finite-in-data-is-null", test_not_finite_in_data_is_null);
  g_test_add_func ("/api/value/data-stays-json", test_data_stays_json);
  g_test_add_func ("/api/value/enum-out-of-range", test_enum_out_of_range);
  g_test_add_func ("/api/value/broken-utf8", test_broken_utf8);
  g_test_add_func ("/api/value/broken-utf8-in-data", test_broken_utf8_in_data);
  g_test_add_func ("/api/value/empty-is-not-missing", test_empty_is_not_missing);
  g_test_add_func ("/api/value/apart-from-its-source", test_value_is_apart_from_its_source);
  g_test_add_func ("/api/value/null-value", test_null_value);
  g_test_add_func ("/api/value/text-with-length", test_text_with_length);
  g_test_add_func ("/api/value/limits", test_limits);
  g_test_add_func ("/api/value/list-round-trip", test_list_round_trip);
  g_test_add_func ("/api/value/list-refused", test_list_refused);
  g_test_add_func ("/api/value/locale", test_locale);

  return g_test_run ();
}
