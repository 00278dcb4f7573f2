/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-connect.h"

#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/un.h>

#include "qmp-error.h"

#define RETRY_MS 20

static GSocketAddress *
make_address (const char *path, GError **error)
{
  /* GIO would cut it off and connect to another path. */
  if (strlen (path) >= sizeof ((struct sockaddr_un *) NULL)->sun_path)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG, "the path of a unix socket has at most %zu bytes",
                   sizeof ((struct sockaddr_un *) NULL)->sun_path - 1);
      return NULL;
    }
  return g_unix_socket_address_new (path);
}

static GIOStream *
connect_once (GSocketAddress *address, GError **error)
{
  g_autoptr(GSocket) socket =
      g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, error);

  if (!socket)
    return NULL;

  g_socket_set_blocking (socket, FALSE);
  if (!g_socket_connect (socket, address, NULL, error))
    return NULL;

  return G_IO_STREAM (g_socket_connection_factory_create_connection (socket));
}

static GIOStream *
connect_until (GSocketAddress *address, QmpWait *wait, GError **error)
{
  while (TRUE)
    {
      g_autoptr(GError) cause = NULL;
      GIOStream *stream = connect_once (address, &cause);

      if (stream)
        return stream;
      if (!g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        {
          g_propagate_error (error, g_steal_pointer (&cause));
          return NULL;
        }
      if (!qmp_wait_pause (wait, RETRY_MS, error))
        return NULL;
    }
}

GIOStream *
qmp_connect (const char *path, QmpWait *wait, GError **error)
{
  g_autoptr(GSocketAddress) address = make_address (path, error);
  g_autoptr(GError) cause = NULL;
  GIOStream *stream;

  if (!address)
    return NULL;

  stream = connect_until (address, wait, &cause);
  if (!stream && g_error_matches (cause, QMP_ERROR, QMP_ERROR_TIMEOUT))
    g_set_error_literal (error, QMP_ERROR, QMP_ERROR_BUSY, "its queue is full, " QMP_CONNECT_OTHER_CLIENT);
  else if (!stream)
    g_propagate_error (error, g_steal_pointer (&cause));
  return stream;
}

GPid
qmp_connect_get_peer_pid (GIOStream *stream)
{
  g_autoptr(GCredentials) credentials = NULL;
  GSocket *socket;

  if (!G_IS_SOCKET_CONNECTION (stream))
    return 0;
  socket = g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream));
  if (g_socket_get_family (socket) != G_SOCKET_FAMILY_UNIX)
    return 0;

  credentials = g_socket_get_credentials (socket, NULL);
  return credentials ? MAX (g_credentials_get_unix_pid (credentials, NULL), 0) : 0;
}
