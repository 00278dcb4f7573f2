/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "qmig-recover.h"
#include "qmig-steps.h"

#define SILENT -1

static const char *const steps[] = {
  "prepare", "tune", "precopy", "switchover", "commit", "pages", "release",
  "undo-commit", "undo-switchover", "undo-precopy", "undo-tune", "undo-prepare",
};
static const char *const words[] = { NULL, "source", "destination" };

/* -- the matrix, row by row ---------------------------------------------------- */

typedef struct
{
  const char *run_state; /* NULL: gone */
  const char *status;
} Source;

#define GONE { NULL, NULL }
#define NEVER_MIGRATED { "running", "none" }
#define IN_SETUP { "running", "setup" }
#define IN_PRECOPY { "running", "active" }
#define FAILED_ALIVE { "running", "failed" }
#define CANCELLED_ALIVE { "running", "cancelled" }
#define AT_GATE { "finish-migrate", "pre-switchover" }
#define IN_DEVICE { "finish-migrate", "device" }
#define HANDED_OVER { "postmigrate", "completed" }
#define NEARLY_OVER { "finish-migrate", "completed" }
#define STUCK { "postmigrate", "failed" }
#define NEWER { "finish-migrate", "teleporting" }
#define BY_HAND { "running", "completed" }
#define PAUSED { "paused", "active" }
#define PACKAGE_SENT { "finish-migrate", "postcopy-device" }
#define IN_POSTCOPY { "finish-migrate", "postcopy-active" }
#define LINK_LOST { "finish-migrate", "postcopy-paused" }

