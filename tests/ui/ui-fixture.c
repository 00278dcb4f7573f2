/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-fixture.h"

#include "api-error.h"
#include "json-strict.h"

#include <string.h>

#define HOUR_US (G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC)

/* -- the context ------------------------------------------------------------------- */

static Fixture *
fixture_of (UiContext *context)
{
  return (Fixture *) context;
}

static void
push (UiContext *context, UiView *view)
{
  fixture_push (fixture_of (context), view);
}

static void
close_view (UiContext *context, UiView *view)
{
  view->closed = TRUE;
}

static void
show (UiContext *context, guint screen)
{
  g_string_append_printf (fixture_of (context)->asked, "show %u\n", screen);
}

static void
drop_answer (Fixture *self)
{
  if (self->destroy != NULL)
    self->destroy (self->answered_data);
  self->answered = NULL;
  self->destroy = NULL;
}

static void
request (UiContext *context, const char *host, const char *method, const char *path, JsonObject *body, UiView *view, UiAnswerFunc answered,
         gpointer user_data, GDestroyNotify destroy)
{
  Fixture *self = fixture_of (context);
  g_autoptr(JsonObject) owned = body;
  g_autofree char *text = body != NULL ? json_strict_print_object (body) : g_strdup ("");

  drop_answer (self);
  self->answered_view = view;
  g_string_append_printf (self->asked, "%s: %s %s %s\n", host, method, path, text);
  self->answered = answered;
  self->answered_data = user_data;
  self->destroy = destroy;
}

static UiRun *
follow (UiContext *context, const char *host, const char *id)
{
  return ui_model_find_run (context->model, id);
}

static void
act (UiContext *context, UiAction action)
{
  g_string_append_printf (fixture_of (context)->asked, "act %d\n", action);
}

static void
copy (UiContext *context, const char *text)
{
  g_string_append_printf (fixture_of (context)->asked, "copy %s\n", text);
}

static void
export_json (UiContext *context, const char *name, JsonNode *json)
{
  g_string_append_printf (fixture_of (context)->asked, "export %s\n", name);
  json_node_unref (json);
}

static void
quit (UiContext *context)
{
  fixture_of (context)->quit = TRUE;
}

/* -- hosts and VMs -------------------------------------------------------------------- */

static UiHost *
add_host (Fixture *self, const char *name, const char *uri, gint64 free_gib)
{
  UiHost *host = ui_model_add_host (self->model, name, uri, g_str_equal (uri, "local"));
  QmigHostInfo *info = qmig_host_info_new ();

  info->name = g_strdup (name);
  info->version = g_strdup ("0.1.0");
  info->hostname = g_strdup_printf ("%s.example", name);
  info->state_dir = g_strdup ("/var/lib/qmig");
  info->pid = 4711;
  info->uid = 107;
  info->kvm = TRUE;
  info->role = g_strdup ("operator");
  info->memory_available_bytes = free_gib << 30;
  info->time_us = FIXTURE_NOW_US;
  info->incoming = 0;
  host->link = UI_LINK_LIVE;
  host->heard_mono_us = FIXTURE_MONO_US - 400000;
  host->rtt_us = 400;
  ui_host_take_info (self->model, host, info);
  return host;
}

static QmigVm *
add_vm (GPtrArray *vms, const char *id, const char *name, const char *state, gint64 gib, gint64 vcpus)
{
  QmigVm *vm = qmig_vm_new ();

  vm->id = g_strdup (id);
  vm->name = g_strdup (name);
  vm->run_state = g_strdup (state);
  vm->memory_bytes = gib << 30;
  vm->vcpus = vcpus;
  vm->pid = 1234;
  vm->accelerator = g_strdup ("kvm");
  g_ptr_array_add (vms, vm);
  return vm;
}

static GPtrArray *
vm_array (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_vm_free);
}

