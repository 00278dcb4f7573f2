/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rivals.h"

#define SECOND_MS 1000
#define GIB (1024.0 * 1024 * 1024)

/* What they keep in mind; nobody needs all of it. */
typedef struct
{
  gint64 budget_ms;
  double gib;
  gint64 limit_ms;

  /* Proxmox */
  guint polls;
  gint64 poll_ms;
  gint64 transferred;
  gint64 left;
  guint rises;

  /* oVirt */
  const struct Ladder *ladder;
  guint rung;

  /* KubeVirt */
  gint64 pass;
  gint64 best_before_ms, best_before;  /* the least of the passes older than the window */
  GArray *passes;                      /* Pass: still in the window, each less than the one before */
  GArray *since_stall;                 /* gint64: what passes left since the stall */
  gboolean stalled;
  gint64 best;
  gint64 patience_ms, relax_ms;
  double bandwidth;
  gint64 switchover_ms;
} State;

/* -- QEMU alone ------------------------------------------------------------------- */

static gint64
qemu_start (gpointer data, ConvergeSimKnobs *knobs)
{
  State *self = data;

  knobs->bandwidth_bytes_per_s = 0;
  knobs->downtime_limit_ms = self->budget_ms;
  return 0;
}

static gint64
auto_converge_start (gpointer data, ConvergeSimKnobs *knobs)
{
  knobs->auto_converge = TRUE;
  return qemu_start (data, knobs);
}

#define CAREFUL_MS 30

/* What somebody would set who knows that QEMU's limit is for the last RAM alone. */
static gint64
careful_start (gpointer data, ConvergeSimKnobs *knobs)
{
  State *self = data;

  auto_converge_start (self, knobs);
  knobs->downtime_limit_ms = self->budget_ms - CAREFUL_MS;
  return 0;
}

/* -- Proxmox VE --------------------------------------------------------------------- */

#define PROXMOX_DOWNTIME_MS 100
#define PROXMOX_BANDWIDTH (16LL << 30)
#define PROXMOX_POLL_MS 1000
#define PROXMOX_SHORT_POLL_MS 100
#define PROXMOX_RISES 5
#define PROXMOX_MOST_MS (2000 * SECOND_MS)

static gint64
proxmox_start (gpointer data, ConvergeSimKnobs *knobs)
{
  State *self = data;

  knobs->bandwidth_bytes_per_s = PROXMOX_BANDWIDTH;
  knobs->downtime_limit_ms = self->limit_ms = PROXMOX_DOWNTIME_MS;
  knobs->auto_converge = TRUE;
  return self->poll_ms = PROXMOX_POLL_MS;
}

static gint64
proxmox_look (gpointer data, const QmigSample *sample, ConvergeSimKnobs *knobs)
{
  State *self = data;
  gint64 per_poll = self->transferred / ++self->polls;

  if (sample->pass == 0 || sample->transferred_bytes == self->transferred)
    return self->poll_ms;
  if (per_poll > 0 && sample->remaining_bytes < per_poll)
    self->poll_ms = PROXMOX_SHORT_POLL_MS;

  if ((self->left > 0 && sample->remaining_bytes > self->left) || sample->remaining_bytes == 0)
    self->rises++;
  self->left = sample->remaining_bytes;
  self->transferred = sample->transferred_bytes;
  if (self->rises > PROXMOX_RISES)
    {
      self->rises = 0;
      self->limit_ms = MIN (2 * self->limit_ms, PROXMOX_MOST_MS);
      knobs->downtime_limit_ms = self->limit_ms;
    }
  return self->poll_ms;
}

/* -- OpenStack Nova -------------------------------------------------------------------- */

#define NOVA_STEPS 10
#define NOVA_DELAY_S_PER_GIB 75
#define NOVA_COMPLETION_S_PER_GIB 800
#define NOVA_LEAST_GIB 2
#define NOVA_LEAST_MAX_MS 100
#define NOVA_POLL_MS 500

