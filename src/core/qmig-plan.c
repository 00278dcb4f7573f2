/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-plan.h"

#include <string.h>

#include "qmig-binary.h"
#include "qmig-check-vmstate.h"
#include "qmig-cmdline.h"
#include "qmig-files.h"
#include "qmig-needs.h"
#include "qmig-plan-means.h"
#include "qmig-plan-surroundings.h"

/* TCG's dirty bitmap misses pages before this version: the destination would get a corrupt guest. */
#define TCG_TRACKS_DIRTY_PAGES_SINCE 90000

typedef struct
{
  const QmigMigrateRequest *request;
  const char *destination_uri;
  const QmigHostInfo *source_host;
  const QmigSourceFacts *source;
  const QmigFacts *destination;
  QmigPlan *plan;
} Planning;

static gboolean
has (char **list, const char *item)
{
  return list != NULL && g_strv_contains ((const char *const *) list, item);
}

/* -- the source as it is -------------------------------------------------- */

static void
check_monitor (const Planning *p)
{
  if (p->source->oob)
    qmig_check_add (p->plan->checks, "monitor", QMIG_CHECK_OK, NULL, "QMP with out-of-band commands, QEMU %s", p->source->version_text);
  else
    qmig_check_add (p->plan->checks, "monitor", QMIG_CHECK_FAIL, "give the VM a monitor on a unix socket: -qmp unix:PATH,server=on,wait=off",
               "the monitor offers no out-of-band commands: a switchover that hangs could not be rescued");
}

static void
check_run_state (const Planning *p)
{
  switch (p->source->run_state)
    {
    case QMP_RUN_STATE_RUNNING:
    case QMP_RUN_STATE_SUSPENDED:
      qmig_check_add (p->plan->checks, "run-state", QMIG_CHECK_OK, NULL, "the VM is %s and will be %s on the destination",
                 p->source->run_state_text, p->source->run_state_text);
      return;

    case QMP_RUN_STATE_PAUSED:
    case QMP_RUN_STATE_PRELAUNCH:
      qmig_check_add (p->plan->checks, "run-state", QMIG_CHECK_OK, NULL, "the VM is %s and stays so on the destination",
                 p->source->run_state_text);
      return;

    case QMP_RUN_STATE_POSTMIGRATE:
      qmig_check_add (p->plan->checks, "run-state", QMIG_CHECK_FAIL, "`qmig recover` if qmig moved it; otherwise end it, or `cont` it if its copy is surely dead, and `stop` it again if it was paused",
                 "the VM was moved away before (postmigrate): what runs elsewhere must not run here");
      return;

    case QMP_RUN_STATE_INMIGRATE:
    case QMP_RUN_STATE_FINISH_MIGRATE:
      qmig_check_add (p->plan->checks, "run-state", QMIG_CHECK_FAIL, "wait until it is over, or cancel it where it was started",
                 "the VM is in the middle of another migration (%s)", p->source->run_state_text);
      return;

    case QMP_RUN_STATE_UNKNOWN:
    case QMP_RUN_STATE_DEBUG:
    case QMP_RUN_STATE_INTERNAL_ERROR:
    case QMP_RUN_STATE_IO_ERROR:
    case QMP_RUN_STATE_RESTORE_VM:
    case QMP_RUN_STATE_SAVE_VM:
    case QMP_RUN_STATE_SHUTDOWN:
    case QMP_RUN_STATE_WATCHDOG:
    case QMP_RUN_STATE_GUEST_PANICKED:
    case QMP_RUN_STATE_COLO:
      qmig_check_add (p->plan->checks, "run-state", QMIG_CHECK_FAIL, "bring the VM to running or paused first",
                 "the VM is %s: moving it would only move the trouble", p->source->run_state_text);
      return;
    }
}

static void
check_not_migrating (const Planning *p)
{
  if (qmp_migration_status_is_in_progress (p->source->status))
    qmig_check_add (p->plan->checks, "migrating", QMIG_CHECK_FAIL, "wait until it is over, or cancel it where it was started",
               "QEMU is migrating already (%s)", p->source->status_text);
}

