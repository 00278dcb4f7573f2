/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-keyval.h"

#include <json-glib/json-glib.h>

#include "json-strict.h"

typedef struct
{
  char *key;
  char *value;
  gboolean implied; /* the key was not written */
} Pair;

struct _QmigKeyval
{
  GPtrArray *pairs; /* Pair */
  JsonNode *json;   /* (nullable): then the pairs mirror its leaves */
  gboolean changed;
};

static void
pair_free (Pair *pair)
{
  g_free (pair->key);
  g_free (pair->value);
  g_free (pair);
}

static void
add_pair (QmigKeyval *self, char *key, char *value, gboolean implied)
{
  Pair *pair = g_new0 (Pair, 1);

  pair->key = key;
  pair->value = value;
  pair->implied = implied;
  g_ptr_array_add (self->pairs, pair);
}

/* Reads up to a single comma and steps over it. */
static char *
take_value (const char **text)
{
  GString *value = g_string_new (NULL);
  const char *p = *text;

  for (; *p != '\0'; p++)
    {
      if (*p == ',' && p[1] != ',')
        break;
      if (*p == ',')
        p++;
      g_string_append_c (value, *p);
    }
  *text = *p == ',' ? p + 1 : p;

  return g_string_free (value, FALSE);
}

static void
add_bare_word (QmigKeyval *self, char *word)
{
  if (g_str_has_prefix (word, "no") && word[2] != '\0')
    add_pair (self, g_strdup (word + 2), g_strdup ("off"), FALSE);
  else
    add_pair (self, g_strdup (word), g_strdup ("on"), FALSE);
  g_free (word);
}

static void
parse_pairs (QmigKeyval *self, const char *text, const char *implied)
{
  const char *p = text;

  while (*p != '\0')
    {
      gsize length = strcspn (p, "=,");

      if (p[length] == '=')
        {
          char *key = g_strndup (p, length);

          p += length + 1;
          add_pair (self, key, take_value (&p), FALSE);
        }
      else if (p == text && implied != NULL)
        add_pair (self, g_strdup (implied), take_value (&p), TRUE);
      else
        add_bare_word (self, take_value (&p));
    }
}

static char *
leaf_to_text (JsonNode *node)
{
  GType type = json_node_get_value_type (node);

  if (type == G_TYPE_STRING)
    return g_strdup (json_node_get_string (node));
  if (type == G_TYPE_BOOLEAN)
    return g_strdup (json_node_get_boolean (node) ? "on" : "off");
  if (type == G_TYPE_INT64)
    return g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (node));
  return json_strict_print (node);
}

static void
flatten (QmigKeyval *self, const char *prefix, JsonNode *node)
{
  if (JSON_NODE_HOLDS_OBJECT (node))
    {
      JsonObjectIter iter;
      const char *name;
      JsonNode *member;

      json_object_iter_init_ordered (&iter, json_node_get_object (node));
      while (json_object_iter_next_ordered (&iter, &name, &member))
        {
          g_autofree char *key = prefix[0] ? g_strconcat (prefix, ".", name, NULL) : g_strdup (name);

          flatten (self, key, member);
        }
    }
  else if (JSON_NODE_HOLDS_ARRAY (node))
    {
      JsonArray *array = json_node_get_array (node);

      for (guint i = 0; i < json_array_get_length (array); i++)
        {
          g_autofree char *key = g_strdup_printf ("%s.%u", prefix, i);

          flatten (self, key, json_array_get_element (array, i));
        }
    }
  else if (JSON_NODE_HOLDS_VALUE (node))
    add_pair (self, g_strdup (prefix), leaf_to_text (node), FALSE);
}

QmigKeyval *
qmig_keyval_parse (const char *text, const char *implied)
{
  QmigKeyval *self = g_new0 (QmigKeyval, 1);

  self->pairs = g_ptr_array_new_with_free_func ((GDestroyNotify) pair_free);
  if (text[0] == '{')
    self->json = json_strict_parse (text, strlen (text), &json_strict_limits_api, NULL);
  if (self->json != NULL)
    flatten (self, "", self->json);
  else
    parse_pairs (self, text, implied);

  return self;
}

void
qmig_keyval_free (QmigKeyval *self)
{
  g_ptr_array_unref (self->pairs);
  g_clear_pointer (&self->json, json_node_unref);
  g_free (self);
}

static Pair *
find_pair (const QmigKeyval *self, const char *key)
{
  for (guint i = self->pairs->len; i > 0; i--)
    {
      Pair *pair = g_ptr_array_index (self->pairs, i - 1);

      if (g_str_equal (pair->key, key))
        return pair;
    }
  return NULL;
}

