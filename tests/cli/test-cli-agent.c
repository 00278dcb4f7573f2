/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-agent.h"

#include <string.h>

/* A host of its own, below the fake's directory; the fake itself is not asked. */
#define HOST "export QMIG_RUNTIME_DIR=\"$QMIG_RUNTIME_DIR/o/r\" QMIG_STATE_DIR=\"$QMIG_STATE_DIR/o/s\" QMIG_HOST=local; "

static void
assert_shell (FakeAgent *agent, const char *script, int status, const char *out, const char *err)
{
  g_autofree char *quoted = g_shell_quote (script);
  g_autofree char *line = g_strconcat ("sh -c ", quoted, NULL);
  g_autoptr(Run) run = fake_agent_run_in_shell (agent, line);

  g_test_message ("%s: %d\n%s%s", script, run->status, run->out, run->err);
  g_assert_cmpint (run->status, ==, status);
  g_assert_nonnull (strstr (run->out, out));
  g_assert_nonnull (strstr (run->err, err));
}

/* The first command starts the agent of this user; status and stop do not. */
static void
test_autostart (void)
{
  g_autoptr(FakeAgent) agent = fake_agent_new ();

  assert_shell (agent, HOST "\"$0\" agent status", 9, "", "cannot reach the agent");
  assert_shell (agent, HOST "\"$0\" agent stop", 9, "", "cannot reach the agent");
  assert_shell (agent, HOST "\"$0\" vm list --no-autostart", 9, "", "cannot reach the agent");
  assert_shell (agent, HOST "\"$0\" host list", 0, "NAME", "");
  assert_shell (agent, HOST "\"$0\" agent status -o tsv --fields runtime_dir", 0, "/o/r", "");
  assert_shell (agent, HOST "\"$0\" agent run", 12, "", "qmig: ");
  assert_shell (agent, HOST "\"$0\" agent stop", 0, "", "");
  assert_shell (agent, HOST "for i in $(seq 200); do \"$0\" agent status >/dev/null 2>&1 || exit 0; sleep 0.05; done; exit 1", 0, "", "");
  assert_shell (agent, "rm -r \"$QMIG_RUNTIME_DIR/o\"; : \"$0\"", 0, "", "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/agent/autostart", test_autostart);
  return g_test_run ();
}
