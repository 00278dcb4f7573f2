/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest-watch.h"

#include "guest-ledger.h"

#include <errno.h>
#include <glib-unix.h>
#include <glob.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define IMAGE_NAME "qmig-guest.bin"

/* A destination QEMU needs tens of milliseconds from its socket to its first tick. */
#define RETRY_MS 10

#define READER_NICE -15

typedef struct
{
  char *path; /* or pattern */
  gboolean is_pattern;
} Target;

typedef struct
{
  char *path;
  int fd;
  guint side;
} Connection;

struct _GuestWatch
{
  GThread *thread;
  int wake_fd;

  GMutex lock; /* for what follows */
  GCond changed;
  GuestLedger *ledger;
  GPtrArray *targets;
  gboolean stop;

  GPtrArray *connections; /* the thread's own */
};

char *
guest_watch_find_image (GError **error)
{
  static const char *const below[] = { ".", "..", "../..", "../../.." };
  const char *chosen = g_getenv ("QMIG_GUEST_IMAGE");
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *directory = g_path_get_dirname (program != NULL ? program : ".");
  g_autofree char *installed = g_build_filename (QMIG_DATADIR, IMAGE_NAME, NULL);

  if (chosen != NULL)
    return g_canonicalize_filename (chosen, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (below); i++)
    {
      g_autofree char *path = g_build_filename (directory, below[i], "data", "guest", IMAGE_NAME, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
        return g_canonicalize_filename (path, NULL);
    }
  if (g_file_test (installed, G_FILE_TEST_IS_REGULAR))
    return g_steal_pointer (&installed);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "cannot find the demo guest's image: no %s beside %s, and no %s",
               IMAGE_NAME, directory, installed);
  return NULL;
}

void
guest_watch_append_arguments (GPtrArray *argv, const char *image, const char *config, const char *socket_path)
{
  g_ptr_array_add (argv, g_strdup ("-bios"));
  g_ptr_array_add (argv, g_strdup (image));
  g_ptr_array_add (argv, g_strdup ("-fw_cfg"));
  g_ptr_array_add (argv, g_strdup_printf ("name=opt/qmig/guest,string=%s", config != NULL ? config : "default"));
  g_ptr_array_add (argv, g_strdup ("-chardev"));
  g_ptr_array_add (argv, g_strdup_printf ("socket,id=tick,path=%s,server=on,wait=off", socket_path));
  g_ptr_array_add (argv, g_strdup ("-device"));
  g_ptr_array_add (argv, g_strdup ("isa-serial,chardev=tick"));
}

static void
target_free (gpointer data)
{
  Target *target = data;

  g_free (target->path);
  g_free (target);
}

static void
connection_free (gpointer data)
{
  Connection *connection = data;

  close (connection->fd);
  g_free (connection->path);
  g_free (connection);
}

static gboolean
is_connected (GuestWatch *self, const char *path)
{
  for (guint i = 0; i < self->connections->len; i++)
    if (strcmp (((Connection *) g_ptr_array_index (self->connections, i))->path, path) == 0)
      return TRUE;

  return FALSE;
}

