/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What each function of the journal promises. */

#include <glib/gstdio.h>
#include <sys/stat.h>

#include "journal-fixture.h"

static void
test_file (Fixture *f, gconstpointer data)
{
  g_autofree char *wal = g_strconcat (f->path, "-wal", NULL);
  g_autoptr(GDir) dir = NULL;
  GStatBuf info;
  const char *name;

  fixture_open (f);
  fixture_create (f, "m-1", 1);
  g_assert_cmpint (g_stat (f->dir, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0700);
  g_assert_cmpint (g_stat (f->path, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0600);
  g_assert_cmpint (g_stat (wal, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0600);

  /* Nothing of the making stays behind. */
  dir = g_dir_open (f->dir, 0, NULL);
  while ((name = g_dir_read_name (dir)) != NULL)
    g_assert_true (g_str_equal (name, "journal.db") || g_str_equal (name, "journal.db-wal") ||
                   g_str_equal (name, "journal.db-shm"));
}

static void
test_cannot_open (Fixture *f, gconstpointer data)
{
  g_autofree char *under_file = NULL;
  g_autoptr(GError) error = NULL;

  fixture_open (f);
  under_file = g_build_filename (f->path, "state", NULL);
  g_assert_null (qmig_journal_open (under_file, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_ERROR);
  g_assert_nonnull (strstr (error->message, under_file));
}

/* -- migrations --------------------------------------------------------------- */

static void
test_create_and_load (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigJournalEntry) entry = fixture_entry ("m-1", 42);
  g_autoptr(QmigJournalEntry) loaded = NULL;
  g_autoptr(QmigJournalEntry) copy = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *existing = NULL;

  fixture_open (f);
  entry->plan = fixture_plan ();
  g_assert_true (qmig_journal_create (f->journal, entry, &existing, &error));
  g_assert_no_error (error);
  g_assert_null (existing);

  fixture_open (f);
  loaded = qmig_journal_load (f->journal, "m-1", &error);
  g_assert_no_error (error);
  copy = qmig_journal_entry_copy (loaded);
  g_clear_pointer (&loaded, qmig_journal_entry_free);

  g_assert_cmpstr (copy->id, ==, "m-1");
  g_assert_cmpstr (copy->request->reason, ==, "kernel update");
  g_assert_cmpint (copy->request->knobs->downtime_ms, ==, 300);
  g_assert_cmpint (copy->plan->memory_bytes, ==, G_GINT64_CONSTANT (4294967296));
  g_assert_cmpstrv (copy->plan->argv, entry->plan->argv);
  g_assert_cmpstr (copy->vm, ==, entry->vm);
  g_assert_cmpstr (copy->uuid, ==, entry->uuid);
  g_assert_cmpstr (copy->source_qmp, ==, entry->source_qmp);
  g_assert_cmpint (copy->source_pid, ==, 42);
  g_assert_cmpint (copy->source_start_time, ==, 777000);
  g_assert_cmpstr (copy->source_host, ==, "alpha");
  g_assert_cmpstr (copy->destination_uri, ==, entry->destination_uri);
  g_assert_cmpint (copy->started_us, ==, entry->started_us);
  g_assert_null (copy->step);
  g_assert_false (copy->commit_intent);
  g_assert_false (copy->ended);
  g_assert_cmpint (copy->last_seq, ==, 0);
}

static void
assert_refused (Fixture *f, const QmigJournalEntry *entry, const char *named)
{
  g_autofree char *existing = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_false (qmig_journal_create (f->journal, entry, &existing, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
  g_assert_nonnull (strstr (error->message, named));
  g_assert_null (existing);
}

static void
test_create_conflicts (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigJournalEntry) same_id = fixture_entry ("m-1", 43);
  g_autoptr(QmigJournalEntry) same_process = fixture_entry ("m-2", 42);
  g_autoptr(QmigJournalEntry) same_pid = fixture_entry ("m-3", 42);
  g_autoptr(GError) error = NULL;
  g_autofree char *existing = NULL;

  fixture_open (f);
  fixture_create (f, "m-1", 42);
  assert_refused (f, same_id, "m-1");
  assert_refused (f, same_process, "m-1");

  /* A pid that came round again is another process. */
  same_pid->source_start_time++;
  g_assert_true (qmig_journal_create (f->journal, same_pid, &existing, &error));

  /* Ended or left in doubt, it is in nobody's way; its id is. */
  fixture_end (f, "m-1", QMIG_OUTCOME_ATTENTION);
  assert_refused (f, same_id, "m-1");
  g_assert_true (qmig_journal_create (f->journal, same_process, &existing, &error));
  g_assert_no_error (error);
}

static void
test_create_without_pid (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigJournalEntry) same = fixture_entry ("m-2", 0);
  g_autoptr(QmigJournalEntry) other = fixture_entry ("m-3", 0);
  g_autoptr(GError) error = NULL;
  g_autofree char *existing = NULL;

  fixture_open (f);
  fixture_create (f, "m-1", 0);
  assert_refused (f, same, "m-1");
  g_free (other->source_qmp);
  other->source_qmp = g_strdup ("/run/vm/other/qmp");
  g_assert_true (qmig_journal_create (f->journal, other, &existing, &error));
}

static void
test_idempotency (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigJournalEntry) first = fixture_entry ("m-1", 1);
  g_autoptr(QmigJournalEntry) again = fixture_entry ("m-2", 1);
  g_autofree char *existing = NULL;
  g_autoptr(GError) error = NULL;

  fixture_open (f);
  first->request->idempotency_key = g_strdup ("nightly-7");
  again->request->idempotency_key = g_strdup ("nightly-7");
  g_assert_true (qmig_journal_create (f->journal, first, &existing, &error));
  g_assert_null (existing);

  g_assert_true (qmig_journal_create (f->journal, again, &existing, &error));
  g_assert_cmpstr (existing, ==, "m-1");
  g_clear_pointer (&existing, g_free);

  fixture_end (f, "m-1", QMIG_OUTCOME_COMPLETED);
  g_assert_true (qmig_journal_create (f->journal, again, &existing, &error));
  g_assert_cmpstr (existing, ==, "m-1");

  g_assert_null (qmig_journal_load (f->journal, "m-2", &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND);
}

static void
assert_step (Fixture *f, const char *id, const char *step, gboolean intent)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigJournalEntry) entry = qmig_journal_load (f->journal, id, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (entry->step, ==, step);
  g_assert_cmpint (entry->commit_intent, ==, intent);
}

static void
test_steps (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigPlan) plan = fixture_plan ();
  g_autoptr(QmigJournalEntry) entry = NULL;

  fixture_open (f);
  fixture_create (f, "m-1", 1);
  fixture_create (f, "m-2", 2);
  g_assert_true (qmig_journal_begin (f->journal, "m-1", "check", QMIG_BEGIN_STEP, &error));
  assert_step (f, "m-1", "check", FALSE);
  g_assert_true (qmig_journal_set_plan (f->journal, "m-1", plan, &error));
  g_assert_true (qmig_journal_begin (f->journal, "m-1", "commit", QMIG_BEGIN_INTENT, &error));
  assert_step (f, "m-1", "commit", TRUE);
  /* The intent is never taken back. */
  g_assert_true (qmig_journal_begin (f->journal, "m-1", "release", QMIG_BEGIN_STEP, &error));
  g_assert_no_error (error);

  fixture_open (f);
  assert_step (f, "m-1", "release", TRUE);
  assert_step (f, "m-2", NULL, FALSE);
  entry = qmig_journal_load (f->journal, "m-1", &error);
  g_assert_cmpstr (entry->plan->destination, ==, "beta.example");
}

/* One row for each function that writes to a migration. */
static gboolean
act_set_plan (QmigJournal *journal, const char *id, GError **error)
{
  g_autoptr(QmigPlan) plan = fixture_plan ();

  return qmig_journal_set_plan (journal, id, plan, error);
}

static gboolean
act_begin (QmigJournal *journal, const char *id, GError **error)
{
  return qmig_journal_begin (journal, id, "precopy", QMIG_BEGIN_STEP, error);
}

static gboolean
act_begin_one_way (QmigJournal *journal, const char *id, GError **error)
{
  return qmig_journal_begin (journal, id, "commit", QMIG_BEGIN_INTENT, error);
}

static gboolean
act_end (QmigJournal *journal, const char *id, GError **error)
{
  g_autoptr(QmigResult) result = fixture_result (QMIG_OUTCOME_ROLLED_BACK);

  return qmig_journal_end (journal, id, result, error);
}

static const struct
{
  const char *name;
  gboolean (*act) (QmigJournal *journal, const char *id, GError **error);
} acts[] = {
  { "set_plan", act_set_plan },
  { "begin", act_begin },
  { "begin-one-way", act_begin_one_way },
  { "end", act_end },
};

static void
test_refused_writes (Fixture *f, gconstpointer data)
{
  fixture_open (f);
  fixture_create (f, "m-ended", 1);
  fixture_end (f, "m-ended", QMIG_OUTCOME_COMPLETED);

  for (gsize i = 0; i < G_N_ELEMENTS (acts); i++)
    {
      g_autoptr(GError) ended = NULL;
      g_autoptr(GError) unknown = NULL;

      g_test_message ("%s", acts[i].name);
      g_assert_false (acts[i].act (f->journal, "m-ended", &ended));
      g_assert_error (ended, QMIG_ERROR, QMIG_EXIT_CONFLICT);
      g_assert_nonnull (strstr (ended->message, "completed"));
      g_assert_false (acts[i].act (f->journal, "m-never", &unknown));
      g_assert_error (unknown, QMIG_ERROR, QMIG_EXIT_NOT_FOUND);
      g_assert_nonnull (strstr (unknown->message, "m-never"));
    }
}

static void
test_end (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigResult) active = fixture_result (QMIG_OUTCOME_ACTIVE);
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigJournalEntry) entry = NULL;
  g_autoptr(QmigMigrationInfo) info = NULL;
  g_auto(GStrv) open = NULL;

  fixture_open (f);
  fixture_create (f, "m-2", 2);
  fixture_create (f, "m-1", 1);
  fixture_create (f, "m-3", 3);
  g_assert_false (qmig_journal_end (f->journal, "m-1", active, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_ERROR);
  g_clear_error (&error);
  fixture_end (f, "m-3", QMIG_OUTCOME_COMPLETED);

  open = qmig_journal_list_open (f->journal, &error);
  g_assert_no_error (error);
  g_assert_cmpstrv (open, ((const char *[]) { "m-1", "m-2", NULL }));

  entry = qmig_journal_load (f->journal, "m-3", &error);
  g_assert_true (entry->ended);
  info = qmig_journal_info (f->journal, "m-3", &error);
  g_assert_false (info->active);
  g_assert_nonnull (info->ended);
  g_assert_cmpfloat (info->result->blackout_ms, ==, 41.5);
}

