/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An agent as a process, so that tests can end it in every way: NAME RUNTIME_DIR STATE_DIR, or "agent run". */

#include "agent.h"

#include <stdio.h>

#include "client.h"

int
main (int argc, char **argv)
{
  g_autofree char *runtime_dir = qmig_client_default_runtime_dir ();
  g_autofree char *state_dir = qmig_client_default_state_dir ();
  g_autoptr(GError) error = NULL;
  int code;

  qmig_client_init_tls ();
  if (argc == 4)
    code = qmig_agent_run (argv[1], NULL, argv[2], argv[3], &error);
  else
    code = qmig_agent_run (NULL, NULL, runtime_dir, state_dir, &error);
  if (error != NULL)
    fprintf (stderr, "error: %s\n", error->message);
  return code;
}
