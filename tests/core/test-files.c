/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whether two hosts have the same image: real files, seen from two sides. */

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "qmig-files.h"

typedef struct
{
  char *dir;
  char *disk;
  char *other;
} Fixture;

static void
write_image (const char *path, const char *content)
{
  g_assert_true (g_file_set_contents (path, content, -1, NULL));
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->dir = g_dir_make_tmp ("qmig-files-XXXXXX", NULL);
  f->disk = g_build_filename (f->dir, "disk.raw", NULL);
  f->other = g_build_filename (f->dir, "other.raw", NULL);
  write_image (f->disk, "the guest's data");
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_unlink (f->disk);
  g_unlink (f->other);
  g_rmdir (f->dir);
  g_free (f->disk);
  g_free (f->other);
  g_free (f->dir);
}

static GPtrArray *
drives_of (const char *file, const char *backing)
{
  GPtrArray *drives = g_ptr_array_new_with_free_func ((GDestroyNotify) qmp_drive_free);
  QmpDrive *drive = g_new0 (QmpDrive, 1);

  drive->file = g_strdup (file);
  drive->backing = g_strsplit (backing != NULL ? backing : "", " ", -1);
  g_ptr_array_add (drives, drive);
  return drives;
}

/* What is said of @name on the source and @there on the destination.  @cwd: (nullable) of the source */
static QmigCheckStatus
judge (const char *name, const char *cwd, const char *there, gboolean same_machine)
{
  g_autoptr(GPtrArray) drives = drives_of (name, NULL);
  g_autoptr(QmigFileLocks) locks = qmig_file_locks_new (drives, cwd);
  g_autoptr(GPtrArray) questions = qmig_file_locks_questions (locks);
  g_autoptr(QmigFile) asked = NULL;
  g_autoptr(GPtrArray) asked_there = g_ptr_array_new ();
  g_autoptr(GPtrArray) answers = NULL;
  g_autoptr(GPtrArray) checks = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_check_free);

  g_assert_cmpuint (questions->len, ==, 1);
  /* The other host's view of the same path. */
  asked = qmig_file_copy (g_ptr_array_index (questions, 0));
  g_free (asked->path);
  asked->path = g_strdup (there);
  g_ptr_array_add (asked_there, asked);
  answers = qmig_files_answer (asked_there);
  qmig_file_judge (g_ptr_array_index (questions, 0), g_ptr_array_index (answers, 0), same_machine, "beta", checks);
  g_assert_cmpuint (checks->len, ==, 1);
  return ((QmigCheck *) g_ptr_array_index (checks, 0))->status;
}

/* By its lock alone, as between machines: also under another name. */
static void
test_same (Fixture *f, gconstpointer data)
{
  g_assert_cmpint (judge (f->disk, NULL, f->disk, FALSE), ==, QMIG_CHECK_OK);
  g_assert_cmpint (judge ("disk.raw", f->dir, f->disk, FALSE), ==, QMIG_CHECK_OK);
  g_assert_cmpint (link (f->disk, f->other), ==, 0);
  g_assert_cmpint (judge (f->disk, NULL, f->other, FALSE), ==, QMIG_CHECK_OK);
  g_assert_cmpint (judge (f->disk, NULL, f->other, TRUE), ==, QMIG_CHECK_OK);
}

/* As large, and not it; whether that can be proven depends on the file system. */
static void
test_look_alike (Fixture *f, gconstpointer data)
{
  write_image (f->other, "another's  data!");
  g_assert_cmpint (judge (f->disk, NULL, f->other, FALSE), !=, QMIG_CHECK_OK);
  g_assert_cmpint (judge (f->disk, NULL, f->other, TRUE), !=, QMIG_CHECK_OK);
  write_image (f->other, "longer than the guest's data");
  g_assert_cmpint (judge (f->disk, NULL, f->other, FALSE), ==, QMIG_CHECK_FAIL);
}

/* Whoever locks the whole of the look-alike does not make it the same. */
static void
test_locked_by_others (Fixture *f, gconstpointer data)
{
  struct flock all = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
  int fd;

  write_image (f->other, "another's  data!");
  fd = open (f->other, O_RDONLY | O_CLOEXEC);
  g_assert_cmpint (fcntl (fd, F_OFD_SETLK, &all), ==, 0);
  g_assert_cmpint (judge (f->disk, NULL, f->other, FALSE), !=, QMIG_CHECK_OK);
  close (fd);
}

