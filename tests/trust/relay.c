/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "relay.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LOOK_MS 5

struct _Relay
{
  gint refs;
  int listener;
  char *to;
  gint mode;
  gint quit;
  gint dropped;
  GThread *thread;
};

typedef struct
{
  Relay *relay;
  int fd;
  int far;
} Link;

static void
relay_unref (Relay *self)
{
  if (!g_atomic_int_dec_and_test (&self->refs))
    return;
  g_free (self->to);
  g_free (self);
}

static struct sockaddr_un
address_of (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  g_assert_cmpuint (strlen (path), <, sizeof address.sun_path);
  strcpy (address.sun_path, path);
  return address;
}

static RelayMode
mode_of (Relay *self)
{
  return g_atomic_int_get (&self->mode);
}

static gboolean
is_readable (int fd)
{
  GPollFD poll = { fd, G_IO_IN | G_IO_HUP, 0 };

  return g_poll (&poll, 1, LOOK_MS) == 1;
}

/* FALSE when it is over.  It never blocks for long: the mode may change meanwhile. */
static gboolean
pass_on (Relay *self, int to, const char *bytes, gssize length)
{
  while (length > 0)
    {
      gssize n = send (to, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

      if (n < 0 && errno != EAGAIN && errno != EINTR)
        return FALSE;
      if (n < 0)
        {
          GPollFD poll = { to, G_IO_OUT, 0 };

          if (mode_of (self) == RELAY_IS_BROKEN || g_atomic_int_get (&self->quit))
            return FALSE;
          g_poll (&poll, 1, LOOK_MS);
          continue;
        }
      bytes += n;
      length -= n;
    }
  return TRUE;
}

static gboolean
carry (Link *link, gboolean back)
{
  char bytes[65536];
  gssize length = recv (back ? link->far : link->fd, bytes, sizeof bytes, MSG_DONTWAIT);

  if (length <= 0)
    return length < 0 && (errno == EAGAIN || errno == EINTR);
  if (back && mode_of (link->relay) == RELAY_DROPS_ANSWERS)
    {
      g_atomic_int_add (&link->relay->dropped, (gint) length);
      return TRUE;
    }
  return pass_on (link->relay, back ? link->fd : link->far, bytes, length);
}

/* FALSE when it is over. */
static gboolean
carry_once (Link *link, gboolean *hurt)
{
  GPollFD either[] = { { link->fd, G_IO_IN, 0 }, { link->far, G_IO_IN, 0 } };
  RelayMode mode = mode_of (link->relay);

  if (mode == RELAY_IS_BROKEN || (*hurt && mode == RELAY_CARRIES))
    return FALSE;
  *hurt |= mode != RELAY_CARRIES;
  if (mode == RELAY_IS_SILENT)
    {
      g_usleep (LOOK_MS * 1000);
      return TRUE;
    }
  g_poll (either, G_N_ELEMENTS (either), LOOK_MS);
  return carry (link, FALSE) && carry (link, TRUE);
}

static gpointer
carry_connection (gpointer data)
{
  Link *link = data;
  gboolean hurt = FALSE;

  while (!g_atomic_int_get (&link->relay->quit) && carry_once (link, &hurt))
    ;
  close (link->fd);
  close (link->far);
  relay_unref (link->relay);
  g_free (link);
  return NULL;
}

static void
take (Relay *self, int fd)
{
  struct sockaddr_un address = address_of (self->to);
  Link *link;
  int far = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (mode_of (self) == RELAY_IS_BROKEN || connect (far, (struct sockaddr *) &address, sizeof address) != 0)
    {
      close (far);
      close (fd);
      return;
    }
  link = g_new0 (Link, 1);
  *link = (Link) { self, fd, far };
  g_atomic_int_inc (&self->refs);
  g_thread_unref (g_thread_new ("relayed", carry_connection, link));
}

static gpointer
listen_on (gpointer data)
{
  Relay *self = data;

  while (!g_atomic_int_get (&self->quit))
    {
      int fd = is_readable (self->listener) ? accept4 (self->listener, NULL, NULL, SOCK_CLOEXEC) : -1;

      if (fd >= 0)
        take (self, fd);
    }
  return NULL;
}

Relay *
relay_new (const char *path, const char *to)
{
  Relay *self = g_new0 (Relay, 1);
  struct sockaddr_un address = address_of (path);

  self->refs = 1;
  self->to = g_strdup (to);
  self->listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_no_errno (bind (self->listener, (struct sockaddr *) &address, sizeof address));
  g_assert_no_errno (listen (self->listener, 64));
  self->thread = g_thread_new ("relay", listen_on, self);
  return self;
}

void
relay_free (Relay *self)
{
  if (self == NULL)
    return;
  g_atomic_int_set (&self->quit, TRUE);
  g_thread_join (self->thread);
  close (self->listener);
  relay_unref (self);
}

void
relay_set (Relay *self, RelayMode mode)
{
  g_atomic_int_set (&self->mode, mode);
}

guint
relay_get_dropped (Relay *self)
{
  return (guint) g_atomic_int_get (&self->dropped);
}
