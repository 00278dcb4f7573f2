/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-arrival.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "agent-link.h"

/* Each TLS connection begins with a record of type handshake: type, version, and the length of what follows. */
#define TLS_HANDSHAKE 22
#define RECORD_HEAD_BYTES 5
#define RECORD_MAX_BYTES 16384
/* A caller that has gone without goodbye is given up after this, whether we have something for it or not. */
#define USER_TIMEOUT_MS 20000
#define KEEPALIVE_S 10

struct _AgentArrivals
{
  Agent *agent;
  GQueue pending;  /* Arrival, the oldest first */
  GQueue waiting;  /* of these, the ones that have begun TLS and wait for a turn, the newest first … */
  GQueue shaking;  /* … and the ones whose turn it is, the oldest first; or who are called off, and not gone yet */
  GSource *turn;   /* when the oldest of these has to give way */
  guint n_threads;
  gint64 logged_us;
  guint n_unlogged;
};

typedef struct
{
  AgentArrivals *arrivals;
  Agent *agent;
  GList pending; /* data is NULL once it is called off */
  GList turn;    /* in waiting or shaking; data is NULL while it is in neither */
  gint64 begun_us;
  GSocket *socket;
  GSocketConnection *connection;
  char *from;           /* its address, for the log */
  GCancellable *stop;
  GSource *hello;       /* until all of the first record has come */
  GSource *deadline;

  /* of its thread until that ends */
  GThread *thread;
  GTlsConnection *tls;
  AgentLink *link;      /* the caller is welcome */
  GError *refusal;
} Arrival;

GTlsCertificate *
agent_arrivals_load_certificate (Agent *agent, GError **error)
{
  g_autofree char *certificate = g_build_filename (agent->env.pki_dir, "server-cert.pem", NULL);
  g_autofree char *key = g_build_filename (agent->env.pki_dir, "server-key.pem", NULL);
  g_autoptr(GError) cause = NULL;
  GTlsCertificate *loaded;

  if (!g_file_test (certificate, G_FILE_TEST_EXISTS) || !g_file_test (key, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND,
                   "this host has no certificate of its own (server-cert.pem and server-key.pem in '%s')", agent->env.pki_dir);
      return NULL;
    }

  loaded = g_tls_certificate_new_from_files (certificate, key, &cause);
  if (loaded == NULL)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot read this host's certificate '%s' and its key: %s", certificate,
                 cause->message);
  return loaded;
}

/* -- life ------------------------------------------------------------------------ */

