/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* qmig pki …: on files alone, with no agent asked. */

#include "fake-agent.h"
#include "pki-fixture.h"

#include <string.h>

typedef struct
{
  Pki pki;
  FakeAgent *agent;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  pki_set_up (&fixture->pki, NULL);
  fixture->agent = fake_agent_new ();
  g_setenv ("QMIG_PKI_DIR", fixture->pki.dir, TRUE);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  fake_agent_free (fixture->agent);
  pki_tear_down (&fixture->pki, NULL);
}

/* ROOT in @line is the directory of the test. */
static Run *
run (Fixture *fixture, const char *line)
{
  g_auto(GStrv) parts = g_strsplit (line, "ROOT", -1);
  g_autofree char *full = g_strjoinv (fixture->pki.root, parts);
  Run *done = fake_agent_run (fixture->agent, full);

  g_test_message ("qmig %s: %d\n%s%s", line, done->status, done->out, done->err);
  return done;
}

static void
assert_ok (Fixture *fixture, const char *line, const char *out)
{
  g_autoptr(Run) done = run (fixture, line);

  g_assert_cmpint (done->status, ==, 0);
  g_assert_cmpstr (done->err, ==, "");
  g_assert_cmpstr (done->out, ==, out);
}

static void
assert_fails (Fixture *fixture, const char *line, int status, const char *err)
{
  g_autoptr(Run) done = run (fixture, line);

  g_assert_cmpint (done->status, ==, status);
  g_assert_cmpstr (done->out, ==, "");
  g_assert_nonnull (strstr (done->err, err));
}

#define SHOW " -o tsv --no-headers --fields name,use,status,addresses"
#define PEERS "pki peers -o tsv --no-headers --fields name,role"
#define CA "alpha authority\tauthority\tvalid\t[]\n"
#define ALPHA "alpha\tserver\tvalid\t[\"alpha\",\"10.0.0.1\",\"a.example.org\"]\nalpha\tclient\tvalid\t[]\n"
#define BETA "beta\tclient\tvalid\t[]\nbeta\tserver\tvalid\t[\"beta\",\"10.0.0.2\"]\n"

static void
test_certificates (Fixture *fixture, gconstpointer data)
{
  assert_fails (fixture, "pki list", 10, "ca-cert.pem");
  assert_fails (fixture, "pki issue beta", 10, "ca-cert.pem");
  assert_ok (fixture, "pki init --name alpha" SHOW, CA);
  assert_fails (fixture, "pki init", 12, "there is one already");
  assert_ok (fixture, "pki issue alpha --own --address 10.0.0.1 --address a.example.org" SHOW, ALPHA);
  assert_ok (fixture, "pki issue beta --address 10.0.0.2 --days 30" SHOW, BETA);
  assert_ok (fixture, "pki issue anna" SHOW, "anna\tclient\tvalid\t[]\n");
  assert_ok (fixture, "pki export anna ROOT/anna", "");
  assert_fails (fixture, "pki export anna ROOT/anna", 12, "it is there already");
  assert_fails (fixture, "pki revoke anna", 2, "--yes");
  assert_ok (fixture, "pki revoke anna --yes", "");
  assert_ok (fixture, "pki list" SHOW, CA ALPHA "anna\tclient\trevoked\t[]\n" BETA);
  assert_fails (fixture, "pki issue a/b", 2, "cannot use 'a/b'");
  assert_fails (fixture, "pki issue beta --days 0", 2, "0 days");
  assert_fails (fixture, "pki issue beta --address 'a b'", 2, "'a b'");
}

static void
test_peers (Fixture *fixture, gconstpointer data)
{
  assert_ok (fixture, PEERS, "");
  assert_ok (fixture, "pki init --name alpha -o name", "alpha authority\n");
  assert_ok (fixture, "pki issue anna -o name", "anna\n");
  assert_ok (fixture, "pki issue beta --address 10.0.0.2 -o name", "beta\nbeta\n");

  assert_fails (fixture, "pki trust anna", 2, "needs --role");
  assert_fails (fixture, "pki trust anna --role king", 2, "viewer");
  assert_fails (fixture, "pki trust nobody --role viewer", 10, "no certificate of 'nobody' was issued here");
  assert_fails (fixture, "pki trust x --role viewer --fingerprint 12", 2, "'12' is no fingerprint");
  assert_fails (fixture, "pki trust x --role viewer --fingerprint 12 --cert f", 2, "exclude");
  assert_fails (fixture, "pki trust x --role viewer --cert ROOT/pki/issued/beta/server-cert.pem", 2, "not for clients");
  assert_fails (fixture, "pki trust x --role viewer --cert ROOT/nowhere", 10, "cannot read the certificate");

  assert_ok (fixture, "pki trust beta --role operator", "");
  assert_ok (fixture, "pki trust ann --role viewer --cert ROOT/pki/issued/anna/client-cert.pem", "");
  assert_ok (fixture, PEERS, "beta\toperator\nann\tviewer\n");
  assert_ok (fixture, "pki trust anna --role admin", "");
  assert_ok (fixture, PEERS, "beta\toperator\nanna\tadmin\n");
  assert_ok (fixture, "pki untrust anna", "");
  assert_fails (fixture, "pki untrust anna", 10, "there is no peer 'anna'");
  assert_ok (fixture, "pki revoke beta -y", "");
  assert_ok (fixture, PEERS, "");
  assert_fails (fixture, "pki trust beta --role operator", 10, "no certificate of 'beta'");
}

static void
test_help (Fixture *fixture, gconstpointer data)
{
  g_autoptr(Run) help = run (fixture, "help pki");
  g_autoptr(Run) schema = run (fixture, "schema certificate");

  assert_golden ("help-pki", help->out);
  g_assert_cmpint (schema->status, ==, 0);
  g_assert_nonnull (strstr (schema->out, "qmig.certificate/1"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)
  ADD ("/cli/pki/certificates", test_certificates);
  ADD ("/cli/pki/peers", test_peers);
  ADD ("/cli/pki/help", test_help);
  return g_test_run ();
}
