/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The parts that only decide: which route, who may, how long, and what an error looks like in HTTP. */

#include <string.h>

#include "agent-lease.h"
#include "agent-private.h"
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
      g_assert_false (reads && routes[i].need != AGENT_NEED_READ);
      for (gsize j = 0; j < i; j++)
        g_assert_false (g_str_equal (routes[i].method, routes[j].method)
                        && g_str_equal (routes[i].pattern, routes[j].pattern));
    }
}

/* -- who may ---------------------------------------------------------------- */

static void
test_auth (void)
{
  static const struct
  {
    AgentPeer peer;
    uid_t own;
    gboolean may;
  } cases[] = {
    { { TRUE, 1000, 1 }, 1000, TRUE },        { { TRUE, 0, 1 }, 1000, TRUE },      { { TRUE, 1001, 1 }, 1000, FALSE },
    { { TRUE, 1000, 1 }, 0, FALSE },          { { FALSE, 1000, 1 }, 1000, FALSE }, { { FALSE, 0, 0 }, 0, FALSE },
    { { TRUE, (uid_t) -1, 1 }, 1000, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *read = agent_auth_refuse (&cases[i].peer, cases[i].own, AGENT_NEED_READ);
      g_autofree char *change = agent_auth_refuse (&cases[i].peer, cases[i].own, AGENT_NEED_CHANGE);

      g_assert_true ((read == NULL) == cases[i].may);
      g_assert_true ((change == NULL) == cases[i].may);
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
  g_test_add_func ("/agent/auth", test_auth);
  g_test_add_func ("/agent/lease/life", test_lease);
  g_test_add_func ("/agent/lease/out-of-reason", test_lease_out_of_reason);
  g_test_add_func ("/agent/errors", test_errors);
  return g_test_run ();
}