const char *
qmig_keyval_get (const QmigKeyval *self, const char *key)
{
  Pair *pair = find_pair (self, key);

  return pair ? pair->value : NULL;
}

gboolean
qmig_keyval_get_bool (const QmigKeyval *self, const char *key, gboolean fallback)
{
  const char *value = qmig_keyval_get (self, key);

  if (value == NULL)
    return fallback;
  return g_str_equal (value, "on") || g_str_equal (value, "yes") || g_str_equal (value, "true")
         || g_str_equal (value, "y");
}

/* The object or array that holds the last part of @key; NULL where the path does not exist. */
static JsonNode *
json_parent (JsonNode *root, char **parts)
{
  JsonNode *node = root;

  for (; parts[1] != NULL && node != NULL; parts++)
    {
      if (JSON_NODE_HOLDS_OBJECT (node))
        node = json_object_get_member (json_node_get_object (node), parts[0]);
      else if (JSON_NODE_HOLDS_ARRAY (node)
               && g_ascii_strtoull (parts[0], NULL, 10) < json_array_get_length (json_node_get_array (node)))
        node = json_array_get_element (json_node_get_array (node), (guint)g_ascii_strtoull (parts[0], NULL, 10));
      else
        node = NULL;
    }
  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? node : NULL;
}

static void
json_change (QmigKeyval *self, const char *key, const char *value)
{
  g_auto(GStrv) parts = g_strsplit (key, ".", -1);
  JsonNode *parent = json_parent (self->json, parts);
  const char *last = parts[g_strv_length (parts) - 1];

  if (parent == NULL)
    return;
  if (value == NULL)
    {
      if (json_object_has_member (json_node_get_object (parent), last))
        json_object_remove_member (json_node_get_object (parent), last);
    }
  else if (g_str_equal (value, "on") || g_str_equal (value, "off"))
    json_object_set_boolean_member (json_node_get_object (parent), last, g_str_equal (value, "on"));
  else
    json_object_set_string_member (json_node_get_object (parent), last, value);
}

void
qmig_keyval_set_at (QmigKeyval *self, guint i, const char *value)
{
  Pair *pair = g_ptr_array_index (self->pairs, i);

  if (g_str_equal (pair->value, value))
    return;
  g_free (pair->value);
  pair->value = g_strdup (value);
  self->changed = TRUE;
  if (self->json != NULL)
    json_change (self, pair->key, value);
}

void
qmig_keyval_set (QmigKeyval *self, const char *key, const char *value)
{
  if (find_pair (self, key) == NULL)
    {
      add_pair (self, g_strdup (key), g_strdup (value), FALSE);
      self->changed = TRUE;
      if (self->json != NULL)
        json_change (self, key, value);
      return;
    }
  for (guint i = 0; i < self->pairs->len; i++)
    if (g_str_equal (qmig_keyval_key_at (self, i), key))
      qmig_keyval_set_at (self, i, value);
}

void
qmig_keyval_remove (QmigKeyval *self, const char *key)
{
  Pair *pair;

  while ((pair = find_pair (self, key)) != NULL)
    {
      g_ptr_array_remove (self->pairs, pair);
      self->changed = TRUE;
    }
  if (self->json != NULL)
    json_change (self, key, NULL);
}

guint
qmig_keyval_length (const QmigKeyval *self)
{
  return self->pairs->len;
}

const char *
qmig_keyval_key_at (const QmigKeyval *self, guint i)
{
  return ((Pair *) g_ptr_array_index (self->pairs, i))->key;
}

const char *
qmig_keyval_value_at (const QmigKeyval *self, guint i)
{
  return ((Pair *) g_ptr_array_index (self->pairs, i))->value;
}

gboolean
qmig_keyval_is_changed (const QmigKeyval *self)
{
  return self->changed;
}

char *
qmig_keyval_escape (const char *value)
{
  g_auto(GStrv) parts = g_strsplit (value, ",", -1);

  return g_strjoinv (",,", parts);
}

char *
qmig_keyval_print (const QmigKeyval *self)
{
  GString *text = g_string_new (NULL);

  if (self->json != NULL)
    {
      g_string_free (text, TRUE);
      return json_strict_print (self->json);
    }
  for (guint i = 0; i < self->pairs->len; i++)
    {
      const Pair *pair = g_ptr_array_index (self->pairs, i);
      g_autofree char *value = qmig_keyval_escape (pair->value);

      if (i > 0)
        g_string_append_c (text, ',');
      /* An implied key must be written where its value would be taken for a pair. */
      if (i > 0 || !pair->implied || strchr (value, '=') != NULL)
        g_string_append_printf (text, "%s=", pair->key);
      g_string_append (text, value);
    }
  return g_string_free (text, FALSE);
}
