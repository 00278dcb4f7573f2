/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The far side of `qmig host enroll`: this host's keys are made here and stay
 * here; what comes back is certificates, and whom to trust with what.
 */

#include "agent-private.h"

#include "agent-tls.h"
#include "client-dirs.h"
#include "client.h"
#include "pki.h"

JsonObject *
agent_post_enroll_offer (AgentRequest *request, GError **error)
{
  const QmigEnv *env = &request->agent->env;
  g_autoptr(QmigEnrollOffer) offer = qmig_enroll_offer_new ();
  g_autoptr(QmigCertificate) authority = qmig_pki_read_certificate (env->pki_dir, "ca-cert.pem", NULL);

  offer->name = g_strdup (env->host_name);
  offer->authority = authority != NULL ? g_strdup (authority->fingerprint) : NULL;
  offer->server_request = qmig_pki_request (env->pki_dir, QMIG_PKI_SERVER, env->host_name, error);
  offer->client_request
      = offer->server_request != NULL ? qmig_pki_request (env->pki_dir, QMIG_PKI_CLIENT, env->host_name, error) : NULL;
  return offer->client_request != NULL ? qmig_enroll_offer_to_object (offer) : NULL;
}

/* The host that enrols us is known by name from now on, unless a person has named it already. */
static gboolean
know_peer (const QmigEnrollGrant *grant, GError **error)
{
  g_autoptr(GError) cause = NULL;

  if (grant->peer_uri == NULL || qmig_client_add_host (grant->peer_name, grant->peer_uri, NULL, &cause)
      || g_error_matches (cause, QMIG_ERROR, QMIG_EXIT_CONFLICT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}

/* What a person has set stays, if it is for that address too: another port, or all addresses. */
static gboolean
serves (const char *set, const char *wanted)
{
  g_autoptr(GSocketConnectable) ours = g_network_address_parse (set, 1, NULL);
  g_autoptr(GSocketConnectable) theirs = g_network_address_parse (wanted, 1, NULL);
  const char *host = ours != NULL ? g_network_address_get_hostname (G_NETWORK_ADDRESS (ours)) : NULL;

  return host != NULL && theirs != NULL
         && (g_str_equal (host, "0.0.0.0") || g_str_equal (host, "::")
             || g_str_equal (host, g_network_address_get_hostname (G_NETWORK_ADDRESS (theirs))));
}

static gboolean
listen_at (const char *wanted, GError **error)
{
  g_autofree char *set = qmig_client_get_agent_setting ("listen");

  if (wanted == NULL || (set != NULL && serves (set, wanted)))
    return TRUE;
  return qmig_client_set_agent_setting ("listen", wanted, error);
}

JsonObject *
agent_post_enroll_accept (AgentRequest *request, GError **error)
{
  const char *dir = request->agent->env.pki_dir;
  g_autoptr(QmigEnrollGrant) grant = agent_request_read (request, &qmig_enroll_grant_type, TRUE, error);
  QmigRole role = grant != NULL ? qmig_role_from_string (grant->peer_role, error) : QMIG_ROLE_NONE;

  if (role == QMIG_ROLE_NONE || !qmig_pki_install (dir, grant->authority, grant->server, grant->client, error)
      || !qmig_peers_set (dir, grant->peer_fingerprint, grant->peer_name, role, error) || !know_peer (grant, error)
      || !listen_at (grant->listen, error))
    return NULL;
  return json_object_new ();
}

JsonObject *
agent_post_reload (AgentRequest *request, GError **error)
{
  return agent_tls_reload (request->agent, error) ? json_object_new () : NULL;
}
