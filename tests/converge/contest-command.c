/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "contest-command.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOOK_US 20000

/* -- what processes use --------------------------------------------------------------- */

/* The most that it ever held; 0 when it is not there any more. */
static double
peak_mib (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/status", pid);
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents (path, &text, NULL, NULL) || (line = strstr (text, "VmHWM:")) == NULL)
    return 0;
  return strtod (line + strlen ("VmHWM:"), NULL) / 1024;
}

/* Of all its threads, also those that have ended. */
static double
cpu_ms (GPid pid)
{
  struct timespec used;
  clockid_t clock;

  g_assert_cmpint (clock_getcpuclockid (pid, &clock), ==, 0);
  g_assert_no_errno (clock_gettime (clock, &used));
  return used.tv_sec * 1e3 + used.tv_nsec / 1e6;
}

static double
children_ms (void)
{
  struct rusage used;

  g_assert_no_errno (getrusage (RUSAGE_CHILDREN, &used));
  return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3;
}

/* -- the command ---------------------------------------------------------------------- */

static gpointer
attend (gpointer data)
{
  ContestCommand *self = data;

  g_mutex_lock (&self->lock);
  while (!self->over)
    {
      self->memory_mib = fmax (self->memory_mib, peak_mib (self->pid));
      if (self->asked_us == 0 && g_get_monotonic_time () >= self->limit_us)
        {
          self->asked_us = g_get_monotonic_time ();
          syscall (SYS_pidfd_send_signal, self->process, SIGINT, NULL, 0);
        }
      g_cond_wait_until (&self->ended, &self->lock, g_get_monotonic_time () + LOOK_US);
    }
  g_mutex_unlock (&self->lock);
  return NULL;
}

void
contest_command_begin (ContestCommand *self, GPid pid, gint64 limit_ms)
{
  *self = (ContestCommand) { .pid = pid, .limit_us = g_get_monotonic_time () + limit_ms * 1000, .children_ms = children_ms () };
  g_mutex_init (&self->lock);
  g_cond_init (&self->ended);
  self->process = (int) syscall (SYS_pidfd_open, pid, 0);
  g_assert_cmpint (self->process, >=, 0);
  self->thread = g_thread_new ("command", attend, self);
}

void
contest_command_end (ContestCommand *self, ContestFigures *figures)
{
  gint64 now_us = g_get_monotonic_time ();

  g_mutex_lock (&self->lock);
  self->over = TRUE;
  g_cond_signal (&self->ended);
  g_mutex_unlock (&self->lock);
  g_thread_join (self->thread);
  close (self->process);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->ended);
  if (self->asked_us != 0)
    figures->cancel_ms = (now_us - self->asked_us) / 1000.0;
  figures->cpu_ms += children_ms () - self->children_ms;
  figures->memory_mib = self->memory_mib;
}

/* -- the daemons ---------------------------------------------------------------------- */

void
contest_usage_before (Contest *contest)
{
  if (contest->managers[0] == 0)
    return;
  contest->figures.cpu_ms = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (contest->managers); i++)
    contest->figures.cpu_ms -= cpu_ms (contest->managers[i]);
}

void
contest_usage_after (Contest *contest)
{
  if (contest->managers[0] == 0)
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (contest->managers); i++)
    {
      contest->figures.cpu_ms += cpu_ms (contest->managers[i]);
      contest->figures.memory_mib += peak_mib (contest->managers[i]);
    }
}
