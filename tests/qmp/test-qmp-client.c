/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "fake-qemu.h"
#include "json-strict.h"
#include "qmp-client.h"
#include "qmp-error.h"

/* Generous: reached only when something is broken. */
#define LIMIT_MS 30000

typedef struct
{
  FakeQemu *fake;
  QmpWait *wait;
  QmpClient *client;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->fake = fake_qemu_new ();
  f->wait = qmp_wait_new (NULL, "the fake QEMU", LIMIT_MS);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->client);
  fake_qemu_free (f->fake);
  qmp_wait_free (f->wait);
}

static void
open_client (Fixture *f)
{
  g_autoptr(GIOStream) stream = fake_qemu_connect (f->fake);
  g_autoptr(GError) error = NULL;

  f->client = qmp_client_open_stream (stream, f->wait, &error);
  g_assert_no_error (error);
  g_assert_nonnull (f->client);
}

/* Opens and expects a failure; (transfer full) */
static GError *
fail_to_open (Fixture *f, QmpWait *wait)
{
  g_autoptr(GIOStream) stream = fake_qemu_connect (f->fake);
  GError *error = NULL;
  QmpClient *client = qmp_client_open_stream (stream, wait, &error);

  g_assert_null (client);
  g_assert_nonnull (error);
  return error;
}

static void
assert_answers (Fixture *f, const char *command)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) result = qmp_client_execute (f->client, command, NULL, f->wait, &error);

  g_assert_no_error (error);
  g_assert_nonnull (result);
}

static void
assert_contains (const char *text, const char *part)
{
  if (!strstr (text, part))
    g_error ("'%s' does not contain '%s'", text, part);
}

/* One call in the background. */
typedef struct
{
  gboolean is_over;
  JsonNode *result;
  GError *error;
} Call;

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Call *call = data;

  g_assert_false (call->is_over);
  call->is_over = TRUE;
  call->result = qmp_client_execute_finish (QMP_CLIENT (source), result, &call->error);
  g_assert_true ((call->result != NULL) != (call->error != NULL));
}

static void
start (Fixture *f, Call *call, const char *command, gboolean out_of_band, GCancellable *cancellable)
{
  qmp_client_execute_async (f->client, command, NULL, out_of_band, cancellable, on_done, call);
}

static QmpCheck
check_over (gpointer data, GError **error)
{
  return ((Call *) data)->is_over ? QMP_CHECK_DONE : QMP_CHECK_PENDING;
}

static void
wait_for_call (Fixture *f, Call *call)
{
  g_autoptr(GError) error = NULL;
  gboolean done = qmp_wait_until (f->wait, check_over, call, &error);

  g_assert_no_error (error);
  g_assert_true (done);
}

static void
clear_call (Call *call)
{
  g_clear_pointer (&call->result, json_node_unref);
  g_clear_error (&call->error);
}

static void
test_negotiate (Fixture *f, gconstpointer data)
{
  g_autoptr(JsonObject) arguments = NULL;

  open_client (f);
  g_assert_cmpint (qmp_client_get_version (f->client), ==, 70222);
  g_assert_cmpstr (qmp_client_get_version_text (f->client), ==, "7.2.22 (Debian 1:7.2+dfsg)");
  g_assert_true (qmp_client_has_oob (f->client));
  g_assert_cmpint (qmp_client_get_peer_pid (f->client), ==, getpid ());
  g_assert_true (qmp_client_check_open (f->client, NULL));

  arguments = fake_qemu_last_arguments (f->fake, "qmp_capabilities");
  g_assert_cmpstr (json_array_get_string_element (json_object_get_array_member (arguments, "enable"), 0), ==, "oob");
}

