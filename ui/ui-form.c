/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The dialog to move a VM: one page, checked while it is filled in. */

#include "cli-format.h"
#include "api-quantity.h"
#include "cli-parse.h"
#include "client.h"
#include "ui-plan.h"
#include "ui-text.h"
#include "ui-view.h"

#include <string.h>

#define SCREEN UI_SCREEN_FORM
#define SETTLE_US (300 * G_TIME_SPAN_MILLISECOND)

enum
{
  FIELD_DESTINATION,
  FIELD_TRANSPORT,
  FIELD_POLICY,
  FIELD_THROTTLE,
  FIELD_DOWNTIME,
  FIELD_BANDWIDTH,
  FIELD_DEADLINE,
  FIELD_EXPECT,
  FIELD_HOLD,
  FIELD_POSTCOPY,
  FIELD_REASON,
  FIELD_TRACE,
  N_FIELDS,
  BUTTON_START = N_FIELDS,
  BUTTON_REHEARSE,
  BUTTON_CLOSE,
  N_STOPS,
};

typedef enum
{
  KIND_CHOICE,
  KIND_TEXT,
  KIND_TOGGLE,
} Kind;

static const struct
{
  const char *label;
  Kind kind;
  const char *option; /* of the command */
  const char *empty;  /* what nothing means */
} fields[N_FIELDS] = {
  [FIELD_DESTINATION] = { "Destination host", KIND_CHOICE, NULL, NULL },
  [FIELD_TRANSPORT] = { "Transport", KIND_CHOICE, "--transport", NULL },
  [FIELD_POLICY] = { "Policy", KIND_CHOICE, "--policy", NULL },
  [FIELD_THROTTLE] = { "Throttle at most", KIND_TEXT, "--throttle-max", "as the policy has it" },
  [FIELD_DOWNTIME] = { "Downtime budget", KIND_TEXT, "--downtime", "as the policy has it" },
  [FIELD_BANDWIDTH] = { "Bandwidth", KIND_TEXT, "--bandwidth", "as the policy has it" },
  [FIELD_DEADLINE] = { "Give up after", KIND_TEXT, "--deadline", "as the policy has it" },
  [FIELD_EXPECT] = { "Expect", KIND_TEXT, "--expect", "downtime=300ms,total=2m" },
  [FIELD_HOLD] = { "Hold at the gate", KIND_TOGGLE, "--hold", NULL },
  [FIELD_POSTCOPY] = { "Allow post-copy", KIND_TOGGLE, "--allow postcopy", NULL },
  [FIELD_REASON] = { "Reason", KIND_TEXT, "--reason", "kept in the history" },
  [FIELD_TRACE] = { "QMP in the log", KIND_TOGGLE, "--trace-qmp", NULL },
};

static const char *const transports[] = { "auto", "unix", "tls", "ssh", "tcp" };

typedef struct
{
  UiView parent;
  char *host;     /* the VM is on */
  char *vm_id;
  char *vm_name;
  gboolean check_only;
  int focus;
  UiEdit edits[N_FIELDS];
  GPtrArray *destinations; /* names */
  guint destination;
  guint transport;
  GPtrArray *policies;     /* names; the first is the agent's default */
  guint policy;
  gboolean asked_policies;
  gboolean on[N_FIELDS];   /* toggles */

  QmigPlan *plan;       /* (nullable) of the last check */
  char *problem;        /* why there is none (nullable) */
  gint64 changed_us;    /* monotonic; 0: nothing has changed since the check */
  gboolean checking;
  gboolean starting;
  int scroll;
} Form;

static const char *
destination_of (const Form *self)
{
  return self->destinations->len > 0 ? g_ptr_array_index (self->destinations, self->destination) : "local";
}

static const char *
policy_of (const Form *self)
{
  return self->policies->len > 0 ? g_ptr_array_index (self->policies, self->policy) : "default";
}

