/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The parts of the screen of one migration, live and replayed. */

#include "ui-view.h"

G_BEGIN_DECLS

typedef struct
{
  UiPaint *paint;
  const UiRun *run;
  gint64 at_us;      /* right edge of time: now, or where a replay stands */
  gint64 window_us;
  gint64 cursor_us;  /* what the time cursor points at; 0: it is off */
  int knob;          /* the one that is selected; -1: none can be */
  gboolean live;
} UiPanels;

/* Each draws from line @y on and returns the line after its last. */
int ui_panel_stages (const UiPanels *panels, int y);
/* @height: of the curve alone */
int ui_panel_remaining (const UiPanels *panels, int y, int height);
int ui_panel_rates (const UiPanels *panels, int y, int height);
/* What comes, or what came of it; at most @height lines under its rule. */
int ui_panel_forecast (const UiPanels *panels, int y, int height);
int ui_panel_knobs (const UiPanels *panels, int y, gboolean rule);
int ui_panel_log (const UiPanels *panels, int y, int height);

/* Lines the forecast would like. */
int ui_panel_forecast_wants (const UiPanels *panels);
/* Where the curves are. */
void ui_panel_scale (const UiPanels *panels, UiScale *scale, int *x, int *width);

G_END_DECLS
