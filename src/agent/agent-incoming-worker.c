/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The thread behind one reservation. */

#include "agent-incoming-private.h"

#include "qmig-host-local.h"

#define PREPARE_MS 120000
#define ACT_MS 30000

void
agent_incoming_unref (AgentIncoming *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;

  g_main_context_unref (self->context);
  g_async_queue_unref (self->jobs);
  g_clear_pointer (&self->latest, qmig_incoming_free);
  g_clear_object (&self->preparing);
  g_ptr_array_unref (self->polls);
  g_queue_clear_full (&self->said, (GDestroyNotify) json_object_unref);
  g_free (self->migration);
  g_free (self);
}

AgentIncoming *
agent_incoming_ref (AgentIncoming *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

static void
on_changed (QmigHost *host, const QmigIncoming *state, gpointer user_data)
{
  AgentChange *change = g_new0 (AgentChange, 1);

  change->incoming = agent_incoming_ref (user_data);
  change->state = qmig_incoming_copy (state);
  g_main_context_invoke (change->incoming->agent->context, change->incoming->on_change, change);
}

static void
on_word (QmigHost *host, JsonObject *line, gpointer user_data)
{
  AgentSaid *said = g_new0 (AgentSaid, 1);

  said->incoming = agent_incoming_ref (user_data);
  said->line = json_object_ref (line);
  g_main_context_invoke (said->incoming->agent->context, said->incoming->on_said, said);
}

static QmigIncoming *
act (QmigHost *host, const char *action, const char *migration, QmpWait *wait, GError **error)
{
  static const struct
  {
    const char *action;
    QmigIncoming *(*run) (QmigHost *, const char *, QmpWait *, GError **);
  } actions[] = {
    { "query", qmig_host_query },     { "hold", qmig_host_hold },     { "renew", qmig_host_renew },
    { "commit", qmig_host_commit },   { "accept", qmig_host_accept }, { "abort", qmig_host_abort },
    { "release", qmig_host_release }, { "expire", qmig_host_expire }, { "recover", qmig_host_recover },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (actions); i++)
    {
      if (g_str_equal (actions[i].action, action))
        return actions[i].run (host, migration, wait, error);
    }

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "a reservation has no action '%s'", action);
  return NULL;
}

static void
run_job (QmigHost *host, AgentJob *job)
{
  AgentIncoming *self = job->incoming;
  gboolean prepares = job->spec != NULL;
  g_autofree char *what = g_strdup_printf ("%s of %s", job->action, self->migration);
  g_autoptr(QmpWait) wait = qmp_wait_new (job->cancellable, what, prepares ? PREPARE_MS : ACT_MS);

  if (prepares)
    job->answer = qmig_host_prepare (host, job->spec, wait, &job->error);
  else
    job->answer = act (host, job->action, self->migration, wait, &job->error);

  g_main_context_invoke (self->agent->context, self->on_done, job);
}

static gboolean
ended_in_main (gpointer user_data)
{
  AgentIncoming *self = user_data;

  g_thread_join (self->thread);
  self->agent->n_workers--;
  agent_incoming_unref (self);
  return G_SOURCE_REMOVE;
}

static gpointer
work (gpointer user_data)
{
  AgentIncoming *self = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigHost) host = NULL;

  g_main_context_push_thread_default (self->context);
  host = qmig_host_local_new (&self->agent->env, &error);
  if (host != NULL)
    {
      g_signal_connect (host, "changed", G_CALLBACK (on_changed), self);
      g_signal_connect (host, "said", G_CALLBACK (on_word), self);
      qmig_host_follow (host, self->migration);
    }

  while (!g_atomic_int_get (&self->quit))
    {
      AgentJob *job = g_async_queue_try_pop (self->jobs);

      if (job == NULL)
        {
          g_main_context_iteration (self->context, TRUE);
          continue;
        }

      if (host != NULL)
        {
          run_job (host, job);
          continue;
        }
      job->error = g_error_copy (error);
      g_main_context_invoke (self->agent->context, self->on_done, job);
    }

  g_clear_object (&host);
  g_main_context_pop_thread_default (self->context);
  g_main_context_invoke (self->agent->context, ended_in_main, self);
  return NULL;
}

AgentIncoming *
agent_incoming_new (Agent *agent, const char *migration, GSourceFunc on_change, GSourceFunc on_done, GSourceFunc on_said)
{
  AgentIncoming *self = g_new0 (AgentIncoming, 1);

  g_atomic_ref_count_init (&self->refs);
  self->agent = agent;
  self->migration = g_strdup (migration);
  self->context = g_main_context_new ();
  self->jobs = g_async_queue_new ();
  self->polls = g_ptr_array_new ();
  self->on_change = on_change;
  self->on_done = on_done;
  self->on_said = on_said;
  agent->n_workers++;
  self->thread = g_thread_new ("incoming", work, agent_incoming_ref (self));
  return self;
}

void
agent_incoming_push (AgentIncoming *self, AgentJob *job)
{
  g_async_queue_push (self->jobs, job);
  g_main_context_wakeup (self->context);
}

void
agent_incoming_quit (AgentIncoming *self)
{
  g_atomic_int_set (&self->quit, TRUE);
  g_main_context_wakeup (self->context);
}
