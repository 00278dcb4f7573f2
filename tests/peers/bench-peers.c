/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `./setup bench peers`: qmig, libvirt's virsh, and the same commands over raw QMP by hand as the floor, with the same
 * guest, the same QEMU and the same link of 1 Gbit/s, in turns, in one run.  It needs root and libvirt.
 */

#include "bench.h"
#include "virsh.h"

#include <math.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#define MEDIAN(figures, field) bench_median ((figures)->data, (figures)->len, sizeof (ContestFigures), G_STRUCT_OFFSET (ContestFigures, field))

static const ContestMover by_hand = { "by hand", "the commands alone, over QMP", FALSE, NULL, contest_by_plain_qemu };
static const ContestMover by_hand_throttled = { "by hand, a.-c.", "the same with auto-converge", FALSE, NULL, contest_by_auto_converge };
static const ContestMover qmig = { "qmig", "qmig migrate --downtime 300ms", TRUE, NULL, contest_by_qmig };
static const ContestMover qmig_postcopy = { "qmig, postcopy", "the same with --allow postcopy", TRUE, NULL, contest_by_qmig_with_postcopy };
static const ContestMover plain = { "virsh", "virsh migrate --live", FALSE, virsh_start_guest, virsh_plain };
static const ContestMover throttled = { "virsh, a.-c.", "the same with --auto-converge", FALSE, virsh_start_guest, virsh_auto_converge };
static const ContestMover suspended = { "virsh, suspend", "the same with --timeout 10 --timeout-suspend", FALSE, virsh_start_guest, virsh_suspend };
static const ContestMover postcopied = { "virsh, postcopy", "the same with --postcopy --postcopy-after-precopy", FALSE, virsh_start_guest, virsh_postcopy };

/* With the downtime limit that QEMU has by default, which libvirt leaves alone, as everybody's budget. */
static const ContestWorkload idle = { "idle", "nothing is written", 328, 64, 0, 256, 300 };
static const ContestWorkload busy = { "busy", "half of the link is written", 264, 256, 50, 0, 300 };
static const ContestWorkload hard = { "hard", "twice as fast as the link", 1024, 256, 200, 0, 300 };

typedef struct
{
  const char *name;
  const ContestWorkload *workload;
  gint64 limit_ms;                /* then it is interrupted */
  gboolean cancel;                /* … which is what is measured */
  const ContestMover *movers[7];  /* ends with NULL */
} Case;

static const Case cases[] = {
  { "idle", &idle, 60000, FALSE, { &by_hand, &plain, &qmig } },
  { "busy", &busy, 60000, FALSE, { &by_hand, &plain, &qmig } },
  { "hard", &hard, 45000, FALSE, { &by_hand_throttled, &plain, &throttled, &suspended, &postcopied, &qmig } },
  { "hard-postcopy", &hard, 45000, FALSE, { &postcopied, &qmig_postcopy } },
  { "cancel", &hard, 4000, TRUE, { &by_hand, &plain, &qmig } },
};

static char **only;
static int runs = 5;

static const GOptionEntry entries[] = {
  { "only", 0, 0, G_OPTION_ARG_STRING_ARRAY, &only, "only this case (idle, busy, hard, hard-postcopy, cancel); may be repeated", "NAME" },
  { "runs", 0, 0, G_OPTION_ARG_INT, &runs, "runs of each (default: 5)", "N" },
  { NULL },
};

/* -- the table ---------------------------------------------------------------------------- */

static const char *
number (char *text, gsize size, double value, int digits)
{
  if (isnan (value))
    return "-";
  g_snprintf (text, size, "%.*f", digits, value);
  return text;
}

static void
print_column (int width, double value, int digits)
{
  char text[32];

  g_print (" %*s", width, number (text, sizeof text, value, digits));
}

static guint
count_finished (const GArray *figures)
{
  guint finished = 0;

  for (guint i = 0; i < figures->len; i++)
    finished += g_array_index (figures, ContestFigures, i).finished != 0;
  return finished;
}

static double
median_added (const GArray *figures)
{
  g_autoptr(GArray) added = g_array_copy ((GArray *) figures);

  for (guint i = 0; i < added->len; i++)
    g_array_index (added, ContestFigures, i).wall_ms -= g_array_index (added, ContestFigures, i).total_ms;
  return MEDIAN (added, wall_ms);
}

static void
print_row (const Case *c, const ContestMover *mover, const GArray *figures)
{
  g_print ("%-14s %-16s %2u/%-2u", c->name, mover->name, count_finished (figures), figures->len);
  print_column (7, MEDIAN (figures, wall_ms), 0);
  print_column (7, MEDIAN (figures, total_ms), 0);
  print_column (6, median_added (figures), 0);
  print_column (9, MEDIAN (figures, blackout_ms), 0);
  print_column (6, MEDIAN (figures, gap_ms), 0);
  print_column (7, MEDIAN (figures, cancel_ms), 0);
  print_column (6, MEDIAN (figures, cpu_ms), 0);
  print_column (6, MEDIAN (figures, memory_mib), 0);
  g_print ("\n");
}

/* What is judged, and by whom it is judged: the lower the better. */
typedef struct
{
  const char *name;
  gsize offset;
} Measure;

static const Measure measures[] = {
  { "wall", G_STRUCT_OFFSET (ContestFigures, wall_ms) },
  { "blackout", G_STRUCT_OFFSET (ContestFigures, blackout_ms) },
  { "gap", G_STRUCT_OFFSET (ContestFigures, gap_ms) },
  { "cancel", G_STRUCT_OFFSET (ContestFigures, cancel_ms) },
  { "CPU", G_STRUCT_OFFSET (ContestFigures, cpu_ms) },
  { "memory", G_STRUCT_OFFSET (ContestFigures, memory_mib) },
};

