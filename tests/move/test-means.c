/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The means of transport and the knobs, with real QEMUs: what is sent over, what is refused by name, what is seen in force. */

#include "rig.h"

#include <string.h>

/* Enough to need several passes, little enough for TCG. */
#define BUSY "ws=16;rate=20;fill=16;check=1"

static Rig *
rig_with_guest (void)
{
  Rig *rig = rig_new ();

  if (rig != NULL)
    {
      rig_start_agent (rig, &rig->alpha, NULL);
      rig_start_agent (rig, &rig->beta, NULL);
      rig_start_guest (rig, BUSY, NULL);
    }
  return rig;
}

/* What a QEMU answers, for people.  (transfer full) */
static char *
ask (Rig *rig, const RigHost *host, const char *command)
{
  g_autoptr(RigRun) run = rig_qmig (rig, host, "vm", "qmp", rig->vm, command, NULL);

  g_assert_cmpint (run->exit_code, ==, 0);
  return g_steal_pointer (&run->out);
}

static void
tell (Rig *rig, const RigHost *host, const char *command, const char *arguments)
{
  g_autoptr(RigRun) run = rig_qmig (rig, host, "vm", "qmp", rig->vm, command, arguments, NULL);

  g_assert_cmpint (run->exit_code, ==, 0);
}

static void
assert_contains (const char *text, const char *part)
{
  if (strstr (text, part) == NULL)
    g_error ("'%s' does not contain '%s'", text, part);
}

static gboolean
knows_zstd (Rig *rig)
{
  g_autofree char *schema = ask (rig, &rig->alpha, "query-qmp-schema");

  return strstr (schema, "\"zstd\"") != NULL;
}

/* -- moves ---------------------------------------------------------------------- */

/* @shown: what the destination's QEMU shows of its parameters afterwards */
static void
move_and_look (Rig *rig, const char *const *options, const char *const *shown)
{
  g_autoptr(GPtrArray) args = g_ptr_array_new ();
  g_autoptr(RigRun) run = NULL;
  g_autofree char *parameters = NULL;

  g_ptr_array_add (args, (gpointer) "migrate");
  g_ptr_array_add (args, rig->vm);
  g_ptr_array_add (args, rig->beta.uri);
  for (; *options != NULL; options++)
    g_ptr_array_add (args, (gpointer) *options);
  g_ptr_array_add (args, NULL);

  run = rig_finish (rig_qmig_begin (rig, &rig->alpha, (const char *const *) args->pdata));
  if (run->exit_code != 0)
    g_error ("it was not moved: %s", run->err);
  parameters = ask (rig, &rig->beta, "query-migrate-parameters");
  for (; *shown != NULL; shown++)
    assert_contains (parameters, *shown);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

static void
test_multifd (void)
{
  static const char *const options[] = { "--multifd", "3", NULL };
  static const char *const shown[] = { "\"multifd-channels\" : 3", "\"multifd-compression\" : \"none\"", NULL };
  g_autoptr(Rig) rig = rig_with_guest ();

  if (rig != NULL)
    move_and_look (rig, options, shown);
}

static void
test_multifd_tcp (void)
{
  static const char *const options[] = { "--multifd", "2", "--transport", "tcp", "--listen", "127.0.0.1", NULL };
  static const char *const shown[] = { "\"multifd-channels\" : 2", NULL };
  g_autoptr(Rig) rig = rig_with_guest ();

  if (rig != NULL)
    move_and_look (rig, options, shown);
}

static void
test_zstd (void)
{
  static const char *const options[] = { "--compression", "zstd", NULL };
  static const char *const shown[] = { "\"multifd-channels\" : 4", "\"multifd-compression\" : \"zstd\"", NULL };
  g_autoptr(Rig) rig = rig_with_guest ();

  if (rig == NULL)
    return;
  if (knows_zstd (rig))
    move_and_look (rig, options, shown);
  else
    g_test_skip ("this QEMU was built without zstd");
}

static void
test_xbzrle (void)
{
  static const char *const options[] = { "--compression", "xbzrle", NULL };
  static const char *const shown[] = { NULL };
  g_autoptr(Rig) rig = rig_with_guest ();

  if (rig != NULL)
    move_and_look (rig, options, shown);
}

/* Somebody left multifd on at the source: without it on the other side, both would wait for each other for ever. */
static void
test_left_on (void)
{
  static const char *const options[] = { "--downtime", "1s", NULL };
  static const char *const shown[] = { NULL };
  g_autoptr(Rig) rig = rig_with_guest ();

  if (rig == NULL)
    return;
  tell (rig, &rig->alpha, "migrate-set-capabilities", "{\"capabilities\":[{\"capability\":\"multifd\",\"state\":true}]}");
  move_and_look (rig, options, shown);
}

/* -- refusals --------------------------------------------------------------------- */

static void
test_refused (void)
{
  static const struct { const char *const options[7]; int exit_code; const char *why; } cases[] = {
    { { "--multifd", "2", "--compression", "xbzrle" }, QMIG_EXIT_REFUSED, "multifd and xbzrle exclude each other" },
    { { "--multifd", "0", "--compression", "zstd" }, QMIG_EXIT_REFUSED, "done by the channels of multifd" },
    { { "--multifd", "256" }, QMIG_EXIT_USAGE, "between 0 (one stream) and 255" },
    { { "--xbzrle-cache", "64M" }, QMIG_EXIT_USAGE, "needs the compression xbzrle" },
    { { "--compression", "xbzrle", "--xbzrle-cache", "65M" }, QMIG_EXIT_USAGE, "a power of two" },
    { { "--compression", "xbzrle", "--xbzrle-cache", "1T" }, QMIG_EXIT_REFUSED, "larger than the guest's memory" },
    { { "--compression", "zsdt" }, QMIG_EXIT_USAGE, "did you mean 'zstd'" },
    { { "--throttle-max", "100%" }, QMIG_EXIT_USAGE, "between 0 and 99 percent" },
    { { "--allow", "postcpy" }, QMIG_EXIT_USAGE, "did you mean 'postcopy'" },
    { { "--policy", "gentel" }, QMIG_EXIT_NOT_FOUND, "did you mean 'gentle'" },
    { { "--policy", "../x" }, QMIG_EXIT_USAGE, "names no policy" },
  };
  g_autoptr(Rig) rig = rig_with_guest ();
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  if (rig == NULL)
    return;
  before = ask (rig, &rig->alpha, "query-migrate-parameters");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *args[11] = { "migrate", rig->vm, rig->beta.uri };
      g_autoptr(RigRun) run = NULL;

      for (gsize j = 0; cases[i].options[j] != NULL; j++)
        args[3 + j] = cases[i].options[j];
      run = rig_finish (rig_qmig_begin (rig, &rig->alpha, args));
      if (run->exit_code != cases[i].exit_code)
        g_error ("case %" G_GSIZE_FORMAT " exited with %d: %s", i, run->exit_code, run->err);
      assert_contains (run->err, cases[i].why);
    }
  after = ask (rig, &rig->alpha, "query-migrate-parameters");
  g_assert_cmpstr (before, ==, after);
  rig_assert_one_runs (rig);
}

