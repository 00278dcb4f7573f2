/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-agent.h"

#include <string.h>

#define VM_WEB                                                                                                   \
  "{\"id\":\"4711.99\",\"name\":\"web01\",\"uuid\":\"0c0ffee0-0000-4000-8000-000000000001\",\"host\":\"alpha\"," \
  "\"pid\":4711,\"start_time\":99,\"memory_bytes\":1073741824,\"vcpus\":2,\"run_state\":\"running\","            \
  "\"machine\":\"pc-q35-7.2\",\"accelerator\":\"kvm\",\"owner\":\"qmig\",\"qemu_version\":\"7.2.22\","          \
  "\"argv\":[\"qemu-system-x86_64\",\"-name\",\"web 01\"]}"
#define VM_DB "{\"id\":\"4712.99\",\"name\":\"db\",\"host\":\"alpha\",\"pid\":4712,\"problem\":\"its monitor is busy\"}"
#define VM_LIST "{\"schema\":\"qmig.vm-list/1\",\"items\":[" VM_WEB "," VM_DB "],\"unknown\":1}"
#define HOST "{\"name\":\"alpha\",\"version\":\"0.1.0\",\"api\":1,\"hostname\":\"box\",\"pid\":7,\"kvm\":true," \
             "\"memory_total_bytes\":8589934592,\"memory_available_bytes\":4294967296,\"active_migrations\":0}"
#define PROBLEM(code, title) "{\"title\":\"" title "\",\"exit_code\":" code ",\"vm_location\":\"unknown\"}"
#define INFO                                                                                                       \
  "{\"id\":\"m-7f3k2aaa\",\"vm\":\"web01\",\"source\":\"alpha\",\"destination\":\"beta\",\"active\":true,"          \
  "\"stage\":\"pre-copy\",\"started\":\"2024-05-01T10:00:00.123456Z\",\"last_seq\":7}"
#define ENDED                                                                                                      \
  "{\"id\":\"m-7f3k2bbb\",\"vm\":\"web01\",\"source\":\"alpha\",\"destination\":\"beta\",\"active\":false,"         \
  "\"stage\":\"activation\",\"started\":\"2024-05-01T10:00:00.123456Z\",\"last_seq\":9,\"result\":{\"outcome\":"   \
  "\"completed\",\"exit_code\":0,\"vm_location\":\"destination\",\"total_ms\":1034,\"blackout_ms\":24.3,"   \
  "\"total_error_percent\":12.6,\"blackout_error_percent\":-19.0,\"forecast\":{\"verdict\":\"converging\",\"text\":\"fits\"," \
  "\"eta_ms\":918,\"downtime_ms\":30}}}"
#define LIST(type, items) "{\"schema\":\"qmig." type "-list/1\",\"items\":[" items "]}"

typedef struct
{
  FakeAgent *agent;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  FakeAgent *agent = fake_agent_new ();

  fixture->agent = agent;
  fake_agent_answer (agent, "GET", "/v1/host", 200, HOST);
  fake_agent_answer (agent, "GET", "/v1/vms", 200, VM_LIST);
  fake_agent_answer (agent, "GET", "/v1/vms?ask=0", 200, VM_LIST);
  fake_agent_answer (agent, "GET", "/v1/vms/web01", 200, VM_WEB);
  fake_agent_answer (agent, "GET", "/v1/migrations/last", 200, INFO);
  fake_agent_answer (agent, "GET", "/v1/migrations", 200, LIST ("migration", INFO "," ENDED));
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  fake_agent_free (fixture->agent);
}

/* Where the fake lives differs each time. */
static char *
without_dir (FakeAgent *agent, const char *text)
{
  g_auto(GStrv) parts = g_strsplit (text, fake_agent_get_dir (agent), -1);

  return g_strjoinv ("DIR", parts);
}

