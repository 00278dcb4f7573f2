/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What qmig_fault_point() does in the qmig that tests run.  QMIG_FAULT holds
 * entries "WHEN-STEP=kill" or "WHEN-STEP=meet:FIFO", separated by ';'.  "*" is
 * each point.  QMIG_LIMITS shortens all that is waited for to so many percent.
 *
 * kill: the process ends by SIGKILL at that point.
 * meet: it waits there until the test has opened FIFO for writing and closed
 *       it again; so a test knows that the point is reached, and does its worst
 *       in between.
 */

#include "qmig-steps.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* A write beyond the limit that a test sets is to fail, as on a full disk, and not to kill. */
__attribute__((constructor)) static void
prepare (void)
{
  const char *percent = g_getenv ("QMIG_LIMITS");
  gint64 *limits = (gint64 *) &qmig_limits;

  signal (SIGXFSZ, SIG_IGN);
  for (gsize i = 0; percent != NULL && i < sizeof qmig_limits / sizeof *limits; i++)
    limits[i] = limits[i] * atoi (percent) / 100;
}

static void
meet (const char *fifo)
{
  char byte;
  int fd = open (fifo, O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    return;
  while (read (fd, &byte, 1) > 0)
    ;
  close (fd);
  unlink (fifo);
}

void
qmig_fault_point (const char *when, const char *step)
{
  const char *faults = g_getenv ("QMIG_FAULT");
  g_autofree char *point = g_strdup_printf ("%s-%s=", when, step);
  g_auto(GStrv) entries = g_strsplit (faults != NULL ? faults : "", ";", -1);

  for (char **entry = entries; *entry != NULL; entry++)
    {
      const char *act;

      if (!g_str_has_prefix (*entry, point) && !g_str_has_prefix (*entry, "*="))
        continue;
      act = strchr (*entry, '=') + 1;
      if (g_str_equal (act, "kill"))
        kill (getpid (), SIGKILL);
      else if (g_str_has_prefix (act, "meet:"))
        meet (act + strlen ("meet:"));
    }
}
