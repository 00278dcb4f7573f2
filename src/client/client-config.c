/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The config file: [agent], and the hosts: [host NAME] uri=…, labels=…, qmig=… */

#include "client-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "client-dirs.h"

#define AGENT_GROUP "agent"
#define GROUP_PREFIX "host "
#define NAME_MAX_BYTES 64

GKeyFile *
qmig_client_load_config (GError **error)
{
  g_autofree char *path = qmig_client_default_config_path ();
  g_autoptr(GKeyFile) file = g_key_file_new ();
  g_autoptr(GError) cause = NULL;

  if (g_key_file_load_from_file (file, path, G_KEY_FILE_KEEP_COMMENTS | G_KEY_FILE_KEEP_TRANSLATIONS, &cause)
      || g_error_matches (cause, G_FILE_ERROR, G_FILE_ERROR_NOENT)
      || g_error_matches (cause, G_FILE_ERROR, G_FILE_ERROR_NOTDIR))
    return g_steal_pointer (&file);

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot read config file '%s': %s", path, cause->message);
  return NULL;
}

/* Whoever reads, changes and writes holds it: commands and the agent do so at the same time. */
typedef int ConfigLock;

static void
unlock_config (ConfigLock lock)
{
  if (lock >= 0)
    close (lock);
}

G_DEFINE_AUTO_CLEANUP_FREE_FUNC (ConfigLock, unlock_config, -1)

static ConfigLock
lock_config (GError **error)
{
  g_autofree char *path = qmig_client_default_config_path ();
  g_autofree char *dir = g_path_get_dirname (path);
  g_auto(ConfigLock) lock = -1;
  int status = -1;

  if (g_mkdir_with_parents (dir, 0700) == 0)
    lock = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  while (lock >= 0 && (status = flock (lock, LOCK_EX)) != 0 && errno == EINTR)
    continue;
  if (status == 0)
    {
      ConfigLock held = lock;

      lock = -1;
      return held;
    }
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot write config file '%s': %s", path, g_strerror (errno));
  return -1;
}

/* With the lock held. */
static gboolean
save_config (GKeyFile *file, GError **error)
{
  g_autofree char *path = qmig_client_default_config_path ();
  g_autoptr(GError) cause = NULL;

  if (g_key_file_save_to_file (file, path, &cause))
    return TRUE;

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot write config file '%s': %s", path, cause->message);
  return FALSE;
}

char *
qmig_client_get_agent_setting (const char *key)
{
  g_autoptr(GError) unreadable = NULL;
  g_autoptr(GKeyFile) file = qmig_client_load_config (&unreadable);

  if (file != NULL)
    return g_key_file_get_string (file, AGENT_GROUP, key, NULL);
  g_warning ("%s", unreadable->message);
  return NULL;
}

gboolean
qmig_client_set_agent_setting (const char *key, const char *value, GError **error)
{
  g_auto(ConfigLock) lock = lock_config (error);
  g_autoptr(GKeyFile) file = lock >= 0 ? qmig_client_load_config (error) : NULL;

  if (file == NULL)
    return FALSE;
  g_key_file_set_string (file, AGENT_GROUP, key, value);
  return save_config (file, error);
}

static char **
list_names (GKeyFile *file)
{
  g_auto(GStrv) groups = g_key_file_get_groups (file, NULL);
  g_autoptr(GStrvBuilder) names = g_strv_builder_new ();

  for (gsize i = 0; groups[i] != NULL; i++)
    {
      if (g_str_has_prefix (groups[i], GROUP_PREFIX))
        g_strv_builder_add (names, groups[i] + strlen (GROUP_PREFIX));
    }
  return g_strv_builder_end (names);
}

/* How many letters must be put in, left out or changed to make @b of @a. */
static gsize
edit_distance (const char *a, const char *b)
{
  gsize width = strlen (b) + 1;
  g_autofree gsize *row = g_new (gsize, width);

  for (gsize j = 0; j < width; j++)
    row[j] = j;

  for (gsize i = 1; a[i - 1] != '\0'; i++)
    {
      gsize diagonal = row[0];

      row[0] = i;
      for (gsize j = 1; j < width; j++)
        {
          gsize above = row[j];
          gsize change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);

          row[j] = MIN (change, MIN (above, row[j - 1]) + 1);
          diagonal = above;
        }
    }
  return row[width - 1];
}

