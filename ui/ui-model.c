/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-model.h"

#include "ui-text.h"

#include <string.h>

#define SLOW_US (800 * G_TIME_SPAN_MILLISECOND)
#define SILENT_US (5 * G_USEC_PER_SEC)
#define STALE_US (8 * G_USEC_PER_SEC)
#define NOTICE_US (8 * G_USEC_PER_SEC)
#define LOG_MAX 5000

const char *const ui_link_state_names[] = { "connecting", "live", "slow", "silent", "retry", "refused", NULL };

static void
past_free (gpointer data)
{
  UiPast *past = data;

  g_free (past->host);
  qmig_migration_info_free (past->info);
  g_free (past);
}

void
ui_host_free (UiHost *host)
{
  g_free (host->name);
  g_free (host->uri);
  g_free (host->problem);
  g_strfreev (host->labels);
  g_clear_pointer (&host->info, qmig_host_info_free);
  g_clear_pointer (&host->vms, g_ptr_array_unref);
  g_clear_pointer (&host->active, g_ptr_array_unref);
  g_clear_pointer (&host->tests, g_ptr_array_unref);
  g_free (host);
}

UiModel *
ui_model_new (void)
{
  UiModel *self = g_new0 (UiModel, 1);

  self->hosts = g_ptr_array_new_with_free_func ((GDestroyNotify) ui_host_free);
  self->runs = g_ptr_array_new_with_free_func ((GDestroyNotify) ui_run_free);
  self->past = g_ptr_array_new_with_free_func (past_free);
  self->log = g_ptr_array_new_with_free_func ((GDestroyNotify) ui_event_free);
  return self;
}

void
ui_model_free (UiModel *self)
{
  g_ptr_array_unref (self->log);
  g_ptr_array_unref (self->past);
  g_ptr_array_unref (self->runs);
  g_ptr_array_unref (self->hosts);
  g_free (self->notice);
  g_free (self);
}

/* -- hosts ------------------------------------------------------------------------ */

UiHost *
ui_model_find_host (const UiModel *self, const char *name)
{
  for (guint i = 0; i < self->hosts->len; i++)
    {
      UiHost *host = g_ptr_array_index (self->hosts, i);

      if (g_strcmp0 (host->name, name) == 0)
        return host;
    }
  return NULL;
}

const char *
ui_model_host_name (const UiModel *self, const char *name)
{
  for (guint i = 0; name != NULL && i < self->hosts->len; i++)
    {
      const UiHost *host = g_ptr_array_index (self->hosts, i);

      if (g_strcmp0 (host->uri, name) == 0)
        return host->name;
    }
  return name != NULL ? name : "?";
}

const char *
ui_model_destination_name (const UiModel *self, const QmigMigrationInfo *info)
{
  const char *name = ui_model_host_name (self, info->destination_uri);
  gboolean known = info->destination_uri != NULL && name != info->destination_uri;

  if (known)
    return name;
  if (info->result != NULL && info->result->destination_name != NULL)
    return info->result->destination_name;
  return ui_model_host_name (self, info->destination);
}

UiHost *
ui_model_add_host (UiModel *self, const char *name, const char *uri, gboolean own)
{
  UiHost *host = ui_model_find_host (self, name);

  if (host != NULL)
    return host;
  host = g_new0 (UiHost, 1);
  host->name = g_strdup (name);
  host->uri = g_strdup (uri);
  host->own = own;
  g_ptr_array_add (self->hosts, host);
  self->revision++;
  return host;
}

gboolean
ui_host_has_label (const UiHost *host, const char *label)
{
  return host->labels != NULL && g_strv_contains ((const char *const *) host->labels, label);
}

UiLinkState
ui_host_link (const UiModel *self, const UiHost *host)
{
  gint64 due_us = host->asked_mono_us > 0 ? self->mono_us - host->asked_mono_us : 0;

  if (host->link != UI_LINK_LIVE && host->link != UI_LINK_CONNECTING)
    return host->link;
  if (due_us > SILENT_US)
    return UI_LINK_SILENT;
  if (due_us > SLOW_US)
    return UI_LINK_SLOW;
  return host->link;
}

char *
ui_host_link_text (const UiModel *self, const UiHost *host)
{
  g_autofree char *due = ui_text_ms ((double) (self->mono_us - host->asked_mono_us) / 1000);
  g_autofree char *rtt = ui_text_ms ((double) host->rtt_us / 1000);

  switch (ui_host_link (self, host))
    {
    case UI_LINK_CONNECTING:
      return g_strdup ("connecting");
    case UI_LINK_LIVE:
      return host->own ? g_strdup ("live") : g_strdup_printf ("live, %s", rtt);
    case UI_LINK_SLOW:
      return g_strdup_printf ("slow %s", due);
    case UI_LINK_SILENT:
      return g_strdup_printf ("silent %s", due);
    case UI_LINK_RETRY:
      return g_strdup_printf ("retry in %d s", (int) (MAX (host->retry_mono_us - self->mono_us, 0) / G_USEC_PER_SEC));
    case UI_LINK_REFUSED:
      return g_strdup ("refused");
    }
  return NULL;
}

