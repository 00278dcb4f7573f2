/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-verbs.h"

#include "cli-output.h"
#include "api-suggest.h"
#include "cmd.h"
#include "converge-replay.h"
#include "demo-report.h"
#include "failure-values.h"
#include "pki-values.h"

#include <string.h>

/* clang-format off: tables, one option or verb a block */

const CliOption cli_global_options[] = {
  { "host", 'H', CLI_TEXT, "NAME|URI", "the agent to talk to: a configured host, local, unix:PATH, or ssh://HOST (default: $QMIG_HOST or local)" },
  { "output", 'o', CLI_CHOICE, CLI_FORMATS, "what stdout gets (default: table)" },
  { "fields", 0, CLI_TEXT, "A,B.C", "only these members, by the names of -o json" },
  { "no-headers", 0, CLI_FLAG, NULL, "tables and tsv without their first line" },
  { "quiet", 'q', CLI_FLAG, NULL, "print errors only" },
  { "verbose", 'v', CLI_FLAG, NULL, "say more; repeat for more still" },
  { "progress", 0, CLI_CHOICE, "auto|bar|lines|none", "how progress is shown on stderr (default: auto, a bar on a terminal)" },
  { "color", 0, CLI_CHOICE, "auto|always|never", "colours (default: auto, on a terminal and without NO_COLOR)" },
  { "no-input", 0, CLI_FLAG, NULL, "never ask anything" },
  { "yes", 'y', CLI_FLAG, NULL, "answer yes to what would be asked" },
  { "timeout", 0, CLI_TIME, "T", "how long to wait: for an answer, or for a migration that goes on without us" },
  { "config", 0, CLI_TEXT, "FILE", "read this file instead of the user's qmig.conf" },
  { "no-autostart", 0, CLI_FLAG, NULL, "do not start an agent where none runs" },
  { "help", 'h', CLI_FLAG, NULL, "explain the command" },
  { "version", 0, CLI_FLAG, NULL, "print the version" },
  { NULL },
};

static const CliOption enroll_options[] = {
  { "address", 0, CLI_TEXT, "ADDRESS", "where this host reaches the other one (default: the host in SSH-URI)" },
  { "own-address", 0, CLI_TEXT, "ADDRESS", "where the other one reaches this host (default: as the system routes)" },
  { NULL },
};

static const CliOption vm_list_options[] = {
  { "all", 0, CLI_FLAG, NULL, "the VMs of all known hosts; a host that does not answer is one line with its problem" },
  { "no-ask", 0, CLI_FLAG, NULL, "do not ask QEMU for its state: faster, and leaves monitors alone" },
  { NULL },
};

static const CliOption vm_add_options[] = {
  { "qmp", 0, CLI_TEXT, "SOCKET", "path of a QMP socket" },
  { "pid", 0, CLI_COUNT, "N", "a QEMU process whose monitor is found in its command line" },
  { NULL },
};

static const CliOption vm_stop_options[] = {
  { "force", 0, CLI_FLAG, NULL, "end QEMU at once, without asking the guest to shut down" },
  { NULL },
};

#define LIMIT_OPTIONS                                                                                                        \
  { "downtime", 0, CLI_TIME, "T", "how long the VM may stand still, all in all" },                                          \
  { "bandwidth", 0, CLI_RATE, "RATE", "how fast memory may be sent at most: 1GiB/s, 10Gbit/s or max" },                     \
  { "deadline", 0, CLI_TIME, "T", "cancel when this long after the start the VM has not moved" },                            \
  { "throttle-max", 0, CLI_PERCENT, "P", "how far the guest's CPUs may be held back at most, in percent; 0 is not at all" }, \
  { "postcopy-bandwidth", 0, CLI_RATE, "RATE", "how fast post-copy may send what was not asked for" },                       \
  { "xbzrle-cache", 0, CLI_SIZE, "SIZE", "cache of xbzrle, a power of two (default: a tenth of the guest's memory)" }

