/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Another host through its agent: the same interface as the local one, and its failures. */

#include <signal.h>
#include <string.h>

#include "../client/scripted-agent.h"
#include "agent-host-remote.h"
#include "incoming-fixture.h"
#include "qmig-process.h"
#include "qmp-error.h"

typedef struct
{
  AgentFixture agent;
  QmigHost *host;
  QmpWait *wait;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autofree char *uri = NULL;

  agent_fixture_set_up (&f->agent, data);
  uri = g_strconcat ("unix:", f->agent.socket, NULL);
  f->host = agent_host_remote_new (uri, "beta", NULL);
  f->wait = qmp_wait_new (NULL, "the test", PATIENCE_MS);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_object (&f->host);
  qmp_wait_free (f->wait);
  agent_fixture_tear_down (&f->agent, data);
}

typedef struct
{
  QmigHost *host;
  int phase; /* -1: silent */
} Expected;

static QmpCheck
peek_shows (gpointer data, GError **error)
{
  Expected *expected = data;
  g_autoptr(GError) silent = NULL;
  const QmigIncoming *incoming = qmig_host_peek (expected->host, &silent);

  if (expected->phase < 0)
    return silent != NULL ? QMP_CHECK_DONE : QMP_CHECK_PENDING;
  return incoming != NULL && incoming->phase == expected->phase ? QMP_CHECK_DONE : QMP_CHECK_PENDING;
}

static void
await_peek (Fixture *f, int phase)
{
  Expected expected = { f->host, phase };
  GError *error = NULL;

  g_assert_true (qmp_wait_until (f->wait, peek_shows, &expected, &error));
  g_assert_no_error (error);
}

static void
test_facts (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigFactsRequest) request = qmig_facts_request_new ();
  g_autoptr(QmigFacts) facts = NULL;
  GError *error = NULL;

  request->migration = g_strdup ("m-TEST");
  request->vm_name = g_strdup ("web");
  request->qemu_binary = g_strdup ("/nonexistent/qemu");
  g_assert_cmpstr (qmig_host_get_name (f->host), ==, "beta");
  facts = qmig_host_get_facts (f->host, request, f->wait, &error);
  g_assert_no_error (error);
  g_assert_false (facts->binary_found);
  g_assert_true (g_str_has_prefix (facts->run_dir, f->agent.runtime));
  /* From now on it is called what it calls itself. */
  g_assert_cmpstr (qmig_host_get_name (f->host), ==, "alpha");
}

static void
test_reservation (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigIncomingSpec) spec = incoming_spec_new (&f->agent, "m-TEST", 60000);
  g_autoptr(QmigIncoming) ready = NULL;
  g_autoptr(QmigIncoming) held = NULL;
  g_autoptr(QmigIncoming) asked = NULL;
  g_autoptr(QmigIncoming) early = NULL;
  g_autoptr(QmigIncoming) gone = NULL;
  g_autoptr(GError) refusal = NULL;
  GError *error = NULL;

  if (spec == NULL)
    return;

  g_assert_null (qmig_host_peek (f->host, NULL));
  ready = qmig_host_prepare (f->host, spec, f->wait, &error);
  g_assert_no_error (error);
  g_assert_cmpint (ready->phase, ==, QMIG_INCOMING_LISTENING);
  qmig_host_follow (f->host, "m-TEST");
  await_peek (f, QMIG_INCOMING_LISTENING);

  held = qmig_host_hold (f->host, "m-TEST", f->wait, &error);
  g_assert_no_error (error);
  g_assert_true (held->held);
  early = qmig_host_commit (f->host, "m-TEST", f->wait, &refusal);
  g_assert_null (early);
  g_assert_error (refusal, QMIG_ERROR, QMIG_EXIT_REFUSED);
  asked = qmig_host_query (f->host, "m-TEST", f->wait, &error);
  g_assert_no_error (error);
  g_assert_cmpint (asked->pid, ==, ready->pid);

  /* Nobody asked: the news come by themselves. */
  kill ((pid_t) ready->pid, SIGKILL);
  await_peek (f, QMIG_INCOMING_GONE);
  gone = qmig_host_abort (f->host, "m-TEST", f->wait, &error);
  g_assert_no_error (error);
  g_assert_cmpint (gone->phase, ==, QMIG_INCOMING_GONE);
  incoming_assert_nothing_left (&f->agent, spec);
}

