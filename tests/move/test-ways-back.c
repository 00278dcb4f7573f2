/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whatever dies, and whenever: afterwards exactly one side runs, its memory is
 * whole, nothing is left over, the exit code is right and the text names the
 * cause.  Each row stops the migration at a fault point, does its worst there,
 * and lets it go on.
 */

#include "rig.h"

#include <signal.h>

#define BUSY "ws=16;rate=20;fill=16;check=1"

typedef enum
{
  KILL_DESTINATION,
  STOP_DESTINATION, /* SIGSTOP: it hangs, and is still there */
  KILL_SOURCE,
  CANCEL,
} Evil;

typedef struct
{
  const char *name;
  const char *point;    /* WHEN-STEP at which the source's agent waits */
  Evil evil;
  int exit_code;
  QmigLocation location;
  const char *cause;    /* in the error's text (nullable) */
} Row;

static const Row rows[] = {
  { "destination-killed/stage-1", "before-tune", KILL_DESTINATION, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE, "destination QEMU" },
  { "destination-killed/stage-2", "before-precopy", KILL_DESTINATION, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE, "destination QEMU" },
  { "destination-killed/at-the-gate", "before-switchover", KILL_DESTINATION, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE, "destination" },
  { "destination-killed/in-device", "gate-switchover", KILL_DESTINATION, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE, "destination QEMU" },
  { "destination-hangs/in-device", "gate-switchover", STOP_DESTINATION, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE, "switchover" },
  { "destination-killed/after-completed", "before-commit", KILL_DESTINATION, QMIG_EXIT_ROLLED_BACK, QMIG_LOCATION_SOURCE, "destination" },
  { "source-killed/stage-1", "before-tune", KILL_SOURCE, QMIG_EXIT_ATTENTION, QMIG_LOCATION_NONE, "source" },
  { "source-killed/stage-2", "before-precopy", KILL_SOURCE, QMIG_EXIT_ATTENTION, QMIG_LOCATION_NONE, "source" },
  { "source-killed/at-the-gate", "before-switchover", KILL_SOURCE, QMIG_EXIT_ATTENTION, QMIG_LOCATION_NONE, "source" },
  { "source-killed/after-completed", "before-commit", KILL_SOURCE, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION, NULL },
  { "source-killed/after-commit", "before-release", KILL_SOURCE, QMIG_EXIT_OK, QMIG_LOCATION_DESTINATION, NULL },
  { "cancelled/stage-0", "before-check", CANCEL, QMIG_EXIT_CANCELLED, QMIG_LOCATION_SOURCE, "cancelled" },
  { "cancelled/stage-1", "before-tune", CANCEL, QMIG_EXIT_CANCELLED, QMIG_LOCATION_SOURCE, "cancelled" },
  { "cancelled/stage-2", "before-precopy", CANCEL, QMIG_EXIT_CANCELLED, QMIG_LOCATION_SOURCE, "cancelled" },
  { "cancelled/at-the-gate", "before-switchover", CANCEL, QMIG_EXIT_CANCELLED, QMIG_LOCATION_SOURCE, "cancelled" },
  { "cancelled/in-device", "gate-switchover", CANCEL, QMIG_EXIT_CANCELLED, QMIG_LOCATION_SOURCE, "cancelled" },
  { "cancelled/after-completed", "after-switchover", CANCEL, QMIG_EXIT_CANCELLED, QMIG_LOCATION_SOURCE, "cancelled" },
};

static void
do_evil (Rig *rig, Evil evil)
{
  g_autoptr(RigRun) cancel = NULL;

  switch (evil)
    {
    case KILL_DESTINATION:
      rig_kill_qemu (rig, rig_destination_pid (rig));
      break;
    case STOP_DESTINATION:
      kill (rig_destination_pid (rig), SIGSTOP);
      break;
    case KILL_SOURCE:
      rig_kill_qemu (rig, rig->guest);
      break;
    case CANCEL:
      cancel = rig_qmig (rig, &rig->alpha, "cancel", "last", NULL);
      g_assert_cmpint (cancel->exit_code, ==, 0);
      break;
    }
}

