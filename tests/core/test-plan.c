/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "converge-policy.h"
#include "qmig-plan.h"
#include "qmp-commands.h"

#define GIB (G_GINT64_CONSTANT (1024) * 1024 * 1024)

/* All that a plan is made from; as made, nothing is wrong with it. */
typedef struct
{
  QmigMigrateRequest *request;
  QmigPolicy *policy;
  const char *uri;
  QmigHostInfo *here;
  QmigSourceFacts *source;
  QmigFacts *destination;
} Facts;

static char **
words (const char *text)
{
  return g_strsplit (text, " ", -1);
}

static void
set_words (char ***list, const char *text)
{
  g_strfreev (*list);
  *list = words (text);
}

static void
set_text (char **field, const char *text)
{
  g_free (*field);
  *field = g_strdup (text);
}

static QmigSourceFacts *
good_source (void)
{
  QmigSourceFacts *source = g_new0 (QmigSourceFacts, 1);

  source->name = g_strdup ("web01");
  source->uuid = g_strdup ("8ac2b0d4-7c1f-4a44-9f0e-3d0d5a6f2b11");
  source->pid = 4711;
  source->binary = g_strdup ("/usr/bin/qemu-system-x86_64");
  source->cwd = g_strdup ("/srv/vm");
  source->argv = words ("qemu-system-x86_64 -name web01 -machine q35 -accel kvm -m 1G -device virtio-rng-pci,id=rng0"
                        " -qmp unix:/srv/vm/web01.qmp,server=on,wait=off");
  source->version = 70222;
  source->version_text = g_strdup ("7.2.22");
  source->machine = g_strdup ("pc-q35-7.2");
  source->kvm = TRUE;
  source->oob = TRUE;
  source->memory_bytes = GIB;
  source->run_state = QMP_RUN_STATE_RUNNING;
  source->run_state_text = g_strdup ("running");
  source->status = QMP_MIGRATION_STATUS_NONE;
  source->blocked_reasons = g_new0 (char *, 1);
  source->busy_jobs = g_new0 (char *, 1);
  source->device_ids = words ("rng0");
  source->device_types = g_new0 (char *, 1);
  source->capabilities = words ("xbzrle events return-path pause-before-switchover multifd auto-converge");
  source->capabilities_on = g_new0 (char *, 1);
  source->parameters = json_object_new ();
  json_object_set_int_member (source->parameters, "downtime-limit", 250);
  json_object_set_int_member (source->parameters, "max-bandwidth", 134217728);
  source->compressions = words ("none zlib zstd");
  return source;
}

static QmigFacts *
good_destination (void)
{
  QmigFacts *facts = qmig_facts_new ();

  facts->host = qmig_host_info_new ();
  facts->host->name = g_strdup ("beta");
  facts->host->boot_id = g_strdup ("boot-1");
  facts->host->memory_available_bytes = 4 * GIB;
  facts->run_dir = g_strdup ("/run/beta/vm/m-1");
  facts->binary_found = TRUE;
  facts->binary = g_strdup ("/usr/bin/qemu-system-x86_64");
  facts->binary_version = g_strdup ("7.2.22");
  facts->machine_known = TRUE;
  facts->kvm = TRUE;
  return facts;
}

static void
facts_init (Facts *f)
{
  f->request = qmig_migrate_request_new ();
  f->request->vm = g_strdup ("web01");
  f->request->destination = g_strdup ("beta");
  f->policy = converge_policy_new_default ();
  f->uri = "unix:/run/beta/agent.sock";
  f->here = qmig_host_info_new ();
  f->here->name = g_strdup ("alpha");
  f->here->boot_id = g_strdup ("boot-1");
  f->source = good_source ();
  f->destination = good_destination ();
}

static void
facts_clear (Facts *f)
{
  qmig_migrate_request_free (f->request);
  qmig_policy_free (f->policy);
  qmig_host_info_free (f->here);
  qmig_source_facts_free (f->source);
  qmig_facts_free (f->destination);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Facts, facts_clear)