/* Other hosts first: to move within one is rarer. */
static void
find_destinations (Form *self, const UiModel *model)
{
  g_autofree char *chosen = self->destinations->len > 0 ? g_strdup (destination_of (self)) : NULL;
  guint at;

  g_ptr_array_set_size (self->destinations, 0);
  for (guint i = 0; i < model->hosts->len; i++)
    {
      const UiHost *host = g_ptr_array_index (model->hosts, i);

      if (strcmp (host->name, self->host) != 0)
        g_ptr_array_add (self->destinations, g_strdup (host->name));
    }
  g_ptr_array_add (self->destinations, g_strdup ("local"));
  self->destination = chosen != NULL && g_ptr_array_find_with_equal_func (self->destinations, chosen, g_str_equal, &at) ? at : 0;
}

/* -- what was typed ---------------------------------------------------------------- */

static const char *
typed (const Form *self, int field)
{
  const char *text = self->edits[field].text->str;

  return *text != '\0' ? text : NULL;
}

/* NULL, and which field is wrong.  @rehearsal: to turn back at the gate, where nothing is held */
static QmigMigrateRequest *
read_form (const Form *self, gboolean rehearsal, GError **error)
{
  g_autoptr(QmigMigrateRequest) request = qmig_migrate_request_new ();
  g_autoptr(QmigKnobs) knobs = qmig_knobs_new ();

  if ((typed (self, FIELD_THROTTLE) != NULL && !ui_tune_parse (UI_KNOB_THROTTLE, typed (self, FIELD_THROTTLE), &knobs->throttle_max_percent, error))
      || (typed (self, FIELD_DOWNTIME) != NULL && !api_parse_time (typed (self, FIELD_DOWNTIME), &knobs->downtime_ms, error))
      || (typed (self, FIELD_BANDWIDTH) != NULL && !api_parse_rate (typed (self, FIELD_BANDWIDTH), &knobs->bandwidth_bytes_per_s, error))
      || (typed (self, FIELD_DEADLINE) != NULL && !api_parse_time (typed (self, FIELD_DEADLINE), &knobs->deadline_ms, error)))
    return NULL;
  if (typed (self, FIELD_EXPECT) != NULL)
    {
      request->expect = cli_parse_expect (typed (self, FIELD_EXPECT), error);
      if (request->expect == NULL)
        return NULL;
    }
  if (typed (self, FIELD_THROTTLE) != NULL || typed (self, FIELD_DOWNTIME) != NULL || typed (self, FIELD_BANDWIDTH) != NULL
      || typed (self, FIELD_DEADLINE) != NULL)
    request->knobs = g_steal_pointer (&knobs);
  request->vm = g_strdup (self->vm_id);
  request->destination = g_strdup (destination_of (self));
  request->transport = self->transport > 0 ? g_strdup (transports[self->transport]) : NULL;
  request->policy = self->policy > 0 ? g_strdup (policy_of (self)) : NULL;
  request->rehearsal = rehearsal;
  request->hold = self->on[FIELD_HOLD] && !rehearsal;
  request->trace_qmp = self->on[FIELD_TRACE];
  request->allow = self->on[FIELD_POSTCOPY] ? g_strsplit ("postcopy", ",", -1) : NULL;
  request->reason = g_strdup (typed (self, FIELD_REASON));
  return g_steal_pointer (&request);
}

/* What the button that has the focus would do. */
static char *
command_text (const Form *self)
{
  GString *text = g_string_new ("qmig ");
  gboolean rehearsal = self->focus == BUTTON_REHEARSE;
  g_autofree char *vm = g_strdup_printf ("%s/%s", self->host, self->vm_name);
  g_autofree char *quoted = cli_quote_argument (vm);

  g_string_append_printf (text, "%s %s %s", self->check_only ? "check" : rehearsal ? "rehearse" : "migrate", quoted, destination_of (self));
  if (self->transport > 0)
    g_string_append_printf (text, " --transport %s", transports[self->transport]);
  if (self->policy > 0)
    g_string_append_printf (text, " --policy %s", policy_of (self));
  for (int i = 0; i < N_FIELDS; i++)
    {
      g_autofree char *value = fields[i].kind == KIND_TEXT && typed (self, i) != NULL ? cli_quote_argument (typed (self, i)) : NULL;

      if (value != NULL && !(self->check_only && i >= FIELD_EXPECT))
        g_string_append_printf (text, " %s %s", fields[i].option, value);
    }
  for (int i = 0; i < N_FIELDS && !self->check_only; i++)
    if (self->on[i] && !(rehearsal && i == FIELD_HOLD))
      g_string_append_printf (text, " %s", fields[i].option);
  return g_string_free (text, FALSE);
}

