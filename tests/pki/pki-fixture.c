/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pki-fixture.h"

#include <glib/gstdio.h>

void
pki_set_up (Pki *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  f->root = g_dir_make_tmp ("qmXXXXXX", &error);
  g_assert_no_error (error);
  f->dir = g_build_filename (f->root, "pki", NULL);
}

static void
remove_all (const char *path)
{
  g_autoptr(GDir) dir = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_all (child);
    }
  g_remove (path);
}

void
pki_tear_down (Pki *f, gconstpointer data)
{
  remove_all (f->root);
  g_free (f->root);
  g_free (f->dir);
}

char *
pki_path (Pki *f, const char *name)
{
  return g_build_filename (f->root, name, NULL);
}

char *
pki_text (const char *dir, const char *file)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);
  g_autoptr(GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

void
pki_make (Pki *f, const char *dir)
{
  g_autoptr(GError) error = NULL;
  gboolean made = qmig_pki_init (dir != NULL ? dir : f->dir, "alpha", &error);

  g_assert_no_error (error);
  g_assert_true (made);
}

void
pki_issue (Pki *f, const char *name, const char *address)
{
  const char *const addresses[] = { address, NULL };
  g_autoptr(GError) error = NULL;
  gboolean issued = qmig_pki_issue (f->dir, name, addresses, 365, FALSE, &error);

  g_assert_no_error (error);
  g_assert_true (issued);
}

char *
pki_issued (Pki *f, const char *name, const char *file)
{
  g_autofree char *dir = g_build_filename (f->dir, "issued", name, NULL);

  return pki_text (dir, file);
}

char *
pki_fingerprint (const char *pem)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigCertificate) certificate = qmig_certificate_read (pem, &error);

  g_assert_no_error (error);
  return g_strdup (certificate->fingerprint);
}