/* Nobody there, or a backlog that is full, is nothing to report: it is tried again. */
static int
connect_to (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd;

  if (g_strlcpy (address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path)
    return -1;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -1;
  if (connect (fd, (struct sockaddr *) &address, sizeof address) != 0)
    {
      close (fd);
      return -1;
    }

  return fd;
}

static void
try_path (GuestWatch *self, const char *path)
{
  Connection *connection;
  int fd;

  if (is_connected (self, path))
    return;
  fd = connect_to (path);
  if (fd < 0)
    return;

  connection = g_new0 (Connection, 1);
  connection->path = g_strdup (path);
  connection->fd = fd;
  connection->side = guest_ledger_open_side (self->ledger, path);
  g_ptr_array_add (self->connections, connection);
  g_cond_broadcast (&self->changed);
}

static void
try_target (GuestWatch *self, const Target *target)
{
  glob_t found = { 0 };

  if (!target->is_pattern)
    {
      try_path (self, target->path);
      return;
    }

  if (glob (target->path, GLOB_NOSORT, NULL, &found) == 0)
    for (gsize i = 0; i < found.gl_pathc; i++)
      try_path (self, found.gl_pathv[i]);
  globfree (&found);
}

/* FALSE when the QEMU has gone. */
static gboolean
read_connection (GuestWatch *self, Connection *connection, gint64 now_us)
{
  guint8 bytes[4096];
  gssize n;

  n = read (connection->fd, bytes, sizeof bytes);
  if (n < 0)
    return errno == EAGAIN || errno == EINTR;
  if (n == 0)
    return FALSE;

  guest_ledger_feed (self->ledger, connection->side, bytes, (gsize) n, now_us);
  return TRUE;
}

static void
read_connections (GuestWatch *self, const struct pollfd *ready, gint64 now_us)
{
  for (guint i = self->connections->len; i-- > 0;)
    {
      Connection *connection = g_ptr_array_index (self->connections, i);

      if (ready[i].revents == 0 || read_connection (self, connection, now_us))
        continue;
      guest_ledger_close_side (self->ledger, connection->side);
      g_ptr_array_remove_index (self->connections, i);
    }
  g_cond_broadcast (&self->changed);
}

/* Sleeps without the lock, until bytes came or it is time to try the paths; says whether bytes came. */
static gboolean
sleep_on (GuestWatch *self, GArray *fds, int timeout_ms)
{
  struct pollfd wake = { .fd = self->wake_fd, .events = POLLIN };

  g_array_set_size (fds, 0);
  for (guint i = 0; i < self->connections->len; i++)
    {
      struct pollfd fd = { .fd = ((Connection *) g_ptr_array_index (self->connections, i))->fd, .events = POLLIN };

      g_array_append_val (fds, fd);
    }
  g_array_append_val (fds, wake);

  return poll ((struct pollfd *) (gpointer) fds->data, fds->len, timeout_ms) > 0;
}

static gpointer
watch_thread (gpointer data)
{
  GuestWatch *self = data;
  g_autoptr(GArray) fds = g_array_new (FALSE, TRUE, sizeof (struct pollfd));
  gint64 retry_us = 0;

  setpriority (PRIO_PROCESS, 0, READER_NICE); /* the stamps are better where this is allowed, and good where not */
  g_mutex_lock (&self->lock);
  while (!self->stop)
    {
      gint64 now_us = g_get_monotonic_time ();
      gboolean came;

      if (now_us >= retry_us)
        {
          for (guint i = 0; i < self->targets->len; i++)
            try_target (self, g_ptr_array_index (self->targets, i));
          retry_us = now_us + RETRY_MS * 1000;
        }

      g_mutex_unlock (&self->lock);
      came = sleep_on (self, fds, (int) MAX ((retry_us - now_us) / 1000, 1));
      now_us = g_get_monotonic_time ();
      g_mutex_lock (&self->lock);
      if (came)
        read_connections (self, (const struct pollfd *) (gconstpointer) fds->data, now_us);
    }
  g_mutex_unlock (&self->lock);

  return NULL;
}

GuestWatch *
guest_watch_new (void)
{
  GuestWatch *self = g_new0 (GuestWatch, 1);

  self->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->ledger = guest_ledger_new ();
  self->targets = g_ptr_array_new_with_free_func (target_free);
  self->connections = g_ptr_array_new_with_free_func (connection_free);
  self->thread = g_thread_new ("guest-watch", watch_thread, self);

  return self;
}

void
guest_watch_free (GuestWatch *self)
{
  if (self == NULL)
    return;

  g_mutex_lock (&self->lock);
  self->stop = TRUE;
  eventfd_write (self->wake_fd, 1);
  g_mutex_unlock (&self->lock);
  g_thread_join (self->thread);

  g_ptr_array_unref (self->connections);
  g_ptr_array_unref (self->targets);
  guest_ledger_free (self->ledger);
  g_cond_clear (&self->changed);
  g_mutex_clear (&self->lock);
  close (self->wake_fd);
  g_free (self);
}

static void
add_target (GuestWatch *self, const char *path, gboolean is_pattern)
{
  Target *target = g_new0 (Target, 1);

  target->path = g_strdup (path);
  target->is_pattern = is_pattern;
  g_mutex_lock (&self->lock);
  g_ptr_array_add (self->targets, target);
  g_mutex_unlock (&self->lock);
}

void
guest_watch_add (GuestWatch *self, const char *path)
{
  struct sockaddr_un address;

  g_return_if_fail (strlen (path) < sizeof address.sun_path);

  add_target (self, path, FALSE);
}

void
guest_watch_add_pattern (GuestWatch *self, const char *pattern)
{
  add_target (self, pattern, TRUE);
}

void
guest_watch_get_state (GuestWatch *self, GuestWatchState *state)
{
  g_mutex_lock (&self->lock);
  guest_ledger_get_state (self->ledger, state);
  g_mutex_unlock (&self->lock);
}

GArray *
guest_watch_get_sides (GuestWatch *self)
{
  GArray *sides;

  g_mutex_lock (&self->lock);
  sides = guest_ledger_get_sides (self->ledger);
  g_mutex_unlock (&self->lock);

  return sides;
}

gboolean
guest_watch_largest_gap (GuestWatch *self, gint64 from_us, gint64 to_us, GuestWatchGap *gap)
{
  gboolean found;

  g_mutex_lock (&self->lock);
  found = guest_ledger_largest_gap (self->ledger, from_us, to_us, g_get_monotonic_time (), g_get_real_time (), gap);
  g_mutex_unlock (&self->lock);

  return found;
}

/* Both kinds of wait: `check` sees the state, `check_ledger` what a state does not tell.  One of them is NULL. */
static gboolean
wait_locked (GuestWatch *self,
             GuestWatchCheck check,
             gboolean (*check_ledger) (GuestLedger *ledger, gpointer user_data),
             gpointer user_data,
             const char *what,
             guint timeout_ms,
             GError **error)
{
  gint64 deadline_us = g_get_monotonic_time () + (gint64) timeout_ms * 1000;
  GuestWatchState state;

  while (TRUE)
    {
      guest_ledger_get_state (self->ledger, &state);
      if (check != NULL ? check (&state, user_data) : check_ledger (self->ledger, user_data))
        return TRUE;
      if (!g_cond_wait_until (&self->changed, &self->lock, deadline_us))
        break;
    }

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
               "cannot see the guest's %s after %u ms: %u connections, %" G_GUINT64_FORMAT " ticks, %s, %" G_GUINT64_FORMAT
               " memory errors",
               what, timeout_ms, state.n_sides, state.ticks, state.ready ? "ready" : "not ready", state.errors);
  return FALSE;
}