static QmigPlan *
make (const Facts *f)
{
  QmigPlan *plan = qmig_plan_make (f->request, f->policy, f->uri, f->here, f->source, f->destination);

  g_assert_nonnull (plan);
  return plan;
}

/* The worst verdict of that id; NULL when there is none. */
static const QmigCheck *
find_check (const QmigPlan *plan, const char *id)
{
  const QmigCheck *worst = NULL;

  for (guint i = 0; i < plan->checks->len; i++)
    {
      const QmigCheck *check = g_ptr_array_index (plan->checks, i);

      if (g_str_equal (check->id, id) && (worst == NULL || check->status > worst->status))
        worst = check;
    }
  return worst;
}

static void
assert_contains (const char *text, const char *part)
{
  if (text == NULL || strstr (text, part) == NULL)
    g_error ("'%s' does not contain '%s'", text, part);
}

/* -- nothing is wrong ---------------------------------------------------------- */

static void
test_good (void)
{
  static const char *const ids[] = { "monitor", "run-state", "blockers", "binary", "machine", "accelerator", "memory", "transport", "devices" };
  g_auto(Facts) f = { 0 };
  g_autoptr(QmigPlan) plan = NULL;

  facts_init (&f);
  plan = make (&f);
  for (guint i = 0; i < plan->checks->len; i++)
    {
      const QmigCheck *check = g_ptr_array_index (plan->checks, i);

      g_assert_cmpint (check->status, ==, QMIG_CHECK_OK);
      g_assert_true (check->text != NULL && *check->text != '\0');
    }
  for (gsize i = 0; i < G_N_ELEMENTS (ids); i++)
    g_assert_nonnull (find_check (plan, ids[i]));
  g_assert_false (plan->refused);
  g_assert_null (qmig_plan_refusal (plan));
}

static void
test_fields (void)
{
  g_auto(Facts) f = { 0 };
  g_autoptr(QmigPlan) plan = NULL;

  facts_init (&f);
  plan = make (&f);
  g_assert_cmpstr (plan->vm, ==, "web01");
  g_assert_cmpstr (plan->uuid, ==, f.source->uuid);
  g_assert_cmpstr (plan->source, ==, "alpha");
  g_assert_cmpstr (plan->destination, ==, "beta");
  g_assert_cmpstr (plan->run_dir, ==, "/run/beta/vm/m-1");
  g_assert_cmpstr (plan->qemu_binary, ==, "/usr/bin/qemu-system-x86_64");
  g_assert_cmpint (plan->memory_bytes, ==, GIB);
  g_assert_cmpstr (plan->policy->name, ==, "default");
}

/* -- one thing is wrong -------------------------------------------------------- */

static void no_oob (Facts *f) { f->source->oob = FALSE; }
static void blocked (Facts *f) { set_words (&f->source->blocked_reasons, "vfio"); }
static void busy_job (Facts *f) { set_words (&f->source->busy_jobs, "mirror0"); }
static void no_binary (Facts *f) { f->destination->binary_found = FALSE; set_text (&f->destination->binary_problem, "it dumped core"); }
static void no_machine (Facts *f) { f->destination->machine_known = FALSE; set_words (&f->destination->machines, "pc-q35-7.1"); }
static void no_machine_near (Facts *f) { f->destination->machine_known = FALSE; }
static void no_kvm_there (Facts *f) { f->destination->kvm = FALSE; }
static void too_large (Facts *f) { f->source->memory_bytes = 4 * GIB + 1; }
static void just_fits (Facts *f) { f->source->memory_bytes = 4 * GIB; }
static void name_taken (Facts *f) { f->destination->name_taken = TRUE; set_text (&f->destination->name_holder, "pid 77"); }
static void unix_far (Facts *f) { set_text (&f->destination->host->boot_id, "boot-2"); set_text (&f->request->transport, "unix"); }
static void tcp_far (Facts *f) { set_text (&f->destination->host->boot_id, "boot-2"); set_text (&f->request->transport, "tcp"); }
static void far (Facts *f) { set_text (&f->destination->host->boot_id, "boot-2"); }
static void tcp_near (Facts *f) { set_text (&f->request->transport, "tcp"); }
static void
far_with_certificates (Facts *f, const char *ours, const char *theirs)
{
  far (f);
  f->uri = "https://beta.example:7647";
  set_text (&f->here->tls_authority, ours);
  set_text (&f->destination->host->tls_authority, theirs);
}

