/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls: what the client makes of each thing that can answer. */

#include <string.h>

#include <glib/gstdio.h>

#include "scripted-agent.h"

#define CALL_MS 20000

static JsonObject *
call_once (const ScriptedAnswer *answer,
           JsonObject *body,
           gint64 timeout_ms,
           QmigProblem **problem,
           char **request,
           GError **error)
{
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answer, 1);
  g_autoptr(QmigClient) client = qmig_client_new (agent->uri, error);
  JsonObject *object;

  g_assert_nonnull (client);
  object = qmig_client_call (client, body != NULL ? "POST" : "GET", "/v1/host?a=%20b", body, timeout_ms, problem, NULL,
                             error);
  scripted_agent_stop (agent);
  if (request != NULL)
    *request = g_strdup (g_ptr_array_index (agent->requests, 0));
  return object;
}

static void
test_answer (void)
{
  static const ScriptedAnswer answer = { JSON_HEAD ("200 OK") "{\"name\":\"alpha\"}" };
  g_autoptr(JsonObject) body = json_object_new ();
  g_autoptr(JsonObject) object = NULL;
  g_autofree char *request = NULL;
  GError *error = NULL;

  json_object_set_int_member (body, "n", 7);
  object = call_once (&answer, body, CALL_MS, NULL, &request, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (json_object_get_string_member (object, "name"), ==, "alpha");
  g_assert_true (g_str_has_prefix (request, "POST /v1/host?a=%20b HTTP/1.1\r\n"));
  g_assert_true (g_str_has_suffix (request, "\r\n\r\n{\"n\":7}"));
  g_assert_nonnull (strstr (request, "Content-Type: application/json\r\n"));
}

static void
test_empty_answer (void)
{
  static const ScriptedAnswer answer = { "HTTP/1.1 204 No Content\r\nX-Qmig-Api: 1\r\nConnection: close\r\n\r\n" };
  GError *error = NULL;
  g_autoptr(JsonObject) object = call_once (&answer, NULL, CALL_MS, NULL, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (json_object_get_size (object), ==, 0);
}

static void
test_problem (void)
{
  static const ScriptedAnswer answer
      = { JSON_HEAD ("409 Conflict") "{\"title\":\"'web' migrates already\",\"exit_code\":12,\"migration\":\"m-1\"}" };
  g_autoptr(QmigProblem) problem = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_null (call_once (&answer, NULL, CALL_MS, &problem, NULL, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
  g_assert_cmpstr (error->message, ==, "'web' migrates already");
  g_assert_cmpstr (problem->migration, ==, "m-1");
}

static void
test_problem_for_reading_only_when_wanted (void)
{
  static const ScriptedAnswer answer = { JSON_HEAD ("404 Not Found") "{\"title\":\"no such VM\",\"exit_code\":10}" };
  g_autoptr(GError) error = NULL;

  g_assert_null (call_once (&answer, NULL, CALL_MS, NULL, NULL, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND);
}

typedef struct
{
  const char *name;
  ScriptedAnswer answer;
  int code; /* 0: an error of another domain */
  const char *text;
} BadAnswer;

static const BadAnswer bad_answers[] = {
  { "problem-without-words", { JSON_HEAD ("500 Internal Server Error") "oops" }, QMIG_EXIT_ERROR, "HTTP status 500" },
  { "problem-with-code-0",
    { JSON_HEAD ("500 Internal Server Error") "{\"title\":\"odd\",\"exit_code\":0}" },
    QMIG_EXIT_ERROR,
    "odd" },
  { "redirect",
    { HEAD ("302 Found", "text/plain") "Location: /elsewhere\r\nContent-Length: 0\r\n\r\n" },
    QMIG_EXIT_ERROR,
    "302" },
  { "not-an-agent", { "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}" }, QMIG_EXIT_UNREACHABLE, "not a qmig agent" },
  { "other-api",
    { "HTTP/1.1 200 OK\r\nX-Qmig-Api: 2\r\nConnection: close\r\n\r\n{}" },
    QMIG_EXIT_UNSUPPORTED,
    "it speaks API 2, this qmig speaks API 1" },
  { "not-http", { "{\"QMP\": {}}\r\n" }, QMIG_EXIT_UNREACHABLE, "cannot reach the agent at unix:" },
  { "closed-at-once", { "" }, QMIG_EXIT_UNREACHABLE, "cannot reach the agent at unix:" },
  { "cut-short",
    { HEAD ("200 OK", "application/json") "Content-Length: 100\r\n\r\n{" },
    QMIG_EXIT_UNREACHABLE,
    "cannot reach" },
  { "garbage", { JSON_HEAD ("200 OK") "var x = {};" }, 0, "cannot read the answer of the agent at unix:" },
  { "list-not-object", { JSON_HEAD ("200 OK") "[1]" }, 0, "cannot read the answer" },
};

static void
test_bad_answer (gconstpointer data)
{
  const BadAnswer *bad = data;
  g_autoptr(GError) error = NULL;

  g_assert_null (call_once (&bad->answer, NULL, CALL_MS, NULL, NULL, &error));
  g_assert_nonnull (error);
  if (bad->code != 0)
    g_assert_error (error, QMIG_ERROR, bad->code);
  else
    g_assert_true (error->domain != QMIG_ERROR);
  g_assert_nonnull (strstr (error->message, bad->text));
}

static void
test_too_large (void)
{
  gsize size = CLIENT_ANSWER_MAX_BYTES + 1;
  g_autoptr(GString) text = g_string_sized_new (size + 200);
  ScriptedAnswer answer;
  g_autoptr(GError) error = NULL;

  g_string_append (text, JSON_HEAD ("200 OK"));
  for (gsize i = 0; i < size; i++)
    g_string_append_c (text, ' ');
  answer = (ScriptedAnswer){ text->str };
  g_assert_null (call_once (&answer, NULL, CALL_MS, NULL, NULL, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_ERROR);
  g_assert_nonnull (strstr (error->message, "more than"));
}

static void
test_timeout (void)
{
  static const ScriptedAnswer answer = { NULL, TRUE };
  g_autoptr(GError) error = NULL;

  g_assert_null (call_once (&answer, NULL, 30, NULL, NULL, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_TIMEOUT);
  g_assert_nonnull (strstr (error->message, "no answer within 30 ms"));
}

static void
test_nobody (void)
{
  g_autofree char *dir = g_dir_make_tmp ("qmXXXXXX", NULL);
  g_autofree char *uri = g_strconcat ("unix:", dir, "/agent.sock", NULL);
  g_autoptr(QmigClient) client = qmig_client_new (uri, NULL);
  g_autoptr(GError) error = NULL;

  g_assert_null (qmig_client_call (client, "GET", "/v1/host", NULL, CALL_MS, NULL, NULL, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_UNREACHABLE);
  g_assert_nonnull (strstr (error->message, uri));
  g_assert_nonnull (strstr (error->message, "No such file"));
  g_rmdir (dir);
}

static void
test_cancelled (void)
{
  static const ScriptedAnswer answer = { NULL, TRUE };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (&answer, 1);
  g_autoptr(QmigClient) client = qmig_client_new (agent->uri, NULL);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_null (qmig_client_call (client, "GET", "/v1/host", NULL, -1, NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* Whether the agent acted on what it did not answer is not to be guessed: it is said to the caller, and never sent twice. */
static void
test_lost_is_not_repeated (void)
{
  static const ScriptedAnswer answers[]
      = { { HEAD ("200 OK", "application/json") "Content-Length: 2\r\n\r\n{}", .drop_next = TRUE },
          { JSON_HEAD ("200 OK") "{}" } };
  g_autoptr(ScriptedAgent) agent = scripted_agent_start (answers, G_N_ELEMENTS (answers));
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigClient) client = qmig_client_new (agent->uri, &error);
  g_autoptr(JsonObject) first = qmig_client_call (client, "POST", "/v1/a", NULL, CALL_MS, NULL, NULL, &error);
  g_autoptr(JsonObject) second = NULL;

  g_assert_no_error (error);
  second = qmig_client_call (client, "POST", "/v1/b", NULL, CALL_MS, NULL, NULL, &error);
  g_assert_null (second);
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_UNREACHABLE);
  scripted_agent_stop (agent);
  g_assert_cmpuint (agent->requests->len, ==, 1);
}

static void
test_uris (void)
{
  g_autofree char *deep = g_strnfill (110, 'x');
  g_autofree char *too_long = g_strconcat ("unix:/tmp/", deep, NULL);
  const char *const bad[] = { "", "unix:", "unix:relative", "tcp:host:1", "https:", "https://", "https:///x",
                              "https://beta/v1", "https://me@beta", "https://beta?x", "https://beta#x", "https://beta:0x1",
                              "https://beta:70000", "http://beta", too_long };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_null (qmig_client_new (bad[i], &error));
      g_assert_error (error, QMIG_ERROR, QMIG_EXIT_USAGE);
      if (bad[i] == too_long)
        g_assert_nonnull (strstr (error->message, "107"));
    }
}

static void
test_https_uris (void)
{
  static const struct
  {
    const char *uri;
    const char *base;
    const char *host;
  } cases[] = {
    { "https://beta", "https://beta:7647", "beta" },
    { "https://beta/", "https://beta:7647", "beta" },
    { "https://beta.example:443", "https://beta.example:443", "beta.example" },
    { "https://192.0.2.7", "https://192.0.2.7:7647", "192.0.2.7" },
    { "https://[2001:db8::7]:7000", "https://[2001:db8::7]:7000", "2001:db8::7" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(QmigClient) client = qmig_client_new (cases[i].uri, &error);

      g_assert_no_error (error);
      g_assert_cmpstr (client->base, ==, cases[i].base);
      g_assert_cmpstr (client->host, ==, cases[i].host);
      g_assert_cmpstr (qmig_client_get_uri (client), ==, cases[i].uri);
    }
}

static void
test_paths (void)
{
  g_autofree char *path = qmig_client_path ("/v1/vms/%s?n=%d&m=%" G_GINT64_FORMAT "&u=%" G_GUINT64_FORMAT "&%%",
                                            "a/../b?c#d %é", -3, G_MAXINT64, G_MAXUINT64);

  g_assert_cmpstr (path, ==,
                   "/v1/vms/a%2F..%2Fb%3Fc%23d%20%25%C3%A9?n=-3&m=9223372036854775807&u=18446744073709551615&%");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/client/call/answer", test_answer);
  g_test_add_func ("/client/call/empty-answer", test_empty_answer);
  g_test_add_func ("/client/call/problem", test_problem);
  g_test_add_func ("/client/call/problem-not-wanted", test_problem_for_reading_only_when_wanted);
  for (gsize i = 0; i < G_N_ELEMENTS (bad_answers); i++)
    {
      g_autofree char *path = g_strconcat ("/client/call/bad/", bad_answers[i].name, NULL);

      g_test_add_data_func (path, &bad_answers[i], test_bad_answer);
    }
  g_test_add_func ("/client/call/too-large", test_too_large);
  g_test_add_func ("/client/call/timeout", test_timeout);
  g_test_add_func ("/client/call/nobody", test_nobody);
  g_test_add_func ("/client/call/cancelled", test_cancelled);
  g_test_add_func ("/client/call/lost-is-not-repeated", test_lost_is_not_repeated);
  g_test_add_func ("/client/uris", test_uris);
  g_test_add_func ("/client/https-uris", test_https_uris);
  g_test_add_func ("/client/paths", test_paths);
  return g_test_run ();
}
