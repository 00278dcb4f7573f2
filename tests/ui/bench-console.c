/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The console over 1,000 VMs on 20 hosts: how long from a key to the screen
 * that it asks for, what an idle console costs, what it holds; once with all
 * hosts answering, once after five of them have fallen silent.
 */

#include "fake-hosts.h"
#include "vt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOSTS 20
#define VMS 50
#define MIGRATIONS 5
#define SILENT 5
#define COLS 120
#define ROWS 40
#define PRESSES 60
#define IDLE_MS 10000
#define SILENCE_MS 12000 /* until what was asked of the silent is overdue */
#define LIMIT_MS 30000
#define BOUND_P95_MS 50
#define BOUND_CPU_PERCENT 10
#define BOUND_RSS_MIB 60

/* -- what is on the screen ------------------------------------------------------- */

static gboolean
shows (Vt *vt, gconstpointer data)
{
  g_autofree char *text = vt_get_text (vt);

  return strstr (text, data) != NULL;
}

static char *
selected_line (Vt *vt)
{
  for (int row = 0; row < ROWS; row++)
    {
      char *line = vt_get_line (vt, row);

      if (g_str_has_prefix (line, "▸"))
        return line;
      g_free (line);
    }
  return NULL;
}

/* The row in which the mark stands has this VM. */
static gboolean
selected (Vt *vt, gconstpointer vm)
{
  g_autofree char *line = selected_line (vt);

  return line != NULL && strstr (line, vm) != NULL;
}

static gboolean
has_title (Vt *vt, gconstpointer name)
{
  g_autofree char *line = vt_get_line (vt, 0);
  g_autofree char *title = g_strconcat (" qmig · ", name, " ", NULL);

  return g_str_has_prefix (line, title);
}

/* -- keys ------------------------------------------------------------------------------ */

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double one = *(const double *) a;
  double other = *(const double *) b;

  return one < other ? -1 : one > other;
}

static double
percentile (GArray *values, int percent)
{
  g_array_sort (values, compare_doubles);
  return g_array_index (values, double, (values->len * (guint) percent + 99) / 100 - 1);
}

static void
press (Vt *vt, const char *key, VtCheck check, gconstpointer data, GArray *times)
{
  gint64 pressed_us;
  double ms;

  /* Not in step with its drawing. */
  vt_pass_time (vt, 20 + g_random_int_range (0, 130));
  pressed_us = g_get_monotonic_time ();
  vt_type (vt, key);
  ms = (double) (vt_wait (vt, check, data, LIMIT_MS, key) - pressed_us) / 1000;
  g_array_append_val (times, ms);
}

static gboolean
report_times (const char *what, GArray *times)
{
  double p50 = percentile (times, 50);
  double p95 = percentile (times, 95);

  printf ("  %-44s %6.1f %6.1f %6.1f ms\n", what, p50, p95, percentile (times, 100));
  fflush (stdout);
  return p95 <= BOUND_P95_MS;
}

/* Each row on the way has a VM of its own: they are sorted by name. */
static gboolean
measure_rows (Vt *vt)
{
  g_autoptr(GArray) times = g_array_new (FALSE, FALSE, sizeof (double));

  vt_type (vt, "g");
  vt_wait (vt, selected, "vm00-000", LIMIT_MS, "the first row");
  for (int i = 1; i <= PRESSES; i++)
    {
      g_autofree char *vm = g_strdup_printf ("vm%02d-%03d", i / VMS, i % VMS);

      press (vt, "j", selected, vm, times);
    }
  return report_times ("j: next row", times);
}

static gboolean
measure_ends (Vt *vt)
{
  g_autoptr(GArray) times = g_array_new (FALSE, FALSE, sizeof (double));
  g_autofree char *last = g_strdup_printf ("vm%02d-%03d", HOSTS - 1, VMS - 1);

  for (int i = 0; i < PRESSES; i++)
    press (vt, i % 2 == 0 ? "G" : "g", selected, i % 2 == 0 ? last : "vm00-000", times);
  return report_times ("G, g: last and first of 1,000", times);
}

static gboolean
measure_screens (Vt *vt)
{
  static const struct
  {
    const char *key;
    const char *title;
  } screens[] = { { "5", "hosts" }, { "2", "migrations" }, { "4", "history" }, { "3", "log" }, { "1", "VMs" } };
  g_autoptr(GArray) times = g_array_new (FALSE, FALSE, sizeof (double));

  for (gsize i = 0; i < PRESSES; i++)
    press (vt, screens[i % G_N_ELEMENTS (screens)].key, has_title, screens[i % G_N_ELEMENTS (screens)].title, times);
  return report_times ("1-5: another screen", times);
}

static gboolean
measure_filter (Vt *vt)
{
  g_autoptr(GArray) times = g_array_new (FALSE, FALSE, sizeof (double));

  for (int i = 0; i < PRESSES / 4; i++)
    {
      g_autofree char *digits = g_strdup_printf ("%02d", i % HOSTS);
      char first[2] = { digits[0], '\0' };
      g_autofree char *half = g_strdup_printf ("/host%s", first);
      g_autofree char *half_shown = g_strdup_printf ("host%s", first);
      g_autofree char *vm = g_strdup_printf ("vm%s-", digits);

      vt_type (vt, half);
      vt_wait (vt, shows, half_shown, LIMIT_MS, half);
      /* The last letter leaves the VMs of one host. */
      press (vt, digits + 1, shows, " 50 of 1000", times);
      vt_type (vt, "\r\033");
      vt_wait (vt, shows, " 1000 of 1000", LIMIT_MS, "the filter to be dropped");
    }
  return report_times ("last letter of a filter", times);
}