#define MOVE_OPTIONS                                                                                                         \
  { "policy", 0, CLI_TEXT, "NAME", "which means may be used and how far; see 'qmig policy list' (default: default)" },       \
  LIMIT_OPTIONS,                                                                                                             \
  { "allow", 0, CLI_WORDS, "postcopy,pause",                                                                                \
    "consent to post-copy, from which there is no way back, and to stopping the VM for longer than --downtime" },            \
  { "multifd", 0, CLI_COUNT, "N", "send over N parallel connections; 0 is one stream (default: 0, or 4 for zstd and zlib)" }, \
  { "compression", 0, CLI_CHOICE, "none|zstd|zlib|xbzrle", "zstd and zlib come with --multifd, xbzrle without (default: none)" }, \
  { "transport", 0, CLI_CHOICE, "unix|tls|ssh|tcp",                                                                        \
    "how the two QEMUs talk (default: unix on one machine, tls between enrolled hosts, ssh where it leads there)" },         \
  { "listen", 0, CLI_TEXT, "ADDRESS", "address the destination listens on (tls, tcp)" },                                       \
  { "port", 0, CLI_PORTS, "N|A-B", "port or range of ports it may take (default: as its host says)" },                           \
  { "qemu", 0, CLI_TEXT, "PATH", "QEMU of the destination (default: the path of the source's)" },                            \
  { "target-arg", 0, CLI_TEXTS, "ARG", "append to the destination's command line; may be repeated" },                        \
  { "new-name", 0, CLI_TEXT, "NAME", "name of the VM on the destination" },                                                   \
  { "force-check", 0, CLI_TEXTS, "ID", "go on though this check fails, where no data is at stake; may be repeated" }

#define NO_MEASURE \
  { "no-measure", 0, CLI_FLAG, NULL, "do not let QEMU count for a moment what the guest writes, nor try the link: the forecast then knows earlier moves alone" }

#define DEEP { "deep", 0, CLI_FLAG, NULL, "start a throw-away destination as well, which never runs, to prove that it starts" }

static const CliOption check_options[] = {
  MOVE_OPTIONS,
  DEEP,
  NO_MEASURE,
  { NULL },
};

#define EXPECT { "expect", 0, CLI_EXPECT, "BOUND,…", "exit 8 unless kept: downtime=300ms,blackout=400ms,total=2m,rounds=10" }

#define FOLLOW_OPTIONS                                                                                                       \
  { "trace-qmp", 0, CLI_FLAG, NULL, "tell what is said to both QEMUs, as events of the type qmp" },                   \
  { "wait", 0, CLI_FLAG, NULL, "follow to the end; the default" },                                                           \
  { "no-wait", 0, CLI_FLAG, NULL, "print the id and leave; the agent goes on" },                                             \
  { "on-interrupt", 0, CLI_CHOICE, "cancel|detach", "what the first Ctrl-C does (default: cancel)" },                        \
  { "reason", 0, CLI_TEXT, "TEXT", "kept in the history" },                                                                  \
  { "idempotency-key", 0, CLI_TEXT, "KEY", "the same key again means the same migration, not a second one" }

static const CliOption rehearse_options[] = {
  MOVE_OPTIONS,
  EXPECT,
  { "no-gate", 0, CLI_FLAG, NULL, "turn back while the guest still runs; one with little to copy may be at the gate before that can be seen" },
  FOLLOW_OPTIONS,
  { NULL },
};

static const CliOption migrate_options[] = {
  MOVE_OPTIONS,
  EXPECT,
  { "hold", 0, CLI_FLAG, NULL, "stop at the switch-over gate until 'qmig switch --go'" },
  { "dry-run", 'n', CLI_FLAG, NULL, "only check, and print what would be done" },
  DEEP,
  NO_MEASURE,
  FOLLOW_OPTIONS,
  { NULL },
};

static const CliOption console_options[] = {
  { "read-only", 0, CLI_FLAG, NULL, "nothing can be changed; also by QMIG_READ_ONLY=1" },
  { "screen", 0, CLI_CHOICE, "vms|migrations|log|history|hosts", "the screen to begin with (default: the last one)" },
  { "graph", 0, CLI_CHOICE, "braille|block|ascii", "how curves are drawn (default: as fits the terminal); also by QMIG_GRAPH" },
  { "no-mouse", 0, CLI_FLAG, NULL, "leave the mouse to the terminal" },
  { NULL },
};

static const CliOption watch_options[] = {
  { "all", 0, CLI_FLAG, NULL, "all migrations that are active now" },
  { "after", 0, CLI_COUNT, "SEQ", "only events after this one" },
  { NULL },
};

static const CliOption tune_options[] = {
  LIMIT_OPTIONS,
  { NULL },
};

static const CliOption switch_options[] = {
  { "hold", 0, CLI_FLAG, NULL, "stop at the gate before the switch-over" },
  { "go", 0, CLI_FLAG, NULL, "go through it" },
  { "postcopy", 0, CLI_FLAG, NULL, "change over now; the memory that is missing follows while the VM runs" },
  { "confirm", 0, CLI_TEXT, "VM", "the VM's name, for --postcopy: there is no way back from it" },
  { NULL },
};

static const CliOption cancel_options[] = {
  { "reason", 0, CLI_TEXT, "TEXT", "kept in the history" },
  { "wait", 0, CLI_FLAG, NULL, "follow until the VM is back on the source" },
  { NULL },
};

