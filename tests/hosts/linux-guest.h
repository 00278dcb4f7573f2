/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A Linux with a network card, on alpha: Debian's kernel and one program, see linux-guest-init.c. */

#include "lab.h"

G_BEGIN_DECLS

/* FALSE after g_test_skip() where `./setup qemus` has not been run.  Does not wait: talk_new() does. */
gboolean linux_guest_start (Lab *lab);

G_END_DECLS
