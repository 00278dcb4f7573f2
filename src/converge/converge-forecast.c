/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "converge-forecast.h"

#include <math.h>

#include "converge-engine.h"
#include "converge-model.h"
#include "converge-text.h"

#define DOWNTIME_MS 300        /* QEMU's own */
#define MOST_PASSES 200
#define LOOK_MS 5              /* for newly written pages */
#define ROOM_SHARE 0.9         /* of the budget that is left for copying: what the engine asks of QEMU */
#define ASIDE_LOW_MS 150       /* start of the destination, its end */
#define ASIDE_HIGH_MS 600
/* Zero pages are read, not sent; those never touched take the kernel longer. */
#define ZERO_LOW_BYTES_PER_S (700.0 * 1024 * 1024)
#define ZERO_HIGH_BYTES_PER_S (8192.0 * 1024 * 1024)
#define THROTTLE_MOST 99
#define THROTTLED_FACTOR 1.15  /* the least throttle that takes no longer than the best by this … */
#define THROTTLED_MS 500       /* … and this: as the engine chooses */

/* Both curves of an idle guest, whose kernel is never quite still. */
static const ConvergeWrites no_writes = { 0, 0, 0 };

/* One way it may go. */
typedef struct
{
  double memory, data;        /* bytes */
  double send;                /* bytes per second */
  const ConvergeWrites *writes[2]; /* the mean of both */
  double throttle;            /* 0..1 */
  double budget_ms, overhead_ms;
  double aside_ms, zero_bytes_per_s;
} Course;

typedef struct
{
  gboolean fits;
  gboolean grows;             /* passes still left more at the end */
  guint passes;
  double first_ms;            /* the first pass */
  double total_ms;
  double left_bytes;          /* to be sent while the guest stands still */
  double downtime_ms;
} Outcome;

typedef struct
{
  const QmigPolicy *policy;
  const ConvergeFacts *facts;
  gint64 memory;
  double bound;               /* bandwidth, 0: none */
  double budget_ms;
  double overhead_ms;
  guint throttle_max;
  Course best, middle, worst;
} Forecasting;

/* -- words --------------------------------------------------------------------- */

const char *
converge_basis_name (ConvergeBasis basis)
{
  switch (basis)
    {
    case CONVERGE_BASIS_NONE:
      return NULL;
    case CONVERGE_BASIS_ASSUMED:
      return "assumed";
    case CONVERGE_BASIS_HISTORY:
      return "history";
    case CONVERGE_BASIS_MEASURED:
      return "measured";
    }
  return NULL;
}

/* As --bandwidth takes it, rounded up. */
static char *
rate_option (double bytes_per_s)
{
  double mib = ceil (bytes_per_s / (1024 * 1024));

  return g_strdup_printf ("%.0fMiB/s", mib > 1000 ? ceil (mib / 10) * 10 : mib);
}

/* "6-9 s", "60-120 ms" */
static char *
span_text (double low_ms, double high_ms)
{
  if (high_ms < 1000)
    return low_ms < high_ms - 0.5 ? g_strdup_printf ("%.0f-%.0f ms", low_ms, high_ms) : g_strdup_printf ("%.0f ms", high_ms);
  if (high_ms < 9950)
    return low_ms < high_ms - 50 ? g_strdup_printf ("%.1f-%.1f s", low_ms / 1000, high_ms / 1000) : g_strdup_printf ("%.1f s", high_ms / 1000);
  return low_ms < high_ms - 500 ? g_strdup_printf ("%.0f-%.0f s", low_ms / 1000, high_ms / 1000) : g_strdup_printf ("%.0f s", high_ms / 1000);
}

/* -- what a guest writes ---------------------------------------------------------- */

void
converge_writes_bound (const ConvergeWindow *windows, guint n, gint64 memory_bytes, ConvergeWrites *low, ConvergeWrites *high)
{
  const ConvergeWindow *first = &windows[0], *last = &windows[n - 1];
  double rate = first->bytes * 1000.0 / first->ms;
  double stream = rate;

  *low = (ConvergeWrites) { 0, rate, MAX (first->bytes, last->bytes) };
  if (n > 1 && last->ms > first->ms)
    stream = CLAMP ((last->bytes - first->bytes) * 1000.0 / (last->ms - first->ms), 0, rate);
  /* One window tells nothing of what is in a shorter one: all of it may be the hot pages. */
  *high = (ConvergeWrites) { n > 1 ? first->bytes - stream * first->ms / 1000 : first->bytes, stream, memory_bytes };
}

