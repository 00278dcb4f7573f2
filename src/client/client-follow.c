/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The event stream of one migration: JSON lines, opened again whenever it breaks or falls silent. */

#include "client-tls.h"

#include <string.h>

#include "json-strict.h"

const ClientFollowLimits client_follow_limits = { 10000, 30000, 100 };

#define RETRY_MAX_MS 1000

/* The caller has one reference, each operation under way another. */
struct _QmigFollow
{
  QmigClient *client;
  char *migration;
  gint64 after; /* seq of the last event delivered */
  const ClientFollowLimits *limits;
  QmigEventFunc func;
  QmigFollowDone done;
  gpointer user_data;
  GCancellable *cancellable; /* (nullable) */
  gboolean over;             /* nothing is called any more */
  guint n_pending;           /* operations under way */

  GCancellable *stop; /* ends the operation under way */
  GSource *timer;
  gboolean timer_fired;
  gboolean pausing;   /* the timer opens the stream again */
  SoupMessage *message;
  GInputStream *stream;
  GByteArray *pending; /* what has come and is no whole line yet; all of a refusal */
  gboolean refused;
  gint64 heard_us;    /* when the last line came, monotonic */
  gint64 opened_us;   /* heard_us when the stream was opened last */
  gint64 pause_ms;
  GError *cause;      /* of the last break */
};

typedef enum
{
  FOLLOW_AGAIN,  /* goes on, or the stream broke and is to be opened again */
  FOLLOW_OVER,   /* the result was delivered, or the caller has enough */
  FOLLOW_FAILED, /* no use trying again */
} FollowEnd;

static void
follow_clear (gpointer data)
{
  QmigFollow *follow = data;

  g_clear_object (&follow->stop);
  g_clear_object (&follow->message);
  g_clear_object (&follow->stream);
  g_clear_object (&follow->cancellable);
  g_clear_object (&follow->client);
  g_byte_array_unref (follow->pending);
  g_clear_error (&follow->cause);
  g_free (follow->migration);
}

static void
follow_unref (QmigFollow *follow)
{
  g_rc_box_release_full (follow, follow_clear);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigFollow, follow_unref)

static void
follow_end (QmigFollow *follow)
{
  if (follow->over)
    return;
  follow->over = TRUE;
  g_source_destroy (follow->timer);
  g_source_unref (follow->timer);
  if (follow->stop != NULL)
    g_cancellable_cancel (follow->stop);
}

/* @error: (transfer full) (nullable) */
static void
follow_finish (QmigFollow *follow, GError *error)
{
  g_autoptr(GError) owned = error;

  if (follow->over)
    return;
  follow_end (follow);
  follow->done (owned, follow->user_data);
}

/* A fresh start for the next operation: it may take @limit_ms. */
static void
follow_begin (QmigFollow *follow, gint64 limit_ms)
{
  g_clear_object (&follow->stop);
  follow->stop = g_cancellable_new ();
  follow->timer_fired = FALSE;
  g_source_set_ready_time (follow->timer, g_get_monotonic_time () + limit_ms * 1000);
}

/* Whether the operation that @result ends still matters to anybody. */
static gboolean
follow_goes_on (QmigFollow *follow)
{
  GError *error = NULL;

  if (follow->over)
    return FALSE;
  g_source_set_ready_time (follow->timer, -1);
  if (!g_cancellable_set_error_if_cancelled (follow->cancellable, &error))
    return TRUE;
  follow_finish (follow, error);
  return FALSE;
}

static QmigFollow *
follow_hold (QmigFollow *follow)
{
  follow->n_pending++;
  return g_rc_box_acquire (follow);
}

static void
follow_broke (QmigFollow *follow, GError *cause)
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

/* -- trying again --------------------------------------------------------------- */

static void
follow_pause (QmigFollow *follow)
{
  gint64 now_us = g_get_monotonic_time ();

  if (now_us - follow->heard_us > follow->limits->away_ms * 1000)
    {
      follow_finish (follow, client_unreachable (follow->client, follow->cause));
      return;
    }

  follow->pause_ms = follow->heard_us == follow->opened_us ? MIN (follow->pause_ms * 2, RETRY_MAX_MS) : follow->limits->retry_ms;
  follow->pausing = TRUE;
  g_source_set_ready_time (follow->timer, now_us + follow->pause_ms * 1000);
}

static void
follow_settled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(QmigFollow) follow = user_data;
  const GError *problem;

  follow->n_pending--;
  if (!follow_goes_on (follow))
    return;
  problem = client_tunnel_get_problem (follow->client->tunnel);
  if (problem == NULL || problem->code == QMIG_EXIT_UNREACHABLE)
    follow_pause (follow);
  else
    follow_finish (follow, client_unreachable (follow->client, problem));
}