static void
check_blockers (const Planning *p)
{
  g_autofree char *reasons = NULL;

  if (g_strv_length (p->source->blocked_reasons) == 0)
    {
      qmig_check_add (p->plan->checks, "blockers", QMIG_CHECK_OK, NULL, "nothing on the source blocks a migration");
      return;
    }

  reasons = g_strjoinv ("; ", p->source->blocked_reasons);
  qmig_check_add (p->plan->checks, "blockers", QMIG_CHECK_FAIL, "remove or unplug what blocks", "QEMU refuses to migrate: %s", reasons);
}

static void
check_jobs (const Planning *p)
{
  g_autofree char *jobs = NULL;

  if (g_strv_length (p->source->busy_jobs) == 0)
    return;
  jobs = g_strjoinv (", ", p->source->busy_jobs);
  qmig_check_add (p->plan->checks, "jobs", QMIG_CHECK_FAIL, "wait for the jobs, or cancel them", "block jobs are running: %s", jobs);
}

static void
check_dirty_tracking (const Planning *p)
{
  if (p->source->kvm || p->source->version >= TCG_TRACKS_DIRTY_PAGES_SINCE)
    return;

  if (qmp_run_state_is_live (p->source->run_state))
    qmig_check_add (p->plan->checks, "dirty-tracking", QMIG_CHECK_FAIL,
               "pause the VM first (qmig vm qmp VM stop), move it, and continue it there; or use KVM, or QEMU 9.0 and newer",
               "QEMU %s under TCG loses pages that a running guest writes: the moved guest would be corrupt", p->source->version_text);
  else
    qmig_check_add (p->plan->checks, "dirty-tracking", QMIG_CHECK_OK, NULL,
               "QEMU %s under TCG, and the VM is stopped: no page can be missed", p->source->version_text);
}

/* -- the destination as it is --------------------------------------------- */

/* Found, and a QEMU: one that could not be asked has a problem. */
static gboolean
is_usable (const QmigFacts *facts)
{
  return facts->binary_found && facts->binary_problem == NULL;
}

static void
check_binary (const Planning *p)
{
  const QmigFacts *d = p->destination;

  if (!is_usable (d))
    qmig_check_add (p->plan->checks, "binary", QMIG_CHECK_FAIL, "install QEMU there, or name another with --qemu PATH", "no usable QEMU on '%s': %s",
               p->plan->destination, d->binary_problem != NULL ? d->binary_problem : "not found");
  else
    qmig_check_add (p->plan->checks, "binary", QMIG_CHECK_OK, NULL, "%s%s%s on '%s'", d->binary, d->binary_version != NULL ? ", QEMU " : "",
               d->binary_version != NULL ? d->binary_version : "", p->plan->destination);
}

static void
check_machine (const Planning *p)
{
  g_autofree char *near = NULL;
  g_autofree char *way_out = NULL;

  if (!is_usable (p->destination))
    return;
  if (p->destination->machine_known)
    {
      qmig_check_add (p->plan->checks, "machine", QMIG_CHECK_OK, NULL, "machine type %s is known there", p->source->machine);
      return;
    }

  near = p->destination->machines != NULL ? g_strjoinv (", ", p->destination->machines) : NULL;
  way_out = near != NULL && *near != '\0'
            ? g_strdup_printf ("use a QEMU there that knows it; the nearest it has: %s", near)
            : g_strdup ("use a QEMU there that knows it (--qemu PATH)");
  qmig_check_add (p->plan->checks, "machine", QMIG_CHECK_FAIL, way_out, "machine type %s is unknown to QEMU %s on '%s'", p->source->machine,
             p->destination->binary_version != NULL ? p->destination->binary_version : "", p->plan->destination);
}