static double
curve (const ConvergeWrites *writes, double throttle, double ms)
{
  return MIN (writes->most_bytes, (writes->hot_bytes + writes->stream_bytes_per_s * ms / 1000) * (1 - throttle));
}

static double
written (const Course *course, double ms)
{
  return (curve (course->writes[0], course->throttle, ms) + curve (course->writes[1], course->throttle, ms)) / 2;
}

/* -- how it goes -------------------------------------------------------------------- */

static Outcome
follow (const Course *course)
{
  double zero_ms = (course->memory - course->data) * 1000 / course->zero_bytes_per_s;
  double pass_ms = course->data * 1000 / course->send + zero_ms + LOOK_MS;
  double room_ms = ROOM_SHARE * (course->budget_ms - course->overhead_ms - converge_throttle_sleep_ms (course->throttle));
  double need_ms = 0;
  Outcome outcome = { .first_ms = pass_ms, .total_ms = pass_ms + course->aside_ms };

  for (outcome.passes = 1; outcome.passes <= MOST_PASSES; outcome.passes++)
    {
      double left = written (course, pass_ms);
      double next;

      need_ms = left * 1000 / course->send;
      next = written (course, need_ms + LOOK_MS);
      outcome.grows = outcome.passes > 1 && left > outcome.left_bytes * 1.01;
      outcome.left_bytes = left;
      outcome.fits = need_ms <= room_ms;
      if (outcome.fits && (need_ms <= CONVERGE_LEAST_NEED_MS || next > CONVERGE_WORTHWHILE * left))
        break;
      /* It has levelled off, and does not fit. */
      if (!outcome.fits && outcome.passes > 2 && next > left * 0.999)
        break;
      pass_ms = need_ms + LOOK_MS;
      outcome.total_ms += pass_ms;
    }
  outcome.downtime_ms = need_ms + course->overhead_ms;
  outcome.total_ms += outcome.downtime_ms;
  return outcome;
}

static double
with_bound (double link, double bound)
{
  return bound > 0 ? MIN (link, bound) : link;
}

static void
set_courses (Forecasting *f)
{
  const ConvergeFacts *facts = f->facts;
  const ConvergeWrites *low = facts->running ? &facts->writes_low : &no_writes;
  const ConvergeWrites *high = facts->running ? &facts->writes_high : &no_writes;
  double data_low = facts->data_low_bytes != QMIG_UNSET ? facts->data_low_bytes : 0;
  double data_high = facts->data_high_bytes != QMIG_UNSET ? facts->data_high_bytes : f->memory;
  double link_low = facts->link_low_bytes_per_s, link_high = facts->link_high_bytes_per_s;
  double aside_low = facts->aside_ms != QMIG_UNSET ? facts->aside_ms * 0.8 : ASIDE_LOW_MS;
  double aside_high = facts->aside_ms != QMIG_UNSET ? facts->aside_ms * 1.3 : ASIDE_HIGH_MS;

  data_high = CLAMP (data_high, 0, f->memory);
  data_low = CLAMP (data_low, 0, data_high);
  f->best = (Course) { f->memory, data_low, with_bound (link_high, f->bound), { low, low }, 0, f->budget_ms, f->overhead_ms,
                       aside_low, ZERO_HIGH_BYTES_PER_S };
  f->middle = (Course) { f->memory, (data_low + data_high) / 2, with_bound (sqrt (link_low * link_high), f->bound), { low, high }, 0,
                         f->budget_ms, f->overhead_ms, (aside_low + aside_high) / 2, ZERO_LOW_BYTES_PER_S };
  f->worst = (Course) { f->memory, data_high, with_bound (link_low, f->bound), { high, high }, 0, f->budget_ms, f->overhead_ms,
                        aside_high, ZERO_LOW_BYTES_PER_S };
}

/* -- the model inverted: what would make the worst course fit ------------------------- */

typedef void (*TurnFunc) (Course *course, double value);

static void
turn_bandwidth (Course *course, double value)
{
  course->send = value;
}

static void
turn_budget (Course *course, double value)
{
  course->budget_ms = value;
}

/* The least value from @low to @high that makes @course fit; NAN where none does.  More never makes it worse. */
static double
least_that_fits (const Course *course, TurnFunc turn, double low, double high)
{
  Course turned = *course;

  turn (&turned, high);
  if (!follow (&turned).fits)
    return NAN;
  for (int i = 0; i < 40 && high - low > high / 1000; i++)
    {
      double middle = (low + high) / 2;

      turn (&turned, middle);
      if (follow (&turned).fits)
        high = middle;
      else
        low = middle;
    }
  return high;
}