static void
test_attention_is_settled (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigMigrationInfo) info = NULL;
  g_auto(GStrv) open = NULL;

  fixture_open (f);
  fixture_create (f, "m-1", 1);
  fixture_end (f, "m-1", QMIG_OUTCOME_ATTENTION);
  open = qmig_journal_list_open (f->journal, &error);
  g_assert_cmpint (g_strv_length (open), ==, 0);

  /* Settling it is again written before it is done. */
  for (gsize i = 0; i < G_N_ELEMENTS (acts); i++)
    {
      g_assert_true (acts[i].act (f->journal, "m-1", &error));
      g_assert_no_error (error);
    }

  info = qmig_journal_info (f->journal, "m-1", &error);
  g_assert_cmpint (info->result->outcome, ==, QMIG_OUTCOME_ROLLED_BACK);
}

static void
test_too_large (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigPlan) plan = fixture_plan ();
  g_autoptr(GError) error = NULL;

  fixture_open (f);
  fixture_create (f, "m-1", 1);
  g_free (plan->uuid);
  plan->uuid = g_strnfill (1024 * 1024, 'x');
  g_assert_false (qmig_journal_set_plan (f->journal, "m-1", plan, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_ERROR);
  g_assert_nonnull (strstr (error->message, "too large"));
  g_clear_error (&error);
  g_assert_true (qmig_journal_begin (f->journal, "m-1", "check", QMIG_BEGIN_STEP, &error));
}