/* QEMU's own way is forward: backward it works as far as the machine type and the devices are the older one's. */
static void
check_version (const Planning *p)
{
  int theirs = p->destination->binary_version != NULL ? qmig_binary_version_number (p->destination->binary_version) : 0;
  QmigCheck *check;

  if (!is_usable (p->destination) || theirs == 0)
    return;
  if (theirs / 100 < p->source->version / 100)
    check = qmig_check_add (p->plan->checks, "older-qemu", QMIG_CHECK_WARN, "move to a QEMU that is not older; `qmig rehearse` shows how far it goes",
                            "QEMU on '%s' is older than the source's: it may not know what the source sends", p->plan->destination);
  else
    check = qmig_check_add (p->plan->checks, "older-qemu", QMIG_CHECK_OK, NULL, "QEMU on '%s' is not older than the source's", p->plan->destination);
  qmig_check_set_evidence (check, p->source->version_text, p->destination->binary_version);
}

static void
check_vmstate (const Planning *p)
{
  if (is_usable (p->destination) && p->destination->machine_known)
    qmig_check_vmstate (p->source->vmstate, p->destination, p->plan->destination, p->plan->checks);
}

static void
check_accelerator (const Planning *p)
{
  if (p->source->kvm && !p->destination->kvm)
    qmig_check_add (p->plan->checks, "accelerator", QMIG_CHECK_FAIL, "give the agent there access to /dev/kvm",
               "the VM runs under KVM, and /dev/kvm cannot be opened on '%s'", p->plan->destination);
  else
    qmig_check_add (p->plan->checks, "accelerator", QMIG_CHECK_OK, NULL, "%s on both sides", p->source->kvm ? "KVM" : "TCG");
}

