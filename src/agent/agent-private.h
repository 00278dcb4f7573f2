/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of the agent share.  Everything belongs to the main context
 * unless it says "any thread".
 */

#include <libsoup/soup.h>

#include "agent-auth.h"
#include "api-types.h"
#include "qmig-env.h"
#include "qmig-journal.h"
#include "qmig-migration.h"

G_BEGIN_DECLS

typedef struct _Agent Agent;
typedef struct _AgentRequest AgentRequest;
typedef struct _AgentRoute AgentRoute;
typedef struct _AgentTls AgentTls;
typedef struct _AgentChanges AgentChanges;

struct _Agent
{
  QmigEnv env;
  char *socket_path;
  GMainContext *context;
  GMainLoop *loop;
  QmigJournal *journal;     /* of the main context; other threads open their own */
  struct _AgentPort *port;  /* of the unix socket; NULL while it is not served */
  GSource *sweep;
  int never;                /* a socket that nothing ever comes from … */
  int never_peer;           /* … as long as this one is open */
  GSocket *inherited;       /* (nullable): of the service manager, which keeps it when we end */
  AgentTls *tls;            /* (nullable) */
  AgentChanges *changes;    /* (nullable) who did what, on its way to the journal */
  guint n_workers;          /* threads of requests that block, and of reservations */
  guint n_blocking;         /* of these, the ones of requests … */
  GQueue waiting;           /* … and AgentRequests that wait for one of them to end */
  int runtime_lock;
  int state_lock;

  GMutex lock;              /* guards these tables, which any thread may read */
  GHashTable *migrations;   /* id → QmigMigration, live or just over */
  GHashTable *unwritten_results; /* id → line of the result; main thread only */
  GHashTable *incomings;    /* id → AgentIncoming */
  char *tls_uri;            /* (nullable) where https is served */
  GHashTable *connections;  /* who, as text → number of connections */

  GPtrArray *streams;       /* AgentStream, each owned by its request */
  GHashTable *links;        /* AgentLinks that are served */
};

/* -- requests (agent-request.c) -------------------------------------------- */

#define AGENT_MAX_PARAMS 2
#define AGENT_BODY_MAX_BYTES (1024u * 1024)
#define AGENT_TARGET_MAX_BYTES 4096u

struct _AgentRequest
{
  Agent *agent;
  const AgentRoute *route;
  SoupServerMessage *message;       /* main context only */
  char *params[AGENT_MAX_PARAMS];   /* the path's variable segments, unescaped */
  GHashTable *query;
  JsonObject *body;                 /* (nullable) */
  char *who;                        /* the caller, for people and the journal */
  guint status;                     /* of the answer, if it is no problem; 200 unless changed */
  char *problem_migration;          /* what the problem is about (nullable) */
  gint64 started_us;
  gboolean gone;                    /* the client has left; nobody reads the answer */
  GDestroyNotify on_gone;           /* told when it leaves while the answer is outstanding */
  gpointer on_gone_data;
};

/* Pauses the message until a reply. */
AgentRequest *agent_request_new (Agent *agent, SoupServerMessage *message);
void agent_request_free (AgentRequest *self);

/* Each answers and frees @self; main context. @object, @error: (transfer full) */
void agent_request_reply (AgentRequest *self, JsonObject *object);
void agent_request_fail (AgentRequest *self, GError *error);

const char *agent_request_query (AgentRequest *self, const char *name); /* (nullable) */
/* QMIG_EXIT_USAGE for what is no number from @min to @max. */
gboolean agent_request_query_int (AgentRequest *self, const char *name, gint64 fallback, gint64 min, gint64 max, gint64 *value, GError **error);
gboolean agent_request_query_flag (AgentRequest *self, const char *name, gboolean fallback);

