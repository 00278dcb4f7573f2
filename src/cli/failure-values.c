/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "failure-values.h"

#include "api-types.h"

#define FIELD(member, Kind, text) \
  { .name = #member, .kind = Kind, .offset = G_STRUCT_OFFSET (FailureLine, member), .about = text }

/* clang-format off: one member a line, as in the struct */

static const ApiField failure_line_fields[] = {
  FIELD (error_id, API_STRING, "stable"),
  FIELD (name, API_STRING, NULL),
  FIELD (cause, API_STRING, NULL),
  FIELD (cure, API_STRING, NULL),
  FIELD (exit_code, API_INT, "exit status; null where it depends on when it happens"),
  FIELD (check, API_STRING, "check of qmig check, doctor or host test"),
  FIELD (qemu, API_STRING, "versions of QEMU that are known to say it"),
  FIELD (texts, API_STRV, "what is said, * for any text"),
  FIELD (produced, API_BOOL, "a test makes a real QEMU say it"),
};

/* clang-format on */

const ApiType failure_line_type = {
  .name = "qmig.failure/1",
  .size = sizeof (FailureLine),
  .fields = failure_line_fields,
  .n_fields = G_N_ELEMENTS (failure_line_fields),
  .destroy = (GDestroyNotify) failure_line_free,
};

FailureLine *
failure_line_new_from_row (const QmigFailure *row)
{
  FailureLine *line = failure_line_new ();
  g_autoptr(GStrvBuilder) texts = g_strv_builder_new ();

  for (gsize i = 0; i < QMIG_FAILURE_TEXTS && row->texts[i] != NULL; i++)
    g_strv_builder_add (texts, row->texts[i]);
  line->error_id = g_strdup (row->id);
  line->name = g_strdup (row->name);
  line->cause = g_strdup (row->cause);
  line->cure = g_strdup (row->cure);
  line->exit_code = row->exit_code != QMIG_EXIT_OK ? (gint64) row->exit_code : QMIG_UNSET;
  line->check = g_strdup (row->check);
  line->qemu = g_strdup (row->qemu);
  line->texts = g_strv_builder_end (texts);
  line->produced = row->proof == QMIG_FAILURE_PRODUCED;
  return line;
}
