/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * libvirt as a mover: a libvirtd on each of the lab's hosts, with configuration and state of its own, and virsh on the
 * source.  Whatever libvirt runs on the machine itself sees nothing of it.
 */

#include "contest.h"

G_BEGIN_DECLS

/* Whether libvirtd and virsh are installed. */
gboolean virsh_is_there (void);
/* What `virsh --version` says.  (transfer full) */
char *virsh_version (void);

/* For ContestMover: starts both libvirtds, and has the source's start the guest. */
void virsh_start_guest (Contest *contest);

void virsh_plain (Contest *contest);
void virsh_auto_converge (Contest *contest);
/* The guest is stopped after ten seconds, and the rest is copied then. */
void virsh_suspend (Contest *contest);
void virsh_postcopy (Contest *contest);

G_END_DECLS