static const struct
{
  const char *step;
  gboolean intent;
  Source source;
  int destination;
  const char *assume;
  const char *expected; /* "go-on STEP", "roll-back STEP", "attention" */
  gboolean postcopy;
} rows[] = {
  /* prepared at most: nobody migrates yet */
  { "prepare", FALSE, NEVER_MIGRATED, QMIG_INCOMING_LAUNCHING, NULL, "roll-back switchover" },
  { "prepare", FALSE, NEVER_MIGRATED, QMIG_INCOMING_LISTENING, NULL, "roll-back switchover" },
  { "prepare", FALSE, NEVER_MIGRATED, QMIG_INCOMING_GONE, NULL, "roll-back switchover" },
  { "prepare", FALSE, NEVER_MIGRATED, SILENT, NULL, "roll-back switchover" },
  { "tune", FALSE, NEVER_MIGRATED, QMIG_INCOMING_LISTENING, NULL, "roll-back switchover" },
  { "prepare", FALSE, GONE, QMIG_INCOMING_LISTENING, NULL, "roll-back switchover" },
  { "prepare", FALSE, GONE, SILENT, NULL, "attention" },

  /* running, setup or active: re-attach, or cancel where the other side is gone or out of sight */
  { "precopy", FALSE, IN_SETUP, QMIG_INCOMING_LISTENING, NULL, "go-on precopy" },
  { "precopy", FALSE, IN_PRECOPY, QMIG_INCOMING_LISTENING, NULL, "go-on precopy" },
  { "precopy", FALSE, PAUSED, QMIG_INCOMING_LISTENING, NULL, "go-on precopy" },
  { "precopy", FALSE, IN_PRECOPY, QMIG_INCOMING_READY, NULL, "roll-back switchover" },
  { "precopy", FALSE, IN_PRECOPY, QMIG_INCOMING_GONE, NULL, "roll-back switchover" },
  { "precopy", FALSE, IN_PRECOPY, SILENT, NULL, "roll-back switchover" },
  { "precopy", FALSE, NEVER_MIGRATED, QMIG_INCOMING_LISTENING, NULL, "roll-back switchover" },

  /* running, failed or cancelled, and anything that does not run: end the destination */
  { "precopy", FALSE, FAILED_ALIVE, QMIG_INCOMING_LISTENING, NULL, "roll-back switchover" },
  { "switchover", FALSE, FAILED_ALIVE, QMIG_INCOMING_LOADED, NULL, "roll-back switchover" },
  { "switchover", FALSE, CANCELLED_ALIVE, QMIG_INCOMING_LOADED, NULL, "roll-back switchover" },
  { "switchover", FALSE, FAILED_ALIVE, QMIG_INCOMING_GONE, NULL, "roll-back switchover" },

  /* stopped at the gate: go on */
  { "precopy", FALSE, AT_GATE, QMIG_INCOMING_LISTENING, NULL, "go-on precopy" },
  { "switchover", FALSE, AT_GATE, QMIG_INCOMING_LISTENING, NULL, "go-on precopy" },
  { "switchover", FALSE, AT_GATE, QMIG_INCOMING_GONE, NULL, "roll-back switchover" },
  { "switchover", FALSE, AT_GATE, SILENT, NULL, "roll-back switchover" },

  /* in the switchover: wait, whose limit leads back */
  { "switchover", FALSE, IN_DEVICE, QMIG_INCOMING_LISTENING, NULL, "go-on precopy" },
  { "switchover", FALSE, IN_DEVICE, QMIG_INCOMING_LOADED, NULL, "go-on precopy" },
  { "switchover", FALSE, IN_DEVICE, QMIG_INCOMING_GONE, NULL, "roll-back switchover" },
  { "switchover", FALSE, IN_DEVICE, SILENT, NULL, "roll-back switchover" },
  { "switchover", FALSE, NEWER, QMIG_INCOMING_LISTENING, NULL, "go-on precopy" },

  /* handed over, the intent not written */
  { "switchover", FALSE, HANDED_OVER, QMIG_INCOMING_LISTENING, NULL, "go-on switchover" },
  { "switchover", FALSE, HANDED_OVER, QMIG_INCOMING_LOADED, NULL, "go-on switchover" },
  { "switchover", FALSE, HANDED_OVER, QMIG_INCOMING_GONE, NULL, "roll-back switchover" },
  { "switchover", FALSE, HANDED_OVER, SILENT, NULL, "roll-back switchover" },
  { "switchover", FALSE, STUCK, QMIG_INCOMING_LOADED, NULL, "roll-back switchover" },
  { "switchover", FALSE, GONE, QMIG_INCOMING_LOADED, NULL, "go-on commit" },
  { "switchover", FALSE, GONE, QMIG_INCOMING_LISTENING, NULL, "go-on switchover" }, /* it may still load */
  { "precopy", FALSE, GONE, QMIG_INCOMING_LISTENING, NULL, "roll-back switchover" },
  { "switchover", FALSE, GONE, QMIG_INCOMING_GONE, NULL, "roll-back switchover" },
  { "switchover", FALSE, GONE, SILENT, NULL, "attention" },

  /* it runs there by another hand */
  { "switchover", FALSE, GONE, QMIG_INCOMING_COMMITTED, NULL, "go-on release" },
  { "switchover", FALSE, HANDED_OVER, QMIG_INCOMING_COMMITTED, NULL, "attention" },
  { "switchover", FALSE, FAILED_ALIVE, QMIG_INCOMING_COMMITTED, NULL, "attention" },
  { "switchover", FALSE, FAILED_ALIVE, QMIG_INCOMING_COMMITTED, "source", "attention" },
  { "switchover", FALSE, HANDED_OVER, QMIG_INCOMING_COMMITTED, "destination", "go-on release" },
  { "undo-switchover", FALSE, FAILED_ALIVE, QMIG_INCOMING_COMMITTED, NULL, "attention" },

  /* on the way back, the intent never written */
  { "undo-switchover", FALSE, IN_DEVICE, QMIG_INCOMING_LOADED, NULL, "roll-back switchover" },
  { "undo-switchover", FALSE, HANDED_OVER, QMIG_INCOMING_LOADED, NULL, "roll-back switchover" },
  { "undo-precopy", FALSE, IN_PRECOPY, QMIG_INCOMING_LISTENING, NULL, "roll-back switchover" },
  { "undo-prepare", FALSE, CANCELLED_ALIVE, SILENT, NULL, "roll-back switchover" },
  { "undo-switchover", FALSE, GONE, QMIG_INCOMING_LISTENING, NULL, "roll-back switchover" },
  { "undo-switchover", FALSE, GONE, QMIG_INCOMING_LOADED, NULL, "attention" }, /* the source may have run on before it died */
  { "undo-switchover", FALSE, GONE, QMIG_INCOMING_LOADED, "destination", "go-on commit" },

  /* the destination may have been told to run */
  { "commit", TRUE, HANDED_OVER, QMIG_INCOMING_LOADED, NULL, "go-on commit" },
  { "commit", TRUE, HANDED_OVER, QMIG_INCOMING_COMMITTED, NULL, "go-on release" },
  { "commit", TRUE, HANDED_OVER, QMIG_INCOMING_GONE, NULL, "attention" },
  { "commit", TRUE, HANDED_OVER, QMIG_INCOMING_LISTENING, NULL, "attention" },
  { "commit", TRUE, HANDED_OVER, QMIG_INCOMING_READY, NULL, "attention" },
  { "commit", TRUE, HANDED_OVER, QMIG_INCOMING_LAUNCHING, NULL, "attention" },
  { "commit", TRUE, HANDED_OVER, SILENT, NULL, "attention" },
  { "commit", TRUE, GONE, QMIG_INCOMING_LOADED, NULL, "go-on commit" },
  { "commit", TRUE, GONE, QMIG_INCOMING_COMMITTED, NULL, "go-on release" },
  { "commit", TRUE, GONE, QMIG_INCOMING_GONE, NULL, "attention" },
  { "commit", TRUE, GONE, SILENT, NULL, "attention" },

  /* the operator's word counts where nobody can know, and only there */
  { "commit", TRUE, HANDED_OVER, QMIG_INCOMING_GONE, "source", "roll-back commit" },
  { "commit", TRUE, HANDED_OVER, QMIG_INCOMING_GONE, "destination", "go-on release" },
  { "commit", TRUE, GONE, QMIG_INCOMING_GONE, "source", "attention" },
  { "commit", TRUE, HANDED_OVER, QMIG_INCOMING_LISTENING, "destination", "attention" }, /* it would end the only copy */
  { "commit", TRUE, HANDED_OVER, QMIG_INCOMING_COMMITTED, "source", "go-on release" },
  { "commit", TRUE, HANDED_OVER, QMIG_INCOMING_LOADED, "source", "go-on commit" },
  { "commit", TRUE, HANDED_OVER, SILENT, "source", "roll-back commit" },
  { "commit", TRUE, GONE, SILENT, "source", "attention" },
  { "commit", TRUE, HANDED_OVER, SILENT, "destination", "attention" },

  /* both run: the destination is the truth */
  { "commit", TRUE, BY_HAND, QMIG_INCOMING_COMMITTED, NULL, "go-on release" },
  /* the source was continued by hand: never a second one beside it */
  { "commit", TRUE, BY_HAND, QMIG_INCOMING_LOADED, NULL, "attention" },
  { "commit", TRUE, BY_HAND, QMIG_INCOMING_LOADED, "source", "roll-back commit" },
  { "commit", TRUE, BY_HAND, QMIG_INCOMING_LOADED, "destination", "attention" },
  { "commit", TRUE, NEARLY_OVER, QMIG_INCOMING_LOADED, NULL, "attention" },
  { "release", TRUE, BY_HAND, QMIG_INCOMING_LOADED, NULL, "attention" },

  /* committed, the source not ended yet, or just so */
  { "release", TRUE, HANDED_OVER, QMIG_INCOMING_COMMITTED, NULL, "go-on release" },
  { "release", TRUE, HANDED_OVER, QMIG_INCOMING_LOADED, NULL, "go-on commit" }, /* paused since, or accepted paused: again */
  { "release", TRUE, HANDED_OVER, QMIG_INCOMING_GONE, NULL, "attention" },
  { "release", TRUE, GONE, QMIG_INCOMING_COMMITTED, NULL, "go-on release" },
  { "release", TRUE, GONE, QMIG_INCOMING_GONE, NULL, "go-on release" }, /* released: its host forgot the reservation */
  { "release", TRUE, GONE, SILENT, NULL, "attention" },

  /* back from a commit that was certainly refused */
  { "undo-commit", TRUE, HANDED_OVER, QMIG_INCOMING_LOADED, NULL, "roll-back commit" },
  { "undo-commit", TRUE, HANDED_OVER, QMIG_INCOMING_GONE, NULL, "roll-back commit" },
  { "undo-tune", TRUE, BY_HAND, QMIG_INCOMING_GONE, NULL, "roll-back commit" },
  { "undo-commit", TRUE, HANDED_OVER, SILENT, NULL, "attention" },
  { "undo-commit", TRUE, HANDED_OVER, QMIG_INCOMING_COMMITTED, NULL, "go-on release" },
  { "undo-commit", TRUE, GONE, QMIG_INCOMING_LOADED, NULL, "go-on commit" }, /* it was never ended, so the source was never continued */
  { "undo-commit", TRUE, GONE, QMIG_INCOMING_GONE, NULL, "attention" },

  /* post-copy, before the package has left: as without it */
  { "precopy", FALSE, IN_PRECOPY, QMIG_INCOMING_LISTENING, NULL, "go-on precopy", TRUE },
  { "switchover", FALSE, AT_GATE, QMIG_INCOMING_LISTENING, NULL, "go-on precopy", TRUE },
  { "switchover", FALSE, PACKAGE_SENT, QMIG_INCOMING_LISTENING, NULL, "go-on precopy", TRUE },
  { "switchover", FALSE, FAILED_ALIVE, QMIG_INCOMING_GONE, NULL, "roll-back switchover", TRUE },
  { "switchover", FALSE, FAILED_ALIVE, QMIG_INCOMING_POSTCOPY, NULL, "roll-back switchover", TRUE },
  { "switchover", FALSE, STUCK, QMIG_INCOMING_GONE, NULL, "roll-back switchover", TRUE },

  /* each side has a part of it: only forward, whatever is said */
  { "switchover", FALSE, IN_POSTCOPY, QMIG_INCOMING_LISTENING, NULL, "go-on switchover", TRUE },
  { "switchover", FALSE, IN_POSTCOPY, QMIG_INCOMING_POSTCOPY, NULL, "go-on switchover", TRUE },
  { "switchover", FALSE, LINK_LOST, QMIG_INCOMING_POSTCOPY, NULL, "go-on switchover", TRUE },
  { "switchover", FALSE, LINK_LOST, SILENT, NULL, "go-on switchover", TRUE },
  { "switchover", FALSE, LINK_LOST, QMIG_INCOMING_GONE, NULL, "attention", TRUE },
  { "commit", TRUE, IN_POSTCOPY, QMIG_INCOMING_POSTCOPY, NULL, "go-on commit", TRUE },
  { "commit", TRUE, IN_POSTCOPY, QMIG_INCOMING_COMMITTED, NULL, "go-on pages", TRUE },
  { "commit", TRUE, LINK_LOST, SILENT, NULL, "go-on commit", TRUE },
  { "commit", TRUE, LINK_LOST, SILENT, "source", "go-on commit", TRUE },
  { "pages", TRUE, LINK_LOST, QMIG_INCOMING_COMMITTED, NULL, "go-on pages", TRUE },
  { "pages", TRUE, LINK_LOST, SILENT, NULL, "go-on pages", TRUE },
  { "pages", TRUE, LINK_LOST, QMIG_INCOMING_GONE, NULL, "attention", TRUE },
  { "pages", TRUE, LINK_LOST, QMIG_INCOMING_GONE, "source", "attention", TRUE },
  { "pages", TRUE, GONE, QMIG_INCOMING_COMMITTED, NULL, "go-on pages", TRUE }, /* whole or lost: its QEMU says */
  { "switchover", FALSE, GONE, QMIG_INCOMING_POSTCOPY, NULL, "attention", TRUE },
  { "commit", TRUE, GONE, QMIG_INCOMING_POSTCOPY, NULL, "attention", TRUE },
  { "pages", TRUE, HANDED_OVER, QMIG_INCOMING_COMMITTED, NULL, "go-on pages", TRUE },
  { "switchover", FALSE, IN_POSTCOPY, QMIG_INCOMING_POSTCOPY, NULL, "attention" }, /* by another hand */
};