static double
median_at (const GArray *figures, gsize offset)
{
  return bench_median (figures->data, figures->len, sizeof (ContestFigures), offset);
}

static void
print_behind (const Case *c, guint m, const ContestMover *ours, GArray *const *all)
{
  for (gsize k = 0; k < G_N_ELEMENTS (measures); k++)
    {
      double own = median_at (all[m], measures[k].offset), best = NAN;
      guint winner = m;

      for (guint i = 0; c->movers[i] != NULL; i++)
        {
          double value = median_at (all[i], measures[k].offset);

          if (i != m && !isnan (value) && (isnan (best) || value < best))
            {
              best = value;
              winner = i;
            }
        }
      if (best < own)
        g_print ("  %s: %s is behind %s in %s: %.0f instead of %.0f\n", c->name, ours->name, c->movers[winner]->name, measures[k].name, own, best);
    }
}

/* -- runs ------------------------------------------------------------------------------------ */

static gboolean
run_once (const Case *c, const ContestMover *mover, GArray *figures)
{
  ContestFigures f;
  g_autofree char *note = NULL;

  if (!contest_run (c->workload, mover, c->limit_ms, NULL, &f, &note))
    return FALSE;
  /* Whoever was interrupted was not asked to be quick, but in the case that asks just that. */
  if (!c->cancel)
    f.cancel_ms = NAN;
  g_array_append_val (figures, f);
  g_printerr ("%-14s %-16s wall %.0f ms, gap %.0f ms, cancel %.0f ms %s\n", c->name, mover->name, f.wall_ms, f.gap_ms, f.cancel_ms, note != NULL ? note : "");
  return TRUE;
}

static gboolean
run_case (const Case *c, GArray **all)
{
  for (int i = 0; i < runs; i++)
    for (guint m = 0; c->movers[m] != NULL; m++)
      if (!run_once (c, c->movers[m], all[m]))
        return FALSE;
  return TRUE;
}

static gboolean
bench (const Case *c, GPtrArray *rows)
{
  GArray *all[G_N_ELEMENTS (c->movers)] = { NULL };

  for (guint m = 0; c->movers[m] != NULL; m++)
    {
      all[m] = g_array_new (FALSE, FALSE, sizeof (ContestFigures));
      g_ptr_array_add (rows, all[m]);
    }
  return run_case (c, all);
}

static void
print_all (GPtrArray *rows, const gboolean *ran)
{
  guint row = 0;

  g_print ("%-14s %-16s %5s %7s %7s %6s %9s %6s %7s %6s %6s\n", "guest", "moved", "done", "wall", "QEMU", "added", "blackout", "gap", "cancel", "CPU", "MiB");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint m = 0; ran[i] && cases[i].movers[m] != NULL; m++)
      print_row (&cases[i], cases[i].movers[m], g_ptr_array_index (rows, row++));
  g_print ("\n");
  row = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guint n = 0;

      while (ran[i] && cases[i].movers[n] != NULL)
        n++;
      for (guint m = 0; m < n; m++)
        if (g_str_has_prefix (cases[i].movers[m]->name, "qmig"))
          print_behind (&cases[i], m, cases[i].movers[m], (GArray *const *) rows->pdata + row);
      row += n;
    }
}

/* -- the command ------------------------------------------------------------------------------ */

/* The rig speaks as tests do. */
static void
say_nothing (const char *text)
{
}

static char *
output_of (const char *program, const char *option)
{
  const char *argv[] = { program, option, NULL };
  g_autofree char *text = NULL;
  g_auto(GStrv) lines = NULL;

  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &text, NULL, NULL, NULL);
  lines = g_strsplit (text != NULL ? text : "", "\n", 2);
  return g_strdup (lines[0] != NULL ? lines[0] : "");
}

static void
print_heading (void)
{
  g_autofree char *qemu = output_of ("qemu-system-x86_64", "--version");
  g_autofree char *libvirt = virsh_version ();
  struct utsname machine;

  uname (&machine);
  g_print ("%s; libvirt %s; Linux %s, %ld CPUs\n", qemu, libvirt, machine.release, sysconf (_SC_NPROCESSORS_ONLN));
  g_print ("Medians of %d runs each, in turns; milliseconds; link of " CONTEST_LINK ", in the clear; downtime limit and budget 300 ms.\n"
           "added: the command's wall time less QEMU's; blackout: STOP to RESUME; gap: the guest's own silence, by its ticks; cancel: from Ctrl-C to the\n"
           "command's end; CPU, MiB: of the command and both daemons, MiB the sum of what each held at most.\n\n", runs);
}

static int
give_up (const char *why)
{
  g_printerr ("nothing measured: %s\n", why);
  return 77;
}

int
main (int argc, char **argv)
{
  g_autoptr(GOptionContext) context = g_option_context_new ("- compare qmig with libvirt");
  g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref);
  g_autoptr(GError) error = NULL;
  gboolean ran[G_N_ELEMENTS (cases)] = { FALSE };

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || runs <= 0)
    {
      g_printerr ("bench-peers: %s\n", error != NULL ? error->message : "--runs must be positive");
      return 2;
    }
  if (!virsh_is_there ())
    return give_up ("libvirtd and virsh are not installed (data/packages/peers)");
  g_set_print_handler (say_nothing);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      if (only != NULL && !g_strv_contains ((const char *const *) only, cases[i].name))
        continue;
      ran[i] = TRUE;
      if (!bench (&cases[i], rows))
        return give_up ("this needs root, network namespaces with veth and tbf, and KVM or QEMU 10 (./setup qemus)");
    }
  g_set_print_handler (NULL);
  print_heading ();
  print_all (rows, ran);
  return 0;
}
