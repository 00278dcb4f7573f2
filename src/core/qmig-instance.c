/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-instance.h"

#include "api-error.h"
#include "json-strict.h"
#include "qmig-binary.h"
#include "qmp-commands.h"
#include "qmp-error.h"

static void
set_run_state (QmigInstance *self, QmpRunState state, const char *text)
{
  self->run_state = state;
  g_free (self->run_state_text);
  self->run_state_text = g_strdup (text);
}

static void
set_status (QmigInstance *self, const char *text)
{
  self->status = qmp_migration_status_from_string (text);
  g_free (self->status_text);
  self->status_text = g_strdup (text);
}

/* Whether a stop was QEMU's own for the switchover, or somebody's who wants the VM paused: the question takes its turn before
 * anything else that is said to QEMU, and nobody waits for it. */
struct _QmigStopQuestion
{
  QmigInstance *instance; /* NULL once it is detached */
};

static void
on_stop_explained (GObject *source, GAsyncResult *result, gpointer data)
{
  QmigStopQuestion *question = data;
  g_autoptr(JsonNode) answer = qmp_client_execute_finish (QMP_CLIENT (source), result, NULL);
  QmigInstance *self = question->instance;

  if (self != NULL)
    {
      self->stop_question = NULL;
      if (answer != NULL && JSON_NODE_HOLDS_OBJECT (answer))
        self->paused_by_hand
          = g_str_equal (json_strict_string (json_node_get_object (answer), "status", ""), qmp_run_state_to_string (QMP_RUN_STATE_PAUSED));
    }
  g_free (question);
}

static void
explain_stop (QmigInstance *self)
{
  if (self->stop_question != NULL)
    return;
  self->stop_question = g_new0 (QmigStopQuestion, 1);
  self->stop_question->instance = self;
  qmp_client_execute_async (self->client, "query-status", NULL, FALSE, NULL, on_stop_explained, self->stop_question);
}

static void
on_event (QmpClient *client, const char *name, JsonObject *data, gint64 timestamp_us, gpointer user_data)
{
  QmigInstance *self = user_data;

  /* A stop alone tells nothing to act on: what follows it does, in less time than a look takes. */
  if (g_str_equal (name, "STOP"))
    {
      self->stopped_us = timestamp_us;
      explain_stop (self);
      return;
    }

  self->changes++;
  if (g_str_equal (name, "RESUME"))
    {
      self->told++;
      self->resumed_us = timestamp_us;
      self->paused_by_hand = FALSE;
      set_run_state (self, QMP_RUN_STATE_RUNNING, "running");
    }
  else if (g_str_equal (name, "SHUTDOWN"))
    self->guest_ended = TRUE;
  else if (g_str_equal (name, "MIGRATION") && data != NULL)
    {
      self->told++;
      set_status (self, json_strict_string (data, "status", NULL));
    }
  else if (g_str_equal (name, "MIGRATION_PASS") && data != NULL)
    self->pass = json_strict_int (data, "pass", self->pass);
}

static void
on_gone (gpointer user_data)
{
  QmigInstance *self = user_data;

  self->changes++;
}

/* Two QEMUs that were given the same socket: the path is the younger one's, and what is said there is meant for it. */
static gboolean
check_peer (QmigInstance *self, const char *qmp, GError **error)
{
  gint64 peer = qmp_client_get_peer_pid (self->client);
  g_autoptr(GPtrArray) qemus = NULL;

  if (peer <= 0 || peer == self->pid)
    return TRUE;
  qemus = qmig_process_list_qemus ();
  for (guint i = 0; i < qemus->len; i++)
    if (((const QmigProcess *) g_ptr_array_index (qemus, i))->pid == peer)
      {
        g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT,
                     "cannot attach to '%s': its monitor '%s' belongs to the QEMU with pid %" G_GINT64_FORMAT
                     ", not to pid %" G_GINT64_FORMAT, self->name, qmp, peer, self->pid);
        return FALSE;
      }
  return TRUE;
}

