/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The one strict door to json-glib.  json-glib has no limit on nesting (deep
 * input overflows the stack), accepts JavaScript's `var x = …`, and gives a
 * NULL root for empty input; whatever comes from a peer, a file or a user
 * enters through here instead.
 */

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

#define JSON_STRICT_ERROR (json_strict_error_quark ())
GQuark json_strict_error_quark (void);

typedef enum
{
  JSON_STRICT_ERROR_SYNTAX,
  JSON_STRICT_ERROR_TOO_LARGE,
  JSON_STRICT_ERROR_TOO_DEEP,
  JSON_STRICT_ERROR_TYPE,
} JsonStrictError;

typedef struct
{
  gsize max_bytes;
  guint max_depth;
} JsonStrictLimits;

/* What a file, a request or an event of ours may be. */
extern const JsonStrictLimits json_strict_limits_api; /* 1 MiB, depth 64 */

/**
 * json_strict_parse:
 * @text: UTF-8, not necessarily NUL terminated
 * @length: bytes in @text
 * @limits: what to refuse before json-glib sees it
 *
 * Parses exactly one JSON value.
 *
 * Returns: (transfer full): never %NULL without @error set; free with json_node_unref()
 */
JsonNode *json_strict_parse (const char              *text,
                             gsize                    length,
                             const JsonStrictLimits  *limits,
                             GError                 **error) G_GNUC_WARN_UNUSED_RESULT;

/* For text that went through a JsonScan already, which is the limit then.  (transfer full): json_node_unref() */
JsonNode *json_strict_parse_scanned (const char *text, gsize length, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Like json_strict_parse(), and the value must be an object.  (transfer full): json_object_unref() */
JsonObject *json_strict_parse_object (const char              *text,
                                      gsize                    length,
                                      const JsonStrictLimits  *limits,
                                      GError                 **error) G_GNUC_WARN_UNUSED_RESULT;

/* One line, no trailing newline; numbers that JSON lacks (NaN, infinity) become null.  (transfer full) */
char *json_strict_print (JsonNode *node);
char *json_strict_print_object (JsonObject *object);

/*
 * Typed getters for reading what others wrote: an absent member or JSON null
 * gives the fallback, a member of another type gives the fallback too.  They
 * are for replies whose shape QEMU promises; values of ours are read through
 * the tables in src/api, which complain with the path.
 * Strings are (transfer none), owned by @object, which may be %NULL (no member).
 */
const char *json_strict_string (JsonObject *object, const char *name, const char *fallback);
gint64 json_strict_int (JsonObject *object, const char *name, gint64 fallback);
double json_strict_double (JsonObject *object, const char *name, double fallback);
gboolean json_strict_bool (JsonObject *object, const char *name, gboolean fallback);
JsonObject *json_strict_object (JsonObject *object, const char *name); /* (transfer none) (nullable) */
JsonArray *json_strict_array (JsonObject *object, const char *name);   /* (transfer none) (nullable) */

G_END_DECLS
