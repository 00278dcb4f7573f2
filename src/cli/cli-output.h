/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What goes to stdout.  People get tables laid out by display width with the
 * control characters of remote strings replaced; scripts get the values of
 * src/api unchanged.
 */

#include "api-types.h"

G_BEGIN_DECLS

typedef enum
{
  CLI_FORMAT_TABLE,
  CLI_FORMAT_WIDE,
  CLI_FORMAT_JSON,
  CLI_FORMAT_JSONL,
  CLI_FORMAT_NAME,
  CLI_FORMAT_TSV,
} CliFormat;
#define CLI_FORMATS "table|wide|json|jsonl|name|tsv"

typedef struct
{
  CliFormat format;
  char **fields;    /* paths of members, "sample.stage"; NULL: the verb's own choice */
  gboolean headers;
  gboolean color;
} CliOutput;

typedef enum
{
  CLI_SHOW_TEXT,
  CLI_SHOW_BOOL,  /* yes, no */
  CLI_SHOW_COUNT,
  CLI_SHOW_BYTES,
  CLI_SHOW_RATE,
  CLI_SHOW_LIMIT,
  CLI_SHOW_MS,
  CLI_SHOW_ERROR, /* percent off, with its sign */
  CLI_SHOW_TIME,  /* RFC 3339, to the second */
} CliShow;

typedef struct
{
  const char *title; /* NULL ends the columns */
  const char *path;  /* member of the value's JSON, "result.outcome" */
  CliShow show;
  gboolean wide;     /* only with -o wide and tsv */
} CliColumn;

typedef enum
{
  CLI_PLAIN,
  CLI_BOLD,
  CLI_RED,
  CLI_GREEN,
  CLI_YELLOW,
} CliPaint;

/* @text in colour where @self has it.  (transfer full) */
char *cli_paint (const CliOutput *self, CliPaint paint, const char *text);

/**
 * cli_output_list_text:
 * @values: of @type
 * @columns: the first one is what -o name prints
 *
 * @error: QMIG_EXIT_USAGE where --fields names no member of @type
 */
char *cli_output_list_text (const CliOutput  *self,
                            const ApiType    *type,
                            GPtrArray        *values,
                            const CliColumn  *columns,
                            GError          **error);

/* One value: a line per member that has something to say, or JSON with the name of its schema. */
char *cli_output_value_text (const CliOutput  *self,
                             const ApiType    *type,
                             gconstpointer     value,
                             const char       *name_path,
                             GError          **error);

/* The above, to stdout. */
gboolean cli_output_list (const CliOutput  *self,
                          const ApiType    *type,
                          GPtrArray        *values,
                          const CliColumn  *columns,
                          GError          **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean cli_output_value (const CliOutput  *self,
                           const ApiType    *type,
                           gconstpointer     value,
                           const char       *name_path,
                           GError          **error) G_GNUC_WARN_UNUSED_RESULT;

/* @object in the way of -o json, or on one line otherwise.  (transfer full) */
char *cli_output_json_text (const CliOutput *self, JsonObject *object);

/*
 * To stdout at once.  Where nobody reads any more the process ends as SIGPIPE
 * ends it: quietly.  Other failures end it with a message and QMIG_EXIT_ERROR.
 */
void cli_write (const char *text);
void cli_print (const char *format, ...) G_GNUC_PRINTF (1, 2);

G_END_DECLS
