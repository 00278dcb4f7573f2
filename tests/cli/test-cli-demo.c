/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-agent.h"
#include "guest-vm.h"
#include "json-strict.h"

#include <signal.h>
#include <string.h>

/* The directory that the demo names in its first line.  (transfer full) */
static char *
stage_dir (const char *out)
{
  const char *start = strstr (out, "/tmp/qmig-");

  g_assert_nonnull (start);
  return g_strndup (start, strcspn (start, ":"));
}

static gboolean
mentions (const char *pid, const char *dir)
{
  g_autofree char *path = g_build_filename ("/proc", pid, "cmdline", NULL);
  g_autofree char *line = NULL;
  gsize length = 0;

  return g_ascii_isdigit (*pid) && g_file_get_contents (path, &line, &length, NULL) &&
         memmem (line, length, dir, strlen (dir)) != NULL;
}

/* Neither a process nor a file. */
static void
assert_nothing_left (const char *out)
{
  g_autofree char *dir = stage_dir (out);
  g_autoptr(GDir) proc = g_dir_open ("/proc", 0, NULL);
  const char *pid;

  g_assert_nonnull (strstr (out, "Everything was stopped and removed."));
  g_assert_false (g_file_test (dir, G_FILE_TEST_EXISTS));
  while ((pid = g_dir_read_name (proc)) != NULL)
    g_assert_false (mentions (pid, dir));
}

static void
test_usage (void)
{
  static const char *const bad[] = { "demo --dirty max", "demo --dirty 3", "demo --ram 1M", "demo --ram 64M --working-set 64M",
                                     "demo -o jsonl", "demo --accel xen", "demo now" };
  g_autoptr(FakeAgent) agent = fake_agent_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr(Run) run = fake_agent_run (agent, bad[i]);

      g_test_message ("%s", bad[i]);
      g_assert_cmpint (run->status, ==, 2);
      g_assert_cmpstr (run->out, ==, "");
    }
}

static void
test_failure (void)
{
  g_autoptr(FakeAgent) agent = fake_agent_new ();
  g_autoptr(Run) run = fake_agent_run (agent, "demo --qemu /nonexistent/qemu --accel tcg");

  g_assert_cmpint (run->status, ==, 1);
  g_assert_nonnull (strstr (run->err, "qmig: the demo failed: "));
  g_assert_nonnull (strstr (run->err, "/nonexistent/qemu"));
  g_assert_nonnull (strstr (run->err, "alpha.log\n"));
  assert_nothing_left (run->out);
}

static gboolean
guest_runs (void)
{
  g_autoptr(GError) error = NULL;

  if (guest_vm_probe (NULL, "kvm", &error))
    return TRUE;
  g_test_skip (error->message);
  return FALSE;
}

static void
test_demo (void)
{
  g_autoptr(FakeAgent) agent = NULL;
  g_autoptr(Run) run = NULL;

  if (!guest_runs ())
    return;
  agent = fake_agent_new ();
  run = fake_agent_run (agent, "demo --ram 64M --working-set 8M --dirty 20MiB/s --accel kvm");
  g_test_message ("%s%s", run->out, run->err);
  g_assert_cmpint (run->status, ==, 0);
  g_assert_nonnull (strstr (run->out, "VM demo moved from alpha to beta in "));
  g_assert_nonnull (strstr (run->out, "guest's longest silence"));
  g_assert_nonnull (strstr (run->out, ": 0 errors.\n"));
  assert_nothing_left (run->out);
}

static void
test_json (void)
{
  g_autoptr(FakeAgent) agent = NULL;
  g_autoptr(Run) run = NULL;
  g_autoptr(JsonObject) report = NULL;

  if (!guest_runs ())
    return;
  agent = fake_agent_new ();
  run = fake_agent_run (agent, "demo --ram 64M --working-set 8M --dirty idle --accel kvm -o json");
  report = json_strict_parse_object (run->out, strlen (run->out), &json_strict_limits_api, NULL);
  g_assert_nonnull (report);
  g_assert_true (json_strict_bool (report, "ok", FALSE));
  g_assert_cmpint (json_strict_int (report, "guest_errors", -1), ==, 0);
  g_assert_cmpint (json_strict_int (report, "ticks_after", 0), >, 0);
  g_assert_cmpint (json_strict_int (report, "check_rounds", 0), >, 0);
  g_assert_cmpstr (json_strict_string (json_strict_object (report, "result"), "outcome", NULL), ==, "completed");
}

/* As soon as the agents run and a guest is about to: it cleans up, wherever that was. */
static void
test_interrupt (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GSubprocess) demo
    = g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, &error, QMIG_PROGRAM, "demo",
                        "--ram", "64M", "--working-set", "8M", "--accel", "tcg", "--dirty", "idle", NULL);
  g_autoptr(GDataInputStream) out = NULL;
  g_autoptr(GString) text = g_string_new (NULL);
  char *line;

  g_assert_no_error (error);
  out = g_data_input_stream_new (g_subprocess_get_stdout_pipe (demo));
  while ((line = g_data_input_stream_read_line (out, NULL, NULL, &error)) != NULL)
    {
      if (text->len == 0)
        g_subprocess_send_signal (demo, SIGINT);
      g_string_append_printf (text, "%s\n", line);
      g_free (line);
    }
  g_assert_no_error (error);
  g_assert_true (g_subprocess_wait (demo, NULL, &error));
  g_assert_cmpint (g_subprocess_get_exit_status (demo), ==, 130);
  assert_nothing_left (text->str);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cli/demo/usage", test_usage);
  g_test_add_func ("/cli/demo/failure", test_failure);
  g_test_add_func ("/cli/demo/moves", test_demo);
  g_test_add_func ("/cli/demo/json", test_json);
  g_test_add_func ("/cli/demo/interrupt", test_interrupt);
  return g_test_run ();
}
