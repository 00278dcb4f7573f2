/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An authority and what it issues: made, listed, handed out, revoked. */

#include "pki-fixture.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const alpha_addresses[] = { "10.0.0.1", NULL };

static void
issue_own (Pki *f)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (qmig_pki_issue (f->dir, "alpha", alpha_addresses, 365, TRUE, &error));
  g_assert_no_error (error);
}

static GPtrArray *
list_all (Pki *f)
{
  g_autoptr(GError) error = NULL;
  GPtrArray *list = qmig_pki_list (f->dir, &error);

  g_assert_no_error (error);
  return list;
}

/* "ca-cert.pem server-cert.pem- …": files, those of revoked certificates with '-'; records as NAME/…. */
static char *
list_text (Pki *f)
{
  g_autoptr(GPtrArray) list = list_all (f);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < list->len; i++)
    {
      const QmigIssued *issued = g_ptr_array_index (list, i);
      const QmigCertificate *certificate = issued->certificate;
      g_autofree char *record = g_strdup_printf ("issued/%s/%s.pem", certificate->name, certificate->serial);
      g_autofree char *short_record = g_strdup_printf ("%s/…", certificate->name);
      gboolean is_record = g_str_equal (record, issued->file);

      g_string_append_printf (text, "%s%s%s", i > 0 ? " " : "", is_record ? short_record : issued->file,
                              issued->revoked ? "-" : "");
    }
  return g_string_free (text, FALSE);
}

#define assert_list(f, expected)                 \
  G_STMT_START                                   \
  {                                              \
    g_autofree char *list_now = list_text (f);   \
    g_assert_cmpstr (list_now, ==, expected);    \
  }                                              \
  G_STMT_END

static void
test_list (Pki *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GHashTable) serials = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr(GPtrArray) list = NULL;

  g_assert_null (qmig_pki_list (f->dir, &error));
  assert_refused (error, QMIG_EXIT_NOT_FOUND, "ca-cert.pem");
  pki_make (f, NULL);
  assert_list (f, "ca-cert.pem");
  issue_own (f);
  pki_issue (f, "beta", "beta.example.org");
  pki_issue (f, "anna", NULL);
  assert_list (f, "ca-cert.pem server-cert.pem client-cert.pem issued/anna/client-cert.pem "
                  "issued/beta/client-cert.pem issued/beta/server-cert.pem");

  list = list_all (f);
  for (guint i = 0; i < list->len; i++)
    {
      const QmigIssued *issued = g_ptr_array_index (list, i);

      g_assert_true (g_hash_table_add (serials, issued->certificate->serial));
      g_assert_cmpint (issued->certificate->is_ca, ==, i == 0);
    }
}

static void
test_init (Pki *f, gconstpointer data)
{
  g_autofree char *ca = g_build_filename (f->dir, "ca-cert.pem", NULL);
  g_autoptr(GError) error = NULL;

  g_assert_false (qmig_pki_init (f->dir, "no name", &error));
  assert_refused (error, QMIG_EXIT_USAGE, "'no name'");
  pki_make (f, NULL);
  g_assert_false (qmig_pki_init (f->dir, "alpha", &error));
  assert_refused (error, QMIG_EXIT_CONFLICT, "there is one already");

  /* As when the power went before the last file was written. */
  g_assert_cmpint (g_unlink (ca), ==, 0);
  pki_make (f, NULL);
  issue_own (f);
}

static void
assert_modes (const char *path)
{
  g_autoptr(GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  struct stat info;

  g_test_message ("%s", path);
  g_assert_cmpint (stat (path, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 07777, ==, dir != NULL ? 0700 : 0600);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      assert_modes (child);
    }
}

static void
test_modes (Pki *f, gconstpointer data)
{
  g_autofree char *to = pki_path (f, "to");
  mode_t mask = umask (0);
  g_autoptr(GError) error = NULL;

  pki_make (f, NULL);
  issue_own (f);
  pki_issue (f, "eve", NULL);
  pki_issue (f, "beta", "10.0.0.2");
  g_assert_true (qmig_peers_set (f->dir, "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:"
                                         "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
                                 "x", QMIG_ROLE_VIEWER, &error));
  g_assert_true (qmig_pki_revoke (f->dir, "eve", &error));
  g_assert_true (qmig_pki_export (f->dir, "beta", to, &error));
  umask (mask);
  assert_modes (f->dir);
  assert_modes (to);
}

static void
test_open_dir (Pki *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir (f->dir, 0700), ==, 0);
  g_assert_cmpint (g_chmod (f->dir, 0770), ==, 0);
  g_assert_false (qmig_pki_init (f->dir, "alpha", &error));
  assert_refused (error, QMIG_EXIT_DENIED, "others may write to it");
}