static char *
describe (const QmigRecoverDecision *decision)
{
  switch (decision->action)
    {
    case QMIG_RECOVER_GO_ON:
      return g_strconcat ("go-on ", decision->step, NULL);
    case QMIG_RECOVER_ROLL_BACK:
      return g_strconcat ("roll-back ", decision->step, NULL);
    case QMIG_RECOVER_ATTENTION:
      return g_strdup ("attention");
    }
  g_assert_not_reached ();
}

static char *
name_row (gsize i)
{
  return g_strdup_printf ("/recover/row/%02u-%s%s-%s-%s-%s%s%s", (guint) i, rows[i].step, rows[i].intent ? "-intent" : "",
                          rows[i].source.run_state != NULL ? rows[i].source.run_state : "gone",
                          rows[i].source.status != NULL ? rows[i].source.status : "",
                          rows[i].destination == SILENT ? "silent" : qmig_incoming_phase_names[rows[i].destination],
                          rows[i].assume != NULL ? "-assume-" : "", rows[i].assume != NULL ? rows[i].assume : "");
}

static void
test_row (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  QmigRecoverFacts facts = {
    .step = rows[i].step,
    .commit_intent = rows[i].intent,
    .postcopy = rows[i].postcopy,
    .source_gone = rows[i].source.run_state == NULL,
    .source_state = qmp_run_state_from_string (rows[i].source.run_state),
    .source_status = qmp_migration_status_from_string (rows[i].source.status),
    .destination_silent = rows[i].destination == SILENT,
    .destination = MAX (rows[i].destination, 0),
    .assume = rows[i].assume,
  };
  QmigRecoverDecision decision = qmig_recover_decide (&facts);
  g_autofree char *got = describe (&decision);

  g_assert_cmpstr (got, ==, rows[i].expected);
}

