/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-error.h"

G_DEFINE_QUARK (qmig-error-quark, qmig_error)

typedef struct
{
  QmigExit code;
  const char *name;
  const char *meaning;
} ExitRow;

static const ExitRow exit_rows[] = {
  { QMIG_EXIT_OK, "ok", "Done as asked." },
  { QMIG_EXIT_ERROR, "error", "It failed for a reason that has no code of its own; the text says where the VM is." },
  { QMIG_EXIT_USAGE, "usage",
    "The arguments are not valid, or a terminal, --yes or --confirm is missing; nothing was changed." },
  { QMIG_EXIT_REFUSED, "refused",
    "The pre-flight checks failed and nothing was started; the VM is untouched on the source." },
  { QMIG_EXIT_ROLLED_BACK, "rolled-back", "The migration failed and was rolled back; the VM is on the source." },
  { QMIG_EXIT_ATTENTION, "attention",
    "The outcome is not certain or the VM is paused; run qmig recover before anything else." },
  { QMIG_EXIT_CANCELLED, "cancelled",
    "The migration was cancelled by a person or its deadline; the VM is on the source." },
  { QMIG_EXIT_TIMEOUT, "timeout", "Waiting ended; the migration goes on." },
  { QMIG_EXIT_OBJECTIVE, "objective", "The VM is on the destination, but an expected bound was missed." },
  { QMIG_EXIT_UNREACHABLE, "unreachable",
    "An agent, a host or a QMP socket cannot be reached; nothing was changed." },
  { QMIG_EXIT_NOT_FOUND, "not-found", "The VM, host, migration or file does not exist." },
  { QMIG_EXIT_DENIED, "denied", "The caller may not do this; nothing was changed." },
  { QMIG_EXIT_CONFLICT, "conflict",
    "The VM is migrating already, is locked or has changed meanwhile; nothing was changed." },
  { QMIG_EXIT_UNSUPPORTED, "unsupported", "This QEMU or host cannot do what was asked; nothing was changed." },
  { QMIG_EXIT_PARTIAL, "partial", "Some of the VMs were moved and some were not." },
  { QMIG_EXIT_INTERRUPTED, "interrupted", "Detached by Ctrl-C; the agent goes on with the migration." },
};

static const ExitRow *
find_row (gint64 code)
{
  for (gsize i = 0; i < G_N_ELEMENTS (exit_rows); i++)
    if (exit_rows[i].code == code)
      return &exit_rows[i];

  return find_row (QMIG_EXIT_ERROR);
}

const char *
qmig_exit_to_string (QmigExit code)
{
  return find_row (code)->name;
}

const char *
qmig_exit_meaning (QmigExit code)
{
  return find_row (code)->meaning;
}

QmigExit
qmig_error_get_exit (const GError *error)
{
  g_return_val_if_fail (error != NULL, QMIG_EXIT_ERROR);

  /* A code of another version is a failure all the same, and so is an error that says OK. */
  if (error->domain != QMIG_ERROR || error->code == QMIG_EXIT_OK)
    return QMIG_EXIT_ERROR;

  return find_row (error->code)->code;
}
