/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-destination.h"

#include <string.h>

#include "json-strict.h"
#include "qmig-launcher.h"
#include "qmig-process.h"
#include "qmp-commands.h"
#include "qmp-error.h"

/* Between two looks for the monitor of a process that is starting. */
#define CONNECT_PAUSE_MS 1
/* A monitor closes a moment before its process ends. */
#define END_AFTER_CLOSE_MS 500
/* QEMU says when it begins to take the devices of a post-copy, and not when it has them: the guest stands still meanwhile. */
#define LANDING_LOOK_MS 2

struct _QmigDestination
{
  char *run_dir;
  char *qmp;
  QmpClient *client;       /* (nullable) */
  QmigProcessWatch *watch; /* (nullable) before there is a process */
  gboolean no_process;     /* known not to exist */
  gboolean killed;         /* by us: then its end needs no reason */
  gboolean accepted;
  gboolean has_run;     /* it was seen running once: whatever came later, it is the VM */
  struct Look *look;    /* (nullable): under way */
  guint64 last_look;    /* number of the last look begun … */
  guint64 applied_look; /* … and of the newest whose answer is in the state */
  gboolean look_again;
  GSource *landing; /* (nullable): the next look while it lands in post-copy */
  QmigIncoming *state;
  QmigDestinationChanged changed;
  gpointer user_data;
  QmigTrafficFunc said; /* (nullable) */
  GObject *said_to;
};

/* -- the state --------------------------------------------------------------- */

/* Grows across restarts too, so that a watcher who knows an old number sees the change. */
static void
bump (QmigDestination *self)
{
  self->state->seq = MAX (self->state->seq + 1, g_get_real_time ());
  self->state->time_us = g_get_real_time ();
  self->changed (self->user_data);
}

static gboolean
set_text (char **field, const char *value)
{
  if (g_strcmp0 (*field, value) == 0)
    return FALSE;
  g_free (*field);
  *field = g_strdup (value);

  return TRUE;
}

/* In postcopy-device a failure still takes it all back. */
static gboolean
is_beyond_package (QmpMigrationStatus status)
{
  return qmp_migration_status_is_postcopy (status) && status != QMP_MIGRATION_STATUS_POSTCOPY_DEVICE;
}

static QmigIncomingPhase
derive_phase (QmigDestination *self, QmpRunState run_state, const QmpMigrationInfo *info)
{
  if (self->has_run || self->accepted)
    return QMIG_INCOMING_COMMITTED;
  if (run_state != QMP_RUN_STATE_INMIGRATE && info->status == QMP_MIGRATION_STATUS_COMPLETED)
    return QMIG_INCOMING_LOADED;
  if (run_state != QMP_RUN_STATE_INMIGRATE && is_beyond_package (info->status))
    return QMIG_INCOMING_POSTCOPY;
  /* QEMU before 8.2 has no status while it listens, but an address. */
  if (info->status != QMP_MIGRATION_STATUS_NONE || info->socket_uri != NULL || self->state->uri != NULL)
    return QMIG_INCOMING_LISTENING;
  return QMIG_INCOMING_READY;
}

/* "Any address" is where QEMU listens, but nowhere to connect to. */
static char *
reachable_uri (const char *uri)
{
  static const char *const wildcards[] = { "tcp:0.0.0.0:", "tcp:[::]:" };

  for (gsize i = 0; i < G_N_ELEMENTS (wildcards); i++)
    if (g_str_has_prefix (uri, wildcards[i]))
      return g_strdup_printf ("tcp:%s:%s", g_get_host_name (), uri + strlen (wildcards[i]));
  return g_strdup (uri);
}

/* What failed is in the answer, why is often only on stderr.  (transfer full) (nullable) */
static char *
full_reason (QmigDestination *self, const QmpMigrationInfo *info)
{
  g_autofree char *tail
      = info->status == QMP_MIGRATION_STATUS_FAILED ? qmig_launcher_log_tail (self->run_dir) : g_strdup ("");

  if (tail[0] == '\0')
    return g_strdup (info->error_desc);
  return info->error_desc ? g_strdup_printf ("%s; %s", info->error_desc, tail) : g_steal_pointer (&tail);
}

static void
apply (QmigDestination *self, guint64 look, QmpRunState run_state, const char *run_text, const QmpMigrationInfo *info)
{
  QmigIncoming *state = self->state;
  g_autofree char *reason = full_reason (self, info);
  QmigIncomingPhase phase;
  gboolean changed = FALSE;

  if (look < self->applied_look || state->phase == QMIG_INCOMING_GONE)
    return;
  self->applied_look = look;
  self->has_run = self->has_run || qmp_run_state_is_live (run_state);
  if (info->socket_uri != NULL && state->uri == NULL)
    {
      state->uri = reachable_uri (info->socket_uri);
      changed = TRUE;
    }
  phase = derive_phase (self, run_state, info);
  changed |= set_text (&state->run_state, run_text);
  changed |= set_text (&state->status, info->status_text);
  changed |= set_text (&state->error, reason);
  if (changed || state->phase != (int) phase)
    {
      state->phase = phase;
      bump (self);
    }
}

