/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "watched-vfs.h"

#include <sqlite3.h>
#include <string.h>

typedef struct
{
  sqlite3_file base;
  char *path; /* (nullable) of a temporary file */
  sqlite3_file *real; /* follows in memory */
} WatchedFile;

static sqlite3_vfs *real_vfs;
static sqlite3_vfs watched;
static GHashTable *synced; /* path → GBytes */
static guint syncs;
static int room = -1;
static gboolean ran_out;
static gboolean sync_fails;

static sqlite3_file *
real (sqlite3_file *file)
{
  return ((WatchedFile *) file)->real;
}

/* -- what is watched ----------------------------------------------------------- */

static gboolean
take_room (void)
{
  if (room > 0)
    room--;
  else if (room == 0)
    ran_out = TRUE;

  return !ran_out || room < 0;
}

static void
remember (WatchedFile *file)
{
  sqlite3_int64 size = 0;
  g_autofree guint8 *content = NULL;

  g_assert_cmpint (file->real->pMethods->xFileSize (file->real, &size), ==, SQLITE_OK);
  content = g_malloc0 (size + 1);
  if (size > 0)
    g_assert_cmpint (file->real->pMethods->xRead (file->real, content, (int) size, 0), ==, SQLITE_OK);
  g_hash_table_insert (synced, g_strdup (file->path), g_bytes_new (content, size));
}

static int
watched_write (sqlite3_file *file, const void *data, int amount, sqlite3_int64 offset)
{
  if (!take_room ())
    return SQLITE_FULL;

  return real (file)->pMethods->xWrite (real (file), data, amount, offset);
}

static int
watched_sync (sqlite3_file *file, int flags)
{
  int rc = sync_fails ? SQLITE_IOERR_FSYNC : real (file)->pMethods->xSync (real (file), flags);

  syncs++;
  if (rc == SQLITE_OK && ((WatchedFile *) file)->path != NULL)
    remember ((WatchedFile *) file);
  return rc;
}

static int
watched_close (sqlite3_file *file)
{
  WatchedFile *self = (WatchedFile *) file;
  int rc = self->real->pMethods->xClose (self->real);

  g_clear_pointer (&self->path, g_free);
  return rc;
}

static int
watched_delete (sqlite3_vfs *vfs, const char *path, int sync_dir)
{
  g_hash_table_remove (synced, path);
  return real_vfs->xDelete (real_vfs, path, sync_dir);
}

/* -- what only passes through ---------------------------------------------------- */

static int
watched_read (sqlite3_file *file, void *data, int amount, sqlite3_int64 offset)
{
  return real (file)->pMethods->xRead (real (file), data, amount, offset);
}

static int
watched_truncate (sqlite3_file *file, sqlite3_int64 size)
{
  return real (file)->pMethods->xTruncate (real (file), size);
}

static int
watched_file_size (sqlite3_file *file, sqlite3_int64 *size)
{
  return real (file)->pMethods->xFileSize (real (file), size);
}

static int
watched_lock (sqlite3_file *file, int lock)
{
  return real (file)->pMethods->xLock (real (file), lock);
}

static int
watched_unlock (sqlite3_file *file, int lock)
{
  return real (file)->pMethods->xUnlock (real (file), lock);
}

static int
watched_check_reserved_lock (sqlite3_file *file, int *result)
{
  return real (file)->pMethods->xCheckReservedLock (real (file), result);
}

static int
watched_file_control (sqlite3_file *file, int op, void *argument)
{
  return real (file)->pMethods->xFileControl (real (file), op, argument);
}

static int
watched_sector_size (sqlite3_file *file)
{
  return real (file)->pMethods->xSectorSize (real (file));
}

static int
watched_device_characteristics (sqlite3_file *file)
{
  return real (file)->pMethods->xDeviceCharacteristics (real (file));
}

static int
watched_shm_map (sqlite3_file *file, int page, int page_size, int extend, void volatile **memory)
{
  return real (file)->pMethods->xShmMap (real (file), page, page_size, extend, memory);
}

static int
watched_shm_lock (sqlite3_file *file, int offset, int n, int flags)
{
  return real (file)->pMethods->xShmLock (real (file), offset, n, flags);
}

static void
watched_shm_barrier (sqlite3_file *file)
{
  real (file)->pMethods->xShmBarrier (real (file));
}

static int
watched_shm_unmap (sqlite3_file *file, int delete_it)
{
  return real (file)->pMethods->xShmUnmap (real (file), delete_it);
}

static const sqlite3_io_methods watched_methods = {
  .iVersion = 2,
  .xClose = watched_close,
  .xRead = watched_read,
  .xWrite = watched_write,
  .xTruncate = watched_truncate,
  .xSync = watched_sync,
  .xFileSize = watched_file_size,
  .xLock = watched_lock,
  .xUnlock = watched_unlock,
  .xCheckReservedLock = watched_check_reserved_lock,
  .xFileControl = watched_file_control,
  .xSectorSize = watched_sector_size,
  .xDeviceCharacteristics = watched_device_characteristics,
  .xShmMap = watched_shm_map,
  .xShmLock = watched_shm_lock,
  .xShmBarrier = watched_shm_barrier,
  .xShmUnmap = watched_shm_unmap,
};

static int
watched_open (sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *file, int flags, int *out_flags)
{
  WatchedFile *self = (WatchedFile *) file;
  int rc;

  memset (self, 0, sizeof *self);
  self->real = (sqlite3_file *) (self + 1);
  rc = real_vfs->xOpen (real_vfs, path, self->real, flags, out_flags);
  if (rc != SQLITE_OK)
    return rc;

  self->path = g_strdup (path);
  self->base.pMethods = &watched_methods;
  /* A file that comes by another name than it was made by was complete when it was renamed. */
  if (path != NULL && (flags & SQLITE_OPEN_MAIN_DB) && !g_hash_table_contains (synced, path))
    remember (self);
  return SQLITE_OK;
}

void
watched_vfs_install (void)
{
  real_vfs = sqlite3_vfs_find (NULL);
  synced = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  watched = *real_vfs;
  watched.zName = "watched";
  watched.pNext = NULL;
  watched.szOsFile = (int) sizeof (WatchedFile) + real_vfs->szOsFile;
  watched.xOpen = watched_open;
  watched.xDelete = watched_delete;
  g_assert_cmpint (sqlite3_vfs_register (&watched, 1), ==, SQLITE_OK);
}

guint
watched_vfs_get_syncs (void)
{
  return syncs;
}

void
watched_vfs_set_room (int writes)
{
  room = writes;
  ran_out = FALSE;
}

gboolean
watched_vfs_ran_out (void)
{
  return ran_out;
}

void
watched_vfs_set_sync_fails (gboolean fails)
{
  sync_fails = fails;
}

static void
write_synced (const char *dir, const char *name, const char *to_dir)
{
  g_autofree char *from = g_build_filename (dir, name, NULL);
  g_autofree char *to = g_build_filename (to_dir, name, NULL);
  GBytes *content = g_hash_table_lookup (synced, from);
  g_autoptr(GError) error = NULL;
  gsize size;
  const char *bytes;

  if (content == NULL)
    return;

  bytes = g_bytes_get_data (content, &size);
  g_file_set_contents (to, bytes, (gssize) size, &error);
  g_assert_no_error (error);
}

void
watched_vfs_power_cut (const char *dir, const char *name, const char *to_dir)
{
  g_autofree char *log = g_strconcat (name, "-wal", NULL);

  write_synced (dir, name, to_dir);
  write_synced (dir, log, to_dir);
}
