/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "migration-fixture.h"
#include "qmp-error.h"
#include "watched-vfs.h"

#define BEGUN "facts prepare migrate-set-capabilities migrate-set-parameters"
#define AT_GATE BEGUN " hold migrate migrate-continue"
#define UNTUNED "migrate-set-parameters migrate-set-capabilities abort"
#define CONTINUED "abort cont announce-self " UNTUNED

typedef struct
{
  const char *name;
  FixtureHook script;        /* before the start, @point NULL */
  const char *point;         /* where @hook is called */
  FixtureHook hook;
  QmigOutcome outcome;
  QmigExit code;
  QmigLocation location;
  const char *calls;         /* on both sides, in order */
  const char *error;         /* part of the first cause; NULL: none */
  const char *run_state;     /* of the source in the end; NULL: gone */
  QmigIncomingPhase phase;   /* of the destination in the end */
} Case;

static const QmigLimits *usual_limits;

static void
assert_contains (const char *text, const char *part)
{
  if (text == NULL || strstr (text, part) == NULL)
    g_error ("'%s' does not contain '%s'", text, part);
}

/* -- what a test may do ---------------------------------------------------------- */

static void
cancel (Fixture *f, const char *point)
{
  g_autoptr(GError) error = NULL;
  gboolean ok = qmig_migration_cancel (fixture_get_migration (f), "changed my mind", &error);

  g_assert_no_error (error);
  g_assert_true (ok);
}

static void kill_source (Fixture *f, const char *point) { fixture_kill_source (f); }
static void kill_destination (Fixture *f, const char *point) { fake_host_set_phase (f->host, QMIG_INCOMING_GONE); }
static void silence_destination (Fixture *f, const char *point) { fake_host_set_silent (f->host, TRUE); }
static void break_disk (Fixture *f, const char *point) { watched_vfs_set_sync_fails (TRUE); }

static void
fail_host (Fixture *f, const char *call, QmigExit code)
{
  fake_host_fail (f->host, call, -1, QMIG_ERROR, code, "it was made to fail");
}

/* Waits as a host does that is slow: until the caller has had enough. */
static gboolean
answer_facts_never (FakeHost *host, const char *call, QmpWait *wait, gpointer data, GError **error)
{
  return !g_str_equal (call, "facts") || qmp_wait_pause (wait, G_MAXINT, error);
}

static void
never_at_gate (Fixture *f, const char *point)
{
  f->looks_to_gate = -1;
}

/* -- check ------------------------------------------------------------------------- */

static void no_oob (Fixture *f, const char *p) { fake_qemu_set_oob (f->qemu, FALSE); }
static void postmigrate (Fixture *f, const char *p) { fixture_set_source (f, "postmigrate", "completed"); }
static void facts_denied (Fixture *f, const char *p) { fail_host (f, "facts", QMIG_EXIT_DENIED); }
static void no_status (Fixture *f, const char *p) { fixture_refuse (f, "query-status", "not today"); }
static void facts_late (Fixture *f, const char *p) { qmig_limits.step_percent = 5; f->on_call = answer_facts_never; }

static void
no_greeting (Fixture *f, const char *point)
{
  qmig_limits.attach_ms = 1500;
  fake_qemu_set_greeting (f->qemu, "");
}

/* -- prepare ------------------------------------------------------------------------- */

static void prepare_refused (Fixture *f, const char *p) { fail_host (f, "prepare", QMIG_EXIT_REFUSED); }
static void prepare_fails (Fixture *f, const char *p) { fail_host (f, "prepare", QMIG_EXIT_ERROR); }
static void prepare_loses_answer (Fixture *f, const char *p) { fake_host_lose_answer (f->host, "prepare", 1); }

static void
prepare_late (Fixture *f, const char *point)
{
  fake_host_fail (f->host, "prepare", -1, QMP_ERROR, QMP_ERROR_TIMEOUT, "timed out");
}

static gboolean
silent_from_prepare_on (FakeHost *host, const char *call, QmpWait *wait, gpointer data, GError **error)
{
  if (g_str_equal (call, "prepare"))
    fake_host_set_silent (host, TRUE);
  return TRUE;
}

static void
prepare_silent (Fixture *f, const char *point)
{
  qmig_limits.way_back_ms = 2500;
  f->on_call = silent_from_prepare_on;
}

/* -- tune -------------------------------------------------------------------------------- */

static void capabilities_refused (Fixture *f, const char *p) { fixture_refuse (f, "migrate-set-capabilities", "no such thing"); }
static void parameters_refused (Fixture *f, const char *p) { fixture_refuse (f, "migrate-set-parameters", "no such thing"); }

/* An earlier move over TLS could not clean up behind itself. */
static char *
answer_left_credentials (FakeQemu *qemu, const char *command, JsonObject *arguments, gpointer data)
{
  return g_strdup ("{'max-bandwidth': 134217728, 'downtime-limit': 300, 'tls-creds': 'qmig-tls', 'tls-hostname': 'beta'}");
}