static void
drop_source (GSource **source)
{
  if (*source == NULL)
    return;

  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
leave_pending (Arrival *self)
{
  if (self->pending.data != NULL)
    g_queue_unlink (&self->arrivals->pending, &self->pending);
  self->pending.data = NULL;
}

static void
arrival_free (Arrival *self)
{
  leave_pending (self);
  if (self->turn.data != NULL)
    g_queue_unlink (&self->arrivals->waiting, &self->turn);
  drop_source (&self->hello);
  drop_source (&self->deadline);
  g_clear_pointer (&self->link, agent_link_free);
  g_clear_object (&self->tls);
  g_clear_object (&self->connection);
  g_clear_object (&self->socket);
  g_clear_object (&self->stop);
  g_clear_error (&self->refusal);
  g_free (self->from);
  g_free (self);
}

/* Its thread, if there is one, frees it. */
static void
call_off (Arrival *self)
{
  leave_pending (self);
  g_cancellable_cancel (self->stop);
  if (self->thread == NULL)
    arrival_free (self);
}

AgentArrivals *
agent_arrivals_new (Agent *agent)
{
  AgentArrivals *self = g_new0 (AgentArrivals, 1);

  self->agent = agent;
  g_queue_init (&self->pending);
  g_queue_init (&self->waiting);
  g_queue_init (&self->shaking);
  return self;
}

void
agent_arrivals_free (AgentArrivals *self)
{
  while (self->pending.head != NULL)
    call_off (self->pending.head->data);
  while (self->n_threads > 0)
    g_main_context_iteration (self->agent->context, TRUE);
  drop_source (&self->turn);
  g_free (self);
}

/* -- in the thread ----------------------------------------------------------------- */

/* Judged afterwards, where the reason can be told. */
static gboolean
accept_any (GTlsConnection *tls, GTlsCertificate *certificate, GTlsCertificateFlags errors, gpointer user_data)
{
  return TRUE;
}

static gboolean
shake_hands (Arrival *self, GError **error)
{
  g_autoptr(GTlsCertificate) own = agent_arrivals_load_certificate (self->agent, error);
  g_autoptr(GIOStream) tls = NULL;

  if (own == NULL)
    return FALSE;

  /* No list of authorities: without being told so from the start, GIO would read the machine's for each connection. */
  tls = g_initable_new (g_tls_backend_get_server_connection_type (g_tls_backend_get_default ()), self->stop, error,
                        "base-io-stream", self->connection, "certificate", own, "database", NULL, "authentication-mode",
                        G_TLS_AUTHENTICATION_REQUESTED, "require-close-notify", FALSE, NULL);
  if (tls == NULL)
    return FALSE;

  g_signal_connect (tls, "accept-certificate", G_CALLBACK (accept_any), NULL);
  if (!g_tls_connection_handshake (G_TLS_CONNECTION (tls), self->stop, error))
    return FALSE;

  self->tls = G_TLS_CONNECTION (g_steal_pointer (&tls));
  return TRUE;
}

static AgentLink *
judge (Arrival *self, GError **error)
{
  GTlsCertificate *certificate = g_tls_connection_get_peer_certificate (self->tls);
  g_autofree char *pem = NULL;
  g_autoptr(QmigPeer) known_as = NULL;

  if (certificate == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_DENIED,
                   "permission denied: the caller showed no certificate; this agent serves those alone that it knows by one");
      return NULL;
    }

  g_object_get (certificate, "certificate-pem", &pem, NULL);
  known_as = qmig_pki_judge_client (self->agent->env.pki_dir, pem, error);
  return known_as != NULL ? agent_link_new_tls (self->agent, known_as, pem, self->socket, error) : NULL;
}

