/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Each way of the table, broken for real: `qmig check` names it, and a move
 * that is forced past it shows that the check was right.  Where nothing is
 * broken, nothing is said.
 */

#include "scene.h"

#include <string.h>

static const QmigCheck *
worst (const QmigPlan *plan, const char *id)
{
  const QmigCheck *found = NULL;

  for (guint i = 0; i < plan->checks->len; i++)
    {
      const QmigCheck *check = g_ptr_array_index (plan->checks, i);

      if (g_str_equal (check->id, id) && (found == NULL || check->status > found->status))
        found = check;
    }
  return found;
}

static void
assert_contains (const char *text, const char *part)
{
  g_assert_nonnull (text);
  if (strstr (text, part) == NULL)
    g_error ("'%s' is not in: %s", part, text);
}

/* A machine that tests share may well be busy, and a QEMU may be one with a bug. */
static void
assert_all_well (const QmigPlan *plan)
{
  for (guint i = 0; i < plan->checks->len; i++)
    {
      const QmigCheck *check = g_ptr_array_index (plan->checks, i);

      if (check->status != QMIG_CHECK_OK && !g_str_equal (check->id, "host-load"))
        g_error ("false alarm of the check '%s': %s", check->id, check->text);
    }
  g_assert_false (plan->refused);
}

static void
assert_check (const Way *way, const QmigPlan *plan)
{
  const QmigCheck *check = worst (plan, way->id);

  for (guint i = 0; i < plan->checks->len; i++)
    {
      const QmigCheck *each = g_ptr_array_index (plan->checks, i);

      if (each->status != QMIG_CHECK_OK)
        g_test_message ("%s %s: %s", qmig_check_status_names[each->status], each->id, each->text);
    }
  g_assert_nonnull (check);
  g_assert_cmpint (check->status, ==, way->status);
  g_assert_nonnull (check->way_out != NULL ? check->way_out : check->text);
  g_assert_true (plan->refused || way->status != QMIG_CHECK_FAIL);
}

/* The VM is on the source, in the state that it had, and nothing is left of the attempt. */
static void
assert_forced_fails (Scene *scene, const Way *way)
{
  g_autofree char *before = scene_run_state (scene);
  g_autoptr(RigRun) run = scene_force (scene, way->id);
  g_autoptr(QmigResult) result = rig_result (run);
  g_autofree char *after = scene_run_state (scene);

  g_assert_cmpint (run->exit_code, !=, 0);
  g_assert_cmpint (result->outcome, ==, QMIG_OUTCOME_ROLLED_BACK);
  g_assert_cmpint (result->vm_location, ==, QMIG_LOCATION_SOURCE);
  g_assert_cmpstr (after, ==, before);
  scene_assert_only_source (scene);
}

static void
assert_cannot_be_forced (Scene *scene, const Way *way)
{
  g_autoptr(RigRun) run = scene_force (scene, way->id);

  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_USAGE);
  assert_contains (run->err, "cannot be forced");
}

static void
test_way (gconstpointer data)
{
  const Way *way = data;
  g_autoptr(Scene) scene = scene_new (way);
  g_autoptr(QmigPlan) plan = NULL;
  gint64 elapsed_ms;
  int exit_code;

  if (scene == NULL)
    return;
  plan = scene_check (scene, &exit_code, &elapsed_ms);
  g_test_message ("%s: checked in %" G_GINT64_FORMAT " ms", way->name, elapsed_ms);
  if (way->id == NULL)
    {
      assert_all_well (plan);
      return;
    }
  assert_check (way, plan);
  g_assert_cmpint (exit_code, ==, plan->refused ? QMIG_EXIT_REFUSED : QMIG_EXIT_OK);
  switch (way->forced)
    {
    case SCENE_FORCED_FAILS:
      assert_forced_fails (scene, way);
      return;
    case SCENE_CANNOT_BE_FORCED:
      assert_cannot_be_forced (scene, way);
      return;
    case SCENE_NOT_FORCED:
      return;
    }
}

/* A word that is no check is no check that was forced. */
static void
test_unknown (void)
{
  static const Way good = { "unknown" };
  g_autoptr(Scene) scene = scene_new (&good);
  g_autoptr(RigRun) near = NULL;
  g_autoptr(RigRun) far = NULL;

  if (scene == NULL)
    return;
  near = scene_force (scene, "memmory");
  g_assert_cmpint (near->exit_code, ==, QMIG_EXIT_USAGE);
  assert_contains (near->err, "did you mean 'memory'?");
  far = scene_force (scene, "xyzzy");
  g_assert_cmpint (far->exit_code, ==, QMIG_EXIT_USAGE);
  assert_contains (far->err, "those that can be forced");
  scene_assert_only_source (scene);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (const Way *way = ways; way->name != NULL; way++)
    if (way->sample || g_test_slow ())
      {
        g_autofree char *path = g_strdup_printf ("/checks/%s", way->name);

        g_test_add_data_func (path, way, test_way);
      }
  g_test_add_func ("/checks/unknown", test_unknown);
  return g_test_run ();
}
