/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ui-fetch.h"

#include "ui-text.h"

#include <string.h>

#define ANSWER_MS 10000
#define VMS_MS 20000
#define HOSTS_MS 30000
#define REQUEST_MS 60000
#define PAST_LIMIT 200
#define VMS_PERIOD_US (10 * G_USEC_PER_SEC) /* the agent has to take each monitor for it */
#define RUNS_MAX 48
#define RETRY_LEAST_US (1 * G_USEC_PER_SEC)
#define RETRY_MOST_US (30 * G_USEC_PER_SEC)

typedef enum
{
  ASK_INFO,
  ASK_ACTIVE,
  ASK_VMS,
  ASK_PAST,
  ASK_CHANGES,
  ASK_HOSTS, /* of the agent that we started with */
  N_ASKS,
} Ask;

typedef struct
{
  UiFetch *fetch;
  UiHost *host;     /* in the model */
  QmigClient *client;
  gboolean pending[N_ASKS];
  gint64 asked_us[N_ASKS];
  gint64 due_us[N_ASKS]; /* monotonic */
  gint64 pause_us;  /* between the last two attempts */
  gint64 last_change;
} Link;

typedef struct
{
  UiFetch *fetch;
  char *host;
  char *id;
  QmigFollow *follow; /* NULL: not now */
  gint64 seen;        /* seq */
  gint64 again_us;    /* when to follow again; 0: no more */
} Stream;

struct _UiFetch
{
  UiModel *model;
  GCancellable *stop;
  GPtrArray *links;
  GPtrArray *streams;
  guint wants;
  void (*changed) (gpointer);
  gpointer user_data;
};

static void
touch (UiFetch *self)
{
  self->model->mono_us = g_get_monotonic_time ();
  self->model->now_us = g_get_real_time ();
}

static void
link_free (gpointer data)
{
  Link *link = data;

  g_clear_object (&link->client);
  g_free (link);
}

static void
stream_free (gpointer data)
{
  Stream *stream = data;

  g_clear_pointer (&stream->follow, qmig_follow_stop);
  g_free (stream->host);
  g_free (stream->id);
  g_free (stream);
}

/* @error: where the URI cannot be one */
static Link *
link_new (UiFetch *self, UiHost *host, const char *uri, GError **error)
{
  g_autoptr(QmigClient) client = qmig_client_new (uri, error);
  Link *link;

  if (client == NULL)
    return NULL;
  link = g_new0 (Link, 1);
  link->fetch = self;
  link->host = host;
  link->client = g_steal_pointer (&client);
  g_ptr_array_add (self->links, link);
  return link;
}

static Link *
find_link (UiFetch *self, const char *host)
{
  for (guint i = 0; i < self->links->len; i++)
    {
      Link *link = g_ptr_array_index (self->links, i);

      if (g_strcmp0 (link->host->name, host) == 0)
        return link;
    }
  return NULL;
}

/* -- what a link is like ------------------------------------------------------------ */

static void
tell_link (UiFetch *self, const UiHost *host, UiRole role, const char *text)
{
  UiEvent *line = ui_event_new_line (UI_EVENT_LINK, self->model->now_us, host->name, role, text);

  ui_model_log (self->model, line);
  ui_event_free (line);
}

static void
link_works (Link *link, gint64 asked_us)
{
  UiHost *host = link->host;

  if (host->link == UI_LINK_RETRY || host->link == UI_LINK_REFUSED)
    tell_link (link->fetch, host, UI_ROLE_OK, "the agent answers again");
  host->link = UI_LINK_LIVE;
  host->heard_mono_us = link->fetch->model->mono_us;
  host->rtt_us = host->heard_mono_us - asked_us;
  g_clear_pointer (&host->problem, g_free);
  link->pause_us = 0;
}

