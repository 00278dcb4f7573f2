/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json-strict.h"

#include "json-scan.h"

G_DEFINE_QUARK (json-strict-error-quark, json_strict_error)

const JsonStrictLimits json_strict_limits_api = { .max_bytes = 1024 * 1024, .max_depth = 64 };

static gboolean
check_structure (const char *text, gsize length, const JsonStrictLimits *limits, GError **error)
{
  JsonScan scan;
  JsonScanResult result;
  gsize used;

  json_scan_init (&scan, limits->max_bytes, limits->max_depth);
  json_scan_feed (&scan, text, length, &used);
  result = json_scan_finish (&scan);

  if (result == JSON_SCAN_TOO_DEEP)
    {
      g_set_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_TOO_DEEP,
                   "JSON is nested deeper than %u levels, at byte %" G_GSIZE_FORMAT, limits->max_depth, used);
      return FALSE;
    }
  if (result != JSON_SCAN_END)
    {
      g_set_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_SYNTAX, "text is not JSON: %s, at byte %" G_GSIZE_FORMAT,
                   json_scan_get_problem (&scan), used);
      return FALSE;
    }
  if (json_scan_has_wide_integer (&scan))
    {
      g_set_error_literal (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_SYNTAX,
                           "JSON contains an integer that does not fit 64 bits with sign");
      return FALSE;
    }

  for (gsize i = used; i < length; i++)
    if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r' && text[i] != '\n')
      {
        g_set_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_SYNTAX,
                     "text is not JSON: more follows after the value, at byte %" G_GSIZE_FORMAT, i);
        return FALSE;
      }

  return TRUE;
}

JsonNode *
json_strict_parse_scanned (const char *text, gsize length, GError **error)
{
  g_autoptr(JsonParser) parser = json_parser_new ();
  g_autoptr(GError) cause = NULL;
  const char *invalid;

  if (!g_utf8_validate_len (text, length, &invalid))
    {
      g_set_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_SYNTAX,
                   "text is not JSON: invalid UTF-8, at byte %" G_GSIZE_FORMAT, (gsize) (invalid - text));
      return NULL;
    }
  if (!json_parser_load_from_data (parser, text, length, &cause) || !json_parser_get_root (parser))
    {
      g_set_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_SYNTAX, "text is not JSON: %s",
                   cause ? cause->message : "it is empty");
      return NULL;
    }

  return json_parser_steal_root (parser);
}

JsonNode *
json_strict_parse (const char *text, gsize length, const JsonStrictLimits *limits, GError **error)
{
  if (length > limits->max_bytes)
    {
      g_set_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_TOO_LARGE,
                   "JSON of %" G_GSIZE_FORMAT " bytes is larger than the %" G_GSIZE_FORMAT " bytes allowed", length,
                   limits->max_bytes);
      return NULL;
    }
  if (!check_structure (text, length, limits, error))
    return NULL;

  return json_strict_parse_scanned (text, length, error);
}

JsonObject *
json_strict_parse_object (const char *text, gsize length, const JsonStrictLimits *limits, GError **error)
{
  g_autoptr(JsonNode) node = json_strict_parse (text, length, limits, error);

  if (!node)
    return NULL;
  if (!JSON_NODE_HOLDS_OBJECT (node))
    {
      g_set_error (error, JSON_STRICT_ERROR, JSON_STRICT_ERROR_TYPE, "JSON is not an object but of type %s",
                   json_node_type_name (node));
      return NULL;
    }

  return json_node_dup_object (node);
}

static JsonNode *
get_member (JsonObject *object, const char *name, JsonNodeType type)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;

  return node && json_node_get_node_type (node) == type ? node : NULL;
}

static JsonNode *
get_value (JsonObject *object, const char *name, GType type)
{
  JsonNode *node = get_member (object, name, JSON_NODE_VALUE);

  return node && json_node_get_value_type (node) == type ? node : NULL;
}

const char *
json_strict_string (JsonObject *object, const char *name, const char *fallback)
{
  JsonNode *node = get_value (object, name, G_TYPE_STRING);

  return node ? json_node_get_string (node) : fallback;
}

gint64
json_strict_int (JsonObject *object, const char *name, gint64 fallback)
{
  JsonNode *node = get_value (object, name, G_TYPE_INT64);

  return node ? json_node_get_int (node) : fallback;
}

double
json_strict_double (JsonObject *object, const char *name, double fallback)
{
  JsonNode *node = get_value (object, name, G_TYPE_DOUBLE);

  if (!node)
    node = get_value (object, name, G_TYPE_INT64);
  return node ? json_node_get_double (node) : fallback;
}

gboolean
json_strict_bool (JsonObject *object, const char *name, gboolean fallback)
{
  JsonNode *node = get_value (object, name, G_TYPE_BOOLEAN);

  return node ? json_node_get_boolean (node) : fallback;
}

JsonObject *
json_strict_object (JsonObject *object, const char *name)
{
  JsonNode *node = get_member (object, name, JSON_NODE_OBJECT);

  return node ? json_node_get_object (node) : NULL;
}

JsonArray *
json_strict_array (JsonObject *object, const char *name)
{
  JsonNode *node = get_member (object, name, JSON_NODE_ARRAY);

  return node ? json_node_get_array (node) : NULL;
}