static void
assert_run (Fixture *fixture, const char *golden, const char *line)
{
  g_autoptr(Run) run = fake_agent_run (fixture->agent, line);
  g_autofree char *all = g_strdup_printf ("$ qmig %s\n%s--- stderr\n%s--- exit %d\n", line, run->out, run->err, run->status);
  g_autofree char *text = without_dir (fixture->agent, all);

  assert_golden (golden, text);
}

static void
assert_status (Fixture *fixture, const char *line, int status, const char *err)
{
  g_autoptr(Run) run = fake_agent_run (fixture->agent, line);

  g_test_message ("qmig %s: %d\n%s%s", line, run->status, run->out, run->err);
  g_assert_cmpint (run->status, ==, status);
  if (err != NULL)
    g_assert_nonnull (strstr (run->err, err));
  if (status == 0)
    g_assert_cmpstr (run->err, ==, "");
  else
    g_assert_true (g_str_has_prefix (run->err, "qmig: "));
}

static void
test_vm (Fixture *fixture, gconstpointer data)
{
  assert_run (fixture, "vm-list", "vm list");
  assert_run (fixture, "vm-list-wide", "vm list -o wide");
  assert_run (fixture, "vm-list-json", "vm list -o json --fields name,pid");
  assert_run (fixture, "vm-list-name", "-o name vm list");
  assert_run (fixture, "vm-show", "vm show web01");
  assert_status (fixture, "vm list --no-ask -q", 0, NULL);
  g_assert_cmpuint (fake_agent_count (fixture->agent, "GET", "/v1/vms?ask=0"), ==, 1);
}

static void
test_policy (Fixture *fixture, gconstpointer data)
{
  const char *list = "{\"schema\":\"qmig.policy-list/1\",\"items\":[{\"name\":\"gentle\",\"about\":\"slows nothing\",\"downtime_ms\":300,"
                     "\"bandwidth_bytes_per_s\":0,\"throttle_max_percent\":0,\"allow_postcopy\":false,\"patience_ms\":20000},"
                     "{\"name\":\"mine\",\"problem\":\"unknown key 'x'\"}]}";

  fake_agent_answer (fixture->agent, "GET", "/v1/policies", 200, list);
  fake_agent_answer (fixture->agent, "GET", "/v1/policies/gentle", 200,
                     "{\"name\":\"gentle\",\"about\":\"slows nothing\",\"downtime_ms\":300,\"bandwidth_bytes_per_s\":0}");
  fake_agent_answer (fixture->agent, "GET", "/v1/policies/gentel", 404, PROBLEM ("10", "there is no policy 'gentel', did you mean 'gentle'?"));
  assert_run (fixture, "policy-list", "policy list");
  assert_run (fixture, "policy-show", "policy show gentle");
  assert_status (fixture, "policy show gentel", 10, "did you mean 'gentle'?");
}

static void
test_vm_acts (Fixture *fixture, gconstpointer data)
{
  FakeAgent *agent = fixture->agent;
  g_autofree char *cwd = g_get_current_dir ();
  g_autofree char *start = g_strdup_printf ("\"argv\":[\"qemu\",\"-m\",\"1G\",\"--help\"],\"cwd\":\"%s\"", cwd);

  fake_agent_answer (agent, "POST", "/v1/vms", 200, VM_WEB);
  fake_agent_answer (agent, "DELETE", "/v1/vms/web01", 200, "{}");
  fake_agent_answer (agent, "POST", "/v1/vms/web01/actions/stop?force=0", 200, "{}");
  fake_agent_answer (agent, "POST", "/v1/vms/web01/actions/stop?force=1", 200, "{}");
  fake_agent_answer (agent, "POST", "/v1/vms/a%2Fb%20c/actions/stop?force=0", 404, PROBLEM ("10", "no VM"));

  assert_status (fixture, "vm start w -- qemu -m 1G --help", 0, NULL);
  g_assert_nonnull (strstr (fake_agent_get_body (agent, "POST", "/v1/vms"), start));
  g_assert_nonnull (strstr (fake_agent_get_body (agent, "POST", "/v1/vms"), "\"name\":\"w\""));
  assert_status (fixture, "vm start w", 2, "command line is missing");
  assert_status (fixture, "vm add w --qmp /run/w.qmp", 0, NULL);
  g_assert_nonnull (strstr (fake_agent_get_body (agent, "POST", "/v1/vms"), "\"qmp\":\"/run/w.qmp\""));
  assert_status (fixture, "vm add w", 2, "--pid N");
  assert_status (fixture, "vm add w --pid 3 --qmp x", 2, "either");
  assert_status (fixture, "vm remove web01", 0, NULL);
  assert_status (fixture, "vm stop web01", 0, NULL);
  assert_status (fixture, "vm stop web01 --force", 2, "--yes");
  assert_status (fixture, "vm stop web01 --force --yes", 0, NULL);
  g_assert_cmpuint (fake_agent_count (agent, "POST", "/v1/vms/web01/actions/stop?force=1"), ==, 1);
}

