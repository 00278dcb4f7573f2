/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

/* QEMU locks bytes 100 to 103 and 200 to 203; data ends far below. */
#define LOCKS_FROM (G_GINT64_CONSTANT (1) << 61)
#define LOCKS_MASK ((G_GINT64_CONSTANT (1) << 60) - 2)

struct _QmigFileLocks
{
  GPtrArray *files; /* QmigFile */
  GArray *fds;      /* whose end ends the locks */
};

gboolean
qmig_file_has_path (const char *name)
{
  return name[strcspn (name, ":/")] != ':' && name[0] != '\0';
}

/* -- one file ------------------------------------------------------------------------ */

static const char *
file_system_of (int fd, const struct stat *st)
{
  struct statfs fs;

  if (S_ISBLK (st->st_mode))
    return "block";
  if (fstatfs (fd, &fs) != 0)
    return "other";
  switch ((unsigned int) fs.f_type)
    {
    case EXT4_SUPER_MAGIC:
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case TMPFS_MAGIC:
    case F2FS_SUPER_MAGIC:
      return "local";
    case NFS_SUPER_MAGIC:
      return "nfs";
    default:
      return "other";
    }
}

/* -1 with a problem in @file. */
static int
look (QmigFile *file)
{
  /* Never waits for a peer, and takes no terminal. */
  int fd = open (file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat st;

  if (fd < 0 || fstat (fd, &st) != 0)
    {
      file->problem = g_strdup (g_strerror (errno));
      if (fd >= 0)
        close (fd);
      return -1;
    }
  file->device = (gint64) (S_ISBLK (st.st_mode) ? st.st_rdev : st.st_dev);
  file->inode = S_ISBLK (st.st_mode) ? 0 : (gint64) st.st_ino;
  file->size_bytes = S_ISBLK (st.st_mode) ? (gint64) lseek (fd, 0, SEEK_END) : (gint64) st.st_size;
  file->file_system = g_strdup (file_system_of (fd, &st));
  return fd;
}

/* -- the source's side ----------------------------------------------------------------- */

static gint64
choose_byte (void)
{
  gint64 chance = ((gint64) g_random_int () << 32 | g_random_int ()) & LOCKS_MASK;

  return LOCKS_FROM + chance;
}

static void
lock (QmigFile *file, int fd)
{
  gint64 at = choose_byte ();
  struct flock range = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };

  if (fcntl (fd, F_OFD_SETLK, &range) == 0)
    file->lock_at = at;
}

static void
add (QmigFileLocks *self, const char *name, const char *cwd, gboolean read_only)
{
  QmigFile *file;
  int fd;

  if (!qmig_file_has_path (name))
    return;
  file = qmig_file_new ();
  file->path = g_canonicalize_filename (name, cwd != NULL ? cwd : "/");
  file->read_only = read_only;
  fd = look (file);
  if (fd >= 0)
    {
      lock (file, fd);
      g_array_append_val (self->fds, fd);
    }
  g_ptr_array_add (self->files, file);
}

QmigFileLocks *
qmig_file_locks_new (const GPtrArray *drives, const char *cwd)
{
  QmigFileLocks *self = g_new0 (QmigFileLocks, 1);

  self->files = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_file_free);
  self->fds = g_array_new (FALSE, FALSE, sizeof (int));
  for (guint i = 0; drives != NULL && i < drives->len; i++)
    {
      const QmpDrive *drive = g_ptr_array_index (drives, i);

      add (self, drive->file, cwd, drive->read_only);
      for (char **backing = drive->backing; backing != NULL && *backing != NULL; backing++)
        add (self, *backing, cwd, TRUE);
    }
  return self;
}

void
qmig_file_locks_free (QmigFileLocks *self)
{
  for (guint i = 0; i < self->fds->len; i++)
    close (g_array_index (self->fds, int, i));
  g_array_unref (self->fds);
  g_ptr_array_unref (self->files);
  g_free (self);
}

GPtrArray *
qmig_file_locks_questions (const QmigFileLocks *self)
{
  return g_ptr_array_ref (self->files);
}

/* -- the destination's side -------------------------------------------------------------- */

