/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* What QEMU says about itself before anything is asked. */
typedef struct
{
  int version;        /* 70222 for 7.2.22 */
  char *version_text; /* "7.2.22 (Debian 1:7.2+dfsg-7)" */
  gboolean offers_oob;
} QmpGreeting;

/* %QMP_ERROR_NOT_QMP if @message is something else; (transfer full): qmp_greeting_free() */
QmpGreeting *qmp_greeting_new_from_json (JsonObject *message, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void qmp_greeting_free (QmpGreeting *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmpGreeting, qmp_greeting_free)

G_END_DECLS