static void
test_vm_qmp (Fixture *fixture, gconstpointer data)
{
  FakeAgent *agent = fixture->agent;

  fake_agent_answer (agent, "POST", "/v1/vms/web01/qmp", 200, "{\"return\":{\"status\":\"running\"}}");
  assert_run (fixture, "vm-qmp", "vm qmp web01 query-status");
  assert_status (fixture, "vm qmp web01 qom-get '{\"path\":\"/\"}'", 0, NULL);
  g_assert_cmpstr (fake_agent_get_body (agent, "POST", "/v1/vms/web01/qmp"), ==,
                   "{\"command\":\"qom-get\",\"arguments\":{\"path\":\"/\"}}");
  assert_status (fixture, "vm qmp web01 qom-get '[1]'", 2, "JSON: ");
  assert_status (fixture, "vm qmp web01 qom-get '{'", 2, "JSON: ");
}

static void
test_hosts (Fixture *fixture, gconstpointer data)
{
  FakeAgent *agent = fixture->agent;

  fake_agent_answer (agent, "GET", "/v1/hosts", 200,
                     LIST ("host-entry", "{\"name\":\"alpha\",\"uri\":\"local\",\"reachable\":true,\"info\":" HOST "},"
                           "{\"name\":\"beta\",\"uri\":\"unix:/b\",\"labels\":[\"rack1\",\"ssd\"],\"reachable\":false,"
                           "\"problem\":\"nobody answers\"}"));
  fake_agent_answer (agent, "POST", "/v1/hosts", 200, "{}");
  fake_agent_answer (agent, "POST", "/v1/hosts/beta/test", 200,
                     "{\"name\":\"beta\",\"uri\":\"unix:/b\",\"reachable\":false,\"problem\":\"nobody answers\"}");
  fake_agent_answer (agent, "DELETE", "/v1/hosts/beta", 200, "{}");

  assert_run (fixture, "host-list", "host list");
  assert_run (fixture, "host-show", "host show");
  assert_run (fixture, "host-test", "host test beta");
  assert_run (fixture, "host-add", "host add beta unix:/b --label rack1 --label ssd");
  g_assert_cmpstr (fake_agent_get_body (agent, "POST", "/v1/hosts"), ==,
                   "{\"name\":\"beta\",\"uri\":\"unix:/b\",\"labels\":[\"rack1\",\"ssd\"]}");
  assert_status (fixture, "host remove beta", 0, NULL);
  assert_run (fixture, "vm-list-all", "vm list --all");
  assert_run (fixture, "vm-list-all-name", "vm list --all -o name");
  assert_run (fixture, "agent-status", "agent status --fields name,version");
  g_assert_cmpuint (fake_agent_count (agent, "GET", "/v1/vms"), ==, 2);
}

