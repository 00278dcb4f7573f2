/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Following one migration: its events go to stdout with -o jsonl, otherwise
 * progress goes to stderr; Ctrl-C and --timeout are looked after meanwhile.
 */

#include "cli-context.h"
#include "cli-progress.h"

G_BEGIN_DECLS

typedef struct _CliFollow CliFollow;

/* What the first Ctrl-C does.  The second always leaves at once with QMIG_EXIT_INTERRUPTED. */
typedef enum
{
  CLI_INTERRUPT_DETACHES,
  CLI_INTERRUPT_CANCELS,
} CliInterrupt;

/* From now on Ctrl-C is answered, and --timeout runs.  @cli outlives it. */
CliFollow *cli_follow_new (Cli *cli, CliInterrupt interrupt);
void cli_follow_free (CliFollow *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliFollow, cli_follow_free)

/**
 * cli_follow_run:
 * @known_seq: what had happened when we asked; a result before it was not the end (a migration that was recovered has
 *   several), and is passed over
 * @stage: (nullable): stop when this stage begins
 * @result: (out) (transfer full) (nullable): NULL where @stage came first
 *
 * @error: QMIG_EXIT_TIMEOUT, QMIG_EXIT_INTERRUPTED, or what qmig_client_follow() says.
 */
gboolean cli_follow_run (CliFollow    *self,
                         const char   *migration,
                         gint64        after,
                         gint64        known_seq,
                         const char   *stage,
                         QmigResult  **result,
                         GError      **error) G_GNUC_WARN_UNUSED_RESULT;

/* With -o jsonl, the result line that ends the stream where the agent's own never came. */
void cli_follow_close_stream (Cli *cli, const char *migration, const GError *error);

/* Follows to the end and writes it as -o says.  Returns the exit status of the result. */
int cli_follow_to_end (CliFollow   *self,
                       const char  *migration,
                       const char  *vm,
                       gint64       after,
                       gint64       known_seq,
                       GError     **error);

/* Writes @result as -o says: nothing with jsonl, where it was written as an event. */
int cli_follow_print_result (Cli *cli, const char *migration, const char *vm, const QmigResult *result);

G_END_DECLS
