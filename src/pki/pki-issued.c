/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the authority has issued: make, list, revoke and hand out. */

#include "pki-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

static const QmigPkiUse uses[] = { QMIG_PKI_SERVER, QMIG_PKI_CLIENT };

void
qmig_issued_free (QmigIssued *self)
{
  if (self == NULL)
    return;
  qmig_certificate_free (self->certificate);
  g_free (self->file);
  g_free (self);
}

static char *
issue_one (const char *ca_dir,
           const char *dir,
           QmigPkiUse use,
           const char *name,
           const char *const *addresses,
           int days,
           GError **error)
{
  g_autofree char *request = qmig_pki_request (dir, use, name, error);

  return request != NULL ? qmig_pki_sign (ca_dir, request, use, name, addresses, days, error) : NULL;
}

gboolean
qmig_pki_issue (const char *ca_dir,
                const char *name,
                const char *const *addresses,
                int days,
                gboolean own,
                GError **error)
{
  gboolean is_host = addresses != NULL && addresses[0] != NULL;
  g_autofree char *dir = NULL;
  g_autofree char *ca = NULL;
  g_autofree char *crl = NULL;
  g_autofree char *bundle = NULL;
  g_autofree char *server = NULL;
  g_autofree char *client = NULL;

  if (!pki_check_name (name, error))
    return FALSE;
  dir = own ? g_strdup (ca_dir) : g_build_filename (ca_dir, PKI_ISSUED, name, NULL);
  ca = pki_read (ca_dir, PKI_CA_CERT, error);
  crl = ca != NULL ? pki_read (ca_dir, PKI_CA_CRL, error) : NULL;
  if (crl == NULL)
    return FALSE;

  bundle = g_strconcat (ca, crl, NULL);
  if (is_host)
    server = issue_one (ca_dir, dir, QMIG_PKI_SERVER, name, addresses, days, error);
  if (!is_host || server != NULL)
    client = issue_one (ca_dir, dir, QMIG_PKI_CLIENT, name, NULL, days, error);
  return client != NULL && qmig_pki_install (dir, bundle, server, client, error);
}

/* -- list ---------------------------------------------------------------------- */

static int
compare_texts (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Names in @dir, sorted; none where it is not there. */
static GPtrArray *
names_in (const char *dir)
{
  g_autoptr(GDir) open = g_dir_open (dir, 0, NULL);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  while (open != NULL && (name = g_dir_read_name (open)) != NULL)
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_texts);
  return names;
}

static gboolean
is_installed_file (const char *name)
{
  return g_str_equal (name, pki_cert_file (QMIG_PKI_SERVER)) || g_str_equal (name, pki_cert_file (QMIG_PKI_CLIENT));
}

/* SERIAL.pem */
static gboolean
is_record (const char *name)
{
  gsize n = strspn (name, "0123456789abcdef");

  return n > 0 && strcmp (name + n, ".pem") == 0;
}

static void
add_files_of (GStrvBuilder *files, const char *dir, const char *name)
{
  g_autofree char *folder = g_build_filename (dir, PKI_ISSUED, name, NULL);
  g_autoptr(GPtrArray) names = names_in (folder);

  for (int records = 0; records <= 1; records++)
    for (guint i = 0; i < names->len; i++)
      {
        const char *file = g_ptr_array_index (names, i);
        g_autofree char *path = g_build_filename (PKI_ISSUED, name, file, NULL);

        if (records ? is_record (file) : is_installed_file (file))
          g_strv_builder_add (files, path);
      }
}

char **
pki_list_files (const char *dir)
{
  g_autofree char *issued = g_build_filename (dir, PKI_ISSUED, NULL);
  g_autoptr(GStrvBuilder) files = g_strv_builder_new ();
  g_autoptr(GPtrArray) names = names_in (issued);

  g_strv_builder_add (files, PKI_CA_CERT);
  for (gsize i = 0; i < G_N_ELEMENTS (uses); i++)
    if (pki_exists (dir, pki_cert_file (uses[i])))
      g_strv_builder_add (files, pki_cert_file (uses[i]));

  for (guint i = 0; i < names->len; i++)
    if (pki_check_name (g_ptr_array_index (names, i), NULL))
      add_files_of (files, dir, g_ptr_array_index (names, i));
  return g_strv_builder_end (files);
}

GPtrArray *
qmig_pki_list (const char *dir, GError **error)
{
  g_auto(GStrv) files = pki_list_files (dir);
  g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_issued_free);
  g_autoptr(GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  g_auto(gnutls_x509_crt_t) ca = pki_load_certificate (dir, PKI_CA_CERT, error);
  g_auto(gnutls_x509_crl_t) crl = NULL;

  if (ca == NULL || !pki_load_crl (dir, ca, &crl, error))
    return NULL;

  for (char **file = files; *file != NULL; file++)
    {
      g_auto(gnutls_x509_crt_t) crt = pki_load_certificate (dir, *file, error);
      g_autoptr(QmigCertificate) certificate = crt != NULL ? pki_describe (crt, error) : NULL;
      QmigIssued *issued;

      if (certificate == NULL)
        return NULL;
      if (!g_hash_table_add (seen, certificate->fingerprint))
        continue;
      issued = g_new0 (QmigIssued, 1);
      issued->revoked = pki_is_revoked (crl, crt);
      issued->file = g_strdup (*file);
      issued->certificate = g_steal_pointer (&certificate);
      g_ptr_array_add (list, issued);
    }
  return g_steal_pointer (&list);
}

