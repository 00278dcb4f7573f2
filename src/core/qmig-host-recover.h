/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The receiving side of a broken post-copy: its QEMU listens once more. */

#include "qmig-destination.h"

G_BEGIN_DECLS

/*
 * Breaks what is left of the link, where QEMU has not noticed yet that it is dead, and makes QEMU listen where @spec allows;
 * the state then has the new uri.  All of it is out of band: a main loop that waits for a page of the guest answers nothing
 * else.  May be repeated.
 */
gboolean qmig_host_recover_listen (QmigDestination *destination, const QmigIncomingSpec *spec, QmpWait *wait, GError **error);

G_END_DECLS
