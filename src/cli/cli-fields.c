/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-fields.h"

#include "api-suggest.h"
#include "json-strict.h"

#include <string.h>

static const ApiField *
find_field (const ApiType *type, const char *name)
{
  for (gsize i = 0; i < type->n_fields; i++)
    if (strcmp (type->fields[i].name, name) == 0)
      return &type->fields[i];
  return NULL;
}

static gboolean
fail_field (const ApiType *type, const char *name, GError **error)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new ();
  g_autofree char *hint = NULL;
  g_autofree char *all = NULL;

  for (gsize i = 0; i < type->n_fields; i++)
    g_ptr_array_add (names, (gpointer) type->fields[i].name);
  g_ptr_array_add (names, NULL);

  hint = api_suggest (name, (const char *const *) names->pdata);
  all = g_strjoinv (", ", (char **) names->pdata);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "--fields: %s has no '%s'%s%s%s", type->name, name, hint,
               *hint != '\0' ? "" : "; there are ", *hint != '\0' ? "" : all);
  return FALSE;
}

/* A path may end at any member, and anything may follow a member that is free JSON. */
static gboolean
check_path (const ApiType *type, const char *path, GError **error)
{
  g_auto(GStrv) names = g_strsplit (path, ".", -1);

  for (char **name = names; *name != NULL; name++)
    {
      const ApiField *field = find_field (type, *name);

      if (field == NULL)
        return fail_field (type, *name, error);
      if (field->kind == API_JSON)
        return TRUE;
      if (name[1] != NULL && field->kind != API_OBJECT)
        return fail_field (type, path, error);
      type = field->type;
    }
  return names[0] != NULL || fail_field (type, path, error);
}

gboolean
cli_fields_check (char **fields, const ApiType *type, GError **error)
{
  for (char **field = fields; field != NULL && *field != NULL; field++)
    if (!check_path (type, *field, error))
      return FALSE;
  return TRUE;
}

JsonNode *
cli_fields_look_up (JsonObject *object, const char *path)
{
  g_auto(GStrv) names = g_strsplit (path, ".", -1);
  JsonNode *node = NULL;

  for (char **name = names; *name != NULL; name++)
    {
      if (object == NULL)
        return NULL;
      node = json_object_get_member (object, *name);
      object = node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
    }
  return node != NULL && !JSON_NODE_HOLDS_NULL (node) ? node : NULL;
}

static void
copy_path (JsonObject *from, const char *path, JsonObject *to)
{
  g_auto(GStrv) names = g_strsplit (path, ".", 2);
  JsonNode *node = json_object_get_member (from, names[0]);
  JsonObject *inner;

  if (names[1] == NULL || node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    {
      json_object_set_member (to, names[0], node != NULL ? json_node_copy (node) : json_node_new (JSON_NODE_NULL));
      return;
    }
  inner = json_strict_object (to, names[0]);
  if (inner == NULL)
    {
      inner = json_object_new ();
      json_object_set_object_member (to, names[0], inner);
    }
  copy_path (json_node_get_object (node), names[1], inner);
}

JsonObject *
cli_fields_select (char **fields, JsonObject *object)
{
  JsonObject *selected;

  if (fields == NULL)
    return json_object_ref (object);
  selected = json_object_new ();
  for (char **field = fields; *field != NULL; field++)
    copy_path (object, *field, selected);
  return selected;
}
