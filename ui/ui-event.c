/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Events as lines that people read. */

#include "ui-run.h"

#include "json-strict.h"
#include "ui-text.h"

#include <string.h>

const char *const ui_event_type_names[] = { "stage", "sample", "round",  "decision", "knob",  "check", "qmp",
                                            "link",  "log",    "result", "change",   "other", NULL };

void
ui_event_free (UiEvent *event)
{
  g_clear_pointer (&event->sample, qmig_sample_free);
  g_clear_pointer (&event->result, qmig_result_free);
  g_clear_pointer (&event->decision, qmig_decision_free);
  g_free (event->host);
  g_free (event->migration);
  g_free (event->text);
  g_free (event->detail);
  g_free (event->name);
  g_free (event->state);
  g_free (event);
}

static void
read_stage (UiEvent *event, JsonObject *data)
{
  event->stage = ui_name_find (qmig_stage_names, json_strict_string (data, "stage", NULL));
  if (event->stage < 0)
    event->type = UI_EVENT_OTHER;
  else
    event->text = g_strdup_printf ("stage %d, %s, began", event->stage, qmig_stage_names[event->stage]);
  event->role = UI_ROLE_INFO;
}

static void
read_sample (UiEvent *event, JsonObject *data)
{
  g_autofree char *left = NULL;
  g_autofree char *send = NULL;
  g_autofree char *dirty = NULL;

  event->sample = qmig_sample_from_object (data, NULL);
  if (event->sample == NULL)
    {
      event->type = UI_EVENT_OTHER;
      return;
    }
  left = ui_text_bytes (event->sample->remaining_bytes);
  send = ui_text_rate (event->sample->send_bytes_per_s, FALSE);
  dirty = ui_text_rate (event->sample->dirty_bytes_per_s, FALSE);
  event->text = g_strdup_printf ("%s left, send %s, dirty %s", left, send, dirty);
  event->role = UI_ROLE_DIM;
}

static void
read_round (UiEvent *event, JsonObject *data)
{
  g_autofree char *left = ui_text_bytes (json_strict_int (data, "remaining_bytes", QMIG_UNSET));

  event->number = json_strict_int (data, "pass", 0);
  event->text = g_strdup_printf ("pass %" G_GINT64_FORMAT " began, %s to send", event->number, left);
}

static void
read_decision (UiEvent *event, JsonObject *data)
{
  event->decision = qmig_decision_from_object (data, NULL);
  if (event->decision == NULL)
    {
      event->type = UI_EVENT_OTHER;
      return;
    }
  event->text = g_strdup_printf ("%s: %s", event->decision->rule != NULL ? event->decision->rule : "decision",
                                 event->decision->text != NULL ? event->decision->text : "");
  event->role = event->decision->action == QMIG_ACTION_WAIT ? UI_ROLE_DIM : UI_ROLE_WARN;
}

static char *
knob_value_text (const char *name, gint64 value)
{
  if (value == QMIG_UNSET)
    return g_strdup ("–");
  if (strstr (name, "bandwidth") != NULL)
    return ui_text_limit (value, FALSE);
  if (strstr (name, "throttle") != NULL)
    return g_strdup_printf ("%" G_GINT64_FORMAT " %%", value);
  if (strstr (name, "bytes") != NULL || strstr (name, "cache") != NULL)
    return ui_text_bytes (value);
  return ui_text_ms ((double) value);
}

static void
read_knob (UiEvent *event, JsonObject *data)
{
  const char *state = json_strict_string (data, "state", "");
  const char *why;
  g_autofree char *value = NULL;

  event->name = g_strdup (json_strict_string (data, "knob", ""));
  event->number = json_strict_int (data, "value", QMIG_UNSET);
  event->state = g_strdup (state);
  value = knob_value_text (event->name, event->number);
  why = json_strict_string (data, "why", NULL);
  event->text = g_strdup_printf ("%s %s, %s%s%s", event->name, value, state, why != NULL ? ": " : "", why != NULL ? why : "");
  event->role = strcmp (state, "refused") == 0 ? UI_ROLE_FAIL : UI_ROLE_INFO;
}

static void
read_check (UiEvent *event, JsonObject *data)
{
  static const UiRole roles[] = { UI_ROLE_OK, UI_ROLE_WARN, UI_ROLE_FAIL };
  g_autoptr(QmigCheck) check = qmig_check_from_object (data, NULL);

  if (check == NULL)
    {
      event->type = UI_EVENT_OTHER;
      return;
    }
  event->name = g_strdup (check->id);
  event->text = g_strdup_printf ("%s %s: %s", qmig_check_status_names[check->status], check->id != NULL ? check->id : "",
                                 check->text != NULL ? check->text : "");
  event->role = roles[check->status];
}

