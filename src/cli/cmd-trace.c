/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd-trace.h"

#include "cmd-events.h"
#include "converge-trace.h"

static gboolean
is_wanted (const QmigEvent *event)
{
  return converge_trace_takes (event) || g_strcmp0 (event->type, "means") == 0;
}

static JsonObject *
data_of (const QmigEvent *event)
{
  return event->data != NULL && JSON_NODE_HOLDS_OBJECT (event->data) ? json_node_get_object (event->data) : NULL;
}

/* What the engine was given is an event as well; in the trace it stands at the head. */
static ConvergeTraceMeans *
find_means (GPtrArray *events)
{
  for (guint i = 0; i < events->len; i++)
    {
      const QmigEvent *event = g_ptr_array_index (events, i);

      if (g_strcmp0 (event->type, "means") == 0 && data_of (event) != NULL)
        return converge_trace_means_from_object (data_of (event), NULL);
    }
  return NULL;
}

static gint64
find_memory (GPtrArray *events)
{
  for (guint i = 0; i < events->len; i++)
    {
      const QmigEvent *event = g_ptr_array_index (events, i);
      gboolean is_sample = g_strcmp0 (event->type, "sample") == 0 && data_of (event) != NULL;
      g_autoptr(QmigSample) sample = is_sample ? qmig_sample_from_object (data_of (event), NULL) : NULL;

      if (sample != NULL && sample->total_bytes != QMIG_UNSET)
        return sample->total_bytes;
    }
  return QMIG_UNSET;
}

static char *
head_text (const QmigMigrationInfo *info, GPtrArray *events)
{
  g_autoptr(ConvergeTraceHead) head = converge_trace_head_new ();

  head->schema = g_strdup (CONVERGE_TRACE_SCHEMA);
  head->migration = g_strdup (info->id);
  head->vm = g_strdup (info->vm);
  head->source = g_strdup (info->source);
  head->destination = g_strdup (info->destination);
  head->started = g_strdup (info->started);
  head->memory_bytes = find_memory (events);
  head->policy = info->policy != NULL ? qmig_policy_copy (info->policy) : NULL;
  head->means = find_means (events);
  return converge_trace_head_to_text (head);
}

char *
cmd_trace_fetch (Cli *cli, const char *migration, GError **error)
{
  g_autofree char *path = qmig_client_path ("/v1/migrations/%s", migration);
  g_autoptr(QmigMigrationInfo) info = cli_get_value (cli, path, &qmig_migration_info_type, error);
  g_autoptr(GPtrArray) events = info != NULL ? cmd_events_get (cli, info, 0, is_wanted, error) : NULL;
  g_autofree char *head = events != NULL ? head_text (info, events) : NULL;
  GString *text;

  if (head == NULL)
    return NULL;
  text = g_string_new (head);
  g_string_append_c (text, '\n');
  for (guint i = 0; i < events->len; i++)
    {
      const QmigEvent *event = g_ptr_array_index (events, i);
      g_autofree char *line = converge_trace_takes (event) ? qmig_event_to_text (event) : NULL;

      if (line != NULL)
        g_string_append_printf (text, "%s\n", line);
    }
  return g_string_free (text, FALSE);
}
