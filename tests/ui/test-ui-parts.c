/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Cells, text, the table of actions, what views ask for. */

#include "ui-fixture.h"
#include "ui-keys.h"
#include "ui-text.h"

#include <glib/gstdio.h>
#include <string.h>

/* -- cells -------------------------------------------------------------------------- */

static void
assert_line (const UiGrid *grid, const char *wanted)
{
  g_autofree char *text = ui_grid_to_text (grid);

  *strchr (text, '\n') = '\0';
  g_assert_cmpstr (text, ==, wanted);
}

static void
test_hostile_text (void)
{
  g_autoptr(UiGrid) full = ui_grid_new (1, 40, UI_CHARSET_FULL);
  g_autoptr(UiGrid) ascii = ui_grid_new (1, 40, UI_CHARSET_ASCII);
  static const char hostile[] = "a\033[2Jb\xff\xc2\x85\xe2\x80\xae\ttab\ne\xcc\x81.";

  ui_grid_put (full, 0, 0, UI_ROLE_TEXT, hostile);
  ui_grid_put (ascii, 0, 0, UI_ROLE_TEXT, hostile);
  assert_line (full, "a\xef\xbf\xbd[2Jb\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd tab \xc3\xa9.");
  assert_line (ascii, "a?[2Jb??? tab ?.");
}

static void
test_wide_text (void)
{
  g_autoptr(UiGrid) grid = ui_grid_new (1, 10, UI_CHARSET_FULL);

  ui_grid_put_field (grid, 0, 0, 5, UI_ROLE_TEXT, "日本語");
  assert_line (grid, "日本…");
  ui_grid_put_right (grid, 0, 0, 7, UI_ROLE_TEXT, "語");
  assert_line (grid, "     語");
  /* Half of a wide character never stays. */
  ui_grid_put (grid, 0, 6, UI_ROLE_TEXT, "x");
  assert_line (grid, "      x");
  ui_grid_put (grid, 0, 9, UI_ROLE_TEXT, "語");
  assert_line (grid, "      x");
}

static void
test_hits (void)
{
  g_autoptr(UiGrid) grid = ui_grid_new (3, 10, UI_CHARSET_FULL);

  ui_grid_add_hit (grid, 1, 2, 3, UI_HIT_ROW, 7);
  g_assert_null (ui_grid_find_hit (grid, 1, 1));
  g_assert_cmpint (ui_grid_find_hit (grid, 1, 4)->value, ==, 7);
  g_assert_null (ui_grid_find_hit (grid, 1, 5));
}

static void
test_wrap (void)
{
  g_auto(GStrv) lines = ui_text_wrap ("one two three\nfour averyverylongword", 9);
  g_autofree char *joined = g_strjoinv ("|", lines);

  g_assert_cmpstr (joined, ==, "one two|three|four|averyvery|longword");
}

static void
test_numbers (void)
{
  g_autofree char *unset = ui_text_bytes (QMIG_UNSET);
  g_autofree char *nan = ui_text_ms (NAN);
  g_autofree char *bits = ui_text_rate (125000000, TRUE);
  g_autofree char *max = ui_text_limit (0, FALSE);
  g_autofree char *clock = ui_text_clock (99800);

  g_assert_cmpstr (unset, ==, "–");
  g_assert_cmpstr (nan, ==, "–");
  g_assert_cmpstr (bits, ==, "1.0 Gbit/s");
  g_assert_cmpstr (max, ==, "max");
  g_assert_cmpstr (clock, ==, "1:39.8");
}

/* A gap between samples is a gap, not zero, and not a line. */
static void
test_chart_gap (void)
{
  g_autoptr(UiGrid) grid = ui_grid_new (1, 10, UI_CHARSET_ASCII);
  const UiPoint points[] = { { 0, 10 }, { 1, 10 }, { 2, 10 }, { 7, 10 }, { 8, NAN }, { 9, 0 } };
  const UiSeries series = { points, G_N_ELEMENTS (points), UI_ROLE_SERIES_A, TRUE };
  const UiScale scale = { 0, 10, 1, 10 };

  ui_chart_draw (grid, 0, 0, 1, 10, UI_GRAPH_ASCII, &scale, &series, 1);
  assert_line (grid, "####   #");
}

