/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The other side of a migration: the host that receives the VM.  A migration
 * sees only this interface; the local host acts itself, a remote one through
 * its agent, with the same functions behind.
 *
 * Every function blocks in @wait and belongs to the thread that made the
 * object.  Acts may be repeated: recovery calls them again.
 *
 * Signal "said": a JsonObject as of qmig-traffic.h, with "time_us" by that host's wall clock, for each word to and from the
 * destination's QEMU where its spec has trace_qmp; not while nothing listens.
 */

#include <gio/gio.h>

#include "api-types.h"
#include "qmp-wait.h"

G_BEGIN_DECLS

#define QMIG_TYPE_HOST (qmig_host_get_type ())
G_DECLARE_INTERFACE (QmigHost, qmig_host, QMIG, HOST, GObject)

struct _QmigHostInterface
{
  GTypeInterface parent;

  const char *(*get_name) (QmigHost *self);
  QmigFacts *(*get_facts) (QmigHost *self, const QmigFactsRequest *request, QmpWait *wait, GError **error);
  QmigIncoming *(*prepare) (QmigHost *self, const QmigIncomingSpec *spec, QmpWait *wait, GError **error);
  QmigIncoming *(*act) (QmigHost *self, const char *migration, const char *action, QmpWait *wait, GError **error);
  QmigIncoming *(*query) (QmigHost *self, const char *migration, QmpWait *wait, GError **error);
  void (*follow) (QmigHost *self, const char *migration);
  const QmigIncoming *(*peek) (QmigHost *self, GError **error);
  char *(*dial) (QmigHost *self, const char *migration, const char *uri, GError **error); /* (nullable): @uri serves as it is */
};

const char *qmig_host_get_name (QmigHost *self);

/* What the plan needs to know of this host.  Reads only. */
QmigFacts *qmig_host_get_facts (QmigHost *self, const QmigFactsRequest *request, QmpWait *wait, GError **error);

/**
 * qmig_host_prepare:
 *
 * Reserves memory, name and run directory under a lease, starts the
 * destination QEMU stopped and deferred, sets capabilities and parameters and
 * makes it listen.  On error nothing is left behind, and the error carries the
 * end of QEMU's stderr.  Repeated for the same migration it returns what is there.
 *
 * Returns: (transfer full): phase LISTENING with the uri for the source
 */
QmigIncoming *qmig_host_prepare (QmigHost *self, const QmigIncomingSpec *spec, QmpWait *wait, GError **error);

/* What the source's QEMU gives to `migrate` to reach @uri, which is the destination's word for it: another one where the way
 * leads through this program.  (transfer full) */
char *qmig_host_dial (QmigHost *self, const char *migration, const char *uri, GError **error);

/* Asks the destination now, in QEMU's words.  A migration this host never knew, or has forgotten, is phase GONE. */
QmigIncoming *qmig_host_query (QmigHost *self, const char *migration, QmpWait *wait, GError **error);

/* Stage 2 begins, kept in mind there: once it is loaded or in post-copy, no lease ends the destination any more.  Fails when it is gone. */
QmigIncoming *qmig_host_hold (QmigHost *self, const char *migration, QmpWait *wait, GError **error);

/* Keeps the lease alive. */
QmigIncoming *qmig_host_renew (QmigHost *self, const char *migration, QmpWait *wait, GError **error);

/**
 * qmig_host_commit:
 *
 * `cont`, and waits until it is seen running (phase COMMITTED).  Refused, with
 * nothing done, unless the phase is POSTCOPY, LOADED or COMMITTED.
 * An error in QMP_ERROR that qmp_error_is_refusal(), and any error in
 * QMIG_ERROR with code QMIG_EXIT_REFUSED, mean that it surely does not run;
 * every other error leaves that open.
 */
QmigIncoming *qmig_host_commit (QmigHost *self, const char *migration, QmpWait *wait, GError **error);

/* The VM arrives paused, as it was on the source: closes the reservation without `cont`. Phase COMMITTED. */
QmigIncoming *qmig_host_accept (QmigHost *self, const char *migration, QmpWait *wait, GError **error);

/* Kills and reaps the destination.  Success is proof that it is gone; refused in phase COMMITTED. */
QmigIncoming *qmig_host_abort (QmigHost *self, const char *migration, QmpWait *wait, GError **error);

/* What the end of a lease does: aborts it, unless it is loaded or in post-copy.  A host asks this of itself alone. */
QmigIncoming *qmig_host_expire (QmigHost *self, const char *migration, QmpWait *wait, GError **error);

/* Post-copy whose link broke: it listens once more, and the answer has the uri, for qmig_host_dial().  May be repeated. */
QmigIncoming *qmig_host_recover (QmigHost *self, const char *migration, QmpWait *wait, GError **error);

/* Stage 5: the reservation is over, the destination is a VM of that host like any other. */
QmigIncoming *qmig_host_release (QmigHost *self, const char *migration, QmpWait *wait, GError **error);

/**
 * qmig_host_follow:
 *
 * From now on changes of the destination arrive by themselves in the caller's
 * context and wake its waits; qmig_host_peek() gives the last one seen without
 * asking.  Ends with the object.
 */
void qmig_host_follow (QmigHost *self, const char *migration);

/* (transfer none), valid until the next turn of the context; NULL with @error while nothing was heard or the host is silent. */
const QmigIncoming *qmig_host_peek (QmigHost *self, GError **error);

G_END_DECLS
