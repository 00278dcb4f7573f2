/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The receiving side as the main context sees it: leases, last known states, and requests that wait. */

#include "agent-incoming-private.h"

#include <string.h>

#include "agent-log.h"
#include "qmp-error.h"

#define POLL_DEFAULT_MS 20000
/* Where nobody comes for what was said, the oldest goes. */
#define SAID_MAX 1000
#define SAID_AT_ONCE 200

typedef struct
{
  AgentIncoming *incoming;
  AgentRequest *request;
  gint64 after;
  GSource *timer;
} AgentPoll;

/* -- table and lease -------------------------------------------------------------- */

static gboolean change_in_main (gpointer user_data);
static gboolean job_done_in_main (gpointer user_data);
static gboolean said_in_main (gpointer user_data);

GHashTable *
agent_incomings_table_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) agent_incoming_unref);
}

static AgentIncoming *
lookup_or_new (Agent *agent, const char *migration)
{
  AgentIncoming *self = g_hash_table_lookup (agent->incomings, migration);

  if (self != NULL)
    return self;

  self = agent_incoming_new (agent, migration, change_in_main, job_done_in_main, said_in_main);
  g_mutex_lock (&agent->lock);
  g_hash_table_insert (agent->incomings, g_strdup (migration), self);
  g_mutex_unlock (&agent->lock);
  return self;
}

static void
disarm (AgentIncoming *self)
{
  if (self->lease_timer == NULL)
    return;

  g_source_destroy (self->lease_timer);
  g_clear_pointer (&self->lease_timer, g_source_unref);
}

static void
poll_free (AgentPoll *poll)
{
  g_source_destroy (poll->timer);
  g_source_unref (poll->timer);
  g_ptr_array_remove_fast (poll->incoming->polls, poll);
  g_free (poll);
}

static gboolean
wants_said (AgentRequest *request)
{
  return agent_request_query (request, "said") != NULL;
}

static gint64
time_of (JsonObject *line)
{
  return json_object_get_int_member (line, "time_us");
}

/* What the asker has is not needed any more; so much of the rest as fits.  (transfer full) */
static JsonNode *
take_said (AgentIncoming *self, AgentRequest *request)
{
  JsonArray *lines = json_array_new ();
  JsonNode *node = json_node_new (JSON_NODE_ARRAY);
  gint64 after = 0;

  /* Checked when the request came. */
  agent_request_query_int (request, "said", 0, 0, G_MAXINT64, &after, NULL);
  while (!g_queue_is_empty (&self->said) && time_of (g_queue_peek_head (&self->said)) <= after)
    json_object_unref (g_queue_pop_head (&self->said));
  for (GList *item = self->said.head; item != NULL && json_array_get_length (lines) < SAID_AT_ONCE; item = item->next)
    json_array_add_object_element (lines, json_object_ref (item->data));
  json_node_take_array (node, lines);
  return node;
}

static void
reply_state (AgentIncoming *self, AgentRequest *request, const QmigIncoming *state)
{
  g_autoptr(QmigIncoming) now = qmig_incoming_copy (state);

  now->time_us = g_get_real_time ();
  if (wants_said (request))
    now->said = take_said (self, request);
  agent_request_reply (request, qmig_incoming_to_object (now));
}

static void
poll_answer (AgentPoll *poll)
{
  AgentRequest *request = poll->request;

  request->on_gone = NULL;
  reply_state (poll->incoming, request, poll->incoming->latest);
  poll_free (poll);
}

static void
poll_gone (gpointer user_data)
{
  AgentPoll *poll = user_data;
  AgentRequest *request = poll->request;

  poll_free (poll);
  agent_request_free (request);
}

static gboolean
poll_over (gpointer user_data)
{
  poll_answer (user_data);
  return G_SOURCE_REMOVE;
}

static void
answer_polls (AgentIncoming *self)
{
  for (guint i = self->polls->len; i > 0; i--)
    {
      AgentPoll *poll = g_ptr_array_index (self->polls, i - 1);

      if (poll->after != self->latest->seq)
        poll_answer (poll);
    }
}

