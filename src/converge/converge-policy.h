/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Policies: which means a migration may use, and how far.  Pure: reads what a
 * key file says, strictly, and puts the bounds of a request over it.
 *
 *   [policy evening]
 *   about = what it is for, in one line
 *   downtime = 300ms             budget of the guest's downtime
 *   deadline = 30m               "none" is none
 *   bandwidth = 1GiB/s           bound; "max" is none
 *   start-bandwidth = 200MiB/s   to begin with; "bound" is the bound
 *   throttle-max = 50%           0% never holds the guest back
 *   allow = postcopy, pause      or "none"
 *   patience = 60s               how long it goes on without hope
 *
 * What is left out is as in the policy "default".
 */

#include "api-types.h"

G_BEGIN_DECLS

#define CONVERGE_POLICY_GROUP "policy "
#define CONVERGE_POLICY_DEFAULT "default"

/* As it is where no file says otherwise.  (transfer full) */
QmigPolicy *converge_policy_new_default (void);

/* What a policy may be called: it is part of a file's name.  @error: QMIG_EXIT_USAGE */
gboolean converge_policy_check_name (const char *name, GError **error);

/* The group [policy @name] of @file.  @error: QMIG_EXIT_ERROR, with the key, and for an unknown one its near miss.  (transfer full) */
QmigPolicy *converge_policy_read (GKeyFile *file, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/*
 * Whether QEMU and the engine can work within @knobs: QEMU takes a negative
 * number for a very large one, so that ranges have to be looked at here.
 * @error: QMIG_EXIT_USAGE
 */
gboolean converge_policy_check_knobs (const QmigKnobs *knobs, GError **error);

/* "postcopy" and "pause".  @allow: (nullable).  @error: QMIG_EXIT_USAGE with the near miss */
gboolean converge_policy_check_allow (char **allow, GError **error);

/* Puts what is set of @knobs over @self, and the consent of @allow.  Both: (nullable), and checked. */
void converge_policy_bound (QmigPolicy *self, const QmigKnobs *knobs, char **allow);

G_END_DECLS