/* -- what holds everywhere -------------------------------------------------------- */

typedef void (*Property) (const QmigRecoverFacts *f, const QmigRecoverDecision *d);

static gboolean
is_phase (const QmigRecoverFacts *f, QmigIncomingPhase phase)
{
  return !f->destination_silent && f->destination == (int) phase;
}

static gboolean
is_in_postcopy (const QmigRecoverFacts *f)
{
  return !f->source_gone && qmp_migration_status_is_postcopy (f->source_status) && f->source_status != QMP_MIGRATION_STATUS_POSTCOPY_DEVICE;
}

static gboolean
goes_on_with (const QmigRecoverDecision *d, const char *step)
{
  return d->action == QMIG_RECOVER_GO_ON && g_str_equal (d->step, step);
}

static gboolean
is_undo (const QmigRecoverFacts *f)
{
  return g_str_has_prefix (f->step, "undo-");
}

static void
for_all_of (const char *step, gboolean intent, gboolean postcopy, const char *assume, Property property)
{
  QmigRecoverFacts f = { .step = step, .commit_intent = intent, .postcopy = postcopy, .assume = assume };

  for (int destination = SILENT; destination <= QMIG_INCOMING_GONE; destination++)
    {
      f.destination_silent = destination == SILENT;
      f.destination = MAX (destination, 0);
      for (int gone = 0; gone <= 1; gone++)
        for (int state = 0; state <= QMP_RUN_STATE_COLO; state++)
          for (int status = 0; status <= QMP_MIGRATION_STATUS_COLO; status++)
            {
              QmigRecoverDecision d;

              f.source_gone = gone;
              f.source_state = gone ? QMP_RUN_STATE_UNKNOWN : (QmpRunState) state;
              f.source_status = gone ? QMP_MIGRATION_STATUS_UNKNOWN : (QmpMigrationStatus) status;
              d = qmig_recover_decide (&f);
              property (&f, &d);
            }
    }
}