static gboolean
is_locked (int fd, gint64 at)
{
  struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };

  return fcntl (fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

static QmigFile *
answer (const QmigFile *question)
{
  QmigFile *file = qmig_file_new ();
  int fd;

  file->path = g_strdup (question->path);
  file->lock_at = question->lock_at;
  if (!g_path_is_absolute (file->path))
    {
      file->problem = g_strdup ("the path is not absolute");
      return file;
    }
  fd = look (file);
  if (fd < 0)
    return file;
  /* Somebody who has locked all of it is not who asks. */
  file->locked = question->lock_at >= LOCKS_FROM && is_locked (fd, question->lock_at) && !is_locked (fd, question->lock_at + 1);
  close (fd);
  return file;
}

GPtrArray *
qmig_files_answer (const GPtrArray *questions)
{
  GPtrArray *answers = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_file_free);

  for (guint i = 0; questions != NULL && i < questions->len; i++)
    g_ptr_array_add (answers, answer (g_ptr_array_index (questions, i)));
  return answers;
}

/* -- the verdict ----------------------------------------------------------------------------- */

typedef enum
{
  SAME,
  DIFFERENT,
  MISSING,
  UNPROVEN,
} Identity;

static gboolean
is_on (const QmigFile *file, const char *file_system)
{
  return g_strcmp0 (file->file_system, file_system) == 0;
}

/* A lock that is not seen there tells two files apart only where locks are kept for all who look: an NFS may be mounted without, and
 * gives the same number to the same file. */
static gboolean
lock_would_show (const QmigFile *here, const QmigFile *there)
{
  if (here->lock_at == QMIG_UNSET)
    return FALSE;
  if (is_on (here, "local") && is_on (there, "local"))
    return TRUE;
  return (is_on (here, "nfs") || is_on (there, "nfs")) && here->inode != there->inode;
}

static Identity
identify (const QmigFile *here, const QmigFile *there, gboolean same_machine)
{
  if (there->problem != NULL)
    return here->problem != NULL ? UNPROVEN : MISSING;
  if (here->problem != NULL)
    return UNPROVEN;
  if (same_machine && here->device == there->device && here->inode == there->inode)
    return SAME;
  if (there->locked)
    return SAME;
  if (here->size_bytes != there->size_bytes || is_on (here, "block") != is_on (there, "block"))
    return DIFFERENT;
  if (lock_would_show (here, there))
    return DIFFERENT;
  return same_machine && is_on (here, "block") ? DIFFERENT : UNPROVEN;
}

static char *
describe (const QmigFile *file)
{
  if (file->problem != NULL)
    return g_strdup_printf ("'%s': %s", file->path, file->problem);
  return g_strdup_printf ("'%s': %" G_GINT64_FORMAT " bytes, device %" G_GINT64_FORMAT ", inode %" G_GINT64_FORMAT ", %s", file->path,
                          file->size_bytes, file->device, file->inode, file->file_system);
}

void
qmig_file_judge (const QmigFile *here, const QmigFile *there, gboolean same_machine, const char *destination, GPtrArray *checks)
{
  g_autofree char *ours = describe (here);
  g_autofree char *theirs = there != NULL ? describe (there) : NULL;
  QmigCheck *check = NULL;

  if (there == NULL)
    {
      qmig_check_add (checks, "disk", QMIG_CHECK_WARN, "bring qmig on that host up to date", "'%s' does not say whether it has the same '%s'",
                      destination, here->path);
      return;
    }
  switch (identify (here, there, same_machine))
    {
    case SAME:
      check = qmig_check_add (checks, "disk", QMIG_CHECK_OK, NULL, "'%s' is the same file on '%s'", here->path, destination);
      break;
    case DIFFERENT:
      if (here->read_only && here->size_bytes == there->size_bytes)
        check = qmig_check_add (checks, "disk", QMIG_CHECK_WARN, "make sure yourself that both have the same content",
                                "'%s' on '%s' is another file, as large, which the VM only reads", here->path, destination);
      else
        check = qmig_check_add (checks, "disk", QMIG_CHECK_FAIL, "put it on storage that both hosts mount, at the same path",
                                "'%s' on '%s' is another file: the guest would go on with other data", here->path, destination);
      break;
    case MISSING:
      check = qmig_check_add (checks, "disk", QMIG_CHECK_FAIL, "put it on storage that both hosts mount, at the same path",
                              "'%s' cannot be opened on '%s': %s", here->path, destination, there->problem);
      break;
    case UNPROVEN:
      check = qmig_check_add (checks, "disk", QMIG_CHECK_WARN, "make sure yourself that both hosts have the same image there",
                              "whether '%s' is the same image on '%s' cannot be proven from here", here->path, destination);
      break;
    }
  qmig_check_set_evidence (check, ours, theirs);
}
