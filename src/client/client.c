/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One session with one agent, and calls over it. */

#include "client-tls.h"

#include <string.h>

#include "json-strict.h"
#include "pki.h"

G_DEFINE_FINAL_TYPE (QmigClient, qmig_client, G_TYPE_OBJECT)

static void
qmig_client_finalize (GObject *object)
{
  QmigClient *self = QMIG_CLIENT (object);

  g_clear_object (&self->session);
  g_clear_pointer (&self->tunnel, client_tunnel_free);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_clear_object (&self->own);
  g_free (self->theirs);
  g_free (self->socket_path);
  g_free (self->host);
  g_free (self->pin);
  g_free (self->pki_dir);
  g_free (self->base);
  g_free (self->uri);
  G_OBJECT_CLASS (qmig_client_parent_class)->finalize (object);
}

static void
qmig_client_class_init (QmigClientClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = qmig_client_finalize;
}

static void
qmig_client_init (QmigClient *self)
{
}

static char *
socket_path_of_uri (const char *uri, GError **error)
{
  const char *path = uri + strlen ("unix:");

  if (g_str_equal (uri, "local"))
    {
      g_autofree char *runtime_dir = qmig_client_default_runtime_dir ();

      return g_build_filename (runtime_dir, "agent.sock", NULL);
    }

  if (g_str_has_prefix (uri, "unix:") && g_path_is_absolute (path))
    return g_strdup (path);

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
               "cannot use '%s' as the address of an agent: expected 'local', 'unix:' and an absolute path, "
               "ssh://[USER@]HOST[:PORT] or https://HOST[:PORT]",
               uri);
  return NULL;
}

static QmigClient *
new_for (const char *uri)
{
  QmigClient *self = g_object_new (QMIG_TYPE_CLIENT, NULL);

  self->uri = g_strdup (uri);
  self->context = g_main_context_ref_thread_default ();
  return self;
}

static QmigClient *
new_https (const char *uri, GError **error)
{
  g_autoptr(QmigClient) self = new_for (uri);
  g_autofree char *config = qmig_client_default_config_path ();

  if (!client_tls_read_uri (uri, &self->base, &self->host, error) || !client_find_pin (uri, &self->pin, error))
    return NULL;

  self->pki_dir = qmig_pki_default_dir (config);
  self->session = client_tls_session_new ();
  return g_steal_pointer (&self);
}

QmigClient *
qmig_client_new (const char *uri, GError **error)
{
  g_autoptr(ClientTunnel) tunnel = NULL;
  g_autofree char *path = NULL;
  g_autoptr(GSocketAddress) address = NULL;
  QmigClient *self;

  if (g_str_has_prefix (uri, "https:"))
    return new_https (uri, error);

  if (g_str_has_prefix (uri, "ssh:"))
    {
      tunnel = client_tunnel_new (uri, NULL, error);
      path = tunnel != NULL ? g_strdup (client_tunnel_get_path (tunnel)) : NULL;
    }
  else
    {
      path = socket_path_of_uri (uri, error);
    }
  if (path == NULL)
    return NULL;

  if (strlen (path) > CLIENT_SOCKET_PATH_MAX)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                   "cannot use socket '%s': the path has %zu bytes and the system allows %d; "
                   "choose a shorter runtime directory (QMIG_RUNTIME_DIR)",
                   path, strlen (path), CLIENT_SOCKET_PATH_MAX);
      return NULL;
    }

  self = new_for (uri);
  self->base = g_strdup ("http://agent");
  self->socket_path = g_steal_pointer (&path);
  self->tunnel = g_steal_pointer (&tunnel);
  address = g_unix_socket_address_new (self->socket_path);
  /* The default of two connections would let one event stream and one long poll block every other call. */
  self->session = soup_session_new_with_options ("remote-connectable", address, "max-conns", 16, "max-conns-per-host",
                                                 16, "user-agent", "qmig/" QMIG_VERSION, NULL);
  return self;
}

const char *
qmig_client_get_uri (QmigClient *self)
{
  return self->uri;
}

