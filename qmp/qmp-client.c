/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-client.h"

#include "json-scan.h"
#include "json-strict.h"
#include "qmp-channel.h"
#include "qmp-connect.h"
#include "qmp-error.h"
#include "qmp-greeting.h"

#define IN_BAND_IN_FLIGHT_MAX 4

/* Exactly one of @result (transfer full) and @error (transfer full). */
typedef void (*PendingFunc) (JsonNode *result, GError *error, gpointer data);

typedef struct
{
  gint64 id;
  char *command;
  char *text; /* (nullable): what is still to be sent */
  gboolean out_of_band;
  PendingFunc func; /* (nullable): nobody waits any more */
  gpointer data;
} Pending;

struct _QmpClient
{
  GObject parent_instance;
  GMainContext *context;
  QmpChannel *channel;
  QmpGreeting *greeting; /* (nullable) until it came */
  gboolean has_oob;
  GPid peer_pid;
  GHashTable *pending; /* (element-type gint64 Pending) */
  GQueue unsent;       /* in-band ones that wait for their turn; owned by the table */
  guint in_band_in_flight;
  gint64 last_id;
  GError *reason; /* (nullable): why the connection is gone */
};

enum
{
  SIGNAL_EVENT,
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

/* Pending commands: each leaves the table by forget(), and whoever waits for it by settle(). */

static void
pending_free (gpointer data)
{
  Pending *pending = data;

  g_free (pending->command);
  g_free (pending->text);
  g_free (pending);
}

static void
settle (Pending *pending, JsonNode *result, GError *error)
{
  PendingFunc func = g_steal_pointer (&pending->func);

  if (!func)
    {
      g_clear_pointer (&result, json_node_unref);
      g_clear_error (&error);
      return;
    }
  g_prefix_error (&error, "%s: ", pending->command);
  func (result, error, pending->data);
}

static void
send_now (QmpClient *self, Pending *pending)
{
  g_autofree char *text = g_steal_pointer (&pending->text);

  if (!pending->out_of_band)
    self->in_band_in_flight++;
  /* Last, for it may end in the death of all that is pending. */
  qmp_channel_send (self->channel, text);
}

static void
send_unsent (QmpClient *self)
{
  while (!self->reason && self->in_band_in_flight < IN_BAND_IN_FLIGHT_MAX && !g_queue_is_empty (&self->unsent))
    send_now (self, g_queue_pop_head (&self->unsent));
}

/* Returns: (transfer full): the caller settles and frees it */
static Pending *
forget (QmpClient *self, Pending *pending)
{
  g_hash_table_steal (self->pending, &pending->id);
  if (pending->text)
    g_queue_remove (&self->unsent, pending);
  else if (!pending->out_of_band)
    self->in_band_in_flight--;
  return pending;
}

static void
finish (QmpClient *self, Pending *pending, JsonNode *result, GError *error)
{
  forget (self, pending);
  send_unsent (self);
  settle (pending, result, error);
  pending_free (pending);
}

/* QEMU may still answer a command that was sent, and until then it takes its place in QEMU's queue. */
static void
abandon (QmpClient *self, gint64 id, GError *error)
{
  Pending *pending = g_hash_table_lookup (self->pending, &id);

  if (!pending)
    g_clear_error (&error);
  else if (pending->text)
    finish (self, pending, NULL, error);
  else
    settle (pending, NULL, error);
}

static gint
compare_ids (gconstpointer a, gconstpointer b)
{
  const Pending *left = a;
  const Pending *right = b;

  return (left->id > right->id) - (left->id < right->id);
}

static void
fail_all (QmpClient *self)
{
  GList *all = g_list_sort (g_hash_table_get_values (self->pending), compare_ids);

  for (GList *l = all; l; l = l->next)
    forget (self, l->data);
  for (GList *l = all; l; l = l->next)
    {
      settle (l->data, NULL, g_error_new (QMP_ERROR, QMP_ERROR_CLOSED, "%s", self->reason->message));
      pending_free (l->data);
    }
  g_list_free (all);
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
  fail_all (self);
  g_signal_emit (self, signals[SIGNAL_CLOSED], 0, self->reason);
  g_object_unref (self);
}

/* What QEMU says. */

/*
 * QEMU answers without an id when it could not parse a command.  It answers
 * in-band commands in the order in which they came, so it means the oldest.
 */
static Pending *
find_oldest_sent (QmpClient *self, gboolean out_of_band)
{
  GHashTableIter iter;
  gpointer value;
  Pending *oldest = NULL;

  g_hash_table_iter_init (&iter, self->pending);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Pending *pending = value;

      if (!pending->text && pending->out_of_band == out_of_band && (!oldest || pending->id < oldest->id))
        oldest = pending;
    }
  return oldest;
}

