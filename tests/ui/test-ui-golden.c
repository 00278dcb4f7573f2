/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every screen at every size against what tests/ui/golden holds; QMIG_UPDATE_GOLDEN=1 writes that anew, for review as a diff. */

#include "ui-fixture.h"

#include <stdlib.h>
#include <string.h>

typedef struct
{
  int cols;
  int rows;
} Size;
static const Size sizes[] = { { 100, 30 }, { 80, 24 }, { 60, 16 } };

static void
assert_golden (const char *name, const char *text)
{
  g_autofree char *path = g_strdup_printf ("%s/%s.txt", GOLDEN_DIR, name);
  g_autofree char *wanted = NULL;
  g_autoptr(GError) error = NULL;

  if (g_getenv ("QMIG_UPDATE_GOLDEN") != NULL)
    g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
  g_file_get_contents (path, &wanted, NULL, &error);
  g_assert_no_error (error);
  if (strcmp (wanted, text) != 0)
    {
      g_test_message ("%s is not what was drawn:\n%s", path, text);
      g_test_fail ();
    }
}

/* No line may be longer than the screen, whatever is in it. */
static void
check_size (Fixture *fixture, const char *name, Size size)
{
  g_autoptr(UiGrid) grid = fixture_draw (fixture, size.cols, size.rows);
  g_autofree char *text = ui_grid_to_text (grid);
  g_autofree char *whole_name = g_strdup_printf ("%s-%dx%d", name, size.cols, size.rows);

  g_assert_null (strchr (text, '\033'));
  g_assert_true (g_utf8_validate (text, -1, NULL));
  assert_golden (whole_name, text);
}

static void
check_all (Fixture *fixture, const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    check_size (fixture, name, sizes[i]);
}

/* What has a colour has a role as well: one screen with its roles stands for all. */
static void
check_roles (Fixture *fixture, const char *name)
{
  g_autoptr(UiGrid) grid = fixture_draw (fixture, 100, 30);
  g_autofree char *roles = ui_grid_to_roles (grid);

  assert_golden (name, roles);
}

static const UiHost *
alpha_of (Fixture *fixture)
{
  return ui_model_find_host (fixture->model, "alpha");
}

static const QmigVm *
web01_of (Fixture *fixture)
{
  return g_ptr_array_index (alpha_of (fixture)->vms, 0);
}

/* -- lists ----------------------------------------------------------------------- */

static void
test_vms (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_add_run (fixture, FALSE);
  fixture_add_log (fixture);
  fixture_push (fixture, ui_vms_new ());
  check_all (fixture, "vms");
  check_roles (fixture, "vms-roles");
  fixture_keys (fixture, "/ w e b Enter Down");
  check_all (fixture, "vms-filter");
}

static void
test_vms_empty (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  g_ptr_array_set_size (fixture->model->hosts, 1);
  g_ptr_array_set_size (((UiHost *) g_ptr_array_index (fixture->model->hosts, 0))->vms, 0);
  fixture_push (fixture, ui_vms_new ());
  check_all (fixture, "vms-empty");
}

static void
test_runs (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_push (fixture, ui_runs_new ());
  check_size (fixture, "runs-none", sizes[1]);
  fixture_add_run (fixture, FALSE);
  check_all (fixture, "runs");
}

static void
test_log (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_add_run (fixture, FALSE);
  fixture_add_log (fixture);
  fixture_push (fixture, ui_log_new ());
  check_all (fixture, "log");
  fixture_keys (fixture, "a Up Enter");
  check_all (fixture, "log-expanded");
}

static void
test_history (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_add_past (fixture);
  fixture_push (fixture, ui_history_new ());
  fixture_keys (fixture, "Down Space");
  check_all (fixture, "history");
}

