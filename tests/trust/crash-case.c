/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crash-case.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <glob.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "relay.h"
#include "rig.h"
#include "run-watch.h"

#define GUEST "ws=4;rate=20;fill=4;check=1"
#define MEMORY_MIB 32
/* Of what the agents wait for otherwise; the lease is 6 s then. */
#define LIMITS_PERCENT "30"
#define LEASE_US 6000000
#define PATIENCE_US 90000000
#define POLL_US 10000

typedef struct
{
  const CrashCase *c;
  Rig *rig;
  RunWatch *runs;
  Relay *words;   /* between the agents */
  Relay *memory;  /* between the QEMUs (nullable) */
  char *uri;      /* of beta, through the relay */
  char *stream;   /* fifo: where the stream's relay is put in between */
  char *fifo;     /* where the fault comes */
  char *again;    /* fifo: in the middle of the recovery */
  GPid destination;
} Crash;

static gboolean
hurts_stream (const CrashCase *c)
{
  return c->fault == FAULT_LINK || c->fault == FAULT_RETURN_PATH;
}

/* -- set-up ------------------------------------------------------------------ */

static gboolean
is_point (const CrashCase *c, const char *step, gboolean after)
{
  return c->after == after && g_str_equal (c->step, step);
}

static gboolean
is_before_stream (const CrashCase *c)
{
  return g_str_equal (c->step, "check") || g_str_equal (c->step, "prepare") || g_str_equal (c->step, "tune");
}

/* A relay comes in between at the point before the copying, unless the fault comes earlier or there. */
static gboolean
meets_for_stream (const CrashCase *c)
{
  return hurts_stream (c) && !is_before_stream (c) && !is_point (c, "precopy", FALSE);
}

static void
start (Crash *x)
{
  Rig *rig = x->rig;
  g_autofree char *there = g_strdup_printf ("%s/agent.sock", rig->beta.runtime_dir);
  g_autofree char *words = g_build_filename (rig->dir, "words.sock", NULL);
  g_autofree char *watched = g_build_filename (rig->dir, "watch.qmp", NULL);
  g_autofree char *monitor = g_strdup_printf ("unix:%s,server=on,wait=off", watched);
  g_autofree char *moved = g_strdup_printf ("%s/vm/*/watch.qmp", rig->beta.runtime_dir);
  g_autofree char *fault = NULL;
  const char *more[] = { "-qmp", monitor, NULL };

  g_setenv ("QMIG_LIMITS", LIMITS_PERCENT, TRUE);
  rig->memory_mib = MEMORY_MIB;
  x->words = relay_new (words, there);
  x->uri = g_strdup_printf ("unix:%s", words);
  x->fifo = rig_fifo (rig, "fault");
  x->stream = rig_fifo (rig, "stream");
  x->again = rig_fifo (rig, "again");
  fault = g_strdup_printf ("%s-%s=meet:%s%s%s", x->c->after ? "after" : "before", x->c->step, x->fifo,
                           meets_for_stream (x->c) ? ";before-precopy=meet:" : "", meets_for_stream (x->c) ? x->stream : "");
  rig_start_agent (rig, &rig->alpha, fault);
  rig_start_agent (rig, &rig->beta, NULL);
  x->runs = run_watch_new (watched, moved);
  rig_start_guest (rig, GUEST, more);
}

/* From now on the socket's name leads to the relay. */
static void
put_relay_into_stream (Crash *x)
{
  g_autofree char *pattern = g_strdup_printf ("%s/vm/*/migrate.sock", x->rig->beta.runtime_dir);
  g_autofree char *real = g_build_filename (x->rig->dir, "real.sock", NULL);
  glob_t found = { 0 };

  g_assert_cmpint (glob (pattern, 0, NULL, &found), ==, 0);
  g_assert_cmpuint (found.gl_pathc, ==, 1);
  g_assert_no_errno (g_rename (found.gl_pathv[0], real));
  x->memory = relay_new (found.gl_pathv[0], real);
  globfree (&found);
}

