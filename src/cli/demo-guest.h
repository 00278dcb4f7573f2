/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The demo's guest, and what proves that it was moved whole. */

#include "demo-hosts.h"
#include "guest-watch.h"

G_BEGIN_DECLS

typedef struct
{
  char *qemu;
  char *accel;             /* kvm, tcg */
  gint64 ram_bytes;
  gint64 working_set_bytes;
  gint64 dirty_bytes_per_s; /* 0: idle */
} DemoGuest;

void demo_guest_clear (DemoGuest *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DemoGuest, demo_guest_clear)

/*
 * Sets qemu and accel: what was asked for, or KVM where it really runs the
 * guest, or else TCG with the newer QEMU that was unpacked beside the program.
 */
void demo_guest_choose (DemoGuest *self, const char *qemu, const char *accel, const char *program);

/* Its command line, with the ticks on @socket_path.  (transfer full) */
char **demo_guest_command (const DemoGuest *self, const char *name, const char *socket_path, GError **error);

/* What the guest and its ticks say after the move. */
typedef struct
{
  double gap_ms;        /* longest silence since the move began, stamped by this host */
  gint64 ticks_before;
  gint64 ticks_after;   /* on the destination alone */
  gint64 pages;         /* that hold something and are checked */
  gint64 check_rounds;  /* complete checks that began after the move */
  gint64 errors;        /* pages found lost or stale */
} DemoProof;

/* Waits until the guest works on @hosts' alpha. */
gboolean demo_guest_wait_ready (DemoHosts *hosts, GuestWatch *watch, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/*
 * Waits until the guest has ticked on after the move and has gone through all
 * its memory, and fails where anything is not as it must be.
 * @from_us: g_get_monotonic_time() before the move
 */
gboolean demo_guest_prove (DemoHosts   *hosts,
                           GuestWatch  *watch,
                           gint64       from_us,
                           DemoProof   *proof,
                           GError     **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
