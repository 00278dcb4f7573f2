/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-run.h"

#include <string.h>

/* A migration of days must not fill the memory: of more events the older half of the samples goes. */
#define EVENTS_MAX 20000

/* In events and as options. */
static const struct
{
  const char *name;
  char letter;
} knob_names[UI_N_KNOBS] = {
  [UI_KNOB_DOWNTIME] = { "downtime", 'd' },
  [UI_KNOB_BANDWIDTH] = { "bandwidth", 'b' },
  [UI_KNOB_THROTTLE] = { "throttle-max", 't' },
  [UI_KNOB_DEADLINE] = { "deadline", 'l' },
};

const char *
ui_knob_option (UiKnob knob)
{
  return knob_names[knob].name;
}

static int
knob_from_name (const char *name)
{
  for (int i = 0; name != NULL && i < UI_N_KNOBS; i++)
    if (strcmp (name, knob_names[i].name) == 0)
      return i;
  return -1;
}

static void
clear_shown (UiRun *self)
{
  g_array_set_size (self->samples, 0);
  g_array_set_size (self->marks, 0);
  g_ptr_array_set_size (self->checks, 0);
  self->n_shown = 0;
  self->shown_us = self->start_us;
  self->stage = QMIG_STAGE_PRE_MIGRATION;
  self->pass = 0;
  self->sample = NULL;
  self->forecast = NULL;
  self->decision = NULL;
  self->result = NULL;
  for (int i = 0; i < QMIG_N_STAGES; i++)
    {
      self->stage_start_us[i] = 0;
      self->stage_ms[i] = NAN;
    }
  for (int i = 0; i < UI_N_KNOBS; i++)
    self->knobs[i] = (UiKnobView){ QMIG_UNSET, QMIG_UNSET, UI_KNOB_IDLE, 0 };
}

UiRun *
ui_run_new (const char *host, const char *id)
{
  UiRun *self = g_new0 (UiRun, 1);

  self->host = g_strdup (host);
  self->id = g_strdup (id);
  self->events = g_ptr_array_new_with_free_func ((GDestroyNotify) ui_event_free);
  self->samples = g_array_new (FALSE, FALSE, sizeof (UiSampleAt));
  self->marks = g_array_new (FALSE, FALSE, sizeof (UiMark));
  self->checks = g_ptr_array_new ();
  clear_shown (self);
  return self;
}

void
ui_run_free (UiRun *self)
{
  g_clear_pointer (&self->info, qmig_migration_info_free);
  g_ptr_array_unref (self->checks);
  g_array_unref (self->marks);
  g_array_unref (self->samples);
  g_ptr_array_unref (self->events);
  g_free (self->host);
  g_free (self->id);
  g_free (self);
}

/* -- events to state ------------------------------------------------------------ */

static void
enter_stage (UiRun *self, int stage, gint64 time_us)
{
  if (stage != self->stage && self->stage_start_us[self->stage] > 0)
    self->stage_ms[self->stage] = (time_us - self->stage_start_us[self->stage]) / 1000.0;
  self->stage = stage;
  self->stage_start_us[stage] = time_us;
  self->stage_ms[stage] = NAN;
}

static void
add_mark (UiRun *self, gint64 time_us, char letter)
{
  UiMark mark = { time_us, letter };

  g_array_append_val (self->marks, mark);
}

/* Given to QEMU, taken by it, and what it works with: only the last is what a person wants to know. */
static UiKnobState
knob_state (const char *name)
{
  if (g_strcmp0 (name, "refused") == 0)
    return UI_KNOB_REFUSED;
  if (g_strcmp0 (name, "in-force") == 0)
    return UI_KNOB_IN_FORCE;
  return g_strcmp0 (name, "accepted") == 0 ? UI_KNOB_ACCEPTED : UI_KNOB_SENT;
}

static void
knob_told (UiRun *self, const UiEvent *event)
{
  int knob = knob_from_name (event->name);
  UiKnobView *view;

  if (knob < 0)
    return;
  view = &self->knobs[knob];
  if (view->value != event->number)
    view->before = ui_run_knob_value (self, knob);
  if (knob_state (event->state) == UI_KNOB_ACCEPTED)
    add_mark (self, event->time_us, knob_names[knob].letter);
  view->value = event->number;
  view->state = knob_state (event->state);
  view->since_us = event->time_us;
}

static void
take_sample (UiRun *self, const UiEvent *event)
{
  UiSampleAt at = { event->time_us, event->sample };

  g_array_append_val (self->samples, at);
  self->sample = event->sample;
  if (event->sample->forecast != NULL)
    self->forecast = event->sample->forecast;
  if (event->sample->pass != QMIG_UNSET)
    self->pass = event->sample->pass;
}

static void
take_result (UiRun *self, const UiEvent *event)
{
  const QmigResult *result = event->result;
  const double ms[QMIG_N_STAGES] = { result->pre_migration_ms, result->reservation_ms, result->pre_copy_ms,
                                     result->stop_and_copy_ms, result->commitment_ms,  result->activation_ms };

  self->result = result;
  for (int i = 0; i < QMIG_N_STAGES; i++)
    if (!isnan (ms[i]))
      self->stage_ms[i] = ms[i];
}

