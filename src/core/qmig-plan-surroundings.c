/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-plan-surroundings.h"

#include <string.h>

#include "qmig-cmdline.h"

#define CLOCK_SKEW_US (1 * G_USEC_PER_SEC)
#define SOON_S (24 * 3600)
/* Tasks for each processor from which on a host is late with everything. */
#define BUSY 2.0
#define FLAGS_NAMED 6

typedef struct
{
  QmigPlan *plan;
  const QmigSourceFacts *source;
  const QmigFacts *destination;
  const QmigSurroundings *here;
  const QmigSurroundings *there;
} Judging;

/* -- memory, load, directory, other migrations --------------------------------------- */

static void
judge_memory_limit (const Judging *j)
{
  g_autofree char *need = g_format_size_full ((guint64) j->source->memory_bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *left = NULL;
  QmigCheck *check;

  if (j->there->memory_limit_bytes == QMIG_UNSET)
    {
      qmig_check_add (j->plan->checks, "memory-limit", QMIG_CHECK_OK, NULL, "no limit on '%s' stands against the VM's memory", j->plan->destination);
      return;
    }
  left = g_format_size_full ((guint64) j->there->memory_limit_bytes, G_FORMAT_SIZE_IEC_UNITS);
  if (j->there->memory_limit_bytes < j->source->memory_bytes)
    check = qmig_check_add (j->plan->checks, "memory-limit", QMIG_CHECK_FAIL, "raise that limit, or choose another host",
                            "the VM needs %s, and on '%s' %s leaves %s", need, j->plan->destination, j->there->memory_limit, left);
  else
    check = qmig_check_add (j->plan->checks, "memory-limit", QMIG_CHECK_OK, NULL, "the VM needs %s, and on '%s' %s leaves %s", need, j->plan->destination,
                            j->there->memory_limit, left);
  qmig_check_set_evidence (check, need, left);
}

/* (transfer full) */
static char *
load_text (const QmigSurroundings *host)
{
  return g_strdup_printf ("load %.1f on %" G_GINT64_FORMAT " processors", host->load, host->processors);
}

static gboolean
is_busy (const QmigSurroundings *host)
{
  return host->processors > 0 && host->load > BUSY * (double) host->processors;
}

static void
judge_load (const Judging *j)
{
  g_autofree char *here = j->here != NULL ? load_text (j->here) : NULL;
  g_autofree char *there = load_text (j->there);
  gboolean busy_here = j->here != NULL && is_busy (j->here);
  QmigCheck *check;

  if (busy_here || is_busy (j->there))
    check = qmig_check_add (j->plan->checks, "host-load", QMIG_CHECK_WARN, "move at a quieter time", "'%s' has more to do than it has processors",
                            busy_here ? j->plan->source : j->plan->destination);
  else
    check = qmig_check_add (j->plan->checks, "host-load", QMIG_CHECK_OK, NULL, "neither host is busy");
  qmig_check_set_evidence (check, here, there);
}

static void
judge_run_dir (const Judging *j)
{
  if (j->there->run_dir_problem != NULL)
    qmig_check_add (j->plan->checks, "run-dir", QMIG_CHECK_FAIL, "make room there, or give its agent a directory that it can write (QMIG_RUNTIME_DIR)",
                    "'%s' cannot make the VM's directory: %s", j->plan->destination, j->there->run_dir_problem);
  else
    qmig_check_add (j->plan->checks, "run-dir", QMIG_CHECK_OK, NULL, "'%s' can write the VM's directory", j->plan->destination);
}

static void
judge_other_moves (const Judging *j)
{
  gint64 here = j->here != NULL ? MAX (j->here->other_moves, 0) : 0;
  gint64 there = MAX (j->there->other_moves, 0);
  g_autofree char *ours = g_strdup_printf ("%" G_GINT64_FORMAT " others", here);
  g_autofree char *theirs = g_strdup_printf ("%" G_GINT64_FORMAT " others", there);
  QmigCheck *check;

  if (here + there > 0)
    check = qmig_check_add (j->plan->checks, "other-moves", QMIG_CHECK_WARN, "wait for them (qmig migration list), or expect less than the whole link",
                            "other migrations are under way on these hosts");
  else
    check = qmig_check_add (j->plan->checks, "other-moves", QMIG_CHECK_OK, NULL, "no other migration is under way on either host");
  qmig_check_set_evidence (check, ours, theirs);
}

/* -- processors ------------------------------------------------------------------------ */

/* The last -cpu counts; KVM's own default is a named model. */
static gboolean
has_cpu_of_host (const QmigSourceFacts *source)
{
  gboolean of_host = FALSE;

  for (char **arg = source->argv; source->kvm && arg[0] != NULL && arg[1] != NULL; arg++)
    if (g_str_equal (arg[0], "-cpu") || g_str_equal (arg[0], "--cpu"))
      {
        g_autofree char *model = g_strndup (arg[1], strcspn (arg[1], ","));

        of_host = g_str_equal (model, "host") || g_str_equal (model, "max");
      }
  return of_host;
}

/* (transfer full) (nullable): the first flags of @ours that @theirs lacks */
static char *
lacking (char **ours, char **theirs)
{
  g_autoptr(GString) text = g_string_new (NULL);
  guint n = 0;

  for (char **flag = ours; flag != NULL && *flag != NULL; flag++)
    if (theirs == NULL || !g_strv_contains ((const char *const *) theirs, *flag))
      if (n++ < FLAGS_NAMED)
        g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", *flag);
  if (n > FLAGS_NAMED)
    g_string_append_printf (text, " and %u more", n - FLAGS_NAMED);
  return text->len > 0 ? g_string_free (g_steal_pointer (&text), FALSE) : NULL;
}

static void
judge_host_cpu (const Judging *j)
{
  static const char way_out[] = "choose a host with the same processor, or start the VM with a named -cpu model";
  g_autofree char *lack = NULL;
  QmigCheck *check;

  if (!has_cpu_of_host (j->source) || j->plan->same_machine || j->here == NULL || j->here->cpu_vendor == NULL || j->there->cpu_vendor == NULL)
    return;
  lack = lacking (j->here->cpu_flags, j->there->cpu_flags);
  if (!g_str_equal (j->here->cpu_vendor, j->there->cpu_vendor))
    check = qmig_check_add (j->plan->checks, "host-cpu", QMIG_CHECK_FAIL, way_out, "the guest sees its host's processor, and that of '%s' is of another vendor",
                            j->plan->destination);
  else if (lack != NULL)
    check = qmig_check_add (j->plan->checks, "host-cpu", QMIG_CHECK_FAIL, way_out, "the guest sees its host's processor, and that of '%s' lacks %s",
                            j->plan->destination, lack);
  else if (g_strcmp0 (j->here->cpu_model, j->there->cpu_model) != 0)
    check = qmig_check_add (j->plan->checks, "host-cpu", QMIG_CHECK_WARN, way_out,
                            "the guest sees its host's processor, and that of '%s' is another model with the same features", j->plan->destination);
  else
    check = qmig_check_add (j->plan->checks, "host-cpu", QMIG_CHECK_OK, NULL, "the guest sees its host's processor, and both hosts have the same");
  qmig_check_set_evidence (check, j->here->cpu_model != NULL ? j->here->cpu_model : j->here->cpu_vendor,
                           j->there->cpu_model != NULL ? j->there->cpu_model : j->there->cpu_vendor);
}

/* -- the way ------------------------------------------------------------------------------ */

static gboolean
goes_over (const Judging *j, const char *transport)
{
  return g_strcmp0 (j->plan->transport, transport) == 0;
}

static void
judge_port (const Judging *j)
{
  g_autofree char *range = g_strdup_printf ("%" G_GINT64_FORMAT "-%" G_GINT64_FORMAT, j->plan->port, MAX (j->plan->port, j->plan->port_last));
  QmigCheck *check;

  if ((!goes_over (j, "tls") && !goes_over (j, "tcp")) || j->there->free_ports == QMIG_UNSET)
    return;
  if (j->there->free_ports == 0)
    check = qmig_check_add (j->plan->checks, "port", QMIG_CHECK_FAIL, "name a free one with --port, or end what listens there",
                            "no port of %s is free on '%s': %s", range, j->plan->destination, j->there->ports_problem);
  else
    check = qmig_check_add (j->plan->checks, "port", QMIG_CHECK_OK, NULL, "%" G_GINT64_FORMAT " ports of %s are free on '%s'", j->there->free_ports, range,
                            j->plan->destination);
  qmig_check_set_evidence (check, range, j->there->ports_problem);
}

/* One machine has one clock. */
static gint64
clock_skew_us (const Judging *j)
{
  gint64 theirs = j->destination->host->time_us;
  gint64 ours = CLAMP (theirs, j->source->asked_us, j->source->answered_us);

  return j->plan->same_machine || j->source->answered_us == 0 || theirs == QMIG_UNSET ? 0 : theirs - ours;
}

static void
judge_clock (const Judging *j)
{
  gint64 skew_us = clock_skew_us (j);
  g_autofree char *text = g_strdup_printf ("%+.1f s off ours", (double) skew_us / G_USEC_PER_SEC);
  QmigCheck *check;

  if (ABS (skew_us) > CLOCK_SKEW_US)
    check = qmig_check_add (j->plan->checks, "clock", QMIG_CHECK_WARN, "let both hosts follow the same time server (chrony)",
                            "the clock of '%s' is at least %.1f s off: the guest may see its clock jump, and certificates and logs do not fit together",
                            j->plan->destination, (double) ABS (skew_us) / G_USEC_PER_SEC);
  else
    check = qmig_check_add (j->plan->checks, "clock", QMIG_CHECK_OK, NULL, "the hosts' clocks agree within a second");
  qmig_check_set_evidence (check, NULL, text);
}

/* (transfer full) */
static char *
time_text (gint64 seconds)
{
  char *text = seconds != QMIG_UNSET ? api_time_format (seconds * G_USEC_PER_SEC) : NULL;

  return text != NULL ? text : g_strdup ("unknown");
}

/* Held against the clock of the host itself, as its QEMU does.  FALSE when nothing is to be said of it */
static gboolean
judge_dates (const Judging *j, const char *name, const QmigSurroundings *host, gint64 now_s)
{
  const char *cure = "`qmig host enroll` it anew, and look at its clock";
  g_autofree char *start = time_text (host->certificates_start_s);
  g_autofree char *end = time_text (host->certificates_end_s);

  if (host->certificates_end_s == QMIG_UNSET)
    return FALSE;
  if (now_s >= host->certificates_end_s)
    qmig_check_add (j->plan->checks, "certificates", QMIG_CHECK_FAIL, cure, "a certificate of '%s' expired at %s", name, end);
  else if (now_s < host->certificates_start_s)
    qmig_check_add (j->plan->checks, "certificates", QMIG_CHECK_FAIL, cure, "by its clock a certificate of '%s' holds only from %s", name, start);
  else if (host->certificates_end_s - now_s < SOON_S)
    qmig_check_add (j->plan->checks, "certificates", QMIG_CHECK_WARN, cure, "a certificate of '%s' expires at %s", name, end);
  else
    qmig_check_add (j->plan->checks, "certificates", QMIG_CHECK_OK, NULL, "the certificates of '%s' hold until %s", name, end);
  return TRUE;
}

static void
judge_certificates (const Judging *j)
{
  gint64 theirs = j->destination->host->time_us;

  if (!goes_over (j, "tls"))
    return;
  if (j->here != NULL && j->source->answered_us > 0)
    (void) judge_dates (j, j->plan->source, j->here, j->source->answered_us / G_USEC_PER_SEC);
  if (theirs != QMIG_UNSET)
    (void) judge_dates (j, j->plan->destination, j->there, theirs / G_USEC_PER_SEC);
}

/* -- bugs of QEMU --------------------------------------------------------------------------- */

/* Whether it was continued since it arrived cannot be asked before QEMU 10.0. */
static gboolean
may_have_inactive_disks (const Judging *j)
{
  g_autoptr(QmigCmdlineInfo) info = qmig_cmdline_inspect ((const char *const *) j->source->argv, j->source->cwd);

  return j->source->run_state == QMP_RUN_STATE_PAUSED && info->incoming && j->source->files != NULL && j->source->files->len > 0;
}

static gboolean
stays_stopped_on_failure (const Judging *j)
{
  return j->source->run_state == QMP_RUN_STATE_PAUSED;
}

static gboolean
may_use_postcopy (const Judging *j)
{
  return j->plan->policy != NULL && j->plan->policy->allow_postcopy;
}

/* Each as read in QEMU's sources and threads, by version of the source. */
static const struct
{
  int since, until; /* versions, 70222: from the one on, before the other */
  gboolean (*meets) (const Judging *j);
  QmigCheckStatus status;
  const char *text;
  const char *way_out;
} bugs[] = {
  { 70200, 100000, may_have_inactive_disks, QMIG_CHECK_WARN,
    "before QEMU 10.0 a VM that arrived paused and was not continued since ends with an assertion when it is moved on (bdrv_inactivate_recurse)",
    "continue it once (qmig vm qmp VM cont), and pause it again if need be" },
  { 0, 80100, stays_stopped_on_failure, QMIG_CHECK_WARN,
    "before QEMU 8.1 a paused VM whose switch-over fails is left in the state postmigrate",
    "`cont` and `stop` it there if that happens, or use QEMU 8.1 and newer" },
  { 0, 100000, may_use_postcopy, QMIG_CHECK_WARN,
    "before QEMU 10.0 a migration in post-copy cannot be cancelled without losing the VM", "cancel it before post-copy, or do without" },
};

static void
judge_bugs (const Judging *j)
{
  gboolean any = FALSE;

  for (gsize i = 0; i < G_N_ELEMENTS (bugs); i++)
    {
      if (j->source->version < bugs[i].since || j->source->version >= bugs[i].until || !bugs[i].meets (j))
        continue;
      qmig_check_set_evidence (qmig_check_add (j->plan->checks, "known-bug", bugs[i].status, bugs[i].way_out, "%s", bugs[i].text), j->source->version_text,
                               j->destination->binary_version);
      any = TRUE;
    }
  if (!any)
    qmig_check_add (j->plan->checks, "known-bug", QMIG_CHECK_OK, NULL, "no bug of QEMU is known that this move meets");
}

void
qmig_plan_judge_surroundings (QmigPlan *plan, const QmigSourceFacts *source, const QmigFacts *destination)
{
  Judging j = { plan, source, destination, source->surroundings, destination->surroundings };

  judge_bugs (&j);
  judge_clock (&j);
  /* A host of an older qmig says nothing of itself. */
  if (j.there == NULL)
    return;
  judge_memory_limit (&j);
  judge_load (&j);
  judge_run_dir (&j);
  judge_other_moves (&j);
  judge_host_cpu (&j);
  judge_port (&j);
  judge_certificates (&j);
}

void
qmig_plan_judge_forecast (QmigPlan *plan)
{
  const QmigForecast *forecast = plan->forecast;
  const char *way_out = forecast != NULL && forecast->ways_out != NULL ? forecast->ways_out[0] : NULL;

  if (forecast == NULL || forecast->text == NULL)
    return;
  if (forecast->verdict == QMIG_VERDICT_DIVERGING || forecast->verdict == QMIG_VERDICT_STUCK)
    qmig_check_add (plan->checks, "forecast", QMIG_CHECK_WARN, way_out, "it will not converge within its bounds: %s", forecast->text);
  else
    qmig_check_add (plan->checks, "forecast", QMIG_CHECK_OK, NULL, "%s", forecast->text);
}
