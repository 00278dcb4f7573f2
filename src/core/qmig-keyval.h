/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The value of one QEMU option: `first,key=value,…` with `,,` for a comma, or a
 * JSON object.  Both are seen as pairs; members of nested JSON objects have
 * dotted keys ("file.filename"), as in QEMU's own keyval syntax.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef struct _QmigKeyval QmigKeyval;

/* @implied: (nullable) key of a first word without "=".  Bare words read as on, "no…" as off, as QEMU reads them. */
QmigKeyval *qmig_keyval_parse (const char *text, const char *implied);
void qmig_keyval_free (QmigKeyval *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigKeyval, qmig_keyval_free)

/* The last value of @key, as QEMU takes it; (transfer none) (nullable), valid until the next change. */
const char *qmig_keyval_get (const QmigKeyval *self, const char *key);
gboolean qmig_keyval_get_bool (const QmigKeyval *self, const char *key, gboolean fallback);
/* Replaces every @key, or adds one at the end. */
void qmig_keyval_set (QmigKeyval *self, const char *key, const char *value);
void qmig_keyval_remove (QmigKeyval *self, const char *key);

guint qmig_keyval_length (const QmigKeyval *self);
const char *qmig_keyval_key_at (const QmigKeyval *self, guint i);
const char *qmig_keyval_value_at (const QmigKeyval *self, guint i);
void qmig_keyval_set_at (QmigKeyval *self, guint i, const char *value);

gboolean qmig_keyval_is_changed (const QmigKeyval *self);
char *qmig_keyval_print (const QmigKeyval *self);
/* @value with its commas doubled.  (transfer full) */
char *qmig_keyval_escape (const char *value);

G_END_DECLS
