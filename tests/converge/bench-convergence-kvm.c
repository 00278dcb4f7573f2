/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `./setup bench convergence-kvm`: how different movers bring busy guests over a link of 1 Gbit/s.  Real QEMUs in two
 * network namespaces, the link shaped by tc; in turns, in one run, so that a noisy machine is noisy to all.  It needs
 * root.  Where KVM does not serve, the guests run under the TCG of `./setup qemus`, and the heading says so.
 */

#include "contest-sim.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

static char **only;
static char *movers_text;
static int runs = 3;
static int limit_s = 60;
static char *traces;
static char *records_path;
static gboolean list;
static gboolean verbose;

static const GOptionEntry entries[] = {
  { "only", 0, 0, G_OPTION_ARG_STRING_ARRAY, &only, "only this workload; may be repeated", "NAME" },
  { "movers", 0, 0, G_OPTION_ARG_STRING, &movers_text, "only these movers", "A,B" },
  { "runs", 0, 0, G_OPTION_ARG_INT, &runs, "runs of each (default: 3); 0 prints what --records holds", "N" },
  { "limit", 0, 0, G_OPTION_ARG_INT, &limit_s, "seconds after which a run is cancelled, and not finished (default: 60)", "S" },
  { "traces", 0, 0, G_OPTION_ARG_FILENAME, &traces, "write what was seen of each run into this directory, as JSON lines", "DIR" },
  { "records", 0, 0, G_OPTION_ARG_FILENAME, &records_path, "append each run's figures to this file; what is there already counts too", "FILE" },
  { "list", 0, 0, G_OPTION_ARG_NONE, &list, "list workloads and movers", NULL },
  { "verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "show the agents' logs of each run as well", NULL },
  { NULL },
};

static gboolean
is_among (const char *name, char **names)
{
  return names == NULL || g_strv_contains ((const char *const *) names, name);
}

static void
print_list (void)
{
  for (gsize i = 0; i < contest_n_workloads; i++)
    g_print ("%-14s %s\n", contest_workloads[i].name, contest_workloads[i].about);
  g_print ("\n");
  for (gsize i = 0; i < contest_n_movers; i++)
    g_print ("%-14s %s\n", contest_movers[i].name, contest_movers[i].about);
}

/* -- runs ------------------------------------------------------------------------------- */

static char *
trace_path (const ContestWorkload *workload, const ContestMover *mover)
{
  g_autofree char *stamp = NULL;
  g_autofree char *name = NULL;
  g_autoptr(GDateTime) now = g_date_time_new_now_utc ();

  if (traces == NULL)
    return NULL;
  stamp = g_date_time_format (now, "%Y%m%dT%H%M%S");
  name = g_strdup_printf ("%s-%s-%s.jsonl", workload->name, mover->name, stamp);
  return g_build_filename (traces, name, NULL);
}

static gboolean
run_once (GArray *records, const ContestWorkload *workload, const ContestMover *mover)
{
  ContestRecord record = { .workload = workload, .mover = mover };
  g_autofree char *trace = trace_path (workload, mover);
  g_autofree char *note = NULL;

  g_printerr ("%-12s %-14s ", workload->name, mover->name);
  if (!contest_run (workload, mover, limit_s * 1000, trace, &record.figures, &note))
    return FALSE;
  if (record.figures.finished)
    g_printerr ("total %.0f ms, gap %.0f ms\n", record.figures.total_ms, record.figures.gap_ms);
  else
    g_printerr ("not finished: %s\n", note);
  contest_records_add (records, records_path, &record);
  return TRUE;
}

static gboolean
run_all (GArray *records, char **movers)
{
  for (gsize w = 0; w < contest_n_workloads; w++)
    for (int i = 0; i < runs && is_among (contest_workloads[w].name, only); i++)
      for (gsize m = 0; m < contest_n_movers; m++)
        if (is_among (contest_movers[m].name, movers) && !run_once (records, &contest_workloads[w], &contest_movers[m]))
          return FALSE;
  return TRUE;
}

static void
print_all (const GArray *records)
{
  g_print ("Medians, times in milliseconds, sent in MiB, throttle in %%; over a link of " CONTEST_LINK ".\n"
           "gap: the guest's own silence around the switchover, other: its longest before and after; both by its 1 ms ticks, as this host stamps them.\n\n");
  for (gsize i = 0; i < contest_n_workloads; i++)
    contest_print_workload (records, &contest_workloads[i]);
  for (gsize i = 0; i < contest_n_movers; i++)
    contest_print_kept (records, &contest_movers[i]);
  contest_print_simulated (records, limit_s * 1000);
}

/* The rig speaks as tests do. */
static void
say_nothing (const char *text)
{
}

/* -- the command ------------------------------------------------------------------------ */

static gboolean
check_workload_names (GError **error)
{
  for (char **name = only; name != NULL && *name != NULL; name++)
    {
      gboolean known = FALSE;

      for (gsize i = 0; i < contest_n_workloads; i++)
        known |= g_str_equal (*name, contest_workloads[i].name);
      if (!known)
        {
          g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "there is no workload '%s': --list lists them", *name);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
check_mover_names (char **movers, GError **error)
{
  for (char **name = movers; name != NULL && *name != NULL; name++)
    {
      gboolean known = FALSE;

      for (gsize i = 0; i < contest_n_movers; i++)
        known |= g_str_equal (*name, contest_movers[i].name);
      if (!known)
        {
          g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "there is no mover '%s': --list lists them", *name);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
check_numbers (GError **error)
{
  if (runs >= 0 && limit_s > 0)
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--runs must not be negative, and --limit must be positive");
  return FALSE;
}

static int
complain (const GError *error)
{
  g_printerr ("bench-convergence-kvm: %s\n", error->message);
  return 2;
}

int
main (int argc, char **argv)
{
  g_autoptr(GOptionContext) context = g_option_context_new ("- compare movers of busy guests");
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) movers = NULL;
  g_autoptr(GArray) records = NULL;
  gboolean done;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    return complain (error);
  movers = movers_text != NULL ? g_strsplit (movers_text, ",", -1) : NULL;
  if (!check_workload_names (&error) || !check_mover_names (movers, &error) || !check_numbers (&error))
    return complain (error);
  if (list)
    return print_list (), 0;
  records = contest_records_load (records_path, &error);
  if (records == NULL)
    return complain (error);
  if (traces != NULL)
    g_mkdir_with_parents (traces, 0755);
  if (!verbose)
    g_set_print_handler (say_nothing);
  done = run_all (records, movers);
  g_set_print_handler (NULL);
  if (!done)
    {
      g_printerr ("\nnothing measured: this needs root, network namespaces with veth and tbf, and KVM or QEMU 10 (./setup qemus)\n");
      return 77;
    }
  print_all (records);
  return 0;
}
