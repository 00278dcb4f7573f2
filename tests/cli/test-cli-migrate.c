/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-types.h"
#include "fake-agent.h"

#include <signal.h>
#include <string.h>

#define ID "m-7f3k2aaa"
#define INFO "{\"id\":\"" ID "\",\"vm\":\"web01\",\"source\":\"alpha\",\"destination\":\"beta\",\"active\":true,\"last_seq\":2}"
#define EVENT(seq, type, data) \
  "{\"seq\":" seq ",\"ts\":\"2024-05-01T10:00:00.000000Z\",\"host\":\"alpha\",\"migration\":\"" ID "\",\"type\":\"" type "\",\"data\":" data "}\n"
#define STAGES EVENT ("1", "stage", "{\"stage\":\"pre-migration\"}") EVENT ("2", "stage", "{\"stage\":\"pre-copy\"}")
#define RESULT(outcome, code, location, host, more)                                                                      \
  EVENT ("3", "result", "{\"outcome\":\"" outcome "\",\"exit_code\":" code ",\"vm_location\":\"" location                \
                        "\",\"vm_host\":\"" host "\",\"vm_state\":\"running\",\"source_name\":\"alpha\","               \
                        "\"destination_name\":\"beta\",\"total_ms\":1034,\"downtime_ms\":22,\"blackout_ms\":24.3" more "}")
#define MOVED RESULT ("completed", "0", "destination", "beta", "")
#define CANCELLED RESULT ("cancelled", "6", "source", "alpha", ",\"safe_to_retry\":true")
#define HEARTBEAT "{\"type\":\"heartbeat\"}\n"

typedef struct
{
  FakeAgent *agent;
  Run *run;          /* under way */
  gboolean reached;  /* what a hook waits for came */
  const char *finish;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->agent = fake_agent_new ();
  fake_agent_answer (fixture->agent, "POST", "/v1/migrations", 200, INFO);
  fake_agent_answer (fixture->agent, "GET", "/v1/migrations/last", 200, INFO);
  fake_agent_answer (fixture->agent, "GET", "/v1/migrations?active=1", 200, "{\"schema\":\"qmig.migration-list/1\",\"items\":[" INFO "]}");
  fake_agent_stream (fixture->agent, ID, STAGES MOVED, TRUE);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_pointer (&fixture->run, run_free);
  fake_agent_free (fixture->agent);
}

static void
assert_run (Fixture *fixture, const char *golden, const char *line)
{
  g_autoptr(Run) run = fake_agent_run (fixture->agent, line);
  g_autofree char *all = g_strdup_printf ("$ qmig %s\n%s--- stderr\n%s--- exit %d\n", line, run->out, run->err, run->status);

  assert_golden (golden, all);
}

/* Every line is an event, the only result is the last one.  (transfer full): the result's data */
static QmigResult *
assert_stream (const char *out)
{
  g_auto(GStrv) lines = g_strsplit (out, "\n", -1);
  guint n = g_strv_length (lines);
  QmigResult *result = NULL;

  g_assert_cmpuint (n, >=, 2);
  g_assert_cmpstr (lines[n - 1], ==, "");
  for (guint i = 0; i < n - 1; i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(QmigEvent) event = qmig_event_from_text (lines[i], -1, &error);

      g_assert_no_error (error);
      g_assert_cmpint (g_strcmp0 (event->type, "result") == 0, ==, i == n - 2);
      if (i == n - 2)
        result = qmig_result_from_object (json_node_get_object (event->data), &error);
      g_assert_no_error (error);
    }
  return result;
}

static void
assert_stream_end (Run *run, QmigExit code, QmigOutcome outcome)
{
  g_autoptr(QmigResult) result = assert_stream (run->out);

  g_assert_cmpint (run->status, ==, code);
  g_assert_cmpint (result->exit_code, ==, code);
  g_assert_cmpint (result->outcome, ==, outcome);
}