static void enrolled (Facts *f) { far_with_certificates (f, "ca-1", "ca-1"); }
static void other_authority (Facts *f) { far_with_certificates (f, "ca-1", "ca-2"); }
static void none_there (Facts *f) { far_with_certificates (f, "ca-1", NULL); }
static void far_by_ssh (Facts *f) { far (f); f->uri = "ssh://root@beta"; }
static void ssh_by_https (Facts *f) { enrolled (f); set_text (&f->request->transport, "ssh"); }
static void rdma (Facts *f) { set_text (&f->request->transport, "rdma"); }
static void nobody_knows_the_boot (Facts *f) { set_text (&f->here->boot_id, NULL); set_text (&f->destination->host->boot_id, NULL); }
static void hot_plugged (Facts *f) { set_words (&f->source->device_ids, "rng0 disk9"); }
static void hot_plugged_nameless (Facts *f) { set_words (&f->source->device_types, "virtio-rng-pci"); }
static void unplugged (Facts *f) { set_words (&f->source->device_ids, ""); }

static void
add_drive (Facts *f, const char *file)
{
  QmpDrive *drive = g_new0 (QmpDrive, 1);

  drive->file = g_strdup (file);
  if (f->source->drives == NULL)
    f->source->drives = g_ptr_array_new_with_free_func ((GDestroyNotify) qmp_drive_free);
  g_ptr_array_add (f->source->drives, drive);
}

static void snapshotted (Facts *f) { add_drive (f, "nbd://h:1/x"); add_drive (f, "/srv/overlay.qcow2"); }

static void no_gate (Facts *f) { set_words (&f->source->capabilities, "events return-path"); }
static void migrating (Facts *f) { f->source->status = QMP_MIGRATION_STATUS_ACTIVE; set_text (&f->source->status_text, "active"); }
static void migrating_unknown (Facts *f) { f->source->status = QMP_MIGRATION_STATUS_UNKNOWN; set_text (&f->source->status_text, "teleporting"); }
static void failed_before (Facts *f) { f->source->status = QMP_MIGRATION_STATUS_FAILED; set_text (&f->source->status_text, "failed"); }
static void tcg_live (Facts *f) { f->source->kvm = FALSE; }
static void tcg_new (Facts *f) { f->source->kvm = FALSE; f->source->version = 90000; }
static void tcg_8_2_99 (Facts *f) { f->source->kvm = FALSE; f->source->version = 80299; }

static void
tcg_paused (Facts *f)
{
  f->source->kvm = FALSE;
  f->source->run_state = QMP_RUN_STATE_PAUSED;
  set_text (&f->source->run_state_text, "paused");
}

static void
plugged_on_both (Facts *f)
{
  set_words (&f->source->device_ids, "rng0 disk9");
  set_words (&f->request->target_args, "-device virtio-balloon-pci,id=disk9");
}

