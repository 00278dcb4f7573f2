/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-channel.h"

#include "qmp-error.h"
#include "qmp-framing.h"

#define STRANGER_MAX_BYTES (64u * 1024)
#define STRANGER_MAX_DEPTH 32u

#define READ_BYTES (64u * 1024)

/* After so many reads other sources of the context get their turn. */
#define READS_PER_TURN 16

struct _QmpChannel
{
  GIOStream *stream;
  GMainContext *context;
  const QmpChannelFuncs *funcs;
  gpointer data;
  QmpFraming *framing;
  GByteArray *output;
  GSource *readable;
  GSource *writable; /* (nullable): only while output waits */
  gboolean is_closed;
  char input[READ_BYTES];
};

static gboolean on_readable (GObject *stream, gpointer data);

QmpChannel *
qmp_channel_new (GIOStream *stream, GMainContext *context, const QmpChannelFuncs *funcs, gpointer data, GError **error)
{
  GInputStream *input = g_io_stream_get_input_stream (stream);
  GOutputStream *output = g_io_stream_get_output_stream (stream);
  QmpChannel *self;

  if (!G_IS_POLLABLE_INPUT_STREAM (input) || !g_pollable_input_stream_can_poll (G_POLLABLE_INPUT_STREAM (input)) ||
      !G_IS_POLLABLE_OUTPUT_STREAM (output) || !g_pollable_output_stream_can_poll (G_POLLABLE_OUTPUT_STREAM (output)))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "the stream cannot be polled");
      return NULL;
    }

  self = g_rc_box_new0 (QmpChannel);
  self->stream = g_object_ref (stream);
  self->context = g_main_context_ref (context);
  self->funcs = funcs;
  self->data = data;
  self->framing = qmp_framing_new (STRANGER_MAX_BYTES, STRANGER_MAX_DEPTH);
  self->output = g_byte_array_new ();
  self->readable = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (input), NULL);
  /* Whoever gets a message may wait for the next one before it returns. */
  g_source_set_can_recurse (self->readable, TRUE);
  g_source_set_callback (self->readable, G_SOURCE_FUNC (on_readable), self, NULL);
  g_source_attach (self->readable, context);
  return self;
}