static void
set_unknown_host (GKeyFile *file, const char *name, GError **error)
{
  g_auto(GStrv) names = list_names (file);
  g_autofree char *path = qmig_client_default_config_path ();
  g_autoptr(GString) near = g_string_new (NULL);

  for (gsize i = 0; names[i] != NULL; i++)
    {
      gboolean alike = strlen (name) <= NAME_MAX_BYTES && strlen (names[i]) <= NAME_MAX_BYTES
                       && edit_distance (name, names[i]) <= 2;

      if (alike)
        g_string_append_printf (near, "%s'%s'", near->len > 0 ? " or " : "; did you mean ", names[i]);
    }

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "there is no host '%s' in '%s'%s%s", name, path, near->str,
               near->len > 0 ? "?" : "");
}

char *
qmig_client_resolve_host (const char *name_or_uri, GError **error)
{
  g_autoptr(GKeyFile) file = NULL;
  g_autofree char *group = NULL;
  g_autofree char *uri = NULL;

  if (g_str_equal (name_or_uri, "local") || strchr (name_or_uri, ':') != NULL)
    return g_strdup (name_or_uri);

  file = qmig_client_load_config (error);
  if (file == NULL)
    return NULL;

  group = g_strconcat (GROUP_PREFIX, name_or_uri, NULL);
  uri = g_key_file_get_string (file, group, "uri", NULL);
  if (uri == NULL && g_key_file_has_group (file, group))
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "host '%s' has no uri in the config file", name_or_uri);
  else if (uri == NULL)
    set_unknown_host (file, name_or_uri, error);
  return g_steal_pointer (&uri);
}

/* "a, b" → a and b; NULL where there is none. */
static char **
list_labels (GKeyFile *file, const char *group)
{
  g_autofree char *text = g_key_file_get_string (file, group, "labels", NULL);
  g_auto(GStrv) parts = g_strsplit (text != NULL ? text : "", ",", -1);
  g_autoptr(GStrvBuilder) labels = g_strv_builder_new ();
  gboolean any = FALSE;

  for (gsize i = 0; parts[i] != NULL; i++)
    {
      if (g_strstrip (parts[i])[0] == '\0')
        continue;
      g_strv_builder_add (labels, parts[i]);
      any = TRUE;
    }
  return any ? g_strv_builder_end (labels) : NULL;
}

gboolean
client_find_pin (const char *uri, char **pin, GError **error)
{
  g_autoptr(GKeyFile) file = qmig_client_load_config (error);
  g_auto(GStrv) names = NULL;

  if (file == NULL)
    return FALSE;

  *pin = NULL;
  names = list_names (file);
  for (gsize i = 0; names[i] != NULL && *pin == NULL; i++)
    {
      g_autofree char *group = g_strconcat (GROUP_PREFIX, names[i], NULL);
      g_autofree char *other = g_key_file_get_string (file, group, "uri", NULL);

      if (g_strcmp0 (uri, other) == 0)
        *pin = g_key_file_get_string (file, group, "fingerprint", NULL);
    }
  return TRUE;
}

GPtrArray *
qmig_client_list_hosts (GError **error)
{
  g_autoptr(GKeyFile) file = qmig_client_load_config (error);
  g_auto(GStrv) names = NULL;
  GPtrArray *hosts;

  if (file == NULL)
    return NULL;

  names = list_names (file);
  hosts = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_host_entry_free);
  for (gsize i = 0; names[i] != NULL; i++)
    {
      g_autofree char *group = g_strconcat (GROUP_PREFIX, names[i], NULL);
      QmigHostEntry *entry = qmig_host_entry_new ();

      entry->name = g_strdup (names[i]);
      entry->uri = g_key_file_get_string (file, group, "uri", NULL);
      entry->labels = list_labels (file, group);
      g_ptr_array_add (hosts, entry);
    }
  return hosts;
}

