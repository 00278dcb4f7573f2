/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Movers over raw QMP. */

#include "bench.h"
#include "contest.h"
#include "qmig-sampler.h"
#include "qmp-commands.h"
#include "qmp-events.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>

#define PORT 49152
#define LOOK_MS 100
#define PATIENCE_MS 60000 /* beyond the limit of the run */

/* -- the rules -------------------------------------------------------------------- */

typedef struct _Rival Rival;

typedef struct
{
  gboolean auto_converge;
  gint64 downtime_ms;                  /* 0: the budget */
  gint64 bandwidth_bytes_per_s;        /* 0: without limit */
  void (*look) (Rival *rival, const QmpMigrationInfo *info, QmpWait *wait); /* (nullable): what it does as it goes */
} Rule;

/* Of Proxmox' loop, its names beside ours. */
typedef struct
{
  gint64 due_us;
  gint64 pause_us;          /* $usleep */
  gint64 looks;             /* $i */
  gint64 last_transferred;  /* $last_mem_transferred */
  gint64 last_remaining;    /* $lastrem */
  int rises;                /* $downtimecounter */
  gint64 downtime_ms;       /* $migrate_downtime */
} Proxmox;

struct _Rival
{
  Contest *contest;
  const Rule *rule;
  Proxmox proxmox;
  GPid pid;                    /* the destination */
  QmpClient *source;
  QmpClient *destination;
  QmpMigrationStatus status;   /* of the source, by its events */
  gint64 stop_us;              /* wall clock of QEMU's events */
  gint64 resume_us;
  gboolean loaded;
  gboolean cancelled;
  gint64 cancelled_us;
  QmigSampler sampler;
};

static void
set_downtime (Rival *rival, gint64 ms, QmpWait *wait)
{
  JsonObject *parameters = json_object_new ();

  json_object_set_int_member (parameters, "downtime-limit", ms);
  g_assert_true (qmp_migrate_set_parameters (rival->source, parameters, wait, NULL));
}

/* QemuMigrate.pm: the body of the loop in phase2. */
static void
look_as_proxmox (Rival *rival, const QmpMigrationInfo *info, QmpWait *wait)
{
  Proxmox *p = &rival->proxmox;
  gint64 now_us = g_get_monotonic_time ();
  gint64 transferred = info->ram_transferred_bytes, remaining = info->ram_remaining_bytes;

  if (p->pause_us == 0)
    *p = (Proxmox) { .pause_us = G_USEC_PER_SEC, .due_us = now_us + G_USEC_PER_SEC, .downtime_ms = rival->rule->downtime_ms };
  if (now_us < p->due_us || info->status != QMP_MIGRATION_STATUS_ACTIVE)
    return;
  p->looks++;
  if (transferred != p->last_transferred)
    {
      if (p->last_transferred > 0 && remaining < p->last_transferred / p->looks)
        p->pause_us = G_USEC_PER_SEC / 10;
      if ((p->last_remaining > 0 && remaining > p->last_remaining) || remaining == 0)
        p->rises++;
      p->last_remaining = remaining;
      if (p->rises > 5)
        {
          p->rises = 0;
          p->downtime_ms *= 2;
          set_downtime (rival, p->downtime_ms, wait);
        }
    }
  p->last_transferred = transferred;
  p->due_us += p->pause_us;
}

static const Rule plain = { FALSE, 0, 0, NULL };
static const Rule auto_converge = { TRUE, 0, 0, NULL };
static const Rule proxmox = { TRUE, 100, G_GINT64_CONSTANT (16) << 30, look_as_proxmox };

/* -- both sides ------------------------------------------------------------------- */

static void
on_event (QmpClient *client, const char *name, JsonObject *data, gint64 timestamp_us, gpointer user_data)
{
  Rival *rival = user_data;
  QmpMigrationStatus status;

  if (client == rival->source && g_str_equal (name, "STOP"))
    rival->stop_us = timestamp_us;
  else if (client == rival->destination && g_str_equal (name, "RESUME"))
    rival->resume_us = timestamp_us;
  if (!g_str_equal (name, "MIGRATION"))
    return;
  status = qmp_migration_status_from_string (json_object_get_string_member (data, "status"));
  if (client == rival->source)
    rival->status = status;
  else
    rival->loaded |= status == QMP_MIGRATION_STATUS_COMPLETED;
}

