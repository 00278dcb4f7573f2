/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guest-watch.h"

G_BEGIN_DECLS

/* One demo guest in a QEMU of our own, without qmig: for the KVM probe, tests and benchmarks. */
typedef struct _GuestVm GuestVm;

typedef struct
{
  const char *qemu;          /* NULL: qemu-system-x86_64 of the PATH */
  const char *accel;         /* as for -accel, such as "kvm" or "tcg" */
  const char *config;        /* as in guest-watch.h */
  guint ram_mib;             /* 0: 256 */
  const char *const *extra;  /* further arguments, NULL at the end, or NULL */
} GuestVmOptions;

/*
 * Start it in a new directory below /tmp, which is its working directory too, with tick.sock and qmp.sock there.  Does
 * not wait.  The process dies with the thread that calls this.
 */
GuestVm *guest_vm_start (const GuestVmOptions *options, GError **error);

/* Kill it, wait for its end, and remove the directory.  NULL is fine. */
void guest_vm_free (GuestVm *vm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GuestVm, guest_vm_free)

/* A path in the VM's directory, such as for "qmp.sock" or GUEST_WATCH_SOCKET_NAME. */
char *guest_vm_get_path (GuestVm *vm, const char *name);

GPid guest_vm_get_pid (GuestVm *vm);

/* FALSE once the process has ended. */
gboolean guest_vm_is_running (GuestVm *vm);

/* What it said on stderr, without warnings; "" if nothing. */
char *guest_vm_get_complaint (GuestVm *vm);

/*
 * Find out whether `qemu` (NULL as above) can run the demo guest under `accel` here, by doing so for a few ticks.  The
 * device file of KVM does not tell: some hosts' KVM runs no more than small guests.  Takes under a second where it does.
 */
gboolean guest_vm_probe (const char *qemu, const char *accel, GError **error);

G_END_DECLS
