/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A host that is reached by ssh: a real sshd on the loopback, with keys and directories of its own, and qmig in its PATH. */

#include "client.h"

typedef enum
{
  FAR_KEY_KNOWN,
  FAR_KEY_UNKNOWN,
  FAR_KEY_OTHER,
} FarKey;

/* What is not as it should be; all zero for a host that works. */
typedef struct
{
  const char *runtime_dir; /* instead of one of its own */
  const char *state_dir;
  const char *path;    /* where it looks for qmig */
  const char *program; /* text of a script that it finds as qmig */
  FarKey known_hosts;
  gboolean wrong_key;
} FarHostSetup;

typedef struct
{
  char *dir;
  char *here;        /* runtime directory on this side */
  char *runtime_dir; /* and on the far one */
  char *uri;
  GPid pid;
  GThread *reader;
  GMutex lock;
  GCond changed;
  GString *log; /* of sshd */
  gboolean log_ended;
} FarHost;

/*
 * Sets QMIG_SSH, QMIG_CONFIG and the directories of this side in the
 * environment.  NULL: there can be no sshd here; the test is skipped with the
 * reason already.
 */
FarHost *far_host_new (const FarHostSetup *setup);

/* Ends sshd, and the agent behind it; the log is complete then. */
void far_host_stop (FarHost *self);
void far_host_free (FarHost *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FarHost, far_host_free)

/* How often @text is in sshd's log. */
guint far_host_count (FarHost *self, const char *text);
