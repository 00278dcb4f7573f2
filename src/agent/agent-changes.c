/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Who changed what, and why.  A thread of its own writes it, so that no answer
 * waits for the disk: a change that was answered right before the agent is
 * killed may be missing.
 */

#include "agent-private.h"

#include <string.h>

#define REASON_MAX_BYTES 1000
#define BATCH_MAX 64
#define LIMIT_DEFAULT 100
#define LIMIT_MAX 10000

struct _AgentChanges
{
  Agent *agent;
  GThread *thread;
  GAsyncQueue *queue; /* Note */
};

typedef struct
{
  QmigChange *change;  /* NULL: … */
  GAsyncQueue *marker; /* … somebody wants to know when all before it is written, or … */
  gboolean end;        /* … it is over */
} Note;

static void
note_free (Note *note)
{
  g_clear_pointer (&note->change, qmig_change_free);
  g_clear_pointer (&note->marker, g_async_queue_unref);
  g_free (note);
}

/* -- the thread -------------------------------------------------------------- */

static void
write_batch (AgentChanges *self, GPtrArray *changes)
{
  g_autoptr(QmigJournal) journal = NULL;
  g_autoptr(GError) error = NULL;

  if (changes->len == 0)
    return;

  journal = agent_open_journal (self->agent, &error);
  if (journal == NULL || !qmig_journal_add_changes (journal, changes, &error))
    g_warning ("cannot keep who made %u changes: %s", changes->len, error->message);
  g_ptr_array_set_size (changes, 0);
}

static gpointer
run (gpointer user_data)
{
  AgentChanges *self = user_data;
  g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_change_free);
  gboolean end = FALSE;

  while (!end)
    {
      Note *note = g_async_queue_pop (self->queue);

      if (note->change != NULL)
        g_ptr_array_add (changes, g_steal_pointer (&note->change));
      if (note->marker != NULL || note->end || changes->len >= BATCH_MAX || g_async_queue_length (self->queue) <= 0)
        write_batch (self, changes);
      if (note->marker != NULL)
        g_async_queue_push (note->marker, self);
      end = note->end;
      note_free (note);
    }
  return NULL;
}

AgentChanges *
agent_changes_start (Agent *agent)
{
  AgentChanges *self = g_new0 (AgentChanges, 1);

  self->agent = agent;
  self->queue = g_async_queue_new_full ((GDestroyNotify) note_free);
  self->thread = g_thread_new ("changes", run, self);
  return self;
}

void
agent_changes_stop (AgentChanges *self)
{
  Note *note;

  if (self == NULL || self->thread == NULL)
    return;

  note = g_new0 (Note, 1);
  note->end = TRUE;
  g_async_queue_push (self->queue, note);
  g_thread_join (g_steal_pointer (&self->thread));
}

void
agent_changes_free (AgentChanges *self)
{
  agent_changes_stop (self);
  g_async_queue_unref (self->queue);
  g_free (self);
}

/* -- what is noted --------------------------------------------------------------- */

static char *
find_reason (AgentRequest *request)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (request->message);
  JsonNode *said = request->body != NULL ? json_object_get_member (request->body, "reason") : NULL;
  const char *reason = soup_message_headers_get_one (headers, "X-Qmig-Reason");

  if (said != NULL && json_node_get_value_type (said) == G_TYPE_STRING)
    reason = json_node_get_string (said);
  return reason != NULL ? g_utf8_make_valid (reason, (gssize) strnlen (reason, REASON_MAX_BYTES)) : NULL;
}

void
agent_changes_note (AgentRequest *request, guint status)
{
  AgentNeed need = request->route->need;
  Note *note;

  if (request->agent->changes == NULL || (need != AGENT_NEED_CHANGE && need != AGENT_NEED_ADMIN))
    return;

  note = g_new0 (Note, 1);
  note->change = qmig_change_new ();
  note->change->time = api_time_now ();
  note->change->who = g_strdup (request->who);
  note->change->method = g_strdup (request->route->method);
  note->change->path = g_strdup (g_uri_get_path (soup_server_message_get_uri (request->message)));
  note->change->reason = find_reason (request);
  note->change->status = status;
  g_async_queue_push (request->agent->changes->queue, note);
}

/* -- reading ------------------------------------------------------------------------- */

/* Whoever has the answer to a change finds it here. */
static void
wait_until_written (AgentChanges *self)
{
  g_autoptr(GAsyncQueue) written = g_async_queue_new ();
  Note *note = g_new0 (Note, 1);

  note->marker = g_async_queue_ref (written);
  g_async_queue_push (self->queue, note);
  g_async_queue_pop (written);
}

JsonObject *
agent_list_changes (AgentRequest *request, GError **error)
{
  g_autoptr(QmigJournal) journal = NULL;
  g_autoptr(GPtrArray) list = NULL;
  gint64 limit;

  if (!agent_request_query_int (request, "limit", LIMIT_DEFAULT, 0, LIMIT_MAX, &limit, error))
    return NULL;

  wait_until_written (request->agent->changes);
  journal = agent_open_journal (request->agent, error);
  list = journal != NULL ? qmig_journal_list_changes (journal, limit, error) : NULL;
  return list != NULL ? api_list_to_object (&qmig_change_type, list) : NULL;
}