static void
set_latest (AgentIncoming *self, const QmigIncoming *state)
{
  if (self->latest != NULL && state->seq < self->latest->seq)
    return;

  g_mutex_lock (&self->agent->lock);
  g_clear_pointer (&self->latest, qmig_incoming_free);
  self->latest = qmig_incoming_copy (state);
  g_mutex_unlock (&self->agent->lock);
  if (state->phase == QMIG_INCOMING_POSTCOPY || state->phase == QMIG_INCOMING_LOADED || state->phase == QMIG_INCOMING_COMMITTED)
    agent_lease_hold (&self->lease);
  answer_polls (self);
}

static gboolean
change_in_main (gpointer user_data)
{
  AgentChange *change = user_data;

  set_latest (change->incoming, change->state);
  agent_incoming_unref (change->incoming);
  qmig_incoming_free (change->state);
  g_free (change);
  return G_SOURCE_REMOVE;
}

/* Whether there is anything that the asker has not. */
static gboolean
has_said (AgentIncoming *self, AgentRequest *request)
{
  gint64 after = 0;

  agent_request_query_int (request, "said", 0, 0, G_MAXINT64, &after, NULL);
  return wants_said (request) && self->last_said_us > after;
}

/* Times grow, so that the last one that was heard stands for all before it. */
static gboolean
said_in_main (gpointer user_data)
{
  g_autofree AgentSaid *said = user_data;
  g_autoptr(AgentIncoming) self = said->incoming;

  self->last_said_us = MAX (self->last_said_us + 1, time_of (said->line));
  json_object_set_int_member (said->line, "time_us", self->last_said_us);
  g_queue_push_tail (&self->said, said->line);
  if (g_queue_get_length (&self->said) > SAID_MAX)
    json_object_unref (g_queue_pop_head (&self->said));
  for (guint i = self->polls->len; i > 0; i--)
    {
      AgentPoll *poll = g_ptr_array_index (self->polls, i - 1);

      if (wants_said (poll->request))
        poll_answer (poll);
    }
  return G_SOURCE_REMOVE;
}

/* The reservation is over: the worker ends, and the next question starts from the journal. */
static void
drop (AgentIncoming *self)
{
  while (self->polls->len > 0)
    poll_answer (g_ptr_array_index (self->polls, 0));
  disarm (self);
  agent_incoming_quit (self);
  g_mutex_lock (&self->agent->lock);
  g_hash_table_remove (self->agent->incomings, self->migration);
  g_mutex_unlock (&self->agent->lock);
}

static gboolean
is_reserved (AgentIncoming *self)
{
  g_autoptr(GError) error = NULL;
  QmigReservation *reservation = qmig_journal_load_reservation (self->agent->journal, self->migration, &error);
  gboolean reserved = reservation != NULL || error != NULL;

  if (error != NULL)
    g_warning ("cannot look up reservation %s: %s", self->migration, error->message);
  g_clear_pointer (&reservation, qmig_reservation_free);
  return reserved;
}

static void arm (AgentIncoming *self);

static void
call_off (gpointer user_data)
{
  g_cancellable_cancel (user_data);
}

static void
hand_over (AgentIncoming *self, const char *action, QmigIncomingSpec *spec, gint64 poll_after, AgentRequest *request)
{
  AgentJob *job = g_new0 (AgentJob, 1);

  job->incoming = agent_incoming_ref (self);
  job->action = g_strdup (action);
  job->spec = spec;
  job->poll_after = poll_after;
  job->request = request;
  if (spec != NULL)
    {
      g_set_object (&self->preparing, NULL);
      self->preparing = g_cancellable_new ();
      job->cancellable = g_object_ref (self->preparing);
    }
  else if (g_str_equal (action, "abort") && self->preparing != NULL)
    {
      g_cancellable_cancel (self->preparing);
    }
  else if (g_str_equal (action, "recover") && request != NULL)
    {
      /* Done after its asker has left, it would break a link that carries again by then. */
      job->cancellable = g_cancellable_new ();
      request->on_gone = call_off;
      request->on_gone_data = job->cancellable;
    }

  self->n_jobs++;
  disarm (self);
  agent_incoming_push (self, job);
}