static void
test_negotiate_without_oob (Fixture *f, gconstpointer data)
{
  g_autoptr(JsonObject) arguments = NULL;
  g_autoptr(JsonNode) result = NULL;
  g_autoptr(GError) error = NULL;

  fake_qemu_set_oob (f->fake, FALSE);
  open_client (f);
  g_assert_false (qmp_client_has_oob (f->client));
  arguments = fake_qemu_last_arguments (f->fake, "qmp_capabilities");
  g_assert_null (arguments);

  result = qmp_client_execute_oob (f->client, "query-yank", NULL, f->wait, &error);
  g_assert_null (result);
  g_assert_error (error, QMP_ERROR, QMP_ERROR_GENERIC);
  g_assert_cmpuint (fake_qemu_count (f->fake, "query-yank"), ==, 0);
}

static void
test_reply (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) result = NULL;
  g_autoptr(JsonObject) sent = NULL;
  JsonObject *arguments = json_object_new ();

  open_client (f);
  fake_qemu_reply (f->fake, "qom-get", "'pc-q35-7.2-machine'");
  json_object_set_string_member (arguments, "path", "/machine \"\xc3\xa4\"\n");
  result = qmp_client_execute (f->client, "qom-get", arguments, f->wait, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (json_node_get_string (result), ==, "pc-q35-7.2-machine");
  sent = fake_qemu_last_arguments (f->fake, "qom-get");
  g_assert_cmpstr (json_object_get_string_member (sent, "path"), ==, "/machine \"\xc3\xa4\"\n");
}

static void
test_refusals (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *klass;
    int code;
  } cases[] = {
    { "GenericError", QMP_ERROR_GENERIC },
    { "CommandNotFound", QMP_ERROR_COMMAND_NOT_FOUND },
    { "DeviceNotActive", QMP_ERROR_DEVICE_NOT_ACTIVE },
    { "DeviceNotFound", QMP_ERROR_DEVICE_NOT_FOUND },
    { "KVMMissingCap", QMP_ERROR_KVM_MISSING_CAP },
    { "NewerThanThis", QMP_ERROR_GENERIC },
  };

  open_client (f);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(JsonNode) result = NULL;

      fake_qemu_fail (f->fake, "migrate", cases[i].klass, "no 100% reason");
      result = qmp_client_execute (f->client, "migrate", NULL, f->wait, &error);
      g_assert_null (result);
      g_assert_error (error, QMP_ERROR, cases[i].code);
      g_assert_cmpstr (error->message, ==, "migrate: no 100% reason");
      g_assert_true (qmp_error_is_refusal (error));
    }
}

static void
test_unsendable (Fixture *f, gconstpointer data)
{
  JsonObject *arguments = json_object_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) result = NULL;

  open_client (f);
  json_object_set_string_member (arguments, "path", "\xff\xfe");
  result = qmp_client_execute (f->client, "qom-get", arguments, f->wait, &error);
  g_assert_null (result);
  g_assert_error (error, QMP_ERROR, QMP_ERROR_GENERIC);
  assert_answers (f, "query-status");
  g_assert_cmpuint (fake_qemu_count (f->fake, "qom-get"), ==, 0);
}

static void
test_shapes (Fixture *f, gconstpointer data)
{
  const char *const *shape = data;

  fake_qemu_set_pretty (f->fake, strstr (*shape, "pretty") != NULL);
  fake_qemu_set_chunk (f->fake, strstr (*shape, "bytes") ? 1 : 0);
  open_client (f);
  assert_answers (f, "query-status");
  assert_answers (f, "query-machines");
}

static void
test_oob_overtakes (Fixture *f, gconstpointer data)
{
  Call never = { 0 };
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) result = NULL;

  open_client (f);
  fake_qemu_freeze (f->fake, TRUE);
  start (f, &never, "query-status", FALSE, NULL);
  result = qmp_client_execute_oob (f->client, "query-yank", NULL, f->wait, &error);
  g_assert_no_error (error);
  g_assert_nonnull (result);
  g_assert_false (never.is_over);

  qmp_client_close (f->client);
  wait_for_call (f, &never);
  g_assert_error (never.error, QMP_ERROR, QMP_ERROR_CLOSED);
  clear_call (&never);
}

