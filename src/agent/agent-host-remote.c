/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-host-remote.h"

#include "client-tunnel.h"
#include "client.h"
#include "json-strict.h"

/* One question to the other side is outstanding all the time; it answers at once when something changes, and after
 * this long in any case, which keeps the lease alive and shows that it lives. */
#define POLL_MS 2000
#define SILENCE_MS 5000
#define RETRY_MS 200

struct _AgentHostRemote
{
  GObject parent_instance;

  QmigClient *client;
  GMainContext *context;
  char *name;

  QmigIncoming *latest; /* (nullable) */
  char *following;      /* migration (nullable) */
  GCancellable *stop;   /* ends the question under way */
  gboolean asking;
  GSource *retry;
  gint64 said_us;       /* by its clock: the last that we heard of what is said to QEMU */
  ClientTunnel *stream; /* (nullable): the way of a migration stream through ssh */
  GError *silent; /* why the last question got no answer (nullable) */
};

static void agent_host_remote_iface_init (QmigHostInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (AgentHostRemote,
                               agent_host_remote,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (QMIG_TYPE_HOST, agent_host_remote_iface_init))

static void
drop_retry (AgentHostRemote *self)
{
  if (self->retry == NULL)
    return;

  g_source_destroy (self->retry);
  g_clear_pointer (&self->retry, g_source_unref);
}

static void stop_asking (AgentHostRemote *self);

static void
agent_host_remote_dispose (GObject *object)
{
  AgentHostRemote *self = AGENT_HOST_REMOTE (object);

  /* The completion of a question needs the context, which may end with its thread right after us. */
  if (self->stop != NULL)
    stop_asking (self);
  G_OBJECT_CLASS (agent_host_remote_parent_class)->dispose (object);
}

static void
agent_host_remote_finalize (GObject *object)
{
  AgentHostRemote *self = AGENT_HOST_REMOTE (object);

  g_clear_pointer (&self->stream, client_tunnel_free);
  g_clear_object (&self->client);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_clear_object (&self->stop);
  g_clear_pointer (&self->latest, qmig_incoming_free);
  g_clear_error (&self->silent);
  g_free (self->name);
  G_OBJECT_CLASS (agent_host_remote_parent_class)->finalize (object);
}

static void
agent_host_remote_class_init (AgentHostRemoteClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = agent_host_remote_dispose;
  G_OBJECT_CLASS (klass)->finalize = agent_host_remote_finalize;
}

static void
agent_host_remote_init (AgentHostRemote *self)
{
}

/* -- one call in a wait ------------------------------------------------------- */

static void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GAsyncResult **kept = user_data;

  *kept = g_object_ref (result);
}

static QmpCheck
has_result (gpointer data, GError **error)
{
  GAsyncResult **result = data;

  return *result != NULL ? QMP_CHECK_DONE : QMP_CHECK_PENDING;
}

static JsonObject *
call (AgentHostRemote *self, const char *method, const char *path, JsonObject *body, QmpWait *wait, GError **error)
{
  g_autoptr(GCancellable) stop = g_cancellable_new ();
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(JsonObject) answer = NULL;
  gboolean done;

  qmig_client_call_async (self->client, method, path, body, -1, stop, keep_result, &result);
  done = qmp_wait_until (wait, has_result, &result, error);
  if (!done)
    {
      g_cancellable_cancel (stop);
      while (result == NULL)
        g_main_context_iteration (self->context, TRUE);
    }

  answer = qmig_client_call_finish (self->client, result, NULL, done ? error : NULL);
  return done ? g_steal_pointer (&answer) : NULL;
}

/* The same may come twice where two questions are under way. */
static void
pass_on (AgentHostRemote *self, const QmigIncoming *incoming)
{
  JsonArray *lines = incoming->said != NULL && JSON_NODE_HOLDS_ARRAY (incoming->said) ? json_node_get_array (incoming->said) : NULL;

  for (guint i = 0; lines != NULL && i < json_array_get_length (lines); i++)
    {
      JsonNode *node = json_array_get_element (lines, i);
      JsonObject *line = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      gint64 said_us = line != NULL ? json_strict_int (line, "time_us", 0) : 0;

      if (said_us <= self->said_us)
        continue;
      self->said_us = said_us;
      g_signal_emit_by_name (self, "said", line);
    }
}

