/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The journal as a file from elsewhere: an older schema, a newer one, damaged. */

#include <glib/gstdio.h>
#include <sqlite3.h>

#include "journal-fixture.h"

static GBytes *
read_bytes (const char *path)
{
  g_autoptr(GError) error = NULL;
  char *content;
  gsize size;

  g_assert_true (g_file_get_contents (path, &content, &size, &error));
  g_assert_no_error (error);
  return g_bytes_new_take (content, size);
}

static void
write_bytes (const char *path, GBytes *bytes)
{
  g_autoptr(GError) error = NULL;
  gsize size;
  const char *content = g_bytes_get_data (bytes, &size);

  g_file_set_contents (path, content, (gssize) size, &error);
  g_assert_no_error (error);
}

/* @keep_log: leave the change in the -wal, as a process that was killed does */
static void
run_sql (const char *path, const char *sql, gboolean keep_log)
{
  sqlite3 *db = NULL;

  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_db_config (db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep_log ? 1 : 0, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_close (db), ==, SQLITE_OK);
}

static void
make_journal (Fixture *f)
{
  g_autoptr(GError) error = NULL;

  fixture_open (f);
  for (int i = 1; i <= 20; i++)
    {
      g_autofree char *id = g_strdup_printf ("m-%d", i);
      g_autoptr(QmigIncomingSpec) spec = fixture_spec (id);

      fixture_create (f, id, i);
      fixture_add_event (f->journal, id, 1, "stage", "{\"stage\": \"pre-copy\"}");
      fixture_add_event (f->journal, id, 2, "sample", "{\"stage\": \"pre-copy\"}");
      if (i % 2 == 0)
        fixture_end (f, id, QMIG_OUTCOME_COMPLETED);
      g_assert_true (qmig_journal_reserve (f->journal, spec, &error));
      g_assert_true (qmig_journal_add_vm (f->journal, id, "/run/qmp", i, &error));
    }
  fixture_close (f);
}

/* -- schemas ------------------------------------------------------------------- */

static void
assert_newer_refused (Fixture *f)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *ours = g_strdup_printf ("up to %d", QMIG_JOURNAL_SCHEMA);

  g_assert_null (qmig_journal_open (f->dir, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, f->path));
  g_assert_nonnull (strstr (error->message, "schema 1007"));
  g_assert_nonnull (strstr (error->message, ours));
}

static void
test_newer (Fixture *f, gconstpointer data)
{
  g_autoptr(GBytes) before = NULL;
  g_autoptr(GBytes) after = NULL;

  make_journal (f);
  run_sql (f->path, "PRAGMA user_version = 1007", FALSE);
  before = read_bytes (f->path);
  assert_newer_refused (f);
  after = read_bytes (f->path);
  g_assert_true (g_bytes_equal (before, after));
}

/* The newer qmig was killed: its schema is in the log only. */
static void
test_newer_in_log (Fixture *f, gconstpointer data)
{
  g_autofree char *log = g_strconcat (f->path, "-wal", NULL);
  g_autoptr(GBytes) before = NULL, log_before = NULL;
  g_autoptr(GBytes) after = NULL, log_after = NULL;

  make_journal (f);
  run_sql (f->path, "PRAGMA user_version = 1007", TRUE);
  before = read_bytes (f->path);
  log_before = read_bytes (log);
  g_assert_cmpint (g_bytes_get_size (log_before), >, 0);
  assert_newer_refused (f);
  after = read_bytes (f->path);
  log_after = read_bytes (log);
  g_assert_true (g_bytes_equal (before, after));
  g_assert_true (g_bytes_equal (log_before, log_after));
}

/* Other tables than ours and no number: whatever it is, it is not filled up. */
static void
test_foreign (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir (f->dir, 0700), ==, 0);
  run_sql (f->path, "CREATE TABLE vm (other TEXT)", FALSE);
  g_assert_null (qmig_journal_open (f->dir, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_ERROR);
  run_sql (f->path, "INSERT INTO vm VALUES ('still here')", FALSE);
}

