/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The receiving side of a migration for tests, scripted.
 *
 *   g_autoptr(FakeHost) fake = fake_host_new ("beta");
 *   g_autoptr(QmigHost) host = fake_host_open (fake);
 *
 *   fake_host_fail (fake, "commit", 1, QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "the answer was lost");
 *   fake_host_set_phase (fake, QMIG_INCOMING_LOADED);
 *
 * Without a script it is a host with room for everything, whose acts move one
 * destination from phase to phase as qmig-host.h says: prepare → LISTENING,
 * commit and accept → COMMITTED, abort → GONE, recover → another uri.  The rest is the test's:
 * loading takes a fake_host_set_phase().
 *
 * A call is named "facts", "prepare", "query", "follow" or by its act.  The
 * functions of FakeHost may be called from any thread, and do not wait.
 */

#include "qmig-host.h"

G_BEGIN_DECLS

typedef struct _FakeHost FakeHost;

FakeHost *fake_host_new (const char *name);
void fake_host_free (FakeHost *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeHost, fake_host_free)

/* For the calling thread, as an agent opens its hosts: any number of objects for the one host.  (transfer full) */
QmigHost *fake_host_open (FakeHost *self);

/* The present of the destination.  Each change is news to those who follow. */
void fake_host_set_phase (FakeHost *self, QmigIncomingPhase phase);
QmigIncomingPhase fake_host_get_phase (FakeHost *self);
/* QEMU's reason, as the destination's host tells it. */
void fake_host_set_error (FakeHost *self, const char *text);
/* QEMU's word for its migration. */
void fake_host_set_status (FakeHost *self, const char *status);
/* Where it says that its destination listens. */
void fake_host_set_uri (FakeHost *self, const char *uri);
/* Nothing is answered any more (QMIG_EXIT_UNREACHABLE), nothing is heard, and nothing happens. */
void fake_host_set_silent (FakeHost *self, gboolean silent);
/* What the plan gets to know, changed in place. */
QmigFacts *fake_host_facts (FakeHost *self);

/* The next @times calls of @call fail, and nothing happens; -1: all from now on. */
void fake_host_fail (FakeHost *self, const char *call, int times, GQuark domain, int code, const char *message);
/* The next @times calls of @call happen, and only their answer is lost. */
void fake_host_lose_answer (FakeHost *self, const char *call, int times);

/* Called in the caller's thread before @call does anything; %FALSE with @error: that is the answer. */
typedef gboolean (*FakeHostFunc) (FakeHost *self, const char *call, QmpWait *wait, gpointer data, GError **error);
/* For every call; in the caller's thread, with nothing locked. */
void fake_host_handle (FakeHost *self, FakeHostFunc func, gpointer data);

guint fake_host_count (FakeHost *self, const char *call);

G_END_DECLS
