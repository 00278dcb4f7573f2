/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "json-strict.h"
#include "migration-fixture.h"
#include "qmp-error.h"

/* What people do to a migration while it runs, and what they get to know of it. */

#define BEGUN "facts prepare migrate-set-capabilities migrate-set-parameters"
#define UNTUNED "migrate-set-parameters migrate-set-capabilities abort"

static const QmigLimits *usual_limits;

static void
set_up (Fixture *f, gconstpointer data)
{
  qmig_limits = *usual_limits;
  qmig_limits.account_ms = 100;
  fixture_set_up (f, data);
}

static void
assert_contains (const char *text, const char *part)
{
  if (text == NULL || strstr (text, part) == NULL)
    g_error ("'%s' does not contain '%s'", text, part);
}

/* -- acts in the middle of it ------------------------------------------------------- */

/* Calls the hook at the first renewal of the lease: in pre-copy, which ends only when the hook lets it. */
static gboolean
on_first_renewal (FakeHost *host, const char *call, QmpWait *wait, gpointer data, GError **error)
{
  Fixture *f = data;

  if (g_str_equal (call, "renew") && fake_host_count (host, "renew") == 1)
    f->hook (f, "renew");
  return TRUE;
}

static void
act_in_precopy (Fixture *f, FixtureHook hook)
{
  f->looks_to_gate = -1;
  f->hook = hook;
  f->point = "nowhere";
  f->on_call = on_first_renewal;
  qmig_limits.renew_ms = 0;
}

/* Calls the hook at the third renewal: held at the gate for half a second by then. */
static gboolean
on_third_renewal (FakeHost *host, const char *call, QmpWait *wait, gpointer data, GError **error)
{
  Fixture *f = data;

  if (g_str_equal (call, "renew") && fake_host_count (host, "renew") == 3)
    f->hook (f, "renew");
  return TRUE;
}

static void
act_at_gate (Fixture *f, FixtureHook hook)
{
  f->request->hold = TRUE;
  f->looks_to_gate = 0;
  qmig_limits.renew_ms = G_MAXINT;
  f->hook = hook;
  f->point = "nowhere";
  f->on_call = on_third_renewal;
}

static gint64
last_parameter (Fixture *f, const char *name)
{
  g_autoptr(JsonObject) arguments = fake_qemu_last_arguments (f->qemu, "migrate-set-parameters");

  g_assert_nonnull (arguments);
  return json_strict_int (arguments, name, -1);
}

static void
assert_end (Fixture *f, const QmigResult *result, QmigOutcome outcome, const char *calls)
{
  g_autofree char *is = fixture_calls (f);

  g_assert_cmpstr (qmig_outcome_names[result->outcome], ==, qmig_outcome_names[outcome]);
  g_assert_cmpstr (is, ==, calls);
}

/* -- what is said to QEMU ------------------------------------------------------------------ */

static void
test_traced (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  f->request->trace_qmp = TRUE;
  fixture_start (f);
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_cmpuint (fixture_count_events (f, "qmp", "migrate-continue"), ==, 1);
  g_assert_cmpuint (fixture_count_events (f, "qmp", "took_ms"), >, 5);
  g_assert_cmpuint (fixture_count_events (f, "qmp", "\"MIGRATION\""), >, 0);
}

static void
test_not_traced (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  fixture_start (f);
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_cmpuint (fixture_count_events (f, "qmp", ""), ==, 0);
}

/* -- post-copy ---------------------------------------------------------------------------- */

static void
ask_for_postcopy (Fixture *f, const char *point)
{
  g_autoptr(GError) error = NULL;

  qmig_migration_postcopy (fixture_get_migration (f), &error);
  g_assert_no_error (error);
  f->looks_to_gate = 3;
}