static void
test_migrations (Fixture *fixture, gconstpointer data)
{
  FakeAgent *agent = fixture->agent;
  const char *query = "/v1/migrations?ended=1&vm=web01&host=beta&outcome=rolled-back&since=2024-05-01T10%3A00%3A00.000000Z&limit=3";

  fake_agent_answer (agent, "GET", "/v1/migrations?ended=1", 200, LIST ("migration", ENDED));
  fake_agent_answer (agent, "GET", query, 200, LIST ("migration", ""));
  /* What comes after the seq that was the last one when asked is not waited for. */
  fake_agent_stream (agent, "m-7f3k2aaa",
                     "{\"seq\":4,\"ts\":\"2024-05-01T10:00:01.000000Z\",\"type\":\"stage\",\"data\":{\"stage\":\"pre-copy\"}}\n"
                     "{\"seq\":7,\"type\":\"sample\",\"data\":{\"elapsed_ms\":512,\"stage\":\"pre-copy\",\"pass\":1,"
                     "\"remaining_bytes\":104857600,\"send_bytes_per_s\":1048576}}\n"
                     "{\"seq\":8,\"type\":\"log\",\"data\":{\"text\":\"later\"}}\n",
                     FALSE);

  assert_run (fixture, "migration-list", "migration list");
  assert_run (fixture, "history", "history");
  assert_run (fixture, "migration-show", "migration show last");
  assert_run (fixture, "migration-samples", "migration samples last");
  assert_run (fixture, "migration-samples-trace", "migration samples last -o jsonl");
  assert_run (fixture, "migration-events", "migration events last --after 3");
  assert_status (fixture,
                 "history --vm web01 --of-host beta --result rolled-back --since 2024-05-01T10:00:00Z --limit 3 --no-headers",
                 0, NULL);
  g_assert_cmpuint (fake_agent_count (agent, "GET", query), ==, 1);
  assert_status (fixture, "history --since yesterday", 2, "as long ago as 2h");
}

static void
test_steering (Fixture *fixture, gconstpointer data)
{
  FakeAgent *agent = fixture->agent;
  const char *knobs = "/v1/migrations/m-7f3k2aaa/knobs";
  const char *cancel = "/v1/migrations/m-7f3k2aaa/actions/cancel";

  fake_agent_answer (agent, "PATCH", knobs, 200, INFO);
  fake_agent_answer (agent, "POST", "/v1/migrations/m-7f3k2aaa/actions/hold", 200, INFO);
  fake_agent_answer (agent, "POST", "/v1/migrations/m-7f3k2aaa/actions/go", 409, PROBLEM ("12", "it is not held"));
  fake_agent_answer (agent, "POST", cancel, 200, INFO);

  assert_status (fixture, "tune last --bandwidth 10Gbit/s --downtime 300ms", 0, NULL);
  g_assert_cmpstr (fake_agent_get_body (agent, "PATCH", knobs), ==,
                   "{\"downtime_ms\":300,\"bandwidth_bytes_per_s\":1250000000,\"deadline_ms\":null,\"throttle_max_percent\":null,"
                   "\"postcopy_bandwidth_bytes_per_s\":null,\"xbzrle_cache_bytes\":null}");
  assert_status (fixture, "tune last --throttle-max 30% --postcopy-bandwidth max --xbzrle-cache 64M", 0, NULL);
  g_assert_nonnull (strstr (fake_agent_get_body (agent, "PATCH", knobs),
                            "\"throttle_max_percent\":30,\"postcopy_bandwidth_bytes_per_s\":0,\"xbzrle_cache_bytes\":67108864"));
  assert_status (fixture, "tune last --bandwidth max", 0, NULL);
  g_assert_nonnull (strstr (fake_agent_get_body (agent, "PATCH", knobs), "\"bandwidth_bytes_per_s\":0"));
  assert_status (fixture, "tune last", 2, "--bandwidth");
  assert_status (fixture, "switch last --hold", 0, NULL);
  assert_status (fixture, "switch last --go", 12, "it is not held");
  assert_status (fixture, "switch last", 2, "one of --hold, --go and --postcopy");
  assert_status (fixture, "switch last --hold --go", 2, "one of --hold, --go and --postcopy");
  assert_status (fixture, "cancel last --reason 'wrong host'", 0, NULL);
  g_assert_cmpstr (fake_agent_get_body (agent, "POST", cancel), ==, "{\"reason\":\"wrong host\",\"assume\":null}");
}

