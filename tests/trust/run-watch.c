/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run-watch.h"

#include <glob.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LOOK_MS 5
#define ASK "{\"execute\":\"query-status\"}\n"

/* From when to when one of them ran, microseconds of the real time; to 0: it still does. */
typedef struct
{
  guint side;
  gint64 from_us;
  gint64 to_us;
} Span;

typedef struct
{
  char *path;
  guint number;
  int fd;
  GString *unread;
  gint64 asked_us;
  gboolean running;
} Side;

struct _RunWatch
{
  char *path;
  char *pattern;
  GMutex lock;
  GPtrArray *sides; /* that are open */
  GArray *spans;
  guint n_sides;
  gint quit;
  GThread *thread;
};

static void
side_free (Side *side)
{
  close (side->fd);
  g_string_free (side->unread, TRUE);
  g_free (side->path);
  g_free (side);
}

static void
set_running (RunWatch *self, Side *side, gboolean running, gint64 at_us)
{
  if (side->running == running)
    return;
  side->running = running;
  if (running)
    {
      Span span = { side->number, at_us, 0 };

      g_array_append_val (self->spans, span);
      return;
    }
  for (guint i = self->spans->len; i-- > 0;)
    {
      Span *span = &g_array_index (self->spans, Span, i);

      if (span->side == side->number && span->to_us == 0)
        {
          span->to_us = at_us;
          return;
        }
    }
}

static gint64
stamp_of (const char *line)
{
  const char *seconds = strstr (line, "\"seconds\":");
  const char *rest = strstr (line, "\"microseconds\":");

  if (seconds == NULL || rest == NULL)
    return g_get_real_time ();
  return g_ascii_strtoll (seconds + strlen ("\"seconds\":"), NULL, 10) * G_USEC_PER_SEC
         + g_ascii_strtoll (rest + strlen ("\"microseconds\":"), NULL, 10);
}

static void
take_line (RunWatch *self, Side *side, const char *line)
{
  if (strstr (line, "\"event\": \"RESUME\"") != NULL)
    set_running (self, side, TRUE, stamp_of (line));
  else if (strstr (line, "\"event\": \"STOP\"") != NULL)
    set_running (self, side, FALSE, stamp_of (line));
  else if (strstr (line, "\"running\": ") != NULL)
    {
      set_running (self, side, strstr (line, "\"running\": true") != NULL, g_get_real_time ());
      side->asked_us = 0;
    }
}

/* FALSE when it is gone. */
static gboolean
read_side (RunWatch *self, Side *side)
{
  char bytes[4096];
  gssize length;
  char *end;

  while ((length = recv (side->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
    g_string_append_len (side->unread, bytes, length);
  if (length == 0 || (errno != EAGAIN && errno != EINTR))
    return FALSE;
  while ((end = strchr (side->unread->str, '\n')) != NULL)
    {
      *end = '\0';
      take_line (self, side, side->unread->str);
      g_string_erase (side->unread, 0, end - side->unread->str + 1);
    }
  if (side->asked_us == 0 && send (side->fd, ASK, strlen (ASK), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
    side->asked_us = g_get_monotonic_time ();
  return TRUE;
}

static gboolean
is_open (RunWatch *self, const char *path)
{
  for (guint i = 0; i < self->sides->len; i++)
    if (g_str_equal (((Side *) g_ptr_array_index (self->sides, i))->path, path))
      return TRUE;
  return FALSE;
}

static void
try_open (RunWatch *self, const char *path)
{
  static const char hello[] = "{\"execute\":\"qmp_capabilities\"}\n";
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  Side *side;
  int fd;

  if (is_open (self, path) || strlen (path) >= sizeof address.sun_path)
    return;
  strcpy (address.sun_path, path);
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect (fd, (struct sockaddr *) &address, sizeof address) != 0 || send (fd, hello, strlen (hello), MSG_NOSIGNAL) < 0)
    {
      close (fd);
      return;
    }
  side = g_new0 (Side, 1);
  *side = (Side) { g_strdup (path), self->n_sides++, fd, g_string_new (NULL), 0, FALSE };
  g_ptr_array_add (self->sides, side);
}

static void
look (RunWatch *self)
{
  glob_t found = { 0 };

  try_open (self, self->path);
  if (glob (self->pattern, 0, NULL, &found) == 0)
    for (gsize i = 0; i < found.gl_pathc; i++)
      try_open (self, found.gl_pathv[i]);
  globfree (&found);
  for (guint i = self->sides->len; i-- > 0;)
    {
      Side *side = g_ptr_array_index (self->sides, i);

      if (read_side (self, side))
        continue;
      set_running (self, side, FALSE, g_get_real_time ());
      g_ptr_array_remove_index (self->sides, i);
    }
}

static gpointer
work (gpointer data)
{
  RunWatch *self = data;

  while (!g_atomic_int_get (&self->quit))
    {
      g_mutex_lock (&self->lock);
      look (self);
      g_mutex_unlock (&self->lock);
      g_usleep (LOOK_MS * 1000);
    }
  return NULL;
}

RunWatch *
run_watch_new (const char *path, const char *pattern)
{
  RunWatch *self = g_new0 (RunWatch, 1);

  self->path = g_strdup (path);
  self->pattern = g_strdup (pattern);
  g_mutex_init (&self->lock);
  self->sides = g_ptr_array_new_with_free_func ((GDestroyNotify) side_free);
  self->spans = g_array_new (FALSE, FALSE, sizeof (Span));
  self->thread = g_thread_new ("run-watch", work, self);
  return self;
}

void
run_watch_free (RunWatch *self)
{
  if (self == NULL)
    return;
  g_atomic_int_set (&self->quit, TRUE);
  g_thread_join (self->thread);
  g_ptr_array_unref (self->sides);
  g_array_unref (self->spans);
  g_mutex_clear (&self->lock);
  g_free (self->path);
  g_free (self->pattern);
  g_free (self);
}

guint
run_watch_count_running (RunWatch *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  guint n = 0;

  for (guint i = 0; i < self->sides->len; i++)
    n += ((Side *) g_ptr_array_index (self->sides, i))->running;
  return n;
}

static gboolean
overlap (const Span *a, const Span *b)
{
  return a->side != b->side && (a->to_us == 0 || b->from_us < a->to_us) && (b->to_us == 0 || a->from_us < b->to_us);
}

gboolean
run_watch_is_sound (RunWatch *self, GError **error)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  for (guint i = 0; i < self->spans->len; i++)
    for (guint j = 0; j < i; j++)
      {
        const Span *a = &g_array_index (self->spans, Span, j);
        const Span *b = &g_array_index (self->spans, Span, i);

        if (!overlap (a, b))
          continue;
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                     "two QEMUs ran at once: side %u from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT " us, side %u from %"
                     G_GINT64_FORMAT " to %" G_GINT64_FORMAT " us", a->side, a->from_us, a->to_us, b->side, b->from_us, b->to_us);
        return FALSE;
      }
  return TRUE;
}
