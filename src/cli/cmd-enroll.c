/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `qmig host enroll`: certificates for both sides, each trusting the other,
 * over a way that is safe already: ssh.  The authority is this host; no key
 * ever travels.  May be repeated.
 */

#include "cmd.h"

#include "client-dirs.h"
#include "pki.h"

#define DAYS 730
#define RENEW_DAYS 30
#define DAY_S (24 * 60 * 60)
#define PORT 7647

typedef struct
{
  Cli *cli;
  const char *name;        /* what the other is called here */
  char *dir;               /* our certificates */
  char *own_name;
  char *own_address;       /* where the other reaches us … */
  char *own_uri;           /* … with the port */
  char *address;           /* where we reach the other … */
  char *numeric;           /* … as a number … */
  char *uri;               /* … and with the port */
  QmigClient *far;
  QmigEnrollOffer *offer;
} Enroll;

static void
enroll_clear (Enroll *self)
{
  g_free (self->dir);
  g_free (self->own_name);
  g_free (self->own_address);
  g_free (self->own_uri);
  g_free (self->address);
  g_free (self->numeric);
  g_free (self->uri);
  g_clear_object (&self->far);
  g_clear_pointer (&self->offer, qmig_enroll_offer_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Enroll, enroll_clear)

/* -- addresses -------------------------------------------------------------- */

static char *
with_port (const char *address, int port)
{
  return g_strdup_printf (strchr (address, ':') != NULL ? "[%s]:%d" : "%s:%d", address, port);
}

static char *
make_uri (const char *address, int port)
{
  g_autofree char *place = with_port (address, port);

  return g_strconcat ("https://", place, NULL);
}

/* An agent may be told to listen on another port than the usual one. */
static int
port_of (const QmigHostInfo *info)
{
  g_autoptr(GUri) uri = info->listen != NULL ? g_uri_parse (info->listen, G_URI_FLAGS_NONE, NULL) : NULL;

  return uri != NULL && g_uri_get_port (uri) > 0 ? g_uri_get_port (uri) : PORT;
}

static char *
number_of (GSocketAddress *address)
{
  return g_inet_address_to_string (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address)));
}

/* Which of our addresses the system would speak to @there from; nothing is sent. */
static char *
address_towards (GSocketAddress *there, GError **error)
{
  g_autoptr(GSocket) socket = g_socket_new (g_socket_address_get_family (there), G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_UDP, error);
  g_autoptr(GSocketAddress) here = NULL;

  if (socket == NULL || !g_socket_connect (socket, there, NULL, error))
    return NULL;
  here = g_socket_get_local_address (socket, error);
  return here != NULL ? number_of (here) : NULL;
}

/* @before: (nullable): how it was reached until now; enrolled once, that is its address. */
static gboolean
find_addresses (Enroll *self, const char *uri, const char *before, GError **error)
{
  const char *address = cli_options_text (self->cli->options, "address");
  const char *own = cli_options_text (self->cli->options, "own-address");
  gboolean again = before != NULL && g_str_has_prefix (before, "https://");
  g_autoptr(GUri) parsed = g_uri_parse (again ? before : uri, G_URI_FLAGS_NONE, error);
  g_autoptr(GSocketAddressEnumerator) all = NULL;
  g_autoptr(GSocketConnectable) named = NULL;
  g_autoptr(GSocketAddress) there = NULL;

  if (parsed == NULL)
    return FALSE;
  self->address = g_strdup (address != NULL ? address : g_uri_get_host (parsed));
  named = g_network_address_new (self->address, PORT);
  all = g_socket_connectable_enumerate (named);
  there = g_socket_address_enumerator_next (all, NULL, error);
  if (there != NULL)
    {
      self->numeric = number_of (there);
      self->own_address = own != NULL ? g_strdup (own) : address_towards (there, error);
    }
  if (self->own_address == NULL)
    g_prefix_error (error, "cannot find out at which addresses '%s' and this host reach each other (say --address and --own-address): ", self->name);
  return self->own_address != NULL;
}