/* -- what it costs ------------------------------------------------------------------------ */

static double
cpu_seconds (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *text = NULL;
  g_auto(GStrv) fields = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    g_error ("the console has ended");
  /* After the name: field 3 is the first, 14 and 15 are the times. */
  fields = g_strsplit (strrchr (text, ')') + 2, " ", -1);
  return (double) (g_ascii_strtoll (fields[11], NULL, 10) + g_ascii_strtoll (fields[12], NULL, 10)) / (double) sysconf (_SC_CLK_TCK);
}

static double
rss_mib (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/status", pid);
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents (path, &text, NULL, NULL) || (line = strstr (text, "VmRSS:")) == NULL)
    g_error ("the console has ended");
  return (double) g_ascii_strtoll (line + strlen ("VmRSS:"), NULL, 10) / 1024;
}

static gboolean
measure_idle (Vt *vt, const char *screen)
{
  GPid pid = vt_get_pid (vt);
  guint64 received = vt_get_received (vt);
  double before = cpu_seconds (pid);
  gint64 since_us = g_get_monotonic_time ();
  double seconds;
  double percent;

  vt_pass_time (vt, IDLE_MS);
  seconds = (double) (g_get_monotonic_time () - since_us) / G_USEC_PER_SEC;
  percent = (cpu_seconds (pid) - before) / seconds * 100;
  printf ("  idle for %2.0f s on %-27s %6.1f %% of a CPU, %.1f KiB/s to the terminal\n", seconds, screen, percent,
          (double) (vt_get_received (vt) - received) / 1024 / seconds);
  fflush (stdout);
  return percent <= BOUND_CPU_PERCENT;
}

static gboolean
report_rss (Vt *vt)
{
  double mib = rss_mib (vt_get_pid (vt));

  printf ("  resident memory                              %6.1f MiB\n", mib);
  return mib <= BOUND_RSS_MIB;
}

/* -- one run --------------------------------------------------------------------------------- */

static gboolean
measure_all (Vt *vt)
{
  gboolean good = TRUE;

  printf ("  %-44s %6s %6s %6s\n", "key press to redrawn screen", "p50", "p95", "most");
  good &= measure_rows (vt);
  good &= measure_ends (vt);
  good &= measure_screens (vt);
  good &= measure_filter (vt);
  vt_type (vt, "1");
  vt_wait (vt, has_title, "VMs", LIMIT_MS, "the VMs");
  good &= measure_idle (vt, "1 VMs");
  vt_type (vt, "2\r");
  vt_wait (vt, shows, "REMAINING", LIMIT_MS, "a running migration");
  good &= measure_idle (vt, "a migration's curves");
  good &= report_rss (vt);
  vt_type (vt, "q1");
  vt_wait (vt, has_title, "VMs", LIMIT_MS, "the VMs");
  return good;
}

static Vt *
start_console (FakeHosts *hosts, const char *dir)
{
  const char *argv[] = { QMIG_PROGRAM, "--no-autostart", "--host", fake_hosts_get_uri (hosts), "console", "--screen", "vms", NULL };
  g_auto(GStrv) env = g_get_environ ();
  g_autofree char *expected = g_strdup_printf (" %d of %d", HOSTS * VMS, HOSTS * VMS);
  gint64 since_us = g_get_monotonic_time ();
  Vt *vt;

  env = g_environ_setenv (env, "QMIG_STATE_DIR", dir, TRUE);
  env = g_environ_setenv (env, "QMIG_RUNTIME_DIR", dir, TRUE);
  env = g_environ_setenv (env, "QMIG_CONFIG", "/nonexistent/qmig.conf", TRUE);
  env = g_environ_setenv (env, "LC_ALL", "C.UTF-8", TRUE);
  env = g_environ_unsetenv (env, "SSH_CONNECTION");
  vt = vt_new (COLS, ROWS, argv, (const char *const *) env);
  vt_wait (vt, shows, "qmig · VMs", LIMIT_MS, "the first screen");
  printf ("  first screen after                           %6.1f ms\n", (double) (g_get_monotonic_time () - since_us) / 1000);
  vt_wait (vt, shows, expected, LIMIT_MS, "all VMs");
  printf ("  all %d VMs of %d hosts after                %6.1f ms\n", HOSTS * VMS, HOSTS, (double) (g_get_monotonic_time () - since_us) / 1000);
  return vt;
}

static void
leave (Vt *vt, const char *dir)
{
  g_autofree char *state = g_build_filename (dir, "console.ini", NULL);

  vt_free (vt);
  unlink (state);
  rmdir (dir);
}

int
main (void)
{
  g_autoptr(FakeHosts) hosts = fake_hosts_new (HOSTS, VMS, MIGRATIONS);
  g_autofree char *dir = g_dir_make_tmp ("qmig-bench-XXXXXX", NULL);
  gboolean good;
  Vt *vt;

  printf ("%d VMs on %d hosts, %d of them with a migration of 2 samples a second; %dx%d\n\nall hosts answer\n", HOSTS * VMS, HOSTS, MIGRATIONS, COLS,
          ROWS);
  vt = start_console (hosts, dir);
  good = measure_all (vt);

  fake_hosts_silence (hosts, SILENT);
  vt_pass_time (vt, SILENCE_MS);
  printf ("\n%d hosts take what is asked and never answer\n", SILENT);
  good = measure_all (vt) && good;
  leave (vt, dir);

  printf ("\nbounds: p95 %d ms, idle %d %% of a CPU, %d MiB: %s\n", BOUND_P95_MS, BOUND_CPU_PERCENT, BOUND_RSS_MIB, good ? "held" : "MISSED");
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
