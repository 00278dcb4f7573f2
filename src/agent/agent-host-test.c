/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `qmig host test`: the way to another host, tried; each finding with its evidence, and with a cure where it is bad. */

#include "agent-private.h"

#include <string.h>

#include "client.h"
#include "pki.h"

#define CALL_MS 20000
#define CLOCK_WARN_MS 500
#define CERTIFICATE_WARN_DAYS 30
#define PROBE_BYTES (4 * 1024 * 1024)
#define PROBE_MAX_BYTES (8 * 1024 * 1024)
#define PROBE_ENOUGH_US (G_USEC_PER_SEC / 2)
#define PROBES_MAX 64

typedef struct
{
  Agent *agent;
  QmigHostEntry *entry;
  QmigClient *client;
} Test;

static gboolean
is_kind (const Test *test, const char *scheme)
{
  return g_str_has_prefix (test->entry->uri, scheme);
}

/* -- reach, version, clock ------------------------------------------------------ */

static const char *
cure_for (const Test *test, const GError *error)
{
  if (g_error_matches (error, QMIG_ERROR, QMIG_EXIT_DENIED))
    return "ask who runs that host for a role (`qmig pki trust` there), or `qmig host enroll` it anew";
  if (is_kind (test, "https://") && strstr (error->message, "certificate") != NULL)
    return "`qmig host enroll` it anew, from the host that has the authority";
  if (is_kind (test, "https://"))
    return "is the agent there running, and does [agent] listen= in its config name this address? Is the port open on the way?";
  if (is_kind (test, "ssh://"))
    return "log in once by hand: the same ssh, without a password, must run `qmig version` there";
  return "is the agent there running?";
}

/* The first question pays for the connection; only the second one measures. */
static gboolean
test_reach (Test *test)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) first = NULL;
  g_autoptr(JsonObject) answer = NULL;
  gint64 asked_us, rtt_us, offset_us;

  test->client = qmig_client_new (test->entry->uri, &error);
  first = test->client != NULL ? qmig_client_call (test->client, "GET", "/v1/host", NULL, CALL_MS, NULL, NULL, &error) : NULL;
  asked_us = g_get_real_time ();
  answer = first != NULL ? qmig_client_call (test->client, "GET", "/v1/host", NULL, CALL_MS, NULL, NULL, &error) : NULL;
  rtt_us = g_get_real_time () - asked_us;
  test->entry->info = answer != NULL ? qmig_host_info_from_object (answer, &error) : NULL;
  if (test->entry->info == NULL)
    {
      test->entry->problem = g_strdup (error->message);
      qmig_check_add (test->entry->checks, "reach", QMIG_CHECK_FAIL, cure_for (test, error), "%s", error->message);
      return FALSE;
    }

  test->entry->reachable = TRUE;
  offset_us = test->entry->info->time_us - (asked_us + rtt_us / 2);
  qmig_check_add (test->entry->checks, "reach", QMIG_CHECK_OK, NULL, "'%s' answers in %.1f ms over %s", test->entry->info->name, rtt_us / 1000.0,
       is_kind (test, "https://") ? "TLS" : is_kind (test, "ssh://") ? "ssh" : "a unix socket");
  if (ABS (offset_us) - rtt_us / 2 > CLOCK_WARN_MS * 1000)
    qmig_check_add (test->entry->checks, "clock", QMIG_CHECK_WARN, "let both hosts follow the same time server (chrony)",
         "its clock is %+.1f ms off ours (± %.1f ms): logs and certificates of the two will not fit together", offset_us / 1000.0, rtt_us / 2000.0);
  else
    qmig_check_add (test->entry->checks, "clock", QMIG_CHECK_OK, NULL, "its clock is %+.1f ms off ours (± %.1f ms)", offset_us / 1000.0, rtt_us / 2000.0);
  return TRUE;
}

static void
test_version (Test *test)
{
  const char *theirs = test->entry->info->version;

  if (g_strcmp0 (theirs, QMIG_VERSION) == 0)
    qmig_check_add (test->entry->checks, "version", QMIG_CHECK_OK, NULL, "both have qmig %s", QMIG_VERSION);
  else
    qmig_check_add (test->entry->checks, "version", QMIG_CHECK_WARN, "install the same version on both", "it has qmig %s, this host %s", theirs, QMIG_VERSION);
}

/* -- certificates ------------------------------------------------------------------ */

static void
test_dates (Test *test, const char *whose, const QmigCertificate *certificate)
{
  gint64 days = (certificate->not_after - g_get_real_time () / G_USEC_PER_SEC) / (24 * 3600);

  if (days < 0)
    qmig_check_add (test->entry->checks, "certificates", QMIG_CHECK_FAIL, "`qmig host enroll` it anew", "%s expired %" G_GINT64_FORMAT " days ago", whose, -days);
  else if (days < CERTIFICATE_WARN_DAYS)
    qmig_check_add (test->entry->checks, "certificates", QMIG_CHECK_WARN, "`qmig host enroll` it anew", "%s expires in %" G_GINT64_FORMAT " days", whose, days);
  else
    qmig_check_add (test->entry->checks, "certificates", QMIG_CHECK_OK, NULL, "%s ('%s') is valid for %" G_GINT64_FORMAT " days", whose, certificate->name, days);
}

static void
test_own_certificate (Test *test, const char *file, gboolean needed)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigCertificate) certificate = qmig_pki_read_certificate (test->agent->env.pki_dir, file, &error);
  g_autofree char *whose = g_strconcat ("our ", file, NULL);

  if (certificate != NULL)
    test_dates (test, whose, certificate);
  else if (needed)
    qmig_check_add (test->entry->checks, "certificates", QMIG_CHECK_FAIL, "`qmig host enroll` it", "%s", error->message);
}

