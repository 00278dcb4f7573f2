/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-framing.h"

#include "json-scan.h"
#include "json-strict.h"
#include "qmp-error.h"

#define EXCERPT_CHARS 40u

/* A buffer that one huge message has grown beyond this is given back. */
#define BUFFER_KEEP_BYTES (1024u * 1024)

struct _QmpFraming
{
  gsize max_bytes;
  guint max_depth;
  GByteArray *buffer;
  gsize start; /* of the message that is being read, in the buffer */
  gboolean is_inside;
  JsonScan scan; /* of the bytes from start on, as far as its position */
  GError *failure;
};

QmpFraming *
qmp_framing_new (gsize max_bytes, guint max_depth)
{
  QmpFraming *self = g_new0 (QmpFraming, 1);

  self->buffer = g_byte_array_new ();
  qmp_framing_set_limits (self, max_bytes, max_depth);
  return self;
}

void
qmp_framing_free (QmpFraming *self)
{
  if (!self)
    return;
  g_byte_array_unref (self->buffer);
  g_clear_error (&self->failure);
  g_free (self);
}

void
qmp_framing_set_limits (QmpFraming *self, gsize max_bytes, guint max_depth)
{
  self->max_bytes = max_bytes;
  self->max_depth = max_depth;
}

static void
drop_consumed (QmpFraming *self)
{
  if (self->start == self->buffer->len && self->start > BUFFER_KEEP_BYTES)
    {
      g_byte_array_unref (self->buffer);
      self->buffer = g_byte_array_new ();
    }
  else if (self->start > 0)
    g_byte_array_remove_range (self->buffer, 0, (guint) self->start);
  self->start = 0;
}

void
qmp_framing_push (QmpFraming *self, const char *bytes, gsize length)
{
  if (self->failure)
    return;

  drop_consumed (self);
  g_byte_array_append (self->buffer, (const guint8 *) bytes, (guint) length);
}

static char *
make_excerpt (QmpFraming *self)
{
  GString *excerpt = g_string_new (NULL);
  gsize end = MIN (self->buffer->len, self->start + EXCERPT_CHARS);

  for (gsize i = self->start; i < end; i++)
    {
      char c = (char) self->buffer->data[i];

      g_string_append_c (excerpt, g_ascii_isprint (c) ? c : '.');
    }
  return g_string_free (excerpt, FALSE);
}

static gboolean
fail (QmpFraming *self, GError **error)
{
  g_byte_array_set_size (self->buffer, 0);
  self->start = 0;
  self->is_inside = FALSE;
  g_propagate_error (error, g_error_copy (self->failure));
  return FALSE;
}

static gboolean
fail_not_qmp (QmpFraming *self, const char *problem, GError **error)
{
  g_autofree char *excerpt = make_excerpt (self);

  self->failure = g_error_new (QMP_ERROR, QMP_ERROR_NOT_QMP, "this is not QMP, %s: '%s'", problem, excerpt);
  return fail (self, error);
}

static gboolean
fail_limit (QmpFraming *self, JsonScanResult result, GError **error)
{
  if (result == JSON_SCAN_TOO_DEEP)
    self->failure = g_error_new (QMP_ERROR, QMP_ERROR_LIMIT, "a message is nested deeper than the %u levels allowed",
                                 self->scan.max_depth);
  else
    self->failure = g_error_new (QMP_ERROR, QMP_ERROR_LIMIT,
                                 "a message is larger than the %" G_GSIZE_FORMAT " bytes allowed",
                                 self->scan.max_bytes);
  return fail (self, error);
}

static gboolean
is_blank (guint8 c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static gboolean
begin_message (QmpFraming *self)
{
  while (self->start < self->buffer->len && is_blank (self->buffer->data[self->start]))
    self->start++;
  if (self->start == self->buffer->len)
    return FALSE;

  json_scan_init (&self->scan, self->max_bytes, self->max_depth);
  self->is_inside = TRUE;
  return TRUE;
}

static gboolean
end_message (QmpFraming *self, JsonObject **message, GError **error)
{
  const char *text = (const char *) self->buffer->data + self->start;
  g_autoptr(GError) cause = NULL;
  g_autoptr(JsonNode) node = json_strict_parse_scanned (text, json_scan_get_position (&self->scan), &cause);

  if (!node)
    return fail_not_qmp (self, cause->message, error);

  self->start += json_scan_get_position (&self->scan);
  self->is_inside = FALSE;
  *message = json_node_dup_object (node);
  return TRUE;
}

gboolean
qmp_framing_next (QmpFraming *self, JsonObject **message, GError **error)
{
  gsize scanned;
  gsize used;
  JsonScanResult result;

  if (self->failure)
    return fail (self, error);
  if (!self->is_inside && !begin_message (self))
    {
      *message = NULL;
      return TRUE;
    }
  if (self->buffer->data[self->start] != '{')
    return fail_not_qmp (self, "no JSON object", error);

  scanned = self->start + json_scan_get_position (&self->scan);
  result =
      json_scan_feed (&self->scan, (const char *) self->buffer->data + scanned, self->buffer->len - scanned, &used);
  switch (result)
    {
    case JSON_SCAN_MORE:
      *message = NULL;
      return TRUE;
    case JSON_SCAN_END:
      return end_message (self, message, error);
    case JSON_SCAN_BAD:
      return fail_not_qmp (self, json_scan_get_problem (&self->scan), error);
    case JSON_SCAN_TOO_LARGE:
    case JSON_SCAN_TOO_DEEP:
      return fail_limit (self, result, error);
    }
  g_return_val_if_reached (FALSE);
}

gboolean
qmp_framing_is_inside (QmpFraming *self)
{
  return self->is_inside;
}

gboolean
qmp_framing_has_more (QmpFraming *self)
{
  gsize seen = self->start + (self->is_inside ? json_scan_get_position (&self->scan) : 0);

  return seen < self->buffer->len;
}
