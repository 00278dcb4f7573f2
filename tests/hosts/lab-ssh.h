/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A real sshd on a host of the lab, and what the other host needs to log in there: keys and configs of their own. */

#include "lab.h"

G_BEGIN_DECLS

/* Starts sshd on @to, with qmig in its PATH; @from's commands and agent find it by lab_ssh_uri().  FALSE after g_test_skip(). */
gboolean lab_ssh_start (Lab *lab, RigHost *from, const RigHost *to);

/* ssh://root@ADDRESS:PORT of @to.  (transfer full) */
char *lab_ssh_uri (Lab *lab, const RigHost *to);

G_END_DECLS