static void
test_agent_restarts (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigIncomingSpec) spec = incoming_spec_new (&f->agent, "m-TEST", 60000);
  g_autoptr(QmigIncoming) ready = NULL;
  g_autoptr(QmigIncoming) none = NULL;
  g_autoptr(QmigIncoming) gone = NULL;
  g_autoptr(GError) away = NULL;
  GError *error = NULL;

  if (spec == NULL)
    return;

  ready = qmig_host_prepare (f->host, spec, f->wait, &error);
  g_assert_no_error (error);
  qmig_host_follow (f->host, "m-TEST");
  await_peek (f, QMIG_INCOMING_LISTENING);

  agent_fixture_end (&f->agent, SIGKILL);
  await_peek (f, -1);
  none = qmig_host_query (f->host, "m-TEST", f->wait, &away);
  g_assert_null (none);
  g_assert_error (away, QMIG_ERROR, QMIG_EXIT_UNREACHABLE);

  agent_fixture_start (&f->agent);
  await_peek (f, QMIG_INCOMING_LISTENING);
  g_assert_cmpint (qmig_host_peek (f->host, NULL)->pid, ==, ready->pid);
  gone = qmig_host_abort (f->host, "m-TEST", f->wait, &error);
  g_assert_no_error (error);
  g_assert_false (qmig_process_is_alive (ready->pid, ready->start_time));
}

static QmigIncoming *
query_scripted (const ScriptedAnswer *answer, GCancellable *cancellable, gint64 timeout_ms, GError **error)
{
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answer, 1);
  g_autoptr(QmigHost) host = agent_host_remote_new (agent->uri, "beta", NULL);
  g_autoptr(QmpWait) wait = qmp_wait_new (cancellable, "beta", timeout_ms);

  return qmig_host_query (host, "m-TEST", wait, error);
}

static void
test_other_api (void)
{
  static const ScriptedAnswer answer = { "HTTP/1.1 200 OK\r\nX-Qmig-Api: 7\r\nConnection: close\r\n\r\n{}" };
  g_autoptr(GError) error = NULL;

  g_assert_null (query_scripted (&answer, NULL, PATIENCE_MS, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "API 7"));
  g_assert_nonnull (strstr (error->message, "API 1"));
}

static void
test_silent (void)
{
  static const ScriptedAnswer answer = { NULL, TRUE };
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) late = NULL;
  g_autoptr(GError) cancelled = NULL;

  g_assert_null (query_scripted (&answer, NULL, 30, &late));
  g_assert_error (late, QMP_ERROR, QMP_ERROR_TIMEOUT);

  g_cancellable_cancel (cancellable);
  g_assert_null (query_scripted (&answer, cancellable, PATIENCE_MS, &cancelled));
  g_assert_error (cancelled, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_nonsense (void)
{
  static const ScriptedAnswer answer = { JSON_HEAD ("200 OK") "{\"migration\":7}" };
  g_autoptr(GError) error = NULL;

  g_assert_null (query_scripted (&answer, NULL, PATIENCE_MS, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, "migration"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/agent/remote/facts", Fixture, NULL, set_up, test_facts, tear_down);
  g_test_add ("/agent/remote/reservation", Fixture, NULL, set_up, test_reservation, tear_down);
  g_test_add ("/agent/remote/agent-restarts", Fixture, NULL, set_up, test_agent_restarts, tear_down);
  g_test_add_func ("/agent/remote/other-api", test_other_api);
  g_test_add_func ("/agent/remote/silent", test_silent);
  g_test_add_func ("/agent/remote/nonsense", test_nonsense);
  return g_test_run ();
}
