/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The commands that are under way on one connection: numbered, sent in turn,
 * and matched with their answers.  A few in-band ones are in flight at most,
 * the others wait here; out-of-band ones go at once.
 */

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef struct _QmpCalls QmpCalls;

/* Sends one line now.  The connection may be found dead in it: qmp_calls_fail_all() before it returns. */
typedef void (*QmpCallsSendFunc) (const char *text, gpointer data);

/* The end of a call: exactly one of @result (transfer full) and @error (transfer full). */
typedef void (*QmpCallFunc) (JsonNode *result, GError *error, gpointer data);

QmpCalls *qmp_calls_new (QmpCallsSendFunc send, gpointer data);

/* Ends no call: whoever waits for one keeps the owner of this alive. */
void qmp_calls_free (QmpCalls *self);

/* Out-of-band calls are refused until then. */
void qmp_calls_allow_oob (QmpCalls *self);

/**
 * qmp_calls_submit:
 * @arguments: (nullable) (transfer full)
 * @id: (out): for qmp_calls_abandon(); set before anything else happens
 * @func: called once, maybe before this returns
 */
void qmp_calls_submit (QmpCalls    *self,
                       const char  *command,
                       JsonObject  *arguments,
                       gboolean     out_of_band,
                       gint64      *id,
                       QmpCallFunc  func,
                       gpointer     data);

/*
 * Ends the call by @error (transfer full), if it is not over.  QEMU may still
 * answer it, and until then it takes its place among those in flight.
 */
void qmp_calls_abandon (QmpCalls *self, gint64 id, GError *error);

/* What has `return` or `error`; it may belong to no call. */
void qmp_calls_take_reply (QmpCalls *self, JsonObject *reply);

/* Ends every call, and each that will be submitted, by %QMP_ERROR_CLOSED with @reason. */
void qmp_calls_fail_all (QmpCalls *self, const char *reason);

G_END_DECLS
