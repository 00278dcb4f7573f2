/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "contest-table.h"

#include "bench.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct
{
  const char *name;
  gsize offset;
  int width;
  int digits;
} Column;

#define COLUMN(name, field, width, digits) { name, G_STRUCT_OFFSET (ContestFigures, field), width, digits }

/* In the file all of them, in the table those that have a width. */
static const Column columns[] = {
  COLUMN ("finished", finished, 0, 0),
  COLUMN ("total", total_ms, 7, 0),
  COLUMN ("wall", wall_ms, 7, 0),
  COLUMN ("downtime", downtime_ms, 9, 0),
  COLUMN ("blackout", blackout_ms, 9, 0),
  COLUMN ("gap", gap_ms, 7, 0),
  COLUMN ("other", other_gap_ms, 6, 0),
  COLUMN ("passes", passes, 7, 0),
  COLUMN ("sent", sent_mib, 6, 0),
  COLUMN ("throttle", throttle_percent, 9, 0),
  COLUMN ("written", written_mib_per_s, 0, 1),
  COLUMN ("postcopy", postcopy, 0, 0),
};
#define N_COLUMNS G_N_ELEMENTS (columns)

/* -- the file -------------------------------------------------------------------------- */

static const ContestWorkload *
find_workload (const char *name)
{
  for (gsize i = 0; i < contest_n_workloads; i++)
    if (g_str_equal (contest_workloads[i].name, name))
      return &contest_workloads[i];
  return NULL;
}

static const ContestMover *
find_mover (const char *name)
{
  for (gsize i = 0; i < contest_n_movers; i++)
    if (g_str_equal (contest_movers[i].name, name))
      return &contest_movers[i];
  return NULL;
}

static gboolean
parse (const char *line, ContestRecord *record)
{
  g_auto(GStrv) words = g_strsplit (line, "\t", -1);

  if (g_strv_length (words) != 2 + N_COLUMNS || (record->workload = find_workload (words[0])) == NULL
      || (record->mover = find_mover (words[1])) == NULL)
    return FALSE;
  for (gsize i = 0; i < N_COLUMNS; i++)
    {
      char *end;

      G_STRUCT_MEMBER (double, &record->figures, columns[i].offset) = g_ascii_strtod (words[2 + i], &end);
      if (end == words[2 + i] || *end != '\0')
        return FALSE;
    }
  return TRUE;
}

GArray *
contest_records_load (const char *path, GError **error)
{
  g_autoptr(GArray) records = g_array_new (FALSE, FALSE, sizeof (ContestRecord));
  g_autofree char *text = NULL;
  g_auto(GStrv) lines = NULL;

  if (path == NULL || !g_file_test (path, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&records);
  if (!g_file_get_contents (path, &text, NULL, error))
    return NULL;
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      ContestRecord record;

      if (*lines[i] == '\0')
        continue;
      if (!parse (lines[i], &record))
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "cannot read %s: line %u is no run of this benchmark", path, i + 1);
          return NULL;
        }
      g_array_append_val (records, record);
    }
  return g_steal_pointer (&records);
}

static void
append (const char *path, const ContestRecord *record)
{
  FILE *file = fopen (path, "a");

  if (file == NULL)
    g_error ("cannot write %s: %s", path, g_strerror (errno));
  fprintf (file, "%s\t%s", record->workload->name, record->mover->name);
  for (gsize i = 0; i < N_COLUMNS; i++)
    {
      char number[G_ASCII_DTOSTR_BUF_SIZE];

      fprintf (file, "\t%s", g_ascii_dtostr (number, sizeof number, G_STRUCT_MEMBER (double, &record->figures, columns[i].offset)));
    }
  fputc ('\n', file);
  if (fclose (file) != 0)
    g_error ("cannot write %s: %s", path, g_strerror (errno));
}

void
contest_records_add (GArray *records, const char *path, const ContestRecord *record)
{
  g_array_append_val (records, *record);
  if (path != NULL)
    append (path, record);
}

/* -- the table ------------------------------------------------------------------------- */

