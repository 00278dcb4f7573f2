/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crash-table.h"

#include "qmig-steps.h"

const char *const crash_fault_names[N_FAULTS] = {
  "source-agent", "destination-agent", "both-agents", "source", "destination", "destination-hangs", "link", "return-path",
  "source-journal", "destination-journal",
};
const char *const crash_next_names[N_NEXTS] = { "restart", "lease", "recover", "recover-killed" };

/* A point in time: 2 * step, and 1 more for after it. */
static int
point (const char *step, gboolean after)
{
  return 2 * qmig_step_index (step) + (after ? 1 : 0);
}

/* Why it cannot happen; NULL where it can. */
static const char *
cannot_happen (const QmigStep *step, int at, CrashFault fault)
{
  gboolean prepared = at >= point ("prepare", TRUE);

  if (step->of == QMIG_STEP_OF_POSTCOPY)
    return "post-copy has no way back; its deaths are test-postcopy's";
  if ((fault == FAULT_DESTINATION || fault == FAULT_DESTINATION_HANGS) && !prepared)
    return "there is no destination QEMU yet";
  if (fault == FAULT_SOURCE && at >= point ("release", TRUE))
    return "the source QEMU has quit";
  if (fault == FAULT_RETURN_PATH && at < point ("precopy", FALSE))
    return "there is no stream yet";
  if (fault == FAULT_RETURN_PATH && at >= point ("switchover", TRUE))
    return "the stream is over";
  return NULL;
}

static guint
right_ends (const QmigStep *step, int at, CrashFault fault, CrashNext next)
{
  gboolean rehearsed = step->of == QMIG_STEP_OF_REHEARSAL;
  gboolean handed_over = !rehearsed && at >= point ("switchover", TRUE);
  gboolean intended = !rehearsed && at >= point ("commit", FALSE);
  gboolean told = !rehearsed && at >= point ("commit", TRUE);

  if (fault == FAULT_SOURCE)
    return handed_over ? END_ON_DESTINATION : END_LOST;
  if (fault == FAULT_DESTINATION && at >= point ("release", TRUE))
    return END_CRASHED_LATER;
  /* Only the agent that lived on knows that it has not sent the word. */
  if (fault == FAULT_DESTINATION && (told || (intended && next != NEXT_RECOVER)))
    return END_UNKNOWABLE;
  if (fault == FAULT_DESTINATION || rehearsed)
    return END_ON_SOURCE;
  return told ? END_ON_DESTINATION : END_ON_SOURCE | END_ON_DESTINATION;
}

/* As long as it lasts, nobody can say whether the other side runs. */
static gboolean
hides_the_other_side (CrashFault fault)
{
  return fault == FAULT_DESTINATION_HANGS || fault == FAULT_LINK || fault == FAULT_DESTINATION_JOURNAL;
}

GArray *
crash_table_new (GPtrArray **left_out)
{
  GArray *table = g_array_new (FALSE, FALSE, sizeof (CrashCase));

  *left_out = g_ptr_array_new_with_free_func (g_free);
  for (gsize i = 0; i < qmig_n_steps; i++)
    for (int after = 0; after < 2; after++)
      for (int fault = 0; fault < N_FAULTS; fault++)
        {
          const QmigStep *step = &qmig_steps[i];
          int at = point (step->name, after);
          const char *why_not = cannot_happen (step, at, fault);

          if (why_not != NULL)
            g_ptr_array_add (*left_out, g_strdup_printf ("%s/%s/%s: %s", step->name, after ? "after" : "before", crash_fault_names[fault], why_not));
          for (int next = 0; next < N_NEXTS && why_not == NULL; next++)
            {
              guint ends = right_ends (step, at, fault, next);
              CrashCase c = { step->name, after, fault, next, ends, FALSE };

              c.may_ask = (ends & (END_LOST | END_UNKNOWABLE)) != 0
                          || (hides_the_other_side (fault) && at >= point ("switchover", FALSE));
              g_array_append_val (table, c);
            }
        }
  return table;
}

char *
crash_case_name (const CrashCase *c)
{
  return g_strdup_printf ("%s/%s/%s/%s", c->step, c->after ? "after" : "before", crash_fault_names[c->fault], crash_next_names[c->next]);
}