static void
link_fails (Link *link, const GError *error)
{
  UiHost *host = link->host;
  gboolean refused = g_error_matches (error, QMIG_ERROR, QMIG_EXIT_DENIED) || g_error_matches (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED);
  gint64 now_us = link->fetch->model->mono_us;

  if (host->link != UI_LINK_RETRY && host->link != UI_LINK_REFUSED)
    tell_link (link->fetch, host, UI_ROLE_FAIL, error->message);
  link->pause_us = CLAMP (link->pause_us * 2, RETRY_LEAST_US, RETRY_MOST_US);
  host->link = refused ? UI_LINK_REFUSED : UI_LINK_RETRY;
  host->retry_mono_us = now_us + link->pause_us;
  g_free (host->problem);
  host->problem = g_strdup (error->message);
  link->fetch->model->revision++;
}

static void
note_due (Link *link)
{
  gint64 since_us = 0;

  for (int i = ASK_INFO; i <= ASK_ACTIVE; i++)
    if (link->pending[i] && (since_us == 0 || link->asked_us[i] < since_us))
      since_us = link->asked_us[i];
  link->host->asked_mono_us = since_us;
}

/* -- answers --------------------------------------------------------------------------- */

static void
take_info (Link *link, JsonObject *answer)
{
  QmigHostInfo *info = qmig_host_info_from_object (answer, NULL);
  UiHost *host = link->host;

  if (info == NULL)
    return;
  /* It knows its own name; the others are called what our agent calls them. */
  if (host->own && info->name != NULL && strcmp (info->name, host->name) != 0)
    {
      g_free (host->name);
      host->name = g_strdup (info->name);
      link->fetch->model->revision++;
    }
  ui_host_take_info (link->fetch->model, host, info);
}

/* One that is over is history now, and its VM is elsewhere; one that has begun has its VM. */
static void
note_number (Link *link, GPtrArray *active)
{
  guint before = link->host->active != NULL ? link->host->active->len : 0;

  if (active->len == before)
    return;
  link->due_us[ASK_PAST] = 0;
  for (guint i = 0; i < link->fetch->links->len; i++)
    ((Link *) g_ptr_array_index (link->fetch->links, i))->due_us[ASK_VMS] = 0;
}

static void
take_active (Link *link, JsonObject *answer)
{
  g_autoptr(GPtrArray) active = api_list_from_object (&qmig_migration_info_type, answer, NULL);

  if (active == NULL)
    return;
  note_number (link, active);
  if (active->len > 0 || link->host->active == NULL || link->host->active->len > 0)
    ui_host_take_active (link->fetch->model, link->host, active);
}

static void
take_vms (Link *link, JsonObject *answer)
{
  g_autoptr(GPtrArray) vms = api_list_from_object (&qmig_vm_type, answer, NULL);

  if (vms != NULL)
    ui_host_take_vms (link->fetch->model, link->host, vms);
}

static void
take_past (Link *link, JsonObject *answer)
{
  g_autoptr(GPtrArray) past = api_list_from_object (&qmig_migration_info_type, answer, NULL);

  if (past != NULL)
    ui_model_take_past (link->fetch->model, link->host->name, past);
}

static void
take_changes (Link *link, JsonObject *answer)
{
  g_autoptr(GPtrArray) changes = api_list_from_object (&qmig_change_type, answer, NULL);
  gint64 last = link->last_change;

  for (guint i = 0; changes != NULL && i < changes->len; i++)
    {
      const QmigChange *change = g_ptr_array_index (changes, i);
      gint64 time_us = change->time != NULL ? api_time_parse (change->time) : QMIG_UNSET;
      g_autofree char *text = NULL;
      UiEvent *line;

      if (change->seq <= link->last_change || time_us == QMIG_UNSET)
        continue;
      text = g_strdup_printf ("%s: %s %s, status %d%s%s", change->who, change->method, change->path, (int) change->status,
                              change->reason != NULL ? ", because: " : "", change->reason != NULL ? change->reason : "");
      line = ui_event_new_line (UI_EVENT_CHANGE, time_us, link->host->name, change->status < 400 ? UI_ROLE_TEXT : UI_ROLE_WARN, text);
      ui_model_log (link->fetch->model, line);
      ui_event_free (line);
      last = MAX (last, change->seq);
    }
  link->last_change = last;
}