static void
check_memory (const Planning *p)
{
  g_autofree char *need = g_format_size_full (p->source->memory_bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *available = g_format_size_full (MAX (p->destination->host->memory_available_bytes, 0), G_FORMAT_SIZE_IEC_UNITS);

  if (p->source->memory_bytes > p->destination->host->memory_available_bytes)
    qmig_check_add (p->plan->checks, "memory", QMIG_CHECK_FAIL, "free memory there, or choose another host", "the VM needs %s, '%s' has %s available",
               need, p->plan->destination, available);
  else
    qmig_check_add (p->plan->checks, "memory", QMIG_CHECK_OK, NULL, "the VM needs %s, '%s' has %s available", need, p->plan->destination, available);
}

static void
check_name (const Planning *p)
{
  if (p->destination->name_taken)
    qmig_check_add (p->plan->checks, "name", QMIG_CHECK_FAIL, "choose another name with --new-name", "'%s' on '%s' has that name already: %s",
               p->plan->vm, p->plan->destination, p->destination->name_holder != NULL ? p->destination->name_holder : "a reservation");
}

/* -- the stream ------------------------------------------------------------ */

static gboolean
are_enrolled (const Planning *p)
{
  const char *ours = p->source_host->tls_authority;

  return ours != NULL && g_strcmp0 (ours, p->destination->host->tls_authority) == 0;
}

static gboolean
is_reached_by_ssh (const Planning *p)
{
  return g_str_has_prefix (p->destination_uri, "ssh://");
}

/* Never in the clear unless that was asked for by name. */
static const char *
choose_transport (const Planning *p)
{
  if (p->request->transport != NULL)
    return p->request->transport;
  if (p->plan->same_machine)
    return "unix";
  return is_reached_by_ssh (p) && !are_enrolled (p) ? "ssh" : "tls";
}

/* (transfer full) (nullable) */
static char *
host_of_uri (const char *uri)
{
  g_autoptr(GUri) parsed = uri != NULL ? g_uri_parse (uri, G_URI_FLAGS_NONE, NULL) : NULL;

  return parsed != NULL ? g_strdup (g_uri_get_host (parsed)) : NULL;
}

/*
 * Where it listens: as asked, as that host says, where its agent does, or at
 * the name that it is reached by.  That comes last: on the host itself its own
 * name often stands for a loopback address.  (transfer full) (nullable)
 */
static char *
choose_listen (const Planning *p)
{
  const QmigHostInfo *there = p->destination->host;
  g_autofree char *agent = host_of_uri (there->listen);

  if (p->request->listen != NULL)
    return g_strdup (p->request->listen);
  if (there->migration_address != NULL)
    return g_strdup (there->migration_address);
  if (agent != NULL && !g_str_equal (agent, "0.0.0.0") && !g_str_equal (agent, "::"))
    return g_steal_pointer (&agent);
  return host_of_uri (p->destination_uri);
}

static void
plan_stream (const Planning *p)
{
  const QmigHostInfo *there = p->destination->host;
  gboolean asked = p->request->port > 0;

  p->plan->transport = g_strdup (choose_transport (p));
  p->plan->listen = choose_listen (p);
  p->plan->port = asked ? p->request->port : there->migration_port;
  p->plan->port_last = asked ? p->request->port_last : there->migration_port_last;
  p->plan->tls_name = g_strdup (there->tls_name);
  p->plan->tls_peer = g_strdup (p->source_host->tls_subject);
}

static void
check_tls (const Planning *p)
{
  g_autofree char *cure = g_strdup_printf ("`qmig host enroll %s`; or --transport ssh where ssh leads there, or --transport tcp if the network "
                                           "between the hosts is trusted", p->request->destination);

  if (are_enrolled (p))
    qmig_check_add (p->plan->checks, "transport", QMIG_CHECK_OK, NULL, "TLS, between '%s' and '%s' of the same authority", p->source_host->name, p->plan->destination);
  else if (p->source_host->tls_authority == NULL || p->destination->host->tls_authority == NULL)
    qmig_check_add (p->plan->checks, "transport", QMIG_CHECK_FAIL, cure, "'%s' has no certificates, and in the clear everybody on the way could read the guest's memory",
               p->source_host->tls_authority == NULL ? p->source_host->name : p->plan->destination);
  else
    qmig_check_add (p->plan->checks, "transport", QMIG_CHECK_FAIL, cure, "the certificates of '%s' and '%s' come from different authorities", p->source_host->name,
               p->plan->destination);
}

static void
check_transport (const Planning *p)
{
  const char *transport = p->plan->transport;

  if (g_str_equal (transport, "tls"))
    check_tls (p);
  else if (g_str_equal (transport, "ssh") && is_reached_by_ssh (p))
    qmig_check_add (p->plan->checks, "transport", QMIG_CHECK_OK, NULL, "through ssh, no port is opened");
  else if (g_str_equal (transport, "ssh"))
    qmig_check_add (p->plan->checks, "transport", QMIG_CHECK_FAIL, "name the destination by its ssh:// address", "'%s' is not reached by ssh but by %s", p->plan->destination,
               p->destination_uri);
  else if (g_str_equal (transport, "unix") && !p->plan->same_machine)
    qmig_check_add (p->plan->checks, "transport", QMIG_CHECK_FAIL, "leave --transport out, or say tls, ssh or tcp", "'%s' is another machine: a unix socket does not reach it",
               p->plan->destination);
  else if (g_str_equal (transport, "unix"))
    qmig_check_add (p->plan->checks, "transport", QMIG_CHECK_OK, NULL, "unix socket: both QEMUs are on this machine");
  else if (g_str_equal (transport, "tcp"))
    qmig_check_add (p->plan->checks, "transport", QMIG_CHECK_OK, NULL, "tcp, in the clear as asked");
  else
    qmig_check_add (p->plan->checks, "transport", QMIG_CHECK_FAIL, "use unix, tls, ssh or tcp", "unknown transport '%s'", transport);
}

/* -- the destination's command line ---------------------------------------- */

static void
check_devices (const Planning *p, const QmigCmdlineInfo *source_info, const QmigCmdlineInfo *info)
{
  guint before = p->plan->checks->len;

  for (char **id = p->source->device_ids; *id != NULL; id++)
    if (!has (info->device_ids, *id))
      qmig_check_add (p->plan->checks, "devices", QMIG_CHECK_FAIL, "give the destination the same device with --target-arg, or unplug it",
                 "device '%s' was plugged after the start and is on no command line", *id);

  for (char **id = source_info->device_ids; *id != NULL; id++)
    if (!has (p->source->device_ids, *id))
      qmig_check_add (p->plan->checks, "devices", QMIG_CHECK_FAIL, "plug it again, or start the VM anew without it",
                 "device '%s' is on the command line but was unplugged since", *id);

  /* Their types go by several names, so that only their number can be compared. */
  if (g_strv_length (p->source->device_types) > g_strv_length (info->device_types))
    qmig_check_add (p->plan->checks, "devices", QMIG_CHECK_WARN, NULL,
               "%u devices without an id are plugged and %u are on the command line: with one missing there, the move fails at its end",
               g_strv_length (p->source->device_types), g_strv_length (info->device_types));

  if (p->plan->checks->len == before)
    qmig_check_add (p->plan->checks, "devices", QMIG_CHECK_OK, NULL, "the devices plugged now are those of the command line");
}

/* A live snapshot, a mirror or a changed medium: the old image would be opened there, and the guest's data is in another. */
static void
check_drives (const Planning *p, const char *const *argv)
{
  for (guint i = 0; p->source->drives != NULL && i < p->source->drives->len; i++)
    {
      const char *file = ((const QmpDrive *) g_ptr_array_index (p->source->drives, i))->file;

      if (qmig_file_has_path (file) && !qmig_cmdline_names_file (argv, p->source->cwd, file))
        qmig_check_add (p->plan->checks, "drives", QMIG_CHECK_FAIL,
                   "give the destination its drive with this image with --target-arg, or return to the first image",
                   "a drive uses '%s' now, which is on no command line: the destination would open another image", file);
    }
}

/* What --target-arg puts in the place of the source's image is the user's own word. */
static gboolean
is_replaced (const Planning *p, const char *const *argv, const char *path)
{
  return p->request->target_args != NULL && qmig_cmdline_names_file ((const char *const *) p->source->argv, p->source->cwd, path) &&
         !qmig_cmdline_names_file (argv, p->source->cwd, path);
}

static void
check_disks (const Planning *p, const char *const *argv)
{
  const GPtrArray *ours = p->source->files, *theirs = p->destination->files;
  gboolean answered = ours != NULL && theirs != NULL && ours->len == theirs->len;

  for (guint i = 0; ours != NULL && i < ours->len; i++)
    {
      const QmigFile *file = g_ptr_array_index (ours, i);

      if (!is_replaced (p, argv, file->path))
        qmig_file_judge (file, answered ? g_ptr_array_index (theirs, i) : NULL, p->plan->same_machine, p->plan->destination, p->plan->checks);
    }
}

static char **
without_nulls (char **list)
{
  return list != NULL ? g_strdupv (list) : g_new0 (char *, 1);
}

static void
plan_command_line (const Planning *p)
{
  const char *new_name = p->request->new_name;
  g_autofree char *monitor = g_build_filename (p->destination->run_dir, "qmig.qmp", NULL);
  g_autoptr(QmigCmdlineInfo) source_info = qmig_cmdline_inspect ((const char *const *) p->source->argv, p->source->cwd);
  g_autoptr(QmigCmdlineInfo) info = NULL;
  g_autoptr(QmigCmdlineResult) result = NULL;
  QmigCmdlineTarget target = {
    .cwd = p->source->cwd,
    .machine = p->source->machine,
    .binary = p->plan->qemu_binary,
    .run_dir = p->destination->run_dir,
    .monitor_path = monitor,
    .new_name = new_name,
    .same_machine = p->plan->same_machine,
    .extra = (const char *const *) p->request->target_args,
  };

  result = qmig_cmdline_derive ((const char *const *) p->source->argv, &target);
  for (char **text = source_info->foreign; text != NULL && *text != NULL; text++)
    qmig_check_add (p->plan->checks, "manager", QMIG_CHECK_FAIL, "move it with the tool that runs it", "%s", *text);
  for (char **text = result->refusals; text != NULL && *text != NULL; text++)
    qmig_check_add (p->plan->checks, "command-line", QMIG_CHECK_FAIL, NULL, "%s", *text);
  for (char **text = result->warnings; text != NULL && *text != NULL; text++)
    qmig_check_add (p->plan->checks, "command-line", QMIG_CHECK_WARN, NULL, "%s", *text);

  info = qmig_cmdline_inspect ((const char *const *) result->argv, "/");
  check_devices (p, source_info, info);
  check_drives (p, (const char *const *) result->argv);
  check_disks (p, (const char *const *) result->argv);

  p->plan->argv = g_strdupv (result->argv);
  p->plan->notes = without_nulls (result->notes);
}

/* -- what will be said to QEMU ---------------------------------------------- */

/* "multifd-channels=4, multifd-compression=zstd" after @head; NULL for none.  (transfer full) (nullable) */
static char *
parameters_text (const char *head, JsonNode *parameters)
{
  g_autoptr(GString) text = g_string_new (head);
  JsonObjectIter iter;
  const char *name;
  JsonNode *value;

  json_object_iter_init (&iter, json_node_get_object (parameters));
  while (json_object_iter_next (&iter, &name, &value))
    {
      g_autofree char *printed = json_node_get_value_type (value) == G_TYPE_STRING ? json_node_dup_string (value)
                                                                                    : g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (value));

      g_string_append_printf (text, "%s%s=%s", text->len > strlen (head) ? ", " : " ", name, printed);
    }
  return text->len > strlen (head) ? g_string_free (g_steal_pointer (&text), FALSE) : NULL;
}

