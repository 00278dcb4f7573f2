/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api-error.h"
#include "api-value.h"

G_BEGIN_DECLS

/* The version of the HTTP API, sent as X-Qmig-Api. */
#define QMIG_API_VERSION 1

/* The six classical stages; the text is the JSON and the ladder on screen. */
typedef enum
{
  QMIG_STAGE_PRE_MIGRATION,
  QMIG_STAGE_RESERVATION,
  QMIG_STAGE_PRE_COPY,
  QMIG_STAGE_STOP_AND_COPY,
  QMIG_STAGE_COMMITMENT,
  QMIG_STAGE_ACTIVATION,
} QmigStage;
#define QMIG_N_STAGES 6
extern const char *const qmig_stage_names[]; /* "pre-migration", "reservation", "pre-copy", "stop-and-copy", "commitment", "activation" */

/* How a migration ended; ACTIVE while it has not. */
typedef enum
{
  QMIG_OUTCOME_ACTIVE,      /* "active" */
  QMIG_OUTCOME_COMPLETED,   /* "completed" */
  QMIG_OUTCOME_REFUSED,     /* "refused" */
  QMIG_OUTCOME_ROLLED_BACK, /* "rolled-back" */
  QMIG_OUTCOME_CANCELLED,   /* "cancelled" */
  QMIG_OUTCOME_ATTENTION,   /* "attention": qmig recover settles it */
  QMIG_OUTCOME_GUEST_ENDED, /* "guest-ended": the guest powered itself off meanwhile; none running is right */
  QMIG_OUTCOME_REHEARSED,   /* "rehearsed": it was no more than tried, the VM runs on the source */
} QmigOutcome;
extern const char *const qmig_outcome_names[];
/* It went as asked. */
gboolean qmig_outcome_is_success (int outcome);

/* Where the VM is after all is said; "unknown" only together with "attention". */
typedef enum
{
  QMIG_LOCATION_UNKNOWN,
  QMIG_LOCATION_SOURCE,
  QMIG_LOCATION_DESTINATION,
  QMIG_LOCATION_NONE,
} QmigLocation;
extern const char *const qmig_location_names[]; /* "unknown", "source", "destination", "none" */

/* A host as its agent describes itself: GET /v1/host. */
typedef struct
{
  char *name;
  char *version;      /* of qmig */
  gint64 api;         /* QMIG_API_VERSION */
  char *hostname;
  char *boot_id;      /* equal boot ids: one machine */
  gint64 pid;         /* of the agent */
  gint64 uid;
  char *listen;       /* "https://ADDRESS:PORT" (nullable) */
  char *runtime_dir;
  char *state_dir;
  gboolean kvm;       /* /dev/kvm can be opened; whether it serves a guest is tried, never assumed */
  gint64 memory_total_bytes;
  gint64 memory_available_bytes; /* MemAvailable less what reservations still hold */
  gint64 time_us;     /* wall clock when answering */
  gint64 mono_us;
  gint64 active_migrations;
  gint64 incoming;    /* reservations held */
  char *role;              /* of the asker (nullable): of answers to GET /v1/host alone */
  char *tls_authority;     /* SHA-256 of the CA certificate; NULL: this host has no certificates */
  char *tls_name;          /* of its server certificate */
  char *tls_subject;       /* of its client certificate, "CN=alpha" */
  char *migration_address; /* (nullable) */
  gint64 migration_port;
  gint64 migration_port_last;
} QmigHostInfo;
API_DECLARE_VALUE (QmigHostInfo, qmig_host_info)

/* What a host that is to be enrolled wants signed: POST /v1/enroll/offer. */
typedef struct
{
  char *name;             /* of the host */
  char *authority;        /* SHA-256 of the authority it belongs to already (nullable) */
  char *server_request;   /* PEM */
  char *client_request;
} QmigEnrollOffer;
API_DECLARE_VALUE (QmigEnrollOffer, qmig_enroll_offer)