/* -- history -------------------------------------------------------------------- */

static void
test_events (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) all = NULL, some = NULL, samples = NULL, none = NULL;
  g_autoptr(QmigEvent) again = fixture_event ("m-1", 2, "log", "{}");
  g_autoptr(QmigJournalEntry) entry = NULL;
  const QmigEvent *event;

  fixture_open (f);
  fixture_create (f, "m-1", 1);
  fixture_create (f, "m-2", 2);
  /* Order is by number, not by arrival. */
  fixture_add_event (f->journal, "m-1", 3, "sample", "{\"pass\": 2}");
  fixture_add_event (f->journal, "m-1", 1, "stage", "{\"stage\": \"pre-copy\"}");
  fixture_add_event (f->journal, "m-1", 2, "sample", "{\"pass\": 1}");
  fixture_add_event (f->journal, "m-2", 1, "log", "{}");

  all = qmig_journal_list_events (f->journal, "m-1", 0, NULL, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpint (all->len, ==, 3);
  for (guint i = 0; i < all->len; i++)
    g_assert_cmpint (((QmigEvent *) all->pdata[i])->seq, ==, i + 1);
  event = all->pdata[2];
  g_assert_cmpstr (event->type, ==, "sample");
  g_assert_cmpstr (event->host, ==, "alpha");
  g_assert_cmpint (event->mono_us, ==, 3000);
  g_assert_cmpint (json_object_get_int_member (json_node_get_object (event->data), "pass"), ==, 2);

  some = qmig_journal_list_events (f->journal, "m-1", 1, NULL, 1, &error);
  g_assert_cmpint (some->len, ==, 1);
  g_assert_cmpint (((QmigEvent *) some->pdata[0])->seq, ==, 2);
  samples = qmig_journal_list_events (f->journal, "m-1", 0, "sample", 0, &error);
  g_assert_cmpint (samples->len, ==, 2);
  none = qmig_journal_list_events (f->journal, "m-never", 0, NULL, 0, &error);
  g_assert_cmpint (none->len, ==, 0);

  g_assert_false (qmig_journal_add_event (f->journal, again, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
  entry = qmig_journal_load (f->journal, "m-1", NULL);
  g_assert_cmpint (entry->last_seq, ==, 3);
}

static void
test_info (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigMigrationInfo) info = NULL;

  fixture_open (f);
  fixture_create (f, "m-1", 42);
  g_assert_true (qmig_journal_begin (f->journal, "m-1", "switchover", QMIG_BEGIN_STEP, &error));
  fixture_add_event (f->journal, "m-1", 1, "stage", "{\"stage\": \"pre-copy\"}");
  fixture_add_event (f->journal, "m-1", 2, "sample", "{\"stage\": \"pre-copy\", \"remaining_bytes\": 99}");
  fixture_add_event (f->journal, "m-1", 3, "sample", "{\"stage\": \"pre-copy\", \"remaining_bytes\": 11}");
  fixture_add_event (f->journal, "m-1", 4, "log", "{}");

  info = qmig_journal_info (f->journal, "m-1", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (info->id, ==, "m-1");
  g_assert_cmpstr (info->vm, ==, "web01");
  g_assert_cmpstr (info->source, ==, "alpha");
  g_assert_cmpstr (info->destination, ==, "beta");
  g_assert_cmpstr (info->destination_uri, ==, "unix:/run/beta/agent.sock");
  g_assert_true (info->active);
  g_assert_cmpint (info->stage, ==, QMIG_STAGE_PRE_COPY);
  g_assert_cmpstr (info->step, ==, "switchover");
  g_assert_cmpstr (info->started, ==, "2023-11-14T22:13:20.123498Z");
  g_assert_null (info->ended);
  g_assert_cmpstr (info->reason, ==, "kernel update");
  g_assert_cmpstr (info->who, ==, "certificate alpha (operator)");
  g_assert_cmpint (info->source_pid, ==, 42);
  g_assert_cmpint (info->destination_pid, ==, QMIG_UNSET);
  g_assert_cmpint (info->last_seq, ==, 4);
  g_assert_cmpint (info->knobs->downtime_ms, ==, 300);
  g_assert_cmpint (info->sample->remaining_bytes, ==, 11);
  g_assert_null (info->result);
  g_clear_pointer (&info, qmig_migration_info_free);

  fixture_end (f, "m-1", QMIG_OUTCOME_COMPLETED);
  info = qmig_journal_info (f->journal, "m-1", &error);
  g_assert_false (info->active);
  g_assert_cmpint (api_time_parse (info->ended), >, api_time_parse (info->started));
  g_assert_cmpint (info->destination_pid, ==, 4711);

  g_assert_null (qmig_journal_info (f->journal, "m-never", &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND);
}

static void
test_stage_without_event (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const char *step;
    QmigStage stage;
  } cases[] = {
    { "check", QMIG_STAGE_PRE_MIGRATION },  { "tune", QMIG_STAGE_RESERVATION },
    { "undo-precopy", QMIG_STAGE_PRE_COPY }, { "commit", QMIG_STAGE_COMMITMENT },
    { "release", QMIG_STAGE_ACTIVATION },   { "unheard of", QMIG_STAGE_PRE_MIGRATION },
  };

  fixture_open (f);
  fixture_create (f, "m-1", 1);
  /* Data that says nothing of the stage is as good as none. */
  fixture_add_event (f->journal, "m-1", 1, "stage", "{\"stage\": 7}");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(QmigMigrationInfo) info = NULL;

      g_assert_true (qmig_journal_begin (f->journal, "m-1", cases[i].step, QMIG_BEGIN_STEP, NULL));
      info = qmig_journal_info (f->journal, "m-1", NULL);
      g_assert_cmpint (info->stage, ==, cases[i].stage);
    }
}

/* The ids found, newest first, as one text. */
static char *
list_ids (Fixture *f, const QmigHistoryFilter *filter)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) infos = qmig_journal_list (f->journal, filter, &error);
  GString *ids = g_string_new (NULL);

  g_assert_no_error (error);
  for (guint i = 0; i < infos->len; i++)
    g_string_append_printf (ids, "%s%s", i == 0 ? "" : " ", ((QmigMigrationInfo *) infos->pdata[i])->id);
  return g_string_free (ids, FALSE);
}

