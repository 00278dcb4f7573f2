/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Two hosts on this machine, a guest that watches itself, and the proof that
 * every outcome has to pass: exactly one QEMU is left, its guest runs on with
 * its memory intact, and nothing lies about.
 *
 * Everything lives in one directory below /tmp, so that whatever belongs to
 * the rig can be found by that path in the command lines of processes.
 */

#include "api-types.h"
#include "guest-watch.h"
#include "place.h"

G_BEGIN_DECLS

typedef struct
{
  char *name;
  char *runtime_dir;
  char *state_dir;
  char *pki_dir;
  char *uri;
  char *ssh;          /* (nullable): what it calls ssh by, QMIG_SSH */
  const Place *place; /* where its processes run; NULL: beside the test */
  GPid agent;       /* 0 while none runs */
} RigHost;

typedef struct
{
  char *dir;
  char *vm;         /* name of the guest, no other rig's */
  char *qemu;       /* the QEMU to use … */
  char *accel;      /* … with this accelerator */
  RigHost alpha;
  RigHost beta;
  GuestWatch *watch;
  GPid guest;       /* QEMU started by hand on alpha */
  guint memory_mib; /* of the guest; 128 unless set before it is started */
} Rig;

/* What became of one `qmig` command. */
typedef struct
{
  int exit_code;
  char *out;
  char *err;
} RigRun;

/* NULL after g_test_skip() where neither KVM nor a QEMU whose TCG keeps track of pages is there. */
Rig *rig_new (void);
/* The same with TCG, also where KVM serves: for a guest that KVM cannot run everywhere. */
Rig *rig_new_tcg (void);
void rig_free (Rig *rig);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Rig, rig_free)

/* @fault: (nullable) for QMIG_FAULT, see fault-points.c.  Returns when the agent answers. */
void rig_start_agent (Rig *rig, RigHost *host, const char *fault);
void rig_kill_agent (RigHost *host);
/* Waits for it to die by itself (a fault point). */
void rig_wait_agent_dead (RigHost *host);

/* Starts the demo guest by hand, as any user would, and waits until it works. @config: see guest-watch.h; @more: (nullable) further arguments */
void rig_start_guest (Rig *rig, const char *config, const char *const *more);
/* Starts a guest of the caller's own on alpha, without a watch on it; does not wait.  @arguments: what makes the guest */
void rig_start_own_guest (Rig *rig, const char *const *arguments);
/* The guest is not run: a stopped QEMU. */
void rig_start_stopped_guest (Rig *rig, const char *const *more);

/* The qmig that the tests run. */
const char *rig_program (void);
/* Until somebody listens there. */
void rig_wait_socket (const char *path);

/* `qmig ARGS…` against @host's agent; blocks. */
RigRun *rig_qmig (Rig *rig, const RigHost *host, ...) G_GNUC_NULL_TERMINATED;
void rig_run_free (RigRun *run);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RigRun, rig_run_free)

/* The same without waiting; rig_finish() waits. */
typedef struct _RigPending RigPending;
RigPending *rig_qmig_begin (Rig *rig, const RigHost *host, const char *const *args);
GPid rig_pending_pid (RigPending *pending);
/* Reads the command's standard output until a line contains @needle. */
void rig_pending_wait_for (RigPending *pending, const char *needle);
RigRun *rig_finish (RigPending *pending); /* frees @pending */

/* The `result` line of a `-o jsonl` run.  (transfer full) */
QmigResult *rig_result (const RigRun *run);

/* A fifo for a "meet" fault point; rig_meet() returns when the point was reached, rig_part() lets it go on. */
char *rig_fifo (Rig *rig, const char *name);
int rig_meet (const char *fifo);
void rig_part (int meeting);

/* Pids of the rig's QEMUs that are alive, from /proc. */
GArray *rig_qemus (Rig *rig);
/* The QEMU that is not the hand-started guest; 0 when there is none. */
GPid rig_destination_pid (Rig *rig);
/* SIGKILL, and returns when it is dead: a dying QEMU may still take a command that nobody will ever answer. */
void rig_kill_qemu (Rig *rig, GPid pid);
/* Waits until exactly @count QEMUs of the rig are left. */
void rig_wait_qemus (Rig *rig, guint count);

/* Exactly one QEMU is left, ticks come, and all memory was checked once more without an error after now. */
void rig_assert_guest_works (Rig *rig);
/* Where the guest runs now: asserts that it is exactly one QEMU, that ticks come, that all memory was checked once more
 * without an error after now, and that both sides never ticked at once. */
void rig_assert_one_runs (Rig *rig);
/* No reservation, run directory or socket of a destination that is not there; monitors are free. */
void rig_assert_nothing_left (Rig *rig);

G_END_DECLS
