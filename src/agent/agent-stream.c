/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Event streams.  A stream reads from the journal, where an event is before
 * anybody hears of it: what was sent is a matter of one number, and a slow
 * client costs no memory, as it has at most one unsent batch here.
 *
 * Seqs may be sparse: a client that took long over a batch is spared the
 * samples that newer ones have replaced since.
 */

#include "agent-private.h"

#include <string.h>

#define BATCH_EVENTS 256
#define SLOW_BATCH_EVENTS 2048
#define SLOW_MS 2000
#define HEARTBEAT_MS 2000

typedef struct
{
  AgentRequest *request;
  Agent *agent;
  char *migration;
  char *type; /* only these (nullable) */
  gboolean follow;
  gint64 after;     /* seq of the last event read */
  gboolean writing; /* a batch is not sent yet */
  gint64 handed_us; /* since then */
  gboolean slow;    /* the last batch took long */
  gboolean completed;
  GSource *heartbeat;
} AgentStream;

static void
stream_free (AgentStream *self)
{
  if (self->heartbeat != NULL)
    {
      g_source_destroy (self->heartbeat);
      g_source_unref (self->heartbeat);
    }
  agent_request_free (self->request);
  g_free (self->migration);
  g_free (self->type);
  g_free (self);
}

static void
stream_gone (gpointer user_data)
{
  AgentStream *self = user_data;

  g_signal_handlers_disconnect_by_data (self->request->message, self);
  g_ptr_array_remove (self->agent->streams, self);
}

static void
send_text (AgentStream *self, GString *text)
{
  SoupMessageBody *body = soup_server_message_get_response_body (self->request->message);

  self->writing = TRUE;
  self->handed_us = g_get_monotonic_time ();
  soup_message_body_append_take (body, (guchar *) g_strndup (text->str, text->len), text->len);
  soup_server_message_unpause (self->request->message);
}

static void
complete (AgentStream *self)
{
  self->completed = TRUE;
  soup_message_body_complete (soup_server_message_get_response_body (self->request->message));
  soup_server_message_unpause (self->request->message);
}

/* A line that is no event of the migration: heartbeat, end. */
static void
append_mark (AgentStream *self, GString *text, const char *type)
{
  g_autoptr(QmigEvent) event = qmig_event_new ();
  g_autofree char *line = NULL;

  event->ts = api_time_now ();
  event->mono_us = g_get_monotonic_time ();
  event->host = g_strdup (self->agent->env.host_name);
  event->migration = g_strdup (self->migration);
  event->type = g_strdup (type);
  line = qmig_event_to_text (event);
  g_string_append_printf (text, "%s\n", line);
}

static gboolean
is_type (const QmigEvent *event, const char *type)
{
  return g_strcmp0 (event->type, type) == 0;
}

/* Whether a later event of @events makes @events[i] superfluous. */
static gboolean
is_replaced (GPtrArray *events, guint i)
{
  return is_type (g_ptr_array_index (events, i), "sample") && i + 1 < events->len
         && is_type (g_ptr_array_index (events, i + 1), "sample");
}

/* TRUE when the result is among them. */
static gboolean
append_events (AgentStream *self, GString *text, GPtrArray *events)
{
  gboolean result = FALSE;

  for (guint i = 0; i < events->len; i++)
    {
      const QmigEvent *event = g_ptr_array_index (events, i);
      g_autofree char *line = NULL;

      self->after = event->seq;
      if (self->slow && self->follow && is_replaced (events, i))
        continue;

      line = qmig_event_to_text (event);
      g_string_append_printf (text, "%s\n", line);
      result = result || is_type (event, "result");
    }
  return result;
}

static gboolean
has_ended (AgentStream *self)
{
  g_autoptr(QmigMigration) live = agent_migrations_lookup (self->agent, self->migration);
  g_autoptr(QmigMigrationInfo) info = NULL;

  if (live != NULL)
    return FALSE;

  info = qmig_journal_info (self->agent->journal, self->migration, NULL);
  return info == NULL || !info->active;
}

