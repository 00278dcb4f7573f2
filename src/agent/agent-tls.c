/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-tls.h"

#include <string.h>

#include "agent-arrival.h"
#include "agent-link.h"
#include "client.h"

#define PORT_DEFAULT 7647
#define BACKLOG 128
#define BREATH_MS 500

struct _AgentTls
{
  Agent *agent;
  GSocket *socket; /* NULL while the port is not open */
  GSource *source; /* of the next connection, or of the next attempt */
  char *uri;
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
uri_of_socket (GSocket *socket)
{
  g_autoptr(GSocketAddress) address = g_socket_get_local_address (socket, NULL);
  GInetSocketAddress *inet = G_INET_SOCKET_ADDRESS (address);
  g_autofree char *host = g_inet_address_to_string (g_inet_socket_address_get_address (inet));

  return g_strdup_printf (strchr (host, ':') != NULL ? "https://[%s]:%u" : "https://%s:%u", host,
                          g_inet_socket_address_get_port (inet));
}

/* -- the port ------------------------------------------------------------------- */

static void
set_source (AgentTls *self, GSource *source, GSourceFunc func)
{
  if (self->source != NULL)
    {
      g_source_destroy (self->source);
      g_source_unref (self->source);
    }

  self->source = source;
  if (source == NULL)
    return;
  g_source_set_callback (source, func, self, NULL);
  g_source_attach (source, self->agent->context);
}

static void watch_port (AgentTls *self);

static gboolean
breathed (gpointer user_data)
{
  watch_port (user_data);
  return G_SOURCE_REMOVE;
}

/* A few at a time: the callers that are known have their turns in between. */
static gboolean
on_connection (GSocket *listener, GIOCondition condition, gpointer user_data)
{
  AgentTls *self = user_data;

  for (int i = 0; i < 16; i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(GSocket) socket = g_socket_accept (listener, NULL, &error);

      if (socket != NULL)
        {
          agent_arrivals_add (self->arrivals, socket);
          continue;
        }
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        return G_SOURCE_CONTINUE;
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED))
        continue;

      /* Out of descriptors, likely: the next attempt would fail at once, and again. */
      g_warning ("cannot accept a connection on %s: %s", self->uri, error->message);
      set_source (self, g_timeout_source_new (BREATH_MS), breathed);
      return G_SOURCE_REMOVE;
    }
  return G_SOURCE_CONTINUE;
}

static void
watch_port (AgentTls *self)
{
  set_source (self, g_socket_create_source (self->socket, G_IO_IN, NULL), G_SOURCE_FUNC (on_connection));
}

static GSocket *
open_port (GSocketAddress *address, GError **error)
{
  g_autoptr(GSocket) socket = g_socket_new (g_socket_address_get_family (address), G_SOCKET_TYPE_STREAM,
                                            G_SOCKET_PROTOCOL_TCP, error);

  if (socket == NULL)
    return NULL;

  g_socket_set_blocking (socket, FALSE);
  g_socket_set_listen_backlog (socket, BACKLOG);
  return g_socket_bind (socket, address, TRUE, error) && g_socket_listen (socket, error) ? g_steal_pointer (&socket)
                                                                                          : NULL;
}

static void
set_uri (AgentTls *self, char *uri)
{
  g_free (self->uri);
  self->uri = uri;
  g_mutex_lock (&self->agent->lock);
  g_free (self->agent->tls_uri);
  self->agent->tls_uri = g_strdup (uri);
  g_mutex_unlock (&self->agent->lock);
}

static void
close_port (AgentTls *self)
{
  set_source (self, NULL, NULL);
  if (self->socket != NULL)
    g_socket_close (self->socket, NULL);
  g_clear_object (&self->socket);
  set_uri (self, NULL);
}

static gboolean
open_for (AgentTls *self, const char *listen, GError **error)
{
  g_autoptr(GSocketAddress) address = agent_tls_parse_listen (listen, error);
  g_autoptr(GTlsCertificate) certificate = NULL;

  if (address == NULL)
    return FALSE;

  certificate = agent_arrivals_load_certificate (self->agent, error);
  self->socket = certificate != NULL ? open_port (address, error) : NULL;
  if (self->socket == NULL)
    {
      g_prefix_error (error, "cannot listen on '%s': ", listen);
      return FALSE;
    }

  set_uri (self, uri_of_socket (self->socket));
  g_message ("agent '%s' listens on %s", self->agent->env.host_name, self->uri);
  watch_port (self);
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
  if (self->source == NULL)
    set_source (self, g_timeout_source_new ((guint) agent_limits.retry_ms), try_config);
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
  close_port (self);
  return listen == NULL || open_for (self, listen, error);
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
