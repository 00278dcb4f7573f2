/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The part of the plan that chooses the means: capabilities and parameters of
 * either QEMU, and their values for the way back.  What QEMU would refuse late,
 * or take and then hang or break, is refused here by name.  Pure.
 *
 * What is left open: one stream, unless a compression is asked for that only
 * multifd can do, which then gets QMIG_MULTIFD_CHANNELS.  A second stream pays
 * where one CPU cannot fill the link, beyond some 10 Gbit/s; below, it only
 * costs threads and connections, and nothing here knows how fast the link is.
 * No compression: on a fast link it is the CPU that limits.  The cache of
 * xbzrle has a tenth of the guest's memory.
 */

#include "api-types.h"
#include "qmig-instance.h"

G_BEGIN_DECLS

#define QMIG_MULTIFD_CHANNELS 4
#define QMIG_MULTIFD_CHANNELS_MAX 255

/* What can be seen to be wrong without asking anybody.  @error: QMIG_EXIT_USAGE */
gboolean qmig_plan_check_request (const QmigMigrateRequest *request, GError **error);

/* Fills in, of a @plan that has transport, policy and command line, capabilities_*, incoming_*, parameters, restore_parameters,
 * multifd_channels and compression; adds its checks. */
void qmig_plan_choose_means (QmigPlan *plan, const QmigMigrateRequest *request, const QmigSourceFacts *source, const QmigFacts *destination);

G_END_DECLS
