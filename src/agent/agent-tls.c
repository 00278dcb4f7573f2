/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-tls.h"

#include <string.h>

#include "agent-arrival.h"
#include "agent-link.h"
#include "agent-port.h"
#include "client.h"

#define PORT_DEFAULT 7647
#define BACKLOG 128

struct _AgentTls
{
  Agent *agent;
  AgentPort *port; /* NULL while it is not open */
  GSource *retry;
  char *said;      /* why it is not open, as the log has it */
  AgentArrivals *arrivals;
};

/* -- address -------------------------------------------------------------------- */

GSocketAddress *
agent_tls_parse_listen (const char *text, GError **error)
{
  g_autoptr(GSocketConnectable) parsed = g_network_address_parse (text, PORT_DEFAULT, NULL);
  const char *host = parsed != NULL ? g_network_address_get_hostname (G_NETWORK_ADDRESS (parsed)) : NULL;
  g_autoptr(GInetAddress) address = host != NULL ? g_inet_address_new_from_string (host) : NULL;

  if (address != NULL)
    return g_inet_socket_address_new (address, g_network_address_get_port (G_NETWORK_ADDRESS (parsed)));

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
               "cannot listen on '%s': expected an IP address of this host, and a port if not %d, as in 192.0.2.7:%d, [::]:%d "
               "or 0.0.0.0",
               text, PORT_DEFAULT, PORT_DEFAULT, PORT_DEFAULT);
  return NULL;
}

char *
agent_tls_configured_listen (GError **error)
{
  g_autofree char *path = qmig_client_default_config_path ();
  g_autoptr(GKeyFile) file = g_key_file_new ();
  g_autoptr(GError) cause = NULL;

  if (g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &cause))
    return g_key_file_get_string (file, "agent", "listen", NULL);

  if (!g_error_matches (cause, G_FILE_ERROR, G_FILE_ERROR_NOENT)
      && !g_error_matches (cause, G_FILE_ERROR, G_FILE_ERROR_NOTDIR))
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot read config file '%s': %s", path, cause->message);
  return NULL;
}

static char *
make_uri (const char *host, guint16 port)
{
  return g_strdup_printf (strchr (host, ':') != NULL ? "https://[%s]:%u" : "https://%s:%u", host, port);
}

static char *
uri_of_socket (GSocket *socket)
{
  g_autoptr(GSocketAddress) address = g_socket_get_local_address (socket, NULL);
  GInetSocketAddress *inet = G_INET_SOCKET_ADDRESS (address);
  g_autofree char *host = g_inet_address_to_string (g_inet_socket_address_get_address (inet));

  return make_uri (host, g_inet_socket_address_get_port (inet));
}

/* -- the port ------------------------------------------------------------------- */

static GSocket *
open_port (GSocketAddress *address, GError **error)
{
  g_autoptr(GSocket) socket = g_socket_new (g_socket_address_get_family (address), G_SOCKET_TYPE_STREAM,
                                            G_SOCKET_PROTOCOL_TCP, error);

  if (socket == NULL)
    return NULL;

  g_socket_set_listen_backlog (socket, BACKLOG);
  return g_socket_bind (socket, address, TRUE, error) && g_socket_listen (socket, error) ? g_steal_pointer (&socket)
                                                                                          : NULL;
}

static void
set_uri (AgentTls *self, char *uri)
{
  g_mutex_lock (&self->agent->lock);
  g_free (self->agent->tls_uri);
  self->agent->tls_uri = uri;
  g_mutex_unlock (&self->agent->lock);
}

static void
close_port (AgentTls *self)
{
  if (self->retry != NULL)
    {
      g_source_destroy (self->retry);
      g_clear_pointer (&self->retry, g_source_unref);
    }
  g_clear_pointer (&self->port, agent_port_free);
  set_uri (self, NULL);
}

static void
on_connection (GSocket *socket, gpointer user_data)
{
  AgentTls *self = user_data;

  agent_arrivals_add (self->arrivals, socket);
}

