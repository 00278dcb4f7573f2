/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The event stream of one migration: JSON lines, opened again whenever it breaks or falls silent. */

#include "client-tls.h"

#include <string.h>

#include "json-strict.h"

const ClientFollowLimits client_follow_limits = { 10000, 30000, 100 };

#define RETRY_MAX_MS 1000

typedef struct
{
  QmigClient *client;
  const char *migration;
  gint64 after; /* seq of the last event delivered */
  const ClientFollowLimits *limits;
  QmigEventFunc func;
  gpointer user_data;
  GCancellable *cancellable;

  GCancellable *stop;   /* ends the operation under way */
  GAsyncResult *result; /* of the operation under way, once it has one */
  GSource *timer;
  gboolean timer_fired;
  GSource *cancel_source;
  gint64 heard_us; /* when the last line came, monotonic */
  GError *cause;   /* of the last break */
} Follow;

typedef enum
{
  FOLLOW_AGAIN,  /* the stream broke; open it again */
  FOLLOW_OVER,   /* the result was delivered, or the caller has enough */
  FOLLOW_FAILED, /* no use trying again */
} FollowEnd;

static gboolean
follow_timer_fired (gpointer user_data)
{
  Follow *follow = user_data;

  follow->timer_fired = TRUE;
  g_cancellable_cancel (follow->stop);
  return G_SOURCE_CONTINUE;
}

static gboolean
follow_cancelled (GCancellable *cancellable, gpointer user_data)
{
  Follow *follow = user_data;

  g_cancellable_cancel (follow->stop);
  return G_SOURCE_REMOVE;
}

static void
follow_init (Follow *follow)
{
  follow->heard_us = g_get_monotonic_time ();
  follow->timer = g_timeout_source_new (G_MAXUINT);
  g_source_set_callback (follow->timer, follow_timer_fired, follow, NULL);
  g_source_set_ready_time (follow->timer, -1);
  g_source_attach (follow->timer, follow->client->context);

  if (follow->cancellable != NULL)
    {
      follow->cancel_source = g_cancellable_source_new (follow->cancellable);
      g_source_set_callback (follow->cancel_source, G_SOURCE_FUNC (follow_cancelled), follow, NULL);
      g_source_attach (follow->cancel_source, follow->client->context);
    }
}

static void
follow_clear (Follow *follow)
{
  g_source_destroy (follow->timer);
  g_source_unref (follow->timer);
  if (follow->cancel_source != NULL)
    {
      g_source_destroy (follow->cancel_source);
      g_source_unref (follow->cancel_source);
    }
  g_clear_object (&follow->stop);
  g_clear_object (&follow->result);
  g_clear_error (&follow->cause);
}

static void
follow_finished (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Follow *follow = user_data;

  follow->result = g_object_ref (result);
}

/* A fresh start for the next operation: it may take @limit_ms. */
static void
follow_begin (Follow *follow, gint64 limit_ms)
{
  g_clear_object (&follow->result);
  g_clear_object (&follow->stop);
  follow->stop = g_cancellable_new ();
  follow->timer_fired = FALSE;
  g_source_set_ready_time (follow->timer, g_get_monotonic_time () + limit_ms * 1000);
  if (g_cancellable_is_cancelled (follow->cancellable))
    g_cancellable_cancel (follow->stop);
}

/* The operation always completes: the timer or the caller's cancellable end it where the agent does not. */
static void
follow_await (Follow *follow)
{
  while (follow->result == NULL)
    g_main_context_iteration (follow->client->context, TRUE);
  g_source_set_ready_time (follow->timer, -1);
}

static void
follow_broke (Follow *follow, GError *cause)
{
  g_clear_error (&follow->cause);
  if (!follow->timer_fired)
    {
      follow->cause = cause;
      return;
    }

  g_error_free (cause);
  follow->cause = g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "it was silent for %" G_GINT64_FORMAT " ms",
                               follow->limits->silence_ms);
}

static void
follow_pause (Follow *follow, gint64 ms)
{
  follow_begin (follow, ms);
  while (!follow->timer_fired && !g_cancellable_is_cancelled (follow->stop))
    g_main_context_iteration (follow->client->context, TRUE);
  g_source_set_ready_time (follow->timer, -1);
}

