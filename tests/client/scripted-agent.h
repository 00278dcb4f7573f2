/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An agent that says exactly what a test wants, byte for byte, one answer per connection. */

#include "client-private.h"

typedef struct
{
  const char *answer; /* sent when the request has come, or NULL for nothing */
  gboolean keep_open; /* afterwards the connection stays open in silence */
  gboolean drop_next; /* afterwards a second request over the same connection is dropped with it, unanswered */
} ScriptedAnswer;

typedef struct
{
  char *dir;
  char *uri;
  GThread *thread;
  GSocket *listener;
  GCancellable *stop;
  const ScriptedAnswer *answers;
  gsize n_answers;
  GPtrArray *requests; /* of char *: head and body of each; complete after scripted_agent_stop() */
  GPtrArray *open;
} ScriptedAgent;

ScriptedAgent *scripted_agent_start (const ScriptedAnswer *answers, gsize n_answers);
void scripted_agent_stop (ScriptedAgent *self); /* no more connections; requests may be read */
void scripted_agent_free (ScriptedAgent *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScriptedAgent, scripted_agent_free)

/* The heads of answers. */
#define HEAD(status, type) "HTTP/1.1 " status "\r\nX-Qmig-Api: 1\r\nContent-Type: " type "\r\n"
#define JSON_HEAD(status) HEAD (status, "application/json") "Connection: close\r\n\r\n"
#define STREAM_HEAD HEAD ("200 OK", "application/jsonl") "Transfer-Encoding: chunked\r\n\r\n"
#define STREAM_END "0\r\n\r\n"

/* @text as one chunk.  (transfer full) */
char *scripted_chunk (const char *text);