static void
credentials_left (Fixture *f, const char *point)
{
  fake_qemu_handle (f->qemu, "query-migrate-parameters", answer_left_credentials, f);
}

static void
ignore_parameters (Fixture *f, const char *point)
{
  qmig_limits.step_percent = 5;
  qmig_limits.way_back_ms = 1500;
  fake_qemu_ignore (f->qemu, "migrate-set-parameters");
}

/* -- pre-copy ------------------------------------------------------------------------------- */

static void migrate_refused (Fixture *f, const char *p) { fixture_refuse (f, "migrate", "no such address"); }

static void uri_runs_a_command (Fixture *f, const char *p) { fake_host_set_uri (f->host, "exec:true"); }
static void uri_goes_another_way (Fixture *f, const char *p) { fake_host_set_uri (f->host, "unix:/run/beta/migration.sock"); }

/* In the middle of pre-copy the hook is called. */
static gboolean
at_first_renewal (FakeHost *host, const char *call, QmpWait *wait, gpointer data, GError **error)
{
  Fixture *f = data;

  if (g_str_equal (call, "renew") && fake_host_count (host, "renew") == 1)
    f->hook (f, "renew");
  return TRUE;
}

static void
renew_often (Fixture *f, const char *point)
{
  never_at_gate (f, point);
  qmig_limits.renew_ms = 0;
  f->point = "nowhere";
  f->on_call = at_first_renewal;
}

static void source_fails (Fixture *f, const char *p) { fixture_set_source (f, "running", "failed"); }
static void source_is_cancelled (Fixture *f, const char *p) { fixture_set_source (f, "running", "cancelled"); }

static void
guest_powers_off (Fixture *f, const char *point)
{
  fake_qemu_event (f->qemu, "SHUTDOWN", "{'guest': true, 'reason': 'guest-shutdown'}");
  /* Answered behind the event. */
  fixture_kill_source (f);
}

static void
destination_dies_loudly (Fixture *f, const char *point)
{
  fake_host_set_error (f->host, "qemu: out of memory");
  fake_host_set_phase (f->host, QMIG_INCOMING_GONE);
}

static void
destination_dies_differing (Fixture *f, const char *point)
{
  fake_host_set_error (f->host, "Size mismatch: pc.ram: 0x1000 != 0x2000: Invalid argument; load of migration failed: Invalid argument");
  fake_host_set_phase (f->host, QMIG_INCOMING_GONE);
}

static void
never_through (Fixture *f, const char *point)
{
  qmig_limits.setup_ms = 500;
  fixture_set_source (f, "running", "setup");
}

static char *
cancel_for_ever (FakeQemu *qemu, const char *command, JsonObject *arguments, gpointer data)
{
  fixture_set_source (data, "running", "cancelling");
  return g_strdup ("{}");
}

static void
never_through_nor_back (Fixture *f, const char *point)
{
  never_through (f, point);
  qmig_limits.linger_ms = 100;
  fake_qemu_handle (f->qemu, "migrate_cancel", cancel_for_ever, f);
}

static void
stall (Fixture *f, const char *point)
{
  qmig_limits.stall_ms = 500;
  fixture_set_source (f, "running", "wait-unplug");
}

/* The source sends, and the destination waits for a channel that never comes. */
static void
never_loads (Fixture *f, const char *point)
{
  never_at_gate (f, point);
  qmig_limits.load_ms = 300;
}

static void
short_deadline (Fixture *f, const char *point)
{
  never_at_gate (f, point);
  f->request->knobs = qmig_knobs_new ();
  f->request->knobs->deadline_ms = 300;
}

static void hold_fails (Fixture *f, const char *p) { fail_host (f, "hold", QMIG_EXIT_ERROR); }
static void hold_refused (Fixture *f, const char *p) { fail_host (f, "hold", QMIG_EXIT_REFUSED); }

/* -- switchover --------------------------------------------------------------------------------- */

static void hang_up_source (Fixture *f, const char *p) { fake_qemu_hang_up (f->qemu); }
static void continue_refused (Fixture *f, const char *p) { fixture_refuse (f, "migrate-continue", "wrong state"); }
static void continue_fails (Fixture *f, const char *p) { f->at_continue = CONTINUE_FAILS; }
static void continue_kills (Fixture *f, const char *p) { f->at_continue = CONTINUE_KILLS_DESTINATION; }

static void
short_device (Fixture *f, const char *point)
{
  qmig_limits.device_ms = 1000;
}

static void
continue_hangs (Fixture *f, const char *point)
{
  f->at_continue = CONTINUE_HANGS;
  qmig_limits.device_ms = 1000;
}

static void
continue_freezes (Fixture *f, const char *point)
{
  f->at_continue = CONTINUE_FREEZES;
  qmig_limits.device_ms = 1000;
  qmig_limits.look_back_ms = 200;
  qmig_limits.account_ms = 50;
}

static void
freezes_for_good (Fixture *f, const char *point)
{
  continue_freezes (f, point);
  fixture_refuse (f, "yank", "nothing to yank");
  qmig_limits.way_back_ms = 500;
}

