/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A journal as a file from anywhere: damaged, or made by somebody.  It opens,
 * or is refused with a reason; and all that can be read of it is a value or an
 * error.
 */

#include <glib/gstdio.h>
#include <unistd.h>

#include "qmig-journal.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* In memory where there is such a place: the journal waits for the disk at each write. */
static const char *
state_dir (void)
{
  static char *dir;

  if (dir == NULL)
    dir = g_strdup_printf ("%s/qmig-fuzz-%d", g_access ("/dev/shm", W_OK) == 0 ? "/dev/shm" : g_get_tmp_dir (), (int) getpid ());
  return dir;
}

static void
remove_all (void)
{
  static const char *const names[] = { "journal.db", "journal.db-wal", "journal.db-shm", "journal.db-journal" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (state_dir (), names[i], NULL);

      g_unlink (path);
    }
  g_rmdir (state_dir ());
}

static void
check (gboolean have, GError **error)
{
  g_assert_true (have == (*error == NULL));
  g_clear_error (error);
}

static void
read_migration (QmigJournal *journal, const char *id)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigJournalEntry) entry = qmig_journal_load (journal, id, &error);
  g_autoptr(QmigMigrationInfo) info = NULL;
  g_autoptr(GPtrArray) events = NULL;

  check (entry != NULL, &error);
  info = qmig_journal_info (journal, id, &error);
  check (info != NULL, &error);
  events = qmig_journal_list_events (journal, id, 0, NULL, 0, &error);
  check (events != NULL, &error);
}

static void
read_all (QmigJournal *journal)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) list = qmig_journal_list (journal, NULL, &error);
  g_auto(GStrv) open = NULL;
  g_autoptr(GPtrArray) reservations = NULL;
  g_autoptr(GPtrArray) vms = NULL;
  g_autoptr(GPtrArray) changes = NULL;
  g_autoptr(GPtrArray) past = NULL;

  check (list != NULL, &error);
  for (guint i = 0; list != NULL && i < list->len; i++)
    read_migration (journal, ((const QmigMigrationInfo *) g_ptr_array_index (list, i))->id);
  open = qmig_journal_list_open (journal, &error);
  check (open != NULL, &error);
  for (guint i = 0; open != NULL && open[i] != NULL; i++)
    read_migration (journal, open[i]);
  reservations = qmig_journal_list_reservations (journal, &error);
  check (reservations != NULL, &error);
  vms = qmig_journal_list_vms (journal, &error);
  check (vms != NULL, &error);
  changes = qmig_journal_list_changes (journal, 0, &error);
  check (changes != NULL, &error);
  past = qmig_journal_past_of_vm (journal, "web01", NULL, 10, &error);
  check (past != NULL, &error);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *path = g_build_filename (state_dir (), "journal.db", NULL);
  g_autoptr(QmigJournal) journal = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (state_dir (), 0700), ==, 0);
  g_assert_true (g_file_set_contents_full (path, (const char *) data, (gssize) size, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  journal = qmig_journal_open (state_dir (), &error);
  check (journal != NULL, &error);
  if (journal != NULL)
    read_all (journal);
  g_clear_pointer (&journal, qmig_journal_close);
  remove_all ();
  return 0;
}