static void
test_moved (Fixture *fixture, gconstpointer data)
{
  assert_run (fixture, "migrate", "migrate web01 beta");
  /* Nothing is asked that is not needed. */
  g_assert_cmpuint (fake_agent_count (fixture->agent, "GET", "/v1/host"), ==, 0);
  g_assert_cmpuint (fake_agent_count (fixture->agent, "POST", "/v1/migrations"), ==, 1);
  g_assert_cmpuint (fake_agent_count (fixture->agent, "GET", "/v1/migrations/" ID "/events?follow=1&after=0"), ==, 1);
  assert_run (fixture, "migrate-verbose", "migrate web01 beta -v");
  assert_run (fixture, "migrate-quiet", "migrate web01 beta -q");
  assert_run (fixture, "migrate-json", "migrate web01 beta -o json --fields outcome,exit_code,vm_host");
  assert_run (fixture, "migrate-fields", "migrate web01 beta --fields vm_host,total_ms --progress none");
  assert_run (fixture, "migrate-no-wait", "migrate web01 beta --no-wait -o name");
}

static void
test_request (Fixture *fixture, gconstpointer data)
{
  g_autoptr(Run) run = fake_agent_run (
    fixture->agent, "migrate web01 beta --downtime 300ms --bandwidth 10Gbit/s --deadline 2m --transport tcp --listen ::1 "
                    "--port 5000-5010 --qemu /opt/qemu --target-arg -device --target-arg=foo --new-name web02 --hold "
                    "--expect downtime=300ms,rounds=10 --reason because --idempotency-key k1 --policy must-finish --allow postcopy,pause "
                    "--throttle-max 40% --postcopy-bandwidth 1GiB/s --xbzrle-cache 64M --multifd 6 --compression zstd");
  g_autoptr(QmigMigrateRequest) request
    = qmig_migrate_request_from_text (fake_agent_get_body (fixture->agent, "POST", "/v1/migrations"), -1, NULL);

  g_assert_cmpint (run->status, ==, 0);
  g_assert_cmpstr (request->vm, ==, "web01");
  g_assert_cmpstr (request->destination, ==, "beta");
  g_assert_cmpint (request->knobs->downtime_ms, ==, 300);
  g_assert_cmpint (request->knobs->bandwidth_bytes_per_s, ==, 1250000000);
  g_assert_cmpint (request->knobs->deadline_ms, ==, 120000);
  g_assert_cmpint (request->knobs->throttle_max_percent, ==, 40);
  g_assert_cmpint (request->knobs->postcopy_bandwidth_bytes_per_s, ==, 1073741824);
  g_assert_cmpint (request->knobs->xbzrle_cache_bytes, ==, 67108864);
  g_assert_cmpstr (request->policy, ==, "must-finish");
  g_assert_cmpstr (request->allow[0], ==, "postcopy");
  g_assert_cmpstr (request->allow[1], ==, "pause");
  g_assert_cmpint (request->multifd_channels, ==, 6);
  g_assert_cmpstr (request->compression, ==, "zstd");
  g_assert_cmpstr (request->transport, ==, "tcp");
  g_assert_cmpstr (request->listen, ==, "::1");
  g_assert_cmpint (request->port, ==, 5000);
  g_assert_cmpint (request->port_last, ==, 5010);
  g_assert_cmpstr (request->qemu_binary, ==, "/opt/qemu");
  g_assert_cmpstr (request->target_args[0], ==, "-device");
  g_assert_cmpstr (request->target_args[1], ==, "foo");
  g_assert_cmpstr (request->new_name, ==, "web02");
  g_assert_true (request->hold);
  g_assert_cmpint (request->expect->downtime_ms, ==, 300);
  g_assert_cmpint (request->expect->rounds, ==, 10);
  g_assert_cmpint (request->expect->total_ms, ==, QMIG_UNSET);
  g_assert_cmpstr (request->reason, ==, "because");
  g_assert_cmpstr (request->idempotency_key, ==, "k1");
}

/* "HOST/VM" goes to the agent of that host, and without DEST the VM stays on it. */
static void
test_source_host (Fixture *fixture, gconstpointer data)
{
  g_autofree char *uri = fake_agent_get_uri (fixture->agent);
  g_autofree char *line = g_strdup_printf ("-H unix:/nonexistent/x.sock migrate %s/web01", uri);
  g_autoptr(Run) run = fake_agent_run (fixture->agent, line);
  g_autoptr(QmigMigrateRequest) request
    = qmig_migrate_request_from_text (fake_agent_get_body (fixture->agent, "POST", "/v1/migrations"), -1, NULL);

  g_assert_cmpint (run->status, ==, 0);
  g_assert_cmpstr (request->vm, ==, "web01");
  g_assert_cmpstr (request->destination, ==, "local");
}

