/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A QEMU monitor for tests, scripted, in a thread of its own.
 *
 *   g_autoptr(FakeQemu) fake = fake_qemu_new ();
 *   g_autoptr(GIOStream) stream = fake_qemu_connect (fake);
 *
 *   fake_qemu_reply (fake, "query-status", "{'status': 'postmigrate', 'running': false}");
 *   fake_qemu_fail (fake, "migrate", "GenericError", "There's a migration process in progress");
 *   fake_qemu_event_after (fake, "migrate-continue", "MIGRATION", "{'status': 'completed'}");
 *   … qmp_client_open_stream (stream, wait, &error) …
 *   g_assert_cmpuint (fake_qemu_count (fake, "migrate"), ==, 1);
 *
 * Where JSON text is asked for, single quotes may stand for double ones, so
 * the text itself cannot contain any single quote.  An answer holds from the
 * next command on until another one is set.  All functions may be called at
 * any time from the test's thread; they do not wait, but for those whose name
 * says so.
 *
 * Without a script it is an idle QEMU 7.2.22 with OOB: it negotiates, refuses
 * what it does not know by CommandNotFound, and answers
 *   query-status         its run state, "running" at first: fake_qemu_set_run_state()
 *   stop, cont           changes the run state, with STOP or RESUME before the answer
 *   query-migrate        {} at first: fake_qemu_reply (fake, "query-migrate", …)
 *   quit                 {}, then closes and listens no more
 *   query-name           "fake"; and likewise query-uuid, query-kvm,
 *   query-memory-size-summary (128 MiB), query-cpus-fast (1), query-machines,
 *   query-jobs and query-block (none), qom-get (machine type "pc-q35-7.2"), qom-list (empty),
 *   query-migrate-capabilities, query-migrate-parameters, query-yank,
 *   query-qmp-schema (empty)
 *   migrate-set-capabilities, migrate-set-parameters, migrate-incoming, migrate,
 *   migrate-continue, migrate_cancel, announce-self, yank    {}
 */

#include <gio/gio.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef struct _FakeQemu FakeQemu;

/* Reached by fake_qemu_connect(). */
FakeQemu *fake_qemu_new (void);

/* Listens at @path: one client at a time and a backlog of 1, as QEMU does.  The path is removed in the end. */
FakeQemu *fake_qemu_new_listening (const char *path);

void fake_qemu_free (FakeQemu *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeQemu, fake_qemu_free)

/* The client's end of a socketpair, greeted at once; (transfer full).  An earlier client is hung up on. */
GIOStream *fake_qemu_connect (FakeQemu *self);

/* How it introduces itself; to be set before a client connects. */

/* @bytes: what is sent instead of a greeting: "" is silence, "QEMU 7.2.22 monitor…" an HMP prompt */
void fake_qemu_set_greeting (FakeQemu *self, const char *bytes);
void fake_qemu_set_version (FakeQemu *self, int major, int minor, int micro);
void fake_qemu_set_oob (FakeQemu *self, gboolean is_offered);
/* All JSON over many lines, as of a monitor with pretty=on. */
void fake_qemu_set_pretty (FakeQemu *self, gboolean is_pretty);
/* Every write is cut into pieces of @bytes; 1 is byte by byte, 0 whole again. */
void fake_qemu_set_chunk (FakeQemu *self, gsize bytes);

/* What it answers to @command from now on. */

void fake_qemu_reply (FakeQemu *self, const char *command, const char *json);
void fake_qemu_fail (FakeQemu *self, const char *command, const char *klass, const char *desc);
/* Never an answer. */
void fake_qemu_ignore (FakeQemu *self, const char *command);
/* Takes the command and answers it, as set otherwise, only after fake_qemu_release(). */
void fake_qemu_hold (FakeQemu *self, const char *command);
/* Answers those that are held, in the order in which they came, and holds no more. */
void fake_qemu_release (FakeQemu *self, const char *command);
/* Hangs up instead of an answer. */
void fake_qemu_hang_up_on (FakeQemu *self, const char *command);
/* These bytes instead of an answer: half a message, garbage, an error without an id. */
void fake_qemu_raw_on (FakeQemu *self, const char *command, const char *bytes);
/* Forgets what was set for @command. */
void fake_qemu_reset (FakeQemu *self, const char *command);

/* These events around the answer to @command, each time; several are sent in the order in which they were set. */
void fake_qemu_event_before (FakeQemu *self, const char *command, const char *event, const char *data_json);
void fake_qemu_event_after (FakeQemu *self, const char *command, const char *event, const char *data_json);

/**
 * FakeQemuFunc:
 * @arguments: (nullable)
 *
 * Runs in the fake's thread with nothing locked, so it may call every function
 * of the fake that does not wait.
 *
 * Returns: (transfer full) (nullable): the answer as JSON; %NULL means: answer as it is set otherwise
 */
typedef char *(*FakeQemuFunc) (FakeQemu *self, const char *command, JsonObject *arguments, gpointer data);
void fake_qemu_handle (FakeQemu *self, const char *command, FakeQemuFunc func, gpointer data);

/* What it does now. */

/* @data_json: (nullable) */
void fake_qemu_event (FakeQemu *self, const char *event, const char *data_json);
void fake_qemu_raw (FakeQemu *self, const char *bytes, gssize length);
void fake_qemu_hang_up (FakeQemu *self);
/* As when the main loop is blocked: in-band commands wait until it thaws, those out of band are answered. */
void fake_qemu_freeze (FakeQemu *self, gboolean is_frozen);
void fake_qemu_set_run_state (FakeQemu *self, const char *state);

/* What it saw. */

guint fake_qemu_count (FakeQemu *self, const char *command);
/* All commands so far in their order, those out of band as "oob:NAME"; (transfer full) */
char **fake_qemu_commands (FakeQemu *self);
/* (transfer full) (nullable): the arguments of the last @command */
JsonObject *fake_qemu_last_arguments (FakeQemu *self, const char *command);
/* Waits, 30 s at most, until @command came @count times in all.  The test fails if it did not. */
void fake_qemu_wait_for (FakeQemu *self, const char *command, guint count);
/* Waits, 30 s at most, until no client is connected. */
void fake_qemu_wait_for_hang_up (FakeQemu *self);

G_END_DECLS
