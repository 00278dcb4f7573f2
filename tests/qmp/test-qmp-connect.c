/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "fake-qemu.h"
#include "qmp-client.h"
#include "qmp-connect.h"
#include "qmp-error.h"

#define LIMIT_MS 30000

/* More than any kernel lets wait at a backlog of 1. */
#define QUEUE_MAX 8

typedef struct
{
  char *directory;
  char *path;
  FakeQemu *fake;
  QmpWait *wait;
  GError *error;
  GSocket *queue[QUEUE_MAX];
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->wait = qmp_wait_new (NULL, "the fake QEMU", LIMIT_MS);
  f->directory = g_dir_make_tmp ("qmXXXXXX", &f->error);
  g_assert_no_error (f->error);
  f->path = g_build_filename (f->directory, "qmp", NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  for (int i = 0; i < QUEUE_MAX; i++)
    g_clear_object (&f->queue[i]);
  g_clear_pointer (&f->fake, fake_qemu_free);
  g_clear_error (&f->error);
  g_unlink (f->path);
  g_rmdir (f->directory);
  g_free (f->path);
  g_free (f->directory);
  qmp_wait_free (f->wait);
}

static void
assert_contains (const char *text, const char *part)
{
  if (!strstr (text, part))
    g_error ("'%s' does not contain '%s'", text, part);
}

static void
assert_fails (Fixture *f, const char *path, QmpWait *wait, GQuark domain, int code)
{
  QmpClient *client = qmp_client_open (path, wait, &f->error);

  g_assert_null (client);
  g_assert_error (f->error, domain, code);
  assert_contains (f->error->message, path);
}

static void
test_open (Fixture *f, gconstpointer data)
{
  g_autoptr(QmpClient) client = NULL;

  f->fake = fake_qemu_new_listening (f->path);
  client = qmp_client_open (f->path, f->wait, &f->error);
  g_assert_no_error (f->error);
  g_assert_cmpint (qmp_client_get_peer_pid (client), ==, getpid ());
}

static void
test_again (Fixture *f, gconstpointer data)
{
  f->fake = fake_qemu_new_listening (f->path);
  for (int i = 0; i < 3; i++)
    {
      g_autoptr(QmpClient) client = qmp_client_open (f->path, f->wait, &f->error);

      g_assert_no_error (f->error);
      g_assert_nonnull (client);
    }
}

static void
test_absent (Fixture *f, gconstpointer data)
{
  assert_fails (f, f->path, f->wait, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

/* The socket of a QEMU that was killed. */
static void
test_refused (Fixture *f, gconstpointer data)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (f->path);
  GSocket *socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, &f->error);

  g_assert_no_error (f->error);
  g_assert_true (g_socket_bind (socket, address, FALSE, &f->error));
  g_object_unref (socket);
  assert_fails (f, f->path, f->wait, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
}

static void
test_no_socket (Fixture *f, gconstpointer data)
{
  g_assert_true (g_file_set_contents (f->path, "", 0, &f->error));
  assert_fails (f, f->path, f->wait, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
}

static void
test_path_too_long (Fixture *f, gconstpointer data)
{
  g_autofree char *filler = g_strnfill (108, 'x');

  assert_fails (f, filler, f->wait, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG);
}

static void
test_cancelled (Fixture *f, gconstpointer data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(QmpWait) wait = qmp_wait_new (cancellable, "the greeting", LIMIT_MS);

  f->fake = fake_qemu_new_listening (f->path);
  fake_qemu_set_greeting (f->fake, "");
  g_cancellable_cancel (cancellable);
  assert_fails (f, f->path, wait, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_second_client (Fixture *f, gconstpointer data)
{
  g_autoptr(QmpClient) first = NULL;
  g_autoptr(QmpClient) second = NULL;
  g_autoptr(QmpWait) brief = NULL;
  g_autoptr(JsonNode) answer = NULL;

  f->fake = fake_qemu_new_listening (f->path);
  first = qmp_client_open (f->path, f->wait, &f->error);
  g_assert_no_error (f->error);
  brief = qmp_wait_new_within (f->wait, "the greeting", 30);
  assert_fails (f, f->path, brief, QMP_ERROR, QMP_ERROR_BUSY);
  assert_contains (f->error->message, "another client (libvirt, Incus, another qmig, ...) probably owns this monitor");
  g_clear_error (&f->error);

  /* The first one is not disturbed, and its place is free after it. */
  answer = qmp_client_execute (first, "query-status", NULL, f->wait, &f->error);
  g_assert_no_error (f->error);
  qmp_client_close (first);
  second = qmp_client_open (f->path, f->wait, &f->error);
  g_assert_no_error (f->error);
}

/* Fills the queue behind the client that is connected. */
static void
fill_queue (Fixture *f)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (f->path);

  for (int i = 0; i < QUEUE_MAX; i++)
    {
      f->queue[i] = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
      g_socket_set_blocking (f->queue[i], FALSE);
      if (!g_socket_connect (f->queue[i], address, NULL, &f->error))
        {
          g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
          g_clear_error (&f->error);
          g_clear_object (&f->queue[i]);
          return;
        }
    }
  g_error ("the queue never filled");
}

static void
test_queue_full (Fixture *f, gconstpointer data)
{
  g_autoptr(QmpClient) first = NULL;
  g_autoptr(QmpWait) brief = NULL;

  f->fake = fake_qemu_new_listening (f->path);
  first = qmp_client_open (f->path, f->wait, &f->error);
  g_assert_no_error (f->error);
  fill_queue (f);
  brief = qmp_wait_new_within (f->wait, "the greeting", 50);
  assert_fails (f, f->path, brief, QMP_ERROR, QMP_ERROR_BUSY);
  assert_contains (f->error->message, "queue is full");
  assert_contains (f->error->message, "another client (libvirt, Incus, another qmig, ...) probably owns this monitor");
}

typedef struct
{
  Fixture *f;
  QmpClient *first;
} Leaving;

static gboolean
leave (gpointer data)
{
  Leaving *leaving = data;

  for (int i = 0; i < QUEUE_MAX; i++)
    g_clear_object (&leaving->f->queue[i]);
  qmp_client_close (leaving->first);
  return G_SOURCE_REMOVE;
}

/* The connect is tried again until those before have left. */
static void
test_queue_drains (Fixture *f, gconstpointer data)
{
  g_autoptr(QmpClient) first = NULL;
  g_autoptr(QmpClient) second = NULL;
  Leaving leaving;

  f->fake = fake_qemu_new_listening (f->path);
  first = qmp_client_open (f->path, f->wait, &f->error);
  g_assert_no_error (f->error);
  fill_queue (f);
  leaving = (Leaving){ f, first };
  /* Runs when the open below lets the context run, thus after it met the full queue. */
  g_idle_add (leave, &leaving);
  second = qmp_client_open (f->path, f->wait, &f->error);
  g_assert_no_error (f->error);
}

static void
test_quit (Fixture *f, gconstpointer data)
{
  g_autoptr(QmpClient) client = NULL;
  g_autoptr(JsonNode) answer = NULL;

  f->fake = fake_qemu_new_listening (f->path);
  client = qmp_client_open (f->path, f->wait, &f->error);
  g_assert_no_error (f->error);
  answer = qmp_client_execute (client, "quit", NULL, f->wait, &f->error);
  g_assert_no_error (f->error);
  fake_qemu_wait_for_hang_up (f->fake);
  assert_fails (f, f->path, f->wait, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static void
test_not_pollable (Fixture *f, gconstpointer data)
{
  g_autoptr(GInputStream) memory = g_memory_input_stream_new ();
  g_autoptr(GInputStream) input = g_buffered_input_stream_new (memory);
  g_autoptr(GOutputStream) output = g_memory_output_stream_new_resizable ();
  g_autoptr(GIOStream) stream = g_simple_io_stream_new (input, output);
  QmpClient *client;

  g_assert_cmpint (qmp_connect_get_peer_pid (stream), ==, 0);
  client = qmp_client_open_stream (stream, f->wait, &f->error);
  g_assert_null (client);
  g_assert_error (f->error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define TEST(path, func) g_test_add ("/qmp-connect/" path, Fixture, NULL, set_up, func, tear_down)
  TEST ("open", test_open);
  TEST ("again", test_again);
  TEST ("absent", test_absent);
  TEST ("refused", test_refused);
  TEST ("no-socket", test_no_socket);
  TEST ("path-too-long", test_path_too_long);
  TEST ("cancelled", test_cancelled);
  TEST ("second-client", test_second_client);
  TEST ("queue-full", test_queue_full);
  TEST ("queue-drains", test_queue_drains);
  TEST ("quit", test_quit);
  TEST ("not-pollable", test_not_pollable);
  return g_test_run ();
}
