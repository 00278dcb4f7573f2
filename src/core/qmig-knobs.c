/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-knobs.h"

#include "json-strict.h"

/* Armed and held back nothing: the least that QEMU has. */
#define PARKED_PERCENT 1

#define AT(member) G_STRUCT_OFFSET (QmigKnobs, member)

const QmigKnob qmig_knobs[] = {
  { "downtime", QMIG_KNOB_BOUND, AT (downtime_ms), "downtime-limit", NULL },
  { "bandwidth", QMIG_KNOB_BOUND, AT (bandwidth_bytes_per_s), "max-bandwidth", NULL },
  { "deadline", QMIG_KNOB_OURS, AT (deadline_ms), NULL, NULL },
  { "throttle-max", QMIG_KNOB_THROTTLE, AT (throttle_max_percent), NULL, "auto-converge" },
  { "postcopy-bandwidth", QMIG_KNOB_DIRECT, AT (postcopy_bandwidth_bytes_per_s), "max-postcopy-bandwidth", "postcopy-ram" },
  { "xbzrle-cache", QMIG_KNOB_DIRECT, AT (xbzrle_cache_bytes), "xbzrle-cache-size", "xbzrle" },
};
const gsize qmig_n_knobs = G_N_ELEMENTS (qmig_knobs);

gint64
qmig_knob_get (const QmigKnob *knob, const QmigKnobs *knobs)
{
  return G_STRUCT_MEMBER (gint64, knobs, knob->offset);
}

void
qmig_knob_set (const QmigKnob *knob, QmigKnobs *knobs, gint64 value)
{
  G_STRUCT_MEMBER (gint64, knobs, knob->offset) = value;
}

void
qmig_knobs_merge (QmigKnobs *into, const QmigKnobs *from)
{
  for (gsize i = 0; i < qmig_n_knobs; i++)
    if (qmig_knob_get (&qmig_knobs[i], from) != QMIG_UNSET)
      qmig_knob_set (&qmig_knobs[i], into, qmig_knob_get (&qmig_knobs[i], from));
}

gboolean
qmig_knob_check_armed (const QmigKnob *knob, gint64 value, char **armed, gint64 memory_bytes, GError **error)
{
  gboolean on = knob->capability == NULL || (armed != NULL && g_strv_contains ((const char *const *) armed, knob->capability));

  /* A throttle of 0 holds without it. */
  if (!on && !(knob->kind == QMIG_KNOB_THROTTLE && value == 0))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED,
                   "cannot turn %s: the migration was started without %s, and QEMU takes that only before the start", knob->name, knob->capability);
      return FALSE;
    }
  /* QEMU fills in the table of a cache of any size at once, and would be killed for the memory. */
  if (g_strcmp0 (knob->capability, "xbzrle") == 0 && value > memory_bytes)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED, "cannot turn %s: it would be larger than the guest's memory", knob->name);
      return FALSE;
    }
  return TRUE;
}

static gboolean
is_within (gint64 limit, gint64 bound)
{
  /* 0 is unlimited. */
  return bound == 0 || (limit > 0 && limit <= bound);
}

gboolean
qmig_knob_is_in_force (const QmigKnob *knob, gint64 value, JsonObject *parameters, const QmigSample *sample)
{
  switch (knob->kind)
    {
    case QMIG_KNOB_BOUND:
      return is_within (json_strict_int (parameters, knob->parameter, 0), value);
    case QMIG_KNOB_THROTTLE:
      return sample->throttle_percent == QMIG_UNSET || sample->throttle_percent <= MAX (value, PARKED_PERCENT);
    case QMIG_KNOB_DIRECT:
      return json_strict_int (parameters, knob->parameter, -1) == value;
    case QMIG_KNOB_OURS:
      return TRUE;
    }
  g_return_val_if_reached (FALSE);
}
