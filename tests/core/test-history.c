/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-history.h"

#include "journal-fixture.h"

#define MIB (G_GINT64_CONSTANT (1024) * 1024)
#define UUID "8ac2b0d4-7c1f-4a44-9f0e-3d0d5a6f2b11"

/* One move of the past; numbers as below unless changed. */
typedef struct
{
  const char *transport;
  const char *destination;
  gboolean held;
  QmigOutcome outcome;
  gint64 send_mib;         /* per second, by the engine; 0: it said nothing */
  gint64 limit_mib;
  gint64 dirty_mib, working_set_mib;
  gint64 downtime_mib;     /* sent in the blackout */
  double blackout_ms;
} Past;

#define PAST { "unix", "beta.example", FALSE, QMIG_OUTCOME_COMPLETED, 1000, 0, 50, 64, 10, 40 }

static void
add_sample (Fixture *f, const char *id, const Past *past)
{
  g_autofree char *forecast
    = past->send_mib > 0 ? g_strdup_printf ("{\"send_bytes_per_s\":%" G_GINT64_FORMAT ",\"dirty_bytes_per_s\":%" G_GINT64_FORMAT
                                            ",\"working_set_bytes\":%" G_GINT64_FORMAT "}",
                                            past->send_mib * MIB, past->dirty_mib * MIB, past->working_set_mib * MIB)
                         : g_strdup ("null");
  g_autofree char *data = g_strdup_printf ("{\"elapsed_ms\":900,\"pass\":3,\"total_bytes\":%" G_GINT64_FORMAT ",\"zero_bytes\":%" G_GINT64_FORMAT
                                           ",\"normal_bytes\":%" G_GINT64_FORMAT ",\"bandwidth_limit_bytes_per_s\":%" G_GINT64_FORMAT ",\"forecast\":%s}",
                                           1024 * MIB, 824 * MIB, 200 * MIB, past->limit_mib * MIB, forecast);

  fixture_add_event (f->journal, id, 1, "stage", "{\"stage\":\"pre-copy\"}");
  fixture_add_event (f->journal, id, 2, "sample", data);
  /* The last look, at the gate, has no forecast; and then there is more to tell. */
  fixture_add_event (f->journal, id, 3, "sample", "{\"elapsed_ms\":1000,\"status\":\"pre-switchover\"}");
  fixture_add_event (f->journal, id, 4, "log", "{\"text\":\"the end\"}");
}

static void
add_move (Fixture *f, int number, const Past *past)
{
  g_autofree char *id = g_strdup_printf ("m-%06d", number);
  g_autoptr(QmigJournalEntry) entry = fixture_entry (id, 100 + number);
  g_autoptr(QmigPlan) plan = fixture_plan ();
  g_autoptr(QmigResult) result = fixture_result (past->outcome);
  g_autofree char *existing = NULL;
  g_autoptr(GError) error = NULL;

  entry->request->hold = past->held;
  g_free (plan->transport);
  plan->transport = g_strdup (past->transport);
  g_free (plan->destination);
  plan->destination = g_strdup (past->destination);
  g_free (result->destination_name);
  result->destination_name = g_strdup (past->destination);
  result->blackout_ms = past->blackout_ms;
  result->downtime_bytes = past->downtime_mib * MIB;
  result->total_ms = 1500;
  result->qemu_total_ms = 1200;
  g_assert_true (qmig_journal_create (f->journal, entry, &existing, &error));
  g_assert_true (qmig_journal_set_plan (f->journal, id, plan, &error));
  add_sample (f, id, past);
  g_assert_true (qmig_journal_end (f->journal, id, result, &error));
  g_assert_no_error (error);
}

static QmigHistory
read_history (Fixture *f)
{
  g_autoptr(QmigPlan) plan = fixture_plan ();
  QmigHistory history;

  g_free (plan->uuid);
  plan->uuid = g_strdup (UUID);
  qmig_history_read (f->journal, "web01", plan, &history);
  return history;
}

static void
test_nothing (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigPlan) plan = fixture_plan ();
  ConvergeMeans means = { .can_throttle = TRUE, .overhead_ms = 77 };
  ConvergeFacts facts;
  QmigHistory history;

  fixture_open (f);
  history = read_history (f);
  for (const gint64 *number = &history.send_bytes_per_s; number <= &history.aside_ms; number++)
    g_assert_cmpint (*number, ==, QMIG_UNSET);
  converge_facts_init (&facts);
  qmig_history_facts (&history, &facts);
  g_assert_cmpint (facts.link_basis, ==, CONVERGE_BASIS_NONE);
  g_assert_cmpint (facts.writes_basis, ==, CONVERGE_BASIS_NONE);

  qmig_history_means (f->journal, "web01", plan, &means);
  /* What is assumed by the size of the memory stands. */
  g_assert_cmpint (means.overhead_ms, ==, 77);
  g_assert_cmpint (means.send_bytes_per_s, ==, QMIG_UNSET);
  g_assert_true (means.can_throttle);
}