static void
take_host_entry (UiFetch *self, const Link *own, const QmigHostEntry *entry)
{
  gboolean is_own = g_strcmp0 (entry->uri, "local") == 0 || g_strcmp0 (entry->uri, qmig_client_get_uri (own->client)) == 0;
  g_autoptr(GError) error = NULL;
  UiHost *host;

  if (is_own || entry->name == NULL || entry->uri == NULL)
    return;
  host = ui_model_find_host (self->model, entry->name);
  if (host == NULL)
    {
      host = ui_model_add_host (self->model, entry->name, entry->uri, FALSE);
      if (link_new (self, host, entry->uri, &error) == NULL)
        {
          host->link = UI_LINK_REFUSED;
          host->problem = g_strdup (error->message);
        }
    }
  g_strfreev (host->labels);
  host->labels = g_strdupv (entry->labels);
}

static void
take_hosts (Link *link, JsonObject *answer)
{
  g_autoptr(GPtrArray) hosts = api_list_from_object (&qmig_host_entry_type, answer, NULL);

  for (guint i = 0; hosts != NULL && i < hosts->len; i++)
    take_host_entry (link->fetch, link, g_ptr_array_index (hosts, i));
}

typedef struct
{
  Link *link;
  Ask ask;
} Asked;

static void
answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  static void (*const take[N_ASKS]) (Link *, JsonObject *)
      = { take_info, take_active, take_vms, take_past, take_changes, take_hosts };
  g_autofree Asked *asked = user_data;
  Link *link = asked->link;
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonObject) answer = qmig_client_call_finish (QMIG_CLIENT (source), result, NULL, &error);

  /* Cancelled: there is no link any more. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  touch (link->fetch);
  link->pending[asked->ask] = FALSE;
  note_due (link);
  if (answer != NULL)
    {
      if (asked->ask <= ASK_ACTIVE)
        link_works (link, link->asked_us[asked->ask]);
      take[asked->ask](link, answer);
    }
  else if (asked->ask <= ASK_ACTIVE)
    {
      link_fails (link, error);
    }
  link->fetch->changed (link->fetch->user_data);
}

/* -- asking -------------------------------------------------------------------------------- */

static void
ask (Link *link, Ask what, const char *path, gint64 timeout_ms, gint64 period_us)
{
  Asked *asked = g_new0 (Asked, 1);
  gint64 now_us = link->fetch->model->mono_us;

  asked->link = link;
  asked->ask = what;
  link->pending[what] = TRUE;
  link->asked_us[what] = now_us;
  link->due_us[what] = now_us + period_us;
  note_due (link);
  qmig_client_call_async (link->client, "GET", path, NULL, timeout_ms, link->fetch->stop, answered, asked);
}

static gboolean
is_due (const Link *link, Ask what)
{
  return !link->pending[what] && link->fetch->model->mono_us >= link->due_us[what];
}

static void
ask_the_rest (Link *link, guint wants)
{
  gboolean busy = link->host->active != NULL && link->host->active->len > 0;

  if (is_due (link, ASK_ACTIVE))
    ask (link, ASK_ACTIVE, "/v1/migrations?active=1", ANSWER_MS, (busy ? 1 : 2) * G_USEC_PER_SEC);
  if (is_due (link, ASK_VMS) && ((wants & UI_WANT_VMS) != 0 || link->host->vms == NULL))
    ask (link, ASK_VMS, "/v1/vms", VMS_MS, VMS_PERIOD_US);
  if ((wants & UI_WANT_PAST) != 0 && is_due (link, ASK_PAST))
    ask (link, ASK_PAST, "/v1/migrations?ended=1&limit=" G_STRINGIFY (PAST_LIMIT), VMS_MS, 10 * G_USEC_PER_SEC);
  if ((wants & UI_WANT_CHANGES) != 0 && is_due (link, ASK_CHANGES))
    ask (link, ASK_CHANGES, "/v1/changes?limit=100", VMS_MS, 5 * G_USEC_PER_SEC);
  if (link->host->own && is_due (link, ASK_HOSTS))
    ask (link, ASK_HOSTS, "/v1/hosts", HOSTS_MS, 15 * G_USEC_PER_SEC);
}

