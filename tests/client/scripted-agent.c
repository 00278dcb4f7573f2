/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scripted-agent.h"

#include <string.h>

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>

/* Reads a head, and as much body as it announces. */
static char *
read_request (GSocket *socket, GCancellable *stop)
{
  g_autoptr(GString) text = g_string_new (NULL);

  for (;;)
    {
      char buffer[4096];
      const char *end = strstr (text->str, "\r\n\r\n");
      const char *length = strstr (text->str, "Content-Length: ");
      gsize wanted = end == NULL ? G_MAXSIZE : (gsize) (end + 4 - text->str);
      gssize n;

      if (end != NULL && length != NULL)
        wanted += g_ascii_strtoull (length + strlen ("Content-Length: "), NULL, 10);
      if (text->len >= wanted)
        return g_string_free (g_steal_pointer (&text), FALSE);

      n = g_socket_receive (socket, buffer, sizeof buffer, stop, NULL);
      if (n <= 0)
        return NULL;
      g_string_append_len (text, buffer, n);
    }
}

static void
send_all (GSocket *socket, const char *text)
{
  gsize length = strlen (text);

  for (gsize done = 0; done < length;)
    {
      gssize n = g_socket_send (socket, text + done, length - done, NULL, NULL);

      if (n <= 0)
        return;
      done += (gsize) n;
    }
}

static gpointer
serve (gpointer user_data)
{
  ScriptedAgent *self = user_data;

  for (gsize i = 0; i < self->n_answers; i++)
    {
      g_autoptr(GSocket) socket = g_socket_accept (self->listener, self->stop, NULL);
      char *request = socket != NULL ? read_request (socket, self->stop) : NULL;

      if (request == NULL)
        break;

      g_ptr_array_add (self->requests, request);
      if (self->answers[i].answer != NULL)
        send_all (socket, self->answers[i].answer);
      if (self->answers[i].drop_next)
        g_free (read_request (socket, self->stop));
      if (self->answers[i].keep_open)
        g_ptr_array_add (self->open, g_steal_pointer (&socket));
      else
        g_socket_close (socket, NULL);
    }

  g_socket_close (self->listener, NULL);
  return NULL;
}

ScriptedAgent *
scripted_agent_start (const ScriptedAnswer *answers, gsize n_answers)
{
  ScriptedAgent *self = g_new0 (ScriptedAgent, 1);
  g_autofree char *path = NULL;
  g_autoptr(GSocketAddress) address = NULL;
  GError *error = NULL;

  self->dir = g_dir_make_tmp ("qmXXXXXX", &error);
  g_assert_no_error (error);
  path = g_build_filename (self->dir, "agent.sock", NULL);
  self->uri = g_strconcat ("unix:", path, NULL);
  self->answers = answers;
  self->n_answers = n_answers;
  self->requests = g_ptr_array_new_with_free_func (g_free);
  self->open = g_ptr_array_new_with_free_func (g_object_unref);
  self->stop = g_cancellable_new ();

  address = g_unix_socket_address_new (path);
  self->listener = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, &error);
  g_assert_no_error (error);
  g_socket_bind (self->listener, address, TRUE, &error);
  g_assert_no_error (error);
  g_socket_listen (self->listener, &error);
  g_assert_no_error (error);
  self->thread = g_thread_new ("scripted-agent", serve, self);
  return self;
}

void
scripted_agent_stop (ScriptedAgent *self)
{
  if (self->thread == NULL)
    return;

  g_cancellable_cancel (self->stop);
  g_thread_join (g_steal_pointer (&self->thread));
}

void
scripted_agent_free (ScriptedAgent *self)
{
  scripted_agent_stop (self);
  g_unlink (self->uri + strlen ("unix:"));
  g_rmdir (self->dir);
  g_ptr_array_unref (self->requests);
  g_ptr_array_unref (self->open);
  g_object_unref (self->listener);
  g_object_unref (self->stop);
  g_free (self->uri);
  g_free (self->dir);
  g_free (self);
}

char *
scripted_chunk (const char *text)
{
  return g_strdup_printf ("%zx\r\n%s\r\n", strlen (text), text);
}
