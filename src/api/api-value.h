/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The values that cross a process border are plain structs, each described by
 * one table.  The table is the one place that knows their JSON: writing,
 * strict reading (errors name the path), freeing, copying and the JSON Schema
 * all walk it.
 *
 * Missing is JSON null and in the struct NULL, QMIG_UNSET or NAN; a member that
 * is absent reads as missing, an unknown member is ignored.
 */

#include <glib.h>
#include <json-glib/json-glib.h>
#include <math.h>

G_BEGIN_DECLS

#define QMIG_UNSET G_MININT64

typedef struct _ApiType ApiType;

typedef enum
{
  API_STRING, /* char *            */
  API_STRV,   /* char **, NULL or NULL-terminated */
  API_BOOL,   /* gboolean          */
  API_INT,    /* gint64            */
  API_DOUBLE, /* double            */
  API_ENUM,   /* int, written as its text in @names, which ends with NULL; index 0 is the fallback */
  API_OBJECT, /* pointer to a value of @type, or NULL */
  API_LIST,   /* GPtrArray of values of @type with a free function, or NULL: written as [] */
  API_JSON,   /* JsonNode *, anything, or NULL */
} ApiKind;

typedef enum
{
  API_OPTIONAL = 0,
  API_REQUIRED = 1, /* reading fails without it */
} ApiNeed;

typedef struct
{
  const char *name; /* the JSON member; units in the name: _bytes, _ms, _bytes_per_s */
  ApiKind kind;
  ApiNeed need;
  gsize offset;
  const ApiType *type;      /* API_OBJECT, API_LIST */
  const char *const *names; /* API_ENUM */
  const char *about;        /* for the JSON Schema: unit and meaning in a few words (nullable) */
} ApiField;

struct _ApiType
{
  const char *name; /* "qmig.vm/1" */
  gsize size;
  const ApiField *fields;
  gsize n_fields;
  GDestroyNotify destroy; /* api_value_free() of this type, for the lists of it */
};

/* A value with everything missing.  (transfer full): api_value_free() */
gpointer api_value_new (const ApiType *type);
gpointer api_value_copy (const ApiType *type, gconstpointer value);
void api_value_free (const ApiType *type, gpointer value);

JsonObject *api_value_to_object (const ApiType *type, gconstpointer value); /* (transfer full) */
char *api_value_to_text (const ApiType *type, gconstpointer value);         /* one line, no newline */

/* @error is in JSON_STRICT_ERROR and names the path: "options.downtime_ms: expected an integer".  (transfer full) */
gpointer api_value_from_object (const ApiType *type, JsonObject *object, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gpointer api_value_from_text (const ApiType *type, const char *text, gssize length, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* {"schema": "<name with -list before the slash>", "items": [...]}.  @values: GPtrArray of @type */
JsonObject *api_list_to_object (const ApiType *type, GPtrArray *values);
GPtrArray *api_list_from_object (const ApiType *type, JsonObject *object, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* JSON Schema (draft 2020-12) of @type.  (transfer full) */
JsonObject *api_type_to_schema (const ApiType *type);

/* Declares NAME_new/copy/free/to_object/to_text/from_object/from_text and autoptr for a struct described by NAME_type. */
#define API_DECLARE_VALUE(Struct, name)                                                                   \
  extern const ApiType name##_type;                                                                       \
  static inline G_GNUC_UNUSED Struct *name##_new (void) { return api_value_new (&name##_type); }         \
  static inline G_GNUC_UNUSED Struct *name##_copy (const Struct *value)                                   \
  { return api_value_copy (&name##_type, value); }                                                        \
  static inline G_GNUC_UNUSED void name##_free (Struct *value) { api_value_free (&name##_type, value); }  \
  static inline G_GNUC_UNUSED JsonObject *name##_to_object (const Struct *value)                          \
  { return api_value_to_object (&name##_type, value); }                                                   \
  static inline G_GNUC_UNUSED char *name##_to_text (const Struct *value)                                  \
  { return api_value_to_text (&name##_type, value); }                                                     \
  static inline G_GNUC_UNUSED Struct *name##_from_object (JsonObject *object, GError **error)             \
  { return api_value_from_object (&name##_type, object, error); }                                         \
  static inline G_GNUC_UNUSED Struct *name##_from_text (const char *text, gssize length, GError **error)  \
  { return api_value_from_text (&name##_type, text, length, error); }                                     \
  G_DEFINE_AUTOPTR_CLEANUP_FUNC (Struct, name##_free)

G_END_DECLS