static gint64
nova_look (gpointer data, const QmigSample *sample, ConvergeSimKnobs *knobs)
{
  State *self = data;
  double gib = MAX (self->gib, NOVA_LEAST_GIB);
  double most = MAX (self->budget_ms, NOVA_LEAST_MAX_MS);
  double base = most / NOVA_STEPS;
  double delay_ms = NOVA_DELAY_S_PER_GIB * gib * SECOND_MS;
  gint64 step = MIN ((gint64) (sample->elapsed_ms / delay_ms), NOVA_STEPS);

  knobs->downtime_limit_ms = (gint64) (base + step * (most - base) / NOVA_STEPS);
  knobs->cancel = sample->elapsed_ms > NOVA_COMPLETION_S_PER_GIB * gib * SECOND_MS;
  return NOVA_POLL_MS;
}

static gint64
nova_start (gpointer data, ConvergeSimKnobs *knobs)
{
  State *self = data;

  knobs->bandwidth_bytes_per_s = 0;
  knobs->downtime_limit_ms = MAX (self->budget_ms, NOVA_LEAST_MAX_MS) / NOVA_STEPS;
  return NOVA_POLL_MS;
}

/* -- oVirt -------------------------------------------------------------------------------- */

#define OVIRT_POLL_MS (10 * SECOND_MS)
#define OVIRT_FIRST_MS 100
#define ABORT 0
#define AT_NEXT -1 /* the last items follow at the next rise */

typedef struct Ladder
{
  struct { int rises; int limit_ms; } rungs[8];
  guint n_rungs;
} Ladder;

static const Ladder minimal_downtime = { { { 1, 150 }, { 2, 200 }, { 3, 300 }, { 4, 400 }, { 6, 500 }, { AT_NEXT, ABORT } }, 6 };
static const Ladder suspend_if_needed = {
  { { 1, 150 }, { 2, 200 }, { 3, 300 }, { 4, 400 }, { 6, 500 }, { AT_NEXT, 5000 }, { AT_NEXT, ABORT } }, 7
};

static gint64
ovirt_start (gpointer data, ConvergeSimKnobs *knobs)
{
  knobs->bandwidth_bytes_per_s = 0;
  knobs->downtime_limit_ms = OVIRT_FIRST_MS;
  knobs->auto_converge = TRUE;
  return OVIRT_POLL_MS;
}

/* vdsm takes it for a new pass when more remains than ten seconds ago, and climbs one rung then at most. */
static gint64
ovirt_look (gpointer data, const QmigSample *sample, ConvergeSimKnobs *knobs)
{
  State *self = data;

  if (self->left > 0 && sample->remaining_bytes > self->left && self->rung < self->ladder->n_rungs &&
      self->ladder->rungs[self->rung].rises < (int) ++self->rises)
    {
      knobs->cancel = self->ladder->rungs[self->rung].limit_ms == ABORT;
      if (!knobs->cancel)
        knobs->downtime_limit_ms = self->ladder->rungs[self->rung].limit_ms;
      self->rung++;
    }
  self->left = sample->remaining_bytes;
  return OVIRT_POLL_MS;
}

/* -- KubeVirt, the stall detector ------------------------------------------------------------- */

#define KUBEVIRT_POLL_MS 400
#define KUBEVIRT_FIRST_MS 300
#define KUBEVIRT_MARGIN 0.04
#define KUBEVIRT_WINDOW_MS (40 * SECOND_MS)
#define KUBEVIRT_PATIENCE_DECAY 0.5
#define KUBEVIRT_WEIGHT 0.4
#define KUBEVIRT_POSSIBLE 1.5
#define KUBEVIRT_SWITCHOVER_MS (60 * SECOND_MS)
#define KUBEVIRT_COMPLETION_S_PER_GIB 150

typedef struct
{
  gint64 ms, left;
} Pass;

