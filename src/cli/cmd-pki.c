/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Certificates and peers.  All works on the files, so that it can be done before there is an agent. */

#include "cmd.h"
#include "pki-values.h"

#include <string.h>

#define DAYS 730

static const CliColumn certificate_columns[] = {
  { "name", "name", CLI_SHOW_TEXT, FALSE },
  { "use", "use", CLI_SHOW_TEXT, FALSE },
  { "status", "status", CLI_SHOW_TEXT, FALSE },
  { "valid until", "not_after", CLI_SHOW_TIME, FALSE },
  { "addresses", "addresses", CLI_SHOW_TEXT, FALSE },
  { "file", "file", CLI_SHOW_TEXT, TRUE },
  { "fingerprint", "fingerprint", CLI_SHOW_TEXT, TRUE },
  { NULL },
};

static const CliColumn peer_columns[] = {
  { "name", "name", CLI_SHOW_TEXT, FALSE },
  { "role", "role", CLI_SHOW_TEXT, FALSE },
  { "fingerprint", "fingerprint", CLI_SHOW_TEXT, FALSE },
  { NULL },
};

static char *
pki_dir (void)
{
  g_autofree char *config = qmig_client_default_config_path ();

  return qmig_pki_default_dir (config);
}

/* Those of @name, or all where that is NULL; revoked ones too if @all. */
static int
print_certificates (Cli *cli, const char *dir, const char *name, gboolean all, GError **error)
{
  g_autoptr(GPtrArray) list = qmig_pki_list (dir, error);
  g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func ((GDestroyNotify) certificate_line_free);

  if (list == NULL)
    return QMIG_EXIT_ERROR;
  for (guint i = 0; i < list->len; i++)
    {
      const QmigIssued *issued = g_ptr_array_index (list, i);

      if ((name == NULL || strcmp (name, issued->certificate->name) == 0) && (all || !issued->revoked))
        g_ptr_array_add (lines, certificate_line_new_from_issued (issued));
    }
  return cli_output_list (&cli->out, &certificate_line_type, lines, certificate_columns, error) ? QMIG_EXIT_OK
                                                                                                : QMIG_EXIT_ERROR;
}

int
cmd_pki_list (Cli *cli, GError **error)
{
  g_autofree char *dir = pki_dir ();

  return print_certificates (cli, dir, NULL, TRUE, error);
}

int
cmd_pki_init (Cli *cli, GError **error)
{
  const char *name = cli_options_text (cli->options, "name");
  g_autofree char *dir = pki_dir ();

  if (!qmig_pki_init (dir, name != NULL ? name : g_get_host_name (), error))
    return QMIG_EXIT_ERROR;
  return print_certificates (cli, dir, NULL, FALSE, error);
}

int
cmd_pki_issue (Cli *cli, GError **error)
{
  gint64 days = cli_options_number (cli->options, "days", DAYS);
  g_auto(GStrv) addresses = cli_options_texts (cli->options, "address");
  gboolean own = cli_options_flag (cli->options, "own") > 0;
  g_autofree char *dir = pki_dir ();

  if (!qmig_pki_issue (dir, cli_arg (cli, 0), (const char *const *) addresses, (int) MIN (days, G_MAXINT), own, error))
    return QMIG_EXIT_ERROR;
  return print_certificates (cli, dir, cli_arg (cli, 0), FALSE, error);
}

int
cmd_pki_revoke (Cli *cli, GError **error)
{
  g_autofree char *dir = pki_dir ();
  g_autofree char *what = g_strdup_printf ("revoke the certificates of '%s' for ever", cli_arg (cli, 0));

  if (!cli_confirm (cli, what, error) || !qmig_pki_revoke (dir, cli_arg (cli, 0), error))
    return QMIG_EXIT_ERROR;
  return QMIG_EXIT_OK;
}

int
cmd_pki_export (Cli *cli, GError **error)
{
  g_autofree char *dir = pki_dir ();

  return qmig_pki_export (dir, cli_arg (cli, 0), cli_arg (cli, 1), error) ? QMIG_EXIT_OK : QMIG_EXIT_ERROR;
}