static void
test_revoke (Pki *f, gconstpointer data)
{
  g_autofree char *pem = NULL;
  g_autofree char *fingerprint = NULL;
  g_autofree char *key = NULL;
  g_autofree char *new_key = NULL;
  g_autoptr(GPtrArray) peers = NULL;
  g_autoptr(GError) error = NULL;

  pki_make (f, NULL);
  pki_issue (f, "eve", NULL);
  pki_issue (f, "anna", NULL);
  pem = pki_issued (f, "eve", "client-cert.pem");
  fingerprint = pki_fingerprint (pem);
  key = pki_issued (f, "eve", "client-key.pem");
  g_assert_true (qmig_peers_set (f->dir, fingerprint, "some-other-name", QMIG_ROLE_ADMIN, &error));
  g_assert_false (qmig_pki_revoke (f->dir, "nobody", &error));
  assert_refused (error, QMIG_EXIT_NOT_FOUND, "cannot revoke 'nobody'");
  g_assert_false (qmig_pki_revoke (f->dir, "alpha authority", &error));
  assert_refused (error, QMIG_EXIT_NOT_FOUND, "alpha authority");

  /* A certificate that was replaced is out there still. */
  pki_issue (f, "eve", NULL);
  g_assert_true (qmig_pki_revoke (f->dir, "eve", &error));
  g_assert_true (qmig_pki_revoke (f->dir, "eve", &error));
  g_assert_no_error (error);
  assert_list (f, "ca-cert.pem issued/anna/client-cert.pem issued/eve/client-cert.pem- eve/…-");
  peers = qmig_peers_list (f->dir, &error);
  g_assert_cmpuint (peers->len, ==, 0);

  pki_issue (f, "eve", NULL);
  new_key = pki_issued (f, "eve", "client-key.pem");
  g_assert_cmpstr (key, !=, new_key);
  assert_list (f, "ca-cert.pem issued/anna/client-cert.pem issued/eve/client-cert.pem eve/…- eve/…-");
}

static void
test_export (Pki *f, gconstpointer data)
{
  g_autofree char *to = pki_path (f, "to");
  g_autofree char *none = pki_path (f, "none");
  g_autofree char *no_parent = pki_path (f, "no/parent");
  g_autofree char *crl = NULL;
  g_autofree char *own_crl = NULL;
  g_autoptr(QmigCertificate) certificate = NULL;
  g_autoptr(GDir) root = NULL;
  g_autoptr(GError) error = NULL;
  guint n = 0;

  pki_make (f, NULL);
  pki_issue (f, "beta", "10.0.0.2");
  pki_issue (f, "eve", NULL);
  g_assert_true (qmig_pki_revoke (f->dir, "eve", &error));

  g_assert_true (qmig_pki_export (f->dir, "beta", to, &error));
  g_assert_no_error (error);
  certificate = qmig_pki_read_certificate (to, "server-cert.pem", &error);
  g_assert_cmpstr (certificate->name, ==, "beta");
  crl = pki_text (to, "ca-crl.pem");
  own_crl = pki_text (f->dir, "ca-crl.pem");
  g_assert_cmpstr (crl, ==, own_crl);

  g_assert_false (qmig_pki_export (f->dir, "beta", to, &error));
  assert_refused (error, QMIG_EXIT_CONFLICT, "it is there already");
  g_assert_false (qmig_pki_export (f->dir, "eve", none, &error));
  assert_refused (error, QMIG_EXIT_NOT_FOUND, "there is no key of 'eve'");
  g_assert_false (qmig_pki_export (f->dir, "nobody", none, &error));
  assert_refused (error, QMIG_EXIT_NOT_FOUND, "there is no key of 'nobody'");
  g_assert_false (qmig_pki_export (f->dir, "beta", no_parent, &error));
  assert_refused (error, QMIG_EXIT_ERROR, "cannot export");

  root = g_dir_open (f->root, 0, &error);
  while (g_dir_read_name (root) != NULL)
    n++;
  g_assert_cmpuint (n, ==, 2);
}

static void
test_default_dir (void)
{
  g_autofree char *beside = NULL;
  g_autofree char *given = NULL;

  g_unsetenv ("QMIG_PKI_DIR");
  beside = qmig_pki_default_dir ("/etc/qmig/qmig.conf");
  g_assert_cmpstr (beside, ==, "/etc/qmig/pki");
  g_setenv ("QMIG_PKI_DIR", "/srv/pki", TRUE);
  given = qmig_pki_default_dir ("/etc/qmig/qmig.conf");
  g_assert_cmpstr (given, ==, "/srv/pki");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD_PKI_TEST ("/pki/life/list", test_list);
  ADD_PKI_TEST ("/pki/life/init", test_init);
  ADD_PKI_TEST ("/pki/life/modes", test_modes);
  ADD_PKI_TEST ("/pki/life/open-dir", test_open_dir);
  ADD_PKI_TEST ("/pki/life/revoke", test_revoke);
  ADD_PKI_TEST ("/pki/life/export", test_export);
  g_test_add_func ("/pki/life/default-dir", test_default_dir);
  return g_test_run ();
}