static const CliOption recover_options[] = {
  { "assume", 0, CLI_CHOICE, "source|destination|target", "where the VM is to run, if nobody can know any more" },
  { NULL },
};

#define PAST_OPTIONS                                                                                      \
  { "vm", 0, CLI_TEXT, "VM", "of this VM" },                                                              \
  { "of-host", 0, CLI_TEXT, "HOST", "from or to this host" },                                             \
  { "result", 0, CLI_CHOICE, "completed|refused|rolled-back|cancelled|attention|guest-ended", "that ended so" }, \
  { "since", 0, CLI_TEXT, "T", "started since: 2h ago as 2h, or a time as 2024-05-01T10:00:00Z" },        \
  { "limit", 0, CLI_COUNT, "N", "at most so many, the latest" }

static const CliOption migration_list_options[] = {
  { "active", 0, CLI_FLAG, NULL, "only those that run" },
  { "ended", 0, CLI_FLAG, NULL, "only those that have ended" },
  PAST_OPTIONS,
  { NULL },
};

static const CliOption history_options[] = {
  PAST_OPTIONS,
  { NULL },
};

static const CliOption replay_options[] = {
  { "policy", 0, CLI_TEXT, "NAME", "the policy to try; see 'qmig policy list' (default: that of then)" },
  LIMIT_OPTIONS,
  { "allow", 0, CLI_WORDS, "postcopy,pause", "consent to post-copy and to stopping the VM for longer than --downtime" },
  { NULL },
};

static const CliOption events_options[] = {
  { "after", 0, CLI_COUNT, "SEQ", "only events after this one" },
  { NULL },
};

static const CliOption wait_options[] = {
  { "for", 0, CLI_CHOICE, "reservation|pre-copy|stop-and-copy|commitment|activation|end", "the stage to wait for (default: end)" },
  { NULL },
};

static const CliOption agent_run_options[] = {
  { "name", 0, CLI_TEXT, "NAME", "name of this host (default: the machine's)" },
  { "listen", 0, CLI_TEXT, "ADDRESS[:PORT]", "serve https there too (default: listen= in [agent] of the config file; port 7647)" },
  { NULL },
};

static const CliOption agent_stop_options[] = {
  { "force", 0, CLI_FLAG, NULL, "also while migrations run; the next agent goes on with them" },
  { NULL },
};

static const CliOption agent_changes_options[] = {
  { "limit", 0, CLI_COUNT, "N", "at most so many, the latest (default: 100)" },
  { NULL },
};

static const CliOption pki_init_options[] = {
  { "name", 0, CLI_TEXT, "NAME", "whose authority it is (default: the machine's name)" },
  { NULL },
};

static const CliOption pki_issue_options[] = {
  { "address", 0, CLI_TEXTS, "ADDRESS", "a host name or IP address that the host is called by; repeat for more" },
  { "days", 0, CLI_COUNT, "N", "how long it is valid (default: 730)" },
  { "own", 0, CLI_FLAG, NULL, "for this very host: put it where the agent looks for it" },
  { NULL },
};

static const CliOption pki_trust_options[] = {
  { "role", 0, CLI_CHOICE, "viewer|operator|admin", "what it may do: look, also migrate, or everything" },
  { "fingerprint", 0, CLI_TEXT, "F", "SHA-256 of its client certificate" },
  { "cert", 0, CLI_TEXT, "FILE", "its client certificate" },
  { NULL },
};

static const CliOption dial_stdio_options[] = {
  { "migration", 0, CLI_TEXT, "ID", "the stream of this incoming migration instead of the agent" },
  { NULL },
};

static const CliOption host_add_options[] = {
  { "label", 0, CLI_TEXTS, "LABEL", "a label to give it; may be repeated" },
  { NULL },
};

static const CliOption demo_options[] = {
  { "ram", 0, CLI_SIZE, "SIZE", "memory of the guest (default: 256M)" },
  { "working-set", 0, CLI_SIZE, "SIZE", "how much of it the guest uses (default: 64M)" },
  { "dirty", 0, CLI_TEXT, "RATE|idle", "how fast the guest writes (default: 50MiB/s)" },
  { "qemu", 0, CLI_TEXT, "PATH", "the QEMU to use (default: qemu-system-x86_64; without KVM a newer one that ./setup qemus unpacked)" },
  { "accel", 0, CLI_CHOICE, "kvm|tcg|auto", "how QEMU runs the guest (default: auto, KVM where it serves)" },
  { "keep", 0, CLI_FLAG, NULL, "leave all running and print how to look around" },
  { NULL },
};

