/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-client.h"

#include "json-strict.h"
#include "qmp-calls.h"
#include "qmp-channel.h"
#include "qmp-connect.h"
#include "qmp-error.h"
#include "qmp-greeting.h"

struct _QmpClient
{
  GObject parent_instance;
  GMainContext *context;
  QmpChannel *channel;
  QmpGreeting *greeting; /* (nullable) until it came */
  gboolean has_oob;
  GPid peer_pid;
  QmpCalls *calls;
  GError *reason; /* (nullable): why the connection is gone */
};

enum
{
  SIGNAL_EVENT,
  SIGNAL_CALL,
  SIGNAL_CLOSED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (QmpClient, qmp_client, G_TYPE_OBJECT)

static void
assert_owner (QmpClient *self)
{
  gboolean is_owner = g_main_context_acquire (self->context);

  g_assert (is_owner);
  g_main_context_release (self->context);
}

static void
close_with (QmpClient *self, const GError *reason)
{
  if (self->reason)
    return;

  g_object_ref (self);
  self->reason = g_error_copy (reason);
  if (self->channel)
    qmp_channel_close (self->channel);
  qmp_calls_fail_all (self->calls, self->reason->message);
  g_signal_emit (self, signals[SIGNAL_CLOSED], 0, self->reason);
  g_object_unref (self);
}

/* What QEMU says. */

static void
take_event (QmpClient *self, JsonObject *event)
{
  const char *name = json_strict_string (event, "event", NULL);
  JsonObject *stamp = json_strict_object (event, "timestamp");
  gint64 timestamp_us =
      json_strict_int (stamp, "seconds", 0) * G_USEC_PER_SEC + json_strict_int (stamp, "microseconds", 0);

  if (name)
    g_signal_emit (self, signals[SIGNAL_EVENT], 0, name, json_strict_object (event, "data"), timestamp_us);
}

static void
take_greeting (QmpClient *self, JsonObject *message)
{
  g_autoptr(GError) reason = NULL;

  self->greeting = qmp_greeting_new_from_json (message, &reason);
  if (!self->greeting)
    close_with (self, reason);
  else
    qmp_channel_set_limits (self->channel, QMP_CLIENT_MAX_MESSAGE, QMP_CLIENT_MAX_DEPTH);
}

static void
on_message (JsonObject *message, gpointer data)
{
  g_autoptr(QmpClient) self = g_object_ref (QMP_CLIENT (data));

  if (!self->greeting)
    take_greeting (self, message);
  else if (json_object_has_member (message, "event"))
    take_event (self, message);
  else if (json_object_has_member (message, "return") || json_object_has_member (message, "error"))
    qmp_calls_take_reply (self->calls, message);
  else
    g_debug ("QMP: skipped a message of an unknown kind");
}

static void
on_closed (const GError *reason, gpointer data)
{
  close_with (QMP_CLIENT (data), reason);
}

static const QmpChannelFuncs channel_funcs = { on_message, on_closed };

/* The blocking form. */

typedef struct
{
  gboolean is_over;
  JsonNode *result;
  GError *error;
} Call;

static void
end_call (JsonNode *result, GError *error, gpointer data)
{
  Call *call = data;

  call->is_over = TRUE;
  call->result = result;
  call->error = error;
}

static QmpCheck
check_call (gpointer data, GError **error)
{
  Call *call = data;

  return call->is_over ? QMP_CHECK_DONE : QMP_CHECK_PENDING;
}

static gboolean
check_may_begin (const char *command, QmpWait *wait, GError **error)
{
  if (g_cancellable_set_error_if_cancelled (qmp_wait_get_cancellable (wait), error))
    {
      g_prefix_error (error, "%s: ", command);
      return FALSE;
    }
  if (qmp_wait_left_ms (wait) == 0)
    {
      g_set_error (error, QMP_ERROR, QMP_ERROR_TIMEOUT, "%s: not sent, no time is left", command);
      return FALSE;
    }
  return TRUE;
}

static JsonNode *
execute (QmpClient   *self,
         const char  *command,
         JsonObject  *arguments,
         gboolean     out_of_band,
         QmpWait     *wait,
         GError     **error)
{
  g_autoptr(JsonObject) owned = arguments;
  g_autoptr(JsonObject) said = arguments != NULL ? json_object_ref (arguments) : NULL;
  g_autoptr(GError) cause = NULL;
  gint64 begun_us = g_get_monotonic_time ();
  Call call = { 0 };
  gint64 id;

  g_assert (qmp_wait_get_context (wait) == self->context);
  assert_owner (self);
  if (!check_may_begin (command, wait, error))
    return NULL;

  /* Anything may run in the meantime, also what drops the caller's reference. */
  g_object_ref (self);
  qmp_calls_submit (self->calls, command, g_steal_pointer (&owned), out_of_band, &id, end_call, &call);
  if (!qmp_wait_until (wait, check_call, &call, &cause))
    qmp_calls_abandon (self->calls, id, g_steal_pointer (&cause));
  g_signal_emit (self, signals[SIGNAL_CALL], 0, command, said, g_get_monotonic_time () - begun_us, call.error);
  g_object_unref (self);
  if (call.error)
    g_propagate_error (error, call.error);
  return call.result;
}

JsonNode *
qmp_client_execute (QmpClient *self, const char *command, JsonObject *arguments, QmpWait *wait, GError **error)
{
  return execute (self, command, arguments, FALSE, wait, error);
}

JsonNode *
qmp_client_execute_oob (QmpClient *self, const char *command, JsonObject *arguments, QmpWait *wait, GError **error)
{
  return execute (self, command, arguments, TRUE, wait, error);
}

/* The asynchronous form. */

typedef struct
{
  GTask *task;
  gint64 id;
  GSource *cancelled; /* (nullable) */
} AsyncCall;

static void
free_node (gpointer node)
{
  json_node_unref (node);
}

static void
end_async_call (JsonNode *result, GError *error, gpointer data)
{
  AsyncCall *call = data;

  if (call->cancelled)
    {
      g_source_destroy (call->cancelled);
      g_source_unref (call->cancelled);
    }
  if (result)
    g_task_return_pointer (call->task, result, free_node);
  else
    g_task_return_error (call->task, error);
  g_object_unref (call->task);
  g_free (call);
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer data)
{
  AsyncCall *call = data;
  GError *error = NULL;

  g_cancellable_set_error_if_cancelled (cancellable, &error);
  qmp_calls_abandon (QMP_CLIENT (g_task_get_source_object (call->task))->calls, call->id, error);
  return G_SOURCE_REMOVE;
}

static void
watch_cancellable (QmpClient *self, AsyncCall *call, GCancellable *cancellable)
{
  call->cancelled = g_cancellable_source_new (cancellable);
  g_source_set_callback (call->cancelled, G_SOURCE_FUNC (on_cancelled), call, NULL);
  g_source_attach (call->cancelled, self->context);
}

static GTask *
make_task (QmpClient *self, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task;

  g_main_context_push_thread_default (self->context);
  /* Without the cancellable: an answer that came stays an answer. */
  task = g_task_new (self, NULL, callback, user_data);
  g_main_context_pop_thread_default (self->context);
  g_task_set_source_tag (task, qmp_client_execute_async);
  return task;
}

void
qmp_client_execute_async (QmpClient           *self,
                          const char          *command,
                          JsonObject          *arguments,
                          gboolean             out_of_band,
                          GCancellable        *cancellable,
                          GAsyncReadyCallback  callback,
                          gpointer             user_data)
{
  g_autoptr(GTask) task = NULL;
  g_autoptr(JsonObject) owned = arguments;
  AsyncCall *call;
  GError *error = NULL;

  assert_owner (self);
  task = make_task (self, callback, user_data);
  if (g_cancellable_set_error_if_cancelled (cancellable, &error))
    {
      g_prefix_error (&error, "%s: ", command);
      g_task_return_error (task, error);
      return;
    }

  call = g_new0 (AsyncCall, 1);
  call->task = g_object_ref (task);
  if (cancellable)
    watch_cancellable (self, call, cancellable);
  qmp_calls_submit (self->calls, command, g_steal_pointer (&owned), out_of_band, &call->id, end_async_call, call);
}

JsonNode *
qmp_client_execute_finish (QmpClient *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/* Opening and closing. */

static QmpCheck
check_greeting (gpointer data, GError **error)
{
  QmpClient *self = data;

  if (!qmp_client_check_open (self, error))
    return QMP_CHECK_FAILED;
  return self->greeting ? QMP_CHECK_DONE : QMP_CHECK_PENDING;
}

static gboolean
wait_for_greeting (QmpClient *self, QmpWait *wait, GError **error)
{
  g_autoptr(GError) cause = NULL;

  if (qmp_wait_until (wait, check_greeting, self, &cause))
    return TRUE;

  if (g_error_matches (cause, QMP_ERROR, QMP_ERROR_TIMEOUT))
    g_set_error (error, QMP_ERROR, QMP_ERROR_BUSY, "%s: it sent no greeting, " QMP_CONNECT_OTHER_CLIENT,
                 cause->message);
  else
    g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}

static gboolean
negotiate (QmpClient *self, QmpWait *wait, GError **error)
{
  g_autoptr(JsonNode) result = NULL;
  g_autoptr(GError) cause = NULL;
  JsonObject *arguments = NULL;

  if (self->greeting->offers_oob)
    {
      JsonArray *enable = json_array_new ();

      json_array_add_string_element (enable, "oob");
      arguments = json_object_new ();
      json_object_set_array_member (arguments, "enable", enable);
    }
  result = qmp_client_execute (self, "qmp_capabilities", arguments, wait, &cause);
  if (result)
    {
      self->has_oob = self->greeting->offers_oob;
      if (self->has_oob)
        qmp_calls_allow_oob (self->calls);
      return TRUE;
    }
  if (qmp_client_check_open (self, error))
    g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}

QmpClient *
qmp_client_open_stream (GIOStream *stream, QmpWait *wait, GError **error)
{
  g_autoptr(QmpClient) self = g_object_new (QMP_TYPE_CLIENT, NULL);

  self->context = g_main_context_ref (qmp_wait_get_context (wait));
  assert_owner (self);
  self->peer_pid = qmp_connect_get_peer_pid (stream);
  self->channel = qmp_channel_new (stream, self->context, &channel_funcs, self, error);
  if (!self->channel || !wait_for_greeting (self, wait, error) || !negotiate (self, wait, error))
    return NULL;

  return g_steal_pointer (&self);
}

QmpClient *
qmp_client_open (const char *path, QmpWait *wait, GError **error)
{
  g_autoptr(GIOStream) stream = qmp_connect (path, wait, error);
  QmpClient *self = stream ? qmp_client_open_stream (stream, wait, error) : NULL;

  if (!self)
    g_prefix_error (error, "cannot open monitor '%s': ", path);
  return self;
}

gboolean
qmp_client_check_open (QmpClient *self, GError **error)
{
  if (!self->reason)
    return TRUE;

  g_propagate_error (error, g_error_copy (self->reason));
  return FALSE;
}

void
qmp_client_close (QmpClient *self)
{
  g_autoptr(GError) reason = NULL;

  assert_owner (self);
  reason = g_error_new_literal (QMP_ERROR, QMP_ERROR_CLOSED, "the connection was closed on this side");
  close_with (self, reason);
}

gboolean
qmp_client_has_oob (QmpClient *self)
{
  return self->has_oob;
}

int
qmp_client_get_version (QmpClient *self)
{
  return self->greeting->version;
}

const char *
qmp_client_get_version_text (QmpClient *self)
{
  return self->greeting->version_text;
}

GPid
qmp_client_get_peer_pid (QmpClient *self)
{
  return self->peer_pid;
}

static void
qmp_client_finalize (GObject *object)
{
  QmpClient *self = QMP_CLIENT (object);

  qmp_channel_free (self->channel);
  qmp_calls_free (self->calls);
  qmp_greeting_free (self->greeting);
  g_clear_error (&self->reason);
  g_main_context_unref (self->context);
  G_OBJECT_CLASS (qmp_client_parent_class)->finalize (object);
}

static void
send_text (const char *text, gpointer data)
{
  qmp_channel_send (QMP_CLIENT (data)->channel, text);
}

static void
qmp_client_init (QmpClient *self)
{
  self->calls = qmp_calls_new (send_text, self);
}

static void
qmp_client_class_init (QmpClientClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = qmp_client_finalize;
  signals[SIGNAL_EVENT] = g_signal_new ("event", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 3,
                                        G_TYPE_STRING | G_SIGNAL_TYPE_STATIC_SCOPE, JSON_TYPE_OBJECT, G_TYPE_INT64);
  signals[SIGNAL_CALL] = g_signal_new ("call", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 4,
                                       G_TYPE_STRING | G_SIGNAL_TYPE_STATIC_SCOPE, JSON_TYPE_OBJECT, G_TYPE_INT64,
                                       G_TYPE_ERROR | G_SIGNAL_TYPE_STATIC_SCOPE);
  signals[SIGNAL_CLOSED] = g_signal_new ("closed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                                         G_TYPE_ERROR | G_SIGNAL_TYPE_STATIC_SCOPE);
}
