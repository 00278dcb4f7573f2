/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-hmp.h"

#include <string.h>

#include "qmp-error.h"

/* -- info qtree ------------------------------------------------------------------ */

static void
rom_free (gpointer data)
{
  QmpRom *rom = data;

  g_free (rom->device);
  g_free (rom->file);
  g_free (rom);
}

void
qmp_device_tree_free (QmpDeviceTree *self)
{
  g_strfreev (self->types);
  g_ptr_array_unref (self->roms);
  g_free (self);
}

/* `"efi-virtio.rom"` without its quotes.  (transfer full) (nullable) for an empty one */
static char *
unquote (const char *value)
{
  gsize length = strlen (value);

  return length > 2 && value[0] == '"' && value[length - 1] == '"' ? g_strndup (value + 1, length - 2) : NULL;
}

/* `dev: virtio-net-pci, id "net0"`.  (transfer full) */
static char *
type_of (const char *line)
{
  const char *end = strstr (line, ", id ");

  return end != NULL ? g_strndup (line, end - line) : g_strdup (line);
}

/* romsize comes right behind romfile, on a line of its own. */
static void
take_property (QmpDeviceTree *self, const char *device, const char *line, char **file)
{
  if (g_str_has_prefix (line, "romfile = "))
    {
      g_free (*file);
      *file = unquote (line + strlen ("romfile = "));
    }
  else if (g_str_has_prefix (line, "romsize = ") && *file != NULL)
    {
      QmpRom *rom = g_new0 (QmpRom, 1);

      rom->device = g_strdup (device);
      rom->file = g_steal_pointer (file);
      rom->size_bytes = g_ascii_strtoll (line + strlen ("romsize = "), NULL, 10);
      g_ptr_array_add (self->roms, rom);
    }
}

static int
compare_texts (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static char **
sorted_keys (GHashTable *set)
{
  GPtrArray *keys = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, set);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_ptr_array_add (keys, g_strdup (key));
  g_ptr_array_sort (keys, compare_texts);
  g_ptr_array_add (keys, NULL);
  return (char **) g_ptr_array_free (keys, FALSE);
}

QmpDeviceTree *
qmp_device_tree_parse (const char *text)
{
  QmpDeviceTree *self = g_new0 (QmpDeviceTree, 1);
  g_auto(GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr(GHashTable) types = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *device = NULL, *file = NULL;

  self->roms = g_ptr_array_new_with_free_func (rom_free);
  for (char **line = lines; *line != NULL; line++)
    {
      const char *words = g_strstrip (*line);

      if (g_str_has_prefix (words, "dev: "))
        {
          g_free (device);
          g_clear_pointer (&file, g_free);
          device = type_of (words + strlen ("dev: "));
          g_hash_table_add (types, g_strdup (device));
        }
      else if (device != NULL)
        take_property (self, device, words, &file);
    }
  self->types = sorted_keys (types);
  return self;
}

/* -- asking ------------------------------------------------------------------------ */

/* (transfer full) */
static char *
ask (QmpClient *c, const char *command_line, QmpWait *w, GError **error)
{
  JsonObject *arguments = json_object_new ();
  g_autoptr(JsonNode) answer = NULL;

  json_object_set_string_member (arguments, "command-line", command_line);
  answer = qmp_client_execute (c, "human-monitor-command", arguments, w, error);
  if (answer == NULL)
    return NULL;
  if (JSON_NODE_HOLDS_VALUE (answer) && json_node_get_value_type (answer) == G_TYPE_STRING)
    return json_node_dup_string (answer);
  g_set_error (error, QMP_ERROR, QMP_ERROR_NOT_QMP, "%s: the answer is no text", command_line);
  return NULL;
}

QmpDeviceTree *
qmp_query_device_tree (QmpClient *c, QmpWait *w, GError **error)
{
  g_autofree char *text = ask (c, "info qtree", w, error);

  return text != NULL ? qmp_device_tree_parse (text) : NULL;
}
