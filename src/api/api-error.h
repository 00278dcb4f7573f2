/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The exit status of every qmig command, and the code of every error that crosses a process border. */
typedef enum
{
  QMIG_EXIT_OK = 0,
  QMIG_EXIT_ERROR = 1,
  QMIG_EXIT_USAGE = 2,
  QMIG_EXIT_REFUSED = 3,      /* pre-flight failed; nothing started; VM untouched on the source */
  QMIG_EXIT_ROLLED_BACK = 4,  /* migration failed; VM is on the source */
  QMIG_EXIT_ATTENTION = 5,    /* outcome not certain, or the VM is paused: qmig recover */
  QMIG_EXIT_CANCELLED = 6,    /* by a person or the deadline; VM is on the source */
  QMIG_EXIT_TIMEOUT = 7,      /* waiting ended, the migration goes on */
  QMIG_EXIT_OBJECTIVE = 8,    /* migrated, but an --expect bound was missed */
  QMIG_EXIT_UNREACHABLE = 9,  /* agent, host or QMP not reachable, nothing changed */
  QMIG_EXIT_NOT_FOUND = 10,
  QMIG_EXIT_DENIED = 11,
  QMIG_EXIT_CONFLICT = 12,    /* VM already migrating, locked or changed */
  QMIG_EXIT_UNSUPPORTED = 13, /* this QEMU or host cannot do what was asked */
  QMIG_EXIT_PARTIAL = 14,
  QMIG_EXIT_INTERRUPTED = 130,
} QmigExit;

/* The error domain of qmig itself; the code is a QmigExit other than OK. */
#define QMIG_ERROR (qmig_error_quark ())
GQuark qmig_error_quark (void);

/* "rolled-back" for QMIG_EXIT_ROLLED_BACK; never NULL. */
const char *qmig_exit_to_string (QmigExit code);
/* One sentence for people: what the code means and where the VM is. */
const char *qmig_exit_meaning (QmigExit code);

/* The exit status @error stands for: its code in QMIG_ERROR, otherwise QMIG_EXIT_ERROR. */
QmigExit qmig_error_get_exit (const GError *error);

G_END_DECLS