static const struct
{
  const char *name;
  void (*change) (Facts *f);
  const char *id;
  QmigCheckStatus status;
  const char *text;    /* part of it */
  const char *way_out; /* part of it; NULL: none */
} rows[] = {
  { "no-oob", no_oob, "monitor", QMIG_CHECK_FAIL, "out-of-band", "-qmp unix:PATH,server=on,wait=off" },
  { "blocked", blocked, "blockers", QMIG_CHECK_FAIL, "vfio", "unplug" },
  { "busy-job", busy_job, "jobs", QMIG_CHECK_FAIL, "mirror0", "cancel" },
  { "no-binary", no_binary, "binary", QMIG_CHECK_FAIL, "it dumped core", "--qemu" },
  { "no-machine", no_machine, "machine", QMIG_CHECK_FAIL, "pc-q35-7.2", "pc-q35-7.1" },
  { "no-machine-near", no_machine_near, "machine", QMIG_CHECK_FAIL, "pc-q35-7.2", "--qemu" },
  { "no-kvm-there", no_kvm_there, "accelerator", QMIG_CHECK_FAIL, "/dev/kvm", "/dev/kvm" },
  { "too-large", too_large, "memory", QMIG_CHECK_FAIL, "available", "another host" },
  { "just-fits", just_fits, "memory", QMIG_CHECK_OK, "available", NULL },
  { "name-taken", name_taken, "name", QMIG_CHECK_FAIL, "pid 77", "--new-name" },
  { "unix-far", unix_far, "transport", QMIG_CHECK_FAIL, "another machine", "tcp" },
  { "tcp-far-asked", tcp_far, "transport", QMIG_CHECK_OK, "as asked", NULL },
  { "tcp-far-unasked", far, "transport", QMIG_CHECK_FAIL, "in the clear", "--transport tcp" },
  { "tcp-near", tcp_near, "transport", QMIG_CHECK_OK, "tcp", NULL },
  { "tls-far", enrolled, "transport", QMIG_CHECK_OK, "TLS", NULL },
  { "tls-other-authority", other_authority, "transport", QMIG_CHECK_FAIL, "different authorities", "host enroll beta" },
  { "tls-no-certificates", none_there, "transport", QMIG_CHECK_FAIL, "'beta' has no certificates", "host enroll beta" },
  { "ssh-far", far_by_ssh, "transport", QMIG_CHECK_OK, "through ssh", NULL },
  { "ssh-over-https", ssh_by_https, "transport", QMIG_CHECK_FAIL, "not reached by ssh", "ssh://" },
  { "rdma", rdma, "transport", QMIG_CHECK_FAIL, "rdma", "unix, tls, ssh or tcp" },
  { "no-boot-ids", nobody_knows_the_boot, "transport", QMIG_CHECK_FAIL, "in the clear", "--transport tcp" },
  { "hot-plugged", hot_plugged, "devices", QMIG_CHECK_FAIL, "disk9", "--target-arg" },
  { "hot-plugged-nameless", hot_plugged_nameless, "devices", QMIG_CHECK_WARN, "1 devices without an id", NULL },
  { "hot-plugged-target-arg", plugged_on_both, "devices", QMIG_CHECK_OK, "devices", NULL },
  { "unplugged", unplugged, "devices", QMIG_CHECK_FAIL, "rng0", "plug it again" },
  { "snapshotted", snapshotted, "drives", QMIG_CHECK_FAIL, "'/srv/overlay.qcow2'", "--target-arg" },
  { "no-gate", no_gate, "capabilities", QMIG_CHECK_FAIL, "pause-before-switchover", "use a QEMU that has it" },
  { "migrating", migrating, "migrating", QMIG_CHECK_FAIL, "active", "cancel" },
  { "migrating-unknown", migrating_unknown, "migrating", QMIG_CHECK_FAIL, "teleporting", "cancel" },
  { "tcg-live", tcg_live, "dirty-tracking", QMIG_CHECK_FAIL, "corrupt", "stop" },
  { "tcg-8.2.99", tcg_8_2_99, "dirty-tracking", QMIG_CHECK_FAIL, "corrupt", "9.0" },
  { "tcg-paused", tcg_paused, "dirty-tracking", QMIG_CHECK_OK, "stopped", NULL },
};