static void
mark_gone (QmigDestination *self)
{
  QmigIncoming *state = self->state;
  int status;

  if (state->phase == QMIG_INCOMING_GONE)
    return;
  status = self->watch ? qmig_process_watch_get_status (self->watch) : -1;
  state->exit_status = status < 0 ? QMIG_UNSET : status;
  if (!self->killed && state->error == NULL)
    {
      g_autofree char *tail = qmig_launcher_log_tail (self->run_dir);

      if (tail[0] != '\0')
        set_text (&state->error, tail);
    }
  set_text (&state->run_state, NULL);
  state->phase = QMIG_INCOMING_GONE;
  bump (self);
}

gboolean
qmig_destination_is_gone (QmigDestination *self)
{
  if (self->no_process || (self->watch != NULL && qmig_process_watch_is_gone (self->watch)))
    mark_gone (self);
  return self->state->phase == QMIG_INCOMING_GONE;
}

static void
on_process_gone (gpointer data)
{
  qmig_destination_is_gone (data);
}

QmigDestination *
qmig_destination_new (const QmigIncomingSpec *spec, QmigDestinationChanged changed, gpointer user_data)
{
  QmigDestination *self = g_new0 (QmigDestination, 1);

  self->run_dir = g_strdup (spec->run_dir);
  self->qmp = g_strdup (spec->qmp);
  self->changed = changed;
  self->user_data = user_data;
  self->state = qmig_incoming_new ();
  self->state->migration = g_strdup (spec->migration);
  self->state->phase = QMIG_INCOMING_LAUNCHING;
  self->state->qmp = g_strdup (spec->qmp);
  self->state->seq = g_get_real_time ();

  return self;
}

void
qmig_destination_trace (QmigDestination *self, QmigTrafficFunc said, GObject *owner)
{
  self->said = said;
  self->said_to = owner;
}

void
qmig_destination_free (QmigDestination *self)
{
  qmig_destination_disconnect (self);
  g_clear_pointer (&self->watch, qmig_process_watch_free);
  qmig_incoming_free (self->state);
  g_free (self->run_dir);
  g_free (self->qmp);
  g_free (self);
}

void
qmig_destination_set_process (QmigDestination *self, gint64 pid, gint64 start_time)
{
  g_clear_pointer (&self->watch, qmig_process_watch_free);
  self->no_process = pid <= 0;
  if (pid > 0)
    {
      self->state->pid = pid;
      self->state->start_time = start_time;
      self->watch = qmig_process_watch_new (pid, start_time, on_process_gone, self);
    }
  if (!qmig_destination_is_gone (self))
    bump (self);
}

/* -- looks that events cause --------------------------------------------------- */

/* Both questions of one look go out together. */
typedef struct Look
{
  QmigDestination *self; /* (nullable): NULL once nobody waits */
  guint64 number;
  guint open_questions;
  QmpRunState run_state;
  char *run_text;         /* (nullable) while not answered */
  QmpMigrationInfo *info; /* (nullable) while not answered */
} Look;

static void begin_look (QmigDestination *self, gboolean completed);

static void
drop_landing (QmigDestination *self)
{
  if (self->landing == NULL)
    return;
  g_source_destroy (self->landing);
  g_clear_pointer (&self->landing, g_source_unref);
}

static gboolean
look_at_landing (gpointer data)
{
  QmigDestination *self = data;

  drop_landing (self);
  begin_look (self, FALSE);
  return G_SOURCE_REMOVE;
}

static gboolean
is_landing (QmigDestination *self)
{
  return self->state->phase == QMIG_INCOMING_LISTENING &&
         qmp_migration_status_is_postcopy (qmp_migration_status_from_string (self->state->status));
}

static void
follow_landing (QmigDestination *self)
{
  if (self->landing != NULL || !is_landing (self))
    return;
  self->landing = g_timeout_source_new (LANDING_LOOK_MS);
  g_source_set_callback (self->landing, look_at_landing, self, NULL);
  g_source_attach (self->landing, g_main_context_get_thread_default ());
}

static void
end_question (Look *look)
{
  QmigDestination *self;

  if (--look->open_questions > 0)
    return;
  if (look->self != NULL && look->run_text != NULL && look->info != NULL)
    apply (look->self, look->number, look->run_state, look->run_text, look->info);
  /* Only now: whoever was told of the change may have done away with it. */
  self = look->self;
  g_free (look->run_text);
  qmp_migration_info_free (look->info);
  g_free (look);
  if (self == NULL)
    return;
  self->look = NULL;
  if (self->look_again)
    begin_look (self, FALSE);
  else
    follow_landing (self);
}

