/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Follows the structure of JSON while its bytes arrive, in pieces of any size,
 * and says where a top-level value ends.  It accepts RFC 8259 and nothing
 * else, so that json-glib only ever sees what it cannot stumble over: no
 * bottomless nesting, comments, hexadecimal numbers, lone surrogates or
 * strings cut short by U+0000.  It looks at each byte once and allocates
 * nothing.  It does not check UTF-8 and does not look for duplicate keys.
 */

#include <glib.h>

G_BEGIN_DECLS

#define JSON_SCAN_MAX_DEPTH 1024u
#define JSON_SCAN_MAX_NUMBER 63u

typedef enum
{
  JSON_SCAN_MORE,      /* all bytes were taken, the value goes on */
  JSON_SCAN_END,       /* the value is over */
  JSON_SCAN_BAD,       /* this is no JSON; see json_scan_get_problem() */
  JSON_SCAN_TOO_LARGE, /* the value is longer than allowed */
  JSON_SCAN_TOO_DEEP,  /* the value is nested deeper than allowed */
} JsonScanResult;

/* To be kept by value; the fields are the scanner's own. */
typedef struct
{
  gsize max_bytes;
  guint max_depth;
  gsize position;
  guint depth;
  guint8 is_array[JSON_SCAN_MAX_DEPTH / 8];
  int state;
  JsonScanResult result;
  gboolean in_key;
  guint hex_digits;
  gunichar unit;
  gboolean low_surrogate_due;
  const char *literal_rest;
  char number[JSON_SCAN_MAX_NUMBER + 1];
  guint number_length;
  gboolean wide_integer;
  const char *problem;
} JsonScan;

/* @max_depth: at most %JSON_SCAN_MAX_DEPTH; a scalar has depth 0, `[]` depth 1 */
void json_scan_init (JsonScan *self, gsize max_bytes, guint max_depth);

/**
 * json_scan_feed:
 * @used: (out): how many of @length bytes belong to the value (with what blanks came before it)
 *
 * A number at the top level ends only at the byte after it, or at
 * json_scan_finish().  After anything but %JSON_SCAN_MORE the answer stays as
 * it is and no byte is taken until json_scan_init().
 */
JsonScanResult json_scan_feed (JsonScan *self, const char *bytes, gsize length, gsize *used);

/* There are no more bytes: %JSON_SCAN_END if the value is whole, %JSON_SCAN_BAD if something is missing. */
JsonScanResult json_scan_finish (JsonScan *self);

/* Bytes taken since json_scan_init(); after a failure, where it is. */
gsize json_scan_get_position (const JsonScan *self);

/* After %JSON_SCAN_BAD: what is wrong, a static text such as "a number is malformed". */
const char *json_scan_get_problem (const JsonScan *self);

/* Whether an integer was seen that a gint64 cannot hold: json-glib would wrap it silently. */
gboolean json_scan_has_wide_integer (const JsonScan *self);

G_END_DECLS