/* Nothing has begun then: it can be cancelled at the gate, and its recovery may go back. */
static void
test_postcopy_refused (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;
  g_autoptr(QmigJournalEntry) entry = NULL;

  f->request->allow = g_strdupv ((char *[]) { (char *) "postcopy", NULL });
  fixture_refuse (f, "migrate-start-postcopy", "not today");
  act_in_precopy (f, ask_for_postcopy);
  fixture_start (f);
  result = fixture_join (f);
  entry = fixture_load (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_false (result->postcopy);
  g_assert_false (entry->postcopy);
  g_assert_cmpuint (fixture_count_events (f, "log", "not today"), ==, 1);
}

/* -- the gate -------------------------------------------------------------------------- */

static void
go (Fixture *f, const char *point)
{
  g_autoptr(GError) error = NULL;
  QmigMigration *migration = fixture_get_migration (f);
  g_autoptr(QmigMigrationInfo) info = qmig_migration_get_info (migration);
  gboolean ok = qmig_migration_go (migration, &error);

  g_assert_no_error (error);
  g_assert_true (ok);
  g_assert_true (info->holding);
  g_assert_true (info->hold_wanted);
  g_assert_cmpstr (info->step, ==, "switchover");
}

/* The limit of the step is not the person's: a tenth of a second here, and held for longer. */
static void
shorten_steps (Fixture *f, const char *point)
{
  if (g_str_equal (point, "after-precopy"))
    qmig_limits.step_percent = 5;
  else if (g_str_equal (point, "before-switchover"))
    {
      qmig_limits.step_percent = 100;
      qmig_limits.renew_ms = 0;
    }
  else if (g_str_equal (point, "renew"))
    go (f, point);
}

static void
test_hold_and_go (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  act_at_gate (f, shorten_steps);
  f->point = NULL;
  fixture_start (f);
  result = fixture_join (f);
  assert_end (f, result, QMIG_OUTCOME_COMPLETED, BEGUN " hold migrate migrate-set-parameters migrate-continue commit quit release");
  g_assert_cmpint (last_parameter (f, "downtime-limit"), >, 1);
  g_assert_cmpuint (fixture_count_events (f, "log", "waits, stopped, at the gate"), ==, 1);
}

static void
test_held_from_the_start (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;
  g_autoptr(GError) error = NULL;

  f->request->hold = TRUE;
  fixture_start (f);
  fixture_wait_event (f, "log", "at the gate");
  /* Held is: nearly no downtime allowed, and slower the less is left. */
  g_assert_cmpint (last_parameter (f, "downtime-limit"), ==, 1);
  g_assert_cmpint (last_parameter (f, "max-bandwidth"), ==, 128 * 1024 * 1024 / 4);
  g_assert_true (qmig_migration_cancel (f->migration, "not today", &error));
  result = fixture_join (f);
  assert_end (f, result, QMIG_OUTCOME_CANCELLED, BEGUN " hold migrate migrate_cancel " UNTUNED);
}

static void
hold_now (Fixture *f, const char *point)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (qmig_migration_hold (fixture_get_migration (f), &error));
  f->looks_to_gate = 0;
}

static void
test_held_in_precopy (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;
  g_autoptr(GError) error = NULL;

  act_in_precopy (f, hold_now);
  fixture_start (f);
  fixture_wait_event (f, "log", "at the gate");
  g_assert_cmpint (last_parameter (f, "downtime-limit"), ==, 1);
  g_assert_cmpint (last_parameter (f, "max-bandwidth"), ==, 64 * 1024); /* next to nothing is left */
  g_assert_true (qmig_migration_go (f->migration, &error));
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
}

static void
test_gate_destination_lost (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  f->request->hold = TRUE;
  fixture_start (f);
  fixture_wait_event (f, "log", "at the gate");
  fake_host_set_phase (f->host, QMIG_INCOMING_GONE);
  result = fixture_join (f);
  assert_end (f, result, QMIG_OUTCOME_ROLLED_BACK, BEGUN " hold migrate migrate_cancel " UNTUNED);
  assert_contains (result->error, "held at the gate");
}

static void
test_gate_cancelled_elsewhere (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  f->request->hold = TRUE;
  fixture_start (f);
  fixture_wait_event (f, "log", "at the gate");
  fixture_set_source (f, "running", "cancelled");
  result = fixture_join (f);
  assert_end (f, result, QMIG_OUTCOME_ROLLED_BACK, BEGUN " hold migrate " UNTUNED);
  assert_contains (result->error, "another hand");
}

static void
test_gate_source_lost (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  f->request->hold = TRUE;
  fixture_start (f);
  fixture_wait_event (f, "log", "at the gate");
  fixture_kill_source (f);
  result = fixture_join (f);
  assert_end (f, result, QMIG_OUTCOME_ATTENTION, BEGUN " hold migrate abort");
  g_assert_cmpint (result->vm_location, ==, QMIG_LOCATION_NONE);
}

/* -- in the switchover ----------------------------------------------------------------------- */

static void
test_cancel_in_device (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  f->at_continue = CONTINUE_HANGS;
  fixture_start (f);
  fake_qemu_wait_for (f->qemu, "migrate-continue", 1);
  g_assert_true (qmig_migration_cancel (f->migration, NULL, NULL));
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_CANCELLED);
  g_assert_cmpint (fake_host_get_phase (f->host), ==, QMIG_INCOMING_GONE);
  g_assert_cmpuint (fake_host_count (f->host, "commit"), ==, 0);
}