/* Our own troubles are for our own log. */
static char *
refusal_as_answer (const GError *refusal)
{
  gboolean denied = g_error_matches (refusal, QMIG_ERROR, QMIG_EXIT_DENIED);
  gboolean many = g_error_matches (refusal, QMIG_ERROR, QMIG_EXIT_CONFLICT);
  const char *status = denied ? "403 Forbidden" : many ? "503 Service Unavailable" : "500 Internal Server Error";
  g_autoptr(GError) hidden = g_error_new_literal (QMIG_ERROR, QMIG_EXIT_ERROR,
                                                  "this agent cannot judge certificates now: its log says why");
  g_autofree char *problem = agent_problem_to_text (denied || many ? refusal : hidden, NULL);

  return g_strdup_printf ("HTTP/1.1 %s\r\nX-Qmig-Api: %d\r\nContent-Type: application/problem+json\r\n"
                          "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                          status, QMIG_API_VERSION, strlen (problem), problem);
}

/* What the caller has sent and nobody reads would make the kernel reset the connection, and the answer would be lost. */
static void
drain (Arrival *self)
{
  gint64 until_us = g_get_monotonic_time () + agent_limits.drain_ms * 1000;
  char waste[16384];
  gssize n = 1;

  g_socket_shutdown (self->socket, FALSE, TRUE, NULL);
  g_socket_set_blocking (self->socket, FALSE);
  while (n > 0)
    {
      gint64 left_us = until_us - g_get_monotonic_time ();

      if (left_us <= 0 || !g_socket_condition_timed_wait (self->socket, G_IO_IN, left_us, self->stop, NULL))
        return;
      n = g_socket_receive (self->socket, waste, sizeof waste, NULL, NULL);
    }
}

static void
send_refusal (Arrival *self)
{
  g_autofree char *answer = refusal_as_answer (self->refusal);
  GOutputStream *out = g_io_stream_get_output_stream (G_IO_STREAM (self->tls));

  if (g_output_stream_write_all (out, answer, strlen (answer), NULL, self->stop, NULL)
      && g_output_stream_close (out, self->stop, NULL))
    drain (self);
}

static gboolean shaken (gpointer user_data);
static gboolean arrived (gpointer user_data);

static gpointer
arrive (gpointer user_data)
{
  Arrival *self = user_data;
  gboolean done = shake_hands (self, &self->refusal);

  g_main_context_invoke (self->agent->context, shaken, self);
  if (done)
    {
      self->link = judge (self, &self->refusal);
      if (self->link == NULL)
        send_refusal (self);
    }
  g_main_context_invoke (self->agent->context, arrived, self);
  return NULL;
}

/* -- in the main context --------------------------------------------------------------- */

/* Anybody can have any number of refusals: the log takes one a second. */
static void
log_refusal (AgentArrivals *self, const char *from, const char *why)
{
  gint64 now_us = g_get_monotonic_time ();

  if (now_us - self->logged_us < G_TIME_SPAN_SECOND)
    {
      self->n_unlogged++;
      return;
    }

  if (self->n_unlogged > 0)
    g_message ("refused %s: %s (and %u others before)", from, why, self->n_unlogged);
  else
    g_message ("refused %s: %s", from, why);
  self->logged_us = now_us;
  self->n_unlogged = 0;
}

static gboolean
arrived (gpointer user_data)
{
  Arrival *self = user_data;

  g_thread_join (self->thread);
  self->arrivals->n_threads--;
  if (!g_cancellable_is_cancelled (self->stop) && self->link != NULL)
    agent_link_serve (g_steal_pointer (&self->link), G_IO_STREAM (self->tls));
  else if (!g_cancellable_is_cancelled (self->stop))
    log_refusal (self->arrivals, self->from, self->refusal->message);
  arrival_free (self);
  return G_SOURCE_REMOVE;
}

static gboolean
too_late (gpointer user_data)
{
  Arrival *self = user_data;

  log_refusal (self->arrivals, self->from, "it did not say who it is in time");
  call_off (self);
  return G_SOURCE_REMOVE;
}

/* Somebody speaks plain HTTP, or nothing we know: two lines help, and cost less than silence. */
static void
answer_in_plain (Arrival *self)
{
  static const char text[] = "this port speaks TLS: use https://\n";
  g_autofree char *answer = g_strdup_printf ("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                                             "Connection: close\r\n\r\n%s", sizeof text - 1, text);
  char waste[4096];

  /* What it sent is read, so that the answer is not lost by a reset; more than that would be waiting for it. */
  g_socket_receive (self->socket, waste, sizeof waste, NULL, NULL);
  g_socket_send (self->socket, answer, strlen (answer), NULL, NULL);
  g_socket_shutdown (self->socket, FALSE, TRUE, NULL);
  log_refusal (self->arrivals, self->from, "it does not speak TLS");
}

/* -- turns ------------------------------------------------------------------------------- */

static void take_turns (AgentArrivals *self);

static gboolean
turn_over (gpointer user_data)
{
  AgentArrivals *self = user_data;

  drop_source (&self->turn);
  take_turns (self);
  return G_SOURCE_REMOVE;
}

static void
begin_handshake (Arrival *self)
{
  AgentArrivals *arrivals = self->arrivals;

  g_queue_unlink (&arrivals->waiting, &self->turn);
  g_queue_push_tail_link (&arrivals->shaking, &self->turn);
  self->begun_us = g_get_monotonic_time ();
  g_socket_set_blocking (self->socket, TRUE);
  g_socket_set_option (self->socket, SOL_SOCKET, SO_RCVLOWAT, 1, NULL);
  arrivals->n_threads++;
  self->thread = g_thread_new ("arrival", arrive, self);
}

/*
 * Somebody who begins TLS and then dawdles keeps a thread of GIO's pool from
 * everybody else: while others wait, it has to give way soon.  The newest goes
 * first, as the oldest are the first to be displaced.
 */
static void
take_turns (AgentArrivals *self)
{
  Arrival *oldest;
  gint64 left_ms;

  while (self->waiting.length > 0 && self->shaking.length < agent_limits.handshakes)
    begin_handshake (self->waiting.head->data);
  if (self->waiting.length == 0 || self->turn != NULL)
    return;

  oldest = self->shaking.head->data;
  left_ms = agent_limits.stale_ms - (g_get_monotonic_time () - oldest->begun_us) / 1000;
  if (left_ms <= 0)
    call_off (oldest);
  self->turn = g_timeout_source_new ((guint) CLAMP (left_ms, 1, agent_limits.stale_ms));
  g_source_set_callback (self->turn, turn_over, self, NULL);
  g_source_attach (self->turn, self->agent->context);
}

static gboolean
shaken (gpointer user_data)
{
  Arrival *self = user_data;

  g_queue_unlink (&self->arrivals->shaking, &self->turn);
  self->turn.data = NULL;
  take_turns (self->arrivals);
  return G_SOURCE_REMOVE;
}

/* -- the first record ------------------------------------------------------------------------ */

typedef enum
{
  HELLO_PENDING,
  HELLO_COMPLETE,
  HELLO_NOT_TLS,
  HELLO_GONE,
} Hello;

/* *wanted: (out): how much it takes to know more */
static Hello
look_at_hello (GSocket *socket, int *wanted)
{
  guint8 head[RECORD_HEAD_BYTES];
  GInputVector vector = { head, sizeof head };
  int flags = MSG_PEEK;
  gssize n = g_socket_receive_message (socket, NULL, &vector, 1, NULL, NULL, &flags, NULL, NULL);
  struct pollfd left = { .fd = g_socket_get_fd (socket), .events = POLLRDHUP };
  gsize size;

  if (n <= 0)
    return HELLO_GONE;
  if (head[0] != TLS_HANDSHAKE)
    return HELLO_NOT_TLS;

  size = n < (gssize) sizeof head ? sizeof head : sizeof head + ((gsize) head[3] << 8 | head[4]);
  if (n == (gssize) sizeof head && g_socket_get_available_bytes (socket) >= (gssize) size)
    return HELLO_COMPLETE;
  if (size > RECORD_MAX_BYTES || poll (&left, 1, 0) > 0)
    return HELLO_GONE;

  *wanted = (int) size;
  return HELLO_PENDING;
}

static gboolean
on_hello (GSocket *socket, GIOCondition condition, gpointer user_data)
{
  Arrival *self = user_data;
  int wanted;

  switch (look_at_hello (socket, &wanted))
    {
    case HELLO_PENDING:
      /* The kernel wakes us when there is more to see. */
      g_socket_set_option (socket, SOL_SOCKET, SO_RCVLOWAT, wanted, NULL);
      return G_SOURCE_CONTINUE;
    case HELLO_COMPLETE:
      drop_source (&self->hello);
      self->turn.data = self;
      g_queue_push_head_link (&self->arrivals->waiting, &self->turn);
      take_turns (self->arrivals);
      return G_SOURCE_REMOVE;
    case HELLO_NOT_TLS:
      answer_in_plain (self);
      break;
    case HELLO_GONE:
      break;
    }

  arrival_free (self);
  return G_SOURCE_REMOVE;
}

/* -- the socket ---------------------------------------------------------------------------------- */

static void
watch (Arrival *self, GSource **slot, GSource *source, GSourceFunc func)
{
  *slot = source;
  g_source_set_callback (source, func, self, NULL);
  g_source_attach (source, self->agent->context);
}

static char *
describe_address (GSocketConnection *connection)
{
  g_autoptr(GSocketAddress) address = g_socket_connection_get_remote_address (connection, NULL);

  return address != NULL ? g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address)) : g_strdup ("somebody");
}

void
agent_arrivals_add (AgentArrivals *arrivals, GSocket *socket)
{
  Arrival *self = g_new0 (Arrival, 1);

  g_socket_set_blocking (socket, FALSE);
  g_socket_set_keepalive (socket, TRUE);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_S, NULL);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_S, NULL);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS, NULL);

  self->arrivals = arrivals;
  self->agent = arrivals->agent;
  self->socket = g_object_ref (socket);
  self->connection = g_socket_connection_factory_create_connection (socket);
  self->from = describe_address (self->connection);
  self->stop = g_cancellable_new ();
  watch (self, &self->hello, g_socket_create_source (socket, G_IO_IN, NULL), G_SOURCE_FUNC (on_hello));
  watch (self, &self->deadline, g_timeout_source_new ((guint) agent_limits.handshake_ms), too_late);

  /* Not the newest: somebody who fills the room would keep everybody else out. */
  while (arrivals->pending.length >= agent_limits.arrivals)
    call_off (arrivals->pending.head->data);
  self->pending.data = self;
  g_queue_push_tail_link (&arrivals->pending, &self->pending);
}
