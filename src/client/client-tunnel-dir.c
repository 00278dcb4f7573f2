/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "client-tunnel-dir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "client-dirs.h"
#include "client.h"

#define PREFIX "ssh-"
/* OpenSSH puts 17 characters behind the control path while it makes the socket. */
#define DIR_MAX_BYTES 80
/* How often somebody else may be faster. */
#define TRIES 100

void
client_tunnel_dir_remove (const char *dir)
{
  static const char *const names[] = { CLIENT_TUNNEL_SOCKET, CLIENT_TUNNEL_CONTROL };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (dir, names[i], NULL);

      g_unlink (path);
    }
  g_rmdir (dir);
}

/* A directory of this user's own, locked by nobody else; -1 for anything else. */
static int
lock_dir (const char *dir)
{
  int fd = open (dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct stat st;

  if (fd < 0)
    return -1;
  if (fstat (fd, &st) == 0 && st.st_uid == geteuid () && st.st_nlink > 0 && flock (fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  close (fd);
  return -1;
}

/* Whoever holds no lock any more was killed. */
static void
sweep (const char *parent)
{
  g_autoptr(GDir) dir = g_dir_open (parent, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (parent, name, NULL);
      int fd = g_str_has_prefix (name, PREFIX) ? lock_dir (path) : -1;

      if (fd < 0)
        continue;
      client_tunnel_dir_remove (path);
      close (fd);
    }
}

/* The runtime directory, or else one of its kind below /tmp. */
static char *
choose_parent (GError **error)
{
  g_autofree char *dir = qmig_client_default_runtime_dir ();
  gboolean plain = strlen (dir) + strlen ("/" PREFIX "XXXXXX") <= DIR_MAX_BYTES;

  for (const char *p = dir; plain && *p != '\0'; p++)
    plain = g_ascii_isalnum (*p) || strchr ("/._-", *p) != NULL;
  if (plain && qmig_client_make_private_dir (dir, NULL))
    return g_steal_pointer (&dir);

  g_free (dir);
  dir = g_strdup_printf ("/tmp/qmig-%u", (unsigned int) geteuid ());
  return qmig_client_make_private_dir (dir, error) ? g_steal_pointer (&dir) : NULL;
}

char *
client_tunnel_dir_make (int *lock_fd, GError **error)
{
  g_autofree char *parent = choose_parent (error);

  if (parent == NULL)
    return NULL;

  sweep (parent);
  for (int i = 0; i < TRIES; i++)
    {
      g_autofree char *dir = g_build_filename (parent, PREFIX "XXXXXX", NULL);

      if (g_mkdtemp (dir) == NULL)
        {
          int saved = errno;

          g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot create a directory below '%s' for ssh: %s", parent,
                       g_strerror (saved));
          return NULL;
        }

      /* Another process that is sweeping right now may have been faster. */
      *lock_fd = lock_dir (dir);
      if (*lock_fd >= 0 && g_access (dir, F_OK) == 0)
        return g_steal_pointer (&dir);
      if (*lock_fd >= 0)
        close (*lock_fd);
      *lock_fd = -1;
      g_rmdir (dir);
    }
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot lock a directory below '%s' for ssh", parent);
  return NULL;
}