/* Only reached between jobs: each one puts the timer off. */
static gboolean
lease_over (gpointer user_data)
{
  AgentIncoming *self = user_data;

  if (!agent_lease_is_over (&self->lease, g_get_monotonic_time ()))
    {
      arm (self);
      return G_SOURCE_REMOVE;
    }

  agent_log_migration (self->migration,
                       "reservation %s: the source has been silent for %" G_GINT64_FORMAT
                       " ms; its destination is ended, unless it has all of the VM",
                       self->migration, self->lease.length_ms);
  hand_over (self, "expire", NULL, -1, NULL);
  return G_SOURCE_REMOVE;
}

static void
arm (AgentIncoming *self)
{
  gint64 deadline_us = agent_lease_get_deadline_us (&self->lease);

  disarm (self);
  if (deadline_us < 0 || self->lease.length_ms == 0 || self->n_jobs > 0)
    return;

  self->lease_timer = g_timeout_source_new (G_MAXUINT);
  g_source_set_ready_time (self->lease_timer, deadline_us);
  g_source_set_callback (self->lease_timer, lease_over, self, NULL);
  g_source_attach (self->lease_timer, self->agent->context);
}

static void
park (AgentIncoming *self, AgentRequest *request, gint64 after, gint64 wait_ms)
{
  AgentPoll *poll = g_new0 (AgentPoll, 1);

  poll->incoming = self;
  poll->request = request;
  poll->after = after;
  poll->timer = g_timeout_source_new ((guint) wait_ms);
  g_source_set_callback (poll->timer, poll_over, poll, NULL);
  g_source_attach (poll->timer, self->agent->context);
  request->on_gone = poll_gone;
  request->on_gone_data = poll;
  g_ptr_array_add (self->polls, poll);
}

static gint64
poll_ms (AgentIncoming *self, AgentRequest *request)
{
  gint64 wanted = POLL_DEFAULT_MS;

  /* Checked when the request came. */
  agent_request_query_int (request, "wait_ms", POLL_DEFAULT_MS, 0, POLL_DEFAULT_MS, &wanted, NULL);
  return agent_lease_get_poll_ms (&self->lease, wanted);
}

/*
 * An act that QEMU itself refuses surely did not happen; that must survive the way to the source.  To prepare is no such
 * act: a QEMU was started already when one of its commands is refused.
 */
static void
mark_refusal (const AgentJob *job, GError *error)
{
  if (job->spec != NULL || !qmp_error_is_refusal (error))
    return;

  error->domain = QMIG_ERROR;
  error->code = QMIG_EXIT_REFUSED;
}

static void
answer_job (AgentJob *job)
{
  AgentIncoming *self = job->incoming;
  AgentRequest *request = g_steal_pointer (&job->request);

  if (request == NULL)
    {
      if (job->error != NULL)
        g_warning ("reservation %s: cannot %s: %s", self->migration, job->action, job->error->message);
      return;
    }

  request->on_gone = NULL;
  if (job->error != NULL)
    {
      mark_refusal (job, job->error);
      request->problem_migration = g_strdup (self->migration);
      agent_request_fail (request, g_steal_pointer (&job->error));
    }
  else if (job->poll_after >= 0 && job->poll_after == job->answer->seq && !request->gone && !has_said (self, request))
    park (self, request, job->poll_after, poll_ms (self, request));
  else
    reply_state (self, request, job->answer);
}

static gboolean
job_done_in_main (gpointer user_data)
{
  AgentJob *job = user_data;
  AgentIncoming *self = job->incoming;

  self->n_jobs--;
  if (job->spec != NULL)
    {
      g_clear_object (&self->preparing);
      agent_lease_start (&self->lease, job->spec->lease_ms, g_get_monotonic_time ());
    }
  else
    {
      agent_lease_renew (&self->lease, g_get_monotonic_time ());
    }

  if (job->answer != NULL)
    set_latest (self, job->answer);
  answer_job (job);

  if (self->n_jobs == 0 && !g_atomic_int_get (&self->quit))
    {
      if (is_reserved (self))
        arm (self);
      else
        drop (self);
    }

  g_clear_pointer (&job->spec, qmig_incoming_spec_free);
  g_clear_pointer (&job->answer, qmig_incoming_free);
  g_clear_error (&job->error);
  g_clear_object (&job->cancellable);
  g_free (job->action);
  g_free (job);
  agent_incoming_unref (self);
  return G_SOURCE_REMOVE;
}