/* Returns at the point, for rig_part(). */
static int
migrate_to_point (Crash *x)
{
  const char *verb = g_str_equal (x->c->step, "gauge") ? "rehearse" : "migrate";
  g_autoptr(RigRun) run = rig_qmig (x->rig, &x->rig->alpha, verb, x->rig->vm, x->uri, "--no-wait", NULL);
  int meeting;

  g_assert_cmpint (run->exit_code, ==, 0);
  if (meets_for_stream (x->c))
    {
      meeting = rig_meet (x->stream);
      put_relay_into_stream (x);
      rig_part (meeting);
    }
  meeting = rig_meet (x->fifo);
  if (hurts_stream (x->c) && is_point (x->c, "precopy", FALSE))
    put_relay_into_stream (x);
  x->destination = rig_destination_pid (x->rig);
  return meeting;
}

/* -- the fault --------------------------------------------------------------- */

static void
limit_files (GPid pid, rlim_t bytes)
{
  struct rlimit limit;

  g_assert_no_errno (prlimit (pid, RLIMIT_FSIZE, NULL, &limit));
  limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
  g_assert_no_errno (prlimit (pid, RLIMIT_FSIZE, &limit, NULL));
}

static void
do_fault (Crash *x)
{
  switch (x->c->fault)
    {
    case FAULT_SOURCE_AGENT:
      rig_kill_agent (&x->rig->alpha);
      break;
    case FAULT_DESTINATION_AGENT:
      rig_kill_agent (&x->rig->beta);
      break;
    case FAULT_BOTH_AGENTS:
      rig_kill_agent (&x->rig->alpha);
      rig_kill_agent (&x->rig->beta);
      break;
    case FAULT_SOURCE:
      rig_kill_qemu (x->rig, x->rig->guest);
      break;
    case FAULT_DESTINATION:
      rig_kill_qemu (x->rig, x->destination);
      break;
    case FAULT_DESTINATION_HANGS:
      g_assert_no_errno (kill (x->destination, SIGSTOP));
      break;
    case FAULT_LINK:
      relay_set (x->words, RELAY_IS_SILENT);
      if (x->memory != NULL)
        relay_set (x->memory, RELAY_IS_SILENT);
      break;
    case FAULT_RETURN_PATH:
      relay_set (x->memory, RELAY_DROPS_ANSWERS);
      break;
    case FAULT_SOURCE_JOURNAL:
      limit_files (x->rig->alpha.agent, 0);
      break;
    case FAULT_DESTINATION_JOURNAL:
      limit_files (x->rig->beta.agent, 0);
      break;
    case N_FAULTS:
      g_assert_not_reached ();
    }
}

static void
mend (Crash *x)
{
  if (x->c->fault == FAULT_DESTINATION_HANGS)
    kill (x->destination, SIGCONT);
  if (x->c->fault == FAULT_SOURCE_JOURNAL && x->rig->alpha.agent != 0)
    limit_files (x->rig->alpha.agent, RLIM_INFINITY);
  if (x->c->fault == FAULT_DESTINATION_JOURNAL && x->rig->beta.agent != 0)
    limit_files (x->rig->beta.agent, RLIM_INFINITY);
  relay_set (x->words, RELAY_CARRIES);
  if (x->memory != NULL)
    relay_set (x->memory, RELAY_CARRIES);
}

/* -- what happens next ---------------------------------------------------------- */

static QmigMigrationInfo *
show (Crash *x)
{
  g_autoptr(RigRun) run = rig_qmig (x->rig, &x->rig->alpha, "migration", "show", "last", "-o", "json", NULL);
  QmigMigrationInfo *info = qmig_migration_info_from_text (run->out, -1, NULL);

  if (info == NULL)
    g_error ("cannot show the migration: %s%s", run->out, run->err);
  return info;
}

static void
wait_over (Crash *x)
{
  g_autoptr(RigRun) run = rig_qmig (x->rig, &x->rig->alpha, "migration", "wait", "last", "--timeout", "90s", NULL);

  g_test_message ("over (%d): %s", run->exit_code, run->out);
  if (run->exit_code == QMIG_EXIT_TIMEOUT)
    g_error ("it does not end");
}

static void
recover (Crash *x, const char *assume)
{
  g_autoptr(RigRun) run = rig_qmig (x->rig, &x->rig->alpha, "recover", "last", "--yes", assume, NULL);

  g_test_message ("recover (%d): %s%s", run->exit_code, run->out, run->err);
}

/* The stream breaks once something of the destination was lost in it; or it is over before. */
static void
break_return_path (Crash *x)
{
  gint64 start_us = g_get_monotonic_time ();

  if (x->c->fault != FAULT_RETURN_PATH)
    return;
  while (relay_get_dropped (x->memory) == 0 && g_get_monotonic_time () - start_us < LEASE_US)
    g_usleep (POLL_US);
  relay_set (x->memory, RELAY_IS_BROKEN);
}