static void
test_hosts (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();
  UiHost *beta = ui_model_find_host (fixture->model, "beta");

  beta->tests = g_ptr_array_new_with_free_func (qmig_check_type.destroy);
  g_ptr_array_add (beta->tests, qmig_check_from_text ("{\"id\":\"bandwidth\",\"status\":\"ok\",\"text\":\"9.4 Gbit/s\"}", -1, NULL));
  g_ptr_array_add (beta->tests, qmig_check_from_text ("{\"id\":\"clock\",\"status\":\"warn\",\"text\":\"41 s ahead\",\"way_out\":\"set it\"}", -1, NULL));
  fixture_push (fixture, ui_hosts_new ());
  fixture_keys (fixture, "Down");
  check_all (fixture, "hosts");
}

/* -- one migration ------------------------------------------------------------------- */

static void
test_migration (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_add_run (fixture, FALSE);
  fixture_push (fixture, ui_migration_new ("alpha", "m-7F3K2A1B"));
  check_all (fixture, "migration");
  check_roles (fixture, "migration-roles");
  fixture->look.graph = UI_GRAPH_BLOCK;
  fixture_keys (fixture, "Left Left +");
  check_all (fixture, "migration-block-cursor");
}

static void
test_migration_diverging (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_add_run (fixture, TRUE);
  fixture_push (fixture, ui_migration_new ("alpha", "m-7F3K2A1B"));
  check_all (fixture, "migration-diverging");
}

static void
test_migration_ascii (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_add_run (fixture, FALSE);
  fixture->look = (UiLook){ .charset = UI_CHARSET_ASCII, .graph = UI_GRAPH_ASCII, .theme = UI_THEME_MONO, .read_only = TRUE };
  fixture_push (fixture, ui_migration_new ("alpha", "m-7F3K2A1B"));
  check_all (fixture, "migration-ascii");
}

static void
test_migration_linux (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_add_run (fixture, FALSE);
  fixture->look = (UiLook){ .charset = UI_CHARSET_LINUX, .graph = UI_GRAPH_BLOCK, .theme = UI_THEME_DEFAULT };
  fixture_push (fixture, ui_migration_new ("alpha", "m-7F3K2A1B"));
  check_size (fixture, "migration-linux", sizes[1]);
}

static void
test_migration_silent (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_add_run (fixture, FALSE);
  fixture->model->mono_us += 12 * G_USEC_PER_SEC;
  fixture->model->now_us += 12 * G_USEC_PER_SEC;
  fixture_push (fixture, ui_migration_new ("alpha", "m-7F3K2A1B"));
  check_all (fixture, "migration-silent");
}

static void
test_replay (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_add_past (fixture);
  fixture_push (fixture, ui_replay_new ("alpha", "m-7F0A1111"));
  fixture_keys (fixture, "] ] ] Right Right");
  check_all (fixture, "replay");
  fixture_keys (fixture, "End");
  check_all (fixture, "replay-end");
  fixture_push (fixture, ui_replay_new ("alpha", "m-7EZZ2222"));
  fixture_keys (fixture, "End");
  check_size (fixture, "replay-cancelled", sizes[0]);
}

static void
test_compare (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_add_past (fixture);
  fixture_push (fixture, ui_compare_new ("alpha", "m-7EZZ2222", "alpha", "m-7F0A1111"));
  check_all (fixture, "compare");
}

/* -- dialogs ------------------------------------------------------------------------------ */

static const char plan[] = "{\"vm\":\"web01\",\"source\":\"alpha\",\"destination\":\"beta\",\"refused\":false,\"transport\":\"tls\",\"checks\":["
                           "{\"id\":\"machine\",\"status\":\"ok\",\"text\":\"pc-q35-7.2 is known on both\"},"
                           "{\"id\":\"memory\",\"status\":\"ok\",\"text\":\"4 GiB are needed, 41 GiB are free\"},"
                           "{\"id\":\"clock\",\"status\":\"warn\",\"text\":\"beta is 41 s ahead of alpha\",\"way_out\":\"set the clock of beta\"}],"
                           "\"notes\":[\"-monitor was dropped\"],\"forecast\":{\"verdict\":\"converging\",\"text\":\"6 to 9 passes, 80 to 100 s, downtime 160 to "
                           "260 ms\",\"basis\":\"history\"}}";
