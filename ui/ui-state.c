/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-state.h"

#include "client.h"

#define GROUP "console"

static char *
state_path (void)
{
  g_autofree char *dir = qmig_client_default_state_dir ();

  return g_build_filename (dir, "console.ini", NULL);
}

UiState *
ui_state_load (void)
{
  UiState *state = g_new0 (UiState, 1);
  g_autoptr(GKeyFile) file = g_key_file_new ();
  g_autofree char *path = state_path ();

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, NULL))
    return state;
  state->screen = g_key_file_get_string (file, GROUP, "screen", NULL);
  state->graph = g_key_file_get_string (file, GROUP, "graph", NULL);
  state->theme = g_key_file_get_string (file, GROUP, "theme", NULL);
  state->bits = g_key_file_get_boolean (file, GROUP, "bits", NULL);
  return state;
}

void
ui_state_save (const UiState *state)
{
  g_autoptr(GKeyFile) file = g_key_file_new ();
  g_autofree char *path = state_path ();
  g_autofree char *dir = g_path_get_dirname (path);

  if (state->screen != NULL)
    g_key_file_set_string (file, GROUP, "screen", state->screen);
  if (state->graph != NULL)
    g_key_file_set_string (file, GROUP, "graph", state->graph);
  if (state->theme != NULL)
    g_key_file_set_string (file, GROUP, "theme", state->theme);
  g_key_file_set_boolean (file, GROUP, "bits", state->bits);
  /* Nothing is lost where it cannot be kept. */
  if (g_mkdir_with_parents (dir, 0700) == 0)
    g_key_file_save_to_file (file, path, NULL);
}

void
ui_state_free (UiState *state)
{
  g_free (state->screen);
  g_free (state->graph);
  g_free (state->theme);
  g_free (state);
}
