/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The parts that only decide: which route, who may, how long, and what an error looks like in HTTP. */

#include <string.h>

#include "agent-lease.h"
#include "agent-private.h"
#include "agent-tls.h"
#include "json-strict.h"
#include "qmp-error.h"

/* -- routes ---------------------------------------------------------------- */

typedef struct
{
  const char *method;
  const char *path;
  const char *pattern; /* NULL: none */
  const char *params[AGENT_MAX_PARAMS];
  const char *allow;
} RouteCase;

static const RouteCase route_cases[] = {
  { "GET", "/v1/host", "/v1/host" },
  { "GET", "/v1/vms/web", "/v1/vms/*", { "web" } },
  { "GET", "/v1/vms/a%2Fb%20c", "/v1/vms/*", { "a/b c" } },
  { "GET", "/v1/vms/%C3%A9", "/v1/vms/*", { "\303\251" } },
  { "POST", "/v1/vms/web/actions/stop", "/v1/vms/*/actions/stop", { "web" } },
  { "POST", "/v1/migrations/m-1/actions/cancel", "/v1/migrations/*/actions/*", { "m-1", "cancel" } },
  { "PATCH", "/v1/migrations/m-1/knobs", "/v1/migrations/*/knobs", { "m-1" } },
  { "POST", "/v1/agent/stop", "/v1/agent/stop" },
  { "DELETE", "/v1/host", NULL, { NULL }, "GET" },
  { "PUT", "/v1/vms", NULL, { NULL }, "GET, POST" },
  { "PUT", "/v1/vms/x", NULL, { NULL }, "GET, DELETE" },
  { "GET", "/", NULL },
  { "GET", "", NULL },
  { "GET", "/v1", NULL },
  { "GET", "/v1/host/", NULL },
  { "GET", "//v1/host", NULL },
  { "GET", "/v1/vms/", NULL },
  { "GET", "/v1/vms/%00", NULL },
  { "GET", "/v1/vms/%ff", NULL },
  { "GET", "/v1/vms/%zz", NULL },
  { "GET", "/v1/vms/a/b/c/d/e/f/g/h/i/j/k/l", NULL },
  { "GET", "/v2/host", NULL },
  { "get", "/v1/host", NULL, { NULL }, "GET" },
};

static void
test_routes (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (route_cases); i++)
    {
      const RouteCase *c = &route_cases[i];
      char *params[AGENT_MAX_PARAMS] = { NULL };
      g_autofree char *allow = NULL;
      const AgentRoute *route = agent_routes_find (c->method, c->path, params, &allow);

      g_test_message ("%s %s", c->method, c->path);
      g_assert_cmpstr (route != NULL ? route->pattern : NULL, ==, c->pattern);
      g_assert_cmpstr (allow, ==, c->allow);
      for (gsize j = 0; j < AGENT_MAX_PARAMS; j++)
        {
          g_assert_cmpstr (params[j], ==, c->params[j]);
          g_free (params[j]);
        }
    }
}

static void
test_route_table (void)
{
  gsize n;
  const AgentRoute *routes = agent_routes_get_all (&n);

  for (gsize i = 0; i < n; i++)
    {
      gboolean reads = g_str_equal (routes[i].method, "GET");

      g_test_message ("%s %s", routes[i].method, routes[i].pattern);
      g_assert_true ((routes[i].run != NULL) != (routes[i].later != NULL));
      g_assert_true (routes[i].run != NULL || !routes[i].blocks);
      g_assert_true (g_str_has_prefix (routes[i].pattern, "/v1/"));
      g_assert_false (reads && (routes[i].need == AGENT_NEED_CHANGE || routes[i].need == AGENT_NEED_ADMIN));
      for (gsize j = 0; j < i; j++)
        g_assert_false (g_str_equal (routes[i].method, routes[j].method)
                        && g_str_equal (routes[i].pattern, routes[j].pattern));
    }
}

/* -- who may ---------------------------------------------------------------- */