static void
test_queue (Fixture *f, gconstpointer data)
{
  Call calls[7] = { 0 };
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) result = NULL;

  open_client (f);
  fake_qemu_freeze (f->fake, TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS (calls); i++)
    start (f, &calls[i], "query-status", FALSE, NULL);
  /* The out-of-band command was asked for last, so what may be in flight came before it. */
  result = qmp_client_execute_oob (f->client, "query-yank", NULL, f->wait, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (fake_qemu_count (f->fake, "query-status"), ==, 4);

  fake_qemu_freeze (f->fake, FALSE);
  for (gsize i = 0; i < G_N_ELEMENTS (calls); i++)
    {
      wait_for_call (f, &calls[i]);
      g_assert_no_error (calls[i].error);
      clear_call (&calls[i]);
    }
  g_assert_cmpuint (fake_qemu_count (f->fake, "query-status"), ==, 7);
}

static void
test_cancel_queued (Fixture *f, gconstpointer data)
{
  Call calls[4] = { 0 };
  Call unsent = { 0 };
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();

  open_client (f);
  fake_qemu_freeze (f->fake, TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS (calls); i++)
    start (f, &calls[i], "query-status", FALSE, NULL);
  start (f, &unsent, "query-jobs", FALSE, cancellable);
  g_cancellable_cancel (cancellable);
  wait_for_call (f, &unsent);
  g_assert_error (unsent.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  fake_qemu_freeze (f->fake, FALSE);
  for (gsize i = 0; i < G_N_ELEMENTS (calls); i++)
    {
      wait_for_call (f, &calls[i]);
      clear_call (&calls[i]);
    }
  assert_answers (f, "query-name");
  g_assert_cmpuint (fake_qemu_count (f->fake, "query-jobs"), ==, 0);
  clear_call (&unsent);
}

static void
test_timeout (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) result = NULL;
  g_autoptr(QmpWait) brief = NULL;

  open_client (f);
  fake_qemu_hold (f->fake, "query-jobs");
  brief = qmp_wait_new_within (f->wait, "an answer", 20);
  result = qmp_client_execute (f->client, "query-jobs", NULL, brief, &error);
  g_assert_null (result);
  g_assert_error (error, QMP_ERROR, QMP_ERROR_TIMEOUT);
  g_assert_cmpstr (error->message, ==, "query-jobs: timed out after 20 ms waiting for an answer");
  g_assert_false (qmp_error_is_refusal (error));

  /* The late answer arrives before the next one and is nobody's. */
  fake_qemu_wait_for (f->fake, "query-jobs", 1);
  fake_qemu_release (f->fake, "query-jobs");
  fake_qemu_reply (f->fake, "query-name", "{'name': 'after'}");
  result = qmp_client_execute (f->client, "query-name", NULL, f->wait, NULL);
  g_assert_cmpstr (json_object_get_string_member (json_node_get_object (result), "name"), ==, "after");
}

static void
test_no_time_left (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) result = NULL;
  g_autoptr(QmpWait) over = NULL;

  open_client (f);
  over = qmp_wait_new_within (f->wait, "nothing", 0);
  result = qmp_client_execute (f->client, "cont", NULL, over, &error);
  g_assert_null (result);
  g_assert_error (error, QMP_ERROR, QMP_ERROR_TIMEOUT);
  assert_answers (f, "query-status");
  g_assert_cmpuint (fake_qemu_count (f->fake, "cont"), ==, 0);
}

/* As many as QEMU may hold were given up: the next one is sent when QEMU answers them, not before. */
static void
test_abandoned_keep_their_place (Fixture *f, gconstpointer data)
{
  Call next = { 0 };
  g_autoptr(JsonNode) oob = NULL;

  open_client (f);
  fake_qemu_freeze (f->fake, TRUE);
  for (int i = 0; i < 4; i++)
    {
      g_autoptr(QmpWait) brief = qmp_wait_new_within (f->wait, "an answer", 10);
      g_autoptr(JsonNode) result = qmp_client_execute (f->client, "query-jobs", NULL, brief, NULL);

      g_assert_null (result);
    }
  start (f, &next, "query-name", FALSE, NULL);
  oob = qmp_client_execute_oob (f->client, "query-yank", NULL, f->wait, NULL);
  g_assert_nonnull (oob);
  g_assert_cmpuint (fake_qemu_count (f->fake, "query-name"), ==, 0);

  fake_qemu_freeze (f->fake, FALSE);
  wait_for_call (f, &next);
  g_assert_no_error (next.error);
  clear_call (&next);
}