/* (element-type ContestFigures) */
static GArray *
figures_of (const GArray *records, const ContestWorkload *workload, const ContestMover *mover /* (nullable): all */)
{
  GArray *figures = g_array_new (FALSE, FALSE, sizeof (ContestFigures));

  for (guint i = 0; i < records->len; i++)
    {
      const ContestRecord *record = &g_array_index (records, ContestRecord, i);

      if (record->workload == workload && (mover == NULL || record->mover == mover))
        g_array_append_val (figures, record->figures);
    }
  return figures;
}

/* What a run had sent when it was cancelled says little beside what others needed to finish. */
static guint
keep_finished (GArray *figures)
{
  guint finished = 0;

  for (guint i = 0; i < figures->len; i++)
    if (g_array_index (figures, ContestFigures, i).finished != 0)
      g_array_index (figures, ContestFigures, finished++) = g_array_index (figures, ContestFigures, i);
  if (finished > 0)
    g_array_set_size (figures, finished);
  return finished;
}

static double
median (const GArray *figures, gsize offset)
{
  return bench_median (figures->data, figures->len, sizeof (ContestFigures), offset);
}

static void
print_number (const Column *column, double value)
{
  if (isnan (value))
    g_print (" %*s", column->width, "-");
  else
    g_print (" %*.*f", column->width, column->digits, value);
}

guint
contest_medians (const GArray *records, const ContestWorkload *workload, const char *mover, ContestFigures *medians, guint *finished)
{
  g_autoptr(GArray) figures = figures_of (records, workload, find_mover (mover));
  guint runs = figures->len;

  if (runs == 0)
    return 0;
  *finished = keep_finished (figures);
  for (gsize i = 0; i < N_COLUMNS; i++)
    G_STRUCT_MEMBER (double, medians, columns[i].offset) = median (figures, columns[i].offset);
  return runs;
}

static void
print_mover (const GArray *records, const ContestWorkload *workload, const ContestMover *mover)
{
  ContestFigures medians;
  guint finished, runs = contest_medians (records, workload, mover->name, &medians, &finished);

  if (runs == 0)
    return;
  g_print ("  %-14s %4u/%-3u", mover->name, finished, runs);
  for (gsize i = 0; i < N_COLUMNS; i++)
    if (columns[i].width > 0)
      print_number (&columns[i], G_STRUCT_MEMBER (double, &medians, columns[i].offset));
  g_print ("\n");
}

void
contest_print_workload (const GArray *records, const ContestWorkload *w)
{
  g_autoptr(GArray) all = figures_of (records, w, NULL);

  if (all->len == 0)
    return;
  g_print ("%s: %s; %u MiB, writes %u MiB/s (seen: %.0f) over %u MiB, %u MiB more are filled; budget %u ms\n", w->name, w->about, w->memory_mib,
           w->rate_mib_per_s, median (all, G_STRUCT_OFFSET (ContestFigures, written_mib_per_s)), w->set_mib, w->fill_mib, w->budget_ms);
  g_print ("  %-14s %8s", "mover", "finished");
  for (gsize i = 0; i < N_COLUMNS; i++)
    if (columns[i].width > 0)
      g_print (" %*s", columns[i].width, columns[i].name);
  g_print ("\n");
  for (gsize i = 0; i < contest_n_movers; i++)
    print_mover (records, w, &contest_movers[i]);
  g_print ("\n");
}

void
contest_print_kept (const GArray *records, const ContestMover *mover)
{
  guint counted = 0, kept = 0, runs = 0;

  for (guint i = 0; i < records->len; i++)
    {
      const ContestRecord *record = &g_array_index (records, ContestRecord, i);

      if (record->mover != mover)
        continue;
      runs++;
      if (record->figures.finished == 0 || record->figures.postcopy != 0)
        continue;
      counted++;
      kept += record->figures.gap_ms <= record->workload->budget_ms;
    }
  if (counted > 0)
    g_print ("%s: of %u runs %u finished without post-copy; the guest's own silence was within the budget in %u of these (%.0f %%)\n", mover->name,
             runs, counted, kept, 100.0 * kept / counted);
  else if (runs > 0)
    g_print ("%s: of %u runs none finished without post-copy\n", mover->name, runs);
}