static void
short_way_back (Fixture *f, const char *point)
{
  qmig_limits.abort_ms = 50;
  qmig_limits.way_back_ms = 500;
}

static void
hangs_and_silent (Fixture *f, const char *point)
{
  continue_hangs (f, point);
  short_way_back (f, point);
}

/* Its host answers no more from the moment the source was let through. */
static void
silent_at_continue (Fixture *f, const char *point)
{
  hangs_and_silent (f, point);
  f->point = "gate-switchover";
  f->hook = silence_destination;
}

/* Frozen or cut off: nothing comes back, and the time runs out. */
static void
frozen_at_continue (Fixture *f, const char *point)
{
  hangs_and_silent (f, point);
  fake_host_fail (f->host, "abort", -1, QMP_ERROR, QMP_ERROR_TIMEOUT, "timed out");
}

static gboolean
run_before_abort (FakeHost *host, const char *call, QmpWait *wait, gpointer data, GError **error)
{
  if (g_str_equal (call, "abort"))
    fake_host_set_phase (host, QMIG_INCOMING_COMMITTED);
  return TRUE;
}

/* The source came back by itself, and somebody else has continued the destination. */
static void
runs_by_another_hand (Fixture *f, const char *point)
{
  f->at_continue = CONTINUE_FAILS;
  f->on_call = run_before_abort;
}

/* -- commit ------------------------------------------------------------------------------------------ */

static void
commit_locked (Fixture *f, const char *point)
{
  fake_host_fail (f->host, "commit", 1, QMP_ERROR, QMP_ERROR_GENERIC, "Failed to get \"write\" lock");
}

static void commit_refused (Fixture *f, const char *p) { fail_host (f, "commit", QMIG_EXIT_REFUSED); }
static void commit_loses_answer (Fixture *f, const char *p) { fake_host_lose_answer (f->host, "commit", 1); }

static void
commit_loses_request (Fixture *f, const char *point)
{
  fake_host_fail (f->host, "commit", 2, QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "no answer");
}

/* The first answer is lost; when it is asked again the destination is gone. */
static gboolean
die_at_second_commit (FakeHost *host, const char *call, QmpWait *wait, gpointer data, GError **error)
{
  if (g_str_equal (call, "commit") && fake_host_count (host, "commit") == 2)
    fake_host_set_phase (host, QMIG_INCOMING_GONE);
  return TRUE;
}

static void
commit_loses_answer_and_dies (Fixture *f, const char *point)
{
  commit_loses_answer (f, point);
  f->on_call = die_at_second_commit;
}

static gboolean
refuse_second_commit (FakeHost *host, const char *call, QmpWait *wait, gpointer data, GError **error)
{
  if (!g_str_equal (call, "commit") || fake_host_count (host, "commit") != 2)
    return TRUE;
  g_set_error (error, QMP_ERROR, QMP_ERROR_GENERIC, "not now");
  return FALSE;
}

static void
commit_lost_then_refused (Fixture *f, const char *point)
{
  fake_host_fail (f->host, "commit", 1, QMP_ERROR, QMP_ERROR_CLOSED, "the connection is gone");
  f->on_call = refuse_second_commit;
}

static void
silence_for_a_step (Fixture *f, const char *point)
{
  qmig_limits.step_percent = 5;
  fake_host_set_silent (f->host, TRUE);
}

