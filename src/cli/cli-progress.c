/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-progress.h"

#include "cli-format.h"
#include "cli-news.h"
#include "json-strict.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LINE_EVERY_US (10 * G_USEC_PER_SEC)
#define REDRAW_EVERY_US (G_USEC_PER_SEC / 20)

struct _CliProgress
{
  CliProgressMode mode;
  char *label;
  guint verbosity;
  gboolean drawn;       /* a bar stands on the line */
  gint64 last_us;       /* of the last drawing or sample line */
  char *stage;
};

CliProgressMode
cli_progress_choose (const char *choice, gboolean quiet)
{
  gboolean terminal = isatty (STDERR_FILENO) && g_strcmp0 (g_getenv ("TERM"), "dumb") != 0;

  if (quiet || g_strcmp0 (choice, "none") == 0)
    return CLI_PROGRESS_NONE;
  if (g_strcmp0 (choice, "bar") == 0)
    return CLI_PROGRESS_BAR;
  if (g_strcmp0 (choice, "lines") == 0)
    return CLI_PROGRESS_LINES;
  return terminal ? CLI_PROGRESS_BAR : CLI_PROGRESS_LINES;
}

CliProgress *
cli_progress_new (CliProgressMode mode, const char *label, guint verbosity)
{
  CliProgress *self = g_new0 (CliProgress, 1);

  self->mode = mode;
  self->label = g_strdup (label);
  self->verbosity = verbosity;
  return self;
}

void
cli_progress_free (CliProgress *self)
{
  cli_progress_clear (self);
  g_free (self->label);
  g_free (self->stage);
  g_free (self);
}

void
cli_progress_clear (CliProgress *self)
{
  if (self->drawn)
    g_printerr ("\r\033[K");
  self->drawn = FALSE;
}

void
cli_progress_say (CliProgress *self, const char *text)
{
  g_autofree char *clean = cli_sanitize (text);

  cli_progress_clear (self);
  g_printerr ("qmig: %s%s%s\n", self->label != NULL ? self->label : "", self->label != NULL ? ": " : "", clean);
}

