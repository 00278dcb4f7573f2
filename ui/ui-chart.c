/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-chart.h"

#include <math.h>

/* How finely a cell can be filled. */
typedef struct
{
  int across;
  int up;
} Fineness;

static Fineness
fineness_of (UiGraph graph, UiCharset charset)
{
  switch (graph)
    {
    case UI_GRAPH_BRAILLE:
      return (Fineness){ 2, 4 };
    case UI_GRAPH_BLOCK:
      return (Fineness){ 1, charset == UI_CHARSET_LINUX ? 2 : 8 };
    case UI_GRAPH_ASCII:
      break;
    }
  return (Fineness){ 1, 3 };
}

/* Level of each fine column in fine rows; -1 in a gap. */
static void
find_levels (const UiScale *scale, const UiSeries *series, int n_columns, int n_rows, int *levels)
{
  double span_us = (double) MAX (scale->to_us - scale->from_us, 1);
  guint next = 0;

  for (int column = 0; column < n_columns; column++)
    {
      gint64 until_us = scale->from_us + (gint64) (span_us * (column + 1) / n_columns);
      gint64 from_us = scale->from_us + (gint64) (span_us * column / n_columns);
      const UiPoint *last = NULL;

      levels[column] = -1;
      while (next < series->n_points && series->points[next].time_us < until_us)
        next++;
      if (next > 0)
        last = &series->points[next - 1];
      if (last == NULL || isnan (last->value) || from_us - last->time_us > scale->gap_us)
        continue;
      /* What is held between samples ends with the last one. */
      if (next == series->n_points && last->time_us < from_us && until_us - last->time_us > scale->gap_us)
        continue;
      levels[column] = (int) lround (CLAMP (last->value / scale->top, 0, 1) * n_rows);
      if (levels[column] == 0 && last->value > 0)
        levels[column] = 1;
    }
}

/* Bit of the dot (across, up from the bottom) in a braille cell. */
static guint
braille_bit (int across, int up)
{
  static const guint bits[2][4] = { { 0x40, 0x04, 0x02, 0x01 }, { 0x80, 0x20, 0x10, 0x08 } };

  return bits[across][up];
}

static gboolean
is_dot (const UiSeries *series, const int *levels, int column, int row)
{
  int level = levels[column];
  int before = column > 0 ? levels[column - 1] : -1;
  int low;
  int high;

  if (level < 0)
    return FALSE;
  if (series->filled)
    return row < level;
  level = MAX (level - 1, 0);
  before = before < 0 ? level : MAX (before - 1, 0);
  /* Up to the neighbour, so that a steep line holds together. */
  low = MIN (level, before < level ? before + 1 : level);
  high = MAX (level, before > level ? before - 1 : level);
  return row >= low && row <= high;
}

static void
draw_braille (UiGrid *grid, int y, int x, int height, int width, const UiSeries *series, const int *levels)
{
  for (int row = 0; row < height; row++)
    for (int column = 0; column < width; column++)
      {
        const UiCell *cell = ui_grid_get_cell (grid, y + row, x + column);
        guint dots = cell->c >= 0x2800 && cell->c < 0x2900 ? cell->c - 0x2800 : 0;
        guint own = 0;

        for (int across = 0; across < 2; across++)
          for (int up = 0; up < 4; up++)
            if (is_dot (series, levels, column * 2 + across, (height - 1 - row) * 4 + up))
              own |= braille_bit (across, up);
        if (own != 0)
          ui_grid_put_glyph (grid, y + row, x + column, series->style, 0x2800 + (dots | own));
      }
}

static gunichar
bar_glyph (UiGraph graph, int up, int fill)
{
  static const char ascii[] = " .:#";

  if (graph == UI_GRAPH_ASCII)
    return (gunichar) ascii[fill];
  return up == 2 ? (fill == 2 ? 0x2588 : 0x2584) : 0x2580 + (gunichar) fill;
}

static void
draw_bars (UiGrid *grid, int y, int x, int height, int width, UiGraph graph, int up, const UiSeries *series, const int *levels)
{
  for (int column = 0; column < width; column++)
    {
      int level = levels[column];

      for (int row = 0; row < height; row++)
        {
          int fill = CLAMP (level - (height - 1 - row) * up, 0, up);
          gboolean top = fill > 0 && level <= (height - row) * up;

          if (fill > 0 && (series->filled || top))
            ui_grid_put_glyph (grid, y + row, x + column, series->style, bar_glyph (graph, up, fill));
        }
    }
}

void
ui_chart_draw (UiGrid *grid,
               int y,
               int x,
               int height,
               int width,
               UiGraph graph,
               const UiScale *scale,
               const UiSeries *series,
               guint n_series)
{
  Fineness fine = fineness_of (graph, ui_grid_get_charset (grid));
  g_autofree int *levels = NULL;

  if (height < 1 || width < 1 || x + width > ui_grid_get_cols (grid) || y + height > ui_grid_get_rows (grid))
    return;
  levels = g_new (int, (gsize) width * fine.across);
  for (guint i = 0; i < n_series; i++)
    {
      find_levels (scale, &series[i], width * fine.across, height * fine.up, levels);
      if (graph == UI_GRAPH_BRAILLE)
        draw_braille (grid, y, x, height, width, &series[i], levels);
      else
        draw_bars (grid, y, x, height, width, graph, fine.up, &series[i], levels);
    }
}

int
ui_chart_column (const UiScale *scale, int width, gint64 time_us)
{
  double span_us = (double) MAX (scale->to_us - scale->from_us, 1);

  if (time_us < scale->from_us || time_us > scale->to_us)
    return -1;
  return MIN ((int) ((double) (time_us - scale->from_us) / span_us * width), width - 1);
}

gint64
ui_chart_time_at (const UiScale *scale, int width, int column)
{
  double span_us = (double) MAX (scale->to_us - scale->from_us, 1);

  return scale->from_us + (gint64) (span_us * (column + 0.5) / MAX (width, 1));
}

double
ui_chart_round_up (double value)
{
  double round = 1;

  if (!(value > 1))
    return 1;
  round = exp2 (ceil (log2 (value)));
  return round * 0.75 >= value ? round * 0.75 : round;
}