/* The last word of the source is not needed: all of it has arrived. */
static void
test_source_lost_in_device (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  f->at_continue = CONTINUE_HANGS;
  fixture_start (f);
  fake_qemu_wait_for (f->qemu, "migrate-continue", 1);
  fixture_wait_event (f, "stage", "stop-and-copy");
  fixture_kill_source (f);
  fake_host_set_phase (f->host, QMIG_INCOMING_LOADED);
  result = fixture_join (f);
  assert_end (f, result, QMIG_OUTCOME_COMPLETED, BEGUN " hold migrate migrate-continue commit release");
}

static void
tune_now (Fixture *f, const char *point)
{
  g_autoptr(QmigKnobs) knobs = qmig_knobs_new ();

  knobs->downtime_ms = 1000;
  g_assert_true (qmig_migration_tune (fixture_get_migration (f), knobs, NULL));
}

/* A knob that comes too late for pre-copy must not keep the switchover from hearing of anything else. */
static void
test_tune_in_switchover (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  f->at_continue = CONTINUE_HANGS;
  f->point = "gate-switchover";
  f->hook = tune_now;
  qmig_limits.device_ms = 1000;
  fixture_start (f);
  result = fixture_join (f);
  assert_end (f, result, QMIG_OUTCOME_ROLLED_BACK, BEGUN " hold migrate migrate-continue abort migrate_cancel " UNTUNED);
}

/* The destination says that it is loaded, the source does not say that it is done: no commit. */
static void
test_loaded_is_not_enough (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  f->at_continue = CONTINUE_HANGS;
  qmig_limits.device_ms = 1000;
  fixture_start (f);
  fake_qemu_wait_for (f->qemu, "migrate-continue", 1);
  fake_host_set_phase (f->host, QMIG_INCOMING_LOADED);
  result = fixture_join (f);
  assert_end (f, result, QMIG_OUTCOME_ROLLED_BACK, BEGUN " hold migrate migrate-continue abort migrate_cancel " UNTUNED);
}

/* -- knobs -------------------------------------------------------------------------------- */

static void
tune (Fixture *f, gint64 downtime_ms, gint64 bandwidth, gint64 deadline_ms)
{
  g_autoptr(QmigKnobs) knobs = qmig_knobs_new ();
  g_autoptr(GError) error = NULL;
  gboolean ok;

  knobs->downtime_ms = downtime_ms;
  knobs->bandwidth_bytes_per_s = bandwidth;
  knobs->deadline_ms = deadline_ms;
  ok = qmig_migration_tune (fixture_get_migration (f), knobs, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
}

static void turn_bandwidth (Fixture *f, const char *point) { tune (f, QMIG_UNSET, 5000000, QMIG_UNSET); }
static void turn_deadline (Fixture *f, const char *point) { tune (f, QMIG_UNSET, QMIG_UNSET, 1); }

/* Two before QEMU is told of the first: it is told of both. */
static void
turn_twice (Fixture *f, const char *point)
{
  tune (f, 1000, QMIG_UNSET, QMIG_UNSET);
  tune (f, QMIG_UNSET, 7000000, QMIG_UNSET);
}

static void
turn_refused (Fixture *f, const char *point)
{
  fixture_refuse (f, "migrate-set-parameters", "out of range");
  tune (f, 1000, QMIG_UNSET, QMIG_UNSET);
}

static void
test_knob (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  act_in_precopy (f, turn_bandwidth);
  fixture_start (f);
  fixture_wait_event (f, "knob", "accepted");
  f->looks_to_gate = 0;
  result = fixture_join (f);
  assert_end (f, result, QMIG_OUTCOME_COMPLETED, BEGUN " hold migrate migrate-set-parameters migrate-continue commit quit release");
  g_assert_cmpint (last_parameter (f, "max-bandwidth"), ==, 5000000);
  /* Within the budget, as far as the first pass shows what is needed. */
  g_assert_cmpint (last_parameter (f, "downtime-limit"), <=, 300);
  g_assert_cmpuint (fixture_count_events (f, "knob", "sent"), ==, 1);
  g_assert_cmpuint (fixture_count_events (f, "knob", "accepted"), ==, 1);
  /* It took it, and shows another one all the time. */
  g_assert_cmpuint (fixture_count_events (f, "knob", "in-force"), ==, 0);
}

static void
test_knobs_together (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  act_in_precopy (f, turn_twice);
  fixture_start (f);
  fixture_wait_event (f, "knob", "bandwidth");
  f->looks_to_gate = 0;
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_cmpint (last_parameter (f, "max-bandwidth"), ==, 7000000);
  g_assert_cmpuint (fixture_count_events (f, "decision", "a budget of 1.0 s"), >, 0);
  g_assert_cmpuint (fixture_count_events (f, "knob", "sent"), ==, 2);
  g_assert_cmpuint (fixture_count_events (f, "knob", "accepted"), ==, 2);
}

static void
test_knob_refused (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  act_in_precopy (f, turn_refused);
  fixture_start (f);
  fixture_wait_event (f, "knob", "refused");
  f->looks_to_gate = 0;
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_cmpuint (fixture_count_events (f, "knob", "out of range"), ==, 1);
  g_assert_cmpuint (fixture_count_events (f, "knob", "accepted"), ==, 0);
}

static void
test_deadline_turned (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  act_in_precopy (f, turn_deadline);
  fixture_start (f);
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_CANCELLED);
  assert_contains (result->error, "the deadline of 0.0 s passed");
}