static void
test_colour_choice (void)
{
  g_unsetenv ("NO_COLOR");
  g_unsetenv ("QMIG_COLOR");
  g_unsetenv ("FORCE_COLOR");
  g_unsetenv ("CLICOLOR_FORCE");
  g_assert_true (ui_theme_wants_color (NULL, TRUE));
  g_assert_false (ui_theme_wants_color (NULL, FALSE));
  g_setenv ("FORCE_COLOR", "1", TRUE);
  g_assert_true (ui_theme_wants_color (NULL, FALSE));
  g_setenv ("NO_COLOR", "1", TRUE);
  g_assert_false (ui_theme_wants_color (NULL, TRUE));
  g_setenv ("QMIG_COLOR", "always", TRUE);
  g_assert_true (ui_theme_wants_color (NULL, FALSE));
  g_assert_false (ui_theme_wants_color ("never", TRUE));
  g_assert_cmpint (ui_graph_choose (NULL, ui_charset_choose (TRUE, "linux")), ==, UI_GRAPH_BLOCK);
  g_assert_cmpint (ui_graph_choose (NULL, ui_charset_choose (TRUE, "xterm")), ==, UI_GRAPH_BRAILLE);
  g_assert_cmpint (ui_graph_choose ("braille", ui_charset_choose (FALSE, "xterm")), ==, UI_GRAPH_ASCII);
}

/* -- the table ------------------------------------------------------------------------- */

static void
test_actions (void)
{
  gsize n;
  const UiActionInfo *all = ui_actions_get_all (&n);
  g_autofree char *conflict = ui_actions_find_conflict ();

  g_assert_cmpstr (conflict, ==, NULL);
  for (gsize i = 0; i < n; i++)
    {
      g_auto(GStrv) keys = g_strsplit (all[i].keys, " ", -1);

      for (char **key = keys; *key != NULL; key++)
        g_assert_cmpint (ui_key_from_name (*key), !=, 0);
      /* Danger is never a slip of the finger on Ctrl. */
      if (all[i].danger != UI_SAFE)
        g_assert_null (strstr (all[i].keys, "Ctrl"));
    }
}

/* [keys] of a config file with @text; the error's text, or NULL where it is taken.  (transfer full) */
static char *
load_keys (const char *text)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("qmig-keys-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "qmig.conf", NULL);
  gboolean good;

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_setenv ("QMIG_CONFIG", path, TRUE);
  good = ui_keys_load (&error);
  g_unsetenv ("QMIG_CONFIG");
  g_unlink (path);
  g_rmdir (dir);
  g_assert_true (good == (error == NULL));
  return error != NULL ? g_strdup (error->message) : NULL;
}

static void
assert_refused (const char *text, const char *words)
{
  g_autofree char *message = load_keys (text);

  g_assert_nonnull (message);
  g_assert_nonnull (strstr (message, words));
  g_assert_nonnull (strstr (message, "qmig.conf"));
}

static void
test_own_keys (void)
{
  g_autofree char *good = load_keys ("[keys]\nmigrate = M F6\nzoom-in = +\n");
  g_autofree char *first = NULL;

  g_assert_cmpstr (good, ==, NULL);
  g_assert_cmpint (ui_actions_find (UI_SCREEN_VMS, 'M', FALSE), ==, UI_ACTION_MIGRATE);
  g_assert_cmpint (ui_actions_find (UI_SCREEN_VMS, UI_KEY_F1 + 5, FALSE), ==, UI_ACTION_MIGRATE);
  g_assert_cmpint (ui_actions_find (UI_SCREEN_VMS, 'm', FALSE), ==, UI_ACTION_NONE);
  first = ui_actions_first_key (ui_actions_get (UI_SCREEN_VMS, UI_ACTION_MIGRATE));
  g_assert_cmpstr (first, ==, "M");

  assert_refused ("[keys]\nmigrate = c\n", "'migrate' and 'check' are both on the key c");
  assert_refused ("[keys]\ncancel = Esc\n", "'cancel' and 'back' are both on the key Esc");
  assert_refused ("[keys]\nmigrat = M\n", "no key does 'migrat'; there are: up down");
  assert_refused ("[keys]\nmigrate = Meta-x\n", "'Meta-x' is no key for 'migrate'");
  assert_refused ("[keys]\nmigrate =\n", "'migrate' has no key");
  /* Two that change places. */
  g_free (g_steal_pointer (&good));
  good = load_keys ("[keys]\nmigrate = c\ncheck = m\n");
  g_assert_cmpstr (good, ==, NULL);
  ui_actions_reset_keys ();
  g_assert_cmpint (ui_actions_find (UI_SCREEN_VMS, 'm', FALSE), ==, UI_ACTION_MIGRATE);
}

