/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-journal-db.h"

/* -- reservations ------------------------------------------------------------ */

void
qmig_reservation_free (QmigReservation *self)
{
  if (self == NULL)
    return;

  g_clear_pointer (&self->spec, qmig_incoming_spec_free);
  g_free (self);
}

gboolean
qmig_journal_reserve (QmigJournal *self, const QmigIncomingSpec *spec, GError **error)
{
  g_autoptr(JournalQuery) query
      = journal_query (self, "INSERT INTO reservation (migration, spec) VALUES (?1, ?2) ON CONFLICT DO NOTHING", error);
  int changes;

  if (query == NULL || !journal_bind_value (self, query, 2, &qmig_incoming_spec_type, spec, error))
    return FALSE;

  journal_bind_text (query, 1, spec->migration);
  if (!journal_write (self, JOURNAL_DURABLE, query, &changes, error))
    return FALSE;
  if (changes > 0)
    return TRUE;

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot reserve for migration %s: it has a reservation here",
               spec->migration);
  return FALSE;
}

static gboolean
write_reservation (QmigJournal *self, JournalSync sync, JournalQuery *query, const char *migration, GError **error)
{
  int changes;

  if (!journal_write (self, sync, query, &changes, error))
    return FALSE;
  if (changes > 0)
    return TRUE;

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "cannot find a reservation for migration %s in the journal %s",
               migration, self->path);
  return FALSE;
}

gboolean
qmig_journal_reservation_launched (QmigJournal *self,
                                   const char *migration,
                                   gint64 pid,
                                   gint64 start_time,
                                   GError **error)
{
  g_autoptr(JournalQuery) query
      = journal_query (self, "UPDATE reservation SET pid = ?2, start_time = ?3 WHERE migration = ?1", error);

  if (query == NULL)
    return FALSE;

  journal_bind_text (query, 1, migration);
  journal_bind_int (query, 2, pid);
  journal_bind_int (query, 3, start_time);
  return write_reservation (self, JOURNAL_DURABLE, query, migration, error);
}

gboolean
qmig_journal_reservation_held (QmigJournal *self, const char *migration, GError **error)
{
  g_autoptr(JournalQuery) query = journal_query (self, "UPDATE reservation SET held = 1 WHERE migration = ?1", error);

  if (query == NULL)
    return FALSE;

  journal_bind_text (query, 1, migration);
  return write_reservation (self, JOURNAL_UNSYNCED, query, migration, error);
}

gboolean
qmig_journal_reservation_end (QmigJournal *self, const char *migration, GError **error)
{
  g_autoptr(JournalQuery) query = journal_query (self, "DELETE FROM reservation WHERE migration = ?1", error);

  if (query == NULL)
    return FALSE;

  journal_bind_text (query, 1, migration);
  if (!journal_write (self, JOURNAL_DURABLE, query, NULL, error))
    return FALSE;

  journal_checkpoint (self);
  return TRUE;
}

static QmigReservation *
read_reservation (QmigJournal *self, JournalQuery *query, GError **error)
{
  g_autoptr(QmigReservation) reservation = g_new0 (QmigReservation, 1);

  if (!journal_column_value (self, query, 1, &qmig_incoming_spec_type, API_REQUIRED, (gpointer *) &reservation->spec,
                             error))
    return NULL;

  reservation->pid = journal_column_int (query, 2);
  reservation->start_time = journal_column_int (query, 3);
  reservation->held = journal_column_int (query, 4) != 0;
  return g_steal_pointer (&reservation);
}

/* @migration: (nullable) */
static GPtrArray *
read_reservations (QmigJournal *self, const char *migration, GError **error)
{
  g_autoptr(JournalQuery) query
      = journal_query (self, "SELECT migration, spec, pid, start_time, held FROM reservation"
                             " WHERE ?1 IS NULL OR migration = ?1 ORDER BY rowid", error);
  g_autoptr(GPtrArray) reservations = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_reservation_free);
  gboolean row;

  if (query == NULL)
    return NULL;

  journal_bind_text (query, 1, migration);
  for (;;)
    {
      QmigReservation *reservation;

      if (!journal_next (self, query, &row, error))
        return NULL;
      if (!row)
        return g_steal_pointer (&reservations);

      reservation = read_reservation (self, query, error);
      if (reservation == NULL)
        return NULL;
      g_ptr_array_add (reservations, reservation);
    }
}

QmigReservation *
qmig_journal_load_reservation (QmigJournal *self, const char *migration, GError **error)
{
  g_autoptr(GPtrArray) found = read_reservations (self, migration, error);

  return found == NULL || found->len == 0 ? NULL : g_ptr_array_steal_index (found, 0);
}

GPtrArray *
qmig_journal_list_reservations (QmigJournal *self, GError **error)
{
  return read_reservations (self, NULL, error);
}

/* -- added VMs ---------------------------------------------------------------- */

gboolean
qmig_journal_add_vm (QmigJournal *self, const char *name, const char *qmp, gint64 pid, GError **error)
{
  g_autoptr(JournalQuery) query
      = journal_query (self, "INSERT INTO vm (name, qmp, pid) VALUES (?1, ?2, ?3)"
                             " ON CONFLICT (name) DO UPDATE SET pid = pid WHERE qmp IS ?2 AND pid IS ?3", error);
  int changes;

  if (query == NULL)
    return FALSE;

  journal_bind_text (query, 1, name);
  journal_bind_text (query, 2, qmp);
  journal_bind_int (query, 3, pid);
  if (!journal_write (self, JOURNAL_DURABLE, query, &changes, error))
    return FALSE;
  if (changes > 0)
    return TRUE;

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT,
               "cannot add VM '%s': another one was added by that name; remove it first", name);
  return FALSE;
}

gboolean
qmig_journal_remove_vm (QmigJournal *self, const char *name, GError **error)
{
  g_autoptr(JournalQuery) query = journal_query (self, "DELETE FROM vm WHERE name = ?1", error);
  int changes;

  if (query == NULL)
    return FALSE;

  journal_bind_text (query, 1, name);
  if (!journal_write (self, JOURNAL_DURABLE, query, &changes, error))
    return FALSE;
  if (changes > 0)
    return TRUE;

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "cannot remove VM '%s': none was added by that name", name);
  return FALSE;
}

GPtrArray *
qmig_journal_list_vms (QmigJournal *self, GError **error)
{
  g_autoptr(JournalQuery) query = journal_query (self, "SELECT name, qmp, pid FROM vm ORDER BY name", error);
  g_autoptr(GPtrArray) vms = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_vm_request_free);
  gboolean row;

  if (query == NULL)
    return NULL;

  for (;;)
    {
      QmigVmRequest *vm;

      if (!journal_next (self, query, &row, error))
        return NULL;
      if (!row)
        return g_steal_pointer (&vms);

      vm = qmig_vm_request_new ();
      vm->name = g_strdup (journal_column_text (query, 0));
      vm->qmp = g_strdup (journal_column_text (query, 1));
      vm->pid = journal_column_int (query, 2);
      g_ptr_array_add (vms, vm);
    }
}
