/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Options from tables that also make the help text.  GOption is not used
 * because a wrong value must be answered with the units it may have, a wrong
 * name with the near miss, and global options may stand on both sides of the
 * command.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  CLI_FLAG,   /* counts, for -vv */
  CLI_TEXT,
  CLI_TEXTS,  /* may be repeated */
  CLI_CHOICE, /* one of the words in @value: "auto|always|never" */
  CLI_COUNT,
  CLI_SIZE,
  CLI_RATE,
  CLI_TIME,
  CLI_PERCENT,
  CLI_WORDS,  /* some of those in @value, with commas: "postcopy,pause" */
  CLI_PORTS,
  CLI_EXPECT,
} CliOptionKind;

typedef struct
{
  const char *name; /* without dashes; NULL ends a table */
  char letter;      /* 0: none */
  CliOptionKind kind;
  const char *value; /* as help shows it; NULL for flags */
  const char *help;
} CliOption;

typedef struct _CliOptions CliOptions;

CliOptions *cli_options_new (void);
void cli_options_free (CliOptions *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliOptions, cli_options_free)

/**
 * cli_options_take:
 * @tables: NULL-terminated; what may be given here
 * @argv: NULL-terminated
 * @at: (inout): the argument that starts with '-'; moved behind what was taken
 *
 * Reads one argument, and the next one where that is the value.  Values are
 * checked at once.  @error: QMIG_EXIT_USAGE
 */
gboolean cli_options_take (CliOptions              *self,
                           const CliOption *const  *tables,
                           char                   **argv,
                           int                     *at,
                           GError                 **error) G_GNUC_WARN_UNUSED_RESULT;

/* Where an option was not given: 0, NULL, and @fallback.  The last one given counts. */
guint cli_options_flag (CliOptions *self, const char *name);
const char *cli_options_text (CliOptions *self, const char *name);
char **cli_options_texts (CliOptions *self, const char *name); /* (transfer full) (nullable) */
/* Counts, percentages, sizes, rates and times; the last three in bytes, bytes per second and milliseconds. */
gint64 cli_options_number (CliOptions *self, const char *name, gint64 fallback);

G_END_DECLS
