/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-quantity.h"
#include "cli-follow.h"
#include "cli-format.h"
#include "cli-summary.h"
#include "cmd.h"
#include "demo-guest.h"
#include "demo-report.h"

#include <string.h>

#define VM "demo"
#define MIB G_GINT64_CONSTANT (1048576)

typedef struct
{
  Cli *cli;
  DemoGuest guest;
  DemoHosts *hosts;
  GuestWatch *watch;
  DemoReport *report;
  char *socket_path;
} Demo;

static gboolean
fail_usage (GError **error, const char *text)
{
  g_set_error_literal (error, QMIG_ERROR, QMIG_EXIT_USAGE, text);
  return FALSE;
}

static gboolean
read_options (Demo *self, GError **error)
{
  CliOptions *options = self->cli->options;
  const char *dirty = cli_options_text (options, "dirty");

  self->guest.ram_bytes = cli_options_number (options, "ram", 256 * MIB);
  self->guest.working_set_bytes = cli_options_number (options, "working-set", MIN (64 * MIB, self->guest.ram_bytes / 4));
  self->guest.dirty_bytes_per_s = 50 * MIB;
  if (dirty != NULL && strcmp (dirty, "idle") == 0)
    self->guest.dirty_bytes_per_s = 0;
  else if (dirty != NULL && !api_parse_rate (dirty, &self->guest.dirty_bytes_per_s, error))
    {
      g_prefix_error (error, "--dirty: ");
      return FALSE;
    }
  else if (dirty != NULL && self->guest.dirty_bytes_per_s < MIB)
    return fail_usage (error, "--dirty: from 1MiB/s on, or idle");
  if (self->guest.ram_bytes < 16 * MIB)
    return fail_usage (error, "--ram: at least 16M");
  if (self->guest.working_set_bytes < MIB || self->guest.working_set_bytes > self->guest.ram_bytes - 8 * MIB)
    return fail_usage (error, "--working-set: at least 1M, and 8M less than the guest's memory");
  return TRUE;
}

/* What is said on the way is for people only. */
static gboolean
is_told (Cli *cli)
{
  return !cli_is_quiet (cli) && cli->out.format == CLI_FORMAT_TABLE;
}

static void
tell (Demo *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
tell (Demo *self, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (!is_told (self->cli))
    return;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  cli_write (text);
}

static gboolean
start_guest (Demo *self, GError **error)
{
  g_autoptr(QmigVmRequest) request = qmig_vm_request_new ();
  g_autoptr(JsonObject) answer = NULL;
  g_autoptr(QmigVm) vm = NULL;
  g_autofree char *ram = cli_format_bytes (self->guest.ram_bytes);
  g_autofree char *working_set = cli_format_bytes (self->guest.working_set_bytes);
  g_autofree char *dirty = cli_format_rate (self->guest.dirty_bytes_per_s);

  request->name = g_strdup (VM);
  request->cwd = g_strdup (self->hosts->dir);
  request->argv = demo_guest_command (&self->guest, VM, self->socket_path, error);
  if (request->argv == NULL)
    return FALSE;
  answer = cli_call (self->cli, "POST", "/v1/vms", qmig_vm_request_to_object (request), error);
  vm = answer != NULL ? qmig_vm_from_object (answer, error) : NULL;
  if (vm == NULL || !demo_guest_wait_ready (self->hosts, self->watch, error))
    return FALSE;

  self->report->qemu_version = g_strdup (vm->qemu_version);
  self->report->accelerator = g_strdup (self->guest.accel);
  tell (self, "VM " VM " runs on alpha: QEMU %s, %s, %s of memory, writes %s over %s, ticks each millisecond\n",
        vm->qemu_version, self->guest.accel, ram, dirty, working_set);
  return TRUE;
}

static QmigMigrateRequest *
move_request (Demo *self)
{
  QmigMigrateRequest *request = qmig_migrate_request_new ();

  request->vm = g_strdup (VM);
  request->destination = g_strdup (self->hosts->beta.uri);
  request->reason = g_strdup ("demo");
  return request;
}

static gboolean
check_move (Demo *self, GError **error)
{
  g_autoptr(QmigMigrateRequest) request = move_request (self);
  g_autoptr(JsonObject) answer
    = cli_call (self->cli, "POST", "/v1/checks", qmig_migrate_request_to_object (request), error);
  g_autoptr(QmigPlan) plan = answer != NULL ? qmig_plan_from_object (answer, error) : NULL;
  guint n_failed = 0;

  if (plan == NULL)
    return FALSE;
  for (guint i = 0; plan->checks != NULL && i < plan->checks->len; i++)
    {
      const QmigCheck *check = g_ptr_array_index (plan->checks, i);

      if (check->status != QMIG_CHECK_OK)
        tell (self, "  %s: %s: %s\n", qmig_check_status_names[check->status], check->id, check->text);
      n_failed += check->status == QMIG_CHECK_FAIL;
    }
  if (plan->refused)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "the move would be refused: %u checks failed", n_failed);
      return FALSE;
    }
  tell (self, "It can be moved to beta: %u checks, none failed\n", plan->checks != NULL ? plan->checks->len : 0);
  return TRUE;
}