/* -- drawing --------------------------------------------------------------------------- */

static gboolean
may_start (const Form *self)
{
  return !self->check_only && !self->starting && self->problem == NULL && (self->plan == NULL || !self->plan->refused);
}

static const char *
choice_text (const Form *self, int field)
{
  if (field == FIELD_DESTINATION)
    return destination_of (self);
  return field == FIELD_POLICY ? policy_of (self) : transports[self->transport];
}

static void
draw_field (const Form *self, UiPaint *paint, int y, int x, int width, int field)
{
  gboolean focus = self->focus == field;
  guint style = UI_ROLE_FIELD | (focus ? UI_SELECTED : 0);
  int at = x + 18;
  int room = MAX (width - 20, 4);

  ui_grid_put_field (paint->grid, y, x, 17, focus ? UI_ROLE_STRONG : UI_ROLE_TEXT, fields[field].label);
  ui_grid_add_hit (paint->grid, y, x, width, UI_HIT_FIELD, field);
  if (fields[field].kind == KIND_TEXT)
    {
      ui_edit_draw (&self->edits[field], paint->grid, y, at, room, focus);
      if (typed (self, field) == NULL && !focus)
        ui_grid_put_field (paint->grid, y, at, room, UI_ROLE_DIM, fields[field].empty);
      return;
    }
  if (focus)
    ui_grid_set_cursor (paint->grid, y, at);
  if (fields[field].kind == KIND_TOGGLE)
    ui_grid_put (paint->grid, y, at, style, self->on[field] ? "[x]" : "[ ]");
  else
    {
      int end = ui_grid_put_field (paint->grid, y, at, MIN (room - 2, 22), style, choice_text (self, field));

      ui_grid_put (paint->grid, y, end, UI_ROLE_DIM, " ▾");
    }
}

static int
draw_fields (const Form *self, UiPaint *paint, int y)
{
  gboolean rules = paint->size >= UI_SIZE_COMPACT;
  int half = paint->cols / 2;
  int last = self->check_only ? FIELD_DEADLINE : FIELD_TRACE;

  if (rules)
    ui_paint_rule (paint, y++, "TARGET", NULL);
  for (int i = 0; i <= last; i++)
    {
      if (i == FIELD_POLICY && rules)
        ui_paint_rule (paint, y++, "LIMITS", "empty: as the policy has it");
      draw_field (self, paint, y, i % 2 == 0 ? 1 : half + 1, half - 2, i);
      y += i % 2 == 1 || i == last;
    }
  return y;
}

static char *
counts_text (const Form *self)
{
  int n[3] = { 0, 0, 0 };

  if (self->checking || self->changed_us > 0)
    return g_strdup ("checking …");
  for (guint i = 0; self->plan != NULL && self->plan->checks != NULL && i < self->plan->checks->len; i++)
    n[CLAMP (((QmigCheck *) g_ptr_array_index (self->plan->checks, i))->status, 0, 2)]++;
  return self->plan == NULL ? g_strdup ("") : g_strdup_printf ("%d ok · %d warn · %d fail", n[0], n[1], n[2]);
}

