/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a power cut or a full disk leaves, shown by a file layer that knows
 * what was synced: every durable write is one sync, and each write of each
 * act may be the one that fails.
 */

#include <glib/gstdio.h>

#include "journal-fixture.h"
#include "watched-vfs.h"

/* The same journal after a power cut, which loses all that was not synced. */
static QmigJournal *
open_after_power_cut (Fixture *f, const char *after)
{
  g_autofree char *to_dir = g_strdup_printf ("%s-%s", f->dir, after);
  g_autoptr(GError) error = NULL;
  QmigJournal *journal;

  g_assert_cmpint (g_mkdir (to_dir, 0700), ==, 0);
  watched_vfs_power_cut (f->dir, "journal.db", to_dir);
  journal = qmig_journal_open (to_dir, &error);
  g_assert_no_error (error);
  return journal;
}

/* -- acts -------------------------------------------------------------------------- */

static gboolean
act_create (Fixture *f, GError **error)
{
  g_autoptr(QmigJournalEntry) entry = fixture_entry ("m-new", 99);
  g_autofree char *existing = NULL;

  return qmig_journal_create (f->journal, entry, &existing, error);
}

static gboolean
has_created (QmigJournal *journal)
{
  g_autoptr(QmigJournalEntry) entry = qmig_journal_load (journal, "m-new", NULL);

  return entry != NULL;
}

static gboolean
act_plan (Fixture *f, GError **error)
{
  g_autoptr(QmigPlan) plan = fixture_plan ();

  return qmig_journal_set_plan (f->journal, "m-1", plan, error);
}

static gboolean
has_plan (QmigJournal *journal)
{
  g_autoptr(QmigJournalEntry) entry = qmig_journal_load (journal, "m-1", NULL);

  return entry != NULL && entry->plan != NULL;
}

static gboolean
act_begin (Fixture *f, GError **error)
{
  return qmig_journal_begin (f->journal, "m-1", "switchover", QMIG_BEGIN_STEP, error);
}

static gboolean
has_begun (QmigJournal *journal)
{
  g_autoptr(QmigJournalEntry) entry = qmig_journal_load (journal, "m-1", NULL);

  return entry != NULL && g_strcmp0 (entry->step, "switchover") == 0;
}

static gboolean
act_gate (Fixture *f, GError **error)
{
  return qmig_journal_begin (f->journal, "m-1", "switchover", QMIG_BEGIN_AT_GATE, error);
}

static gboolean
act_intent (Fixture *f, GError **error)
{
  return qmig_journal_begin (f->journal, "m-1", "commit", QMIG_BEGIN_INTENT, error);
}

static gboolean
has_intent (QmigJournal *journal)
{
  g_autoptr(QmigJournalEntry) entry = qmig_journal_load (journal, "m-1", NULL);

  return entry != NULL && entry->commit_intent;
}

static gboolean
act_end (Fixture *f, GError **error)
{
  g_autoptr(QmigResult) result = fixture_result (QMIG_OUTCOME_COMPLETED);

  return qmig_journal_end (f->journal, "m-1", result, error);
}

static gboolean
has_ended (QmigJournal *journal)
{
  g_autoptr(QmigJournalEntry) entry = qmig_journal_load (journal, "m-1", NULL);

  return entry != NULL && entry->ended;
}

static gboolean
act_reserve (Fixture *f, GError **error)
{
  g_autoptr(QmigIncomingSpec) spec = fixture_spec ("m-new");

  return qmig_journal_reserve (f->journal, spec, error);
}

static gboolean
has_reserved (QmigJournal *journal)
{
  g_autoptr(QmigReservation) reservation = qmig_journal_load_reservation (journal, "m-new", NULL);

  return reservation != NULL;
}

static gboolean
act_launched (Fixture *f, GError **error)
{
  return qmig_journal_reservation_launched (f->journal, "m-1", 4711, 888000, error);
}