static void
test_changes (Fixture *fixture, gconstpointer data)
{
  fake_agent_answer (fixture->agent, "GET", "/v1/changes?limit=2", 200,
                     LIST ("change", "{\"seq\":8,\"time\":\"2024-05-01T10:00:00.000001Z\",\"who\":\"certificate alpha (operator)\","
                                     "\"method\":\"POST\",\"path\":\"/v1/migrations\",\"reason\":\"kernel update\",\"status\":201},"
                                     "{\"seq\":7,\"time\":\"2024-05-01T09:00:00.000001Z\",\"who\":\"uid 1000\","
                                     "\"method\":\"DELETE\",\"path\":\"/v1/vms/web01\",\"reason\":null,\"status\":404}"));
  assert_run (fixture, "agent-changes", "agent changes --limit 2");
  assert_run (fixture, "agent-changes-tsv", "agent changes --limit 2 -o tsv --fields seq,who,status");
}

static void
test_doctor (Fixture *fixture, gconstpointer data)
{
  fake_agent_answer (fixture->agent, "GET", "/v1/doctor", 200,
                     LIST ("check", "{\"id\":\"kvm\",\"status\":\"ok\",\"text\":\"/dev/kvm can be opened\"},"
                           "{\"id\":\"qemu\",\"status\":\"fail\",\"text\":\"no QEMU found\",\"way_out\":\"install one\"}"));
  assert_run (fixture, "doctor", "doctor");
  fake_agent_answer (fixture->agent, "GET", "/v1/doctor", 200, LIST ("check", "{\"id\":\"kvm\",\"status\":\"warn\",\"text\":\"t\"}"));
  assert_status (fixture, "doctor", 0, NULL);
}

static void
test_usage (Fixture *fixture, gconstpointer data)
{
  assert_status (fixture, "frobnicate", 2, "unknown command");
  assert_status (fixture, "console", 2, "the console needs a terminal");
  assert_status (fixture, "vm", 2, "needs one of: list");
  assert_status (fixture, "migrate", 2, "VM is missing");
  assert_status (fixture, "migrate a b c", 2, "'c' is one argument too many");
  assert_status (fixture, "vm list --frob", 2, "unknown option '--frob'");
  assert_status (fixture, "vm list -x", 2, "unknown option '-x'");
  assert_status (fixture, "vm list -o", 2, "--output: table|");
  assert_status (fixture, "vm list -o jsno", 2, "did you mean 'json'?");
  assert_status (fixture, "vm list --quiet=1", 2, "takes no value");
  assert_status (fixture, "vm list --fields nmae", 2, "did you mean 'name'?");
  assert_status (fixture, "version --fields x", 2, "none to choose from");
  assert_status (fixture, "migrate a --downtime 300", 2, "needs a unit");
  assert_status (fixture, "migrate a --wait --no-wait", 2, "exclude");
  assert_status (fixture, "watch a --all", 2, "exclude");
  assert_status (fixture, "--timeout 5 vm list", 2, "needs a unit");
  g_assert_cmpuint (fake_agent_count (fixture->agent, "GET", "/v1/vms"), ==, 0);
}

