/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-types.h"

const char *const qmig_stage_names[] = {
  "pre-migration", "reservation", "pre-copy", "stop-and-copy", "commitment", "activation", NULL,
};

const char *const qmig_outcome_names[] = {
  "active", "completed", "refused", "rolled-back", "cancelled", "attention", "guest-ended", "rehearsed", NULL,
};

const char *const qmig_location_names[] = { "unknown", "source", "destination", "none", NULL };

const char *const qmig_check_status_names[] = { "ok", "warn", "fail", NULL };

const char *const qmig_verdict_names[] = {
  "not-enough-data", "converging", "stuck", "diverging", "finishing", "stalled", NULL,
};

const char *const qmig_action_kind_names[] = { "wait", "set", "postcopy", "pause", "abort", NULL };

const char *const qmig_incoming_phase_names[] = {
  "launching", "ready", "listening", "postcopy", "loaded", "committed", "gone", NULL,
};

G_STATIC_ASSERT (G_N_ELEMENTS (qmig_stage_names) == QMIG_N_STAGES + 1);
G_STATIC_ASSERT (G_N_ELEMENTS (qmig_stage_names) == QMIG_STAGE_ACTIVATION + 2);
G_STATIC_ASSERT (G_N_ELEMENTS (qmig_outcome_names) == QMIG_OUTCOME_REHEARSED + 2);
G_STATIC_ASSERT (G_N_ELEMENTS (qmig_location_names) == QMIG_LOCATION_NONE + 2);
G_STATIC_ASSERT (G_N_ELEMENTS (qmig_check_status_names) == QMIG_CHECK_FAIL + 2);
G_STATIC_ASSERT (G_N_ELEMENTS (qmig_verdict_names) == QMIG_VERDICT_STALLED + 2);
G_STATIC_ASSERT (G_N_ELEMENTS (qmig_action_kind_names) == QMIG_ACTION_ABORT + 2);
G_STATIC_ASSERT (G_N_ELEMENTS (qmig_incoming_phase_names) == QMIG_INCOMING_GONE + 2);

/* A member whose C type is not Type has no association here and does not compile. */
#define OFFSET(Struct, member, Type) _Generic (((Struct *) NULL)->member, Type : G_STRUCT_OFFSET (Struct, member))

