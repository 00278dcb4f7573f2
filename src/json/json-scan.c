/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json-scan.h"

#include <math.h>
#include <string.h>

enum
{
  STATE_VALUE,
  STATE_FIRST_ELEMENT, /* after '[': a value or ']' */
  STATE_FIRST_KEY,     /* after '{': a key or '}' */
  STATE_KEY,
  STATE_COLON,
  STATE_AFTER_VALUE,
  STATE_STRING,
  STATE_ESCAPE,
  STATE_HEX,
  STATE_PAIR_BACKSLASH, /* between the halves of a surrogate pair */
  STATE_PAIR_U,
  STATE_LITERAL,
  STATE_NUMBER,
};

void
json_scan_init (JsonScan *self, gsize max_bytes, guint max_depth)
{
  g_return_if_fail (max_depth <= JSON_SCAN_MAX_DEPTH);

  memset (self, 0, sizeof *self);
  self->max_bytes = max_bytes;
  self->max_depth = max_depth;
  self->state = STATE_VALUE;
  self->result = JSON_SCAN_MORE;
}

static gboolean
is_blank (char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static JsonScanResult
bad (JsonScan *self, const char *problem)
{
  self->problem = problem;
  return JSON_SCAN_BAD;
}

static gboolean
innermost_is_array (const JsonScan *self)
{
  guint level = self->depth - 1;

  return (self->is_array[level / 8] >> (level % 8)) & 1;
}

static JsonScanResult
open_container (JsonScan *self, gboolean is_array)
{
  guint level = self->depth;

  if (level == self->max_depth)
    return JSON_SCAN_TOO_DEEP;

  self->is_array[level / 8] &= ~(1u << (level % 8));
  self->is_array[level / 8] |= (guint) is_array << (level % 8);
  self->depth++;
  self->state = is_array ? STATE_FIRST_ELEMENT : STATE_FIRST_KEY;
  return JSON_SCAN_MORE;
}

static JsonScanResult
end_value (JsonScan *self)
{
  self->state = STATE_AFTER_VALUE;
  return self->depth == 0 ? JSON_SCAN_END : JSON_SCAN_MORE;
}

static JsonScanResult
close_container (JsonScan *self)
{
  self->depth--;
  return end_value (self);
}

static JsonScanResult
begin_string (JsonScan *self, gboolean in_key)
{
  self->in_key = in_key;
  self->low_surrogate_due = FALSE;
  self->state = STATE_STRING;
  return JSON_SCAN_MORE;
}

static JsonScanResult
begin_literal (JsonScan *self, const char *rest)
{
  self->literal_rest = rest;
  self->state = STATE_LITERAL;
  return JSON_SCAN_MORE;
}

static JsonScanResult
begin_number (JsonScan *self, char c)
{
  self->number[0] = c;
  self->number_length = 1;
  self->state = STATE_NUMBER;
  return JSON_SCAN_MORE;
}

static JsonScanResult
step_value (JsonScan *self, char c)
{
  switch (c)
    {
    case '{':
      return open_container (self, FALSE);
    case '[':
      return open_container (self, TRUE);
    case '"':
      return begin_string (self, FALSE);
    case 't':
      return begin_literal (self, "rue");
    case 'f':
      return begin_literal (self, "alse");
    case 'n':
      return begin_literal (self, "ull");
    default:
      if (c == '-' || g_ascii_isdigit (c))
        return begin_number (self, c);
      return bad (self, "a value was expected");
    }
}

static JsonScanResult
step_after_value (JsonScan *self, char c)
{
  gboolean in_array = innermost_is_array (self);

  if (c == ',')
    {
      self->state = in_array ? STATE_VALUE : STATE_KEY;
      return JSON_SCAN_MORE;
    }
  if (c == (in_array ? ']' : '}'))
    return close_container (self);

  return bad (self, in_array ? "',' or ']' was expected" : "',' or '}' was expected");
}

static JsonScanResult
step_escape (JsonScan *self, char c)
{
  if (c == 'u')
    {
      self->hex_digits = 0;
      self->unit = 0;
      self->state = STATE_HEX;
      return JSON_SCAN_MORE;
    }
  if (c == '\0' || !strchr ("\"\\/bfnrt", c))
    return bad (self, "an escape is unknown");

  self->state = STATE_STRING;
  return JSON_SCAN_MORE;
}

static JsonScanResult
end_unit (JsonScan *self)
{
  gboolean is_low = self->unit >= 0xdc00 && self->unit <= 0xdfff;
  gboolean is_high = self->unit >= 0xd800 && self->unit <= 0xdbff;

  if (is_low != self->low_surrogate_due)
    return bad (self, "a surrogate is without its other half");
  if (self->unit == 0)
    return bad (self, "a string contains U+0000");

  self->low_surrogate_due = is_high;
  self->state = is_high ? STATE_PAIR_BACKSLASH : STATE_STRING;
  return JSON_SCAN_MORE;
}

static JsonScanResult
step_hex (JsonScan *self, char c)
{
  int digit = g_ascii_xdigit_value (c);

  if (digit < 0)
    return bad (self, "an escape is malformed");

  self->unit = self->unit << 4 | (guint) digit;
  return ++self->hex_digits < 4 ? JSON_SCAN_MORE : end_unit (self);
}

static const char *
skip_digits (const char *p)
{
  while (g_ascii_isdigit (*p))
    p++;
  return p;
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static gboolean
number_is_wellformed (const char *p, gboolean *is_integer)
{
  const char *digits;

  p += *p == '-';
  digits = p;
  p = skip_digits (p);
  if (p == digits || (*digits == '0' && p > digits + 1))
    return FALSE;

  *is_integer = *p == '\0';
  if (*p == '.')
    {
      digits = ++p;
      p = skip_digits (p);
      if (p == digits)
        return FALSE;
    }
  if (*p == 'e' || *p == 'E')
    {
      p++;
      p += *p == '+' || *p == '-';
      digits = p;
      p = skip_digits (p);
      if (p == digits)
        return FALSE;
    }
  return *p == '\0';
}

static JsonScanResult
end_number (JsonScan *self)
{
  gboolean is_integer;

  self->number[self->number_length] = '\0';
  if (!number_is_wellformed (self->number, &is_integer))
    return bad (self, "a number is malformed");

  if (is_integer)
    self->wide_integer |= !g_ascii_string_to_signed (self->number, 10, G_MININT64, G_MAXINT64, NULL, NULL);
  else if (!isfinite (g_ascii_strtod (self->number, NULL)))
    return bad (self, "a number is too large");

  return end_value (self);
}

/* Takes the byte, or with *again set leaves it to the next state. */
static JsonScanResult
step_number (JsonScan *self, char c, gboolean *again)
{
  if (!g_ascii_isdigit (c) && c != '+' && c != '-' && c != '.' && c != 'e' && c != 'E')
    {
      *again = TRUE;
      return end_number (self);
    }
  if (self->number_length == JSON_SCAN_MAX_NUMBER)
    return bad (self, "a number is too long");

  self->number[self->number_length++] = c;
  return JSON_SCAN_MORE;
}

static JsonScanResult
step_literal (JsonScan *self, char c)
{
  if (c != *self->literal_rest)
    return bad (self, "a value was expected");
  if (*++self->literal_rest == '\0')
    return end_value (self);

  return JSON_SCAN_MORE;
}

static JsonScanResult
step_string (JsonScan *self, char c)
{
  if ((guchar) c < 0x20)
    return bad (self, "a string contains a control character");

  if (c == '\\')
    self->state = STATE_ESCAPE;
  else if (c == '"' && self->in_key)
    self->state = STATE_COLON;
  else if (c == '"')
    return end_value (self);

  return JSON_SCAN_MORE;
}

static JsonScanResult
expect (JsonScan *self, char c, char wanted, int next_state, const char *problem)
{
  if (c != wanted)
    return bad (self, problem);

  self->state = next_state;
  return JSON_SCAN_MORE;
}

static JsonScanResult
step_between (JsonScan *self, char c)
{
  if (is_blank (c))
    return JSON_SCAN_MORE;

  switch (self->state)
    {
    case STATE_FIRST_ELEMENT:
      return c == ']' ? close_container (self) : step_value (self, c);
    case STATE_FIRST_KEY:
      if (c == '}')
        return close_container (self);
      return c == '"' ? begin_string (self, TRUE) : bad (self, "a key or '}' was expected");
    case STATE_KEY:
      return c == '"' ? begin_string (self, TRUE) : bad (self, "a key was expected");
    case STATE_COLON:
      return expect (self, c, ':', STATE_VALUE, "':' was expected");
    case STATE_AFTER_VALUE:
      return step_after_value (self, c);
    default:
      return step_value (self, c);
    }
}

static JsonScanResult
step (JsonScan *self, char c, gboolean *again)
{
  switch (self->state)
    {
    case STATE_STRING:
      return step_string (self, c);
    case STATE_ESCAPE:
      return step_escape (self, c);
    case STATE_HEX:
      return step_hex (self, c);
    case STATE_PAIR_BACKSLASH:
      return expect (self, c, '\\', STATE_PAIR_U, "a surrogate is without its other half");
    case STATE_PAIR_U:
      self->hex_digits = 0;
      self->unit = 0;
      return expect (self, c, 'u', STATE_HEX, "a surrogate is without its other half");
    case STATE_LITERAL:
      return step_literal (self, c);
    case STATE_NUMBER:
      return step_number (self, c, again);
    default:
      return step_between (self, c);
    }
}

JsonScanResult
json_scan_feed (JsonScan *self, const char *bytes, gsize length, gsize *used)
{
  gsize allowed = MIN (length, self->max_bytes - self->position);
  gsize i = 0;

  while (self->result == JSON_SCAN_MORE && i < allowed)
    {
      gboolean again = FALSE;

      self->result = step (self, bytes[i], &again);
      if (!again && (self->result == JSON_SCAN_MORE || self->result == JSON_SCAN_END))
        i++;
    }
  /* A number that exactly fills the limit is over if the next byte says so. */
  if (self->result == JSON_SCAN_MORE && i < length)
    self->result = self->depth == 0 && self->state == STATE_NUMBER && is_blank (bytes[i]) ? end_number (self)
                                                                                           : JSON_SCAN_TOO_LARGE;
  self->position += i;
  *used = i;
  return self->result;
}

JsonScanResult
json_scan_finish (JsonScan *self)
{
  if (self->result != JSON_SCAN_MORE)
    return self->result;

  if (self->depth == 0 && self->state == STATE_NUMBER)
    self->result = end_number (self);
  else
    self->result = bad (self, self->position == 0 ? "it is empty" : "it ends too early");
  return self->result;
}

gsize
json_scan_get_position (const JsonScan *self)
{
  return self->position;
}

const char *
json_scan_get_problem (const JsonScan *self)
{
  return self->problem;
}

gboolean
json_scan_has_wide_integer (const JsonScan *self)
{
  return self->wide_integer;
}