#define CONSOLE_ABOUT                                                                                                       \
  "VMs of all hosts, migrations as they run with their curves, forecast and knobs, log, history with replay, hosts; ? shows\n" \
  "the keys of a screen, : its commands. It only looks and asks: the agents do the work, and closing it changes nothing.\n"     \
  "Without a terminal: qmig watch. Colours: --color, QMIG_COLOR, NO_COLOR; themes: QMIG_THEME=default|light|mono|cb.\n" \
  "A group [keys] of the config file has own keys: migrate = M F6; a wrong name there is answered with all that there are."

const CliVerb cli_verbs[] = {
  { NULL, "console", "", "the interactive screen; also opened by 'qmig' alone on a terminal",
    "qmig console\n"
    "qmig console --read-only --screen history", CONSOLE_ABOUT,
    console_options, cmd_console, NULL, CLI_NEEDS_NOTHING },
  { NULL, "top", "", "the same as console",
    "qmig top", CONSOLE_ABOUT,
    console_options, cmd_console, NULL, CLI_NEEDS_NOTHING },
  { NULL, "migrate", "VM [DEST]", "move a running VM to another host and follow it to the end",
    "qmig migrate web01 beta --downtime 300ms --expect downtime=300ms,total=2m && echo moved\n"
    "id=$(qmig migrate web01 beta --no-wait -o name); qmig tune \"$id\" --bandwidth 2GiB/s; qmig migration wait \"$id\"\n"
    "qmig migrate web01 beta --dry-run",
    "VM is a name, a UUID or an id of 'vm list', or HOST/NAME where it runs on another host. DEST is a host name,\n"
    "local or a URI; without it the VM moves into a new QEMU on its own host.\n"
    "The agent of the source host does the work: closing the terminal changes nothing. The first Ctrl-C cancels (or\n"
    "detaches, see --on-interrupt), the second leaves at once while the agent finishes. With --timeout the waiting ends\n"
    "with exit status 7 and the migration goes on.\n"
    "The exit status says where the VM is: see 'qmig help exit-codes'.",
    migrate_options, cmd_migrate, &qmig_result_type, CLI_NEEDS_NOTHING },
  { NULL, "check", "VM [DEST]", "say whether a VM can be moved, what would be done, and how long it will take",
    "qmig check web01 beta\n"
    "qmig check web01 beta -o json | jq '.checks[]|select(.status!=\"ok\")'\n"
    "qmig check web01 beta -o json | jq -r .forecast.text",
    "Touches nothing; for one to three seconds QEMU counts what the guest writes. The forecast is from that, from earlier moves,\n"
    "or from what has to be assumed, and says which. With --deep the destination's QEMU is really started, and ended at once.\n"
    "Exit status 3 where the migration would be refused.",
    check_options, cmd_check, &qmig_plan_type, CLI_NEEDS_NOTHING },
  { NULL, "rehearse", "VM [DEST]", "try a move for real, up to the gate before the switch-over, and go back",
    "qmig rehearse web01 beta\n"
    "qmig rehearse web01 beta --expect downtime=300ms && qmig migrate web01 beta\n"
    "qmig rehearse web01 beta -o json | jq .rehearsal",
    "The memory is copied to a throw-away destination, which cannot run and is ended in any case; the VM stays where it is.\n"
    "At the gate it stands still for a moment, which is measured and said; with --no-gate it turns back before, where it can. What was seen of link and\n"
    "guest makes the forecast of the next 'qmig check' and 'qmig migrate'. The options are those of 'qmig migrate'.",
    rehearse_options, cmd_rehearse, &qmig_result_type, CLI_NEEDS_NOTHING },
  { NULL, "watch", "[MIG]", "follow a migration that runs, or show again one that has ended",
    "qmig watch\n"
    "qmig watch \"$id\" -o jsonl | jq -r 'select(.type==\"sample\")|[.data.remaining_bytes,.data.dirty_bytes_per_s]|@tsv'",
    "MIG is an id, a unique prefix of one, a VM name with one active migration, or last; without it the one that is\n"
    "active. Ctrl-C only stops watching. The exit status is that of the migration; with --all, the first that is not 0.",
    watch_options, cmd_watch, NULL, CLI_NEEDS_AGENT },
  { NULL, "tune", "MIG", "change the limits of a running migration",
    "qmig tune last --bandwidth max --downtime 500ms",
    "They are bounds: within them qmig sets QEMU's own values. 'qmig watch' tells when each was sent to QEMU, accepted, and is\n"
    "in force. The throttle, the bandwidth of post-copy and xbzrle can only be turned where the migration was started with them.",
    tune_options, cmd_tune, &qmig_migration_info_type, CLI_NEEDS_AGENT },
  { NULL, "switch", "MIG", "hold a migration before its switch-over, let it go, or change over in post-copy",
    "qmig switch web01 --hold\n"
    "qmig switch web01 --go\n"
    "qmig switch web01 --postcopy --confirm web01",
    "--postcopy needs a migration that was started with --allow postcopy, or by a policy that allows it. From then until its\n"
    "end each side has a part of the VM: losing one of both QEMUs loses it, a lost link only halts it and is taken up again.\n"
    "Exit status 12 where it comes too late, or was not allowed.",
    switch_options, cmd_switch, &qmig_migration_info_type, CLI_NEEDS_AGENT },
  { NULL, "cancel", "MIG", "cancel a migration; the VM stays on the source",
    "qmig cancel web01 --reason 'wrong host' --wait",
    "Comes too late once the VM was handed over; this is said with exit status 12.",
    cancel_options, cmd_cancel, &qmig_migration_info_type, CLI_NEEDS_AGENT },
  { NULL, "recover", "MIG", "settle a migration that ended in doubt",
    "qmig recover last\n"
    "qmig recover last --assume source --yes",
    "Looks at both sides and goes on or back; a post-copy whose link is broken goes on. Exit status 0 once it is settled,\n"
    "5 while it is not. --assume is your word that the other side does not run; were it wrong, the VM would run twice, so\n"
    "it is asked about or needs --yes.",
    recover_options, cmd_recover, &qmig_result_type, CLI_NEEDS_AGENT },
  { NULL, "history", "", "list migrations that have ended, and how far the forecast was off",
    "qmig history --since 24h --result rolled-back", NULL,
    history_options, cmd_history, &qmig_migration_info_type, CLI_NEEDS_AGENT },
  { NULL, "replay", "TRACE|MIG", "tell what another policy would have done with a migration of the past",
    "qmig replay last --policy gentle\n"
    "qmig migration samples last -o jsonl > move.trace; qmig replay move.trace --downtime 100ms\n"
    "qmig replay last --bandwidth 1GiB/s -o json | jq '[.outcome,.total_ms,.blackout_ms]'",
    "TRACE is a file of 'qmig migration samples MIG -o jsonl', or - for stdin; it needs no agent but for --policy. The recorded\n"
    "samples are decided again. As soon as something else is decided than was then, the record says no more: from there on a\n"
    "simulator goes on with the guest and the link that the record shows, and that is marked.",
    replay_options, cmd_replay, &converge_replay_type, CLI_NEEDS_NOTHING },
  { NULL, "demo", "", "boot a small guest, move it between two hosts on this machine, and prove it",
    "qmig demo\n"
    "qmig demo --ram 1G --dirty 200MiB/s --keep",
    "Starts two agents of its own in a temporary directory and removes everything at the end, whatever happens. Exit\n"
    "status 1 where anything is not as it must be.",
    demo_options, cmd_demo, &demo_report_type, CLI_NEEDS_NOTHING },
  { NULL, "doctor", "", "find out what works on this host",
    "qmig doctor", "Exit status 1 where a finding is 'fail'.",
    NULL, cmd_doctor, &qmig_check_type, CLI_NEEDS_AGENT },

  { "vm", "list", "", "list VMs",
    "qmig vm list\n"
    "qmig vm list --all -o name", NULL,
    vm_list_options, cmd_vm_list, &qmig_vm_type, CLI_NEEDS_AGENT },
  { "vm", "show", "VM", "show one VM and its command line",
    "qmig vm show web01", NULL,
    NULL, cmd_vm_show, &qmig_vm_type, CLI_NEEDS_NOTHING },
  { "vm", "add", "NAME", "name a QEMU that somebody else started",
    "qmig vm add web01 --qmp /run/web01.qmp\n"
    "qmig vm add web01 --pid 4711", NULL,
    vm_add_options, cmd_vm_add, &qmig_vm_type, CLI_NEEDS_AGENT },
  { "vm", "remove", "VM", "forget a VM that was added; QEMU is not touched",
    "qmig vm remove web01", NULL,
    NULL, cmd_vm_remove, NULL, CLI_NEEDS_NOTHING },
  { "vm", "start", "[NAME] [-- COMMAND…]", "start a VM from a QEMU command line",
    "qmig vm start -- qemu-system-x86_64 -name web01 -accel kvm -m 1G -drive file=web01.qcow2\n"
    "qmig vm start web01 -- qemu-system-x86_64 -m 1G",
    "The name is NAME or that of -name. qmig adds a monitor of its own beside yours. Relative paths refer to the current\n"
    "directory.",
    NULL, cmd_vm_start, &qmig_vm_type, CLI_NEEDS_AGENT },
  { "vm", "stop", "VM", "shut a VM down",
    "qmig vm stop web01", "--force loses what the guest has not written, so it is asked about or needs --yes.",
    vm_stop_options, cmd_vm_stop, NULL, CLI_NEEDS_NOTHING },
  { "vm", "qmp", "VM COMMAND [JSON]", "send one QMP command and print what it returns",
    "qmig vm qmp web01 query-status\n"
    "qmig vm qmp web01 qom-get '{\"path\":\"/machine\",\"property\":\"type\"}'", NULL,
    NULL, cmd_vm_qmp, NULL, CLI_NEEDS_NOTHING },

  { "migration", "list", "", "list migrations",
    "qmig migration list --active", NULL,
    migration_list_options, cmd_migration_list, &qmig_migration_info_type, CLI_NEEDS_AGENT },
  { "migration", "show", "MIG", "show one migration",
    "qmig migration show last", NULL,
    NULL, cmd_migration_show, &qmig_migration_info_type, CLI_NEEDS_AGENT },
  { "migration", "events", "MIG", "print what happened in a migration, one event a line",
    "qmig migration events last -o jsonl", NULL,
    events_options, cmd_migration_events, &qmig_event_type, CLI_NEEDS_AGENT },
  { "migration", "samples", "MIG", "print the measurements of a migration",
    "qmig migration samples last -o tsv\n"
    "qmig migration samples last -o jsonl > move.trace; qmig replay move.trace --policy gentle",
    "-o jsonl is a trace that stands for itself (qmig.trace/1): a line with the policy and what was known before the start, then\n"
    "the samples, decisions and the result, each as in 'qmig migration events'.",
    events_options, cmd_migration_samples, &qmig_sample_type, CLI_NEEDS_AGENT },
  { "migration", "wait", "MIG", "wait for a stage or the end of a migration",
    "qmig migration wait \"$id\" --timeout 5m\n"
    "qmig migration wait \"$id\" --for stop-and-copy",
    "The exit status is that of the migration where it has ended, 7 where --timeout was over first.",
    wait_options, cmd_migration_wait, &qmig_result_type, CLI_NEEDS_AGENT },

  { "host", "list", "", "list hosts and whether they answer",
    "qmig host list", NULL,
    NULL, cmd_host_list, &qmig_host_entry_type, CLI_NEEDS_AGENT },
  { "host", "show", "[HOST]", "show one host (default: the one we talk to)",
    "qmig host show beta", NULL,
    NULL, cmd_host_show, &qmig_host_info_type, CLI_NEEDS_NOTHING },
  { "host", "add", "NAME URI", "make a host known by name",
    "qmig host add beta ssh://ops@beta --label rack1\n"
    "qmig host add gamma unix:/run/user/1000/gamma/agent.sock",
    "By ssh it is the user's own ssh with its config and keys, which has to get in without being asked for anything; the\n"
    "environment variable QMIG_SSH replaces the word ssh, as in QMIG_SSH='ssh -i key'. qmig is looked for in the PATH there;\n"
    "qmig = PATH in the [host NAME] group of the config file names another one.",
    host_add_options, cmd_host_add, &qmig_host_entry_type, CLI_NEEDS_AGENT },
  { "host", "remove", "HOST", "forget a host",
    "qmig host remove beta", NULL,
    NULL, cmd_host_remove, NULL, CLI_NEEDS_AGENT },
  { "host", "enroll", "NAME [SSH-URI]", "set up certificates and trust between this host and another, over ssh",
    "qmig host enroll beta\n"
    "qmig host enroll beta ssh://root@10.0.0.2 --address 192.168.7.2",
    "Needs a login by ssh to the other host and qmig on it. The first enrolment makes this host the authority; keys stay\n"
    "where they are made. Afterwards both agents listen for each other (port 7647), and moves between them are encrypted.",
    enroll_options, cmd_host_enroll, NULL, CLI_NEEDS_AGENT },
  { "host", "test", "HOST", "try the way to a host, and say what is wrong with it",
    "qmig host test beta",
    "Reachability, versions, clocks, certificates and their dates, what a move there would be encrypted with, and bandwidth; each\n"
    "with its cure where it is bad. Exit status 9 where it does not answer.",
    NULL, cmd_host_test, &qmig_host_entry_type, CLI_NEEDS_AGENT },

  { "policy", "list", "", "list the policies that --policy knows",
    "qmig policy list\n"
    "qmig policy list -o json | jq -r '.items[]|select(.allow_postcopy).name'",
    "Those that come with qmig, and each [policy NAME] of the config file, which goes before one of the same name. The agent of\n"
    "the host that the VM leaves decides what a name means.",
    NULL, cmd_policy_list, &qmig_policy_type, CLI_NEEDS_AGENT },
  { "policy", "show", "NAME", "show one policy",
    "qmig policy show must-finish",
    "In the config file it is a group [policy NAME] with any of: about, downtime = 300ms, deadline = 30m or none,\n"
    "bandwidth = 1GiB/s or max, start-bandwidth = 1Gbit/s or bound, throttle-max = 50%, allow = postcopy, pause or none,\n"
    "patience = 60s. What is left out is as built in: downtime 300ms, no deadline, no bound of the bandwidth, throttle-max 99%,\n"
    "nothing allowed, patience 60s.",
    NULL, cmd_policy_show, &qmig_policy_type, CLI_NEEDS_AGENT },

  { "agent", "run", "", "serve as the agent of this host until stopped",
    "qmig agent run --name alpha",
    "Sockets are in $QMIG_RUNTIME_DIR (default: $XDG_RUNTIME_DIR/qmig), the journal in $QMIG_STATE_DIR (default:\n"
    "$XDG_STATE_HOME/qmig). Other commands start it by themselves; QEMU processes outlive it. It serves https where the\n"
    "config file says 'listen = ADDRESS[:PORT]' in [agent] and it has certificates ($QMIG_PKI_DIR, default: pki beside the\n"
    "config file).",
    agent_run_options, cmd_agent_run, NULL, CLI_NEEDS_NOTHING },
  { "agent", "status", "", "show the agent, without starting one",
    "qmig agent status", "Exit status 9 where none runs.",
    NULL, cmd_agent_status, &qmig_host_info_type, CLI_NEEDS_NOTHING },
  { "agent", "stop", "", "stop the agent; VMs run on",
    "qmig agent stop", "Refused with exit status 12 while migrations run.",
    agent_stop_options, cmd_agent_stop, NULL, CLI_NEEDS_NOTHING },
  { "agent", "changes", "", "list who changed what on a host, and why",
    "qmig agent changes\n"
    "qmig --host beta agent changes --limit 10 -o json",
    "Every request that changes something and was let in, with the HTTP status it was answered with. The last 10000 are kept.",
    agent_changes_options, cmd_agent_changes, &qmig_change_type, CLI_NEEDS_AGENT },
  { "agent", "dial-stdio", "", "connect stdin and stdout with the agent; what ssh runs on the far host",
    "ssh beta qmig agent dial-stdio", "Starts the agent of this user where none runs.",
    dial_stdio_options, cmd_agent_dial_stdio, NULL, CLI_NEEDS_NOTHING },

  { "pki", "init", "", "make an authority that issues certificates",
    "qmig pki init --name alpha",
    "On one host; its directory is $QMIG_PKI_DIR (default: pki beside the config file). Whoever has ca-key.pem can let\n"
    "anybody in, so keep it there.",
    pki_init_options, cmd_pki_init, &certificate_line_type, CLI_NEEDS_NOTHING },
  { "pki", "issue", "NAME", "issue certificates to a host or a person",
    "qmig pki issue alpha --own --address alpha.example.org --address 10.0.0.1\n"
    "qmig pki issue beta --address 10.0.0.2 && qmig pki export beta /tmp/beta\n"
    "qmig pki issue anna --days 90",
    "A host has --address and gets one certificate to be called and one to call; a person calls only. Issued again, they\n"
    "are new certificates for the same keys.",
    pki_issue_options, cmd_pki_issue, &certificate_line_type, CLI_NEEDS_NOTHING },
  { "pki", "list", "", "list the certificates that were issued here",
    "qmig pki list\n"
    "qmig pki list -o json | jq -r '.items[]|select(.status!=\"valid\").name'", NULL,
    NULL, cmd_pki_list, &certificate_line_type, CLI_NEEDS_NOTHING },
  { "pki", "revoke", "NAME", "make all certificates of NAME void, and trust it no more",
    "qmig pki revoke anna",
    "Counts on this host from the next connection on, on other hosts once they have the new ca-crl.pem. Cannot be taken\n"
    "back, so it is asked about or needs --yes.",
    NULL, cmd_pki_revoke, NULL, CLI_NEEDS_NOTHING },
  { "pki", "export", "NAME DIR", "copy the certificates and keys of NAME to a new directory",
    "qmig pki export beta /tmp/beta", "The directory holds private keys: carry it over ssh, and remove it.",
    NULL, cmd_pki_export, NULL, CLI_NEEDS_NOTHING },
  { "pki", "trust", "NAME", "let a client talk to the agent of this host",
    "qmig pki trust beta --role operator\n"
    "qmig pki trust anna --role viewer --cert anna/client-cert.pem",
    "Without --fingerprint or --cert, the certificate is the one that was issued here last to NAME. Agents need the role\n"
    "operator with each other.",
    pki_trust_options, cmd_pki_trust, NULL, CLI_NEEDS_NOTHING },
  { "pki", "untrust", "NAME", "let a client talk to the agent no more; NAME may be a fingerprint",
    "qmig pki untrust anna", NULL,
    NULL, cmd_pki_untrust, NULL, CLI_NEEDS_NOTHING },
  { "pki", "peers", "", "list the clients that may talk to the agent of this host",
    "qmig pki peers", NULL,
    NULL, cmd_pki_peers, &peer_line_type, CLI_NEEDS_NOTHING },

  { NULL, "schema", "[NAME]", "print the JSON Schema of an output; without NAME, what there is",
    "qmig schema qmig.result/1", NULL,
    NULL, cmd_schema, NULL, CLI_NEEDS_NOTHING },
  { NULL, "help", "[TOPIC] [VERB]", "explain a command, an error by its id, or the topics errors and exit-codes",
    "qmig help migrate\n"
    "qmig help vm start\n"
    "qmig help E0302\n"
    "qmig help errors -o json\n"
    "qmig help exit-codes", "Errors have -o json and --fields; other topics are text in any case.",
    NULL, cmd_help, &failure_line_type, CLI_NEEDS_NOTHING },
  { NULL, "version", "", "print the version",
    "qmig version", NULL,
    NULL, cmd_version, NULL, CLI_NEEDS_NOTHING },
  { NULL },
};