static void
append_escaped (GString *path, const char *text)
{
  g_autofree char *escaped = g_uri_escape_string (text != NULL ? text : "", NULL, FALSE);

  g_string_append (path, escaped);
}

/* Understands %s, %d, %u, %ld and %lu (which are what the 64-bit formats of GLib are here), and %%. */
char *
qmig_client_path (const char *format, ...)
{
  GString *path = g_string_new (NULL);
  va_list args;

  va_start (args, format);
  for (const char *p = format; *p != '\0'; p++)
    {
      gboolean is_long = FALSE;

      if (*p != '%')
        {
          g_string_append_c (path, *p);
          continue;
        }

      p++;
      for (; *p == 'l'; p++)
        is_long = TRUE;

      if (*p == 's')
        append_escaped (path, va_arg (args, const char *));
      else if (*p == '%')
        g_string_append_c (path, '%');
      else if (*p == 'u' && is_long)
        g_string_append_printf (path, "%lu", va_arg (args, unsigned long));
      else if (*p == 'u')
        g_string_append_printf (path, "%u", va_arg (args, unsigned int));
      else if (is_long)
        g_string_append_printf (path, "%ld", va_arg (args, long));
      else
        g_string_append_printf (path, "%d", va_arg (args, int));
    }
  va_end (args);

  return g_string_free (path, FALSE);
}

SoupMessage *
client_message_new (QmigClient *self, const char *method, const char *path, JsonObject *body, GError **error)
{
  g_autofree char *text = g_strconcat (self->base, path, NULL);
  g_autoptr(GUri) uri = g_uri_parse (text, SOUP_HTTP_URI_FLAGS, NULL);
  g_autoptr(SoupMessage) message = NULL;

  g_return_val_if_fail (uri != NULL, NULL);

  message = soup_message_new_from_uri (method, uri);
  /* Idempotent is libsoup's word for "may go over a connection that is open already"; it does not repeat a POST all the same. */
  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT | SOUP_MESSAGE_IDEMPOTENT);
  if (body != NULL)
    {
      char *json = json_strict_print_object (body);
      g_autoptr(GBytes) bytes = g_bytes_new_take (json, strlen (json));

      soup_message_set_request_body_from_bytes (message, "application/json", bytes);
    }

  if (self->host != NULL && !client_tls_prepare (self, message, error))
    return NULL;
  return g_steal_pointer (&message);
}

gboolean
client_check_api (QmigClient *self, SoupMessage *message, GError **error)
{
  const char *api = soup_message_headers_get_one (soup_message_get_response_headers (message), "X-Qmig-Api");

  if (api == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNREACHABLE,
                   "cannot talk to the agent at %s: what answers there (HTTP status %u) is not a qmig agent", self->uri,
                   soup_message_get_status (message));
      return FALSE;
    }

  if (g_ascii_strtoll (api, NULL, 10) != QMIG_API_VERSION)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED,
                   "cannot talk to the agent at %s: it speaks API %s, this qmig speaks API %d; "
                   "install the same version of qmig on both sides",
                   self->uri, api, QMIG_API_VERSION);
      return FALSE;
    }

  return TRUE;
}

static void
set_error_from_problem (QmigClient *self, guint status, const QmigProblem *problem, GError **error)
{
  int code = problem != NULL ? (int) problem->exit_code : QMIG_EXIT_ERROR;

  if (code <= QMIG_EXIT_OK || code > QMIG_EXIT_INTERRUPTED)
    code = QMIG_EXIT_ERROR;

  if (problem != NULL && problem->title != NULL)
    g_set_error_literal (error, QMIG_ERROR, code, problem->title);
  else
    g_set_error (error, QMIG_ERROR, code, "the agent at %s answered with HTTP status %u and no reason", self->uri,
                 status);
}