static void
plan_commands (const Planning *p)
{
  g_autoptr(GStrvBuilder) list = g_strv_builder_new ();
  g_autofree char *on = g_strjoinv (", ", p->plan->capabilities_on);
  g_autofree char *set = g_strdup_printf ("source: migrate-set-capabilities %s", on);
  g_autofree char *more = g_strjoinv (", ", p->plan->incoming_capabilities);
  g_autofree char *wishes = g_strjoinv (", ", p->plan->incoming_wishes);
  g_autofree char *incoming = g_strdup_printf ("destination: migrate-set-capabilities events, return-path, late-block-activate%s%s%s%s",
                                               *more != '\0' ? ", " : "", more, *wishes != '\0' ? ", and where its host can " : "", wishes);
  g_autofree char *theirs = parameters_text ("destination: migrate-set-parameters", p->plan->incoming_parameters);
  g_autofree char *ours = parameters_text ("source: migrate-set-parameters", p->plan->parameters);
  gboolean tls = g_str_equal (p->plan->transport, "tls");

  g_strv_builder_add (list, incoming);
  if (theirs != NULL)
    g_strv_builder_add (list, theirs);
  if (tls)
    g_strv_builder_add (list, "destination: object-add authz-simple, tls-creds-x509; migrate-set-parameters tls-creds, tls-authz");
  g_strv_builder_add_many (list, "destination: migrate-incoming", set, NULL);
  if (tls)
    g_strv_builder_add (list, "source: object-add tls-creds-x509; migrate-set-parameters tls-creds, tls-hostname");
  if (ours != NULL)
    g_strv_builder_add (list, ours);
  g_strv_builder_add_many (list, "source: migrate-set-parameters max-bandwidth, downtime-limit", "source: migrate",
                           "source: migrate-continue at pre-switchover", NULL);
  if (p->plan->was_running)
    g_strv_builder_add (list, "destination: cont, after the source is completed and postmigrate");
  g_strv_builder_add (list, "source: quit");
  p->plan->commands = g_strv_builder_end (list);
}