static gboolean
has_launched (QmigJournal *journal)
{
  g_autoptr(QmigReservation) reservation = qmig_journal_load_reservation (journal, "m-1", NULL);

  return reservation != NULL && reservation->pid == 4711 && reservation->start_time == 888000;
}

static gboolean
act_held (Fixture *f, GError **error)
{
  return qmig_journal_reservation_held (f->journal, "m-1", error);
}

static gboolean
has_held (QmigJournal *journal)
{
  g_autoptr(QmigReservation) reservation = qmig_journal_load_reservation (journal, "m-1", NULL);

  return reservation != NULL && reservation->held;
}

static gboolean
act_release (Fixture *f, GError **error)
{
  return qmig_journal_reservation_end (f->journal, "m-1", error);
}

static gboolean
has_released (QmigJournal *journal)
{
  g_autoptr(QmigReservation) reservation = qmig_journal_load_reservation (journal, "m-1", NULL);

  return reservation == NULL;
}

static gboolean
act_add_vm (Fixture *f, GError **error)
{
  return qmig_journal_add_vm (f->journal, "db02", "/run/db02.qmp", 7, error);
}

static gboolean
has_two_vms (QmigJournal *journal)
{
  g_autoptr(GPtrArray) vms = qmig_journal_list_vms (journal, NULL);

  return vms->len == 2;
}

static gboolean
act_remove_vm (Fixture *f, GError **error)
{
  return qmig_journal_remove_vm (f->journal, "web01", error);
}

static gboolean
has_no_vm (QmigJournal *journal)
{
  g_autoptr(GPtrArray) vms = qmig_journal_list_vms (journal, NULL);

  return vms->len == 0;
}

static gboolean
act_event (Fixture *f, GError **error)
{
  g_autoptr(QmigEvent) event = fixture_event ("m-1", 2, "log", "{}");

  return qmig_journal_add_event (f->journal, event, error);
}

static gboolean
has_event (QmigJournal *journal)
{
  g_autoptr(GPtrArray) events = qmig_journal_list_events (journal, "m-1", 1, NULL, 0, NULL);

  return events->len == 1;
}

static const struct
{
  const char *name;
  gboolean (*act) (Fixture *f, GError **error);
  gboolean (*has_acted) (QmigJournal *journal);
  guint syncs;          /* of the log; what the end of a thing adds for its checkpoint is not on anybody's way */
  gboolean checkpoints;
} acts[] = {
  { "create", act_create, has_created, 1, FALSE },
  { "set-plan", act_plan, has_plan, 1, FALSE },
  { "begin", act_begin, has_begun, 1, FALSE },
  { "begin-at-gate", act_gate, has_begun, 0, FALSE },
  { "commit-intent", act_intent, has_intent, 1, FALSE },
  { "end", act_end, has_ended, 1, TRUE },
  { "reserve", act_reserve, has_reserved, 1, FALSE },
  { "launched", act_launched, has_launched, 1, FALSE },
  { "held", act_held, has_held, 0, FALSE },
  { "release", act_release, has_released, 1, TRUE },
  { "add-vm", act_add_vm, has_two_vms, 1, FALSE },
  { "remove-vm", act_remove_vm, has_no_vm, 1, FALSE },
  { "event", act_event, has_event, 0, FALSE },
};

/* A journal in which each act finds what it needs, and the log has begun. */
static void
prepare (Fixture *f)
{
  g_autoptr(QmigIncomingSpec) spec = fixture_spec ("m-1");
  g_autoptr(GError) error = NULL;

  fixture_open (f);
  fixture_create (f, "m-1", 1);
  fixture_add_event (f->journal, "m-1", 1, "log", "{}");
  g_assert_true (qmig_journal_reserve (f->journal, spec, &error));
  g_assert_true (qmig_journal_add_vm (f->journal, "web01", "/run/web01.qmp", 1, &error));
  g_assert_true (qmig_journal_begin (f->journal, "m-1", "check", QMIG_BEGIN_STEP, &error));
  g_assert_no_error (error);
}

