/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp-client.h"

G_BEGIN_DECLS

/* What a QEMU can do, asked by name and never by version. */
typedef struct _QmpSchema QmpSchema;

QmpSchema *qmp_schema_read (QmpClient *client, QmpWait *wait, GError **error) G_GNUC_WARN_UNUSED_RESULT;
QmpSchema *qmp_schema_new_from_json (JsonArray *entries, GError **error);
void qmp_schema_free (QmpSchema *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmpSchema, qmp_schema_free)

gboolean qmp_schema_has_command (const QmpSchema *self, const char *command);
gboolean qmp_schema_has_event (const QmpSchema *self, const char *event);
gboolean qmp_schema_command_allows_oob (const QmpSchema *self, const char *command);
/* Whether @command takes @argument (a member of its arguments object). */
gboolean qmp_schema_has_argument (const QmpSchema *self, const char *command, const char *argument);
/* Whether @command may be sent without @argument. */
gboolean qmp_schema_argument_is_optional (const QmpSchema *self, const char *command, const char *argument);
/* Whether @argument of @command (one level, arrays looked through) is an enum with the value @value; "capability"
 * members of an array of objects are reached by a dotted path: "capabilities.capability". */
gboolean qmp_schema_argument_accepts (const QmpSchema *self, const char *command, const char *argument, const char *value);
/* Whether the object that @command returns has the member @member, and if @value is not NULL, whether that member is an enum with it. */
gboolean qmp_schema_returns (const QmpSchema *self, const char *command, const char *member, const char *value);

G_END_DECLS
