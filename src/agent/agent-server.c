/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The HTTP server on the agent's socket: who may come in, how much, for how long, and which handler gets it. */

#include "agent-link.h"
#include "agent-port.h"
#include "agent-tls.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>

#include "client-dirs.h"
#include "json-strict.h"

#define SOCKET_PATH_MAX 107
#define BACKLOG 128
#define WORKERS_MAX 16
/* Beside them, for routes that are urgent. */
#define WORKERS_URGENT 8

/* -- directories and locks ---------------------------------------------------- */

static char *
read_pid (int fd)
{
  char text[32] = "";
  gssize n = pread (fd, text, sizeof text - 1, 0);

  return n > 0 ? g_strdup (g_strstrip (text)) : g_strdup ("unknown");
}

/* Held until the process ends, however it ends; the pid in it is only for people. */
static int
take_lock (const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "agent.lock", NULL);
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  g_autofree char *pid = NULL;

  if (fd < 0)
    {
      int saved = errno;

      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot open lock file '%s': %s", path, g_strerror (saved));
      return -1;
    }

  if (flock (fd, LOCK_EX | LOCK_NB) != 0)
    {
      pid = read_pid (fd);
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot serve '%s': another agent (pid %s) does so already",
                   dir, pid);
      close (fd);
      return -1;
    }

  pid = g_strdup_printf ("%d\n", (int) getpid ());
  if (ftruncate (fd, 0) != 0 || pwrite (fd, pid, strlen (pid), 0) < 0)
    g_warning ("cannot write lock file '%s': %s", path, g_strerror (errno));
  return fd;
}

gboolean
agent_server_take_dirs (Agent *agent, GError **error)
{
  if (strlen (agent->socket_path) > SOCKET_PATH_MAX)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                   "cannot serve '%s': the path has %zu bytes and the system allows %d for a socket; "
                   "choose a shorter runtime directory (QMIG_RUNTIME_DIR)",
                   agent->socket_path, strlen (agent->socket_path), SOCKET_PATH_MAX);
      return FALSE;
    }

  if (!qmig_client_make_private_dir (agent->env.runtime_dir, error)
      || !qmig_client_make_private_dir (agent->env.state_dir, error))
    return FALSE;

  agent->runtime_lock = take_lock (agent->env.runtime_dir, error);
  if (agent->runtime_lock < 0)
    return FALSE;

  /* Two agents on one journal would both take up the same migrations. */
  if (!g_str_equal (agent->env.runtime_dir, agent->env.state_dir))
    agent->state_lock = take_lock (agent->env.state_dir, error);
  return agent->state_lock >= 0 || g_str_equal (agent->env.runtime_dir, agent->env.state_dir);
}

/* -- limits and permission ------------------------------------------------------ */

