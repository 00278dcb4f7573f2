/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Over the whole grid: the engine keeps the budget, and moves at least as many as each rival. */

#include "grid.h"
#include "rivals.h"

typedef struct
{
  guint in_time;
  guint kept; /* of these, in the budget */
} Score;

static Score
score_engine (const GPtrArray *grid, GridMeans means)
{
  Score score = { 0 };

  for (guint i = 0; i < grid->len; i++)
    {
      const GridCell *cell = g_ptr_array_index (grid, i);
      ConvergeSimResult result = grid_run_engine (cell, means, NULL, NULL);
      gboolean over = grid_is_over_budget (cell, &result);

      if (over)
        {
          g_test_message ("%s: the guest stood still for %.1f ms, %.1f ms of them asleep", cell->name, result.blackout_ms, result.sleep_ms);
          g_test_fail ();
        }
      score.in_time += grid_is_in_time (cell, &result);
      score.kept += grid_is_in_time (cell, &result) && !over;
    }
  return score;
}

static Score
score_rival (const GPtrArray *grid, guint rival)
{
  Score score = { 0 };

  for (guint i = 0; i < grid->len; i++)
    {
      const GridCell *cell = g_ptr_array_index (grid, i);
      ConvergeSimResult result = rival_run (rival, &cell->workload, cell->budget_ms, cell->deadline_ms);

      score.in_time += grid_is_in_time (cell, &result);
      score.kept += grid_is_in_time (cell, &result) && !grid_is_over_budget (cell, &result);
    }
  return score;
}

static void
test_size (void)
{
  g_autoptr(GPtrArray) grid = grid_new ();

  g_assert_cmpint (grid->len, >=, 200);
}

static void
test_throttle (void)
{
  g_autoptr(GPtrArray) grid = grid_new ();
  Score own = score_engine (grid, GRID_THROTTLE);

  for (guint i = 0; i < N_RIVALS; i++)
    {
      Score rival = score_rival (grid, i);

      g_test_message ("of %u: qmig %u in time, %u in budget; %s %u, %u", grid->len, own.in_time, own.kept, rivals[i].name, rival.in_time,
                      rival.kept);
      g_assert_cmpint (own.in_time, >=, rival.in_time);
      g_assert_cmpint (own.kept, >=, rival.kept);
    }
}

/* Without throttling as well, whoever keeps to the budget moves no more. */
static void
test_gentle (void)
{
  static const char *const gentle[] = { "QEMU alone", "Nova", "KubeVirt stall" };
  g_autoptr(GPtrArray) grid = grid_new ();
  Score own = score_engine (grid, GRID_GENTLE);

  for (guint i = 0; i < N_RIVALS; i++)
    for (guint j = 0; j < G_N_ELEMENTS (gentle); j++)
      if (g_str_equal (rivals[i].name, gentle[j]))
        g_assert_cmpint (own.kept, >=, score_rival (grid, i).kept);
}

static void
test_postcopy (void)
{
  g_autoptr(GPtrArray) grid = grid_new ();

  g_assert_cmpint (score_engine (grid, GRID_POSTCOPY).kept, >=, score_engine (grid, GRID_THROTTLE).kept);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/grid/size", test_size);
  g_test_add_func ("/grid/throttle", test_throttle);
  g_test_add_func ("/grid/gentle", test_gentle);
  g_test_add_func ("/grid/postcopy", test_postcopy);
  return g_test_run ();
}
