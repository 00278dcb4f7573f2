/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Post-copy with real QEMUs: a guest that writes changes over before its memory is there, and whatever breaks on the way
 * afterwards, in the end one side runs and every page is right.
 */

#include "rig.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <unistd.h>

/* More than the slowed stream sends while a test does its worst. */
#define BUSY "ws=16;rate=20;fill=48;check=1"
#define SLOW "8MiB/s"
#define PATIENCE_US 60000000

/* The kernel lets not everybody handle page faults; qmig then moves without post-copy, which is another test. */
static gboolean
can_postcopy (void)
{
  g_autofree char *text = NULL;

  if (getuid () == 0 || (g_file_get_contents ("/proc/sys/vm/unprivileged_userfaultfd", &text, NULL, NULL) && text[0] == '1'))
    return TRUE;
  g_test_skip ("userfaultfd is not for this user here (vm.unprivileged_userfaultfd is 0)");
  return FALSE;
}

/* NULL after g_test_skip(). */
static Rig *
rig_with_guest (void)
{
  Rig *rig = can_postcopy () ? rig_new () : NULL;

  if (rig == NULL)
    return NULL;
  rig_start_agent (rig, &rig->alpha, NULL);
  rig_start_agent (rig, &rig->beta, NULL);
  rig_start_guest (rig, BUSY, NULL);
  return rig;
}

/* Held in pre-copy, so that it is post-copy and nothing else that lets it go.  @allow: (nullable) */
static RigPending *
begin_held (Rig *rig, const char *allow)
{
  const char *args[] = { "migrate", rig->vm, rig->beta.uri, "-o", "jsonl", "--hold", "--postcopy-bandwidth", SLOW, allow, NULL };
  RigPending *pending = rig_qmig_begin (rig, &rig->alpha, args);

  rig_pending_wait_for (pending, "\"type\":\"sample\"");
  return pending;
}

static void
switch_over (Rig *rig)
{
  g_autoptr(RigRun) run = rig_qmig (rig, &rig->alpha, "switch", "last", "--postcopy", "--confirm", rig->vm, NULL);

  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_OK);
}

static void
assert_moved (Rig *rig, const QmigResult *result)
{
  g_test_message ("blackout %.1f ms (QEMU: %" G_GINT64_FORMAT " ms), total %" G_GINT64_FORMAT " ms, activation %.0f ms", result->blackout_ms,
                  result->downtime_ms, result->total_ms, result->activation_ms);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_COMPLETED);
  g_assert_cmpint (result->vm_location, ==, QMIG_LOCATION_DESTINATION);
  g_assert_true (result->postcopy);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

static void
test_switched (void)
{
  g_autoptr(Rig) rig = rig_with_guest ();
  g_autoptr(RigRun) run = NULL;
  g_autoptr(QmigResult) result = NULL;
  RigPending *pending;

  if (rig == NULL)
    return;
  pending = begin_held (rig, "--allow=postcopy");
  switch_over (rig);
  run = rig_finish (pending);
  result = rig_result (run);
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_OK);
  g_assert_nonnull (strstr (run->out, "\"status\":\"postcopy-active\""));
  assert_moved (rig, result);
}

static void
test_consent (void)
{
  g_autoptr(Rig) rig = rig_with_guest ();
  g_autoptr(RigRun) unnamed = NULL;
  g_autoptr(RigRun) misnamed = NULL;
  g_autoptr(RigRun) unarmed = NULL;
  g_autoptr(RigRun) cancel = NULL;
  g_autoptr(RigRun) run = NULL;
  RigPending *pending;

  if (rig == NULL)
    return;
  pending = begin_held (rig, NULL);
  unnamed = rig_qmig (rig, &rig->alpha, "switch", "last", "--postcopy", "--yes", NULL);
  misnamed = rig_qmig (rig, &rig->alpha, "switch", "last", "--postcopy", "--confirm", "another", NULL);
  unarmed = rig_qmig (rig, &rig->alpha, "switch", "last", "--postcopy", "--confirm", rig->vm, NULL);
  cancel = rig_qmig (rig, &rig->alpha, "cancel", "last", NULL);
  run = rig_finish (pending);
  g_assert_cmpint (unnamed->exit_code, ==, QMIG_EXIT_USAGE);
  g_assert_nonnull (strstr (unnamed->err, "--confirm"));
  g_assert_cmpint (misnamed->exit_code, ==, QMIG_EXIT_USAGE);
  g_assert_cmpint (unarmed->exit_code, ==, QMIG_EXIT_CONFLICT);
  g_assert_nonnull (strstr (unarmed->err, "--allow postcopy"));
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_CANCELLED);
  rig_assert_one_runs (rig);
}