/* Asks for it where somebody listens.  @mark: what begins it in the query.  (transfer full) */
static char *
said_query (AgentHostRemote *self, char mark)
{
  if (!g_signal_has_handler_pending (self, g_signal_lookup ("said", QMIG_TYPE_HOST), 0, FALSE))
    return g_strdup ("");
  return g_strdup_printf ("%csaid=%" G_GINT64_FORMAT, mark, self->said_us);
}

/* Two questions may be answered the wrong way round; a restarted agent counts from the start again. */
static void
note (AgentHostRemote *self, const QmigIncoming *incoming)
{
  pass_on (self, incoming);
  if (self->latest != NULL && incoming->seq < self->latest->seq && incoming->time_us < self->latest->time_us)
    return;

  g_clear_pointer (&self->latest, qmig_incoming_free);
  self->latest = qmig_incoming_copy (incoming);
}

static QmigIncoming *
call_incoming (AgentHostRemote *self,
               const char *method,
               const char *path,
               JsonObject *body,
               QmpWait *wait,
               GError **error)
{
  g_autofree char *said = said_query (self, '?');
  g_autofree char *whole = g_strconcat (path, said, NULL);
  g_autoptr(JsonObject) answer = call (self, method, whole, body, wait, error);
  QmigIncoming *incoming = answer != NULL ? qmig_incoming_from_object (answer, error) : NULL;

  if (incoming != NULL)
    note (self, incoming);
  return incoming;
}

/* -- interface ------------------------------------------------------------------ */

static const char *
agent_host_remote_get_name (QmigHost *host)
{
  return AGENT_HOST_REMOTE (host)->name;
}

static QmigFacts *
agent_host_remote_get_facts (QmigHost *host, const QmigFactsRequest *request, QmpWait *wait, GError **error)
{
  AgentHostRemote *self = AGENT_HOST_REMOTE (host);
  g_autoptr(JsonObject) body = qmig_facts_request_to_object (request);
  g_autoptr(JsonObject) answer = call (self, "POST", "/v1/facts", body, wait, error);
  g_autoptr(QmigFacts) facts = answer != NULL ? qmig_facts_from_object (answer, error) : NULL;

  if (facts == NULL)
    return NULL;

  if (facts->host == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR,
                   "cannot read the facts of '%s': they do not say which host it is", self->name);
      return NULL;
    }

  if (facts->host->name != NULL)
    {
      g_free (self->name);
      self->name = g_strdup (facts->host->name);
    }
  return g_steal_pointer (&facts);
}

static QmigIncoming *
agent_host_remote_prepare (QmigHost *host, const QmigIncomingSpec *spec, QmpWait *wait, GError **error)
{
  g_autoptr(JsonObject) body = qmig_incoming_spec_to_object (spec);

  return call_incoming (AGENT_HOST_REMOTE (host), "POST", "/v1/incoming", body, wait, error);
}

static void
stop_asking (AgentHostRemote *self)
{
  g_clear_pointer (&self->following, g_free);
  drop_retry (self);
  g_cancellable_cancel (self->stop);
  while (self->asking)
    g_main_context_iteration (self->context, TRUE);
  g_object_unref (self->stop);
  self->stop = g_cancellable_new ();
}

static QmigIncoming *
agent_host_remote_act (QmigHost *host, const char *migration, const char *action, QmpWait *wait, GError **error)
{
  AgentHostRemote *self = AGENT_HOST_REMOTE (host);
  g_autofree char *path = qmig_client_path ("/v1/incoming/%s/actions/%s", migration, action);
  gboolean ends = g_str_equal (action, "release") || g_str_equal (action, "abort");
  gboolean followed = self->following != NULL;
  QmigIncoming *incoming;

  /* Afterwards that host knows no such migration and would call it gone: its last word is the answer to this. */
  if (ends)
    stop_asking (self);
  incoming = call_incoming (self, "POST", path, NULL, wait, error);
  if (ends && followed && incoming == NULL)
    qmig_host_follow (host, migration);
  return incoming;
}

static QmigIncoming *
agent_host_remote_query (QmigHost *host, const char *migration, QmpWait *wait, GError **error)
{
  g_autofree char *path = qmig_client_path ("/v1/incoming/%s", migration);

  return call_incoming (AGENT_HOST_REMOTE (host), "GET", path, NULL, wait, error);
}