/* That it is of our authority, in force and names the host was judged before anything was answered. */
static void
test_their_certificate (Test *test)
{
  const char *pem = qmig_client_get_certificate (test->client);
  g_autoptr(QmigCertificate) certificate = pem != NULL ? qmig_certificate_read (pem, NULL) : NULL;
  g_autofree char *addresses = certificate != NULL ? g_strjoinv (", ", certificate->addresses) : NULL;
  g_autofree char *whose = g_strdup_printf ("their certificate, for %s,", addresses);

  if (certificate != NULL)
    test_dates (test, whose, certificate);
}

static void
test_role (Test *test)
{
  const char *role = test->entry->info->role;

  if (g_strcmp0 (role, qmig_role_names[QMIG_ROLE_VIEWER]) == 0)
    qmig_check_add (test->entry->checks, "role", QMIG_CHECK_WARN, "there: `qmig pki trust NAME --role operator`", "we may only look there, and move no VM");
  else if (role != NULL)
    qmig_check_add (test->entry->checks, "role", QMIG_CHECK_OK, NULL, "we are %s there", role);
}

static void
test_certificates (Test *test)
{
  g_autoptr(QmigHostInfo) here = qmig_env_host_info (&test->agent->env);
  const char *theirs = test->entry->info->tls_authority;

  test_own_certificate (test, "client-cert.pem", is_kind (test, "https://"));
  test_own_certificate (test, "server-cert.pem", FALSE);
  test_their_certificate (test);
  if (here->tls_authority != NULL && g_strcmp0 (here->tls_authority, theirs) == 0)
    qmig_check_add (test->entry->checks, "stream", QMIG_CHECK_OK, NULL, "both are enrolled with one authority: moves are encrypted with TLS");
  else if (is_kind (test, "ssh://"))
    qmig_check_add (test->entry->checks, "stream", QMIG_CHECK_OK, NULL, "not enrolled together: moves go through ssh");
  else if (g_strcmp0 (here->boot_id, test->entry->info->boot_id) == 0)
    qmig_check_add (test->entry->checks, "stream", QMIG_CHECK_OK, NULL, "the same machine: moves go through a unix socket");
  else
    qmig_check_add (test->entry->checks, "stream", QMIG_CHECK_WARN, "`qmig host enroll` it", "not enrolled together: a move there is refused, unless in the clear with --transport tcp");
}

/* -- bandwidth ------------------------------------------------------------------------ */

/* From there to here, over one connection of the agents.  QMIG_UNSET with @error. */
static gint64
measure_rate (QmigClient *client, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/v1/probe?bytes=%d", PROBE_BYTES);
  gint64 began_us = g_get_monotonic_time ();
  gint64 took_us = 0;
  gint64 bytes = 0;

  for (int i = 0; i < PROBES_MAX && took_us < PROBE_ENOUGH_US; i++)
    {
      g_autoptr(JsonObject) answer = qmig_client_call (client, "GET", path, NULL, CALL_MS, NULL, NULL, error);

      if (answer == NULL)
        return QMIG_UNSET;
      bytes += PROBE_BYTES;
      took_us = g_get_monotonic_time () - began_us;
    }
  return bytes * G_USEC_PER_SEC / MAX (took_us, 1);
}

static void
test_bandwidth (Test *test)
{
  g_autoptr(GError) error = NULL;
  gint64 measured = measure_rate (test->client, &error);
  g_autofree char *rate = error == NULL ? g_format_size_full ((guint64) measured, G_FORMAT_SIZE_IEC_UNITS) : NULL;

  if (rate == NULL)
    qmig_check_add (test->entry->checks, "bandwidth", QMIG_CHECK_WARN, NULL, "not measured: %s", error->message);
  else
    qmig_check_add (test->entry->checks, "bandwidth", QMIG_CHECK_OK, NULL, "at least %s/s from there to here, over one connection of the agents", rate);
}

gint64
agent_probe_link (const QmigEnv *env, const char *uri)
{
  g_autoptr(QmigClient) client = g_str_equal (uri, "local") ? NULL : qmig_client_new (uri, NULL);

  return client != NULL ? measure_rate (client, NULL) : QMIG_UNSET;
}

JsonObject *
agent_get_probe (AgentRequest *request, GError **error)
{
  gint64 bytes;
  g_autofree char *data = NULL;
  JsonObject *answer;

  if (!agent_request_query_int (request, "bytes", 0, 0, PROBE_MAX_BYTES, &bytes, error))
    return NULL;
  data = g_malloc ((gsize) bytes + 1);
  memset (data, 'x', (gsize) bytes);
  data[bytes] = '\0';
  answer = json_object_new ();
  json_object_set_string_member (answer, "data", data);
  return answer;
}

JsonObject *
agent_test_host (AgentRequest *request, GError **error)
{
  g_autofree char *uri = agent_host_resolve (request->agent, request->params[0], error);
  g_autoptr(QmigHostEntry) entry = NULL;
  Test test = { .agent = request->agent };

  if (uri == NULL)
    return NULL;

  entry = qmig_host_entry_new ();
  entry->name = g_strdup (request->params[0]);
  entry->uri = g_steal_pointer (&uri);
  entry->checks = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_check_free);
  test.entry = entry;
  if (test_reach (&test))
    {
      test_version (&test);
      test_role (&test);
      test_certificates (&test);
      test_bandwidth (&test);
    }
  g_clear_object (&test.client);
  return qmig_host_entry_to_object (entry);
}