static Pending *
find_answered (QmpClient *self, JsonObject *reply)
{
  gint64 id = json_strict_int (reply, "id", -1);
  Pending *pending;

  if (json_object_has_member (reply, "id"))
    {
      pending = g_hash_table_lookup (self->pending, &id);
      return pending && !pending->text ? pending : NULL;
    }
  if (!json_object_has_member (reply, "error"))
    return NULL;

  pending = find_oldest_sent (self, FALSE);
  return pending ? pending : find_oldest_sent (self, TRUE);
}

static void
take_reply (QmpClient *self, JsonObject *reply)
{
  Pending *pending = find_answered (self, reply);
  JsonObject *refusal = json_strict_object (reply, "error");
  GError *error = NULL;

  if (!pending)
    {
      g_debug ("QMP: dropped an answer that nobody asked for");
      return;
    }
  if (!json_object_has_member (reply, "error"))
    {
      finish (self, pending, json_object_dup_member (reply, "return"), NULL);
      return;
    }
  error = g_error_new_literal (QMP_ERROR, qmp_error_from_class (json_strict_string (refusal, "class", NULL)),
                               json_strict_string (refusal, "desc", "refused without a reason"));
  finish (self, pending, NULL, error);
}

static void
take_event (QmpClient *self, JsonObject *event)
{
  const char *name = json_strict_string (event, "event", NULL);
  JsonObject *stamp = json_strict_object (event, "timestamp");
  gint64 timestamp_us = json_strict_int (stamp, "seconds", 0) * G_USEC_PER_SEC + json_strict_int (stamp, "microseconds", 0);

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
    take_reply (self, message);
  else
    g_debug ("QMP: skipped a message of an unknown kind");
}

static void
on_closed (const GError *reason, gpointer data)
{
  close_with (QMP_CLIENT (data), reason);
}

static const QmpChannelFuncs channel_funcs = { on_message, on_closed };

/* What is said to QEMU. */

static char *
make_text (gint64 id, const char *command, JsonObject *arguments, gboolean out_of_band)
{
  g_autoptr(JsonObject) message = json_object_new ();
  g_autofree char *text = NULL;

  json_object_set_string_member (message, out_of_band ? "exec-oob" : "execute", command);
  if (arguments)
    json_object_set_object_member (message, "arguments", json_object_ref (arguments));
  json_object_set_int_member (message, "id", id);
  text = json_strict_print_object (message);
  return g_strconcat (text, "\n", NULL);
}

/* Strings may be no UTF-8, and objects deeper than QEMU reads. */
static gboolean
check_text (const char *text, GError **error)
{
  JsonScan scan;
  gsize used;

  json_scan_init (&scan, QMP_CLIENT_MAX_MESSAGE, QMP_CLIENT_MAX_DEPTH);
  if (json_scan_feed (&scan, text, strlen (text), &used) == JSON_SCAN_END && g_utf8_validate (text, -1, NULL))
    return TRUE;

  g_set_error_literal (error, QMP_ERROR, QMP_ERROR_GENERIC, "its arguments cannot be sent as JSON");
  return FALSE;
}

