/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Two hosts on this machine, and the switch between them:
 *
 *   alpha: vmbr 10.213.7.1 ── uplink ═ alpha ┐
 *                                            ├ switch 10.213.7.3: the people outside
 *   beta:  vmbr 10.213.7.2 ── uplink ═ beta  ┘
 *
 * Each host has its own network, processes, mounts, name, boot id and hosts file; the files are common to all.  vmbr
 * takes guests' taps, so that they stand in one network wherever they run.  A cable is cut at the switch: nobody is
 * told, frames are just gone.
 *
 * All of it dies with the test, however that ends: a host's first process is killed by the kernel then, and with it
 * all others of that host.
 */

#include "place.h"

G_BEGIN_DECLS

#define NET_ALPHA "10.213.7.1"
#define NET_BETA "10.213.7.2"
#define NET_OUTSIDE "10.213.7.3"
#define NET_GUEST "10.213.7.9"
#define NET_TAP "guest0"  /* a tap of this name is on each host's vmbr */

typedef struct
{
  const char *name;
  const char *address;
  Place place;
  GPid init; /* the host's first process */
} NetHost;

typedef struct
{
  char *dir;     /* the caller's: for the files that only one host sees */
  Place outside; /* the switch, and what is connected there */
  NetHost alpha;
  NetHost beta;
} Net;

/* NULL after g_test_skip() where the machine does not allow it.  @dir: an existing directory of the test's own */
Net *net_new (const char *dir);
/* After all that place_spawn() started there was waited for. */
void net_free (Net *net);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Net, net_free)

/* Frames from and to @host are lost at the switch from now on. */
void net_cut (Net *net, const NetHost *host);
void net_mend (Net *net, const NetHost *host);

/* What @host sends from now on goes at @rate at most ("1gbit", as tc has it).  FALSE where the kernel has no such queue. */
gboolean net_shape (Net *net, const NetHost *host, const char *rate);

/* Its power fails: it is silent, and all its processes are dead. */
void net_kill_host (Net *net, NetHost *host);

G_END_DECLS
