/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A post-copy whose link was lost and whose agent died: neither side is ended, and it goes on when it can. */

#include "migration-fixture.h"

#include <string.h>

#include "qmig-steps.h"

static void
assert_no_harm (Fixture *f)
{
  g_autofree char *calls = fixture_calls (f);

  g_test_message ("%s", calls);
  g_assert_null (strstr (calls, "abort"));
  g_assert_null (strstr (calls, "migrate_cancel"));
  g_assert_null (strstr (calls, "cont "));
}

static void
test_pages_follow (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;
  g_autofree char *calls = NULL;

  fixture_begin_dead_in_postcopy (f, "pages", TRUE, QMIG_INCOMING_COMMITTED);
  fixture_recover (f, NULL);
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_true (result->postcopy);
  calls = fixture_calls (f);
  g_assert_cmpstr (calls, ==, "recover migrate quit release");
  g_assert_cmpuint (fixture_count_events (f, "log", "is broken"), ==, 1);
  assert_no_harm (f);
}

/* Without its source a QEMU may be unable to say that it runs. */
static void
test_link_before_commit (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;
  g_autofree char *calls = NULL;

  fixture_begin_dead_in_postcopy (f, "switchover", FALSE, QMIG_INCOMING_POSTCOPY);
  fixture_recover (f, NULL);
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  calls = fixture_calls (f);
  g_assert_cmpstr (calls, ==, "recover migrate commit quit release");
  assert_no_harm (f);
}

/* The first tries find nobody. */
static void
test_tried_again (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  fixture_begin_dead_in_postcopy (f, "pages", TRUE, QMIG_INCOMING_COMMITTED);
  fake_host_fail (f->host, "recover", 3, QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "no route to it");
  fixture_recover (f, NULL);
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_cmpuint (fake_host_count (f->host, "recover"), ==, 4);
  g_assert_cmpuint (fixture_count_events (f, "log", "no route to it"), ==, 1);
}

static void
test_given_to_a_person (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;
  g_autoptr(QmigResult) settled = NULL;

  fixture_begin_dead_in_postcopy (f, "pages", TRUE, QMIG_INCOMING_COMMITTED);
  fake_host_fail (f->host, "recover", -1, QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "no route to it");
  qmig_limits.postcopy_ms = 300;
  fixture_recover (f, NULL);
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_ATTENTION);
  g_assert_cmpint (result->exit_code, ==, QMIG_EXIT_ATTENTION);
  g_assert_cmpint (result->vm_location, ==, QMIG_LOCATION_DESTINATION);
  g_assert_false (result->safe_to_retry);
  g_assert_nonnull (strstr (result->error, "no route to it"));
  g_assert_nonnull (strstr (result->next, "qmig recover"));
  g_assert_true (fixture_source_lives (f));
  assert_no_harm (f);

  /* The link is mended, and the person says so. */
  fake_host_fail (f->host, "recover", 0, QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "");
  qmig_limits.postcopy_ms = 600000;
  fixture_forget_events (f);
  fixture_recover (f, NULL);
  settled = fixture_join (f);
  g_assert_cmpint (settled->outcome, ==, QMIG_OUTCOME_COMPLETED);
}

static void
test_destination_gone (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  fixture_begin_dead_in_postcopy (f, "pages", TRUE, QMIG_INCOMING_GONE);
  fixture_recover (f, NULL);
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_ATTENTION);
  g_assert_true (fixture_source_lives (f));
  assert_no_harm (f);
}

static void
refuse_cancel (Fixture *f, const char *point)
{
  g_autoptr(GError) error = NULL;

  g_assert_false (qmig_migration_cancel (fixture_get_migration (f), NULL, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
}

static void
test_cancel_refused (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;

  f->hook = refuse_cancel;
  f->point = "after-pages";
  fixture_begin_dead_in_postcopy (f, "pages", TRUE, QMIG_INCOMING_COMMITTED);
  fixture_recover (f, NULL);
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
}

static void
test_not_armed (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) result = NULL;
  g_autoptr(GError) error = NULL;

  f->looks_to_gate = -1;
  fixture_start (f);
  fixture_wait_event (f, "sample", NULL);
  g_assert_false (qmig_migration_postcopy (fixture_get_migration (f), &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
  g_assert_nonnull (strstr (error->message, "--allow postcopy"));
  g_assert_true (qmig_migration_cancel (fixture_get_migration (f), NULL, NULL));
  result = fixture_join (f);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_CANCELLED);
  g_assert_false (result->postcopy);
}

static void
add (const char *path, void (*test) (Fixture *f, gconstpointer data))
{
  g_test_add (path, Fixture, NULL, fixture_set_up, test, fixture_tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  qmig_limits.postcopy_retry_ms = 20;
  add ("/migration-postcopy/pages-follow", test_pages_follow);
  add ("/migration-postcopy/link-before-commit", test_link_before_commit);
  add ("/migration-postcopy/tried-again", test_tried_again);
  add ("/migration-postcopy/given-to-a-person", test_given_to_a_person);
  add ("/migration-postcopy/destination-gone", test_destination_gone);
  add ("/migration-postcopy/cancel-refused", test_cancel_refused);
  add ("/migration-postcopy/not-armed", test_not_armed);
  return g_test_run ();
}