/* ssh may say why it broke, and that trying again changes nothing. */
static void
follow_again (QmigFollow *follow, GError *cause)
{
  follow_broke (follow, cause);
  g_clear_object (&follow->stream);
  g_clear_object (&follow->message);
  if (follow->client->tunnel == NULL)
    {
      follow_pause (follow);
      return;
    }
  follow_begin (follow, follow->limits->silence_ms);
  client_tunnel_settle_async (follow->client->tunnel, follow->stop, follow_settled, follow_hold (follow));
}

/* -- what comes -------------------------------------------------------------------- */

static FollowEnd
follow_deliver (QmigFollow *follow, const char *line, gsize length, GError **error)
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

/* Delivers the whole lines at the start of what is pending and keeps the rest. */
static FollowEnd
follow_split (QmigFollow *follow, GError **error)
{
  GByteArray *pending = follow->pending;
  const char *text = (const char *) pending->data;
  gsize done = 0;
  FollowEnd end = FOLLOW_AGAIN;

  while (end == FOLLOW_AGAIN && !follow->over && !g_cancellable_is_cancelled (follow->cancellable))
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

static void follow_read (QmigFollow *follow);

static void
follow_take_lines (QmigFollow *follow)
{
  GError *error = NULL;

  switch (follow_split (follow, &error))
    {
    case FOLLOW_AGAIN:
      if (follow_goes_on (follow))
        follow_read (follow);
      break;
    case FOLLOW_OVER:
    case FOLLOW_FAILED:
      if (follow->over)
        g_clear_error (&error);
      else
        follow_finish (follow, error);
      break;
    }
}

/* The agent's reason for not giving a stream. */
static void
follow_take_refusal (QmigFollow *follow)
{
  GError *error = NULL;
  g_autoptr(JsonObject) object
      = client_read_answer (follow->client, follow->message, follow->pending->data, follow->pending->len, NULL, &error);

  g_return_if_fail (object == NULL);
  follow_finish (follow, error);
}

static void
follow_got_bytes (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(QmigFollow) follow = user_data;
  GError *cause = NULL;
  g_autoptr(GBytes) bytes = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, &cause);
  gboolean ended = bytes != NULL && g_bytes_get_size (bytes) == 0;

  follow->n_pending--;
  if (!follow_goes_on (follow))
    {
      g_clear_error (&cause);
      return;
    }
  /* No orderly end either: libsoup tells a chunked body that breaks off from a finished one by nothing. */
  if (ended && !follow->refused)
    cause = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, "it closed the event stream");
  if (cause != NULL)
    {
      follow_again (follow, cause);
      return;
    }

  g_byte_array_append (follow->pending, g_bytes_get_data (bytes, NULL), (guint) g_bytes_get_size (bytes));
  if (!follow->refused)
    follow_take_lines (follow);
  else if (ended || follow->pending->len >= CLIENT_LINE_MAX_BYTES)
    follow_take_refusal (follow);
  else
    follow_read (follow);
}

static void
follow_read (QmigFollow *follow)
{
  follow_begin (follow, follow->limits->silence_ms);
  g_input_stream_read_bytes_async (follow->stream, 65536, G_PRIORITY_DEFAULT, follow->stop, follow_got_bytes,
                                   follow_hold (follow));
}

/* -- opening ---------------------------------------------------------------------------- */

static void
follow_failed_to_open (QmigFollow *follow, GError *cause)
{
  gboolean hopeless = FALSE;

  cause = client_tls_explain (follow->client, follow->message, cause, &hopeless);
  if (hopeless)
    follow_finish (follow, cause);
  else
    follow_again (follow, cause);
}

static void
follow_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr(QmigFollow) follow = user_data;
  GError *error = NULL;
  g_autoptr(GInputStream) stream = soup_session_send_finish (SOUP_SESSION (source), result, &error);

  follow->n_pending--;
  if (!follow_goes_on (follow))
    {
      g_clear_error (&error);
      return;
    }
  if (stream == NULL)
    {
      follow_failed_to_open (follow, error);
      return;
    }

  follow->refused = soup_message_get_status (follow->message) != SOUP_STATUS_OK;
  if (!follow->refused && !client_check_api (follow->client, follow->message, &error))
    {
      follow_finish (follow, error);
      return;
    }
  follow->stream = g_steal_pointer (&stream);
  follow_read (follow);
}

