/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-node.h"

#include <string.h>

gpointer
api_value_new (const ApiType *type)
{
  gpointer value = g_malloc0 (type->size);

  for (gsize i = 0; i < type->n_fields; i++)
    {
      const ApiField *field = &type->fields[i];

      if (field->kind == API_INT)
        API_MEMBER (gint64, value, field) = QMIG_UNSET;
      else if (field->kind == API_DOUBLE)
        API_MEMBER (double, value, field) = NAN;
    }

  return value;
}

static void
member_clear (const ApiField *field, gpointer value)
{
  switch (field->kind)
    {
    case API_STRING:
      g_clear_pointer (&API_MEMBER (char *, value, field), g_free);
      break;
    case API_STRV:
      g_clear_pointer (&API_MEMBER (char **, value, field), g_strfreev);
      break;
    case API_OBJECT:
      api_value_free (field->type, g_steal_pointer (&API_MEMBER (gpointer, value, field)));
      break;
    case API_LIST:
      g_clear_pointer (&API_MEMBER (GPtrArray *, value, field), g_ptr_array_unref);
      break;
    case API_JSON:
      g_clear_pointer (&API_MEMBER (JsonNode *, value, field), json_node_unref);
      break;
    case API_BOOL:
    case API_INT:
    case API_DOUBLE:
    case API_ENUM:
      break;
    }
}

void
api_value_free (const ApiType *type, gpointer value)
{
  if (value == NULL)
    return;

  for (gsize i = 0; i < type->n_fields; i++)
    member_clear (&type->fields[i], value);

  g_free (value);
}

static GPtrArray *
list_copy (const ApiType *type, GPtrArray *values)
{
  GPtrArray *copy = g_ptr_array_new_full (values->len, type->destroy);

  for (guint i = 0; i < values->len; i++)
    g_ptr_array_add (copy, api_value_copy (type, g_ptr_array_index (values, i)));

  return copy;
}

/* @to is new: nothing in it has to be freed. */
static void
member_copy (const ApiField *field, gconstpointer from, gpointer to)
{
  switch (field->kind)
    {
    case API_STRING:
      API_MEMBER (char *, to, field) = g_strdup (API_MEMBER (char *, from, field));
      break;
    case API_STRV:
      API_MEMBER (char **, to, field) = g_strdupv (API_MEMBER (char **, from, field));
      break;
    case API_BOOL:
    case API_ENUM:
      API_MEMBER (int, to, field) = API_MEMBER (int, from, field);
      break;
    case API_INT:
      API_MEMBER (gint64, to, field) = API_MEMBER (gint64, from, field);
      break;
    case API_DOUBLE:
      API_MEMBER (double, to, field) = API_MEMBER (double, from, field);
      break;
    case API_OBJECT:
      API_MEMBER (gpointer, to, field) = api_value_copy (field->type, API_MEMBER (gpointer, from, field));
      break;
    case API_LIST:
      if (API_MEMBER (GPtrArray *, from, field) != NULL)
        API_MEMBER (GPtrArray *, to, field) = list_copy (field->type, API_MEMBER (GPtrArray *, from, field));
      break;
    case API_JSON:
      if (API_MEMBER (JsonNode *, from, field) != NULL)
        API_MEMBER (JsonNode *, to, field) = api_node_copy (API_MEMBER (JsonNode *, from, field));
      break;
    }
}

gpointer
api_value_copy (const ApiType *type, gconstpointer value)
{
  gpointer copy;

  if (value == NULL)
    return NULL;

  copy = g_malloc0 (type->size);
  for (gsize i = 0; i < type->n_fields; i++)
    member_copy (&type->fields[i], value, copy);

  return copy;
}

char *
api_list_name (const ApiType *type)
{
  const char *slash = strchr (type->name, '/');

  return g_strdup_printf ("%.*s-list%s", (int) (slash - type->name), type->name, slash);
}
