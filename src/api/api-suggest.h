/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The name nearest to @word, or NULL where none is near enough to be meant.  (transfer none) */
const char *api_nearest (const char *word, const char *const *names);

/* ", did you mean 'NAME'?" or "": to be put into an error text.  (transfer full) */
char *api_suggest (const char *word, const char *const *names);

G_END_DECLS