/* What it gets: POST /v1/enroll/accept. */
typedef struct
{
  char *authority;        /* PEM */
  char *server;
  char *client;
  char *listen;           /* ADDRESS:PORT its agent is to listen on */
  char *peer_name;        /* who enrols it … */
  char *peer_uri;         /* … how to reach that one (nullable) … */
  char *peer_fingerprint; /* … and the client certificate it calls with */
  char *peer_role;
} QmigEnrollGrant;
API_DECLARE_VALUE (QmigEnrollGrant, qmig_enroll_grant)

/* A host that an agent knows by name: GET /v1/hosts. */
typedef struct
{
  char *name;
  char *uri;          /* local, unix:PATH, ssh://…, https://… */
  char **labels;      /* (nullable) */
  gboolean reachable; /* as of this answer */
  char *problem;      /* why not */
  QmigHostInfo *info; /* (nullable) when reachable */
  GPtrArray *checks;  /* QmigCheck (nullable): of POST /v1/hosts/NAME/test alone */
} QmigHostEntry;
API_DECLARE_VALUE (QmigHostEntry, qmig_host_entry)

/* One QEMU process on a host: GET /v1/vms. */
typedef struct
{
  char *id;          /* "PID.STARTTIME", stable while the process lives */
  char *name;
  char *uuid;
  char *host;
  gint64 pid;
  gint64 start_time; /* field 22 of /proc/PID/stat: tells a reused pid apart */
  gint64 uid;
  char *binary;
  char *qemu_version;
  char *machine;     /* versioned */
  char *accelerator; /* kvm, tcg */
  gint64 memory_bytes;
  gint64 vcpus;
  char *run_state;   /* as QEMU says it; NULL when it could not be asked */
  char *qmp;         /* path of the monitor qmig would use */
  char *owner;       /* "qmig" launched here, "found" through /proc, "added" by vm add */
  char *migration;   /* id of the active one (nullable) */
  char *problem;     /* why it cannot be asked or moved (nullable) */
  char **argv;       /* only in GET /v1/vms/ID */
} QmigVm;
API_DECLARE_VALUE (QmigVm, qmig_vm)

/* Body of POST /v1/vms. */
typedef struct
{
  char *name;
  char *qmp;     /* add: path of a QMP socket … */
  gint64 pid;    /* … or a process whose monitor is found in its command line */
  char **argv;   /* start: a QEMU command line, argv[0] the binary; qmig adds its own monitor */
  char *cwd;     /* start: what relative paths refer to */
} QmigVmRequest;
API_DECLARE_VALUE (QmigVmRequest, qmig_vm_request)

/* Body of POST /v1/vms/ID/qmp. */
typedef struct
{
  char *command;
  JsonNode *arguments; /* an object (nullable) */
} QmigQmpRequest;
API_DECLARE_VALUE (QmigQmpRequest, qmig_qmp_request)

/* The user's bounds, hard ones: part of the request, body of PATCH …/knobs.  Within them the engine turns QEMU's own. */
typedef struct
{
  gint64 downtime_ms;             /* budget: how long the guest may stand still, all in all */
  gint64 bandwidth_bytes_per_s;   /* 0 is unlimited */
  gint64 deadline_ms;             /* from the start of the migration; then it is cancelled */
  gint64 throttle_max_percent;    /* how far the guest's CPUs may be held back; 0: not at all */
  gint64 postcopy_bandwidth_bytes_per_s; /* of what is sent unasked in post-copy; 0 is unlimited */
  gint64 xbzrle_cache_bytes;      /* power of two */
} QmigKnobs;
API_DECLARE_VALUE (QmigKnobs, qmig_knobs)

/* Which means a migration may use, and how far: a file of data/policies or a [policy NAME] of the config file, with the
 * bounds of the request put over it. */
typedef struct
{
  char *name;
  char *about;
  gint64 downtime_ms;                /* the budget */
  gint64 deadline_ms;                /* unset: none */
  gint64 bandwidth_bytes_per_s;      /* the bound; 0 is unlimited */
  gint64 start_bandwidth_bytes_per_s; /* to begin with; raised up to the bound where that helps; unset: the bound */
  gint64 throttle_max_percent;       /* 0: never throttle */
  gboolean allow_postcopy;
  gboolean allow_pause;              /* stop the guest for the rest of the copy, beyond the budget, rather than fail */
  gint64 patience_ms;                /* how long to go on without hope before it is given up early */
  char *origin;                      /* the file it comes from (nullable) */
  char *problem;                     /* why it cannot be used (nullable): of lists alone */
} QmigPolicy;
API_DECLARE_VALUE (QmigPolicy, qmig_policy)