static void
test_outcomes (Fixture *fixture, gconstpointer data)
{
  fake_agent_stream (fixture->agent, ID,
                     STAGES RESULT ("rolled-back", "4", "source", "alpha",
                                    ",\"error\":\"cannot load: \\\"boom\\\"\",\"safe_to_retry\":true,\"error_id\":\"QMIG-E0302\","
                                    "\"cause\":\"A block has another size.\",\"cure\":\"Give both the same -m.\","
                                    "\"source_said\":\"Unable to write to socket\",\"destination_said\":\"boom\""),
                     TRUE);
  assert_run (fixture, "migrate-rolled-back", "migrate web01 beta --progress none");
  fake_agent_stream (fixture->agent, ID,
                     STAGES RESULT ("attention", "5", "unknown", "", ",\"error\":\"both silent\",\"next\":\"qmig recover " ID "\""),
                     TRUE);
  assert_run (fixture, "migrate-attention", "migrate web01 beta --progress none");
  fake_agent_stream (fixture->agent, ID,
                     STAGES RESULT ("completed", "8", "destination", "beta", ",\"missed\":[\"downtime 312 ms > 300 ms\"]"), TRUE);
  assert_run (fixture, "migrate-objective", "migrate web01 beta --progress none --expect downtime=300ms");
  fake_agent_stream (fixture->agent, ID,
                     EVENT ("1", "check", "{\"id\":\"machine\",\"status\":\"fail\",\"text\":\"unknown there\",\"way_out\":\"use --qemu\"}")
                       RESULT ("refused", "3", "source", "alpha", ",\"error\":\"1 check failed\""),
                     TRUE);
  assert_run (fixture, "migrate-refused", "migrate web01 beta --progress none");
}

#define PLAN                                                                                                         \
  "{\"vm\":\"web01\",\"source\":\"alpha\",\"destination\":\"beta\",\"refused\":true,\"transport\":\"unix\","         \
  "\"memory_bytes\":1073741824,\"argv\":[\"qemu\",\"-S\"],\"notes\":[\"-S added\"],\"commands\":[\"source: migrate\"]," \
  "\"checks\":[{\"id\":\"blockers\",\"status\":\"ok\",\"text\":\"none\"},{\"id\":\"memory\",\"status\":\"warn\","    \
  "\"text\":\"tight\"},{\"id\":\"machine\",\"status\":\"fail\",\"text\":\"unknown there\",\"way_out\":\"use --qemu\"}],"   \
  "\"forecast\":{\"verdict\":\"stuck\",\"text\":\"will not converge: dirties 1.4x the link\",\"basis\":\"measured\","             \
  "\"ways_out\":[\"downtime: --downtime 900ms\",\"post-copy: --allow postcopy\"]}}"

static void
test_refusals (Fixture *fixture, gconstpointer data)
{
  FakeAgent *agent = fixture->agent;

  fake_agent_answer (agent, "POST", "/v1/checks?measure=1", 200, PLAN);
  fake_agent_answer (agent, "POST", "/v1/checks", 200, PLAN);
  assert_run (fixture, "check", "check web01 beta");
  assert_run (fixture, "check-no-measure", "check web01 beta --no-measure");
  assert_run (fixture, "check-color", "check web01 beta --color always");
  assert_run (fixture, "check-json", "check web01 beta -o json --fields refused,checks");
  assert_run (fixture, "migrate-dry-run", "migrate web01 beta -n");

  fake_agent_answer (agent, "POST", "/v1/migrations", 422,
                     "{\"title\":\"refused\",\"exit_code\":3,\"vm_location\":\"source\",\"plan\":" PLAN "}");
  assert_run (fixture, "migrate-refused-at-once", "migrate web01 beta");
  fake_agent_answer (agent, "POST", "/v1/migrations", 409,
                     "{\"title\":\"web01 is migrating already\",\"exit_code\":12,\"vm_location\":\"source\",\"migration\":\"" ID "\"}");
  assert_run (fixture, "migrate-conflict", "migrate web01 beta");
}