static void
read_result (UiEvent *event, JsonObject *data)
{
  g_autofree char *total = NULL;
  gboolean good;

  event->result = qmig_result_from_object (data, NULL);
  if (event->result == NULL)
    {
      event->type = UI_EVENT_OTHER;
      return;
    }
  total = ui_text_ms (event->result->total_ms == QMIG_UNSET ? NAN : (double) event->result->total_ms);
  event->text = g_strdup_printf ("%s after %s%s%s", qmig_outcome_names[event->result->outcome], total,
                                 event->result->error != NULL ? ": " : "",
                                 event->result->error != NULL ? event->result->error : "");
  good = qmig_outcome_is_success (event->result->outcome);
  event->role = good ? UI_ROLE_OK : event->result->outcome == QMIG_OUTCOME_ATTENTION ? UI_ROLE_FAIL : UI_ROLE_WARN;
}

/* What was asked of QEMU, or what it said by itself; all of it is in the detail. */
static void
read_qmp (UiEvent *event, JsonObject *data)
{
  const char *said = json_strict_string (data, "event", NULL);
  const char *problem = json_strict_string (data, "error", NULL);
  const char *side = json_strict_string (data, "side", "source");
  g_autofree char *took = ui_text_ms (json_strict_double (data, "took_ms", NAN));

  if (said != NULL)
    event->text = g_strdup_printf ("%s: %s", side, said);
  else
    event->text = g_strdup_printf ("to the %s: %s, %s%s%s", side, json_strict_string (data, "command", ""), took, problem != NULL ? ": " : "",
                                   problem != NULL ? problem : "");
  event->role = problem != NULL ? UI_ROLE_WARN : UI_ROLE_DIM;
  if (json_strict_string (data, "host", NULL) == NULL)
    return;
  /* The other agent told it; its clock, in the detail, may be another one. */
  g_free (event->host);
  event->host = g_strdup (json_strict_string (data, "host", NULL));
}

static void
read_data (UiEvent *event, JsonObject *data)
{
  switch (event->type)
    {
    case UI_EVENT_STAGE:
      read_stage (event, data);
      break;
    case UI_EVENT_SAMPLE:
      read_sample (event, data);
      break;
    case UI_EVENT_ROUND:
      read_round (event, data);
      break;
    case UI_EVENT_DECISION:
      read_decision (event, data);
      break;
    case UI_EVENT_KNOB:
      read_knob (event, data);
      break;
    case UI_EVENT_CHECK:
      read_check (event, data);
      break;
    case UI_EVENT_RESULT:
      read_result (event, data);
      break;
    case UI_EVENT_LOG:
      event->text = g_strdup (json_strict_string (data, "text", NULL));
      break;
    case UI_EVENT_QMP:
      read_qmp (event, data);
      break;
    case UI_EVENT_LINK:
    case UI_EVENT_CHANGE:
    case UI_EVENT_OTHER:
      break;
    }
}

UiEvent *
ui_event_new (const QmigEvent *event)
{
  UiEvent *self = g_new0 (UiEvent, 1);
  int type = ui_name_find (ui_event_type_names, event->type);
  JsonObject *data = event->data != NULL && JSON_NODE_HOLDS_OBJECT (event->data) ? json_node_get_object (event->data) : NULL;
  gint64 time_us = event->ts != NULL ? api_time_parse (event->ts) : QMIG_UNSET;

  self->type = type >= 0 && type != UI_EVENT_CHANGE ? (UiEventType) type : UI_EVENT_OTHER;
  self->time_us = time_us != QMIG_UNSET ? time_us : 0;
  self->seq = event->seq;
  self->host = g_strdup (event->host != NULL ? event->host : "");
  self->migration = g_strdup (event->migration);
  /* Of samples there are thousands, and all of each is kept as it is. */
  self->detail = event->data != NULL && self->type != UI_EVENT_SAMPLE ? json_strict_print (event->data) : NULL;
  self->role = UI_ROLE_TEXT;
  if (data != NULL)
    read_data (self, data);
  else if (self->type != UI_EVENT_LINK && self->type != UI_EVENT_LOG && self->type != UI_EVENT_QMP)
    self->type = UI_EVENT_OTHER;
  if (self->text == NULL)
    self->text = g_strdup (self->detail != NULL ? self->detail : "");
  return self;
}

UiEvent *
ui_event_new_line (UiEventType type, gint64 time_us, const char *host, UiRole role, const char *text)
{
  UiEvent *self = g_new0 (UiEvent, 1);

  self->type = type;
  self->time_us = time_us;
  self->host = g_strdup (host);
  self->role = role;
  self->text = g_strdup (text);
  return self;
}
