/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A host in a directory of its own, and small QEMUs on it: q35 without disks, KVM where it serves, stopped at start. */

#include "qmig-host-local.h"
#include "qmig-process.h"
#include "qmp-client.h"

#define HOST_FIXTURE_WAIT_MS 60000
#define HOST_FIXTURE_MEMORY (16 * 1024 * 1024)

typedef struct
{
  char *dir;
  QmigEnv env;
  QmpWait *wait;
  char *qemu;                    /* path; NULL: not installed here */
  char **source_argv;            /* once started */
  QmigProcessWatch *source;
  QmpClient *source_client;
  gint64 source_pid;
} HostFixture;

void host_fixture_set_up (HostFixture *f);
void host_fixture_tear_down (HostFixture *f);
/* FALSE and the test is skipped where there is no QEMU. */
gboolean host_fixture_need_qemu (HostFixture *f);
/* Starts the source, stopped, with @extra arguments (nullable). */
void host_fixture_start_source (HostFixture *f, const char *extra);
/* What a migration of the source would ask for.  @extra: target arguments, split like a shell does (nullable) */
QmigIncomingSpec *host_fixture_spec (HostFixture *f, const char *migration, const char *extra);
/* What the migration's source side does, up to "completed": the destination is loaded soon after. */
void host_fixture_send (HostFixture *f, const char *uri);
/* Lets the context run until @phase is peeked. */
void host_fixture_wait_phase (HostFixture *f, QmigHost *host, QmigIncomingPhase phase);
gboolean host_fixture_has_reservation (HostFixture *f, const char *migration);
gboolean host_fixture_run_dir_exists (HostFixture *f, const char *migration);
