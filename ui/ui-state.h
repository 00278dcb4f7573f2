/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the console remembers from one time to the next: $QMIG_STATE_DIR/console.ini.  A file that cannot be read is as good as none. */

#include "ui-theme.h"

G_BEGIN_DECLS

typedef struct
{
  char *screen; /* (nullable) */
  char *graph;  /* (nullable) */
  char *theme;  /* (nullable) */
  gboolean bits;
} UiState;

UiState *ui_state_load (void);
void ui_state_save (const UiState *state);
void ui_state_free (UiState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (UiState, ui_state_free)

G_END_DECLS
