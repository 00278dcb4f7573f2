/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-link.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define END_MS 1000
#define KEY "qmig-link"
/* Dates pass without any file changing. */
#define JUDGED_FOR_US (10 * 60 * G_TIME_SPAN_SECOND)

AgentLimits agent_limits = {
  .arrivals = 256,
  .handshakes = 8,
  .per_certificate = 32,
  .per_uid = 256,
  .handshake_ms = 5000,
  .stale_ms = 1000,
  .drain_ms = 1000,
  .sweep_ms = 1000,
  .retry_ms = 5000,
  .request_ms = 30000,
};

/* What the trust in a caller was read from. */
typedef struct
{
  struct
  {
    dev_t device;
    ino_t inode;
    gint64 size;
    struct timespec changed;
  } files[3];
} Stamp;

/*
 * Each connection has an HTTP server of its own: libsoup 3.2 forgets a
 * connection that its client closes between two requests, and nothing but the
 * end of the server frees it.
 */
struct _AgentLink
{
  Agent *agent;
  AgentPeer peer;
  char *key;      /* by which its connections are counted; NULL while this one is not */
  gboolean excess;
  GSocket *socket;
  SoupServer *server;
  guint n_requests;
  gboolean left;  /* the client had closed it at the last look */

  /* of a caller with a certificate */
  char *pem;
  Stamp stamp;
  gint64 judged_us;
};

const AgentPeer *
agent_link_get_peer (const AgentLink *self)
{
  return &self->peer;
}

/* -- counting ----------------------------------------------------------------- */

static gboolean
count_in (AgentLink *self, char *key, guint max)
{
  GHashTable *counts = self->agent->connections;
  guint n;

  g_mutex_lock (&self->agent->lock);
  n = GPOINTER_TO_UINT (g_hash_table_lookup (counts, key));
  if (n < max)
    {
      self->key = g_strdup (key);
      g_hash_table_replace (counts, key, GUINT_TO_POINTER (n + 1));
    }
  else
    {
      g_free (key);
    }
  g_mutex_unlock (&self->agent->lock);
  return n < max;
}

static void
count_out (AgentLink *self)
{
  GHashTable *counts = self->agent->connections;
  guint n;

  g_mutex_lock (&self->agent->lock);
  n = GPOINTER_TO_UINT (g_hash_table_lookup (counts, self->key));
  if (n > 1)
    g_hash_table_replace (counts, g_strdup (self->key), GUINT_TO_POINTER (n - 1));
  else
    g_hash_table_remove (counts, self->key);
  g_mutex_unlock (&self->agent->lock);
  g_free (self->key);
}

static void
set_too_many (const AgentLink *self, guint max, GError **error)
{
  g_autofree char *who = agent_peer_describe (&self->peer);

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT,
               "too many connections: %s has %u to this agent already; close some or try again later", who, max);
}

void
agent_link_free (AgentLink *self)
{
  if (self->key != NULL)
    count_out (self);
  g_clear_object (&self->socket);
  agent_peer_clear (&self->peer);
  g_free (self->pem);
  g_free (self);
}

/* -- callers with a certificate -------------------------------------------------- */

static void
read_stamp (const char *dir, Stamp *stamp)
{
  static const char *const names[] = { "peers.conf", "ca-crl.pem", "ca-cert.pem" };

  memset (stamp, 0, sizeof *stamp);
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (dir, names[i], NULL);
      struct stat st;

      if (stat (path, &st) != 0)
        continue;
      stamp->files[i].device = st.st_dev;
      stamp->files[i].inode = st.st_ino;
      stamp->files[i].size = st.st_size;
      stamp->files[i].changed = st.st_ctim;
    }
}

AgentLink *
agent_link_new_tls (Agent *agent, const QmigPeer *known_as, const char *pem, GSocket *socket, GError **error)
{
  AgentLink *self = g_new0 (AgentLink, 1);

  self->agent = agent;
  agent_peer_init_certificate (&self->peer, known_as);
  if (!count_in (self, g_strdup (known_as->fingerprint), agent_limits.per_certificate))
    {
      set_too_many (self, agent_limits.per_certificate, error);
      agent_link_free (self);
      return NULL;
    }

  self->pem = g_strdup (pem);
  self->socket = g_object_ref (socket);
  /* No stamp yet: what changed while the caller was judged is seen at its first request. */
  return self;
}

static gboolean
judge_again (AgentLink *self, const Stamp *stamp, GError **error)
{
  g_autoptr(QmigPeer) known_as = qmig_pki_judge_client (self->agent->env.pki_dir, self->pem, error);

  if (known_as == NULL)
    return FALSE;

  agent_peer_clear (&self->peer);
  agent_peer_init_certificate (&self->peer, known_as);
  self->stamp = *stamp;
  self->judged_us = g_get_monotonic_time ();
  return TRUE;
}

gboolean
agent_link_check (AgentLink *self, GError **error)
{
  Stamp stamp;

  if (self->excess)
    {
      set_too_many (self, agent_limits.per_uid, error);
      return FALSE;
    }
  if (self->pem == NULL)
    return TRUE;

  read_stamp (self->agent->env.pki_dir, &stamp);
  if (memcmp (&stamp, &self->stamp, sizeof stamp) == 0
      && g_get_monotonic_time () - self->judged_us < JUDGED_FOR_US)
    return TRUE;
  return judge_again (self, &stamp, error);
}