/* Each screen says its keys and has a way back. */
static void
test_ways_back (void)
{
  for (guint screen = UI_SCREEN_VMS; screen <= UI_SCREEN_DIALOG; screen <<= 1)
    g_assert_cmpint (ui_actions_find (screen, UI_KEY_ESC, FALSE), ==, UI_ACTION_BACK);
}

static void
test_read_only (void)
{
  g_assert_cmpint (ui_actions_find (UI_SCREEN_RUN, 'X', FALSE), ==, UI_ACTION_CANCEL);
  for (guint screen = UI_SCREEN_VMS; screen <= UI_SCREEN_DIALOG; screen <<= 1)
    for (int key = 1; key <= UI_KEY_F12; key = key == 0x17f ? UI_KEY_BASE + 1 : key + 1)
      {
        UiAction action = ui_actions_find (screen, key, TRUE);

        if (action != UI_ACTION_NONE)
          g_assert_cmpint (ui_actions_get (screen, action)->danger, ==, UI_SAFE);
      }
}

/* -- what views ask for ------------------------------------------------------------------- */

static void
test_knob_is_sent (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();
  UiRun *run;

  fixture_add_run (fixture, FALSE);
  run = ui_model_find_run (fixture->model, "m-7F3K2A1B");
  fixture_push (fixture, ui_migration_new ("alpha", run->id));
  fixture_keys (fixture, "d 5 0 0 m s Enter");
  g_assert_cmpstr (fixture->asked->str, ==, "alpha: PATCH /v1/migrations/m-7F3K2A1B/knobs {\"downtime_ms\":500,\"bandwidth_bytes_per_s\":null,"
                   "\"deadline_ms\":null,\"throttle_max_percent\":null,\"postcopy_bandwidth_bytes_per_s\":null,\"xbzrle_cache_bytes\":null}\n");
  g_assert_cmpint (run->knobs[UI_KNOB_DOWNTIME].state, ==, UI_KNOB_SENDING);
  fixture_answer (fixture, "{\"id\":\"m-7F3K2A1B\"}");
  g_assert_cmpint (run->knobs[UI_KNOB_DOWNTIME].state, ==, UI_KNOB_SENT);

  /* U takes the last change back. */
  g_string_truncate (fixture->asked, 0);
  fixture_keys (fixture, "U");
  g_assert_nonnull (strstr (fixture->asked->str, "{\"downtime_ms\":300,"));
}

static void
test_cancel_asks_first (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_add_run (fixture, FALSE);
  g_clear_pointer (&ui_model_find_host (fixture->model, "beta")->labels, g_strfreev);
  fixture_push (fixture, ui_migration_new ("alpha", "m-7F3K2A1B"));
  /* Enter right away does nothing bad. */
  fixture_keys (fixture, "X Enter");
  g_assert_cmpstr (fixture->asked->str, ==, "");
  g_assert_cmpuint (fixture->stack->len, ==, 1);
  fixture_keys (fixture, "X n");
  g_assert_cmpstr (fixture->asked->str, ==, "");
  fixture_keys (fixture, "X y");
  g_assert_true (g_str_has_prefix (fixture->asked->str, "alpha: POST /v1/migrations/m-7F3K2A1B/actions/cancel"));
}

/* Where a host is marked prod, and for what cannot be undone, the name has to be typed. */
static void
test_typed_confirm (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_add_run (fixture, FALSE);
  fixture_push (fixture, ui_migration_new ("alpha", "m-7F3K2A1B"));
  fixture_keys (fixture, "X y Tab Enter");
  g_assert_cmpstr (fixture->asked->str, ==, "");
  fixture_keys (fixture, "X w e b 0 1 Enter");
  g_assert_cmpstr (fixture->asked->str, ==, "");
  fixture_keys (fixture, "X w e b 0 1 Tab Enter");
  g_assert_nonnull (strstr (fixture->asked->str, "/actions/cancel"));

  g_string_truncate (fixture->asked, 0);
  fixture_push (fixture, ui_vms_new ());
  fixture_keys (fixture, "/ w e b 0 2 Enter K w e b 0 2 Tab Enter");
  g_assert_cmpstr (fixture->asked->str, ==, "alpha: POST /v1/vms/1.2/actions/stop?force=1 \n");
}

