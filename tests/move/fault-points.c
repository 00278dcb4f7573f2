/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What qmig_fault_point() does in the qmig that tests run.  QMIG_FAULT holds
 * entries "WHEN-STEP=kill" or "WHEN-STEP=meet:FIFO", separated by ';'.
 *
 * kill: the process ends by SIGKILL at that point.
 * meet: it waits there until the test has opened FIFO for writing and closed
 *       it again; so a test knows that the point is reached, and does its worst
 *       in between.
 */

#include "qmig-steps.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

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

      if (!g_str_has_prefix (*entry, point))
        continue;
      act = *entry + strlen (point);
      if (g_str_equal (act, "kill"))
        kill (getpid (), SIGKILL);
      else if (g_str_has_prefix (act, "meet:"))
        meet (act + strlen ("meet:"));
    }
}