gboolean
guest_watch_wait (GuestWatch *self,
                  GuestWatchCheck check,
                  gpointer user_data,
                  const char *what,
                  guint timeout_ms,
                  GError **error)
{
  gboolean content;

  g_mutex_lock (&self->lock);
  content = wait_locked (self, check, NULL, user_data, what, timeout_ms, error);
  g_mutex_unlock (&self->lock);

  return content;
}

static gboolean
state_is_ready (const GuestWatchState *state, gpointer user_data)
{
  return state->ready;
}

gboolean
guest_watch_wait_ready (GuestWatch *self, guint timeout_ms, GError **error)
{
  return guest_watch_wait (self, state_is_ready, NULL, "readiness", timeout_ms, error);
}

typedef struct
{
  int side;
  guint64 ticks;
} TickGoal;

static guint64
count_ticks (GuestLedger *ledger, int side)
{
  g_autoptr(GArray) sides = guest_ledger_get_sides (ledger);
  guint64 ticks = 0;

  for (guint i = 0; i < sides->len; i++)
    if (side < 0 || side == (int) i)
      ticks += g_array_index (sides, GuestWatchSide, i).ticks;

  return ticks;
}

static gboolean
ticks_came (GuestLedger *ledger, gpointer user_data)
{
  const TickGoal *goal = user_data;

  return count_ticks (ledger, goal->side) >= goal->ticks;
}

gboolean
guest_watch_wait_ticks (GuestWatch *self, int side, guint64 ticks, guint timeout_ms, GError **error)
{
  TickGoal goal = { side, ticks };
  gboolean content;

  g_mutex_lock (&self->lock);
  goal.ticks += count_ticks (self->ledger, side);
  content = wait_locked (self, NULL, ticks_came, &goal, "ticks", timeout_ms, error);
  g_mutex_unlock (&self->lock);

  return content;
}

gboolean
guest_watch_is_sound (GuestWatch *self, GError **error)
{
  GuestWatchState state;

  guest_watch_get_state (self, &state);
  if (state.errors > 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "the guest's memory is damaged: %" G_GUINT64_FORMAT " words, the first at 0x%08" G_GINT64_MODIFIER
                   "x: expected %08" G_GINT64_MODIFIER "x, found %08" G_GINT64_MODIFIER "x",
                   state.errors, state.error_address, state.error_expected, state.error_found);
      return FALSE;
    }
  if (state.overlap_ticks > 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "the guest ran on two sides at once: %" G_GUINT64_FORMAT " ticks came twice", state.overlap_ticks);
      return FALSE;
    }
  if (state.restarts > 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "the guest has restarted %" G_GUINT64_FORMAT " times",
                   state.restarts);
      return FALSE;
    }

  return TRUE;
}
