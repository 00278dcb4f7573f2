/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-calls.h"

#include <string.h>

#include "json-scan.h"
#include "json-strict.h"
#include "qmp-client.h"
#include "qmp-error.h"

#define IN_BAND_IN_FLIGHT_MAX 4

typedef struct
{
  gint64 id;
  char *command;
  char *text; /* (nullable): what is still to be sent */
  gboolean out_of_band;
  QmpCallFunc func; /* (nullable): nobody waits any more */
  gpointer data;
} Pending;

struct _QmpCalls
{
  QmpCallsSendFunc send;
  gpointer data;
  gboolean has_oob;
  GHashTable *pending; /* (element-type gint64 Pending) */
  GQueue unsent;       /* in-band ones that wait for their turn; owned by the table */
  guint in_band_in_flight;
  gint64 last_id;
  char *closed; /* (nullable): why no call is possible any more */
};

/* Each call leaves the table by forget(), and whoever waits for it by settle(). */

static void
pending_free (gpointer data)
{
  Pending *pending = data;

  g_free (pending->command);
  g_free (pending->text);
  g_free (pending);
}

QmpCalls *
qmp_calls_new (QmpCallsSendFunc send, gpointer data)
{
  QmpCalls *self = g_new0 (QmpCalls, 1);

  self->send = send;
  self->data = data;
  self->pending = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, pending_free);
  g_queue_init (&self->unsent);
  return self;
}

void
qmp_calls_free (QmpCalls *self)
{
  if (!self)
    return;
  g_queue_clear (&self->unsent);
  g_hash_table_unref (self->pending);
  g_free (self->closed);
  g_free (self);
}

void
qmp_calls_allow_oob (QmpCalls *self)
{
  self->has_oob = TRUE;
}

static void
settle (Pending *pending, JsonNode *result, GError *error)
{
  QmpCallFunc func = g_steal_pointer (&pending->func);

  if (!func)
    {
      g_clear_pointer (&result, json_node_unref);
      g_clear_error (&error);
      return;
    }
  g_prefix_error (&error, "%s: ", pending->command);
  func (result, error, pending->data);
}

static void
send_now (QmpCalls *self, Pending *pending)
{
  g_autofree char *text = g_steal_pointer (&pending->text);

  if (!pending->out_of_band)
    self->in_band_in_flight++;
  /* Last, for it may end in the death of all that is pending. */
  self->send (text, self->data);
}

static void
send_unsent (QmpCalls *self)
{
  while (!self->closed && self->in_band_in_flight < IN_BAND_IN_FLIGHT_MAX && !g_queue_is_empty (&self->unsent))
    send_now (self, g_queue_pop_head (&self->unsent));
}

/* The caller settles and frees it. */
static void
forget (QmpCalls *self, Pending *pending)
{
  g_hash_table_steal (self->pending, &pending->id);
  if (pending->text)
    g_queue_remove (&self->unsent, pending);
  else if (!pending->out_of_band)
    self->in_band_in_flight--;
}

static void
finish (QmpCalls *self, Pending *pending, JsonNode *result, GError *error)
{
  forget (self, pending);
  send_unsent (self);
  settle (pending, result, error);
  pending_free (pending);
}

void
qmp_calls_abandon (QmpCalls *self, gint64 id, GError *error)
{
  Pending *pending = g_hash_table_lookup (self->pending, &id);

  if (!pending)
    g_clear_error (&error);
  else if (pending->text)
    finish (self, pending, NULL, error);
  else
    settle (pending, NULL, error);
}

static gint
compare_ids (gconstpointer a, gconstpointer b)
{
  const Pending *left = a;
  const Pending *right = b;

  return (left->id > right->id) - (left->id < right->id);
}

void
qmp_calls_fail_all (QmpCalls *self, const char *reason)
{
  GList *all = g_list_sort (g_hash_table_get_values (self->pending), compare_ids);

  g_free (self->closed);
  self->closed = g_strdup (reason);
  for (GList *l = all; l; l = l->next)
    forget (self, l->data);
  for (GList *l = all; l; l = l->next)
    {
      settle (l->data, NULL, g_error_new_literal (QMP_ERROR, QMP_ERROR_CLOSED, reason));
      pending_free (l->data);
    }
  g_list_free (all);
}

/*
 * QEMU answers without an id when it could not parse a command.  It answers
 * in-band commands in the order in which they came, so it means the oldest.
 */