/* -- tests --------------------------------------------------------------------------- */

static void
test_power_cut (Fixture *f, gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  guint before;
  guint cost;
  g_autoptr(QmigJournal) earlier = NULL;
  g_autoptr(QmigJournal) later = NULL;
  g_autoptr(GError) error = NULL;

  prepare (f);
  earlier = open_after_power_cut (f, "earlier");
  g_assert_false (acts[i].has_acted (earlier));

  before = watched_vfs_get_syncs ();
  g_assert_true (acts[i].act (f, &error));
  g_assert_no_error (error);
  cost = watched_vfs_get_syncs () - before;
  if (acts[i].checkpoints)
    g_assert_cmpint (cost, >=, acts[i].syncs);
  else
    g_assert_cmpint (cost, ==, acts[i].syncs);

  later = open_after_power_cut (f, "later");
  g_assert_cmpint (acts[i].has_acted (later), ==, acts[i].syncs > 0);
  g_assert_true (acts[i].has_acted (f->journal));
}

/* A step takes the events before it to the disk as well. */
static void
test_events_ride_along (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigJournal) later = NULL;
  g_autoptr(GError) error = NULL;

  prepare (f);
  g_assert_true (act_event (f, &error));
  g_assert_true (act_begin (f, &error));
  later = open_after_power_cut (f, "later");
  g_assert_true (has_begun (later));
  g_assert_true (has_event (later));
}

/* Steps and events by turns: the way a migration writes. */
static void
test_syncs_of_a_migration (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  guint before;

  prepare (f);
  before = watched_vfs_get_syncs ();
  for (int i = 0; i < 2000; i++)
    {
      fixture_add_event (f->journal, "m-1", 100 + i, "sample", "{\"stage\": \"pre-copy\"}");
      if (i % 200 == 0)
        g_assert_true (act_begin (f, &error));
      if (i % 200 == 100)
        g_assert_true (act_intent (f, &error));
    }
  g_assert_cmpint (watched_vfs_get_syncs () - before, ==, 20);
}

/* Lets each write of an act fail in turn until there was room for all of them. */
static void
test_disk_full (Fixture *f, gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  gboolean ok = FALSE;
  int n_failures = 0;

  prepare (f);
  for (int room = 0; !ok; room++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(GError) later = NULL;

      watched_vfs_set_room (room);
      ok = acts[i].act (f, &error);
      watched_vfs_set_room (-1);
      g_assert_cmpint (acts[i].has_acted (f->journal), ==, ok);
      if (ok)
        break;

      n_failures++;
      g_assert_error (error, QMIG_ERROR, QMIG_EXIT_ERROR);
      g_assert_nonnull (strstr (error->message, f->path));
      g_assert_nonnull (strstr (error->message, "disk full"));
      /* The connection serves on. */
      g_assert_true (qmig_journal_begin (f->journal, "m-1", "check", QMIG_BEGIN_STEP, &later));
      g_assert_no_error (later);
    }

  g_assert_cmpint (n_failures, >, 0);
  fixture_open (f);
  g_assert_true (acts[i].has_acted (f->journal));
}

/* A failed sync means "not written", and the caller does not act. */
static void
test_sync_fails (Fixture *f, gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) later = NULL;

  prepare (f);
  watched_vfs_set_sync_fails (TRUE);
  g_assert_false (acts[i].act (f, &error));
  watched_vfs_set_sync_fails (FALSE);
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_ERROR);
  g_assert_nonnull (strstr (error->message, f->path));
  g_assert_false (acts[i].has_acted (f->journal));
  g_assert_true (acts[i].act (f, &later));
  g_assert_no_error (later);
  g_assert_true (acts[i].has_acted (f->journal));
}