static void
add_hosts (Fixture *self)
{
  g_autoptr(GPtrArray) alpha_vms = vm_array ();
  g_autoptr(GPtrArray) beta_vms = vm_array ();
  g_autoptr(GPtrArray) gamma_vms = vm_array ();
  UiHost *alpha = add_host (self, "alpha", "local", 18);
  UiHost *beta = add_host (self, "beta", "https://beta.example:7647", 41);
  UiHost *gamma = add_host (self, "gamma", "ssh://ops@gamma", 7);

  add_vm (alpha_vms, "1.1", "web01", "running", 4, 4);
  add_vm (alpha_vms, "1.2", "web02", "running", 2, 2);
  add_vm (alpha_vms, "1.3", "web-db", "paused", 32, 8);
  add_vm (beta_vms, "2.1", "web-gpu", "running", 8, 4)->problem = g_strdup ("device vfio-pci cannot be moved");
  /* Wide, combining, and what would steer a terminal. */
  add_vm (beta_vms, "2.2", "日本語-データベース", "running", 1, 1);
  add_vm (beta_vms, "2.3", "evil\033[2J\007\xe2\x80\xaename", "running", 1, 1);
  add_vm (gamma_vms, "3.1", "web-old", "running", 1, 1);
  ui_host_take_vms (self->model, alpha, alpha_vms);
  ui_host_take_vms (self->model, beta, beta_vms);
  ui_host_take_vms (self->model, gamma, gamma_vms);
  beta->labels = g_strsplit ("prod rack1", " ", -1);
  gamma->link = UI_LINK_RETRY;
  gamma->heard_mono_us = FIXTURE_MONO_US - 131 * G_USEC_PER_SEC;
  gamma->retry_mono_us = FIXTURE_MONO_US + 8 * G_USEC_PER_SEC + 500000;
  gamma->problem = g_strdup ("cannot reach the agent at ssh://ops@gamma: connection timed out");
}

/* -- events ------------------------------------------------------------------------------ */

typedef struct
{
  Fixture *self;
  UiRun *run;
  gint64 seq;
} Teller;

static void
tell (Teller *teller, gint64 time_us, const char *type, const char *format, ...) G_GNUC_PRINTF (4, 5);

static void
tell (Teller *teller, gint64 time_us, const char *type, const char *format, ...)
{
  g_autofree char *ts = api_time_format (time_us);
  g_autofree char *data = NULL;
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigEvent) event = NULL;
  UiEvent *line;
  va_list args;

  va_start (args, format);
  data = g_strdup_vprintf (format, args);
  va_end (args);
  text = g_strdup_printf ("{\"seq\":%d,\"ts\":\"%s\",\"host\":\"alpha\",\"migration\":\"%s\",\"type\":\"%s\",\"data\":%s}", (int) ++teller->seq, ts,
                          teller->run->id, type, data);
  event = qmig_event_from_text (text, -1, &error);
  g_assert_no_error (error);
  line = ui_event_new (event);
  ui_model_log (teller->self->model, line);
  ui_run_add (teller->run, line);
}

static void
tell_stage (Teller *teller, gint64 time_us, int stage)
{
  tell (teller, time_us, "stage", "{\"stage\":\"%s\",\"number\":%d}", qmig_stage_names[stage], stage);
}

/* A saw tooth that shrinks: each pass leaves less. */
static void
tell_samples (Teller *teller, gint64 start_us, int seconds, double ratio, const char *forecast)
{
  double left = 4096;
  double pass_start = 4096;
  int pass = 1;

  for (int i = 0; i < seconds * 2; i++)
    {
      gint64 time_us = start_us + i * 500000;

      left -= 35;
      if (left < pass_start * 0.05)
        {
          pass_start = MAX (pass_start * ratio, 40);
          left = pass_start;
          tell (teller, time_us, "round", "{\"pass\":%d,\"remaining_bytes\":%" G_GINT64_FORMAT "}", ++pass, (gint64) (left * 1048576));
        }
      tell (teller, time_us, "sample",
            "{\"elapsed_ms\":%d,\"stage\":\"pre-copy\",\"status\":\"active\",\"pass\":%d,\"total_bytes\":4294967296,\"remaining_bytes\":%" G_GINT64_FORMAT
            ",\"transferred_bytes\":%" G_GINT64_FORMAT ",\"dirty_bytes_per_s\":%d,\"send_bytes_per_s\":%d,\"need_ms\":%d,\"downtime_limit_ms\":%d,"
            "\"bandwidth_limit_bytes_per_s\":75497472,\"throttle_percent\":0,\"normal_bytes\":%" G_GINT64_FORMAT ",\"zero_bytes\":1258291200%s%s}",
            i * 500, pass, (gint64) (left * 1048576), (gint64) i * 36700160, (26 + i % 7) << 20, (68 + i % 4) << 20, (int) (left / 70 * 1000),
            i < 120 ? 100 : 300, (gint64) i * 36700160, forecast != NULL ? ",\"forecast\":" : "", forecast != NULL ? forecast : "");
    }
}