/* The end that the journal could not take, after all that it has. */
static gboolean
append_unwritten_result (AgentStream *self, GString *text)
{
  const char *line = g_hash_table_lookup (self->agent->unwritten_results, self->migration);

  if (line == NULL || self->type != NULL)
    return FALSE;
  g_string_append_printf (text, "%s\n", line);
  return TRUE;
}

static void
pump (AgentStream *self)
{
  guint limit = self->slow ? SLOW_BATCH_EVENTS : BATCH_EVENTS;
  gboolean ended = FALSE;
  gboolean result;
  g_autoptr(GPtrArray) events = NULL;
  g_autoptr(GString) text = g_string_new (NULL);
  g_autoptr(GError) error = NULL;

  if (self->writing || self->completed)
    return;

  /* Asked before reading, so that nothing can come between the last event and the end. */
  ended = has_ended (self);
  events = qmig_journal_list_events (self->agent->journal, self->migration, self->after, self->type, limit, &error);
  if (events == NULL)
    {
      g_warning ("cannot read the events of %s: %s", self->migration, error->message);
      complete (self);
      return;
    }

  result = append_events (self, text, events);
  if (!result && events->len < limit)
    result = append_unwritten_result (self, text);
  if (self->follow && ended && !result && events->len < limit)
    append_mark (self, text, "end");
  if (text->len > 0)
    send_text (self, text);
  if (events->len < limit && (!self->follow || result || ended))
    complete (self);
}

static void
on_wrote_chunk (SoupServerMessage *message, AgentStream *self)
{
  self->writing = FALSE;
  self->slow = g_get_monotonic_time () - self->handed_us > SLOW_MS * 1000;
  pump (self);
}

static gboolean
on_heartbeat (gpointer user_data)
{
  AgentStream *self = user_data;
  g_autoptr(GString) text = g_string_new (NULL);

  /* An end that no event announces is seen here. */
  pump (self);
  if (self->writing || self->completed)
    return G_SOURCE_CONTINUE;

  append_mark (self, text, "heartbeat");
  send_text (self, text);
  return G_SOURCE_CONTINUE;
}

GPtrArray *
agent_streams_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) stream_free);
}

static void
open_stream (AgentRequest *request, char *migration, gint64 after)
{
  AgentStream *self = g_new0 (AgentStream, 1);
  SoupServerMessage *message = request->message;
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  self->request = request;
  self->agent = request->agent;
  self->migration = migration;
  self->type = g_strdup (agent_request_query (request, "type"));
  self->follow = agent_request_query_flag (request, "follow", FALSE);
  self->after = after;

  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_message_headers_set_content_type (headers, "application/jsonl", NULL);
  soup_message_headers_set_encoding (headers, SOUP_ENCODING_CHUNKED);
  soup_message_body_set_accumulate (soup_server_message_get_response_body (message), FALSE);

  g_ptr_array_add (self->agent->streams, self);
  request->on_gone = stream_gone;
  request->on_gone_data = self;
  g_signal_connect (message, "wrote-chunk", G_CALLBACK (on_wrote_chunk), self);
  if (self->follow)
    {
      self->heartbeat = g_timeout_source_new (HEARTBEAT_MS);
      g_source_set_callback (self->heartbeat, on_heartbeat, self, NULL);
      g_source_attach (self->heartbeat, self->agent->context);
    }

  pump (self);
  /* The head goes out at once, even where there is nothing to say yet. */
  soup_server_message_unpause (message);
}

void
agent_stream_start (AgentRequest *request)
{
  gint64 after;
  GError *error = NULL;
  char *migration = NULL;

  if (agent_request_query_int (request, "after", 0, 0, G_MAXINT64, &after, &error))
    migration = agent_find_migration (request->agent, request->agent->journal, request->params[0], &error);

  if (migration == NULL)
    agent_request_fail (request, error);
  else
    open_stream (request, migration, after);
}

void
agent_streams_wake (Agent *agent, const char *migration)
{
  for (guint i = 0; i < agent->streams->len; i++)
    {
      AgentStream *self = g_ptr_array_index (agent->streams, i);

      if (g_str_equal (self->migration, migration))
        pump (self);
    }
}