static void
test_list (Fixture *f, gconstpointer data)
{
  const gint64 start_us = G_GINT64_CONSTANT (1700000000123456);
  const struct
  {
    QmigHistoryFilter filter;
    const char *ids;
  } cases[] = {
    { { 0 }, "m-4 m-3 m-2 m-1" },
    { { .limit = 2 }, "m-4 m-3" },
    { { .since_us = start_us + 3 }, "m-4 m-3" },
    { { .outcome = "completed" }, "m-1" },
    { { .outcome = "attention" }, "m-2" },
    { { .outcome = "active" }, "m-4 m-3" },
    { { .vm = "db02" }, "m-4" },
    { { .vm = "8ac2b0d4-7c1f-4a44-9f0e-3d0d5a6f2b11" }, "m-4 m-3 m-2 m-1" },
    { { .vm = "nobody" }, "" },
    { { .host = "beta.example" }, "m-3" },
    { { .host = "alpha", .limit = 1 }, "m-4" },
    { { .host = "beta", .outcome = "active" }, "m-4" },
  };
  g_autoptr(QmigJournalEntry) other = fixture_entry ("m-4", 4);
  g_autoptr(QmigPlan) plan = fixture_plan ();
  g_autofree char *existing = NULL;
  g_autofree char *all = NULL;

  fixture_open (f);
  fixture_create (f, "m-3", 3);
  fixture_create (f, "m-1", 1);
  fixture_create (f, "m-2", 2);
  g_free (other->vm);
  other->vm = g_strdup ("db02");
  g_assert_true (qmig_journal_create (f->journal, other, &existing, NULL));
  fixture_end (f, "m-1", QMIG_OUTCOME_COMPLETED);
  fixture_end (f, "m-2", QMIG_OUTCOME_ATTENTION);
  g_assert_true (qmig_journal_set_plan (f->journal, "m-3", plan, NULL));

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *ids = list_ids (f, &cases[i].filter);

      g_assert_cmpstr (ids, ==, cases[i].ids);
    }
  all = list_ids (f, NULL);
  g_assert_cmpstr (all, ==, cases[0].ids);
}