/* -- revoke --------------------------------------------------------------------- */

static gboolean
write_crl (const char *dir, const char *const *serials, GError **error)
{
  g_auto(gnutls_x509_crt_t) ca = pki_load_certificate (dir, PKI_CA_CERT, error);
  g_auto(gnutls_x509_privkey_t) key = ca != NULL ? pki_load_key (dir, PKI_CA_KEY, error) : NULL;
  g_auto(gnutls_x509_crl_t) old = NULL;
  g_autofree char *pem = NULL;

  if (key == NULL || !pki_load_crl (dir, ca, &old, error))
    return FALSE;
  pem = pki_make_crl (old, ca, key, serials, error);
  return pem != NULL && pki_write (dir, PKI_CA_CRL, pem, error);
}

/* The next certificate of that name must not be for the key that may be in wrong hands. */
static void
remove_key_beside (const char *dir, const char *file)
{
  g_autofree char *folder = g_path_get_dirname (file);
  g_autofree char *name = g_path_get_basename (file);

  for (gsize i = 0; i < G_N_ELEMENTS (uses); i++)
    {
      g_autofree char *key = g_build_filename (dir, folder, pki_key_file (uses[i]), NULL);

      if (g_str_equal (name, pki_cert_file (uses[i])))
        g_unlink (key);
    }
}

gboolean
qmig_pki_revoke (const char *ca_dir, const char *name, GError **error)
{
  g_autoptr(GStrvBuilder) serials = g_strv_builder_new ();
  g_autoptr(GStrvBuilder) fingerprints = g_strv_builder_new ();
  g_auto(GStrv) new_serials = NULL;
  g_auto(GStrv) all_fingerprints = NULL;
  g_auto(PkiLock) lock = pki_lock (ca_dir, error);
  g_autoptr(GPtrArray) list = lock >= 0 ? qmig_pki_list (ca_dir, error) : NULL;

  if (list == NULL)
    return FALSE;
  for (guint i = 0; i < list->len; i++)
    {
      const QmigIssued *issued = g_ptr_array_index (list, i);

      if (issued->certificate->is_ca || !g_str_equal (issued->certificate->name, name))
        continue;
      g_strv_builder_add (fingerprints, issued->certificate->fingerprint);
      if (!issued->revoked)
        g_strv_builder_add (serials, issued->certificate->serial);
    }

  new_serials = g_strv_builder_end (serials);
  all_fingerprints = g_strv_builder_end (fingerprints);
  if (all_fingerprints[0] == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND,
                   "cannot revoke '%s': no certificate of that name was issued here", name);
      return FALSE;
    }
  if ((new_serials[0] != NULL && !write_crl (ca_dir, (const char *const *) new_serials, error))
      || !pki_peers_drop (ca_dir, (const char *const *) all_fingerprints, error))
    return FALSE;

  for (guint i = 0; i < list->len; i++)
    {
      const QmigIssued *issued = g_ptr_array_index (list, i);

      if (g_str_equal (issued->certificate->name, name))
        remove_key_beside (ca_dir, issued->file);
    }
  return TRUE;
}

/* -- export --------------------------------------------------------------------- */

static gboolean
copy_file (const char *from, const char *to, const char *file, gboolean *copied, GError **error)
{
  g_autofree char *text = NULL;

  if (!pki_exists (from, file))
    return TRUE;
  text = pki_read (from, file, error);
  *copied = text != NULL && pki_write (to, file, text, error);
  return *copied;
}

static gboolean
copy_all (const char *ca_dir, const char *name, const char *to, GError **error)
{
  g_autofree char *from = g_build_filename (ca_dir, PKI_ISSUED, name, NULL);
  gboolean has_key = FALSE;
  gboolean copied = FALSE;

  if (!copy_file (ca_dir, to, PKI_CA_CERT, &copied, error) || !copy_file (ca_dir, to, PKI_CA_CRL, &copied, error))
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (uses); i++)
    if (pki_exists (from, pki_key_file (uses[i]))
        && (!copy_file (from, to, pki_cert_file (uses[i]), &copied, error)
            || !copy_file (from, to, pki_key_file (uses[i]), &has_key, error)))
      return FALSE;

  if (!has_key)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND,
                 "there is no key of '%s' in '%s': either no certificate was issued for it, or its key was made "
                 "elsewhere, or removed when it was revoked",
                 name, from);
  return has_key;
}

static void
remove_dir (const char *dir)
{
  g_autoptr(GPtrArray) names = names_in (dir);

  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *path = g_build_filename (dir, g_ptr_array_index (names, i), NULL);

      g_unlink (path);
    }
  g_rmdir (dir);
}

gboolean
qmig_pki_export (const char *ca_dir, const char *name, const char *to, GError **error)
{
  g_autofree char *half = g_strconcat (to, ".XXXXXX", NULL);

  if (!pki_check_name (name, error))
    return FALSE;
  if (g_file_test (to, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot export to '%s': it is there already", to);
      return FALSE;
    }
  if (g_mkdtemp (half) == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot export to '%s': %s", to, g_strerror (errno));
      return FALSE;
    }

  if (!copy_all (ca_dir, name, half, error))
    {
      remove_dir (half);
      return FALSE;
    }
  if (rename (half, to) == 0)
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot export to '%s': %s", to, g_strerror (errno));
  remove_dir (half);
  return FALSE;
}