static void
on_command_cancel (QmpClient *client, const char *name, JsonObject *data, gint64 timestamp_us, gpointer user_data)
{
  g_cancellable_cancel (user_data);
}

static void
test_cancel (Fixture *f, gconstpointer data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(QmpWait) wait = qmp_wait_new (cancellable, "an answer", LIMIT_MS);
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) result = NULL;

  open_client (f);
  g_signal_connect (f->client, "event", G_CALLBACK (on_command_cancel), cancellable);
  fake_qemu_ignore (f->fake, "migrate");
  fake_qemu_event_before (f->fake, "migrate", "STOP", NULL);
  result = qmp_client_execute (f->client, "migrate", NULL, wait, &error);
  g_assert_null (result);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_true (g_str_has_prefix (error->message, "migrate: "));
  assert_answers (f, "query-status");

  /* Cancelled before: nothing is sent. */
  g_clear_error (&error);
  result = qmp_client_execute (f->client, "cont", NULL, wait, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_answers (f, "query-status");
  g_assert_cmpuint (fake_qemu_count (f->fake, "cont"), ==, 0);
}

typedef struct
{
  GString *log;
  Call *call;
} Order;

static void
log_event (QmpClient *client, const char *name, JsonObject *data, gint64 timestamp_us, gpointer user_data)
{
  Order *order = user_data;

  g_string_append_printf (order->log, "%s%s%s%s ", name, data ? "=" : "",
                          json_strict_string (data, "status", ""), order->call->is_over ? " after" : "");
  g_assert_cmpint (ABS (g_get_real_time () - timestamp_us), <, 3600 * G_TIME_SPAN_SECOND);
}

static void
test_events (Fixture *f, gconstpointer data)
{
  Call call = { 0 };
  Call last = { 0 };
  Order order = { g_string_new (NULL), &call };

  open_client (f);
  g_signal_connect (f->client, "event", G_CALLBACK (log_event), &order);
  fake_qemu_event_before (f->fake, "migrate-continue", "MIGRATION", "{'status': 'device'}");
  fake_qemu_event_before (f->fake, "migrate-continue", "STOP", NULL);
  fake_qemu_event_after (f->fake, "migrate-continue", "MIGRATION", "{'status': 'completed'}");
  start (f, &call, "migrate-continue", FALSE, NULL);
  start (f, &last, "query-status", FALSE, NULL);
  wait_for_call (f, &last);
  g_assert_no_error (call.error);
  g_assert_cmpstr (order.log->str, ==, "MIGRATION=device STOP MIGRATION=completed after ");
  g_string_free (order.log, TRUE);
  clear_call (&call);
  clear_call (&last);
}

/* Whoever gets an event may ask QEMU, and wait for an event that has come already. */
typedef struct
{
  Fixture *f;
  gboolean is_resumed;
} Nested;

static QmpCheck
check_resumed (gpointer data, GError **error)
{
  return ((Nested *) data)->is_resumed ? QMP_CHECK_DONE : QMP_CHECK_PENDING;
}

static void
ask_in_handler (QmpClient *client, const char *name, JsonObject *data, gint64 timestamp_us, gpointer user_data)
{
  Nested *nested = user_data;
  g_autoptr(GError) error = NULL;

  if (g_str_equal (name, "RESUME"))
    {
      nested->is_resumed = TRUE;
      return;
    }
  g_assert_true (qmp_wait_until (nested->f->wait, check_resumed, nested, &error));
  g_assert_no_error (error);
  assert_answers (nested->f, "query-status");
}

