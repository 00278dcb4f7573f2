/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who and where this host is: immutable after start, shared by all threads. */

#include "qmig-host.h"
#include "qmig-journal.h"

G_BEGIN_DECLS

typedef struct _QmigEnv QmigEnv;

/* Opens the destination named @uri (or known by that name) for the calling thread.  (transfer full) */
typedef QmigHost *(*QmigOpenHost) (const QmigEnv *env, const char *uri, GError **error);
/* Bytes per second that the way to @uri surely does; QMIG_UNSET where that cannot be told.  Takes about half a second. */
typedef gint64 (*QmigProbeLink) (const QmigEnv *env, const char *uri);

/* The policy of that name.  Any thread.  @error: QMIG_EXIT_NOT_FOUND with the near miss.  (transfer full) */
typedef QmigPolicy *(*QmigFindPolicy) (const QmigEnv *env, const char *name, GError **error);

struct _QmigEnv
{
  char *host_name;
  char *runtime_dir;  /* sockets, run directories of VMs: RUNTIME/vm/MIGRATION */
  char *state_dir;    /* the journal */
  char *pki_dir;      /* certificates (nullable) */
  char *migration_address; /* where destinations listen (nullable): at the address that the source reaches us by */
  gint64 migration_port;   /* the range they listen in */
  gint64 migration_port_last;
  QmigOpenHost open_host;
  gpointer open_host_data;
  QmigFindPolicy find_policy; /* NULL: there is the one that is built in */
  QmigProbeLink probe_link; /* (nullable) */
};

/* What @request asks for by name, with its bounds put over it.  @error: also QMIG_EXIT_USAGE for bounds that cannot be.  (transfer full) */
QmigPolicy *qmig_env_policy_for (const QmigEnv *self, const QmigMigrateRequest *request, GError **error);

/* Facts of this machine now.  (transfer full) */
QmigHostInfo *qmig_env_host_info (const QmigEnv *self);
/* The same with a journal that is open already.  @journal: (nullable) */
QmigHostInfo *qmig_env_host_info_from (const QmigEnv *self, QmigJournal *journal);
/* What incoming VMs were promised and do not use yet.  @reservations: QmigReservation */
gint64 qmig_env_reserved_bytes (const GPtrArray *reservations);

G_END_DECLS