/* What the engine thinks of a migration. */
typedef enum
{
  QMIG_VERDICT_NOT_ENOUGH_DATA, /* "not-enough-data": the first pass is not over */
  QMIG_VERDICT_CONVERGING,      /* "converging": each pass leaves less; it will fit */
  QMIG_VERDICT_STUCK,           /* "stuck": what each pass leaves no longer shrinks: the working set */
  QMIG_VERDICT_DIVERGING,       /* "diverging": each pass leaves more */
  QMIG_VERDICT_FINISHING,       /* "finishing": what is left fits the budget */
  QMIG_VERDICT_STALLED,         /* "stalled": nothing is sent */
} QmigVerdict;
extern const char *const qmig_verdict_names[];

/* An estimate with its range, made by qmig, never by QEMU: before the start (part of a plan) and with each sample. */
typedef struct
{
  int verdict;                /* QmigVerdict */
  char *text;                 /* one sentence with its numbers */
  char **ways_out;            /* what would make it finish, with numbers (nullable) */
  gint64 send_bytes_per_s;    /* robust: without the cap's, the zero pages' and the short passes' distortions */
  gint64 dirty_bytes_per_s;
  gint64 working_set_bytes;   /* what is written again and again */
  gint64 passes_left;
  gint64 eta_ms;              /* from now to the end; before the start: in all */
  gint64 eta_low_ms;
  gint64 eta_high_ms;
  gint64 downtime_ms;
  gint64 downtime_low_ms;
  gint64 downtime_high_ms;
  gint64 throttle_percent;    /* that it counts on */
  char *basis;                /* where the numbers come from: "measured", "history", "assumed" (nullable) */
} QmigForecast;
API_DECLARE_VALUE (QmigForecast, qmig_forecast)

typedef enum
{
  QMIG_ACTION_WAIT,     /* "wait": nothing is changed, and why */
  QMIG_ACTION_SET,      /* "set": QEMU gets the values below */
  QMIG_ACTION_POSTCOPY, /* "postcopy" */
  QMIG_ACTION_PAUSE,    /* "pause": stop the guest for the rest of the copy */
  QMIG_ACTION_ABORT,    /* "abort": give up early */
} QmigActionKind;
extern const char *const qmig_action_kind_names[];

/* One decision of the engine: data of a `decision` event. */
typedef struct
{
  int action;                     /* QmigActionKind */
  char *rule;                     /* stable name: "start", "limit", "bandwidth", "throttle", "ease", "postcopy", … */
  char *text;                     /* one sentence with its numbers */
  int verdict;
  /* What it looked at. */
  gint64 elapsed_ms;
  gint64 pass;
  gint64 left_bytes;              /* right after the last look for newly written pages */
  gint64 need_ms;
  gint64 budget_ms;
  gint64 overhead_ms;             /* of the budget, what is not the copying of the last RAM */
  gint64 send_bytes_per_s;
  gint64 dirty_bytes_per_s;
  gint64 working_set_bytes;
  gint64 deadline_left_ms;
  /* What QEMU gets; unset: stays as it is. */
  gint64 downtime_limit_ms;
  gint64 bandwidth_limit_bytes_per_s;
  gint64 switchover_bandwidth_bytes_per_s; /* avail-switchover-bandwidth, where QEMU has it */
  gint64 throttle_percent;
} QmigDecision;
API_DECLARE_VALUE (QmigDecision, qmig_decision)

/* Upper bounds that decide between exit codes 0 and 8. */
typedef struct
{
  gint64 downtime_ms;
  gint64 blackout_ms;
  gint64 total_ms;
  gint64 rounds;
} QmigExpect;
API_DECLARE_VALUE (QmigExpect, qmig_expect)