/* clang-format on */

const char *const cli_groups[] = { "vm", "migration", "policy", "host", "agent", "pki", NULL };

const char *
cli_group_help (const char *group)
{
  static const char *const help[] = {
    "virtual machines",
    "migrations, present and past",
    "which means a migration may use, and how far",
    "hosts that are known by name",
    "the agent of a host",
    "certificates, and who may talk to the agent",
  };

  for (gsize i = 0; cli_groups[i] != NULL; i++)
    if (strcmp (group, cli_groups[i]) == 0)
      return help[i];
  return NULL;
}

static const CliVerb *
find_verb (const char *group, const char *name)
{
  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++)
    if (g_strcmp0 (verb->group, group) == 0 && strcmp (verb->name, name) == 0)
      return verb;
  return NULL;
}

/* The verbs of @group; for the everyday ones (NULL) also the names of the groups. */
static char **
names_in_group (const char *group)
{
  g_autoptr(GStrvBuilder) names = g_strv_builder_new ();

  for (const CliVerb *verb = cli_verbs; verb->name != NULL; verb++)
    if (g_strcmp0 (verb->group, group) == 0)
      g_strv_builder_add (names, verb->name);
  if (group == NULL)
    g_strv_builder_addv (names, (const char **) cli_groups);
  return g_strv_builder_end (names);
}

