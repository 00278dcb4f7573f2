/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What of a migration can be turned while it runs, in one table.  Pure. */

#include "api-types.h"

G_BEGIN_DECLS

typedef enum
{
  QMIG_KNOB_BOUND,    /* of a limit of QEMU, which is set within it */
  QMIG_KNOB_THROTTLE, /* of what QEMU shows in its numbers */
  QMIG_KNOB_DIRECT,   /* a parameter of QEMU */
  QMIG_KNOB_OURS,     /* QEMU knows nothing of it */
} QmigKnobKind;

typedef struct
{
  const char *name;       /* as on the command line and in `knob` events */
  QmigKnobKind kind;
  gsize offset;           /* in QmigKnobs */
  const char *parameter;  /* of QEMU (nullable) */
  const char *capability; /* of the source, without which turning it does nothing (nullable) */
} QmigKnob;

extern const QmigKnob qmig_knobs[];
extern const gsize qmig_n_knobs;

/* QMIG_UNSET where it is not turned. */
gint64 qmig_knob_get (const QmigKnob *knob, const QmigKnobs *knobs);
void qmig_knob_set (const QmigKnob *knob, QmigKnobs *knobs, gint64 value);

/* What is set in @from goes over what is in @into. */
void qmig_knobs_merge (QmigKnobs *into, const QmigKnobs *from);

/*
 * Whether @value can have an effect in a migration with these means.
 * @armed: capabilities switched on at the source
 * @error: QMIG_EXIT_UNSUPPORTED with the reason
 */
gboolean qmig_knob_check_armed (const QmigKnob *knob, gint64 value, char **armed, gint64 memory_bytes, GError **error);

/* @parameters: QEMU's, as it shows them now */
gboolean qmig_knob_is_in_force (const QmigKnob *knob, gint64 value, JsonObject *parameters, const QmigSample *sample);

G_END_DECLS