JsonObject *
client_read_answer (QmigClient *self,
                    SoupMessage *message,
                    const guint8 *text,
                    gsize length,
                    QmigProblem **problem,
                    GError **error)
{
  static const JsonStrictLimits limits = { CLIENT_ANSWER_MAX_BYTES, 64 };
  guint status = soup_message_get_status (message);
  g_autoptr(JsonObject) object = NULL;

  if (!client_check_api (self, message, error))
    return NULL;

  if (status >= 300)
    {
      g_autoptr(QmigProblem) read
          = length > 0 ? qmig_problem_from_text ((const char *) text, (gssize) length, NULL) : NULL;

      set_error_from_problem (self, status, read, error);
      if (problem != NULL)
        *problem = g_steal_pointer (&read);
      return NULL;
    }

  if (length == 0)
    return json_object_new ();

  object = json_strict_parse_object ((const char *) text, length, &limits, error);
  if (object == NULL)
    g_prefix_error (error, "cannot read the answer of the agent at %s: ", self->uri);
  return g_steal_pointer (&object);
}

GError *
client_unreachable (QmigClient *self, const GError *cause)
{
  const GError *problem = self->tunnel != NULL ? client_tunnel_get_problem (self->tunnel) : NULL;

  if (cause->domain == QMIG_ERROR)
    return g_error_copy (cause);
  return g_error_new (QMIG_ERROR, problem != NULL ? problem->code : QMIG_EXIT_UNREACHABLE,
                      "cannot reach the agent at %s: %s", self->uri,
                      problem != NULL ? problem->message : cause->message);
}

/* -- one call -------------------------------------------------------------- */

typedef struct
{
  SoupMessage *message;
  char *what; /* "GET /v1/host", for errors */
  gint64 timeout_ms;
  GCancellable *stop; /* the operation's own: the caller's cancellable and the timer both end it */
  GSource *timer;
  GSource *cancel_source;
  gboolean timed_out;
  gboolean cancelled;
  GInputStream *stream;
  GByteArray *answer;
  QmigProblem *problem;
  GError *cause; /* of a failure whose reason ssh has still to say */
} Call;

static void
destroy_source (GSource *source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

static void
call_free (Call *call)
{
  g_clear_pointer (&call->timer, destroy_source);
  g_clear_pointer (&call->cancel_source, destroy_source);
  g_clear_object (&call->message);
  g_clear_object (&call->stop);
  g_clear_object (&call->stream);
  g_clear_pointer (&call->answer, g_byte_array_unref);
  g_clear_pointer (&call->problem, qmig_problem_free);
  g_clear_error (&call->cause);
  g_free (call->what);
  g_free (call);
}

static gboolean
call_timed_out (gpointer user_data)
{
  Call *call = user_data;

  call->timed_out = TRUE;
  g_cancellable_cancel (call->stop);
  return G_SOURCE_REMOVE;
}

static gboolean
call_cancelled (GCancellable *cancellable, gpointer user_data)
{
  Call *call = user_data;

  call->cancelled = TRUE;
  g_cancellable_cancel (call->stop);
  return G_SOURCE_REMOVE;
}

static void
call_arm (Call *call, QmigClient *self, GCancellable *cancellable)
{
  if (call->timeout_ms >= 0)
    {
      call->timer = g_timeout_source_new ((guint) MIN (call->timeout_ms, G_MAXINT));
      g_source_set_callback (call->timer, call_timed_out, call, NULL);
      g_source_attach (call->timer, self->context);
    }

  if (cancellable != NULL)
    {
      call->cancel_source = g_cancellable_source_new (cancellable);
      g_source_set_callback (call->cancel_source, G_SOURCE_FUNC (call_cancelled), call, NULL);
      g_source_attach (call->cancel_source, self->context);
    }
}

static void
call_give_up (GTask *task)
{
  QmigClient *self = g_task_get_source_object (task);
  Call *call = g_task_get_task_data (task);

  call->cause = client_tls_explain (self, call->message, call->cause, NULL);
  if (call->cancelled)
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "%s on the agent at %s was cancelled", call->what,
                             self->uri);
  else if (call->timed_out)
    g_task_return_new_error (task, QMIG_ERROR, QMIG_EXIT_TIMEOUT,
                             "%s on the agent at %s: no answer within %" G_GINT64_FORMAT " ms", call->what, self->uri,
                             call->timeout_ms);
  else
    g_task_return_error (task, client_unreachable (self, call->cause));

  g_object_unref (task);
}

static void
call_settled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  call_give_up (user_data);
}