/* The house-keeping after an end may find no room; the end stands. */
static void
test_full_at_checkpoint (Fixture *f, gconstpointer data)
{
  gboolean seen = FALSE;

  fixture_open (f);
  for (int room = 0; !seen; room++)
    {
      g_autofree char *id = g_strdup_printf ("m-%d", room);
      g_autoptr(QmigResult) result = fixture_result (QMIG_OUTCOME_COMPLETED);
      g_autoptr(QmigMigrationInfo) info = NULL;

      fixture_create (f, id, room + 1);
      watched_vfs_set_room (room);
      seen = qmig_journal_end (f->journal, id, result, NULL) && watched_vfs_ran_out ();
      watched_vfs_set_room (-1);
      info = qmig_journal_info (f->journal, id, NULL);
      g_assert_true (!seen || info->result != NULL);
      g_assert_cmpint (room, <, 100);
    }
}

static void
test_full_at_opening (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigJournal) journal = NULL;
  int n_failures = 0;

  for (int room = 0; journal == NULL; room++)
    {
      g_autoptr(GError) error = NULL;

      watched_vfs_set_room (room);
      journal = qmig_journal_open (f->dir, &error);
      watched_vfs_set_room (-1);
      if (journal == NULL)
        {
          n_failures++;
          g_assert_error (error, QMIG_ERROR, QMIG_EXIT_ERROR);
          g_assert_nonnull (strstr (error->message, "disk full"));
        }
    }

  g_assert_cmpint (n_failures, >, 0);
  g_clear_pointer (&journal, qmig_journal_close);
  fixture_open (f);
  fixture_create (f, "m-1", 1);
}

/* Nothing is moved into the file while a migration is under way, however long the log gets. */
static void
test_no_checkpoint_under_way (Fixture *f, gconstpointer data)
{
  g_autofree char *log = g_strconcat (f->path, "-wal", NULL);
  g_autofree char *blob = g_strnfill (100 * 1024, 'x');
  g_autofree char *text = g_strdup_printf ("{\"text\": \"%s\"}", blob);
  GStatBuf before, after;

  prepare (f);
  g_assert_cmpint (g_stat (f->path, &before), ==, 0);
  for (int i = 2; i < 82; i++)
    fixture_add_event (f->journal, "m-1", i, "qmp", text);
  g_assert_cmpint (g_stat (f->path, &after), ==, 0);
  g_assert_cmpint (after.st_size, ==, before.st_size);

  fixture_end (f, "m-1", QMIG_OUTCOME_COMPLETED);
  g_assert_cmpint (g_stat (f->path, &after), ==, 0);
  g_assert_cmpint (after.st_size, >, before.st_size);
  /* The next write begins the log anew and gives most of it back. */
  fixture_create (f, "m-2", 2);
  g_assert_cmpint (g_stat (log, &after), ==, 0);
  g_assert_cmpint (after.st_size, <=, 8 * 1024 * 1024);
}

static void
add (const char *path, gsize i, void (*test) (Fixture *f, gconstpointer data))
{
  g_test_add (path, Fixture, GSIZE_TO_POINTER (i), fixture_set_up, test, fixture_tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  watched_vfs_install ();
  for (gsize i = 0; i < G_N_ELEMENTS (acts); i++)
    {
      g_autofree char *power_cut = g_strconcat ("/journal-power/cut/", acts[i].name, NULL);
      g_autofree char *disk_full = g_strconcat ("/journal-power/disk-full/", acts[i].name, NULL);
      g_autofree char *sync_fails = g_strconcat ("/journal-power/sync-fails/", acts[i].name, NULL);

      add (power_cut, i, test_power_cut);
      add (disk_full, i, test_disk_full);
      if (acts[i].syncs > 0)
        add (sync_fails, i, test_sync_fails);
    }
  add ("/journal-power/events-ride-along", 0, test_events_ride_along);
  add ("/journal-power/syncs-of-a-migration", 0, test_syncs_of_a_migration);
  add ("/journal-power/full-at-checkpoint", 0, test_full_at_checkpoint);
  add ("/journal-power/full-at-opening", 0, test_full_at_opening);
  add ("/journal-power/no-checkpoint-under-way", 0, test_no_checkpoint_under_way);
  return g_test_run ();
}