static void
clear_source (GSource **source)
{
  if (!*source)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

void
qmp_channel_close (QmpChannel *self)
{
  if (self->is_closed)
    return;

  self->is_closed = TRUE;
  clear_source (&self->readable);
  clear_source (&self->writable);
  g_io_stream_close (self->stream, NULL, NULL);
}

static void
clear_channel (gpointer data)
{
  QmpChannel *self = data;

  qmp_channel_close (self);
  g_object_unref (self->stream);
  g_main_context_unref (self->context);
  qmp_framing_free (self->framing);
  g_byte_array_unref (self->output);
}

static void
release (QmpChannel *self)
{
  g_rc_box_release_full (self, clear_channel);
}

void
qmp_channel_free (QmpChannel *self)
{
  if (!self)
    return;
  qmp_channel_close (self);
  release (self);
}

void
qmp_channel_set_limits (QmpChannel *self, gsize max_bytes, guint max_depth)
{
  qmp_framing_set_limits (self->framing, max_bytes, max_depth);
}

static void
fail (QmpChannel *self, const GError *reason)
{
  if (self->is_closed)
    return;

  qmp_channel_close (self);
  self->funcs->closed (reason, self->data);
}

static void
fail_hang_up (QmpChannel *self, const char *detail)
{
  g_autoptr(GError) reason = g_error_new (QMP_ERROR, QMP_ERROR_CLOSED, "QEMU closed the connection%s%s",
                                          qmp_framing_is_inside (self->framing) ? " in the middle of a message" : "",
                                          detail);

  fail (self, reason);
}

/*
 * Whoever gets a message may run the context before it returns, and the next
 * message may be here already: then the source has to fire without new bytes.
 */
static void
hand_out (QmpChannel *self, JsonObject *message)
{
  gboolean has_more = qmp_framing_has_more (self->framing);

  if (has_more)
    g_source_set_ready_time (self->readable, 0);
  self->funcs->message (message, self->data);
  if (has_more && !self->is_closed)
    g_source_set_ready_time (self->readable, -1);
}

static void
hand_out_messages (QmpChannel *self)
{
  while (!self->is_closed)
    {
      g_autoptr(JsonObject) message = NULL;
      g_autoptr(GError) reason = NULL;

      if (!qmp_framing_next (self->framing, &message, &reason))
        fail (self, reason);
      else if (message)
        hand_out (self, message);
      else
        return;
    }
}

/* %TRUE if there may be more to read now. */
static gboolean
read_some (QmpChannel *self)
{
  GPollableInputStream *input = G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (self->stream));
  g_autoptr(GError) cause = NULL;
  gssize length = g_pollable_input_stream_read_nonblocking (input, self->input, READ_BYTES, NULL, &cause);

  if (length > 0)
    {
      qmp_framing_push (self->framing, self->input, (gsize) length);
      hand_out_messages (self);
      return !self->is_closed;
    }
  if (length == 0)
    fail_hang_up (self, "");
  else if (!g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    {
      g_autofree char *detail = g_strdup_printf (": %s", cause->message);

      fail_hang_up (self, detail);
    }
  return FALSE;
}

static void
drain (QmpChannel *self)
{
  for (int i = 0; i < READS_PER_TURN && !self->is_closed && read_some (self); i++)
    ;
}

static gboolean
on_readable (GObject *stream, gpointer data)
{
  QmpChannel *self = g_rc_box_acquire (data);

  hand_out_messages (self);
  drain (self);
  release (self);
  return G_SOURCE_CONTINUE;
}

/* %FALSE if the other side takes nothing any more. */
static gboolean
write_some (QmpChannel *self, GError **error)
{
  GPollableOutputStream *output = G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (self->stream));

  while (self->output->len > 0)
    {
      g_autoptr(GError) cause = NULL;
      gssize length =
          g_pollable_output_stream_write_nonblocking (output, self->output->data, self->output->len, NULL, &cause);

      if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        return TRUE;
      if (length < 0)
        {
          g_propagate_error (error, g_steal_pointer (&cause));
          return FALSE;
        }
      g_byte_array_remove_range (self->output, 0, (guint) length);
    }
  return TRUE;
}

static gboolean on_writable (GObject *stream, gpointer data);

static void
flush (QmpChannel *self)
{
  GPollableOutputStream *output = G_POLLABLE_OUTPUT_STREAM (g_io_stream_get_output_stream (self->stream));
  g_autoptr(GError) cause = NULL;

  if (!write_some (self, &cause))
    {
      g_autofree char *detail = g_strdup_printf (": %s", cause->message);

      /* What it said before it went may be the answer that somebody waits for. */
      g_byte_array_set_size (self->output, 0);
      drain (self);
      fail_hang_up (self, detail);
      return;
    }
  if (self->output->len == 0)
    clear_source (&self->writable);
  else if (!self->writable)
    {
      self->writable = g_pollable_output_stream_create_source (output, NULL);
      g_source_set_callback (self->writable, G_SOURCE_FUNC (on_writable), self, NULL);
      g_source_attach (self->writable, self->context);
    }
}

static gboolean
on_writable (GObject *stream, gpointer data)
{
  QmpChannel *self = g_rc_box_acquire (data);

  flush (self);
  release (self);
  return G_SOURCE_CONTINUE;
}

void
qmp_channel_send (QmpChannel *self, const char *text)
{
  if (self->is_closed)
    return;

  g_rc_box_acquire (self);
  g_byte_array_append (self->output, (const guint8 *) text, (guint) strlen (text));
  flush (self);
  release (self);
}