static Pending *
find_oldest_sent (QmpCalls *self, gboolean out_of_band)
{
  GHashTableIter iter;
  gpointer value;
  Pending *oldest = NULL;

  g_hash_table_iter_init (&iter, self->pending);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Pending *pending = value;

      if (!pending->text && pending->out_of_band == out_of_band && (!oldest || pending->id < oldest->id))
        oldest = pending;
    }
  return oldest;
}

static Pending *
find_answered (QmpCalls *self, JsonObject *reply)
{
  gint64 id = json_strict_int (reply, "id", -1);
  Pending *pending;

  if (json_object_has_member (reply, "id"))
    {
      pending = g_hash_table_lookup (self->pending, &id);
      return pending && !pending->text ? pending : NULL;
    }
  if (!json_object_has_member (reply, "error"))
    return NULL;

  pending = find_oldest_sent (self, FALSE);
  return pending ? pending : find_oldest_sent (self, TRUE);
}

void
qmp_calls_take_reply (QmpCalls *self, JsonObject *reply)
{
  Pending *pending = find_answered (self, reply);
  JsonObject *refusal = json_strict_object (reply, "error");
  GError *error = NULL;

  if (!pending)
    {
      g_debug ("QMP: dropped an answer that nobody asked for");
      return;
    }
  if (!json_object_has_member (reply, "error"))
    {
      finish (self, pending, json_object_dup_member (reply, "return"), NULL);
      return;
    }
  error = g_error_new_literal (QMP_ERROR, qmp_error_from_class (json_strict_string (refusal, "class", NULL)),
                               json_strict_string (refusal, "desc", "refused without a reason"));
  finish (self, pending, NULL, error);
}

static char *
make_text (gint64 id, const char *command, JsonObject *arguments, gboolean out_of_band)
{
  g_autoptr(JsonObject) message = json_object_new ();
  g_autofree char *text = NULL;

  json_object_set_string_member (message, out_of_band ? "exec-oob" : "execute", command);
  if (arguments)
    json_object_set_object_member (message, "arguments", json_object_ref (arguments));
  json_object_set_int_member (message, "id", id);
  text = json_strict_print_object (message);
  return g_strconcat (text, "\n", NULL);
}

/* Strings may be no UTF-8, and objects deeper than QEMU reads. */
static gboolean
check_text (const char *text, GError **error)
{
  JsonScan scan;
  gsize used;

  json_scan_init (&scan, QMP_CLIENT_MAX_MESSAGE, QMP_CLIENT_MAX_DEPTH);
  if (json_scan_feed (&scan, text, strlen (text), &used) == JSON_SCAN_END && g_utf8_validate (text, -1, NULL))
    return TRUE;

  g_set_error_literal (error, QMP_ERROR, QMP_ERROR_GENERIC, "its arguments cannot be sent as JSON");
  return FALSE;
}

static Pending *
pending_new (QmpCalls *self, const char *command, gboolean out_of_band, QmpCallFunc func, gpointer data)
{
  Pending *pending = g_new0 (Pending, 1);

  pending->id = ++self->last_id;
  pending->command = g_strdup (command);
  pending->out_of_band = out_of_band;
  pending->func = func;
  pending->data = data;
  return pending;
}

static gboolean
check_sendable (QmpCalls *self, Pending *pending, GError **error)
{
  if (self->closed)
    {
      g_set_error_literal (error, QMP_ERROR, QMP_ERROR_CLOSED, self->closed);
      return FALSE;
    }
  if (pending->out_of_band && !self->has_oob)
    {
      g_set_error_literal (error, QMP_ERROR, QMP_ERROR_GENERIC, "this monitor does not take commands out of band");
      return FALSE;
    }
  return check_text (pending->text, error);
}

void
qmp_calls_submit (QmpCalls    *self,
                  const char  *command,
                  JsonObject  *arguments,
                  gboolean     out_of_band,
                  gint64      *id,
                  QmpCallFunc  func,
                  gpointer     data)
{
  Pending *pending = pending_new (self, command, out_of_band, func, data);
  GError *error = NULL;

  *id = pending->id;
  pending->text = make_text (pending->id, command, arguments, out_of_band);
  g_clear_pointer (&arguments, json_object_unref);
  if (!check_sendable (self, pending, &error))
    {
      settle (pending, NULL, error);
      pending_free (pending);
      return;
    }

  g_hash_table_insert (self->pending, &pending->id, pending);
  if (out_of_band)
    send_now (self, pending);
  else
    {
      g_queue_push_tail (&self->unsent, pending);
      send_unsent (self);
    }
}
