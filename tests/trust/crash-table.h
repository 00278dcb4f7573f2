/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The crash matrix as data: each step of the table of steps, before and after, with each fault and what happens next. */

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  FAULT_SOURCE_AGENT,
  FAULT_DESTINATION_AGENT,
  FAULT_BOTH_AGENTS,
  FAULT_SOURCE,
  FAULT_DESTINATION,
  FAULT_DESTINATION_HANGS,   /* SIGSTOP */
  FAULT_LINK,                /* of the memory and of the agents' words */
  FAULT_RETURN_PATH,         /* what the destination says is lost, then the link breaks */
  FAULT_SOURCE_JOURNAL,      /* of the source's agent: no write succeeds */
  FAULT_DESTINATION_JOURNAL,
  N_FAULTS,
} CrashFault;

typedef enum
{
  NEXT_RESTART,         /* both agents are restarted at once */
  NEXT_LEASE,           /* the source's agent is dead for longer than the lease */
  NEXT_RECOVER,         /* it comes to an end by itself, then `qmig recover` */
  NEXT_RECOVER_KILLED,  /* the agent is restarted, killed in the middle of the recovery, and asked again */
  N_NEXTS,
} CrashNext;

/* Where it may end, once what was cut is mended. */
typedef enum
{
  END_ON_SOURCE = 1 << 0,
  END_ON_DESTINATION = 1 << 1,
  END_LOST = 1 << 2,       /* the only QEMU with the VM was killed: attention, and none is left */
  END_UNKNOWABLE = 1 << 3, /* it was told to run and died: attention, until a person's word */
  END_CRASHED_LATER = 1 << 4, /* killed after all was done, as any VM may be */
} CrashEnd;

typedef struct
{
  const char *step;
  gboolean after;
  CrashFault fault;
  CrashNext next;
  guint ends;       /* CrashEnd that are right */
  gboolean may_ask; /* "needs attention" is right for as long as the fault lasts */
} CrashCase;

extern const char *const crash_fault_names[N_FAULTS];
extern const char *const crash_next_names[N_NEXTS];

/* (transfer full) (element-type CrashCase): all that can happen.  @left_out: (out) (transfer full) (element-type utf8):
 * what is not in it, each with the reason */
GArray *crash_table_new (GPtrArray **left_out);
/* STEP/WHEN/FAULT/NEXT.  (transfer full) */
char *crash_case_name (const CrashCase *c);

G_END_DECLS
