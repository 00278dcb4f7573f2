/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "demo-guest.h"

#include "guest-vm.h"

#include <string.h>

#define MIB G_GINT64_CONSTANT (1048576)
/* TCG fills its memory slowly on a busy machine. */
#define READY_MS 120000
#define PROOF_MS 120000
#define TICKS_BEFORE 200
#define TICKS_AFTER 300

void
demo_guest_clear (DemoGuest *self)
{
  g_clear_pointer (&self->qemu, g_free);
  g_clear_pointer (&self->accel, g_free);
}

/* The QEMU that `./setup qemus` unpacks: without KVM, QEMU 7.2 loses memory of a busy guest.  (transfer full) (nullable) */
static char *
find_newer_qemu (const char *program)
{
  g_autofree char *dir = g_path_get_dirname (program);
  g_autofree char *path = g_build_filename (dir, "qemus", "10", "qemu-system-x86_64", NULL);

  return g_file_test (path, G_FILE_TEST_IS_EXECUTABLE) ? g_steal_pointer (&path) : NULL;
}

void
demo_guest_choose (DemoGuest *self, const char *qemu, const char *accel, const char *program)
{
  self->qemu = g_strdup (qemu != NULL ? qemu : "qemu-system-x86_64");
  if (accel != NULL && strcmp (accel, "auto") != 0)
    {
      self->accel = g_strdup (accel);
      return;
    }
  self->accel = g_strdup (guest_vm_probe (self->qemu, "kvm", NULL) ? "kvm" : "tcg");
  if (qemu == NULL && strcmp (self->accel, "tcg") == 0)
    {
      char *newer = find_newer_qemu (program);

      if (newer != NULL)
        {
          g_free (self->qemu);
          self->qemu = newer;
        }
    }
}

char **
demo_guest_command (const DemoGuest *self, const char *name, const char *socket_path, GError **error)
{
  const char *const fixed[] = { "-machine", "q35", "-cpu", "qemu64", "-nodefaults", "-no-user-config", "-display", "none" };
  g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *image = guest_watch_find_image (error);
  g_autofree char *config = NULL;

  if (image == NULL)
    return NULL;
  g_ptr_array_add (argv, g_strdup (self->qemu));
  g_ptr_array_add (argv, g_strdup ("-name"));
  g_ptr_array_add (argv, g_strdup (name));
  for (gsize i = 0; i < G_N_ELEMENTS (fixed); i++)
    g_ptr_array_add (argv, g_strdup (fixed[i]));
  g_ptr_array_add (argv, g_strdup ("-accel"));
  g_ptr_array_add (argv, g_strdup (self->accel));
  g_ptr_array_add (argv, g_strdup ("-m"));
  g_ptr_array_add (argv, g_strdup_printf ("%" G_GINT64_FORMAT, self->ram_bytes / MIB));
  config = g_strdup_printf ("ws=%" G_GINT64_FORMAT " rate=%" G_GINT64_FORMAT " fill=%" G_GINT64_FORMAT " check=1",
                            self->working_set_bytes / MIB, self->dirty_bytes_per_s / MIB, self->ram_bytes / MIB);
  guest_watch_append_arguments (argv, image, config, socket_path);
  g_ptr_array_add (argv, NULL);
  return (char **) g_ptr_array_steal (argv, NULL);
}

static gboolean
is_ready (gpointer user_data)
{
  GuestWatchState state;

  guest_watch_get_state (user_data, &state);
  return state.ready && state.ticks >= TICKS_BEFORE;
}

gboolean
demo_guest_wait_ready (DemoHosts *hosts, GuestWatch *watch, GError **error)
{
  return demo_hosts_wait (hosts, is_ready, watch, "the guest's start", READY_MS, error);
}

static guint64
ticks_on_destination (GuestWatch *watch, guint64 *before)
{
  g_autoptr(GArray) sides = guest_watch_get_sides (watch);
  guint64 after = 0;

  *before = 0;
  for (guint i = 0; i < sides->len; i++)
    *(i == 0 ? before : &after) += g_array_index (sides, GuestWatchSide, i).ticks;
  return after;
}

typedef struct
{
  GuestWatch *watch;
  guint64 rounds; /* wanted */
} Wanted;

static gboolean
has_shown_itself (gpointer user_data)
{
  const Wanted *wanted = user_data;
  GuestWatchState state;
  guint64 before;

  guest_watch_get_state (wanted->watch, &state);
  return state.errors > 0 || (ticks_on_destination (wanted->watch, &before) >= TICKS_AFTER && state.check_rounds >= wanted->rounds);
}

/* The source may not have ticked once more after the destination's first tick. */
static gboolean
only_destination_ticks (GuestWatch *watch, GError **error)
{
  g_autoptr(GArray) sides = guest_watch_get_sides (watch);
  const GuestWatchSide *source = &g_array_index (sides, GuestWatchSide, 0);

  for (guint i = 1; i < sides->len; i++)
    {
      const GuestWatchSide *side = &g_array_index (sides, GuestWatchSide, i);

      if (side->ticks > 0 && source->last_us > side->first_us)
        {
          g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "the guest ticked on the source after it ran on the destination");
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
demo_guest_prove (DemoHosts *hosts, GuestWatch *watch, gint64 from_us, DemoProof *proof, GError **error)
{
  Wanted wanted = { .watch = watch };
  GuestWatchState state;
  GuestWatchGap gap;
  guint64 before, after, rounds_at_move;

  guest_watch_get_state (watch, &state);
  rounds_at_move = state.check_rounds;
  /* The one under way began before the end of the move: only the next has seen all pages afterwards. */
  wanted.rounds = rounds_at_move + 2;
  if (!demo_hosts_wait (hosts, has_shown_itself, &wanted, "the guest's check of its memory", PROOF_MS, error) ||
      !guest_watch_is_sound (watch, error) || !only_destination_ticks (watch, error))
    return FALSE;
  if (!guest_watch_largest_gap (watch, from_us, g_get_monotonic_time (), &gap))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "the guest did not tick");
      return FALSE;
    }

  guest_watch_get_state (watch, &state);
  after = ticks_on_destination (watch, &before);
  proof->gap_ms = (double) gap.length_us / 1000;
  proof->ticks_before = (gint64) before;
  proof->ticks_after = (gint64) after;
  proof->pages = (gint64) ((state.ws_mib + state.fill_mib) * 256);
  proof->check_rounds = (gint64) (state.check_rounds - rounds_at_move - 1);
  proof->errors = (gint64) state.errors;
  return TRUE;
}