static UiRun *
new_run (Fixture *self, const char *id, const char *vm, const char *started)
{
  UiRun *run = ui_run_new ("alpha", id);
  g_autoptr(QmigMigrationInfo) info = qmig_migration_info_new ();

  info->id = g_strdup (id);
  info->vm = g_strdup (vm);
  info->source = g_strdup ("alpha");
  info->destination = g_strdup ("beta");
  info->active = TRUE;
  info->stage = QMIG_STAGE_PRE_COPY;
  info->started = g_strdup (started);
  info->who = g_strdup ("uid 1000");
  info->policy = qmig_policy_new ();
  info->policy->name = g_strdup ("default");
  info->policy->downtime_ms = 300;
  info->policy->bandwidth_bytes_per_s = 0;
  ui_run_set_info (run, info);
  g_ptr_array_add (self->model->runs, run);
  return run;
}

static void
tell_begin (Teller *teller, gint64 start_us)
{
  tell_stage (teller, start_us, QMIG_STAGE_PRE_MIGRATION);
  tell (teller, start_us + 100000, "check", "{\"id\":\"machine\",\"status\":\"ok\",\"text\":\"pc-q35-7.2 is known on both\",\"way_out\":null}");
  tell (teller, start_us + 110000, "check", "{\"id\":\"clock\",\"status\":\"warn\",\"text\":\"beta is 41 s ahead of alpha\",\"way_out\":\"set it\"}");
  tell_stage (teller, start_us + 420000, QMIG_STAGE_RESERVATION);
  tell_stage (teller, start_us + 2330000, QMIG_STAGE_PRE_COPY);
}

void
fixture_add_run (Fixture *self, gboolean diverging)
{
  static const char converging[] = "{\"verdict\":\"converging\",\"text\":\"each pass leaves about 0.37 of the one before\",\"ways_out\":null,"
                                   "\"passes_left\":3,\"eta_ms\":14000,\"eta_low_ms\":13000,\"eta_high_ms\":16000,\"downtime_ms\":200,"
                                   "\"downtime_low_ms\":160,\"downtime_high_ms\":260,\"basis\":\"measured\"}";
  static const char stuck[] = "{\"verdict\":\"diverging\",\"text\":\"the guest writes 1.9 GiB/s and 1.05 GiB/s can be sent; it writes about 2.6 GiB "
                              "again and again\",\"ways_out\":[\"bandwidth of 2.3 GiB/s or more\",\"downtime budget of 2.5 s or more\",\"throttle of 55 % or "
                              "more\"],\"eta_ms\":null,\"downtime_ms\":2500,\"basis\":\"measured\"}";
  g_autoptr(GPtrArray) active = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_migration_info_free);
  gint64 start_us = FIXTURE_NOW_US - G_GINT64_CONSTANT (100) * G_USEC_PER_SEC;
  UiRun *run = new_run (self, "m-7F3K2A1B", "web01", "2027-01-15T07:58:20.000000Z");
  Teller teller = { self, run, 0 };
  UiHost *alpha = ui_model_find_host (self->model, "alpha");

  tell_begin (&teller, start_us);
  tell_samples (&teller, start_us + 2500000, 96, diverging ? 1.02 : 0.45, diverging ? stuck : converging);
  tell (&teller, start_us + 97900000, "knob", "{\"knob\":\"downtime\",\"value\":300,\"state\":\"accepted\"}");
  tell (&teller, start_us + 98000000, "knob", "{\"knob\":\"downtime\",\"value\":300,\"state\":\"in-force\"}");
  tell (&teller, start_us + 98500000, "decision",
        "{\"action\":\"set\",\"rule\":\"bandwidth\",\"text\":\"bandwidth 64 to 72 MiB/s: the bound leaves room\",\"verdict\":\"converging\"}");
  run->heard_mono_us = FIXTURE_MONO_US - 300000;
  ui_run_knob_asked (run, UI_KNOB_BANDWIDTH, 128 << 20, run->shown_us);
  g_ptr_array_add (active, qmig_migration_info_copy (run->info));
  ((QmigMigrationInfo *) g_ptr_array_index (active, 0))->sample = qmig_sample_copy (run->sample);
  ui_host_take_active (self->model, alpha, active);
  ((QmigVm *) g_ptr_array_index (alpha->vms, 0))->migration = g_strdup (run->id);
}

