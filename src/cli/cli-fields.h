/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Members of a value's JSON by dotted path, as --fields and the columns of tables name them. */

#include "api-types.h"

G_BEGIN_DECLS

/* @error: QMIG_EXIT_USAGE where a path leads to no member of @type, with the near miss; @fields may be NULL. */
gboolean cli_fields_check (char **fields, const ApiType *type, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* NULL where the path leads nowhere or to null.  (transfer none) */
JsonNode *cli_fields_look_up (JsonObject *object, const char *path);

/* @object itself where @fields is NULL, otherwise these members only, null where missing.  (transfer full) */
JsonObject *cli_fields_select (char **fields, JsonObject *object);

G_END_DECLS
