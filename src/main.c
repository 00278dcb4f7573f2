/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Picks a face: the command line, which hands over to the agent where it is told to. */

#include "agent.h"
#include "cli.h"
#include "client.h"

int
main (int argc, char **argv)
{
  const CliFaces faces = { .run_agent = qmig_agent_run };

  qmig_client_init_tls ();
  return cli_main (argc, argv, &faces);
}