/* NULL and follow->cause when the connection broke. */
static GBytes *
follow_read (Follow *follow, GInputStream *stream)
{
  GError *cause = NULL;
  GBytes *bytes;

  follow_begin (follow, follow->limits->silence_ms);
  g_input_stream_read_bytes_async (stream, 65536, G_PRIORITY_DEFAULT, follow->stop, follow_finished, follow);
  follow_await (follow);
  bytes = g_input_stream_read_bytes_finish (stream, follow->result, &cause);
  if (bytes == NULL)
    follow_broke (follow, cause);
  return bytes;
}

static FollowEnd
follow_deliver (Follow *follow, const char *line, gsize length, GError **error)
{
  g_autoptr(QmigEvent) event = qmig_event_from_text (line, (gssize) length, error);
  gboolean goes_on;

  if (event == NULL)
    {
      g_prefix_error (error, "cannot read the events of %s from the agent at %s: ", follow->migration,
                      follow->client->uri);
      return FOLLOW_FAILED;
    }

  follow->heard_us = g_get_monotonic_time ();
  if (g_strcmp0 (event->type, "end") == 0)
    return FOLLOW_OVER;
  if (g_strcmp0 (event->type, "heartbeat") == 0 || event->seq <= follow->after)
    return FOLLOW_AGAIN;

  follow->after = event->seq;
  goes_on = follow->func (event, follow->user_data);
  return goes_on && g_strcmp0 (event->type, "result") != 0 ? FOLLOW_AGAIN : FOLLOW_OVER;
}

/* Delivers the whole lines at the start of @pending and keeps the rest. */
static FollowEnd
follow_split (Follow *follow, GByteArray *pending, GError **error)
{
  const char *text = (const char *) pending->data;
  gsize done = 0;
  FollowEnd end = FOLLOW_AGAIN;

  while (end == FOLLOW_AGAIN && !g_cancellable_is_cancelled (follow->cancellable))
    {
      const char *newline = memchr (text + done, '\n', pending->len - done);

      if (newline == NULL)
        break;

      end = follow_deliver (follow, text + done, (gsize) (newline - text) - done, error);
      done = (gsize) (newline - text) + 1;
    }

  if (done > 0)
    g_byte_array_remove_range (pending, 0, (guint) done);

  if (end == FOLLOW_AGAIN && pending->len > CLIENT_LINE_MAX_BYTES)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR,
                   "cannot read the events of %s from the agent at %s: a line has more than %u bytes",
                   follow->migration, follow->client->uri, CLIENT_LINE_MAX_BYTES);
      return FOLLOW_FAILED;
    }
  return end;
}

static FollowEnd
follow_stream (Follow *follow, GInputStream *stream, GError **error)
{
  g_autoptr(GByteArray) pending = g_byte_array_new ();
  FollowEnd end = FOLLOW_AGAIN;

  while (end == FOLLOW_AGAIN)
    {
      g_autoptr(GBytes) bytes = follow_read (follow, stream);

      if (bytes == NULL)
        return FOLLOW_AGAIN;
      /* No orderly end either: libsoup tells a chunked body that breaks off from a finished one by nothing. */
      if (g_bytes_get_size (bytes) == 0)
        {
          follow_broke (follow, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, "it closed the event stream"));
          return FOLLOW_AGAIN;
        }

      g_byte_array_append (pending, g_bytes_get_data (bytes, NULL), (guint) g_bytes_get_size (bytes));
      end = follow_split (follow, pending, error);
    }
  return end;
}

/* The agent's reason for not giving a stream. */
static FollowEnd
follow_refused (Follow *follow, SoupMessage *message, GInputStream *stream, GError **error)
{
  g_autoptr(GByteArray) body = g_byte_array_new ();
  g_autoptr(JsonObject) object = NULL;

  while (body->len < CLIENT_LINE_MAX_BYTES)
    {
      g_autoptr(GBytes) bytes = follow_read (follow, stream);

      if (bytes == NULL)
        return FOLLOW_AGAIN;
      if (g_bytes_get_size (bytes) == 0)
        break;
      g_byte_array_append (body, g_bytes_get_data (bytes, NULL), (guint) g_bytes_get_size (bytes));
    }

  object = client_read_answer (follow->client, message, body->data, body->len, NULL, error);
  g_return_val_if_fail (object == NULL, FOLLOW_FAILED);
  return FOLLOW_FAILED;
}

