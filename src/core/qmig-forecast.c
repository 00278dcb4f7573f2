/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-forecast.h"

#include "qmig-history.h"
#include "qmp-commands.h"
#include "qmp-schema.h"

#define MIB (G_GINT64_CONSTANT (1024) * 1024)
#define GIB (1024 * MIB)
#define SAMPLED_PAGES 65536       /* in all; each is read twice */
#define SAMPLED_LEAST 512         /* per GiB: QEMU's own */
#define SAMPLED_MOST 16384
#define POLL_MS 50
#define LATE_MS 5000              /* beyond the window: QEMU gathers its bitmaps */
#define ENOUGH_SHARE 0.25         /* of the budget: what a first window may take to send */

/* -- how fast the guest writes --------------------------------------------------- */

static gboolean
can_be_measured (QmigInstance *source, QmpWait *wait, GError **error)
{
  if (!qmig_instance_look (source, NULL, wait, error))
    return FALSE;
  if (!qmp_run_state_is_live (source->run_state))
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "the guest is %s", source->run_state_text);
  else if (qmp_migration_status_is_in_progress (source->status))
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "it is being migrated (%s)", source->status_text);
  else
    return TRUE;
  return FALSE;
}

static gboolean
choose_way (QmigInstance *source, gint64 memory_bytes, QmpDirtyRateWish *wish, QmpWait *wait, GError **error)
{
  g_autoptr(QmpSchema) schema = qmp_schema_read (source->client, wait, error);
  gboolean kvm;

  if (schema == NULL || !qmp_query_kvm (source->client, &kvm, wait, error))
    return FALSE;
  wish->mode = kvm && qmp_schema_has_argument (schema, "calc-dirty-rate", "mode") ? QMP_DIRTY_RATE_BITMAP : QMP_DIRTY_RATE_PAGE_SAMPLING;
  wish->in_ms = qmp_schema_has_argument (schema, "calc-dirty-rate", "calc-time-unit");
  wish->sample_pages = CLAMP (SAMPLED_PAGES * GIB / MAX (memory_bytes, MIB), SAMPLED_LEAST, SAMPLED_MOST);
  return TRUE;
}

/* With a dirty ring QEMU has no bitmap and says so. */
static gboolean
begin (QmigInstance *source, QmpDirtyRateWish *wish, QmpWait *wait, GError **error)
{
  if (wish->mode == QMP_DIRTY_RATE_BITMAP && qmp_calc_dirty_rate (source->client, wish, wait, NULL))
    return TRUE;
  wish->mode = QMP_DIRTY_RATE_PAGE_SAMPLING;
  return qmp_calc_dirty_rate (source->client, wish, wait, error);
}

static gboolean
measure_window (QmigInstance *source, QmpDirtyRateWish *wish, ConvergeWindow *window, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) within = qmp_wait_new_within (wait, "QEMU to count what the guest writes", wish->ms + LATE_MS);
  gint64 mib_per_s = -1;

  if (!can_be_measured (source, within, error) || !begin (source, wish, within, error))
    return FALSE;
  do
    if (!qmp_wait_pause (within, POLL_MS, error) || !qmp_query_dirty_rate (source->client, &mib_per_s, within, error))
      return FALSE;
  while (mib_per_s < 0);
  if (mib_per_s > G_MAXINT64 / MIB / 60000)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "QEMU's dirty rate of %" G_GINT64_FORMAT " MiB/s cannot be", mib_per_s);
      return FALSE;
    }
  *window = (ConvergeWindow) { wish->ms, mib_per_s * MIB * wish->ms / 1000 };
  return TRUE;
}

guint
qmig_measure_writes (QmigInstance   *source,
                     gint64          memory_bytes,
                     gint64          enough_bytes,
                     ConvergeWindow *windows,
                     QmpWait        *wait,
                     GError        **error)
{
  QmpDirtyRateWish wish = { 0 };

  if (!choose_way (source, memory_bytes, &wish, wait, error))
    return 0;
  wish.ms = wish.in_ms ? 250 : 1000;
  if (!measure_window (source, &wish, &windows[0], wait, error))
    return 0;
  wish.ms = wish.in_ms ? 1000 : 2000;
  /* What the first one found stands, should the second one fail. */
  return windows[0].bytes > enough_bytes && measure_window (source, &wish, &windows[1], wait, NULL) ? 2 : 1;
}

/* -- the facts ----------------------------------------------------------------------- */