static void
test_jsonl (Fixture *fixture, gconstpointer data)
{
  FakeAgent *agent = fixture->agent;
  g_autoptr(Run) moved = fake_agent_run (agent, "migrate web01 beta -o jsonl");
  g_autoptr(Run) watched = fake_agent_run (agent, "watch last -o jsonl");
  g_autoptr(Run) all = fake_agent_run (agent, "watch --all -o jsonl");
  g_autoptr(Run) lost = NULL;
  g_autoptr(Run) refused = NULL;
  g_autoptr(Run) absent = NULL;

  assert_stream_end (moved, QMIG_EXIT_OK, QMIG_OUTCOME_COMPLETED);
  g_assert_cmpstr (moved->err, ==, "");
  assert_stream_end (watched, QMIG_EXIT_OK, QMIG_OUTCOME_COMPLETED);
  assert_stream_end (all, QMIG_EXIT_OK, QMIG_OUTCOME_COMPLETED);

  fake_agent_stream (agent, "m-other", "", TRUE);
  fake_agent_answer (agent, "GET", "/v1/migrations/" ID "/events?follow=1&after=0", 403, "{\"title\":\"no\",\"exit_code\":11}");
  lost = fake_agent_run (agent, "migrate web01 beta -o jsonl");
  assert_stream_end (lost, QMIG_EXIT_DENIED, QMIG_OUTCOME_ACTIVE);

  fake_agent_answer (agent, "POST", "/v1/migrations", 404, "{\"title\":\"no VM\",\"exit_code\":10}");
  refused = fake_agent_run (agent, "migrate web01 beta -o jsonl");
  assert_stream_end (refused, QMIG_EXIT_NOT_FOUND, QMIG_OUTCOME_REFUSED);

  absent = fake_agent_run (agent, "-H unix:/nonexistent/x.sock migrate web01 beta -o jsonl");
  g_assert_cmpint (absent->status, ==, QMIG_EXIT_UNREACHABLE);
  assert_stream_end (absent, QMIG_EXIT_UNREACHABLE, QMIG_OUTCOME_REFUSED);
}

static void
interrupt (gpointer data)
{
  Fixture *fixture = data;

  g_subprocess_send_signal (fixture->run->process, SIGINT);
}

static gboolean
finish_stream (gpointer data)
{
  Fixture *fixture = data;

  fake_agent_finish_stream (fixture->agent, fixture->finish);
  return G_SOURCE_REMOVE;
}

static void
cancel_came (gpointer data)
{
  Fixture *fixture = data;

  fixture->reached = TRUE;
  if (fixture->finish != NULL)
    g_idle_add (finish_stream, fixture);
}

/* The stream and the cancel come on two connections, in any order. */
static void
stream_or_cancel_came (gpointer data)
{
  Fixture *fixture = data;

  if (fixture->reached)
    g_idle_add (finish_stream, fixture);
  fixture->reached = TRUE;
}

static void
start_and_interrupt (Fixture *fixture, const char *line)
{
  FakeAgent *agent = fixture->agent;

  fake_agent_stream (agent, ID, STAGES, FALSE);
  fake_agent_answer (agent, "POST", "/v1/migrations/" ID "/actions/cancel", 200, INFO);
  fake_agent_on_request (agent, "GET", "/v1/migrations/" ID "/events?follow=1&after=0", G_CALLBACK (interrupt), fixture);
  fake_agent_on_request (agent, "POST", "/v1/migrations/" ID "/actions/cancel", G_CALLBACK (cancel_came), fixture);
  fixture->run = fake_agent_start (agent, line);
}