static gboolean
move (Demo *self, GError **error)
{
  g_autoptr(QmigMigrateRequest) request = move_request (self);
  g_autoptr(CliFollow) follow = cli_follow_new (self->cli, CLI_INTERRUPT_CANCELS);
  g_autoptr(JsonObject) answer
    = cli_call (self->cli, "POST", "/v1/migrations", qmig_migrate_request_to_object (request), error);
  g_autoptr(QmigMigrationInfo) info = answer != NULL ? qmig_migration_info_from_object (answer, error) : NULL;
  QmigResult *result = NULL;
  g_autofree char *summary = NULL;
  g_autofree char *stages = NULL;

  if (info == NULL || !cli_follow_run (follow, info->id, 0, 0, NULL, &result, error))
    return FALSE;
  self->report->result = result;
  summary = cli_summary_text (VM, result);
  stages = cli_summary_stages_text (result);
  if (result->outcome != QMIG_OUTCOME_COMPLETED)
    {
      g_set_error (error, QMIG_ERROR, self->hosts->interrupted ? QMIG_EXIT_INTERRUPTED : QMIG_EXIT_ERROR,
                   "the move ended as %s: %s", qmig_outcome_names[result->outcome],
                   result->error != NULL ? result->error : "no reason was given");
      return FALSE;
    }
  tell (self, "%s\n%s", summary, stages);
  return TRUE;
}

static gboolean
move_and_prove (Demo *self, GError **error)
{
  gint64 from_us = g_get_monotonic_time ();
  g_autofree char *text = NULL;
  DemoProof proof;

  if (!move (self, error) || !demo_guest_prove (self->hosts, self->watch, from_us, &proof, error))
    return FALSE;
  self->report->guest_gap_ms = proof.gap_ms;
  self->report->ticks_before = proof.ticks_before;
  self->report->ticks_after = proof.ticks_after;
  self->report->pages = proof.pages;
  self->report->check_rounds = proof.check_rounds;
  self->report->guest_errors = proof.errors;
  self->report->ok = TRUE;
  text = demo_report_proof_text (self->report);
  tell (self, "%s", text);
  return TRUE;
}

