/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-stream.h"

#include "json-strict.h"
#include "qmp-commands.h"
#include "qmp-error.h"

#define CREDENTIALS "qmig-tls"
#define PEER "qmig-tls-peer"

static gboolean
add_credentials (QmpClient *client, const char *pki_dir, const char *endpoint, QmpWait *wait, GError **error)
{
  JsonObject *properties = json_object_new ();

  json_object_set_string_member (properties, "dir", pki_dir);
  json_object_set_string_member (properties, "endpoint", endpoint);
  json_object_set_boolean_member (properties, "verify-peer", TRUE);
  if (qmp_object_add (client, "tls-creds-x509", CREDENTIALS, properties, wait, error))
    return TRUE;
  g_prefix_error (error, "QEMU does not take the certificates in %s: ", pki_dir);
  return FALSE;
}

static gboolean
set_parameters (QmpClient *client, const char *credentials, const char *other, const char *value, QmpWait *wait, GError **error)
{
  JsonObject *parameters = json_object_new ();

  json_object_set_string_member (parameters, "tls-creds", credentials);
  json_object_set_string_member (parameters, other, value);
  return qmp_migrate_set_parameters (client, parameters, wait, error);
}

gboolean
qmig_stream_secure_source (QmpClient *client, const char *pki_dir, const char *server_name, QmpWait *wait, GError **error)
{
  return qmig_stream_release (client, wait, error) && add_credentials (client, pki_dir, "client", wait, error)
         && set_parameters (client, CREDENTIALS, "tls-hostname", server_name, wait, error);
}

gboolean
qmig_stream_secure_destination (QmpClient *client, const char *pki_dir, const char *peer, QmpWait *wait, GError **error)
{
  JsonObject *properties = json_object_new ();

  json_object_set_string_member (properties, "identity", peer);
  return qmp_object_add (client, "authz-simple", PEER, properties, wait, error)
         && add_credentials (client, pki_dir, "server", wait, error)
         && set_parameters (client, CREDENTIALS, "tls-authz", PEER, wait, error);
}

/* What is not there is away. */
static gboolean
delete (QmpClient *client, const char *id, QmpWait *wait, GError **error)
{
  g_autoptr(GError) cause = NULL;

  if (qmp_object_del (client, id, wait, &cause) || qmp_error_is_refusal (cause))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}

gboolean
qmig_stream_release (QmpClient *client, QmpWait *wait, GError **error)
{
  return set_parameters (client, "", "tls-hostname", "", wait, error) && set_parameters (client, "", "tls-authz", "", wait, error)
         && delete (client, CREDENTIALS, wait, error) && delete (client, PEER, wait, error);
}

gboolean
qmig_stream_release_left (QmpClient *client, QmpWait *wait, GError **error)
{
  g_autoptr(JsonObject) parameters = qmp_query_migrate_parameters (client, wait, error);

  if (parameters == NULL)
    return FALSE;
  return g_strcmp0 (json_strict_string (parameters, "tls-creds", NULL), CREDENTIALS) != 0 || qmig_stream_release (client, wait, error);
}
