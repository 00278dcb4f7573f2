/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Event streams: the whole of it, from anywhere, to the end, whoever reads how slowly. */

#include <string.h>
#include <unistd.h>

#include "agent-fixture.h"

#define ID "m-STREAM01"

static void
add_event (QmigJournal *journal, gint64 seq, const char *type)
{
  g_autoptr(QmigEvent) event = qmig_event_new ();
  g_autoptr(JsonObject) data = json_object_new ();
  GError *error = NULL;

  json_object_set_int_member (data, "n", seq);
  event->seq = seq;
  event->ts = api_time_now ();
  event->mono_us = g_get_monotonic_time ();
  event->host = g_strdup ("alpha");
  event->migration = g_strdup (ID);
  event->type = g_strdup (type);
  event->data = json_node_init_object (json_node_alloc (), data);
  g_assert_true (qmig_journal_add_event (journal, event, &error));
  g_assert_no_error (error);
}

static QmigJournal *
create (AgentFixture *f, const char *id, const char *vm, gint64 pid)
{
  g_autoptr(QmigJournal) journal = agent_fixture_journal (f);
  g_autoptr(QmigMigrateRequest) request = qmig_migrate_request_new ();
  QmigJournalEntry entry = { .id = (char *) id,
                             .request = request,
                             .vm = (char *) vm,
                             .source_qmp = (char *) "/nonexistent/q",
                             .source_pid = pid,
                             .source_start_time = 1,
                             .source_host = (char *) "alpha",
                             .destination_uri = (char *) "local",
                             .started_us = g_get_real_time (),
                             .step = (char *) "check" };
  g_autofree char *existing = NULL;
  GError *error = NULL;

  request->vm = g_strdup (vm);
  request->destination = g_strdup ("local");
  g_assert_true (qmig_journal_create (journal, &entry, &existing, &error));
  g_assert_no_error (error);
  return g_steal_pointer (&journal);
}

static void
end (QmigJournal *journal)
{
  g_autoptr(QmigResult) result = qmig_result_new ();
  GError *error = NULL;

  result->outcome = QMIG_OUTCOME_ROLLED_BACK;
  result->exit_code = QMIG_EXIT_ROLLED_BACK;
  result->vm_location = QMIG_LOCATION_SOURCE;
  g_assert_true (qmig_journal_end (journal, ID, result, &error));
  g_assert_no_error (error);
}

/* An ended migration with @count events, every tenth no sample, the last one its result. */
static void
make_history (AgentFixture *f, gint64 count)
{
  g_autoptr(QmigJournal) journal = create (f, ID, "web", 1 << 30);

  for (gint64 seq = 1; seq < count; seq++)
    add_event (journal, seq, seq % 10 == 0 ? "round" : "sample");
  add_event (journal, count, "result");
  end (journal);
}

typedef struct
{
  gint64 first;
  gint64 last;
  guint n;
  char *last_type;
} Seen;

static gboolean
see (const QmigEvent *event, gpointer user_data)
{
  Seen *seen = user_data;

  g_assert_cmpint (event->seq, >, seen->last);
  if (seen->n++ == 0)
    seen->first = event->seq;
  seen->last = event->seq;
  g_free (seen->last_type);
  seen->last_type = g_strdup (event->type);
  return TRUE;
}

