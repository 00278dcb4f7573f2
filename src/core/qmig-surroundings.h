/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* This host as it is now: load, limits, ports, certificates, other migrations.  Reads only. */

#include "qmig-env.h"
#include "qmig-journal.h"

G_BEGIN_DECLS

/* @journal: (nullable); @request: whose migration is left out of the others, and whose ports are looked at.  (transfer full) */
QmigSurroundings *qmig_surroundings_read (const QmigEnv *env, QmigJournal *journal, const QmigFactsRequest *request);

/*
 * What the control groups of a process leave of memory, the tightest of them.
 *
 * @groups: text of /proc/PID/cgroup; @root: "/sys/fs/cgroup"
 * @which: (out) (transfer full): path of the limit; untouched without one
 *
 * Returns: bytes, QMIG_UNSET where nothing limits it
 */
gint64 qmig_surroundings_cgroup_bytes (const char *groups, const char *root, char **which);

/* Why nobody can listen there now; NULL when one can.  @host: numeric address (nullable), "" for any; a name is not looked up.
 * (transfer full) */
char *qmig_port_problem (const char *host, gint64 port, gboolean udp);

G_END_DECLS