static guint
terminal_columns (void)
{
  const char *columns = g_getenv ("COLUMNS");
  struct winsize size;

  if (ioctl (STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return columns != NULL && atoi (columns) > 0 ? (guint) atoi (columns) : 80;
}

/* "4.20 s, 312 MiB left, 812 MiB/s, dirty 45 MiB/s, pass 3": what is known of it; a narrow terminal cuts the end. */
static GString *
facts (const QmigSample *sample)
{
  GString *text = g_string_new (NULL);
  g_autofree char *left = sample->remaining_bytes != QMIG_UNSET ? cli_format_bytes (sample->remaining_bytes) : NULL;
  g_autofree char *sent = sample->send_bytes_per_s != QMIG_UNSET ? cli_format_rate (sample->send_bytes_per_s) : NULL;
  g_autofree char *dirty = sample->dirty_bytes_per_s != QMIG_UNSET ? cli_format_rate (sample->dirty_bytes_per_s) : NULL;
  g_autofree char *elapsed = sample->elapsed_ms != QMIG_UNSET ? cli_format_ms ((double) sample->elapsed_ms) : NULL;
  g_autofree char *forecast = sample->forecast != NULL ? cli_news_forecast_text (sample->forecast) : NULL;

  if (elapsed != NULL)
    g_string_append_printf (text, ", %s", elapsed);
  if (left != NULL)
    g_string_append_printf (text, ", %s left", left);
  if (sent != NULL)
    g_string_append_printf (text, ", %s", sent);
  if (dirty != NULL)
    g_string_append_printf (text, ", dirty %s", dirty);
  if (sample->pass != QMIG_UNSET)
    g_string_append_printf (text, ", pass %" G_GINT64_FORMAT, sample->pass);
  if (sample->throttle_percent != QMIG_UNSET && sample->throttle_percent > 0)
    g_string_append_printf (text, ", throttled %" G_GINT64_FORMAT "%%", sample->throttle_percent);
  if (forecast != NULL)
    g_string_append_printf (text, ", %s", forecast);
  if (text->len > 0)
    g_string_erase (text, 0, 2);
  return text;
}

char *
cli_progress_line_text (const QmigSample *sample)
{
  g_autoptr(GString) text = facts (sample);

  return g_strdup_printf ("%s: %s", qmig_stage_names[sample->stage], text->str);
}

/* How much of the memory the destination has, as far as it still counts. */
static double
done_ratio (const QmigSample *sample)
{
  if (sample->total_bytes == QMIG_UNSET || sample->total_bytes <= 0 || sample->remaining_bytes == QMIG_UNSET)
    return 0;
  return CLAMP (1 - (double) sample->remaining_bytes / (double) sample->total_bytes, 0, 1);
}

static void
append_bar (GString *line, double ratio, guint cells, gboolean unicode)
{
  guint full = (guint) (ratio * cells);

  g_string_append (line, unicode ? " " : " [");
  for (guint i = 0; i < cells; i++)
    g_string_append (line, unicode ? (i < full ? "█" : "░") : (i < full ? "#" : "-"));
  g_string_append_printf (line, "%s %3.0f%% ", unicode ? "" : "]", ratio * 100);
}

static void
truncate_columns (GString *line, guint columns)
{
  guint width = 0;

  for (const char *p = line->str; *p != '\0'; p = g_utf8_next_char (p))
    {
      width += g_unichar_iswide (g_utf8_get_char (p)) ? 2 : 1;
      if (width > columns)
        {
          g_string_truncate (line, (gsize) (p - line->str));
          return;
        }
    }
}

char *
cli_progress_bar_text (const QmigSample *sample, guint columns, gboolean unicode)
{
  GString *line = g_string_new (NULL);
  g_autoptr(GString) text = facts (sample);

  g_string_append_printf (line, "%-13s", qmig_stage_names[sample->stage]);
  append_bar (line, done_ratio (sample), columns < 100 ? 8 : 20, unicode);
  g_string_append (line, text->str);
  /* The last column stays free: a terminal that wraps there would leave lines behind. */
  truncate_columns (line, columns > 1 ? columns - 1 : 1);
  return g_string_free (line, FALSE);
}

static void
draw (CliProgress *self, const QmigSample *sample)
{
  g_autofree char *text = cli_progress_bar_text (sample, terminal_columns (), g_get_charset (NULL));

  g_printerr ("\r%s\033[K", text);
  self->drawn = TRUE;
}

static void
show_sample (CliProgress *self, JsonObject *data)
{
  gint64 now_us = g_get_monotonic_time ();
  gint64 every_us = self->mode == CLI_PROGRESS_BAR ? REDRAW_EVERY_US : LINE_EVERY_US;
  g_autoptr(QmigSample) sample = NULL;

  if (self->last_us != 0 && now_us - self->last_us < every_us)
    return;
  sample = qmig_sample_from_object (data, NULL);
  if (sample == NULL)
    return;

  /* The first line comes ten seconds after the first sample: until then the stages say enough. */
  if (self->mode == CLI_PROGRESS_BAR)
    draw (self, sample);
  else if (self->last_us != 0)
    {
      g_autofree char *text = cli_progress_line_text (sample);

      cli_progress_say (self, text);
    }
  self->last_us = now_us;
}

static void
show_stage (CliProgress *self, JsonObject *data)
{
  const char *stage = json_strict_string (data, "stage", NULL);

  if (stage == NULL || g_strcmp0 (stage, self->stage) == 0)
    return;
  g_free (self->stage);
  self->stage = g_strdup (stage);
  if (self->mode == CLI_PROGRESS_LINES)
    cli_progress_say (self, stage);
}

static void
show_check (CliProgress *self, JsonObject *data)
{
  g_autoptr(QmigCheck) check = qmig_check_from_object (data, NULL);
  g_autofree char *text = NULL;

  if (check == NULL || check->text == NULL || check->status == QMIG_CHECK_OK ||
      (check->status == QMIG_CHECK_WARN && self->verbosity == 0))
    return;
  text = g_strdup_printf ("%s: %s: %s%s%s", qmig_check_status_names[check->status], check->id, check->text,
                          check->way_out != NULL ? "; " : "", check->way_out != NULL ? check->way_out : "");
  cli_progress_say (self, text);
}

/* A value that was sent, and a decision to wait, change nothing yet: those who want to know of them say so. */
static void
show_knob (CliProgress *self, JsonObject *data)
{
  g_autofree char *text = cli_news_knob_text (data);
  gboolean worth_it = self->verbosity > 0 || g_strcmp0 (json_strict_string (data, "state", NULL), "sent") != 0;

  if (text != NULL && worth_it)
    cli_progress_say (self, text);
}

static void
show_decision (CliProgress *self, JsonObject *data)
{
  g_autoptr(QmigDecision) decision = qmig_decision_from_object (data, NULL);
  g_autofree char *text = NULL;

  if (decision == NULL || (decision->action == QMIG_ACTION_WAIT && self->verbosity == 0))
    return;
  text = cli_news_decision_text (decision);
  cli_progress_say (self, text);
}

void
cli_progress_event (CliProgress *self, const QmigEvent *event)
{
  JsonObject *data = event->data != NULL && JSON_NODE_HOLDS_OBJECT (event->data) ? json_node_get_object (event->data)
                                                                                   : NULL;

  if (data == NULL)
    return;
  if (g_strcmp0 (event->type, "check") == 0)
    show_check (self, data);
  if (self->mode == CLI_PROGRESS_NONE)
    return;
  if (strcmp (event->type, "sample") == 0)
    show_sample (self, data);
  else if (strcmp (event->type, "stage") == 0)
    show_stage (self, data);
  else if (strcmp (event->type, "knob") == 0)
    show_knob (self, data);
  else if (strcmp (event->type, "decision") == 0)
    show_decision (self, data);
  else if (strcmp (event->type, "log") == 0 && self->verbosity == 1)
    cli_progress_say (self, json_strict_string (data, "text", ""));
  else if (self->verbosity > 1)
    {
      g_autofree char *text = json_strict_print (event->data);
      g_autofree char *line = g_strdup_printf ("%s %s", event->type, text);

      cli_progress_say (self, line);
    }
}