static void
test_nested (Fixture *f, gconstpointer data)
{
  Nested nested = { f, FALSE };

  open_client (f);
  g_signal_connect (f->client, "event", G_CALLBACK (ask_in_handler), &nested);
  fake_qemu_event_before (f->fake, "migrate", "STOP", NULL);
  fake_qemu_event_before (f->fake, "migrate", "RESUME", NULL);
  assert_answers (f, "migrate");
  g_assert_true (nested.is_resumed);
  g_assert_cmpuint (fake_qemu_count (f->fake, "query-status"), ==, 1);
}

static void
count_closed (QmpClient *client, const GError *reason, gpointer data)
{
  guint *count = data;

  g_assert_nonnull (reason);
  (*count)++;
}

static void
test_hang_up (Fixture *f, gconstpointer data)
{
  Call calls[6] = { 0 };
  guint closed = 0;
  g_autoptr(GError) reason = NULL;

  open_client (f);
  g_signal_connect (f->client, "closed", G_CALLBACK (count_closed), &closed);
  fake_qemu_ignore (f->fake, "query-jobs");
  for (gsize i = 0; i < G_N_ELEMENTS (calls); i++)
    start (f, &calls[i], "query-jobs", FALSE, NULL);
  fake_qemu_wait_for (f->fake, "query-jobs", 4);
  fake_qemu_hang_up (f->fake);
  for (gsize i = 0; i < G_N_ELEMENTS (calls); i++)
    {
      wait_for_call (f, &calls[i]);
      g_assert_error (calls[i].error, QMP_ERROR, QMP_ERROR_CLOSED);
      g_assert_cmpstr (calls[i].error->message, ==, "query-jobs: QEMU closed the connection");
      clear_call (&calls[i]);
    }
  g_assert_cmpuint (closed, ==, 1);
  g_assert_false (qmp_client_check_open (f->client, &reason));
  g_assert_error (reason, QMP_ERROR, QMP_ERROR_CLOSED);

  qmp_client_close (f->client);
  qmp_client_close (f->client);
  g_assert_cmpuint (closed, ==, 1);
}

static void
test_execute_after_close (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) result = NULL;

  open_client (f);
  qmp_client_close (f->client);
  fake_qemu_wait_for_hang_up (f->fake);
  result = qmp_client_execute (f->client, "query-status", NULL, f->wait, &error);
  g_assert_null (result);
  g_assert_error (error, QMP_ERROR, QMP_ERROR_CLOSED);
}

static void
test_hang_up_in_message (Fixture *f, gconstpointer data)
{
  Call call = { 0 };

  open_client (f);
  fake_qemu_raw_on (f->fake, "query-jobs", "{\"return\": [{\"id\":");
  start (f, &call, "query-jobs", FALSE, NULL);
  fake_qemu_wait_for (f->fake, "query-jobs", 1);
  fake_qemu_hang_up (f->fake);
  wait_for_call (f, &call);
  g_assert_error (call.error, QMP_ERROR, QMP_ERROR_CLOSED);
  g_assert_cmpstr (call.error->message, ==, "query-jobs: QEMU closed the connection in the middle of a message");
  clear_call (&call);
}

static void
test_hang_up_instead (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) result = NULL;

  open_client (f);
  fake_qemu_hang_up_on (f->fake, "query-jobs");
  result = qmp_client_execute (f->client, "query-jobs", NULL, f->wait, &error);
  g_assert_null (result);
  g_assert_error (error, QMP_ERROR, QMP_ERROR_CLOSED);
}

static void
test_error_without_id (Fixture *f, gconstpointer data)
{
  Call first = { 0 };
  Call second = { 0 };

  open_client (f);
  fake_qemu_raw_on (f->fake, "migrate",
                    "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error, stray input\"}}\r\n");
  start (f, &first, "migrate", FALSE, NULL);
  start (f, &second, "query-status", FALSE, NULL);
  wait_for_call (f, &second);
  g_assert_no_error (second.error);
  g_assert_true (first.is_over);
  g_assert_error (first.error, QMP_ERROR, QMP_ERROR_GENERIC);
  g_assert_cmpstr (first.error->message, ==, "migrate: JSON parse error, stray input");
  clear_call (&first);
  clear_call (&second);
}