static void
set_up (Rival *rival, const char *uri, QmpWait *wait)
{
  static const char *const both[] = { "events", "return-path", NULL };
  static const char *const throttled[] = { "events", "return-path", "auto-converge", NULL };
  const Rule *rule = rival->rule;
  JsonObject *limits = json_object_new ();

  json_object_set_int_member (limits, "max-bandwidth", rule->bandwidth_bytes_per_s);
  json_object_set_int_member (limits, "downtime-limit", rule->downtime_ms > 0 ? rule->downtime_ms : rival->contest->workload->budget_ms);
  g_assert_true (qmp_migrate_set_capabilities (rival->destination, both, NULL, wait, NULL));
  g_assert_true (qmp_migrate_incoming (rival->destination, uri, FALSE, wait, NULL));
  g_assert_true (qmp_migrate_set_capabilities (rival->source, rule->auto_converge ? throttled : both, NULL, wait, NULL));
  g_assert_true (qmp_migrate_set_parameters (rival->source, limits, wait, NULL));
}

static void
open_both (Rival *rival, QmpWait *wait)
{
  Rig *rig = rival->contest->lab->rig;
  g_autofree char *there = g_build_filename (rig->dir, "rival.qmp", NULL);
  g_autofree char *here = g_build_filename (rig->dir, "user.qmp", NULL);

  rival->pid = bench_spawn_destination (rig, rival->contest->config, there, NULL);
  rival->destination = bench_open_monitor (there, wait);
  rival->source = bench_open_monitor (here, wait);
  g_signal_connect (rival->source, "event", G_CALLBACK (on_event), rival);
  g_signal_connect (rival->destination, "event", G_CALLBACK (on_event), rival);
}

/* -- on the way --------------------------------------------------------------------- */

static QmpCheck
is_over (gpointer data, GError **error)
{
  Rival *rival = data;

  if (rival->status == QMP_MIGRATION_STATUS_COMPLETED)
    return rival->loaded && rival->resume_us != 0 ? QMP_CHECK_DONE : QMP_CHECK_PENDING;
  return qmp_migration_status_is_terminal (rival->status) ? QMP_CHECK_DONE : QMP_CHECK_PENDING;
}

static void
trace (Rival *rival, const QmpMigrationInfo *info)
{
  g_autoptr(QmigSample) sample = qmig_sampler_take (&rival->sampler, info, g_get_monotonic_time ());
  g_autoptr(QmigEvent) event = qmig_event_new ();
  g_autofree char *line = NULL;

  if (rival->contest->trace == NULL)
    return;
  sample->stage = QMIG_STAGE_PRE_COPY;
  event->type = g_strdup ("sample");
  event->ts = api_time_now ();
  event->mono_us = g_get_monotonic_time ();
  event->data = json_node_init_object (json_node_alloc (), qmig_sample_to_object (sample));
  line = qmig_event_to_text (event);
  fprintf (rival->contest->trace, "%s\n", line);
}

static void
take_progress (ContestFigures *f, const QmpMigrationInfo *info)
{
  f->passes = info->ram_dirty_sync_count;
  f->sent_mib = info->ram_transferred_bytes / 1048576.0;
  if (info->throttle_percent >= 0)
    f->throttle_percent = fmax (f->throttle_percent, info->throttle_percent);
}

static void
look (Rival *rival, QmpWait *wait)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmpMigrationInfo) info = qmp_query_migrate (rival->source, wait, &error);
  ContestFigures *f = &rival->contest->figures;

  g_assert_no_error (error);
  /* A migration that was cancelled no longer counts. */
  if (info->status == QMP_MIGRATION_STATUS_ACTIVE)
    take_progress (f, info);
  trace (rival, info);
  if (rival->rule->look != NULL)
    rival->rule->look (rival, info, wait);
}

static void
mind_limit (Rival *rival, gint64 limit_us, QmpWait *wait)
{
  if (rival->cancelled || g_get_monotonic_time () < limit_us)
    return;
  rival->cancelled = TRUE;
  rival->cancelled_us = g_get_monotonic_time ();
  g_assert_true (qmp_migrate_cancel (rival->source, wait, NULL));
}