static void
test_failures (Fixture *fixture, gconstpointer data)
{
  FakeAgent *agent = fixture->agent;

  fake_agent_answer (agent, "GET", "/v1/vms/nope", 404, PROBLEM ("10", "there is no VM 'nope'"));
  fake_agent_answer (agent, "GET", "/v1/vms/secret", 403, PROBLEM ("11", "you may not"));
  fake_agent_answer (agent, "GET", "/v1/vms/odd", 200, "{\"id\":17}");
  fake_agent_answer (agent, "GET", "/v1/vms/evil", 404, PROBLEM ("10", "\\u001b[2Jgone"));

  assert_run (fixture, "vm-not-found", "vm show nope");
  assert_status (fixture, "vm show secret", 11, "you may not");
  assert_status (fixture, "vm show odd", 1, "id");
  assert_status (fixture, "vm show never-answered", 1, "HTTP status 500");
  assert_status (fixture, "vm show evil", 10, "\xef\xbf\xbd[2Jgone");
  assert_status (fixture, "-H unix:/nonexistent/a.sock vm list", 9, "cannot reach the agent");
  assert_status (fixture, "-H nowhere vm list", 10, "nowhere");
  assert_status (fixture, "-H local --no-autostart --config /dev/null agent status", 0, NULL);
  assert_status (fixture, "schema nope", 10, "there is no schema");
}

static void
test_without_agent (Fixture *fixture, gconstpointer data)
{
  g_autoptr(Run) alone = fake_agent_run (fixture->agent, "");

  g_assert_cmpint (alone->status, ==, 2);
  g_assert_cmpstr (alone->out, ==, "");
  g_assert_nonnull (strstr (alone->err, "Usage: qmig"));
  assert_run (fixture, "help-migrate", "help migrate");
  assert_run (fixture, "help-vm", "help vm");
  assert_run (fixture, "help-exit-codes", "help exit-codes");
  assert_run (fixture, "help", "--help");
  assert_status (fixture, "vm start --help", 0, NULL);
  assert_status (fixture, "version -v", 0, NULL);
  assert_status (fixture, "--version", 0, NULL);
  assert_status (fixture, "schema", 0, NULL);
  assert_status (fixture, "schema vm", 0, NULL);
  assert_status (fixture, "schema qmig.demo", 0, NULL);
  assert_status (fixture, "schema qmig.vm/1", 0, NULL);
  g_assert_cmpuint (fake_agent_count (fixture->agent, "GET", "/v1/host"), ==, 0);
}

/* A file needs no agent; what is wrong with it is said with its line. */
static void
test_replay (Fixture *fixture, gconstpointer data)
{
  g_autofree char *bad = g_build_filename (fake_agent_get_dir (fixture->agent), "bad.trace", NULL);
  g_autofree char *of_bad = g_strconcat ("replay ", bad, NULL);
  g_autofree char *of_directory = g_strconcat ("replay ", fake_agent_get_dir (fixture->agent), NULL);

  g_assert_true (g_file_set_contents (bad, "{\"schema\":\"qmig.trace/1\"}\n{\"type\":\"sample\"}\n", -1, NULL));
  assert_status (fixture, of_bad, 2, "line 2: an event has no data");
  assert_status (fixture, of_directory, 1, "cannot read the trace");
  assert_status (fixture, "replay nowhere", 1, "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)
  ADD ("/cli/commands/vm", test_vm);
  ADD ("/cli/commands/policy", test_policy);
  ADD ("/cli/commands/vm-acts", test_vm_acts);
  ADD ("/cli/commands/vm-qmp", test_vm_qmp);
  ADD ("/cli/commands/hosts", test_hosts);
  ADD ("/cli/commands/migrations", test_migrations);
  ADD ("/cli/commands/replay", test_replay);
  ADD ("/cli/commands/steering", test_steering);
  ADD ("/cli/commands/changes", test_changes);
  ADD ("/cli/commands/doctor", test_doctor);
  ADD ("/cli/commands/usage", test_usage);
  ADD ("/cli/commands/failures", test_failures);
  ADD ("/cli/commands/without-agent", test_without_agent);
  return g_test_run ();
}