static const char *
choose_binary (const Planning *p)
{
  if (p->destination->binary != NULL)
    return p->destination->binary;
  return p->request->qemu_binary != NULL ? p->request->qemu_binary : p->source->binary;
}

QmigPlan *
qmig_plan_make (const QmigMigrateRequest *request,
                const QmigPolicy         *policy,
                const char               *destination_uri,
                const QmigHostInfo       *source_host,
                const QmigSourceFacts    *source,
                const QmigFacts          *destination)
{
  QmigPlan *plan = qmig_plan_new ();
  Planning p = { request, destination_uri, source_host, source, destination, plan };

  plan->checks = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_check_free);
  plan->vm = g_strdup (request->new_name != NULL ? request->new_name : source->name);
  plan->uuid = g_strdup (source->uuid);
  plan->policy = qmig_policy_copy (policy);
  plan->source = g_strdup (source_host->name);
  plan->destination = g_strdup (destination->host->name);
  plan->was_running = qmp_run_state_is_live (source->run_state);
  /* A boot id that could not be read proves nothing. */
  plan->same_machine = source_host->boot_id != NULL && g_strcmp0 (source_host->boot_id, destination->host->boot_id) == 0;
  plan->memory_bytes = source->memory_bytes;
  plan->run_dir = g_strdup (destination->run_dir);
  plan->qemu_binary = g_strdup (choose_binary (&p));

  check_monitor (&p);
  check_run_state (&p);
  check_not_migrating (&p);
  check_blockers (&p);
  check_jobs (&p);
  check_dirty_tracking (&p);
  check_binary (&p);
  check_machine (&p);
  check_version (&p);
  check_vmstate (&p);
  check_accelerator (&p);
  check_memory (&p);
  check_name (&p);
  plan_stream (&p);
  check_transport (&p);
  plan_command_line (&p);
  qmig_plan_choose_means (plan, request, source, destination);
  qmig_needs_judge (destination->needs, plan->same_machine, plan->destination, plan->checks);
  qmig_plan_judge_surroundings (plan, source, destination);
  plan_commands (&p);
  qmig_checks_force (plan->checks, request->forced_checks);
  plan->refused = qmig_checks_refuse (plan->checks);
  return plan;
}