static Pending *
pending_new (QmpClient *self, const char *command, gboolean out_of_band, PendingFunc func, gpointer data)
{
  Pending *pending = g_new0 (Pending, 1);

  pending->id = ++self->last_id;
  pending->command = g_strdup (command);
  pending->out_of_band = out_of_band;
  pending->func = func;
  pending->data = data;
  return pending;
}

static gboolean
check_sendable (QmpClient *self, Pending *pending, GError **error)
{
  if (self->reason)
    {
      g_set_error_literal (error, QMP_ERROR, QMP_ERROR_CLOSED, self->reason->message);
      return FALSE;
    }
  if (pending->out_of_band && !self->has_oob)
    {
      g_set_error_literal (error, QMP_ERROR, QMP_ERROR_GENERIC, "this monitor does not take commands out of band");
      return FALSE;
    }
  return check_text (pending->text, error);
}

/* Calls @func exactly once, maybe before it returns, unless the id that it returns is abandoned first. */
static gint64
submit (QmpClient   *self,
        const char  *command,
        JsonObject  *arguments,
        gboolean     out_of_band,
        PendingFunc  func,
        gpointer     data)
{
  Pending *pending = pending_new (self, command, out_of_band, func, data);
  gint64 id = pending->id;
  GError *error = NULL;

  pending->text = make_text (id, command, arguments, out_of_band);
  g_clear_pointer (&arguments, json_object_unref);
  if (!check_sendable (self, pending, &error))
    {
      settle (pending, NULL, error);
      pending_free (pending);
      return id;
    }

  g_hash_table_insert (self->pending, &pending->id, pending);
  if (out_of_band)
    send_now (self, pending);
  else
    {
      g_queue_push_tail (&self->unsent, pending);
      send_unsent (self);
    }
  return id;
}

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
  g_autoptr(GError) cause = NULL;
  Call call = { 0 };
  gint64 id;

  g_assert (qmp_wait_get_context (wait) == self->context);
  assert_owner (self);
  if (!check_may_begin (command, wait, error))
    return NULL;

  /* Anything may run in the meantime, also what drops the caller's reference. */
  g_object_ref (self);
  id = submit (self, command, g_steal_pointer (&owned), out_of_band, end_call, &call);
  if (!qmp_wait_until (wait, check_call, &call, &cause))
    abandon (self, id, g_steal_pointer (&cause));
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
  abandon (g_task_get_source_object (call->task), call->id, error);
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
  call->id = self->last_id + 1;
  if (cancellable)
    watch_cancellable (self, call, cancellable);
  submit (self, command, g_steal_pointer (&owned), out_of_band, end_async_call, call);
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
    g_set_error (error, QMP_ERROR, QMP_ERROR_BUSY, "%s: it sent no greeting, " QMP_CONNECT_OTHER_CLIENT, cause->message);
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
  g_autoptr(GError) reason = g_error_new_literal (QMP_ERROR, QMP_ERROR_CLOSED, "the connection was closed on this side");

  assert_owner (self);
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

  /* Only abandoned commands are left here: whoever waits holds a reference. */
  qmp_channel_free (self->channel);
  g_queue_clear (&self->unsent);
  g_hash_table_unref (self->pending);
  qmp_greeting_free (self->greeting);
  g_clear_error (&self->reason);
  g_main_context_unref (self->context);
  G_OBJECT_CLASS (qmp_client_parent_class)->finalize (object);
}

static void
qmp_client_init (QmpClient *self)
{
  self->pending = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, pending_free);
  g_queue_init (&self->unsent);
}

static void
qmp_client_class_init (QmpClientClass *klass)
{
  GType type = G_TYPE_FROM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = qmp_client_finalize;
  signals[SIGNAL_EVENT] = g_signal_new ("event", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 3,
                                        G_TYPE_STRING | G_SIGNAL_TYPE_STATIC_SCOPE, JSON_TYPE_OBJECT, G_TYPE_INT64);
  signals[SIGNAL_CLOSED] = g_signal_new ("closed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                                         G_TYPE_ERROR | G_SIGNAL_TYPE_STATIC_SCOPE);
}