/* -- this side -------------------------------------------------------------------- */

static gboolean
call (QmigClient *client, const char *path, JsonObject *body, JsonObject **answer, GError **error)
{
  g_autoptr(JsonObject) object = qmig_client_call (client, "POST", path, body, 60000, NULL, NULL, error);

  if (answer != NULL)
    *answer = g_steal_pointer (&object);
  return answer != NULL ? *answer != NULL : object != NULL;
}

/* The authority is made at the first enrolment. */
static gboolean
ensure_authority (Enroll *self, GError **error)
{
  g_autofree char *key = g_build_filename (self->dir, "ca-key.pem", NULL);
  g_autoptr(QmigCertificate) authority = qmig_pki_read_certificate (self->dir, "ca-cert.pem", NULL);

  if (authority == NULL)
    return qmig_pki_init (self->dir, self->own_name, error);
  if (g_file_test (key, G_FILE_TEST_EXISTS))
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT,
               "cannot enrol '%s' from here: this host was enrolled by another one, which has the authority's key; enrol '%s' from there",
               self->name, self->name);
  return FALSE;
}

static char *
read_pem (const char *dir, const char *file, GError **error)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);
  char *pem = NULL;

  g_file_get_contents (path, &pem, NULL, error);
  return pem;
}

/* With the list of what it has revoked. */
static char *
read_authority (const char *dir, GError **error)
{
  g_autofree char *certificate = read_pem (dir, "ca-cert.pem", error);
  g_autofree char *revoked = certificate != NULL ? read_pem (dir, "ca-crl.pem", error) : NULL;

  return revoked != NULL ? g_strconcat (certificate, revoked, NULL) : NULL;
}

static gboolean
lasts (const QmigCertificate *certificate)
{
  return certificate != NULL && certificate->not_after > g_get_real_time () / G_USEC_PER_SEC + (gint64) RENEW_DAYS * DAY_S;
}

/* The client certificate stays what it is: other hosts know it by its fingerprint. */
static gboolean
renew_server (Enroll *self, const char *const *addresses, GError **error)
{
  g_autofree char *authority = read_authority (self->dir, error);
  g_autofree char *request = authority != NULL ? qmig_pki_request (self->dir, QMIG_PKI_SERVER, self->own_name, error) : NULL;
  g_autofree char *server
      = request != NULL ? qmig_pki_sign (self->dir, request, QMIG_PKI_SERVER, self->own_name, addresses, DAYS, error) : NULL;

  return server != NULL && qmig_pki_install (self->dir, authority, server, NULL, error);
}

/* This host may be known by several addresses, one a network; its certificate names all that it was ever enrolled by. */
static gboolean
certify_own_address (Enroll *self, GError **error)
{
  g_autoptr(QmigCertificate) server = qmig_pki_read_certificate (self->dir, "server-cert.pem", NULL);
  g_autoptr(QmigCertificate) client = qmig_pki_read_certificate (self->dir, "client-cert.pem", NULL);
  g_autoptr(GPtrArray) addresses = g_ptr_array_new ();
  gboolean known = FALSE;

  for (char **address = server != NULL ? server->addresses : NULL; address != NULL && *address != NULL; address++)
    {
      known = known || g_str_equal (*address, self->own_address);
      g_ptr_array_add (addresses, *address);
    }
  if (known && lasts (server) && lasts (client))
    return TRUE;
  if (server == NULL)
    g_ptr_array_add (addresses, self->own_name);
  if (!known)
    g_ptr_array_add (addresses, self->own_address);
  g_ptr_array_add (addresses, NULL);
  if (lasts (client))
    return renew_server (self, (const char *const *) addresses->pdata, error);
  if (client != NULL)
    cli_say (self->cli, "this host's own certificates are made anew: the hosts that were enrolled before know the old ones, enrol them again");
  return qmig_pki_issue (self->dir, self->own_name, (const char *const *) addresses->pdata, DAYS, TRUE, error);
}