static void
test_way_back (gconstpointer data)
{
  const Row *row = data;
  g_autoptr(Rig) rig = rig_new ();
  g_autofree char *fifo = NULL;
  g_autofree char *fault = NULL;
  g_autoptr(RigRun) run = NULL;
  g_autoptr(QmigResult) result = NULL;
  const char *args[] = { "migrate", NULL, NULL, "-o", "jsonl", NULL };
  RigPending *pending;
  int meeting;

  if (rig == NULL)
    return;
  fifo = rig_fifo (rig, "fault");
  fault = g_strdup_printf ("%s=meet:%s", row->point, fifo);
  rig_start_agent (rig, &rig->alpha, fault);
  rig_start_agent (rig, &rig->beta, NULL);
  rig_start_guest (rig, BUSY, NULL);

  args[1] = rig->vm;

  args[2] = rig->beta.uri;
  pending = rig_qmig_begin (rig, &rig->alpha, args);
  meeting = rig_meet (fifo);
  do_evil (rig, row->evil);
  rig_part (meeting);
  run = rig_finish (pending);

  result = rig_result (run);
  g_assert_cmpint (run->exit_code, ==, row->exit_code);
  g_assert_cmpint (result->exit_code, ==, row->exit_code);
  g_assert_cmpint (result->vm_location, ==, row->location);
  if (row->cause != NULL)
    {
      g_assert_nonnull (result->error);
      g_assert_nonnull (strstr (result->error, row->cause));
    }

  if (row->location == QMIG_LOCATION_NONE)
    rig_wait_qemus (rig, 0);
  else
    rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

/* -- agents that die ------------------------------------------------------------ */

typedef struct
{
  const char *name;
  const char *point;
  gboolean beta;        /* whose agent dies */
} DeathRow;

#define AGENTS_DIE(step) \
  { "agent-killed/source/before-" step, "before-" step, FALSE }, \
  { "agent-killed/source/after-" step, "after-" step, FALSE }, \
  { "agent-killed/destination/before-" step, "before-" step, TRUE }, \
  { "agent-killed/destination/after-" step, "after-" step, TRUE }

static const DeathRow deaths[] = {
  AGENTS_DIE ("check"),
  AGENTS_DIE ("prepare"),
  AGENTS_DIE ("tune"),
  AGENTS_DIE ("precopy"),
  AGENTS_DIE ("switchover"),
  AGENTS_DIE ("commit"),
  AGENTS_DIE ("release"),
};

static void
wait_settled (Rig *rig)
{
  g_autoptr(RigRun) wait = rig_qmig (rig, &rig->alpha, "migration", "wait", "last", "--timeout", "120s", NULL);

  g_test_message ("settled: %s", wait->out);
}

static void
test_agent_killed (gconstpointer data)
{
  const DeathRow *row = data;
  g_autoptr(Rig) rig = rig_new ();
  g_autofree char *fifo = NULL;
  g_autofree char *fault = NULL;
  g_autoptr(RigRun) run = NULL;
  const char *args[] = { "migrate", NULL, NULL, "--no-wait", NULL };
  RigHost *victim;
  int meeting;

  if (rig == NULL)
    return;
  victim = row->beta ? &rig->beta : &rig->alpha;
  fifo = rig_fifo (rig, "fault");
  fault = g_strdup_printf ("%s=meet:%s", row->point, fifo);
  rig_start_agent (rig, &rig->alpha, fault);
  rig_start_agent (rig, &rig->beta, NULL);
  rig_start_guest (rig, BUSY, NULL);

  args[1] = rig->vm;

  args[2] = rig->beta.uri;
  run = rig_finish (rig_qmig_begin (rig, &rig->alpha, args));
  g_assert_cmpint (run->exit_code, ==, 0);
  meeting = rig_meet (fifo);
  rig_kill_agent (victim);
  rig_part (meeting);
  rig_start_agent (rig, victim, NULL);

  wait_settled (rig);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

/* -- a paused VM --------------------------------------------------------------------- */

static void
tell_source (Rig *rig, const char *command)
{
  g_autoptr(RigRun) run = rig_qmig (rig, &rig->alpha, "vm", "qmp", rig->vm, command, NULL);

  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_OK);
}

/* What the result says of another try is true, also with a QEMU that leaves the VM in postmigrate. */
static void
test_paused (void)
{
  g_autoptr(Rig) rig = rig_new ();
  g_autofree char *fifo = NULL;
  g_autofree char *fault = NULL;
  g_autoptr(RigRun) failed = NULL;
  g_autoptr(RigRun) moved = NULL;
  g_autoptr(QmigResult) first = NULL;
  g_autoptr(QmigResult) second = NULL;
  const char *args[] = { "migrate", NULL, NULL, "-o", "jsonl", NULL };
  RigPending *pending;
  int meeting;

  if (rig == NULL)
    return;
  fifo = rig_fifo (rig, "fault");
  fault = g_strdup_printf ("gate-switchover=meet:%s", fifo);
  rig_start_agent (rig, &rig->alpha, fault);
  rig_start_agent (rig, &rig->beta, NULL);
  rig_start_guest (rig, BUSY, NULL);
  tell_source (rig, "stop");
  args[1] = rig->vm;
  args[2] = rig->beta.uri;
  pending = rig_qmig_begin (rig, &rig->alpha, args);
  meeting = rig_meet (fifo);
  rig_kill_qemu (rig, rig_destination_pid (rig));
  rig_part (meeting);
  failed = rig_finish (pending);
  first = rig_result (failed);
  g_assert_cmpint (failed->exit_code, ==, QMIG_EXIT_ROLLED_BACK);
  g_assert_cmpint (first->safe_to_retry, ==, g_str_equal (first->vm_state, "paused"));
  if (!first->safe_to_retry)
    {
      g_assert_cmpstr (first->vm_state, ==, "postmigrate");
      g_assert_nonnull (strstr (first->next, "`cont`, then `stop`"));
      tell_source (rig, "cont");
      tell_source (rig, "stop");
    }

  moved = rig_finish (rig_qmig_begin (rig, &rig->alpha, args));
  second = rig_result (moved);
  g_assert_cmpint (moved->exit_code, ==, QMIG_EXIT_OK);
  g_assert_cmpstr (second->vm_state, ==, "paused");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/ways-back/%s", rows[i].name);

      g_test_add_data_func (path, &rows[i], test_way_back);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (deaths); i++)
    {
      g_autofree char *path = g_strdup_printf ("/ways-back/%s", deaths[i].name);

      g_test_add_data_func (path, &deaths[i], test_agent_killed);
    }
  g_test_add_func ("/ways-back/destination-killed/paused", test_paused);
  return g_test_run ();
}