static void
test_learned (Fixture *f, gconstpointer data)
{
  Past past = PAST;
  QmigHistory history;
  ConvergeFacts facts;

  fixture_open (f);
  add_move (f, 1, &past);
  history = read_history (f);
  g_assert_cmpint (history.send_bytes_per_s, ==, 1000 * MIB);
  g_assert_cmpint (history.dirty_bytes_per_s, ==, 50 * MIB);
  g_assert_cmpint (history.working_set_bytes, ==, 64 * MIB);
  g_assert_cmpint (history.data_bytes, ==, 200 * MIB);
  /* 40 ms of blackout, of which 10 MiB at 1000 MiB/s are 10. */
  g_assert_cmpint (history.overhead_ms, ==, 30);
  g_assert_cmpint (history.aside_ms, ==, 300);

  converge_facts_init (&facts);
  qmig_history_facts (&history, &facts);
  g_assert_cmpint (facts.link_basis, ==, CONVERGE_BASIS_HISTORY);
  g_assert_cmpint (facts.link_low_bytes_per_s, <, 1000 * MIB);
  g_assert_cmpint (facts.link_high_bytes_per_s, >, 1000 * MIB);
  g_assert_cmpint (facts.writes_basis, ==, CONVERGE_BASIS_HISTORY);
  g_assert_cmpint (facts.overhead_ms, ==, 30);
}

/* What is measured now stays. */
static void
test_measured_stays (Fixture *f, gconstpointer data)
{
  Past past = PAST;
  QmigHistory history;
  ConvergeFacts facts;

  fixture_open (f);
  add_move (f, 1, &past);
  history = read_history (f);
  converge_facts_init (&facts);
  facts.link_basis = facts.writes_basis = CONVERGE_BASIS_MEASURED;
  facts.link_low_bytes_per_s = facts.link_high_bytes_per_s = 7;
  qmig_history_facts (&history, &facts);
  g_assert_cmpint (facts.link_low_bytes_per_s, ==, 7);
  g_assert_cmpint (facts.writes_basis, ==, CONVERGE_BASIS_MEASURED);
}

static void
test_link_of_others (Fixture *f, gconstpointer data)
{
  Past tls = PAST, other = PAST, held = PAST, silent = PAST, capped = PAST;

  fixture_open (f);
  tls.transport = "tls";
  other.destination = "gamma";
  held.held = TRUE;
  silent.send_mib = 0;
  add_move (f, 1, &tls);
  add_move (f, 2, &other);
  add_move (f, 3, &held);
  add_move (f, 4, &silent);
  g_assert_cmpint (read_history (f).send_bytes_per_s, ==, QMIG_UNSET);

  /* A capped move shows what the link does at least, until a free one shows more or less. */
  capped.send_mib = 60;
  capped.limit_mib = 64;
  add_move (f, 5, &capped);
  g_assert_cmpint (read_history (f).send_bytes_per_s, ==, 60 * MIB);
  capped.limit_mib = 0;
  capped.send_mib = 50;
  add_move (f, 6, &capped);
  g_assert_cmpint (read_history (f).send_bytes_per_s, ==, 50 * MIB);
}

/* The last burst knows no cap. */
static void
test_burst (Fixture *f, gconstpointer data)
{
  Past capped = PAST;

  fixture_open (f);
  capped.send_mib = 60;
  capped.limit_mib = 60;
  capped.downtime_mib = 50;
  capped.blackout_ms = 100;
  add_move (f, 1, &capped);
  g_assert_cmpint (read_history (f).send_bytes_per_s, ==, 500 * MIB);
}

/* Of a blackout that was mostly copying nothing can be said but that. */
static void
test_overhead (Fixture *f, gconstpointer data)
{
  Past copying = PAST, cancelled = PAST, held = PAST, slow = PAST;

  fixture_open (f);
  copying.downtime_mib = 30;
  cancelled.outcome = QMIG_OUTCOME_CANCELLED;
  held.held = TRUE;
  add_move (f, 1, &copying);
  add_move (f, 2, &cancelled);
  add_move (f, 3, &held);
  g_assert_cmpint (read_history (f).overhead_ms, ==, QMIG_UNSET);

  slow.downtime_mib = 0;
  for (int i = 0; i < 5; i++)
    {
      slow.blackout_ms = 10 * (i + 1);
      add_move (f, 4 + i, &slow);
    }
  /* The upper quartile: one that took long does not spoil the next ones. */
  g_assert_cmpint (read_history (f).overhead_ms, ==, 40);
}

static void
test_other_vm (Fixture *f, gconstpointer data)
{
  Past past = PAST;
  g_autoptr(QmigPlan) plan = fixture_plan ();
  QmigHistory history;

  fixture_open (f);
  add_move (f, 1, &past);
  plan->uuid = g_strdup ("00000000-0000-0000-0000-000000000000");
  qmig_history_read (f->journal, "web01", plan, &history);
  g_assert_cmpint (history.dirty_bytes_per_s, ==, QMIG_UNSET);
  g_assert_cmpint (history.send_bytes_per_s, ==, 1000 * MIB);
}

/* How long it takes is said, not asserted: beside a long history of others. */
static void
test_long_history (Fixture *f, gconstpointer data)
{
  Past past = PAST, other = PAST;
  gint64 began_us;

  fixture_open (f);
  other.destination = "gamma";
  for (int i = 0; i < 8; i++)
    add_move (f, i, &past);
  for (int i = 100; i < 280; i++) /* what is older than the last 200 has lost its samples */
    add_move (f, i, &other);
  began_us = g_get_monotonic_time ();
  g_assert_cmpint (read_history (f).send_bytes_per_s, ==, 1000 * MIB);
  g_test_message ("read in %.2f ms", (g_get_monotonic_time () - began_us) / 1000.0);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/history/nothing", test_nothing);
  ADD ("/history/learned", test_learned);
  ADD ("/history/measured-stays", test_measured_stays);
  ADD ("/history/link-of-others", test_link_of_others);
  ADD ("/history/burst", test_burst);
  ADD ("/history/overhead", test_overhead);
  ADD ("/history/other-vm", test_other_vm);
  ADD ("/history/long-history", test_long_history);
  return g_test_run ();
}