/* Body of POST /v1/migrations and of POST /v1/checks. */
typedef struct
{
  char *vm;           /* name, id or uuid on this host */
  char *destination;  /* host name, "local" or URI */
  char *new_name;     /* (nullable) */
  char *transport;    /* "unix", "tls", "ssh", "tcp"; NULL: unix on one machine, tls between enrolled hosts, ssh where that is the way */
  char *listen;       /* address the destination listens on (tls, tcp) */
  gint64 port;        /* first port of the range; unset: the kernel chooses */
  gint64 port_last;
  char *qemu_binary;  /* the destination's QEMU; NULL: the same path as the source's */
  char **target_args; /* appended to the destination's command line */
  QmigKnobs *knobs;   /* (nullable) */
  QmigExpect *expect; /* (nullable) */
  gboolean hold;      /* stay at the switch-over gate until released */
  gboolean rehearsal; /* go as far as the gate, and back: the destination is thrown away */
  gboolean trace_qmp; /* tell what is said to both QEMUs, and what they say */
  gboolean no_gate;   /* of a rehearsal: not even that far, the guest is never stopped */
  char *policy;       /* name; NULL: "default" */
  char **allow;       /* "postcopy", "pause" (nullable): consent on top of the policy's */
  gint64 multifd_channels; /* 0: one stream; unset: as fits link and guest */
  char *compression;  /* "none", "zstd", "zlib" (both with multifd), "xbzrle"; NULL: none */
  char **forced_checks; /* ids (nullable): checks whose failure only warns */
  char *reason;
  char *who;          /* the agent's own word, whatever the caller says */
  char *idempotency_key;
} QmigMigrateRequest;
API_DECLARE_VALUE (QmigMigrateRequest, qmig_migrate_request)

typedef enum
{
  QMIG_CHECK_OK,
  QMIG_CHECK_WARN,
  QMIG_CHECK_FAIL,
} QmigCheckStatus;
extern const char *const qmig_check_status_names[]; /* "ok", "warn", "fail" */

/* One verdict of pre-flight, and one finding of doctor (GET /v1/doctor). */
typedef struct
{
  char *id;          /* stable: "blockers", "machine", "memory", … */
  int status;        /* QmigCheckStatus */
  char *text;        /* one sentence with its evidence */
  char *way_out;     /* (nullable) */
  char *source;      /* what the source's side says of it, in a few words (nullable) */
  char *destination; /* likewise the destination's (nullable) */
} QmigCheck;
API_DECLARE_VALUE (QmigCheck, qmig_check)
/* Appends a verdict to @checks, a list of them.  @way_out: (nullable).  (transfer none) */
QmigCheck *qmig_check_add (GPtrArray *checks, const char *id, QmigCheckStatus status, const char *way_out, const char *format, ...)
    G_GNUC_PRINTF (5, 6);
/* A failed check whose id is among @forced (nullable) warns from now on, and says by whose word. */
void qmig_checks_force (GPtrArray *checks, char **forced);
/* Whether any of them fails. */
gboolean qmig_checks_refuse (const GPtrArray *checks);
/* What each side said that led to it, in a few words.  @source: (nullable); @destination: (nullable) */
void qmig_check_set_evidence (QmigCheck *check, const char *source, const char *destination);