char *
qmig_plan_refusal (const QmigPlan *plan)
{
  g_autoptr(GString) text = g_string_new (NULL);

  for (guint i = 0; i < plan->checks->len; i++)
    {
      const QmigCheck *check = g_ptr_array_index (plan->checks, i);

      if (check->status == QMIG_CHECK_FAIL)
        g_string_append_printf (text, "%s%s: %s", text->len > 0 ? "; " : "", check->id, check->text);
    }
  return text->len > 0 ? g_string_free (g_steal_pointer (&text), FALSE) : NULL;
}

/* @more: (nullable).  (transfer full) */
static char **
join (const char *const *list, char **more)
{
  g_autoptr(GStrvBuilder) all = g_strv_builder_new ();

  g_strv_builder_addv (all, (const char **) list);
  if (more != NULL)
    g_strv_builder_addv (all, (const char **) more);
  return g_strv_builder_end (all);
}

QmigIncomingSpec *
qmig_plan_incoming_spec (const QmigPlan *plan, const QmigMigrateRequest *request, const char *migration)
{
  static const char *const capabilities[] = { "events", "return-path", "late-block-activate", NULL };
  QmigIncomingSpec *spec = qmig_incoming_spec_new ();

  spec->migration = g_strdup (migration);
  spec->vm_name = g_strdup (plan->vm);
  spec->uuid = g_strdup (plan->uuid);
  spec->source = g_strdup (plan->source);
  spec->run_dir = g_strdup (plan->run_dir);
  spec->argv = g_strdupv (plan->argv);
  spec->qmp = g_build_filename (plan->run_dir, "qmig.qmp", NULL);
  spec->memory_bytes = plan->memory_bytes;
  spec->transport = g_strdup (plan->transport);
  spec->tls_peer = g_str_equal (plan->transport, "tls") ? g_strdup (plan->tls_peer) : NULL;
  spec->listen = g_strdup (plan->listen);
  spec->port = plan->port;
  spec->port_last = plan->port_last;
  spec->capabilities = join (capabilities, plan->incoming_capabilities);
  spec->wishes = g_strdupv (plan->incoming_wishes);
  spec->rehearsal = request->rehearsal;
  spec->trace_qmp = request->trace_qmp;
  spec->parameters = plan->incoming_parameters != NULL ? json_node_copy (plan->incoming_parameters) : NULL;
  return spec;
}