static void
add_bandwidth (const Forecasting *f, GStrvBuilder *ways)
{
  double needed = least_that_fits (&f->worst, turn_bandwidth, f->worst.send, f->worst.send * 1000);
  g_autofree char *option = NULL;
  g_autofree char *link = converge_text_rate (f->facts->link_low_bytes_per_s);
  g_autofree char *text = NULL;

  if (isnan (needed))
    return;
  option = rate_option (needed);
  if (needed <= f->facts->link_low_bytes_per_s)
    text = g_strdup_printf ("bandwidth: --bandwidth %s (the link does %s)", option, link);
  else
    text = g_strdup_printf ("bandwidth: a link of %s (this one does %s%s)", option, link,
                            f->facts->link_basis == CONVERGE_BASIS_ASSUMED ? ", as is assumed" : "");
  g_strv_builder_add (ways, text);
}

static void
add_downtime (const Forecasting *f, GStrvBuilder *ways)
{
  double needed = least_that_fits (&f->worst, turn_budget, f->budget_ms, 3600 * 1000);
  g_autofree char *text = NULL;

  if (isnan (needed))
    return;
  text = g_strdup_printf ("downtime: --downtime %.0fms", needed < 1000 ? ceil (needed / 10) * 10 : ceil (needed / 100) * 100);
  g_strv_builder_add (ways, text);
}

static Outcome
follow_throttled (const Course *course, guint percent)
{
  Course turned = *course;

  turned.throttle = percent / 100.0;
  return follow (&turned);
}

/* As the engine: the least throttle that takes about as long as the best one, percent up to @most; 0 where none fits.  More is not
 * always better: a throttled CPU may sleep right before the guest is stopped. */
static guint
throttle_that_fits (const Course *course, guint most)
{
  double best_ms = INFINITY;

  for (guint percent = 1; percent <= most; percent++)
    {
      Outcome outcome = follow_throttled (course, percent);

      if (outcome.fits)
        best_ms = MIN (best_ms, outcome.total_ms);
    }
  for (guint percent = 1; percent <= most; percent++)
    {
      Outcome outcome = follow_throttled (course, percent);

      if (outcome.fits && outcome.total_ms <= THROTTLED_FACTOR * best_ms + THROTTLED_MS)
        return percent;
    }
  return 0;
}

static void
add_throttle (const Forecasting *f, GStrvBuilder *ways)
{
  guint needed = throttle_that_fits (&f->worst, THROTTLE_MOST);
  g_autofree char *text = NULL;

  if (needed <= f->throttle_max)
    return;
  text = g_strdup_printf ("throttle: --throttle-max %u%%, which slows the guest as much", needed);
  g_strv_builder_add (ways, text);
}

static void
add_postcopy (const Forecasting *f, GStrvBuilder *ways)
{
  Outcome outcome = follow (&f->worst);
  g_autofree char *rest = converge_text_bytes (outcome.left_bytes);
  g_autofree char *text = g_strdup_printf ("post-copy: --allow postcopy: the guest runs on the destination and fetches the last %s from the source", rest);

  g_strv_builder_add (ways, text);
}

static char **
ways_out (const Forecasting *f)
{
  g_autoptr(GStrvBuilder) ways = g_strv_builder_new ();

  add_bandwidth (f, ways);
  add_downtime (f, ways);
  add_throttle (f, ways);
  add_postcopy (f, ways);
  return g_strv_builder_end (ways);
}

/* -- the sentence ------------------------------------------------------------------------ */

static char *
fits_text (const char *how, const Outcome *best, const Outcome *worst)
{
  guint few = MIN (best->passes, worst->passes), many = MAX (best->passes, worst->passes);
  g_autofree char *passes = few < many ? g_strdup_printf ("%u-%u passes", few, many) : g_strdup_printf ("%u pass%s", many, many == 1 ? "" : "es");
  g_autofree char *total = span_text (best->total_ms, worst->total_ms);
  g_autofree char *downtime = span_text (best->downtime_ms, worst->downtime_ms);

  return g_strdup_printf ("%s: %s, %s, downtime %s", how, passes, total, downtime);
}

