/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "journal-fixture.h"

#include <gio/gio.h>
#include <glib/gstdio.h>

void
fixture_set_up (Fixture *self, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *top = g_dir_make_tmp ("qmjXXXXXX", &error);

  g_assert_no_error (error);
  self->dir = g_build_filename (top, "state", NULL);
  self->path = g_build_filename (self->dir, "journal.db", NULL);
}

void
fixture_tear_down (Fixture *self, gconstpointer data)
{
  g_autofree char *top = g_path_get_dirname (self->dir);

  fixture_close (self);
  fixture_remove_tree (top);
  g_clear_pointer (&self->dir, g_free);
  g_clear_pointer (&self->path, g_free);
}

void
fixture_open (Fixture *self)
{
  g_autoptr(GError) error = NULL;

  fixture_close (self);
  self->journal = qmig_journal_open (self->dir, &error);
  g_assert_no_error (error);
  g_assert_nonnull (self->journal);
}

void
fixture_close (Fixture *self)
{
  g_clear_pointer (&self->journal, qmig_journal_close);
}

QmigJournalEntry *
fixture_entry (const char *id, gint64 pid)
{
  QmigJournalEntry *entry = g_new0 (QmigJournalEntry, 1);

  entry->id = g_strdup (id);
  entry->request = qmig_migrate_request_new ();
  entry->request->vm = g_strdup ("web01");
  entry->request->destination = g_strdup ("beta");
  entry->request->reason = g_strdup ("kernel update");
  entry->request->who = g_strdup ("certificate alpha (operator)");
  entry->request->knobs = qmig_knobs_new ();
  entry->request->knobs->downtime_ms = 300;
  entry->vm = g_strdup ("web01");
  entry->uuid = g_strdup ("8ac2b0d4-7c1f-4a44-9f0e-3d0d5a6f2b11");
  entry->source_qmp = g_strdup_printf ("/run/vm/%d/qmp", (int) pid);
  entry->source_pid = pid;
  entry->source_start_time = 777000;
  entry->source_host = g_strdup ("alpha");
  entry->destination_uri = g_strdup ("unix:/run/beta/agent.sock");
  entry->started_us = G_GINT64_CONSTANT (1700000000123456) + pid;
  return entry;
}

QmigPlan *
fixture_plan (void)
{
  QmigPlan *plan = qmig_plan_new ();

  plan->vm = g_strdup ("web01");
  plan->source = g_strdup ("alpha");
  plan->destination = g_strdup ("beta.example");
  plan->was_running = TRUE;
  plan->transport = g_strdup ("unix");
  plan->memory_bytes = G_GINT64_CONSTANT (4294967296);
  plan->argv = g_strsplit ("qemu-system-x86_64 -S -incoming defer", " ", -1);
  return plan;
}

QmigResult *
fixture_result (QmigOutcome outcome)
{
  QmigResult *result = qmig_result_new ();

  result->outcome = outcome;
  result->exit_code = outcome == QMIG_OUTCOME_COMPLETED ? QMIG_EXIT_OK : QMIG_EXIT_ATTENTION;
  result->vm_location = outcome == QMIG_OUTCOME_COMPLETED ? QMIG_LOCATION_DESTINATION : QMIG_LOCATION_UNKNOWN;
  result->blackout_ms = 41.5;
  result->destination_name = g_strdup ("beta");
  result->destination_pid = 4711;
  return result;
}

QmigIncomingSpec *
fixture_spec (const char *migration)
{
  QmigIncomingSpec *spec = qmig_incoming_spec_new ();

  spec->migration = g_strdup (migration);
  spec->vm_name = g_strdup ("web01");
  spec->source = g_strdup ("alpha");
  spec->run_dir = g_strdup ("/run/vm/web01");
  spec->qmp = g_strdup ("/run/vm/web01/qmp");
  spec->transport = g_strdup ("unix");
  spec->argv = g_strsplit ("qemu-system-x86_64 -S -incoming defer", " ", -1);
  spec->memory_bytes = G_GINT64_CONSTANT (4294967296);
  spec->lease_ms = 15000;
  return spec;
}

QmigEvent *
fixture_event (const char *migration, gint64 seq, const char *type, const char *data)
{
  QmigEvent *event = qmig_event_new ();

  event->seq = seq;
  event->ts = api_time_format (G_GINT64_CONSTANT (1700000000000000) + seq);
  event->mono_us = seq * 1000;
  event->host = g_strdup ("alpha");
  event->migration = g_strdup (migration);
  event->type = g_strdup (type);
  event->data = json_from_string (data, NULL);
  g_assert_nonnull (event->data);
  return event;
}

void
fixture_create (Fixture *self, const char *id, gint64 pid)
{
  g_autoptr(QmigJournalEntry) entry = fixture_entry (id, pid);
  g_autofree char *existing = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_true (qmig_journal_create (self->journal, entry, &existing, &error));
  g_assert_no_error (error);
  g_assert_null (existing);
}

void
fixture_end (Fixture *self, const char *id, QmigOutcome outcome)
{
  g_autoptr(QmigResult) result = fixture_result (outcome);
  g_autoptr(GError) error = NULL;

  g_assert_true (qmig_journal_end (self->journal, id, result, &error));
  g_assert_no_error (error);
}

void
fixture_add_event (QmigJournal *journal, const char *migration, gint64 seq, const char *type, const char *data)
{
  g_autoptr(QmigEvent) event = fixture_event (migration, seq, type, data);
  g_autoptr(GError) error = NULL;

  g_assert_true (qmig_journal_add_event (journal, event, &error));
  g_assert_no_error (error);
}

void
fixture_remove_tree (const char *path)
{
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      fixture_remove_tree (child);
    }
  g_remove (path);
}

void
fixture_copy (const char *from_dir, const char *to_dir)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GSubprocess) copy
      = g_subprocess_new (G_SUBPROCESS_FLAGS_NONE, &error, "cp", "-r", from_dir, to_dir, NULL);

  g_assert_no_error (error);
  g_assert_true (g_subprocess_wait_check (copy, NULL, &error));
  g_assert_no_error (error);
}
