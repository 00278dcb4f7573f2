/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Moves that succeed, with real QEMUs: a VM started by hand, there and back, paused, held, tuned while it runs. */

#include "rig.h"

#include <signal.h>

/* Enough to need several passes, little enough for TCG. */
#define BUSY "ws=16;rate=20;fill=16;check=1"

static Rig *
rig_with_hosts (void)
{
  Rig *rig = rig_new ();

  if (rig != NULL)
    {
      rig_start_agent (rig, &rig->alpha, NULL);
      rig_start_agent (rig, &rig->beta, NULL);
    }
  return rig;
}

static void
assert_moved (Rig *rig, const QmigResult *result)
{
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_cmpint (result->exit_code, ==, QMIG_EXIT_OK);
  g_assert_cmpint (result->vm_location, ==, QMIG_LOCATION_DESTINATION);
  g_assert_cmpstr (result->vm_host, ==, rig->beta.name);
  g_assert_cmpint (rig_destination_pid (rig), ==, result->destination_pid);
}

static void
test_started_by_hand (void)
{
  g_autoptr(Rig) rig = rig_with_hosts ();
  g_autoptr(RigRun) list = NULL;
  g_autoptr(RigRun) run = NULL;
  g_autoptr(RigRun) there = NULL;
  g_autoptr(QmigResult) result = NULL;

  if (rig == NULL)
    return;
  rig_start_guest (rig, BUSY, NULL);

  list = rig_qmig (rig, &rig->alpha, "vm", "list", "-o", "json", NULL);
  g_assert_cmpint (list->exit_code, ==, 0);
  g_assert_nonnull (strstr (list->out, rig->dir));

  run = rig_qmig (rig, &rig->alpha, "migrate", rig->vm, rig->beta.uri, "-o", "jsonl", NULL);
  g_assert_cmpint (run->exit_code, ==, 0);
  result = rig_result (run);
  assert_moved (rig, result);
  g_assert_cmpstr (result->vm_state, ==, "running");
  g_assert_cmpfloat (result->blackout_ms, >, 0);
  g_assert_cmpint (result->downtime_ms, >=, 0);
  g_assert_cmpint (result->passes, >=, 1);
  g_assert_nonnull (strstr (run->out, "\"sample\""));

  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);

  there = rig_qmig (rig, &rig->beta, "vm", "list", "-o", "name", NULL);
  g_assert_nonnull (strstr (there->out, rig->vm));
}

static void
test_there_and_back (void)
{
  g_autoptr(Rig) rig = rig_with_hosts ();

  if (rig == NULL)
    return;
  rig_start_guest (rig, BUSY, NULL);
  for (int i = 0; i < 4; i++)
    {
      const RigHost *from = i % 2 == 0 ? &rig->alpha : &rig->beta;
      const RigHost *to = i % 2 == 0 ? &rig->beta : &rig->alpha;
      g_autoptr(RigRun) run = rig_qmig (rig, from, "migrate", rig->vm, to->uri, NULL);

      g_assert_cmpint (run->exit_code, ==, 0);
      rig_assert_one_runs (rig);
      rig_assert_nothing_left (rig);
    }
}