/* What a migration would do: answer of POST /v1/checks, part of the journal. */
typedef struct
{
  char *vm;
  char *uuid;
  char *source;            /* host names */
  char *destination;
  gboolean refused;
  gboolean was_running;    /* only then the destination is continued */
  gboolean same_machine;
  char *transport;
  char *listen;
  gint64 port;
  gint64 port_last;
  char *tls_name;       /* (tls) what the destination's certificate must name */
  char *tls_peer;       /* (tls) the one client that the destination takes */
  gint64 memory_bytes;     /* what the destination reserves */
  char *qemu_binary;
  char **argv;             /* the destination's command line */
  char **notes;            /* what was changed in it and why */
  char **commands;         /* the QMP commands in order: "destination: migrate-incoming …" */
  GPtrArray *checks;       /* QmigCheck */
  char *run_dir;           /* of the VM on the destination */
  char **capabilities_on;  /* switched on at the source for the move … */
  char **capabilities_off; /* … and of these the ones to switch off again on the way back */
  char **capabilities_cleared; /* switched off there for the move, and on again on the way back */
  char **incoming_capabilities; /* switched on at the destination, beyond those of every move */
  char **incoming_wishes;       /* likewise, where its host can: without them the move goes on without what they are for */
  JsonNode *parameters;         /* set at the source before the start, beyond the limits: an object */
  JsonNode *incoming_parameters; /* set at the destination (nullable) */
  JsonNode *restore_parameters; /* the source's own values of all that is changed there, for the way back */
  gint64 multifd_channels;      /* 0: one stream */
  char *compression;            /* "none", "zstd", "zlib", "xbzrle" */
  QmigPolicy *policy;      /* as it holds for this migration: the request's bounds are in it */
  QmigForecast *forecast;  /* (nullable) */
} QmigPlan;
API_DECLARE_VALUE (QmigPlan, qmig_plan)

/* A file that the VM uses, as one host sees it: asked by the source, and answered by the destination. */
typedef struct
{
  char *path;         /* absolute */
  char *problem;      /* why it cannot be looked at (nullable) */
  gint64 device;      /* st_dev and st_ino */
  gint64 inode;
  gint64 size_bytes;
  char *file_system;  /* "local", "nfs", "block", "other" */
  gboolean read_only; /* the VM only reads it: a copy will do */
  gint64 lock_at;     /* byte that the source has locked for this question alone; unset: it could not */
  gboolean locked;    /* answer: somebody holds that byte, and not the one behind it */
} QmigFile;
API_DECLARE_VALUE (QmigFile, qmig_file)

/* Something of its host that the VM's command line names: asked by the source, and answered by the destination. */
typedef struct
{
  char *kind;    /* "bridge", "tap", "program", "tcp-port", "udp-port", "socket", "listen", "memory", "huge-pages", "file" */
  char *name;    /* interface, path, ADDRESS:PORT, or size of a page in bytes */
  char *option;  /* that names it: "-netdev net0" */
  gint64 bytes;  /* (memory, huge-pages) how much of it; unset elsewhere */
  gboolean own;  /* the source runs with it: on the same machine it is the source that has it */
  char *problem; /* answer: why it does not serve there (nullable) */
} QmigNeed;
API_DECLARE_VALUE (QmigNeed, qmig_need)

/* A host as it is now, beyond what it is; unset where that cannot be told. */
typedef struct
{
  gint64 processors;
  double load;               /* mean number of tasks that ran or wanted to, over a minute */
  gint64 memory_limit_bytes; /* what the tightest limit leaves to a new QEMU; unset: there is none */
  char *memory_limit;        /* which that is (nullable) */
  char *run_dir_problem;     /* why run directories cannot be made (nullable) */
  gint64 other_moves;        /* migrations of this host, either way, beside the one that is asked about */
  char *cpu_vendor;
  char *cpu_model;
  char **cpu_flags;
  gint64 free_ports;         /* of those that were asked for */
  char *ports_problem;       /* what keeps the first of the others (nullable) */
  gint64 certificates_start_s; /* since 1970: from when all its certificates hold … */
  gint64 certificates_end_s;   /* … and until when */
} QmigSurroundings;
API_DECLARE_VALUE (QmigSurroundings, qmig_surroundings)

/* What the destination is asked before anything starts: body of POST /v1/facts. */
typedef struct
{
  char *migration;
  char *vm_name;
  char *uuid;
  char *qemu_binary;
  char *machine;      /* versioned */
  char *boot_id;      /* of the source's machine … */
  gint64 source_pid;  /* … where this process holds the name rightly */
  GPtrArray *files;   /* QmigFile: the VM's images, as the source sees them */
  gboolean thorough;  /* also what costs a start of the binary */
  char **device_types; /* of the VM's devices */
  GPtrArray *needs;    /* QmigNeed: what the command line needs of the host */
  char *listen;        /* as the request says (nullable) */
  gint64 port;         /* likewise; unset: the host's own range */
  gint64 port_last;
} QmigFactsRequest;
API_DECLARE_VALUE (QmigFactsRequest, qmig_facts_request)