static void refuse (SoupServerMessage *message, guint status, QmigExit code, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

static void
refuse (SoupServerMessage *message, guint status, QmigExit code, const char *format, ...)
{
  g_autoptr(GError) error = NULL;
  va_list args;

  va_start (args, format);
  error = g_error_new_valist (QMIG_ERROR, (int) code, format, args);
  va_end (args);
  g_debug ("%s %s: refused: %s", soup_server_message_get_method (message),
           g_uri_get_path (soup_server_message_get_uri (message)), error->message);
  agent_answer_problem (message, status, error, NULL);
}

static gboolean
is_too_large (SoupServerMessage *message)
{
  return g_object_get_data (G_OBJECT (message), "qmig-too-large") != NULL;
}

/* A chunked body tells its size only as it comes; what is over the limit is read and forgotten. */
static void
count_chunk (SoupServerMessage *message, GBytes *chunk, gpointer user_data)
{
  SoupMessageBody *body = soup_server_message_get_request_body (message);

  if (is_too_large (message) || body->length <= AGENT_BODY_MAX_BYTES)
    return;

  g_object_set_data (G_OBJECT (message), "qmig-too-large", message);
  soup_message_body_set_accumulate (body, FALSE);
  soup_message_body_truncate (body);
}

/* The caller is known, has not too many connections, is still trusted, and may do @need. */
static gboolean
refuse_peer (Agent *agent, SoupServerMessage *message, const char *path, AgentNeed need)
{
  AgentLink *link = agent_link_get (message);
  g_autofree char *what = g_strdup_printf ("%s %s", soup_server_message_get_method (message), path);
  g_autofree char *denied = NULL;
  g_autoptr(GError) error = NULL;

  if (!agent_link_check (link, &error))
    {
      gboolean many = g_error_matches (error, QMIG_ERROR, QMIG_EXIT_CONFLICT);

      refuse (message, many ? SOUP_STATUS_SERVICE_UNAVAILABLE : agent_exit_status (agent_error_exit (error)),
              agent_error_exit (error), "%s", error->message);
      return TRUE;
    }

  denied = agent_auth_refuse (agent_link_get_peer (link), need, what);
  if (denied != NULL)
    refuse (message, SOUP_STATUS_FORBIDDEN, QMIG_EXIT_DENIED, "%s", denied);
  return denied != NULL;
}

static gboolean
refuse_head (Agent *agent, SoupServerMessage *message, const char *path)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  const char *query = g_uri_get_query (soup_server_message_get_uri (message));
  gboolean denied = refuse_peer (agent, message, path, AGENT_NEED_READ);

  if (!denied && strlen (path) + (query != NULL ? strlen (query) : 0) > AGENT_TARGET_MAX_BYTES)
    refuse (message, SOUP_STATUS_REQUEST_URI_TOO_LONG, QMIG_EXIT_USAGE, "the path has more than %u bytes",
            AGENT_TARGET_MAX_BYTES);
  else if (!denied && soup_message_headers_get_encoding (headers) == SOUP_ENCODING_CONTENT_LENGTH
           && soup_message_headers_get_content_length (headers) > (goffset) AGENT_BODY_MAX_BYTES)
    refuse (message, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, QMIG_EXIT_USAGE, "the body has more than %u bytes",
            AGENT_BODY_MAX_BYTES);
  else if (!denied)
    return FALSE;

  /* libsoup reads the body all the same; it is worth no memory. */
  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
  soup_message_headers_replace (soup_server_message_get_response_headers (message), "Connection", "close");
  return TRUE;
}

static void
on_head (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer user_data)
{
  g_autofree char *api = g_strdup_printf ("%d", QMIG_API_VERSION);

  soup_message_headers_replace (soup_server_message_get_response_headers (message), "X-Qmig-Api", api);
  if (!refuse_head (user_data, message, path))
    g_signal_connect (message, "got-chunk", G_CALLBACK (count_chunk), NULL);
}

/* -- deadline of a request's arrival --------------------------------------------- */

static void
destroy_source (gpointer data)
{
  g_source_destroy (data);
  g_source_unref (data);
}

static gboolean
arrival_late (gpointer user_data)
{
  agent_link_shut (agent_link_get (user_data));
  return G_SOURCE_REMOVE;
}

static void
drop_deadline (SoupServerMessage *message, gpointer user_data)
{
  g_object_set_data (G_OBJECT (message), "qmig-deadline", NULL);
}

static void
on_finished (SoupServerMessage *message, gpointer user_data)
{
  drop_deadline (message, NULL);
  agent_link_end_request (agent_link_get (message));
}

/* From the first line of a request, which is when libsoup says so, to its last byte; an idle connection may stay. */
static void
on_started (SoupServer *server, SoupServerMessage *message, gpointer user_data)
{
  Agent *agent = user_data;
  GSource *timer = g_timeout_source_new ((guint) agent_limits.request_ms);

  g_source_set_callback (timer, arrival_late, message, NULL);
  g_source_attach (timer, agent->context);
  g_object_set_data_full (G_OBJECT (message), "qmig-deadline", timer, destroy_source);
  g_signal_connect (message, "got-body", G_CALLBACK (drop_deadline), NULL);
  g_signal_connect (message, "finished", G_CALLBACK (on_finished), NULL);
  agent_link_begin_request (agent_link_get (message));
}

/* -- handing out ------------------------------------------------------------------ */

typedef struct
{
  AgentRequest *request;
  GThread *thread;
  JsonObject *answer;
  GError *error;
} Done;

static void start_worker (AgentRequest *request);

static gboolean
may_start (const AgentRequest *request)
{
  return request->agent->n_blocking < WORKERS_MAX + (request->route->urgent ? WORKERS_URGENT : 0);
}