/* -- while each side has a part of it -------------------------------------------------- */

typedef enum
{
  KILL_AGENT,
  KILL_AGENT_THERE,
  BREAK_LINK,
  CANCEL,
} Evil;

typedef struct
{
  const char *name;
  const char *point; /* WHEN-STEP at which the source's agent waits */
  Evil evil;
} Row;

static const Row rows[] = {
  { "agent-killed/source/at-the-gate", "gate-switchover", KILL_AGENT },
  { "agent-killed/source/before-commit", "before-commit", KILL_AGENT },
  { "agent-killed/source/after-commit", "after-commit", KILL_AGENT },
  { "agent-killed/source/while-pages-follow", "before-pages", KILL_AGENT },
  { "agent-killed/destination/before-commit", "before-commit", KILL_AGENT_THERE },
  { "agent-killed/destination/while-pages-follow", "before-pages", KILL_AGENT_THERE },
  { "link-lost/before-commit", "before-commit", BREAK_LINK },
  { "link-lost/while-pages-follow", "before-pages", BREAK_LINK },
  { "cancelled", "before-pages", CANCEL },
};

/* Both QEMUs find their connection closed. */
static void
break_link (Rig *rig)
{
  static const char commands[] = "migrate_pause\ninfo status\n";
  g_autofree char *path = g_build_filename (rig->dir, "hmp.sock", NULL);
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr(GError) error = NULL;
  g_autoptr(GSocketConnection) connection = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, &error);
  GInputStream *in;
  GOutputStream *out;
  g_autoptr(GString) seen = g_string_new (NULL);

  g_assert_no_error (error);
  in = g_io_stream_get_input_stream (G_IO_STREAM (connection));
  out = g_io_stream_get_output_stream (G_IO_STREAM (connection));
  g_assert_true (g_output_stream_write_all (out, commands, strlen (commands), NULL, NULL, &error));
  /* The second answer comes after the first command was obeyed. */
  while (strstr (seen->str, "VM status:") == NULL)
    {
      char text[512];
      gssize length = g_input_stream_read (in, text, sizeof text, NULL, &error);

      g_assert_cmpint (length, >, 0);
      g_string_append_len (seen, text, length);
    }
  g_test_message ("HMP: %s", seen->str);
  g_assert_null (strstr (seen->str, "Error:"));
}

static void
do_evil (Rig *rig, Evil evil)
{
  g_autoptr(RigRun) cancel = NULL;

  switch (evil)
    {
    case KILL_AGENT:
      rig_kill_agent (&rig->alpha);
      break;
    case KILL_AGENT_THERE:
      rig_kill_agent (&rig->beta);
      break;
    case BREAK_LINK:
      break_link (rig);
      break;
    case CANCEL:
      cancel = rig_qmig (rig, &rig->alpha, "cancel", "last", NULL);
      g_assert_cmpint (cancel->exit_code, ==, QMIG_EXIT_CONFLICT);
      g_assert_nonnull (strstr (cancel->err, "no way back"));
      break;
    }
}