static char *
fingerprint_of_file (const char *path, GError **error)
{
  g_autofree char *pem = NULL;
  g_autoptr(QmigCertificate) certificate = NULL;
  g_autoptr(GError) cause = NULL;

  if (!g_file_get_contents (path, &pem, NULL, &cause))
    {
      g_set_error (error, QMIG_ERROR,
                   g_error_matches (cause, G_FILE_ERROR, G_FILE_ERROR_NOENT) ? QMIG_EXIT_NOT_FOUND : QMIG_EXIT_ERROR,
                   "cannot read the certificate '%s': %s", path, cause->message);
      return NULL;
    }
  certificate = qmig_certificate_read (pem, error);
  if (certificate == NULL || certificate->for_client)
    return certificate != NULL ? g_strdup (certificate->fingerprint) : NULL;

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
               "cannot trust the certificate '%s' as a client: it is not for clients", path);
  return NULL;
}

/* Of the certificate that was issued here last. */
static char *
fingerprint_of_issued (const char *dir, const char *name, GError **error)
{
  g_autoptr(GPtrArray) list = qmig_pki_list (dir, error);
  const QmigCertificate *latest = NULL;

  if (list == NULL)
    return NULL;
  for (guint i = 0; i < list->len; i++)
    {
      const QmigIssued *issued = g_ptr_array_index (list, i);
      const QmigCertificate *certificate = issued->certificate;

      if (strcmp (certificate->name, name) == 0 && certificate->for_client && !issued->revoked
          && (latest == NULL || certificate->not_before >= latest->not_before))
        latest = certificate;
    }
  if (latest != NULL)
    return g_strdup (latest->fingerprint);

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND,
               "no certificate of '%s' was issued here: say which one is meant with --fingerprint or --cert", name);
  return NULL;
}

static char *
find_fingerprint (Cli *cli, const char *dir, GError **error)
{
  const char *fingerprint = cli_options_text (cli->options, "fingerprint");
  const char *file = cli_options_text (cli->options, "cert");

  if (fingerprint != NULL && file != NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "--fingerprint and --cert exclude each other");
      return NULL;
    }
  if (fingerprint != NULL)
    return g_strdup (fingerprint);
  return file != NULL ? fingerprint_of_file (file, error) : fingerprint_of_issued (dir, cli_arg (cli, 0), error);
}

int
cmd_pki_trust (Cli *cli, GError **error)
{
  const char *role = cli_options_text (cli->options, "role");
  g_autofree char *dir = pki_dir ();
  g_autofree char *fingerprint = NULL;

  if (role == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "'pki trust' needs --role viewer, operator or admin");
      return QMIG_EXIT_USAGE;
    }
  fingerprint = find_fingerprint (cli, dir, error);
  if (fingerprint == NULL
      || !qmig_peers_set (dir, fingerprint, cli_arg (cli, 0), qmig_role_from_string (role, NULL), error))
    return QMIG_EXIT_ERROR;
  return QMIG_EXIT_OK;
}

int
cmd_pki_untrust (Cli *cli, GError **error)
{
  g_autofree char *dir = pki_dir ();

  return qmig_peers_remove (dir, cli_arg (cli, 0), error) ? QMIG_EXIT_OK : QMIG_EXIT_ERROR;
}

int
cmd_pki_peers (Cli *cli, GError **error)
{
  g_autofree char *dir = pki_dir ();
  g_autoptr(GPtrArray) peers = qmig_peers_list (dir, error);
  g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func ((GDestroyNotify) peer_line_free);

  if (peers == NULL)
    return QMIG_EXIT_ERROR;
  for (guint i = 0; i < peers->len; i++)
    g_ptr_array_add (lines, peer_line_new_from_peer (g_ptr_array_index (peers, i)));
  return cli_output_list (&cli->out, &peer_line_type, lines, peer_columns, error) ? QMIG_EXIT_OK : QMIG_EXIT_ERROR;
}