static const char refused[] = "{\"vm\":\"web01\",\"source\":\"alpha\",\"destination\":\"beta\",\"refused\":true,\"checks\":["
                              "{\"id\":\"machine\",\"status\":\"ok\",\"text\":\"pc-q35-7.2 is known on both\"},"
                              "{\"id\":\"devices\",\"status\":\"fail\",\"text\":\"virtio-net-pci.0 has host_mtu 9000 on alpha, which QEMU 7.2 on beta cannot "
                              "set\",\"way_out\":\"start the VM without host_mtu, or use another host\"}]}";

/* Answers what the form asks once it has settled. */
static void
check_form (Fixture *fixture, const char *answer)
{
  fixture->model->mono_us += G_USEC_PER_SEC;
  fixture_top (fixture)->klass->tick (fixture_top (fixture), &fixture->context);
  fixture_answer (fixture, answer);
}

static void
test_form (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_push (fixture, ui_form_new (alpha_of (fixture), web01_of (fixture), FALSE));
  check_size (fixture, "form-checking", sizes[1]);
  check_form (fixture, plan);
  fixture_keys (fixture, "Tab Tab Tab Tab 3 0 0 m s Tab");
  check_form (fixture, plan);
  check_all (fixture, "form");
  /* The button that has the focus is what the command does; a notice leaves it to be seen. */
  fixture_keys (fixture, "S-Tab S-Tab S-Tab S-Tab S-Tab S-Tab S-Tab");
  ui_model_say (fixture->model, UI_ROLE_FAIL, "the agent cannot do that now");
  check_all (fixture, "form-rehearse");
  fixture->model->notice_mono_us = 0;
  fixture_keys (fixture, "Enter");
  g_assert_nonnull (strstr (fixture->asked->str, "\"rehearsal\":true"));
  fixture_refuse (fixture, "not now");
  fixture_keys (fixture, "Tab Tab Tab Tab Tab Tab Tab");
  fixture_keys (fixture, "m a x");
  check_form (fixture, refused);
  check_all (fixture, "form-refused");
}

/* One confirmation for all of them, and what came of each. */
static void
test_batch (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_push (fixture, ui_vms_new ());
  fixture_keys (fixture, "Down Space Down Down Space");
  check_all (fixture, "vms-marked");
  fixture_keys (fixture, "m");
  check_all (fixture, "move");
  fixture_keys (fixture, "F5");
  check_all (fixture, "move-asked");
  g_assert_null (strstr (fixture->asked->str, "POST /v1/migrations"));
  fixture_keys (fixture, "b e t a Tab Enter");
  g_assert_nonnull (strstr (fixture->asked->str, "POST /v1/migrations"));
  fixture_refuse (fixture, "cannot move 'web-db': it writes faster than the link");
  check_all (fixture, "move-results");
}

static void
test_check (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_push (fixture, ui_form_new (alpha_of (fixture), web01_of (fixture), TRUE));
  check_form (fixture, plan);
  check_all (fixture, "check");
}

static void
test_dialogs (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_add_run (fixture, FALSE);
  fixture_push (fixture, ui_migration_new ("alpha", "m-7F3K2A1B"));
  fixture_keys (fixture, "b 1 2 8 M i B / s");
  check_all (fixture, "tune");
  fixture_keys (fixture, "x Enter");
  check_size (fixture, "tune-wrong", sizes[1]);
  /* beta is marked prod: even what is safe wants the name. */
  fixture_keys (fixture, "Esc X w e b");
  check_all (fixture, "cancel-prod");
  fixture_keys (fixture, "Esc");
  g_strfreev (ui_model_find_host (fixture->model, "beta")->labels);
  ui_model_find_host (fixture->model, "beta")->labels = NULL;
  fixture_keys (fixture, "X");
  check_all (fixture, "cancel");
}

