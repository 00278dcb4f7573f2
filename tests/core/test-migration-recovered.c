/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "migration-fixture.h"
#include "qmp-error.h"

/* A migration that its agent left in some step, taken up by the next one. */

#define UNTUNED "migrate-set-parameters migrate-set-capabilities abort"
#define CONTINUED "abort cont announce-self " UNTUNED

static const QmigLimits *usual_limits;

typedef struct
{
  const char *name;
  const char *step;
  gboolean intent;
  const char *run_state;     /* of the source as it is found; NULL: gone */
  const char *status;
  QmigIncomingPhase found;   /* the destination */
  const char *assume;
  FixtureHook script;
  QmigOutcome outcome;
  QmigLocation location;
  const char *calls;         /* NULL: does not matter */
  const char *left;          /* the source's run state in the end; NULL: gone */
  QmigIncomingPhase phase;   /* of the destination in the end */
} Case;

static void
silence (Fixture *f, const char *point)
{
  qmig_limits.recover_ms = 2000;
  qmig_limits.abort_ms = 800;
  qmig_limits.way_back_ms = 2500;
  fake_host_set_silent (f->host, TRUE);
}

static void
refuse_commit (Fixture *f, const char *point)
{
  fake_host_fail (f->host, "commit", -1, QMP_ERROR, QMP_ERROR_GENERIC, "Failed to get \"write\" lock");
}

static void
lock_cont (Fixture *f, const char *point)
{
  fixture_refuse (f, "cont", "Failed to get \"write\" lock");
}

static void
was_paused (Fixture *f, const char *point)
{
  g_free (f->status_before);
  f->status_before = g_strdup ("paused");
}

/* The main loop writes to a destination that does not read. */
static void
block_on_destination (Fixture *f, const char *point)
{
  qmig_limits.attach_ms = 1500;
  f->abort_thaws = TRUE;
  fake_qemu_freeze (f->qemu, TRUE);
}

static void
block_for_good (Fixture *f, const char *point)
{
  qmig_limits.attach_ms = 1500;
  fake_qemu_freeze (f->qemu, TRUE);
}

/* The first look finds it alive, the way back does not. */
static void
die_on_the_way_back (Fixture *f, const char *point)
{
  f->point = "before-undo-switchover";
  f->hook = point == NULL ? die_on_the_way_back : NULL;
  if (point != NULL)
    {
      fake_host_set_phase (f->host, QMIG_INCOMING_LOADED);
      fixture_kill_source (f);
    }
}

#define BACK QMIG_OUTCOME_ROLLED_BACK, QMIG_LOCATION_SOURCE
#define THERE QMIG_OUTCOME_COMPLETED, QMIG_LOCATION_DESTINATION
#define DOUBT QMIG_OUTCOME_ATTENTION, QMIG_LOCATION_UNKNOWN
#define LOST QMIG_OUTCOME_ATTENTION, QMIG_LOCATION_NONE