static void
on_migrate_answered (GObject *source, GAsyncResult *result, gpointer data)
{
  Look *look = data;
  g_autoptr(JsonNode) answer = qmp_client_execute_finish (QMP_CLIENT (source), result, NULL);

  if (answer != NULL && JSON_NODE_HOLDS_OBJECT (answer))
    look->info = qmp_migration_info_new_from_json (json_node_get_object (answer));
  end_question (look);
}

static void
on_status_answered (GObject *source, GAsyncResult *result, gpointer data)
{
  Look *look = data;
  g_autoptr(JsonNode) answer = qmp_client_execute_finish (QMP_CLIENT (source), result, NULL);

  if (answer != NULL && JSON_NODE_HOLDS_OBJECT (answer))
    {
      look->run_text = g_strdup (json_strict_string (json_node_get_object (answer), "status", ""));
      look->run_state = qmp_run_state_from_string (look->run_text);
    }
  end_question (look);
}

static QmpMigrationInfo *
completed_info (void)
{
  g_autoptr(JsonObject) object = json_object_new ();

  json_object_set_string_member (object, "status", "completed");
  return qmp_migration_info_new_from_json (object);
}

/* @completed: the event said so; then the run state alone is asked, since the guest stands still until it is known. */
static void
begin_look (QmigDestination *self, gboolean completed)
{
  Look *look;

  self->look_again = self->look != NULL;
  if (self->look != NULL || self->client == NULL || !qmp_client_check_open (self->client, NULL))
    return;
  look = g_new0 (Look, 1);
  look->self = self;
  look->number = ++self->last_look;
  look->open_questions = completed ? 1 : 2;
  look->info = completed ? completed_info () : NULL;
  self->look = look;
  qmp_client_execute_async (self->client, "query-status", NULL, FALSE, NULL, on_status_answered, look);
  if (!completed)
    qmp_client_execute_async (self->client, "query-migrate", NULL, FALSE, NULL, on_migrate_answered, look);
}

/* In post-copy the event itself is the news: a main loop that waits for a page answers no question. */
static void
note_postcopy (QmigDestination *self, const char *status)
{
  if (qmp_migration_status_is_postcopy (qmp_migration_status_from_string (status)) && set_text (&self->state->status, status))
    bump (self);
}

/* Likewise: it runs, and the first page it lacks may keep it from saying so again. */
static void
note_running (QmigDestination *self)
{
  if (!qmp_migration_status_is_postcopy (qmp_migration_status_from_string (self->state->status)))
    return;
  set_text (&self->state->run_state, qmp_run_state_to_string (QMP_RUN_STATE_RUNNING));
  self->state->phase = QMIG_INCOMING_COMMITTED;
  bump (self);
}

static void
on_event (QmpClient *client, const char *name, JsonObject *data, gint64 timestamp_us, gpointer user_data)
{
  static const char *const telling[]
      = { "MIGRATION", "RESUME", "STOP", "SHUTDOWN", "SUSPEND", "WAKEUP", "GUEST_PANICKED", NULL };
  QmigDestination *self = user_data;
  const char *status = g_str_equal (name, "MIGRATION") ? json_strict_string (data, "status", NULL) : NULL;

  if (!g_strv_contains (telling, name))
    return;
  note_postcopy (self, status);
  if (g_str_equal (name, "RESUME"))
    {
      self->has_run = TRUE;
      if (self->state->resumed_us == QMIG_UNSET)
        self->state->resumed_us = timestamp_us;
      note_running (self);
    }
  begin_look (self, g_strcmp0 (status, "completed") == 0);
}

static void
on_closed (QmpClient *client, const GError *reason, gpointer user_data)
{
  QmigDestination *self = user_data;

  if (!qmig_destination_is_gone (self))
    bump (self);
}

/* -- the monitor ------------------------------------------------------------------ */

static gboolean
fail_gone (QmigDestination *self, GError **error)
{
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "QEMU has ended%s%s", self->state->error ? ": " : "",
               self->state->error ? self->state->error : "");
  return FALSE;
}

static gboolean
is_not_there_yet (const GError *error)
{
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)
         || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
}

/* QEMU closes the monitor on its way out; the process itself says so a moment later. */
static gboolean
ends_now (QmigDestination *self, const GError *error, QmpWait *wait)
{
  g_autoptr(QmpWait) moment = qmp_wait_new_within (wait, "the end of QEMU", END_AFTER_CLOSE_MS);

  if (g_error_matches (error, QMP_ERROR, QMP_ERROR_CLOSED) && self->watch != NULL)
    qmig_process_watch_wait_gone (self->watch, moment, NULL);

  return qmig_destination_is_gone (self);
}