static void
raise_flag (QmpClient *client, const char *name, JsonObject *data, gint64 timestamp_us, gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
}

static void
test_strange_messages (Fixture *f, gconstpointer data)
{
  gboolean is_over = FALSE;

  open_client (f);
  g_signal_connect (f->client, "event", G_CALLBACK (raise_flag), &is_over);
  fake_qemu_raw (f->fake,
                 "{\"return\": {}, \"id\": 4711}\n{\"return\": {}, \"id\": \"text\"}\n{\"return\": {}}\n"
                 "{\"error\": {\"class\": \"GenericError\", \"desc\": \"x\"}}\n{\"new-kind\": 1}\n{\"event\": 5}\n",
                 -1);
  fake_qemu_event (f->fake, "STOP", NULL);
  while (!is_over)
    g_main_context_iteration (NULL, TRUE);
  assert_answers (f, "query-status");
}

static void
assert_lost (Fixture *f, int code)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) reason = NULL;
  g_autoptr(JsonNode) result = qmp_client_execute (f->client, "query-jobs", NULL, f->wait, &error);

  g_assert_null (result);
  g_assert_error (error, QMP_ERROR, QMP_ERROR_CLOSED);
  g_assert_false (qmp_client_check_open (f->client, &reason));
  g_assert_error (reason, QMP_ERROR, code);
}

static void
test_garbage_later (Fixture *f, gconstpointer data)
{
  open_client (f);
  fake_qemu_raw_on (f->fake, "query-jobs", "qemu-system-x86_64: panic");
  assert_lost (f, QMP_ERROR_NOT_QMP);
}

static void
test_too_deep (Fixture *f, gconstpointer data)
{
  g_autofree char *deep = g_strnfill (200000, '[');
  g_autofree char *message = g_strconcat ("{\"return\": ", deep, NULL);

  open_client (f);
  fake_qemu_raw_on (f->fake, "query-jobs", message);
  assert_lost (f, QMP_ERROR_LIMIT);
}

static void
test_endless_string (Fixture *f, gconstpointer data)
{
  g_autofree char *piece = g_strnfill (1024 * 1024, 'x');

  open_client (f);
  fake_qemu_ignore (f->fake, "query-jobs");
  fake_qemu_raw (f->fake, "{\"return\": \"", -1);
  for (int i = 0; i < 65; i++)
    fake_qemu_raw (f->fake, piece, -1);
  assert_lost (f, QMP_ERROR_LIMIT);
}

static void
test_huge_reply (Fixture *f, gconstpointer data)
{
  g_autoptr(GString) json = g_string_new ("[");
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) result = NULL;

  for (int i = 0; i < 20000; i++)
    g_string_append_printf (json, "%s{'name': 'type-%d', 'meta-type': 'enum', 'values': ['a', 'b', 'c']}", i ? ", " : "", i);
  g_string_append (json, "]");

  open_client (f);
  fake_qemu_reply (f->fake, "query-qmp-schema", json->str);
  result = qmp_client_execute (f->client, "query-qmp-schema", NULL, f->wait, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (json_array_get_length (json_node_get_array (result)), ==, 20000);
}

/* Larger than any socket buffer, towards a QEMU that reads it late. */
static void
test_huge_command (Fixture *f, gconstpointer data)
{
  g_autofree char *text = g_strnfill (8 * 1024 * 1024, 'y');
  JsonObject *arguments = json_object_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) result = NULL;
  g_autoptr(JsonObject) seen = NULL;

  json_object_set_string_member (arguments, "path", text);
  open_client (f);
  result = qmp_client_execute (f->client, "qom-get", arguments, f->wait, &error);
  g_assert_no_error (error);
  seen = fake_qemu_last_arguments (f->fake, "qom-get");
  g_assert_cmpuint (strlen (json_object_get_string_member (seen, "path")), ==, strlen (text));
}