static void
end_run (Teller *teller, gint64 end_us, const char *outcome, const char *blackout_ms, const char *error)
{
  UiRun *run = teller->run;
  g_autoptr(QmigMigrationInfo) info = qmig_migration_info_copy (run->info);

  tell_stage (teller, end_us - 600000, QMIG_STAGE_STOP_AND_COPY);
  tell (teller, end_us, "result",
        "{\"outcome\":\"%s\",\"exit_code\":0,\"vm_location\":\"%s\",\"vm_host\":\"%s\",\"safe_to_retry\":true,\"total_ms\":%d,\"downtime_ms\":180,"
        "\"blackout_ms\":%s,\"passes\":7,\"transferred_bytes\":7945689497,\"pre_migration_ms\":420.0,\"reservation_ms\":1910.0,\"pre_copy_ms\":%d.0,"
        "\"stop_and_copy_ms\":187.0,\"commitment_ms\":21.0,\"activation_ms\":300.0,\"source_name\":\"alpha\",\"destination_name\":\"beta\",\"error\":%s}",
        outcome, error == NULL ? "destination" : "source", error == NULL ? "beta" : "alpha", (int) ((end_us - run->start_us) / 1000), blackout_ms,
        (int) ((end_us - run->start_us) / 1000) - 3000, error != NULL ? error : "null");
  info->active = FALSE;
  info->result = qmig_result_copy (run->result);
  ui_run_set_info (run, info);
}

void
fixture_add_past (Fixture *self)
{
  g_autoptr(GPtrArray) past = g_ptr_array_new ();
  gint64 start_us = FIXTURE_NOW_US - HOUR_US;
  Teller good = { self, new_run (self, "m-7F0A1111", "web02", "2027-01-15T07:00:00.000000Z"), 0 };
  Teller bad = { self, new_run (self, "m-7EZZ2222", "web-db", "2027-01-14T06:40:00.000000Z"), 0 };

  tell_begin (&good, start_us);
  tell_samples (&good, start_us + 2500000, 60, 0.4, NULL);
  end_run (&good, start_us + 64000000, "completed", "187.3", NULL);
  tell_begin (&bad, start_us - 24 * HOUR_US);
  tell_samples (&bad, start_us - 24 * HOUR_US + 2500000, 90, 0.95, NULL);
  end_run (&bad, start_us - 24 * HOUR_US + 95000000, "cancelled", "null", "\"deadline of 95 s was over: the guest writes faster than can be sent\"");
  g_ptr_array_add (past, good.run->info);
  g_ptr_array_add (past, bad.run->info);
  ui_model_take_past (self->model, "alpha", past);
}

