/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-keys.h"

#include "api-error.h"
#include "client-dirs.h"
#include "client.h"
#include "ui-actions.h"

#define GROUP "keys"

static gboolean
take_all (GKeyFile *file, char **ids, GError **error)
{
  g_autofree char *conflict = NULL;

  for (char **id = ids; id != NULL && *id != NULL; id++)
    {
      g_autofree char *keys = g_key_file_get_string (file, GROUP, *id, error);

      if (keys == NULL || !ui_actions_set_keys (*id, keys, error))
        return FALSE;
    }
  conflict = ui_actions_find_conflict ();
  if (conflict == NULL)
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "%s; give one of them another", conflict);
  return FALSE;
}

gboolean
ui_keys_load (GError **error)
{
  g_autoptr(GKeyFile) file = qmig_client_load_config (error);
  g_auto(GStrv) ids = file != NULL ? g_key_file_get_keys (file, GROUP, NULL, NULL) : NULL;
  g_autofree char *path = qmig_client_default_config_path ();

  if (file == NULL)
    return FALSE;
  ui_actions_reset_keys ();
  if (take_all (file, ids, error))
    return TRUE;
  g_prefix_error (error, "[" GROUP "] of the config file '%s': ", path);
  return FALSE;
}
