/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Signals as calls in the main context. */

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  void (*resized) (gpointer user_data);
  void (*to_suspend) (gpointer user_data);   /* SIGTSTP */
  void (*resumed) (gpointer user_data);      /* SIGCONT */
  void (*to_end) (int signal_number, gpointer user_data);
} UiSignalFuncs;

void ui_signals_watch (const UiSignalFuncs *funcs, gpointer user_data);
void ui_signals_unwatch (void);

G_END_DECLS