/* The destination's side of the plan. */
typedef struct
{
  QmigHostInfo *host;
  char *run_dir;             /* where this VM's sockets and logs would live; not created yet */
  gboolean binary_found;
  char *binary;              /* after search in PATH */
  char *binary_version;
  char *binary_problem;
  gboolean machine_known;
  char **machines;           /* near misses when it is not known */
  gboolean kvm;
  gboolean name_taken;       /* by another VM or reservation */
  char *name_holder;
  char **capabilities;       /* of migration; NULL where it is the very file that the source runs */
  char **compressions;       /* values of multifd-compression (likewise) */
  GPtrArray *files;          /* QmigFile: the same as seen there, in order; NULL from one who does not look */
  gboolean same_binary;      /* it is the very file that the source runs */
  JsonNode *vmstate;         /* type → description, as QEMU's -dump-vmstate has it, of those of the VM's device types that have one */
  GPtrArray *needs;          /* QmigNeed: the same, answered, in order; NULL from one who does not look */
  QmigSurroundings *surroundings; /* (nullable) likewise */
} QmigFacts;
API_DECLARE_VALUE (QmigFacts, qmig_facts)

/* Reservation: body of POST /v1/incoming. */
typedef struct
{
  char *migration;      /* id: names the reservation */
  char *vm_name;
  char *uuid;
  char *source;         /* host name of the source's agent */
  char *run_dir;
  char **argv;          /* complete, with -S -incoming defer and qmig's monitor */
  char *qmp;            /* path of qmig's monitor inside run_dir */
  gint64 memory_bytes;
  gint64 lease_ms;      /* reaped when not renewed for so long, unless it is held and loaded */
  char *transport;      /* "unix", "tls", "ssh", "tcp" */
  char *tls_peer;       /* (tls) */
  char *listen;
  gint64 port;
  gint64 port_last;
  char **capabilities;  /* to switch on */
  char **wishes;        /* to switch on as well, all of them, unless QEMU refuses them on this host */
  JsonNode *parameters; /* object for migrate-set-parameters (nullable) */
  gboolean rehearsal;   /* it never runs, whoever asks */
  gboolean trace_qmp;   /* keep what is said to its QEMU, for `said` */
} QmigIncomingSpec;
API_DECLARE_VALUE (QmigIncomingSpec, qmig_incoming_spec)

typedef enum
{
  QMIG_INCOMING_LAUNCHING,  /* reserved, the process may be starting */
  QMIG_INCOMING_READY,      /* greeting seen, run state inmigrate */
  QMIG_INCOMING_LISTENING,  /* migrate-incoming accepted */
  QMIG_INCOMING_POSTCOPY,   /* in post-copy and not running: may be continued while the source sends what is missing */
  QMIG_INCOMING_LOADED,     /* completed and not running: may be continued */
  QMIG_INCOMING_COMMITTED,  /* continued, seen running (or left paused as it was) */
  QMIG_INCOMING_GONE,       /* the process is proven gone */
} QmigIncomingPhase;
extern const char *const qmig_incoming_phase_names[]; /* "launching", "ready", "listening", "postcopy", "loaded", "committed", "gone" */

/* The destination as its agent sees it: answer of all /v1/incoming/ID calls. */
typedef struct
{
  char *migration;
  gint64 seq;            /* grows with each change: GET /v1/incoming/ID?after=SEQ waits for one */
  int phase;             /* QmigIncomingPhase */
  gint64 pid;
  gint64 start_time;
  char *qmp;
  char *run_state;       /* as QEMU says it */
  char *status;          /* of its query-migrate (nullable) */
  char *uri;             /* what the source gives to migrate (nullable) */
  gboolean held;         /* stage 2 has begun */
  gint64 exit_status;    /* when gone: wait status of the process, unset if it was not our child */
  char *error;           /* QEMU's own reason: error-desc or the end of its stderr (nullable) */
  char *qemu_version;
  char **capabilities;   /* that were switched on (nullable) before, and after its agent was restarted */
  char *unfulfilled;     /* why the wishes are not among them (nullable) */
  gint64 resumed_us;     /* wall clock of RESUME by QEMU, unset before */
  gint64 launch_ms;      /* fork to greeting */
  gint64 time_us;        /* wall clock when answering, for the clock offset */
  JsonNode *said;        /* with ?said=N: array of what was said to and by QEMU after N, which is the last time_us that was had (nullable) */
} QmigIncoming;
API_DECLARE_VALUE (QmigIncoming, qmig_incoming)