static void
follow_open (QmigFollow *follow)
{
  g_autofree char *path = qmig_client_path ("/v1/migrations/%s/events?follow=1&after=%" G_GINT64_FORMAT,
                                            follow->migration, follow->after);
  GError *error = NULL;

  g_byte_array_set_size (follow->pending, 0);
  follow->opened_us = follow->heard_us;
  follow->message = client_message_new (follow->client, "GET", path, NULL, &error);
  if (follow->message == NULL)
    {
      follow_finish (follow, error);
      return;
    }
  follow_begin (follow, follow->limits->silence_ms);
  soup_session_send_async (follow->client->session, follow->message, G_PRIORITY_DEFAULT, follow->stop, follow_opened,
                           follow_hold (follow));
}

static gboolean
follow_timer_fired (gpointer user_data)
{
  g_autoptr(QmigFollow) follow = g_rc_box_acquire ((QmigFollow *) user_data);

  g_source_set_ready_time (follow->timer, -1);
  if (follow->pausing)
    {
      follow->pausing = FALSE;
      if (follow_goes_on (follow))
        follow_open (follow);
      return G_SOURCE_CONTINUE;
    }
  follow->timer_fired = TRUE;
  g_cancellable_cancel (follow->stop);
  return G_SOURCE_CONTINUE;
}

/* Unlike GLib's timeouts it leaves the time alone that its callback sets. */
static gboolean
timer_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  return callback (user_data);
}

static GSourceFuncs timer_funcs = { .dispatch = timer_dispatch };

static QmigFollow *
follow_new (QmigClient *client,
            const char *migration,
            gint64 after,
            const ClientFollowLimits *limits,
            QmigEventFunc func,
            QmigFollowDone done,
            gpointer user_data)
{
  QmigFollow *follow = g_rc_box_new0 (QmigFollow);

  follow->client = g_object_ref (client);
  follow->migration = g_strdup (migration);
  follow->after = after;
  follow->limits = limits;
  follow->func = func;
  follow->done = done;
  follow->user_data = user_data;
  follow->pending = g_byte_array_new ();
  follow->heard_us = g_get_monotonic_time ();
  follow->pause_ms = limits->retry_ms;
  follow->pausing = TRUE;
  follow->timer = g_source_new (&timer_funcs, sizeof (GSource));
  g_source_set_callback (follow->timer, follow_timer_fired, follow, NULL);
  g_source_set_ready_time (follow->timer, 0);
  g_source_attach (follow->timer, client->context);
  return follow;
}

QmigFollow *
qmig_client_follow_start (QmigClient *self,
                          const char *migration,
                          gint64 after,
                          QmigEventFunc func,
                          QmigFollowDone done,
                          gpointer user_data)
{
  return follow_new (self, migration, after, &client_follow_limits, func, done, user_data);
}

void
qmig_follow_stop (QmigFollow *follow)
{
  follow_end (follow);
  follow_unref (follow);
}

/* -- waiting for all of it --------------------------------------------------------------- */

typedef struct
{
  QmigEventFunc func;
  gpointer user_data;
  gboolean done;
  GError *error;
} Waiting;

static gboolean
pass_on (const QmigEvent *event, gpointer user_data)
{
  Waiting *waiting = user_data;

  return waiting->func (event, waiting->user_data);
}

static void
is_done (const GError *error, gpointer user_data)
{
  Waiting *waiting = user_data;

  waiting->done = TRUE;
  waiting->error = error != NULL ? g_error_copy (error) : NULL;
}

static void
wake_context (GCancellable *cancellable, gpointer context)
{
  g_main_context_wakeup (context);
}

/* Ends what is under way; what comes of that is told as cancelled. */
static void
end_if_cancelled (QmigFollow *follow)
{
  GError *error = NULL;

  if (g_cancellable_set_error_if_cancelled (follow->cancellable, &error))
    follow_finish (follow, error);
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
  Waiting waiting = { .func = func, .user_data = user_data };
  QmigFollow *follow = follow_new (self, migration, after, limits, pass_on, is_done, &waiting);
  gulong cancelled = 0;

  /* No GCancellableSource: with GLib 2.74 one that ends while another thread cancels is leaked or used after its end. */
  if (cancellable != NULL)
    {
      follow->cancellable = g_object_ref (cancellable);
      cancelled = g_cancellable_connect (cancellable, G_CALLBACK (wake_context), self->context, NULL);
    }
  end_if_cancelled (follow);
  /* What was under way ends here too: nobody may run this context any more. */
  while (!waiting.done || follow->n_pending > 0)
    {
      g_main_context_iteration (self->context, TRUE);
      end_if_cancelled (follow);
    }

  g_cancellable_disconnect (cancellable, cancelled);
  qmig_follow_stop (follow);
  if (waiting.error == NULL)
    return TRUE;
  g_propagate_error (error, waiting.error);
  return FALSE;
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
