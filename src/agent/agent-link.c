/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-link.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY "qmig-link"
/* Dates pass without any file changing. */
#define JUDGED_FOR_US (10 * 60 * G_TIME_SPAN_SECOND)

AgentLimits agent_limits = {
  .arrivals = 256,
  .per_certificate = 32,
  .per_uid = 256,
  .handshake_ms = 5000,
  .drain_ms = 1000,
  .retry_ms = 5000,
  /* Longer than the 60 s after which our own clients close what is idle: they must not meet our end of it. */
  .head_ms = 90000,
  .body_ms = AGENT_REQUEST_MS,
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

struct _AgentLink
{
  Agent *agent;
  AgentPeer peer;
  char *key;       /* by which its connections are counted; NULL while this one is not */
  GSocket *socket; /* of a TLS connection */
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
  if (self->socket != NULL)
    {
      g_mutex_lock (&self->agent->lock);
      g_hash_table_remove (self->agent->links, self);
      g_mutex_unlock (&self->agent->lock);
    }
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
  g_mutex_lock (&agent->lock);
  g_hash_table_add (agent->links, self);
  g_mutex_unlock (&agent->lock);
  return self;
}

void
agent_link_attach (AgentLink *self, GSocketAddress *address)
{
  g_object_set_data_full (G_OBJECT (address), KEY, self, (GDestroyNotify) agent_link_free);
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

  if (self->key == NULL)
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

static AgentLink *
link_of_socket (Agent *agent, GSocket *socket)
{
  AgentLink *self = g_object_get_data (G_OBJECT (socket), KEY);
  g_autoptr(GCredentials) credentials = NULL;
  uid_t uid;

  if (self != NULL)
    return self;

  credentials = g_socket_get_credentials (socket, NULL);
  uid = credentials != NULL ? g_credentials_get_unix_user (credentials, NULL) : (uid_t) -1;
  if (uid == (uid_t) -1)
    return NULL;

  self = g_new0 (AgentLink, 1);
  self->agent = agent;
  agent_peer_init_uid (&self->peer, uid, getuid ());
  count_in (self, g_strdup_printf ("uid %u", (unsigned int) uid), agent_limits.per_uid);
  g_object_set_data_full (G_OBJECT (socket), KEY, self, (GDestroyNotify) agent_link_free);
  return self;
}

AgentLink *
agent_link_get (Agent *agent, SoupServerMessage *message)
{
  GSocket *socket = soup_server_message_get_socket (message);
  GSocketAddress *address = NULL;

  if (socket != NULL)
    return link_of_socket (agent, socket);
  address = soup_server_message_get_remote_address (message);
  return address != NULL ? g_object_get_data (G_OBJECT (address), KEY) : NULL;
}

/* -- ending ---------------------------------------------------------------------------- */

void
agent_link_shut (Agent *agent, SoupServerMessage *message)
{
  GSocket *socket = soup_server_message_get_socket (message);
  AgentLink *self = socket == NULL ? agent_link_get (agent, message) : NULL;

  if (self != NULL)
    socket = self->socket;
  if (socket != NULL)
    g_socket_shutdown (socket, TRUE, TRUE, NULL);
}

/* Closing TLS says goodbye, and would wait for whoever does not read. */
void
agent_links_shut_all (Agent *agent)
{
  GHashTableIter iter;
  gpointer link;

  g_mutex_lock (&agent->lock);
  g_hash_table_iter_init (&iter, agent->links);
  while (g_hash_table_iter_next (&iter, &link, NULL))
    g_socket_shutdown (((AgentLink *) link)->socket, TRUE, TRUE, NULL);
  g_mutex_unlock (&agent->lock);
}