static void
start_port (AgentTls *self, GSocket *socket)
{
  char *uri = uri_of_socket (socket);

  g_message ("agent '%s' listens on %s", self->agent->env.host_name, uri);
  self->port = agent_port_new (socket, uri, self->agent->context, on_connection, self);
  set_uri (self, uri);
}

static gboolean
is_open_at (AgentTls *self, GSocketAddress *address)
{
  g_autofree char *host = g_inet_address_to_string (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address)));
  g_autofree char *uri = make_uri (host, g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)));

  return g_strcmp0 (self->agent->tls_uri, uri) == 0;
}

/* In place of what is open, which stays where this cannot be had. */
static gboolean
open_for (AgentTls *self, const char *listen, GError **error)
{
  g_autoptr(GSocketAddress) address = agent_tls_parse_listen (listen, error);
  g_autoptr(GTlsCertificate) certificate = NULL;
  g_autoptr(GSocket) socket = NULL;

  if (address == NULL)
    return FALSE;
  if (is_open_at (self, address))
    return TRUE;

  certificate = agent_arrivals_load_certificate (self->agent, error);
  socket = certificate != NULL ? open_port (address, error) : NULL;
  if (socket == NULL)
    {
      g_prefix_error (error, "cannot listen on '%s': ", listen);
      return FALSE;
    }

  close_port (self);
  start_port (self, socket);
  return TRUE;
}

/* -- what the config file asks for --------------------------------------------------- */

static void
say_once (AgentTls *self, const char *why)
{
  if (g_strcmp0 (self->said, why) == 0)
    return;

  g_message ("no TCP port is open: %s", why);
  g_free (self->said);
  self->said = g_strdup (why);
}

static gboolean
try_config (gpointer user_data)
{
  AgentTls *self = user_data;
  g_autoptr(GError) error = NULL;
  g_autofree char *listen = agent_tls_configured_listen (&error);

  if (listen != NULL && open_for (self, listen, &error))
    return G_SOURCE_REMOVE;

  say_once (self, error != NULL ? error->message : "the config file has no listen= in [agent]");
  if (listen == NULL)
    return G_SOURCE_REMOVE;
  if (self->retry == NULL)
    {
      self->retry = g_timeout_source_new ((guint) agent_limits.retry_ms);
      g_source_set_callback (self->retry, try_config, self, NULL);
      g_source_attach (self->retry, self->agent->context);
    }
  return G_SOURCE_CONTINUE;
}

gboolean
agent_tls_start (Agent *agent, const char *listen, GError **error)
{
  AgentTls *self = g_new0 (AgentTls, 1);

  self->agent = agent;
  self->arrivals = agent_arrivals_new (agent);
  agent->tls = self;
  if (listen != NULL)
    return open_for (self, listen, error);

  try_config (self);
  return TRUE;
}

gboolean
agent_tls_reload (Agent *agent, GError **error)
{
  AgentTls *self = agent->tls;
  g_autoptr(GError) cause = NULL;
  g_autofree char *listen = agent_tls_configured_listen (&cause);

  if (cause != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&cause));
      return FALSE;
    }
  if (listen == NULL)
    {
      close_port (self);
      return TRUE;
    }
  if (open_for (self, listen, error))
    return TRUE;
  if (self->port == NULL)
    try_config (self);
  return FALSE;
}

void
agent_tls_stop (Agent *agent)
{
  AgentTls *self = g_steal_pointer (&agent->tls);

  if (self == NULL)
    return;

  close_port (self);
  agent_arrivals_free (self->arrivals);
  g_free (self->said);
  g_free (self);
}

char *
agent_tls_dup_uri (Agent *agent)
{
  char *uri;

  g_mutex_lock (&agent->lock);
  uri = g_strdup (agent->tls_uri);
  g_mutex_unlock (&agent->lock);
  return uri;
}