static void
test_uids (void)
{
  static const struct
  {
    uid_t uid;
    uid_t own;
    QmigRole role;
  } cases[] = {
    { 1000, 1000, QMIG_ROLE_ADMIN }, { 0, 1000, QMIG_ROLE_ADMIN }, { 1001, 1000, QMIG_ROLE_NONE },
    { 1000, 0, QMIG_ROLE_NONE },     { 0, 0, QMIG_ROLE_ADMIN },    { (uid_t) -1, 1000, QMIG_ROLE_NONE },
    { (uid_t) -1, (uid_t) -1, QMIG_ROLE_NONE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      AgentPeer peer;

      agent_peer_init_uid (&peer, cases[i].uid, cases[i].own);
      g_assert_cmpint (peer.role, ==, cases[i].role);
      g_assert_true (peer.known == (cases[i].uid != (uid_t) -1));
      agent_peer_clear (&peer);
    }
}

/* What each route takes.  Said once more here: a route that changes hands has to be changed in two places. */
static const struct
{
  const char *route;
  QmigRole role;
} route_roles[] = {
  { "GET /v1/host", QMIG_ROLE_VIEWER },
  { "GET /v1/probe", QMIG_ROLE_VIEWER },
  { "GET /v1/doctor", QMIG_ROLE_VIEWER },
  { "POST /v1/enroll/offer", QMIG_ROLE_ADMIN },
  { "POST /v1/enroll/accept", QMIG_ROLE_ADMIN },
  { "POST /v1/agent/reload", QMIG_ROLE_ADMIN },
  { "POST /v1/agent/stop", QMIG_ROLE_ADMIN },
  { "GET /v1/changes", QMIG_ROLE_VIEWER },
  { "GET /v1/hosts", QMIG_ROLE_VIEWER },
  { "POST /v1/hosts", QMIG_ROLE_ADMIN },
  { "DELETE /v1/hosts/*", QMIG_ROLE_ADMIN },
  { "POST /v1/hosts/*/test", QMIG_ROLE_OPERATOR },
  { "GET /v1/policies", QMIG_ROLE_VIEWER },
  { "GET /v1/policies/*", QMIG_ROLE_VIEWER },
  { "GET /v1/vms", QMIG_ROLE_VIEWER },
  { "POST /v1/vms", QMIG_ROLE_OPERATOR },
  { "GET /v1/vms/*", QMIG_ROLE_VIEWER },
  { "DELETE /v1/vms/*", QMIG_ROLE_OPERATOR },
  { "POST /v1/vms/*/actions/stop", QMIG_ROLE_OPERATOR },
  { "POST /v1/vms/*/qmp", QMIG_ROLE_ADMIN },
  { "POST /v1/checks", QMIG_ROLE_OPERATOR },
  { "GET /v1/migrations", QMIG_ROLE_VIEWER },
  { "POST /v1/migrations", QMIG_ROLE_OPERATOR },
  { "GET /v1/migrations/*", QMIG_ROLE_VIEWER },
  { "GET /v1/migrations/*/events", QMIG_ROLE_VIEWER },
  { "PATCH /v1/migrations/*/knobs", QMIG_ROLE_OPERATOR },
  { "POST /v1/migrations/*/actions/*", QMIG_ROLE_OPERATOR },
  { "POST /v1/facts", QMIG_ROLE_OPERATOR },
  { "POST /v1/incoming", QMIG_ROLE_OPERATOR },
  { "GET /v1/incoming/*", QMIG_ROLE_OPERATOR },
  { "POST /v1/incoming/*/actions/*", QMIG_ROLE_OPERATOR },
};

static QmigRole
wanted_role (const char *what)
{
  for (gsize i = 0; i < G_N_ELEMENTS (route_roles); i++)
    if (g_str_equal (route_roles[i].route, what))
      return route_roles[i].role;

  g_error ("nothing says who may %s", what);
}

/* A refusal names who it is, the role it has, and the role it takes. */
static void
assert_decision (const AgentPeer *peer, const AgentRoute *route)
{
  g_autofree char *what = g_strconcat (route->method, " ", route->pattern, NULL);
  QmigRole wanted = wanted_role (what);
  g_autofree char *refused = agent_auth_refuse (peer, route->need, what);
  g_autofree char *who = agent_peer_describe (peer);

  g_test_message ("%s by %s", what, who);
  g_assert_true ((refused == NULL) == (peer->known && peer->role >= wanted));
  if (refused == NULL)
    return;

  g_assert_nonnull (strstr (refused, what));
  g_assert_nonnull (strstr (refused, qmig_role_names[wanted]));
  g_assert_true (!peer->known || strstr (refused, who) != NULL);
  g_assert_true (!peer->known || strstr (refused, qmig_role_names[peer->role]) != NULL);
}

static void
test_roles (void)
{
  gsize n;
  const AgentRoute *routes = agent_routes_get_all (&n);

  g_assert_cmpuint (n, ==, G_N_ELEMENTS (route_roles));
  for (gsize i = 0; i < n; i++)
    {
      AgentPeer peer = { .known = FALSE };

      assert_decision (&peer, &routes[i]);
      for (int role = QMIG_ROLE_NONE; role <= QMIG_ROLE_ADMIN; role++)
        {
          const QmigPeer known_as = { .fingerprint = (char *) "ab12", .name = (char *) "eve", .role = role };

          agent_peer_init_certificate (&peer, &known_as);
          assert_decision (&peer, &routes[i]);
          agent_peer_clear (&peer);
        }

      agent_peer_init_uid (&peer, 1001, 1000);
      assert_decision (&peer, &routes[i]);
      agent_peer_init_uid (&peer, 1000, 1000);
      assert_decision (&peer, &routes[i]);
    }
}

static void
test_describe (void)
{
  const QmigPeer known_as = { .fingerprint = (char *) "ab12", .name = (char *) "alpha", .role = QMIG_ROLE_OPERATOR };
  AgentPeer peer;
  g_autofree char *certificate = NULL;
  g_autofree char *uid = NULL;

  agent_peer_init_certificate (&peer, &known_as);
  certificate = agent_peer_describe (&peer);
  g_assert_cmpstr (certificate, ==, "certificate alpha (operator)");
  agent_peer_clear (&peer);
  agent_peer_init_uid (&peer, 1000, 1000);
  uid = agent_peer_describe (&peer);
  g_assert_cmpstr (uid, ==, "uid 1000");
}

/* -- where ------------------------------------------------------------------ */

static void
test_listen (void)
{
  static const struct
  {
    const char *text;
    const char *address; /* NULL: none */
    guint16 port;
  } cases[] = {
    { "127.0.0.1", "127.0.0.1", 7647 }, { "127.0.0.1:80", "127.0.0.1", 80 }, { "0.0.0.0", "0.0.0.0", 7647 },
    { "::1", "::1", 7647 },             { "[::1]:80", "::1", 80 },           { "[::]", "::", 7647 },
    { "127.0.0.1:0", "127.0.0.1", 0 },  { "", NULL, 0 },                     { "localhost", NULL, 0 },
    { "beta:80", NULL, 0 },             { "127.0.0.1:", NULL, 0 },           { "127.0.0.1:70000", NULL, 0 },
    { "127.0.0.1:http x", NULL, 0 },    { "256.0.0.1", NULL, 0 },            { "https://127.0.0.1", NULL, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(GSocketAddress) parsed = agent_tls_parse_listen (cases[i].text, &error);
      GInetSocketAddress *inet = (GInetSocketAddress *) parsed;
      g_autofree char *address = NULL;

      g_test_message ("%s", cases[i].text);
      g_assert_true ((parsed != NULL) == (cases[i].address != NULL));
      if (parsed == NULL)
        {
          g_assert_error (error, QMIG_ERROR, QMIG_EXIT_USAGE);
          continue;
        }
      address = g_inet_address_to_string (g_inet_socket_address_get_address (inet));
      g_assert_cmpstr (address, ==, cases[i].address);
      g_assert_cmpuint (g_inet_socket_address_get_port (inet), ==, cases[i].port);
    }
}

/* -- how long --------------------------------------------------------------- */

static void
test_lease (void)
{
  AgentLease lease;

  agent_lease_start (&lease, 1000, 5000000);
  g_assert_false (agent_lease_is_over (&lease, 5999999));
  g_assert_true (agent_lease_is_over (&lease, 6000000));
  g_assert_cmpint (agent_lease_get_deadline_us (&lease), ==, 6000000);

  agent_lease_renew (&lease, 5500000);
  g_assert_false (agent_lease_is_over (&lease, 6499999));
  g_assert_true (agent_lease_is_over (&lease, 6500000));

  /* Whoever waits for an answer for half the lease comes back in time. */
  g_assert_cmpint (agent_lease_get_poll_ms (&lease, 20000), ==, 500);
  g_assert_cmpint (agent_lease_get_poll_ms (&lease, 100), ==, 100);

  agent_lease_hold (&lease);
  g_assert_false (agent_lease_is_over (&lease, G_MAXINT64));
  g_assert_cmpint (agent_lease_get_deadline_us (&lease), ==, -1);
  g_assert_cmpint (agent_lease_get_poll_ms (&lease, 20000), ==, 20000);
  agent_lease_renew (&lease, 0);
  g_assert_false (agent_lease_is_over (&lease, G_MAXINT64));
}

static void
test_lease_out_of_reason (void)
{
  static const gint64 lengths[] = { 0, -5, QMIG_UNSET, 1, G_MAXINT64 };

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      AgentLease lease;

      agent_lease_start (&lease, lengths[i], 1000000);
      g_assert_cmpint (lease.length_ms, >=, 100);
      g_assert_cmpint (lease.length_ms, <=, 600000);
      g_assert_cmpint (lease.expires_us, ==, 1000000 + lease.length_ms * 1000);
    }
}

/* -- errors ------------------------------------------------------------------ */

static void
test_errors (void)
{
  const struct
  {
    GQuark domain;
    int code;
    QmigExit exit_code;
    guint status;
  } cases[] = {
    { QMIG_ERROR, QMIG_EXIT_NOT_FOUND, QMIG_EXIT_NOT_FOUND, 404 },
    { QMIG_ERROR, QMIG_EXIT_CONFLICT, QMIG_EXIT_CONFLICT, 409 },
    { QMIG_ERROR, QMIG_EXIT_REFUSED, QMIG_EXIT_REFUSED, 422 },
    { QMIG_ERROR, QMIG_EXIT_USAGE, QMIG_EXIT_USAGE, 400 },
    { QMIG_ERROR, QMIG_EXIT_DENIED, QMIG_EXIT_DENIED, 403 },
    { QMIG_ERROR, QMIG_EXIT_UNREACHABLE, QMIG_EXIT_UNREACHABLE, 502 },
    { JSON_STRICT_ERROR, JSON_STRICT_ERROR_TOO_DEEP, QMIG_EXIT_USAGE, 400 },
    { QMP_ERROR, QMP_ERROR_BUSY, QMIG_EXIT_CONFLICT, 409 },
    { QMP_ERROR, QMP_ERROR_CLOSED, QMIG_EXIT_UNREACHABLE, 502 },
    { QMP_ERROR, QMP_ERROR_TIMEOUT, QMIG_EXIT_TIMEOUT, 504 },
    { QMP_ERROR, QMP_ERROR_GENERIC, QMIG_EXIT_ERROR, 500 },
    { G_IO_ERROR, G_IO_ERROR_CANCELLED, QMIG_EXIT_ERROR, 500 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = g_error_new (cases[i].domain, cases[i].code, "x");

      g_assert_cmpint (agent_error_exit (error), ==, cases[i].exit_code);
      g_assert_cmpuint (agent_exit_status (cases[i].exit_code), ==, cases[i].status);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/agent/routes/find", test_routes);
  g_test_add_func ("/agent/routes/table", test_route_table);
  g_test_add_func ("/agent/listen", test_listen);
  g_test_add_func ("/agent/auth/uids", test_uids);
  g_test_add_func ("/agent/auth/roles", test_roles);
  g_test_add_func ("/agent/auth/describe", test_describe);
  g_test_add_func ("/agent/lease/life", test_lease);
  g_test_add_func ("/agent/lease/out-of-reason", test_lease_out_of_reason);
  g_test_add_func ("/agent/errors", test_errors);
  return g_test_run ();
}
