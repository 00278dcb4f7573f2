/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-agent.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <libsoup/soup.h>
#include <string.h>

/* Only ever reached by a test that hangs. */
#define LIMIT_S 60

typedef struct
{
  guint status;
  char *json;
} Answer;

typedef struct
{
  GCallback func;
  gpointer data;
} Hook;

struct _FakeAgent
{
  char *dir;
  char *socket_path;
  SoupServer *server;
  GHashTable *answers; /* "GET /v1/host" → Answer */
  GHashTable *bodies;  /* → last body */
  GHashTable *counts;
  GHashTable *hooks;
  char *stream_path;
  char *stream_lines;
  gboolean stream_close;
  SoupServerMessage *open_stream;
  gboolean silent;
  GPtrArray *unanswered; /* SoupServerMessage */
};

static void
answer_free (gpointer data)
{
  Answer *answer = data;

  g_free (answer->json);
  g_free (answer);
}

static void
write_text (SoupServerMessage *message, const char *text)
{
  if (*text != '\0')
    soup_message_body_append (soup_server_message_get_response_body (message), SOUP_MEMORY_COPY, text, strlen (text));
}

/* Whoever followed it is gone. */
static void
stream_finished (SoupServerMessage *message, gpointer user_data)
{
  FakeAgent *self = user_data;

  if (self->open_stream == message)
    g_clear_object (&self->open_stream);
}

static void
serve_stream (FakeAgent *self, SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);

  soup_server_message_set_status (message, 200, NULL);
  soup_message_headers_set_encoding (headers, SOUP_ENCODING_CHUNKED);
  soup_message_body_set_accumulate (soup_server_message_get_response_body (message), FALSE);
  write_text (message, self->stream_lines);
  if (self->stream_close)
    {
      soup_message_body_complete (soup_server_message_get_response_body (message));
      return;
    }
  g_set_object (&self->open_stream, message);
  g_signal_connect (message, "finished", G_CALLBACK (stream_finished), self);
}

static void
note_request (FakeAgent *self, const char *key, SoupServerMessage *message)
{
  SoupMessageBody *body = soup_server_message_get_request_body (message);
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (self->counts, key));
  Hook *hook = g_hash_table_lookup (self->hooks, key);

  g_hash_table_insert (self->bodies, g_strdup (key), g_strndup (body->data != NULL ? body->data : "", (gsize) body->length));
  g_hash_table_insert (self->counts, g_strdup (key), GUINT_TO_POINTER (count + 1));
  if (hook != NULL)
    ((void (*) (gpointer)) hook->func) (hook->data);
}

static void
got_request (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer user_data)
{
  FakeAgent *self = user_data;
  GUri *uri = soup_server_message_get_uri (message);
  const char *text = g_uri_get_query (uri);
  g_autofree char *target = g_strconcat (g_uri_get_path (uri), text != NULL ? "?" : "", text, NULL);
  g_autofree char *key = g_strconcat (soup_server_message_get_method (message), " ", target, NULL);
  g_autofree char *plain = g_strconcat (soup_server_message_get_method (message), " ", g_uri_get_path (uri), NULL);
  const Answer *answer;

  soup_message_headers_replace (soup_server_message_get_response_headers (message), "X-Qmig-Api", "1");
  note_request (self, key, message);
  if (self->silent)
    {
      soup_server_message_pause (message);
      g_ptr_array_add (self->unanswered, g_object_ref (message));
      return;
    }
  if (g_strcmp0 (plain, self->stream_path) == 0 && text != NULL && strstr (text, "follow=1") != NULL)
    {
      serve_stream (self, message);
      return;
    }
  /* A hook may have given it. */
  answer = g_hash_table_lookup (self->answers, key);
  if (answer == NULL)
    {
      g_test_message ("no answer for %s", key);
      soup_server_message_set_status (message, 500, NULL);
      return;
    }
  soup_server_message_set_status (message, answer->status, NULL);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_COPY, answer->json, strlen (answer->json));
}

