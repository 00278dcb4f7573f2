/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one table of what qmig can be told to do: dispatch, help and hints all read it. */

#include "api-value.h"
#include "cli-options.h"

G_BEGIN_DECLS

typedef struct _Cli Cli;

typedef enum
{
  CLI_NEEDS_NOTHING,
  CLI_NEEDS_AGENT, /* connects before the verb runs; starts this user's own agent where there is none */
} CliNeed;

typedef struct
{
  const char *group;     /* "vm"; NULL for the everyday verbs */
  const char *name;
  const char *arguments; /* "VM [DEST]": optional ones in brackets, "[-- COMMAND…]" takes what follows -- */
  const char *help;      /* one line */
  const char *examples;  /* lines; shown first */
  const char *about;     /* what the options do not say (nullable) */
  const CliOption *options; /* (nullable) */
  int (*run) (Cli *cli, GError **error); /* the exit status; where @error is set, that decides */
  const ApiType *prints; /* what it writes to stdout, for --fields (nullable) */
  CliNeed needs;
} CliVerb;

extern const CliVerb cli_verbs[]; /* ends with a NULL name */
extern const CliOption cli_global_options[];

/* One line about a group, or NULL where there is none of that name. */
const char *cli_group_help (const char *group);
extern const char *const cli_groups[];

/**
 * cli_verb_find:
 * @words: what was typed, NULL-terminated, at least one
 * @n_used: (out): how many of @words name the verb
 *
 * @error: QMIG_EXIT_USAGE with the near miss, or with the verbs of a group that was named alone
 */
const CliVerb *cli_verb_find (char **words, guint *n_used, GError **error);

/* "vm list".  (transfer full) */
char *cli_verb_full_name (const CliVerb *verb);

/* How many arguments the verb takes. */
guint cli_verb_min_args (const CliVerb *verb);
guint cli_verb_max_args (const CliVerb *verb);
gboolean cli_verb_takes_rest (const CliVerb *verb);

G_END_DECLS
