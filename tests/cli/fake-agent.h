/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An agent whose answers are canned, on a unix socket in a temporary
 * directory, and qmig run against it.  All in the default main context.
 */

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _FakeAgent FakeAgent;

FakeAgent *fake_agent_new (void);
void fake_agent_free (FakeAgent *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeAgent, fake_agent_free)

const char *fake_agent_get_dir (FakeAgent *self);
char *fake_agent_get_uri (FakeAgent *self); /* (transfer full) */

/* What is answered to @method on exactly @target ("/v1/vms?ask=0"); what has no answer is a 500. */
void fake_agent_answer (FakeAgent *self, const char *method, const char *target, guint status, const char *json);

/* Lines for the event stream of @migration from now on; @close ends it orderly after them. */
void fake_agent_stream (FakeAgent *self, const char *migration, const char *lines, gboolean close);

/* Adds to a stream while somebody follows it. */
void fake_agent_add_to_stream (FakeAgent *self, const char *lines);

/* Adds to a stream that is open, and ends it. */
void fake_agent_finish_stream (FakeAgent *self, const char *lines);

/* From now on it takes every request, and answers none. */
void fake_agent_silence (FakeAgent *self);

/* Called when a request for @target with @method came, before it is answered. */
void fake_agent_on_request (FakeAgent *self, const char *method, const char *target, GCallback func, gpointer data);

/* Body of the last request to @target, or NULL where there was none.  (transfer none) */
const char *fake_agent_get_body (FakeAgent *self, const char *method, const char *target);
guint fake_agent_count (FakeAgent *self, const char *method, const char *target);

typedef struct
{
  GSubprocess *process;
  char *out;
  char *err;
  int status;  /* exit status, or 128 + signal */
  gboolean done;
} Run;

/* Starts qmig with @line, split like a shell does it, QMIG_HOST naming the fake.  (transfer full) */
Run *fake_agent_start (FakeAgent *self, const char *line);
/* Waits for its end under a limit. */
void run_wait (Run *run);
void run_free (Run *run);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Run, run_free)

/* Both. */
Run *fake_agent_run (FakeAgent *self, const char *line);

/* Runs another command to which the path of qmig is the last argument: for `sh -c '"$0" …'`. */
Run *fake_agent_run_in_shell (FakeAgent *self, const char *line);

/* Fails the test unless @text is what tests/cli/golden/NAME.txt holds; QMIG_UPDATE_GOLDEN=1 writes it instead. */
void assert_golden (const char *name, const char *text);

/* Iterates until *@flag, under a limit. */
void wait_for (const gboolean *flag);

G_END_DECLS