#define FIELD(Struct, member, Type, Kind, Need, text, ...)                                                             \
  { .name = #member, .kind = Kind, .need = Need, .offset = OFFSET (Struct, member, Type), .about = text, __VA_ARGS__ }

#define STRING(Struct, member, about) FIELD (Struct, member, char *, API_STRING, API_OPTIONAL, about)
#define STRV(Struct, member, about) FIELD (Struct, member, char **, API_STRV, API_OPTIONAL, about)
#define BOOL(Struct, member, about) FIELD (Struct, member, gboolean, API_BOOL, API_OPTIONAL, about)
#define INT(Struct, member, about) FIELD (Struct, member, gint64, API_INT, API_OPTIONAL, about)
#define DOUBLE(Struct, member, about) FIELD (Struct, member, double, API_DOUBLE, API_OPTIONAL, about)
#define JSON(Struct, member, about) FIELD (Struct, member, JsonNode *, API_JSON, API_OPTIONAL, about)
#define ENUM(Struct, member, choice, about)                                                                            \
  FIELD (Struct, member, int, API_ENUM, API_OPTIONAL, about, .names = choice)
#define OBJECT(Struct, member, Value, value, about)                                                                    \
  FIELD (Struct, member, Value *, API_OBJECT, API_OPTIONAL, about, .type = &value##_type)
#define LIST(Struct, member, value, about)                                                                             \
  FIELD (Struct, member, GPtrArray *, API_LIST, API_OPTIONAL, about, .type = &value##_type)

#define REQUIRED_STRING(Struct, member, about) FIELD (Struct, member, char *, API_STRING, API_REQUIRED, about)
#define REQUIRED_STRV(Struct, member, about) FIELD (Struct, member, char **, API_STRV, API_REQUIRED, about)

#define TYPE(Struct, value, text)                                                                                      \
  const ApiType value##_type = {                                                                                       \
    .name = text,                                                                                                      \
    .size = sizeof (Struct),                                                                                           \
    .fields = value##_fields,                                                                                          \
    .n_fields = G_N_ELEMENTS (value##_fields),                                                                         \
    .destroy = (GDestroyNotify) value##_free,                                                                          \
  }

/* clang-format off: one member a line, as in the structs */

static const ApiField qmig_check_fields[] = {
  STRING (QmigCheck, id, "stable name of the check"),
  ENUM (QmigCheck, status, qmig_check_status_names, "verdict; any fail refuses the migration"),
  STRING (QmigCheck, text, "one sentence with its evidence"),
  STRING (QmigCheck, way_out, "what would help"),
  STRING (QmigCheck, source, "what the source's side says of it"),
  STRING (QmigCheck, destination, "what the destination's side says of it"),
};
TYPE (QmigCheck, qmig_check, "qmig.check/1");

static const ApiField qmig_host_info_fields[] = {
  STRING (QmigHostInfo, name, "name the agent goes by"),
  STRING (QmigHostInfo, version, "version of qmig"),
  INT (QmigHostInfo, api, "version of the HTTP API"),
  STRING (QmigHostInfo, hostname, "host name of the machine"),
  STRING (QmigHostInfo, boot_id, "boot id of the kernel; equal ids mean one machine"),
  INT (QmigHostInfo, pid, "process id of the agent"),
  INT (QmigHostInfo, uid, "user id of the agent"),
  STRING (QmigHostInfo, listen, "where it serves https; null: nowhere"),
  STRING (QmigHostInfo, runtime_dir, "directory of sockets and run-time files"),
  STRING (QmigHostInfo, state_dir, "directory of the journal and the history"),
  BOOL (QmigHostInfo, kvm, "/dev/kvm can be opened; whether it serves a guest is tried"),
  INT (QmigHostInfo, memory_total_bytes, "bytes of memory"),
  INT (QmigHostInfo, memory_available_bytes, "bytes available, less what reservations still hold"),
  INT (QmigHostInfo, time_us, "wall clock when answering, microseconds since 1970 UTC"),
  INT (QmigHostInfo, mono_us, "monotonic clock when answering, microseconds"),
  INT (QmigHostInfo, active_migrations, "migrations this agent is running as the source"),
  INT (QmigHostInfo, incoming, "reservations held as the destination"),
  STRING (QmigHostInfo, role, "what the asker may do there: viewer, operator, admin"),
  STRING (QmigHostInfo, tls_authority, "SHA-256 of the authority its certificates come from; null without certificates"),
  STRING (QmigHostInfo, tls_name, "what its server certificate names it"),
  STRING (QmigHostInfo, tls_subject, "distinguished name of its client certificate"),
  STRING (QmigHostInfo, migration_address, "where destinations listen, when the configuration says so"),
  INT (QmigHostInfo, migration_port, "first port of the range for destinations"),
  INT (QmigHostInfo, migration_port_last, "last port of the range"),
};
TYPE (QmigHostInfo, qmig_host_info, "qmig.host/1");

static const ApiField qmig_enroll_offer_fields[] = {
  STRING (QmigEnrollOffer, name, "name of the host that is to be enrolled"),
  STRING (QmigEnrollOffer, authority, "SHA-256 of the authority it belongs to already"),
  STRING (QmigEnrollOffer, server_request, "PEM of the request for its server certificate"),
  STRING (QmigEnrollOffer, client_request, "PEM of the request for its client certificate"),
};
TYPE (QmigEnrollOffer, qmig_enroll_offer, "qmig.enroll-offer/1");

static const ApiField qmig_enroll_grant_fields[] = {
  REQUIRED_STRING (QmigEnrollGrant, authority, "PEM of the authority"),
  REQUIRED_STRING (QmigEnrollGrant, server, "PEM of its server certificate"),
  REQUIRED_STRING (QmigEnrollGrant, client, "PEM of its client certificate"),
  REQUIRED_STRING (QmigEnrollGrant, listen, "ADDRESS:PORT its agent is to listen on"),
  REQUIRED_STRING (QmigEnrollGrant, peer_name, "name of the host that enrols it"),
  STRING (QmigEnrollGrant, peer_uri, "how to reach that host"),
  REQUIRED_STRING (QmigEnrollGrant, peer_fingerprint, "SHA-256 of the client certificate that host calls with"),
  REQUIRED_STRING (QmigEnrollGrant, peer_role, "viewer, operator, admin"),
};
TYPE (QmigEnrollGrant, qmig_enroll_grant, "qmig.enroll-grant/1");

static const ApiField qmig_host_entry_fields[] = {
  STRING (QmigHostEntry, name, "name the agent knows the host by"),
  STRING (QmigHostEntry, uri, "how it is reached: local, unix:PATH, ssh://…, https://…"),
  STRV (QmigHostEntry, labels, "labels it has in the config file"),
  BOOL (QmigHostEntry, reachable, "it answered just now"),
  STRING (QmigHostEntry, problem, "why it did not"),
  OBJECT (QmigHostEntry, info, QmigHostInfo, qmig_host_info, "what it says of itself, when reachable"),
  LIST (QmigHostEntry, checks, qmig_check, "what a test of the way to it found; only of a test"),
};
TYPE (QmigHostEntry, qmig_host_entry, "qmig.host-entry/1");

static const ApiField qmig_vm_fields[] = {
  STRING (QmigVm, id, "PID.STARTTIME, stable while the process lives"),
  STRING (QmigVm, name, "name of the VM"),
  STRING (QmigVm, uuid, "UUID of the VM"),
  STRING (QmigVm, host, "name of the host it is on"),
  INT (QmigVm, pid, "process id of QEMU"),
  INT (QmigVm, start_time, "start time of the process in clock ticks since boot; tells a reused pid apart"),
  INT (QmigVm, uid, "user id of the process"),
  STRING (QmigVm, binary, "path of the QEMU binary"),
  STRING (QmigVm, qemu_version, "version of QEMU"),
  STRING (QmigVm, machine, "versioned machine type"),
  STRING (QmigVm, accelerator, "kvm, tcg"),
  INT (QmigVm, memory_bytes, "bytes of guest memory"),
  INT (QmigVm, vcpus, "number of virtual CPUs"),
  STRING (QmigVm, run_state, "run state as QEMU says it; null when it could not be asked"),
  STRING (QmigVm, qmp, "path of the monitor qmig would use"),
  STRING (QmigVm, owner, "qmig: launched here, found: in the process list, added: by vm add"),
  STRING (QmigVm, migration, "id of its active migration"),
  STRING (QmigVm, problem, "why it cannot be asked or moved"),
  STRV (QmigVm, argv, "command line; only when one VM is asked for"),
};
TYPE (QmigVm, qmig_vm, "qmig.vm/1");

static const ApiField qmig_vm_request_fields[] = {
  STRING (QmigVmRequest, name, "name to give the VM"),
  STRING (QmigVmRequest, qmp, "add: path of a QMP socket"),
  INT (QmigVmRequest, pid, "add: a process whose monitor is found in its command line"),
  STRV (QmigVmRequest, argv, "start: a QEMU command line, the binary first"),
  STRING (QmigVmRequest, cwd, "start: the directory that relative paths refer to"),
};
TYPE (QmigVmRequest, qmig_vm_request, "qmig.vm-request/1");

static const ApiField qmig_qmp_request_fields[] = {
  REQUIRED_STRING (QmigQmpRequest, command, "name of the QMP command"),
  JSON (QmigQmpRequest, arguments, "an object with its arguments"),
};
TYPE (QmigQmpRequest, qmig_qmp_request, "qmig.qmp-request/1");

static const ApiField qmig_knobs_fields[] = {
  INT (QmigKnobs, downtime_ms, "budget of the downtime, all in all, milliseconds"),
  INT (QmigKnobs, bandwidth_bytes_per_s, "bound of the send rate, bytes per second; 0 is unlimited"),
  INT (QmigKnobs, deadline_ms, "milliseconds from the start of the migration until it is cancelled"),
  INT (QmigKnobs, throttle_max_percent, "how far the guest's CPUs may be held back, percent; 0: not at all"),
  INT (QmigKnobs, postcopy_bandwidth_bytes_per_s, "bound of what post-copy sends unasked, bytes per second; 0 is unlimited"),
  INT (QmigKnobs, xbzrle_cache_bytes, "bytes of the cache of xbzrle, a power of two"),
};
TYPE (QmigKnobs, qmig_knobs, "qmig.knobs/1");

static const ApiField qmig_policy_fields[] = {
  STRING (QmigPolicy, name, "name of the policy"),
  STRING (QmigPolicy, about, "what it is for"),
  INT (QmigPolicy, downtime_ms, "budget of the downtime, all in all, milliseconds"),
  INT (QmigPolicy, deadline_ms, "milliseconds from the start of the migration until it is cancelled"),
  INT (QmigPolicy, bandwidth_bytes_per_s, "bound of the send rate, bytes per second; 0 is unlimited"),
  INT (QmigPolicy, start_bandwidth_bytes_per_s, "send rate to begin with; null: the bound"),
  INT (QmigPolicy, throttle_max_percent, "how far the guest's CPUs may be held back, percent; 0: not at all"),
  BOOL (QmigPolicy, allow_postcopy, "post-copy may be used, from which there is no way back"),
  BOOL (QmigPolicy, allow_pause, "the guest may be stopped for the rest of the copy, beyond the budget"),
  INT (QmigPolicy, patience_ms, "milliseconds without hope before it is given up early"),
  STRING (QmigPolicy, origin, "the file it comes from"),
  STRING (QmigPolicy, problem, "why it cannot be used; only in lists"),
};
TYPE (QmigPolicy, qmig_policy, "qmig.policy/1");

static const ApiField qmig_forecast_fields[] = {
  ENUM (QmigForecast, verdict, qmig_verdict_names, "whether it will finish"),
  STRING (QmigForecast, text, "one sentence with its numbers"),
  STRV (QmigForecast, ways_out, "what would make it finish"),
  INT (QmigForecast, send_bytes_per_s, "estimate of the send rate, bytes per second"),
  INT (QmigForecast, dirty_bytes_per_s, "estimate of how fast the guest writes to pages, bytes per second"),
  INT (QmigForecast, working_set_bytes, "estimate of what is written again and again, bytes"),
  INT (QmigForecast, passes_left, "passes still to come"),
  INT (QmigForecast, eta_ms, "milliseconds to the end; before the start: in all"),
  INT (QmigForecast, eta_low_ms, "milliseconds, lower end of the range"),
  INT (QmigForecast, eta_high_ms, "milliseconds, upper end of the range"),
  INT (QmigForecast, downtime_ms, "milliseconds the guest will stand still"),
  INT (QmigForecast, downtime_low_ms, "milliseconds, lower end of the range"),
  INT (QmigForecast, downtime_high_ms, "milliseconds, upper end of the range"),
  INT (QmigForecast, throttle_percent, "throttle that it counts on, percent"),
  STRING (QmigForecast, basis, "where its numbers come from: measured, history, assumed"),
};
TYPE (QmigForecast, qmig_forecast, "qmig.forecast/1");

static const ApiField qmig_decision_fields[] = {
  ENUM (QmigDecision, action, qmig_action_kind_names, "what is done"),
  STRING (QmigDecision, rule, "stable name of the rule"),
  STRING (QmigDecision, text, "one sentence with its numbers"),
  ENUM (QmigDecision, verdict, qmig_verdict_names, "whether it will finish"),
  INT (QmigDecision, elapsed_ms, "milliseconds since the start of the migration"),
  INT (QmigDecision, pass, "pass over memory"),
  INT (QmigDecision, left_bytes, "bytes left right after the last look for newly written pages"),
  INT (QmigDecision, need_ms, "milliseconds a stop would have taken then"),
  INT (QmigDecision, budget_ms, "budget of the downtime, milliseconds"),
  INT (QmigDecision, overhead_ms, "milliseconds of the budget that do not go into copying"),
  INT (QmigDecision, send_bytes_per_s, "estimate of the send rate, bytes per second"),
  INT (QmigDecision, dirty_bytes_per_s, "estimate of how fast the guest writes to pages, bytes per second"),
  INT (QmigDecision, working_set_bytes, "estimate of what is written again and again, bytes"),
  INT (QmigDecision, deadline_left_ms, "milliseconds to the deadline"),
  INT (QmigDecision, downtime_limit_ms, "new downtime-limit of QEMU, milliseconds"),
  INT (QmigDecision, bandwidth_limit_bytes_per_s, "new max-bandwidth of QEMU, bytes per second; 0 is unlimited"),
  INT (QmigDecision, switchover_bandwidth_bytes_per_s, "new avail-switchover-bandwidth of QEMU, bytes per second"),
  INT (QmigDecision, throttle_percent, "new throttle, percent"),
};
TYPE (QmigDecision, qmig_decision, "qmig.decision/1");

static const ApiField qmig_expect_fields[] = {
  INT (QmigExpect, downtime_ms, "upper bound of QEMU's downtime, milliseconds"),
  INT (QmigExpect, blackout_ms, "upper bound of the measured blackout, milliseconds"),
  INT (QmigExpect, total_ms, "upper bound of the whole migration, milliseconds"),
  INT (QmigExpect, rounds, "upper bound of the passes over memory"),
};
TYPE (QmigExpect, qmig_expect, "qmig.expect/1");

static const ApiField qmig_migrate_request_fields[] = {
  REQUIRED_STRING (QmigMigrateRequest, vm, "name, id or UUID on this host"),
  REQUIRED_STRING (QmigMigrateRequest, destination, "host name, local or URI"),
  STRING (QmigMigrateRequest, new_name, "name on the destination, if another"),
  STRING (QmigMigrateRequest, transport, "unix, tls, ssh, tcp; null: unix on one machine, tls between enrolled hosts, ssh where that is the way"),
  STRING (QmigMigrateRequest, listen, "address the destination listens on (tls, tcp)"),
  INT (QmigMigrateRequest, port, "first port of the range; null: the destination's host says"),
  INT (QmigMigrateRequest, port_last, "last port of the range"),
  STRING (QmigMigrateRequest, qemu_binary, "the destination's QEMU; null: the path of the source's"),
  STRV (QmigMigrateRequest, target_args, "appended to the destination's command line"),
  OBJECT (QmigMigrateRequest, knobs, QmigKnobs, qmig_knobs, "limits that may also be turned later"),
  OBJECT (QmigMigrateRequest, expect, QmigExpect, qmig_expect, "bounds that decide between exit codes 0 and 8"),
  BOOL (QmigMigrateRequest, hold, "stay at the switch-over gate until released"),
  BOOL (QmigMigrateRequest, rehearsal, "go as far as the gate and back: the destination is thrown away"),
  BOOL (QmigMigrateRequest, trace_qmp, "tell what is said to both QEMUs, and what they say, as qmp events"),
  BOOL (QmigMigrateRequest, no_gate, "of a rehearsal: turn back while the guest runs"),
  STRING (QmigMigrateRequest, policy, "name of the policy; null: default"),
  STRV (QmigMigrateRequest, allow, "postcopy, pause: consent on top of the policy's"),
  INT (QmigMigrateRequest, multifd_channels, "parallel channels; 0: one stream; null: as fits link and guest"),
  STRING (QmigMigrateRequest, compression, "none, zstd, zlib (both with multifd), xbzrle"),
  STRV (QmigMigrateRequest, forced_checks, "ids of checks whose failure only warns"),
  STRING (QmigMigrateRequest, reason, "why, for the history"),
  STRING (QmigMigrateRequest, who, "who asks; filled in by the agent, whatever a caller says"),
  STRING (QmigMigrateRequest, idempotency_key, "a repeated request with this key does not start a second migration"),
};
TYPE (QmigMigrateRequest, qmig_migrate_request, "qmig.migrate-request/1");

static const ApiField qmig_plan_fields[] = {
  STRING (QmigPlan, vm, "name of the VM"),
  STRING (QmigPlan, uuid, "UUID of the VM"),
  STRING (QmigPlan, source, "host name of the source"),
  STRING (QmigPlan, destination, "host name of the destination"),
  BOOL (QmigPlan, refused, "a check failed: nothing would be started"),
  BOOL (QmigPlan, was_running, "the VM runs; only then the destination is continued"),
  BOOL (QmigPlan, same_machine, "source and destination are one machine"),
  STRING (QmigPlan, transport, "unix, tls, ssh, tcp"),
  STRING (QmigPlan, listen, "address the destination listens on (tls, tcp)"),
  INT (QmigPlan, port, "first port of the range"),
  INT (QmigPlan, port_last, "last port of the range"),
  STRING (QmigPlan, tls_name, "what the destination's certificate must name (tls)"),
  STRING (QmigPlan, tls_peer, "distinguished name of the one client that the destination takes (tls)"),
  INT (QmigPlan, memory_bytes, "bytes of memory the destination reserves"),
  STRING (QmigPlan, qemu_binary, "the destination's QEMU"),
  STRV (QmigPlan, argv, "the destination's command line"),
  STRV (QmigPlan, notes, "what was changed in it and why"),
  STRV (QmigPlan, commands, "the QMP commands in order, each with its side"),
  LIST (QmigPlan, checks, qmig_check, "the verdicts of pre-flight"),
  STRING (QmigPlan, run_dir, "of the VM on the destination"),
  STRV (QmigPlan, capabilities_on, "switched on at the source for the move"),
  STRV (QmigPlan, capabilities_off, "of these the ones to switch off again on the way back"),
  STRV (QmigPlan, capabilities_cleared, "switched off at the source for the move, and on again on the way back"),
  STRV (QmigPlan, incoming_capabilities, "switched on at the destination, beyond those of every move"),
  STRV (QmigPlan, incoming_wishes, "likewise, where its host can"),
  JSON (QmigPlan, parameters, "set at the source before the start, beyond the limits"),
  JSON (QmigPlan, incoming_parameters, "set at the destination"),
  JSON (QmigPlan, restore_parameters, "the source's own values of all that is changed there, for the way back"),
  INT (QmigPlan, multifd_channels, "parallel channels; 0: one stream"),
  STRING (QmigPlan, compression, "none, zstd, zlib, xbzrle"),
  OBJECT (QmigPlan, policy, QmigPolicy, qmig_policy, "the policy with the request's bounds in it"),
  OBJECT (QmigPlan, forecast, QmigForecast, qmig_forecast, "what is to be expected"),
};
TYPE (QmigPlan, qmig_plan, "qmig.plan/1");

static const ApiField qmig_file_fields[] = {
  REQUIRED_STRING (QmigFile, path, "absolute path"),
  STRING (QmigFile, problem, "why it cannot be looked at"),
  INT (QmigFile, device, "number of its device"),
  INT (QmigFile, inode, "number of its inode"),
  INT (QmigFile, size_bytes, "bytes"),
  STRING (QmigFile, file_system, "local, nfs, block or other"),
  BOOL (QmigFile, read_only, "the VM only reads it"),
  INT (QmigFile, lock_at, "byte that the source has locked for this question alone"),
  BOOL (QmigFile, locked, "somebody holds that byte, and not the one behind it"),
};
TYPE (QmigFile, qmig_file, "qmig.file/1");

static const ApiField qmig_need_fields[] = {
  REQUIRED_STRING (QmigNeed, kind, "bridge, tap, program, tcp-port, udp-port, socket (served), listen (a socket not served yet), memory, huge-pages, file"),
  REQUIRED_STRING (QmigNeed, name, "interface, path, ADDRESS:PORT, or size of a huge page in bytes"),
  STRING (QmigNeed, option, "the option that names it"),
  INT (QmigNeed, bytes, "bytes of memory that it must have room for"),
  BOOL (QmigNeed, own, "the source runs with it"),
  STRING (QmigNeed, problem, "why it does not serve on the destination"),
};
TYPE (QmigNeed, qmig_need, "qmig.need/1");

static const ApiField qmig_surroundings_fields[] = {
  INT (QmigSurroundings, processors, "number of processors"),
  DOUBLE (QmigSurroundings, load, "mean number of tasks that ran or wanted to, over the last minute"),
  INT (QmigSurroundings, memory_limit_bytes, "bytes that the tightest limit leaves to a new QEMU; null: there is none"),
  STRING (QmigSurroundings, memory_limit, "which limit that is"),
  STRING (QmigSurroundings, run_dir_problem, "why the directories of VMs cannot be made"),
  INT (QmigSurroundings, other_moves, "migrations of this host, either way, beside the one that is asked about"),
  STRING (QmigSurroundings, cpu_vendor, "vendor of the processor"),
  STRING (QmigSurroundings, cpu_model, "model of the processor"),
  STRV (QmigSurroundings, cpu_flags, "features of the processor, as the kernel names them"),
  INT (QmigSurroundings, free_ports, "how many ports of the range are free"),
  STRING (QmigSurroundings, ports_problem, "why the first of the others is not"),
  INT (QmigSurroundings, certificates_start_s, "seconds since 1970 UTC: from when all its certificates hold"),
  INT (QmigSurroundings, certificates_end_s, "seconds since 1970 UTC: until when all its certificates hold"),
};
TYPE (QmigSurroundings, qmig_surroundings, "qmig.surroundings/1");

static const ApiField qmig_facts_request_fields[] = {
  REQUIRED_STRING (QmigFactsRequest, migration, "id of the migration"),
  STRING (QmigFactsRequest, vm_name, "name the VM would have"),
  STRING (QmigFactsRequest, uuid, "UUID of the VM"),
  STRING (QmigFactsRequest, qemu_binary, "the QEMU to look for"),
  STRING (QmigFactsRequest, machine, "versioned machine type it must know"),
  STRING (QmigFactsRequest, boot_id, "boot id of the source's machine"),
  INT (QmigFactsRequest, source_pid, "process id of the source's QEMU"),
  LIST (QmigFactsRequest, files, qmig_file, "the VM's images, as the source sees them"),
  BOOL (QmigFactsRequest, thorough, "also what costs a start of the binary"),
  STRV (QmigFactsRequest, device_types, "types of the VM's devices"),
  LIST (QmigFactsRequest, needs, qmig_need, "what the VM's command line needs of its host"),
  STRING (QmigFactsRequest, listen, "address it is to listen on; null: as the host says"),
  INT (QmigFactsRequest, port, "first port of the range; null: the host's own"),
  INT (QmigFactsRequest, port_last, "last port of the range"),
};
TYPE (QmigFactsRequest, qmig_facts_request, "qmig.facts-request/1");

static const ApiField qmig_facts_fields[] = {
  OBJECT (QmigFacts, host, QmigHostInfo, qmig_host_info, "the destination's host"),
  STRING (QmigFacts, run_dir, "where this VM's sockets and logs would live; not created yet"),
  BOOL (QmigFacts, binary_found, "the QEMU binary exists and can be started"),
  STRING (QmigFacts, binary, "its path after the search in PATH"),
  STRING (QmigFacts, binary_version, "version it reports"),
  STRING (QmigFacts, binary_problem, "why it does not serve"),
  BOOL (QmigFacts, machine_known, "it knows the machine type"),
  STRV (QmigFacts, machines, "near misses when it does not"),
  BOOL (QmigFacts, kvm, "/dev/kvm can be opened"),
  BOOL (QmigFacts, name_taken, "another VM or reservation has the name"),
  STRING (QmigFacts, name_holder, "which one"),
  STRV (QmigFacts, capabilities, "capabilities of migration; null where it is the very file that the source runs"),
  STRV (QmigFacts, compressions, "values of multifd-compression; likewise"),
  LIST (QmigFacts, files, qmig_file, "the VM's images, as seen there"),
  BOOL (QmigFacts, same_binary, "it is the very file that the source runs"),
  JSON (QmigFacts, vmstate, "form of the state of the VM's device types, by type, as QEMU's -dump-vmstate has it"),
  LIST (QmigFacts, needs, qmig_need, "what the VM's command line needs, as found there"),
  OBJECT (QmigFacts, surroundings, QmigSurroundings, qmig_surroundings, "the host as it is now"),
};
TYPE (QmigFacts, qmig_facts, "qmig.facts/1");

static const ApiField qmig_incoming_spec_fields[] = {
  REQUIRED_STRING (QmigIncomingSpec, migration, "id of the migration; names the reservation"),
  STRING (QmigIncomingSpec, vm_name, "name of the VM"),
  STRING (QmigIncomingSpec, uuid, "UUID of the VM"),
  STRING (QmigIncomingSpec, source, "host name of the source's agent"),
  REQUIRED_STRING (QmigIncomingSpec, run_dir, "directory of this VM's sockets and logs"),
  REQUIRED_STRV (QmigIncomingSpec, argv, "complete command line, with -S -incoming defer and qmig's monitor"),
  REQUIRED_STRING (QmigIncomingSpec, qmp, "path of qmig's monitor inside run_dir"),
  INT (QmigIncomingSpec, memory_bytes, "bytes of memory to reserve"),
  INT (QmigIncomingSpec, lease_ms, "milliseconds after which it is reaped when not renewed, unless it is held and loaded"),
  STRING (QmigIncomingSpec, transport, "unix, tls, ssh, tcp"),
  STRING (QmigIncomingSpec, tls_peer, "distinguished name of the one client to take (tls)"),
  STRING (QmigIncomingSpec, listen, "address to listen on (tls, tcp)"),
  INT (QmigIncomingSpec, port, "first port of the range; null: the kernel chooses"),
  INT (QmigIncomingSpec, port_last, "last port of the range"),
  STRV (QmigIncomingSpec, capabilities, "migration capabilities to switch on"),
  STRV (QmigIncomingSpec, wishes, "to switch on as well, all of them, unless QEMU refuses them on this host"),
  JSON (QmigIncomingSpec, parameters, "an object for migrate-set-parameters"),
  BOOL (QmigIncomingSpec, rehearsal, "a throw-away destination: it never runs, whoever asks"),
  BOOL (QmigIncomingSpec, trace_qmp, "keep what is said to its QEMU and what it says, for who asks with ?said="),
};
TYPE (QmigIncomingSpec, qmig_incoming_spec, "qmig.incoming-spec/1");

static const ApiField qmig_incoming_fields[] = {
  STRING (QmigIncoming, migration, "id of the migration"),
  INT (QmigIncoming, seq, "grows with each change"),
  ENUM (QmigIncoming, phase, qmig_incoming_phase_names, "how far the destination is"),
  INT (QmigIncoming, pid, "process id of QEMU"),
  INT (QmigIncoming, start_time, "start time of the process in clock ticks since boot; tells a reused pid apart"),
  STRING (QmigIncoming, qmp, "path of qmig's monitor"),
  STRING (QmigIncoming, run_state, "run state as QEMU says it"),
  STRING (QmigIncoming, status, "migration status as QEMU says it"),
  STRING (QmigIncoming, uri, "what the source gives to migrate"),
  BOOL (QmigIncoming, held, "pre-copy has begun"),
  INT (QmigIncoming, exit_status, "wait status of the process when gone; null if it was not a child of the agent"),
  STRING (QmigIncoming, error, "QEMU's own reason"),
  STRING (QmigIncoming, qemu_version, "version of QEMU"),
  STRV (QmigIncoming, capabilities, "migration capabilities that were switched on"),
  STRING (QmigIncoming, unfulfilled, "why the wishes are not among them"),
  INT (QmigIncoming, resumed_us, "wall clock of RESUME by QEMU, microseconds since 1970 UTC"),
  INT (QmigIncoming, launch_ms, "milliseconds from fork to greeting"),
  INT (QmigIncoming, time_us, "wall clock when answering, microseconds since 1970 UTC"),
  JSON (QmigIncoming, said, "an array of data of qmp events, each with its time_us by the destination's clock; only after ?said=N, those later than N"),
};
TYPE (QmigIncoming, qmig_incoming, "qmig.incoming/1");

static const ApiField qmig_sample_fields[] = {
  INT (QmigSample, elapsed_ms, "milliseconds since the start of the migration"),
  ENUM (QmigSample, stage, qmig_stage_names, "stage of the migration"),
  STRING (QmigSample, status, "migration status as QEMU says it"),
  INT (QmigSample, pass, "pass over memory, the first is 1"),
  INT (QmigSample, total_bytes, "bytes of guest memory"),
  INT (QmigSample, remaining_bytes, "bytes still to send"),
  INT (QmigSample, transferred_bytes, "bytes sent"),
  INT (QmigSample, dirty_bytes_per_s, "bytes the guest dirties per second"),
  INT (QmigSample, send_bytes_per_s, "bytes sent per second, measured over the last samples"),
  INT (QmigSample, need_ms, "milliseconds a stop now would take: remaining bytes over the send rate"),
  INT (QmigSample, downtime_limit_ms, "QEMU's downtime-limit, milliseconds"),
  INT (QmigSample, bandwidth_limit_bytes_per_s, "QEMU's max-bandwidth, bytes per second; 0 is unlimited"),
  INT (QmigSample, throttle_percent, "how much the guest's CPUs are held back, percent"),
  INT (QmigSample, normal_bytes, "bytes of pages sent as data"),
  INT (QmigSample, zero_bytes, "bytes of pages of which only was said that they are zero"),
  INT (QmigSample, postcopy_requests, "pages that the guest had to wait for in post-copy"),
  OBJECT (QmigSample, forecast, QmigForecast, qmig_forecast, "what is to be expected from here"),
};
TYPE (QmigSample, qmig_sample, "qmig.sample/1");

static const ApiField qmig_rehearsal_fields[] = {
  INT (QmigRehearsal, total_ms, "milliseconds that a move would have taken"),
  INT (QmigRehearsal, downtime_ms, "milliseconds that the guest would have stood still"),
  INT (QmigRehearsal, downtime_low_ms, "the least of it"),
  INT (QmigRehearsal, downtime_high_ms, "the most of it"),
  INT (QmigRehearsal, budget_ms, "milliseconds allowed for it"),
  INT (QmigRehearsal, remaining_bytes, "bytes left to send when it turned back"),
  INT (QmigRehearsal, send_bytes_per_s, "bytes a second that the link took"),
  INT (QmigRehearsal, dirty_bytes_per_s, "bytes a second that the guest wrote"),
  DOUBLE (QmigRehearsal, gate_pause_ms, "milliseconds that the guest stood still at the gate; null: it never did"),
  STRV (QmigRehearsal, proven, "what a move of the same VM can count on"),
  STRV (QmigRehearsal, not_proven, "what only a move shows"),
};
TYPE (QmigRehearsal, qmig_rehearsal, "qmig.rehearsal/1");

static const ApiField qmig_result_fields[] = {
  ENUM (QmigResult, outcome, qmig_outcome_names, "how the migration ended"),
  INT (QmigResult, exit_code, "exit status of the commands that follow it"),
  ENUM (QmigResult, vm_location, qmig_location_names, "side the VM is on"),
  STRING (QmigResult, vm_host, "name of the host it is on"),
  STRING (QmigResult, vm_state, "run state there, as last seen"),
  BOOL (QmigResult, safe_to_retry, "the same request may be sent again"),
  INT (QmigResult, total_ms, "milliseconds from accepting the request to the end"),
  INT (QmigResult, qemu_total_ms, "QEMU's total-time, milliseconds"),
  INT (QmigResult, setup_ms, "QEMU's setup-time, milliseconds"),
  INT (QmigResult, downtime_ms, "QEMU's downtime, milliseconds"),
  DOUBLE (QmigResult, blackout_ms, "milliseconds from STOP on the source to RESUME on the destination"),
  DOUBLE (QmigResult, blackout_uncertainty_ms, "how far off that may be, milliseconds"),
  INT (QmigResult, launch_ms, "milliseconds the start of the destination QEMU took"),
  INT (QmigResult, passes, "passes over memory"),
  INT (QmigResult, transferred_bytes, "bytes sent"),
  INT (QmigResult, downtime_bytes, "of these, sent while the guest stood still; null with multifd, where QEMU does not tell"),
  DOUBLE (QmigResult, pre_migration_ms, "milliseconds in this stage"),
  DOUBLE (QmigResult, reservation_ms, "milliseconds in this stage"),
  DOUBLE (QmigResult, pre_copy_ms, "milliseconds in this stage"),
  DOUBLE (QmigResult, stop_and_copy_ms, "milliseconds in this stage"),
  DOUBLE (QmigResult, commitment_ms, "milliseconds in this stage"),
  DOUBLE (QmigResult, activation_ms, "milliseconds in this stage"),
  STRING (QmigResult, error, "the first cause: what failed, where, why in QEMU's own words"),
  STRING (QmigResult, next, "what to do now"),
  STRING (QmigResult, error_id, "stable id of the error, for qmig help; null without an error"),
  STRING (QmigResult, cause, "what that error means"),
  STRING (QmigResult, cure, "what helps against it"),
  STRING (QmigResult, source_said, "what the source's QEMU said about the failure"),
  STRING (QmigResult, destination_said, "what the destination's QEMU said about the failure"),
  STRV (QmigResult, missed, "the expected bounds that were missed"),
  STRING (QmigResult, source_name, "host name of the source"),
  STRING (QmigResult, destination_name, "host name of the destination"),
  INT (QmigResult, destination_pid, "process id of the destination's QEMU"),
  INT (QmigResult, throttle_percent, "the most the guest's CPUs were held back, percent"),
  BOOL (QmigResult, postcopy, "it ended in post-copy"),
  OBJECT (QmigResult, forecast, QmigForecast, qmig_forecast, "what was expected before the start"),
  DOUBLE (QmigResult, total_error_percent, "how much longer it took than expected, percent"),
  DOUBLE (QmigResult, blackout_error_percent, "how much longer the guest stood still than expected, percent"),
  OBJECT (QmigResult, rehearsal, QmigRehearsal, qmig_rehearsal, "what a rehearsal found"),
};
TYPE (QmigResult, qmig_result, "qmig.result/1");

static const ApiField qmig_migration_info_fields[] = {
  STRING (QmigMigrationInfo, id, "m- and eight of base 32"),
  STRING (QmigMigrationInfo, vm, "name of the VM"),
  STRING (QmigMigrationInfo, uuid, "UUID of the VM"),
  STRING (QmigMigrationInfo, source, "host name of the source"),
  STRING (QmigMigrationInfo, destination, "host name of the destination"),
  STRING (QmigMigrationInfo, destination_uri, "how the destination's agent is reached"),
  BOOL (QmigMigrationInfo, active, "it has not ended"),
  ENUM (QmigMigrationInfo, stage, qmig_stage_names, "stage it is in, or ended in"),
  STRING (QmigMigrationInfo, step, "name of the step; undo-STEP on the way back"),
  BOOL (QmigMigrationInfo, holding, "it stands at the switch-over gate, waiting for go"),
  BOOL (QmigMigrationInfo, hold_wanted, "it will stay at the switch-over gate"),
  BOOL (QmigMigrationInfo, cancelling, "it was told to cancel"),
  STRING (QmigMigrationInfo, started, "RFC 3339 UTC with microseconds"),
  STRING (QmigMigrationInfo, ended, "RFC 3339 UTC with microseconds"),
  STRING (QmigMigrationInfo, reason, "why, as given with the request"),
  STRING (QmigMigrationInfo, who, "who started it: a uid of the source's host, or a certificate and its role"),
  INT (QmigMigrationInfo, source_pid, "process id of the source's QEMU"),
  INT (QmigMigrationInfo, destination_pid, "process id of the destination's QEMU"),
  INT (QmigMigrationInfo, last_seq, "seq of its last event"),
  OBJECT (QmigMigrationInfo, knobs, QmigKnobs, qmig_knobs, "limits in force"),
  OBJECT (QmigMigrationInfo, policy, QmigPolicy, qmig_policy, "the policy with its bounds"),
  BOOL (QmigMigrationInfo, postcopy, "it is in post-copy: there is no way back"),
  BOOL (QmigMigrationInfo, rehearsal, "it is a rehearsal: it turns back at the gate"),
  OBJECT (QmigMigrationInfo, sample, QmigSample, qmig_sample, "the last sample"),
  OBJECT (QmigMigrationInfo, result, QmigResult, qmig_result, "the result, when it has ended"),
};
TYPE (QmigMigrationInfo, qmig_migration_info, "qmig.migration/1");

static const ApiField qmig_event_fields[] = {
  INT (QmigEvent, seq, "number of the event; --after continues behind it; null in a heartbeat"),
  STRING (QmigEvent, ts, "RFC 3339 UTC with microseconds"),
  INT (QmigEvent, mono_us, "monotonic clock of the reporting host, microseconds"),
  STRING (QmigEvent, host, "name of the reporting host"),
  STRING (QmigEvent, migration, "id of the migration"),
  REQUIRED_STRING (QmigEvent, type, "stage, sample, round, means, decision, knob, check, qmp, link, log, result, heartbeat"),
  JSON (QmigEvent, data, "an object whose members depend on type"),
};
TYPE (QmigEvent, qmig_event, "qmig.event/1");

static const ApiField qmig_problem_fields[] = {
  STRING (QmigProblem, title, "what failed, where and why"),
  INT (QmigProblem, exit_code, "exit status of the command that hits it"),
  STRING (QmigProblem, error_id, "stable id of what went wrong"),
  ENUM (QmigProblem, vm_location, qmig_location_names, "side the VM is on"),
  STRING (QmigProblem, migration, "id of the conflicting or failed migration"),
  OBJECT (QmigProblem, plan, QmigPlan, qmig_plan, "why the migration was refused"),
};
TYPE (QmigProblem, qmig_problem, "qmig.problem/1");

static const ApiField qmig_action_fields[] = {
  STRING (QmigAction, reason, "why, for the history"),
  STRING (QmigAction, assume, "recover: source or destination, the side a person knows the VM to be on"),
};
TYPE (QmigAction, qmig_action, "qmig.action/1");

static const ApiField qmig_host_request_fields[] = {
  REQUIRED_STRING (QmigHostRequest, name, "name to know the host by"),
  REQUIRED_STRING (QmigHostRequest, uri, "how it is reached: local, unix:PATH, ssh://…, https://…"),
  STRV (QmigHostRequest, labels, "labels to give it"),
};
TYPE (QmigHostRequest, qmig_host_request, "qmig.host-request/1");

static const ApiField qmig_change_fields[] = {
  INT (QmigChange, seq, "number of the change"),
  STRING (QmigChange, time, "of the answer, RFC 3339 UTC with microseconds"),
  STRING (QmigChange, who, "who asked: a uid of this host, or a certificate and its role"),
  STRING (QmigChange, method, "method of the HTTP request"),
  STRING (QmigChange, path, "path of the HTTP request"),
  STRING (QmigChange, reason, "why, as given with the request"),
  INT (QmigChange, status, "HTTP status of the answer"),
};
TYPE (QmigChange, qmig_change, "qmig.change/1");

/* clang-format on */

gboolean
qmig_outcome_is_success (int outcome)
{
  return outcome == QMIG_OUTCOME_COMPLETED || outcome == QMIG_OUTCOME_REHEARSED;
}

QmigCheck *
qmig_check_add (GPtrArray *checks, const char *id, QmigCheckStatus status, const char *way_out, const char *format, ...)
{
  QmigCheck *check = qmig_check_new ();
  va_list args;

  check->id = g_strdup (id);
  check->status = status;
  va_start (args, format);
  check->text = g_strdup_vprintf (format, args);
  va_end (args);
  check->way_out = g_strdup (way_out);
  g_ptr_array_add (checks, check);
  return check;
}

void
qmig_checks_force (GPtrArray *checks, char **forced)
{
  for (guint i = 0; forced != NULL && i < checks->len; i++)
    {
      QmigCheck *check = g_ptr_array_index (checks, i);
      g_autofree char *text = check->text;

      if (check->status == QMIG_CHECK_FAIL && g_strv_contains ((const char *const *) forced, check->id))
        {
          check->status = QMIG_CHECK_WARN;
          check->text = g_strdup_printf ("%s (forced by the user)", text);
        }
      else
        g_steal_pointer (&text);
    }
}

gboolean
qmig_checks_refuse (const GPtrArray *checks)
{
  for (guint i = 0; i < checks->len; i++)
    if (((const QmigCheck *) g_ptr_array_index (checks, i))->status == QMIG_CHECK_FAIL)
      return TRUE;
  return FALSE;
}

void
qmig_check_set_evidence (QmigCheck *check, const char *source, const char *destination)
{
  g_free (check->source);
  g_free (check->destination);
  check->source = g_strdup (source);
  check->destination = g_strdup (destination);
}

const ApiType *const qmig_api_types[] = {
  &qmig_host_info_type,
  &qmig_host_entry_type,
  &qmig_enroll_offer_type,
  &qmig_enroll_grant_type,
  &qmig_vm_type,
  &qmig_vm_request_type,
  &qmig_qmp_request_type,
  &qmig_knobs_type,
  &qmig_policy_type,
  &qmig_forecast_type,
  &qmig_decision_type,
  &qmig_expect_type,
  &qmig_migrate_request_type,
  &qmig_check_type,
  &qmig_plan_type,
  &qmig_file_type,
  &qmig_need_type,
  &qmig_surroundings_type,
  &qmig_facts_request_type,
  &qmig_facts_type,
  &qmig_incoming_spec_type,
  &qmig_incoming_type,
  &qmig_sample_type,
  &qmig_rehearsal_type,
  &qmig_result_type,
  &qmig_migration_info_type,
  &qmig_event_type,
  &qmig_problem_type,
  &qmig_action_type,
  &qmig_host_request_type,
  &qmig_change_type,
  NULL,
};