/* The body as a value of @type; a missing body is an error if @needed, otherwise a value with everything missing. */
gpointer agent_request_read (AgentRequest *self, const ApiType *type, gboolean needed, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The exit code and HTTP status that stand for @error; any thread. */
QmigExit agent_error_exit (const GError *error);
guint agent_exit_status (QmigExit code);

/* Puts a problem where an answer goes, before or without a request. */
char *agent_problem_to_text (const GError *error, const char *migration); /* (transfer full) */
void agent_answer_problem (SoupServerMessage *message, guint status, const GError *error, const char *migration);

/* -- routes (agent-routes.c) ------------------------------------------------ */

/* Gives the answer, (transfer full). */
typedef JsonObject *(*AgentHandler) (AgentRequest *request, GError **error);
/* Takes @request and answers it some time. */
typedef void (*AgentLater) (AgentRequest *request);

struct _AgentRoute
{
  const char *method;
  const char *pattern;    /* "*" stands for one segment */
  AgentNeed need;
  gboolean blocks;        /* @run runs in a worker thread, with a context of its own */
  AgentHandler run;       /* either … */
  AgentLater later;       /* … or */
  gboolean urgent;        /* steers a migration: not behind those that wait for a QEMU which hangs */
};

/* Pure. NULL with *allow (transfer full) the methods that the path has, or NULL where it has none; @params: new strings. */
const AgentRoute *agent_routes_find (const char *method, const char *path, char *params[AGENT_MAX_PARAMS], char **allow);
const AgentRoute *agent_routes_get_all (gsize *n);

/* -- live migrations (agent-migrations.c) ----------------------------------- */

/* The observer of every migration: passes each event on to the main context. */
void agent_migrations_observe (QmigMigration *migration, const QmigEvent *event, gpointer agent);
void agent_migrations_forget_end (Agent *agent, const char *migration);              /* any thread: one that the journal could not take; work goes on */
void agent_migrations_add (Agent *agent, QmigMigration *migration);                 /* any thread; takes a reference */
QmigMigration *agent_migrations_lookup (Agent *agent, const char *id);              /* any thread; (transfer full) (nullable) */
GPtrArray *agent_migrations_list_infos (Agent *agent);                              /* any thread; QmigMigrationInfo */
guint agent_migrations_count (Agent *agent);                                        /* any thread; those not over */
/* QmigInventoryBusy over migrations and reservations; any thread. */
char *agent_migrations_busy (gint64 pid, char **run_state, gpointer agent);
/* Takes up every open migration of the journal. */
gboolean agent_migrations_recover (Agent *agent, GError **error);

/* -- event streams (agent-stream.c) ----------------------------------------- */

GPtrArray *agent_streams_new (void);
void agent_stream_start (AgentRequest *request);
/* Something was written for @migration. */
void agent_streams_wake (Agent *agent, const char *migration);

/* -- reservations (agent-incoming.c) ---------------------------------------- */

GHashTable *agent_incomings_table_new (void);
void agent_incoming_prepare (AgentRequest *request);
void agent_incoming_get (AgentRequest *request);
void agent_incoming_act (AgentRequest *request);
guint agent_incomings_count (Agent *agent);                                          /* any thread */
char *agent_incomings_find_pid (Agent *agent, gint64 pid, char **run_state);         /* any thread; id, (transfer full) (nullable) */
/* Takes up every reservation of the journal. */
gboolean agent_incomings_recover (Agent *agent, GError **error);

/* -- changes (agent-changes.c) ----------------------------------------------- */

AgentChanges *agent_changes_start (Agent *agent);
/* Writes what is left. @self: (nullable) */
void agent_changes_stop (AgentChanges *self);
/* No worker is left that might read. */
void agent_changes_free (AgentChanges *self);
/* @request was let in and is being answered with @status. */
void agent_changes_note (AgentRequest *request, guint status);

/* -- handlers ---------------------------------------------------------------- */

JsonObject *agent_get_host (AgentRequest *request, GError **error);
JsonObject *agent_list_hosts (AgentRequest *request, GError **error);
JsonObject *agent_add_host (AgentRequest *request, GError **error);
JsonObject *agent_remove_host (AgentRequest *request, GError **error);
JsonObject *agent_get_probe (AgentRequest *request, GError **error);
JsonObject *agent_test_host (AgentRequest *request, GError **error);
gint64 agent_probe_link (const QmigEnv *env, const char *uri); /* a QmigProbeLink; any thread */
JsonObject *agent_get_doctor (AgentRequest *request, GError **error);
JsonObject *agent_post_facts (AgentRequest *request, GError **error);
JsonObject *agent_post_enroll_offer (AgentRequest *request, GError **error);
JsonObject *agent_post_enroll_accept (AgentRequest *request, GError **error);
JsonObject *agent_post_reload (AgentRequest *request, GError **error);
JsonObject *agent_post_stop (AgentRequest *request, GError **error);
JsonObject *agent_list_changes (AgentRequest *request, GError **error);

JsonObject *agent_list_policies (AgentRequest *request, GError **error);
JsonObject *agent_get_policy (AgentRequest *request, GError **error);

JsonObject *agent_list_vms (AgentRequest *request, GError **error);
JsonObject *agent_get_vm (AgentRequest *request, GError **error);
JsonObject *agent_post_vm (AgentRequest *request, GError **error);
JsonObject *agent_remove_vm (AgentRequest *request, GError **error);
JsonObject *agent_stop_vm (AgentRequest *request, GError **error);
JsonObject *agent_vm_qmp (AgentRequest *request, GError **error);

JsonObject *agent_post_check (AgentRequest *request, GError **error);
JsonObject *agent_post_migration (AgentRequest *request, GError **error);
JsonObject *agent_list_migrations (AgentRequest *request, GError **error);
JsonObject *agent_get_migration (AgentRequest *request, GError **error);
JsonObject *agent_patch_knobs (AgentRequest *request, GError **error);
JsonObject *agent_act_on_migration (AgentRequest *request, GError **error);

/* What @what means: an id, a unique prefix, the name of a VM with one active run, or "last".  Any thread, with its own @journal. */
char *agent_find_migration (Agent *agent, QmigJournal *journal, const char *what, GError **error);

/* A journal of the calling thread. */
QmigJournal *agent_open_journal (Agent *agent, GError **error);

/* The URI of a host of the config file; "local" and our own name lead to our own socket.  (transfer full) */
char *agent_host_resolve (Agent *agent, const char *name_or_uri, GError **error);

/* qmig_env's open_host. */
QmigHost *agent_open_host (const QmigEnv *env, const char *uri, GError **error);

/* qmig_env's find_policy: read anew each time, any thread. */
QmigPolicy *agent_find_policy (const QmigEnv *env, const char *name, GError **error);

/* -- server (agent-server.c) -------------------------------------------------- */

/* Serves on the agent's socket; the locks are held. */
gboolean agent_server_start (Agent *agent, GError **error);
void agent_server_stop (Agent *agent);
/* An HTTP server for one connection.  (transfer full) */
SoupServer *agent_server_new (Agent *agent, GError **error);
/* Directories and locks: nobody else serves them. */
gboolean agent_server_take_dirs (Agent *agent, GError **error);

G_END_DECLS