static guint
count_events (Fixture *f, const char *id, const char *type)
{
  g_autoptr(GPtrArray) events = qmig_journal_list_events (f->journal, id, 0, type, 0, NULL);

  return events->len;
}

static void
test_retention (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigMigrationInfo) oldest = NULL;

  fixture_open (f);
  for (int i = 1; i <= 202; i++)
    {
      g_autofree char *id = g_strdup_printf ("m-%d", i);

      fixture_create (f, id, i);
      fixture_add_event (f->journal, id, 1, "stage", "{\"stage\": \"pre-copy\"}");
      fixture_add_event (f->journal, id, 2, "sample", "{\"stage\": \"pre-copy\", \"pass\": 1}");
      fixture_add_event (f->journal, id, 3, "sample", "{\"stage\": \"pre-copy\", \"pass\": 2}");
      fixture_add_event (f->journal, id, 4, "result", "{}");
      fixture_end (f, id, QMIG_OUTCOME_COMPLETED);
    }

  g_assert_cmpint (count_events (f, "m-2", "sample"), ==, 1);
  g_assert_cmpint (count_events (f, "m-2", NULL), ==, 3);
  g_assert_cmpint (count_events (f, "m-3", "sample"), ==, 2);
  oldest = qmig_journal_info (f->journal, "m-1", NULL);
  g_assert_cmpint (oldest->sample->pass, ==, 2);
  g_assert_cmpint (oldest->last_seq, ==, 4);
}