static gint64
kubevirt_start (gpointer data, ConvergeSimKnobs *knobs)
{
  State *self = data;

  knobs->bandwidth_bytes_per_s = 0;
  knobs->downtime_limit_ms = MIN (self->budget_ms, KUBEVIRT_FIRST_MS);
  return KUBEVIRT_POLL_MS;
}

static void
kubevirt_age (State *self, gint64 now_ms)
{
  while (self->passes->len > 0 && now_ms - g_array_index (self->passes, Pass, 0).ms >= KUBEVIRT_WINDOW_MS)
    {
      gint64 left = g_array_index (self->passes, Pass, 0).left;

      self->best_before = self->best_before > 0 ? MIN (self->best_before, left) : left;
      g_array_remove_index (self->passes, 0);
    }
}

static void
kubevirt_note (State *self, const Pass *pass)
{
  kubevirt_age (self, pass->ms);
  if (self->best_before > 0 && pass->left > self->best_before)
    return;
  if (self->passes->len == 0 || pass->left < g_array_index (self->passes, Pass, self->passes->len - 1).left)
    g_array_append_val (self->passes, *pass);
}

static void
kubevirt_begin_stall (State *self, const Pass *pass)
{
  self->stalled = TRUE;
  self->best = self->best_before;
  for (guint i = 0; i < self->passes->len; i++)
    self->best = MIN (self->best, g_array_index (self->passes, Pass, i).left);
  self->patience_ms = KUBEVIRT_WINDOW_MS;
  self->relax_ms = pass->ms + self->patience_ms;
}

/* Not seen again within its patience: the least seen since the stall will do, then the next one, each time sooner. */
static void
kubevirt_relax (State *self, const Pass *pass)
{
  guint least = 0;

  g_array_append_val (self->since_stall, pass->left);
  if (pass->ms < self->relax_ms)
    return;
  for (guint i = 1; i < self->since_stall->len; i++)
    if (g_array_index (self->since_stall, gint64, i) < g_array_index (self->since_stall, gint64, least))
      least = i;
  self->best = g_array_index (self->since_stall, gint64, least);
  g_array_remove_index_fast (self->since_stall, least);
  self->patience_ms *= KUBEVIRT_PATIENCE_DECAY;
  self->relax_ms = pass->ms + self->patience_ms;
}

/* Without consent to a disruption: no post-copy, no pause. */
static void
kubevirt_act (State *self, const Pass *pass, ConvergeSimKnobs *knobs)
{
  double need_ms = pass->left * 1000 / self->bandwidth;

  if (pass->left > self->best * (1 + KUBEVIRT_MARGIN))
    return;
  self->switchover_ms = pass->ms;
  if (need_ms <= KUBEVIRT_POSSIBLE * self->budget_ms)
    knobs->downtime_limit_ms = self->budget_ms;
  else
    knobs->cancel = TRUE;
}

static void
kubevirt_pass (State *self, const Pass *pass, ConvergeSimKnobs *knobs)
{
  kubevirt_note (self, pass);
  if (self->stalled)
    kubevirt_relax (self, pass);
  else if (self->best_before > 0 && pass->left >= self->best_before * (1 - KUBEVIRT_MARGIN))
    kubevirt_begin_stall (self, pass);
  if (self->stalled)
    kubevirt_act (self, pass, knobs);
}

