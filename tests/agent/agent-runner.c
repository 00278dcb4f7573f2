/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An agent as a process, so that tests can end it in every way: NAME RUNTIME_DIR STATE_DIR, or "agent run". */

#include "agent.h"

#include <stdio.h>

#include "agent-link.h"
#include "client.h"

/* Limits that would make a test wait. */
static void
take_limits (void)
{
  const struct
  {
    const char *variable;
    gint64 *limit;
  } limits[] = {
    { "QMIG_TEST_HANDSHAKE_MS", &agent_limits.handshake_ms },
    { "QMIG_TEST_STALE_MS", &agent_limits.stale_ms },
    { "QMIG_TEST_RETRY_MS", &agent_limits.retry_ms },
    { "QMIG_TEST_REQUEST_MS", &agent_limits.request_ms },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
    if (g_getenv (limits[i].variable) != NULL)
      *limits[i].limit = g_ascii_strtoll (g_getenv (limits[i].variable), NULL, 10);
}

int
main (int argc, char **argv)
{
  g_autofree char *runtime_dir = qmig_client_default_runtime_dir ();
  g_autofree char *state_dir = qmig_client_default_state_dir ();
  g_autoptr(GError) error = NULL;
  int code;

  qmig_client_init_tls ();
  take_limits ();
  if (argc == 4)
    code = qmig_agent_run (argv[1], NULL, argv[2], argv[3], &error);
  else
    code = qmig_agent_run (NULL, NULL, runtime_dir, state_dir, &error);
  if (error != NULL)
    fprintf (stderr, "error: %s\n", error->message);
  return code;
}