static QmpClient *
open_client (QmigDestination *self, QmpWait *wait, GError **error)
{
  while (!qmig_destination_is_gone (self))
    {
      g_autoptr(GError) cause = NULL;
      QmpClient *client = qmp_client_open (self->qmp, wait, &cause);

      if (client != NULL)
        return client;
      if (ends_now (self, cause, wait))
        break;
      if (!is_not_there_yet (cause))
        {
          g_propagate_error (error, g_steal_pointer (&cause));
          return NULL;
        }
      if (!qmp_wait_pause (wait, CONNECT_PAUSE_MS, error))
        return NULL;
    }
  fail_gone (self, error);

  return NULL;
}

gboolean
qmig_destination_connect (QmigDestination *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpClient) client = NULL;

  if (self->client != NULL && qmp_client_check_open (self->client, NULL))
    return TRUE;
  client = open_client (self, wait, error);
  if (client == NULL)
    return FALSE;

  qmig_destination_disconnect (self);
  self->client = g_steal_pointer (&client);
  g_signal_connect (self->client, "event", G_CALLBACK (on_event), self);
  g_signal_connect (self->client, "closed", G_CALLBACK (on_closed), self);
  if (self->said != NULL)
    qmig_traffic_watch (self->client, "destination", self->said, self->said_to);
  set_text (&self->state->qemu_version, qmp_client_get_version_text (self->client));

  return TRUE;
}

void
qmig_destination_disconnect (QmigDestination *self)
{
  g_autoptr(QmpClient) client = g_steal_pointer (&self->client);

  if (client == NULL)
    return;
  g_signal_handlers_disconnect_by_data (client, self);
  if (self->look != NULL)
    self->look->self = NULL;
  self->look = NULL;
  self->look_again = FALSE;
  drop_landing (self);
  qmp_client_close (client);
}

static gboolean
ask (QmigDestination *self, QmpWait *wait, GError **error)
{
  g_autofree char *run_text = NULL;
  g_autoptr(QmpMigrationInfo) info = NULL;
  QmpRunState run_state;
  guint64 number = ++self->last_look;

  if (!qmp_query_status (self->client, &run_state, &run_text, wait, error))
    return FALSE;
  info = qmp_query_migrate (self->client, wait, error);
  if (info == NULL)
    return FALSE;
  apply (self, number, run_state, run_text, info);

  return TRUE;
}

gboolean
qmig_destination_look (QmigDestination *self, QmpWait *wait, GError **error)
{
  g_autoptr(GError) cause = NULL;

  if (qmig_destination_is_gone (self) || (qmig_destination_connect (self, wait, &cause) && ask (self, wait, &cause))
      || ends_now (self, cause, wait))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&cause));

  return FALSE;
}

gboolean
qmig_destination_kill (QmigDestination *self, QmpWait *wait, GError **error)
{
  if (!qmig_destination_is_gone (self))
    {
      self->killed = TRUE;
      if (self->watch == NULL || !qmig_process_watch_kill (self->watch, wait, error))
        return FALSE;
    }
  qmig_destination_is_gone (self);
  qmig_destination_disconnect (self);

  return TRUE;
}

/* -- what others see ---------------------------------------------------------------- */

const QmigIncoming *
qmig_destination_get_state (QmigDestination *self)
{
  return self->state;
}

QmigIncoming *
qmig_destination_dup_state (QmigDestination *self)
{
  QmigIncoming *copy = qmig_incoming_copy (self->state);

  copy->time_us = g_get_real_time ();

  return copy;
}

QmpClient *
qmig_destination_get_client (QmigDestination *self)
{
  return self->client;
}

gboolean
qmig_destination_check_fresh (QmigDestination *self, GError **error)
{
  if (qmig_destination_is_gone (self))
    return TRUE;
  if (self->client == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "the destination's monitor is not open");
      return FALSE;
    }
  return qmp_client_check_open (self->client, error);
}

void
qmig_destination_set_held (QmigDestination *self)
{
  self->state->held = TRUE;
}

void
qmig_destination_set_accepted (QmigDestination *self)
{
  self->accepted = TRUE;
  self->state->phase = QMIG_INCOMING_COMMITTED;
  bump (self);
}

void
qmig_destination_set_uri (QmigDestination *self, const char *uri)
{
  g_free (self->state->uri);
  self->state->uri = reachable_uri (uri);
  bump (self);
}

void
qmig_destination_set_capabilities (QmigDestination *self, const char *const *names, const char *unfulfilled)
{
  g_strfreev (self->state->capabilities);
  self->state->capabilities = g_strdupv ((char **) names);
  set_text (&self->state->unfulfilled, unfulfilled);
}

void
qmig_destination_set_launch_ms (QmigDestination *self, gint64 launch_ms)
{
  self->state->launch_ms = launch_ms;
}
