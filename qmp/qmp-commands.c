/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-commands.h"

#include <string.h>

#include "json-strict.h"
#include "qmp-error.h"

static void
set_wrong_reply (GError **error, const char *command, const char *missing)
{
  g_set_error (error, QMP_ERROR, QMP_ERROR_NOT_QMP, "%s: the answer has no %s", command, missing);
}

static JsonObject *
object_with (const char *name, const char *value)
{
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, name, value);
  return object;
}

/* (transfer full) */
static JsonObject *
query_object (QmpClient *c, const char *command, QmpWait *w, GError **error)
{
  g_autoptr(JsonNode) result = qmp_client_execute (c, command, NULL, w, error);

  if (!result)
    return NULL;
  if (!JSON_NODE_HOLDS_OBJECT (result))
    {
      set_wrong_reply (error, command, "object");
      return NULL;
    }
  return json_node_dup_object (result);
}

/* @arguments: (nullable) (transfer full).  Returns: (transfer full) */
static JsonArray *
query_array (QmpClient *c, const char *command, JsonObject *arguments, QmpWait *w, GError **error)
{
  g_autoptr(JsonNode) result = qmp_client_execute (c, command, arguments, w, error);

  if (!result)
    return NULL;
  if (!JSON_NODE_HOLDS_ARRAY (result))
    {
      set_wrong_reply (error, command, "array");
      return NULL;
    }
  return json_node_dup_array (result);
}

static char *
query_string (QmpClient *c, const char *command, const char *member, const char *fallback, QmpWait *w, GError **error)
{
  g_autoptr(JsonObject) object = query_object (c, command, w, error);
  const char *text = json_strict_string (object, member, fallback);

  if (object && !text)
    set_wrong_reply (error, command, member);
  return object ? g_strdup (text) : NULL;
}

/* @arguments: (nullable) (transfer full) */
static gboolean
act (QmpClient *c, const char *command, JsonObject *arguments, QmpWait *w, GError **error)
{
  g_autoptr(JsonNode) result = qmp_client_execute (c, command, arguments, w, error);

  return result != NULL;
}

/* @arguments: (nullable) (transfer full) */
static gboolean
act_oob (QmpClient *c, const char *command, JsonObject *arguments, QmpWait *w, GError **error)
{
  g_autoptr(JsonNode) result = qmp_client_execute_oob (c, command, arguments, w, error);

  return result != NULL;
}

/* (transfer full) (nullable): what one element gives to a list of texts */
typedef char *(*TextFunc) (JsonObject *element);

static char **
collect (JsonArray *array, TextFunc func)
{
  GPtrArray *texts = g_ptr_array_new ();

  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      char *text = JSON_NODE_HOLDS_OBJECT (node) ? func (json_node_get_object (node)) : NULL;

      if (text)
        g_ptr_array_add (texts, text);
    }
  g_ptr_array_add (texts, NULL);
  return (char **) g_ptr_array_free (texts, FALSE);
}

/* @arguments: (nullable) (transfer full) */
static char **
query_texts (QmpClient *c, const char *command, JsonObject *arguments, TextFunc func, QmpWait *w, GError **error)
{
  g_autoptr(JsonArray) array = query_array (c, command, arguments, w, error);

  return array ? collect (array, func) : NULL;
}

gboolean
qmp_query_status (QmpClient *c, QmpRunState *state, char **text, QmpWait *w, GError **error)
{
  g_autofree char *status = query_string (c, "query-status", "status", NULL, w, error);

  if (!status)
    return FALSE;

  *state = qmp_run_state_from_string (status);
  if (text)
    *text = g_steal_pointer (&status);
  return TRUE;
}

QmpMigrationInfo *
qmp_query_migrate (QmpClient *c, QmpWait *w, GError **error)
{
  g_autoptr(JsonObject) object = query_object (c, "query-migrate", w, error);

  return object ? qmp_migration_info_new_from_json (object) : NULL;
}

char *
qmp_query_name (QmpClient *c, QmpWait *w, GError **error)
{
  return query_string (c, "query-name", "name", "", w, error);
}

char *
qmp_query_uuid (QmpClient *c, QmpWait *w, GError **error)
{
  return query_string (c, "query-uuid", "UUID", NULL, w, error);
}

gboolean
qmp_query_kvm (QmpClient *c, gboolean *enabled, QmpWait *w, GError **error)
{
  g_autoptr(JsonObject) object = query_object (c, "query-kvm", w, error);

  if (!object)
    return FALSE;

  *enabled = json_strict_bool (object, "enabled", FALSE);
  return TRUE;
}

