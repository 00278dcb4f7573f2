/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One migration as its events tell it, live or replayed: all events are kept,
 * and what is shown is the state after the first so many of them.
 */

#include "api-types.h"
#include "ui-chart.h"

G_BEGIN_DECLS

typedef enum
{
  UI_EVENT_STAGE,
  UI_EVENT_SAMPLE,
  UI_EVENT_ROUND,
  UI_EVENT_DECISION,
  UI_EVENT_KNOB,
  UI_EVENT_CHECK,
  UI_EVENT_QMP,
  UI_EVENT_LINK,
  UI_EVENT_LOG,
  UI_EVENT_RESULT,
  UI_EVENT_CHANGE, /* somebody asked an agent to change something */
  UI_EVENT_OTHER,
} UiEventType;
extern const char *const ui_event_type_names[];

/* A line of the log. */
typedef struct
{
  UiEventType type;
  gint64 time_us;  /* wall clock of the reporting host */
  gint64 seq;
  char *host;
  char *migration; /* (nullable) */
  char *text;      /* one line, as people read it */
  char *detail;    /* the JSON, for who wants all of it (nullable) */
  UiRole role;
  int stage;       /* of UI_EVENT_STAGE */
  gint64 number;   /* pass of UI_EVENT_ROUND, value of UI_EVENT_KNOB */
  char *name;      /* of UI_EVENT_KNOB (nullable) */
  char *state;     /* of UI_EVENT_KNOB (nullable) */
  QmigSample *sample;     /* (nullable) */
  QmigResult *result;     /* (nullable) */
  QmigDecision *decision; /* (nullable) */
} UiEvent;

UiEvent *ui_event_new (const QmigEvent *event);
/* A line of the console's own, or of an agent's list of changes. */
UiEvent *ui_event_new_line (UiEventType type, gint64 time_us, const char *host, UiRole role, const char *text);
void ui_event_free (UiEvent *event);

typedef enum
{
  UI_KNOB_DOWNTIME,
  UI_KNOB_BANDWIDTH,
  UI_KNOB_THROTTLE,
  UI_KNOB_DEADLINE,
  UI_N_KNOBS,
} UiKnob;

typedef enum
{
  UI_KNOB_IDLE,     /* nothing was asked for */
  UI_KNOB_SENDING,  /* asked of the agent */
  UI_KNOB_SENT,     /* the agent has it, QEMU not yet */
  UI_KNOB_ACCEPTED, /* QEMU took it */
  UI_KNOB_IN_FORCE, /* a measurement since shows it */
  UI_KNOB_REFUSED,
} UiKnobState;

typedef struct
{
  gint64 value;   /* as asked for last; QMIG_UNSET: never */
  gint64 before;  /* to go back to */
  UiKnobState state;
  gint64 since_us; /* wall clock, as the migration's host has it */
} UiKnobView;

typedef struct
{
  char *id;
  char *host;              /* name of the host whose agent has it */
  QmigMigrationInfo *info; /* newest that was fetched (nullable) */
  GPtrArray *events;       /* UiEvent, all that are known */
  guint n_shown;           /* what follows is the state after so many */

  GArray *samples;         /* UiPoint-like history: QmigSample pointers into events with their time */
  gint64 start_us;         /* of the first event */
  gint64 shown_us;         /* of the last event shown */
  gint64 heard_mono_us;    /* when it came, by the console's clock */
  int stage;
  gint64 stage_start_us[QMIG_N_STAGES]; /* 0: not reached */
  double stage_ms[QMIG_N_STAGES];       /* NAN while it lasts */
  gint64 pass;
  GArray *marks;           /* UiMark */
  UiKnobView knobs[UI_N_KNOBS];
  const QmigSample *sample;     /* the last one (nullable) */
  const QmigForecast *forecast; /* of the last sample that has one (nullable) */
  const QmigDecision *decision; /* the last one that changed something (nullable) */
  gint64 decision_us;
  const QmigResult *result;     /* (nullable) */
  GPtrArray *checks;            /* UiEvent of checks, borrowed */
} UiRun;

typedef struct
{
  gint64 time_us;
  char letter; /* d, b, t, l: a knob; ' ': a pass began */
} UiMark;

typedef struct
{
  gint64 time_us;
  const QmigSample *sample;
} UiSampleAt;

UiRun *ui_run_new (const char *host, const char *id);
void ui_run_free (UiRun *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (UiRun, ui_run_free)

/* @event: (transfer full).  Shown at once where everything before it was. */
void ui_run_add (UiRun *self, UiEvent *event);
/* Shows the state after the first @n events. */
void ui_run_show (UiRun *self, guint n);
/* How many events had happened by @time_us. */
guint ui_run_find (const UiRun *self, gint64 time_us);
void ui_run_set_info (UiRun *self, const QmigMigrationInfo *info);

/* The console has asked for @value. */
void ui_run_knob_asked (UiRun *self, UiKnob knob, gint64 value, gint64 now_us);
void ui_run_knob_answered (UiRun *self, UiKnob knob, gboolean taken);
/* What is in force as far as is known; QMIG_UNSET where nothing is. */
gint64 ui_run_knob_value (const UiRun *self, UiKnob knob);
/* The command-line option: "downtime". */
const char *ui_knob_option (UiKnob knob);

const UiEvent *ui_run_get_event (const UiRun *self, guint i);
/* Over, as far as is shown. */
gboolean ui_run_is_over (const UiRun *self);

G_END_DECLS