static void
cancel_too_late (Fixture *f, const char *point)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigKnobs) knobs = qmig_knobs_new ();
  QmigMigration *migration = fixture_get_migration (f);

  knobs->downtime_ms = 100;
  g_assert_false (qmig_migration_cancel (migration, NULL, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
  g_clear_error (&error);
  g_assert_false (qmig_migration_hold (migration, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
  g_clear_error (&error);
  g_assert_false (qmig_migration_go (migration, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
  g_clear_error (&error);
  g_assert_false (qmig_migration_tune (migration, knobs, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
}

/* Certainly refused, and then the host is not heard of any more: no proof, no way back. */
static void
commit_refused_then_silent (Fixture *f, const char *point)
{
  commit_locked (f, point);
  qmig_limits.abort_ms = 50;
  qmig_limits.way_back_ms = 2500;
  f->point = "before-undo-commit";
  f->hook = silence_destination;
}

static void
commit_refused_and_source_locked (Fixture *f, const char *point)
{
  commit_locked (f, point);
  fixture_refuse (f, "cont", "Failed to get \"write\" lock");
}

/* -- release ---------------------------------------------------------------------------------------------- */

static void quit_refused (Fixture *f, const char *p) { fixture_refuse (f, "quit", "no"); }
static void release_fails (Fixture *f, const char *p) { fail_host (f, "release", QMIG_EXIT_ERROR); }

static void
ignore_quit (Fixture *f, const char *point)
{
  qmig_limits.reply_ms = 100;
  f->quit_is_ignored = TRUE;
}

/* -- other sources --------------------------------------------------------------------------------------------- */

static void many_looks (Fixture *f, const char *p) { f->looks_to_gate = 3; }
static void paused (Fixture *f, const char *p) { fixture_set_source (f, "paused", NULL); }
static void paused_and_hangs (Fixture *f, const char *p) { paused (f, p); continue_hangs (f, p); }
static void paused_and_refused (Fixture *f, const char *p) { paused (f, p); fail_host (f, "accept", QMIG_EXIT_REFUSED); }
static void suspended (Fixture *f, const char *p) { fixture_set_source (f, "suspended", NULL); }

static void
paused_meanwhile (Fixture *f, const char *point)
{
  fixture_set_source (f, "paused", "active");
  f->looks_to_gate = 8;
}

static const Case cases[] = {
  /* all goes well */
  { "good", many_looks, NULL, NULL, QMIG_OUTCOME_COMPLETED, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION,
    AT_GATE " commit quit release", NULL, NULL, QMIG_INCOMING_COMMITTED },
  { "credentials-left", credentials_left, NULL, NULL, QMIG_OUTCOME_COMPLETED, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION,
    "facts prepare migrate-set-parameters migrate-set-parameters object-del object-del migrate-set-capabilities migrate-set-parameters"
    " hold migrate migrate-continue commit quit release", NULL, NULL, QMIG_INCOMING_COMMITTED },
  { "paused", paused, NULL, NULL, QMIG_OUTCOME_COMPLETED, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION,
    AT_GATE " accept quit release", NULL, NULL, QMIG_INCOMING_COMMITTED },
  { "suspended", suspended, NULL, NULL, QMIG_OUTCOME_COMPLETED, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION,
    AT_GATE " commit quit release", NULL, NULL, QMIG_INCOMING_COMMITTED },
  { "precopy/paused-meanwhile", renew_often, NULL, paused_meanwhile, QMIG_OUTCOME_COMPLETED, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION,
    AT_GATE " accept quit release", NULL, NULL, QMIG_INCOMING_COMMITTED },

  /* check: nothing was touched */
  { "check/refused", no_oob, NULL, NULL, QMIG_OUTCOME_REFUSED, QMIG_EXIT_REFUSED, QMIG_LOCATION_SOURCE,
    "facts", "out-of-band", "running", QMIG_INCOMING_GONE },
  { "check/wrong-state", postmigrate, NULL, NULL, QMIG_OUTCOME_REFUSED, QMIG_EXIT_REFUSED, QMIG_LOCATION_SOURCE,
    "facts", "postmigrate", "postmigrate", QMIG_INCOMING_GONE },
  { "check/no-greeting", no_greeting, NULL, NULL, QMIG_OUTCOME_REFUSED, QMIG_EXIT_UNREACHABLE, QMIG_LOCATION_SOURCE,
    "", "no greeting", "running", QMIG_INCOMING_GONE },
  { "check/no-status", no_status, NULL, NULL, QMIG_OUTCOME_REFUSED, QMIG_EXIT_UNREACHABLE, QMIG_LOCATION_SOURCE,
    "", "not today", "running", QMIG_INCOMING_GONE },
  { "check/denied", facts_denied, NULL, NULL, QMIG_OUTCOME_REFUSED, QMIG_EXIT_DENIED, QMIG_LOCATION_SOURCE,
    "facts", "made to fail", "running", QMIG_INCOMING_GONE },
  { "check/timeout", facts_late, NULL, NULL, QMIG_OUTCOME_REFUSED, QMIG_EXIT_UNREACHABLE, QMIG_LOCATION_SOURCE,
    "facts", "timed out", "running", QMIG_INCOMING_GONE },
  { "check/destination-lost", silence_destination, NULL, NULL, QMIG_OUTCOME_REFUSED, QMIG_EXIT_UNREACHABLE, QMIG_LOCATION_SOURCE,
    "facts", "does not answer", "running", QMIG_INCOMING_GONE },
  { "check/source-lost", kill_source, NULL, NULL, QMIG_OUTCOME_REFUSED, QMIG_EXIT_NOT_FOUND, QMIG_LOCATION_NONE,
    "", "gone", NULL, QMIG_INCOMING_GONE },
  { "check/cancelled", NULL, "before-check", cancel, QMIG_OUTCOME_CANCELLED, QMIG_EXIT_CANCELLED, QMIG_LOCATION_SOURCE,
    "", "changed my mind", "running", QMIG_INCOMING_GONE },
  { "check/journal", NULL, "before-check", break_disk, QMIG_OUTCOME_REFUSED, QMIG_EXIT_ERROR, QMIG_LOCATION_SOURCE,
    "facts", "journal", "running", QMIG_INCOMING_GONE },

  /* prepare: only the destination was touched */
  { "prepare/refused", prepare_refused, NULL, NULL, QMIG_OUTCOME_REFUSED, QMIG_EXIT_REFUSED, QMIG_LOCATION_SOURCE,
    "facts prepare abort", "made to fail", "running", QMIG_INCOMING_GONE },
  { "prepare/fails", prepare_fails, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    "facts prepare abort", "cannot prepare the destination on 'beta'", "running", QMIG_INCOMING_GONE },
  { "prepare/timeout", prepare_late, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    "facts prepare abort", "timed out", "running", QMIG_INCOMING_GONE },
  { "prepare/answer-lost", prepare_loses_answer, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    "facts prepare abort", "does not answer", "running", QMIG_INCOMING_GONE },
  { "prepare/destination-lost", prepare_silent, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    NULL, "does not answer", "running", QMIG_INCOMING_GONE },
  { "prepare/source-lost", NULL, "after-prepare", kill_source, QMIG_OUTCOME_ATTENTION, QMIG_EXIT_ATTENTION, QMIG_LOCATION_NONE,
    "facts prepare abort", "", NULL, QMIG_INCOMING_GONE },
  { "prepare/cancelled", NULL, "before-prepare", cancel, QMIG_OUTCOME_CANCELLED, QMIG_EXIT_CANCELLED, QMIG_LOCATION_SOURCE,
    "facts prepare " UNTUNED, "changed my mind", "running", QMIG_INCOMING_GONE },
  { "prepare/journal", NULL, "after-check", break_disk, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    "facts abort", "journal", "running", QMIG_INCOMING_GONE },

  /* tune: the source is set, and set back */
  { "tune/refused", capabilities_refused, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    "facts prepare migrate-set-capabilities " UNTUNED, "no such thing", "running", QMIG_INCOMING_GONE },
  { "tune/refused-limits", parameters_refused, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " " UNTUNED, "no such thing", "running", QMIG_INCOMING_GONE },
  { "tune/timeout", NULL, "after-prepare", ignore_parameters, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " migrate-set-parameters abort", "timed out", "running", QMIG_INCOMING_GONE },
  { "tune/source-lost", NULL, "before-tune", kill_source, QMIG_OUTCOME_ATTENTION, QMIG_EXIT_ATTENTION, QMIG_LOCATION_NONE,
    "facts prepare abort", "", NULL, QMIG_INCOMING_GONE },
  { "tune/cancelled", NULL, "before-tune", cancel, QMIG_OUTCOME_CANCELLED, QMIG_EXIT_CANCELLED, QMIG_LOCATION_SOURCE,
    "facts prepare " UNTUNED, "changed my mind", "running", QMIG_INCOMING_GONE },
  { "tune/journal", NULL, "after-prepare", break_disk, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    "facts prepare " UNTUNED, "journal", "running", QMIG_INCOMING_GONE },

  /* pre-copy: the guest runs all the time */
  { "precopy/not-held", hold_fails, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " hold " UNTUNED, "not ready for the VM", "running", QMIG_INCOMING_GONE },
  { "precopy/hold-refused", hold_refused, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " hold " UNTUNED, "not ready for the VM", "running", QMIG_INCOMING_GONE },
  { "precopy/refused", migrate_refused, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " hold migrate " UNTUNED, "no such address", "running", QMIG_INCOMING_GONE },
  { "precopy/uri-is-a-command", uri_runs_a_command, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " hold " UNTUNED, "cannot send the VM to 'exec:true'", "running", QMIG_INCOMING_GONE },
  { "precopy/uri-of-another-transport", uri_goes_another_way, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " hold " UNTUNED, "the transport is tcp", "running", QMIG_INCOMING_GONE },
  { "precopy/fails", renew_often, NULL, source_fails, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " hold migrate " UNTUNED, "failed in pre-copy", "running", QMIG_INCOMING_GONE },
  { "precopy/cancelled-elsewhere", renew_often, NULL, source_is_cancelled, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " hold migrate " UNTUNED, "somebody else cancelled", "running", QMIG_INCOMING_GONE },
  { "precopy/timeout", renew_often, NULL, never_through, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " hold migrate migrate_cancel " UNTUNED, "does not get through", "running", QMIG_INCOMING_GONE },
  { "precopy/cancel-lingers", renew_often, NULL, never_through_nor_back, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " hold migrate migrate_cancel " UNTUNED, "does not get through", "running", QMIG_INCOMING_GONE },
  { "precopy/stalled", renew_often, NULL, stall, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " hold migrate migrate_cancel " UNTUNED, "no byte was sent", "running", QMIG_INCOMING_GONE },
  { "precopy/never-loads", never_loads, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " hold migrate migrate_cancel " UNTUNED, "has not begun to load", "running", QMIG_INCOMING_GONE },
  { "precopy/source-lost", renew_often, NULL, kill_source, QMIG_OUTCOME_ATTENTION, QMIG_EXIT_ATTENTION, QMIG_LOCATION_NONE,
    BEGUN " hold migrate abort", "", NULL, QMIG_INCOMING_GONE },
  { "precopy/guest-ended", renew_often, NULL, guest_powers_off, QMIG_OUTCOME_GUEST_ENDED, QMIG_EXIT_ERROR, QMIG_LOCATION_NONE,
    BEGUN " hold migrate abort", "", NULL, QMIG_INCOMING_GONE },
  { "precopy/monitor-lost", renew_often, NULL, hang_up_source, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " hold migrate migrate_cancel " UNTUNED, "closed", "running", QMIG_INCOMING_GONE },
  { "switchover/monitor-lost", short_device, "before-switchover", hang_up_source, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    NULL, "closed", "running", QMIG_INCOMING_GONE },
  { "precopy/destination-lost", renew_often, NULL, destination_dies_loudly, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " hold migrate migrate_cancel " UNTUNED, "QEMU on 'beta' says: qemu: out of memory", "running", QMIG_INCOMING_GONE },
  { "precopy/cancelled", renew_often, NULL, cancel, QMIG_OUTCOME_CANCELLED, QMIG_EXIT_CANCELLED, QMIG_LOCATION_SOURCE,
    BEGUN " hold migrate migrate_cancel " UNTUNED, "changed my mind", "running", QMIG_INCOMING_GONE },
  { "precopy/deadline", short_deadline, NULL, NULL, QMIG_OUTCOME_CANCELLED, QMIG_EXIT_CANCELLED, QMIG_LOCATION_SOURCE,
    BEGUN " hold migrate migrate_cancel " UNTUNED, "the deadline of 0.3 s passed", "running", QMIG_INCOMING_GONE },
  { "precopy/journal", NULL, "after-tune", break_disk, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " " UNTUNED, "journal", "running", QMIG_INCOMING_GONE },

  /* switchover: the guest is stopped, and nobody told the destination to run */
  { "switchover/refused", continue_refused, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    AT_GATE " migrate_cancel " UNTUNED, "wrong state", "running", QMIG_INCOMING_GONE },
  { "switchover/silent-at-gate", short_way_back, "before-switchover", silence_destination, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    NULL, "not ready for the switchover", "running", QMIG_INCOMING_LISTENING },
  { "switchover/fails", continue_fails, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    AT_GATE " " UNTUNED, "failed in the switchover", "running", QMIG_INCOMING_GONE },
  { "switchover/timeout", continue_hangs, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    AT_GATE " abort migrate_cancel " UNTUNED, "timed out", "running", QMIG_INCOMING_GONE },
  { "switchover/blocked", continue_freezes, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    AT_GATE " oob:yank abort " UNTUNED, "", "running", QMIG_INCOMING_GONE },
  { "switchover/blocked-for-good", freezes_for_good, NULL, NULL, QMIG_OUTCOME_ATTENTION, QMIG_EXIT_ATTENTION, QMIG_LOCATION_UNKNOWN,
    NULL, "timed out", "finish-migrate", QMIG_INCOMING_GONE },
  { "switchover/silent", silent_at_continue, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    NULL, "timed out", "running", QMIG_INCOMING_LISTENING },
  { "switchover/frozen", frozen_at_continue, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    NULL, "timed out", "running", QMIG_INCOMING_LISTENING },
  { "switchover/both-run", runs_by_another_hand, NULL, NULL, QMIG_OUTCOME_ATTENTION, QMIG_EXIT_ATTENTION, QMIG_LOCATION_UNKNOWN,
    AT_GATE " " UNTUNED, "failed in the switchover", "running", QMIG_INCOMING_COMMITTED },
  { "switchover/paused", paused_and_hangs, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    AT_GATE " abort migrate_cancel " UNTUNED, "timed out", "paused", QMIG_INCOMING_GONE },
  { "switchover/destination-lost-at-gate", NULL, "before-switchover", kill_destination, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    BEGUN " hold migrate migrate_cancel " UNTUNED, "ended before the switchover", "running", QMIG_INCOMING_GONE },
  { "switchover/destination-lost", continue_kills, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    AT_GATE " migrate_cancel " UNTUNED, "ended in the switchover", "running", QMIG_INCOMING_GONE },
  { "switchover/source-lost-at-gate", short_device, "before-switchover", kill_source, QMIG_OUTCOME_ATTENTION, QMIG_EXIT_ATTENTION, QMIG_LOCATION_NONE,
    BEGUN " hold migrate abort", "", NULL, QMIG_INCOMING_GONE },
  { "switchover/cancelled-at-gate", NULL, "before-switchover", cancel, QMIG_OUTCOME_CANCELLED, QMIG_EXIT_CANCELLED, QMIG_LOCATION_SOURCE,
    BEGUN " hold migrate migrate_cancel " UNTUNED, "changed my mind", "running", QMIG_INCOMING_GONE },
  { "switchover/cancelled", NULL, "after-switchover", cancel, QMIG_OUTCOME_CANCELLED, QMIG_EXIT_CANCELLED, QMIG_LOCATION_SOURCE,
    AT_GATE " " CONTINUED, "changed my mind", "running", QMIG_INCOMING_GONE },
  { "switchover/journal", NULL, "after-precopy", break_disk, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    AT_GATE " " CONTINUED, "journal", "running", QMIG_INCOMING_GONE },

  /* commit: only a certain refusal leads back */
  { "commit/refused", commit_locked, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    AT_GATE " commit " CONTINUED, "write", "running", QMIG_INCOMING_GONE },
  { "commit/refused-paused", paused_and_refused, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    AT_GATE " accept " UNTUNED, "made to fail", "postmigrate", QMIG_INCOMING_GONE },
  { "commit/wrong-state", commit_refused, NULL, NULL, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    AT_GATE " commit " CONTINUED, "made to fail", "running", QMIG_INCOMING_GONE },
  { "commit/answer-lost", commit_loses_answer, NULL, NULL, QMIG_OUTCOME_COMPLETED, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION,
    AT_GATE " commit commit quit release", NULL, NULL, QMIG_INCOMING_COMMITTED },
  { "commit/request-lost", commit_loses_request, NULL, NULL, QMIG_OUTCOME_COMPLETED, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION,
    AT_GATE " commit commit commit quit release", NULL, NULL, QMIG_INCOMING_COMMITTED },
  { "commit/answer-lost-then-gone", commit_loses_answer_and_dies, NULL, NULL, QMIG_OUTCOME_ATTENTION, QMIG_EXIT_ATTENTION, QMIG_LOCATION_UNKNOWN,
    NULL, "nobody can say", "postmigrate", QMIG_INCOMING_GONE },
  { "commit/lost-then-refused", commit_lost_then_refused, NULL, NULL, QMIG_OUTCOME_ATTENTION, QMIG_EXIT_ATTENTION, QMIG_LOCATION_UNKNOWN,
    NULL, "nobody can say", "postmigrate", QMIG_INCOMING_LOADED },
  { "commit/timeout", NULL, "after-switchover", silence_for_a_step, QMIG_OUTCOME_ATTENTION, QMIG_EXIT_ATTENTION, QMIG_LOCATION_UNKNOWN,
    NULL, "nobody can say", "postmigrate", QMIG_INCOMING_LOADED },
  { "commit/destination-lost", NULL, "after-switchover", kill_destination, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    AT_GATE " cont announce-self " UNTUNED, "died before it was told to run", "running", QMIG_INCOMING_GONE },
  { "commit/source-lost", NULL, "before-commit", kill_source, QMIG_OUTCOME_COMPLETED, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION,
    AT_GATE " commit release", NULL, NULL, QMIG_INCOMING_COMMITTED },
  { "commit/cancelled", NULL, "before-commit", cancel_too_late, QMIG_OUTCOME_COMPLETED, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION,
    AT_GATE " commit quit release", NULL, NULL, QMIG_INCOMING_COMMITTED },
  { "commit/journal", NULL, "after-switchover", break_disk, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
    AT_GATE " " CONTINUED, "journal", "running", QMIG_INCOMING_GONE },
  { "commit/refused-then-silent", commit_refused_then_silent, NULL, NULL, QMIG_OUTCOME_ATTENTION, QMIG_EXIT_ATTENTION, QMIG_LOCATION_UNKNOWN,
    NULL, "write", "postmigrate", QMIG_INCOMING_LOADED },
  { "commit/refused-and-source-locked", commit_refused_and_source_locked, NULL, NULL, QMIG_OUTCOME_ATTENTION, QMIG_EXIT_ATTENTION, QMIG_LOCATION_UNKNOWN,
    NULL, "write", "postmigrate", QMIG_INCOMING_GONE },

  /* release: the VM is over there, whatever fails */
  { "release/refused", quit_refused, NULL, NULL, QMIG_OUTCOME_COMPLETED, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION,
    AT_GATE " commit quit release", NULL, NULL, QMIG_INCOMING_COMMITTED },
  { "release/timeout", NULL, "before-release", ignore_quit, QMIG_OUTCOME_COMPLETED, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION,
    AT_GATE " commit quit release", NULL, NULL, QMIG_INCOMING_COMMITTED },
  { "release/source-lost", NULL, "before-release", kill_source, QMIG_OUTCOME_COMPLETED, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION,
    AT_GATE " commit release", NULL, NULL, QMIG_INCOMING_COMMITTED },
  { "release/fails", release_fails, NULL, NULL, QMIG_OUTCOME_COMPLETED, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION,
    AT_GATE " commit quit release", NULL, NULL, QMIG_INCOMING_COMMITTED },
  { "release/destination-silent", NULL, "after-commit", silence_for_a_step, QMIG_OUTCOME_COMPLETED, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION,
    NULL, NULL, NULL, QMIG_INCOMING_COMMITTED },
  { "release/cancelled", NULL, "before-release", cancel_too_late, QMIG_OUTCOME_COMPLETED, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION,
    AT_GATE " commit quit release", NULL, NULL, QMIG_INCOMING_COMMITTED },
  { "release/journal", NULL, "after-commit", break_disk, QMIG_OUTCOME_ATTENTION, QMIG_EXIT_ATTENTION, QMIG_LOCATION_DESTINATION,
    AT_GATE " commit", "journal", "postmigrate", QMIG_INCOMING_COMMITTED },
};

static void
assert_source (Fixture *f, const char *run_state)
{
  g_autofree char *is = fixture_get_run_state (f);

  g_assert_cmpint (fixture_source_lives (f), ==, run_state != NULL);
  if (run_state != NULL)
    g_assert_cmpstr (is, ==, run_state);
}

static void
assert_journal (Fixture *f, const QmigResult *result)
{
  g_autoptr(QmigJournalEntry) entry = fixture_load (f);
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigJournal) journal = qmig_journal_open (f->env.state_dir, &error);
  g_autoptr(QmigMigrationInfo) info = qmig_journal_info (journal, entry->id, &error);

  g_assert_no_error (error);
  g_assert_true (entry->ended);
  g_assert_false (info->active);
  g_assert_cmpint (info->result->outcome, ==, result->outcome);
  g_assert_cmpint (info->result->exit_code, ==, result->exit_code);
}

static void
assert_result (Fixture *f, const Case *c, const QmigResult *result)
{
  g_assert_cmpstr (qmig_outcome_names[result->outcome], ==, qmig_outcome_names[c->outcome]);
  g_assert_cmpint (result->exit_code, ==, c->code);
  g_assert_cmpstr (qmig_location_names[result->vm_location], ==, qmig_location_names[c->location]);
  if (c->error != NULL)
    assert_contains (result->error, c->error);
  else
    g_assert_null (result->error);
  g_assert_cmpint (result->error_id != NULL, ==, result->error != NULL);
  g_assert_cmpint (result->cause != NULL, ==, result->error != NULL);
  if (c->outcome == QMIG_OUTCOME_ATTENTION)
    g_assert_nonnull (result->next);
  g_assert_cmpint (result->safe_to_retry, ==, c->location == QMIG_LOCATION_SOURCE && c->code != QMIG_EXIT_ERROR && c->code != QMIG_EXIT_DENIED &&
                   g_strcmp0 (c->run_state, "postmigrate") != 0);
  if (c->location == QMIG_LOCATION_SOURCE && g_strcmp0 (c->run_state, "postmigrate") == 0)
    assert_contains (result->next, "`cont`, then `stop`");
}

static void
case_set_up (Fixture *f, gconstpointer data)
{
  const Case *c = data;

  qmig_limits = *usual_limits;
  qmig_limits.account_ms = 100;
  fixture_set_up (f, data);
  f->point = c != NULL ? c->point : NULL;
  f->hook = c != NULL ? c->hook : NULL;
}

static void
case_tear_down (Fixture *f, gconstpointer data)
{
  watched_vfs_set_sync_fails (FALSE);
  fixture_tear_down (f, data);
}

static void
test_case (Fixture *f, gconstpointer data)
{
  const Case *c = data;
  g_autoptr(QmigResult) result = NULL;
  g_autofree char *calls = NULL;

  if (c->script != NULL)
    c->script (f, NULL);
  fixture_start (f);
  result = fixture_join (f);
  calls = fixture_calls (f);

  g_test_message ("%s: %s; %s", calls, result->error, result->next);
  assert_result (f, c, result);
  if (c->calls != NULL)
    g_assert_cmpstr (calls, ==, c->calls);
  assert_source (f, c->run_state);
  g_assert_cmpstr (qmig_incoming_phase_names[fake_host_get_phase (f->host)], ==, qmig_incoming_phase_names[c->phase]);
  if (c->hook != break_disk)
    assert_journal (f, result);
}

static const Case differing = { "account", renew_often, NULL, destination_dies_differing, QMIG_OUTCOME_ROLLED_BACK, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE,
  BEGUN " hold migrate migrate_cancel " UNTUNED, "load of migration failed", "running", QMIG_INCOMING_GONE };

/* One account: what the destination said while it lived, and what it means, are in the result after the way back. */
static void
test_account (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  differing.script (f, NULL);
  fixture_start (f);
  result = fixture_join (f);
  assert_result (f, &differing, result);
  g_assert_true (g_str_has_prefix (result->destination_said, "Size mismatch: pc.ram"));
  g_assert_cmpstr (result->error_id, ==, "QMIG-E0302");
  assert_contains (result->cure, "same -m");
}

static char *
tell_old_failure (FakeQemu *qemu, const char *command, JsonObject *arguments, gpointer data)
{
  return g_strdup ("{'status': 'failed', 'error-desc': 'Unable to write to socket: Broken pipe'}");
}

/* A source that failed in an earlier migration still has its words of then. */
static void
test_old_words (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  fake_qemu_handle (f->qemu, "query-migrate", tell_old_failure, NULL);
  prepare_fails (f, NULL);
  fixture_start (f);
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_ROLLED_BACK);
  g_assert_null (result->source_said);
  g_assert_cmpstr (result->error_id, ==, "QMIG-E0004");
}

int
main (int argc, char **argv)
{
  QmigLimits limits = qmig_limits;

  g_test_init (&argc, &argv, NULL);
  /* What cannot be written to the journal is warned of, and here on purpose. */
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  watched_vfs_install ();
  usual_limits = &limits;
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/migration/", cases[i].name, NULL);

      g_test_add (path, Fixture, &cases[i], case_set_up, test_case, case_tear_down);
    }
  g_test_add ("/migration/account", Fixture, &differing, case_set_up, test_account, case_tear_down);
  g_test_add ("/migration/account/old-words", Fixture, NULL, case_set_up, test_old_words, case_tear_down);
  return g_test_run ();
}