static void
fill_changes (QmigJournal *journal)
{
  g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func (qmig_change_type.destroy);
  QmigChange *change = qmig_change_new ();
  GError *error = NULL;

  change->time = g_strdup ("2024-05-01T10:00:00.000001Z");
  change->who = g_strdup ("certificate alpha (operator)");
  change->method = g_strdup ("POST");
  change->path = g_strdup ("/v1/migrations");
  change->reason = g_strdup ("kernel update");
  change->status = 201;
  g_ptr_array_add (changes, change);
  g_assert_true (qmig_journal_add_changes (journal, changes, &error));
}

/* Specimens are journals as an earlier qmig wrote them, one for each schema.  One that is there is never written again. */
static void
fill_specimen (Fixture *f)
{
  g_autoptr(QmigIncomingSpec) spec = fixture_spec ("m-incoming");
  g_autoptr(QmigPlan) plan = fixture_plan ();
  g_autoptr(GError) error = NULL;

  fixture_open (f);
  fixture_create (f, "m-done", 1);
  fixture_add_event (f->journal, "m-done", 1, "stage", "{\"stage\": \"activation\"}");
  fixture_add_event (f->journal, "m-done", 2, "sample", "{\"stage\": \"pre-copy\", \"remaining_bytes\": 11}");
  fixture_end (f, "m-done", QMIG_OUTCOME_COMPLETED);
  fixture_create (f, "m-doubt", 2);
  fixture_end (f, "m-doubt", QMIG_OUTCOME_ATTENTION);
  fixture_create (f, "m-open", 3);
  g_assert_true (qmig_journal_set_plan (f->journal, "m-open", plan, &error));
  g_assert_true (qmig_journal_begin (f->journal, "m-open", "commit", QMIG_BEGIN_INTENT, &error));
  g_assert_true (qmig_journal_set_postcopy (f->journal, "m-open", TRUE, &error));
  g_assert_true (qmig_journal_reserve (f->journal, spec, &error));
  g_assert_true (qmig_journal_reservation_launched (f->journal, "m-incoming", 4711, 888000, &error));
  g_assert_true (qmig_journal_reservation_held (f->journal, "m-incoming", &error));
  g_assert_true (qmig_journal_add_vm (f->journal, "db02", "/run/db02.qmp", 7, &error));
  fill_changes (f->journal);
  g_assert_no_error (error);
  fixture_close (f);
}

static void
assert_specimen_migrations (QmigJournal *journal, gboolean postcopy)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigMigrationInfo) done = qmig_journal_info (journal, "m-done", &error);
  g_autoptr(QmigMigrationInfo) doubt = qmig_journal_info (journal, "m-doubt", &error);
  g_autoptr(QmigJournalEntry) open = qmig_journal_load (journal, "m-open", &error);
  g_auto(GStrv) list = qmig_journal_list_open (journal, &error);

  g_assert_no_error (error);
  g_assert_cmpstrv (list, ((const char *[]) { "m-open", NULL }));
  g_assert_cmpint (done->stage, ==, QMIG_STAGE_ACTIVATION);
  g_assert_cmpint (done->sample->remaining_bytes, ==, 11);
  g_assert_cmpint (done->result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_cmpfloat (done->result->blackout_ms, ==, 41.5);
  g_assert_cmpint (doubt->result->outcome, ==, QMIG_OUTCOME_ATTENTION);
  g_assert_cmpstr (open->step, ==, "commit");
  g_assert_true (open->commit_intent);
  g_assert_cmpint (open->postcopy, ==, postcopy);
  g_assert_cmpint (open->source_pid, ==, 3);
  g_assert_cmpint (open->source_start_time, ==, 777000);
  g_assert_cmpstr (open->request->reason, ==, "kernel update");
  g_assert_cmpstr (open->plan->destination, ==, "beta.example");
}

static void
assert_specimen_host (QmigJournal *journal)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigReservation) reservation = qmig_journal_load_reservation (journal, "m-incoming", &error);
  g_autoptr(GPtrArray) vms = qmig_journal_list_vms (journal, &error);

  g_assert_no_error (error);
  g_assert_cmpint (reservation->pid, ==, 4711);
  g_assert_true (reservation->held);
  g_assert_cmpstr (reservation->spec->run_dir, ==, "/run/vm/web01");
  g_assert_cmpint (vms->len, ==, 1);
  g_assert_cmpstr (((QmigVmRequest *) vms->pdata[0])->qmp, ==, "/run/db02.qmp");
}