static void
draw_checks (Form *self, UiPaint *paint, int y, int height)
{
  g_autofree char *counts = counts_text (self);
  g_autoptr(GArray) lines = ui_plan_lines (self->plan, self->problem, paint->cols - 10);
  gboolean stale = self->checking || self->changed_us > 0;
  int hidden = (int) lines->len - height;
  g_autofree char *hint = hidden > 0 ? g_strdup_printf ("%s · ↑↓ %d more", counts, hidden) : g_strdup (counts);

  self->scroll = CLAMP (self->scroll, 0, MAX (hidden, 0));
  ui_paint_rule (paint, y, "PRE-FLIGHT", hint);
  for (int i = 0; i < height && self->scroll + i < (int) lines->len; i++)
    {
      const UiPlanLine *line = &g_array_index (lines, UiPlanLine, self->scroll + i);
      guint style = stale ? UI_ROLE_DIM : line->role == UI_ROLE_OK ? UI_ROLE_TEXT : line->role;

      ui_grid_put_field (paint->grid, y + 1 + i, 2, 5, line->role, line->word);
      ui_grid_put_field (paint->grid, y + 1 + i, 8, paint->cols - 9, style, line->text);
    }
}

static void
draw (UiView *view, UiPaint *paint)
{
  Form *self = (Form *) view;
  g_autofree char *left = g_strdup_printf ("%s %s", self->check_only ? "check" : "migrate", self->vm_name);
  g_autofree char *right = g_strdup_printf ("%s → %s", self->host, destination_of (self));
  g_autofree char *command = command_text (self);
  int bottom = paint->rows - 1;
  int y;
  int x = 2;

  ui_paint_title (paint, left, right);
  y = draw_fields (self, paint, 1);
  draw_checks (self, paint, y, bottom - 3 - y);
  ui_grid_fill (paint->grid, bottom - 2, 0, 1, paint->cols, UI_ROLE_RULE, 0x2500);
  ui_grid_put (paint->grid, bottom - 2, 2, UI_ROLE_RULE, " ");
  ui_grid_put (paint->grid, bottom - 2, 3, UI_ROLE_DIM, "$ ");
  ui_grid_put_field (paint->grid, bottom - 2, 5, MIN (ui_text_width (command) + 1, paint->cols - 8), UI_ROLE_TEXT, command);
  if (!self->check_only)
    {
      x = ui_paint_button (paint, bottom - 1, x, BUTTON_START, may_start (self) ? "[ Start migration ]" : "( Start migration )", may_start (self), self->focus == BUTTON_START);
      x = ui_paint_button (paint, bottom - 1, x, BUTTON_REHEARSE, may_start (self) ? "[ Rehearse ]" : "( Rehearse )", may_start (self), self->focus == BUTTON_REHEARSE);
    }
  x = ui_paint_button (paint, bottom - 1, x, BUTTON_CLOSE, "[ Close ]", TRUE, self->focus == BUTTON_CLOSE);
  if (!self->check_only && !may_start (self))
    ui_grid_put_field (paint->grid, bottom - 1, x, paint->cols - x - 1, UI_ROLE_DIM,
                       self->starting ? "starting …" : "off while a check fails");
  ui_paint_footer (paint, SCREEN, NULL);
}

/* -- checking and starting ---------------------------------------------------------------- */

static void
changed (Form *self, UiContext *context)
{
  self->changed_us = context->model->mono_us;
}

static void
checked (UiContext *context, JsonObject *answer, const QmigProblem *problem, const GError *error, gpointer user_data)
{
  Form *self = user_data;

  self->checking = FALSE;
  g_clear_pointer (&self->plan, qmig_plan_free);
  g_clear_pointer (&self->problem, g_free);
  self->plan = answer != NULL ? qmig_plan_from_object (answer, NULL) : NULL;
  if (self->plan == NULL && problem != NULL && problem->plan != NULL)
    self->plan = qmig_plan_copy (problem->plan);
  else if (self->plan == NULL)
    self->problem = g_strdup (error != NULL ? error->message : "the agent's answer cannot be read");
}