gboolean
qmp_query_memory_bytes (QmpClient *c, gint64 *bytes, QmpWait *w, GError **error)
{
  g_autoptr(JsonObject) object = query_object (c, "query-memory-size-summary", w, error);
  gint64 base = json_strict_int (object, "base-memory", -1);
  gint64 plugged = json_strict_int (object, "plugged-memory", 0);

  if (!object)
    return FALSE;
  if (base < 0 || plugged < 0 || plugged > G_MAXINT64 - base)
    {
      set_wrong_reply (error, "query-memory-size-summary", "usable base-memory");
      return FALSE;
    }

  *bytes = base + plugged;
  return TRUE;
}

gboolean
qmp_query_vcpus (QmpClient *c, int *count, QmpWait *w, GError **error)
{
  g_autoptr(JsonArray) array = query_array (c, "query-cpus-fast", NULL, w, error);

  if (!array)
    return FALSE;

  *count = (int) json_array_get_length (array);
  return TRUE;
}

gboolean
qmp_calc_dirty_rate (QmpClient *c, const QmpDirtyRateWish *wish, QmpWait *w, GError **error)
{
  gboolean by_bitmap = wish->mode == QMP_DIRTY_RATE_BITMAP;
  JsonObject *arguments = object_with ("mode", by_bitmap ? "dirty-bitmap" : "page-sampling");

  json_object_set_int_member (arguments, "calc-time", wish->in_ms ? wish->ms : wish->ms / 1000);
  if (wish->in_ms)
    json_object_set_string_member (arguments, "calc-time-unit", "millisecond");
  if (!by_bitmap)
    json_object_set_int_member (arguments, "sample-pages", wish->sample_pages);
  return act (c, "calc-dirty-rate", arguments, w, error);
}

gboolean
qmp_query_dirty_rate (QmpClient *c, gint64 *mib_per_s, QmpWait *w, GError **error)
{
  g_autoptr(JsonObject) object = query_object (c, "query-dirty-rate", w, error);
  gint64 rate = json_strict_int (object, "dirty-rate", -1);

  if (!object)
    return FALSE;
  if (strcmp (json_strict_string (object, "status", ""), "measured") != 0)
    {
      *mib_per_s = -1;
      return TRUE;
    }
  if (rate < 0)
    {
      set_wrong_reply (error, "query-dirty-rate", "usable dirty-rate");
      return FALSE;
    }
  *mib_per_s = rate;
  return TRUE;
}

char *
qmp_query_machine_type (QmpClient *c, QmpWait *w, GError **error)
{
  JsonObject *arguments = object_with ("path", "/machine");
  g_autoptr(JsonNode) result = NULL;
  const char *type;

  json_object_set_string_member (arguments, "property", "type");
  result = qmp_client_execute (c, "qom-get", arguments, w, error);
  if (!result)
    return NULL;

  type = JSON_NODE_HOLDS_VALUE (result) ? json_node_get_string (result) : NULL;
  if (!type)
    {
      set_wrong_reply (error, "qom-get", "machine type");
      return NULL;
    }
  return g_strndup (type, strlen (type) - (g_str_has_suffix (type, "-machine") ? strlen ("-machine") : 0));
}

char **
qmp_query_machines (QmpClient *c, QmpWait *w, GError **error)
{
  g_autoptr(JsonArray) array = query_array (c, "query-machines", NULL, w, error);
  GPtrArray *names;

  if (!array)
    return NULL;

  names = g_ptr_array_new ();
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      JsonObject *machine = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      const char *name = json_strict_string (machine, "name", NULL);
      const char *alias = json_strict_string (machine, "alias", NULL);

      if (name)
        g_ptr_array_add (names, g_strdup (name));
      if (alias)
        g_ptr_array_add (names, g_strdup (alias));
    }
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}

/* (transfer full) (nullable): "TYPE" of a QOM child, whose property type is "child<TYPE>" */
static char *
child_type (JsonObject *property)
{
  const char *type = json_strict_string (property, "type", "");

  if (!g_str_has_prefix (type, "child<") || !g_str_has_suffix (type, ">"))
    return NULL;
  return g_strndup (type + strlen ("child<"), strlen (type) - strlen ("child<>"));
}

static char *
child_name (JsonObject *property)
{
  g_autofree char *type = child_type (property);

  return type ? g_strdup (json_strict_string (property, "name", NULL)) : NULL;
}

