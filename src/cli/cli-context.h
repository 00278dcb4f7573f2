/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One command being carried out. */

#include "cli.h"
#include "cli-output.h"
#include "cli-verbs.h"
#include "client.h"

G_BEGIN_DECLS

struct _Cli
{
  const CliFaces *faces;
  const CliVerb *verb;
  CliOptions *options;
  GPtrArray *args;    /* positional, without the verb */
  char *host;         /* the agent to talk to: name or URI */
  char **rest;        /* what followed "--"; NULL without one */
  CliOutput out;
  QmigClient *client; /* after cli_connect() */
  QmigProblem *problem; /* the agent's account of the last refusal (nullable) */
};

/* The @i-th argument, or NULL.  (transfer none) */
const char *cli_arg (Cli *cli, guint i);

/* Only errors are wanted. */
gboolean cli_is_quiet (Cli *cli);
guint cli_verbosity (Cli *cli);

/* --timeout, or @fallback_ms. */
gint64 cli_timeout_ms (Cli *cli, gint64 fallback_ms);

/* The path of this very program, to start the agent from.  (transfer full) */
char *cli_program_path (void);

/*
 * Splits "host/name" and lets the host in front win over --host.
 * (transfer full): the name alone
 */
char *cli_select_vm (Cli *cli, const char *vm);

/* Makes cli->client for --host, QMIG_HOST or the agent of this user, which is started where nobody answers. */
gboolean cli_connect (Cli *cli, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Like qmig_client_call() with --timeout; @body is (transfer full) (nullable).  Keeps the problem in @cli. */
JsonObject *cli_call (Cli *cli, const char *method, const char *path, JsonObject *body, GError **error)
  G_GNUC_WARN_UNUSED_RESULT;

/* GETs @path and reads it. (transfer full) */
gpointer cli_get_value (Cli *cli, const char *path, const ApiType *type, GError **error) G_GNUC_WARN_UNUSED_RESULT;
GPtrArray *cli_get_list (Cli *cli, const char *path, const ApiType *type, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Asks on the terminal before @what is done; without one, --yes is needed: QMIG_EXIT_USAGE. */
gboolean cli_confirm (Cli *cli, const char *what, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* For what nothing can take back, and --yes does not cover: @name is typed, on the terminal or with --confirm, or it is not done. */
gboolean cli_confirm_by_name (Cli *cli, const char *what, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A line to stderr, "qmig: " in front; not with --quiet. */
void cli_say (Cli *cli, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* What failed, why, where the VM is and what to do next, to stderr. */
void cli_report (Cli *cli, const GError *error);

G_END_DECLS
