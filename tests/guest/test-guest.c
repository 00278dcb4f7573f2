/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest-vm.h"

#include <gio/gunixsocketaddress.h>
#include <string.h>

/* Boots the real guest: under KVM if that serves, otherwise under TCG. */

#define LIMIT_MS 60000
#define PAGE_0 0x100000
#define MIB (1024 * 1024)

typedef struct
{
  GuestVm *vm;
  GuestWatch *watch;
} Guest;

static const char *
choose_accel (void)
{
  static const char *chosen;

  if (chosen == NULL)
    chosen = guest_vm_probe (NULL, "kvm", NULL) ? "kvm" : "tcg";
  return chosen;
}

static gboolean
skip_without_qemu (void)
{
  g_autofree char *qemu = g_find_program_in_path ("qemu-system-x86_64");

  if (qemu == NULL)
    g_test_skip ("qemu-system-x86_64 is not installed");
  return qemu == NULL;
}

static void
start (Guest *guest, const char *config, guint ram_mib, const char *const *extra)
{
  GuestVmOptions options = { .accel = choose_accel (), .config = config, .ram_mib = ram_mib, .extra = extra };
  g_autoptr(GError) error = NULL;
  g_autofree char *path = NULL;

  guest->vm = guest_vm_start (&options, &error);
  g_assert_no_error (error);
  guest->watch = guest_watch_new ();
  path = guest_vm_get_path (guest->vm, GUEST_WATCH_SOCKET_NAME);
  guest_watch_add (guest->watch, path);
}

static void
stop (Guest *guest)
{
  guest_watch_free (guest->watch);
  guest_vm_free (guest->vm);
}

static void
wait_for (Guest *guest, GuestWatchCheck check, const void *goal, const char *what)
{
  g_autoptr(GError) error = NULL;

  guest_watch_wait (guest->watch, check, (gpointer) goal, what, LIMIT_MS, &error);
  g_assert_no_error (error);
}

static gboolean
has_passed (const GuestWatchState *state, gpointer user_data)
{
  const GuestWatchState *goal = user_data;

  return state->ready && state->ws_mib > 0 && state->passes >= goal->passes &&
         state->check_rounds >= goal->check_rounds && state->errors >= goal->errors && state->ms >= goal->ms;
}

static void
assert_sound (Guest *guest)
{
  g_autoptr(GError) error = NULL;

  guest_watch_is_sound (guest->watch, &error);
  g_assert_no_error (error);
}

/* It ticks, writes all of its working set, checks all of its memory, and finds nothing wrong. */
static void
test_works (void)
{
  const GuestWatchState goal = { .passes = 3, .check_rounds = 2 };
  GuestWatchState state;
  Guest guest;

  if (skip_without_qemu ())
    return;

  start (&guest, "ws=8 rate=64 fill=24 check=1", 64, NULL);
  wait_for (&guest, has_passed, &goal, "third pass");
  guest_watch_get_state (guest.watch, &state);
  assert_sound (&guest);
  g_assert_cmpuint (state.ws_mib, ==, 8);
  g_assert_cmpuint (state.fill_mib, ==, 24);
  g_assert_cmpuint (state.rate_mib_per_s, ==, 64);
  g_assert_cmpuint (state.check_s, ==, 1);
  g_assert_cmpuint (state.ram_mib, ==, 64);
  g_assert_cmpuint (state.written_pages, >=, 3 * 8 * 256);
  stop (&guest);
}

/* By its own clock, which is what a busy host leaves it, it keeps the chosen rate. */
static void
test_rate (void)
{
  const GuestWatchState settled = { .passes = 1 };
  GuestWatchState before, after, goal = { 0 };
  Guest guest;
  double mib_per_s;

  if (skip_without_qemu ())
    return;

  start (&guest, "ws=16;rate=40;check=0", 64, NULL);
  wait_for (&guest, has_passed, &settled, "first pass");
  guest_watch_get_state (guest.watch, &before);
  goal.ms = before.ms + 1000;
  wait_for (&guest, has_passed, &goal, "second of work");
  guest_watch_get_state (guest.watch, &after);

  mib_per_s = (double) (after.written_pages - before.written_pages) / 256 * 1000 / (double) (after.ms - before.ms);
  g_test_message ("%.1f MiB/s", mib_per_s);
  g_assert_cmpfloat (mib_per_s, >, 20);
  g_assert_cmpfloat (mib_per_s, <, 80);
  g_assert_cmpuint (after.check_rounds, ==, 0);
  stop (&guest);
}