static void
call_fail (GTask *task, GError *cause)
{
  QmigClient *self = g_task_get_source_object (task);
  Call *call = g_task_get_task_data (task);
  gboolean ssh_knows = self->tunnel != NULL && cause->domain != QMIG_ERROR && !call->cancelled && !call->timed_out;

  call->cause = cause;
  if (ssh_knows)
    client_tunnel_settle_async (self->tunnel, call->stop, call_settled, task);
  else
    call_give_up (task);
}

static void
call_complete (GTask *task)
{
  QmigClient *self = g_task_get_source_object (task);
  Call *call = g_task_get_task_data (task);
  GError *error = NULL;
  JsonObject *object
      = client_read_answer (self, call->message, call->answer->data, call->answer->len, &call->problem, &error);

  if (object != NULL)
    g_task_return_pointer (task, object, (GDestroyNotify) json_object_unref);
  else
    g_task_return_error (task, error);
  g_object_unref (task);
}

static void call_read (GTask *task);

static void
call_got_bytes (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Call *call = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr(GBytes) bytes = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, &error);

  if (bytes == NULL)
    {
      call_fail (task, error);
      return;
    }

  if (g_bytes_get_size (bytes) == 0)
    {
      call_complete (task);
      return;
    }

  if (call->answer->len + g_bytes_get_size (bytes) > CLIENT_ANSWER_MAX_BYTES)
    {
      call_fail (task, g_error_new (QMIG_ERROR, QMIG_EXIT_ERROR, "%s: the answer has more than %u bytes", call->what,
                                    CLIENT_ANSWER_MAX_BYTES));
      return;
    }

  g_byte_array_append (call->answer, g_bytes_get_data (bytes, NULL), (guint) g_bytes_get_size (bytes));
  call_read (task);
}

static void
call_read (GTask *task)
{
  Call *call = g_task_get_task_data (task);

  g_input_stream_read_bytes_async (call->stream, 65536, G_PRIORITY_DEFAULT, call->stop, call_got_bytes, task);
}

static void
call_sent (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Call *call = g_task_get_task_data (task);
  GError *error = NULL;

  call->stream = soup_session_send_finish (SOUP_SESSION (source), result, &error);
  if (call->stream == NULL)
    call_fail (task, error);
  else
    call_read (task);
}

void
qmig_client_call_async (QmigClient *self,
                        const char *method,
                        const char *path,
                        JsonObject *body,
                        gint64 timeout_ms,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
  GTask *task = g_task_new (self, NULL, callback, user_data);
  Call *call = g_new0 (Call, 1);
  GError *error = NULL;

  g_task_set_source_tag (task, qmig_client_call_async);
  g_task_set_task_data (task, call, (GDestroyNotify) call_free);
  call->what = g_strdup_printf ("%s %s", method, path);
  call->timeout_ms = timeout_ms;
  call->stop = g_cancellable_new ();
  call->answer = g_byte_array_new ();
  call->message = client_message_new (self, method, path, body, &error);
  if (call->message == NULL)
    {
      call_fail (task, error);
      return;
    }

  call_arm (call, self, cancellable);
  soup_session_send_async (self->session, call->message, G_PRIORITY_DEFAULT, call->stop, call_sent, task);
}

JsonObject *
qmig_client_call_finish (QmigClient *self, GAsyncResult *result, QmigProblem **problem, GError **error)
{
  Call *call = g_task_get_task_data (G_TASK (result));

  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  if (problem != NULL)
    *problem = g_steal_pointer (&call->problem);
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GAsyncResult **kept = user_data;

  *kept = g_object_ref (result);
}

JsonObject *
qmig_client_call (QmigClient *self,
                  const char *method,
                  const char *path,
                  JsonObject *body,
                  gint64 timeout_ms,
                  QmigProblem **problem,
                  GCancellable *cancellable,
                  GError **error)
{
  g_autoptr(GAsyncResult) result = NULL;

  qmig_client_call_async (self, method, path, body, timeout_ms, cancellable, keep_result, &result);
  while (result == NULL)
    g_main_context_iteration (self->context, TRUE);

  return qmig_client_call_finish (self, result, problem, error);
}