static void
for_all (Property property)
{
  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++)
    for (int intent = 0; intent <= 1; intent++)
      for (gsize j = 0; j < G_N_ELEMENTS (words); j++)
        for (int postcopy = 0; postcopy <= 1; postcopy++)
          for_all_of (steps[i], intent, postcopy, words[j], property);
}

static void
check_form (const QmigRecoverFacts *f, const QmigRecoverDecision *d)
{
  if (d->action == QMIG_RECOVER_ATTENTION)
    g_assert_true (d->step == NULL && d->why != NULL);
  else
    g_assert_true (qmig_step_index (d->step) >= 0 && d->why == NULL);
}

/* Only what is loaded is told to run, and only beside a source that is gone or has handed over. */
static void
check_commit (const QmigRecoverFacts *f, const QmigRecoverDecision *d)
{
  if (!goes_on_with (d, "commit"))
    return;
  if (is_in_postcopy (f))
    {
      g_assert_true (f->postcopy && (f->destination_silent || is_phase (f, QMIG_INCOMING_POSTCOPY) || is_phase (f, QMIG_INCOMING_LOADED)));
      return;
    }
  g_assert_true (is_phase (f, QMIG_INCOMING_LOADED) || (is_phase (f, QMIG_INCOMING_POSTCOPY) && !f->source_gone));
  g_assert_true (f->source_gone ||
                 (f->source_state == QMP_RUN_STATE_POSTMIGRATE && f->source_status == QMP_MIGRATION_STATUS_COMPLETED));
}

