/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-guest.h"
#include "guest-watch.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>

#define LIMIT_MS 20000

typedef struct
{
  char *directory;
  GuestWatch *watch;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->directory = g_strdup ("/tmp/qmXXXXXX");
  g_assert_nonnull (g_mkdtemp (fixture->directory));
  fixture->watch = guest_watch_new ();
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  guest_watch_free (fixture->watch);
  g_assert_no_errno (g_rmdir (fixture->directory));
  g_free (fixture->directory);
}

static char *
path_in (Fixture *fixture, const char *name)
{
  return g_build_filename (fixture->directory, name, NULL);
}

static GSocket *
listen_at (const char *path)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  GSocket *socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, &error);

  g_assert_no_error (error);
  g_assert_true (g_socket_bind (socket, address, FALSE, &error));
  g_assert_true (g_socket_listen (socket, &error));
  g_assert_no_error (error);

  return socket;
}

/* Waits for the watch to connect. */
static GSocket *
accept_at (GSocket *listener)
{
  g_autoptr(GError) error = NULL;
  GSocket *socket = g_socket_accept (listener, NULL, &error);

  g_assert_no_error (error);
  return socket;
}

static void
send_run (GSocket *socket, guint first, guint last)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GByteArray) wire = g_byte_array_new ();

  fake_guest_run (wire, first, last);
  g_assert_cmpint (g_socket_send (socket, (const char *) wire->data, wire->len, NULL, &error), ==, (gssize) wire->len);
  g_assert_no_error (error);
}

static gboolean
has_seq (const GuestWatchState *state, gpointer user_data)
{
  return state->last_seq >= GPOINTER_TO_UINT (user_data);
}

static void
wait_seq (Fixture *fixture, guint seq)
{
  g_autoptr(GError) error = NULL;

  guest_watch_wait (fixture->watch, has_seq, GUINT_TO_POINTER (seq), "number", LIMIT_MS, &error);
  g_assert_no_error (error);
}

/* The socket appears after the watch, and once more with another QEMU behind it. */
static void
test_late_and_again (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = path_in (fixture, "tick.sock");
  GuestWatchState state;

  guest_watch_add (fixture->watch, path);
  for (guint turn = 0; turn < 2; turn++)
    {
      g_autoptr(GSocket) listener = listen_at (path);
      g_autoptr(GSocket) socket = accept_at (listener);

      send_run (socket, turn * 100 + 1, turn * 100 + 100);
      wait_seq (fixture, turn * 100 + 100);
      g_unlink (path);
    }

  guest_watch_get_state (fixture->watch, &state);
  g_assert_cmpuint (state.n_sides, ==, 2);
  g_assert_cmpuint (state.ticks, ==, 200);
  g_assert_cmpuint (state.lost_ticks, ==, 0);
  g_assert_cmpuint (state.overlap_ticks, ==, 0);
}

/* A pattern finds both sides of a move; the time between them is the blackout. */
static void
test_move (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *pattern = path_in (fixture, "*.sock");
  g_autofree char *path_a = path_in (fixture, "a.sock");
  g_autofree char *path_b = path_in (fixture, "b.sock");
  g_autoptr(GSocket) listener_a = listen_at (path_a);
  g_autoptr(GSocket) listener_b = NULL;
  g_autoptr(GSocket) a = NULL;
  g_autoptr(GSocket) b = NULL;
  g_autoptr(GArray) sides = NULL;
  gint64 from_us = g_get_monotonic_time ();
  gint64 sent_a_us, sent_b_us;
  GuestWatchGap gap;

  guest_watch_add_pattern (fixture->watch, pattern);
  a = accept_at (listener_a);
  send_run (a, 1, 500);
  wait_seq (fixture, 500);
  sent_a_us = g_get_monotonic_time ();

  listener_b = listen_at (path_b);
  b = accept_at (listener_b);
  sent_b_us = g_get_monotonic_time ();
  send_run (b, 501, 700);
  wait_seq (fixture, 700);

  g_assert_true (guest_watch_largest_gap (fixture->watch, from_us, sent_b_us, &gap));
  g_assert_cmpint (gap.length_us, >=, sent_b_us - sent_a_us);
  g_assert_cmpuint (gap.from_seq, ==, 500);
  g_assert_cmpuint (gap.to_seq, ==, 501);
  g_assert_true (guest_watch_is_sound (fixture->watch, &error));
  g_assert_no_error (error);

  sides = guest_watch_get_sides (fixture->watch);
  g_assert_cmpuint (sides->len, ==, 2);
  g_assert_cmpstr (g_array_index (sides, GuestWatchSide, 0).path, ==, path_a);
  g_assert_cmpuint (g_array_index (sides, GuestWatchSide, 0).ticks, ==, 500);
  g_assert_cmpuint (g_array_index (sides, GuestWatchSide, 1).first_seq, ==, 501);

  g_unlink (path_a);
  g_unlink (path_b);
}

static void
test_two_run (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path_a = path_in (fixture, "a.sock");
  g_autofree char *path_b = path_in (fixture, "b.sock");
  g_autoptr(GSocket) listener_a = listen_at (path_a);
  g_autoptr(GSocket) listener_b = listen_at (path_b);
  g_autoptr(GSocket) a = NULL;
  g_autoptr(GSocket) b = NULL;

  guest_watch_add (fixture->watch, path_a);
  guest_watch_add (fixture->watch, path_b);
  a = accept_at (listener_a);
  b = accept_at (listener_b);
  send_run (a, 1, 500);
  wait_seq (fixture, 500);
  send_run (b, 501, 600);
  wait_seq (fixture, 600);
  send_run (a, 501, 700);
  wait_seq (fixture, 700);

  g_assert_false (guest_watch_is_sound (fixture->watch, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  g_assert_nonnull (strstr (error->message, "two sides at once: 100 ticks"));

  g_unlink (path_a);
  g_unlink (path_b);
}

static void
test_wait (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = path_in (fixture, "tick.sock");
  g_autoptr(GSocket) listener = listen_at (path);
  g_autoptr(GSocket) socket = NULL;

  guest_watch_add (fixture->watch, path);
  socket = accept_at (listener);
  send_run (socket, 1, 10);
  g_assert_false (guest_watch_wait_ready (fixture->watch, 1, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);

  send_run (socket, 11, 64);
  g_assert_true (guest_watch_wait_ready (fixture->watch, LIMIT_MS, &error));
  g_assert_no_error (error);
  g_assert_false (guest_watch_wait_ticks (fixture->watch, 1, 1, 1, NULL));

  g_unlink (path);
}

static void
test_arguments (void)
{
  g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *line = NULL;

  guest_watch_append_arguments (argv, "/i.bin", "ws=8 rate=2", "/d/tick.sock");
  g_ptr_array_add (argv, NULL);
  line = g_strjoinv (" | ", (char **) argv->pdata);
  g_assert_cmpstr (line, ==,
                   "-bios | /i.bin | -fw_cfg | name=opt/qmig/guest,string=ws=8 rate=2 | "
                   "-chardev | socket,id=tick,path=/d/tick.sock,server=on,wait=off | -device | isa-serial,chardev=tick");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/guest/watch/late-and-again", Fixture, NULL, set_up, test_late_and_again, tear_down);
  g_test_add ("/guest/watch/move", Fixture, NULL, set_up, test_move, tear_down);
  g_test_add ("/guest/watch/two-run", Fixture, NULL, set_up, test_two_run, tear_down);
  g_test_add ("/guest/watch/wait", Fixture, NULL, set_up, test_wait, tear_down);
  g_test_add_func ("/guest/watch/arguments", test_arguments);
  return g_test_run ();
}