static void
test_help (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_push (fixture, ui_help_new (UI_SCREEN_RUN));
  check_all (fixture, "help");
}

static void
test_palette (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();
  const UiSubject subject = { "alpha", "web01", "m-7F3K2A1B" };

  fixture_add_run (fixture, FALSE);
  fixture_push (fixture, ui_migration_new ("alpha", "m-7F3K2A1B"));
  fixture_push (fixture, ui_palette_new (UI_SCREEN_RUN, &subject));
  fixture_keys (fixture, "t u n e d o w");
  check_all (fixture, "palette");
}

/* -- sizes in between -------------------------------------------------------------------------- */

static void
test_too_small (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();

  fixture_push (fixture, ui_vms_new ());
  check_size (fixture, "too-small", (Size){ 40, 10 });
  check_size (fixture, "too-small", (Size){ 1, 1 });
}

/* Nothing is drawn outside, at whatever size. */
static void
test_every_size (void)
{
  g_autoptr(Fixture) fixture = fixture_new ();
  UiView *(*const make[]) (void) = { ui_vms_new, ui_runs_new, ui_log_new, ui_history_new, ui_hosts_new };

  fixture_add_run (fixture, TRUE);
  fixture_add_past (fixture);
  fixture_add_log (fixture);
  for (gsize i = 0; i < G_N_ELEMENTS (make); i++)
    fixture_push (fixture, make[i]());
  fixture_push (fixture, ui_compare_new ("alpha", "m-7EZZ2222", "alpha", "m-7F0A1111"));
  fixture_push (fixture, ui_form_new (alpha_of (fixture), web01_of (fixture), FALSE));
  fixture_push (fixture, ui_migration_new ("alpha", "m-7F3K2A1B"));
  fixture_keys (fixture, "X");
  for (; fixture->stack->len > 1; ui_view_free (fixture_top (fixture)), g_ptr_array_set_size (fixture->stack, (int) fixture->stack->len - 1))
    for (int cols = 1; cols < 220; cols += 7)
      for (int rows = 1; rows < 80; rows += 3)
        {
          g_autoptr(UiGrid) grid = fixture_draw (fixture, cols, rows);
          g_autofree char *text = ui_grid_to_text (grid);

          g_assert_true (g_utf8_validate (text, -1, NULL));
        }
}

int
main (int argc, char **argv)
{
  g_setenv ("TZ", "UTC", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ui/golden/vms", test_vms);
  g_test_add_func ("/ui/golden/vms-empty", test_vms_empty);
  g_test_add_func ("/ui/golden/runs", test_runs);
  g_test_add_func ("/ui/golden/log", test_log);
  g_test_add_func ("/ui/golden/history", test_history);
  g_test_add_func ("/ui/golden/hosts", test_hosts);
  g_test_add_func ("/ui/golden/migration", test_migration);
  g_test_add_func ("/ui/golden/migration-diverging", test_migration_diverging);
  g_test_add_func ("/ui/golden/migration-ascii", test_migration_ascii);
  g_test_add_func ("/ui/golden/migration-linux", test_migration_linux);
  g_test_add_func ("/ui/golden/migration-silent", test_migration_silent);
  g_test_add_func ("/ui/golden/replay", test_replay);
  g_test_add_func ("/ui/golden/compare", test_compare);
  g_test_add_func ("/ui/golden/form", test_form);
  g_test_add_func ("/ui/golden/batch", test_batch);
  g_test_add_func ("/ui/golden/check", test_check);
  g_test_add_func ("/ui/golden/dialogs", test_dialogs);
  g_test_add_func ("/ui/golden/help", test_help);
  g_test_add_func ("/ui/golden/palette", test_palette);
  g_test_add_func ("/ui/golden/too-small", test_too_small);
  g_test_add_func ("/ui/golden/every-size", test_every_size);
  return g_test_run ();
}