/* The source is ended only for a destination that runs, or that ran, or on the operator's word. */
static void
check_release (const QmigRecoverFacts *f, const QmigRecoverDecision *d)
{
  if (!goes_on_with (d, "release"))
    return;
  g_assert_true (is_phase (f, QMIG_INCOMING_COMMITTED) || is_phase (f, QMIG_INCOMING_GONE));
  if (is_phase (f, QMIG_INCOMING_GONE) && !f->source_gone)
    g_assert_cmpstr (f->assume, ==, "destination");
}

/* What runs is not killed, and what may run is not left behind, but on the operator's word. */
static void
check_roll_back (const QmigRecoverFacts *f, const QmigRecoverDecision *d)
{
  if (d->action != QMIG_RECOVER_ROLL_BACK)
    return;
  g_assert_false (is_phase (f, QMIG_INCOMING_COMMITTED));
  if (!f->commit_intent)
    return;
  g_assert_true (f->destination_silent || is_phase (f, QMIG_INCOMING_POSTCOPY) || is_phase (f, QMIG_INCOMING_LOADED) ||
                 is_phase (f, QMIG_INCOMING_GONE));
  if (!is_undo (f) || f->destination_silent)
    g_assert_cmpstr (f->assume, ==, "source");
}

/* The last copy is never ended. */
static void
check_last_copy (const QmigRecoverFacts *f, const QmigRecoverDecision *d)
{
  if (f->source_gone && (f->destination_silent || is_phase (f, QMIG_INCOMING_LOADED) || is_phase (f, QMIG_INCOMING_COMMITTED)))
    g_assert_cmpint (d->action, !=, QMIG_RECOVER_ROLL_BACK);
}

