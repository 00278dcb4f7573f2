/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-host-recover.h"

#include <string.h>

#include <gio/gio.h>

#include "qmig-host-prepare.h"
#include "qmp-commands.h"
#include "qmp-error.h"

/* Between breaking the link and the next try: QEMU's threads have to notice. */
#define PAUSE_MS 50

/* -- where to listen ---------------------------------------------------------- */

/* The port that can be bound, -1 when none.  @port: 0 for any */
static int
try_port (GInetAddress *address, int port)
{
  g_autoptr(GSocket) probe = g_socket_new (g_inet_address_get_family (address), G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  g_autoptr(GSocketAddress) wanted = g_inet_socket_address_new (address, (guint16) port);
  g_autoptr(GSocketAddress) bound = NULL;

  if (probe == NULL || !g_socket_bind (probe, wanted, TRUE, NULL))
    return -1;
  bound = g_socket_get_local_address (probe, NULL);
  return bound != NULL ? g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound)) : -1;
}

/* QEMU tells its port in band alone, so that it has to be chosen for it. */
static int
find_port (const QmigIncomingSpec *spec, const char *host)
{
  g_autoptr(GInetAddress) literal = g_inet_address_new_from_string (host);
  g_autoptr(GInetAddress) address = literal != NULL ? g_object_ref (literal) : g_inet_address_new_any (G_SOCKET_FAMILY_IPV4);
  int first = spec->port > 0 ? (int) MIN (spec->port, 65535) : 0;
  int last = first > 0 ? (int) CLAMP (spec->port_last, first, 65535) : 0;

  for (int port = first; port <= last; port++)
    {
      int found = try_port (address, port);

      if (found > 0)
        return found;
    }
  return -1;
}

/* (transfer full) */
static char *
tcp_uri (const QmigIncomingSpec *spec, GError **error)
{
  const char *listen = spec->listen != NULL && *spec->listen != '\0' ? spec->listen : "127.0.0.1";
  g_autofree char *bare = *listen == '[' ? g_strndup (listen + 1, strcspn (listen + 1, "]")) : g_strdup (listen);
  int port = find_port (spec, bare);

  if (port > 0)
    return g_strdup_printf (strchr (bare, ':') != NULL ? "tcp:[%s]:%d" : "tcp:%s:%d", bare, port);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "no port of %s is free for the link to come again", bare);
  return NULL;
}

static char *
listen_uri (const QmigIncomingSpec *spec, GError **error)
{
  if (g_strcmp0 (spec->transport, "tcp") == 0 || g_strcmp0 (spec->transport, "tls") == 0)
    return tcp_uri (spec, error);
  return g_strconcat ("unix:", spec->run_dir, "/" QMIG_MIGRATION_SOCKET, NULL);
}

/* -- breaking, and listening ------------------------------------------------------ */

/* Of a link that broke only one side may know: QEMU waits for bytes for ever. */
static gboolean
break_link (QmpClient *client, QmpWait *wait, GError **error)
{
  g_autoptr(GError) refused = NULL;

  if (qmp_migrate_pause (client, wait, &refused))
    return TRUE;
  if (qmp_error_is_refusal (refused))
    return qmp_yank_migration (client, wait, error);
  g_propagate_error (error, g_steal_pointer (&refused));
  return FALSE;
}

gboolean
qmig_host_recover_listen (QmigDestination *destination, const QmigIncomingSpec *spec, QmpWait *wait, GError **error)
{
  QmpClient *client = qmig_destination_get_client (destination);
  g_autofree char *uri = listen_uri (spec, error);

  if (uri == NULL)
    return FALSE;
  while (TRUE)
    {
      g_autoptr(GError) refused = NULL;

      if (qmp_migrate_recover (client, uri, wait, &refused))
        {
          qmig_destination_set_uri (destination, uri);
          return TRUE;
        }
      if (!qmp_error_is_refusal (refused) || qmp_wait_left_ms (wait) <= 0)
        {
          g_propagate_error (error, g_steal_pointer (&refused));
          return FALSE;
        }
      if (!break_link (client, wait, error) || !qmp_wait_pause (wait, PAUSE_MS, error))
        {
          g_prefix_error (error, "%s; ", refused->message);
          return FALSE;
        }
    }
}