/* Cancels, says so, and follows until the VM is back. */
static void
test_interrupt_cancels (Fixture *fixture, gconstpointer data)
{
  fixture->finish = CANCELLED;
  start_and_interrupt (fixture, "migrate web01 beta");
  run_wait (fixture->run);
  g_assert_true (fixture->reached);
  g_assert_cmpint (fixture->run->status, ==, QMIG_EXIT_CANCELLED);
  g_assert_nonnull (strstr (fixture->run->err, "cancelling, the VM stays on the source"));
  g_assert_nonnull (strstr (fixture->run->err, "VM web01 is on alpha (source), running"));
  g_assert_cmpstr (fixture->run->out, ==, "");
}

/* The migration is not known yet: the cancel goes out as soon as it is. */
static void
test_interrupt_before_start (Fixture *fixture, gconstpointer data)
{
  fixture->finish = CANCELLED;
  fake_agent_on_request (fixture->agent, "POST", "/v1/migrations", G_CALLBACK (interrupt), fixture);
  fake_agent_stream (fixture->agent, ID, STAGES, FALSE);
  fake_agent_answer (fixture->agent, "POST", "/v1/migrations/" ID "/actions/cancel", 200, INFO);
  fake_agent_on_request (fixture->agent, "GET", "/v1/migrations/" ID "/events?follow=1&after=0",
                         G_CALLBACK (stream_or_cancel_came), fixture);
  fake_agent_on_request (fixture->agent, "POST", "/v1/migrations/" ID "/actions/cancel",
                         G_CALLBACK (stream_or_cancel_came), fixture);
  fixture->run = fake_agent_start (fixture->agent, "migrate web01 beta");
  run_wait (fixture->run);
  g_assert_cmpint (fixture->run->status, ==, QMIG_EXIT_CANCELLED);
  g_assert_cmpuint (fake_agent_count (fixture->agent, "POST", "/v1/migrations/" ID "/actions/cancel"), ==, 1);
}

static void
test_second_interrupt_leaves (Fixture *fixture, gconstpointer data)
{
  start_and_interrupt (fixture, "migrate web01 beta -o jsonl");
  wait_for (&fixture->reached);
  interrupt (fixture);
  run_wait (fixture->run);
  assert_stream_end (fixture->run, QMIG_EXIT_INTERRUPTED, QMIG_OUTCOME_ACTIVE);
  g_assert_nonnull (strstr (fixture->run->err, "the agent finishes"));
}

static void
test_interrupt_detaches (Fixture *fixture, gconstpointer data)
{
  start_and_interrupt (fixture, data);
  run_wait (fixture->run);
  g_assert_cmpint (fixture->run->status, ==, QMIG_EXIT_INTERRUPTED);
  g_assert_false (fixture->reached);
  g_assert_nonnull (strstr (fixture->run->err, "qmig watch " ID));
}

static void
test_timeout (Fixture *fixture, gconstpointer data)
{
  g_autoptr(Run) run = NULL;
  g_autoptr(Run) waited = NULL;

  fake_agent_stream (fixture->agent, ID, STAGES, FALSE);
  run = fake_agent_run (fixture->agent, "migrate web01 beta -o jsonl --timeout 1s");
  assert_stream_end (run, QMIG_EXIT_TIMEOUT, QMIG_OUTCOME_ACTIVE);
  waited = fake_agent_run (fixture->agent, "migration wait last --timeout 1s");
  g_assert_cmpint (waited->status, ==, QMIG_EXIT_TIMEOUT);
}

static void
test_wait (Fixture *fixture, gconstpointer data)
{
  g_autoptr(Run) stage = NULL;

  assert_run (fixture, "migration-wait", "migration wait last");
  assert_run (fixture, "watch", "watch");
  assert_run (fixture, "watch-all", "watch --all");

  fake_agent_stream (fixture->agent, ID, STAGES, FALSE);
  stage = fake_agent_run (fixture->agent, "migration wait last --for pre-copy");
  g_assert_cmpint (stage->status, ==, 0);

  fake_agent_answer (fixture->agent, "GET", "/v1/migrations?active=1", 200, "{\"schema\":\"qmig.migration-list/1\",\"items\":[]}");
  assert_run (fixture, "watch-none", "watch");
}