static gboolean
is_word (const char *word)
{
  gboolean good = word != NULL && g_ascii_isalnum (word[0]) && strlen (word) <= NAME_MAX_BYTES;

  for (const char *p = word; good && *p != '\0'; p++)
    good = g_ascii_isalnum (*p) || strchr ("-_.", *p) != NULL;
  return good;
}

gboolean
qmig_client_check_host_name (const char *name, GError **error)
{
  gboolean good = is_word (name) && !g_str_equal (name, "local");

  if (!good)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                 "cannot name a host '%s': expected up to %d letters, digits, '-', '_' and '.', and not 'local'",
                 name != NULL ? name : "", NAME_MAX_BYTES);
  return good;
}

static gboolean
check_labels (char **labels, GError **error)
{
  for (gsize i = 0; labels != NULL && labels[i] != NULL; i++)
    {
      if (is_word (labels[i]))
        continue;
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                   "cannot label a host '%s': expected up to %d letters, digits, '-', '_' and '.'", labels[i],
                   NAME_MAX_BYTES);
      return FALSE;
    }
  return TRUE;
}

gboolean
qmig_client_add_host (const char *name, const char *uri, char **labels, GError **error)
{
  g_autofree char *group = g_strconcat (GROUP_PREFIX, name, NULL);
  g_autoptr(QmigClient) client = NULL;
  g_auto(ConfigLock) lock = -1;
  g_autoptr(GKeyFile) file = NULL;

  if (!qmig_client_check_host_name (name, error) || !check_labels (labels, error))
    return FALSE;

  client = qmig_client_new (uri != NULL ? uri : "", error);
  lock = client != NULL ? lock_config (error) : -1;
  file = lock >= 0 ? qmig_client_load_config (error) : NULL;
  if (file == NULL)
    return FALSE;

  if (g_key_file_has_group (file, group))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "host '%s' is in the config file already", name);
      return FALSE;
    }

  g_key_file_set_string (file, group, "uri", uri);
  if (labels != NULL && labels[0] != NULL)
    {
      g_autofree char *text = g_strjoinv (",", labels);

      g_key_file_set_string (file, group, "labels", text);
    }
  return save_config (file, error);
}

gboolean
qmig_client_set_host_uri (const char *name, const char *uri, GError **error)
{
  g_autofree char *group = g_strconcat (GROUP_PREFIX, name, NULL);
  g_auto(ConfigLock) lock = qmig_client_check_host_name (name, error) ? lock_config (error) : -1;
  g_autoptr(GKeyFile) file = lock >= 0 ? qmig_client_load_config (error) : NULL;

  if (file == NULL)
    return FALSE;
  g_key_file_set_string (file, group, "uri", uri);
  return save_config (file, error);
}

gboolean
qmig_client_remove_host (const char *name, GError **error)
{
  g_autofree char *group = g_strconcat (GROUP_PREFIX, name, NULL);
  g_auto(ConfigLock) lock = lock_config (error);
  g_autoptr(GKeyFile) file = lock >= 0 ? qmig_client_load_config (error) : NULL;

  if (file == NULL)
    return FALSE;

  if (!g_key_file_has_group (file, group))
    {
      set_unknown_host (file, name, error);
      return FALSE;
    }

  g_key_file_remove_group (file, group, NULL);
  return save_config (file, error);
}

char *
qmig_client_get_far_program (const char *uri, GError **error)
{
  g_autoptr(GKeyFile) file = qmig_client_load_config (error);
  g_auto(GStrv) names = NULL;

  if (file == NULL)
    return NULL;

  names = list_names (file);
  for (gsize i = 0; names[i] != NULL; i++)
    {
      g_autofree char *group = g_strconcat (GROUP_PREFIX, names[i], NULL);
      g_autofree char *its_uri = g_key_file_get_string (file, group, "uri", NULL);
      g_autofree char *program = g_key_file_get_string (file, group, "qmig", NULL);

      if (g_strcmp0 (its_uri, uri) == 0 && program != NULL)
        return g_steal_pointer (&program);
    }
  return g_strdup ("qmig");
}
