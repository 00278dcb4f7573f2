/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Requests about this host and the ones it knows. */

#include "agent-private.h"

#include <string.h>
#include <sys/stat.h>

#include "agent-host-remote.h"
#include "agent-link.h"
#include "agent-tls.h"
#include "client-dirs.h"
#include "client.h"
#include "qmig-host-local.h"

#define REACH_MS 3000
#define REACH_BY_SSH_MS 15000 /* with a login */
#define FACTS_MS 20000

static QmigHostInfo *
host_info (Agent *agent, QmigJournal *journal)
{
  QmigHostInfo *info = qmig_env_host_info_from (&agent->env, journal);

  info->active_migrations = agent_migrations_count (agent);
  info->listen = agent_tls_dup_uri (agent);
  return info;
}

JsonObject *
agent_get_host (AgentRequest *request, GError **error)
{
  g_autoptr(QmigHostInfo) info = host_info (request->agent, request->agent->journal);
  const AgentPeer *asker = agent_link_get_peer (agent_link_get (request->message));

  info->role = g_strdup (qmig_role_names[asker->role]);
  return qmig_host_info_to_object (info);
}

/* -- the other hosts ------------------------------------------------------------ */

/* Whether @uri leads to this agent itself. */
static gboolean
is_own (Agent *agent, const char *uri)
{
  struct stat theirs;
  struct stat ours;

  if (g_str_equal (uri, "local") || g_str_equal (uri, agent->env.host_name))
    return TRUE;
  return g_str_has_prefix (uri, "unix:") && stat (uri + strlen ("unix:"), &theirs) == 0
         && stat (agent->socket_path, &ours) == 0 && theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

char *
agent_host_resolve (Agent *agent, const char *name_or_uri, GError **error)
{
  return is_own (agent, name_or_uri) ? g_strconcat ("unix:", agent->socket_path, NULL) : qmig_client_resolve_host (name_or_uri, error);
}

QmigHost *
agent_open_host (const QmigEnv *env, const char *uri, GError **error)
{
  Agent *agent = env->open_host_data;
  g_autofree char *resolved = is_own (agent, uri) ? g_strdup ("local") : qmig_client_resolve_host (uri, error);

  if (resolved == NULL)
    return NULL;
  if (is_own (agent, resolved))
    return qmig_host_local_new (env, error);
  return agent_host_remote_new (resolved, uri, error);
}

static QmigHostInfo *
reach (const char *uri, GError **error)
{
  g_autoptr(QmigClient) client = qmig_client_new (uri, error);
  gint64 ms = g_str_has_prefix (uri, "ssh://") ? REACH_BY_SSH_MS : REACH_MS;
  g_autoptr(JsonObject) answer = client != NULL ? qmig_client_call (client, "GET", "/v1/host", NULL, ms, NULL, NULL, error) : NULL;

  return answer != NULL ? qmig_host_info_from_object (answer, error) : NULL;
}

static void
look_at (Agent *agent, QmigHostEntry *entry)
{
  g_autoptr(GError) error = NULL;

  if (entry->uri == NULL)
    {
      entry->problem = g_strdup ("it has no uri in the config file");
      return;
    }

  if (is_own (agent, entry->uri))
    {
      g_autoptr(QmigJournal) journal = agent_open_journal (agent, NULL);

      entry->info = host_info (agent, journal);
    }
  else
    entry->info = reach (entry->uri, &error);

  entry->reachable = entry->info != NULL;
  entry->problem = error != NULL ? g_strdup (error->message) : NULL;
}

static gpointer
look_in_thread (gpointer user_data)
{
  gpointer *args = user_data;
  GMainContext *context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  look_at (args[0], args[1]);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  return NULL;
}

/* All at once, so that one silent host costs no more than its own time. */
static void
look_at_all (Agent *agent, GPtrArray *hosts)
{
  g_autofree GThread **threads = g_new0 (GThread *, hosts->len + 1);
  g_autofree gpointer *args = g_new0 (gpointer, 2 * hosts->len + 1);

  for (guint i = 0; i < hosts->len; i++)
    {
      args[2 * i] = agent;
      args[2 * i + 1] = g_ptr_array_index (hosts, i);
      threads[i] = g_thread_new ("reach", look_in_thread, &args[2 * i]);
    }
  for (guint i = 0; i < hosts->len; i++)
    g_thread_join (threads[i]);
}

JsonObject *
agent_list_hosts (AgentRequest *request, GError **error)
{
  g_autoptr(GPtrArray) hosts = qmig_client_list_hosts (error);
  QmigHostEntry *own;

  if (hosts == NULL)
    return NULL;

  own = qmig_host_entry_new ();
  own->name = g_strdup (request->agent->env.host_name);
  own->uri = g_strdup ("local");
  g_ptr_array_insert (hosts, 0, own);
  look_at_all (request->agent, hosts);
  return api_list_to_object (&qmig_host_entry_type, hosts);
}

JsonObject *
agent_add_host (AgentRequest *request, GError **error)
{
  g_autoptr(QmigHostRequest) body = agent_request_read (request, &qmig_host_request_type, TRUE, error);
  g_autoptr(QmigHostEntry) entry = NULL;

  if (body == NULL || !qmig_client_add_host (body->name, body->uri, body->labels, error))
    return NULL;

  entry = qmig_host_entry_new ();
  entry->name = g_strdup (body->name);
  entry->uri = g_strdup (body->uri);
  entry->labels = g_strdupv (body->labels);
  look_at (request->agent, entry);
  request->status = SOUP_STATUS_CREATED;
  return qmig_host_entry_to_object (entry);
}

JsonObject *
agent_remove_host (AgentRequest *request, GError **error)
{
  return qmig_client_remove_host (request->params[0], error) ? json_object_new () : NULL;
}

/* -- what a source wants to know --------------------------------------------------- */

JsonObject *
agent_post_facts (AgentRequest *request, GError **error)
{
  g_autoptr(QmigFactsRequest) body = agent_request_read (request, &qmig_facts_request_type, TRUE, error);
  g_autoptr(QmpWait) wait = NULL;
  g_autoptr(QmigHost) host = NULL;
  g_autoptr(QmigFacts) facts = NULL;

  if (body == NULL)
    return NULL;

  wait = qmp_wait_new (NULL, "the facts of this host", FACTS_MS);
  host = qmig_host_local_new (&request->agent->env, error);
  if (host != NULL)
    facts = qmig_host_get_facts (host, body, wait, error);
  if (facts == NULL)
    return NULL;
  g_free (facts->host->listen);
  facts->host->listen = agent_tls_dup_uri (request->agent);
  return qmig_facts_to_object (facts);
}

/* -- stopping ------------------------------------------------------------------------- */

static void
quit_after_answer (SoupServerMessage *message, gpointer user_data)
{
  Agent *agent = user_data;

  g_main_loop_quit (agent->loop);
}

JsonObject *
agent_post_stop (AgentRequest *request, GError **error)
{
  Agent *agent = request->agent;
  guint migrations = agent_migrations_count (agent);
  guint incomings = agent_incomings_count (agent);

  if (migrations + incomings > 0 && !agent_request_query_flag (request, "force", FALSE))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT,
                   "cannot stop the agent: %u migrations run and %u reservations are held; wait for them, or force it "
                   "(QEMUs live on, and the next agent takes everything up again)",
                   migrations, incomings);
      return NULL;
    }

  g_signal_connect (request->message, "finished", G_CALLBACK (quit_after_answer), agent);
  return json_object_new ();
}