static void
drive (Rival *rival, const char *uri, QmpWait *wait)
{
  gint64 limit_us = g_get_monotonic_time () + rival->contest->limit_ms * 1000;

  qmig_sampler_init (&rival->sampler);
  g_assert_true (qmp_migrate (rival->source, uri, wait, NULL));
  while (is_over (rival, NULL) == QMP_CHECK_PENDING)
    {
      g_autoptr(QmpWait) pause = qmp_wait_new_within (wait, "the next look", LOOK_MS);
      g_autoptr(GError) passed = NULL;

      g_assert_cmpint (qmp_wait_left_ms (wait), >, 0);
      if (qmp_wait_until (pause, is_over, rival, &passed))
        break;
      look (rival, wait);
      mind_limit (rival, limit_us, wait);
    }
}

/* -- the end ------------------------------------------------------------------------- */

/* At the event "completed" the counts may still be missing. */
static QmpMigrationInfo *
ask_for_counts (Rival *rival, QmpWait *wait)
{
  QmpMigrationInfo *info;

  while ((info = qmp_query_migrate (rival->source, wait, NULL)) != NULL && info->total_time_ms <= 0)
    {
      qmp_migration_info_free (info);
      g_assert_true (qmp_wait_pause (wait, 1, NULL));
    }
  g_assert_nonnull (info);
  return info;
}

static void
take_counts (Rival *rival, QmpWait *wait)
{
  g_autoptr(QmpMigrationInfo) info = ask_for_counts (rival, wait);
  ContestFigures *f = &rival->contest->figures;

  take_progress (f, info);
  f->finished = 1;
  f->total_ms = info->total_time_ms;
  f->downtime_ms = info->downtime_ms;
  f->blackout_ms = (rival->resume_us - rival->stop_us) / 1000.0;
  rival->contest->stop_us = contest_monotonic_us (rival->stop_us);
}

static char *
why_not (Rival *rival, QmpWait *wait)
{
  g_autoptr(QmpMigrationInfo) info = NULL;

  if (rival->cancelled)
    return g_strdup_printf ("cancelled after %" G_GINT64_FORMAT " s", rival->contest->limit_ms / 1000);
  info = qmp_query_migrate (rival->source, wait, NULL);
  return g_strdup_printf ("failed: %s", info != NULL && info->error_desc != NULL ? info->error_desc : "QEMU does not say why");
}

static void
end_source (Rival *rival, QmpWait *wait)
{
  Rig *rig = rival->contest->lab->rig;

  g_assert_true (qmp_quit (rival->source, wait, NULL));
  waitpid (rig->guest, NULL, 0);
  rig->guest = 0;
  rival->contest->figures.wall_ms = (g_get_monotonic_time () - rival->contest->began_us) / 1000.0;
}

static void
move (Contest *contest, const Rule *rule)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the move by hand", contest->limit_ms + PATIENCE_MS);
  g_autofree char *uri = g_strdup_printf ("tcp:" NET_BETA ":%d", PORT);
  Rival rival = { .contest = contest, .rule = rule };

  contest->figures.throttle_percent = 0;
  open_both (&rival, wait);
  set_up (&rival, uri, wait);
  drive (&rival, uri, wait);
  if (rival.status == QMP_MIGRATION_STATUS_COMPLETED)
    {
      take_counts (&rival, wait);
      end_source (&rival, wait);
    }
  else
    {
      contest->note = why_not (&rival, wait);
      kill (rival.pid, SIGKILL);
      if (rival.cancelled)
        contest->figures.cancel_ms = (g_get_monotonic_time () - rival.cancelled_us) / 1000.0;
    }
  g_signal_handlers_disconnect_by_data (rival.source, &rival);
  g_signal_handlers_disconnect_by_data (rival.destination, &rival);
  g_object_unref (rival.source);
  g_object_unref (rival.destination);
  contest->destination = rival.pid;
}

void
contest_by_plain_qemu (Contest *contest)
{
  move (contest, &plain);
}

void
contest_by_auto_converge (Contest *contest)
{
  move (contest, &auto_converge);
}

void
contest_by_proxmox_rule (Contest *contest)
{
  move (contest, &proxmox);
}