static void
test_row (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  g_auto(Facts) f = { 0 };
  g_autoptr(QmigPlan) plan = NULL;
  g_autofree char *refusal = NULL;
  const QmigCheck *check;

  facts_init (&f);
  rows[i].change (&f);
  plan = make (&f);
  check = find_check (plan, rows[i].id);
  g_assert_nonnull (check);
  g_assert_cmpint (check->status, ==, rows[i].status);
  assert_contains (check->text, rows[i].text);
  if (rows[i].way_out != NULL)
    assert_contains (check->way_out, rows[i].way_out);
  else
    g_assert_null (check->way_out);

  refusal = qmig_plan_refusal (plan);
  g_assert_cmpint (plan->refused, ==, rows[i].status == QMIG_CHECK_FAIL);
  if (rows[i].status == QMIG_CHECK_FAIL)
    assert_contains (refusal, check->text);
  else
    g_assert_null (refusal);
}

/* What is fine has no verdict of that id at all. */
static void
test_silent (void)
{
  static const struct { void (*change) (Facts *f); const char *id; } silent[] = {
    { tcg_new, "dirty-tracking" }, { failed_before, "migrating" }, { just_fits, "name" }, { just_fits, "jobs" }, { just_fits, "capabilities" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (silent); i++)
    {
      g_auto(Facts) f = { 0 };
      g_autoptr(QmigPlan) plan = NULL;

      facts_init (&f);
      silent[i].change (&f);
      plan = make (&f);
      g_assert_null (find_check (plan, silent[i].id));
      g_assert_false (plan->refused);
    }
}

/* -- where the destination listens ------------------------------------------------- */

static void
test_listen (void)
{
  static const struct { const char *asked, *configured, *agent, *listen; } rows_of_listen[] = {
    { "10.0.0.5", "10.0.0.4", "https://10.0.0.3:7647", "10.0.0.5" },
    { NULL, "10.0.0.4", "https://10.0.0.3:7647", "10.0.0.4" },
    { NULL, NULL, "https://10.0.0.3:7647", "10.0.0.3" },
    { NULL, NULL, "https://[fd00::3]:7647", "fd00::3" },
    { NULL, NULL, "https://0.0.0.0:7647", "beta.example" },
    { NULL, NULL, "https://[::]:7647", "beta.example" },
    { NULL, NULL, NULL, "beta.example" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows_of_listen); i++)
    {
      g_auto(Facts) f = { 0 };
      g_autoptr(QmigPlan) plan = NULL;

      facts_init (&f);
      enrolled (&f);
      set_text (&f.request->listen, rows_of_listen[i].asked);
      set_text (&f.destination->host->migration_address, rows_of_listen[i].configured);
      set_text (&f.destination->host->listen, rows_of_listen[i].agent);
      plan = make (&f);
      g_assert_cmpstr (plan->listen, ==, rows_of_listen[i].listen);
    }
}

/* -- run states ------------------------------------------------------------------ */

static void
test_run_states (void)
{
  static const struct { const char *state; QmigCheckStatus status; gboolean was_running; } states[] = {
    { "running", QMIG_CHECK_OK, TRUE },
    { "suspended", QMIG_CHECK_OK, TRUE },
    { "paused", QMIG_CHECK_OK, FALSE },
    { "prelaunch", QMIG_CHECK_OK, FALSE },
    { "postmigrate", QMIG_CHECK_FAIL, FALSE },
    { "inmigrate", QMIG_CHECK_FAIL, FALSE },
    { "finish-migrate", QMIG_CHECK_FAIL, FALSE },
    { "debug", QMIG_CHECK_FAIL, FALSE },
    { "internal-error", QMIG_CHECK_FAIL, FALSE },
    { "io-error", QMIG_CHECK_FAIL, FALSE },
    { "restore-vm", QMIG_CHECK_FAIL, FALSE },
    { "save-vm", QMIG_CHECK_FAIL, FALSE },
    { "shutdown", QMIG_CHECK_FAIL, FALSE },
    { "watchdog", QMIG_CHECK_FAIL, FALSE },
    { "guest-panicked", QMIG_CHECK_FAIL, FALSE },
    { "colo", QMIG_CHECK_FAIL, FALSE },
    { "a-state-of-the-future", QMIG_CHECK_FAIL, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    {
      g_auto(Facts) f = { 0 };
      g_autoptr(QmigPlan) plan = NULL;
      const QmigCheck *check;

      facts_init (&f);
      f.source->run_state = qmp_run_state_from_string (states[i].state);
      set_text (&f.source->run_state_text, states[i].state);
      plan = make (&f);
      check = find_check (plan, "run-state");
      g_test_message ("%s", states[i].state);
      g_assert_nonnull (check);
      g_assert_cmpint (check->status, ==, states[i].status);
      g_assert_cmpint (plan->was_running, ==, states[i].was_running);
      g_assert_true ((check->way_out != NULL) == (states[i].status == QMIG_CHECK_FAIL));
    }
}

/* Only what ran is continued. */
static void
test_commands (void)
{
  g_auto(Facts) f = { 0 };
  g_autoptr(QmigPlan) live = NULL;
  g_autoptr(QmigPlan) paused = NULL;
  g_autofree char *of_live = NULL;
  g_autofree char *of_paused = NULL;

  facts_init (&f);
  live = make (&f);
  of_live = g_strjoinv ("\n", live->commands);
  f.source->run_state = QMP_RUN_STATE_PAUSED;
  paused = make (&f);
  of_paused = g_strjoinv ("\n", paused->commands);
  assert_contains (of_live, "destination: cont");
  g_assert_null (strstr (of_paused, "cont,"));
  assert_contains (of_paused, "source: quit");
}

/* -- several reasons ---------------------------------------------------------------- */

static void
test_all_reasons (void)
{
  g_auto(Facts) f = { 0 };
  g_autoptr(QmigPlan) plan = NULL;
  g_autofree char *refusal = NULL;

  facts_init (&f);
  no_machine (&f);
  too_large (&f);
  hot_plugged (&f);
  plan = make (&f);
  refusal = qmig_plan_refusal (plan);
  assert_contains (refusal, "machine: machine type pc-q35-7.2 is unknown");
  assert_contains (refusal, "; memory: the VM needs");
  assert_contains (refusal, "; devices: device 'disk9'");
}

/* -- how it travels ------------------------------------------------------------------ */

static void
test_transport (void)
{
  static const struct { const char *asked, *boot_id, *chosen; gboolean same; } cases[] = {
    { NULL, "boot-1", "unix", TRUE },
    { NULL, "boot-2", "tls", FALSE },
    { "tcp", "boot-1", "tcp", TRUE },
    { "tcp", "boot-2", "tcp", FALSE },
    { NULL, NULL, "tls", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto(Facts) f = { 0 };
      g_autoptr(QmigPlan) plan = NULL;

      facts_init (&f);
      set_text (&f.request->transport, cases[i].asked);
      set_text (&f.destination->host->boot_id, cases[i].boot_id);
      plan = make (&f);
      g_assert_cmpstr (plan->transport, ==, cases[i].chosen);
      g_assert_cmpint (plan->same_machine, ==, cases[i].same);
    }
}

/* -- the command line ------------------------------------------------------------------ */

static gsize
count_words (char **list, const char *word)
{
  gsize count = 0;

  for (; *list != NULL; list++)
    count += g_str_equal (*list, word);
  return count;
}

static void
test_argv (void)
{
  g_auto(Facts) f = { 0 };
  g_autoptr(QmigPlan) plan = NULL;
  g_autofree char *line = NULL;

  facts_init (&f);
  set_words (&f.request->target_args, "-rtc base=utc");
  plan = make (&f);
  line = g_strjoinv (" ", plan->argv);
  g_assert_cmpstr (plan->argv[0], ==, "/usr/bin/qemu-system-x86_64");
  g_assert_cmpuint (count_words (plan->argv, "-S"), ==, 1);
  g_assert_cmpuint (count_words (plan->argv, "-incoming"), ==, 1);
  assert_contains (line, "-incoming defer");
  assert_contains (line, "virtio-rng-pci,id=rng0");
  assert_contains (line, "/run/beta/vm/m-1/qmig.qmp");
  assert_contains (line, "-rtc base=utc");
  g_assert_null (strstr (line, "/srv/vm/web01.qmp"));
  g_assert_nonnull (plan->notes);
}

static void
test_new_name (void)
{
  g_auto(Facts) f = { 0 };
  g_autoptr(QmigPlan) plan = NULL;
  g_autofree char *line = NULL;

  facts_init (&f);
  set_text (&f.request->new_name, "web02");
  plan = make (&f);
  line = g_strjoinv (" ", plan->argv);
  g_assert_cmpstr (plan->vm, ==, "web02");
  assert_contains (line, "web02");
  g_assert_cmpuint (count_words (plan->argv, "web01"), ==, 0);
}

static void
test_binary (void)
{
  g_auto(Facts) f = { 0 };
  g_autoptr(QmigPlan) found = NULL;
  g_autoptr(QmigPlan) asked = NULL;
  g_autoptr(QmigPlan) same = NULL;

  facts_init (&f);
  set_text (&f.destination->binary, "/opt/qemu/bin/qemu-system-x86_64");
  set_text (&f.request->qemu_binary, "qemu-system-x86_64");
  found = make (&f);
  g_assert_cmpstr (found->qemu_binary, ==, "/opt/qemu/bin/qemu-system-x86_64");

  no_binary (&f);
  set_text (&f.destination->binary, NULL);
  asked = make (&f);
  g_assert_cmpstr (asked->qemu_binary, ==, "qemu-system-x86_64");

  set_text (&f.request->qemu_binary, NULL);
  same = make (&f);
  g_assert_cmpstr (same->qemu_binary, ==, "/usr/bin/qemu-system-x86_64");
}

static void
test_foreign (void)
{
  g_auto(Facts) f = { 0 };
  g_autoptr(QmigPlan) plan = NULL;

  facts_init (&f);
  set_words (&f.source->argv, "qemu-system-x86_64 -name guest=web01 -device virtio-rng-pci,id=rng0"
                              " -chardev socket,id=charmonitor,path=/var/lib/libvirt/qemu/domain-1-web01/monitor.sock,server=on,wait=off"
                              " -mon chardev=charmonitor,id=monitor,mode=control");
  plan = make (&f);
  g_assert_true (plan->refused);
  g_assert_nonnull (find_check (plan, "manager"));
  g_assert_cmpint (find_check (plan, "manager")->status, ==, QMIG_CHECK_FAIL);
  assert_contains (find_check (plan, "manager")->way_out, "tool that runs it");
}

/* What the rewriting of the command line doubts or refuses is in the plan, word for word. */
static void
test_command_line_verdicts (void)
{
  static const struct { const char *argv; QmigCheckStatus status; } cases[] = {
    { "qemu-system-x86_64 -device virtio-rng-pci,id=rng0 -some-new-option 7", QMIG_CHECK_WARN },
    { "qemu-system-x86_64 -device virtio-rng-pci,id=rng0 -snapshot", QMIG_CHECK_FAIL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto(Facts) f = { 0 };
      g_autoptr(QmigPlan) plan = NULL;
      const QmigCheck *check;

      facts_init (&f);
      set_words (&f.source->argv, cases[i].argv);
      plan = make (&f);
      check = find_check (plan, "command-line");
      g_assert_nonnull (check);
      g_assert_cmpint (check->status, ==, cases[i].status);
      g_assert_cmpint (plan->refused, ==, cases[i].status == QMIG_CHECK_FAIL);
    }
}

/* -- capabilities ------------------------------------------------------------------------ */

/* On the way back only what was off before is switched off again; what somebody left on and would change the stream is off for
 * the move, and on again on the way back. */
static void
test_capabilities (void)
{
  static const struct { const char *on_before, *off_again, *cleared; } cases[] = {
    { "", "events,return-path,pause-before-switchover,auto-converge", "" },
    { "events", "return-path,pause-before-switchover,auto-converge", "" },
    { "xbzrle return-path events", "pause-before-switchover,auto-converge", "xbzrle" },
    { "events return-path pause-before-switchover auto-converge multifd", "", "multifd" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto(Facts) f = { 0 };
      g_autoptr(QmigPlan) plan = NULL;
      g_autofree char *on = NULL;
      g_autofree char *off = NULL;
      g_autofree char *cleared = NULL;

      facts_init (&f);
      set_words (&f.source->capabilities_on, cases[i].on_before);
      plan = make (&f);
      on = g_strjoinv (",", plan->capabilities_on);
      off = g_strjoinv (",", plan->capabilities_off);
      g_assert_cmpstr (on, ==, "events,return-path,pause-before-switchover,auto-converge");
      cleared = g_strjoinv (",", plan->capabilities_cleared);
      g_assert_cmpstr (off, ==, cases[i].off_again);
      g_assert_cmpstr (cleared, ==, cases[i].cleared);
    }
}

/* -- what the destination is asked ------------------------------------------------------------ */

static void
test_incoming_spec (void)
{
  g_auto(Facts) f = { 0 };
  g_autoptr(QmigPlan) plan = NULL;
  g_autoptr(QmigIncomingSpec) spec = NULL;
  g_autofree char *capabilities = NULL;

  facts_init (&f);
  set_text (&f.request->listen, "192.0.2.1");
  f.request->port = 49152;
  f.request->port_last = 49200;
  plan = make (&f);
  spec = qmig_plan_incoming_spec (plan, f.request, "m-1");
  capabilities = g_strjoinv (",", spec->capabilities);
  g_assert_cmpstr (spec->migration, ==, "m-1");
  g_assert_cmpstr (spec->vm_name, ==, "web01");
  g_assert_cmpstr (spec->uuid, ==, f.source->uuid);
  g_assert_cmpstr (spec->source, ==, "alpha");
  g_assert_cmpstr (spec->run_dir, ==, "/run/beta/vm/m-1");
  g_assert_cmpstr (spec->qmp, ==, "/run/beta/vm/m-1/qmig.qmp");
  g_assert_cmpint (spec->memory_bytes, ==, GIB);
  g_assert_cmpstr (spec->transport, ==, "unix");
  g_assert_cmpstr (spec->listen, ==, "192.0.2.1");
  g_assert_cmpint (spec->port, ==, 49152);
  g_assert_cmpint (spec->port_last, ==, 49200);
  g_assert_true (g_strv_equal ((const char *const *) spec->argv, (const char *const *) plan->argv));
  g_assert_cmpstr (capabilities, ==, "events,return-path,late-block-activate");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plan/good", test_good);
  g_test_add_func ("/plan/fields", test_fields);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strconcat ("/plan/check/", rows[i].name, NULL);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_row);
    }
  g_test_add_func ("/plan/silent", test_silent);
  g_test_add_func ("/plan/listen", test_listen);
  g_test_add_func ("/plan/run-states", test_run_states);
  g_test_add_func ("/plan/commands", test_commands);
  g_test_add_func ("/plan/all-reasons", test_all_reasons);
  g_test_add_func ("/plan/transport", test_transport);
  g_test_add_func ("/plan/argv", test_argv);
  g_test_add_func ("/plan/new-name", test_new_name);
  g_test_add_func ("/plan/binary", test_binary);
  g_test_add_func ("/plan/foreign", test_foreign);
  g_test_add_func ("/plan/command-line", test_command_line_verdicts);
  g_test_add_func ("/plan/capabilities", test_capabilities);
  g_test_add_func ("/plan/incoming-spec", test_incoming_spec);
  return g_test_run ();
}
