/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Curves over time in cells.  A gap between samples is a gap in the curve, never zero. */

#include "ui-theme.h"

G_BEGIN_DECLS

typedef struct
{
  gint64 time_us;
  double value; /* NAN: none at that time */
} UiPoint;

typedef struct
{
  const UiPoint *points; /* in order of time */
  guint n_points;
  guint style;
  gboolean filled;       /* down to the axis, or only the line */
} UiSeries;

typedef struct
{
  gint64 from_us;
  gint64 to_us;
  gint64 gap_us;  /* a pause longer than this between two points is a gap */
  double top;     /* value at the upper edge; the lower one is 0 */
} UiScale;

void ui_chart_draw (UiGrid         *grid,
                    int             y,
                    int             x,
                    int             height,
                    int             width,
                    UiGraph         graph,
                    const UiScale  *scale,
                    const UiSeries *series,
                    guint           n_series);

/* The column of a time, relative to the chart's left edge; -1 outside. */
int ui_chart_column (const UiScale *scale, int width, gint64 time_us);
gint64 ui_chart_time_at (const UiScale *scale, int width, int column);

/* The least round number that is not below @value: powers of two and their halves. */
double ui_chart_round_up (double value);

G_END_DECLS
