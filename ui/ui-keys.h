/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The user's own keys: [keys] of the config file, ID = KEY…, with the ids of the table of actions. */

#include <glib.h>

G_BEGIN_DECLS

/* Takes them over.  @error: QMIG_EXIT_USAGE for one that is not known, no key, or on a screen twice: nothing is guessed */
gboolean ui_keys_load (GError **error);

G_END_DECLS