static void ask (AgentHostRemote *self);

static gboolean
ask_again (gpointer user_data)
{
  AgentHostRemote *self = user_data;

  drop_retry (self);
  ask (self);
  return G_SOURCE_REMOVE;
}

static void
answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  AgentHostRemote *self = user_data;
  GError *error = NULL;
  g_autoptr(JsonObject) answer = qmig_client_call_finish (self->client, result, NULL, &error);
  g_autoptr(QmigIncoming) incoming = answer != NULL ? qmig_incoming_from_object (answer, &error) : NULL;

  self->asking = FALSE;
  g_clear_error (&self->silent);
  self->silent = error;
  if (incoming != NULL)
    note (self, incoming);

  if (self->following == NULL)
    return;
  /* Neither what does not answer nor what is gone for good is asked in a hurry; and what the answer leads to comes first. */
  self->retry = incoming != NULL && incoming->phase != QMIG_INCOMING_GONE ? g_idle_source_new () : g_timeout_source_new (RETRY_MS);
  g_source_set_callback (self->retry, ask_again, self, NULL);
  g_source_attach (self->retry, self->context);
}

static void
ask (AgentHostRemote *self)
{
  g_autofree char *said = said_query (self, '&');
  g_autofree char *question = qmig_client_path ("/v1/incoming/%s?after=%" G_GINT64_FORMAT "&wait_ms=%d", self->following,
                                                self->latest != NULL ? self->latest->seq : -1, POLL_MS);
  g_autofree char *path = g_strconcat (question, said, NULL);

  self->asking = TRUE;
  qmig_client_call_async (self->client, "GET", path, NULL, SILENCE_MS, self->stop, answered, self);
}

static void
agent_host_remote_follow (QmigHost *host, const char *migration)
{
  AgentHostRemote *self = AGENT_HOST_REMOTE (host);

  if (self->following != NULL)
    return;

  self->following = g_strdup (migration);
  ask (self);
}

static const QmigIncoming *
agent_host_remote_peek (QmigHost *host, GError **error)
{
  AgentHostRemote *self = AGENT_HOST_REMOTE (host);

  if (self->silent != NULL)
    {
      g_propagate_error (error, g_error_copy (self->silent));
      return NULL;
    }

  if (self->latest == NULL)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "'%s' has not said anything yet", self->name);
  return self->latest;
}

/* Through ssh the destination's socket is not here: what we listen on leads there.  The stream outlives us. */
static char *
agent_host_remote_dial (QmigHost *host, const char *migration, const char *uri, GError **error)
{
  AgentHostRemote *self = AGENT_HOST_REMOTE (host);

  if (!g_str_has_prefix (qmig_client_get_uri (self->client), "ssh://") || !g_str_has_prefix (uri, "unix:"))
    return g_strdup (uri);

  g_clear_pointer (&self->stream, client_tunnel_free);
  self->stream = client_tunnel_new (qmig_client_get_uri (self->client), migration, error);
  if (self->stream == NULL)
    return NULL;
  client_tunnel_leave (self->stream);
  return g_strconcat ("unix:", client_tunnel_get_path (self->stream), NULL);
}

static void
agent_host_remote_iface_init (QmigHostInterface *iface)
{
  iface->dial = agent_host_remote_dial;
  iface->get_name = agent_host_remote_get_name;
  iface->get_facts = agent_host_remote_get_facts;
  iface->prepare = agent_host_remote_prepare;
  iface->act = agent_host_remote_act;
  iface->query = agent_host_remote_query;
  iface->follow = agent_host_remote_follow;
  iface->peek = agent_host_remote_peek;
}

QmigHost *
agent_host_remote_new (const char *uri, const char *name, GError **error)
{
  g_autoptr(QmigClient) client = qmig_client_new (uri, error);
  AgentHostRemote *self;

  if (client == NULL)
    return NULL;

  self = g_object_new (AGENT_TYPE_HOST_REMOTE, NULL);
  self->client = g_steal_pointer (&client);
  self->context = g_main_context_ref_thread_default ();
  self->name = g_strdup (name);
  self->stop = g_cancellable_new ();
  return QMIG_HOST (self);
}