/* A local move is a move whose destination is the same agent. */
static void
test_local (void)
{
  g_autoptr(Rig) rig = rig_with_hosts ();
  g_autoptr(RigRun) run = NULL;

  if (rig == NULL)
    return;
  rig_start_guest (rig, BUSY, NULL);
  run = rig_qmig (rig, &rig->alpha, "migrate", rig->vm, "local", NULL);
  g_assert_cmpint (run->exit_code, ==, 0);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

/* Both QEMUs' words are told, whether the other one's agent is this one or another. */
static void
assert_traced (Rig *rig, const char *destination, const char *host)
{
  g_autoptr(RigRun) run = rig_qmig (rig, &rig->alpha, "migrate", rig->vm, destination, "--trace-qmp", NULL);
  g_autoptr(RigRun) events = rig_qmig (rig, &rig->alpha, "migration", "events", "last", "-o", "jsonl", NULL);
  g_auto(GStrv) lines = g_strsplit (events->out, "\n", -1);
  static const char *const theirs[] = { "\"migrate-incoming\"", "\"migrate-set-capabilities\"", "\"cont\"", "\"RESUME\"" };
  g_autofree char *name = g_strdup_printf ("\"host\":\"%s\"", host);
  gboolean found[G_N_ELEMENTS (theirs)] = { FALSE };
  gboolean source = FALSE;

  g_assert_cmpint (run->exit_code, ==, 0);
  for (char **line = lines; *line != NULL; line++)
    {
      gboolean there = strstr (*line, "\"side\":\"destination\"") != NULL;

      source |= strstr (*line, "\"side\":\"source\"") != NULL && strstr (*line, "\"migrate\"") != NULL;
      for (gsize i = 0; there && i < G_N_ELEMENTS (theirs); i++)
        found[i] |= strstr (*line, theirs[i]) != NULL && strstr (*line, name) != NULL && strstr (*line, "\"time_us\":") != NULL;
    }
  g_assert_true (source);
  for (gsize i = 0; i < G_N_ELEMENTS (theirs); i++)
    if (!found[i])
      g_error ("%s is not told of the destination:\n%s", theirs[i], events->out);
}

static void
test_traced (void)
{
  g_autoptr(Rig) rig = rig_with_hosts ();

  if (rig == NULL)
    return;
  rig_start_guest (rig, BUSY, NULL);
  assert_traced (rig, "local", "a");
  assert_traced (rig, rig->beta.uri, "b");
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

static void
test_tcp (void)
{
  g_autoptr(Rig) rig = rig_with_hosts ();
  g_autoptr(RigRun) run = NULL;

  if (rig == NULL)
    return;
  rig_start_guest (rig, BUSY, NULL);
  run = rig_qmig (rig, &rig->alpha, "migrate", rig->vm, rig->beta.uri, "--transport", "tcp", "--listen", "127.0.0.1", NULL);
  g_assert_cmpint (run->exit_code, ==, 0);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

static void
test_paused_stays_paused (void)
{
  g_autoptr(Rig) rig = rig_with_hosts ();
  g_autoptr(RigRun) stop = NULL;
  g_autoptr(RigRun) run = NULL;
  g_autoptr(RigRun) cont = NULL;
  g_autoptr(QmigResult) result = NULL;

  if (rig == NULL)
    return;
  rig_start_guest (rig, BUSY, NULL);
  stop = rig_qmig (rig, &rig->alpha, "vm", "qmp", rig->vm, "stop", NULL);
  g_assert_cmpint (stop->exit_code, ==, 0);

  run = rig_qmig (rig, &rig->alpha, "migrate", rig->vm, rig->beta.uri, "-o", "jsonl", NULL);
  result = rig_result (run);
  assert_moved (rig, result);
  g_assert_cmpstr (result->vm_state, ==, "paused");
  rig_wait_qemus (rig, 1);

  cont = rig_qmig (rig, &rig->beta, "vm", "qmp", rig->vm, "cont", NULL);
  g_assert_cmpint (cont->exit_code, ==, 0);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

/* Held, the guest runs on although QEMU could switch; turned knobs are told apart from wishes. */
static void
test_held_and_tuned (void)
{
  g_autoptr(Rig) rig = rig_with_hosts ();
  const char *args[] = { "migrate", NULL, NULL, "--hold", "-o", "jsonl", NULL };
  g_autoptr(RigRun) tune = NULL;
  g_autoptr(RigRun) go = NULL;
  g_autoptr(RigRun) run = NULL;
  g_autoptr(QmigResult) result = NULL;
  RigPending *pending;

  if (rig == NULL)
    return;
  rig_start_guest (rig, BUSY, NULL);
  args[1] = rig->vm;
  args[2] = rig->beta.uri;
  pending = rig_qmig_begin (rig, &rig->alpha, args);
  rig_pending_wait_for (pending, "\"pass\":3");

  tune = rig_qmig (rig, &rig->alpha, "tune", "last", "--downtime", "400ms", "--bandwidth", "500MiB/s", NULL);
  g_assert_cmpint (tune->exit_code, ==, 0);
  rig_pending_wait_for (pending, "\"accepted\"");
  go = rig_qmig (rig, &rig->alpha, "switch", "last", "--go", NULL);
  g_assert_cmpint (go->exit_code, ==, 0);

  run = rig_finish (pending);
  result = rig_result (run);
  assert_moved (rig, result);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

static void
test_expectations (void)
{
  g_autoptr(Rig) rig = rig_with_hosts ();
  g_autoptr(RigRun) run = NULL;
  g_autoptr(QmigResult) result = NULL;

  if (rig == NULL)
    return;
  rig_start_guest (rig, BUSY, NULL);
  run = rig_qmig (rig, &rig->alpha, "migrate", rig->vm, rig->beta.uri, "--expect", "total=1ms", "-o", "jsonl", NULL);
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_OBJECTIVE);
  result = rig_result (run);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_nonnull (result->missed[0]);
  rig_assert_one_runs (rig);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/move/started-by-hand", test_started_by_hand);
  g_test_add_func ("/move/there-and-back", test_there_and_back);
  g_test_add_func ("/move/local", test_local);
  g_test_add_func ("/move/traced", test_traced);
  g_test_add_func ("/move/tcp", test_tcp);
  g_test_add_func ("/move/paused-stays-paused", test_paused_stays_paused);
  g_test_add_func ("/move/held-and-tuned", test_held_and_tuned);
  g_test_add_func ("/move/expectations", test_expectations);
  return g_test_run ();
}