static void
listen_on_path (FakeAgent *self)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (self->socket_path);
  g_autoptr(GSocket) socket
    = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, &error);

  g_assert_no_error (error);
  g_socket_bind (socket, address, FALSE, &error);
  g_assert_no_error (error);
  g_socket_listen (socket, &error);
  g_assert_no_error (error);
  soup_server_listen_socket (self->server, socket, 0, &error);
  g_assert_no_error (error);
}

FakeAgent *
fake_agent_new (void)
{
  FakeAgent *self = g_new0 (FakeAgent, 1);
  g_autoptr(GError) error = NULL;

  self->dir = g_dir_make_tmp ("qmcXXXXXX", &error);
  g_assert_no_error (error);
  self->socket_path = g_build_filename (self->dir, "agent.sock", NULL);
  self->answers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, answer_free);
  self->bodies = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->hooks = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->unanswered = g_ptr_array_new_with_free_func (g_object_unref);
  self->server = soup_server_new (NULL, NULL);
  soup_server_add_handler (self->server, NULL, got_request, self, NULL);
  listen_on_path (self);
  return self;
}

void
fake_agent_free (FakeAgent *self)
{
  soup_server_disconnect (self->server);
  if (self->open_stream != NULL)
    g_signal_handlers_disconnect_by_data (self->open_stream, self);
  g_clear_object (&self->open_stream);
  g_ptr_array_unref (self->unanswered);
  g_object_unref (self->server);
  g_unlink (self->socket_path);
  g_rmdir (self->dir);
  g_hash_table_unref (self->answers);
  g_hash_table_unref (self->bodies);
  g_hash_table_unref (self->counts);
  g_hash_table_unref (self->hooks);
  g_free (self->stream_path);
  g_free (self->stream_lines);
  g_free (self->socket_path);
  g_free (self->dir);
  g_free (self);
}

const char *
fake_agent_get_dir (FakeAgent *self)
{
  return self->dir;
}

char *
fake_agent_get_uri (FakeAgent *self)
{
  return g_strconcat ("unix:", self->socket_path, NULL);
}

void
fake_agent_answer (FakeAgent *self, const char *method, const char *target, guint status, const char *json)
{
  Answer *answer = g_new0 (Answer, 1);

  answer->status = status;
  answer->json = g_strdup (json);
  g_hash_table_insert (self->answers, g_strconcat (method, " ", target, NULL), answer);
}

void
fake_agent_stream (FakeAgent *self, const char *migration, const char *lines, gboolean close)
{
  g_free (self->stream_path);
  g_free (self->stream_lines);
  self->stream_path = g_strdup_printf ("GET /v1/migrations/%s/events", migration);
  self->stream_lines = g_strdup (lines);
  self->stream_close = close;
}

void
fake_agent_add_to_stream (FakeAgent *self, const char *lines)
{
  if (self->open_stream == NULL || *lines == '\0')
    return;
  write_text (self->open_stream, lines);
  soup_server_message_unpause (self->open_stream);
}

void
fake_agent_finish_stream (FakeAgent *self, const char *lines)
{
  g_autoptr(SoupServerMessage) message = NULL;

  g_assert_nonnull (self->open_stream);
  message = g_steal_pointer (&self->open_stream);
  write_text (message, lines);
  soup_message_body_complete (soup_server_message_get_response_body (message));
  soup_server_message_unpause (message);
}

void
fake_agent_silence (FakeAgent *self)
{
  self->silent = TRUE;
}

void
fake_agent_on_request (FakeAgent *self, const char *method, const char *target, GCallback func, gpointer data)
{
  Hook *hook = g_new0 (Hook, 1);

  hook->func = func;
  hook->data = data;
  g_hash_table_insert (self->hooks, g_strconcat (method, " ", target, NULL), hook);
}

const char *
fake_agent_get_body (FakeAgent *self, const char *method, const char *target)
{
  g_autofree char *key = g_strconcat (method, " ", target, NULL);

  return g_hash_table_lookup (self->bodies, key);
}