static gboolean
answer_in_main (gpointer user_data)
{
  Done *done = user_data;
  Agent *agent = done->request->agent;
  AgentRequest *next;

  g_thread_join (done->thread);
  if (done->answer != NULL)
    agent_request_reply (done->request, done->answer);
  else
    agent_request_fail (done->request, done->error);
  g_free (done);

  agent->n_workers--;
  agent->n_blocking--;
  next = g_queue_peek_head (&agent->waiting);
  if (next != NULL && may_start (next))
    start_worker (g_queue_pop_head (&agent->waiting));
  return G_SOURCE_REMOVE;
}

static gpointer
run_in_worker (gpointer user_data)
{
  AgentRequest *request = user_data;
  g_autoptr(GMainContext) context = g_main_context_new ();
  Done *done = g_new0 (Done, 1);

  done->request = request;
  done->thread = g_thread_self ();
  g_main_context_push_thread_default (context);
  done->answer = request->route->run (request, &done->error);
  g_main_context_pop_thread_default (context);
  g_main_context_invoke (request->agent->context, answer_in_main, done);
  return NULL;
}

static void
start_worker (AgentRequest *request)
{
  request->agent->n_workers++;
  request->agent->n_blocking++;
  g_thread_new ("request", run_in_worker, request);
}

static void
dispatch (AgentRequest *request)
{
  const AgentRoute *route = request->route;
  GError *error = NULL;
  JsonObject *answer;

  if (route->later != NULL)
    {
      route->later (request);
      return;
    }

  if (route->blocks)
    {
      if (may_start (request))
        start_worker (request);
      else if (route->urgent)
        g_queue_push_head (&request->agent->waiting, request);
      else
        g_queue_push_tail (&request->agent->waiting, request);
      return;
    }

  answer = route->run (request, &error);
  if (answer != NULL)
    agent_request_reply (request, answer);
  else
    agent_request_fail (request, error);
}

static gboolean
read_parts (AgentRequest *request, GError **error)
{
  const char *query = g_uri_get_query (soup_server_message_get_uri (request->message));
  SoupMessageBody *body = soup_server_message_get_request_body (request->message);
  g_autoptr(GBytes) bytes = NULL;

  if (query != NULL)
    {
      request->query = g_uri_parse_params (query, -1, "&", G_URI_PARAMS_NONE, error);
      if (request->query == NULL)
        {
          g_prefix_error (error, "cannot read the query: ");
          (*error)->domain = QMIG_ERROR;
          (*error)->code = QMIG_EXIT_USAGE;
          return FALSE;
        }
    }

  if (body->length == 0)
    return TRUE;

  bytes = soup_message_body_flatten (body);
  request->body = json_strict_parse_object (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                                            &json_strict_limits_api, error);
  if (request->body == NULL)
    g_prefix_error (error, "cannot read the body: ");
  return request->body != NULL;
}

static void
on_request (SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer user_data)
{
  const char *method = soup_server_message_get_method (message);
  AgentRequest *request;
  char *params[AGENT_MAX_PARAMS] = { NULL };
  g_autofree char *allow = NULL;
  const AgentRoute *route = agent_routes_find (method, path, params, &allow);
  GError *error = NULL;

  if (is_too_large (message))
    {
      refuse (message, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, QMIG_EXIT_USAGE, "the body has more than %u bytes",
              AGENT_BODY_MAX_BYTES);
      return;
    }

  if (route == NULL && allow != NULL)
    {
      soup_message_headers_replace (soup_server_message_get_response_headers (message), "Allow", allow);
      refuse (message, SOUP_STATUS_METHOD_NOT_ALLOWED, QMIG_EXIT_USAGE, "%s takes %s, not %s", path, allow, method);
      return;
    }

  if (route == NULL)
    {
      refuse (message, SOUP_STATUS_NOT_FOUND, QMIG_EXIT_NOT_FOUND, "this agent has no %s", path);
      return;
    }

  if (refuse_peer (user_data, message, path, route->need))
    {
      g_free (params[0]);
      g_free (params[1]);
      return;
    }

  request = agent_request_new (user_data, message);
  request->route = route;
  request->who = agent_peer_describe (agent_link_get_peer (agent_link_get (message)));
  memcpy (request->params, params, sizeof params);
  if (read_parts (request, &error))
    dispatch (request);
  else
    agent_request_fail (request, error);
}