gboolean
ui_host_is_stale (const UiModel *self, const UiHost *host)
{
  return host->heard_mono_us == 0 || self->mono_us - host->heard_mono_us > STALE_US;
}

static void
replace (GPtrArray **old, GPtrArray *new)
{
  g_clear_pointer (old, g_ptr_array_unref);
  *old = g_ptr_array_ref (new);
}

void
ui_host_take_vms (UiModel *self, UiHost *host, GPtrArray *vms)
{
  replace (&host->vms, vms);
  host->vms_mono_us = self->mono_us;
  self->revision++;
}

static void
refresh_runs (UiModel *self, GPtrArray *active)
{
  for (guint i = 0; i < active->len; i++)
    {
      const QmigMigrationInfo *info = g_ptr_array_index (active, i);
      UiRun *run = ui_model_find_run (self, info->id);

      if (run != NULL)
        ui_run_set_info (run, info);
    }
}

void
ui_host_take_active (UiModel *self, UiHost *host, GPtrArray *active)
{
  replace (&host->active, active);
  refresh_runs (self, active);
  self->revision++;
}

void
ui_host_take_info (UiModel *self, UiHost *host, QmigHostInfo *info)
{
  g_clear_pointer (&host->info, qmig_host_info_free);
  host->info = info;
  host->info_mono_us = self->mono_us;
}

/* -- migrations --------------------------------------------------------------------- */

UiRun *
ui_model_find_run (const UiModel *self, const char *id)
{
  for (guint i = 0; i < self->runs->len; i++)
    {
      UiRun *run = g_ptr_array_index (self->runs, i);

      if (g_strcmp0 (run->id, id) == 0)
        return run;
    }
  return NULL;
}

const QmigMigrationInfo *
ui_model_find_active (const UiModel *self, const char *id, const UiHost **host)
{
  for (guint i = 0; i < self->hosts->len; i++)
    {
      const UiHost *at = g_ptr_array_index (self->hosts, i);

      for (guint j = 0; at->active != NULL && j < at->active->len; j++)
        {
          const QmigMigrationInfo *info = g_ptr_array_index (at->active, j);

          if (g_strcmp0 (info->id, id) != 0)
            continue;
          if (host != NULL)
            *host = at;
          return info;
        }
    }
  return NULL;
}

guint
ui_model_count_active (const UiModel *self)
{
  guint n = 0;

  for (guint i = 0; i < self->hosts->len; i++)
    {
      const UiHost *host = g_ptr_array_index (self->hosts, i);

      n += host->active != NULL ? host->active->len : 0;
    }
  return n;
}

const UiPast *
ui_model_find_past (const UiModel *self, const char *id)
{
  for (guint i = 0; i < self->past->len; i++)
    {
      const UiPast *past = g_ptr_array_index (self->past, i);

      if (g_strcmp0 (past->info->id, id) == 0)
        return past;
    }
  return NULL;
}

static int
newest_first (gconstpointer a, gconstpointer b)
{
  const UiPast *one = *(const UiPast *const *) a;
  const UiPast *other = *(const UiPast *const *) b;

  return g_strcmp0 (other->info->started, one->info->started);
}

void
ui_model_take_past (UiModel *self, const char *host, GPtrArray *past)
{
  for (guint i = self->past->len; i > 0; i--)
    {
      const UiPast *old = g_ptr_array_index (self->past, i - 1);

      if (strcmp (old->host, host) == 0)
        g_ptr_array_remove_index (self->past, i - 1);
    }
  for (guint i = 0; i < past->len; i++)
    {
      UiPast *entry = g_new0 (UiPast, 1);

      entry->host = g_strdup (host);
      entry->info = qmig_migration_info_copy (g_ptr_array_index (past, i));
      g_ptr_array_add (self->past, entry);
    }
  g_ptr_array_sort (self->past, newest_first);
  self->revision++;
}

/* -- words ----------------------------------------------------------------------------- */

void
ui_model_log (UiModel *self, const UiEvent *event)
{
  UiEvent *line = ui_event_new_line (event->type, event->time_us, event->host, event->role, event->text);
  guint at = self->log->len;

  line->migration = g_strdup (event->migration);
  line->detail = g_strdup (event->detail);
  line->seq = event->seq;
  while (at > 0 && ((const UiEvent *) g_ptr_array_index (self->log, at - 1))->time_us > line->time_us)
    at--;
  g_ptr_array_insert (self->log, (int) at, line);
  if (self->log->len > LOG_MAX)
    g_ptr_array_remove_range (self->log, 0, LOG_MAX / 10);
  self->revision++;
}

void
ui_model_say (UiModel *self, UiRole role, const char *format, ...)
{
  va_list args;

  g_free (self->notice);
  va_start (args, format);
  self->notice = g_strdup_vprintf (format, args);
  va_end (args);
  self->notice_role = role;
  self->notice_mono_us = self->mono_us + NOTICE_US;
}
