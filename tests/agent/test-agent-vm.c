/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Starting, adding, asking and stopping VMs. */

#include <signal.h>
#include <string.h>

#include "agent-fixture.h"
#include "json-strict.h"
#include "qmig-launcher.h"
#include "qmig-process.h"

/* A name that no other QEMU on this machine has: the inventory shows them all. */
static char *
own_name (AgentFixture *f)
{
  g_autofree char *base = g_path_get_basename (f->dir);

  return g_strconcat ("a-", base, NULL);
}

static char *
start_body (const char *name, const char *more)
{
  g_autofree char *qemu = g_find_program_in_path ("qemu-system-x86_64");

  if (qemu == NULL)
    {
      g_test_skip ("there is no qemu-system-x86_64 here");
      return NULL;
    }
  return g_strdup_printf (
      "{\"name\":\"%s\",\"argv\":[\"%s\",\"-machine\",\"q35\",\"-m\",\"16\",\"-nodefaults\",\"-display\",\"none\","
      "\"-S\"%s]}",
      name, qemu, more);
}

static void
test_start_and_stop (AgentFixture *f, gconstpointer data)
{
  g_autofree char *name = own_name (f);
  g_autofree char *body = start_body (name, "");
  g_autofree char *path = qmig_client_path ("/v1/vms/%s", name);
  g_autofree char *qmp_path = qmig_client_path ("/v1/vms/%s/qmp", name);
  g_autofree char *stop_path = qmig_client_path ("/v1/vms/%s/actions/stop", name);
  g_autofree char *again = NULL;
  g_autofree char *refused = NULL;
  g_autofree char *run_dir = g_build_filename (f->runtime, "vm", name, NULL);
  g_autoptr(JsonObject) started = NULL;
  g_autoptr(JsonObject) shown = NULL;
  g_autoptr(JsonObject) status = NULL;
  g_autoptr(QmigVm) vm = NULL;

  if (body == NULL)
    return;

  started = agent_fixture_call (f, "POST", "/v1/vms", body);
  vm = qmig_vm_from_object (started, NULL);
  g_assert_cmpstr (vm->name, ==, name);
  g_assert_cmpstr (vm->owner, ==, "qmig");
  g_assert_cmpstr (vm->run_state, ==, "prelaunch");
  g_assert_true (g_file_test (run_dir, G_FILE_TEST_IS_DIR));

  again = agent_fixture_refused (f, "POST", "/v1/vms", body, QMIG_EXIT_CONFLICT);
  shown = agent_fixture_call (f, "GET", path, NULL);
  g_assert_cmpint (json_object_get_int_member (shown, "pid"), ==, vm->pid);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (shown, "argv")), >, 8);

  status = agent_fixture_call (f, "POST", qmp_path, "{\"command\":\"query-status\"}");
  g_assert_cmpstr (json_strict_string (json_object_get_object_member (status, "return"), "status", NULL), ==,
                   "prelaunch");
  refused = agent_fixture_refused (f, "POST", qmp_path, "{\"command\":\"explode\"}", QMIG_EXIT_ERROR);
  g_assert_nonnull (strstr (refused, "explode"));
  g_free (
      agent_fixture_refused (f, "POST", qmp_path, "{\"command\":\"query-status\",\"arguments\":[]}", QMIG_EXIT_USAGE));

  json_object_unref (agent_fixture_call (f, "POST", stop_path, NULL));
  g_assert_false (qmig_process_is_alive (vm->pid, vm->start_time));
  g_assert_false (g_file_test (run_dir, G_FILE_TEST_EXISTS));
  g_free (agent_fixture_refused (f, "POST", stop_path, NULL, QMIG_EXIT_NOT_FOUND));
}

static void
test_force (AgentFixture *f, gconstpointer data)
{
  g_autofree char *name = own_name (f);
  g_autofree char *body = start_body (name, "");
  g_autofree char *path = qmig_client_path ("/v1/vms/%s/actions/stop?force=1", name);
  g_autoptr(JsonObject) started = NULL;
  gint64 pid;
  gint64 start_time;

  if (body == NULL)
    return;

  started = agent_fixture_call (f, "POST", "/v1/vms", body);
  pid = json_object_get_int_member (started, "pid");
  start_time = json_object_get_int_member (started, "start_time");
  /* It cannot be asked any more. */
  kill ((pid_t) pid, SIGSTOP);
  json_object_unref (agent_fixture_call (f, "POST", path, NULL));
  g_assert_false (qmig_process_is_alive (pid, start_time));
}

