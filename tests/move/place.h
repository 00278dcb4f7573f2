/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where a test's process runs: in namespaces that are somebody's own, or where the test itself runs. */

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct
{
  int net; /* descriptors of namespaces, -1 for the test's own */
  int mnt;
  int pid;
  int uts;
} Place;

#define PLACE_HERE { -1, -1, -1, -1 }

/*
 * Starts @argv there.  It dies with the thread that calls this, and the caller waits for it.  Its @pid is as the caller
 * sees it.
 *
 * @place: (nullable)
 * @env: (nullable): NULL for the caller's own
 * @out: (out) (nullable): the reading end of its standard output; NULL: it says nothing
 * @err: descriptor for its standard error, -1 for the caller's own
 */
GPid place_spawn (const Place *place, const char *const *argv, const char *const *env, int *out, int err);

/* Runs it to its end; its exit status, or -1 when a signal ended it.  @err: as above */
int place_run (const Place *place, const char *const *argv, const char *const *env, int err);

/*
 * The test's own place but for mounts, which a shell makes by @mounts, in which a failure ends all.
 *
 * @keeper: (out): the process that keeps them, for the caller to end; the caller closes @place's mnt
 */
void place_with_mounts (Place *place, const char *mounts, GPid *keeper);

/* A socket of that place's network: it stays there, whoever uses it. */
int place_socket (const Place *place, int domain, int type, int protocol);

G_END_DECLS