static void
tick_link (Link *link, guint wants)
{
  UiHost *host = link->host;
  gboolean failed = host->link == UI_LINK_RETRY || host->link == UI_LINK_REFUSED;

  if (failed && link->fetch->model->mono_us < host->retry_mono_us)
    return;
  if (is_due (link, ASK_INFO) || (failed && !link->pending[ASK_INFO]))
    ask (link, ASK_INFO, "/v1/host", ANSWER_MS, 5 * G_USEC_PER_SEC);
  if (host->link == UI_LINK_LIVE)
    ask_the_rest (link, wants);
}

/* -- event streams ----------------------------------------------------------------------------- */

static gboolean
got_event (const QmigEvent *event, gpointer user_data)
{
  Stream *stream = user_data;
  UiModel *model = stream->fetch->model;
  UiRun *run = ui_model_find_run (model, stream->id);
  UiEvent *line = ui_event_new (event);

  touch (stream->fetch);
  stream->seen = event->seq;
  if (run == NULL)
    {
      ui_event_free (line);
      return FALSE;
    }
  ui_model_log (model, line);
  run->heard_mono_us = model->mono_us;
  ui_run_add (run, line);
  stream->fetch->changed (stream->fetch->user_data);
  return TRUE;
}

static void
stream_done (const GError *error, gpointer user_data)
{
  Stream *stream = user_data;
  UiRun *run = ui_model_find_run (stream->fetch->model, stream->id);
  gint64 now_us = g_get_monotonic_time ();

  g_clear_pointer (&stream->follow, qmig_follow_stop);
  /* A migration that was settled later has more than one result, and a stream ends with each. */
  if (error != NULL || (run != NULL && run->result == NULL))
    stream->again_us = now_us + 3 * G_USEC_PER_SEC;
  else if (run != NULL && run->info != NULL && stream->seen < run->info->last_seq)
    stream->again_us = now_us + G_USEC_PER_SEC;
  else
    stream->again_us = 0;
}

static void
stream_start (Stream *stream)
{
  Link *link = find_link (stream->fetch, stream->host);

  stream->again_us = 0;
  if (link != NULL)
    stream->follow = qmig_client_follow_start (link->client, stream->id, stream->seen, got_event, stream_done, stream);
}

static Stream *
find_stream (UiFetch *self, const char *id)
{
  for (guint i = 0; i < self->streams->len; i++)
    {
      Stream *stream = g_ptr_array_index (self->streams, i);

      if (strcmp (stream->id, id) == 0)
        return stream;
    }
  return NULL;
}

/* The oldest that nobody follows any more. */
static void
drop_old_runs (UiFetch *self)
{
  for (guint i = 0; i < self->streams->len && self->model->runs->len >= RUNS_MAX; i++)
    {
      Stream *stream = g_ptr_array_index (self->streams, i);
      UiRun *run = ui_model_find_run (self->model, stream->id);

      if (stream->follow != NULL || stream->again_us != 0)
        continue;
      if (run != NULL)
        g_ptr_array_remove (self->model->runs, run);
      g_ptr_array_remove_index (self->streams, i--);
    }
}

static void
got_run_info (JsonObject *answer, const QmigProblem *problem, const GError *error, gpointer user_data)
{
  UiFetch *self = user_data;
  g_autoptr(QmigMigrationInfo) info = answer != NULL ? qmig_migration_info_from_object (answer, NULL) : NULL;
  UiRun *run = info != NULL ? ui_model_find_run (self->model, info->id) : NULL;

  if (run != NULL)
    ui_run_set_info (run, info);
}