/* Why not, by the numbers of the middle. */
static char *
stuck_text (const Forecasting *f, const char *how, const Outcome *middle)
{
  double stream = (f->middle.writes[0]->stream_bytes_per_s + f->middle.writes[1]->stream_bytes_per_s) / 2;
  const char *what = f->bound > 0 && f->bound <= f->facts->link_low_bytes_per_s ? "the bandwidth allowed" : "the link";
  g_autofree char *left = converge_text_bytes ((gint64) middle->left_bytes);
  g_autofree char *rate = converge_text_rate ((gint64) f->middle.send);
  g_autofree char *need = converge_text_time (middle->downtime_ms);
  g_autofree char *budget = converge_text_time (f->budget_ms);

  if (stream > f->middle.send)
    return g_strdup_printf ("%s: dirties %.1fx %s (%s); each pass leaves up to %s, a stop of %s of %s allowed", how, stream / f->middle.send, what,
                            rate, left, need, budget);
  return g_strdup_printf ("%s: each pass leaves about %s, at %s a stop of %s of %s allowed", how, left, rate, need, budget);
}

/* -- putting it together -------------------------------------------------------------------- */

static gint64
rounded (double number)
{
  return number < (double) G_MAXINT64 / 2 ? (gint64) (number + 0.5) : QMIG_UNSET;
}

static void
set_numbers (QmigForecast *forecast, const Forecasting *f, const Outcome *best, const Outcome *middle, const Outcome *worst)
{
  forecast->passes_left = middle->passes;
  forecast->eta_ms = rounded (middle->total_ms);
  forecast->eta_low_ms = rounded (MIN (best->total_ms, middle->total_ms));
  forecast->downtime_ms = rounded (middle->downtime_ms);
  forecast->downtime_low_ms = rounded (MIN (best->downtime_ms, middle->downtime_ms));
  if (worst->fits)
    {
      forecast->eta_high_ms = rounded (MAX (worst->total_ms, middle->total_ms));
      forecast->downtime_high_ms = rounded (MAX (worst->downtime_ms, middle->downtime_ms));
    }
}

static void
set_facts (QmigForecast *forecast, const Forecasting *f)
{
  const ConvergeFacts *facts = f->facts;
  ConvergeBasis basis = facts->running ? MIN (facts->writes_basis, facts->link_basis) : facts->link_basis;

  forecast->send_bytes_per_s = rounded (f->middle.send);
  forecast->dirty_bytes_per_s = rounded (f->middle.writes[0]->stream_bytes_per_s);
  if (facts->running && facts->writes_low.most_bytes < f->memory)
    forecast->working_set_bytes = rounded (facts->writes_low.most_bytes);
  forecast->basis = g_strdup (converge_basis_name (basis));
}

static void
tell_throttled (QmigForecast *forecast, Forecasting *f, guint percent)
{
  g_autofree char *how = g_strdup_printf ("fits with the guest's CPUs throttled by up to %u %%", percent);
  Outcome best, middle, worst;

  f->middle.throttle = f->worst.throttle = percent / 100.0;
  best = follow (&f->best);
  middle = follow (&f->middle);
  worst = follow (&f->worst);
  forecast->verdict = QMIG_VERDICT_CONVERGING;
  forecast->throttle_percent = percent;
  forecast->text = fits_text (how, best.fits ? &best : &middle, &worst);
  set_numbers (forecast, f, best.fits ? &best : &middle, &middle, &worst);
}

/* The guest runs on after the first pass: on the destination, or, with a pause, when all is there. */
static void
tell_last_means (QmigForecast *forecast, Forecasting *f, const Outcome *best, const Outcome *worst)
{
  gboolean postcopy = f->policy->allow_postcopy;
  double low_ms = best->first_ms + best->left_bytes * 1000 / f->best.send + f->best.aside_ms;
  double high_ms = worst->first_ms + worst->left_bytes * 1000 / f->worst.send + f->worst.aside_ms;
  double pause_low_ms = best->left_bytes * 1000 / f->best.send + f->overhead_ms;
  double pause_high_ms = worst->left_bytes * 1000 / f->worst.send + f->overhead_ms;
  g_autofree char *total = span_text (low_ms, high_ms);
  g_autofree char *pause = span_text (pause_low_ms, pause_high_ms);

  forecast->verdict = QMIG_VERDICT_CONVERGING;
  forecast->eta_low_ms = rounded (low_ms);
  forecast->eta_high_ms = rounded (high_ms);
  forecast->eta_ms = rounded ((low_ms + high_ms) / 2);
  forecast->downtime_low_ms = rounded (postcopy ? f->overhead_ms : pause_low_ms);
  forecast->downtime_high_ms = rounded (postcopy ? f->budget_ms : pause_high_ms);
  forecast->downtime_ms = rounded (postcopy ? f->overhead_ms : (pause_low_ms + pause_high_ms) / 2);
  forecast->passes_left = postcopy ? 1 : 2;
  forecast->text = postcopy ? g_strdup_printf ("fits with post-copy, which the policy allows: %s", total)
                            : g_strdup_printf ("fits with a pause of %s, which the policy allows: %s", pause, total);
}