gboolean
qmig_forecast_assume_link (const QmigPlan *plan, gint64 *low, gint64 *high)
{
  static const struct
  {
    const char *transport;
    gint64 low, high;
  } links[] = {
    { "unix", 512 * MIB, 3072 * MIB },
    { "tls", 64 * MIB, 1024 * MIB },
    { "tcp", 100 * MIB, 1200 * MIB },
    { "ssh", 40 * MIB, 400 * MIB },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (links); i++)
    if (g_strcmp0 (plan->transport, links[i].transport) == 0)
      {
        *low = links[i].low;
        *high = links[i].high;
        return TRUE;
      }
  return FALSE;
}

/* The agents' connection carries JSON: a fast link does more than that shows, a slow one about as much. */
static void
probe_link (const QmigEnv *env, const char *uri, const QmigPlan *plan, ConvergeFacts *facts)
{
  gint64 rate = env->probe_link != NULL && !plan->same_machine ? env->probe_link (env, uri) : QMIG_UNSET;

  if (rate <= 0)
    return;
  facts->link_basis = CONVERGE_BASIS_MEASURED;
  facts->link_low_bytes_per_s = (gint64) (0.8 * rate);
  facts->link_high_bytes_per_s = rate < 150 * MIB ? (gint64) (1.25 * rate) : 4 * rate;
}

static void
known_facts (QmigJournal *journal, const char *vm, const QmigPlan *plan, ConvergeFacts *facts)
{
  QmigHistory history;

  converge_facts_init (facts);
  facts->running = plan->was_running;
  facts->memory_bytes = plan->memory_bytes;
  qmig_history_read (journal, vm, plan, &history);
  qmig_history_facts (&history, facts);
}

/* Pages that were never touched are zero; of the others nothing is known. */
static void
bound_data (gint64 pid, ConvergeFacts *facts)
{
  gint64 touched = qmig_process_touched_bytes (pid);

  if (facts->data_high_bytes != QMIG_UNSET || touched <= 0)
    return;
  facts->data_high_bytes = MIN (touched, facts->memory_bytes);
  facts->data_low_bytes = facts->data_high_bytes / 4;
}

static gint64
enough_bytes (const QmigPolicy *policy, const ConvergeFacts *facts)
{
  gint64 overhead_ms = facts->overhead_ms != QMIG_UNSET ? facts->overhead_ms : CONVERGE_OVERHEAD_MS;
  gint64 bound = policy->bandwidth_bytes_per_s > 0 ? policy->bandwidth_bytes_per_s : G_MAXINT64;
  gint64 send = MIN (facts->link_low_bytes_per_s, bound);

  return (gint64) (ENOUGH_SHARE * MAX (policy->downtime_ms - overhead_ms, 0) * send / 1000);
}

/* -- what is asked ----------------------------------------------------------------------- */

QmigForecast *
qmig_forecast_from_history (QmigJournal *journal, const char *vm, const QmigPlan *plan)
{
  ConvergeFacts facts;

  known_facts (journal, vm, plan, &facts);
  return converge_forecast (plan->policy, &facts);
}

QmigForecast *
qmig_forecast_measured (const QmigEnv  *env,
                        QmigJournal    *journal,
                        QmigInstance   *source,
                        const QmigPlan *plan,
                        const char     *uri,
                        QmpWait        *wait)
{
  g_autoptr(GError) problem = NULL;
  ConvergeWindow windows[2];
  ConvergeFacts facts;
  guint n;

  known_facts (journal, source->name, plan, &facts);
  if (facts.link_basis == CONVERGE_BASIS_NONE)
    probe_link (env, uri, plan, &facts);
  if (facts.link_basis == CONVERGE_BASIS_NONE && qmig_forecast_assume_link (plan, &facts.link_low_bytes_per_s, &facts.link_high_bytes_per_s))
    facts.link_basis = CONVERGE_BASIS_ASSUMED;
  bound_data (source->pid, &facts);

  /* What the guest does now says more than what it did then. */
  n = facts.running ? qmig_measure_writes (source, plan->memory_bytes, enough_bytes (plan->policy, &facts), windows, wait, &problem) : 0;
  if (n > 0)
    {
      facts.writes_basis = CONVERGE_BASIS_MEASURED;
      converge_writes_bound (windows, n, plan->memory_bytes, &facts.writes_low, &facts.writes_high);
    }
  facts.problem = problem != NULL ? problem->message : NULL;
  return converge_forecast (plan->policy, &facts);
}