static void
start_if_dead (Crash *x, RigHost *host, const char *fault)
{
  if (host->agent == 0)
    rig_start_agent (x->rig, host, fault);
}

static guint
count_reservations (Crash *x)
{
  g_autoptr(RigRun) run = rig_qmig (x->rig, &x->rig->beta, "host", "show", "local", "-o", "json", NULL);
  g_autoptr(QmigHostInfo) info = qmig_host_info_from_text (run->out, -1, NULL);

  return info != NULL ? info->incoming : 1;
}

/* Whoever holds all of the VM keeps it for longer. */
static void
wait_lease_over (Crash *x)
{
  gint64 start_us = g_get_monotonic_time ();

  while (count_reservations (x) > 0 && g_get_monotonic_time () - start_us < LEASE_US * 5 / 4)
    g_usleep (10 * POLL_US);
}

/* Kills the agent where its recovery has got to its first act, if it does one. */
static void
kill_recovery (Crash *x)
{
  g_autofree char *fault = g_strdup_printf ("*=meet:%s", x->again);
  gint64 start_us = g_get_monotonic_time ();
  int meeting;

  rig_start_agent (x->rig, &x->rig->alpha, fault);
  while ((meeting = open (x->again, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0)
    {
      g_autoptr(QmigMigrationInfo) info = show (x);

      if (!info->active)
        return;
      g_assert_cmpint (g_get_monotonic_time () - start_us, <, PATIENCE_US);
      g_usleep (POLL_US);
    }
  g_test_message ("the recovery is killed");
  rig_kill_agent (&x->rig->alpha);
  rig_part (meeting);
}

static void
do_next (Crash *x, int meeting)
{
  RigHost *alpha = &x->rig->alpha;
  RigHost *beta = &x->rig->beta;

  if (x->c->next != NEXT_RECOVER)
    rig_kill_agent (alpha);
  if (x->c->next == NEXT_RESTART)
    rig_kill_agent (beta);
  start_if_dead (x, beta, NULL);
  rig_part (meeting);
  break_return_path (x);
  switch (x->c->next)
    {
    case NEXT_RESTART:
    case NEXT_RECOVER:
      break;
    case NEXT_LEASE:
      wait_lease_over (x);
      break;
    case NEXT_RECOVER_KILLED:
      kill_recovery (x);
      break;
    case N_NEXTS:
      g_assert_not_reached ();
    }
  start_if_dead (x, alpha, NULL);
  wait_over (x);
}

/* -- the proof --------------------------------------------------------------------- */

static gboolean
is_of_rig (Crash *x, const char *pid)
{
  static const char *const files[] = { "cmdline", "environ" };
  gboolean found = FALSE;

  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_strdup_printf ("/proc/%s/%s", pid, files[i]);
      g_autofree char *text = NULL;
      gsize length = 0;

      found |= g_file_get_contents (path, &text, &length, NULL) && memmem (text, length, x->rig->dir, strlen (x->rig->dir)) != NULL;
    }
  return found;
}

static guint
count_processes (Crash *x)
{
  g_autoptr(GDir) proc = g_dir_open ("/proc", 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (proc)) != NULL)
    n += g_ascii_isdigit (*name) && atoi (name) != getpid () && is_of_rig (x, name);
  return n;
}

static void
assert_nothing_left (Crash *x, guint qemus)
{
  gint64 start_us = g_get_monotonic_time ();

  while (count_reservations (x) > 0)
    {
      if (g_get_monotonic_time () - start_us > PATIENCE_US)
        g_error ("the destination's host keeps a reservation");
      g_usleep (10 * POLL_US);
    }
  rig_wait_qemus (x->rig, qemus);
  rig_assert_nothing_left (x->rig);
  g_assert_cmpuint (count_processes (x), ==, 2 + qemus);
}