static void
tell (QmigForecast *forecast, Forecasting *f)
{
  Outcome best = follow (&f->best), middle = follow (&f->middle), worst = follow (&f->worst);
  guint throttle = worst.fits ? 0 : throttle_that_fits (&f->worst, f->throttle_max);

  forecast->throttle_percent = 0;
  if (worst.fits)
    {
      forecast->verdict = QMIG_VERDICT_CONVERGING;
      forecast->text = fits_text ("fits", &best, &worst);
      set_numbers (forecast, f, &best, &middle, &worst);
    }
  else if (throttle > 0)
    tell_throttled (forecast, f, throttle);
  else if (!middle.fits && (f->policy->allow_postcopy || f->policy->allow_pause))
    tell_last_means (forecast, f, &best, &worst);
  else
    {
      forecast->verdict = middle.fits ? QMIG_VERDICT_CONVERGING : middle.grows ? QMIG_VERDICT_DIVERGING : QMIG_VERDICT_STUCK;
      forecast->text = middle.fits ? fits_text ("probably fits", &best, &middle)
                                   : stuck_text (f, best.fits ? "probably will not converge" : "will not converge", &middle);
      if (middle.fits)
        set_numbers (forecast, f, &best, &middle, &worst);
      forecast->ways_out = ways_out (f);
    }
}

/* A deadline that the whole range misses makes the rest idle talk. */
static void
mind_deadline (QmigForecast *forecast, const Forecasting *f)
{
  gint64 deadline_ms = f->policy->deadline_ms;
  g_autofree char *text = NULL;

  if (deadline_ms == QMIG_UNSET || deadline_ms <= 0 || forecast->eta_ms == QMIG_UNSET || forecast->eta_ms <= deadline_ms)
    return;
  text = g_strdup_printf ("%s; but the deadline is %.1f s", forecast->text, deadline_ms / 1000.0);
  g_free (forecast->text);
  forecast->text = g_steal_pointer (&text);
}

static QmigForecast *
not_enough (const char *missing, const char *why)
{
  QmigForecast *forecast = qmig_forecast_new ();

  forecast->verdict = QMIG_VERDICT_NOT_ENOUGH_DATA;
  forecast->text = g_strdup_printf ("not enough data: %s: %s", missing, why);
  return forecast;
}

static gint64
or_default (gint64 number, gint64 fallback)
{
  return number != QMIG_UNSET && number >= 0 ? number : fallback;
}

void
converge_facts_init (ConvergeFacts *facts)
{
  *facts = (ConvergeFacts) {
    .memory_bytes = QMIG_UNSET,
    .data_low_bytes = QMIG_UNSET,
    .data_high_bytes = QMIG_UNSET,
    .link_low_bytes_per_s = QMIG_UNSET,
    .link_high_bytes_per_s = QMIG_UNSET,
    .overhead_ms = QMIG_UNSET,
    .aside_ms = QMIG_UNSET,
  };
}

QmigForecast *
converge_forecast (const QmigPolicy *policy, const ConvergeFacts *facts)
{
  Forecasting f = {
    .policy = policy,
    .facts = facts,
    .memory = facts->memory_bytes,
    .bound = or_default (policy->bandwidth_bytes_per_s, 0),
    .budget_ms = or_default (policy->downtime_ms, DOWNTIME_MS),
    .overhead_ms = or_default (facts->overhead_ms, CONVERGE_OVERHEAD_MS),
    .throttle_max = (guint) MIN (or_default (policy->throttle_max_percent, 0), THROTTLE_MOST),
  };
  QmigForecast *forecast;

  if (facts->memory_bytes <= 0)
    return not_enough ("the size of its memory is not known", "QEMU does not tell it");
  if (facts->link_basis == CONVERGE_BASIS_NONE || facts->link_low_bytes_per_s <= 0 || facts->link_high_bytes_per_s < facts->link_low_bytes_per_s)
    return not_enough ("it is not known how fast the link is", "nothing was moved over it yet");
  if (facts->running && facts->writes_basis == CONVERGE_BASIS_NONE)
    return not_enough ("it is not known how fast the guest writes", facts->problem != NULL ? facts->problem : "it was not moved from here yet");

  forecast = qmig_forecast_new ();
  set_courses (&f);
  set_facts (forecast, &f);
  tell (forecast, &f);
  mind_deadline (forecast, &f);
  return forecast;
}