static void
assert_specimen_changes (QmigJournal *journal, guint n)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) changes = qmig_journal_list_changes (journal, 0, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (changes->len, ==, n);
  if (n > 0)
    g_assert_cmpstr (((QmigChange *) changes->pdata[0])->reason, ==, "kernel update");
}

static void
assert_specimen (Fixture *f, const char *name, guint n_changes, gboolean postcopy)
{
  g_autofree char *stored = g_test_build_filename (G_TEST_DIST, "specimen", name, NULL);
  g_autoptr(GBytes) bytes = read_bytes (stored);
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir (f->dir, 0700), ==, 0);
  write_bytes (f->path, bytes);
  fixture_open (f);
  assert_specimen_migrations (f->journal, postcopy);
  assert_specimen_host (f->journal);
  assert_specimen_changes (f->journal, n_changes);
  /* And it goes on from there. */
  g_assert_true (qmig_journal_begin (f->journal, "m-open", "release", QMIG_BEGIN_INTENT, &error));
  fixture_end (f, "m-open", QMIG_OUTCOME_COMPLETED);
  fill_changes (f->journal);
  assert_specimen_changes (f->journal, n_changes + 1);
}

static void
test_specimen_1 (Fixture *f, gconstpointer data)
{
  assert_specimen (f, "journal-1.db", 0, FALSE);
}

static void
test_specimen_2 (Fixture *f, gconstpointer data)
{
  assert_specimen (f, "journal-2.db", 1, FALSE);
}

static void
test_specimen_3 (Fixture *f, gconstpointer data)
{
  assert_specimen (f, "journal-3.db", 1, TRUE);
}

static void
test_specimen_4 (Fixture *f, gconstpointer data)
{
  assert_specimen (f, "journal-4.db", 1, TRUE);
}

/* What this qmig writes today is what the specimen says. */
static void
test_specimen_of_today (Fixture *f, gconstpointer data)
{
  const char *wanted = g_getenv ("QMIG_TEST_WRITE_SPECIMEN");

  fill_specimen (f);
  if (wanted != NULL)
    {
      g_autoptr(GBytes) bytes = read_bytes (f->path);

      write_bytes (wanted, bytes);
    }
  fixture_open (f);
  assert_specimen_migrations (f->journal, TRUE);
  assert_specimen_host (f->journal);
  assert_specimen_changes (f->journal, 1);
}

/* -- damage ---------------------------------------------------------------------- */

static void
test_no_database (Fixture *f, gconstpointer data)
{
  g_autofree char *text = g_strnfill (8192, '#');
  g_autoptr(GBytes) before = g_bytes_new (text, 8192);
  g_autoptr(GBytes) after = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir (f->dir, 0700), ==, 0);
  write_bytes (f->path, before);
  g_assert_null (qmig_journal_open (f->dir, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_ERROR);
  g_assert_nonnull (strstr (error->message, f->path));
  g_assert_nonnull (strstr (error->message, "damaged"));
  after = read_bytes (f->path);
  g_assert_true (g_bytes_equal (before, after));
}

/* All that can be read, whatever comes of it: success, or an error of ours that names the file. */
static guint
read_everything (Fixture *f)
{
  guint n_errors = 0;
  GError *errors[8] = { NULL };
  g_autoptr(QmigJournal) journal = qmig_journal_open (f->dir, &errors[0]);

  if (journal != NULL)
    {
      g_auto(GStrv) open = qmig_journal_list_open (journal, &errors[1]);
      g_autoptr(GPtrArray) list = qmig_journal_list (journal, NULL, &errors[2]);
      g_autoptr(GPtrArray) events = qmig_journal_list_events (journal, "m-3", 0, NULL, 0, &errors[3]);
      g_autoptr(GPtrArray) reservations = qmig_journal_list_reservations (journal, &errors[4]);
      g_autoptr(GPtrArray) vms = qmig_journal_list_vms (journal, &errors[5]);
      g_autoptr(QmigJournalEntry) entry = qmig_journal_load (journal, "m-3", &errors[6]);

      qmig_journal_begin (journal, "m-3", "check", QMIG_BEGIN_STEP, &errors[7]);
    }

  for (gsize i = 0; i < G_N_ELEMENTS (errors); i++)
    if (errors[i] != NULL)
      {
        n_errors++;
        g_assert_cmpuint (errors[i]->domain, ==, QMIG_ERROR);
        g_assert_true (strstr (errors[i]->message, f->path) != NULL || errors[i]->code == QMIG_EXIT_CONFLICT);
        g_clear_error (&errors[i]);
      }
  return n_errors;
}