static CrashEnd
end_of (Crash *x, const QmigMigrationInfo *info)
{
  g_autoptr(GArray) qemus = rig_qemus (x->rig);

  g_assert_false (info->active);
  g_assert_nonnull (info->result);
  switch ((QmigOutcome) info->result->outcome)
    {
    case QMIG_OUTCOME_COMPLETED:
      g_assert_cmpint (info->result->vm_location, ==, QMIG_LOCATION_DESTINATION);
      return qemus->len == 0 ? END_CRASHED_LATER : END_ON_DESTINATION;
    case QMIG_OUTCOME_REFUSED:
    case QMIG_OUTCOME_ROLLED_BACK:
    case QMIG_OUTCOME_CANCELLED:
    case QMIG_OUTCOME_REHEARSED:
      if (qemus->len == 0 && info->result->vm_location == QMIG_LOCATION_NONE)
        return END_LOST;
      g_assert_cmpint (info->result->vm_location, ==, QMIG_LOCATION_SOURCE);
      return END_ON_SOURCE;
    case QMIG_OUTCOME_ATTENTION:
      return qemus->len == 0 ? END_LOST : END_UNKNOWABLE;
    case QMIG_OUTCOME_ACTIVE:
    case QMIG_OUTCOME_GUEST_ENDED:
      break;
    }
  g_error ("it ended as %s", qmig_outcome_names[info->result->outcome]);
}

static const char *
word_for (CrashEnd end)
{
  switch (end)
    {
    case END_ON_SOURCE:
      return "on-source";
    case END_ON_DESTINATION:
      return "on-destination";
    case END_LOST:
      return "lost";
    case END_UNKNOWABLE:
      return "unknowable";
    case END_CRASHED_LATER:
      return "crashed-later";
    }
  g_assert_not_reached ();
}

static void
assert_never_two (Crash *x)
{
  g_autoptr(GError) error = NULL;

  run_watch_is_sound (x->runs, &error);
  g_assert_no_error (error);
}

/* The destination ran, and so ticked, before it died: what the source does now was done before. */
static void
settle_by_word (Crash *x)
{
  g_autoptr(QmigMigrationInfo) info = NULL;

  g_assert_cmpuint (run_watch_count_running (x->runs), ==, 0);
  recover (x, "--assume=source");
  info = show (x);
  g_assert_cmpint (info->result->vm_location, ==, QMIG_LOCATION_SOURCE);
  rig_assert_guest_works (x->rig);
}

static void
judge (Crash *x)
{
  g_autoptr(QmigMigrationInfo) info = show (x);
  CrashEnd end = end_of (x, info);
  GPid destination = rig_destination_pid (x->rig);

  g_test_message ("end: %s", word_for (end));
  if ((x->c->ends & end) == 0)
    g_error ("it ended %s: %s; next: %s", word_for (end), info->result->error, info->result->next);
  if (end == END_UNKNOWABLE)
    settle_by_word (x);
  else if (end == END_ON_SOURCE || end == END_ON_DESTINATION)
    {
      g_assert_cmpint (destination != 0, ==, end == END_ON_DESTINATION);
      rig_assert_one_runs (x->rig);
      g_assert_cmpuint (run_watch_count_running (x->runs), ==, 1);
    }
  assert_never_two (x);
  assert_nothing_left (x, end == END_LOST || end == END_CRASHED_LATER ? 0 : 1);
  assert_never_two (x);
}

static gboolean
wants_recovery (const CrashCase *c, const QmigMigrationInfo *info)
{
  return c->next == NEXT_RECOVER || c->next == NEXT_RECOVER_KILLED || info->active || info->result == NULL || info->result->outcome == QMIG_OUTCOME_ATTENTION || info->result->next != NULL;
}

static void
crash_clear (Crash *x)
{
  run_watch_free (x->runs);
  relay_free (x->memory);
  relay_free (x->words);
  rig_free (x->rig);
  g_free (x->uri);
  g_free (x->stream);
  g_free (x->fifo);
  g_free (x->again);
}

void
crash_case_run (const CrashCase *c)
{
  Crash x = { .c = c, .rig = rig_new () };
  g_autoptr(QmigMigrationInfo) first = NULL;
  int meeting;

  if (x.rig == NULL)
    return;
  start (&x);
  meeting = migrate_to_point (&x);
  do_fault (&x);
  do_next (&x, meeting);
  first = show (&x);
  if (first->result != NULL && first->result->outcome == QMIG_OUTCOME_ATTENTION && !c->may_ask)
    g_error ("it needs attention, and should not: %s", first->result->error);
  assert_never_two (&x);
  mend (&x);
  if (wants_recovery (c, first))
    recover (&x, NULL);
  judge (&x);
  crash_clear (&x);
}