static void
check (Form *self, UiContext *context)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigMigrateRequest) request = read_form (self, FALSE, &error);

  self->changed_us = 0;
  g_clear_pointer (&self->problem, g_free);
  if (request == NULL)
    {
      self->problem = g_strdup (error->message);
      return;
    }
  self->checking = TRUE;
  context->request (context, self->host, "POST", "/v1/checks?measure=1", qmig_migrate_request_to_object (request), &self->parent, checked, self, NULL);
}

/* The default first, then by name. */
static void
got_policies (UiContext *context, JsonObject *answer, const QmigProblem *problem, const GError *error, gpointer user_data)
{
  Form *self = user_data;
  g_autoptr(GPtrArray) policies = answer != NULL ? api_list_from_object (&qmig_policy_type, answer, NULL) : NULL;

  g_ptr_array_set_size (self->policies, 0);
  g_ptr_array_add (self->policies, g_strdup ("default"));
  for (guint i = 0; policies != NULL && i < policies->len; i++)
    {
      const QmigPolicy *policy = g_ptr_array_index (policies, i);

      if (policy->problem == NULL && policy->name != NULL && strcmp (policy->name, "default") != 0)
        g_ptr_array_add (self->policies, g_strdup (policy->name));
    }
}

static gint64
tick (UiView *view, UiContext *context)
{
  Form *self = (Form *) view;

  if (self->destinations->len == 0 || self->destinations->len != MAX (context->model->hosts->len, 1))
    find_destinations (self, context->model);
  if (!self->asked_policies)
    context->request (context, self->host, "GET", "/v1/policies", NULL, view, got_policies, self, NULL);
  self->asked_policies = TRUE;
  /* Once the typing pauses; the answer to the last question is awaited first. */
  if (self->changed_us > 0 && !self->checking && context->model->mono_us - self->changed_us >= SETTLE_US)
    check (self, context);
  return self->changed_us > 0 ? self->changed_us + SETTLE_US : 0;
}

static void
started (UiContext *context, JsonObject *answer, const QmigProblem *problem, const GError *error, gpointer user_data)
{
  Form *self = user_data;
  g_autoptr(QmigMigrationInfo) info = answer != NULL ? qmig_migration_info_from_object (answer, NULL) : NULL;

  self->starting = FALSE;
  if (info == NULL)
    {
      changed (self, context);
      return;
    }
  context->close (context, &self->parent);
  context->push (context, ui_migration_new (self->host, info->id));
}

static void
start (Form *self, gboolean rehearsal, UiContext *context)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigMigrateRequest) request = may_start (self) ? read_form (self, rehearsal, &error) : NULL;

  if (error != NULL)
    ui_model_say (context->model, UI_ROLE_FAIL, "%s", error->message);
  if (request == NULL)
    return;
  self->starting = TRUE;
  /* Pressed twice it is still one migration. */
  request->idempotency_key = g_uuid_string_random ();
  context->request (context, self->host, "POST", "/v1/migrations", qmig_migrate_request_to_object (request), &self->parent, started, self, NULL);
}

/* -- keys ------------------------------------------------------------------------------------- */

static gboolean
is_stop (const Form *self, int stop)
{
  return !self->check_only || stop <= FIELD_DEADLINE || stop == BUTTON_CLOSE;
}

static void
move_focus (Form *self, int by)
{
  do
    self->focus = (self->focus + by + N_STOPS) % N_STOPS;
  while (!is_stop (self, self->focus));
}

/* TRUE where the field has choices. */
static gboolean
choose (Form *self, int by, UiContext *context)
{
  guint n_destinations = self->destinations->len;

  if (self->focus == FIELD_DESTINATION && n_destinations > 0)
    self->destination = (self->destination + n_destinations + (guint) by) % n_destinations;
  else if (self->focus == FIELD_TRANSPORT)
    self->transport = (self->transport + G_N_ELEMENTS (transports) + (guint) by) % G_N_ELEMENTS (transports);
  else if (self->focus == FIELD_POLICY && self->policies->len > 0)
    self->policy = (self->policy + self->policies->len + (guint) by) % self->policies->len;
  else if (self->focus < N_FIELDS && fields[self->focus].kind == KIND_TOGGLE)
    self->on[self->focus] = !self->on[self->focus];
  else
    return FALSE;
  changed (self, context);
  return TRUE;
}