static const Case cases[] = {
  { "check", "check", FALSE, "running", NULL, QMIG_INCOMING_GONE, NULL, NULL, BACK, "", "running", QMIG_INCOMING_GONE },
  { "check/source-gone", "check", FALSE, NULL, NULL, QMIG_INCOMING_GONE, NULL, NULL,
    QMIG_OUTCOME_REFUSED, QMIG_LOCATION_NONE, "", NULL, QMIG_INCOMING_GONE },
  { "prepare/listening", "prepare", FALSE, "running", NULL, QMIG_INCOMING_LISTENING, NULL, NULL, BACK, UNTUNED, "running", QMIG_INCOMING_GONE },
  { "prepare/nothing-there", "prepare", FALSE, "running", NULL, QMIG_INCOMING_GONE, NULL, NULL, BACK, UNTUNED, "running", QMIG_INCOMING_GONE },
  { "prepare/silent", "prepare", FALSE, "running", NULL, QMIG_INCOMING_LISTENING, NULL, silence, BACK, NULL, "running", QMIG_INCOMING_LISTENING },

  { "precopy/goes-on", "precopy", FALSE, "running", "active", QMIG_INCOMING_LISTENING, NULL, NULL, THERE,
    "hold migrate-continue commit quit release", NULL, QMIG_INCOMING_COMMITTED },
  { "precopy/destination-gone", "precopy", FALSE, "running", "active", QMIG_INCOMING_GONE, NULL, NULL, BACK,
    "migrate_cancel " UNTUNED, "running", QMIG_INCOMING_GONE },
  { "precopy/failed", "precopy", FALSE, "running", "failed", QMIG_INCOMING_LISTENING, NULL, NULL, BACK, UNTUNED, "running", QMIG_INCOMING_GONE },
  { "precopy/source-gone", "precopy", FALSE, NULL, NULL, QMIG_INCOMING_LISTENING, NULL, NULL, LOST, "abort", NULL, QMIG_INCOMING_GONE },
  { "precopy/source-gone-silent", "precopy", FALSE, NULL, NULL, QMIG_INCOMING_LISTENING, NULL, silence, DOUBT, NULL, NULL, QMIG_INCOMING_LISTENING },

  { "switchover/at-gate", "switchover", FALSE, "finish-migrate", "pre-switchover", QMIG_INCOMING_LISTENING, NULL, NULL, THERE,
    "hold migrate-continue commit quit release", NULL, QMIG_INCOMING_COMMITTED },
  { "switchover/completed", "switchover", FALSE, "postmigrate", "completed", QMIG_INCOMING_LOADED, NULL, NULL, THERE,
    "commit quit release", NULL, QMIG_INCOMING_COMMITTED },
  { "switchover/completed-paused", "switchover", FALSE, "postmigrate", "completed", QMIG_INCOMING_LOADED, NULL, was_paused, THERE,
    "accept quit release", NULL, QMIG_INCOMING_COMMITTED },
  { "switchover/completed-destination-gone", "switchover", FALSE, "postmigrate", "completed", QMIG_INCOMING_GONE, NULL, NULL, BACK,
    "cont announce-self " UNTUNED, "running", QMIG_INCOMING_GONE },
  { "switchover/completed-refused", "switchover", FALSE, "postmigrate", "completed", QMIG_INCOMING_LOADED, NULL, refuse_commit, BACK,
    "commit " CONTINUED, "running", QMIG_INCOMING_GONE },
  { "switchover/source-gone", "switchover", FALSE, NULL, NULL, QMIG_INCOMING_LOADED, NULL, NULL, THERE,
    "commit release", NULL, QMIG_INCOMING_COMMITTED },
  { "switchover/source-gone-running-there", "switchover", FALSE, NULL, NULL, QMIG_INCOMING_COMMITTED, NULL, NULL, THERE,
    "release", NULL, QMIG_INCOMING_COMMITTED },
  { "switchover/running-there", "switchover", FALSE, "running", "failed", QMIG_INCOMING_COMMITTED, NULL, NULL, DOUBT,
    "", "running", QMIG_INCOMING_COMMITTED },
  { "switchover/blocked", "switchover", FALSE, "finish-migrate", "device", QMIG_INCOMING_LISTENING, NULL, block_on_destination, BACK,
    "abort " UNTUNED, "running", QMIG_INCOMING_GONE },
  { "switchover/blocked-loaded", "switchover", FALSE, "finish-migrate", "device", QMIG_INCOMING_LOADED, NULL, block_for_good, DOUBT,
    "", "finish-migrate", QMIG_INCOMING_LOADED },

  { "undo/again", "undo-switchover", FALSE, "postmigrate", "completed", QMIG_INCOMING_LOADED, NULL, NULL, BACK,
    CONTINUED, "running", QMIG_INCOMING_GONE },
  { "undo/cancelled", "undo-prepare", FALSE, "running", "cancelled", QMIG_INCOMING_LISTENING, NULL, NULL, BACK, UNTUNED, "running", QMIG_INCOMING_GONE },
  { "undo/source-gone", "undo-switchover", FALSE, NULL, NULL, QMIG_INCOMING_LOADED, NULL, NULL, DOUBT, "", NULL, QMIG_INCOMING_LOADED },
  { "undo/source-gone-assumed", "undo-switchover", FALSE, NULL, NULL, QMIG_INCOMING_LOADED, "destination", NULL, THERE,
    "commit release", NULL, QMIG_INCOMING_COMMITTED },
  { "undo/source-dies", "undo-switchover", FALSE, "finish-migrate", "device", QMIG_INCOMING_LISTENING, NULL, die_on_the_way_back, DOUBT,
    "", NULL, QMIG_INCOMING_LOADED },

  { "commit/loaded", "commit", TRUE, "postmigrate", "completed", QMIG_INCOMING_LOADED, NULL, NULL, THERE,
    "commit quit release", NULL, QMIG_INCOMING_COMMITTED },
  { "commit/loaded-paused", "commit", TRUE, "postmigrate", "completed", QMIG_INCOMING_LOADED, NULL, was_paused, THERE,
    "accept quit release", NULL, QMIG_INCOMING_COMMITTED },
  { "commit/loaded-refused", "commit", TRUE, "postmigrate", "completed", QMIG_INCOMING_LOADED, NULL, refuse_commit, DOUBT,
    "commit", "postmigrate", QMIG_INCOMING_LOADED },
  { "commit/committed", "commit", TRUE, "postmigrate", "completed", QMIG_INCOMING_COMMITTED, NULL, NULL, THERE,
    "quit release", NULL, QMIG_INCOMING_COMMITTED },
  { "commit/both-run", "commit", TRUE, "running", "completed", QMIG_INCOMING_COMMITTED, NULL, NULL, THERE,
    "quit release", NULL, QMIG_INCOMING_COMMITTED },
  { "commit/source-runs", "commit", TRUE, "running", "completed", QMIG_INCOMING_LOADED, NULL, NULL, DOUBT, "", "running", QMIG_INCOMING_LOADED },
  { "commit/gone", "commit", TRUE, "postmigrate", "completed", QMIG_INCOMING_GONE, NULL, NULL, DOUBT, "", "postmigrate", QMIG_INCOMING_GONE },
  { "commit/gone-assume-source", "commit", TRUE, "postmigrate", "completed", QMIG_INCOMING_GONE, "source", NULL, BACK,
    "cont announce-self " UNTUNED, "running", QMIG_INCOMING_GONE },
  { "commit/gone-assume-source-locked", "commit", TRUE, "postmigrate", "completed", QMIG_INCOMING_GONE, "source", lock_cont, DOUBT,
    NULL, "postmigrate", QMIG_INCOMING_GONE },
  { "commit/gone-assume-destination", "commit", TRUE, "postmigrate", "completed", QMIG_INCOMING_GONE, "destination", NULL, THERE,
    "quit release", NULL, QMIG_INCOMING_GONE },
  { "commit/silent", "commit", TRUE, "postmigrate", "completed", QMIG_INCOMING_LOADED, NULL, silence, DOUBT, "", "postmigrate", QMIG_INCOMING_LOADED },
  { "commit/silent-assume-source", "commit", TRUE, "postmigrate", "completed", QMIG_INCOMING_LOADED, "source", silence, BACK,
    NULL, "running", QMIG_INCOMING_LOADED },
  { "commit/blocked", "commit", TRUE, "postmigrate", "completed", QMIG_INCOMING_LOADED, NULL, block_for_good, DOUBT,
    "", "postmigrate", QMIG_INCOMING_LOADED },

  { "release/committed", "release", TRUE, "postmigrate", "completed", QMIG_INCOMING_COMMITTED, NULL, NULL, THERE,
    "quit release", NULL, QMIG_INCOMING_COMMITTED },
  { "release/source-gone", "release", TRUE, NULL, NULL, QMIG_INCOMING_COMMITTED, NULL, NULL, THERE, "release", NULL, QMIG_INCOMING_COMMITTED },
  { "release/forgotten", "release", TRUE, NULL, NULL, QMIG_INCOMING_GONE, NULL, NULL, THERE, "release", NULL, QMIG_INCOMING_GONE },

  { "undo-commit/again", "undo-commit", TRUE, "postmigrate", "completed", QMIG_INCOMING_LOADED, NULL, NULL, BACK,
    CONTINUED, "running", QMIG_INCOMING_GONE },
  { "undo-commit/ended", "undo-commit", TRUE, "postmigrate", "completed", QMIG_INCOMING_GONE, NULL, NULL, BACK,
    "cont announce-self " UNTUNED, "running", QMIG_INCOMING_GONE },
  { "undo-commit/silent", "undo-commit", TRUE, "postmigrate", "completed", QMIG_INCOMING_LOADED, NULL, silence, DOUBT,
    "", "postmigrate", QMIG_INCOMING_LOADED },
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
case_set_up (Fixture *f, gconstpointer data)
{
  qmig_limits = *usual_limits;
  qmig_limits.account_ms = 100;
  fixture_set_up (f, data);
}

static void
begin_dead (Fixture *f, const Case *c)
{
  if (c->script != NULL)
    c->script (f, NULL);
  fixture_begin_dead (f, c->step, c->intent);
  fake_host_set_phase (f->host, c->found);
  if (c->run_state != NULL)
    fixture_set_source (f, c->run_state, c->status);
  else
    fixture_kill_source (f);
}

static void
test_case (Fixture *f, gconstpointer data)
{
  const Case *c = data;
  g_autoptr(QmigResult) result = NULL;
  g_autofree char *calls = NULL;

  begin_dead (f, c);
  fixture_recover (f, c->assume);
  result = fixture_join (f);
  calls = fixture_calls (f);

  g_test_message ("%s: %s; %s", calls, result->error, result->next);
  g_assert_cmpstr (qmig_outcome_names[result->outcome], ==, qmig_outcome_names[c->outcome]);
  g_assert_cmpstr (qmig_location_names[result->vm_location], ==, qmig_location_names[c->location]);
  if (c->calls != NULL)
    g_assert_cmpstr (calls, ==, c->calls);
  assert_source (f, c->left);
  g_assert_cmpstr (qmig_incoming_phase_names[fake_host_get_phase (f->host)], ==, qmig_incoming_phase_names[c->phase]);
}

/* Settled once, by the operator's word or by itself: from then on the source is left alone, and what may be left of the
 * destination can be ended again and again. */
static void
test_settled (Fixture *f, gconstpointer data)
{
  static const Case gone = { .step = "commit", .intent = TRUE, .run_state = "postmigrate", .status = "completed", .found = QMIG_INCOMING_GONE };
  g_autoptr(QmigResult) doubt = NULL;
  g_autoptr(QmigResult) back = NULL;
  g_autoptr(QmigResult) again = NULL;
  g_autoptr(QmigJournalEntry) entry = NULL;

  begin_dead (f, &gone);
  fixture_recover (f, NULL);
  doubt = fixture_join (f);
  g_assert_cmpint (doubt->outcome, ==, QMIG_OUTCOME_ATTENTION);

  fixture_forget_events (f);
  fixture_recover (f, "source");
  back = fixture_join (f);
  g_assert_cmpint (back->outcome, ==, QMIG_OUTCOME_ROLLED_BACK);
  assert_source (f, "running");
  entry = fixture_load (f);
  g_assert_true (entry->ended);

  fixture_forget_events (f);
  fake_host_set_phase (f->host, QMIG_INCOMING_LOADED);
  fixture_recover (f, NULL);
  again = fixture_join (f);
  g_assert_cmpint (again->outcome, ==, QMIG_OUTCOME_ROLLED_BACK);
  g_assert_cmpstr (again->error, ==, back->error);
  g_assert_cmpint (fake_host_get_phase (f->host), ==, QMIG_INCOMING_GONE);
  assert_source (f, "running");
}

static void
test_unknown (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (qmig_migration_recover (&f->env, "m-NOBODY11", NULL, NULL, NULL, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND);
}

/* What was intended cannot be called off. */
static void
cancel_too_late (Fixture *f, const char *point)
{
  g_autoptr(GError) error = NULL;

  g_assert_false (qmig_migration_cancel (fixture_get_migration (f), NULL, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
}

static void
test_cancel_after_intent (Fixture *f, gconstpointer data)
{
  static const Case loaded = { .step = "commit", .intent = TRUE, .run_state = "postmigrate", .status = "completed", .found = QMIG_INCOMING_LOADED };
  g_autoptr(QmigResult) result = NULL;

  f->point = "before-commit";
  f->hook = cancel_too_late;
  begin_dead (f, &loaded);
  fixture_recover (f, NULL);
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
}

int
main (int argc, char **argv)
{
  QmigLimits limits = qmig_limits;

  g_test_init (&argc, &argv, NULL);
  usual_limits = &limits;
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/migration-recovered/", cases[i].name, NULL);

      g_test_add (path, Fixture, &cases[i], case_set_up, test_case, fixture_tear_down);
    }
  g_test_add ("/migration-recovered/settled", Fixture, NULL, case_set_up, test_settled, fixture_tear_down);
  g_test_add ("/migration-recovered/unknown", Fixture, NULL, case_set_up, test_unknown, fixture_tear_down);
  g_test_add ("/migration-recovered/cancel-after-intent", Fixture, NULL, case_set_up, test_cancel_after_intent, fixture_tear_down);
  return g_test_run ();
}
