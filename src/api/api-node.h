/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Nodes as the reader, the writer and the copier of src/api make and look at them; for these only. */

#include "api-value.h"

G_BEGIN_DECLS

#define API_MEMBER(Type, value, field) G_STRUCT_MEMBER (Type, value, (field)->offset)

gboolean api_node_holds (JsonNode *node, GType type);

/* All (transfer full). */
JsonNode *api_node_null (void);
/* Bytes that are no UTF-8 are replaced: paths are bytes to the kernel, but the peer would refuse the whole text. */
JsonNode *api_node_string (const char *text);
/* null for what JSON has no word for: infinity and not a number. */
JsonNode *api_node_double (double number);
/* Unlike json_node_copy() shares nothing: a value must not change when the text it was read from does. */
JsonNode *api_node_copy (JsonNode *node);

/* "qmig.vm-list/1" for "qmig.vm/1".  (transfer full) */
char *api_list_name (const ApiType *type);

G_END_DECLS