static void
test_knobs_insane (Fixture *f, gconstpointer data)
{
  static const struct { gint64 downtime_ms, bandwidth, deadline_ms; } insane[] = {
    { 0, QMIG_UNSET, QMIG_UNSET }, { -5, QMIG_UNSET, QMIG_UNSET }, { 2000001, QMIG_UNSET, QMIG_UNSET },
    { QMIG_UNSET, -1, QMIG_UNSET }, { QMIG_UNSET, 5, QMIG_UNSET }, { QMIG_UNSET, QMIG_UNSET, 0 },
  };
  g_autoptr(QmigResult) result = NULL;

  f->request->hold = TRUE;
  fixture_start (f);
  for (gsize i = 0; i < G_N_ELEMENTS (insane); i++)
    {
      g_autoptr(QmigKnobs) knobs = qmig_knobs_new ();
      g_autoptr(GError) error = NULL;

      knobs->downtime_ms = insane[i].downtime_ms;
      knobs->bandwidth_bytes_per_s = insane[i].bandwidth;
      knobs->deadline_ms = insane[i].deadline_ms;
      g_assert_false (qmig_migration_tune (f->migration, knobs, &error));
      g_assert_error (error, QMIG_ERROR, QMIG_EXIT_USAGE);
    }
  g_assert_true (qmig_migration_cancel (f->migration, NULL, NULL));
  result = fixture_join (f);
  assert_contains (result->error, "by request");
  g_assert_cmpuint (fixture_count_events (f, "knob", NULL), ==, 0);
}

/* -- QEMUs of the future ---------------------------------------------------------------------- */

static void
speak_newer (Fixture *f, const char *point)
{
  fixture_set_source (f, "running", "teleporting");
}

/* A status of the future is in progress: neither failed nor over. */
static void
test_unknown_status (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  act_in_precopy (f, speak_newer);
  fixture_start (f);
  fixture_wait_event (f, "sample", "teleporting");
  f->looks_to_gate = 0;
  fixture_set_source (f, "running", "active");
  result = fixture_join (f);
  assert_end (f, result, QMIG_OUTCOME_COMPLETED, BEGUN " hold migrate migrate-continue commit quit release");
}

/* On the way back too: it is cancelled, with the destination ended first, for nobody knows how far it went. */
static void
cancel_newer (Fixture *f, const char *point)
{
  speak_newer (f, point);
  g_assert_true (qmig_migration_cancel (fixture_get_migration (f), NULL, NULL));
}

static void
test_unknown_status_back (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  act_in_precopy (f, cancel_newer);
  fixture_start (f);
  result = fixture_join (f);
  assert_end (f, result, QMIG_OUTCOME_CANCELLED, BEGUN " hold migrate abort migrate_cancel " UNTUNED);
}

/* -- the lease ------------------------------------------------------------------------------------ */

static void let_go (Fixture *f, const char *point) { f->looks_to_gate = 0; }

static void
test_lease_not_renewed (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  act_in_precopy (f, let_go);
  fake_host_fail (f->host, "renew", -1, QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "no answer");
  fixture_start (f);
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_cmpuint (fixture_count_events (f, "log", "does not renew the lease"), >, 0);
}

/* -- beginning and end ---------------------------------------------------------------------------- */

static QmigMigration *
start_another (Fixture *f, const char *id, char **existing, GError **error)
{
  QmigJournalEntry *entry = fixture_entry (f);

  g_free (entry->id);
  entry->id = g_strdup (id);
  return qmig_migration_start_entry (&f->env, entry, NULL, NULL, existing, error);
}