typedef struct
{
  const char *name;
  const char *greeting;
  int code;
  const char *text;
} Stranger;

static const Stranger strangers[] = {
  { "hmp", "QEMU 7.2.22 monitor - type 'help' for more information\r\n(qemu) ", QMP_ERROR_NOT_QMP,
    "'QEMU 7.2.22 monitor - type 'help' for mo'" },
  { "binary", "\x16\x03\x01\x02garbage", QMP_ERROR_NOT_QMP, "'....garbage'" },
  { "ssh", "SSH-2.0-OpenSSH_9.2\r\n", QMP_ERROR_NOT_QMP, "'SSH-2.0-OpenSSH_9.2..'" },
  { "json", "{\"hello\": \"world\"}\r\n", QMP_ERROR_NOT_QMP, "{\"hello\":\"world\"}" },
  { "array", "[1, 2]\r\n", QMP_ERROR_NOT_QMP, "'[1, 2]..'" },
  { "half-greeting", "{\"QMP\": {\"version\": 7}}\r\n", QMP_ERROR_NOT_QMP, "no greeting" },
  { "version", "{\"QMP\": {\"version\": {\"qemu\": {\"major\": -1, \"minor\": 0, \"micro\": 0}}}}\r\n", QMP_ERROR_NOT_QMP,
    "no greeting" },
};

static void
test_stranger (Fixture *f, gconstpointer data)
{
  const Stranger *stranger = data;
  g_autoptr(GError) error = NULL;

  fake_qemu_set_greeting (f->fake, stranger->greeting);
  error = fail_to_open (f, f->wait);
  g_assert_error (error, QMP_ERROR, stranger->code);
  assert_contains (error->message, stranger->text);
}

static void
test_greeting_too_long (Fixture *f, gconstpointer data)
{
  g_autofree char *filler = g_strnfill (100 * 1024, 'x');
  g_autofree char *greeting = g_strconcat ("{\"QMP\": \"", filler, NULL);
  g_autoptr(GError) error = NULL;

  fake_qemu_set_greeting (f->fake, greeting);
  error = fail_to_open (f, f->wait);
  g_assert_error (error, QMP_ERROR, QMP_ERROR_LIMIT);
}

static void
test_greeting_too_deep (Fixture *f, gconstpointer data)
{
  g_autofree char *deep = g_strnfill (200000, '[');
  g_autofree char *greeting = g_strconcat ("{\"QMP\": ", deep, NULL);
  g_autoptr(GError) error = NULL;

  fake_qemu_set_greeting (f->fake, greeting);
  error = fail_to_open (f, f->wait);
  g_assert_error (error, QMP_ERROR, QMP_ERROR_LIMIT);
}

static void
test_no_greeting (Fixture *f, gconstpointer data)
{
  g_autoptr(QmpWait) brief = qmp_wait_new_within (f->wait, "the greeting", 20);
  g_autoptr(GError) error = NULL;

  fake_qemu_set_greeting (f->fake, "");
  error = fail_to_open (f, brief);
  g_assert_error (error, QMP_ERROR, QMP_ERROR_BUSY);
  assert_contains (error->message, "another client (libvirt, Incus, another qmig, ...) probably owns this monitor");
  /* Who gives up leaves the queue. */
  fake_qemu_wait_for_hang_up (f->fake);
}

static void
test_negotiation_refused (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  fake_qemu_fail (f->fake, "qmp_capabilities", "GenericError", "not today");
  error = fail_to_open (f, f->wait);
  g_assert_error (error, QMP_ERROR, QMP_ERROR_GENERIC);
  g_assert_cmpstr (error->message, ==, "qmp_capabilities: not today");
}

static void
test_negotiation_garbage (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  fake_qemu_raw_on (f->fake, "qmp_capabilities", "Segmentation fault");
  error = fail_to_open (f, f->wait);
  g_assert_error (error, QMP_ERROR, QMP_ERROR_NOT_QMP);
}

