/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An agent as a process, so that tests can end it in every way: NAME RUNTIME_DIR STATE_DIR */

#include "agent.h"

#include <stdio.h>

int
main (int argc, char **argv)
{
  g_autoptr(GError) error = NULL;
  int code;

  g_assert_cmpint (argc, ==, 4);
  code = qmig_agent_run (argv[1], argv[2], argv[3], &error);
  if (error != NULL)
    fprintf (stderr, "error: %s\n", error->message);
  return code;
}
