/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* json-glib's own generator writes 1e-05 as `1e-05.0` and NaN as `nan.0`, which nobody reads back. */

#include <math.h>
#include <string.h>

#include "json-strict.h"

static void print_node (GString *out, JsonNode *node);

static void
print_string (GString *out, const char *text)
{
  static const char short_escapes[] = "\bb\ff\nn\rr\tt\"\"\\\\";

  g_string_append_c (out, '"');
  for (const char *p = text; *p; p++)
    {
      const char *escape = (guchar) *p < 0x20 || *p == '"' || *p == '\\' ? short_escapes : NULL;

      while (escape && *escape && *escape != *p)
        escape += 2;
      if (!escape && *p != 0x7f)
        g_string_append_c (out, *p);
      else if (escape && *escape)
        g_string_append_printf (out, "\\%c", escape[1]);
      else
        g_string_append_printf (out, "\\u%04x", (guint) *p);
    }
  g_string_append_c (out, '"');
}

/* The shortest form that reads back as the same number, and as a double. */
static void
print_double (GString *out, double number)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (!isfinite (number))
    {
      g_string_append (out, "null");
      return;
    }
  g_ascii_formatd (text, sizeof text, "%.15g", number);
  if (g_ascii_strtod (text, NULL) != number)
    g_ascii_formatd (text, sizeof text, "%.16g", number);
  if (g_ascii_strtod (text, NULL) != number)
    g_ascii_formatd (text, sizeof text, "%.17g", number);
  g_string_append (out, text);
  if (!strpbrk (text, ".e"))
    g_string_append (out, ".0");
}

static void
print_value (GString *out, JsonNode *node)
{
  GType type = json_node_get_value_type (node);

  if (type == G_TYPE_STRING && json_node_get_string (node))
    print_string (out, json_node_get_string (node));
  else if (type == G_TYPE_BOOLEAN)
    g_string_append (out, json_node_get_boolean (node) ? "true" : "false");
  else if (type == G_TYPE_DOUBLE)
    print_double (out, json_node_get_double (node));
  else if (type == G_TYPE_INT64)
    g_string_append_printf (out, "%" G_GINT64_FORMAT, json_node_get_int (node));
  else
    g_string_append (out, "null");
}

static void
print_member (JsonObject *object, const char *name, JsonNode *node, gpointer data)
{
  GString *out = data;

  if (out->str[out->len - 1] != '{')
    g_string_append_c (out, ',');
  print_string (out, name);
  g_string_append_c (out, ':');
  print_node (out, node);
}

static void
print_object (GString *out, JsonObject *object)
{
  g_string_append_c (out, '{');
  json_object_foreach_member (object, print_member, out);
  g_string_append_c (out, '}');
}

static void
print_array (GString *out, JsonArray *array)
{
  g_string_append_c (out, '[');
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      if (i > 0)
        g_string_append_c (out, ',');
      print_node (out, json_array_get_element (array, i));
    }
  g_string_append_c (out, ']');
}

static void
print_node (GString *out, JsonNode *node)
{
  switch (json_node_get_node_type (node))
    {
    case JSON_NODE_OBJECT:
      print_object (out, json_node_get_object (node));
      break;
    case JSON_NODE_ARRAY:
      print_array (out, json_node_get_array (node));
      break;
    case JSON_NODE_VALUE:
      print_value (out, node);
      break;
    case JSON_NODE_NULL:
      g_string_append (out, "null");
      break;
    }
}

char *
json_strict_print (JsonNode *node)
{
  GString *out = g_string_new (NULL);

  print_node (out, node);
  return g_string_free (out, FALSE);
}

char *
json_strict_print_object (JsonObject *object)
{
  GString *out = g_string_new (NULL);

  print_object (out, object);
  return g_string_free (out, FALSE);
}