/* One look at a running migration: data of a `sample` event. */
typedef struct
{
  gint64 elapsed_ms;
  int stage;
  char *status;                 /* QEMU's */
  gint64 pass;
  gint64 total_bytes;
  gint64 remaining_bytes;
  gint64 transferred_bytes;
  gint64 dirty_bytes_per_s;
  gint64 send_bytes_per_s;      /* measured by qmig over the last samples */
  gint64 need_ms;               /* remaining after the last sync over the send rate: what a stop now would take */
  gint64 downtime_limit_ms;     /* of QEMU, as it is in force */
  gint64 bandwidth_limit_bytes_per_s;
  gint64 throttle_percent;
  gint64 normal_bytes;          /* sent as data */
  gint64 zero_bytes;            /* sent as the word that they are zero */
  gint64 postcopy_requests;     /* pages that the guest had to wait for in post-copy */
  QmigForecast *forecast;       /* (nullable) */
} QmigSample;
API_DECLARE_VALUE (QmigSample, qmig_sample)

/* What was learned without moving. */
typedef struct
{
  gint64 total_ms;              /* what a move would have taken, from accepting the request to the end */
  gint64 downtime_ms;           /* its blackout, with its range */
  gint64 downtime_low_ms;
  gint64 downtime_high_ms;
  gint64 budget_ms;             /* that the user allowed for it */
  gint64 remaining_bytes;       /* left to send when it turned back */
  gint64 send_bytes_per_s;
  gint64 dirty_bytes_per_s;
  double gate_pause_ms;         /* how long the guest stood still at the gate, by QEMU's STOP and RESUME */
  char **proven;                /* sentences */
  char **not_proven;
} QmigRehearsal;
API_DECLARE_VALUE (QmigRehearsal, qmig_rehearsal)

/* The end: data of the one `result` event. */
typedef struct
{
  int outcome;              /* QmigOutcome */
  gint64 exit_code;         /* QmigExit */
  int vm_location;          /* QmigLocation */
  char *vm_host;            /* name of the host it is on (nullable) */
  char *vm_state;           /* run state there, as last seen */
  gboolean safe_to_retry;
  gint64 total_ms;          /* from accepting the request to the end */
  gint64 qemu_total_ms;     /* QEMU's total-time */
  gint64 setup_ms;          /* QEMU's setup-time */
  gint64 downtime_ms;       /* QEMU's */
  double blackout_ms;       /* STOP on the source to RESUME on the destination */
  double blackout_uncertainty_ms;
  gint64 launch_ms;         /* start of the destination QEMU */
  gint64 passes;
  gint64 transferred_bytes;
  gint64 downtime_bytes;    /* of these, sent while the guest stood still; unset with multifd, where QEMU does not tell */
  double pre_migration_ms;  /* milliseconds of each stage */
  double reservation_ms;
  double pre_copy_ms;
  double stop_and_copy_ms;
  double commitment_ms;
  double activation_ms;
  char *error;              /* the first cause: what failed, where, why in QEMU's own words (nullable) */
  char *next;               /* what to do now (nullable) */
  char *error_id;           /* of api-failures.h, "QMIG-E0302", whenever there is an error */
  char *cause;              /* what that means (nullable) … */
  char *cure;               /* … and what helps, another time too (nullable) */
  char *source_said;        /* QEMU's own words about the failure: error-desc (nullable) … */
  char *destination_said;   /* … and error-desc and stderr (nullable) */
  char **missed;            /* --expect bounds that were missed: "downtime 312 ms > 300 ms" */
  char *source_name;        /* hosts */
  char *destination_name;
  gint64 destination_pid;
  gint64 throttle_percent;      /* the most the guest's CPUs were held back */
  gboolean postcopy;            /* it ended in post-copy */
  QmigForecast *forecast;       /* of before the start, to be held against what happened (nullable) */
  double total_error_percent;    /* how far the truth was from it: above 0 where it took longer */
  double blackout_error_percent;
  QmigRehearsal *rehearsal;      /* (nullable) */
} QmigResult;
API_DECLARE_VALUE (QmigResult, qmig_result)