static void
test_dies_at_start (AgentFixture *f, gconstpointer data)
{
  g_autofree char *name = own_name (f);
  g_autofree char *body = start_body (name, ",\"-device\",\"nonsense\"");
  g_autofree char *run_dir = g_build_filename (f->runtime, "vm", name, NULL);
  g_autofree char *why = NULL;

  if (body == NULL)
    return;

  why = agent_fixture_refused (f, "POST", "/v1/vms", body, QMIG_EXIT_ERROR);
  g_assert_nonnull (strstr (why, "QEMU ended at its start"));
  g_assert_nonnull (strstr (why, "nonsense"));
  g_assert_false (g_file_test (run_dir, G_FILE_TEST_EXISTS));
}

static void
test_bad_requests (AgentFixture *f, gconstpointer data)
{
  static const struct
  {
    const char *body;
    int code;
  } cases[] = {
    { "{\"name\":\"../x\",\"argv\":[\"/bin/true\"]}", QMIG_EXIT_USAGE },
    { "{\"name\":\"\",\"argv\":[\"/bin/true\"]}", QMIG_EXIT_USAGE },
    { "{\"argv\":[\"/bin/true\"]}", QMIG_EXIT_USAGE },
    { "{\"name\":\"a\",\"argv\":[\"/bin/true\",\"-name\",\"b\"]}", QMIG_EXIT_USAGE },
    { "{\"name\":\"a\"}", QMIG_EXIT_USAGE },
    { "{\"name\":\"a\",\"qmp\":\"relative\"}", QMIG_EXIT_USAGE },
    { "{\"name\":\"a\",\"qmp\":\"/x\",\"pid\":1}", QMIG_EXIT_USAGE },
    { "{\"name\":\"a\",\"qmp\":\"/nonexistent/q\"}", 0 },
    { "{\"name\":\"a\",\"pid\":1073741824}", QMIG_EXIT_NOT_FOUND },
    { "{\"name\":\"a\",\"argv\":[\"/nonexistent/qemu\"]}", 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(JsonObject) body
          = json_strict_parse_object (cases[i].body, strlen (cases[i].body), &json_strict_limits_api, NULL);
      g_autoptr(GError) error = NULL;
      g_autoptr(JsonObject) answer
          = qmig_client_call (f->client, "POST", "/v1/vms", body, PATIENCE_MS, NULL, NULL, &error);

      g_test_message ("%s", cases[i].body);
      g_assert_null (answer);
      g_assert_nonnull (error);
      g_assert_true (error->domain == QMIG_ERROR);
      if (cases[i].code != 0)
        g_assert_error (error, QMIG_ERROR, cases[i].code);
    }
}

static void
test_add_and_remove (AgentFixture *f, gconstpointer data)
{
  g_autofree char *name = own_name (f);
  g_autofree char *qemu = g_find_program_in_path ("qemu-system-x86_64");
  g_autofree char *run_dir = g_build_filename (f->dir, "elsewhere", NULL);
  g_autofree char *socket = g_build_filename (f->dir, "q.sock", NULL);
  g_autofree char *qmp = g_strconcat ("unix:", socket, ",server=on,wait=off", NULL);
  g_autofree char *body = g_strdup_printf ("{\"name\":\"%s\",\"qmp\":\"%s\"}", name, socket);
  g_autofree char *path = qmig_client_path ("/v1/vms/%s", name);
  const char *argv[] = { qemu, "-machine", "none", "-nodefaults", "-display", "none", "-qmp", qmp, NULL };
  g_autoptr(JsonObject) added = NULL;
  GError *error = NULL;
  gint64 pid;
  gint64 start_time;

  if (qemu == NULL)
    {
      g_test_skip ("there is no qemu-system-x86_64 here");
      return;
    }

  g_assert_true (qmig_launcher_start (argv, run_dir, NULL, &pid, &start_time, &error));
  g_assert_no_error (error);
  while (!g_file_test (socket, G_FILE_TEST_EXISTS))
    g_usleep (2000);

  added = agent_fixture_call (f, "POST", "/v1/vms", body);
  g_assert_cmpstr (json_object_get_string_member (added, "name"), ==, name);
  g_assert_cmpstr (json_object_get_string_member (added, "owner"), ==, "added");
  json_object_unref (agent_fixture_call (f, "GET", path, NULL));
  json_object_unref (agent_fixture_call (f, "DELETE", path, NULL));
  g_free (agent_fixture_refused (f, "GET", path, NULL, QMIG_EXIT_NOT_FOUND));
  g_free (agent_fixture_refused (f, "DELETE", path, NULL, QMIG_EXIT_NOT_FOUND));
  g_assert_true (qmig_process_is_alive (pid, start_time));
}

#define ADD(path, test) g_test_add (path, AgentFixture, NULL, agent_fixture_set_up, test, agent_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/agent/vm/start-and-stop", test_start_and_stop);
  ADD ("/agent/vm/force", test_force);
  ADD ("/agent/vm/dies-at-start", test_dies_at_start);
  ADD ("/agent/vm/bad-requests", test_bad_requests);
  ADD ("/agent/vm/add-and-remove", test_add_and_remove);
  return g_test_run ();
}
