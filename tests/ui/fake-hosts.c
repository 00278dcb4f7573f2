/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-hosts.h"

#include <gio/gio.h>
#include <string.h>

struct _FakeHosts
{
  GSubprocess *process;
  GDataInputStream *says;
  char *uri;
};

static char *
read_line (FakeHosts *self)
{
  g_autoptr(GError) error = NULL;
  char *line = g_data_input_stream_read_line_utf8 (self->says, NULL, NULL, &error);

  g_assert_no_error (error);
  if (line == NULL)
    g_error ("the process of the fake hosts has ended");
  return line;
}

FakeHosts *
fake_hosts_new (guint hosts, guint vms, guint migrations)
{
  FakeHosts *self = g_new0 (FakeHosts, 1);
  g_autofree char *n_hosts = g_strdup_printf ("%u", hosts);
  g_autofree char *n_vms = g_strdup_printf ("%u", vms);
  g_autofree char *n_migrations = g_strdup_printf ("%u", migrations);
  g_autoptr(GError) error = NULL;

  self->process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, FAKE_HOSTS_PROGRAM, n_hosts, n_vms,
                                    n_migrations, NULL);
  g_assert_no_error (error);
  self->says = g_data_input_stream_new (g_subprocess_get_stdout_pipe (self->process));
  self->uri = read_line (self);
  return self;
}

void
fake_hosts_free (FakeHosts *self)
{
  /* It ends when there is nobody who could say more. */
  g_output_stream_close (g_subprocess_get_stdin_pipe (self->process), NULL, NULL);
  g_subprocess_wait (self->process, NULL, NULL);
  g_object_unref (self->says);
  g_object_unref (self->process);
  g_free (self->uri);
  g_free (self);
}

const char *
fake_hosts_get_uri (FakeHosts *self)
{
  return self->uri;
}

void
fake_hosts_silence (FakeHosts *self, guint n)
{
  g_autofree char *command = g_strdup_printf ("%u\n", n);
  g_autofree char *done = NULL;
  g_autoptr(GError) error = NULL;

  g_output_stream_write_all (g_subprocess_get_stdin_pipe (self->process), command, strlen (command), NULL, NULL, &error);
  g_assert_no_error (error);
  done = read_line (self);
}