static void
test_read_only_form (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture->look.read_only = TRUE;
  fixture_push (fixture, ui_vms_new ());
  fixture_keys (fixture, "Enter F5");
  fixture->model->mono_us += G_USEC_PER_SEC;
  fixture_top (fixture)->klass->tick (fixture_top (fixture), &fixture->context);
  g_assert_null (strstr (fixture->asked->str, "/v1/migrations"));
  g_assert_nonnull (strstr (fixture->asked->str, "POST /v1/checks"));
}

/* A replay shows what was, then, and no more. */
static void
test_replay_steps (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();
  UiRun *run;

  fixture_add_past (fixture);
  run = ui_model_find_run (fixture->model, "m-7F0A1111");
  fixture_push (fixture, ui_replay_new ("alpha", run->id));
  g_assert_null (run->result);
  g_assert_cmpint (run->stage, ==, QMIG_STAGE_PRE_MIGRATION);
  fixture_keys (fixture, "] ]");
  g_assert_cmpint (run->stage, ==, QMIG_STAGE_PRE_COPY);
  g_assert_cmpuint (run->samples->len, ==, 0);
  fixture_keys (fixture, "Right Right");
  g_assert_cmpuint (run->samples->len, ==, 2);
  fixture_keys (fixture, "Left");
  g_assert_cmpuint (run->samples->len, ==, 1);
  fixture_keys (fixture, "End");
  g_assert_nonnull (run->result);
  fixture_keys (fixture, "Home");
  g_assert_cmpuint (run->samples->len, ==, 0);

  /* Two seconds at twice the speed are four. */
  fixture_keys (fixture, "> Space");
  fixture->model->mono_us += 2 * G_USEC_PER_SEC;
  fixture_top (fixture)->klass->tick (fixture_top (fixture), &fixture->context);
  g_assert_cmpint (run->shown_us - run->start_us, <=, 4 * G_USEC_PER_SEC);
  g_assert_cmpint (run->samples->len, >, 2);
}

/* Days of samples are thinned out, the rest stays. */
static void
test_long_run (void)
{
  g_autoptr(UiRun) run = ui_run_new ("alpha", "m-1");

  for (int i = 0; i < 50000; i++)
    {
      g_autofree char *text = g_strdup_printf ("{\"seq\":%d,\"ts\":\"2027-01-15T08:00:00.000000Z\",\"type\":\"%s\",\"data\":%s}", i + 1,
                                               i % 100 == 0 ? "log" : "sample", i % 100 == 0 ? "{\"text\":\"a\"}" : "{\"stage\":\"pre-copy\"}");
      g_autoptr(QmigEvent) event = qmig_event_from_text (text, -1, NULL);

      ui_run_add (run, ui_event_new (event));
    }
  g_assert_cmpuint (run->events->len, <=, 20000);
  g_assert_cmpuint (run->n_shown, ==, run->events->len);
  g_assert_cmpint (ui_run_get_event (run, 0)->seq, ==, 1);
  g_assert_cmpint (ui_run_get_event (run, run->events->len - 1)->seq, ==, 50000);
}

int
main (int argc, char **argv)
{
  g_setenv ("TZ", "UTC", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ui/grid/hostile-text", test_hostile_text);
  g_test_add_func ("/ui/grid/wide-text", test_wide_text);
  g_test_add_func ("/ui/grid/hits", test_hits);
  g_test_add_func ("/ui/text/wrap", test_wrap);
  g_test_add_func ("/ui/text/numbers", test_numbers);
  g_test_add_func ("/ui/chart/gap", test_chart_gap);
  g_test_add_func ("/ui/theme/choice", test_colour_choice);
  g_test_add_func ("/ui/actions/table", test_actions);
  g_test_add_func ("/ui/actions/own-keys", test_own_keys);
  g_test_add_func ("/ui/actions/ways-back", test_ways_back);
  g_test_add_func ("/ui/actions/read-only", test_read_only);
  g_test_add_func ("/ui/views/knob-is-sent", test_knob_is_sent);
  g_test_add_func ("/ui/views/cancel-asks-first", test_cancel_asks_first);
  g_test_add_func ("/ui/views/typed-confirm", test_typed_confirm);
  g_test_add_func ("/ui/views/read-only-form", test_read_only_form);
  g_test_add_func ("/ui/views/replay-steps", test_replay_steps);
  g_test_add_func ("/ui/run/long", test_long_run);
  return g_test_run ();
}
