/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Policies by name: [policy NAME] of the config file before the files that come with qmig. */

#include "agent-private.h"

#include <string.h>

#include "api-suggest.h"
#include "client-dirs.h"
#include "client.h"
#include "converge-policy.h"

#define SUFFIX ".policy"

/* -- where they are ------------------------------------------------------------------ */

/* Beside a program that is not installed, else where they are installed to.  (transfer full) */
static char *
find_dir (void)
{
  static const char *const below[] = { ".", "..", "../..", "../../.." };
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *beside = g_path_get_dirname (program != NULL ? program : ".");

  for (gsize i = 0; i < G_N_ELEMENTS (below); i++)
    {
      g_autofree char *path = g_build_filename (beside, below[i], "data", "policies", NULL);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        return g_canonicalize_filename (path, NULL);
    }
  return g_build_filename (QMIG_DATADIR, "policies", NULL);
}

static void
add_names_of_files (GHashTable *names, const char *dir_path)
{
  g_autoptr(GDir) dir = g_dir_open (dir_path, 0, NULL);
  const char *file;

  while (dir != NULL && (file = g_dir_read_name (dir)) != NULL)
    if (g_str_has_suffix (file, SUFFIX))
      g_hash_table_add (names, g_strndup (file, strlen (file) - strlen (SUFFIX)));
}

static void
add_names_of_config (GHashTable *names, GKeyFile *config)
{
  g_auto(GStrv) groups = g_key_file_get_groups (config, NULL);

  for (char **group = groups; *group != NULL; group++)
    if (g_str_has_prefix (*group, CONVERGE_POLICY_GROUP))
      g_hash_table_add (names, g_strdup (*group + strlen (CONVERGE_POLICY_GROUP)));
}

static int
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Sorted.  (transfer full) */
static char **
list_names (GKeyFile *config, const char *dir)
{
  g_autoptr(GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char **list = NULL;
  guint n;

  g_hash_table_add (names, g_strdup (CONVERGE_POLICY_DEFAULT));
  add_names_of_files (names, dir);
  add_names_of_config (names, config);
  list = (char **) g_hash_table_get_keys_as_array (names, &n);
  qsort (list, n, sizeof *list, by_name);
  return g_strdupv (list);
}

/* -- reading ------------------------------------------------------------------------- */

static QmigPolicy *
read_from (GKeyFile *file, const char *name, const char *origin, GError **error)
{
  QmigPolicy *policy = converge_policy_read (file, name, error);

  if (policy != NULL)
    policy->origin = g_strdup (origin);
  else
    g_prefix_error (error, "%s: ", origin);
  return policy;
}

static QmigPolicy *
set_unknown (GKeyFile *config, const char *dir, const char *name, GError **error)
{
  g_auto(GStrv) names = list_names (config, dir);
  g_autofree char *hint = api_suggest (name, (const char *const *) names);
  g_autofree char *all = g_strjoinv (", ", names);

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "there is no policy '%s'%s; there are %s", name, hint, all);
  return NULL;
}

static QmigPolicy *
find_in (GKeyFile *config, const char *dir, const char *name, GError **error)
{
  g_autofree char *group = g_strconcat (CONVERGE_POLICY_GROUP, name, NULL);
  g_autofree char *base = g_strconcat (name, SUFFIX, NULL);
  g_autofree char *path = g_build_filename (dir, base, NULL);
  g_autofree char *config_path = qmig_client_default_config_path ();
  g_autoptr(GKeyFile) file = g_key_file_new ();
  g_autoptr(GError) cause = NULL;

  if (!converge_policy_check_name (name, error))
    return NULL;
  if (g_key_file_has_group (config, group))
    return read_from (config, name, config_path, error);
  if (g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &cause))
    return read_from (file, name, path, error);
  if (!g_error_matches (cause, G_FILE_ERROR, G_FILE_ERROR_NOENT) && !g_error_matches (cause, G_FILE_ERROR, G_FILE_ERROR_NOTDIR))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot read policy '%s': %s: %s", name, path, cause->message);
      return NULL;
    }
  return g_str_equal (name, CONVERGE_POLICY_DEFAULT) ? converge_policy_new_default () : set_unknown (config, dir, name, error);
}

QmigPolicy *
agent_find_policy (const QmigEnv *env, const char *name, GError **error)
{
  g_autoptr(GKeyFile) config = qmig_client_load_config (error);
  g_autofree char *dir = find_dir ();

  return config != NULL ? find_in (config, dir, name, error) : NULL;
}

/* -- requests -------------------------------------------------------------------------- */

JsonObject *
agent_list_policies (AgentRequest *request, GError **error)
{
  g_autoptr(GKeyFile) config = qmig_client_load_config (error);
  g_autofree char *dir = find_dir ();
  g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_policy_free);
  g_auto(GStrv) names = NULL;

  if (config == NULL)
    return NULL;
  names = list_names (config, dir);
  for (char **name = names; *name != NULL; name++)
    {
      g_autoptr(GError) cause = NULL;
      QmigPolicy *policy = find_in (config, dir, *name, &cause);

      if (policy == NULL)
        {
          policy = qmig_policy_new ();
          policy->name = g_strdup (*name);
          policy->problem = g_strdup (cause->message);
        }
      g_ptr_array_add (list, policy);
    }
  return api_list_to_object (&qmig_policy_type, list);
}

JsonObject *
agent_get_policy (AgentRequest *request, GError **error)
{
  g_autoptr(QmigPolicy) policy = agent_find_policy (&request->agent->env, request->params[0], error);

  return policy != NULL ? qmig_policy_to_object (policy) : NULL;
}