/* -- knobs -------------------------------------------------------------------------- */

/* "sent accepted in-force": the states that were told of @knob, in order.  (transfer full) */
static char *
states_of (const char *events, const char *knob)
{
  g_auto(GStrv) lines = g_strsplit (events, "\n", -1);
  g_autofree char *mark = g_strdup_printf ("\"knob\":\"%s\"", knob);
  GString *states = g_string_new (NULL);

  for (char **line = lines; *line != NULL; line++)
    {
      const char *state = strstr (*line, mark) != NULL ? strstr (*line, "\"state\":\"") : NULL;

      if (state != NULL)
        g_string_append_printf (states, "%s%.*s", states->len > 0 ? " " : "", (int) strcspn (state + 9, "\""), state + 9);
    }
  return g_string_free (states, FALSE);
}

static void
assert_states (const RigRun *run, const char *knob, const char *expected)
{
  g_autofree char *states = states_of (run->out, knob);

  if (!g_str_equal (states, expected))
    g_error ("%s: '%s' instead of '%s'", knob, states, expected);
}

static RigPending *
begin_held (Rig *rig)
{
  const char *args[] = { "migrate", rig->vm, rig->beta.uri, "--hold", "--compression", "xbzrle", "-o", "jsonl", NULL };
  RigPending *pending = rig_qmig_begin (rig, &rig->alpha, args);

  rig_pending_wait_for (pending, "\"pass\":3");
  return pending;
}

static void
turn (Rig *rig, RigPending *pending, const char *knob, const char *value)
{
  g_autofree char *option = g_strconcat ("--", knob, NULL);
  g_autofree char *done = g_strdup_printf ("\"knob\":\"%s\"", knob);
  g_autoptr(RigRun) run = rig_qmig (rig, &rig->alpha, "tune", "last", option, value, NULL);

  if (run->exit_code != 0)
    g_error ("%s was not turned: %s", knob, run->err);
  rig_pending_wait_for (pending, done);
  rig_pending_wait_for (pending, "\"in-force\"");
}