static void
test_conflict (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;
  g_autoptr(GError) error = NULL;

  f->request->hold = TRUE;
  fixture_start (f);
  g_assert_null (start_another (f, "m-ANOTHER1", NULL, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
  g_assert_true (qmig_migration_cancel (f->migration, NULL, NULL));
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_CANCELLED);
}

static void
test_idempotency (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;
  g_autofree char *existing = NULL;
  g_autoptr(GError) error = NULL;

  f->request->idempotency_key = g_strdup ("once");
  fixture_start (f);
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_null (start_another (f, "m-ANOTHER1", &existing, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (existing, ==, "m-TESTTEST");
}

static void
test_over (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;
  g_autoptr(GError) error = NULL;

  fixture_start (f);
  fixture_wait_event (f, "result", NULL);
  g_assert_true (qmig_migration_is_over (f->migration));
  g_assert_false (qmig_migration_cancel (f->migration, NULL, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
  assert_contains (error->message, "it is over");
  result = fixture_join (f);
}

static void
test_numbers (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  fixture_start (f);
  result = fixture_join (f);
  g_assert_cmpint (result->qemu_total_ms, ==, 40);
  g_assert_cmpint (result->setup_ms, ==, 3);
  g_assert_cmpint (result->downtime_ms, ==, 11);
  g_assert_cmpint (result->launch_ms, ==, 7);
  g_assert_cmpint (result->passes, >, 0);
  g_assert_cmpint (result->transferred_bytes, >, 0);
  g_assert_cmpint (result->destination_pid, ==, 4711);
  g_assert_true (result->blackout_ms >= 0 && result->blackout_uncertainty_ms >= 0);
  g_assert_cmpstr (result->vm_host, ==, "beta");
  g_assert_cmpstr (result->vm_state, ==, "running");
  g_assert_true (result->pre_copy_ms >= 0 && result->stop_and_copy_ms >= 0 && result->commitment_ms >= 0 && result->activation_ms >= 0);
}

static void
test_stages (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  fixture_start (f);
  result = fixture_join (f);
  for (int i = 0; i < QMIG_N_STAGES; i++)
    g_assert_cmpuint (fixture_count_events (f, "stage", qmig_stage_names[i]), ==, 1);
  g_assert_cmpuint (fixture_count_events (f, "stage", NULL), ==, QMIG_N_STAGES);
  g_assert_cmpuint (fixture_count_events (f, "check", NULL), >, 5);
  g_assert_cmpuint (fixture_count_events (f, "sample", NULL), >, 0);
}

static void
test_expectations (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  f->request->expect = qmig_expect_new ();
  f->request->expect->downtime_ms = 10;
  f->request->expect->rounds = 1000;
  fixture_start (f);
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_cmpint (result->exit_code, ==, QMIG_EXIT_OBJECTIVE);
  g_assert_cmpuint (g_strv_length (result->missed), ==, 1);
  g_assert_cmpstr (result->missed[0], ==, "downtime 11 ms > 10 ms");
}

static const struct
{
  const char *path;
  void (*test) (Fixture *f, gconstpointer data);
} tests[] = {
  { "traced", test_traced },
  { "not-traced", test_not_traced },
  { "postcopy-refused", test_postcopy_refused },
  { "gate/hold-and-go", test_hold_and_go },
  { "gate/from-the-start", test_held_from_the_start },
  { "gate/in-precopy", test_held_in_precopy },
  { "gate/destination-lost", test_gate_destination_lost },
  { "gate/cancelled-elsewhere", test_gate_cancelled_elsewhere },
  { "gate/source-lost", test_gate_source_lost },
  { "device/cancelled", test_cancel_in_device },
  { "device/source-lost", test_source_lost_in_device },
  { "device/loaded-is-not-enough", test_loaded_is_not_enough },
  { "device/tuned", test_tune_in_switchover },
  { "knobs/one", test_knob },
  { "knobs/together", test_knobs_together },
  { "knobs/refused", test_knob_refused },
  { "knobs/deadline", test_deadline_turned },
  { "knobs/insane", test_knobs_insane },
  { "unknown-status", test_unknown_status },
  { "unknown-status-back", test_unknown_status_back },
  { "lease", test_lease_not_renewed },
  { "conflict", test_conflict },
  { "idempotency", test_idempotency },
  { "over", test_over },
  { "numbers", test_numbers },
  { "stages", test_stages },
  { "expectations", test_expectations },
};

int
main (int argc, char **argv)
{
  QmigLimits limits = qmig_limits;

  g_test_init (&argc, &argv, NULL);
  usual_limits = &limits;
  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strconcat ("/migration-steered/", tests[i].path, NULL);

      g_test_add (path, Fixture, NULL, set_up, tests[i].test, fixture_tear_down);
    }
  return g_test_run ();
}