/* The result of the migration that beta's agent, or its client, may have lost sight of.  (transfer full) */
static QmigMigrationInfo *
wait_settled (Rig *rig)
{
  gint64 deadline_us = g_get_monotonic_time () + PATIENCE_US;

  while (TRUE)
    {
      g_autoptr(RigRun) run = rig_qmig (rig, &rig->alpha, "migration", "show", "last", "-o", "json", NULL);
      QmigMigrationInfo *info;

      g_assert_cmpint (run->exit_code, ==, 0);
      info = qmig_migration_info_from_text (run->out, -1, NULL);
      g_assert_nonnull (info);
      if (!info->active)
        return info;
      qmig_migration_info_free (info);
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
      g_usleep (50000);
    }
}

/* @fifo: (out) (transfer full): where the source's agent will wait */
static Rig *
rig_with_meeting (const char *point, char **fifo)
{
  Rig *rig = can_postcopy () ? rig_new () : NULL;
  g_autofree char *fault = NULL;
  g_autofree char *monitor = NULL;
  const char *more[] = { "-monitor", NULL, NULL };

  if (rig == NULL)
    return NULL;
  *fifo = rig_fifo (rig, "fault");
  fault = g_strdup_printf ("%s=meet:%s", point, *fifo);
  monitor = g_strdup_printf ("unix:%s/hmp.sock,server=on,wait=off", rig->dir);
  more[1] = monitor;
  rig_start_agent (rig, &rig->alpha, fault);
  rig_start_agent (rig, &rig->beta, NULL);
  rig_start_guest (rig, BUSY, more);
  return rig;
}

static void
test_evil (gconstpointer data)
{
  const Row *row = data;
  g_autofree char *fifo = NULL;
  g_autoptr(Rig) rig = rig_with_meeting (row->point, &fifo);
  g_autoptr(RigRun) run = NULL;
  g_autoptr(RigRun) events = NULL;
  g_autoptr(QmigMigrationInfo) info = NULL;
  RigPending *pending;
  int meeting;

  if (rig == NULL)
    return;
  pending = begin_held (rig, "--allow=postcopy");
  switch_over (rig);
  meeting = rig_meet (fifo);
  do_evil (rig, row->evil);
  rig_part (meeting);
  if (row->evil == KILL_AGENT)
    rig_start_agent (rig, &rig->alpha, NULL);
  if (row->evil == KILL_AGENT_THERE)
    rig_start_agent (rig, &rig->beta, NULL);
  run = rig_finish (pending);
  info = wait_settled (rig);
  events = rig_qmig (rig, &rig->alpha, "migration", "events", "last", "-o", "jsonl", NULL);
  if (row->evil == BREAK_LINK)
    {
      g_assert_nonnull (strstr (events->out, "the link of the post-copy is broken"));
      g_assert_nonnull (strstr (events->out, "post-copy goes on, after"));
    }
  assert_moved (rig, info->result);
}

/* Nothing is ended by itself that may be half of a VM. */
static void
test_destination_killed (void)
{
  g_autofree char *fifo = NULL;
  g_autoptr(Rig) rig = rig_with_meeting ("before-pages", &fifo);
  g_autoptr(RigRun) run = NULL;
  g_autoptr(QmigResult) result = NULL;
  RigPending *pending;
  int meeting;

  if (rig == NULL)
    return;
  pending = begin_held (rig, "--allow=postcopy");
  switch_over (rig);
  meeting = rig_meet (fifo);
  rig_kill_qemu (rig, rig_destination_pid (rig));
  rig_part (meeting);
  run = rig_finish (pending);
  result = rig_result (run);
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_ATTENTION);
  g_assert_cmpint (result->vm_location, ==, QMIG_LOCATION_NONE);
  g_assert_false (result->safe_to_retry);
  g_assert_nonnull (strstr (result->error, "destination"));
  rig_wait_qemus (rig, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/postcopy/switched", test_switched);
  g_test_add_func ("/postcopy/consent", test_consent);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/postcopy/%s", rows[i].name);

      g_test_add_data_func (path, &rows[i], test_evil);
    }
  g_test_add_func ("/postcopy/destination-killed", test_destination_killed);
  return g_test_run ();
}