static void
remove_log (Fixture *f)
{
  g_autofree char *log = g_strconcat (f->path, "-wal", NULL);
  g_autofree char *index = g_strconcat (f->path, "-shm", NULL);

  g_remove (log);
  g_remove (index);
}

static void
test_broken_pages (Fixture *f, gconstpointer data)
{
  g_autoptr(GBytes) whole = NULL;
  guint8 *content;
  gsize size;

  make_journal (f);
  whole = read_bytes (f->path);
  content = g_bytes_unref_to_data (g_steal_pointer (&whole), &size);
  memset (content + 4096, 0xa5, size - 4096);
  whole = g_bytes_new_take (content, size);
  write_bytes (f->path, whole);
  g_assert_cmpuint (read_everything (f), >, 0);
}

/* Bytes here and there, and ends cut off. */
static void
test_random_damage (Fixture *f, gconstpointer data)
{
  g_autoptr(GBytes) whole = NULL;
  const guint8 *original;
  guint n_errors = 0;
  gsize size;

  make_journal (f);
  whole = read_bytes (f->path);
  original = g_bytes_get_data (whole, &size);

  for (int round = 0; round < 150; round++)
    {
      g_autofree guint8 *content = g_memdup2 (original, size);
      gsize length = round % 5 == 0 ? (gsize) g_test_rand_int_range (1, (gint32) size) : size;
      g_autoptr(GBytes) damaged = NULL;

      for (int i = g_test_rand_int_range (1, 64); i > 0; i--)
        content[g_test_rand_int_range (0, (gint32) size)] = (guint8) g_test_rand_int_range (0, 256);
      damaged = g_bytes_new (content, length);
      remove_log (f);
      write_bytes (f->path, damaged);
      n_errors += read_everything (f);
    }
  g_assert_cmpuint (n_errors, >, 0);
}

/* Values that are whole as rows and no JSON of ours: the error names the row and the place in it. */
static void
test_broken_value (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) request = NULL;
  g_autoptr(GError) sample = NULL;

  make_journal (f);
  run_sql (f->path, "UPDATE migration SET request = '{\"vm\": 7}' WHERE id = 'm-3';"
                    "UPDATE event SET value = replace (value, '\"pre-copy\"', '[]')"
                    " WHERE migration = 'm-4' AND seq = 2", FALSE);
  fixture_open (f);
  g_assert_null (qmig_journal_load (f->journal, "m-3", &request));
  g_assert_error (request, QMIG_ERROR, QMIG_EXIT_ERROR);
  g_assert_nonnull (strstr (request->message, f->path));
  g_assert_nonnull (strstr (request->message, "m-3"));
  g_assert_nonnull (strstr (request->message, "vm"));

  g_assert_null (qmig_journal_info (f->journal, "m-4", &sample));
  g_assert_error (sample, QMIG_ERROR, QMIG_EXIT_ERROR);
  g_assert_nonnull (strstr (sample->message, f->path));
  g_assert_nonnull (strstr (sample->message, "m-4"));
  g_assert_nonnull (strstr (sample->message, "stage"));
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
  add ("/journal-file/newer", test_newer);
  add ("/journal-file/newer-in-log", test_newer_in_log);
  add ("/journal-file/foreign", test_foreign);
  add ("/journal-file/specimen-1", test_specimen_1);
  add ("/journal-file/specimen-2", test_specimen_2);
  add ("/journal-file/specimen-3", test_specimen_3);
  add ("/journal-file/specimen-4", test_specimen_4);
  add ("/journal-file/specimen-of-today", test_specimen_of_today);
  add ("/journal-file/no-database", test_no_database);
  add ("/journal-file/broken-pages", test_broken_pages);
  add ("/journal-file/random-damage", test_random_damage);
  add ("/journal-file/broken-value", test_broken_value);
  return g_test_run ();
}
