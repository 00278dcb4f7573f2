/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The one HTTP client of an agent.  A client belongs to the thread that made
 * it; its asynchronous calls complete in that thread's default context.
 */

#include <gio/gio.h>

#include "api-types.h"

G_BEGIN_DECLS

#define QMIG_TYPE_CLIENT (qmig_client_get_type ())
G_DECLARE_FINAL_TYPE (QmigClient, qmig_client, QMIG, CLIENT, GObject)

/* TLS 1.3 only, for agent and clients alike.  Before any thread is there. */
void qmig_client_init_tls (void);

/* Directories of this user's own host: QMIG_RUNTIME_DIR or $XDG_RUNTIME_DIR/qmig (or a private directory below /tmp
 * where there is none); QMIG_STATE_DIR or $XDG_STATE_HOME/qmig.  (transfer full) */
char *qmig_client_default_runtime_dir (void);
char *qmig_client_default_state_dir (void);
char *qmig_client_default_config_path (void); /* QMIG_CONFIG or $XDG_CONFIG_HOME/qmig/qmig.conf */

/* Resolves a host name of the config file ([host NAME] uri=…), "local", or a URI, to a URI.  QMIG_EXIT_NOT_FOUND names near misses. */
char *qmig_client_resolve_host (const char *name_or_uri, GError **error);

/**
 * qmig_client_new:
 * @uri: "local", "unix:PATH", "ssh://[USER@]HOST[:PORT]" or "https://HOST[:PORT]"
 *
 * Makes no connection yet.  The way by ssh is that of client-tunnel.h; what ssh
 * says decides over QMIG_EXIT_UNREACHABLE, or QMIG_EXIT_DENIED for keys.  @error: QMIG_EXIT_USAGE for a URI it cannot read.
 */
QmigClient *qmig_client_new (const char *uri, GError **error);
const char *qmig_client_get_uri (QmigClient *self);
/* PEM of what the agent has shown over https, good or not; NULL before, and over other ways.  (transfer none) (nullable) */
const char *qmig_client_get_certificate (QmigClient *self);

/**
 * qmig_client_ensure_agent:
 * @program: the qmig binary to start as `PROGRAM agent run`
 *
 * For "local" only: if nobody answers on the socket, starts the agent in a
 * session of its own, its log in STATE_DIR/agent.log, and returns when it
 * answers.  Two commands at once start one agent (a lock file decides).
 */
gboolean qmig_client_ensure_agent (QmigClient *self, const char *program, GCancellable *cancellable, GError **error);

/**
 * qmig_client_call:
 * @path: "/v1/…", already escaped (qmig_client_path())
 * @body: (nullable) (transfer none)
 * @timeout_ms: of the whole call
 * @problem: (out) (optional) (transfer full) (nullable): the agent's own account of a refusal
 * @cancellable: (nullable): to be cancelled by this thread alone
 *
 * Errors: the agent's problem as QMIG_ERROR with its exit code and text;
 * QMIG_EXIT_UNREACHABLE when nobody answers (naming the URI and the reason);
 * QMIG_EXIT_TIMEOUT; G_IO_ERROR_CANCELLED.
 *
 * Returns: (transfer full): the answer, an object ({} for an empty one)
 */
JsonObject *qmig_client_call (QmigClient    *self,
                              const char    *method,
                              const char    *path,
                              JsonObject    *body,
                              gint64         timeout_ms,
                              QmigProblem  **problem,
                              GCancellable  *cancellable,
                              GError       **error) G_GNUC_WARN_UNUSED_RESULT;
void qmig_client_call_async (QmigClient          *self,
                             const char          *method,
                             const char          *path,
                             JsonObject          *body,
                             gint64               timeout_ms,
                             GCancellable        *cancellable,
                             GAsyncReadyCallback  callback,
                             gpointer             user_data);
JsonObject *qmig_client_call_finish (QmigClient *self, GAsyncResult *result, QmigProblem **problem, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* printf-like; every %s is percent-escaped as one path segment or query value.  (transfer full) */
char *qmig_client_path (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* Return FALSE to stop following. */
typedef gboolean (*QmigEventFunc) (const QmigEvent *event, gpointer user_data);

/**
 * qmig_client_follow:
 * @migration: id
 * @after: last seq already seen; 0 for all
 * @cancellable: (nullable): any thread may cancel it
 *
 * Calls @func for each event in order, without repeat, until the `result`
 * event was delivered, the agent says that nothing more will come (an ended
 * migration, and @after behind its result), @func says stop, or @cancellable.
 * Seqs grow but may be sparse: a slow reader is spared samples, never anything
 * else.  A lost or silent stream (no heartbeat for 10 s) is opened again from
 * the last seq; @error QMIG_EXIT_UNREACHABLE when the agent stays away for 30 s.
 *
 * Runs the default context of the thread meanwhile.
 */
gboolean qmig_client_follow (QmigClient     *self,
                             const char     *migration,
                             gint64          after,
                             QmigEventFunc   func,
                             gpointer        user_data,
                             GCancellable   *cancellable,
                             GError        **error) G_GNUC_WARN_UNUSED_RESULT;

typedef struct _QmigFollow QmigFollow;
/* @error: NULL where following ended as it should */
typedef void (*QmigFollowDone) (const GError *error, gpointer user_data);

/**
 * qmig_client_follow_start:
 *
 * qmig_client_follow() without waiting: @func and then, once, @done are called
 * from the client's context.  The result has to be given to
 * qmig_follow_stop(), at any time, also in @func or @done; nothing is called
 * after that.
 */
QmigFollow *qmig_client_follow_start (QmigClient      *self,
                                      const char      *migration,
                                      gint64           after,
                                      QmigEventFunc    func,
                                      QmigFollowDone   done,
                                      gpointer         user_data);
void qmig_follow_stop (QmigFollow *follow);

G_END_DECLS
