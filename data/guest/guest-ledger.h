/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "guest-watch.h"

/*
 * What the bytes of the guest mean: pure bookkeeping, without sockets, threads and clocks.  guest-watch.c keeps one under
 * its lock; not for use elsewhere but in tests.
 */
typedef struct _GuestLedger GuestLedger;

GuestLedger *guest_ledger_new (void);
void guest_ledger_free (GuestLedger *ledger);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GuestLedger, guest_ledger_free)

/* A connection was made, or has ended.  Returns the number of the side. */
guint guest_ledger_open_side (GuestLedger *ledger, const char *path);
void guest_ledger_close_side (GuestLedger *ledger, guint side);

/* Bytes came from a side, at `now_us`. */
void guest_ledger_feed (GuestLedger *ledger, guint side, const guint8 *bytes, gsize n_bytes, gint64 now_us);

/* As the functions of guest-watch.h; `now_us` and `now_real_us` are the same moment on two clocks. */
void guest_ledger_get_state (GuestLedger *ledger, GuestWatchState *state);
GArray *guest_ledger_get_sides (GuestLedger *ledger);
gboolean guest_ledger_largest_gap (GuestLedger *ledger,
                                   gint64 from_us,
                                   gint64 to_us,
                                   gint64 now_us,
                                   gint64 now_real_us,
                                   GuestWatchGap *gap);