/* -- reservations and added VMs ---------------------------------------------------- */

static void
test_reservations (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigIncomingSpec) first = fixture_spec ("m-1");
  g_autoptr(QmigIncomingSpec) second = fixture_spec ("m-2");
  g_autoptr(QmigReservation) loaded = NULL;
  g_autoptr(GPtrArray) all = NULL;
  g_autoptr(GError) error = NULL;

  fixture_open (f);
  g_assert_true (qmig_journal_reserve (f->journal, first, &error));
  g_assert_false (qmig_journal_reserve (f->journal, first, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
  g_clear_error (&error);
  g_assert_true (qmig_journal_reserve (f->journal, second, &error));

  loaded = qmig_journal_load_reservation (f->journal, "m-1", &error);
  g_assert_cmpstr (loaded->spec->run_dir, ==, "/run/vm/web01");
  g_assert_cmpint (loaded->pid, ==, 0);
  g_assert_false (loaded->held);
  g_clear_pointer (&loaded, qmig_reservation_free);

  g_assert_true (qmig_journal_reservation_launched (f->journal, "m-1", 4711, 888000, &error));
  g_assert_true (qmig_journal_reservation_held (f->journal, "m-1", &error));
  fixture_open (f);
  loaded = qmig_journal_load_reservation (f->journal, "m-1", &error);
  g_assert_cmpint (loaded->pid, ==, 4711);
  g_assert_cmpint (loaded->start_time, ==, 888000);
  g_assert_true (loaded->held);

  g_assert_true (qmig_journal_reservation_end (f->journal, "m-1", &error));
  g_assert_true (qmig_journal_reservation_end (f->journal, "m-1", &error));
  g_assert_no_error (error);
  g_assert_null (qmig_journal_load_reservation (f->journal, "m-1", &error));
  g_assert_no_error (error);
  all = qmig_journal_list_reservations (f->journal, &error);
  g_assert_cmpint (all->len, ==, 1);
  g_assert_cmpstr (((QmigReservation *) all->pdata[0])->spec->migration, ==, "m-2");
}

static void
test_unknown_reservation (Fixture *f, gconstpointer data)
{
  g_autoptr(GError) launched = NULL;
  g_autoptr(GError) held = NULL;

  fixture_open (f);
  g_assert_false (qmig_journal_reservation_launched (f->journal, "m-1", 1, 1, &launched));
  g_assert_error (launched, QMIG_ERROR, QMIG_EXIT_NOT_FOUND);
  g_assert_false (qmig_journal_reservation_held (f->journal, "m-1", &held));
  g_assert_error (held, QMIG_ERROR, QMIG_EXIT_NOT_FOUND);
}

static void
test_vms (Fixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) vms = NULL;
  g_autoptr(GError) error = NULL;
  const QmigVmRequest *vm;

  fixture_open (f);
  g_assert_true (qmig_journal_add_vm (f->journal, "web01", "/run/web01.qmp", QMIG_UNSET, &error));
  g_assert_true (qmig_journal_add_vm (f->journal, "db02", NULL, 4711, &error));
  g_assert_true (qmig_journal_add_vm (f->journal, "db02", NULL, 4711, &error));
  g_assert_false (qmig_journal_add_vm (f->journal, "db02", NULL, 4712, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT);
  g_clear_error (&error);

  fixture_open (f);
  vms = qmig_journal_list_vms (f->journal, &error);
  g_assert_cmpint (vms->len, ==, 2);
  vm = vms->pdata[0];
  g_assert_cmpstr (vm->name, ==, "db02");
  g_assert_null (vm->qmp);
  g_assert_cmpint (vm->pid, ==, 4711);
  vm = vms->pdata[1];
  g_assert_cmpstr (vm->qmp, ==, "/run/web01.qmp");
  g_assert_cmpint (vm->pid, ==, QMIG_UNSET);

  g_assert_true (qmig_journal_remove_vm (f->journal, "web01", &error));
  g_assert_false (qmig_journal_remove_vm (f->journal, "web01", &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND);
}

static void
add_change (GPtrArray *changes, const char *who, const char *reason, gint64 status)
{
  QmigChange *change = qmig_change_new ();

  change->time = g_strdup ("2024-05-01T10:00:00.000001Z");
  change->who = g_strdup (who);
  change->method = g_strdup ("POST");
  change->path = g_strdup ("/v1/migrations");
  change->reason = g_strdup (reason);
  change->status = status;
  g_ptr_array_add (changes, change);
}

static void
test_changes (Fixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func (qmig_change_type.destroy);
  g_autoptr(GPtrArray) all = NULL;
  g_autoptr(GPtrArray) one = NULL;
  g_autoptr(GError) error = NULL;
  const QmigChange *last;

  fixture_open (f);
  add_change (changes, "uid 1000", NULL, 201);
  add_change (changes, "certificate alpha (operator)", "kernel update", 409);
  g_assert_true (qmig_journal_add_changes (f->journal, changes, &error));

  fixture_open (f);
  all = qmig_journal_list_changes (f->journal, 0, &error);
  one = qmig_journal_list_changes (f->journal, 1, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (all->len, ==, 2);
  g_assert_cmpuint (one->len, ==, 1);
  last = one->pdata[0];
  g_assert_cmpint (last->seq, ==, 2);
  g_assert_cmpstr (last->time, ==, "2024-05-01T10:00:00.000001Z");
  g_assert_cmpstr (last->who, ==, "certificate alpha (operator)");
  g_assert_cmpstr (last->method, ==, "POST");
  g_assert_cmpstr (last->path, ==, "/v1/migrations");
  g_assert_cmpstr (last->reason, ==, "kernel update");
  g_assert_cmpint (last->status, ==, 409);
  g_assert_null (((QmigChange *) all->pdata[1])->reason);
}

static void
test_changes_are_bounded (Fixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func (qmig_change_type.destroy);
  g_autoptr(GPtrArray) left = NULL;
  g_autoptr(GError) error = NULL;

  fixture_open (f);
  for (int i = 0; i < QMIG_JOURNAL_CHANGES_MAX; i++)
    add_change (changes, "uid 1000", NULL, 200);
  g_assert_true (qmig_journal_add_changes (f->journal, changes, &error));
  g_ptr_array_set_size (changes, 7);
  g_assert_true (qmig_journal_add_changes (f->journal, changes, &error));
  g_assert_no_error (error);

  left = qmig_journal_list_changes (f->journal, 0, &error);
  g_assert_cmpuint (left->len, ==, QMIG_JOURNAL_CHANGES_MAX);
  g_assert_cmpint (((QmigChange *) left->pdata[0])->seq, ==, QMIG_JOURNAL_CHANGES_MAX + 7);
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
  add ("/journal/file", test_file);
  add ("/journal/cannot-open", test_cannot_open);
  add ("/journal/create-and-load", test_create_and_load);
  add ("/journal/create-conflicts", test_create_conflicts);
  add ("/journal/create-without-pid", test_create_without_pid);
  add ("/journal/idempotency", test_idempotency);
  add ("/journal/steps", test_steps);
  add ("/journal/refused-writes", test_refused_writes);
  add ("/journal/end", test_end);
  add ("/journal/attention-is-settled", test_attention_is_settled);
  add ("/journal/too-large", test_too_large);
  add ("/journal/events", test_events);
  add ("/journal/info", test_info);
  add ("/journal/stage-without-event", test_stage_without_event);
  add ("/journal/list", test_list);
  add ("/journal/retention", test_retention);
  add ("/journal/reservations", test_reservations);
  add ("/journal/unknown-reservation", test_unknown_reservation);
  add ("/journal/vms", test_vms);
  add ("/journal/changes", test_changes);
  add ("/journal/changes-are-bounded", test_changes_are_bounded);
  return g_test_run ();
}