static void
activate (Form *self, UiContext *context)
{
  if (self->focus == BUTTON_START || self->focus == BUTTON_REHEARSE)
    start (self, self->focus == BUTTON_REHEARSE, context);
  else if (self->focus == BUTTON_CLOSE)
    context->close (context, &self->parent);
  else if (!choose (self, 1, context))
    move_focus (self, 1);
}

static gboolean
act (UiView *view, UiAction action, UiContext *context)
{
  Form *self = (Form *) view;
  g_autofree char *command = command_text (self);

  switch ((int) action)
    {
    case UI_ACTION_NEXT_PANE:
      move_focus (self, 1);
      break;
    case UI_ACTION_PREV_PANE:
      move_focus (self, -1);
      break;
    case UI_ACTION_UP:
      self->scroll--;
      break;
    case UI_ACTION_DOWN:
      self->scroll++;
      break;
    case UI_ACTION_LEFT:
    case UI_ACTION_RIGHT:
      if (!choose (self, action == UI_ACTION_LEFT ? -1 : 1, context))
        move_focus (self, action == UI_ACTION_LEFT ? -1 : 1);
      break;
    case UI_ACTION_OPEN:
      activate (self, context);
      break;
    case UI_ACTION_START:
      start (self, FALSE, context);
      break;
    case UI_ACTION_COPY:
      context->copy (context, command);
      break;
    case UI_ACTION_BACK:
      context->close (context, view);
      break;
    default:
      return FALSE;
    }
  return TRUE;
}

static gboolean
type (UiView *view, int key, UiContext *context)
{
  Form *self = (Form *) view;

  if (self->focus >= N_FIELDS)
    return FALSE;
  if (fields[self->focus].kind != KIND_TEXT)
    return key == ' ' && choose (self, 1, context);
  if (!ui_edit_type (&self->edits[self->focus], key))
    return FALSE;
  changed (self, context);
  return TRUE;
}

static gboolean
click (UiView *view, const UiHit *hit, UiContext *context)
{
  Form *self = (Form *) view;
  gboolean again = self->focus == hit->value;

  if (hit->kind != UI_HIT_FIELD)
    return FALSE;
  self->focus = hit->value;
  if (again || hit->value >= N_FIELDS || fields[hit->value].kind == KIND_TOGGLE)
    activate (self, context);
  return TRUE;
}

static void
form_free (UiView *view)
{
  Form *self = (Form *) view;

  for (int i = 0; i < N_FIELDS; i++)
    ui_edit_clear (&self->edits[i]);
  g_clear_pointer (&self->plan, qmig_plan_free);
  g_ptr_array_unref (self->destinations);
  g_ptr_array_unref (self->policies);
  g_free (self->problem);
  g_free (self->host);
  g_free (self->vm_id);
  g_free (self->vm_name);
  g_free (self);
}

static const UiViewClass klass
    = { .name = "migrate", .screen = SCREEN, .kept_lines = 3, .draw = draw, .act = act, .type = type, .click = click, .tick = tick, .free = form_free };

UiView *
ui_form_new (const UiHost *host, const QmigVm *vm, gboolean check_only)
{
  Form *self = g_new0 (Form, 1);

  self->parent.klass = &klass;
  self->host = g_strdup (host->name);
  self->vm_id = g_strdup (vm->id);
  self->vm_name = g_strdup (vm->name != NULL ? vm->name : vm->id);
  self->check_only = check_only;
  self->destinations = g_ptr_array_new_with_free_func (g_free);
  self->policies = g_ptr_array_new_with_free_func (g_free);
  self->changed_us = 1;
  for (int i = 0; i < N_FIELDS; i++)
    ui_edit_init (&self->edits[i], "");
  return &self->parent;
}
