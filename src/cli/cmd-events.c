/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cmd-events.h"

typedef struct
{
  GPtrArray *events;
  CmdEventWanted wanted; /* (nullable) all */
  gint64 seen;
  gint64 last;           /* what has happened by now ends here */
} EventList;

static gboolean
collect_event (const QmigEvent *event, gpointer user_data)
{
  EventList *list = user_data;

  if (list->wanted == NULL || list->wanted (event))
    g_ptr_array_add (list->events, qmig_event_copy (event));
  list->seen = event->seq;
  return event->seq < list->last;
}

/* The stream ends with each result; a migration that was settled later has more than one. */
GPtrArray *
cmd_events_get (Cli *cli, const QmigMigrationInfo *info, gint64 after, CmdEventWanted wanted, GError **error)
{
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func (qmig_event_type.destroy);
  EventList list = { .events = events, .wanted = wanted, .seen = after, .last = info->last_seq };

  while (list.seen < list.last)
    {
      gint64 before = list.seen;

      if (!qmig_client_follow (cli->client, info->id, list.seen, collect_event, &list, NULL, error))
        return NULL;
      if (list.seen == before)
        break; /* samples long gone from the journal were the last */
    }
  return g_steal_pointer (&events);
}
