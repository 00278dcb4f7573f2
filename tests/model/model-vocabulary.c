/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Prints vocabulary.h for commit.pml: the names of the program's steps and
 * phases, and the whole table of what it decides after a crash.
 */

#include "qmig-recover.h"
#include "qmig-steps.h"

/* The states of the source that the model has. */
static const struct
{
  const char *name;
  const char *run_state; /* NULL: gone */
  const char *status;
} sources[] = {
  { "running", "running", "none" },
  { "active", "running", "active" },
  { "gate", "finish-migrate", "pre-switchover" },
  { "device", "finish-migrate", "device" },
  { "done", "postmigrate", "completed" },
  { "back", "running", "cancelled" },
  { "gone", NULL, NULL },
};
static const char *const words[] = { "none", "source", "destination" };
static const char *const answers[] = { "none", "ok", "refused", "attention", "silent" };
static const char *const acts[] = { "none", "prepare", "commit", "abort", "release", "query" };
static const char *const outcomes[] = { "none", "completed", "rolled_back", "attention" };

#define ROLL_BACK 100
#define ATTENTION 101

static void
define_all (const char *kind, const char *const *names, gsize n)
{
  for (gsize i = 0; i < n; i++)
    g_print ("#define %s_%s %" G_GSIZE_FORMAT "\n", kind, names[i], i);
}

static int
decide (gsize step, gboolean going_back, gboolean intent, gsize source, int phase, gsize word)
{
  g_autofree char *name = g_strconcat (going_back ? "undo-" : "", qmig_steps[step].name, NULL);
  QmigRecoverFacts facts = {
    .step = name,
    .commit_intent = intent,
    .source_gone = sources[source].run_state == NULL,
    .source_state = qmp_run_state_from_string (sources[source].run_state),
    .source_status = qmp_migration_status_from_string (sources[source].status),
    .destination_silent = phase > QMIG_INCOMING_GONE,
    .destination = phase,
    .assume = word > 0 ? words[word] : NULL,
  };
  QmigRecoverDecision decision;

  /* Before the preparation there is nothing on the other side (qmig_recover_look). */
  if (step < (gsize) qmig_step_index ("prepare"))
    return ROLL_BACK;
  decision = qmig_recover_decide (&facts);
  switch (decision.action)
    {
    case QMIG_RECOVER_GO_ON:
      return qmig_step_index (decision.step);
    case QMIG_RECOVER_ROLL_BACK:
      return ROLL_BACK;
    case QMIG_RECOVER_ATTENTION:
      return ATTENTION;
    }
  g_assert_not_reached ();
}

static void
print_decisions (void)
{
  g_print ("c_decl {\nstatic const unsigned char recovery[%" G_GSIZE_FORMAT "][2][2][%d][%d][%d] = {", qmig_n_steps, (int) G_N_ELEMENTS (sources),
           QMIG_INCOMING_GONE + 2, (int) G_N_ELEMENTS (words));
  for (gsize step = 0; step < qmig_n_steps; step++)
    for (int back = 0; back < 2; back++)
      for (int intent = 0; intent < 2; intent++)
        for (gsize source = 0; source < G_N_ELEMENTS (sources); source++)
          for (int phase = 0; phase <= QMIG_INCOMING_GONE + 1; phase++)
            for (gsize word = 0; word < G_N_ELEMENTS (words); word++)
              g_print ("%d,", decide (step, back, intent, source, phase, word));
  g_print ("};\n};\n");
}

int
main (void)
{
  for (gsize i = 0; i < qmig_n_steps; i++)
    g_print ("#define step_%s %" G_GSIZE_FORMAT "\n", qmig_steps[i].name, i);
  for (int i = 0; qmig_incoming_phase_names[i] != NULL; i++)
    g_print ("#define phase_%s %d\n", qmig_incoming_phase_names[i], i);
  g_print ("#define N_PHASES %d\n#define decision_roll_back %d\n#define decision_attention %d\n", QMIG_INCOMING_GONE + 1, ROLL_BACK, ATTENTION);
  for (gsize i = 0; i < G_N_ELEMENTS (sources); i++)
    g_print ("#define src_%s %" G_GSIZE_FORMAT "\n", sources[i].name, i);
  define_all ("assume", words, G_N_ELEMENTS (words));
  define_all ("answer", answers, G_N_ELEMENTS (answers));
  define_all ("act", acts, G_N_ELEMENTS (acts));
  define_all ("outcome", outcomes, G_N_ELEMENTS (outcomes));
  print_decisions ();
  return 0;
}