/* What lies below @path; QEMU makes these containers only when they get their first child. */
static char **
query_children (QmpClient *c, const char *path, TextFunc func, QmpWait *w, GError **error)
{
  g_autoptr(GError) cause = NULL;
  char **texts = query_texts (c, "qom-list", object_with ("path", path), func, w, &cause);

  if (g_error_matches (cause, QMP_ERROR, QMP_ERROR_DEVICE_NOT_FOUND))
    return g_new0 (char *, 1);
  if (cause)
    g_propagate_error (error, g_steal_pointer (&cause));
  return texts;
}

char **
qmp_query_peripherals (QmpClient *c, QmpWait *w, GError **error)
{
  return query_children (c, "/machine/peripheral", child_name, w, error);
}

char **
qmp_query_anonymous_peripheral_types (QmpClient *c, QmpWait *w, GError **error)
{
  return query_children (c, "/machine/peripheral-anon", child_type, w, error);
}

char **
qmp_query_object_ids (QmpClient *c, QmpWait *w, GError **error)
{
  return query_children (c, "/objects", child_name, w, error);
}

static char *
describe_busy_job (JsonObject *job)
{
  const char *status = json_strict_string (job, "status", "unknown");

  if (strcmp (status, "concluded") == 0)
    return NULL;
  return g_strdup_printf ("%s (%s, %s)", json_strict_string (job, "id", "?"), json_strict_string (job, "type", "?"),
                          status);
}

char **
qmp_query_busy_jobs (QmpClient *c, QmpWait *w, GError **error)
{
  return query_texts (c, "query-jobs", NULL, describe_busy_job, w, error);
}

void
qmp_drive_free (QmpDrive *self)
{
  g_free (self->file);
  g_strfreev (self->backing);
  g_free (self);
}

static char **
backing_files (JsonObject *inserted)
{
  g_autoptr(GStrvBuilder) files = g_strv_builder_new ();
  JsonObject *image = json_strict_object (inserted, "image");

  while (image != NULL && (image = json_strict_object (image, "backing-image")) != NULL)
    {
      const char *file = json_strict_string (image, "filename", NULL);

      if (file != NULL)
        g_strv_builder_add (files, file);
    }
  return g_strv_builder_end (files);
}

GPtrArray *
qmp_query_drives (QmpClient *c, QmpWait *w, GError **error)
{
  g_autoptr(GPtrArray) drives = g_ptr_array_new_with_free_func ((GDestroyNotify) qmp_drive_free);
  g_autoptr(JsonNode) answer = qmp_client_execute (c, "query-block", NULL, w, error);
  JsonArray *list;

  if (answer == NULL)
    return NULL;
  list = JSON_NODE_HOLDS_ARRAY (answer) ? json_node_get_array (answer) : NULL;
  for (guint i = 0; list != NULL && i < json_array_get_length (list); i++)
    {
      JsonNode *node = json_array_get_element (list, i);
      JsonObject *inserted = JSON_NODE_HOLDS_OBJECT (node) ? json_strict_object (json_node_get_object (node), "inserted") : NULL;
      const char *file = inserted != NULL ? json_strict_string (inserted, "file", NULL) : NULL;
      QmpDrive *drive;

      if (file == NULL)
        continue;
      drive = g_new0 (QmpDrive, 1);
      drive->file = g_strdup (file);
      drive->backing = backing_files (inserted);
      drive->read_only = json_strict_bool (inserted, "ro", FALSE);
      g_ptr_array_add (drives, drive);
    }
  return g_steal_pointer (&drives);
}

static char *
capability_name (JsonObject *capability)
{
  return g_strdup (json_strict_string (capability, "capability", NULL));
}

char **
qmp_query_capability_names (QmpClient *c, QmpWait *w, GError **error)
{
  return query_texts (c, "query-migrate-capabilities", NULL, capability_name, w, error);
}

static void
add_capabilities (JsonArray *array, const char *const *names, gboolean state)
{
  for (; names && *names; names++)
    {
      JsonObject *entry = object_with ("capability", *names);

      json_object_set_boolean_member (entry, "state", state);
      json_array_add_object_element (array, entry);
    }
}

