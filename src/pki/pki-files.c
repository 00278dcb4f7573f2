/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files and directories: private, replaced as a whole, one writer at a time. */

#include "pki-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_BYTES 64
#define FILE_MAX_BYTES (4 * 1024 * 1024)

char *
qmig_pki_default_dir (const char *config_path)
{
  const char *given = g_getenv ("QMIG_PKI_DIR");
  g_autofree char *beside = g_path_get_dirname (config_path);

  return given != NULL && *given != '\0' ? g_strdup (given) : g_build_filename (beside, "pki", NULL);
}

gboolean
pki_check (int code, const char *act, GError **error)
{
  if (code >= 0)
    return TRUE;

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot %s: %s", act, gnutls_strerror (code));
  return FALSE;
}

char *
pki_take_text (gnutls_datum_t *datum)
{
  char *text = g_strndup ((const char *) datum->data, datum->size);

  gnutls_free (datum->data);
  datum->data = NULL;
  return text;
}

char *
pki_format_time (gint64 when)
{
  g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc (when);

  return time != NULL ? g_date_time_format (time, "%F %H:%M UTC") : g_strdup ("a time that cannot be");
}

gboolean
pki_check_name (const char *name, GError **error)
{
  gboolean good = name != NULL && g_ascii_isalnum (name[0]) && strlen (name) <= NAME_MAX_BYTES;

  for (const char *p = name; good && *p != '\0'; p++)
    good = g_ascii_isalnum (*p) || strchr ("-_.", *p) != NULL;

  if (!good)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                 "cannot use '%s' as the name in a certificate: expected up to %d letters, digits, '-', '_' and '.'",
                 name != NULL ? name : "", NAME_MAX_BYTES);
  return good;
}

gboolean
pki_exists (const char *dir, const char *file)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

char *
pki_read (const char *dir, const char *file, GError **error)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);
  g_autofree char *text = NULL;
  g_autoptr(GError) cause = NULL;
  struct stat info;

  if (stat (path, &info) == 0 && (!S_ISREG (info.st_mode) || info.st_size > FILE_MAX_BYTES))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot read '%s': it is no file of at most %d bytes", path,
                   FILE_MAX_BYTES);
      return NULL;
    }
  if (g_file_get_contents (path, &text, NULL, &cause))
    return g_steal_pointer (&text);

  if (g_error_matches (cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "there is no '%s'", path);
  else
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot read '%s': %s", path, cause->message);
  return NULL;
}

gboolean
pki_write (const char *dir, const char *file, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);
  g_autoptr(GError) cause = NULL;

  if (g_file_set_contents_full (path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600,
                                &cause))
    return TRUE;

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot write '%s': %s", path, cause->message);
  return FALSE;
}

gboolean
pki_make_dir (const char *dir, GError **error)
{
  struct stat info;

  if (g_mkdir_with_parents (dir, 0700) != 0 || stat (dir, &info) != 0)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot make directory '%s': %s", dir, g_strerror (errno));
      return FALSE;
    }

  if ((info.st_mode & (S_IWGRP | S_IWOTH)) == 0 && (info.st_uid == geteuid () || info.st_uid == 0))
    return TRUE;

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_DENIED, "cannot keep certificates in '%s': others may write to it", dir);
  return FALSE;
}

PkiLock
pki_lock (const char *dir, GError **error)
{
  int fd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int status = -1;

  while (fd >= 0 && (status = flock (fd, LOCK_EX)) != 0 && errno == EINTR)
    continue;
  if (status == 0)
    return fd;

  g_set_error (error, QMIG_ERROR, errno == ENOENT ? QMIG_EXIT_NOT_FOUND : QMIG_EXIT_ERROR,
               "cannot use the directory of certificates '%s': %s", dir, g_strerror (errno));
  pki_unlock (fd);
  return -1;
}

void
pki_unlock (PkiLock lock)
{
  if (lock >= 0)
    close (lock);
}