/* A migration, past or present: GET /v1/migrations[/ID]. */
typedef struct
{
  char *id;                /* "m-" and eight of base 32 */
  char *vm;
  char *uuid;
  char *source;
  char *destination;
  char *destination_uri;
  gboolean active;
  int stage;
  char *step;              /* name in the table of steps; "undo-precopy" on the way back */
  gboolean holding;        /* at the gate, waiting for go */
  gboolean hold_wanted;
  gboolean cancelling;
  char *started;           /* RFC 3339 UTC, microseconds */
  char *ended;
  char *reason;
  char *who;               /* started it: "uid 1000", "certificate alpha (operator)" */
  gint64 source_pid;
  gint64 destination_pid;
  gint64 last_seq;         /* of its events */
  QmigKnobs *knobs;
  QmigPolicy *policy;      /* (nullable) before stage 0 is over */
  gboolean postcopy;       /* in post-copy: there is no way back */
  gboolean rehearsal;      /* it turns back at the gate */
  QmigSample *sample;      /* the last one (nullable) */
  QmigResult *result;      /* when ended (nullable) */
} QmigMigrationInfo;
API_DECLARE_VALUE (QmigMigrationInfo, qmig_migration_info)

/* One line of an event stream. Types: stage, sample, round, means, decision, knob, check, qmp, link, log, result; heartbeat has no seq. */
typedef struct
{
  gint64 seq;
  char *ts;         /* RFC 3339 UTC, microseconds */
  gint64 mono_us;   /* of the reporting host */
  char *host;
  char *migration;
  char *type;
  JsonNode *data;   /* an object */
} QmigEvent;
API_DECLARE_VALUE (QmigEvent, qmig_event)

/* Body of an error answer (application/problem+json). */
typedef struct
{
  char *title;       /* the GError's text */
  gint64 exit_code;  /* QmigExit */
  char *error_id;    /* "QMIG-E0012": api-failures.h (nullable): of an older agent */
  int vm_location;
  char *migration;   /* the conflicting or failed one (nullable) */
  QmigPlan *plan;    /* why it was refused (nullable) */
} QmigProblem;
API_DECLARE_VALUE (QmigProblem, qmig_problem)

/* Body of POST /v1/migrations/ID/actions/ACTION: cancel, hold, go, postcopy, recover. */
typedef struct
{
  char *reason;
  char *assume;  /* recover: "source" or "destination" (nullable) */
} QmigAction;
API_DECLARE_VALUE (QmigAction, qmig_action)

/* Body of POST /v1/hosts. */
typedef struct
{
  char *name;
  char *uri;
  char **labels; /* (nullable) */
} QmigHostRequest;
API_DECLARE_VALUE (QmigHostRequest, qmig_host_request)

/* One change that was asked for and let in: GET /v1/changes. */
typedef struct
{
  gint64 seq;
  char *time;     /* RFC 3339 UTC, microseconds: of the answer */
  char *who;      /* as in QmigMigrationInfo */
  char *method;
  char *path;
  char *reason;   /* (nullable) */
  gint64 status;  /* HTTP status of the answer */
} QmigChange;
API_DECLARE_VALUE (QmigChange, qmig_change)

/* Every type above; NULL-terminated. */
extern const ApiType *const qmig_api_types[];

/* Now in RFC 3339 UTC with microseconds.  (transfer full) */
char *api_time_now (void);
/* NULL where no such time can be written: QMIG_UNSET, or beyond the years 1 to 9999.  (transfer full) (nullable) */
char *api_time_format (gint64 unix_us);
/* QMIG_UNSET where @text is not such a time. */
gint64 api_time_parse (const char *text);

G_END_DECLS