/* -- requests --------------------------------------------------------------------- */

/* It becomes a key here, before the journal and the directories see it. */
static gboolean
check_id (const char *id, GError **error)
{
  gboolean good = id != NULL && g_ascii_isalnum (id[0]) && strlen (id) <= 64;

  for (const char *p = id; good && *p != '\0'; p++)
    good = g_ascii_isalnum (*p) || *p == '-';
  if (!good)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "'%s' is no id of a migration", id != NULL ? id : "");
  return good;
}

void
agent_incoming_prepare (AgentRequest *request)
{
  GError *error = NULL;
  g_autoptr(QmigIncomingSpec) spec = agent_request_read (request, &qmig_incoming_spec_type, TRUE, &error);
  AgentIncoming *self;

  if (spec == NULL || !check_id (spec->migration, &error))
    {
      agent_request_fail (request, error);
      return;
    }

  self = lookup_or_new (request->agent, spec->migration);
  request->status = SOUP_STATUS_CREATED;
  hand_over (self, "prepare", g_steal_pointer (&spec), -1, request);
}

void
agent_incoming_get (AgentRequest *request)
{
  gboolean polls = agent_request_query (request, "after") != NULL;
  gint64 after;
  gint64 wait_ms;
  gint64 said;
  GError *error = NULL;
  AgentIncoming *self;

  if (!check_id (request->params[0], &error)
      || !agent_request_query_int (request, "after", -1, -1, G_MAXINT64, &after, &error)
      || !agent_request_query_int (request, "wait_ms", POLL_DEFAULT_MS, 0, POLL_DEFAULT_MS, &wait_ms, &error)
      || !agent_request_query_int (request, "said", 0, 0, G_MAXINT64, &said, &error))
    {
      agent_request_fail (request, error);
      return;
    }

  self = lookup_or_new (request->agent, request->params[0]);
  if (!polls || self->latest == NULL)
    {
      hand_over (self, "query", NULL, polls ? after : -1, request);
      return;
    }

  agent_lease_renew (&self->lease, g_get_monotonic_time ());
  arm (self);
  if (self->latest->seq != after || has_said (self, request))
    reply_state (self, request, self->latest);
  else
    park (self, request, after, poll_ms (self, request));
}

void
agent_incoming_act (AgentRequest *request)
{
  GError *error = NULL;

  if (!check_id (request->params[0], &error))
    {
      agent_request_fail (request, error);
      return;
    }

  hand_over (lookup_or_new (request->agent, request->params[0]), request->params[1], NULL, -1, request);
}

void
agent_incoming_resume (Agent *agent, const QmigReservation *reservation, const char *action)
{
  AgentIncoming *self = lookup_or_new (agent, reservation->spec->migration);

  agent_lease_start (&self->lease, reservation->spec->lease_ms, g_get_monotonic_time ());
  hand_over (self, action, NULL, -1, NULL);
}

/* -- for others --------------------------------------------------------------------- */

guint
agent_incomings_count (Agent *agent)
{
  guint n;

  g_mutex_lock (&agent->lock);
  n = g_hash_table_size (agent->incomings);
  g_mutex_unlock (&agent->lock);
  return n;
}

char *
agent_incomings_find_pid (Agent *agent, gint64 pid, char **run_state)
{
  GHashTableIter iter;
  gpointer value;
  char *id = NULL;

  g_mutex_lock (&agent->lock);
  g_hash_table_iter_init (&iter, agent->incomings);
  while (id == NULL && g_hash_table_iter_next (&iter, NULL, &value))
    {
      AgentIncoming *self = value;

      if (self->latest == NULL || self->latest->pid != pid)
        continue;
      id = g_strdup (self->migration);
      if (run_state != NULL)
        *run_state = g_strdup (self->latest->run_state);
    }
  g_mutex_unlock (&agent->lock);
  return id;
}