/* -- users of this machine --------------------------------------------------------- */

AgentLink *
agent_link_new_uid (Agent *agent, GSocket *socket)
{
  AgentLink *self = g_new0 (AgentLink, 1);
  struct ucred peer = { .uid = (uid_t) -1 };
  socklen_t length = sizeof peer;
  /* Not by GCredentials: they have nothing to say of a caller in another pid namespace, whose uid the kernel knows. */
  gboolean told = getsockopt (g_socket_get_fd (socket), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0;
  uid_t uid = told ? peer.uid : (uid_t) -1;

  self->agent = agent;
  self->socket = g_object_ref (socket);
  agent_peer_init_uid (&self->peer, uid, getuid ());
  /* The excess one is told so in answer to its first request. */
  self->excess = self->peer.known && !count_in (self, agent_peer_describe (&self->peer), agent_limits.per_uid);
  return self;
}

/* -- serving ---------------------------------------------------------------------------- */

AgentLink *
agent_link_get (SoupServerMessage *message)
{
  return g_object_get_data (G_OBJECT (soup_server_message_get_remote_address (message)), KEY);
}

void
agent_link_begin_request (AgentLink *self)
{
  self->n_requests++;
}

void
agent_link_end_request (AgentLink *self)
{
  self->n_requests--;
}

void
agent_link_shut (AgentLink *self)
{
  g_socket_shutdown (self->socket, TRUE, TRUE, NULL);
}

static void
end (AgentLink *self)
{
  /* Closing TLS says goodbye, and would wait for whoever does not read. */
  agent_link_shut (self);
  soup_server_disconnect (self->server);
}

static gboolean
bury (gpointer user_data)
{
  AgentLink *self = user_data;

  soup_server_disconnect (self->server);
  g_object_unref (self->server);
  g_hash_table_remove (self->agent->links, self);
  agent_link_free (self);
  return G_SOURCE_REMOVE;
}

/* The last that libsoup does with a connection is to drop its address; it is busy with the server as yet. */
static void
connection_gone (gpointer user_data)
{
  AgentLink *self = user_data;
  g_autoptr(GSource) source = g_idle_source_new ();

  g_source_set_callback (source, bury, self, NULL);
  g_source_attach (source, self->agent->context);
}

/* An object of our own: the socket keeps its address objects, and the link keeps the socket.  For libsoup every address has a
 * port; those of the unix socket are only a label to it. */
static GSocketAddress *
new_label (GSocketAddress *address)
{
  g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);

  if (!G_IS_INET_SOCKET_ADDRESS (address))
    return g_inet_socket_address_new (loopback, 0);
  return g_inet_socket_address_new (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address)),
                                    g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)));
}

void
agent_link_serve (AgentLink *self, GIOStream *stream)
{
  g_autoptr(GSocketAddress) near = g_socket_get_local_address (self->socket, NULL);
  g_autoptr(GSocketAddress) far = g_socket_get_remote_address (self->socket, NULL);
  g_autoptr(GSocketAddress) local = new_label (near);
  g_autoptr(GSocketAddress) remote = new_label (far);
  g_autoptr(GError) error = NULL;

  self->server = agent_server_new (self->agent, &error);
  if (self->server == NULL)
    {
      g_warning ("cannot serve a connection: %s", error->message);
      agent_link_free (self);
      return;
    }

  g_hash_table_add (self->agent->links, self);
  g_object_set_data_full (G_OBJECT (remote), KEY, self, connection_gone);
  soup_server_accept_iostream (self->server, stream, local, remote, NULL);
}

/* -- ends that libsoup does not see ----------------------------------------------------------- */

static gboolean
has_left (const AgentLink *self)
{
  struct pollfd look = { .fd = g_socket_get_fd (self->socket), .events = POLLRDHUP };

  return poll (&look, 1, 0) > 0;
}

/* Not at the first look: what came right before the end may be a request that is not read yet. */
gboolean
agent_links_sweep (gpointer user_data)
{
  Agent *agent = user_data;
  g_autoptr(GPtrArray) over = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, agent->links);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      AgentLink *self = key;
      gboolean idle = self->n_requests == 0 && !g_socket_is_closed (self->socket);
      gboolean left = idle && has_left (self);

      if (left && self->left)
        g_ptr_array_add (over, self);
      self->left = left;
    }

  for (guint i = 0; i < over->len; i++)
    end (g_ptr_array_index (over, i));
  return G_SOURCE_CONTINUE;
}

static gboolean
note_late (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

/* libsoup lets go of a connection when its last read has ended, which may be a moment later. */
void
agent_links_end (Agent *agent)
{
  g_autofree gpointer *links = g_hash_table_get_keys_as_array (agent->links, NULL);
  g_autoptr(GSource) limit = g_timeout_source_new (END_MS);
  gboolean late = FALSE;

  for (gsize i = 0; links[i] != NULL; i++)
    end (links[i]);
  g_source_set_callback (limit, note_late, &late, NULL);
  g_source_attach (limit, agent->context);
  while (g_hash_table_size (agent->links) > 0 && !late)
    g_main_context_iteration (agent->context, TRUE);
  g_source_destroy (limit);
  while (g_main_context_iteration (agent->context, FALSE))
    ;
}
