/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The event stream: no gap, no repeat, whatever happens to the connection. */

#include <string.h>

#include "scripted-agent.h"

static const ClientFollowLimits quick = { 100, 1000, 1 };

typedef struct
{
  GString *seen;  /* "1 2 3 " */
  gint64 stop_at; /* 0: never */
  GCancellable *cancel_at_first;
} Watcher;

static gboolean
note_event (const QmigEvent *event, gpointer user_data)
{
  Watcher *watcher = user_data;

  g_string_append_printf (watcher->seen, "%s%" G_GINT64_FORMAT " ", g_str_equal (event->type, "result") ? "=" : "",
                          event->seq);
  if (watcher->cancel_at_first != NULL)
    g_cancellable_cancel (watcher->cancel_at_first);
  return event->seq != watcher->stop_at;
}

static char *
event_line (gint64 seq, const char *type)
{
  return g_strdup_printf ("{\"seq\":%" G_GINT64_FORMAT
                          ",\"ts\":\"2026-01-02T03:04:05.000006Z\",\"mono_us\":1,\"host\":\"a\","
                          "\"migration\":\"m-1\",\"type\":\"%s\",\"data\":{}}\n",
                          seq, type);
}

/* A stream of events @from to @to, each a chunk; the last one is a result if @result. */
static char *
stream (gint64 from, gint64 to, gboolean result)
{
  g_autoptr(GString) text = g_string_new (STREAM_HEAD);

  for (gint64 seq = from; seq <= to; seq++)
    {
      g_autofree char *line = event_line (seq, seq == to && result ? "result" : "sample");
      g_autofree char *chunk = scripted_chunk (line);

      g_string_append (text, chunk);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static gboolean
follow (ScriptedAgent *agent, gint64 after, Watcher *watcher, GError **error)
{
  g_autoptr(QmigClient) client = qmig_client_new (agent->uri, NULL);
  gboolean done;

  watcher->seen = g_string_new (NULL);
  done = client_follow_within (client, "m-1", after, &quick, note_event, watcher, watcher->cancel_at_first, error);
  scripted_agent_stop (agent);
  return done;
}

static void
assert_request (ScriptedAgent *agent, guint n, const char *first_line)
{
  g_assert_cmpuint (agent->requests->len, >, n);
  if (!g_str_has_prefix (g_ptr_array_index (agent->requests, n), first_line))
    g_error ("request %u is: %s", n, (char *) g_ptr_array_index (agent->requests, n));
}

static void
test_to_the_result (void)
{
  g_autofree char *first = stream (1, 3, TRUE);
  ScriptedAnswer answers[] = { { first, TRUE } };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, 1);
  Watcher watcher = { 0 };
  GError *error = NULL;

  g_assert_true (follow (agent, 0, &watcher, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (watcher.seen->str, ==, "1 2 =3 ");
  assert_request (agent, 0, "GET /v1/migrations/m-1/events?follow=1&after=0 HTTP/1.1\r\n");
  g_string_free (watcher.seen, TRUE);
}

static void
test_broken_and_resumed (void)
{
  /* Broken after 2; then the agent repeats 2 and comes to the result at 5. */
  g_autofree char *first = stream (1, 2, FALSE);
  g_autofree char *second = stream (2, 5, TRUE);
  ScriptedAnswer answers[] = { { first, FALSE }, { "", FALSE }, { second, FALSE } };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, 3);
  Watcher watcher = { 0 };
  GError *error = NULL;

  g_assert_true (follow (agent, 0, &watcher, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (watcher.seen->str, ==, "1 2 3 4 =5 ");
  assert_request (agent, 1, "GET /v1/migrations/m-1/events?follow=1&after=2 ");
  assert_request (agent, 2, "GET /v1/migrations/m-1/events?follow=1&after=2 ");
  g_string_free (watcher.seen, TRUE);
}

static void
test_half_a_line_is_no_event (void)
{
  g_autofree char *line = event_line (1, "sample");
  g_autofree char *half = g_strndup (line, 20);
  g_autofree char *chunk = scripted_chunk (half);
  g_autofree char *first = g_strconcat (STREAM_HEAD, chunk, NULL);
  g_autofree char *second = stream (1, 2, TRUE);
  ScriptedAnswer answers[] = { { first, FALSE }, { second, FALSE } };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, 2);
  Watcher watcher = { 0 };
  GError *error = NULL;

  g_assert_true (follow (agent, 0, &watcher, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (watcher.seen->str, ==, "1 =2 ");
  assert_request (agent, 1, "GET /v1/migrations/m-1/events?follow=1&after=0 ");
  g_string_free (watcher.seen, TRUE);
}

static void
test_line_over_several_chunks (void)
{
  g_autofree char *line = event_line (1, "result");
  g_autofree char *head = g_strndup (line, 20);
  g_autofree char *chunk1 = scripted_chunk (head);
  g_autofree char *chunk2 = scripted_chunk (line + 20);
  g_autofree char *first = g_strconcat (STREAM_HEAD, chunk1, chunk2, NULL);
  ScriptedAnswer answers[] = { { first, TRUE } };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, 1);
  Watcher watcher = { 0 };
  GError *error = NULL;

  g_assert_true (follow (agent, 0, &watcher, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (watcher.seen->str, ==, "=1 ");
  g_string_free (watcher.seen, TRUE);
}

static void
test_silence (void)
{
  g_autofree char *first = stream (1, 1, FALSE);
  g_autofree char *second = stream (2, 2, TRUE);
  ScriptedAnswer answers[] = { { first, TRUE }, { NULL, TRUE }, { second, FALSE } };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, 3);
  Watcher watcher = { 0 };
  GError *error = NULL;

  g_assert_true (follow (agent, 0, &watcher, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (watcher.seen->str, ==, "1 =2 ");
  assert_request (agent, 2, "GET /v1/migrations/m-1/events?follow=1&after=1 ");
  g_string_free (watcher.seen, TRUE);
}

static void
test_heartbeat_is_no_event (void)
{
  g_autofree char *beat
      = scripted_chunk ("{\"type\":\"heartbeat\",\"ts\":\"2026-01-02T03:04:05.000006Z\",\"host\":\"a\"}\n");
  g_autofree char *line = event_line (4, "result");
  g_autofree char *chunk = scripted_chunk (line);
  g_autofree char *first = g_strconcat (STREAM_HEAD, beat, chunk, beat, NULL);
  ScriptedAnswer answers[] = { { first, TRUE } };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, 1);
  Watcher watcher = { 0 };
  GError *error = NULL;

  g_assert_true (follow (agent, 0, &watcher, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (watcher.seen->str, ==, "=4 ");
  g_string_free (watcher.seen, TRUE);
}

static void
test_away (void)
{
  g_autofree char *first = stream (1, 1, FALSE);
  ScriptedAnswer answers[] = { { first, FALSE } };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, 1);
  Watcher watcher = { 0 };
  g_autoptr(GError) error = NULL;

  g_assert_false (follow (agent, 0, &watcher, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_UNREACHABLE);
  g_assert_nonnull (strstr (error->message, agent->uri));
  g_assert_cmpstr (watcher.seen->str, ==, "1 ");
  g_string_free (watcher.seen, TRUE);
}

static void
test_orderly_end_without_result (void)
{
  g_autofree char *end = scripted_chunk ("{\"type\":\"end\",\"host\":\"a\"}\n");
  g_autofree char *line = event_line (1, "log");
  g_autofree char *chunk = scripted_chunk (line);
  g_autofree char *first = g_strconcat (STREAM_HEAD, chunk, end, STREAM_END, NULL);
  ScriptedAnswer answers[] = { { first, TRUE } };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, 1);
  Watcher watcher = { 0 };
  GError *error = NULL;

  g_assert_true (follow (agent, 0, &watcher, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (watcher.seen->str, ==, "1 ");
  g_string_free (watcher.seen, TRUE);
}

static void
assert_fails (const char *answer, int code, const char *text)
{
  ScriptedAnswer answers[] = { { answer, TRUE } };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, 1);
  Watcher watcher = { 0 };
  g_autoptr(GError) error = NULL;

  g_assert_false (follow (agent, 0, &watcher, &error));
  g_assert_nonnull (error);
  if (code != 0)
    g_assert_error (error, QMIG_ERROR, code);
  g_assert_nonnull (strstr (error->message, text));
  g_assert_cmpstr (watcher.seen->str, ==, "");
  g_string_free (watcher.seen, TRUE);
}

static void
test_garbage (void)
{
  g_autofree char *chunk = scripted_chunk ("oops\n");
  g_autofree char *answer = g_strconcat (STREAM_HEAD, chunk, NULL);

  assert_fails (answer, 0, "cannot read the events of m-1");
}

static void
test_oversized_line (void)
{
  g_autofree char *line = g_strnfill (CLIENT_LINE_MAX_BYTES + 1, 'x');
  g_autofree char *chunk = scripted_chunk (line);
  g_autofree char *answer = g_strconcat (STREAM_HEAD, chunk, NULL);

  assert_fails (answer, QMIG_EXIT_ERROR, "a line has more than");
}

static void
test_refused (void)
{
  assert_fails (HEAD ("404 Not Found", "application/json") "Content-Length: 46\r\n\r\n"
                                                           "{\"title\":\"no migration 'm-1'\",\"exit_code\":10 }",
                QMIG_EXIT_NOT_FOUND, "no migration 'm-1'");
}

static void
test_caller_stops (void)
{
  g_autofree char *first = stream (1, 3, TRUE);
  ScriptedAnswer answers[] = { { first, TRUE } };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, 1);
  Watcher watcher = { .stop_at = 2 };
  GError *error = NULL;

  g_assert_true (follow (agent, 0, &watcher, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (watcher.seen->str, ==, "1 2 ");
  g_string_free (watcher.seen, TRUE);
}

static void
test_caller_cancels (void)
{
  g_autofree char *first = stream (1, 3, FALSE);
  ScriptedAnswer answers[] = { { first, TRUE } };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, 1);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  Watcher watcher = { .cancel_at_first = cancellable };
  g_autoptr(GError) error = NULL;

  g_assert_false (follow (agent, 0, &watcher, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpstr (watcher.seen->str, ==, "1 ");
  g_string_free (watcher.seen, TRUE);
}

static gpointer
cancel_in_thread (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  g_object_unref (cancellable);
  return NULL;
}

static gboolean
start_canceller (const QmigEvent *event, gpointer user_data)
{
  g_thread_unref (g_thread_new ("canceller", cancel_in_thread, g_object_ref (user_data)));
  return TRUE;
}

/* The stream says nothing more and stays open: only the other thread ends the waiting. */
static void
test_another_thread_cancels (void)
{
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *first = stream (1, 1, FALSE);
      ScriptedAnswer answers[] = { { first, TRUE } };
      g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, 1);
      g_autoptr(GCancellable) cancellable = g_cancellable_new ();
      g_autoptr(QmigClient) client = qmig_client_new (agent->uri, NULL);
      g_autoptr(GError) error = NULL;

      g_assert_false (qmig_client_follow (client, "m-1", 0, start_canceller, cancellable, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      scripted_agent_stop (agent);
    }
}

typedef struct
{
  QmigFollow *follow;
  guint n_events;
  guint n_done;
  gint64 stop_at;
} Async;

static gboolean
count_event (const QmigEvent *event, gpointer user_data)
{
  Async *async = user_data;

  async->n_events++;
  if (event->seq == async->stop_at)
    g_clear_pointer (&async->follow, qmig_follow_stop);
  return TRUE;
}

static void
count_done (const GError *error, gpointer user_data)
{
  Async *async = user_data;

  g_assert_no_error (error);
  async->n_done++;
}

/* Without waiting; and whoever stops it, there and then, hears no more. */
static void
test_without_waiting (void)
{
  g_autofree char *first = stream (1, 3, TRUE);
  g_autofree char *second = stream (1, 3, TRUE);
  ScriptedAnswer answers[] = { { first, TRUE }, { second, TRUE } };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, 2);
  g_autoptr(QmigClient) client = qmig_client_new (agent->uri, NULL);
  Async whole = { 0 };
  Async part = { .stop_at = 2 };

  whole.follow = qmig_client_follow_start (client, "m-1", 0, count_event, count_done, &whole);
  while (whole.n_done == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (whole.n_events, ==, 3);
  g_assert_cmpuint (whole.n_done, ==, 1);
  qmig_follow_stop (whole.follow);

  part.follow = qmig_client_follow_start (client, "m-1", 0, count_event, count_done, &part);
  while (part.follow != NULL)
    g_main_context_iteration (NULL, TRUE);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_cmpuint (part.n_events, ==, 2);
  g_assert_cmpuint (part.n_done, ==, 0);
  scripted_agent_stop (agent);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/client/follow/to-the-result", test_to_the_result);
  g_test_add_func ("/client/follow/broken-and-resumed", test_broken_and_resumed);
  g_test_add_func ("/client/follow/half-a-line", test_half_a_line_is_no_event);
  g_test_add_func ("/client/follow/line-over-several-chunks", test_line_over_several_chunks);
  g_test_add_func ("/client/follow/silence", test_silence);
  g_test_add_func ("/client/follow/heartbeat", test_heartbeat_is_no_event);
  g_test_add_func ("/client/follow/away", test_away);
  g_test_add_func ("/client/follow/orderly-end", test_orderly_end_without_result);
  g_test_add_func ("/client/follow/garbage", test_garbage);
  g_test_add_func ("/client/follow/oversized-line", test_oversized_line);
  g_test_add_func ("/client/follow/refused", test_refused);
  g_test_add_func ("/client/follow/caller-stops", test_caller_stops);
  g_test_add_func ("/client/follow/caller-cancels", test_caller_cancels);
  g_test_add_func ("/client/follow/another-thread-cancels", test_another_thread_cancels);
  g_test_add_func ("/client/follow/without-waiting", test_without_waiting);
  return g_test_run ();
}
