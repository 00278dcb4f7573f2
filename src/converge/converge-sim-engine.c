/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "converge-sim-engine.h"

#define SAMPLE_MS 250
#define FULL_INCREMENT 99    /* to the wanted throttle in one step */
#define LOW_TRIGGER 1
#define FOR_EVER_MS (24 * 3600 * G_GINT64_CONSTANT (1000))

typedef struct
{
  ConvergeEngine *engine;
  ConvergeSimSeen seen;
  gpointer user_data;
  gboolean paused;
} Driver;

static void
set_throttle (gint64 percent, ConvergeSimKnobs *knobs)
{
  knobs->auto_converge = TRUE;
  knobs->throttle_initial = knobs->throttle_max = percent;
  knobs->throttle_increment = FULL_INCREMENT;
  knobs->throttle_trigger = LOW_TRIGGER;
}

static void
take_decision (const QmigDecision *decision, ConvergeSimKnobs *knobs)
{
  if (decision->downtime_limit_ms != QMIG_UNSET)
    knobs->downtime_limit_ms = decision->downtime_limit_ms;
  if (decision->bandwidth_limit_bytes_per_s != QMIG_UNSET)
    knobs->bandwidth_bytes_per_s = decision->bandwidth_limit_bytes_per_s;
  if (decision->switchover_bandwidth_bytes_per_s != QMIG_UNSET)
    knobs->switchover_bandwidth_bytes_per_s = decision->switchover_bandwidth_bytes_per_s;
  if (decision->throttle_percent != QMIG_UNSET)
    set_throttle (decision->throttle_percent, knobs);

  knobs->postcopy |= decision->action == QMIG_ACTION_POSTCOPY;
  knobs->cancel |= decision->action == QMIG_ACTION_ABORT;
}

static gint64
driver_start (gpointer data, ConvergeSimKnobs *knobs)
{
  Driver *self = data;
  g_autoptr(QmigDecision) decision = converge_engine_start (self->engine);

  take_decision (decision, knobs);
  return 1;
}

static gint64
driver_look (gpointer data, const QmigSample *sample, ConvergeSimKnobs *knobs)
{
  Driver *self = data;
  g_autoptr(QmigForecast) forecast = NULL;
  g_autoptr(QmigDecision) decision = converge_engine_look (self->engine, sample, &forecast);

  if (self->seen != NULL)
    {
      QmigSample with_forecast = *sample;

      with_forecast.forecast = forecast;
      self->seen (&with_forecast, decision, self->user_data);
    }
  if (decision != NULL)
    {
      take_decision (decision, knobs);
      self->paused |= decision->action == QMIG_ACTION_PAUSE; /* by the limit that it sets */
    }
  return SAMPLE_MS;
}

static const ConvergeSimPolicy driver = { .name = "qmig", .on_pass = TRUE, .start = driver_start, .look = driver_look };

ConvergeSimResult
converge_sim_run_engine (const ConvergeSimWorkload *workload, const QmigPolicy *policy, const ConvergeMeans *means, ConvergeSimSeen seen,
                         gpointer user_data)
{
  g_autoptr(ConvergeEngine) engine = converge_engine_new (policy, means);
  Driver self = { .engine = engine, .seen = seen, .user_data = user_data };
  gint64 limit_ms = policy->deadline_ms != QMIG_UNSET ? policy->deadline_ms : FOR_EVER_MS;
  ConvergeSimResult result = converge_sim_run (workload, &driver, &self, limit_ms);

  result.paused |= self.paused;
  return result;
}