QmigInstance *
qmig_instance_attach (const char *name, const char *qmp, gint64 pid, gint64 start_time, QmpWait *wait, GError **error)
{
  g_autoptr(QmigInstance) self = g_new0 (QmigInstance, 1);

  self->name = g_strdup (name);
  self->pid = pid;
  self->start_time = start_time;
  self->watch = qmig_process_watch_new (pid, start_time, on_gone, self);
  if (qmig_process_watch_is_gone (self->watch))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "the QEMU of '%s' (pid %" G_GINT64_FORMAT ") is gone", name, pid);
      return NULL;
    }

  self->client = qmp_client_open (qmp, wait, error);
  if (self->client == NULL)
    {
      g_prefix_error (error, "cannot attach to '%s': ", name);
      return NULL;
    }
  g_signal_connect (self->client, "event", G_CALLBACK (on_event), self);

  if (!check_peer (self, qmp, error) || !qmig_instance_look (self, NULL, wait, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
qmig_instance_detach (QmigInstance *self)
{
  if (self->client != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->client, self);
      if (self->stop_question != NULL)
        self->stop_question->instance = NULL;
      qmp_client_close (self->client);
      g_object_unref (self->client);
    }
  g_clear_pointer (&self->watch, qmig_process_watch_free);
  g_free (self->name);
  g_free (self->run_state_text);
  g_free (self->status_text);
  g_free (self->error_desc);
  g_free (self);
}

gboolean
qmig_instance_look (QmigInstance *self, QmpMigrationInfo **out_info, QmpWait *wait, GError **error)
{
  g_autoptr(QmpMigrationInfo) info = NULL;
  g_autofree char *text = NULL;
  guint told = self->told;
  QmpRunState state;

  info = qmp_query_migrate (self->client, wait, error);
  if (info == NULL || !qmp_query_status (self->client, &state, &text, wait, error))
    {
      g_prefix_error (error, "cannot ask '%s' on the source: ", self->name);
      return FALSE;
    }

  /* An event that came meanwhile is newer than the answer. */
  if (self->told == told)
    {
      set_run_state (self, state, text);
      set_status (self, info->status_text);
    }
  g_free (self->error_desc);
  self->error_desc = g_strdup (info->error_desc);
  if (out_info != NULL)
    *out_info = g_steal_pointer (&info);
  return TRUE;
}

gboolean
qmig_instance_ask_run_state (QmigInstance *self, QmpWait *wait, GError **error)
{
  g_autofree char *text = NULL;
  guint told = self->told;
  QmpRunState state;

  if (!qmp_query_status (self->client, &state, &text, wait, error))
    return FALSE;
  if (self->told == told)
    set_run_state (self, state, text);
  return TRUE;
}

gboolean
qmig_instance_is_gone (QmigInstance *self)
{
  return qmig_process_watch_is_gone (self->watch);
}

gboolean
qmig_instance_wait_gone (QmigInstance *self, QmpWait *wait, GError **error)
{
  return qmig_process_watch_wait_gone (self->watch, wait, error);
}

gboolean
qmig_instance_kill (QmigInstance *self, QmpWait *wait, GError **error)
{
  return qmig_process_watch_kill (self->watch, wait, error);
}

/* Both the capabilities there are and those that are on, from one answer. */
static gboolean
read_capabilities (QmigInstance *self, QmigSourceFacts *facts, QmpWait *wait, GError **error)
{
  g_autoptr(JsonNode) reply = qmp_client_execute (self->client, "query-migrate-capabilities", NULL, wait, error);
  g_autoptr(GStrvBuilder) all = g_strv_builder_new ();
  g_autoptr(GStrvBuilder) on = g_strv_builder_new ();
  JsonArray *list;

  if (reply == NULL)
    return FALSE;
  if (!JSON_NODE_HOLDS_ARRAY (reply))
    {
      g_set_error (error, QMP_ERROR, QMP_ERROR_NOT_QMP, "query-migrate-capabilities did not answer with a list");
      return FALSE;
    }

  list = json_node_get_array (reply);
  for (guint i = 0; i < json_array_get_length (list); i++)
    {
      JsonNode *node = json_array_get_element (list, i);
      const char *name = JSON_NODE_HOLDS_OBJECT (node)
                         ? json_strict_string (json_node_get_object (node), "capability", NULL) : NULL;

      if (name == NULL)
        continue;
      g_strv_builder_add (all, name);
      if (json_strict_bool (json_node_get_object (node), "state", FALSE))
        g_strv_builder_add (on, name);
    }
  facts->capabilities = g_strv_builder_end (all);
  facts->capabilities_on = g_strv_builder_end (on);
  return TRUE;
}

static gboolean
read_parameters (QmigInstance *self, QmigSourceFacts *facts, QmpWait *wait, GError **error)
{
  facts->parameters = qmp_query_migrate_parameters (self->client, wait, error);
  return facts->parameters != NULL;
}

static gboolean
read_state (QmigInstance *self, QmigSourceFacts *facts, QmpWait *wait, GError **error)
{
  g_autoptr(QmpMigrationInfo) info = qmp_query_migrate (self->client, wait, error);

  if (info == NULL || !qmp_query_status (self->client, &facts->run_state, &facts->run_state_text, wait, error))
    return FALSE;

  facts->status = info->status;
  facts->status_text = g_strdup (info->status_text);
  facts->blocked_reasons = g_strdupv (info->blocked_reasons);
  return TRUE;
}

static gboolean
read_process (QmigInstance *self, QmigSourceFacts *facts, GError **error)
{
  g_autoptr(QmigProcess) process = qmig_process_read (self->pid, error);

  if (process == NULL)
    return FALSE;
  facts->pid = self->pid;
  facts->uid = process->uid;
  facts->binary = g_steal_pointer (&process->exe);
  facts->cwd = g_steal_pointer (&process->cwd);
  facts->argv = g_steal_pointer (&process->argv);
  return TRUE;
}

QmigSourceFacts *
qmig_instance_read_facts (QmigInstance *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmigSourceFacts) facts = g_new0 (QmigSourceFacts, 1);
  QmpClient *client = self->client;

  facts->name = g_strdup (self->name);
  facts->version = qmp_client_get_version (client);
  facts->version_text = g_strdup (qmp_client_get_version_text (client));
  facts->oob = qmp_client_has_oob (client);

  if (!read_process (self, facts, error) ||
      !read_state (self, facts, wait, error) ||
      !read_capabilities (self, facts, wait, error) ||
      !read_parameters (self, facts, wait, error) ||
      (facts->compressions = qmig_binary_ask_compressions (client, wait, error)) == NULL ||
      (facts->uuid = qmp_query_uuid (client, wait, error)) == NULL ||
      (facts->machine = qmp_query_machine_type (client, wait, error)) == NULL ||
      !qmp_query_kvm (client, &facts->kvm, wait, error) ||
      !qmp_query_memory_bytes (client, &facts->memory_bytes, wait, error) ||
      (facts->busy_jobs = qmp_query_busy_jobs (client, wait, error)) == NULL ||
      (facts->drives = qmp_query_drives (client, wait, error)) == NULL ||
      (facts->device_ids = qmp_query_peripherals (client, wait, error)) == NULL ||
      (facts->device_types = qmp_query_anonymous_peripheral_types (client, wait, error)) == NULL)
    {
      g_prefix_error (error, "cannot read the state of '%s' on the source: ", self->name);
      return NULL;
    }

  return g_steal_pointer (&facts);
}

void
qmig_source_facts_free (QmigSourceFacts *self)
{
  g_free (self->name);
  g_free (self->uuid);
  g_free (self->binary);
  g_free (self->cwd);
  g_strfreev (self->argv);
  g_free (self->version_text);
  g_free (self->machine);
  g_free (self->run_state_text);
  g_free (self->status_text);
  g_strfreev (self->blocked_reasons);
  g_strfreev (self->busy_jobs);
  g_clear_pointer (&self->drives, g_ptr_array_unref);
  g_clear_pointer (&self->files, g_ptr_array_unref);
  g_strfreev (self->device_ids);
  g_strfreev (self->device_types);
  g_strfreev (self->capabilities);
  g_strfreev (self->capabilities_on);
  g_clear_pointer (&self->parameters, json_object_unref);
  g_strfreev (self->compressions);
  g_clear_pointer (&self->surroundings, qmig_surroundings_free);
  g_clear_pointer (&self->devices, qmp_device_tree_free);
  g_clear_pointer (&self->vmstate, json_object_unref);
  g_free (self);
}