static const CliVerb *
fail_unknown (const char *group, const char *word, GError **error)
{
  g_auto(GStrv) names = names_in_group (group);
  g_autofree char *hint = api_suggest (word, (const char *const *) names);

  if (group != NULL && *hint == '\0')
    {
      g_autofree char *all = g_strjoinv (", ", names);

      g_free (hint);
      hint = g_strconcat ("; there are ", all, NULL);
    }
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "unknown command '%s%s%s'%s", group != NULL ? group : "",
               group != NULL ? " " : "", word, hint);
  return NULL;
}

const CliVerb *
cli_verb_find (char **words, guint *n_used, GError **error)
{
  const CliVerb *verb = find_verb (NULL, words[0]);
  g_auto(GStrv) names = NULL;
  g_autofree char *all = NULL;

  *n_used = 1;
  if (verb != NULL)
    return verb;
  if (cli_group_help (words[0]) == NULL)
    return fail_unknown (NULL, words[0], error);

  *n_used = 2;
  if (words[1] != NULL)
    {
      verb = find_verb (words[0], words[1]);
      return verb != NULL ? verb : fail_unknown (words[0], words[1], error);
    }
  names = names_in_group (words[0]);
  all = g_strjoinv (", ", names);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "'%s' needs one of: %s", words[0], all);
  return NULL;
}

char *
cli_verb_full_name (const CliVerb *verb)
{
  return verb->group != NULL ? g_strconcat (verb->group, " ", verb->name, NULL) : g_strdup (verb->name);
}

static guint
count_args (const CliVerb *verb, gboolean optional)
{
  g_auto(GStrv) words = g_strsplit (verb->arguments, " ", -1);
  guint n = 0;

  for (char **word = words; *word != NULL && strcmp (*word, "[--") != 0; word++)
    n += **word != '\0' && (optional || **word != '[');
  return n;
}

guint
cli_verb_min_args (const CliVerb *verb)
{
  return count_args (verb, FALSE);
}

guint
cli_verb_max_args (const CliVerb *verb)
{
  return count_args (verb, TRUE);
}

gboolean
cli_verb_takes_rest (const CliVerb *verb)
{
  return strstr (verb->arguments, "[-- ") != NULL;
}