/* -- the socket -------------------------------------------------------------------- */

/* Our lock says that no agent of ours is there; but the path might be somebody else's. */
static gboolean
remove_stale_socket (Agent *agent, GSocketAddress *address, GError **error)
{
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  g_autoptr(GSocketConnection) connection = NULL;
  struct stat st;

  if (lstat (agent->socket_path, &st) != 0)
    return TRUE;

  if (!S_ISSOCK (st.st_mode))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot serve '%s': it is there and no socket",
                   agent->socket_path);
      return FALSE;
    }

  connection = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, NULL);
  if (connection != NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot serve '%s': somebody else answers there",
                   agent->socket_path);
      return FALSE;
    }

  g_unlink (agent->socket_path);
  return TRUE;
}

static GSocket *
open_socket (Agent *agent, GError **error)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (agent->socket_path);
  g_autoptr(GSocket) socket = NULL;

  if (!remove_stale_socket (agent, address, error))
    return NULL;

  socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, error);
  if (socket == NULL || !g_socket_bind (socket, address, FALSE, error))
    {
      g_prefix_error (error, "cannot serve '%s': ", agent->socket_path);
      return NULL;
    }

  /* The directory keeps others out until this has happened. */
  g_chmod (agent->socket_path, 0600);
  g_socket_set_listen_backlog (socket, BACKLOG);
  if (!g_socket_listen (socket, error))
    {
      g_prefix_error (error, "cannot serve '%s': ", agent->socket_path);
      return NULL;
    }
  return g_steal_pointer (&socket);
}

/* A server that listens nowhere would close a connection after each answer. */
static gboolean
listen_nowhere (Agent *agent, SoupServer *server, GError **error)
{
  int fd = fcntl (agent->never, F_DUPFD_CLOEXEC, 0);
  int saved = errno;
  g_autoptr(GSocket) never = NULL;

  if (fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved), "%s", g_strerror (saved));
      return FALSE;
    }

  never = g_socket_new_from_fd (fd, error);
  if (never == NULL)
    {
      close (fd);
      return FALSE;
    }
  return soup_server_listen_socket (server, never, 0, error);
}

SoupServer *
agent_server_new (Agent *agent, GError **error)
{
  /* Raw paths: what is escaped in a segment must not become a slash before the table has seen it. */
  g_autoptr(SoupServer) server
      = g_object_new (SOUP_TYPE_SERVER, "server-header", "qmig/" QMIG_VERSION, "raw-paths", TRUE, NULL);

  g_signal_connect (server, "request-started", G_CALLBACK (on_started), agent);
  soup_server_add_early_handler (server, NULL, on_head, agent, NULL);
  soup_server_add_handler (server, NULL, on_request, agent, NULL);
  return listen_nowhere (agent, server, error) ? g_steal_pointer (&server) : NULL;
}

static void
on_connection (GSocket *socket, gpointer user_data)
{
  g_autoptr(GSocketConnection) connection = g_socket_connection_factory_create_connection (socket);

  agent_link_serve (agent_link_new_uid (user_data, socket), G_IO_STREAM (connection));
}

gboolean
agent_server_start (Agent *agent, GError **error)
{
  g_autoptr(GSocket) socket = agent->inherited != NULL ? g_object_ref (agent->inherited) : open_socket (agent, error);
  int pair[2];

  if (socket == NULL)
    return FALSE;

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    {
      int saved = errno;

      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot make a socket: %s", g_strerror (saved));
      return FALSE;
    }

  agent->never = pair[0];
  agent->never_peer = pair[1];
  agent->sweep = g_timeout_source_new ((guint) agent_limits.sweep_ms);
  g_source_set_callback (agent->sweep, agent_links_sweep, agent, NULL);
  g_source_attach (agent->sweep, agent->context);
  agent->port = agent_port_new (socket, agent->socket_path, agent->context, on_connection, agent);
  return TRUE;
}

void
agent_server_stop (Agent *agent)
{
  agent_tls_stop (agent);
  if (agent->port == NULL)
    return;

  if (agent->inherited == NULL)
    g_unlink (agent->socket_path);
  g_clear_pointer (&agent->port, agent_port_free);
  destroy_source (g_steal_pointer (&agent->sweep));
  agent_links_end (agent);
  close (agent->never);
  close (agent->never_peer);
}