static void
test_idle (void)
{
  const GuestWatchState goal = { .ms = 500 };
  GuestWatchState state;
  Guest guest;

  if (skip_without_qemu ())
    return;

  start (&guest, NULL, 64, NULL);
  wait_for (&guest, has_passed, &goal, "half a second");
  guest_watch_get_state (guest.watch, &state);
  g_assert_cmpuint (state.written_pages, ==, 0);
  g_assert_cmpuint (state.ws_mib, ==, 16);
  g_assert_cmpuint (state.fill_mib, ==, 16);
  assert_sound (&guest);
  stop (&guest);
}

/* What does not fit is cut off. */
static void
test_small_ram (void)
{
  const GuestWatchState goal = { .passes = 1, .check_rounds = 1 };
  GuestWatchState state;
  Guest guest;

  if (skip_without_qemu ())
    return;

  start (&guest, "ws=10 rate=20 fill=100 check=1", 32, NULL);
  wait_for (&guest, has_passed, &goal, "first pass");
  guest_watch_get_state (guest.watch, &state);
  g_assert_cmpuint (state.ws_mib, ==, 10);
  g_assert_cmpuint (state.fill_mib, ==, 21);
  assert_sound (&guest);
  stop (&guest);
}

/* Write a word into the guest's memory through QEMU's gdb stub, which stops the guest meanwhile. */
static void
poke (Guest *guest, guint32 address, guint32 word)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = guest_vm_get_path (guest->vm, "gdb.sock");
  g_autoptr(GSocketConnectable) address_of_stub = G_SOCKET_CONNECTABLE (g_unix_socket_address_new (path));
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  g_autoptr(GSocketConnection) stub = g_socket_client_connect (client, address_of_stub, NULL, &error);
  g_autofree char *body = g_strdup_printf ("M%x,4:%08x", address, GUINT32_SWAP_LE_BE (word));
  g_autofree char *packet = NULL;
  g_autoptr(GString) answer = g_string_new (NULL);
  guint8 sum = 0;

  g_assert_no_error (error);
  for (const char *c = body; *c != '\0'; c++)
    sum += (guint8) *c;
  packet = g_strdup_printf ("$%s#%02x", body, sum);
  g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (stub)), packet, strlen (packet), NULL, NULL,
                             &error);
  g_assert_no_error (error);
  while (strstr (answer->str, "$OK#9a") == NULL)
    {
      char bytes[64];
      gssize n = g_input_stream_read (g_io_stream_get_input_stream (G_IO_STREAM (stub)), bytes, sizeof bytes, NULL,
                                      &error);

      g_assert_no_error (error);
      g_assert_cmpint (n, >, 0);
      g_string_append_len (answer, bytes, n);
    }
  g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (stub)), "+$D#44", 6, NULL, NULL, &error);
  g_assert_no_error (error);
  g_input_stream_read (g_io_stream_get_input_stream (G_IO_STREAM (stub)), &(char){ 0 }, 1, NULL, &error);
  g_assert_no_error (error);
}

static gboolean
knows_error (const GuestWatchState *state, gpointer user_data)
{
  return state->errors > 0 && state->error_address != 0;
}

static void
assert_detects (guint32 address)
{
  static const char *const extra[] = { "-gdb", "unix:gdb.sock,server=on,wait=off", NULL };
  const GuestWatchState settled = { .passes = 1, .check_rounds = 1 };
  GuestWatchState state;
  Guest guest;

  start (&guest, "ws=4 rate=16 fill=4 check=1", 32, extra);
  wait_for (&guest, has_passed, &settled, "first pass");
  assert_sound (&guest);
  poke (&guest, address, 0xdeadbeef);
  wait_for (&guest, knows_error, NULL, "memory error");
  guest_watch_get_state (guest.watch, &state);
  g_assert_cmpuint (state.error_address, ==, address);
  g_assert_cmpuint (state.error_found, ==, 0xdeadbeef);
  g_assert_false (guest_watch_is_sound (guest.watch, NULL));
  stop (&guest);
}

/* Without this, "no errors" would prove nothing: a page that is written again and again, and one that never is. */
static void
test_detects_damage (void)
{
  if (skip_without_qemu ())
    return;

  assert_detects (PAGE_0 + 77 * 4096);
  assert_detects (PAGE_0 + 6 * MIB + 4092);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_message ("accelerator: %s", choose_accel ());
  g_test_add_func ("/guest/works", test_works);
  g_test_add_func ("/guest/rate", test_rate);
  g_test_add_func ("/guest/idle", test_idle);
  g_test_add_func ("/guest/small-ram", test_small_ram);
  g_test_add_func ("/guest/detects-damage", test_detects_damage);
  return g_test_run ();
}