static void
assert_not_turned (Rig *rig, const char *option, const char *value, int exit_code, const char *why)
{
  g_autoptr(RigRun) run = rig_qmig (rig, &rig->alpha, "tune", "last", option, value, NULL);

  g_assert_cmpint (run->exit_code, ==, exit_code);
  assert_contains (run->err, why);
}

static void
test_knobs (void)
{
  g_autoptr(Rig) rig = rig_with_guest ();
  g_autoptr(RigRun) cancel = NULL;
  g_autoptr(RigRun) run = NULL;
  g_autofree char *parameters = NULL;
  g_autofree char *capabilities = NULL;
  g_autofree char *parameters_after = NULL;
  g_autofree char *capabilities_after = NULL;
  RigPending *pending;

  if (rig == NULL)
    return;
  parameters = ask (rig, &rig->alpha, "query-migrate-parameters");
  capabilities = ask (rig, &rig->alpha, "query-migrate-capabilities");
  pending = begin_held (rig);
  turn (rig, pending, "downtime", "400ms");
  turn (rig, pending, "bandwidth", "500MiB/s");
  turn (rig, pending, "deadline", "1h");
  turn (rig, pending, "throttle-max", "20%");
  turn (rig, pending, "xbzrle-cache", "8M");
  assert_not_turned (rig, "--postcopy-bandwidth", "1GiB/s", QMIG_EXIT_UNSUPPORTED, "started without postcopy-ram");
  assert_not_turned (rig, "--xbzrle-cache", "4T", QMIG_EXIT_UNSUPPORTED, "larger than the guest's memory");
  assert_not_turned (rig, "--throttle-max", "100", QMIG_EXIT_USAGE, "between 0 and 99");
  cancel = rig_qmig (rig, &rig->alpha, "cancel", "last", "--wait", NULL);

  run = rig_finish (pending);
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_CANCELLED);
  assert_states (run, "downtime", "sent accepted in-force");
  assert_states (run, "bandwidth", "sent accepted in-force");
  assert_states (run, "deadline", "accepted in-force");
  assert_states (run, "throttle-max", "accepted in-force");
  assert_states (run, "xbzrle-cache", "sent accepted in-force");

  /* All that was changed at the source is as it was. */
  parameters_after = ask (rig, &rig->alpha, "query-migrate-parameters");
  capabilities_after = ask (rig, &rig->alpha, "query-migrate-capabilities");
  g_assert_cmpstr (parameters_after, ==, parameters);
  g_assert_cmpstr (capabilities_after, ==, capabilities);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

/* -- policies ------------------------------------------------------------------------- */

static void
test_policies (void)
{
  static const char *const options[] = { "--policy", "gentle", NULL };
  static const char *const shown[] = { NULL };
  g_autoptr(Rig) rig = rig_with_guest ();
  g_autoptr(RigRun) list = NULL;
  g_autoptr(RigRun) show = NULL;
  g_autoptr(RigRun) check = NULL;
  g_autoptr(RigRun) info = NULL;

  if (rig == NULL)
    return;
  list = rig_qmig (rig, &rig->alpha, "policy", "list", "-o", "name", NULL);
  g_assert_cmpstr (list->out, ==, "default\nfast\ngentle\nmust-finish\nsteady\n");
  show = rig_qmig (rig, &rig->alpha, "policy", "show", "must-finish", "-o", "json", NULL);
  assert_contains (show->out, "\"allow_postcopy\" : true");

  /* The bounds of the request lie over it. */
  check = rig_qmig (rig, &rig->alpha, "check", rig->vm, rig->beta.uri, "--policy", "steady", "--downtime", "70ms", "-o", "json", NULL);
  g_assert_cmpint (check->exit_code, ==, 0);
  assert_contains (check->out, "\"downtime_ms\" : 70");
  assert_contains (check->out, "\"throttle_max_percent\" : 50");

  /* It is kept with the migration. */
  move_and_look (rig, options, shown);
  info = rig_qmig (rig, &rig->alpha, "migration", "show", "last", "-o", "json", NULL);
  assert_contains (info->out, "\"name\" : \"gentle\"");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/means/multifd", test_multifd);
  g_test_add_func ("/means/multifd-tcp", test_multifd_tcp);
  g_test_add_func ("/means/zstd", test_zstd);
  g_test_add_func ("/means/xbzrle", test_xbzrle);
  g_test_add_func ("/means/left-on", test_left_on);
  g_test_add_func ("/means/refused", test_refused);
  g_test_add_func ("/means/knobs", test_knobs);
  g_test_add_func ("/means/policies", test_policies);
  return g_test_run ();
}
