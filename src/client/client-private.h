/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of the client share; not for other rooms, except tests. */

#include <libsoup/soup.h>

#include "client-tunnel.h"
#include "client.h"

G_BEGIN_DECLS

/* Most bytes of an answer, and of one line of an event stream. */
#define CLIENT_ANSWER_MAX_BYTES (16u * 1024 * 1024)
#define CLIENT_LINE_MAX_BYTES (1024u * 1024)

/* Longest path a unix socket address can hold. */
#define CLIENT_SOCKET_PATH_MAX 107

struct _QmigClient
{
  GObject parent_instance;
  char *uri;
  char *base;           /* of the URIs of messages */
  char *socket_path;    /* NULL for https */
  ClientTunnel *tunnel; /* (nullable): what is behind socket_path, for ssh:// */
  GMainContext *context; /* of the thread that made the client */
  SoupSession *session;

  /* https only */
  char *host;           /* whose name is to be in the certificate */
  char *pin;            /* fingerprint it must have (nullable) */
  char *pki_dir;
  GTlsCertificate *own; /* once it was needed */
  char *theirs;         /* PEM of the certificate that was judged last (nullable) */
};

/* A message for "/v1/…", with @body (nullable) as JSON. */
SoupMessage *client_message_new (QmigClient *self, const char *method, const char *path, JsonObject *body, GError **error);

/* The fingerprint that the config file wants of the host with this URI. *pin: NULL where it says nothing */
gboolean client_find_pin (const char *uri, char **pin, GError **error);

/* Whether the head of an answer is one of an agent that speaks our API. */
gboolean client_check_api (QmigClient *self, SoupMessage *message, GError **error);

/* Reads the body of an answer: its object, or as error what the agent's problem says. */
JsonObject *client_read_answer (QmigClient    *self,
                                SoupMessage   *message,
                                const guint8  *text,
                                gsize          length,
                                QmigProblem  **problem,
                                GError       **error);

/* @cause, or rather what the tunnel says, as QMIG_EXIT_UNREACHABLE (or the tunnel's code) that names the agent. */
GError *client_unreachable (QmigClient *self, const GError *cause);

typedef struct
{
  gint64 silence_ms;   /* a stream without a line for so long is dropped */
  gint64 away_ms;      /* no line for so long, in spite of new attempts: given up */
  gint64 retry_ms;     /* first pause before a new attempt; doubles up to a second */
} ClientFollowLimits;

extern const ClientFollowLimits client_follow_limits;

/* qmig_client_follow() under other limits. */
gboolean client_follow_within (QmigClient                *self,
                               const char                *migration,
                               gint64                     after,
                               const ClientFollowLimits  *limits,
                               QmigEventFunc              func,
                               gpointer                   user_data,
                               GCancellable              *cancellable,
                               GError                   **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