void
fixture_add_log (Fixture *self)
{
  static const struct
  {
    UiEventType type;
    const char *host;
    UiRole role;
    const char *text;
  } lines[] = {
    { UI_EVENT_LINK, "gamma", UI_ROLE_FAIL, "cannot reach the agent at ssh://ops@gamma: connection timed out" },
    { UI_EVENT_CHANGE, "beta", UI_ROLE_TEXT, "certificate alpha (operator): POST /v1/incoming, status 201" },
    { UI_EVENT_LOG, "alpha", UI_ROLE_TEXT, "hostile \033]0;title\007 text \302\205 and \xff bytes" },
    { UI_EVENT_QMP, "alpha", UI_ROLE_TEXT, "-> {\"execute\":\"migrate\"}" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      UiEvent *line = ui_event_new_line (lines[i].type, FIXTURE_NOW_US - (gint64) (10 - i) * G_USEC_PER_SEC, lines[i].host, lines[i].role, lines[i].text);

      ui_model_log (self->model, line);
      ui_event_free (line);
    }
}

/* -- using it ------------------------------------------------------------------------------- */

Fixture *
fixture_new (void)
{
  Fixture *self = g_new0 (Fixture, 1);

  self->model = ui_model_new ();
  self->model->now_us = FIXTURE_NOW_US;
  self->model->mono_us = FIXTURE_MONO_US;
  self->look = (UiLook){ .charset = UI_CHARSET_FULL, .graph = UI_GRAPH_BRAILLE, .theme = UI_THEME_DEFAULT };
  self->stack = g_ptr_array_new ();
  self->asked = g_string_new (NULL);
  self->context = (UiContext){ .model = self->model, .look = &self->look, .push = push, .close = close_view, .show = show, .request = request,
                               .follow = follow, .act = act, .copy = copy, .export = export_json, .quit = quit };
  add_hosts (self);
  return self;
}

void
fixture_free (Fixture *self)
{
  drop_answer (self);
  for (guint i = 0; i < self->stack->len; i++)
    ui_view_free (g_ptr_array_index (self->stack, i));
  g_ptr_array_unref (self->stack);
  g_string_free (self->asked, TRUE);
  ui_model_free (self->model);
  g_free (self);
}

UiView *
fixture_top (Fixture *self)
{
  return g_ptr_array_index (self->stack, self->stack->len - 1);
}

static void
tick_top (Fixture *self)
{
  UiView *view = fixture_top (self);

  if (view->klass->tick != NULL)
    view->klass->tick (view, &self->context);
}

void
fixture_push (Fixture *self, UiView *view)
{
  g_ptr_array_add (self->stack, view);
  tick_top (self);
}

static void
prune (Fixture *self)
{
  for (guint i = self->stack->len; i > 1; i--)
    {
      UiView *view = g_ptr_array_index (self->stack, i - 1);

      if (!view->closed)
        continue;
      if (self->answered_view == view)
        drop_answer (self);
      g_ptr_array_remove_index (self->stack, i - 1);
      ui_view_free (view);
    }
}

static void
do_key (Fixture *self, int key)
{
  UiView *view = fixture_top (self);

  g_assert_cmpint (key, !=, 0);
  if (view->klass->type == NULL || !view->klass->type (view, key, &self->context))
    view->klass->act (view, ui_actions_find (view->klass->screen, key, self->look.read_only), &self->context);
  prune (self);
  tick_top (self);
}

void
fixture_keys (Fixture *self, const char *keys)
{
  g_auto(GStrv) names = g_strsplit (keys, " ", -1);

  for (char **name = names; *name != NULL; name++)
    do_key (self, ui_key_from_name (*name));
}

void
fixture_refuse (Fixture *self, const char *why)
{
  g_autoptr(GError) error = g_error_new_literal (QMIG_ERROR, QMIG_EXIT_REFUSED, why);

  g_assert_nonnull (self->answered);
  self->answered (&self->context, NULL, NULL, error, self->answered_data);
  drop_answer (self);
  prune (self);
}

void
fixture_answer (Fixture *self, const char *json)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) answer = json_strict_parse_object (json, strlen (json), &json_strict_limits_api, &error);

  g_assert_no_error (error);
  g_assert_nonnull (self->answered);
  self->answered (&self->context, answer, NULL, NULL, self->answered_data);
  drop_answer (self);
  prune (self);
}

UiGrid *
fixture_draw (Fixture *self, int cols, int rows)
{
  UiGrid *grid = ui_grid_new (rows, cols, self->look.charset);

  ui_screen_draw (grid, self->model, &self->look, self->stack);
  return grid;
}
