/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-signals.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <unistd.h>

static const int caught[] = { SIGWINCH, SIGTSTP, SIGCONT, SIGINT, SIGTERM, SIGHUP };

/* A handler only writes the number down; GLib watches too few signals itself. */
static struct
{
  int pipe[2];
  guint source;
  const UiSignalFuncs *funcs;
  gpointer user_data;
  struct sigaction before[G_N_ELEMENTS (caught)];
} watch;

static void
note (int signal_number)
{
  int saved = errno;
  guint8 number = (guint8) signal_number;

  if (write (watch.pipe[1], &number, 1) < 0)
    errno = 0; /* full: enough lies there to be woken by */
  errno = saved;
}

static void
deliver (int number)
{
  if (number == SIGWINCH)
    watch.funcs->resized (watch.user_data);
  else if (number == SIGTSTP)
    watch.funcs->to_suspend (watch.user_data);
  else if (number == SIGCONT)
    watch.funcs->resumed (watch.user_data);
  else
    watch.funcs->to_end (number, watch.user_data);
}

static gboolean
came (int fd, GIOCondition condition, gpointer user_data)
{
  guint8 numbers[64];
  gssize n = read (fd, numbers, sizeof numbers);

  for (gssize i = 0; i < n; i++)
    deliver (numbers[i]);
  return G_SOURCE_CONTINUE;
}

void
ui_signals_watch (const UiSignalFuncs *funcs, gpointer user_data)
{
  struct sigaction action = { .sa_handler = note, .sa_flags = SA_RESTART };

  watch.funcs = funcs;
  watch.user_data = user_data;
  if (pipe2 (watch.pipe, O_CLOEXEC | O_NONBLOCK) != 0)
    g_error ("cannot watch signals: %s", g_strerror (errno));
  watch.source = g_unix_fd_add_full (G_PRIORITY_HIGH, watch.pipe[0], G_IO_IN, came, NULL, NULL);
  sigemptyset (&action.sa_mask);
  for (gsize i = 0; i < G_N_ELEMENTS (caught); i++)
    sigaction (caught[i], &action, &watch.before[i]);
}

void
ui_signals_unwatch (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (caught); i++)
    sigaction (caught[i], &watch.before[i], NULL);
  g_source_remove (watch.source);
  close (watch.pipe[0]);
  close (watch.pipe[1]);
}
