/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a migration does meanwhile, on stderr: one bar that is drawn over on a
 * terminal, otherwise a line per stage and at most one every ten seconds.
 */

#include "api-types.h"

G_BEGIN_DECLS

typedef enum
{
  CLI_PROGRESS_NONE,
  CLI_PROGRESS_LINES,
  CLI_PROGRESS_BAR,
} CliProgressMode;

typedef struct _CliProgress CliProgress;

/* What --progress @choice (nullable) means here: "auto" is a bar if stderr is a terminal that can show one. */
CliProgressMode cli_progress_choose (const char *choice, gboolean quiet);

/* @label: put before each line (nullable) */
CliProgress *cli_progress_new (CliProgressMode mode, const char *label, guint verbosity);
void cli_progress_free (CliProgress *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliProgress, cli_progress_free)

void cli_progress_event (CliProgress *self, const QmigEvent *event);

/* A line that stays, above the bar. */
void cli_progress_say (CliProgress *self, const char *text);

/* Takes the bar away. */
void cli_progress_clear (CliProgress *self);

/* The line of one sample, @columns wide at most.  (transfer full) */
char *cli_progress_bar_text (const QmigSample *sample, guint columns, gboolean unicode);
char *cli_progress_line_text (const QmigSample *sample);

G_END_DECLS
