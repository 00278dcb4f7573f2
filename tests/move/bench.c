/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#include <math.h>
#include <stdlib.h>

GPid
bench_spawn_destination (Rig *rig, const char *config, const char *qmp, const char *const *more)
{
  g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *image = guest_watch_find_image (NULL);
  g_autofree char *dir = g_strdup_printf ("%s/b/r/vm/hand", rig->dir);
  g_autofree char *tick = g_build_filename (dir, GUEST_WATCH_SOCKET_NAME, NULL);
  g_autofree char *monitor = g_strdup_printf ("unix:%s,server=on,wait=off", qmp);
  g_autofree char *memory = g_strdup_printf ("%u", rig->memory_mib);
  const char *fixed[] = { rig->qemu, "-machine", "q35", "-accel", rig->accel, "-cpu", "qemu64", "-m", memory, "-nodefaults",
                          "-no-user-config", "-display", "none", "-name", rig->vm, "-qmp", monitor, "-incoming", "defer", NULL };

  g_mkdir_with_parents (dir, 0700);
  for (const char **arg = fixed; *arg != NULL; arg++)
    g_ptr_array_add (argv, g_strdup (*arg));
  for (const char *const *arg = more; arg != NULL && *arg != NULL; arg++)
    g_ptr_array_add (argv, g_strdup (*arg));
  guest_watch_append_arguments (argv, image, config, tick);
  g_ptr_array_add (argv, NULL);
  return place_spawn (rig->beta.place, (const char *const *) argv->pdata, NULL, NULL, -1);
}

QmpClient *
bench_open_monitor (const char *path, QmpWait *wait)
{
  g_autoptr(GError) error = NULL;
  QmpClient *client;

  while (!g_file_test (path, G_FILE_TEST_EXISTS))
    g_assert_true (qmp_wait_pause (wait, 1, NULL));
  while ((client = qmp_client_open (path, wait, &error)) == NULL)
    {
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
      g_clear_error (&error);
      g_assert_true (qmp_wait_pause (wait, 1, NULL));
    }
  return client;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return x < y ? -1 : x > y;
}

double
bench_median (gconstpointer all, guint n, gsize size, gsize offset)
{
  g_autofree double *values = g_new (double, n);
  guint found = 0;

  for (guint i = 0; i < n; i++)
    {
      double value = G_STRUCT_MEMBER (double, (const char *) all + i * size, offset);

      if (!isnan (value))
        values[found++] = value;
    }
  if (found == 0)
    return NAN;
  qsort (values, found, sizeof *values, compare_doubles);
  return found % 2 ? values[found / 2] : (values[found / 2 - 1] + values[found / 2]) / 2;
}