static gint64
kubevirt_look (gpointer data, const QmigSample *sample, ConvergeSimKnobs *knobs)
{
  State *self = data;
  Pass pass = { sample->elapsed_ms, sample->remaining_bytes };

  if (sample->send_bytes_per_s > 0)
    self->bandwidth =
        self->bandwidth > 0 ? KUBEVIRT_WEIGHT * sample->send_bytes_per_s + (1 - KUBEVIRT_WEIGHT) * self->bandwidth : sample->send_bytes_per_s;
  if (sample->pass > MAX (self->pass, 1) && self->switchover_ms == 0 && self->bandwidth > 0)
    kubevirt_pass (self, &pass, knobs);
  self->pass = sample->pass;

  if (self->switchover_ms > 0 && sample->elapsed_ms > self->switchover_ms + KUBEVIRT_SWITCHOVER_MS)
    knobs->cancel = TRUE;
  if (sample->elapsed_ms > KUBEVIRT_COMPLETION_S_PER_GIB * MAX (self->gib, 1) * SECOND_MS)
    knobs->cancel = TRUE;
  return KUBEVIRT_POLL_MS;
}

/* -- the table ------------------------------------------------------------------------------------ */

const Rival rivals[N_RIVALS] = {
  { "QEMU alone", "downtime-limit = budget, nothing else", "QEMU 7.2, migration/migration.c" },
  { "QEMU auto-converge", "downtime-limit = budget; 20 %, +10 % at each second look over 50 %, up to 99 %",
    "QEMU 7.2, migration/ram.c, softmmu/cpu-throttle.c" },
  { "QEMU a.-c., careful", "the same with downtime-limit = budget - 30 ms, for what QEMU does not count", "nobody's rule: for comparison" },
  { "Proxmox VE", "100 ms whatever the budget, doubled after more than 5 polls at which more remained; auto-converge",
    "qemu-server e6352be6 (2026-08), src/PVE/QemuMigrate.pm" },
  { "Nova", "ten linear steps from a tenth of the budget up to it, 75 s a GiB each; given up after 800 s a GiB",
    "nova (2026-08), nova/virt/libvirt/migration.py, nova/conf/libvirt.py" },
  { "oVirt minimal", "100, 150, 200, 300, 400, 500 ms at rises 2, 3, 4, 5, 7, whatever the budget, then given up; auto-converge",
    "ovirt-engine packaging/dbscripts (\"Minimal downtime\"), vdsm (2026-06) lib/vdsm/virt/migration.py" },
  { "oVirt suspend", "the same, then 5000 ms, then given up; auto-converge",
    "ovirt-engine packaging/dbscripts (\"Suspend workload if needed\"), vdsm as above" },
  { "KubeVirt stall", "max downtime = budget; stall of 4 % over 40 s, then the next local minimum; given up over 1.5 budgets",
    "kubevirt 1.9 (2026-08), pkg/virt-launcher/virtwrap/stall-detector.go, VEP 248" },
};

static const struct
{
  ConvergeSimPolicy policy;
  const Ladder *ladder;
} drivers[N_RIVALS] = {
  { { .name = "qemu", .start = qemu_start } },
  { { .name = "auto-converge", .start = auto_converge_start } },
  { { .name = "careful", .start = careful_start } },
  { { .name = "proxmox", .start = proxmox_start, .look = proxmox_look } },
  { { .name = "nova", .start = nova_start, .look = nova_look } },
  { { .name = "ovirt-minimal", .start = ovirt_start, .look = ovirt_look }, &minimal_downtime },
  { { .name = "ovirt-suspend", .start = ovirt_start, .look = ovirt_look }, &suspend_if_needed },
  { { .name = "kubevirt", .on_pass = TRUE, .start = kubevirt_start, .look = kubevirt_look } },
};

ConvergeSimResult
rival_run (guint which, const ConvergeSimWorkload *workload, gint64 budget_ms, gint64 limit_ms)
{
  g_autoptr(GArray) passes = g_array_new (FALSE, FALSE, sizeof (Pass));
  g_autoptr(GArray) since_stall = g_array_new (FALSE, FALSE, sizeof (gint64));
  State state = {
    .budget_ms = budget_ms,
    .gib = workload->ram_bytes / GIB,
    .ladder = drivers[which].ladder,
    .passes = passes,
    .since_stall = since_stall,
  };

  return converge_sim_run (workload, &drivers[which].policy, &state, limit_ms);
}