/* After the intent nothing leads to before it but the undo of the commit. */
static void
check_forward_only (const QmigRecoverFacts *f, const QmigRecoverDecision *d)
{
  if (f->commit_intent && d->action != QMIG_RECOVER_ATTENTION)
    g_assert_cmpint (qmig_step_index (d->step), >=, qmig_step_index ("commit"));
  if (f->commit_intent && d->action == QMIG_RECOVER_ROLL_BACK)
    g_assert_cmpstr (d->step, ==, "commit");
}

/* Where both sides speak and the operator does not, a step back that was begun is never turned forward before the commit. */
static void
check_way_back (const QmigRecoverFacts *f, const QmigRecoverDecision *d)
{
  if (is_undo (f) && !is_in_postcopy (f))
    g_assert_false (goes_on_with (d, "precopy") || goes_on_with (d, "switchover"));
}

/* A source that runs and a destination that surely does not: the VM is safe, and nobody is called for it. */
static void
check_no_needless_attention (const QmigRecoverFacts *f, const QmigRecoverDecision *d)
{
  if (!f->commit_intent && !f->source_gone && !is_phase (f, QMIG_INCOMING_COMMITTED) && !is_in_postcopy (f))
    g_assert_cmpint (d->action, !=, QMIG_RECOVER_ATTENTION);
}

/* Half a VM is neither ended nor, without the other half, told to run. */
static void
check_postcopy (const QmigRecoverFacts *f, const QmigRecoverDecision *d)
{
  if (is_in_postcopy (f))
    g_assert_cmpint (d->action, !=, QMIG_RECOVER_ROLL_BACK);
  if (f->source_gone && is_phase (f, QMIG_INCOMING_POSTCOPY))
    g_assert_cmpint (d->action, ==, QMIG_RECOVER_ATTENTION);
  if (goes_on_with (d, "release") && is_in_postcopy (f))
    g_assert_not_reached ();
}

/* The operator's word changes nothing but what would need attention. */
static void
check_word (const QmigRecoverFacts *f, const QmigRecoverDecision *d)
{
  QmigRecoverFacts without = *f;
  QmigRecoverDecision unasked;

  without.assume = NULL;
  unasked = qmig_recover_decide (&without);
  if (unasked.action == QMIG_RECOVER_ATTENTION)
    return;
  g_assert_cmpint (d->action, ==, unasked.action);
  g_assert_cmpstr (d->step, ==, unasked.step);
}

/* A rehearsal goes back from wherever it was, and never on. */
static void
check_rehearsal (const QmigRecoverFacts *f, const QmigRecoverDecision *d)
{
  QmigRecoverFacts rehearsal = *f;
  QmigRecoverDecision decision;

  rehearsal.rehearsal = TRUE;
  decision = qmig_recover_decide (&rehearsal);
  g_assert_cmpint (decision.action, ==, is_phase (f, QMIG_INCOMING_COMMITTED) ? QMIG_RECOVER_ATTENTION : QMIG_RECOVER_ROLL_BACK);
}

static const struct
{
  const char *name;
  Property check;
} properties[] = {
  { "form", check_form },
  { "commit", check_commit },
  { "release", check_release },
  { "roll-back", check_roll_back },
  { "last-copy", check_last_copy },
  { "forward-only", check_forward_only },
  { "way-back", check_way_back },
  { "no-needless-attention", check_no_needless_attention },
  { "postcopy", check_postcopy },
  { "word", check_word },
  { "rehearsal", check_rehearsal },
};

static void
test_property (gconstpointer data)
{
  for_all (properties[GPOINTER_TO_SIZE (data)].check);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = name_row (i);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_row);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (properties); i++)
    {
      g_autofree char *path = g_strconcat ("/recover/everywhere/", properties[i].name, NULL);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_property);
    }
  return g_test_run ();
}