/* A result that a recovery has made history is not the end. */
static void
test_recovered (Fixture *fixture, gconstpointer data)
{
  FakeAgent *agent = fixture->agent;
  g_autoptr(Run) run = NULL;

  fake_agent_answer (agent, "GET", "/v1/migrations/again", 200,
                     "{\"id\":\"" ID "\",\"vm\":\"web01\",\"active\":false,\"last_seq\":3}");
  fake_agent_stream (agent, ID, EVENT ("1", "result", "{\"outcome\":\"attention\",\"exit_code\":5}")
                                  EVENT ("2", "stage", "{\"stage\":\"commitment\"}") MOVED, TRUE);
  run = fake_agent_run (agent, "watch again -o jsonl");
  assert_stream_end (run, QMIG_EXIT_OK, QMIG_OUTCOME_COMPLETED);
}

static void
test_cancel_and_recover (Fixture *fixture, gconstpointer data)
{
  FakeAgent *agent = fixture->agent;

  fake_agent_answer (agent, "POST", "/v1/migrations/" ID "/actions/cancel", 200, INFO);
  fake_agent_answer (agent, "POST", "/v1/migrations/" ID "/actions/recover", 200, INFO);
  fake_agent_stream (agent, ID, CANCELLED, TRUE);
  assert_run (fixture, "cancel-wait", "cancel last --wait");
  fake_agent_stream (agent, ID, MOVED, TRUE);
  assert_run (fixture, "cancel-too-late", "cancel last --wait");

  assert_run (fixture, "recover", "recover last");
  assert_run (fixture, "recover-assume-unasked", "recover last --assume source");
  fake_agent_stream (agent, ID, RESULT ("attention", "5", "unknown", "", ",\"error\":\"still silent\""), TRUE);
  assert_run (fixture, "recover-attention", "recover last --assume target --yes");
  g_assert_cmpstr (fake_agent_get_body (agent, "POST", "/v1/migrations/" ID "/actions/recover"), ==,
                   "{\"reason\":null,\"assume\":\"destination\"}");
}

/* A pipe that nobody reads any more ends qmig as it ends any other tool; a full disk is said. */
static void
test_closed_output (Fixture *fixture, gconstpointer data)
{
  FakeAgent *agent = fixture->agent;
  g_autoptr(Run) pipe = fake_agent_run_in_shell (agent, "bash -c '\"$0\" watch last -o jsonl | : ; exit ${PIPESTATUS[0]}'");
  g_autoptr(Run) full = fake_agent_run_in_shell (agent, "sh -c '\"$0\" watch last -o jsonl > /dev/full'");

  g_assert_cmpint (pipe->status, ==, 128 + SIGPIPE);
  g_assert_cmpstr (pipe->err, ==, "");
  g_assert_cmpint (full->status, ==, QMIG_EXIT_ERROR);
  g_assert_nonnull (strstr (full->err, "cannot write the output"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func, data) g_test_add (path, Fixture, data, set_up, func, tear_down)
  ADD ("/cli/migrate/moved", test_moved, NULL);
  ADD ("/cli/migrate/request", test_request, NULL);
  ADD ("/cli/migrate/source-host", test_source_host, NULL);
  ADD ("/cli/migrate/outcomes", test_outcomes, NULL);
  ADD ("/cli/migrate/refusals", test_refusals, NULL);
  ADD ("/cli/migrate/jsonl", test_jsonl, NULL);
  ADD ("/cli/migrate/interrupt-cancels", test_interrupt_cancels, NULL);
  ADD ("/cli/migrate/interrupt-before-start", test_interrupt_before_start, NULL);
  ADD ("/cli/migrate/second-interrupt", test_second_interrupt_leaves, NULL);
  ADD ("/cli/migrate/interrupt-detaches", test_interrupt_detaches, "migrate web01 beta --on-interrupt detach");
  ADD ("/cli/watch/interrupt", test_interrupt_detaches, "watch last");
  ADD ("/cli/migrate/timeout", test_timeout, NULL);
  ADD ("/cli/watch/ends", test_wait, NULL);
  ADD ("/cli/watch/recovered", test_recovered, NULL);
  ADD ("/cli/migrate/cancel-recover", test_cancel_and_recover, NULL);
  ADD ("/cli/migrate/closed-output", test_closed_output, NULL);
  return g_test_run ();
}
