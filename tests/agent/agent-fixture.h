/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An agent on directories of its own. */

#include "client.h"
#include "qmig-journal.h"

typedef struct
{
  char *dir;
  char *runtime;
  char *state;
  char *socket;
  char *log;
  GPid pid;           /* 0 while none runs */
  QmigClient *client;
} AgentFixture;

/* Limit for what ought to happen at once. */
#define PATIENCE_MS 60000

void agent_fixture_set_up (AgentFixture *self, gconstpointer data);
void agent_fixture_tear_down (AgentFixture *self, gconstpointer data);
/* The same without starting the agent. */
void agent_fixture_prepare (AgentFixture *self, gconstpointer data);

void agent_fixture_start (AgentFixture *self);
/* @signal 0: waits for it to end by itself. Returns the wait status. */
int agent_fixture_end (AgentFixture *self, int signal);
/* Another agent on these directories, which is expected to end by itself: its exit status, and what it said. */
int agent_fixture_run_second (AgentFixture *self, const char *runtime, const char *state, char **said);
char *agent_fixture_read_log (AgentFixture *self);

/* @body: JSON text (nullable). Fails the test unless it is answered. */
JsonObject *agent_fixture_call (AgentFixture *self, const char *method, const char *path, const char *body);
/* Fails the test unless it is refused with @code; the text. */
char *agent_fixture_refused (AgentFixture *self, const char *method, const char *path, const char *body, QmigExit code);

/* Sends @request as it is, and reads until the agent closes or @needle came. */
char *agent_fixture_raw (AgentFixture *self, const char *request, gssize length, const char *needle);
int agent_fixture_connect (AgentFixture *self);

QmigJournal *agent_fixture_journal (AgentFixture *self);

/* Every QEMU that has @text in its command line is killed. */
void agent_fixture_kill_qemus (const char *text);
void agent_fixture_wait_gone (gint64 pid, gint64 start_time);
