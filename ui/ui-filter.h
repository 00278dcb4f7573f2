/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What rows a list shows, typed on its last line. */

#include "ui-view.h"

G_BEGIN_DECLS

typedef struct
{
  UiEdit edit;
  gboolean typing;
  char *wanted;    /* lower case */
  gboolean invert; /* "!" in front */
  guint serial;    /* grows with each change */
} UiFilter;

void ui_filter_init (UiFilter *filter);
void ui_filter_clear (UiFilter *filter);
void ui_filter_start (UiFilter *filter);
/* While it is typed all keys but Enter and Esc are its own; Esc takes it away. */
gboolean ui_filter_type (UiFilter *filter, int key);
gboolean ui_filter_is_on (const UiFilter *filter);
/* Takes it away; FALSE where there was none. */
gboolean ui_filter_drop (UiFilter *filter);
/* @text: all that can be looked for in a row */
gboolean ui_filter_matches (const UiFilter *filter, const char *text);
/* The footer, or the line that is typed into. */
void ui_filter_draw_footer (const UiFilter *filter, UiPaint *paint, guint screen, const char *note);
/* " · filter: web" for a rule; "" where there is none.  (transfer full) */
char *ui_filter_hint (const UiFilter *filter);

G_END_DECLS