guint
fake_agent_count (FakeAgent *self, const char *method, const char *target)
{
  g_autofree char *key = g_strconcat (method, " ", target, NULL);

  return GPOINTER_TO_UINT (g_hash_table_lookup (self->counts, key));
}

static gboolean
limit_over (gpointer user_data)
{
  g_error ("the limit of %d s is over", LIMIT_S);
  return G_SOURCE_REMOVE;
}

void
wait_for (const gboolean *flag)
{
  guint limit = g_timeout_add_seconds (LIMIT_S, limit_over, NULL);

  while (!*flag)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (limit);
}

static void
run_ended (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Run *run = user_data;
  g_autoptr(GError) error = NULL;

  g_subprocess_communicate_utf8_finish (run->process, result, &run->out, &run->err, &error);
  g_assert_no_error (error);
  run->status = g_subprocess_get_if_exited (run->process) ? g_subprocess_get_exit_status (run->process)
                                                          : 128 + g_subprocess_get_term_sig (run->process);
  run->done = TRUE;
}

static Run *
start_command (FakeAgent *self, const char *line)
{
  g_autoptr(GSubprocessLauncher) launcher
    = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autofree char *uri = fake_agent_get_uri (self);
  g_auto(GStrv) argv = NULL;
  g_autoptr(GError) error = NULL;
  Run *run = g_new0 (Run, 1);

  g_shell_parse_argv (line, NULL, &argv, &error);
  g_assert_no_error (error);
  g_subprocess_launcher_setenv (launcher, "QMIG_HOST", uri, TRUE);
  g_subprocess_launcher_setenv (launcher, "QMIG_RUNTIME_DIR", self->dir, TRUE);
  g_subprocess_launcher_setenv (launcher, "QMIG_STATE_DIR", self->dir, TRUE);
  g_subprocess_launcher_setenv (launcher, "QMIG_CONFIG", "/nonexistent/qmig.conf", TRUE);
  g_subprocess_launcher_setenv (launcher, "LC_ALL", "C.UTF-8", TRUE);
  g_subprocess_launcher_setenv (launcher, "COLUMNS", "100", TRUE);
  g_subprocess_launcher_setenv (launcher, "TZ", "UTC", TRUE);
  g_subprocess_launcher_unsetenv (launcher, "NO_COLOR");
  run->process = g_subprocess_launcher_spawnv (launcher, (const char *const *) argv, &error);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8_async (run->process, NULL, NULL, run_ended, run);
  return run;
}

Run *
fake_agent_start (FakeAgent *self, const char *line)
{
  g_autofree char *full = g_strconcat ("'" QMIG_PROGRAM "' ", line, NULL);

  return start_command (self, full);
}

Run *
fake_agent_run_in_shell (FakeAgent *self, const char *line)
{
  g_autofree char *full = g_strconcat (line, " '" QMIG_PROGRAM "'", NULL);
  Run *run = start_command (self, full);

  run_wait (run);
  return run;
}

void
run_wait (Run *run)
{
  wait_for (&run->done);
}

void
run_free (Run *run)
{
  g_object_unref (run->process);
  g_free (run->out);
  g_free (run->err);
  g_free (run);
}

Run *
fake_agent_run (FakeAgent *self, const char *line)
{
  Run *run = fake_agent_start (self, line);

  run_wait (run);
  return run;
}

void
assert_golden (const char *name, const char *text)
{
  g_autofree char *file = g_strconcat (name, ".txt", NULL);
  g_autofree char *path = g_build_filename (GOLDEN_DIR, file, NULL);
  g_autofree char *expected = NULL;
  g_autoptr(GError) error = NULL;

  if (g_getenv ("QMIG_UPDATE_GOLDEN") != NULL)
    {
      g_file_set_contents (path, text, -1, &error);
      g_assert_no_error (error);
      return;
    }
  g_file_get_contents (path, &expected, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, expected);
}
