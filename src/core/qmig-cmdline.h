/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * QEMU command lines, read and rewritten.  Pure: no I/O, only values in and
 * out.  The rules are one table (option → keep, drop, replace, refuse).
 */

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  char *name;          /* -name, guest= looked through; NULL without */
  char *uuid;          /* NULL without */
  char *machine;       /* as given, maybe an alias; NULL for the default */
  char **qmp_paths;    /* absolute unix socket paths of QMP monitors, in order; relative ones resolved by cwd */
  char *qmig_qmp_path; /* the one with our chardev id (nullable) */
  char **device_ids;   /* ids given to -device */
  char **device_types; /* types of -device without id */
  gboolean incoming;
  gboolean has_kvm;    /* an -accel/-machine accel=/-enable-kvm names kvm */
  char **foreign;      /* texts: other managers whose monitor this is (libvirt's charmonitor, Incus paths): not ours to move */
} QmigCmdlineInfo;

/* Id of the chardev of qmig's own monitor on QEMUs it launched. */
#define QMIG_MONITOR_ID "qmig-monitor"

QmigCmdlineInfo *qmig_cmdline_inspect (const char *const *argv, const char *cwd);
void qmig_cmdline_info_free (QmigCmdlineInfo *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigCmdlineInfo, qmig_cmdline_info_free)

typedef struct
{
  const char *cwd;             /* of the source: relative paths become absolute (nullable) */
  const char *machine;         /* the source's versioned machine type, from QOM */
  const char *binary;          /* argv[0] of the result */
  const char *run_dir;         /* every socket, pid file and log of the VM goes here */
  const char *monitor_path;    /* of qmig's own monitor */
  const char *new_name;        /* (nullable) */
  gboolean same_machine;       /* host ports clash there */
  const char *const *extra;    /* (nullable) the user's --target-arg */
} QmigCmdlineTarget;

typedef struct
{
  char **argv;      /* complete, starting with the binary */
  char **notes;     /* "-pidfile: /run/x.pid → /run/qmig/vm/m-1/x.pid" */
  char **warnings;  /* kept, but somebody should look: unknown options, -cpu host, host ports kept … */
  char **refusals;  /* cannot be moved as it is, each with the reason and the way out */
} QmigCmdlineResult;

/**
 * qmig_cmdline_derive:
 *
 * The destination's command line from the source's: identical what the guest
 * or the stream can see, different what two processes cannot share, exactly
 * one `-S -incoming defer`, and qmig's own monitor beside the user's.
 *
 * Returns: (transfer full): always a result; look at refusals
 */
QmigCmdlineResult *qmig_cmdline_derive (const char *const *argv, const QmigCmdlineTarget *target);
void qmig_cmdline_result_free (QmigCmdlineResult *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QmigCmdlineResult, qmig_cmdline_result_free)

/* Whether an option's value is the file @path, or has it as one of its values; relative ones are looked at from @cwd (nullable). */
gboolean qmig_cmdline_names_file (const char *const *argv, const char *cwd, const char *path);

/* A command line of the user's for `vm start`: only qmig's monitor is added.  (transfer full) */
char **qmig_cmdline_with_monitor (const char *const *argv, const char *monitor_path);

G_END_DECLS
