/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Moves between two machines that share nothing but files and a cable. */

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture.h"
#include "lab.h"

#define BUSY "ws=16;rate=20;fill=16;check=1"

static void
assert_moved (Lab *lab, RigRun *run, const RigHost *to)
{
  g_autoptr(QmigResult) result = NULL;

  if (run->exit_code != QMIG_EXIT_OK)
    g_test_message ("%s", run->out);
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_OK);
  result = rig_result (run);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_cmpstr (result->vm_host, ==, to->name);
}

static void
test_there_and_back (const LabTransport *transport)
{
  g_autoptr(Lab) lab = lab_new (transport, rig_new);

  if (lab == NULL || !lab_start_agents (lab, NULL))
    return;
  rig_start_guest (lab->rig, BUSY, NULL);
  for (int i = 0; i < 2; i++)
    {
      const RigHost *from = i == 0 ? &lab->rig->alpha : &lab->rig->beta;
      const RigHost *to = i == 0 ? &lab->rig->beta : &lab->rig->alpha;
      g_autoptr(RigRun) run = rig_finish (lab_migrate (lab, from, to, NULL));

      assert_moved (lab, run, to);
      rig_assert_one_runs (lab->rig);
      rig_assert_nothing_left (lab->rig);
    }
}

/* A guest keeps its configuration in its memory, word for word. */
#define SECRET "what-lies-in-memory-is-nobodys-business"

/*
 * Whether who listens reads along is a property of the transport; where the memory travels in the clear it has to be
 * found, or this test would find nothing anywhere.
 */
static void
test_listener (const LabTransport *transport)
{
  g_autoptr(Lab) lab = lab_new (transport, rig_new);
  const char *more[] = { "--bandwidth", "100MiB/s", NULL };
  g_autoptr(RigRun) run = NULL;
  Capture *capture;
  CaptureState state;

  if (lab == NULL || !lab_start_agents (lab, NULL))
    return;
  rig_start_guest (lab->rig, BUSY ";" SECRET, NULL);
  capture = capture_new (&lab->net->outside, "beta", SECRET);
  run = rig_finish (lab_migrate (lab, &lab->rig->alpha, &lab->rig->beta, more));
  capture_end (capture, &state);
  assert_moved (lab, run, &lab->rig->beta);

  g_test_message ("%" G_GUINT64_FORMAT " bytes on the wire, %" G_GUINT64_FORMAT " in one flow; found %" G_GUINT64_FORMAT
                  " times there, %" G_GUINT64_FORMAT " times in all; %" G_GUINT64_FORMAT " frames lost",
                  state.payload_bytes, state.largest_bytes, state.found_in_largest, state.found, state.lost_frames);
  g_assert_cmpuint (state.largest_bytes, >, 32 << 20);
  g_assert_cmpuint (state.lost_frames, ==, 0);
  if (transport->in_clear)
    g_assert_cmpuint (state.found_in_largest, >, 0);
  else
    g_assert_cmpuint (state.found, ==, 0);
  rig_assert_one_runs (lab->rig);
}

/* The one command of a person has done all of it. */
static void
test_enrolled (const LabTransport *transport)
{
  static const char *const found[] = { "over TLS", "we are operator there", "moves are encrypted with TLS", "their certificate, for " };
  g_autoptr(Lab) lab = transport->way == LAB_ENROLLED ? lab_new (transport, rig_new) : NULL;

  if (transport->way != LAB_ENROLLED)
    g_test_skip ("nobody is enrolled");
  if (lab == NULL || !lab_start_agents (lab, NULL))
    return;
  for (int i = 0; i < 2; i++)
    {
      const RigHost *here = i == 0 ? &lab->rig->alpha : &lab->rig->beta;
      const RigHost *there = i == 0 ? &lab->rig->beta : &lab->rig->alpha;
      g_autoptr(RigRun) run = rig_qmig (lab->rig, here, "host", "test", there->name, NULL);

      g_test_message ("%s", run->out);
      g_assert_cmpint (run->exit_code, ==, 0);
      for (gsize j = 0; j < G_N_ELEMENTS (found); j++)
        g_assert_nonnull (strstr (run->out, found[j]));
    }
}

#define STRANGERS 1000

/* They say nothing, each from a port of its own.  The descriptors are the caller's. */
static GArray *
flood (Lab *lab, const RigHost *host)
{
  GArray *strangers = g_array_new (FALSE, FALSE, sizeof (int));
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (LAB_AGENT_PORT) };

  g_assert_cmpint (inet_pton (AF_INET, lab_net_host (lab, host)->address, &address.sin_addr), ==, 1);
  for (int i = 0; i < STRANGERS; i++)
    {
      int fd = place_socket (&lab->net->outside, AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

      g_assert_cmpint (fd, >=, 0);
      g_assert_true (connect (fd, (struct sockaddr *) &address, sizeof address) == 0 || errno == EINPROGRESS);
      g_array_append_val (strangers, fd);
    }
  return strangers;
}

static void
assert_ok (Lab *lab, const char *what, const char *argument, const char *option)
{
  g_autoptr(RigRun) run = rig_qmig (lab->rig, &lab->rig->alpha, what, argument, option, NULL);

  if (run->exit_code != 0)
    g_test_message ("%s", run->err);
  g_assert_cmpint (run->exit_code, ==, 0);
}

/* A thousand strangers at the agent's door disturb neither who is known there nor the migration that runs. */
static void
test_strangers (const LabTransport *transport)
{
  g_autoptr(Lab) lab = transport->way == LAB_ENROLLED ? lab_new (transport, rig_new) : NULL;
  g_autoptr(GArray) strangers = NULL;
  g_autoptr(RigRun) run = NULL;
  const char *more[] = { "--hold", NULL };
  RigPending *pending;

  if (transport->way != LAB_ENROLLED)
    g_test_skip ("no port is open to strangers");
  if (lab == NULL || !lab_start_agents (lab, NULL))
    return;
  rig_start_guest (lab->rig, BUSY, NULL);
  pending = lab_migrate (lab, &lab->rig->alpha, &lab->rig->beta, more);
  rig_pending_wait_for (pending, "\"pass\":3");

  strangers = flood (lab, &lab->rig->beta);
  assert_ok (lab, "host", "test", lab->rig->beta.name);
  assert_ok (lab, "switch", "last", "--go");
  run = rig_finish (pending);
  assert_moved (lab, run, &lab->rig->beta);
  rig_assert_one_runs (lab->rig);
  for (guint i = 0; i < strangers->len; i++)
    close (g_array_index (strangers, int, i));
}

int
main (int argc, char **argv)
{
  struct rlimit files = { 4096, 4096 };

  g_test_init (&argc, &argv, NULL);
  setrlimit (RLIMIT_NOFILE, &files);
  lab_add_tests ("enrolled", test_enrolled);
  lab_add_tests ("strangers", test_strangers);
  lab_add_tests ("there-and-back", test_there_and_back);
  lab_add_tests ("listener-on-the-wire", test_listener);
  return g_test_run ();
}
