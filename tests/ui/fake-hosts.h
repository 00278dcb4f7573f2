/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Many hosts with many VMs: agents whose answers are canned, all in one
 * process of their own, so that nothing they do counts for who asks them.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef struct _FakeHosts FakeHosts;

/**
 * fake_hosts_new:
 * @vms: on each host
 * @migrations: that many hosts, from the first, have a migration with two samples a second
 *
 * Hosts are host00, host01 …, VMs vm00-000, vm00-001 …; the first host knows the others.
 */
FakeHosts *fake_hosts_new (guint hosts, guint vms, guint migrations);
void fake_hosts_free (FakeHosts *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeHosts, fake_hosts_free)

/* Of the first host. */
const char *fake_hosts_get_uri (FakeHosts *self);
/* The last @n hosts take whatever is asked of them and never answer again. */
void fake_hosts_silence (FakeHosts *self, guint n);

G_END_DECLS