UiRun *
ui_fetch_follow (UiFetch *self, const char *host, const char *id)
{
  UiRun *run = ui_model_find_run (self->model, id);
  g_autofree char *path = NULL;
  Stream *stream;

  if (run != NULL)
    return run;
  if (find_link (self, host) == NULL)
    return NULL;
  drop_old_runs (self);
  run = ui_run_new (host, id);
  run->heard_mono_us = self->model->mono_us;
  g_ptr_array_add (self->model->runs, run);
  stream = g_new0 (Stream, 1);
  stream->fetch = self;
  stream->host = g_strdup (host);
  stream->id = g_strdup (id);
  g_ptr_array_add (self->streams, stream);
  stream_start (stream);
  path = qmig_client_path ("/v1/migrations/%s", id);
  ui_fetch_request (self, host, "GET", path, NULL, got_run_info, self);
  return run;
}

static void
follow_active (UiFetch *self)
{
  for (guint i = 0; i < self->model->hosts->len; i++)
    {
      const UiHost *host = g_ptr_array_index (self->model->hosts, i);

      for (guint j = 0; host->active != NULL && j < host->active->len; j++)
        {
          const QmigMigrationInfo *info = g_ptr_array_index (host->active, j);

          if (find_stream (self, info->id) == NULL && self->model->runs->len < RUNS_MAX)
            ui_fetch_follow (self, host->name, info->id);
        }
    }
}

static void
tick_streams (UiFetch *self)
{
  follow_active (self);
  for (guint i = 0; i < self->streams->len; i++)
    {
      Stream *stream = g_ptr_array_index (self->streams, i);

      if (stream->follow == NULL && stream->again_us > 0 && self->model->mono_us >= stream->again_us)
        stream_start (stream);
    }
}

/* ----------------------------------------------------------------------------------------------- */

typedef struct
{
  UiFetchAnswer answered;
  gpointer user_data;
} Request;

static void
request_answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree Request *request = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigProblem) problem = NULL;
  g_autoptr(JsonObject) answer = qmig_client_call_finish (QMIG_CLIENT (source), result, &problem, &error);

  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    request->answered (answer, problem, error, request->user_data);
}

void
ui_fetch_request (UiFetch *self, const char *host, const char *method, const char *path, JsonObject *body, UiFetchAnswer answered_func,
                  gpointer user_data)
{
  g_autoptr(JsonObject) owned = body;
  Link *link = find_link (self, host);
  Request *request;

  if (link == NULL)
    {
      g_autoptr(GError) error = g_error_new (QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "host '%s' is not known any more", host);

      answered_func (NULL, NULL, error, user_data);
      return;
    }
  request = g_new0 (Request, 1);
  request->answered = answered_func;
  request->user_data = user_data;
  qmig_client_call_async (link->client, method, path, owned, REQUEST_MS, self->stop, request_answered, request);
}

void
ui_fetch_tick (UiFetch *self, guint wants)
{
  touch (self);
  for (guint i = 0; i < self->links->len; i++)
    tick_link (g_ptr_array_index (self->links, i), wants);
  tick_streams (self);
}

void
ui_fetch_hurry (UiFetch *self)
{
  for (guint i = 0; i < self->links->len; i++)
    {
      Link *link = g_ptr_array_index (self->links, i);

      for (int ask = 0; ask < N_ASKS; ask++)
        if (ask != ASK_HOSTS)
          link->due_us[ask] = 0;
    }
}

UiFetch *
ui_fetch_new (UiModel *model, const char *name, const char *uri, void (*changed) (gpointer), gpointer user_data, GError **error)
{
  UiFetch *self = g_new0 (UiFetch, 1);

  self->model = model;
  self->stop = g_cancellable_new ();
  self->links = g_ptr_array_new_with_free_func (link_free);
  self->streams = g_ptr_array_new_with_free_func (stream_free);
  self->changed = changed;
  self->user_data = user_data;
  touch (self);
  if (link_new (self, ui_model_add_host (model, name, uri, TRUE), uri, error) != NULL)
    return self;
  ui_fetch_free (self);
  return NULL;
}

void
ui_fetch_free (UiFetch *self)
{
  g_cancellable_cancel (self->stop);
  g_ptr_array_unref (self->streams);
  /* What is under way ends with the next turns of the context, and must not find us gone. */
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_ptr_array_unref (self->links);
  g_object_unref (self->stop);
  g_free (self);
}
