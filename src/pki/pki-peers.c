/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* peers.conf: [peer FINGERPRINT] name=… role=… */

#include "pki-private.h"

#include <string.h>

#define GROUP_PREFIX "peer "
#define FINGERPRINT_DIGITS 64

const char *const qmig_role_names[] = { "none", "viewer", "operator", "admin", NULL };

QmigRole
qmig_role_from_string (const char *text, GError **error)
{
  for (int role = QMIG_ROLE_VIEWER; role <= QMIG_ROLE_ADMIN; role++)
    if (g_strcmp0 (text, qmig_role_names[role]) == 0)
      return (QmigRole) role;

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "there is no role '%s': expected viewer, operator or admin",
               text != NULL ? text : "");
  return QMIG_ROLE_NONE;
}

void
qmig_peer_free (QmigPeer *self)
{
  if (self == NULL)
    return;
  g_free (self->fingerprint);
  g_free (self->name);
  g_free (self);
}

char *
pki_normal_fingerprint (const char *text, GError **error)
{
  GString *digits = g_string_new (NULL);
  gboolean good = TRUE;

  for (const char *p = text; good && *p != '\0'; p++)
    {
      good = g_ascii_isxdigit (*p) || *p == ':';
      if (*p != ':')
        g_string_append_c (digits, g_ascii_tolower (*p));
    }
  if (good && digits->len == FINGERPRINT_DIGITS)
    return g_string_free (digits, FALSE);

  g_string_free (digits, TRUE);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
               "'%s' is no fingerprint: expected the SHA-256 of a certificate, %d hexadecimal digits", text,
               FINGERPRINT_DIGITS);
  return NULL;
}

/* A file that is not there is an empty one. */
static GKeyFile *
load_peers (const char *dir, GError **error)
{
  g_autoptr(GKeyFile) file = g_key_file_new ();
  g_autoptr(GError) cause = NULL;
  g_autofree char *text = pki_read (dir, PKI_PEERS, &cause);

  if (text == NULL && g_error_matches (cause, QMIG_ERROR, QMIG_EXIT_NOT_FOUND))
    return g_steal_pointer (&file);
  if (text == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&cause));
      return NULL;
    }
  if (g_key_file_load_from_data (file, text, strlen (text), G_KEY_FILE_KEEP_COMMENTS | G_KEY_FILE_KEEP_TRANSLATIONS,
                                 &cause))
    return g_steal_pointer (&file);

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot read '%s/" PKI_PEERS "': %s", dir, cause->message);
  return NULL;
}

static gboolean
save_peers (const char *dir, GKeyFile *file, GError **error)
{
  g_autofree char *text = g_key_file_to_data (file, NULL, NULL);

  return pki_write (dir, PKI_PEERS, text, error);
}

static QmigPeer *
read_peer (GKeyFile *file, const char *group, GError **error)
{
  g_autoptr(QmigPeer) peer = g_new0 (QmigPeer, 1);
  g_autofree char *role = g_key_file_get_string (file, group, "role", NULL);

  peer->fingerprint = pki_normal_fingerprint (group + strlen (GROUP_PREFIX), error);
  peer->name = g_key_file_get_string (file, group, "name", NULL);
  if (peer->name == NULL)
    peer->name = g_strdup ("");
  peer->role = peer->fingerprint != NULL ? qmig_role_from_string (role, error) : QMIG_ROLE_NONE;
  return peer->role != QMIG_ROLE_NONE ? g_steal_pointer (&peer) : NULL;
}

static GPtrArray *
read_peers (GKeyFile *file, const char *dir, GError **error)
{
  g_autoptr(GPtrArray) peers = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_peer_free);
  g_auto(GStrv) groups = g_key_file_get_groups (file, NULL);

  for (char **group = groups; *group != NULL; group++)
    {
      g_autoptr(GError) cause = NULL;
      QmigPeer *peer;

      if (!g_str_has_prefix (*group, GROUP_PREFIX))
        continue;
      peer = read_peer (file, *group, &cause);
      if (peer == NULL)
        {
          g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot use '%s/" PKI_PEERS "', [%s]: %s", dir, *group,
                       cause->message);
          return NULL;
        }
      g_ptr_array_add (peers, peer);
    }
  return g_steal_pointer (&peers);
}

GPtrArray *
qmig_peers_list (const char *dir, GError **error)
{
  g_autoptr(GKeyFile) file = load_peers (dir, error);

  return file != NULL ? read_peers (file, dir, error) : NULL;
}

/* However the fingerprint was written by hand. */
static gboolean
drop_group (GKeyFile *file, const char *fingerprint)
{
  g_auto(GStrv) groups = g_key_file_get_groups (file, NULL);
  gboolean dropped = FALSE;

  for (char **group = groups; *group != NULL; group++)
    {
      g_autofree char *found = g_str_has_prefix (*group, GROUP_PREFIX)
                                 ? pki_normal_fingerprint (*group + strlen (GROUP_PREFIX), NULL)
                                 : NULL;

      if (g_strcmp0 (found, fingerprint) == 0)
        dropped |= g_key_file_remove_group (file, *group, NULL);
    }
  return dropped;
}

gboolean
pki_peers_drop (const char *dir, const char *const *fingerprints, GError **error)
{
  g_autoptr(GKeyFile) file = load_peers (dir, error);
  gboolean dropped = FALSE;

  if (file == NULL)
    return FALSE;
  for (; *fingerprints != NULL; fingerprints++)
    dropped |= drop_group (file, *fingerprints);
  return !dropped || save_peers (dir, file, error);
}

gboolean
qmig_peers_set (const char *dir, const char *fingerprint, const char *name, QmigRole role, GError **error)
{
  g_autofree char *normal = pki_normal_fingerprint (fingerprint, error);
  g_autofree char *group = NULL;
  g_autoptr(GKeyFile) file = NULL;
  g_auto(PkiLock) lock = -1;

  if (normal == NULL || !pki_check_name (name, error)
      || qmig_role_from_string (qmig_role_names[role], error) == QMIG_ROLE_NONE || !pki_make_dir (dir, error))
    return FALSE;
  lock = pki_lock (dir, error);
  file = lock >= 0 ? load_peers (dir, error) : NULL;
  if (file == NULL)
    return FALSE;

  drop_group (file, normal);
  group = g_strconcat (GROUP_PREFIX, normal, NULL);
  g_key_file_set_string (file, group, "name", name);
  g_key_file_set_string (file, group, "role", qmig_role_names[role]);
  return save_peers (dir, file, error);
}

gboolean
qmig_peers_remove (const char *dir, const char *name_or_fingerprint, GError **error)
{
  g_autofree char *normal = pki_normal_fingerprint (name_or_fingerprint, NULL);
  g_auto(PkiLock) lock = pki_lock (dir, error);
  g_autoptr(GKeyFile) file = lock >= 0 ? load_peers (dir, error) : NULL;
  g_autoptr(GPtrArray) peers = file != NULL ? read_peers (file, dir, error) : NULL;
  gboolean dropped = FALSE;

  if (peers == NULL)
    return FALSE;
  for (guint i = 0; i < peers->len; i++)
    {
      const QmigPeer *peer = g_ptr_array_index (peers, i);

      if (g_strcmp0 (peer->fingerprint, normal) == 0 || g_str_equal (peer->name, name_or_fingerprint))
        dropped |= drop_group (file, peer->fingerprint);
    }
  if (dropped)
    return save_peers (dir, file, error);

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "there is no peer '%s' in '%s/" PKI_PEERS "'",
               name_or_fingerprint, dir);
  return FALSE;
}