static void
apply (UiRun *self, const UiEvent *event)
{
  switch (event->type)
    {
    case UI_EVENT_STAGE:
      enter_stage (self, event->stage, event->time_us);
      break;
    case UI_EVENT_SAMPLE:
      take_sample (self, event);
      break;
    case UI_EVENT_ROUND:
      self->pass = event->number;
      add_mark (self, event->time_us, ' ');
      break;
    case UI_EVENT_DECISION:
      if (event->decision->action != QMIG_ACTION_WAIT || self->decision == NULL)
        {
          self->decision = event->decision;
          self->decision_us = event->time_us;
        }
      break;
    case UI_EVENT_KNOB:
      knob_told (self, event);
      break;
    case UI_EVENT_CHECK:
      g_ptr_array_add (self->checks, (gpointer) event);
      break;
    case UI_EVENT_RESULT:
      take_result (self, event);
      break;
    case UI_EVENT_QMP:
    case UI_EVENT_LINK:
    case UI_EVENT_LOG:
    case UI_EVENT_CHANGE:
    case UI_EVENT_OTHER:
      break;
    }
  self->shown_us = MAX (self->shown_us, event->time_us);
  self->n_shown++;
}

static void
restart (UiRun *self)
{
  clear_shown (self);
  if (self->start_us > 0)
    enter_stage (self, QMIG_STAGE_PRE_MIGRATION, self->start_us);
}

/* Every second of the older samples goes. */
static void
thin_out (UiRun *self)
{
  gboolean keep = FALSE;
  guint to = 0;
  guint half = self->events->len / 2;
  gboolean all = self->n_shown == self->events->len;
  GPtrArray *kept = g_ptr_array_new_with_free_func ((GDestroyNotify) ui_event_free);

  for (guint i = 0; i < self->events->len; i++)
    {
      UiEvent *event = g_ptr_array_index (self->events, i);

      keep = i >= half || event->type != UI_EVENT_SAMPLE || !keep;
      if (keep)
        g_ptr_array_add (kept, event);
      else
        ui_event_free (event);
      to += keep;
    }
  g_ptr_array_set_free_func (self->events, NULL);
  g_ptr_array_unref (self->events);
  self->events = kept;
  restart (self);
  ui_run_show (self, all ? to : MIN (self->n_shown, to));
}

void
ui_run_add (UiRun *self, UiEvent *event)
{
  gboolean shown = self->n_shown == self->events->len;

  if (self->events->len == 0)
    {
      self->start_us = event->time_us;
      self->shown_us = event->time_us;
      enter_stage (self, QMIG_STAGE_PRE_MIGRATION, event->time_us);
    }
  g_ptr_array_add (self->events, event);
  if (shown)
    apply (self, event);
  if (self->events->len > EVENTS_MAX)
    thin_out (self);
}

void
ui_run_show (UiRun *self, guint n)
{
  n = MIN (n, self->events->len);
  /* Back is from the start on: an event says what is, not what was before. */
  if (n < self->n_shown)
    restart (self);
  while (self->n_shown < n)
    apply (self, g_ptr_array_index (self->events, self->n_shown));
}

guint
ui_run_find (const UiRun *self, gint64 time_us)
{
  guint n = 0;

  while (n < self->events->len && ui_run_get_event (self, n)->time_us <= time_us)
    n++;
  return n;
}

void
ui_run_set_info (UiRun *self, const QmigMigrationInfo *info)
{
  g_clear_pointer (&self->info, qmig_migration_info_free);
  self->info = qmig_migration_info_copy (info);
}

void
ui_run_knob_asked (UiRun *self, UiKnob knob, gint64 value, gint64 now_us)
{
  self->knobs[knob].before = ui_run_knob_value (self, knob);
  self->knobs[knob].value = value;
  self->knobs[knob].state = UI_KNOB_SENDING;
  self->knobs[knob].since_us = now_us;
}

void
ui_run_knob_answered (UiRun *self, UiKnob knob, gboolean taken)
{
  if (self->knobs[knob].state == UI_KNOB_SENDING)
    self->knobs[knob].state = taken ? UI_KNOB_SENT : UI_KNOB_REFUSED;
}

static gint64
asked_value (const QmigKnobs *knobs, UiKnob knob)
{
  switch (knob)
    {
    case UI_KNOB_DOWNTIME:
      return knobs->downtime_ms;
    case UI_KNOB_BANDWIDTH:
      return knobs->bandwidth_bytes_per_s;
    case UI_KNOB_THROTTLE:
      return knobs->throttle_max_percent;
    case UI_KNOB_DEADLINE:
      return knobs->deadline_ms;
    case UI_N_KNOBS:
      break;
    }
  return QMIG_UNSET;
}

static gint64
policy_value (const QmigPolicy *policy, UiKnob knob)
{
  switch (knob)
    {
    case UI_KNOB_DOWNTIME:
      return policy->downtime_ms;
    case UI_KNOB_BANDWIDTH:
      return policy->bandwidth_bytes_per_s;
    case UI_KNOB_THROTTLE:
      return policy->throttle_max_percent;
    case UI_KNOB_DEADLINE:
      return policy->deadline_ms;
    case UI_N_KNOBS:
      break;
    }
  return QMIG_UNSET;
}

gint64
ui_run_knob_value (const UiRun *self, UiKnob knob)
{
  const UiKnobView *view = &self->knobs[knob];
  gint64 value = view->state == UI_KNOB_REFUSED ? view->before : view->value;

  if (value == QMIG_UNSET && self->info != NULL && self->info->knobs != NULL)
    value = asked_value (self->info->knobs, knob);
  if (value == QMIG_UNSET && self->info != NULL && self->info->policy != NULL)
    value = policy_value (self->info->policy, knob);
  if (value == QMIG_UNSET && self->sample != NULL && knob == UI_KNOB_DOWNTIME)
    value = self->sample->downtime_limit_ms;
  if (value == QMIG_UNSET && self->sample != NULL && knob == UI_KNOB_BANDWIDTH)
    value = self->sample->bandwidth_limit_bytes_per_s;
  return value;
}

const UiEvent *
ui_run_get_event (const UiRun *self, guint i)
{
  return g_ptr_array_index (self->events, i);
}

gboolean
ui_run_is_over (const UiRun *self)
{
  return self->result != NULL;
}