gboolean
qmp_migrate_set_capabilities (QmpClient          *c,
                              const char *const  *on,
                              const char *const  *off,
                              QmpWait            *w,
                              GError            **error)
{
  JsonArray *capabilities = json_array_new ();
  JsonObject *arguments = json_object_new ();

  add_capabilities (capabilities, on, TRUE);
  add_capabilities (capabilities, off, FALSE);
  json_object_set_array_member (arguments, "capabilities", capabilities);
  return act (c, "migrate-set-capabilities", arguments, w, error);
}

gboolean
qmp_migrate_set_parameters (QmpClient *c, JsonObject *parameters, QmpWait *w, GError **error)
{
  return act (c, "migrate-set-parameters", parameters, w, error);
}

gboolean
qmp_object_add (QmpClient *c, const char *type, const char *id, JsonObject *properties, QmpWait *w, GError **error)
{
  json_object_set_string_member (properties, "qom-type", type);
  json_object_set_string_member (properties, "id", id);
  return act (c, "object-add", properties, w, error);
}

gboolean
qmp_object_del (QmpClient *c, const char *id, QmpWait *w, GError **error)
{
  return act (c, "object-del", object_with ("id", id), w, error);
}

JsonObject *
qmp_query_migrate_parameters (QmpClient *c, QmpWait *w, GError **error)
{
  return query_object (c, "query-migrate-parameters", w, error);
}

gboolean
qmp_migrate_incoming (QmpClient *c, const char *uri, gboolean keep_on_error, QmpWait *w, GError **error)
{
  JsonObject *arguments = object_with ("uri", uri);

  if (keep_on_error)
    json_object_set_boolean_member (arguments, "exit-on-error", FALSE);
  return act (c, "migrate-incoming", arguments, w, error);
}

gboolean
qmp_migrate (QmpClient *c, const char *uri, QmpWait *w, GError **error)
{
  return act (c, "migrate", object_with ("uri", uri), w, error);
}

gboolean
qmp_migrate_continue (QmpClient *c, QmpWait *w, GError **error)
{
  return act (c, "migrate-continue", object_with ("state", "pre-switchover"), w, error);
}

gboolean
qmp_migrate_start_postcopy (QmpClient *c, QmpWait *w, GError **error)
{
  return act (c, "migrate-start-postcopy", NULL, w, error);
}

gboolean
qmp_migrate_resume (QmpClient *c, const char *uri, QmpWait *w, GError **error)
{
  JsonObject *arguments = object_with ("uri", uri);

  json_object_set_boolean_member (arguments, "resume", TRUE);
  return act (c, "migrate", arguments, w, error);
}

gboolean
qmp_migrate_pause (QmpClient *c, QmpWait *w, GError **error)
{
  return act_oob (c, "migrate-pause", NULL, w, error);
}

gboolean
qmp_migrate_recover (QmpClient *c, const char *uri, QmpWait *w, GError **error)
{
  return act_oob (c, "migrate-recover", object_with ("uri", uri), w, error);
}

gboolean
qmp_migrate_cancel (QmpClient *c, QmpWait *w, GError **error)
{
  return act (c, "migrate_cancel", NULL, w, error);
}

gboolean
qmp_yank_migration (QmpClient *c, QmpWait *w, GError **error)
{
  JsonArray *instances = json_array_new ();
  JsonObject *arguments = json_object_new ();

  json_array_add_object_element (instances, object_with ("type", "migration"));
  json_object_set_array_member (arguments, "instances", instances);
  return act_oob (c, "yank", arguments, w, error);
}

gboolean
qmp_cont (QmpClient *c, QmpWait *w, GError **error)
{
  return act (c, "cont", NULL, w, error);
}

gboolean
qmp_stop (QmpClient *c, QmpWait *w, GError **error)
{
  return act (c, "stop", NULL, w, error);
}

gboolean
qmp_quit (QmpClient *c, QmpWait *w, GError **error)
{
  g_autoptr(GError) cause = NULL;

  /* A connection that was gone before took no command. */
  if (!qmp_client_check_open (c, error))
    {
      g_prefix_error (error, "quit: ");
      return FALSE;
    }
  if (act (c, "quit", NULL, w, &cause) || g_error_matches (cause, QMP_ERROR, QMP_ERROR_CLOSED))
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}

gboolean
qmp_announce_self (QmpClient *c, QmpWait *w, GError **error)
{
  JsonObject *arguments = json_object_new ();

  json_object_set_int_member (arguments, "initial", 50);
  json_object_set_int_member (arguments, "max", 550);
  json_object_set_int_member (arguments, "rounds", 5);
  json_object_set_int_member (arguments, "step", 50);
  return act (c, "announce-self", arguments, w, error);
}
