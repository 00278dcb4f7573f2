/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A running QEMU whose monitor we hold: the source of a migration.  Its state
 * is kept as events tell it and can be looked up afresh.  Belongs to the thread
 * that attached it.
 */

#include "api-types.h"
#include "qmig-process.h"
#include "qmp-client.h"
#include "qmp-hmp.h"
#include "qmp-types.h"

G_BEGIN_DECLS

typedef struct _QmigStopQuestion QmigStopQuestion;

typedef struct
{
  char *name;
  gint64 pid;
  gint64 start_time;
  QmpClient *client;

  /* As last heard, by event or by look. */
  QmpRunState run_state;
  char *run_state_text;
  QmpMigrationStatus status;
  char *status_text;    /* (nullable) */
  char *error_desc;     /* (nullable) QEMU's reason for a failed migration, as of the last look */
  gint64 pass;          /* of the present migration */
  gint64 stopped_us;    /* QEMU's wall clock at the last STOP, 0 before */
  gint64 resumed_us;    /* likewise RESUME */
  gboolean paused_by_hand; /* the last stop was somebody's wish, not the switchover's */
  gboolean guest_ended; /* SHUTDOWN was seen: the guest or an operator ended it */
  guint changes;        /* grows with every event but STOP */

  /*< private >*/
  QmigStopQuestion *stop_question; /* (nullable) */
  guint told;           /* events that told a status or run state */
  QmigProcessWatch *watch;
} QmigInstance;

/* Finds the process alive, opens its monitor and looks once.  (transfer full) */
QmigInstance *qmig_instance_attach (const char *name, const char *qmp, gint64 pid, gint64 start_time, QmpWait *wait, GError **error);
void qmig_instance_detach (QmigInstance *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigInstance, qmig_instance_detach)

/* Asks query-migrate and query-status.  @info: (out) (optional) (transfer full): the whole answer */
gboolean qmig_instance_look (QmigInstance *self, QmpMigrationInfo **info, QmpWait *wait, GError **error);

/* Asks query-status alone: in the blackout each question costs the guest. */
gboolean qmig_instance_ask_run_state (QmigInstance *self, QmpWait *wait, GError **error);

/* Proven by pidfd. */
gboolean qmig_instance_is_gone (QmigInstance *self);
gboolean qmig_instance_wait_gone (QmigInstance *self, QmpWait *wait, GError **error);
gboolean qmig_instance_kill (QmigInstance *self, QmpWait *wait, GError **error);

/* What the plan needs to know of the source. */
typedef struct
{
  char *name;
  char *uuid;
  gint64 pid;
  gint64 uid;
  char *binary;
  char *cwd;
  char **argv;
  int version;              /* 70222 */
  char *version_text;
  char *machine;            /* versioned */
  gboolean kvm;
  gboolean oob;
  gint64 memory_bytes;
  QmpRunState run_state;
  char *run_state_text;
  QmpMigrationStatus status;
  char *status_text;
  char **blocked_reasons;
  char **busy_jobs;
  GPtrArray *drives;        /* QmpDrive: in use now */
  GPtrArray *files;         /* QmigFile: their images as this host sees them (nullable) before they were asked about */
  char **device_ids;        /* plugged now, with an id */
  char **device_types;      /* plugged now, without */
  char **capabilities;      /* that this QEMU has */
  char **capabilities_on;
  JsonObject *parameters;   /* of migration, with their values */
  char **compressions;      /* values of multifd-compression */

  /* Of its host, unset before the destination was asked: when that was, by the wall clock here, and how things stand here. */
  gint64 asked_us;
  gint64 answered_us;
  QmigSurroundings *surroundings; /* (nullable) */

  /* Of the program and its machine, each unset where it could not be had: qmig_instance_read_machine(), qmig_instance_read_vmstate() */
  QmpDeviceTree *devices;   /* (nullable) */
  JsonObject *vmstate;      /* (nullable) type → description, as QEMU's -dump-vmstate has it, of the types of @devices that have one */
} QmigSourceFacts;

QmigSourceFacts *qmig_instance_read_facts (QmigInstance *self, QmpWait *wait, GError **error);
/* The device tree.  @error: only of @wait's end */
gboolean qmig_instance_read_machine (QmigInstance *self, QmigSourceFacts *facts, QmpWait *wait, GError **error);
/* What its binary says of the devices' state, in any thread; @thorough: also where that costs a start of the binary. */
void qmig_instance_read_vmstate (QmigSourceFacts *facts, gboolean thorough, QmpWait *wait);
void qmig_source_facts_free (QmigSourceFacts *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigSourceFacts, qmig_source_facts_free)

G_END_DECLS