static FollowEnd
follow_once (Follow *follow, GError **error)
{
  g_autofree char *path = qmig_client_path ("/v1/migrations/%s/events?follow=1&after=%" G_GINT64_FORMAT,
                                            follow->migration, follow->after);
  g_autoptr(SoupMessage) message = client_message_new (follow->client, "GET", path, NULL, error);
  g_autoptr(GInputStream) stream = NULL;
  gboolean hopeless = FALSE;
  GError *cause = NULL;

  if (message == NULL)
    return FOLLOW_FAILED;

  follow_begin (follow, follow->limits->silence_ms);
  soup_session_send_async (follow->client->session, message, G_PRIORITY_DEFAULT, follow->stop, follow_finished, follow);
  follow_await (follow);
  stream = soup_session_send_finish (follow->client->session, follow->result, &cause);
  if (stream == NULL)
    {
      cause = client_tls_explain (follow->client, message, cause, &hopeless);
      if (!hopeless)
        {
          follow_broke (follow, cause);
          return FOLLOW_AGAIN;
        }
      g_propagate_error (error, cause);
      return FOLLOW_FAILED;
    }

  if (soup_message_get_status (message) != SOUP_STATUS_OK)
    return follow_refused (follow, message, stream, error);
  if (!client_check_api (follow->client, message, error))
    return FOLLOW_FAILED;
  return follow_stream (follow, stream, error);
}

/* FALSE where ssh says why it broke, and trying again changes nothing. */
static gboolean
follow_settle (Follow *follow, GError **error)
{
  ClientTunnel *tunnel = follow->client->tunnel;
  const GError *problem;

  if (tunnel == NULL)
    return TRUE;

  follow_begin (follow, follow->limits->silence_ms);
  client_tunnel_settle_async (tunnel, follow->stop, follow_finished, follow);
  follow_await (follow);
  problem = client_tunnel_get_problem (tunnel);
  if (problem == NULL || problem->code == QMIG_EXIT_UNREACHABLE)
    return TRUE;

  g_propagate_error (error, client_unreachable (follow->client, problem));
  return FALSE;
}

static gboolean
follow_run (Follow *follow, GError **error)
{
  gint64 pause_ms = follow->limits->retry_ms;

  for (;;)
    {
      gint64 heard_us = follow->heard_us;
      FollowEnd end = follow_once (follow, error);

      if (end != FOLLOW_AGAIN)
        return end == FOLLOW_OVER;
      if (!follow_settle (follow, error))
        return FALSE;
      if (g_cancellable_set_error_if_cancelled (follow->cancellable, error))
        return FALSE;

      if (g_get_monotonic_time () - follow->heard_us > follow->limits->away_ms * 1000)
        {
          g_propagate_error (error, client_unreachable (follow->client, follow->cause));
          return FALSE;
        }

      pause_ms = follow->heard_us == heard_us ? MIN (pause_ms * 2, RETRY_MAX_MS) : follow->limits->retry_ms;
      follow_pause (follow, pause_ms);
    }
}

gboolean
client_follow_within (QmigClient *self,
                      const char *migration,
                      gint64 after,
                      const ClientFollowLimits *limits,
                      QmigEventFunc func,
                      gpointer user_data,
                      GCancellable *cancellable,
                      GError **error)
{
  Follow follow = { .client = self,
                    .migration = migration,
                    .after = after,
                    .limits = limits,
                    .func = func,
                    .user_data = user_data,
                    .cancellable = cancellable };
  gboolean done;

  follow_init (&follow);
  done = follow_run (&follow, error);
  follow_clear (&follow);
  return done;
}

gboolean
qmig_client_follow (QmigClient *self,
                    const char *migration,
                    gint64 after,
                    QmigEventFunc func,
                    gpointer user_data,
                    GCancellable *cancellable,
                    GError **error)
{
  return client_follow_within (self, migration, after, &client_follow_limits, func, user_data, cancellable, error);
}
