/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client-tls.h"

#include <string.h>

#include "client-dirs.h"
#include "pki.h"

#define PORT_DEFAULT 7647
#define JUDGED "qmig-judged"

void
qmig_client_init_tls (void)
{
  g_setenv ("G_TLS_GNUTLS_PRIORITY", "NORMAL:-VERS-ALL:+VERS-TLS1.3", TRUE);
}

gboolean
client_tls_read_uri (const char *uri, char **base, char **host, GError **error)
{
  g_autoptr(GUri) parsed = g_uri_parse (uri, G_URI_FLAGS_NONE, NULL);
  const char *name = parsed != NULL ? g_uri_get_host (parsed) : NULL;
  const char *path = parsed != NULL ? g_uri_get_path (parsed) : NULL;
  int port = parsed != NULL && g_uri_get_port (parsed) > 0 ? g_uri_get_port (parsed) : PORT_DEFAULT;

  if (name == NULL || name[0] == '\0' || (path[0] != '\0' && !g_str_equal (path, "/")) || g_uri_get_userinfo (parsed) != NULL
      || g_uri_get_query (parsed) != NULL || g_uri_get_fragment (parsed) != NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                   "cannot use '%s' as the address of an agent: expected https://HOST or https://HOST:PORT (port %d if none is given)",
                   uri, PORT_DEFAULT);
      return FALSE;
    }

  *base = g_uri_join (G_URI_FLAGS_NONE, "https", NULL, name, port, "", NULL, NULL);
  *host = g_strdup (name);
  return TRUE;
}

SoupSession *
client_tls_session_new (void)
{
  SoupSession *session = soup_session_new_with_options ("max-conns", 16, "max-conns-per-host", 16, "user-agent",
                                                        "qmig/" QMIG_VERSION, NULL);

  /* Certificates are judged by what our own authority says, never by the machine's list of authorities; and an agent is never
   * behind the proxy that the environment names. */
  soup_session_set_tls_database (session, NULL);
  soup_session_set_proxy_resolver (session, NULL);
  return session;
}

/* -- certificates ---------------------------------------------------------------- */

static GTlsCertificate *
load_own (QmigClient *self, GError **error)
{
  g_autofree char *certificate = g_build_filename (self->pki_dir, "client-cert.pem", NULL);
  g_autofree char *key = g_build_filename (self->pki_dir, "client-key.pem", NULL);
  g_autoptr(GError) cause = NULL;
  GTlsCertificate *own;

  if (!g_file_test (certificate, G_FILE_TEST_EXISTS) || !g_file_test (key, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND,
                   "cannot call the agent at %s: there is no certificate to show it (client-cert.pem and client-key.pem in '%s'); "
                   "'qmig pki issue' makes one where the authority is",
                   self->uri, self->pki_dir);
      return NULL;
    }

  own = g_tls_certificate_new_from_files (certificate, key, &cause);
  if (own == NULL)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot call the agent at %s: cannot read our certificate '%s' and its key: %s",
                 self->uri, certificate, cause->message);
  return own;
}

static gboolean
judge (SoupMessage *message, GTlsCertificate *certificate, GTlsCertificateFlags errors, gpointer user_data)
{
  QmigClient *self = user_data;
  g_autofree char *pem = NULL;
  GError *error = NULL;

  g_object_get (certificate, "certificate-pem", &pem, NULL);
  g_free (self->theirs);
  self->theirs = g_strdup (pem);
  if (qmig_pki_judge_server (self->pki_dir, pem, self->host, self->pin, &error))
    return TRUE;

  g_object_set_data_full (G_OBJECT (message), JUDGED, error, (GDestroyNotify) g_error_free);
  return FALSE;
}

const char *
qmig_client_get_certificate (QmigClient *self)
{
  return self->theirs;
}

gboolean
client_tls_prepare (QmigClient *self, SoupMessage *message, GError **error)
{
  if (self->own == NULL)
    self->own = load_own (self, error);
  if (self->own == NULL)
    return FALSE;

  soup_message_set_tls_client_certificate (message, self->own);
  g_signal_connect_object (message, "accept-certificate", G_CALLBACK (judge), self, 0);
  return TRUE;
}

/* -- errors ------------------------------------------------------------------------ */

/* GIO's codes for it differ with the moment, and tell no more. */
static gboolean
broke_in_tls (const GError *cause)
{
  return cause->domain == G_TLS_ERROR || g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED)
         || g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT);
}

/* NULL where the cause speaks for itself. */
static const char *
find_cure (const GError *cause)
{
  if (cause->domain == G_RESOLVER_ERROR)
    return "; is the name of the host right?";
  if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    return ": nobody listens there; the agent does where its config file says 'listen = ADDRESS' in [agent] and it has "
           "certificates";
  if (broke_in_tls (cause))
    return ": it broke TLS off; it may be no agent, or one with too many callers at once (its log says)";
  return NULL;
}

GError *
client_tls_explain (QmigClient *self, SoupMessage *message, GError *cause, gboolean *hopeless)
{
  const GError *judged = message != NULL ? g_object_get_data (G_OBJECT (message), JUDGED) : NULL;
  GError *explained;
  const char *cure;

  if (hopeless != NULL)
    *hopeless = judged != NULL;
  if (self->host == NULL || cause->domain == QMIG_ERROR)
    return cause;

  cure = judged == NULL ? find_cure (cause) : NULL;
  if (judged != NULL)
    explained = g_error_new (QMIG_ERROR, judged->code, "cannot trust the agent at %s: %s", self->uri, judged->message);
  else if (cure != NULL)
    explained = g_error_new (QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "cannot reach the agent at %s: %s%s", self->uri, cause->message,
                             cure);
  else
    return cause;

  g_error_free (cause);
  return explained;
}
