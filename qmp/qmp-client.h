/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#include "qmp-wait.h"

G_BEGIN_DECLS

/*
 * One negotiated connection to one QEMU monitor.  It belongs to the thread
 * (the main context) that opened it.  It always drains what QEMU sends, and
 * keeps at most four in-band commands in flight, since a ninth queued one
 * would make QEMU stop reading and so lose out-of-band too.
 *
 * Signals, emitted in the owner's context:
 *  "event"  (const char *name, JsonObject *data (nullable), gint64 timestamp_us)
 *           timestamp_us: QEMU's host wall clock
 *  "call"   (const char *command, JsonObject *arguments (nullable), gint64 took_us, const GError *error (nullable))
 *           after each call of the blocking forms, answered or not
 *  "closed" (const GError *reason)  once; every pending call has failed before
 */
#define QMP_TYPE_CLIENT (qmp_client_get_type ())
G_DECLARE_FINAL_TYPE (QmpClient, qmp_client, QMP, CLIENT, GObject)

/* Largest message and deepest nesting accepted from QEMU: 64 MiB, 1024 levels. */
#define QMP_CLIENT_MAX_MESSAGE (64u * 1024 * 1024)
#define QMP_CLIENT_MAX_DEPTH 1024u

/**
 * qmp_client_open:
 * @path: a QMP unix socket
 * @wait: how long to wait for a connection, the greeting and the answer to qmp_capabilities
 *
 * Connects and negotiates, with OOB where offered.  A connect that meets
 * EAGAIN (another client holds the monitor and its queue is full) is repeated
 * until the deadline; no greeting by then is %QMP_ERROR_BUSY and names the
 * likely holder.
 *
 * Returns: (transfer full)
 */
QmpClient *qmp_client_open (const char *path, QmpWait *wait, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same over a stream that is connected already (a socketpair in tests). */
QmpClient *qmp_client_open_stream (GIOStream *stream, QmpWait *wait, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/**
 * qmp_client_execute:
 * @arguments: (nullable) (transfer full): the `arguments` member
 *
 * Returns: (transfer full): the `return` member; @error is a refusal in QEMU's
 *   own words (qmp_error_is_refusal()), %QMP_ERROR_CLOSED, %QMP_ERROR_TIMEOUT or
 *   cancellation, each prefixed with the command's name
 */
JsonNode *qmp_client_execute (QmpClient   *self,
                              const char  *command,
                              JsonObject  *arguments,
                              QmpWait     *wait,
                              GError     **error) G_GNUC_WARN_UNUSED_RESULT;

/* Out of band: answered even while QEMU's main loop is blocked; %QMP_ERROR_GENERIC where OOB is not negotiated. */
JsonNode *qmp_client_execute_oob (QmpClient   *self,
                                  const char  *command,
                                  JsonObject  *arguments,
                                  QmpWait     *wait,
                                  GError     **error) G_GNUC_WARN_UNUSED_RESULT;

/* The asynchronous form of both; the callback runs in the owner's context, whose thread alone may cancel. */
void qmp_client_execute_async (QmpClient           *self,
                               const char          *command,
                               JsonObject          *arguments,
                               gboolean             out_of_band,
                               GCancellable        *cancellable,
                               GAsyncReadyCallback  callback,
                               gpointer             user_data);
JsonNode *qmp_client_execute_finish (QmpClient *self, GAsyncResult *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* %FALSE and the reason once the connection is gone. */
gboolean qmp_client_check_open (QmpClient *self, GError **error);

/* Closes now; pending calls fail with %QMP_ERROR_CLOSED.  Repeatable. */
void qmp_client_close (QmpClient *self);

gboolean qmp_client_has_oob (QmpClient *self);
int qmp_client_get_version (QmpClient *self);              /* 70222 for 7.2.22 */
const char *qmp_client_get_version_text (QmpClient *self); /* "7.2.22" and QEMU's package suffix; (transfer none) */
GPid qmp_client_get_peer_pid (QmpClient *self);            /* who called listen() on the socket; 0 if not a unix socket */

G_END_DECLS