static void
test_history (AgentFixture *f, gconstpointer data)
{
  Seen whole = { 0 };
  Seen part = { 0 };
  Seen nothing = { 0 };
  GError *error = NULL;

  make_history (f, 1000);
  agent_fixture_start (f);
  g_assert_true (qmig_client_follow (f->client, ID, 0, see, &whole, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (whole.n, ==, 1000);
  g_assert_cmpstr (whole.last_type, ==, "result");

  g_assert_true (qmig_client_follow (f->client, ID, 998, see, &part, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (part.first, ==, 999);
  g_assert_cmpuint (part.n, ==, 2);

  /* Behind the result there is nothing to wait for. */
  g_assert_true (qmig_client_follow (f->client, ID, 1000, see, &nothing, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (nothing.n, ==, 0);
  g_free (whole.last_type);
  g_free (part.last_type);
}

static guint
count_lines (const char *text, const char *needle)
{
  guint n = 0;

  for (const char *p = strstr (text, needle); p != NULL; p = strstr (p + 1, needle))
    n++;
  return n;
}

static void
test_without_following (AgentFixture *f, gconstpointer data)
{
  g_autofree char *all = NULL;
  g_autofree char *rounds = NULL;

  make_history (f, 600);
  agent_fixture_start (f);
  all = agent_fixture_raw (f, "GET /v1/migrations/last/events HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", -1,
                           NULL);
  g_assert_true (g_str_has_prefix (all, "HTTP/1.1 200 "));
  g_assert_nonnull (strstr (all, "Content-Type: application/jsonl\r\n"));
  g_assert_cmpuint (count_lines (all, "{\"seq\":"), ==, 600);
  g_assert_cmpuint (count_lines (all, "\"type\":\"end\""), ==, 0);

  rounds = agent_fixture_raw (
      f, "GET /v1/migrations/m-STR/events?after=100&type=round HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", -1,
      NULL);
  g_assert_cmpuint (count_lines (rounds, "{\"seq\":"), ==, 49);
  g_assert_cmpuint (count_lines (rounds, "\"type\":\"round\""), ==, 49);
}

/* One that reads nothing holds up nobody, and gets everything that counts in the end. */
static void
test_slow_reader (AgentFixture *f, gconstpointer data)
{
  const char *request = "GET /v1/migrations/" ID "/events?follow=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  g_autoptr(GString) text = g_string_new (NULL);
  Seen whole = { 0 };
  GError *error = NULL;
  char buffer[65536];
  gssize n;
  int fd;

  make_history (f, 5000);
  agent_fixture_start (f);
  fd = agent_fixture_connect (f);
  g_assert_cmpint (write (fd, request, strlen (request)), ==, strlen (request));

  g_assert_true (qmig_client_follow (f->client, ID, 0, see, &whole, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (whole.n, ==, 5000);

  while ((n = read (fd, buffer, sizeof buffer)) > 0)
    g_string_append_len (text, buffer, n);
  close (fd);
  g_assert_cmpuint (count_lines (text->str, "\"type\":\"round\""), ==, 499);
  g_assert_cmpuint (count_lines (text->str, "\"type\":\"result\""), ==, 1);
  g_free (whole.last_type);
}

static void
await_heartbeat (AgentFixture *f, const char *id)
{
  g_autofree char *request = g_strdup_printf ("GET /v1/migrations/%s/events?follow=1 HTTP/1.1\r\nHost: a\r\n\r\n", id);
  g_autofree char *text = agent_fixture_raw (f, request, -1, "\"type\":\"heartbeat\"");

  g_assert_nonnull (strstr (text, "\"type\":\"heartbeat\""));
}

/* A client that takes long over a batch is spared samples, and nothing else. */
static void
test_very_slow_reader (AgentFixture *f, gconstpointer data)
{
  const char *request = "GET /v1/migrations/" ID "/events?follow=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  g_autoptr(GString) text = g_string_new (NULL);
  char buffer[65536];
  gssize n;
  int fd;

  make_history (f, 10000);
  agent_fixture_start (f);
  qmig_journal_close (create (f, "m-OTHER", "db", 1 << 29));
  fd = agent_fixture_connect (f);
  g_assert_cmpint (write (fd, request, strlen (request)), ==, strlen (request));

  /* The heartbeats of another stream are the clock: each takes as long as a client may take for a batch. */
  await_heartbeat (f, "m-OTHER");
  await_heartbeat (f, "m-OTHER");
  while ((n = read (fd, buffer, sizeof buffer)) > 0)
    g_string_append_len (text, buffer, n);
  close (fd);
  g_assert_cmpuint (count_lines (text->str, "\"type\":\"round\""), ==, 999);
  g_assert_cmpuint (count_lines (text->str, "\"type\":\"result\""), ==, 1);
  g_assert_cmpuint (count_lines (text->str, "\"type\":\"sample\""), <, 9000);
}

/* A migration that the last agent left open is taken up; its stream ends with a result. */
static void
test_live (AgentFixture *f, gconstpointer data)
{
  Seen whole = { 0 };
  GError *error = NULL;
  QmigJournal *journal = create (f, ID, "web", 1 << 30);
  g_autoptr(JsonObject) answer = NULL;
  g_autoptr(QmigMigrationInfo) info = NULL;

  add_event (journal, 1, "stage");
  qmig_journal_close (journal);
  agent_fixture_start (f);
  g_assert_true (qmig_client_follow (f->client, ID, 0, see, &whole, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (whole.first, ==, 1);
  g_assert_cmpstr (whole.last_type, ==, "result");
  g_free (whole.last_type);

  answer = agent_fixture_call (f, "GET", "/v1/migrations/" ID, NULL);
  info = qmig_migration_info_from_object (answer, &error);
  g_assert_no_error (error);
  g_assert_false (info->active);
  g_assert_nonnull (info->result);
  g_assert_cmpint (info->last_seq, ==, whole.last);
}

static void
test_heartbeat (AgentFixture *f, gconstpointer data)
{
  agent_fixture_start (f);
  /* Written behind the agent's back: open, and not being worked on. */
  qmig_journal_close (create (f, "m-OTHER", "db", 1 << 29));
  await_heartbeat (f, "m-OTHER");
}

static void
test_finding (AgentFixture *f, gconstpointer data)
{
  static const char *const names[] = { ID, "m-STREAM", "m", "last" };
  g_autofree char *by_vm = NULL;
  g_autofree char *cancel = NULL;
  g_autoptr(JsonObject) active = NULL;
  g_autoptr(JsonObject) ended = NULL;

  make_history (f, 3);
  agent_fixture_start (f);
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = qmig_client_path ("/v1/migrations/%s", names[i]);
      g_autoptr(JsonObject) answer = agent_fixture_call (f, "GET", path, NULL);

      g_assert_cmpstr (json_object_get_string_member (answer, "id"), ==, ID);
    }

  /* A VM's name means the one that runs. */
  by_vm = agent_fixture_refused (f, "GET", "/v1/migrations/web", NULL, QMIG_EXIT_NOT_FOUND);
  cancel = agent_fixture_refused (f, "POST", "/v1/migrations/last/actions/cancel", NULL, QMIG_EXIT_CONFLICT);
  g_assert_nonnull (strstr (cancel, "has ended (rolled-back)"));
  active = agent_fixture_call (f, "GET", "/v1/migrations?active=1", NULL);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (active, "items")), ==, 0);
  ended = agent_fixture_call (f, "GET", "/v1/migrations?ended=1&vm=web&outcome=rolled-back&limit=1", NULL);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (ended, "items")), ==, 1);
}

#define ADD_COLD(path, test) g_test_add (path, AgentFixture, NULL, agent_fixture_prepare, test, agent_fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD_COLD ("/agent/stream/history", test_history);
  ADD_COLD ("/agent/stream/without-following", test_without_following);
  ADD_COLD ("/agent/stream/slow-reader", test_slow_reader);
  ADD_COLD ("/agent/stream/very-slow-reader", test_very_slow_reader);
  ADD_COLD ("/agent/stream/live", test_live);
  ADD_COLD ("/agent/stream/heartbeat", test_heartbeat);
  ADD_COLD ("/agent/migrations/finding", test_finding);
  return g_test_run ();
}