static gboolean
set_stage (Demo *self, GError **error)
{
  g_autofree char *program = cli_program_path ();
  g_autofree char *moved = NULL;

  demo_guest_choose (&self->guest, cli_options_text (self->cli->options, "qemu"),
                     cli_options_text (self->cli->options, "accel"), program);
  self->hosts = demo_hosts_new (program, error);
  if (self->hosts == NULL)
    return FALSE;
  self->cli->client = g_object_ref (self->hosts->alpha.client);
  self->socket_path = g_build_filename (self->hosts->dir, GUEST_WATCH_SOCKET_NAME, NULL);
  moved = g_build_filename (self->hosts->beta.runtime_dir, "vm", "*", GUEST_WATCH_SOCKET_NAME, NULL);
  self->watch = guest_watch_new ();
  guest_watch_add (self->watch, self->socket_path);
  guest_watch_add_pattern (self->watch, moved);
  tell (self, "Two hosts in %s: alpha and beta, each with an agent of its own\n", self->hosts->dir);
  return TRUE;
}

static void
tell_what_is_kept (Demo *self)
{
  const char *alpha = self->hosts->alpha.uri;
  const char *beta = self->hosts->beta.uri;

  tell (self,
        "All of it is left running. To look around:\n"
        "  qmig -H %s vm list\n"
        "  qmig -H %s migrate " VM " %s\n"
        "  qmig -H %s history\n"
        "To remove it:\n"
        "  qmig -H %s vm stop " VM " --force --yes\n"
        "  qmig -H %s agent stop; qmig -H %s agent stop; rm -r %s\n",
        beta, beta, alpha, alpha, beta, alpha, beta, self->hosts->dir);
}

static void
end (Demo *self, gboolean ok)
{
  gboolean keep = ok && cli_options_flag (self->cli->options, "keep") > 0;

  g_clear_pointer (&self->watch, guest_watch_free);
  if (self->hosts != NULL && !ok && !self->hosts->interrupted)
    {
      g_autofree char *tails = demo_hosts_log_tails (self->hosts);

      g_printerr ("%s", tails);
    }
  if (self->hosts != NULL && keep)
    {
      tell_what_is_kept (self);
      demo_hosts_keep (self->hosts);
    }
  else if (self->hosts != NULL)
    {
      demo_hosts_remove (self->hosts);
      tell (self, "Everything was stopped and removed.\n");
    }
  g_free (self->socket_path);
  demo_guest_clear (&self->guest);
}

/* Whatever went wrong inside, the demo as a whole has failed. */
static int
finish (Demo *self, GError *cause, GError **error)
{
  DemoReport *report = self->report;
  gboolean machine = self->cli->out.format != CLI_FORMAT_TABLE && self->cli->out.format != CLI_FORMAT_WIDE;

  report->error = cause != NULL ? g_strdup (cause->message) : NULL;
  if (machine && !cli_output_value (&self->cli->out, &demo_report_type, report, "ok", error))
    return QMIG_EXIT_ERROR;
  if (cause == NULL)
    return QMIG_EXIT_OK;
  g_set_error (error, QMIG_ERROR,
               g_error_matches (cause, QMIG_ERROR, QMIG_EXIT_INTERRUPTED) ? QMIG_EXIT_INTERRUPTED : QMIG_EXIT_ERROR,
               "the demo failed: %s", cause->message);
  return QMIG_EXIT_ERROR;
}

int
cmd_demo (Cli *cli, GError **error)
{
  Demo self = { .cli = cli };
  g_autoptr(DemoReport) report = demo_report_new ();
  g_autoptr(GError) cause = NULL;
  gboolean ok;

  self.report = report;
  if (!read_options (&self, error))
    return QMIG_EXIT_USAGE;
  if (cli->out.format == CLI_FORMAT_JSONL || cli->out.format == CLI_FORMAT_NAME)
    {
      fail_usage (error, "--output: the demo writes table, json or tsv");
      return QMIG_EXIT_USAGE;
    }
  report->ram_bytes = self.guest.ram_bytes;
  report->working_set_bytes = self.guest.working_set_bytes;
  report->dirty_bytes_per_s = self.guest.dirty_bytes_per_s;

  ok = set_stage (&self, &cause) && start_guest (&self, &cause) && check_move (&self, &cause) &&
       move_and_prove (&self, &cause);
  end (&self, ok);
  return finish (&self, cause, error);
}