static void
test_missing (Fixture *f, gconstpointer data)
{
  g_assert_cmpint (judge (f->disk, NULL, f->other, FALSE), ==, QMIG_CHECK_FAIL);
  /* Where not even the source's agent can look, nothing is said for sure. */
  g_assert_cmpint (judge (f->other, NULL, f->disk, FALSE), ==, QMIG_CHECK_WARN);
}

/* A medium may be a copy. */
static void
test_read_only (Fixture *f, gconstpointer data)
{
  g_autoptr(QmigFile) here = qmig_file_new ();
  g_autoptr(QmigFile) there = NULL;
  g_autoptr(GPtrArray) checks = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_check_free);

  here->path = g_strdup ("/srv/cd.iso");
  here->file_system = g_strdup ("local");
  here->read_only = TRUE;
  here->device = 1;
  here->inode = 7;
  here->size_bytes = 4096;
  here->lock_at = G_GINT64_CONSTANT (1) << 61;
  there = qmig_file_copy (here);
  there->inode = 8;
  qmig_file_judge (here, there, FALSE, "beta", checks);
  there->size_bytes = 8192;
  qmig_file_judge (here, there, FALSE, "beta", checks);
  /* Mounted without locks the file has its number all the same. */
  there->size_bytes = here->size_bytes;
  there->inode = here->inode;
  g_free (there->file_system);
  there->file_system = g_strdup ("nfs");
  here->read_only = FALSE;
  qmig_file_judge (here, there, FALSE, "beta", checks);
  g_assert_cmpint (((QmigCheck *) g_ptr_array_index (checks, 0))->status, ==, QMIG_CHECK_WARN);
  g_assert_cmpint (((QmigCheck *) g_ptr_array_index (checks, 1))->status, ==, QMIG_CHECK_FAIL);
  g_assert_cmpint (((QmigCheck *) g_ptr_array_index (checks, 2))->status, ==, QMIG_CHECK_WARN);
}

/* The lock is for the time of the question alone. */
static void
test_released (Fixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) drives = drives_of (f->disk, NULL);
  QmigFileLocks *locks = qmig_file_locks_new (drives, NULL);
  g_autoptr(GPtrArray) questions = qmig_file_locks_questions (locks);
  g_autoptr(GPtrArray) while_asked = qmig_files_answer (questions);
  g_autoptr(GPtrArray) afterwards = NULL;

  qmig_file_locks_free (locks);
  afterwards = qmig_files_answer (questions);
  g_assert_true (((QmigFile *) g_ptr_array_index (while_asked, 0))->locked);
  g_assert_false (((QmigFile *) g_ptr_array_index (afterwards, 0))->locked);
}

static void
test_chain (Fixture *f, gconstpointer data)
{
  g_autofree char *backing = g_strdup_printf ("%s nbd://host/export", f->other);
  g_autoptr(GPtrArray) drives = drives_of (f->disk, backing);
  g_autoptr(QmigFileLocks) locks = qmig_file_locks_new (drives, NULL);
  g_autoptr(GPtrArray) questions = qmig_file_locks_questions (locks);

  g_assert_cmpuint (questions->len, ==, 2);
  g_assert_cmpstr (((QmigFile *) g_ptr_array_index (questions, 1))->path, ==, f->other);
}

static void
test_hostile_question (Fixture *f, gconstpointer data)
{
  g_autoptr(GPtrArray) questions = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_file_free);
  g_autoptr(GPtrArray) answers = NULL;
  QmigFile *relative = qmig_file_new (), *negative = qmig_file_new ();

  relative->path = g_strdup ("disk.raw");
  negative->path = g_strdup (f->disk);
  negative->lock_at = -5;
  g_ptr_array_add (questions, relative);
  g_ptr_array_add (questions, negative);
  answers = qmig_files_answer (questions);
  g_assert_nonnull (((QmigFile *) g_ptr_array_index (answers, 0))->problem);
  g_assert_false (((QmigFile *) g_ptr_array_index (answers, 1))->locked);
}

int
main (int argc, char **argv)
{
#define ADD(name, func) g_test_add ("/files/" name, Fixture, NULL, set_up, func, tear_down)
  g_test_init (&argc, &argv, NULL);
  ADD ("same", test_same);
  ADD ("look-alike", test_look_alike);
  ADD ("locked-by-others", test_locked_by_others);
  ADD ("missing", test_missing);
  ADD ("read-only", test_read_only);
  ADD ("released", test_released);
  ADD ("chain", test_chain);
  ADD ("hostile-question", test_hostile_question);
  return g_test_run ();
}