static gboolean
listen_here (Enroll *self, GError **error)
{
  g_autofree char *listen = with_port (self->own_address, PORT);
  g_autofree char *set = qmig_client_get_agent_setting ("listen");
  g_autoptr(QmigHostInfo) info = NULL;

  if ((set == NULL && !qmig_client_set_agent_setting ("listen", listen, error)) || !call (self->cli->client, "/v1/agent/reload", NULL, NULL, error))
    return FALSE;
  info = cli_get_value (self->cli, "/v1/host", &qmig_host_info_type, error);
  self->own_uri = info != NULL ? make_uri (self->own_address, port_of (info)) : NULL;
  return info != NULL;
}

static gboolean
prepare_here (Enroll *self, GError **error)
{
  g_autoptr(QmigHostInfo) info = cli_get_value (self->cli, "/v1/host", &qmig_host_info_type, error);

  if (info == NULL)
    return FALSE;
  self->own_name = g_strdup (info->name);
  return ensure_authority (self, error) && certify_own_address (self, error) && listen_here (self, error);
}

/* -- the other side ----------------------------------------------------------------- */

/* It goes into a certificate that others believe: no host gets one in another's name, or for an address that it only claims. */
static gboolean
check_offered_name (Enroll *self, GError **error)
{
  const char *name = self->offer->name;

  if (name != NULL && !g_hostname_is_ip_address (name) && g_ascii_strcasecmp (name, self->own_name) != 0)
    {
      if (g_str_equal (name, self->name) || qmig_pki_check_owner (self->dir, name, self->offer->server_request, error))
        return TRUE;
      g_prefix_error (error, "cannot enrol '%s', whose agent calls itself '%s': ", self->name, name);
      return FALSE;
    }
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot enrol '%s': its agent calls itself '%s', %s; start it with another --name", self->name,
               name != NULL ? name : "", name != NULL && g_ascii_strcasecmp (name, self->own_name) == 0 ? "as this host does" : "which no other host can be called");
  return FALSE;
}

static gboolean
get_offer (Enroll *self, GError **error)
{
  g_autoptr(QmigCertificate) authority = qmig_pki_read_certificate (self->dir, "ca-cert.pem", error);
  g_autoptr(JsonObject) answer = NULL;

  if (authority == NULL || !call (self->far, "/v1/enroll/offer", NULL, &answer, error))
    return FALSE;
  self->offer = qmig_enroll_offer_from_object (answer, error);
  if (self->offer == NULL || !check_offered_name (self, error))
    return FALSE;
  if (self->offer->authority == NULL || g_str_equal (self->offer->authority, authority->fingerprint))
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT,
               "cannot enrol '%s': its certificates come from another authority (%.16s…); move its pki directory away first", self->name,
               self->offer->authority);
  return FALSE;
}

static gboolean
trust (Enroll *self, const char *client_pem, GError **error)
{
  g_autoptr(QmigCertificate) client = qmig_certificate_read (client_pem, error);

  return client != NULL && qmig_peers_set (self->dir, client->fingerprint, self->offer->name, QMIG_ROLE_OPERATOR, error);
}