static void
test_private_context (Fixture *f, gconstpointer data)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  QmpWait *wait;
  Call call = { 0 };

  g_main_context_push_thread_default (context);
  wait = qmp_wait_new (NULL, "the fake QEMU", LIMIT_MS);
  g_main_context_pop_thread_default (context);
  qmp_wait_free (f->wait);
  f->wait = wait;

  open_client (f);
  assert_answers (f, "query-status");
  start (f, &call, "query-status", FALSE, NULL);
  while (!call.is_over)
    g_main_context_iteration (context, TRUE);
  g_assert_no_error (call.error);
  clear_call (&call);
}

static void
drop_client (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *f = data;

  g_clear_object (&f->client);
}

/* The last reference may go in a callback. */
static void
test_last_reference (Fixture *f, gconstpointer data)
{
  gpointer watched;

  open_client (f);
  watched = f->client;
  g_object_add_weak_pointer (watched, &watched);
  qmp_client_execute_async (f->client, "query-status", NULL, FALSE, NULL, drop_client, f);
  while (watched)
    g_main_context_iteration (NULL, TRUE);
  fake_qemu_wait_for_hang_up (f->fake);
}

int
main (int argc, char **argv)
{
  static const char *const shapes[] = { "pretty", "bytes", "pretty-bytes" };

  g_test_init (&argc, &argv, NULL);
#define TEST(path, func, data) g_test_add ("/qmp-client/" path, Fixture, data, set_up, func, tear_down)
  TEST ("negotiate", test_negotiate, NULL);
  TEST ("negotiate-without-oob", test_negotiate_without_oob, NULL);
  TEST ("reply", test_reply, NULL);
  TEST ("refusals", test_refusals, NULL);
  TEST ("unsendable", test_unsendable, NULL);
  TEST ("shape/pretty", test_shapes, &shapes[0]);
  TEST ("shape/bytes", test_shapes, &shapes[1]);
  TEST ("shape/pretty-bytes", test_shapes, &shapes[2]);
  TEST ("oob-overtakes", test_oob_overtakes, NULL);
  TEST ("queue", test_queue, NULL);
  TEST ("cancel-queued", test_cancel_queued, NULL);
  TEST ("timeout", test_timeout, NULL);
  TEST ("no-time-left", test_no_time_left, NULL);
  TEST ("abandoned-keep-their-place", test_abandoned_keep_their_place, NULL);
  TEST ("cancel", test_cancel, NULL);
  TEST ("events", test_events, NULL);
  TEST ("nested", test_nested, NULL);
  TEST ("hang-up", test_hang_up, NULL);
  TEST ("execute-after-close", test_execute_after_close, NULL);
  TEST ("hang-up-in-message", test_hang_up_in_message, NULL);
  TEST ("hang-up-instead", test_hang_up_instead, NULL);
  TEST ("error-without-id", test_error_without_id, NULL);
  TEST ("strange-messages", test_strange_messages, NULL);
  TEST ("garbage-later", test_garbage_later, NULL);
  TEST ("too-deep", test_too_deep, NULL);
  TEST ("endless-string", test_endless_string, NULL);
  TEST ("huge-reply", test_huge_reply, NULL);
  TEST ("huge-command", test_huge_command, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (strangers); i++)
    {
      g_autofree char *path = g_strdup_printf ("/qmp-client/stranger/%s", strangers[i].name);

      g_test_add (path, Fixture, &strangers[i], set_up, test_stranger, tear_down);
    }
  TEST ("greeting-too-long", test_greeting_too_long, NULL);
  TEST ("greeting-too-deep", test_greeting_too_deep, NULL);
  TEST ("no-greeting", test_no_greeting, NULL);
  TEST ("negotiation-refused", test_negotiation_refused, NULL);
  TEST ("negotiation-garbage", test_negotiation_garbage, NULL);
  TEST ("private-context", test_private_context, NULL);
  TEST ("last-reference", test_last_reference, NULL);
  return g_test_run ();
}