static gboolean
grant (Enroll *self, GError **error)
{
  const char *addresses[] = { self->offer->name, self->address, NULL };
  g_autoptr(QmigEnrollGrant) grant = qmig_enroll_grant_new ();
  g_autoptr(QmigCertificate) own = qmig_pki_read_certificate (self->dir, "client-cert.pem", error);
  g_autoptr(JsonObject) body = NULL;

  if (own == NULL)
    return FALSE;
  grant->authority = read_authority (self->dir, error);
  grant->server = grant->authority != NULL ? qmig_pki_sign (self->dir, self->offer->server_request, QMIG_PKI_SERVER, self->offer->name, addresses, DAYS, error) : NULL;
  grant->client = grant->server != NULL ? qmig_pki_sign (self->dir, self->offer->client_request, QMIG_PKI_CLIENT, self->offer->name, NULL, DAYS, error) : NULL;
  if (grant->client == NULL)
    return FALSE;
  grant->listen = with_port (self->numeric, PORT);
  grant->peer_name = g_strdup (self->own_name);
  grant->peer_uri = g_strdup (self->own_uri);
  grant->peer_fingerprint = g_strdup (own->fingerprint);
  grant->peer_role = g_strdup (qmig_role_names[QMIG_ROLE_OPERATOR]);
  body = qmig_enroll_grant_to_object (grant);
  return call (self->far, "/v1/enroll/accept", body, NULL, error) && call (self->far, "/v1/agent/reload", NULL, NULL, error) &&
         trust (self, grant->client, error);
}

/* -- both -------------------------------------------------------------------------------- */

/* The name stands for the secure address from now on. */
static gboolean
know (Enroll *self, GError **error)
{
  g_autoptr(JsonObject) answer = qmig_client_call (self->far, "GET", "/v1/host", NULL, 30000, NULL, NULL, error);
  g_autoptr(QmigHostInfo) info = answer != NULL ? qmig_host_info_from_object (answer, error) : NULL;

  if (info == NULL)
    return FALSE;
  self->uri = make_uri (self->address, port_of (info));
  return qmig_client_set_host_uri (self->name, self->uri, error);
}

static gboolean
prove (Enroll *self, GError **error)
{
  g_autofree char *back = qmig_client_path ("/v1/hosts/%s/test", self->own_name);
  g_autoptr(QmigClient) client = qmig_client_new (self->uri, error);
  g_autoptr(JsonObject) there = client != NULL ? qmig_client_call (client, "GET", "/v1/host", NULL, 30000, NULL, NULL, error) : NULL;
  g_autoptr(JsonObject) answer = NULL;
  g_autoptr(QmigHostEntry) here = NULL;

  if (there == NULL || !call (self->far, back, NULL, &answer, error))
    return FALSE;
  here = qmig_host_entry_from_object (answer, error);
  if (here == NULL)
    return FALSE;
  if (!here->reachable)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "'%s' is enrolled, but does not reach this host: %s", self->name, here->problem);
      return FALSE;
    }
  cli_say (self->cli, "'%s' and '%s' reach each other over TLS and trust each other as operators", self->own_name, self->offer->name);
  return TRUE;
}

int
cmd_host_enroll (Cli *cli, GError **error)
{
  g_auto(Enroll) self = { .cli = cli, .name = cli_arg (cli, 0) };
  const char *wanted = cli_arg (cli, 1);
  g_autofree char *known = wanted == NULL ? qmig_client_resolve_host (self.name, NULL) : g_strdup (wanted);
  g_autofree char *uri = known != NULL && g_str_has_prefix (known, "ssh://") ? g_strdup (known) : g_strconcat ("ssh://", self.name, NULL);
  g_autofree char *config = qmig_client_default_config_path ();

  if (wanted != NULL && !g_str_has_prefix (wanted, "ssh://"))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "cannot enrol over '%s': expected an ssh:// address", wanted);
      return QMIG_EXIT_USAGE;
    }
  self.dir = qmig_pki_default_dir (config);
  if (!qmig_client_check_host_name (self.name, error) || !find_addresses (&self, uri, known, error) || !prepare_here (&self, error))
    return QMIG_EXIT_ERROR;
  self.far = qmig_client_new (uri, error);
  if (self.far == NULL || !get_offer (&self, error) || !grant (&self, error) || !know (&self, error) || !prove (&self, error))
    return QMIG_EXIT_ERROR;
  return QMIG_EXIT_OK;
}
